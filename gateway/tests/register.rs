//! The register as a spreadsheet: a dry run changes nothing, a commit all or nothing, an export comes back.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CAMERA, Station};
use http::{Method, StatusCode};
use serde_json::Value;

const FILE: &str = "编码,名称,行政区划,主码流地址,经度,纬度,用户名,密码,设备厂商\n\
    44140300001326000011,新村口,441403102201,rtsp://10.0.0.1/main,116.08,24.27,admin,secret,M\n\
    44140300001326000012,新桥头,441403102,rtsp://u:p@10.0.0.2/main,116.09,24.28,,,\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_is_tried_then_taken_whole() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let send = |commit: bool, file: &str| {
        let path = format!("cameras/import?commit={}", u8::from(commit));
        let (admin, file) = (admin.clone(), file.to_owned());
        async move { admin.call(Method::POST, &path, file).await }
    };
    let count = || async { admin.get("cameras").await.json().as_array().unwrap().len() };

    let tried = send(false, FILE).await;
    assert_eq!(tried.status, StatusCode::OK, "{:?}", tried.body);
    let tried = tried.json();
    assert_eq!((&tried["added"], &tried["good"]), (&2.into(), &true.into()));
    assert_eq!((count().await, &tried["committed"]), (2, &false.into()));
    // The camera that is recorded already, and these two, at what is guessed of a main stream.
    assert_eq!(
        tried["recording"],
        serde_json::json!({"cameras": 3, "bps": 12_000_000, "budget_bps": 600_000_000})
    );
    let set = FILE
        .replace("设备厂商", "主码流码率(kbps)")
        .replace(",M\n", ",2000\n");
    let tried = send(false, &set).await.json();
    assert_eq!(tried["recording"]["bps"], 10_000_000, "{tried}");

    // One bad row keeps all of them out, and is named.
    let bad = format!("{FILE}4414030000132600001,x,441403102,rtsp://10.0.0.3/,,,,,\n");
    let refused = send(true, &bad).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let faults = refused.json()["faults"].as_array().unwrap().clone();
    let error = faults.iter().find(|f| f["severity"] == "error").unwrap();
    assert_eq!(
        (&error["row"], &error["column"]),
        (&4.into(), &"编码".into())
    );
    assert_eq!(count().await, 2);

    let taken = send(true, FILE).await.json();
    assert_eq!(
        (taken["committed"].as_bool(), count().await),
        (Some(true), 4)
    );
    let camera = admin.get("cameras/44140300001326000011").await.json();
    assert_eq!(camera["maker"], "M");

    // What goes out comes back as it is, without the passwords and without losing them.
    let exported = admin.get("cameras/export.csv?language=en").await;
    let text = String::from_utf8(exported.body.to_vec()).unwrap();
    assert!(
        text.contains("新村口") && !text.contains("secret"),
        "{text}"
    );
    let again: Value = send(true, &text).await.json();
    assert_eq!(
        (&again["same"], &again["changed"]),
        (&4.into(), &0.into()),
        "{again}"
    );

    let filed = admin.get("cameras/filing.csv").await;
    let filed = String::from_utf8(filed.body.to_vec()).unwrap();
    assert_eq!(filed.lines().count(), 1 + 3, "two share a place: {filed}");
    let audit = admin.get("audit?action=cameras-imported").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_import_and_garbage_is_refused() {
    let station = Station::start().await;
    let officer = station.sign_in("officer").await;
    let refused = officer.call(Method::POST, "cameras/import", FILE).await;
    assert_eq!(refused.code(), "forbidden");
    let admin = station.sign_in("admin").await;
    let refused = admin
        .call(Method::POST, "cameras/import", vec![0xff; 2 << 20])
        .await;
    assert_eq!(
        refused.status,
        StatusCode::BAD_REQUEST,
        "{:?}",
        refused.body
    );
    // An officer's export holds what the officer may see.
    let seen = officer.get("cameras/export.csv").await;
    let seen = String::from_utf8(seen.body.to_vec()).unwrap();
    assert!(seen.contains(CAMERA));
    assert_eq!(seen.lines().count(), 2, "{seen}");
    station.stop().await;
}

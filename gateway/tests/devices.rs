//! ONVIF devices of camsim, found and read by the API: real sockets, real SOAP, every way of showing an account.
#![allow(clippy::unwrap_used)]

mod common;

use camsim::onvif::{Device, DeviceConfig, Login, Profile};
use common::{ELSEWHERE, Station};
use http::StatusCode;
use serde_json::{Value, json};

fn profiles(host: &str) -> Vec<Profile> {
    [("main", "H265", (1920, 1080)), ("sub", "H264", (640, 360))]
        .map(|(token, encoding, size)| Profile {
            token: token.into(),
            encoding: encoding.into(),
            size,
            frame_rate: 25,
            kbps: 2048,
            url: format!("rtsp://{host}:554/{token}?a=1&b=2"),
        })
        .into()
}

async fn device(login: Login) -> Device {
    let config = DeviceConfig {
        login,
        clock_ahead_s: 125,
        profiles: profiles("192.0.2.9"),
        discovery_port: Some(0),
        ..DeviceConfig::default()
    };
    Device::start(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_found_and_read_whichever_way_it_wants_the_account() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    for (login, way) in [
        (Login::Open, "none"),
        (Login::Token, "token"),
        (Login::Digest, "digest"),
    ] {
        let device = device(login).await;
        let port = device.discovery.unwrap().port();
        let asked = json!({"timeout_ms": 400, "addresses": [format!("127.0.0.1:{port}")]});
        let found = admin.post("onvif/discover", asked).await;
        assert_eq!(found.status, StatusCode::OK, "{:?}", found.body);
        let found = found.json();
        let url = device.url();
        let own = found
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["addresses"][0] == url.as_str());
        assert_eq!(own.unwrap()["hardware"], "CS-1", "{found}");

        let asked =
            json!({"address": url, "user": "admin", "password": "camsim", "camera": ELSEWHERE});
        let told = admin.post("onvif/read", asked).await;
        assert_eq!(told.status, StatusCode::OK, "{way}: {:?}", told.body);
        let told = told.json();
        assert_eq!(told["authentication"], way);
        assert_eq!(
            (&told["maker"], &told["mac"]),
            (&"Sightline camsim".into(), &"02:00:5e:10:00:01".into())
        );
        // The device's clock has whole seconds.
        let offset = told["clock_offset_ms"].as_i64().unwrap();
        assert!((123_500..=126_500).contains(&offset), "{offset}");
        // It does not know where it is reached from outside; nobody's password follows what it says.
        assert_eq!(told["main_url"], "rtsp://127.0.0.1:554/main?a=1&b=2");
        assert_eq!(told["sub_url"], "rtsp://127.0.0.1:554/sub?a=1&b=2");
        assert!(
            told["notes"][0]["text"]
                .as_str()
                .unwrap()
                .contains("192.0.2.9"),
            "{told}"
        );
        // A page words it in its reader's language.
        assert_eq!(
            told["notes"][0]["said"],
            json!({"code": "names-another", "named": "192.0.2.9", "host": "127.0.0.1"})
        );
        let changes = told["changes"].as_array().unwrap();
        assert!(
            changes
                .iter()
                .any(|c| c["field"] == "asset.model" && c["to"] == "CS-1")
        );
    }
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_a_device_is_said() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let read = |address: String, password: &str| {
        let (admin, asked) = (
            admin.clone(),
            json!({"address": address, "user": "admin", "password": password}),
        );
        async move { admin.post("onvif/read", asked).await }
    };
    for login in [Login::Token, Login::Digest] {
        let device = device(login).await;
        assert_eq!(read(device.url(), "wrong").await.code(), "device-account");
        assert_eq!(
            admin
                .post("onvif/read", json!({"address": device.url()}))
                .await
                .code(),
            "device-account"
        );
    }
    let gone = read("http://127.0.0.1:9/".into(), "x").await;
    assert_eq!(gone.code(), "device-unreachable");
    assert_eq!(
        read("ftp://x".into(), "x").await.status,
        StatusCode::BAD_REQUEST
    );
    for nonsense in [
        "<html>hello</html>".to_owned(),
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".into(),
        "<a>".repeat(10_000),
        "x".repeat(600 * 1024),
    ] {
        let config = DeviceConfig {
            nonsense: Some(nonsense),
            ..DeviceConfig::default()
        };
        let device = Device::start(config).await.unwrap();
        let told = read(device.url(), "x").await;
        assert_eq!(told.status, StatusCode::BAD_GATEWAY, "{:?}", told.body);
    }
    let officer = station.sign_in("officer").await;
    assert_eq!(
        officer.post("onvif/discover", json!({})).await.code(),
        "forbidden"
    );
    station.stop().await;
}

/// A camera's own account is used for its own host, and for no other that somebody asks about.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_password_goes_to_the_cameras_own_host_only() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let device = device(Login::Token).await;
    let put = |host: &str| {
        let (admin, url) = (admin.clone(), format!("rtsp://admin:camsim@{host}:9/x"));
        async move {
            let body = json!({"name": "n", "region": "441403103", "main_url": url, "record": false, "tag": false});
            admin.put(&format!("cameras/{ELSEWHERE}"), body).await
        }
    };
    assert_eq!(put("127.0.0.1").await.status, StatusCode::OK);
    let asked = json!({"address": device.url(), "camera": ELSEWHERE});
    let told: Value = admin.post("onvif/read", asked.clone()).await.json();
    assert_eq!(told["authentication"], "token", "{told}");
    assert_eq!(put("127.0.0.2").await.status, StatusCode::OK);
    assert_eq!(
        admin.post("onvif/read", asked).await.code(),
        "device-account"
    );
    station.stop().await;
}

//! Cameras are added, changed, removed; zones.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::common::{CAMERA, Station, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_added_changed_and_removed_and_its_password_never_comes_back() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let body = json!({"code": "44140300001326000009", "name": "新", "region": "441403103", "record": false, "tag": false,
        "main_url": "rtsp://root:hunter2@127.0.0.1:9/x"});
    let got = admin.post("cameras", body.clone()).await;
    assert_eq!(got.status, StatusCode::CREATED);
    assert!(!String::from_utf8_lossy(&got.body).contains("hunter2"));
    assert_eq!(admin.post("cameras", body).await.code(), "exists");
    let path = "cameras/44140300001326000009";
    let got = admin
        .put(
            path,
            json!({"name": "改", "region": "441403103", "record": false}),
        )
        .await;
    assert_eq!(got.json()["name"], "改");
    let register = station.running.gateway.register.read();
    let code = "44140300001326000009".parse().unwrap();
    let camera = register.camera(&code).unwrap();
    let seal = &station.running.gateway.seal;
    let password = seal.open(code, camera.password.as_ref().unwrap());
    assert_eq!(password.unwrap(), "hunter2", "left out means left alone");
    let journal = station.data().join("journal/register.journal");
    let journal = std::fs::read(journal).unwrap();
    let holds = |text: &str| journal.windows(text.len()).any(|w| w == text.as_bytes());
    assert!(holds("44140300001326000009") && !holds("hunter2") && !holds("camsim"));
    assert_eq!(camera.main_url.as_deref(), Some("rtsp://127.0.0.1:9/x"));
    assert_eq!(admin.delete(path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get(path).await.code(), "not-found");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_zones_hold_at_once_and_the_recording_goes_on() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let camera = admin
        .camera_once(|c| c["state"] == "live" && c["recording"] == true)
        .await;
    assert_eq!(camera["zones"], json!([]));
    let gateway = &station.running.gateway;
    let watched = || gateway.tagger.zones(CAMERA.parse().unwrap());
    eventually(|| async { watched() }).await;
    let feed = |profile| {
        let camera = CAMERA.parse().unwrap();
        gateway.supervisor.feed(media::FeedId { camera, profile })
    };
    let (main, sub) = (feed(media::Profile::Main), feed(media::Profile::Sub));
    let zones = json!([
        {"name": "yard", "points": [[0.1, 0.5], [0.9, 0.5], [0.9, 1.0]]},
        {"name": "gate", "points": [[0.0, 0.0], [0.25, 0.0], [0.25, 0.25], [0.0, 0.25]]},
    ]);
    let path = format!("cameras/{CAMERA}");
    let from = media::WallTime::now();
    let put = |zones: &Value| {
        let body = json!({"name": "码头", "region": "441403102201", "zones": zones});
        let (admin, path) = (admin.clone(), path.clone());
        async move { admin.put(&path, body).await }
    };
    assert_eq!(put(&zones).await.json()["zones"], zones);
    assert_eq!(admin.get(&path).await.json()["zones"], zones);
    let names = || -> Vec<String> {
        let zones = watched().unwrap_or_default();
        zones.iter().map(|z| z.name().to_owned()).collect()
    };
    eventually(|| async { (names() == ["yard", "gate"]).then_some(()) }).await;
    assert_eq!(put(&json!([])).await.json()["zones"], json!([]));
    eventually(|| async { names().is_empty().then_some(()) }).await;
    // Neither session was begun anew, and nothing is missing from the recording.
    let same = |a: Option<Arc<media::Feed>>, b: Option<Arc<media::Feed>>| {
        Arc::ptr_eq(&a.expect("it ran"), &b.expect("it runs"))
    };
    assert!(same(main, feed(media::Profile::Main)) && same(sub, feed(media::Profile::Sub)));
    let now = media::WallTime::now();
    let range = format!("cameras/{CAMERA}/recordings?from={from}&to={now}");
    let recorded = eventually(|| async {
        let got = admin.get(&range).await.json();
        let spans = got["spans"].as_array().unwrap().clone();
        let reaches = |s: &Value| {
            s["end"]
                .as_str()
                .unwrap()
                .parse::<media::WallTime>()
                .unwrap()
                >= now
        };
        spans.iter().any(reaches).then_some(got)
    })
    .await;
    let gaps = recorded["gaps"].as_array().unwrap();
    assert!(
        gaps.iter().all(|g| g["reason"]["code"] != "not-recording"),
        "{recorded}"
    );
    station.stop().await;
}

//! Evidence by the API: asked for with a reason, made in the background, fetched, verified; cancelled; made anew after a stop.

use std::{path::Path, time::Duration};

use command::Store;
use http::{Method, StatusCode, header};
use http_body_util::Full;
use media::{EventId, WallTime};
use serde_json::{Value, json};
use sightline::{
    evidence::{
        Job, Jobs, Wanted,
        jobs::{By, Change, Subject},
    },
    gateway::{Extras, Gateway},
};

use crate::common::{CAMERA, Client, ELSEWHERE, Station, config, eventually};

/// A range of which so many seconds are recorded.
async fn recorded(client: &Client, from: WallTime, seconds: u64) -> (WallTime, WallTime) {
    eventually(|| async {
        let now = WallTime::now();
        let path = format!("cameras/{CAMERA}/recordings?from={from}&to={now}");
        let got = client.get(&path).await.json();
        let span = got["spans"].as_array()?.first()?.clone();
        let start: WallTime = span["start"].as_str()?.parse().ok()?;
        (now.since(start) > Duration::from_secs(seconds)).then_some((start, now))
    })
    .await
}

/// The job once it is over.
async fn over(client: &Client, id: &str) -> Value {
    eventually(|| async {
        let job = client.get(&format!("evidence/{id}")).await.json();
        let state = job["state"].as_str().unwrap();
        (!["queued", "running"].contains(&state)).then_some(job)
    })
    .await
}

fn verified(package: &[u8], key: &str, dir: &Path) -> storage::evidence::Report {
    let path = dir.join("package.zip");
    std::fs::write(&path, package).unwrap();
    let report = storage::evidence::verify(&path, Some(key)).unwrap();
    assert!(report.is_genuine(), "{report}");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_asked_for_made_fetched_and_verified() {
    let station = Station::start().await;
    let (admin, officer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
    );
    let (from, to) = recorded(&admin, WallTime::now(), 12).await;
    let ask = |cameras: Value, reason: &str| json!({"cameras": cameras, "from": from, "to": to, "reason": reason});
    for (body, word) in [
        (ask(json!([CAMERA]), "  "), "reason"),
        (ask(json!([]), "x"), "cameras"),
        (ask(json!([CAMERA, CAMERA]), "x"), "each once"),
        (
            ask(json!(["44140300001326008888"]), "x"),
            "44140300001326008888",
        ),
        (
            json!({"cameras": [CAMERA], "from": to, "to": from, "reason": "x"}),
            "from, to",
        ),
        (
            json!({"cameras": [CAMERA], "from": "2200-01-01T00:00:00Z", "to": "2200-01-01T01:00:00Z", "reason": "x"}),
            "future",
        ),
    ] {
        let got = admin.post("evidence", body).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{word}");
        let detail = got.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(word), "{detail}");
    }
    let elsewhere = officer.post("evidence", ask(json!([ELSEWHERE]), "x")).await;
    assert_eq!(elsewhere.code(), "forbidden");
    let auditor = station.sign_in("auditor").await;
    let denied = auditor.post("evidence", ask(json!([CAMERA]), "x")).await;
    assert_eq!(denied.code(), "forbidden");

    let got = admin
        .post("evidence", ask(json!([CAMERA, ELSEWHERE]), "case 17"))
        .await;
    assert_eq!(got.status, StatusCode::CREATED);
    let id = got.json()["id"].as_str().unwrap().to_owned();
    let job = over(&admin, &id).await;
    assert_eq!(
        (&job["state"], &job["error"]),
        (&json!("done"), &Value::Null),
        "{job}"
    );
    assert_eq!(job["progress"]["share"], 1.0);
    let key = auditor.get("signing-key").await.json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("evidence/{id}/package.zip");
    let package = admin.get(&path).await;
    assert_eq!(
        package.body.len() as u64,
        job["package"]["bytes"].as_u64().unwrap()
    );
    let dir = tempfile::tempdir().unwrap();
    let report = verified(&package.body, &key, dir.path());
    let manifest = report.manifest.as_ref().unwrap();
    assert_eq!(
        (manifest.reason.as_str(), manifest.by.user.as_str()),
        ("case 17", "admin")
    );
    assert_eq!(manifest.cameras.len(), 2);
    assert!(report.segments >= 2 && report.sealed >= 1, "{report}");
    // In pieces, too.
    let request = admin
        .request(Method::GET, &path)
        .header(header::RANGE, "bytes=10-19")
        .body(Full::default())
        .unwrap();
    let piece = admin.send(request).await;
    assert_eq!(
        (piece.status, &piece.body[..]),
        (StatusCode::PARTIAL_CONTENT, &package.body[10..20])
    );
    for user in [&officer, &auditor] {
        assert_eq!(user.get(&path).await.code(), "forbidden");
    }
    assert_eq!(auditor.get("evidence").await.json()[0]["id"], json!(id));
    assert_eq!(
        officer.get("evidence").await.json(),
        json!([]),
        "one camera is not theirs"
    );
    // What it held is free again, and everything is on record.
    eventually(|| async { (admin.get("holds").await.json() == json!([])).then_some(()) }).await;
    let hold = &admin.get("holds?state=all").await.json()[0];
    assert!(
        hold["reason"].as_str().unwrap().ends_with("case 17"),
        "{hold}"
    );
    assert_eq!(hold["released"]["by"], "evidence");
    for (action, count) in [
        ("evidence-asked", 1),
        ("evidence-made", 1),
        ("evidence-downloaded", 1),
    ] {
        let page = auditor.get(&format!("audit?action={action}")).await.json();
        let entries = page["entries"].as_array().unwrap();
        assert_eq!(entries.len(), count, "{action}");
        assert_eq!(entries[0]["reason"], "case 17", "{action}");
    }
    let storage = admin.get("storage").await.json();
    assert_eq!(storage["evidence"]["used_bytes"], job["package"]["bytes"]);
    let gone = admin.delete(&format!("evidence/{id}")).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(admin.get(&path).await.code(), "not-found");
    assert_eq!(over(&admin, &id).await["state"], "deleted");
    // Of what was never recorded there is no package.
    let none = json!({"cameras": [ELSEWHERE], "from": from, "to": to, "reason": "x"});
    let none = admin.post("evidence", none).await.json();
    let none = over(&admin, none["id"].as_str().unwrap()).await;
    assert_eq!(
        (&none["state"], &none["error"]["code"]),
        (&json!("failed"), &json!("no-recording"))
    );
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_made_anew_after_a_stop_and_what_waits_can_be_cancelled() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let (from, to) = recorded(&admin, WallTime::now(), 8).await;
    let kept = tempfile::tempdir().unwrap();
    let (gateway, camera) = (&station.running.gateway, CAMERA.parse().unwrap());
    let hold = storage::NewHold {
        kind: storage::HoldKind::Evidence,
        cameras: vec![camera],
        from,
        to,
        who: "admin".into(),
        why: "evidence left behind".into(),
        until: None,
    };
    let left = gateway.archive.hold(hold.clone()).await.unwrap();
    let own = gateway.archive.hold(hold).await.unwrap();
    let key = gateway.archive.signing_key();
    let to_keep = kept.path().join("data");
    // The data outlive the station.
    station.keep(&to_keep).await;
    // As a kill in the middle leaves it: begun, half a file there, its hold placed; and one that waits.
    let id = |n| EventId {
        at: to.0,
        number: n,
    };
    let wanted = Wanted {
        cameras: vec![Subject {
            camera,
            name: "码头".into(),
            region: "441403102201".parse().unwrap(),
            clock_offset_ms: None,
        }],
        from,
        to,
        by: By {
            user: "admin".into(),
            name: "ADMIN".into(),
            role: "administrator".into(),
        },
        reason: "case 18".into(),
        incident: None,
    };
    {
        let jobs = Store::<Jobs>::open(to_keep.join("journal/evidence.journal")).unwrap();
        let first = Job::new(id(1), to, wanted.clone(), own.id);
        jobs.change(to, Change::Add(Box::new(first))).await.unwrap();
        jobs.change(to, Change::Started(id(1))).await.unwrap();
    }
    let half = to_keep.join(format!("evidence/{}.zip.part", id(1)));
    std::fs::write(&half, b"PK").unwrap();
    let stray = to_keep.join("evidence/000660f8841df129082831de.zip");
    std::fs::write(&stray, b"PK").unwrap();
    let running = Gateway::start(config(&to_keep), Extras::default())
        .await
        .unwrap();
    let admin = Client::of(&running).sign_in("admin").await;
    let job = over(&admin, &id(1).to_string()).await;
    assert_eq!(job["state"], "done", "{job}");
    let package = admin.get(&format!("evidence/{}/package.zip", id(1))).await;
    let dir = tempfile::tempdir().unwrap();
    verified(&package.body, &key, dir.path());
    assert!(!half.exists() && !stray.exists());
    eventually(|| async {
        let holds = running.gateway.archive.holds();
        let free = |id| holds.iter().any(|h| h.id == id && h.released.is_some());
        (free(left.id) && free(own.id)).then_some(())
    })
    .await;
    // One is cancelled at whatever it is at; it ends once.
    let body = json!({"cameras": [CAMERA], "from": from, "to": to, "reason": "x"});
    let asked = admin.post("evidence", body).await.json();
    let id = asked["id"].as_str().unwrap();
    let cancel = format!("evidence/{id}/cancel");
    let got = admin.post(&cancel, json!({})).await;
    let job = over(&admin, id).await;
    match got.status {
        StatusCode::OK => assert_eq!(job["state"], "cancelled"),
        _ => assert_eq!(
            (got.code().as_str(), &job["state"]),
            ("conflict", &json!("done"))
        ),
    }
    assert_eq!(admin.post(&cancel, json!({})).await.code(), "conflict");
    assert_eq!(
        admin
            .post("evidence/000660f8841df129082831de/cancel", json!({}))
            .await
            .code(),
        "not-found"
    );
    running.shutdown().await;
}

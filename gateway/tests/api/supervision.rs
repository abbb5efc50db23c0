//! Supervision as its users see it: figures of today, approvals, exports.

use http::StatusCode;
use serde_json::json;

use crate::common::{CAMERA, ELSEWHERE, Station};

#[tokio::test(flavor = "multi_thread")]
async fn todays_figures_are_there_and_a_days_history_of_a_camera() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    admin.camera_once(|c| c["state"] == "live").await;
    // Made by the clock every two minutes; here when it is wanted.
    let figures = crate::common::eventually(|| async {
        let gateway = &station.running.gateway;
        sightline::supervision::preview(gateway).await.unwrap();
        let figures = admin.get("supervision?by=camera").await.json();
        let lines = figures["lines"].as_array().cloned().unwrap_or_default();
        let is_seen = lines
            .iter()
            .any(|l| l["key"] == CAMERA && l["rates"]["online"]["part"].as_u64() > Some(0));
        is_seen.then_some(figures)
    })
    .await;
    assert_eq!(figures["provisional"], true);
    assert_eq!(
        figures["thresholds"]["online"],
        json!({"target": 0.98, "alarm": 0.95})
    );
    let line = figures["lines"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["key"] == CAMERA)
        .unwrap();
    assert_eq!(line["name"], "码头");
    assert_eq!(
        line["rates"]["file"]["state"], "alarm",
        "its file lacks most of what is mandatory"
    );
    let history = admin
        .get(&format!("cameras/{CAMERA}/supervision"))
        .await
        .json();
    let strip = history["strip"].as_array().unwrap();
    assert!(strip.iter().any(|s| s["state"] == "live"), "{strip:?}");
    assert_eq!(history["days"][0]["judged"], false);

    // A town's officer sees the town: not the district, not the other town.
    let officer = station.sign_in("officer").await;
    let own = officer.get("supervision?by=town").await.json();
    assert!(
        own["lines"]
            .as_array()
            .unwrap()
            .iter()
            .all(|l| l["key"] == "441403102")
    );
    assert_eq!(
        officer.get("supervision?region=441403").await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        officer.get("supervision?region=441403103").await.status,
        StatusCode::FORBIDDEN
    );
    let elsewhere = format!("cameras/{ELSEWHERE}/supervision");
    assert_eq!(officer.get(&elsewhere).await.status, StatusCode::FORBIDDEN);

    // What cannot be asked is named.
    for (query, field) in [
        ("from=yesterday", "from"),
        ("from=2026-01-02&to=2026-01-01", "to"),
        ("from=2020-01-01&to=2026-01-01", "from, to"),
        ("by=moon", "by"),
        ("period=year", "period"),
    ] {
        let got = admin.get(&format!("supervision?{query}")).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(
            got.json()["detail"]
                .as_str()
                .unwrap()
                .starts_with(&format!("{field}:")),
            "{query}: {}",
            got.json()
        );
    }

    let sheet = admin
        .get("supervision/export.csv?by=camera&language=en")
        .await;
    let text = String::from_utf8(sheet.body.to_vec()).unwrap();
    assert!(
        text.starts_with("\u{feff}From,Camera,Code,Cameras,Online rate,"),
        "{text}"
    );
    assert!(text.contains(CAMERA));
    let report = admin.get("supervision/report.html?language=zh").await;
    let text = String::from_utf8(report.body.to_vec()).unwrap();
    assert!(text.contains("梅县区视频监控运行考核报表"), "{text}");
    let policy = report.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let audit = admin.get("audit?action=supervision-reported").await.json();
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1);
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_approved_by_those_who_may_and_taken_back_once() {
    let station = Station::start().await;
    let (admin, officer) = (
        station.sign_in("admin").await,
        station.sign_in("officer").await,
    );
    let outage = |region: &str, reason: &str| json!({"region": region, "from": "2026-11-28T00:00:00+08:00", "to": "2026-11-28T06:00:00+08:00", "reason": reason});
    let got = officer
        .post("outages", outage("441403102", "works on the line"))
        .await;
    assert_eq!(got.status, StatusCode::CREATED);
    let id = got.json()["id"].as_u64().unwrap();
    assert_eq!(got.json()["by"], "officer");
    assert_eq!(
        officer
            .post("outages", outage("441403", "all of it"))
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        admin.post("outages", outage("441403", " ")).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        admin
            .post("outages", outage("441499", "nowhere"))
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    let auditor = station.sign_in("auditor").await;
    assert_eq!(
        auditor.post("outages", outage("441403", "x")).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        auditor
            .get("outages")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let of_cameras = json!({"cameras": [CAMERA, ELSEWHERE], "from": "2026-11-28T00:00:00+08:00", "to": "2026-11-28T06:00:00+08:00", "reason": "r"});
    assert_eq!(
        officer.post("outages", of_cameras.clone()).await.status,
        StatusCode::FORBIDDEN,
        "one lies elsewhere"
    );
    assert_eq!(
        admin.post("outages", of_cameras).await.json()["region"],
        "441403"
    );
    let back = format!("outages/{id}/withdraw");
    assert_eq!(
        officer
            .post(&back, json!({"reason": "did not happen"}))
            .await
            .json()["withdrawn"]["by"],
        "officer"
    );
    assert_eq!(
        officer.post(&back, json!({"reason": "again"})).await.code(),
        "conflict"
    );
    station.stop().await;
}

//! Incidents.

use http::StatusCode;
use serde_json::json;

use crate::common::{CAMERA, ELSEWHERE, Station};

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_lives_from_report_to_file() {
    let station = Station::start().await;
    let officer = station.sign_in("officer").await;
    let got = officer.post("incidents", json!({"title": "水漫公路", "grade": "III", "kind": "flood", "note": "", "camera": CAMERA})).await;
    assert_eq!(got.status, StatusCode::CREATED);
    let incident = got.json();
    assert_eq!(
        (&incident["region"], &incident["cameras"]),
        (&json!("441403102201"), &json!([CAMERA]))
    );
    let id = incident["id"].as_str().unwrap();
    let path = format!("incidents/{id}/transitions");
    let step = |to: &str, note: &str| {
        let body = json!({"to": to, "note": note});
        let (officer, path) = (officer.clone(), path.clone());
        async move { officer.post(&path, body).await }
    };
    assert_eq!(
        step("filed", "too early").await.code(),
        "illegal-transition"
    );
    assert_eq!(
        step("closed", "").await.status,
        StatusCode::BAD_REQUEST,
        "a note is mandatory"
    );
    assert_eq!(step("verified", "").await.json()["state"], "verified");
    let rescuer = station.sign_in("rescuer").await;
    assert_eq!(
        rescuer
            .post(
                &format!("incidents/{id}/log"),
                json!({"note": "on the way"})
            )
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        rescuer
            .post(
                &format!("incidents/{id}/transitions"),
                json!({"to": "closed", "note": "x"})
            )
            .await
            .code(),
        "forbidden"
    );
    let closed = step("closed", "water is gone").await.json();
    assert_eq!(
        (
            closed["state"].as_str(),
            closed["log"].as_array().unwrap().len()
        ),
        (Some("closed"), 4)
    );
    assert_eq!(officer.get("incidents?state=open").await.json(), json!([]));
    assert_eq!(officer.get("incidents").await.json()[0]["id"], *id);
    let elsewhere = officer
        .post(
            "incidents",
            json!({"title": "x", "grade": "IV", "camera": ELSEWHERE}),
        )
        .await;
    assert_eq!(elsewhere.code(), "forbidden");
    station.stop().await;
}

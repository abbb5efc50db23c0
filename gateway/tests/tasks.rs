//! A task's way through the API: given, acknowledged by its owner alone, fed back, reviewed by another; a plan started whole and once.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CAMERA, ELSEWHERE, Station};
use http::{Method, StatusCode};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_out_and_comes_back_reviewed() {
    let station = Station::start().await;
    let officer = station.sign_in("officer").await;
    let rescuer = station.sign_in("rescuer").await;
    let opened = officer
        .post(
            "incidents",
            json!({"title": "水漫公路", "grade": "II", "camera": CAMERA}),
        )
        .await;
    let id = opened.json()["id"].as_str().unwrap().to_owned();
    let tasks = format!("incidents/{id}/tasks");
    let steps = format!("{tasks}/1/steps");

    let unknown = officer
        .post(&tasks, json!({"title": "封桥", "owner": "nobody"}))
        .await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert!(
        unknown.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("owner: ")
    );
    let given = officer
        .post(
            &tasks,
            json!({"title": "封桥", "owner": "rescuer", "deadline": "2020-01-01T00:00:00Z", "key": "seat-1"}),
        )
        .await;
    assert_eq!(given.status, StatusCode::OK, "{:?}", given.body);
    // Sent again, since the answer was lost: there is still one.
    let again = officer
        .post(
            &tasks,
            json!({"title": "封桥", "owner": "rescuer", "key": "seat-1"}),
        )
        .await;
    assert_eq!(again.json()["tasks"].as_array().unwrap().len(), 1);

    let mine = rescuer.get("tasks?owner=me").await.json();
    assert_eq!(mine[0]["task"]["title"], "封桥");
    assert_eq!(mine[0]["incident"], *id);

    let refused = officer.post(&steps, json!({"step": "acknowledge"})).await;
    assert_eq!(refused.code(), "forbidden");
    let refused = rescuer.post(&steps, json!({"step": "submit"})).await;
    assert_eq!(refused.code(), "illegal-transition");
    let refused = rescuer
        .post(&steps, json!({"step": "begin", "nte": ""}))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    for step in ["acknowledge", "begin", "submit"] {
        let taken = rescuer
            .post(&steps, json!({"step": step, "note": "on it", "key": step}))
            .await;
        assert_eq!(taken.status, StatusCode::OK, "{:?}", taken.body);
    }
    // What an outbox sends twice is taken once, and is no error.
    let twice = rescuer
        .post(
            &steps,
            json!({"step": "submit", "note": "on it", "key": "submit"}),
        )
        .await;
    assert_eq!(twice.status, StatusCode::OK);
    // A responder reviews nothing, an operator who is not the owner does.
    let refused = rescuer.post(&steps, json!({"step": "approve"})).await;
    assert_eq!(refused.code(), "forbidden");
    let early = officer
        .post(
            &format!("incidents/{id}/transitions"),
            json!({"to": "closed", "note": "over"}),
        )
        .await;
    assert_eq!(early.code(), "conflict");
    let done = officer
        .post(&steps, json!({"step": "approve"}))
        .await
        .json();
    assert_eq!(done["tasks"][0]["progress"], "done");
    assert_eq!(rescuer.get("tasks?owner=me").await.json(), json!([]));
    let graded = officer
        .post(
            &format!("incidents/{id}/grade"),
            json!({"grade": "I", "note": "the dam"}),
        )
        .await;
    assert_eq!(graded.json()["grade"], "I");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_is_told() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let opened = admin
        .post(
            "incidents",
            json!({"title": "t", "grade": "IV", "camera": CAMERA}),
        )
        .await;
    let id = opened.json()["id"].as_str().unwrap().to_owned();
    let given = admin
        .post(
            &format!("incidents/{id}/tasks"),
            json!({"title": "look", "owner": "rescuer", "deadline": "2020-01-01T00:00:00Z"}),
        )
        .await;
    assert_eq!(given.status, StatusCode::OK);
    let noted = async {
        loop {
            let incident = admin.get(&format!("incidents/{id}")).await.json();
            if !incident["tasks"][0]["overdue_at"].is_null() {
                break incident;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    let incident = tokio::time::timeout(common::HUNG, noted)
        .await
        .expect("the deadline is noted");
    let log = incident["log"].as_array().unwrap();
    assert_eq!(log.last().unwrap()["action"], "overdue");
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_kept_started_whole_and_once() {
    let station = Station::start().await;
    let admin = station.sign_in("admin").await;
    let officer = station.sign_in("officer").await;
    let plan = json!({"id": "flood", "name": "防汛", "region": "441403", "tasks": [
        {"title": "封桥", "minutes": 30}, {"title": "转移群众", "owner": "rescuer"}], "camera_radius_m": 500});
    let body = |value: &serde_json::Value| value.to_string().into_bytes();
    // Above the officer's region: not theirs to write, but theirs to use.
    let refused = officer
        .call(Method::PUT, "contingency-plans/flood", body(&plan))
        .await;
    assert_eq!(refused.code(), "forbidden");
    let put = admin
        .call(Method::PUT, "contingency-plans/flood", body(&plan))
        .await;
    assert_eq!(put.status, StatusCode::CREATED, "{:?}", put.body);
    assert_eq!(
        officer.get("contingency-plans").await.json()[0]["name"],
        "防汛"
    );

    let open = |camera: &'static str| {
        let admin = admin.clone();
        async move {
            let body = json!({"title": "涨水", "grade": "I", "camera": camera});
            let opened = admin.post("incidents", body).await.json();
            opened["id"].as_str().unwrap().to_owned()
        }
    };
    let id = open(CAMERA).await;
    let path = format!("incidents/{id}/plans");
    let refused = officer.post(&path, json!({"plan": "none"})).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let started = officer.post(&path, json!({"plan": "flood"})).await;
    assert_eq!(started.status, StatusCode::OK, "{:?}", started.body);
    let started = started.json();
    assert_eq!(started["tasks"][0]["owner"], "officer");
    assert_eq!(started["tasks"][1]["owner"], "rescuer");
    assert!(started["tasks"][0]["deadline"].is_string());
    let again = officer.post(&path, json!({"plan": "flood"})).await;
    assert_eq!(again.code(), "conflict");

    // An owner who could not see the incident is named before anything is begun.
    let other = open(ELSEWHERE).await;
    let path = format!("incidents/{other}/plans");
    let refused = admin
        .post(&path, json!({"plan": "flood", "owner": "officer"}))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .starts_with("tasks[0].owner")
    );
    let untouched = admin.get(&format!("incidents/{other}")).await.json();
    assert_eq!(untouched["tasks"], json!([]));
    let removed = admin
        .call(Method::DELETE, "contingency-plans/flood", Vec::new())
        .await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT);
    station.stop().await;
}

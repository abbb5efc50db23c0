//! Something moves before a camera; an alarm appears, becomes an incident, is closed with a note.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use sightline_tests::eventually;

use crate::shared::{block_on, demo};

#[test]
fn a_motion_alarm_becomes_an_incident_that_is_closed_with_a_note() {
    block_on(async {
        let (_, api) = demo().await?;
        let event = eventually("a motion event", Duration::from_secs(240), || async {
            let page = api.get("events?kind=motion&limit=1").await?;
            Ok(page["events"].as_array().and_then(|e| e.first().cloned()))
        })
        .await?;
        let snapshot = event["snapshot"]
            .as_str()
            .unwrap()
            .trim_start_matches("/api/v1/")
            .to_owned();
        let dir = tempfile::tempdir()?;
        let picture = dir.path().join("snapshot.jpg");
        let headers = api.download(&snapshot, &picture).await?;
        assert_eq!(headers["content-type"], "image/jpeg");
        assert_eq!(std::fs::read(&picture)?[..3], [0xff, 0xd8, 0xff]);

        let id = event["id"].as_str().unwrap();
        api.post(
            &format!("events/{id}/acknowledge"),
            json!({"note": "seen"}),
            StatusCode::OK,
        )
        .await?;
        let incident = api
            .post(
                "incidents",
                json!({"title": "People at the river gauge", "grade": "III", "kind": "water", "note": "from the alarm", "event": id}),
                StatusCode::CREATED,
            )
            .await?;
        let number = incident["id"].as_str().unwrap();
        assert_eq!(incident["state"], "reported");
        assert_eq!(
            api.get(&format!("events/{id}")).await?["incident"],
            incident["id"]
        );
        let to = |state: &str, note: &str| json!({"to": state, "note": note});
        let path = format!("incidents/{number}/transitions");
        let refused = api
            .post(&path, to("filed", "too early"), StatusCode::CONFLICT)
            .await?;
        assert_eq!(refused["code"], "illegal-transition");
        api.post(&path, to("closed", ""), StatusCode::BAD_REQUEST)
            .await?;
        let closed = api
            .post(
                &path,
                to("closed", "two walkers, sent home"),
                StatusCode::OK,
            )
            .await?;
        assert_eq!(closed["state"], "closed");
        assert_eq!(closed["log"].as_array().unwrap().len(), 2);
        Ok(())
    });
}

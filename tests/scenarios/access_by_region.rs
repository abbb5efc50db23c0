//! One check for every route, socket and stream: an officer sees their own town, an auditor changes nothing.

use std::time::Duration;

use media::wire::ServerMessage;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sightline_tests::{Api, Viewer, eventually};

use crate::shared::{block_on, demo};

#[test]
fn an_officer_sees_only_what_lies_below_their_region() {
    block_on(async {
        let (demo, admin) = demo().await?;
        let cameras = admin.get("cameras").await?;
        let cameras = cameras.as_array().unwrap();
        let town = &cameras[0]["region"].as_str().unwrap()[..9];
        let (own, others): (Vec<_>, Vec<_>) = cameras
            .iter()
            .partition(|c| c["region"].as_str().unwrap().starts_with(town));
        assert!(
            !others.is_empty(),
            "the demonstration has cameras in several towns"
        );
        let foreign = others[0]["code"].as_str().unwrap();
        admin
            .post(
                "users",
                json!({"user": "officer", "name": "Officer", "password": "a long enough password", "role": "operator", "region": town}),
                StatusCode::CREATED,
            )
            .await?;
        let officer = Api::sign_in(&demo.url, "officer", "a long enough password").await?;
        assert_eq!(
            officer.get("cameras").await?.as_array().unwrap().len(),
            own.len()
        );
        for path in [
            "",
            "/snapshot.jpg",
            "/recordings?from=2026-01-01T00:00:00Z&to=2026-01-01T01:00:00Z",
        ] {
            let status = officer
                .request(Method::GET, &format!("cameras/{foreign}{path}"))
                .send()
                .await?
                .status();
            assert!([403, 404].contains(&status.as_u16()), "{path}: {status}");
        }
        officer
            .expect(Method::GET, "users", None, StatusCode::FORBIDDEN)
            .await?;
        officer
            .expect(Method::GET, "audit", None, StatusCode::FORBIDDEN)
            .await?;

        let mut viewer = Viewer::connect(&officer).await?;
        viewer
            .send(json!({"type":"open","tile":1,"camera":foreign,"profile":"sub"}))
            .await?;
        let code = viewer
            .control(|m| match m {
                ServerMessage::Refused { reason, .. } => Some(reason.code.as_str()),
                _ => None,
            })
            .await?;
        assert!(["forbidden", "not-found"].contains(&code), "{code}");

        // A refusal does not wait for the disk: it is on file a moment later.
        eventually(
            "the refusals in the audit",
            Duration::from_secs(60),
            || async {
                let audit = admin.get("audit?user=officer").await?;
                let entries = audit["entries"].as_array().unwrap();
                Ok(entries
                    .iter()
                    .any(|e| {
                        e["outcome"] != "ok"
                            && e["object"].as_str().is_some_and(|o| o.contains(foreign))
                    })
                    .then_some(()))
            },
        )
        .await?;
        Ok(())
    });
}

#[test]
fn without_a_session_nothing_is_answered() {
    block_on(async {
        let (demo, _) = demo().await?;
        for path in [
            "cameras",
            "events",
            "stream",
            "media",
            "incidents",
            "regions",
            "links",
            "users",
            "audit",
            "status",
        ] {
            let status = reqwest::get(demo.url.join("/api/v1/")?.join(path)?)
                .await?
                .status();
            assert_eq!(status, 401, "{path}");
        }
        Ok(())
    });
}

#[test]
fn guessing_passwords_is_slowed_down() {
    block_on(async {
        let (demo, _) = demo().await?;
        let http = reqwest::Client::new();
        let mut last = StatusCode::OK;
        for _ in 0..12 {
            last = http
                .post(demo.url.join("/api/v1/session")?)
                .json(&json!({"user": "nobody", "password": "guess"}))
                .send()
                .await?
                .status();
        }
        assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
        Ok(())
    });
}

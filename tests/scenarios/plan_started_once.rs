//! The gateway is killed in the middle of starting a plan, at one moment after another. Afterwards either all of the plan is there
//! or nothing, and who asks again with the same mark finds it started once.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sightline_tests::{Demo, Options};

use crate::shared::{block_on, codes};

/// When it is killed, after the start is sent. A start takes a few milliseconds: the first come before it, the last behind it.
const KILLED_AFTER_US: [u64; 6] = [0, 500, 1500, 3000, 6000, 20_000];
const TASKS: usize = 40;

#[test]
fn a_plan_is_started_whole_and_once_whenever_the_gateway_is_killed() {
    block_on(async {
        let options = Options {
            cameras: 1,
            ..Options::default()
        };
        let mut demo = Demo::start(options).await?;
        let api = demo.admin().await?;
        let camera = codes(&api).await?.remove(0);
        let tasks: Vec<Value> = (0..TASKS)
            .map(|n| json!({"title": format!("task {n}"), "minutes": 30}))
            .collect();
        let plan = json!({"id": "flood", "name": "Flood", "region": "441403", "tasks": tasks,
            "tell": ["admin"], "wall": {"tiles": 4}, "cameras": [camera]});
        api.expect(
            Method::PUT,
            "contingency-plans/flood",
            Some(plan),
            StatusCode::CREATED,
        )
        .await?;
        let (mut whole, mut nothing) = (0, 0);
        for after in KILLED_AFTER_US {
            let api = demo.admin().await?;
            let opened = json!({"title": "rising water", "grade": "I"});
            let incident = api.post("incidents", opened, StatusCode::CREATED).await?;
            let path = format!("incidents/{}", incident["id"].as_str().unwrap());
            let start = json!({"plan": "flood", "key": format!("seat-{after}")});
            let sent = tokio::spawn({
                let request = api.request(Method::POST, &format!("{path}/plans"));
                request.json(&start).send()
            });
            tokio::time::sleep(Duration::from_micros(after)).await;
            let dir = demo.kill().await?;
            let answered = matches!(sent.await?, Ok(a) if a.status() == StatusCode::OK);

            demo = Demo::start_in(dir, options).await?;
            let api = demo.admin().await?;
            let found = api.get(&path).await?;
            match found["tasks"].as_array().unwrap().len() {
                TASKS => whole += 1,
                0 => nothing += 1,
                some => panic!("{some} of {TASKS} tasks after {after} us"),
            }
            let is_whole = found["plans"] == json!(["flood"]);
            assert_eq!(is_whole, found["told"].as_array().unwrap().len() == 1);
            assert_eq!(is_whole, found["wall"]["tiles"] == 4);
            assert!(is_whole || !answered, "what was answered is there");
            // The seat heard nothing, and asks again.
            let again = api
                .post(&format!("{path}/plans"), start.clone(), StatusCode::OK)
                .await?;
            assert_eq!(again["tasks"].as_array().unwrap().len(), TASKS);
            let log = api.get(&format!("{path}/log?limit=1000")).await?;
            let of = |action: &str| {
                let entries = log["entries"].as_array().unwrap().iter();
                entries.filter(|e| e["action"] == action).count()
            };
            assert_eq!((of("plan"), of("task")), (1, TASKS), "after {after} us");
        }
        println!("killed: {whole} times it was there whole, {nothing} times not at all");
        Ok(())
    });
}

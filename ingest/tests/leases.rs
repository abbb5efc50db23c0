//! Who asks starts a pull, who leaves last ends it; links bound what runs.

mod harness;

use std::{sync::Arc, time::Duration};

use camsim::{CameraConfig, Profile as CamProfile, Server, ServerConfig, scene::QuickClip};
use harness::{Bench, Pull, clip, config, feed_id, id, registered, status, supervisor, until};
use ingest::{Config, Supervisor, budget::Link};
use media::{BitRate, Next, Priority, ReasonCode, SourceState};
use tokio::sync::Notify;

fn quick() -> CameraConfig {
    CameraConfig::new(
        "a",
        clip(QuickClip {
            gop: 10,
            ..QuickClip::default()
        }),
    )
}

#[tokio::test]
async fn the_last_lease_ends_the_pull_after_a_grace_period() {
    let bench = Bench::new(quick()).await;
    assert!(bench.ingest.statuses().is_empty());
    let mut first = bench.pull();
    first.video().await;
    let number = first.feed().number;
    let ring = first.feed().ring.clone();
    drop(first);
    bench.state(SourceState::Idle).await;
    // The camera was told, and readers too.
    until("the goodbye", || {
        (bench.camera.stats().playing() == 0).then_some(())
    })
    .await;
    let mut cursor = ring.cursor_at_start(Arc::new(Notify::new()));
    until("the end of the ring", || {
        matches!(cursor.try_next(), Some(Next::Closed(None))).then_some(())
    })
    .await;
    assert!(bench.ingest.feed(feed_id(1)).is_none());
    let mut third = bench.pull();
    assert_ne!(third.feed().number, number, "a number is never used again");
    third.video().await;
    assert_eq!(bench.camera.stats().plays, 2);
}

#[tokio::test]
async fn who_comes_back_within_the_grace_period_finds_the_pull_running() {
    let patient = Config {
        grace: harness::DEADLINE,
        ..config()
    };
    let bench = Bench::with(quick(), patient).await;
    let mut first = bench.pull();
    first.video().await;
    let number = first.feed().number;
    drop(first);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.status().state, SourceState::Live);
    let mut second = bench.pull();
    assert_eq!(second.feed().number, number);
    second.videos(20).await;
    assert_eq!(bench.camera.stats().plays, 1);
}

#[tokio::test]
async fn a_camera_nobody_wants_is_given_up_even_while_it_fails() {
    let bench = Bench::new(quick()).await;
    bench.camera.faults().change(|f| f.dead = true);
    let pull = bench.pull();
    bench.reason(ReasonCode::Cut).await;
    drop(pull);
    let status = bench.state(SourceState::Idle).await;
    let attempts = status.attempts;
    assert!(attempts > 0);
    assert_eq!(
        status.reason.map(|r| r.code),
        Some(ReasonCode::Cut),
        "why it failed last is kept"
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bench.status().attempts, attempts, "not tried again");
}

#[tokio::test]
async fn a_camera_pulled_always_needs_nobody() {
    let bench = Bench::new(quick()).await;
    let mut camera = registered(1, &bench.camera.url_with_password(CamProfile::Main));
    camera.always = true;
    bench.ingest.upsert(camera.clone());
    bench.state(SourceState::Live).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(bench.status().state, SourceState::Live);
    camera.disabled = true;
    bench.ingest.upsert(camera.clone());
    let status = bench.state(SourceState::Idle).await;
    assert_eq!(status.reason.map(|r| r.code), Some(ReasonCode::Disabled));
    assert_eq!(
        bench
            .ingest
            .pull(feed_id(1), Priority::Incident)
            .unwrap_err()
            .code,
        ReasonCode::Disabled
    );
    camera.disabled = false;
    bench.ingest.upsert(camera);
    bench.state(SourceState::Live).await;
    bench.ingest.remove(id(1));
    assert!(bench.ingest.statuses().is_empty());
    until("the goodbye", || {
        (bench.camera.stats().playing() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let bench = Bench::new(quick()).await;
    let code = |feed| bench.ingest.pull(feed, Priority::Viewer).unwrap_err().code;
    assert_eq!(code(feed_id(9)), ReasonCode::NotFound);
    let sub = media::FeedId {
        profile: media::Profile::Sub,
        ..feed_id(1)
    };
    assert_eq!(code(sub), ReasonCode::NotFound);
}

/// Three cameras of 2 Mbit/s in a village whose link has room for two.
async fn village() -> (Server, Supervisor) {
    let server = Server::start(ServerConfig::default())
        .await
        .expect("set up");
    let link = Link {
        capacity: BitRate::megabits(5),
        share: 1.0,
        ..Link::usual("441403102201".parse().expect("set up"), "Shuangqiao")
    };
    let ingest = supervisor(config(), vec![link]);
    for n in 1..=3 {
        let camera = server.add_camera(CameraConfig {
            name: format!("c{n}"),
            ..quick()
        });
        let mut camera = registered(n, &camera.url_with_password(CamProfile::Main));
        camera.main.as_mut().expect("set up").declared = Some(BitRate::megabits(2));
        ingest.upsert(camera);
    }
    (server, ingest)
}

#[tokio::test]
async fn a_full_link_refuses_and_names_itself() {
    let (_server, ingest) = village().await;
    let (_a, b) = (Pull::of(&ingest, 1), Pull::of(&ingest, 2));
    let refused = ingest.pull(feed_id(3), Priority::Viewer).unwrap_err();
    assert_eq!(refused.code, ReasonCode::LinkBudget);
    assert!(
        refused.text.contains("Shuangqiao") && refused.text.contains("2 viewer"),
        "{refused}"
    );
    assert_eq!(ingest.links()[0].refused, 1);
    // Room that nobody uses is nobody's, grace period or not.
    drop(b);
    assert!(ingest.pull(feed_id(3), Priority::Diagnosis).is_ok());
    assert_eq!(ingest.links()[0].reserved, BitRate::megabits(4));
}

#[tokio::test]
async fn an_incident_takes_the_room_of_a_viewer_who_is_told() {
    let (server, ingest) = village().await;
    let recorded = ingest.pull(feed_id(1), Priority::Recording).unwrap();
    let mut watched = Pull::of(&ingest, 2);
    watched.video().await;
    let urgent = ingest.pull(feed_id(3), Priority::Incident).unwrap();
    let mut cursor = watched.feed().ring.cursor_at_start(Arc::new(Notify::new()));
    let reason = until("the notice", || match cursor.try_next() {
        Some(Next::Closed(reason)) => reason,
        _ => None,
    })
    .await;
    assert_eq!(reason.code, ReasonCode::Preempted);
    let told = status(&ingest, 2);
    assert_eq!(
        (told.state, told.reason.map(|r| r.code)),
        (SourceState::Idle, Some(ReasonCode::Preempted))
    );
    for feed in [&recorded.feed, &urgent.feed] {
        until("a picture", || feed.ring.newest_key()).await;
    }
    let link = &ingest.links()[0];
    assert!(link.reserved <= link.budget && link.pulls.len() == 2);
    drop(server);
}

#[tokio::test]
async fn a_stop_says_goodbye() {
    let bench = Bench::new(quick()).await;
    let mut pull = bench.pull();
    pull.video().await;
    harness::within("the stop", bench.ingest.shutdown()).await;
    until("the goodbye", || {
        (bench.camera.stats().playing() == 0).then_some(())
    })
    .await;
    assert_eq!(
        bench
            .ingest
            .pull(feed_id(1), Priority::Viewer)
            .unwrap_err()
            .code,
        ReasonCode::ShuttingDown
    );
}

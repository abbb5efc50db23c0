//! A district comes back at once: paced, all of it live, and no more memory or tasks after it has flapped.

mod harness;

use std::time::{Duration, Instant};

use camsim::{CameraConfig, Profile as CamProfile, Server, ServerConfig, scene::QuickClip};
use harness::{clip, config, feed_id, registered, supervisor, until};
use ingest::Config;
use media::{Lease, Priority, SourceState};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_come_back_after_a_power_cut() {
    const CAMERAS: u32 = 200;
    let small = clip(QuickClip {
        width: 160,
        height: 96,
        fps: 10,
        gop: 10,
        ..QuickClip::default()
    });
    let server = Server::start(ServerConfig::default())
        .await
        .expect("a port");
    let ingest = supervisor(
        Config {
            connects_per_second: 100,
            ..config()
        },
        Vec::new(),
    );
    let mut cameras = Vec::new();
    for n in 0..CAMERAS {
        let camera = server.add_camera(CameraConfig::new(format!("c{n}"), small.clone()));
        ingest.upsert(registered(n, &camera.url_with_password(CamProfile::Main)));
        cameras.push(camera);
    }
    let begun = Instant::now();
    let leases: Vec<Lease> = (0..CAMERAS)
        .map(|n| ingest.pull(feed_id(n), Priority::Recording).unwrap())
        .collect();
    let all_live = || {
        let live = leases
            .iter()
            .filter(|l| l.feed.status.borrow().state == SourceState::Live)
            .count();
        (live == leases.len()).then_some(())
    };
    until("all live", all_live).await;
    // Faster than this no machine may be.
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_millis(1900),
        "100 a second: {took:?}"
    );

    for camera in &cameras {
        camera.faults().change(|f| f.dead = true);
        camera.faults().cut();
    }
    until("all gone", || {
        let gone = leases
            .iter()
            .filter(|l| l.feed.status.borrow().state != SourceState::Live)
            .count();
        (gone == leases.len()).then_some(())
    })
    .await;
    // Every one has been tried again in vain.
    let attempts = || -> u64 {
        let tried = |l: &Lease| l.feed.status.borrow().attempts;
        leases.iter().map(tried).min().unwrap_or(0)
    };
    let before = attempts();
    until("more attempts", || (attempts() > before + 1).then_some(())).await;
    for camera in &cameras {
        camera.faults().clear();
    }
    until("all live again", all_live).await;
    for lease in &leases {
        assert!(lease.feed.ring.held().0 < 2 << 20);
    }
    drop(leases);
    harness::within("the stop", ingest.shutdown()).await;
    until("all goodbyes", || {
        cameras
            .iter()
            .all(|c| c.stats().playing() == 0)
            .then_some(())
    })
    .await;
}

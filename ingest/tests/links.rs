//! Links under pulls that run: a stream that grows, a budget that shrinks, a camera that moves, checks that leave nothing behind.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use camsim::{
    CameraConfig, CameraHandle, Profile as CamProfile, Server, ServerConfig, scene::QuickClip,
};
use harness::{clip, config, feed_id, id, registered, supervisor, until};
use ingest::{
    Camera, Config, Supervisor,
    budget::{Link, WeekMinute},
    supervisor::Noted,
};
use media::{BitRate, Lease, Next, Priority, ReasonCode};

const VILLAGE: &str = "441403102201";

fn link(code: &str, kilo: u64) -> Link {
    Link {
        capacity: BitRate::kilobits(kilo),
        share: 1.0,
        ..Link::usual(code.parse().unwrap(), "a line")
    }
}

/// Cameras 1 to n of some 300 kbit/s, each of which says that it sends a third of that.
async fn cameras(ingest: &Supervisor, n: u32) -> (Server, Vec<CameraHandle>) {
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let mut handles = Vec::new();
    for n in 1..=n {
        let clip = clip(QuickClip {
            gop: 10,
            ..QuickClip::default()
        });
        let camera = server.add_camera(CameraConfig::new(format!("c{n}"), clip));
        ingest.upsert(file(&camera, n));
        handles.push(camera);
    }
    (server, handles)
}

fn file(camera: &CameraHandle, n: u32) -> Camera {
    let mut file = registered(n, &camera.url_with_password(CamProfile::Main));
    if let Some(main) = &mut file.main {
        main.declared = Some(BitRate::kilobits(60));
    }
    file
}

async fn ended(lease: &Lease) -> media::Reason {
    let bell = std::sync::Arc::new(tokio::sync::Notify::new());
    let mut cursor = lease.feed.ring.cursor_at_start(bell);
    harness::within("the end of the feed", async move {
        loop {
            if let Next::Closed(reason) = cursor.next().await {
                return reason.expect("a reason");
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_stream_that_takes_more_than_it_said_is_noticed_and_the_least_urgent_gives_way() {
    let ingest = supervisor(config(), vec![link(VILLAGE, 150)]);
    let (_server, _cameras) = cameras(&ingest, 2).await;
    let recording = ingest.pull(feed_id(1), Priority::Wall).unwrap();
    let viewer = ingest.pull(feed_id(2), Priority::Viewer).unwrap();
    // Whichever grows first: the viewer's gives way.
    let reason = ended(&viewer).await;
    assert_eq!(reason.code, ReasonCode::Preempted);
    assert!(reason.text.contains(VILLAGE), "{reason}");
    let notes = ingest.link_notes();
    assert!(
        notes
            .iter()
            .any(|n| n.feed == feed_id(2) && matches!(n.what, Noted::Outgrown(_))),
        "{notes:?}"
    );
    // And what is more than the whole link in the end gives way itself: no link has more given out than its budget.
    let reason = ended(&recording).await;
    assert_eq!(reason.code, ReasonCode::Preempted);
    let link = ingest.links().remove(0);
    assert_eq!(link.reserved, BitRate(0));
    assert!(link.corrected >= 1 && link.gave_way == 2, "{link:?}");
    // Next time it is known before.
    let refused = ingest.pull(feed_id(1), Priority::Incident).unwrap_err();
    assert_eq!(refused.code, ReasonCode::LinkBudget);
}

#[tokio::test]
async fn links_change_under_what_runs() {
    let ingest = supervisor(config(), vec![link(VILLAGE, 2000), link("441403103", 2000)]);
    let (_server, cameras) = cameras(&ingest, 2).await;
    let first = ingest.pull(feed_id(1), Priority::Recording).unwrap();
    let second = ingest.pull(feed_id(2), Priority::Viewer).unwrap();
    // A camera that moves takes its room along, and goes on.
    ingest.upsert(Camera {
        region: "441403103".parse().unwrap(),
        ..file(&cameras[0], 1)
    });
    let held = |code: &str| {
        let links = ingest.links();
        let link = links.iter().find(|l| l.id.as_str() == code).unwrap();
        link.pulls.iter().map(|p| p.feed).collect::<Vec<_>>()
    };
    assert_eq!(
        (held(VILLAGE), held("441403103")),
        (vec![feed_id(2)], vec![feed_id(1)])
    );
    // Its region is deleted: there is no link to respect any more, and it goes on.
    ingest.set_links(vec![link(VILLAGE, 2000)], WeekMinute::default());
    assert!(ingest.feed(feed_id(1)).is_some());
    // A link set to zero ends what is on it, and says so.
    ingest.set_links(vec![link(VILLAGE, 0)], WeekMinute::default());
    let reason = ended(&second).await;
    assert_eq!(reason.code, ReasonCode::Preempted);
    assert_eq!(
        ingest.link_notes().last().map(|n| n.what),
        Some(Noted::Shrunk)
    );
    assert!(ingest.feed(feed_id(1)).is_some());
    drop(first);
}

#[tokio::test]
async fn a_check_leaves_nothing_behind_and_does_not_cut_a_viewers_grace() {
    let patient = Config {
        grace: harness::DEADLINE,
        ..config()
    };
    let ingest = supervisor(patient, vec![link(VILLAGE, 2000)]);
    let (_server, cameras) = cameras(&ingest, 2).await;
    drop(ingest.pull(feed_id(1), Priority::Diagnosis).unwrap());
    until("the end of the check", || {
        ingest.feed(feed_id(1)).is_none().then_some(())
    })
    .await;
    let viewer = ingest.pull(feed_id(2), Priority::Viewer).unwrap();
    let check = ingest.pull(feed_id(2), Priority::Diagnosis).unwrap();
    drop(viewer);
    drop(check);
    until("a session", || {
        (cameras[1].stats().playing() == 1).then_some(())
    })
    .await;
    assert!(ingest.feed(feed_id(2)).is_some());
    // Room without a feed is given back, and what a feed holds is not taken from it.
    let before = ingest.links().remove(0).reserved;
    let room = ingest.room(feed_id(1), Priority::Diagnosis).unwrap();
    let shared = ingest.room(feed_id(2), Priority::Diagnosis).unwrap();
    assert!(ingest.links().remove(0).reserved > before);
    drop((room, shared));
    assert_eq!(ingest.links().remove(0).reserved, before);
    assert_eq!(
        ingest.room(feed_id(9), Priority::Viewer).unwrap_err().code,
        ReasonCode::NotFound
    );
    assert!(ingest.camera(id(2)).is_some());
}

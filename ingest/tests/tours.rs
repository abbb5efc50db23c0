//! A tour's next page: its sub streams are pulled before they are shown, count on the links like any other pull, and take
//! nothing from what is shown.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use std::sync::Arc;

use camsim::{
    CameraConfig, CameraHandle, Profile as CamProfile, Server, ServerConfig, scene::QuickClip,
};
use harness::{DEADLINE, clip, config, id, registered, supervisor, until};
use ingest::{Config, Source, Supervisor, budget::Link};
use media::{BitRate, FeedId, Lease, Priority, Profile, ReasonCode, RegionCode};

/// What each sub stream is said to send; the clip sends less.
const SUB: BitRate = BitRate::kilobits(500);

fn sub(n: u32) -> FeedId {
    FeedId {
        camera: id(n),
        profile: Profile::Sub,
    }
}

/// Six cameras with sub streams in a village whose link has room for four of them. Pulls that nobody uses stay until their room
/// is wanted.
async fn village() -> (Server, Vec<CameraHandle>, Supervisor) {
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let region: RegionCode = "441403102201".parse().unwrap();
    let link = Link {
        capacity: BitRate(SUB.0 * 4),
        share: 1.0,
        ..Link::usual(region, "Shuangqiao")
    };
    let patient = Config {
        grace: DEADLINE,
        ..config()
    };
    let ingest = supervisor(patient, vec![link]);
    let clip = clip(QuickClip {
        gop: 10,
        ..QuickClip::default()
    });
    let mut cameras = Vec::new();
    for n in 1..=6 {
        let camera = server.add_camera(CameraConfig {
            sub: Some(clip.clone()),
            ..CameraConfig::new(format!("c{n}"), clip.clone())
        });
        let mut file = registered(n, &camera.url_with_password(CamProfile::Main));
        let source = Source::parse(&camera.url_with_password(CamProfile::Sub)).unwrap();
        file.sub = Some(Source {
            declared: Some(SUB),
            ..source
        });
        ingest.upsert(file);
        cameras.push(camera);
    }
    (server, cameras, ingest)
}

/// Cameras of a page, as urgent as what a wall shows or as what any viewer asks for.
fn page(ingest: &Supervisor, cameras: [u32; 2], priority: Priority) -> Vec<Lease> {
    let pull = |n| ingest.pull(sub(n), priority).unwrap();
    cameras.into_iter().map(pull).collect()
}

async fn shown(page: &[Lease]) {
    for lease in page {
        until("a picture", || lease.feed.ring.newest_key()).await;
    }
}

/// What is given out on the link, and to which cameras; never more than there is.
fn held(ingest: &Supervisor) -> (BitRate, Vec<FeedId>) {
    let link = ingest.links().remove(0);
    assert!(link.reserved <= link.budget, "{link:?}");
    (link.reserved, link.pulls.iter().map(|p| p.feed).collect())
}

#[tokio::test]
async fn the_next_page_is_pulled_before_it_shows_and_counts() {
    let (_server, cameras, ingest) = village().await;
    let first = page(&ingest, [1, 2], Priority::Wall);
    shown(&first).await;
    assert_eq!(held(&ingest), (BitRate(SUB.0 * 2), vec![sub(1), sub(2)]));

    // Five seconds before the turn: connected, with a picture each, and counted.
    let ahead = page(&ingest, [3, 4], Priority::Viewer);
    shown(&ahead).await;
    let four: Vec<FeedId> = (1..=4).map(sub).collect();
    assert_eq!(held(&ingest), (BitRate(SUB.0 * 4), four.clone()));

    // The turn: the same feeds go on, so their pictures are there at once, and no camera was asked twice.
    let second = page(&ingest, [3, 4], Priority::Wall);
    for (lease, warm) in second.iter().zip(&ahead) {
        assert!(Arc::ptr_eq(&lease.feed, &warm.feed));
        assert!(lease.feed.ring.newest_key().is_some());
    }
    drop((ahead, first));
    assert_eq!(cameras[2].stats().plays, 1);
    assert_eq!(held(&ingest), (BitRate(SUB.0 * 4), four));

    // The page after that takes the room of the first one, which nobody looks at any more.
    let third = page(&ingest, [5, 6], Priority::Viewer);
    shown(&third).await;
    let now: Vec<FeedId> = (3..=6).map(sub).collect();
    assert_eq!(held(&ingest), (BitRate(SUB.0 * 4), now));
}

#[tokio::test]
async fn what_is_not_shown_yet_takes_nothing_from_what_is() {
    let (_server, _cameras, ingest) = village().await;
    let first = page(&ingest, [1, 2], Priority::Wall);
    let recorded = ingest.pull(sub(5), Priority::Recording).unwrap();
    let ahead = ingest.pull(sub(3), Priority::Viewer).unwrap();
    // The link is full: the next page's other camera is told so, and nobody gives way to it.
    let refused = ingest.pull(sub(4), Priority::Viewer).unwrap_err();
    assert_eq!(refused.code, ReasonCode::LinkBudget);
    let all = vec![sub(1), sub(2), sub(3), sub(5)];
    assert_eq!(held(&ingest), (BitRate(SUB.0 * 4), all));
    // At the turn the first page's room is free for it.
    let third = ingest.pull(sub(3), Priority::Wall).unwrap();
    drop((first, ahead));
    let fourth = ingest.pull(sub(4), Priority::Wall).unwrap();
    let (reserved, feeds) = held(&ingest);
    assert!(feeds.contains(&sub(3)) && feeds.contains(&sub(4)) && feeds.contains(&sub(5)));
    assert_eq!(reserved, BitRate(SUB.0 * 4));
    drop((third, fourth, recorded));
}

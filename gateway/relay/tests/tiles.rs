//! Many tiles on one connection: turns, limits, switching, pausing.

use std::time::Duration;

use media::{ByteCount, Profile, ReasonCode, SourceState, wire::ServerMessage};
use relay::{
    Config,
    session::{Delivery, Input},
};

use crate::harness::{Camera, FPS, GOP, TestHost, link::Link, live, session::Rig};

#[test]
fn tiles_take_turns() {
    let mut cams: Vec<Camera> = (0..4).map(live).collect();
    for (n, cam) in cams.iter_mut().enumerate() {
        cam.frame_bytes = 100 * 10usize.pow(n as u32 % 3);
        cam.push_many(30);
    }
    let host = TestHost::with(&cams.iter().collect::<Vec<_>>());
    let mut rig = Rig::new(&host, Delivery::Stream);
    for n in 0..4 {
        rig.open(n, n, "sub");
    }
    let seen = rig.drain();
    for turn in seen.frames.chunks(4) {
        let mut tiles: Vec<u32> = turn.iter().map(|f| f.0).collect();
        tiles.sort_unstable();
        assert_eq!(tiles, [0, 1, 2, 3]);
    }
    assert_eq!(seen.frames.len(), 120);
}

#[test]
fn sixty_four_tiles_and_not_one_more() {
    let mut cams: Vec<Camera> = (0..65).map(live).collect();
    cams.iter_mut().for_each(Camera::push);
    let host = TestHost::with(&cams.iter().collect::<Vec<_>>());
    let mut rig = Rig::new(&host, Delivery::Stream);
    for n in 0..65 {
        rig.open(n, n, "sub");
    }
    let seen = rig.drain();
    assert_eq!(seen.frames.len(), 64);
    assert_eq!(rig.session.tiles(), 64);
    let refused = seen.control.iter().find_map(|m| match m {
        ServerMessage::Refused { tile, reason } => Some((*tile, reason.code)),
        _ => None,
    });
    assert_eq!(refused, Some((64, ReasonCode::TooManyTiles)));
    rig.say(r#"{"type":"close","tile":0}"#);
    rig.open(64, 64, "sub");
    assert_eq!(rig.drain().story, "COIK");
}

#[test]
fn the_same_feed_twice_and_an_unknown_camera_are_refused() {
    let cam = live(1);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.open(2, 1, "sub");
    assert_eq!(rig.drain().refusal(), ReasonCode::AlreadyOpen);
    rig.open(2, 5, "sub");
    assert_eq!(rig.drain().refusal(), ReasonCode::NotFound);
    rig.open(1, 1, "main");
    assert_eq!(rig.drain().story, "E", "the tile's number is in use");
    assert_eq!(rig.session.tiles(), 1);
}

#[test]
fn a_switch_shows_the_old_picture_until_the_new_one_has_a_key_frame() {
    let mut sub = live(1);
    let mut main = Camera::new(1, Profile::Main, SourceState::Connecting);
    sub.push();
    let host = TestHost::with(&[&sub, &main]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    rig.say(r#"{"type":"profile","tile":1,"profile":"main"}"#);
    sub.push();
    assert_eq!(rig.drain().story, "of", "opening main, sub goes on");
    rig.open(2, 1, "main");
    assert_eq!(rig.drain().refusal(), ReasonCode::AlreadyOpen);
    assert_eq!(host.log(), ["open sub", "open main"]);
    main.push_many(3);
    main.set(SourceState::Live, None);
    sub.push();
    let seen = rig.drain();
    assert_eq!(seen.story, "OIKff");
    assert!(seen.frames.iter().all(|f| f.1 == main.feed.number));
    assert_eq!(host.log(), ["closed sub"]);
    sub.push();
    assert_eq!(rig.drain().story, "");
    rig.say(r#"{"type":"profile","tile":1,"profile":"main"}"#);
    assert_eq!(rig.drain().story, "", "it is there already");
}

#[test]
fn a_switch_that_fails_keeps_the_picture() {
    let mut sub = live(1);
    let main = Camera::new(1, Profile::Main, SourceState::Connecting);
    sub.push();
    let host = TestHost::with(&[&sub, &main]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    rig.say(r#"{"type":"profile","tile":1,"profile":"main"}"#);
    rig.drain();
    main.set(SourceState::Backoff, Some(ReasonCode::CameraBusy));
    rig.session.handle(rig.now, Input::Status);
    sub.push();
    assert_eq!(rig.drain().story, "Ef");
    assert_eq!(host.log(), ["open sub", "open main", "closed main"]);
}

#[test]
fn paused_means_nothing_comes_and_resumed_starts_at_the_newest_key_frame() {
    let mut cam = live(1);
    cam.push_many(3);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    rig.say(r#"{"type":"pause","tile":1}"#);
    assert_eq!(rig.drain().story, "P");
    cam.push_many(GOP + 5);
    rig.pass(Duration::from_secs(10));
    assert_eq!(rig.drain().story, "");
    rig.say(r#"{"type":"resume","tile":1}"#);
    let seen = rig.drain();
    assert_eq!(
        seen.story,
        format!("K{}", "f".repeat(7)),
        "and no gap is told"
    );
    assert_eq!(seen.frames[0].2, 1);
}

#[test]
fn on_a_thin_line_sixty_four_tiles_share_alike_are_told_each_and_stay_in_the_budget() {
    let mut cams: Vec<Camera> = (0..64).map(live).collect();
    cams.iter_mut().for_each(Camera::push);
    let host = TestHost::with(&cams.iter().collect::<Vec<_>>());
    let budget = 64 * 1024;
    let config = Config {
        viewer_budget: ByteCount(budget as u64),
        ..Config::default()
    };
    let mut rig = Rig::with(&host, Delivery::Stream, config);
    for n in 0..64 {
        rig.open(n, n, "sub");
    }
    let mut link = Link::default();
    let (mut of_tile, mut skipped) = ([0u64; 64], [0u64; 64]);
    // All cameras together send 1.9 MB/s; the line takes a third of it, for a minute.
    for _ in 0..60 * FPS {
        cams.iter_mut().for_each(Camera::push);
        let arrived = link.step(&mut rig, 600_000.0, cams[0].frames - 1);
        assert!(arrived.queued <= budget + 6000, "{} wait", arrived.queued);
        for tile in arrived.tiles {
            of_tile[tile as usize] += 1;
        }
        for message in arrived.control {
            if let ServerMessage::Skipped { tile, frames, .. } = message {
                skipped[tile as usize] += frames;
            }
        }
    }
    let (least, most) = (of_tile.iter().min().unwrap(), of_tile.iter().max().unwrap());
    assert!(*least > 0 && most - least <= most / 10, "{of_tile:?}");
    assert!(skipped.iter().all(|n| *n > 0), "{skipped:?}");
    // What is not skipped arrives, or waits still.
    for (n, cam) in cams.iter().enumerate() {
        let all = of_tile[n] + skipped[n];
        assert!(all <= u64::from(cam.frames), "tile {n}: {all}");
        assert!(
            u64::from(cam.frames) - all < u64::from(5 * FPS),
            "tile {n}: {all}"
        );
    }
}

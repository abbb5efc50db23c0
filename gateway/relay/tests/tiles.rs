//! Many tiles on one connection: turns, limits, switching, pausing.

use std::time::Duration;

use media::{Profile, ReasonCode, SourceState, wire::ServerMessage};
use relay::session::{Delivery, Input};

use crate::harness::{Camera, GOP, TestHost, live, session::Rig};

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

//! A viewer who is slow is slow alone: it skips, is told, and its delay does not drift.

use std::time::Duration;

use media::{ByteCount, wire::ServerMessage};
use relay::{
    Config,
    session::{Delivery, Input},
};

use crate::harness::{FPS, GOP, TestHost, link::Link, live, session::Rig};

#[test]
fn a_slow_viewer_skips_to_a_key_frame_and_is_told_exactly() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let mut slow = Rig::new(&host, Delivery::Stream);
    let mut quick = Rig::new(&host, Delivery::Stream);
    slow.open(1, 1, "sub");
    quick.open(1, 1, "sub");
    slow.drain();
    quick.drain();
    // The slow one's transport takes nothing for seven seconds: three groups and a half.
    for _ in 0..7 {
        cam.push_many(FPS);
        slow.pass(Duration::from_secs(1));
        assert_eq!(
            quick.drain().frames.len(),
            FPS as usize,
            "the other is not harmed"
        );
    }
    let seen = slow.drain();
    // 176 frames are pushed, 1 was read; the newest key frame is number 150.
    assert_eq!(seen.story, format!("SK{}", "f".repeat(25)));
    let keys = 2; // 50 and 100
    match seen.control[0] {
        ServerMessage::Skipped {
            tile,
            frames,
            bytes,
            ms,
        } => {
            assert_eq!((tile, frames), (1, 149));
            assert_eq!(bytes, (149 - keys) * 1000 + keys * 5000);
            assert_eq!(ms, 150 * 1000 / u64::from(FPS));
        }
        ref other => panic!("{other:?}"),
    }
    cam.push();
    assert_eq!(slow.drain().story, "f");
}

#[test]
fn a_viewer_who_is_a_little_behind_catches_up_without_a_gap() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    for _ in 0..6 {
        cam.push_many(FPS / 4);
        rig.pass(Duration::from_millis(250));
    }
    assert_eq!(rig.drain().frames.len(), 36);
}

#[test]
fn within_a_long_group_a_late_viewer_goes_on_since_nothing_newer_can_be_shown() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    for _ in 0..GOP - 1 {
        cam.push();
        rig.pass(Duration::from_millis(250));
    }
    let seen = rig.drain();
    assert_eq!(seen.story, "f".repeat(GOP as usize - 1));
}

#[test]
fn a_budget_bounds_what_waits_for_the_transport() {
    let mut cam = live(1);
    cam.push_many(GOP * 2);
    let host = TestHost::with(&[&cam]);
    let config = Config {
        viewer_budget: ByteCount(20_000),
        ..Config::default()
    };
    let mut rig = Rig::with(&host, Delivery::Stream, config);
    rig.open(1, 1, "sub");
    let seen = rig.drain_until_blocked();
    assert!(seen.frames.len() < 20);
    assert!(
        (20_000..26_000).contains(&rig.queued),
        "{} queued",
        rig.queued
    );
    assert_eq!(rig.drain_until_blocked().story, "");
    rig.say(r#"{"type":"close","tile":9}"#);
    assert_eq!(rig.drain_until_blocked().story, "E", "control still passes");
    rig.session.handle(rig.now, Input::Queued(0));
    assert!(rig.drain_until_blocked().frames.len() > 5);
}

#[test]
fn delay_does_not_drift_on_a_link_that_is_too_thin_and_goes_when_it_widens() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let config = Config {
        viewer_budget: ByteCount(8_000),
        ..Config::default()
    };
    let mut rig = Rig::with(&host, Delivery::Stream, config);
    rig.open(1, 1, "sub");
    let mut link = Link::default();
    // The camera sends 30 kB/s with its heads; the link takes half of it, for ten minutes.
    let mut longest = 0;
    let mut delivered = 0;
    for _ in 0..600 * FPS {
        cam.push();
        longest = longest.max(link.step(&mut rig, 15_000.0, cam.frames - 1).late);
        delivered += 1;
    }
    assert_eq!(delivered, 600 * FPS);
    // Two seconds are allowed, a fourth of that to notice, and the group that the newest key frame began.
    assert!(
        longest <= (2 * FPS + FPS / 2) + GOP + FPS / 2,
        "{longest} frames"
    );
    // It widens: within a few seconds the delay is under one second, and stays there.
    for n in 0..60 * FPS {
        cam.push();
        let delay = link.step(&mut rig, 90_000.0, cam.frames - 1).late;
        assert!(
            n < 5 * FPS || delay < FPS,
            "{delay} frames behind after {n}"
        );
    }
}

#[test]
fn a_viewer_sets_its_own_maximum_delay() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let (mut patient, mut eager) = (
        Rig::new(&host, Delivery::Stream),
        Rig::new(&host, Delivery::Stream),
    );
    patient.say(r#"{"type":"delay","max_ms":10000}"#);
    eager.say(r#"{"type":"delay","max_ms":1}"#);
    assert_eq!(eager.session.max_delay(), Duration::from_millis(100));
    for rig in [&mut patient, &mut eager] {
        rig.open(1, 1, "sub");
        rig.drain();
    }
    // A group and a half in three seconds, of which neither transport takes anything.
    for _ in 0..12 {
        cam.push_many(GOP / 8);
        patient.pass(Duration::from_millis(250));
        eager.pass(Duration::from_millis(250));
    }
    assert_eq!(patient.drain().frames.len(), 72, "all of them");
    let seen = eager.drain();
    assert_eq!(seen.story, format!("SK{}", "f".repeat(22)));
}

/// What was taken for it fills all the room there is, and is of the group that is the newest of those taken: nothing supersedes it.
#[test]
fn who_takes_nothing_is_told_what_it_misses_though_there_is_no_room() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let config = Config {
        viewer_budget: ByteCount(20_000),
        ..Config::default()
    };
    let mut rig = Rig::with(&host, Delivery::Groups, config);
    rig.open(1, 1, "sub");
    cam.push_many(GOP / 2);
    let taken = rig.drain_until_blocked().frames.len() as u64;
    rig.session.handle(rig.now, Input::Queued(rig.queued));
    let mut missed = 0;
    for second in 1..=60 {
        cam.push_many(FPS);
        rig.pass(Duration::from_secs(1));
        let seen = rig.drain_until_blocked();
        assert_eq!(seen.frames, [], "there is no room");
        for message in &seen.control {
            let ServerMessage::Skipped { frames, .. } = message else {
                panic!("{message:?}")
            };
            missed += frames;
        }
        assert!(missed > 0 || second < 6, "after {second} s");
    }
    // All but the last groups, which it might still get.
    let all = u64::from(cam.frames) - taken;
    assert!(
        (all - 2 * u64::from(GOP)..=all).contains(&missed),
        "{missed} of {all}"
    );
    // Room again: the newest group from its beginning.
    rig.session.handle(rig.now, Input::Queued(0));
    let seen = rig.drain();
    assert!(
        seen.story.starts_with("SIK") || seen.story.starts_with("IK"),
        "{}",
        seen.story
    );
}

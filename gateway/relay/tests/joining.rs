//! What a viewer gets first, what it is told of a source that starts, stops and changes.

use media::{
    Profile, ReasonCode, SourceState,
    wire::{Kind, Opening, ServerMessage},
};
use relay::session::{Delivery, Input, Output};

use crate::harness::{
    self, Camera, GOP, TestHost, camera, live,
    session::{Rig, Seen},
};

#[test]
fn a_viewer_who_joins_in_mid_group_starts_at_once_at_the_key_frame() {
    let mut cam = live(1);
    cam.push_many(GOP + 20);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(7, 1, "sub");
    let seen = rig.drain();
    assert_eq!(seen.story, format!("HOIK{}", "f".repeat(19)));
    assert_eq!(seen.frames[0], (7, 3, 1, 0));
    assert_eq!(rig.drain().story, "");
    cam.push();
    assert_eq!(rig.drain().story, "f");
}

#[test]
fn a_camera_that_starts_tells_how_far_it_is() {
    let mut cam = Camera::new(1, Profile::Sub, SourceState::Connecting);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    let seen = rig.drain();
    assert_eq!(seen.story, "Ho");
    assert!(matches!(
        seen.control[1],
        ServerMessage::Opening {
            state: Opening::Connecting,
            ..
        }
    ));
    cam.set(SourceState::WaitingKeyFrame, None);
    rig.session.handle(rig.now, Input::Status);
    let seen = rig.drain();
    assert!(matches!(
        seen.control[..],
        [ServerMessage::Opening {
            state: Opening::WaitingKeyFrame,
            ..
        }]
    ));
    cam.push();
    cam.set(SourceState::Live, None);
    rig.session.handle(rig.now, Input::Status);
    assert_eq!(rig.drain().story, "OIK");
}

#[test]
fn a_source_that_stops_is_lost_once_and_comes_back() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    let mut story = String::new();
    for (state, reason) in [
        (SourceState::Backoff, Some(ReasonCode::NoPackets)),
        (SourceState::Connecting, Some(ReasonCode::NoPackets)),
        (SourceState::Backoff, Some(ReasonCode::Refused)),
        (SourceState::WaitingKeyFrame, Some(ReasonCode::Refused)),
        (SourceState::Live, None),
        (SourceState::Live, None),
    ] {
        cam.set(state, reason);
        rig.session.handle(rig.now, Input::Status);
        story += &rig.drain().story;
    }
    assert_eq!(story, "LLB", "once a reason, and once back");
    cam.push();
    assert_eq!(
        rig.drain().story,
        "f",
        "same codec parameters: no initialisation"
    );
}

#[test]
fn a_camera_that_never_answered_names_its_reason() {
    let cam = Camera::new(1, Profile::Sub, SourceState::Connecting);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    cam.set(SourceState::Backoff, Some(ReasonCode::WrongPassword));
    rig.session.handle(rig.now, Input::Status);
    let seen = rig.drain();
    assert!(
        matches!(&seen.control[..], [ServerMessage::Lost { tile: 1, reason }] if reason.code == ReasonCode::WrongPassword)
    );
}

#[test]
fn new_codec_parameters_bring_opened_and_initialisation_again() {
    let mut cam = live(1);
    cam.push_many(GOP);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    cam.tracks = harness::tracks(0, false);
    cam.push();
    assert_eq!(rig.drain().story, "K", "other pointer, same parameters");
    cam.push_many(GOP - 1);
    cam.tracks = harness::tracks(9, true);
    cam.push();
    assert_eq!(
        rig.drain().story[GOP as usize - 1..],
        *"OIKIf",
        "video, then audio"
    );
}

#[test]
fn audio_can_be_left_out_and_media_can_be_bare() {
    let mut cam = live(1);
    cam.tracks = harness::tracks(0, true);
    cam.push_many(2);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    let camera = camera(1);
    rig.say(&format!(
        r#"{{"type":"open","tile":1,"camera":"{camera}","profile":"sub","format":"raw","audio":false}}"#
    ));
    let mut seen = Seen::default();
    let mut kinds = Vec::new();
    while let Some(output) = rig.session.poll_output(rig.now) {
        if let Output::Media(m) = &output {
            let (header, payload) = {
                let bytes = m.framed().to_bytes();
                let (h, p) = media::wire::Header::read(&bytes).unwrap();
                (h, p.to_vec())
            };
            kinds.push(header.kind);
            if header.kind == Kind::AccessUnit {
                assert_eq!(payload, m.frame.data);
            } else {
                assert_eq!(payload, cam.tracks.video.config);
            }
        }
        seen.take(output);
    }
    assert_eq!(seen.story, "HOIKf");
    assert_eq!(
        kinds,
        [Kind::Initialisation, Kind::AccessUnit, Kind::AccessUnit]
    );
    match &seen.control[1] {
        ServerMessage::Opened { tracks, .. } => assert_eq!(tracks.len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn where_groups_travel_alone_each_begins_with_its_initialisation() {
    let mut cam = live(1);
    cam.push_many(GOP);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Groups);
    rig.open(1, 1, "sub");
    rig.drain();
    cam.push_many(GOP + 1);
    let f = "f".repeat(GOP as usize - 1);
    assert_eq!(rig.drain().story, format!("IK{f}IK"));
}

#[test]
fn a_feed_that_ends_closes_its_tile_with_the_reason() {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    cam.push();
    let why = media::Reason::new(ReasonCode::Preempted, "link 441403102: an incident took it");
    cam.feed.ring.close(Some(why));
    let seen = rig.drain();
    assert_eq!(seen.story, "fR");
    assert_eq!(seen.refusal(), ReasonCode::Preempted);
    assert_eq!(rig.session.tiles(), 0);
    assert_eq!(host.log(), ["open sub", "closed sub"]);
}

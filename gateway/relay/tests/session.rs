//! The viewer session in virtual time: no socket, no task, no clock but the one that the test moves.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{Camera, FPS, GOP, TestHost, camera, viewer};
use media::{
    ByteCount, Profile, ReasonCode, SourceState, WallTime,
    wire::{Kind, Opening, ServerMessage},
};
use relay::{
    Close, Config,
    session::{Delivery, Input, Output, Part, Session},
};
use tokio::sync::Notify;

struct Rig {
    session: Session,
    now: Instant,
    queued: usize,
}

/// What a viewer sees, short: `O` opened, `I` initialisation, `K` key frame, `f` frame, `S` skipped, ...
#[derive(Debug, Default)]
struct Seen {
    story: String,
    control: Vec<ServerMessage>,
    /// By frame: tile, feed, group, number.
    frames: Vec<(u32, u32, u32, u32)>,
    close: Option<Close>,
}

impl Rig {
    fn new(host: &Arc<TestHost>, delivery: Delivery) -> Self {
        Self::with(host, delivery, Config::default())
    }

    fn with(host: &Arc<TestHost>, delivery: Delivery, config: Config) -> Self {
        let host = Arc::clone(host) as Arc<dyn relay::Host>;
        let bell = Arc::new(Notify::new());
        let wall = WallTime::from_secs(1);
        Self {
            session: Session::new(config, host, viewer(), bell, delivery, wall),
            now: Instant::now(),
            queued: 0,
        }
    }

    fn say(&mut self, text: &str) {
        self.session.handle(self.now, Input::Text(text));
    }

    fn open(&mut self, tile: u32, n: u32, profile: &str) {
        let camera = camera(n);
        self.say(&format!(
            r#"{{"type":"open","tile":{tile},"camera":"{camera}","profile":"{profile}"}}"#
        ));
    }

    /// Takes all there is, as a transport that is never blocked.
    fn drain(&mut self) -> Seen {
        let mut seen = Seen::default();
        self.session.handle(self.now, Input::Queued(0));
        while let Some(output) = self.session.poll_output(self.now) {
            self.session.handle(self.now, Input::Queued(0));
            seen.take(output);
        }
        seen
    }

    /// Takes what a transport with so much room takes, and leaves it blocked.
    fn drain_until_blocked(&mut self) -> Seen {
        let mut seen = Seen::default();
        while let Some(output) = self.session.poll_output(self.now) {
            if let Output::Media(m) = &output {
                self.queued += m.framed().message_len();
            }
            seen.take(output);
        }
        seen
    }

    fn pass(&mut self, time: Duration) {
        let step = Duration::from_millis(250);
        for _ in 0..time.as_millis() / step.as_millis() {
            self.now += step;
            self.session.handle(self.now, Input::Tick);
        }
    }
}

impl Seen {
    fn take(&mut self, output: Output) {
        match output {
            Output::Control(message) => {
                self.story.push(match &message {
                    ServerMessage::Hello { .. } => 'H',
                    ServerMessage::Opening { .. } => 'o',
                    ServerMessage::Opened { .. } => 'O',
                    ServerMessage::Refused { .. } => 'R',
                    ServerMessage::Skipped { .. } => 'S',
                    ServerMessage::Lost { .. } => 'L',
                    ServerMessage::Back { .. } => 'B',
                    ServerMessage::Paused { .. } => 'P',
                    ServerMessage::Closed { .. } => 'C',
                    ServerMessage::Error { .. } => 'E',
                });
                self.control.push(message);
            }
            Output::Media(message) => {
                let f = &message.frame;
                let (header, _) =
                    media::wire::Header::read(message.framed().head().as_ref()).unwrap();
                assert_eq!(header.feed, f.feed);
                if let Part::Initialisation(_) = message.part {
                    assert_eq!(header.kind, Kind::Initialisation);
                    self.story.push('I');
                } else {
                    self.story.push(if f.key { 'K' } else { 'f' });
                    self.frames.push((message.tile, f.feed, f.group, f.number));
                }
            }
            Output::Close(close) => self.close = Some(close),
        }
    }

    fn refusal(&self) -> ReasonCode {
        match self.control.last() {
            Some(ServerMessage::Refused { reason, .. }) => reason.code,
            other => panic!("no refusal but {other:?}"),
        }
    }
}

fn live(n: u32, profile: Profile) -> Camera {
    Camera::new(n, profile, SourceState::Live)
}

#[test]
fn a_viewer_who_joins_in_mid_group_starts_at_once_at_the_key_frame() {
    let mut cam = live(1, Profile::Sub);
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
    let mut cam = live(1, Profile::Sub);
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
fn a_slow_viewer_skips_to_a_key_frame_and_is_told_exactly() {
    let mut cam = live(1, Profile::Sub);
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
    let mut cam = live(1, Profile::Sub);
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
    let mut cam = live(1, Profile::Sub);
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
    let mut cam = live(1, Profile::Sub);
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
fn tiles_take_turns() {
    let mut cams: Vec<Camera> = (0..4).map(|n| live(n, Profile::Sub)).collect();
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
    let mut cams: Vec<Camera> = (0..65).map(|n| live(n, Profile::Sub)).collect();
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
    let cam = live(1, Profile::Sub);
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
    let mut sub = live(1, Profile::Sub);
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
    let mut sub = live(1, Profile::Sub);
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
    let mut cam = live(1, Profile::Sub);
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
fn new_codec_parameters_bring_opened_and_initialisation_again() {
    let mut cam = live(1, Profile::Sub);
    cam.push_many(GOP);
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.open(1, 1, "sub");
    rig.drain();
    cam.tracks = common::tracks(0, false);
    cam.push();
    assert_eq!(rig.drain().story, "K", "other pointer, same parameters");
    cam.push_many(GOP - 1);
    cam.tracks = common::tracks(9, true);
    cam.push();
    assert_eq!(
        rig.drain().story[GOP as usize - 1..],
        *"OIKIf",
        "video, then audio"
    );
}

#[test]
fn audio_can_be_left_out_and_media_can_be_bare() {
    let mut cam = live(1, Profile::Sub);
    cam.tracks = common::tracks(0, true);
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
    let mut cam = live(1, Profile::Sub);
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
    let mut cam = live(1, Profile::Sub);
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

#[test]
fn three_messages_in_a_minute_that_are_not_understood_end_it_but_not_slower_ones() {
    let host = TestHost::with(&[]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    rig.drain();
    for bad in ["", r#"{"type":"clone","tile":1}"#] {
        rig.say(bad);
        assert_eq!(rig.drain().story, "E");
    }
    rig.pass(Duration::from_secs(61));
    rig.say(r#"{"type":"close","tile":1,"tyle":1}"#);
    let seen = rig.drain();
    assert!(
        matches!(&seen.control[..], [ServerMessage::Error { text, tile: None }] if text.contains("tyle"))
    );
    rig.say("[]");
    assert!(rig.drain().close.is_none());
    rig.say("null");
    let seen = rig.drain();
    assert_eq!(seen.close.unwrap().code, Close::PROTOCOL);
    rig.say(r#"{"type":"close","tile":1}"#);
    assert_eq!(rig.drain().story, "", "nothing follows a close");
}

#[test]
fn a_flood_of_control_messages_is_not_read_while_answers_pile_up() {
    let host = TestHost::with(&[]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    let mut taken = 0;
    while rig.session.wants_input() {
        rig.say(r#"{"type":"pause","tile":1}"#);
        taken += 1;
        assert!(taken < 1000);
    }
    rig.drain();
    assert!(rig.session.wants_input());
}

/// A link of so many bytes a second between session and viewer, in steps of a frame's time.
struct Link {
    queue: std::collections::VecDeque<(usize, Option<u32>)>,
    credit: f64,
}

impl Link {
    /// One frame's time; returns the longest delay, in frames, of what arrives in it.
    fn step(&mut self, rig: &mut Rig, bytes_a_second: f64, newest: u32) -> u32 {
        rig.now += Duration::from_secs(1) / FPS;
        if newest.is_multiple_of(6) {
            rig.session.handle(rig.now, Input::Tick);
        }
        self.credit = (self.credit + bytes_a_second / f64::from(FPS)).min(bytes_a_second);
        let mut longest = 0;
        loop {
            let queued = self.queue.iter().map(|(bytes, _)| bytes).sum();
            rig.session.handle(rig.now, Input::Queued(queued));
            let mut any = false;
            while let Some(output) = rig.session.poll_output(rig.now) {
                any = true;
                if let Output::Media(m) = output {
                    let is_frame = !matches!(m.part, Part::Initialisation(_));
                    let number = is_frame.then_some(m.frame.group * GOP + m.frame.number);
                    self.queue.push_back((m.framed().message_len(), number));
                }
            }
            while let Some((bytes, number)) = self.queue.front()
                && self.credit >= *bytes as f64
            {
                any = true;
                self.credit -= *bytes as f64;
                longest = longest.max(number.map_or(0, |n| newest - n));
                self.queue.pop_front();
            }
            if !any {
                return longest;
            }
        }
    }
}

#[test]
fn delay_does_not_drift_on_a_link_that_is_too_thin_and_goes_when_it_widens() {
    let mut cam = live(1, Profile::Sub);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let config = Config {
        viewer_budget: ByteCount(8_000),
        ..Config::default()
    };
    let mut rig = Rig::with(&host, Delivery::Stream, config);
    rig.open(1, 1, "sub");
    let mut link = Link {
        queue: Default::default(),
        credit: 0.0,
    };
    // The camera sends 30 kB/s with its heads; the link takes half of it, for ten minutes.
    let mut longest = 0;
    let mut delivered = 0;
    for _ in 0..600 * FPS {
        cam.push();
        longest = longest.max(link.step(&mut rig, 15_000.0, cam.frames - 1));
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
        let delay = link.step(&mut rig, 90_000.0, cam.frames - 1);
        assert!(
            n < 5 * FPS || delay < FPS,
            "{delay} frames behind after {n}"
        );
    }
}

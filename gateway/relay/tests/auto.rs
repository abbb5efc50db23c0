//! `auto`: the stream follows the tile's size and the viewer's line, in virtual time.

use std::{sync::Arc, time::Duration};

use media::{
    CameraId, Feed, FeedId, Lease, Profile, Reason, ReasonCode, SourceState,
    wire::{Auto, Codec, ServerMessage},
};
use proptest::prelude::*;
use relay::{
    Config, Host, Viewer, Wish,
    session::{Delivery, Input},
};

use crate::harness::{Camera, FPS, GOP, TestHost, camera, link::Link, live, session::Rig};

/// Bytes a second of the main stream, heads and key frames included, and of the sub stream.
const MAIN: f64 = 550_000.0;
const SUB: f64 = 45_000.0;

/// A camera with both streams, a viewer in `auto`, and the line between.
struct Scene {
    sub: Camera,
    main: Camera,
    rig: Rig,
    link: Link,
    steps: u32,
    /// Steps whose frames the camera holds back.
    held: u32,
    /// What was shown, from when on (in steps), and why.
    shown: Vec<(u32, Profile, Option<Auto>)>,
    control: Vec<ServerMessage>,
    arrived: usize,
}

impl Scene {
    fn new(size: &str) -> Self {
        Self::with(size, Config::default())
    }

    fn with(size: &str, config: Config) -> Self {
        let mut sub = live(1);
        let mut main = Camera::new(1, Profile::Main, SourceState::Live);
        (main.key_bytes, main.frame_bytes) = (100_000, 20_000);
        sub.push();
        main.push();
        let host = TestHost::with(&[&sub, &main]);
        let mut rig = Rig::with(&host, Delivery::Stream, config);
        let camera = camera(1);
        rig.say(&format!(
            r#"{{"type":"open","tile":1,"camera":"{camera}","profile":"auto"{size}}}"#
        ));
        Self {
            sub,
            main,
            rig,
            link: Link::default(),
            steps: 0,
            held: 0,
            shown: Vec::new(),
            control: Vec::new(),
            arrived: 0,
        }
    }

    /// A frame's time on a line of so many bytes a second; the camera sends or holds back.
    fn step(&mut self, line: f64, camera_sends: bool) {
        self.rig.now += Duration::from_secs(1) / FPS;
        self.steps += 1;
        if camera_sends {
            // What was held back comes all at once.
            for _ in 0..=std::mem::take(&mut self.held) {
                self.sub.push();
                self.main.push();
            }
        } else {
            self.held += 1;
        }
        // As a driver: often while the line is blocked, else when the session wants it.
        let due = self
            .rig
            .session
            .wake_at()
            .is_some_and(|at| at <= self.rig.now);
        if due || (self.link.is_blocked() && self.steps.is_multiple_of(6)) {
            self.rig.session.handle(self.rig.now, Input::Tick);
        }
        let newest = self.main.frames - 1;
        let arrived = self.link.carry(&mut self.rig, line, newest);
        self.arrived += arrived.bytes;
        for message in arrived.control {
            if let ServerMessage::Opened { profile, auto, .. } = &message {
                self.shown.push((self.steps, *profile, *auto));
            }
            self.control.push(message);
        }
    }

    fn run(&mut self, seconds: u32, line: f64) {
        for _ in 0..seconds * FPS {
            self.step(line, true);
        }
    }

    fn now_shown(&self) -> (Profile, Option<Auto>) {
        let (_, profile, auto) = *self.shown.last().expect("something is shown");
        (profile, auto)
    }

    /// Steps at which it went from main to sub.
    fn lowered(&self) -> Vec<u32> {
        self.shown
            .windows(2)
            .filter(|w| w[0].1 == Profile::Main && w[1].1 == Profile::Sub)
            .map(|w| w[1].0)
            .collect()
    }

    fn say_size(&mut self, width: u16, height: u16) {
        self.rig.say(&format!(
            r#"{{"type":"size","tile":1,"width":{width},"height":{height}}}"#
        ));
    }
}

#[test]
fn a_small_tile_gets_the_small_stream_and_a_grown_one_the_large() {
    let mut scene = Scene::new(r#","width":640,"height":360"#);
    scene.run(3, 4.0 * MAIN);
    assert_eq!(scene.now_shown(), (Profile::Sub, Some(Auto::Size)));
    scene.say_size(1920, 1080);
    scene.run(3, 4.0 * MAIN);
    assert_eq!(scene.now_shown(), (Profile::Main, None));
    scene.say_size(320, 180);
    scene.run(3, 4.0 * MAIN);
    assert_eq!(scene.now_shown(), (Profile::Sub, Some(Auto::Size)));
    scene
        .rig
        .say(r#"{"type":"profile","tile":1,"profile":"main"}"#);
    scene.run(3, 4.0 * MAIN);
    assert_eq!(scene.now_shown(), (Profile::Main, None), "as it was told");
    scene
        .rig
        .say(r#"{"type":"profile","tile":1,"profile":"auto"}"#);
    scene.run(3, 4.0 * MAIN);
    assert_eq!(
        scene.now_shown(),
        (Profile::Sub, Some(Auto::Size)),
        "the size is remembered"
    );
}

#[test]
fn a_tile_whose_edge_is_dragged_about_changes_seldom() {
    let mut scene = Scene::new("");
    scene.run(3, 4.0 * MAIN);
    for n in 0..20 * FPS {
        let lines = if n.is_multiple_of(2) { 200 } else { 1000 };
        scene.say_size(lines * 2, lines);
        scene.step(4.0 * MAIN, true);
    }
    assert!(scene.shown.len() <= 12, "{:?}", scene.shown);
}

#[test]
fn a_thin_line_lowers_and_a_wide_one_brings_back() {
    let mut scene = Scene::new("");
    scene.run(5, 4.0 * MAIN);
    assert_eq!(scene.now_shown(), (Profile::Main, None));
    scene.run(12, 3.0 * SUB);
    assert_eq!(scene.now_shown(), (Profile::Sub, Some(Auto::Capacity)));
    assert_eq!(scene.lowered().len(), 1);
    scene.run(30, 4.0 * MAIN);
    assert_eq!(scene.now_shown(), (Profile::Main, None));
}

#[test]
fn while_the_line_stays_thin_it_is_tried_ever_more_seldom() {
    let mut scene = Scene::new("");
    scene.run(5, 4.0 * MAIN);
    scene.run(1800, 3.0 * SUB);
    let lowered = scene.lowered();
    // After 10, 20, 40, 80, 160 s and then every five minutes: ten times in half an hour at most.
    assert!((4..=11).contains(&lowered.len()), "{lowered:?}");
    let gaps: Vec<u32> = lowered.windows(2).map(|w| (w[1] - w[0]) / FPS).collect();
    assert!(gaps.iter().all(|gap| *gap >= 10), "{gaps:?}");
    assert!(gaps.last() >= Some(&300), "{gaps:?}");
}

#[test]
fn a_switch_for_the_line_is_announced_and_never_black() {
    let mut scene = Scene::new("");
    scene.run(5, 4.0 * MAIN);
    scene.run(12, 3.0 * SUB);
    let errors =
        |m: &&ServerMessage| matches!(m, ServerMessage::Error { .. } | ServerMessage::Lost { .. });
    assert_eq!(scene.control.iter().filter(errors).count(), 0);
    let before = scene.arrived;
    scene.run(2, 3.0 * SUB);
    assert!(scene.arrived > before, "pictures go on");
}

#[test]
fn what_the_line_carries_is_told_when_it_is_asked_for() {
    let mut scene = Scene::new("");
    scene.rig.say(r#"{"type":"measure","every_ms":1000}"#);
    scene.run(10, 4.0 * MAIN);
    let measured = |scene: &Scene| -> Vec<(u64, u64, bool)> {
        let of = |m: &ServerMessage| match m {
            ServerMessage::Measured {
                rate_bps,
                delay_ms,
                congested,
                ..
            } => Some((*rate_bps, *delay_ms, *congested)),
            _ => None,
        };
        scene.control.iter().filter_map(of).collect()
    };
    let all = measured(&scene);
    assert!((9..=10).contains(&all.len()), "one a second: {all:?}");
    let (rate, delay, congested) = all[6];
    assert!((3_600_000..5_200_000).contains(&rate), "{rate}");
    assert!(!congested && delay < 100, "{all:?}");
    scene.control.clear();
    scene.run(10, 3.0 * SUB);
    let all = measured(&scene);
    assert!(all.iter().any(|(_, delay, _)| *delay >= 1000), "{all:?}");
    assert!(
        all.last()
            .is_some_and(|(rate, _, congested)| *congested && *rate < 1_200_000)
    );
    scene.rig.say(r#"{"type":"measure","every_ms":0}"#);
    scene.control.clear();
    scene.run(10, 3.0 * SUB);
    assert_eq!(measured(&scene), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The camera stalls, bursts and dies as it likes; the line carries half as much again as the camera sends.
    #[test]
    fn a_camera_never_lowers_its_viewer(
        spells in proptest::collection::vec((1u32..40, 0u32..8), 1..12),
    ) {
        let mut scene = Scene::new("");
        scene.run(10, 1.6 * MAIN);
        for (sends, silent) in spells {
            scene.run(sends, 1.6 * MAIN);
            for _ in 0..silent * FPS {
                scene.step(1.6 * MAIN, false);
            }
        }
        for _ in 0..20 * FPS {
            scene.step(1.6 * MAIN, false);
        }
        prop_assert_eq!(scene.lowered(), Vec::<u32>::new());
    }

    /// However the line comes and goes: between two lowerings lie ten seconds at least, there are fifteen in ten minutes at most,
    /// and when it is wide for long the large stream is back.
    #[test]
    fn it_never_flaps_and_always_climbs_back(
        spells in proptest::collection::vec((1u32..90, 0usize..5), 1..20),
    ) {
        let mut scene = Scene::new("");
        for (seconds, line) in spells {
            scene.run(seconds, [0.0, 0.5 * SUB, 3.0 * SUB, 0.9 * MAIN, 3.0 * MAIN][line]);
        }
        let lowered = scene.lowered();
        for pair in lowered.windows(2) {
            prop_assert!(pair[1] - pair[0] >= 10 * FPS, "{:?}", lowered);
        }
        for many in lowered.windows(16) {
            prop_assert!(many[15] - many[0] >= 600 * FPS, "{:?}", lowered);
        }
        scene.run(340 + 60, 3.0 * MAIN);
        prop_assert_eq!(scene.now_shown(), (Profile::Main, None));
    }
}

/// Gives the sub stream to who cannot decode the main one, as the gateway does.
struct Fallback {
    main: Arc<Feed>,
    sub: Arc<Feed>,
    transcoded: bool,
}

impl Host for Fallback {
    fn open(&self, _: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        match (wish.profile, wish.decodes.contains(Codec::H265)) {
            (Profile::Main, true) => Ok(Lease::new(Arc::clone(&self.main), ())),
            (Profile::Main, false) if self.transcoded => {
                Ok(Lease::transcoded(Arc::clone(&self.main), ()))
            }
            _ => Ok(Lease::new(Arc::clone(&self.sub), ())),
        }
    }

    fn closed(&self, _: &Viewer, _: CameraId, profile: Profile) {
        assert_eq!(profile, Profile::Main, "as it was wished for");
    }

    fn authenticate(&self, _: &str, _: std::net::SocketAddr) -> Result<Viewer, Reason> {
        Err(Reason::new(ReasonCode::Forbidden, ""))
    }
}

#[test]
fn who_cannot_decode_is_told_what_stands_in() {
    let (mut sub, mut main) = (live(1), Camera::new(1, Profile::Main, SourceState::Live));
    sub.push_many(GOP);
    main.push_many(GOP);
    let main_id = FeedId {
        camera: camera(1),
        profile: Profile::Main,
    };
    assert_eq!(main.feed.id, main_id);
    for (transcoded, decodes, want) in [
        (false, r#"["h264","h265"]"#, (Profile::Main, None, false)),
        (
            false,
            r#"["h264"]"#,
            (Profile::Sub, Some(Auto::Codec), false),
        ),
        (
            true,
            r#"["h264"]"#,
            (Profile::Main, Some(Auto::Codec), true),
        ),
    ] {
        let host: Arc<dyn Host> = Arc::new(Fallback {
            main: Arc::clone(&main.feed),
            sub: Arc::clone(&sub.feed),
            transcoded,
        });
        let mut rig = Rig::hosted(&host, Delivery::Stream, Config::default());
        let camera = camera(1);
        rig.say(&format!(
            r#"{{"type":"open","tile":1,"camera":"{camera}","profile":"main","decodes":{decodes}}}"#
        ));
        rig.say(&format!(
            r#"{{"type":"open","tile":2,"camera":"{camera}","profile":"main","decodes":{decodes}}}"#
        ));
        let seen = rig.drain();
        let opened = seen.control.iter().find_map(|m| match m {
            ServerMessage::Opened {
                profile,
                auto,
                transcoded,
                ..
            } => Some((*profile, *auto, *transcoded)),
            _ => None,
        });
        assert_eq!(opened, Some(want));
        let refused = seen.control.iter().any(|m| {
            matches!(m, ServerMessage::Refused { tile: 2, reason } if reason.code == ReasonCode::AlreadyOpen)
        });
        assert!(refused, "one feed is one tile's, whatever it stands in for");
    }
}

/// A camera with a main stream only, on a link that has no room for it.
struct OneStream;

impl Host for OneStream {
    fn open(&self, _: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        let code = match wish.profile {
            Profile::Main => ReasonCode::LinkBudget,
            Profile::Sub => ReasonCode::NotFound,
        };
        Err(Reason::new(code, ""))
    }

    fn closed(&self, _: &Viewer, _: CameraId, _: Profile) {}

    fn authenticate(&self, _: &str, _: std::net::SocketAddr) -> Result<Viewer, Reason> {
        Err(Reason::new(ReasonCode::Forbidden, ""))
    }
}

#[test]
fn who_gets_neither_stream_is_told_of_the_one_that_there_is() {
    let host: Arc<dyn Host> = Arc::new(OneStream);
    for size in [
        r#","width":320,"height":180"#,
        r#","width":1920,"height":1080"#,
    ] {
        let mut rig = Rig::hosted(&host, Delivery::Stream, Config::default());
        let camera = camera(1);
        rig.say(&format!(
            r#"{{"type":"open","tile":1,"camera":"{camera}","profile":"auto"{size}}}"#
        ));
        let seen = rig.drain();
        let refused = seen.control.iter().find_map(|m| match m {
            ServerMessage::Refused { reason, .. } => Some(reason.code),
            _ => None,
        });
        assert_eq!(refused, Some(ReasonCode::LinkBudget), "{size}");
    }
}

#[test]
fn a_camera_with_one_stream_shows_that_one() {
    let mut sub = live(1);
    sub.push();
    let host = TestHost::with(&[&sub]);
    let mut rig = Rig::new(&host, Delivery::Stream);
    let camera = camera(1);
    rig.say(&format!(
        r#"{{"type":"open","tile":1,"camera":"{camera}","profile":"auto"}}"#
    ));
    assert!(rig.drain().story.ends_with("OIK"));
    for _ in 0..300 {
        sub.push();
        rig.pass(Duration::from_secs(1));
        rig.drain();
    }
    // Asked again after one minute, then two: not every second.
    assert!(host.log().len() <= 4);
}

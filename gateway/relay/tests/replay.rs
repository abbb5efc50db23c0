//! Recorded tiles in virtual time: what is sent when, for one clock and many tiles, holes, seeks, steps and lines of any width.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use media::{
    MediaTime, ReasonCode,
    recorded::wall,
    wire::{Kind, ServerMessage, replay::is_recorded},
};
use proptest::prelude::*;
use relay::{
    Config, Host,
    session::{Delivery, Input, Output, Part},
};

use crate::harness::{
    camera,
    session::Rig,
    shelf::{FRAME, GOP, Span, Tape, Tapes, at, us},
    tracks,
};

/// A picture that came.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shown {
    tile: u32,
    feed: u32,
    key: bool,
    time: MediaTime,
    /// When, from the start of the test.
    came: Duration,
}

/// A viewer of recordings: a transport with a rate, and what came by it.
struct Watcher {
    rig: Rig,
    /// Bytes a second that the transport takes.
    rate: Option<u64>,
    start: std::time::Instant,
    pictures: Vec<Shown>,
    control: Vec<ServerMessage>,
    begun: Vec<u32>,
    bytes: usize,
}

impl Watcher {
    fn new(host: &Arc<dyn Host>) -> Self {
        let rig = Rig::hosted(host, Delivery::Stream, Config::default());
        Self {
            start: rig.now,
            rig,
            rate: None,
            pictures: Vec::new(),
            control: Vec::new(),
            begun: Vec::new(),
            bytes: 0,
        }
    }

    fn say(&mut self, text: &str) {
        self.rig.say(text);
        self.take();
    }

    fn clock(&mut self, run: u32, rest: &str) {
        self.say(&format!(
            r#"{{"type":"clock","clock":1,"run":{run},{rest}}}"#
        ));
    }

    fn replay(&mut self, tile: u32) {
        let camera = camera(tile);
        self.say(&format!(
            r#"{{"type":"replay","tile":{tile},"camera":"{camera}","clock":1,"reason":"why"}}"#
        ));
    }

    /// Takes what the transport has room for.
    fn take(&mut self) {
        if self.rate.is_none() {
            self.rig.queued = 0;
        }
        let queued = self.rig.queued;
        self.rig.session.handle(self.rig.now, Input::Queued(queued));
        while let Some(output) = self.rig.session.poll_output(self.rig.now) {
            match output {
                Output::Control(message) => self.control.push(message),
                Output::Media(message) => {
                    let len = message.framed().message_len();
                    self.rig.queued += len;
                    self.bytes += len;
                    if self.rate.is_none() {
                        self.rig.queued = 0;
                    }
                    let now = self.rig.queued;
                    self.rig.session.handle(self.rig.now, Input::Queued(now));
                    let head = message.framed().head();
                    let (header, _) = media::wire::Header::read(&head).unwrap();
                    assert!(is_recorded(header.feed));
                    if matches!(message.part, Part::Initialisation(_)) {
                        assert_eq!(header.kind, Kind::Initialisation);
                        self.begun.push(header.feed);
                        continue;
                    }
                    assert!(
                        self.begun.contains(&header.feed),
                        "a picture before its head"
                    );
                    self.pictures.push(Shown {
                        tile: message.tile,
                        feed: header.feed,
                        key: header.key,
                        time: header.media_time,
                        came: self.rig.now - self.start,
                    });
                }
                Output::Close(close) => panic!("{close:?}"),
            }
        }
    }

    /// Lets time pass as a driver does.
    fn pass(&mut self, time: Duration) {
        let end = self.rig.now + time;
        while self.rig.now < end {
            // A driver whose transport takes all comes every five seconds, if nothing wakes it.
            let step = Duration::from_millis(if self.rate.is_some() { 20 } else { 5000 });
            let wanted = self.rig.session.wake_at();
            let next = (self.rig.now + step).min(end);
            let next = wanted.map_or(next, |at| at.clamp(self.rig.now, next));
            let passed = next - self.rig.now;
            // A session that asks for no time at all would be asked for ever.
            self.rig.now = next.max(self.rig.now + Duration::from_millis(1));
            if let Some(rate) = self.rate {
                let taken = (rate as f64 * passed.as_secs_f64()) as usize;
                self.rig.queued = self.rig.queued.saturating_sub(taken);
            }
            self.rig.session.handle(self.rig.now, Input::Tick);
            self.take();
        }
    }

    fn drain(&mut self) -> Vec<Shown> {
        std::mem::take(&mut self.pictures)
    }

    fn times(&self) -> Vec<i64> {
        self.pictures.iter().map(|p| p.time.0).collect()
    }

    fn told(&self, what: impl Fn(&ServerMessage) -> bool) -> bool {
        self.control.iter().any(what)
    }
}

fn one(spans: &[(f64, f64)]) -> (Arc<Tape>, Watcher) {
    let none = Tape::new(&[]);
    let tape = Tape::new(spans);
    let host = Tapes::of(&[&none, &tape]);
    (tape, Watcher::new(&host))
}

/// All pictures from a moment to another, as decode times.
fn all(from: f64, to: f64) -> Vec<i64> {
    (at(from).0..at(to).0).step_by(FRAME as usize).collect()
}

#[test]
fn at_its_own_speed_every_picture_comes_once_and_in_order_and_no_earlier_than_the_lead() {
    let (_, mut w) = one(&[(0.0, 60.0)]);
    w.clock(1, &format!(r#""at":{}"#, us(10.0)));
    w.replay(1);
    w.pass(Duration::from_secs(20));
    let times = w.times();
    assert_eq!(times, all(10.0, 10.0 + times.len() as f64 / 25.0));
    for p in &w.pictures {
        let ahead = (p.time - at(10.0)).as_secs_f64() - p.came.as_secs_f64();
        assert!(ahead <= 2.1, "{p:?} came {ahead} s before its time");
        assert!(ahead >= 0.0, "{p:?} came {ahead} s late");
    }
    assert!(times.len() >= 20 * 25, "{}", times.len());
}

#[test]
fn rates_are_kept_and_from_four_on_key_frames_come_alone() {
    for rate in [0.25f64, 0.5, 2.0, 4.0, 8.0, 16.0] {
        let (_, mut w) = one(&[(0.0, 600.0)]);
        w.clock(1, &format!(r#""at":{},"rate":{rate}"#, us(0.0)));
        w.replay(1);
        w.pass(Duration::from_secs(20));
        let last = w.pictures.last().unwrap();
        let got = (last.time - at(0.0)).as_secs_f64();
        let wanted = 20.0 * rate + 2.0 * rate.max(1.0);
        assert!(
            (got - wanted).abs() < 2.0f64.max(rate),
            "{rate}: {got} for {wanted}"
        );
        let keys = rate >= 4.0;
        assert_eq!(w.pictures.iter().all(|p| p.key), keys, "{rate}");
        let step = if keys { FRAME * GOP } else { FRAME };
        assert!(w.times().windows(2).all(|t| t[1] - t[0] == step), "{rate}");
        assert!(
            w.told(|m| matches!(m, ServerMessage::Clock { keys: k, run: 1, .. } if *k == keys))
        );
    }
}

#[test]
fn backwards_key_frames_come_from_new_to_old() {
    let (_, mut w) = one(&[(0.0, 60.0)]);
    w.clock(1, &format!(r#""at":{},"rate":-4"#, us(50.5)));
    w.replay(1);
    w.pass(Duration::from_secs(5));
    let times = w.times();
    assert_eq!(
        times[0],
        at(50.0).0,
        "the picture on the screen comes first"
    );
    assert!(times.windows(2).all(|t| t[0] - t[1] == FRAME * GOP));
    assert!(w.pictures.iter().all(|p| p.key));
    let wanted = 50.5 - 5.0 * 4.0 - 8.0;
    let got = (MediaTime(*times.last().unwrap()) - at(0.0)).as_secs_f64();
    assert!((got - wanted).abs() < 4.0, "{got} for {wanted}");
}

#[test]
fn a_seek_begins_anew_at_the_key_frame_before_it_and_nothing_of_before_follows() {
    let (tape, mut w) = one(&[(0.0, 600.0)]);
    w.clock(1, &format!(r#""at":{}"#, us(0.0)));
    w.replay(1);
    w.pass(Duration::from_secs(3));
    // The answer to what was asked before comes after the seek.
    tape.slow.store(true, SeqCst);
    w.pass(Duration::from_secs(1));
    w.clock(2, &format!(r#""at":{}"#, us(300.5)));
    w.drain();
    let before = w.control.len();
    while tape.serve() > 0 {
        w.take();
    }
    w.pass(Duration::from_millis(100));
    while tape.serve() > 0 {
        w.take();
    }
    assert_eq!(w.pictures[0].time, at(300.0));
    assert!(w.pictures[0].key);
    let feed = w.pictures[0].feed;
    assert!(w.pictures.iter().all(|p| p.feed == feed));
    let opened = &w.control[before..];
    assert!(
        matches!(opened, [ServerMessage::Opened { feed: f, tile: 1, .. }] if *f == feed),
        "{opened:?}"
    );
}

#[test]
fn a_viewer_who_seeks_all_the_time_has_one_read_under_way() {
    let (tape, mut w) = one(&[(0.0, 600.0)]);
    tape.slow.store(true, SeqCst);
    w.clock(1, &format!(r#""at":{}"#, us(0.0)));
    w.replay(1);
    for run in 2..100 {
        w.clock(run, &format!(r#""at":{}"#, us(f64::from(run))));
    }
    assert_eq!(tape.asks.load(SeqCst), 1);
    while tape.serve() > 0 {
        w.take();
    }
    assert_eq!(w.pictures[0].time, at(99.0));
    assert!(tape.asks.load(SeqCst) < 6);
}

#[test]
fn paused_it_holds_a_picture_and_little_more_for_ever() {
    let (_, mut w) = one(&[(0.0, 600.0)]);
    w.clock(1, &format!(r#""at":{},"rate":0"#, us(10.5)));
    w.replay(1);
    w.pass(Duration::from_secs(5));
    let bytes = w.bytes;
    assert_eq!(w.pictures[0].time, at(10.0), "from the key frame on");
    assert!(w.pictures.last().unwrap().time <= at(11.2));
    w.pass(Duration::from_secs(3600));
    assert_eq!(w.bytes, bytes);
    w.clock(2, r#""rate":1"#);
    w.pass(Duration::from_secs(2));
    // It goes on where it was, with the same feed: nothing comes twice.
    let times = w.times();
    assert_eq!(times, all(10.0, 10.0 + times.len() as f64 / 25.0));
    assert!(times.len() > 60);
}

#[test]
fn a_step_shows_the_picture_before_and_the_one_behind() {
    let (_, mut w) = one(&[(0.0, 600.0)]);
    w.clock(1, &format!(r#""at":{},"rate":0"#, us(10.0)));
    w.replay(1);
    w.pass(Duration::from_secs(1));
    for (run, frames, wanted) in [
        (2, -1, -1),
        (3, -1, -2),
        (4, 1, -1),
        (5, 25, 24),
        (6, -25, -1),
    ] {
        w.control.clear();
        w.say(&format!(
            r#"{{"type":"step","clock":1,"run":{run},"tile":1,"frames":{frames}}}"#
        ));
        let moment = at(10.0) + MediaTime(wanted * FRAME);
        let told = w.told(|m| {
            matches!(m, ServerMessage::Clock { run: r, at, rate, .. }
                if *r == run && *at == wall(moment).as_micros() && *rate == 0.0)
        });
        assert!(told, "{run}: {:?}", w.control);
        let shown = w.pictures.iter().rfind(|p| p.time <= moment).unwrap();
        assert_eq!(shown.time, moment);
    }
}

#[test]
fn steps_in_a_row_add_up_while_the_disk_is_slow() {
    let (tape, mut w) = one(&[(0.0, 600.0)]);
    w.clock(1, &format!(r#""at":{},"rate":0"#, us(10.0)));
    w.replay(1);
    w.pass(Duration::from_secs(1));
    tape.slow.store(true, SeqCst);
    for run in 2..6 {
        w.say(&format!(
            r#"{{"type":"step","clock":1,"run":{run},"tile":1,"frames":1}}"#
        ));
    }
    while tape.serve() > 0 {
        w.take();
    }
    let moment = wall(at(10.0) + MediaTime(4 * FRAME)).as_micros();
    assert!(
        w.told(|m| matches!(m, ServerMessage::Clock { run: 5, at, .. } if *at == moment)),
        "{:?}",
        w.control
    );
}

#[test]
fn a_hole_is_told_with_its_reason_and_skipped() {
    let (_, mut w) = one(&[(0.0, 10.0), (3610.0, 3700.0)]);
    w.clock(1, &format!(r#""at":{}"#, us(5.0)));
    w.replay(1);
    w.pass(Duration::from_secs(10));
    let gap = (us(10.0), Some(us(3610.0)));
    assert!(w.told(
        |m| matches!(m, ServerMessage::Gap { tile: 1, from, to, reason, .. }
        if (*from, *to) == gap && reason.code == ReasonCode::NotRecording)
    ));
    assert!(w.told(|m| matches!(m, ServerMessage::Clock { run: 1, at, .. } if *at == us(3610.0))));
    let mut wanted = all(5.0, 10.0);
    wanted.extend(all(3610.0, 3700.0));
    let times = w.times();
    assert_eq!(times, wanted[..times.len()]);
    // Five seconds before it, five behind it, and what is ahead.
    assert!(times.len() > 25 * 10, "{}", times.len());
    let before = w.pictures.iter().find(|p| p.time == at(3610.0)).unwrap();
    assert!(before.came >= Duration::from_secs(5), "{before:?}");
    assert!(before.came <= Duration::from_millis(5500), "{before:?}");
}

#[test]
fn or_waited_for() {
    let (_, mut w) = one(&[(0.0, 10.0), (70.0, 100.0)]);
    w.clock(1, &format!(r#""at":{},"gaps":"wait""#, us(5.0)));
    w.replay(1);
    w.pass(Duration::from_secs(62));
    assert_eq!(w.times(), all(5.0, 10.0));
    w.pass(Duration::from_secs(13));
    let later = w.pictures.iter().find(|p| p.time == at(70.0)).unwrap();
    let late = later.came.as_secs_f64() - 65.0;
    assert!((-2.2..0.5).contains(&late), "{later:?}");
}

#[test]
fn a_clock_skips_only_what_none_of_its_tiles_has() {
    let none = Tape::new(&[]);
    let a = Tape::new(&[(0.0, 10.0), (100.0, 200.0)]);
    let b = Tape::new(&[(0.0, 20.0), (50.0, 200.0)]);
    let mut w = Watcher::new(&Tapes::of(&[&none, &a, &b]));
    w.clock(1, &format!(r#""at":{}"#, us(0.0)));
    w.replay(1);
    w.replay(2);
    w.pass(Duration::from_secs(100));
    let of = |tile| w.pictures.iter().filter(move |p| p.tile == tile);
    // 20 s of b, then at once on to 50 s: so 100 s come 70 s after the beginning.
    let first = of(1).find(|p| p.time == at(100.0)).unwrap();
    assert!((first.came.as_secs_f64() - 70.0).abs() < 2.5, "{first:?}");
    let b: Vec<i64> = of(2).map(|p| p.time.0).collect();
    let mut wanted = all(0.0, 20.0);
    wanted.extend(all(50.0, 200.0));
    assert_eq!(b, wanted[..b.len()]);
    let a: Vec<i64> = of(1).map(|p| p.time.0).collect();
    let mut wanted = all(0.0, 10.0);
    wanted.extend(all(100.0, 200.0));
    assert_eq!(a, wanted[..a.len()]);
}

#[test]
fn backwards_over_a_hole() {
    let (_, mut w) = one(&[(0.0, 10.0), (100.0, 110.0)]);
    w.clock(1, &format!(r#""at":{},"rate":-1"#, us(105.0)));
    w.replay(1);
    w.pass(Duration::from_secs(10));
    let seconds: Vec<i64> = w.times().iter().map(|t| (t - at(0.0).0) / 90_000).collect();
    assert_eq!(seconds[..6], [105, 104, 103, 102, 101, 100]);
    assert_eq!(seconds[6..9], [9, 8, 7], "{seconds:?}");
}

#[test]
fn nine_cameras_are_on_one_clock() {
    let tapes: Vec<Arc<Tape>> = (0..10)
        .map(|n| Tape::new(&[(f64::from(n) * -0.013, 600.0)]))
        .collect();
    let all: Vec<&Arc<Tape>> = tapes.iter().collect();
    let mut w = Watcher::new(&Tapes::of(&all));
    w.clock(1, &format!(r#""at":{}"#, us(10.0)));
    (1..=9).for_each(|tile| w.replay(tile));
    for run in 2..30 {
        w.pass(Duration::from_millis(1700));
        let edges = (1..=9).map(|tile| {
            let own = w.pictures.iter().rfind(|p| p.tile == tile).unwrap();
            own.time.0
        });
        let (least, most) = (edges.clone().min().unwrap(), edges.max().unwrap());
        let apart = (most - least) as f64 / 90.0;
        assert!(apart < 120.0, "the newest pictures are {apart} ms apart");
        if run % 5 == 0 {
            w.clock(run, &format!(r#""at":{}"#, us(f64::from(run) * 15.0)));
        }
    }
}

#[test]
fn what_the_viewer_shows_is_what_counts() {
    let (_, mut w) = one(&[(0.0, 600.0)]);
    w.clock(1, &format!(r#""at":{}"#, us(0.0)));
    w.replay(1);
    for n in 0..60 {
        // Half as fast as it should: a page on a busy machine.
        let shows = us(f64::from(n) * 0.5 * 0.5);
        w.say(&format!(
            r#"{{"type":"reached","clock":1,"run":1,"at":{shows}}}"#
        ));
        w.pass(Duration::from_millis(500));
    }
    let last = w.pictures.last().unwrap().time;
    let ahead = (last - at(15.0)).as_secs_f64();
    assert!((0.0..3.0).contains(&ahead), "{ahead}");
    assert!(!w.told(|m| matches!(m, ServerMessage::Thinned { .. })));
    // One who says nothing more looks no more.
    w.pass(Duration::from_secs(60));
    let last = w.pictures.last().unwrap().time;
    assert!(last < at(15.0 + 3.0 + 2.5), "{last:?}");
    // What belongs to another run is passed over.
    w.say(&format!(
        r#"{{"type":"reached","clock":1,"run":7,"at":{}}}"#,
        us(500.0)
    ));
    w.pass(Duration::from_secs(1));
    assert!(w.pictures.last().unwrap().time < at(21.0));
}

#[test]
fn who_says_what_it_shows_misses_nothing_however_long_it_is_not_heard_of() {
    let (_, mut w) = one(&[(0.0, 600.0)]);
    w.clock(1, &format!(r#""at":{},"rate":3.99"#, us(0.0)));
    w.replay(1);
    w.say(&format!(
        r#"{{"type":"reached","clock":1,"run":1,"at":{}}}"#,
        us(0.0)
    ));
    // Its machine stands still, and takes nothing either: what is sent ahead is more than the budget.
    w.rate = Some(0);
    w.pass(Duration::from_secs(20));
    w.rate = Some(10_000_000);
    w.pass(Duration::from_secs(5));
    assert!(!w.told(|m| matches!(m, ServerMessage::Skipped { .. })));
    let times = w.times();
    assert!(times.len() > 200, "{}", times.len());
    assert!(times.windows(2).all(|t| t[1] - t[0] == FRAME));
}

#[test]
fn a_line_that_is_too_thin_gets_key_frames_and_later_all_again() {
    let (_, mut w) = one(&[(0.0, 600.0)]);
    // 29 kB a second are recorded; 5 kB of them are the key frame.
    w.rate = Some(15_000);
    w.clock(1, &format!(r#""at":{}"#, us(0.0)));
    w.replay(1);
    // The budget of 256 KiB hides it for a while.
    w.pass(Duration::from_secs(60));
    let seen = |on: bool| move |m: &ServerMessage| matches!(m, ServerMessage::Thinned { tile: 1, keys } if *keys == on);
    assert!(w.told(seen(true)));
    assert!(w.told(|m| matches!(m, ServerMessage::Skipped { tile: 1, ms, .. } if *ms > 0)));
    let times = w.times();
    assert!(
        times.windows(2).all(|t| t[1] > t[0]),
        "in order, none twice"
    );
    w.rate = Some(1_000_000);
    w.pass(Duration::from_secs(150));
    assert!(w.told(seen(false)));
    w.drain();
    w.pass(Duration::from_secs(10));
    let times = w.times();
    assert!(times.windows(2).all(|t| t[1] - t[0] == FRAME), "all again");
}

#[test]
fn another_codec_is_announced_with_a_new_head() {
    let (tape, mut w) = one(&[(0.0, 10.0), (10.0, 20.0)]);
    tape.spans.lock().unwrap()[1].tracks = tracks(1, false);
    w.clock(1, &format!(r#""at":{}"#, us(5.0)));
    w.replay(1);
    w.pass(Duration::from_secs(10));
    assert_eq!(w.times(), all(5.0, 5.0 + w.pictures.len() as f64 / 25.0));
    let opened: Vec<u32> = w
        .control
        .iter()
        .filter_map(|m| match m {
            ServerMessage::Opened { feed, .. } => Some(*feed),
            _ => None,
        })
        .collect();
    assert_eq!(opened, [w.pictures[0].feed; 2]);
    assert_eq!(w.begun, opened);
}

#[test]
fn at_the_recorders_edge_it_goes_on_as_more_is_written() {
    let (tape, mut w) = one(&[(0.0, 10.0)]);
    tape.records.store(true, SeqCst);
    w.clock(1, &format!(r#""at":{}"#, us(8.0)));
    w.replay(1);
    w.pass(Duration::from_secs(4));
    for second in 11..20 {
        tape.spans.lock().unwrap()[0].to = at(f64::from(second));
        w.pass(Duration::from_secs(1));
    }
    assert_eq!(w.times(), all(8.0, 8.0 + w.pictures.len() as f64 / 25.0));
    assert!(w.pictures.len() >= 25 * 10, "{}", w.pictures.len());
    assert!(!w.told(|m| matches!(m, ServerMessage::Gap { .. } | ServerMessage::Skipped { .. })));
}

#[test]
fn what_is_recorded_later_ends_a_hole_without_end() {
    let (tape, mut w) = one(&[(0.0, 10.0)]);
    w.clock(1, &format!(r#""at":{}"#, us(8.0)));
    w.replay(1);
    w.pass(Duration::from_secs(60));
    let gaps = |w: &Watcher| {
        w.control
            .iter()
            .filter(|m| matches!(m, ServerMessage::Gap { .. }))
            .count()
    };
    assert_eq!(gaps(&w), 1, "told once");
    let mut span: Span = tape.spans.lock().unwrap()[0].clone();
    (span.from, span.to) = (at(100.0), at(110.0));
    tape.spans.lock().unwrap().push(span);
    w.pass(Duration::from_secs(6));
    assert_eq!(gaps(&w), 2, "now its end is known");
    assert!(w.times().contains(&at(100.0).0));
}

#[test]
fn it_ends_where_it_was_told_to() {
    let (_, mut w) = one(&[(0.0, 60.0)]);
    w.clock(1, &format!(r#""at":{},"until":{}"#, us(10.0), us(15.0)));
    w.replay(1);
    w.pass(Duration::from_secs(60));
    assert_eq!(w.times(), all(10.0, 15.0));
    let done = w
        .control
        .iter()
        .filter(|m| matches!(m, ServerMessage::Finished { tile: 1, frames } if *frames == 125));
    assert_eq!(done.count(), 1, "once, and how many came before it");
}

#[test]
fn a_disk_that_fails_is_told_and_tried_again() {
    let (tape, mut w) = one(&[(0.0, 60.0)]);
    w.clock(1, &format!(r#""at":{}"#, us(0.0)));
    w.replay(1);
    w.pass(Duration::from_secs(1));
    tape.fails.store(true, SeqCst);
    w.pass(Duration::from_secs(10));
    assert!(w.told(
        |m| matches!(m, ServerMessage::Lost { reason, .. } if reason.code == ReasonCode::DiskError)
    ));
    tape.fails.store(false, SeqCst);
    w.pass(Duration::from_secs(10));
    assert!(w.told(|m| matches!(m, ServerMessage::Back { tile: 1 })));
    assert!(w.times().windows(2).all(|t| t[1] > t[0]));
    assert!(w.pictures.last().unwrap().came > Duration::from_secs(19));
}

#[test]
fn what_makes_no_sense_is_said() {
    let (_, mut w) = one(&[(0.0, 60.0)]);
    w.replay(1);
    assert!(w.told(|m| matches!(m, ServerMessage::Refused { tile: 1, reason } if reason.code == ReasonCode::NotFound)));
    w.clock(1, &format!(r#""at":{}"#, us(0.0)));
    w.replay(7);
    assert!(w.told(|m| matches!(m, ServerMessage::Refused { tile: 7, reason } if reason.code == ReasonCode::Forbidden)));
    w.replay(1);
    w.replay(1);
    w.say(r#"{"type":"pause","tile":1}"#);
    let errors = w
        .control
        .iter()
        .filter(|m| matches!(m, ServerMessage::Error { tile: Some(1), .. }));
    assert_eq!(errors.count(), 2);
    w.say(r#"{"type":"close","tile":1}"#);
    assert!(w.told(|m| matches!(m, ServerMessage::Closed { tile: 1 })));
    w.drain();
    w.pass(Duration::from_secs(5));
    assert!(w.pictures.is_empty());
    w.say(r#"{"type":"clock","clock":9,"run":1}"#);
    assert!(w.told(|m| matches!(m, ServerMessage::Error { tile: None, .. })));
}

#[derive(Clone, Debug)]
enum Act {
    Clock {
        at: Option<i64>,
        rate: f64,
        wait: bool,
    },
    Step(i32),
    Reached,
    Pass(u64),
    Line(Option<u64>),
    Slow(bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let rates = proptest::sample::select(vec![0.0, 0.25, 1.0, 2.0, 4.0, 16.0, -1.0, -16.0]);
    let one = prop_oneof![
        (proptest::option::of(-20i64..400), rates, any::<bool>())
            .prop_map(|(at, rate, wait)| Act::Clock { at, rate, wait }),
        (-3i32..4).prop_map(Act::Step),
        Just(Act::Reached),
        (1u64..6000).prop_map(Act::Pass),
        proptest::option::of(5_000u64..200_000).prop_map(Act::Line),
        any::<bool>().prop_map(Act::Slow),
    ];
    proptest::collection::vec(one, 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked, and however slow disk and line are: pictures of a feed are in order and can be decoded, none comes
    /// twice, key frames are alone where they are to be, and what is held is bounded.
    #[test]
    fn any_way_of_looking(acts in acts()) {
        let none = Tape::new(&[]);
        let a = Tape::new(&[(0.0, 40.0), (100.0, 150.0), (150.0, 200.0), (203.0, 300.0)]);
        a.spans.lock().unwrap()[2].tracks = tracks(1, false);
        let b = Tape::new(&[(0.0, 120.0), (180.0, 250.0)]);
        let mut w = Watcher::new(&Tapes::of(&[&none, &a, &b]));
        w.clock(1, &format!(r#""at":{}"#, us(0.0)));
        w.replay(1);
        w.replay(2);
        let mut run = 1;
        for act in acts {
            match act {
                Act::Clock { at, rate, wait } => {
                    run += 1;
                    let at = at.map_or(String::new(), |at| format!(r#","at":{}"#, us(at as f64 + 0.3)));
                    let gaps = if wait { "wait" } else { "skip" };
                    w.clock(run, &format!(r#""rate":{rate},"gaps":"{gaps}"{at}"#));
                }
                Act::Step(frames) => {
                    run += 1;
                    w.say(&format!(r#"{{"type":"step","clock":1,"run":{run},"tile":1,"frames":{frames}}}"#));
                }
                Act::Reached => {
                    if let Some(last) = w.pictures.last() {
                        let shows = wall(last.time).as_micros();
                        w.say(&format!(r#"{{"type":"reached","clock":1,"run":{run},"at":{shows}}}"#));
                    }
                }
                Act::Pass(ms) => {
                    w.pass(Duration::from_millis(ms));
                    a.serve();
                    b.serve();
                    w.take();
                }
                Act::Line(rate) => w.rate = rate,
                Act::Slow(slow) => {
                    for tape in [&a, &b] {
                        tape.slow.store(slow, SeqCst);
                        tape.serve();
                    }
                }
            }
            prop_assert!(w.rig.queued <= 256 * 1024 + 6000, "{} bytes wait", w.rig.queued);
        }
        let mut feeds: Vec<u32> = w.pictures.iter().map(|p| p.feed).collect();
        feeds.dedup();
        feeds.sort_unstable();
        feeds.dedup();
        for feed in feeds {
            let own: Vec<&Shown> = w.pictures.iter().filter(|p| p.feed == feed).collect();
            prop_assert!(own[0].key, "a feed begins with a key frame");
            let rises = own.windows(2).all(|p| p[1].time > p[0].time);
            let falls = own.windows(2).all(|p| p[1].time < p[0].time && p[1].key);
            prop_assert!(rises || falls, "{own:?}");
            // What is no key frame follows the picture before it.
            for pair in own.windows(2) {
                let follows = pair[1].time - pair[0].time == MediaTime(FRAME);
                prop_assert!(pair[1].key || follows, "{pair:?}");
            }
        }
    }
}

//! Clocks that many share, viewers who say what they show, lines of any width, disks that fail.

use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use media::{ReasonCode, wire::ServerMessage};

use crate::harness::{
    shelf::{FRAME, Span, Tape, Tapes, at, us},
    tracks,
    watcher::{Watcher, all, one},
};

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

//! Recorded tiles in virtual time: what is sent when, for one clock and many tiles, holes, seeks, steps and lines of any width.

mod clocks;
mod holes;
mod random;

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use media::{MediaTime, recorded::wall, wire::ServerMessage};

use crate::harness::{
    shelf::{FRAME, GOP, at, us},
    watcher::{all, one},
};

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

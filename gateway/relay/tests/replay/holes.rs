//! Where nothing is recorded.

use std::time::Duration;

use media::{ReasonCode, wire::ServerMessage};

use crate::harness::{
    shelf::{Tape, Tapes, at, us},
    watcher::{Watcher, all, one},
};

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

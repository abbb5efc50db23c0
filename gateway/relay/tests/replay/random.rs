//! What makes no sense, and anything at all.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use media::{MediaTime, ReasonCode, recorded::wall, wire::ServerMessage};
use proptest::prelude::*;

use crate::harness::{
    shelf::{FRAME, Tape, Tapes, us},
    tracks,
    watcher::{Shown, Watcher, one},
};

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

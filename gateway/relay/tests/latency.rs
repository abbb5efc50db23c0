//! Field case 16: after an hour with a ten-second stall in it, the delay is back under one second.

use std::time::Duration;

use media::wire::ServerMessage;
use relay::session::{Delivery, Input};

use crate::harness::{FPS, GOP, TestHost, live, session::Rig};

const HOUR: u32 = 3600 * FPS;
/// In frames: when the transport takes nothing.
const STALL: std::ops::Range<u32> = HOUR / 2..HOUR / 2 + 10 * FPS;

fn an_hour_by(delivery: Delivery) {
    let mut cam = live(1);
    cam.push();
    let host = TestHost::with(&[&cam]);
    let mut rig = Rig::new(&host, delivery);
    rig.open(1, 1, "sub");
    rig.drain();
    let (mut on_the_way, mut skipped, mut longest_after) = (Vec::new(), Vec::new(), 0);
    let mut last = None;
    for n in 1..HOUR {
        cam.push();
        rig.now += Duration::from_secs(1) / FPS;
        if n.is_multiple_of(6) {
            rig.session.handle(rig.now, Input::Tick);
        }
        let seen = if STALL.contains(&n) {
            rig.drain_until_blocked()
        } else {
            rig.queued = 0;
            rig.drain()
        };
        skipped.extend(seen.control.into_iter().filter_map(|m| match m {
            ServerMessage::Skipped { frames, ms, .. } => Some((frames, ms)),
            _ => None,
        }));
        on_the_way.extend(seen.frames.iter().map(|(_, _, group, number)| group * GOP + number));
        if STALL.contains(&n) {
            continue;
        }
        for frame in on_the_way.drain(..) {
            assert!(last.is_none_or(|last| frame > last), "{frame} after {last:?}");
            last = Some(frame);
        }
        let delay = n - last.expect("frames have come");
        if n < STALL.start {
            assert_eq!(delay, 0, "at frame {n}");
        } else if n >= STALL.end + FPS {
            longest_after = longest_after.max(delay);
        }
    }
    assert!(longest_after < FPS, "{longest_after} frames late");
    assert_eq!(longest_after, 0, "and in fact not late at all");
    // All that was left out is told, and no more than the stall and the group in which it ended.
    let frames: u64 = skipped.iter().map(|(frames, _)| frames).sum();
    assert!(frames <= u64::from(10 * FPS + GOP), "{skipped:?}");
}

#[test]
fn an_hour_by_websocket_with_a_stall_of_ten_seconds() {
    an_hour_by(Delivery::Stream);
}

#[test]
fn an_hour_by_quic_with_a_stall_of_ten_seconds() {
    an_hour_by(Delivery::Groups);
}

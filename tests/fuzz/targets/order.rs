//! A client's order of what comes by QUIC: whatever a gateway sends in whatever order, memory is bounded, nothing comes before its
//! announcement, and every track's messages come in order.
#![no_main]

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use bytes::Bytes;
use client::{
    Message,
    order::{Key, MAX_HELD_BYTES, Order},
};
use libfuzzer_sys::fuzz_target;
use media::{
    MediaTime, Profile, TrackKind, WallTime,
    wire::{Header, Kind, ServerMessage},
};

/// What one piece may be: with it the order may be beyond its bound until it is asked.
const MOST: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let mut order = Order::default();
    let mut now = Instant::now();
    let zeros = Bytes::from_static(&[0; MOST]);
    let mut announced = HashSet::new();
    let mut tiles = HashMap::new();
    let mut last: HashMap<(u32, TrackKind), u32> = HashMap::new();
    for op in data.chunks_exact(4) {
        let feed = u32::from(op[1] % 4);
        let track = if op[1] & 0x80 == 0 {
            TrackKind::Video
        } else {
            TrackKind::Audio
        };
        let group = match op[2] {
            255 => u32::MAX,
            n => u32::from(n % 16),
        };
        match op[0] % 8 {
            0..=2 => {
                let header = Header {
                    kind: Kind::Fragment,
                    key: false,
                    discontinuity: false,
                    last_of_group: false,
                    track,
                    feed,
                    group,
                    frame: u32::from(op[3]),
                    media_time: MediaTime(0),
                    captured: WallTime(0),
                };
                order.media(now, header, zeros.slice(..MOST * usize::from(op[3]) / 255));
            }
            3 => order.done(Key { feed, track, group }),
            4 => {
                let tile = u32::from(op[3] % 4);
                announced.insert(feed);
                tiles.insert(tile, feed);
                last.retain(|(f, _), _| *f != feed);
                order.control(ServerMessage::Opened {
                    tile,
                    feed,
                    profile: Profile::Sub,
                    tracks: Vec::new(),
                    auto: None,
                    transcoded: false,
                });
            }
            5 => {
                let tile = u32::from(op[3] % 4);
                // It begins anew after this, at whatever group.
                last.clear();
                order.control(match op[2] % 3 {
                    0 => ServerMessage::Paused { tile },
                    1 => ServerMessage::Closed { tile },
                    _ => ServerMessage::Finished {
                        tile,
                        frames: u32::from(op[2]),
                    },
                });
            }
            6 => now += Duration::from_millis(u64::from(op[3]) * 10),
            _ => order.set_patience(Duration::from_millis(100 + u64::from(op[3]) * 50)),
        }
        while let Some(message) = order.poll(now) {
            if let Message::Media(header, _) = message {
                assert!(announced.contains(&header.feed), "before its announcement");
                let before = last.insert((header.feed, header.track), header.group);
                assert!(
                    before.is_none_or(|before| before <= header.group),
                    "out of order"
                );
            }
        }
        assert!(
            order.held_bytes() <= MAX_HELD_BYTES + 2 * MOST,
            "{} held",
            order.held_bytes()
        );
    }
});

//! Packets of any content, in any order: whole access units of whole NAL units come of them, within their bound, or an error.
//!
//! Each packet is three bytes (mark, loss and a step of time; a length) and its payload.
#![no_main]

use std::time::Instant;

use ingest::{
    bitstream::nal_units,
    depacketize::{Depacketizer, Packet},
};
use libfuzzer_sys::fuzz_target;
use media::VideoCodec;

const MAX_BYTES: usize = 10_000;

fuzz_target!(|data: &[u8]| {
    let Some((kind, mut rest)) = data.split_first() else {
        return;
    };
    let mut units = match kind % 4 {
        0 => Depacketizer::video(VideoCodec::H264, &[], MAX_BYTES),
        1 => Depacketizer::video(VideoCodec::H265, &[], MAX_BYTES),
        2 => Depacketizer::aac(1024),
        _ => Depacketizer::g711(),
    };
    let arrival = Instant::now();
    let mut timestamp = 0i64;
    while let Some(([flags, high, low], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([*high, *low]) % 1500).min(after.len());
        let (payload, after) = after.split_at(len);
        rest = after;
        timestamp = timestamp.wrapping_add(i64::from(flags >> 4 & 3) * i64::from(*high));
        let _ = units.push(&Packet {
            payload,
            mark: flags & 1 != 0,
            timestamp,
            lost: u16::from(flags >> 6),
            arrival,
        });
        while let Some(unit) = units.next() {
            assert!(unit.data.len() <= MAX_BYTES);
            if kind % 4 < 2 {
                let whole: usize = nal_units(&unit.data).map(|nal| nal.len() + 4).sum();
                assert_eq!(whole, unit.data.len());
            }
        }
    }
});

//! The segments of one camera, profile and hour as one value: a version byte, then the entries in order of start, delta-coded.
//!
//! ```text
//! version u8 | count | per entry: start, sequence, duration, bytes, place
//! ```
//! All are variable-length integers (LEB128). `start` is microseconds behind the start before (the first: behind the hour's
//! start); `sequence` is the zigzag of what it differs from the one before plus one (the first: from 0); `place` is the volume's
//! number times four and the origin. Version 1 had no places: all lay on volume 0 and came from the gateway.

use media::WallTime;
use serde::{Deserialize, Serialize};

/// Who recorded a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// This gateway, from the feed.
    #[default]
    Gateway,
    /// The camera's own storage, fetched later into a gap.
    Camera,
    /// A recorder beside the camera, fetched later into a gap.
    Recorder,
}

impl Origin {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Gateway => 0,
            Self::Camera => 1,
            Self::Recorder => 2,
        }
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        [Self::Gateway, Self::Camera, Self::Recorder]
            .into_iter()
            .find(|origin| origin.code() == code)
    }
}

/// What the index knows of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Wall time of its first frame.
    pub start: WallTime,
    /// Wall time after its last frame.
    pub end: WallTime,
    /// Its number in the feed's chain.
    pub sequence: u64,
    /// Its size.
    pub bytes: u64,
    /// The number of the volume that it lies on.
    pub volume: u16,
    /// Who recorded it.
    pub origin: Origin,
}

const VERSION: u8 = 2;
/// Without places.
const VERSION_1: u8 = 1;
/// An hour of one-second segments, ten times over.
const MAX_ENTRIES: u64 = 36_000;

/// Microseconds since the epoch at which an hour begins.
fn hour_start(hour: u32) -> i64 {
    // Hours beyond the year 294,000 are no hours of ours.
    i64::from(hour).saturating_mul(3_600_000_000)
}

/// Encodes entries that begin within `hour`, in order of start.
pub(crate) fn encode(hour: u32, entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 + entries.len() * 12);
    out.push(VERSION);
    put(&mut out, entries.len() as u64);
    let (mut start, mut sequence) = (hour_start(hour), 0u64);
    for entry in entries {
        put(&mut out, entry.start.0.saturating_sub(start).max(0) as u64);
        put(
            &mut out,
            zigzag(entry.sequence.wrapping_sub(sequence) as i64),
        );
        put(
            &mut out,
            entry.end.0.saturating_sub(entry.start.0).max(0) as u64,
        );
        put(&mut out, entry.bytes);
        put(
            &mut out,
            u64::from(entry.volume) << 2 | u64::from(entry.origin.code()),
        );
        (start, sequence) = (entry.start.0, entry.sequence.wrapping_add(1));
    }
    out
}

/// The inverse of [`encode`]; none where the bytes are not of its making.
pub(crate) fn decode(hour: u32, value: &[u8]) -> Option<Vec<Entry>> {
    let (version, mut rest) = value.split_first()?;
    let count = take(&mut rest)?;
    if !matches!(*version, VERSION | VERSION_1) || count > MAX_ENTRIES {
        return None;
    }
    // An entry has four bytes at least.
    let mut out = Vec::with_capacity((count as usize).min(rest.len() / 4));
    let (mut start, mut sequence) = (hour_start(hour), 0u64);
    for _ in 0..count {
        start = start.checked_add(i64::try_from(take(&mut rest)?).ok()?)?;
        sequence = sequence.wrapping_add(unzigzag(take(&mut rest)?) as u64);
        let duration = i64::try_from(take(&mut rest)?).ok()?;
        let bytes = take(&mut rest)?;
        let place = match *version {
            VERSION_1 => 0,
            _ => take(&mut rest)?,
        };
        out.push(Entry {
            start: WallTime(start),
            end: WallTime(start.checked_add(duration)?),
            sequence,
            bytes,
            volume: u16::try_from(place >> 2).ok()?,
            origin: Origin::of_code((place & 3) as u8)?,
        });
        sequence = sequence.wrapping_add(1);
    }
    rest.is_empty().then_some(out)
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift == 63 && part > 1 {
            return None;
        }
        n |= part << shift;
        if byte & 0x80 == 0 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_round_trips(
            hour in 0u32..2_000_000,
            mut starts in proptest::collection::vec(0i64..3_600_000_000, 0..80),
            rest in proptest::collection::vec((any::<u64>(), 0i64..100_000_000_000, any::<u64>(), any::<u16>(), 0u8..3), 80),
        ) {
            starts.sort_unstable();
            let entries: Vec<Entry> = starts.iter().zip(&rest).map(|(start, (sequence, duration, bytes, volume, origin))| {
                let start = hour_start(hour) + start;
                Entry {
                    start: WallTime(start),
                    end: WallTime(start + duration),
                    sequence: *sequence,
                    bytes: *bytes,
                    volume: *volume,
                    origin: Origin::of_code(*origin).unwrap(),
                }
            }).collect();
            prop_assert_eq!(decode(hour, &encode(hour, &entries)), Some(entries));
        }

        #[test]
        fn no_value_panics(hour: u32, value in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(hour, &value);
        }
    }

    #[test]
    fn a_row_from_before_there_were_volumes_is_read() {
        // Two segments of a minute each at the hour's start: count, then start, sequence, duration and bytes of each.
        let mut row = vec![VERSION_1];
        for n in [
            2,
            5,
            zigzag(7),
            60_000_000,
            1000,
            60_000_000,
            zigzag(0),
            60_000_000,
            900,
        ] {
            put(&mut row, n);
        }
        let entry = |start: i64, sequence, bytes| Entry {
            start: WallTime(hour_start(400_000) + start),
            end: WallTime(hour_start(400_000) + start + 60_000_000),
            sequence,
            bytes,
            volume: 0,
            origin: Origin::Gateway,
        };
        let expected = vec![entry(5, 7, 1000), entry(60_000_005, 8, 900)];
        assert_eq!(decode(400_000, &row), Some(expected));
    }

    #[test]
    fn an_hour_of_minutes_is_small() {
        let entries: Vec<Entry> = (0..60)
            .map(|n| Entry {
                start: WallTime(hour_start(400_000) + n * 60_040_000),
                end: WallTime(hour_start(400_000) + (n + 1) * 60_040_000),
                sequence: 1_000_000 + n as u64,
                bytes: 15_000_000,
                volume: 5,
                origin: Origin::Gateway,
            })
            .collect();
        let len = encode(400_000, &entries).len();
        assert!(len < 60 * 15, "{len} bytes");
    }
}

//! Every key of every tree, encoded in one place: a version byte first, numbers big-endian so that bytes sort as the values do.
//!
//! | tree | key | value |
//! | --- | --- | --- |
//! | `segments` | `1 camera(20) profile(1) hour(u32)` | that hour's segments ([`super::value`]) |
//! | `event` | `1 id(12)` | sequence in the journal, the event |
//! | `by` | `1 by(1) [camera(20) or level(1) region(12)] kind(1) id(12)` | nothing; `kind` 0 is any |
//! | `open` | `1 id(12)` | nothing |

use media::{CameraId, EventId, EventKind, Profile, RegionCode};

const VERSION: u8 = 1;

/// Times before 1970 sort before those after it.
fn ordered(n: i64) -> [u8; 8] {
    ((n as u64) ^ (1 << 63)).to_be_bytes()
}

fn unordered(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
}

fn profile_byte(profile: Profile) -> u8 {
    match profile {
        Profile::Main => 0,
        Profile::Sub => 1,
    }
}

fn profile_of(byte: u8) -> Option<Profile> {
    match byte {
        0 => Some(Profile::Main),
        1 => Some(Profile::Sub),
        _ => None,
    }
}

fn camera_of(bytes: &[u8]) -> Option<CameraId> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// The row of a camera's hour.
pub(crate) fn segments(camera: &CameraId, profile: Profile, hour: u32) -> Vec<u8> {
    let mut key = segments_prefix(camera, profile);
    key.extend_from_slice(&hour.to_be_bytes());
    key
}

/// What all rows of a feed begin with.
pub(crate) fn segments_prefix(camera: &CameraId, profile: Profile) -> Vec<u8> {
    let mut key = Vec::with_capacity(26);
    key.push(VERSION);
    key.extend_from_slice(camera.as_bytes());
    key.push(profile_byte(profile));
    key
}

/// The inverse of [`segments`].
pub(crate) fn parse_segments(key: &[u8]) -> Option<(CameraId, Profile, u32)> {
    if key.len() != 26 || key[0] != VERSION {
        return None;
    }
    let hour = u32::from_be_bytes(key[22..].try_into().ok()?);
    Some((camera_of(&key[1..21])?, profile_of(key[21])?, hour))
}

const ID: usize = 12;

fn id(id: EventId) -> [u8; ID] {
    let mut out = [0; ID];
    out[..8].copy_from_slice(&ordered(id.at));
    out[8..].copy_from_slice(&id.number.to_be_bytes());
    out
}

/// An event's own row.
pub(crate) fn event(of: EventId) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + ID);
    key.push(VERSION);
    key.extend_from_slice(&id(of));
    key
}

/// The id at the end of any of the event trees' keys.
pub(crate) fn parse_id(key: &[u8]) -> Option<EventId> {
    let tail = key.get(key.len().checked_sub(ID)?..)?;
    Some(EventId {
        at: unordered(tail[..8].try_into().ok()?),
        number: u32::from_be_bytes(tail[8..].try_into().ok()?),
    })
}

/// What a list of events is drawn up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    All,
    Camera(CameraId),
    /// A region and all below it.
    Region(RegionCode),
}

/// What the keys of one list begin with.
pub(crate) fn by_prefix(by: &By, kind: Option<EventKind>) -> Vec<u8> {
    let mut key = Vec::with_capacity(36);
    key.push(VERSION);
    match by {
        By::All => key.push(0),
        By::Camera(camera) => {
            key.push(1);
            key.extend_from_slice(camera.as_bytes());
        }
        By::Region(region) => {
            key.push(2);
            // 44 and 440000000000 are padded alike.
            key.push(region.as_str().len() as u8);
            key.extend_from_slice(&region.key());
        }
    }
    key.push(kind.map_or(0, kind_byte));
    key
}

/// An entry of a list.
pub(crate) fn by(by: &By, kind: Option<EventKind>, of: EventId) -> Vec<u8> {
    let mut key = by_prefix(by, kind);
    key.extend_from_slice(&id(of));
    key
}

/// Written to disk: numbers are never used again for another kind.
fn kind_byte(kind: EventKind) -> u8 {
    match kind {
        EventKind::Motion => 1,
        EventKind::PictureLost => 2,
        EventKind::Frozen => 3,
        EventKind::Dark => 4,
        EventKind::Covered => 5,
        EventKind::ConnectionLost => 6,
        EventKind::ConnectionBack => 7,
        EventKind::RecordingStopped => 8,
        EventKind::RecordingBack => 9,
        EventKind::Disk => 10,
        EventKind::Manual => 11,
        EventKind::External => 12,
        EventKind::RateLow => 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn camera() -> impl Strategy<Value = CameraId> {
        "[0-9]{20}".prop_map(|s| s.parse().unwrap())
    }
    fn profile() -> impl Strategy<Value = Profile> {
        prop_oneof![Just(Profile::Main), Just(Profile::Sub)]
    }

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_as_their_values(
            c in camera(), p in profile(), h1: u32, h2: u32, a: i64, b: i64, n: u32, m: u32,
        ) {
            prop_assert_eq!(parse_segments(&segments(&c, p, h1)), Some((c, p, h1)));
            prop_assert_eq!(segments(&c, p, h1).cmp(&segments(&c, p, h2)), h1.cmp(&h2));
            let (x, y) = (EventId { at: a, number: n }, EventId { at: b, number: m });
            prop_assert_eq!(parse_id(&event(x)), Some(x));
            prop_assert_eq!(parse_id(&by(&By::Camera(c), Some(EventKind::Dark), x)), Some(x));
            prop_assert_eq!(event(x).cmp(&event(y)), x.cmp(&y));
        }

        #[test]
        fn no_key_panics(key in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (parse_segments(&key), parse_id(&key));
        }
    }

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        let mut numbers: Vec<u8> = EventKind::ALL.iter().map(|k| kind_byte(*k)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), EventKind::ALL.len());
        assert!(!numbers.contains(&0));
    }
}

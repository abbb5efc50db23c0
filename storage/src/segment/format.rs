//! The boxes that only segments have, as bytes and back.

use super::{
    digest::Function,
    summary::{NUMBERS, Summary},
};
use crate::index::{Origin, value};
use media::{
    AudioTrack, CameraId, MediaTime, Profile, TrackKind, Tracks, VideoTrack, WallTime,
    fmp4::{boxed, full_box, init_segment, put32, put64},
};

/// User type of the box in `moov`: says whose segment this is.
const HEADER_TYPE: [u8; 16] = *b"sightline-head-1";
/// User type of the box at the seal, by the function of its digest.
const SEAL_TYPES: [(Function, [u8; 16]); 2] = [
    (Function::Sha256, *b"sightline-seal-1"),
    (Function::Blake3, *b"sightline-seal-2"),
];
/// User type of the box in `mfra`: what a playback's tables take of the segment.
const SUMMARY_TYPE: [u8; 16] = *b"sightline-sum-01";
/// Seconds from 1900 (NTP) to 1970.
const NTP_EPOCH: i64 = 2_208_988_800;
/// `prft` flags: the time is that of capture (ISO/IEC 14496-12, 8.16.5, amendment 1).
const CAPTURED: u32 = 24;

/// What a segment says of itself at its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose picture.
    pub camera: CameraId,
    /// Which stream.
    pub profile: Profile,
    /// Which gateway wrote it: the low half of its data directory's identity.
    pub writer: u64,
    /// Rises by one a segment of this feed and writer, from 1.
    pub sequence: u64,
    /// Wall time of the first frame.
    pub start: WallTime,
    /// The `digest` in the seal of the segment before; zeros for the first.
    pub previous: [u8; 32],
    /// Who recorded it.
    pub origin: Origin,
}

/// What a segment says of itself once it is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Wall time after the last frame.
    pub end: WallTime,
    /// Bytes before the seal.
    pub covered_bytes: u64,
    /// Of those bytes.
    pub digest: [u8; 32],
    /// By which function.
    pub function: Function,
}

/// A key frame's place, for `tfra`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyFrame {
    pub(crate) time: MediaTime,
    /// Of its fragment's `moof`.
    pub(crate) moof: u64,
    /// Its number in the run, from 1.
    pub(crate) sample: u32,
}

/// The bytes of a new segment: `ftyp` and `moov`.
pub(crate) fn head(header: &Header, tracks: &Tracks) -> Vec<u8> {
    let mut extra = Vec::with_capacity(160);
    boxed(&mut extra, b"uuid", |out| {
        out.extend_from_slice(&HEADER_TYPE);
        out.extend_from_slice(header.camera.as_bytes());
        out.push(match header.profile {
            Profile::Main => 0,
            Profile::Sub => 1,
        });
        put64(out, header.writer);
        put64(out, header.sequence);
        put64(out, header.start.0 as u64);
        out.extend_from_slice(&header.previous);
        // What the sample entries cannot say: the codec strings, and sample rates over 65535.
        text(out, &tracks.video.codec_string);
        if let Some(audio) = &tracks.audio {
            text(out, &audio.codec_string);
            put32(out, audio.rate);
        }
        // Readers from before there were origins end here.
        if header.origin != Origin::Gateway {
            out.push(header.origin.code());
        }
    });
    init_segment(tracks, None, &extra)
}

fn text(out: &mut Vec<u8>, s: &str) {
    let s = &s.as_bytes()[..s.len().min(255)];
    out.push(s.len() as u8);
    out.extend_from_slice(s);
}

/// Reads the box's content back; the strings go into the tracks.
pub(crate) fn parse_header(
    body: &[u8],
    video: &mut VideoTrack,
    audio: Option<&mut AudioTrack>,
) -> Option<Header> {
    let mut at = Bytes(body);
    if at.array()? != HEADER_TYPE {
        return None;
    }
    let camera: [u8; 20] = at.array()?;
    let mut header = Header {
        camera: std::str::from_utf8(&camera).ok()?.parse().ok()?,
        profile: match at.array()? {
            [0] => Profile::Main,
            [1] => Profile::Sub,
            _ => return None,
        },
        writer: at.u64()?,
        sequence: at.u64()?,
        start: WallTime(at.u64()? as i64),
        previous: at.array()?,
        origin: Origin::Gateway,
    };
    video.codec_string = at.text()?;
    if let Some(audio) = audio {
        audio.codec_string = at.text()?;
        audio.rate = at.u32()?;
    }
    if let Some([code]) = at.array() {
        header.origin = Origin::of_code(code)?;
    }
    Some(header)
}

/// Appends `prft`: `wall` is the time of the frame at `media`.
pub(crate) fn put_reference_time(
    out: &mut Vec<u8>,
    track: TrackKind,
    wall: WallTime,
    media: MediaTime,
) {
    full_box(out, b"prft", 1, CAPTURED, |out| {
        put32(out, track.mp4_id());
        put64(out, ntp(wall));
        put64(out, media.0.max(0) as u64);
    });
}

/// Reads `prft`'s content, version and flags included.
pub(crate) fn parse_reference_time(body: &[u8]) -> Option<(WallTime, MediaTime)> {
    let mut at = Bytes(body);
    if at.u32()? >> 24 != 1 {
        return None;
    }
    at.u32()?;
    let wall = from_ntp(at.u64()?);
    Some((wall, MediaTime(i64::try_from(at.u64()?).ok()?)))
}

/// Appends what completes a file: the seal, then `mfra`. The summary is in there, where readers from before there was one find
/// the seal and the table as they did.
pub(crate) fn put_seal(
    out: &mut Vec<u8>,
    seal: &Seal,
    keys: &[KeyFrame],
    summary: Option<&Summary>,
) {
    boxed(out, b"uuid", |out| {
        let of = SEAL_TYPES
            .iter()
            .find(|(function, _)| *function == seal.function);
        out.extend(of.iter().flat_map(|(_, kind)| kind));
        put64(out, seal.end.0 as u64);
        put64(out, seal.covered_bytes);
        out.extend_from_slice(&seal.digest);
    });
    let start = out.len();
    boxed(out, b"mfra", |out| {
        full_box(out, b"tfra", 1, 0, |out| {
            put32(out, TrackKind::Video.mp4_id());
            // Lengths of the three numbers below: 1, 1 and 4 bytes.
            put32(out, 0b00_00_11);
            put32(out, keys.len() as u32);
            for key in keys {
                put64(out, key.time.0.max(0) as u64);
                put64(out, key.moof);
                out.extend_from_slice(&[1, 1]);
                put32(out, key.sample);
            }
        });
        if let Some(summary) = summary {
            boxed(out, b"uuid", |out| {
                out.extend_from_slice(&SUMMARY_TYPE);
                summary.numbers().iter().for_each(|n| value::put(out, *n));
            });
        }
        // The size of all of `mfra`, `mfro` included: readers find it from the end of the file.
        let size = (out.len() - start + 16) as u32;
        full_box(out, b"mfro", 0, 0, |out| put32(out, size));
    });
}

/// The summary in the content of a `mfra`, if there is one.
pub(crate) fn parse_summary(mfra: &[u8]) -> Option<Summary> {
    let mut of_type = super::reader::boxes(mfra)
        .filter(|(kind, _)| kind == b"uuid")
        .filter_map(|(_, body)| body.strip_prefix(&SUMMARY_TYPE[..]));
    let mut body = of_type.next()?;
    let mut numbers = [0; NUMBERS];
    for n in &mut numbers {
        *n = value::take(&mut body)?;
    }
    Summary::of_numbers(numbers)
}

/// Reads the seal's content.
pub(crate) fn parse_seal(body: &[u8]) -> Option<Seal> {
    let mut at = Bytes(body);
    let kind = at.array()?;
    let (function, _) = *SEAL_TYPES.iter().find(|(_, is)| *is == kind)?;
    Some(Seal {
        function,
        end: WallTime(at.u64()? as i64),
        covered_bytes: at.u64()?,
        digest: at.array()?,
    })
}

/// Seconds and fractions of 2^-32 s since 1900. The era wraps in 2036: [`from_ntp`] takes small numbers as the next era.
fn ntp(wall: WallTime) -> u64 {
    let us = wall.0;
    let seconds = us.div_euclid(1_000_000).wrapping_add(NTP_EPOCH) as u64;
    let fraction = (us.rem_euclid(1_000_000) as u64) << 32;
    // Rounded up, so that cutting to microseconds on the way back gives the same.
    (seconds << 32) | fraction.div_ceil(1_000_000)
}

fn from_ntp(ntp: u64) -> WallTime {
    let mut seconds = (ntp >> 32) as i64;
    if seconds < NTP_EPOCH {
        seconds += 1 << 32;
    }
    let us = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    WallTime((seconds - NTP_EPOCH) * 1_000_000 + us as i64)
}

/// Checked reading of big-endian fields.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    pub(crate) fn slice(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
    fn text(&mut self) -> Option<String> {
        let [n] = self.array()?;
        String::from_utf8(self.slice(usize::from(n))?.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reference_time_round_trips(us in 0i64..4_000_000_000_000_000, media in 0i64..i64::MAX) {
            let mut out = Vec::new();
            put_reference_time(&mut out, TrackKind::Video, WallTime(us), MediaTime(media));
            prop_assert_eq!(parse_reference_time(&out[8..]), Some((WallTime(us), MediaTime(media))));
        }

        #[test]
        fn a_seal_round_trips(end: i64, covered_bytes: u64, digest: [u8; 32], old: bool) {
            let function = if old { Function::Sha256 } else { Function::Blake3 };
            let seal = Seal { end: WallTime(end), covered_bytes, digest, function };
            let mut out = Vec::new();
            put_seal(&mut out, &seal, &[], None);
            prop_assert_eq!(parse_seal(&out[8..]), Some(seal));
        }
    }
}

//! The moment of sending, written into the coded picture: a user-data SEI unit that holds the
//! sender's monotonic clock, so that delay is read off the bytes anywhere on this machine.

use rustix::time::{ClockId, clock_gettime};

use crate::clip::VideoCodec;

/// Names our SEI messages (ITU-T H.264, D.2.7). No byte is zero, so nothing here needs
/// emulation prevention; the digits are ASCII for the same reason.
const UUID: [u8; 16] = *b"\x9bSightline\xa7cstmp";
/// Hexadecimal digits of the time.
pub(crate) const DIGITS: usize = 16;

/// CLOCK_MONOTONIC in nanoseconds: the clock of [`read`]'s answers.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec as u64)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(now.tv_nsec as u64)
}

/// The moment of sending ([`now_ns`]) of an access unit made by a camera with `stamp` on.
/// Takes bare units, Annex B, length-prefixed or RTP bytes alike: it looks for the SEI's UUID.
pub fn read(access_unit: &[u8]) -> Option<u64> {
    let at = access_unit.windows(UUID.len()).position(|w| w == UUID)? + UUID.len();
    let digits = std::str::from_utf8(access_unit.get(at..at.checked_add(DIGITS)?)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// The SEI unit with a time of zero; the digits end one byte before its end.
pub(crate) fn sei(codec: VideoCodec) -> Vec<u8> {
    let mut out = match codec {
        VideoCodec::H264 => vec![6],
        VideoCodec::H265 => vec![39 << 1, 1],
    };
    out.extend_from_slice(&[5, (UUID.len() + DIGITS) as u8]);
    out.extend_from_slice(&UUID);
    out.extend_from_slice(&[b'0'; DIGITS]);
    out.push(0x80);
    out
}

pub(crate) fn patch(digits: &mut [u8], ns: u64) {
    for (i, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(ns >> (60 - 4 * i)) as usize & 15];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut unit = sei(VideoCodec::H265);
        let end = unit.len() - 1;
        patch(&mut unit[end - DIGITS..end], 0x0123_4567_89ab_cdef);
        assert_eq!(read(&unit), Some(0x0123_4567_89ab_cdef));
        assert_eq!(read(&unit[..end - 3]), None, "cut short");
        assert_eq!(read(b"nothing here"), None);
        assert!(!unit.windows(2).any(|w| w == [0, 0]));
    }
}

//! Names of files and directories, in UTC: `CAMERA/20261123/12/20261123T120000.123456Z-main-42.mp4`.

use std::path::{Path, PathBuf};

use media::{FeedId, WallTime};

use crate::index::Entry;

/// `20261123`; years beyond 9999 all lie in one directory.
pub(crate) fn day(at: WallTime) -> String {
    digits(at, 0..8)
}

/// `12`.
pub(crate) fn hour(at: WallTime) -> String {
    digits(at, 8..10)
}

/// The file of a segment, under the directory of its volume.
pub(crate) fn segment(volume: &Path, feed: FeedId, entry: &Entry) -> PathBuf {
    let digits = all_digits(entry.start);
    let name = format!(
        "{}T{}.{}Z-{}-{}.mp4",
        &digits[..8],
        &digits[8..14],
        &digits[14..20],
        feed.profile,
        entry.sequence
    );
    let camera = feed.camera.as_str();
    let below = camera.len() + digits.len() + name.len();
    let mut path = PathBuf::with_capacity(volume.as_os_str().len() + below);
    for part in [volume.as_os_str(), camera.as_ref()] {
        path.push(part);
    }
    path.push(&digits[..8]);
    path.push(&digits[8..10]);
    path.push(name);
    path
}

/// Some of the 20 digits from the year down to the microsecond.
fn digits(at: WallTime, range: std::ops::Range<usize>) -> String {
    all_digits(at)[range].to_owned()
}

fn all_digits(at: WallTime) -> String {
    // `WallTime` cannot be written outside these years, and `to_string` would panic on that.
    let at = WallTime(at.0.clamp(0, LAST));
    let mut digits = at.to_string();
    digits.retain(|c| c.is_ascii_digit());
    digits
}

/// 9999-12-31T23:59:59.999999Z.
const LAST: i64 = 253_402_300_799_999_999;

#[cfg(test)]
mod tests {
    use super::*;
    use media::Profile;

    #[test]
    fn a_segment_has_an_absolute_name() {
        let feed = FeedId {
            camera: "44140301001320000001".parse().unwrap(),
            profile: Profile::Sub,
        };
        let entry = Entry {
            start: "2026-11-23T08:05:06.07+08:00".parse().unwrap(),
            end: WallTime(0),
            sequence: 42,
            bytes: 0,
            volume: 0,
            origin: Default::default(),
        };
        assert_eq!(
            segment(Path::new("/r"), feed, &entry),
            Path::new("/r/44140301001320000001/20261123/00/20261123T000506.070000Z-sub-42.mp4")
        );
        assert_eq!(day(WallTime(i64::MAX)), "99991231");
    }
}

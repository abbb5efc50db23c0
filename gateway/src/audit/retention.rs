//! What retention deletes, as entries of the audit log.

use std::collections::BTreeMap;

use media::{ByteCount, CameraId, Profile, RegionCode, WallTime};
use storage::{Deleted, Rule};

use super::{Entry, Outcome};

/// Who it is that nobody is.
pub const USER: &str = "retention";
/// What it does.
pub const ACTION: &str = "recording-deleted";

/// An entry for each stream and rule of a batch: its segments lie side by side as a rule, and a sweep may take thousands.
pub(crate) fn entries(
    batch: &[Deleted],
    region: impl Fn(&CameraId) -> Option<RegionCode>,
) -> Vec<Entry> {
    let mut parts: BTreeMap<(CameraId, Profile, String), Part> = BTreeMap::new();
    for segment in batch {
        let key = (segment.camera, segment.profile, why(segment.rule));
        let part = parts.entry(key).or_insert(Part {
            start: segment.start,
            end: segment.end,
            segments: 0,
            bytes: 0,
        });
        part.start = part.start.min(segment.start);
        part.end = part.end.max(segment.end);
        part.segments += 1;
        part.bytes = part.bytes.saturating_add(segment.bytes);
    }
    let entry = |((camera, profile, why), part): ((CameraId, Profile, String), Part)| {
        let mut entry = Entry::new(USER, "", ACTION, camera.to_string());
        entry.region = region(&camera);
        entry.detail = format!(
            "{profile} {} to {}, {} segments, {}",
            part.start,
            part.end,
            part.segments,
            ByteCount(part.bytes)
        );
        entry.reason = why;
        entry
    };
    parts.into_iter().map(entry).collect()
}

/// An entry for batches of which nothing but their number is known.
pub(crate) fn missed(batches: u64) -> Entry {
    let mut entry = Entry::new(USER, "", ACTION, "");
    entry.outcome = Outcome::Failed;
    entry.detail = format!("{batches} sweeps deleted what is not listed here");
    entry
}

struct Part {
    start: WallTime,
    end: WallTime,
    segments: u64,
    bytes: u64,
}

fn why(rule: Rule) -> String {
    match rule {
        Rule::Days(days) => format!("kept for {days} days"),
        Rule::KeepFree(bytes) => format!("the disk had less than {} free", ByteCount(bytes)),
        Rule::MaxBytes(bytes) => format!("recordings took more than {}", ByteCount(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deleted(camera: u32, at_s: i64, rule: Rule) -> Deleted {
        Deleted {
            camera: format!("441403000013260{camera:05}").parse().unwrap(),
            profile: Profile::Main,
            start: WallTime::from_secs(at_s),
            end: WallTime::from_secs(at_s + 60),
            bytes: 1000,
            rule,
        }
    }

    #[test]
    fn a_sweep_is_an_entry_for_each_camera_and_rule() {
        let (old, full) = (Rule::Days(30), Rule::KeepFree(10 << 30));
        let batch = [
            deleted(1, 60, old),
            deleted(1, 0, old),
            deleted(2, 0, old),
            deleted(1, 120, full),
        ];
        let village: RegionCode = "441403102201".parse().unwrap();
        let entries = entries(&batch, |_| Some(village));
        assert_eq!(entries.len(), 3);
        let first = &entries[0];
        assert_eq!(
            (first.user.as_str(), first.action.as_str()),
            ("retention", "recording-deleted")
        );
        assert_eq!(first.object, "44140300001326000001");
        assert_eq!(first.region, Some(village));
        assert!(
            first.detail.starts_with(
                "main 1970-01-01T00:00:00.000000Z to 1970-01-01T00:02:00.000000Z, 2 segments, "
            ),
            "{}",
            first.detail
        );
        assert_eq!(first.reason, "kept for 30 days");
        assert!(entries[1].reason.starts_with("the disk had less than "));
        assert_eq!(entries[2].object, "44140300001326000002");
    }
}

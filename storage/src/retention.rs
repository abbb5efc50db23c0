//! What is deleted, when, and by which rule.

use media::{CameraId, Profile, WallTime};
use serde::Serialize;

/// Why a segment was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "rule", content = "value")]
pub enum Rule {
    /// Older than the camera's days to keep.
    Days(u32),
    /// The disk's free space was under `keep_free` (bytes).
    KeepFree(u64),
    /// The recordings were over `max_bytes`.
    MaxBytes(u64),
}

/// A segment that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub profile: Profile,
    /// Its first frame.
    pub start: WallTime,
    /// After its last frame.
    pub end: WallTime,
    /// Its size.
    pub bytes: u64,
    /// Why.
    pub rule: Rule,
}

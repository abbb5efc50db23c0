//! What the tagger says: a [`Tag`] live, a [`Finding`] about a file.

use bytes::Bytes;
use media::{CameraId, EventKind, WallTime};
use serde::{Deserialize, Serialize};

/// Where in its life a tagged thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It began.
    Start,
    /// It goes on (said every [`crate::Config::going_every_s`]).
    Going,
    /// It ended: [`Tag::at`] is when it was last seen.
    End,
}

/// Something was found, goes on, or ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Tag {
    /// On which camera.
    pub camera: CameraId,
    /// What: motion, picture lost, frozen, dark or covered.
    pub kind: EventKind,
    /// Whether it began, goes on or ended.
    pub phase: Phase,
    /// When it began, by the gateway's clock.
    pub start: WallTime,
    /// When it was last seen, by the gateway's clock.
    pub at: WallTime,
    /// 0 to 1: how sure, or how much.
    pub score: f32,
    /// A JPEG of the moment it was seen, with `Start` where a picture is there.
    pub snapshot: Option<Bytes>,
    /// A sentence for logs and lists.
    pub text: String,
}

/// Something found in a file, in seconds of the file's own timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: EventKind,
    /// When it began.
    pub start_s: f64,
    /// When it was last seen.
    pub end_s: f64,
}

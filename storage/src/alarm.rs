//! What recorders say aloud.

use media::{FeedId, Reason, WallTime};

/// Something that people should know about a recording. Sent on [`crate::Archive::alarms`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderAlarm {
    /// Whose recording.
    pub feed: FeedId,
    /// When, on the gateway's clock.
    pub at: WallTime,
    /// What.
    pub kind: AlarmKind,
}

/// What happened to a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlarmKind {
    /// Nothing is recorded any more, for this reason (a disk's or the source's). Said once until it is back.
    Stopped(Reason),
    /// It records again; the gap began at `since`.
    Back {
        /// When the gap began.
        since: WallTime,
    },
    /// Frames were dropped (the disk was too slow); recording goes on.
    Dropped {
        /// How many frames.
        frames: u64,
        /// Why.
        reason: Reason,
    },
}

//! What recorders and volumes say aloud.

use std::path::PathBuf;

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

/// Something that people should know about a disk. Sent on [`crate::Archive::volume_alarms`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeAlarm {
    /// The volume's number; 0 is the data directory's own.
    pub number: u16,
    /// Where it is.
    pub path: PathBuf,
    /// When, on the gateway's clock.
    pub at: WallTime,
    /// What.
    pub kind: VolumeAlarmKind,
}

/// What happened to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeAlarmKind {
    /// Nothing new is put there, for this reason: it failed, is full or read-only, hangs, is not there, or is another one. Said
    /// once until it is back.
    Out(Reason),
    /// It takes recordings again.
    Back {
        /// When it went out.
        since: WallTime,
    },
}

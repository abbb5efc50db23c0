//! What an archive is told.

use std::path::PathBuf;

use media::ByteCount;
use serde::{Deserialize, Serialize};

use crate::volume::Policy;

/// How recordings are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A segment is cut at the first key frame after this many seconds.
    pub segment_seconds: u32,
    /// Days to keep, where a camera has no number of its own.
    pub keep_days: u32,
    /// Directories that recordings are put in, each on a disk of its own; the data directory's own if there are none. That one
    /// is written to as well only where it is listed; it is always read.
    pub volumes: Vec<PathBuf>,
    /// Which recording goes where.
    pub policy: Policy,
    /// The oldest recordings of a disk go when it has less than this free, bytes.
    pub keep_free: ByteCount,
    /// Once they go for want of room, they go until the disk has this free, bytes; `keep_free` if absent.
    pub free_target: Option<ByteCount>,
    /// Days that no want of room takes away, where a camera has no number of its own. What cannot be freed for it is said on
    /// [`Archive::room`].
    pub floor_days: u32,
    /// The oldest recordings go when they are more than this, bytes; no limit if absent.
    pub max_bytes: Option<ByteCount>,
    /// What all recorders together may hold in memory before the disk has it, bytes.
    pub recorder_budget: ByteCount,
    /// What was written is brought to the disk after so many seconds, also of segments that are still open: what a power cut
    /// takes at most, with the group at hand.
    pub flush_seconds: u32,
    /// A call to a disk that has not come back for so many seconds: it hangs, and what it was to take goes elsewhere.
    pub hang_seconds: u32,
    /// Threads that write to a volume.
    pub disk_threads: usize,
    /// Cache of the index, bytes.
    pub index_cache: ByteCount,
    /// Seconds between two looks at what retention says.
    pub sweep_seconds: u32,
    /// The longest range one playback may have, seconds.
    pub playback_limit_seconds: u32,
    /// The local clock's lead over UTC, minutes: where days begin, for plans and completeness.
    pub utc_offset_minutes: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_seconds: 60,
            keep_days: 30,
            volumes: Vec::new(),
            policy: Policy::Spread,
            keep_free: ByteCount::mebibytes(2 * 1024),
            free_target: None,
            floor_days: 0,
            max_bytes: None,
            recorder_budget: ByteCount::mebibytes(256),
            flush_seconds: 10,
            hang_seconds: 10,
            disk_threads: 4,
            index_cache: ByteCount::mebibytes(64),
            sweep_seconds: 60,
            playback_limit_seconds: 24 * 3600,
            utc_offset_minutes: 8 * 60,
        }
    }
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Bytes of all segments.
    pub used: ByteCount,
    /// Bytes free on the disks that new ones are put on; zero where they do not tell.
    pub free: ByteCount,
}

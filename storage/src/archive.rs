//! The archive: records feeds, and answers for what was recorded.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use media::{ByteCount, CameraId, Lease, Tracks, WallTime};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{
    DataDir, Error, alarm::RecorderAlarm, playback::Playback, recorder::Recorder,
    retention::Deleted, timeline::Timeline,
};

/// How recordings are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A segment is cut at the first key frame after this many seconds.
    pub segment_seconds: u32,
    /// Days to keep, where a camera has no number of its own.
    pub keep_days: u32,
    /// The oldest recordings go when the disk has less than this free, bytes.
    pub keep_free: ByteCount,
    /// The oldest recordings go when they are more than this, bytes; no limit if absent.
    pub max_bytes: Option<ByteCount>,
    /// What all recorders together may hold in memory before the disk has it, bytes.
    pub recorder_budget: ByteCount,
    /// Threads that write.
    pub disk_threads: usize,
    /// Cache of the index, bytes.
    pub index_cache: ByteCount,
    /// Seconds between two looks at what retention says.
    pub sweep_seconds: u32,
    /// The longest range one playback may have, seconds.
    pub playback_limit_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_seconds: 60,
            keep_days: 30,
            keep_free: ByteCount::mebibytes(2 * 1024),
            max_bytes: None,
            recorder_budget: ByteCount::mebibytes(256),
            disk_threads: 4,
            index_cache: ByteCount::mebibytes(64),
            sweep_seconds: 60,
            playback_limit_seconds: 24 * 3600,
        }
    }
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Bytes of all segments.
    pub used: ByteCount,
    /// Bytes free on the disk that holds them.
    pub free: ByteCount,
}

/// Handle of the archive; clones are of the same one.
#[derive(Clone, Debug)]
pub struct Archive {}

impl Archive {
    /// Opens the recordings of a data directory: takes in what a crash left unindexed, rebuilds the index where it does not
    /// open. Blocking, and to be called within a tokio runtime (the timer of retention runs on it).
    ///
    /// # Errors
    /// Where the disk refuses. A damaged index or segment is no error: it is put right and logged.
    pub fn open(data: &Arc<DataDir>, config: Config) -> Result<Self, Error> {
        let _ = (data, config);
        todo!()
    }

    /// Records a feed until the handle is stopped or dropped. Within a tokio runtime. One recorder a feed: a second one of the
    /// same feed writes segments of its own and is a mistake.
    pub fn record(&self, lease: Lease, keep_days: u32) -> Recorder {
        let _ = (lease, keep_days);
        todo!()
    }

    /// Sets a camera's days to keep, also while nothing is recorded. Kept in the journal.
    pub async fn keep(&self, camera: CameraId, days: u32) -> Result<(), Error> {
        let _ = (camera, days);
        todo!()
    }

    /// What recorders say aloud. A receiver that lags loses the oldest.
    pub fn alarms(&self) -> broadcast::Receiver<RecorderAlarm> {
        todo!()
    }

    /// What retention's own timer deletes, a batch each (for the audit log).
    pub fn deletions(&self) -> broadcast::Receiver<Arc<Vec<Deleted>>> {
        todo!()
    }

    /// What was recorded of a camera between two moments, and why not.
    pub async fn timeline(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Timeline, Error> {
        let _ = (camera, from, to);
        todo!()
    }

    /// The range as one MP4; none where nothing of it is recorded. The same range gives the same bytes for as long as the
    /// segments are there; one that reaches into the present is held still for two minutes after its last use.
    ///
    /// # Errors
    /// [`Error::Range`] where it is empty or too long.
    pub async fn playback(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Option<Playback>, Error> {
        let _ = (camera, from, to);
        todo!()
    }

    /// The newest key frame at or before `at`, with its tracks and its wall time.
    pub async fn frame_at(
        &self,
        camera: CameraId,
        at: WallTime,
    ) -> Result<Option<(Arc<Tracks>, WallTime, Bytes)>, Error> {
        let _ = (camera, at);
        todo!()
    }

    /// The oldest moment recorded of a camera.
    pub async fn oldest(&self, camera: CameraId) -> Option<WallTime> {
        let _ = camera;
        todo!()
    }

    /// How full it is.
    pub fn usage(&self) -> Usage {
        todo!()
    }

    /// Deletes what retention says, now, and tells what.
    pub async fn sweep(&self) -> Vec<Deleted> {
        todo!()
    }

    /// Stops every recorder, seals what is open, flushes the index. Bounded: what a hanging disk has not taken in `deadline`
    /// is left to the next start.
    pub async fn shutdown(&self, deadline: Duration) {
        let _ = deadline;
        todo!()
    }
}

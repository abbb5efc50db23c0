//! Reads a feed's ring within the budget that all recorders share: where that is spent the ring goes on without its recorder.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use media::{Cursor, Frame, Next, Reason, WallTime, ring::Missed};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::segmenter::Batch;

/// How often a ring is looked into: 25 frames a second in one go are cheaper than 25 times one. A crash takes as much more.
const PACE: Duration = Duration::from_secs(1);
/// Recorders look in turn, so many turns a pace: many at once are cheaper than each at its own time, and all at once would keep
/// others waiting.
const TURNS: u32 = 5;

/// When a recorder looks next: on a beat that all have in common.
pub(super) fn beat(turn: u32, period: Duration) -> Instant {
    static BEGAN: OnceLock<std::time::Instant> = OnceLock::new();
    let now = std::time::Instant::now();
    let since = now.saturating_duration_since(*BEGAN.get_or_init(|| now));
    let shift = PACE / TURNS * (turn % TURNS);
    let (since, period) = ((since + period - shift).as_nanos(), period.as_nanos());
    let left = period - since % period;
    Instant::now() + Duration::from_nanos(left as u64)
}

/// A cursor at the newest key frame that was captured at `since` or before, else at the oldest there is.
pub(super) fn cursor_since(ring: &media::Ring, since: WallTime) -> Cursor {
    let mut cursor = ring.cursor_at_start(Arc::new(Notify::new()));
    let mut probe = ring.cursor_at_start(Arc::new(Notify::new()));
    let (mut before, mut seen) = (0, 0);
    while let Some(Next::Frame(frame)) = probe.try_next() {
        if frame.key {
            if frame.captured > since {
                break;
            }
            before = seen;
        }
        seen += 1;
    }
    for _ in 0..before {
        // What has gone meanwhile is skipped here as anywhere.
        let _ = cursor.try_next();
    }
    cursor
}

/// What came of reading.
pub(super) enum Read {
    Frame(Arc<Frame>, OwnedSemaphorePermit),
    Skipped(Missed),
    Closed(Option<Reason>),
}

/// The cursor, and the budget that lets it be read.
pub(super) struct Reader {
    pub(super) cursor: Cursor,
    /// Read, and waiting for its share.
    pub(super) pending: Option<Arc<Frame>>,
    pub(super) budget: Arc<Semaphore>,
    pub(super) budget_kib: usize,
    /// Not looked into before.
    pub(super) look: Instant,
    /// Which turn is its own.
    pub(super) turn: u32,
}

impl Reader {
    /// What is next. Cancel safe.
    pub(super) async fn next(&mut self) -> Read {
        let frame = match self.pending.take() {
            Some(frame) => frame,
            None => {
                tokio::time::sleep_until(self.look).await;
                match self.cursor.next().await {
                    Next::Frame(frame) => frame,
                    Next::Skipped(missed) => return Read::Skipped(missed),
                    Next::Closed(reason) => return Read::Closed(reason),
                }
            }
        };
        let kib = frame_kib(&frame, self.budget_kib) as u32;
        self.pending = Some(Arc::clone(&frame));
        match Arc::clone(&self.budget).acquire_many_owned(kib).await {
            Ok(share) => {
                self.pending = None;
                Read::Frame(frame, share)
            }
            // Closed when the archive is.
            Err(_) => Read::Closed(None),
        }
    }

    /// What is there already.
    pub(super) fn try_next(&mut self) -> Option<Read> {
        let frame = match self.pending.take() {
            Some(frame) => frame,
            None => match self.cursor.try_next() {
                Some(Next::Frame(frame)) => frame,
                Some(Next::Skipped(missed)) => return Some(Read::Skipped(missed)),
                Some(Next::Closed(reason)) => return Some(Read::Closed(reason)),
                None => {
                    self.look = beat(self.turn, PACE);
                    return None;
                }
            },
        };
        let kib = frame_kib(&frame, self.budget_kib) as u32;
        match Arc::clone(&self.budget).try_acquire_many_owned(kib) {
            Ok(share) => Some(Read::Frame(frame, share)),
            Err(_) => {
                self.pending = Some(frame);
                None
            }
        }
    }
}

/// A frame's share of the budget, in KiB; one that is larger than all of it takes all of it.
fn frame_kib(frame: &Frame, budget_kib: usize) -> usize {
    (frame.cost_bytes().div_ceil(1024) as usize).min(budget_kib)
}

pub(super) fn batch_kib(batch: &Batch, budget_kib: usize) -> usize {
    let frames = batch.video.iter().chain(&batch.audio);
    frames.map(|f| frame_kib(&f.frame, budget_kib)).sum()
}

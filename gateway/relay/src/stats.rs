//! What the relay did, counted without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// A reading of the relay's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Connections now.
    pub viewers: u64,
    /// Tiles open now, over all connections.
    pub tiles: u64,
    /// Connections since the start.
    pub viewers_total: u64,
    /// Bytes handed to transports since the start.
    pub sent_bytes: u64,
    /// Media messages handed to transports since the start.
    pub sent_messages: u64,
    /// Calls that wrote them (WebSocket): `sent_messages / writes` messages went in one.
    pub writes: u64,
    /// Frames left out for slow viewers.
    pub skipped_frames: u64,
    /// Groups reset as stale (QUIC).
    pub stale_groups: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) viewers: AtomicU64,
    pub(crate) tiles: AtomicU64,
    pub(crate) viewers_total: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) sent_messages: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) skipped_frames: AtomicU64,
    pub(crate) stale_groups: AtomicU64,
}

impl Counters {
    pub(crate) fn read(&self) -> Stats {
        Stats {
            viewers: self.viewers.load(Relaxed),
            tiles: self.tiles.load(Relaxed),
            viewers_total: self.viewers_total.load(Relaxed),
            sent_bytes: self.sent_bytes.load(Relaxed),
            sent_messages: self.sent_messages.load(Relaxed),
            writes: self.writes.load(Relaxed),
            skipped_frames: self.skipped_frames.load(Relaxed),
            stale_groups: self.stale_groups.load(Relaxed),
        }
    }

    pub(crate) fn add(counter: &AtomicU64, n: u64) {
        if n > 0 {
            counter.fetch_add(n, Relaxed);
        }
    }
}

//! How late a viewer is, found without a look at any clock but the driver's.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Where in the stream of bytes the feed's live edge was, and when: what a viewer has not taken [`Config::max_delay_ms`]
/// later is late. Counted in bytes pushed, so neither the camera's nor the wall clock matters.
///
/// [`Config::max_delay_ms`]: crate::Config::max_delay_ms
#[derive(Default)]
pub(super) struct Marks(VecDeque<(Instant, u64)>);

/// Marks within the maximum delay: a viewer is found late at most an eighth of the delay too late.
const MARKS: u32 = 8;

impl Marks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// How long what comes after these bytes has been there, at least.
    pub(super) fn age(&self, now: Instant, read: u64) -> Duration {
        self.0
            .iter()
            .find(|(_, total)| *total > read)
            .map_or(Duration::ZERO, |(at, _)| now.saturating_duration_since(*at))
    }

    pub(super) fn note(&mut self, now: Instant, total: u64, max_delay: Duration) {
        let due = self
            .0
            .back()
            .is_none_or(|(at, _)| now.saturating_duration_since(*at) >= max_delay / MARKS);
        if due {
            self.0.push_back((now, total));
        }
        // Of those old enough only the newest counts.
        while self
            .0
            .get(1)
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= max_delay)
        {
            self.0.pop_front();
        }
    }

    /// Bytes that had been pushed `max_delay` ago (or a little earlier); none if nothing was noted then.
    pub(super) fn edge_before(&self, now: Instant, max_delay: Duration) -> Option<u64> {
        self.0
            .iter()
            .rev()
            .find(|(at, _)| now.saturating_duration_since(*at) >= max_delay)
            .map(|(_, total)| *total)
    }
}

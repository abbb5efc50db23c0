//! What streams take: by what was measured of them, and what is said.

use media::{BitRate, FeedId, Profile};

use super::{Shared, State, rooms::Why};
use crate::{camera::Source, config::Config};

/// What a feed was measured at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Estimate {
    peak: BitRate,
    /// Measurements, one a second.
    seen: u32,
}

/// So many seconds of a stream tell what it takes: five minutes.
const KNOWN: u32 = 300;

impl Estimate {
    /// What to set aside for a stream of which this was seen and that much is said. What was seen for a moment only does not make
    /// it less: the moment may have been a quiet one.
    fn rate(self, said: BitRate) -> BitRate {
        match self.seen >= KNOWN {
            // A tenth for what five minutes did not show.
            true => BitRate(self.peak.0 + self.peak.0 / 10),
            false => self.peak.max(said),
        }
    }
}

impl State {
    /// What a stream takes, by what was measured of it and what is said.
    pub(super) fn rate(&self, config: &Config, feed: FeedId, source: &Source) -> BitRate {
        let usual = match feed.profile {
            Profile::Main => config.main_bit_rate,
            Profile::Sub => config.sub_bit_rate,
        };
        let said = source.declared.unwrap_or(usual);
        self.rates
            .get(&feed)
            .copied()
            .unwrap_or_default()
            .rate(said)
    }
}

impl Shared {
    pub(crate) fn measured(&self, feed: FeedId, rate: BitRate) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let estimate = state.rates.entry(feed).or_default();
        estimate.peak = estimate.peak.max(rate);
        estimate.seen = estimate.seen.saturating_add(1);
        let known = estimate.seen == KNOWN;
        let estimate = *estimate;
        let declared = state.cameras.get(&feed.camera);
        let declared = declared.and_then(|c| c.source(feed.profile)?.declared);
        // What was guessed is known now.
        if known && declared.is_none() {
            state.links.shrink(feed, estimate.rate(rate));
        }
        let ousted = state.links.measured(feed, rate);
        self.oust(state, ousted, Why::Grown(feed, rate));
    }
}

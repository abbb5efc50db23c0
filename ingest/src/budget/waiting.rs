//! Who was refused and asks again: what is released meanwhile is set aside, so that one who needs much is not overtaken for ever
//! by many who need little. Bounded in number and in time.

use std::time::{Duration, Instant};

use media::FeedId;

use super::Path;

/// Who has not asked again for so long has given up.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// Room is set aside for so long at a time, and not for as long after that: a link whose room never comes free would
/// otherwise stand partly empty for one who never fits.
const SPELL: Duration = Duration::from_secs(30);
/// Most that wait at once; more are refused as ever, and nothing is set aside for them.
const MOST: usize = 256;

/// In the order in which they were refused first.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting(Vec<Claim>);

#[derive(Clone, Debug)]
struct Claim {
    feed: FeedId,
    rank: usize,
    rate: u64,
    /// The links that had no room for it at some time since it was refused first.
    lacked: Path,
    first: Instant,
    last: Instant,
}

impl Claim {
    /// Counted from when it was refused first; room is set aside in every other one.
    fn spell(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.first).as_secs() / SPELL.as_secs()
    }
}

impl Waiting {
    /// Refused for want of room on these links.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        feed: FeedId,
        rank: usize,
        rate: u64,
        lacked: Path,
    ) {
        self.0
            .retain(|c| now.saturating_duration_since(c.last) < GIVEN_UP);
        let known = self.0.iter_mut().find(|c| c.feed == feed && c.rank == rank);
        if let Some(claim) = known {
            // Links may lack room by turns: what one of them releases is kept until all have it. Were it kept on the links of this
            // spell only, two who hold one of them each could pass over it by turns, for ever.
            claim.lacked = claim.lacked.with(&lacked);
            (claim.rate, claim.last) = (rate, now);
        } else if self.0.len() < MOST {
            self.0.push(Claim {
                feed,
                rank,
                rate,
                lacked,
                first: now,
                last: now,
            });
        }
    }

    /// It got its room; and who asked for it as urgently takes it in place of the camera's other stream.
    pub(super) fn withdraw(&mut self, feed: FeedId, rank: usize) {
        self.0
            .retain(|c| c.feed != feed && (c.feed.camera != feed.camera || c.rank != rank));
    }

    /// The links are others now: who still lacks room says so again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is set aside on a link against one who asks: for the more urgent, and for those of its own urgency who were refused
    /// before it.
    pub(super) fn aside(&self, now: Instant, link: usize, feed: FeedId, rank: usize) -> u64 {
        let mut sum = 0u64;
        let mut passed = false;
        for claim in &self.0 {
            if claim.feed == feed && claim.rank == rank {
                passed = true;
            }
            let before = claim.rank > rank || (claim.rank == rank && !passed);
            let alive = now.saturating_duration_since(claim.last) < GIVEN_UP;
            if before
                && alive
                && claim.spell(now).is_multiple_of(2)
                && claim.feed.camera != feed.camera
                && claim.lacked.iter().any(|l| l == link)
            {
                sum = sum.saturating_add(claim.rate);
            }
        }
        sum
    }
}

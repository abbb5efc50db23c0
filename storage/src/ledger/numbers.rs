//! Numbers of segments that are taken, whatever can be read: a disk that is not there while the index is lost too must not have
//! its numbers given away again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use media::FeedId;

use super::Entry;
use crate::{DataDir, Error, journal};

/// So many numbers are set aside at once: a week of minutes.
const BLOCK: u64 = 10_000;
/// When so few of them are left, more are.
const LOW: u64 = 1000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Numbers of a feed under this may have been given.
    below: HashMap<FeedId, u64>,
    /// Numbers at which a chain begins anew, without naming the segment before.
    anew: BTreeMap<FeedId, BTreeSet<u64>>,
}

impl Numbers {
    pub(super) fn set_aside(&mut self, feed: FeedId, below: u64) {
        let known = self.below.entry(feed).or_default();
        *known = below.max(*known);
    }

    pub(super) fn begins(&mut self, feed: FeedId, sequence: u64) {
        self.anew.entry(feed).or_default().insert(sequence);
    }

    /// The first number of a feed that was surely never given.
    pub(super) fn unused(&self, feed: FeedId) -> u64 {
        self.below.get(&feed).copied().unwrap_or(1).max(1)
    }

    /// Up to where numbers are to be set aside, where `next` is near the end of those that are.
    pub(super) fn wanted(&self, feed: FeedId, next: u64) -> Option<u64> {
        let below = self.below.get(&feed).copied().unwrap_or(0);
        (next.saturating_add(LOW) >= below).then(|| next.saturating_add(BLOCK))
    }

    pub(super) fn len(&self) -> usize {
        self.below.len() + self.anew.values().map(BTreeSet::len).sum::<usize>()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        let below = self.below.iter().map(|(feed, below)| Entry::Numbers {
            camera: feed.camera,
            profile: feed.profile,
            below: *below,
        });
        let anew = self.anew.iter().flat_map(|(feed, all)| {
            all.iter().map(|sequence| Entry::Anew {
                camera: feed.camera,
                profile: feed.profile,
                sequence: *sequence,
            })
        });
        below.chain(anew)
    }
}

/// Where a data directory's journal says that chains begin anew, without opening it for writing.
pub(crate) fn read_anew(data: &DataDir) -> Result<BTreeSet<(FeedId, u64)>, Error> {
    let path = data.journal("recordings");
    let mut anew = BTreeSet::new();
    if path.exists() {
        journal::read::<Entry>(&path, |record| {
            if let Entry::Anew {
                camera,
                profile,
                sequence,
            } = record.body
            {
                anew.insert((FeedId { camera, profile }, sequence));
            }
        })?;
    }
    Ok(anew)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::Profile;

    #[test]
    fn numbers_are_set_aside_before_they_are_given() {
        let feed = FeedId {
            camera: "44140301001320000001".parse().unwrap(),
            profile: Profile::Main,
        };
        let mut numbers = Numbers::default();
        assert_eq!(numbers.unused(feed), 1);
        let mut given = 0;
        for next in 1..50_000 {
            if let Some(below) = numbers.wanted(feed, next) {
                numbers.set_aside(feed, below);
                given += 1;
            }
            assert!(numbers.unused(feed) > next);
        }
        assert!(given < 10, "{given}");
    }
}

//! What frames a viewer was given, held against what another was given.

use std::collections::{BTreeMap, BTreeSet};

use media::wire::{Header, Kind};

/// Group and frame.
type Place = (u32, u32);

/// Group and frame of everything that came, by feed.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    feeds: BTreeMap<u32, BTreeSet<Place>>,
    /// Where a gap was announced: nothing is asked of what lies between these two places of a feed, nor of the group in which it
    /// began, since tracks may have been apart.
    holes: Vec<(u32, Place, Place)>,
    /// Feeds that just lost something, with where they were.
    open: BTreeMap<u32, Place>,
    /// All frames.
    pub frames: u64,
}

impl Seen {
    /// Takes a frame.
    ///
    /// # Panics
    /// If it came before.
    pub fn take(&mut self, header: &Header) {
        if header.kind == Kind::Initialisation {
            return;
        }
        let place = (header.group, header.frame);
        if let Some(from) = self.open.remove(&header.feed) {
            self.holes.push((header.feed, from, place));
        }
        let is_new = self.feeds.entry(header.feed).or_default().insert(place);
        assert!(is_new, "feed {}: {place:?} came twice", header.feed);
        self.frames += 1;
    }

    /// From here on something may be missing, in every feed, until the next frame.
    pub fn gap(&mut self) {
        for (feed, places) in &self.feeds {
            let newest = places.last().copied().unwrap_or_default();
            self.open.entry(*feed).or_insert(newest);
        }
    }

    /// How many frames of the other lie between the first and the last of ours, feed by feed, outside of announced gaps.
    ///
    /// # Panics
    /// If one of them is not ours, or one of ours not theirs.
    pub fn assert_all_of(&self, other: &Seen) -> usize {
        let mut held = 0;
        for (feed, ours) in &self.feeds {
            let Some(theirs) = other.feeds.get(feed) else {
                panic!("feed {feed} is not known to the other")
            };
            let within = |place: &(u32, u32)| {
                let begun = ours.first() <= Some(place) && theirs.first() <= Some(place);
                // The last group is still coming, on QUIC its tracks one by one.
                let over = |s: &BTreeSet<(u32, u32)>| s.last().is_some_and(|last| place.0 < last.0);
                let in_hole = |(f, from, to): &(u32, (u32, u32), (u32, u32))| {
                    f == feed && from.0 <= place.0 && place < to
                };
                begun && over(ours) && over(theirs) && !self.holes.iter().any(in_hole)
            };
            let want: BTreeSet<_> = theirs.iter().filter(|p| within(p)).collect();
            let have: BTreeSet<_> = ours.iter().filter(|p| within(p)).collect();
            let missing: Vec<_> = want.difference(&have).take(10).collect();
            let strange: Vec<_> = have.difference(&want).take(10).collect();
            assert!(
                missing.is_empty() && strange.is_empty(),
                "feed {feed}: missing {missing:?}, not known to the other {strange:?}"
            );
            held += want.len();
        }
        held
    }

    /// Of every group but the last: all frames up to its last one. How many there were.
    ///
    /// # Panics
    /// If one is missing.
    pub fn assert_whole(&self) -> usize {
        let mut held = 0;
        for (feed, places) in &self.feeds {
            let mut next = None;
            for &(group, frame) in places {
                let begins = frame == 0;
                let follows = next
                    .is_none_or(|(g, f)| (group, frame) == (g, f) || (begins && group == g + 1));
                assert!(
                    follows,
                    "feed {feed}: {group}/{frame} where {next:?} or a new group should be"
                );
                next = Some((group, frame + 1));
                held += 1;
            }
        }
        held
    }
}

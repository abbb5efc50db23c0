//! Room on the links between the cameras and the gateway.
//!
//! A village hangs on a town by one link, the town on the district by another; a pull takes room on every link of its path
//! before it starts, and gives it back when it ends. A more urgent pull takes the room of less urgent ones, which are told;
//! what finds no room is refused, with the link named and what holds it. Of the same urgency nobody gives way, and who was
//! refused first is served first. A pull that is measured at more than it has been given is given that, and where a link
//! is over its budget then (or because its budget has shrunk), the least urgent gives way. Pure: no clock, no task.
//!
//! What always holds: on no link is more given out than its budget; what a pull gives back is what it took.
//! [The design](../../../docs/design/links.md).

mod admission;
mod link;
mod path;
mod rank;
#[cfg(test)]
mod tests;
mod uses;
mod waiting;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use media::{BitRate, FeedId, Priority, RegionCode, Said, said};

use admission::Ask;
pub use admission::Refusal;
pub use link::{Link, Slot, WeekMinute, share_fault, usual_share};
use path::{MAX_DEPTH, Path, above};
pub(crate) use rank::priority_name;
use rank::{RANKS, rank_of};
pub use uses::{LinkUse, PullUse};
use waiting::Waiting;

/// A pull that must end, since the link has no room for it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ousted {
    /// Which.
    pub feed: FeedId,
    /// Where there is no room.
    pub link: RegionCode,
}

/// All links and what is held on them.
#[derive(Clone, Debug, Default)]
pub struct Links {
    links: Vec<State>,
    by_code: BTreeMap<RegionCode, usize>,
    pulls: BTreeMap<FeedId, Pull>,
    waiting: Waiting,
}

#[derive(Clone, Debug)]
struct State {
    link: Link,
    budget: u64,
    /// The link above.
    up: Option<usize>,
    reserved: u64,
    /// The same by rank.
    held: [u64; RANKS],
    pulls: BTreeSet<FeedId>,
    refused: [u64; RANKS],
    gave_way: u64,
    corrected: u64,
}

#[derive(Clone, Copy, Debug)]
struct Pull {
    region: RegionCode,
    path: Path,
    rate: u64,
    rank: usize,
    measured: u64,
    /// Measurements in a row above what it has been given.
    over: u8,
}

/// So many measurements in a row (one a second, each over five) make a pull one that has grown. A single burst does not.
const GROWN: u8 = 3;

/// No stream takes a petabit; sums of what does not exceed this cannot overflow.
const MOST_RATE: u64 = 1_000_000_000_000_000;

impl Links {
    /// Links with nothing on them, with the budgets of Monday's first minute. Of two with the same id the later holds.
    pub fn new(links: Vec<Link>) -> Self {
        Self::at(links, WeekMinute::default())
    }

    /// The same with the budgets of another minute.
    pub fn at(links: Vec<Link>, at: WeekMinute) -> Self {
        let mut new = Self::default();
        new.set(links, at);
        new
    }

    /// Whether these links can be: why not, if one leads to itself or its path is too long.
    pub fn fault(links: &[Link]) -> Option<(RegionCode, Said)> {
        let by_code: BTreeMap<RegionCode, &Link> = links.iter().map(|l| (l.id, l)).collect();
        links.iter().find_map(|link| {
            let (mut here, mut steps) = (link, 1);
            loop {
                let up = above(here).find_map(|c| by_code.get(&c))?;
                if up.id == link.id {
                    let said = said!(
                        "link-to-itself",
                        "by '{name}' ({region}) this link would lead to itself",
                        name = here.name,
                        region = here.id
                    );
                    return Some((link.id, said));
                }
                steps += 1;
                if steps > MAX_DEPTH {
                    let said = said!(
                        "links-too-deep",
                        "more than {most} links one behind the other",
                        most = MAX_DEPTH
                    );
                    return Some((link.id, said));
                }
                here = up;
            }
        })
    }

    /// Other links, or the budgets of another minute, under the pulls there are: each is held on its new path. Returns those for
    /// which there is no room now: their room is gone already, the caller ends them. A link that would lead to itself
    /// leads nowhere.
    pub fn set(&mut self, links: Vec<Link>, at: WeekMinute) -> Vec<Ousted> {
        let pulls = std::mem::take(&mut self.pulls);
        let old = std::mem::take(&mut self.links);
        let mut counters: BTreeMap<RegionCode, State> =
            old.into_iter().map(|s| (s.link.id, s)).collect();
        let latest: BTreeMap<RegionCode, Link> = links.into_iter().map(|l| (l.id, l)).collect();
        self.by_code = latest.keys().enumerate().map(|(i, c)| (*c, i)).collect();
        let by_code = &self.by_code;
        self.links = latest
            .into_values()
            .map(|link| {
                let before = counters.remove(&link.id);
                State {
                    budget: link.budget_at(at).0,
                    up: above(&link).find_map(|c| by_code.get(&c).copied()),
                    link,
                    reserved: 0,
                    held: [0; RANKS],
                    pulls: BTreeSet::new(),
                    refused: before.as_ref().map_or([0; RANKS], |s| s.refused),
                    gave_way: before.as_ref().map_or(0, |s| s.gave_way),
                    corrected: before.as_ref().map_or(0, |s| s.corrected),
                }
            })
            .collect();
        self.waiting.clear();
        for (feed, pull) in pulls {
            let path = self.path(pull.region);
            self.hold(feed, Pull { path, ..pull });
        }
        let all = 0..self.links.len();
        self.settle(all, None)
    }

    /// The budgets of another minute.
    pub fn set_time(&mut self, at: WeekMinute) -> Vec<Ousted> {
        for state in &mut self.links {
            state.budget = state.link.budget_at(at).0;
        }
        let all = 0..self.links.len();
        self.settle(all, None)
    }

    /// Takes room for a feed on every known link from its camera's region upwards. Returns the feeds that must give way: their
    /// room is gone already, the caller ends them.
    ///
    /// # Errors
    /// No room, even if every less urgent pull gave way; then nothing has changed.
    pub fn admit(
        &mut self,
        now: Instant,
        feed: FeedId,
        region: RegionCode,
        rate: BitRate,
        priority: Priority,
    ) -> Result<Vec<Ousted>, Refusal> {
        // What it held itself must not stand in its way; put back if it finds no room.
        let old = self.release(feed);
        let (path, rank) = (self.path(region), rank_of(Some(priority)));
        let ask = Ask {
            now,
            feed,
            path,
            rate: rate.0.min(MOST_RATE),
            rank,
        };
        let victims = match self.place(&ask) {
            Ok(victims) => victims,
            Err(link) => {
                if let Some(old) = old {
                    self.hold(feed, old);
                }
                return Err(self.refuse(&ask, link, rate));
            }
        };
        for victim in &victims {
            self.oust(*victim);
        }
        self.waiting.withdraw(feed, rank);
        let pull = Pull {
            region,
            path,
            rate: ask.rate,
            rank,
            measured: 0,
            over: 0,
        };
        self.hold(feed, pull);
        Ok(victims)
    }

    /// Gives back what a feed holds; nothing if it holds nothing.
    pub fn end(&mut self, feed: FeedId) {
        self.release(feed);
    }

    /// Whether a feed holds room.
    pub fn holds(&self, feed: FeedId) -> bool {
        self.pulls.contains_key(&feed)
    }

    /// The most urgent use of a feed has changed; none: it has no use and gives way to anybody.
    pub fn set_priority(&mut self, feed: FeedId, priority: Option<Priority>) {
        let rank = rank_of(priority);
        if let Some(pull) = self.pulls.get_mut(&feed) {
            for link in pull.path.iter() {
                self.links[link].held[pull.rank] -= pull.rate;
                self.links[link].held[rank] += pull.rate;
            }
            pull.rank = rank;
        }
    }

    /// The camera of a feed stands in another region now: its pull is held on the path from there.
    pub fn set_region(&mut self, feed: FeedId, region: RegionCode) -> Vec<Ousted> {
        match self.release(feed) {
            Some(pull) => {
                let path = self.path(region);
                self.hold(
                    feed,
                    Pull {
                        region,
                        path,
                        ..pull
                    },
                );
                self.settle(path.iter(), Some(feed))
            }
            None => Vec::new(),
        }
    }

    /// What a feed really takes, about once a second. One that stays above what it has been given is given that; where a link
    /// has no room for it, the least urgent gives way, and of several the one that has grown. Less is no reason to take anything
    /// away at once: a street that is quiet now may not be in a minute (see [`Links::shrink`]).
    pub fn measured(&mut self, feed: FeedId, rate: BitRate) -> Vec<Ousted> {
        let Some(pull) = self.pulls.get_mut(&feed) else {
            return Vec::new();
        };
        pull.measured = rate.0;
        // A twentieth is the measurement's own error.
        pull.over = match rate.0 > pull.rate.saturating_add(pull.rate / 20) {
            true => pull.over.saturating_add(1),
            false => 0,
        };
        if pull.over < GROWN {
            return Vec::new();
        }
        let mut pull = *pull;
        self.release(feed);
        (pull.rate, pull.over) = (rate.0.min(MOST_RATE), 0);
        self.hold(feed, pull);
        for link in pull.path.iter() {
            self.links[link].corrected += 1;
        }
        self.settle(pull.path.iter(), Some(feed))
    }

    /// A feed was only guessed to need what it has been given, and has been watched for long: it is given no more than this.
    pub fn shrink(&mut self, feed: FeedId, rate: BitRate) {
        if self.pulls.get(&feed).is_some_and(|p| p.rate > rate.0)
            && let Some(pull) = self.release(feed)
        {
            self.hold(
                feed,
                Pull {
                    rate: rate.0,
                    ..pull
                },
            );
        }
    }

    /// What one second of a stream of this rate takes of each link's budget on its way: from a region upwards, the link and the
    /// seconds (for pacing connections).
    pub(crate) fn spacing(
        &self,
        region: RegionCode,
        rate: BitRate,
    ) -> impl Iterator<Item = (RegionCode, f64)> {
        let path = self.path(region);
        let links = path.at.into_iter().take(usize::from(path.len));
        links.map(move |i| {
            let state = &self.links[usize::from(i)];
            let share = rate.0 as f64 / state.budget.max(1) as f64;
            (state.link.id, share.min(1.0))
        })
    }

    fn hold(&mut self, feed: FeedId, pull: Pull) {
        for link in pull.path.iter() {
            let state = &mut self.links[link];
            state.reserved += pull.rate;
            state.held[pull.rank] += pull.rate;
            state.pulls.insert(feed);
        }
        self.pulls.insert(feed, pull);
    }

    fn release(&mut self, feed: FeedId) -> Option<Pull> {
        let pull = self.pulls.remove(&feed)?;
        for link in pull.path.iter() {
            let state = &mut self.links[link];
            state.reserved -= pull.rate;
            state.held[pull.rank] -= pull.rate;
            state.pulls.remove(&feed);
        }
        Some(pull)
    }

    fn oust(&mut self, ousted: Ousted) {
        self.release(ousted.feed);
        if let Some(link) = self.by_code.get(&ousted.link) {
            self.links[*link].gave_way += 1;
        }
    }

    /// Ends pulls until no link is over its budget: the least urgent first, among those the one that `grown` names, else the
    /// largest.
    fn settle(&mut self, links: impl Iterator<Item = usize>, grown: Option<FeedId>) -> Vec<Ousted> {
        let mut ended = Vec::new();
        for link in links {
            while self.links[link].reserved > self.links[link].budget {
                let state = &self.links[link];
                let first = state
                    .pulls
                    .iter()
                    .filter_map(|feed| Some((feed, self.pulls.get(feed)?)))
                    .filter(|(_, pull)| pull.rate > 0)
                    .min_by_key(|(feed, pull)| {
                        (pull.rank, Some(**feed) != grown, Reverse(pull.rate), **feed)
                    });
                let Some((feed, _)) = first else { break };
                let ousted = Ousted {
                    feed: *feed,
                    link: state.link.id,
                };
                self.oust(ousted);
                ended.push(ousted);
            }
        }
        ended
    }
}

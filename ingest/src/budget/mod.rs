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

mod link;
#[cfg(test)]
mod tests;
mod waiting;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    time::Instant,
};

use media::{BitRate, FeedId, Priority, Reason, ReasonCode, RegionCode};

pub use link::{Link, Slot, WeekMinute, share_fault, usual_share};
use waiting::Waiting;

/// What is held on a link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkUse {
    /// The region at its lower end.
    pub id: RegionCode,
    /// For people.
    pub name: String,
    /// The link above it.
    pub up: Option<RegionCode>,
    /// What the line carries.
    pub capacity: BitRate,
    /// What video may take now.
    pub budget: BitRate,
    /// What is given out; never more than the budget.
    pub reserved: BitRate,
    /// What the pulls really take now.
    pub measured: BitRate,
    /// Who holds it.
    pub pulls: Vec<PullUse>,
    /// Pulls refused for want of room since the start.
    pub refused: u64,
    /// The same by urgency.
    pub refused_by: BTreeMap<Priority, u64>,
    /// Pulls that gave way here since the start.
    pub gave_way: u64,
    /// Pulls found here to take more than they had been given.
    pub corrected: u64,
}

/// What one pull holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PullUse {
    /// Which.
    pub feed: FeedId,
    /// Its most urgent use; none in its grace period: it gives way to anybody.
    pub priority: Option<Priority>,
    /// What it has been given.
    pub rate: BitRate,
    /// What it takes.
    pub measured: BitRate,
}

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

/// Urgencies, and one place below them for pulls that nobody uses.
const RANKS: usize = 6;

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

/// Links of a path, from the camera upwards: positions in [`Links::links`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Path {
    at: [u16; MAX_DEPTH],
    len: u8,
}

/// Five levels by code, and detours. A deeper path is cut, and [`Links::fault`] says so before it comes to that.
const MAX_DEPTH: usize = 8;
/// So many measurements in a row (one a second, each over five) make a pull one that has grown. A single burst does not.
const GROWN: u8 = 3;

/// No stream takes a petabit; sums of what does not exceed this cannot overflow.
const MOST_RATE: u64 = 1_000_000_000_000_000;

impl Path {
    fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.at[..usize::from(self.len)]
            .iter()
            .map(|i| usize::from(*i))
    }

    /// The links of both, as far as there is room for them.
    fn with(mut self, other: &Self) -> Self {
        for link in other.iter() {
            if !self.iter().any(|l| l == link) && !self.push(link) {
                break;
            }
        }
        self
    }

    fn push(&mut self, link: usize) -> bool {
        let place = self.at.get_mut(usize::from(self.len));
        match (place, u16::try_from(link)) {
            (Some(place), Ok(link)) => {
                *place = link;
                self.len += 1;
                true
            }
            _ => false,
        }
    }
}

fn rank_of(priority: Option<Priority>) -> usize {
    match priority {
        None => 0,
        Some(Priority::Diagnosis) => 1,
        Some(Priority::Viewer) => 2,
        Some(Priority::Recording) => 3,
        Some(Priority::Wall) => 4,
        Some(Priority::Incident) => 5,
    }
}

fn priority_of(rank: usize) -> Option<Priority> {
    PRIORITIES.get(rank.checked_sub(1)?).copied()
}

const PRIORITIES: [Priority; RANKS - 1] = [
    Priority::Diagnosis,
    Priority::Viewer,
    Priority::Recording,
    Priority::Wall,
    Priority::Incident,
];

/// No room.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The link that has none.
    pub link: RegionCode,
    /// Its name.
    pub name: String,
    /// What video may take on it.
    pub budget: BitRate,
    /// What is given out.
    pub reserved: BitRate,
    /// What was asked for.
    pub wanted: BitRate,
    /// How many pulls of each urgency hold it.
    pub holders: BTreeMap<Priority, u32>,
    /// Room that waits for those who were refused before.
    pub set_aside: BitRate,
}

impl Refusal {
    /// For those who asked.
    pub fn reason(&self) -> Reason {
        let mut held = String::new();
        for (priority, count) in self.holders.iter().rev() {
            let _ = write!(held, ", {count} {}", priority_name(*priority));
        }
        let held = held.strip_prefix(", ").unwrap_or("nothing");
        let mut text = format!(
            "link '{}' ({}) has no room for {}: {} of {} are held by {held}",
            self.name, self.link, self.wanted, self.reserved, self.budget
        );
        if self.set_aside.0 > 0 {
            let _ = write!(text, "; {} wait for those who asked before", self.set_aside);
        }
        Reason::new(ReasonCode::LinkBudget, text)
    }
}

/// As in JSON.
pub(crate) fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Diagnosis => "diagnosis",
        Priority::Viewer => "viewer",
        Priority::Recording => "recording",
        Priority::Wall => "wall",
        Priority::Incident => "incident",
    }
}

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
    pub fn fault(links: &[Link]) -> Option<(RegionCode, String)> {
        let by_code: BTreeMap<RegionCode, &Link> = links.iter().map(|l| (l.id, l)).collect();
        links.iter().find_map(|link| {
            let (mut here, mut steps) = (link, 1);
            loop {
                let up = above(here).find_map(|c| by_code.get(&c))?;
                if up.id == link.id {
                    let text = format!(
                        "by '{}' ({}) this link would lead to itself",
                        here.name, here.id
                    );
                    return Some((link.id, text));
                }
                steps += 1;
                if steps > MAX_DEPTH {
                    let text = format!("more than {MAX_DEPTH} links one behind the other");
                    return Some((link.id, text));
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

    /// Every link and what holds it, by code.
    pub fn uses(&self) -> Vec<LinkUse> {
        self.links.iter().map(|state| self.use_of(state)).collect()
    }

    /// The links from a region upwards, and what holds them.
    pub fn uses_of(&self, region: RegionCode) -> Vec<LinkUse> {
        let path = self.path(region);
        path.iter().map(|i| self.use_of(&self.links[i])).collect()
    }

    fn use_of(&self, state: &State) -> LinkUse {
        let pulls: Vec<PullUse> = state
            .pulls
            .iter()
            .filter_map(|feed| Some((feed, self.pulls.get(feed)?)))
            .map(|(feed, pull)| PullUse {
                feed: *feed,
                priority: priority_of(pull.rank),
                rate: BitRate(pull.rate),
                measured: BitRate(pull.measured),
            })
            .collect();
        let refused_by = state.refused.iter().enumerate();
        LinkUse {
            id: state.link.id,
            name: state.link.name.clone(),
            up: state.up.map(|up| self.links[up].link.id),
            capacity: state.link.capacity,
            budget: BitRate(state.budget),
            reserved: BitRate(state.reserved),
            measured: pulls.iter().fold(BitRate(0), |sum, p| sum + p.measured),
            pulls,
            refused: state.refused.iter().sum(),
            refused_by: refused_by
                .filter(|(_, n)| **n > 0)
                .filter_map(|(rank, n)| Some((priority_of(rank)?, *n)))
                .collect(),
            gave_way: state.gave_way,
            corrected: state.corrected,
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

    fn path(&self, region: RegionCode) -> Path {
        let mut path = Path::default();
        let mut next = region.path().find_map(|c| self.by_code.get(&c).copied());
        while let Some(link) = next {
            if path.iter().any(|l| l == link) || !path.push(link) {
                break;
            }
            next = self.links[link].up;
        }
        path
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

    /// Who must give way so that it fits; the link without room if nobody can.
    fn place(&self, ask: &Ask) -> Result<Vec<Ousted>, usize> {
        let mut fits = true;
        for link in ask.path.iter() {
            let wanted = self.needed(ask, link);
            fits &= wanted <= self.links[link].budget;
            if wanted - self.links[link].movable(ask.rank) > self.links[link].budget {
                return Err(link);
            }
        }
        match fits {
            true => Ok(Vec::new()),
            false => self.victims(ask),
        }
    }

    /// What would be given out on a link with this one, and with what is set aside for others.
    fn needed(&self, ask: &Ask, link: usize) -> u64 {
        let aside = self.waiting.aside(ask.now, link, ask.feed, ask.rank);
        self.links[link]
            .reserved
            .saturating_add(ask.rate)
            .saturating_add(aside)
    }

    fn victims(&self, ask: &Ask) -> Result<Vec<Ousted>, usize> {
        let mut freed = [0u64; MAX_DEPTH];
        let mut chosen: Vec<(FeedId, &Pull, usize)> = Vec::new();
        for (at, link) in ask.path.iter().enumerate() {
            let needed = self.needed(ask, link);
            let budget = self.links[link].budget;
            if needed - freed[at] <= budget {
                continue;
            }
            // The least urgent first, of those the largest: the fewest are hurt.
            let mut below: Vec<(&FeedId, &Pull)> = self.links[link]
                .pulls
                .iter()
                .filter_map(|feed| Some((feed, self.pulls.get(feed)?)))
                .filter(|(feed, pull)| {
                    pull.rank < ask.rank && chosen.iter().all(|(other, ..)| other != *feed)
                })
                .collect();
            below.sort_unstable_by_key(|(feed, pull)| (pull.rank, Reverse(pull.rate), **feed));
            let mut below = below.into_iter();
            while needed - freed[at] > budget {
                let (feed, pull) = below.next().ok_or(link)?;
                self.account(ask, pull, &mut freed, true);
                chosen.push((*feed, pull, link));
            }
        }
        // One chosen for a lower link may not be needed after all, now that a higher one has cost others.
        chosen.sort_by_key(|(_, pull, _)| Reverse(pull.rank));
        let mut kept = Vec::with_capacity(chosen.len());
        for (feed, pull, link) in chosen {
            self.account(ask, pull, &mut freed, false);
            let mut path = ask.path.iter().enumerate();
            if !path.all(|(at, l)| self.needed(ask, l) - freed[at] <= self.links[l].budget) {
                self.account(ask, pull, &mut freed, true);
                kept.push(Ousted {
                    feed,
                    link: self.links[link].link.id,
                });
            }
        }
        Ok(kept)
    }

    /// Counts on the asker's path what a pull's end frees, or takes that back.
    fn account(&self, ask: &Ask, pull: &Pull, freed: &mut [u64; MAX_DEPTH], ends: bool) {
        for (at, link) in ask.path.iter().enumerate() {
            if pull.path.iter().any(|l| l == link) {
                match ends {
                    true => freed[at] += pull.rate,
                    false => freed[at] -= pull.rate,
                }
            }
        }
    }

    fn refuse(&mut self, ask: &Ask, link: usize, wanted: BitRate) -> Refusal {
        let aside = self.waiting.aside(ask.now, link, ask.feed, ask.rank);
        let mut lacked = Path::default();
        let mut ever = true;
        for l in ask.path.iter() {
            let state = &self.links[l];
            ever &= ask.rate <= state.budget;
            if self.needed(ask, l) - state.movable(ask.rank) > state.budget {
                lacked.push(l);
            }
        }
        // Nothing is set aside for one who would not fit on an empty link.
        if ever {
            self.waiting
                .refused(ask.now, ask.feed, ask.rank, ask.rate, lacked);
        }
        let mut holders = BTreeMap::new();
        let state = &mut self.links[link];
        state.refused[ask.rank] += 1;
        let held = state.pulls.iter().filter_map(|feed| self.pulls.get(feed));
        for priority in held.filter_map(|pull| priority_of(pull.rank)) {
            *holders.entry(priority).or_insert(0) += 1;
        }
        Refusal {
            link: state.link.id,
            name: state.link.name.clone(),
            budget: BitRate(state.budget),
            reserved: BitRate(state.reserved),
            wanted,
            holders,
            set_aside: BitRate(aside),
        }
    }
}

/// One who asks for room.
struct Ask {
    now: Instant,
    feed: FeedId,
    path: Path,
    rate: u64,
    rank: usize,
}

impl State {
    /// What pulls below a rank hold.
    fn movable(&self, rank: usize) -> u64 {
        self.held[..rank].iter().sum()
    }
}

/// Where a link may lead: the region it says, else those above its own by the code.
fn above(link: &Link) -> impl Iterator<Item = RegionCode> + use<> {
    let detour = link.via.into_iter().flat_map(RegionCode::path);
    let by_code = link.id.path().skip(1);
    let detours = link.via.is_some();
    detour.chain(by_code.filter(move |_| !detours))
}

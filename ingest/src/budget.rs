//! Room on the links between the cameras and the gateway.
//!
//! A village hangs on a town by one link, the town on the district by another; a pull takes room on every link of its path
//! before it starts, and gives it back when it ends. A more urgent pull takes the room of less urgent ones, which are told;
//! what finds no room is refused, with the link named and what holds it. Pure: no clock, no task.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use media::{BitRate, FeedId, Priority, Reason, ReasonCode, RegionCode, id::Level};
use serde::{Deserialize, Serialize};

/// A link: what connects a region to the one above it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The region at its lower end.
    pub id: RegionCode,
    /// For people.
    pub name: String,
    /// What the line carries.
    pub capacity: BitRate,
    /// How much of it video may take, 0.0 to 1.0.
    #[serde(default = "share")]
    pub share: f64,
}

fn share() -> f64 {
    0.6
}

impl Link {
    /// A link with the usual capacity of its level: village 50 Mbit/s, town 100 Mbit/s, above 1 Gbit/s; video may take 60 %.
    pub fn usual(id: RegionCode, name: impl Into<String>) -> Self {
        let capacity = match id.level() {
            Level::Village => BitRate::megabits(50),
            Level::Town => BitRate::megabits(100),
            _ => BitRate::megabits(1000),
        };
        Self {
            id,
            name: name.into(),
            capacity,
            share: share(),
        }
    }

    /// What video may take.
    pub fn budget(&self) -> BitRate {
        // A share that is no number gives none.
        BitRate((self.capacity.0 as f64 * self.share.clamp(0.0, 1.0)) as u64)
    }
}

/// What is held on a link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinkUse {
    /// The region at its lower end.
    pub id: RegionCode,
    /// For people.
    pub name: String,
    /// What the line carries.
    pub capacity: BitRate,
    /// What video may take.
    pub budget: BitRate,
    /// What is given out; never more than the budget.
    pub reserved: BitRate,
    /// What the pulls really take now.
    pub measured: BitRate,
    /// Who holds it: feed, its most urgent use, its room. A feed in its grace period counts as diagnosis.
    pub pulls: Vec<(FeedId, Priority, BitRate)>,
    /// Pulls refused for want of room since the start.
    pub refused: u64,
}

/// All links and what is held on them.
#[derive(Clone, Debug, Default)]
pub struct Links {
    links: BTreeMap<RegionCode, State>,
    pulls: BTreeMap<FeedId, Pull>,
}

#[derive(Clone, Debug)]
struct State {
    link: Link,
    budget: u64,
    reserved: u64,
    refused: u64,
}

#[derive(Clone, Debug)]
struct Pull {
    path: Vec<RegionCode>,
    rate: u64,
    /// None: nobody uses it any more, it waits for its grace period to end.
    priority: Option<Priority>,
    measured: BitRate,
}

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
}

impl Refusal {
    /// For those who asked.
    pub fn reason(&self) -> Reason {
        let mut held = String::new();
        for (priority, count) in self.holders.iter().rev() {
            let _ = write!(held, ", {count} {}", priority_name(*priority));
        }
        let held = held.strip_prefix(", ").unwrap_or("nothing");
        Reason::new(
            ReasonCode::LinkBudget,
            format!(
                "link '{}' ({}) has no room for {}: {} of {} are held by {held}",
                self.name, self.link, self.wanted, self.reserved, self.budget
            ),
        )
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
    /// Links with nothing on them. Of two with the same id the later holds.
    pub fn new(links: Vec<Link>) -> Self {
        let links = links
            .into_iter()
            .map(|link| {
                let state = State {
                    budget: link.budget().0,
                    link,
                    reserved: 0,
                    refused: 0,
                };
                (state.link.id, state)
            })
            .collect();
        Self {
            links,
            pulls: BTreeMap::new(),
        }
    }

    /// Takes room for a feed on every known link from its camera's region upwards. Returns the feeds that must give way: their
    /// room is gone already, the caller ends them.
    ///
    /// # Errors
    /// No room, even if every less urgent pull gave way; then nothing has changed.
    pub fn admit(
        &mut self,
        feed: FeedId,
        region: RegionCode,
        rate: BitRate,
        priority: Priority,
    ) -> Result<Vec<FeedId>, Refusal> {
        // What it held itself must not stand in its way; put back if it finds no room.
        let old = self.pulls.get(&feed).cloned();
        self.release(feed);
        let path: Vec<RegionCode> = region
            .path()
            .filter(|r| self.links.contains_key(r))
            .collect();
        let victims = match self.victims(&path, rate.0, priority) {
            Ok(victims) => victims,
            Err(link) => {
                if let Some(old) = old {
                    self.hold(feed, old);
                }
                return Err(self.refuse(link, rate));
            }
        };
        for victim in &victims {
            self.release(*victim);
        }
        let pull = Pull {
            path,
            rate: rate.0,
            priority: Some(priority),
            measured: BitRate(0),
        };
        self.hold(feed, pull);
        Ok(victims)
    }

    fn hold(&mut self, feed: FeedId, pull: Pull) {
        for link in &pull.path {
            if let Some(state) = self.links.get_mut(link) {
                state.reserved += pull.rate;
            }
        }
        self.pulls.insert(feed, pull);
    }

    /// Gives back what a feed holds; nothing if it holds nothing.
    pub fn release(&mut self, feed: FeedId) {
        if let Some(pull) = self.pulls.remove(&feed) {
            for link in &pull.path {
                if let Some(state) = self.links.get_mut(link) {
                    state.reserved = state.reserved.saturating_sub(pull.rate);
                }
            }
        }
    }

    /// The most urgent use of a feed has changed; none: it has no use and gives way to anybody.
    pub fn set_priority(&mut self, feed: FeedId, priority: Option<Priority>) {
        if let Some(pull) = self.pulls.get_mut(&feed) {
            pull.priority = priority;
        }
    }

    /// What a feed really takes. What it has been given grows with it as far as its links have room, and does not shrink: a
    /// street that is quiet at night is not at noon.
    pub fn measured(&mut self, feed: FeedId, rate: BitRate) {
        let Some(pull) = self.pulls.get_mut(&feed) else {
            return;
        };
        pull.measured = rate;
        let more = rate.0.saturating_sub(pull.rate);
        let fits = pull.path.iter().all(|link| {
            self.links
                .get(link)
                .is_some_and(|s| s.reserved.saturating_add(more) <= s.budget)
        });
        if more > 0 && fits {
            pull.rate += more;
            for link in &pull.path {
                if let Some(state) = self.links.get_mut(link) {
                    state.reserved += more;
                }
            }
        }
    }

    /// Every link and what holds it, by code.
    pub fn uses(&self) -> Vec<LinkUse> {
        self.links
            .values()
            .map(|state| {
                let pulls = || {
                    self.pulls
                        .iter()
                        .filter(|(_, p)| p.path.contains(&state.link.id))
                };
                LinkUse {
                    id: state.link.id,
                    name: state.link.name.clone(),
                    capacity: state.link.capacity,
                    budget: BitRate(state.budget),
                    reserved: BitRate(state.reserved),
                    measured: pulls().fold(BitRate(0), |sum, (_, p)| sum + p.measured),
                    pulls: pulls()
                        .map(|(id, p)| {
                            let priority = p.priority.unwrap_or(Priority::Diagnosis);
                            (*id, priority, BitRate(p.rate))
                        })
                        .collect(),
                    refused: state.refused,
                }
            })
            .collect()
    }

    /// Who must give way so that `rate` fits on `path`; the link without room if nobody can.
    fn victims(
        &self,
        path: &[RegionCode],
        rate: u64,
        priority: Priority,
    ) -> Result<Vec<FeedId>, RegionCode> {
        let mut chosen: BTreeSet<FeedId> = BTreeSet::new();
        for link in path {
            // The least urgent first, of those the largest: the fewest are hurt.
            let mut below: Vec<(&FeedId, &Pull)> = self
                .pulls
                .iter()
                .filter(|(id, p)| {
                    p.priority < Some(priority) && p.path.contains(link) && !chosen.contains(*id)
                })
                .collect();
            below.sort_by_key(|(id, p)| (p.priority, std::cmp::Reverse(p.rate), **id));
            let mut below = below.into_iter();
            while !self.fits(*link, rate, &chosen) {
                let (id, _) = below.next().ok_or(*link)?;
                chosen.insert(*id);
            }
        }
        // One chosen for a lower link may not be needed after all, now that a higher one has cost others.
        let mut keep: Vec<FeedId> = chosen.iter().copied().collect();
        keep.sort_by_key(|id| std::cmp::Reverse(self.pulls.get(id).map(|p| p.priority)));
        for id in keep {
            chosen.remove(&id);
            if !path.iter().all(|link| self.fits(*link, rate, &chosen)) {
                chosen.insert(id);
            }
        }
        Ok(chosen.into_iter().collect())
    }

    fn fits(&self, link: RegionCode, rate: u64, without: &BTreeSet<FeedId>) -> bool {
        let Some(state) = self.links.get(&link) else {
            return true;
        };
        let freed: u64 = without
            .iter()
            .filter_map(|id| self.pulls.get(id))
            .filter(|p| p.path.contains(&link))
            .map(|p| p.rate)
            .sum();
        let left = state.reserved.saturating_sub(freed);
        left.checked_add(rate)
            .is_some_and(|sum| sum <= state.budget)
    }

    fn refuse(&mut self, link: RegionCode, wanted: BitRate) -> Refusal {
        let mut holders = BTreeMap::new();
        for pull in self.pulls.values().filter(|p| p.path.contains(&link)) {
            if let Some(priority) = pull.priority {
                *holders.entry(priority).or_insert(0) += 1;
            }
        }
        let (mut name, mut budget, mut reserved) = (String::new(), 0, 0);
        if let Some(state) = self.links.get_mut(&link) {
            state.refused += 1;
            name.clone_from(&state.link.name);
            (budget, reserved) = (state.budget, state.reserved);
        }
        Refusal {
            link,
            name,
            budget: BitRate(budget),
            reserved: BitRate(reserved),
            wanted,
            holders,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{CameraId, Profile};
    use proptest::prelude::*;

    fn feed(n: u32) -> FeedId {
        let camera: CameraId = format!("4414030013200{n:07}").parse().unwrap();
        FeedId {
            camera,
            profile: Profile::Main,
        }
    }

    fn region(code: &str) -> RegionCode {
        code.parse().unwrap()
    }

    fn links() -> Links {
        let link = |code: &str, mega| Link {
            capacity: BitRate::megabits(mega),
            share: 1.0,
            ..Link::usual(region(code), format!("link {code}"))
        };
        Links::new(vec![
            link("441403102201", 10),
            link("441403102202", 10),
            link("441403102", 15),
            link("441403", 100),
        ])
    }

    #[test]
    fn a_refusal_names_the_link_and_what_holds_it() {
        let mut links = links();
        let village = region("441403102201");
        for n in 0..2 {
            let got = links.admit(feed(n), village, BitRate::megabits(4), Priority::Recording);
            assert_eq!(got, Ok(vec![]));
        }
        let refused = links
            .admit(feed(2), village, BitRate::megabits(4), Priority::Viewer)
            .unwrap_err();
        assert_eq!(
            refused.reason().text,
            "link 'link 441403102201' (441403102201) has no room for 4.0 Mbit/s: 8.0 Mbit/s of 10.0 Mbit/s are held by 2 recording"
        );
        assert_eq!(refused.reason().code, ReasonCode::LinkBudget);
        let small = links.admit(feed(2), village, BitRate::megabits(1), Priority::Viewer);
        assert_eq!(small, Ok(vec![]));
        assert_eq!(links.uses()[3].refused, 0);
        let village = links.uses().into_iter().find(|l| l.id == village).unwrap();
        assert_eq!((village.refused, village.pulls.len()), (1, 3));
    }

    #[test]
    fn the_least_urgent_gives_way_and_no_more_than_needed() {
        let mut links = links();
        let (here, there) = (region("441403102201"), region("441403102202"));
        let mega = BitRate::megabits;
        links
            .admit(feed(1), here, mega(6), Priority::Viewer)
            .unwrap();
        links
            .admit(feed(2), here, mega(2), Priority::Diagnosis)
            .unwrap();
        links
            .admit(feed(3), there, mega(7), Priority::Recording)
            .unwrap();
        // The village has 2 left and the town none: the viewer alone frees both, so the diagnosis may stay.
        let told = links.admit(feed(4), here, mega(6), Priority::Incident);
        assert_eq!(told, Ok(vec![feed(1)]));
        // Of the same urgency nobody gives way.
        assert!(
            links
                .admit(feed(5), here, mega(9), Priority::Incident)
                .is_err()
        );
        // What nobody uses gives way to anybody.
        links.set_priority(feed(2), None);
        let told = links.admit(feed(6), here, mega(2), Priority::Diagnosis);
        assert_eq!(told, Ok(vec![feed(2)]));
    }

    #[test]
    fn measured_more_is_reserved_only_where_there_is_room() {
        let mut links = links();
        let village = region("441403102201");
        links
            .admit(feed(1), village, BitRate::megabits(4), Priority::Viewer)
            .unwrap();
        links.measured(feed(1), BitRate::megabits(6));
        assert_eq!(links.uses()[2].reserved, BitRate::megabits(6));
        links.measured(feed(1), BitRate::megabits(40));
        assert_eq!(links.uses()[2].reserved, BitRate::megabits(6));
        assert_eq!(links.uses()[2].measured, BitRate::megabits(40));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Admit(u32, bool, u64, usize),
        Release(u32),
        Measured(u32, u64),
        Idle(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0u32..12, any::<bool>(), 0u64..12_000_000, 0usize..5)
                .prop_map(|(f, v, r, p)| Step::Admit(f, v, r, p)),
            (0u32..12).prop_map(Step::Release),
            (0u32..12, 0u64..12_000_000).prop_map(|(f, r)| Step::Measured(f, r)),
            (0u32..12).prop_map(Step::Idle),
        ]
    }

    const PRIORITIES: [Priority; 5] = [
        Priority::Diagnosis,
        Priority::Viewer,
        Priority::Recording,
        Priority::Wall,
        Priority::Incident,
    ];

    proptest! {
        #[test]
        fn no_link_exceeds_its_budget_and_release_gives_back_exactly(steps in proptest::collection::vec(step(), 0..80)) {
            let mut links = links();
            for step in steps {
                match step {
                    Step::Admit(f, v, r, p) => {
                        let village = region(if v { "441403102201" } else { "441403102202" });
                        let before = links.clone();
                        let got = links.admit(feed(f), village, BitRate(r), PRIORITIES[p]);
                        match got {
                            Ok(told) => for victim in told {
                                prop_assert!(before.pulls[&victim].priority < Some(PRIORITIES[p]));
                                prop_assert!(!links.pulls.contains_key(&victim));
                            },
                            Err(refusal) => prop_assert!(links.links.contains_key(&refusal.link)),
                        }
                    }
                    Step::Release(f) => links.release(feed(f)),
                    Step::Measured(f, r) => links.measured(feed(f), BitRate(r)),
                    Step::Idle(f) => links.set_priority(feed(f), None),
                }
                for link in links.uses() {
                    prop_assert!(link.reserved <= link.budget);
                    let sum: u64 = link.pulls.iter().map(|(_, _, r)| r.0).sum();
                    prop_assert_eq!(sum, link.reserved.0);
                }
            }
            for f in 0..12 { links.release(feed(f)); }
            prop_assert!(links.uses().iter().all(|l| l.reserved == BitRate(0) && l.pulls.is_empty()));
        }
    }
}

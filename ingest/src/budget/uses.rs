//! What is held on each link, for people.

use std::collections::BTreeMap;

use media::{BitRate, FeedId, Priority, RegionCode};

use super::{Links, State, rank::priority_of};

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

impl Links {
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
}

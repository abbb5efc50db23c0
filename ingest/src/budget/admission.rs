//! Whether a pull fits, who gives way for it, and what is said where nobody can.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _, time::Instant};

use media::{BitRate, FeedId, Priority, Reason, ReasonCode, RegionCode, said};

use super::{
    Links, Ousted, Pull, State,
    path::{MAX_DEPTH, Path},
    rank::{priority_name, priority_of},
};

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
        let mut said = said!(
            "link-no-room",
            "link '{name}' ({link}) has no room for {wanted}: {reserved} of {budget} are held by {held}",
            name = self.name,
            link = self.link,
            wanted = self.wanted,
            reserved = self.reserved,
            budget = self.budget,
            held = held,
        );
        if self.set_aside.0 > 0 {
            let aside = self.set_aside.to_string();
            let _ = write!(said.text, "; {aside} wait for those who asked before");
            said.words.code = "link-no-room-aside".into();
            said.words.values.insert("aside".into(), aside);
        }
        Reason::saying(ReasonCode::LinkBudget, said)
    }
}

impl Links {
    /// Who must give way so that it fits; the link without room if nobody can.
    pub(super) fn place(&self, ask: &Ask) -> Result<Vec<Ousted>, usize> {
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

    pub(super) fn refuse(&mut self, ask: &Ask, link: usize, wanted: BitRate) -> Refusal {
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
pub(super) struct Ask {
    pub(super) now: Instant,
    pub(super) feed: FeedId,
    pub(super) path: Path,
    pub(super) rate: u64,
    pub(super) rank: usize,
}

impl State {
    /// What pulls below a rank hold.
    fn movable(&self, rank: usize) -> u64 {
        self.held[..rank].iter().sum()
    }
}

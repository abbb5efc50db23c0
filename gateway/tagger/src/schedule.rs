//! Which pictures are decoded when: a budget that all cameras share, spent fairly.
//!
//! Three things ask for it, the first before the second before the third:
//! 1. *Key frames*, the rule: one a camera every so often.
//! 2. *Groups in which something moves*, as the bitstream or two differing key frames say: every picture, as it comes.
//! 3. *Probes*: whole groups of cameras where nothing seems to move, in turn, with a share of the budget that is left over. A
//!    noisy camera at a constant bit rate does not tell by its sizes that somebody walks through; a probe sees them.
//!
//! When the budget is short, cameras that have had more than an even share wait. All plain values in virtual time.

use std::{collections::HashMap, hash::Hash};

use crate::config::Budget;

/// Why a group is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// One key frame.
    Key,
    /// A group in which something moves.
    Motion,
    /// A group in which nothing seems to.
    Probe,
}

/// The shared budget. Times are seconds on any clock that does not go back.
#[derive(Debug)]
pub struct Schedule<K> {
    budget: Budget,
    /// Pictures and milliseconds that may be spent now; below zero is a debt that time pays.
    pictures: f64,
    ms: f64,
    /// Milliseconds that probes may spend.
    probe_ms: f64,
    now: f64,
    feeds: HashMap<K, Use>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Use {
    /// Milliseconds spent a second, over about the last ten.
    ms: f64,
    at: f64,
    last_key: Option<f64>,
    /// What one of its pictures costs.
    ms_a_picture: f64,
    /// The newest want that was not only a key frame.
    busy: Option<f64>,
}

/// Unspent budget is kept for this long: a group that is decoded after the fact comes at once.
const BURST_S: f64 = 2.0;
const MEMORY_S: f64 = 10.0;
/// Share of the budget for probes.
const PROBE_SHARE: f64 = 0.2;
/// Key frames may take the budget this far below zero; nothing else may.
const KEY_DEBT_S: f64 = 1.0;
/// First guess of what a picture costs, before one was measured.
const GUESS_MS: f64 = 2.0;

impl<K: Copy + Eq + Hash> Schedule<K> {
    /// A full budget.
    pub fn new(budget: Budget) -> Self {
        Self {
            pictures: budget.pictures_per_s * BURST_S,
            ms: budget.decode_ms_per_s * BURST_S,
            probe_ms: budget.decode_ms_per_s * PROBE_SHARE * BURST_S,
            budget,
            now: f64::NEG_INFINITY,
            feeds: HashMap::new(),
        }
    }

    /// Whether this feed may have so many pictures decoded. A yes is booked at what they are expected to cost until
    /// [`Schedule::spent`] says what they did.
    pub fn ask(&mut self, now: f64, feed: K, want: Want, pictures: u32) -> bool {
        self.refill(now);
        let busy = self.busy(now);
        let fair = self.budget.decode_ms_per_s / busy.max(1) as f64;
        let short = self.ms < 0.5 * self.budget.decode_ms_per_s;
        let (debt, ms, free, probe) = (-KEY_DEBT_S, self.ms, self.pictures, self.probe_ms);
        let entry = self.feeds.entry(feed).or_default();
        entry.decay(now);
        let each = if entry.ms_a_picture > 0.0 {
            entry.ms_a_picture
        } else {
            GUESS_MS
        };
        let cost = each * f64::from(pictures);
        let granted = match want {
            Want::Key => {
                let due = entry
                    .last_key
                    .is_none_or(|at| now - at >= self.budget.key_every_s - 0.01);
                let room = ms > debt * self.budget.decode_ms_per_s
                    && free > debt * self.budget.pictures_per_s;
                if due && room {
                    entry.last_key = Some(now);
                }
                due && room
            }
            Want::Motion => {
                entry.busy = Some(now);
                ms > 0.0 && free > 0.0 && !(short && entry.ms > fair)
            }
            Want::Probe => !short && free > 0.0 && probe >= cost,
        };
        if granted {
            self.book(feed, want, pictures, cost);
        }
        granted
    }

    /// What was granted has cost this much.
    pub fn spent(&mut self, now: f64, feed: K, pictures: u32, ms: f64) {
        self.refill(now);
        let Some(entry) = self.feeds.get_mut(&feed) else {
            return;
        };
        if pictures == 0 {
            return;
        }
        let each = ms / f64::from(pictures);
        let known = if entry.ms_a_picture > 0.0 {
            entry.ms_a_picture
        } else {
            GUESS_MS
        };
        let difference = ms - known * f64::from(pictures);
        entry.ms_a_picture = if entry.ms_a_picture > 0.0 {
            known + 0.2 * (each - known)
        } else {
            each
        };
        entry.ms = (entry.ms + difference / MEMORY_S).max(0.0);
        self.ms -= difference;
    }

    /// A feed is watched no more.
    pub fn forget(&mut self, feed: K) {
        self.feeds.remove(&feed);
    }

    fn book(&mut self, feed: K, want: Want, pictures: u32, cost_ms: f64) {
        self.pictures -= f64::from(pictures);
        self.ms -= cost_ms;
        if want == Want::Probe {
            self.probe_ms -= cost_ms;
        }
        if let Some(entry) = self.feeds.get_mut(&feed) {
            entry.ms += cost_ms / MEMORY_S;
        }
    }

    /// Feeds that asked for more than key frames lately.
    fn busy(&self, now: f64) -> usize {
        let lately = |u: &&Use| u.busy.is_some_and(|at| now - at < 2.0);
        self.feeds.values().filter(lately).count()
    }

    fn refill(&mut self, now: f64) {
        let since = now - self.now;
        if self.now.is_finite() && since > 0.0 {
            let fill = |left: f64, rate: f64| (left + rate * since).min(rate * BURST_S);
            self.pictures = fill(self.pictures, self.budget.pictures_per_s);
            self.ms = fill(self.ms, self.budget.decode_ms_per_s);
            self.probe_ms = fill(self.probe_ms, self.budget.decode_ms_per_s * PROBE_SHARE);
        }
        self.now = self.now.max(now);
    }
}

impl Use {
    fn decay(&mut self, now: f64) {
        self.ms *= (-(now - self.at).max(0.0) / MEMORY_S).exp();
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(pictures_per_s: f64, decode_ms_per_s: f64) -> Budget {
        Budget {
            pictures_per_s,
            decode_ms_per_s,
            key_every_s: 1.0,
        }
    }

    /// Runs `feeds` of which `moving` ask for 25 pictures a second, for a minute; says how many each was granted.
    fn run(
        schedule: &mut Schedule<u32>,
        feeds: u32,
        moving: u32,
        cost_ms: f64,
    ) -> (Vec<u32>, u32, f64) {
        let (mut groups, mut keys, mut spent) = (vec![0; moving as usize], 0, 0.0);
        for tick in 0..60 * 25 {
            let now = f64::from(tick) / 25.0;
            for feed in 0..feeds {
                if tick % 50 == feed as i32 % 50 && schedule.ask(now, feed, Want::Key, 1) {
                    keys += 1;
                    spent += cost_ms;
                    schedule.spent(now, feed, 1, cost_ms);
                }
            }
            // Not always in the same order, as on a network.
            for i in 0..moving {
                let feed = (i + tick as u32 * 7) % moving;
                if schedule.ask(now, feed, Want::Motion, 1) {
                    groups[feed as usize] += 1;
                    spent += cost_ms;
                    schedule.spent(now, feed, 1, cost_ms);
                }
            }
        }
        (groups, keys, spent)
    }

    #[test]
    fn a_few_cameras_get_all_they_ask_for() {
        let (groups, keys, _) = run(&mut Schedule::new(budget(600.0, 300.0)), 24, 4, 1.0);
        assert_eq!(keys, 24 * 30);
        assert!(groups.iter().all(|g| *g == 60 * 25), "{groups:?}");
    }

    #[test]
    fn many_share_evenly_within_the_budget_and_key_frames_come_first() {
        let (groups, keys, spent) = run(&mut Schedule::new(budget(1e9, 300.0)), 100, 60, 1.0);
        assert_eq!(keys, 100 * 30);
        assert!(spent <= 300.0 * 63.0, "{spent} ms in 60 s");
        assert!(spent >= 300.0 * 50.0, "{spent} ms in 60 s");
        let (least, most) = (groups.iter().min().unwrap(), groups.iter().max().unwrap());
        assert!(*most < 2 * least, "{groups:?}");
    }

    #[test]
    fn pictures_are_bounded_too() {
        let (groups, keys, _) = run(&mut Schedule::new(budget(200.0, 1e9)), 20, 20, 0.1);
        let all = groups.iter().sum::<u32>() + keys;
        assert!((200 * 55..=200 * 63).contains(&all), "{all}");
    }

    #[test]
    fn probes_take_a_share_of_what_is_left() {
        let mut schedule = Schedule::new(budget(1e9, 300.0));
        let mut granted = 0;
        for tick in 0..600 {
            let now = f64::from(tick) / 10.0;
            for feed in 0..100u32 {
                if schedule.ask(now, feed, Want::Probe, 10) {
                    granted += 10;
                    schedule.spent(now, feed, 10, 10.0);
                }
            }
        }
        let share = f64::from(granted) / (300.0 * 60.0);
        assert!((0.15..0.25).contains(&share), "{share}");
    }
}

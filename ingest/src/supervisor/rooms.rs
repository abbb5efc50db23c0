//! Room on the links: taken before a pull begins, and who ends when there is none. What happened is noted for people.

use std::{sync::Weak, time::Instant};

use media::{BitRate, FeedId, Priority, Reason, ReasonCode, RegionCode, WallTime, said};

use super::{Shared, State};
use crate::budget::{Ousted, priority_name};

/// Something that a link had no room for.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkNote {
    /// When.
    pub at: WallTime,
    /// Which link.
    pub link: RegionCode,
    /// Whose pull.
    pub feed: FeedId,
    /// Its urgency; none: nobody used it any more.
    pub priority: Option<Priority>,
    /// What happened.
    pub what: Noted,
}

/// What happened to a pull on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It asked for so much and was refused.
    Refused(BitRate),
    /// It gave way to a more urgent one.
    GaveWay(FeedId),
    /// It gave way since this one (perhaps itself) was found to take more than it had been given.
    Outgrown(FeedId),
    /// It gave way since the link's budget is less now, or another path is taken.
    Shrunk,
}

/// What happened on the links that is kept.
const NOTES: usize = 512;

/// Why pulls must end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    Admitted(FeedId, Priority),
    Grown(FeedId, BitRate),
    Shrunk,
}

/// Room on the links, held without a feed.
#[derive(Debug)]
pub struct Room {
    pub(super) shared: Weak<Shared>,
    pub(super) feed: FeedId,
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let mut state = shared.lock();
            // A feed that began meanwhile, or ran before, holds it on.
            if !state.feeds.contains_key(&self.feed) {
                state.links.end(self.feed);
            }
        }
    }
}

impl State {
    fn note(&mut self, note: LinkNote) {
        if self.notes.len() >= NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }
}

impl Shared {
    /// Takes room on the links; those who give way for it end, and are told for whom.
    pub(super) fn admit(
        &self,
        state: &mut State,
        feed: FeedId,
        region: RegionCode,
        rate: BitRate,
        priority: Priority,
    ) -> Result<(), Reason> {
        let now = Instant::now();
        match state.links.admit(now, feed, region, rate, priority) {
            Ok(ousted) => {
                self.oust(state, ousted, Why::Admitted(feed, priority));
                Ok(())
            }
            Err(refusal) => {
                state.note(LinkNote {
                    at: self.wall(now),
                    link: refusal.link,
                    feed,
                    priority: Some(priority),
                    what: Noted::Refused(rate),
                });
                Err(refusal.reason())
            }
        }
    }

    /// Ends those who have no room any more; it is gone already.
    pub(super) fn oust(&self, state: &mut State, ousted: Vec<Ousted>, why: Why) {
        for Ousted { feed, link } in ousted {
            let (what, said) = match why {
                Why::Admitted(to, priority) => (
                    Noted::GaveWay(to),
                    said!(
                        "gave-way",
                        "gave way to {to} ({priority}) on link {link}",
                        to = to,
                        priority = priority_name(priority),
                        link = link
                    ),
                ),
                Why::Grown(grown, rate) => (
                    Noted::Outgrown(grown),
                    match grown == feed {
                        true => said!(
                            "has-grown",
                            "takes {rate}, more than it was given, and link {link} has no room for that",
                            rate = rate,
                            link = link
                        ),
                        false => said!(
                            "outgrown",
                            "link {link} has no room for it any more, since {by} takes {rate} now",
                            link = link,
                            by = grown,
                            rate = rate
                        ),
                    },
                ),
                Why::Shrunk => (
                    Noted::Shrunk,
                    said!(
                        "shrunk",
                        "link {link} has no room for it any more, since its budget or the path has changed",
                        link = link
                    ),
                ),
            };
            let entry = state.feeds.get(&feed);
            let priority = entry.and_then(|e| e.held.keys().next_back().copied());
            state.note(LinkNote {
                at: self.wall(Instant::now()),
                link,
                feed,
                priority,
                what,
            });
            let reason = Reason::saying(ReasonCode::Preempted, said);
            self.end(state, feed, None, Some(reason));
        }
    }
}

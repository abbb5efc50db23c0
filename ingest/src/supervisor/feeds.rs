//! A feed's life: begun for its first lease, told of each, ended when nobody wants it or nobody may.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use media::{Feed, FeedId, Lease, Priority, Reason, ReasonCode, Ring, SourceState, SourceStatus};
use tokio::sync::watch;

use super::{Demand, Entry, Shared, State};
use crate::{camera::Source, feed};

/// Returned with each lease; its end is the lease's end.
struct Guard {
    shared: Weak<Shared>,
    feed: FeedId,
    number: u32,
    priority: Priority,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.lease_ended(self);
        }
    }
}

impl Entry {
    pub(super) fn tell_leases(&self) {
        let used = !self.held.is_empty();
        self.demand.send_modify(|demand| {
            demand.ends = (!used).then_some(self.grace);
        });
    }
}

impl Shared {
    /// Ends a feed if nobody has a lease on it. Says whether it did.
    pub(crate) fn end_unused(&self, feed: FeedId, number: u32) -> bool {
        let mut state = self.lock();
        match state.feeds.get(&feed) {
            Some(entry) if entry.feed.number == number && !entry.held.is_empty() => false,
            _ => {
                self.end(&mut state, feed, Some(number), None);
                true
            }
        }
    }

    pub(super) fn begin(
        self: &Arc<Self>,
        state: &mut State,
        id: FeedId,
        source: Arc<Source>,
        priority: Priority,
    ) -> Entry {
        let number = state.number();
        let now = self.wall(Instant::now());
        let mut status = SourceStatus::idle(now);
        // What was wrong last time is the best that can be said until it is tried.
        if let Some(last) = state.ended.remove(&id) {
            status.reason = last
                .reason
                .filter(|r| !matches!(r.code, ReasonCode::Preempted | ReasonCode::Disabled));
        }
        status.state = SourceState::Connecting;
        self.announce(id, &status);
        let (status, watched) = watch::channel(status);
        let status = Arc::new(status);
        let feed = Arc::new(Feed {
            id,
            number,
            ring: Ring::new(self.config.ring),
            status: watched,
        });
        let (demand, demanded) = watch::channel(Demand {
            ends: None,
            source,
            revision: 0,
        });
        let stop = self.cancel.child_token();
        let beat = Arc::clone(self.threads.next());
        let task = feed::run(
            Arc::clone(self),
            Arc::clone(&feed),
            demanded,
            Arc::clone(&status),
            stop.clone(),
            Arc::clone(&beat),
        );
        self.tasks.spawn_on(task, beat.handle());
        beat.asked(priority);
        Entry {
            feed,
            demand,
            status,
            beat,
            held: BTreeMap::from([(priority, 1)]),
            grace: Instant::now(),
            stop,
        }
    }

    pub(super) fn lease(self: &Arc<Self>, entry: &Entry, priority: Priority) -> Lease {
        let guard = Guard {
            shared: Arc::downgrade(self),
            feed: entry.feed.id,
            number: entry.feed.number,
            priority,
        };
        Lease::new(Arc::clone(&entry.feed), guard)
    }

    fn lease_ended(&self, guard: &Guard) {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(entry) = state
            .feeds
            .get_mut(&guard.feed)
            .filter(|entry| entry.feed.number == guard.number)
        else {
            return;
        };
        if let Some(count) = entry.held.get_mut(&guard.priority) {
            *count -= 1;
            if *count == 0 {
                entry.held.remove(&guard.priority);
            }
        }
        let most_urgent = entry.held.keys().next_back().copied();
        // A check is over when it is over: the room is wanted for the next one.
        let grace = match guard.priority {
            Priority::Diagnosis => Duration::ZERO,
            _ => self.config.grace,
        };
        entry.grace = entry.grace.max(Instant::now() + grace);
        entry.tell_leases();
        state.links.set_priority(guard.feed, most_urgent);
    }

    /// Ends a feed (of this number, if given): its room is given back, readers are told, its task says goodbye to the camera.
    pub(super) fn end(
        &self,
        state: &mut State,
        id: FeedId,
        number: Option<u32>,
        reason: Option<Reason>,
    ) {
        let matches = |entry: &Entry| number.is_none_or(|n| entry.feed.number == n);
        if !state.feeds.get(&id).is_some_and(matches) {
            return;
        }
        let Some(entry) = state.feeds.remove(&id) else {
            return;
        };
        state.links.end(id);
        entry.feed.ring.close(reason.clone());
        entry.stop.cancel();
        entry.beat.nudge();
        let now = self.wall(Instant::now());
        let mut last = SourceStatus::idle(now);
        entry.status.send_modify(|status| {
            last.reason = reason.or(status.reason.take());
            last.attempts = status.attempts;
            last.clock_offset_ms = status.clock_offset_ms;
            last.tracks.clone_from(&status.tracks);
            *status = last.clone();
        });
        self.announce(id, &last);
        state.ended.insert(id, last);
        self.keep.notify_one();
    }
}

//! When connections want to be looked at: one list for all, and one timer of the runtime's behind it.

use std::{collections::BTreeSet, time::Instant};

use quinn_proto::ConnectionHandle;

#[derive(Default)]
pub(super) struct Timers(BTreeSet<(Instant, usize)>);

/// When a connection is looked at next. Never later than it wants: a deadline that moves away, as the one of a packet that might be
/// lost does with every packet, is left as it is, and found out when it comes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Armed(Option<Instant>);

impl Timers {
    /// A connection wants to be looked at then. Returns whether that is before all others.
    pub(super) fn arm(
        &mut self,
        armed: &mut Armed,
        handle: ConnectionHandle,
        at: Option<Instant>,
    ) -> bool {
        let Some(at) = at else { return false };
        match armed.0 {
            Some(before) if before <= at => return false,
            Some(before) => {
                self.0.remove(&(before, handle.0));
            }
            None => {}
        }
        armed.0 = Some(at);
        self.0.insert((at, handle.0));
        self.0.first() == Some(&(at, handle.0))
    }

    /// It is over.
    pub(super) fn disarm(&mut self, armed: &mut Armed, handle: ConnectionHandle) {
        if let Some(at) = armed.0.take() {
            self.0.remove(&(at, handle.0));
        }
    }

    /// A connection whose time has come: to be told [`Timers::fired`].
    pub(super) fn expired(&mut self, now: Instant) -> Option<ConnectionHandle> {
        let first = self.0.first().copied().filter(|(at, _)| *at <= now)?;
        self.0.remove(&first);
        Some(ConnectionHandle(first.1))
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }
}

impl Armed {
    /// Whether it is looked at by then, or wants nothing.
    pub(super) fn covers(&self, at: Option<Instant>) -> bool {
        match (self.0, at) {
            (_, None) => true,
            (Some(before), Some(at)) => before <= at,
            (None, Some(_)) => false,
        }
    }

    /// Its time has come.
    pub(super) fn fired(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_connection_is_looked_at_once_and_never_late() {
        let (mut timers, start) = (Timers::default(), Instant::now());
        let at = |ms| Some(start + Duration::from_millis(ms));
        let (one, two) = (ConnectionHandle(1), ConnectionHandle(2));
        let (mut first, mut second) = (Armed::default(), Armed::default());
        assert!(timers.arm(&mut first, one, at(50)));
        assert!(!timers.arm(&mut first, one, at(90)), "moves away");
        assert!(!timers.arm(&mut second, two, at(60)));
        assert!(timers.arm(&mut second, two, at(20)), "comes nearer");
        assert_eq!(timers.next(), at(20));
        let expired = |timers: &mut Timers, ms| timers.expired(start + Duration::from_millis(ms));
        assert_eq!(expired(&mut timers, 19), None);
        assert_eq!(expired(&mut timers, 70), Some(two));
        second.fired();
        assert_eq!(expired(&mut timers, 70), Some(one));
        first.fired();
        assert_eq!(expired(&mut timers, 1000), None, "each once");
        assert!(timers.arm(&mut first, one, at(90)));
        timers.disarm(&mut first, one);
        assert_eq!(timers.next(), None);
        assert!(!timers.arm(&mut first, one, None));
    }
}

//! Turns for connecting: a thousand cameras that come back at once are called one after the other, evenly. Pure.

use std::time::{Duration, Instant};

/// Gives out moments, each a fixed distance after the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pacer {
    distance: Duration,
    next: Option<Instant>,
}

impl Pacer {
    /// So many turns a second; zero is taken as one.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            distance: Duration::from_secs(1) / per_second.max(1),
            next: None,
        }
    }

    /// The next free moment, now or later.
    pub(crate) fn turn(&mut self, now: Instant) -> Instant {
        let turn = self.next.map_or(now, |next| next.max(now));
        self.next = Some(turn + self.distance);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_at_once_are_spread_and_a_single_one_goes_at_once() {
        let (mut pacer, now) = (Pacer::new(100), Instant::now());
        let turns: Vec<Instant> = (0..1000).map(|_| pacer.turn(now)).collect();
        assert_eq!(turns[0], now);
        assert_eq!(turns[999] - turns[0], Duration::from_millis(9990));
        let later = now + Duration::from_secs(20);
        assert_eq!(pacer.turn(later), later);
    }
}

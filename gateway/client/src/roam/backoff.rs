//! When to try QUIC again. No I/O.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

/// A firewall does not change by the second; who sits in a tunnel is out of it soon.
pub(crate) const FIRST: Duration = Duration::from_secs(5);
/// A try costs a few packets: seldom enough for a thousand viewers, often enough for one who waits.
const MOST: Duration = Duration::from_secs(120);
/// QUIC that held so long was no accident: the next fall begins anew.
pub(super) const HELD: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    next: Duration,
    jitter: fn() -> f64,
}

impl Backoff {
    pub(super) fn new(first: Duration) -> Self {
        Self {
            first,
            next: first,
            jitter,
        }
    }

    /// How long to wait before the next try: doubled each time, within a quarter of it, so that those who fell together do not
    /// try together.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next.mul_f64(0.75 + (self.jitter)() / 2.0);
        self.next = (self.next * 2).min(MOST.max(self.first));
        wait
    }

    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// 0 to 1, by the seed that every hash map of the process has.
fn jitter() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_two_minutes_and_begin_anew() {
        let mut backoff = Backoff {
            jitter: || 0.5,
            ..Backoff::new(FIRST)
        };
        let waits: Vec<u64> = (0..7).map(|_| backoff.wait().as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 120, 120]);
        backoff.reset();
        assert_eq!(backoff.wait(), FIRST);
        assert!((0..1000).all(|_| (0.0..=1.0).contains(&jitter())));
    }
}

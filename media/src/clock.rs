//! The gateway's clock: the time of record.

use std::time::{Duration, Instant};

use crate::time::WallTime;

/// Turns the monotonic clock into UTC without stepping back: anchored once, then drawn towards the system clock at up to
/// 1 part in 1000 (so an NTP correction of 100 ms takes 100 s); a step of more than [`Clock::MAX_SLEW`] is taken at once,
/// forwards or backwards, since a recording hours off is worse than one discontinuity.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Instant,
    wall: WallTime,
}

impl Clock {
    /// A larger difference to the system clock is stepped, not slewed.
    pub const MAX_SLEW: Duration = Duration::from_secs(10);

    /// Anchored to the system clock now.
    pub fn system() -> Self {
        Self::anchored(Instant::now(), WallTime::now())
    }

    /// Anchored as given.
    pub fn anchored(anchor: Instant, wall: WallTime) -> Self {
        Self { anchor, wall }
    }

    /// The wall time of a monotonic instant (also before the anchor).
    pub fn wall(&self, at: Instant) -> WallTime {
        match at.checked_duration_since(self.anchor) {
            Some(d) => self.wall + d,
            None => self.wall - self.anchor.duration_since(at),
        }
    }

    /// Takes a new reading of the system clock; see the type for how it is followed.
    pub fn discipline(&mut self, at: Instant, system: WallTime) {
        let ours = self.wall(at);
        let elapsed = at.saturating_duration_since(self.anchor);
        let error = system.0.saturating_sub(ours.0);
        let corrected = if error.unsigned_abs() > Self::MAX_SLEW.as_micros() as u64 {
            system
        } else {
            let most = (elapsed.as_micros() / 1000) as i64;
            WallTime(ours.0 + error.clamp(-most, most))
        };
        *self = Self::anchored(at, corrected);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_errors_are_slewed_and_large_ones_stepped() {
        let t0 = Instant::now();
        let mut clock = Clock::anchored(t0, WallTime::from_secs(1000));
        let t1 = t0 + Duration::from_secs(10);
        clock.discipline(t1, WallTime(1_010_100_000));
        assert_eq!(clock.wall(t1), WallTime(1_010_010_000));
        clock.discipline(t1, WallTime::from_secs(5000));
        assert_eq!(clock.wall(t1), WallTime::from_secs(5000));
        assert_eq!(clock.wall(t0), WallTime::from_secs(4990));
    }
}

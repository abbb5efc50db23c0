//! One direction of one connection. No I/O and no clock.

use std::time::{Duration, Instant};

use super::Conditions;

/// How late TCP's data comes after a loss: about the system's own least retransmission time.
const AGAIN: Duration = Duration::from_millis(200);

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives then.
    At(Instant),
    /// It is lost at random.
    Lost,
    /// It finds the queue full.
    Overflowed,
    /// Nothing passes.
    Blocked,
}

/// SplitMix64: the same numbers on every machine and with every version of anything.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// 0 to 1, without 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[derive(Debug)]
pub(super) struct Line {
    dice: Dice,
    /// When the rate has room again.
    free: Option<Instant>,
    /// When the last one that was not made late arrives.
    last: Option<Instant>,
}

impl Line {
    /// `number` tells the lines of one network apart.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut mix = Dice(seed ^ number.wrapping_mul(0xd605_1bd8_4ad5_2f4d));
        mix.roll();
        Self {
            dice: mix,
            free: None,
            last: None,
        }
    }

    /// A packet of UDP. Three numbers are drawn for each, whatever its fate: later ones do not depend on it.
    pub(super) fn packet(&mut self, now: Instant, len: usize, c: &Conditions) -> Fate {
        let (loss, late, jitter) = (self.dice.roll(), self.dice.roll(), self.dice.roll());
        if c.black_out || c.no_udp {
            return Fate::Blocked;
        }
        if loss < c.loss {
            return Fate::Lost;
        }
        let free = self.free.map_or(now, |free| free.max(now));
        if let Some(rate) = c.rate_bps
            && (free - now).as_secs_f64() * rate as f64 / 8.0 > c.queue as f64
        {
            return Fate::Overflowed;
        }
        let at = self.leave(free, len, c) + c.delay + c.jitter.mul_f64(jitter);
        if late < c.reorder {
            return Fate::At(at + c.late);
        }
        Fate::At(self.in_order(at))
    }

    /// A piece of TCP: when it arrives.
    pub(super) fn piece(&mut self, now: Instant, len: usize, c: &Conditions) -> Instant {
        let (loss, _, jitter) = (self.dice.roll(), self.dice.roll(), self.dice.roll());
        let free = self.free.map_or(now, |free| free.max(now));
        let mut at = self.leave(free, len, c) + c.delay + c.jitter.mul_f64(jitter);
        if loss < c.loss {
            at += AGAIN;
        }
        self.in_order(at)
    }

    fn leave(&mut self, free: Instant, len: usize, c: &Conditions) -> Instant {
        let left = match c.rate_bps {
            Some(rate) => free + Duration::from_secs_f64(len as f64 * 8.0 / rate.max(1) as f64),
            None => free,
        };
        self.free = Some(left);
        left
    }

    fn in_order(&mut self, at: Instant) -> Instant {
        let at = self.last.map_or(at, |last| last.max(at));
        self.last = Some(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(seed: u64, conditions: &Conditions, n: u32) -> Vec<Option<Duration>> {
        let (mut line, now) = (Line::new(seed, 1), Instant::now());
        (0..n)
            .map(
                |k| match line.packet(now + Duration::from_millis(k.into()), 1200, conditions) {
                    Fate::At(at) => Some(at - now),
                    _ => None,
                },
            )
            .collect()
    }

    #[test]
    fn the_seed_decides() {
        let rough = Conditions {
            delay: Duration::from_millis(50),
            jitter: Duration::from_millis(10),
            loss: 0.03,
            reorder: 0.05,
            ..Conditions::default()
        };
        let first = fates(7, &rough, 10_000);
        assert_eq!(first, fates(7, &rough, 10_000));
        assert_ne!(first, fates(8, &rough, 10_000));
        let lost = first.iter().filter(|f| f.is_none()).count();
        assert!((200..400).contains(&lost), "{lost} of 10,000");
        let came: Vec<Duration> = first.into_iter().flatten().collect();
        let overtaken = came.windows(2).filter(|w| w[1] < w[0]).count();
        assert!((300..700).contains(&overtaken), "{overtaken}");
    }

    #[test]
    fn the_rate_holds_and_the_queue_is_bounded() {
        let slow = Conditions {
            rate_bps: Some(1_000_000),
            queue: 12_000,
            ..Conditions::default()
        };
        // 9.6 Mbit/s offered for a second.
        let came: Vec<Duration> = fates(1, &slow, 1000).into_iter().flatten().collect();
        assert!((100..120).contains(&came.len()), "{}", came.len());
        let longest = came.windows(2).map(|w| w[1] - w[0]).max().unwrap();
        assert!(longest < Duration::from_millis(11), "{longest:?}");
        let jam = Duration::from_millis(1000 + 96 + 10);
        assert!(came.last().unwrap() < &jam);
    }

    #[test]
    fn tcp_comes_whole_and_in_order() {
        let rough = Conditions {
            loss: 0.1,
            reorder: 0.5,
            jitter: Duration::from_millis(30),
            ..Conditions::default()
        };
        let (mut line, now) = (Line::new(3, 1), Instant::now());
        let came: Vec<Instant> = (0..1000).map(|_| line.piece(now, 1000, &rough)).collect();
        assert!(came.is_sorted());
        assert!(came[999] - now >= AGAIN);
    }
}

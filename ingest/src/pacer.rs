//! Turns for connecting: a thousand cameras that come back at once are called one after the other, evenly, and no link is asked
//! to begin more in a second than it carries. Pure.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use media::RegionCode;

/// Gives out moments: over all a fixed distance after the one before, and on each link as long after the one before as a second
/// of its stream takes of the link's budget.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    distance: Duration,
    next: Option<Instant>,
    /// When each link's next turn is free. As many as there are links; what has passed is forgotten.
    links: HashMap<RegionCode, Instant>,
}

/// Links that are remembered without looking whether their turn has passed.
const SWEEP: usize = 1024;

impl Pacer {
    /// So many turns a second; zero is taken as one.
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            distance: Duration::from_secs(1) / per_second.max(1),
            next: None,
            links: HashMap::new(),
        }
    }

    /// The next free moment, now or later, for one who connects over these links, each with the seconds that its first second
    /// takes of it. One who is `urgent` does not wait for those who connect over the same links, but they for it.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        urgent: bool,
        links: impl Iterator<Item = (RegionCode, f64)>,
    ) -> Instant {
        let mut turn = self.next.map_or(now, |next| next.max(now));
        self.next = Some(turn + self.distance);
        if self.links.len() > SWEEP {
            self.links.retain(|_, free| *free > now);
        }
        let links: Vec<(RegionCode, Duration)> = links
            .map(|(link, s)| (link, Duration::from_secs_f64(s.clamp(0.0, 1.0))))
            .collect();
        if !urgent {
            let free = links.iter().filter_map(|(link, _)| self.links.get(link));
            turn = free.copied().fold(turn, Instant::max);
        }
        for (link, takes) in links {
            let free = self.links.entry(link).or_insert(turn);
            *free = (*free).max(turn) + takes;
        }
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_links() -> std::iter::Empty<(RegionCode, f64)> {
        std::iter::empty()
    }

    #[test]
    fn a_thousand_at_once_are_spread_and_a_single_one_goes_at_once() {
        let (mut pacer, now) = (Pacer::new(100), Instant::now());
        let turns: Vec<Instant> = (0..1000)
            .map(|_| pacer.turn(now, false, no_links()))
            .collect();
        assert_eq!(turns[0], now);
        assert_eq!(turns[999] - turns[0], Duration::from_millis(9990));
        let later = now + Duration::from_secs(20);
        assert_eq!(pacer.turn(later, false, no_links()), later);
    }

    #[test]
    fn a_thin_link_is_asked_slowly_and_others_do_not_wait_for_it() {
        let (mut pacer, now) = (Pacer::new(1000), Instant::now());
        let thin: RegionCode = "441403102201".parse().unwrap();
        let wide: RegionCode = "441403102202".parse().unwrap();
        // 4 Mbit/s each of 16: four a second.
        let turns: Vec<Instant> = (0..9)
            .map(|_| pacer.turn(now, false, [(thin, 0.25)].into_iter()))
            .collect();
        assert_eq!(turns[8] - turns[0], Duration::from_secs(2));
        let other = pacer.turn(now, false, [(wide, 0.25)].into_iter());
        assert!(other - now < Duration::from_millis(10), "{:?}", other - now);
        // An incident goes at once, and the next one waits for it as well.
        let urgent = pacer.turn(now, true, [(thin, 0.25)].into_iter());
        assert!(urgent - now < Duration::from_millis(20));
        let next = pacer.turn(now, false, [(thin, 0.25)].into_iter());
        assert_eq!(next - turns[0], Duration::from_millis(2500));
    }
}

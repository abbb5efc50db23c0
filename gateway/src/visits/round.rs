//! Whose turn it is to be looked at, so that every camera is known to be well within the period and the looks together never
//! take more than their share. A value without I/O: the caller tells what happened and asks whom to visit.
//!
//! The one known longest ago comes first. One visit a link at a time: a village whose line is thin is not asked twice at once,
//! and the others do not wait for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use media::{BitRate, CameraId, RegionCode};

/// How to go round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What all visits together may take.
    pub share: BitRate,
    /// Every camera is to be known within this.
    pub period: Duration,
    /// The longest visit.
    pub visit: Duration,
}

/// A camera that is to be visited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Which.
    pub camera: CameraId,
    /// Where it stands: its link.
    pub region: RegionCode,
    /// What a visit takes. Nothing: its pictures are here already.
    pub rate: BitRate,
}

/// What is known, and who is visited.
#[derive(Debug)]
pub struct Round {
    settings: Settings,
    cameras: BTreeMap<CameraId, Entry>,
    /// When each is due, those that are not being visited.
    due: BTreeSet<(Instant, CameraId)>,
    /// Regions with a visit.
    busy: BTreeSet<RegionCode>,
    running: u64,
    visits: usize,
    /// A visit that took more than the share is made up for until then.
    rests_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    stop: Stop,
    /// When it was known last.
    known: Option<Instant>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting { due: Instant },
    Visited { since: Instant, rate: u64 },
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Cameras to be visited.
    pub cameras: usize,
    /// Known within the period.
    pub known: usize,
    /// Visits now.
    pub visits: usize,
    /// Since when the one that is known longest has been; none while one is not known at all.
    pub oldest: Option<Duration>,
}

/// A camera is due again when this part of the period has passed: the rest is for those that could not be visited in time.
const DUE: f64 = 0.75;
/// One whose link had no room is tried again after this.
const AGAIN: Duration = Duration::from_secs(60);
/// Due cameras that are looked through for one that may be visited now.
const LOOKED_AT: usize = 256;

impl Round {
    /// Nobody known.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            cameras: BTreeMap::new(),
            due: BTreeSet::new(),
            busy: BTreeSet::new(),
            running: 0,
            visits: 0,
            rests_until: None,
        }
    }

    /// These are the cameras now. One that is new is due at once; one that is gone and being visited is forgotten when that ends.
    pub fn set(&mut self, now: Instant, stops: impl IntoIterator<Item = Stop>) {
        let mut gone: BTreeSet<CameraId> = self.cameras.keys().copied().collect();
        for stop in stops {
            gone.remove(&stop.camera);
            match self.cameras.get_mut(&stop.camera) {
                // A visit ends where it began.
                Some(entry) if matches!(entry.state, State::Visited { .. }) => {}
                Some(entry) => entry.stop = stop,
                None => {
                    let state = State::Waiting { due: now };
                    self.due.insert((now, stop.camera));
                    let entry = Entry {
                        stop,
                        known: None,
                        state,
                    };
                    self.cameras.insert(stop.camera, entry);
                }
            }
        }
        for camera in gone {
            match self.cameras.get(&camera).map(|e| e.state) {
                Some(State::Waiting { due }) => {
                    self.due.remove(&(due, camera));
                    self.cameras.remove(&camera);
                }
                Some(State::Visited { .. }) | None => {}
            }
        }
    }

    /// Who is to be visited now, if anybody: the caller tells [`Round::done`] or [`Round::refused`] when it is over.
    pub fn next(&mut self, now: Instant) -> Option<CameraId> {
        let may = |stop: &Stop| {
            if stop.rate.0 == 0 {
                return true;
            }
            let sum = self.running.saturating_add(stop.rate.0);
            let fits = sum <= self.settings.share.0 || self.running == 0;
            fits && !self.busy.contains(&stop.region)
                && self.rests_until.is_none_or(|until| now >= until)
        };
        let due = self.due.iter().take_while(|(due, _)| *due <= now);
        let (_, camera) = due
            .take(LOOKED_AT)
            .find(|(_, camera)| self.cameras.get(camera).is_some_and(|e| may(&e.stop)))
            .copied()?;
        let entry = self.cameras.get_mut(&camera)?;
        if let State::Waiting { due } = entry.state {
            self.due.remove(&(due, camera));
        }
        let rate = entry.stop.rate.0;
        entry.state = State::Visited { since: now, rate };
        if rate > 0 {
            self.busy.insert(entry.stop.region);
        }
        self.running += rate;
        self.visits += 1;
        Some(camera)
    }

    /// A visit is over and something is known now, be it good or bad.
    pub fn done(&mut self, now: Instant, camera: CameraId) {
        let due = now + self.settings.period.mul_f64(DUE);
        self.end(now, camera, due, true);
    }

    /// A visit could not be made: its link has no room.
    pub fn refused(&mut self, now: Instant, camera: CameraId) {
        self.end(now, camera, now + AGAIN, false);
    }

    fn end(&mut self, now: Instant, camera: CameraId, due: Instant, known: bool) {
        let Some(entry) = self.cameras.get_mut(&camera) else {
            return;
        };
        let State::Visited { since, rate } = entry.state else {
            return;
        };
        self.visits -= 1;
        self.running -= rate;
        if rate > 0 {
            self.busy.remove(&entry.stop.region);
        }
        let share = self.settings.share.0.max(1);
        if known && rate > share {
            let took = now.saturating_duration_since(since);
            self.rests_until = Some(now + took.mul_f64(rate as f64 / share as f64 - 1.0));
        }
        if known {
            entry.known = Some(now);
        }
        entry.state = State::Waiting { due };
        self.due.insert((due, camera));
    }

    /// What all visits take now.
    pub fn running(&self) -> BitRate {
        BitRate(self.running)
    }

    /// The longest visit.
    pub fn visit(&self) -> Duration {
        self.settings.visit
    }

    /// How far it is.
    pub fn progress(&self, now: Instant) -> Progress {
        let age = |e: &Entry| Some(now.saturating_duration_since(e.known?));
        let ages = || self.cameras.values().map(age);
        Progress {
            cameras: self.cameras.len(),
            known: ages()
                .flatten()
                .filter(|a| *a <= self.settings.period)
                .count(),
            visits: self.visits,
            oldest: ages()
                .collect::<Option<Vec<_>>>()
                .and_then(|a| a.into_iter().max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::budget::{Link, Links};
    use media::{FeedId, Priority, Profile};
    use std::{cmp::Reverse, collections::BinaryHeap};

    const HOUR: Duration = Duration::from_secs(3600);

    fn settings() -> Settings {
        Settings {
            share: BitRate::kilobits(1500),
            period: 2 * HOUR,
            visit: Duration::from_secs(8),
        }
    }

    fn camera(n: u32) -> CameraId {
        format!("44140300001320{n:06}").parse().unwrap()
    }

    fn village(n: u32) -> RegionCode {
        format!("4414031{:02}2{:02}", n / 20, n % 20)
            .parse()
            .unwrap()
    }

    fn stop(n: u32, region: u32, kilo: u64) -> Stop {
        Stop {
            camera: camera(n),
            region: village(region),
            rate: BitRate::kilobits(kilo),
        }
    }

    /// A number that looks like chance, the same each time.
    fn chance(n: u64) -> f64 {
        let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64
            / (1u64 << 24) as f64
    }

    #[test]
    fn one_a_link_and_never_more_than_the_share() {
        let (mut round, now) = (Round::new(settings()), Instant::now());
        round.set(now, (0..8).map(|n| stop(n, n / 4, 500)));
        let first: Vec<_> = std::iter::from_fn(|| round.next(now)).collect();
        assert_eq!(first, [camera(0), camera(4)], "two links");
        assert_eq!(round.running(), BitRate::megabits(1));
        round.done(now, camera(0));
        assert_eq!(round.next(now), Some(camera(1)));
        round.refused(now, camera(1));
        assert_eq!(round.next(now), Some(camera(2)));
        let later = now + AGAIN;
        round.done(later, camera(2));
        assert_eq!(round.next(later), Some(camera(3)), "due for longer");
        round.done(later, camera(3));
        assert_eq!(round.next(later), Some(camera(1)));
    }

    #[test]
    fn one_that_takes_more_than_the_share_is_made_up_for() {
        let (mut round, now) = (Round::new(settings()), Instant::now());
        round.set(now, [stop(0, 0, 4500), stop(1, 1, 500), stop(2, 2, 0)]);
        assert_eq!(round.next(now), Some(camera(0)));
        assert_eq!(round.next(now), Some(camera(2)), "it costs nothing");
        assert_eq!(round.next(now), None);
        let over = now + Duration::from_secs(4);
        round.done(over, camera(0));
        assert_eq!(round.next(over + Duration::from_millis(7900)), None);
        assert_eq!(round.next(over + Duration::from_secs(8)), Some(camera(1)));
    }

    #[test]
    fn who_is_gone_is_forgotten_even_while_visited() {
        let (mut round, now) = (Round::new(settings()), Instant::now());
        round.set(now, [stop(0, 0, 500), stop(1, 1, 500)]);
        assert_eq!(round.next(now), Some(camera(0)));
        round.set(now, []);
        assert_eq!(round.progress(now).cameras, 1);
        assert_eq!(round.next(now), None);
        round.done(now, camera(0));
        round.set(now, []);
        assert_eq!(round.progress(now), Progress::default());
        assert_eq!(round.running(), BitRate(0));
    }

    /// The district of the sizing table: 3,500 cameras, 410 links, sub streams of 512 kbit/s, key frames every two seconds and every
    /// ten of some, some that do not answer, and office traffic and viewers that leave some links without room for a while.
    #[test]
    fn three_and_a_half_thousand_cameras_are_known_every_two_hours_within_the_share() {
        const CAMERAS: u32 = 3500;
        let start = Instant::now();
        let mut round = Round::new(settings());
        let mut lines: Vec<Link> = (0..390)
            .map(|n| Link::usual(village(n), "village"))
            .collect();
        for town in 0..20 {
            let code = format!("4414031{town:02}").parse().unwrap();
            lines.push(Link::usual(code, "town"));
        }
        assert_eq!(lines.len(), 410);
        let mut links = Links::new(lines);
        round.set(start, (0..CAMERAS).map(|n| stop(n, n % 390, 512)));
        let feed = |camera| FeedId {
            camera,
            profile: Profile::Sub,
        };
        let number = |camera: CameraId| -> u64 { camera.as_str()[14..].parse().unwrap() };
        // What a visit takes: connecting, then to the next key frame, and its judgement.
        let takes = |camera: CameraId, visit: u64| -> Duration {
            let n = number(camera);
            let at = chance(n * 31 + visit);
            let seconds = match n {
                n if n.is_multiple_of(50) => 6.0,
                n if n.is_multiple_of(20) => 0.4 + 7.6 * at,
                _ => 0.4 + 2.0 * at,
            };
            Duration::from_secs_f64(seconds)
        };
        let mut running: BinaryHeap<Reverse<(Instant, CameraId)>> = BinaryHeap::new();
        let (mut now, mut visits, mut bits) = (start, 0u64, 0f64);
        let (mut first_round, mut refused, mut look) = (None, 0, start);
        // Ten villages' lines, of as many towns, are full for the first quarter of an hour.
        for n in 0..10 {
            let viewer = FeedId {
                camera: camera(900_000 + n),
                profile: Profile::Main,
            };
            let full = BitRate::megabits(30);
            links
                .admit(now, viewer, village(20 * n), full, Priority::Viewer)
                .unwrap();
        }
        while now < start + 8 * HOUR {
            while let Some(Reverse((at, camera))) = running.peek().copied() {
                if at > now {
                    break;
                }
                running.pop();
                links.end(feed(camera));
                round.done(now, camera);
            }
            if now >= start + Duration::from_secs(900) {
                for n in 0..10 {
                    links.end(FeedId {
                        camera: camera(900_000 + n),
                        profile: Profile::Main,
                    });
                }
            }
            while let Some(next) = round.next(now) {
                let region = village((number(next) % 390) as u32);
                let rate = BitRate::kilobits(512);
                match links.admit(now, feed(next), region, rate, Priority::Diagnosis) {
                    Ok(told) => {
                        assert!(told.is_empty(), "a check makes nobody give way");
                        let took = takes(next, visits);
                        visits += 1;
                        bits += took.as_secs_f64() * 512_000.0;
                        running.push(Reverse((now + took, next)));
                    }
                    Err(_) => {
                        refused += 1;
                        round.refused(now, next);
                    }
                }
            }
            assert!(round.running() <= settings().share);
            let step = now + Duration::from_millis(250);
            if now < look {
                now = running
                    .peek()
                    .map_or(step, |Reverse((at, _))| (*at).min(step).max(now));
                continue;
            }
            look = now + Duration::from_secs(30);
            let progress = round.progress(now);
            if first_round.is_none() && progress.known == CAMERAS as usize {
                first_round = Some(now - start);
            }
            if now >= start + 2 * HOUR {
                assert_eq!(progress.known, CAMERAS as usize, "at {:?}", now - start);
                assert!(progress.oldest.is_some_and(|o| o <= 2 * HOUR));
            }
        }
        let first = first_round.expect("a whole round");
        let mean = bits / (now - start).as_secs_f64();
        println!(
            "3,500 cameras, 410 links: the first round took {:.0} min; {visits} visits in eight hours, {refused} tried again; {:.2} Mbit/s on average",
            first.as_secs_f64() / 60.0,
            mean / 1e6
        );
        assert!(refused > 0 && first <= 2 * HOUR, "{first:?}");
        assert!(mean <= 1.5e6);
    }
}

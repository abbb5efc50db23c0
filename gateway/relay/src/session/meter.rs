//! What a viewer's line was given, what it took, and whether that is too little.
//!
//! A viewer who is late is not yet congested: a camera that was cut off for three seconds sends them all at once, and so does
//! the ring to one who has just joined. What is pushed over some seconds, gaps and all, is what the line must carry; only one
//! that takes less than that (and a little more, to catch up with) while something waits for it is too thin. A camera that is
//! silent asks for nothing, so it never looks like a thin line.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// What is pushed is averaged over this: long beside a camera's silences, so that what comes at once after one, when the silence
/// itself is no longer seen, does not look like much more.
const DEMAND: Duration = Duration::from_secs(30);
/// What is taken, over this.
const SUPPLY: Duration = Duration::from_secs(4);
/// Between two samples, so that their number is bounded: about sixty.
const SPACING: Duration = Duration::from_millis(500);
/// Marks of what was handed to the transport.
const MARKS: usize = 64;
const MARK_SPACING: Duration = Duration::from_millis(20);
/// A rate over less would be that of one key frame.
const ENOUGH: Duration = Duration::from_secs(1);
/// What a line must carry beyond what is pushed, so that one who is late catches up.
const MARGIN: f64 = 1.2;
/// Late by this is late enough to ask why, whatever longer delay the viewer allows; and no less than that.
const LATE: Duration = Duration::from_secs(1);
const LATE_LEAST: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    pushed: u64,
    taken: u64,
}

/// Of one connection.
#[derive(Debug, Default)]
pub(super) struct Meter {
    samples: VecDeque<Sample>,
    /// Bytes that the shown feeds' rings were given while they were shown.
    pub(super) pushed: u64,
    /// Bytes handed to the driver, and how many of them the transport has not taken.
    handed: u64,
    queued: u64,
    /// What the transport says that it took, where it says so.
    line: Option<u64>,
    pub(super) rtt: Option<Duration>,
    /// When so much had been handed over.
    marks: VecDeque<(Instant, u64)>,
    /// Since when something has been waiting.
    busy: Option<Instant>,
}

impl Meter {
    /// Another stream is shown: what the old one brought says nothing of it.
    pub(super) fn restart(&mut self) {
        self.samples.clear();
    }

    pub(super) fn hand(&mut self, bytes: usize) {
        self.handed += bytes as u64;
    }

    pub(super) fn queued(&mut self, now: Instant, bytes: usize) {
        self.queued = bytes as u64;
        let written = self.handed.saturating_sub(self.queued);
        while self.marks.front().is_some_and(|(_, n)| *n <= written) {
            self.marks.pop_front();
        }
        let due = self
            .marks
            .back()
            .is_none_or(|(at, _)| now.saturating_duration_since(*at) >= MARK_SPACING);
        if bytes > 0 && due && self.marks.len() < MARKS {
            self.marks.push_back((now, self.handed));
        }
    }

    /// What the transport knows of itself.
    pub(super) fn line(&mut self, taken: u64, rtt: Option<Duration>) {
        (self.line, self.rtt) = (Some(taken), rtt);
    }

    fn taken(&self) -> u64 {
        self.line.unwrap_or(self.handed.saturating_sub(self.queued))
    }

    /// How long the oldest of what was handed over has been waiting.
    fn age(&self, now: Instant) -> Duration {
        match self.marks.front() {
            Some((at, _)) if self.queued > 0 => now.saturating_duration_since(*at),
            _ => Duration::ZERO,
        }
    }

    /// The time of a look. `behind`: how old what waits in the rings is, none if nothing does. Returns how late the viewer is.
    pub(super) fn look(&mut self, now: Instant, behind: Option<Duration>) -> Duration {
        if behind.is_none() && self.queued == 0 {
            self.busy = None;
        } else {
            self.busy.get_or_insert(now);
        }
        let sample = Sample {
            at: now,
            pushed: self.pushed,
            taken: self.taken(),
        };
        let due = |last: &Sample| now.saturating_duration_since(last.at) >= SPACING;
        if self.samples.back().is_none_or(due) {
            self.samples.push_back(sample);
        }
        let old = |s: &Sample| now.saturating_duration_since(s.at) > DEMAND;
        while self.samples.get(1).is_some_and(old) {
            self.samples.pop_front();
        }
        self.age(now) + behind.unwrap_or_default()
    }

    /// Whether a viewer who is this late is so for its line: see the module. Who had to skip was late before; or what came at
    /// once was more than the ring holds, and that is not the line's fault.
    pub(super) fn is_thin(&self, now: Instant, late: Duration, max_delay: Duration) -> bool {
        let much = (max_delay / 2).clamp(LATE_LEAST, LATE);
        if late < much {
            return false;
        }
        let (Some(demand), Some(supply)) = (self.demand(now), self.supply(now)) else {
            return false;
        };
        demand > 0.0 && supply < demand * MARGIN
    }

    /// Bytes a second that the feeds bring.
    fn demand(&self, now: Instant) -> Option<f64> {
        let first = self.samples.front()?;
        rate(self.pushed - first.pushed, now, first.at)
    }

    /// Bytes a second that the transport took while something waited for it.
    fn supply(&self, now: Instant) -> Option<f64> {
        let busy = self.busy?;
        let recent = |s: &&Sample| s.at >= busy && now.saturating_duration_since(s.at) <= SUPPLY;
        let first = self.samples.iter().find(recent)?;
        rate(self.taken().saturating_sub(first.taken), now, first.at)
    }

    /// Taken until now, for who measures from time to time.
    pub(super) fn total(&self) -> u64 {
        self.taken()
    }
}

/// None over too short a time to tell.
fn rate(bytes: u64, now: Instant, since: Instant) -> Option<f64> {
    let time = now.saturating_duration_since(since);
    (time >= ENOUGH).then(|| bytes as f64 / time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(250);
    const DELAY: Duration = Duration::from_secs(2);

    /// A line of so many bytes a step, a camera with so many pushed in each of these; returns whether it was ever found thin.
    fn run(line: u64, pushes: &[u64]) -> bool {
        let (mut meter, mut now, mut waiting) = (Meter::default(), Instant::now(), 0);
        let mut since = None;
        let mut thin = false;
        for push in pushes {
            now += STEP;
            waiting += push;
            meter.pushed += push;
            let taken = waiting.min(line);
            waiting -= taken;
            meter.hand(taken as usize);
            meter.queued(now, 0);
            since = (waiting > 0).then(|| since.unwrap_or(now));
            let behind = since.map(|since| now - since);
            let late = meter.look(now, behind);
            thin |= meter.is_thin(now, late, DELAY);
        }
        thin
    }

    #[test]
    fn a_thin_line_is_found_out() {
        assert!(run(60_000, &[100_000; 40]));
        assert!(run(0, &[100_000; 10]), "one that is cut as well");
    }

    #[test]
    fn a_line_with_room_is_not() {
        assert!(!run(130_000, &[100_000; 400]));
    }

    #[test]
    fn a_camera_that_stalls_and_catches_up_is_no_thin_line() {
        let mut pushes = vec![100_000; 32];
        for _ in 0..20 {
            pushes.extend([0; 12]);
            pushes.push(1_300_000);
            pushes.extend([100_000; 40]);
        }
        // 1.5 times what the camera sends: the burst takes it six seconds.
        assert!(!run(150_000, &pushes));
    }

    #[test]
    fn a_camera_that_dies_is_no_thin_line() {
        let mut pushes = vec![100_000; 80];
        pushes.extend([0; 400]);
        assert!(!run(100_001, &pushes));
    }
}

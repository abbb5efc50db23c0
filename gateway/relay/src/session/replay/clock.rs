//! What moment recorded tiles show: one clock for all that are beside each other. Set by the viewer, run by the gateway, and put
//! right by what the viewer says it shows.

use std::time::{Duration, Instant};

use media::{
    MediaTime,
    wire::replay::{Gaps, KEYS_FROM},
};

/// So much is sent ahead of the moment shown, in the viewer's time: what a line that stutters may take.
pub(super) const LEAD: Duration = Duration::from_secs(2);
/// While it stands still: some pictures to step forwards to.
pub(super) const LEAD_STILL: Duration = Duration::from_millis(600);
/// A viewer who says what it shows, and then does not for so long, does not look any more.
const SILENCE: Duration = Duration::from_secs(3);
/// The clock waits for its tiles' first pictures, and no longer than this.
const START: Duration = Duration::from_secs(2);

/// What is sent at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    All,
    Keys,
    /// Key frames, the newest first.
    Back,
}

impl Mode {
    pub(super) fn of(rate: f64) -> Self {
        match rate {
            r if r < 0.0 => Self::Back,
            r if r >= KEYS_FROM => Self::Keys,
            _ => Self::All,
        }
    }
}

#[derive(Debug)]
pub(super) struct Clock {
    pub(super) id: u32,
    pub(super) run: u32,
    pub(super) rate: f64,
    pub(super) gaps: Gaps,
    pub(super) until: Option<MediaTime>,
    /// A picture that is looked for: of which tile, and how many further.
    pub(super) step: Option<(u32, i32)>,
    at: MediaTime,
    /// Since when `at` counts; none while it waits for its tiles' first pictures.
    since: Option<Instant>,
    set: Instant,
    heard: Option<Instant>,
}

/// A clock's moment, and how far it may be run ahead of, for one look.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) position: MediaTime,
    /// What the viewer said that it shows, if it does say so: only by that a picture is late.
    shown: MediaTime,
    /// Pictures up to here may be sent; backwards, down to here.
    pub(super) edge: MediaTime,
    pub(super) rate: f64,
    pub(super) until: Option<MediaTime>,
}

impl View {
    pub(super) fn is_back(&self) -> bool {
        self.rate < 0.0
    }

    /// Whether a picture may be sent.
    pub(super) fn is_due(&self, time: MediaTime) -> bool {
        match self.is_back() {
            true => time >= self.edge,
            false => time <= self.edge,
        }
    }

    /// How late a picture would be that is sent now, in the viewer's time; zero where it is not.
    pub(super) fn late(&self, time: MediaTime) -> Duration {
        if self.rate == 0.0 {
            return Duration::ZERO;
        }
        let behind = match self.is_back() {
            true => time - self.shown,
            false => self.shown - time,
        };
        behind.to_duration().div_f64(self.rate.abs().max(1.0))
    }
}

impl Clock {
    pub(super) fn new(id: u32, now: Instant, at: MediaTime) -> Self {
        Self {
            id,
            run: 0,
            rate: 1.0,
            gaps: Gaps::default(),
            until: None,
            step: None,
            at,
            since: None,
            set: now,
            heard: None,
        }
    }

    pub(super) fn position(&self, now: Instant) -> MediaTime {
        let Some(since) = self.since else {
            return self.at;
        };
        let now = self.heard.map_or(now, |heard| now.min(heard + SILENCE));
        let ticks = now.saturating_duration_since(since).as_secs_f64() * 90_000.0 * self.rate;
        self.at + MediaTime(ticks as i64)
    }

    pub(super) fn view(&self, now: Instant) -> View {
        let position = self.position(now);
        let lead = match self.rate == 0.0 {
            true => LEAD_STILL,
            false => LEAD.mul_f64(self.rate.abs().max(1.0)),
        };
        let lead = MediaTime::from_duration(lead);
        View {
            position,
            shown: self.heard.map_or(position, |_| self.at),
            edge: match self.rate < 0.0 {
                true => position - lead,
                false => position + lead,
            },
            rate: self.rate,
            until: self.until,
        }
    }

    /// When a picture becomes due; none where it never does by itself.
    pub(super) fn due_at(&self, now: Instant, time: MediaTime) -> Option<Instant> {
        let view = self.view(now);
        match view.is_due(time) {
            true => Some(now),
            false => self.runs_for(now, time - view.edge),
        }
    }

    /// When it shows a moment that it has not come to; none where it never does by itself.
    pub(super) fn comes_at(&self, now: Instant, time: MediaTime) -> Option<Instant> {
        self.runs_for(now, time - self.position(now))
    }

    fn runs_for(&self, now: Instant, way: MediaTime) -> Option<Instant> {
        self.since?;
        let runs = self.rate != 0.0 && self.heard.is_none_or(|heard| now < heard + SILENCE);
        let left = if self.rate < 0.0 { -way.0 } else { way.0 };
        let time = MediaTime(left)
            .to_duration()
            .div_f64(self.rate.abs().max(0.01));
        (runs && left > 0).then(|| now + time)
    }

    /// Goes to a moment, and waits there for the first pictures.
    pub(super) fn restart(&mut self, now: Instant, at: MediaTime) {
        (self.at, self.since, self.set) = (at, None, now);
        self.heard = None;
        self.step = None;
    }

    /// Goes on from a moment, with what has been sent.
    pub(super) fn move_to(&mut self, now: Instant, at: MediaTime) {
        self.at = at;
        self.since = self.since.map(|_| now);
    }

    pub(super) fn set_rate(&mut self, now: Instant, rate: f64) {
        let at = self.position(now);
        self.move_to(now, at);
        self.rate = rate;
    }

    /// The viewer says what it shows.
    pub(super) fn reached(&mut self, now: Instant, at: MediaTime) {
        self.at = at;
        (self.since, self.heard) = (Some(now), Some(now));
    }

    /// Begins to run, where it has not and its tiles have their first pictures, or have had the time for it.
    pub(super) fn start(&mut self, now: Instant, ready: bool) {
        if self.since.is_none() && (ready || now.saturating_duration_since(self.set) >= START) {
            self.since = Some(now);
        }
    }

    /// When it begins to run whatever its tiles have.
    pub(super) fn starts_at(&self) -> Option<Instant> {
        self.since.is_none().then(|| self.set + START)
    }
}

//! A session's look at its own line: what it carries, what follows for the tiles in `auto`, and what the viewer is told of it.

use std::time::{Duration, Instant};

use media::{
    Profile,
    wire::{MEASURE_MS, ServerMessage},
};

use super::{Session, auto::Wanted};
use crate::Wish;

/// Tiles in `auto` are looked after this often.
const LOOK: Duration = Duration::from_secs(1);
/// A rate is taken over this at least.
const RATE: Duration = Duration::from_secs(1);

/// What is known of a viewer's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bits a second that the transport took, over the last second or more.
    pub rate_bps: u64,
    /// How old the oldest frame is that the transport has not taken.
    pub delay: Duration,
    /// The transport's round trip, where it knows one.
    pub rtt: Option<Duration>,
    /// Frames left out since the connection began.
    pub skipped: u64,
    /// A tile shows less than it would on a better line.
    pub congested: bool,
}

/// What a viewer wants to be told, and from where rates are counted.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    every: Option<Duration>,
    /// When it was last told, and what had been taken then.
    told: Option<(Instant, u64)>,
    /// The same for [`Figures`].
    rated: Option<(Instant, u64)>,
    figures: Figures,
    /// When tiles were last looked after.
    looked: Option<Instant>,
    /// Skipped by tiles that are closed.
    pub(super) gone: u64,
}

impl Session {
    /// When the session wants a [`super::Input::Tick`] for its own sake; none while nothing depends on one.
    pub fn wake_at(&self) -> Option<Instant> {
        let told = self.measuring.told.map(|(at, _)| at);
        let measured = self.measuring.every.zip(told).map(|(e, at)| at + e);
        let autos = || self.tiles.iter().filter_map(|t| t.auto.as_ref());
        let looked = self.measuring.looked.filter(|_| autos().next().is_some());
        let sized = autos().filter_map(|auto| auto.wake_at(&self.config));
        measured
            .into_iter()
            .chain(looked.map(|at| at + LOOK))
            .chain(sized)
            .chain(self.replays.wake())
            .min()
    }

    /// What was found at the last tick.
    pub fn figures(&self) -> Figures {
        self.measuring.figures
    }

    /// Whether the viewer wants to be told what its line carries.
    pub(crate) fn measures(&self) -> bool {
        self.measuring.every.is_some()
    }

    pub(super) fn measure(&mut self, now: Instant, every_ms: u32) {
        let (least, most) = (*MEASURE_MS.start(), *MEASURE_MS.end());
        self.measuring.every =
            (every_ms > 0).then(|| Duration::from_millis(u64::from(every_ms.clamp(least, most))));
        self.measuring.told = Some((now, self.meter.total()));
    }

    /// A tile in `auto` was opened.
    pub(super) fn look_after(&mut self, now: Instant, auto: bool) {
        if auto {
            self.measuring.looked.get_or_insert(now);
        }
    }

    /// The time of a tick.
    pub(super) fn look(&mut self, now: Instant) {
        for tile in &mut self.tiles {
            self.meter.pushed += tile.pushed();
        }
        let behind = self.tiles.iter().filter_map(|t| t.behind(now)).max();
        let late = self.meter.look(now, behind);
        let open: u64 = self.tiles.iter().map(|t| t.skipped()).sum();
        let skipped = self.measuring.gone + open;
        if self.meter.is_thin(now, late, self.config.max_delay()) {
            self.steer.sign(now);
            for auto in self.tiles.iter_mut().filter_map(|t| t.auto.as_mut()) {
                auto.lowered |= auto.target() == Profile::Main;
            }
        }
        self.steer_tiles(now);
        let taken = self.meter.total();
        let figures = &mut self.measuring.figures;
        figures.delay = late;
        figures.rtt = self.meter.rtt;
        figures.skipped = skipped;
        let (since, before) = *self.measuring.rated.get_or_insert((now, taken));
        if now.saturating_duration_since(since) >= RATE {
            figures.rate_bps = rate(taken.saturating_sub(before), now - since);
            self.measuring.rated = Some((now, taken));
        }
        self.tell_measured(now);
    }

    fn tell_measured(&mut self, now: Instant) {
        let (Some(every), Some((told, before))) = (self.measuring.every, self.measuring.told)
        else {
            return;
        };
        let time = now.saturating_duration_since(told);
        if time < every {
            return;
        }
        let congested = self.is_held_down() || self.steer.signed_since(told);
        self.measuring.figures.congested = congested;
        let taken = self.meter.total();
        let figures = self.measuring.figures;
        self.measuring.told = Some((now, taken));
        self.control(ServerMessage::Measured {
            rate_bps: rate(taken.saturating_sub(before), time),
            delay_ms: figures.delay.as_millis() as u64,
            rtt_ms: figures
                .rtt
                .map(|rtt| u32::try_from(rtt.as_millis()).unwrap_or(u32::MAX)),
            congested,
        });
    }

    /// Whether a tile shows less than it would on a better line.
    pub(super) fn is_held_down(&self) -> bool {
        self.tiles
            .iter()
            .any(|t| t.auto.as_ref().is_some_and(Wanted::is_held_down))
    }

    /// Brings the tiles in `auto` to what they are to show.
    pub(super) fn steer_tiles(&mut self, now: Instant) {
        self.measuring.looked = Some(now);
        for auto in self.tiles.iter_mut().filter_map(|t| t.auto.as_mut()) {
            auto.settle(now, &self.config);
        }
        if self.steer.climbs_at().is_some_and(|at| now >= at) {
            let held = self
                .tiles
                .iter_mut()
                .filter_map(|t| t.auto.as_mut())
                .filter(|auto| auto.is_held_down() && auto.may_ask(now))
                .max_by_key(|auto| auto.rank());
            if let Some(largest) = held {
                largest.lowered = false;
                self.steer.climbed(now);
            }
        }
        for at in 0..self.tiles.len() {
            self.steer_tile(now, at);
        }
        self.measuring.figures.congested = self.is_held_down();
    }

    fn steer_tile(&mut self, now: Instant, at: usize) {
        let tile = &mut self.tiles[at];
        let Some(auto) = &tile.auto else { return };
        let profile = auto.target();
        if tile.heading() == profile || !auto.may_ask(now) {
            return;
        }
        if tile.stay(profile) {
            self.sources_version += 1;
            return;
        }
        let (id, wish) = (tile.id, tile.wish());
        match self.hold(Wish { profile, ..wish }, Some(id)) {
            Ok(held) => {
                self.tiles[at].switch(held, false, self.bell.as_ref(), &mut self.ready);
                self.sources_version += 1;
            }
            Err(_) => {
                if let Some(auto) = &mut self.tiles[at].auto {
                    auto.refuse(now);
                }
            }
        }
    }
}

/// Bits a second.
fn rate(bytes: u64, time: Duration) -> u64 {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(8_000_000) / micros
}

//! Recordings: a clock that says what moment is shown, and tiles that follow it. Not for a client of [`Client::connect_any`],
//! which would have to begin anew wherever it changes its transport.

use std::time::Duration;

use media::{
    CameraId, MediaTime, Profile, WallTime,
    recorded::{moment, wall},
    wire::{
        ClientMessage, Decodes, Format,
        replay::{Gaps, rate},
    },
};
use tokio::time::Instant;

use crate::{Client, Error, Way};

/// A recorded tile.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Chosen by the caller, once a connection.
    pub tile: u32,
    /// Which camera.
    pub camera: CameraId,
    /// Which stream, where both are recorded; main where nothing is said.
    pub profile: Option<Profile>,
    /// Which clock.
    pub clock: u32,
    /// Packaging.
    pub format: Format,
    /// Whether sound is wanted.
    pub audio: bool,
    /// Why it is looked at, for the gateway's audit log.
    pub reason: String,
}

/// What is set of a clock; what is left out stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Setting {
    /// Go to this moment. A clock that is not set yet needs one.
    pub at: Option<WallTime>,
    /// 0.25 to 16 times, with a minus backwards; 0 stands still.
    pub rate: Option<f64>,
    /// What becomes of gaps.
    pub gaps: Option<Gaps>,
    /// Nothing from here on.
    pub until: Option<WallTime>,
}

impl Client {
    /// Makes a clock, or sets it. `run` comes back with the answer.
    ///
    /// # Errors
    /// The connection ended, or is one that changes its transport.
    pub async fn clock(&mut self, clock: u32, run: u32, set: Setting) -> Result<(), Error> {
        self.send_recorded(ClientMessage::Clock {
            clock,
            run,
            at: set.at.map(WallTime::as_micros),
            rate: set.rate.map(rate),
            gaps: set.gaps,
            until: set.until.map(WallTime::as_micros),
        })
        .await
    }

    /// Shows what was recorded of a camera, in a tile that follows a clock.
    ///
    /// # Errors
    /// As [`Client::clock`]. A refusal comes as a message.
    pub async fn replay(&mut self, replay: Replay) -> Result<(), Error> {
        self.send_recorded(ClientMessage::Replay {
            tile: replay.tile,
            camera: replay.camera,
            profile: replay.profile,
            clock: replay.clock,
            decodes: Decodes::all(),
            format: replay.format,
            audio: replay.audio,
            reason: replay.reason,
        })
        .await
    }

    /// Says what a clock shows here: from then on the gateway goes by it, and sends no more than a little ahead of it.
    ///
    /// # Errors
    /// As [`Client::clock`].
    pub async fn reached(&mut self, clock: u32, run: u32, at: WallTime) -> Result<(), Error> {
        let at = at.as_micros();
        self.send_recorded(ClientMessage::Reached { clock, run, at })
            .await
    }

    /// Stands still at the picture of a tile that is so many behind the one shown, or before it where negative.
    ///
    /// # Errors
    /// As [`Client::clock`].
    pub async fn step(
        &mut self,
        clock: u32,
        run: u32,
        tile: u32,
        frames: i32,
    ) -> Result<(), Error> {
        self.send_recorded(ClientMessage::Step {
            clock,
            run,
            tile,
            frames,
        })
        .await
    }

    async fn send_recorded(&mut self, message: ClientMessage) -> Result<(), Error> {
        match &self.0 {
            Way::Fixed(_) => self.send(&message).await,
            Way::Roams(_) => Err(Error::Stream(
                "a client that changes its transport plays no recordings".into(),
            )),
        }
    }
}

/// A clock kept by one who takes all that comes: it runs at its rate, and waits for what has not come. So nothing is left out,
/// however slow the reader.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: f64,
    /// Where it was, and when.
    since: Option<(Instant, MediaTime)>,
    /// The newest picture that came.
    newest: Option<MediaTime>,
}

/// How often the gateway is told.
pub(crate) const TELL: Duration = Duration::from_millis(250);

impl Pace {
    pub(crate) fn new(rate: f64) -> Self {
        Self {
            rate,
            since: None,
            newest: None,
        }
    }

    /// A picture came.
    pub(crate) fn came(&mut self, now: Instant, time: MediaTime) {
        self.newest = Some(match (self.newest, self.rate < 0.0) {
            (None, _) => time,
            (Some(newest), true) => newest.min(time),
            (Some(newest), false) => newest.max(time),
        });
        self.since.get_or_insert((now, time));
    }

    /// The clock was set, by the gateway too.
    pub(crate) fn set(&mut self, now: Instant, at: WallTime) {
        self.newest = None;
        self.since = self.since.map(|_| (now, moment(at)));
    }

    /// What it shows now; none before the first picture.
    pub(crate) fn shows(&mut self, now: Instant) -> Option<WallTime> {
        let (since, at) = self.since?;
        let passed = (now - since).as_secs_f64() * 90_000.0 * self.rate;
        let runs = at + MediaTime(passed as i64);
        let shows = match (self.newest, self.rate < 0.0) {
            (None, _) => at,
            (Some(newest), true) => runs.max(newest),
            (Some(newest), false) => runs.min(newest),
        };
        if shows != runs {
            self.since = Some((now, shows));
        }
        Some(wall(shows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pace_waits_for_what_has_not_come() {
        let (start, mut pace) = (Instant::now(), Pace::new(2.0));
        assert_eq!(pace.shows(start), None);
        let at = |seconds: i64| MediaTime(seconds * 90_000);
        pace.came(start, at(100));
        pace.came(start, at(104));
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(pace.shows(after(1000)), Some(WallTime::from_secs(102)));
        assert_eq!(pace.shows(after(9000)), Some(WallTime::from_secs(104)));
        pace.came(after(9000), at(110));
        assert_eq!(pace.shows(after(10_000)), Some(WallTime::from_secs(106)));
        pace.set(after(10_000), WallTime::from_secs(500));
        assert_eq!(pace.shows(after(11_000)), Some(WallTime::from_secs(500)));
    }
}

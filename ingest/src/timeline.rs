//! Re-stamping: from the camera's RTP time to the feed's own timeline.
//!
//! The feed's timeline starts near zero and runs on the gateway's clock, in 1/90 000 s for every track. It goes on over
//! reconnects. Within a session the distances between frames are the camera's, which are even where arrivals are not; the
//! difference between both clocks is drawn off slowly, so that timeline and wall clock stay together however long a camera runs.
//! Time that jumps (by hours, backwards, to anything) is a discontinuity, and the timeline goes on.
//!
//! What always holds, for any input: within a track `dts` strictly rises, and `dts <= pts`. Pure: arrivals are handed in.
//!
//! Decode times are found without looking ahead: with at most N pictures reordered, the smallest of the last N + 1
//! presentation times is not later than the current picture's, and rises. N is what the parameters say, else it is learned.

#[cfg(test)]
mod tests;

use media::{MediaTime, TrackKind};

/// Times of a frame on the feed's timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Decode time.
    pub dts: MediaTime,
    /// Presentation time.
    pub pts: MediaTime,
    /// The last distance between decode times of this track.
    pub duration: MediaTime,
    /// It does not continue what was before.
    pub discontinuity: bool,
    /// By how much it came later than the one that came soonest of late: what queues and beats on its way took. Not negative.
    pub late: MediaTime,
}

/// The timeline of one feed.
#[derive(Debug)]
pub struct Timeline {
    video: Track,
    audio: Track,
}

/// So far may a timeline be ahead of the gateway's clock: a camera that first sends its stored group is ahead by that.
pub const MAX_AHEAD: MediaTime = MediaTime(10 * SECOND);
/// So far may it lag behind for a whole window before it is moved forward.
pub const MAX_BEHIND: MediaTime = MediaTime(2 * SECOND);

const SECOND: i64 = 90_000;
/// A step further ahead than time has passed, by more than this, is a jump.
const MAX_STEP: i64 = 3 * SECOND;
/// A step back within this is reordering, where the codec may reorder.
const MAX_REORDER: i64 = SECOND / 2;
/// Of a stream that does not say how far it reorders, no more than this is believed.
const MAX_LEARNED: usize = 4;
/// Lateness is judged by its least value within one to two of these: queues in the network come and go in less.
const WINDOW: i64 = 5 * SECOND;
/// The difference of the clocks is drawn off over this time...
const DRAW_OFF: f64 = 20.0 * SECOND as f64;
/// ...at no more than this rate, which nobody sees.
const MAX_RATE: f64 = 0.05;

impl Default for Timeline {
    fn default() -> Self {
        Self::new()
    }
}

impl Timeline {
    /// Empty.
    pub fn new() -> Self {
        Self {
            video: Track::new(SECOND / 25),
            audio: Track::new(SECOND / 50),
        }
    }

    /// A new session: its RTP time has nothing to do with the last one's.
    pub fn restart(&mut self) {
        self.video.anchor = None;
        self.video.report = None;
        self.audio.anchor = None;
        self.audio.report = None;
    }

    /// How far the video's pictures are reordered, as its parameters say; none if they do not.
    pub fn set_reorder(&mut self, depth: Option<u8>) {
        match depth {
            Some(depth) => {
                self.video.depth = usize::from(depth);
                self.video.learning = false;
            }
            None => self.video.learning = true,
        }
    }

    /// The camera says that RTP time `rtp` (in units of 1/`rate`) was its own clock's `ntp_us`: how its tracks lie to each other.
    pub fn report(&mut self, kind: TrackKind, rtp: i64, rate: u32, ntp_us: i64) {
        self.track(kind).report = Some(Report {
            raw: to_90k(rtp, rate),
            ntp: ntp_us.saturating_mul(9) / 100,
        });
    }

    /// A frame of RTP time `rtp` (unwrapped, in units of 1/`rate`), which arrived so long after the feed began.
    pub fn stamp(&mut self, kind: TrackKind, rtp: i64, rate: u32, arrival: MediaTime) -> Stamp {
        let raw = to_90k(rtp, rate);
        let wanted = match kind {
            TrackKind::Video => None,
            TrackKind::Audio => self.beside_video(raw),
        };
        self.track(kind).stamp(raw, arrival.0, wanted)
    }

    fn track(&mut self, kind: TrackKind) -> &mut Track {
        match kind {
            TrackKind::Video => &mut self.video,
            TrackKind::Audio => &mut self.audio,
        }
    }

    /// Where audio of this RTP time belongs beside the video, by the camera's own reports on both.
    fn beside_video(&self, raw: i64) -> Option<i64> {
        let (video, audio) = (self.video.report?, self.audio.report?);
        let offset = self.video.anchor.as_ref()?.offset;
        let ntp = audio
            .ntp
            .checked_add(raw.checked_sub(audio.raw)?)?
            .checked_sub(video.ntp)?;
        video.raw.checked_add(ntp)?.checked_add(offset)
    }
}

#[derive(Clone, Copy, Debug)]
struct Report {
    raw: i64,
    ntp: i64,
}

#[derive(Debug)]
struct Track {
    anchor: Option<Anchor>,
    report: Option<Report>,
    last_dts: Option<i64>,
    duration: i64,
    /// The presentation times not yet used as decode times; at most `depth` between frames.
    order: Vec<i64>,
    depth: usize,
    learning: bool,
}

/// How RTP time lies on the timeline.
#[derive(Debug)]
struct Anchor {
    /// Added to RTP time.
    offset: i64,
    /// What was drawn off and is less than a unit.
    residue: f64,
    last_raw: i64,
    last_arrival: i64,
    window_start: i64,
    /// Least lateness in the running window and in the one before.
    late: i64,
    late_before: Option<i64>,
    /// The same by decode time.
    soonest: Option<i64>,
    soonest_before: Option<i64>,
}

impl Track {
    fn new(duration: i64) -> Self {
        Self {
            anchor: None,
            report: None,
            last_dts: None,
            duration,
            order: Vec::new(),
            depth: 0,
            learning: false,
        }
    }

    fn stamp(&mut self, raw: i64, arrival: i64, wanted: Option<i64>) -> Stamp {
        let continues = self.continues(raw, arrival);
        let mut discontinuity = false;
        let pts = if continues {
            let (pts, moved) = self.follow(raw, arrival, wanted);
            discontinuity |= moved;
            pts
        } else {
            discontinuity = self.last_dts.is_some();
            self.begin(raw, arrival)
        };
        let floor = self
            .last_dts
            .map_or(i64::MIN, |last| last.saturating_add(1));
        self.order.push(pts);
        self.order.sort_unstable();
        let candidate = if self.order.len() > self.depth {
            self.order.remove(0)
        } else {
            floor.max(self.order[0].saturating_sub(self.depth as i64 * self.duration))
        };
        while self.order.len() > self.depth {
            self.order.remove(0);
        }
        let dts = candidate.max(floor);
        let mut pts = pts;
        if dts > pts {
            // Shown before something that was decoded already: more is reordered than was known, or time went back a little.
            let by = dts - pts;
            // A clock that trembles will make up for it by itself.
            if self.reorders()
                && let Some(anchor) = &mut self.anchor
            {
                anchor.shift(by);
            }
            if self.learning && self.depth < MAX_LEARNED {
                self.depth += 1;
            }
            discontinuity |= by > MAX_REORDER;
            pts = dts;
        }
        if let Some(last) = self.last_dts {
            let distance = dts.saturating_sub(last);
            // The distance over a break is no frame's duration.
            if !discontinuity && distance > 1 && distance < 30 * SECOND {
                self.duration = distance;
            }
        }
        self.last_dts = Some(dts);
        let anchor = self.anchor.as_mut();
        let late = anchor.map_or(0, |anchor| anchor.lateness(dts, arrival));
        Stamp {
            late: MediaTime(late),
            dts: MediaTime(dts),
            pts: MediaTime(pts),
            duration: MediaTime(self.duration),
            discontinuity,
        }
    }

    fn reorders(&self) -> bool {
        self.learning || self.depth > 0
    }

    /// Whether this RTP time can follow the last one.
    fn continues(&self, raw: i64, arrival: i64) -> bool {
        let Some(anchor) = &self.anchor else {
            return false;
        };
        let (Some(step), passed) = (
            raw.checked_sub(anchor.last_raw),
            arrival.saturating_sub(anchor.last_arrival).max(0),
        ) else {
            return false;
        };
        let back = if self.reorders() {
            MAX_REORDER.max((self.depth as i64 + 2) * self.duration)
        } else {
            // Cameras whose clock trembles; more is a jump.
            self.duration.min(SECOND / 4) * 3 / 2
        };
        step >= -back && step <= passed.saturating_add(MAX_STEP)
    }

    /// Places the first frame of a session, or after a jump, at its arrival.
    fn begin(&mut self, raw: i64, arrival: i64) -> i64 {
        // Room for the decode times of pictures that are reordered. Where the timeline is ahead of the clock already (jump upon
        // jump), none: it must not run away.
        let (lead, gap) = match self.last_dts {
            Some(last) if last > arrival.saturating_add(SECOND) => (0, 1),
            _ => {
                let frame = self.duration.min(SECOND / 4);
                (self.depth as i64 * frame, frame)
            }
        };
        let earliest = self
            .last_dts
            .map_or(lead, |last| last.saturating_add(lead + gap));
        let pts = arrival.max(earliest);
        self.order.clear();
        // As if the pictures before had been there, so that the first decode times are evenly spaced too.
        let depth = self.depth as i64;
        self.order
            .extend((1..=depth).rev().map(|k| pts - k * (lead / depth.max(1))));
        self.anchor = Some(Anchor {
            offset: pts.saturating_sub(raw),
            residue: 0.0,
            last_raw: raw,
            last_arrival: arrival,
            window_start: arrival,
            late: arrival.saturating_sub(pts),
            late_before: None,
            soonest: None,
            soonest_before: None,
        });
        pts
    }

    /// Places a frame by the camera's clock, and draws off what that differs from the gateway's. Also says whether the timeline
    /// had to be moved.
    fn follow(&mut self, raw: i64, arrival: i64, wanted: Option<i64>) -> (i64, bool) {
        let floor = self
            .last_dts
            .map_or(i64::MIN, |last| last.saturating_add(1));
        let Some(anchor) = &mut self.anchor else {
            return (arrival.max(floor), false);
        };
        let step = raw.saturating_sub(anchor.last_raw).max(0);
        let mut pts = raw.saturating_add(anchor.offset);
        let lateness = arrival.saturating_sub(pts);
        anchor.late = anchor.late.min(lateness);
        if arrival.saturating_sub(anchor.window_start) >= WINDOW {
            anchor.late_before = Some(anchor.late);
            anchor.late = lateness;
            anchor.soonest_before = anchor.soonest.take();
            anchor.window_start = arrival;
        }
        anchor.last_raw = raw.max(anchor.last_raw);
        anchor.last_arrival = arrival;
        let late = anchor.late_before.map(|before| before.min(anchor.late));
        let mut moved = false;
        if late.is_some_and(|late| late > MAX_BEHIND.0) {
            // Nothing has come in time for a whole window: the camera's clock lost time.
            anchor.shift(lateness);
            pts = arrival;
            moved = true;
        } else if lateness < -MAX_AHEAD.0 {
            let bound = arrival.saturating_add(MAX_AHEAD.0).max(floor);
            anchor.shift(bound.min(pts) - pts);
            pts = bound.min(pts);
        } else {
            // Further apart than this the camera's reports are no help.
            let error = wanted
                .and_then(|wanted| wanted.checked_sub(pts))
                .filter(|error| error.unsigned_abs() < MAX_BEHIND.0.unsigned_abs())
                .or(late);
            if let Some(error) = error {
                let rate = (error as f64 / DRAW_OFF).clamp(-MAX_RATE, MAX_RATE);
                anchor.residue += rate * step as f64;
                let whole = anchor.residue.trunc();
                anchor.residue -= whole;
                anchor.shift(whole as i64);
            }
        }
        (pts, moved)
    }
}

impl Anchor {
    /// By how much a frame came later than the soonest in this window and the one before.
    fn lateness(&mut self, dts: i64, arrival: i64) -> i64 {
        let late = arrival.saturating_sub(dts);
        let soonest = self.soonest.map_or(late, |soonest| soonest.min(late));
        self.soonest = Some(soonest);
        let least = self
            .soonest_before
            .map_or(soonest, |before| before.min(soonest));
        late.saturating_sub(least)
    }

    /// Moves what follows.
    fn shift(&mut self, by: i64) {
        self.offset = self.offset.saturating_add(by);
        self.late = self.late.saturating_sub(by);
        for late in [
            &mut self.late_before,
            &mut self.soonest,
            &mut self.soonest_before,
        ] {
            *late = late.map(|late| late.saturating_sub(by));
        }
    }
}

fn to_90k(rtp: i64, rate: u32) -> i64 {
    let ticks = i128::from(rtp) * i128::from(MediaTime::SCALE) / i128::from(rate.max(1));
    // A quarter of the range, so that differences of two always fit.
    ticks.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64
}

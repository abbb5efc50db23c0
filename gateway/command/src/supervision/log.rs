//! A day's log: every change of a camera's state that was seen, as it is journaled, and read back.
//!
//! A log holds all that its day's figures are made of. It begins with what is known of every camera at midnight, so no other
//! day's log is needed to judge it, ever.

use std::{collections::HashMap, time::Duration};

use media::{CameraId, EventKind, ReasonCode, WallTime};
use serde::{Deserialize, Serialize};

/// What is seen of a camera's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// Out of service, or not in the register: nothing is expected of it.
    Out,
    /// Nobody asks just now: what was last known stands for a while.
    Unasked,
    /// It plays.
    Live,
    /// It was asked and does not deliver.
    Down(ReasonCode),
}

/// One thing seen of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// Its connection is so from now on.
    Link(Link),
    /// Its clock is ahead of the gateway's by so many milliseconds.
    Clock(i64),
    /// A fault of its picture began.
    Fault(EventKind),
    /// It is over.
    Well(EventKind),
}

/// The kinds of events that are faults of the picture.
pub const FAULTS: [EventKind; 4] = [
    EventKind::PictureLost,
    EventKind::Frozen,
    EventKind::Dark,
    EventKind::Covered,
];

/// What is known of a camera at one moment: since when each holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its connection; two where it is unasked: what it was before, and since when it is not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<(Micros, Link)>,
    /// Its clock when last measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<(Micros, i64)>,
    /// Faults that go on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<(Micros, EventKind)>,
}

/// UTC microseconds: a third of the bytes of a date in text, and a log has many.
pub type Micros = i64;

/// What was to be recorded of a camera on a day, and what of that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// In order, apart.
    pub planned: Vec<(Micros, Micros)>,
    /// In order, apart, within `planned`.
    pub missing: Vec<(Micros, Micros)>,
}

/// One record of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// The gateway watches from here on; what was seen before is in `Known`.
    Began,
    /// It still watches.
    Watching,
    /// What is known of cameras at this moment.
    Known(Vec<(CameraId, Known)>),
    /// What was seen since the record before.
    Seen(Vec<(Micros, CameraId, Seen)>),
    /// What was recorded of cameras; written once the day is over.
    Recorded(Vec<(CameraId, Coverage)>),
}

impl Entry {
    /// The record's kind in the journal.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Began => "began",
            Self::Watching => "watching",
            Self::Known(_) => "known",
            Self::Seen(_) => "seen",
            Self::Recorded(_) => "recorded",
        }
    }
}

/// Intervals, in order and apart.
pub type Spans = Vec<(Micros, Micros)>;

/// What a log says, by camera.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// When the gateway watched.
    pub watched: Spans,
    /// What it saw.
    pub cameras: HashMap<CameraId, CameraLog>,
}

/// What a log says of one camera; each list in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraLog {
    /// Its connection from each moment on.
    pub links: Vec<(Micros, Link)>,
    /// Its clock, each time it was journaled.
    pub clock: Vec<(Micros, i64)>,
    /// Faults that began (true) and ended.
    pub faults: Vec<(Micros, EventKind, bool)>,
    /// What was recorded; none before the day is over.
    pub recorded: Option<Coverage>,
}

impl Log {
    /// Takes the next record. With `only`, what concerns other cameras is passed over.
    pub fn take(&mut self, at: WallTime, entry: Entry, only: Option<CameraId>) {
        let wanted = |camera: &CameraId| only.is_none_or(|o| o == *camera);
        match (&entry, self.watched.last_mut()) {
            (Entry::Recorded(_), _) => {}
            (Entry::Began, _) | (_, None) => self.watched.push((at.0, at.0)),
            (_, Some(last)) => last.1 = last.1.max(at.0),
        }
        match entry {
            Entry::Began | Entry::Watching => {}
            Entry::Known(all) => {
                for (camera, known) in all.into_iter().filter(|(c, _)| wanted(c)) {
                    self.cameras.entry(camera).or_default().know(at.0, known);
                }
            }
            Entry::Seen(all) => {
                for (at, camera, seen) in all.into_iter().filter(|(_, c, _)| wanted(c)) {
                    self.cameras.entry(camera).or_default().saw(at, seen);
                }
            }
            Entry::Recorded(all) => {
                for (camera, coverage) in all.into_iter().filter(|(c, _)| wanted(c)) {
                    self.cameras.entry(camera).or_default().recorded = Some(coverage);
                }
            }
        }
    }
}

impl CameraLog {
    /// What is known replaces what was thought to go on.
    fn know(&mut self, at: Micros, known: Known) {
        for (kind, on) in self.open_faults().into_iter().map(|k| (k, false)) {
            self.faults.push((at, kind, on));
        }
        if self.links.is_empty() {
            self.links = known.links;
        } else if let (Some((since, link)), Some(last)) = (known.links.last(), self.links.last())
            && last.1 != *link
        {
            // Since when it is so may lie before the stop that this record ends.
            self.links.push(((*since).max(last.0), *link));
        }
        self.clock.extend(known.clock);
        self.faults
            .extend(known.faults.into_iter().map(|(at, kind)| (at, kind, true)));
    }

    fn saw(&mut self, at: Micros, seen: Seen) {
        match seen {
            Seen::Link(link) => self.links.push((at, link)),
            Seen::Clock(ms) => self.clock.push((at, ms)),
            Seen::Fault(kind) => self.faults.push((at, kind, true)),
            Seen::Well(kind) => self.faults.push((at, kind, false)),
        }
    }

    fn open_faults(&self) -> Vec<EventKind> {
        FAULTS
            .into_iter()
            .filter(|kind| {
                let last = self.faults.iter().rev().find(|(_, k, _)| k == kind);
                last.is_some_and(|(_, _, on)| *on)
            })
            .collect()
    }
}

/// What is known of every camera now; says what of it is to be journaled. Pure: the caller gives the time.
#[derive(Debug, Default)]
pub struct Watch {
    cameras: HashMap<CameraId, Now>,
    waiting: Vec<(Micros, CameraId, Seen)>,
}

#[derive(Debug, Default)]
struct Now {
    known: Known,
    /// Changes of the connection journaled today.
    changes: u32,
    /// One that is held back: the camera flaps.
    held: Option<(Micros, Link)>,
}

/// Changes of a camera's connection that are journaled one by one in a day; beyond, it flaps, and is journaled once a minute.
const MAX_CHANGES: u32 = 2000;
const FLAPPING: Duration = Duration::from_secs(60);
/// A clock is journaled again when it moved by so much, ms.
const CLOCK_STEP_MS: i64 = 1000;
/// Changes that wait for the journal; more than a district's cameras all changing twice a second.
const MAX_WAITING: usize = 20_000;

impl Watch {
    /// A camera is seen so.
    pub fn saw(&mut self, now: WallTime, camera: CameraId, seen: Seen) {
        let entry = self.cameras.entry(camera).or_default();
        let journal = match seen {
            Seen::Link(link) => entry.link(now.0, link),
            Seen::Clock(ms) => {
                let known = entry.known.clock.map(|(_, ms)| ms);
                let moved = known.is_none_or(|k| (k - ms).abs() >= CLOCK_STEP_MS);
                if moved {
                    entry.known.clock = Some((now.0, ms));
                }
                moved
            }
            Seen::Fault(kind) => {
                let new = !entry.known.faults.iter().any(|(_, k)| *k == kind);
                if new {
                    entry.known.faults.push((now.0, kind));
                }
                new
            }
            Seen::Well(kind) => {
                let before = entry.known.faults.len();
                entry.known.faults.retain(|(_, k)| *k != kind);
                entry.known.faults.len() < before
            }
        };
        if journal {
            self.wait(now.0, camera, seen);
        }
    }

    fn wait(&mut self, at: Micros, camera: CameraId, seen: Seen) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push((at, camera, seen));
        }
    }

    /// What is to be journaled now, in order.
    pub fn drain(&mut self, now: WallTime) -> Vec<(Micros, CameraId, Seen)> {
        let due: Vec<(Micros, CameraId, Link)> = self
            .cameras
            .iter_mut()
            .filter_map(|(camera, entry)| {
                let last = entry.known.links.last().map_or(i64::MIN, |(at, _)| *at);
                let over = now.0.saturating_sub(last) >= FLAPPING.as_micros() as i64;
                let (at, link) = entry.held.take_if(|_| over)?;
                entry.set(at, link);
                Some((at, *camera, link))
            })
            .collect();
        for (at, camera, link) in due {
            self.wait(at, camera, Seen::Link(link));
        }
        let mut all = std::mem::take(&mut self.waiting);
        all.sort_by_key(|(at, ..)| *at);
        all
    }

    /// Whether changes were lost since so many waited: what is known is then to be journaled anew.
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// What is known of every camera, for the begin of a day's log; counts begin anew.
    pub fn begin_day(&mut self) -> Vec<(CameraId, Known)> {
        self.cameras.retain(|_, now| {
            let out = matches!(now.known.links.last(), Some((_, Link::Out)));
            !out || !now.known.faults.is_empty()
        });
        let mut all: Vec<(CameraId, Known)> = self
            .cameras
            .iter_mut()
            .map(|(camera, now)| {
                now.changes = 0;
                (*camera, now.known.clone())
            })
            .collect();
        all.sort_by_key(|(camera, _)| *camera);
        all
    }

    /// Takes up what a log of today says, after a stop: whatever was live or down is now unasked, until it is seen again.
    pub fn resume(&mut self, now: WallTime, log: &Log) {
        for (camera, of) in &log.cameras {
            let entry = self.cameras.entry(*camera).or_default();
            let last = of.links.iter().rev().find(|(_, l)| *l != Link::Unasked);
            let since = log.watched.last().map_or(now.0, |(_, to)| *to);
            entry.known.links = match last {
                Some((at, link @ (Link::Live | Link::Down(_)))) => {
                    vec![(*at, *link), (since.max(*at), Link::Unasked)]
                }
                _ => Vec::new(),
            };
            entry.known.clock = of.clock.last().copied();
        }
    }

    /// The cameras that are known, and are none of these: they have left the register.
    pub fn others(&self, registered: impl Fn(&CameraId) -> bool) -> Vec<CameraId> {
        let gone = self.cameras.iter().filter(|(camera, now)| {
            !registered(camera) && !matches!(now.known.links.last(), Some((_, Link::Out)) | None)
        });
        gone.map(|(camera, _)| *camera).collect()
    }
}

impl Now {
    /// Whether it is to be journaled.
    fn link(&mut self, at: Micros, link: Link) -> bool {
        let current = self.held.or(self.known.links.last().copied());
        if current.is_some_and(|(_, known)| known == link) {
            return false;
        }
        if self.changes >= MAX_CHANGES {
            self.held = Some((at, link));
            return false;
        }
        self.set(at, link);
        true
    }

    fn set(&mut self, at: Micros, link: Link) {
        self.changes += 1;
        let links = &mut self.known.links;
        let before = links
            .iter()
            .rev()
            .find(|(_, l)| *l != Link::Unasked)
            .copied();
        *links = match (link, before) {
            (Link::Unasked, Some(before)) => vec![before, (at, link)],
            _ => vec![(at, link)],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(n: u32) -> CameraId {
        format!("44140300001326{n:06}").parse().unwrap()
    }
    fn at(s: i64) -> WallTime {
        WallTime::from_secs(s)
    }

    #[test]
    fn only_what_changes_is_journaled() {
        let mut watch = Watch::default();
        let c = camera(1);
        for s in 0..10 {
            watch.saw(at(s), c, Seen::Link(Link::Live));
            watch.saw(at(s), c, Seen::Clock(300 + s));
            watch.saw(at(s), c, Seen::Fault(EventKind::Dark));
        }
        watch.saw(at(10), c, Seen::Well(EventKind::Dark));
        watch.saw(at(10), c, Seen::Well(EventKind::Dark));
        watch.saw(at(11), c, Seen::Clock(2000));
        let told: Vec<Seen> = watch.drain(at(12)).into_iter().map(|(_, _, s)| s).collect();
        assert_eq!(
            told,
            [
                Seen::Link(Link::Live),
                Seen::Clock(300),
                Seen::Fault(EventKind::Dark),
                Seen::Well(EventKind::Dark),
                Seen::Clock(2000)
            ]
        );
        assert!(watch.drain(at(13)).is_empty());
    }

    #[test]
    fn a_camera_that_flaps_all_day_is_bounded_and_its_last_state_is_told() {
        let mut watch = Watch::default();
        let c = camera(1);
        let mut journaled = 0;
        let mut last = None;
        for s in 0..86_400 {
            let link = match s % 2 {
                0 => Link::Live,
                _ => Link::Down(ReasonCode::Cut),
            };
            watch.saw(at(s), c, Seen::Link(link));
            let told = watch.drain(at(s));
            journaled += told.len();
            last = told.last().copied().or(last);
        }
        assert!((2000..2000 + 1500).contains(&journaled), "{journaled}");
        watch.drain(at(86_460));
        let known = watch.begin_day();
        assert_eq!(
            known[0].1.links.last().unwrap().1,
            Link::Down(ReasonCode::Cut)
        );
    }

    #[test]
    fn a_log_that_is_read_back_says_what_was_seen() {
        let (a, b) = (camera(1), camera(2));
        let mut watch = Watch::default();
        watch.saw(at(-50), a, Seen::Link(Link::Live));
        watch.saw(at(-20), a, Seen::Link(Link::Unasked));
        watch.drain(at(0));
        let mut log = Log::default();
        log.take(at(0), Entry::Began, None);
        log.take(at(0), Entry::Known(watch.begin_day()), None);
        watch.saw(at(30), b, Seen::Link(Link::Live));
        log.take(at(31), Entry::Seen(watch.drain(at(31))), None);
        log.take(at(60), Entry::Watching, None);
        log.take(at(900), Entry::Began, None);
        let text = serde_json::to_string(&Entry::Seen(vec![(
            1,
            a,
            Seen::Link(Link::Down(ReasonCode::Cut)),
        )]));
        assert_eq!(
            text.unwrap(),
            format!("{{\"seen\":[[1,\"{a}\",{{\"link\":{{\"down\":\"cut\"}}}}]]}}")
        );
        let s = 1_000_000;
        assert_eq!(log.watched, [(0, 60 * s), (900 * s, 900 * s)]);
        assert_eq!(
            log.cameras[&a].links,
            [(-50 * s, Link::Live), (-20 * s, Link::Unasked)]
        );
        assert_eq!(log.cameras[&b].links, [(30 * s, Link::Live)]);
        // After a stop, what was live is unasked since it was last watched.
        let mut again = Watch::default();
        again.resume(at(900), &log);
        let known = again.begin_day();
        assert_eq!(
            known[1].1.links,
            [(30 * s, Link::Live), (900 * s, Link::Unasked)]
        );
    }
}

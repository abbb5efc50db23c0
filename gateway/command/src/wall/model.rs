//! What a shared wall is made of, and what may stand in it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use media::{CameraId, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use super::Error;

/// Grids that a screen has.
pub const GRIDS: [u32; 5] = [1, 4, 9, 16, 25];
/// Most screens of a wall.
pub const MAX_SCREENS: u8 = 16;
/// Most cameras of one tour.
pub const MAX_TOUR: usize = 400;
/// Most bytes of a wall as JSON: sixteen full screens, and tours of some two thousand cameras.
pub const MAX_BYTES: usize = 64 * 1024;
/// Shortest and longest time that a page of a tour stands, seconds.
pub const DWELL_S: (u32, u32) = (5, 300);
/// Changes that a wall remembers.
pub const MAX_NOTES: usize = 50;
/// Links that a wall has at once; those that ended give way.
pub const MAX_LINKS: usize = 50;
/// Longest that a link lets a screen in, days.
pub const MAX_DAYS: u32 = 731;

/// Which stream a tile asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// By the tile's size.
    #[default]
    Auto,
    /// The full picture.
    Main,
    /// The small one.
    Sub,
}

/// What stands in a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Which camera.
    pub camera: CameraId,
    /// Which of its streams.
    #[serde(default)]
    pub profile: Stream,
}

/// A tour as a director asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its cameras in their order, 1 to 400, shown a page at a time.
    pub cameras: Vec<CameraId>,
    /// How long a page stands, 5 to 300 seconds.
    pub dwell_s: u32,
    /// Whether it stands still.
    #[serde(default)]
    pub held: bool,
}

/// What a director says of a screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Face {
    /// What people call it, up to 50 characters.
    #[serde(default)]
    pub name: String,
    /// Tiles: 1, 4, 9, 16 or 25.
    pub layout: u32,
    /// By tile; up to 25, so that a larger layout finds again what a smaller one hid. A camera stands once.
    #[serde(default)]
    pub cells: Vec<Option<Cell>>,
    /// The tile that is kept for alarms.
    #[serde(default)]
    pub alarm: Option<u8>,
    /// The tile that is shown large. A tour stands still meanwhile.
    #[serde(default)]
    pub focus: Option<u8>,
    /// Cameras in turn, in place of the cells.
    #[serde(default)]
    pub tour: Option<Wanted>,
}

/// A tour as it runs. Which page is due follows from it and the time alone, so all screens are in step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tour {
    /// Its cameras.
    pub cameras: Vec<CameraId>,
    /// How long a page stands, seconds.
    pub dwell_s: u32,
    /// When its first page came, moved on by what it stood still.
    pub since: WallTime,
    /// Since when it stands still.
    pub held_at: Option<WallTime>,
}

/// A screen as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// What people call it.
    pub name: String,
    /// Tiles.
    pub layout: u32,
    /// By tile.
    pub cells: Vec<Option<Cell>>,
    /// The tile that is kept for alarms.
    pub alarm: Option<u8>,
    /// The tile that is shown large.
    pub focus: Option<u8>,
    /// Cameras in turn.
    pub tour: Option<Tour>,
    /// The wall's revision at its last change.
    pub revision: u64,
    /// Who changed it last.
    pub by: String,
    /// When.
    pub at: WallTime,
}

/// One change, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The wall's revision after it.
    pub revision: u64,
    /// When.
    pub at: WallTime,
    /// Who.
    pub by: String,
    /// Which screen; none: the wall.
    pub screen: Option<u8>,
    /// What: `created`, `renamed`, `cells`, `layout`, `tour`, ...
    pub what: String,
}

/// Lets a screen in without an account: it sees this wall and the cameras on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number within the wall.
    pub number: u32,
    /// What people call it.
    pub name: String,
    /// Until when it lets in.
    pub until: WallTime,
    /// SHA-256 of its secret, hexadecimal.
    pub secret_sha256: String,
    /// Who made it.
    pub by: String,
    /// When.
    pub at: WallTime,
    /// When it was taken back.
    pub ended_at: Option<WallTime>,
}

impl Link {
    /// Whether it lets a screen in.
    pub fn is_good(&self, now: WallTime) -> bool {
        self.ended_at.is_none() && now < self.until
    }

    /// As the audit log names who comes by it.
    pub fn signature(&self, wall: &str) -> String {
        format!("screen-{} {wall} {}", self.number, self.name)
    }
}

/// A shared wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// Its identity: lower-case letters, digits and hyphens, 1 to 50; `~USER` of an operator's own wall.
    pub id: String,
    /// Tells it from an earlier one of the same identity.
    pub number: u32,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// Whose people direct it and look at it.
    pub region: RegionCode,
    /// What else there is to say, up to 500 characters.
    pub note: String,
    /// The account whose own wall it is.
    pub seat: Option<String>,
    /// Rises with every change.
    pub revision: u64,
    /// By number, 1 to 16.
    pub screens: BTreeMap<u8, Screen>,
    /// What was changed last, the newest at the end.
    pub notes: VecDeque<Note>,
    /// Screens that come without an account.
    pub links: Vec<Link>,
    /// Cameras that stand on it, tours included.
    #[serde(skip)]
    pub shown: BTreeSet<CameraId>,
}

impl Wall {
    /// Whether a tile of it is kept for alarms.
    pub fn keeps_alarms(&self) -> bool {
        self.screens.values().any(|s| s.alarm.is_some())
    }

    /// Whether alarms of its region are shown on it, or stop a tour.
    pub fn hears_alarms(&self) -> bool {
        let mut screens = self.screens.values();
        screens.any(|s| s.alarm.is_some() || s.tour.is_some())
    }

    /// What is on it, found again after a change.
    pub(super) fn look(&mut self) {
        self.shown = self
            .screens
            .values()
            .flat_map(|s| {
                let cells = s.cells.iter().flatten().map(|c| c.camera);
                cells.chain(s.tour.iter().flat_map(|t| t.cameras.iter().copied()))
            })
            .collect();
    }

    /// Writes a change down; gives the revision after it.
    pub(super) fn note(&mut self, at: WallTime, by: &str, screen: Option<u8>, what: &str) -> u64 {
        self.revision += 1;
        self.notes.push_back(Note {
            revision: self.revision,
            at,
            by: by.to_owned(),
            screen,
            what: what.to_owned(),
        });
        while self.notes.len() > MAX_NOTES {
            self.notes.pop_front();
        }
        self.revision
    }

    /// Takes what a director says of a screen.
    pub(super) fn put(&mut self, at: WallTime, by: &str, number: u8, face: Face) {
        let before = self.screens.get(&number);
        let what = face.differs(before);
        let tour = face.running(before, at);
        let revision = self.note(at, by, Some(number), what);
        let mut cells = face.cells;
        while cells.last().is_some_and(Option::is_none) {
            cells.pop();
        }
        let screen = Screen {
            name: face.name,
            layout: face.layout,
            cells,
            alarm: face.alarm,
            focus: face.focus,
            tour,
            revision,
            by: by.to_owned(),
            at,
        };
        self.screens.insert(number, screen);
    }
}

impl Face {
    /// Whether it may stand on a screen.
    ///
    /// # Errors
    /// [`Error::Field`].
    pub fn check(&self) -> Result<(), Error> {
        super::length("name", &self.name, 0, 50)?;
        if !GRIDS.contains(&self.layout) {
            let text = format!("{}, expected 1, 4, 9, 16 or 25", self.layout);
            return Err(Error::field("layout", text));
        }
        if self.cells.len() > 25 {
            let text = format!("{}, expected at most 25", self.cells.len());
            return Err(Error::field("cells", text));
        }
        let mut seen = BTreeMap::new();
        for (i, cell) in self.cells.iter().enumerate() {
            let Some(cell) = cell else { continue };
            if let Some(first) = seen.insert(cell.camera, i) {
                let text = format!("camera {} stands in cells[{first}] already", cell.camera);
                return Err(Error::field(format!("cells[{i}]"), text));
            }
        }
        for (field, tile) in [("alarm", self.alarm), ("focus", self.focus)] {
            if let Some(n) = tile.filter(|n| u32::from(*n) >= self.layout) {
                let text = format!("{n}, expected a tile below {}", self.layout);
                return Err(Error::field(field, text));
            }
        }
        if self.focus.is_some() && self.focus == self.alarm {
            return Err(Error::field("focus", "is the tile kept for alarms"));
        }
        let Some(tour) = &self.tour else {
            return Ok(());
        };
        if !(1..=MAX_TOUR).contains(&tour.cameras.len()) {
            let text = format!("{}, expected 1 to {MAX_TOUR}", tour.cameras.len());
            return Err(Error::field("tour.cameras", text));
        }
        if tour.cameras.iter().collect::<BTreeSet<_>>().len() != tour.cameras.len() {
            return Err(Error::field("tour.cameras", "a camera comes twice"));
        }
        if self.layout == 1 && self.alarm.is_some() {
            return Err(Error::field("tour", "the only tile is kept for alarms"));
        }
        let (least, most) = DWELL_S;
        if !(least..=most).contains(&tour.dwell_s) {
            let text = format!("{}, expected {least} to {most} seconds", tour.dwell_s);
            return Err(Error::field("tour.dwell_s", text));
        }
        Ok(())
    }

    /// What is new, in a word.
    fn differs(&self, before: Option<&Screen>) -> &'static str {
        let Some(before) = before else { return "added" };
        let tour = (before.tour.as_ref(), self.tour.as_ref());
        let same_tour = match tour {
            (None, None) => true,
            (Some(b), Some(w)) => b.cameras == w.cameras && b.dwell_s == w.dwell_s,
            _ => false,
        };
        let held = before.tour.as_ref().is_some_and(|t| t.held_at.is_some());
        let wants_held = self.tour.as_ref().is_some_and(|t| t.held) || self.focus.is_some();
        let some = |cells: &[Option<Cell>]| cells.iter().flatten().count();
        let same_cells = before
            .cells
            .iter()
            .flatten()
            .eq(self.cells.iter().flatten());
        match () {
            () if !same_tour && self.tour.is_some() => "tour",
            () if !same_tour && same_cells && before.layout == self.layout => "tour-ended",
            () if some(&before.cells) > 0 && some(&self.cells) == 0 => "cleared",
            () if before.layout != self.layout => "layout",
            () if before.focus != self.focus => "focus",
            () if self.tour.is_some() && !held && wants_held => "tour-held",
            () if self.tour.is_some() && held && !wants_held => "tour-resumed",
            () if before.alarm != self.alarm => "alarm",
            () if before.name != self.name => "renamed",
            () => "cells",
        }
    }

    /// The tour as it goes on: one that is the same but for standing still keeps its page.
    fn running(&self, before: Option<&Screen>, at: WallTime) -> Option<Tour> {
        let wanted = self.tour.as_ref()?;
        let held = wanted.held || self.focus.is_some();
        let same = |b: &&Screen| {
            let pages = b.layout == self.layout && b.alarm.is_some() == self.alarm.is_some();
            let tour = b.tour.as_ref();
            pages
                && tour.is_some_and(|t| t.cameras == wanted.cameras && t.dwell_s == wanted.dwell_s)
        };
        let old = before.filter(same).and_then(|b| b.tour.as_ref());
        let (since, held_at) = match old {
            None => (at, held.then_some(at)),
            Some(old) => match (old.held_at, held) {
                (None, true) => (old.since, Some(at)),
                (Some(stood), false) => (old.since + at.since(stood), None),
                (stood, _) => (old.since, stood),
            },
        };
        Some(Tour {
            cameras: wanted.cameras.clone(),
            dwell_s: wanted.dwell_s,
            since,
            held_at,
        })
    }
}

impl Tour {
    /// The page that is due, of so many.
    pub fn page(&self, now: WallTime, pages: u64) -> u64 {
        let at = self.held_at.unwrap_or(now);
        let dwell = Duration::from_secs(u64::from(self.dwell_s.max(1)));
        let passed = at.since(self.since).as_micros() / dwell.as_micros();
        (passed % u128::from(pages.max(1))) as u64
    }
}

/// How a screen may look, kept under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Its number; 0 of one that is new.
    #[serde(default)]
    pub id: u64,
    /// 1 to 100 characters.
    pub name: String,
    /// Who made it.
    #[serde(default)]
    pub owner: String,
    /// Whether others of its region use it too.
    #[serde(default)]
    pub shared: bool,
    /// Where it is used.
    pub region: RegionCode,
    /// The incident that it was made for.
    #[serde(default)]
    pub incident: Option<String>,
    /// Tiles.
    pub layout: u32,
    /// By tile.
    #[serde(default)]
    pub cells: Vec<Option<Cell>>,
    /// The tile that is kept for alarms.
    #[serde(default)]
    pub alarm: Option<u8>,
    /// Rises with every change; the one that was read, of a change.
    #[serde(default)]
    pub revision: u64,
}

impl Layout {
    pub(super) fn check(&self) -> Result<(), Error> {
        super::length("name", &self.name, 1, 100)?;
        super::length("incident", self.incident.as_deref().unwrap_or("-"), 1, 64)?;
        let face = Face {
            name: String::new(),
            layout: self.layout,
            cells: self.cells.clone(),
            alarm: self.alarm,
            focus: None,
            tour: None,
        };
        face.check()
    }
}

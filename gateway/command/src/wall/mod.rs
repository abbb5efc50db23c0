//! Shared walls: what the screens of a hall show, set by whoever directs them from another seat; and layouts that are kept.
//!
//! A wall rises by one revision a change. Each screen keeps the revision of its own last change, so that two directors at two
//! screens do not stand in each other's way, and a second one at the same screen is told.

mod change;
mod model;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

pub use change::{Change, Error, New};
use media::WallTime;
pub use model::{
    Cell, DWELL_S, Face, GRIDS, Layout, Link, MAX_BYTES, MAX_DAYS, MAX_LINKS, MAX_NOTES,
    MAX_SCREENS, MAX_TOUR, Note, Screen, Stream, Tour, Wall, Wanted,
};

use crate::state::State;

/// Most walls of halls.
pub const MAX_WALLS: usize = 64;
/// Most walls of operators' own.
pub const MAX_SEATS: usize = 500;
/// Most layouts that are kept.
pub const MAX_LAYOUTS: usize = 1000;
/// Most of them by one account.
pub const MAX_OWN: usize = 100;
/// Causes that are remembered, so that what a plan shows is shown once.
const MAX_CAUSES: usize = 500;

fn length(field: &str, text: &str, least: usize, most: usize) -> Result<(), Error> {
    let n = text.trim().chars().count();
    match (least..=most).contains(&n) {
        true => Ok(()),
        false => {
            let text = format!("{n} characters, expected {least} to {most}");
            Err(Error::field(field, text))
        }
    }
}

/// All walls and layouts.
#[derive(Clone, Debug, Default)]
pub struct Walls {
    walls: BTreeMap<String, Arc<Wall>>,
    layouts: BTreeMap<u64, Arc<Layout>>,
    causes: VecDeque<String>,
    /// Numbers that were given.
    wall_numbers: u32,
    layout_numbers: u64,
}

impl Walls {
    /// One.
    pub fn get(&self, id: &str) -> Option<&Arc<Wall>> {
        self.walls.get(id)
    }

    /// One by its number.
    pub fn by_number(&self, number: u32) -> Option<&Arc<Wall>> {
        self.walls.values().find(|w| w.number == number)
    }

    /// All, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Wall>> {
        self.walls.values()
    }

    /// One of the layouts.
    pub fn layout(&self, id: u64) -> Option<&Arc<Layout>> {
        self.layouts.get(&id)
    }

    /// All of them, the oldest first.
    pub fn layouts(&self) -> impl Iterator<Item = &Arc<Layout>> {
        self.layouts.values()
    }

    /// The newest of them.
    pub fn newest_layout(&self) -> Option<&Arc<Layout>> {
        self.layouts.get(&self.layout_numbers)
    }

    /// Whether what this is the cause of has been shown.
    pub fn has_seen(&self, cause: &str) -> bool {
        self.causes.iter().any(|c| c == cause)
    }

    fn existing(&self, id: &str) -> Result<&Arc<Wall>, Error> {
        let none = || Error::NotFound(format!("wall '{id}'"));
        self.walls.get(id).ok_or_else(none)
    }

    fn check_put(&self, new: &New, expect: Option<u64>) -> Result<(), Error> {
        check_id(new)?;
        length("name", &new.name, 1, 100)?;
        length("note", &new.note, 0, 500)?;
        for (number, face) in &new.screens {
            check_number(*number)?;
            face.check()
                .map_err(|e| within(&format!("screens.{number}"), e))?;
        }
        let before = self.walls.get(&new.id);
        if before.is_none() {
            let seats = self.walls.values().filter(|w| w.seat.is_some()).count();
            let (there, most) = match new.seat {
                Some(_) => (seats, MAX_SEATS),
                None => (self.walls.len() - seats, MAX_WALLS),
            };
            if there >= most {
                return Err(Error::field(
                    "id",
                    format!("there are {most} walls already"),
                ));
            }
        }
        is_fresh(&new.id, before, expect)
    }

    fn check_screen(
        &self,
        id: &str,
        screen: u8,
        face: &Face,
        expect: Option<u64>,
    ) -> Result<(), Error> {
        let wall = self.existing(id)?;
        check_number(screen)?;
        face.check()?;
        let before = wall.screens.get(&screen);
        let revision = before.map_or(0, |s| s.revision);
        match expect.filter(|e| *e != revision) {
            None => Ok(()),
            Some(_) => Err(stale(wall, Some(screen), revision)),
        }
    }

    fn check_layout(&self, layout: &Layout) -> Result<(), Error> {
        layout.check()?;
        if layout.id == 0 {
            let own = self.layouts.values().filter(|l| l.owner == layout.owner);
            let own = own.count();
            return match () {
                () if self.layouts.len() >= MAX_LAYOUTS => {
                    let text = format!("{MAX_LAYOUTS} layouts are kept already");
                    Err(Error::field("name", text))
                }
                () if own >= MAX_OWN => {
                    let text = format!("{MAX_OWN} layouts of yours are kept already");
                    Err(Error::field("name", text))
                }
                () => Ok(()),
            };
        }
        let before = self.layouts.get(&layout.id);
        let before = before.ok_or_else(|| Error::NotFound(format!("layout {}", layout.id)))?;
        match layout.revision == before.revision {
            true => Ok(()),
            false => Err(Error::Stale {
                what: format!("layout {}", before.name),
                revision: before.revision,
                by: before.owner.clone(),
                at: WallTime(0),
            }),
        }
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Wall)) {
        if let Some(wall) = self.walls.get_mut(id) {
            let wall = Arc::make_mut(wall);
            change(wall);
            wall.look();
        }
    }

    fn put(&mut self, at: WallTime, new: New, by: &str) {
        let what = match self.walls.contains_key(&new.id) {
            true => "set",
            false => "created",
        };
        let number = self.wall_numbers + 1;
        let entry = self.walls.entry(new.id.clone()).or_insert_with(|| {
            Arc::new(Wall {
                id: new.id,
                number,
                name: String::new(),
                region: new.region,
                note: String::new(),
                seat: new.seat,
                revision: 0,
                screens: BTreeMap::new(),
                notes: VecDeque::new(),
                links: Vec::new(),
                shown: Default::default(),
            })
        });
        self.wall_numbers = self.wall_numbers.max(entry.number);
        let wall = Arc::make_mut(entry);
        wall.name = new.name.trim().to_owned();
        wall.note = new.note.trim().to_owned();
        wall.region = new.region;
        wall.note(at, by, None, what);
        wall.screens.retain(|n, _| new.screens.contains_key(n));
        for (n, face) in new.screens {
            wall.put(at, by, n, face);
        }
        wall.look();
    }

    fn keep(&mut self, mut layout: Layout) {
        if layout.id == 0 {
            self.layout_numbers += 1;
            layout.id = self.layout_numbers;
            layout.revision = 0;
        }
        layout.revision += 1;
        layout.name = layout.name.trim().to_owned();
        self.layouts.insert(layout.id, Arc::new(layout));
    }
}

fn check_id(new: &New) -> Result<(), Error> {
    if let Some(user) = &new.seat {
        return match new.id == format!("~{user}") {
            true => Ok(()),
            false => Err(Error::field("id", format!("expected ~{user}"))),
        };
    }
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    match (1..=50).contains(&new.id.len()) && new.id.bytes().all(legal) {
        true => Ok(()),
        false => Err(Error::field(
            "id",
            "expected 1 to 50 lower-case letters, digits and hyphens",
        )),
    }
}

fn check_number(screen: u8) -> Result<(), Error> {
    match (1..=MAX_SCREENS).contains(&screen) {
        true => Ok(()),
        false => {
            let text = format!("{screen}, expected 1 to {MAX_SCREENS}");
            Err(Error::field("screen", text))
        }
    }
}

/// The same fault, further down.
fn within(path: &str, error: Error) -> Error {
    match error {
        Error::Field { field, text } => Error::field(format!("{path}.{field}"), text),
        other => other,
    }
}

/// Who changed it last, for whoever comes second.
fn stale(wall: &Wall, screen: Option<u8>, revision: u64) -> Error {
    let last = wall.notes.iter().rev();
    let last = last.filter(|n| screen.is_none_or(|s| n.screen == Some(s) || n.screen.is_none()));
    let last = last.map(|n| (n.by.clone(), n.at)).next();
    let (by, at) = last.unwrap_or_else(|| ("-".into(), WallTime(0)));
    let what = match screen {
        Some(n) => format!("screen {n} of wall '{}'", wall.id),
        None => format!("wall '{}'", wall.id),
    };
    Error::Stale {
        what,
        revision,
        by,
        at,
    }
}

fn is_fresh(id: &str, wall: Option<&Arc<Wall>>, expect: Option<u64>) -> Result<(), Error> {
    match (wall, expect) {
        (_, None) | (None, Some(0)) => Ok(()),
        (None, Some(_)) => Err(Error::NotFound(format!("wall '{id}'"))),
        (Some(wall), Some(expect)) if wall.revision == expect => Ok(()),
        (Some(wall), Some(_)) => Err(stale(wall, None, wall.revision)),
    }
}

impl State for Walls {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Put { .. } => "wall-put",
            Change::Name { .. } => "wall-named",
            Change::Screen { .. } => "screen",
            Change::Drop { .. } => "screen-removed",
            Change::Remove { .. } => "wall-removed",
            Change::Link { .. } => "link",
            Change::Unlink { .. } => "link-ended",
            Change::Layout(_) => "layout",
            Change::RemoveLayout(_) => "layout-removed",
            Change::Was(_) | Change::LayoutWas(_) | Change::Known { .. } => "was",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put { wall, expect, .. } => self.check_put(wall, *expect)?,
            Change::Name {
                id,
                name,
                note,
                expect,
                ..
            } => {
                let wall = self.existing(id)?;
                length("name", name.as_deref().unwrap_or("-"), 1, 100)?;
                length("note", note.as_deref().unwrap_or(""), 0, 500)?;
                is_fresh(id, Some(wall), *expect)?;
            }
            Change::Screen {
                id,
                screen,
                face,
                expect,
                cause,
                ..
            } => {
                if cause.as_deref().is_some_and(|c| self.has_seen(c)) {
                    return Err(Error::Repeated);
                }
                self.check_screen(id, *screen, face, *expect)?;
            }
            Change::Drop {
                id, screen, expect, ..
            } => {
                let wall = self.existing(id)?;
                let there = wall.screens.get(screen);
                let none = || Error::NotFound(format!("screen {screen} of wall '{id}'"));
                let revision = there.ok_or_else(none)?.revision;
                if expect.is_some_and(|e| e != revision) {
                    return Err(stale(wall, Some(*screen), revision));
                }
            }
            Change::Remove { id, expect } => {
                let wall = self.existing(id)?;
                is_fresh(id, Some(wall), *expect)?;
            }
            Change::Link { id, name, .. } => {
                let wall = self.existing(id)?;
                length("name", name, 1, 50)?;
                let open = wall.links.iter().filter(|l| l.ended_at.is_none()).count();
                if open >= MAX_LINKS {
                    let text = format!("there are {MAX_LINKS} links already: end one");
                    return Err(Error::field("name", text));
                }
            }
            Change::Unlink { id, number } => {
                let wall = self.existing(id)?;
                let open = |l: &&Link| l.number == *number && l.ended_at.is_none();
                if !wall.links.iter().any(|l| open(&l)) {
                    return Err(Error::NotFound(format!("link {number} of wall '{id}'")));
                }
            }
            Change::Layout(layout) => self.check_layout(layout)?,
            Change::RemoveLayout(id) => {
                if !self.layouts.contains_key(id) {
                    return Err(Error::NotFound(format!("layout {id}")));
                }
            }
            Change::Was(_) | Change::LayoutWas(_) | Change::Known { .. } => {}
        }
        self.check_room(change)
    }

    fn apply(&mut self, at: WallTime, change: Change) {
        match change {
            Change::Put { wall, by, .. } => self.put(at, *wall, &by),
            Change::Name {
                id, name, note, by, ..
            } => self.change(&id, |wall| {
                if let Some(name) = name {
                    wall.name = name.trim().to_owned();
                }
                if let Some(note) = note {
                    wall.note = note.trim().to_owned();
                }
                wall.note(at, &by, None, "renamed");
            }),
            Change::Screen {
                id,
                screen,
                face,
                by,
                cause,
                ..
            } => {
                self.causes.extend(cause);
                while self.causes.len() > MAX_CAUSES {
                    self.causes.pop_front();
                }
                self.change(&id, |wall| wall.put(at, &by, screen, *face));
            }
            Change::Drop { id, screen, by, .. } => self.change(&id, |wall| {
                wall.screens.remove(&screen);
                wall.note(at, &by, Some(screen), "removed");
            }),
            Change::Remove { id, .. } => {
                self.walls.remove(&id);
            }
            Change::Link {
                id,
                name,
                until,
                secret_sha256,
                by,
            } => self.change(&id, |wall| {
                let number = wall.links.iter().map(|l| l.number).max().unwrap_or(0) + 1;
                let over = |l: &Link| !l.is_good(at);
                while wall.links.len() >= MAX_LINKS {
                    let Some(old) = wall.links.iter().position(over) else {
                        break;
                    };
                    wall.links.remove(old);
                }
                wall.links.push(Link {
                    number,
                    name: name.trim().to_owned(),
                    until,
                    secret_sha256,
                    by,
                    at,
                    ended_at: None,
                });
            }),
            Change::Unlink { id, number } => self.change(&id, |wall| {
                for link in wall.links.iter_mut().filter(|l| l.number == number) {
                    link.ended_at.get_or_insert(at);
                }
            }),
            Change::Layout(layout) => self.keep(*layout),
            Change::RemoveLayout(id) => {
                self.layouts.remove(&id);
            }
            Change::Was(wall) => {
                let mut wall = *wall;
                wall.look();
                self.walls.insert(wall.id.clone(), Arc::new(wall));
            }
            Change::LayoutWas(layout) => {
                self.layouts.insert(layout.id, Arc::from(layout));
            }
            Change::Known {
                walls,
                layouts,
                causes,
            } => {
                self.wall_numbers = walls;
                self.layout_numbers = layouts;
                self.causes = causes;
            }
        }
    }

    fn snapshot(&self) -> Option<Vec<Change>> {
        let known = Change::Known {
            walls: self.wall_numbers,
            layouts: self.layout_numbers,
            causes: self.causes.clone(),
        };
        let walls = self
            .walls
            .values()
            .map(|w| Change::Was(Box::new(Wall::clone(w))));
        let layouts = self.layouts.values();
        let layouts = layouts.map(|l| Change::LayoutWas(Box::new(Layout::clone(l))));
        Some(std::iter::once(known).chain(walls).chain(layouts).collect())
    }
}

impl Walls {
    /// A wall is told to every screen at each change: it is held to a length that this bears.
    fn check_room(&self, change: &Change) -> Result<(), Error> {
        let id = match change {
            Change::Put { wall, .. } => &wall.id,
            Change::Screen { id, .. } => id,
            _ => return Ok(()),
        };
        let mut tried = Self {
            walls: self
                .walls
                .get_key_value(id)
                .map(|(k, w)| (k.clone(), Arc::clone(w)))
                .into_iter()
                .collect(),
            ..Self::default()
        };
        tried.apply(WallTime(0), change.clone());
        let screens = tried.walls.get(id).map(|w| serde_json::to_vec(&w.screens));
        let bytes = screens.and_then(Result::ok).map_or(0, |json| json.len());
        match bytes <= MAX_BYTES {
            true => Ok(()),
            false => {
                let text = format!(
                    "the wall would have {bytes} bytes, {MAX_BYTES} are allowed: shorten its tours"
                );
                Err(Error::field("tour", text))
            }
        }
    }
}

//! Incidents (事件处置): opened by a person, often from an event; verified, graded, handled by tasks, closed, filed.
//!
//! ```text
//! Change --check--> journal --apply--> Incident { stage, tasks, log }      every accepted change is one entry of the log
//! ```
//! A plan (预案) is started by one change that holds all of its tasks: after a crash either the whole of it is there or nothing.

mod apply;
mod attachment;
mod change;
mod drawing;
mod entry;
mod guest;
mod rules;
mod stage;
pub mod task;

use std::{collections::BTreeMap, sync::Arc};

use media::{CameraId, EventId, Grade, Place, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

pub use attachment::{Attachment, Kind as AttachmentKind, is_id as is_attachment};
pub use change::{Change, Error};
pub use drawing::{Drawing, DrawingKind, Sketch};
pub use entry::{Action, Entry, Words};
pub use guest::{Guest, Invitation};
pub use rules::{MAX_ATTACHMENTS, MAX_CAMERAS, MAX_KEPT, MAX_LOG, MAX_NOTE, MAX_TASKS};
pub use stage::Stage;
pub use task::{Order, Progress, Step, Task};

use crate::state::State;

/// How the wall is to look while an incident is handled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wall {
    /// Tiles of a screen: 1, 4, 9, 16 or 25.
    pub tiles: u32,
    /// What stands in them, in their order; empty: the incident's cameras.
    #[serde(default)]
    pub cameras: Vec<CameraId>,
    /// The screen of a shared wall that shows it as soon as the plan is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<Show>,
}

/// A screen of a shared wall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// The wall's identity.
    pub wall: String,
    /// The screen's number, 1 to 16.
    pub screen: u8,
}

/// Somebody who is told of an incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Their account.
    pub user: String,
    /// Since when.
    pub at: WallTime,
    /// When they said that they know.
    pub seen_at: Option<WallTime>,
}

/// An incident. What a page is shown of it is the gateway's own choice, since a log may be long.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Its identity; sorts by time.
    pub id: EventId,
    /// What people call it by: the day and a number.
    pub number: String,
    /// In a few words.
    pub title: String,
    /// What kind of thing: a word of the district's own list.
    pub kind: String,
    /// How grave.
    pub grade: Grade,
    /// Where it stands.
    pub state: Stage,
    /// Which region it belongs to: who may see it follows from this.
    pub region: RegionCode,
    /// Where.
    pub place: Option<Place>,
    /// The cameras that show it.
    pub cameras: Vec<CameraId>,
    /// The event it was opened from.
    pub event: Option<EventId>,
    /// When it was opened.
    pub opened_at: WallTime,
    /// By whom.
    pub opened_by: String,
    /// When it was closed.
    pub closed_at: Option<WallTime>,
    /// The plans that were started, by their ids.
    pub plans: Vec<String>,
    /// What people were sent to do, in the order of giving.
    pub tasks: Vec<Task>,
    /// Who is told of it.
    pub told: Vec<Told>,
    /// How the wall is to look.
    pub wall: Option<Wall>,
    /// How many reports there are.
    pub reports: u32,
    /// Pictures and voices, in the order of coming.
    pub attachments: Vec<Arc<Attachment>>,
    /// Who else may look at it.
    pub guests: Vec<Guest>,
    /// What is drawn on the map for it, and what was, in the order of drawing.
    pub drawings: Vec<Arc<Drawing>>,
    /// Everything that happened to it, oldest first.
    pub log: Vec<Arc<Entry>>,
}

impl Incident {
    /// A task by its number.
    pub fn task(&self, number: u32) -> Option<&Task> {
        self.tasks.get((number as usize).checked_sub(1)?)
    }

    /// A drawing that is shown, by its number.
    pub fn drawing(&self, number: u32) -> Option<&Arc<Drawing>> {
        let index = (number as usize).checked_sub(1)?;
        self.drawings.get(index).filter(|d| d.erased_at.is_none())
    }

    /// What is kept with it under this id.
    pub fn attachment(&self, id: &str) -> Option<&Arc<Attachment>> {
        self.attachments.iter().find(|a| a.id == id)
    }
}

/// What is said when an incident is opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Its identity, chosen by the gateway.
    pub id: EventId,
    /// The day it counts to, `YYYYMMDD` in the district's own time.
    pub day: String,
    /// By whom.
    pub by: String,
    /// In a few words.
    pub title: String,
    /// What kind of thing.
    pub kind: String,
    /// How grave.
    pub grade: Grade,
    /// Which region.
    pub region: RegionCode,
    /// Where.
    pub place: Option<Place>,
    /// The cameras that show it.
    pub cameras: Vec<CameraId>,
    /// The event it comes from.
    pub event: Option<EventId>,
    /// First note.
    pub note: String,
}

/// All incidents.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    all: BTreeMap<EventId, Arc<Incident>>,
    /// How many were opened on each day.
    numbers: BTreeMap<String, u32>,
}

impl Incidents {
    /// One.
    pub fn get(&self, id: &EventId) -> Option<&Arc<Incident>> {
        self.all.get(id)
    }

    /// All, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<Incident>> {
        self.all.values().rev()
    }

    /// Tasks whose deadline has passed, and nobody has noted it yet.
    pub fn overdue(&self, now: WallTime) -> Vec<Change> {
        let open = self.all.values().filter(|i| i.state.is_open());
        open.flat_map(|i| {
            let late = i.tasks.iter().filter(|t| t.is_newly_overdue(now));
            late.map(|t| Change::Overdue {
                id: i.id,
                task: t.number,
            })
        })
        .collect()
    }

    fn existing(&self, id: &EventId) -> Result<&Incident, Error> {
        self.all
            .get(id)
            .map(AsRef::as_ref)
            .ok_or(Error::NotFound(*id))
    }
}

impl State for Incidents {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Open(_) => "opened",
            Change::Note { .. } => "note",
            Change::Transition { .. } => "transition",
            Change::Grade { .. } => "graded",
            Change::Give { .. } => "task",
            Change::Step { .. } => "step",
            Change::Overdue { .. } => "overdue",
            Change::Start { .. } => "plan",
            Change::Report { .. } => "report",
            Change::Cameras { .. } => "cameras",
            Change::Seen { .. } => "seen",
            Change::Attach { .. } => "attachment",
            Change::Invite { .. } => "guest",
            Change::Uninvite { .. } => "guest-gone",
            Change::Draw { .. } => "drawn",
            Change::Erase { .. } => "erased",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Open(opening) => rules::opening(opening),
            _ => self.existing(change.id())?.check(change),
        }
    }

    fn apply(&mut self, at: WallTime, change: Change) {
        if let Change::Open(opening) = change {
            return self.open(at, *opening);
        }
        let Some(incident) = self.all.get_mut(change.id()) else {
            return;
        };
        Arc::make_mut(incident).apply(at, change);
    }
}

impl Incidents {
    fn open(&mut self, at: WallTime, o: Opening) {
        let n = self.numbers.entry(o.day.clone()).or_default();
        *n += 1;
        let first = Entry::new(at, o.by.clone(), Action::Opened, o.note.into());
        let incident = Incident {
            id: o.id,
            number: format!("{}-{:04}", o.day, n),
            title: o.title,
            kind: o.kind,
            grade: o.grade,
            state: Stage::Reported,
            region: o.region,
            place: o.place,
            cameras: o.cameras,
            event: o.event,
            opened_at: at,
            opened_by: o.by,
            closed_at: None,
            plans: Vec::new(),
            tasks: Vec::new(),
            told: Vec::new(),
            wall: None,
            reports: 0,
            attachments: Vec::new(),
            guests: Vec::new(),
            drawings: Vec::new(),
            log: vec![Arc::new(first.between(None, Stage::Reported))],
        };
        self.all.insert(o.id, Arc::new(incident));
    }
}

#[cfg(test)]
mod tests;

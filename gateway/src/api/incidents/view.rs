//! How an incident looks in JSON: all of it but its log, of which the newest entries go along, each with its number. What is
//! older is asked for by pages (`GET /incidents/{id}/log`), so that a long night opens as fast as a short one.

use std::sync::Arc;

use ::media::{CameraId, EventId, Grade, Place, RegionCode, WallTime};
use command::{
    Incident, Stage, Task,
    incident::{Drawing, Entry, Told, Wall},
};
use serde::Serialize;

/// Entries that go along with an incident that was asked for or changed.
pub const TAIL: usize = 50;
/// Entries that go to every page that listens: what a change adds. A plan adds one for each of its tasks; who misses some asks
/// for them.
const TOLD: usize = 8;

/// An incident.
#[derive(Debug, Serialize)]
pub struct View<'a> {
    id: EventId,
    number: &'a str,
    title: &'a str,
    kind: &'a str,
    grade: Grade,
    state: Stage,
    region: RegionCode,
    place: Option<Place>,
    cameras: &'a [CameraId],
    event: Option<EventId>,
    opened_at: WallTime,
    opened_by: &'a str,
    closed_at: Option<WallTime>,
    plans: &'a [String],
    tasks: &'a [Task],
    told: &'a [Told],
    wall: Option<&'a Wall>,
    reports: u32,
    drawings: &'a [Arc<Drawing>],
    /// How many entries there are in all.
    entries: usize,
    log: Vec<Numbered<'a>>,
}

/// An entry and its number, from 0.
#[derive(Debug, Serialize)]
pub struct Numbered<'a> {
    n: usize,
    #[serde(flatten)]
    entry: &'a Entry,
}

impl<'a> View<'a> {
    /// With the newest entries.
    pub fn of(incident: &'a Incident) -> Self {
        Self::with(incident, TAIL)
    }

    /// For a list: without any entry.
    pub fn listed(incident: &'a Incident) -> Self {
        Self::with(incident, 0)
    }

    /// For everybody who listens.
    pub fn told(incident: &'a Incident) -> Self {
        Self::with(incident, TOLD)
    }

    fn with(i: &'a Incident, tail: usize) -> Self {
        let from = i.log.len().saturating_sub(tail);
        Self {
            id: i.id,
            number: &i.number,
            title: &i.title,
            kind: &i.kind,
            grade: i.grade,
            state: i.state,
            region: i.region,
            place: i.place,
            cameras: &i.cameras,
            event: i.event,
            opened_at: i.opened_at,
            opened_by: &i.opened_by,
            closed_at: i.closed_at,
            plans: &i.plans,
            tasks: &i.tasks,
            told: &i.told,
            wall: i.wall.as_ref(),
            reports: i.reports,
            drawings: &i.drawings,
            entries: i.log.len(),
            log: numbered(&i.log, from, i.log.len()),
        }
    }
}

/// Entries `from..to` with their numbers.
pub fn numbered(log: &[Arc<Entry>], from: usize, to: usize) -> Vec<Numbered<'_>> {
    let part = log.get(from..to.min(log.len())).unwrap_or_default();
    part.iter()
        .enumerate()
        .map(|(i, entry)| Numbered { n: from + i, entry })
        .collect()
}

//! Incidents (事件处置): opened by a person, often from an event; verified, handled, closed, filed.

use std::collections::BTreeMap;

use media::{CameraId, EventId, Grade, Place, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use crate::state::State;

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Somebody says that something happens.
    Reported,
    /// It is so.
    Verified,
    /// People are at it.
    Handling,
    /// Done.
    Closed,
    /// Reviewed and put on file.
    Filed,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [
        Self::Reported,
        Self::Verified,
        Self::Handling,
        Self::Closed,
        Self::Filed,
    ];

    /// The stages that may follow: the whole table, in one place.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Reported => &[Self::Verified, Self::Closed],
            Self::Verified => &[Self::Handling, Self::Closed],
            Self::Handling => &[Self::Closed],
            Self::Closed => &[Self::Filed],
            Self::Filed => &[],
        }
    }

    /// Whether work on it goes on.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Reported | Self::Verified | Self::Handling)
    }

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Verified => "verified",
            Self::Handling => "handling",
            Self::Closed => "closed",
            Self::Filed => "filed",
        }
    }
}

/// What an entry of an incident's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The first entry.
    Opened,
    /// Somebody wrote something down.
    Note,
    /// It went from one stage to another.
    Transition,
}

/// One line of an incident's log. The whole history can be told from the log alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: WallTime,
    /// Who.
    pub by: String,
    /// What.
    pub action: Action,
    /// The stage it left, of a transition.
    pub from: Option<Stage>,
    /// The stage it reached.
    pub to: Option<Stage>,
    /// In words.
    pub note: String,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Everything that happened to it, oldest first.
    pub log: Vec<Entry>,
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

/// A change of one incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A new one.
    Open(Box<Opening>),
    /// Somebody writes something down.
    Note {
        /// Which.
        id: EventId,
        /// Who.
        by: String,
        /// What.
        note: String,
    },
    /// A step.
    Transition {
        /// Which.
        id: EventId,
        /// Who.
        by: String,
        /// Where to.
        to: Stage,
        /// Why.
        note: String,
    },
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such incident.
    #[error("there is no incident {0}")]
    NotFound(EventId),
    /// The step is not in the table.
    #[error("an incident that is {} cannot become {}; it can become {}", from.as_str(), to.as_str(), names(from.next()))]
    Illegal {
        /// Where it stands.
        from: Stage,
        /// Where it was to go.
        to: Stage,
    },
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its name in the API.
        field: &'static str,
        /// What is wrong and what was expected.
        text: String,
    },
}

fn names(stages: &[Stage]) -> String {
    if stages.is_empty() {
        return "nothing else".into();
    }
    let names: Vec<_> = stages.iter().map(|s| s.as_str()).collect();
    names.join(" or ")
}

/// Most log entries of one incident.
pub const MAX_LOG: usize = 2000;
/// Most characters of a note.
pub const MAX_NOTE: usize = 4000;

/// All incidents.
#[derive(Clone, Debug, Default)]
pub struct Incidents {
    all: BTreeMap<EventId, Incident>,
    /// How many were opened on each day.
    numbers: BTreeMap<String, u32>,
}

impl Incidents {
    /// One.
    pub fn get(&self, id: &EventId) -> Option<&Incident> {
        self.all.get(id)
    }

    /// All, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Incident> {
        self.all.values().rev()
    }

    fn existing(&self, id: &EventId) -> Result<&Incident, Error> {
        self.all.get(id).ok_or(Error::NotFound(*id))
    }
}

fn bounded(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), Error> {
    let length = text.trim().chars().count();
    if (least..=most).contains(&length) {
        return Ok(());
    }
    Err(Error::Field {
        field,
        text: format!("{length} characters, expected {least} to {most}"),
    })
}

impl State for Incidents {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Open(_) => "opened",
            Change::Note { .. } => "note",
            Change::Transition { .. } => "transition",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Open(o) => {
                bounded("title", &o.title, 1, 200)?;
                bounded("kind", &o.kind, 0, 50)?;
                bounded("note", &o.note, 0, MAX_NOTE)?;
                if o.place.is_some_and(|p| !p.is_valid()) {
                    return Err(Error::Field {
                        field: "place",
                        text: "longitude is -180 to 180, latitude -90 to 90".into(),
                    });
                }
                Ok(())
            }
            Change::Note { id, note, .. } => {
                let incident = self.existing(id)?;
                bounded("note", note, 1, MAX_NOTE)?;
                room(incident)
            }
            Change::Transition { id, to, note, .. } => {
                let incident = self.existing(id)?;
                if !incident.state.next().contains(to) {
                    return Err(Error::Illegal {
                        from: incident.state,
                        to: *to,
                    });
                }
                let least = usize::from(*to == Stage::Closed);
                bounded("note", note, least, MAX_NOTE)
            }
        }
    }

    fn apply(&mut self, at: WallTime, change: Change) {
        match change {
            Change::Open(o) => {
                let n = self.numbers.entry(o.day.clone()).or_default();
                *n += 1;
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
                    opened_by: o.by.clone(),
                    closed_at: None,
                    log: vec![Entry {
                        at,
                        by: o.by,
                        action: Action::Opened,
                        from: None,
                        to: Some(Stage::Reported),
                        note: o.note,
                    }],
                };
                self.all.insert(o.id, incident);
            }
            Change::Note { id, by, note } => {
                if let Some(incident) = self.all.get_mut(&id) {
                    incident.log.push(Entry {
                        at,
                        by,
                        action: Action::Note,
                        from: None,
                        to: None,
                        note,
                    });
                }
            }
            Change::Transition { id, by, to, note } => {
                let Some(incident) = self.all.get_mut(&id) else {
                    return;
                };
                let from = incident.state;
                if !from.next().contains(&to) {
                    return;
                }
                incident.state = to;
                if to == Stage::Closed {
                    incident.closed_at = Some(at);
                }
                incident.log.push(Entry {
                    at,
                    by,
                    action: Action::Transition,
                    from: Some(from),
                    to: Some(to),
                    note,
                });
            }
        }
    }
}

fn room(incident: &Incident) -> Result<(), Error> {
    if incident.log.len() < MAX_LOG {
        return Ok(());
    }
    Err(Error::Field {
        field: "note",
        text: format!("the log of {} is full ({MAX_LOG} entries)", incident.number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(n: u32) -> EventId {
        EventId { at: 1, number: n }
    }

    fn open(n: u32) -> Change {
        Change::Open(Box::new(Opening {
            id: id(n),
            day: "20261123".into(),
            by: "li".into(),
            title: "water over the road".into(),
            kind: "flood".into(),
            grade: Grade::III,
            region: "441403".parse().unwrap(),
            place: None,
            cameras: Vec::new(),
            event: None,
            note: String::new(),
        }))
    }

    fn step(incidents: &mut Incidents, to: Stage, note: &str) -> Result<(), Error> {
        let change = Change::Transition {
            id: id(1),
            by: "wang".into(),
            to,
            note: note.into(),
        };
        incidents.check(&change)?;
        incidents.apply(WallTime::from_secs(9), change);
        Ok(())
    }

    #[test]
    fn an_incident_goes_its_way_and_its_log_tells_it() {
        let mut all = Incidents::default();
        all.apply(WallTime::from_secs(1), open(1));
        step(&mut all, Stage::Verified, "").unwrap();
        step(&mut all, Stage::Handling, "").unwrap();
        assert!(matches!(
            step(&mut all, Stage::Closed, " "),
            Err(Error::Field { field: "note", .. })
        ));
        step(&mut all, Stage::Closed, "water is gone").unwrap();
        step(&mut all, Stage::Filed, "").unwrap();
        let i = all.get(&id(1)).unwrap();
        assert_eq!(i.number, "20261123-0001");
        assert_eq!(i.closed_at, Some(WallTime::from_secs(9)));
        let told: Vec<_> = i.log.iter().filter_map(|e| e.to).collect();
        assert_eq!(told, Stage::ALL);
    }

    #[test]
    fn an_illegal_step_says_what_would_be_legal() {
        let mut all = Incidents::default();
        all.apply(WallTime::from_secs(1), open(1));
        let error = step(&mut all, Stage::Filed, "x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "an incident that is reported cannot become filed; it can become verified or closed"
        );
    }

    #[test]
    fn numbers_count_within_a_day() {
        let mut all = Incidents::default();
        for n in 1..=3 {
            all.apply(WallTime::from_secs(1), open(n));
        }
        assert_eq!(all.get(&id(3)).unwrap().number, "20261123-0003");
    }

    proptest! {
        /// Whatever steps are asked for: the log is a walk along the table, and replaying accepted changes gives the same.
        #[test]
        fn the_log_is_a_walk_along_the_table(steps in proptest::collection::vec(0usize..5, 0..20)) {
            let mut all = Incidents::default();
            let mut accepted = vec![open(1)];
            all.apply(WallTime::from_secs(9), open(1));
            for s in steps {
                let change = Change::Transition { id: id(1), by: "a".into(), to: Stage::ALL[s], note: "n".into() };
                if all.check(&change).is_ok() {
                    accepted.push(change.clone());
                    all.apply(WallTime::from_secs(9), change);
                }
            }
            let i = all.get(&id(1)).unwrap().clone();
            for pair in i.log.windows(2) {
                prop_assert_eq!(pair[1].from, pair[0].to);
                prop_assert!(pair[1].from.unwrap().next().contains(&pair[1].to.unwrap()));
            }
            let mut again = Incidents::default();
            for change in accepted {
                again.apply(WallTime::from_secs(9), change);
            }
            prop_assert_eq!(again.get(&id(1)).unwrap(), &i);
        }
    }
}

//! What may be done to an incident, as it stands in the journal, and what is refused.

use media::{CameraId, EventId, Grade, WallTime};
use serde::{Deserialize, Serialize};

use super::{Attachment, Invitation, Opening, Order, Progress, Sketch, Stage, Step, Wall, Words};

/// A change of one incident. The last field of each is what the person said; a journal from before there were places and
/// pictures holds a text there.
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
        #[serde(flatten)]
        words: Words,
    },
    /// A step of the incident.
    Transition {
        /// Which.
        id: EventId,
        /// Who.
        by: String,
        /// Where to.
        to: Stage,
        /// Why.
        note: String,
        /// Where they saw it stand; none: wherever it stands.
        #[serde(default)]
        from: Option<Stage>,
    },
    /// Another grade.
    Grade {
        /// Which.
        id: EventId,
        /// Who.
        by: String,
        /// The new one.
        grade: Grade,
        /// Why.
        note: String,
    },
    /// A task is given.
    Give {
        /// Which incident.
        id: EventId,
        /// By whom.
        by: String,
        /// What.
        order: Order,
        /// The sender's mark.
        #[serde(default)]
        key: Option<String>,
    },
    /// A task takes a step.
    Step {
        /// Which incident.
        id: EventId,
        /// Which task.
        task: u32,
        /// By whom.
        by: String,
        /// Which step.
        step: Step,
        /// The new owner, of [`Step::Reassign`].
        #[serde(default)]
        owner: Option<String>,
        /// The task's revision as they saw it; none: whatever came between does not matter to them.
        #[serde(default)]
        revision: Option<u32>,
        /// What they said.
        #[serde(flatten)]
        words: Words,
    },
    /// A task's deadline passed: the gateway's clock says so.
    Overdue {
        /// Which incident.
        id: EventId,
        /// Which task.
        task: u32,
    },
    /// A plan is started: all of it, or nothing.
    Start {
        /// Which incident.
        id: EventId,
        /// By whom.
        by: String,
        /// The plan's id.
        plan: String,
        /// Its name, as it was.
        name: String,
        /// Its tasks, with owners and deadlines settled.
        orders: Vec<Order>,
        /// Cameras that it brings.
        cameras: Vec<CameraId>,
        /// Accounts that are told.
        #[serde(default)]
        tell: Vec<String>,
        /// How the wall is to look.
        #[serde(default)]
        wall: Option<Wall>,
        /// The sender's mark.
        #[serde(default)]
        key: Option<String>,
    },
    /// A report of how it stands.
    Report {
        /// Which.
        id: EventId,
        /// Who.
        by: String,
        /// What.
        #[serde(flatten)]
        words: Words,
    },
    /// Cameras are linked and taken away.
    Cameras {
        /// Which.
        id: EventId,
        /// Who.
        by: String,
        /// New ones.
        add: Vec<CameraId>,
        /// Those that show it no more.
        remove: Vec<CameraId>,
    },
    /// Somebody who was told has seen it.
    Seen {
        /// Which.
        id: EventId,
        /// Who.
        by: String,
    },
    /// A picture or a voice is kept with it. Written into the log with the words that it goes with.
    Attach {
        /// Which.
        id: EventId,
        /// What.
        attachment: Box<Attachment>,
    },
    /// A guest may look at it, and at it alone.
    Invite {
        /// Which.
        id: EventId,
        /// By whom.
        by: String,
        /// Whom, and for how long.
        guest: Invitation,
    },
    /// A guest may no longer.
    Uninvite {
        /// Which.
        id: EventId,
        /// By whom.
        by: String,
        /// The guest's number.
        guest: u32,
    },
    /// Something is drawn on the map.
    Draw {
        /// Which.
        id: EventId,
        /// By whom.
        by: String,
        /// What.
        sketch: Sketch,
    },
    /// And erased.
    Erase {
        /// Which.
        id: EventId,
        /// By whom.
        by: String,
        /// The drawing's number.
        drawing: u32,
    },
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such incident.
    #[error("there is no incident {0}")]
    NotFound(EventId),
    /// No such task.
    #[error("incident {number} has no task {task}")]
    NoTask {
        /// The incident's number.
        number: String,
        /// The task's.
        task: u32,
    },
    /// The step is not in the table.
    #[error("an incident that is {} cannot become {}; it can become {}", from.as_str(), to.as_str(), names(from.next().iter().map(|s| s.as_str())))]
    Illegal {
        /// Where it stands.
        from: Stage,
        /// Where it was to go.
        to: Stage,
    },
    /// The step of a task is not in the table.
    #[error("a task that is {} cannot take the step '{}'; it can take {}", from.as_str(), step.as_str(), names(from.steps().map(Step::as_str)))]
    IllegalStep {
        /// How far it is.
        from: Progress,
        /// What was to be done with it.
        step: Step,
    },
    /// Somebody else was first.
    #[error("task {task} has moved on: {by} took the step '{}' at {at}; it is {} now", step.as_str(), now.as_str())]
    MovedOn {
        /// Which.
        task: u32,
        /// Who was first.
        by: String,
        /// What they did.
        step: Step,
        /// When.
        at: WallTime,
        /// How far it is now.
        now: Progress,
    },
    /// Somebody else moved the incident first.
    #[error("incident {number} has moved on: it is {} and no longer {}", now.as_str(), seen.as_str())]
    Stale {
        /// Its number.
        number: String,
        /// Where it was seen.
        seen: Stage,
        /// Where it stands.
        now: Stage,
    },
    /// The step is somebody else's.
    #[error("{text}")]
    NotYours {
        /// Whose it is.
        text: String,
    },
    /// No such guest.
    #[error("incident {number} has no guest {guest}")]
    NoGuest {
        /// The incident's number.
        number: String,
        /// The guest's.
        guest: u32,
    },
    /// No such drawing, or none any more.
    #[error("incident {number} shows no drawing {drawing}")]
    NoDrawing {
        /// The incident's number.
        number: String,
        /// The drawing's.
        drawing: u32,
    },
    /// The incident is over.
    #[error("incident {number} is {}: it takes no more tasks", stage.as_str())]
    Over {
        /// Its number.
        number: String,
        /// Where it stands.
        stage: Stage,
    },
    /// It cannot be closed over people who are still out.
    #[error("incident {number} has {open} open tasks: approve or withdraw them first")]
    OpenTasks {
        /// Its number.
        number: String,
        /// How many.
        open: usize,
    },
    /// The plan runs already.
    #[error("plan '{0}' was started for this incident already")]
    Started(String),
    /// What comes with this mark is written down already.
    #[error("what was sent with key '{0}' is written down already")]
    Repeated(String),
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its name in the API.
        field: &'static str,
        /// What is wrong and what was expected.
        text: String,
    },
}

fn names<'a>(of: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = of.collect();
    if names.is_empty() {
        return "nothing else".into();
    }
    names.join(" or ")
}

impl Change {
    /// Which incident it is about.
    pub fn id(&self) -> &EventId {
        match self {
            Self::Open(opening) => &opening.id,
            Self::Note { id, .. }
            | Self::Transition { id, .. }
            | Self::Grade { id, .. }
            | Self::Give { id, .. }
            | Self::Step { id, .. }
            | Self::Overdue { id, .. }
            | Self::Start { id, .. }
            | Self::Report { id, .. }
            | Self::Cameras { id, .. }
            | Self::Seen { id, .. }
            | Self::Attach { id, .. }
            | Self::Invite { id, .. }
            | Self::Uninvite { id, .. }
            | Self::Draw { id, .. }
            | Self::Erase { id, .. } => id,
        }
    }
}

//! An incident's log: one line for everything that happened.

use media::{Place, WallTime};
use serde::{Deserialize, Serialize};

use super::{Stage, task::Step};

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
    /// Its grade was changed; the note names both.
    Graded,
    /// A plan was started; the note names it.
    Plan,
    /// A task was given.
    Task,
    /// A task took a step.
    Step,
    /// A task's deadline passed.
    Overdue,
    /// A report of how it stands (续报), numbered within the incident.
    Report,
    /// Cameras were linked or taken away; the note names them.
    Cameras,
    /// Somebody who was to be told has seen it.
    Seen,
    /// A guest was let in or shut out; the note names them.
    Guest,
    /// Something was drawn on the map; the note says what is written beside it.
    Drawn,
    /// It was erased.
    Erased,
}

/// One line of an incident's log. The whole history can be told from the log alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When the gateway took it.
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
    /// Which task, of what is about one.
    #[serde(default)]
    pub task: Option<u32>,
    /// Which step of it.
    #[serde(default)]
    pub step: Option<Step>,
    /// Where it was said.
    #[serde(default)]
    pub place: Option<Place>,
    /// What the sender's own clock said, where it was written down before it could be sent. Not believed, only kept.
    #[serde(default)]
    pub said_at: Option<WallTime>,
    /// Pictures and voices that go with it, by their ids.
    #[serde(default)]
    pub attachments: Vec<String>,
    /// The sender's own mark: what comes twice with the same is written once.
    #[serde(default)]
    pub key: Option<String>,
    /// Which report it is, from 1, of [`Action::Report`].
    #[serde(default)]
    pub report: Option<u32>,
}

/// What a person says, wherever they say it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// Text, up to 4,000 characters.
    #[serde(default)]
    pub note: String,
    /// Where they are.
    #[serde(default)]
    pub place: Option<Place>,
    /// What their clock says.
    #[serde(default)]
    pub said_at: Option<WallTime>,
    /// Up to 12 ids.
    #[serde(default)]
    pub attachments: Vec<String>,
    /// Their mark, up to 64 characters.
    #[serde(default)]
    pub key: Option<String>,
}

impl From<String> for Words {
    fn from(note: String) -> Self {
        Self {
            note,
            ..Self::default()
        }
    }
}

impl Entry {
    /// A line with words only.
    pub(super) fn new(at: WallTime, by: String, action: Action, words: Words) -> Self {
        Self {
            at,
            by,
            action,
            from: None,
            to: None,
            note: words.note,
            task: None,
            step: None,
            place: words.place,
            said_at: words.said_at,
            attachments: words.attachments,
            key: words.key,
            report: None,
        }
    }

    /// With the stages of a transition.
    pub(super) fn between(mut self, from: Option<Stage>, to: Stage) -> Self {
        self.from = from;
        self.to = Some(to);
        self
    }

    /// About a task.
    pub(super) fn about(mut self, task: u32, step: Option<Step>) -> Self {
        self.task = Some(task);
        self.step = step;
        self
    }
}

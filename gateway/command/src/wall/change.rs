//! What may be asked of the walls and layouts, and why it may be refused.

use std::collections::{BTreeMap, VecDeque};

use media::{RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use super::{Face, Layout, Wall};

/// A new wall.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct New {
    /// Its identity.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub region: RegionCode,
    /// What else there is to say.
    #[serde(default)]
    pub note: String,
    /// The account whose own wall it is.
    #[serde(default)]
    pub seat: Option<String>,
    /// What its screens show; those left out are taken away.
    #[serde(default)]
    pub screens: BTreeMap<u8, Face>,
}

/// A change of the walls and layouts. `expect` is the revision that its maker saw, none: whatever it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Adds a wall, or sets all of one.
    Put {
        /// The wall.
        wall: Box<New>,
        /// Who.
        by: String,
        /// The revision that was seen: the screen's where one is changed.
        expect: Option<u64>,
    },
    /// Gives it another name or note.
    Name {
        /// Which wall.
        id: String,
        /// Its name.
        name: Option<String>,
        /// What else there is to say.
        note: Option<String>,
        /// Who.
        by: String,
        /// The revision that was seen: the screen's where one is changed.
        expect: Option<u64>,
    },
    /// Sets one screen; a new number adds one. With a cause it happens once.
    Screen {
        /// Which wall.
        id: String,
        /// Which screen.
        screen: u8,
        /// What it shows.
        face: Box<Face>,
        /// Who.
        by: String,
        /// The revision that was seen: the screen's where one is changed.
        expect: Option<u64>,
        /// What brought this about.
        cause: Option<String>,
    },
    /// Takes one away.
    Drop {
        /// Which wall.
        id: String,
        /// Which screen.
        screen: u8,
        /// Who.
        by: String,
        /// The revision that was seen: the screen's where one is changed.
        expect: Option<u64>,
    },
    /// Takes a wall away, links and all.
    Remove {
        /// Which wall.
        id: String,
        /// The revision that was seen: the screen's where one is changed.
        expect: Option<u64>,
    },
    /// Lets a screen in.
    Link {
        /// Which wall.
        id: String,
        /// Its name.
        name: String,
        /// Until when.
        until: WallTime,
        /// SHA-256 of its secret, hexadecimal.
        secret_sha256: String,
        /// Who.
        by: String,
    },
    /// And no more.
    Unlink {
        /// Which wall.
        id: String,
        /// Which link.
        number: u32,
    },
    /// Keeps a layout (its `id` is 0), or changes one.
    Layout(Box<Layout>),
    /// Forgets one.
    RemoveLayout(u64),
    /// A wall as it was when the journal was made shorter.
    Was(Box<Wall>),
    /// A layout as it was then.
    LayoutWas(Box<Layout>),
    /// What else is known.
    Known {
        /// Numbers of walls that were given.
        walls: u32,
        /// Numbers of layouts that were given.
        layouts: u64,
        /// What has been shown.
        causes: VecDeque<String>,
    },
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its path in the API.
        field: String,
        /// What is wrong and what was expected.
        text: String,
    },
    /// No such wall, screen, link or layout.
    #[error("there is no {0}")]
    NotFound(String),
    /// Somebody else changed it since it was read.
    #[error("{by} changed {what} at {at}, to revision {revision}")]
    Stale {
        /// What was changed.
        what: String,
        /// What it is now.
        revision: u64,
        /// Who.
        by: String,
        /// When.
        at: WallTime,
    },
    /// What this was made by has been done.
    #[error("this was shown already")]
    Repeated,
}

impl Error {
    pub(crate) fn field(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Field {
            field: field.into(),
            text: text.into(),
        }
    }
}

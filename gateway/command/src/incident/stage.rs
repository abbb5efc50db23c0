//! Where an incident stands, and where it may go.

use serde::{Deserialize, Serialize};

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Somebody says that something happens.
    Reported,
    /// It is so.
    Verified,
    /// How grave it is has been settled.
    Graded,
    /// A contingency plan was started.
    Planned,
    /// People are at it.
    Handling,
    /// Done.
    Closed,
    /// Reviewed and put on file.
    Filed,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 7] = [
        Self::Reported,
        Self::Verified,
        Self::Graded,
        Self::Planned,
        Self::Handling,
        Self::Closed,
        Self::Filed,
    ];

    /// The stages that may follow: the whole table, in one place. [`Self::Planned`] is reached by starting a plan only. What
    /// was closed and turns out not to be over goes back to be handled.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Reported => &[Self::Verified, Self::Closed],
            Self::Verified => &[Self::Graded, Self::Planned, Self::Handling, Self::Closed],
            Self::Graded => &[Self::Planned, Self::Handling, Self::Closed],
            Self::Planned => &[Self::Handling, Self::Closed],
            Self::Handling => &[Self::Closed],
            Self::Closed => &[Self::Filed, Self::Handling],
            Self::Filed => &[],
        }
    }

    /// Whether work on it goes on.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Closed | Self::Filed)
    }

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Verified => "verified",
            Self::Graded => "graded",
            Self::Planned => "planned",
            Self::Handling => "handling",
            Self::Closed => "closed",
            Self::Filed => "filed",
        }
    }
}

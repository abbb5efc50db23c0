//! Guests: people without an account who may look at one incident for a while, by a link.

use media::WallTime;
use serde::{Deserialize, Serialize};

/// Whom to let in. Of the link's secret only the hash is here: the journal lets nobody in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// What they are called in the log, 1 to 50 characters.
    pub name: String,
    /// Until when.
    pub until: WallTime,
    /// SHA-256 of the link's secret, hexadecimal.
    pub secret_sha256: String,
}

/// A guest of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guest {
    /// Their number within the incident, from 1.
    pub number: u32,
    /// What they are called.
    pub name: String,
    /// Until when they may look.
    pub until: WallTime,
    /// Who let them in.
    pub by: String,
    /// When.
    pub at: WallTime,
    /// When they were shut out before their time.
    pub ended_at: Option<WallTime>,
    /// SHA-256 of the link's secret.
    #[serde(skip)]
    pub secret_sha256: String,
}

impl Invitation {
    pub(super) fn admit(self, number: u32, by: String, at: WallTime) -> Guest {
        Guest {
            number,
            name: self.name,
            until: self.until,
            by,
            at,
            ended_at: None,
            secret_sha256: self.secret_sha256,
        }
    }
}

impl Guest {
    /// Whether they may look at this moment.
    pub fn is_welcome(&self, now: WallTime) -> bool {
        self.ended_at.is_none() && now < self.until
    }

    /// As what they write into the log.
    pub fn signature(&self) -> String {
        format!("guest-{} {}", self.number, self.name)
    }
}

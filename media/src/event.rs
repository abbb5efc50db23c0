//! Events: what the tagger, the ingest workers, the recorder and people report.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    id::{CameraId, CodeError, RegionCode},
    time::WallTime,
};

/// An event's identity: when it began and a number, so that ids sort by time. 24 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EventId {
    /// UTC microseconds.
    pub at: i64,
    /// Tells apart what began in the same microsecond.
    pub number: u32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:08x}", self.at, self.number)
    }
}
impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl From<EventId> for String {
    fn from(id: EventId) -> Self {
        id.to_string()
    }
}
impl TryFrom<String> for EventId {
    type Error = CodeError;
    fn try_from(s: String) -> Result<Self, CodeError> {
        s.parse()
    }
}
impl FromStr for EventId {
    type Err = CodeError;
    fn from_str(s: &str) -> Result<Self, CodeError> {
        let bad = || CodeError::Name {
            value: s.chars().take(64).collect(),
            expected: "an id of 24 hexadecimal digits",
        };
        if s.len() != 24 || !s.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        Ok(Self {
            at: u64::from_str_radix(&s[..16], 16).map_err(|_| bad())? as i64,
            number: u32::from_str_radix(&s[16..], 16).map_err(|_| bad())?,
        })
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What happened; kebab-case in JSON.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum EventKind { $($(#[$doc])* #[serde(rename = $text)] $name,)* }
        impl EventKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
            /// As in JSON.
            pub fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)* } }
        }
        impl FromStr for EventKind {
            type Err = CodeError;
            fn from_str(s: &str) -> Result<Self, CodeError> {
                match s {
                    $($text => Ok(Self::$name),)*
                    _ => Err(CodeError::Name {
                        value: s.chars().take(64).collect(),
                        expected: concat!($($text, " "),*),
                    }),
                }
            }
        }
    };
}
kinds! {
    /// Something moves.
    Motion = "motion",
    /// No picture: no packets, or nothing that decodes.
    PictureLost = "picture-lost",
    /// The same picture for long.
    Frozen = "frozen",
    /// Too dark to see.
    Dark = "dark",
    /// The lens is covered.
    Covered = "covered",
    /// The camera is gone.
    ConnectionLost = "connection-lost",
    /// It is back.
    ConnectionBack = "connection-back",
    /// A recording that should run does not.
    RecordingStopped = "recording-stopped",
    /// It runs again.
    RecordingBack = "recording-back",
    /// A disk is full, failing or slow.
    Disk = "disk",
    /// Reported by a person.
    Manual = "manual",
}

/// The grades of an incident or event (I to IV).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Grade {
    /// Red.
    I,
    /// Orange.
    II,
    /// Yellow.
    III,
    /// Blue.
    IV,
}

/// An event as it is kept. Written again under the same id when it changes (ends, repeats, is acknowledged).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// What.
    pub kind: EventKind,
    /// Which camera; none for the gateway itself.
    pub camera: Option<CameraId>,
    /// The camera's region when it happened.
    pub region: Option<RegionCode>,
    /// When it began.
    pub start: WallTime,
    /// When it was last seen to go on.
    pub last: WallTime,
    /// When it ended; none while it goes on.
    pub end: Option<WallTime>,
    /// How many times it happened in a row: itself and the repeats folded under it.
    pub count: u32,
    /// The event that this one repeats. Each keeps its own times, so that what was still in between stays still; screens show the
    /// first with its count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<EventId>,
    /// How grave.
    pub grade: Grade,
    /// 0 to 1: how sure, or how much.
    pub score: f32,
    /// A sentence for logs and for kinds that need one.
    pub text: String,
    /// Whether a picture is kept beside it.
    pub snapshot: bool,
    /// Who has seen it.
    pub acknowledged: Option<Acknowledgement>,
    /// The incident opened from it.
    pub incident: Option<String>,
}

/// Who acknowledged an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The user.
    pub by: String,
    /// When.
    pub at: WallTime,
    /// What they wrote.
    pub note: String,
}

//! Events: what the tagger, the ingest workers, the recorder and people report.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    geo::Place,
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
    /// Told by another system.
    External = "external",
    /// A figure of the supervision is below its alarm.
    RateLow = "rate-low",
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
    /// What only some events have.
    #[serde(default, skip_serializing_if = "More::is_nothing")]
    pub more: More,
}

/// What only some events have: those of people and other systems, those that rules look at, those that happen together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct More {
    /// Where, if that is not its camera's place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Who told of it: a user, or another system's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The sender's own mark: what is sent twice is one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The event that it happened together with: of the same kind, at the same place, within a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub together: Option<EventId>,
    /// How many others happened together with it.
    #[serde(skip_serializing_if = "is_zero")]
    pub others: u32,
    /// The photo that came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photo: Option<Photo>,
    /// The rules that it fired.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Whether it is to come up on every wall.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub popup: bool,
    /// Whether it is an exercise or a test: it fires no rule.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exercise: bool,
}

/// A photo that is kept as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Photo {
    /// `jpg` or `png`.
    pub format: String,
    /// Of the file as it came.
    pub bytes: u64,
    /// SHA-256 of the file as it came, hexadecimal.
    pub sha256: String,
    /// Where it was taken, as it says itself: for the record, not for guests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Place>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

impl More {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
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

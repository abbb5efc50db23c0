//! A message's parts, as far as an event needs them.

use std::str::FromStr;

use media::{Grade, Place, WallTime};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }
        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// As in a message.
            pub fn as_str(self) -> &'static str { match self { $(Self::$variant => stringify!($variant),)* } }
        }
        impl FromStr for $name {
            type Err = &'static str;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                match s { $(stringify!($variant) => Ok(Self::$variant),)* _ => Err(concat!("expected ", $(stringify!($variant), " "),*)) }
            }
        }
    };
}

words! {
    /// What a message is for (3.2.1 `status`).
    Status {
        /// To be acted on.
        Actual,
        /// Of those who take part in an exercise.
        Exercise,
        /// For systems among themselves.
        System,
        /// A test.
        Test,
        /// Not to be acted on.
        Draft,
    }
}
words! {
    /// What it does (3.2.1 `msgType`).
    MessageType {
        /// Warns.
        Alert,
        /// Takes the place of what it refers to.
        Update,
        /// Ends what it refers to.
        Cancel,
        /// Says that one was received.
        Ack,
        /// Says that one was not taken.
        Error,
    }
}
words! {
    /// When to act (3.2.2 `urgency`).
    Urgency {
        /// At once.
        Immediate,
        /// Within the hour.
        Expected,
        /// Soon.
        Future,
        /// No more.
        Past,
        /// Not known.
        Unknown,
    }
}
words! {
    /// How grave (3.2.2 `severity`).
    Severity {
        /// Extraordinary.
        Extreme,
        /// Significant.
        Severe,
        /// Possible.
        Moderate,
        /// Minimal.
        Minor,
        /// Not known.
        Unknown,
    }
}
words! {
    /// How sure (3.2.2 `certainty`).
    Certainty {
        /// Seen.
        Observed,
        /// More likely than not.
        Likely,
        /// Not likely.
        Possible,
        /// Not expected.
        Unlikely,
        /// Not known.
        Unknown,
    }
}

impl Severity {
    /// Our grade: red, orange, yellow, blue.
    pub fn grade(self) -> Grade {
        match self {
            Self::Extreme => Grade::I,
            Self::Severe => Grade::II,
            Self::Moderate => Grade::III,
            Self::Minor | Self::Unknown => Grade::IV,
        }
    }

    /// The severity of a grade.
    pub fn of(grade: Grade) -> Self {
        match grade {
            Grade::I => Self::Extreme,
            Grade::II => Self::Severe,
            Grade::III => Self::Moderate,
            Grade::IV => Self::Minor,
        }
    }
}

/// Names an earlier message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Who sent it.
    pub sender: String,
    /// Its identifier.
    pub identifier: String,
    /// When.
    pub sent: WallTime,
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Unique to the sender.
    pub identifier: String,
    /// Who sends it.
    pub sender: String,
    /// When.
    pub sent: WallTime,
    /// What it is for.
    pub status: Status,
    /// What it does.
    pub kind: MessageType,
    /// `Public`, `Restricted` or `Private`.
    pub scope: String,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// What it says, once a language.
    pub infos: Vec<Info>,
}

/// What a message says in one language.
#[derive(Clone, Debug, PartialEq)]
pub struct Info {
    /// RFC 3066; `en-US` where it is not given.
    pub language: String,
    /// `Met`, `Geo`, `Safety`, ...: at least one.
    pub categories: Vec<String>,
    /// What kind of thing.
    pub event: String,
    /// When to act.
    pub urgency: Urgency,
    /// How grave.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// When it is expected to begin.
    pub onset: Option<WallTime>,
    /// When it is over.
    pub expires: Option<WallTime>,
    /// In a few words.
    pub headline: String,
    /// At length.
    pub description: String,
    /// What to do.
    pub instruction: String,
    /// Where.
    pub areas: Vec<Area>,
}

/// Where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Area {
    /// In words.
    pub description: String,
    /// Closed: the first corner is the last.
    pub polygons: Vec<Vec<Place>>,
    /// Circles.
    pub circles: Vec<Circle>,
    /// Codes of a place: name of the code, and value.
    pub geocodes: Vec<(String, String)>,
}

/// A circle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    /// Its middle.
    pub center: Place,
    /// Kilometres.
    pub radius_km: f64,
}

impl Info {
    /// A point to put a pin on: the middle of the first circle, or of the first polygon's corners.
    pub fn place(&self) -> Option<Place> {
        self.areas.iter().find_map(|area| {
            if let Some(circle) = area.circles.first() {
                return Some(circle.center);
            }
            let corners = area.polygons.first()?.split_last()?.1;
            let n = corners.len() as f64;
            let sum = |of: fn(&Place) -> f64| corners.iter().map(of).sum::<f64>() / n;
            let place = Place {
                lon: sum(|p| p.lon),
                lat: sum(|p| p.lat),
            };
            place.is_valid().then_some(place)
        })
    }
}

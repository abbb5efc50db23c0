//! What exactly is wrong with a cell: a code with its values, so that a page words it in its reader's language, and the same in
//! English for programs and the command line.

use std::fmt;

use media::{RegionCode, id::CodeError};
use serde::Serialize;

/// What was expected of a cell that holds one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// `192.0.2.1`.
    Ipv4,
    /// `2001:db8::1`.
    Ipv6,
    /// A number of metres.
    Metres,
    /// Whole metres.
    WholeMetres,
    /// Degrees of longitude.
    Longitude,
    /// Degrees of latitude.
    Latitude,
    /// Degrees from 0 to 359.
    Heading,
    /// Degrees from 1 to 360.
    Angle,
    /// A number of days.
    Days,
    /// A day of the calendar.
    Day,
    /// Kilobits a second.
    Kbps,
    /// Zones as the API has them.
    Zones,
}

impl Expected {
    fn words(self) -> &'static str {
        match self {
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Metres => "metres",
            Self::WholeMetres => "whole metres",
            Self::Longitude => "degrees, as 116.0817",
            Self::Latitude => "degrees, as 24.2659",
            Self::Heading => "degrees from 0 to 359",
            Self::Angle => "degrees from 1 to 360",
            Self::Days => "whole days",
            Self::Day => "a day as 2024-05-31",
            Self::Kbps => "whole kilobits a second",
            Self::Zones => r#"zones as [{"name":"yard","points":[[0.1,0.5],...]}]"#,
        }
    }
}

/// What exactly is wrong. Values that a file gave are cut at 64 characters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
pub enum Detail {
    /// The heading is not known.
    NotRead,
    /// Two columns go into the same field.
    ColumnTwice,
    /// The file needs a column.
    ColumnNeeded {
        /// Its heading in Chinese.
        zh: &'static str,
        /// Its heading in English.
        en: &'static str,
    },
    /// The row has no camera code.
    NoCode,
    /// A spreadsheet made a number of the code, whose last digits are lost.
    DigitsLost {
        /// What is left of it.
        value: String,
    },
    /// A code has another number of characters.
    Length {
        /// What was given.
        value: String,
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: &'static str,
    },
    /// A code holds something else than digits.
    NoDigit {
        /// What was given.
        value: String,
        /// The first that is none.
        character: char,
        /// Where it stands, from 1.
        position: usize,
    },
    /// Digits 11 to 13 are no camera's.
    TypeDigits {
        /// What they are.
        digits: String,
    },
    /// The code stands in another row too.
    CodeTwice {
        /// Which.
        row: u32,
    },
    /// The code's centre lies elsewhere.
    Elsewhere {
        /// Its first digits.
        centre: RegionCode,
        /// The district's.
        district: RegionCode,
    },
    /// The cell is a formula.
    Formula,
    /// The cell must not be empty.
    Mandatory {
        /// The column in Chinese.
        zh: &'static str,
        /// The column in English.
        en: &'static str,
    },
    /// There is neither a main nor a sub stream.
    NoStream,
    /// Another row has the address too.
    AddressTwice {
        /// Which.
        row: u32,
    },
    /// The region is not in the register.
    NoRegion {
        /// Which.
        region: RegionCode,
    },
    /// Longitude without latitude, or the other way.
    HalfAPlace,
    /// Longitude and latitude look swapped.
    Swapped {
        /// Longitude as given.
        lon: f64,
        /// Latitude as given.
        lat: f64,
    },
    /// No place on earth.
    NoPlace {
        /// Longitude as given.
        lon: f64,
        /// Latitude as given.
        lat: f64,
    },
    /// Outside the district.
    Outside {
        /// Longitude as given.
        lon: f64,
        /// Latitude as given.
        lat: f64,
    },
    /// Outside the outline of its own town or village.
    OutsideRegion {
        /// Longitude as given.
        lon: f64,
        /// Latitude as given.
        lat: f64,
        /// Whose outline.
        region: RegionCode,
    },
    /// Outside the district, and inside if it is GCJ-02.
    InsideIfShifted {
        /// Longitude as given.
        lon: f64,
        /// Latitude as given.
        lat: f64,
    },
    /// It lies where GCJ-02 would have the place on file.
    AsShifted {
        /// Longitude as given.
        lon: f64,
        /// Latitude as given.
        lat: f64,
        /// How far it is from the place on file, metres.
        moved_m: u32,
    },
    /// It is said to be GCJ-02, and is the place on file as it stands.
    NotShifted {
        /// Longitude as given.
        lon: f64,
        /// Latitude as given.
        lat: f64,
    },
    /// Not the sort of value that the column holds.
    Expected {
        /// What was given.
        value: String,
        /// What it should be.
        expected: Expected,
    },
    /// Not one of the words that the column knows.
    Word {
        /// What was given.
        value: String,
        /// The words.
        known: Vec<&'static str>,
    },
    /// Not within what a camera's file may hold.
    Limit {
        /// The field by its name in the API.
        field: String,
        /// In English.
        text: String,
    },
    /// No address of a stream.
    Url {
        /// In English, without the address, which may hold a password.
        text: String,
    },
    /// The user may not change cameras there.
    NotYours {
        /// Where.
        region: RegionCode,
    },
    /// What kept the gateway from taking it.
    Failed {
        /// In English.
        text: String,
    },
    /// More faults than are told.
    TooMany {
        /// How many are.
        most: usize,
    },
}

/// A value as it is shown again.
pub(super) fn cut(value: &str) -> String {
    value.chars().take(64).collect()
}

impl Detail {
    pub(super) fn expected(value: &str, expected: Expected) -> Self {
        let value = cut(value);
        Self::Expected { value, expected }
    }
}

impl From<CodeError> for Detail {
    fn from(error: CodeError) -> Self {
        match error {
            CodeError::Length {
                value,
                found,
                expected,
            } => Self::Length {
                value,
                found,
                expected,
            },
            CodeError::Digit {
                value,
                character,
                position,
            } => Self::NoDigit {
                value,
                character,
                position,
            },
            CodeError::Name { .. } => Self::Failed {
                text: error.to_string(),
            },
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRead => f.write_str("not known, and not read"),
            Self::ColumnTwice => f.write_str("this column is there twice"),
            Self::ColumnNeeded { zh, en } => {
                write!(f, "missing: the file needs a column '{zh}' ({en})")
            }
            Self::NoCode => f.write_str("every camera has a code"),
            Self::DigitsLost { value } => write!(
                f,
                "'{value}': the spreadsheet made a number of it and lost digits; format the column as text"
            ),
            Self::Length {
                value,
                found,
                expected,
            } => write!(f, "'{value}' has {found} characters, expected {expected}"),
            Self::NoDigit {
                value,
                character,
                position,
            } => write!(
                f,
                "'{value}' has '{character}' at position {position}, expected a digit"
            ),
            Self::TypeDigits { digits } => {
                write!(
                    f,
                    "digits 11 to 13 are {digits}, expected 131 or 132 (camera)"
                )
            }
            Self::CodeTwice { row } => write!(f, "it stands in row {row} already"),
            Self::Elsewhere { centre, district } => {
                write!(f, "digits 1 to 6 are {centre}, the district is {district}")
            }
            Self::Formula => f.write_str("a formula: paste the column as values, then it is read"),
            Self::Mandatory { zh, en } => write!(f, "{zh} ({en}) is mandatory"),
            Self::NoStream => f.write_str("a camera needs the URL of its main or its sub stream"),
            Self::AddressTwice { row } => write!(f, "row {row} has the same address"),
            Self::NoRegion { region } => write!(f, "region {region} is not in the register"),
            Self::HalfAPlace => f.write_str("longitude and latitude go together"),
            Self::Swapped { lon, lat } => {
                write!(f, "{lon}, {lat}: longitude and latitude look swapped")
            }
            Self::NoPlace { lon, lat } => write!(
                f,
                "{lon}, {lat}: longitude is -180 to 180, latitude -90 to 90"
            ),
            Self::Outside { lon, lat } => write!(f, "{lon}, {lat} lies outside the district"),
            Self::OutsideRegion { lon, lat, region } => {
                write!(
                    f,
                    "{lon}, {lat} lies outside the outline of region {region}"
                )
            }
            Self::InsideIfShifted { lon, lat } => write!(
                f,
                "{lon}, {lat} lies outside the district, but inside if it is GCJ-02: say so in the column '坐标系'"
            ),
            Self::AsShifted { lon, lat, moved_m } => write!(
                f,
                "{lon}, {lat} lies {moved_m} m from the place on file, just where GCJ-02 would have it: say so in the column '坐标系'"
            ),
            Self::NotShifted { lon, lat } => write!(
                f,
                "{lon}, {lat} is said to be GCJ-02, but it is the place on file as it stands: is it WGS-84?"
            ),
            Self::Expected { value, expected } => {
                write!(f, "'{value}', expected {}", expected.words())
            }
            Self::Word { value, known } => {
                write!(f, "'{value}', expected one of {}", known.join(", "))
            }
            Self::Limit { text, .. } | Self::Url { text } | Self::Failed { text } => {
                f.write_str(text)
            }
            Self::NotYours { region } => write!(f, "region {region} is not yours to change"),
            Self::TooMany { most } => write!(f, "more than {most} faults: the rest is not told"),
        }
    }
}

//! Identities: cameras, regions, profiles, feeds. All are parsed once, at the edge, and cannot be wrong afterwards.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{said::Words, words};

/// Why a code could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Wrong number of characters.
    #[error("'{value}' has {found} characters, expected {expected}")]
    Length {
        /// What was given (cut at 64 characters).
        value: String,
        /// How many characters it has.
        found: usize,
        /// How many it should have, in words.
        expected: &'static str,
    },
    /// A character that is no decimal digit.
    #[error("'{value}' has '{character}' at position {position}, expected a digit")]
    Digit {
        /// What was given.
        value: String,
        /// The offending character.
        character: char,
        /// Its position, counted from 1.
        position: usize,
    },
    /// Not one of the known names.
    #[error("'{value}' is not one of {expected}")]
    Name {
        /// What was given.
        value: String,
        /// The names allowed.
        expected: &'static str,
    },
}

impl CodeError {
    /// The same for a page.
    pub fn words(&self) -> Words {
        match self {
            Self::Length {
                value,
                found,
                expected,
            } => words!("code-length", value = value, n = found, expected = expected),
            Self::Digit {
                value,
                character,
                position,
            } => words!(
                "code-digit",
                value = value,
                character = character,
                position = position
            ),
            Self::Name { value, expected } => words!("not-one-of", value = value, known = expected),
        }
    }
}

fn digits<const N: usize>(s: &str, expected: &'static str) -> Result<[u8; N], CodeError> {
    let short = || s.chars().take(64).collect::<String>();
    if let Some((i, c)) = s.chars().enumerate().find(|(_, c)| !c.is_ascii_digit()) {
        return Err(CodeError::Digit {
            value: short(),
            character: c,
            position: i + 1,
        });
    }
    s.as_bytes().try_into().map_err(|_| CodeError::Length {
        value: short(),
        found: s.len(),
        expected,
    })
}

/// A camera's 20-digit code (GB/T 28181, annex D): centre 8, industry 2, type 3, network 1, serial 6.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId([u8; 20]);

impl CameraId {
    /// The 20 ASCII digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }

    /// The 20 ASCII digits, as a key.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl FromStr for CameraId {
    type Err = CodeError;
    fn from_str(s: &str) -> Result<Self, CodeError> {
        digits(s, "20 digits").map(Self)
    }
}

/// A region's code: 2 (province), 4 (city), 6 (district), 9 (town) or 12 (village) digits (GB/T 2260 and its statistical
/// extension). A code is below another when the other is a prefix of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegionCode {
    digits: [u8; 12],
    len: u8,
}

/// The level of a region in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// 2 digits.
    Province,
    /// 4 digits.
    City,
    /// 6 digits.
    District,
    /// 9 digits.
    Town,
    /// 12 digits.
    Village,
}

impl RegionCode {
    /// The digits, without padding.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..usize::from(self.len)]).expect("digits are ASCII")
    }

    /// The code padded with zeros to 12 digits, as a key of fixed width.
    pub fn key(&self) -> [u8; 12] {
        let mut key = [b'0'; 12];
        key[..usize::from(self.len)].copy_from_slice(&self.digits[..usize::from(self.len)]);
        key
    }

    /// The level that follows from the number of digits.
    pub fn level(&self) -> Level {
        match self.len {
            2 => Level::Province,
            4 => Level::City,
            6 => Level::District,
            9 => Level::Town,
            _ => Level::Village,
        }
    }

    /// The region one level up; none for a province.
    pub fn parent(&self) -> Option<Self> {
        let len = match self.len {
            4 => 2,
            6 => 4,
            9 => 6,
            12 => 9,
            _ => return None,
        };
        let mut digits = [0; 12];
        digits[..len].copy_from_slice(&self.digits[..len]);
        Some(Self {
            digits,
            len: len as u8,
        })
    }

    /// Whether this region is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        let len = usize::from(other.len);
        self.len >= other.len && self.digits[..len] == other.digits[..len]
    }

    /// This region and all above it, from the village upwards.
    pub fn path(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), Self::parent)
    }
}

impl FromStr for RegionCode {
    type Err = CodeError;
    fn from_str(s: &str) -> Result<Self, CodeError> {
        const EXPECTED: &str = "2, 4, 6, 9 or 12 digits";
        let mut out = [0; 12];
        if let 2 | 4 | 6 | 9 | 12 = s.len() {
            out[..s.len()].copy_from_slice(s.as_bytes());
            if let Some((i, c)) = s.chars().enumerate().find(|(_, c)| !c.is_ascii_digit()) {
                return Err(CodeError::Digit {
                    value: s.to_owned(),
                    character: c,
                    position: i + 1,
                });
            }
            return Ok(Self {
                digits: out,
                len: s.len() as u8,
            });
        }
        Err(CodeError::Length {
            value: s.chars().take(64).collect(),
            found: s.chars().count(),
            expected: EXPECTED,
        })
    }
}

/// Which of a camera's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The full picture, typically 1080p.
    Main,
    /// The small picture, typically 640x360.
    Sub,
}

impl Profile {
    /// Both, main first.
    pub const ALL: [Self; 2] = [Self::Main, Self::Sub];

    /// `main` or `sub`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

impl FromStr for Profile {
    type Err = CodeError;
    fn from_str(s: &str) -> Result<Self, CodeError> {
        match s {
            "main" => Ok(Self::Main),
            "sub" => Ok(Self::Sub),
            _ => Err(CodeError::Name {
                value: s.chars().take(64).collect(),
                expected: "main, sub",
            }),
        }
    }
}

/// A feed: one camera in one profile. There is one pull and one ring for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeedId {
    /// The camera.
    pub camera: CameraId,
    /// Its stream.
    pub profile: Profile,
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.camera, self.profile)
    }
}

macro_rules! textual {
    ($($t:ty),*) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.as_str()) }
        }
    )*};
}
macro_rules! textual_serde {
    ($($t:ty),*) => {$(
        impl fmt::Debug for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl Serialize for $t {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_str(self.as_str()) }
        }
        impl<'de> Deserialize<'de> for $t {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
textual!(CameraId, RegionCode, Profile);
textual_serde!(CameraId, RegionCode);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_lies_within_its_prefixes() {
        let village: RegionCode = "441403102201".parse().unwrap();
        let path: Vec<String> = village.path().map(|r| r.to_string()).collect();
        assert_eq!(path, ["441403102201", "441403102", "441403", "4414", "44"]);
        assert!(village.is_within(&"441403".parse().unwrap()));
        assert!(!village.is_within(&"441402".parse().unwrap()));
        assert_eq!(village.level(), Level::Village);
    }

    #[test]
    fn wrong_codes_say_what_is_wrong() {
        assert_eq!(
            "4414x3".parse::<RegionCode>().unwrap_err().to_string(),
            "'4414x3' has 'x' at position 5, expected a digit"
        );
        assert_eq!(
            "123".parse::<CameraId>().unwrap_err().to_string(),
            "'123' has 3 characters, expected 20 digits"
        );
        assert!("梅县".parse::<RegionCode>().is_err());
    }
}

//! Values with a unit, as people write them.

use std::fmt;

use media::{BitRate, ByteCount, WallTime};
use serde::{Deserialize, Deserializer, de};

/// `"10 GiB"`, `"500 MB"`, or a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub ByteCount);

/// `"100 Mbit/s"`, or a number of bits a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub BitRate);

/// `"+08:00"`: minutes east of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(pub i32);

impl Default for UtcOffset {
    fn default() -> Self {
        Self(8 * 60)
    }
}

impl UtcOffset {
    /// The day it is there, `YYYYMMDD`.
    pub fn day(self, at: WallTime) -> String {
        let local = WallTime(at.0.saturating_add(i64::from(self.0) * 60_000_000));
        let text = local.to_string();
        text.chars().take(10).filter(char::is_ascii_digit).collect()
    }
}

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];
const RATES: &[(&str, u64)] = &[
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
];

/// A rate as people write it, such as `50 Mbit/s`.
pub fn rate(text: &str) -> Option<BitRate> {
    with_unit(text, RATES).map(BitRate)
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(split);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    let value = number.parse::<f64>().ok()? * *factor as f64;
    // 2^53 is the last number up to which every whole number is exact.
    (value.is_finite() && value <= 9_007_199_254_740_992.0).then_some(value.round() as u64)
}

struct Units {
    expected: &'static str,
    units: &'static [(&'static str, u64)],
}

impl de::Visitor<'_> for Units {
    type Value = u64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        with_unit(text, self.units).ok_or_else(|| {
            E::custom(format!(
                "'{text}' is not understood, expected {}",
                self.expected
            ))
        })
    }
    fn visit_i64<E: de::Error>(self, n: i64) -> Result<u64, E> {
        u64::try_from(n)
            .map_err(|_| E::custom(format!("{n} is negative, expected {}", self.expected)))
    }
    fn visit_u64<E: de::Error>(self, n: u64) -> Result<u64, E> {
        Ok(n)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let units = Units {
            expected: "a size such as \"10 GiB\", \"500 MB\" or a number of bytes",
            units: SIZES,
        };
        d.deserialize_any(units).map(|n| Self(ByteCount(n)))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let units = Units {
            expected: "a rate such as \"100 Mbit/s\" or a number of bits a second",
            units: RATES,
        };
        d.deserialize_any(units).map(|n| Self(BitRate(n)))
    }
}

impl<'de> Deserialize<'de> for UtcOffset {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let minutes = || {
            let (sign, rest) = match text.split_at_checked(1)? {
                ("+", rest) => (1, rest),
                ("-", rest) => (-1, rest),
                _ => return None,
            };
            let (hours, minutes) = rest.split_once(':')?;
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            ((0..=14).contains(&hours) && (0..60).contains(&minutes))
                .then_some(sign * (hours * 60 + minutes))
        };
        minutes()
            .map(Self)
            .ok_or_else(|| de::Error::custom(format!("'{text}' is no offset such as \"+08:00\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_the_districts_own_midnight() {
        let at: WallTime = "2026-11-22T16:00:00Z".parse().unwrap();
        assert_eq!(UtcOffset::default().day(at), "20261123");
        assert_eq!(UtcOffset(0).day(at), "20261122");
    }

    #[test]
    fn sizes_and_rates_are_read_with_their_units() {
        assert_eq!(with_unit("10 GiB", SIZES), Some(10 << 30));
        assert_eq!(with_unit("1.5GB", SIZES), Some(1_500_000_000));
        assert_eq!(with_unit("100 Mbit/s", RATES), Some(100_000_000));
        for bad in [
            "",
            "10",
            "GiB",
            "10 gib",
            "-1 GiB",
            "1e9 TB",
            "99999999999 TB",
            "1..2 GB",
        ] {
            assert_eq!(with_unit(bad, SIZES), None, "{bad}");
        }
    }
}

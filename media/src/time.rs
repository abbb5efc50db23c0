//! Two times that never mix: [`MediaTime`] on a feed's own timeline, [`WallTime`] in UTC. `std::time::Instant` is the third,
//! and only [`crate::clock::Clock`] turns one into another.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point, or a distance, on a feed's re-stamped timeline, in units of 1/90 000 s for every track.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct MediaTime(pub i64);

impl MediaTime {
    /// Units a second.
    pub const SCALE: u32 = 90_000;

    /// From a distance; saturates.
    pub fn from_duration(d: Duration) -> Self {
        Self(i64::try_from(d.as_micros() * 9 / 100).unwrap_or(i64::MAX))
    }

    /// As a duration; negative becomes zero.
    pub fn to_duration(self) -> Duration {
        Duration::from_micros((i128::from(self.0.max(0)) * 100 / 9) as u64)
    }

    /// In seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / f64::from(Self::SCALE)
    }
}

impl Add for MediaTime {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0.saturating_add(o.0))
    }
}
impl Sub for MediaTime {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self(self.0.saturating_sub(o.0))
    }
}

/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in JSON.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WallTime(pub i64);

impl WallTime {
    /// The gateway's system clock. Prefer [`crate::Clock`], which does not step.
    pub fn now() -> Self {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Self(since.as_micros() as i64)
    }

    /// Microseconds since the epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// From whole seconds since the epoch; saturates.
    pub fn from_secs(s: i64) -> Self {
        Self(s.saturating_mul(1_000_000))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Hours since the epoch, rounded down.
    pub fn hour(self) -> u32 {
        self.0
            .div_euclid(3_600_000_000)
            .clamp(0, i64::from(u32::MAX)) as u32
    }
}

impl Add<Duration> for WallTime {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}
impl Sub<Duration> for WallTime {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000)
            .map_err(|_| fmt::Error)?;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.microsecond()
        )
    }
}
impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000) {
            Ok(_) => fmt::Display::fmt(self, f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

/// A text that is no RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not a time such as 2026-11-23T12:00:00Z (RFC 3339)")]
pub struct TimeError {
    /// What was given (cut at 64 characters).
    pub value: String,
}

impl FromStr for WallTime {
    type Err = TimeError;
    fn from_str(s: &str) -> Result<Self, TimeError> {
        let t = OffsetDateTime::parse(s, &Rfc3339).map_err(|_| TimeError {
            value: s.chars().take(64).collect(),
        })?;
        Ok(Self((t.unix_timestamp_nanos() / 1000) as i64))
    }
}

impl Serialize for WallTime {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000) {
            Ok(_) => s.collect_str(self),
            Err(_) => Err(serde::ser::Error::custom(format!(
                "{} us is outside the years 0 to 9999",
                self.0
            ))),
        }
    }
}
impl<'de> Deserialize<'de> for WallTime {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(d)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_offsets() {
        let a: WallTime = "2026-11-23T20:00:00+08:00".parse().unwrap();
        assert_eq!(a.to_string(), "2026-11-23T12:00:00.000000Z");
    }

    proptest! {
        #[test]
        fn wall_time_text_round_trips(us in 0i64..253_402_300_799_000_000) {
            let t = WallTime(us);
            prop_assert_eq!(t.to_string().parse::<WallTime>().unwrap(), t);
        }
    }
}

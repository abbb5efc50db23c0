//! Days, weeks and months by the district's clock.

use std::{fmt, str::FromStr, time::Duration};

use media::WallTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::{Date, Month};

/// A day by the district's clock: days since 1970-01-01. Written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// What figures are gathered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// All of the range.
    All,
    /// Each day.
    Day,
    /// Each week, from Monday (ISO 8601).
    Week,
    /// Each month.
    Month,
}

/// Seconds of a day: the district's clock has no summer time, its offset is a configured one.
pub const DAY_S: i64 = 86_400;
/// Julian day of 1970-01-01.
const EPOCH_JULIAN: i32 = 2_440_588;

impl Day {
    /// The day that a moment lies in, by a clock this many minutes ahead of UTC.
    pub fn of(at: WallTime, offset_min: i32) -> Self {
        let local_s = at.0.div_euclid(1_000_000) + i64::from(offset_min) * 60;
        Self(local_s.div_euclid(DAY_S) as i32)
    }

    /// Its first moment.
    pub fn start(self, offset_min: i32) -> WallTime {
        WallTime::from_secs(i64::from(self.0) * DAY_S - i64::from(offset_min) * 60)
    }

    /// The first moment after it.
    pub fn end(self, offset_min: i32) -> WallTime {
        self.start(offset_min) + Duration::from_secs(DAY_S as u64)
    }

    /// So many days later.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The first day of the period that it lies in; itself for [`Period::All`].
    pub fn first_of(self, period: Period) -> Self {
        match period {
            Period::All | Period::Day => self,
            // 1970-01-01 was a Thursday.
            Period::Week => Self(self.0 - (self.0 + 3).rem_euclid(7)),
            Period::Month => match self.date() {
                Some(date) => Self(self.0 - i32::from(date.day()) + 1),
                None => self,
            },
        }
    }

    /// `YYYY-MM`, as files are named.
    pub fn month(self) -> String {
        self.to_string().chars().take(7).collect()
    }

    fn date(self) -> Option<Date> {
        Date::from_julian_day(self.0.checked_add(EPOCH_JULIAN)?).ok()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(d) => write!(
                f,
                "{:04}-{:02}-{:02}",
                d.year(),
                u8::from(d.month()),
                d.day()
            ),
            None => Err(fmt::Error),
        }
    }
}

/// Why a text is no day or period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not {expected}")]
pub struct NotADay {
    value: String,
    expected: &'static str,
}

impl FromStr for Day {
    type Err = NotADay;
    fn from_str(s: &str) -> Result<Self, NotADay> {
        let wrong = || NotADay {
            value: s.chars().take(32).collect(),
            expected: "a day: YYYY-MM-DD, 1970 to 2999",
        };
        let digits = |from: usize, to: usize| {
            let part = s
                .get(from..to)
                .filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?;
            part.parse::<u16>().ok()
        };
        if s.len() != 10 || s.as_bytes()[4] != b'-' || s.as_bytes()[7] != b'-' {
            return Err(wrong());
        }
        let (Some(y), Some(m), Some(d)) = (digits(0, 4), digits(5, 7), digits(8, 10)) else {
            return Err(wrong());
        };
        let month = Month::try_from(m as u8).map_err(|_| wrong())?;
        let date = Date::from_calendar_date(i32::from(y), month, d as u8).map_err(|_| wrong())?;
        match (1970..3000).contains(&y) {
            true => Ok(Self(date.to_julian_day() - EPOCH_JULIAN)),
            false => Err(wrong()),
        }
    }
}

impl FromStr for Period {
    type Err = NotADay;
    fn from_str(s: &str) -> Result<Self, NotADay> {
        match s {
            "all" => Ok(Self::All),
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => Err(NotADay {
                value: s.chars().take(32).collect(),
                expected: "all, day, week or month",
            }),
        }
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn days_begin_by_the_districts_clock() {
        // 2026-11-30T16:00Z is midnight in Meixian.
        let midnight: Day = "2026-12-01".parse().unwrap();
        let at = midnight.start(480);
        assert_eq!(at.to_string(), "2026-11-30T16:00:00.000000Z");
        assert_eq!(Day::of(at, 480), midnight);
        assert_eq!(
            Day::of(at - Duration::from_micros(1), 480),
            midnight.plus(-1)
        );
        assert_eq!(midnight.end(480), midnight.plus(1).start(480));
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_their_first() {
        let day: Day = "2026-11-29".parse().unwrap();
        assert_eq!(day.first_of(Period::Week).to_string(), "2026-11-23");
        assert_eq!(day.plus(1).first_of(Period::Week).to_string(), "2026-11-30");
        assert_eq!(day.first_of(Period::Month).to_string(), "2026-11-01");
        assert_eq!(day.month(), "2026-11");
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026-13-01",
            "2026-02-30",
            "26-01-01",
            "2026/01/01",
            "9999-01-01",
            "2026-1a-01",
        ] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_and_day_are_one(n in 0i32..370_000) {
            prop_assert_eq!(Day(n).to_string().parse::<Day>(), Ok(Day(n)));
        }
        #[test]
        fn no_text_panics(s in "\\PC{0,12}") {
            let _ = s.parse::<Day>();
        }
    }
}

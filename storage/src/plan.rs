//! What is to be recorded of a camera, and when. Pure: who starts and stops recorders asks it, and so does completeness.

use media::WallTime;
use serde::{Deserialize, Serialize};

use crate::Error;

/// When a camera is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mode")]
pub enum Plan {
    /// Never.
    Off,
    /// Always.
    #[default]
    Always,
    /// At these times of the week.
    Weekly {
        /// They may overlap.
        windows: Vec<Window>,
    },
    /// Around events: from `pre_s` before to `post_s` after the last one, seconds.
    OnEvent {
        /// Seconds before: whoever starts recorders has the feed's ring hold them.
        pre_s: u32,
        /// Seconds after.
        post_s: u32,
    },
}

/// A time of the week, by the local clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Bit 0 is Monday, bit 6 Sunday.
    pub days: u8,
    /// Minutes after midnight.
    pub from_min: u16,
    /// Minutes after midnight, behind `from_min`, 1440 at most.
    pub to_min: u16,
}

const DAY_US: i64 = 86_400_000_000;
const MINUTE_US: i64 = 60_000_000;
/// Windows of one plan: every half hour of a day.
const MAX_WINDOWS: usize = 48;

/// Local midnight at or before a moment; the local clock is `offset_min` ahead of UTC.
pub(crate) fn midnight(at: WallTime, offset_min: i32) -> WallTime {
    let offset = i64::from(offset_min) * MINUTE_US;
    let local = at.0.saturating_add(offset);
    WallTime(local.div_euclid(DAY_US) * DAY_US - offset)
}

impl Plan {
    /// Whether it makes sense.
    ///
    /// # Errors
    /// [`Error::Value`] says what does not.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |why: String| {
            Err(Error::Value {
                what: "a recording plan",
                why,
            })
        };
        let Self::Weekly { windows } = self else {
            return Ok(());
        };
        if windows.is_empty() || windows.len() > MAX_WINDOWS {
            let n = windows.len();
            return bad(format!("{n} windows, 1 to {MAX_WINDOWS} allowed"));
        }
        for w in windows {
            if w.days == 0 || w.days > 0x7f || w.from_min >= w.to_min || w.to_min > 1440 {
                return bad(format!(
                    "a window of days {:#b} from minute {} to {}",
                    w.days, w.from_min, w.to_min
                ));
            }
        }
        Ok(())
    }

    /// Whether the camera is to be recorded at a moment; `event` is when the last event of it was seen.
    pub fn wants(&self, at: WallTime, offset_min: i32, event: Option<WallTime>) -> bool {
        match self {
            Self::Off => false,
            Self::Always => true,
            Self::Weekly { .. } => {
                let next = WallTime(at.0.saturating_add(1));
                !self.planned(at, next, offset_min).is_empty()
            }
            Self::OnEvent { post_s, .. } => event.is_some_and(|event| {
                at.since(event) <= std::time::Duration::from_secs((*post_s).into())
            }),
        }
    }

    /// What of `from..to` is to be recorded, in order and apart. Nothing for events: nobody knows them before.
    pub(crate) fn planned(
        &self,
        from: WallTime,
        to: WallTime,
        offset_min: i32,
    ) -> Vec<(WallTime, WallTime)> {
        let windows = match self {
            Self::Off | Self::OnEvent { .. } => return Vec::new(),
            Self::Always => return join([(from, to)].into()),
            Self::Weekly { windows } => windows,
        };
        let mut out = Vec::new();
        let offset = i64::from(offset_min) * MINUTE_US;
        let mut day = midnight(from, offset_min);
        while day < to {
            // The first day of 1970 was a Thursday.
            let weekday = ((day.0 + offset).div_euclid(DAY_US) + 3).rem_euclid(7);
            for w in windows.iter().filter(|w| w.days >> weekday & 1 == 1) {
                let at = |min: u16| WallTime(day.0 + i64::from(min) * MINUTE_US);
                out.push((at(w.from_min).max(from), at(w.to_min).min(to)));
            }
            day = WallTime(day.0 + DAY_US);
        }
        join(out)
    }
}

/// In order, without overlap, without what is empty.
pub(crate) fn join(mut list: Vec<(WallTime, WallTime)>) -> Vec<(WallTime, WallTime)> {
    list.retain(|(a, b)| a < b);
    list.sort();
    let mut out: Vec<(WallTime, WallTime)> = Vec::new();
    for (a, b) in list {
        match out.last_mut() {
            Some(last) if a <= last.1 => last.1 = last.1.max(b),
            _ => out.push((a, b)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> WallTime {
        text.parse().unwrap()
    }

    #[test]
    fn a_week_by_the_local_clock() {
        // Monday to Friday 08:00 to 18:00, and Saturday 09:00 to 12:00, in China.
        let windows = vec![
            Window {
                days: 0b1_1111,
                from_min: 480,
                to_min: 1080,
            },
            Window {
                days: 0b10_0000,
                from_min: 540,
                to_min: 720,
            },
        ];
        let plan = Plan::Weekly { windows };
        plan.check().unwrap();
        // 2026-11-20 was a Friday.
        let planned = plan.planned(
            at("2026-11-20T12:00:00+08:00"),
            at("2026-11-23T09:00:00+08:00"),
            480,
        );
        let expected = [
            ("2026-11-20T12:00:00+08:00", "2026-11-20T18:00:00+08:00"),
            ("2026-11-21T09:00:00+08:00", "2026-11-21T12:00:00+08:00"),
            ("2026-11-23T08:00:00+08:00", "2026-11-23T09:00:00+08:00"),
        ];
        assert_eq!(planned, expected.map(|(a, b)| (at(a), at(b))));
        assert!(plan.wants(at("2026-11-23T08:00:00+08:00"), 480, None));
        assert!(!plan.wants(at("2026-11-23T18:00:00+08:00"), 480, None));
        assert!(!plan.wants(at("2026-11-22T10:00:00+08:00"), 480, None));
    }

    #[test]
    fn around_events_and_nonsense() {
        let plan = Plan::OnEvent {
            pre_s: 5,
            post_s: 10,
        };
        let event = Some(WallTime::from_secs(100));
        assert!(plan.wants(WallTime::from_secs(110), 0, event));
        assert!(!plan.wants(WallTime::from_secs(111), 0, event));
        assert!(!plan.wants(WallTime::from_secs(111), 0, None));
        for (days, from_min, to_min) in [(0, 0, 1), (0x80, 0, 1), (1, 5, 5), (1, 0, 1441)] {
            let windows = vec![Window {
                days,
                from_min,
                to_min,
            }];
            assert!(Plan::Weekly { windows }.check().is_err());
        }
    }
}

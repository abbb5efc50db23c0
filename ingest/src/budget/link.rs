//! What a link carries, and what of it video may take at which time of the week.

use media::{BitRate, RegionCode, Said, WallTime, id::Level, said};
use serde::{Deserialize, Serialize};

/// A link: what connects a region to the one above it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The region at its lower end.
    pub id: RegionCode,
    /// For people.
    pub name: String,
    /// What the line carries.
    pub capacity: BitRate,
    /// How much of it video may take, 0.0 to 1.0, where the schedule says nothing else.
    #[serde(default = "usual_share")]
    pub share: f64,
    /// Times with another share, such as office hours. Of two that overlap the first holds.
    #[serde(default)]
    pub schedule: Vec<Slot>,
    /// The region at its upper end where that is not the one above by its code: a village whose line goes to another town.
    #[serde(default)]
    pub via: Option<RegionCode>,
}

/// 60 %: offices use the lines, too.
pub fn usual_share() -> f64 {
    0.6
}

/// A time of every week, by the district's own clock, with a share of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Bit 0 is Monday, bit 6 Sunday.
    pub days: u8,
    /// Minutes after midnight.
    pub from_min: u16,
    /// Minutes after midnight, behind `from_min`, 1440 at most.
    pub to_min: u16,
    /// What video may take then, 0.0 to 1.0.
    pub share: f64,
}

impl Slot {
    /// What is wrong with it, if anything: the field and why.
    pub fn fault(&self) -> Option<(&'static str, Said)> {
        if self.days == 0 || self.days > 0x7f {
            let said = said!(
                "weekdays",
                "{value}, expected 1 to 127: bit 0 is Monday, bit 6 Sunday",
                value = self.days
            );
            return Some(("days", said));
        }
        if self.to_min > 1440 || self.from_min >= self.to_min {
            let said = said!(
                "minute-after",
                "{value}, expected a minute after from_min ({from}), 1440 at most",
                value = self.to_min,
                from = self.from_min
            );
            return Some(("to_min", said));
        }
        share_fault(self.share).map(|said| ("share", said))
    }

    fn holds(&self, at: WeekMinute) -> bool {
        let (day, minute) = (at.0 / 1440, at.0 % 1440);
        self.days & (1 << day) != 0 && (self.from_min..self.to_min).contains(&minute)
    }
}

/// What is wrong with a share, if anything.
pub fn share_fault(share: f64) -> Option<Said> {
    (!(0.0..=1.0).contains(&share))
        .then(|| said!("share", "{value}, expected 0 to 1", value = share))
}

/// A minute of the week by the local clock: 0 is Monday's first, 10,079 Sunday's last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeekMinute(u16);

impl WeekMinute {
    /// Of a moment, where the local clock is `offset_min` ahead of UTC.
    pub fn of(at: WallTime, offset_min: i32) -> Self {
        let minutes = at.0.div_euclid(60_000_000) + i64::from(offset_min);
        // The epoch was a Thursday.
        Self((minutes + 3 * 1440).rem_euclid(7 * 1440) as u16)
    }
}

impl Link {
    /// A link with the usual capacity of its level: village 50 Mbit/s, town 100 Mbit/s, above 1 Gbit/s; video may take 60 %.
    pub fn usual(id: RegionCode, name: impl Into<String>) -> Self {
        let capacity = match id.level() {
            Level::Village => BitRate::megabits(50),
            Level::Town => BitRate::megabits(100),
            _ => BitRate::megabits(1000),
        };
        Self {
            id,
            name: name.into(),
            capacity,
            share: usual_share(),
            schedule: Vec::new(),
            via: None,
        }
    }

    /// The share that holds at a minute.
    pub fn share_at(&self, at: WeekMinute) -> f64 {
        let slot = self.schedule.iter().find(|s| s.holds(at));
        slot.map_or(self.share, |s| s.share)
    }

    /// What video may take at a minute.
    pub fn budget_at(&self, at: WeekMinute) -> BitRate {
        // A share that is no number gives none.
        BitRate((self.capacity.0 as f64 * self.share_at(at).clamp(0.0, 1.0)) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-30 is a Monday.
    const MONDAY_UTC: i64 = 1_796_000_400 - 1_796_000_400 % 86_400;

    #[test]
    fn office_hours_are_those_of_the_districts_clock() {
        let mut link = Link::usual("441403102201".parse().unwrap(), "village");
        link.schedule = vec![Slot {
            days: 0b001_1111,
            from_min: 8 * 60,
            to_min: 18 * 60,
            share: 0.3,
        }];
        let at = |day: i64, hour: i64, minute: i64| {
            // Eight hours ahead of UTC.
            let utc = MONDAY_UTC + day * 86_400 + hour * 3600 + minute * 60 - 8 * 3600;
            link.budget_at(WeekMinute::of(WallTime::from_secs(utc), 480))
        };
        let (office, free) = (BitRate::megabits(15), BitRate::megabits(30));
        assert_eq!(at(0, 7, 59), free);
        assert_eq!(at(0, 8, 0), office);
        assert_eq!(at(4, 17, 59), office);
        assert_eq!(at(4, 18, 0), free);
        assert_eq!(at(5, 12, 0), free, "Saturday");
        assert_eq!(at(7, 12, 0), office, "the next week");
    }

    #[test]
    fn a_wrong_slot_names_its_field() {
        let good = Slot {
            days: 1,
            from_min: 0,
            to_min: 1440,
            share: 0.0,
        };
        assert_eq!(good.fault(), None);
        let wrong = [
            Slot { days: 0, ..good },
            Slot { days: 128, ..good },
            Slot {
                from_min: 60,
                to_min: 60,
                ..good
            },
            Slot {
                to_min: 1441,
                ..good
            },
            Slot {
                share: f64::NAN,
                ..good
            },
        ];
        let fields = wrong.map(|s| s.fault().map(|(field, _)| field));
        assert_eq!(
            fields,
            [
                Some("days"),
                Some("days"),
                Some("to_min"),
                Some("to_min"),
                Some("share")
            ]
        );
    }
}

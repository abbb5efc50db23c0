//! A rule as it is written, and the state that keeps all of them.

use std::{collections::BTreeMap, sync::Arc};

use media::{CameraId, EventKind, Grade, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use crate::state::State;

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name in addresses: lower-case letters, digits and hyphens, 1 to 50.
    pub id: String,
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// Whether it is in force.
    #[serde(default)]
    pub on: bool,
    /// Kinds of events; none: every kind.
    #[serde(default)]
    pub kinds: Vec<EventKind>,
    /// Where: events in it or below. Who may change the rule follows from this.
    pub region: RegionCode,
    /// Only of these cameras; none: of all there.
    #[serde(default)]
    pub cameras: Vec<CameraId>,
    /// At least so grave; none: however grave.
    #[serde(default)]
    pub at_least: Option<Grade>,
    /// When, by the district's clock; none: at all times.
    #[serde(default)]
    pub hours: Vec<Hours>,
    /// So many events, 1 to 1000,
    #[serde(default = "one")]
    pub count: u32,
    /// within so many seconds, 1 to 86,400,
    #[serde(default = "minute")]
    pub within_s: u32,
    /// counted together by this.
    #[serde(default)]
    pub per: Per,
    /// Having fired, it is silent there for so many seconds, 0 to 86,400.
    #[serde(default = "minute")]
    pub quiet_s: u32,
    /// What is done, 1 to 4.
    pub acts: Vec<Act>,
}

fn one() -> u32 {
    1
}
fn minute() -> u32 {
    60
}

/// Days of the week and a time of the day; an end before its begin lies on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// Bit 0 is Monday, bit 6 Sunday.
    pub days: u8,
    /// Minutes after midnight.
    pub from_min: u16,
    /// Minutes after midnight, up to 1440.
    pub to_min: u16,
}

impl Hours {
    /// Whether a moment lies in it, by a clock this many minutes ahead of UTC.
    pub fn holds(&self, at: WallTime, offset_min: i32) -> bool {
        let local_min = at.0.div_euclid(60_000_000) + i64::from(offset_min);
        let (day, minute) = (local_min.div_euclid(1440), local_min.rem_euclid(1440));
        // 1970-01-01 was a Thursday, which is day 3 from Monday.
        let on = |day: i64| self.days & (1 << (day + 3).rem_euclid(7)) != 0;
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        match from < to {
            true => on(day) && (from..to).contains(&minute),
            false => (on(day) && minute >= from) || (on(day - 1) && minute < to),
        }
    }
}

/// What events are counted together by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Those of one camera.
    #[default]
    Camera,
    /// Those of one region: the one its camera stands in.
    Region,
    /// All that the rule looks at.
    All,
}

/// What is done when a rule fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Act {
    /// The event gets this grade.
    Grade(Grade),
    /// A draft of an incident is opened, of this kind.
    Incident {
        /// A word of the district's own list, up to 50 characters.
        kind: String,
    },
    /// Everybody who may see it is told so, up to 200 characters; empty: the rule's name.
    Notify(String),
    /// It comes up on the walls.
    Popup,
}

/// A change of the rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Adds a rule, or replaces it.
    Put(Box<Rule>),
    /// Takes it away.
    Remove(String),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Which.
        field: String,
        /// What is wrong and what was expected.
        text: String,
    },
    /// There is none of this name.
    #[error("there is no rule '{0}'")]
    NotFound(String),
}

/// Rules of a district; every event asks each of them.
pub const MAX_RULES: usize = 200;

/// All rules.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    all: BTreeMap<String, Arc<Rule>>,
}

impl Rules {
    /// One.
    pub fn get(&self, id: &str) -> Option<&Arc<Rule>> {
        self.all.get(id)
    }

    /// All, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.all.values()
    }
}

impl Rule {
    /// What is wrong with it.
    ///
    /// # Errors
    /// Names the field.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |field: String, text: String| Err(Error::Field { field, text });
        let range = |field: &str, n: u32, least: u32, most: u32| match (least..=most).contains(&n) {
            true => Ok(()),
            false => Err(Error::Field {
                field: field.into(),
                text: format!("{n}, expected {least} to {most}"),
            }),
        };
        let is = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=50).contains(&self.id.len()) || !self.id.bytes().all(is) {
            let text = "expected 1 to 50 lower-case letters, digits and hyphens";
            return wrong("id".into(), text.into());
        }
        let length = self.name.trim().chars().count();
        if !(1..=100).contains(&length) {
            return wrong(
                "name".into(),
                format!("{length} characters, expected 1 to 100"),
            );
        }
        range("count", self.count, 1, 1000)?;
        range("within_s", self.within_s, 1, 86_400)?;
        range("quiet_s", self.quiet_s, 0, 86_400)?;
        range("cameras", self.cameras.len() as u32, 0, 500)?;
        range("hours", self.hours.len() as u32, 0, 24)?;
        range("acts", self.acts.len() as u32, 1, 4)?;
        for (i, h) in self.hours.iter().enumerate() {
            if !(1..=127).contains(&h.days) || h.from_min >= 1440 || !(1..=1440).contains(&h.to_min)
            {
                let text = "days 1 to 127, from_min 0 to 1439, to_min 1 to 1440";
                return wrong(format!("hours[{i}]"), text.into());
            }
        }
        for (i, act) in self.acts.iter().enumerate() {
            let (text, most) = match act {
                Act::Incident { kind } => (kind, 50),
                Act::Notify(text) => (text, 200),
                Act::Grade(_) | Act::Popup => continue,
            };
            if text.chars().count() > most {
                return wrong(
                    format!("acts[{i}]"),
                    format!("longer than {most} characters"),
                );
            }
        }
        Ok(())
    }
}

impl State for Rules {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Put(_) => "rule-put",
            Change::Remove(_) => "rule-removed",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put(rule) => {
                rule.check()?;
                match self.all.len() >= MAX_RULES && !self.all.contains_key(&rule.id) {
                    true => Err(Error::Field {
                        field: "id".into(),
                        text: format!("there are {MAX_RULES} rules already"),
                    }),
                    false => Ok(()),
                }
            }
            Change::Remove(id) if !self.all.contains_key(id) => Err(Error::NotFound(id.clone())),
            Change::Remove(_) => Ok(()),
        }
    }

    fn apply(&mut self, _: WallTime, change: Change) {
        match change {
            Change::Put(rule) => {
                self.all.insert(rule.id.clone(), Arc::new(*rule));
            }
            Change::Remove(id) => {
                self.all.remove(&id);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::rules) fn rule() -> Rule {
        Rule {
            id: "night".into(),
            name: "Night".into(),
            on: true,
            kinds: vec![EventKind::Motion],
            region: "441403".parse().unwrap(),
            cameras: vec![],
            at_least: None,
            hours: vec![],
            count: 1,
            within_s: 60,
            per: Per::Camera,
            quiet_s: 0,
            acts: vec![Act::Popup],
        }
    }

    #[test]
    fn hours_may_go_over_midnight() {
        // Monday to Friday from 22:00 to 06:00, by Meixian's clock.
        let hours = Hours {
            days: 0b1_1111,
            from_min: 1320,
            to_min: 360,
        };
        let at = |text: &str| text.parse::<WallTime>().unwrap();
        // 2026-11-30 is a Monday.
        assert!(hours.holds(at("2026-11-30T22:00:00+08:00"), 480));
        assert!(!hours.holds(at("2026-11-30T21:59:59+08:00"), 480));
        assert!(
            !hours.holds(at("2026-11-30T05:59:00+08:00"), 480),
            "Sunday's night is not meant"
        );
        assert!(
            hours.holds(at("2026-12-05T05:59:00+08:00"), 480),
            "Friday's night ends on Saturday"
        );
        assert!(!hours.holds(at("2026-12-05T06:00:00+08:00"), 480));
        let day = Hours {
            days: 0b10_0000,
            from_min: 0,
            to_min: 1440,
        };
        assert!(day.holds(at("2026-12-05T23:59:59+08:00"), 480));
        assert!(!day.holds(at("2026-12-06T00:00:00+08:00"), 480));
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_named() {
        let fault = |change: &dyn Fn(&mut Rule)| {
            let mut rule = rule();
            change(&mut rule);
            rule.check().unwrap_err().to_string()
        };
        assert!(rule().check().is_ok());
        assert!(fault(&|r| r.id = "Night!".into()).starts_with("id:"));
        assert!(fault(&|r| r.count = 0).starts_with("count: 0, expected 1 to 1000"));
        assert!(fault(&|r| r.acts = vec![]).starts_with("acts:"));
        assert!(
            fault(&|r| r.hours = vec![Hours {
                days: 0,
                from_min: 0,
                to_min: 1
            }])
            .starts_with("hours[0]")
        );
        assert!(fault(&|r| r.acts = vec![Act::Notify("x".repeat(201))]).starts_with("acts[0]"));
    }

    #[test]
    fn rules_are_put_and_removed_and_are_not_more_than_there_may_be() {
        let mut rules = Rules::default();
        for n in 0..MAX_RULES {
            let change = Change::Put(Box::new(Rule {
                id: format!("r{n}"),
                ..rule()
            }));
            rules.check(&change).unwrap();
            rules.apply(WallTime(0), change);
        }
        let more = Change::Put(Box::new(rule()));
        assert!(rules.check(&more).is_err());
        assert!(
            rules
                .check(&Change::Put(Box::new(Rule {
                    id: "r1".into(),
                    ..rule()
                })))
                .is_ok()
        );
        rules.apply(WallTime(0), Change::Remove("r1".into()));
        assert!(rules.check(&more).is_ok());
        assert_eq!(
            rules.check(&Change::Remove("r1".into())),
            Err(Error::NotFound("r1".into()))
        );
    }

    #[test]
    fn a_rule_is_written_as_people_read_it() {
        let text = r#"{"id":"a","name":"A","region":"441403","acts":["popup",{"grade":"II"},{"notify":"x"},{"incident":{"kind":"flood"}}]}"#;
        let rule: Rule = serde_json::from_str(text).unwrap();
        assert_eq!(
            (rule.count, rule.within_s, rule.quiet_s, rule.on),
            (1, 60, 60, false)
        );
        assert_eq!(rule.acts.len(), 4);
        assert!(serde_json::from_str::<Rule>(&text.replace("\"name\"", "\"nme\"")).is_err());
    }
}

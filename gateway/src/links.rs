//! The links as people say them: of a region, what its uplink carries, what of it video may take and when. Journaled; what is not
//! said here is said by the configuration, for a region or for its level.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use command::{Register, Store, state::State};
use ingest::budget::{self, Link, Slot, WeekMinute, share_fault};
use media::{BitRate, RegionCode, Said, WallTime, Words, said, words};
use serde::{Deserialize, Serialize};

use crate::{config::Config, gateway::Gateway};

/// What was said of a region's uplink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uplink {
    /// What the line carries.
    pub capacity: BitRate,
    /// What of it video may take, 0 to 1.
    pub share: f64,
    /// Times of the week with another share.
    #[serde(default)]
    pub schedule: Vec<Slot>,
    /// Where its upper end is, if not at the region above.
    #[serde(default)]
    pub via: Option<RegionCode>,
}

/// Most times of the week: every half hour of a day.
const MOST_SLOTS: usize = 48;
/// The most a line carries: a hundred times what the largest district has.
const MOST_RATE: BitRate = BitRate::megabits(1_000_000);

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its name in the API.
        field: String,
        /// What is wrong and what was expected.
        text: Said,
    },
    /// There is nothing to take back.
    #[error("nothing is said of the link of region {0}")]
    NotFound(RegionCode),
    /// Somebody has changed it meanwhile.
    #[error("the link of region {region} was changed meanwhile: it is at revision {is}, not {was}")]
    Stale {
        /// Whose.
        region: RegionCode,
        /// What the editor had seen.
        was: u64,
        /// What it is.
        is: u64,
    },
}

impl Error {
    /// The same for a page.
    pub fn words(&self) -> Words {
        match self {
            Self::Field { text, .. } => text.words.clone(),
            Self::NotFound(region) => words!("link-unsaid", region = region),
            Self::Stale { region, .. } => words!("stale-link", region = region),
        }
    }
}

impl Uplink {
    fn check(&self, region: RegionCode) -> Result<(), Error> {
        let wrong = |field: &str, text: Said| {
            Err(Error::Field {
                field: field.to_owned(),
                text,
            })
        };
        if self.capacity > MOST_RATE {
            let said = said!(
                "range",
                "{value}, expected {least} to {most} {unit}",
                value = self.capacity.0,
                least = 0,
                most = MOST_RATE.0,
                unit = "bit/s"
            );
            return wrong("capacity_bps", said);
        }
        if let Some(text) = share_fault(self.share) {
            return wrong("share", text);
        }
        if self.schedule.len() > MOST_SLOTS {
            let said = said!(
                "at-most",
                "{n}, at most {most}",
                n = self.schedule.len(),
                most = MOST_SLOTS
            );
            return wrong("schedule", said);
        }
        for (n, slot) in self.schedule.iter().enumerate() {
            if let Some((field, text)) = slot.fault() {
                return wrong(&format!("schedule[{n}].{field}"), text);
            }
        }
        match self.via {
            Some(via) if via.is_within(&region) => wrong(
                "via",
                said!(
                    "via-behind",
                    "{region} lies behind this link, which would lead to itself",
                    region = via
                ),
            ),
            _ => Ok(()),
        }
    }
}

/// A change of the links.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Says it, or says it anew; refused if another revision than this was seen.
    Set(RegionCode, Box<Uplink>, Option<u64>),
    /// Takes it back: the configuration holds again.
    Clear(RegionCode),
}

/// All that was said.
#[derive(Clone, Debug, Default)]
pub struct Uplinks {
    said: BTreeMap<RegionCode, Uplink>,
    revisions: BTreeMap<RegionCode, u64>,
}

/// With their journal.
pub type Kept = Store<Uplinks>;

impl Uplinks {
    /// What was said of a region's uplink.
    pub fn get(&self, region: &RegionCode) -> Option<&Uplink> {
        self.said.get(region)
    }

    /// How often it was changed.
    pub fn revision(&self, region: &RegionCode) -> u64 {
        self.revisions.get(region).copied().unwrap_or(0)
    }

    /// Every link of the register's regions, as it was said, or as the configuration has it.
    pub fn lines(&self, config: &Config, register: &Register) -> Vec<Link> {
        let mut lines = config.lines(register.regions());
        for line in &mut lines {
            if let Some(said) = self.said.get(&line.id) {
                line.capacity = said.capacity;
                line.share = said.share;
                line.schedule.clone_from(&said.schedule);
                line.via = said.via;
            }
        }
        lines
    }

    /// What would be wrong with the links, were this said as well: a link that leads to itself, over others.
    ///
    /// # Errors
    /// [`Error::Field`].
    pub fn try_out(
        &self,
        config: &Config,
        register: &Register,
        region: RegionCode,
        uplink: &Uplink,
    ) -> Result<(), Error> {
        let mut tried = self.clone();
        tried.said.insert(region, uplink.clone());
        match budget::Links::fault(&tried.lines(config, register)) {
            Some((_, text)) => Err(Error::Field {
                field: "via".into(),
                text,
            }),
            None => Ok(()),
        }
    }
}

impl State for Uplinks {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Set(..) => "link-set",
            Change::Clear(_) => "link-cleared",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Set(region, uplink, seen) => {
                let is = self.revision(region);
                match seen {
                    Some(was) if *was != is => Err(Error::Stale {
                        region: *region,
                        was: *was,
                        is,
                    }),
                    _ => uplink.check(*region),
                }
            }
            Change::Clear(region) if !self.said.contains_key(region) => {
                Err(Error::NotFound(*region))
            }
            Change::Clear(_) => Ok(()),
        }
    }

    fn apply(&mut self, _at: WallTime, change: Change) {
        let region = match change {
            Change::Set(region, uplink, _) => {
                self.said.insert(region, *uplink);
                region
            }
            Change::Clear(region) => {
                self.said.remove(&region);
                region
            }
        };
        *self.revisions.entry(region).or_insert(0) += 1;
    }
}

/// The minute of the week in this district.
pub fn minute(gateway: &Gateway) -> WeekMinute {
    WeekMinute::of(gateway.now(), gateway.config.district.utc_offset.0)
}

/// How often the clock is looked at: often enough that a schedule is kept to the minute.
const LOOK: Duration = Duration::from_secs(10);

/// Keeps the supervisor's links as they are said, as the register's regions are, and as the time of the week has it.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    let mut register = gateway.register.changes();
    let mut said = gateway.uplinks.changes();
    let mut timer = tokio::time::interval(LOOK);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut known = (Vec::new(), WeekMinute::default());
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            changed = register.changed() => if changed.is_err() { return },
            changed = said.changed() => if changed.is_err() { return },
            () = gateway.stop.cancelled() => return,
        }
        let lines = gateway
            .uplinks
            .read()
            .lines(&gateway.config, &gateway.register.read());
        let at = minute(&gateway);
        if lines != known.0 {
            gateway.supervisor.set_links(lines.clone(), at);
        } else if at != known.1 {
            gateway.supervisor.set_time(at);
        }
        known = (lines, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uplink() -> Uplink {
        Uplink {
            capacity: BitRate::megabits(20),
            share: 0.5,
            schedule: Vec::new(),
            via: None,
        }
    }

    #[test]
    fn what_makes_no_sense_names_its_field() {
        let uplinks = Uplinks::default();
        let region: RegionCode = "441403102".parse().unwrap();
        let slot = Slot {
            days: 1,
            from_min: 60,
            to_min: 30,
            share: 0.5,
        };
        type Spoil = fn(&mut Uplink, Slot);
        let wrong: [(&str, Spoil); 5] = [
            ("capacity_bps", |u, _| u.capacity = BitRate(u64::MAX)),
            ("share", |u, _| u.share = 1.5),
            ("schedule[0].to_min", |u, slot| u.schedule = vec![slot]),
            ("schedule", |u, slot| u.schedule = vec![slot; 49]),
            ("via", |u, _| u.via = Some("441403102201".parse().unwrap())),
        ];
        for (name, spoil) in wrong {
            let mut said = uplink();
            spoil(&mut said, slot);
            match uplinks.check(&Change::Set(region, Box::new(said), None)) {
                Err(Error::Field { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
        uplinks
            .check(&Change::Set(region, Box::new(uplink()), None))
            .unwrap();
    }

    #[test]
    fn the_second_of_two_editors_is_told() {
        let mut uplinks = Uplinks::default();
        let region: RegionCode = "441403102".parse().unwrap();
        let set = |seen| Change::Set(region, Box::new(uplink()), seen);
        uplinks.check(&set(Some(0))).unwrap();
        uplinks.apply(WallTime(0), set(Some(0)));
        let stale = uplinks.check(&set(Some(0))).unwrap_err();
        assert_eq!(
            stale,
            Error::Stale {
                region,
                was: 0,
                is: 1
            }
        );
        uplinks.check(&set(Some(1))).unwrap();
        uplinks.apply(WallTime(0), Change::Clear(region));
        assert_eq!(uplinks.revision(&region), 2);
        assert_eq!(
            uplinks.check(&Change::Clear(region)),
            Err(Error::NotFound(region))
        );
    }
}

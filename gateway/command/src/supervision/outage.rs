//! Approved outages: works on a line, a power cut that was announced. They are taken out of the figures.

use std::{collections::BTreeMap, sync::Arc};

use media::{CameraId, RegionCode, Said, WallTime, Words, said, words};
use serde::{Deserialize, Serialize};

use super::{figure, log::Spans};
use crate::{camera::not_within, state::State};

/// An approved outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    /// Its number; given by the state.
    #[serde(default)]
    pub id: u64,
    /// Of these cameras; none: of all in the region.
    #[serde(default)]
    pub cameras: Vec<CameraId>,
    /// Where: with `cameras`, who may see it follows from this.
    pub region: RegionCode,
    /// From.
    pub from: WallTime,
    /// To.
    pub to: WallTime,
    /// Why, 1 to 1000 characters.
    pub reason: String,
    /// Who approved it.
    pub by: String,
    /// Taken back: by whom, when, why.
    #[serde(default)]
    pub withdrawn: Option<Withdrawn>,
}

/// Who took an approval back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// Who.
    pub by: String,
    /// When.
    pub at: WallTime,
    /// Why.
    pub reason: String,
}

/// A change of the approvals.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// One more.
    Approve(Box<Outage>),
    /// One is taken back.
    Withdraw {
        /// Which.
        id: u64,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Which.
        field: &'static str,
        /// What is wrong.
        text: Said,
    },
    /// There is none of this number.
    #[error("there is no approved outage {0}")]
    NotFound(u64),
    /// It is taken back already.
    #[error("the approval {0} was taken back before")]
    Withdrawn(u64),
}

impl Error {
    /// The same for a page.
    pub fn words(&self) -> Words {
        match self {
            Self::Field { text, .. } => text.words.clone(),
            Self::NotFound(id) => words!("no-outage", id = id),
            Self::Withdrawn(id) => words!("outage-withdrawn", id = id),
        }
    }
}

/// Cameras one approval may name.
pub const MAX_CAMERAS: usize = 1000;
/// Approvals kept; beyond, none is taken, and that is said.
const MAX_OUTAGES: usize = 20_000;
/// The longest, days.
const MAX_DAYS: u64 = 366;

/// All approvals.
#[derive(Clone, Debug, Default)]
pub struct Outages {
    all: BTreeMap<u64, Arc<Outage>>,
    next: u64,
}

impl Outages {
    /// One.
    pub fn get(&self, id: u64) -> Option<&Arc<Outage>> {
        self.all.get(&id)
    }

    /// All, the newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<Outage>> {
        self.all.values().rev()
    }

    /// When a camera of a region is out with approval.
    pub fn of(&self, camera: &CameraId, region: &RegionCode) -> Spans {
        let holds = |o: &&Arc<Outage>| {
            o.withdrawn.is_none()
                && match o.cameras.is_empty() {
                    true => region.is_within(&o.region),
                    false => o.cameras.contains(camera),
                }
        };
        let spans = self.all.values().filter(holds);
        figure::join(spans.map(|o| (o.from.0, o.to.0)).collect())
    }
}

fn words(field: &'static str, text: &str) -> Result<(), Error> {
    match not_within(text, 1000) {
        None => Ok(()),
        Some(text) => Err(Error::Field { field, text }),
    }
}

impl State for Outages {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Approve(_) => "outage-approved",
            Change::Withdraw { .. } => "outage-withdrawn",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        let field = |field, text: Said| Err(Error::Field { field, text });
        match change {
            Change::Approve(outage) => {
                words("reason", &outage.reason)?;
                if outage.to <= outage.from {
                    return field("to", said!("not-after", "is not after 'from'"));
                }
                if outage.to.since(outage.from).as_secs() > MAX_DAYS * 86_400 {
                    let said = said!(
                        "days-after",
                        "is more than {most} days after 'from'",
                        most = MAX_DAYS
                    );
                    return field("to", said);
                }
                if outage.cameras.len() > MAX_CAMERAS {
                    let said = said!(
                        "at-most",
                        "{n}, at most {most}",
                        n = outage.cameras.len(),
                        most = MAX_CAMERAS
                    );
                    return field("cameras", said);
                }
                if self.all.len() >= MAX_OUTAGES {
                    let said = said!(
                        "approvals-full",
                        "there are {most} approvals, no more are kept",
                        most = MAX_OUTAGES
                    );
                    return field("reason", said);
                }
                Ok(())
            }
            Change::Withdraw { id, reason, .. } => {
                words("reason", reason)?;
                match self.all.get(id) {
                    None => Err(Error::NotFound(*id)),
                    Some(o) if o.withdrawn.is_some() => Err(Error::Withdrawn(*id)),
                    Some(_) => Ok(()),
                }
            }
        }
    }

    fn apply(&mut self, at: WallTime, change: Change) {
        match change {
            Change::Approve(mut outage) => {
                self.next += 1;
                outage.id = self.next;
                self.all.insert(outage.id, Arc::new(*outage));
            }
            Change::Withdraw { id, by, reason } => {
                if let Some(outage) = self.all.get_mut(&id) {
                    Arc::make_mut(outage).withdrawn = Some(Withdrawn { by, at, reason });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage(from: i64, to: i64) -> Outage {
        Outage {
            id: 0,
            cameras: Vec::new(),
            region: "441403102".parse().unwrap(),
            from: WallTime::from_secs(from),
            to: WallTime::from_secs(to),
            reason: "works on the line".into(),
            by: "admin".into(),
            withdrawn: None,
        }
    }

    #[test]
    fn an_approval_holds_where_it_says_and_until_it_is_taken_back() {
        let mut all = Outages::default();
        let camera = "44140300001326000001".parse().unwrap();
        let (village, beside) = (
            "441403102201".parse().unwrap(),
            "441403103".parse().unwrap(),
        );
        let at = WallTime::from_secs(0);
        for o in [outage(10, 20), outage(15, 30), outage(50, 60)] {
            let change = Change::Approve(Box::new(o));
            all.check(&change).unwrap();
            all.apply(at, change);
        }
        let s = 1_000_000;
        assert_eq!(
            all.of(&camera, &village),
            [(10 * s, 30 * s), (50 * s, 60 * s)]
        );
        assert!(all.of(&camera, &beside).is_empty());
        let back = |id| Change::Withdraw {
            id,
            by: "a".into(),
            reason: "was not needed".into(),
        };
        all.check(&back(3)).unwrap();
        all.apply(at, back(3));
        assert_eq!(all.of(&camera, &village), [(10 * s, 30 * s)]);
        assert_eq!(all.check(&back(3)), Err(Error::Withdrawn(3)));
        assert_eq!(all.check(&back(9)), Err(Error::NotFound(9)));
        assert!(all.check(&Change::Approve(Box::new(outage(5, 5)))).is_err());
        let silent = Outage {
            reason: " ".into(),
            ..outage(1, 2)
        };
        assert!(all.check(&Change::Approve(Box::new(silent))).is_err());
    }
}

//! Holds: recordings that no rule deletes, with who wanted it, why, and until when.

use std::collections::HashMap;

use media::{CameraId, WallTime};
use serde::{Deserialize, Serialize};

use crate::{Error, plan};

/// Why recordings are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldKind {
    /// An authority ordered it.
    Legal,
    /// It is evidence of an incident.
    Evidence,
}

/// What is to be held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// Why, in law.
    pub kind: HoldKind,
    /// Whose recordings; those of every camera where there is none.
    pub cameras: Vec<CameraId>,
    /// From.
    pub from: WallTime,
    /// To.
    pub to: WallTime,
    /// Who wants it.
    pub who: String,
    /// Why.
    pub why: String,
    /// It ends by itself then; never where there is none.
    pub until: Option<WallTime>,
}

/// A hold, also one that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its number.
    pub id: u64,
    /// What it holds, for whom.
    #[serde(flatten)]
    pub of: NewHold,
    /// When it was placed.
    pub placed: WallTime,
    /// Who took it back, when and why.
    pub released: Option<Release>,
    /// How often it was made to last longer; the oldest first.
    #[serde(default)]
    pub extended: Vec<Extension>,
}

/// A hold that was made to last longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// When.
    pub at: WallTime,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
    /// When it would have ended.
    pub was: WallTime,
}

/// The end of a hold before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// When.
    pub at: WallTime,
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
}

impl Hold {
    /// Whether it holds at a moment.
    pub fn is_active(&self, at: WallTime) -> bool {
        self.released.is_none() && self.of.until.is_none_or(|until| until > at)
    }
}

/// Extensions of one hold; who needs more wants one without an end.
pub(crate) const MAX_EXTENSIONS: usize = 1000;
/// Cameras of one hold; more are several, or all.
const MAX_CAMERAS: usize = 10_000;
/// Characters of a name, and of a reason.
const MAX_WHO: usize = 200;
const MAX_WHY: usize = 2000;

pub(crate) fn check_words(who: &str, why: &str) -> Result<(), Error> {
    let bad = |why: String| {
        Err(Error::Value {
            what: "a hold",
            why,
        })
    };
    for (name, text, max) in [("who", who, MAX_WHO), ("why", why, MAX_WHY)] {
        match text.trim().chars().count() {
            0 => return bad(format!("'{name}' is empty")),
            n if n > max => {
                return bad(format!("'{name}' has {n} characters, {max} allowed"));
            }
            _ => {}
        }
    }
    Ok(())
}

impl NewHold {
    pub(crate) fn check(&self, now: WallTime) -> Result<(), Error> {
        let bad = |why: String| {
            Err(Error::Value {
                what: "a hold",
                why,
            })
        };
        check_words(&self.who, &self.why)?;
        if self.cameras.len() > MAX_CAMERAS {
            let n = self.cameras.len();
            return bad(format!("{n} cameras, {MAX_CAMERAS} allowed"));
        }
        if self.from >= self.to {
            return bad(format!("it begins at {}, not before its end", self.from));
        }
        match self.until {
            Some(until) if until <= now => bad(format!("it ends at {until}, in the past")),
            _ => Ok(()),
        }
    }
}

/// The holds of one moment, by camera: in order and apart, so that thousands of them cost retention no more than one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holds {
    of: HashMap<CameraId, Vec<(WallTime, WallTime)>>,
    of_all: Vec<(WallTime, WallTime)>,
    /// When the first of them ends by itself.
    pub(crate) next_end: Option<WallTime>,
}

impl Holds {
    pub(crate) fn new<'a>(holds: impl Iterator<Item = &'a Hold>) -> Self {
        let mut out = Self::default();
        for hold in holds {
            let range = (hold.of.from, hold.of.to);
            out.next_end = [out.next_end, hold.of.until].into_iter().flatten().min();
            if hold.of.cameras.is_empty() {
                out.of_all.push(range);
            }
            for camera in &hold.of.cameras {
                out.of.entry(*camera).or_default().push(range);
            }
        }
        for ranges in out.of.values_mut().chain([&mut out.of_all]) {
            *ranges = plan::join(std::mem::take(ranges));
        }
        out
    }

    /// Whether anything from `start` to `end` is held.
    pub(crate) fn cover(&self, camera: CameraId, start: WallTime, end: WallTime) -> bool {
        let covers = |ranges: &[(WallTime, WallTime)]| {
            let at = ranges.partition_point(|(_, to)| *to <= start);
            ranges.get(at).is_some_and(|(from, _)| *from < end)
        };
        self.of.get(&camera).is_some_and(|ranges| covers(ranges)) || covers(&self.of_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn holds_cover_what_any_of_them_does(
            ranges in proptest::collection::vec((0i64..1000, 1i64..100, 0u8..3), 0..30),
            start in 0i64..1100,
            len in 1i64..80,
        ) {
            let camera = |n: u8| format!("4414030100132000000{n}").parse::<CameraId>().unwrap();
            let holds: Vec<Hold> = ranges
                .iter()
                .map(|(from, len, of)| Hold {
                    id: 1,
                    of: NewHold {
                        kind: HoldKind::Legal,
                        // 0 is of all cameras.
                        cameras: (1..=*of).filter(|n| n == of).map(camera).collect(),
                        from: WallTime(*from),
                        to: WallTime(from + len),
                        who: "x".into(),
                        why: "y".into(),
                        until: None,
                    },
                    placed: WallTime(0),
                    released: None,
                    extended: Vec::new(),
                })
                .collect();
            let (start, end) = (WallTime(start), WallTime(start + len));
            for n in [1, 2] {
                let any = holds.iter().any(|h| {
                    (h.of.cameras.is_empty() || h.of.cameras.contains(&camera(n)))
                        && start < h.of.to
                        && end > h.of.from
                });
                prop_assert_eq!(Holds::new(holds.iter()).cover(camera(n), start, end), any);
            }
        }
    }
}

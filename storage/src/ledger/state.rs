//! What the journal's records say, and what they make together.

use std::collections::{BTreeMap, HashMap};

use media::{ByteCount, CameraId, FeedId, Profile, Reason, WallTime};
use serde::{Deserialize, Serialize};

use super::numbers::Numbers;
use crate::{completeness::Day, hold::Hold, plan::Plan};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    /// Nothing was recorded of a feed; the same start again says a later end.
    Gap {
        camera: CameraId,
        profile: Profile,
        start: WallTime,
        end: WallTime,
        reason: Reason,
    },
    /// Days to keep of a camera.
    Keep { camera: CameraId, days: u32 },
    /// Days that a camera's recordings are kept whatever the disk's room.
    Floor { camera: CameraId, days: u32 },
    /// A hold as it is now: placed, or released.
    Hold(Hold),
    /// The gateway did not run.
    Down { start: WallTime, end: WallTime },
    /// What was to be recorded of a camera from a moment on.
    Plan {
        camera: CameraId,
        from: WallTime,
        plan: Plan,
    },
    /// A camera's day, as it stood when it was over.
    Day { camera: CameraId, day: Day },
    /// Numbers of a feed's segments under this may have been given.
    Numbers {
        camera: CameraId,
        profile: Profile,
        below: u64,
    },
    /// A feed's chain begins anew with this number: what came before could not be read.
    Anew {
        camera: CameraId,
        profile: Profile,
        sequence: u64,
    },
    /// What is to be free of a disk once the oldest has begun to go, bytes; none gives it back to the configuration.
    FreeTarget { bytes: Option<ByteCount> },
}

impl Entry {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Keep { .. } => "keep",
            Self::Floor { .. } => "floor",
            Self::Hold(_) => "hold",
            Self::Down { .. } => "down",
            Self::Plan { .. } => "plan",
            Self::Day { .. } => "day",
            Self::Numbers { .. } => "numbers",
            Self::Anew { .. } => "anew",
            Self::FreeTarget { .. } => "free-target",
        }
    }
}

/// From start to end and reason.
pub(super) type Gaps = BTreeMap<(WallTime, Profile), (WallTime, Reason)>;

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) gaps: HashMap<CameraId, Gaps>,
    pub(super) keep: HashMap<CameraId, u32>,
    pub(super) floor: HashMap<CameraId, u32>,
    pub(super) holds: BTreeMap<u64, Hold>,
    pub(super) down: BTreeMap<WallTime, WallTime>,
    pub(super) plans: HashMap<CameraId, BTreeMap<WallTime, Plan>>,
    pub(super) days: HashMap<CameraId, BTreeMap<WallTime, Day>>,
    pub(super) numbers: Numbers,
    pub(super) free_target: Option<ByteCount>,
    /// Of the newest record that is in the state.
    pub(super) sequence: u64,
}

impl State {
    pub(super) fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Gap {
                camera,
                profile,
                start,
                end,
                reason,
            } => {
                self.gaps
                    .entry(camera)
                    .or_default()
                    .insert((start, profile), (end, reason));
            }
            Entry::Keep { camera, days } => {
                self.keep.insert(camera, days);
            }
            Entry::Floor { camera, days } => {
                self.floor.insert(camera, days);
            }
            Entry::Hold(hold) => {
                self.holds.insert(hold.id, hold);
            }
            Entry::Down { start, end } => {
                self.down.insert(start, end);
            }
            Entry::Plan { camera, from, plan } => {
                self.plans.entry(camera).or_default().insert(from, plan);
            }
            Entry::Day { camera, day } => {
                self.days.entry(camera).or_default().insert(day.start, day);
            }
            Entry::Numbers {
                camera,
                profile,
                below,
            } => self.numbers.set_aside(FeedId { camera, profile }, below),
            Entry::Anew {
                camera,
                profile,
                sequence,
            } => self.numbers.begins(FeedId { camera, profile }, sequence),
            Entry::FreeTarget { bytes } => self.free_target = bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        fn inner<T>(maps: &HashMap<CameraId, BTreeMap<WallTime, T>>) -> usize {
            maps.values().map(BTreeMap::len).sum()
        }
        self.gaps.values().map(BTreeMap::len).sum::<usize>()
            + self.keep.len()
            + self.floor.len()
            + self.holds.len()
            + self.down.len()
            + self.numbers.len()
            + usize::from(self.free_target.is_some())
            + inner(&self.plans)
            + inner(&self.days)
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let gaps = self.gaps.iter().flat_map(|(camera, gaps)| {
            gaps.iter()
                .map(|((start, profile), (end, reason))| Entry::Gap {
                    camera: *camera,
                    profile: *profile,
                    start: *start,
                    end: *end,
                    reason: reason.clone(),
                })
        });
        let keep = self.keep.iter().map(|(camera, days)| Entry::Keep {
            camera: *camera,
            days: *days,
        });
        let floor = self.floor.iter().map(|(camera, days)| Entry::Floor {
            camera: *camera,
            days: *days,
        });
        let down = self.down.iter().map(|(start, end)| Entry::Down {
            start: *start,
            end: *end,
        });
        let plans = self.plans.iter().flat_map(|(camera, plans)| {
            plans.iter().map(|(from, plan)| Entry::Plan {
                camera: *camera,
                from: *from,
                plan: plan.clone(),
            })
        });
        let days = self.days.iter().flat_map(|(camera, days)| {
            days.values().map(|day| Entry::Day {
                camera: *camera,
                day: day.clone(),
            })
        });
        keep.chain(floor)
            .chain(self.holds.values().cloned().map(Entry::Hold))
            .chain(down)
            .chain(plans)
            .chain(days)
            .chain(gaps)
            .chain(self.numbers.entries())
            .chain(
                self.free_target
                    .map(|bytes| Entry::FreeTarget { bytes: Some(bytes) }),
            )
            .collect()
    }
}

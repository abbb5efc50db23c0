//! What the recorders are at, and which of their alarms is one.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use media::{CameraId, ReasonCode, WallTime};
use serde::Serialize;
use storage::{AlarmKind, RecorderAlarm};

use super::occasions::Occasions;

/// Where a camera's recording stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Frames reach the disk.
    Recording,
    /// It is to be recorded and has given nothing yet, since the gateway's start or since recording was switched on.
    Waiting,
    /// It was recorded, and is not now; or the disk or a link does not let it.
    Stopped,
    /// No plan asks for it.
    Off,
}

/// What the recorders are at, for those who ask.
#[derive(Debug, Default)]
pub struct Recorders {
    known: RwLock<HashMap<CameraId, Known>>,
    /// What happens, for plans "on event".
    pub occasions: Occasions,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    state: State,
    /// Whether it has recorded since it was asked to.
    recorded: bool,
}

impl Recorders {
    /// Where a camera's recording stands.
    pub fn state(&self, camera: &CameraId) -> State {
        self.read().get(camera).map_or(State::Off, |k| k.state)
    }

    /// How many record now.
    pub fn recording(&self) -> usize {
        let is = |k: &&Known| k.state == State::Recording;
        self.read().values().filter(is).count()
    }

    /// Whether a camera has recorded since it was asked to; none where it is not asked.
    pub fn recorded(&self, camera: &CameraId) -> Option<bool> {
        self.read().get(camera).map(|k| k.recorded)
    }

    /// Takes the states of all that are to be recorded; returns the cameras whose state is another now. Who has recorded
    /// before does not wait any more: it has stopped.
    pub(super) fn update(&self, new: HashMap<CameraId, State>) -> Vec<CameraId> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed: Vec<CameraId> = known
            .keys()
            .filter(|c| !new.contains_key(c))
            .copied()
            .collect();
        known.retain(|c, _| new.contains_key(c));
        for (camera, state) in new {
            let before = known.get(&camera).copied();
            let recorded = before.is_some_and(|k| k.recorded) || state == State::Recording;
            let state = match state {
                State::Waiting if recorded => State::Stopped,
                state => state,
            };
            if before.map(|k| k.state) != Some(state) {
                changed.push(camera);
            }
            known.insert(camera, Known { state, recorded });
        }
        changed
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<CameraId, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds back the alarm of a camera that has not recorded yet: what has not begun has not stopped. After a power cut the gateway
/// is up before its cameras are, and a camera that was put into the register today hangs on the wall tomorrow; both are `waiting`,
/// which everybody sees, and neither is an alarm before its patience is over. What the disk does is one at once.
#[derive(Debug)]
pub(crate) struct Settling {
    patience: Duration,
    held: HashMap<CameraId, RecorderAlarm>,
}

impl Settling {
    /// An alarm waits at most so long.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            patience,
            held: HashMap::new(),
        }
    }

    /// An alarm of a camera that has recorded before, or not. Gives it back unless it is held, or was never told.
    pub(crate) fn take(&mut self, alarm: RecorderAlarm, recorded: bool) -> Option<RecorderAlarm> {
        let camera = alarm.feed.camera;
        match &alarm.kind {
            AlarmKind::Stopped(reason) if !recorded && !is_the_disks(reason.code) => {
                // The first one counts, however often a feed is begun anew.
                self.held.entry(camera).or_insert(alarm);
                None
            }
            // Back from what nobody was told of.
            AlarmKind::Back { .. } if self.held.remove(&camera).is_some() => None,
            _ => Some(alarm),
        }
    }

    /// Those whose patience is over. `recorded` says of a camera whether it has recorded by now; none: it is not asked to.
    pub(crate) fn poll(
        &mut self,
        now: WallTime,
        recorded: impl Fn(&CameraId) -> Option<bool>,
    ) -> Vec<RecorderAlarm> {
        self.held.retain(|c, _| recorded(c) == Some(false));
        let over = |_: &CameraId, a: &mut RecorderAlarm| now.since(a.at) >= self.patience;
        self.held.extract_if(over).map(|(_, a)| a).collect()
    }
}

fn is_the_disks(code: ReasonCode) -> bool {
    matches!(
        code,
        ReasonCode::DiskFull | ReasonCode::DiskError | ReasonCode::DiskSlow
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{FeedId, Profile, Reason};

    fn camera() -> CameraId {
        "44140300001326000001".parse().unwrap()
    }

    fn alarm(at: i64, kind: AlarmKind) -> RecorderAlarm {
        RecorderAlarm {
            feed: FeedId {
                camera: camera(),
                profile: Profile::Main,
            },
            at: WallTime::from_secs(at),
            kind,
        }
    }

    fn stopped(at: i64, code: ReasonCode) -> RecorderAlarm {
        alarm(at, AlarmKind::Stopped(Reason::new(code, "x")))
    }

    #[test]
    fn a_change_of_state_is_seen_once_and_who_has_recorded_does_not_wait_again() {
        let recorders = Recorders::default();
        let code = camera();
        assert_eq!(recorders.update([(code, State::Waiting)].into()), [code]);
        assert_eq!(recorders.recorded(&code), Some(false));
        assert_eq!(recorders.update([(code, State::Recording)].into()), [code]);
        assert!(
            recorders
                .update([(code, State::Recording)].into())
                .is_empty()
        );
        assert_eq!(recorders.recording(), 1);
        assert_eq!(recorders.update([(code, State::Waiting)].into()), [code]);
        assert_eq!(recorders.state(&code), State::Stopped);
        assert_eq!(recorders.update(HashMap::new()), [code]);
        assert_eq!(recorders.state(&code), State::Off);
        assert_eq!(recorders.recorded(&code), None);
    }

    #[test]
    fn what_has_not_begun_has_not_stopped_until_patience_is_over() {
        let mut settling = Settling::new(Duration::from_secs(120));
        let at = WallTime::from_secs;
        let first = stopped(10, ReasonCode::TimedOut);
        assert_eq!(settling.take(first.clone(), false), None);
        assert_eq!(
            settling.take(stopped(60, ReasonCode::TimedOut), false),
            None
        );
        assert_eq!(settling.poll(at(129), |_| Some(false)), []);
        assert_eq!(settling.poll(at(130), |_| Some(false)), [first]);
        assert_eq!(settling.poll(at(500), |_| Some(false)), []);
        // Told by now, so that its end is told too.
        let back = alarm(600, AlarmKind::Back { since: at(10) });
        assert_eq!(settling.take(back.clone(), false), Some(back));
    }

    #[test]
    fn who_begins_in_time_or_is_not_wanted_any_more_was_never_an_alarm() {
        let at = WallTime::from_secs;
        let held = || {
            let mut settling = Settling::new(Duration::from_secs(120));
            assert_eq!(
                settling.take(stopped(10, ReasonCode::TimedOut), false),
                None
            );
            settling
        };
        let mut settling = held();
        let back = alarm(40, AlarmKind::Back { since: at(10) });
        assert_eq!(settling.take(back, true), None);
        assert_eq!(settling.poll(at(500), |_| Some(false)), []);
        assert_eq!(held().poll(at(500), |_| Some(true)), []);
        assert_eq!(held().poll(at(500), |_| None), []);
    }

    #[test]
    fn a_disk_and_a_camera_that_was_there_are_alarms_at_once() {
        let mut settling = Settling::new(Duration::from_secs(120));
        let full = stopped(10, ReasonCode::DiskFull);
        assert_eq!(settling.take(full.clone(), false), Some(full));
        let cut = stopped(10, ReasonCode::Cut);
        assert_eq!(settling.take(cut.clone(), true), Some(cut));
    }
}

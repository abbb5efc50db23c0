//! What is known of every feed, and what follows from it: a camera lost, a camera back, how long it was online.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use command::health::{Online, Rate, Seen};
use media::{
    CameraId, EventKind, FeedId, Profile, Reason, ReasonCode, SourceState, SourceStatus, WallTime,
};
use tagger::{Phase, Tag};

/// Last known status of every feed.
#[derive(Debug)]
pub struct Feeds {
    supervisor: ingest::Supervisor,
    last: RwLock<HashMap<FeedId, SourceStatus>>,
    online: Mutex<Online>,
}

impl Feeds {
    /// Nothing known yet.
    pub fn new(supervisor: ingest::Supervisor) -> Self {
        Self {
            supervisor,
            last: RwLock::default(),
            online: Mutex::default(),
        }
    }

    /// A feed's status as it is now.
    pub fn status(&self, feed: FeedId) -> Option<SourceStatus> {
        if let Some(feed) = self.supervisor.feed(feed) {
            return Some(feed.status.borrow().clone());
        }
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        last.get(&feed).cloned()
    }

    /// A feed changed. Returns how its camera is to be seen now.
    pub fn changed(&self, now: WallTime, feed: FeedId, status: SourceStatus) -> View {
        let view = {
            let mut last = self.last.write().unwrap_or_else(PoisonError::into_inner);
            last.insert(feed, status);
            let of = |profile| {
                last.get(&FeedId {
                    camera: feed.camera,
                    profile,
                })
            };
            View::of([of(Profile::Main), of(Profile::Sub)].into_iter().flatten())
        };
        let seen = match view {
            View::Live => Seen::Live,
            View::Down(_) => Seen::Offline,
            View::Unknown => Seen::Unwanted,
        };
        self.online().saw(now, feed.camera, seen);
        view
    }

    /// Reads everything anew, after changes were missed.
    pub fn resync(&self, now: WallTime) -> Vec<(CameraId, View)> {
        let all = self.supervisor.statuses();
        all.into_iter()
            .map(|(feed, status)| (feed.camera, self.changed(now, feed, status)))
            .collect()
    }

    /// A camera is no longer in the register.
    pub fn forget(&self, camera: &CameraId) {
        self.last
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|feed, _| feed.camera != *camera);
        self.online().forget(camera);
    }

    /// Feeds that play now, with their measured rates.
    pub fn live(&self) -> Vec<(FeedId, SourceStatus)> {
        let last = self.last.read().unwrap_or_else(PoisonError::into_inner);
        let live: Vec<FeedId> = last
            .iter()
            .filter(|(_, s)| s.state == SourceState::Live)
            .map(|(feed, _)| *feed)
            .collect();
        drop(last);
        live.into_iter()
            .filter_map(|feed| Some((feed, self.status(feed)?)))
            .filter(|(_, s)| s.state == SourceState::Live)
            .collect()
    }

    /// Online rate of all cameras since the start.
    pub fn online_rate(&self, now: WallTime) -> Rate {
        self.online().total(now)
    }

    fn online(&self) -> std::sync::MutexGuard<'_, Online> {
        self.online.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a camera is seen, from all its feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// A feed plays.
    Live,
    /// It was asked and does not deliver.
    Down(Reason),
    /// Nobody asks, or it is not the camera's fault.
    Unknown,
}

impl View {
    fn of<'a>(feeds: impl Iterator<Item = &'a SourceStatus>) -> Self {
        let mut view = Self::Unknown;
        for status in feeds {
            match &status.reason {
                _ if status.state == SourceState::Live => return Self::Live,
                Some(reason) if is_the_cameras(reason.code) => view = Self::Down(reason.clone()),
                _ => {}
            }
        }
        view
    }
}

/// Whether a reason tells of the camera and the way to it, and not of what we allow.
fn is_the_cameras(code: ReasonCode) -> bool {
    !matches!(
        code,
        ReasonCode::LinkBudget
            | ReasonCode::Preempted
            | ReasonCode::Disabled
            | ReasonCode::Forbidden
            | ReasonCode::ShuttingDown
    )
}

/// When a camera counts as lost, and when as back. Pure: the caller gives the time.
#[derive(Debug)]
pub struct Connections {
    patience: Duration,
    first: Duration,
    cameras: HashMap<CameraId, Connection>,
    /// Those that have been live: only they can be lost.
    met: HashSet<CameraId>,
}

#[derive(Debug)]
enum Connection {
    Down { since: WallTime, reason: Reason },
    Lost { since: WallTime },
}

impl Connections {
    /// A camera that is down for longer than `patience` is lost; one that was never live since the start, for longer than
    /// `first`: after a power cut cameras boot as long as the gateway does and longer, and none of them is an alarm.
    pub fn new(patience: Duration, first: Duration) -> Self {
        Self {
            patience,
            first: first.max(patience),
            cameras: HashMap::new(),
            met: HashSet::new(),
        }
    }

    /// A camera is seen so.
    pub fn saw(&mut self, now: WallTime, camera: CameraId, view: View) -> Vec<Tag> {
        if view == View::Live {
            self.met.insert(camera);
        }
        match (view, self.cameras.get_mut(&camera)) {
            (View::Live, Some(Connection::Lost { since })) => {
                let since = *since;
                self.cameras.remove(&camera);
                let away = now.since(since).as_secs();
                let text = format!("back after {away} s");
                vec![
                    tag(
                        camera,
                        EventKind::ConnectionLost,
                        Phase::End,
                        since,
                        now,
                        &text,
                    ),
                    tag(
                        camera,
                        EventKind::ConnectionBack,
                        Phase::Start,
                        now,
                        now,
                        &text,
                    ),
                    tag(
                        camera,
                        EventKind::ConnectionBack,
                        Phase::End,
                        now,
                        now,
                        &text,
                    ),
                ]
            }
            (View::Live, _) => {
                self.cameras.remove(&camera);
                Vec::new()
            }
            (View::Down(reason), None) => {
                self.cameras
                    .insert(camera, Connection::Down { since: now, reason });
                Vec::new()
            }
            (View::Down(new), Some(Connection::Down { reason, .. })) => {
                *reason = new;
                Vec::new()
            }
            (View::Down(_), Some(Connection::Lost { .. })) => Vec::new(),
            // Nobody asks any more: a loss that was told stays told until it is seen again.
            (View::Unknown, Some(Connection::Down { .. })) => {
                self.cameras.remove(&camera);
                Vec::new()
            }
            (View::Unknown, _) => Vec::new(),
        }
    }

    /// Those whose patience is over.
    pub fn poll(&mut self, now: WallTime) -> Vec<Tag> {
        let mut tags = Vec::new();
        for (camera, connection) in &mut self.cameras {
            let met = self.met.contains(camera);
            let patience = if met { self.patience } else { self.first };
            if let Connection::Down { since, reason } = connection
                && now.since(*since) >= patience
            {
                let since = *since;
                let text = match met {
                    true => reason.text.clone(),
                    false => format!("not once since the start: {}", reason.text),
                };
                *connection = Connection::Lost { since };
                tags.push(tag(
                    *camera,
                    EventKind::ConnectionLost,
                    Phase::Start,
                    since,
                    now,
                    &text,
                ));
            }
        }
        tags
    }

    /// A camera is no longer in the register.
    pub fn forget(&mut self, camera: &CameraId) {
        self.cameras.remove(camera);
        self.met.remove(camera);
    }
}

/// A tag that no picture made.
pub fn tag(
    camera: CameraId,
    kind: EventKind,
    phase: Phase,
    start: WallTime,
    at: WallTime,
    text: &str,
) -> Tag {
    Tag {
        camera,
        kind,
        phase,
        start,
        at,
        score: 1.0,
        snapshot: None,
        text: text.to_owned(),
    }
}

/// Shared by the tasks that need it.
pub type Shared = Arc<Feeds>;

#[cfg(test)]
mod tests {
    use super::*;

    fn down(code: ReasonCode) -> View {
        View::Down(Reason::new(code, "no packets for 5 s"))
    }

    #[test]
    fn a_short_break_is_no_loss_and_a_long_one_is_told_once() {
        let camera = "44140300001326000001".parse().unwrap();
        let at = WallTime::from_secs;
        let mut c = Connections::new(Duration::from_secs(5), Duration::from_secs(120));
        assert!(c.saw(at(0), camera, View::Live).is_empty());
        assert!(c.saw(at(0), camera, down(ReasonCode::Cut)).is_empty());
        assert!(c.poll(at(4)).is_empty());
        assert!(c.saw(at(4), camera, View::Live).is_empty());
        c.saw(at(10), camera, down(ReasonCode::Cut));
        c.saw(at(12), camera, down(ReasonCode::NoPackets));
        let told = c.poll(at(15));
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].kind, told[0].start),
            (EventKind::ConnectionLost, at(10))
        );
        assert!(c.poll(at(16)).is_empty());
        c.saw(at(20), camera, View::Unknown);
        let back = c.saw(at(30), camera, View::Live);
        let told: Vec<_> = back.iter().map(|t| (t.kind, t.phase)).collect();
        assert_eq!(
            told,
            [
                (EventKind::ConnectionLost, Phase::End),
                (EventKind::ConnectionBack, Phase::Start),
                (EventKind::ConnectionBack, Phase::End)
            ]
        );
    }

    #[test]
    fn who_has_not_answered_yet_is_not_lost_before_a_longer_patience_is_over() {
        let camera = "44140300001326000001".parse().unwrap();
        let at = WallTime::from_secs;
        let mut c = Connections::new(Duration::from_secs(5), Duration::from_secs(120));
        c.saw(at(0), camera, down(ReasonCode::TimedOut));
        assert!(c.poll(at(119)).is_empty());
        let told = c.poll(at(120));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].text, "not once since the start: no packets for 5 s");
        // Once met, it is lost as soon as any other.
        assert_eq!(c.saw(at(200), camera, View::Live).len(), 3);
        c.saw(at(300), camera, down(ReasonCode::Cut));
        assert_eq!(c.poll(at(305)).len(), 1);
        // And a camera that comes in time was never an alarm.
        let mut c = Connections::new(Duration::from_secs(5), Duration::from_secs(120));
        c.saw(at(0), camera, down(ReasonCode::TimedOut));
        assert!(c.saw(at(60), camera, View::Live).is_empty());
        assert!(c.poll(at(500)).is_empty());
    }

    #[test]
    fn a_full_link_is_not_the_cameras_fault() {
        let status = |code| SourceStatus {
            state: SourceState::Backoff,
            reason: Some(Reason::new(code, "x")),
            ..SourceStatus::idle(WallTime(0))
        };
        assert_eq!(
            View::of([&status(ReasonCode::LinkBudget)].into_iter()),
            View::Unknown
        );
        assert!(matches!(
            View::of([&status(ReasonCode::TimedOut)].into_iter()),
            View::Down(_)
        ));
    }
}

//! What changes, told to every page that listens: cameras, events, incidents. The last ones are kept for a moment, so that a
//! page that was away shortly misses nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use command::{Incident, wall::Wall};
use media::{CameraId, Event, EventId, RegionCode};
use rand::RngCore;
use tokio::sync::broadcast;

use crate::{
    api::{
        incidents::view::View as IncidentView,
        view::{self, EventView},
        walls::View as WallView,
    },
    gateway::Gateway,
    walls::Present,
};

/// Messages kept for who comes back.
const KEPT: usize = 1024;
/// Bytes of JSON kept with them.
const KEPT_BYTES: usize = 4 * 1024 * 1024;
/// Messages that one listener may be behind before it is told to read again.
const BEHIND: usize = 512;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A camera's state.
    Camera,
    /// An event began, went on, ended.
    Event,
    /// An incident was opened or moved.
    Incident,
    /// Somebody in the field shares where they are, or no longer.
    Position,
    /// A rule has something to say to people.
    Notice,
    /// A shared wall shows something else.
    Wall,
    /// Screens of a shared wall came, went, or show something else.
    Screens,
}

impl Topic {
    /// The name of the server-sent event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Event => "event",
            Self::Incident => "incident",
            Self::Position => "position",
            Self::Notice => "notice",
            Self::Wall => "wall",
            Self::Screens => "screens",
        }
    }
}

/// What a message concerns, for the question who may hear it.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Where that lies; none for the gateway itself.
    pub region: Option<RegionCode>,
    /// Which incident it is about.
    pub incident: Option<EventId>,
    /// Which camera.
    pub camera: Option<CameraId>,
    /// Which shared wall.
    pub wall: Option<Arc<Wall>>,
}

impl From<Option<RegionCode>> for About {
    fn from(region: Option<RegionCode>) -> Self {
        Self {
            region,
            ..Self::default()
        }
    }
}

impl From<&Arc<Wall>> for About {
    fn from(wall: &Arc<Wall>) -> Self {
        Self {
            region: Some(wall.region),
            wall: Some(Arc::clone(wall)),
            ..Self::default()
        }
    }
}

/// One message, serialised once for all listeners.
#[derive(Debug)]
pub struct Message {
    /// Rises by one.
    pub number: u64,
    /// As sent: the process's own mark and the number.
    pub id: String,
    /// What it is about.
    pub topic: Topic,
    /// What it concerns.
    pub about: About,
    /// One line of JSON.
    pub json: String,
}

/// The hub.
#[derive(Debug)]
pub struct Hub {
    /// Tells this process from the one before, whose numbers mean nothing any more.
    mark: String,
    live: broadcast::Sender<Arc<Message>>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    bytes: usize,
    messages: VecDeque<Arc<Message>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}

impl Hub {
    /// Nothing told yet.
    pub fn new() -> Self {
        Self {
            mark: format!("{:08x}", rand::rng().next_u32()),
            live: broadcast::Sender::new(BEHIND),
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is told from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Message>> {
        self.live.subscribe()
    }

    /// What was told after the message of that id; none where that cannot be known.
    pub fn since(&self, id: &str) -> Option<Vec<Arc<Message>>> {
        let (mark, number) = id.split_once('-')?;
        let number: u64 = number.parse().ok().filter(|_| mark == self.mark)?;
        let kept = self.kept();
        let oldest = kept.messages.front().map_or(kept.next, |m| m.number);
        if number >= kept.next || number + 1 < oldest {
            return None;
        }
        let after = kept.messages.iter().filter(|m| m.number > number);
        Some(after.cloned().collect())
    }

    fn tell(&self, topic: Topic, about: impl Into<About>, json: serde_json::Result<String>) {
        let json = match json {
            Ok(json) => json,
            Err(error) => {
                tracing::error!(%error, topic = topic.as_str(), "a message could not be written as JSON");
                return;
            }
        };
        let mut kept = self.kept();
        let number = kept.next;
        kept.next += 1;
        kept.bytes += json.len();
        let message = Arc::new(Message {
            number,
            id: format!("{}-{number}", self.mark),
            topic,
            about: about.into(),
            json,
        });
        kept.messages.push_back(Arc::clone(&message));
        while kept.messages.len() > KEPT || kept.bytes > KEPT_BYTES {
            let Some(old) = kept.messages.pop_front() else {
                break;
            };
            kept.bytes -= old.json.len();
        }
        // Sent under the lock, so that listeners get numbers in order. Nobody listening is no error.
        let _ = self.live.send(message);
    }

    /// A camera looks so now.
    pub fn camera(&self, gateway: &Gateway, code: &media::CameraId) {
        let register = gateway.register.read();
        if let Some(camera) = register.camera(code) {
            let json = view::camera(gateway, &register, camera, |c| serde_json::to_string(c));
            let about = About {
                region: Some(camera.region),
                camera: Some(*code),
                ..About::default()
            };
            self.tell(Topic::Camera, about, json);
        }
    }

    /// An event looks so now.
    pub fn event(&self, register: &command::Register, event: Event) {
        let region = event.region;
        let json = serde_json::to_string(&EventView::of(register, event));
        self.tell(Topic::Event, region, json);
    }

    /// Something to be said to those who see that region.
    pub fn notice<T: serde::Serialize>(&self, region: Option<RegionCode>, notice: &T) {
        self.tell(Topic::Notice, region, serde_json::to_string(notice));
    }

    /// An incident looks so now.
    pub fn incident(&self, incident: &Incident) {
        let about = About {
            region: Some(incident.region),
            incident: Some(incident.id),
            ..About::default()
        };
        let json = serde_json::to_string(&IncidentView::told(incident));
        self.tell(Topic::Incident, about, json);
    }

    /// A shared wall looks so now.
    pub fn wall(&self, wall: &Arc<Wall>) {
        let json = serde_json::to_string(&WallView::of(wall));
        self.tell(Topic::Wall, About::from(wall), json);
    }

    /// A shared wall was taken away.
    pub fn wall_removed(&self, wall: &Arc<Wall>) {
        let gone = serde_json::json!({"id": wall.id, "removed": true});
        self.tell(Topic::Wall, About::from(wall), Ok(gone.to_string()));
    }

    /// These windows show it now.
    pub fn present(&self, wall: &Arc<Wall>, present: &[Present]) {
        let json = serde_json::json!({"wall": wall.id, "present": present});
        self.tell(Topic::Screens, About::from(wall), Ok(json.to_string()));
    }
}

impl Hub {
    /// Somebody is there now, or is not seen any more.
    pub fn position(&self, position: &crate::positions::Position) {
        let json = serde_json::to_string(position);
        self.tell(Topic::Position, Some(position.region), json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(hub: &Hub, n: usize) {
        hub.tell(Topic::Event, About::default(), Ok(format!("{{\"n\":{n}}}")));
    }

    #[test]
    fn who_comes_back_in_time_misses_nothing() {
        let hub = Hub::new();
        let mut live = hub.subscribe();
        tell(&hub, 0);
        let first = live.try_recv().unwrap();
        for n in 1..4 {
            tell(&hub, n);
        }
        let missed = hub.since(&first.id).unwrap();
        assert_eq!(
            missed.iter().map(|m| m.number).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        assert!(hub.since(&missed[2].id).unwrap().is_empty());
    }

    #[test]
    fn who_comes_too_late_or_from_another_process_reads_again() {
        let hub = Hub::new();
        for n in 0..KEPT + 10 {
            tell(&hub, n);
        }
        assert!(hub.since(&format!("{}-3", hub.mark)).is_none());
        assert!(hub.since(&format!("{}-9", hub.mark)).is_some());
        assert!(hub.since("00000000-9").is_none() || hub.mark == "00000000");
        assert!(hub.since(&format!("{}-99999", hub.mark)).is_none());
        assert!(hub.since("nonsense").is_none());
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes() {
        let hub = Hub::new();
        for _ in 0..100 {
            hub.tell(Topic::Event, About::default(), Ok("x".repeat(100_000)));
        }
        assert!(hub.kept().bytes <= KEPT_BYTES);
    }
}

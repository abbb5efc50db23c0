//! Which events happened together: of one kind, at one place, within one minute, on several cameras. Pure.

use std::{collections::VecDeque, time::Duration};

use media::{CameraId, EventId, EventKind, Place, WallTime};
use serde::{Deserialize, Serialize};

/// What is one place, and what is one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nearness {
    /// Metres.
    pub within_m: f64,
    /// Seconds.
    pub within_s: u32,
}

impl Default for Nearness {
    fn default() -> Self {
        Self {
            within_m: 200.0,
            within_s: 60,
        }
    }
}

/// An event with its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Which.
    pub id: EventId,
    /// What.
    pub kind: EventKind,
    /// Which camera; none: of a person or another system.
    pub camera: Option<CameraId>,
    /// Where.
    pub place: Place,
    /// When it began.
    pub at: WallTime,
}

/// Events of the last moments.
#[derive(Debug, Default)]
pub struct Together {
    recent: VecDeque<(Placed, EventId)>,
}

/// Events remembered; a district in a storm has fewer in a minute.
const MAX_RECENT: usize = 4000;

impl Together {
    /// An event has begun: the first that it happened together with, if there is one. Of one camera's own repeats there is none.
    pub fn handle(&mut self, event: Placed, near: &Nearness) -> Option<EventId> {
        let within = Duration::from_secs(near.within_s.into());
        // Events come in about the order of time: one that is told late is compared with what is still remembered.
        while self.recent.len() >= MAX_RECENT
            || self
                .recent
                .front()
                .is_some_and(|(old, _)| event.at.since(old.at) > within * 2)
        {
            self.recent.pop_front();
        }
        let is_near = |(other, _): &&(Placed, EventId)| {
            let apart = event.at.since(other.at).max(other.at.since(event.at));
            other.kind == event.kind
                && apart <= within
                && (other.camera.is_none() || other.camera != event.camera)
                && other.id != event.id
                && other.place.distance_m(&event.place) <= near.within_m
        };
        let first = self.recent.iter().find(is_near).map(|(_, first)| *first);
        self.recent.push_back((event, first.unwrap_or(event.id)));
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: u32, at_s: i64, lon: f64) -> Placed {
        Placed {
            id: EventId {
                at: at_s,
                number: n,
            },
            kind: EventKind::Motion,
            camera: Some(format!("44140300001326{n:06}").parse().unwrap()),
            place: Place { lon, lat: 24.3 },
            at: WallTime::from_secs(at_s),
        }
    }

    #[test]
    fn one_place_and_one_minute_are_one_thing() {
        let mut together = Together::default();
        let near = Nearness::default();
        let first = event(1, 0, 116.0);
        assert_eq!(together.handle(first, &near), None);
        // 0.001 degrees of longitude are 101 m here.
        assert_eq!(
            together.handle(event(2, 30, 116.001), &near),
            Some(first.id)
        );
        assert_eq!(
            together.handle(event(3, 59, 116.0025), &near),
            Some(first.id),
            "near the second: the same thing"
        );
        assert_eq!(
            together.handle(event(4, 59, 116.01), &near),
            None,
            "a kilometre away"
        );
        assert_eq!(
            together.handle(event(1, 59, 116.0), &near),
            Some(first.id),
            "by way of another camera"
        );
        assert_eq!(
            together.handle(
                Placed {
                    kind: EventKind::Dark,
                    ..event(5, 59, 116.0)
                },
                &near
            ),
            None
        );
        assert_eq!(
            together.handle(event(6, 300, 116.0), &near),
            None,
            "minutes later"
        );
        assert_eq!(
            together.handle(event(6, 310, 116.0), &near),
            None,
            "its own repeat"
        );
        for n in 0..4500 {
            together.handle(event(n, 400, 100.0 + f64::from(n) * 0.01), &near);
        }
        assert!(together.recent.len() <= MAX_RECENT);
    }
}

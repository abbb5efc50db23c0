//! From tags to events: what is repeated soon is folded under the event before. Pure; the gateway keeps the events.

use std::time::Duration;

use media::{CameraId, Event, EventId, EventKind, Grade, WallTime};
use serde::{Deserialize, Serialize};

use crate::tag::{Phase, Tag};

/// When a tag belongs to the event before it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Folding {
    /// A start this soon after the end of the event before is a repeat of it, seconds.
    pub window_s: f64,
    /// An event takes repeats for this long, seconds: a busy street makes an event every so often, not one a day.
    pub longest_s: f64,
}

impl Default for Folding {
    fn default() -> Self {
        Self {
            window_s: 30.0,
            longest_s: 600.0,
        }
    }
}

impl Folding {
    /// The event that `tag` makes: a changed copy of `previous` (same id: to be written again), or a new one. A new one soon
    /// after `previous` says in `repeats` under which it is folded; whoever keeps the events counts it there.
    ///
    /// `previous` is the newest event of this camera and kind; one of another camera or kind is not looked at. The region is
    /// left to the caller, who knows the register: it is copied from `previous` and none in a new event.
    pub fn fold(&self, tag: &Tag, previous: Option<&Event>) -> Event {
        let previous = previous
            .filter(|p| p.camera == Some(tag.camera) && p.kind == tag.kind && p.start <= tag.at);
        match (tag.phase, previous) {
            (Phase::Start, Some(p)) if self.repeats(tag, p) => Event {
                repeats: Some(p.repeats.unwrap_or(p.id)),
                ..fresh(tag)
            },
            (Phase::Going, Some(p)) if p.end.is_none_or(|end| end >= tag.start) => Event {
                end: None,
                ..extended(tag, p)
            },
            (Phase::End, Some(p)) if p.end.is_none_or(|end| end >= tag.start) => {
                let event = extended(tag, p);
                Event {
                    end: Some(event.last),
                    ..event
                }
            }
            _ => fresh(tag),
        }
    }

    fn repeats(&self, tag: &Tag, p: &Event) -> bool {
        // An event that never heard its end (the process was killed) counts as ended when it was last seen.
        let ended = p.end.unwrap_or(p.last);
        tag.start.since(ended) <= seconds(self.window_s)
            && tag.start > ended
            && tag.start.since(WallTime(p.repeats.unwrap_or(p.id).at)) <= seconds(self.longest_s)
    }
}

/// How grave a kind is when nobody has judged it yet.
pub fn grade(kind: EventKind) -> Grade {
    match kind {
        EventKind::Motion | EventKind::ConnectionBack | EventKind::RecordingBack => Grade::IV,
        EventKind::RecordingStopped | EventKind::Disk => Grade::II,
        _ => Grade::III,
    }
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
}

fn extended(tag: &Tag, p: &Event) -> Event {
    Event {
        last: p.last.max(tag.at),
        score: p.score.max(tag.score),
        snapshot: p.snapshot || tag.snapshot.is_some(),
        ..p.clone()
    }
}

fn fresh(tag: &Tag) -> Event {
    Event {
        id: EventId {
            at: tag.start.as_micros(),
            number: number(tag.camera, tag.kind),
        },
        kind: tag.kind,
        camera: Some(tag.camera),
        region: None,
        start: tag.start,
        last: tag.at,
        end: (tag.phase == Phase::End).then_some(tag.at),
        count: 1,
        grade: grade(tag.kind),
        score: tag.score,
        text: tag.text.clone(),
        snapshot: tag.snapshot.is_some(),
        acknowledged: None,
        more: media::event::More::default(),
        repeats: None,
        incident: None,
    }
}

/// The same for the same camera and kind, so that a tag told twice makes one event (FNV-1a, 32 bits).
fn number(camera: CameraId, kind: EventKind) -> u32 {
    camera
        .as_bytes()
        .iter()
        .chain(kind.as_str().as_bytes())
        .fold(0x811c_9dc5, |hash, b| {
            (hash ^ u32::from(*b)).wrapping_mul(0x0100_0193)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn tag(phase: Phase, start_s: i64, at_s: i64) -> Tag {
        Tag {
            camera: "44140300001321000001".parse().unwrap(),
            kind: EventKind::Motion,
            phase,
            start: WallTime::from_secs(start_s),
            at: WallTime::from_secs(at_s),
            score: 0.5,
            snapshot: (phase == Phase::Start).then(|| Bytes::from_static(b"jpeg")),
            text: "motion".into(),
        }
    }

    #[test]
    fn a_repeat_within_the_window_is_folded_under_the_first_and_keeps_its_own_times() {
        let folding = Folding::default();
        let first = folding.fold(&tag(Phase::Start, 100, 100), None);
        let first = folding.fold(&tag(Phase::End, 100, 103), Some(&first));
        assert_eq!(
            (first.end, first.count),
            (Some(WallTime::from_secs(103)), 1)
        );
        let again = folding.fold(&tag(Phase::Start, 120, 120), Some(&first));
        assert_ne!(again.id, first.id);
        assert_eq!(
            (again.repeats, again.start, again.end),
            (Some(first.id), WallTime::from_secs(120), None)
        );
        let again = folding.fold(&tag(Phase::End, 120, 125), Some(&again));
        assert_eq!(again.end, Some(WallTime::from_secs(125)));
        let third = folding.fold(&tag(Phase::Start, 130, 130), Some(&again));
        assert_eq!(
            third.repeats,
            Some(first.id),
            "under the first, not under the second"
        );
        let other = folding.fold(&tag(Phase::Start, 200, 200), Some(&again));
        assert_eq!(
            (other.repeats, other.start),
            (None, WallTime::from_secs(200))
        );
    }

    #[test]
    fn folding_has_an_end() {
        let folding = Folding::default();
        let mut event = folding.fold(&tag(Phase::Start, 0, 0), None);
        let mut ids = vec![event.id];
        for n in 1..100 {
            event = folding.fold(
                &tag(Phase::End, (n - 1) * 20, (n - 1) * 20 + 5),
                Some(&event),
            );
            event = folding.fold(&tag(Phase::Start, n * 20, n * 20), Some(&event));
            ids.push(event.repeats.unwrap_or(event.id));
        }
        ids.dedup();
        assert_eq!(ids.len(), 4, "2000 s of repeats, 600 s each");
    }

    #[test]
    fn an_end_without_a_start_is_an_event_of_its_own() {
        let folding = Folding::default();
        let event = folding.fold(&tag(Phase::End, 10, 12), None);
        assert_eq!(event.end, Some(WallTime::from_secs(12)));
        let mut other = tag(Phase::Start, 13, 13);
        other.kind = EventKind::Dark;
        assert_eq!(folding.fold(&other, Some(&event)).count, 1);
    }

    proptest! {
        /// Whatever is told in whatever order: an event never ends before it began nor was last seen after its end.
        #[test]
        fn times_stay_in_order(steps in proptest::collection::vec((0u8..3, 0i64..500, 0i64..100), 1..40)) {
            let folding = Folding::default();
            let mut event: Option<Event> = None;
            for (phase, start, length) in steps {
                let phase = [Phase::Start, Phase::Going, Phase::End][usize::from(phase)];
                let e = folding.fold(&tag(phase, start, start + length), event.as_ref());
                prop_assert!(e.start <= e.last);
                if let Some(end) = e.end { prop_assert!(e.last <= end && e.start <= end); }
                event = Some(e);
            }
        }
    }
}

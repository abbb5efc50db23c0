//! On which cameras something happens just now: what a plan "on event" starts and ends by.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use media::{CameraId, EventKind, WallTime};
use tagger::{Phase, Tag};

/// What happens, or happened last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occasion {
    /// When the first of what goes on began.
    pub start: WallTime,
    /// When it was last seen.
    pub last: WallTime,
    /// What goes on.
    open: Vec<EventKind>,
}

/// What goes on is said every ten seconds or so: what is not said for so long has ended, though nobody said that.
const STALE: Duration = Duration::from_secs(60);

/// Of every camera.
#[derive(Debug, Default)]
pub struct Occasions(RwLock<HashMap<CameraId, Occasion>>);

/// Whether there is something to record: a camera that is gone has no picture.
fn counts(kind: EventKind) -> bool {
    use EventKind::*;
    match kind {
        Motion | Frozen | Dark | Covered | Manual | External => true,
        PictureLost | ConnectionLost | ConnectionBack | RecordingStopped | RecordingBack | Disk
        | RateLow => false,
    }
}

impl Occasions {
    /// Takes note of a tag.
    pub fn saw(&self, tag: &Tag) {
        if !counts(tag.kind) {
            return;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new = Occasion {
            start: tag.start,
            last: tag.at,
            open: Vec::new(),
        };
        let known = all.entry(tag.camera).or_insert_with(|| new.clone());
        if known.open.is_empty() || tag.at.since(known.last) > STALE {
            *known = new;
        }
        known.last = known.last.max(tag.at);
        known.open.retain(|kind| *kind != tag.kind);
        if tag.phase != Phase::End {
            known.open.push(tag.kind);
        }
    }

    /// When it began, and when it was last seen: now, while it goes on.
    pub fn of(&self, camera: &CameraId, now: WallTime) -> Option<(WallTime, WallTime)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(camera)?;
        let goes_on = !known.open.is_empty() && now.since(known.last) <= STALE;
        let last = if goes_on {
            now.max(known.last)
        } else {
            known.last
        };
        Some((known.start, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_lasts_until_it_ends_or_is_not_said_any_more() {
        let camera: CameraId = "44140300001326000001".parse().unwrap();
        let at = WallTime::from_secs;
        let tag = |kind, phase, start, seen| Tag {
            camera,
            kind,
            phase,
            start: at(start),
            at: at(seen),
            score: 1.0,
            snapshot: None,
            text: String::new(),
        };
        let all = Occasions::default();
        assert_eq!(all.of(&camera, at(0)), None);
        all.saw(&tag(EventKind::ConnectionLost, Phase::Start, 0, 0));
        assert_eq!(all.of(&camera, at(0)), None, "there is no picture");
        all.saw(&tag(EventKind::Motion, Phase::Start, 10, 10));
        assert_eq!(all.of(&camera, at(15)), Some((at(10), at(15))));
        all.saw(&tag(EventKind::Dark, Phase::Start, 16, 16));
        all.saw(&tag(EventKind::Motion, Phase::End, 10, 17));
        assert_eq!(all.of(&camera, at(20)), Some((at(10), at(20))));
        all.saw(&tag(EventKind::Dark, Phase::End, 16, 18));
        assert_eq!(all.of(&camera, at(40)), Some((at(10), at(18))));
        all.saw(&tag(EventKind::Motion, Phase::Start, 50, 51));
        assert_eq!(all.of(&camera, at(52)), Some((at(50), at(52))));
        assert_eq!(all.of(&camera, at(200)), Some((at(50), at(51))), "stale");
    }
}

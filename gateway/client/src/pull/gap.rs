//! What is missing where a client fell back to another transport.

use std::time::Duration;

use media::{MediaTime, TrackKind, wire::Kind};

use crate::Message;

/// What a fall cost.
#[derive(Default)]
pub(super) struct Gap {
    pub(super) fell: bool,
    /// Feed, and its newest picture.
    last: Option<(u32, MediaTime)>,
    /// Between the last two pictures.
    step: Duration,
}

impl Gap {
    /// Media time that is missing before this.
    pub(super) fn look(&mut self, message: &Message) -> Option<Duration> {
        let Message::Media(header, _) = message else {
            return None;
        };
        if header.kind == Kind::Initialisation || header.track != TrackKind::Video {
            return None;
        }
        let before = self.last.replace((header.feed, header.media_time));
        let fell = std::mem::take(&mut self.fell);
        let (feed, time) = before?;
        let passed = (header.media_time - time).to_duration();
        if fell && feed == header.feed {
            return passed.checked_sub(self.step).filter(|d| !d.is_zero());
        }
        self.step = passed;
        None
    }
}

//! Whether the viewer can decode what a tile's source carries. What a camera sends is often not known before its first frame, and
//! it may change in mid-stream: so the host is asked for something else when a frame shows that it is needed.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use media::{Frame, Reason, ReasonCode, TrackKind, Tracks};
use tokio::sync::Notify;

use super::{Held, Output, Sent, Step, Tile, cursor, tell, told::Told};
use crate::Wish;

/// What has been found out, and asked.
#[derive(Default)]
pub(super) struct Fit {
    /// Tracks that were looked at last, and what can be done with them.
    known: Option<(Arc<Tracks>, Shows)>,
    /// Tracks that the host has been told of.
    asked: Option<Arc<Tracks>>,
    /// How often it was since a frame could be shown.
    asks: u8,
    /// A frame that waits for the host's answer.
    pub(super) held: Option<Arc<Frame>>,
}

impl Fit {
    /// Of a source that begins with this frame.
    pub(super) fn holding(frame: Arc<Frame>) -> Self {
        Self {
            held: Some(frame),
            ..Self::default()
        }
    }
}

/// What a viewer can make of tracks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    All,
    /// The pictures, not the sound.
    Silent,
    Nothing,
}

/// What is to be done with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    /// It cannot be decoded; something else is on its way.
    No,
    /// The host must be asked first.
    Ask,
}

/// Answers of a host, one after the other, none of which can be shown.
const MAX_ASKS: u8 = 4;

impl Tile {
    /// Whether sound of these tracks is sent.
    pub(super) fn hears(&self, tracks: &Tracks) -> bool {
        let decodes = self.shown.wish.decodes;
        let decoded = |a: &media::AudioTrack| decodes.contains(a.codec);
        self.audio && tracks.audio.as_ref().is_none_or(decoded)
    }

    fn shows(&self, tracks: &Tracks) -> Shows {
        if !self.shown.wish.decodes.shows(tracks) {
            Shows::Nothing
        } else if self.audio && !self.hears(tracks) {
            Shows::Silent
        } else {
            Shows::All
        }
    }

    /// What is to be done with a frame of the source that is shown.
    pub(super) fn fits(&mut self, frame: &Frame) -> Fits {
        let known = match &self.fit.known {
            Some((tracks, shows)) if Arc::ptr_eq(tracks, &frame.tracks) => *shows,
            _ => {
                let shows = self.shows(&frame.tracks);
                self.fit.known = Some((Arc::clone(&frame.tracks), shows));
                shows
            }
        };
        let asked = self
            .fit
            .asked
            .as_ref()
            .is_some_and(|t| **t == *frame.tracks);
        match known {
            Shows::All => {
                self.fit.asks = 0;
                Fits::Yes
            }
            Shows::Silent if asked => Fits::Yes,
            Shows::Nothing if asked => Fits::No,
            _ => Fits::Ask,
        }
    }

    /// A frame of the source that is switched to: taken over, unless it cannot be decoded either.
    pub(super) fn next_shows(&self, frame: &Frame) -> bool {
        let decodes = self.next.as_ref().map(|n| n.held.wish.decodes);
        decodes.is_none_or(|d| d.shows(&frame.tracks))
    }

    /// What the host is to be asked for anew.
    pub(in crate::session) fn unfit(&self) -> Wish {
        self.next
            .as_ref()
            .map_or(self.shown.wish, |next| next.held.wish)
    }

    /// The host has answered. A reason ends the tile.
    pub(in crate::session) fn refit(
        &mut self,
        now: Instant,
        given: Result<Held, Reason>,
        bell: Option<&Arc<Notify>>,
        out: &mut VecDeque<Output>,
    ) -> Option<Reason> {
        self.fit.asks = self.fit.asks.saturating_add(1);
        let given = match self.fit.asks > MAX_ASKS {
            true => Err(Reason::new(
                ReasonCode::Codec,
                "none of the streams there are can be decoded by this viewer",
            )),
            false => given,
        };
        if let Some(next) = self.next.take() {
            // The old picture stays whatever becomes of it.
            match given {
                Ok(held) if held.feed().number != next.held.feed().number => {
                    self.switch(held, next.asked, bell, out);
                }
                Ok(held) => {
                    let reason = cannot(&held);
                    self.next = Some(next);
                    self.give_up_switch(now, Some(reason), out);
                }
                Err(reason) => {
                    self.next = Some(next);
                    self.give_up_switch(now, Some(reason), out);
                }
            }
            return None;
        }
        let frame = self.fit.held.take()?;
        self.fit.asked = Some(Arc::clone(&frame.tracks));
        let silent = self.shows(&frame.tracks) == Shows::Silent;
        match given {
            Ok(held) if held.feed().number == self.shown.feed().number => {
                if !silent {
                    return Some(cannot(&held));
                }
                self.shown = held;
            }
            // Shown without sound until the other has a key frame.
            Ok(held) if silent => self.switch(held, false, bell, out),
            Ok(held) => {
                // What stands on the screen stays there until the other has a picture: nothing is sent that would clear it.
                self.told = tell(self.id, &held, &Told::Nothing, false, out);
                self.cursor = Some(cursor(&held, bell));
                self.seen = held.feed().ring.total().0;
                self.shown = held;
                self.sent = Sent::default();
                self.marks.clear();
                self.fit.asked = None;
                return None;
            }
            Err(reason) if !silent => return Some(reason),
            Err(reason) => {
                tracing::debug!(tile = self.id, %reason, "a tile stays without sound");
            }
        }
        self.fit.held = Some(frame);
        None
    }

    /// The frame is for the host to look at.
    pub(super) fn hold_back(&mut self, frame: Arc<Frame>) -> Step {
        self.fit.held = Some(frame);
        Step::Unfit
    }
}

fn cannot(held: &Held) -> Reason {
    let status = held.feed().status.borrow();
    let codec = status.tracks.as_ref().map(|t| t.video.codec_string.clone());
    let text = format!(
        "{} carries {}, which this viewer cannot decode",
        held.feed().id,
        codec.unwrap_or_else(|| "a codec".into())
    );
    Reason::new(ReasonCode::Codec, text)
}

/// Kind of a frame that only those hear who can.
pub(super) fn is_sound(frame: &Frame) -> bool {
    frame.track == TrackKind::Audio
}

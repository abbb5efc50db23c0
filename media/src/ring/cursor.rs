//! A reader's place in a ring.

use std::sync::Arc;

use tokio::sync::Notify;

use super::{Missed, Next, Ring};
use crate::{frame::Frame, time::MediaTime, track::TrackKind, units::ByteCount};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Running,
    /// Nothing is handed out before a video key frame.
    WaitKey,
}

/// One reader's place in a ring.
#[derive(Debug)]
pub struct Cursor {
    pub(super) ring: Ring,
    pub(super) bell: Option<Arc<Notify>>,
    /// Under which the ring knows its bell.
    pub(super) id: Option<u64>,
    /// Position of the frame to read next.
    pub(super) at: u64,
    pub(super) read_bytes: u64,
    pub(super) last_dts: Option<MediaTime>,
    pub(super) start: Start,
    /// It hands frames on to viewers.
    pub(super) edge: bool,
}

impl Cursor {
    /// What is next, if it is there already. Never blocks.
    pub fn try_next(&mut self) -> Option<Next> {
        let state = self.ring.lock();
        if self.at < state.first {
            // Too late: the newest key frame, else the next one to come.
            let to = state.newest_key().unwrap_or(state.end());
            let start = if state.newest_key().is_some() {
                Start::Running
            } else {
                Start::WaitKey
            };
            let bytes = state.bytes_before(to);
            let newest = state
                .entries
                .get((to - state.first) as usize)
                .or(state.entries.back());
            let missed = Missed {
                frames: to - self.at,
                bytes: bytes.saturating_sub(self.read_bytes),
                time: match (self.last_dts, newest) {
                    (Some(last), Some(e)) => e.frame.dts - last,
                    _ => MediaTime(0),
                },
            };
            drop(state);
            (self.at, self.read_bytes, self.start) = (to, bytes, start);
            return Some(Next::Skipped(missed));
        }
        loop {
            let Some(entry) = state.entries.get((self.at - state.first) as usize) else {
                return state.closed.clone().map(Next::Closed);
            };
            let frame = Arc::clone(&entry.frame);
            self.at += 1;
            self.read_bytes = entry.bytes_before + frame.data.len() as u64;
            if self.start == Start::WaitKey && !(frame.key && frame.track == TrackKind::Video) {
                continue;
            }
            self.start = Start::Running;
            self.last_dts = Some(frame.dts);
            return Some(Next::Frame(frame));
        }
    }

    /// What is next, waiting for it. Cancel safe. Only for a bell of this cursor's own: a quiet cursor is never woken.
    pub async fn next(&mut self) -> Next {
        loop {
            if let Some(next) = self.try_next() {
                return next;
            }
            match &self.bell {
                Some(bell) => bell.notified().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Its reader hands frames on to people who wait for them: from now on the ring is watched (see [`Ring::is_watched`]).
    pub fn at_once(mut self) -> Self {
        if self.id.is_some() && !self.edge {
            self.edge = true;
            self.ring.lock().edges += 1;
        }
        self
    }

    /// Position in the ring of the frame to read next: rises by one a frame, the same for all cursors of the ring.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Its place, while nothing but the next frame is to be read. None before its first frame, and after a skip.
    pub fn place(&self) -> Option<Place> {
        let last_dts = self.last_dts.filter(|_| self.start == Start::Running)?;
        Some(Place {
            at: self.at,
            read_bytes: self.read_bytes,
            last_dts,
        })
    }

    /// Goes to where its place has got to.
    pub fn resume(&mut self, place: Place) {
        (self.at, self.read_bytes) = (place.at, place.read_bytes);
        self.last_dts = Some(place.last_dts);
    }

    /// Goes to the newest key frame (or waits for one) and says what is left out.
    pub fn skip_to_newest(&mut self) -> Missed {
        let state = self.ring.lock();
        let to = state
            .newest_key()
            .filter(|key| *key >= self.at)
            .unwrap_or(state.end());
        let at = self.at.max(state.first);
        let bytes = state.bytes_before(to);
        let missed = Missed {
            frames: to - self.at,
            bytes: bytes.saturating_sub(self.read_bytes),
            time: match (
                self.last_dts,
                state
                    .entries
                    .get((to - state.first) as usize)
                    .or(state.entries.back()),
            ) {
                (Some(last), Some(e)) if to > at => e.frame.dts - last,
                _ => MediaTime(0),
            },
        };
        drop(state);
        (self.at, self.read_bytes, self.start) = (to, bytes, Start::WaitKey);
        missed
    }

    /// Payload bytes between this cursor and the newest frame.
    pub fn behind(&self) -> ByteCount {
        ByteCount(self.ring.lock().total_bytes.saturating_sub(self.read_bytes))
    }

    /// Whether nothing is left to read just now.
    pub fn is_caught_up(&self) -> bool {
        let state = self.ring.lock();
        self.at >= state.end()
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let mut state = self.ring.lock();
            state.bells.retain(|(bell, _)| *bell != id);
            state.edges -= usize::from(self.edge);
        }
    }
}

/// A cursor's place, apart from its ring: goes past frames that another cursor of the same ring has read, so that a thousand
/// readers who are level need not look into the ring each. Small, since a thousand of them are gone through for every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    at: u64,
    read_bytes: u64,
    last_dts: MediaTime,
}

impl Place {
    /// Position of the frame to read next.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Goes past a frame that another cursor has read at `position`, if that is the one to read next. Else nothing changes.
    pub fn take(&mut self, position: u64, frame: &Frame) -> bool {
        let next = self.at == position;
        if next {
            self.at += 1;
            self.read_bytes += frame.data.len() as u64;
            self.last_dts = frame.dts;
        }
        next
    }
}

//! A feed's ring: one writer, any number of cursors, bounded in bytes.
//!
//! The newest group is kept whole so that a viewer starts at once at its key frame; what lies before it is history for those
//! who are a little behind. Nobody who reads can hold up the writer: what a cursor has not read in time is gone, and the cursor
//! is told how much.

mod cursor;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{frame::Frame, reason::Reason, time::MediaTime, track::TrackKind, units::ByteCount};
use cursor::Start;
pub use cursor::{Cursor, Place};

/// How much a ring may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Hard bound: the oldest frames go, even those of the newest group.
    pub max: ByteCount,
    /// Bound on what is kept before the newest group.
    pub history: ByteCount,
}

impl Default for Limits {
    fn default() -> Self {
        // A 10 s group of a 4 Mbit/s camera is 5 MiB; three times that leaves room for a burst.
        Self {
            max: ByteCount::mebibytes(16),
            history: ByteCount::mebibytes(1),
        }
    }
}

/// How much of the past somebody wants a ring to hold (see [`Ring::keep`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// From the newest frame back, to the key frame at or before that.
    pub time: Duration,
    /// The ring's hard bound meanwhile, where that is more than its own.
    pub max: ByteCount,
}

/// Has a ring hold more of the past until dropped.
#[derive(Debug)]
pub struct Keep {
    ring: Ring,
    id: u64,
}

impl Drop for Keep {
    fn drop(&mut self) {
        let mut state = self.ring.lock();
        state.kept.retain(|(id, _)| *id != self.id);
        state.evict(self.ring.0.limits);
    }
}

/// What a late cursor missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Frames of all tracks.
    pub frames: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// From the last frame read to the one that comes next.
    pub time: MediaTime,
}

/// What a cursor yields.
#[derive(Clone, Debug)]
pub enum Next {
    /// The next frame, in order of arrival.
    Frame(Arc<Frame>),
    /// The cursor was too late; a video key frame follows.
    Skipped(Missed),
    /// The feed has ended and everything was read.
    Closed(Option<Reason>),
}

/// What a ring rings when something comes: a reader's own [`Notify`], or whatever wakes many readers at once.
///
/// Called with the ring's lock held: it must be short, must not block, and must not touch the ring.
pub trait Bell: fmt::Debug + Send + Sync {
    /// Something came, or the feed has ended.
    fn ring(&self);
}

impl Bell for Notify {
    fn ring(&self) {
        self.notify_one();
    }
}

/// The shared ring. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Ring(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    /// Position of `entries[0]`; positions rise by one a frame and never restart.
    first: u64,
    /// Positions of the video key frames that are here, in order.
    keys: VecDeque<u64>,
    /// What somebody wants kept beside the newest group: by number.
    kept: Vec<(u64, Kept)>,
    next_kept: u64,
    held_bytes: u64,
    /// Payload bytes ever pushed.
    total_bytes: u64,
    closed: Option<Option<Reason>>,
    bells: Vec<(u64, Arc<dyn Bell>)>,
    next_bell: u64,
    /// Cursors that hand frames on to viewers.
    edges: usize,
}

#[derive(Debug)]
struct Entry {
    frame: Arc<Frame>,
    /// Payload bytes pushed before this frame.
    bytes_before: u64,
}

impl Ring {
    /// An empty ring.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            limits,
            state: Mutex::default(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a frame and rings every cursor's bell. Only the feed's session calls this.
    pub fn push(&self, frame: Arc<Frame>) {
        let mut state = self.lock();
        let position = state.first + state.entries.len() as u64;
        if frame.key && frame.track == TrackKind::Video {
            state.keys.push_back(position);
        }
        state.held_bytes += frame.cost_bytes();
        let bytes_before = state.total_bytes;
        state.total_bytes += frame.data.len() as u64;
        state.entries.push_back(Entry {
            frame,
            bytes_before,
        });
        state.evict(self.0.limits);
        for (_, bell) in &state.bells {
            bell.ring();
        }
    }

    /// Ends the feed: cursors read what is left, then [`Next::Closed`].
    pub fn close(&self, reason: Option<Reason>) {
        let mut state = self.lock();
        state.closed.get_or_insert(reason);
        for (_, bell) in &state.bells {
            bell.ring();
        }
    }

    /// A cursor at the newest key frame if there is one, else at the next to come.
    pub fn cursor_at_key(&self, bell: Arc<Notify>) -> Cursor {
        let mut state = self.lock();
        let (at, start) = state.at_key();
        self.cursor(&mut state, Some(bell), at, start)
    }

    /// The same without a bell: its owner is told by another reader of the same ring (see [`Place`]).
    pub fn quiet_cursor_at_key(&self) -> Cursor {
        let mut state = self.lock();
        let (at, start) = state.at_key();
        self.cursor(&mut state, None, at, start)
    }

    /// A cursor at what comes next, be it a key frame or not, for one who hands frames on to others. [`Cursor::next`] never
    /// wakes on it.
    pub fn cursor_at_edge(&self, bell: Arc<dyn Bell>) -> Cursor {
        let mut state = self.lock();
        let at = state.end();
        let mut cursor = self.cursor(&mut state, None, at, Start::Running);
        cursor.id = Some(state.hang(bell));
        cursor.edge = true;
        state.edges += 1;
        cursor
    }

    /// Whether anybody hands its frames on to viewers: they want them at once.
    pub fn is_watched(&self) -> bool {
        self.lock().edges > 0
    }

    /// Tells rings apart: the same for all handles to one, and for no other ring that lives at the same time.
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// A cursor at the oldest frame still held (for readers who want all, such as a test); begins at a key frame if there is one.
    pub fn cursor_at_start(&self, bell: Arc<Notify>) -> Cursor {
        let mut state = self.lock();
        let at = state.first_key_from(state.first).unwrap_or(state.end());
        self.cursor(&mut state, Some(bell), at, Start::WaitKey)
    }

    fn cursor(
        &self,
        state: &mut State,
        bell: Option<Arc<Notify>>,
        at: u64,
        start: Start,
    ) -> Cursor {
        let id = bell.clone().map(|bell| state.hang(bell));
        Cursor {
            ring: self.clone(),
            bell,
            id,
            at,
            read_bytes: state.bytes_before(at),
            last_dts: None,
            start,
            edge: false,
        }
    }

    /// Has the ring hold this much of the past from now on, until what is given back is dropped: what came before an event is
    /// to be recorded with it. Where several ask, the most that is asked for.
    pub fn keep(&self, kept: Kept) -> Keep {
        let mut state = self.lock();
        let id = state.next_kept;
        state.next_kept += 1;
        state.kept.push((id, kept));
        drop(state);
        Keep {
            ring: self.clone(),
            id,
        }
    }

    /// How far back a recording could begin: from the newest frame to the oldest key frame that is here.
    pub fn reach(&self) -> Duration {
        let state = self.lock();
        let Some(newest) = state.entries.back() else {
            return Duration::ZERO;
        };
        let dts = |at: u64| state.entries[(at - state.first) as usize].frame.dts;
        state.keys.front().map_or(Duration::ZERO, |oldest| {
            (newest.frame.dts - dts(*oldest)).to_duration()
        })
    }

    /// The newest video key frame, if it is still here (for stills).
    pub fn newest_key(&self) -> Option<Arc<Frame>> {
        let state = self.lock();
        let at = state.newest_key()?;
        Some(Arc::clone(
            &state.entries[(at - state.first) as usize].frame,
        ))
    }

    /// Bytes held, by [`Frame::cost_bytes`].
    pub fn held(&self) -> ByteCount {
        ByteCount(self.lock().held_bytes)
    }

    /// Payload bytes ever pushed.
    pub fn total(&self) -> ByteCount {
        ByteCount(self.lock().total_bytes)
    }
}

impl State {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn newest_key(&self) -> Option<u64> {
        self.keys.back().copied()
    }

    fn at_key(&self) -> (u64, Start) {
        match self.newest_key() {
            Some(key) => (key, Start::Running),
            None => (self.end(), Start::WaitKey),
        }
    }

    fn hang(&mut self, bell: Arc<dyn Bell>) -> u64 {
        let id = self.next_bell;
        self.next_bell += 1;
        // What is there already must wake a reader that has not looked yet.
        bell.ring();
        self.bells.push((id, bell));
        id
    }

    fn bytes_before(&self, at: u64) -> u64 {
        match self.entries.get((at - self.first) as usize) {
            Some(entry) => entry.bytes_before,
            None => self.total_bytes,
        }
    }

    fn first_key_from(&self, at: u64) -> Option<u64> {
        self.keys.iter().copied().find(|key| *key >= at)
    }

    fn evict(&mut self, limits: Limits) {
        let most = self.kept.iter().map(|(_, kept)| kept.max).max();
        let max = limits.max.max(most.unwrap_or_default());
        loop {
            let over_hard = self.held_bytes > max.0 && self.entries.len() > 1;
            let over_history = self.newest_key().is_some_and(|key| key > self.first)
                && self.history_bytes() > limits.history.0
                && !self.is_kept();
            if !(over_hard || over_history) {
                return;
            }
            let Some(entry) = self.entries.pop_front() else {
                return;
            };
            self.held_bytes -= entry.frame.cost_bytes();
            if self.keys.front() == Some(&self.first) {
                self.keys.pop_front();
            }
            self.first += 1;
        }
    }

    /// Whether somebody wants the oldest group kept: without it the oldest key frame would be younger than what is asked for.
    fn is_kept(&self) -> bool {
        let Some(time) = self.kept.iter().map(|(_, kept)| kept.time).max() else {
            return false;
        };
        let begins = self.keys.front().is_some_and(|key| *key == self.first);
        let next = self.keys.get(usize::from(begins));
        match (next, self.entries.back()) {
            (Some(next), Some(newest)) => {
                let next = &self.entries[(next - self.first) as usize].frame;
                // What lies before the oldest key frame begins nothing.
                begins && (newest.frame.dts - next.dts).to_duration() < time
            }
            _ => false,
        }
    }

    /// Payload bytes before the newest key frame.
    fn history_bytes(&self) -> u64 {
        match (self.newest_key(), self.entries.front()) {
            (Some(key), Some(front)) => self.bytes_before(key) - front.bytes_before,
            _ => 0,
        }
    }
}

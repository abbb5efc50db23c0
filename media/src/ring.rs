//! A feed's ring: one writer, any number of cursors, bounded in bytes.
//!
//! The newest group is kept whole so that a viewer starts at once at its key frame; what lies before it is history for those
//! who are a little behind. Nobody who reads can hold up the writer: what a cursor has not read in time is gone, and the cursor
//! is told how much.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{frame::Frame, reason::Reason, time::MediaTime, track::TrackKind, units::ByteCount};

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
    /// Position of the newest video key frame, if it is still here.
    newest_key: Option<u64>,
    held_bytes: u64,
    /// Payload bytes ever pushed.
    total_bytes: u64,
    closed: Option<Option<Reason>>,
    bells: Vec<(u64, Arc<dyn Bell>)>,
    next_bell: u64,
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
            state.newest_key = Some(position);
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
        cursor
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
        }
    }

    /// The newest video key frame, if it is still here (for stills).
    pub fn newest_key(&self) -> Option<Arc<Frame>> {
        let state = self.lock();
        let at = state.newest_key?;
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

    fn at_key(&self) -> (u64, Start) {
        match self.newest_key {
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
        let skip = (at - self.first) as usize;
        let found = self
            .entries
            .iter()
            .skip(skip)
            .position(|e| e.frame.key && e.frame.track == TrackKind::Video)?;
        Some(at + found as u64)
    }

    fn evict(&mut self, limits: Limits) {
        loop {
            let over_hard = self.held_bytes > limits.max.0 && self.entries.len() > 1;
            let over_history = self.newest_key.is_some_and(|key| key > self.first)
                && self.history_bytes() > limits.history.0;
            if !(over_hard || over_history) {
                return;
            }
            let Some(entry) = self.entries.pop_front() else {
                return;
            };
            self.held_bytes -= entry.frame.cost_bytes();
            if self.newest_key == Some(self.first) {
                self.newest_key = None;
            }
            self.first += 1;
        }
    }

    /// Payload bytes before the newest key frame.
    fn history_bytes(&self) -> u64 {
        match (self.newest_key, self.entries.front()) {
            (Some(key), Some(front)) => self.bytes_before(key) - front.bytes_before,
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Running,
    /// Nothing is handed out before a video key frame.
    WaitKey,
}

/// One reader's place in a ring.
#[derive(Debug)]
pub struct Cursor {
    ring: Ring,
    bell: Option<Arc<Notify>>,
    /// Under which the ring knows its bell.
    id: Option<u64>,
    /// Position of the frame to read next.
    at: u64,
    read_bytes: u64,
    last_dts: Option<MediaTime>,
    start: Start,
}

impl Cursor {
    /// What is next, if it is there already. Never blocks.
    pub fn try_next(&mut self) -> Option<Next> {
        let state = self.ring.lock();
        if self.at < state.first {
            // Too late: the newest key frame, else the next one to come.
            let to = state.newest_key.unwrap_or(state.end());
            let start = if state.newest_key.is_some() {
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
            .newest_key
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

impl Drop for Cursor {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.ring.lock().bells.retain(|(bell, _)| *bell != id);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        time::WallTime,
        track::{Tracks, VideoCodec, VideoTrack},
    };
    use bytes::Bytes;
    use proptest::prelude::*;

    pub(crate) fn tracks() -> Arc<Tracks> {
        Arc::new(Tracks {
            video: VideoTrack {
                codec: VideoCodec::H264,
                codec_string: "avc1.42c01e".into(),
                config: Bytes::from_static(&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0]),
                width: 640,
                height: 360,
            },
            audio: None,
        })
    }

    pub(crate) fn frame(tracks: &Arc<Tracks>, n: u32, gop: u32, len: usize) -> Arc<Frame> {
        let dts = MediaTime(i64::from(n) * 3600);
        Arc::new(Frame {
            feed: 1,
            tracks: Arc::clone(tracks),
            track: TrackKind::Video,
            key: n.is_multiple_of(gop),
            discontinuity: false,
            damaged: false,
            group: n / gop,
            number: n % gop,
            dts,
            pts: dts,
            duration: MediaTime(3600),
            captured: WallTime::from_secs(1),
            data: vec![n as u8; len].into(),
            package: Default::default(),
        })
    }

    fn bell() -> Arc<Notify> {
        Arc::new(Notify::new())
    }

    #[test]
    fn a_late_joiner_starts_at_the_key_frame_of_a_long_group() {
        let (ring, t) = (Ring::new(Limits::default()), tracks());
        for n in 0..430 {
            ring.push(frame(&t, n, 250, 9_000));
        }
        let mut cursor = ring.cursor_at_key(bell());
        let Some(Next::Frame(first)) = cursor.try_next() else {
            panic!("a frame is there")
        };
        assert!(first.key);
        assert_eq!(first.dts, MediaTime(250 * 3600));
    }

    #[test]
    fn a_slow_cursor_is_told_exactly_what_it_missed() {
        let limits = Limits {
            max: ByteCount(20_000),
            history: ByteCount(2_000),
        };
        let (ring, t) = (Ring::new(limits), tracks());
        ring.push(frame(&t, 0, 10, 500));
        let mut cursor = ring.cursor_at_key(bell());
        assert!(matches!(cursor.try_next(), Some(Next::Frame(_))));
        for n in 1..105 {
            ring.push(frame(&t, n, 10, 500));
        }
        let Some(Next::Skipped(missed)) = cursor.try_next() else {
            panic!("it must have been too late")
        };
        assert_eq!(
            missed,
            Missed {
                frames: 99,
                bytes: 99 * 500,
                time: MediaTime(100 * 3600)
            }
        );
        let Some(Next::Frame(next)) = cursor.try_next() else {
            panic!()
        };
        assert!(next.key);
        assert_eq!(next.group, 10);
    }

    proptest! {
        /// Whatever is pushed and however slowly it is read: the bound holds, frames come in order, what is missing is
        /// accounted for to the frame, and after a skip a key frame comes first.
        #[test]
        fn bounded_ordered_and_accounted(
            steps in proptest::collection::vec((1u8..20, 0u8..12, 1usize..4000), 1..60),
            gop in 1u32..30,
        ) {
            let limits = Limits { max: ByteCount(60_000), history: ByteCount(9_000) };
            let (ring, t) = (Ring::new(limits), tracks());
            ring.push(frame(&t, 0, gop, 100));
            let mut cursor = ring.cursor_at_key(bell());
            let (mut pushed, mut seen, mut missed) = (1u32, 0u64, 0u64);
            let (mut last, mut after_skip) = (None, false);
            for (push, read, len) in steps {
                for _ in 0..push {
                    ring.push(frame(&t, pushed, gop, len));
                    pushed += 1;
                }
                prop_assert!(ring.held().0 <= limits.max.0.max(len as u64 + 512));
                for _ in 0..read {
                    match cursor.try_next() {
                        Some(Next::Frame(f)) => {
                            if after_skip { prop_assert!(f.key); }
                            after_skip = false;
                            prop_assert!(last.is_none_or(|l| f.dts > l));
                            last = Some(f.dts);
                            seen += 1;
                        }
                        Some(Next::Skipped(m)) => { missed += m.frames; after_skip = true; }
                        Some(Next::Closed(_)) => prop_assert!(false, "nobody closed it"),
                        None => break,
                    }
                }
            }
            // Frames passed over while waiting for a key frame are the only ones not counted; none where no wait happened.
            prop_assert!(seen + missed <= u64::from(pushed));
        }
    }

    #[tokio::test]
    async fn closing_is_read_after_the_rest() {
        let (ring, t) = (Ring::new(Limits::default()), tracks());
        let mut cursor = ring.cursor_at_key(bell());
        ring.push(frame(&t, 0, 10, 10));
        ring.close(None);
        assert!(matches!(cursor.next().await, Next::Frame(_)));
        assert!(matches!(cursor.next().await, Next::Closed(None)));
    }
}

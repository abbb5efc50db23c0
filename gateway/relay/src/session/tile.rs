//! One tile: its source, the one it is switching to, its place in the ring, and what its viewer has been told.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    CameraId, Cursor, Feed, Frame, Lease, Next, Profile, Reason, ReasonCode, SourceState,
    SourceStatus, TrackKind, Tracks,
    ring::Missed,
    wire::{Auto, Format, Opening, ServerMessage, TrackInfo},
};
use tokio::sync::Notify;

use super::{
    Delivery, Message, Output, Part,
    cruise::{Audio, Cruise},
};
use crate::{Host, Viewer, Wish};

/// A feed held open through the host; the host is told when it ends.
pub(super) struct Held {
    host: Arc<dyn Host>,
    viewer: Arc<Viewer>,
    lease: Lease,
    /// What the host was asked for.
    wish: Wish,
}

impl Held {
    pub(super) fn new(host: Arc<dyn Host>, viewer: Arc<Viewer>, lease: Lease, wish: Wish) -> Self {
        Self {
            host,
            viewer,
            lease,
            wish,
        }
    }

    pub(super) fn feed(&self) -> &Feed {
        &self.lease.feed
    }

    /// What it is, which is not what was asked for where the viewer cannot decode that.
    pub(super) fn profile(&self) -> Profile {
        self.feed().id.profile
    }

    fn auto(&self) -> Option<Auto> {
        (self.profile() != self.wish.profile || self.lease.transcoded).then_some(Auto::Codec)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.host
            .closed(&self.viewer, self.wish.camera, self.wish.profile);
    }
}

/// What the viewer was last told about a source.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Nothing,
    Opening(Opening),
    Lost(ReasonCode),
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing to send just now.
    Idle,
    /// Something was read or queued.
    Moved,
    /// The tile now shows another source.
    Switched,
    /// The tile is closed.
    Ended,
}

/// What the viewer has of the source that is shown.
#[derive(Default)]
struct Sent {
    /// What `opened` last said.
    tracks: Option<Arc<Tracks>>,
    /// By track: the group whose (or since which) initialisation was sent.
    initialised: [Option<u32>; 2],
    /// Group of the newest video frame sent.
    group: Option<u32>,
}

/// Where in the stream of bytes the feed's live edge was, and when: what a viewer has not taken [`Config::max_delay_ms`]
/// later is late. Counted in bytes pushed, so neither the camera's nor the wall clock matters.
///
/// [`Config::max_delay_ms`]: crate::Config::max_delay_ms
#[derive(Default)]
struct Marks(VecDeque<(Instant, u64)>);

/// Marks within the maximum delay: a viewer is found late at most a fourth of the delay too late.
const MARKS: u32 = 4;

pub(super) struct Tile {
    pub(super) id: u32,
    format: Format,
    audio: bool,
    shown: Held,
    told: Told,
    /// None while paused.
    cursor: Option<Cursor>,
    next: Option<Switch>,
    sent: Sent,
    missed: Missed,
    marks: Marks,
}

/// The source a tile is switching to.
struct Switch {
    held: Held,
    cursor: Cursor,
    told: Told,
}

impl Tile {
    pub(super) fn open(
        id: u32,
        held: Held,
        format: Format,
        audio: bool,
        bell: Option<&Arc<Notify>>,
        out: &mut VecDeque<Output>,
    ) -> Self {
        let cursor = cursor(&held, bell);
        let told = tell(id, &held, &Told::Nothing, false, out);
        Self {
            id,
            format,
            audio,
            shown: held,
            told,
            cursor: Some(cursor),
            next: None,
            sent: Sent::default(),
            missed: Missed::default(),
            marks: Marks::default(),
        }
    }

    pub(super) fn wish(&self) -> Wish {
        self.shown.wish
    }

    pub(super) fn camera(&self) -> CameraId {
        self.shown.feed().id.camera
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = &Held> {
        std::iter::once(&self.shown).chain(self.next.as_ref().map(|n| &n.held))
    }

    pub(super) fn is_paused(&self) -> bool {
        self.cursor.is_none()
    }

    pub(super) fn is_switching(&self) -> bool {
        self.next.is_some()
    }

    /// Whether the tile shows this profile already; a switch away from it is then called off.
    pub(super) fn stay(&mut self, profile: Profile) -> bool {
        let stays = self.shown.wish.profile == profile;
        if stays {
            self.next = None;
        }
        stays
    }

    pub(super) fn switch(
        &mut self,
        held: Held,
        bell: Option<&Arc<Notify>>,
        out: &mut VecDeque<Output>,
    ) {
        if self.cursor.is_none() {
            // Paused: nothing is on the screen that could turn black.
            self.told = tell(self.id, &held, &Told::Nothing, false, out);
            self.shown = held;
            self.sent = Sent::default();
            return;
        }
        let told = tell(self.id, &held, &Told::Nothing, false, out);
        let cursor = cursor(&held, bell);
        self.next = Some(Switch { held, cursor, told });
    }

    pub(super) fn pause(&mut self) {
        self.cursor = None;
        self.marks.0.clear();
        if let Some(next) = self.next.take() {
            (self.shown, self.told, self.sent) = (next.held, next.told, Sent::default());
        }
    }

    pub(super) fn resume(&mut self, bell: Option<&Arc<Notify>>) {
        if self.cursor.is_none() {
            self.cursor = Some(cursor(&self.shown, bell));
        }
    }

    /// Tells what changed at the sources.
    pub(super) fn status(&mut self, out: &mut VecDeque<Output>) {
        let opened = self.sent.tracks.is_some();
        self.told = tell(self.id, &self.shown, &self.told, opened, out);
        let failed = self.next.as_ref().and_then(|next| {
            let status = next.held.feed().status.borrow();
            (status.state == SourceState::Backoff)
                .then(|| status.reason.clone())
                .flatten()
        });
        if let Some(reason) = failed {
            return self.give_up_switch(Some(reason), out);
        }
        if let Some(next) = &mut self.next {
            next.told = tell(self.id, &next.held, &next.told, false, out);
        }
    }

    fn give_up_switch(&mut self, reason: Option<Reason>, out: &mut VecDeque<Output>) {
        let Some(next) = self.next.take() else { return };
        let why = reason.map_or_else(|| "the feed has ended".to_owned(), |r| r.to_string());
        out.push_back(Output::Control(ServerMessage::Error {
            text: format!(
                "stays with profile {}: {} did not start: {why}",
                self.shown.profile(),
                next.held.profile()
            ),
            tile: Some(self.id),
        }));
    }

    /// Notes where the live edge is, if the viewer has not caught up with it.
    pub(super) fn observe(&mut self, now: Instant, max_delay: Duration) {
        let Some(cursor) = &self.cursor else { return };
        if cursor.is_caught_up() {
            self.marks.0.clear();
        } else {
            self.marks
                .note(now, self.shown.feed().ring.total().0, max_delay);
        }
    }

    /// The tile's turn: at most one frame is queued, with what must precede it.
    pub(super) fn step(
        &mut self,
        now: Instant,
        max_delay: Duration,
        delivery: Delivery,
        out: &mut VecDeque<Output>,
    ) -> Step {
        if let Some(step) = self.try_switch(delivery, out) {
            return step;
        }
        self.skip_if_late(now, max_delay);
        loop {
            let Some(cursor) = &mut self.cursor else {
                return Step::Idle;
            };
            match cursor.try_next() {
                None => {
                    self.marks.0.clear();
                    return Step::Idle;
                }
                Some(Next::Frame(frame)) => {
                    if self.queue(frame, delivery, out) {
                        return Step::Moved;
                    }
                }
                Some(Next::Skipped(missed)) => self.miss(missed),
                Some(Next::Closed(reason)) => {
                    let tile = self.id;
                    out.push_back(Output::Control(match reason {
                        Some(reason) => ServerMessage::Refused { tile, reason },
                        None => ServerMessage::Closed { tile },
                    }));
                    return Step::Ended;
                }
            }
        }
    }

    /// If it is level, and nothing but the next frame is due.
    pub(super) fn take_off(&self) -> Option<Cruise> {
        let steady = self.next.is_none() && self.missed.frames == 0 && self.marks.0.is_empty();
        let place = self.cursor.as_ref().filter(|_| steady)?.place()?;
        let [video, audio] = self.sent.initialised.map(|since| since.is_some());
        Some(Cruise {
            place,
            tracks: Arc::as_ptr(self.sent.tracks.as_ref()?).addr(),
            feed: self.shown.feed().number,
            tile: self.id,
            group: self.sent.group?,
            format: self.format,
            video,
            audio: match (self.audio, audio) {
                (false, _) => Audio::Unwanted,
                (true, false) => Audio::NotBegun,
                (true, true) => Audio::Playing,
            },
        })
    }

    pub(super) fn land(&mut self, cruise: &Cruise) {
        if let Some(cursor) = &mut self.cursor {
            cursor.resume(cruise.place);
        }
        self.sent.group = Some(cruise.group);
    }

    /// Goes over to the new source at its first key frame.
    fn try_switch(&mut self, delivery: Delivery, out: &mut VecDeque<Output>) -> Option<Step> {
        loop {
            match self.next.as_mut()?.cursor.try_next() {
                None => return None,
                Some(Next::Skipped(_)) => {}
                Some(Next::Closed(reason)) => {
                    self.give_up_switch(reason, out);
                    return Some(Step::Switched);
                }
                Some(Next::Frame(frame)) => {
                    let next = self.next.take()?;
                    if let Told::Lost(_) = self.told {
                        out.push_back(Output::Control(ServerMessage::Back { tile: self.id }));
                    }
                    (self.shown, self.told, self.cursor) =
                        (next.held, next.told, Some(next.cursor));
                    (self.sent, self.missed, self.marks) = Default::default();
                    self.queue(frame, delivery, out);
                    return Some(Step::Switched);
                }
            }
        }
    }

    fn skip_if_late(&mut self, now: Instant, max_delay: Duration) {
        let (Some(cursor), Some(edge)) = (&mut self.cursor, self.marks.edge_before(now, max_delay))
        else {
            return;
        };
        let ring = &self.shown.feed().ring;
        let read = ring.total().0.saturating_sub(cursor.behind().0);
        // Without a newer key frame the rest of this group is the quickest way to the live edge.
        let newer = ring
            .newest_key()
            .is_some_and(|key| self.sent.group != Some(key.group));
        if read < edge && newer {
            let missed = cursor.skip_to_newest();
            self.miss(missed);
            self.marks.0.clear();
        }
    }

    fn miss(&mut self, missed: Missed) {
        self.missed.frames += missed.frames;
        self.missed.bytes += missed.bytes;
        self.missed.time = self.missed.time + missed.time;
    }

    /// Queues a frame and what must precede it; false if the viewer does not want it.
    fn queue(&mut self, frame: Arc<Frame>, delivery: Delivery, out: &mut VecDeque<Output>) -> bool {
        if frame.track == TrackKind::Audio && !self.audio {
            return false;
        }
        let tile = self.id;
        if self.missed.frames > 0 {
            let missed = std::mem::take(&mut self.missed);
            out.push_back(Output::Control(ServerMessage::Skipped {
                tile,
                frames: missed.frames,
                bytes: missed.bytes,
                ms: missed.time.to_duration().as_millis() as u64,
            }));
        }
        let same =
            self.sent.tracks.as_ref().is_some_and(|tracks| {
                Arc::ptr_eq(tracks, &frame.tracks) || **tracks == *frame.tracks
            });
        if !same {
            out.push_back(Output::Control(ServerMessage::Opened {
                tile,
                feed: frame.feed,
                profile: self.shown.profile(),
                tracks: TrackInfo::of(&frame.tracks, self.audio),
                auto: self.shown.auto(),
                transcoded: self.shown.lease.transcoded,
            }));
            self.sent.initialised = [None; 2];
            self.sent.tracks = Some(Arc::clone(&frame.tracks));
        }
        let initialised = &mut self.sent.initialised[usize::from(frame.track.number())];
        let enough = match delivery {
            Delivery::Stream => initialised.is_some(),
            Delivery::Groups => *initialised == Some(frame.group),
        };
        if !enough {
            *initialised = Some(frame.group);
            out.push_back(Output::Media(Message {
                tile,
                part: Part::Initialisation(frame.initialisation(self.format == Format::Raw)),
                frame: Arc::clone(&frame),
            }));
        }
        if frame.track == TrackKind::Video {
            self.sent.group = Some(frame.group);
        }
        out.push_back(Output::Media(Message {
            tile,
            part: match self.format {
                Format::Fmp4 => Part::Fragment,
                Format::Raw => Part::AccessUnit,
            },
            frame,
        }));
        true
    }
}

impl Marks {
    fn note(&mut self, now: Instant, total: u64, max_delay: Duration) {
        let due = self
            .0
            .back()
            .is_none_or(|(at, _)| now.saturating_duration_since(*at) >= max_delay / MARKS);
        if due {
            self.0.push_back((now, total));
        }
        // Of those old enough only the newest counts.
        while self
            .0
            .get(1)
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= max_delay)
        {
            self.0.pop_front();
        }
    }

    /// Bytes that had been pushed `max_delay` ago (or a little earlier); none if nothing was noted then.
    fn edge_before(&self, now: Instant, max_delay: Duration) -> Option<u64> {
        self.0
            .iter()
            .rev()
            .find(|(at, _)| now.saturating_duration_since(*at) >= max_delay)
            .map(|(_, total)| *total)
    }
}

fn cursor(held: &Held, bell: Option<&Arc<Notify>>) -> Cursor {
    let ring = &held.feed().ring;
    match bell {
        Some(bell) => ring.cursor_at_key(Arc::clone(bell)),
        None => ring.quiet_cursor_at_key(),
    }
}

/// Tells the viewer what is new about a source and returns what it has then been told.
fn tell(tile: u32, held: &Held, told: &Told, opened: bool, out: &mut VecDeque<Output>) -> Told {
    let status = held.feed().status.borrow();
    let now = judge(&status, held, told, opened);
    if now == *told {
        return now;
    }
    let message = match (&now, told) {
        (Told::Lost(code), _) => Some(ServerMessage::Lost {
            tile,
            reason: status
                .reason
                .clone()
                .unwrap_or_else(|| Reason::new(*code, "")),
        }),
        (_, Told::Lost(_)) => Some(ServerMessage::Back { tile }),
        (Told::Opening(state), _) => Some(ServerMessage::Opening {
            tile,
            profile: held.profile(),
            state: *state,
        }),
        (Told::Nothing, _) => None,
    };
    out.extend(message.map(Output::Control));
    now
}

fn judge(status: &SourceStatus, held: &Held, told: &Told, opened: bool) -> Told {
    match (&status.state, &status.reason) {
        (SourceState::Live, _) if opened || held.feed().ring.newest_key().is_some() => {
            Told::Nothing
        }
        (SourceState::Live, _) => Told::Opening(Opening::WaitingKeyFrame),
        // The reason is kept while the gateway tries again: so is `lost`.
        (_, Some(reason)) => Told::Lost(reason.code),
        (_, None) if opened || matches!(told, Told::Lost(_)) => told.clone(),
        (SourceState::WaitingKeyFrame, None) => Told::Opening(Opening::WaitingKeyFrame),
        (_, None) => Told::Opening(Opening::Connecting),
    }
}

//! One tile: its source, the one it is switching to, its place in the ring, and what its viewer has been told.

mod fit;
mod held;
mod marks;
mod told;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    CameraId, Cursor, Frame, Next, Profile, Reason, SourceState, TrackKind, Tracks,
    ring::Missed,
    wire::{Auto, Format, ServerMessage, TrackInfo},
};
use tokio::sync::Notify;

use super::{
    Delivery, Message, Output, Part,
    auto::Wanted,
    cruise::{Audio, Cruise},
};
use crate::Wish;
use fit::{Fit, Fits, is_sound};
pub(super) use held::Held;
use marks::Marks;
use told::{Told, tell};

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing to send just now.
    Idle,
    /// Something was read or queued.
    Moved,
    /// The tile now shows another source.
    Switched,
    /// The viewer cannot decode what comes: the host is to be asked for something else ([`Tile::unfit`], [`Tile::refit`]).
    Unfit,
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

pub(super) struct Tile {
    pub(super) id: u32,
    format: Format,
    audio: bool,
    /// Only where the gateway chooses the stream.
    pub(super) auto: Option<Wanted>,
    /// On the viewer's screen, if it said so.
    pub(super) size: Option<(u16, u16)>,
    shown: Held,
    told: Told,
    /// None while paused.
    cursor: Option<Cursor>,
    next: Option<Switch>,
    sent: Sent,
    missed: Missed,
    /// Frames ever left out since the tile was opened.
    skipped: u64,
    marks: Marks,
    /// What its ring had been given when this was last asked.
    seen: u64,
    fit: Fit,
}

/// How a tile is to be shown.
pub(super) struct Terms {
    pub(super) id: u32,
    pub(super) format: Format,
    pub(super) audio: bool,
    pub(super) auto: Option<Wanted>,
    pub(super) size: Option<(u16, u16)>,
}

/// The source a tile is switching to.
struct Switch {
    held: Held,
    cursor: Cursor,
    told: Told,
    /// By the viewer, who is told if nothing comes of it.
    asked: bool,
}

impl Tile {
    pub(super) fn open(
        terms: Terms,
        held: Held,
        bell: Option<&Arc<Notify>>,
        out: &mut VecDeque<Output>,
    ) -> Self {
        let cursor = cursor(&held, bell);
        let told = tell(terms.id, &held, &Told::Nothing, false, out);
        Self {
            id: terms.id,
            format: terms.format,
            audio: terms.audio,
            auto: terms.auto,
            size: terms.size,
            seen: held.feed().ring.total().0,
            shown: held,
            told,
            cursor: Some(cursor),
            next: None,
            sent: Sent::default(),
            missed: Missed::default(),
            skipped: 0,
            marks: Marks::default(),
            fit: Fit::default(),
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

    /// The profile that it shows or is on its way to, as it was asked for.
    pub(super) fn heading(&self) -> Profile {
        self.next
            .as_ref()
            .map_or(&self.shown, |n| &n.held)
            .wish
            .profile
    }

    pub(super) fn resize(&mut self, size: (u16, u16)) {
        self.size = Some(size);
        if let Some(auto) = &mut self.auto {
            auto.resize(size);
        }
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
        asked: bool,
        bell: Option<&Arc<Notify>>,
        out: &mut VecDeque<Output>,
    ) {
        if held.feed().number == self.shown.feed().number {
            // What is given in place of another stream may be the one that is shown.
            self.shown = held;
            self.next = None;
            return;
        }
        let told = tell(self.id, &held, &Told::Nothing, false, out);
        if self.cursor.is_none() {
            // Paused: nothing is on the screen that could turn black.
            (self.shown, self.told, self.sent) = (held, told, Sent::default());
            return;
        }
        let cursor = cursor(&held, bell);
        self.next = Some(Switch {
            held,
            cursor,
            told,
            asked,
        });
    }

    pub(super) fn pause(&mut self) {
        self.cursor = None;
        self.fit.held = None;
        self.marks.clear();
        if let Some(next) = self.next.take() {
            (self.shown, self.told, self.sent) = (next.held, next.told, Sent::default());
        }
    }

    pub(super) fn resume(&mut self, bell: Option<&Arc<Notify>>) {
        if self.cursor.is_none() {
            self.cursor = Some(cursor(&self.shown, bell));
            self.seen = self.shown.feed().ring.total().0;
        }
    }

    /// Tells what changed at the sources.
    pub(super) fn status(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        let opened = self.sent.tracks.is_some();
        self.told = tell(self.id, &self.shown, &self.told, opened, out);
        let failed = self.next.as_ref().and_then(|next| {
            let status = next.held.feed().status.borrow();
            (status.state == SourceState::Backoff)
                .then(|| status.reason.clone())
                .flatten()
        });
        if let Some(reason) = failed {
            return self.give_up_switch(now, Some(reason), out);
        }
        if let Some(next) = &mut self.next {
            next.told = tell(self.id, &next.held, &next.told, false, out);
        }
    }

    fn give_up_switch(&mut self, now: Instant, reason: Option<Reason>, out: &mut VecDeque<Output>) {
        let Some(next) = self.next.take() else { return };
        if let Some(auto) = &mut self.auto {
            auto.refuse(now);
        }
        if !next.asked {
            return;
        }
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
            self.marks.clear();
        } else {
            self.marks
                .note(now, self.shown.feed().ring.total().0, max_delay);
        }
    }

    /// How old what it has not read yet is; none if it has read all there is.
    pub(super) fn behind(&self, now: Instant) -> Option<Duration> {
        let cursor = self.cursor.as_ref()?;
        let total = self.shown.feed().ring.total().0;
        let read = total.saturating_sub(cursor.behind().0);
        (!cursor.is_caught_up()).then(|| self.marks.age(now, read))
    }

    /// Bytes that its ring was given since this was last asked; none while it is paused.
    pub(super) fn pushed(&mut self) -> u64 {
        let total = self.shown.feed().ring.total().0;
        let pushed = total.saturating_sub(std::mem::replace(&mut self.seen, total));
        if self.cursor.is_some() { pushed } else { 0 }
    }

    /// So many frames will not arrive although they were handed out.
    pub(super) fn lose(&mut self, frames: u64) {
        self.skipped += frames;
    }

    /// Frames ever left out for a viewer who was too slow.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The tile's turn: at most one frame is queued, with what must precede it.
    pub(super) fn step(
        &mut self,
        now: Instant,
        max_delay: Duration,
        delivery: Delivery,
        out: &mut VecDeque<Output>,
    ) -> Step {
        if let Some(step) = self.try_switch(now, out) {
            return step;
        }
        self.skip_if_late(now, max_delay);
        loop {
            let Some(cursor) = &mut self.cursor else {
                return Step::Idle;
            };
            let next = match self.fit.held.take() {
                Some(frame) => Some(Next::Frame(frame)),
                None => cursor.try_next(),
            };
            match next {
                None => {
                    self.marks.clear();
                    return Step::Idle;
                }
                Some(Next::Frame(frame)) => match self.fits(&frame) {
                    Fits::Yes => {
                        if self.queue(frame, delivery, out) {
                            return Step::Moved;
                        }
                    }
                    Fits::No => {}
                    Fits::Ask => return self.hold_back(frame),
                },
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
    pub(super) fn take_off(&self, delivery: Delivery) -> Option<Cruise> {
        let steady = self.next.is_none()
            && self.missed.frames == 0
            && self.marks.is_empty()
            && self.fit.held.is_none();
        let place = self.cursor.as_ref().filter(|_| steady)?.place()?;
        let group = self.sent.group?;
        let by_group = delivery == Delivery::Groups;
        let [video, audio] = self
            .sent
            .initialised
            .map(|since| since.is_some_and(|since| !by_group || since == group));
        let tracks = self.sent.tracks.as_ref()?;
        Some(Cruise {
            place,
            tracks: Arc::as_ptr(tracks).addr(),
            feed: self.shown.feed().number,
            tile: self.id,
            group,
            format: self.format,
            by_group,
            video,
            audio: match (self.hears(tracks), audio) {
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
    fn try_switch(&mut self, now: Instant, out: &mut VecDeque<Output>) -> Option<Step> {
        loop {
            match self.next.as_mut()?.cursor.try_next() {
                None => return None,
                Some(Next::Skipped(_)) => {}
                Some(Next::Closed(reason)) => {
                    self.give_up_switch(now, reason, out);
                    return Some(Step::Switched);
                }
                Some(Next::Frame(frame)) if !self.next_shows(&frame) => return Some(Step::Unfit),
                Some(Next::Frame(frame)) => {
                    let next = self.next.take()?;
                    if let Told::Lost(_) = self.told {
                        out.push_back(Output::Control(ServerMessage::Back { tile: self.id }));
                    }
                    (self.shown, self.told, self.cursor) =
                        (next.held, next.told, Some(next.cursor));
                    (self.sent, self.missed, self.marks) = Default::default();
                    self.seen = self.shown.feed().ring.total().0;
                    // Its sound may be what the viewer cannot decode.
                    self.fit = Fit::holding(frame);
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
            self.marks.clear();
        }
    }

    /// Leaves out what is too late, and says so at once: nothing can be sent that it could be said before.
    pub(super) fn leave_out_late(
        &mut self,
        now: Instant,
        max_delay: Duration,
        out: &mut VecDeque<Output>,
    ) {
        self.skip_if_late(now, max_delay);
        self.tell_missed(out);
    }

    fn tell_missed(&mut self, out: &mut VecDeque<Output>) {
        if self.missed.frames == 0 {
            return;
        }
        let missed = std::mem::take(&mut self.missed);
        out.push_back(Output::Control(ServerMessage::Skipped {
            tile: self.id,
            frames: missed.frames,
            bytes: missed.bytes,
            ms: missed.time.to_duration().as_millis() as u64,
        }));
    }

    /// Why it is this stream, if it is not the one that was asked for or might be.
    fn why(&self) -> Option<Auto> {
        if self.shown.stands_in() {
            return Some(Auto::Codec);
        }
        let auto = self.auto.as_ref()?;
        (self.shown.profile() == Profile::Sub)
            .then(|| auto.why())
            .flatten()
    }

    fn miss(&mut self, missed: Missed) {
        self.skipped += missed.frames;
        self.missed.frames += missed.frames;
        self.missed.bytes += missed.bytes;
        self.missed.time = self.missed.time + missed.time;
    }

    /// Queues a frame and what must precede it; false if the viewer does not want it.
    fn queue(&mut self, frame: Arc<Frame>, delivery: Delivery, out: &mut VecDeque<Output>) -> bool {
        let hears = self.hears(&frame.tracks);
        if is_sound(&frame) && !hears {
            return false;
        }
        let tile = self.id;
        self.tell_missed(out);
        let same =
            self.sent.tracks.as_ref().is_some_and(|tracks| {
                Arc::ptr_eq(tracks, &frame.tracks) || **tracks == *frame.tracks
            });
        if !same {
            out.push_back(Output::Control(ServerMessage::Opened {
                tile,
                feed: frame.feed,
                profile: self.shown.profile(),
                tracks: TrackInfo::of(&frame.tracks, hears),
                auto: self.why(),
                transcoded: self.shown.is_transcoded(),
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

fn cursor(held: &Held, bell: Option<&Arc<Notify>>) -> Cursor {
    let ring = &held.feed().ring;
    match bell {
        Some(bell) => ring.cursor_at_key(Arc::clone(bell)),
        None => ring.quiet_cursor_at_key(),
    }
}

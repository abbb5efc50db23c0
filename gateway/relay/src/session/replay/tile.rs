//! A recorded tile: its place on the wire. What is shown is decided by its head.

use std::{collections::VecDeque, sync::Arc};

use media::{
    Frame, MediaTime, TrackKind, Tracks,
    wire::{Format, ServerMessage, TrackInfo},
};

use super::{
    super::{Message, Output, Part},
    head::{Head, Out, Queued},
    tell_host,
};
use crate::{
    Host, Viewer,
    shelf::{Recorded, Shelf},
};

pub(super) struct Tile {
    pub(super) id: u32,
    pub(super) clock: u32,
    pub(super) head: Head,
    pub(super) shelf: Arc<dyn Shelf>,
    feed: u32,
    format: Format,
    wish: Recorded,
    /// What `opened` last said of this feed.
    tracks: Option<Arc<Tracks>>,
    /// Tracks whose initialisation was sent.
    begun: [bool; 2],
    /// Frames sent of this feed.
    number: u32,
    /// Decode time of the last frame of each track.
    last: [Option<MediaTime>; 2],
    shown: Option<MediaTime>,
    watched: Watched,
}

impl Tile {
    pub(super) fn new(
        (id, clock, feed): (u32, u32, u32),
        format: Format,
        wish: Recorded,
        shelf: Arc<dyn Shelf>,
        head: Head,
        watched: Watched,
    ) -> Self {
        Self {
            id,
            clock,
            head,
            shelf,
            feed,
            format,
            wish,
            tracks: None,
            begun: [false; 2],
            number: 0,
            last: [None; 2],
            shown: None,
            watched,
        }
    }

    /// A new feed begins: what was sent of the old one counts for nothing.
    pub(super) fn anew(&mut self, feed: u32) {
        self.feed = feed;
        self.tracks = None;
        self.begun = [false; 2];
        self.number = 0;
        self.last = [None; 2];
        self.shown = None;
        self.watched.cut();
    }

    /// The picture that was sent last.
    pub(super) fn shown(&self) -> Option<MediaTime> {
        self.shown
    }

    pub(super) fn carry_out(&mut self, done: Out, out: &mut VecDeque<Output>) {
        let tile = self.id;
        let message = match done {
            Out::Shot(queued) => return self.send(queued, out),
            Out::Hole(hole) => {
                self.watched.cut();
                ServerMessage::Gap {
                    tile,
                    from: media::recorded::wall(hole.from).as_micros(),
                    to: hole.to.map(|to| media::recorded::wall(to).as_micros()),
                    reason: hole.reason,
                    frames: self.number,
                }
            }
            Out::Thinned(keys) => ServerMessage::Thinned { tile, keys },
            Out::Skipped(frames, bytes, time) => ServerMessage::Skipped {
                tile,
                frames,
                bytes,
                ms: time.as_millis() as u64,
            },
            Out::Lost(reason) => ServerMessage::Lost { tile, reason },
            Out::Back => ServerMessage::Back { tile },
            Out::Finished => ServerMessage::Finished {
                tile,
                frames: self.number,
            },
            Out::Found(_) => return,
        };
        out.push_back(Output::Control(message));
    }

    fn send(&mut self, queued: Queued, out: &mut VecDeque<Output>) {
        let Queued {
            shot,
            tracks,
            profile,
            discontinuity,
        } = queued;
        let audio = tracks.audio.as_ref();
        let hears = self.wish.audio && audio.is_none_or(|a| self.wish.decodes.contains(a.codec));
        if shot.track == TrackKind::Audio && !hears {
            return;
        }
        let same = self.tracks.as_ref().is_some_and(|t| **t == *tracks);
        if !same {
            out.push_back(Output::Control(ServerMessage::Opened {
                tile: self.id,
                feed: self.feed,
                profile,
                tracks: TrackInfo::of(&tracks, hears),
                auto: None,
                transcoded: false,
            }));
            self.tracks = Some(Arc::clone(&tracks));
            self.begun = [false; 2];
        }
        let n = usize::from(shot.track.number());
        // Two segments may overlap by a little: a track's decode times rise all the same. Backwards they fall.
        let behind = match self.last[n] {
            Some(last) if shot.dts <= last && !self.head.is_back() => last + MediaTime(1),
            _ => shot.dts,
        };
        self.last[n] = Some(behind);
        if shot.track == TrackKind::Video {
            self.shown = Some(shot.pts);
            self.watched.note(shot.dts, shot.dts + shot.duration);
        }
        let frame = Arc::new(Frame {
            feed: self.feed,
            // The same for all, or the page's and the client's own look at it would see a change.
            tracks: self.tracks.clone().unwrap_or(tracks),
            track: shot.track,
            key: shot.key,
            discontinuity,
            damaged: false,
            group: 0,
            number: self.number,
            dts: behind,
            pts: shot.pts + (behind - shot.dts),
            duration: shot.duration,
            captured: shot.captured,
            data: shot.data,
            package: Default::default(),
        });
        self.number = self.number.wrapping_add(1);
        if !std::mem::replace(&mut self.begun[n], true) {
            out.push_back(Output::Media(Message {
                tile: self.id,
                part: Part::Initialisation(frame.initialisation(self.format == Format::Raw)),
                frame: Arc::clone(&frame),
            }));
        }
        out.push_back(Output::Media(Message {
            tile: self.id,
            part: match self.format {
                Format::Fmp4 => Part::Fragment,
                Format::Raw => Part::AccessUnit,
            },
            frame,
        }));
    }
}

/// What was sent of a recording, for the audit log.
pub(super) struct Watched {
    host: Arc<dyn Host>,
    viewer: Arc<Viewer>,
    wish: Recorded,
    spans: Vec<(MediaTime, MediaTime)>,
    open: bool,
}

/// So many are told apart; what comes then makes the last one longer.
const MAX_SPANS: usize = 32;

impl Watched {
    pub(super) fn new(host: Arc<dyn Host>, viewer: Arc<Viewer>, wish: Recorded) -> Self {
        Self {
            host,
            viewer,
            wish,
            spans: Vec::new(),
            open: false,
        }
    }

    fn cut(&mut self) {
        self.open = false;
    }

    fn note(&mut self, from: MediaTime, to: MediaTime) {
        let full = self.spans.len() >= MAX_SPANS;
        match self.spans.last_mut() {
            Some(last) if self.open || full || (from >= last.0 && from <= last.1) => {
                last.0 = last.0.min(from);
                last.1 = last.1.max(to);
            }
            _ => self.spans.push((from, to)),
        }
        self.open = true;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        tell_host(&*self.host, &self.viewer, &self.wish, &self.spans);
    }
}

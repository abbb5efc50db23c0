//! A tile that is level with its feed: all that the next frame's way to the viewer needs, in one cache line, apart from the
//! session. A frame goes to hundreds of viewers in one go, and what each of them has to be looked up is then most of the cost.

use media::{Frame, TrackKind, ring::Place, wire::Format};

/// Given out by [`super::Session::take_off`], taken back by [`super::Session::land`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cruise {
    pub(super) place: Place,
    /// Address of the tracks that the viewer was told of, which the tile keeps alive: others begin with `opened`.
    pub(super) tracks: usize,
    pub(super) feed: u32,
    pub(super) tile: u32,
    /// Group of the newest video frame sent.
    pub(super) group: u32,
    pub(super) format: Format,
    /// Every group begins with initialisation of its own: another group is the session's.
    pub(super) by_group: bool,
    /// Its initialisation was sent.
    pub(super) video: bool,
    pub(super) audio: Audio,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audio {
    Unwanted,
    /// Its initialisation was not sent yet.
    NotBegun,
    Playing,
}

/// What came of a frame that was handed to a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    /// To be sent at once, for this tile and in this format; the tile is past it.
    Taken(u32, Format),
    /// Not wanted, or had already.
    Unwanted,
    /// Something else comes first: the session must be asked.
    Behind,
}

impl Cruise {
    /// Whether it shows this feed.
    pub(crate) fn shows(&self, feed: u32) -> bool {
        self.feed == feed
    }

    /// A frame that another reader of the tile's ring has read at `position`.
    pub(crate) fn hand(&mut self, position: u64, frame: &Frame) -> Handed {
        if position < self.place.position() {
            return Handed::Unwanted;
        }
        if self.by_group && frame.group != self.group {
            return Handed::Behind;
        }
        let wanted = match (frame.track, self.audio) {
            (TrackKind::Video, _) if self.video => true,
            (TrackKind::Audio, Audio::Playing) => true,
            (TrackKind::Audio, Audio::Unwanted) => false,
            _ => return Handed::Behind,
        };
        let same = std::ptr::from_ref(&*frame.tracks).addr() == self.tracks;
        if !same || !self.place.take(position, frame) {
            return Handed::Behind;
        }
        if !wanted {
            return Handed::Unwanted;
        }
        if frame.track == TrackKind::Video {
            self.group = frame.group;
        }
        Handed::Taken(self.tile, self.format)
    }
}

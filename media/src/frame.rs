//! One access unit on its way through the gateway.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::{
    fmp4,
    time::{MediaTime, WallTime},
    track::{TrackKind, Tracks},
    wire::{self, Framed},
};

/// One access unit. Immutable once pushed into a ring, shared as `Arc<Frame>` by everyone who reads it.
#[derive(Debug)]
pub struct Frame {
    /// The feed's number on the wire.
    pub feed: u32,
    /// What the feed carries since (at the latest) this frame.
    pub tracks: Arc<Tracks>,
    /// Which of the tracks this belongs to.
    pub track: TrackKind,
    /// A random access point: a decoder can start here. Always false for audio.
    pub key: bool,
    /// The timeline does not continue from the frame before (reconnect, timestamp jump); re-stamped so that `dts` still rises.
    pub discontinuity: bool,
    /// Something of this access unit, or of one it depends on in its group, was lost on the way.
    pub damaged: bool,
    /// Group (GOP) number within the feed, rising by one at each video key frame; audio has the number of the video group it falls into.
    pub group: u32,
    /// Frame number within the group, from 0, over all tracks.
    pub number: u32,
    /// Decode time on the feed's timeline; strictly rising within a track.
    pub dts: MediaTime,
    /// Presentation time; at or after `dts`.
    pub pts: MediaTime,
    /// Expected distance to the next frame of the track (the last distance seen).
    pub duration: MediaTime,
    /// The gateway's clock when the frame's last packet arrived.
    pub captured: WallTime,
    /// The payload: see [`crate::track`].
    pub data: Bytes,
    /// Built when the first viewer wants it. Start with `Default::default()`.
    pub package: Package,
}

/// What viewers receive, built once a frame whatever their number.
#[derive(Debug, Default)]
pub struct Package {
    fragment: OnceLock<Framed>,
    raw: OnceLock<Framed>,
}

impl Frame {
    /// What this frame costs a ring: payload and a fixed allowance for the rest.
    pub fn cost_bytes(&self) -> u64 {
        self.data.len() as u64 + 512
    }

    /// As a `fragment` message: envelope, `moof`, `mdat` header, payload.
    pub fn fragment(&self) -> &Framed {
        self.package.fragment.get_or_init(|| {
            let mut head = Vec::with_capacity(160);
            self.header(wire::Kind::Fragment).write(&mut head);
            fmp4::frame_fragment(self, &mut head);
            Framed::new(head, self.data.clone())
        })
    }

    /// As an `access unit` message: envelope, payload.
    pub fn raw(&self) -> &Framed {
        self.package.raw.get_or_init(|| {
            let mut head = Vec::with_capacity(wire::Header::LEN);
            self.header(wire::Kind::AccessUnit).write(&mut head);
            Framed::new(head, self.data.clone())
        })
    }

    /// The envelope's header for this frame.
    pub fn header(&self, kind: wire::Kind) -> wire::Header {
        wire::Header {
            kind,
            key: self.key,
            discontinuity: self.discontinuity,
            last_of_group: false,
            track: self.track,
            feed: self.feed,
            group: self.group,
            frame: self.number,
            media_time: self.pts,
            captured: self.captured,
        }
    }

    /// The initialisation message of this frame's track, as it must precede the frame.
    pub fn initialisation(&self, raw: bool) -> Framed {
        let mut head = Vec::with_capacity(wire::Header::LEN);
        self.header(wire::Kind::Initialisation).write(&mut head);
        let payload = if raw {
            match (self.track, &self.tracks.audio) {
                (TrackKind::Audio, Some(audio)) => audio.config.clone(),
                _ => self.tracks.video.config.clone(),
            }
        } else {
            fmp4::init_segment(&self.tracks, Some(self.track), &[]).into()
        };
        Framed::new(head, payload)
    }
}

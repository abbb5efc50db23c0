//! Frames of a derived feed: groups, numbers and times as every feed's ring has them, whatever comes in.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use media::{
    AudioTrack, Frame, MediaTime, TrackKind, Tracks, VideoTrack, WallTime, frame::Package,
};

use super::video::NEAR;

/// A coded unit with what is known of it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) track: TrackKind,
    pub(super) key: bool,
    pub(super) of: Origin,
    pub(super) data: Bytes,
}

/// What a unit takes over from the frame that it is, or was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) dts: MediaTime,
    pub(super) pts: MediaTime,
    pub(super) duration: MediaTime,
    pub(super) captured: WallTime,
    pub(super) discontinuity: bool,
    pub(super) damaged: bool,
}

impl Origin {
    pub(super) fn of(frame: &Frame) -> Self {
        Self {
            dts: frame.dts,
            pts: frame.pts,
            duration: frame.duration,
            captured: frame.captured,
            discontinuity: frame.discontinuity,
            damaged: frame.damaged,
        }
    }
}

/// Numbers units and puts them into the derived feed's tracks.
#[derive(Debug)]
pub(super) struct Publisher {
    feed: u32,
    tracks: Option<Arc<Tracks>>,
    /// None before the first key frame: nothing is published until then.
    group: Option<u32>,
    number: u32,
    last: [Option<Last>; 2],
    /// A group is damaged to its end.
    damaged: bool,
    /// A discontinuity that nothing was published of yet.
    broken: [bool; 2],
}

#[derive(Clone, Copy, Debug)]
struct Last {
    dts: MediaTime,
    captured: WallTime,
}

impl Publisher {
    pub(super) fn new(feed: u32) -> Self {
        Self {
            feed,
            tracks: None,
            group: None,
            number: 0,
            last: [None; 2],
            damaged: false,
            broken: [false; 2],
        }
    }

    /// What the feed carries from the next frame on.
    pub(super) fn carries(&mut self, video: &VideoTrack, audio: Option<&AudioTrack>) {
        let same = self
            .tracks
            .as_ref()
            .is_some_and(|t| t.video == *video && t.audio.as_ref() == audio);
        if !same {
            self.tracks = Some(Arc::new(Tracks {
                video: video.clone(),
                audio: audio.cloned(),
            }));
        }
    }

    pub(super) fn tracks(&self) -> Option<&Arc<Tracks>> {
        self.tracks.as_ref()
    }

    /// What was published so far does not go on in what follows: the pipeline was begun anew, or frames were missed.
    pub(super) fn interrupted(&mut self) {
        let begun = self.group.is_some();
        self.broken = [begun; 2];
    }

    /// The frame to push; none before the first key frame, and for sound that is not carried.
    pub(super) fn frame(&mut self, unit: Unit) -> Option<Frame> {
        let tracks = Arc::clone(self.tracks.as_ref()?);
        let video = unit.track == TrackKind::Video;
        let key = unit.key && video;
        if !video && tracks.audio.is_none() {
            return None;
        }
        match self.group {
            _ if key => {
                self.group = Some(self.group.map_or(0, |g| g.wrapping_add(1)));
                self.number = 0;
                self.damaged = false;
            }
            Some(_) => self.number = self.number.saturating_add(1),
            None => return None,
        }
        let group = self.group?;
        let at = unit.track as usize;
        let of = unit.of;
        self.damaged |= video && of.damaged;
        let mut frame = Frame {
            feed: self.feed,
            tracks,
            track: unit.track,
            key,
            discontinuity: of.discontinuity | std::mem::take(&mut self.broken[at]),
            damaged: of.damaged || (video && self.damaged),
            group,
            number: self.number,
            dts: of.dts,
            pts: of.pts,
            duration: MediaTime(of.duration.0.max(1)),
            captured: of.captured,
            data: unit.data,
            package: Package::default(),
        };
        if let Some(last) = self.last[at] {
            frame.dts = frame.dts.max(last.dts + MediaTime(1));
            frame.captured = frame.captured.max(last.captured);
        }
        frame.pts = frame.pts.max(frame.dts);
        self.last[at] = Some(Last {
            dts: frame.dts,
            captured: frame.captured,
        });
        Some(frame)
    }
}

/// Frames that are inside a decoder, by presentation time: what comes out is asked for by the same time.
#[derive(Debug, Default)]
pub(super) struct Inside(BTreeMap<MediaTime, Origin>);

/// Decoders reorder over 16 pictures at most; hardware keeps some more under way.
const MAX_INSIDE: usize = 256;

impl Inside {
    pub(super) fn put(&mut self, of: Origin) {
        if self.0.len() >= MAX_INSIDE {
            self.0.pop_first();
        }
        self.0.insert(of.pts, of);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What came out was shown at `pts`. Encoded pictures come in the order they are shown: what was before has been lost, and
    /// its discontinuity is this one's.
    pub(super) fn take(&mut self, pts: MediaTime) -> Option<Origin> {
        let near = pts + MediaTime::from_duration(NEAR);
        let later = self.0.split_off(&(near + MediaTime(1)));
        let gone = std::mem::replace(&mut self.0, later);
        let mut of = *gone.values().next_back()?;
        of.discontinuity = gone.values().any(|o| o.discontinuity);
        // In the order of coding from here on.
        of.dts = of.pts;
        Some(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::VideoCodec;

    fn track() -> VideoTrack {
        VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c01e".into(),
            config: Bytes::new(),
            width: 160,
            height: 96,
        }
    }

    fn of(pts: i64) -> Origin {
        Origin {
            dts: MediaTime(pts),
            pts: MediaTime(pts),
            duration: MediaTime(3600),
            captured: WallTime(pts),
            discontinuity: false,
            damaged: false,
        }
    }

    fn unit(track: TrackKind, key: bool, of: Origin) -> Unit {
        Unit {
            track,
            key,
            of,
            data: Bytes::from_static(&[1]),
        }
    }

    #[test]
    fn groups_begin_at_key_frames_and_times_rise() {
        let mut p = Publisher::new(9);
        assert!(
            p.frame(unit(TrackKind::Video, true, of(0))).is_none(),
            "no tracks yet"
        );
        p.carries(&track(), None);
        assert!(
            p.frame(unit(TrackKind::Video, false, of(1))).is_none(),
            "no key frame yet"
        );
        let key = p.frame(unit(TrackKind::Video, true, of(10))).unwrap();
        assert_eq!((key.feed, key.group, key.number, key.key), (9, 0, 0, true));
        assert!(
            p.frame(unit(TrackKind::Audio, false, of(12))).is_none(),
            "sound is not carried"
        );
        let next = p.frame(unit(TrackKind::Video, false, of(5))).unwrap();
        assert_eq!(
            (next.dts, next.pts, next.number),
            (MediaTime(11), MediaTime(11), 1)
        );
        assert_eq!(next.captured, WallTime(10), "nor does the clock go back");
        p.interrupted();
        let key = p.frame(unit(TrackKind::Video, true, of(20))).unwrap();
        assert!(key.discontinuity && key.group == 1);
        assert!(
            !p.frame(unit(TrackKind::Video, false, of(21)))
                .unwrap()
                .discontinuity
        );
    }

    #[test]
    fn damage_lasts_to_the_end_of_its_group() {
        let mut p = Publisher::new(1);
        p.carries(&track(), None);
        p.frame(unit(TrackKind::Video, true, of(0)));
        let damaged = Origin {
            damaged: true,
            ..of(1)
        };
        assert!(
            p.frame(unit(TrackKind::Video, false, damaged))
                .unwrap()
                .damaged
        );
        assert!(
            p.frame(unit(TrackKind::Video, false, of(2)))
                .unwrap()
                .damaged
        );
        assert!(
            !p.frame(unit(TrackKind::Video, true, of(3)))
                .unwrap()
                .damaged
        );
    }

    #[test]
    fn what_comes_out_is_found_by_its_time_and_a_lost_discontinuity_is_not() {
        let mut inside = Inside::default();
        inside.put(of(0));
        inside.put(Origin {
            discontinuity: true,
            ..of(3600)
        });
        inside.put(of(10_800));
        inside.put(of(7200));
        // A driver's clock is in microseconds.
        let out = inside.take(MediaTime(7199)).unwrap();
        assert!(out.pts == MediaTime(7200) && out.discontinuity);
        assert_eq!(inside.take(MediaTime(10_800)), Some(of(10_800)));
        assert_eq!(inside.take(MediaTime(10_800)), None);
    }
}

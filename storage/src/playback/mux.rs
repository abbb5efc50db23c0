//! The tables of one MP4 over the samples of many segments.
//!
//! All samples of a codec lie in one *lane*, which becomes a track. Parameters that change within a codec (another resolution)
//! are another sample entry of the lane; another codec is another lane, with an edit list that says when it begins to be seen.
//!
//! A segment whose summary is at hand is added without a look at its fragments: what it puts into the tables is then counted, and filled
//! in when the tables are asked for.

mod lane;
mod part;
mod plan;

use std::time::Duration;

use media::{AudioTrack, MediaTime, VideoTrack, WallTime, fmp4::TrackRef};

pub(crate) use self::part::{MARGIN, summary};
pub(crate) use self::plan::{Muxed, Plan, Seen};
use self::{
    lane::{Lane, Member, lane, parameter_sets},
    part::{Content, Cut, OVERLAP, Start, first_key},
};
use super::Piece;
use crate::segment::{Fragment, Layout, Summary, summary::tracks_number};

/// Bytes of the playback that lie in one piece in a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Where in the playback's samples.
    pub(crate) at: u64,
    pub(crate) len: u64,
    pub(crate) source: u32,
    pub(crate) offset: u64,
}

/// The source of bytes that are in no segment, but in the playback itself.
pub(crate) const INLINE: u32 = u32::MAX;

/// See the module. Segments are added in order of time.
#[derive(Debug)]
pub(crate) struct Mux {
    from: WallTime,
    to: WallTime,
    video: Vec<Lane<VideoTrack>>,
    audio: Vec<Lane<AudioTrack>>,
    parts: Vec<Part>,
    /// That of the newest segment.
    tracks: Option<InLanes>,
    /// Bytes of samples so far.
    bytes: u64,
    /// Decode time of the next segment's first picture: behind all that is decoded and all that is shown.
    now: i64,
    /// By how much a picture may be shown later than it is decoded: the most of all segments.
    delay: i64,
    /// Parameter sets that stand before a picture, where they change within a lane.
    inline: Vec<u8>,
    /// Decode time behind the newest audio sample.
    audio_end: i64,
    pieces: Vec<Mapped>,
    start: Option<WallTime>,
}

/// A segment in it.
#[derive(Debug)]
struct Part {
    source: u32,
    start: Start,
    /// None where no more is known of it than its summary.
    content: Option<Content>,
}

/// In which lanes a segment's tracks are, and as which of their sample entries.
#[derive(Clone, Copy, Debug)]
struct InLanes {
    number: u64,
    video: (usize, u32),
    audio: Option<(usize, u32)>,
}

/// A piece while it is made, in 90 kHz.
#[derive(Clone, Copy, Debug)]
struct Mapped {
    media: i64,
    media_end: i64,
    wall: WallTime,
    wall_end: WallTime,
}

/// Wall time that differs by less from what media time says is the same piece.
const SAME_PIECE: Duration = Duration::from_millis(300);

impl Mux {
    pub(crate) fn new(from: WallTime, to: WallTime) -> Self {
        Self {
            from,
            to,
            video: Vec::new(),
            audio: Vec::new(),
            parts: Vec::new(),
            tracks: None,
            bytes: 0,
            now: 0,
            delay: 0,
            inline: Vec::new(),
            audio_end: 0,
            pieces: Vec::new(),
            start: None,
        }
    }

    /// Adds what of a segment lies in the range and before `until`, from the key frame at or before its start.
    pub(crate) fn segment(&mut self, source: u32, layout: &Layout, until: WallTime) {
        let until = until.min(self.to);
        // Where the file has begun, a segment begins with its first picture.
        let from = self.start.is_none().then_some(self.from);
        let Some((first, key)) = first_key(&layout.fragments, until, from) else {
            return;
        };
        let video = &layout.tracks.video;
        let v = lane(&mut self.video, video, |l| l.codec == video.codec);
        let video_entry = self.video[v].entry(TrackRef::Video(video));
        let audio = layout.tracks.audio.as_ref().map(|audio| {
            let a = lane(&mut self.audio, audio, |l| {
                l.codec == audio.codec && l.rate == audio.rate && l.channels == audio.channels
            });
            (a, self.audio[a].entry(TrackRef::Audio(audio)))
        });
        // Players that do not follow the change of sample entries see the new parameters in the stream.
        let sets = match self.video[v].last_entry {
            Some(last) if last != video_entry => parameter_sets(video),
            _ => Vec::new(),
        };
        let start = self.begin();
        let cut = Cut {
            first,
            key,
            until,
            sets: &sets,
            sets_at: self.inline.len() as u64,
        };
        let content = Content::of(&layout.fragments, &cut, start, source);
        let Some((wall, _)) = content.wall else {
            return;
        };
        self.video[v].last_entry = Some(video_entry);
        self.inline.extend_from_slice(&sets);
        self.start.get_or_insert(wall);
        for fragment in &layout.fragments[first..] {
            if fragment.wall >= until {
                break;
            }
            let inside = |dts| dts >= key.dts && fragment.wall_at(dts) < until;
            if let Some(next) = Mapped::of(fragment, inside, start.now - key.dts.0) {
                self.map(next);
            }
        }
        let part = self.parts.len() as u32;
        self.video[v]
            .members
            .extend(Member::of(part, &content.video, video_entry, content.now));
        if let Some((a, entry)) = audio {
            let member = Member::of(part, &content.audio, entry, content.audio_end);
            self.audio[a].members.extend(member);
        }
        self.tracks = Some(InLanes {
            number: tracks_number(&layout.tracks),
            video: (v, video_entry),
            audio,
        });
        self.delay = self.delay.max(content.delay);
        self.bytes = content.bytes;
        self.now = content.now;
        self.audio_end = content.audio_end;
        self.parts.push(Part {
            source,
            start,
            content: Some(content),
        });
    }

    /// Adds all of a segment that goes on from the one before, by its summary alone. Gives whether that is enough: if not, it is
    /// [`Self::segment`] that must be given what its file says, and the file is the same either way.
    pub(crate) fn whole(
        &mut self,
        source: u32,
        summary: &Summary,
        wall: WallTime,
        wall_end: WallTime,
    ) -> bool {
        let Some(tracks) = self.tracks.filter(|t| t.number == summary.tracks) else {
            return false;
        };
        let delay = i64::from(summary.delay);
        let sound = self.now - delay + i64::from(summary.audio_first);
        let sounds = summary.audio.samples > 0;
        if sounds && (sound < 0 || sound + OVERLAP < self.audio_end || tracks.audio.is_none()) {
            return false;
        }
        let start = self.begin();
        let part = self.parts.len() as u32;
        let end = self.now + i64::from(summary.span);
        let (v, entry) = tracks.video;
        self.video[v].members.push(Member {
            part,
            counts: summary.video,
            entry,
            first: start.now,
            end,
        });
        if let Some((a, entry)) = tracks.audio.filter(|_| sounds) {
            let behind = self.now - delay + i64::from(summary.audio_end);
            self.audio[a].members.push(Member {
                part,
                counts: summary.audio,
                entry,
                first: sound,
                end: behind,
            });
            self.audio_end = behind;
        }
        self.map(Mapped {
            media: start.now,
            media_end: end,
            wall,
            wall_end,
        });
        self.delay = self.delay.max(delay);
        self.bytes += summary.bytes;
        self.now = end;
        self.parts.push(Part {
            source,
            start,
            content: None,
        });
        true
    }

    fn begin(&self) -> Start {
        Start {
            bytes: self.bytes,
            now: self.now,
            audio_end: self.audio_end,
        }
    }

    /// Notes which wall time a stretch of the file has.
    fn map(&mut self, next: Mapped) {
        match self.pieces.last_mut() {
            Some(piece) if piece.goes_on_as(&next, SAME_PIECE) => {
                piece.media_end = next.media_end;
                piece.wall_end = next.wall_end;
            }
            _ => self.pieces.push(next),
        }
    }
}

impl Mapped {
    /// That of the pictures of a fragment whose time is `inside`; `shift` makes the segment's time the file's.
    fn of(fragment: &Fragment, inside: impl Fn(MediaTime) -> bool, shift: i64) -> Option<Self> {
        let all = || fragment.video.timed().filter(|(dts, ..)| inside(*dts));
        let (dts, ..) = all().next()?;
        let (last, sample, _) = all().last()?;
        Some(Self {
            media: dts.0 + shift,
            media_end: last.0 + shift + sample.duration.0.max(1),
            wall: fragment.wall_at(dts),
            wall_end: fragment.wall_at(last + sample.duration),
        })
    }

    fn goes_on_as(&self, next: &Self, within: Duration) -> bool {
        let expected = self.wall.0 + (next.media - self.media) * 100 / 9;
        next.media <= self.media_end + 1
            && (expected - next.wall.0).unsigned_abs() < within.as_micros() as u64
    }

    fn piece(&self) -> Piece {
        Piece {
            media_start_s: MediaTime(self.media).as_secs_f64(),
            media_duration_s: MediaTime(self.media_end - self.media).as_secs_f64(),
            start: self.wall,
            end: self.wall_end,
        }
    }
}

#[cfg(test)]
mod tests;

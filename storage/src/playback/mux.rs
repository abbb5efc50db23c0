//! The tables of one MP4 over the samples of many segments.
//!
//! All samples of a codec lie in one *lane*, which becomes a track. Parameters that change within a codec (another resolution)
//! are another sample entry of the lane; another codec is another lane, with an edit list that says when it begins to be seen.

mod lane;

use std::time::Duration;

use media::{
    AudioTrack, MediaTime, VideoTrack, WallTime,
    fmp4::{TrackRef, boxed, movie_header, put32, put64},
};

use self::lane::{Lane, Sample, lane, parameter_sets};
use super::Piece;
use crate::segment::{Fragment, Layout};

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
    /// The range's end, or where the next segment has the same again.
    until: WallTime,
    video: Vec<Lane<VideoTrack>>,
    audio: Vec<Lane<AudioTrack>>,
    extents: Vec<Extent>,
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

/// What was muxed.
#[derive(Debug)]
pub(crate) struct Muxed {
    /// `ftyp`, `moov`, and the header of `mdat`.
    pub(crate) head: Vec<u8>,
    pub(crate) extents: Vec<Extent>,
    /// What extents of [`INLINE`] are of.
    pub(crate) inline: Vec<u8>,
    /// Where in the head a chunk's place stands (64 bits), and where the chunk begins in the samples. Its end is where the next
    /// one begins.
    pub(crate) chunks: Vec<(usize, u64)>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) start: WallTime,
    pub(crate) duration: MediaTime,
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
            until: to,
            video: Vec::new(),
            audio: Vec::new(),
            extents: Vec::new(),
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
        self.until = until.min(self.to);
        let Some((first, from)) = self.first_key(layout) else {
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
        // Both tracks' times in the segment become the file's by the same shift.
        let shift = self.now - from.dts.0;
        // The first picture is shown at its decode time, whatever the segment's own delay: so are those around a join in order.
        let own_delay = (from.pts - from.dts).0;
        self.delay = self.delay.max(own_delay);
        // Players that do not follow the change of sample entries see the new parameters in the stream.
        let mut sets = match self.video[v].last_entry {
            Some(last) if last != video_entry => parameter_sets(video),
            _ => Vec::new(),
        };
        self.video[v].last_entry = Some(video_entry);
        for fragment in &layout.fragments[first..] {
            if fragment.wall >= self.until {
                break;
            }
            self.map(fragment, from.dts, shift);
            self.video[v].new_chunk(self.bytes, video_entry);
            for (dts, sample, offset) in fragment.video.timed() {
                let pts = dts + sample.composition;
                // Before the first picture in order of decoding, or of showing (its references are not here), or behind the end.
                if dts < from.dts || pts < from.pts || fragment.wall_at(dts) >= self.until {
                    continue;
                }
                self.start.get_or_insert(fragment.wall_at(dts));
                let sets = std::mem::take(&mut sets);
                self.video[v].push(Sample {
                    time: dts.0 + shift,
                    duration: sample.duration.0.clamp(1, i64::from(u32::MAX)) as u32,
                    size: sample.size.saturating_add(sets.len() as u32),
                    composition: (sample.composition.0 - own_delay)
                        .clamp(i32::MIN.into(), i32::MAX.into())
                        as i32,
                    sync: sample.sync,
                });
                let shown = pts.0 - own_delay;
                self.now = self
                    .now
                    .max(shown.max(dts.0) + shift + sample.duration.0.max(1));
                if !sets.is_empty() {
                    let at = self.inline.len() as u64;
                    self.inline.extend_from_slice(&sets);
                    self.take(INLINE, at, sets.len() as u32);
                }
                self.take(source, offset, sample.size);
            }
            let Some((a, entry)) = audio else { continue };
            self.audio[a].new_chunk(self.bytes, entry);
            for (dts, sample, offset) in fragment.audio.timed() {
                // The pictures are shown earlier by their delay: so is what is heard with them.
                let time = dts.0 + shift - own_delay;
                let overlaps = time + sample.duration.0 / 2 < self.audio_end;
                if time < 0 || dts < from.dts || overlaps || fragment.wall_at(dts) >= self.until {
                    continue;
                }
                let time = time.max(self.audio_end);
                self.audio_end = time + sample.duration.0.max(1);
                self.audio[a].push(Sample {
                    time,
                    duration: sample.duration.0.clamp(1, i64::from(u32::MAX)) as u32,
                    size: sample.size,
                    composition: 0,
                    sync: true,
                });
                self.take(source, offset, sample.size);
            }
        }
    }

    /// The fragment and the key frame to begin at: the last at or before the range's start where the file begins, else the
    /// segment's first.
    fn first_key(&self, layout: &Layout) -> Option<(usize, Key)> {
        let mut found = None;
        for (n, fragment) in layout.fragments.iter().enumerate() {
            for (dts, sample, _) in fragment.video.timed().filter(|(_, s, _)| s.sync) {
                let wall = fragment.wall_at(dts);
                if found.is_some() && (self.start.is_some() || wall > self.from) {
                    return found;
                }
                if wall < self.until {
                    found = Some((
                        n,
                        Key {
                            dts,
                            pts: dts + sample.composition,
                        },
                    ));
                }
            }
        }
        found
    }

    /// Notes which wall time a fragment has.
    fn map(&mut self, fragment: &Fragment, from: MediaTime, shift: i64) {
        let inside = |(dts, _, _): &(MediaTime, &media::fmp4::Sample, u64)| {
            *dts >= from && fragment.wall_at(*dts) < self.until
        };
        let Some((dts, ..)) = fragment.video.timed().find(inside) else {
            return;
        };
        let Some((last, sample, _)) = fragment.video.timed().filter(inside).last() else {
            return;
        };
        let next = Mapped {
            media: dts.0 + shift,
            media_end: last.0 + shift + sample.duration.0.max(1),
            wall: fragment.wall_at(dts),
            wall_end: fragment.wall_at(last + sample.duration),
        };
        match self.pieces.last_mut() {
            Some(piece) if piece.goes_on_as(&next) => {
                piece.media_end = next.media_end;
                piece.wall_end = next.wall_end;
            }
            _ => self.pieces.push(next),
        }
    }

    /// The next bytes of the file are these.
    fn take(&mut self, source: u32, offset: u64, size: u32) {
        let len = u64::from(size);
        match self.extents.last_mut() {
            Some(last) if last.source == source && last.offset + last.len == offset => {
                last.len += len
            }
            _ => self.extents.push(Extent {
                at: self.bytes,
                len,
                source,
                offset,
            }),
        }
        self.bytes += len;
    }

    /// The file's head; none where no sample was added.
    pub(crate) fn finish(mut self) -> Option<Muxed> {
        let start = self.start?;
        let delay = self.delay;
        let duration = self.now.max(self.audio_end);
        let mut head = Vec::new();
        boxed(&mut head, b"ftyp", |out| {
            out.extend_from_slice(b"isom");
            put32(out, 0x200);
            out.extend_from_slice(b"isomiso2avc1mp41");
        });
        // Where offsets into the samples stand: their base is known when all of this is written.
        let mut offsets = Vec::new();
        boxed(&mut head, b"moov", |out| {
            movie_header(out, duration.max(0) as u64);
            let next = (self.video.len() + self.audio.len() + 1) as u32;
            let at = out.len() - 4;
            out[at..].copy_from_slice(&next.to_be_bytes());
            let mut id = 0;
            for lane in &mut self.video {
                id += 1;
                let track = lane.track.clone();
                lane.write(out, id, TrackRef::Video(&track), delay, &mut offsets);
            }
            for lane in &mut self.audio {
                if lane.samples.is_empty() {
                    continue;
                }
                id += 1;
                let track = lane.track.clone();
                lane.write(out, id, TrackRef::Audio(&track), 0, &mut offsets);
            }
        });
        put32(&mut head, 1);
        head.extend_from_slice(b"mdat");
        put64(&mut head, self.bytes + 16);
        let base = head.len() as u64;
        for (at, offset) in &offsets {
            let at = *at;
            head[at..at + 8].copy_from_slice(&(base + offset).to_be_bytes());
        }
        Some(Muxed {
            head,
            extents: self.extents,
            inline: self.inline,
            chunks: offsets,
            pieces: self.pieces.iter().map(Mapped::piece).collect(),
            start,
            duration: MediaTime(duration),
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Key {
    dts: MediaTime,
    pts: MediaTime,
}

impl Mapped {
    fn goes_on_as(&self, next: &Self) -> bool {
        let expected = self.wall.0 + (next.media - self.media) * 100 / 9;
        next.media <= self.media_end + 1
            && (expected - next.wall.0).unsigned_abs() < SAME_PIECE.as_micros() as u64
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

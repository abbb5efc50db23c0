//! The tables of one MP4 over the samples of many segments.
//!
//! All samples of a codec lie in one *lane*, which becomes a track. Parameters that change within a codec (another resolution)
//! are another sample entry of the lane; another codec is another lane, with an edit list that says when it begins to be seen.

use std::time::Duration;

use media::{
    AudioTrack, MediaTime, TrackKind, VideoCodec, VideoTrack, WallTime,
    fmp4::{TrackRef, boxed, full_box, movie_header, put16, put32, put64, track_with},
};

use super::Piece;
use crate::segment::{
    Fragment, Layout,
    format::Bytes,
    reader::{SAMPLE_DESCRIPTION, find},
};

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

#[derive(Debug)]
struct Lane<T> {
    /// Of the first segment: its size stands in the track's header.
    track: T,
    /// Sample entries, as whole boxes.
    entries: Vec<Vec<u8>>,
    /// That of the newest segment.
    last_entry: Option<u32>,
    samples: Vec<Sample>,
    chunks: Vec<Chunk>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    /// In the file's decode time.
    time: i64,
    duration: u32,
    size: u32,
    /// Shown later than decoded by this and [`Mux::delay`].
    composition: i32,
    sync: bool,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// In the samples' data.
    at: u64,
    samples: u32,
    /// Number of the sample entry, from 1.
    entry: u32,
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

/// The lane for a track, a new one if there is none.
fn lane<T: Clone>(lanes: &mut Vec<Lane<T>>, track: &T, fits: impl Fn(&T) -> bool) -> usize {
    match lanes.iter().position(|l| fits(&l.track)) {
        Some(n) => n,
        None => {
            lanes.push(Lane {
                track: track.clone(),
                entries: Vec::new(),
                last_entry: None,
                samples: Vec::new(),
                chunks: Vec::new(),
            });
            lanes.len() - 1
        }
    }
}

impl<T> Lane<T> {
    /// The number of a track's sample entry, from 1.
    fn entry(&mut self, track: TrackRef<'_>) -> u32 {
        let entry = sample_entry(track);
        let n = match self.entries.iter().position(|e| *e == entry) {
            Some(n) => n,
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        };
        n as u32 + 1
    }

    fn new_chunk(&mut self, at: u64, entry: u32) {
        match self.chunks.last_mut().filter(|c| c.samples == 0) {
            Some(empty) => (empty.at, empty.entry) = (at, entry),
            None => self.chunks.push(Chunk {
                at,
                samples: 0,
                entry,
            }),
        }
    }

    fn push(&mut self, sample: Sample) {
        // Where another lane is seen in between, or nothing was heard, the last one lasts: edits in the middle of a track are not
        // understood by every player.
        if let Some(last) = self.samples.last_mut() {
            last.duration = (sample.time - last.time).clamp(1, i64::from(u32::MAX)) as u32;
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.samples += 1;
        }
        self.samples.push(sample);
    }

    /// `trak`. All samples are shown `delay` later than decoded, and the edit list takes that back.
    fn write(
        &mut self,
        out: &mut Vec<u8>,
        id: u32,
        track: TrackRef<'_>,
        delay: i64,
        offsets: &mut Vec<(usize, u64)>,
    ) {
        self.chunks.retain(|c| c.samples > 0);
        let duration: u64 = self.samples.iter().map(|s| u64::from(s.duration)).sum();
        let edits = self.edits(delay);
        let start = out.len();
        track_with(out, track, duration, &edits, |out| {
            self.more_entries(out);
            self.tables(out, matches!(track, TrackRef::Video(_)), delay, offsets);
        });
        // trak and tkhd headers, version and flags, two 64-bit times.
        let at = start + 8 + 8 + 4 + 16;
        out[at..at + 4].copy_from_slice(&id.to_be_bytes());
    }

    /// `edts`: when the lane begins to be seen, and that its first sample is what is seen first.
    fn edits(&self, delay: i64) -> Vec<u8> {
        let start = self.samples.first().map_or(0, |s| s.time);
        // The last picture decoded need not be the last one shown.
        let shown = self
            .samples
            .iter()
            .map(|s| s.time + i64::from(s.composition) + i64::from(s.duration));
        let mut edits = Vec::new();
        if start > 0 {
            edits.push((start, -1));
        }
        edits.push((shown.max().unwrap_or(start) - start, delay));
        let mut out = Vec::new();
        boxed(&mut out, b"edts", |out| {
            full_box(out, b"elst", 1, 0, |out| {
                put32(out, edits.len() as u32);
                for (length, media) in edits {
                    put64(out, length as u64);
                    put64(out, media as u64);
                    put16(out, 1);
                    put16(out, 0);
                }
            });
        });
        out
    }

    /// Puts the entries after the first into the `stsd` that `out` ends with.
    fn more_entries(&self, out: &mut Vec<u8>) {
        let [first, more @ ..] = &self.entries[..] else {
            return;
        };
        let stsd = out.len() - (8 + 8 + first.len());
        for entry in more {
            out.extend_from_slice(entry);
        }
        let size = (out.len() - stsd) as u32;
        out[stsd..stsd + 4].copy_from_slice(&size.to_be_bytes());
        out[stsd + 12..stsd + 16].copy_from_slice(&(self.entries.len() as u32).to_be_bytes());
    }

    fn tables(&self, out: &mut Vec<u8>, video: bool, delay: i64, offsets: &mut Vec<(usize, u64)>) {
        runs(out, b"stts", self.samples.iter().map(|s| s.duration));
        let late =
            |s: &Sample| (i64::from(s.composition) + delay).clamp(0, i64::from(i32::MAX)) as u32;
        if self.samples.iter().any(|s| late(s) != 0) {
            runs(out, b"ctts", self.samples.iter().map(late));
        }
        if video {
            full_box(out, b"stss", 0, 0, |out| {
                let keys = || self.samples.iter().enumerate().filter(|(_, s)| s.sync);
                put32(out, keys().count() as u32);
                keys().for_each(|(n, _)| put32(out, n as u32 + 1));
            });
        }
        full_box(out, b"stsc", 0, 0, |out| {
            let at = out.len();
            put32(out, 0);
            let (mut count, mut last) = (0u32, None);
            for (n, chunk) in self.chunks.iter().enumerate() {
                let now = (chunk.samples, chunk.entry);
                if last != Some(now) {
                    put32(out, n as u32 + 1);
                    put32(out, chunk.samples);
                    put32(out, chunk.entry);
                    count += 1;
                    last = Some(now);
                }
            }
            out[at..at + 4].copy_from_slice(&count.to_be_bytes());
        });
        full_box(out, b"stsz", 0, 0, |out| {
            put32(out, 0);
            put32(out, self.samples.len() as u32);
            self.samples.iter().for_each(|s| put32(out, s.size));
        });
        full_box(out, b"co64", 0, 0, |out| {
            put32(out, self.chunks.len() as u32);
            for chunk in &self.chunks {
                offsets.push((out.len(), chunk.at));
                put64(out, 0);
            }
        });
    }
}

/// The parameter sets of a decoder configuration record as length-prefixed NAL units; nothing where it cannot be read.
fn parameter_sets(track: &VideoTrack) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = Bytes(&track.config);
    let read = match track.codec {
        VideoCodec::H264 => avc_sets(&mut at, &mut out),
        VideoCodec::H265 => hevc_sets(&mut at, &mut out),
    };
    if read.is_none() {
        out.clear();
    }
    out
}

/// ISO/IEC 14496-15, 5.3.3.1.
fn avc_sets(at: &mut Bytes<'_>, out: &mut Vec<u8>) -> Option<()> {
    at.slice(5)?;
    for mask in [0x1f, 0xff] {
        let [count] = at.array()?;
        for _ in 0..count & mask {
            put_set(at, out)?;
        }
    }
    Some(())
}

/// ISO/IEC 14496-15, 8.3.3.1.
fn hevc_sets(at: &mut Bytes<'_>, out: &mut Vec<u8>) -> Option<()> {
    at.slice(22)?;
    let [arrays] = at.array()?;
    for _ in 0..arrays {
        at.slice(1)?;
        for _ in 0..at.u16()? {
            put_set(at, out)?;
        }
    }
    Some(())
}

fn put_set(at: &mut Bytes<'_>, out: &mut Vec<u8>) -> Option<()> {
    let len = at.u16()?;
    put32(out, len.into());
    out.extend_from_slice(at.slice(len.into())?);
    Some(())
}

/// A table of how often each number comes in a row.
fn runs(out: &mut Vec<u8>, kind: &[u8; 4], numbers: impl Iterator<Item = u32>) {
    full_box(out, kind, 0, 0, |out| {
        let at = out.len();
        put32(out, 0);
        let (mut entries, mut run) = (0u32, None::<(u32, u32)>);
        let mut write = |out: &mut Vec<u8>, (count, number): (u32, u32)| {
            put32(out, count);
            put32(out, number);
            entries += 1;
        };
        for number in numbers {
            match &mut run {
                Some((count, n)) if *n == number => *count += 1,
                _ => {
                    if let Some(done) = run.replace((1, number)) {
                        write(out, done);
                    }
                }
            }
        }
        if let Some(done) = run {
            write(out, done);
        }
        out[at..at + 4].copy_from_slice(&entries.to_be_bytes());
    });
}

/// A track's sample entry, as a whole box.
fn sample_entry(track: TrackRef<'_>) -> Vec<u8> {
    let mut trak = Vec::new();
    track_with(&mut trak, track, 0, &[], |_| {});
    let kind = match track {
        TrackRef::Video(_) => TrackKind::Video,
        TrackRef::Audio(_) => TrackKind::Audio,
    };
    find(&trak, &[b"trak"])
        .and_then(|trak| find(trak, &SAMPLE_DESCRIPTION))
        .and_then(|stsd| stsd.get(8..))
        .map(<[u8]>::to_vec)
        .unwrap_or_else(|| {
            // Our own writer puts it there.
            tracing::error!(?kind, "playback: a track without a sample entry");
            Vec::new()
        })
}

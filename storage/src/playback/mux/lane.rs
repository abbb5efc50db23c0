//! All samples of a codec: a track of the file, and its tables.

use media::{
    TrackKind, VideoCodec, VideoTrack,
    fmp4::{TrackRef, boxed, full_box, put16, put32, put64, track_with},
};

use crate::segment::{
    format::Bytes,
    reader::{SAMPLE_DESCRIPTION, find},
};

#[derive(Debug)]
pub(super) struct Lane<T> {
    /// Of the first segment: its size stands in the track's header.
    pub(super) track: T,
    /// Sample entries, as whole boxes.
    pub(super) entries: Vec<Vec<u8>>,
    /// That of the newest segment.
    pub(super) last_entry: Option<u32>,
    pub(super) samples: Vec<Sample>,
    pub(super) chunks: Vec<Chunk>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// In the file's decode time.
    pub(super) time: i64,
    pub(super) duration: u32,
    pub(super) size: u32,
    /// Shown later than decoded by this and [`Mux::delay`].
    pub(super) composition: i32,
    pub(super) sync: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// In the samples' data.
    pub(super) at: u64,
    pub(super) samples: u32,
    /// Number of the sample entry, from 1.
    pub(super) entry: u32,
}

/// The lane for a track, a new one if there is none.
pub(super) fn lane<T: Clone>(
    lanes: &mut Vec<Lane<T>>,
    track: &T,
    fits: impl Fn(&T) -> bool,
) -> usize {
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
    pub(super) fn entry(&mut self, track: TrackRef<'_>) -> u32 {
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

    pub(super) fn new_chunk(&mut self, at: u64, entry: u32) {
        match self.chunks.last_mut().filter(|c| c.samples == 0) {
            Some(empty) => (empty.at, empty.entry) = (at, entry),
            None => self.chunks.push(Chunk {
                at,
                samples: 0,
                entry,
            }),
        }
    }

    pub(super) fn push(&mut self, sample: Sample) {
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
    pub(super) fn write(
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
    pub(super) fn edits(&self, delay: i64) -> Vec<u8> {
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
    pub(super) fn more_entries(&self, out: &mut Vec<u8>) {
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

    pub(super) fn tables(
        &self,
        out: &mut Vec<u8>,
        video: bool,
        delay: i64,
        offsets: &mut Vec<(usize, u64)>,
    ) {
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
pub(super) fn parameter_sets(track: &VideoTrack) -> Vec<u8> {
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

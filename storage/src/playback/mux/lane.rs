//! All samples of a codec: a track of the file, and its tables.

use media::{
    VideoCodec, VideoTrack,
    fmp4::{TrackRef, boxed, full_box, put16, put32, put64, track_with},
};

use super::{
    part::{Samples, Table},
    plan::Gap,
};
use crate::segment::{Counts, format::Bytes, summary::sample_entry};

#[derive(Debug)]
pub(super) struct Lane<T> {
    /// Of the first segment: its size stands in the track's header.
    pub(super) track: T,
    /// Sample entries, as whole boxes.
    pub(super) entries: Vec<Vec<u8>>,
    /// That of the newest segment.
    pub(super) last_entry: Option<u32>,
    pub(super) members: Vec<Member>,
}

/// A segment's samples in a lane; one at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Which part of the file it is.
    pub(super) part: u32,
    pub(super) counts: Counts,
    /// Number of the sample entry, from 1.
    pub(super) entry: u32,
    /// Decode time of its first sample.
    pub(super) first: i64,
    /// Behind its last.
    pub(super) end: i64,
}

impl Member {
    pub(super) fn of(part: u32, samples: &Samples, entry: u32, end: i64) -> Option<Self> {
        Some(Self {
            part,
            counts: samples.counts(),
            entry,
            first: samples.samples.first()?.time,
            end,
        })
    }
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
                members: Vec::new(),
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

    /// `trak` without the rows of its tables: where those belong is noted in `gaps`. All samples are shown `delay` later than
    /// decoded, and the edit list takes that back.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        id: u32,
        track: TrackRef<'_>,
        delay: i64,
        gaps: &mut Vec<Gap>,
    ) {
        let first = self.members.first().map_or(0, |m| m.first);
        // A sample lasts until the next one, the last one until the lane's end: edits in the middle of a track are not understood
        // by every player.
        let lasts = self.members.last().map_or(first, |m| m.end) - first;
        let edits = edits(first, lasts, delay);
        let start = out.len();
        track_with(out, track, lasts.max(0) as u64, &edits, |out| {
            self.more_entries(out);
            self.tables(out, id, matches!(track, TrackRef::Video(_)), delay, gaps);
        });
        // trak and tkhd headers, version and flags, two 64-bit times.
        let at = start + 8 + 8 + 4 + 16;
        out[at..at + 4].copy_from_slice(&id.to_be_bytes());
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

    fn tables(&self, out: &mut Vec<u8>, id: u32, video: bool, delay: i64, gaps: &mut Vec<Gap>) {
        // A segment's first picture is shown when it is decoded, so one delay a segment is none at all.
        let late = video && (delay != 0 || self.members.iter().any(|m| m.counts.delays > 1));
        for table in Table::ALL {
            let kind = match table {
                Table::Times => b"stts",
                Table::Delays if late => b"ctts",
                Table::Keys if video => b"stss",
                Table::Chunks => b"stsc",
                Table::Sizes => b"stsz",
                Table::Offsets => b"co64",
                Table::Delays | Table::Keys => continue,
            };
            full_box(out, kind, 0, 0, |out| {
                if table == Table::Sizes {
                    put32(out, 0);
                }
                put32(
                    out,
                    self.members.iter().map(|m| table.rows(&m.counts)).sum(),
                );
                gaps.push(Gap {
                    at: out.len(),
                    len: self.members.iter().map(|m| table.len(&m.counts)).sum(),
                    lane: id,
                    table,
                });
            });
        }
    }
}

/// `edts`: when the lane begins to be seen, and that its first sample is what is seen first.
fn edits(first: i64, lasts: i64, delay: i64) -> Vec<u8> {
    let mut edits = Vec::new();
    if first > 0 {
        edits.push((first, -1));
    }
    edits.push((lasts, delay));
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

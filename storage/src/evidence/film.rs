//! A camera's range as one MP4 whose samples are the recorded segments themselves.
//!
//! ```text
//!  ftyp moov | mdat: segment, segment, segment, ..., [copies]
//! ```
//! The tables in `moov` point into the segments, which lie in `mdat` byte for byte as they were recorded, heads, hashes and seals
//! included: what a player shows is what the chain covers. A segment of which only a part is in the range is cut at key frames:
//! its head, and the fragments from the first to the last that is used. What cannot be pointed at in one piece (a picture before
//! which new parameter sets must stand) is copied behind the segments.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use media::{FeedId, WallTime};

use super::manifest;
use crate::{
    Error, Piece,
    archive::Shared,
    playback::{
        Pin, candidates,
        mux::{Extent, INLINE, Mux, Muxed},
    },
    segment::Layout,
    signature::hex,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Film {
    pub(crate) feed: FeedId,
    /// All that comes before the segments.
    pub(crate) head: Vec<u8>,
    pub(crate) sources: Vec<Source>,
    /// All that comes behind them.
    pub(crate) copies: Vec<u8>,
    pub(crate) codecs: Vec<String>,
    pub(crate) duration_s: f64,
    pub(crate) pieces: Vec<Piece>,
}

/// A segment's part in it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    /// `sha256` is empty until its bytes are read.
    pub(crate) segment: manifest::Segment,
    _pin: Pin,
}

impl Film {
    /// Bytes of its file.
    pub(crate) fn size(&self) -> u64 {
        let segments: u64 = self.sources.iter().map(|s| s.segment.length).sum();
        self.head.len() as u64 + segments + self.copies.len() as u64
    }
}

/// A segment while it is not yet known what of it is used.
struct Known {
    path: PathBuf,
    layout: Layout,
    size: u64,
    pin: Pin,
}

/// Makes the films of a feed's range, none where nothing of it is recorded: one after the other, a new one where the pictures'
/// parameters change, since a browser that seeks behind such a change does not find them. Blocking: reads the tables of the
/// segments.
pub(crate) fn films(
    shared: &Shared,
    feed: FeedId,
    from: WallTime,
    to: WallTime,
) -> Result<Vec<Film>, Error> {
    let mut runs: Vec<(Mux, Vec<Known>)> = Vec::new();
    for (entry, path, until) in candidates(shared, feed, from, to)? {
        let pin = shared.pins.pin(&path);
        let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
        // A damaged or missing one is no reason to leave it out in silence: whoever asks for evidence is told.
        let layout = Layout::read(&path, &file, Some(entry.bytes))?;
        let size = match layout.seal {
            Some(_) => file
                .metadata()
                .map_err(|e| Error::io("stat", &path, e))?
                .len(),
            None => layout.whole,
        };
        let goes_on = runs
            .last()
            .and_then(|(_, known)| known.last())
            .is_some_and(|k| k.layout.tracks.video == layout.tracks.video);
        if !goes_on {
            runs.push((Mux::new(from, to), Vec::new()));
        }
        if let Some((mux, known)) = runs.last_mut() {
            mux.segment(known.len() as u32, &layout, until);
            known.push(Known {
                path,
                layout,
                size,
                pin,
            });
        }
    }
    let made = runs.into_iter().map(|(mux, known)| film(feed, mux, known));
    made.filter_map(Result::transpose).collect()
}

/// The film of segments whose pictures have the same parameters.
fn film(feed: FeedId, mux: Mux, known: Vec<Known>) -> Result<Option<Film>, Error> {
    let Some(muxed) = mux.finish() else {
        return Ok(None);
    };
    let mut codecs: Vec<String> = Vec::new();
    for k in &known {
        let codec = &k.layout.tracks.video.codec_string;
        if !codecs.contains(codec) {
            codecs.push(codec.clone());
        }
    }
    let head_len = muxed.head.len() as u64;
    let mut at = head_len;
    // Of each segment: what is used of it, and where that lies.
    let mut places = Vec::with_capacity(known.len());
    let paths: Vec<PathBuf> = known.iter().map(|k| k.path.clone()).collect();
    let mut sources = Vec::new();
    for (n, k) in known.into_iter().enumerate() {
        let own = muxed.extents.iter().filter(|e| e.source == n as u32);
        let (mut first, mut last) = (u64::MAX, 0);
        for extent in own {
            first = first.min(extent.offset);
            last = last.max(extent.offset + extent.len);
        }
        let ranges = if first < last {
            used(&k.layout, k.size, first, last)
        } else {
            Vec::new()
        };
        places.push((at, ranges.clone()));
        let length = ranges.iter().map(|[from, to]| to - from).sum();
        if length == 0 {
            continue;
        }
        let header = &k.layout.header;
        sources.push(Source {
            segment: manifest::Segment {
                sequence: header.sequence,
                writer: format!("{:016x}", header.writer),
                start: header.start,
                end: k.layout.end(),
                offset: at,
                length,
                whole: ranges == [[0, k.size]],
                ranges,
                sha256: String::new(),
                digest: k.layout.seal.map(|s| hex(&s.digest)),
                previous: hex(&header.previous),
            },
            path: k.path,
            _pin: k.pin,
        });
        at += length;
    }
    let (head, copies) = point(&muxed, &places, &paths, at)?;
    Ok(Some(Film {
        feed,
        head,
        sources,
        copies,
        codecs,
        duration_s: muxed.duration.as_secs_f64(),
        pieces: muxed.pieces,
    }))
}

/// The bytes of a segment from the fragment in which `first` lies to the one in which `last` ends; all of it, with what stands
/// behind its fragments, where those are all.
fn used(layout: &Layout, size: u64, first: u64, last: u64) -> Vec<[u64; 2]> {
    let fragments = &layout.fragments;
    let begin = fragments.partition_point(|f| f.end <= first);
    let end = fragments.partition_point(|f| f.offset < last);
    let Some(inside) = fragments.get(begin..end).filter(|i| !i.is_empty()) else {
        return Vec::new();
    };
    if inside.len() == fragments.len() {
        return vec![[0, size]];
    }
    let (from, to) = (inside[0].offset, inside[inside.len() - 1].end);
    match begin {
        0 => vec![[0, to]],
        // Its head says whose it is and what the samples are.
        _ => vec![[0, fragments[0].offset], [from, to]],
    }
}

/// A segment's place in the file, and the ranges of it that lie there.
type Place = (u64, Vec<[u64; 2]>);

/// Points the head's tables at the segments; gives it, and what is copied to `end`.
fn point(
    muxed: &Muxed,
    places: &[Place],
    paths: &[PathBuf],
    end: u64,
) -> Result<(Vec<u8>, Vec<u8>), Error> {
    // Where in the head a chunk's place stands, and where it begins in the samples; in order of that.
    let mut chunks = muxed.chunks.clone();
    chunks.sort_by_key(|(_, at)| *at);
    let bytes = muxed.extents.last().map_or(0, |e| e.at + e.len);
    let mut head = muxed.head.clone();
    let mut copied: u64 = 0;
    let mut to_copy: Vec<(u64, u64)> = Vec::new();
    for (n, (stands, from)) in chunks.iter().enumerate() {
        let to = chunks.get(n + 1).map_or(bytes, |(_, next)| *next);
        let place = in_one_piece(&muxed.extents, places, *from, to);
        let place = place.unwrap_or_else(|| {
            to_copy.push((*from, to));
            copied += to - from;
            end + copied - (to - from)
        });
        head[*stands..*stands + 8].copy_from_slice(&place.to_be_bytes());
    }
    let size = head.len();
    // The header of `mdat` is the head's end: 1, "mdat", and its size.
    let mdat = end + copied - (size as u64 - 16);
    head[size - 8..].copy_from_slice(&mdat.to_be_bytes());
    let mut copies = Vec::new();
    for (from, to) in to_copy {
        copy(muxed, paths, from, to, &mut copies)?;
    }
    Ok((head, copies))
}

/// Where the samples `from..to` lie in the file, if they lie there one behind the other.
fn in_one_piece(extents: &[Extent], places: &[Place], from: u64, to: u64) -> Option<u64> {
    let extent = &extents[extents.partition_point(|e| e.at + e.len <= from)];
    if extent.source == INLINE || to > extent.at + extent.len {
        return None;
    }
    let offset = extent.offset + (from - extent.at);
    let (mut at, ranges) = places.get(extent.source as usize)?.clone();
    for [begin, end] in ranges {
        if (begin..end).contains(&offset) {
            return (offset + (to - from) <= end).then_some(at + offset - begin);
        }
        at += end - begin;
    }
    None
}

/// Reads the samples `from..to`: parameter sets, and pictures from their segments.
fn copy(
    muxed: &Muxed,
    paths: &[PathBuf],
    from: u64,
    to: u64,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let first = muxed.extents.partition_point(|e| e.at + e.len <= from);
    for extent in &muxed.extents[first..] {
        if extent.at >= to {
            break;
        }
        let skip = from.saturating_sub(extent.at);
        let len = (extent.at + extent.len).min(to) - (extent.at + skip);
        let offset = extent.offset + skip;
        if extent.source == INLINE {
            let offset = offset as usize;
            out.extend_from_slice(&muxed.inline[offset..offset + len as usize]);
            continue;
        }
        let path = &paths[extent.source as usize];
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        out.extend(read(path, &file, offset, len as usize)?);
    }
    Ok(())
}

/// Reads a range of a file.
fn read(path: &Path, file: &File, from: u64, len: usize) -> Result<Vec<u8>, Error> {
    let mut out = vec![0; len];
    file.read_exact_at(&mut out, from)
        .map_err(|e| Error::io_at("read", path, from, e))?;
    Ok(out)
}

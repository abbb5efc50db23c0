//! Any recorded range as HLS (RFC 8216, with fragmented MP4): a playlist, an initialisation a set of tracks, parts of some
//! seconds that begin with a key frame. Nothing is re-encoded; a part is made when it is asked for, from one segment file, and
//! is the same bytes each time.
//!
//! Media time runs on across gaps, as in [`super::Playback`]; the playlist says where it does not continue what was, and what
//! wall time it is there.

use std::{
    fmt::Write as _,
    fs::File,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::{
    CameraId, FeedId, MediaTime, TrackKind, Tracks, WallTime,
    fmp4::{self, fragment_head, init_segment},
};
use sha2::{Digest, Sha256};

use super::{Pin, candidates};
use crate::{
    Error,
    archive::Shared,
    events::blocking,
    segment::{Fragment, Layout, Run},
};

/// A file that the playlist names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HlsFile {
    /// Of [`Hls::init`].
    Init(u32),
    /// Of [`Hls::part`].
    Part(u32),
}

/// A range as HLS. Cheap to clone; keeps the segments it reads from deletion.
#[derive(Clone, Debug)]
pub struct Hls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    inits: Vec<Bytes>,
    sources: Vec<Source>,
    parts: Vec<Part>,
    id: String,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    /// Bytes of the file that count: it may be written to just now.
    bytes: u64,
    _pin: Pin,
}

#[derive(Clone, Debug)]
struct Part {
    source: u32,
    init: u32,
    /// Numbers of its fragments in the file.
    fragments: std::ops::Range<u32>,
    /// What is added to the file's media time.
    shift: MediaTime,
    /// Number of its first fragment, over all parts.
    sequence: u32,
    duration: MediaTime,
    wall: WallTime,
    /// It does not continue the part before.
    is_cut: bool,
}

/// A part ends at the first key frame after this.
const PART: Duration = Duration::from_secs(6);
/// A longer distance in wall time is a gap.
const GAP: Duration = Duration::from_millis(500);

impl Hls {
    /// The media playlist; `name` gives each file's URI.
    pub fn playlist(&self, mut name: impl FnMut(HlsFile) -> String) -> String {
        let parts = &self.0.parts;
        let longest = parts.iter().map(|p| p.duration.as_secs_f64());
        let target = longest.fold(1.0f64, f64::max).ceil() as u64;
        let mut out = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n"
        );
        let mut init = None;
        for (n, part) in parts.iter().enumerate() {
            if part.is_cut && n > 0 {
                out.push_str("#EXT-X-DISCONTINUITY\n");
            }
            if init != Some(part.init) {
                init = Some(part.init);
                let uri = name(HlsFile::Init(part.init));
                // Writing into a string does not fail.
                let _ = writeln!(out, "#EXT-X-MAP:URI=\"{uri}\"");
            }
            if part.is_cut {
                let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", part.wall);
            }
            let seconds = part.duration.as_secs_f64();
            let uri = name(HlsFile::Part(n as u32));
            let _ = writeln!(out, "#EXTINF:{seconds:.5},\n{uri}");
        }
        out.push_str("#EXT-X-ENDLIST\n");
        out
    }

    /// The initialisation number `n`; none where there is no such.
    pub fn init(&self, n: u32) -> Option<Bytes> {
        self.0.inits.get(n as usize).cloned()
    }

    /// How many parts there are. Never zero.
    pub fn parts(&self) -> u32 {
        self.0.parts.len() as u32
    }

    /// The part number `n`, whole; none where there is no such. Some seconds of the stream are in memory for it.
    ///
    /// # Errors
    /// The disk's.
    pub async fn part(&self, n: u32) -> Result<Option<Bytes>, Error> {
        let Some(part) = self.0.parts.get(n as usize).cloned() else {
            return Ok(None);
        };
        let this = Arc::clone(&self.0);
        blocking(move || this.make(&part)).await.map(Some)
    }

    /// Identity of all its bytes: the same range of the same segments has the same, others another. 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Wall time of the first frame: the key frame at or before what was asked.
    pub fn start(&self) -> WallTime {
        self.0.parts.first().map_or(WallTime(0), |p| p.wall)
    }
}

impl Inner {
    fn make(&self, part: &Part) -> Result<Bytes, Error> {
        let source = &self.sources[part.source as usize];
        let path = &source.path;
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let layout = Layout::read(path, &file, Some(source.bytes))?;
        let range = part.fragments.start as usize..part.fragments.end as usize;
        let fragments = layout.fragments.get(range).ok_or_else(|| {
            Error::content(path, layout.whole, "it has fewer fragments than it had")
        })?;
        let mut out = Vec::new();
        for (n, fragment) in fragments.iter().enumerate() {
            let runs = [
                (TrackKind::Video, &fragment.video),
                (TrackKind::Audio, &fragment.audio),
            ];
            let runs = runs.map(|(track, run)| (track, run, run.bytes()));
            let heads: Vec<fmp4::Run<'_>> = runs
                .iter()
                .filter(|(_, run, _)| !run.samples.is_empty())
                .map(|(track, run, _)| fmp4::Run {
                    track: *track,
                    base: run.base + part.shift,
                    samples: &run.samples,
                })
                .collect();
            fragment_head(&mut out, part.sequence + n as u32 + 1, &heads);
            for (_, run, bytes) in runs {
                let at = out.len();
                out.resize(at + bytes as usize, 0);
                file.read_exact_at(&mut out[at..], run.data)
                    .map_err(|e| Error::io_at("read", path, run.data, e))?;
            }
        }
        Ok(out.into())
    }
}

/// Makes the HLS of a feed's range; none where nothing of it is recorded. Blocking: reads the tables of the segments.
pub(crate) fn plan(
    shared: &Shared,
    feed: FeedId,
    from: WallTime,
    to: WallTime,
) -> Result<Option<Hls>, Error> {
    let mut plan = Planner {
        from,
        tracks: Vec::new(),
        parts: Vec::new(),
        now: MediaTime(0),
        sequence: 0,
        last: None,
    };
    let mut sources = Vec::new();
    for (entry, path, until) in candidates(shared, feed, from, to)? {
        let pin = shared.pins.pin(&path);
        let layout = match super::layout(&path, entry.bytes) {
            Ok(layout) => layout,
            Err(e) => {
                // Deleted under our eyes, or damaged: the rest is still to be seen.
                tracing::warn!(%feed, error = %e, "playback: a segment is left out");
                continue;
            }
        };
        plan.segment(sources.len() as u32, &layout, until);
        sources.push(Source {
            path,
            bytes: entry.bytes,
            _pin: pin,
        });
    }
    if plan.parts.is_empty() {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    for part in &plan.parts {
        // The path of a segment is its identity; it is never written again.
        let path = &sources[part.source as usize].path;
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(format!("{part:?}"));
    }
    let id: [u8; 32] = hash.finalize().into();
    let inits = plan
        .tracks
        .iter()
        .map(|t| init_segment(t, None, &[]).into());
    Ok(Some(Hls(Arc::new(Inner {
        inits: inits.collect(),
        sources,
        parts: plan.parts,
        id: crate::signature::hex(&id[..16]),
    }))))
}

struct Planner {
    from: WallTime,
    tracks: Vec<Tracks>,
    parts: Vec<Part>,
    /// Media time behind all parts.
    now: MediaTime,
    /// Fragments of all parts.
    sequence: u32,
    /// Wall time behind the last part, and its tracks.
    last: Option<(WallTime, u32)>,
}

fn begins_with_key(fragment: &Fragment) -> bool {
    fragment.video.samples.first().is_some_and(|s| s.sync)
}

fn length(run: &Run) -> MediaTime {
    run.samples
        .iter()
        .fold(MediaTime(0), |sum, s| sum + s.duration)
}

impl Planner {
    /// Adds what of a segment lies in the range and before `until`, from the key frame at or before its start.
    fn segment(&mut self, source: u32, layout: &Layout, until: WallTime) {
        let inside = layout.fragments.partition_point(|f| f.wall < until);
        let fragments = &layout.fragments[..inside];
        // Where nothing came before: the last key frame at or before the start.
        let early = fragments
            .iter()
            .rposition(|f| begins_with_key(f) && f.wall <= self.from)
            .filter(|_| self.parts.is_empty());
        let first = early.or_else(|| fragments.iter().position(begins_with_key));
        let Some(first) = first else { return };
        let init = match self.tracks.iter().position(|t| *t == layout.tracks) {
            Some(n) => n,
            None => {
                self.tracks.push(layout.tracks.clone());
                self.tracks.len() - 1
            }
        } as u32;
        let shift = self.now - fragments[first].video.base;
        let follows = self.last.is_some_and(|(end, tracks)| {
            let wall = fragments[first].wall;
            tracks == init && wall.since(end).max(end.since(wall)) < GAP
        });
        let mut open: Option<Part> = None;
        for (n, fragment) in fragments.iter().enumerate().skip(first) {
            let number = n as u32;
            let full =
                |part: &Part| begins_with_key(fragment) && part.duration.to_duration() >= PART;
            if let Some(done) = open.take_if(|part| full(part)) {
                self.parts.push(done);
            }
            let is_first = n == first;
            let part = open.get_or_insert(Part {
                source,
                init,
                fragments: number..number,
                shift,
                sequence: self.sequence,
                duration: MediaTime(0),
                wall: fragment.wall,
                is_cut: is_first && !follows,
            });
            part.fragments.end = number + 1;
            part.duration = part.duration + length(&fragment.video);
            self.sequence += 1;
            let end = |run: &Run| run.base + length(run) + shift;
            self.now = self.now.max(end(&fragment.video)).max(end(&fragment.audio));
            let behind = fragment.video.base + length(&fragment.video);
            self.last = Some((fragment.wall_at(behind), init));
        }
        self.parts.extend(open);
    }
}

/// Those asked for lately: a player asks for a part at a time, and all must be of the same range.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Vec<(Range, Hls, Instant)>>);

type Range = (CameraId, WallTime, WallTime);

/// Kept for so long after the last use, and so many.
const KEEP: Duration = Duration::from_secs(120);
const MAX: usize = 64;

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<(Range, Hls, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, range: Range) -> Option<Hls> {
        self.expire();
        let mut all = self.lock();
        let (_, hls, used) = all.iter_mut().find(|(of, ..)| *of == range)?;
        *used = Instant::now();
        Some(hls.clone())
    }

    pub(crate) fn put(&self, range: Range, hls: &Hls) {
        let mut all = self.lock();
        all.push((range, hls.clone(), Instant::now()));
        all.sort_by_key(|(.., used)| std::cmp::Reverse(*used));
        all.truncate(MAX);
    }

    /// Forgets what nobody asked for lately: it keeps segments from deletion.
    pub(crate) fn expire(&self) {
        self.lock().retain(|(.., used)| used.elapsed() < KEEP);
    }
}

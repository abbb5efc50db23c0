//! Any recorded range as one seekable MP4, assembled on the fly: the tables are made up front from the segments' own, the
//! samples are read from the segments as they are asked for. Nothing is re-encoded, and nothing is read that is not sent.
//!
//! Media time runs on across gaps (a gap takes none of it); [`Piece`]s say which wall time a moment of the file has.

mod buffers;
pub(crate) mod hls;
pub(crate) mod mux;
mod pins;
pub mod reel;

use std::{fs::File, ops::Range, os::unix::fs::FileExt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use media::{FeedId, Tracks, WallTime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::hls::{Hls, HlsFile};
pub(crate) use self::pins::Pin;
pub(crate) use self::pins::{Pins, Plans};
use self::{
    buffers::Buffers,
    mux::{Extent, INLINE, Mux},
};
use crate::{Error, archive::Shared, events::blocking, index::Entry, segment::Layout};

/// A stretch of a playback's file in which wall time runs on without a jump.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Where in the file, seconds from its start.
    pub media_start_s: f64,
    /// How long in the file, seconds.
    pub media_duration_s: f64,
    /// Wall time of its first frame.
    pub start: WallTime,
    /// Wall time after its last frame.
    pub end: WallTime,
}

/// One MP4 (`ftyp`, `moov`, `mdat`) made of the original samples. Cheap to clone; keeps the segments it reads from deletion.
#[derive(Clone, Debug)]
pub struct Playback(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// All that comes before the samples.
    head: Bytes,
    extents: Vec<Extent>,
    sources: Vec<Source>,
    inline: Vec<u8>,
    len: u64,
    etag: String,
    start: WallTime,
    duration_s: f64,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    _pin: Pin,
}

/// Segments of one recorder meet; frames of the first may seem to last a little into the second.
const OVERLAP: Duration = Duration::from_millis(500);
/// Bytes of one chunk of [`Playback::read`].
const CHUNK: u64 = 512 * 1024;

impl Playback {
    /// Bytes of the whole file. Never zero.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.0.len
    }
    /// Strong validator, with its quotes: the same bytes have the same, others another.
    pub fn etag(&self) -> &str {
        &self.0.etag
    }
    /// Wall time of the first frame: the key frame at or before what was asked.
    pub fn start(&self) -> WallTime {
        self.0.start
    }
    /// Duration in the file, seconds.
    pub fn duration_s(&self) -> f64 {
        self.0.duration_s
    }
    /// File time to wall time.
    pub fn pieces(&self) -> &[Piece] {
        &self.0.pieces
    }

    /// The bytes of `range` (clipped to the file), in chunks of at most 512 KiB, read as they are asked for. Ends after an
    /// error. Within a tokio runtime.
    pub fn read(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static + use<> {
        let this = Arc::clone(&self.0);
        let end = range.end.min(this.len);
        let state = (this, range.start, None::<(u32, File)>, Buffers::default());
        futures_util::stream::try_unfold(state, move |(this, at, open, buffers)| async move {
            if at >= end {
                return Ok(None);
            }
            let head = this.head.len() as u64;
            if at < head {
                let to = end.min(head).min(at + CHUNK);
                let bytes = this.head.slice(at as usize..to as usize);
                return Ok(Some((bytes, (this, to, open, buffers))));
            }
            let to = end.min(at + CHUNK);
            let (bytes, this, open, buffers) = blocking(move || {
                let (bytes, open) = this.fill(at - head, (to - at) as usize, open, &buffers)?;
                Ok((bytes, this, open, buffers))
            })
            .await?;
            Ok(Some((bytes, (this, to, open, buffers))))
        })
    }
}

impl Inner {
    /// Reads `len` bytes of the samples from `at`; `open` is the file read last.
    fn fill(
        &self,
        mut at: u64,
        len: usize,
        mut open: Option<(u32, File)>,
        buffers: &Buffers,
    ) -> Result<(Bytes, Option<(u32, File)>), Error> {
        let first = self.extents.partition_point(|e| e.at + e.len <= at);
        let mut out = buffers.take(len);
        let mut rest = &mut out[..];
        for extent in &self.extents[first..] {
            if rest.is_empty() {
                break;
            }
            let skip = at - extent.at;
            let n = (extent.len - skip).min(rest.len() as u64) as usize;
            let (piece, behind) = rest.split_at_mut(n);
            let offset = extent.offset + skip;
            rest = behind;
            at += n as u64;
            if extent.source == INLINE {
                piece.copy_from_slice(&self.inline[offset as usize..offset as usize + n]);
                continue;
            }
            let (file, path) = self.open(extent.source, &mut open)?;
            file.read_exact_at(piece, offset)
                .map_err(|e| Error::io_at("read", path, offset, e))?;
        }
        Ok((buffers.lend(out), open))
    }

    /// The file of a source. The one read before is let go of: a day that is read once does not push out what others need.
    fn open<'a>(
        &'a self,
        source: u32,
        open: &'a mut Option<(u32, File)>,
    ) -> Result<(&'a File, &'a PathBuf), Error> {
        let path = &self.sources[source as usize].path;
        if open.as_ref().is_none_or(|(s, _)| *s != source) {
            let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
            if let Some((_, before)) = open.replace((source, file)) {
                let _ = rustix::fs::fadvise(&before, 0, None, rustix::fs::Advice::DontNeed);
            }
        }
        match open {
            Some((_, file)) => Ok((file, path)),
            None => Err(Error::Closed("the segment")),
        }
    }
}

/// Reads `len` bytes at an offset, without zeroing room for them first.
fn read_piece(
    file: &File,
    path: &std::path::Path,
    offset: u64,
    len: usize,
) -> Result<Bytes, Error> {
    let fail = |e| Error::io_at("read", path, offset, e);
    let mut out = Vec::with_capacity(len);
    while out.len() < len {
        let from = offset + out.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut out), from) {
            Ok(0) => return Err(fail(std::io::ErrorKind::UnexpectedEof.into())),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(fail(e.into())),
        }
    }
    // The allocator may have given more room than was asked for, and the system filled it.
    out.truncate(len);
    Ok(out.into())
}

/// The segments of a range in order of start, the one being written included, each with the wall time where the next one has
/// the same again. Blocking.
pub(crate) fn candidates(
    shared: &Shared,
    feed: FeedId,
    from: WallTime,
    to: WallTime,
) -> Result<Vec<(Entry, PathBuf, WallTime)>, Error> {
    let mut files: Vec<(Entry, PathBuf)> = shared
        .segments
        .range(feed, from, to)?
        .into_iter()
        // What lies on a disk that is not there is passed over, as the timeline says.
        .filter(|entry| shared.volumes.unavailable(entry.volume).is_none())
        .map(|entry| (entry, shared.volumes.path(feed, &entry)))
        .collect();
    if let Some(head) = shared.live_now(feed).head
        && head.entry.start < to
        && head.entry.end > from
        && files.iter().all(|(_, path)| *path != head.path)
    {
        files.push((head.entry, head.path));
    }
    let starts: Vec<WallTime> = files
        .iter()
        .skip(1)
        .map(|(entry, _)| entry.start)
        .chain([to])
        .collect();
    let until = |entry: &Entry, next: WallTime| match entry.end.since(next) > OVERLAP {
        // A recorder that starts again begins with the group in the ring, which the one before may have had.
        true => next.min(to),
        false => to,
    };
    Ok(files
        .into_iter()
        .zip(starts)
        .map(|((entry, path), next)| (entry, path, until(&entry, next)))
        .collect())
}

/// Makes the playback of a feed's range; none where nothing of it is recorded. Blocking: reads the tables of the segments.
pub(crate) fn plan(
    shared: &Shared,
    feed: FeedId,
    from: WallTime,
    to: WallTime,
) -> Result<Option<Playback>, Error> {
    let mut mux = Mux::new(from, to);
    let mut sources = Vec::new();
    for (entry, path, until) in candidates(shared, feed, from, to)? {
        let pin = shared.pins.pin(&path);
        let layout = match layout(&path, entry.bytes) {
            Ok(layout) => layout,
            Err(e) => {
                // Deleted under our eyes, or damaged: the rest is still to be seen.
                tracing::warn!(%feed, error = %e, "playback: a segment is left out");
                continue;
            }
        };
        mux.segment(sources.len() as u32, &layout, until);
        sources.push(Source { path, _pin: pin });
    }
    let Some(muxed) = mux.finish() else {
        return Ok(None);
    };
    let len = muxed.head.len() as u64 + muxed.extents.last().map_or(0, |e| e.at + e.len);
    let mut hash = Sha256::new();
    hash.update(&muxed.head);
    for extent in &muxed.extents {
        // The path of a segment is its identity; it is never written again.
        if let Some(source) = sources.get(extent.source as usize) {
            hash.update(source.path.as_os_str().as_encoded_bytes());
        }
        hash.update(extent.offset.to_be_bytes());
        hash.update(extent.len.to_be_bytes());
    }
    hash.update(&muxed.inline);
    let digest: [u8; 32] = hash.finalize().into();
    let etag: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
    Ok(Some(Playback(Arc::new(Inner {
        head: muxed.head.into(),
        extents: muxed.extents,
        sources,
        inline: muxed.inline,
        len,
        etag: format!("\"{etag}\""),
        start: muxed.start,
        duration_s: muxed.duration.as_secs_f64(),
        pieces: muxed.pieces,
    }))))
}

fn layout(path: &PathBuf, bytes: u64) -> Result<Layout, Error> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    Layout::read(path, &file, Some(bytes))
}

/// The newest key frame of a feed at or before `at`. Blocking.
pub(crate) fn frame_at(
    shared: &Shared,
    feed: FeedId,
    at: WallTime,
) -> Result<Option<(Arc<Tracks>, WallTime, Bytes)>, Error> {
    let head = shared
        .live_now(feed)
        .head
        .filter(|head| head.entry.start <= at);
    let (bytes, path) = match head {
        Some(head) => (head.entry.bytes, head.path),
        None => match shared.segments.before(feed, at)? {
            Some(entry) => (entry.bytes, shared.volumes.path(feed, &entry)),
            None => return Ok(None),
        },
    };
    let _pin = shared.pins.pin(&path);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("open", &path, e)),
    };
    let layout = Layout::read(&path, &file, Some(bytes))?;
    let mut found = None;
    for fragment in layout.fragments.iter().take_while(|f| f.wall <= at) {
        for (time, sample, offset) in fragment.video.timed().filter(|(_, sample, _)| sample.sync) {
            let wall = fragment.wall_at(time);
            if wall <= at {
                found = Some((wall, offset, sample.size));
            }
        }
    }
    let Some((wall, offset, size)) = found else {
        return Ok(None);
    };
    let mut frame = vec![0; size as usize];
    file.read_exact_at(&mut frame, offset)
        .map_err(|e| Error::io_at("read", &path, offset, e))?;
    Ok(Some((Arc::new(layout.tracks), wall, frame.into())))
}

//! Any recorded range as one seekable MP4, assembled on the fly: the file is laid out by what its segments say at their ends, the
//! tables are filled in from the segments' own when they are asked for, and so are the samples. Nothing is re-encoded, and nothing
//! is read that is not sent.
//!
//! Media time runs on across gaps (a gap takes none of it); [`Piece`]s say which wall time a moment of the file has.

mod buffers;
pub(crate) mod hls;
pub(crate) mod mux;
mod pins;
pub mod reel;
mod stretches;

use std::{
    fs::File,
    io::IoSliceMut,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::Stream;
use media::{FeedId, Tracks, WallTime};
use rustix::io::ReadWriteFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use self::hls::{Hls, HlsFile};
pub(crate) use self::pins::Pin;
pub(crate) use self::pins::{Pins, Plans};
pub use self::stretches::{FilePart, Stretch};
use self::{
    buffers::Buffers,
    mux::{Extent, INLINE, MARGIN, Mux, Plan, Seen},
};
use crate::{
    Error,
    archive::Shared,
    events::blocking,
    index::Entry,
    segment::{Layout, Summary, reader},
};

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
    plan: Plan,
    /// All that comes before the samples, once it was asked for, and who makes it.
    head: OnceLock<Bytes>,
    making: Mutex<()>,
    sources: Vec<Source>,
    etag: String,
    /// A file is not what it says at its end: the next one who asks gets another plan.
    broken: AtomicBool,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    bytes: u64,
    pin: Pin,
}

/// The file that was read last.
#[derive(Debug)]
struct Open {
    source: u32,
    file: File,
    /// It was not in memory, and is now for this reader only.
    fetched: bool,
}

/// Segments of one recorder meet; frames of the first may seem to last a little into the second.
const OVERLAP: Duration = Duration::from_millis(500);
/// Bytes of one chunk of [`Playback::read`].
const CHUNK: u64 = 512 * 1024;

impl Playback {
    /// Bytes of the whole file. Never zero.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        self.0.plan.head_len + self.0.plan.bytes
    }
    /// Strong validator, with its quotes: other bytes have another.
    pub fn etag(&self) -> &str {
        &self.0.etag
    }
    /// Wall time of the first frame: the key frame at or before what was asked.
    pub fn start(&self) -> WallTime {
        self.0.plan.start
    }
    /// Duration in the file, seconds.
    pub fn duration_s(&self) -> f64 {
        self.0.plan.duration.as_secs_f64()
    }
    /// File time to wall time.
    pub fn pieces(&self) -> &[Piece] {
        &self.0.plan.pieces
    }
    fn is_broken(&self) -> bool {
        self.0.broken.load(Ordering::Relaxed)
    }
    /// Bytes of memory that it may take: its head, and what of it is made before the rest.
    fn held(&self) -> usize {
        self.0.plan.head_len as usize * 2
    }

    /// The bytes of `range` (clipped to the file), in chunks of at most 512 KiB, read as they are asked for. The first of a file are
    /// there at once; the tables behind them when the segments' own were read. Ends after an error, among them that a segment is
    /// not what it says at its end: the next [`crate::Archive::playback`] of the range leaves it out then. Within a tokio runtime.
    pub fn read(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static + use<> {
        let this = Arc::clone(&self.0);
        let end = range.end.min(self.len());
        let state = (this, range.start, None::<Open>, Buffers::default());
        futures_util::stream::try_unfold(state, move |(this, at, mut open, buffers)| async move {
            if at >= end {
                return Ok(None);
            }
            let head = this.plan.head_len;
            if at < head {
                let bytes = this.head_piece(at..end.min(head).min(at + CHUNK)).await?;
                let to = at + bytes.len() as u64;
                return Ok(Some((bytes, (this, to, open, buffers))));
            }
            let to = end.min(at + CHUNK);
            let mut out = buffers.take((to - at) as usize);
            // What is in memory is taken at once: handing it to another thread and back would cost more than the copy.
            let done = open
                .as_ref()
                .map_or(0, |open| this.at_once(at - head, &mut out, open));
            if done < out.len() {
                let reader = Arc::clone(&this);
                (out, open) = blocking(move || {
                    reader.fill(at - head + done as u64, &mut out[done..], &mut open)?;
                    Ok((out, open))
                })
                .await?;
            }
            Ok(Some((buffers.lend(out), (this, to, open, buffers))))
        })
    }
}

impl Open {
    /// As much of a piece as is in memory: the disk is not waited for. Gives how many bytes.
    fn read_now(&self, piece: &mut [u8], offset: u64) -> usize {
        let mut done = 0;
        while done < piece.len() {
            let mut rest = [IoSliceMut::new(&mut piece[done..])];
            let at = offset + done as u64;
            match rustix::io::preadv2(&self.file, &mut rest, at, ReadWriteFlags::NOWAIT) {
                Ok(0) | Err(_) => break,
                Ok(n) => done += n,
            }
        }
        done
    }
}

impl Inner {
    /// The beginning of a range before the samples: the first bytes of a file at once, the tables behind them when they were read.
    async fn head_piece(self: &Arc<Self>, range: Range<u64>) -> Result<Bytes, Error> {
        let (at, to) = (range.start as usize, range.end as usize);
        let prefix = self.plan.prefix();
        if let Some(rest) = prefix.get(at..).filter(|rest| !rest.is_empty()) {
            return Ok(Bytes::copy_from_slice(&rest[..rest.len().min(to - at)]));
        }
        let maker = Arc::clone(self);
        let head = blocking(move || maker.head()).await?;
        Ok(head.slice(at..to))
    }

    /// All that comes before the samples: the files of all segments are looked into the first time. Blocking.
    fn head(&self) -> Result<Bytes, Error> {
        if let Some(head) = self.head.get() {
            return Ok(head.clone());
        }
        let _one = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = self.head.get() {
            return Ok(head.clone());
        }
        let mut head = self.plan.blank();
        for (n, part) in self.plan.parts.iter().enumerate() {
            match &part.rows {
                Some(rows) => self.plan.put(part, rows, &mut head),
                None => {
                    let seen = self.look(n)?;
                    self.plan.put(part, &seen.rows, &mut head);
                    let _ = part.extents.set(seen.extents);
                }
            }
        }
        Ok(self.head.get_or_init(|| head.into()).clone())
    }

    /// What a part's file says of its samples. Blocking.
    fn look(&self, part: usize) -> Result<Seen, Error> {
        let part = &self.plan.parts[part];
        let source = &self.sources[part.source as usize];
        let found = layout(&source.path, source.bytes).and_then(|layout| {
            let what = "its samples are not those that its end speaks of";
            let found = self.plan.read(part, &layout);
            found.ok_or_else(|| Error::content(&source.path, layout.whole, what))
        });
        found.inspect_err(|_| {
            source.pin.doubt();
            self.broken.store(true, Ordering::Relaxed);
        })
    }

    /// Where the samples of a part are. Blocking where its file was not looked into yet.
    fn extents(&self, part: usize) -> Result<&[Extent], Error> {
        let Some(of) = self.plan.parts.get(part) else {
            return Err(Error::Closed("the playback"));
        };
        if let Some(extents) = of.extents.get() {
            return Ok(extents);
        }
        let seen = self.look(part)?;
        Ok(of.extents.get_or_init(|| seen.extents))
    }

    /// In which part the samples' byte `at` is.
    fn part(&self, at: u64) -> usize {
        self.plan.parts.partition_point(|p| p.range().end <= at)
    }

    /// Reads the samples from `at` on as far as they are in memory, of the open file alone. Gives how many bytes; blocks nobody.
    fn at_once(&self, at: u64, out: &mut [u8], open: &Open) -> usize {
        let mut done = 0;
        let Some(part) = self.plan.parts.get(self.part(at)) else {
            return 0;
        };
        let extents = part.extents.get().map_or(&[][..], |e| e);
        let first = extents.partition_point(|e| e.at + e.len <= at);
        for extent in &extents[first..] {
            if done == out.len() || extent.source != open.source {
                break;
            }
            let skip = at + done as u64 - extent.at;
            let n = (extent.len - skip).min((out.len() - done) as u64) as usize;
            let read = open.read_now(&mut out[done..done + n], extent.offset + skip);
            done += read;
            if read < n {
                break;
            }
        }
        done
    }

    /// Reads the samples from `at` on; `open` is the file read last. Blocking.
    fn fill(&self, mut at: u64, out: &mut [u8], open: &mut Option<Open>) -> Result<(), Error> {
        let mut rest = out;
        let mut n = self.part(at);
        while !rest.is_empty() {
            let extents = self.extents(n)?;
            let first = extents.partition_point(|e| e.at + e.len <= at);
            for extent in &extents[first..] {
                if rest.is_empty() {
                    break;
                }
                let skip = at - extent.at;
                let len = (extent.len - skip).min(rest.len() as u64) as usize;
                let (piece, behind) = rest.split_at_mut(len);
                let offset = extent.offset + skip;
                rest = behind;
                at += len as u64;
                if extent.source == INLINE {
                    let from = offset as usize;
                    piece.copy_from_slice(&self.plan.inline[from..from + len]);
                    continue;
                }
                let (open, path) = self.open(extent.source, open)?;
                let done = open.read_now(piece, offset);
                if done < len {
                    open.fetched = true;
                    let offset = offset + done as u64;
                    open.file
                        .read_exact_at(&mut piece[done..], offset)
                        .map_err(|e| Error::io_at("read", path, offset, e))?;
                }
            }
            n += 1;
        }
        Ok(())
    }

    /// The file of a source. Of the one read before, what was fetched from the disk is let go of: a day that is read once does not
    /// push out what others need.
    fn open<'a>(
        &'a self,
        source: u32,
        open: &'a mut Option<Open>,
    ) -> Result<(&'a mut Open, &'a Path), Error> {
        let path = &self.sources[source as usize].path;
        if open.as_ref().is_none_or(|open| open.source != source) {
            let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
            let next = Open {
                source,
                file,
                fetched: false,
            };
            if let Some(before) = open.replace(next).filter(|before| before.fetched) {
                let _ = rustix::fs::fadvise(&before.file, 0, None, rustix::fs::Advice::DontNeed);
            }
        }
        match open {
            Some(open) => Ok((open, path)),
            None => Err(Error::Closed("the segment")),
        }
    }
}

/// Reads `len` bytes at an offset, without zeroing room for them first.
fn read_piece(file: &File, path: &Path, offset: u64, len: usize) -> Result<Bytes, Error> {
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
    let mut sources: Vec<Source> = Vec::new();
    let files: Vec<Pinned> = candidates(shared, feed, from, to)?
        .into_iter()
        .map(|(entry, path, until)| Pinned {
            pin: shared.pins.pin(&path),
            // Of a segment that is taken whole no more need be known than it says of itself; not where it was found to be wrong.
            is_whole: entry.end + MARGIN <= until && !shared.pins.is_doubted(&path),
            bytes: entry.bytes,
            entry,
            path,
            until,
        })
        .collect();
    let summaries = summaries(&files);
    for (file, summary) in files.into_iter().zip(summaries) {
        let source = sources.len() as u32;
        let (start, end) = (file.entry.start, file.entry.end);
        if !summary.is_some_and(|summary| mux.whole(source, &summary, start, end)) {
            match layout(&file.path, file.bytes) {
                Ok(layout) => mux.segment(source, &layout, file.until),
                Err(e) => {
                    // Deleted under our eyes, or damaged: the rest is still to be seen.
                    tracing::warn!(%feed, error = %e, "playback: a segment is left out");
                    continue;
                }
            }
        }
        sources.push(Source {
            path: file.path,
            bytes: file.bytes,
            pin: file.pin,
        });
    }
    let Some(plan) = mux.plan() else {
        return Ok(None);
    };
    let mut hash = Sha256::new();
    plan.identity(|bytes| hash.update(bytes));
    for part in &plan.parts {
        // The path of a segment is its identity; it is never written again.
        let source = &sources[part.source as usize];
        hash.update(source.path.as_os_str().as_encoded_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let etag: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
    Ok(Some(Playback(Arc::new(Inner {
        plan,
        head: OnceLock::new(),
        making: Mutex::new(()),
        sources,
        etag: format!("\"{etag}\""),
        broken: AtomicBool::new(false),
    }))))
}

/// A segment that a playback is made of.
struct Pinned {
    entry: Entry,
    path: PathBuf,
    bytes: u64,
    until: WallTime,
    is_whole: bool,
    pin: Pin,
}

/// Files whose ends are looked at by one thread: those of an hour.
const A_THREAD: usize = 60;
/// Threads that look at the ends of a day's files: a disk that has to seek does better when it knows of some.
const THREADS: usize = 4;

/// What those that are taken whole say of themselves at their ends. Blocking.
fn summaries(files: &[Pinned]) -> Vec<Option<Summary>> {
    let look = |files: &[Pinned]| -> Vec<Option<Summary>> {
        let each = files.iter().map(|file| {
            let open = file.is_whole.then(|| File::open(&file.path).ok())??;
            // What is wrong with it is told when it is read for the plan.
            reader::read_summary(&file.path, &open, file.bytes).ok()?
        });
        each.collect()
    };
    let share = files.len().div_ceil(THREADS).max(A_THREAD);
    let mut shares = files.chunks(share);
    let own = shares.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let others: Vec<_> = shares
            .map(|share| (share.len(), scope.spawn(move || look(share))))
            .collect();
        let mut all = look(own);
        for (len, other) in others {
            // A look that panicked says nothing of its files: they are read.
            all.extend(other.join().unwrap_or_else(|_| vec![None; len]));
        }
        all
    })
}

fn layout(path: &Path, bytes: u64) -> Result<Layout, Error> {
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

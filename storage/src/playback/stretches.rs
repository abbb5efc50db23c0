//! A playback as stretches of files, for who has the system send them: no byte of a picture passes through this process then.

use std::{
    fs::File,
    ops::Range,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::Stream;
use rustix::{fs::Advice, io::ReadWriteFlags};

use super::{Inner, Playback, mux::INLINE};
use crate::{Error, events::blocking};

/// What comes next of a playback's file.
#[derive(Clone, Debug)]
pub enum Stretch {
    /// These bytes. Never empty.
    Bytes(Bytes),
    /// These parts of files, one behind the other. Never empty.
    Files(Vec<FilePart>),
}

/// A part of a segment's file.
#[derive(Clone, Debug)]
pub struct FilePart {
    file: Arc<Reading>,
    /// Where it begins in the file, bytes.
    pub offset: u64,
    /// How long it is, bytes. Never zero.
    pub len: u64,
}

/// A segment's file while parts of it are sent.
#[derive(Debug)]
struct Reading {
    file: File,
    source: u32,
    /// It was not in memory when its first part was looked for, and is now for this reader only.
    is_fetched: bool,
}

/// Files that one stretch opens at most: of very short segments.
const FILES: usize = 8;

impl Playback {
    /// The bytes of `range` (clipped to the file) as stretches of at most `most` bytes, which are those that [`Playback::read`] gives.
    /// A part's file is there as long as the part is, also when the segment is deleted meanwhile. Ends after an error. Within a
    /// tokio runtime.
    pub fn stretches(
        &self,
        range: Range<u64>,
        most: u64,
    ) -> impl Stream<Item = Result<Stretch, Error>> + Send + 'static + use<> {
        let most = most.max(1);
        let end = range.end.min(self.len());
        let state = (Arc::clone(&self.0), range.start, None::<Arc<Reading>>);
        futures_util::stream::try_unfold(state, move |(this, at, mut open)| async move {
            if at >= end {
                return Ok(None);
            }
            let head = this.plan.head_len;
            let to = end.min(at.saturating_add(most));
            if at < head {
                let bytes = this.head_piece(at..to.min(head)).await?;
                let to = at + bytes.len() as u64;
                return Ok(Some((Stretch::Bytes(bytes), (this, to, open))));
            }
            let wanted = at - head..to - head;
            // What the open file has needs no other thread.
            let stretch = match open.as_ref().and_then(|o| this.of_open(wanted.clone(), o)) {
                Some(parts) => Stretch::Files(parts),
                None => {
                    let reader = Arc::clone(&this);
                    let stretch;
                    (stretch, open) = blocking(move || {
                        let stretch = reader.stretch(wanted, &mut open)?;
                        Ok((stretch, open))
                    })
                    .await?;
                    stretch
                }
            };
            let to = at + stretch.len();
            Ok(Some((stretch, (this, to, open))))
        })
    }
}

impl Stretch {
    /// How long it is, bytes.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Files(parts) => parts.iter().map(|part| part.len).sum(),
        }
    }
}

impl FilePart {
    /// The file that it is of.
    pub fn file(&self) -> Arc<dyn AsFd + Send + Sync> {
        Arc::clone(&self.file) as _
    }
}

impl AsFd for Reading {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Reading {
    /// A day that is read once does not push out of memory what others need.
    fn drop(&mut self) {
        if self.is_fetched {
            let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
        }
    }
}

impl Inner {
    /// All of a range of the samples, or its beginning up to the end of a segment, where the open file has it.
    fn of_open(&self, range: Range<u64>, open: &Arc<Reading>) -> Option<Vec<FilePart>> {
        let part = self.plan.parts.get(self.part(range.start))?;
        let mut parts = Vec::new();
        let mut at = range.start;
        let extents = part.extents.get()?;
        for extent in &extents[extents.partition_point(|e| e.at + e.len <= at)..] {
            if at >= range.end || extent.source != open.source {
                break;
            }
            let skip = at - extent.at;
            let len = (extent.len - skip).min(range.end - at);
            parts.push(FilePart {
                file: Arc::clone(open),
                offset: extent.offset + skip,
                len,
            });
            at += len;
        }
        (!parts.is_empty()).then_some(parts)
    }

    /// The beginning of a range of the samples, of one kind. Blocking.
    fn stretch(
        &self,
        range: Range<u64>,
        open: &mut Option<Arc<Reading>>,
    ) -> Result<Stretch, Error> {
        let mut parts = Vec::new();
        let mut at = range.start;
        let mut files = 0;
        let mut n = self.part(at);
        while at < range.end && files < FILES {
            let extents = self.extents(n)?;
            for extent in &extents[extents.partition_point(|e| e.at + e.len <= at)..] {
                if at >= range.end {
                    break;
                }
                let skip = at - extent.at;
                let len = (extent.len - skip).min(range.end - at);
                let offset = extent.offset + skip;
                if extent.source == INLINE {
                    if !parts.is_empty() {
                        return Ok(Stretch::Files(parts));
                    }
                    let from = offset as usize;
                    let inline = &self.plan.inline[from..from + len as usize];
                    return Ok(Stretch::Bytes(Bytes::copy_from_slice(inline)));
                }
                let file = match open {
                    Some(open) if open.source == extent.source => Arc::clone(open),
                    _ => {
                        files += 1;
                        Arc::clone(open.insert(self.begin(extent.source, offset)?))
                    }
                };
                parts.push(FilePart { file, offset, len });
                at += len;
            }
            n += 1;
        }
        Ok(Stretch::Files(parts))
    }

    fn begin(&self, source: u32, offset: u64) -> Result<Arc<Reading>, Error> {
        let path = &self.sources[source as usize].path;
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let mut first = [0];
        let mut into = [std::io::IoSliceMut::new(&mut first)];
        let at_once = rustix::io::preadv2(&file, &mut into, offset, ReadWriteFlags::NOWAIT);
        Ok(Arc::new(Reading {
            is_fetched: !matches!(at_once, Ok(1)),
            file,
            source,
        }))
    }
}

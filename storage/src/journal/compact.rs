//! Making a journal shorter while it is in use: what is of no use any more is left out of a new file, which takes the place of
//! the old one at once. The bulk is written beside the writer's thread; what was appended meanwhile is added by that thread.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use tokio::sync::oneshot;

use super::{
    Journal,
    record::{self, Raw},
    scan::{self, HEADER, Position},
    writer::{Command, Place},
};
use crate::{Error, events::blocking};

/// What a first reading of a journal found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    /// Its last record then.
    pub(crate) through: u64,
    /// Behind that.
    end: Position,
    pub(crate) records: u64,
}

/// Called in the writer's thread once the new file is the journal, with the place of its last record.
pub(crate) type Moved = Box<dyn FnOnce(Option<Place>) + Send>;

/// The file that is to take a journal's place.
fn new_path(path: &Path) -> PathBuf {
    path.with_extension("journal-new")
}

/// Removes what a crash left of a new file.
pub(super) fn clean_up(path: &Path) {
    let new = new_path(path);
    if let Err(e) = fs::remove_file(&new)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %new.display(), error = %e, "journal: what a crash left is not removed");
    }
}

impl<T> Journal<T> {
    /// How many records the file has, those that later ones replace included.
    pub fn records(&self) -> u64 {
        self.shared
            .records
            .load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Reads every record that is on the disk now. Blocking.
    pub(crate) fn read_all(
        &self,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), Error>,
    ) -> Result<Read, Error> {
        let path = &self.shared.path;
        let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        scan::read_header(path, &mut file)?;
        let found = scan::scan(path, &mut file, false, Position::START, |raw, _, _| {
            each(raw.sequence, raw.body)
        })?;
        Ok(Read {
            through: found.end.next.map_or(0, |next| next.saturating_sub(1)),
            end: found.end,
            records: found.records,
        })
    }

    /// Leaves out every record of those `read` that `keep` (called twice, to the same answer) does not want; all that is newer
    /// is kept. After a crash the file is the old one or the new one. The records kept get the last numbers of those read, so
    /// that no number is missing. Gives how many were kept of those read.
    ///
    /// # Errors
    /// [`Error::Value`] for a chained journal; else the disk's, and then nothing is changed.
    pub(crate) async fn compact(
        &self,
        read: Read,
        keep: impl Fn(u64, &[u8]) -> bool + Send + 'static,
        moved: Moved,
    ) -> Result<u64, Error> {
        if self.shared.chained {
            return Err(Error::Value {
                what: "a shorter journal",
                why: "the journal is chained: its records stay".into(),
            });
        }
        let path = self.shared.path.clone();
        let new = blocking(move || write_kept(&path, read, keep)).await?;
        let kept = new.kept;
        let (done, answer) = oneshot::channel();
        self.send(Command::Replace {
            new,
            read: read.end,
            moved,
            done,
        })
        .await?;
        answer.await.map_err(|_| Error::Closed("the journal"))??;
        Ok(kept)
    }
}

/// A file that holds what was kept, on the disk.
#[derive(Debug)]
pub(crate) struct New {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) end: Position,
    /// The last record in it.
    pub(crate) last: Option<Place>,
    pub(crate) kept: u64,
}

fn write_kept(path: &Path, read: Read, keep: impl Fn(u64, &[u8]) -> bool) -> Result<New, Error> {
    let mut old = File::open(path).map_err(|e| Error::io("open", path, e))?;
    let mut kept = 0u64;
    let mut visit = |each: &mut dyn FnMut(Raw<'_>) -> Result<(), Error>| {
        scan::scan(path, &mut old, false, Position::START, |raw, _, _| {
            if raw.sequence <= read.through && keep(raw.sequence, raw.body) {
                each(raw)?;
            }
            Ok(())
        })
    };
    visit(&mut |_| {
        kept += 1;
        Ok(())
    })?;
    let new = new_path(path);
    let fail = |e| Error::io("write", &new, e);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&new)
        .map_err(fail)?;
    let mut out = BufWriter::with_capacity(256 * 1024, &file);
    out.write_all(&scan::header(false)).map_err(fail)?;
    let mut sequence = (read.through + 1).saturating_sub(kept);
    let mut end = HEADER;
    let mut last = None;
    let mut bytes = Vec::new();
    visit(&mut |raw| {
        bytes.clear();
        record::encode(&mut bytes, &Raw { sequence, ..raw });
        out.write_all(&bytes).map_err(fail)?;
        let behind = end + bytes.len() as u64;
        last = Some(Place {
            start: end,
            end: behind,
            sequence,
        });
        (end, sequence) = (behind, sequence + 1);
        Ok(())
    })?;
    out.flush().map_err(fail)?;
    drop(out);
    file.sync_all().map_err(fail)?;
    Ok(New {
        path: new.clone(),
        file,
        end: Position {
            offset: end,
            next: Some(read.through + 1),
            ..Position::START
        },
        last,
        kept,
    })
}

//! The thread that owns a journal's file: writes what waits in one piece, one `fdatasync` for all of it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use media::WallTime;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
    compact::{Moved, New},
    parts,
    record::{self, Raw},
    scan::{self, HEADER, Position},
};
use crate::{Error, datadir::sync_dir};

/// A record that is on the disk.
#[derive(Debug)]
pub(crate) struct Durable {
    pub(crate) sequence: u64,
    pub(crate) body: Vec<u8>,
    /// Its first byte in the file.
    pub(crate) start: u64,
    /// Behind the record in the file.
    pub(crate) end: u64,
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) sequence: u64,
}

/// Called by the writer after each group, in order.
pub(crate) type OnDurable = Box<dyn FnMut(&[Durable]) + Send>;

pub(crate) enum Command {
    Append {
        at: WallTime,
        kind: String,
        body: Vec<u8>,
        /// Given back when it is written: bounds what waits, in bytes.
        _room: OwnedSemaphorePermit,
        done: oneshot::Sender<Result<u64, Error>>,
    },
    Snapshot {
        through: u64,
        state: Vec<(WallTime, String, Vec<u8>)>,
        done: oneshot::Sender<Result<(), Error>>,
    },
    /// The new file, with what was appended behind `read` added, becomes the journal.
    Replace {
        new: New,
        read: Position,
        moved: Moved,
        done: oneshot::Sender<Result<(), Error>>,
    },
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Append { .. } => "Append",
            Self::Snapshot { .. } => "Snapshot",
            Self::Replace { .. } => "Replace",
        })
    }
}

pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) chained: bool,
    pub(crate) version: u16,
    /// Where the next record goes; everything before is on the disk.
    pub(crate) end: Position,
    pub(crate) on_durable: Option<OnDurable>,
    /// Month of the first record in the file, where it is chained and has one.
    pub(crate) month: Option<String>,
    /// Sequence of the first record in the file.
    pub(crate) first: Option<u64>,
    /// Records in the file.
    pub(crate) records: Arc<AtomicU64>,
}

/// Records of one write at most: bounds the time the first of them waits for the last.
const GROUP: usize = 256;

struct Waiting {
    start: u64,
    body: Vec<u8>,
    done: oneshot::Sender<Result<u64, Error>>,
    end: u64,
}

impl Writer {
    /// Runs until every sender is gone.
    pub(crate) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut next = commands.blocking_recv();
        while let Some(first) = next.take() {
            let mut group = Vec::new();
            let mut bytes = Vec::new();
            let mut command = Some(first);
            let mut end = self.end;
            // Room is held until the write is done.
            let mut rooms = Vec::new();
            while let Some(Command::Append {
                at,
                kind,
                body,
                _room,
                done,
            }) = command
            {
                if self.is_of_a_later_month(at) {
                    // What came before belongs to the month before.
                    self.commit(&std::mem::take(&mut bytes), std::mem::take(&mut group), end);
                    self.rotate();
                    end = self.end;
                }
                if self.chained {
                    self.month.get_or_insert_with(|| parts::month(at));
                }
                self.first.get_or_insert(end.next.unwrap_or(1));
                let start = end.offset;
                end = self.encode(&mut bytes, end, at, &kind, &body);
                group.push(Waiting {
                    start,
                    body,
                    done,
                    end: end.offset,
                });
                rooms.push(_room);
                command = if group.len() < GROUP {
                    commands.try_recv().ok()
                } else {
                    None
                };
            }
            self.commit(&bytes, group, end);
            drop(rooms);
            // Nobody waiting for an answer is no reason not to do it.
            match command {
                Some(Command::Snapshot {
                    through,
                    state,
                    done,
                }) => drop(done.send(self.snapshot(through, &state))),
                Some(Command::Replace {
                    new,
                    read,
                    moved,
                    done,
                }) => drop(done.send(self.replace(new, read, moved))),
                Some(Command::Append { .. }) | None => {}
            }
            next = commands.blocking_recv();
        }
    }

    fn encode(
        &self,
        out: &mut Vec<u8>,
        end: Position,
        at: WallTime,
        kind: &str,
        body: &[u8],
    ) -> Position {
        let start = out.len();
        let sequence = end.next.unwrap_or(1);
        record::encode(
            out,
            &Raw {
                sequence,
                at,
                kind,
                previous: self.chained.then_some(end.hash),
                version: self.version,
                body,
            },
        );
        Position {
            offset: end.offset + (out.len() - start) as u64,
            next: Some(sequence.saturating_add(1)),
            hash: if self.chained {
                record::hash(&out[start..])
            } else {
                record::NO_HASH
            },
        }
    }

    fn commit(&mut self, bytes: &[u8], group: Vec<Waiting>, end: Position) {
        if group.is_empty() {
            return;
        }
        let first = self.end.next.unwrap_or(1);
        if let Err(e) = self.write(bytes) {
            tracing::error!(path = %self.path.display(), error = %e, records = group.len(), "journal: records are not written");
            for waiting in group {
                let _ = waiting.done.send(Err(e.again()));
            }
            return;
        }
        self.end = end;
        self.records
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        let mut answers = Vec::with_capacity(group.len());
        let mut durable = Vec::with_capacity(group.len());
        for (n, waiting) in group.into_iter().enumerate() {
            let sequence = first + n as u64;
            answers.push((waiting.done, sequence));
            durable.push(Durable {
                sequence,
                body: waiting.body,
                start: waiting.start,
                end: waiting.end,
            });
        }
        if let Some(on_durable) = &mut self.on_durable {
            on_durable(&durable);
        }
        for (done, sequence) in answers {
            // A waiter that has gone away does not undo the record.
            let _ = done.send(Ok(sequence));
        }
    }

    /// Writes at the end of what is durable, so that a failed write is overwritten by the next one.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let at = self.end.offset;
        let write = || -> io::Result<()> {
            self.file.write_all_at(bytes, at)?;
            Ok(rustix::fs::fdatasync(&self.file)?)
        };
        write().map_err(|e| {
            // Whole records that nobody was told of must not be found by the next start.
            let _ = self.file.set_len(at);
            Error::io_at("write", &self.path, at, e)
        })
    }

    /// Puts `state` in the place of all records up to `through`; later ones are kept.
    fn snapshot(
        &mut self,
        through: u64,
        state: &[(WallTime, String, Vec<u8>)],
    ) -> Result<(), Error> {
        let value = |why: String| Error::Value {
            what: "a journal's snapshot",
            why,
        };
        if self.chained {
            return Err(value("the journal is chained: its records stay".into()));
        }
        let first = through
            .checked_sub(state.len() as u64)
            .and_then(|n| n.checked_add(1))
            .filter(|n| *n > 0)
            .ok_or_else(|| {
                value(format!(
                    "{} records cannot stand for the first {through}",
                    state.len()
                ))
            })?;
        let mut bytes = scan::header(false).to_vec();
        let mut end = Position {
            next: Some(first),
            ..Position::START
        };
        for (at, kind, body) in state {
            end = self.encode(&mut bytes, end, *at, kind, body);
        }
        end.next = Some(through.saturating_add(1));
        let mut later = Vec::new();
        scan::scan(
            &self.path,
            &mut self.file,
            false,
            Position::START,
            |raw, _, _| {
                if raw.sequence > through {
                    later.push((raw.at, raw.kind.to_owned(), raw.body.to_vec()));
                }
                Ok(())
            },
        )?;
        for (at, kind, body) in &later {
            end = self.encode(&mut bytes, end, *at, kind, body);
        }
        let new = self.path.with_extension("journal-new");
        let file = write_new(&new, &bytes)?;
        fs::rename(&new, &self.path).map_err(|e| Error::io("rename", &new, e))?;
        sync_dir(self.path.parent().unwrap_or(&self.path))?;
        self.file = file;
        self.end = end;
        self.first = Some(first);
        self.records
            .store((state.len() + later.len()) as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Adds what was appended behind `read` to the new file, and makes that the journal.
    fn replace(&mut self, mut new: New, read: Position, moved: Moved) -> Result<(), Error> {
        let mut tail = Vec::new();
        let mut last = new.last;
        let mut added = 0;
        scan::scan(&self.path, &mut self.file, false, read, |raw, _, _| {
            let start = new.end.offset + tail.len() as u64;
            record::encode(&mut tail, &raw);
            last = Some(Place {
                start,
                end: new.end.offset + tail.len() as u64,
                sequence: raw.sequence,
            });
            added += 1;
            Ok(())
        })?;
        let write = || -> io::Result<()> {
            new.file.write_all_at(&tail, new.end.offset)?;
            new.file.sync_all()
        };
        write().map_err(|e| Error::io("write", &new.path, e))?;
        fs::rename(&new.path, &self.path).map_err(|e| Error::io("rename", &new.path, e))?;
        // From here on the new file is the journal, whatever the directory's sync says.
        let synced = sync_dir(self.path.parent().unwrap_or(&self.path));
        new.end.offset += tail.len() as u64;
        new.end.next = self.end.next;
        self.first = last.map(|_| {
            let next = new.end.next.unwrap_or(1);
            next.saturating_sub(new.kept + added)
        });
        self.records.store(new.kept + added, Ordering::Relaxed);
        self.file = new.file;
        self.end = new.end;
        moved(last);
        synced
    }

    fn is_of_a_later_month(&self, at: WallTime) -> bool {
        // Not of another one: a clock that was set back makes no file of its own.
        self.month.as_ref().is_some_and(|m| *m < parts::month(at))
    }

    /// Begins a new file; the one so far becomes a part. Where the disk refuses, the file goes on: an entry is worth more than
    /// its month.
    fn rotate(&mut self) {
        let (Some(month), Some(first)) = (&self.month, self.first) else {
            return;
        };
        let part = parts::part(&self.path, month, first);
        let begin = || -> Result<File, Error> {
            let new = self.path.with_extension("journal-new");
            let file = write_new(&new, &scan::header(true))?;
            fs::rename(&self.path, &part).map_err(|e| Error::io("rename", &self.path, e))?;
            if let Err(e) = fs::rename(&new, &self.path) {
                // As it was; if this fails too, the next start finds the part and no journal, and begins one.
                let _ = fs::rename(&part, &self.path);
                return Err(Error::io("rename", &new, e));
            }
            Ok(file)
        };
        match begin() {
            Ok(file) => {
                if let Err(e) = sync_dir(self.path.parent().unwrap_or(&self.path)) {
                    tracing::error!(error = %e, "journal: a new month's file is not yet durable");
                }
                tracing::info!(part = %part.display(), "journal: a new month");
                self.file = file;
                self.end.offset = HEADER;
                (self.month, self.first) = (None, None);
                self.records.store(0, Ordering::Relaxed);
            }
            Err(e) => {
                tracing::error!(path = %self.path.display(), error = %e, "journal: no new file for the new month; the old one goes on");
            }
        }
    }
}

/// A new file, on the disk before this returns; its name is not yet.
pub(crate) fn write_new(path: &std::path::Path, bytes: &[u8]) -> Result<File, Error> {
    debug_assert!(bytes.len() as u64 >= HEADER);
    let write = || -> io::Result<File> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()?;
        Ok(file)
    };
    write().map_err(|e| Error::io("write", path, e))
}

//! The thread that owns a journal's file: writes what waits in one piece, one `fdatasync` for all of it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
};

use media::WallTime;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::{
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

/// Called by the writer after each group, in order.
pub(crate) type OnDurable = Box<dyn FnMut(&[Durable]) + Send>;

#[derive(Debug)]
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
}

pub(crate) struct Writer {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) chained: bool,
    pub(crate) version: u16,
    /// Where the next record goes; everything before is on the disk.
    pub(crate) end: Position,
    pub(crate) on_durable: Option<OnDurable>,
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
            if !group.is_empty() {
                self.commit(&bytes, group, end);
            }
            drop(rooms);
            if let Some(Command::Snapshot {
                through,
                state,
                done,
            }) = command
            {
                // Nobody waiting for the answer is no reason not to do it.
                let _ = done.send(self.snapshot(through, &state));
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
        let first = self.end.next.unwrap_or(1);
        if let Err(e) = self.write(bytes) {
            tracing::error!(path = %self.path.display(), error = %e, records = group.len(), "journal: records are not written");
            for waiting in group {
                let _ = waiting.done.send(Err(e.again()));
            }
            return;
        }
        self.end = end;
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
        Ok(())
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

//! Append-only journals: what no other file can give back.
//!
//! A journal is one file: a header of 16 bytes, then records (see `record.rs` for their bytes). A thread of its own writes what
//! waits in one piece and syncs once for all of it; [`Journal::append`] returns when the record is on the disk. A tail that a
//! crash tore off is cut away at open, kept beside the journal as `NAME.journal.cut-OFFSET`, and reported; a hole in the middle
//! is reported and skipped, never cut. A *chained* journal (the audit log) carries in each record the SHA-256 of the one before,
//! so that a record altered or taken out shows; it is kept in files by month (see `parts.rs`), which are read as one.

mod compact;
pub(crate) mod parts;
mod record;
mod scan;
mod writer;

use std::{
    fmt,
    fs::{self, File},
    io::Read,
    marker::PhantomData,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    thread::JoinHandle,
};

use media::WallTime;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{Error, datadir::sync_dir};
pub use scan::Damage;
pub(crate) use scan::Position;
pub(crate) use writer::{Durable, OnDurable, Place};

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Each record carries the hash of the one before.
    pub chained: bool,
    /// Version of the bodies that are written; handed back with each record.
    pub version: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            chained: false,
            version: 1,
        }
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<T> {
    /// Rises by one a record, from 1.
    pub sequence: u64,
    /// When it was appended, by the caller's clock.
    pub at: WallTime,
    /// What the body is.
    pub kind: String,
    /// Version of the body, as given in [`Options`] when it was written.
    pub version: u16,
    /// The body.
    pub body: T,
}

/// What was found at open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// A torn tail that was cut away: where it began and how many bytes it had.
    pub cut: Option<(u64, u64)>,
    /// Damage that is no torn tail; the records around it were read.
    pub damage: Vec<Damage>,
}

/// A journal open for appending. Clones are handles of the same one; the last one dropped waits for the writer's thread.
pub struct Journal<T> {
    shared: Arc<Shared>,
    _body: PhantomData<fn(T)>,
}

impl<T> Clone for Journal<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            _body: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Journal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journal({})", self.shared.path.display())
    }
}

struct Shared {
    path: PathBuf,
    chained: bool,
    report: Report,
    /// In the file.
    records: Arc<AtomicU64>,
    /// None once dropped: the thread ends when it is gone.
    commands: Option<mpsc::Sender<Command>>,
    /// Bytes that may wait for the disk.
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

use writer::{Command, Writer};

/// Commands that may wait; their bodies are bounded by [`ROOM`].
const QUEUE: usize = 1024;
/// Bytes of bodies that may wait for the disk; more than the longest record.
const ROOM: usize = 4 * record::MAX_LEN;

/// Opens a journal, making it where it is missing, and reads all of it. Blocking.
///
/// # Errors
/// Where the disk refuses, the file is no journal, is chained where `options` say it is not (or the other way round), or a
/// body is not a `T`.
#[allow(clippy::type_complexity)]
pub fn open<T: Serialize + DeserializeOwned>(
    path: impl AsRef<Path>,
    options: Options,
) -> Result<(Journal<T>, Vec<Record<T>>), Error> {
    let mut records = Vec::new();
    let journal = open_with(path, options, |record| records.push(record))?;
    Ok((journal, records))
}

/// As [`open`], handing each record to `each` instead of collecting them.
///
/// # Errors
/// As [`open`].
pub fn open_with<T: Serialize + DeserializeOwned>(
    path: impl AsRef<Path>,
    options: Options,
    mut each: impl FnMut(Record<T>),
) -> Result<Journal<T>, Error> {
    let path = path.as_ref();
    open_from(path, options, Position::START, None, |raw, offset, _| {
        each(parse(path, offset, raw)?);
        Ok(())
    })
}

/// Reads a journal that may be in use, without changing it: hands each record to `each` and tells what is wrong. Blocking.
///
/// # Errors
/// Where the disk refuses, the file is no journal, or a body is not a `T`.
pub fn read<T: DeserializeOwned>(
    path: impl AsRef<Path>,
    mut each: impl FnMut(Record<T>),
) -> Result<Report, Error> {
    let path = path.as_ref();
    let mut each = |raw: Raw<'_>, offset: u64, _: u64| {
        each(parse(path, offset, raw)?);
        Ok(())
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) => {
            // A crash between two months: there are parts, and the next start begins the new file.
            let parts = parts::scan_parts(path, None, &mut each)?;
            return match parts.records {
                0 => Err(Error::io("open", path, e)),
                _ => Ok(report(&parts)),
            };
        }
    };
    let chained = scan::read_header(path, &mut file)?;
    let mut before = match chained {
        true => parts::scan_parts(path, Some(&file), &mut each)?,
        false => scan::Scanned::default(),
    };
    let found = scan::scan(path, &mut file, chained, before.end, each)?;
    before.go_on(found);
    Ok(report(&before))
}

fn report(found: &scan::Scanned) -> Report {
    Report {
        records: found.records,
        cut: (found.torn > 0).then_some((found.end.offset, found.torn)),
        damage: found.damage.clone(),
    }
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    offset: u64,
    raw: record::Raw<'_>,
) -> Result<Record<T>, Error> {
    let body = serde_json::from_slice(raw.body).map_err(|e| {
        Error::content(
            path,
            offset,
            format!(
                "record {} ({}, version {}): {e}",
                raw.sequence, raw.kind, raw.version
            ),
        )
    })?;
    Ok(Record {
        sequence: raw.sequence,
        at: raw.at,
        kind: raw.kind.to_owned(),
        version: raw.version,
        body,
    })
}

/// Whether the journal has the record `sequence` from `start` to `end`, whole.
pub(crate) fn holds(path: &Path, start: u64, end: u64, sequence: u64) -> bool {
    let len = end.saturating_sub(start);
    if len > (record::MAX_LEN + record::PREFIX) as u64 {
        return false;
    }
    let mut bytes = vec![0; len as usize];
    let read = File::open(path).and_then(|file| file.read_exact_at(&mut bytes, start));
    read.is_ok()
        && record::decode(&bytes, false)
            .is_ok_and(|(raw, n)| raw.sequence == sequence && n == bytes.len())
}

/// A record handed to [`open_from`]'s visitor: its offset and the offset behind it follow.
pub(crate) use record::Raw;

/// Opens a journal and reads it from a known position on; where that does not hold, from its start.
pub(crate) fn open_from<T>(
    path: &Path,
    options: Options,
    from: Position,
    on_durable: Option<OnDurable>,
    mut each: impl FnMut(Raw<'_>, u64, u64) -> Result<(), Error>,
) -> Result<Journal<T>, Error> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
    let mut file = open_file(path, options.chained)?;
    if scan::read_header(path, &mut file)? != options.chained {
        let what = if options.chained {
            "is not chained"
        } else {
            "is chained"
        };
        return Err(Error::content(path, 8, format!("this journal {what}")));
    }
    compact::clean_up(path);
    let mut found = match options.chained {
        true => parts::scan_parts(path, Some(&file), &mut each)?,
        false => scan::Scanned {
            end: from,
            ..scan::Scanned::default()
        },
    };
    let (mut first, mut month) = (None, None);
    let here = scan::scan(path, &mut file, options.chained, found.end, |raw, s, e| {
        if first.is_none() {
            first = Some(raw.sequence);
            month = options.chained.then(|| parts::month(raw.at));
        }
        each(raw, s, e)
    })?;
    found.go_on(here);
    if from != Position::START {
        first = scan::first_sequence(path, &mut file)?;
    }
    let next = found.end.next.unwrap_or(1);
    let records = first.map_or(0, |first| next.saturating_sub(first));
    let records = Arc::new(AtomicU64::new(records));
    if found.torn > 0 {
        cut(path, &file, found.end.offset, found.torn)?;
    }
    for damage in &found.damage {
        tracing::error!(path = %path.display(), offset = damage.offset, what = %damage.what, "journal: damaged");
    }
    found.end.next.get_or_insert(1);
    let report = report(&found);
    let writer = Writer {
        path: path.to_owned(),
        file,
        chained: options.chained,
        version: options.version,
        end: found.end,
        on_durable,
        month,
        first,
        records: Arc::clone(&records),
    };
    let (commands, queue) = mpsc::channel(QUEUE);
    let thread = std::thread::Builder::new()
        .name("journal".into())
        .spawn(move || writer.run(queue))
        .map_err(|e| Error::io("start a thread for", path, e))?;
    Ok(Journal {
        shared: Arc::new(Shared {
            path: path.to_owned(),
            chained: options.chained,
            report,
            records,
            commands: Some(commands),
            room: Arc::new(Semaphore::new(ROOM)),
            thread: Mutex::new(Some(thread)),
        }),
        _body: PhantomData,
    })
}

/// The journal's file with a whole header, which a crash may have kept from being written.
fn open_file(path: &Path, chained: bool) -> Result<File, Error> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => {
            file.take(scan::HEADER)
                .read_to_end(&mut start)
                .map_err(|e| Error::io("read", path, e))?;
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Error::io("open", path, e)),
    }
    if scan::is_cut_header(&start, chained) {
        let file = writer::write_new(path, &scan::header(chained))?;
        sync_dir(path.parent().unwrap_or(path))?;
        return Ok(file);
    }
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|e| Error::io("open", path, e))
}

/// Cuts a torn tail away, keeping its bytes (at most 1 MiB) beside the journal.
fn cut(path: &Path, file: &File, offset: u64, torn: u64) -> Result<(), Error> {
    let mut tail = vec![0; torn.min(1024 * 1024) as usize];
    file.read_exact_at(&mut tail, offset)
        .map_err(|e| Error::io_at("read", path, offset, e))?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".cut-{offset}"));
    let aside = PathBuf::from(name);
    fs::write(&aside, &tail).map_err(|e| Error::io("write", &aside, e))?;
    file.set_len(offset)
        .and_then(|()| file.sync_all())
        .map_err(|e| Error::io_at("cut", path, offset, e))?;
    tracing::warn!(path = %path.display(), offset, bytes = torn, kept = %aside.display(),
        "journal: a torn tail was cut away; nothing in it had been acknowledged");
    Ok(())
}

impl<T> Journal<T> {
    /// Its file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// What was found when it was opened.
    pub fn report(&self) -> &Report {
        &self.shared.report
    }

    async fn send(&self, command: Command) -> Result<(), Error> {
        match &self.shared.commands {
            Some(commands) => commands
                .send(command)
                .await
                .map_err(|_| Error::Closed("the journal")),
            None => Err(Error::Closed("the journal")),
        }
    }
}

impl<T: Serialize> Journal<T> {
    /// Appends a record; returns its sequence when it is on the disk. Cancel safe in that a record is whole or not there; one
    /// that was handed over before the cancellation is written all the same. Records appended one after the other keep their
    /// order.
    ///
    /// # Errors
    /// [`Error::Value`] where it does not serialise or is over 1 MiB; else the disk's. After an error the record is not there,
    /// and the next append tries the same place again.
    pub async fn append(&self, at: WallTime, kind: &str, body: T) -> Result<u64, Error> {
        let body = self.encode(kind, &body)?;
        let room = Arc::clone(&self.shared.room)
            .acquire_many_owned(body.len() as u32)
            .await
            .map_err(|_| Error::Closed("the journal"))?;
        let (done, answer) = oneshot::channel();
        self.send(Command::Append {
            at,
            kind: kind.to_owned(),
            body,
            _room: room,
            done,
        })
        .await?;
        answer.await.map_err(|_| Error::Closed("the journal"))?
    }

    /// Replaces all records up to and including sequence `through` by `state` (time, kind, body each), atomically: after a
    /// crash the file holds the old records or the new. Later records are kept, with their sequence. `state` is no longer than
    /// what it replaces.
    ///
    /// # Errors
    /// [`Error::Value`] for a chained journal or a `state` that is too long; else the disk's, and then nothing is changed.
    pub async fn snapshot(
        &self,
        through: u64,
        state: Vec<(WallTime, String, T)>,
    ) -> Result<(), Error> {
        let state = state
            .into_iter()
            .map(|(at, kind, body)| {
                let body = self.encode(&kind, &body)?;
                Ok((at, kind, body))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let (done, answer) = oneshot::channel();
        self.send(Command::Snapshot {
            through,
            state,
            done,
        })
        .await?;
        answer.await.map_err(|_| Error::Closed("the journal"))?
    }

    fn encode(&self, kind: &str, body: &T) -> Result<Vec<u8>, Error> {
        let value = |why: String| Error::Value {
            what: "a journal record",
            why,
        };
        let body = serde_json::to_vec(body).map_err(|e| value(e.to_string()))?;
        let len = record::encoded_len(kind, body.len(), self.shared.chained);
        if len > record::MAX_LEN {
            return Err(value(format!("{len} bytes, {} allowed", record::MAX_LEN)));
        }
        if kind.len() > record::MAX_KIND {
            return Err(value(format!(
                "its kind has {} bytes, {} allowed",
                kind.len(),
                record::MAX_KIND
            )));
        }
        Ok(body)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.commands = None;
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // Not from the writer's own callback: it cannot wait for itself.
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!(path = %self.path.display(), "journal: its writer panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests;

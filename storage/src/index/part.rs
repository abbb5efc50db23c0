//! A week of the index: a sled database of its own, opened when it is needed.
//!
//! sled gives no room back to the disk and takes longer to open the more it holds; a week that is deleted as a whole does,
//! and one that nobody asks for costs nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use media::{ByteCount, FeedId};

use super::{
    Database, key,
    value::{self, Entry},
};
use crate::Error;

/// Format of the trees; another one is rebuilt.
const FORMAT: u8 = 1;
/// Hours of a partition.
pub(crate) const HOURS: u32 = 7 * 24;

/// The partition that an hour belongs to.
pub(crate) fn week(hour: u32) -> u32 {
    hour / HOURS
}

#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) week: u32,
    /// Rises where one that was in use was found damaged: sled's own threads may go on in the old directory.
    pub(crate) generation: u32,
    path: PathBuf,
    cache: ByteCount,
    open: Mutex<Option<Open>>,
    bytes: AtomicU64,
    /// The note of its bytes is not what it holds.
    changed: AtomicBool,
}

/// A partition in use; it stays open for as long as somebody has it.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    database: Database,
    tree: sled::Tree,
}

/// How a partition was found when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It had been opened already, or is as it was left.
    Whole,
    /// It is empty: it was not there, or lies aside as damaged.
    Fresh,
}

impl Part {
    pub(crate) fn new(dir: &Path, week: u32, generation: u32, cache: ByteCount) -> Self {
        let name = match generation {
            0 => format!("week-{week:05}"),
            n => format!("week-{week:05}-{n}"),
        };
        Self {
            week,
            generation,
            path: dir.join(name),
            cache,
            open: Mutex::new(None),
            bytes: AtomicU64::new(0),
            changed: AtomicBool::new(true),
        }
    }

    /// The week that a directory of the index holds, and its generation.
    pub(crate) fn parse(path: &Path) -> Option<(u32, u32)> {
        let name = path.file_name()?.to_str()?.strip_prefix("week-")?;
        match name.split_once('-') {
            Some((week, generation)) => Some((week.parse().ok()?, generation.parse().ok()?)),
            None => Some((name.parse().ok()?, 0)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file beside it says its bytes, for as long as that is true.
    fn note(&self) -> PathBuf {
        self.path.with_extension("bytes")
    }

    fn forget_note(&self) -> Result<(), Error> {
        let note = self.note();
        match fs::remove_file(&note) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &note, e))
            }
            _ => Ok(()),
        }
    }

    /// Takes its bytes from the note; opens and counts it where there is none.
    pub(crate) fn count(&self) -> Result<Found, Error> {
        let noted = fs::read_to_string(self.note());
        if let Some(bytes) = noted.ok().and_then(|text| text.trim().parse().ok()) {
            self.bytes.store(bytes, Ordering::Relaxed);
            self.changed.store(false, Ordering::Relaxed);
            return Ok(Found::Whole);
        }
        Ok(self.open()?.1)
    }

    /// Opens it, counting what it holds; one that is damaged is moved aside and is empty then.
    pub(crate) fn open(&self) -> Result<(Open, Found), Error> {
        let mut slot = self.lock();
        if let Some(open) = &*slot {
            return Ok((open.clone(), Found::Whole));
        }
        let mut database = Database::open(&self.path, self.cache, FORMAT)?;
        // Every row is read once: damage that sled does not see shows here, and rows that it lost, where the note is of use.
        let noted = (!self.changed.load(Ordering::Relaxed)).then(|| self.bytes());
        let bytes = caught(&self.path, || sum(&database)).and_then(|bytes| match noted {
            Some(noted) if noted != bytes && !database.fresh => {
                let what = format!("its segments have {bytes} bytes, and had {noted}");
                Err(Error::content(&self.path, 0, what))
            }
            _ => Ok(bytes),
        });
        if let Err(e) = &bytes {
            tracing::error!(error = %e, "index: a week cannot be read; it is moved aside and rebuilt from the files");
            drop(database);
            super::set_aside(&self.path)?;
            database = Database::open(&self.path, self.cache, FORMAT)?;
        }
        self.bytes.store(bytes.unwrap_or(0), Ordering::Relaxed);
        let found = if database.fresh {
            self.bytes.store(0, Ordering::Relaxed);
            self.changed.store(true, Ordering::Relaxed);
            self.forget_note()?;
            Found::Fresh
        } else {
            Found::Whole
        };
        let open = Open {
            tree: database.tree("segments")?,
            database,
        };
        *slot = Some(open.clone());
        Ok((open, found))
    }

    /// Lets go of it, noting its bytes. It is closed when nobody else has it.
    pub(crate) fn close(&self) -> Result<(), Error> {
        let mut slot = self.lock();
        let Some(open) = slot.take() else {
            return Ok(());
        };
        open.database.flush()?;
        if self.changed.swap(false, Ordering::Relaxed) {
            let bytes = self.bytes.load(Ordering::Relaxed).to_string();
            crate::datadir::write_whole(&self.note(), bytes.as_bytes())?;
        }
        Ok(())
    }

    /// Lets go of it as it is: it is damaged, and nothing more is written to it from here.
    pub(crate) fn leave(&self) {
        let open = self.lock().take();
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(open)));
        // Its own database may panic once more as it goes: nobody here needs it.
        self.changed.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().is_some()
    }

    pub(crate) fn flush(&self) -> Result<(), Error> {
        let open = self.lock().clone();
        open.map_or(Ok(()), |open| open.database.flush())
    }

    /// Bytes of its segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What it holds is about to change by so much.
    pub(crate) fn changes(&self, before: u64, after: u64) -> Result<(), Error> {
        if !self.changed.swap(true, Ordering::Relaxed) {
            self.forget_note()?;
        }
        // Wraps where it falls, which is what adding a negative number is.
        self.bytes
            .fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        Ok(())
    }

    /// Deletes it from the disk.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        self.lock().take();
        self.forget_note()?;
        match fs::remove_dir_all(&self.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &self.path, e))
            }
            _ => Ok(()),
        }
    }
}

impl Open {
    /// The row of a feed's hour.
    pub(crate) fn row(&self, feed: FeedId, hour: u32) -> Result<Option<Vec<Entry>>, Error> {
        let key = key::segments(&feed.camera, feed.profile, hour);
        let row = self.tree.get(&key).map_err(|e| self.fail(feed, hour)(e))?;
        row.map(|row| value::decode(hour, &row).ok_or_else(|| self.bad(&key)))
            .transpose()
    }

    /// Puts a row in place; an empty one is taken out.
    pub(crate) fn put(&self, feed: FeedId, hour: u32, entries: &[Entry]) -> Result<(), Error> {
        let key = key::segments(&feed.camera, feed.profile, hour);
        let done = match entries.is_empty() {
            true => self.tree.remove(&key),
            false => self.tree.insert(&key, value::encode(hour, entries)),
        };
        done.map(drop).map_err(self.fail(feed, hour))
    }

    /// Rows of a feed between two hours, both included, in order.
    pub(crate) fn rows(
        &self,
        feed: FeedId,
        from: u32,
        to: u32,
    ) -> impl DoubleEndedIterator<Item = Result<Vec<Entry>, Error>> + use<> {
        let key = |hour| key::segments(&feed.camera, feed.profile, hour);
        let this = self.clone();
        self.tree
            .range(key(from)..=key(to))
            .map(move |row| this.entries(row))
    }

    /// Every feed with rows, without reading them.
    pub(crate) fn feeds(&self) -> Result<Vec<FeedId>, Error> {
        let mut out = Vec::new();
        let mut from = Vec::new();
        while let Some(row) = self.tree.range(from.clone()..).next() {
            let (key, _) = row.map_err(|e| Error::index(&self.database.path, "(feeds)", e))?;
            let (camera, profile, _) = key::parse_segments(&key).ok_or_else(|| self.bad(&key))?;
            out.push(FeedId { camera, profile });
            from = key::segments(&camera, profile, u32::MAX);
            from.push(0);
        }
        Ok(out)
    }

    /// The first row of a feed behind an hour, with its own.
    pub(crate) fn row_after(
        &self,
        feed: FeedId,
        hour: Option<u32>,
    ) -> Result<Option<(u32, Vec<Entry>)>, Error> {
        let key = |hour| key::segments(&feed.camera, feed.profile, hour);
        let from = match hour {
            Some(u32::MAX) => return Ok(None),
            Some(hour) => key(hour + 1),
            None => key(0),
        };
        let Some(row) = self.tree.range(from..=key(u32::MAX)).next() else {
            return Ok(None);
        };
        let (found, value) = row.map_err(self.fail(feed, hour.unwrap_or(0)))?;
        let bad = || self.bad(&found);
        let (_, _, hour) = key::parse_segments(&found).ok_or_else(bad)?;
        let entries = value::decode(hour, &value).ok_or_else(bad)?;
        Ok(Some((hour, entries)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tree.is_empty()
    }

    fn entries(&self, row: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Vec<Entry>, Error> {
        let (key, value) = row.map_err(|e| Error::index(&self.database.path, "(rows)", e))?;
        decode(&key, &value).ok_or_else(|| self.bad(&key))
    }

    fn fail(&self, feed: FeedId, hour: u32) -> impl FnOnce(sled::Error) -> Error {
        let path = self.database.path.clone();
        move |e| Error::index(&path, format!("{feed} hour {hour}"), e)
    }

    fn bad(&self, key: &[u8]) -> Error {
        bad_row(&self.database.path, key)
    }
}

fn decode(key: &[u8], value: &[u8]) -> Option<Vec<Entry>> {
    let (_, _, hour) = key::parse_segments(key)?;
    value::decode(hour, value)
}

fn bad_row(path: &Path, key: &[u8]) -> Error {
    Error::content(path, 0, format!("row '{}' is damaged", key.escape_ascii()))
}

/// What sled says, or that it panicked on what it found in its files.
pub(crate) fn caught<T>(path: &Path, ask: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(ask))
        .unwrap_or_else(|_| Err(Error::content(path, 0, "sled panicked")))
}

/// Whether an error says that the database is damaged, not that the disk refuses.
pub(crate) fn is_damage(e: &Error) -> bool {
    use std::io::ErrorKind;
    match e {
        Error::Content { .. } => true,
        Error::Index { source, .. } => match source {
            sled::Error::Io(e) => matches!(
                e.kind(),
                ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput
            ),
            _ => true,
        },
        _ => false,
    }
}

/// Reads every row once, so that a damaged one shows at open.
fn sum(database: &Database) -> Result<u64, Error> {
    let mut bytes = 0u64;
    for row in &database.tree("segments")? {
        let (key, value) = row.map_err(|e| Error::index(&database.path, "(all)", e))?;
        let entries = decode(&key, &value).ok_or_else(|| bad_row(&database.path, &key))?;
        bytes = entries.iter().fold(bytes, |n, e| n.saturating_add(e.bytes));
    }
    Ok(bytes)
}

/// Partitions that are open at once, the newest apart: bounds memory, whatever the archive holds.
const OPEN: usize = 4;

/// Which partitions were used last.
#[derive(Debug, Default)]
pub(crate) struct Lately(Mutex<Vec<Arc<Part>>>);

impl Lately {
    /// Notes a use; gives the partitions to be closed for it.
    pub(crate) fn used(&self, part: &Arc<Part>) -> Vec<Arc<Part>> {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.last().is_some_and(|last| Arc::ptr_eq(last, part)) {
            return Vec::new();
        }
        list.retain(|p| !Arc::ptr_eq(p, part));
        list.push(Arc::clone(part));
        // The newest is written to all the time.
        let newest = list.iter().map(|p| p.week).max();
        let over = list.len().saturating_sub(OPEN + 1);
        let mut close = Vec::with_capacity(over);
        while close.len() < over {
            let Some(at) = list.iter().position(|p| Some(p.week) != newest) else {
                break;
            };
            close.push(list.remove(at));
        }
        close
    }

    pub(crate) fn forget(&self, part: &Arc<Part>) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|p| !Arc::ptr_eq(p, part));
    }
}

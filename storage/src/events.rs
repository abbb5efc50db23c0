//! Events: the journal is the truth, sled the index, pictures lie in files by day.
//!
//! [`Events::put`] appends the event to the journal; when its group is on the disk, the journal's writer applies it to the
//! index, in order, with the position it has reached. At open the journal is read from that position on, so a start after a
//! crash takes as long as what was not indexed; an index that is lost is rebuilt from the whole journal. What is too old goes,
//! and the journal is made shorter, by [`Events::tidy`].

mod tidy;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use bytes::Bytes;
use media::{ByteCount, CameraId, Event, EventId, EventKind, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use crate::{
    DataDir, Error,
    index::{
        Database,
        key::{self, By},
    },
    journal::{self, Durable, Journal, Options, Position},
};
pub use tidy::Tidied;

/// How events are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Days to keep, from an event's end; those that go on, and those of an incident, are kept beyond.
    pub keep_days: u32,
    /// The journal is made shorter when so many of its records (and a third of them) are of no use.
    pub compact_at: u64,
    /// Seconds between two looks at what is too old.
    pub tidy_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keep_days: 90,
            compact_at: 10_000,
            tidy_seconds: 3600,
        }
    }
}

/// Which events; all that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Began at or after.
    pub from: Option<WallTime>,
    /// Began before.
    pub to: Option<WallTime>,
    /// Of this camera.
    pub camera: Option<CameraId>,
    /// In this region or below it.
    pub region: Option<RegionCode>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Only those without an end.
    pub open_only: bool,
    /// Older than this one: the cursor of the answer before.
    pub before: Option<EventId>,
    /// At most so many, 1 to [`Query::MAX_LIMIT`]; 0 means 100.
    pub limit: usize,
}

impl Query {
    /// Events in one answer.
    pub const MAX_LIMIT: usize = 1000;
}

/// Handle of the events; clones are of the same ones.
#[derive(Clone, Debug)]
pub struct Events(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    journal: Journal<Event>,
    index: Index,
    snapshots: PathBuf,
    config: Config,
    /// One at a time tidies.
    tidying: tokio::sync::Mutex<()>,
    /// Records of the journal that were of use when it was last looked at.
    useful: AtomicU64,
}

/// Format of the index; another one is rebuilt.
const FORMAT: u8 = 1;
/// Events are read newest first, most of them just written.
const CACHE: ByteCount = ByteCount::mebibytes(16);
/// Largest picture, encoded.
const MAX_SNAPSHOT: usize = 4 * 1024 * 1024;
const KIND: &str = "event";

impl Events {
    /// Opens the events of a data directory. Blocking.
    ///
    /// # Errors
    /// The disk's, or a journal that holds something else. A damaged index is rebuilt.
    pub fn open(data: &DataDir) -> Result<Self, Error> {
        Self::open_with(data, Config::default())
    }

    /// As [`Events::open`], kept as `config` says. Within a tokio runtime it tidies itself.
    ///
    /// # Errors
    /// As [`Events::open`].
    pub fn open_with(data: &DataDir, config: Config) -> Result<Self, Error> {
        let index = Index::open(&data.index().join("events"))?;
        let path = data.journal("events");
        let from = index.position(&path)?;
        let writer = index.clone();
        let on_durable = Box::new(move |group: &[Durable]| {
            if let Err(e) = writer.apply_group(group) {
                // The position stays where it was: the next start applies them.
                tracing::error!(error = %e, "events: the index does not take what the journal has");
            }
        });
        let mut applied = 0u64;
        let mut last = None;
        let mut batch = Vec::new();
        let journal = journal::open_from(
            &path,
            Options::default(),
            from,
            Some(on_durable),
            |raw, start, end| {
                let event: Event = serde_json::from_slice(raw.body).map_err(|e| {
                    Error::content(&path, start, format!("record {}: {e}", raw.sequence))
                })?;
                batch.push((event, raw.sequence));
                last = Some((start, end, raw.sequence));
                applied += 1;
                if batch.len() >= 1000 {
                    index.apply(&batch)?;
                    batch.clear();
                }
                Ok(())
            },
        )?;
        index.apply(&batch)?;
        if let Some((start, end, sequence)) = last {
            index.set_position(start, end, sequence)?;
            tracing::info!(events = applied, "events: indexed from the journal");
        }
        let period = Duration::from_secs(config.tidy_seconds.max(1).into());
        let inner = Arc::new(Inner {
            journal,
            index,
            snapshots: data.snapshots(),
            config,
            tidying: tokio::sync::Mutex::default(),
            useful: AtomicU64::new(0),
        });
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tidy::run(Arc::downgrade(&inner), period));
        }
        Ok(Self(inner))
    }

    /// Keeps an event, new or changed; returns when it is on the disk and found by queries. With `snapshot` (a JPEG) it is
    /// kept as the event's picture, and `event.snapshot` is set.
    ///
    /// # Errors
    /// The disk's. A picture that cannot be written is logged and the event kept without it.
    pub async fn put(&self, mut event: Event, snapshot: Option<Bytes>) -> Result<(), Error> {
        if !event.score.is_finite() {
            // JSON has no such number: the record would not be read again.
            event.score = 0.0;
        }
        if let Some(jpeg) = snapshot {
            let path = self.snapshot_path(event.id);
            match blocking(move || write_snapshot(&path, &jpeg)).await {
                Ok(()) => event.snapshot = true,
                Err(e) => {
                    tracing::error!(event = %event.id, error = %e, "events: picture not kept")
                }
            }
        }
        self.0.journal.append(WallTime::now(), KIND, event).await?;
        Ok(())
    }

    /// One event.
    ///
    /// # Errors
    /// The index's.
    pub async fn get(&self, id: EventId) -> Result<Option<Event>, Error> {
        let this = self.clone();
        blocking(move || this.0.index.get(id)).await
    }

    /// Events newest first, and the cursor for the rest where there is more.
    ///
    /// # Errors
    /// The index's.
    pub async fn query(&self, query: Query) -> Result<(Vec<Event>, Option<EventId>), Error> {
        let this = self.clone();
        blocking(move || this.0.index.query(&query)).await
    }

    /// An event's picture, a JPEG.
    pub async fn snapshot(&self, id: EventId) -> Option<Bytes> {
        let path = self.snapshot_path(id);
        blocking(move || {
            let read = fs::metadata(&path).and_then(|m| {
                if m.len() > MAX_SNAPSHOT as u64 {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                fs::read(&path)
            });
            match read {
                Ok(jpeg) => Ok(Some(Bytes::from(jpeg))),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => {
                    tracing::error!(path = %path.display(), error = %e, "events: picture not read");
                    Ok(None)
                }
            }
        })
        .await
        .unwrap_or_default()
    }

    /// What was found when the journal was opened.
    pub fn report(&self) -> &journal::Report {
        self.0.journal.report()
    }

    fn snapshot_path(&self, id: EventId) -> PathBuf {
        self.0
            .snapshots
            .join(crate::paths::day(WallTime(id.at)))
            .join(format!("{id}.jpg"))
    }
}

/// Runs a disk call on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(call).await {
        Ok(answer) => answer,
        Err(e) => match e.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::Closed("the runtime")),
        },
    }
}

fn write_snapshot(path: &Path, jpeg: &[u8]) -> Result<(), Error> {
    if jpeg.len() > MAX_SNAPSHOT {
        return Err(Error::Value {
            what: "a picture",
            why: format!("{} bytes, {MAX_SNAPSHOT} allowed", jpeg.len()),
        });
    }
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(|e| Error::io("create", dir, e))?;
    let new = path.with_extension("new");
    fs::write(&new, jpeg).map_err(|e| Error::io("write", &new, e))?;
    fs::rename(&new, path).map_err(|e| Error::io("rename", &new, e))
}

#[derive(Clone, Debug)]
struct Index {
    database: Database,
    event: sled::Tree,
    by: sled::Tree,
    open: sled::Tree,
    /// Rows are read, changed and written.
    changing: Arc<Mutex<()>>,
}

impl Index {
    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(path: &Path) -> Result<Self, Error> {
        let database = Database::open(path, CACHE, FORMAT)?;
        Ok(Self {
            event: database.tree("event")?,
            by: database.tree("by")?,
            open: database.tree("open")?,
            changing: Arc::default(),
            database,
        })
    }

    fn fail(&self, key: impl Into<String>) -> impl FnOnce(sled::Error) -> Error {
        let (path, key) = (self.database.path.clone(), key.into());
        move |e| Error::index(&path, key, e)
    }

    /// Where the journal has to be read from: behind the last record applied, if it is still where it was.
    fn position(&self, journal: &Path) -> Result<Position, Error> {
        let row = self
            .database
            .db
            .get("position")
            .map_err(self.fail("position"))?;
        let Some(position) = row.and_then(|row| {
            let n = |i: usize| {
                Some(u64::from_be_bytes(
                    row.get(i * 8..i * 8 + 8)?.try_into().ok()?,
                ))
            };
            Some((n(0)?, n(1)?, n(2)?))
        }) else {
            return Ok(Position::START);
        };
        let (start, end, sequence) = position;
        if journal::holds(journal, start, end, sequence) {
            return Ok(Position {
                offset: end,
                next: Some(sequence.saturating_add(1)),
                ..Position::START
            });
        }
        tracing::warn!("events: the index does not belong to this journal; it is rebuilt");
        for tree in [&self.event, &self.by, &self.open] {
            tree.clear().map_err(self.fail("(clear)"))?;
        }
        Ok(Position::START)
    }

    fn set_position(&self, start: u64, end: u64, sequence: u64) -> Result<(), Error> {
        let row = [start, end, sequence].map(u64::to_be_bytes).concat();
        self.database
            .db
            .insert("position", row)
            .map_err(self.fail("position"))?;
        Ok(())
    }

    fn apply_group(&self, group: &[Durable]) -> Result<(), Error> {
        let mut batch = Vec::with_capacity(group.len());
        for record in group {
            match serde_json::from_slice(&record.body) {
                Ok(event) => batch.push((event, record.sequence)),
                Err(e) => {
                    tracing::error!(sequence = record.sequence, error = %e, "events: a record is not an event")
                }
            }
        }
        self.apply(&batch)?;
        match group.last() {
            Some(last) => self.set_position(last.start, last.end, last.sequence),
            None => Ok(()),
        }
    }

    /// Applies events in order. Doing it again changes nothing.
    fn apply(&self, events: &[(Event, u64)]) -> Result<(), Error> {
        for (event, sequence) in events {
            let _changing = self.changing();
            let row_key = key::event(event.id);
            let fail = || self.fail(event.id.to_string());
            let old = self.event.get(&row_key).map_err(fail())?;
            let old = old.as_deref().and_then(parse_row);
            if old.as_ref().is_some_and(|(_, seen)| seen >= sequence) {
                continue;
            }
            let mut list = sled::Batch::default();
            if let Some((old, _)) = &old {
                entries(old).for_each(|key| list.remove(key));
            }
            entries(event).for_each(|key| list.insert(key, &[]));
            let mut row = sequence.to_be_bytes().to_vec();
            serde_json::to_writer(&mut row, event).map_err(|e| Error::Value {
                what: "an event",
                why: e.to_string(),
            })?;
            self.by.apply_batch(list).map_err(fail())?;
            if event.end.is_none() {
                self.open.insert(&row_key, &[]).map_err(fail())?;
            } else {
                self.open.remove(&row_key).map_err(fail())?;
            }
            self.event.insert(&row_key, row).map_err(fail())?;
        }
        Ok(())
    }

    fn get(&self, id: EventId) -> Result<Option<Event>, Error> {
        let row = self
            .event
            .get(key::event(id))
            .map_err(self.fail(id.to_string()))?;
        Ok(row.as_deref().and_then(parse_row).map(|(event, _)| event))
    }

    fn query(&self, query: &Query) -> Result<(Vec<Event>, Option<EventId>), Error> {
        let limit = match query.limit {
            0 => 100,
            n => n.min(Query::MAX_LIMIT),
        };
        // The narrowest list there is; what it does not say is looked at in the event.
        let (tree, prefix) = if query.open_only {
            (
                &self.open,
                key::event(EventId { at: 0, number: 0 })[..1].to_vec(),
            )
        } else {
            let by = match (query.camera, query.region) {
                (Some(camera), _) => By::Camera(camera),
                (None, Some(region)) => By::Region(region),
                (None, None) => By::All,
            };
            (&self.by, key::by_prefix(&by, query.kind))
        };
        let bound = |id: EventId| {
            let mut key = prefix.clone();
            key.extend_from_slice(&key::event(id)[1..]);
            key
        };
        let first = EventId {
            at: query.from.map_or(i64::MIN, |t| t.0),
            number: 0,
        };
        let last = EventId {
            at: query.to.map_or(i64::MAX, |t| t.0),
            number: 0,
        };
        let last = query.before.map_or(last, |before| before.min(last));
        if first >= last {
            return Ok((Vec::new(), None));
        }
        let mut found = Vec::new();
        for entry in tree.range(bound(first)..bound(last)).rev() {
            let (entry, _) = entry.map_err(self.fail("(list)"))?;
            let Some(id) = key::parse_id(&entry) else {
                continue;
            };
            let Some(event) = self.get(id)? else { continue };
            if !wanted(query, &event) {
                continue;
            }
            if found.len() == limit {
                let next = found.last().map(|e: &Event| e.id);
                return Ok((found, next));
            }
            found.push(event);
        }
        Ok((found, None))
    }
}

fn wanted(query: &Query, event: &Event) -> bool {
    query.camera.is_none_or(|c| event.camera == Some(c))
        && query
            .region
            .is_none_or(|r| event.region.is_some_and(|e| e.is_within(&r)))
        && query.kind.is_none_or(|k| event.kind == k)
        && (!query.open_only || event.end.is_none())
}

fn parse_row(row: &[u8]) -> Option<(Event, u64)> {
    let (sequence, body) = row.split_first_chunk::<8>()?;
    Some((
        serde_json::from_slice(body).ok()?,
        u64::from_be_bytes(*sequence),
    ))
}

/// Every list that an event stands in: all, its camera's, and those of its region and all regions above; each by kind and not.
fn entries(event: &Event) -> impl Iterator<Item = Vec<u8>> {
    let camera = event.camera.map(By::Camera);
    let regions = event
        .region
        .into_iter()
        .flat_map(RegionCode::path)
        .map(By::Region);
    let (id, kind) = (event.id, event.kind);
    std::iter::once(By::All)
        .chain(camera)
        .chain(regions)
        .flat_map(move |by| [key::by(&by, None, id), key::by(&by, Some(kind), id)])
}

#[cfg(test)]
mod tests;

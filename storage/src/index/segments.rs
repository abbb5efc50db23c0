//! The segments of every feed: a row a feed and hour.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use media::{ByteCount, FeedId, WallTime};

use super::{
    Database, key,
    value::{self, Entry},
};
use crate::Error;

/// Format of the tree; another one is rebuilt.
const FORMAT: u8 = 1;

/// Which segments there are. Calls may touch the disk: not from async code.
#[derive(Debug)]
pub(crate) struct Segments {
    database: Database,
    tree: sled::Tree,
    /// Rows are read, changed and written.
    changing: Mutex<()>,
    used_bytes: AtomicU64,
}

impl Segments {
    /// Opens the index; an empty one is to be filled from the files ([`Segments::is_fresh`]).
    pub(crate) fn open(path: &Path, cache: ByteCount) -> Result<Self, Error> {
        let mut database = Database::open(path, cache, FORMAT)?;
        let mut used = Self::sum(&database);
        if let Err(e) = &used {
            tracing::error!(error = %e, "index: cannot be read; it is moved aside and rebuilt from the files");
            drop(database);
            super::set_aside(path)?;
            database = Database::open(path, cache, FORMAT)?;
            used = Ok(0);
        }
        Ok(Self {
            tree: database.tree("segments")?,
            database,
            changing: Mutex::new(()),
            used_bytes: AtomicU64::new(used.unwrap_or(0)),
        })
    }

    /// Reads every row once, so that a damaged one shows at open.
    fn sum(database: &Database) -> Result<u64, Error> {
        let mut bytes = 0u64;
        for row in &database.tree("segments")? {
            let (key, value) = row.map_err(|e| Error::index(&database.path, "(all)", e))?;
            let entries = key::parse_segments(&key)
                .and_then(|(_, _, hour)| value::decode(hour, &value))
                .ok_or_else(|| bad_row(&database.path, &key))?;
            bytes = entries.iter().fold(bytes, |n, e| n.saturating_add(e.bytes));
        }
        Ok(bytes)
    }

    /// Nothing is in it because it is new.
    pub(crate) fn is_fresh(&self) -> bool {
        self.database.fresh
    }

    /// Bytes of all segments.
    pub(crate) fn used(&self) -> ByteCount {
        ByteCount(self.used_bytes.load(Ordering::Relaxed))
    }

    pub(crate) fn flush(&self) -> Result<(), Error> {
        self.database.flush()
    }

    /// Adds a segment, or puts it in the place of the one with the same start and sequence.
    pub(crate) fn insert(&self, feed: FeedId, entry: Entry) -> Result<(), Error> {
        self.change(feed, entry.start.hour(), |entries| {
            entries.retain(|e| (e.start, e.sequence) != (entry.start, entry.sequence));
            let at =
                entries.partition_point(|e| (e.start, e.sequence) < (entry.start, entry.sequence));
            entries.insert(at, entry);
        })
    }

    /// Takes segments out.
    pub(crate) fn remove(&self, feed: FeedId, gone: &[Entry]) -> Result<(), Error> {
        for hour in gone.chunk_by(|a, b| a.start.hour() == b.start.hour()) {
            self.change(feed, hour[0].start.hour(), |entries| {
                entries.retain(|e| {
                    !hour
                        .iter()
                        .any(|g| (g.start, g.sequence) == (e.start, e.sequence))
                });
            })?;
        }
        Ok(())
    }

    fn change(
        &self,
        feed: FeedId,
        hour: u32,
        change: impl FnOnce(&mut Vec<Entry>),
    ) -> Result<(), Error> {
        let key = key::segments(&feed.camera, feed.profile, hour);
        let fail = |e| Error::index(&self.database.path, format!("{feed} hour {hour}"), e);
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = match self.tree.get(&key).map_err(fail)? {
            Some(row) => {
                value::decode(hour, &row).ok_or_else(|| bad_row(&self.database.path, &key))?
            }
            None => Vec::new(),
        };
        let bytes =
            |entries: &[Entry]| entries.iter().map(|e| e.bytes).fold(0, u64::saturating_add);
        let before = bytes(&entries);
        change(&mut entries);
        if entries.is_empty() {
            self.tree.remove(&key).map_err(fail)?;
        } else {
            self.tree
                .insert(&key, value::encode(hour, &entries))
                .map_err(fail)?;
        }
        // Wraps where it falls, which is what adding a negative number is.
        self.used_bytes
            .fetch_add(bytes(&entries).wrapping_sub(before), Ordering::Relaxed);
        Ok(())
    }

    /// Segments that overlap `from..to`, in order of start.
    pub(crate) fn range(
        &self,
        feed: FeedId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Vec<Entry>, Error> {
        let mut out = Vec::new();
        // One that began in an earlier hour may last into this one.
        if let Some(row) = self.row_before(feed, from.hour())? {
            out.extend(row);
        }
        let key = |hour| key::segments(&feed.camera, feed.profile, hour);
        for row in self.tree.range(key(from.hour())..=key(to.hour())) {
            out.extend(self.entries(row)?);
        }
        out.retain(|e| e.start < to && e.end > from);
        Ok(out)
    }

    /// The newest segment that begins at or before `at`.
    pub(crate) fn before(&self, feed: FeedId, at: WallTime) -> Result<Option<Entry>, Error> {
        let row = match self
            .tree
            .get(key::segments(&feed.camera, feed.profile, at.hour()))
        {
            Ok(Some(value)) => value::decode(at.hour(), &value).unwrap_or_default(),
            Ok(None) => Vec::new(),
            Err(e) => return Err(Error::index(&self.database.path, feed.to_string(), e)),
        };
        let newest = |row: Vec<Entry>| row.into_iter().rfind(|e| e.start <= at);
        match newest(row) {
            Some(entry) => Ok(Some(entry)),
            None => Ok(self.row_before(feed, at.hour())?.and_then(newest)),
        }
    }

    /// The newest segment.
    pub(crate) fn last(&self, feed: FeedId) -> Result<Option<Entry>, Error> {
        self.before(feed, WallTime(i64::MAX))
    }

    /// The oldest segments: those of the feed's first row.
    pub(crate) fn oldest(&self, feed: FeedId) -> Result<Vec<Entry>, Error> {
        let mut rows = self
            .tree
            .scan_prefix(key::segments_prefix(&feed.camera, feed.profile));
        rows.next()
            .map_or_else(|| Ok(Vec::new()), |row| self.entries(row))
    }

    /// Every feed with segments, without reading its rows.
    pub(crate) fn feeds(&self) -> Result<Vec<FeedId>, Error> {
        let mut out = Vec::new();
        let mut from = Vec::new();
        while let Some(row) = self.tree.range(from.clone()..).next() {
            let (key, _) = row.map_err(|e| Error::index(&self.database.path, "(feeds)", e))?;
            let (camera, profile, _) =
                key::parse_segments(&key).ok_or_else(|| bad_row(&self.database.path, &key))?;
            out.push(FeedId { camera, profile });
            from = key::segments(&camera, profile, u32::MAX);
            from.push(0);
        }
        Ok(out)
    }

    /// Every segment of a feed, row by row.
    pub(crate) fn all(&self, feed: FeedId) -> impl Iterator<Item = Result<Vec<Entry>, Error>> {
        self.tree
            .scan_prefix(key::segments_prefix(&feed.camera, feed.profile))
            .map(|row| self.entries(row))
    }

    fn row_before(&self, feed: FeedId, hour: u32) -> Result<Option<Vec<Entry>>, Error> {
        let first = key::segments(&feed.camera, feed.profile, 0);
        let until = key::segments(&feed.camera, feed.profile, hour);
        let row = self.tree.range(first..until).next_back();
        row.map(|row| self.entries(row)).transpose()
    }

    fn entries(&self, row: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Vec<Entry>, Error> {
        let (key, value) = row.map_err(|e| Error::index(&self.database.path, "(rows)", e))?;
        key::parse_segments(&key)
            .and_then(|(_, _, hour)| value::decode(hour, &value))
            .ok_or_else(|| bad_row(&self.database.path, &key))
    }
}

fn bad_row(path: &Path, key: &[u8]) -> Error {
    Error::content(path, 0, format!("row '{}' is damaged", key.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::Profile;

    fn feed(n: u32) -> FeedId {
        FeedId {
            camera: format!("44140301001320{n:06}").parse().unwrap(),
            profile: Profile::Main,
        }
    }
    fn entry(minute: i64, sequence: u64) -> Entry {
        Entry {
            start: WallTime::from_secs(1_700_000_000 + minute * 60),
            end: WallTime::from_secs(1_700_000_000 + minute * 60 + 60),
            sequence,
            bytes: 100,
        }
    }
    fn at(minute: i64) -> WallTime {
        WallTime::from_secs(1_700_000_000 + minute * 60 + 30)
    }

    #[test]
    fn segments_are_found_across_hours_and_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Segments::open(&dir.path().join("s"), ByteCount::mebibytes(4)).unwrap();
        let segments = open();
        assert!(segments.is_fresh());
        for n in (0..300).rev() {
            segments.insert(feed(1), entry(n, n as u64)).unwrap();
            segments.insert(feed(2), entry(n * 2, n as u64)).unwrap();
        }
        segments.insert(feed(1), entry(0, 0)).unwrap();
        assert_eq!(segments.used(), ByteCount(60_000));
        segments.flush().unwrap();
        drop(segments);
        let segments = open();
        assert!(!segments.is_fresh());
        assert_eq!(segments.used(), ByteCount(60_000));
        let found = segments.range(feed(1), at(10), at(200)).unwrap();
        let sequences: Vec<u64> = found.iter().map(|e| e.sequence).collect();
        assert_eq!(sequences, (10..=200).collect::<Vec<_>>());
        assert_eq!(
            segments.before(feed(1), at(150)).unwrap().unwrap().sequence,
            150
        );
        assert_eq!(
            segments
                .before(feed(1), at(100_000))
                .unwrap()
                .unwrap()
                .sequence,
            299
        );
        assert_eq!(segments.before(feed(1), at(-1)).unwrap(), None);
        assert_eq!(segments.last(feed(2)).unwrap().unwrap().sequence, 299);
        assert_eq!(segments.feeds().unwrap(), [feed(1), feed(2)]);
        let oldest = segments.oldest(feed(1)).unwrap();
        assert_eq!(oldest[0].sequence, 0);
        segments.remove(feed(1), &oldest).unwrap();
        assert_eq!(
            segments.used(),
            ByteCount(60_000 - 100 * oldest.len() as u64)
        );
        assert_eq!(
            segments.oldest(feed(1)).unwrap()[0].sequence,
            oldest.len() as u64
        );
        assert_eq!(
            segments
                .all(feed(1))
                .map(|r| r.unwrap().len())
                .sum::<usize>(),
            300 - oldest.len()
        );
    }
}

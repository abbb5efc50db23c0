//! The segments of every feed: a row a feed and hour, a database a week.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use media::{ByteCount, FeedId, WallTime};

use super::{
    part::{Found, HOURS, Lately, Open, Part, week},
    value::Entry,
};
use crate::{Error, recover};

/// Which segments there are. Calls may touch the disk: not from async code.
///
/// Opening takes as long, and holds as much, whatever the archive holds: weeks that nobody asks for are not opened.
#[derive(Debug)]
pub struct Segments {
    dir: PathBuf,
    cache: ByteCount,
    parts: Mutex<BTreeMap<u32, Arc<Part>>>,
    lately: Lately,
    /// Rows are read, changed and written.
    changing: Mutex<()>,
    fresh: bool,
    /// Weeks that did not open and are empty now: to be made from the files.
    lost: Mutex<BTreeSet<u32>>,
    /// Segments that the disk did not let in yet.
    waiting: Mutex<Vec<(FeedId, Entry)>>,
}

/// Segments that wait to be entered; what is beyond is found by the next start.
const MAX_WAITING: usize = 100_000;

impl Segments {
    /// Opens the index in `path`; an empty one is to be filled from the files ([`Segments::is_fresh`]).
    ///
    /// # Errors
    /// The disk's. A week that is damaged is moved aside, and told by [`Segments::lost`].
    pub fn open(path: &Path, cache: ByteCount) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
        let this = Self {
            dir: path.to_owned(),
            // Some weeks are open at once.
            cache: ByteCount((cache.0 / 4).max(4 * 1024 * 1024)),
            parts: Mutex::default(),
            lately: Lately::default(),
            changing: Mutex::new(()),
            fresh: !recover::list(path)?
                .iter()
                .any(|p| Part::parse(p).is_some()),
            lost: Mutex::default(),
            waiting: Mutex::default(),
        };
        for week in recover::list(path)?.iter().filter_map(|p| Part::parse(p)) {
            let part = Arc::new(Part::new(&this.dir, week, this.cache));
            this.lock().insert(week, Arc::clone(&part));
            if part.count()? == Found::Fresh {
                this.lost().insert(week);
            }
            if part.is_open() {
                this.note_use(&part)?;
            }
        }
        // What is recorded now goes into the newest: it is opened before anybody waits for it.
        let newest = this.lock().values().next_back().cloned();
        if let Some(newest) = newest {
            this.open_part(&newest)?;
        }
        Ok(this)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Part>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is in it because it is new.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Weeks (168 hours since 1970 each) that were damaged, and are empty since; each is told once.
    pub(crate) fn take_lost(&self) -> BTreeSet<u32> {
        std::mem::take(&mut self.lost())
    }

    /// The weeks it has.
    pub(crate) fn weeks(&self) -> Vec<u32> {
        self.lock().keys().copied().collect()
    }

    /// Bytes of all segments.
    pub fn used(&self) -> ByteCount {
        ByteCount(self.lock().values().map(|p| p.bytes()).sum())
    }

    /// Writes out what is in memory.
    ///
    /// # Errors
    /// The disk's.
    pub fn flush(&self) -> Result<(), Error> {
        let parts: Vec<_> = self.lock().values().cloned().collect();
        parts.iter().try_for_each(|part| part.flush())
    }

    fn open_part(&self, part: &Arc<Part>) -> Result<Open, Error> {
        let (open, found) = part.open()?;
        if found == Found::Fresh {
            self.lost().insert(part.week);
        }
        self.note_use(part)?;
        Ok(open)
    }

    fn note_use(&self, part: &Arc<Part>) -> Result<(), Error> {
        let close = self.lately.used(part);
        close.iter().try_for_each(|part| part.close())
    }

    /// The week's partition, if there is one.
    fn part(&self, week: u32) -> Result<Option<Open>, Error> {
        let part = self.lock().get(&week).cloned();
        part.map(|part| self.open_part(&part)).transpose()
    }

    /// Adds a segment, or puts it in the place of the one with the same start and sequence.
    ///
    /// # Errors
    /// The disk's.
    pub fn insert(&self, feed: FeedId, entry: Entry) -> Result<(), Error> {
        self.insert_hour(feed, entry.start.hour(), &[entry])
    }

    /// Adds a segment; one that cannot be entered now (the disk is full) is found all the same, and entered as soon as it can
    /// be.
    pub(crate) fn insert_sooner_or_later(&self, feed: FeedId, entry: Entry) {
        self.enter_waiting();
        if let Err(e) = self.insert(feed, entry) {
            tracing::error!(%feed, error = %e, "index: a segment is not entered yet");
            let mut waiting = self.waiting();
            if waiting.len() < MAX_WAITING {
                waiting.push((feed, entry));
            }
        }
    }

    /// Enters what waits, as far as the disk takes it.
    pub(crate) fn enter_waiting(&self) {
        let mut list = std::mem::take(&mut *self.waiting());
        let mut entered = list
            .iter()
            .take_while(|(feed, entry)| self.insert(*feed, *entry).is_ok());
        let n = entered.by_ref().count();
        list.drain(..n);
        self.waiting().extend(list);
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<(FeedId, Entry)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds segments that begin within one hour, as [`Segments::insert`] would one by one.
    ///
    /// # Errors
    /// The disk's.
    pub fn insert_hour(&self, feed: FeedId, hour: u32, new: &[Entry]) -> Result<(), Error> {
        self.change(feed, hour, true, |entries| {
            let id = |e: &Entry| (e.start, e.sequence);
            entries.retain(|e| new.iter().all(|n| id(n) != id(e)));
            entries.extend_from_slice(new);
            entries.sort_by_key(id);
        })
    }

    /// Takes segments out; a week that is empty then is deleted from the disk, the newest apart.
    ///
    /// # Errors
    /// The disk's.
    pub fn remove(&self, feed: FeedId, gone: &[Entry]) -> Result<(), Error> {
        for hour in gone.chunk_by(|a, b| a.start.hour() == b.start.hour()) {
            self.change(feed, hour[0].start.hour(), false, |entries| {
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
        make: bool,
        change: impl FnOnce(&mut Vec<Entry>),
    ) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let week = week(hour);
        let (part, made) = {
            let mut parts = self.lock();
            match parts.get(&week) {
                Some(part) => (Arc::clone(part), false),
                None if !make => return Ok(()),
                None => {
                    let part = Arc::new(Part::new(&self.dir, week, self.cache));
                    parts.insert(week, Arc::clone(&part));
                    (part, true)
                }
            }
        };
        let open = self.open_part(&part)?;
        if made {
            // Empty because it has just begun.
            self.lost().remove(&week);
        }
        let mut entries = open.row(feed, hour)?.unwrap_or_default();
        let bytes =
            |entries: &[Entry]| entries.iter().map(|e| e.bytes).fold(0, u64::saturating_add);
        let before = bytes(&entries);
        change(&mut entries);
        part.changes(before, bytes(&entries))?;
        open.put(feed, hour, &entries)?;
        if entries.is_empty() && open.is_empty() {
            drop(open);
            self.remove_part(&part)?;
        }
        Ok(())
    }

    fn remove_part(&self, part: &Arc<Part>) -> Result<(), Error> {
        {
            let mut parts = self.lock();
            if parts.last_key_value().is_some_and(|(w, _)| *w == part.week) {
                return Ok(());
            }
            parts.remove(&part.week);
        }
        self.lately.forget(part);
        part.remove()
    }

    /// Segments that overlap `from..to`, in order of start.
    ///
    /// # Errors
    /// The disk's.
    pub fn range(&self, feed: FeedId, from: WallTime, to: WallTime) -> Result<Vec<Entry>, Error> {
        let (first, last) = (from.hour(), to.hour());
        let mut out = Vec::new();
        // One that began in an earlier hour may last into this one.
        if let Some(earlier) = first.checked_sub(1)
            && let Some(part) = self.part(week(earlier))?
        {
            let row = part.rows(feed, week(earlier) * HOURS, earlier).next_back();
            out.extend(row.transpose()?.into_iter().flatten());
        }
        let weeks: Vec<u32> = {
            let parts = self.lock();
            let weeks = parts.range(week(first)..=week(last));
            weeks.map(|(week, _)| *week).collect()
        };
        for week in weeks {
            let Some(part) = self.part(week)? else {
                continue;
            };
            for row in part.rows(feed, first, last) {
                out.extend(row?);
            }
        }
        let waiting: Vec<Entry> = {
            let waiting = self.waiting();
            let own = waiting.iter().filter(|(of, _)| *of == feed);
            own.map(|(_, entry)| *entry).collect()
        };
        if !waiting.is_empty() {
            out.extend(waiting);
            out.sort_by_key(|e| (e.start, e.sequence));
            out.dedup();
        }
        out.retain(|e| e.start < to && e.end > from);
        Ok(out)
    }

    /// The newest segment that begins at or before `at`.
    ///
    /// # Errors
    /// The disk's.
    pub fn before(&self, feed: FeedId, at: WallTime) -> Result<Option<Entry>, Error> {
        let weeks: Vec<u32> = {
            let parts = self.lock();
            parts.range(..=week(at.hour())).map(|(w, _)| *w).collect()
        };
        for week in weeks.into_iter().rev() {
            let Some(part) = self.part(week)? else {
                continue;
            };
            for row in part.rows(feed, 0, at.hour()).rev().take(2) {
                if let Some(entry) = row?.into_iter().rfind(|e| e.start <= at) {
                    return Ok(Some(entry));
                }
            }
        }
        Ok(None)
    }

    /// The newest segment.
    ///
    /// # Errors
    /// The disk's.
    pub fn last(&self, feed: FeedId) -> Result<Option<Entry>, Error> {
        self.before(feed, WallTime(i64::MAX))
    }

    /// The newest segment of a week.
    pub(crate) fn last_of_week(&self, feed: FeedId, week: u32) -> Result<Option<Entry>, Error> {
        let Some(part) = self.part(week)? else {
            return Ok(None);
        };
        let row = part.rows(feed, 0, u32::MAX).next_back().transpose()?;
        Ok(row.and_then(|row| row.last().copied()))
    }

    /// The oldest segments: those of the feed's first row.
    ///
    /// # Errors
    /// The disk's.
    pub fn oldest(&self, feed: FeedId) -> Result<Vec<Entry>, Error> {
        for week in self.weeks() {
            if let Some(row) = self.rows_of_week(feed, week)?.next() {
                return row;
            }
        }
        Ok(Vec::new())
    }

    /// Rows of a feed in a week, in order.
    pub(crate) fn rows_of_week(
        &self,
        feed: FeedId,
        week: u32,
    ) -> Result<impl Iterator<Item = Result<Vec<Entry>, Error>> + use<>, Error> {
        let part = self.part(week)?;
        Ok(part
            .into_iter()
            .flat_map(move |part| part.rows(feed, 0, u32::MAX)))
    }

    /// Feeds with segments in a week.
    pub(crate) fn feeds_of_week(&self, week: u32) -> Result<Vec<FeedId>, Error> {
        self.part(week)?
            .map_or_else(|| Ok(Vec::new()), |p| p.feeds())
    }

    /// Every feed with segments. Opens every week.
    ///
    /// # Errors
    /// The disk's.
    pub fn feeds(&self) -> Result<Vec<FeedId>, Error> {
        let mut out = BTreeSet::new();
        for week in self.weeks() {
            out.extend(self.feeds_of_week(week)?);
        }
        Ok(out.into_iter().collect())
    }

    /// Every segment of a feed.
    ///
    /// # Errors
    /// The disk's.
    pub fn all(&self, feed: FeedId) -> Result<Vec<Entry>, Error> {
        let mut out = Vec::new();
        for week in self.weeks() {
            for row in self.rows_of_week(feed, week)? {
                out.extend(row?);
            }
        }
        Ok(out)
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        let parts: Vec<_> = self.lock().values().cloned().collect();
        for part in parts {
            if let Err(e) = part.close() {
                tracing::error!(error = %e, "index: a week is not closed; it is counted again at the next start");
            }
        }
    }
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
    fn open(dir: &tempfile::TempDir) -> Segments {
        Segments::open(&dir.path().join("s"), ByteCount::mebibytes(4)).unwrap()
    }

    #[test]
    fn segments_are_found_across_hours_and_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let segments = open(&dir);
        assert!(segments.is_fresh());
        for n in (0..300).rev() {
            segments.insert(feed(1), entry(n, n as u64)).unwrap();
            segments.insert(feed(2), entry(n * 2, n as u64)).unwrap();
        }
        segments.insert(feed(1), entry(0, 0)).unwrap();
        assert_eq!(segments.used(), ByteCount(60_000));
        segments.flush().unwrap();
        drop(segments);
        let segments = open(&dir);
        assert!(!segments.is_fresh());
        assert_eq!(segments.used(), ByteCount(60_000));
        let found = segments.range(feed(1), at(10), at(200)).unwrap();
        let sequences: Vec<u64> = found.iter().map(|e| e.sequence).collect();
        assert_eq!(sequences, (10..=200).collect::<Vec<_>>());
        let before = |minute| segments.before(feed(1), at(minute)).unwrap();
        assert_eq!(before(150).unwrap().sequence, 150);
        assert_eq!(before(100_000).unwrap().sequence, 299);
        assert_eq!(before(-1), None);
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
        assert_eq!(segments.all(feed(1)).unwrap().len(), 300 - oldest.len());
    }

    #[test]
    fn weeks_are_opened_when_asked_for_and_go_when_they_are_empty() {
        let dir = tempfile::tempdir().unwrap();
        // One a day for 20 weeks.
        const DAY: i64 = 24 * 60;
        let segments = open(&dir);
        for day in 0..140 {
            segments
                .insert(feed(1), entry(day * DAY, day as u64))
                .unwrap();
        }
        let weeks = segments.weeks();
        assert!(weeks.len() == 20 || weeks.len() == 21, "{weeks:?}");
        let opened = |s: &Segments| s.lock().values().filter(|p| p.is_open()).count();
        assert!(opened(&segments) <= 5);
        drop(segments);
        let segments = open(&dir);
        assert_eq!((opened(&segments), segments.used()), (1, ByteCount(14_000)));
        let all = segments.range(feed(1), at(-1), at(200 * DAY)).unwrap();
        assert_eq!(all.len(), 140);
        assert!(opened(&segments) <= 5);
        // Across the border of two weeks, whichever day that is.
        for day in 1..139 {
            let (from, to) = (at(day * DAY), at((day + 1) * DAY));
            let found = segments.range(feed(1), from, to).unwrap();
            assert_eq!(found.len(), 2, "day {day}");
            let before = segments.before(feed(1), at(day * DAY + 700)).unwrap();
            assert_eq!(before.unwrap().sequence, day as u64);
        }
        segments.remove(feed(1), &all[..100]).unwrap();
        assert!(segments.weeks().len() < 8);
        assert_eq!(segments.used(), ByteCount(4000));
        let on_disk = fs::read_dir(dir.path().join("s")).unwrap().count();
        assert!(on_disk < 16, "{on_disk}");
        drop(segments);

        // One that is damaged while it was closed is empty, and said so; the others are as they were.
        let weeks = open(&dir).weeks();
        let path = dir.path().join("s").join(format!("week-{:05}", weeks[1]));
        fs::write(path.join("db"), vec![0xa5; 5000]).unwrap();
        fs::write(path.join("conf"), "nonsense").unwrap();
        let segments = open(&dir);
        assert!(segments.take_lost().is_empty());
        let found = segments.range(feed(1), at(-1), at(200 * DAY)).unwrap();
        assert!((32..=33).contains(&found.len()), "{}", found.len());
        assert_eq!(
            segments.take_lost().into_iter().collect::<Vec<_>>(),
            [weeks[1]]
        );
    }

    #[test]
    fn a_segment_that_began_in_the_week_before_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let segments = open(&dir);
        let border = i64::from(HOURS) * 3600 * 2800;
        let long = Entry {
            start: WallTime::from_secs(border - 30),
            end: WallTime::from_secs(border + 30),
            sequence: 1,
            bytes: 1,
        };
        segments.insert(feed(1), long).unwrap();
        let from = WallTime::from_secs(border + 10);
        let to = WallTime::from_secs(border + 20);
        assert_eq!(segments.range(feed(1), from, to).unwrap(), [long]);
        assert_eq!(segments.before(feed(1), to).unwrap(), Some(long));
    }
}

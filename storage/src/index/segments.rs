//! The segments of every feed: a row a feed and hour, a database a week.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use media::{ByteCount, FeedId, WallTime};

use super::{
    part::{Found, HOURS, Lately, Open, Part, caught, is_damage, week},
    value::Entry,
};
use crate::{Error, recover};

/// Which segments there are. Calls may touch the disk: not from async code.
///
/// Opening takes as long, and holds as much, whatever the archive holds: weeks that nobody asks for are not opened. A week that
/// is found damaged, whenever that is, is *lost*: it goes on empty, and is to be made again from the files.
#[derive(Debug)]
pub struct Segments {
    dir: PathBuf,
    cache: ByteCount,
    parts: Mutex<BTreeMap<u32, Arc<Part>>>,
    lately: Lately,
    /// Rows are read, changed and written.
    changing: Mutex<()>,
    fresh: bool,
    /// Weeks that are not whole, and how often each was lost: to be made from the files.
    lost: Mutex<BTreeMap<u32, u64>>,
    /// Segments that the disk did not let in yet.
    waiting: Mutex<Vec<(FeedId, Entry)>>,
    /// How often something was taken out.
    removals: AtomicU64,
}

/// Segments that wait to be entered; what is beyond is found by the next start.
const MAX_WAITING: usize = 100_000;
/// Who takes much out rests so many times as long as each row took, and no longer than this: who looks something up at the same
/// time hardly notices.
const REST: u32 = 50;
const LONGEST_REST: Duration = Duration::from_millis(5);

impl Segments {
    /// Opens the index in `path`; an empty one is to be filled from the files ([`Segments::is_fresh`]).
    ///
    /// # Errors
    /// The disk's. A week that is damaged is moved aside, and is lost.
    pub fn open(path: &Path, cache: ByteCount) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
        let there = recover::list(path)?;
        let mut weeks: BTreeMap<u32, u32> = BTreeMap::new();
        for (week, generation) in there.iter().filter_map(|p| Part::parse(p)) {
            let newest = weeks.entry(week).or_default();
            *newest = generation.max(*newest);
        }
        let this = Self {
            dir: path.to_owned(),
            // Some weeks are open at once.
            cache: ByteCount((cache.0 / 4).max(4 * 1024 * 1024)),
            parts: Mutex::default(),
            lately: Lately::default(),
            changing: Mutex::new(()),
            fresh: weeks.is_empty(),
            lost: Mutex::new(there.iter().filter_map(|p| Some((marked(p)?, 1))).collect()),
            waiting: Mutex::default(),
            removals: AtomicU64::new(0),
        };
        for old in &there {
            // What was found damaged while it was in use.
            if Part::parse(old).is_some_and(|(week, g)| weeks.get(&week) != Some(&g)) {
                let _ = fs::remove_dir_all(old);
                let _ = fs::remove_file(old.with_extension("bytes"));
            }
        }
        for (week, generation) in weeks {
            let part = Arc::new(Part::new(&this.dir, week, generation, this.cache));
            this.lock().insert(week, Arc::clone(&part));
            if part.count()? == Found::Fresh {
                this.lose(week)?;
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

    fn lock_lost(&self) -> MutexGuard<'_, BTreeMap<u32, u64>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing is in it because it is new.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Weeks (168 hours since 1970 each) that are not whole, and how often each was lost.
    pub(crate) fn lost(&self) -> BTreeMap<u32, u64> {
        self.lock_lost().clone()
    }

    /// A week is to be made again from the files: also by the next start, should this one not come to it.
    pub(crate) fn lose(&self, week: u32) -> Result<(), Error> {
        *self.lock_lost().entry(week).or_default() += 1;
        let mark = self.mark(week);
        fs::write(&mark, "").map_err(|e| Error::io("write", &mark, e))
    }

    /// A week is whole again, unless it was lost once more since it had been so `times` times.
    pub(crate) fn healed(&self, week: u32, times: u64) -> Result<(), Error> {
        let mut lost = self.lock_lost();
        if lost.get(&week) == Some(&times) {
            lost.remove(&week);
            let mark = self.mark(week);
            match fs::remove_file(&mark) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::io("remove", &mark, e));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Stands beside a week that is lost.
    fn mark(&self, week: u32) -> PathBuf {
        self.dir.join(format!("week-{week:05}.lost"))
    }

    /// Stands there where files of a volume were not to be had when weeks were made again.
    pub(crate) fn behind(&self, volume: u16) -> PathBuf {
        self.dir.join(format!("volume-{volume}.behind"))
    }

    /// Changes with everything that is taken out.
    pub(crate) fn removals(&self) -> u64 {
        self.removals.load(Ordering::Acquire)
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
        parts
            .iter()
            .try_for_each(|part| caught(part.path(), || part.flush()))
    }

    fn open_part(&self, part: &Arc<Part>) -> Result<Open, Error> {
        let (open, found) = part.open()?;
        if found == Found::Fresh {
            self.lose(part.week)?;
        }
        self.note_use(part)?;
        Ok(open)
    }

    fn note_use(&self, part: &Arc<Part>) -> Result<(), Error> {
        for part in self.lately.used(part) {
            if let Err(e) = caught(part.path(), || part.close()) {
                match is_damage(&e) {
                    true => self.damaged(&part, &e)?,
                    false => return Err(e),
                }
            }
        }
        Ok(())
    }

    /// Asks a week; none where there is no such week. One that turns out to be damaged is lost, and asked again, empty.
    fn ask<T>(
        &self,
        week: u32,
        ask: impl Fn(&Open) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut again = false;
        loop {
            let Some(part) = self.lock().get(&week).cloned() else {
                return Ok(None);
            };
            let open = self.open_part(&part)?;
            match caught(part.path(), || ask(&open)) {
                Err(e) if is_damage(&e) && !again => self.damaged(&part, &e)?,
                answer => return answer.map(Some),
            }
            again = true;
        }
    }

    /// Puts an empty week in the place of one that is damaged.
    fn damaged(&self, part: &Arc<Part>, e: &Error) -> Result<(), Error> {
        {
            let mut parts = self.lock();
            if !parts.get(&part.week).is_some_and(|p| Arc::ptr_eq(p, part)) {
                // Somebody else has done it.
                return Ok(());
            }
            tracing::error!(error = %e, week = part.week, "index: a week is damaged; it is made again from the files");
            let next = Part::new(&self.dir, part.week, part.generation + 1, self.cache);
            parts.insert(part.week, Arc::new(next));
        }
        self.lately.forget(part);
        part.leave();
        self.lose(part.week)
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
        self.removals.fetch_add(1, Ordering::AcqRel);
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

    /// As [`Segments::remove`], resting between rows: for what is not urgent.
    ///
    /// # Errors
    /// The disk's.
    pub fn prune(&self, feed: FeedId, gone: &[Entry]) -> Result<(), Error> {
        for hour in gone.chunk_by(|a, b| a.start.hour() == b.start.hour()) {
            let began = Instant::now();
            self.remove(feed, hour)?;
            let rest = began.elapsed().saturating_mul(REST).min(LONGEST_REST);
            // Nobody unparks this thread; were it so, it would rest less.
            std::thread::park_timeout(rest);
        }
        Ok(())
    }

    fn change(
        &self,
        feed: FeedId,
        hour: u32,
        make: bool,
        change: impl Fn(&mut Vec<Entry>),
    ) -> Result<(), Error> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let week = week(hour);
        let made = make && {
            let mut parts = self.lock();
            let is_new = !parts.contains_key(&week);
            if is_new {
                let part = Part::new(&self.dir, week, 0, self.cache);
                parts.insert(week, Arc::new(part));
            }
            is_new
        };
        if made && let Some(part) = self.lock().get(&week).cloned() {
            // Empty because it has just begun: that is no loss.
            part.open()?;
            self.note_use(&part)?;
        }
        let emptied = self.ask(week, |open| {
            let part = self.lock().get(&week).cloned();
            let mut entries = open.row(feed, hour)?.unwrap_or_default();
            let bytes =
                |entries: &[Entry]| entries.iter().map(|e| e.bytes).fold(0, u64::saturating_add);
            let before = bytes(&entries);
            change(&mut entries);
            if let Some(part) = part {
                part.changes(before, bytes(&entries))?;
            }
            open.put(feed, hour, &entries)?;
            Ok(entries.is_empty() && open.is_empty())
        })?;
        let part = self.lock().get(&week).cloned();
        if let (Some(true), Some(part)) = (emptied, part)
            && !self.lock_lost().contains_key(&week)
        {
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
        if let Some(earlier) = first.checked_sub(1) {
            let week = week(earlier);
            let row = self.ask(week, |part| {
                let row = part.rows(feed, week * HOURS, earlier).next_back();
                row.transpose()
            })?;
            out.extend(row.flatten().into_iter().flatten());
        }
        let weeks: Vec<u32> = {
            let parts = self.lock();
            let weeks = parts.range(week(first)..=week(last));
            weeks.map(|(week, _)| *week).collect()
        };
        for week in weeks {
            let rows = self.ask(week, |part| {
                part.rows(feed, first, last)
                    .collect::<Result<Vec<_>, Error>>()
            })?;
            out.extend(rows.into_iter().flatten().flatten());
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
            let found = self.ask(week, |part| {
                for row in part.rows(feed, 0, at.hour()).rev().take(2) {
                    if let Some(entry) = row?.into_iter().rfind(|e| e.start <= at) {
                        return Ok(Some(entry));
                    }
                }
                Ok(None)
            })?;
            if let Some(entry) = found.flatten() {
                return Ok(Some(entry));
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
        let row = self.ask(week, |part| {
            part.rows(feed, 0, u32::MAX).next_back().transpose()
        })?;
        Ok(row.flatten().and_then(|row| row.last().copied()))
    }

    /// The oldest segments: those of the feed's first row.
    ///
    /// # Errors
    /// The disk's.
    pub fn oldest(&self, feed: FeedId) -> Result<Vec<Entry>, Error> {
        for week in self.weeks() {
            if let Some((_, row)) = self.row_after(feed, week, None)? {
                return Ok(row);
            }
        }
        Ok(Vec::new())
    }

    /// The row of a feed's hour.
    pub(crate) fn row(&self, feed: FeedId, hour: u32) -> Result<Vec<Entry>, Error> {
        let row = self.ask(week(hour), |part| part.row(feed, hour))?;
        Ok(row.flatten().unwrap_or_default())
    }

    /// A feed's first row in a week behind an hour, with its own hour.
    pub(crate) fn row_after(
        &self,
        feed: FeedId,
        week: u32,
        hour: Option<u32>,
    ) -> Result<Option<(u32, Vec<Entry>)>, Error> {
        let row = self.ask(week, |part| part.row_after(feed, hour))?;
        Ok(row.flatten())
    }

    /// Feeds with segments in a week.
    pub(crate) fn feeds_of_week(&self, week: u32) -> Result<Vec<FeedId>, Error> {
        Ok(self.ask(week, Open::feeds)?.unwrap_or_default())
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
            let mut hour = None;
            while let Some((at, row)) = self.row_after(feed, week, hour)? {
                out.extend(row);
                hour = Some(at);
            }
        }
        Ok(out)
    }
}

/// The week that a mark of a lost one is of.
fn marked(path: &Path) -> Option<u32> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("week-")?
        .strip_suffix(".lost")?
        .parse()
        .ok()
}

impl Drop for Segments {
    fn drop(&mut self) {
        let parts: Vec<_> = self.lock().values().cloned().collect();
        for part in parts {
            if let Err(e) = caught(part.path(), || part.close()) {
                tracing::error!(error = %e, "index: a week is not closed; it is counted again at the next start");
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! Supervision: journals what is seen of every camera, judges each day once it is over, and answers from what was judged.
//!
//! ```text
//! follow (feeds, tags), clocks --saw--> Watch --every second--> DIR/supervision/seen-DAY.journal
//!       a quarter of an hour after midnight: log + recordings + register --figure--> facts-MONTH.journal --> Table
//! ```
//! The cores are in [`command::supervision`]; here are the files, the clock, and what is asked of the other parts.

mod alarms;
mod files;
mod follow;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use command::{
    Store,
    supervision::{
        About, Coverage, Day, DayRecord, Entry, Fact, Group, Judging, Log, Outages, Seen, Table,
        Watch, figure,
    },
};
use media::{CameraId, WallTime};
use storage::Error;

use crate::config;
use files::{Files, Today};
pub use follow::preview;
pub(crate) use follow::run;

/// Everything that is known for judging.
#[derive(Debug)]
pub struct Supervision {
    files: Files,
    offset_min: i32,
    config: config::Supervision,
    /// Approved outages.
    pub outages: Arc<Store<Outages>>,
    watch: Mutex<Watch>,
    /// Figures of days that are over; and beside them, for who asks, today's as far as it is.
    facts: Mutex<Table>,
    shown: RwLock<Arc<Table>>,
    /// One at a time writes.
    writing: tokio::sync::Mutex<Option<Today>>,
}

/// What is known of a camera when its day is judged.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Which.
    pub camera: CameraId,
    /// Where it belongs.
    pub group: Group,
    /// What is known beside its log.
    pub about: About,
    /// What was recorded of it.
    pub coverage: Coverage,
}

/// Cameras of one record of a log.
const PART: usize = 1000;
/// Changes of one record of a log.
const CHANGES: usize = 5000;

impl Supervision {
    /// Reads what there is. Blocking.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(
        dir: PathBuf,
        outages: PathBuf,
        offset_min: i32,
        config: config::Supervision,
    ) -> Result<Self, Error> {
        let files = Files::open(dir)?;
        let facts = files.facts()?;
        Ok(Self {
            outages: Store::open(outages)?,
            shown: RwLock::new(Arc::new(facts.clone())),
            facts: Mutex::new(facts),
            watch: Mutex::default(),
            writing: tokio::sync::Mutex::new(None),
            files,
            offset_min,
            config,
        })
    }

    /// The district's day.
    pub fn day(&self, at: WallTime) -> Day {
        Day::of(at, self.offset_min)
    }

    /// When a day begins.
    pub fn start(&self, day: Day) -> WallTime {
        day.start(self.offset_min)
    }

    /// What it judges by.
    pub fn config(&self) -> &config::Supervision {
        &self.config
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn facts(&self) -> MutexGuard<'_, Table> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A camera is seen so. Journaled within a second.
    pub fn saw(&self, now: WallTime, camera: CameraId, seen: Seen) {
        self.watch().saw(now, camera, seen);
    }

    /// The figures of all days that were judged, and of today as far as it is.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether a day's figures are as they will stay.
    pub fn is_judged(&self, day: Day) -> bool {
        self.facts().has(day)
    }

    fn show(&self, table: Table) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Begins to watch: after a start, what was live is not known any more until it is seen again.
    ///
    /// # Errors
    /// The disk's.
    pub async fn begin(&self, now: WallTime) -> Result<(), Error> {
        let mut writing = self.writing.lock().await;
        let day = self.day(now);
        let files = self.files.clone();
        let (log, journal) = blocking(move || {
            let mut log = files.read_log(day, None)?;
            if log.cameras.is_empty() {
                // Shortly after midnight what was known yesterday is as good.
                log = files.read_log(day.plus(-1), None)?;
            }
            Ok((log, files.write_log(day)?))
        })
        .await?;
        self.watch().resume(now, &log);
        let today = Today { day, journal };
        self.write_known(&today, now).await?;
        *writing = Some(today);
        Ok(())
    }

    async fn write_known(&self, today: &Today, at: WallTime) -> Result<(), Error> {
        today.append(at, Entry::Began).await?;
        let known = self.watch().begin_day();
        for part in known.chunks(PART) {
            today.append(at, Entry::Known(part.to_vec())).await?;
        }
        Ok(())
    }

    /// Writes down what was seen since, and that it is watched; goes on to the next day's log at midnight.
    ///
    /// # Errors
    /// The disk's: what could not be written is lost, and told by whoever called.
    pub async fn write(&self, now: WallTime, mark: bool) -> Result<(), Error> {
        let mut writing = self.writing.lock().await;
        let Some(today) = writing.as_ref() else {
            return Ok(());
        };
        let (lost, changes) = {
            let mut watch = self.watch();
            (watch.is_full(), watch.drain(now))
        };
        let midnight = today.day.end(self.offset_min);
        let (old, new) = changes.split_at(changes.partition_point(|(at, ..)| *at < midnight.0));
        for part in old.chunks(CHANGES) {
            today
                .append(now.min(midnight), Entry::Seen(part.to_vec()))
                .await?;
        }
        if now < midnight {
            if lost {
                tracing::warn!(
                    "supervision: cameras change faster than it is written down; what is known now is written anew"
                );
                let known = self.watch().begin_day();
                for part in known.chunks(PART) {
                    today.append(now, Entry::Known(part.to_vec())).await?;
                }
            }
            if mark {
                today.append(now, Entry::Watching).await?;
            }
            return Ok(());
        }
        today.append(midnight, Entry::Watching).await?;
        let (day, files) = (self.day(now), self.files.clone());
        let first = self.day(now).plus(-(self.config.keep_days as i32));
        let journal = blocking(move || {
            files.tidy(first)?;
            files.write_log(day)
        })
        .await?;
        self.facts().tidy(first);
        let next = Today { day, journal };
        // A stop of the machine that went over a day's end is a hole, not a long first moment.
        let begins = match day == today.day.plus(1) {
            true => midnight,
            false => now,
        };
        self.write_known(&next, begins).await?;
        for part in new.chunks(CHANGES) {
            next.append(now, Entry::Seen(part.to_vec())).await?;
        }
        *writing = Some(next);
        Ok(())
    }

    /// Days that are over, have a log and are not judged.
    ///
    /// # Errors
    /// The disk's.
    pub async fn unjudged(&self, now: WallTime) -> Result<Vec<Day>, Error> {
        let today = self.day(now);
        let files = self.files.clone();
        let mut days = blocking(move || files.logged()).await?;
        let facts = self.facts();
        days.retain(|d| *d < today && !facts.has(*d));
        Ok(days)
    }

    /// Judges a day that is over, once; what is judged already stays.
    ///
    /// # Errors
    /// The disk's: then it is not judged.
    pub async fn judge(&self, day: Day, asked: Vec<Asked>) -> Result<(), Error> {
        let _turn = self.writing.lock().await;
        if self.is_judged(day) {
            return Ok(());
        }
        let at = day.end(self.offset_min);
        let (files, outages) = (self.files.clone(), self.outages.read());
        let recorded: Vec<_> = asked
            .iter()
            .filter(|a| !a.coverage.planned.is_empty())
            .map(|a| (a.camera, a.coverage.clone()))
            .collect();
        let (mut log, journal) =
            blocking(move || Ok((files.read_log(day, None)?, files.write_log(day)?))).await?;
        let journal = Today { day, journal };
        for part in recorded.chunks(PART / 4) {
            journal.append(at, Entry::Recorded(part.to_vec())).await?;
        }
        drop(journal);
        record(&mut log, &asked);
        let judging = self.config.judging();
        let records = self.records(day, &log, asked, &outages, judging, 0, None);
        self.keep(day, records).await
    }

    /// Judges a day again, by what it was judged by, since an approval changed: its log and its other facts are as they were.
    ///
    /// # Errors
    /// The disk's.
    pub async fn judge_again(&self, day: Day, why: &str) -> Result<bool, Error> {
        let _turn = self.writing.lock().await;
        let table = self.facts().clone();
        let Some(before) = table.day(day).filter(|_| table.has(day)) else {
            return Ok(false);
        };
        let files = self.files.clone();
        let log = blocking(move || files.read_log(day, None)).await?;
        if log.watched.is_empty() {
            return Ok(false);
        }
        let asked = table
            .of_day(day)
            .into_iter()
            .map(|(camera, group, figure)| Asked {
                coverage: log
                    .cameras
                    .get(&camera)
                    .and_then(|l| l.recorded.clone())
                    .unwrap_or_default(),
                about: About::of(&figure),
                camera,
                group,
            })
            .collect();
        let outages = self.outages.read();
        let (judging, revision) = (before.judging, before.revision + 1);
        let records = self.records(day, &log, asked, &outages, judging, revision, Some(why));
        self.keep(day, records).await?;
        Ok(true)
    }

    async fn keep(&self, day: Day, records: Vec<DayRecord>) -> Result<(), Error> {
        let files = self.files.clone();
        let journal = blocking(move || files.write_facts(day)).await?;
        for record in &records {
            let at = day.end(self.offset_min);
            journal.append(at, "day", record.clone()).await?;
        }
        blocking(move || {
            drop(journal);
            Ok(())
        })
        .await?;
        let shown = {
            let mut facts = self.facts();
            records.into_iter().for_each(|r| facts.take(r));
            facts.clone()
        };
        self.show(shown);
        Ok(())
    }

    /// Judges today as far as it is, for who asks; nothing of it is kept.
    ///
    /// # Errors
    /// The disk's.
    pub async fn preview(&self, now: WallTime, asked: Vec<Asked>) -> Result<(), Error> {
        let (day, files) = (self.day(now), self.files.clone());
        let mut log = blocking(move || files.read_log(day, None)).await?;
        record(&mut log, &asked);
        let outages = self.outages.read();
        let judging = self.config.judging();
        let records = self.records(day, &log, asked, &outages, judging, 0, None);
        let mut table = self.facts().clone();
        table.put(records);
        self.show(table);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn records(
        &self,
        day: Day,
        log: &Log,
        asked: Vec<Asked>,
        outages: &Outages,
        judging: Judging,
        revision: u32,
        why: Option<&str>,
    ) -> Vec<DayRecord> {
        let mut groups: Vec<Group> = Vec::new();
        let mut known: HashMap<Group, u32> = HashMap::new();
        let nothing = command::supervision::log::CameraLog::default();
        let facts: Vec<Fact> = asked
            .into_iter()
            .map(|a| {
                let out = outages.of(&a.camera, &a.group.region);
                let of = log.cameras.get(&a.camera).unwrap_or(&nothing);
                let figure = figure::figure(
                    day,
                    self.offset_min,
                    of,
                    &log.watched,
                    &out,
                    &a.about,
                    &judging,
                );
                let group = *known.entry(a.group.clone()).or_insert_with(|| {
                    groups.push(a.group);
                    groups.len() as u32 - 1
                });
                Fact {
                    camera: a.camera,
                    group,
                    figure,
                }
            })
            .collect();
        DayRecord::of(day, judging, revision, why, &groups, &facts)
    }

    /// What the log of a day says of a camera.
    ///
    /// # Errors
    /// The disk's.
    pub async fn log_of(&self, day: Day, camera: CameraId) -> Result<Log, Error> {
        let files = self.files.clone();
        blocking(move || files.read_log(day, Some(camera))).await
    }

    /// The cameras that are not in the register any more are out of service.
    pub fn forget_others(&self, now: WallTime, registered: impl Fn(&CameraId) -> bool) {
        let mut watch = self.watch();
        for camera in watch.others(registered) {
            watch.saw(now, camera, Seen::Link(command::supervision::Link::Out));
        }
    }
}

/// Puts what was recorded into a log that was read without it.
fn record(log: &mut Log, asked: &[Asked]) {
    for a in asked.iter().filter(|a| !a.coverage.planned.is_empty()) {
        log.cameras.entry(a.camera).or_default().recorded = Some(a.coverage.clone());
    }
}

/// Runs a disk call on a thread that may block.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(call).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Closed("the runtime")),
    }
}

/// How long after midnight a day is judged: what recorders hold is in files by then.
pub(crate) const SETTLED: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests;

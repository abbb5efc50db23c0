//! The supervision's files: a log a day, and the facts of each month.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use command::supervision::{Day, DayRecord, Entry, Log, Table};
use media::{CameraId, WallTime};
use storage::{
    Error,
    journal::{self, Journal, Options},
};

/// `DIR/supervision`.
#[derive(Clone, Debug)]
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    /// Made where it is not there. Blocking.
    pub(super) fn open(dir: PathBuf) -> Result<Self, Error> {
        fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
        Ok(Self { dir })
    }

    fn log(&self, day: Day) -> PathBuf {
        self.dir.join(format!("seen-{day}.journal"))
    }

    /// A day's log, to be written on. Blocking.
    pub(super) fn write_log(&self, day: Day) -> Result<Journal<Entry>, Error> {
        journal::open_with(self.log(day), Options::default(), |_| {})
    }

    /// What a day's log says, of one camera or all; nothing where there is none. Blocking.
    pub(super) fn read_log(&self, day: Day, only: Option<CameraId>) -> Result<Log, Error> {
        let mut log = Log::default();
        let path = self.log(day);
        if !path.exists() {
            return Ok(log);
        }
        journal::read(path, |record| log.take(record.at, record.body, only))?;
        Ok(log)
    }

    /// Days of which there is a log, in order. Blocking.
    pub(super) fn logged(&self) -> Result<Vec<Day>, Error> {
        let mut days: Vec<Day> = self
            .names()?
            .iter()
            .filter_map(|n| {
                n.strip_prefix("seen-")?
                    .strip_suffix(".journal")?
                    .parse()
                    .ok()
            })
            .collect();
        days.sort_unstable();
        Ok(days)
    }

    /// Reads all facts. Blocking.
    pub(super) fn facts(&self) -> Result<Table, Error> {
        let mut table = Table::default();
        let mut names = self.names()?;
        names.retain(|n| n.starts_with("facts-") && n.ends_with(".journal"));
        names.sort_unstable();
        for name in names {
            let path = self.dir.join(name);
            let report = journal::read(&path, |record| table.take(record.body))?;
            if !report.damage.is_empty() {
                tracing::error!(journal = %path.display(), damage = ?report.damage, "supervision: facts are damaged; what could be read is used");
            }
        }
        // A day of which a crash kept only a part is judged again.
        table.tidy(Day(i32::MIN));
        Ok(table)
    }

    /// A month's facts, to be written on. Blocking.
    pub(super) fn write_facts(&self, day: Day) -> Result<Journal<DayRecord>, Error> {
        let path = self.dir.join(format!("facts-{}.journal", day.month()));
        journal::open_with(path, Options::default(), |_| {})
    }

    /// Deletes logs before this day, and facts of months that ended before it. Blocking.
    pub(super) fn tidy(&self, first: Day) -> Result<(), Error> {
        let month = first.month();
        for name in self.names()? {
            let old = match name.strip_suffix(".journal") {
                Some(n) => {
                    let log = n.strip_prefix("seen-").and_then(|d| d.parse::<Day>().ok());
                    let facts = n.strip_prefix("facts-");
                    log.is_some_and(|d| d < first) || facts.is_some_and(|m| m < month.as_str())
                }
                None => false,
            };
            if old {
                let path = self.dir.join(&name);
                fs::remove_file(&path).map_err(|e| Error::io("delete", &path, e))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, Error> {
        let read = |dir: &Path| -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(dir)? {
                names.extend(entry?.file_name().into_string().ok());
            }
            Ok(names)
        };
        read(&self.dir).map_err(|e| Error::io("list", &self.dir, e))
    }
}

/// A day's log that is written on.
#[derive(Debug)]
pub(super) struct Today {
    pub(super) day: Day,
    pub(super) journal: Journal<Entry>,
}

impl Today {
    pub(super) async fn append(&self, at: WallTime, entry: Entry) -> Result<(), Error> {
        let kind = entry.kind();
        self.journal.append(at, kind, entry).await.map(drop)
    }
}

//! Keeping events no longer than they are to be kept: rows and pictures go, and the journal is made shorter when enough of it
//! is of no use. Each step may be cut off anywhere and done again: what an index made anew brings back goes the next time.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::Path,
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use media::{Event, EventId, WallTime};

use super::{Events, Index, Inner, blocking, entries, parse_row};
use crate::{Error, index::key, paths, recover, retention};

/// What [`Events::tidy`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Events that were too old.
    pub events: u64,
    /// Pictures of events that are gone.
    pub snapshots: u64,
    /// Records of the journal before and after, where it was made shorter.
    pub journal: Option<(u64, u64)>,
}

/// Whether an event is to be kept: it goes on, belongs to an incident, or was seen at or after `from`.
fn is_wanted(event: &Event, from: WallTime) -> bool {
    event.incident.is_some() || event.end.is_none_or(|end| end.max(event.last) >= from)
}

/// Tidies by a timer for as long as somebody has the events.
pub(super) async fn run(events: Weak<Inner>, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        let Some(events) = events.upgrade().map(Events) else {
            return;
        };
        match events.tidy(WallTime::now()).await {
            Ok(did) if did == Tidied::default() => {}
            Ok(did) => tracing::info!(
                events = did.events,
                snapshots = did.snapshots,
                "events: those too old are gone"
            ),
            Err(e) => tracing::error!(error = %e, "events: not tidied"),
        }
    }
}

impl Events {
    /// Removes what is older than the days to keep, with its pictures, and makes the journal shorter where that is worth it.
    /// Done by itself from time to time.
    ///
    /// # Errors
    /// The disk's or the index's; what was done is done, the rest is left to the next time.
    pub async fn tidy(&self, now: WallTime) -> Result<Tidied, Error> {
        let _alone = self.0.tidying.lock().await;
        let from = now - retention::days(self.0.config.keep_days);
        let this = Arc::clone(&self.0);
        let mut did = blocking(move || {
            let events = this.index.prune(from)?;
            let snapshots = prune_snapshots(&this.snapshots, &this.index, from)?;
            Ok(Tidied {
                events,
                snapshots,
                journal: None,
            })
        })
        .await?;
        did.journal = self.compact(from).await?;
        Ok(did)
    }

    async fn compact(&self, from: WallTime) -> Result<Option<(u64, u64)>, Error> {
        let (journal, at) = (&self.0.journal, self.0.config.compact_at);
        let known = self.0.useful.load(Ordering::Relaxed);
        if journal.records().saturating_sub(known) < at {
            return Ok(None);
        }
        let this = Arc::clone(&self.0);
        let (read, wanted) = blocking(move || {
            let path = this.journal.path();
            let mut newest: HashMap<EventId, (u64, bool)> = HashMap::new();
            let read = this.journal.read_all(|sequence, body| {
                let event: Event = serde_json::from_slice(body)
                    .map_err(|e| Error::content(path, 0, format!("record {sequence}: {e}")))?;
                newest.insert(event.id, (sequence, is_wanted(&event, from)));
                Ok(())
            })?;
            let wanted: HashSet<u64> = newest
                .into_values()
                .filter_map(|(sequence, wanted)| wanted.then_some(sequence))
                .collect();
            Ok((read, wanted))
        })
        .await?;
        let useful = wanted.len() as u64;
        self.0.useful.store(useful, Ordering::Relaxed);
        let waste = read.records.saturating_sub(useful);
        if waste < at.max(useful / 2) {
            return Ok(None);
        }
        let index = self.0.index.clone();
        let moved = Box::new(move |last: Option<crate::journal::Place>| {
            let noted = match last {
                Some(last) => index.set_position(last.start, last.end, last.sequence),
                None => index.forget_position(),
            };
            if let Err(e) = noted {
                // The next start finds that the position does not hold, and makes the index anew.
                tracing::error!(error = %e, "events: the index does not know the shorter journal");
            }
        });
        let after = journal
            .compact(read, move |sequence, _| wanted.contains(&sequence), moved)
            .await?;
        tracing::info!(
            before = read.records,
            after,
            "events: the journal is shorter"
        );
        Ok(Some((read.records, after)))
    }
}

impl Index {
    /// Removes the rows of events that are not wanted any more. Gives how many.
    fn prune(&self, from: WallTime) -> Result<u64, Error> {
        let last = key::event(EventId {
            at: from.0,
            number: 0,
        });
        let mut gone = 0;
        for row in self.event.range(..last) {
            let (row_key, _) = row.map_err(self.fail("(prune)"))?;
            let _changing = self.changing();
            // Read again: it may have changed before the lock was taken.
            let row = self.event.get(&row_key).map_err(self.fail("(prune)"))?;
            let Some((event, _)) = row.as_deref().and_then(parse_row) else {
                continue;
            };
            if is_wanted(&event, from) {
                continue;
            }
            let fail = || self.fail(event.id.to_string());
            let mut list = sled::Batch::default();
            entries(&event).for_each(|key| list.remove(key));
            // The event's own row last: what was cut off is found again by it.
            self.by.apply_batch(list).map_err(fail())?;
            self.open.remove(&row_key).map_err(fail())?;
            self.event.remove(&row_key).map_err(fail())?;
            gone += 1;
        }
        Ok(gone)
    }

    fn forget_position(&self) -> Result<(), Error> {
        self.database
            .db
            .remove("position")
            .map_err(self.fail("position"))?;
        Ok(())
    }
}

/// Removes pictures of days before `from` whose event is gone, and days without pictures. Gives how many pictures.
fn prune_snapshots(snapshots: &Path, index: &Index, from: WallTime) -> Result<u64, Error> {
    let first = paths::day(from);
    let mut gone = 0;
    for day in recover::list(snapshots)? {
        if recover::name(&day).is_none_or(|name| name >= first.as_str()) {
            continue;
        }
        for file in recover::list(&day)? {
            let id = file
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            let has_event = match id {
                Some(id) => index.get(id)?.is_some(),
                // A picture half written.
                None => false,
            };
            if !has_event {
                match fs::remove_file(&file) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::io("remove", &file, e));
                    }
                    _ => gone += 1,
                }
            }
        }
        // Only where it is empty.
        let _ = fs::remove_dir(&day);
    }
    Ok(gone)
}

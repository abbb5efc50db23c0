//! What is deleted, when, and by which rule.

use std::{cmp::Reverse, collections::BinaryHeap, fs, path::Path, time::Duration};

use media::{ByteCount, CameraId, FeedId, Profile, WallTime};
use serde::Serialize;

use crate::{
    Error,
    archive::{Shared, Usage},
    index::Entry,
    paths,
};

/// Why a segment was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "rule", content = "value")]
pub enum Rule {
    /// Older than the camera's days to keep.
    Days(u32),
    /// The disk's free space was under `keep_free` (bytes).
    KeepFree(u64),
    /// The recordings were over `max_bytes`.
    MaxBytes(u64),
}

/// A segment that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// Whose.
    pub camera: CameraId,
    /// Which stream.
    pub profile: Profile,
    /// Its first frame.
    pub start: WallTime,
    /// After its last frame.
    pub end: WallTime,
    /// Its size.
    pub bytes: u64,
    /// Why.
    pub rule: Rule,
}

/// Segments deleted of one feed before the next one has its turn, and of all in one sweep by space.
const BATCH: usize = 1000;
/// Empty directories are left alone for so long: a recorder may be about to write into them.
const SETTLED: Duration = Duration::from_secs(2 * 3600);

/// So many days.
pub(crate) fn days(n: u32) -> Duration {
    Duration::from_secs(u64::from(n) * 86_400)
}

/// Deletes what is too old, then the oldest while there is not enough room. What a playback reads is left for the next sweep.
/// Blocking.
pub(crate) fn sweep(shared: &Shared, now: WallTime, usage: Usage) -> Vec<Deleted> {
    let mut sweep = Sweep {
        shared,
        now,
        deleted: Vec::new(),
    };
    let result = sweep.by_days().and_then(|()| sweep.by_space(usage));
    if let Err(e) = result {
        tracing::error!(error = %e, "retention: a sweep was cut short");
    }
    if !sweep.deleted.is_empty() {
        let bytes = sweep.deleted.iter().map(|d| d.bytes).sum();
        tracing::info!(segments = sweep.deleted.len(), bytes = %ByteCount(bytes), "retention: deleted");
    }
    sweep.deleted
}

struct Sweep<'a> {
    shared: &'a Shared,
    now: WallTime,
    deleted: Vec<Deleted>,
}

impl Sweep<'_> {
    fn by_days(&mut self) -> Result<(), Error> {
        for feed in self.shared.segments.feeds()? {
            let keep = self
                .shared
                .ledger
                .days(feed.camera)
                .unwrap_or(self.shared.config.keep_days);
            let until = self.now - days(keep);
            let mut count = 0;
            loop {
                let row = self.shared.segments.oldest(feed)?;
                let in_row = row.len();
                let old: Vec<Entry> = row.into_iter().take_while(|e| e.end < until).collect();
                let gone = self.delete(feed, &old, Rule::Days(keep))?;
                count += gone;
                // The row is not used up, or something in it is being read.
                if in_row == 0 || gone < in_row || count >= BATCH {
                    break;
                }
            }
        }
        Ok(())
    }

    fn by_space(&mut self, usage: Usage) -> Result<(), Error> {
        let config = &self.shared.config;
        let freed: u64 = self.deleted.iter().map(|d| d.bytes).sum();
        let lacking = config
            .keep_free
            .0
            .saturating_sub(usage.free.0.saturating_add(freed));
        let over = config
            .max_bytes
            .map_or(0, |max| self.shared.segments.used().0.saturating_sub(max.0));
        let (mut to_free, rule) = match (lacking, config.max_bytes) {
            (lacking, Some(max)) if over > lacking => (over, Rule::MaxBytes(max.0)),
            (lacking, _) => (lacking, Rule::KeepFree(config.keep_free.0)),
        };
        if to_free == 0 {
            return Ok(());
        }
        // Feeds by their oldest segment; a row at a time is looked at.
        let mut feeds = BinaryHeap::new();
        for feed in self.shared.segments.feeds()? {
            if let Some(first) = self.shared.segments.oldest(feed)?.first() {
                feeds.push(Reverse((first.start, feed)));
            }
        }
        let mut count = 0;
        while let Some(Reverse((_, feed))) = feeds.pop() {
            let limit = feeds.peek().map(|Reverse((start, _))| *start);
            let row = self.shared.segments.oldest(feed)?;
            let mut gone = 0;
            for entry in &row {
                if to_free == 0 || count >= BATCH {
                    return Ok(());
                }
                // Another feed has older ones; one at least is looked at, or it would never end.
                if gone > 0 && limit.is_some_and(|limit| entry.start > limit) {
                    break;
                }
                if self.delete(feed, std::slice::from_ref(entry), rule)? == 0 {
                    // Being read: this feed has nothing to give just now.
                    gone = 0;
                    break;
                }
                gone += 1;
                count += 1;
                to_free = to_free.saturating_sub(entry.bytes);
            }
            if gone > 0
                && let Some(next) = self.shared.segments.oldest(feed)?.first()
            {
                feeds.push(Reverse((next.start, feed)));
            }
        }
        Ok(())
    }

    /// Deletes files, then their rows: a crash in between leaves rows without files, which readers pass over and `check` finds.
    fn delete(&mut self, feed: FeedId, entries: &[Entry], rule: Rule) -> Result<usize, Error> {
        let mut gone = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = paths::segment(&self.shared.recordings, feed, entry);
            // Held while the file goes, so that no playback begins to read it in between.
            let removed = self
                .shared
                .pins
                .unless_pinned(&path, || self.shared.files.remove(&path));
            match removed {
                None => continue,
                Some(Err(e)) => {
                    tracing::error!(error = %e, "retention: a segment is not deleted");
                    continue;
                }
                Some(Ok(())) => {}
            }
            if self.now.since(entry.start) > SETTLED {
                // Only where they are empty: the hour's, the day's.
                let above = path
                    .parent()
                    .into_iter()
                    .chain(path.parent().and_then(Path::parent));
                above.for_each(|dir| drop(fs::remove_dir(dir)));
            }
            gone.push(*entry);
            self.deleted.push(Deleted {
                camera: feed.camera,
                profile: feed.profile,
                start: entry.start,
                end: entry.end,
                bytes: entry.bytes,
                rule,
            });
        }
        self.shared.segments.remove(feed, &gone)?;
        Ok(gone.len())
    }
}

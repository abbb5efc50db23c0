//! What is deleted, when, and by which rule.
//!
//! By days first, then by space, the oldest of all cameras first: disk by disk where one lacks room, of all of them where they
//! hold too much. Nothing goes that a hold covers or a playback reads; space never takes what is younger than a camera's floor.
//! What then cannot be freed is said ([`Room`]). What lies on a disk that is not there is left until it is.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use media::{ByteCount, CameraId, FeedId, Profile, WallTime};
use serde::Serialize;

use crate::{
    Error,
    archive::Shared,
    free_target::FreeTarget,
    hold::Holds,
    index::{Entry, Segments, part::HOURS},
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

/// Whether there is the room that is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "room")]
pub enum Room {
    /// There is.
    #[default]
    Enough,
    /// So many bytes could not be freed: all that is left is held, or younger than its camera's floor.
    Short {
        /// Bytes.
        lacking: u64,
    },
}

/// Segments deleted of one feed before the next one has its turn.
const BATCH: usize = 1000;
/// Segments deleted in one sweep for want of room: more than a disk takes in between two.
const SPACE_BATCH: usize = 20_000;
/// Empty directories are left alone for so long: a recorder may be about to write into them.
const SETTLED: Duration = Duration::from_secs(2 * 3600);

/// So many days.
pub(crate) fn days(n: u32) -> Duration {
    Duration::from_secs(u64::from(n) * 86_400)
}

/// When something of a week is too old next, so that a week need not be opened to find nothing.
#[derive(Debug, Default)]
pub(crate) struct Due(Mutex<(u64, BTreeMap<u32, WallTime>)>);

impl Due {
    fn of(&self, rules: u64, week: u32) -> Option<WallTime> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != rules {
            *known = (rules, BTreeMap::new());
        }
        known.1.get(&week).copied()
    }

    fn set(&self, rules: u64, week: u32, due: WallTime) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 == rules {
            known.1.insert(week, due);
        }
    }
}

/// Deletes what is too old, then the oldest while there is not enough room. What a playback reads is left for the next sweep.
/// Blocking.
pub(crate) fn sweep(shared: &Shared, now: WallTime) -> (Vec<Deleted>, Room) {
    let mut sweep = Sweep {
        shared,
        now,
        holds: shared.ledger.holds(now),
        deleted: Vec::new(),
        urgent: false,
    };
    let result = sweep.by_days().and_then(|()| sweep.by_space());
    let room = result.unwrap_or_else(|e| {
        tracing::error!(error = %e, "retention: a sweep was cut short");
        Room::Enough
    });
    if !sweep.deleted.is_empty() {
        let bytes = sweep.deleted.iter().map(|d| d.bytes).sum();
        tracing::info!(segments = sweep.deleted.len(), bytes = %ByteCount(bytes), "retention: deleted");
    }
    (sweep.deleted, room)
}

struct Sweep<'a> {
    shared: &'a Shared,
    now: WallTime,
    holds: Holds,
    deleted: Vec<Deleted>,
    /// A disk is nearly full: nobody waits for those who look something up.
    urgent: bool,
}

/// A feed's segments of a week, a row at a time.
struct Rows {
    feed: FeedId,
    week: u32,
    /// The hour of the row.
    hour: Option<u32>,
    row: VecDeque<Entry>,
    ended: bool,
}

impl Rows {
    fn next(&mut self, segments: &Segments) -> Result<Option<Entry>, Error> {
        while self.row.is_empty() && !self.ended {
            match segments.row_after(self.feed, self.week, self.hour)? {
                Some((hour, row)) => (self.hour, self.row) = (Some(hour), row.into()),
                None => self.ended = true,
            }
        }
        Ok(self.row.pop_front())
    }
}

/// Room that is wanted, and of which volumes.
struct Want {
    bytes: u64,
    rule: Rule,
    volumes: BTreeSet<u16>,
}

impl Sweep<'_> {
    fn by_days(&mut self) -> Result<(), Error> {
        let (segments, ledger) = (&self.shared.segments, &self.shared.ledger);
        let rules = ledger.rules();
        let shortest = ledger.shortest_keep(&self.shared.config);
        for week in segments.weeks() {
            let begins = WallTime(i64::from(week) * i64::from(HOURS) * 3_600_000_000);
            if begins > self.now - days(shortest) {
                return Ok(());
            }
            let due = self.shared.due.of(rules, week);
            if due.is_some_and(|due| due > self.now) {
                continue;
            }
            // What a hold leaves when it ends.
            let mut due = self.holds.next_end.unwrap_or(WallTime(i64::MAX));
            for feed in segments.feeds_of_week(week)? {
                due = due.min(self.feed_by_days(feed, week)?);
            }
            self.shared.due.set(rules, week, due);
        }
        Ok(())
    }

    /// Deletes what of a feed and week is too old; gives when there is more.
    fn feed_by_days(&mut self, feed: FeedId, week: u32) -> Result<WallTime, Error> {
        let (keep, _) = self
            .shared
            .ledger
            .keep_and_floor(feed.camera, &self.shared.config);
        let until = self.now - days(keep);
        let (mut count, mut left) = (0, WallTime(i64::MAX));
        let mut hour = None;
        while let Some((at, row)) = self.shared.segments.row_after(feed, week, hour)? {
            hour = Some(at);
            let old = row.partition_point(|e| e.end < until);
            let free: Vec<Entry> = row[..old]
                .iter()
                .filter(|e| !self.holds.cover(feed.camera, e.start, e.end))
                .filter(|e| self.shared.volumes.unavailable(e.volume).is_none())
                .copied()
                .collect();
            let gone = self.delete(feed, &free, Rule::Days(keep))?;
            count += gone;
            if count >= BATCH {
                // Others have their turn.
                return Ok(self.now);
            }
            if gone < free.len() {
                // Something is being read: that stays for now, and what is behind it does not.
                left = self.now;
            }
            if let Some(next) = row.get(old) {
                return Ok(left.min(next.end + days(keep)));
            }
        }
        Ok(left)
    }

    fn by_space(&mut self) -> Result<Room, Error> {
        let mut lacking = 0u64;
        for want in self.wants() {
            lacking = lacking.saturating_add(self.free(&want)?);
        }
        let over = self.over();
        if let Some(over) = over {
            lacking = lacking.saturating_add(self.free(&over)?);
        }
        Ok(match lacking {
            0 => Room::Enough,
            lacking => Room::Short { lacking },
        })
    }

    /// Disks with less free than there should be.
    fn wants(&mut self) -> Vec<Want> {
        let (config, target) = (&self.shared.config, FreeTarget::of(self.shared).bytes);
        let mut disks: BTreeMap<u64, (u64, BTreeSet<u16>)> = BTreeMap::new();
        for volume in self.shared.volumes.readable().filter(|v| v.listed) {
            match volume.measure() {
                Ok(space) => {
                    let disk = disks.entry(space.device).or_default();
                    disk.0 = space.free;
                    disk.1.insert(volume.number);
                }
                Err(e) => {
                    tracing::error!(error = %e, "retention: the disk's free space is not known");
                }
            }
        }
        // What is read only, and shares a disk with what is written to, makes room as well.
        for volume in self.shared.volumes.readable().filter(|v| !v.listed) {
            let disk = volume.measure().ok().map(|space| space.device);
            if let Some(disk) = disk.and_then(|device| disks.get_mut(&device)) {
                disk.1.insert(volume.number);
            }
        }
        let mut wants = Vec::new();
        for (free, volumes) in disks.into_values() {
            // Once it begins, it goes on to the target: not a segment for a segment.
            if free < config.keep_free.0 {
                self.urgent |= free < config.keep_free.0 / 2;
                wants.push(Want {
                    bytes: target.0 - free,
                    rule: Rule::KeepFree(config.keep_free.0),
                    volumes,
                });
            }
        }
        // Which are the oldest is not known before the index is whole: only a disk that is nearly full cannot wait for it.
        if self.shared.rebuilding().is_some() && !self.urgent {
            wants.clear();
        }
        wants
    }

    /// What all recordings are too much.
    fn over(&self) -> Option<Want> {
        let max = self.shared.config.max_bytes?;
        let bytes = self.shared.segments.used().0.saturating_sub(max.0);
        if bytes == 0 || self.shared.rebuilding().is_some() {
            return None;
        }
        let readable = self.shared.volumes.readable();
        Some(Want {
            bytes,
            rule: Rule::MaxBytes(max.0),
            volumes: readable.map(|v| v.number).collect(),
        })
    }

    /// Deletes the oldest of these volumes until there is room; gives what cannot be freed.
    fn free(&mut self, want: &Want) -> Result<u64, Error> {
        let (mut to_free, rule) = (want.bytes, want.rule);
        let (mut count, mut in_use) = (0, false);
        for week in self.shared.segments.weeks() {
            // Feeds by their oldest segment that may go.
            let mut heap = BinaryHeap::new();
            let mut feeds = Vec::new();
            if to_free == 0 {
                break;
            }
            for feed in self.shared.segments.feeds_of_week(week)? {
                let mut rows = Rows {
                    feed,
                    week,
                    hour: None,
                    row: VecDeque::new(),
                    ended: false,
                };
                if let Some(entry) = self.next_by_space(&mut rows, want)? {
                    heap.push(Reverse((entry.start, feeds.len(), Oldest(entry))));
                }
                feeds.push(rows);
            }
            while let Some(Reverse((_, at, Oldest(entry)))) = heap.pop() {
                if to_free == 0 || count >= SPACE_BATCH {
                    return Ok(0);
                }
                let feed = feeds[at].feed;
                if self.delete(feed, &[entry], rule)? == 0 {
                    // Being read: this feed has nothing to give just now.
                    in_use = true;
                    continue;
                }
                count += 1;
                to_free = to_free.saturating_sub(entry.bytes);
                if let Some(entry) = self.next_by_space(&mut feeds[at], want)? {
                    heap.push(Reverse((entry.start, at, Oldest(entry))));
                }
            }
        }
        Ok(if in_use { 0 } else { to_free })
    }

    /// The feed's next segment that space may take.
    fn next_by_space(&self, rows: &mut Rows, want: &Want) -> Result<Option<Entry>, Error> {
        let camera = rows.feed.camera;
        let (_, floor) = self
            .shared
            .ledger
            .keep_and_floor(camera, &self.shared.config);
        let young = self.now - days(floor);
        while let Some(entry) = rows.next(&self.shared.segments)? {
            if floor > 0 && entry.end >= young {
                return Ok(None);
            }
            if want.volumes.contains(&entry.volume)
                && !self.holds.cover(camera, entry.start, entry.end)
            {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Deletes files, then their rows: a crash in between leaves rows without files, which readers pass over and `check` finds.
    fn delete(&mut self, feed: FeedId, entries: &[Entry], rule: Rule) -> Result<usize, Error> {
        let mut gone = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = self.shared.volumes.path(feed, entry);
            // Held while the file goes, so that no playback begins to read it in between.
            let removed = self
                .shared
                .pins
                .unless_pinned(&path, || self.shared.files.remove(&path));
            match removed {
                None => continue,
                Some(Err(e)) => {
                    tracing::error!(error = %e, "retention: a segment is not deleted");
                    if let Some(volume) = self.shared.volumes.get(entry.volume) {
                        self.shared.volumes.failed(volume, &e);
                    }
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
        match self.urgent {
            true => self.shared.segments.remove(feed, &gone)?,
            false => self.shared.segments.prune(feed, &gone)?,
        }
        Ok(gone.len())
    }
}

/// In the heap, but no part of its order.
#[derive(Clone, Copy, Debug)]
struct Oldest(Entry);

impl PartialEq for Oldest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Oldest {}
impl PartialOrd for Oldest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Oldest {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

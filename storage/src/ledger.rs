//! What no media file says about recordings: why there is a gap, how long a camera is kept, what is held, what was planned, how
//! complete a day was. A journal, held in memory.

mod numbers;
mod state;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use media::{ByteCount, CameraId, FeedId, Profile, WallTime};

pub(crate) use self::numbers::read_anew;
use self::state::{Entry, State};
use crate::{
    DataDir, Error,
    archive::Config,
    completeness::Day,
    hold::{self, Extension, Hold, Holds, NewHold, Release},
    journal::{self, Journal, Options},
    plan::Plan,
    retention,
    timeline::Gap,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    journal: Journal<Entry>,
    state: Mutex<State>,
    /// Held shared by whoever appends and applies, alone by who snapshots: no record is in the journal and not yet in the state.
    appending: tokio::sync::RwLock<()>,
    /// Records in the journal, those that later ones replace included.
    records: AtomicU64,
    /// See [`Ledger::rules`].
    rules: AtomicU64,
    next_hold: AtomicU64,
}

/// Days that a camera's days are told of, whatever is kept of its recordings.
const KEEP_DAYS: u32 = 400;

/// Every hold that a data directory's journal tells of, without opening it for writing.
pub(crate) fn read_holds(data: &DataDir) -> Result<Vec<Hold>, Error> {
    let path = data.journal("recordings");
    let mut holds = BTreeMap::new();
    if path.exists() {
        journal::read::<Entry>(&path, |record| {
            if let Entry::Hold(hold) = record.body {
                holds.insert(hold.id, hold);
            }
        })?;
    }
    Ok(holds.into_values().collect())
}

impl Ledger {
    /// Blocking.
    pub(crate) fn open(data: &DataDir) -> Result<Self, Error> {
        let mut state = State::default();
        let journal =
            journal::open_with(data.journal("recordings"), Options::default(), |record| {
                state.sequence = record.sequence;
                state.apply(record.body);
            })?;
        Ok(Self {
            records: AtomicU64::new(journal.report().records),
            rules: AtomicU64::new(0),
            next_hold: AtomicU64::new(state.holds.last_key_value().map_or(1, |(id, _)| id + 1)),
            journal,
            appending: tokio::sync::RwLock::default(),
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(&self, entry: Entry) -> Result<(), Error> {
        let _appending = self.appending.read().await;
        let sequence = self
            .journal
            .append(WallTime::now(), entry.kind(), entry.clone())
            .await?;
        self.records.fetch_add(1, Ordering::Relaxed);
        let mut state = self.lock();
        state.apply(entry);
        state.sequence = state.sequence.max(sequence);
        Ok(())
    }

    /// Notes a gap; the same feed and start again replaces it.
    pub(crate) async fn gap(&self, feed: FeedId, gap: Gap) -> Result<(), Error> {
        let FeedId { camera, profile } = feed;
        let Gap { start, end, reason } = gap;
        self.put(Entry::Gap {
            camera,
            profile,
            start,
            end,
            reason,
        })
        .await
    }

    /// Sets a camera's days to keep; nothing is written where they are those already.
    pub(crate) async fn keep(&self, camera: CameraId, days: u32) -> Result<(), Error> {
        if self.days(camera) == Some(days) {
            return Ok(());
        }
        self.put(Entry::Keep { camera, days }).await?;
        self.rules.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Sets the days that a camera's recordings are kept whatever the disk's room.
    pub(crate) async fn floor(&self, camera: CameraId, days: u32) -> Result<(), Error> {
        if self.lock().floor.get(&camera) == Some(&days) {
            return Ok(());
        }
        self.put(Entry::Floor { camera, days }).await?;
        self.rules.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Sets what is to be free of a disk once the oldest has begun to go; none gives it back to the configuration.
    pub(crate) async fn set_free_target(&self, bytes: Option<ByteCount>) -> Result<(), Error> {
        if self.free_target() == bytes {
            return Ok(());
        }
        self.put(Entry::FreeTarget { bytes }).await
    }

    /// What was set of it.
    pub(crate) fn free_target(&self) -> Option<ByteCount> {
        self.lock().free_target
    }

    /// Changes whenever it may be that something is deleted earlier than was said before.
    pub(crate) fn rules(&self) -> u64 {
        self.rules.load(Ordering::Relaxed)
    }

    /// Days to keep of a camera, not under its floor; and its floor.
    pub(crate) fn keep_and_floor(&self, camera: CameraId, config: &Config) -> (u32, u32) {
        let state = self.lock();
        let of = |map: &HashMap<CameraId, u32>| map.get(&camera).copied();
        let floor = of(&state.floor).unwrap_or(config.floor_days);
        (
            of(&state.keep).unwrap_or(config.keep_days).max(floor),
            floor,
        )
    }

    /// Days after which nothing is deleted for its age of any camera.
    pub(crate) fn shortest_keep(&self, config: &Config) -> u32 {
        let shortest = self.lock().keep.values().min().copied();
        shortest.unwrap_or(u32::MAX).min(config.keep_days)
    }

    /// Places a hold.
    pub(crate) async fn hold(&self, of: NewHold) -> Result<Hold, Error> {
        let placed = WallTime::now();
        of.check(placed)?;
        let hold = Hold {
            id: self.next_hold.fetch_add(1, Ordering::Relaxed),
            of,
            placed,
            released: None,
            extended: Vec::new(),
        };
        self.put(Entry::Hold(hold.clone())).await?;
        Ok(hold)
    }

    /// Takes a hold back; none where there is no such hold, as it is where it has ended already.
    pub(crate) async fn release(
        &self,
        id: u64,
        who: String,
        why: String,
    ) -> Result<Option<Hold>, Error> {
        hold::check_words(&who, &why)?;
        let at = WallTime::now();
        let Some(mut hold) = self.lock().holds.get(&id).cloned() else {
            return Ok(None);
        };
        if hold.is_active(at) {
            hold.released = Some(Release { at, who, why });
            self.put(Entry::Hold(hold.clone())).await?;
            self.rules.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Some(hold))
    }

    /// Makes a hold last longer, for ever without `until`; none where there is no such hold. Never shorter: that is a release.
    pub(crate) async fn extend(
        &self,
        id: u64,
        until: Option<WallTime>,
        who: String,
        why: String,
    ) -> Result<Option<Hold>, Error> {
        hold::check_words(&who, &why)?;
        let bad = |why: String| {
            Err(Error::Value {
                what: "a hold",
                why,
            })
        };
        let at = WallTime::now();
        let Some(mut hold) = self.lock().holds.get(&id).cloned() else {
            return Ok(None);
        };
        if !hold.is_active(at) {
            return bad(format!("hold {id} is over"));
        }
        let Some(was) = hold.of.until else {
            return bad(format!("hold {id} has no end"));
        };
        if let Some(until) = until.filter(|until| *until <= was) {
            return bad(format!("it ends at {was}, {until} is not later"));
        }
        if hold.extended.len() >= hold::MAX_EXTENSIONS {
            return bad(format!("{} extensions are enough", hold::MAX_EXTENSIONS));
        }
        hold.extended.push(Extension { at, who, why, was });
        hold.of.until = until;
        self.put(Entry::Hold(hold.clone())).await?;
        Ok(Some(hold))
    }

    /// Every hold there is or was, the newest first.
    pub(crate) fn all_holds(&self) -> Vec<Hold> {
        self.lock().holds.values().rev().cloned().collect()
    }

    /// What is held at a moment.
    pub(crate) fn holds(&self, at: WallTime) -> Holds {
        Holds::new(self.lock().holds.values().filter(|h| h.is_active(at)))
    }

    /// Notes that the gateway did not run.
    pub(crate) async fn down(&self, start: WallTime, end: WallTime) -> Result<(), Error> {
        self.put(Entry::Down { start, end }).await
    }

    /// When the gateway did not run, as far as it overlaps `from..to`.
    pub(crate) fn downs(&self, from: WallTime, to: WallTime) -> Vec<(WallTime, WallTime)> {
        let state = self.lock();
        let downs = state.down.range(..to);
        downs
            .filter(|(_, end)| **end > from)
            .map(|(start, end)| (*start, *end))
            .collect()
    }

    /// Says what is to be recorded of a camera from a moment on.
    pub(crate) async fn plan(
        &self,
        camera: CameraId,
        from: WallTime,
        plan: Plan,
    ) -> Result<(), Error> {
        if self.plan_at(camera, from).as_ref() == Some(&plan) {
            return Ok(());
        }
        self.put(Entry::Plan { camera, from, plan }).await
    }

    /// The plan of a camera at a moment.
    pub(crate) fn plan_at(&self, camera: CameraId, at: WallTime) -> Option<Plan> {
        let state = self.lock();
        let (_, plan) = state.plans.get(&camera)?.range(..=at).next_back()?;
        Some(plan.clone())
    }

    /// Plans of a camera that hold somewhere in `from..to`, each from when.
    pub(crate) fn plans(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Vec<(WallTime, Plan)> {
        let state = self.lock();
        let Some(plans) = state.plans.get(&camera) else {
            return Vec::new();
        };
        let before = plans.range(..from).next_back();
        before
            .into_iter()
            .chain(plans.range(from..to))
            .map(|(from, plan)| (*from, plan.clone()))
            .collect()
    }

    /// Cameras that a plan was ever made for.
    pub(crate) fn planned(&self) -> Vec<CameraId> {
        self.lock().plans.keys().copied().collect()
    }

    /// Notes a day that is over.
    pub(crate) async fn day(&self, camera: CameraId, day: Day) -> Result<(), Error> {
        self.put(Entry::Day { camera, day }).await
    }

    /// A day that was noted.
    pub(crate) fn day_of(&self, camera: CameraId, start: WallTime) -> Option<Day> {
        self.lock().days.get(&camera)?.get(&start).cloned()
    }

    /// The first number of a feed's segments that was surely never given.
    pub(crate) fn unused(&self, feed: FeedId) -> u64 {
        self.lock().numbers.unused(feed)
    }

    /// Up to where numbers of a feed are to be set aside, where `next` is near the end of those that are.
    pub(crate) fn wants_numbers(&self, feed: FeedId, next: u64) -> Option<u64> {
        self.lock().numbers.wanted(feed, next)
    }

    /// Sets a feed's numbers under this aside.
    pub(crate) async fn set_aside(&self, feed: FeedId, below: u64) -> Result<(), Error> {
        let FeedId { camera, profile } = feed;
        self.put(Entry::Numbers {
            camera,
            profile,
            below,
        })
        .await
    }

    /// Notes that a feed's chain begins anew with this number.
    pub(crate) async fn begins_anew(&self, feed: FeedId, sequence: u64) -> Result<(), Error> {
        let FeedId { camera, profile } = feed;
        self.put(Entry::Anew {
            camera,
            profile,
            sequence,
        })
        .await
    }

    /// A camera's days to keep, if it has its own.
    pub(crate) fn days(&self, camera: CameraId) -> Option<u32> {
        self.lock().keep.get(&camera).copied()
    }

    /// Gaps of a camera that overlap `from..to`, in order of start.
    pub(crate) fn gaps(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Vec<(Profile, Gap)> {
        let state = self.lock();
        let Some(gaps) = state.gaps.get(&camera) else {
            return Vec::new();
        };
        gaps.range(..(to, Profile::Main))
            .filter(|(_, (end, _))| *end > from)
            .map(|((start, profile), (end, reason))| {
                let gap = Gap {
                    start: *start,
                    end: *end,
                    reason: reason.clone(),
                };
                (*profile, gap)
            })
            .collect()
    }

    /// Forgets gaps that ended before what `keep_from` says for their camera, and makes the journal short again when most of it
    /// is out of date.
    pub(crate) async fn prune(
        &self,
        keep_from: impl Fn(CameraId) -> WallTime,
    ) -> Result<(), Error> {
        let _alone = self.appending.write().await;
        // Asked without the lock: `keep_from` may well look into this ledger.
        let cameras: Vec<CameraId> = self.lock().gaps.keys().copied().collect();
        let keep_from: HashMap<CameraId, WallTime> =
            cameras.into_iter().map(|c| (c, keep_from(c))).collect();
        let (through, entries) = {
            let mut state = self.lock();
            state.gaps.retain(|camera, gaps| {
                let Some(&from) = keep_from.get(camera) else {
                    return true;
                };
                gaps.retain(|_, (end, _)| *end >= from);
                !gaps.is_empty()
            });
            // What is told of days long gone, and of when the gateway did not run then.
            let old = WallTime::now() - retention::days(KEEP_DAYS);
            state.down.retain(|_, end| *end >= old);
            for days in state.days.values_mut() {
                days.retain(|start, _| *start >= old);
            }
            state.days.retain(|_, days| !days.is_empty());
            let live = state.len();
            let records = self.records.load(Ordering::Relaxed);
            if records < 1000 + 2 * live as u64 {
                return Ok(());
            }
            (state.sequence, state.entries())
        };
        let live = entries.len() as u64;
        let entries = entries
            .into_iter()
            .map(|e| (WallTime::now(), e.kind().to_owned(), e));
        self.journal.snapshot(through, entries.collect()).await?;
        self.records.store(live, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{Reason, ReasonCode};

    #[tokio::test]
    async fn gaps_and_days_survive_opening_and_pruning() {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(dir.path()).unwrap();
        let camera: CameraId = "44140301001320000001".parse().unwrap();
        let feed = FeedId {
            camera,
            profile: Profile::Main,
        };
        let gap = |start, end| Gap {
            start: WallTime::from_secs(start),
            end: WallTime::from_secs(end),
            reason: Reason::new(ReasonCode::Cut, "the camera went away"),
        };
        let ledger = Ledger::open(&data).unwrap();
        ledger.keep(camera, 90).await.unwrap();
        let target = Some(ByteCount::mebibytes(500));
        ledger.set_free_target(target).await.unwrap();
        for end in 0..1500 {
            ledger.gap(feed, gap(100, 100 + end)).await.unwrap();
        }
        ledger.gap(feed, gap(5000, 5010)).await.unwrap();
        let all = |l: &Ledger| {
            l.gaps(camera, WallTime(0), WallTime::from_secs(9999))
                .into_iter()
                .map(|g| g.1)
                .collect::<Vec<_>>()
        };
        assert_eq!(all(&ledger), [gap(100, 1599), gap(5000, 5010)]);
        assert_eq!(
            ledger.gaps(camera, WallTime::from_secs(2000), WallTime::from_secs(5000)),
            []
        );
        let long = std::fs::metadata(data.journal("recordings")).unwrap().len();
        // What to keep is asked of the ledger itself, as the archive does.
        let days = |c| ledger.days(c).map_or(0, |d| i64::from(d) * 22 + 20);
        ledger
            .prune(|c| WallTime::from_secs(days(c)))
            .await
            .unwrap();
        assert!(std::fs::metadata(data.journal("recordings")).unwrap().len() < long / 100);
        ledger.gap(feed, gap(6000, 6010)).await.unwrap();
        drop(ledger);
        let ledger = Ledger::open(&data).unwrap();
        assert_eq!(all(&ledger), [gap(5000, 5010), gap(6000, 6010)]);
        assert_eq!(ledger.days(camera), Some(90));
        assert_eq!(ledger.free_target(), target);
        ledger.set_free_target(None).await.unwrap();
        drop(ledger);
        assert_eq!(Ledger::open(&data).unwrap().free_target(), None);
    }
}

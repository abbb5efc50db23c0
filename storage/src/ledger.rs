//! What no media file says about recordings: why there is a gap, and how long a camera is kept. A journal, held in memory.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use media::{CameraId, FeedId, Profile, Reason, WallTime};
use serde::{Deserialize, Serialize};

use crate::{
    DataDir, Error,
    journal::{self, Journal, Options},
    timeline::Gap,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Entry {
    /// Nothing was recorded of a feed; the same start again says a later end.
    Gap {
        camera: CameraId,
        profile: Profile,
        start: WallTime,
        end: WallTime,
        reason: Reason,
    },
    /// Days to keep of a camera.
    Keep { camera: CameraId, days: u32 },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    journal: Journal<Entry>,
    state: Mutex<State>,
    /// Held shared by whoever appends and applies, alone by who snapshots: no record is in the journal and not yet in the state.
    appending: tokio::sync::RwLock<()>,
    /// Records in the journal, those that later ones replace included.
    records: AtomicU64,
}

/// From start to end and reason.
type Gaps = BTreeMap<(WallTime, Profile), (WallTime, Reason)>;

#[derive(Debug, Default)]
struct State {
    gaps: HashMap<CameraId, Gaps>,
    keep: HashMap<CameraId, u32>,
    /// Of the newest record that is in the state.
    sequence: u64,
}

impl State {
    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Gap {
                camera,
                profile,
                start,
                end,
                reason,
            } => {
                self.gaps
                    .entry(camera)
                    .or_default()
                    .insert((start, profile), (end, reason));
            }
            Entry::Keep { camera, days } => {
                self.keep.insert(camera, days);
            }
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let gaps = self.gaps.iter().flat_map(|(camera, gaps)| {
            gaps.iter()
                .map(|((start, profile), (end, reason))| Entry::Gap {
                    camera: *camera,
                    profile: *profile,
                    start: *start,
                    end: *end,
                    reason: reason.clone(),
                })
        });
        let keep = self.keep.iter().map(|(camera, days)| Entry::Keep {
            camera: *camera,
            days: *days,
        });
        keep.chain(gaps).collect()
    }
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
            journal,
            appending: tokio::sync::RwLock::default(),
            state: Mutex::new(state),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(&self, kind: &str, entry: Entry) -> Result<(), Error> {
        let _appending = self.appending.read().await;
        let sequence = self
            .journal
            .append(WallTime::now(), kind, entry.clone())
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
        self.put(
            "gap",
            Entry::Gap {
                camera,
                profile,
                start,
                end,
                reason,
            },
        )
        .await
    }

    /// Sets a camera's days to keep; nothing is written where they are those already.
    pub(crate) async fn keep(&self, camera: CameraId, days: u32) -> Result<(), Error> {
        if self.days(camera) == Some(days) {
            return Ok(());
        }
        self.put("keep", Entry::Keep { camera, days }).await
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
            let live = state.gaps.values().map(BTreeMap::len).sum::<usize>() + state.keep.len();
            let records = self.records.load(Ordering::Relaxed);
            if records < 1000 + 2 * live as u64 {
                return Ok(());
            }
            (state.sequence, state.entries())
        };
        let live = entries.len() as u64;
        let entries = entries.into_iter().map(|e| {
            let kind = if matches!(e, Entry::Keep { .. }) {
                "keep"
            } else {
                "gap"
            };
            (WallTime::now(), kind.to_owned(), e)
        });
        self.journal.snapshot(through, entries.collect()).await?;
        self.records.store(live, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::ReasonCode;

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
    }
}

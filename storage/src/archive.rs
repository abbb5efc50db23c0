//! The archive: records feeds, and answers for what was recorded.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use media::{ByteCount, CameraId, FeedId, Lease, Profile, Reason, Tracks, WallTime};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, Semaphore, broadcast},
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    AlarmKind, DataDir, Error,
    alarm::RecorderAlarm,
    events::blocking,
    files::Files,
    index::{Entry, Segments},
    ledger::Ledger,
    playback::{self, Pins, Plans, Playback},
    pool::Pool,
    recorder::{self, Recorder},
    recover,
    retention::{self, Deleted},
    timeline::{self, Gap, Timeline},
};

/// How recordings are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A segment is cut at the first key frame after this many seconds.
    pub segment_seconds: u32,
    /// Days to keep, where a camera has no number of its own.
    pub keep_days: u32,
    /// The oldest recordings go when the disk has less than this free, bytes.
    pub keep_free: ByteCount,
    /// The oldest recordings go when they are more than this, bytes; no limit if absent.
    pub max_bytes: Option<ByteCount>,
    /// What all recorders together may hold in memory before the disk has it, bytes.
    pub recorder_budget: ByteCount,
    /// Threads that write.
    pub disk_threads: usize,
    /// Cache of the index, bytes.
    pub index_cache: ByteCount,
    /// Seconds between two looks at what retention says.
    pub sweep_seconds: u32,
    /// The longest range one playback may have, seconds.
    pub playback_limit_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_seconds: 60,
            keep_days: 30,
            keep_free: ByteCount::mebibytes(2 * 1024),
            max_bytes: None,
            recorder_budget: ByteCount::mebibytes(256),
            disk_threads: 4,
            index_cache: ByteCount::mebibytes(64),
            sweep_seconds: 60,
            playback_limit_seconds: 24 * 3600,
        }
    }
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Bytes of all segments.
    pub used: ByteCount,
    /// Bytes free on the disk that holds them; zero where the disk does not tell.
    pub free: ByteCount,
}

/// Handle of the archive; clones are of the same one. The last one dropped stops every recorder, without waiting for it.
#[derive(Clone)]
pub struct Archive(Arc<Handle>);

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Archive({})", self.0.shared.recordings.display())
    }
}

struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// What recorders, the sweeper and readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Holds the lock for as long as anything here runs.
    _data: Arc<DataDir>,
    pub(crate) config: Config,
    pub(crate) recordings: PathBuf,
    pub(crate) files: Files,
    /// Stands in every segment's head.
    pub(crate) writer: u64,
    pub(crate) segments: Segments,
    pub(crate) ledger: Ledger,
    pub(crate) pool: Pool,
    /// In KiB: what recorders may hold.
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) budget_kib: usize,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// Retention is wanted before its time: the disk is full.
    pub(crate) sweep_soon: Notify,
    pub(crate) pins: Pins,
    plans: Plans,
    live: Mutex<HashMap<FeedId, Live>>,
    notes: Mutex<HashMap<FeedId, Notes>>,
    alarms: broadcast::Sender<RecorderAlarm>,
    deletions: broadcast::Sender<Arc<Vec<Deleted>>>,
    sweeping: tokio::sync::Mutex<()>,
}

/// What only memory knows of a feed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// The segment being written, as far as it is in its file.
    pub(crate) head: Option<Head>,
    /// Nothing is recorded since, and why.
    pub(crate) waiting: Option<(WallTime, Reason)>,
    /// How many record it.
    pub(crate) recorders: u32,
}

/// Gaps of a feed on their way to the ledger.
#[derive(Debug, Default)]
struct Notes {
    list: VecDeque<Gap>,
    /// A task takes them out.
    writing: bool,
}

/// A segment being written.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// Its `bytes` are those that are whole.
    pub(crate) entry: Entry,
    pub(crate) path: PathBuf,
}

/// Alarms and deletions that a late receiver may lag behind.
const CHANNEL: usize = 1024;

impl Shared {
    /// Looks at, or changes, what memory knows of a feed.
    pub(crate) fn live<T>(&self, feed: FeedId, change: impl FnOnce(&mut Live) -> T) -> T {
        let mut all = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let live = all.entry(feed).or_default();
        let answer = change(live);
        if live.recorders == 0 && live.head.is_none() && live.waiting.is_none() {
            all.remove(&feed);
        }
        answer
    }

    /// What memory knows of a feed.
    pub(crate) fn live_now(&self, feed: FeedId) -> Live {
        let all = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&feed).cloned().unwrap_or_default()
    }

    pub(crate) fn alarm(&self, feed: FeedId, kind: AlarmKind) {
        let alarm = RecorderAlarm {
            feed,
            at: WallTime::now(),
            kind,
        };
        // Nobody listening is no error: the state says it too.
        let _ = self.alarms.send(alarm);
    }

    /// Notes a gap in the ledger, behind the caller's back, in the order of the calls for a feed: a later note of the same
    /// gap replaces the one before.
    pub(crate) fn note(self: &Arc<Self>, feed: FeedId, gap: Gap) {
        let writing = {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = notes.entry(feed).or_default();
            // The newest note of a gap is all that is wanted of it: so what waits is bounded by what is different.
            match waiting.list.iter_mut().find(|g| g.start == gap.start) {
                Some(same) => *same = gap,
                None => waiting.list.push_back(gap),
            }
            std::mem::replace(&mut waiting.writing, true)
        };
        if writing {
            return;
        }
        let shared = Arc::clone(self);
        self.tasks.spawn(async move {
            while let Some(gap) = shared.next_note(feed) {
                if let Err(e) = shared.ledger.gap(feed, gap).await {
                    tracing::error!(%feed, error = %e, "recorder: a gap's reason is not kept");
                }
            }
        });
    }

    fn next_note(&self, feed: FeedId) -> Option<Gap> {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let next = notes.get_mut(&feed).and_then(|w| w.list.pop_front());
        if next.is_none() {
            notes.remove(&feed);
        }
        next
    }

    /// Feeds of a camera, the main one first.
    fn feeds(camera: CameraId) -> [FeedId; 2] {
        Profile::ALL.map(|profile| FeedId { camera, profile })
    }

    fn usage(&self) -> Usage {
        let free = rustix::fs::statvfs(&self.recordings)
            .map(|v| v.f_bavail.saturating_mul(v.f_frsize))
            .inspect_err(|e| tracing::error!(path = %self.recordings.display(), error = %e, "the disk's free space is not known"))
            .unwrap_or(0);
        Usage {
            used: self.segments.used(),
            free: ByteCount(free),
        }
    }

    async fn sweep(self: &Arc<Self>) -> Vec<Deleted> {
        let _alone = self.sweeping.lock().await;
        self.plans.expire();
        let shared = Arc::clone(self);
        let deleted =
            blocking(move || Ok(retention::sweep(&shared, WallTime::now(), shared.usage()))).await;
        let now = WallTime::now();
        let days = |camera| self.ledger.days(camera).unwrap_or(self.config.keep_days);
        if let Err(e) = self
            .ledger
            .prune(|camera| now - retention::days(days(camera)))
            .await
        {
            tracing::error!(error = %e, "recordings' journal: not made shorter");
        }
        deleted.unwrap_or_default()
    }
}

impl Archive {
    /// Opens the recordings of a data directory: takes in what a crash left unindexed, rebuilds the index where it does not
    /// open. Blocking, and to be called within a tokio runtime (the timer of retention runs on it).
    ///
    /// # Errors
    /// Where the disk refuses. A damaged index or segment is no error: it is put right and logged.
    pub fn open(data: &Arc<DataDir>, config: Config) -> Result<Self, Error> {
        Self::open_on(data, config, Files::default())
    }

    /// As [`Archive::open`], on a file system that may have faults.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn open_on(data: &Arc<DataDir>, config: Config, files: Files) -> Result<Self, Error> {
        let recordings = data.recordings();
        let segments = Segments::open(&data.index().join("recordings"), config.index_cache)?;
        let ledger = Ledger::open(data)?;
        recover::take_in(&recordings, &segments)?;
        let pool = Pool::start(config.disk_threads)
            .map_err(|e| Error::io("start threads for", &recordings, e))?;
        let budget_kib =
            ((config.recorder_budget.0 / 1024) as usize).clamp(1024, u32::MAX as usize);
        let shared = Arc::new(Shared {
            _data: Arc::clone(data),
            writer: data.id() as u64,
            recordings,
            files,
            segments,
            ledger,
            pool,
            budget: Arc::new(Semaphore::new(budget_kib)),
            budget_kib,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            sweep_soon: Notify::new(),
            pins: Pins::default(),
            plans: Plans::default(),
            live: Mutex::default(),
            notes: Mutex::default(),
            alarms: broadcast::Sender::new(CHANNEL),
            deletions: broadcast::Sender::new(CHANNEL),
            sweeping: tokio::sync::Mutex::default(),
            config,
        });
        shared.tasks.spawn(sweeper(Arc::clone(&shared)));
        Ok(Self(Arc::new(Handle { shared })))
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Records a feed until the handle is stopped or dropped. Within a tokio runtime. One recorder a feed: a second one of the
    /// same feed writes segments of its own and is a mistake.
    pub fn record(&self, lease: Lease, keep_days: u32) -> Recorder {
        let (camera, shared) = (lease.feed.id.camera, Arc::clone(self.shared()));
        self.shared().tasks.spawn(async move {
            if let Err(e) = shared.ledger.keep(camera, keep_days).await {
                tracing::error!(%camera, error = %e, "recorder: the days to keep are not kept");
            }
        });
        recorder::start(self.shared(), lease)
    }

    /// Sets a camera's days to keep, also while nothing is recorded. Kept in the journal.
    ///
    /// # Errors
    /// The disk's.
    pub async fn keep(&self, camera: CameraId, days: u32) -> Result<(), Error> {
        self.shared().ledger.keep(camera, days).await
    }

    /// What recorders say aloud. A receiver that lags loses the oldest.
    pub fn alarms(&self) -> broadcast::Receiver<RecorderAlarm> {
        self.shared().alarms.subscribe()
    }

    /// What retention's own timer deletes, a batch each (for the audit log).
    pub fn deletions(&self) -> broadcast::Receiver<Arc<Vec<Deleted>>> {
        self.shared().deletions.subscribe()
    }

    /// What was recorded of a camera between two moments, and why not.
    ///
    /// # Errors
    /// The index's.
    pub async fn timeline(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Timeline, Error> {
        let shared = Arc::clone(self.shared());
        blocking(move || {
            let now = WallTime::now();
            let gaps = shared.ledger.gaps(camera, from, to);
            let mut feeds = Vec::new();
            for feed in Shared::feeds(camera) {
                let live = shared.live_now(feed);
                let mut entries = shared.segments.range(feed, from, to)?;
                // Sealed in between, it is in the index by now and not twice.
                entries.extend(live.head.as_ref().map(|head| head.entry).filter(|head| {
                    head.start < to
                        && head.end > from
                        && entries.iter().all(|e| e.sequence != head.sequence)
                }));
                feeds.push(timeline::Recorded {
                    profile: feed.profile,
                    entries,
                    waiting: live.waiting,
                    recording: live.recorders > 0,
                });
            }
            Ok(timeline::draw(from, to, now, &feeds, gaps))
        })
        .await
    }

    /// The range as one MP4; none where nothing of it is recorded. The same range gives the same bytes for as long as the
    /// segments are there; one that reaches into the present is held still for two minutes after its last use.
    ///
    /// The main stream is taken where any of the range has it, else the sub stream.
    ///
    /// # Errors
    /// [`Error::Range`] where it is empty or too long; the disk's.
    pub async fn playback(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Option<Playback>, Error> {
        let limit = Duration::from_secs(self.shared().config.playback_limit_seconds.into());
        let asked = to.since(from);
        if asked.is_zero() || asked > limit {
            return Err(Error::Range { asked, limit });
        }
        let shared = Arc::clone(self.shared());
        blocking(move || {
            if let Some(playback) = shared.plans.get(camera, from, to) {
                return Ok(Some(playback));
            }
            for feed in Shared::feeds(camera) {
                if let Some(playback) = playback::plan(&shared, feed, from, to)? {
                    shared.plans.put(camera, from, to, &playback);
                    return Ok(Some(playback));
                }
            }
            Ok(None)
        })
        .await
    }

    /// The newest key frame at or before `at`, with its tracks and its wall time; the main stream's where that has one no older
    /// than the sub stream's by more than a minute.
    ///
    /// # Errors
    /// The disk's.
    pub async fn frame_at(
        &self,
        camera: CameraId,
        at: WallTime,
    ) -> Result<Option<(Arc<Tracks>, WallTime, Bytes)>, Error> {
        let shared = Arc::clone(self.shared());
        blocking(move || {
            let mut best: Option<(Arc<Tracks>, WallTime, Bytes)> = None;
            for feed in Shared::feeds(camera) {
                if let Some(found) = playback::frame_at(&shared, feed, at)?
                    && best
                        .as_ref()
                        .is_none_or(|b| found.1.since(b.1) > Duration::from_secs(60))
                {
                    best = Some(found);
                }
            }
            Ok(best)
        })
        .await
    }

    /// The oldest moment recorded of a camera.
    pub async fn oldest(&self, camera: CameraId) -> Option<WallTime> {
        let shared = Arc::clone(self.shared());
        let found = blocking(move || {
            let mut oldest = None;
            for feed in Shared::feeds(camera) {
                let first = shared.segments.oldest(feed)?.first().map(|e| e.start);
                let head = shared.live_now(feed).head.map(|head| head.entry.start);
                oldest = [oldest, first, head].into_iter().flatten().min();
            }
            Ok(oldest)
        });
        found.await.unwrap_or_else(|e| {
            tracing::error!(%camera, error = %e, "index: cannot be asked for the oldest segment");
            None
        })
    }

    /// How full it is. One system call.
    pub fn usage(&self) -> Usage {
        self.shared().usage()
    }

    /// Deletes what retention says, now, and tells what. Not told on [`Archive::deletions`].
    pub async fn sweep(&self) -> Vec<Deleted> {
        self.shared().sweep().await
    }

    /// Stops every recorder, seals what is open, flushes the index. Bounded: what a hanging disk has not taken in `deadline`
    /// is left to the next start.
    pub async fn shutdown(&self, deadline: Duration) {
        let shared = Arc::clone(self.shared());
        shared.stop.cancel();
        shared.tasks.close();
        if tokio::time::timeout(deadline, shared.tasks.wait())
            .await
            .is_err()
        {
            tracing::error!(
                seconds = deadline.as_secs(),
                "recordings: not all were sealed in time; the next start does it"
            );
        }
        let flushed = blocking(move || shared.segments.flush()).await;
        if let Err(e) = flushed {
            tracing::error!(error = %e, "index: not flushed; the next start reads the newest files");
        }
    }
}

/// Runs retention by its timer, and when a disk is full.
async fn sweeper(shared: Arc<Shared>) {
    let period = Duration::from_secs(shared.config.sweep_seconds.max(1).into());
    // The first look comes after one period: recorders have said by then how long their cameras are kept.
    let mut timer = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stop = shared.stop.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timer.tick() => {}
            () = shared.sweep_soon.notified() => {}
        }
        let deleted = shared.sweep().await;
        if !deleted.is_empty() {
            // Nobody listening is no error.
            let _ = shared.deletions.send(Arc::new(deleted));
        }
    }
}

//! The archive: records feeds, and answers for what was recorded.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use media::{ByteCount, CameraId, FeedId, Lease, Profile, Reason, ReasonCode, Tracks, WallTime};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, Semaphore, broadcast, watch},
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    AlarmKind, DataDir, Error,
    alarm::{RecorderAlarm, VolumeAlarm},
    claims::Claims,
    completeness::{self, Day},
    events::blocking,
    files::Files,
    hold::{Hold, NewHold},
    index::{Entry, Segments},
    ledger::Ledger,
    plan::Plan,
    playback::{self, Hls, Pins, Plans, Playback},
    recorder::{self, Recorder},
    recover::{self, Progress, Rebuild},
    retention::{self, Deleted, Due, Room},
    signature::Signer,
    timeline::{self, Gap, Timeline},
    volume::{self, Policy, VolumeStatus, Volumes},
};

/// How recordings are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// A segment is cut at the first key frame after this many seconds.
    pub segment_seconds: u32,
    /// Days to keep, where a camera has no number of its own.
    pub keep_days: u32,
    /// Directories that recordings are put in, each on a disk of its own; the data directory's own if there are none. That one
    /// is written to as well only where it is listed; it is always read.
    pub volumes: Vec<PathBuf>,
    /// Which recording goes where.
    pub policy: Policy,
    /// The oldest recordings of a disk go when it has less than this free, bytes.
    pub keep_free: ByteCount,
    /// Once they go for want of room, they go until the disk has this free, bytes; `keep_free` if absent.
    pub free_target: Option<ByteCount>,
    /// Days that no want of room takes away, where a camera has no number of its own. What cannot be freed for it is said on
    /// [`Archive::room`].
    pub floor_days: u32,
    /// The oldest recordings go when they are more than this, bytes; no limit if absent.
    pub max_bytes: Option<ByteCount>,
    /// What all recorders together may hold in memory before the disk has it, bytes.
    pub recorder_budget: ByteCount,
    /// Threads that write to a volume.
    pub disk_threads: usize,
    /// Cache of the index, bytes.
    pub index_cache: ByteCount,
    /// Seconds between two looks at what retention says.
    pub sweep_seconds: u32,
    /// The longest range one playback may have, seconds.
    pub playback_limit_seconds: u32,
    /// The local clock's lead over UTC, minutes: where days begin, for plans and completeness.
    pub utc_offset_minutes: i32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            segment_seconds: 60,
            keep_days: 30,
            volumes: Vec::new(),
            policy: Policy::Spread,
            keep_free: ByteCount::mebibytes(2 * 1024),
            free_target: None,
            floor_days: 0,
            max_bytes: None,
            recorder_budget: ByteCount::mebibytes(256),
            disk_threads: 4,
            index_cache: ByteCount::mebibytes(64),
            sweep_seconds: 60,
            playback_limit_seconds: 24 * 3600,
            utc_offset_minutes: 8 * 60,
        }
    }
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Bytes of all segments.
    pub used: ByteCount,
    /// Bytes free on the disks that new ones are put on; zero where they do not tell.
    pub free: ByteCount,
}

/// Handle of the archive; clones are of the same one. The last one dropped stops every recorder, without waiting for it.
#[derive(Clone)]
pub struct Archive(Arc<Handle>);

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Archive({})",
            self.0.shared.alive.with_file_name("").display()
        )
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
    pub(crate) volumes: Volumes,
    /// Who has a segment's file in hand.
    pub(crate) claims: Claims,
    pub(crate) rebuild: Rebuild,
    pub(crate) files: Files,
    /// Stands in every segment's head.
    pub(crate) writer: u64,
    pub(crate) segments: Segments,
    pub(crate) ledger: Ledger,
    pub(crate) signer: Signer,
    /// In KiB: what recorders may hold.
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) budget_kib: usize,
    /// How many there are.
    pub(crate) recorders: AtomicUsize,
    pub(crate) tasks: TaskTracker,
    /// For threads that are none of its own.
    runtime: tokio::runtime::Handle,
    /// Recorders take turns: one that ends comes before the next of its feed.
    turns: Mutex<HashMap<FeedId, Weak<tokio::sync::Mutex<()>>>>,
    pub(crate) stop: CancellationToken,
    /// Retention is wanted before its time: the disk is full.
    pub(crate) sweep_soon: Notify,
    pub(crate) pins: Pins,
    plans: Plans,
    lists: playback::hls::Kept,
    live: Mutex<HashMap<FeedId, Live>>,
    notes: Mutex<HashMap<FeedId, Notes>>,
    alarms: broadcast::Sender<RecorderAlarm>,
    deletions: broadcast::Sender<Arc<Vec<Deleted>>>,
    room: watch::Sender<Room>,
    pub(crate) due: Due,
    /// Days before this one have been noted, by the local clock.
    noted_days: Mutex<Option<WallTime>>,
    /// Says when the gateway ran last.
    alive: PathBuf,
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
        let write = async move {
            while let Some(gap) = shared.next_note(feed) {
                if let Err(e) = shared.ledger.gap(feed, gap).await {
                    tracing::error!(%feed, error = %e, "recorder: a gap's reason is not kept");
                }
            }
        };
        self.tasks.spawn_on(write, &self.runtime);
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

    /// How far the index has been made again; none where it is whole.
    pub(crate) fn rebuilding(&self) -> Option<Progress> {
        // What was just found damaged is begun with in a moment.
        let lost = || (!self.segments.lost().is_empty()).then(Progress::default);
        self.rebuild.now().or_else(lost)
    }

    /// The turn of a feed's recorder.
    pub(crate) fn turn(&self, feed: FeedId) -> Arc<tokio::sync::Mutex<()>> {
        let mut all = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = all.get(&feed).and_then(Weak::upgrade) {
            return turn;
        }
        all.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        all.insert(feed, Arc::downgrade(&turn));
        turn
    }

    fn usage(&self) -> Usage {
        Usage {
            used: self.segments.used(),
            free: ByteCount(self.volumes.free()),
        }
    }

    async fn sweep(self: &Arc<Self>) -> Vec<Deleted> {
        let _alone = self.sweeping.lock().await;
        self.plans.expire();
        self.lists.expire();
        let shared = Arc::clone(self);
        let swept = blocking(move || {
            shared.segments.enter_waiting();
            Ok(retention::sweep(&shared, WallTime::now()))
        })
        .await;
        let (deleted, room) = swept.unwrap_or_else(|e| {
            tracing::error!(error = %e, "retention: a sweep was cut short");
            Default::default()
        });
        self.room.send_if_modified(|was| {
            let is_other = *was != room;
            if is_other && room != Room::Enough {
                tracing::error!(?room, "retention: there is not the room that is wanted, and nothing that may be deleted");
            }
            *was = room;
            is_other
        });
        let now = WallTime::now();
        let days = |camera| self.ledger.days(camera).unwrap_or(self.config.keep_days);
        if let Err(e) = self
            .ledger
            .prune(|camera| now - retention::days(days(camera)))
            .await
        {
            tracing::error!(error = %e, "recordings' journal: not made shorter");
        }
        deleted
    }

    /// What was recorded of a camera, and why not. Blocking.
    pub(crate) fn timeline(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Timeline, Error> {
        let now = WallTime::now();
        let mut gaps = self.ledger.gaps(camera, from, to);
        gaps.extend(self.ledger.downs(from, to).into_iter().map(|(start, end)| {
            let reason = Reason::new(ReasonCode::NotRecording, "the gateway was not running");
            (Profile::Main, Gap { start, end, reason })
        }));
        let mut feeds = Vec::new();
        for feed in Self::feeds(camera) {
            let live = self.live_now(feed);
            let mut entries = self.segments.range(feed, from, to)?;
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
        let unavailable = |number| self.volumes.unavailable(number);
        let mut timeline = timeline::draw(from, to, now, &feeds, gaps, unavailable);
        timeline.incomplete = self.rebuilding().is_some();
        Ok(timeline)
    }

    /// Notes the days that are over, once a day.
    pub(crate) async fn note_days(self: &Arc<Self>, now: WallTime) {
        let today = crate::plan::midnight(now, self.config.utc_offset_minutes);
        if *self
            .noted_days
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            == Some(today)
        {
            return;
        }
        let shared = Arc::clone(self);
        let noted = async {
            let days = blocking(move || completeness::over(&shared, now)).await?;
            for (camera, day) in days {
                self.ledger.day(camera, day).await?;
            }
            Ok::<(), Error>(())
        };
        match noted.await {
            Err(e) => tracing::error!(error = %e, "completeness: a day is not noted"),
            // Yesterday settles only some minutes into today.
            Ok(()) if now.since(today) > Duration::from_secs(900) => {
                *self
                    .noted_days
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(today);
            }
            Ok(()) => {}
        }
    }

    /// Signs the heads of the chains, once an hour and at the end.
    async fn sign(self: &Arc<Self>, is_end: bool) {
        let shared = Arc::clone(self);
        let signed = blocking(move || shared.signer.sign(WallTime::now(), is_end)).await;
        if let Err(e) = signed {
            tracing::error!(error = %e, "recordings: the chains' heads are not signed; tried again");
        }
    }

    /// Says that the gateway runs now: what a start reads to know since when it did not.
    fn say_alive(&self) {
        if let Err(e) = std::fs::write(&self.alive, WallTime::now().to_string()) {
            tracing::warn!(path = %self.alive.display(), error = %e, "it is not noted that the gateway runs");
        }
    }

    /// Notes since when the gateway did not run.
    fn note_down(self: &Arc<Self>) {
        let last = std::fs::read_to_string(&self.alive);
        let last = last.ok().and_then(|text| text.trim().parse().ok());
        let (now, shared) = (WallTime::now(), Arc::clone(self));
        self.say_alive();
        let Some(last) = last.filter(|last| now.since(*last) > DOWN) else {
            return;
        };
        self.tasks.spawn(async move {
            if let Err(e) = shared.ledger.down(last, now).await {
                tracing::error!(error = %e, "it is not noted that the gateway did not run");
            }
        });
    }
}

/// A shorter time in which the gateway did not run is not noted: it says that it runs about once a minute.
const DOWN: Duration = Duration::from_secs(120);

impl Archive {
    /// Opens the recordings of a data directory: takes in what a crash left unindexed, and begins to make the index again where
    /// it does not open or is not there, which goes on behind ([`Archive::rebuilding`]). Blocking, and to be called within a tokio runtime (the timer of retention runs on it).
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
        // Where earlier versions had it: one database for all.
        let _ = std::fs::remove_dir_all(data.index().join("recordings"));
        let volumes = Volumes::open(data, &config.volumes, config.policy, files.clone())?;
        let segments = Segments::open(&data.index().join("segments"), config.index_cache)?;
        let ledger = Ledger::open(data)?;
        let signer = Signer::open(data)?;
        let claims = Claims::default();
        recover::take_in(&volumes, &segments, &claims)?;
        volumes.start(config.disk_threads)?;
        let budget_kib =
            ((config.recorder_budget.0 / 1024) as usize).clamp(1024, u32::MAX as usize);
        let shared = Arc::new(Shared {
            _data: Arc::clone(data),
            writer: data.id() as u64,
            volumes,
            claims,
            rebuild: Rebuild::default(),
            files,
            segments,
            ledger,
            signer,
            budget: Arc::new(Semaphore::new(budget_kib)),
            budget_kib,
            recorders: AtomicUsize::new(0),
            tasks: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
            turns: Mutex::default(),
            stop: CancellationToken::new(),
            sweep_soon: Notify::new(),
            pins: Pins::default(),
            plans: Plans::default(),
            lists: playback::hls::Kept::default(),
            live: Mutex::default(),
            notes: Mutex::default(),
            alarms: broadcast::Sender::new(CHANNEL),
            deletions: broadcast::Sender::new(CHANNEL),
            room: watch::Sender::default(),
            due: Due::default(),
            noted_days: Mutex::default(),
            alive: data.path().join("alive"),
            sweeping: tokio::sync::Mutex::default(),
            config,
        });
        shared.note_down();
        recover::rebuild_lost(&shared);
        shared.tasks.spawn(sweeper(Arc::clone(&shared)));
        shared.tasks.spawn(volume::watch(Arc::clone(&shared)));
        Ok(Self(Arc::new(Handle { shared })))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// Records a feed until the handle is stopped or dropped. Within a tokio runtime. One recorder a feed: a second one of the
    /// same feed writes segments of its own and is a mistake.
    pub fn record(&self, lease: Lease, keep_days: u32) -> Recorder {
        self.record_since(lease, keep_days, None)
    }

    /// As [`Archive::record`], and what the feed's ring still holds from `since` on with it.
    pub fn record_since(&self, lease: Lease, keep_days: u32, since: Option<WallTime>) -> Recorder {
        let (camera, shared) = (lease.feed.id.camera, Arc::clone(self.shared()));
        self.shared().tasks.spawn(async move {
            if let Err(e) = shared.ledger.keep(camera, keep_days).await {
                tracing::error!(%camera, error = %e, "recorder: the days to keep are not kept");
            }
            let now = WallTime::now();
            if shared.ledger.plan_at(camera, now).is_none()
                && let Err(e) = shared.ledger.plan(camera, now, Plan::Always).await
            {
                tracing::error!(%camera, error = %e, "recorder: the plan is not kept");
            }
        });
        recorder::start(self.shared(), lease, since)
    }

    /// Sets a camera's days to keep, also while nothing is recorded. Kept in the journal.
    ///
    /// # Errors
    /// The disk's.
    pub async fn keep(&self, camera: CameraId, days: u32) -> Result<(), Error> {
        self.shared().ledger.keep(camera, days).await
    }

    /// Sets the days that a camera's recordings are kept whatever the disk's room (by its site class: 30, 90), also above its
    /// days to keep. Kept in the journal.
    ///
    /// # Errors
    /// The disk's.
    pub async fn set_floor(&self, camera: CameraId, days: u32) -> Result<(), Error> {
        self.shared().ledger.floor(camera, days).await
    }

    /// What recorders say aloud. A receiver that lags loses the oldest.
    pub fn alarms(&self) -> broadcast::Receiver<RecorderAlarm> {
        self.shared().alarms.subscribe()
    }

    /// What volumes say aloud. A receiver that lags loses the oldest; what was out at the start is in [`Archive::volumes`] only.
    pub fn volume_alarms(&self) -> broadcast::Receiver<VolumeAlarm> {
        self.shared().volumes.alarms()
    }

    /// The disks that recordings lie on, in order of number; number 0 is the data directory's own.
    pub fn volumes(&self) -> Vec<VolumeStatus> {
        self.shared().volumes.status()
    }

    /// How far the index has been made again from the files; none where it is whole. Until then, answers may lack what was
    /// recorded earlier.
    pub fn rebuilding(&self) -> Option<Progress> {
        self.shared().rebuilding()
    }

    /// As [`Archive::rebuilding`]; changes wake.
    pub fn rebuild_progress(&self) -> watch::Receiver<Option<Progress>> {
        self.shared().rebuild.progress()
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
        blocking(move || shared.timeline(camera, from, to)).await
    }

    /// How complete the recordings of a camera were, a day each, from the day that `from` lies in, 400 days at most; days in
    /// the future are left out, today is told as far as it is. A day that is over is told also when its recordings are gone.
    ///
    /// # Errors
    /// The index's.
    pub async fn completeness(
        &self,
        camera: CameraId,
        from: WallTime,
        days: u32,
    ) -> Result<Vec<Day>, Error> {
        let shared = Arc::clone(self.shared());
        blocking(move || completeness::days(&shared, camera, from, days.min(400))).await
    }

    /// Says what is to be recorded of a camera from now on. Kept in the journal: completeness is measured by it. A camera
    /// that is recorded without a plan has [`Plan::Always`] from then on.
    ///
    /// # Errors
    /// [`Error::Value`] for a plan that makes no sense; the disk's.
    pub async fn set_plan(&self, camera: CameraId, plan: Plan) -> Result<(), Error> {
        plan.check()?;
        self.shared()
            .ledger
            .plan(camera, WallTime::now(), plan)
            .await
    }

    /// The plan of a camera, if it has one.
    pub fn plan(&self, camera: CameraId) -> Option<Plan> {
        self.shared().ledger.plan_at(camera, WallTime::now())
    }

    /// Holds recordings: no rule deletes them until the hold ends.
    ///
    /// # Errors
    /// [`Error::Value`] where it makes no sense, or does not say who or why; the disk's.
    pub async fn hold(&self, hold: NewHold) -> Result<Hold, Error> {
        self.shared().ledger.hold(hold).await
    }

    /// Takes a hold back; none where there is no such hold. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`Error::Value`] where it does not say who or why; the disk's.
    pub async fn release(&self, id: u64, who: String, why: String) -> Result<Option<Hold>, Error> {
        self.shared().ledger.release(id, who, why).await
    }

    /// Every hold there is or was, the newest first.
    pub fn holds(&self) -> Vec<Hold> {
        self.shared().ledger.all_holds()
    }

    /// Whether there is the room that is wanted, as of the last look; changes wake.
    pub fn room(&self) -> watch::Receiver<Room> {
        self.shared().room.subscribe()
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
        self.check_range(from, to)?;
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

    /// The range as HLS; none where nothing of it is recorded. The same range gives the same playlist and parts for as long as
    /// the segments are there; one that reaches into the present is held still for two minutes after its last use.
    ///
    /// # Errors
    /// As [`Archive::playback`].
    pub async fn hls(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Option<Hls>, Error> {
        self.check_range(from, to)?;
        let shared = Arc::clone(self.shared());
        blocking(move || {
            if let Some(hls) = shared.lists.get((camera, from, to)) {
                return Ok(Some(hls));
            }
            for feed in Shared::feeds(camera) {
                if let Some(hls) = playback::hls::plan(&shared, feed, from, to)? {
                    shared.lists.put((camera, from, to), &hls);
                    return Ok(Some(hls));
                }
            }
            Ok(None)
        })
        .await
    }

    fn check_range(&self, from: WallTime, to: WallTime) -> Result<(), Error> {
        let limit = Duration::from_secs(self.shared().config.playback_limit_seconds.into());
        let asked = to.since(from);
        if asked.is_zero() || asked > limit {
            return Err(Error::Range { asked, limit });
        }
        Ok(())
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
        shared.say_alive();
        shared.sign(true).await;
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
        shared.say_alive();
        shared.sign(false).await;
        if shared.rebuilding().is_none() {
            shared.note_days(WallTime::now()).await;
        }
        let deleted = shared.sweep().await;
        if !deleted.is_empty() {
            // Nobody listening is no error.
            let _ = shared.deletions.send(Arc::new(deleted));
        }
    }
}

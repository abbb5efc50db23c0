//! The archive: records feeds, and answers for what was recorded.

mod config;
mod shared;

use std::{
    fmt,
    sync::{Arc, Mutex, atomic::AtomicUsize},
    time::Duration,
};

use bytes::Bytes;
use media::{ByteCount, CameraId, Lease, Tracks, WallTime};
use tokio::{
    sync::{Notify, Semaphore, broadcast, watch},
    time::MissedTickBehavior,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::config::{Config, Usage};
use self::shared::CHANNEL;
pub(crate) use self::shared::{Head, Shared};
use crate::{
    DataDir, Error,
    alarm::{RecorderAlarm, VolumeAlarm},
    claims::Claims,
    completeness::{self, Coverage, Day},
    events::blocking,
    files::Files,
    free_target::FreeTarget,
    hold::{Hold, NewHold},
    index::Segments,
    ledger::Ledger,
    plan::Plan,
    playback::{self, Hls, Pins, Plans, Playback},
    recorder::{self, Recorder, Recorders},
    recover::{self, Progress, Rebuild},
    retention::{Deleted, Due, Room},
    signature::Signer,
    timeline::Timeline,
    volume::{self, VolumeStatus, Volumes},
};

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

/// Stands in the data directory from an orderly end to the next start.
const ORDERLY: &str = "orderly";

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
        let orderly = data.path().join(ORDERLY);
        let in_doubt = !orderly.exists();
        match std::fs::remove_file(&orderly) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &orderly, e));
            }
            _ => {}
        }
        recover::take_in(&volumes, &segments, &claims, in_doubt)?;
        volumes.start(config.disk_threads)?;
        let budget_kib =
            ((config.recorder_budget.0 / 1024) as usize).clamp(1024, u32::MAX as usize);
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            _data: Arc::clone(data),
            writer: data.id() as u64,
            volumes,
            claims,
            rebuild: Rebuild::default(),
            in_doubt,
            files,
            segments,
            ledger,
            signer,
            budget: Arc::new(Semaphore::new(budget_kib)),
            budget_kib,
            recorders: AtomicUsize::new(0),
            tasks: TaskTracker::new(),
            crew: Recorders::start(stop.clone()),
            runtime: tokio::runtime::Handle::current(),
            turns: Mutex::default(),
            ended: Mutex::default(),
            stop,
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

    /// What is to be free of each disk once the oldest has begun to go, and within what it can be set.
    pub fn free_target(&self) -> FreeTarget {
        FreeTarget::of(self.shared())
    }

    /// Sets it from the next sweep on; none gives it back to the configuration. Kept in the journal.
    ///
    /// # Errors
    /// [`Error::Value`] outside its bounds; the disk's.
    pub async fn set_free_target(&self, bytes: Option<ByteCount>) -> Result<FreeTarget, Error> {
        if let Some(bytes) = bytes {
            self.free_target().check(bytes)?;
        }
        self.shared().ledger.set_free_target(bytes).await?;
        Ok(self.free_target())
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

    /// What was to be recorded of a camera within a range, by the plans that held then, and what of that is missing.
    ///
    /// # Errors
    /// The index's.
    pub async fn coverage(
        &self,
        camera: CameraId,
        from: WallTime,
        to: WallTime,
    ) -> Result<Coverage, Error> {
        let shared = Arc::clone(self.shared());
        blocking(move || completeness::coverage(&shared, camera, from, to)).await
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

    /// Makes a hold last longer, for ever without `until`; none where there is no such hold.
    ///
    /// # Errors
    /// [`Error::Value`] where it is over, has no end, would end sooner, or does not say who or why; the disk's.
    pub async fn extend(
        &self,
        id: u64,
        until: Option<WallTime>,
        who: String,
        why: String,
    ) -> Result<Option<Hold>, Error> {
        self.shared().ledger.extend(id, until, who, why).await
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

    /// A camera's recordings, to be read on and on by one player.
    pub fn reel(&self, choice: playback::reel::Choice) -> playback::reel::Reel {
        playback::reel::Reel::new(self.shared(), choice)
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

    /// Up to where a camera's recording is in files: what a crash of this process cannot take any more.
    ///
    /// # Errors
    /// The index's.
    pub async fn written(&self, camera: CameraId) -> Result<Option<WallTime>, Error> {
        let shared = Arc::clone(self.shared());
        blocking(move || {
            let mut until = None;
            for feed in Shared::feeds(camera) {
                let head = shared.live_now(feed).head.map(|head| head.entry.end);
                let last = match head {
                    Some(end) => Some(end),
                    None => shared.segments.last(feed)?.map(|e| e.end),
                };
                until = until.max(last);
            }
            Ok(until)
        })
        .await
    }

    /// How full it is. A system call a disk.
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
        let ended = tokio::time::timeout(deadline, shared.tasks.wait()).await;
        if ended.is_err() {
            tracing::error!(
                seconds = deadline.as_secs(),
                "recordings: not all were sealed in time; the next start does it"
            );
        }
        shared.say_alive();
        shared.sign(true).await;
        let orderly = shared.alive.with_file_name(ORDERLY);
        let flushed = blocking(move || shared.segments.flush()).await;
        if let Err(e) = flushed {
            tracing::error!(error = %e, "index: not flushed; the next start reads the newest files");
            return;
        }
        if ended.is_ok()
            && let Err(e) = std::fs::write(&orderly, "")
        {
            tracing::warn!(path = %orderly.display(), error = %e, "an orderly end is not noted; the next start looks closely");
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

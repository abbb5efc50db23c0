//! What recorders, the sweeper and readers of one archive share.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak, atomic::AtomicUsize},
    time::Duration,
};

use media::{ByteCount, CameraId, FeedId, Profile, Reason, ReasonCode, WallTime};
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::config::{Config, Usage};
use crate::{
    AlarmKind, DataDir, Error,
    alarm::RecorderAlarm,
    claims::Claims,
    completeness,
    events::blocking,
    files::Files,
    index::{Entry, Segments},
    ledger::Ledger,
    playback::{self, Pins, Plans},
    recorder::Recorders,
    recover::{Progress, Rebuild},
    retention::{self, Deleted, Due, Room},
    signature::Signer,
    timeline::{self, Gap, Timeline},
    volume::Volumes,
};

/// What recorders, the sweeper and readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Holds the lock for as long as anything here runs.
    pub(super) _data: Arc<DataDir>,
    pub(crate) config: Config,
    pub(crate) volumes: Volumes,
    /// Who has a segment's file in hand.
    pub(crate) claims: Claims,
    pub(crate) rebuild: Rebuild,
    /// The one before did not end in order: what it wrote last may be torn.
    pub(crate) in_doubt: bool,
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
    /// What recorders run on.
    pub(crate) crew: Recorders,
    /// For threads that are none of its own.
    pub(super) runtime: tokio::runtime::Handle,
    /// Recorders take turns: one that ends comes before the next of its feed.
    pub(super) turns: Mutex<HashMap<FeedId, Weak<tokio::sync::Mutex<()>>>>,
    /// Up to where recorders that have ended recorded their feeds: what comes before an event may be recorded already.
    pub(super) ended: Mutex<HashMap<FeedId, WallTime>>,
    pub(crate) stop: CancellationToken,
    /// Retention is wanted before its time: the disk is full.
    pub(crate) sweep_soon: Notify,
    pub(crate) pins: Pins,
    pub(super) plans: Plans,
    pub(super) lists: playback::hls::Kept,
    pub(super) live: Mutex<HashMap<FeedId, Live>>,
    pub(super) notes: Mutex<HashMap<FeedId, Notes>>,
    pub(super) alarms: broadcast::Sender<RecorderAlarm>,
    pub(super) deletions: broadcast::Sender<Arc<Vec<Deleted>>>,
    pub(super) room: watch::Sender<Room>,
    pub(crate) due: Due,
    /// Days before this one have been noted, by the local clock.
    pub(super) noted_days: Mutex<Option<WallTime>>,
    /// Says when the gateway ran last.
    pub(super) alive: PathBuf,
    pub(super) sweeping: tokio::sync::Mutex<()>,
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
pub(super) struct Notes {
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
pub(super) const CHANNEL: usize = 1024;

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
    pub(crate) fn feeds(camera: CameraId) -> [FeedId; 2] {
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

    /// Whether a volume is not there, and the index does not know either what it holds.
    pub(crate) fn is_behind(&self) -> bool {
        let rebuilding = self.rebuilding().is_some();
        let mut away = self
            .volumes
            .all()
            .iter()
            .filter(|v| v.unreadable().is_some());
        away.any(|v| rebuilding || self.segments.behind(v.number).exists())
    }

    /// Sets numbers of the feed's segments aside, behind the caller's back, where `next` is near the end of those that are.
    pub(crate) fn set_aside(self: &Arc<Self>, feed: FeedId, next: u64) {
        let Some(below) = self.ledger.wants_numbers(feed, next) else {
            return;
        };
        let shared = Arc::clone(self);
        let write = async move {
            if let Err(e) = shared.ledger.set_aside(feed, below).await {
                tracing::error!(%feed, error = %e, "recorder: its numbers are not set aside");
            }
        };
        self.tasks.spawn_on(write, &self.runtime);
    }

    /// Notes, behind the caller's back, that the feed's chain begins anew with this number.
    pub(crate) fn begins_anew(self: &Arc<Self>, feed: FeedId, sequence: u64) {
        let shared = Arc::clone(self);
        let write = async move {
            if let Err(e) = shared.ledger.begins_anew(feed, sequence).await {
                tracing::error!(%feed, sequence, error = %e, "recorder: it is not noted that its chain begins anew");
            }
        };
        self.tasks.spawn_on(write, &self.runtime);
    }

    /// A recorder of the feed has ended, and recorded up to there.
    pub(crate) fn has_ended(&self, feed: FeedId, until: WallTime) {
        let mut all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(feed, until);
    }

    /// Up to where the recorder before recorded the feed, since the archive was opened.
    pub(crate) fn ended(&self, feed: FeedId) -> Option<WallTime> {
        let all = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&feed).copied()
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            used: self.segments.used(),
            free: ByteCount(self.volumes.free()),
        }
    }

    pub(super) async fn sweep(self: &Arc<Self>) -> Vec<Deleted> {
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
            let reason = Reason::new(ReasonCode::GatewayDown, "the gateway was not running");
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
    pub(super) async fn sign(self: &Arc<Self>, is_end: bool) {
        let shared = Arc::clone(self);
        let signed = blocking(move || shared.signer.sign(WallTime::now(), is_end)).await;
        if let Err(e) = signed {
            tracing::error!(error = %e, "recordings: the chains' heads are not signed; tried again");
        }
    }

    /// Says that the gateway runs now: what a start reads to know since when it did not.
    pub(super) fn say_alive(&self) {
        if let Err(e) = std::fs::write(&self.alive, WallTime::now().to_string()) {
            tracing::warn!(path = %self.alive.display(), error = %e, "it is not noted that the gateway runs");
        }
    }

    /// Notes since when the gateway did not run.
    pub(super) fn note_down(self: &Arc<Self>) {
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

//! The task that watches one feed: thin, between the ring, the watchman, the budget and the pool.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use media::{CameraId, EventKind, Frame, Lease, Next, SourceState, WallTime};
use tokio::{
    sync::{Notify, mpsc},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Config, Stats,
    eye::{Decoders, Eye, Outcome},
    judge::Change,
    pool::{Item, Pool, Post, Report},
    schedule::{Schedule, Want},
    stopwatch::Stopwatch,
    tag::{Phase, Tag},
    watch::{Budget, Eyed, Watch},
    zone::Zone,
};

/// What all feeds share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) pool: Pool,
    /// By feed number: it is never used again for another feed.
    pub(crate) schedule: Mutex<Schedule<u32>>,
    pub(crate) decoders: Arc<Decoders>,
    pub(crate) tags: mpsc::Sender<Tag>,
    pub(crate) stopwatch: Stopwatch,
    pub(crate) counts: Counts,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    awake: AtomicUsize,
    read: AtomicU64,
    decoded: AtomicU64,
    decode_us: AtomicU64,
    skipped: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    pub(crate) fn stats(&self) -> Stats {
        let read = |n: &AtomicU64| n.load(Ordering::Acquire);
        Stats {
            watched: 0,
            waiting: 0,
            read_frames: read(&self.read),
            awake: self.awake.load(Ordering::Relaxed),
            decoded_pictures: read(&self.decoded),
            decode_ms: read(&self.decode_us) / 1000,
            skipped_pictures: read(&self.skipped),
            failed_pictures: read(&self.failed),
            dropped_tags: read(&self.dropped),
        }
    }
}

/// How often a feed that gives no frames is looked after.
const TICK: Duration = Duration::from_millis(500);
/// Pieces of work a group makes, at most, before the next key frame's.
const PIECES_A_GROUP: usize = 32;

/// Watches until cancelled or the feed ends.
pub(crate) async fn run(
    shared: Arc<Shared>,
    lease: Lease,
    zones: Vec<Zone>,
    cancel: CancellationToken,
) {
    let feed = Arc::clone(&lease.feed);
    let eye = Eye::new(
        &shared.config,
        zones,
        Arc::clone(&shared.decoders),
        shared.stopwatch.clone(),
    );
    let post = Post::new(
        eye,
        shared.config.queue_groups.clamp(1, 16) * PIECES_A_GROUP,
    );
    let report = report(&shared, feed.id.camera, feed.number);
    let mut task = Task {
        watch: Watch::default(),
        newest: None,
        awake: false,
        feed: feed.number,
        left_out: 0,
        post,
        report,
        shared,
    };
    let mut cursor = feed.ring.cursor_at_key(Arc::new(Notify::new()));
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = tokio::select! {
            () = cancel.cancelled() => break,
            next = cursor.next() => next,
            _ = tick.tick() => {
                let live = feed.status.borrow().state == SourceState::Live;
                task.tick(live);
                continue;
            }
        };
        match next {
            Next::Frame(frame) => task.frame(&frame),
            Next::Skipped(missed) => {
                task.count_skipped(missed.frames);
                task.watch.skipped();
            }
            Next::Closed(reason) => {
                tracing::debug!(feed = %feed.id, ?reason, "the feed ended");
                break;
            }
        }
    }
    task.end();
    drop(lease);
}

struct Task {
    watch: Watch,
    /// The newest frame's time in seconds, and when it came.
    newest: Option<(f64, Duration)>,
    awake: bool,
    feed: u32,
    left_out: u64,
    post: Arc<Post>,
    report: Arc<Report>,
    shared: Arc<Shared>,
}

impl Task {
    fn frame(&mut self, frame: &Arc<Frame>) {
        let eyed = Eyed {
            moving: self.post.moving.load(Ordering::Relaxed),
            differs: self.post.differs.swap(false, Ordering::Relaxed),
        };
        let mut share = Share {
            shared: &self.shared,
            feed: self.feed,
        };
        let works = self.watch.frame(frame, eyed, &mut share);
        for work in works {
            let refused = self
                .shared
                .pool
                .give(&self.post, Item::Look(work), &self.report);
            self.count_skipped(refused);
        }
        self.newest = Some((frame.pts.as_secs_f64(), self.shared.stopwatch.now()));
        let left_out = self.watch.left_out();
        self.count_skipped(left_out - self.left_out);
        self.left_out = left_out;
        self.set_awake(self.watch.is_awake());
        // Last: who sees it counted knows that its work is handed in.
        self.shared.counts.read.fetch_add(1, Ordering::Release);
    }

    /// Without frames motion ends, and a camera that is connected but gives none has lost its picture.
    fn tick(&mut self, live: bool) {
        let Some((at, came)) = self.newest else {
            return;
        };
        let silent = self.shared.stopwatch.now().saturating_sub(came);
        if silent < TICK * 2 {
            return;
        }
        let now = at + silent.as_secs_f64();
        let since = if live { at } else { now };
        self.shared
            .pool
            .give(&self.post, Item::Silence(since, now), &self.report);
    }

    fn end(&mut self) {
        self.set_awake(false);
        self.shared
            .pool
            .give(&self.post, Item::Finish, &self.report);
        lock(&self.shared.schedule).forget(self.feed);
    }

    fn set_awake(&mut self, awake: bool) {
        let count = &self.shared.counts.awake;
        match (std::mem::replace(&mut self.awake, awake), awake) {
            (false, true) => count.fetch_add(1, Ordering::Relaxed),
            (true, false) => count.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    fn count_skipped(&self, frames: u64) {
        self.shared
            .counts
            .skipped
            .fetch_add(frames, Ordering::Relaxed);
    }
}

/// One feed's access to the shared budget.
struct Share<'a> {
    shared: &'a Shared,
    feed: u32,
}

impl Budget for Share<'_> {
    fn ask(&mut self, want: Want, pictures: u32) -> bool {
        let now = self.shared.stopwatch.now().as_secs_f64();
        lock(&self.shared.schedule).ask(now, self.feed, want, pictures)
    }
}

/// Books what a piece of work cost and sends its tags. Runs on the pool's threads.
fn report(shared: &Arc<Shared>, camera: CameraId, feed: u32) -> Arc<Report> {
    let shared = Arc::downgrade(shared);
    let outbox = Mutex::new(Outbox::default());
    Arc::new(Box::new(move |_, eye, outcome, _| {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let counts = &shared.counts;
        let took_us = outcome.took.as_micros() as u64;
        counts
            .decoded
            .fetch_add(u64::from(outcome.pictures), Ordering::Relaxed);
        counts
            .failed
            .fetch_add(u64::from(outcome.failed), Ordering::Relaxed);
        counts.decode_us.fetch_add(took_us, Ordering::Relaxed);
        let now = shared.stopwatch.now().as_secs_f64();
        let ms = took_us as f64 / 1000.0;
        lock(&shared.schedule).spent(now, feed, outcome.pictures, ms);
        let dropped = lock(&outbox).send(&shared.tags, camera, eye, outcome);
        counts.dropped.fetch_add(dropped, Ordering::Relaxed);
    }))
}

/// One feed's tags on their way out; what the gateway does not take at once waits here, up to a bound.
#[derive(Default)]
struct Outbox {
    waiting: VecDeque<Tag>,
    /// The start of what is open, as it was told first: the clock is measured anew with every picture.
    open: HashMap<EventKind, WallTime>,
}

const OUTBOX: usize = 32;

impl Outbox {
    /// Sends what can be sent; says how many tags were dropped.
    fn send(
        &mut self,
        tags: &mpsc::Sender<Tag>,
        camera: CameraId,
        eye: &Eye,
        outcome: Outcome,
    ) -> u64 {
        for (change, snapshot) in outcome.changes {
            let tag = self.tag(camera, eye, change, snapshot);
            self.waiting.push_back(tag);
        }
        while let Some(tag) = self.waiting.pop_front() {
            if let Err(mpsc::error::TrySendError::Full(tag)) = tags.try_send(tag) {
                self.waiting.push_front(tag);
                break;
            }
        }
        let mut dropped = 0;
        while self.waiting.len() > OUTBOX {
            // What goes on will be said again; beginnings and ends will not.
            let going = self.waiting.iter().position(|t| t.phase == Phase::Going);
            self.waiting.remove(going.unwrap_or(0));
            dropped += 1;
        }
        dropped
    }

    fn tag(&mut self, camera: CameraId, eye: &Eye, change: Change, snapshot: Option<Bytes>) -> Tag {
        let start = *self
            .open
            .entry(change.kind)
            .or_insert_with(|| eye.wall(change.start));
        if change.phase == Phase::End {
            self.open.remove(&change.kind);
        }
        Tag {
            camera,
            kind: change.kind,
            phase: change.phase,
            start,
            at: eye.wall(change.at).max(start),
            score: change.score,
            snapshot,
            text: change.text,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

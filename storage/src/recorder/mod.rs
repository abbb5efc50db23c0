//! A feed being recorded: a task that reads a cursor, cuts, and hands what is cut to the disk's threads.
//!
//! One job of a recorder is under way at a time; while it is, frames are gathered within the budget that all recorders share.
//! Where the budget is spent the cursor is not read: the ring goes on without it, and what it skips is a gap with a reason.

mod jobs;
mod reader;
mod thread;
mod turn;

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use media::{
    FeedId, Frame, Lease, Reason, ReasonCode, SourceState, SourceStatus, WallTime, ring::Missed,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, oneshot, watch},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use self::thread::Recorders;
use self::{
    reader::{Read, Reader, batch_kib, beat, cursor_since},
    turn::Turn,
};
use crate::{
    AlarmKind, Error,
    archive::Shared,
    disk::{Away, Disk},
    segmenter::{Limits, Segmenter, Step},
    timeline::Gap,
};

/// Where a recording stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderState {
    /// No frame yet, or none for some seconds: the reason is the source's, where it gave one.
    Waiting(Option<Reason>),
    /// Frames reach the disk.
    Recording,
    /// Nothing is recorded, for this reason; tried again by itself unless the feed or the archive has ended.
    Stopped(Reason),
}

/// Handle of one recording; dropping it stops the recording too, without waiting for the last write.
#[derive(Debug)]
pub struct Recorder {
    state: watch::Receiver<RecorderState>,
    stop: DropGuard,
}

impl Recorder {
    /// Where it stands.
    pub fn state(&self) -> RecorderState {
        self.state.borrow().clone()
    }

    /// Changes of where it stands; closed when the recording has ended.
    pub fn states(&self) -> watch::Receiver<RecorderState> {
        self.state.clone()
    }

    /// Writes what is held, seals the segment, gives the lease back, and ends. As long as the disk takes.
    pub async fn stop(self) {
        let Self { mut state, stop } = self;
        drop(stop);
        // The task drops the sender when it has ended.
        while state.changed().await.is_ok() {}
    }
}

/// Frames taken before anything else gets its turn.
const TURN: usize = 512;
/// How long after a disk's error it is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// How often a gap that goes on is noted in the ledger: what a crash may take from its end.
const NOTE: Duration = Duration::from_secs(60);
/// How long the recorder before of the same feed is waited for.
const TURN_PATIENCE: Duration = Duration::from_secs(10);
/// A job that has not come back for so long: its recorder holds no more than its share of the memory from then on.
const SLOW: Duration = Duration::from_secs(3);
/// No frame for so long is an alarm.
const SILENCE: Duration = Duration::from_secs(10);
/// A shorter hole without a cause of ours is none (declared 25, delivered 21).
const HOLE: Duration = Duration::from_secs(2);

/// Begins with the newest group, or, where `since` is given, with the group it lies in, if the ring still holds that.
pub(crate) fn start(shared: &Arc<Shared>, lease: Lease, since: Option<WallTime>) -> Recorder {
    let stop = shared.stop.child_token();
    let (state, watch) = watch::channel(RecorderState::Waiting(None));
    let feed = lease.feed.id;
    let limits = Limits {
        segment: Duration::from_secs(shared.config.segment_seconds.max(1).into()),
        ..Limits::default()
    };
    let now = Instant::now();
    // What it says already is heard first.
    let mut status = lease.feed.status.clone();
    status.mark_changed();
    let task = Task {
        feed,
        segmenter: Segmenter::new(limits),
        queue: VecDeque::new(),
        held: None,
        disk: Some(Disk::new(Arc::clone(shared), feed)),
        writing: None,
        away: None,
        turn: Turn::Wanted(shared.turn(feed), now + TURN_PATIENCE),
        since: now,
        blocked_until: None,
        last_frame: now,
        until: WallTime::now(),
        durable_until: WallTime::now(),
        began: false,
        cause: None,
        status,
        source: None,
        alarmed: None,
        noted: None,
        state,
        shared: Arc::clone(shared),
    };
    // Now, not when the task has its first turn: the recording begins with the group that is there.
    let cursor = match since {
        Some(since) => cursor_since(&lease.feed.ring, since),
        None => lease.feed.ring.cursor_at_key(Arc::new(Notify::new())),
    };
    let from = since;
    let reader = Reader {
        cursor,
        pending: None,
        budget: Arc::clone(&shared.budget),
        budget_kib: shared.budget_kib,
        look: now,
        turn: lease.feed.number,
    };
    let task = Box::pin(task.run(lease, reader, from, stop.clone()));
    shared.crew.spawn(shared.tasks.track_future(task));
    Recorder {
        state: watch,
        stop: stop.drop_guard(),
    }
}

type Done = (Disk, Result<(), Error>);

struct Task {
    shared: Arc<Shared>,
    feed: FeedId,
    segmenter: Segmenter,
    /// What waits for the disk, with its share of the budget.
    queue: VecDeque<(Step, Option<OwnedSemaphorePermit>)>,
    /// The share of what the segmenter holds.
    held: Option<OwnedSemaphorePermit>,
    /// Here while no job is under way.
    disk: Option<Disk>,
    writing: Option<oneshot::Receiver<Done>>,
    /// What is known of the disk that the job has.
    away: Option<Away>,
    /// When the job under way was handed over.
    since: Instant,
    /// Its feed's turn: nothing is handed to the disk before.
    turn: Turn,
    /// The disk refused: nothing is handed to it before.
    blocked_until: Option<Instant>,
    last_frame: Instant,
    /// Up to where the recording reaches, as far as steps were made of it.
    until: WallTime,
    /// Up to where it is in files.
    durable_until: WallTime,
    /// A segment was begun.
    began: bool,
    /// Why the next hole is there, where it is ours.
    cause: Option<Reason>,
    status: watch::Receiver<SourceStatus>,
    /// What the source said last while it was not live.
    source: Option<Reason>,
    /// Said to be stopped since, until it is back.
    alarmed: Option<Alarmed>,
    /// When the gap that goes on was noted last.
    noted: Option<Instant>,
    state: watch::Sender<RecorderState>,
}

/// A recording that was said to be stopped.
#[derive(Clone, Copy, Debug)]
struct Alarmed {
    since: WallTime,
    /// By its disk, and not by its source.
    disk: bool,
}

impl Task {
    async fn run(
        mut self,
        lease: Lease,
        mut reader: Reader,
        since: Option<WallTime>,
        stop: CancellationToken,
    ) {
        self.hear();
        self.shared.live(self.feed, |live| live.recorders += 1);
        self.shared.recorders.fetch_add(1, Ordering::Relaxed);
        let second = Duration::from_secs(1);
        let mut tick = tokio::time::interval_at(beat(reader.turn, second), second);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        if let Some(since) = since {
            // What came before an event may be what the recorder before recorded after the last one: known when that has ended.
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.turn.come() => {}
            }
            let since = self
                .shared
                .ended(self.feed)
                .map_or(since, |until| until.max(since));
            reader.cursor = cursor_since(&lease.feed.ring, since);
        }
        let ended = loop {
            if reader.pending.is_some() {
                // There is no room for the next frame: all wait for each other's groups to end, unless somebody gives way.
                self.segmenter.press();
                self.take_steps();
            }
            self.hand_over().await;
            let choked = self.is_choked();
            // Where nothing waits for the job under way it is early enough to hear of it with the next frames.
            let waited_for = choked || !self.queue.is_empty() || reader.pending.is_some();
            tokio::select! {
                biased;
                () = stop.cancelled() => break None,
                done = finished(&mut self.writing), if waited_for => self.finished(done),
                () = self.turn.come() => {}
                _ = tick.tick() => {
                    self.hear();
                    self.collect();
                    self.give_up();
                    let choked = self.is_choked();
                    self.tick(choked || reader.pending.is_some());
                }
                read = reader.next(), if !choked => if let Some(reason) = self.drain(read, &mut reader) {
                    break Some(reason);
                },
            }
        };
        if ended.is_none() {
            // What is in the ring already; bounded, since it may go on.
            for _ in 0..64 {
                let Some(read) = reader.try_next() else { break };
                if self.drain(read, &mut reader).is_some() {
                    break;
                }
            }
        }
        drop(reader);
        drop(lease);
        self.end().await;
        let reason = ended.unwrap_or_else(|| {
            Reason::new(
                ReasonCode::NotRecording,
                format!("the recording of {} was ended", self.feed),
            )
        });
        self.state.send_replace(RecorderState::Stopped(reason));
    }

    /// Takes what was read and all that is there besides. Gives a reason where the feed has ended.
    fn drain(&mut self, first: Read, reader: &mut Reader) -> Option<Reason> {
        self.hear();
        self.collect();
        let mut read = Some(first);
        for _ in 0..TURN {
            match read.take()? {
                Read::Frame(frame, share) => self.frame(frame, share),
                Read::Skipped(missed) => self.skipped(missed),
                Read::Closed(reason) => {
                    return Some(reason.unwrap_or_else(|| {
                        Reason::new(
                            ReasonCode::NotRecording,
                            format!("the feed {} has ended", self.feed),
                        )
                    }));
                }
            }
            read = reader.try_next();
        }
        // The one in hand is never lost: it would be missing without a word.
        match read? {
            Read::Frame(frame, share) => self.frame(frame, share),
            Read::Skipped(missed) => self.skipped(missed),
            Read::Closed(reason) => {
                return Some(reason.unwrap_or_else(|| {
                    Reason::new(ReasonCode::NotRecording, "the feed has ended")
                }));
            }
        }
        None
    }

    fn frame(&mut self, frame: Arc<Frame>, share: OwnedSemaphorePermit) {
        let now = Instant::now();
        self.last_frame = now;
        if self.blocked_until.is_some_and(|until| now < until) {
            return;
        }
        self.blocked_until = None;
        // Also what is not kept gives its share back with the rest, at the next write.
        if self.segmenter.frame(frame) {
            match &mut self.held {
                Some(held) => held.merge(share),
                None => self.held = Some(share),
            }
        }
        self.take_steps();
    }

    fn skipped(&mut self, missed: Missed) {
        let reason = Reason::new(
            ReasonCode::DiskSlow,
            format!(
                "{}: the disk was too slow, {} frames ({:.1} s) were not kept",
                self.feed,
                missed.frames,
                missed.time.as_secs_f64()
            ),
        );
        tracing::error!(feed = %self.feed, frames = missed.frames, bytes = missed.bytes, "recorder: the disk is too slow");
        self.segmenter.cut();
        self.take_steps();
        self.cause.get_or_insert_with(|| reason.clone());
        self.shared.alarm(
            self.feed,
            AlarmKind::Dropped {
                frames: missed.frames,
                reason,
            },
        );
    }

    /// Moves what the segmenter made into the queue.
    fn take_steps(&mut self) {
        while let Some(step) = self.segmenter.poll() {
            let share = match &step {
                Step::Open { start, .. } => {
                    self.resumed(*start);
                    None
                }
                Step::Write(batch) => {
                    self.until = batch.end;
                    let kib = batch_kib(batch, self.shared.budget_kib);
                    match &mut self.held {
                        Some(held) if held.num_permits() > kib => held.split(kib),
                        held => held.take(),
                    }
                }
                Step::Seal { end } => {
                    self.until = *end;
                    None
                }
            };
            self.queue.push_back((step, share));
        }
    }

    /// A segment begins: what lies before it since the last one is a gap.
    fn resumed(&mut self, start: WallTime) {
        // It began with the group that was in the ring already.
        if !self.began {
            self.began = true;
            self.until = self.until.min(start);
            self.durable_until = self.durable_until.min(start);
        }
        let hole = start.since(self.until);
        let cause = self.cause.take();
        if hole > HOLE || (cause.is_some() && !hole.is_zero()) {
            let reason = cause.unwrap_or_else(|| self.source_reason());
            self.shared.note(
                self.feed,
                Gap {
                    start: self.until,
                    end: start,
                    reason,
                },
            );
        }
        self.source = None;
        self.noted = None;
        self.shared.live(self.feed, |live| live.waiting = None);
    }

    fn source_reason(&self) -> Reason {
        self.source.clone().unwrap_or_else(|| {
            Reason::new(
                ReasonCode::NoPackets,
                format!("no frame arrived from {}", self.feed),
            )
        })
    }

    /// What the source says by now. It is not told as it changes: its figures do so every second, and a gap is longer than that.
    fn hear(&mut self) {
        // Of a feed that has ended the last word is heard again.
        if matches!(self.status.has_changed(), Ok(false)) {
            return;
        }
        let status = self.status.borrow_and_update();
        if status.state != SourceState::Live
            && let Some(reason) = &status.reason
        {
            self.source = Some(reason.clone());
        }
    }

    /// `starved`: there are frames, but no room in the budget.
    fn tick(&mut self, starved: bool) {
        let quiet = self.last_frame.elapsed();
        self.segmenter.quiet(quiet);
        self.take_steps();
        if quiet < SILENCE {
            return;
        }
        let reason = if starved {
            Reason::new(
                ReasonCode::DiskSlow,
                format!(
                    "{}: the disk takes nothing, and the recorders' budget is spent",
                    self.feed
                ),
            )
        } else {
            self.source_reason()
        };
        let gap = Gap {
            start: self.until,
            end: WallTime::now(),
            reason: reason.clone(),
        };
        if gap.start >= gap.end {
            return;
        }
        self.shared.live(self.feed, |live| {
            live.waiting = Some((gap.start, reason.clone()))
        });
        if self.noted.is_none_or(|at| at.elapsed() >= NOTE) {
            self.noted = Some(Instant::now());
            self.shared.note(self.feed, gap);
        }
        if self.blocked_until.is_none() {
            self.say_stopped(&reason);
            self.state.send_if_modified(|state| {
                let waiting = RecorderState::Waiting(Some(reason));
                let differs = *state != waiting;
                *state = waiting;
                differs
            });
        }
    }

    /// Says it once until it is back; and once more where a silent camera's disk fails too.
    fn say_stopped(&mut self, reason: &Reason) {
        let disk = matches!(reason.code, ReasonCode::DiskFull | ReasonCode::DiskError);
        let said = self.alarmed.as_ref();
        if said.is_none_or(|said| disk && !said.disk) {
            let since = said.map_or(self.until, |said| said.since);
            self.alarmed = Some(Alarmed { since, disk });
            self.shared
                .alarm(self.feed, AlarmKind::Stopped(reason.clone()));
        }
    }

    /// Brings everything to the disk.
    async fn end(&mut self) {
        self.segmenter.cut();
        self.take_steps();
        if !self.turn.is_taken() {
            self.turn.come().await;
        }
        while self.writing.is_some() || !self.queue.is_empty() {
            self.hand_over().await;
            if self.writing.is_none() {
                break;
            }
            let done = finished(&mut self.writing).await;
            self.finished(done);
        }
        self.shared.recorders.fetch_sub(1, Ordering::Relaxed);
        if self.began {
            self.shared.has_ended(self.feed, self.durable_until);
        }
        let now = WallTime::now();
        let live = self.shared.live(self.feed, |live| {
            live.recorders = live.recorders.saturating_sub(1);
            live.waiting.take()
        });
        if let Some((start, reason)) = live
            && start < now
        {
            self.shared.note(
                self.feed,
                Gap {
                    start,
                    end: now,
                    reason,
                },
            );
        }
    }
}

/// Waits for the job under way; for ever where there is none. None where it panicked. Cancel safe.
async fn finished(writing: &mut Option<oneshot::Receiver<Done>>) -> Option<Done> {
    match writing {
        Some(done) => done.await.ok(),
        None => std::future::pending().await,
    }
}

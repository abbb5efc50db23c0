//! What a recorder hands to its disk, one job at a time, and what comes back.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use media::{Reason, ReasonCode};
use tokio::{sync::oneshot, time::Instant};

use super::{Alarmed, Done, RETRY, RecorderState, SILENCE, SLOW, Task};
use crate::{
    AlarmKind,
    disk::{Away, Disk},
    segmenter::Step,
};

impl Task {
    /// Whether a disk that hangs has its recorder's share of the memory filled: what others need is not taken from them.
    pub(super) fn is_choked(&self) -> bool {
        if self.writing.is_none() || self.since.elapsed() < SLOW {
            return false;
        }
        let queued = self.queue.iter().filter_map(|(_, share)| share.as_ref());
        let held: usize = queued.chain(&self.held).map(|s| s.num_permits()).sum();
        let recorders = self.shared.recorders.load(Ordering::Relaxed).max(1);
        held >= self.shared.budget_kib / recorders
    }

    /// Hands what waits to the disk, if no job is under way.
    pub(super) async fn hand_over(&mut self) {
        if self.queue.is_empty() || !self.turn.is_taken() {
            return;
        }
        let Some(mut disk) = self.disk.take() else {
            return;
        };
        let (answer, done) = oneshot::channel();
        // A job ends where a segment begins: the next one may be another disk's.
        let opens = |(step, _): &(Step, _)| matches!(step, Step::Open { .. });
        let pool = disk.pool(self.queue.front().is_some_and(opens));
        let next = self.queue.iter().skip(1).position(opens);
        let later = self
            .queue
            .split_off(next.map_or(self.queue.len(), |n| n + 1));
        let queue = std::mem::replace(&mut self.queue, later);
        let away = disk.away();
        let job = move || {
            let mut shares = Vec::new();
            let steps = queue.into_iter().map(|(step, share)| {
                shares.extend(share);
                step
            });
            let result = disk.run(steps);
            if result.is_err() {
                disk.abandon();
            }
            drop(shares);
            // A recorder that has gone away, or on without this disk, needs no answer.
            if let Err((disk, _)) = answer.send((disk, result)) {
                disk.complete();
            }
        };
        if let Some(pool) = pool
            && pool.run(job).await
        {
            self.writing = Some(done);
            self.away = away;
            self.since = Instant::now();
        }
    }

    /// Goes on without the job under way where its disk hangs and another one does well.
    pub(super) fn give_up(&mut self) {
        let patience = Duration::from_secs(self.shared.config.hang_seconds.max(1).into());
        if self.writing.is_none() || self.since.elapsed() < patience {
            return;
        }
        let volumes = &self.shared.volumes;
        let hangs = |away: &Away| {
            volumes.get(away.volume).is_some_and(|v| v.is_out()) && volumes.has_other(away.volume)
        };
        let Some(away) = self.away.take_if(|away| hangs(away)) else {
            return;
        };
        tracing::error!(feed = %self.feed, volume = away.volume, "recorder: its disk hangs; it goes on on another one");
        self.writing = None;
        let until = Some(self.durable_until).filter(|_| self.began);
        let shared = Arc::clone(&self.shared);
        self.disk = Some(Disk::instead(shared, self.feed, &away, until));
    }

    /// Takes what has come of the job under way, if it is over.
    pub(super) fn collect(&mut self) {
        let Some(done) = &mut self.writing else {
            return;
        };
        match done.try_recv() {
            Ok(done) => self.finished(Some(done)),
            Err(oneshot::error::TryRecvError::Closed) => self.finished(None),
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
    }

    pub(super) fn finished(&mut self, done: Option<Done>) {
        self.writing = None;
        self.away = None;
        let Some((disk, result)) = done else {
            // The job panicked, and the disk's state with it.
            tracing::error!(feed = %self.feed, "recorder: a write panicked");
            self.disk = Some(Disk::new(Arc::clone(&self.shared), self.feed));
            self.refused(Reason::new(ReasonCode::DiskError, "a write panicked"));
            return;
        };
        self.durable_until = disk.until.unwrap_or(self.durable_until);
        let wrote = disk.wrote;
        self.disk = Some(disk);
        match result {
            Ok(()) if wrote => self.wrote(),
            Ok(()) => {}
            Err(e) => {
                tracing::error!(feed = %self.feed, error = %e, "recorder: the disk refuses");
                if e.is_full() {
                    self.shared.sweep_soon.notify_one();
                }
                self.refused(e.reason());
            }
        }
    }

    fn wrote(&mut self) {
        // A seal after the source fell silent is no sign that it is back.
        if self.last_frame.elapsed() >= SILENCE {
            return;
        }
        if let Some(Alarmed { since, .. }) = self.alarmed.take() {
            self.shared.alarm(self.feed, AlarmKind::Back { since });
        }
        if *self.state.borrow() != RecorderState::Recording {
            self.state.send_replace(RecorderState::Recording);
        }
    }

    /// The disk did not take what it was given.
    fn refused(&mut self, reason: Reason) {
        self.segmenter.abandon();
        self.queue.clear();
        self.held = None;
        // Another disk takes the next group; where there is none, this one is left alone for a while.
        let retry = (!self.shared.volumes.has_one()).then(|| Instant::now() + RETRY);
        self.blocked_until = retry;
        // What was cut since, and did not reach the disk, is not recorded.
        self.until = self.durable_until;
        self.cause = Some(reason.clone());
        self.say_stopped(&reason);
        self.shared.live(self.feed, |live| {
            live.waiting = Some((self.until, reason.clone()))
        });
        self.state.send_replace(RecorderState::Stopped(reason));
    }
}

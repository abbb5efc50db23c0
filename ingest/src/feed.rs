//! The task of one feed: tries, plays, waits, tries again, until nobody wants it.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures_util::FutureExt as _;
use media::{Feed, FeedId, Frame, Ring, SourceStatus, WallTime};
use retina::client::SessionGroup;
use tokio::{
    sync::watch,
    time::{sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    assemble::Assembler,
    connect::Learned,
    driver::{self, Events},
    error::{Failure, Kind},
    session::{Input, Output, Session},
    supervisor::{Demand, Shared},
    threads::{self, Beat, Eager},
};

/// Why a session was not left to run.
enum Wish {
    /// Nobody has had a lease for the grace period.
    Unused,
    /// The camera's address or user has changed.
    Changed,
    /// Ended from outside.
    Stop,
}

/// Runs one feed to its end.
pub(crate) async fn run(
    shared: Arc<Shared>,
    feed: Arc<Feed>,
    mut demand: watch::Receiver<Demand>,
    status: Arc<watch::Sender<SourceStatus>>,
    stop: CancellationToken,
    beat: Arc<Beat>,
) {
    let config = &shared.config;
    let mut session = Session::new(config.clone());
    let mut assembler = Assembler::new(feed.number, Instant::now());
    let mut learned = Learned::default();
    let mut teller = Teller {
        shared: &shared,
        id: feed.id,
        ring: &feed.ring,
        status: &status,
        retry_at: None,
        beat: &beat,
        eager: None,
    };
    let mut revision = demand.borrow().revision;
    loop {
        let (source, current) = {
            let demand = demand.borrow_and_update();
            (Arc::clone(&demand.source), demand.revision)
        };
        if current != revision {
            revision = current;
            learned = Learned::default();
            session.handle(Instant::now(), Input::Changed);
        }
        session.handle(Instant::now(), Input::Connect);
        teller.waits(true);
        teller.changed(&session, &assembler);
        let group = Arc::new(SessionGroup::default());
        let played = async {
            let turn = shared.turn(Instant::now(), feed.id);
            sleep_until(turn.into()).await;
            let session = driver::run(
                config,
                &source,
                Arc::clone(&group),
                &mut learned,
                &mut session,
                &mut assembler,
                &mut teller,
            );
            // Retina asserts some of what it believes about packets. What a camera sends must not end its feed for ever; all
            // state that was touched is either begun anew with the next session or whole after every step.
            match AssertUnwindSafe(session).catch_unwind().await {
                Ok(failure) => failure,
                Err(_) => Failure::new(Kind::Framing, "what came could not be taken apart"),
            }
        };
        // Retina's part of this is large; kept off the stack of every poll.
        let played = Box::pin(played);
        let ended = tokio::select! {
            biased;
            wish = wish(&mut demand, revision, &stop) => Err(wish),
            failure = played => Ok(failure),
        };
        let wish = match ended {
            Ok(failure) => {
                teller.waits(false);
                let chance = rand::random::<f64>();
                let before = session.reason().map(|r| r.code);
                let input = Input::Failed { failure, chance };
                let Output::Retry(wait) = session.handle(Instant::now(), input) else {
                    continue;
                };
                log(feed.id, before, &session, wait);
                let now = Instant::now();
                teller.retry_at = Some(shared.wall(now + wait));
                teller.changed(&session, &assembler);
                teller.retry_at = None;
                tokio::select! {
                    () = sleep(wait) => continue,
                    wish = wish(&mut demand, revision, &stop) => wish,
                }
            }
            Err(wish) => {
                teller.waits(true);
                // The session was dropped with its future, and says goodbye in the background; a camera with few sessions must
                // have heard it before the next one asks.
                let _ = timeout(config.teardown_timeout, group.await_teardown()).await;
                teller.waits(false);
                wish
            }
        };
        match wish {
            Wish::Changed => {}
            Wish::Stop => break,
            Wish::Unused => {
                if shared.end_unused(feed.id, feed.number) {
                    tracing::debug!(feed = %feed.id, "no longer wanted");
                    break;
                }
            }
        }
    }
    // A frame may have arrived while the feed was being ended: what is said last must be that it has.
    session.handle(Instant::now(), Input::Stop);
    teller.ended(&session);
}

/// Waits until the session must end for other reasons than its own.
async fn wish(
    demand: &mut watch::Receiver<Demand>,
    revision: u64,
    stop: &CancellationToken,
) -> Wish {
    loop {
        let (ends, current) = {
            let demand = demand.borrow_and_update();
            (demand.ends, demand.revision)
        };
        if current != revision {
            return Wish::Changed;
        }
        // Counted from the last lease's end, over however many sessions have failed since.
        let until = ends.unwrap_or_else(Instant::now);
        tokio::select! {
            () = stop.cancelled() => return Wish::Stop,
            changed = demand.changed() => if changed.is_err() {
                return Wish::Stop;
            },
            () = sleep_until(until.into()), if ends.is_some() => return Wish::Unused,
        }
    }
}

/// An error is logged when it is new; the same one again is counted by `attempts`.
fn log(
    feed: FeedId,
    before: Option<media::ReasonCode>,
    session: &Session,
    wait: std::time::Duration,
) {
    let Some(reason) = session.reason() else {
        return;
    };
    let (wait_ms, attempts) = (wait.as_millis() as u64, session.attempts());
    if before == Some(reason.code) {
        tracing::debug!(%feed, %reason, attempts, wait_ms, "camera session ended again");
    } else {
        tracing::warn!(%feed, %reason, attempts, wait_ms, "camera session ended");
    }
}

/// Carries what happens in a session to the feed's ring and status.
struct Teller<'a> {
    shared: &'a Shared,
    id: FeedId,
    ring: &'a Ring,
    status: &'a watch::Sender<SourceStatus>,
    retry_at: Option<WallTime>,
    /// The thread that this runs on.
    beat: &'a Arc<Beat>,
    eager: Option<Eager>,
}

impl Teller<'_> {
    fn ended(&self, session: &Session) {
        let mut told = None;
        self.status.send_if_modified(|status| {
            if status.state == session.state() {
                return false;
            }
            status.state = session.state();
            status.retry_at = None;
            told = Some(status.clone());
            true
        });
        if let Some(status) = told {
            self.shared.announce(self.id, &status);
        }
    }
}

impl Events for Teller<'_> {
    fn changed(&mut self, session: &Session, assembler: &Assembler) {
        let (state, reason) = (session.state(), session.reason());
        let now = self.shared.wall(Instant::now());
        let mut told = None;
        self.status.send_if_modified(|status| {
            let moved = status.state != state;
            let changed = moved
                || status.reason.as_ref().map(|r| r.code) != reason.map(|r| r.code)
                || status.attempts != session.attempts()
                || status.retry_at != self.retry_at;
            if !changed {
                return false;
            }
            let told_before = (status.state, status.reason.as_ref().map(|r| r.code));
            if moved {
                status.since = now;
            }
            status.state = state;
            status.reason = reason.cloned();
            status.attempts = session.attempts();
            status.retry_at = self.retry_at;
            status.tracks = assembler.tracks().cloned();
            if state != media::SourceState::Live {
                status.bit_rate = media::BitRate(0);
                status.frame_rate_x100 = 0;
            }
            if told_before != (state, reason.map(|r| r.code)) {
                told = Some(status.clone());
            }
            true
        });
        if let Some(status) = told {
            tracing::debug!(feed = %self.id, state = ?status.state, reason = ?status.reason, "camera");
            self.shared.announce(self.id, &status);
        }
    }

    fn frame(&mut self, frame: Arc<Frame>) {
        self.ring.push(frame);
        if self.ring.is_watched() {
            threads::is_watched();
        }
    }

    fn clock_offset(&mut self, ms: i64) {
        self.status.send_if_modified(|status| {
            // Network delay and the camera's own rounding move it by a little with every report.
            let changed = status
                .clock_offset_ms
                .is_none_or(|known| known.abs_diff(ms) >= 10);
            if changed {
                status.clock_offset_ms = Some(ms);
            }
            changed
        });
    }

    fn measured(&mut self, assembler: &mut Assembler, now: Instant) {
        let (bits, frames) = assembler.rates(now);
        self.status.send_if_modified(|status| {
            if status.state != media::SourceState::Live {
                return false;
            }
            (status.bit_rate, status.frame_rate_x100) = (bits, frames);
            // Parameters may have changed in mid-stream.
            status.tracks = assembler.tracks().cloned();
            true
        });
        if bits.0 > 0 {
            self.shared.measured(self.id, bits);
        }
    }

    fn waits(&mut self, waits: bool) {
        match waits {
            true => _ = self.eager.get_or_insert_with(|| self.beat.eager()),
            false => self.eager = None,
        }
    }

    fn wall(&self, at: Instant) -> WallTime {
        self.shared.wall(at)
    }
}

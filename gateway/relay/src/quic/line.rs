//! A connection's task, and the connection as the thread's worker sees it: a frame is written to all viewers of the thread in one
//! go, without waking their tasks.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use media::ring::Bell;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{Control, carrier::Carrier, driver::Driver, streams::Streams};
use crate::{
    Close, End, Shared, Viewer,
    dispatch::{Dispatch, Due, Fresh, Line, Sent},
    listed::Listed,
    session::{Delivery, Input, Session},
    stats::Counters,
};

/// A connection that its own task and the worker share. Both are on one thread: the lock is never waited for.
struct Shell {
    bell: Notify,
    hot: Mutex<Hot>,
}

struct Hot {
    /// None once the task has ended.
    driver: Option<Driver>,
    /// The task's: whoever writes on its behalf leaves it to be woken when there is room again.
    waker: Waker,
    /// What the worker's turn came to.
    close: Option<Close>,
}

impl Shell {
    fn lock(&self) -> MutexGuard<'_, Hot> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line for Shell {
    fn offer(&self, frames: &[Fresh], due: Due<'_>) -> Sent {
        let mut hot = self.lock();
        let Hot {
            driver: Some(driver),
            waker,
            close,
        } = &mut *hot
        else {
            return Sent::default();
        };
        let mut cx = Context::from_waker(waker);
        // All of it leaves at once, while the connection's state is in the cache.
        driver.hold();
        let mut sent = Sent::default();
        if !driver.offer(frames, due, &mut cx, &mut sent) {
            driver.land();
            let (version, pace) = (driver.session.sources_version(), driver.pace());
            match driver.pump(&mut cx) {
                Ok(pumped) => {
                    driver.take_off();
                    sent.add(pumped);
                    let same = version == driver.session.sources_version();
                    if !same || driver.pace() < pace {
                        self.bell.notify_one();
                    }
                }
                Err(why) => {
                    *close = Some(why);
                    self.bell.notify_one();
                }
            }
        }
        driver.flush();
        sent
    }

    fn ring(&self) {
        self.bell.notify_one();
    }

    fn fail(&self) {
        self.lock().close = Some(Close::new(Close::INTERNAL, "a fault in the gateway"));
        self.bell.notify_one();
    }
}

/// What a recording that was read rings: the task, if it is still there.
#[derive(Debug)]
struct Task(Weak<Shell>);

impl Bell for Task {
    fn ring(&self) {
        if let Some(shell) = self.0.upgrade() {
            shell.bell.notify_one();
        }
    }
}

impl std::fmt::Debug for Shell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shell")
    }
}

/// Ends the connection's part of the worker when its task is dropped.
struct Live(Arc<Shell>);

impl Drop for Live {
    fn drop(&mut self) {
        let driver = self.0.lock().driver.take();
        if let Some(mut driver) = driver {
            driver.leave();
        }
    }
}

/// Runs a viewer's connection until either side ends it.
pub(super) async fn drive(
    shared: &Arc<Shared>,
    dispatch: &Dispatch,
    mut carrier: Carrier,
    viewer: Viewer,
    control: Control,
    listed: Listed,
) -> End {
    let revoked = viewer.revoked.clone();
    let session = Session::new(
        shared.config.clone(),
        Arc::clone(&shared.host),
        viewer,
        None,
        Delivery::Groups,
        shared.wall(),
    );
    let streams = Streams::new(
        carrier.connection.clone(),
        carrier.head.clone(),
        carrier.stale,
    );
    let driver = Driver::new(Arc::clone(shared), session, listed, streams, control);
    let live = Live(Arc::new(Shell {
        bell: Notify::new(),
        hot: Mutex::new(Hot {
            driver: Some(driver),
            waker: Waker::noop().clone(),
            close: None,
        }),
    }));
    let shell = Arc::clone(&live.0);
    if let Some(driver) = &shell.lock().driver {
        let task = Arc::new(Task(Arc::downgrade(&shell)));
        driver.session.wake_for_recordings(task);
    }
    let mut seat = dispatch.seat();
    let mut revoked = pin!(revoked.cancelled());
    // One of its own: waiting on the shared one would be a lock that all viewers meet at.
    let cancel = shared.cancel.child_token();
    let mut stopped = pin!(cancel.cancelled());
    let mut wake = Instant::now();
    let mut tick = pin!(sleep_until(wake));
    let mut rung = pin!(shell.bell.notified());
    let mut followed = 0;
    let why = poll_fn(|cx| {
        if let Poll::Ready(over) = carrier.poll_over(cx) {
            return Poll::Ready(over.end());
        }
        if stopped.as_mut().poll(cx).is_ready() {
            let close = Close::new(Close::GOING_AWAY, "the gateway is shutting down");
            return Poll::Ready(Err(close));
        }
        if revoked.as_mut().poll(cx).is_ready() {
            let close = Close::new(Close::POLICY, "the session has ended");
            return Poll::Ready(Err(close));
        }
        let mut hot = shell.lock();
        if let Some(close) = hot.close.take() {
            return Poll::Ready(Err(close));
        }
        if !hot.waker.will_wake(cx.waker()) {
            hot.waker = cx.waker().clone();
        }
        let Some(driver) = &mut hot.driver else {
            return Poll::Ready(Ok(End::Left));
        };
        driver.land();
        loop {
            // Armed again before anybody looks at what it rang for, so no ring is lost.
            while rung.as_mut().poll(cx).is_ready() {
                rung.set(shell.bell.notified());
            }
            match driver.poll_streams(cx) {
                Ok(sent) => count(shared, sent),
                Err(close) => return Poll::Ready(Err(close)),
            }
            let session = &mut driver.session;
            if driver.watches.follow(session) {
                session.handle(Instant::now().into_std(), Input::Status);
                continue;
            }
            if followed != session.sources_version() {
                followed = session.sources_version();
                let config = &shared.config;
                let many = session.tiles() >= config.gather_from_tiles as usize;
                let rings = session.rings().cloned().collect();
                let line = Arc::clone(&shell) as Arc<dyn Line>;
                seat.follow(line, rings, many && config.gather_ms > 0);
            }
            if driver.watches.poll_changed(cx).is_ready() {
                session.handle(Instant::now().into_std(), Input::Status);
                continue;
            }
            let due = driver.wake_at();
            if due < wake {
                wake = due;
                tick.as_mut().reset(wake);
            }
            if tick.as_mut().poll(cx).is_pending() {
                driver.take_off();
                return Poll::Pending;
            }
            match driver.tick() {
                Ok(next) => wake = next,
                Err(close) => return Poll::Ready(Err(close)),
            }
            tick.as_mut().reset(wake);
        }
    })
    .await;
    drop(seat);
    drop(live);
    match why {
        Ok(end) => end,
        Err(why) => {
            carrier.close(&why).await;
            End::Closed(why)
        }
    }
}

fn count(shared: &Shared, sent: Sent) {
    Counters::add(&shared.counters.sent_messages, sent.messages);
    Counters::add(&shared.counters.sent_bytes, sent.bytes);
}

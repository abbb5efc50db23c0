//! Where a worker is reached: what rings it, what is asked of it, and how it is woken.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release, SeqCst},
        },
    },
    thread::Thread,
};

use media::{Ring, ring::Bell};
use tokio::sync::Notify;

use super::Line;

/// Where a worker is reached.
pub(super) struct Post {
    inbox: Mutex<Inbox>,
    sleeper: Sleeper,
    /// A beat is due: what only gathers need not wake the worker before it.
    beating: AtomicBool,
    /// The worker is to end.
    closed: AtomicBool,
    /// What its lines cost, in shares.
    pub(super) load: AtomicUsize,
}

/// Between what happens at once: here another thread may come first. Nothing, but for who tries all orders.
#[inline]
pub(crate) fn step() {
    #[cfg(test)]
    super::interleave::step();
}

/// Who sleeps here.
enum Sleeper {
    Task(Notify),
    /// Set by the thread itself before it first looks into the inbox.
    Thread(OnceLock<Thread>),
    #[cfg(test)]
    Test(Arc<AtomicBool>),
}

#[derive(Default)]
pub(super) struct Inbox {
    /// Lanes by key.
    pub(super) rung: Vec<usize>,
    pub(super) requests: Vec<Request>,
}

pub(super) enum Request {
    /// From now on this line watches these rings and no others.
    Follow {
        line: u64,
        reach: Arc<dyn Line>,
        rings: Vec<Ring>,
        gathers: bool,
    },
    Leave(u64),
}

impl Post {
    pub(super) fn of_task() -> Self {
        Self::of(Sleeper::Task(Notify::new()))
    }

    pub(super) fn of_thread() -> Self {
        Self::of(Sleeper::Thread(OnceLock::new()))
    }

    /// Wakes nobody, but notes that it would.
    #[cfg(test)]
    pub(super) fn of_test() -> (Self, Arc<AtomicBool>) {
        let woken = Arc::new(AtomicBool::new(false));
        (Self::of(Sleeper::Test(Arc::clone(&woken))), woken)
    }

    fn of(sleeper: Sleeper) -> Self {
        Self {
            inbox: Mutex::default(),
            sleeper,
            beating: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            load: AtomicUsize::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask(&self, request: Request) {
        self.lock().requests.push(request);
        step();
        self.wake();
    }

    /// All that came, into `inbox`, whose buffers are used again.
    pub(super) fn empty(&self, inbox: &mut Inbox) {
        step();
        debug_assert!(inbox.rung.is_empty() && inbox.requests.is_empty());
        std::mem::swap(&mut *self.lock(), inbox);
    }

    /// Whether a beat is due from now on. Ended before the inbox is emptied: whoever still sees the beat is in it.
    pub(super) fn beats(&self, due: bool) {
        step();
        self.beating.store(due, Release);
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Release);
        self.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
    }

    pub(super) fn wake(&self) {
        match &self.sleeper {
            Sleeper::Task(bell) => bell.notify_one(),
            Sleeper::Thread(thread) => {
                // Not there yet: it will look before it sleeps.
                if let Some(thread) = thread.get() {
                    thread.unpark();
                }
            }
            #[cfg(test)]
            Sleeper::Test(woken) => woken.store(true, SeqCst),
        }
    }

    /// The thread that sleeps here is the one that calls.
    pub(super) fn moved_in(&self) {
        if let Sleeper::Thread(thread) = &self.sleeper {
            thread.get_or_init(std::thread::current);
        }
    }

    /// Woken by [`Post::wake`]; of a worker that is a task.
    pub(super) async fn woken(&self) {
        match &self.sleeper {
            Sleeper::Task(bell) => bell.notified().await,
            _ => std::future::pending().await,
        }
    }
}

/// Rung by a ring on behalf of a worker.
pub(super) struct LaneBell {
    post: Arc<Post>,
    key: usize,
    queued: AtomicBool,
    /// Nobody in the lane is in a hurry.
    gathers: AtomicBool,
    #[cfg(test)]
    me: std::sync::Weak<Self>,
}

impl LaneBell {
    pub(super) fn new(post: Arc<Post>, key: usize, gathers: bool) -> Arc<Self> {
        Arc::new_cyclic(|_me| Self {
            post,
            key,
            queued: AtomicBool::new(false),
            gathers: AtomicBool::new(gathers),
            #[cfg(test)]
            me: _me.clone(),
        })
    }

    pub(super) fn ring_now(&self) {
        step();
        if self.queued.swap(true, SeqCst) {
            return;
        }
        step();
        self.post.lock().rung.push(self.key);
        step();
        if !(self.gathers() && self.post.beating.load(Acquire)) {
            self.post.wake();
        }
    }

    /// Before the ring is looked into: what comes after the look rings again.
    pub(super) fn rearm(&self) {
        step();
        self.queued.store(false, SeqCst);
        step();
    }

    pub(super) fn gathers(&self) -> bool {
        self.gathers.load(Relaxed)
    }

    pub(super) fn set_gathers(&self, gathers: bool) {
        self.gathers.store(gathers, Relaxed);
    }
}

impl Bell for LaneBell {
    fn ring(&self) {
        #[cfg(test)]
        if super::interleave::defer(&self.me) {
            return;
        }
        self.ring_now();
    }
}

impl fmt::Debug for LaneBell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LaneBell({})", self.key)
    }
}

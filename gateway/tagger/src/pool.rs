//! The decoding threads: a bounded number, fed by all cameras, one camera on one thread at a time.
//!
//! A camera whose work waits for too long loses it, up to its next key frame, rather than hold up the others: bounds in pieces
//! a camera and in bytes over all.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use crate::eye::{Eye, Outcome, Work};

/// A feed's place in the pool.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) eye: Mutex<Eye>,
    queue: Mutex<Queue>,
    pub(crate) moving: AtomicBool,
    pub(crate) differs: AtomicBool,
    limit: usize,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// On the ready list, or being worked on.
    scheduled: bool,
    /// Work was left out: what continues it is useless.
    broken: bool,
}

/// What a post can be asked to do.
#[derive(Debug)]
pub(crate) enum Item {
    Look(Work),
    /// No frame since, and the time now, seconds of the feed's time.
    Silence(f64, f64),
    Finish,
}

/// What is done with an outcome: given the post's eye (for its clock).
pub(crate) type Report = Box<dyn Fn(&Post, &Eye, Outcome, u64) + Send + Sync>;

struct Ready {
    post: Arc<Post>,
    report: Arc<Report>,
}

/// The threads and what waits for them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    ready: Mutex<VecDeque<Ready>>,
    bell: Condvar,
    stop: AtomicBool,
    bytes: AtomicU64,
    /// Pieces handed in and not done with yet.
    waiting: AtomicUsize,
    max_bytes: u64,
}

impl Post {
    pub(crate) fn new(eye: Eye, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            eye: Mutex::new(eye),
            queue: Mutex::default(),
            moving: AtomicBool::new(false),
            differs: AtomicBool::new(false),
            limit: limit.clamp(2, 256),
        })
    }
}

impl Pool {
    pub(crate) fn start(threads: usize, max_bytes: u64) -> Self {
        let shared = Arc::new(Shared {
            ready: Mutex::default(),
            bell: Condvar::new(),
            stop: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            max_bytes,
        });
        let spawn = |n| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name(format!("tagger-{n}"))
                .spawn(move || shared.run())
                .inspect_err(|error| tracing::error!(%error, "no thread for the tagger"))
                .ok()
        };
        let threads = (0..threads.clamp(1, 64)).filter_map(spawn).collect();
        Self {
            shared,
            threads: Mutex::new(threads),
        }
    }

    /// Hands in something to do; says how many frames were left out because too much waits already. Never blocks.
    pub(crate) fn give(&self, post: &Arc<Post>, item: Item, report: &Arc<Report>) -> u64 {
        let shared = &self.shared;
        let mut queue = lock(&post.queue);
        let (bytes, frames) = item.cost();
        let full = queue.items.len() >= post.limit
            || shared.bytes.load(Ordering::Relaxed).saturating_add(bytes) > shared.max_bytes;
        if full && matches!(item, Item::Silence(..)) {
            // The next second brings another.
            return 0;
        }
        if let Item::Look(work) = &item {
            if work.fresh && !full {
                queue.broken = false;
            } else if full || queue.broken {
                queue.broken = true;
                return frames;
            }
        }
        shared.bytes.fetch_add(bytes, Ordering::Relaxed);
        shared.waiting.fetch_add(1, Ordering::AcqRel);
        queue.items.push_back(item);
        if !std::mem::replace(&mut queue.scheduled, true) {
            drop(queue);
            shared.push(Ready {
                post: Arc::clone(post),
                report: Arc::clone(report),
            });
        }
        0
    }

    /// Pieces of work handed in and not done with yet.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Acquire)
    }

    /// Tells the threads to end after what they are at; returns them to be joined.
    pub(crate) fn stop(&self) -> Vec<JoinHandle<()>> {
        self.shared.stop.store(true, Ordering::Release);
        // Under the lock, so that no thread is between looking and waiting.
        drop(lock(&self.shared.ready));
        self.shared.bell.notify_all();
        std::mem::take(&mut *lock(&self.threads))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn push(&self, ready: Ready) {
        lock(&self.ready).push_back(ready);
        self.bell.notify_one();
    }

    fn run(&self) {
        while let Some(ready) = self.next() {
            // One piece, then the next camera: a long group does not starve the others.
            let item = lock(&ready.post.queue).items.pop_front();
            if let Some(item) = item {
                self.bytes.fetch_sub(item.cost().0, Ordering::Relaxed);
                self.serve(&ready, item);
                self.waiting.fetch_sub(1, Ordering::AcqRel);
            }
            let mut queue = lock(&ready.post.queue);
            if queue.items.is_empty() {
                queue.scheduled = false;
            } else {
                drop(queue);
                self.push(ready);
            }
        }
    }

    fn serve(&self, ready: &Ready, item: Item) {
        let mut eye = lock(&ready.post.eye);
        let frames = item.cost().1;
        let outcome = match item {
            Item::Look(work) => eye.look(&work),
            Item::Silence(since, at) => eye.silence(since, at),
            Item::Finish => eye.end(),
        };
        ready.post.moving.store(outcome.moving, Ordering::Relaxed);
        if outcome.differs {
            ready.post.differs.store(true, Ordering::Relaxed);
        }
        (ready.report)(&ready.post, &eye, outcome, frames);
    }

    fn next(&self) -> Option<Ready> {
        let mut ready = lock(&self.ready);
        loop {
            if self.stop.load(Ordering::Acquire) {
                return None;
            }
            if let Some(next) = ready.pop_front() {
                return Some(next);
            }
            ready = self
                .bell
                .wait(ready)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Item {
    /// Bytes and frames.
    fn cost(&self) -> (u64, u64) {
        match self {
            Self::Look(work) => (work.bytes(), work.frames.len() as u64),
            _ => (0, 0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

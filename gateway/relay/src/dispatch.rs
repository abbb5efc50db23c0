//! One wake a worker and frame, not one a viewer: a worker has a cursor of its own in every ring that its viewers watch, and
//! hands each frame to all of them in one go.
//!
//! ```text
//! ring --bell--> worker --frame--> line, line, line ...      a line: a viewer's connection, and its own task behind it
//! ```
//!
//! A line that has taken everything so far takes the frame and writes it at once, straight from the worker's own reference:
//! no look into the ring, no queue, no wake-up, no count of references. One that cannot (it is blocked, has just joined, is
//! switching, something else comes first) is rung, and its own task does what is due from the ring by the session's rules. So
//! the worker is a shortcut, and whether it is taken never changes what a viewer receives.
//!
//! Lines with many tiles gather: their frames wait in the ring until the beat, [`Config::gather_ms`] after the one before, and
//! go in one call for each line. While frames come at all, the worker sleeps from beat to beat and nothing wakes it between.
//!
//! A worker is a thread of its own (`drive.rs`): a runtime's scheduler, woken for a frame, wakes another thread to look after its
//! timers and sockets meanwhile, and every wake of an idle processor costs as much as a viewer's write. On a runtime with one
//! thread, which has no such cost, it is a task there, so that tests hold in virtual time.
//!
//! What always holds:
//! - A frame that comes after a line's first ring for a feed is either handed to it or rung for: the cursor is placed before
//!   that ring, and what the ring held before is found by the line's task.
//! - The worker never waits for a line: a write that does not go is left to the line's task.
//! - Frames are held back for [`Config::gather_ms`] at most, and [`MAX_GATHERED_BYTES`].
//! - A line that panics loses its connection; the worker goes on with all others, and none of them misses a frame.

mod drive;
#[cfg(test)]
pub(crate) mod interleave;
mod post;
mod worker;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use media::{Frame, Ring};

use crate::{Config, stats::Counters};
use drive::Workers;
pub(crate) use post::step;
use post::{Post, Request};

/// More than this is not gathered but sent.
const MAX_GATHERED_BYTES: usize = 4 * 1024 * 1024;
/// A worker is filled up to this before the next is used: 256 viewers of one camera at 25 frames a second keep a
/// thread busy for a twentieth of its time, and the last of them waits 1.5 ms.
const SHARES_A_WORKER: usize = 256 * SHARES_IN_A_HURRY;
/// What a ring that is watched counts: one that gathers costs a call for several.
const SHARES_IN_A_HURRY: usize = 4;
const SHARES_GATHERING: usize = 1;
/// From so many lines on a frame is put into one piece for them.
const JOIN_FROM: usize = 8;

/// A viewer's connection, as a worker sees it.
pub(crate) trait Line: Send + Sync {
    /// Takes and writes what it can of these frames. What it cannot take it leaves in the ring, and sees to it that its own
    /// task looks there.
    fn offer(&self, frames: &[Fresh], due: Due<'_>) -> Sent;

    /// Something of what [`Line::offer`] looks at first, for the processor to fetch from memory.
    fn warm(&self) -> bool {
        false
    }

    /// Wakes its own task.
    fn ring(&self);

    /// Handing it something has failed in a way that must not be: its own task is to end the connection.
    fn fail(&self) {
        self.ring();
    }
}

/// A frame just read from a ring.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// Where in its ring.
    pub(crate) position: u64,
    pub(crate) frame: Arc<Frame>,
    /// The fragment in one piece, with its WebSocket header, where there are many lines to send it to.
    pub(crate) whole: Option<Bytes>,
}

impl Fresh {
    /// One copy for all: `send` of one piece costs the kernel a twentieth less than `writev` of two, for every line.
    fn join(&mut self) {
        self.whole = Some(joined(std::iter::once(&*self.frame)));
    }
}

/// The fragments of these frames with their WebSocket headers, one after the other.
fn joined<'a>(frames: impl Iterator<Item = &'a Frame> + Clone) -> Bytes {
    let pieces = || {
        frames.clone().flat_map(|frame| {
            [
                frame.fragment().websocket_head(),
                frame.fragment().payload(),
            ]
        })
    };
    let mut whole = Vec::with_capacity(pieces().map(Bytes::len).sum());
    pieces().for_each(|piece| whole.extend_from_slice(piece));
    whole.into()
}

/// Which frames are for a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due<'a> {
    /// All of them.
    All,
    /// Those with these indices; beside each, how many rings the line named before that one when it followed.
    Only(&'a [(u32, u32)]),
    /// The same, with all their fragments in one piece.
    Joined(&'a [(u32, u32)], &'a Bytes),
}

impl<'a> Due<'a> {
    /// The frames, each with a hint where its tile stands.
    pub(crate) fn of<'f>(
        self,
        frames: &'f [Fresh],
    ) -> impl Iterator<Item = (&'f Fresh, usize)> + use<'a, 'f> {
        let (all, only) = match self {
            Self::All => (frames, &[][..]),
            Self::Only(only) | Self::Joined(only, _) => (&[][..], only),
        };
        let listed = only
            .iter()
            .filter_map(|(index, hint)| Some((frames.get(*index as usize)?, *hint as usize)));
        all.iter().map(|fresh| (fresh, 0)).chain(listed)
    }
}

/// What a line wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) calls: u64,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// All workers, one a processor.
pub(crate) struct Dispatch {
    posts: Arc<[Arc<Post>]>,
    lines: AtomicU64,
    /// Ends the workers with the relay.
    _workers: Workers,
}

impl Dispatch {
    /// Starts the workers; within a runtime.
    pub(crate) fn start(config: &Config, counters: &Arc<Counters>) -> Self {
        let handle = tokio::runtime::Handle::current();
        if handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::CurrentThread {
            return Self::as_tasks(JOIN_FROM, config, counters);
        }
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let posts: Arc<[Arc<Post>]> = (0..count).map(|_| Arc::new(Post::of_thread())).collect();
        let workers = Workers::threads(&posts, |post| {
            worker::Worker::new(
                post,
                worker::Beat::of(config),
                JOIN_FROM,
                Arc::clone(counters),
            )
        });
        match workers {
            Ok(workers) => Self::over(posts, workers),
            Err(error) => {
                tracing::error!(%error, "no threads for the relay's workers; they run as tasks");
                Self::as_tasks(JOIN_FROM, config, counters)
            }
        }
    }

    /// One worker, for lines that all live on the thread of the runtime that this is called in, and send no WebSocket frames.
    pub(crate) fn on_this_thread(config: &Config, counters: &Arc<Counters>) -> Self {
        Self::as_tasks(usize::MAX, config, counters)
    }

    fn as_tasks(join_from: usize, config: &Config, counters: &Arc<Counters>) -> Self {
        let posts: Arc<[Arc<Post>]> = Arc::new([Arc::new(Post::of_task())]);
        let workers = Workers::tasks(&posts, |post| {
            worker::Worker::new(
                post,
                worker::Beat::of(config),
                join_from,
                Arc::clone(counters),
            )
        });
        Self::over(posts, workers)
    }

    fn over(posts: Arc<[Arc<Post>]>, workers: Workers) -> Self {
        Self {
            posts,
            lines: AtomicU64::new(0),
            _workers: workers,
        }
    }

    /// A place for a line. Its worker is chosen when it first watches something.
    pub(crate) fn seat(&self) -> Seat {
        Seat {
            posts: Arc::clone(&self.posts),
            post: None,
            line: self.lines.fetch_add(1, Relaxed),
            shares: 0,
        }
    }
}

/// A line's place with its worker; given back when dropped.
pub(crate) struct Seat {
    posts: Arc<[Arc<Post>]>,
    post: Option<Arc<Post>>,
    line: u64,
    shares: usize,
}

impl Seat {
    /// The line watches these rings from now on. It is rung once for each that is new, when nothing of it can be missed.
    pub(crate) fn follow(&mut self, reach: Arc<dyn Line>, rings: Vec<Ring>, gathers: bool) {
        if self.post.is_none() && rings.is_empty() {
            return;
        }
        let post = self.post.get_or_insert_with(|| choose(&self.posts));
        let shares = rings.len()
            * match gathers {
                true => SHARES_GATHERING,
                false => SHARES_IN_A_HURRY,
            };
        post.load.fetch_add(shares, Relaxed);
        post.load.fetch_sub(self.shares, Relaxed);
        self.shares = shares;
        post.ask(Request::Follow {
            line: self.line,
            reach,
            rings,
            gathers,
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(post) = &self.post {
            post.load.fetch_sub(self.shares, Relaxed);
            post.ask(Request::Leave(self.line));
        }
    }
}

/// Few lines are served by one worker: each that wakes for a frame is a wake-up more. Many are spread.
fn choose(posts: &[Arc<Post>]) -> Arc<Post> {
    let load = |post: &&Arc<Post>| post.load.load(Relaxed);
    let packed = posts.iter().find(|post| load(post) < SHARES_A_WORKER);
    let post = packed.or_else(|| posts.iter().min_by_key(load));
    Arc::clone(post.expect("there is at least one worker"))
}

impl Sent {
    pub(crate) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

//! What happens in front of the cameras, without anybody looking: motion, and pictures that are lost, frozen, dark or covered.
//!
//! ```text
//! Ring --cursor--> Watch (a task a feed) --Work--> Pool --> Eye: decode, judge --Tag--> gateway: fold into an Event
//!                    |        ^                   (threads)   |
//!       sizes, keys  v        | yes, no                       | what it took
//!                  Schedule (one budget for all) <------------+
//! ```
//! - [`bitstream`] reads what the sizes of pictures say, without decoding; [`watch`] decides from that, frame by frame, what is
//!   worth looking at; [`schedule`] keeps all cameras together inside one budget.
//! - [`eye`] decodes on a thread of the pool; [`judge`] turns pictures into what begins, goes on and ends, by [`motion`] and
//!   [`quality`].
//! - [`rules`] folds repeated tags into one event; the gateway calls it, since the gateway keeps the events.
//!
//! What always holds:
//! - Nothing waits without bound: work in pieces a camera and in bytes over all, tags in a bounded channel. Who is late is
//!   skipped to a key frame; neither the ring nor another camera notices.
//! - What is judged is plain values in the feed's own time: a file ([`file`]) and a live camera give the same findings, as long
//!   as the budget lasts.
//! - Thresholds are relative to the scene (its noise, its contrast, the size of what moves in it), not to a camera.
//! - A finding's end is the last moment it was seen, not when it was given up.
//!
//! What does not belong here: words for users, who gets told, where events are kept, connections that are lost (`ingest` knows).

mod align;
pub mod bitstream;
pub mod config;
pub mod error;
pub mod eye;
mod feed;
pub mod file;
pub mod judge;
pub mod motion;
pub mod picture;
mod pool;
pub mod quality;
pub mod region;
pub mod rules;
#[cfg(test)]
mod scene;
pub mod schedule;
pub mod snapshot;
pub mod stopwatch;
pub mod tag;
pub mod watch;
pub mod zone;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use media::{CameraId, Lease};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use config::Config;
pub use error::Error;
pub use file::{tag_file, tag_file_with};
pub use rules::Folding;
pub use stopwatch::Stopwatch;
pub use tag::{Finding, Phase, Tag};
pub use zone::Zone;

use crate::{eye::Decoders, feed::Shared, pool::Pool, schedule::Schedule};

/// The running tagger. Clones are handles to the same one.
#[derive(Clone)]
pub struct Tagger(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    cancel: CancellationToken,
    tasks: TaskTracker,
    watched: Mutex<HashMap<CameraId, Watched>>,
}

/// A camera that is watched.
struct Watched {
    cancel: CancellationToken,
    zones: Vec<Zone>,
}

/// What the tagger has done since it started, and what it is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Cameras watched.
    pub watched: usize,
    /// Cameras of which every picture is decoded just now.
    pub awake: usize,
    /// Pieces of work that wait or are worked on.
    pub waiting: usize,
    /// Frames read and judged worth looking at or not.
    pub read_frames: u64,
    /// Pictures decoded.
    pub decoded_pictures: u64,
    /// Time spent decoding and judging, milliseconds.
    pub decode_ms: u64,
    /// Pictures left out because the tagger was late or out of budget.
    pub skipped_pictures: u64,
    /// Pictures that did not decode.
    pub failed_pictures: u64,
    /// Tags dropped because nobody took them.
    pub dropped_tags: u64,
}

impl Tagger {
    /// Starts the decoding threads. Within a tokio runtime. Tags come out of the receiver; the tagger ends when `cancel` is.
    pub fn start(config: Config, cancel: CancellationToken) -> (Self, mpsc::Receiver<Tag>) {
        Self::start_by(config, cancel, Stopwatch::start())
    }

    /// As [`Tagger::start`]; the budget, what looking costs and how long a camera is silent go by this stopwatch.
    pub fn start_by(
        config: Config,
        cancel: CancellationToken,
        stopwatch: Stopwatch,
    ) -> (Self, mpsc::Receiver<Tag>) {
        let (tags, receiver) = mpsc::channel(config.queue_tags.clamp(16, 65_536));
        let shared = Shared {
            pool: Pool::start(config.threads, config.queue_bytes),
            schedule: Mutex::new(Schedule::new(config.budget.clone())),
            decoders: Arc::new(Decoders::default()),
            stopwatch,
            counts: Default::default(),
            config,
            tags,
        };
        let inner = Inner {
            shared: Arc::new(shared),
            cancel,
            tasks: TaskTracker::new(),
            watched: Mutex::default(),
        };
        (Self(Arc::new(inner)), receiver)
    }

    /// Watches a feed (its sub stream, as a rule), in these zones only or everywhere if there are none. Replaces what was
    /// watched of this camera before. Within a tokio runtime; never blocks.
    pub fn watch(&self, lease: Lease, zones: Vec<Zone>) {
        let inner = &self.0;
        let camera = lease.feed.id.camera;
        let cancel = inner.cancel.child_token();
        let watched = Watched {
            cancel: cancel.clone(),
            zones: zones.clone(),
        };
        if let Some(before) = inner.lock().insert(camera, watched) {
            before.cancel.cancel();
        }
        inner
            .tasks
            .spawn(feed::run(Arc::clone(&inner.shared), lease, zones, cancel));
    }

    /// Stops watching; an open tag of it ends.
    pub fn unwatch(&self, camera: CameraId) {
        if let Some(watched) = self.0.lock().remove(&camera) {
            watched.cancel.cancel();
        }
    }

    /// In which zones a camera is watched, where it is; none in it: everywhere.
    pub fn zones(&self, camera: CameraId) -> Option<Vec<Zone>> {
        self.0.lock().get(&camera).map(|w| w.zones.clone())
    }

    /// What it does and has done.
    pub fn stats(&self) -> Stats {
        Stats {
            watched: self.0.lock().len(),
            waiting: self.0.shared.pool.waiting(),
            ..self.0.shared.counts.stats()
        }
    }

    /// Stops every task and thread; open tags are left open. Takes at most two seconds: a thread in the middle of a group is
    /// left to end by itself.
    pub async fn shutdown(&self) {
        self.0.cancel.cancel();
        self.0.tasks.close();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.0.tasks.wait()).await;
        let threads = self.0.shared.pool.stop();
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    tracing::error!("a thread of the tagger panicked");
                }
            }
        });
        let _ = tokio::time::timeout(Duration::from_secs(1), joined).await;
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashMap<CameraId, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Tagger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tagger({:?})", self.stats())
    }
}

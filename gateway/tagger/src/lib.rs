//! What happens in front of the cameras, without anybody looking.

pub mod bitstream;
pub mod config;
pub mod error;
pub mod eye;
pub mod file;
pub mod judge;
pub mod motion;
pub mod picture;
pub mod quality;
pub mod region;
pub mod rules;
#[cfg(test)]
mod scene;
pub mod schedule;
pub mod snapshot;
pub mod tag;
pub mod zone;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use media::{CameraId, Lease};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use error::Error;
pub use file::{tag_file, tag_file_with};
pub use rules::Folding;
pub use tag::{Finding, Phase, Tag};
pub use zone::Zone;

/// The running tagger. Clones are handles to the same one.
#[derive(Clone)]
pub struct Tagger(Arc<Inner>);

struct Inner {
    cancel: CancellationToken,
    watched: Mutex<HashMap<CameraId, Watched>>,
    _tags: mpsc::Sender<Tag>,
}

struct Watched {
    _lease: Lease,
    _zones: Vec<Zone>,
}

/// What the tagger has done since it started, and what it is at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// Cameras watched.
    pub watched: usize,
    /// Cameras of which every picture is decoded just now.
    pub awake: usize,
    /// Pictures decoded.
    pub decoded_pictures: u64,
    /// Time spent decoding and judging, milliseconds.
    pub decode_ms: u64,
    /// Pictures left out because the tagger was late or out of budget.
    pub skipped_pictures: u64,
    /// Pictures that did not decode.
    pub failed_pictures: u64,
}

impl Tagger {
    /// Starts the decoding threads. Within a tokio runtime. Tags come out of the receiver; the tagger ends when `cancel` is.
    pub fn start(config: Config, cancel: CancellationToken) -> (Self, mpsc::Receiver<Tag>) {
        let (tags, receiver) = mpsc::channel(config.queue_tags.clamp(16, 65_536));
        let inner = Inner {
            cancel,
            watched: Mutex::default(),
            _tags: tags,
        };
        (Self(Arc::new(inner)), receiver)
    }

    /// Watches a feed (its sub stream, as a rule), in these zones only or everywhere if there are none. Replaces what was
    /// watched of this camera before.
    pub fn watch(&self, lease: Lease, zones: Vec<Zone>) {
        let mut watched = self
            .0
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = Watched {
            _lease: lease,
            _zones: zones,
        };
        watched.insert(entry._lease.feed.id.camera, entry);
    }

    /// Stops watching; an open tag of it ends.
    pub fn unwatch(&self, camera: CameraId) {
        self.0
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&camera);
    }

    /// What it does and has done.
    pub fn stats(&self) -> Stats {
        Stats {
            watched: self
                .0
                .watched
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .len(),
            ..Stats::default()
        }
    }

    /// Stops every task and thread; open tags are left open. Bounded to about a second.
    pub async fn shutdown(&self) {
        self.0.cancel.cancel();
    }
}

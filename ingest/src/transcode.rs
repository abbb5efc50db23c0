//! Feeds derived from feeds, for viewers who cannot decode what a camera sends: pictures as H.264, sound as AAC.
//!
//! ```text
//!   original Ring --cursor--> task --one frame--> worker's thread: GStreamer --units--> task --> derived Ring --> viewers
//!                              |  what needs no re-encoding is passed on: the same bytes         ^
//!                              +----------------------------------------------------------------+
//! ```
//!
//! A derived feed is a [`Feed`] as any other, with a number of its own, so nobody behind the ring needs to know. It does one thing:
//! re-encodes the pictures, or the sound, and passes the other on. One that does both is a re-encoding of pictures derived from
//! the feed that re-encodes the sound; so each is done once a feed, however many viewers want it in which combination.
//!
//! What always holds:
//! - One pipeline a feed and kind; it ends after its last lease and a grace period. Its leases hold leases of the original.
//! - Their number is capped by [`Config`]; a refusal says so. One without viewers gives way.
//! - Nothing piles up: a pipeline works on one frame at a time, in a thread of its own, and what it is too slow for is skipped in
//!   the original's ring, to a key frame.
//! - Media time and capture time are the original's; sound stays in step with pictures to a few milliseconds.
//! - A pipeline that fails or stands still is begun anew, with growing waits; viewers are told by the feed's status.
//! - A camera that goes over to what needs no re-encoding, or back, changes the feed at a key frame, without an end.
//!
//! What does not belong here: who may watch, and who needs it (the gateway's `codecs`).

mod chain;
mod config;
mod encoder;
mod publish;
mod sound;
mod task;
#[cfg(test)]
mod tests;
mod video;
mod worker;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use media::{Feed, FeedId, Lease, Reason, ReasonCode, Ring, SourceState, SourceStatus, WallTime};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use config::Config;
pub use encoder::{Encoders, SoundEncoder, VideoEncoder};
use task::Task;
use worker::{Figures, Work};

use crate::supervisor::{self, Supervisor};

/// What is re-encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Pictures, to H.264.
    Video,
    /// Sound, to AAC.
    Sound,
}

impl Kind {
    /// `video` or `sound`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Sound => "sound",
        }
    }
}

/// All re-encodings of a gateway. Clones are handles to the same ones.
#[derive(Clone, Debug)]
pub struct Transcodes(Arc<Hub>);

/// A re-encoding that runs.
#[derive(Clone, Debug)]
pub struct Running {
    /// Of which feed.
    pub feed: FeedId,
    /// Of what.
    pub kind: Kind,
    /// By which element of GStreamer.
    pub encoder: &'static str,
    /// Whether a device does the work.
    pub hardware: bool,
    /// Leases on it.
    pub viewers: usize,
    /// How it is, and what it carries.
    pub status: SourceStatus,
}

/// Counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests refused because the cap was reached.
    pub refused: u64,
    /// Pipelines that failed or stood still.
    pub failures: u64,
    /// Processor time of the pipelines' threads, microseconds.
    pub cpu_us: u64,
}

#[derive(Debug)]
struct Hub {
    config: Config,
    ingest: Arc<supervisor::Shared>,
    /// Threads that live, by kind.
    alive: [Arc<AtomicUsize>; 2],
    state: Mutex<State>,
    refused: AtomicU64,
    /// Known once they have been tried.
    encoders: watch::Receiver<Option<Arc<Encoders>>>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<(FeedId, Kind), Entry>,
    /// Of those that have ended.
    failures: u64,
    cpu_us: u64,
}

#[derive(Debug)]
struct Entry {
    feed: Arc<Feed>,
    /// The original's number, through all that is derived.
    root: u32,
    work: Work,
    leases: usize,
    unused: watch::Sender<Option<Instant>>,
    stop: CancellationToken,
    figures: Arc<Figures>,
    #[cfg(test)]
    seen: Arc<Mutex<Option<gstreamer::Pipeline>>>,
}

/// Ends with its lease. Holds the lease on the original.
struct Guard {
    hub: Weak<Hub>,
    number: u32,
    _of: Lease,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.lease_ended(self.number);
        }
    }
}

impl Transcodes {
    /// None run yet; encoders are looked for in a thread of their own. Must be called within the supervisor's runtime.
    pub fn start(config: Config, supervisor: &Supervisor) -> Self {
        let (found, encoders) = watch::channel(None);
        let wanted = config.encoder.clone();
        tokio::task::spawn_blocking(move || {
            let encoders = Encoders::find(&wanted);
            for (name, text) in &encoders.failed {
                tracing::info!(
                    encoder = name,
                    text,
                    "an H.264 encoder is installed and does not work here"
                );
            }
            let (video, sound) = (encoders.video, encoders.sound);
            tracing::info!(
                video = video.map_or("none", |v| v.name),
                hardware = video.is_some_and(|v| v.hardware),
                sound = sound.map_or("none", |s| s.name),
                "encoders for viewers who cannot decode what a camera sends"
            );
            // Nobody may be left to know.
            let _ = found.send(Some(Arc::new(encoders)));
        });
        Self(Arc::new(Hub {
            config,
            ingest: supervisor.shared(),
            alive: Default::default(),
            state: Mutex::default(),
            refused: AtomicU64::new(0),
            encoders,
        }))
    }

    /// A lease on `of`'s feed with pictures as H.264, or with sound as AAC; started if it does not run. It holds `of`.
    ///
    /// # Errors
    /// [`ReasonCode::TranscodeLimit`] where all are taken, [`ReasonCode::Codec`] where it is turned off or has no encoder.
    pub fn open(&self, of: Lease, kind: Kind) -> Result<Lease, Reason> {
        self.try_open(of, kind).map_err(|(_, reason)| reason)
    }

    /// The same; what cannot be had leaves the lease it was asked for.
    ///
    /// # Errors
    /// As [`Transcodes::open`], with `of`.
    pub fn try_open(&self, of: Lease, kind: Kind) -> Result<Lease, (Lease, Reason)> {
        self.0.open(of, kind)
    }

    /// Which encoders were found; none while they are being tried.
    pub fn encoders(&self) -> Option<Arc<Encoders>> {
        self.0.encoders.borrow().clone()
    }

    /// Waits until they have been tried.
    pub async fn ready(&self) -> Arc<Encoders> {
        let mut encoders = self.0.encoders.clone();
        match encoders.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or_default(),
            Err(_) => Arc::default(),
        }
    }

    /// Those that run now.
    pub fn running(&self) -> Vec<Running> {
        let state = self.0.lock();
        let all = state.entries.iter();
        all.map(|(key, entry)| entry.running(*key)).collect()
    }

    /// Those of one feed.
    pub fn of(&self, feed: FeedId) -> Vec<Running> {
        let state = self.0.lock();
        let of = state
            .entries
            .range((feed, Kind::Video)..=(feed, Kind::Sound));
        of.map(|(key, entry)| entry.running(*key)).collect()
    }

    /// What was counted since the start.
    pub fn totals(&self) -> Totals {
        let state = self.0.lock();
        let of = |figure: fn(&Figures) -> &AtomicU64| -> u64 {
            let running = state.entries.values();
            running.map(|e| figure(&e.figures).load(Relaxed)).sum()
        };
        Totals {
            refused: self.0.refused.load(Relaxed),
            failures: state.failures + of(|f| &f.restarts),
            cpu_us: state.cpu_us + of(|f| &f.cpu_us),
        }
    }

    /// What it was told.
    pub fn config(&self) -> &Config {
        &self.0.config
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wall(&self) -> WallTime {
        self.ingest.wall(Instant::now())
    }

    fn alive(&self, kind: Kind) -> &Arc<AtomicUsize> {
        &self.alive[kind as usize]
    }

    fn max(&self, kind: Kind) -> usize {
        match kind {
            Kind::Video => self.config.max_video,
            Kind::Sound => self.config.max_sound,
        }
    }

    fn work(&self, kind: Kind) -> Result<Work, Reason> {
        let found = self.encoders.borrow().clone();
        let found = found.ok_or_else(|| {
            let text = "encoders are still being tried; ask again in a moment";
            Reason::new(ReasonCode::TranscodeLimit, text)
        })?;
        let none = || {
            let text = match kind {
                Kind::Video => {
                    "no H.264 encoder works here (x264enc is in gstreamer1.0-plugins-ugly)"
                }
                Kind::Sound => "no AAC encoder works here (avenc_aac is in gstreamer1.0-libav)",
            };
            Reason::new(ReasonCode::Codec, text)
        };
        match kind {
            Kind::Video => found.video.map(Work::Video),
            Kind::Sound => found.sound.map(Work::Sound),
        }
        .ok_or_else(none)
    }

    fn open(self: &Arc<Self>, of: Lease, kind: Kind) -> Result<Lease, (Lease, Reason)> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let root = state
            .entries
            .values()
            .find(|e| e.feed.number == of.feed.number)
            .map_or(of.feed.number, |e| e.root);
        let key = (of.feed.id, kind);
        if let Some(entry) = state.entries.get_mut(&key) {
            if entry.root == root {
                entry.leases += 1;
                entry.tell();
                return Ok(self.lease(entry, of, kind));
            }
            // The original has ended since, and another has begun.
            self.end(state, key);
        }
        let work = match self.room(state, kind) {
            Ok(work) => work,
            // Its end takes locks of its own: not under this one.
            Err(reason) => return Err((of, reason)),
        };
        let entry = self.begin(&of, root, kind, work);
        let lease = self.lease(&entry, of, kind);
        state.entries.insert(key, entry);
        Ok(lease)
    }

    /// Room for one more, and what it is to work with. One that nobody watches any more gives way.
    fn room(&self, state: &mut State, kind: Kind) -> Result<Work, Reason> {
        let max = self.max(kind);
        if max == 0 {
            let key = match kind {
                Kind::Video => "max_video",
                Kind::Sound => "max_sound",
            };
            let text = format!("re-encoding is turned off ([transcode] {key} = 0)");
            return Err(Reason::new(ReasonCode::Codec, text));
        }
        let work = self.work(kind)?;
        let of_kind = |state: &State| state.entries.keys().filter(|(_, k)| *k == kind).count();
        while of_kind(state) >= max {
            let unused = state
                .entries
                .iter()
                .filter(|((_, k), e)| *k == kind && e.leases == 0)
                .min_by_key(|(_, e)| *e.unused.borrow())
                .map(|(key, _)| *key);
            let Some(key) = unused else {
                self.refused.fetch_add(1, Relaxed);
                let (what, key) = match kind {
                    Kind::Video => ("pictures", "max_video"),
                    Kind::Sound => ("sound", "max_sound"),
                };
                let text = format!(
                    "the {what} of {max} cameras are being re-encoded, the most that [transcode] {key} allows"
                );
                return Err(Reason::new(ReasonCode::TranscodeLimit, text));
            };
            self.end(state, key);
        }
        Ok(work)
    }

    fn begin(self: &Arc<Self>, of: &Lease, root: u32, kind: Kind, work: Work) -> Entry {
        let id = of.feed.id;
        let now = self.wall();
        let (status, watched) = watch::channel(SourceStatus {
            state: SourceState::Connecting,
            ..SourceStatus::idle(now)
        });
        let feed = Arc::new(Feed {
            id,
            number: self.ingest.number(),
            ring: Ring::new(self.ingest.config.ring),
            status: watched,
        });
        let (unused, demanded) = watch::channel(None);
        let stop = self.ingest.stopping();
        let figures = Arc::new(Figures::default());
        #[cfg(test)]
        let seen: Arc<Mutex<Option<gstreamer::Pipeline>>> = Arc::default();
        let task = Task {
            hub: Arc::clone(self),
            kind,
            work,
            source: Arc::clone(&of.feed),
            feed: Arc::clone(&feed),
            status: Arc::new(status),
            unused: demanded,
            stop: stop.clone(),
            figures: Arc::clone(&figures),
            #[cfg(test)]
            seen: Arc::clone(&seen),
        };
        tracing::info!(feed = %id, kind = kind.as_str(), "re-encoding for viewers begins");
        self.ingest.spawn(task.run());
        Entry {
            feed,
            root,
            work,
            leases: 1,
            unused,
            stop,
            figures,
            #[cfg(test)]
            seen,
        }
    }

    fn lease(self: &Arc<Self>, entry: &Entry, of: Lease, kind: Kind) -> Lease {
        let transcoded = of.transcoded || kind == Kind::Video;
        let guard = Guard {
            hub: Arc::downgrade(self),
            number: entry.feed.number,
            _of: of,
        };
        let feed = Arc::clone(&entry.feed);
        match transcoded {
            true => Lease::transcoded(feed, guard),
            false => Lease::new(feed, guard),
        }
    }

    fn lease_ended(&self, number: u32) {
        let mut state = self.lock();
        let entry = state.entries.values_mut().find(|e| e.feed.number == number);
        if let Some(entry) = entry {
            entry.leases = entry.leases.saturating_sub(1);
            entry.tell();
        }
    }

    /// Ends a derived feed if nobody has a lease on it. Says whether it has ended.
    fn end_unused(&self, number: u32) -> bool {
        let mut state = self.lock();
        let found = state.entries.iter().find(|(_, e)| e.feed.number == number);
        match found.map(|(key, entry)| (*key, entry.leases)) {
            Some((_, leases)) if leases > 0 => false,
            Some((key, _)) => {
                self.end(&mut state, key);
                true
            }
            None => true,
        }
    }

    /// A task is over.
    fn ended(&self, number: u32) {
        let mut state = self.lock();
        let found = state.entries.iter().find(|(_, e)| e.feed.number == number);
        if let Some(key) = found.map(|(key, _)| *key) {
            self.end(&mut state, key);
        }
    }

    fn end(&self, state: &mut State, key: (FeedId, Kind)) {
        if let Some(entry) = state.entries.remove(&key) {
            entry.stop.cancel();
            state.failures += entry.figures.restarts.load(Relaxed);
            state.cpu_us += entry.figures.cpu_us.load(Relaxed);
        }
    }
}

impl Entry {
    fn running(&self, (feed, kind): (FeedId, Kind)) -> Running {
        Running {
            feed,
            kind,
            encoder: match self.work {
                Work::Video(e) => e.name,
                Work::Sound(e) => e.name,
            },
            hardware: matches!(self.work, Work::Video(e) if e.hardware),
            viewers: self.leases,
            status: self.feed.status.borrow().clone(),
        }
    }

    fn tell(&self) {
        let used = self.leases > 0;
        self.unused.send_modify(|unused| {
            *unused = (!used).then(|| unused.unwrap_or_else(Instant::now));
        });
    }
}

//! One simulated camera: what it shows, who may look, and how it does.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::broadcast, time::Instant};

use super::{
    auth::Auth,
    fault::{Command, Faults, Switches},
    feed::Feed,
};
use crate::clip::{Clip, ClipError};

/// One of a camera's two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The full picture.
    Main,
    /// The small one.
    Sub,
}

impl Profile {
    /// The last part of the stream's path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

/// What a camera is to be. [`CameraConfig::new`] gives a healthy one.
#[derive(Clone, Debug)]
pub struct CameraConfig {
    /// The first part of its streams' paths: no slash in it.
    pub name: String,
    /// Shown at `/NAME/main`; where `None`, DESCRIBE waits for [`CameraHandle::put`].
    pub main: Option<Clip>,
    /// Shown at `/NAME/sub`.
    pub sub: Option<Clip>,
    /// Whether `/NAME/sub` exists although `sub` is not there yet.
    pub sub_later: bool,
    /// Who may look.
    pub user: String,
    /// And with what password.
    pub password: String,
    /// How that is asked for.
    pub auth: Auth,
    /// Sessions at once; one more gets `limit_status`.
    pub limit: Option<usize>,
    /// 453, or 401 as some cameras have it (then at DESCRIBE).
    pub limit_status: u16,
    /// A session without a sign of life for so long is ended.
    pub session_timeout: Duration,
    /// Where in the clips the camera is when the server starts, so that cameras with one clip differ.
    pub phase: Duration,
    /// A client that is further behind than this loses pictures up to the next key frame.
    pub lag_max: Duration,
    /// Begin each session at a key frame; the default is where the camera is just now.
    pub start_at_key: bool,
    /// Write the moment of sending into each picture; see [`crate::stamp`].
    pub stamp: bool,
    /// Faults from the beginning.
    pub faults: Faults,
}

impl CameraConfig {
    /// A healthy camera with digest authentication, user `admin` and password `camsim`.
    pub fn new(name: impl Into<String>, main: Clip) -> Self {
        Self {
            main: Some(main),
            ..Self::later(name)
        }
    }

    /// The same without a clip yet.
    pub fn later(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            main: None,
            sub: None,
            sub_later: false,
            user: "admin".into(),
            password: "camsim".into(),
            auth: Auth::Digest,
            limit: None,
            limit_status: 453,
            session_timeout: Duration::from_secs(60),
            phase: Duration::ZERO,
            lag_max: Duration::from_secs(3),
            start_at_key: false,
            stamp: false,
            faults: Faults::default(),
        }
    }
}

/// Figures of one camera since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// Sessions that play the main stream now.
    pub main: usize,
    /// Sessions that play the sub stream now.
    pub sub: usize,
    /// DESCRIBE requests, refused ones too.
    pub describes: u64,
    /// Answers of 401, the challenges of correct clients too.
    pub unauthorized: u64,
    /// Other refusals.
    pub refused: u64,
    /// PLAY requests granted.
    pub plays: u64,
    /// Pictures and sounds sent.
    pub frames: u64,
    /// Bytes of media sent.
    pub bytes: u64,
    /// Times that a session was too slow and lost pictures.
    pub skips: u64,
}

impl Stats {
    /// Sessions that play now.
    pub fn playing(&self) -> usize {
        self.main + self.sub
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) main: AtomicUsize,
    pub(crate) sub: AtomicUsize,
    pub(crate) seats: AtomicUsize,
    pub(crate) describes: AtomicU64,
    pub(crate) unauthorized: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) plays: AtomicU64,
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) skips: AtomicU64,
}

/// What sessions share of a camera.
#[derive(Debug)]
pub(crate) struct Camera {
    pub(crate) config: CameraConfig,
    pub(crate) main: Feed,
    pub(crate) sub: Option<Feed>,
    pub(crate) jump_ms: AtomicI64,
    pub(crate) counts: Counts,
    faults: Mutex<Arc<Faults>>,
    commands: broadcast::Sender<Command>,
}

impl Camera {
    pub(crate) fn new(mut config: CameraConfig, origin: Instant) -> Self {
        let (main, sub) = (config.main.take(), config.sub.take());
        let sub = (sub.is_some() || config.sub_later).then(|| Feed::new(origin, config.phase, sub));
        Self {
            main: Feed::new(origin, config.phase, main),
            sub,
            jump_ms: AtomicI64::new(0),
            counts: Counts::default(),
            faults: Mutex::new(Arc::new(std::mem::take(&mut config.faults))),
            commands: broadcast::Sender::new(16),
            config,
        }
    }

    pub(crate) fn feed(&self, profile: Profile) -> Option<&Feed> {
        match profile {
            Profile::Main => Some(&self.main),
            Profile::Sub => self.sub.as_ref(),
        }
    }

    pub(crate) fn faults(&self) -> Arc<Faults> {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(faults);
    }

    pub(crate) fn command(&self, command: Command) {
        let _ = self.commands.send(command); // nobody is connected: nothing to do
    }

    pub(crate) fn commands(&self) -> broadcast::Receiver<Command> {
        self.commands.subscribe()
    }

    /// Takes one of the camera's sessions; `None` where all are taken.
    pub(crate) fn seat(self: &Arc<Self>) -> Option<Seat> {
        let limit = self.config.limit.unwrap_or(usize::MAX);
        let taken = self
            .counts
            .seats
            .fetch_update(Relaxed, Relaxed, |n| (n < limit).then_some(n + 1));
        taken.ok().map(|_| Seat(self.clone()))
    }

    pub(crate) fn full(&self) -> bool {
        self.config
            .limit
            .is_some_and(|l| self.counts.seats.load(Relaxed) >= l)
    }

    pub(crate) fn stats(&self) -> Stats {
        let c = &self.counts;
        Stats {
            main: c.main.load(Relaxed),
            sub: c.sub.load(Relaxed),
            describes: c.describes.load(Relaxed),
            unauthorized: c.unauthorized.load(Relaxed),
            refused: c.refused.load(Relaxed),
            plays: c.plays.load(Relaxed),
            frames: c.frames.load(Relaxed),
            bytes: c.bytes.load(Relaxed),
            skips: c.skips.load(Relaxed),
        }
    }
}

/// A session's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<Camera>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.counts.seats.fetch_sub(1, Relaxed);
    }
}

/// A camera of a running server. Clones are the same camera.
#[derive(Clone, Debug)]
pub struct CameraHandle {
    pub(crate) camera: Arc<Camera>,
    pub(crate) address: SocketAddr,
}

impl CameraHandle {
    /// The camera's name: the first part of its paths.
    pub fn name(&self) -> &str {
        &self.camera.config.name
    }

    /// The stream's URL, without user and password.
    pub fn url(&self, profile: Profile) -> String {
        format!(
            "rtsp://{}/{}/{}",
            self.address,
            self.name(),
            profile.as_str()
        )
    }

    /// The stream's URL with user and password in it. They must need no escaping.
    pub fn url_with_password(&self, profile: Profile) -> String {
        let config = &self.camera.config;
        self.url(profile).replacen(
            "rtsp://",
            &format!("rtsp://{}:{}@", config.user, config.password),
            1,
        )
    }

    /// What can be made to go wrong.
    pub fn faults(&self) -> Switches<'_> {
        Switches(&self.camera)
    }

    /// Figures since the start.
    pub fn stats(&self) -> Stats {
        self.camera.stats()
    }

    /// Gives a profile its clip, or another one, which begins at a key frame at the camera's
    /// phase. Errors where the camera has no such profile.
    pub fn put(&self, profile: Profile, clip: Clip) -> Result<(), ClipError> {
        let feed = self
            .camera
            .feed(profile)
            .ok_or_else(|| ClipError::Malformed {
                what: format!("camera {}", self.name()),
                why: "it has no sub stream".into(),
            })?;
        feed.put(clip);
        Ok(())
    }

    /// Has the clip begin again with its first picture, within a fraction of a second.
    /// [`CameraHandle::sent_at`] then says when exactly.
    pub fn start_over(&self, profile: Profile) {
        if let Some(feed) = self.camera.feed(profile).filter(|f| f.ready()) {
            feed.start_over(None);
        }
    }

    /// Where in its clip the profile is at `when`; `None` before its first clip.
    pub fn position(&self, profile: Profile, when: Instant) -> Option<Duration> {
        self.camera.feed(profile)?.position(when)
    }

    /// When picture `index` of the clip is sent next, at or after `after`.
    pub fn sent_at(&self, profile: Profile, index: usize, after: Instant) -> Option<Instant> {
        self.camera.feed(profile)?.sent_at(index, after)
    }
}

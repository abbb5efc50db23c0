//! A camera as a bench sees it: frames of the sizes of an H.264 stream at 25 a second, without the pictures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::{
    CameraId, Feed, FeedId, Frame, MediaTime, Profile, Ring, SourceState, SourceStatus, TrackKind,
    Tracks, VideoCodec, VideoTrack, WallTime, ring::Limits,
};
use tokio::sync::watch;

use crate::process;

/// Frames a second.
pub const FPS: u32 = 25;
/// Frames a group: 2 s.
pub const GOP: u32 = 50;

/// What it delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// 2 Mbit/s: key frames of 60 kB, others of 9 kB.
    Main,
    /// 512 kbit/s: key frames of 15 kB, others of 2.3 kB.
    Sub,
}

impl Rate {
    fn sizes(self) -> (usize, usize) {
        match self {
            Self::Main => (60_000, 9_000),
            Self::Sub => (15_000, 2_300),
        }
    }
}

/// One camera.
pub struct Camera {
    /// To be handed to the relay.
    pub feed: Arc<Feed>,
    _status: watch::Sender<SourceStatus>,
    tracks: Arc<Tracks>,
    rate: Rate,
    next: u32,
}

impl Camera {
    /// Number `n`, from 1.
    pub fn new(n: u32, rate: Rate) -> Self {
        let mut status = SourceStatus::idle(WallTime::now());
        status.state = SourceState::Live;
        let (sender, status) = watch::channel(status);
        let feed = Feed {
            id: FeedId {
                camera: camera_id(n),
                profile: Profile::Sub,
            },
            number: n,
            ring: Ring::new(Limits::default()),
            status,
        };
        let video = VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c01e".into(),
            config: Bytes::from_static(&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0]),
            width: 640,
            height: 360,
        };
        Self {
            feed: Arc::new(feed),
            _status: sender,
            tracks: Arc::new(Tracks { video, audio: None }),
            rate,
            next: 0,
        }
    }

    /// Fills the ring with whole groups, as after a while of running: what is measured then is no growth.
    pub fn fill(&mut self) {
        let (key, other) = self.rate.sizes();
        let group = key + (GOP as usize - 1) * other;
        let groups = (Limits::default().history.0 as usize).div_ceil(group) + 1;
        for _ in 0..groups * GOP as usize {
            let frame = self.frame();
            self.feed.ring.push(frame);
        }
    }

    /// The next frame, captured now, with a payload of its own as ingest would allocate it.
    pub fn frame(&mut self) -> Arc<Frame> {
        let n = self.next;
        self.next += 1;
        let key = n.is_multiple_of(GOP);
        let (key_bytes, other_bytes) = self.rate.sizes();
        let dts = MediaTime(i64::from(n) * i64::from(MediaTime::SCALE / FPS));
        Arc::new(Frame {
            feed: self.feed.number,
            tracks: Arc::clone(&self.tracks),
            track: TrackKind::Video,
            key,
            discontinuity: false,
            damaged: false,
            group: n / GOP,
            number: n % GOP,
            dts,
            pts: dts,
            duration: MediaTime(i64::from(MediaTime::SCALE / FPS)),
            captured: WallTime::now(),
            data: vec![n as u8; if key { key_bytes } else { other_bytes }].into(),
            package: Default::default(),
        })
    }
}

/// The code of camera `n`.
pub fn camera_id(n: u32) -> CameraId {
    format!("44140300001320{:06}", n % 1_000_000)
        .parse()
        .expect("20 digits are a camera's code")
}

/// The `n` of [`camera_id`]; none for another code.
pub fn camera_number(id: &CameraId) -> Option<u32> {
    let text = id.to_string();
    text.strip_prefix("44140300001320")?
        .parse()
        .ok()
        .filter(|n| *n > 0)
}

/// Calls `each` with every camera's frames in even spacing, 25 times a second each, for ever. What making them costs, and waiting for
/// their time, is counted apart ([`made`]).
#[allow(clippy::disallowed_methods)] // a thread of its own that keeps a beat
pub fn run(mut cameras: Vec<Camera>, mut each: impl FnMut(&Camera, Arc<Frame>)) {
    let period = Duration::from_secs(1) / (FPS * cameras.len() as u32);
    let mut due = Instant::now();
    let mut before = process::cpu_of_this_thread();
    loop {
        for camera in &mut cameras {
            due += period;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let frame = camera.frame();
            let made = process::cpu_of_this_thread().saturating_sub(before);
            MADE.fetch_add(made.as_nanos() as u64, Relaxed);
            each(camera, frame);
            before = process::cpu_of_this_thread();
        }
    }
}

/// Pushes every camera's frames into its ring, as [`run`] calls for them.
///
/// # Errors
/// The system has no thread to give.
pub fn push(cameras: Vec<Camera>) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("source".into());
    thread.spawn(|| run(cameras, |camera, frame| camera.feed.ring.push(frame)))?;
    Ok(())
}

/// Nanoseconds.
static MADE: AtomicU64 = AtomicU64::new(0);

/// CPU time that this process has spent on making frames so far: neither a server's nor its floor's.
pub fn made() -> Duration {
    Duration::from_nanos(MADE.load(Relaxed))
}

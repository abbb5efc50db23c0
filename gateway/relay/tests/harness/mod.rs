//! Cameras made of rings, and a host that hands them out.
#![allow(unreachable_pub, missing_docs)]

pub mod gateway;
pub mod link;
pub mod quic;
pub mod session;
pub mod shelf;
pub mod socket;
pub mod thin;
pub mod watcher;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use media::{
    AudioCodec, AudioTrack, ByteCount, CameraId, Feed, FeedId, Frame, Lease, MediaTime, Profile,
    Reason, ReasonCode, Ring, SourceState, SourceStatus, TrackKind, Tracks, VideoCodec, VideoTrack,
    WallTime, ring::Limits,
};
use relay::{Host, Viewer, Wish};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// No test waits longer for anything. It only ends what hangs: nothing here depends on how fast the machine is.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Frames a second of every camera here, and frames a group.
pub const FPS: u32 = 25;
pub const GOP: u32 = 50;

pub fn camera(n: u32) -> CameraId {
    format!("44140300001320{n:06}").parse().unwrap()
}

/// The sub stream of camera `n`, live.
pub fn live(n: u32) -> Camera {
    Camera::new(n, Profile::Sub, SourceState::Live)
}

pub fn viewer() -> Viewer {
    Viewer {
        user: "wang".into(),
        session: "1".into(),
        peer: "127.0.0.1:9".parse().unwrap(),
        revoked: CancellationToken::new(),
    }
}

pub fn tracks(config: u8, audio: bool) -> Arc<Tracks> {
    Arc::new(Tracks {
        video: VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c01e".into(),
            config: vec![1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, config].into(),
            width: 640,
            height: 360,
        },
        audio: audio.then(|| AudioTrack {
            codec: AudioCodec::PcmA,
            codec_string: "alaw".into(),
            config: Default::default(),
            rate: 8000,
            channels: 1,
        }),
    })
}

/// A camera's feed with its writing end.
pub struct Camera {
    pub feed: Arc<Feed>,
    pub status: watch::Sender<SourceStatus>,
    pub tracks: Arc<Tracks>,
    pub frames: u32,
    number: u32,
    pub key_bytes: usize,
    pub frame_bytes: usize,
}

impl Camera {
    pub fn new(n: u32, profile: Profile, state: SourceState) -> Self {
        let mut initial = SourceStatus::idle(WallTime(0));
        initial.state = state;
        let (status, watching) = watch::channel(initial);
        let limits = Limits {
            max: ByteCount::mebibytes(16),
            history: ByteCount::mebibytes(1),
        };
        Self {
            feed: Arc::new(Feed {
                id: FeedId {
                    camera: camera(n),
                    profile,
                },
                number: n * 2 + profile as u32,
                ring: Ring::new(limits),
                status: watching,
            }),
            status,
            tracks: tracks(0, false),
            frames: 0,
            number: 0,
            key_bytes: 5000,
            frame_bytes: 1000,
        }
    }

    pub fn set(&self, state: SourceState, reason: Option<ReasonCode>) {
        self.status.send_modify(|s| {
            s.state = state;
            s.reason = reason.map(|code| Reason::new(code, "camera 10.0.0.1: something"));
        });
    }

    /// The next video frame; with audio tracks, a piece of audio after it.
    pub fn push(&mut self) {
        let key = self.frames.is_multiple_of(GOP);
        if key {
            self.number = 0;
        }
        let bytes = if key {
            self.key_bytes
        } else {
            self.frame_bytes
        };
        self.frame(TrackKind::Video, key, bytes);
        if self.tracks.audio.is_some() {
            self.frame(TrackKind::Audio, false, 320);
        }
        self.frames += 1;
    }

    pub fn push_many(&mut self, n: u32) {
        (0..n).for_each(|_| self.push());
    }

    fn frame(&mut self, track: TrackKind, key: bool, bytes: usize) {
        let dts = MediaTime(i64::from(self.frames) * i64::from(90_000 / FPS));
        self.feed.ring.push(Arc::new(Frame {
            feed: self.feed.number,
            tracks: Arc::clone(&self.tracks),
            track,
            key,
            discontinuity: false,
            damaged: false,
            group: self.frames / GOP,
            number: self.number,
            dts,
            pts: dts,
            duration: MediaTime(3600),
            captured: WallTime::from_secs(1),
            data: vec![self.frames as u8; bytes].into(),
            package: Default::default(),
        }));
        self.number += 1;
    }
}

#[derive(Default)]
pub struct TestHost {
    feeds: Mutex<HashMap<FeedId, Arc<Feed>>>,
    pub log: Mutex<Vec<String>>,
}

impl TestHost {
    pub fn with(cameras: &[&Camera]) -> Arc<Self> {
        let host = Self::default();
        for camera in cameras {
            let feed = Arc::clone(&camera.feed);
            host.feeds.lock().unwrap().insert(feed.id, feed);
        }
        Arc::new(host)
    }

    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }
}

impl Host for TestHost {
    fn open(&self, _: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        let Wish {
            camera, profile, ..
        } = *wish;
        let id = FeedId { camera, profile };
        let Some(feed) = self.feeds.lock().unwrap().get(&id).cloned() else {
            return Err(Reason::new(ReasonCode::NotFound, format!("no camera {id}")));
        };
        self.log.lock().unwrap().push(format!("open {profile}"));
        Ok(Lease::new(feed, ()))
    }

    fn closed(&self, _: &Viewer, _: CameraId, profile: Profile) {
        self.log.lock().unwrap().push(format!("closed {profile}"));
    }

    fn authenticate(&self, token: &str, peer: SocketAddr) -> Result<Viewer, Reason> {
        if token == "good" {
            return Ok(Viewer { peer, ..viewer() });
        }
        Err(Reason::new(ReasonCode::Forbidden, "no such session"))
    }
}

//! A simulated camera and a supervisor that pulls it. Every wait has a deadline and a condition.

// Each test file uses a part of it.
#![allow(dead_code, unreachable_pub)]

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use camsim::{
    CameraConfig, CameraHandle, Clip, Server, ServerConfig,
    scene::{QuickClip, quick_clip},
};
use ingest::{
    Camera, Config, Source, Supervisor,
    budget::{Link, Links},
};
use media::{
    CameraId, Clock, Cursor, Feed, FeedId, Frame, Lease, Next, Priority, Profile, ReasonCode,
    SourceState, SourceStatus, TrackKind,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A guard against hanging for ever, and no more: nothing here is about how fast the machine is.
pub const DEADLINE: Duration = Duration::from_secs(180);

/// The clip of a test, encoded once and kept.
pub fn clip(want: QuickClip) -> Clip {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
    quick_clip(&want, &cache).expect("GStreamer with x264 and x265")
}

/// As in the field, but that a slow machine is no failure: camera and gateway share it, and it may stand still for seconds.
pub fn config() -> Config {
    Config {
        grace: Duration::from_millis(300),
        connect_timeout: DEADLINE,
        packet_timeout: DEADLINE,
        ..Config::default()
    }
}

/// Time-outs that a test of time-outs need not wait long for.
pub fn impatient() -> Config {
    Config {
        connect_timeout: Duration::from_secs(2),
        packet_timeout: Duration::from_millis(1500),
        ..config()
    }
}

pub fn id(n: u32) -> CameraId {
    format!("4414030013200{n:07}").parse().expect("20 digits")
}

pub fn feed_id(n: u32) -> FeedId {
    FeedId {
        camera: id(n),
        profile: Profile::Main,
    }
}

/// A camera of the register.
pub fn registered(n: u32, url: &str) -> Camera {
    Camera {
        id: id(n),
        region: "441403102201".parse().expect("a region"),
        main: Some(Source::parse(url).expect("a camera URL")),
        sub: None,
        always: false,
        disabled: false,
    }
}

/// A simulated camera behind a supervisor that knows it as camera 1.
pub struct Bench {
    pub server: Server,
    pub camera: CameraHandle,
    pub ingest: Supervisor,
}

impl Bench {
    pub async fn new(camera: CameraConfig) -> Self {
        Self::with(camera, config()).await
    }

    pub async fn with(camera: CameraConfig, config: Config) -> Self {
        let server = Server::start(ServerConfig::default())
            .await
            .expect("a free port");
        // However late it sends, it sends everything: what is asserted of distances holds on any machine.
        let camera = server.add_camera(CameraConfig {
            lag_max: DEADLINE,
            ..camera
        });
        let ingest = supervisor(config, Vec::new());
        let url = camera.url_with_password(camsim::Profile::Main);
        ingest.upsert(registered(1, &url));
        Self {
            server,
            camera,
            ingest,
        }
    }

    pub fn pull(&self) -> Pull {
        Pull::of(&self.ingest, 1)
    }

    pub fn status(&self) -> SourceStatus {
        status(&self.ingest, 1)
    }

    /// Waits for a reason.
    pub async fn reason(&self, code: ReasonCode) -> SourceStatus {
        until(&format!("reason {code:?}"), || {
            let status = self.status();
            (status.reason.as_ref().map(|r| r.code) == Some(code)).then_some(status)
        })
        .await
    }

    /// Waits until nothing is wrong.
    pub async fn well(&self) {
        until("live, without a reason", || {
            let status = self.status();
            (status.state == SourceState::Live && status.reason.is_none()).then_some(())
        })
        .await;
    }

    pub async fn state(&self, state: SourceState) -> SourceStatus {
        until(&format!("state {state:?}"), || {
            let status = self.status();
            (status.state == state).then_some(status)
        })
        .await
    }
}

pub fn supervisor(config: Config, links: Vec<Link>) -> Supervisor {
    let clock = Arc::new(Mutex::new(Clock::system()));
    Supervisor::start(config, Links::new(links), clock, CancellationToken::new())
}

pub fn status(ingest: &Supervisor, n: u32) -> SourceStatus {
    ingest
        .statuses()
        .into_iter()
        .find(|(id, _)| *id == feed_id(n))
        .map(|(_, status)| status)
        .unwrap_or_else(|| SourceStatus::idle(media::WallTime(0)))
}

/// Polls a condition until it holds.
pub async fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(out) = condition() {
            return out;
        }
        assert!(
            begun.elapsed() < DEADLINE,
            "{what}: not within {DEADLINE:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {DEADLINE:?}"))
}

/// A lease and a cursor that reads every frame, checking on each what always holds.
pub struct Pull {
    pub lease: Lease,
    cursor: Cursor,
    last: [Option<Arc<Frame>>; 2],
}

impl Pull {
    pub fn of(ingest: &Supervisor, n: u32) -> Self {
        let lease = ingest
            .pull(feed_id(n), Priority::Viewer)
            .expect("a lease is given");
        Self::on(lease)
    }

    pub fn on(lease: Lease) -> Self {
        let cursor = lease.feed.ring.cursor_at_start(Arc::new(Notify::new()));
        Self {
            lease,
            cursor,
            last: [None, None],
        }
    }

    pub fn feed(&self) -> &Arc<Feed> {
        &self.lease.feed
    }

    /// The next frame of any track.
    pub async fn next(&mut self) -> Arc<Frame> {
        let next = tokio::time::timeout(DEADLINE, self.cursor.next()).await;
        let Ok(Next::Frame(frame)) = next else {
            let reason = self.lease.feed.status.borrow().reason.clone();
            panic!("{next:?} in place of a frame: {reason:?}");
        };
        self.check(&frame);
        frame
    }

    pub async fn video(&mut self) -> Arc<Frame> {
        loop {
            let frame = self.next().await;
            if frame.track == TrackKind::Video {
                return frame;
            }
        }
    }

    pub async fn videos(&mut self, n: usize) -> Vec<Arc<Frame>> {
        let mut out = Vec::with_capacity(n);
        while out.len() < n {
            out.push(self.video().await);
        }
        out
    }

    pub async fn until_frame(&mut self, wanted: impl Fn(&Frame) -> bool) -> Arc<Frame> {
        let begun = Instant::now();
        loop {
            let frame = self.next().await;
            if wanted(&frame) {
                return frame;
            }
            assert!(
                begun.elapsed() < DEADLINE,
                "no such frame within {DEADLINE:?}"
            );
        }
    }

    fn check(&mut self, frame: &Arc<Frame>) {
        assert_eq!(frame.feed, self.lease.feed.number);
        assert!(frame.dts <= frame.pts && frame.duration.0 > 0);
        assert!(!frame.data.is_empty());
        let video = frame.track == TrackKind::Video;
        if self.last.iter().all(Option::is_none) {
            assert!(
                frame.key && video && frame.number == 0,
                "first of all a key frame"
            );
        }
        if let Some(last) = &self.last[frame.track as usize] {
            assert!(last.dts < frame.dts, "{:?} after {:?}", frame.dts, last.dts);
            assert!(last.captured <= frame.captured);
        }
        let newest = self
            .last
            .iter()
            .flatten()
            .map(|f| (f.group, f.number))
            .max();
        if let Some((group, number)) = newest {
            let expected = if frame.key {
                (group + 1, 0)
            } else {
                (group, number + 1)
            };
            assert_eq!((frame.group, frame.number), expected);
        }
        self.last[frame.track as usize] = Some(Arc::clone(frame));
    }
}

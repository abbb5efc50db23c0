//! A watched feed: frames go into a ring at a virtual pace (as fast as the tagger takes them), tags come out.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use media::{
    EventKind, Feed, FeedId, Frame, Lease, Profile, Ring, SourceState, SourceStatus, WallTime,
    ring::Limits,
};
use tagger::{Config, Phase, Stopwatch, Tag, Tagger, config::Budget};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const CAMERA: &str = "44140300001321000001";

/// Frames of a clip in which somebody walks through from 8 s to 11 s, key frames 10 s apart; none without ffmpeg.
fn frames(directory: &Path) -> Option<Vec<Arc<Frame>>> {
    let path = directory.join("walker.mp4");
    let filter = "split[a][b];[b]crop=60:180:300:20,hue=s=0,eq=brightness=-0.2[p];\
        [a][p]overlay=x='-60+(t-8)*240':y=120:enable='between(t,8,11)',noise=alls=4:allf=t";
    let run = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
        .args(["smptebars=size=640x360:rate=10:duration=30", "-vf", filter])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            "0",
            "-crf",
            "30",
        ])
        .args([
            "-threads",
            "1",
            "-g",
            "100",
            "-keyint_min",
            "100",
            "-sc_threshold",
            "0",
        ])
        .arg(&path)
        .status();
    match run {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            println!("skipped: no ffmpeg ({error})");
            return None;
        }
    }
    let frames = ingest::file::demux(&path).expect("ffmpeg has just written it");
    Some(frames.map(|f| f.expect("a whole file")).collect())
}

struct Camera {
    feed: Arc<Feed>,
    _status: watch::Sender<SourceStatus>,
}

fn camera(number: u32) -> Camera {
    let mut status = SourceStatus::idle(WallTime(0));
    status.state = SourceState::Live;
    let (sender, status) = watch::channel(status);
    let id = FeedId {
        camera: format!("{}{number:02}", &CAMERA[..18])
            .parse()
            .expect("20 digits"),
        profile: Profile::Sub,
    };
    let ring = Ring::new(Limits::default());
    Camera {
        feed: Arc::new(Feed {
            id,
            number,
            ring,
            status,
        }),
        _status: sender,
    }
}

/// A tagger that goes by the time of the frames it is given, not by the machine's.
struct Bench {
    tagger: Tagger,
    tags: mpsc::Receiver<Tag>,
    stopwatch: Stopwatch,
    pushed: u64,
}

impl Bench {
    fn new(config: Config) -> Self {
        let stopwatch = Stopwatch::given();
        let (tagger, tags) = Tagger::start_by(config, CancellationToken::new(), stopwatch.clone());
        Self {
            tagger,
            tags,
            stopwatch,
            pushed: 0,
        }
    }

    /// Gives a feed these frames, each at its own time, and each once all that came of the one before is done.
    async fn play(&mut self, camera: &Camera, frames: &[Arc<Frame>]) -> Vec<Tag> {
        let mut got = Vec::new();
        for frame in frames {
            let time = Duration::try_from_secs_f64(frame.dts.as_secs_f64()).unwrap_or_default();
            self.stopwatch.set(time);
            camera.feed.ring.push(Arc::clone(frame));
            self.pushed += 1;
            self.idle().await;
            while let Ok(tag) = self.tags.try_recv() {
                got.push(tag);
            }
        }
        got
    }

    /// Until every frame is read and all work is done.
    async fn idle(&self) {
        let idle = async {
            loop {
                let stats = self.tagger.stats();
                if stats.read_frames == self.pushed && stats.waiting == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let hung = "the tagger does what it was given";
        tokio::time::timeout(HUNG, idle).await.expect(hung);
    }

    async fn next(&mut self) -> Tag {
        let tag = tokio::time::timeout(HUNG, self.tags.recv()).await;
        tag.expect("a tag").expect("the tagger runs")
    }
}

/// Nothing here takes long; a machine may.
const HUNG: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_and_goes_between_two_key_frames_is_tagged_with_a_picture() {
    let directory = tempfile::tempdir().unwrap();
    let Some(frames) = frames(directory.path()) else {
        return;
    };
    // No room for probes of a whole group: only the sizes of the pictures can tell.
    let budget = Budget {
        decode_ms_per_s: 400.0,
        ..Budget::default()
    };
    let mut bench = Bench::new(Config {
        budget,
        ..Config::default()
    });
    let camera = camera(1);
    let tagger = bench.tagger.clone();
    tagger.watch(Lease::new(Arc::clone(&camera.feed), ()), Vec::new());
    let mut got = bench.play(&camera, &frames).await;
    tagger.unwatch(camera.feed.id.camera);
    while !got.iter().any(|t| t.phase == Phase::End) {
        got.push(bench.next().await);
    }
    let start = got.iter().find(|t| t.phase == Phase::Start).unwrap();
    let end = got.iter().find(|t| t.phase == Phase::End).unwrap();
    assert_eq!(start.kind, EventKind::Motion);
    let seconds = |t: WallTime| t.as_micros() as f64 / 1e6;
    assert!((7.9..11.0).contains(&seconds(start.start)), "{start:?}");
    assert!((8.0..11.2).contains(&seconds(end.at)), "{end:?}");
    let jpeg = start.snapshot.as_ref().expect("a snapshot");
    let picture = image::load_from_memory(jpeg).unwrap();
    assert_eq!((picture.width(), picture.height()), (640, 360));
    assert!(got.iter().all(|t| t.kind == EventKind::Motion), "{got:?}");
    tagger.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_cameras_on_a_small_budget_hold_nobody_up() {
    let directory = tempfile::tempdir().unwrap();
    let Some(frames) = frames(directory.path()) else {
        return;
    };
    let budget = Budget {
        pictures_per_s: 100.0,
        ..Budget::default()
    };
    let bench = Bench::new(Config {
        budget,
        queue_bytes: 1 << 20,
        ..Config::default()
    });
    let tagger = &bench.tagger;
    let cameras: Vec<Camera> = (0..30).map(camera).collect();
    for camera in &cameras {
        tagger.watch(Lease::new(Arc::clone(&camera.feed), ()), Vec::new());
    }
    assert_eq!(tagger.stats().watched, 30);
    // Nobody reads the tags, and 30 s of 30 cameras come at once: the writer waits for nothing.
    let writer = {
        let rings: Vec<_> = cameras.iter().map(|c| Arc::clone(&c.feed)).collect();
        let frames = frames.clone();
        tokio::task::spawn_blocking(move || {
            for frame in &frames {
                for feed in &rings {
                    feed.ring.push(Arc::clone(frame));
                }
            }
            for feed in &rings {
                feed.ring.close(None);
            }
        })
    };
    let written = tokio::time::timeout(HUNG, writer).await;
    written.expect("nothing holds the writer up").unwrap();
    let done = async {
        while tagger.stats().read_frames == 0 || tagger.stats().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HUNG, done)
        .await
        .expect("it gets done");
    let stopped = tokio::time::timeout(HUNG, tagger.shutdown());
    stopped.await.expect("it stops");
    // No time has passed: what a full budget holds, one group more, and a key frame a camera.
    let stats = tagger.stats();
    assert!(
        (1..=2 * 100 + 200 + 30).contains(&stats.decoded_pictures),
        "{stats:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_gives_nothing_has_lost_its_picture() {
    let directory = tempfile::tempdir().unwrap();
    let Some(frames) = frames(directory.path()) else {
        return;
    };
    let mut config = Config::default();
    config.quality.lost_s = 2.0;
    let mut bench = Bench::new(config);
    let camera = camera(1);
    let tagger = bench.tagger.clone();
    tagger.watch(Lease::new(Arc::clone(&camera.feed), ()), Vec::new());
    let got = bench.play(&camera, &frames[..20]).await;
    assert_eq!(got, [], "it gives pictures");
    // 1.9 s after the first frame's time came the last; more than 2 s after that there is still nothing.
    bench.stopwatch.set(Duration::from_secs(5));
    let tag = bench.next().await;
    assert_eq!(
        (tag.kind, tag.phase),
        (EventKind::PictureLost, Phase::Start)
    );
    // The next key frame ends it.
    let got = bench.play(&camera, &frames[100..105]).await;
    let told: Vec<_> = got.iter().map(|t| (t.kind, t.phase)).collect();
    assert_eq!(told, [(EventKind::PictureLost, Phase::End)]);
    tagger.shutdown().await;
}

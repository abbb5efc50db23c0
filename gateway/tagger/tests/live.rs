//! A watched feed: frames go into a ring at a virtual pace (as fast as the tagger takes them), tags come out.

use std::{path::Path, process::Command, sync::Arc, time::Duration};

use media::{
    EventKind, Feed, FeedId, Frame, Lease, Profile, Ring, SourceState, SourceStatus, WallTime,
    ring::Limits,
};
use tagger::{Config, Phase, Tag, Tagger, config::Budget};
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

/// Gives a feed all frames, each once the tagger has had the chance to take the one before.
async fn play(
    camera: &Camera,
    frames: &[Arc<Frame>],
    tagger: &Tagger,
    tags: &mut mpsc::Receiver<Tag>,
) -> Vec<Tag> {
    let mut got = Vec::new();
    for (n, frame) in frames.iter().enumerate() {
        camera.feed.ring.push(Arc::clone(frame));
        if n % 10 == 0 {
            // A second of video: until the threads have done what they were given.
            let mut before = tagger.stats().decoded_pictures;
            loop {
                tokio::time::sleep(Duration::from_millis(15)).await;
                let now = tagger.stats().decoded_pictures;
                if std::mem::replace(&mut before, now) == now {
                    break;
                }
            }
            while let Ok(tag) = tags.try_recv() {
                got.push(tag);
            }
        }
    }
    got
}

async fn next(tags: &mut mpsc::Receiver<Tag>) -> Tag {
    let tag = tokio::time::timeout(Duration::from_secs(20), tags.recv()).await;
    tag.expect("a tag within 20 s").expect("the tagger runs")
}

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
    let (tagger, mut tags) = Tagger::start(
        Config {
            budget,
            ..Config::default()
        },
        CancellationToken::new(),
    );
    let camera = camera(1);
    tagger.watch(Lease::new(Arc::clone(&camera.feed), ()), Vec::new());
    let mut got = play(&camera, &frames, &tagger, &mut tags).await;
    tagger.unwatch(camera.feed.id.camera);
    while !got.iter().any(|t| t.phase == Phase::End) {
        got.push(next(&mut tags).await);
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
        decode_ms_per_s: 50.0,
        pictures_per_s: 100.0,
        ..Budget::default()
    };
    let config = Config {
        budget,
        queue_bytes: 1 << 20,
        ..Config::default()
    };
    let (tagger, mut tags) = Tagger::start(config, CancellationToken::new());
    let cameras: Vec<Camera> = (0..30).map(camera).collect();
    for camera in &cameras {
        tagger.watch(Lease::new(Arc::clone(&camera.feed), ()), Vec::new());
    }
    // Nobody reads the tags, and 30 s of 30 cameras come at once: the writer must not be held up for a moment.
    let began = std::time::Instant::now();
    for frame in &frames {
        for camera in &cameras {
            camera.feed.ring.push(Arc::clone(frame));
        }
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    let stats = tagger.stats();
    assert_eq!(stats.watched, 30);
    for camera in &cameras {
        camera.feed.ring.close(None);
    }
    let cancel = tokio::time::timeout(Duration::from_secs(5), tagger.shutdown());
    cancel.await.expect("it stops in time");
    let stats = tagger.stats();
    let all = (frames.len() * cameras.len()) as u64;
    assert!(stats.decoded_pictures < all / 4, "{stats:?} of {all}");
    while tags.try_recv().is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_gives_nothing_has_lost_its_picture() {
    let directory = tempfile::tempdir().unwrap();
    let Some(frames) = frames(directory.path()) else {
        return;
    };
    let mut config = Config::default();
    config.quality.lost_s = 2.0;
    let (tagger, mut tags) = Tagger::start(config, CancellationToken::new());
    let camera = camera(1);
    tagger.watch(Lease::new(Arc::clone(&camera.feed), ()), Vec::new());
    play(&camera, &frames[..20], &tagger, &mut tags).await;
    let tag = next(&mut tags).await;
    assert_eq!(
        (tag.kind, tag.phase),
        (EventKind::PictureLost, Phase::Start)
    );
    // The next key frame ends it.
    camera.feed.ring.push(Arc::clone(&frames[100]));
    let tag = next(&mut tags).await;
    assert_eq!((tag.kind, tag.phase), (EventKind::PictureLost, Phase::End));
    tagger.shutdown().await;
}

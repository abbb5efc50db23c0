//! The server against a client that nobody here wrote: ffmpeg.

use std::{path::PathBuf, process::Stdio, time::Duration};

use camsim::{
    Auth, CameraConfig, CameraHandle, Clip, Profile, Server, ServerConfig,
    clip::VideoCodec,
    counter,
    scene::{QuickClip, Sound, quick_clip},
};
use tokio::{process::Command, time::timeout};

/// A guard against waiting for ever; nothing is about how fast the machine is.
const PATIENCE: Duration = Duration::from_secs(240);

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips")
}

fn clip(want: QuickClip) -> Clip {
    quick_clip(&want, &cache()).expect("GStreamer with x264 and x265")
}

async fn camera(config: CameraConfig) -> (Server, CameraHandle) {
    let server = Server::start(ServerConfig::default())
        .await
        .expect("a free port");
    let camera = server.add_camera(config);
    (server, camera)
}

/// Runs ffmpeg on a stream; gives its standard output, and fails on any line of complaint.
async fn ffmpeg(url: &str, transport: &str, rest: &[&str]) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command
        .args([
            "-nostdin",
            "-v",
            "warning",
            "-rtsp_transport",
            transport,
            // A machine that stands still for a while loses nothing.
            "-buffer_size",
            "4000000",
            "-max_delay",
            "60000000",
            "-i",
            url,
        ])
        .args(rest);
    let run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, run)
        .await
        .expect("ffmpeg ends")
        .expect("ffmpeg is installed");
    // Joining in the middle of a group, and sound that starts before the picture, are no faults.
    let harmless = [
        "co located POCs",
        "Last message repeated",
        "deprecated pixel format",
        "non monotonically",
        "Guessed Channel",
        "Timestamps are unset",
    ];
    let complaints: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|l| !harmless.iter().any(|h| l.contains(h)))
        .map(str::to_owned)
        .collect();
    assert!(
        output.status.success() && complaints.is_empty(),
        "{url} over {transport}: {complaints:#?}"
    );
    output.stdout
}

fn at_key(name: &str, clip: Clip) -> CameraConfig {
    CameraConfig {
        start_at_key: true,
        // However late it sends, it sends everything.
        lag_max: PATIENCE,
        ..CameraConfig::new(name, clip)
    }
}

/// Counters of decoded pictures.
async fn counters(
    camera: &CameraHandle,
    transport: &str,
    w: usize,
    h: usize,
    frames: usize,
) -> Vec<Option<u32>> {
    let count = frames.to_string();
    let raw = [
        "-map",
        "0:v",
        "-frames:v",
        &count,
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "gray",
        "-",
    ];
    let out = ffmpeg(&camera.url_with_password(Profile::Main), transport, &raw).await;
    assert_eq!(out.len(), w * h * frames);
    out.chunks_exact(w * h)
        .map(|luma| counter::read(luma, w, h, w))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_arrives_across_the_loop() {
    let want = QuickClip {
        seconds: 3,
        sound: Sound::Aac,
        ..QuickClip::default()
    };
    for transport in ["tcp", "udp"] {
        let (server, camera) = camera(at_key("a", clip(want))).await;
        let read = counters(&camera, transport, 320, 180, 120).await;
        let numbers: Vec<u32> = read
            .into_iter()
            .map(|n| n.expect("every picture has its counter"))
            .collect();
        for pair in numbers.windows(2) {
            assert_eq!(pair[1], (pair[0] + 1) % 75, "{transport}: {numbers:?}");
        }
        server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_codec_plays_over_tcp_and_udp() {
    let base = QuickClip {
        seconds: 4,
        ..QuickClip::default()
    };
    let wants = [
        QuickClip {
            sound: Sound::Pcma,
            ..base
        },
        QuickClip {
            sound: Sound::Pcmu,
            bframes: 2,
            ..base
        },
        QuickClip {
            slices: 4,
            delimiters: true,
            sound: Sound::Aac,
            ..base
        },
        QuickClip {
            codec: VideoCodec::H265,
            sound: Sound::Aac,
            ..base
        },
    ];
    let server = Server::start(ServerConfig::default()).await.unwrap();
    let mut runs = tokio::task::JoinSet::new();
    for (n, want) in wants.into_iter().enumerate() {
        let camera = server.add_camera(CameraConfig {
            stamp: n % 2 == 1,
            ..at_key(&format!("c{n}"), clip(want))
        });
        for transport in ["tcp", "udp"] {
            let url = camera.url_with_password(Profile::Main);
            runs.spawn(
                async move { ffmpeg(&url, transport, &["-t", "3", "-f", "null", "-"]).await },
            );
        }
    }
    while let Some(run) = runs.join_next().await {
        run.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_says_what_is_sent() {
    let want = QuickClip {
        codec: VideoCodec::H265,
        sound: Sound::Aac,
        ..QuickClip::default()
    };
    let (_server, camera) = camera(at_key("a", clip(want))).await;
    let mut probe = Command::new("ffprobe");
    probe.args([
        "-v",
        "error",
        "-rtsp_transport",
        "tcp",
        "-show_entries",
        "stream=codec_name,width,height,sample_rate",
        "-of",
        "compact",
    ]);
    let run = probe
        .arg(camera.url_with_password(Profile::Main))
        .kill_on_drop(true)
        .output();
    let out = timeout(PATIENCE, run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains("codec_name=hevc|width=320|height=180"),
        "{text}"
    );
    assert!(text.contains("codec_name=aac|sample_rate=16000"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_is_asked_for() {
    for auth in [Auth::Basic, Auth::Digest, Auth::Both] {
        let (_server, camera) = camera(CameraConfig {
            auth,
            ..at_key("a", clip(QuickClip::default()))
        })
        .await;
        ffmpeg(
            &camera.url_with_password(Profile::Main),
            "tcp",
            &["-t", "1", "-f", "null", "-"],
        )
        .await;
        let wrong = camera
            .url(Profile::Main)
            .replacen("rtsp://", "rtsp://admin:guess@", 1);
        let run = Command::new("ffmpeg")
            .args([
                "-nostdin",
                "-rtsp_transport",
                "tcp",
                "-i",
                &wrong,
                "-f",
                "null",
                "-",
            ])
            .kill_on_drop(true)
            .output();
        let out = timeout(PATIENCE, run).await.unwrap().unwrap();
        assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("401"));
        assert_eq!(camera.stats().plays, 1, "{auth:?}");
        assert!(camera.stats().unauthorized >= 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_from_a_file_is_replayed_at_its_own_pace() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mp4");
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=320x176:rate=10:duration=4",
            "-c:v",
            "libx264",
            "-g",
            "20",
            "-bf",
            "2",
        ])
        .arg(&film)
        .status();
    assert!(made.await.unwrap().success());
    let path = film.clone();
    let clip = tokio::task::spawn_blocking(move || Clip::from_mp4(path))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            clip.video().frames.len(),
            clip.video().width,
            clip.video().declared_fps
        ),
        (40, 320, 10.0)
    );
    assert!(
        (clip.duration().as_secs_f64() - 4.0).abs() < 0.02,
        "{:?}",
        clip.duration()
    );
    let (_server, camera) = camera(at_key("a", clip)).await;
    let started = std::time::Instant::now();
    ffmpeg(
        &camera.url_with_password(Profile::Main),
        "tcp",
        &["-t", "6", "-f", "null", "-"],
    )
    .await;
    assert!(started.elapsed() > Duration::from_secs(5));
    assert!(
        Clip::from_mp4(folder.path().join("none.mp4"))
            .unwrap_err()
            .to_string()
            .contains("none.mp4")
    );
}

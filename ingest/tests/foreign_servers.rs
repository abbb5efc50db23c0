//! Servers that nobody here wrote: GStreamer's RTSP server and VLC. A server that is not installed is skipped, with a line that
//! says so.

mod harness;

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use harness::{Pull, config, registered, status, supervisor, until};
use ingest::{
    Config, Supervisor,
    decode::{Decoder, Options},
};
use media::{AudioCodec, SourceState, TrackKind, VideoCodec};

/// Killed and waited for, whatever becomes of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// GStreamer's server in the few lines of Python it takes: port, then path and launch line in pairs.
const GSTREAMER: &str = r#"
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(sys.argv[1])
for path, line in zip(sys.argv[2::2], sys.argv[3::2]):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(line)
    factory.set_shared(True)
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
GLib.MainLoop().run()
"#;

fn gstreamer_server(streams: &[(&str, &str)]) -> Option<(Running, u16)> {
    let there = "import gi; gi.require_version('GstRtspServer','1.0'); from gi.repository import GstRtspServer";
    // The system's Python has the bindings, another one in front of it may not.
    let python = ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(|python| runs(python, &["-c", there]));
    let Some(python) = python else {
        println!(
            "skipped: GStreamer's RTSP server is not installed (gir1.2-gst-rtsp-server-1.0 python3-gi)"
        );
        return None;
    };
    let port = free_port();
    let mut command = Command::new(python);
    command.args(["-c", GSTREAMER, &port.to_string()]);
    for (path, line) in streams {
        command.args([path, line]);
    }
    let child = command.spawn().expect("python3 starts");
    Some((Running(child), port))
}

fn ingest_of(url: &str) -> Supervisor {
    let ingest = supervisor(
        Config {
            // Both servers begin to encode or to read when they are asked.
            connect_timeout: Duration::from_secs(10),
            packet_timeout: Duration::from_secs(8),
            ..config()
        },
        Vec::new(),
    );
    ingest.upsert(registered(1, url));
    ingest
}

const PICTURES: &str =
    "videotestsrc is-live=true ! video/x-raw,width=640,height=360,framerate=25/1";

#[tokio::test]
async fn gstreamer_h264_h265_aac_and_g711() {
    let h264 = format!(
        "( {PICTURES} ! x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 audiotestsrc is-live=true ! audioconvert ! avenc_aac ! rtpmp4gpay name=pay1 pt=97 )"
    );
    let reordered = format!(
        "( {PICTURES} ! x264enc bframes=2 key-int-max=25 ! rtph264pay config-interval=-1 name=pay0 pt=96 audiotestsrc is-live=true ! audioresample ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 )"
    );
    let h265 = format!(
        "( {PICTURES} ! x265enc tune=zerolatency key-int-max=25 ! rtph265pay config-interval=-1 name=pay0 pt=96 audiotestsrc is-live=true ! audioresample ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 )"
    );
    let silent = format!(
        "( {PICTURES} ! x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 )"
    );
    let streams = [
        (
            "/h264",
            h264.as_str(),
            VideoCodec::H264,
            Some(AudioCodec::Aac),
        ),
        (
            "/reordered",
            &reordered,
            VideoCodec::H264,
            Some(AudioCodec::PcmU),
        ),
        ("/h265", &h265, VideoCodec::H265, Some(AudioCodec::PcmA)),
        ("/silent", &silent, VideoCodec::H264, None),
    ];
    let lines: Vec<(&str, &str)> = streams.iter().map(|s| (s.0, s.1)).collect();
    let Some((_server, port)) = gstreamer_server(&lines) else {
        return;
    };
    for (path, _, video, audio) in streams {
        for transport in [ingest::Transport::Tcp, ingest::Transport::Udp] {
            let ingest = ingest_of(&format!("rtsp://127.0.0.1:{port}{path}"));
            let mut camera = registered(1, &format!("rtsp://127.0.0.1:{port}{path}"));
            camera.main.as_mut().unwrap().transport = transport;
            ingest.upsert(camera);
            let mut pull = Pull::of(&ingest, 1);
            let first = pull.video().await;
            assert_eq!(first.tracks.video.codec, video, "{path}");
            assert_eq!(
                (first.tracks.video.width, first.tracks.video.height),
                (640, 360)
            );
            assert_eq!(
                first.tracks.audio.as_ref().map(|a| a.codec),
                audio,
                "{path}"
            );
            if audio.is_some() {
                let heard = pull.until_frame(|f| f.track == TrackKind::Audio).await;
                let seen = pull.video().await;
                assert!(
                    (heard.pts - seen.pts).as_secs_f64().abs() < 1.0,
                    "{path}: sound beside the picture"
                );
            }
            pull.until_frame(|f| f.key).await;
            if transport == ingest::Transport::Tcp {
                decodes_from_key(&mut pull).await;
            }
            until("live", || {
                (status(&ingest, 1).state == SourceState::Live).then_some(())
            })
            .await;
            drop(pull);
            ingest.shutdown().await;
        }
    }
}

async fn decodes_from_key(pull: &mut Pull) {
    let key = pull.until_frame(|f| f.key).await;
    let mut decoder = Decoder::new(&key.tracks.video, Options::default())
        .expect("the decoder takes sound frames");
    decoder.push(&key).expect("the decoder takes sound frames");
    let frames = pull.videos(49).await;
    let mut pictures = decoder.drain().len();
    for frame in &frames {
        assert!(!frame.damaged);
        decoder.push(frame).expect("the decoder takes sound frames");
        pictures += decoder.drain().len();
    }
    decoder.flush();
    pictures += decoder.drain().len();
    assert_eq!(pictures, 50);
}

/// A film that VLC sends in a loop.
fn film(dir: &Path, name: &str, tail: &str) -> PathBuf {
    let path = dir.join(name);
    let line = format!(
        "videotestsrc num-buffers=250 ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 ! {tail} audiotestsrc num-buffers=430 ! audioconvert ! avenc_aac ! m. mp4mux name=m ! filesink location={}",
        path.display()
    );
    let made = Command::new("gst-launch-1.0")
        .arg("-q")
        .args(line.split(' '))
        .status()
        .expect("gst-launch-1.0 is installed");
    assert!(made.success());
    path
}

/// VLC does not run as root.
fn vlc(arguments: &[&str]) -> Command {
    let mut command;
    if runs("sh", &["-c", "test $(id -u) -eq 0"]) {
        // It becomes VLC itself: killed, nothing is left.
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "vlc"]);
    } else {
        command = Command::new("vlc");
    }
    command
        .args(["-I", "dummy"])
        .args(arguments)
        .env("HOME", "/tmp")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[tokio::test]
async fn vlc_which_refuses_tcp() {
    if !runs("sh", &["-c", "command -v vlc"]) {
        println!("skipped: VLC is not installed (vlc-bin vlc-plugin-base)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), everybody).unwrap();
    // H.265 from VLC does not come up reliably: docs/design/limits.md.
    {
        let (name, codec) = ("a.mp4", VideoCodec::H264);
        let tail = "x264enc key-int-max=25 bframes=2 ! h264parse ! m.";
        let path = film(dir.path(), name, tail);
        let port = free_port();
        let out = format!("#rtp{{sdp=rtsp://127.0.0.1:{port}/a}}");
        let path = path.display().to_string();
        let child = vlc(&[&path, "--loop", "--sout", &out, "--sout-keep"])
            .spawn()
            .expect("VLC starts");
        let _vlc = Running(child);
        let ingest = ingest_of(&format!("rtsp://127.0.0.1:{port}/a"));
        let mut pull = Pull::of(&ingest, 1);
        let first = pull.video().await;
        assert_eq!(first.tracks.video.codec, codec);
        assert_eq!(
            first.tracks.audio.as_ref().map(|a| a.codec),
            Some(AudioCodec::Aac)
        );
        pull.until_frame(|f| f.track == TrackKind::Audio).await;
        // Past the end of the film, where it begins anew.
        let frames = pull.videos(300).await;
        assert!(frames.iter().filter(|f| f.key).count() >= 8);
        let seconds = frames[299].captured.since(frames[0].captured).as_secs_f64();
        let media = (frames[299].pts - frames[0].pts).as_secs_f64();
        assert!((seconds - media).abs() < 3.0, "{seconds} {media}");
        drop(pull);
        ingest.shutdown().await;
    }
}

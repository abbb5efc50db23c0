//! Servers that nobody here wrote: GStreamer's RTSP server and VLC. A server that is not installed is skipped, with a line that
//! says so.

mod harness;

use std::{
    io::{BufRead as _, BufReader},
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

/// A port that nobody has and that the system gives to nobody who asks for any (Linux gives 32768 and up).
fn quiet_port() -> u16 {
    let begin = 20_000 + std::process::id() as u16 % 10_000;
    (begin..32_000)
        .find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok())
        .expect("a free port")
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}

/// GStreamer's server in the few lines of Python it takes: path and launch line in pairs. It says on which port it is.
const GSTREAMER: &str = r#"
import sys, gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer, GLib
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service("0")
for path, line in zip(sys.argv[1::2], sys.argv[2::2]):
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(line)
    factory.set_shared(True)
    server.get_mount_points().add_factory(path, factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
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
    let mut command = Command::new(python);
    command.args(["-c", GSTREAMER]).stdout(Stdio::piped());
    for (path, line) in streams {
        command.args([path, line]);
    }
    let mut server = Running(command.spawn().expect("python3 starts"));
    let mut said = String::new();
    let out = server.0.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut said).expect("it speaks");
    let port = said.trim().parse().expect("the port");
    Some((server, port))
}

fn ingest_of(url: &str) -> Supervisor {
    let ingest = supervisor(
        Config {
            // VLC never answers what it was asked before its film was open, and falls silent where its film begins anew; asked
            // again, it does both. A machine so slow that sound sessions are ended too only makes the test longer.
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
                // As exactly as the first of each arrived; RTP times by themselves are hours apart.
                assert!(
                    (heard.pts - seen.pts).as_secs_f64().abs() < 30.0,
                    "{path}: sound beside the picture"
                );
            }
            pull.until_frame(|f| f.key).await;
            if transport == ingest::Transport::Tcp {
                decodes_from_key(&mut pull, true).await;
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

/// Fifty pictures that came whole, from a key frame on, all decode. A server on a machine that is too slow for it leaves some
/// out, which is marked: then the next fifty.
async fn decodes_from_key(pull: &mut Pull, closed: bool) {
    let mut frames = vec![pull.until_frame(|f| f.key && !f.damaged).await];
    while frames.len() < 50 {
        let frame = pull.video().await;
        if frame.damaged || frame.discontinuity {
            frames = vec![pull.until_frame(|f| f.key && !f.damaged).await];
        } else {
            frames.push(frame);
        }
    }
    let mut decoder = Decoder::new(&frames[0].tracks.video, Options::default())
        .expect("the decoder takes sound frames");
    let mut pictures = 0;
    for frame in &frames {
        decoder.push(frame).expect("the decoder takes sound frames");
        pictures += decoder.drain().len();
    }
    decoder.flush();
    pictures += decoder.drain().len();
    // What is shown before an open group's first picture and decoded after it needs the group before.
    let leading = if closed { 0 } else { 8 };
    assert!((50 - leading..=50).contains(&pictures), "{pictures}");
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
    for (name, codec, tail) in [
        (
            "a.mp4",
            VideoCodec::H264,
            "x264enc key-int-max=25 bframes=2 ! h264parse ! m.",
        ),
        // Its parameter sets are in the description alone, which ends in a way that the library finds odd.
        (
            "b.mp4",
            VideoCodec::H265,
            "x265enc key-int-max=25 ! h265parse ! m.",
        ),
    ] {
        let path = film(dir.path(), name, tail);
        let port = quiet_port();
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
        let media = (frames[299].pts - frames[0].pts).as_secs_f64();
        assert!(media > 10.0, "300 pictures, 40 ms each: {media}");
        decodes_from_key(&mut pull, false).await;
        drop(pull);
        ingest.shutdown().await;
    }
}

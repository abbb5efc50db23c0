//! From a ring through HTTP, WebSocket and client into a pipe that ffprobe and ffmpeg read: pictures that x264 made, sound in
//! G.711.

use std::{process::Stdio, sync::Arc};

use bytes::Bytes;
use client::{
    Client, Trust,
    pull::{Container, Options, pull},
    sign_in,
};
use media::{
    AudioCodec, AudioTrack, Frame, MediaTime, Profile, SourceState, TrackKind, Tracks, VideoCodec,
    VideoTrack, WallTime,
};
use relay::{Config, Relay};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::harness::{
    Camera, DEADLINE, TestHost, camera,
    gateway::{serve, serve_with},
};

/// Access units of a few seconds, each a list of NAL units.
async fn encoded() -> Vec<Vec<Vec<u8>>> {
    let output = Command::new("ffmpeg")
        .args("-v error -f lavfi -i testsrc2=size=320x180:rate=25:duration=4 -c:v libx264 -preset ultrafast".split(' '))
        .args("-bf 0 -g 50 -x264-params aud=1:scenecut=0 -f h264 -".split(' '))
        .output()
        .await
        .expect("ffmpeg is needed for this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut units: Vec<Vec<Vec<u8>>> = Vec::new();
    for nal in annex_b(&output.stdout) {
        // An access unit delimiter begins the next.
        if nal[0] & 0x1f == 9 {
            units.push(Vec::new());
        } else if let Some(unit) = units.last_mut() {
            unit.push(nal.to_vec());
        }
    }
    assert_eq!(units.len(), 100);
    units
}

fn annex_b(bytes: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = bytes
        .windows(3)
        .enumerate()
        .filter(|(_, w)| *w == [0, 0, 1])
        .map(|(i, _)| i + 3)
        .collect();
    let ends = starts.iter().skip(1).map(|s| s - 3).chain([bytes.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let nal = &bytes[start..end];
            let trailing = nal.iter().rev().take_while(|b| **b == 0).count();
            &nal[..nal.len() - trailing]
        })
        .collect()
}

fn real_tracks(unit: &[Vec<u8>]) -> Arc<Tracks> {
    let find = |kind| unit.iter().find(|n| n[0] & 0x1f == kind).unwrap();
    let (sps, pps) = (find(7), find(8));
    let mut config = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
    config.extend_from_slice(&(sps.len() as u16).to_be_bytes());
    config.extend_from_slice(sps);
    config.push(1);
    config.extend_from_slice(&(pps.len() as u16).to_be_bytes());
    config.extend_from_slice(pps);
    Arc::new(Tracks {
        video: VideoTrack {
            codec: VideoCodec::H264,
            codec_string: format!("avc1.{:02x}{:02x}{:02x}", sps[1], sps[2], sps[3]),
            config: config.into(),
            width: 320,
            height: 180,
        },
        audio: Some(AudioTrack {
            codec: AudioCodec::PcmA,
            codec_string: "alaw".into(),
            config: Bytes::new(),
            rate: 8000,
            channels: 1,
        }),
    })
}

/// Pushes picture `n` and 40 ms of silence.
fn push(cam: &Camera, tracks: &Arc<Tracks>, n: u32, unit: &[Vec<u8>]) {
    let mut data = Vec::new();
    for nal in unit {
        data.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        data.extend_from_slice(nal);
    }
    let dts = MediaTime(i64::from(n) * 3600);
    let frame = |track, key, number, data: Bytes| {
        Arc::new(Frame {
            feed: cam.feed.number,
            tracks: Arc::clone(tracks),
            track,
            key,
            discontinuity: false,
            damaged: false,
            group: n / 50,
            number,
            dts,
            pts: dts,
            duration: MediaTime(3600),
            captured: WallTime::now(),
            data,
            package: Default::default(),
        })
    };
    let ring = &cam.feed.ring;
    ring.push(frame(
        TrackKind::Video,
        n.is_multiple_of(50),
        n % 50 * 2,
        data.into(),
    ));
    ring.push(frame(
        TrackKind::Audio,
        false,
        n % 50 * 2 + 1,
        vec![0xd5; 320].into(),
    ));
}

/// Runs a program that reads `input` from its standard input; what it prints, and what it complains about.
async fn reads(program: &str, args: &str, input: &[u8]) -> (String, String) {
    let mut child = Command::new(program)
        .args(args.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may stop reading when it has seen enough.
    tokio::spawn(async move { pipe.write_all(&input).await });
    let output = timeout(DEADLINE, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
    (text(output.stdout), text(output.stderr))
}

async fn pulled(container: Container) -> (Vec<u8>, client::pull::Summary) {
    let units = encoded().await;
    let tracks = real_tracks(&units[0]);
    let cam = Camera::new(1, Profile::Main, SourceState::Live);
    for (n, unit) in units.iter().enumerate().take(60) {
        push(&cam, &tracks, n as u32, unit);
    }
    let host = TestHost::with(&[&cam]) as Arc<dyn relay::Host>;
    let relay = Relay::new(Config::default(), host, CancellationToken::new());
    let url = serve(relay).await;
    let token = sign_in(&url, "wang", "secret", &Trust::Anything)
        .await
        .unwrap();
    let mut client = Client::connect_any(&url, &token, &Trust::Anything)
        .await
        .unwrap();
    assert_eq!(client.transport(), "websocket");
    let options = Options {
        recorded: None,
        camera: camera(1),
        profile: Profile::Main,
        container,
        audio: true,
        duration: None,
    };
    // The rest comes while it is being pulled; then the feed ends.
    tokio::spawn(async move {
        for (n, unit) in units.iter().enumerate().skip(60) {
            push(&cam, &tracks, n as u32, unit);
            tokio::task::yield_now().await;
        }
        cam.feed.ring.close(None);
    });
    let mut out = Vec::new();
    let summary = timeout(DEADLINE, pull(&mut client, &options, &mut out, |_| {}))
        .await
        .unwrap()
        .unwrap();
    (out, summary)
}

#[tokio::test]
async fn an_mp4_with_both_tracks_plays_from_a_pipe() {
    let (out, summary) = pulled(Container::Mp4).await;
    // From the key frame of the second group on.
    assert_eq!((summary.frames, summary.skipped), (100, 0));
    let (streams, errors) = reads(
        "ffprobe",
        "-v error -count_packets -show_entries stream=codec_name,nb_read_packets -of csv=p=0 -",
        &out,
    )
    .await;
    assert_eq!(
        streams.split_whitespace().collect::<Vec<_>>(),
        ["h264,50", "pcm_alaw,50"]
    );
    assert_eq!(errors, "");
    let (_, errors) = reads("ffmpeg", "-v error -i - -f null -", &out).await;
    assert_eq!(errors, "");
}

#[tokio::test]
async fn a_byte_stream_of_h264_plays_from_a_pipe() {
    let (out, summary) = pulled(Container::AnnexB).await;
    assert_eq!(summary.frames, 50);
    let (frames, errors) = reads(
        "ffprobe",
        "-v error -count_frames -show_entries stream=codec_name,nb_read_frames -of csv=p=0 -f h264 -",
        &out,
    )
    .await;
    assert_eq!(frames.trim(), "h264,50");
    assert_eq!(errors, "");
}

#[tokio::test]
async fn wrong_credentials_and_wrong_addresses_say_so() {
    let host = TestHost::with(&[]) as Arc<dyn relay::Host>;
    let relay = Relay::new(Config::default(), host, CancellationToken::new());
    let url = serve(relay).await;
    match sign_in(&url, "wang", "guess", &Trust::Anything).await {
        Err(client::Error::Http {
            status: 401,
            detail,
        }) => assert_eq!(detail, "user or password is wrong"),
        other => panic!("{other:?}"),
    }
    let rtsp: Url = "rtsp://127.0.0.1/".parse().unwrap();
    let error = sign_in(&rtsp, "a", "b", &Trust::Anything)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("https://"), "{error}");
    let nobody: Url = "http://127.0.0.1:1".parse().unwrap();
    let error = sign_in(&nobody, "a", "b", &Trust::Anything)
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("connecting to 127.0.0.1, port 1"),
        "{error}"
    );
}

#[tokio::test]
async fn where_udp_is_not_answered_the_client_falls_back_to_a_secure_websocket() {
    let key = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
    let private =
        rustls_pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![key.cert.der().clone()], private)
        .unwrap();
    let mut cam = Camera::new(1, Profile::Main, SourceState::Live);
    cam.push_many(3);
    let host = TestHost::with(&[&cam]) as Arc<dyn relay::Host>;
    let relay = Relay::new(Config::default(), host, CancellationToken::new());
    let url = serve_with(relay, Some(TlsAcceptor::from(Arc::new(tls)))).await;
    // This port takes UDP and never answers, as behind a firewall.
    let silent = tokio::net::UdpSocket::bind(("127.0.0.1", url.port().unwrap()))
        .await
        .unwrap();
    let trust = Trust::Ca(key.cert.pem().into_bytes());
    let token = sign_in(&url, "wang", "secret", &trust).await.unwrap();
    let mut client = timeout(DEADLINE, Client::connect_any(&url, &token, &trust))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(client.transport(), "websocket");
    client.open(client::Open::new(1, camera(1))).await.unwrap();
    let mut frames = 0;
    while frames < 3 {
        if let client::Message::Media(h, _) =
            timeout(DEADLINE, client.next()).await.unwrap().unwrap()
        {
            frames += u32::from(h.kind == media::wire::Kind::Fragment);
        }
    }
    drop(silent);
    let Err(client::Error::Io {
        what: "TLS with", ..
    }) = sign_in(&url, "wang", "secret", &Trust::Pin([1; 32])).await
    else {
        panic!("another certificate than the pinned one was believed")
    };
}

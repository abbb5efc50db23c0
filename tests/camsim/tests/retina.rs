//! The server against the client library that the gateway uses.

use std::{path::PathBuf, time::Duration};

use camsim::{
    CameraConfig, Clip, Faults, Profile, SdpQuirks, Server, ServerConfig,
    clip::VideoCodec,
    scene::{QuickClip, Sound, quick_clip},
    stamp,
};
use futures_util::StreamExt;
use retina::{
    client::{
        Credentials, PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions,
        Transport, UdpTransportOptions,
    },
    codec::CodecItem,
};
use tokio::time::timeout;

fn clip(want: QuickClip) -> Clip {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
    quick_clip(&want, &cache).expect("GStreamer with x264 and x265")
}

/// Pulls pictures and sound for a while; gives the number of each, and the longest time on the way.
async fn pull(
    url: &str,
    transport: Transport,
    frames: usize,
) -> Result<(usize, usize, Duration), retina::Error> {
    let credentials = Credentials {
        username: "admin".into(),
        password: "camsim".into(),
    };
    let options = SessionOptions::default().creds(Some(credentials));
    let mut session = Session::describe(url.parse().expect("a URL"), options).await?;
    for i in 0..session.streams().len() {
        if matches!(session.streams()[i].media(), "video" | "audio") {
            session
                .setup(i, SetupOptions::default().transport(transport.clone()))
                .await?;
        }
    }
    let mut demuxed = session.play(PlayOptions::default()).await?.demuxed()?;
    let (mut pictures, mut sounds, mut longest) = (0, 0, Duration::ZERO);
    while pictures < frames {
        match demuxed.next().await {
            Some(Ok(CodecItem::VideoFrame(frame))) => {
                pictures += 1;
                let sent = stamp::read(frame.data()).expect("every picture has its stamp");
                longest = longest.max(Duration::from_nanos(
                    stamp::now_ns()
                        .checked_sub(sent)
                        .expect("sent before it came"),
                ));
            }
            Some(Ok(CodecItem::AudioFrame(_))) => sounds += 1,
            Some(Ok(_)) => {}
            Some(Err(e)) => return Err(e),
            None => break,
        }
    }
    Ok((pictures, sounds, longest))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateways_library_reads_every_codec_and_every_oddity() {
    let quirks = SdpQuirks {
        fractional_framerate: true,
        metadata_track: true,
        ..SdpQuirks::default()
    };
    let server = Server::start(ServerConfig::default())
        .await
        .expect("a free port");
    for (n, (codec, sound, transport)) in [
        (
            VideoCodec::H264,
            Sound::Pcma,
            Transport::Tcp(TcpTransportOptions::default()),
        ),
        (
            VideoCodec::H264,
            Sound::Aac,
            Transport::Udp(UdpTransportOptions::default()),
        ),
        (
            VideoCodec::H265,
            Sound::Aac,
            Transport::Tcp(TcpTransportOptions::default()),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let clip = clip(QuickClip {
            codec,
            sound,
            seconds: 4,
            ..QuickClip::default()
        });
        let faults = Faults {
            sdp: quirks,
            no_sender_reports: n == 0,
            ..Faults::default()
        };
        let config = CameraConfig {
            stamp: true,
            start_at_key: true,
            lag_max: Duration::from_secs(180),
            faults,
            ..CameraConfig::new(format!("c{n}"), clip)
        };
        let camera = server.add_camera(config);
        let begun = std::time::Instant::now();
        let pulled = timeout(
            Duration::from_secs(180),
            pull(&camera.url(Profile::Main), transport, 60),
        )
        .await;
        let (pictures, sounds, longest) = pulled.expect("in time").expect("no error");
        assert_eq!(pictures, 60);
        assert!(sounds > 20, "{sounds}");
        // Not later than it was read, and of this session; how long it took is the machine's affair.
        assert!(longest <= begun.elapsed(), "{longest:?}");
    }
    server.shutdown().await;
}

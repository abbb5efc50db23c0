//! Cameras before which a front stands: those that speak TLS, and those whose description the RTSP library refuses.

mod harness;

use std::{net::SocketAddr, path::Path, sync::Arc};

use camsim::{
    CameraConfig, Profile as CamProfile, SdpQuirks,
    clip::VideoCodec as CamCodec,
    scene::{QuickClip, Sound},
};
use harness::{Bench, clip, config};
use ingest::{Config, Transport};
use media::{AudioCodec, ReasonCode, TrackKind, VideoCodec};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

fn camera() -> CameraConfig {
    let want = QuickClip {
        codec: CamCodec::H265,
        sound: Sound::Aac,
        gop: 10,
        ..QuickClip::default()
    };
    CameraConfig::new("a", clip(want))
}

#[tokio::test]
async fn a_description_without_an_address_is_read() {
    // Case 9.
    let bench = Bench::new(camera()).await;
    bench.camera.faults().change(|f| {
        f.sdp = SdpQuirks {
            no_address: true,
            ..SdpQuirks::default()
        };
    });
    let mut pull = bench.pull();
    let first = pull.video().await;
    assert_eq!(first.tracks.video.codec, VideoCodec::H265);
    let sound = pull.until_frame(|f| f.track == TrackKind::Audio).await;
    assert_eq!(
        sound.tracks.audio.as_ref().map(|a| a.codec),
        Some(AudioCodec::Aac)
    );
    bench.well().await;
    assert_eq!(bench.status().attempts, 1, "within the first attempt");
    // It is known from then on: one description a session, and the packets go on as ever.
    let described = bench.camera.stats().describes;
    bench.camera.faults().cut();
    pull.until_frame(|f| f.discontinuity).await;
    assert_eq!(
        bench.camera.stats().describes - described,
        2,
        "a challenge and an answer"
    );
    drop(pull);
    harness::until("the goodbye", || {
        (bench.camera.stats().playing() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_odd_camera_that_is_set_to_udp_is_told_so() {
    let bench = Bench::new(camera()).await;
    bench.camera.faults().change(|f| f.sdp.no_address = true);
    let mut odd = harness::registered(1, &bench.camera.url_with_password(CamProfile::Main));
    odd.main.as_mut().unwrap().transport = Transport::Udp;
    bench.ingest.upsert(odd);
    let _pull = bench.pull();
    let reason = bench.reason(ReasonCode::RtspError).await.reason.unwrap();
    assert!(reason.text.contains("UDP is set"), "{reason}");
}

/// Ends TLS before a camera, with a certificate of its own for this address.
async fn tls_before(camera: SocketAddr, authorities: &Path) -> SocketAddr {
    let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).expect("set up");
    std::fs::write(authorities, own.cert.pem()).expect("set up");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = own.signing_key.serialize_der();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("set up")
        .with_no_client_auth()
        .with_single_cert(
            vec![own.cert.der().clone()],
            key.try_into().expect("set up"),
        )
        .expect("set up");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("set up");
    let address = listener.local_addr().expect("set up");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut tls) = acceptor.accept(socket).await {
                    let mut camera = TcpStream::connect(camera).await.expect("set up");
                    let _ = copy_bidirectional(&mut tls, &mut camera).await;
                }
            });
        }
    });
    address
}

fn address_of(bench: &Bench) -> SocketAddr {
    bench.server.address()
}

#[tokio::test]
async fn rtsps_plays_where_the_certificate_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let authorities = dir.path().join("cameras.pem");
    let config = Config {
        camera_authorities: authorities.clone(),
        ..config()
    };
    let bench = Bench::with(camera(), config).await;
    let tls = tls_before(address_of(&bench), &authorities).await;
    let url = format!("rtsps://admin:camsim@{tls}/a/main");
    bench.ingest.upsert(harness::registered(1, &url));
    let mut pull = bench.pull();
    let frames = pull.videos(30).await;
    assert!(frames.iter().all(|f| !f.damaged && !f.discontinuity));
    pull.until_frame(|f| f.track == TrackKind::Audio).await;
    bench.well().await;
}

#[tokio::test]
async fn rtsps_without_trust_is_refused_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let [its_own, others] = ["a.pem", "b.pem"].map(|name| dir.path().join(name));
    let another = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    std::fs::write(&others, another.cert.pem()).unwrap();
    for (known, said) in [
        (others, "certificate"),
        (dir.path().join("none.pem"), "none.pem"),
    ] {
        let config = Config {
            camera_authorities: known,
            ..config()
        };
        let bench = Bench::with(camera(), config).await;
        let tls = tls_before(address_of(&bench), &its_own).await;
        let url = format!("rtsps://admin:camsim@{tls}/a/main");
        bench.ingest.upsert(harness::registered(1, &url));
        let _pull = bench.pull();
        let reason = bench.reason(ReasonCode::RtspError).await.reason.unwrap();
        let told = reason.text.to_lowercase();
        assert!(told.contains("tls") && told.contains(said), "{reason}");
        assert_eq!(bench.camera.stats().describes, 0, "no password was sent");
    }
}

#[tokio::test]
async fn a_flood_behind_a_front_ends_at_a_bound_of_bytes() {
    // First an odd description, then, once it is known for that, headers without an end.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("rtsp://{}/a", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut first = true;
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0u8; 1024];
            let n = socket.read(&mut request).await.unwrap_or(0);
            if n == 0 {
                continue;
            }
            if first {
                first = false;
                let sdp = "v=0\r\no=- 1 1 IN IP4\r\ns=x\r\nt=0 0\r\n";
                let answer = format!(
                    "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                );
                let _ = socket.write_all(answer.as_bytes()).await;
                continue;
            }
            let _ = socket.write_all(b"RTSP/1.0 200 OK\r\nX: ").await;
            // As fast as it is read.
            while socket.write_all(&[b'x'; 4096]).await.is_ok() {}
        }
    });
    let ingest = harness::supervisor(config(), Vec::new());
    ingest.upsert(harness::registered(1, &url));
    let _pull = harness::Pull::of(&ingest, 1);
    let reason = harness::until("a reason", || harness::status(&ingest, 1).reason).await;
    assert_eq!(reason.code, ReasonCode::FramingLost, "{reason}");
    assert!(reason.text.contains("65536 bytes"), "{reason}");
    server.abort();
}

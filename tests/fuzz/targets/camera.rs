//! A camera that answers anything: the pull ends with a reason or goes on, within bounds, and never takes the process with it.
//!
//! A loopback server answers the first requests as a camera would, so that the bytes are read as interleaved data, and then sends
//! the input; an input whose first byte is odd is sent from the first answer on.
#![no_main]

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use ingest::{Camera, Config, Source, Supervisor, budget::Links};
use libfuzzer_sys::fuzz_target;
use media::{CameraId, Clock, FeedId, Priority, Profile};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime::Runtime,
};
use tokio_util::sync::CancellationToken;

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\na=control:t0\r\n";

fuzz_target!(|data: &[u8]| {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
    });
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let cancel = CancellationToken::new();
        let clock = Arc::new(Mutex::new(Clock::system()));
        let supervisor = Supervisor::start(Config::default(), Links::new(Vec::new()), clock, cancel.clone());
        let id: CameraId = "44140300001320000001".parse().expect("20 digits");
        supervisor.upsert(Camera {
            id,
            region: "441403".parse().expect("a region"),
            main: Some(Source::parse(&format!("rtsp://127.0.0.1:{port}/x")).expect("an address")),
            sub: None,
            always: false,
            disabled: false,
        });
        let lease = supervisor.pull(FeedId { camera: id, profile: Profile::Main }, Priority::Viewer).expect("admitted");
        let (mut stream, _) = listener.accept().await.expect("it connects");
        let _ = tokio::time::timeout(Duration::from_millis(500), answer(&mut stream, data)).await;
        drop(stream);
        assert!(lease.feed.ring.held().0 < 32 << 20);
        drop(lease);
        cancel.cancel();
        supervisor.shutdown().await;
    });
});

async fn answer(stream: &mut tokio::net::TcpStream, data: &[u8]) -> std::io::Result<()> {
    if data.first().is_some_and(|b| b % 2 == 1) {
        stream.write_all(&data[1..]).await?;
        return stream.shutdown().await;
    }
    let mut request = Vec::new();
    for _ in 0..8 {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let sequence = text
            .lines()
            .find_map(|l| l.strip_prefix("CSeq: "))
            .unwrap_or("0")
            .to_owned();
        let (head, body) = if text.starts_with("DESCRIBE") {
            ("Content-Type: application/sdp\r\n", SDP)
        } else if text.starts_with("SETUP") {
            ("Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "")
        } else {
            ("Session: 1\r\n", "")
        };
        let answer = format!("RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await?;
        if text.starts_with("PLAY") {
            stream.write_all(data).await?;
            stream.flush().await?;
            return stream.shutdown().await;
        }
    }
    Ok(())
}

//! WebTransport over loopback, with the client of another implementation, and with bare quinn where that one is too well
//! behaved.

use std::sync::Arc;

use bytes::BytesMut;
use media::wire::{Header, Kind, ServerMessage};
use relay::{Config, quic};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::time::timeout;
use url::Url;
use web_transport_proto::{ConnectRequest, Frame, Settings, StreamUni, VarInt};
use web_transport_quinn::{
    ClientBuilder, RecvStream, SendStream, Session, SessionError, WebTransportError,
};

use crate::harness::{self, DEADLINE, GOP, TestHost, camera, live, quic::Rig};

/// A session of the foreign client, its control stream, and what came on that beyond the last line.
struct Page {
    session: Session,
    send: SendStream,
    receive: RecvStream,
    rest: Vec<u8>,
}

fn certificate(rig: &Rig) -> CertificateDer<'static> {
    let client::Trust::Ca(pem) = &rig.trust else {
        panic!()
    };
    CertificateDer::from_pem_slice(pem).unwrap()
}

fn url(rig: &Rig) -> Url {
    rig.url.join("/api/v1/media").unwrap()
}

impl Page {
    async fn connect(rig: &Rig, first: &str) -> Self {
        let client = ClientBuilder::new()
            .with_server_certificates(vec![certificate(rig)])
            .unwrap();
        let session = timeout(DEADLINE, client.connect(url(rig)))
            .await
            .unwrap()
            .unwrap();
        let (mut send, receive) = session.open_bi().await.unwrap();
        send.write_all(first.as_bytes()).await.unwrap();
        Self {
            session,
            send,
            receive,
            rest: Vec::new(),
        }
    }

    async fn authentic(rig: &Rig) -> Self {
        let mut page = Self::connect(rig, "{\"type\":\"auth\",\"token\":\"good\"}\n").await;
        assert!(matches!(page.line().await, ServerMessage::Hello { .. }));
        page
    }

    async fn tell(&mut self, line: &str) {
        let line = format!("{line}\n");
        self.send.write_all(line.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> ServerMessage {
        loop {
            if let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return serde_json::from_slice(&line).unwrap();
            }
            let mut bytes = [0; 1024];
            let read = timeout(DEADLINE, self.receive.read(&mut bytes)).await;
            let n = read.unwrap().unwrap().expect("the control stream ended");
            self.rest.extend_from_slice(&bytes[..n]);
        }
    }

    async fn close_code(self) -> u32 {
        match timeout(DEADLINE, self.session.closed()).await.unwrap() {
            SessionError::WebTransportError(WebTransportError::Closed(code, _)) => code,
            other => panic!("{other:?}"),
        }
    }
}

fn messages(bytes: &[u8]) -> Vec<(Header, Vec<u8>)> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while !rest.is_empty() {
        let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let (header, payload) = Header::read(&rest[4..4 + len]).unwrap();
        all.push((header, payload.to_vec()));
        rest = &rest[4 + len..];
    }
    all
}

#[tokio::test]
async fn a_session_gets_its_groups_each_in_a_stream() {
    let mut cam = live(1);
    cam.tracks = harness::tracks(0, true);
    cam.push();
    let rig = Rig::new(&TestHost::with(&[&cam]), Config::default());
    let mut page = Page::authentic(&rig).await;
    page.tell("{\"type\":\"delay\",\"max_ms\":60000}").await;
    let camera = camera(1);
    page.tell(&format!(
        "{{\"type\":\"open\",\"tile\":1,\"camera\":\"{camera}\",\"profile\":\"sub\"}}"
    ))
    .await;
    assert!(matches!(
        page.line().await,
        ServerMessage::Opened { tile: 1, .. }
    ));
    // Three groups and the beginning of a fourth, so that three streams a track are finished.
    cam.push_many(3 * GOP);
    let mut seen = [0u32; 2];
    for _ in 0..6 {
        let mut stream = timeout(DEADLINE, page.session.accept_uni())
            .await
            .unwrap()
            .unwrap();
        let bytes = timeout(DEADLINE, stream.read_to_end(1 << 22))
            .await
            .unwrap()
            .unwrap();
        let messages = messages(&bytes);
        assert_eq!(messages[0].0.kind, Kind::Initialisation);
        assert_eq!(messages.len(), GOP as usize + 1);
        for (header, payload) in &messages[1..] {
            assert_eq!(header.kind, Kind::Fragment);
            assert_eq!(&payload[4..8], b"moof");
            assert_eq!(
                (header.group, header.track),
                (messages[0].0.group, messages[0].0.track)
            );
        }
        seen[usize::from(messages[0].0.track.number())] += 1;
    }
    assert_eq!(seen, [3, 3]);
    page.tell("{\"type\":\"close\",\"tile\":1}").await;
    while !matches!(page.line().await, ServerMessage::Closed { tile: 1 }) {}
    page.session.close(0, b"");
    // The place is given back.
    while rig.relay.stats().viewers > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_not_allowed_is_closed_with_its_code() {
    let rig = Rig::new(&TestHost::with(&[]), Config::default());
    let auth = "{\"type\":\"auth\",\"token\":\"good\"}\n";
    let long = "a".repeat(5000);
    for (first, code) in [
        ("{\"type\":\"auth\",\"token\":\"bad\"}\n".to_owned(), 1008),
        ("{\"type\":\"pause\",\"tile\":1}\n".to_owned(), 1008),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 1002),
        (long.clone(), 1009),
        (format!("{auth}{long}"), 1009),
        (format!("{auth}{{}}\n{{}}\n{{}}\n"), 1002),
    ] {
        let page = Page::connect(&rig, &first).await;
        assert_eq!(page.close_code().await, code, "{first:.40}");
    }
    // A second control stream, and a stream that only the gateway may open.
    let page = Page::authentic(&rig).await;
    let (mut send, _receive) = page.session.open_bi().await.unwrap();
    send.write_all(auth.as_bytes()).await.unwrap();
    assert_eq!(page.close_code().await, 1002);
    let page = Page::authentic(&rig).await;
    let mut uni = page.session.open_uni().await.unwrap();
    uni.write_all(b"x").await.unwrap();
    assert_eq!(page.close_code().await, 1002);
    // The gateway's end.
    let page = Page::authentic(&rig).await;
    rig.cancel.cancel();
    assert_eq!(page.close_code().await, 1001);
    timeout(DEADLINE, rig.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn one_too_many_is_told_so() {
    let config = Config {
        max_viewers: 1,
        ..Config::default()
    };
    let rig = Rig::new(&TestHost::with(&[]), config);
    let first = Page::authentic(&rig).await;
    let second = Page::connect(&rig, "").await;
    assert_eq!(second.close_code().await, 1013);
    first.session.close(0, b"");
    while rig.relay.stats().viewers > 0 {
        tokio::task::yield_now().await;
    }
    drop(Page::authentic(&rig).await);
}

/// A QUIC connection with ALPN `h3` that says what it likes.
struct Rough {
    connection: quinn::Connection,
    _endpoint: quinn::Endpoint,
}

impl Rough {
    async fn connect(rig: &Rig) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate(rig)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![quic::ALPN_WEBTRANSPORT.to_vec()];
        let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
        let config = quinn::ClientConfig::new(Arc::new(tls));
        let endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connection = endpoint
            .connect_with(config, rig.address, "localhost")
            .unwrap()
            .await
            .unwrap();
        Self {
            connection,
            _endpoint: endpoint,
        }
    }

    async fn uni(&self, bytes: &[u8]) -> quinn::SendStream {
        let mut stream = self.connection.open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn ask(&self, bytes: &[u8]) -> (quinn::SendStream, quinn::RecvStream) {
        let mut streams = self.connection.open_bi().await.unwrap();
        streams.0.write_all(bytes).await.unwrap();
        streams
    }

    async fn close_code(&self) -> u64 {
        match timeout(DEADLINE, self.connection.closed()).await.unwrap() {
            quinn::ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
            other => panic!("{other:?}"),
        }
    }
}

fn settings() -> BytesMut {
    let mut bytes = BytesMut::new();
    let mut settings = Settings::default();
    settings.enable_webtransport(1);
    settings.encode(&mut bytes);
    bytes
}

fn connect(url: &Url, origin: Option<&'static str>) -> BytesMut {
    let mut request = ConnectRequest::new(url.clone());
    if let Some(origin) = origin {
        let value = http::HeaderValue::from_static(origin);
        request.headers.insert(http::header::ORIGIN, value);
    }
    let mut bytes = BytesMut::new();
    request.encode(&mut bytes).unwrap();
    bytes
}

const REJECTED: u64 = 0x10b;
const MESSAGE_ERROR: u64 = 0x10e;

#[tokio::test]
async fn requests_that_are_none_are_refused_with_a_code() {
    let rig = Rig::new(&TestHost::with(&[]), Config::default());
    let other = rig.url.join("/").unwrap();
    let mut too_long = BytesMut::new();
    Frame::HEADERS.encode(&mut too_long);
    VarInt::from_u32(1 << 24).encode(&mut too_long);
    for (bytes, code) in [
        (connect(&other, None), REJECTED),
        (connect(&url(&rig), Some("https://evil.example")), REJECTED),
        (
            BytesMut::from(&b"GET / HTTP/1.1\r\n\r\n"[..]),
            MESSAGE_ERROR,
        ),
        (too_long, MESSAGE_ERROR),
        (BytesMut::from(&[1, 3, 0, 0, 0xff][..]), MESSAGE_ERROR),
    ] {
        let rough = Rough::connect(&rig).await;
        let _settings = rough.uni(&settings()).await;
        let (mut send, mut receive) = rough.ask(&bytes).await;
        send.finish().unwrap();
        if code == REJECTED {
            // In HTTP's words first.
            let answer = web_transport_proto::ConnectResponse::read(&mut receive).await;
            assert!(matches!(
                answer,
                Err(web_transport_proto::ConnectError::WrongStatus(_))
            ));
        }
        assert_eq!(rough.close_code().await, code);
    }
    assert_eq!(rig.relay.stats().tiles, 0);
}

#[tokio::test]
async fn floods_below_the_session_end_it() {
    let rig = Rig::new(&TestHost::with(&[]), Config::default());
    // A QPACK encoder that does not stop: no dynamic table was offered.
    let rough = Rough::connect(&rig).await;
    let mut encoder = BytesMut::new();
    StreamUni::QPACK_ENCODER.encode(&mut encoder);
    let mut stream = rough.uni(&encoder).await;
    let flood = async { while stream.write_all(&[0; 4096]).await.is_ok() {} };
    let (code, ()) = tokio::join!(rough.close_code(), flood);
    assert_eq!(code, 1009);
    // Streams without number, of a kind that is to be ignored, each told to stop.
    let rough = Rough::connect(&rig).await;
    let mut reserved = BytesMut::new();
    StreamUni(VarInt::from_u32(0x21)).encode(&mut reserved);
    let flood = async {
        while let Ok(mut stream) = rough.connection.open_uni().await {
            let _ = stream.write_all(&reserved).await;
            let _ = stream.reset(0u32.into());
        }
    };
    let (code, ()) = tokio::join!(rough.close_code(), flood);
    assert_eq!(code, 1002);
}

#[tokio::test]
async fn half_a_handshake_is_given_up() {
    // The limit is short here because it is what must pass; everything else waits for what happens.
    let host = TestHost::with(&[]);
    let rig = Rig::with_hello(&host, Config::default(), 300);
    let rough = Rough::connect(&rig).await;
    let request = connect(&url(&rig), None);
    let _settings = rough.uni(&settings()).await;
    let _streams = rough.ask(&request[..request.len() / 2]).await;
    assert_eq!(rough.close_code().await, 1008);
    // A session that was granted, in which nobody says who they are.
    let page = Rough::connect(&rig).await;
    let _settings = page.uni(&settings()).await;
    let _streams = page.ask(&request).await;
    assert_eq!(page.close_code().await, 1008);
}

//! Viewers on QUIC, as native clients and as browsers (WebTransport): each with a socket of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::{Context, Result, ensure};
use bytes::BytesMut;
use quinn::{
    Connection, Endpoint, EndpointConfig, RecvStream, SendStream, TokioRuntime,
    crypto::rustls::QuicClientConfig,
};
use relay::quic::{ALPN, ALPN_WEBTRANSPORT, WEBTRANSPORT_PATH};
use url::Url;
use web_transport_proto::{ConnectRequest, ConnectResponse, Frame, Settings, VarInt};

use super::open_message;
use crate::{serve::Doors, tls};

/// Bytes asked of a stream at once.
const PIECE: usize = 1 << 18;

/// What all viewers connect with.
///
/// # Errors
/// The certificate is none.
pub fn config(doors: &Doors, webtransport: bool) -> Result<quinn::ClientConfig> {
    let alpn = if webtransport {
        ALPN_WEBTRANSPORT
    } else {
        ALPN
    };
    config_of(tls::client(&doors.certificate, &[alpn])?)
}

/// The same with TLS of the caller's own.
///
/// # Errors
/// It has no cipher suite of QUIC's.
pub fn config_of(tls: rustls::ClientConfig) -> Result<quinn::ClientConfig> {
    Ok(quinn::ClientConfig::new(Arc::new(
        QuicClientConfig::try_from(tls)?,
    )))
}

/// A viewer's connection.
#[derive(Debug)]
pub struct Line {
    /// Its own.
    pub endpoint: Endpoint,
    /// The only one.
    pub connection: Connection,
    /// The control stream, kept open.
    pub control: (SendStream, RecvStream),
    /// HTTP/3's, kept open.
    _session: Option<Session>,
}

impl Line {
    /// Connects and opens these tiles. `config` is of [`config`] with the same `webtransport`; packets of so many bytes are
    /// taken, those of Ethernet without.
    ///
    /// # Errors
    /// It cannot connect, or is not let in.
    pub async fn open(
        doors: &Doors,
        config: &quinn::ClientConfig,
        webtransport: bool,
        tiles: RangeInclusive<u32>,
        packet: Option<u16>,
    ) -> Result<Self> {
        let mut bounds = EndpointConfig::default();
        if let Some(bytes) = packet {
            bounds.max_udp_payload_size(bytes)?;
        }
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let endpoint = Endpoint::new(bounds, None, socket, Arc::new(TokioRuntime))?;
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, doors.quic));
        let connection = endpoint
            .connect_with(config.clone(), to, "localhost")?
            .await
            .context("QUIC handshake")?;
        let mut text = BytesMut::new();
        let session = match webtransport {
            false => None,
            true => {
                let session = Session::ask(&connection, doors.quic).await?;
                Frame::WEBTRANSPORT.encode(&mut text);
                session.number.encode(&mut text);
                Some(session)
            }
        };
        let mut control = connection.open_bi().await?;
        let auth = serde_json::json!({"type": "auth", "token": doors.token}).to_string();
        text.extend_from_slice(auth.as_bytes());
        text.extend_from_slice(b"\n");
        for tile in tiles {
            text.extend_from_slice(open_message(tile).as_bytes());
            text.extend_from_slice(b"\n");
        }
        control.0.write_all(&text).await?;
        Ok(Self {
            endpoint,
            connection,
            control,
            _session: session,
        })
    }

    /// Reads and discards for ever, and counts.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn drain(self, bytes: Arc<AtomicU64>) -> Result<()> {
        let Self {
            connection,
            control: (_send, receive),
            _session,
            ..
        } = self;
        tokio::spawn(discard(receive, Arc::clone(&bytes)));
        loop {
            let stream = connection.accept_uni().await?;
            tokio::spawn(discard(stream, Arc::clone(&bytes)));
        }
    }
}

/// Reads a stream to its end and counts.
pub async fn discard(mut stream: RecvStream, bytes: Arc<AtomicU64>) {
    // The connection's end is told by `accept_uni`; a group may be reset.
    while let Ok(Some(chunk)) = stream.read_chunk(PIECE, false).await {
        bytes.fetch_add(chunk.bytes.len() as u64, Relaxed);
    }
}

/// A WebTransport session.
#[derive(Debug)]
struct Session {
    number: VarInt,
    /// HTTP/3's control stream, and the session's own.
    _streams: (SendStream, SendStream, RecvStream),
}

impl Session {
    async fn ask(connection: &Connection, port: u16) -> Result<Self> {
        let url: Url = format!("https://localhost:{port}{WEBTRANSPORT_PATH}").parse()?;
        let mut settings = connection.open_uni().await?;
        let mut ours = Settings::default();
        ours.enable_webtransport(1);
        ours.write(&mut settings).await?;
        let (mut send, mut receive) = connection.open_bi().await?;
        ConnectRequest::new(url).write(&mut send).await?;
        let answer = ConnectResponse::read(&mut receive)
            .await
            .context("the answer to CONNECT")?;
        ensure!(
            answer.status.is_success(),
            "WebTransport: status {}",
            answer.status
        );
        Ok(Self {
            number: VarInt::from_u64(quinn::VarInt::from(send.id()).into_inner())?,
            _streams: (settings, send, receive),
        })
    }
}

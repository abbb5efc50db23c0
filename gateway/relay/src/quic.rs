//! QUIC on one UDP port: native clients (ALPN `sightline/1`) and browsers (WebTransport, ALPN `h3`). One control stream of
//! JSON lines, a unidirectional stream a group. See `docs/reference/wire.md`.
//!
//! ```text
//! accept -> handshake -> ALPN: Carrier::native | Carrier::webtransport -> auth line -> driver
//! ```
//!
//! The newest group of every track has the same priority and the ones before it less, so that under congestion a tile's newest
//! picture goes first and no tile starves another; audio goes ahead of video. A group that the viewer's maximum delay has
//! passed is reset with code 1, and so is what is left of a group when the session skips.
//!
//! What is asked of the session goes as chunks into the streams' own queues (`group.rs`), and counts against
//! [`crate::Config::viewer_budget`] until quinn has taken it. quinn holds at most [`SEND_WINDOW`] more.

mod carrier;
mod driver;
mod group;
mod lines;
mod webtransport;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use media::wire::ClientMessage;
use quinn::{Connection, Incoming, RecvStream, SendStream, VarInt};
use rustls::server::ResolvesServerCert;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    io::AsyncReadExt,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};

use crate::{Close, Shared, Viewer};
use carrier::{Carrier, Refused};
use lines::Lines;
pub use webtransport::{ALPN as ALPN_WEBTRANSPORT, PATH as WEBTRANSPORT_PATH};

/// The native protocol's name in the TLS handshake.
pub const ALPN: &[u8] = b"sightline/1";

/// Data in flight or waiting for it, of one connection: 40 Mbit/s over a path of 200 ms.
const SEND_WINDOW: u64 = 1024 * 1024;
/// A client sends control messages only.
const RECEIVE_WINDOW: u32 = 64 * 1024;
/// A WebTransport session's request and its control stream. One more, so that whoever opens it is told what is wrong.
const MAX_BIDI_STREAMS: u32 = 3;
/// HTTP/3's own; a native client is told that it may have none.
const MAX_UNI_STREAMS: u32 = 8;
/// HTTP/3 with WebTransport has to announce datagrams. None is read: the oldest give way.
const DATAGRAM_BYTES: usize = 2048;
/// A client of which nothing was heard for so long is gone.
const IDLE_TIME: Duration = Duration::from_secs(30);
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Handshakes under way at once: beyond it new ones are asked to prove their address first, and then refused.
const MAX_HANDSHAKES: usize = 256;

/// Why a QUIC endpoint cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The certificate or its key.
    #[error("certificate or key for QUIC: {0}")]
    Tls(#[from] rustls::Error),
    /// TLS without a cipher suite that QUIC needs.
    #[error("TLS configuration for QUIC: {0}")]
    Suite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// A server configuration for the endpoint given to [`crate::Relay::quic`], with one certificate for all: see
/// [`server_config_resolving`].
///
/// # Errors
/// See [`ConfigError`].
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<quinn::ServerConfig, ConfigError> {
    let provider = rustls::crypto::ring::default_provider();
    let key = rustls::sign::CertifiedKey::from_der(chain, key, &provider)?;
    server_config_resolving(Arc::new(rustls::sign::SingleCertAndKey::from(key)))
}

/// A server configuration for the endpoint given to [`crate::Relay::quic`]: TLS 1.3, ALPN [`ALPN`] and
/// [`ALPN_WEBTRANSPORT`], the wire's limits. `certificates` may tell them apart by the ALPN of the client's hello.
///
/// # Errors
/// See [`ConfigError`].
pub fn server_config_resolving(
    certificates: Arc<dyn ResolvesServerCert>,
) -> Result<quinn::ServerConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    tls.alpn_protocols = vec![ALPN.to_vec(), ALPN_WEBTRANSPORT.to_vec()];
    let tls = quinn::crypto::rustls::QuicServerConfig::try_from(tls)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_BIDI_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_UNI_STREAMS))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAM_BYTES))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(
            quinn::IdleTimeout::try_from(IDLE_TIME).expect("30 s are far below 2^62 ms"),
        ));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Accepts until the relay is cancelled, then waits for the connections to say goodbye.
pub(crate) async fn accept(shared: Arc<Shared>, endpoint: quinn::Endpoint) {
    let mut connections = JoinSet::new();
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = shared.cancel.cancelled() => break,
            Some(_) = connections.join_next() => continue,
        };
        let Some(incoming) = incoming else { break };
        if endpoint.open_connections() > shared.config.max_viewers + MAX_HANDSHAKES {
            incoming.refuse();
            continue;
        }
        match Arc::clone(&handshakes).try_acquire_owned() {
            Ok(permit) => {
                connections.spawn(serve(Arc::clone(&shared), incoming, permit));
            }
            // Cannot fail: its address is not validated.
            Err(_) if !incoming.remote_address_validated() => drop(incoming.retry()),
            Err(_) => incoming.refuse(),
        }
    }
    endpoint.set_server_config(None);
    while connections.join_next().await.is_some() {}
    endpoint.close(VarInt::from_u32(u32::from(Close::GOING_AWAY)), b"");
}

async fn serve(shared: Arc<Shared>, incoming: Incoming, permit: OwnedSemaphorePermit) {
    let peer = incoming.remote_address();
    let handshake = async { incoming.accept()?.await };
    let connection = match timeout(shared.config.hello(), handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "QUIC handshake"),
        Err(_) => return tracing::debug!(%peer, "QUIC handshake not completed in time"),
    };
    let seat = shared.enter();
    let greeted = timeout(shared.config.hello(), async {
        let (carrier, send, receive) = carry(&connection).await?;
        let control = match seat {
            Some(_) => hello(&shared, send, receive, peer).await,
            None => Err(Close::new(Close::BUSY, "too many viewers are connected")),
        };
        Ok((carrier, control))
    });
    let greeted = greeted.await;
    match greeted {
        Ok(Ok((carrier, Ok((viewer, control))))) => {
            drop(permit);
            let end = driver::drive(&shared, carrier, viewer, control).await;
            tracing::debug!(%peer, %end, "viewer's QUIC connection ended");
        }
        Ok(Ok((carrier, Err(close)))) => carrier.close(&close).await,
        Ok(Err(Refused { code, text })) => {
            tracing::debug!(%peer, text, "QUIC connection refused");
            connection.close(code, text.as_bytes());
        }
        Err(_) => carrier::close_native(
            &connection,
            &Close::new(Close::POLICY, "no auth line in time"),
        ),
    }
}

/// By the protocol that was agreed on in the handshake.
async fn carry(connection: &Connection) -> Result<(Carrier, SendStream, RecvStream), Refused> {
    let data = connection.handshake_data();
    let data = data.and_then(|data| data.downcast::<quinn::crypto::rustls::HandshakeData>().ok());
    match data.and_then(|data| data.protocol).as_deref() {
        Some(ALPN_WEBTRANSPORT) => Carrier::webtransport(connection.clone()).await,
        _ => Carrier::native(connection.clone()).await,
    }
}

type Control = (SendStream, RecvStream, Lines);

/// The control stream's first line.
async fn hello(
    shared: &Shared,
    send: SendStream,
    mut receive: RecvStream,
    peer: SocketAddr,
) -> Result<(Viewer, Control), Close> {
    let broken = |error: &dyn std::fmt::Display| Close::new(Close::PROTOCOL, error.to_string());
    let mut lines = Lines::default();
    let mut bytes = [0; 1024];
    let line = loop {
        if let Some(line) = lines.next()? {
            break line;
        }
        match AsyncReadExt::read(&mut receive, &mut bytes).await {
            Ok(0) => return Err(broken(&"the control stream ended before its auth line")),
            Ok(n) => lines.push(&bytes[..n]),
            Err(error) => return Err(broken(&error)),
        }
    };
    let token = match serde_json::from_str(&line) {
        Ok(ClientMessage::Auth { token }) => token,
        Ok(_) => return Err(Close::new(Close::POLICY, "the first line must be 'auth'")),
        Err(error) => return Err(broken(&format!("the auth line: {error}"))),
    };
    match shared.host.authenticate(&token, peer) {
        Ok(viewer) => Ok((viewer, (send, receive, lines))),
        Err(reason) => Err(Close::new(Close::POLICY, reason.to_string())),
    }
}

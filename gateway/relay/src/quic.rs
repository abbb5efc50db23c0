//! QUIC on one UDP port: native clients (ALPN `sightline/1`) and browsers (WebTransport, ALPN `h3`). One control stream of
//! JSON lines, a unidirectional stream a group. See `docs/reference/wire.md`.
//!
//! ```text
//! accept -> handshake -> ALPN: Carrier::native | Carrier::webtransport -> auth line -> line: task, and worker of the thread
//!                                                                                       |  driver -- session
//!                                                                                       v
//!                                                                          streams -> engine, one packet train a frame
//! ```
//!
//! The newest group of every track has the same priority and the ones before it less, so that under congestion a tile's newest
//! picture goes first and no tile starves another; audio goes ahead of video. A group that the viewer's maximum delay has
//! passed is reset with code 1, and so is what is left of a group when the session skips.
//!
//! What is asked of the session goes as chunks to quinn. What quinn does not take waits (`streams.rs`), and counts against
//! [`crate::Config::viewer_budget`]. quinn holds at most [`SEND_WINDOW`] more, until it is acknowledged.

mod accept;
mod carrier;
mod driver;
mod engine;
mod line;
mod lines;
mod outgoing;
mod streams;
mod webtransport;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use quinn_proto::{
    VarInt,
    congestion::{BbrConfig, ControllerFactory, CubicConfig},
};
use rustls::server::ResolvesServerCert;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::oneshot;

use crate::{Config, Congestion};
pub(crate) use accept::start;
use engine::{RecvStream, SendStream};
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
/// Clients that can (RFC draft ack-frequency; ours, not browsers) acknowledge so many packets at once, or what came within so long:
/// about one acknowledgement for two frames in place of one every other packet. A gap is told at once all the same.
const ACKNOWLEDGE_EVERY: u32 = 20;
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_millis(50);
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Why a QUIC endpoint cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The certificate or its key.
    #[error("certificate or key for QUIC: {0}")]
    Tls(#[from] rustls::Error),
    /// TLS without a cipher suite that QUIC needs.
    #[error("TLS configuration for QUIC: {0}")]
    Suite(#[from] quinn_proto::crypto::rustls::NoInitialCipherSuite),
}

/// A server configuration for [`crate::Relay::quic`], with one certificate for all: see [`server_config_resolving`].
///
/// # Errors
/// See [`ConfigError`].
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    bounds: &Config,
) -> Result<quinn_proto::ServerConfig, ConfigError> {
    let provider = rustls::crypto::ring::default_provider();
    let key = rustls::sign::CertifiedKey::from_der(chain, key, &provider)?;
    let key = Arc::new(rustls::sign::SingleCertAndKey::from(key));
    server_config_resolving(key, bounds)
}

/// A server configuration for [`crate::Relay::quic`]: TLS 1.3, ALPN [`ALPN`] and
/// [`ALPN_WEBTRANSPORT`], the wire's limits. `certificates` may tell them apart by the ALPN of the client's hello.
///
/// # Errors
/// See [`ConfigError`].
pub fn server_config_resolving(
    certificates: Arc<dyn ResolvesServerCert>,
    bounds: &Config,
) -> Result<quinn_proto::ServerConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    tls.alpn_protocols = vec![ALPN.to_vec(), ALPN_WEBTRANSPORT.to_vec()];
    let tls = quinn_proto::crypto::rustls::QuicServerConfig::try_from(tls)?;
    let mut config = quinn_proto::ServerConfig::with_crypto(Arc::new(tls));
    let mut transport = quinn_proto::TransportConfig::default();
    let congestion: Arc<dyn ControllerFactory + Send + Sync> = match bounds.quic_congestion {
        Congestion::Bbr => Arc::new(BbrConfig::default()),
        Congestion::Cubic => Arc::new(CubicConfig::default()),
    };
    let mut probing = quinn_proto::MtuDiscoveryConfig::default();
    probing.upper_bound(bounds.quic_packet.bytes());
    let mut acknowledgements = quinn_proto::AckFrequencyConfig::default();
    acknowledgements
        .ack_eliciting_threshold(VarInt::from_u32(ACKNOWLEDGE_EVERY))
        .max_ack_delay(Some(ACKNOWLEDGE_WITHIN));
    transport
        .congestion_controller_factory(congestion)
        .ack_frequency_config(Some(acknowledgements))
        .mtu_discovery_config(Some(probing))
        .max_concurrent_bidi_streams(VarInt::from_u32(MAX_BIDI_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(MAX_UNI_STREAMS))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAM_BYTES))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(
            quinn_proto::IdleTimeout::try_from(IDLE_TIME).expect("30 s are far below 2^62 ms"),
        ));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// The relay's QUIC: see [`crate::Relay::quic`].
#[derive(Debug)]
pub struct Quic {
    address: SocketAddr,
    end: oneshot::Receiver<()>,
}

impl Quic {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Until the relay was cancelled and all viewers have been told.
    pub async fn ended(self) {
        // An error is the end as well.
        let _ = self.end.await;
    }
}

/// The control stream, and what came with its first line.
type Control = (SendStream, RecvStream, Lines);

/// Bytes that a connection's task takes.
#[cfg(test)]
pub(crate) fn task_size() -> usize {
    fn of<A, B, C, D, F: Future>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }
    of(accept::serve)
}

//! QUIC for native clients: ALPN `sightline/1`, one control stream, a stream a group. See `docs/reference/wire.md`.

use std::sync::Arc;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::Shared;

/// The protocol's name in the TLS handshake.
pub const ALPN: &[u8] = b"sightline/1";

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

/// A server configuration for the endpoint given to [`crate::Relay::quic`].
///
/// # Errors
/// See [`ConfigError`].
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<quinn::ServerConfig, ConfigError> {
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_protocol_versions(&[&rustls::version::TLS13])?
    .with_no_client_auth()
    .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let tls = quinn::crypto::rustls::QuicServerConfig::try_from(tls)?;
    Ok(quinn::ServerConfig::with_crypto(Arc::new(tls)))
}

pub(crate) async fn accept(shared: Arc<Shared>, endpoint: quinn::Endpoint) {
    shared.cancel.cancelled().await;
    endpoint.close(1001u32.into(), b"");
}

//! A certificate for as long as a bench runs, and clients who believe in it.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use rustls::{CipherSuite, ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// What the server shows.
#[derive(Debug)]
pub struct Identity {
    /// Signed by itself.
    pub chain: Vec<CertificateDer<'static>>,
    /// ECDSA, P-256.
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A new one, for `localhost`.
    ///
    /// # Errors
    /// No key can be made.
    pub fn make() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
        Ok(Self {
            chain: vec![made.cert.der().clone()],
            key: key.map_err(|e| anyhow!("the key just made: {e}"))?,
        })
    }

    /// The certificate, for [`client`].
    pub fn certificate(&self) -> String {
        text(&self.chain[0])
    }
}

/// A certificate, or an authority's, for [`client`].
pub fn text(certificate: &CertificateDer<'_>) -> String {
    BASE64.encode(certificate)
}

/// A client that believes in this certificate, or what this authority signed, and prefers AES-128-GCM, as browsers do on processors that have it built in.
///
/// # Errors
/// It is no certificate.
pub fn client(certificate: &str, alpn: &[&[u8]]) -> Result<ClientConfig> {
    let der = BASE64.decode(certificate).context("the certificate")?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(der))?;
    let mut provider = ring::default_provider();
    let preferred = CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider
        .cipher_suites
        .sort_by_key(|s| s.suite() != preferred);
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
    Ok(config)
}

//! Which gateway to believe. There is no list of the system's: a district has an authority of its own.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use sha2::{Digest, Sha256};

use crate::Error;

/// Which gateway's certificate to accept.
#[derive(Clone, Debug)]
pub enum Trust {
    /// One that leads to these authorities (PEM), for this host name and date.
    Ca(Vec<u8>),
    /// Exactly the one with this SHA-256 fingerprint, whatever its name and date.
    Pin([u8; 32]),
    /// Any (`--insecure`): whoever sits between can read the password. The fingerprint is logged, to be pinned.
    Anything,
}

impl Trust {
    /// A TLS client's settings that hold to it, offering these protocols (ALPN).
    ///
    /// # Errors
    /// [`Error::Trust`] where the PEM text holds no certificate that can be used.
    pub fn config(&self, alpn: &[&[u8]]) -> Result<ClientConfig, Error> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::Trust(e.to_string()))?;
        let mut config = match self {
            Self::Ca(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    let certificate = certificate.map_err(|e| Error::Trust(format!("PEM: {e}")))?;
                    roots
                        .add(certificate)
                        .map_err(|e| Error::Trust(e.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(Error::Trust("no certificate in the PEM text".into()));
                }
                builder.with_root_certificates(roots)
            }
            Self::Pin(_) | Self::Anything => {
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(Pinned {
                        fingerprint: match self {
                            Self::Pin(fingerprint) => Some(*fingerprint),
                            _ => None,
                        },
                        provider,
                    }))
            }
        }
        .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        Ok(config)
    }
}

/// Accepts by fingerprint; the handshake's signature is checked all the same, so that the peer holds the key.
#[derive(Debug)]
struct Pinned {
    fingerprint: Option<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found: [u8; 32] = Sha256::digest(end_entity).into();
        let text = || found.iter().map(|b| format!("{b:02x}")).collect::<String>();
        match self.fingerprint {
            Some(expected) if expected != found => Err(rustls::Error::General(format!(
                "the gateway's certificate has fingerprint {}, not the pinned one",
                text()
            ))),
            Some(_) => Ok(ServerCertVerified::assertion()),
            None => {
                tracing::warn!(fingerprint = text(), ?name, "certificate not verified");
                Ok(ServerCertVerified::assertion())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

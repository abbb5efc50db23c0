//! TLS by a certificate authority of the district's own: made at the first start, kept under `DIR/tls`, and trusted once on
//! every machine. The gateway's certificate is signed by it and renewed at start when it runs out or when the names change.
//!
//! | file | what |
//! | --- | --- |
//! | `ca.pem` | the authority's certificate; public, also at `/ca.crt` |
//! | `ca.key` | its key, mode 0600 |
//! | `gateway.pem`, `gateway.key`, `gateway.names` | the gateway's certificate, key (0600), and the names in it |
//!
//! Browsers are served another one over QUIC, see [`short_lived`].

pub mod short_lived;

use std::{
    fs,
    io::Write,
    net::IpAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, Result, bail};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// The authority lives for ten years: trusting it anew on every machine of a district is work.
const CA_DAYS: i64 = 3650;
/// Browsers accept at most 825 days of a private authority (Apple); a year is far below.
const LEAF_DAYS: i64 = 365;
/// Renewed at a start within so many days of its end.
const RENEW_DAYS: u64 = 60;

/// What TLS and QUIC serve with.
#[derive(Debug)]
pub struct Identity {
    /// Chain, the gateway's own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// PEM of the authority to trust; none where the district brought a certificate of its own.
    pub authority: Option<String>,
}

impl Identity {
    /// The one in `dir`, made or renewed for `names` (host names and addresses) as needed.
    ///
    /// # Errors
    /// Where files cannot be read or written, or a name is none.
    pub fn of_district(dir: &Path, district: &str, names: &[String]) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let authority = Authority::open(dir, district)?;
        let (cert, key) = authority.leaf(dir, names)?;
        let mut chain = certificates(&cert)?;
        chain.extend(certificates(&authority.pem)?);
        Ok(Self {
            chain,
            key: PrivateKeyDer::from_pem_slice(key.as_bytes()).context("the gateway's key")?,
            authority: Some(authority.pem),
        })
    }

    /// A certificate and key that the district brings.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn of_files(certificate: &Path, key: &Path) -> Result<Self> {
        let pem = fs::read_to_string(certificate)
            .with_context(|| format!("cannot read {}", certificate.display()))?;
        let chain = certificates(&pem).with_context(|| certificate.display().to_string())?;
        if chain.is_empty() {
            bail!("{} holds no certificate in PEM", certificate.display());
        }
        let key = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("{} holds no private key in PEM", key.display()))?;
        Ok(Self {
            chain,
            key,
            authority: None,
        })
    }

    /// TLS over TCP: HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// Where key and certificate do not fit.
    pub fn server(&self) -> Result<Arc<rustls::ServerConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .context("certificate and key do not fit")?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// SHA-256 of the authority's certificate, for people to compare.
    pub fn fingerprint(&self) -> Option<String> {
        let der = certificates(self.authority.as_deref()?).ok()?;
        let digest = Sha256::digest(der.first()?);
        let pairs: Vec<String> = digest.iter().map(|b| format!("{b:02X}")).collect();
        Some(pairs.join(":"))
    }
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .context("not a certificate in PEM")
}

struct Authority {
    pem: String,
    key: String,
}

impl Authority {
    fn open(dir: &Path, district: &str) -> Result<Self> {
        let (pem_path, key_path) = (dir.join("ca.pem"), dir.join("ca.key"));
        if pem_path.exists() && key_path.exists() {
            return Ok(Self {
                pem: read(&pem_path)?,
                key: read(&key_path)?,
            });
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&format!("Sightline CA {district}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut params, CA_DAYS);
        let cert = params.self_signed(&key)?;
        // The key first: a certificate without its key would be trusted and useless.
        write_secret(&key_path, &key.serialize_pem())?;
        write_public(&pem_path, &cert.pem())?;
        tracing::info!(certificate = %pem_path.display(), "made the district's certificate authority");
        Ok(Self {
            pem: cert.pem(),
            key: key.serialize_pem(),
        })
    }

    /// PEM of the gateway's certificate and key.
    fn leaf(&self, dir: &Path, names: &[String]) -> Result<(String, String)> {
        let path = |name: &str| dir.join(name);
        let (pem, key, list) = (
            path("gateway.pem"),
            path("gateway.key"),
            path("gateway.names"),
        );
        let wanted = names.join("\n") + "\n";
        let fits = fs::read_to_string(&list).is_ok_and(|l| l == wanted) && is_fresh(&pem);
        if fits && key.exists() {
            return Ok((read(&pem)?, read(&key)?));
        }
        let issuer_key = KeyPair::from_pem(&self.key).context("ca.key is no private key")?;
        let issuer =
            Issuer::from_ca_cert_pem(&self.pem, issuer_key).context("ca.pem is no certificate")?;
        let leaf_key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())
            .context("a name of the gateway is neither a host name nor an address")?;
        params.distinguished_name = name(names.first().map_or("sightline", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, LEAF_DAYS);
        let cert = params.signed_by(&leaf_key, &issuer)?;
        write_secret(&key, &leaf_key.serialize_pem())?;
        write_public(&pem, &cert.pem())?;
        write_public(&list, &wanted)?;
        tracing::info!(
            names = names.join(" "),
            days = LEAF_DAYS,
            "made the gateway's certificate"
        );
        Ok((cert.pem(), leaf_key.serialize_pem()))
    }
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name.push(DnType::OrganizationName, "Sightline");
    name
}

fn valid(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    // A day back, for machines whose clock is behind.
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(days);
}

/// Judged by the file's age: it is written when the certificate is made.
fn is_fresh(pem: &Path) -> bool {
    let age = fs::metadata(pem)
        .and_then(|m| m.modified())
        .ok()
        .and_then(|t| SystemTime::now().duration_since(t).ok());
    age.is_some_and(|a| a.as_secs() < (LEAF_DAYS as u64 - RENEW_DAYS) * 86_400)
}

fn read(path: &PathBuf) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file that only its owner may read: never readable by others, not even for a moment.
///
/// # Errors
/// Where it cannot be written.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    write(path, text, 0o600)
}

fn write_public(path: &Path, text: &str) -> Result<()> {
    write(path, text, 0o644)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let new = path.with_extension("new");
    let write = || {
        let _ = fs::remove_file(&new);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The names to put into the certificate: those configured, this machine's own name, localhost, and the listening addresses.
pub fn names(configured: &[String], hostname: &str, addresses: &[IpAddr]) -> Vec<String> {
    let mut names: Vec<String> = configured.to_vec();
    if !hostname.is_empty() {
        names.push(hostname.to_ascii_lowercase());
    }
    names.push("localhost".into());
    names.extend(
        addresses
            .iter()
            .filter(|a| !a.is_unspecified())
            .map(|a| a.to_canonical().to_string()),
    );
    names.push("127.0.0.1".into());
    names.push("::1".into());
    let mut seen = std::collections::HashSet::new();
    names.retain(|n| seen.insert(n.clone()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_authority_stays_and_the_certificate_follows_the_names() {
        let dir = tempfile::tempdir().unwrap();
        let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let first =
            Identity::of_district(dir.path(), "441403", &names(&["localhost", "127.0.0.1"]))
                .unwrap();
        let again =
            Identity::of_district(dir.path(), "441403", &names(&["localhost", "127.0.0.1"]))
                .unwrap();
        assert_eq!(first.chain, again.chain);
        let renamed =
            Identity::of_district(dir.path(), "441403", &names(&["gw.example", "::1"])).unwrap();
        assert_ne!(first.chain[0], renamed.chain[0]);
        assert_eq!(first.authority, renamed.authority);
        assert_eq!(first.fingerprint().unwrap().len(), 95);
        first.server().unwrap();
        for key in ["ca.key", "gateway.key"] {
            let mode = fs::metadata(dir.path().join(key))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{key}");
        }
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pem");
        fs::write(&path, "hello").unwrap();
        let error = format!("{:#}", Identity::of_files(&path, &path).unwrap_err());
        assert!(error.contains("x.pem holds no certificate"), "{error}");
    }

    #[test]
    fn names_are_unique_and_hold_no_wildcard_address() {
        let any: IpAddr = "::".parse().unwrap();
        let v4: IpAddr = "127.0.0.1".parse().unwrap();
        assert_eq!(
            names(&["gw".into()], "GW", &[any, v4]),
            ["gw", "localhost", "127.0.0.1", "::1"]
        );
    }
}

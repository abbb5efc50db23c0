//! The certificate for browsers that open WebTransport by its hash (`serverCertificateHashes`): whoever has the page has
//! verified the gateway already, and no machine has to trust the district's authority for QUIC as well, which Chromium would
//! not let it anyway. Browsers want ECDSA on P-256 and at most fourteen days of validity, so it is made and renewed here, in
//! memory, and its key is never on disk.
//!
//! ```text
//! made ----------- 10 days -----------> next one made, both told; one hour later the next one is served
//! ```
//!
//! Time is the gateway's clock, looked at whenever somebody asks for the hashes or shakes hands: there is no timer.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use media::WallTime;
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::{Identity, name};

/// Validity begins so long before the making, for machines whose clock is behind...
const BEFORE: Duration = Duration::days(1);
/// ... and ends so long after it: thirteen days in all, below the fourteen that browsers allow.
const AFTER: Duration = Duration::days(12);
/// The next one is made at this age...
const RENEW_AT: Duration = Duration::days(10);
/// ... and is served from this age on: until then everybody who asked for hashes has been told of it.
const SERVE_AT: Duration = Duration::hours(1);

type Now = Box<dyn Fn() -> WallTime + Send + Sync>;

struct Certificate {
    key: Arc<CertifiedKey>,
    hash: [u8; 32],
    made: OffsetDateTime,
}

struct Pair {
    serving: Certificate,
    next: Option<Certificate>,
}

/// Serves browsers with the short-lived certificate, and all others with the district's.
pub struct ShortLived {
    district: Arc<CertifiedKey>,
    now: Now,
    pair: Mutex<Pair>,
}

impl ShortLived {
    /// Beside this identity, by this clock.
    ///
    /// # Errors
    /// Where the identity's key does not fit its certificate, or no certificate can be made.
    pub fn new(identity: &Identity, now: Now) -> Result<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let (chain, key) = (identity.chain.clone(), identity.key.clone_key());
        let district = Arc::new(CertifiedKey::from_der(chain, key, &provider)?);
        let serving = Certificate::make(utc(now()))?;
        let pair = Pair {
            serving,
            next: None,
        };
        Ok(Self {
            district,
            now,
            pair: Mutex::new(pair),
        })
    }

    /// SHA-256 of each certificate that may be served within the next minutes.
    pub fn hashes(&self) -> Vec<[u8; 32]> {
        let pair = self.current();
        let next = pair.next.as_ref();
        std::iter::once(&pair.serving)
            .chain(next)
            .map(|c| c.hash)
            .collect()
    }

    /// The pair as it has to be now.
    fn current(&self) -> MutexGuard<'_, Pair> {
        let now = utc((self.now)());
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = pair.renew(now) {
            tracing::error!(%error, "cannot renew the certificate for WebTransport");
        }
        pair
    }
}

impl Pair {
    fn renew(&mut self, now: OffsetDateTime) -> Result<()> {
        if self.next.as_ref().is_some_and(|n| now >= n.made + SERVE_AT)
            && let Some(next) = self.next.take()
        {
            self.serving = next;
        }
        if !self.serving.is_valid(now) {
            // Nobody asked for days, or the clock was put right by as much.
            self.serving = Certificate::make(now)?;
            self.next = None;
        } else if self.next.is_none() && now >= self.serving.made + RENEW_AT {
            self.next = Some(Certificate::make(now)?);
        }
        Ok(())
    }
}

impl Certificate {
    fn make(now: OffsetDateTime) -> Result<Self> {
        // ECDSA on P-256 is what rcgen makes by default; the test below holds it to that.
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.distinguished_name = name("Sightline WebTransport");
        params.not_before = now - BEFORE;
        params.not_after = now + AFTER;
        let certificate = params.self_signed(&key)?;
        let der = certificate.der().clone();
        let hash = Sha256::digest(&der).into();
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(vec![der], private, &provider)?;
        Ok(Self {
            key: Arc::new(key),
            hash,
            made: now,
        })
    }

    /// With an hour to spare at its end.
    fn is_valid(&self, now: OffsetDateTime) -> bool {
        now >= self.made - BEFORE && now < self.made + AFTER - SERVE_AT
    }
}

fn utc(now: WallTime) -> OffsetDateTime {
    let nanos = i128::from(now.as_micros()) * 1000;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

impl ResolvesServerCert for ShortLived {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut protocols = hello.alpn().into_iter().flatten();
        if protocols.any(|p| p == relay::quic::ALPN_WEBTRANSPORT) {
            return Some(Arc::clone(&self.current().serving.key));
        }
        Some(Arc::clone(&self.district))
    }
}

impl fmt::Debug for ShortLived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShortLived")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    fn at_clock() -> (ShortLived, Arc<AtomicI64>) {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::of_district(dir.path(), "441403", &["localhost".into()]).unwrap();
        let clock = Arc::new(AtomicI64::new(1_800_000_000));
        let read = Arc::clone(&clock);
        let now = Box::new(move || WallTime::from_secs(read.load(SeqCst)));
        (ShortLived::new(&identity, now).unwrap(), clock)
    }

    fn served(short: &ShortLived) -> [u8; 32] {
        let key = Arc::clone(&short.current().serving.key);
        Sha256::digest(&key.cert[0]).into()
    }

    /// What is served at a moment must have been told half a minute before: that is how old hashes are when they are used.
    #[test]
    fn for_a_year_nobody_meets_a_certificate_that_was_not_told() {
        let (short, clock) = at_clock();
        let (mut told, mut renewed) = (short.hashes(), 0);
        for _ in 0..365 * 24 * 4 {
            clock.fetch_add(30, SeqCst);
            let now = served(&short);
            assert!(told.contains(&now));
            clock.fetch_add(HOUR / 4 - 30, SeqCst);
            let next = short.hashes();
            renewed += usize::from(next.len() == 2 && told.len() == 1);
            told = next;
        }
        assert!((35..=37).contains(&renewed), "{renewed}");
    }

    #[test]
    fn a_clock_that_jumps_and_a_gateway_that_nobody_asks_get_a_valid_one_at_once() {
        let (short, clock) = at_clock();
        for jump in [40 * DAY, -100 * DAY, 12 * DAY, 11 * DAY + 23 * HOUR + 1800] {
            let before = served(&short);
            clock.fetch_add(jump, SeqCst);
            assert_ne!(served(&short), before, "{jump}");
            assert!(short.hashes().contains(&served(&short)));
        }
    }

    /// What browsers ask of such a certificate (W3C WebTransport, 5.1).
    #[test]
    fn it_is_p256_and_valid_for_less_than_fourteen_days() {
        let (short, _) = at_clock();
        let key = Arc::clone(&short.current().serving.key);
        let oid_p256 = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let der = &key.cert[0];
        assert!(der.windows(oid_p256.len()).any(|w| w == oid_p256));
        assert!(BEFORE + AFTER < Duration::days(14));
        assert!(RENEW_AT + SERVE_AT < AFTER);
    }
}

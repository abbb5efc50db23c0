//! Fetches one tile over HTTP: bounded in time, bytes and redirects, from hosts that are listed, at addresses that may be asked.
//!
//! Connections are kept for the next tile, a few for each server: a map asks for some tens at once, and a TLS handshake costs more
//! than a tile.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{
    body::Incoming,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tokio_rustls::TlsConnector;
use url::Url;

use super::{fault::Fault, hosts::Hosts};

/// Largest tile, bytes: one of 512x512 without compression has a third of it.
pub const MAX_TILE: usize = 3 * 1024 * 1024;
/// Redirects that are followed, all of them on the same host.
const MAX_REDIRECTS: usize = 3;
/// Connections that wait for the next tile, of one server.
const MAX_IDLE: usize = 8;
/// They wait so long: shorter than servers usually keep them.
const IDLE: Duration = Duration::from_secs(15);
/// Servers of which connections are kept.
const MAX_SERVERS: usize = 64;

/// A tile as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// `image/png` and the like, by its first bytes.
    pub media_type: &'static str,
    /// The picture.
    pub bytes: Bytes,
    /// The server's mark of it.
    pub etag: Option<String>,
    /// How long the server says that it is good for.
    pub good_for: Option<Duration>,
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// A tile.
    Tile(Fetched),
    /// The one that is known is still good.
    Unchanged(Option<Duration>),
}

/// Asks for tiles.
#[derive(Debug)]
pub struct Fetcher {
    hosts: Hosts,
    /// For a tile, everything included.
    patience: Duration,
    at_once: Semaphore,
    authorities: PathBuf,
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, String>>,
    idle: Mutex<HashMap<String, Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<Empty<Bytes>>,
    since: Instant,
}

impl Fetcher {
    /// One that asks these hosts, trusts the authorities in this PEM file, and asks for so many at once.
    pub fn new(hosts: Hosts, authorities: &Path, patience: Duration, at_once: usize) -> Self {
        Self {
            hosts,
            patience,
            at_once: Semaphore::new(at_once),
            authorities: authorities.to_owned(),
            tls: OnceLock::new(),
            idle: Mutex::default(),
        }
    }

    /// The list.
    pub fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Fetches. `known` is the mark of what is kept already.
    ///
    /// # Errors
    /// [`Fault`]; it never names more of the address than the host.
    pub async fn fetch(&self, url: &Url, referer: &str, known: Option<&str>) -> Result<Got, Fault> {
        let whole = async {
            let _turn = self.at_once.acquire().await;
            self.follow(url, referer, known).await
        };
        timeout(self.patience, whole)
            .await
            .unwrap_or_else(|_| Err(Fault::Slow(host(url), self.patience)))
    }

    async fn follow(&self, url: &Url, referer: &str, known: Option<&str>) -> Result<Got, Fault> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut headers = HeaderMap::new();
            if let Some(value) = known.and_then(|k| k.parse().ok()) {
                headers.insert(header::IF_NONE_MATCH, value);
            }
            if let Ok(value) = referer.parse()
                && !referer.is_empty()
            {
                headers.insert(header::REFERER, value);
            }
            let (sender, answer) = self.ask(&url, &headers).await?;
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return self.read(&url, sender, answer, known.is_some()).await;
            }
            let to = answer.headers().get(header::LOCATION);
            let to = to.and_then(|l| url.join(l.to_str().ok()?).ok());
            let to = to.ok_or_else(|| Fault::Status(host(&url), answer.status().as_u16()))?;
            let upgraded =
                url.scheme() == "http" && to.scheme() == "https" && to.port() == url.port();
            let same = to.host() == url.host()
                && (upgraded || (to.scheme() == url.scheme() && to.port() == url.port()));
            if !same {
                return Err(Fault::Elsewhere(host(&url), host(&to)));
            }
            url = to;
        }
        Err(Fault::Status(host(&url), 310))
    }

    async fn ask(
        &self,
        url: &Url,
        headers: &HeaderMap,
    ) -> Result<(SendRequest<Empty<Bytes>>, Response<Incoming>), Fault> {
        // One that waited may have been closed by the server just now: then a new one is asked.
        while let Some(mut sender) = self.waiting(url) {
            if sender.ready().await.is_err() {
                continue;
            }
            if let Ok(answer) = sender.send_request(request(url, headers)?).await {
                return Ok((sender, answer));
            }
        }
        let mut sender = self.connect(url).await?;
        let answer = sender.send_request(request(url, headers)?).await;
        let answer = answer.map_err(|e| Fault::Broken(host(url), plain(&e)))?;
        Ok((sender, answer))
    }

    async fn connect(&self, url: &Url) -> Result<SendRequest<Empty<Bytes>>, Fault> {
        self.hosts.named(url).map_err(Fault::NotListed)?;
        let stream = self.reach(url).await?;
        let broken = |e: &dyn std::fmt::Display| Fault::Broken(host(url), e.to_string());
        if url.scheme() != "https" {
            return shake(stream).await.map_err(|e| broken(&plain(&e)));
        }
        let name = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let name = ServerName::try_from(name.to_owned()).map_err(|e| broken(&e))?;
        let tls = TlsConnector::from(self.tls()?);
        let stream = tls.connect(name, stream).await;
        let stream = stream.map_err(|e| Fault::Untrusted(host(url), e.to_string()))?;
        shake(stream).await.map_err(|e| broken(&plain(&e)))
    }

    /// Connects to the first address that may be asked.
    async fn reach(&self, url: &Url) -> Result<TcpStream, Fault> {
        let port = url.port_or_known_default().unwrap_or(80);
        let addresses: Vec<SocketAddr> = match url.host() {
            Some(url::Host::Ipv4(ip)) => vec![(ip, port).into()],
            Some(url::Host::Ipv6(ip)) => vec![(ip, port).into()],
            Some(url::Host::Domain(name)) => match tokio::net::lookup_host((name, port)).await {
                Ok(found) => found.take(8).collect(),
                Err(error) => return Err(Fault::NoName(host(url), error.to_string())),
            },
            None => Vec::new(),
        };
        let mut fault = Fault::NoName(host(url), "no address".into());
        for address in addresses {
            if !self.hosts.may_ask(url, address.ip()) {
                fault = Fault::Private(host(url), address.ip());
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => fault = Fault::Unreachable(host(url), error.to_string()),
            }
        }
        Err(fault)
    }

    fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Fault> {
        let made = self.tls.get_or_init(|| trusting(&self.authorities));
        made.clone().map_err(Fault::Authorities)
    }

    async fn read(
        &self,
        url: &Url,
        sender: SendRequest<Empty<Bytes>>,
        answer: Response<Incoming>,
        known: bool,
    ) -> Result<Got, Fault> {
        let (head, body) = answer.into_parts();
        let good_for = good_for(&head.headers);
        let text = |name| {
            head.headers
                .get(name)
                .and_then(|v: &http::HeaderValue| v.to_str().ok())
        };
        let declared = text(header::CONTENT_TYPE)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let etag = text(header::ETAG)
            .filter(|e| e.len() <= 200)
            .map(str::to_owned);
        let body = match Limited::new(body, MAX_TILE).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                return Err(Fault::Large(host(url)));
            }
            Err(error) => return Err(Fault::Broken(host(url), error.to_string())),
        };
        self.keep(url, sender);
        match head.status {
            StatusCode::NOT_MODIFIED if known => return Ok(Got::Unchanged(good_for)),
            StatusCode::NOT_FOUND | StatusCode::NO_CONTENT | StatusCode::GONE => {
                return Err(Fault::None);
            }
            StatusCode::OK => {}
            status => return Err(Fault::Status(host(url), status.as_u16())),
        }
        // A page of the service that says what it does not like is no picture, whatever the status says.
        match (declared.starts_with("image/"), picture(&body)) {
            (true, Some(media_type)) => Ok(Got::Tile(Fetched {
                media_type,
                bytes: body,
                etag,
                good_for,
            })),
            _ => Err(Fault::NoPicture {
                host: host(url),
                declared: declared.chars().take(60).collect(),
                says: words(&body),
            }),
        }
    }

    fn waiting(&self, url: &Url) -> Option<SendRequest<Empty<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let all = idle.get_mut(&server(url))?;
        // The newest is the likeliest to be open still.
        let one = all.pop()?;
        (one.since.elapsed() < IDLE).then_some(one.sender)
    }

    fn keep(&self, url: &Url, sender: SendRequest<Empty<Bytes>>) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        for all in idle.values_mut() {
            all.retain(|one| one.since.elapsed() < IDLE);
        }
        idle.retain(|_, all| !all.is_empty());
        let all = match idle.len() < MAX_SERVERS {
            true => idle.entry(server(url)).or_default(),
            false => return,
        };
        if all.len() < MAX_IDLE {
            let since = Instant::now();
            all.push(Idle { sender, since });
        }
    }
}

fn server(url: &Url) -> String {
    url[..url::Position::BeforePath].to_owned()
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// hyper's words without its "error sending request for URL".
fn plain(error: &hyper::Error) -> String {
    use std::error::Error;
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

async fn shake<S>(stream: S) -> Result<SendRequest<Empty<Bytes>>, hyper::Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the server, or when its sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

fn request(url: &Url, headers: &HeaderMap) -> Result<Request<Empty<Bytes>>, Fault> {
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let mut request = Request::get(target)
        .header(header::HOST, authority)
        .header(header::ACCEPT, "image/*")
        .header(
            header::USER_AGENT,
            concat!("sightline/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::new())
        .map_err(|e| Fault::Broken(host(url), e.to_string()))?;
    request.headers_mut().extend(headers.clone());
    Ok(request)
}

fn trusting(path: &Path) -> Result<Arc<rustls::ClientConfig>, String> {
    let failed = |text: String| format!("{} (map.authorities): {text}", path.display());
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| failed(e.to_string()))?;
    // One that is not understood is left out, as browsers do.
    let certificates: Vec<_> = certificates.filter_map(Result::ok).collect();
    let (good, _) = roots.add_parsable_certificates(certificates);
    if good == 0 {
        return Err(failed("no certificate in it".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// `Cache-Control: max-age` (RFC 9111, 5.2.2.1).
fn good_for(headers: &HeaderMap) -> Option<Duration> {
    let control = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let age = control
        .split(',')
        .find_map(|d| d.trim().strip_prefix("max-age="))?;
    Some(Duration::from_secs(age.trim_matches('"').parse().ok()?))
}

/// What browsers draw, by its first bytes.
fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ => None,
    }
}

/// The first words of a page, without its marks: mostly why the service gives no tile.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]);
    let mut said = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                said.push(' ');
            }
            c if !inside => said.push(if c.is_control() { ' ' } else { c }),
            _ => {}
        }
    }
    let said: Vec<&str> = said.split_whitespace().collect();
    said.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        assert_eq!(picture(b"\x89PNG\r\n"), Some("image/png"));
        assert_eq!(picture(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for none in [&b"<svg xmlns=..."[..], b"<html>", b"", b"RIFF"] {
            assert_eq!(picture(none), None);
        }
    }

    #[test]
    fn a_page_is_told_in_its_own_words() {
        assert_eq!(
            words(b"<html><b>Key\n expired</b><i>!</i>"),
            "Key expired !"
        );
        assert_eq!(words(&[0xFF, 0x00, b'a']), "\u{fffd} a");
    }

    #[test]
    fn how_long_a_tile_is_good_for() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CACHE_CONTROL, text.parse().unwrap());
            good_for(&headers).map(|d| d.as_secs())
        };
        assert_eq!(of("public, max-age=86400"), Some(86_400));
        assert_eq!(of("no-cache"), None);
        assert_eq!(of("max-age=x"), None);
    }
}

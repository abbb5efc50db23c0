//! A front before a camera, for what the RTSP library cannot do: TLS (`rtsps`), and descriptions that it refuses to read.
//!
//! The library connects to a port of this host instead of the camera; from there one task carries the bytes to the camera and
//! back. It costs each byte one more way through the system, so it stands only before the cameras that need it: those with an
//! `rtsps` address, and those whose description was refused once. Packets come over the one connection, never by UDP.
//!
//! What passes is looked at no further than [`Repair`] does: the camera's messages are held until they are whole (at most
//! [`MAX_HEAD`] and [`MAX_BODY`]), its packets go through as they come.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, split},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{
    camera::Source,
    error::{Failure, Kind},
    repair::Repair,
};

/// A camera's front, of one connection.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    failure: Arc<OnceLock<Failure>>,
}

/// A connection on which nothing moves in either direction for so long is over; the library ends its own much earlier.
const IDLE: Duration = Duration::from_secs(120);
/// What is read at once: a few packets.
const READ: usize = 16 << 10;

impl Front {
    /// Connects to the camera, and opens a port for the library's one connection. The task that carries the bytes ends with
    /// either side's. Cancel safe: nothing is left.
    pub(crate) async fn open(source: &Source, authorities: &Path) -> Result<Self, Failure> {
        let host = source.url.host_str().unwrap_or_default();
        // As it stands in a URL, an IPv6 address has brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let refused = |e: std::io::Error| {
            let mut failure = Failure::connecting(&e);
            failure.text = format!("{}: {}", source.authority(), failure.text);
            failure
        };
        let camera = TcpStream::connect((host, source.port()))
            .await
            .map_err(refused)?;
        camera.set_nodelay(true).map_err(refused)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let failure = Arc::new(OnceLock::new());
        if source.is_tls() {
            let camera = secured(camera, host, source, authorities).await?;
            tokio::spawn(serve(listener, camera, Arc::clone(&failure)));
        } else {
            tokio::spawn(serve(listener, camera, Arc::clone(&failure)));
        }
        Ok(Self { address, failure })
    }

    /// The camera's URL by way of the front.
    pub(crate) fn url(&self, camera: &Url) -> Url {
        let rest = camera.as_str().splitn(4, '/').nth(3).unwrap_or_default();
        let text = format!("rtsp://{}/{rest}", self.address);
        Url::parse(&text).unwrap_or_else(|_| camera.clone())
    }

    /// Why the front ended the connection, where it was the one.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }
}

/// The camera's certificate is checked: by the authorities of a PEM file, for the host's name or address.
async fn secured(
    camera: TcpStream,
    host: &str,
    source: &Source,
    authorities: &Path,
) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, Failure> {
    let failed = |text: String| {
        let text = format!("{}: TLS: {text}", source.authority());
        Failure::new(Kind::Tls, text)
    };
    let path = authorities.to_owned();
    let roots = tokio::task::spawn_blocking(move || roots(&path))
        .await
        .map_err(|e| failed(e.to_string()))?
        .map_err(failed)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| failed(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| failed(e.to_string()))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, camera)
        .await
        .map_err(|e| failed(e.to_string()))
}

/// Read anew for each session: they are rare, and the file may have changed.
fn roots(path: &Path) -> Result<RootCertStore, String> {
    let failed = |text: String| format!("the authorities in {}: {text}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| failed(e.to_string()))? {
        let certificate = certificate.map_err(|e| failed(e.to_string()))?;
        // A bundle may hold some that are of no use.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(failed("no certificate among them".into()));
    }
    Ok(roots)
}

/// Waits for the library, and carries until either side ends.
async fn serve(
    listener: TcpListener,
    camera: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    failure: Arc<OnceLock<Failure>>,
) {
    let Ok(Ok((library, _))) = timeout(IDLE, listener.accept()).await else {
        return;
    };
    drop(listener);
    let _ = library.set_nodelay(true);
    let (mut from_camera, mut to_camera) = split(camera);
    let (mut from_library, mut to_library) = split(library);
    let asked = async {
        let _ = copy(&mut from_library, &mut to_camera).await;
        // TLS says goodbye, TCP sends its FIN.
        let _ = to_camera.shutdown().await;
    };
    let answered = async {
        if let Err(e) = carry(&mut from_camera, &mut to_library).await {
            let _ = failure.set(e);
        }
        let _ = to_library.shutdown().await;
    };
    // What the library says last (TEARDOWN) needs no answer; a camera that has ended has nothing more to hear.
    tokio::select! {
        () = asked => {}
        () = answered => {}
    }
}

async fn carry(
    camera: &mut (impl AsyncRead + Unpin),
    library: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Failure> {
    let mut repair = Repair::default();
    let (mut buffer, mut out) = (vec![0; READ], Vec::new());
    loop {
        let n = match timeout(IDLE, camera.read(&mut buffer)).await {
            Ok(Ok(0)) | Err(_) => return Ok(()),
            Ok(Ok(n)) => n,
            Ok(Err(e)) => return Err(Failure::new(Kind::Cut, format!("the camera's end: {e}"))),
        };
        let taken = repair.take(&buffer[..n], &mut out);
        if library.write_all(&out).await.is_err() {
            return Ok(());
        }
        out.clear();
        taken.map_err(|e| Failure::new(Kind::Framing, e.to_string()))?;
    }
}

//! A TCP connection to a gateway, with TLS where its address says `https`.

use std::{sync::Arc, time::Duration};

use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{Error, Trust};

/// For the TCP connection and the TLS handshake each.
const CONNECT_TIME: Duration = Duration::from_secs(10);

pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

pub(crate) type BoxedIo = Box<dyn Io>;

/// Host (without brackets) and port.
pub(crate) fn host_and_port(url: &Url) -> Result<(String, u16), Error> {
    let wrong = |why: &str| Error::Url {
        url: url.to_string(),
        why: why.into(),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with https:// or http://"));
    }
    let host = url.host_str().ok_or_else(|| wrong("it names no host"))?;
    let port = url
        .port_or_known_default()
        .ok_or_else(|| wrong("it has no port"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), port))
}

pub(crate) async fn connect(url: &Url, trust: &Trust) -> Result<BoxedIo, Error> {
    let (host, port) = host_and_port(url)?;
    let address = format!("{host}, port {port}");
    let failed = |what| {
        let address = address.clone();
        move |source| Error::Io {
            what,
            address,
            source,
        }
    };
    let late = |_| std::io::Error::from(std::io::ErrorKind::TimedOut);
    let tcp = timeout(CONNECT_TIME, TcpStream::connect((host.as_str(), port)))
        .await
        .unwrap_or_else(|e| Err(late(e)))
        .map_err(failed("connecting to"))?;
    tcp.set_nodelay(true).map_err(failed("connecting to"))?;
    if url.scheme() == "http" {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(host.clone()).map_err(|e| Error::Url {
        url: url.to_string(),
        why: e.to_string(),
    })?;
    let tls = TlsConnector::from(Arc::new(trust.config(&[b"http/1.1"])?));
    let stream = timeout(CONNECT_TIME, tls.connect(name, tcp))
        .await
        .unwrap_or_else(|e| Err(late(e)))
        .map_err(failed("TLS with"))?;
    Ok(Box::new(stream))
}

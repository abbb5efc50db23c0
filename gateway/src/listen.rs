//! The accept loop: one dual-stack socket, TLS with a time limit, HTTP/1.1 and HTTP/2, a bound on connections, and the
//! peer's address with every request.

use std::{
    convert::Infallible,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
    time::Duration,
};

use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use relay::plain::{Lane, Plain};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use warp::reply::Response;

/// Where a request comes from; an extension of every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address; IPv4 is IPv4, not IPv4 in IPv6.
    pub address: SocketAddr,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// What answers requests.
pub trait Answer: Clone + Send + Sync + 'static {
    /// Answers one.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response> + Send;
}

/// Bounds of the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a request's head.
    pub header: Duration,
}

/// Takes `address`; `[::]` takes IPv4 too.
///
/// # Errors
/// The system's, such as an address in use.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Takes the UDP port for QUIC, with IPv4 on `[::]` as well.
///
/// # Errors
/// The system's.
pub fn bind_udp(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Accepts until `stop`; then open connections finish the request they are at. Connections run in `tasks`.
///
/// # Errors
/// Where the listener cannot be used at all. A failed accept is logged and tried again.
pub async fn serve<A: Answer>(
    listener: StdListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
    answer: A,
    tasks: TaskTracker,
    stop: CancellationToken,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let seats = Arc::new(Semaphore::new(limits.connections));
    let door = Arc::new(Door {
        tls: tls.map(TlsAcceptor::from),
        limits,
        stop: stop.clone(),
        http: builder(limits),
    });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return Ok(()),
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: those who are in go on, and some will leave.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
            tracing::warn!(%address, limit = limits.connections, "too many connections, one refused");
            continue;
        };
        let (door, answer) = (Arc::clone(&door), answer.clone());
        tasks.spawn(async move {
            door.admit(stream, address, answer).await;
            drop(seat);
        });
    }
}

fn builder(limits: Limits) -> auto::Builder<TokioExecutor> {
    let mut http = auto::Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(64 * 1024);
    http.http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(100)
        .max_header_list_size(32 * 1024);
    http
}

struct Door {
    tls: Option<TlsAcceptor>,
    limits: Limits,
    stop: CancellationToken,
    http: auto::Builder<TokioExecutor>,
}

impl Door {
    async fn admit<A: Answer>(&self, stream: TcpStream, address: SocketAddr, answer: A) {
        let peer = Peer {
            address: SocketAddr::new(address.ip().to_canonical(), address.port()),
            tls: self.tls.is_some(),
        };
        let socket = SockRef::from(&stream);
        // A frame must not wait for the next one, and a peer that vanished must be noticed.
        let _ = socket.set_tcp_nodelay(true);
        let _ = socket.set_keepalive(true);
        // The kernel's own queue grows to megabytes: what is in it cannot be skipped any more, and is half a minute on a
        // link of 1 Mbit/s.
        let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
        let Some(tls) = &self.tls else {
            let stream = Plain::new(stream, UNSENT_BYTES);
            let lane = stream.lane();
            return self.drive(stream, peer, Some(lane), answer).await;
        };
        let mut first = [0u8; 1];
        let handshake = async {
            // A TLS record of a handshake begins with 22; a letter is somebody who forgot the 's' of https.
            if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
                redirect(stream).await?;
                return Ok(None);
            }
            tls.accept(stream).await.map(Some)
        };
        match timeout(self.limits.handshake, handshake).await {
            Ok(Ok(Some(stream))) => self.drive(stream, peer, None, answer).await,
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%address, "TLS handshake took too long"),
        }
    }

    /// Answers what comes by a connection. One in clear has a lane, by which an answer's handler sends files without reading them.
    async fn drive<A, S>(&self, stream: S, peer: Peer, lane: Option<Lane>, answer: A)
    where
        A: Answer,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let answer = answer.clone();
            if let Some(lane) = &lane
                && request.version() == http::Version::HTTP_11
            {
                request.extensions_mut().insert(lane.clone());
            }
            async move { Ok::<_, Infallible>(answer.answer(request, peer).await) }
        });
        let connection = self
            .http
            .serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let mut stopping = false;
        loop {
            tokio::select! {
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(peer = %peer.address, %error, "connection ended");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Bytes of a connection that the kernel takes before it can send them: a key frame and a half, a second at 1 Mbit/s.
const UNSENT_BYTES: u32 = 128 * 1024;

/// Longest head of a request in clear that is looked at.
const MAX_HEAD: usize = 4096;

/// Answers a request in clear on the TLS port: sends a browser to https.
async fn redirect(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::with_capacity(1024);
    while head.len() < MAX_HEAD && !head.windows(4).any(|w| w == b"\r\n\r\n") {
        let mut piece = [0u8; 1024];
        match stream.read(&mut piece).await? {
            0 => break,
            n => head.extend_from_slice(&piece[..n]),
        }
    }
    let answer = match location(&head) {
        Some(to) => format!(
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
        None => {
            let text = "This port speaks TLS: use https://\n";
            format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            )
        }
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// The https address of a GET, if its head is one that can safely be repeated.
fn location(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (method, target) = (request.next()?, request.next()?);
    let host = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })?;
    let host_ok = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    let target_ok = target.starts_with('/') && target.bytes().all(|b| b.is_ascii_graphic());
    (matches!(method, "GET" | "HEAD") && host_ok && target_ok)
        .then(|| format!("https://{host}{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_get_in_clear_is_sent_to_https_and_nothing_is_injected() {
        let head = b"GET /wall?x=1 HTTP/1.1\r\nHost: gw.example:8443\r\n\r\n";
        assert_eq!(location(head).unwrap(), "https://gw.example:8443/wall?x=1");
        for bad in [
            &b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET http://evil/ HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            b"GET",
            b"",
            b"\xff\xff",
        ] {
            assert_eq!(location(bad), None);
        }
    }

    #[test]
    fn the_wildcard_listener_takes_both_families() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "::1"] {
            let address: std::net::IpAddr = host.parse().unwrap();
            std::net::TcpStream::connect((address, port)).unwrap();
        }
    }
}

//! The relay as the gateway runs it: hyper's upgrade behind the listener's socket options and TLS, QUIC on a port beside it,
//! the cameras a thread that does what the floors' does.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use media::{Feed, Lease, Reason, ReasonCode};
use relay::{Config, Host, Relay, Viewer, Wish, websocket};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{Args, Doors};
use crate::{
    source::{self, Camera},
    tls::Identity,
};

/// The listener's (`gateway/src/listen.rs`).
const UNSENT_BYTES: u32 = 128 * 1024;

struct BenchHost(Vec<Arc<Feed>>);

impl Host for BenchHost {
    fn open(&self, _: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        let camera = wish.camera;
        let feed = source::camera_number(&camera).and_then(|n| self.0.get(n as usize - 1));
        let feed = feed.ok_or_else(|| Reason::new(ReasonCode::NotFound, camera.to_string()))?;
        Ok(Lease::new(Arc::clone(feed), ()))
    }

    fn authenticate(&self, _: &str, peer: SocketAddr) -> Result<Viewer, Reason> {
        Ok(viewer(peer))
    }
}

fn viewer(peer: SocketAddr) -> Viewer {
    Viewer {
        user: "bench".into(),
        session: String::new(),
        peer,
        revoked: CancellationToken::new(),
    }
}

pub(super) fn run(cameras: Vec<Camera>, args: &Args) -> Result<()> {
    // As in the gateway, where a subscriber is set that wants none of what libraries trace. Without one tracing asks `log` each time.
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::new())?;
    let host = BenchHost(cameras.iter().map(|c| Arc::clone(&c.feed)).collect());
    let identity = Identity::make()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        source::push(cameras)?;
        let mut bounds = Config::default();
        bounds.gather_ms = args.gather_ms.unwrap_or(bounds.gather_ms);
        if let Some(bytes) = args.packet {
            bounds.quic_packet = bytes.try_into().map_err(anyhow::Error::msg)?;
        }
        let (chain, key) = (identity.chain.clone(), identity.key.clone_key());
        let config = relay::quic::server_config(chain, key, &bounds)?;
        let relay = Relay::new(bounds, Arc::new(host), CancellationToken::new());
        let plain = TcpListener::bind("127.0.0.1:0").await?;
        let secure = TcpListener::bind("127.0.0.1:0").await?;
        let quic = relay.quic(std::net::UdpSocket::bind("127.0.0.1:0")?, config)?;
        Doors {
            ws: plain.local_addr()?.port(),
            wss: secure.local_addr()?.port(),
            quic: quic.address().port(),
            certificate: identity.certificate(),
            token: "bench".into(),
        }
        .announce()?;
        tokio::spawn(quic.ended());
        tokio::spawn(accept(secure, Some(acceptor(&identity)?), relay.clone()));
        accept(plain, None, relay).await
    })
}

fn acceptor(identity: &Identity) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, relay: Relay) -> Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        let (tls, relay) = (tls.clone(), relay.clone());
        tokio::spawn(async move {
            let socket = SockRef::from(&stream);
            let _ = socket.set_tcp_nodelay(true);
            let _ = socket.set_keepalive(true);
            let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
            match tls {
                None => serve(stream, peer, relay).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve(stream, peer, relay).await,
                    Err(error) => eprintln!("TLS handshake: {error}"),
                },
            }
        });
    }
}

async fn serve<S>(stream: S, peer: SocketAddr, relay: Relay)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(move |request| answer(relay.clone(), peer, request));
    let http = auto::Builder::new(TokioExecutor::new());
    // A viewer who leaves in the middle of a request is no news here.
    let _ = http
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    relay: Relay,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    match websocket::upgrade(&request) {
        Ok(response) => {
            tokio::spawn(async move {
                // It may leave before the upgrade.
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    relay.upgraded(upgraded, viewer(peer)).await;
                }
            });
            Ok(response.map(|()| Full::default()))
        }
        Err(error) => Ok(error.response().map(|()| Full::default())),
    }
}

//! The two servers: the relay as the gateway runs it, and a bare thread.

use std::{
    convert::Infallible,
    io::{IoSlice, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use media::{Feed, Lease, Reason, ReasonCode, wire::Framed};
use relay::{Config, Host, Relay, Viewer, Wish, websocket};
use sightline_bench::source::{self, Camera, Rate};
use tokio_util::sync::CancellationToken;

fn cameras(count: u32, sub: bool) -> Vec<Camera> {
    let rate = if sub { Rate::Sub } else { Rate::Main };
    (1..=count).map(|n| Camera::new(n, rate)).collect()
}

/// One `writev` a frame and viewer, by one thread that makes the frames too.
pub(crate) fn floor(count: u32, sub: bool, viewers: usize) -> Result<()> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let mut streams = Vec::new();
    while streams.len() < viewers {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    source::run(cameras(count, sub), |camera| {
        let frame = camera.frame();
        let framed = frame.fragment();
        // A viewer that ends takes the bench with it: it must not be measured with fewer.
        streams
            .iter_mut()
            .try_for_each(|s| write(s, framed))
            .expect("the viewers stay until the bench ends");
    });
    Ok(())
}

fn write(stream: &mut TcpStream, framed: &Framed) -> std::io::Result<()> {
    let (head, payload) = (framed.websocket_head(), framed.payload());
    let written = stream.write_vectored(&[IoSlice::new(head), IoSlice::new(payload)])?;
    // A full socket: the rest follows, the thread waits.
    match written.checked_sub(head.len()) {
        Some(of_payload) => stream.write_all(&payload[of_payload..]),
        None => {
            stream.write_all(&head[written..])?;
            stream.write_all(payload)
        }
    }
}

struct BenchHost(Vec<Arc<Feed>>);

impl Host for BenchHost {
    fn open(&self, _: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        let camera = wish.camera;
        let feed = self.0.iter().find(|f| f.id.camera == camera);
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

/// The relay behind hyper on tokio's threads, the cameras a task as ingest's are.
pub(crate) fn relay(count: u32, sub: bool) -> Result<()> {
    let cameras = cameras(count, sub);
    let host = BenchHost(cameras.iter().map(|c| Arc::clone(&c.feed)).collect());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::spawn(source::push(cameras));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let relay = Relay::new(Config::default(), Arc::new(host), CancellationToken::new());
        loop {
            let (stream, peer) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let relay = relay.clone();
            let service = service_fn(move |request| answer(relay.clone(), peer, request));
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(
                http.serve_connection(TokioIo::new(stream), service)
                    .with_upgrades(),
            );
        }
    })
}

async fn answer(
    relay: Relay,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    match websocket::upgrade(&request) {
        Ok(response) => {
            tokio::spawn(async move {
                match hyper::upgrade::on(request).await {
                    Ok(upgraded) => {
                        relay.websocket(TokioIo::new(upgraded), viewer(peer)).await;
                    }
                    Err(error) => eprintln!("upgrade: {error}"),
                }
            });
            Ok(response.map(|()| Full::default()))
        }
        Err(error) => Ok(error.response().map(|()| Full::default())),
    }
}

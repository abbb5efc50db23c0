//! The relay's WebSocket layer (handshake, reader, framing) as a server that sends every message back: what conformance suites
//! ask for. `gateway/relay/tests/autobahn.sh` runs one against it.
//!
//! ```text
//! cargo run -p relay --example echo -- 127.0.0.1:9001
//! ```

use std::{convert::Infallible, io};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, service::service_fn, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use media::wire::server_frame_header;
use relay::{
    Close,
    websocket::{
        self,
        reader::{Event, Reader},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// The suite's longest message is 16 MiB; the gateway itself takes 4 KiB.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:0");
    let listener = TcpListener::bind(address).await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            let served = http
                .serve_connection(TokioIo::new(stream), service_fn(answer))
                .with_upgrades();
            if let Err(error) = served.await {
                eprintln!("connection: {error}");
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(match websocket::upgrade(&request) {
        Ok(response) => {
            tokio::spawn(async move {
                if let Ok(upgraded) = hyper::upgrade::on(request).await {
                    // A peer that is gone ends its own connection only.
                    let _ = echo(TokioIo::new(upgraded)).await;
                }
            });
            response.map(|()| Full::default())
        }
        Err(error) => error.response().map(|()| Full::default()),
    })
}

async fn echo(mut stream: TokioIo<Upgraded>) -> io::Result<()> {
    let mut reader = Reader::new(MAX_MESSAGE);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        let mut input = &buffer[..n];
        loop {
            let (opcode, payload) = match reader.read(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::Text(text))) => (0x1, text.into_bytes()),
                Ok(Some(Event::Binary(bytes))) => (0x2, bytes),
                Ok(Some(Event::Ping(payload))) => (0xa, payload),
                Ok(Some(Event::Pong)) => continue,
                Ok(Some(Event::Close(code))) => {
                    let code = code.unwrap_or(Close::NORMAL).to_be_bytes();
                    return end(stream, &code).await;
                }
                Err(close) => return end(stream, &close.code.to_be_bytes()).await,
            };
            send(&mut stream, opcode, &payload).await?;
        }
    }
}

async fn send(stream: &mut TokioIo<Upgraded>, opcode: u8, payload: &[u8]) -> io::Result<()> {
    let mut head = Vec::with_capacity(10);
    server_frame_header(opcode, payload.len(), &mut head);
    stream.write_all(&head).await?;
    stream.write_all(payload).await?;
    stream.flush().await
}

/// Our close frame, then the end once the other side has gone, too: unread bytes would reset what it has not read yet.
async fn end(mut stream: TokioIo<Upgraded>, payload: &[u8]) -> io::Result<()> {
    send(&mut stream, 0x8, payload).await?;
    stream.shutdown().await?;
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

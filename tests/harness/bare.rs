//! Clients that know the transports but keep to none of the rules.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use client::Trust;
use futures_util::StreamExt;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::{
    net::{TcpStream, UdpSocket},
    time::timeout,
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::Role},
};

use crate::secure::{DEADLINE, Secure};

/// A secure WebSocket by a library that is not ours.
pub type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Opens one with a session; also where it comes from, as the gateway's log names it.
pub async fn web_socket(gateway: &Secure, token: &str) -> anyhow::Result<(Socket, SocketAddr)> {
    let stream = gateway.tls().await?;
    let from = stream.get_ref().0.local_addr()?;
    let url = format!("wss://{}/api/v1/media", gateway.address);
    let mut request = url.into_client_request()?;
    let bearer = format!("Bearer {token}").parse()?;
    request.headers_mut().insert("authorization", bearer);
    Ok((client_async(request, stream).await?.0, from))
}

/// The same connection, for somebody who writes bytes of his own on it.
pub fn again(stream: TlsStream<TcpStream>) -> impl Future<Output = Socket> {
    WebSocketStream::from_raw_socket(stream, Role::Client, None)
}

/// Reads until the close frame; its code.
pub async fn close_code(socket: &mut Socket) -> anyhow::Result<u16> {
    let read = async {
        loop {
            match socket.next().await.context("a close frame")?? {
                Message::Close(frame) => return Ok(frame.context("a code")?.code.into()),
                _ => continue,
            }
        }
    };
    timeout(DEADLINE, read).await?
}

/// A QUIC connection with its control stream.
pub struct Quic {
    /// The connection.
    pub connection: Connection,
    /// What we say.
    pub send: SendStream,
    /// What the gateway says.
    pub receive: RecvStream,
    _endpoint: Endpoint,
}

/// How a bare client connects.
pub fn quic_config() -> anyhow::Result<quinn::ClientConfig> {
    let tls = Trust::Anything.config(&[b"sightline/1"])?;
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls)?;
    Ok(quinn::ClientConfig::new(Arc::new(tls)))
}

impl Quic {
    /// Connects; reads at most `window` bytes that nobody takes.
    pub async fn connect(gateway: &Secure, window: u32) -> anyhow::Result<Self> {
        let mut config = quic_config()?;
        let mut transport = quinn::TransportConfig::default();
        transport
            .stream_receive_window(window.into())
            .receive_window(window.into());
        config.transport_config(Arc::new(transport));
        let endpoint = Endpoint::client("127.0.0.1:0".parse()?)?;
        let connecting = endpoint.connect_with(config, gateway.address, "localhost")?;
        let connection = timeout(DEADLINE, connecting).await??;
        let (send, receive) = connection.open_bi().await?;
        Ok(Self {
            connection,
            send,
            receive,
            _endpoint: endpoint,
        })
    }

    /// Says these lines.
    pub async fn say(&mut self, lines: &str) -> anyhow::Result<()> {
        Ok(self.send.write_all(lines.as_bytes()).await?)
    }

    /// Waits for the gateway's close; its code.
    pub async fn close_code(&self) -> anyhow::Result<u64> {
        match timeout(DEADLINE, self.connection.closed()).await? {
            quinn::ConnectionError::ApplicationClosed(close) => Ok(close.error_code.into_inner()),
            other => anyhow::bail!("closed otherwise: {other}"),
        }
    }
}

/// The first datagrams of so many QUIC handshakes, each by another client.
pub async fn first_datagrams(count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let sink = UdpSocket::bind("127.0.0.1:0").await?;
    let address = sink.local_addr()?;
    let mut datagrams = Vec::with_capacity(count);
    for _ in 0..count {
        let endpoint = Endpoint::client("127.0.0.1:0".parse()?)?;
        let from = endpoint.local_addr()?.port();
        let _connecting = endpoint.connect_with(quic_config()?, address, "localhost")?;
        let mut bytes = vec![0; 2048];
        loop {
            let (len, peer) = timeout(DEADLINE, sink.recv_from(&mut bytes)).await??;
            // Others send theirs again.
            if peer.port() == from {
                bytes.truncate(len);
                break;
            }
        }
        datagrams.push(bytes);
    }
    Ok(datagrams)
}

/// Whether a datagram asks a client to prove its address: a Retry packet (RFC 9000, 17.2.5).
pub fn is_retry(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|b| b & 0xf0 == 0xf0)
}

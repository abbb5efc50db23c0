//! QUIC for native clients: ALPN `sightline/1`, one control stream of JSON lines, a unidirectional stream a group. See
//! `docs/reference/wire.md`.
//!
//! The newest group of every track has the same priority and the ones before it less, so that under congestion a tile's newest
//! picture goes first and no tile starves another; audio goes ahead of video. A group that the viewer's maximum delay has
//! passed is reset with code 1, and so is what is left of a group when the session skips.
//!
//! What is asked of the session goes as chunks into the streams' own queues (`group.rs`), and counts against
//! [`crate::Config::viewer_budget`] until quinn has taken it. quinn holds at most [`SEND_WINDOW`] more.

mod driver;
mod group;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use media::wire::{ClientMessage, MAX_CONTROL_BYTES};
use quinn::{Incoming, VarInt};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    io::AsyncReadExt,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::timeout,
};

use crate::{Close, Shared, Viewer};

/// The protocol's name in the TLS handshake.
pub const ALPN: &[u8] = b"sightline/1";

/// Data in flight or waiting for it, of one connection: 40 Mbit/s over a path of 200 ms.
const SEND_WINDOW: u64 = 1024 * 1024;
/// A client sends control messages only.
const RECEIVE_WINDOW: u32 = 64 * 1024;
/// A client of which nothing was heard for so long is gone.
const IDLE_TIME: Duration = Duration::from_secs(30);
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Handshakes under way at once: beyond it new ones are asked to prove their address first, and then refused.
const MAX_HANDSHAKES: usize = 256;

/// Why a QUIC endpoint cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The certificate or its key.
    #[error("certificate or key for QUIC: {0}")]
    Tls(#[from] rustls::Error),
    /// TLS without a cipher suite that QUIC needs.
    #[error("TLS configuration for QUIC: {0}")]
    Suite(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// A server configuration for the endpoint given to [`crate::Relay::quic`]: TLS 1.3, ALPN [`ALPN`], the wire's limits.
///
/// # Errors
/// See [`ConfigError`].
pub fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<quinn::ServerConfig, ConfigError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let tls = quinn::crypto::rustls::QuicServerConfig::try_from(tls)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    let mut transport = quinn::TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .stream_receive_window(VarInt::from_u32(RECEIVE_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(
            quinn::IdleTimeout::try_from(IDLE_TIME).expect("30 s are far below 2^62 ms"),
        ));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Accepts until the relay is cancelled, then waits for the connections to say goodbye.
pub(crate) async fn accept(shared: Arc<Shared>, endpoint: quinn::Endpoint) {
    let mut connections = JoinSet::new();
    let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = shared.cancel.cancelled() => break,
            Some(_) = connections.join_next() => continue,
        };
        let Some(incoming) = incoming else { break };
        if endpoint.open_connections() > shared.config.max_viewers + MAX_HANDSHAKES {
            incoming.refuse();
            continue;
        }
        match Arc::clone(&handshakes).try_acquire_owned() {
            Ok(permit) => {
                connections.spawn(serve(Arc::clone(&shared), incoming, permit));
            }
            // Cannot fail: its address is not validated.
            Err(_) if !incoming.remote_address_validated() => drop(incoming.retry()),
            Err(_) => incoming.refuse(),
        }
    }
    endpoint.set_server_config(None);
    while connections.join_next().await.is_some() {}
    endpoint.close(VarInt::from_u32(u32::from(Close::GOING_AWAY)), b"");
}

async fn serve(shared: Arc<Shared>, incoming: Incoming, permit: OwnedSemaphorePermit) {
    let peer = incoming.remote_address();
    let handshake = async { incoming.accept()?.await };
    let connection = match timeout(shared.config.hello(), handshake).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "QUIC handshake"),
        Err(_) => return tracing::debug!(%peer, "QUIC handshake not completed in time"),
    };
    let Some(_seat) = shared.enter() else {
        return close(
            &connection,
            &Close::new(Close::BUSY, "too many viewers are connected"),
        );
    };
    let greeted = timeout(shared.config.hello(), hello(&shared, &connection, peer)).await;
    drop(permit);
    match greeted {
        Ok(Ok((viewer, control))) => {
            let end = driver::drive(&shared, &connection, viewer, control).await;
            tracing::debug!(%peer, %end, "viewer's QUIC connection ended");
        }
        Ok(Err(why)) => close(&connection, &why),
        Err(_) => close(
            &connection,
            &Close::new(Close::POLICY, "no auth line in time"),
        ),
    }
}

fn close(connection: &quinn::Connection, close: &Close) {
    connection.close(
        VarInt::from_u32(u32::from(close.code)),
        close.text.as_bytes(),
    );
}

type Control = (quinn::SendStream, quinn::RecvStream, Lines);

/// The control stream and its first line.
async fn hello(
    shared: &Shared,
    connection: &quinn::Connection,
    peer: SocketAddr,
) -> Result<(Viewer, Control), Close> {
    let broken = |error: &dyn std::fmt::Display| Close::new(Close::PROTOCOL, error.to_string());
    let (send, mut receive) = connection.accept_bi().await.map_err(|e| broken(&e))?;
    let mut lines = Lines::default();
    let mut bytes = [0; 1024];
    let line = loop {
        if let Some(line) = lines.next()? {
            break line;
        }
        match AsyncReadExt::read(&mut receive, &mut bytes).await {
            Ok(0) => return Err(broken(&"the control stream ended before its auth line")),
            Ok(n) => lines.push(&bytes[..n]),
            Err(error) => return Err(broken(&error)),
        }
    };
    let token = match serde_json::from_str(&line) {
        Ok(ClientMessage::Auth { token }) => token,
        Ok(_) => return Err(Close::new(Close::POLICY, "the first line must be 'auth'")),
        Err(error) => return Err(broken(&format!("the auth line: {error}"))),
    };
    match shared.host.authenticate(&token, peer) {
        Ok(viewer) => Ok((viewer, (send, receive, lines))),
        Err(reason) => Err(Close::new(Close::POLICY, reason.to_string())),
    }
}

/// Cuts bytes into lines of at most [`MAX_CONTROL_BYTES`].
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
    searched: usize,
}

impl Lines {
    /// The caller takes all lines out before it pushes more, so this holds at most one line and one read.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Result<Option<String>, Close> {
        let end = self.bytes[self.searched..]
            .iter()
            .position(|b| *b == b'\n')
            .map(|at| at + self.searched);
        if end.unwrap_or(self.bytes.len()) > MAX_CONTROL_BYTES {
            return Err(Close::new(
                Close::TOO_BIG,
                format!("a control line above {MAX_CONTROL_BYTES} bytes"),
            ));
        }
        let Some(end) = end else {
            self.searched = self.bytes.len();
            return Ok(None);
        };
        let rest = self.bytes.split_off(end + 1);
        let mut line = std::mem::replace(&mut self.bytes, rest);
        self.searched = 0;
        line.pop();
        String::from_utf8(line)
            .map(Some)
            .map_err(|_| Close::new(Close::NOT_UTF8, "a control line is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_whole_however_they_arrive() {
        let text = "{\"a\":1}\n\n{\"梅\":2}\n";
        for piece in 1..text.len() {
            let (mut lines, mut out) = (Lines::default(), Vec::new());
            for part in text.as_bytes().chunks(piece) {
                lines.push(part);
                while let Some(line) = lines.next().unwrap() {
                    out.push(line);
                }
            }
            assert_eq!(out, ["{\"a\":1}", "", "{\"梅\":2}"]);
        }
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        lines.push(&[b'a'; MAX_CONTROL_BYTES]);
        assert_eq!(lines.next(), Ok(None));
        lines.push(b"a");
        assert_eq!(lines.next().unwrap_err().code, Close::TOO_BIG);
    }
}

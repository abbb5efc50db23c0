//! Viewers on QUIC as native clients: each with a socket of its own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::{Context, Result};
use quinn::{Connection, Endpoint, RecvStream, SendStream, crypto::rustls::QuicClientConfig};

use super::open_message;
use crate::{serve::Doors, tls};

/// Bytes asked of a stream at once.
const PIECE: usize = 1 << 18;

/// What all viewers connect with.
///
/// # Errors
/// The certificate is none.
pub fn config(doors: &Doors) -> Result<quinn::ClientConfig> {
    let tls = tls::client(&doors.certificate, &[relay::quic::ALPN])?;
    Ok(quinn::ClientConfig::new(Arc::new(
        QuicClientConfig::try_from(tls)?,
    )))
}

/// A viewer's connection.
#[derive(Debug)]
pub struct Line {
    /// Its own.
    pub endpoint: Endpoint,
    /// The only one.
    pub connection: Connection,
    /// Keeps the control stream open.
    pub control: (SendStream, RecvStream),
}

impl Line {
    /// Connects and opens these tiles.
    ///
    /// # Errors
    /// It cannot connect, or is not let in.
    pub async fn open(
        doors: &Doors,
        config: &quinn::ClientConfig,
        tiles: RangeInclusive<u32>,
    ) -> Result<Self> {
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, doors.quic));
        let connection = endpoint
            .connect_with(config.clone(), to, "localhost")?
            .await
            .context("QUIC handshake")?;
        let mut control = connection.open_bi().await?;
        let mut text = "{\"type\":\"auth\",\"token\":\"bench\"}\n".to_owned();
        for tile in tiles {
            text += &open_message(tile);
            text.push('\n');
        }
        control.0.write_all(text.as_bytes()).await?;
        Ok(Self {
            endpoint,
            connection,
            control,
        })
    }

    /// Reads and discards for ever, and counts.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn drain(self, bytes: Arc<AtomicU64>) -> Result<()> {
        let Self {
            connection,
            control: (_send, receive),
            ..
        } = self;
        tokio::spawn(discard(receive, Arc::clone(&bytes)));
        loop {
            let stream = connection.accept_uni().await?;
            tokio::spawn(discard(stream, Arc::clone(&bytes)));
        }
    }
}

async fn discard(mut stream: RecvStream, bytes: Arc<AtomicU64>) {
    // The connection's end is told by `accept_uni`; a group may be reset.
    while let Ok(Some(chunk)) = stream.read_chunk(PIECE, false).await {
        bytes.fetch_add(chunk.bytes.len() as u64, Relaxed);
    }
}

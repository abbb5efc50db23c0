//! Viewers on WebSocket, plain and over TLS, and those of their floors.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustls::{ClientConfig, ClientConnection, Stream};

use super::{fail, open_message};
use crate::serve::Doors;

/// An empty pong without a request, which RFC 6455 allows as a sign of life; masked with zeros, which it allows a test.
pub(crate) const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
/// Far below any server's limit of silence.
const LIFE_EVERY: Duration = Duration::from_secs(10);

/// A viewer's connection.
#[derive(Debug)]
pub struct Line {
    /// What the server sends is taken off here, encrypted or not: to decrypt it would cost the server nothing.
    pub stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What shows the server that the viewer is there; empty where none is needed.
    life: Vec<u8>,
}

impl Line {
    /// To a floor: nothing is asked for.
    ///
    /// # Errors
    /// It cannot connect.
    pub fn bare(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Self::of(stream, Vec::new()))
    }

    /// A connection on which media come already, and the sign of life that its protocol wants.
    pub fn of(stream: TcpStream, life: Vec<u8>) -> Self {
        Self {
            stream,
            tls: None,
            life,
        }
    }

    /// To the relay by WebSocket, over TLS with `tls`, with these tiles open.
    ///
    /// # Errors
    /// It cannot connect, or is not let in.
    pub fn open(
        doors: &Doors,
        tls: Option<&Arc<ClientConfig>>,
        tiles: impl IntoIterator<Item = u32>,
    ) -> Result<Self> {
        let mut line = Self::bare(if tls.is_some() { doors.wss } else { doors.ws })?;
        if let Some(config) = tls {
            let connection = ClientConnection::new(Arc::clone(config), "localhost".try_into()?)?;
            line.tls = Some(Box::new(connection));
        }
        line.life = PONG.to_vec();
        line.handshake()?;
        for tile in tiles {
            line.show(tile)?;
        }
        Ok(line)
    }

    fn handshake(&mut self) -> Result<()> {
        self.write(
            b"GET /api/v1/media HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match &mut self.tls {
                None => self.stream.read_exact(&mut byte),
                Some(tls) => Stream::new(&mut **tls, &mut self.stream).read_exact(&mut byte),
            }
            .context("the handshake's answer")?;
            answer.push(byte[0]);
        }
        ensure!(
            answer.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        Ok(())
    }

    /// Opens a tile.
    ///
    /// # Errors
    /// The connection ended.
    pub fn show(&mut self, tile: u32) -> Result<()> {
        let text = open_message(tile);
        ensure!(text.len() < 126, "fits a short frame");
        let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.write(&frame)
    }

    /// Gives the sign of life.
    ///
    /// # Errors
    /// The connection ended.
    pub fn live(&mut self) -> Result<()> {
        let life = std::mem::take(&mut self.life);
        self.write(&life)?;
        self.life = life;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.tls {
            None => self.stream.write_all(bytes)?,
            Some(tls) => {
                tls.writer().write_all(bytes)?;
                while tls.wants_write() {
                    tls.write_tls(&mut self.stream)?;
                }
            }
        }
        Ok(())
    }
}

/// Reads every socket empty, again and again, 5 ms apart: nobody waits on a socket, so no wake-up is paid for by the server.
#[allow(clippy::disallowed_methods)] // a thread of its own that keeps a beat
pub fn sweep(mut lines: Vec<Line>, bytes: &AtomicU64) {
    let mut buffer = vec![0; 1 << 18];
    for line in &lines {
        line.stream
            .set_nonblocking(true)
            .expect("a connected socket can be set non-blocking");
    }
    let mut life = Instant::now();
    loop {
        let began = Instant::now();
        for line in &mut lines {
            loop {
                match line.stream.read(&mut buffer) {
                    Ok(0) => fail("a viewer's connection ended"),
                    Ok(n) => drop(bytes.fetch_add(n as u64, Relaxed)),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => fail(&e.to_string()),
                }
            }
        }
        if life.elapsed() > LIFE_EVERY {
            life = Instant::now();
            for line in &mut lines {
                line.live().unwrap_or_else(|e| fail(&e.to_string()));
            }
        }
        thread::sleep(Duration::from_millis(5).saturating_sub(began.elapsed()));
    }
}

//! Viewers: they connect, open their tiles, and discard what comes.

use std::{
    io::{BufRead, ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use media::{
    WallTime,
    wire::{Header, Kind},
};
use sightline_bench::source::camera_id;
use tokio::io::AsyncReadExt;

type Delays = Histogram<u32>;

/// Microseconds up to a minute.
fn new_delays() -> Result<Delays> {
    Ok(Delays::new_with_bounds(1, 60_000_000, 3)?)
}

/// Prints `ready`, then for each line on standard input the bytes received so far, or with `prompt` the delays since the last
/// line: median and 99th percentile, milliseconds.
pub(crate) fn run(floor: bool, port: u16, viewers: usize, tiles: u32, prompt: bool) -> Result<()> {
    let mut streams = Vec::new();
    for _ in 0..viewers {
        streams.push(connect(floor, port, 1..=tiles)?);
    }
    let bytes = Arc::new(AtomicU64::new(0));
    let delays = Arc::new(Mutex::new(new_delays()?));
    if prompt {
        let delays = Arc::clone(&delays);
        thread::spawn(move || watch(streams, &delays));
    } else {
        let bytes = Arc::clone(&bytes);
        thread::spawn(move || sweep(streams, &bytes));
    }
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        line?;
        if prompt {
            let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
            let at = |q| delays.value_at_quantile(q) as f64 / 1000.0;
            println!("{} {}", at(0.5), at(0.99));
            delays.reset();
        } else {
            println!("{}", bytes.load(Relaxed));
        }
    }
    Ok(())
}

fn connect(floor: bool, port: u16, tiles: impl Iterator<Item = u32>) -> Result<TcpStream> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    if floor {
        return Ok(stream);
    }
    stream.write_all(
        b"GET /api/v1/media HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .context("the handshake's answer")?;
        answer.push(byte[0]);
    }
    ensure!(
        answer.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    for tile in tiles {
        open(&mut stream, tile)?;
    }
    Ok(stream)
}

/// Masked with zeros, which the standard allows a test.
fn open(stream: &mut TcpStream, tile: u32) -> Result<()> {
    let text = format!(
        r#"{{"type":"open","tile":{tile},"camera":"{}","profile":"sub"}}"#,
        camera_id(tile)
    );
    ensure!(text.len() < 126, "fits a short frame");
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    Ok(stream.write_all(&frame)?)
}

/// Reads every socket empty, again and again, 5 ms apart: nobody waits on a socket, so no wake-up is paid for by the server.
#[allow(clippy::disallowed_methods)] // a thread of its own that keeps a beat
fn sweep(mut streams: Vec<TcpStream>, bytes: &AtomicU64) {
    let mut buffer = vec![0; 1 << 18];
    for stream in &streams {
        stream
            .set_nonblocking(true)
            .expect("a connected socket can be set non-blocking");
    }
    loop {
        let began = Instant::now();
        for stream in &mut streams {
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => fail("a viewer's connection ended"),
                    Ok(n) => drop(bytes.fetch_add(n as u64, Relaxed)),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => fail(&e.to_string()),
                }
            }
        }
        thread::sleep(Duration::from_millis(5).saturating_sub(began.elapsed()));
    }
}

/// The bench must not go on with fewer viewers than it says.
fn fail(why: &str) -> ! {
    eprintln!("viewers: {why}");
    std::process::exit(1)
}

/// Reads at once and takes the delay of every frame.
fn watch(streams: Vec<TcpStream>, delays: &Arc<Mutex<Delays>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built where one thread runs");
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::<Result<()>>::new();
        for stream in streams {
            let delays = Arc::clone(delays);
            tasks.spawn(async move {
                stream.set_nonblocking(true)?;
                let mut stream = tokio::net::TcpStream::from_std(stream)?;
                let mut messages = Messages::default();
                let mut buffer = vec![0; 1 << 16];
                loop {
                    let n = stream.read(&mut buffer).await?;
                    if n == 0 {
                        bail!("a viewer's connection ended");
                    }
                    messages.push(&buffer[..n], |header| {
                        if header.kind == Kind::Fragment {
                            let delay = WallTime::now().since(header.captured);
                            let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
                            delays.saturating_record(delay.as_micros() as u64);
                        }
                    });
                }
            });
        }
        while let Some(end) = tasks.join_next().await {
            if let Ok(Err(error)) = end {
                fail(&error.to_string());
            }
        }
    });
}

/// Comes and goes so many times and prints the 95th percentile from `open` to the key frame's last byte, milliseconds.
pub(crate) fn join(port: u16, times: usize) -> Result<()> {
    let mut took = new_delays()?;
    let mut buffer = vec![0; 1 << 16];
    for _ in 0..times {
        let mut stream = connect(false, port, std::iter::empty())?;
        let (mut messages, mut done) = (Messages::default(), false);
        let began = Instant::now();
        open(&mut stream, 1)?;
        while !done {
            let n = stream.read(&mut buffer)?;
            ensure!(n > 0, "the connection ended");
            messages.push(&buffer[..n], |h| done |= h.kind == Kind::Fragment && h.key);
        }
        took.saturating_record(began.elapsed().as_micros() as u64);
    }
    println!("{}", took.value_at_quantile(0.95) as f64 / 1000.0);
    Ok(())
}

/// Finds the media messages in a server's WebSocket frames, without keeping their payload.
#[derive(Default)]
struct Messages {
    /// WebSocket header and media header of the frame being read, as far as they are here.
    head: Vec<u8>,
    /// Payload bytes still to come after the head.
    rest: u64,
    header: Option<Header>,
}

impl Messages {
    fn push(&mut self, mut bytes: &[u8], mut whole: impl FnMut(&Header)) {
        loop {
            let skip = self.rest.min(bytes.len() as u64);
            bytes = &bytes[skip as usize..];
            self.rest -= skip;
            if self.rest > 0 {
                return;
            }
            if let Some(header) = self.header.take() {
                whole(&header);
            }
            let Some((byte, after)) = bytes.split_first() else {
                return;
            };
            self.head.push(*byte);
            bytes = after;
            let (ws, len) = match self.head[..] {
                [_, 126, a, b, ..] => (4, u64::from(u16::from_be_bytes([a, b]))),
                [_, 127, a, b, c, d, e, f, g, h, ..] => {
                    (10, u64::from_be_bytes([a, b, c, d, e, f, g, h]))
                }
                [_, n @ 0..126, ..] => (2, u64::from(n)),
                _ => continue,
            };
            let is_media = self.head[0] == 0x82;
            let want = if is_media { ws + Header::LEN } else { ws };
            if self.head.len() >= want {
                if is_media {
                    self.header = Header::read(&self.head[ws..]).ok().map(|(h, _)| h);
                }
                self.rest = len - (self.head.len() - ws) as u64;
                self.head.clear();
            }
        }
    }
}

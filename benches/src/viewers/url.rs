//! Viewers of anybody's server: RTSP over TCP, media in an HTTP answer, WebSocket. They ask, and then discard.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use url::Url;

use super::{
    rtsp::Rtsp,
    tcp::{Line, PONG},
};

/// Until a server answers.
const PATIENCE: Duration = Duration::from_secs(20);
/// An answer's head is a few hundred bytes.
const MAX_HEAD: usize = 64 * 1024;

/// How to ask.
#[derive(Clone, Debug)]
pub struct Ask {
    /// `rtsp://`, `http://` or `ws://`.
    pub url: Url,
    /// `Name: value`, added to an HTTP request, such as a session's.
    pub headers: Vec<String>,
    /// What a WebSocket viewer says first.
    pub say: Vec<String>,
}

/// Connects, and asks until media come.
///
/// # Errors
/// The server cannot be reached or refuses.
pub fn connect(ask: &Ask) -> Result<Line> {
    let line = match ask.url.scheme() {
        "rtsp" => {
            let mut rtsp = Rtsp::connect(&ask.url)?;
            rtsp.play()?;
            let life = rtsp.life();
            Line::of(rtsp.into_stream(), life)
        }
        "http" => Line::of(http(ask, "Connection: close\r\n", "200")?, Vec::new()),
        "ws" => {
            let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
            let mut stream = http(ask, upgrade, "101")?;
            for text in &ask.say {
                stream.write_all(&text_frame(text)?)?;
            }
            Line::of(stream, PONG.to_vec())
        }
        other => bail!("viewers speak rtsp, http and ws, not {other}"),
    };
    line.stream.set_read_timeout(None)?;
    Ok(line)
}

/// A connection to where the URL points.
///
/// # Errors
/// It has no host, or that cannot be reached.
pub(super) fn dial(url: &Url, default_port: u16) -> Result<TcpStream> {
    let host = url.host_str().with_context(|| format!("{url}: no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port().unwrap_or(default_port);
    let stream = TcpStream::connect((host, port)).with_context(|| format!("{host}:{port}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn http(ask: &Ask, extra: &str, want: &str) -> Result<TcpStream> {
    let url = &ask.url;
    let mut stream = dial(url, 80)?;
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    let mut request = format!(
        "GET {}{query} HTTP/1.1\r\nHost: {}\r\n{extra}",
        url.path(),
        url.authority()
    );
    for header in &ask.headers {
        ensure!(!header.contains(['\r', '\n']), "a header is one line");
        request += &format!("{header}\r\n");
    }
    stream.write_all((request + "\r\n").as_bytes())?;
    let head = head(&mut stream)?;
    ensure!(
        head.split(' ').nth(1) == Some(want),
        "{url}: {}",
        head.lines().next().unwrap_or("")
    );
    Ok(stream)
}

/// Up to the empty line, and not a byte more.
pub(super) fn head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < MAX_HEAD, "an answer without end");
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .context("the server's answer")?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Masked with zeros.
fn text_frame(text: &str) -> Result<Vec<u8>> {
    let len = u16::try_from(text.len()).context("what is said first is at most 64 kB")?;
    let mut frame = vec![0x81];
    if len < 126 {
        frame.push(0x80 | len as u8);
    } else {
        frame.push(0x80 | 126);
        frame.extend_from_slice(&len.to_be_bytes());
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    Ok(frame)
}

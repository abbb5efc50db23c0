//! An RTSP client for tests that sees every byte, and when a connection loses step.

use std::time::{Duration, Instant};

use camsim::{CameraHandle, Profile};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A guard against waiting for ever; nothing is about how fast the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);
/// The channel of pictures over TCP, and those of their reports and of sound.
pub(crate) const PICTURES: u8 = 0;
pub(crate) const REPORTS: u8 = 1;
pub(crate) const SOUND: u8 = 2;

/// A client that takes nothing for granted.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) url: String,
    pub(crate) buffer: Vec<u8>,
    pub(crate) sequence: u32,
}

#[derive(Debug)]
pub(crate) enum Item {
    Response { status: u16, text: String },
    Packet { channel: u8, data: Vec<u8> },
}

#[derive(Debug, PartialEq)]
pub(crate) enum Stop {
    Closed,
    Reset,
    Silence,
    OutOfStep,
}

impl Client {
    pub(crate) async fn connect(camera: &CameraHandle) -> Self {
        let url = camera.url(Profile::Main);
        let address = url
            .trim_start_matches("rtsp://")
            .split('/')
            .next()
            .expect("a host")
            .to_owned();
        let stream = TcpStream::connect(address).await.expect("it listens");
        Self {
            stream,
            url,
            buffer: Vec::new(),
            sequence: 0,
        }
    }

    pub(crate) async fn send(&mut self, method: &str, suffix: &str, headers: &str) {
        self.sequence += 1;
        let text = format!(
            "{method} {}{suffix} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n",
            self.url, self.sequence
        );
        self.stream
            .write_all(text.as_bytes())
            .await
            .expect("it reads");
    }

    /// The next item, within `patience`.
    pub(crate) async fn item(&mut self, patience: Duration) -> Result<Item, Stop> {
        let deadline = Instant::now() + patience;
        loop {
            if self.buffer.first() == Some(&b'$') && self.buffer.len() >= 4 {
                let length = u16::from_be_bytes([self.buffer[2], self.buffer[3]]) as usize;
                if length < 8 {
                    return Err(Stop::OutOfStep);
                }
                if self.buffer.len() >= 4 + length {
                    let packet: Vec<u8> = self.buffer.drain(..4 + length).collect();
                    return Ok(Item::Packet {
                        channel: packet[1],
                        data: packet[4..].to_vec(),
                    });
                }
            } else if self.buffer.starts_with(b"RTSP") {
                if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                    let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                    let length = head.split("Content-Length: ").nth(1).map_or(0, |l| {
                        l.lines()
                            .next()
                            .and_then(|l| l.parse().ok())
                            .expect("a number")
                    });
                    if self.buffer.len() >= end + 4 + length {
                        let all: Vec<u8> = self.buffer.drain(..end + 4 + length).collect();
                        let status = head[9..12].parse().expect("a status");
                        return Ok(Item::Response {
                            status,
                            text: String::from_utf8_lossy(&all).into_owned(),
                        });
                    }
                }
            } else if self.buffer.len() >= 4 {
                return Err(Stop::OutOfStep);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match timeout(left, self.stream.read_buf(&mut self.buffer)).await {
                Err(_) => return Err(Stop::Silence),
                Ok(Ok(0)) => return Err(Stop::Closed),
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Err(Stop::Reset),
            }
        }
    }

    pub(crate) async fn ask(&mut self, method: &str, suffix: &str, headers: &str) -> (u16, String) {
        self.send(method, suffix, headers).await;
        loop {
            match self.item(PATIENCE).await {
                Ok(Item::Response { status, text }) => return (status, text),
                Ok(Item::Packet { .. }) => {}
                Err(stop) => panic!("{method}: {stop:?}"),
            }
        }
    }

    /// Plays over TCP: pictures on channel 0, sound on channel 2.
    pub(crate) async fn play(camera: &CameraHandle) -> Self {
        let mut client = Self::connect(camera).await;
        let (status, sdp) = client.ask("DESCRIBE", "", "").await;
        assert_eq!(status, 200, "{sdp}");
        assert_eq!(
            client
                .ask(
                    "SETUP",
                    "/trackID=0",
                    "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                )
                .await
                .0,
            200
        );
        if sdp.contains("m=audio") {
            assert_eq!(
                client
                    .ask(
                        "SETUP",
                        "/trackID=1",
                        "Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n"
                    )
                    .await
                    .0,
                200
            );
        }
        assert_eq!(client.ask("PLAY", "", "").await.0, 200);
        client
    }

    /// Packets of all channels up to one for which `done` holds, or to the end.
    pub(crate) async fn until(
        &mut self,
        mut done: impl FnMut(u8, &[u8]) -> bool,
    ) -> (Vec<(u8, Vec<u8>)>, Option<Stop>) {
        let (begun, mut out) = (Instant::now(), Vec::new());
        loop {
            match self.item(PATIENCE).await {
                Ok(Item::Packet { channel, data }) => {
                    let last = done(channel, &data);
                    out.push((channel, data));
                    if last {
                        return (out, None);
                    }
                }
                Ok(Item::Response { .. }) => {}
                Err(stop) => return (out, Some(stop)),
            }
            assert!(begun.elapsed() < PATIENCE, "no end within {PATIENCE:?}");
        }
    }

    /// So many packets of pictures.
    pub(crate) async fn pictures(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut left = count;
        let done = |channel, _: &[u8]| {
            left -= usize::from(channel == PICTURES);
            left == 0
        };
        let (packets, end) = self.until(done).await;
        assert_eq!(end, None);
        of(packets, PICTURES)
    }

    /// Packets of all channels until the pictures' own time is so many seconds after their first one's. How late the machine
    /// sends them, and how late this reads them, changes nothing.
    pub(crate) async fn media(&mut self, seconds: f64) -> Vec<(u8, Vec<u8>)> {
        let mut first = None;
        let done = |channel, packet: &[u8]| {
            let at = timestamp(packet);
            channel == PICTURES && passed(*first.get_or_insert(at), at) >= seconds
        };
        let (packets, end) = self.until(done).await;
        assert_eq!(end, None);
        packets
    }

    /// Whether nothing at all comes for so long.
    pub(crate) async fn is_silent(&mut self, span: Duration) -> bool {
        matches!(self.item(span).await, Err(Stop::Silence))
    }

    /// Reads until the connection ends.
    pub(crate) async fn end(&mut self) -> Stop {
        self.until(|_, _| false).await.1.expect("an end")
    }
}

/// The packets of one channel.
pub(crate) fn of(packets: Vec<(u8, Vec<u8>)>, channel: u8) -> Vec<Vec<u8>> {
    let mine = packets.into_iter().filter(|(c, _)| *c == channel);
    mine.map(|(_, data)| data).collect()
}

/// Seconds from one RTP timestamp of 90 kHz to another.
pub(crate) fn passed(from: u32, to: u32) -> f64 {
    f64::from(to.wrapping_sub(from) as i32) / 90_000.0
}

pub(crate) fn timestamp(packet: &[u8]) -> u32 {
    u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]])
}

pub(crate) fn sequence(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[2], packet[3]])
}

//! The least that any server would have to do: one bare thread that makes the frames, and one call a frame and viewer.

use std::{
    io::{IoSlice, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
};

use anyhow::{Context, Result};
use media::wire::Framed;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::Doors;
use crate::{
    source::{self, Camera},
    viewers::tiles_of,
};

/// A viewer that ends takes the bench with it: it must not be measured with fewer.
const STAY: &str = "the viewers stay until the bench ends";
/// RFC 8446, 5.1: the most plain text of a record.
const RECORD: usize = 16 * 1024;
const RECORD_HEAD: [u8; 5] = [23, 3, 3, 0, 0];
/// Of a datagram, the seal included.
const DATAGRAM: u16 = 1200;
/// One call's: the system takes it as one datagram of UDP.
const MAX_CALL: usize = 65_000;

/// One `writev` a frame and viewer.
pub(super) fn plain(cameras: Vec<Camera>, viewers: usize, tiles: Option<u32>) -> Result<()> {
    let count = cameras.len() as u32;
    let mut streams = streams(viewers)?;
    source::run(cameras, |camera, frame| {
        let framed = frame.fragment();
        for (n, stream) in streams.iter_mut().enumerate() {
            let tiles = tiles_of(n, tiles.unwrap_or(count), count);
            if tiles.contains(&camera.feed.number) {
                write_both(stream, framed).expect(STAY);
            }
        }
    });
    Ok(())
}

/// The same, sealed for each viewer in records of 16 KiB.
pub(super) fn records(cameras: Vec<Camera>, viewers: usize) -> Result<()> {
    let mut lines = Vec::new();
    for stream in streams(viewers)? {
        lines.push((stream, Sealer::new()?));
    }
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    source::run(cameras, |_, frame| {
        join(frame.fragment(), &mut plain);
        for (stream, sealer) in &mut lines {
            sealed.clear();
            for piece in plain.chunks(RECORD) {
                sealed.extend_from_slice(&RECORD_HEAD);
                sealer.seal(piece, &mut sealed);
            }
            stream.write_all(&sealed).expect(STAY);
        }
    });
    Ok(())
}

/// One `sendmsg` a frame and viewer (UDP with GSO), sealed in datagrams of 1,200 B or what is asked for.
pub(super) fn datagrams(cameras: Vec<Camera>, viewers: usize, datagram: Option<u16>) -> Result<()> {
    let datagram = usize::from(datagram.unwrap_or(DATAGRAM));
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    announce(socket.local_addr()?)?;
    let mut lines: Vec<(SocketAddr, Sealer)> = Vec::new();
    while lines.len() < viewers {
        let (_, from) = socket.recv_from(&mut [0; 16])?;
        if lines.iter().all(|(known, _)| *known != from) {
            lines.push((from, Sealer::new()?));
        }
    }
    let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
    let most = state.max_gso_segments().min(MAX_CALL / datagram) * datagram;
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    source::run(cameras, |_, frame| {
        join(frame.fragment(), &mut plain);
        for (to, sealer) in &mut lines {
            sealed.clear();
            for piece in plain.chunks(datagram - AES_128_GCM.tag_len()) {
                sealer.seal(piece, &mut sealed);
            }
            for contents in sealed.chunks(most) {
                let transmit = Transmit {
                    destination: *to,
                    ecn: None,
                    contents,
                    segment_size: Some(datagram),
                    src_ip: None,
                };
                state
                    .try_send(UdpSockRef::from(&socket), &transmit)
                    .expect("loopback takes every datagram");
            }
        }
    });
    Ok(())
}

fn streams(viewers: usize) -> Result<Vec<TcpStream>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    announce(listener.local_addr()?)?;
    let mut streams = Vec::new();
    while streams.len() < viewers {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    Ok(streams)
}

fn announce(at: SocketAddr) -> Result<()> {
    let port = at.port();
    Doors {
        ws: port,
        wss: port,
        quic: port,
        certificate: String::new(),
        token: String::new(),
    }
    .announce()
}

fn join(framed: &Framed, into: &mut Vec<u8>) {
    into.clear();
    into.extend_from_slice(framed.websocket_head());
    into.extend_from_slice(framed.payload());
}

fn write_both(stream: &mut TcpStream, framed: &Framed) -> std::io::Result<()> {
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

/// A viewer's own key, and how many pieces it sealed.
struct Sealer {
    key: LessSafeKey,
    sealed: u64,
}

impl Sealer {
    fn new() -> Result<Self> {
        let key = UnboundKey::new(&AES_128_GCM, &rand::random::<[u8; 16]>())
            .ok()
            .context("16 bytes are a key")?;
        Ok(Self {
            key: LessSafeKey::new(key),
            sealed: 0,
        })
    }

    /// Appends the sealed piece.
    fn seal(&mut self, piece: &[u8], to: &mut Vec<u8>) {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.sealed.to_be_bytes());
        self.sealed += 1;
        let at = to.len();
        to.extend_from_slice(piece);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut to[at..],
            )
            .expect("a piece is far below 64 GiB");
        to.extend_from_slice(tag.as_ref());
    }
}

//! Viewers of the datagrams' floor.

use std::{
    io::{ErrorKind, IoSliceMut},
    net::{Ipv4Addr, UdpSocket},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};

use super::fail;

/// Room for a key frame and more, as QUIC's window would have.
const BUFFER: usize = 1 << 20;

/// Sockets that the server knows, with receive offload on as quinn's are.
///
/// # Errors
/// The system's.
pub fn connect(port: u16, viewers: usize) -> Result<Vec<(UdpSocket, UdpSocketState)>> {
    (0..viewers)
        .map(|_| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
            state.set_recv_buffer_size(UdpSockRef::from(&socket), BUFFER)?;
            socket.send_to(b"here", (Ipv4Addr::LOCALHOST, port))?;
            Ok((socket, state))
        })
        .collect()
}

/// Reads every socket empty, again and again, 5 ms apart.
#[allow(clippy::disallowed_methods)] // a thread of its own that keeps a beat
pub fn sweep(lines: &[(UdpSocket, UdpSocketState)], bytes: &AtomicU64) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let began = Instant::now();
        for (socket, state) in lines {
            loop {
                let mut meta = [RecvMeta::default()];
                let mut slices = [IoSliceMut::new(&mut buffer)];
                match state.recv(UdpSockRef::from(socket), &mut slices, &mut meta) {
                    Ok(_) => drop(bytes.fetch_add(meta[0].len as u64, Relaxed)),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) => fail(&e.to_string()),
                }
            }
        }
        thread::sleep(Duration::from_millis(5).saturating_sub(began.elapsed()));
    }
}

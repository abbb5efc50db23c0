//! One session's tracks on their way out: sequence numbers, timestamps, reports, transports.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::SystemTime,
};

use rand::Rng;

use super::{
    fault::Faults,
    feed::{Cursor, What},
};
use crate::clip::CLOCK_HZ;

/// How a track reaches its client.
#[derive(Debug)]
pub(crate) enum Way {
    Interleaved {
        rtp: u8,
        rtcp: u8,
    },
    Udp {
        rtp: UdpSocket,
        rtcp: UdpSocket,
        to_rtp: SocketAddr,
        to_rtcp: SocketAddr,
    },
}

/// A track that was set up.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) number: u8,
    pub(crate) way: Way,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    /// RTP timestamp of the schedule's tick zero.
    pub(crate) base: u32,
    /// RTP ticks a second.
    pub(crate) rate: u32,
    packets: u32,
    octets: u32,
    /// A packet that waits to be overtaken.
    held: Option<Vec<u8>>,
}

impl Track {
    pub(crate) fn new(number: u8, way: Way, rate: u32) -> Self {
        Self {
            number,
            way,
            ssrc: rand::random(),
            sequence: rand::random(),
            base: rand::random(),
            rate,
            packets: 0,
            octets: 0,
            held: None,
        }
    }

    /// The RTP timestamp of a time in this track's ticks.
    pub(crate) fn timestamp(&self, ticks: i64, jump_ms: i64) -> u32 {
        let jump = i128::from(jump_ms) * i128::from(self.rate) / 1_000;
        (i128::from(self.base) + i128::from(ticks) + jump) as u32
    }

    /// The time of a moment of the schedule in this track's ticks.
    pub(crate) fn ticks(&self, at_90k: i64) -> i64 {
        (i128::from(at_90k) * i128::from(self.rate) / i128::from(CLOCK_HZ)) as i64
    }

    /// Has timestamps pass 2^32 `seconds` after a tick.
    pub(crate) fn wrap_after(&mut self, seconds: f64, from_90k: i64, jump_ms: i64) {
        self.base = 0;
        let until = self.ticks(from_90k) + (seconds * f64::from(self.rate)) as i64;
        self.base = self.timestamp(until, jump_ms).wrapping_neg();
    }

    /// Sends what the cursor stands at: appended to `out` for the connection, or straight over UDP.
    /// Returns the bytes of it.
    pub(crate) fn send(
        &mut self,
        cursor: &Cursor,
        what: What,
        stamp: bool,
        jump_ms: i64,
        faults: &Faults,
        out: &mut Vec<u8>,
    ) -> usize {
        let (template, index, ticks) = match what {
            What::Picture { index, pts_90k } => {
                (Some(cursor.clip().packets(stamp)), index, pts_90k)
            }
            What::Sound { index, sample } => (cursor.clip().sound_packets(), index, sample),
        };
        let Some(template) = template else { return 0 };
        let channel = match self.way {
            Way::Interleaved { rtp, .. } => rtp,
            Way::Udp { .. } => 0,
        };
        let patch = crate::clip::Patch {
            channel,
            sequence: self.sequence,
            timestamp: self.timestamp(ticks, jump_ms),
            ssrc: self.ssrc,
        };
        let mut starts = Vec::new();
        let before = out.len();
        template.write(index, patch, out, &mut starts);
        self.sequence = self.sequence.wrapping_add(starts.len() as u16);
        self.packets = self.packets.wrapping_add(starts.len() as u32);
        self.octets = self.octets.wrapping_add(template.octets(index));
        let bytes = out.len() - before;
        if let Way::Udp { rtp, to_rtp, .. } = &self.way {
            for (n, &at) in starts.iter().enumerate() {
                let end = starts.get(n + 1).copied().unwrap_or(out.len());
                let packet = &out[at + crate::clip::FRAMING..end];
                send_one(rtp, *to_rtp, packet, faults, &mut self.held);
            }
            out.truncate(before);
        }
        bytes
    }

    /// Sends a sender report (RFC 3550, 6.4.1) with the source's name.
    pub(crate) fn report(
        &self,
        now_90k: i64,
        jump_ms: i64,
        clock_offset_s: f64,
        out: &mut Vec<u8>,
    ) {
        let unix = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0.0, |d| d.as_secs_f64());
        // Seconds from 1900, and 2^-32 of them.
        let ntp = unix + clock_offset_s + 2_208_988_800.0;
        let (seconds, fraction) = (ntp as u64 as u32, (ntp.fract() * 4_294_967_296.0) as u32);
        let mut packet = vec![0x80, 200, 0, 6];
        for word in [
            self.ssrc,
            seconds,
            fraction,
            self.timestamp(self.ticks(now_90k), jump_ms),
            self.packets,
            self.octets,
        ] {
            packet.extend_from_slice(&word.to_be_bytes());
        }
        packet.extend_from_slice(&[0x81, 202, 0, 4]);
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
        packet.extend_from_slice(b"\x01\x08camera-1\0\0");
        match &self.way {
            Way::Interleaved { rtcp, .. } => {
                out.extend_from_slice(&[b'$', *rtcp]);
                out.extend_from_slice(&(packet.len() as u16).to_be_bytes());
                out.extend_from_slice(&packet);
            }
            Way::Udp { rtcp, to_rtcp, .. } => {
                let _ = rtcp.send_to(&packet, to_rtcp); // lost, like any datagram
            }
        }
    }

    /// Whether the client's reports came in over UDP since the last time.
    pub(crate) fn heard(&self) -> bool {
        let Way::Udp { rtcp, .. } = &self.way else {
            return false;
        };
        let mut scratch = [0; 1_500];
        let mut any = false;
        while rtcp.recv_from(&mut scratch).is_ok() {
            any = true;
        }
        any
    }
}

fn send_one(
    socket: &UdpSocket,
    to: SocketAddr,
    packet: &[u8],
    faults: &Faults,
    held: &mut Option<Vec<u8>>,
) {
    let mut random = rand::rng();
    if faults.lose > 0.0 && random.random_bool(faults.lose.min(1.0)) {
        return;
    }
    if held.is_none() && faults.reorder > 0.0 && random.random_bool(faults.reorder.min(1.0)) {
        *held = Some(packet.to_vec());
        return;
    }
    let _ = socket.send_to(packet, to); // a full buffer loses it, as a network would
    if let Some(late) = held.take() {
        let _ = socket.send_to(&late, to);
    }
}

/// Two sockets on neighbouring ports, the even one for RTP (RFC 3550, 11).
pub(crate) fn udp_pair(ip: IpAddr) -> std::io::Result<(UdpSocket, UdpSocket)> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in 0..64 {
        let rtp = UdpSocket::bind((ip, 0))?;
        let port = rtp.local_addr()?.port();
        if !port.is_multiple_of(2) || port == u16::MAX {
            continue;
        }
        match UdpSocket::bind((ip, port + 1)) {
            Ok(rtcp) => {
                for socket in [&rtp, &rtcp] {
                    socket.set_nonblocking(true)?;
                }
                // A key frame is a burst.
                socket2::SockRef::from(&rtp).set_send_buffer_size(1 << 20)?;
                return Ok((rtp, rtcp));
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

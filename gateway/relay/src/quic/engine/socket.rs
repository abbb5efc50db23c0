//! The UDP socket: trains of packets out by one call (GSO), many in by one (`recvmmsg`, GRO).

use std::{
    io::{self, IoSliceMut},
    task::{Context, Poll, ready},
};

use quinn_proto::{EcnCodepoint, Transmit};
use quinn_udp::{RecvMeta, UdpSocketState};
use tokio::{io::Interest, net::UdpSocket};

/// Segments of a train: at 1,452 bytes they are what one call takes, a key frame of 58 kB.
const MAX_SEGMENTS: usize = 40;
/// Bytes of a train: the system takes it as one datagram of UDP.
const MAX_TRAIN: usize = 65_000;

pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        let io = UdpSocket::from_std(socket)?;
        Ok(Self { io, state })
    }

    pub(super) fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }

    /// How many packets of so many bytes a train may have.
    pub(super) fn max_segments(&self, packet: u16) -> usize {
        let most = MAX_SEGMENTS.min(MAX_TRAIN / usize::from(packet.max(1)));
        self.state.max_gso_segments().clamp(1, most.max(1))
    }

    /// What one buffer may be filled with.
    pub(super) fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    /// Sends a train; false where there is no room for it now.
    ///
    /// # Errors
    /// The socket is broken: what fails for one destination is none.
    pub(super) fn send(&self, transmit: &Transmit, contents: &[u8]) -> io::Result<bool> {
        let sent = self.io.try_io(Interest::WRITABLE, || {
            self.state.send(
                (&self.io).into(),
                &quinn_udp::Transmit {
                    destination: transmit.destination,
                    ecn: transmit.ecn.map(|ecn| match ecn {
                        EcnCodepoint::Ect0 => quinn_udp::EcnCodepoint::Ect0,
                        EcnCodepoint::Ect1 => quinn_udp::EcnCodepoint::Ect1,
                        EcnCodepoint::Ce => quinn_udp::EcnCodepoint::Ce,
                    }),
                    contents,
                    segment_size: transmit.segment_size,
                    src_ip: transmit.src_ip,
                },
            )
        });
        match sent {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_send_ready(cx)
    }

    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.io.poll_recv_ready(cx))?;
            let received = self.io.try_io(Interest::READABLE, || {
                self.state.recv((&self.io).into(), buffers, metas)
            });
            match received {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Anybody on the way may say so.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                other => return Poll::Ready(other),
            }
        }
    }
}

pub(super) fn ecn(meta: &RecvMeta) -> Option<EcnCodepoint> {
    meta.ecn.map(|ecn| match ecn {
        quinn_udp::EcnCodepoint::Ect0 => EcnCodepoint::Ect0,
        quinn_udp::EcnCodepoint::Ect1 => EcnCodepoint::Ect1,
        quinn_udp::EcnCodepoint::Ce => EcnCodepoint::Ce,
    })
}

//! A rough network between a client and a gateway: one port, TCP and UDP, that carries both on to the gateway with delay,
//! jitter, loss, reordering, a rate, or not at all.
//!
//! What becomes of a packet is decided in `rough/line.rs`, without I/O: by the seed and the packet's number in its direction, so
//! that a test that fails can be run again. Every queue is bounded: what does not fit is dropped (UDP) or not read (TCP).

mod line;
mod tcp;
mod udp;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context;
use tokio::{
    net::{TcpListener, UdpSocket},
    sync::watch,
    task::JoinSet,
};

/// What the network does to whoever crosses it, in each direction alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// One way.
    pub delay: Duration,
    /// Up to so much more, at random; packets do not overtake each other by it.
    pub jitter: Duration,
    /// Share of packets that are lost, 0 to 1. For TCP, where the system sends again: share of pieces that come 200 ms late,
    /// with all behind them.
    pub loss: f64,
    /// Share of packets that come [`Conditions::late`] later and are overtaken, 0 to 1. UDP only.
    pub reorder: f64,
    /// How much later.
    pub late: Duration,
    /// Bits a second; none: as fast as it comes.
    pub rate_bps: Option<u64>,
    /// Bytes that wait for the rate, in each direction of each connection.
    pub queue: usize,
    /// Nothing passes at all.
    pub black_out: bool,
    /// No UDP passes, as behind many a firewall.
    pub no_udp: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            loss: 0.0,
            reorder: 0.0,
            late: Duration::from_millis(20),
            rate_bps: None,
            queue: 256 * 1024,
            black_out: false,
            no_udp: false,
        }
    }
}

/// What passed, UDP only, both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets carried.
    pub carried: u64,
    /// Packets lost at random.
    pub lost: u64,
    /// Packets that found the queue full.
    pub overflowed: u64,
    /// Packets that came while nothing passed.
    pub blocked: u64,
}

struct Shared {
    target: SocketAddr,
    seed: u64,
    conditions: watch::Sender<Conditions>,
    counts: Mutex<Counts>,
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running one. It ends when dropped, with all connections across it.
pub struct Rough {
    /// Where to connect, TCP and UDP.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Rough {
    /// Stands before `target`.
    pub async fn start(
        target: SocketAddr,
        seed: u64,
        conditions: Conditions,
    ) -> anyhow::Result<Self> {
        let (listener, socket) = ports().await?;
        let shared = Arc::new(Shared {
            target,
            seed,
            conditions: watch::Sender::new(conditions),
            counts: Mutex::default(),
        });
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(tcp::serve(Arc::clone(&shared), listener));
        tasks.spawn(udp::serve(Arc::clone(&shared), socket));
        Ok(Self {
            address,
            shared,
            _tasks: tasks,
        })
    }

    /// Changes what it does, from the next packet on.
    pub fn set(&self, change: impl FnOnce(&mut Conditions)) {
        self.shared.conditions.send_modify(change);
    }

    /// What passed so far.
    pub fn counts(&self) -> Counts {
        *self.shared.counts()
    }
}

/// One free port number for both.
async fn ports() -> anyhow::Result<(TcpListener, UdpSocket)> {
    for _ in 0..100 {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        if let Ok(socket) = UdpSocket::bind(listener.local_addr()?).await {
            return Ok((listener, socket));
        }
    }
    anyhow::bail!("no port number that is free for TCP and UDP")
}

/// The system's own buffers are to hold bursts, so that only this network loses packets.
fn widen(socket: &UdpSocket) -> anyhow::Result<()> {
    use rustix::net::sockopt;
    const BYTES: usize = 4 * 1024 * 1024;
    if sockopt::set_socket_recv_buffer_size_force(socket, BYTES).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, BYTES).context("UDP receive buffer")?;
    }
    Ok(())
}

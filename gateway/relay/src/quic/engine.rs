//! QUIC's connections, driven on one thread: `quinn-proto` without a task, a timer, a channel, a lock that is waited for and a buffer
//! for each of them.
//!
//! ```text
//! socket --datagrams--> driver --events--> connection --wakes--> whoever waits for it
//!                         ^                    |
//!        timers, touched -+                    +--packets--> train (one buffer) --sendmsg, GSO--> socket
//! ```
//!
//! One [`drive`] runs everything. A connection that somebody did something with is *touched*: the driver sees to it in its next turn.
//! Who hands the same frame to hundreds of connections *holds* each, and flushes it at once while its state is in the cache.
//!
//! A viewer costs what `quinn-proto` keeps of it, and no more: the packets of a train are in a buffer that all share
//! (`docs/design/relay.md` counts it).

mod connection;
mod driver;
mod incoming;
mod socket;
mod stream;
mod timers;

use std::{
    collections::VecDeque,
    io,
    net::UdpSocket,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use quinn_proto::{ConnectionHandle, EndpointConfig, ServerConfig, VarInt};

pub(super) use self::{
    connection::Connection,
    driver::drive,
    incoming::Incoming,
    stream::{RecvStream, SendStream, WriteError},
};
use self::{connection::Inner, socket::Socket, timers::Timers};

/// What the thread's connections share.
struct Shared {
    socket: Socket,
    /// The packets of one train, on their way into the socket.
    train: Mutex<Vec<u8>>,
    queue: Mutex<Queue>,
    core: Mutex<Core>,
}

/// What is to be done.
#[derive(Default)]
struct Queue {
    touched: Vec<Arc<Inner>>,
    /// The socket had no room for what these have to send.
    blocked: Vec<Arc<Inner>>,
    timers: Timers,
    driver: Option<Waker>,
}

/// Which connections there are. Locked before any connection is.
struct Core {
    endpoint: quinn_proto::Endpoint,
    connections: std::collections::HashMap<ConnectionHandle, Arc<Inner>>,
    incoming: VecDeque<quinn_proto::Incoming>,
    /// With what all were closed: none comes any more.
    closed: Option<(VarInt, Bytes)>,
    accepting: Vec<Waker>,
    idle: Vec<Waker>,
}

/// The socket and all its connections.
#[derive(Clone)]
pub(super) struct Endpoint(Arc<Shared>);

impl Endpoint {
    /// Within a runtime, on whose thread [`drive`] is to run.
    ///
    /// # Errors
    /// The socket cannot be used.
    pub(super) fn new(config: ServerConfig, socket: UdpSocket) -> io::Result<Self> {
        let socket = Socket::new(socket)?;
        let bounds = Arc::new(EndpointConfig::default());
        let discovers_mtu = !socket.may_fragment();
        let endpoint =
            quinn_proto::Endpoint::new(bounds, Some(Arc::new(config)), discovers_mtu, None);
        Ok(Self(Arc::new(Shared {
            socket,
            train: Mutex::default(),
            queue: Mutex::default(),
            core: Mutex::new(Core {
                endpoint,
                connections: Default::default(),
                incoming: VecDeque::new(),
                closed: None,
                accepting: Vec::new(),
                idle: Vec::new(),
            }),
        })))
    }

    /// The next who wants to connect; none once closed.
    pub(super) async fn accept(&self) -> Option<Incoming> {
        std::future::poll_fn(|cx| {
            let mut core = self.0.core();
            if core.closed.is_some() {
                return Poll::Ready(None);
            }
            match core.incoming.pop_front() {
                Some(one) => Poll::Ready(Some(Incoming::new(one, Arc::clone(&self.0)))),
                None => {
                    park(&mut core.accepting, cx);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Connections that are not over, handshakes included.
    pub(super) fn open_connections(&self) -> usize {
        self.0.core().endpoint.open_connections()
    }

    /// No new ones.
    pub(super) fn refuse_all(&self) {
        self.0.core().endpoint.set_server_config(None);
    }

    /// Closes all.
    pub(super) fn close(&self, code: VarInt) {
        let all: Vec<_> = {
            let mut core = self.0.core();
            core.closed = Some((code, Bytes::new()));
            core.accepting.drain(..).for_each(Waker::wake);
            core.connections.values().cloned().collect()
        };
        for connection in all {
            connection.close(code, Bytes::new());
        }
        self.0.wake();
    }

    /// Until no connection is left.
    pub(super) async fn wait_idle(&self) {
        std::future::poll_fn(|cx| {
            let mut core = self.0.core();
            if core.connections.is_empty() {
                return Poll::Ready(());
            }
            park(&mut core.idle, cx);
            Poll::Pending
        })
        .await;
    }
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let driver = self.queue().driver.take();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// Now, by the runtime's clock.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Whoever polls is woken with the others. Bounded by the tasks that there are.
fn park(list: &mut Vec<Waker>, cx: &Context<'_>) {
    if !list.iter().any(|waker| waker.will_wake(cx.waker())) {
        list.push(cx.waker().clone());
    }
}

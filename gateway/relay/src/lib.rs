//! From a feed's ring to its viewers.
//!
//! ```text
//!             media::Ring (one a feed) ------------------------ cursor --> worker (one a processor)
//!    bell ^  | cursor           ^ lease                                     |
//!         |  v                  |                                           |
//!   Session (sans-I/O, one a connection: tiles, turns, skips) <-> Host      | frames to all who are level
//!         |  ^                                  (access, budget, audit)     |
//!  Output v  | Input                                                        v
//!   quic::driver, websocket::driver (one task a connection) <--bell-- websocket::line
//!         |                  |                                              |
//!   a stream a group   writev of shared bytes                     send, writev of shared bytes
//! ```
//!
//! A frame wakes a worker once, which writes it to every WebSocket viewer who has all before it (`dispatch.rs`); whoever else is
//! due is rung. A connection's task, when rung, asks the session what to send until the session has nothing, or the budget of
//! bytes not yet written is spent. What is not asked for stays in the rings, where it
//! costs nobody anything; a viewer that comes too late skips to a key frame and is told how much it missed.
//!
//! What always holds:
//! - **No copy of a payload for a viewer before the encryption or the system call** (`docs/design/relay.md` counts them). A frame's payload is the [`bytes::Bytes`] that ingest
//!   made; its head (WebSocket header, envelope, `moof`) is built once a feed and format by [`media::Frame::fragment`]. On
//!   plain WebSocket both go to `writev` as they are; under TLS rustls encrypts from the same slices into its record; on QUIC
//!   `quinn-proto` keeps references until they are acknowledged and copies each byte once into the packet it encrypts in place.
//!   Built a viewer (and so counted as copies): initialisation segments, about 700 B, once per tile and codec change (QUIC:
//!   once a group), and control messages.
//! - **A viewer costs bounded memory**: [`Config::viewer_budget`] of references to shared bytes, plus one message.
//! - **A slow viewer is slow alone.** It holds no lock while it waits and nothing waits for it.
//! - Recorded tiles are a lane of the session beside the live ones (`session/replay.rs`): the host reads for them, and nothing of
//!   them goes through rings or workers.
//! - Tiles take turns frame by frame, so none of a wall's tiles starves another.
//!
//! What does not belong here: RTSP, disks, passwords. Who may see what is decided by the [`Host`].

mod config;
mod dispatch;
mod error;
mod listed;
pub mod plain;
pub mod quic;
pub mod session;
pub mod shelf;
mod stats;
mod watches;
pub mod websocket;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock, atomic::Ordering::Relaxed},
};

use media::{CameraId, Lease, Priority, Profile, Reason, ReasonCode, WallTime, wire::Decodes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

pub use config::{Config, Congestion, PacketSize};
use dispatch::Dispatch;
pub use error::{Close, End};
pub use listed::Watching;
use listed::{List, Listed};
pub use shelf::{Recorded, Shelf};
use stats::Counters;
pub use stats::Stats;

/// Who watches. Made by the gateway after it let them in.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The account's name.
    pub user: String,
    /// The session's number, for the audit log and for revoking.
    pub session: String,
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// Cancelled when the session ends: the connection is then closed with 1008.
    pub revoked: CancellationToken,
}

/// What a viewer's tile wants to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which camera.
    pub camera: CameraId,
    /// Which of its streams; with `auto`, what the relay chose.
    pub profile: Profile,
    /// How urgent.
    pub priority: Priority,
    /// What the viewer can decode. Every sound codec, where the tile is to be silent.
    pub decodes: Decodes,
}

/// What the relay asks of the gateway: access, link budget and audit live there.
pub trait Host: Send + Sync + 'static {
    /// A viewer wants a feed. Must not block.
    ///
    /// Where the wished profile's codec is not in `wish.decodes`, the lease is of something that is: the camera's other stream,
    /// or a shared re-encoding ([`Lease::transcoded`]).
    ///
    /// # Errors
    /// The reason that the viewer is told: `forbidden`, `not-found`, `disabled`, `link-budget`, `codec`, ...
    fn open(&self, viewer: &Viewer, wish: &Wish) -> Result<Lease, Reason>;

    /// A viewer's tile no longer shows what [`Host::open`] gave it for a wish with this camera and profile. Called once for each.
    fn closed(&self, viewer: &Viewer, camera: CameraId, profile: Profile) {
        let _ = (viewer, camera, profile);
    }

    /// A viewer wants to see what was recorded. Must not block.
    ///
    /// # Errors
    /// The reason that the viewer is told: `forbidden`, `not-found`, ...
    fn replay(&self, viewer: &Viewer, wish: &Recorded) -> Result<Arc<dyn Shelf>, Reason> {
        let _ = viewer;
        let text = format!("no recordings of {} are to be had here", wish.camera);
        Err(Reason::new(ReasonCode::NotFound, text))
    }

    /// A tile with what [`Host::replay`] gave is closed; what was sent of it: from when to when, in the order of asking.
    fn replayed(&self, viewer: &Viewer, wish: &Recorded, sent: &[(WallTime, WallTime)]) {
        let _ = (viewer, wish, sent);
    }

    /// Who a token of a QUIC client stands for. Must not block.
    ///
    /// # Errors
    /// `forbidden`; the connection is closed with 1008.
    fn authenticate(&self, token: &str, peer: SocketAddr) -> Result<Viewer, Reason>;

    /// The time of record, as `hello` tells it. The system's clock, unless the gateway keeps one of its own.
    fn wall(&self) -> WallTime {
        WallTime::now()
    }
}

/// The relay. Clones are handles to the same one.
#[derive(Clone)]
pub struct Relay(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) cancel: CancellationToken,
    pub(crate) counters: Arc<Counters>,
    dispatch: OnceLock<Dispatch>,
    list: Arc<List>,
}

impl Relay {
    /// A relay that serves until `cancel`.
    pub fn new(config: Config, host: Arc<dyn Host>, cancel: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            config,
            host,
            cancel,
            counters: Arc::default(),
            dispatch: OnceLock::new(),
            list: Arc::default(),
        }))
    }

    /// Serves one viewer on an upgraded connection (see [`websocket::upgrade`]) until either side ends it.
    ///
    /// A stream whose `is_write_vectored` is true gets the shared bytes as they are (a `TcpStream`, a rustls stream, and
    /// hyper's `Upgraded` over one of them in a `TokioIo`). Set `TCP_NODELAY` on the socket; a small `TCP_NOTSENT_LOWAT`
    /// keeps what is queued in the kernel, where it cannot be skipped, small. Dropping the future ends the connection.
    pub async fn websocket<S>(&self, stream: S, viewer: Viewer) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        websocket::serve(Arc::clone(&self.0), stream, viewer).await
    }

    /// The same for what hyper's server hands over after the upgrade. Over TCP and over TLS on TCP it is taken out of hyper's hands
    /// whole, and nothing lies between a frame and the socket any more.
    pub async fn upgraded(&self, upgraded: hyper::upgrade::Upgraded, viewer: Viewer) -> End {
        websocket::serve_upgraded(Arc::clone(&self.0), upgraded, viewer).await
    }

    /// Serves native clients and browsers on a UDP socket (see [`quic::server_config`]), on a thread of its own, until the
    /// relay is cancelled; then closes all their connections with 1001. Within a runtime, which is where the host's own tasks
    /// go.
    ///
    /// # Errors
    /// The system's: the socket cannot be used, or there is no thread to be had.
    pub fn quic(
        &self,
        socket: std::net::UdpSocket,
        config: quinn_proto::ServerConfig,
    ) -> std::io::Result<quic::Quic> {
        quic::start(Arc::clone(&self.0), socket, config)
    }

    /// Every connection that is let in, by number.
    pub fn viewers(&self) -> Vec<Watching> {
        self.0.list.read()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.0.counters.read()
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Relay({:?})", self.stats())
    }
}

impl Shared {
    /// The workers; started with the first viewer who needs them.
    pub(crate) fn dispatch(&self) -> &Dispatch {
        self.dispatch
            .get_or_init(|| Dispatch::start(&self.config, &self.counters))
    }

    /// The same relay, by another way to its host.
    pub(crate) fn with_host(&self, host: Arc<dyn Host>) -> Self {
        Self {
            config: self.config.clone(),
            host,
            cancel: self.cancel.clone(),
            counters: Arc::clone(&self.counters),
            dispatch: OnceLock::new(),
            list: Arc::clone(&self.list),
        }
    }

    /// The time of record.
    pub(crate) fn wall(&self) -> WallTime {
        self.host.wall()
    }

    /// Counts a connection in; none if there are too many.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Seat> {
        let before = self.counters.viewers.fetch_add(1, Relaxed);
        let seat = Seat(Arc::clone(self));
        if before >= self.config.max_viewers as u64 {
            return None;
        }
        Counters::add(&self.counters.viewers_total, 1);
        Some(seat)
    }
}

/// One connection's place; given back when dropped.
pub(crate) struct Seat(Arc<Shared>);

impl Seat {
    /// Puts the connection on the list once it is known who it is.
    pub(crate) fn list(&self, viewer: &Viewer, transport: &'static str) -> Listed {
        self.0.list.add(viewer, transport, self.0.wall())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.counters.viewers.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod sizes {
    use super::*;
    use tokio::net::TcpStream;
    use tokio_rustls::server::TlsStream;

    fn future<A, B, C, F: Future>(_: fn(A, B, C) -> F) -> usize {
        size_of::<F>()
    }

    /// Room for the largest of what may happen is taken by every viewer, whatever happens to it.
    #[test]
    fn a_viewers_task_is_small() {
        let plain = future(websocket::serve::<TcpStream>);
        let secure = future(websocket::serve::<TlsStream<TcpStream>>);
        let quic = quic::task_size();
        assert!(plain < 1200, "plain: {plain}");
        assert!(secure < 4000, "secure: {secure}");
        assert!(quic < 3500, "QUIC: {quic}");
    }
}

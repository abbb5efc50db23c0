//! From a UDP socket to viewers who are let in: the thread, handshakes, the choice of the protocol, the auth line.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};

use media::{CameraId, Lease, Profile, Reason, WallTime, wire::ClientMessage};
use quinn_proto::VarInt;
use tokio::{
    io::AsyncReadExt,
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    task::JoinSet,
    time::timeout,
};

use super::{
    ALPN_WEBTRANSPORT, Control, Quic,
    carrier::{self, Carrier, Refused},
    engine::{self, Connection, Endpoint, Incoming, RecvStream, SendStream},
    line,
    lines::Lines,
};
use crate::{Close, Host, Recorded, Shared, Shelf, Viewer, Wish, dispatch::Dispatch};

/// Handshakes under way at once, of clients who have not proved that they are where they say: beyond it they are asked to.
const MAX_UNPROVEN: usize = 256;
/// And of those who have: beyond it they are refused. So first packets under false addresses, or with nobody behind them, keep
/// nobody out.
const MAX_PROVEN: usize = 256;

/// Starts the thread. A relay's QUIC has one to itself, and all of it is there: the endpoint, its connections, and the worker
/// that hands them frames. What they tell each other then crosses no thread, which with a runtime of many threads is a third
/// of all that QUIC costs (`docs/design/relay.md`).
pub(crate) fn start(
    shared: Arc<Shared>,
    socket: UdpSocket,
    config: quinn_proto::ServerConfig,
) -> io::Result<Quic> {
    let address = socket.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let endpoint = {
        let _within = runtime.enter();
        Endpoint::new(config, socket)?
    };
    let host = Arc::new(Elsewhere {
        host: Arc::clone(&shared.host),
        runtime: Handle::current(),
    });
    let shared = Arc::new(shared.with_host(host));
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new()
        .name("quic".into())
        .spawn(move || {
            runtime.block_on(accept(shared, endpoint));
            let _ = ended.send(());
        })?;
    Ok(Quic { address, end })
}

/// The gateway's host may start tasks. They are to run where the gateway runs, not on this thread.
struct Elsewhere {
    host: Arc<dyn Host>,
    runtime: Handle,
}

impl Host for Elsewhere {
    fn open(&self, viewer: &Viewer, wish: &Wish) -> Result<Lease, Reason> {
        let _within = self.runtime.enter();
        self.host.open(viewer, wish)
    }

    fn closed(&self, viewer: &Viewer, camera: CameraId, profile: Profile) {
        let _within = self.runtime.enter();
        self.host.closed(viewer, camera, profile);
    }

    fn replay(&self, viewer: &Viewer, wish: &Recorded) -> Result<Arc<dyn Shelf>, Reason> {
        let _within = self.runtime.enter();
        self.host.replay(viewer, wish)
    }

    fn replayed(&self, viewer: &Viewer, wish: &Recorded, sent: &[(WallTime, WallTime)]) {
        let _within = self.runtime.enter();
        self.host.replayed(viewer, wish, sent);
    }

    fn authenticate(&self, token: &str, peer: SocketAddr) -> Result<Viewer, Reason> {
        let _within = self.runtime.enter();
        self.host.authenticate(token, peer)
    }

    fn wall(&self) -> WallTime {
        self.host.wall()
    }
}

/// Accepts until the relay is cancelled, then waits for the connections to say goodbye.
async fn accept(shared: Arc<Shared>, endpoint: Endpoint) {
    let driver = tokio::spawn(engine::drive(endpoint.clone()));
    let dispatch = Arc::new(Dispatch::on_this_thread(&shared.config, &shared.counters));
    let mut connections = JoinSet::new();
    let unproven = Arc::new(Semaphore::new(MAX_UNPROVEN));
    let proven = Arc::new(Semaphore::new(MAX_PROVEN));
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = shared.cancel.cancelled() => break,
            Some(_) = connections.join_next() => continue,
        };
        let Some(incoming) = incoming else { break };
        if endpoint.open_connections() > shared.config.max_viewers + MAX_UNPROVEN + MAX_PROVEN {
            incoming.refuse();
            continue;
        }
        let room = match incoming.remote_address_validated() {
            true => &proven,
            false => &unproven,
        };
        match Arc::clone(room).try_acquire_owned() {
            Ok(permit) => {
                let (shared, dispatch) = (Arc::clone(&shared), Arc::clone(&dispatch));
                connections.spawn(serve(shared, dispatch, incoming, permit));
            }
            // Cannot fail: its address is not validated.
            Err(_) if !incoming.remote_address_validated() => incoming.retry(),
            Err(_) => incoming.refuse(),
        }
    }
    endpoint.refuse_all();
    while connections.join_next().await.is_some() {}
    endpoint.close(VarInt::from_u32(u32::from(Close::GOING_AWAY)));
    // The last goodbyes are sent by the driver.
    let _ = timeout(carrier::CLOSE_TIME, endpoint.wait_idle()).await;
    driver.abort();
}

pub(super) async fn serve(
    shared: Arc<Shared>,
    dispatch: Arc<Dispatch>,
    incoming: Incoming,
    permit: OwnedSemaphorePermit,
) {
    let peer = incoming.remote_address();
    let connection = match timeout(shared.config.hello(), incoming.accept()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "QUIC handshake"),
        Err(_) => return tracing::debug!(%peer, "QUIC handshake not completed in time"),
    };
    let seat = shared.enter();
    let greeted = timeout(shared.config.hello(), async {
        let (carrier, send, receive) = carry(&connection).await?;
        let control = match &seat {
            Some(seat) => hello(&shared, send, receive, peer)
                .await
                .map(|(viewer, control)| {
                    let listed = seat.list(&viewer, carrier.name());
                    (viewer, control, listed)
                }),
            None => Err(Close::new(Close::BUSY, "too many viewers are connected")),
        };
        Ok((carrier, control))
    });
    let greeted = greeted.await;
    drop(permit);
    match greeted {
        Ok(Ok((carrier, Ok((viewer, control, listed))))) => {
            let end = line::drive(&shared, &dispatch, carrier, viewer, control, listed).await;
            tracing::debug!(%peer, %end, "viewer's QUIC connection ended");
        }
        Ok(Ok((carrier, Err(close)))) => carrier.close(&close).await,
        Ok(Err(Refused { code, text })) => {
            tracing::debug!(%peer, text, "QUIC connection refused");
            connection.close(code, text.as_bytes());
        }
        Err(_) => carrier::close_native(
            &connection,
            &Close::new(Close::POLICY, "no auth line in time"),
        ),
    }
}

/// By the protocol that was agreed on in the handshake.
async fn carry(connection: &Connection) -> Result<(Carrier, SendStream, RecvStream), Refused> {
    match connection.protocol().as_deref() {
        Some(ALPN_WEBTRANSPORT) => Carrier::webtransport(connection.clone()).await,
        _ => Carrier::native(connection.clone()).await,
    }
}

/// The control stream's first line.
async fn hello(
    shared: &Shared,
    send: SendStream,
    mut receive: RecvStream,
    peer: SocketAddr,
) -> Result<(Viewer, Control), Close> {
    let broken = |error: &dyn std::fmt::Display| Close::new(Close::PROTOCOL, error.to_string());
    let mut lines = Lines::default();
    let mut bytes = [0; 1024];
    let line = loop {
        if let Some(line) = lines.next()? {
            break line;
        }
        match AsyncReadExt::read(&mut receive, &mut bytes).await {
            Ok(0) => return Err(broken(&"the control stream ended before its auth line")),
            Ok(n) => lines.push(&bytes[..n]),
            Err(error) => return Err(broken(&error)),
        }
    };
    let token = match serde_json::from_str(&line) {
        Ok(ClientMessage::Auth { token }) => token,
        Ok(_) => return Err(Close::new(Close::POLICY, "the first line must be 'auth'")),
        Err(error) => return Err(broken(&format!("the auth line: {error}"))),
    };
    match shared.host.authenticate(&token, peer) {
        Ok(viewer) => Ok((viewer, (send, receive, lines))),
        Err(reason) => Err(Close::new(Close::POLICY, reason.to_string())),
    }
}

//! Runs the socket and all connections, until the endpoint is closed and they are over.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSliceMut},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::BytesMut;
use quinn_proto::DatagramEvent;
use quinn_udp::{BATCH_SIZE, RecvMeta};
use tokio::time::{Sleep, sleep_until};

use super::{Core, Endpoint, Shared, connection::Inner, now, socket};

/// Calls that receive in one turn: then what came is answered.
const MAX_RECEIVES: usize = 8;
/// The timer while nobody wants one.
const FAR: std::time::Duration = std::time::Duration::from_secs(3600);

/// Until the endpoint was closed and all its connections are over, or its socket is broken.
pub(in super::super) async fn drive(endpoint: Endpoint) {
    let mut driver = Driver::new(endpoint.0);
    let mut sleep = pin!(sleep_until(tokio::time::Instant::now() + FAR));
    let end = poll_fn(|cx| driver.poll(cx, sleep.as_mut())).await;
    if let Err(error) = end {
        tracing::error!(%error, "the UDP socket for QUIC");
    }
}

struct Driver {
    shared: Arc<Shared>,
    buffer: Box<[u8]>,
    /// Connections that this turn has to see to.
    due: Vec<Arc<Inner>>,
}

impl Driver {
    fn new(shared: Arc<Shared>) -> Self {
        let payload = shared.core().endpoint.config().get_max_udp_payload_size();
        let one = payload.min(64 * 1024) as usize * shared.socket.max_receive_segments();
        Self {
            shared,
            buffer: vec![0; one * BATCH_SIZE].into(),
            due: Vec::new(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, mut sleep: Pin<&mut Sleep>) -> Poll<io::Result<()>> {
        let shared = Arc::clone(&self.shared);
        loop {
            // While it is at it nobody need wake it.
            shared.queue().driver = None;
            let now = now();
            let mut core = shared.core();
            let more = self.receive(&mut core, cx, now)?;
            self.expire(&core, now);
            self.due.append(&mut shared.queue().touched);
            self.unblock(cx);
            for connection in self.due.drain(..) {
                see_to(&mut core, &connection, now);
            }
            if core.connections.is_empty() {
                core.idle.drain(..).for_each(Waker::wake);
                if core.closed.is_some() {
                    return Poll::Ready(Ok(()));
                }
            }
            drop(core);
            let (next, touched) = {
                let mut queue = shared.queue();
                queue.driver = Some(cx.waker().clone());
                (queue.timers.next(), !queue.touched.is_empty())
            };
            if more || touched {
                // Others on this thread come first.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(next) = next.map(tokio::time::Instant::from_std) else {
                return Poll::Pending;
            };
            if sleep.deadline() != next {
                sleep.as_mut().reset(next);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Takes what has come. True where there may be more.
    fn receive(&mut self, core: &mut Core, cx: &mut Context<'_>, now: Instant) -> io::Result<bool> {
        let one = self.buffer.len() / BATCH_SIZE;
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        for _ in 0..MAX_RECEIVES {
            let mut parts = self.buffer.chunks_exact_mut(one);
            let mut buffers: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
            let received = self
                .shared
                .socket
                .poll_receive(cx, &mut buffers, &mut metas);
            let Poll::Ready(count) = received else {
                return Ok(false);
            };
            for (meta, buffer) in metas.iter().zip(&buffers).take(count?) {
                for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                    let datagram = (meta, BytesMut::from(datagram));
                    take(&self.shared, core, &mut self.due, now, datagram);
                }
            }
        }
        Ok(true)
    }

    /// Those that waited for room in the socket, where there is some.
    fn unblock(&mut self, cx: &mut Context<'_>) {
        if self.shared.queue().blocked.is_empty()
            || self.shared.socket.poll_writable(cx).is_pending()
        {
            return;
        }
        let blocked = std::mem::take(&mut self.shared.queue().blocked);
        for connection in blocked {
            connection.lock().unblock();
            self.due.push(connection);
        }
    }

    /// Those whose time has come.
    fn expire(&mut self, core: &Core, now: Instant) {
        loop {
            let handle = self.shared.queue().timers.expired(now);
            let Some(handle) = handle else { return };
            let Some(connection) = core.connections.get(&handle) else {
                continue;
            };
            let mut state = connection.lock();
            state.armed.fired();
            if state.proto.poll_timeout().is_some_and(|at| at <= now) {
                state.proto.handle_timeout(now);
            }
            if state.queue() {
                self.due.push(Arc::clone(connection));
            }
        }
    }
}

/// A datagram, for whomever it is.
fn take(
    shared: &Shared,
    core: &mut Core,
    due: &mut Vec<Arc<Inner>>,
    now: Instant,
    (meta, datagram): (&RecvMeta, BytesMut),
) {
    let mut answer = Vec::new();
    let event = core.endpoint.handle(
        now,
        meta.addr,
        meta.dst_ip,
        socket::ecn(meta),
        datagram,
        &mut answer,
    );
    match event {
        Some(DatagramEvent::ConnectionEvent(handle, event)) => {
            if let Some(connection) = core.connections.get(&handle) {
                let mut state = connection.lock();
                state.proto.handle_event(event);
                if state.queue() {
                    due.push(Arc::clone(connection));
                }
            }
        }
        Some(DatagramEvent::NewConnection(incoming)) if core.closed.is_none() => {
            core.incoming.push_back(incoming);
            core.accepting.drain(..).for_each(Waker::wake);
        }
        Some(DatagramEvent::NewConnection(incoming)) => {
            let transmit = core.endpoint.refuse(incoming, &mut answer);
            shared.respond(&transmit, &answer);
        }
        Some(DatagramEvent::Response(transmit)) => shared.respond(&transmit, &answer),
        None => {}
    }
}

/// What a connection wants after something has happened to it.
fn see_to(core: &mut Core, connection: &Arc<Inner>, now: Instant) {
    let mut state = connection.lock();
    state.seen_to();
    state.tell();
    let handle = state.handle;
    while let Some(event) = state.proto.poll_endpoint_events() {
        let drained = event.is_drained();
        if let Some(event) = core.endpoint.handle_event(handle, event) {
            state.proto.handle_event(event);
        }
        if drained {
            connection.disarm(&mut state);
            core.connections.remove(&handle);
            return;
        }
    }
    if connection.transmit(&mut state, now) {
        connection.touch_locked(&mut state);
    }
}

impl Drop for Driver {
    /// With the thread: nobody waits for ever.
    fn drop(&mut self) {
        let mut core = self.shared.core();
        core.closed.get_or_insert_default();
        core.accepting.drain(..).for_each(Waker::wake);
        core.idle.drain(..).for_each(Waker::wake);
        let incoming: Vec<_> = core.incoming.drain(..).collect();
        for one in incoming {
            core.endpoint.ignore(one);
        }
        for (_, connection) in core.connections.drain() {
            let error = quinn_proto::ConnectionError::LocallyClosed;
            connection.lock().end(error);
        }
    }
}

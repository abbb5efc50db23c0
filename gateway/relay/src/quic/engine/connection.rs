//! One connection: its protocol's state, who waits for it, and how its packets leave.

use std::{
    future::poll_fn,
    io, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use quinn_proto::{
    ConnectionError, ConnectionHandle, ConnectionStats, Dir, Event, StreamEvent, StreamId,
    Transmit, VarInt,
};

use super::{
    Shared, now, park,
    stream::{RecvStream, SendStream},
    timers::Armed,
};

/// So many packets leave in one turn; then it is another connection's.
const MAX_TURN: usize = 80;

pub(super) struct Inner {
    shared: Arc<Shared>,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) proto: quinn_proto::Connection,
    pub(super) handle: ConnectionHandle,
    /// It will be seen to, by the driver or by who holds it.
    queued: bool,
    pub(super) armed: Armed,
    /// A train that the socket had no room for.
    held: Option<Box<(Transmit, Vec<u8>)>>,
    blocked: bool,
    pub(super) connected: bool,
    pub(super) error: Option<ConnectionError>,
    /// For the handshake, a stream of either side's, or the end.
    pub(super) waiting: Vec<Waker>,
    /// For a stream: to read, to write, or until all of it is there.
    pub(super) streams: Vec<(StreamId, Half, Waker)>,
}

/// A handle. When the last of a connection's handles and streams is dropped, it is closed.
#[derive(Clone)]
pub(in super::super) struct Connection(Arc<Handle>);

pub(super) struct Handle(Arc<Inner>);

impl Connection {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self(Arc::new(Handle(inner)))
    }

    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.0.0
    }

    /// Why it is over, once it is.
    pub(in super::super) fn poll_closed(&self, cx: &Context<'_>) -> Poll<ConnectionError> {
        let mut state = self.inner().lock();
        match &state.error {
            Some(error) => Poll::Ready(error.clone()),
            None => {
                park(&mut state.waiting, cx);
                Poll::Pending
            }
        }
    }

    pub(in super::super) async fn closed(&self) -> ConnectionError {
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    pub(in super::super) fn close(&self, code: VarInt, reason: &[u8]) {
        self.inner().close(code, Bytes::copy_from_slice(reason));
    }

    /// A stream of ours; waits until the other side allows one more.
    pub(in super::super) fn poll_open_uni(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Result<SendStream, ConnectionError>> {
        let mut state = self.inner().lock();
        if let Some(error) = &state.error {
            return Poll::Ready(Err(error.clone()));
        }
        match state.proto.streams().open(Dir::Uni) {
            Some(id) => Poll::Ready(Ok(SendStream::new(Arc::clone(&self.0), id))),
            None => {
                park(&mut state.waiting, cx);
                Poll::Pending
            }
        }
    }

    pub(in super::super) async fn open_uni(&self) -> Result<SendStream, ConnectionError> {
        poll_fn(|cx| self.poll_open_uni(cx)).await
    }

    fn poll_accept(&self, dir: Dir, cx: &Context<'_>) -> Poll<Result<StreamId, ConnectionError>> {
        let mut state = self.inner().lock();
        // What came before the end is there still.
        if let Some(id) = state.proto.streams().accept(dir) {
            // The other side may open another.
            self.inner().touch_locked(&mut state);
            return Poll::Ready(Ok(id));
        }
        if let Some(error) = &state.error {
            return Poll::Ready(Err(error.clone()));
        }
        park(&mut state.waiting, cx);
        Poll::Pending
    }

    pub(in super::super) fn poll_accept_bi(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Result<(SendStream, RecvStream), ConnectionError>> {
        self.poll_accept(Dir::Bi, cx).map_ok(|id| {
            let send = SendStream::new(Arc::clone(&self.0), id);
            (send, RecvStream::new(Arc::clone(&self.0), id))
        })
    }

    pub(in super::super) async fn accept_bi(
        &self,
    ) -> Result<(SendStream, RecvStream), ConnectionError> {
        poll_fn(|cx| self.poll_accept_bi(cx)).await
    }

    pub(in super::super) fn poll_accept_uni(
        &self,
        cx: &Context<'_>,
    ) -> Poll<Result<RecvStream, ConnectionError>> {
        self.poll_accept(Dir::Uni, cx)
            .map_ok(|id| RecvStream::new(Arc::clone(&self.0), id))
    }

    pub(in super::super) async fn accept_uni(&self) -> Result<RecvStream, ConnectionError> {
        poll_fn(|cx| self.poll_accept_uni(cx)).await
    }

    /// What was agreed on in the TLS handshake (ALPN).
    pub(in super::super) fn protocol(&self) -> Option<Vec<u8>> {
        let state = self.inner().lock();
        let data = state.proto.crypto_session().handshake_data()?;
        let data = data.downcast::<quinn_proto::crypto::rustls::HandshakeData>();
        data.ok()?.protocol
    }

    pub(in super::super) fn stats(&self) -> ConnectionStats {
        self.inner().lock().proto.stats()
    }

    /// Bytes that are taken of streams and not acknowledged, at most.
    pub(in super::super) fn set_send_window(&self, bytes: u64) {
        self.inner().lock().proto.set_send_window(bytes);
    }

    /// What is done with it from here on the driver does not see to: [`Connection::flush`] does.
    pub(in super::super) fn hold(&self) {
        self.inner().lock().queued = true;
    }

    /// Sends what there is to send.
    pub(in super::super) fn flush(&self) {
        let inner = self.inner();
        let mut state = inner.lock();
        state.queued = false;
        if inner.transmit(&mut state, now()) {
            inner.touch_locked(&mut state);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let over = self.0.lock().proto.is_closed();
        if !over {
            self.0.close(VarInt::from_u32(0), Bytes::new());
        }
    }
}

impl Handle {
    pub(super) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }
}

impl Inner {
    pub(super) fn new(
        handle: ConnectionHandle,
        proto: quinn_proto::Connection,
        shared: Arc<Shared>,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared,
            state: Mutex::new(State {
                proto,
                handle,
                queued: false,
                armed: Armed::default(),
                held: None,
                blocked: false,
                connected: false,
                error: None,
                waiting: Vec::new(),
                streams: Vec::new(),
            }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The driver is to see to it.
    pub(super) fn touch(self: &Arc<Self>) {
        self.touch_locked(&mut self.lock());
    }

    pub(super) fn touch_locked(self: &Arc<Self>, state: &mut State) {
        if !mem::replace(&mut state.queued, true) {
            self.shared.queue().touched.push(Arc::clone(self));
            self.shared.wake();
        }
    }

    /// Closes it, whoever else holds it.
    pub(super) fn close(self: &Arc<Self>, code: VarInt, reason: Bytes) {
        let mut state = self.lock();
        if state.error.is_none() {
            state.proto.close(now(), code, reason);
            state.end(ConnectionError::LocallyClosed);
            state.queued = false;
            self.touch_locked(&mut state);
        }
    }

    /// Sends what there is to send, and sees to its timer. True where there is more than leaves in one turn.
    pub(super) fn transmit(self: &Arc<Self>, state: &mut State, now: Instant) -> bool {
        let more = match self.send(state, now) {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(%error, "the UDP socket for QUIC");
                false
            }
        };
        let at = state.proto.poll_timeout();
        if !state.armed.covers(at) {
            let mut queue = self.shared.queue();
            if queue.timers.arm(&mut state.armed, state.handle, at) {
                drop(queue);
                self.shared.wake();
            }
        }
        more
    }

    fn send(self: &Arc<Self>, state: &mut State, now: Instant) -> io::Result<bool> {
        let socket = &self.shared.socket;
        if let Some(held) = state.held.take()
            && !socket.send(&held.0, &held.1)?
        {
            state.held = Some(held);
            self.wait_for_room(state);
            return Ok(false);
        }
        let mut train = self
            .shared
            .train
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut left = MAX_TURN;
        while left > 0 {
            train.clear();
            let most = socket.max_segments(state.proto.current_mtu());
            let transmit = state.proto.poll_transmit(now, most, &mut train);
            let Some(transmit) = transmit else {
                return Ok(false);
            };
            let segments = transmit
                .segment_size
                .map_or(1, |s| transmit.size.div_ceil(s));
            left = left.saturating_sub(segments);
            let contents = &train[..transmit.size];
            if !socket.send(&transmit, contents)? {
                state.held = Some(Box::new((transmit, contents.to_vec())));
                self.wait_for_room(state);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// It wants nothing any more.
    pub(super) fn disarm(&self, state: &mut State) {
        let mut queue = self.shared.queue();
        queue.timers.disarm(&mut state.armed, state.handle);
    }

    /// The driver touches it when the socket has room again.
    fn wait_for_room(self: &Arc<Self>, state: &mut State) {
        if !mem::replace(&mut state.blocked, true) {
            self.shared.queue().blocked.push(Arc::clone(self));
            self.shared.wake();
        }
    }
}

impl State {
    /// It is seen to now.
    pub(super) fn seen_to(&mut self) {
        self.queued = false;
    }

    /// Whether it was not to be seen to already.
    pub(super) fn queue(&mut self) -> bool {
        !mem::replace(&mut self.queued, true)
    }

    /// The socket has room.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// It is over: whoever waits is told.
    pub(super) fn end(&mut self, error: ConnectionError) {
        self.error.get_or_insert(error);
        self.waiting.drain(..).for_each(Waker::wake);
        self.streams.drain(..).for_each(|(.., waker)| waker.wake());
    }

    /// Tells whoever waits for what has come.
    pub(super) fn tell(&mut self) {
        while let Some(event) = self.proto.poll() {
            match event {
                Event::Connected => {
                    self.connected = true;
                    self.waiting.drain(..).for_each(Waker::wake);
                }
                Event::ConnectionLost { reason } => self.end(reason),
                Event::Stream(StreamEvent::Opened { .. } | StreamEvent::Available { .. }) => {
                    self.waiting.drain(..).for_each(Waker::wake);
                }
                Event::Stream(StreamEvent::Readable { id }) => self.wake(id, Half::Reads),
                Event::Stream(
                    StreamEvent::Writable { id }
                    | StreamEvent::Finished { id }
                    | StreamEvent::Stopped { id, .. },
                ) => self.wake(id, Half::Writes),
                // No datagram is read: the oldest give way.
                Event::HandshakeDataReady | Event::DatagramReceived | Event::DatagramsUnblocked => {
                }
            }
        }
    }

    fn wake(&mut self, id: StreamId, half: Half) {
        let own = |(of, its, _): &mut (StreamId, Half, Waker)| *of == id && *its == half;
        for (.., waker) in self.streams.extract_if(.., own) {
            waker.wake();
        }
    }

    /// Whoever polls is woken with this half of a stream.
    pub(super) fn park(&mut self, id: StreamId, half: Half, cx: &Context<'_>) {
        let parked = self
            .streams
            .iter()
            .any(|(of, its, waker)| *of == id && *its == half && waker.will_wake(cx.waker()));
        if !parked {
            self.streams.push((id, half, cx.waker().clone()));
        }
    }

    /// Nobody waits for this half any more.
    pub(super) fn forget(&mut self, id: StreamId, half: Half) {
        self.streams
            .retain(|(of, its, _)| *of != id || *its != half);
    }
}

/// Of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Reads,
    Writes,
}

//! One task a connection: reads what comes, and asks the session what to send whenever the connection's worker
//! (`dispatch.rs`) could not hand it out by itself.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use media::{
    WallTime,
    wire::{MAX_CONTROL_BYTES, ServerMessage},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::Notify,
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{
    outbox::{Batch, MAX_SLICES, Outbox},
    reader::{Event, Reader},
};
use crate::{
    Close, End, Shared, Viewer,
    dispatch::{Fresh, Line, Seat, Sent},
    session::{Delivery, Handed, Input, Output, Session},
    stats::Counters,
    watches::Watches,
};

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// While the transport is blocked the session is told of passing time this often.
const BLOCKED_TICK: Duration = Duration::from_millis(250);
/// Else pings and silence are looked after this often.
const IDLE_TICK: Duration = Duration::from_secs(5);
/// How long the other side has to take our close frame and answer it.
const CLOSE_TIME: Duration = Duration::from_secs(2);

pub(crate) async fn serve<S>(shared: Arc<Shared>, stream: S, viewer: Viewer) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(_seat) = shared.enter() else {
        let close = Close::new(Close::BUSY, "too many viewers are connected");
        return finish(stream, &mut Outbox::default(), close).await;
    };
    let peer = viewer.peer;
    let live = Live(Arc::new(Shell {
        connection: Mutex::new(Some(Connection::new(&shared, stream, viewer))),
        bell: Notify::new(),
    }));
    let seat = shared.dispatch().seat();
    let why = run(&shared, &live.0, &seat).await;
    drop(seat);
    let connection = live.0.lock().take();
    let end = match (why, connection) {
        (Stop::End(end), _) => end,
        (_, None) => End::Left,
        (Stop::Close(close), Some(mut connection)) => {
            connection.outbox.drop_media();
            finish(connection.stream, &mut connection.outbox, close).await
        }
        (Stop::Left(code), Some(mut connection)) => {
            // The close frame is answered with its own code (RFC 6455, 5.5.1).
            connection.outbox.drop_media();
            let close = Close::new(code.unwrap_or(Close::NORMAL), "");
            let _ = finish(connection.stream, &mut connection.outbox, close).await;
            End::Left
        }
    };
    tracing::debug!(%peer, %end, "viewer's WebSocket ended");
    end
}

/// Why the connection stops.
enum Stop {
    Close(Close),
    /// The viewer sent a close frame.
    Left(Option<u16>),
    End(End),
}

/// A connection that its own task and a worker share. Neither holds it for longer than it takes to write what goes without
/// waiting.
struct Shell<S> {
    /// None once the task has taken it to close it.
    connection: Mutex<Option<Connection<S>>>,
    bell: Notify,
}

impl<S> Shell<S> {
    fn lock(&self) -> MutexGuard<'_, Option<Connection<S>>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the connection when its task is dropped, though a worker may still know it.
struct Live<S>(Arc<Shell<S>>);

impl<S> Drop for Live<S> {
    fn drop(&mut self) {
        let connection = self.0.lock().take();
        drop(connection);
    }
}

impl<S> Line for Shell<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn offer(&self, frames: &[Fresh], only: Option<&[u32]>) -> Sent {
        let mut connection = self.lock();
        let Some(connection) = connection.as_mut() else {
            return Sent::default();
        };
        let (sent, rest) = connection.offer(frames, only);
        if rest {
            self.bell.notify_one();
        }
        sent
    }

    fn ring(&self) {
        self.bell.notify_one();
    }
}

/// Runs the connection until there is a reason to stop.
async fn run<S>(shared: &Shared, shell: &Arc<Shell<S>>, seat: &Seat) -> Stop
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let config = &shared.config;
    let revoked = match shell.lock().as_ref() {
        Some(connection) => connection.session.viewer().revoked.clone(),
        None => return Stop::End(End::Left),
    };
    let mut revoked = pin!(revoked.cancelled());
    // One of its own: waiting on the shared one would be a lock that all viewers meet at.
    let cancel = shared.cancel.child_token();
    let mut stopped = pin!(cancel.cancelled());
    let mut tick = pin!(sleep_until(Instant::now() + IDLE_TICK));
    let mut rung = pin!(shell.bell.notified());
    let mut followed = 0;
    let stop = poll_fn(|cx| {
        if stopped.as_mut().poll(cx).is_ready() {
            let close = Close::new(Close::GOING_AWAY, "the gateway is shutting down");
            return Poll::Ready(Stop::Close(close));
        }
        if revoked.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Stop::Close(Close::new(
                Close::POLICY,
                "the session has ended",
            )));
        }
        let mut connection = shell.lock();
        let Some(connection) = connection.as_mut() else {
            return Poll::Ready(Stop::End(End::Left));
        };
        loop {
            // Armed again before anybody looks at what it rang for, so no ring is lost.
            while rung.as_mut().poll(cx).is_ready() {
                rung.set(shell.bell.notified());
            }
            if let Poll::Ready(stop) = connection.poll_streams(cx, shared, tick.as_mut()) {
                return Poll::Ready(stop);
            }
            let version = connection.session.sources_version();
            if followed != version {
                followed = version;
                let session = &connection.session;
                let gathers =
                    config.gather_ms > 0 && session.tiles() >= config.gather_from_tiles as usize;
                let rings = session.rings().cloned().collect();
                seat.follow(Arc::clone(shell) as Arc<dyn Line>, rings, gathers);
            }
            if connection.watches.poll_changed(cx).is_ready() {
                let now = Instant::now().into_std();
                connection.session.handle(now, Input::Status);
                continue;
            }
            if tick.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if let Err(what) = connection.tick(now, shared) {
                return Poll::Ready(Stop::End(End::Silent(what)));
            }
            let next = if connection.blocked.is_some() {
                BLOCKED_TICK
            } else {
                IDLE_TICK.min(config.ping())
            };
            tick.as_mut().reset(now + next);
        }
    })
    .await;
    if let Some(connection) = shell.lock().as_mut() {
        let counted = std::mem::take(&mut connection.tiles_counted);
        shared.counters.tiles.fetch_sub(counted, Relaxed);
    }
    stop
}

struct Connection<S> {
    stream: S,
    session: Session,
    watches: Watches,
    reader: Reader,
    outbox: Outbox,
    /// The newest ping not yet answered: older ones need no answer (RFC 6455, 5.5.3).
    pong: Option<Vec<u8>>,
    /// Written, but maybe still inside the transport (TLS).
    unflushed: bool,
    /// Since when the transport has taken nothing although something was to be written.
    blocked: Option<Instant>,
    heard: Instant,
    pinged: Instant,
    tiles_counted: u64,
}

impl<S> Connection<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn new(shared: &Arc<Shared>, stream: S, viewer: Viewer) -> Self {
        let session = Session::new(
            shared.config.clone(),
            Arc::clone(&shared.host),
            viewer,
            None,
            Delivery::Stream,
            WallTime::now(),
        );
        let now = Instant::now();
        Self {
            stream,
            session,
            watches: Watches::default(),
            reader: Reader::new(MAX_CONTROL_BYTES),
            outbox: Outbox::default(),
            pong: None,
            unflushed: false,
            blocked: None,
            heard: now,
            pinged: now,
            tiles_counted: 0,
        }
    }

    /// Takes frames that a worker has just read and writes them at once. Also says whether its own task must look: frames
    /// were left in the ring, or bytes in the outbox.
    fn offer(&mut self, frames: &[Fresh], only: Option<&[u32]>) -> (Sent, bool) {
        if self.blocked.is_some() {
            // Its task is woken when there is room again, and finds the frames in the ring.
            return (Sent::default(), false);
        }
        if !self.outbox.is_empty() || self.unflushed || !self.session.is_clear() {
            return (Sent::default(), true);
        }
        let (mut sent, mut rest) = (Sent::default(), false);
        let mut batch = Batch::default();
        let all = 0..frames.len() as u32;
        let (listed, all) = match only {
            Some(only) => (only, 0..0),
            None => (&[][..], all),
        };
        for index in listed.iter().copied().chain(all) {
            let Some(fresh) = frames.get(index as usize) else {
                continue;
            };
            match self.session.hand(fresh.position, &fresh.frame) {
                Handed::Taken(tile, format) => batch.add(tile, format, &fresh.frame),
                Handed::Unwanted => {}
                Handed::Behind => rest = true,
            }
            if batch.is_full() && !self.write_batch(&mut batch, &mut sent) {
                return (sent, true);
            }
        }
        let all_written = self.write_batch(&mut batch, &mut sent);
        (sent, rest || !all_written)
    }

    /// Writes a batch; what does not go is put into the outbox, and false returned.
    fn write_batch(&mut self, batch: &mut Batch<'_>, sent: &mut Sent) -> bool {
        if batch.is_empty() {
            return true;
        }
        // Whoever is not ready wakes nobody here: the task polls again, and is then woken.
        let mut cx = Context::from_waker(Waker::noop());
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let n = batch.gather(&mut slices);
        let written = match Pin::new(&mut self.stream).poll_write_vectored(&mut cx, &slices[..n]) {
            Poll::Ready(Ok(written)) => written,
            // The task meets the error, too.
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        let bytes = batch.bytes();
        sent.calls += 1;
        sent.bytes += written as u64;
        if written < bytes {
            batch.drain().for_each(|message| self.outbox.media(message));
            sent.messages += self.outbox.advance(written);
            self.unflushed |= written > 0;
            let queued = Input::Queued(self.outbox.media_bytes());
            self.session.handle(Instant::now().into_std(), queued);
            return false;
        }
        sent.messages += batch.clear();
        match Pin::new(&mut self.stream).poll_flush(&mut cx) {
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(_)) | Poll::Pending => {
                self.unflushed = true;
                false
            }
        }
    }

    fn tick(&mut self, now: Instant, shared: &Shared) -> Result<(), &'static str> {
        let config = &shared.config;
        if now - self.heard >= config.silence() {
            return Err("nothing was heard of the viewer, not even an answer to a ping");
        }
        if self
            .blocked
            .is_some_and(|since| now - since >= config.stall())
        {
            return Err("the viewer takes no bytes");
        }
        if now - self.heard >= config.ping() && now - self.pinged >= config.ping() {
            self.pinged = now;
            self.outbox.control(PING, b"");
        }
        self.session.handle(now.into_std(), Input::Tick);
        Ok(())
    }

    /// Writes and reads all that goes without waiting.
    fn poll_streams(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
        mut tick: Pin<&mut Sleep>,
    ) -> Poll<Stop> {
        loop {
            match self.poll_write(cx, shared) {
                Poll::Ready(Ok(())) => self.blocked = None,
                Poll::Ready(Err(stop)) => return Poll::Ready(stop),
                Poll::Pending if self.blocked.is_none() => {
                    let now = Instant::now();
                    self.blocked = Some(now);
                    if tick.deadline() > now + BLOCKED_TICK {
                        tick.as_mut().reset(now + BLOCKED_TICK);
                    }
                }
                Poll::Pending => {}
            }
            if !self.session.wants_input() {
                return Poll::Pending;
            }
            match ready!(self.poll_read(cx)) {
                Ok(()) => {}
                Err(stop) => return Poll::Ready(stop),
            }
        }
    }

    /// Ready when everything there is to send is written.
    fn poll_write(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<Result<(), Stop>> {
        loop {
            if let Err(close) = self.fill(shared) {
                return Poll::Ready(Err(Stop::Close(close)));
            }
            if self.outbox.is_empty() {
                if self.unflushed {
                    if let Err(error) = ready!(Pin::new(&mut self.stream).poll_flush(cx)) {
                        return Poll::Ready(Err(Stop::End(error.into())));
                    }
                    self.unflushed = false;
                }
                return Poll::Ready(Ok(()));
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let n = self.outbox.gather(&mut slices);
            let written =
                match ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..n])) {
                    Ok(0) => Err(io::Error::from(io::ErrorKind::WriteZero)),
                    other => other,
                };
            let written = match written {
                Ok(written) => written,
                Err(error) => return Poll::Ready(Err(Stop::End(error.into()))),
            };
            self.blocked = None;
            self.unflushed = true;
            let messages = self.outbox.advance(written);
            let counters = &shared.counters;
            Counters::add(&counters.writes, 1);
            Counters::add(&counters.sent_bytes, written as u64);
            Counters::add(&counters.sent_messages, messages);
            let queued = Input::Queued(self.outbox.media_bytes());
            self.session.handle(Instant::now().into_std(), queued);
        }
    }

    /// Moves what the session has ready into the outbox, as much as one call takes.
    fn fill(&mut self, shared: &Shared) -> Result<(), Close> {
        if !self.outbox.is_full()
            && let Some(payload) = self.pong.take()
        {
            self.outbox.control(PONG, &payload);
        }
        let now = Instant::now().into_std();
        while !self.outbox.is_full() {
            match self.session.poll_output(now) {
                None => break,
                Some(Output::Media(message)) => self.outbox.media(message),
                Some(Output::Control(message)) => {
                    if let ServerMessage::Skipped { frames, .. } = &message {
                        Counters::add(&shared.counters.skipped_frames, *frames);
                    }
                    match serde_json::to_vec(&message) {
                        Ok(json) => self.outbox.control(TEXT, &json),
                        Err(error) => tracing::error!(%error, ?message, "a message has no JSON"),
                    }
                }
                Some(Output::Close(close)) => return Err(close),
            }
        }
        // Sources may have come, gone, or changed between their opening and now.
        if self.watches.follow(&self.session) {
            self.session.handle(now, Input::Status);
        }
        let tiles = self.session.tiles() as u64;
        if tiles != self.tiles_counted {
            let gauge = &shared.counters.tiles;
            gauge.fetch_add(tiles.wrapping_sub(self.tiles_counted), Relaxed);
            self.tiles_counted = tiles;
        }
        Ok(())
    }

    /// Reads once and handles what came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        let mut bytes = [0; 2048];
        let mut buf = ReadBuf::new(&mut bytes);
        if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
            return Poll::Ready(Err(Stop::End(error.into())));
        }
        let mut input = buf.filled();
        if input.is_empty() {
            return Poll::Ready(Err(Stop::End(End::Left)));
        }
        let now = Instant::now();
        self.heard = now;
        loop {
            let event = match self.reader.read(&mut input) {
                Ok(Some(event)) => event,
                Ok(None) => return Poll::Ready(Ok(())),
                Err(close) => return Poll::Ready(Err(Stop::Close(close))),
            };
            match event {
                Event::Text(text) => self.session.handle(now.into_std(), Input::Text(&text)),
                Event::Binary(_) => {
                    let close = Close::new(Close::PROTOCOL, "a viewer sends text only");
                    return Poll::Ready(Err(Stop::Close(close)));
                }
                Event::Ping(payload) => self.pong = Some(payload),
                Event::Pong => {}
                Event::Close(code) => return Poll::Ready(Err(Stop::Left(code))),
            }
        }
    }
}

/// Sends the rest and a close frame, waits for the answer, and shuts down; all within [`CLOSE_TIME`].
async fn finish<S>(mut stream: S, outbox: &mut Outbox, close: Close) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut payload = close.code.to_be_bytes().to_vec();
    let mut cut = close.text.len().min(123);
    while !close.text.is_char_boundary(cut) {
        cut -= 1;
    }
    payload.extend_from_slice(&close.text.as_bytes()[..cut]);
    outbox.control(CLOSE, &payload);
    let closing = async {
        while !outbox.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let n = outbox.gather(&mut slices);
            let written = stream.write_vectored(&slices[..n]).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            outbox.advance(written);
        }
        stream.flush().await?;
        stream.shutdown().await?;
        // What comes until the other side closes too is of no interest; but a socket closed with unread bytes is reset,
        // and a reset may overtake our close frame.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    match timeout(CLOSE_TIME, closing).await {
        Ok(Err(error)) => tracing::debug!(%error, "closing a WebSocket"),
        Err(_) => tracing::debug!("a viewer does not answer the close frame"),
        Ok(Ok(())) => {}
    }
    End::Closed(close)
}

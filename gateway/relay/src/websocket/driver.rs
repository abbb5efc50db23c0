//! One task a connection: asks the session what to send, writes it, reads what comes.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use media::{
    WallTime,
    wire::{MAX_CONTROL_BYTES, ServerMessage},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::{Notify, futures::Notified},
    time::{Instant, Sleep, sleep_until, timeout},
};

use super::{
    outbox::{MAX_SLICES, Outbox},
    reader::{Event, Reader},
};
use crate::{
    Close, Config, End, Shared, Viewer,
    session::{Delivery, Input, Output, Session},
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
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut outbox = Outbox::default();
    let Some(_seat) = shared.enter() else {
        let close = Close::new(Close::BUSY, "too many viewers are connected");
        return finish(stream, &mut outbox, close).await;
    };
    let peer = viewer.peer;
    let mut connection = Connection::new(&shared, stream, viewer);
    let why = connection.run(&shared).await;
    let end = match why {
        Stop::Close(close) => {
            outbox = std::mem::take(&mut connection.outbox);
            outbox.drop_media();
            finish(connection.stream, &mut outbox, close).await
        }
        Stop::Left(code) => {
            // The close frame is answered with its own code (RFC 6455, 5.5.1).
            outbox = std::mem::take(&mut connection.outbox);
            outbox.drop_media();
            let code = code.unwrap_or(Close::NORMAL);
            let _ = finish(connection.stream, &mut outbox, Close::new(code, "")).await;
            End::Left
        }
        Stop::End(end) => end,
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

/// Why the task woke.
enum Wake {
    Bell,
    Status,
    Tick,
    Gathered,
    Stop(Stop),
}

struct Connection<S> {
    stream: S,
    session: Session,
    watches: Watches,
    bell: Arc<Notify>,
    reader: Reader,
    outbox: Outbox,
    /// The newest ping not yet answered: older ones need no answer (RFC 6455, 5.5.3).
    pong: Option<Vec<u8>>,
    /// Written, but maybe still inside the transport (TLS).
    unflushed: bool,
    /// Since when the transport has taken nothing although something was to be written.
    blocked: Option<Instant>,
    /// What is ready is being gathered: nothing is asked of the session.
    gathering: bool,
    heard: Instant,
    pinged: Instant,
    tiles_counted: u64,
}

impl<S> Connection<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    fn new(shared: &Arc<Shared>, stream: S, viewer: Viewer) -> Self {
        let bell = Arc::new(Notify::new());
        let session = Session::new(
            shared.config.clone(),
            Arc::clone(&shared.host),
            viewer,
            Arc::clone(&bell),
            Delivery::Stream,
            WallTime::now(),
        );
        let now = Instant::now();
        Self {
            stream,
            session,
            watches: Watches::default(),
            bell,
            reader: Reader::new(MAX_CONTROL_BYTES),
            outbox: Outbox::default(),
            pong: None,
            unflushed: false,
            blocked: None,
            gathering: false,
            heard: now,
            pinged: now,
            tiles_counted: 0,
        }
    }

    async fn run(&mut self, shared: &Shared) -> Stop {
        let config = &shared.config;
        let revoked = self.session.viewer().revoked.clone();
        let mut revoked = pin!(revoked.cancelled());
        // One of its own: waiting on the shared one would be a lock that all viewers meet at.
        let cancel = shared.cancel.child_token();
        let mut stopped = pin!(cancel.cancelled());
        let mut tick = pin!(sleep_until(Instant::now() + IDLE_TICK));
        let mut gather = pin!(sleep_until(Instant::now()));
        let bell = Arc::clone(&self.bell);
        // What was gathered goes out before the bell, rung meanwhile, can begin another gathering.
        let mut due = false;
        let mut rung = pin!(bell.notified());
        loop {
            let wake = poll_fn(|cx| {
                if stopped.as_mut().poll(cx).is_ready() {
                    let close = Close::new(Close::GOING_AWAY, "the gateway is shutting down");
                    return Poll::Ready(Wake::Stop(Stop::Close(close)));
                }
                if revoked.as_mut().poll(cx).is_ready() {
                    let close = Close::new(Close::POLICY, "the session has ended");
                    return Poll::Ready(Wake::Stop(Stop::Close(close)));
                }
                if self.gathering {
                    if gather.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Wake::Gathered);
                    }
                } else if !due && poll_bell(&bell, rung.as_mut(), cx) && self.gathers(config) {
                    return Poll::Ready(Wake::Bell);
                }
                if let Poll::Ready(stop) = self.poll_streams(cx, shared, tick.as_mut()) {
                    return Poll::Ready(Wake::Stop(stop));
                }
                if std::mem::take(&mut due) && poll_bell(&bell, rung.as_mut(), cx) {
                    return Poll::Ready(Wake::Bell);
                }
                if self.watches.poll_changed(cx).is_ready() {
                    return Poll::Ready(Wake::Status);
                }
                if tick.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Wake::Tick);
                }
                Poll::Pending
            })
            .await;
            let now = Instant::now();
            match wake {
                Wake::Stop(stop) => {
                    shared.counters.tiles.fetch_sub(self.tiles_counted, Relaxed);
                    self.tiles_counted = 0;
                    return stop;
                }
                Wake::Bell => {
                    if self.gathers(config) {
                        self.gathering = true;
                        gather.as_mut().reset(now + config.gather());
                    }
                }
                Wake::Gathered => {
                    self.gathering = false;
                    due = true;
                }
                Wake::Status => self.session.handle(now.into_std(), Input::Status),
                Wake::Tick => {
                    if let Err(what) = self.tick(now, shared) {
                        shared.counters.tiles.fetch_sub(self.tiles_counted, Relaxed);
                        return Stop::End(End::Silent(what));
                    }
                    let next = if self.blocked.is_some() {
                        BLOCKED_TICK
                    } else {
                        IDLE_TICK.min(config.ping())
                    };
                    tick.as_mut().reset(now + next);
                }
            }
        }
    }

    /// Whether a bell begins a gathering instead of a write.
    fn gathers(&self, config: &Config) -> bool {
        let many = self.session.tiles() >= config.gather_from_tiles as usize;
        many && self.blocked.is_none() && config.gather_ms > 0
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
        if self.gathering {
            return Ok(());
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

/// Whether the bell has rung; it is then armed again, before anybody looks at what it rang for, so no ring is lost.
fn poll_bell<'a>(bell: &'a Notify, mut rung: Pin<&mut Notified<'a>>, cx: &mut Context<'_>) -> bool {
    let mut any = false;
    while rung.as_mut().poll(cx).is_ready() {
        any = true;
        rung.set(bell.notified());
    }
    any
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

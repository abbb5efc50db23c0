//! A connection between two wakes: what its own task does with it. The stream is handed in, since a worker writes to it as well
//! (`line.rs`).

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use media::wire::{MAX_CONTROL_BYTES, ServerMessage};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::{
    outbox::{MAX_SLICES, Outbox},
    reader::{Event, Reader},
};
use crate::{
    Close, End, Shared, Viewer,
    listed::Listed,
    session::{Delivery, Input, Output, Session},
    stats::Counters,
    watches::Watches,
};

const TEXT: u8 = 0x1;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// While the transport is blocked the session is told of passing time this often.
const BLOCKED_TICK: Duration = Duration::from_millis(250);
/// Else pings and silence are looked after this often.
pub(super) const IDLE_TICK: Duration = Duration::from_secs(5);

/// Why the connection stops.
pub(super) enum Stop {
    Close(Close),
    /// The viewer sent a close frame.
    Left(Option<u16>),
    End(End),
}

pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) watches: Watches,
    reader: Reader,
    pub(super) outbox: Outbox,
    /// The newest ping not yet answered: older ones need no answer (RFC 6455, 5.5.3).
    pong: Option<Vec<u8>>,
    /// Written, but maybe still inside the transport (TLS).
    unflushed: bool,
    /// Since when the transport has taken nothing although something was to be written.
    blocked: Option<Instant>,
    heard: Instant,
    pinged: Instant,
    /// A ping is on its way, and how long the last one took.
    awaits_pong: bool,
    rtt: Option<Duration>,
    /// Bytes that the transport has taken.
    pub(super) taken: u64,
    listed: Listed,
    pub(super) tiles_counted: u64,
}

impl Connection {
    pub(super) fn new(shared: &Arc<Shared>, viewer: Viewer, listed: Listed) -> Self {
        let session = Session::new(
            shared.config.clone(),
            Arc::clone(&shared.host),
            viewer,
            None,
            Delivery::Stream,
            shared.wall(),
        );
        let now = Instant::now();
        Self {
            session,
            watches: Watches::default(),
            reader: Reader::new(MAX_CONTROL_BYTES),
            outbox: Outbox::default(),
            pong: None,
            unflushed: false,
            blocked: None,
            heard: now,
            pinged: now,
            awaits_pong: false,
            rtt: None,
            taken: 0,
            listed,
            tiles_counted: 0,
        }
    }

    /// Whether the transport takes nothing just now: the task is woken when it does again.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Whether nothing is on its way that has to go first.
    pub(super) fn is_idle(&self) -> bool {
        self.blocked.is_none() && self.outbox.is_empty() && !self.unflushed
    }

    /// Takes over what a worker could not write: messages of which the first `written` bytes are gone. Returns how many of
    /// them are wholly written.
    pub(super) fn take_over(
        &mut self,
        messages: impl Iterator<Item = crate::session::Message>,
        written: usize,
    ) -> u64 {
        messages.for_each(|message| self.outbox.media(message));
        self.unflushed = true;
        let whole = self.outbox.advance(written);
        let queued = Input::Queued(self.outbox.media_bytes());
        self.session.handle(Instant::now().into_std(), queued);
        whole
    }

    /// Time for pings, for finding out that nobody is there, and for telling the session; returns when to come again.
    ///
    /// # Errors
    /// What is the matter with the viewer.
    pub(super) fn tick(&mut self, shared: &Shared) -> Result<Instant, &'static str> {
        let now = Instant::now();
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
        let quiet = now - self.heard >= config.ping() && now - self.pinged >= config.ping();
        if quiet || (self.session.measures() && !self.awaits_pong && self.is_idle()) {
            self.pinged = now;
            self.awaits_pong = true;
            self.outbox.control(PING, b"");
        }
        let line = Input::Line {
            taken: self.taken,
            rtt: self.rtt,
        };
        self.session.handle(now.into_std(), line);
        self.session.handle(now.into_std(), Input::Tick);
        self.listed.publish(&self.session);
        let next = match self.blocked {
            Some(_) => BLOCKED_TICK,
            None => IDLE_TICK.min(config.ping()),
        };
        let next = now + next;
        Ok(match self.session.wake_at() {
            Some(at) => next.min(at.into()),
            None => next,
        })
    }

    /// Writes and reads all that goes without waiting.
    pub(super) fn poll_streams<S>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        shared: &Shared,
        mut tick: Pin<&mut Sleep>,
    ) -> Poll<Stop>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            match self.poll_write(stream, cx, shared) {
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
            // A pong that finds no room: who floods pings and takes no answers is not read from.
            if !self.session.wants_input() || self.pong.is_some() {
                return Poll::Pending;
            }
            match ready!(self.poll_read(stream, cx)) {
                Ok(()) => {}
                Err(stop) => return Poll::Ready(stop),
            }
        }
    }

    /// Ready when everything there is to send is written.
    fn poll_write(
        &mut self,
        stream: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        shared: &Shared,
    ) -> Poll<Result<(), Stop>> {
        loop {
            if let Err(close) = self.fill(shared) {
                return Poll::Ready(Err(Stop::Close(close)));
            }
            if self.outbox.is_empty() {
                if self.unflushed {
                    if let Err(error) = ready!(Pin::new(&mut *stream).poll_flush(cx)) {
                        return Poll::Ready(Err(Stop::End(error.into())));
                    }
                    self.unflushed = false;
                }
                return Poll::Ready(Ok(()));
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let n = self.outbox.gather(&mut slices);
            let written = match ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices[..n]))
            {
                Ok(0) => Err(io::Error::from(io::ErrorKind::WriteZero)),
                other => other,
            };
            let written = match written {
                Ok(written) => written,
                Err(error) => return Poll::Ready(Err(Stop::End(error.into()))),
            };
            self.blocked = None;
            self.unflushed = true;
            self.taken += written as u64;
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
    fn poll_read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Stop>> {
        let mut bytes = [0; 2048];
        let mut buf = ReadBuf::new(&mut bytes);
        if let Err(error) = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) {
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
                Event::Pong => {
                    // One that was not asked for is allowed (RFC 6455, 5.5.3), and tells nothing.
                    if std::mem::take(&mut self.awaits_pong) {
                        self.rtt = Some(now - self.pinged);
                    }
                }
                Event::Close(code) => return Poll::Ready(Err(Stop::Left(code))),
            }
        }
    }
}

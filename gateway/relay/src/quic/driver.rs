//! A connection between two wakes: asks the session what to send, sorts it into streams, reads the control stream. Its own task
//! and the thread's worker use it in turn (`line.rs`).

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use media::wire::{Framed, ServerMessage, replay::is_recorded};
use quinn::RecvStream;
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::Instant,
};

use super::{
    Control,
    lines::Lines,
    streams::{CONTROL_PRIORITY, Outgoing, Streams},
};
use crate::{
    Close, Shared,
    dispatch::Sent,
    listed::Listed,
    session::{Input, Message, Output, Session},
    stats::Counters,
    watches::Watches,
};

/// While something waits for the viewer the session is told of passing time, and stale groups are looked for, this often;
/// or four times in the viewer's maximum delay, where that is more often.
const BUSY_TICK: Duration = Duration::from_millis(250);
const LEAST_TICK: Duration = Duration::from_millis(25);
/// Else nothing is waited for.
const IDLE_TICK: Duration = Duration::from_secs(5);
/// Control messages wait in the session while the client does not take them: there they are bounded.
const MAX_CONTROL: usize = 64 * 1024;

pub(super) struct Driver {
    shared: Arc<Shared>,
    pub(super) session: Session,
    pub(super) watches: Watches,
    listed: Listed,
    receive: RecvStream,
    lines: Lines,
    control: Outgoing,
    streams: Streams,
    /// Which feed each tile shows.
    feeds: HashMap<u32, u32>,
    /// Tiles whose next message begins after a gap.
    skipped: Vec<u32>,
    tiles_counted: u64,
    /// When bytes were last taken from the control stream's queue, or it was empty.
    control_moved: Instant,
    control_left: usize,
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        session: Session,
        listed: Listed,
        streams: Streams,
        (send, receive, lines): Control,
    ) -> Self {
        Self {
            shared,
            session,
            watches: Watches::default(),
            listed,
            receive,
            lines,
            control: Outgoing::of(send, CONTROL_PRIORITY),
            streams,
            feeds: HashMap::new(),
            skipped: Vec::new(),
            tiles_counted: 0,
            control_moved: Instant::now(),
            control_left: 0,
        }
    }

    /// Writes all that the session has and the transport takes.
    ///
    /// # Errors
    /// How the connection is to be closed.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>) -> Result<Sent, Close> {
        let mut sent = Sent::default();
        loop {
            self.control.write(cx);
            self.streams.write(cx);
            let before = self.streams.unwritten();
            self.session.handle(now(), Input::Queued(before));
            let more = self.fill(cx, &mut sent)?;
            // Goes on while something was asked for, or was written and so made room.
            if !more && self.streams.unwritten() == before {
                return Ok(sent);
            }
        }
    }

    /// Pumps, and reads what the viewer says.
    ///
    /// # Errors
    /// How the connection is to be closed.
    pub(super) fn poll_streams(&mut self, cx: &mut Context<'_>) -> Result<Sent, Close> {
        let mut sent = Sent::default();
        loop {
            sent.add(self.pump(cx)?);
            if !self.session.wants_input() || self.poll_control(cx)?.is_pending() {
                return Ok(sent);
            }
        }
    }

    fn poll_control(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Close> {
        // Lines that came with the first read, before this driver began.
        if self.take_lines()? {
            return Ok(Poll::Ready(()));
        }
        let mut bytes = [0; 1024];
        let mut buf = ReadBuf::new(&mut bytes);
        match Pin::new(&mut self.receive).poll_read(cx, &mut buf) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(())) if buf.filled().is_empty() => {
                Err(Close::new(Close::NORMAL, "the control stream ended"))
            }
            Poll::Ready(Ok(())) => {
                self.lines.push(buf.filled());
                self.take_lines()?;
                Ok(Poll::Ready(()))
            }
            Poll::Ready(Err(error)) => Err(Close::new(Close::PROTOCOL, error.to_string())),
        }
    }

    fn take_lines(&mut self) -> Result<bool, Close> {
        let mut any = false;
        while let Some(line) = self.lines.next()? {
            any = true;
            self.session.handle(now(), Input::Text(&line));
        }
        Ok(any)
    }

    /// Moves what the session has ready into the streams; whether there was anything.
    fn fill(&mut self, cx: &mut Context<'_>, sent: &mut Sent) -> Result<bool, Close> {
        let mut any = false;
        while self.control.unwritten() < MAX_CONTROL {
            let Some(output) = self.session.poll_output(now()) else {
                break;
            };
            any = true;
            match output {
                Output::Media(message) => self.media(&message, cx, sent),
                Output::Control(message) => self.tell(&message, cx),
                Output::Close(close) => return Err(close),
            }
        }
        let tiles = self.session.tiles() as u64;
        if tiles != self.tiles_counted {
            let change = tiles.wrapping_sub(self.tiles_counted);
            self.shared.counters.tiles.fetch_add(change, Relaxed);
            self.tiles_counted = tiles;
        }
        Ok(any)
    }

    fn tell(&mut self, message: &ServerMessage, cx: &mut Context<'_>) {
        match message {
            ServerMessage::Skipped { tile, frames, .. } => {
                Counters::add(&self.shared.counters.skipped_frames, *frames);
                // A recorded tile's stream has all of it, in order: what is skipped was never in it.
                if !self.feeds.get(tile).is_some_and(|f| is_recorded(*f)) {
                    self.skipped.push(*tile);
                }
            }
            ServerMessage::Opened { tile, feed, .. } => {
                if let Some(old) = self.feeds.insert(*tile, *feed)
                    && old != *feed
                {
                    match is_recorded(old) {
                        // Its clock was set anew: what is left of before is not wanted.
                        true => self.streams.reset(old),
                        false => self.streams.finish(old, cx),
                    }
                }
            }
            ServerMessage::Paused { tile } => {
                if let Some(feed) = self.feeds.get(tile) {
                    self.streams.reset(*feed);
                }
            }
            ServerMessage::Closed { tile } | ServerMessage::Refused { tile, .. } => {
                if let Some(feed) = self.feeds.remove(tile) {
                    self.streams.reset(feed);
                }
            }
            _ => {}
        }
        match serde_json::to_vec(message) {
            Ok(mut line) => {
                line.push(b'\n');
                self.control.push([line.into()], cx);
            }
            Err(error) => tracing::error!(%error, ?message, "a message has no JSON"),
        }
    }

    fn media(&mut self, message: &Message, cx: &mut Context<'_>, sent: &mut Sent) {
        let frame = &message.frame;
        if !self.skipped.is_empty() && self.skipped.contains(&message.tile) {
            self.skipped.retain(|tile| *tile != message.tile);
            // What is left of the groups before the gap is worth nothing any more.
            self.streams.reset(frame.feed);
        }
        let framed = message.framed();
        let chunks = [head(framed), framed.payload().clone()];
        self.streams
            .push((frame.feed, frame.track, frame.group), chunks, cx);
        sent.messages += 1;
        sent.bytes += framed.message_len() as u64 + 4;
    }

    /// Time has passed: returns when to come again.
    ///
    /// # Errors
    /// How the connection is to be closed.
    pub(super) fn tick(&mut self) -> Result<Instant, Close> {
        let (taken, rtt) = self.streams.measure();
        let rtt = Some(rtt);
        self.session.handle(now(), Input::Line { taken, rtt });
        self.session.handle(now(), Input::Tick);
        self.listed.publish(&self.session);
        let now = Instant::now();
        let stale = self.streams.tick(self.session.max_delay());
        Counters::add(&self.shared.counters.stale_groups, stale);
        let left = self.control.unwritten();
        if left == 0 || left != self.control_left {
            self.control_moved = now;
            self.control_left = left;
        }
        if now - self.control_moved >= self.shared.config.stall() {
            let why = "the viewer does not take its control messages";
            return Err(Close::new(Close::POLICY, why));
        }
        Ok(self.wake_at())
    }

    /// When time matters again.
    pub(super) fn wake_at(&self) -> Instant {
        let due = Instant::now() + self.pace();
        match self.session.wake_at() {
            Some(at) => due.min(at.into()),
            None => due,
        }
    }

    /// How long until time matters again.
    pub(super) fn pace(&self) -> Duration {
        match self.streams.wants_ticks() || self.control.unwritten() > 0 {
            true => BUSY_TICK.min((self.session.max_delay() / 4).max(LEAST_TICK)),
            false => IDLE_TICK,
        }
    }

    /// Gives back what was counted.
    pub(super) fn leave(&mut self) {
        let tiles = std::mem::take(&mut self.tiles_counted);
        self.shared.counters.tiles.fetch_sub(tiles, Relaxed);
    }
}

/// A message's length and head in one piece.
fn head(framed: &Framed) -> Bytes {
    let head = framed.head();
    let mut whole = Vec::with_capacity(4 + head.len());
    whole.extend_from_slice(&(framed.message_len() as u32).to_be_bytes());
    whole.extend_from_slice(&head);
    whole.into()
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

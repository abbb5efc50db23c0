//! A connection between two wakes: asks the session what to send, sorts it into streams, reads the control stream. Its own task
//! and the thread's worker use it in turn (`line.rs`).

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use media::{
    Frame,
    wire::{Format, Framed, ServerMessage, replay::is_recorded},
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::Instant,
};

use super::{
    Control,
    engine::RecvStream,
    lines::Lines,
    outgoing::{Load, Outgoing},
    streams::{CONTROL_PRIORITY, Streams},
};
use crate::{
    Close, Shared,
    dispatch::{Due, Fresh, Sent},
    listed::Listed,
    session::{Cruise, Handed, Input, Message, Output, Session},
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
    /// The tiles that are level: they take frames from the worker's hands, without the session.
    cruises: Vec<Cruise>,
    /// Which feed each tile shows.
    feeds: HashMap<u32, u32>,
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
            cruises: Vec::new(),
            feeds: HashMap::new(),
            tiles_counted: 0,
            control_moved: Instant::now(),
            control_left: 0,
        }
    }

    /// The session takes up what was sent without it. Before anything is asked of it.
    pub(super) fn land(&mut self) {
        self.session.land(&mut self.cruises);
    }

    /// Tiles that are level take frames without the session from here on.
    pub(super) fn take_off(&mut self) {
        if self.streams.unwritten() == 0 {
            self.session.take_off(&mut self.cruises);
        }
    }

    /// What is sent from here on leaves with [`Driver::flush`].
    pub(super) fn hold(&self) {
        self.streams.hold();
    }

    pub(super) fn flush(&self) {
        self.streams.flush();
    }

    /// Sends what a worker hands over, if nothing has to go before it. False where the session has to be asked: it finds in the
    /// rings what was left there.
    pub(super) fn offer(
        &mut self,
        frames: &[Fresh],
        due: Due<'_>,
        cx: &mut Context<'_>,
        sent: &mut Sent,
    ) -> bool {
        let mut all = !self.cruises.is_empty();
        for (fresh, hint) in due.of(frames) {
            let frame = &fresh.frame;
            let at = match self.cruises.get(hint) {
                Some(cruise) if cruise.shows(frame.feed) => Some(hint),
                _ => self.cruises.iter().position(|c| c.shows(frame.feed)),
            };
            let Some(cruise) = at.and_then(|at| self.cruises.get_mut(at)) else {
                return false;
            };
            match cruise.hand(fresh.position, frame) {
                Handed::Taken(_, format) => {
                    let framed = match format {
                        Format::Fmp4 => frame.fragment(),
                        Format::Raw => frame.raw(),
                    };
                    self.send(frame, framed, cx, sent);
                    if self.streams.unwritten() > 0 {
                        return false;
                    }
                }
                Handed::Unwanted => {}
                Handed::Behind => all = false,
            }
        }
        all
    }

    /// Writes all that the session has and the transport takes. The tiles have landed.
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
            self.tell_lost(cx);
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
                // At once, not with the next frame: what waits may be all that there is room for. A recorded tile's stream has all of
                // it, in order: what is skipped was never in it.
                if let Some(feed) = self.feeds.get(tile).filter(|feed| !is_recorded(**feed)) {
                    self.streams.skip(*feed, cx);
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
        self.say(message, cx);
    }

    fn say(&mut self, message: &ServerMessage, cx: &mut Context<'_>) {
        match serde_json::to_vec(message) {
            Ok(mut line) => {
                line.push(b'\n');
                self.control.push([line.into()], Load::default(), cx);
            }
            Err(error) => tracing::error!(%error, ?message, "a message has no JSON"),
        }
    }

    /// The viewer is told of what was handed over in vain.
    fn tell_lost(&mut self, cx: &mut Context<'_>) {
        for (feed, lost) in self.streams.take_lost() {
            if let Some(tile) = self.session.lost(feed, lost.frames) {
                Counters::add(&self.shared.counters.skipped_frames, lost.frames);
                let message = ServerMessage::Skipped {
                    tile,
                    frames: lost.frames,
                    bytes: lost.bytes,
                    ms: lost.ms,
                };
                self.say(&message, cx);
            }
        }
    }

    fn media(&mut self, message: &Message, cx: &mut Context<'_>, sent: &mut Sent) {
        self.send(&message.frame, message.framed(), cx, sent);
    }

    fn send(&mut self, frame: &Frame, framed: &Framed, cx: &mut Context<'_>, sent: &mut Sent) {
        let chunks = [framed.stream_head().clone(), framed.payload().clone()];
        let load = Load {
            frames: 1,
            ms: frame.duration.to_duration().as_millis() as u64,
            picture: frame.key,
        };
        self.streams
            .push((frame.feed, frame.track, frame.group), chunks, load, cx);
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

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

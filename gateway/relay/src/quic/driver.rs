//! One task a connection: asks the session what to send, sorts it into streams, reads the control stream.

use std::{
    collections::HashMap,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Future, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use media::{TrackKind, WallTime, wire::ServerMessage};
use quinn::RecvStream;
use tokio::{
    io::{AsyncRead, ReadBuf},
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    Control, Lines,
    carrier::Carrier,
    group::{End as GroupEnd, Handle},
};
use crate::{
    Close, End, Shared, Viewer,
    session::{Delivery, Input, Message, Output, Session},
    stats::Counters,
    watches::Watches,
};

/// The session is told of passing time, and stale groups are looked for, this often.
const TICK: Duration = Duration::from_millis(250);
/// Before media, audio before video, the newest group before those it superseded.
const CONTROL_PRIORITY: i32 = 3;
const AUDIO_PRIORITY: i32 = 2;
const VIDEO_PRIORITY: i32 = 1;
const OLD_PRIORITY: i32 = 0;

/// A track's stream of groups.
struct Lane {
    group: u32,
    newest: Handle,
    /// Groups that are superseded but not finished, and since when.
    old: Vec<(Instant, Handle)>,
}

struct Driver<'a> {
    shared: &'a Shared,
    carrier: Carrier,
    session: Session,
    watches: Watches,
    control: Handle,
    lanes: HashMap<(u32, TrackKind), Lane>,
    /// Last groups of feeds that are shown no more, and since when.
    ended: Vec<(Instant, Handle)>,
    /// Which feed each tile shows.
    feeds: HashMap<u32, u32>,
    /// Tiles whose next message begins after a gap.
    skipped: Vec<u32>,
    writers: FuturesUnordered<BoxFuture<'static, ()>>,
    tiles_counted: u64,
    /// When bytes were last taken from the control stream's queue, or it was empty.
    control_moved: Instant,
    control_left: usize,
}

pub(super) async fn drive(
    shared: &Arc<Shared>,
    carrier: Carrier,
    viewer: Viewer,
    (send, mut receive, mut lines): Control,
) -> End {
    let bell = Arc::new(Notify::new());
    let revoked = viewer.revoked.clone();
    let control = Handle::new(CONTROL_PRIORITY, carrier.stale, Bytes::new());
    let mut driver = Driver {
        shared,
        carrier,
        session: Session::new(
            shared.config.clone(),
            Arc::clone(&shared.host),
            viewer,
            Arc::clone(&bell),
            Delivery::Groups,
            WallTime::now(),
        ),
        watches: Watches::default(),
        lanes: HashMap::new(),
        ended: Vec::new(),
        feeds: HashMap::new(),
        skipped: Vec::new(),
        writers: FuturesUnordered::new(),
        tiles_counted: 0,
        control_moved: Instant::now(),
        control_left: 0,
        control: control.clone(),
    };
    driver.writers.push(Box::pin(control.write_to(send)));
    let mut tick = pin!(sleep_until(Instant::now() + TICK));
    let cancel = shared.cancel.child_token();
    let mut cancelled = pin!(cancel.cancelled());
    let mut revoked = pin!(revoked.cancelled());
    let why = loop {
        let mut rung = pin!(bell.notified());
        let step = poll_fn(|cx| {
            if let Poll::Ready(over) = driver.carrier.poll_over(cx) {
                return Poll::Ready(Err(over.end()));
            }
            if cancelled.as_mut().poll(cx).is_ready() {
                let close = Close::new(Close::GOING_AWAY, "the gateway is shutting down");
                return Poll::Ready(Err(Err(close)));
            }
            if revoked.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(Err(Close::new(Close::POLICY, "the session has ended"))));
            }
            if let Poll::Ready(close) = driver.poll_streams(cx, &mut receive, &mut lines) {
                return Poll::Ready(Err(Err(close)));
            }
            let mut woke = rung.as_mut().poll(cx).is_ready();
            if driver.watches.poll_changed(cx).is_ready() {
                driver.session.handle(now(), Input::Status);
                woke = true;
            }
            if tick.as_mut().poll(cx).is_ready() {
                tick.as_mut().reset(Instant::now() + TICK);
                if let Err(close) = driver.tick() {
                    return Poll::Ready(Err(Err(close)));
                }
                woke = true;
            }
            if woke {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await;
        if let Err(why) = step {
            break why;
        }
    };
    shared
        .counters
        .tiles
        .fetch_sub(driver.tiles_counted, Relaxed);
    match why {
        Ok(end) => end,
        Err(why) => {
            driver.carrier.close(&why).await;
            End::Closed(why)
        }
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

impl Driver<'_> {
    /// Fills, writes and reads all that goes without waiting. Ready when the connection is to be closed.
    fn poll_streams(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut RecvStream,
        lines: &mut Lines,
    ) -> Poll<Close> {
        loop {
            loop {
                let before = self.unwritten();
                self.session.handle(now(), Input::Queued(before));
                let more = match self.fill() {
                    Ok(more) => more,
                    Err(close) => return Poll::Ready(close),
                };
                while let Poll::Ready(Some(())) = self.writers.poll_next_unpin(cx) {}
                // Goes on while something was asked for, or was written and so made room.
                if !more && self.unwritten() == before {
                    break;
                }
            }
            if !self.session.wants_input() {
                return Poll::Pending;
            }
            if let Err(close) = ready!(self.poll_control(cx, receive, lines)) {
                return Poll::Ready(close);
            }
        }
    }

    fn poll_control(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut RecvStream,
        lines: &mut Lines,
    ) -> Poll<Result<(), Close>> {
        // Lines that came with the first read, before this task began.
        if self.take_lines(lines)? {
            return Poll::Ready(Ok(()));
        }
        let mut bytes = [0; 2048];
        let mut buf = ReadBuf::new(&mut bytes);
        match ready!(Pin::new(receive).poll_read(cx, &mut buf)) {
            Ok(()) if buf.filled().is_empty() => {
                Poll::Ready(Err(Close::new(Close::NORMAL, "the control stream ended")))
            }
            Ok(()) => {
                lines.push(buf.filled());
                self.take_lines(lines)?;
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(Err(Close::new(Close::PROTOCOL, error.to_string()))),
        }
    }

    fn take_lines(&mut self, lines: &mut Lines) -> Result<bool, Close> {
        let mut any = false;
        while let Some(line) = lines.next()? {
            any = true;
            self.session.handle(now(), Input::Text(&line));
        }
        Ok(any)
    }

    fn unwritten(&self) -> usize {
        let newest = self.lanes.values().map(|lane| &lane.newest);
        let old = self.lanes.values().flat_map(|lane| &lane.old);
        let old = old.chain(&self.ended).map(|(_, handle)| handle);
        newest.chain(old).map(Handle::unwritten).sum()
    }

    /// Moves what the session has ready into the streams' queues; whether there was anything.
    fn fill(&mut self) -> Result<bool, Close> {
        let mut any = false;
        // Control messages wait in the session while the client does not take them: there they are bounded.
        while self.control.unwritten() < 64 * 1024 {
            let Some(output) = self.session.poll_output(now()) else {
                break;
            };
            any = true;
            match output {
                Output::Media(message) => self.media(&message),
                Output::Control(message) => self.tell(&message),
                Output::Close(close) => return Err(close),
            }
        }
        if self.watches.follow(&self.session) {
            self.session.handle(now(), Input::Status);
            any = true;
        }
        let tiles = self.session.tiles() as u64;
        let change = tiles.wrapping_sub(self.tiles_counted);
        self.shared.counters.tiles.fetch_add(change, Relaxed);
        self.tiles_counted = tiles;
        Ok(any)
    }

    fn tell(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Skipped { tile, frames, .. } => {
                Counters::add(&self.shared.counters.skipped_frames, *frames);
                self.skipped.push(*tile);
            }
            ServerMessage::Opened { tile, feed, .. } => {
                if let Some(old) = self.feeds.insert(*tile, *feed)
                    && old != *feed
                {
                    self.end_feed(old, GroupEnd::Finish);
                }
            }
            ServerMessage::Paused { tile } => {
                if let Some(feed) = self.feeds.get(tile).copied() {
                    self.end_feed(feed, GroupEnd::Reset);
                }
            }
            ServerMessage::Closed { tile } | ServerMessage::Refused { tile, .. } => {
                if let Some(feed) = self.feeds.remove(tile) {
                    self.end_feed(feed, GroupEnd::Reset);
                }
            }
            _ => {}
        }
        match serde_json::to_vec(message) {
            Ok(mut line) => {
                line.push(b'\n');
                self.control.push([line.into()]);
            }
            Err(error) => tracing::error!(%error, ?message, "a message has no JSON"),
        }
    }

    fn media(&mut self, message: &Message) {
        let frame = &message.frame;
        let after_gap = self.skipped.contains(&message.tile);
        self.skipped.retain(|tile| *tile != message.tile);
        if after_gap {
            // What is left of the groups before the gap is worth nothing any more.
            self.end_feed(frame.feed, GroupEnd::Reset);
        }
        let handle = self.lane(frame.feed, frame.track, frame.group);
        let framed = message.framed();
        let len = framed.message_len() as u32;
        let chunks = [
            Bytes::copy_from_slice(&len.to_be_bytes()),
            framed.head(),
            framed.payload().clone(),
        ];
        handle.push(chunks.into_iter().filter(|c| !c.is_empty()));
        let counters = &self.shared.counters;
        Counters::add(&counters.sent_messages, 1);
        Counters::add(&counters.sent_bytes, framed.message_len() as u64 + 4);
    }

    /// The stream of this group, opened if it is new; the one before it is then finished.
    fn lane(&mut self, feed: u32, track: TrackKind, group: u32) -> &Handle {
        let old = match self.lanes.remove(&(feed, track)) {
            Some(lane) if lane.group == group => {
                return &self
                    .lanes
                    .entry((feed, track))
                    .insert_entry(lane)
                    .into_mut()
                    .newest;
            }
            Some(mut lane) => {
                lane.newest.prioritise(OLD_PRIORITY);
                lane.newest.end(GroupEnd::Finish);
                lane.old.push((Instant::now(), lane.newest));
                lane.old
            }
            None => Vec::new(),
        };
        let priority = match track {
            TrackKind::Audio => AUDIO_PRIORITY,
            TrackKind::Video => VIDEO_PRIORITY,
        };
        let newest = Handle::new(priority, self.carrier.stale, self.carrier.head.clone());
        let connection = self.carrier.connection.clone();
        self.writers
            .push(Box::pin(newest.clone().write_to_new_stream(connection)));
        let lane = Lane { group, newest, old };
        &self
            .lanes
            .entry((feed, track))
            .insert_entry(lane)
            .into_mut()
            .newest
    }

    fn end_feed(&mut self, feed: u32, end: GroupEnd) {
        for track in [TrackKind::Video, TrackKind::Audio] {
            let Some(lane) = self.lanes.remove(&(feed, track)) else {
                continue;
            };
            let all = lane.old.into_iter().map(|(_, h)| h).chain([lane.newest]);
            for handle in all {
                if handle.is_gone() {
                    continue;
                }
                handle.end(end);
                if end == GroupEnd::Finish {
                    self.ended.push((Instant::now(), handle));
                }
            }
        }
    }

    fn tick(&mut self) -> Result<(), Close> {
        self.session.handle(now(), Input::Tick);
        let now = Instant::now();
        let max_delay = self.session.max_delay();
        let lanes = self.lanes.values_mut().map(|lane| &mut lane.old);
        for old in lanes.chain([&mut self.ended]) {
            old.retain(|(since, handle)| {
                if handle.is_gone() {
                    return false;
                }
                let stale = now - *since >= max_delay;
                if stale {
                    Counters::add(&self.shared.counters.stale_groups, 1);
                    handle.end(GroupEnd::Reset);
                }
                !stale
            });
        }
        let left = self.control.unwritten();
        if left == 0 || left != self.control_left {
            self.control_moved = now;
            self.control_left = left;
        }
        if now - self.control_moved >= self.shared.config.stall() {
            let why = "the viewer does not take its control messages";
            return Err(Close::new(Close::POLICY, why));
        }
        Ok(())
    }
}

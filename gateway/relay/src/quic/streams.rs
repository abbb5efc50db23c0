//! The streams of one connection: the control stream, and one of each group. Chunks go straight to quinn where it takes them;
//! what it does not take waits here, within the session's budget.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use media::TrackKind;
use quinn::{Connection, ConnectionError, SendStream, VarInt, WriteError, Written};
use tokio::time::Instant;

/// Before media, audio before video, the newest group before those it superseded.
pub(super) const CONTROL_PRIORITY: i32 = 3;
const AUDIO_PRIORITY: i32 = 2;
const VIDEO_PRIORITY: i32 = 1;
const OLD_PRIORITY: i32 = 0;

/// A key frame or two: quinn always takes so much.
const LEAST_SEND_WINDOW: u64 = 256 * 1024;

/// One outgoing stream.
pub(super) struct Outgoing {
    /// None until the other side has room for one more stream.
    stream: Option<SendStream>,
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    unwritten: usize,
    priority: i32,
    /// Nothing more comes; the stream is finished when all is written.
    ending: bool,
    finished: bool,
    /// Nothing can be written any more: stopped by the other side, or the connection is gone.
    broken: bool,
}

impl Outgoing {
    /// A stream that is open.
    pub(super) fn of(stream: SendStream, priority: i32) -> Self {
        let mut outgoing = Self::waiting(priority);
        outgoing.opened(stream);
        outgoing
    }

    fn waiting(priority: i32) -> Self {
        Self {
            stream: None,
            chunks: VecDeque::new(),
            unwritten: 0,
            priority,
            ending: false,
            finished: false,
            broken: false,
        }
    }

    fn opened(&mut self, stream: SendStream) {
        // Fails only for a stream that is over, which the next write finds out.
        let _ = stream.set_priority(self.priority);
        self.stream = Some(stream);
    }

    /// Bytes that quinn has not taken.
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten
    }

    /// Writes these after what waits already.
    pub(super) fn push<const N: usize>(&mut self, mut chunks: [Bytes; N], cx: &mut Context<'_>) {
        if self.ending || self.broken {
            return;
        }
        let mut rest = 0;
        if self.chunks.is_empty()
            && let Some(stream) = &mut self.stream
        {
            while rest < N {
                match write_some(stream, &mut chunks[rest..], cx) {
                    Poll::Ready(Ok(written)) => rest += written.chunks,
                    Poll::Ready(Err(error)) => return self.fail(&error),
                    Poll::Pending => break,
                }
            }
        }
        for chunk in chunks.into_iter().skip(rest) {
            self.unwritten += chunk.len();
            self.chunks.push_back(chunk);
        }
    }

    /// Writes what goes of what waits. Whoever is left waiting is woken.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        while !self.chunks.is_empty() {
            match write_some(stream, self.chunks.make_contiguous(), cx) {
                Poll::Ready(Ok(written)) => {
                    self.unwritten -= written.bytes;
                    self.chunks.drain(..written.chunks);
                }
                Poll::Ready(Err(error)) => return self.fail(&error),
                Poll::Pending => return,
            }
        }
        if self.ending && !self.finished {
            self.finished = true;
            let _ = stream.finish();
        }
    }

    fn fail(&mut self, error: &WriteError) {
        tracing::debug!(%error, "QUIC stream");
        self.broken = true;
        self.chunks.clear();
        self.unwritten = 0;
    }

    fn finish(&mut self, cx: &mut Context<'_>) {
        self.ending = true;
        self.write(cx);
    }

    fn prioritise(&mut self, priority: i32) {
        self.priority = priority;
        if let Some(stream) = &self.stream {
            let _ = stream.set_priority(priority);
        }
    }

    /// Resets the stream, if the other side does not have all of it.
    fn reset(mut self, code: VarInt) {
        if let Some(stream) = &mut self.stream {
            let _ = stream.reset(code);
        }
    }

    /// Whether nothing is left to do or to take back: all acknowledged, or broken.
    fn is_over(&self) -> bool {
        let acknowledged = || {
            let stopped = self.stream.as_ref().map(SendStream::stopped);
            let mut cx = Context::from_waker(Waker::noop());
            stopped.is_some_and(|stopped| pin!(stopped).poll(&mut cx).is_ready())
        };
        self.broken || self.finished && acknowledged()
    }
}

/// Gives quinn what it takes, without waiting.
fn write_some(
    stream: &mut SendStream,
    chunks: &mut [Bytes],
    cx: &mut Context<'_>,
) -> Poll<Result<Written, WriteError>> {
    pin!(stream.write_chunks(chunks)).poll(cx)
}

/// A track's stream of groups.
struct Lane {
    group: u32,
    newest: Outgoing,
}

/// All groups of a connection.
pub(super) struct Streams {
    connection: Connection,
    /// Precedes the first byte of every stream.
    head: Bytes,
    /// Error code of a reset group.
    stale: VarInt,
    lanes: HashMap<(u32, TrackKind), Lane>,
    /// Groups that are superseded but not acknowledged, or of feeds that are shown no more, and since when.
    old: VecDeque<(Instant, u32, Outgoing)>,
    /// A stream that is being opened, where the other side has no room for one now.
    opening: Option<BoxFuture<'static, Result<SendStream, ConnectionError>>>,
    /// Something may wait.
    behind: bool,
}

impl Streams {
    pub(super) fn new(connection: Connection, head: Bytes, stale: VarInt) -> Self {
        Self {
            connection,
            head,
            stale,
            lanes: HashMap::new(),
            old: VecDeque::new(),
            opening: None,
            behind: false,
        }
    }

    /// Bytes that quinn has not taken.
    pub(super) fn unwritten(&self) -> usize {
        if !self.behind {
            return 0;
        }
        let old = self.old.iter().map(|(_, _, outgoing)| outgoing);
        let newest = self.lanes.values().map(|lane| &lane.newest);
        newest.chain(old).map(Outgoing::unwritten).sum()
    }

    /// Bytes sent since the connection began, and its round trip. Also bounds what quinn takes to twice of what the path carries:
    /// more would only wait where it cannot be skipped.
    pub(super) fn measure(&self) -> (u64, Duration) {
        let stats = self.connection.stats();
        let window = stats.path.cwnd.saturating_mul(2);
        let window = window.clamp(LEAST_SEND_WINDOW, super::SEND_WINDOW);
        self.connection.set_send_window(window);
        (stats.udp_tx.bytes, stats.path.rtt)
    }

    /// Whether time has to be kept for some group.
    pub(super) fn wants_ticks(&self) -> bool {
        self.behind || !self.old.is_empty()
    }

    /// Writes a message to its group's stream.
    pub(super) fn push(
        &mut self,
        (feed, track, group): (u32, TrackKind, u32),
        message: [Bytes; 2],
        cx: &mut Context<'_>,
    ) {
        let key = (feed, track);
        if self.lanes.get(&key).is_none_or(|lane| lane.group != group) {
            self.begin(key, group, cx);
        }
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.newest.push(message, cx);
            self.behind |= lane.newest.unwritten > 0;
        }
    }

    /// A group's stream; the one before it is then finished.
    fn begin(&mut self, key: (u32, TrackKind), group: u32, cx: &mut Context<'_>) {
        let priority = match key.1 {
            TrackKind::Audio => AUDIO_PRIORITY,
            TrackKind::Video => VIDEO_PRIORITY,
        };
        let mut newest = Outgoing::waiting(priority);
        if !self.head.is_empty() {
            newest.push([self.head.clone()], cx);
        }
        if let Some(lane) = self.lanes.insert(key, Lane { group, newest }) {
            self.retire(key.0, lane.newest, cx);
        }
        self.open(cx);
    }

    fn retire(&mut self, feed: u32, mut outgoing: Outgoing, cx: &mut Context<'_>) {
        outgoing.prioritise(OLD_PRIORITY);
        outgoing.finish(cx);
        self.old.push_back((Instant::now(), feed, outgoing));
    }

    /// Opens streams for those who wait for one, the newest first. The other side says how many there may be.
    fn open(&mut self, cx: &mut Context<'_>) {
        loop {
            let newest = self.lanes.values_mut().map(|lane| &mut lane.newest);
            let old = self.old.iter_mut().rev().map(|(_, _, outgoing)| outgoing);
            let waiting = |o: &&mut Outgoing| o.stream.is_none() && !o.broken;
            let Some(first) = newest.chain(old).find(waiting) else {
                self.opening = None;
                return;
            };
            let connection = &self.connection;
            let opening = self.opening.get_or_insert_with(|| {
                let connection = connection.clone();
                Box::pin(async move { connection.open_uni().await })
            });
            match Pin::new(opening).poll(cx) {
                Poll::Ready(opened) => {
                    self.opening = None;
                    match opened {
                        Ok(stream) => {
                            first.opened(stream);
                            first.write(cx);
                        }
                        Err(_) => first.broken = true,
                    }
                }
                Poll::Pending => {
                    self.behind = true;
                    return;
                }
            }
        }
    }

    /// Writes what goes of what waits.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) {
        if !self.behind {
            return;
        }
        self.open(cx);
        let old = self.old.iter_mut().map(|(_, _, outgoing)| outgoing);
        let newest = self.lanes.values_mut().map(|lane| &mut lane.newest);
        newest.chain(old).for_each(|outgoing| outgoing.write(cx));
        self.behind = self.unwritten() > 0 || self.opening.is_some();
    }

    /// The feed is shown no more; its last groups still go out, if in time.
    pub(super) fn finish(&mut self, feed: u32, cx: &mut Context<'_>) {
        for track in [TrackKind::Video, TrackKind::Audio] {
            if let Some(lane) = self.lanes.remove(&(feed, track)) {
                self.retire(feed, lane.newest, cx);
            }
        }
    }

    /// What is left of a feed's groups is worth nothing any more.
    pub(super) fn reset(&mut self, feed: u32) {
        for track in [TrackKind::Video, TrackKind::Audio] {
            if let Some(lane) = self.lanes.remove(&(feed, track)) {
                lane.newest.reset(self.stale);
            }
        }
        let (reset, rest) = std::mem::take(&mut self.old)
            .into_iter()
            .partition(|(_, of, _)| *of == feed);
        self.old = rest;
        let reset: VecDeque<(Instant, u32, Outgoing)> = reset;
        for (_, _, outgoing) in reset {
            if !outgoing.is_over() {
                outgoing.reset(self.stale);
            }
        }
    }

    /// Forgets the groups that have arrived and resets those that are too old; how many.
    pub(super) fn tick(&mut self, max_delay: Duration) -> u64 {
        let now = Instant::now();
        self.old.retain(|(_, _, outgoing)| !outgoing.is_over());
        let mut reset = 0;
        // In the order of their retirement.
        while let Some((since, ..)) = self.old.front()
            && now - *since >= max_delay
            && let Some((_, _, outgoing)) = self.old.pop_front()
        {
            outgoing.reset(self.stale);
            reset += 1;
        }
        reset
    }
}

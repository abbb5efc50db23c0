//! The streams of one connection: the control stream, and one of each group; which of them goes first, and which is given up.
//!
//! The newest group goes first, but for one thing: a group that is superseded before its key frame has left *leads*. It goes on ahead
//! of the newer one until the key frame is gone; if that takes longer than the viewer's maximum delay, what would have followed is
//! left out. On a line too thin for a key frame a group every group would else be given up for the next one, and none ever
//! show a picture.

use std::{
    collections::{BTreeMap, VecDeque},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use media::TrackKind;
use quinn_proto::VarInt;
use tokio::time::Instant;

use super::{
    engine::Connection,
    outgoing::{Load, Lost, Outgoing},
};

/// Before media, audio before video, the newest group before those it superseded.
pub(super) const CONTROL_PRIORITY: i32 = 3;
const AUDIO_PRIORITY: i32 = 2;
/// Beside audio, with which it shares fairly.
const LEADING_PRIORITY: i32 = AUDIO_PRIORITY;
const VIDEO_PRIORITY: i32 = 1;
const OLD_PRIORITY: i32 = 0;

/// What quinn takes before anything is known of the path; and a part of a second of a thin one, at least.
const FIRST_WINDOW: u64 = 64 * 1024;
const THIN_WINDOW: u64 = 16 * 1024;
/// A key frame or two: quinn always takes so much where nothing waits.
const FREE_WINDOW: u64 = 256 * 1024;
/// While something waits quinn holds what the path carries in its round trip (but not in that of a queue that stands) and this.
const THIN_TIME: Duration = Duration::from_millis(500);
/// It grows fourfold in so much time at most: a thin line that has just caught up is still a thin one.
const GROW_TIME: Duration = Duration::from_secs(1);
/// A group that was superseded sooner had no time to send its key frame.
const LEAST_GROUP: Duration = Duration::from_millis(250);
/// A rate over less is that of a burst.
const RATE_TIME: Duration = Duration::from_millis(100);

/// A track's stream of groups.
struct Lane {
    group: u32,
    since: Instant,
    newest: Outgoing,
}

/// A superseded group whose key frame goes on first.
struct Leader {
    feed: u32,
    /// When it was superseded.
    since: Instant,
    group: Outgoing,
}

/// All groups of a connection.
pub(super) struct Streams {
    connection: Connection,
    /// Precedes the first byte of every stream.
    head: Bytes,
    /// Error code of a reset group.
    stale: VarInt,
    lanes: BTreeMap<(u32, TrackKind), Lane>,
    /// One a feed.
    leading: Vec<Leader>,
    /// Groups that are superseded but not acknowledged, or of feeds that are shown no more, and since when.
    old: VecDeque<(Instant, u32, Outgoing)>,
    /// A group waits for a stream: the other side has no room for one now.
    opening: bool,
    /// Something may wait.
    behind: bool,
    /// What quinn takes.
    window: u64,
    /// Since when it may grow again.
    grown: Instant,
    /// Bytes that had left at the last tick, if something waited then.
    measured: Option<(Instant, u64)>,
    /// By feed, what has been left out or given up since it was last asked.
    lost: Vec<(u32, Lost)>,
}

impl Streams {
    pub(super) fn new(connection: Connection, head: Bytes, stale: VarInt) -> Self {
        connection.set_send_window(FIRST_WINDOW);
        Self {
            connection,
            head,
            stale,
            lanes: BTreeMap::new(),
            leading: Vec::new(),
            old: VecDeque::new(),
            opening: false,
            behind: false,
            window: FIRST_WINDOW,
            grown: Instant::now(),
            measured: None,
            lost: Vec::new(),
        }
    }

    /// What is written from here on leaves with [`Streams::flush`].
    pub(super) fn hold(&self) {
        self.connection.hold();
    }

    pub(super) fn flush(&self) {
        self.connection.flush();
    }

    /// Bytes that quinn has not taken.
    pub(super) fn unwritten(&self) -> usize {
        if !self.behind {
            return 0;
        }
        let old = self.old.iter().map(|(_, _, outgoing)| outgoing);
        let leading = self.leading.iter().map(|leader| &leader.group);
        let newest = self.lanes.values().map(|lane| &lane.newest);
        newest
            .chain(leading)
            .chain(old)
            .map(Outgoing::unwritten)
            .sum()
    }

    /// Bytes sent since the connection began, and its round trip. Also bounds what quinn takes: more would only wait where it
    /// cannot be skipped.
    pub(super) fn measure(&mut self) -> (u64, Duration) {
        let stats = self.connection.stats();
        let (now, sent, rtt) = (Instant::now(), stats.udp_tx.bytes, stats.path.rtt);
        let carried = stats.path.cwnd.saturating_mul(2);
        let fits = match self.measured.take() {
            // Nothing waits: there is room for what comes next.
            _ if !self.behind => carried.max(FREE_WINDOW),
            Some((since, before)) if now - since >= RATE_TIME => {
                let rate = sent.saturating_sub(before) as f64 / (now - since).as_secs_f64();
                let held = rtt.min(THIN_TIME) + THIN_TIME;
                carried.min((rate * held.as_secs_f64()) as u64)
            }
            _ => carried,
        };
        if self.behind {
            self.measured = Some((now, sent));
        }
        if fits > self.window && now - self.grown >= GROW_TIME {
            self.window = fits.min(self.window * 4).min(super::SEND_WINDOW);
            self.grown = now;
        } else {
            self.window = fits.clamp(THIN_WINDOW, self.window);
        }
        self.connection.set_send_window(self.window);
        (sent, rtt)
    }

    /// Whether time has to be kept for some group.
    pub(super) fn wants_ticks(&self) -> bool {
        self.behind || !self.old.is_empty() || !self.leading.is_empty()
    }

    /// By feed, what the viewer will not get of what was handed over here, since this was last asked.
    pub(super) fn take_lost(&mut self) -> Vec<(u32, Lost)> {
        std::mem::take(&mut self.lost)
    }

    fn lose(&mut self, feed: u32, lost: Lost) {
        if lost.frames > 0 {
            self.lost.push((feed, lost));
        }
    }

    /// Writes a message to its group's stream.
    pub(super) fn push(
        &mut self,
        (feed, track, group): (u32, TrackKind, u32),
        message: [Bytes; 2],
        load: Load,
        cx: &mut Context<'_>,
    ) {
        let key = (feed, track);
        if self.lanes.get(&key).is_none_or(|lane| lane.group != group) {
            self.begin(key, group, cx);
        }
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.newest.push(message, load, cx);
            self.behind |= lane.newest.unwritten() > 0;
        }
    }

    /// A group's stream; the one before it is superseded.
    fn begin(&mut self, key: (u32, TrackKind), group: u32, cx: &mut Context<'_>) {
        let priority = match key.1 {
            TrackKind::Audio => AUDIO_PRIORITY,
            TrackKind::Video => VIDEO_PRIORITY,
        };
        let mut newest = Outgoing::unopened(priority);
        if !self.head.is_empty() {
            newest.push([self.head.clone()], Load::default(), cx);
        }
        let lane = Lane {
            group,
            since: Instant::now(),
            newest,
        };
        if let Some(old) = self.lanes.insert(key, lane) {
            self.supersede(key, old, cx);
        }
        self.open(cx);
    }

    fn supersede(&mut self, (feed, track): (u32, TrackKind), old: Lane, cx: &mut Context<'_>) {
        // What comes all at once, as to one who has just joined, is not yet a thin line.
        let had_time = old.since.elapsed() >= LEAST_GROUP;
        let video = track == TrackKind::Video;
        if video && self.behind && had_time && self.may_lead(feed, &old.newest) {
            self.lead(feed, old.newest, cx);
        } else {
            self.retire(feed, old.newest, cx);
        }
    }

    /// Whether a group's picture is on its way and no other of the feed is.
    fn may_lead(&self, feed: u32, group: &Outgoing) -> bool {
        group.has_begun()
            && group.owes_picture(self.window)
            && self.leading.iter().all(|leader| leader.feed != feed)
    }

    fn lead(&mut self, feed: u32, mut group: Outgoing, cx: &mut Context<'_>) {
        group.prioritise(LEADING_PRIORITY);
        group.finish(cx);
        self.leading.push(Leader {
            feed,
            since: Instant::now(),
            group,
        });
    }

    fn retire(&mut self, feed: u32, mut outgoing: Outgoing, cx: &mut Context<'_>) {
        outgoing.prioritise(OLD_PRIORITY);
        outgoing.finish(cx);
        self.old.push_back((Instant::now(), feed, outgoing));
    }

    /// Opens streams for those who wait for one, the newest first. The other side says how many there may be. A group whose feed
    /// has another that leads waits until that has gone.
    fn open(&mut self, cx: &mut Context<'_>) {
        loop {
            let leading = &self.leading;
            let led = |feed: u32| {
                let waits = |leader: &Leader| leader.feed == feed && leader.group.unwritten() > 0;
                leading.iter().any(waits)
            };
            let newest = self
                .lanes
                .iter_mut()
                .filter(|((feed, track), _)| *track == TrackKind::Audio || !led(*feed))
                .map(|(_, lane)| &mut lane.newest);
            let old = self.old.iter_mut().rev().map(|(_, _, outgoing)| outgoing);
            let Some(first) = newest.chain(old).find(|o| o.wants_stream()) else {
                self.opening = false;
                return;
            };
            match self.connection.poll_open_uni(cx) {
                Poll::Ready(Ok(stream)) => {
                    first.opened(stream);
                    first.write(cx);
                }
                Poll::Ready(Err(_)) => first.give_up(),
                Poll::Pending => {
                    self.opening = true;
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
        for leader in &mut self.leading {
            leader.group.write(cx);
        }
        let window = self.window;
        let gone = |leader: &mut Leader| !leader.group.owes_picture(window);
        for leader in self.leading.extract_if(.., gone).collect::<Vec<_>>() {
            self.retire(leader.feed, leader.group, cx);
        }
        self.open(cx);
        let old = self.old.iter_mut().map(|(_, _, outgoing)| outgoing);
        let newest = self.lanes.values_mut().map(|lane| &mut lane.newest);
        newest.chain(old).for_each(|outgoing| outgoing.write(cx));
        self.behind = self.unwritten() > 0 || self.opening;
    }

    /// The feed is shown no more; its last groups still go out, if in time.
    pub(super) fn finish(&mut self, feed: u32, cx: &mut Context<'_>) {
        for track in [TrackKind::Video, TrackKind::Audio] {
            if let Some(lane) = self.lanes.remove(&(feed, track)) {
                self.retire(feed, lane.newest, cx);
            }
        }
    }

    /// What is left of a feed's groups is worth nothing any more: nobody looks at it.
    pub(super) fn reset(&mut self, feed: u32) {
        let newest = self.lanes.remove(&(feed, TrackKind::Video));
        let mut all = self.take_rest(feed);
        all.extend(newest.map(|lane| lane.newest));
        let leading = self.leading.extract_if(.., |leader| leader.feed == feed);
        all.extend(leading.map(|leader| leader.group));
        for group in all {
            group.reset(self.stale, 0);
        }
    }

    /// The session has skipped: what is left of the groups before the gap is worth nothing any more, but for a picture that is on
    /// its way.
    pub(super) fn skip(&mut self, feed: u32, cx: &mut Context<'_>) {
        let mut rest = self.take_rest(feed);
        if let Some(lane) = self.lanes.remove(&(feed, TrackKind::Video)) {
            if self.may_lead(feed, &lane.newest) {
                self.lead(feed, lane.newest, cx);
            } else {
                rest.push(lane.newest);
            }
        }
        for at in 0..self.leading.len() {
            if self.leading[at].feed == feed {
                let cut = self.leading[at].group.cut_behind_picture();
                self.lose(feed, cut);
            }
        }
        for group in rest {
            let lost = group.reset(self.stale, self.window);
            self.lose(feed, lost);
        }
    }

    /// A feed's groups that have not arrived, but for the newest of its pictures and the one that leads.
    fn take_rest(&mut self, feed: u32) -> Vec<Outgoing> {
        let (of_it, rest): (VecDeque<_>, _) = std::mem::take(&mut self.old)
            .into_iter()
            .partition(|(_, of, _)| *of == feed);
        self.old = rest;
        let sound = self.lanes.remove(&(feed, TrackKind::Audio));
        let old = of_it.into_iter().map(|(_, _, group)| group);
        old.filter(|group| !group.is_over())
            .chain(sound.map(|lane| lane.newest))
            .collect()
    }

    /// Forgets the groups that have arrived and resets those that are too old; how many.
    pub(super) fn tick(&mut self, max_delay: Duration) -> u64 {
        let now = Instant::now();
        self.leading.retain(|leader| !leader.group.is_over());
        for at in 0..self.leading.len() {
            let leader = &mut self.leading[at];
            if now - leader.since >= max_delay {
                let (feed, cut) = (leader.feed, leader.group.cut_behind_picture());
                self.lose(feed, cut);
            }
        }
        self.old.retain(|(_, _, outgoing)| !outgoing.is_over());
        let mut reset = 0;
        // In the order of their retirement.
        while let Some((since, ..)) = self.old.front()
            && now - *since >= max_delay
            && let Some((_, feed, outgoing)) = self.old.pop_front()
        {
            let lost = outgoing.reset(self.stale, self.window);
            self.lose(feed, lost);
            reset += 1;
        }
        reset
    }
}

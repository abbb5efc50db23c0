//! What a worker does in one turn. No thread, no task: the time is given, and nothing waits.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use media::{Cursor, Next, Ring, ring::Bell};
use tokio::time::Instant;

use super::{
    Due, Fresh, Line, MAX_GATHERED_BYTES, Sent, joined,
    post::{Inbox, LaneBell, Post, Request},
};
use crate::{Config, stats::Counters};

/// A ring and who watches it.
struct Lane {
    ring: Ring,
    cursor: Cursor,
    bell: Arc<LaneBell>,
    members: Vec<Member>,
}

/// A line in a lane: all that a frame's way needs, side by side.
struct Member {
    line: u64,
    reach: Arc<dyn Line>,
    gathers: bool,
    hint: u32,
}

struct Place {
    reach: Arc<dyn Line>,
    gathers: bool,
    lanes: Vec<usize>,
    /// What waits for the beat: indices into what is gathered.
    due: Vec<(u32, u32)>,
}

/// How long frames are gathered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    few: Duration,
    many: Duration,
}

/// So many lines are fetched from memory at a time, side by side: one after the other each would be waited for.
const WARM_AHEAD: usize = 8;

fn warm(members: &[Member]) {
    for member in members.iter().take(WARM_AHEAD) {
        std::hint::black_box(member.reach.warm());
    }
}

/// From so many lines on that a beat's first frame is for.
const MANY: usize = 16;

impl Beat {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            few: config.gather(),
            many: config.gather_many(),
        }
    }

    #[cfg(test)]
    pub(super) fn steady(time: Duration) -> Self {
        Self {
            few: time,
            many: time,
        }
    }

    /// Where its first frame is for so many.
    fn long(self, lines: usize) -> Duration {
        match lines < MANY {
            true => self.few,
            false => self.many,
        }
    }
}

pub(super) struct Worker {
    post: Arc<Post>,
    gather: Beat,
    /// From so many lines on a frame is put into one piece.
    join_from: usize,
    counters: Arc<Counters>,
    inbox: Inbox,
    lanes: HashMap<usize, Lane>,
    places: HashMap<u64, Place>,
    /// What is new in the ring that is looked into.
    fresh: Vec<Fresh>,
    gathered: Vec<Fresh>,
    gathered_bytes: usize,
    /// Lines that have something due.
    waiting: Vec<u64>,
    beat: Option<Instant>,
    /// The line that something is being handed to: if that panics, this one is to blame.
    handing: Option<u64>,
}

impl Worker {
    pub(super) fn new(
        post: Arc<Post>,
        gather: Beat,
        join_from: usize,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            post,
            gather,
            join_from,
            counters,
            inbox: Inbox::default(),
            lanes: HashMap::new(),
            places: HashMap::new(),
            fresh: Vec::new(),
            gathered: Vec::new(),
            gathered_bytes: 0,
            waiting: Vec::new(),
            beat: None,
            handing: None,
        }
    }

    pub(super) fn post(&self) -> &Arc<Post> {
        &self.post
    }

    /// When the next turn is due though nobody wakes.
    pub(super) fn beat(&self) -> Option<Instant> {
        self.beat
    }

    /// All that is due. Returns whether there was anything.
    pub(super) fn turn(&mut self, now: Instant) -> bool {
        let beats = self.beat.is_some_and(|at| now >= at);
        if beats {
            self.post.beats(false);
        }
        self.post.empty(&mut self.inbox);
        let any = beats || !self.inbox.rung.is_empty() || !self.inbox.requests.is_empty();
        // First the requests, and all of them before a line's own code runs: none is lost if that panics.
        let mut requests = std::mem::take(&mut self.inbox.requests);
        for request in requests.drain(..) {
            self.handle(request);
        }
        self.inbox.requests = requests;
        let mut rung = std::mem::take(&mut self.inbox.rung);
        for key in rung.drain(..) {
            self.lane(key);
        }
        self.inbox.rung = rung;
        if beats {
            self.end_beat();
        } else if self.gathered_bytes > MAX_GATHERED_BYTES {
            self.send_gathered();
        } else if self.beat.is_none() && !self.waiting.is_empty() {
            self.begin_beat(now + self.gather.long(self.waiting.len()));
        }
        any
    }

    /// All that came since the beat began, and what comes with its end. The next begins with the next frame, so that a beat
    /// holds as many as can be.
    fn end_beat(&mut self) {
        self.beat = None;
        self.send_gathered();
    }

    fn begin_beat(&mut self, at: Instant) {
        self.beat = Some(at);
        self.post.beats(true);
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Leave(line) => self.leave(line),
            Request::Follow {
                line,
                reach,
                rings,
                gathers,
            } => self.follow(line, reach, &rings, gathers),
        }
    }

    fn leave(&mut self, line: u64) {
        if let Some(place) = self.places.remove(&line) {
            for key in place.lanes {
                self.leave_lane(line, key);
            }
        }
    }

    fn follow(&mut self, line: u64, reach: Arc<dyn Line>, rings: &[Ring], gathers: bool) {
        let keys: Vec<usize> = rings.iter().map(Ring::key).collect();
        let old = self.places.remove(&line);
        let (had, due) = old.map_or_else(Default::default, |p| (p.lanes, p.due));
        for key in had.iter().filter(|key| !keys.contains(key)) {
            self.leave_lane(line, *key);
        }
        for ((ring, key), hint) in rings.iter().zip(&keys).zip(0..) {
            let lane = self.lanes.entry(*key).or_insert_with(|| {
                let bell = LaneBell::new(Arc::clone(&self.post), *key, gathers);
                Lane {
                    ring: ring.clone(),
                    cursor: ring.cursor_at_edge(Arc::clone(&bell) as Arc<dyn Bell>),
                    bell,
                    members: Vec::new(),
                }
            });
            match lane.members.iter_mut().find(|m| m.line == line) {
                Some(member) => (member.gathers, member.hint) = (gathers, hint),
                None => lane.members.push(Member {
                    line,
                    reach: Arc::clone(&reach),
                    gathers,
                    hint,
                }),
            }
            lane.judge_hurry();
        }
        if keys.iter().any(|key| !had.contains(key)) {
            // The cursor is there: what came before it is the line's own to find.
            reach.ring();
        }
        let place = Place {
            reach,
            gathers,
            lanes: keys,
            due,
        };
        self.places.insert(line, place);
    }

    fn leave_lane(&mut self, line: u64, key: usize) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.members.retain(|member| member.line != line);
            lane.judge_hurry();
            if lane.members.is_empty() {
                self.lanes.remove(&key);
            }
        }
    }

    /// Hands out what is new in a ring.
    fn lane(&mut self, key: usize) {
        let Some(lane) = self.lanes.get_mut(&key) else {
            return;
        };
        lane.bell.rearm();
        let mut fresh = std::mem::take(&mut self.fresh);
        let mut ring_all = false;
        while let Some(next) = lane.cursor.try_next() {
            match next {
                Next::Frame(frame) => fresh.push(Fresh {
                    position: lane.cursor.position() - 1,
                    frame,
                    whole: None,
                }),
                Next::Skipped(_) => ring_all = true,
                Next::Closed(_) => {
                    ring_all = true;
                    break;
                }
            }
        }
        if lane.members.len() >= self.join_from && !lane.bell.gathers() {
            fresh.iter_mut().for_each(Fresh::join);
        }
        let mut sent = Sent::default();
        let first = self.gathered.len() as u32;
        let mut anybody_gathers = false;
        for (n, member) in lane.members.iter().enumerate() {
            if n % WARM_AHEAD == 0 {
                warm(&lane.members[n..]);
            }
            if ring_all {
                member.reach.ring();
            }
            if fresh.is_empty() {
                continue;
            }
            if !member.gathers {
                self.handing = Some(member.line);
                sent.add(member.reach.offer(&fresh, Due::All));
            } else if let Some(place) = self.places.get_mut(&member.line) {
                anybody_gathers = true;
                if place.due.is_empty() {
                    self.waiting.push(member.line);
                }
                let indices = first..first + fresh.len() as u32;
                place.due.extend(indices.map(|index| (index, member.hint)));
            }
        }
        self.handing = None;
        if anybody_gathers {
            self.gathered_bytes += fresh.iter().map(|f| f.frame.data.len()).sum::<usize>();
            self.gathered.append(&mut fresh);
        }
        fresh.clear();
        self.fresh = fresh;
        self.count(sent);
    }

    /// Every line that waits gets what was gathered for it.
    fn send_gathered(&mut self) {
        let mut sent = Sent::default();
        let mut waiting = std::mem::take(&mut self.waiting);
        let common = self.common(&waiting);
        for line in waiting.drain(..) {
            // Gone meanwhile, perhaps.
            let Some(place) = self.places.get_mut(&line) else {
                continue;
            };
            let due = match &common {
                Some((list, whole)) if *list == place.due => Due::Joined(list, whole),
                _ => Due::Only(&place.due),
            };
            self.handing = Some(line);
            sent.add(place.reach.offer(&self.gathered, due));
            place.due.clear();
        }
        self.handing = None;
        self.waiting = waiting;
        self.gathered.clear();
        self.gathered_bytes = 0;
        self.count(sent);
    }

    /// What is due to the first of these lines, in one piece, if the same is due to enough others: walls that show the same cameras.
    fn common(&self, waiting: &[u64]) -> Option<(Vec<(u32, u32)>, Bytes)> {
        if waiting.len() < self.join_from {
            return None;
        }
        let dues = || {
            waiting
                .iter()
                .filter_map(|line| Some(&self.places.get(line)?.due))
        };
        let first = dues().next()?;
        if dues().filter(|due| *due == first).count() < self.join_from {
            return None;
        }
        let frames = first
            .iter()
            .filter_map(|(index, _)| Some(&*self.gathered.get(*index as usize)?.frame));
        Some((first.clone(), joined(frames)))
    }

    fn count(&self, sent: Sent) {
        Counters::add(&self.counters.writes, sent.calls);
        Counters::add(&self.counters.sent_messages, sent.messages);
        Counters::add(&self.counters.sent_bytes, sent.bytes);
    }

    /// After a panic in a turn: a worker in order, with all lines but the one that something was being handed to. Each of them is
    /// rung, so what the turn had not handed out yet is found by their own tasks.
    pub(super) fn recovered(mut self) -> Self {
        if let Some(culprit) = self.handing.take()
            && let Some(place) = self.places.get(&culprit)
        {
            place.reach.fail();
            self.leave(culprit);
        }
        let mut fresh = Self::new(
            self.post,
            self.gather,
            self.join_from,
            Arc::clone(&self.counters),
        );
        fresh.post.beats(false);
        for (line, place) in self.places {
            let rings: Vec<Ring> = place
                .lanes
                .iter()
                .filter_map(|key| Some(self.lanes.get(key)?.ring.clone()))
                .collect();
            fresh.follow(line, place.reach, &rings, place.gathers);
        }
        fresh
    }
}

impl Lane {
    fn judge_hurry(&self) {
        self.bell
            .set_gathers(self.members.iter().all(|member| member.gathers));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::{super::drive::tests::frame, *};

    /// What it was handed in one piece, and how many frames that is.
    #[derive(Default)]
    struct Wall(Mutex<Vec<(usize, Option<Bytes>)>>);

    impl Line for Wall {
        fn offer(&self, frames: &[Fresh], due: Due<'_>) -> Sent {
            let whole = match due {
                Due::Joined(_, whole) => Some(whole.clone()),
                _ => None,
            };
            let count = due.of(frames).count();
            self.0.lock().unwrap().push((count, whole));
            Sent::default()
        }

        fn ring(&self) {}
    }

    #[test]
    fn walls_that_show_the_same_get_a_beat_in_one_piece_and_another_its_own() {
        let gather = Duration::from_millis(5);
        let post = Arc::new(Post::of_task());
        let mut worker = Worker::new(post, Beat::steady(gather), 3, Arc::default());
        let rings: Vec<Ring> = (0..2).map(|_| Ring::new(Default::default())).collect();
        let walls: Vec<Arc<Wall>> = (0..4).map(|_| Arc::default()).collect();
        for (n, wall) in walls.iter().enumerate() {
            let of = if n < 3 { &rings[..] } else { &rings[..1] };
            worker.follow(n as u64, Arc::clone(wall) as Arc<dyn Line>, of, true);
        }
        let mut now = Instant::now();
        worker.turn(now);
        let frames = [frame(0), frame(1)];
        for (ring, frame) in rings.iter().zip(&frames) {
            ring.push(Arc::clone(frame));
            worker.turn(now);
        }
        assert!(walls.iter().all(|wall| wall.0.lock().unwrap().is_empty()));
        now += gather;
        worker.turn(now);
        let mut all = Vec::new();
        for frame in &frames {
            all.extend_from_slice(frame.fragment().websocket_head());
            all.extend_from_slice(frame.fragment().payload());
        }
        for wall in &walls[..3] {
            assert_eq!(*wall.0.lock().unwrap(), [(2, Some(all.clone().into()))]);
        }
        assert_eq!(*walls[3].0.lock().unwrap(), [(1, None)]);
    }

    #[test]
    fn a_row_of_walls_waits_longer_for_fewer_calls() {
        let config = Config {
            gather_ms: 5,
            gather_many_ms: 20,
            ..Config::default()
        };
        for (walls, beat_ms) in [(MANY - 1, 5), (MANY, 20)] {
            let post = Arc::new(Post::of_task());
            let mut worker = Worker::new(post, Beat::of(&config), 3, Arc::default());
            let ring = Ring::new(Default::default());
            let all: Vec<Arc<Wall>> = (0..walls).map(|_| Arc::default()).collect();
            for (n, wall) in (0..).zip(&all) {
                let rings = std::slice::from_ref(&ring);
                worker.follow(n, Arc::clone(wall) as Arc<dyn Line>, rings, true);
            }
            let start = Instant::now();
            worker.turn(start);
            ring.push(frame(0));
            worker.turn(start);
            assert_eq!(worker.beat(), Some(start + Duration::from_millis(beat_ms)));
        }
    }
}

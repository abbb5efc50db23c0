//! One wake a worker and frame, not one a viewer: a worker has a cursor of its own in every ring that its viewers watch, and
//! hands each frame to all of them in one go.
//!
//! ```text
//! ring --bell--> worker --frame--> line, line, line ...      a line: a viewer's connection, and its own task behind it
//! ```
//!
//! A line that has taken everything so far takes the frame and writes it at once, straight from the worker's own reference:
//! no look into the ring, no queue, no wake-up, no count of references. One that cannot (it is blocked, has just joined, is
//! switching, something else comes first) is rung, and its own task does what is due from the ring by the session's rules. So
//! the worker is a shortcut, and whether it is taken never changes what a viewer receives.
//!
//! Lines with many tiles gather: their frames wait here until the beat, [`Config::gather_ms`] after the first, and go in one
//! call for each line.
//!
//! What always holds:
//! - A frame that comes after a line's first ring for a feed is either handed to it or rung for: the cursor is placed before
//!   that ring, and what the ring held before is found by the line's task.
//! - The worker never waits for a line: a write that does not go is left to the line's task.
//! - Frames are held here for [`Config::gather_ms`] at most, and [`MAX_GATHERED_BYTES`].

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release, SeqCst},
        },
    },
    time::Duration,
};

use bytes::Bytes;
use media::{Cursor, Frame, Next, Ring, ring::Bell};
use tokio::{
    sync::Notify,
    task::{JoinSet, yield_now},
    time::{Instant, sleep_until},
};

use crate::{Config, stats::Counters};

/// More than this is not gathered but sent.
const MAX_GATHERED_BYTES: usize = 4 * 1024 * 1024;
/// After so many lines other tasks of the thread get their turn: at 7 us a write, within a millisecond.
const LINES_A_TURN: usize = 128;

/// Up to so many rings, counted once a line, a worker is filled before the next is used. 256 viewers of one camera at 25 frames a
/// second keep a thread busy for a twentieth of its time, and the last of them waits 1.5 ms.
const RINGS_A_WORKER: usize = 256;
/// From so many lines on a frame is put into one piece for them.
const JOIN_FROM: usize = 8;

/// A viewer's connection, as a worker sees it.
pub(crate) trait Line: Send + Sync {
    /// Takes and writes what it can of these frames. What it cannot take it leaves in the ring, and sees to it that its own
    /// task looks there.
    fn offer(&self, frames: &[Fresh], due: Due<'_>) -> Sent;

    /// Wakes its own task.
    fn ring(&self);
}

/// A frame just read from a ring.
#[derive(Debug)]
pub(crate) struct Fresh {
    /// Where in its ring.
    pub(crate) position: u64,
    pub(crate) frame: Arc<Frame>,
    /// The fragment in one piece, with its WebSocket header, where there are many lines to send it to.
    pub(crate) whole: Option<Bytes>,
}

impl Fresh {
    /// One copy for all: `send` of one piece costs the kernel a twentieth less than `writev` of two, for every line.
    fn join(&mut self) {
        let framed = self.frame.fragment();
        let (head, payload) = (framed.websocket_head(), framed.payload());
        let mut whole = Vec::with_capacity(head.len() + payload.len());
        whole.extend_from_slice(head);
        whole.extend_from_slice(payload);
        self.whole = Some(whole.into());
    }
}

/// Which frames are for a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due<'a> {
    /// All of them.
    All,
    /// Those with these indices; beside each, how many rings the line named before that one when it followed.
    Only(&'a [(u32, u32)]),
}

impl<'a> Due<'a> {
    /// The frames, each with a hint where its tile stands.
    pub(crate) fn of<'f>(
        self,
        frames: &'f [Fresh],
    ) -> impl Iterator<Item = (&'f Fresh, usize)> + use<'a, 'f> {
        let (all, only) = match self {
            Self::All => (frames, &[][..]),
            Self::Only(only) => (&[][..], only),
        };
        let listed = only
            .iter()
            .filter_map(|(index, hint)| Some((frames.get(*index as usize)?, *hint as usize)));
        all.iter().map(|fresh| (fresh, 0)).chain(listed)
    }
}

/// What a line wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) calls: u64,
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// All workers, one a processor.
pub(crate) struct Dispatch {
    posts: Arc<[Arc<Post>]>,
    lines: AtomicU64,
    /// Ends the workers with the relay.
    _workers: JoinSet<()>,
}

/// Where a worker is reached.
#[derive(Default)]
struct Post {
    inbox: Mutex<Inbox>,
    wake: Notify,
    /// A beat is due: what only gathers need not wake the worker before it.
    beating: AtomicBool,
    /// Rings that its lines watch.
    load: AtomicUsize,
}

#[derive(Default)]
struct Inbox {
    /// Lanes by key.
    rung: Vec<usize>,
    requests: Vec<Request>,
}

enum Request {
    /// From now on this line watches these rings and no others.
    Follow {
        line: u64,
        reach: Arc<dyn Line>,
        rings: Vec<Ring>,
        gathers: bool,
    },
    Leave(u64),
}

/// Rung by a ring on behalf of a worker.
struct LaneBell {
    post: Arc<Post>,
    key: usize,
    queued: AtomicBool,
    /// Nobody in the lane is in a hurry.
    gathers: AtomicBool,
}

impl Dispatch {
    /// Starts the workers; within a runtime.
    pub(crate) fn start(config: &Config, counters: &Arc<Counters>) -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_workers(count, JOIN_FROM, config, counters)
    }

    /// One worker, for lines that all live on the thread of the runtime that this is called in, and send no WebSocket frames.
    pub(crate) fn on_this_thread(config: &Config, counters: &Arc<Counters>) -> Self {
        Self::with_workers(1, usize::MAX, config, counters)
    }

    fn with_workers(
        count: usize,
        join_from: usize,
        config: &Config,
        counters: &Arc<Counters>,
    ) -> Self {
        let mut workers = JoinSet::new();
        let posts: Arc<[Arc<Post>]> = (0..count).map(|_| Arc::default()).collect();
        for post in posts.iter() {
            let mut worker = Worker::new(Arc::clone(post), config.gather(), Arc::clone(counters));
            worker.join_from = join_from;
            // What a line takes is bounded by the line; a budget of the scheduler's would only look like a blocked socket.
            workers.spawn(tokio::task::unconstrained(worker.run()));
        }
        Self {
            posts,
            lines: AtomicU64::new(0),
            _workers: workers,
        }
    }

    /// A place for a line. Its worker is chosen when it first watches something.
    pub(crate) fn seat(&self) -> Seat {
        Seat {
            posts: Arc::clone(&self.posts),
            post: None,
            line: self.lines.fetch_add(1, Relaxed),
            rings: 0,
        }
    }
}

/// A line's place with its worker; given back when dropped.
pub(crate) struct Seat {
    posts: Arc<[Arc<Post>]>,
    post: Option<Arc<Post>>,
    line: u64,
    rings: usize,
}

impl Seat {
    /// The line watches these rings from now on. It is rung once for each that is new, when nothing of it can be missed.
    pub(crate) fn follow(&mut self, reach: Arc<dyn Line>, rings: Vec<Ring>, gathers: bool) {
        if self.post.is_none() && rings.is_empty() {
            return;
        }
        let post = self.post.get_or_insert_with(|| choose(&self.posts));
        post.load.fetch_add(rings.len(), Relaxed);
        post.load.fetch_sub(self.rings, Relaxed);
        self.rings = rings.len();
        post.ask(Request::Follow {
            line: self.line,
            reach,
            rings,
            gathers,
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(post) = &self.post {
            post.load.fetch_sub(self.rings, Relaxed);
            post.ask(Request::Leave(self.line));
        }
    }
}

/// Few lines are served by one worker: each that wakes for a frame is a wake-up more. Many are spread.
fn choose(posts: &[Arc<Post>]) -> Arc<Post> {
    let load = |post: &&Arc<Post>| post.load.load(Relaxed);
    let packed = posts.iter().find(|post| load(post) < RINGS_A_WORKER);
    let post = packed.or_else(|| posts.iter().min_by_key(load));
    Arc::clone(post.expect("there is at least one processor"))
}

impl Post {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, request: Request) {
        self.lock().requests.push(request);
        self.wake.notify_one();
    }
}

impl Bell for LaneBell {
    fn ring(&self) {
        if self.queued.swap(true, SeqCst) {
            return;
        }
        self.post.lock().rung.push(self.key);
        // The worker ends its beat before it empties the inbox: whoever still sees the beat is in it.
        if !(self.gathers.load(Relaxed) && self.post.beating.load(Acquire)) {
            self.post.wake.notify_one();
        }
    }
}

impl fmt::Debug for LaneBell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LaneBell({})", self.key)
    }
}

/// A ring and who watches it.
struct Lane {
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
    lanes: Vec<usize>,
    /// What waits for the beat: indices into what is gathered.
    due: Vec<(u32, u32)>,
}

struct Worker {
    post: Arc<Post>,
    gather: Duration,
    /// From so many lines on a frame is put into one piece.
    join_from: usize,
    counters: Arc<Counters>,
    lanes: HashMap<usize, Lane>,
    places: HashMap<u64, Place>,
    gathered: Vec<Fresh>,
    gathered_bytes: usize,
    /// Lines that have something due, and when.
    waiting: Vec<u64>,
    beat: Option<Instant>,
}

impl Worker {
    fn new(post: Arc<Post>, gather: Duration, counters: Arc<Counters>) -> Self {
        Self {
            post,
            gather,
            join_from: JOIN_FROM,
            counters,
            lanes: HashMap::new(),
            places: HashMap::new(),
            gathered: Vec::new(),
            gathered_bytes: 0,
            waiting: Vec::new(),
            beat: None,
        }
    }

    async fn run(mut self) {
        let post = Arc::clone(&self.post);
        loop {
            match self.beat {
                None => post.wake.notified().await,
                Some(at) => tokio::select! {
                    () = post.wake.notified() => {}
                    () = sleep_until(at) => {}
                },
            }
            let beats = self.beat.is_some_and(|at| Instant::now() >= at);
            if beats {
                post.beating.store(false, Release);
            }
            let (rung, requests) = {
                let mut inbox = post.lock();
                (
                    std::mem::take(&mut inbox.rung),
                    std::mem::take(&mut inbox.requests),
                )
            };
            for request in requests {
                self.handle(request);
            }
            for key in rung {
                self.lane(key).await;
            }
            if beats {
                self.send_gathered().await;
            } else if self.gathered_bytes > MAX_GATHERED_BYTES {
                self.send_gathered().await;
                // Somebody may have counted on the beat since the inbox was emptied.
                post.wake.notify_one();
            }
        }
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Leave(line) => {
                if let Some(place) = self.places.remove(&line) {
                    for key in place.lanes {
                        self.leave_lane(line, key);
                    }
                }
            }
            Request::Follow {
                line,
                reach,
                rings,
                gathers,
            } => {
                let keys: Vec<usize> = rings.iter().map(Ring::key).collect();
                let old = self.places.remove(&line);
                let (had, due) = old.map_or_else(Default::default, |p| (p.lanes, p.due));
                for key in had.iter().filter(|key| !keys.contains(key)) {
                    self.leave_lane(line, *key);
                }
                for ((ring, key), hint) in rings.iter().zip(&keys).zip(0..) {
                    let lane = self.lanes.entry(*key).or_insert_with(|| {
                        let bell = Arc::new(LaneBell {
                            post: Arc::clone(&self.post),
                            key: *key,
                            queued: AtomicBool::new(false),
                            gathers: AtomicBool::new(gathers),
                        });
                        Lane {
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
                let lanes = keys;
                self.places.insert(line, Place { reach, lanes, due });
            }
        }
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
    async fn lane(&mut self, key: usize) {
        let Some(lane) = self.lanes.get_mut(&key) else {
            return;
        };
        // Before looking: what comes after the look rings again.
        lane.bell.queued.store(false, SeqCst);
        let (mut fresh, mut ring_all) = (Vec::new(), false);
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
        if lane.members.len() >= self.join_from && !lane.bell.gathers.load(Relaxed) {
            fresh.iter_mut().for_each(Fresh::join);
        }
        let (mut sent, mut turns) = (Sent::default(), 0);
        let first = self.gathered.len() as u32;
        let mut anybody_gathers = false;
        for member in &lane.members {
            if ring_all {
                member.reach.ring();
            }
            if fresh.is_empty() {
                continue;
            }
            if !member.gathers {
                sent.add(member.reach.offer(&fresh, Due::All));
                turns += 1;
                if turns % LINES_A_TURN == 0 {
                    yield_now().await;
                }
            } else if let Some(place) = self.places.get_mut(&member.line) {
                anybody_gathers = true;
                if place.due.is_empty() {
                    self.waiting.push(member.line);
                }
                let indices = first..first + fresh.len() as u32;
                place.due.extend(indices.map(|index| (index, member.hint)));
            }
        }
        if anybody_gathers {
            self.gathered_bytes += fresh.iter().map(|f| f.frame.data.len()).sum::<usize>();
            self.gathered.append(&mut fresh);
            if self.beat.is_none() {
                self.beat = Some(Instant::now() + self.gather);
                self.post.beating.store(true, Release);
            }
        }
        self.count(sent);
    }

    /// The beat: every line that waits gets what was gathered for it.
    async fn send_gathered(&mut self) {
        self.beat = None;
        self.post.beating.store(false, Release);
        let mut sent = Sent::default();
        for (n, line) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            // Gone meanwhile, perhaps.
            let Some(place) = self.places.get_mut(&line) else {
                continue;
            };
            let due = std::mem::take(&mut place.due);
            sent.add(place.reach.offer(&self.gathered, Due::Only(&due)));
            if (n + 1) % LINES_A_TURN == 0 {
                yield_now().await;
            }
        }
        self.gathered.clear();
        self.gathered_bytes = 0;
        self.count(sent);
    }

    fn count(&self, sent: Sent) {
        Counters::add(&self.counters.writes, sent.calls);
        Counters::add(&self.counters.sent_messages, sent.messages);
        Counters::add(&self.counters.sent_bytes, sent.bytes);
    }
}

impl Lane {
    fn judge_hurry(&self) {
        let gathers = self.members.iter().all(|member| member.gathers);
        self.bell.gathers.store(gathers, Relaxed);
    }
}

impl Sent {
    pub(crate) fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

//! The hand-off between rings and a worker, in every order of its steps.
//!
//! The threads are real, and so is the code; but only one runs at a time, from one [`step`] to the next, and the orders are gone
//! through one after the other: all in which a thread that could go on is interrupted [`INTERRUPTIONS`] times at most.
//!
//! A ring rings with its lock held. Here it does so a step later, so that nobody waits for the lock of one who is not on: that
//! allows more orders than there are, and none less.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use media::Ring;
use tokio::time::Instant;

pub(crate) use super::drive::tests::frame;
use super::{
    Due, Fresh, Line, Seat, Sent,
    post::{LaneBell, Post, Request},
    worker::{Beat, Worker},
};

const INTERRUPTIONS: usize = 2;

thread_local! {
    static ACTOR: RefCell<Option<(Arc<Stage>, usize)>> = const { RefCell::new(None) };
    static DEFERRED: RefCell<Vec<Weak<LaneBell>>> = const { RefCell::new(Vec::new()) };
}

/// On the stage a bell rings when its ring has let go of its lock.
pub(super) fn defer(bell: &Weak<LaneBell>) -> bool {
    let on_stage = ACTOR.with_borrow(Option::is_some);
    if on_stage {
        DEFERRED.with_borrow_mut(|bells| bells.push(bell.clone()));
    }
    on_stage
}

pub(crate) fn ring_deferred() {
    for bell in DEFERRED.take() {
        if let Some(bell) = bell.upgrade() {
            bell.ring_now();
        }
    }
}

/// A thread on the stage waits here until it is its turn; any other passes.
pub(crate) fn step() {
    wait(None);
}

pub(crate) fn wait(until: Option<&Arc<AtomicBool>>) {
    let actor = ACTOR.with_borrow(Clone::clone);
    if let Some((stage, me)) = actor {
        stage.pass(me, Status::Waits(until.map(Arc::clone)));
    }
}

#[derive(Clone)]
enum Status {
    Runs,
    /// At a step; or asleep until this is set.
    Waits(Option<Arc<AtomicBool>>),
    Done,
}

struct Stage {
    actors: Mutex<Vec<Status>>,
    changed: Condvar,
    /// Nobody can go on: all run to their end.
    over: AtomicBool,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, Vec<Status>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, me: usize, status: Status) {
        let mut actors = self.lock();
        actors[me] = status;
        self.changed.notify_all();
        while !matches!(actors[me], Status::Runs | Status::Done) && !self.over.load(SeqCst) {
            actors = self.changed.wait(actors).unwrap();
        }
    }

    /// Those who can go on, once nobody runs.
    fn ready(&self) -> Vec<usize> {
        let mut actors = self.lock();
        while actors.iter().any(|a| matches!(a, Status::Runs)) {
            actors = self.changed.wait(actors).unwrap();
        }
        let can = |status: &Status| match status {
            Status::Waits(until) => until.as_ref().is_none_or(|set| set.load(SeqCst)),
            _ => false,
        };
        (0..actors.len()).filter(|n| can(&actors[*n])).collect()
    }

    fn go(&self, actor: usize) {
        self.lock()[actor] = Status::Runs;
        self.changed.notify_all();
    }
}

pub(crate) type Actor = Box<dyn FnOnce() + Send>;

/// Runs the actors in the order that `path` begins with, and on as it comes; `path` is then the whole order: at each point which
/// of how many was chosen. Ends when nobody can go on.
fn play(actors: Vec<Actor>, path: &mut Vec<(usize, usize)>) {
    let stage = Arc::new(Stage {
        actors: Mutex::new(vec![Status::Runs; actors.len()]),
        changed: Condvar::new(),
        over: AtomicBool::new(false),
    });
    let threads: Vec<_> = actors
        .into_iter()
        .enumerate()
        .map(|(me, act)| {
            let stage = Arc::clone(&stage);
            thread::spawn(move || {
                ACTOR.set(Some((Arc::clone(&stage), me)));
                step();
                let done = catch_unwind(AssertUnwindSafe(act));
                ACTOR.set(None);
                stage.pass(me, Status::Done);
                done.unwrap_or_else(|panic| resume_unwind(panic));
            })
        })
        .collect();
    let (mut at, mut last, mut left) = (0, None, INTERRUPTIONS);
    loop {
        let mut ready = stage.ready();
        if ready.is_empty() {
            break;
        }
        // Who ran goes on first; the others only while interruptions are left.
        if let Some(n) = last.and_then(|last| ready.iter().position(|r| *r == last)) {
            ready.swap(0, n);
            if left == 0 {
                ready.truncate(1);
            }
        }
        if at == path.len() {
            path.push((0, ready.len()));
        }
        let (chosen, of) = path[at];
        assert_eq!(of, ready.len(), "the same order leads to the same place");
        if chosen > 0 && last.is_some_and(|last| ready[0] == last) {
            left -= 1;
        }
        last = Some(ready[chosen]);
        stage.go(ready[chosen]);
        at += 1;
    }
    // Whoever sleeps for good is let go, so that its thread ends.
    STOP.with_borrow(|stop| stop.store(true, SeqCst));
    let actors = stage.lock();
    stage.over.store(true, SeqCst);
    stage.changed.notify_all();
    drop(actors);
    threads.into_iter().for_each(|t| t.join().unwrap());
}

thread_local! {
    /// Of the play that goes on: the worker ends when it wakes.
    static STOP: RefCell<Arc<AtomicBool>> = RefCell::default();
}

/// Goes through all orders; returns how many there were.
pub(crate) fn all_orders(
    mut scene: impl FnMut(&Arc<AtomicBool>) -> (Vec<Actor>, Box<dyn FnOnce()>),
) -> usize {
    let (mut path, mut plays): (Vec<(usize, usize)>, usize) = (Vec::new(), 0);
    loop {
        let stop = Arc::new(AtomicBool::new(false));
        STOP.set(Arc::clone(&stop));
        let (actors, check) = scene(&stop);
        play(actors, &mut path);
        check();
        plays += 1;
        while let Some((chosen, of)) = path.pop() {
            if chosen + 1 < of {
                path.push((chosen + 1, of));
                break;
            }
        }
        if path.is_empty() {
            return plays;
        }
    }
}

/// A worker without a thread, for scenes elsewhere.
pub(crate) struct Crew {
    worker: Worker,
    woken: Arc<AtomicBool>,
}

impl Crew {
    /// With a seat for one line.
    pub(crate) fn new() -> (Self, Seat) {
        let (post, woken) = Post::of_test();
        let posts: Arc<[Arc<Post>]> = Arc::new([Arc::new(post)]);
        let worker = Worker::new(
            Arc::clone(&posts[0]),
            Beat::steady(Duration::ZERO),
            usize::MAX,
            Arc::default(),
        );
        let seat = Seat {
            posts,
            post: None,
            line: 0,
            shares: 0,
        };
        (Self { worker, woken }, seat)
    }

    /// Set when the worker is to have a turn.
    pub(crate) fn woken(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.woken)
    }

    pub(crate) fn turn(&mut self) {
        self.woken.store(false, SeqCst);
        self.worker.turn(Instant::now());
        ring_deferred();
    }
}

#[derive(Default)]
struct Got {
    positions: Mutex<Vec<u64>>,
    rung: AtomicBool,
}

impl Line for Got {
    fn offer(&self, frames: &[Fresh], due: Due<'_>) -> Sent {
        let mut positions = self.positions.lock().unwrap();
        positions.extend(due.of(frames).map(|(fresh, _)| fresh.position));
        Sent::default()
    }

    fn ring(&self) {
        self.rung.store(true, SeqCst);
    }
}

/// A worker, a line that joins, and a camera that sends `pushes` frames and ends.
fn scene(gathers: bool, pushes: u32, stop: &Arc<AtomicBool>) -> (Vec<Actor>, Box<dyn FnOnce()>) {
    let (post, woken) = Post::of_test();
    let post = Arc::new(post);
    let gather = Duration::from_millis(5);
    let beat = Beat::steady(gather);
    let mut worker = Worker::new(Arc::clone(&post), beat, usize::MAX, Arc::default());
    let (got, ring) = (Arc::new(Got::default()), Ring::new(Default::default()));
    // One line is there from the start: nothing of it may be missed.
    post.ask(Request::Follow {
        line: 1,
        reach: Arc::clone(&got) as Arc<dyn Line>,
        rings: vec![ring.clone()],
        gathers,
    });
    let mut now = Instant::now();
    worker.turn(now);
    woken.store(false, SeqCst);
    got.rung.store(false, SeqCst);
    let late = Arc::new(Got::default());
    let camera = {
        let ring = ring.clone();
        move || {
            for n in 0..pushes {
                ring.push(frame(n));
                ring_deferred();
            }
            ring.close(None);
            ring_deferred();
        }
    };
    let joins = {
        let (late, ring) = (Arc::clone(&late), ring.clone());
        let post = Arc::clone(&post);
        move || {
            post.ask(Request::Follow {
                line: 2,
                reach: late as Arc<dyn Line>,
                rings: vec![ring],
                gathers,
            });
        }
    };
    let stop = Arc::clone(stop);
    let works = move || {
        while !stop.load(SeqCst) {
            worker.turn(now);
            ring_deferred();
            match worker.beat() {
                // The clock is as quick as it can be: the beat comes whenever the worker's turn does.
                Some(at) => now = at,
                None => {
                    wait(Some(&woken));
                    woken.store(false, SeqCst);
                }
            }
            step();
        }
    };
    let check = move || {
        let all: Vec<u64> = (0..u64::from(pushes)).collect();
        assert_eq!(
            *got.positions.lock().unwrap(),
            all,
            "handed out, once, in order"
        );
        assert!(got.rung.load(SeqCst), "the end is rung for");
        // Who joins is rung when its cursor stands; from there on it gets all.
        let handed = late.positions.lock().unwrap();
        assert!(late.rung.load(SeqCst));
        let first = handed.first().copied().unwrap_or(u64::from(pushes));
        assert!(
            handed.iter().copied().eq(first..u64::from(pushes)),
            "{handed:?}"
        );
    };
    (
        vec![Box::new(camera), Box::new(works), Box::new(joins)],
        Box::new(check),
    )
}

#[test]
fn no_frame_is_missed_in_any_order() {
    let orders = all_orders(|stop| scene(false, 2, stop));
    assert!(orders > 500, "{orders}");
    println!("{orders} orders");
}

#[test]
fn nor_one_that_is_gathered() {
    let orders = all_orders(|stop| scene(true, 2, stop));
    assert!(orders > 500, "{orders}");
    println!("{orders} orders");
}

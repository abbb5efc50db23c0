//! An archive in memory: what was recorded when, at 25 frames a second with a key frame each second, and a host that hands it out.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use media::{
    Lease, MediaTime, Profile, Reason, ReasonCode, TrackKind, Tracks, WallTime,
    recorded::{Ask, Clip, Found, Hole, Shot, What, wall},
};
use relay::{
    Host, Recorded, Viewer, Wish,
    shelf::{Answer, Shelf},
};

use super::{tracks, viewer};

pub const FRAME: i64 = 3600;
pub const GOP: i64 = 25;
/// 2025-11-23T19:12:13Z: a moment as good as any, on a whole frame.
pub const NOON: i64 = 1_763_925_133 * 90_000;

/// `seconds` after [`NOON`].
pub fn at(seconds: f64) -> MediaTime {
    MediaTime(NOON + (seconds * 90_000.0) as i64)
}

pub fn us(seconds: f64) -> i64 {
    wall(at(seconds)).as_micros()
}

/// From when to when, and what it carries.
#[derive(Clone)]
pub struct Span {
    pub from: MediaTime,
    pub to: MediaTime,
    pub tracks: Arc<Tracks>,
}

/// What a camera's archive has. Its own shelf, too: one reader at a time is all that tests need.
pub struct Tape {
    pub spans: Mutex<Vec<Span>>,
    /// The recorder is at work behind the last span.
    pub records: AtomicBool,
    /// Answers wait for [`Tape::serve`].
    pub slow: AtomicBool,
    pub fails: AtomicBool,
    pub bytes: (usize, usize),
    pub asks: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: MediaTime,
    keys: bool,
    waiting: VecDeque<(Ask, Answer)>,
}

impl Tape {
    pub fn new(spans: &[(f64, f64)]) -> Arc<Self> {
        let same = tracks(0, false);
        let spans = spans.iter().map(|(from, to)| Span {
            from: at(*from),
            to: at(*to),
            tracks: Arc::clone(&same),
        });
        Arc::new(Self {
            spans: Mutex::new(spans.collect()),
            records: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            fails: AtomicBool::new(false),
            bytes: (5000, 1000),
            asks: AtomicU64::new(0),
            state: Mutex::default(),
        })
    }

    /// Gives the answers that wait; how many.
    pub fn serve(&self) -> usize {
        let waiting = std::mem::take(&mut self.state.lock().unwrap().waiting);
        let n = waiting.len();
        for (ask, answer) in waiting {
            answer.give(self.find(ask));
        }
        n
    }

    fn find(&self, ask: Ask) -> Result<Found, Reason> {
        if self.fails.load(SeqCst) {
            return Err(Reason::new(ReasonCode::DiskError, "EIO"));
        }
        self.state.lock().unwrap().keys = ask.keys;
        Ok(match ask.what {
            What::From(at) => self.from(at),
            What::On => self.on(),
            What::Back(before) => self.back(before),
            What::Beside { at, frames } => Found::Beside(self.beside(at, frames)),
        })
    }

    fn from(&self, at: MediaTime) -> Found {
        let within = self.spans().into_iter().find(|s| s.from <= at && at < s.to);
        match within {
            None => self.hole(at),
            Some(span) => {
                let gop = GOP * FRAME;
                let key = span.from.0 + (at.0 - span.from.0) / gop * gop;
                self.state.lock().unwrap().next = MediaTime(key);
                self.on()
            }
        }
    }

    fn on(&self) -> Found {
        let (next, keys) = {
            let state = self.state.lock().unwrap();
            (state.next, state.keys)
        };
        let Some(span) = self
            .spans()
            .into_iter()
            .find(|s| s.from <= next && next < s.to)
        else {
            return self.hole(next);
        };
        let gop = GOP * FRAME;
        let (step, most) = if keys { (gop, 8) } else { (FRAME, GOP) };
        let mut shots = Vec::new();
        let mut at = next;
        // A fragment ends where a group does.
        while at < span.to && (shots.len() as i64) < most {
            shots.push(self.shot(&span, at, MediaTime(step)));
            at = at + MediaTime(step);
        }
        self.state.lock().unwrap().next = at.min(span.to);
        self.clip(&span, shots)
    }

    fn back(&self, before: MediaTime) -> Found {
        let spans = self.spans();
        let Some(span) = spans.iter().rev().find(|s| s.from < before) else {
            return Found::Hole(Hole {
                from: before,
                to: None,
                reason: none(),
            });
        };
        if before - span.to > MediaTime(180_000) {
            return Found::Hole(Hole {
                from: before,
                to: Some(span.to),
                reason: none(),
            });
        }
        let gop = GOP * FRAME;
        let last = (before.0.min(span.to.0) - span.from.0 - 1) / gop;
        let keys = (0..=last).rev().take(8);
        let shots = keys.map(|n| {
            let at = MediaTime(span.from.0 + n * gop);
            self.shot(span, at, MediaTime(gop))
        });
        self.clip(span, shots.collect())
    }

    fn beside(&self, at: MediaTime, frames: i32) -> Option<MediaTime> {
        let all: Vec<MediaTime> = self
            .spans()
            .iter()
            .flat_map(|s| (s.from.0..s.to.0).step_by(FRAME as usize).map(MediaTime))
            .collect();
        let shown = all.partition_point(|t| *t <= at) as i64 - 1;
        all.get(usize::try_from(shown + i64::from(frames)).ok()?)
            .copied()
    }

    fn hole(&self, from: MediaTime) -> Found {
        let to = self.spans().iter().map(|s| s.from).find(|f| *f >= from);
        if to.is_none() && self.records.load(SeqCst) {
            return Found::Edge;
        }
        Found::Hole(Hole {
            from,
            to,
            reason: none(),
        })
    }

    fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap().clone()
    }

    fn shot(&self, span: &Span, at: MediaTime, duration: MediaTime) -> Shot {
        let key = (at.0 - span.from.0) % (GOP * FRAME) == 0;
        Shot {
            track: TrackKind::Video,
            key,
            dts: at,
            pts: at,
            duration,
            captured: wall(at),
            data: vec![7; if key { self.bytes.0 } else { self.bytes.1 }].into(),
        }
    }

    fn clip(&self, span: &Span, shots: Vec<Shot>) -> Found {
        Found::Clip(Clip {
            profile: Profile::Main,
            tracks: Arc::clone(&span.tracks),
            shots,
        })
    }
}

fn none() -> Reason {
    Reason::new(ReasonCode::NotRecording, "no plan asked for it")
}

impl Shelf for Tape {
    fn fetch(&self, ask: Ask, answer: Answer) {
        self.asks.fetch_add(1, SeqCst);
        if self.slow.load(SeqCst) {
            let mut state = self.state.lock().unwrap();
            assert!(state.waiting.is_empty(), "one ask at a time");
            state.waiting.push_back((ask, answer));
            return;
        }
        answer.give(self.find(ask));
    }
}

/// Camera `n` has tape `n`.
pub struct Tapes {
    pub tapes: Vec<Arc<Tape>>,
    pub log: Mutex<Vec<String>>,
}

impl Tapes {
    pub fn of(tapes: &[&Arc<Tape>]) -> Arc<dyn Host> {
        Arc::new(Self {
            tapes: tapes.iter().map(|t| Arc::clone(t)).collect(),
            log: Mutex::default(),
        })
    }
}

impl Host for Tapes {
    fn open(&self, _: &Viewer, _: &Wish) -> Result<Lease, Reason> {
        Err(Reason::new(ReasonCode::NotFound, "nothing is live here"))
    }

    fn replay(&self, _: &Viewer, wish: &Recorded) -> Result<Arc<dyn Shelf>, Reason> {
        let n: usize = wish.camera.to_string()[14..].parse().unwrap();
        match self.tapes.get(n) {
            Some(tape) => Ok(Arc::clone(tape) as Arc<dyn Shelf>),
            None => Err(Reason::new(ReasonCode::Forbidden, "not this one")),
        }
    }

    fn replayed(&self, _: &Viewer, wish: &Recorded, sent: &[(WallTime, WallTime)]) {
        let text = format!("{} {sent:?}", wish.reason);
        self.log.lock().unwrap().push(text);
    }

    fn authenticate(&self, _: &str, peer: SocketAddr) -> Result<Viewer, Reason> {
        Ok(Viewer { peer, ..viewer() })
    }
}

//! A tile's play head: which pictures are asked for, when they are handed out, and what becomes of holes and of a line that does
//! not carry them. No clock, no file: it is told the time and given what was found.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    MediaTime, Profile, Reason, TrackKind, Tracks,
    recorded::{Ask, Clip, Found, Hole, Shot, What},
};

use super::clock::{Mode, View};

/// A picture that would come so late, in the viewer's time, is not sent.
const LATE: Duration = Duration::from_millis(700);
/// Key frames only for so long, after the last sign of a line that carries no more; twice as long each time it was too early.
const THIN: Duration = Duration::from_secs(10);
const THIN_MOST: Duration = Duration::from_secs(120);
/// What is asked for again: where the recorder has not got further, where nothing is recorded yet, after an error.
const EDGE: Duration = Duration::from_millis(500);
const END: Duration = Duration::from_secs(2);
/// More is not read while so much waits to be sent.
const ENOUGH: usize = 512 * 1024;

/// A picture with what it needs.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub(super) shot: Shot,
    pub(super) tracks: Arc<Tracks>,
    pub(super) profile: Profile,
    /// What was before it is not what was sent before it.
    pub(super) discontinuity: bool,
}

/// What is to be done, in this order.
#[derive(Debug)]
pub(super) enum Out {
    Shot(Queued),
    Hole(Hole),
    /// Key frames only, or all again.
    Thinned(bool),
    /// So many pictures and bytes, and so much time, are left out.
    Skipped(u64, u64, Duration),
    Lost(Reason),
    Back,
    Finished,
    /// Where the picture is that was looked for.
    Found(Option<MediaTime>),
}

#[derive(Debug)]
enum State {
    Playing,
    /// None in place of the hole: the recorder is at work. `again` where it is looked at again.
    Hole {
        hole: Option<Hole>,
        told: bool,
        again: Option<Instant>,
    },
    Failed {
        again: Instant,
    },
    Finished,
}

#[derive(Debug)]
pub(super) struct Head {
    mode: Mode,
    state: State,
    queue: VecDeque<Queued>,
    queue_bytes: usize,
    /// What comes next of the archive, when there is room for it.
    want: Option<What>,
    /// What was asked and is not answered: its number, and whether the answer is still wanted.
    asked: Option<(u64, bool)>,
    /// Where the run began: what lies before is needed to decode what is shown.
    target: MediaTime,
    /// What was handed out last.
    last: Option<MediaTime>,
    /// What is not behind this in a new reading was handed out already, and is needed by nothing.
    seen: Option<MediaTime>,
    /// A picture that can be shown was handed out.
    shows: bool,
    cut: bool,
    lost: bool,
    out: VecDeque<Out>,
    /// The last sign of a line that is too thin, while key frames only are sent for it.
    thin: Option<Instant>,
    thin_for: Duration,
    /// When all pictures were sent again.
    widened: Option<Instant>,
}

impl Head {
    /// At a moment, or at the picture beside it.
    pub(super) fn new(at: MediaTime, mode: Mode) -> Self {
        let mut head = Self {
            mode,
            state: State::Playing,
            queue: VecDeque::new(),
            queue_bytes: 0,
            want: None,
            asked: None,
            target: at,
            last: None,
            seen: None,
            shows: false,
            cut: false,
            lost: false,
            out: VecDeque::new(),
            thin: None,
            thin_for: THIN,
            widened: None,
        };
        head.go(at, mode);
        head
    }

    /// A new run: what was before counts for nothing.
    pub(super) fn go(&mut self, at: MediaTime, mode: Mode) {
        self.mode = mode;
        self.target = at;
        self.last = None;
        self.seen = None;
        self.shows = false;
        self.cut = false;
        self.out.clear();
        self.thin = None;
        self.thin_for = THIN;
        self.widened = None;
        self.look(match mode {
            Mode::Back => What::Back(at + MediaTime(1)),
            Mode::All | Mode::Keys => What::From(at),
        });
    }

    /// Looks for a picture in place of playing.
    pub(super) fn seek_beside(&mut self, at: MediaTime, frames: i32) {
        self.out.clear();
        self.look(What::Beside { at, frames });
    }

    fn look(&mut self, what: What) {
        self.state = State::Playing;
        self.queue.clear();
        self.queue_bytes = 0;
        self.want = Some(what);
        if let Some((_, wanted)) = &mut self.asked {
            *wanted = false;
        }
    }

    /// Goes on behind a hole.
    pub(super) fn resume(&mut self, at: MediaTime) {
        self.cut = true;
        self.look(match self.mode {
            Mode::Back => What::Back(at),
            Mode::All | Mode::Keys => What::From(at),
        });
    }

    /// Nothing more is handed out before the clock has moved on by itself: the hole that it stands in, once that was told.
    pub(super) fn hole(&self) -> Option<Option<&Hole>> {
        match &self.state {
            State::Hole { hole, told, .. } if *told || hole.is_none() => Some(hole.as_ref()),
            _ => None,
        }
    }

    pub(super) fn is_back(&self) -> bool {
        self.mode == Mode::Back
    }

    /// It has shown something, or has nothing to show.
    pub(super) fn is_settled(&self) -> bool {
        self.shows || !matches!(self.state, State::Playing)
    }

    /// What to ask the archive, if anything. To be answered with this number before the next.
    pub(super) fn ask(&mut self, number: u64, view: &View) -> Option<Ask> {
        if self.asked.is_some() || self.queue_bytes >= ENOUGH {
            return None;
        }
        // What waits is not due yet: what follows it is not, either.
        if self.queue.back().is_some_and(|q| !view.is_due(q.shot.dts)) {
            return None;
        }
        let what = self.want.take()?;
        self.asked = Some((number, true));
        let keys = self.mode != Mode::All || self.thin.is_some();
        Some(Ask { what, keys })
    }

    /// Whether this number is its own; then it has been answered.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        number: u64,
        found: Result<Found, Reason>,
    ) -> Option<Result<Found, Reason>> {
        let wanted = match self.asked {
            Some((asked, wanted)) if asked == number => wanted,
            _ => return Some(found),
        };
        self.asked = None;
        if !wanted {
            return None;
        }
        if self.lost && found.is_ok() {
            self.lost = false;
            self.out.push_back(Out::Back);
        }
        match found {
            Ok(Found::Clip(clip)) => self.take(clip),
            Ok(Found::Hole(hole)) => self.fall(now, hole),
            Ok(Found::Edge) => {
                self.state = State::Hole {
                    hole: None,
                    told: true,
                    again: Some(now + EDGE),
                }
            }
            Ok(Found::Beside(at)) => self.out.push_back(Out::Found(at)),
            Err(reason) => {
                if !std::mem::replace(&mut self.lost, true) {
                    self.out.push_back(Out::Lost(reason));
                }
                self.state = State::Failed { again: now + END };
            }
        }
        None
    }

    fn take(&mut self, clip: Clip) {
        self.state = State::Playing;
        self.want = Some(match (self.mode, clip.shots.last()) {
            (Mode::Back, Some(oldest)) => What::Back(oldest.dts),
            _ => What::On,
        });
        for shot in clip.shots {
            let seen = self.seen.is_some_and(|last| match self.mode {
                Mode::Back => shot.dts >= last,
                Mode::All | Mode::Keys => shot.dts <= last,
            });
            if seen {
                continue;
            }
            self.seen = self.seen.filter(|_| shot.track == TrackKind::Audio);
            self.queue_bytes += shot.data.len();
            self.queue.push_back(Queued {
                discontinuity: std::mem::take(&mut self.cut),
                shot,
                tracks: Arc::clone(&clip.tracks),
                profile: clip.profile,
            });
        }
    }

    fn fall(&mut self, now: Instant, hole: Hole) {
        let same = matches!(&self.state, State::Hole { hole: Some(old), told: true, .. } if (old.from, old.to) == (hole.from, hole.to));
        self.state = State::Hole {
            told: same,
            again: hole.to.is_none().then_some(now + END),
            hole: Some(hole),
        };
    }

    /// What to do next, if anything is due.
    pub(super) fn poll(&mut self, now: Instant, view: &View) -> Option<Out> {
        if let Some(out) = self.out.pop_front() {
            return Some(out);
        }
        self.again(now);
        self.widen(now, view);
        let Some(next) = self.queue.front() else {
            return self.tell_hole();
        };
        let time = next.shot.dts;
        let is_over = view.until.is_some_and(|until| match view.is_back() {
            true => time < until,
            false => time >= until,
        });
        if is_over {
            self.queue.clear();
            self.queue_bytes = 0;
            self.want = None;
            self.state = State::Finished;
            return Some(Out::Finished);
        }
        if !view.is_due(time) {
            return None;
        }
        if self.shows && view.late(time) > LATE {
            return self.skip(now, view);
        }
        let next = self.queue.pop_front()?;
        self.queue_bytes -= next.shot.data.len();
        if next.shot.track == TrackKind::Video {
            self.last = Some(time);
            self.shows |= match self.mode {
                Mode::Back => true,
                // The picture on the screen at the target is decoded by then.
                Mode::All | Mode::Keys => next.shot.dts + next.shot.duration > self.target,
            };
        }
        Some(Out::Shot(next))
    }

    /// When it wants to be asked again for its own sake: the moment of the next picture, or a time.
    pub(super) fn wakes(&self) -> (Option<MediaTime>, Option<Instant>) {
        let next = self.queue.front().map(|q| q.shot.dts);
        let again = match &self.state {
            State::Hole { again, .. } => *again,
            State::Failed { again } => Some(*again),
            State::Playing | State::Finished => None,
        };
        let hole = match &self.state {
            State::Hole {
                hole: Some(hole), ..
            } => hole.to,
            _ => None,
        };
        (next.or(hole), again)
    }

    fn tell_hole(&mut self) -> Option<Out> {
        match &mut self.state {
            State::Hole {
                hole: Some(hole),
                told,
                ..
            } if !*told => {
                *told = true;
                Some(Out::Hole(hole.clone()))
            }
            _ => None,
        }
    }

    /// Asks anew where time has come for it.
    fn again(&mut self, now: Instant) {
        if self.asked.is_some() || self.want.is_some() || !self.queue.is_empty() {
            return;
        }
        let from = match self.last {
            Some(_) => What::On,
            None => What::From(self.target),
        };
        match &self.state {
            State::Hole {
                hole,
                again: Some(at),
                ..
            } if now >= *at => {
                self.want = Some(match hole {
                    Some(hole) if self.mode == Mode::Back => What::Back(hole.from),
                    Some(hole) => What::From(hole.from),
                    None => from,
                });
                // Asked for once; the answer says when again.
                if let State::Hole { again, .. } = &mut self.state {
                    *again = None;
                }
            }
            State::Failed { again } if now >= *again => {
                self.want = Some(match (self.mode, self.last) {
                    (Mode::Back, at) => What::Back(at.unwrap_or(self.target + MediaTime(1))),
                    // Behind what cannot be read.
                    (_, Some(_)) => What::On,
                    (_, None) => What::From(self.target),
                });
                self.state = State::Playing;
            }
            _ => {}
        }
    }

    /// The line does not carry what is due: on to the clock's own moment, and from there on key frames only.
    fn skip(&mut self, now: Instant, view: &View) -> Option<Out> {
        let position = view.position;
        let gone = self
            .queue
            .iter()
            .filter(|q| view.late(q.shot.dts) > Duration::ZERO);
        let (frames, bytes) = gone.fold((0, 0), |(n, bytes), q| {
            (n + 1, bytes + q.shot.data.len() as u64)
        });
        let from = self.last.unwrap_or(self.target);
        let time = match self.mode {
            Mode::Back => from - position,
            Mode::All | Mode::Keys => position - from,
        };
        if self.thin.is_none() && self.mode == Mode::All {
            let early = self
                .widened
                .is_some_and(|at| now.saturating_duration_since(at) < THIN_MOST);
            self.thin_for = match early {
                true => (self.thin_for * 2).min(THIN_MOST),
                false => THIN,
            };
            self.out.push_back(Out::Thinned(true));
        }
        if self.mode == Mode::All {
            self.thin = Some(now);
        }
        self.cut = true;
        self.seen = self.last;
        // Until the next picture is there it is not late again.
        self.shows = false;
        self.target = position;
        self.look(match self.mode {
            Mode::Back => What::Back(position),
            Mode::All | Mode::Keys => What::From(position),
        });
        Some(Out::Skipped(frames, bytes, time.to_duration()))
    }

    /// All pictures again, once key frames have been in time for long enough.
    fn widen(&mut self, now: Instant, view: &View) {
        let over = self
            .thin
            .is_some_and(|since| now.saturating_duration_since(since) >= self.thin_for);
        if over && self.asked.is_none() && self.last.is_some_and(|last| last >= view.position) {
            self.thin = None;
            self.widened = Some(now);
            self.out.push_back(Out::Thinned(false));
            self.seen = self.last;
            self.look(What::From(self.last.unwrap_or(view.position)));
        }
    }
}

//! From pictures to what begins, goes on and ends: one feed's motion and diagnosis with hysteresis. In the feed's own time, so
//! that a file and a live camera are judged by the same code.

use media::EventKind;

use crate::{
    Config,
    motion::{Motion, Seen},
    picture::Small,
    quality::{Look, Quality},
    tag::Phase,
    zone::Zone,
};

/// Something began, goes on or ended, in seconds of the feed's own timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What.
    pub kind: EventKind,
    /// Began, goes on, ended.
    pub phase: Phase,
    /// When it began.
    pub start: f64,
    /// When it was last seen.
    pub at: f64,
    /// 0 to 1.
    pub score: f32,
    /// A sentence.
    pub text: String,
}

/// Judges one feed.
#[derive(Debug)]
pub struct Judge {
    motion: Motion,
    quality: Quality,
    calm_s: f64,
    episodes: Vec<Episode>,
    last_moving: f64,
}

impl Judge {
    /// For a feed with these zones of interest (none: everywhere).
    pub fn new(config: &Config, zones: Vec<Zone>) -> Self {
        let hold = config.quality.hold_s;
        let going = config.going_every_s;
        let calm = config.motion.calm_s;
        let episode = |kind, hold_s, calm_s| Episode::new(kind, hold_s, calm_s, going);
        Self {
            motion: Motion::new(config.motion.clone(), zones),
            quality: Quality::new(config.quality.clone()),
            calm_s: calm,
            // Frozen and lost have waited already when they are seen.
            episodes: vec![
                episode(EventKind::Motion, 0.0, calm),
                episode(EventKind::PictureLost, 0.0, 0.0),
                episode(EventKind::Frozen, 0.0, 0.0),
                episode(EventKind::Dark, hold, hold),
                episode(EventKind::Covered, hold, hold),
            ],
            last_moving: f64::NEG_INFINITY,
        }
    }

    /// Judges a picture, in order of time.
    pub fn picture(&mut self, picture: &Small, key: bool) -> (Option<Seen>, Vec<Change>) {
        let at = picture.at;
        let mut out = Vec::new();
        let seen = self.motion.judge(picture);
        if let Some(seen) = seen {
            if seen.moving.is_some() {
                self.last_moving = at;
            }
            let score = (seen.area * 10.0).clamp(0.1, 1.0);
            let text = || format!("motion over {:.1} % of the picture", seen.area * 100.0);
            self.episodes[0].handle(at, seen.moving, score, text, &mut out);
        } else {
            self.episodes[0].pass(at, &mut out);
        }
        let Look {
            mean,
            sigma,
            dark,
            covered,
            frozen_since,
        } = self.quality.judge(picture, key);
        self.episodes[1].handle(at, None, 0.0, String::new, &mut out);
        let frozen = frozen_since.map(|since| (since, at));
        self.episodes[2].handle(
            at,
            frozen,
            1.0,
            || "the same picture for long".into(),
            &mut out,
        );
        let text = || format!("mean brightness {mean:.0} of 255");
        self.episodes[3].handle(
            at,
            dark.then_some((at, at)),
            1.0 - mean / 255.0,
            text,
            &mut out,
        );
        let text = || format!("the detail is gone (standard deviation {sigma:.0})");
        self.episodes[4].handle(at, covered.then_some((at, at)), 1.0, text, &mut out);
        (seen, out)
    }

    /// No picture has come out since `since`.
    pub fn lost(&mut self, since: f64, at: f64) -> Vec<Change> {
        let mut out = Vec::new();
        let text = || format!("no picture for {:.0} s", at - since);
        self.episodes[1].handle(at, Some((since, at)), 1.0, text, &mut out);
        self.episodes[0].pass(at, &mut out);
        out
    }

    /// Share of the picture in which two pictures differ, however far apart.
    pub fn differs(&mut self, a: &Small, b: &Small) -> f32 {
        self.motion.differs(a, b)
    }

    /// Whether motion goes on, or did until a moment ago.
    pub fn is_moving(&self, at: f64) -> bool {
        at - self.last_moving <= self.calm_s.max(1.0)
    }

    /// Time passes without a picture.
    pub fn pass(&mut self, at: f64) -> Vec<Change> {
        let mut out = Vec::new();
        self.episodes[0].pass(at, &mut out);
        out
    }

    /// The feed ends here: what is open ends where it was last seen.
    pub fn finish(&mut self) -> Vec<Change> {
        let mut out = Vec::new();
        for episode in &mut self.episodes {
            episode.close(&mut out);
        }
        out
    }
}

/// One kind's hysteresis: begins when it has held for a while, ends when it has not been seen for a while, and its end is when
/// it was last seen.
#[derive(Debug)]
struct Episode {
    kind: EventKind,
    hold_s: f64,
    calm_s: f64,
    going_s: f64,
    state: State,
}

#[derive(Debug)]
enum State {
    Off,
    /// Seen, not yet for long enough.
    Maybe {
        since: f64,
        last: f64,
    },
    On {
        since: f64,
        last: f64,
        told: f64,
        score: f32,
        text: String,
    },
}

impl Episode {
    fn new(kind: EventKind, hold_s: f64, calm_s: f64, going_s: f64) -> Self {
        Self {
            kind,
            hold_s,
            calm_s,
            going_s,
            state: State::Off,
        }
    }

    /// A look at `at`: `seen` since and until when, or not.
    fn handle(
        &mut self,
        at: f64,
        seen: Option<(f64, f64)>,
        score: f32,
        text: impl FnOnce() -> String,
        out: &mut Vec<Change>,
    ) {
        let Some((from, to)) = seen else {
            self.pass(at, out);
            if matches!(self.state, State::Maybe { .. }) {
                self.state = State::Off;
            }
            return;
        };
        if self.kind == EventKind::Motion {
            // Two looks that agree are one episode however far apart they are; two motions are not.
            self.pass(from, out);
        }
        match &mut self.state {
            State::On {
                since,
                last,
                told,
                score: most,
                text,
            } => {
                *last = last.max(to);
                *most = most.max(score);
                if at - *told >= self.going_s {
                    *told = at;
                    out.push(change(
                        self.kind,
                        Phase::Going,
                        (*since, *last),
                        *most,
                        text,
                    ));
                }
                return;
            }
            State::Maybe { last, .. } => *last = last.max(to),
            State::Off => {
                self.state = State::Maybe {
                    since: from,
                    last: to,
                }
            }
        }
        if let State::Maybe { since, last } = self.state
            && at - since >= self.hold_s
        {
            let text = text();
            out.push(change(self.kind, Phase::Start, (since, last), score, &text));
            self.state = State::On {
                since,
                last,
                told: at,
                score,
                text,
            };
        }
    }

    /// Time passes without a look.
    fn pass(&mut self, at: f64, out: &mut Vec<Change>) {
        if let State::On { last, .. } = &self.state
            && at - last > self.calm_s
        {
            self.close(out);
        }
    }

    fn close(&mut self, out: &mut Vec<Change>) {
        if let State::On {
            since,
            last,
            score,
            text,
            ..
        } = std::mem::replace(&mut self.state, State::Off)
        {
            out.push(change(self.kind, Phase::End, (since, last), score, &text));
        }
    }
}

fn change(
    kind: EventKind,
    phase: Phase,
    (start, at): (f64, f64),
    score: f32,
    text: &str,
) -> Change {
    Change {
        kind,
        phase,
        start,
        at,
        score,
        text: text.to_owned(),
    }
}

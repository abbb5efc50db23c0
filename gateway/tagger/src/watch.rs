//! One feed's watchman: reads every frame, decodes none, and says what is worth looking at. Sans I/O: frames and what the eye
//! saw go in, pieces of work come out.
//!
//! ```text
//!            key frame: [Work: it alone]
//!  Asleep ------------------------------------> Asleep
//!     |  sizes rise, the last two key frames
//!     |  differ, or it is this feed's turn for a probe
//!     v
//!  Awake: [Work: the group from its key frame on], then every frame as it comes, until it has been calm for a while
//! ```
//! The group before the newest key frame is kept, by pointers, until it is known whether that key frame shows something new:
//! then it is looked at after all.

use std::sync::Arc;

use media::{Frame, TrackKind};

use crate::{
    bitstream::{Hint, Sizes},
    eye::Work,
    schedule::Want,
};

/// What the watchman asks of the budget: why, and for how many pictures.
pub trait Budget {
    /// Whether they may be decoded; `now` in seconds of the budget's clock.
    fn ask(&mut self, want: Want, pictures: u32) -> bool;
}

/// A file's budget.
#[derive(Debug, Default)]
pub struct Unlimited;

impl Budget for Unlimited {
    fn ask(&mut self, _: Want, _: u32) -> bool {
        true
    }
}

/// Decides for one feed.
#[derive(Debug, Default)]
pub struct Watch {
    sizes: Sizes,
    state: State,
    /// The newest group so far.
    group: Vec<Arc<Frame>>,
    group_bytes: u64,
    /// The group before it, if it was not looked at as a whole.
    before: Vec<Arc<Frame>>,
    /// Frames left out because the budget was short.
    skipped: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Asleep,
    Awake {
        /// Frames of the group that were given out already.
        given: usize,
        /// The last time there was a reason to be awake, seconds of decode time.
        reason_at: f64,
        why: Want,
    },
    /// Refused or broken in the middle of a group: nothing before the next key frame.
    Waiting,
}

/// A group larger than this is not kept: no camera makes them, and memory is for all.
const GROUP_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Pictures in a group as long as none was seen: two seconds. To guess one would let a thousand cameras that are added at once
/// have their first groups decoded as a whole, at the price of a picture each.
const UNKNOWN_GROUP: u32 = 50;
/// Awake for this long after the last reason.
const LINGER_S: f64 = 2.0;
/// Frames given out at once while awake: a decoder's call costs little, a wake-up of a thread more.
const BATCH: usize = 4;

impl Watch {
    /// The next frame of the feed, in order of decoding. `eye` is the newest thing known of the eye.
    pub fn frame(&mut self, frame: &Arc<Frame>, eye: Eyed, budget: &mut impl Budget) -> Vec<Work> {
        let mut out = Vec::new();
        if frame.track != TrackKind::Video {
            return out;
        }
        let at = frame.dts.as_secs_f64();
        let hint = self.sizes.take(at, frame);
        if frame.key {
            self.key(frame, at, eye, budget, &mut out);
        } else {
            self.between(frame, at, hint, eye, budget, &mut out);
        }
        out
    }

    /// Frames were missed: nothing continues.
    pub fn skipped(&mut self) {
        self.group.clear();
        self.before.clear();
        self.state = State::Waiting;
    }

    /// What is left of the last group, at the end of a file.
    pub fn finish(&mut self) -> Option<Work> {
        self.rest(true)
    }

    /// Whether every picture is looked at just now.
    pub fn is_awake(&self) -> bool {
        matches!(self.state, State::Awake { .. })
    }

    /// Frames left out because the budget was short, since it began.
    pub fn left_out(&self) -> u64 {
        self.skipped
    }

    fn key(
        &mut self,
        frame: &Arc<Frame>,
        at: f64,
        eye: Eyed,
        budget: &mut impl Budget,
        out: &mut Vec<Work>,
    ) {
        out.extend(self.rest(true));
        let awake = match self.state {
            State::Awake { reason_at, why, .. } => {
                let reason_at = if eye.moving { at } else { reason_at };
                // A probe is over with its group unless it has found something.
                let stays = eye.moving || (at - reason_at < LINGER_S && why == Want::Motion);
                stays.then_some(reason_at)
            }
            _ => None,
        };
        let length = self.group.len();
        self.before = std::mem::take(&mut self.group);
        if self.is_awake() {
            self.before.clear();
        }
        self.group.push(Arc::clone(frame));
        self.group_bytes = frame.data.len() as u64;
        let expected = match length {
            0 => UNKNOWN_GROUP,
            length => length.min(500) as u32,
        };
        let wake = |reason_at, why| State::Awake {
            given: 0,
            reason_at,
            why,
        };
        self.state = match awake {
            Some(reason_at) if budget.ask(Want::Motion, 1) => wake(reason_at, Want::Motion),
            _ if budget.ask(Want::Probe, expected) => wake(at, Want::Probe),
            _ => State::Asleep,
        };
        if !self.is_awake() && budget.ask(Want::Key, 1) {
            out.push(Work {
                frames: vec![Arc::clone(frame)],
                fresh: true,
                last: true,
            });
        }
    }

    fn between(
        &mut self,
        frame: &Arc<Frame>,
        at: f64,
        hint: Hint,
        eye: Eyed,
        budget: &mut impl Budget,
        out: &mut Vec<Work>,
    ) {
        if self.group.is_empty() {
            return;
        }
        self.group.push(Arc::clone(frame));
        self.group_bytes += frame.data.len() as u64;
        if self.group_bytes > GROUP_MAX_BYTES {
            self.skipped();
            return;
        }
        let reason = hint.moves() || eye.moving;
        match &mut self.state {
            State::Awake {
                reason_at,
                why,
                given,
            } => {
                if reason {
                    (*reason_at, *why) = (at, Want::Motion);
                }
                let ready = self.group.len() - *given;
                if ready < BATCH {
                    return;
                }
                // A probe was paid for as a whole when it was granted.
                if *why == Want::Probe || budget.ask(Want::Motion, ready as u32) {
                    out.extend(self.rest(false));
                } else {
                    self.skipped += ready as u64;
                    self.state = State::Waiting;
                }
            }
            State::Asleep if reason || eye.differs => {
                let all = self.group.len() + if eye.differs { self.before.len() } else { 0 };
                if !budget.ask(Want::Motion, all as u32) {
                    self.skipped += self.group.len() as u64 - 1;
                    self.state = State::Waiting;
                    return;
                }
                let before = std::mem::take(&mut self.before);
                if eye.differs && !before.is_empty() {
                    out.push(Work {
                        frames: before,
                        fresh: true,
                        last: true,
                    });
                }
                let why = Want::Motion;
                self.state = State::Awake {
                    given: 0,
                    reason_at: at,
                    why,
                };
                out.extend(self.rest(false));
            }
            State::Asleep => {}
            State::Waiting => self.skipped += 1,
        }
    }

    /// What the eye has not been given yet of the newest group.
    fn rest(&mut self, last: bool) -> Option<Work> {
        let State::Awake { given, .. } = &mut self.state else {
            return None;
        };
        let fresh = *given == 0;
        let frames = self.group.get(*given..).unwrap_or_default().to_vec();
        *given = self.group.len();
        (!frames.is_empty() || last).then_some(Work {
            frames,
            fresh,
            last,
        })
    }
}

/// The newest thing known of the eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Eyed {
    /// It sees motion, or did a moment ago.
    pub moving: bool,
    /// The newest key frame shows something else than the one before.
    pub differs: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{MediaTime, Tracks, VideoCodec, VideoTrack, WallTime};

    fn frame(n: i64, gop: i64, bytes: usize) -> Arc<Frame> {
        let time = MediaTime(n * 9000);
        Arc::new(Frame {
            feed: 1,
            tracks: Arc::new(Tracks {
                video: VideoTrack {
                    codec: VideoCodec::H264,
                    codec_string: "avc1.42c01e".into(),
                    config: Default::default(),
                    width: 640,
                    height: 360,
                },
                audio: None,
            }),
            track: TrackKind::Video,
            key: n % gop == 0,
            discontinuity: false,
            damaged: false,
            group: (n / gop) as u32,
            number: (n % gop) as u32,
            dts: time,
            pts: time,
            duration: MediaTime(9000),
            captured: WallTime(0),
            data: vec![0; bytes].into(),
            package: Default::default(),
        })
    }

    /// Grants what a list says.
    struct Grants(fn(Want) -> bool);
    impl Budget for Grants {
        fn ask(&mut self, want: Want, _: u32) -> bool {
            (self.0)(want)
        }
    }
    const NO_PROBES: fn(Want) -> bool = |want| want != Want::Probe;

    #[test]
    fn key_frames_alone_while_all_is_quiet_and_the_whole_group_when_sizes_rise() {
        let (mut watch, mut budget) = (Watch::default(), Grants(NO_PROBES));
        let mut work = Vec::new();
        for n in 0..300 {
            work.extend(watch.frame(&frame(n, 100, 300), Eyed::default(), &mut budget));
        }
        assert_eq!(work.len(), 3);
        assert!(
            work.iter()
                .all(|w| w.frames.len() == 1 && w.fresh && w.last)
        );
        // In the middle of a group of 10 s: what is given out begins with its key frame and misses nothing.
        work.clear();
        for n in 300..400 {
            let size = if n > 345 { 3000 } else { 300 };
            work.extend(watch.frame(&frame(n, 100, size), Eyed::default(), &mut budget));
        }
        work.extend(watch.finish());
        assert_eq!(work[0].frames.len(), 1);
        let given: Vec<i64> = work[1..]
            .iter()
            .flat_map(|w| &w.frames)
            .map(|f| f.dts.0 / 9000)
            .collect();
        assert_eq!(given, (300..400).collect::<Vec<_>>());
        assert!(work[1].fresh && work[2..].iter().all(|w| !w.fresh));
    }

    #[test]
    fn the_group_between_two_different_key_frames_is_looked_at_afterwards() {
        let (mut watch, mut budget) = (Watch::default(), Grants(NO_PROBES));
        for n in 0..101 {
            watch.frame(&frame(n, 50, 300), Eyed::default(), &mut budget);
        }
        let differs = Eyed {
            differs: true,
            moving: false,
        };
        let work = watch.frame(&frame(101, 50, 300), differs, &mut budget);
        assert_eq!(
            work.iter().map(|w| w.frames.len()).collect::<Vec<_>>(),
            [50, 2]
        );
        assert!(work[0].fresh && work[0].last && work[1].fresh);
    }

    #[test]
    fn without_a_budget_nothing_begins_in_the_middle() {
        let mut watch = Watch::default();
        let mut budget = Grants(|want| want == Want::Key);
        let moving = Eyed {
            moving: true,
            differs: false,
        };
        let mut work = Vec::new();
        for n in 0..100 {
            work.extend(watch.frame(&frame(n, 50, 300), moving, &mut budget));
        }
        assert_eq!(work.len(), 2);
        assert_eq!(watch.left_out(), 98);
        // With budget again, it begins at a key frame.
        let mut budget = Grants(NO_PROBES);
        for n in 100..110 {
            work.extend(watch.frame(&frame(n, 50, 300), moving, &mut budget));
        }
        assert!(work[2].frames[0].key && work.iter().skip(3).all(|w| w.fresh == w.frames[0].key));
    }

    #[test]
    fn the_first_group_is_probed_at_the_price_of_a_group() {
        struct Asked(Vec<u32>);
        impl Budget for Asked {
            fn ask(&mut self, want: Want, pictures: u32) -> bool {
                if want == Want::Probe {
                    self.0.push(pictures);
                }
                false
            }
        }
        let (mut watch, mut budget) = (Watch::default(), Asked(Vec::new()));
        for n in 0..50 {
            watch.frame(&frame(n, 25, 300), Eyed::default(), &mut budget);
        }
        assert_eq!(budget.0, [50, 25]);
    }

    #[test]
    fn it_sleeps_again_when_it_has_been_calm() {
        let (mut watch, mut budget) = (Watch::default(), Grants(NO_PROBES));
        let eyed = |moving| Eyed {
            moving,
            differs: false,
        };
        for n in 0..200 {
            watch.frame(&frame(n, 10, 300), eyed((50..80).contains(&n)), &mut budget);
            match n {
                55..80 => assert!(watch.is_awake(), "{n}"),
                115.. => assert!(!watch.is_awake(), "{n}"),
                _ => {}
            }
        }
    }
}

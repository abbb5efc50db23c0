//! What is sent when: one schedule a camera profile, the same for everybody who looks.
//!
//! Time is counted in 90 kHz ticks from the server's start. A schedule is a row of epochs, each
//! a clip that loops from a given tick on, so "which picture is sent at time T" is arithmetic,
//! and a change of clip is one more epoch at a key frame in the near future.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::clip::{CLOCK_HZ, Clip};

/// How far ahead a change is put, so that no session has passed it.
const LEAD_90K: i64 = 18_000;

/// A clip's stay on the schedule.
#[derive(Clone, Debug)]
pub(crate) struct Epoch {
    /// When it begins to be sent.
    pub(crate) from: i64,
    /// When its first picture is, or would have been, sent.
    pub(crate) zero: i64,
    pub(crate) clip: Clip,
}

/// The schedule of one profile. It is empty until the first clip is there.
#[derive(Debug)]
pub(crate) struct Feed {
    origin: Instant,
    /// Where in the clip time zero falls, so that cameras with the same clip differ.
    phase: Duration,
    epochs: watch::Sender<Arc<Vec<Epoch>>>,
    change: Mutex<()>,
}

impl Feed {
    pub(crate) fn new(origin: Instant, phase: Duration, clip: Option<Clip>) -> Self {
        let feed = Self {
            origin,
            phase,
            epochs: watch::Sender::new(Arc::default()),
            change: Mutex::new(()),
        };
        if let Some(clip) = clip {
            feed.put(clip);
        }
        feed
    }

    /// Gives the feed its clip, or changes it; keeps the phase.
    pub(crate) fn put(&self, clip: Clip) {
        let first = !self.ready();
        self.change(|from| {
            let round = clip.video().duration_90k as i64;
            let position = (from + to_90k(self.phase)).rem_euclid(round);
            let frames = &clip.video().frames;
            let start = if first {
                // Cameras that are switched on together do not send their key frames together.
                position
            } else {
                // Into the clip at a key frame, or a decoder would be fed what it cannot use.
                frames
                    .iter()
                    .rfind(|f| f.key && f.dts_90k as i64 <= position)
                    .map_or(0, |f| f.dts_90k as i64)
            };
            Epoch {
                from,
                zero: from - start,
                clip: clip.clone(),
            }
        });
    }

    /// Starts a clip from its first picture now; `None` starts the present one over.
    pub(crate) fn start_over(&self, clip: Option<Clip>) {
        self.change(|from| {
            let present = self.epochs.borrow().last().map(|e| e.clip.clone());
            let clip = clip
                .or(present)
                .expect("checked: there is a clip, or one was given");
            Epoch {
                from,
                zero: from,
                clip,
            }
        });
    }

    fn change(&self, make: impl FnOnce(i64) -> Epoch) {
        let _one = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut epochs = Vec::clone(&self.epochs.borrow());
        let now = self.now();
        let from = match epochs.last() {
            None => now,
            // The picture being shown is given its full time.
            Some(last) => Cursor::at(Arc::new(epochs.clone()), (now + LEAD_90K).max(last.from))
                .map_or(now, |mut c| {
                    c.skip_sound();
                    c.peek().at_90k
                }),
        };
        epochs.push(make(from));
        // Nobody is in an epoch two changes ago by more than a moment.
        let passed = epochs
            .iter()
            .rposition(|e| e.from <= now - 10 * i64::from(CLOCK_HZ))
            .unwrap_or(0);
        epochs.drain(..passed);
        self.epochs.send_replace(Arc::new(epochs));
    }

    pub(crate) fn ready(&self) -> bool {
        !self.epochs.borrow().is_empty()
    }

    /// The clip of this moment, or the first to come. Waits up to `patience` for one.
    pub(crate) async fn clip(&self, patience: Duration) -> Option<Clip> {
        let mut epochs = self.epochs.subscribe();
        let there = timeout(patience, epochs.wait_for(|e| !e.is_empty()))
            .await
            .ok()?
            .ok()?;
        let now = self.now();
        there
            .iter()
            .rfind(|e| e.from <= now)
            .or(there.first())
            .map(|e| e.clip.clone())
    }

    /// Now, in ticks from the server's start.
    pub(crate) fn now(&self) -> i64 {
        to_90k(self.origin.elapsed())
    }

    /// The moment of a tick. Ticks before the server's start are its start.
    pub(crate) fn instant(&self, tick: i64) -> Instant {
        self.origin + from_90k(tick)
    }

    /// Where in its clip the profile is at `when`.
    pub(crate) fn position(&self, when: Instant) -> Option<Duration> {
        let tick = to_90k(when.saturating_duration_since(self.origin));
        let epochs = self.epochs.borrow();
        let epoch = epochs.iter().rfind(|e| e.from <= tick)?;
        Some(from_90k(
            (tick - epoch.zero).rem_euclid(epoch.clip.video().duration_90k as i64),
        ))
    }

    /// When picture `index` of the present clip is sent next, counted from `after` on.
    pub(crate) fn sent_at(&self, index: usize, after: Instant) -> Option<Instant> {
        let tick = to_90k(after.saturating_duration_since(self.origin));
        let epochs = self.epochs.borrow();
        let epoch = epochs.iter().rfind(|e| e.from <= tick)?;
        let video = epoch.clip.video();
        let at = video.frames.get(index)?.dts_90k as i64 + epoch.zero;
        let round = video.duration_90k as i64;
        Some(self.instant(at + (tick - at + round - 1).div_euclid(round) * round))
    }

    /// A reader that stands at the first picture or sound not yet due.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        Cursor::at(self.epochs.borrow().clone(), self.now())
    }

    /// Lets a cursor see changes made since it was taken.
    pub(crate) fn refresh(&self, cursor: &mut Cursor) {
        let epochs = self.epochs.borrow();
        if !Arc::ptr_eq(&epochs, &cursor.epochs) {
            let at = cursor.epochs[cursor.epoch].from;
            if let Some(epoch) = epochs.iter().position(|e| e.from == at) {
                cursor.epoch = epoch;
                cursor.epochs = epochs.clone();
            } else if let Some(fresh) = Cursor::at(epochs.clone(), self.now()) {
                *cursor = fresh;
            }
        }
    }
}

/// What is due next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Picture `index` of the clip, and its showing time in ticks of 90 kHz.
    Picture { index: usize, pts_90k: i64 },
    /// Sound `index` of the clip, and its time in samples.
    Sound { index: usize, sample: i64 },
}

/// One thing due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at_90k: i64,
    pub(crate) what: What,
}

/// A place in a schedule; moves forward only.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    epochs: Arc<Vec<Epoch>>,
    epoch: usize,
    picture: Place,
    sound: Place,
    silent: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    round: i64,
    index: usize,
}

impl Cursor {
    pub(crate) fn at(epochs: Arc<Vec<Epoch>>, tick: i64) -> Option<Self> {
        let epoch = epochs.iter().rposition(|e| e.from <= tick).unwrap_or(0);
        epochs.get(epoch)?;
        let mut cursor = Self {
            epochs,
            epoch,
            picture: Place::default(),
            sound: Place::default(),
            silent: false,
        };
        cursor.enter(tick.max(cursor.epochs[epoch].from));
        Some(cursor)
    }

    /// The clip that [`Cursor::peek`]'s answer is of.
    pub(crate) fn clip(&self) -> &Clip {
        &self.epochs[self.epoch].clip
    }

    /// Has pictures alone come.
    pub(crate) fn skip_sound(&mut self) {
        self.silent = true;
    }

    /// Goes on to the first key frame at or after the next picture.
    pub(crate) fn skip_to_key(&mut self) {
        // Every clip has a key frame, so this ends within a round.
        loop {
            match self.peek().what {
                What::Picture { index, .. } if self.clip().video().frames[index].key => return,
                _ => self.advance(),
            }
        }
    }

    /// What is due next, without going on. Crosses into the next epoch when it is time.
    pub(crate) fn peek(&mut self) -> Due {
        loop {
            let due = self.peek_here();
            match self.epochs.get(self.epoch + 1) {
                Some(next) if due.at_90k >= next.from => {
                    let from = next.from;
                    self.epoch += 1;
                    self.enter(from);
                }
                _ => return due,
            }
        }
    }

    /// When to wake for what is due next. Sound waits for the next picture, and 40 ms at most: one
    /// waking then sends both, which halves the cost of a session.
    pub(crate) fn wake_90k(&mut self) -> i64 {
        const SOUND_WAITS_90K: i64 = 3_600;
        let due = self.peek();
        match due.what {
            What::Sound { .. } if self.epoch + 1 == self.epochs.len() => {
                self.next_picture().at_90k.min(due.at_90k + SOUND_WAITS_90K)
            }
            _ => due.at_90k,
        }
    }

    /// Goes on past what [`Cursor::peek`] says.
    pub(crate) fn advance(&mut self) {
        let due = self.peek();
        let clip = &self.epochs[self.epoch].clip;
        let (place, length) = match due.what {
            What::Picture { .. } => (&mut self.picture, clip.video().frames.len()),
            What::Sound { .. } => (&mut self.sound, clip.audio().map_or(1, |a| a.frames.len())),
        };
        place.index += 1;
        if place.index >= length {
            *place = Place {
                round: place.round + 1,
                index: 0,
            };
        }
    }

    fn next_picture(&self) -> Due {
        let Epoch { zero, clip, .. } = &self.epochs[self.epoch];
        let video = clip.video();
        let frame = &video.frames[self.picture.index];
        let base = zero + self.picture.round * video.duration_90k as i64;
        let pts_90k = base + frame.pts_90k as i64;
        let what = What::Picture {
            index: self.picture.index,
            pts_90k,
        };
        Due {
            at_90k: base + frame.dts_90k as i64,
            what,
        }
    }

    fn peek_here(&self) -> Due {
        let picture = self.next_picture();
        let Epoch { zero, clip, .. } = &self.epochs[self.epoch];
        let Some(audio) = clip.audio().filter(|_| !self.silent) else {
            return picture;
        };
        let (rate, hz) = (i64::from(audio.rate), i64::from(CLOCK_HZ));
        let played = (self.sound.round * audio.frames.len() as i64 + self.sound.index as i64)
            * i64::from(audio.samples_per_frame);
        let at_90k = zero + played * hz / rate;
        if at_90k >= picture.at_90k {
            return picture;
        }
        let sample = (i128::from(*zero) * i128::from(rate) / i128::from(hz)) as i64 + played;
        Due {
            at_90k,
            what: What::Sound {
                index: self.sound.index,
                sample,
            },
        }
    }

    /// Finds the first picture and sound at or after `tick` in the present epoch.
    fn enter(&mut self, tick: i64) {
        let Epoch { zero, clip, .. } = &self.epochs[self.epoch];
        let video = clip.video();
        let round = video.duration_90k as i64;
        let since = tick - zero;
        let index = video
            .frames
            .partition_point(|f| (f.dts_90k as i64) < since.rem_euclid(round));
        self.picture = if index == video.frames.len() {
            Place {
                round: since.div_euclid(round) + 1,
                index: 0,
            }
        } else {
            Place {
                round: since.div_euclid(round),
                index,
            }
        };
        if let Some(audio) = clip.audio() {
            let (rate, hz, samples) = (
                i128::from(audio.rate),
                i128::from(CLOCK_HZ),
                i128::from(audio.samples_per_frame),
            );
            let frame = -(-i128::from(since) * rate).div_euclid(hz * samples); // rounded up
            let count = audio.frames.len() as i128;
            self.sound = Place {
                round: frame.div_euclid(count) as i64,
                index: frame.rem_euclid(count) as usize,
            };
        }
    }
}

pub(crate) fn to_90k(d: Duration) -> i64 {
    (d.as_nanos() * u128::from(CLOCK_HZ) / 1_000_000_000) as i64
}

/// Rounds up, so that what is due at a tick is due when its moment has come.
pub(crate) fn from_90k(tick: i64) -> Duration {
    Duration::from_nanos(
        (tick.max(0) as u128 * 1_000_000_000).div_ceil(u128::from(CLOCK_HZ)) as u64,
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::clip::{Audio, AudioCodec, Frame, Video, VideoCodec};

    fn clip(frames: u64, gop: u64, audio: bool) -> Clip {
        let frame = |n: u64| Frame {
            dts_90k: n * 3_600,
            pts_90k: n * 3_600,
            key: n.is_multiple_of(gop),
            nals: vec![Bytes::from_static(&[0x65])],
        };
        let video = Video {
            codec: VideoCodec::H264,
            width: 16,
            height: 16,
            declared_fps: 25.0,
            duration_90k: frames * 3_600,
            frames: (0..frames).map(frame).collect(),
        };
        let audio = audio.then(|| Audio {
            codec: AudioCodec::Pcma,
            rate: 8_000,
            channels: 1,
            samples_per_frame: 320,
            frames: vec![Bytes::from_static(&[0; 320]); 7],
        });
        Clip::new(video, audio).unwrap()
    }

    fn take(cursor: &mut Cursor, n: usize) -> Vec<Due> {
        (0..n)
            .map(|_| {
                let due = cursor.peek();
                cursor.advance();
                due
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn time_goes_on_across_the_loop() {
        let feed = Feed::new(Instant::now(), Duration::ZERO, Some(clip(10, 5, true)));
        let due = take(&mut feed.cursor().unwrap(), 200);
        let mut last = (-3_600, -320);
        for d in due {
            match d.what {
                What::Picture { index, pts_90k } => {
                    assert_eq!(pts_90k, last.0 + 3_600);
                    assert_eq!(index as i64, pts_90k / 3_600 % 10);
                    last.0 = pts_90k;
                }
                What::Sound { sample, .. } => {
                    if last.1 >= 0 {
                        assert_eq!(sample, last.1 + 320);
                    }
                    last.1 = sample;
                }
            }
        }
        assert!(
            (last.0 / 3_600 - last.1 / 320).abs() <= 1,
            "sound and pictures keep together"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn joins_in_the_middle_and_says_when_a_picture_comes() {
        let start = Instant::now();
        let feed = Feed::new(start, Duration::from_millis(80), Some(clip(10, 5, false)));
        tokio::time::advance(Duration::from_secs(60)).await;
        let mut cursor = feed.cursor().unwrap();
        let due = cursor.peek();
        let What::Picture { index, .. } = due.what else {
            panic!("{due:?}")
        };
        assert_eq!(
            feed.sent_at(index, Instant::now()),
            Some(feed.instant(due.at_90k))
        );
        cursor.skip_to_key();
        let What::Picture { index, .. } = cursor.peek().what else {
            panic!()
        };
        assert_eq!(index % 5, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn finds_the_key_frame_of_a_long_group_however_much_sound_lies_before_it() {
        let feed = Feed::new(Instant::now(), Duration::ZERO, Some(clip(10, 10, true)));
        for _ in 0..12 {
            tokio::time::advance(Duration::from_millis(37)).await;
            let mut cursor = feed.cursor().unwrap();
            cursor.skip_to_key();
            assert!(matches!(cursor.peek().what, What::Picture { index: 0, .. }));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_clip_begins_at_a_key_frame_without_a_gap() {
        let feed = Feed::new(Instant::now(), Duration::ZERO, Some(clip(10, 5, false)));
        let mut cursor = feed.cursor().unwrap();
        tokio::time::advance(Duration::from_millis(999)).await;
        feed.put(clip(40, 10, false));
        feed.refresh(&mut cursor);
        let due = take(&mut cursor, 60);
        for pair in due.windows(2) {
            assert_eq!(pair[1].at_90k - pair[0].at_90k, 3_600);
        }
        feed.start_over(None);
        feed.refresh(&mut cursor);
        let mut cursor = feed.cursor().unwrap();
        let firsts: Vec<_> = take(&mut cursor, 12)
            .windows(2)
            .filter_map(|p| match (p[0].what, p[1].what) {
                (What::Picture { index: a, .. }, What::Picture { index: b, .. }) if b != a + 1 => {
                    Some(b)
                }
                _ => None,
            })
            .collect();
        assert_eq!(firsts, [0], "it starts over within its lead of 200 ms");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_clip_and_not_for_ever() {
        let feed = Arc::new(Feed::new(Instant::now(), Duration::ZERO, None));
        assert!(feed.clip(Duration::from_secs(1)).await.is_none());
        let waiter = tokio::spawn({
            let feed = feed.clone();
            async move { feed.clip(Duration::from_secs(9)).await.is_some() }
        });
        tokio::task::yield_now().await;
        feed.put(clip(10, 5, false));
        assert!(waiter.await.unwrap());
    }
}

//! Where segments and their fragments are cut: frames in, writes out. No clock, no file, no task.
//!
//! A segment begins at a key frame and ends at the first one after about a minute, where the tracks change, and where the
//! timeline has a hole. A fragment is a group; short groups are gathered to about a second, long ones are written in parts, so
//! that what a crash loses is bounded in time and in bytes.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use media::{ByteCount, Frame, MediaTime, TrackKind, Tracks, WallTime};

/// Where cuts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// A segment ends at the first key frame after this.
    pub(crate) segment: Duration,
    /// Groups are gathered to at least this.
    pub(crate) gather: Duration,
    /// A group is written in parts no longer than this.
    pub(crate) part: Duration,
    /// And no larger.
    pub(crate) part_bytes: ByteCount,
    /// Less than this is not written before its time, where memory is short.
    pub(crate) worth: ByteCount,
    /// No frame for longer than this (or three of the camera's own intervals) is a hole.
    pub(crate) hole: Duration,
    /// No frame for so long ends the segment.
    pub(crate) quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment: Duration::from_secs(60),
            gather: Duration::from_secs(1),
            part: Duration::from_secs(4),
            part_bytes: ByteCount::mebibytes(1),
            worth: ByteCount(64 * 1024),
            hole: Duration::from_secs(2),
            quiet: Duration::from_secs(10),
        }
    }
}

/// A frame and how long it lasts.
#[derive(Clone, Debug)]
pub(crate) struct Timed {
    pub(crate) frame: Arc<Frame>,
    pub(crate) duration: MediaTime,
}

/// What becomes one fragment.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Wall time of the first frame; never before that of the batch before.
    pub(crate) wall: WallTime,
    /// Wall time after the last frame.
    pub(crate) end: WallTime,
    pub(crate) video: Vec<Timed>,
    pub(crate) audio: Vec<Timed>,
    pub(crate) bytes: u64,
}

impl Batch {
    /// The earliest decode time in it.
    pub(crate) fn first_dts(&self) -> MediaTime {
        let of = |frames: &[Timed]| frames.first().map(|f| f.frame.dts);
        of(&self.video)
            .into_iter()
            .chain(of(&self.audio))
            .min()
            .unwrap_or_default()
    }

    /// Whether its first picture needs none before it.
    pub(crate) fn begins_with_key(&self) -> bool {
        self.video.first().is_some_and(|v| v.frame.key)
    }

    fn is_empty(&self) -> bool {
        self.video.is_empty() && self.audio.is_empty()
    }
}

/// What is to be done, in order.
#[derive(Debug)]
pub(crate) enum Step {
    /// A new segment; the one before was sealed.
    Open {
        tracks: Arc<Tracks>,
        start: WallTime,
    },
    /// A fragment of the open segment.
    Write(Batch),
    /// The open segment is complete; it lasted until `end`.
    Seal { end: WallTime },
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Segmenter {
    limits: Limits,
    steps: VecDeque<Step>,
    open: Option<Open>,
    batch: Batch,
    last: Option<Last>,
}

#[derive(Debug)]
struct Open {
    tracks: Arc<Tracks>,
    start: WallTime,
    /// Wall time of the newest batch.
    wall: WallTime,
}

/// The last video frame.
#[derive(Clone, Copy, Debug)]
struct Last {
    dts: MediaTime,
    captured: WallTime,
    duration: MediaTime,
}

impl Last {
    fn end(&self) -> WallTime {
        self.captured + self.duration.to_duration()
    }
}

impl Segmenter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            steps: VecDeque::new(),
            open: None,
            batch: Batch::default(),
            last: None,
        }
    }

    /// What is to be done next.
    pub(crate) fn poll(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// Takes a frame in. Gives whether it is kept: frames before a key frame are not.
    pub(crate) fn frame(&mut self, frame: Arc<Frame>) -> bool {
        match frame.track {
            TrackKind::Video => self.video(frame),
            TrackKind::Audio => self.audio(frame),
        }
    }

    /// Frames are missing: what comes next does not continue what was.
    pub(crate) fn cut(&mut self) {
        self.finish(None);
    }

    /// Nothing came for so long: what is held is written, and after a while the segment sealed.
    pub(crate) fn quiet(&mut self, time: Duration) {
        if time >= self.limits.quiet {
            self.finish(None);
        } else if time >= self.limits.gather {
            self.flush(None);
        }
    }

    /// The memory that all share is short: what is held is written now, where it is worth a write.
    pub(crate) fn press(&mut self) {
        if self.batch.bytes >= self.limits.worth.0 {
            self.flush(None);
        }
    }

    /// Forgets the open segment and what is held: the disk did not take it.
    pub(crate) fn abandon(&mut self) {
        self.steps.clear();
        self.open = None;
        self.batch = Batch::default();
        self.last = None;
    }

    fn video(&mut self, frame: Arc<Frame>) -> bool {
        if self
            .open
            .as_ref()
            .is_some_and(|open| !same(&open.tracks, &frame.tracks))
            || self.hole(&frame)
        {
            self.finish(None);
        }
        if self.open.is_none() && !frame.key {
            return false;
        }
        if let Some(open) = &self.open {
            let batch = self.batch_time(&frame);
            if frame.key && frame.captured.since(open.start) >= self.limits.segment {
                self.finish(Some(&frame));
            } else if (frame.key && batch >= self.limits.gather)
                || batch >= self.limits.part
                || self.batch.bytes >= self.limits.part_bytes.0
            {
                self.flush(Some(&frame));
            }
        }
        if self.open.is_none() {
            self.open = Some(Open {
                tracks: Arc::clone(&frame.tracks),
                start: frame.captured,
                wall: frame.captured,
            });
            self.steps.push_back(Step::Open {
                tracks: Arc::clone(&frame.tracks),
                start: frame.captured,
            });
        }
        self.last = Some(Last {
            dts: frame.dts,
            captured: frame.captured,
            duration: frame.duration,
        });
        self.push(frame);
        true
    }

    fn audio(&mut self, frame: Arc<Frame>) -> bool {
        let Some(open) = &self.open else { return false };
        // New tracks begin with a video key frame; audio that runs ahead of it fits neither segment.
        if open.tracks.audio.is_none() || !same(&open.tracks, &frame.tracks) {
            return false;
        }
        // Audio goes on where video does not: it must not be held without bound.
        if self.batch_time(&frame) >= self.limits.part.saturating_mul(2) {
            self.flush(None);
        }
        self.push(frame);
        true
    }

    fn push(&mut self, frame: Arc<Frame>) {
        if self.batch.is_empty() {
            self.batch.wall = frame.captured;
        }
        self.batch.bytes += frame.data.len() as u64;
        let list = match frame.track {
            TrackKind::Video => &mut self.batch.video,
            TrackKind::Audio => &mut self.batch.audio,
        };
        if let Some(last) = list.last_mut() {
            last.duration = distance(last, &frame);
        }
        let duration = frame.duration;
        list.push(Timed { frame, duration });
    }

    /// From the first frame held to this one.
    fn batch_time(&self, frame: &Frame) -> Duration {
        if self.batch.is_empty() {
            return Duration::ZERO;
        }
        // The larger of the two clocks: a burst after a stall has little wall time and much media time.
        let media = (frame.dts - self.batch.first_dts()).to_duration();
        frame.captured.since(self.batch.wall).max(media)
    }

    /// Whether something is missing between the last video frame and this one. A camera that delivers fewer frames than it
    /// declared has none: only time without frames counts, and a late burst whose timeline goes on is not missing either.
    fn hole(&self, frame: &Frame) -> bool {
        let Some(last) = self.last.filter(|_| self.open.is_some()) else {
            return false;
        };
        let bound = self
            .limits
            .hole
            .max(last.duration.to_duration().saturating_mul(3));
        let media = frame.dts - last.dts;
        let wall = frame.captured.since(last.captured);
        media.0 <= 0
            || media.to_duration() > bound
            || (frame.discontinuity && wall > bound)
            // A stall this long is no burst that was late.
            || wall > bound.saturating_mul(10)
            // The gateway's clock was set back.
            || last.captured.since(frame.captured) > self.limits.hole
    }

    /// Writes what is held; `next` is the frame that follows without a hole.
    fn flush(&mut self, next: Option<&Frame>) {
        let Some(open) = self.open.as_mut().filter(|_| !self.batch.is_empty()) else {
            return;
        };
        let mut batch = std::mem::take(&mut self.batch);
        batch.wall = batch.wall.max(open.wall);
        open.wall = batch.wall;
        if let (Some(next), Some(last)) = (next, batch.video.last_mut()) {
            last.duration = distance(last, next);
        }
        let end = match (next, &self.last) {
            (Some(next), _) => next.captured,
            (None, Some(last)) => last.end(),
            (None, None) => batch.wall,
        };
        batch.end = end.max(batch.wall);
        self.steps.push_back(Step::Write(batch));
    }

    /// Ends the segment; `next` is the key frame that follows without a hole.
    fn finish(&mut self, next: Option<&Frame>) {
        self.flush(next);
        let Some(open) = self.open.take() else { return };
        let end = match (next, &self.last) {
            (Some(next), _) => next.captured,
            (None, Some(last)) => last.end(),
            (None, None) => open.start,
        };
        self.steps.push_back(Step::Seal {
            end: end.max(open.wall),
        });
    }
}

fn same(a: &Arc<Tracks>, b: &Arc<Tracks>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}

/// How long `from` lasts if `to` is next; what was expected where that makes no sense.
fn distance(from: &Timed, to: &Frame) -> MediaTime {
    let distance = to.dts - from.frame.dts;
    if (1..i64::from(u32::MAX)).contains(&distance.0) {
        distance
    } else {
        from.frame.duration
    }
}

#[cfg(test)]
mod tests;

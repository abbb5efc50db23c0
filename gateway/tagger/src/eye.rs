//! One feed's eye: decodes what the schedule chose, judges it, and takes the snapshot. Synchronous and thread-bound; runs on
//! the decoding threads live, and on the caller's in [`crate::file`].

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use ingest::decode::{Decoder, Format, Options, Picture};
use media::{Frame, MediaTime, VideoTrack, WallTime};

use crate::{
    Config,
    judge::{Change, Judge},
    picture::Small,
    snapshot,
    stopwatch::Stopwatch,
    tag::Phase,
    zone::Zone,
};

/// Frames to look at, in order of decoding.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// They begin with a key frame if `fresh`, else they go on where the work before stopped.
    pub frames: Vec<Arc<Frame>>,
    /// Whether what was looked at before has nothing to do with these.
    pub fresh: bool,
    /// Whether nothing of this group follows: the decoder gives out what it holds back.
    pub last: bool,
}

impl Work {
    /// Payload bytes.
    pub fn bytes(&self) -> u64 {
        self.frames.iter().map(|f| f.data.len() as u64).sum()
    }
}

/// What came of a piece of work.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What began, goes on or ended, with a picture if it began.
    pub changes: Vec<(Change, Option<Bytes>)>,
    /// Pictures decoded.
    pub pictures: u32,
    /// Access units that gave none, or an error.
    pub failed: u32,
    /// Something moves, or did a moment ago.
    pub moving: bool,
    /// This key frame shows something else than the last one: the group between them is worth a look.
    pub differs: bool,
    /// What it took.
    pub took: Duration,
}

/// Decodes and judges one feed.
#[derive(Debug)]
pub struct Eye {
    judge: Judge,
    min_area: f32,
    snapshot: snapshot::Settings,
    lost_s: f64,
    decoders: Arc<Decoders>,
    stopwatch: Stopwatch,
    decoder: Option<Borrowed>,
    track: Option<VideoTrack>,
    /// The last key frame's picture.
    key: Option<Small>,
    /// The group being looked at, for a snapshot.
    group: Vec<Arc<Frame>>,
    group_bytes: u64,
    /// Key frames gave no picture since then, seconds.
    blind_since: Option<f64>,
    /// UTC of the feed's time zero, microseconds.
    epoch_us: i64,
}

/// A group larger than this is not kept for a snapshot: its key frame alone is.
const GROUP_MAX_BYTES: u64 = 8 * 1024 * 1024;
const GROUP_MAX_FRAMES: usize = 300;

impl Eye {
    /// For a feed with these zones; what looking costs is told by the stopwatch.
    pub fn new(
        config: &Config,
        zones: Vec<Zone>,
        decoders: Arc<Decoders>,
        stopwatch: Stopwatch,
    ) -> Self {
        Self {
            judge: Judge::new(config, zones),
            min_area: config.motion.min_area as f32,
            snapshot: snapshot::Settings::of(config),
            lost_s: config.quality.lost_s,
            decoders,
            stopwatch,
            decoder: None,
            track: None,
            key: None,
            group: Vec::new(),
            group_bytes: 0,
            blind_since: None,
            epoch_us: 0,
        }
    }

    /// Looks at frames. Blocks for as long as decoding takes.
    pub fn look(&mut self, work: &Work) -> Outcome {
        let began = self.stopwatch.now();
        let mut out = Outcome::default();
        if work.fresh {
            self.put_away();
        }
        for frame in &work.frames {
            self.frame(frame, &mut out);
        }
        if work.last {
            if let Some(decoder) = &mut self.decoder {
                decoder.decoder.flush();
            }
            self.collect(&mut out);
            self.put_away();
        }
        if let Some(at) = work.frames.last().map(|f| f.pts.as_secs_f64()) {
            self.blind(at, &mut out);
            out.moving = self.judge.is_moving(at);
        }
        out.took = self.stopwatch.now().saturating_sub(began);
        out
    }

    /// No frame has come since `since`, and it is `at` now (seconds of the feed's time).
    pub fn silence(&mut self, since: f64, at: f64) -> Outcome {
        let changes = if at - since >= self.lost_s {
            self.judge.lost(since, at)
        } else {
            self.judge.pass(at)
        };
        Outcome {
            changes: changes.into_iter().map(|c| (c, None)).collect(),
            ..Outcome::default()
        }
    }

    /// The feed ends: what is open ends.
    pub fn end(&mut self) -> Outcome {
        self.put_away();
        let changes = self.judge.finish();
        Outcome {
            changes: changes.into_iter().map(|c| (c, None)).collect(),
            ..Outcome::default()
        }
    }

    /// The gateway's clock at a time of the feed.
    pub fn wall(&self, at: f64) -> WallTime {
        WallTime(self.epoch_us.saturating_add((at * 1e6) as i64))
    }

    fn frame(&mut self, frame: &Arc<Frame>, out: &mut Outcome) {
        if self.track.as_ref() != Some(&frame.tracks.video) {
            self.put_away();
            self.key = None;
            self.track = Some(frame.tracks.video.clone());
        }
        if frame.damaged {
            // Half a picture looks like motion. The next key frame begins anew.
            out.failed += 1;
            if !frame.key {
                return;
            }
        }
        if frame.key {
            self.group.clear();
            self.group_bytes = 0;
        }
        self.group_bytes += frame.data.len() as u64;
        if self.group_bytes <= GROUP_MAX_BYTES && self.group.len() < GROUP_MAX_FRAMES {
            self.group.push(Arc::clone(frame));
        }
        if self.decoder.is_none() {
            if !frame.key {
                out.failed += 1;
                return;
            }
            match self.decoders.borrow(&frame.tracks.video) {
                Ok(decoder) => self.decoder = Some(decoder),
                Err(error) => {
                    tracing::debug!(%error, "no decoder");
                    out.failed += 1;
                    self.blind_since.get_or_insert(frame.pts.as_secs_f64());
                    return;
                }
            }
        }
        let before = out.pictures;
        let pushed = self.decoder.as_mut().map(|d| d.push(frame));
        if let Some(Err(error)) = pushed {
            tracing::debug!(%error, feed = frame.feed, "not decoded");
            out.failed += 1;
            self.decoder = None;
        }
        self.collect(out);
        if out.pictures == before && frame.key {
            self.blind_since.get_or_insert(frame.pts.as_secs_f64());
        }
    }

    fn collect(&mut self, out: &mut Outcome) {
        let Some(decoder) = &mut self.decoder else {
            return;
        };
        for picture in decoder.drain() {
            out.pictures += 1;
            self.blind_since = None;
            let us = picture.pts.0.saturating_mul(100) / 9;
            self.epoch_us = picture.captured.as_micros().saturating_sub(us);
            let at = picture.pts.as_secs_f64();
            let Some(small) = Small::of(at, picture.width, picture.height, &picture.luma) else {
                continue;
            };
            let first = self.group.first().filter(|f| f.key);
            let key = first.is_some_and(|f| f.pts == picture.pts);
            let (_, changes) = self.judge.picture(&small, key);
            for change in changes {
                let wanted = change.phase == Phase::Start;
                let still = wanted.then(|| snapshot::of(&self.group, picture.pts, &self.snapshot));
                out.changes.push((change, still.flatten()));
            }
            if key {
                if let Some(last) = &self.key {
                    out.differs |= self.judge.differs(&small, last) >= self.min_area;
                }
                self.key = Some(small);
            }
        }
    }

    /// Nothing that decodes for long is a lost picture.
    fn blind(&mut self, at: f64, out: &mut Outcome) {
        if let Some(since) = self.blind_since
            && at - since >= self.lost_s
        {
            let changes = self.judge.lost(since, at);
            out.changes.extend(changes.into_iter().map(|c| (c, None)));
        }
    }

    fn put_away(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            self.decoders.give_back(decoder);
        }
        self.group.clear();
        self.group_bytes = 0;
    }
}

/// Decoders that nobody uses just now. Cameras of one model have the same parameters, and a key frame needs nothing of what
/// was decoded before: so 600 cameras looked at in turn share a few decoders, and their memory.
#[derive(Debug, Default)]
pub struct Decoders(Mutex<Vec<Idle>>);

#[derive(Debug)]
struct Idle {
    decoder: Decoder,
    track: VideoTrack,
    newest: MediaTime,
}

/// A decoder in use by one feed, whose times are shifted so that they go on rising for the decoder.
#[derive(Debug)]
struct Borrowed {
    decoder: Decoder,
    track: VideoTrack,
    newest: MediaTime,
    shift: Option<MediaTime>,
}

impl Decoders {
    /// Idle decoders kept; more are closed.
    const KEPT: usize = 16;

    fn borrow(&self, track: &VideoTrack) -> Result<Borrowed, ingest::decode::DecodeError> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = idle.iter().position(|i| i.track == *track) {
            let Idle {
                decoder,
                track,
                newest,
            } = idle.swap_remove(i);
            return Ok(Borrowed {
                decoder,
                track,
                newest,
                shift: None,
            });
        }
        drop(idle);
        let options = Options {
            max_width: Small::MAX_WIDTH,
            format: Format::Luma,
        };
        Ok(Borrowed {
            decoder: Decoder::new(track, options)?,
            track: track.clone(),
            newest: MediaTime(0),
            shift: None,
        })
    }

    fn give_back(&self, mut borrowed: Borrowed) {
        // What it still holds back belongs to nobody any more.
        borrowed.decoder.flush();
        let left = borrowed.decoder.drain().len();
        tracing::trace!(left, "decoder put away");
        let Borrowed {
            decoder,
            track,
            newest,
            ..
        } = borrowed;
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= Self::KEPT {
            idle.remove(0);
        }
        idle.push(Idle {
            decoder,
            track,
            newest,
        });
    }
}

impl Borrowed {
    fn push(&mut self, frame: &Frame) -> Result<(), ingest::decode::DecodeError> {
        let newest = self.newest;
        let second = MediaTime(i64::from(MediaTime::SCALE));
        let shift = *self
            .shift
            .get_or_insert_with(|| newest + second - frame.pts);
        let pts = frame.pts + shift;
        self.newest = self.newest.max(pts);
        self.decoder
            .push_unit(frame.data.clone(), pts, frame.captured, frame.key)
    }

    fn drain(&mut self) -> Vec<Picture> {
        let shift = self.shift.unwrap_or_default();
        let mut pictures = self.decoder.drain();
        for picture in &mut pictures {
            picture.pts = picture.pts - shift;
        }
        pictures
    }
}

//! What one segment gives to a playback: its samples with their times in the playback's file, and their rows in its tables.
//!
//! A row is of one segment alone: runs do not go on from one segment into the next, and a segment's last sample has a run of
//! its own, since the segment after it decides how long it lasts. So how many rows there are is known from every segment's
//! [`Counts`], and what they say when its file is read.

use std::time::Duration;

use media::{MediaTime, Tracks, WallTime, fmp4::Sample as Recorded};

use super::{Extent, INLINE, Mapped};
use crate::segment::{Counts, Fragment, Summary, summary::tracks_number};

/// Where a segment's samples begin in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Bytes of samples before it.
    pub(super) bytes: u64,
    /// Decode time of its first picture.
    pub(super) now: i64,
    /// Decode time behind the last sound before it.
    pub(super) audio_end: i64,
}

/// What is taken of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<'a> {
    /// In which fragment it begins, and with which key frame.
    pub(super) first: usize,
    pub(super) key: Key,
    /// Before which wall time it ends.
    pub(super) until: WallTime,
    /// What must stand before its first picture, and where that is among what is in no segment.
    pub(super) sets: &'a [u8],
    pub(super) sets_at: u64,
}

impl Cut<'_> {
    /// All of a segment.
    fn whole(first: usize, key: Key) -> Self {
        Self {
            first,
            key,
            until: WallTime(i64::MAX),
            sets: &[],
            sets_at: 0,
        }
    }
}

/// A key frame's times in its segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) dts: MediaTime,
    pub(super) pts: MediaTime,
}

/// The samples of a segment that are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) video: Samples,
    pub(super) audio: Samples,
    pub(super) extents: Vec<Extent>,
    /// Bytes of all samples up to their end.
    pub(super) bytes: u64,
    /// Behind all that is decoded and all that is shown.
    pub(super) now: i64,
    pub(super) audio_end: i64,
    /// By how much its first picture is shown later than it is decoded.
    pub(super) delay: i64,
    /// Wall time of its first picture, and the latest of all its samples.
    pub(super) wall: Option<(WallTime, WallTime)>,
}

/// Those of one track.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    pub(super) samples: Vec<Sample>,
    pub(super) chunks: Vec<Chunk>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// In the file's decode time.
    pub(super) time: i64,
    pub(super) size: u32,
    /// Shown later than decoded by this and [`super::Mux::delay`].
    pub(super) composition: i32,
    pub(super) sync: bool,
}

/// Samples that lie one behind the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// In the samples' data.
    pub(super) at: u64,
    pub(super) samples: u32,
}

/// A sound that begins by so much before the end of the one before is left out: 10 ms.
pub(super) const OVERLAP: i64 = 900;
/// A segment whose fragments' wall times are further from what its media time says is not told in a summary.
const EVEN: Duration = Duration::from_millis(100);
/// How far behind its end a segment's samples may be said to lie: sound goes on while a picture is waited for.
pub(crate) const MARGIN: Duration = Duration::from_secs(2);

impl Content {
    /// What `cut` takes of a segment's fragments, read from `source`.
    pub(super) fn of(fragments: &[Fragment], cut: &Cut<'_>, start: Start, source: u32) -> Self {
        let (key, until) = (cut.key, cut.until);
        // Both tracks' times in the segment become the file's by the same shift.
        let shift = start.now - key.dts.0;
        // The first picture is shown at its decode time, whatever the segment's own delay: so are those around a join in order.
        let delay = (key.pts - key.dts).0;
        let mut this = Self {
            bytes: start.bytes,
            now: start.now,
            audio_end: start.audio_end,
            delay,
            ..Self::default()
        };
        let mut sets = cut.sets;
        for fragment in &fragments[cut.first..] {
            if fragment.wall >= until {
                break;
            }
            this.video.begin_chunk(this.bytes);
            for (dts, sample, offset) in fragment.video.timed() {
                let (pts, wall) = (dts + sample.composition, fragment.wall_at(dts));
                // Before the first picture in order of decoding, or of showing (its references are not here), or behind the end.
                if dts < key.dts || pts < key.pts || wall >= until {
                    continue;
                }
                this.saw(wall);
                let shown = pts.0 - delay;
                this.now = this
                    .now
                    .max(shown.max(dts.0) + shift + sample.duration.0.max(1));
                let sets = std::mem::take(&mut sets);
                this.video.push(Sample {
                    time: dts.0 + shift,
                    size: sample.size.saturating_add(sets.len() as u32),
                    composition: (sample.composition.0 - delay)
                        .clamp(i32::MIN.into(), i32::MAX.into())
                        as i32,
                    sync: sample.sync,
                });
                if !sets.is_empty() {
                    this.take(INLINE, cut.sets_at, sets.len() as u32);
                }
                this.take(source, offset, sample.size);
            }
            this.audio.begin_chunk(this.bytes);
            for (dts, sample, offset) in fragment.audio.timed() {
                // The pictures are shown earlier by their delay: so is what is heard with them.
                let time = dts.0 + shift - delay;
                let wall = fragment.wall_at(dts);
                let overlaps = time + OVERLAP < this.audio_end;
                if time < 0 || dts < key.dts || overlaps || wall >= until {
                    continue;
                }
                if let Some((_, last)) = &mut this.wall {
                    *last = wall.max(*last);
                }
                this.audio_end = time + sample.duration.0.max(1);
                this.audio.push(Sample {
                    time,
                    size: sample.size,
                    composition: 0,
                    sync: true,
                });
                this.take(source, offset, sample.size);
            }
        }
        this.video.chunks.retain(|c| c.samples > 0);
        this.audio.chunks.retain(|c| c.samples > 0);
        this
    }

    /// All of a segment, of which the plan knew no more than its summary.
    pub(super) fn whole(fragments: &[Fragment], start: Start, source: u32) -> Option<Self> {
        let (first, key) = first_key(fragments, WallTime(i64::MAX), None)?;
        let cut = Cut::whole(first, key);
        Some(Self::of(fragments, &cut, start, source))
    }

    fn saw(&mut self, wall: WallTime) {
        let (_, last) = self.wall.get_or_insert((wall, wall));
        *last = wall.max(*last);
    }

    /// The next bytes of the file are these.
    fn take(&mut self, source: u32, offset: u64, size: u32) {
        let len = u64::from(size);
        match self.extents.last_mut() {
            Some(last) if last.source == source && last.offset + last.len == offset => {
                last.len += len
            }
            _ => self.extents.push(Extent {
                at: self.bytes,
                len,
                source,
                offset,
            }),
        }
        self.bytes += len;
    }
}

/// The key frame to begin at, and its fragment: the last at or before `from` if there is one, else the first before `until`.
pub(super) fn first_key(
    fragments: &[Fragment],
    until: WallTime,
    from: Option<WallTime>,
) -> Option<(usize, Key)> {
    let mut found = None;
    for (n, fragment) in fragments.iter().enumerate() {
        for (dts, sample, _) in fragment.video.timed().filter(|(_, s, _)| s.sync) {
            let wall = fragment.wall_at(dts);
            if found.is_some() && from.is_none_or(|from| wall > from) {
                return found;
            }
            if wall < until {
                let pts = dts + sample.composition;
                found = Some((n, Key { dts, pts }));
            }
        }
    }
    found
}

/// What a playback's tables take of a whole segment that ends at `end`; none where that cannot be said in a summary: its wall
/// time jumps, or it does not begin with a key frame.
pub(crate) fn summary(tracks: &Tracks, fragments: &[Fragment], end: WallTime) -> Option<Summary> {
    let (first, key) = first_key(fragments, WallTime(i64::MAX), None)?;
    let is_first = |(dts, _, _): (MediaTime, &Recorded, u64)| dts == key.dts;
    if first > 0 || !fragments[0].video.timed().next().is_some_and(is_first) {
        return None;
    }
    let delay = (key.pts - key.dts).0;
    let cut = Cut::whole(first, key);
    // So that no time is below zero, and no sound before it is in the way.
    let start = Start {
        bytes: 0,
        now: delay.max(0),
        audio_end: i64::MIN / 2,
    };
    let content = Content::of(fragments, &cut, start, 0);
    let (_, last) = content.wall?;
    if last >= end + MARGIN || !is_even(fragments) {
        return None;
    }
    // A sound's time is in the file's, which the pictures' delay was taken from.
    let behind = |time: i64| u32::try_from(time - start.now + delay).ok();
    let (audio_first, audio_end) = match content.audio.samples.first() {
        Some(first) => (behind(first.time)?, behind(content.audio_end)?),
        None => (0, 0),
    };
    Some(Summary {
        tracks: tracks_number(tracks),
        bytes: content.bytes,
        delay: delay.try_into().ok()?,
        span: u32::try_from(content.now - start.now).ok()?,
        video: content.video.counts(),
        audio: content.audio.counts(),
        audio_first,
        audio_end,
    })
}

/// Whether wall time and media time run on alike in all of a segment.
fn is_even(fragments: &[Fragment]) -> bool {
    let mut line: Option<Mapped> = None;
    fragments.iter().all(|fragment| {
        let Some(next) = Mapped::of(fragment, |_| true, 0) else {
            return true;
        };
        let goes_on = line.is_none_or(|line| line.goes_on_as(&next, EVEN));
        let line = line.get_or_insert(next);
        line.media_end = next.media_end;
        goes_on
    })
}

/// A table of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// `stts`
    Times,
    /// `ctts`
    Delays,
    /// `stss`
    Keys,
    /// `stsc`
    Chunks,
    /// `stsz`
    Sizes,
    /// `co64`
    Offsets,
}

impl Table {
    pub(super) const ALL: [Self; 6] = [
        Self::Times,
        Self::Delays,
        Self::Keys,
        Self::Chunks,
        Self::Sizes,
        Self::Offsets,
    ];

    /// Its rows of a segment.
    pub(super) fn rows(self, counts: &Counts) -> u32 {
        match self {
            Self::Times => counts.times,
            Self::Delays => counts.delays,
            Self::Keys => counts.keys,
            Self::Chunks | Self::Offsets => counts.chunks,
            Self::Sizes => counts.samples,
        }
    }

    /// Bytes of a row.
    pub(super) fn row(self) -> u64 {
        match self {
            Self::Times | Self::Delays | Self::Offsets => 8,
            Self::Keys | Self::Sizes => 4,
            Self::Chunks => 12,
        }
    }

    /// Bytes of a segment's rows.
    pub(super) fn len(self, counts: &Counts) -> u64 {
        u64::from(self.rows(counts)) * self.row()
    }
}

/// Where a segment's samples stand in their track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Samples and chunks before it.
    pub(super) samples: u32,
    pub(super) chunks: u32,
    /// Number of the sample entry, from 1.
    pub(super) entry: u32,
    /// Time of the track's next sample behind it, or of its end.
    pub(super) next: i64,
}

impl Samples {
    fn begin_chunk(&mut self, at: u64) {
        match self.chunks.last_mut().filter(|c| c.samples == 0) {
            Some(empty) => empty.at = at,
            None => self.chunks.push(Chunk { at, samples: 0 }),
        }
    }

    fn push(&mut self, sample: Sample) {
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.samples += 1;
        }
        self.samples.push(sample);
    }

    /// How long each sample lasts but the last.
    fn durations(&self) -> impl Iterator<Item = u32> {
        self.samples
            .windows(2)
            .map(|pair| duration(pair[0].time, pair[1].time))
    }

    pub(super) fn counts(&self) -> Counts {
        let (mut times, mut delays, mut before) = (0, 0, None);
        for now in self.durations() {
            times += u32::from(before.replace(now) != Some(now));
        }
        let mut before = None;
        for now in self.samples.iter().map(|s| s.composition) {
            delays += u32::from(before.replace(now) != Some(now));
        }
        Counts {
            samples: self.samples.len() as u32,
            keys: self.samples.iter().filter(|s| s.sync).count() as u32,
            chunks: self.chunks.len() as u32,
            times: times + u32::from(!self.samples.is_empty()),
            delays,
        }
    }

    /// Appends a table's rows. `delay` is that of all pictures of the file, `base` where its samples begin.
    pub(super) fn write(
        &self,
        table: Table,
        standing: &Standing,
        delay: i64,
        base: u64,
        out: &mut Vec<u8>,
    ) {
        let mut put = |n: u32| out.extend_from_slice(&n.to_be_bytes());
        match table {
            Table::Times => {
                runs(self.durations(), |count, duration| {
                    put(count);
                    put(duration);
                });
                if let Some(last) = self.samples.last() {
                    put(1);
                    put(duration(last.time, standing.next));
                }
            }
            Table::Delays => runs(self.samples.iter().map(|s| s.composition), |count, late| {
                put(count);
                put((i64::from(late) + delay).clamp(0, i64::from(i32::MAX)) as u32);
            }),
            Table::Keys => {
                for (n, _) in self.samples.iter().enumerate().filter(|(_, s)| s.sync) {
                    put(standing.samples + n as u32 + 1);
                }
            }
            Table::Chunks => {
                for (n, chunk) in self.chunks.iter().enumerate() {
                    put(standing.chunks + n as u32 + 1);
                    put(chunk.samples);
                    put(standing.entry);
                }
            }
            Table::Sizes => self.samples.iter().for_each(|s| put(s.size)),
            Table::Offsets => {
                for chunk in &self.chunks {
                    out.extend_from_slice(&(base + chunk.at).to_be_bytes());
                }
            }
        }
    }
}

fn duration(from: i64, to: i64) -> u32 {
    (to - from).clamp(1, u32::MAX.into()) as u32
}

/// How often each number comes in a row.
fn runs<T: PartialEq + Copy>(numbers: impl Iterator<Item = T>, mut put: impl FnMut(u32, T)) {
    let mut run: Option<(u32, T)> = None;
    for number in numbers {
        match &mut run {
            Some((count, n)) if *n == number => *count += 1,
            _ => {
                if let Some((count, n)) = run.replace((1, number)) {
                    put(count, n);
                }
            }
        }
    }
    if let Some((count, n)) = run {
        put(count, n);
    }
}

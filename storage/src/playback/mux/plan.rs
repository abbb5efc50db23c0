//! The file's head: laid out when it is known how much every segment puts into the tables, filled in when they are asked for.

use std::sync::OnceLock;

use media::{
    MediaTime, WallTime,
    fmp4::{TrackRef, boxed, movie_header, put32, put64},
};

use super::{
    Extent, Mapped, Mux, Piece,
    lane::Member,
    part::{Content, Samples, Standing, Start, Table},
};
use crate::segment::{Counts, Layout};

/// Where rows belong in a head without them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) at: usize,
    /// Bytes of the rows.
    pub(super) len: u64,
    /// The track's number.
    pub(super) lane: u32,
    pub(super) table: Table,
}

/// A file of which the length is known, and everything but what summaries do not say.
#[derive(Debug)]
pub(crate) struct Plan {
    /// `ftyp`, `moov`, and the header of `mdat`, without the tables' rows.
    skeleton: Vec<u8>,
    gaps: Vec<Gap>,
    /// Bytes before the samples.
    pub(crate) head_len: u64,
    /// Bytes of the samples.
    pub(crate) bytes: u64,
    pub(crate) parts: Vec<Planned>,
    /// What extents of [`super::INLINE`] are of.
    pub(crate) inline: Vec<u8>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) start: WallTime,
    pub(crate) duration: MediaTime,
    delay: i64,
}

/// A segment in it.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) source: u32,
    start: Start,
    /// Behind its samples.
    end: u64,
    places: Vec<Place>,
    /// Where its file has been read: its rows, table by table and track by track.
    pub(crate) rows: Option<Box<[u8]>>,
    /// Where its samples are, once its file has been read.
    pub(crate) extents: OnceLock<Box<[Extent]>>,
}

/// What a segment's file says of its samples.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) rows: Box<[u8]>,
    pub(crate) extents: Box<[Extent]>,
}

/// Where a track's rows of a segment are in the head.
#[derive(Clone, Copy, Debug)]
struct Place {
    video: bool,
    counts: Counts,
    standing: Standing,
    /// Of each table; none where the track has no such.
    at: [Option<u64>; Table::ALL.len()],
}

impl Planned {
    /// Bytes of samples before it, and up to its end.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        self.start.bytes..self.end
    }
}

/// What was muxed, of segments whose files were all read.
#[derive(Debug)]
pub(crate) struct Muxed {
    /// `ftyp`, `moov`, and the header of `mdat`.
    pub(crate) head: Vec<u8>,
    pub(crate) extents: Vec<Extent>,
    /// What extents of [`super::INLINE`] are of.
    pub(crate) inline: Vec<u8>,
    /// Where in the head a chunk's place stands (64 bits), and where the chunk begins in the samples. Its end is where the next
    /// one begins.
    pub(crate) chunks: Vec<(usize, u64)>,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) duration: MediaTime,
}

impl Mux {
    /// The file; none where no sample was added.
    pub(crate) fn plan(self) -> Option<Plan> {
        let start = self.start?;
        let duration = self.now.max(self.audio_end);
        let (mut skeleton, mut gaps) = (Vec::new(), Vec::new());
        boxed(&mut skeleton, b"ftyp", |out| {
            out.extend_from_slice(b"isom");
            put32(out, 0x200);
            out.extend_from_slice(b"isomiso2avc1mp41");
        });
        let audio = || self.audio.iter().filter(|lane| !lane.members.is_empty());
        let video = || self.video.iter().filter(|lane| !lane.members.is_empty());
        boxed(&mut skeleton, b"moov", |out| {
            movie_header(out, duration.max(0) as u64);
            let next = (self.video.len() + self.audio.len() + 1) as u32;
            let at = out.len() - 4;
            out[at..].copy_from_slice(&next.to_be_bytes());
            let mut id = 0;
            for lane in video() {
                id += 1;
                lane.write(out, id, TrackRef::Video(&lane.track), self.delay, &mut gaps);
            }
            for lane in audio() {
                id += 1;
                lane.write(out, id, TrackRef::Audio(&lane.track), 0, &mut gaps);
            }
        });
        let end = skeleton.len();
        grow(&mut skeleton, 0, end, &gaps);
        put32(&mut skeleton, 1);
        skeleton.extend_from_slice(b"mdat");
        put64(&mut skeleton, self.bytes + 16);
        let head_len = skeleton.len() as u64 + gaps.iter().map(|g| g.len).sum::<u64>();

        let ends = self.parts.iter().skip(1).map(|p| p.start.bytes);
        let ends: Vec<u64> = ends.chain([self.bytes]).collect();
        let (mut contents, mut parts) = (Vec::new(), Vec::with_capacity(self.parts.len()));
        for (part, end) in self.parts.into_iter().zip(ends) {
            contents.push(part.content);
            parts.push(Planned {
                source: part.source,
                start: part.start,
                end,
                places: Vec::with_capacity(2),
                rows: None,
                extents: OnceLock::new(),
            });
        }
        let lanes = self.video.iter().map(|lane| (true, &lane.members));
        let lanes = lanes.chain(self.audio.iter().map(|lane| (false, &lane.members)));
        let lanes = lanes.filter(|(_, members)| !members.is_empty());
        for ((video, members), id) in lanes.zip(1..) {
            place(&mut parts, members, video, id, &gaps);
        }
        let plan = Plan {
            skeleton,
            gaps,
            head_len,
            bytes: self.bytes,
            parts: Vec::new(),
            inline: self.inline,
            pieces: self.pieces.iter().map(Mapped::piece).collect(),
            start,
            duration: MediaTime(duration),
            delay: self.delay,
        };
        for (part, content) in parts.iter_mut().zip(contents) {
            // Of what was read, only what is sent is kept.
            let Some(content) = content else { continue };
            part.rows = plan.rows(part, &content);
            let _ = part.extents.set(content.extents.into());
        }
        Some(Plan { parts, ..plan })
    }

    /// The file's head and all that it says; none where no sample was added. Of segments whose files were all read.
    pub(crate) fn finish(self) -> Option<Muxed> {
        let plan = self.plan()?;
        let mut head = plan.blank();
        let mut chunks = Vec::new();
        let (mut extents, base) = (Vec::new(), plan.head_len);
        for part in &plan.parts {
            plan.put(part, part.rows.as_deref().unwrap_or_default(), &mut head);
            extents.extend_from_slice(part.extents.get().map_or(&[], |e| e));
            for place in &part.places {
                let Some(at) = place.at[Table::Offsets as usize] else {
                    continue;
                };
                for n in 0..u64::from(place.counts.chunks) {
                    let stands = (at + n * Table::Offsets.row()) as usize;
                    let mut place = [0; 8];
                    place.copy_from_slice(&head[stands..stands + 8]);
                    chunks.push((stands, u64::from_be_bytes(place) - base));
                }
            }
        }
        Some(Muxed {
            head,
            extents,
            inline: plan.inline,
            chunks,
            pieces: plan.pieces,
            duration: plan.duration,
        })
    }
}

impl Plan {
    /// What of the head is known before any table is.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.skeleton[..self.gaps.first().map_or(0, |gap| gap.at)]
    }

    /// All that is known of the head, and of which segments how much: the same file has the same, another one another.
    pub(crate) fn identity(&self, mut hash: impl FnMut(&[u8])) {
        hash(&self.skeleton);
        hash(&self.inline);
        for part in &self.parts {
            hash(&part.end.to_be_bytes());
            hash(part.rows.as_deref().unwrap_or_default());
            for place in &part.places {
                let (counts, standing) = (&place.counts, &place.standing);
                let numbers = [counts.samples, counts.keys, counts.chunks, standing.entry];
                numbers.iter().for_each(|n| hash(&n.to_be_bytes()));
                hash(&standing.next.to_be_bytes());
            }
        }
    }

    /// The head with zeros for the tables' rows.
    pub(crate) fn blank(&self) -> Vec<u8> {
        let mut head = vec![0; self.head_len as usize];
        let (mut from, mut to) = (0, 0);
        for gap in &self.gaps {
            let known = &self.skeleton[from..gap.at];
            head[to..to + known.len()].copy_from_slice(known);
            from = gap.at;
            to += known.len() + gap.len as usize;
        }
        let known = &self.skeleton[from..];
        head[to..].copy_from_slice(known);
        head
    }

    /// What a segment's file says of its samples; none where that is not what was planned.
    pub(crate) fn read(&self, part: &Planned, layout: &Layout) -> Option<Seen> {
        let content = Content::whole(&layout.fragments, part.start, part.source)?;
        let rows = self.rows(part, &content)?;
        let extents = content.extents.into();
        (content.bytes == part.end).then_some(Seen { rows, extents })
    }

    /// Puts a segment's rows where they belong.
    pub(crate) fn put(&self, part: &Planned, rows: &[u8], head: &mut [u8]) {
        let mut from = 0;
        for place in &part.places {
            for (table, at) in Table::ALL.iter().zip(place.at) {
                let Some(at) = at else { continue };
                let (at, len) = (at as usize, table.len(&place.counts) as usize);
                if let Some(rows) = rows.get(from..from + len) {
                    head[at..at + len].copy_from_slice(rows);
                }
                from += len;
            }
        }
    }

    /// A segment's rows; none where there are not as many as was planned.
    fn rows(&self, part: &Planned, content: &Content) -> Option<Box<[u8]>> {
        let mut rows = Vec::new();
        let mut tracks = 0;
        for place in &part.places {
            let samples: &Samples = match place.video {
                true => &content.video,
                false => &content.audio,
            };
            if samples.counts() != place.counts {
                return None;
            }
            tracks += 1;
            for (table, _) in Table::ALL
                .iter()
                .zip(place.at)
                .filter(|(_, at)| at.is_some())
            {
                samples.write(
                    *table,
                    &place.standing,
                    self.delay,
                    self.head_len,
                    &mut rows,
                );
            }
        }
        let is_there = |samples: &Samples| usize::from(!samples.samples.is_empty());
        (is_there(&content.video) + is_there(&content.audio) == tracks).then(|| rows.into())
    }
}

/// Says of each segment in a lane where its rows are.
fn place(parts: &mut [Planned], members: &[Member], video: bool, id: u32, gaps: &[Gap]) {
    let mut at = [None; Table::ALL.len()];
    let mut before = 0;
    for gap in gaps {
        if gap.lane == id {
            at[gap.table as usize] = Some(gap.at as u64 + before);
        }
        before += gap.len;
    }
    let (mut samples, mut chunks) = (0, 0);
    for (n, member) in members.iter().enumerate() {
        let next = members.get(n + 1).map_or(member.end, |next| next.first);
        parts[member.part as usize].places.push(Place {
            video,
            counts: member.counts,
            standing: Standing {
                samples,
                chunks,
                entry: member.entry,
                next,
            },
            at,
        });
        samples += member.counts.samples;
        chunks += member.counts.chunks;
        for (table, at) in Table::ALL.iter().zip(&mut at) {
            if let Some(at) = at {
                *at += table.len(&member.counts);
            }
        }
    }
}

/// Makes the boxes in `from..to` as long as they are with what the gaps in them hold.
fn grow(bytes: &mut [u8], from: usize, to: usize, gaps: &[Gap]) {
    let mut at = from;
    while at + 8 <= to {
        let mut size = [0; 4];
        size.copy_from_slice(&bytes[at..at + 4]);
        let size = u32::from_be_bytes(size);
        let end = at + size as usize;
        if matches!(
            &bytes[at + 4..at + 8],
            b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl"
        ) {
            grow(bytes, at + 8, end, gaps);
        }
        let inside = gaps.iter().filter(|gap| at < gap.at && gap.at <= end);
        let more = inside.map(|gap| gap.len as u32).sum::<u32>();
        bytes[at..at + 4].copy_from_slice(&(size + more).to_be_bytes());
        at = end;
    }
}

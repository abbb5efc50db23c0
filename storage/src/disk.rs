//! What a recorder does to the disks: runs on a volume's threads, one job of a recorder at a time.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use media::{FeedId, Reason, ReasonCode, Tracks, WallTime};

use crate::{
    Error,
    archive::{Head, Shared},
    claims::Claim,
    index::{Entry, Origin},
    paths,
    pool::Pool,
    recover,
    segment::{self, Header, Writer},
    segmenter::{Batch, Step},
    timeline::Gap,
    volume::{Place, Volume},
};

/// The open segment of one recorder, and its place in the chain.
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    feed: FeedId,
    open: Option<Open>,
    /// Where the next segment is to be, chosen before the job so that the right volume's threads run it.
    next: Option<Place>,
    chain: Option<Chain>,
    /// Up to where frames are in files.
    pub(crate) until: Option<WallTime>,
    /// Whether the last run wrote frames.
    pub(crate) wrote: bool,
    /// How often the segment that failed could not be sealed.
    refused: u32,
    /// Segments that were given up: sealed when the disk takes things again.
    left: Vec<Left>,
    /// Size of the segment before: as much is set aside for the next.
    size: u64,
    /// The newest number given, for whoever goes on without this one.
    given: Arc<AtomicU64>,
    /// It has the place of one whose disk hangs: a write without an open segment begins one. Up to where that one got.
    adrift: Option<Option<WallTime>>,
    /// Another one has its place: the feed is not its own any more.
    orphan: Arc<AtomicBool>,
}

/// What is known of a disk while a job has it.
#[derive(Debug)]
pub(crate) struct Away {
    /// The volume it writes to.
    pub(crate) volume: u16,
    given: Arc<AtomicU64>,
    orphan: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Open {
    writer: Writer,
    place: Place,
    claim: Option<Claim>,
}

#[derive(Debug)]
struct Left {
    path: PathBuf,
    volume: Arc<Volume>,
    _claim: Option<Claim>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    sequence: u64,
    digest: [u8; 32],
}

/// After so many refusals a segment is left alone, to be cut back and sealed when the next one has been.
const TRIES: u32 = 3;
/// So many are remembered; what is beyond is taken in when its volume is back, or by the next start.
const MAX_LEFT: usize = 64;
/// What is set aside for a segment at most, and what is too little to be worth a call.
const MAX_RESERVE: u64 = 256 * 1024 * 1024;
/// How long somebody else may have the newest segment in hand.
const IN_HAND: Duration = Duration::from_secs(2);
const MIN_RESERVE: u64 = 1024 * 1024;

impl Disk {
    pub(crate) fn new(shared: Arc<Shared>, feed: FeedId) -> Self {
        Self {
            shared,
            feed,
            open: None,
            next: None,
            chain: None,
            until: None,
            wrote: false,
            refused: 0,
            left: Vec::new(),
            size: 0,
            given: Arc::default(),
            adrift: None,
            orphan: Arc::default(),
        }
    }

    /// The one that takes the place of one whose call has not come back, and which got to `until`. It goes on with the next
    /// number that the other cannot take any more, on a volume that does well.
    pub(crate) fn instead(
        shared: Arc<Shared>,
        feed: FeedId,
        of: &Away,
        until: Option<WallTime>,
    ) -> Self {
        of.orphan.store(true, Ordering::Relaxed);
        // A job opens one segment at most.
        let sequence = of.given.load(Ordering::Relaxed).saturating_add(1);
        shared.begins_anew(feed, sequence.saturating_add(1));
        Self {
            chain: Some(Chain {
                sequence,
                digest: [0; 32],
            }),
            given: Arc::new(AtomicU64::new(sequence)),
            adrift: Some(until),
            ..Self::new(shared, feed)
        }
    }

    /// What is known of it while a job has it; none where no volume takes anything.
    pub(crate) fn away(&self) -> Option<Away> {
        let own = self.open.as_ref().map(|open| &open.place);
        let place = self.next.as_ref().or(own)?;
        Some(Away {
            volume: place.0.number,
            given: Arc::clone(&self.given),
            orphan: Arc::clone(&self.orphan),
        })
    }

    /// Its job has come back, and nobody waits for it any more: what it wrote is completed, and it ends.
    pub(crate) fn complete(mut self) {
        if let Err(e) = self.seal(None) {
            tracing::warn!(feed = %self.feed, error = %e, "recorder: what a disk that hung took is not sealed; it is when the disk is back");
        }
    }

    /// The threads for a job; `opens` where it begins with a new segment. None where nothing takes recordings: any may say so.
    pub(crate) fn pool(&mut self, opens: bool) -> Option<Pool> {
        let volumes = &self.shared.volumes;
        let opens = opens || (self.open.is_none() && self.adrift.is_some());
        if opens {
            self.next = volumes.place(self.feed.camera, &[]);
        }
        let own = self.open.as_ref().map(|open| &open.place);
        let place = if opens { self.next.as_ref() } else { own };
        let place = place.or(own);
        let any = || volumes.all().iter().find_map(|v| volumes.pool(v));
        place.and_then(|p| volumes.pool(&p.0)).or_else(any)
    }

    /// Carries steps out; stops at the first that fails.
    pub(crate) fn run(&mut self, steps: impl IntoIterator<Item = Step>) -> Result<(), Error> {
        self.wrote = false;
        steps.into_iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: Step) -> Result<(), Error> {
        match step {
            Step::Open { tracks, start } => {
                self.settle()?;
                self.open(tracks, start)
            }
            Step::Write(batch) => self.write(&batch),
            Step::Seal { end } => match self.seal(Some(end)) {
                Err(e) if self.may_leave() => {
                    // The next segment has another disk: nothing more is lost than this one may be.
                    self.leave(&e);
                    Ok(())
                }
                sealed => sealed,
            },
        }
    }

    /// Begins a segment on the first volume that takes it.
    fn open(&mut self, tracks: Arc<Tracks>, start: WallTime) -> Result<(), Error> {
        let chain = self.chain()?;
        let mut next = self.next.take();
        let (mut tried, mut failed) = (Vec::new(), None);
        loop {
            let shared = &self.shared;
            let place = next
                .take()
                .or_else(|| shared.volumes.place(self.feed.camera, &tried));
            let Some(place) = place else {
                return Err(failed.unwrap_or_else(|| shared.volumes.none_left()));
            };
            let entry = Entry {
                start,
                end: start,
                sequence: chain.sequence + 1,
                bytes: 0,
                volume: place.0.number,
                origin: Origin::Gateway,
            };
            let header = Header {
                camera: self.feed.camera,
                profile: self.feed.profile,
                writer: shared.writer,
                sequence: entry.sequence,
                start,
                previous: chain.digest,
                origin: entry.origin,
            };
            self.given.store(entry.sequence, Ordering::Relaxed);
            shared.set_aside(self.feed, entry.sequence);
            let path = paths::segment(&place.0.path, self.feed, &entry);
            let claim = shared.claims.claim(&path);
            let reserve = match self.size >= MIN_RESERVE {
                // A little more than the one before: what is too much is given back at the seal.
                true => (self.size + self.size / 16).min(MAX_RESERVE),
                false => 0,
            };
            match Writer::create(&shared.files, path, header, Arc::clone(&tracks), reserve) {
                Ok(writer) => {
                    self.open = Some(Open {
                        writer,
                        place,
                        claim,
                    });
                    self.landed(start);
                    return Ok(());
                }
                Err(e) => {
                    self.failed(&place.0, &e);
                    tried.push(place.0.number);
                    failed = Some(e);
                }
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Error> {
        if self.open.is_none() && self.adrift.is_some() && !self.land(batch)? {
            return Ok(());
        }
        let Some(open) = &mut self.open else {
            return Err(Error::Closed("the segment"));
        };
        if let Err(e) = open.writer.write(batch) {
            let (volume, tracks) = (Arc::clone(&open.place.0), Arc::clone(open.writer.tracks()));
            self.failed(&volume, &e);
            // A group's begin can be a segment's: it goes on another disk, and nothing of it is lost.
            if !batch.begins_with_key() || !self.may_leave() {
                return Err(e);
            }
            if self.seal(None).is_err() {
                self.leave(&e);
            }
            self.open(tracks, batch.wall)?;
            let Some(open) = &mut self.open else {
                return Err(e);
            };
            open.writer.write(batch)?;
        }
        let Some(open) = &self.open else {
            return Err(Error::Closed("the segment"));
        };
        self.shared.volumes.works(&open.place.0);
        self.until = Some(open.writer.end());
        self.wrote = true;
        let head = Head {
            entry: open.entry(),
            path: open.writer.path().to_owned(),
        };
        self.show(Some(head));
        Ok(())
    }

    /// Begins a segment in the place of one whose disk hangs, where the batch can be its first; gives whether it did.
    fn land(&mut self, batch: &Batch) -> Result<bool, Error> {
        let first = batch.video.first().filter(|v| v.frame.key);
        let Some(first) = first else {
            return Ok(false);
        };
        self.open(Arc::clone(&first.frame.tracks), batch.wall)?;
        Ok(true)
    }

    /// It has the place of one whose disk hangs no more: a segment begins. What the other one has is found when its call comes
    /// back; the note is then covered by what was recorded.
    fn landed(&mut self, start: WallTime) {
        if let Some(Some(until)) = self.adrift.take()
            && until < start
        {
            let text = format!("{}: a call to the disk did not come back", self.feed);
            let gap = Gap {
                start: until,
                end: start,
                reason: Reason::new(ReasonCode::DiskSlow, text),
            };
            self.shared.note(self.feed, gap);
        }
    }

    /// Says how far the open segment is, unless the feed is another one's by now.
    fn show(&self, head: Option<Head>) {
        if !self.orphan.load(Ordering::Relaxed) {
            self.shared.live(self.feed, |live| live.head = head);
        }
    }

    /// A call failed on a volume.
    fn failed(&self, volume: &Volume, e: &Error) {
        self.shared.volumes.failed(volume, e);
        if e.is_full() {
            self.shared.sweep_soon.notify_one();
        }
    }

    /// Whether the open segment may be left for one on another volume.
    fn may_leave(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| self.shared.volumes.has_other(open.place.0.number))
    }

    /// After an error: seals what there is, so that the file is complete and found. True once nothing is left open.
    pub(crate) fn abandon(&mut self) -> bool {
        match self.seal(None) {
            Ok(()) => true,
            Err(e) if self.may_leave() => {
                self.leave(&e);
                true
            }
            Err(e) => {
                tracing::warn!(feed = %self.feed, error = %e, "recorder: the segment that failed cannot be sealed yet");
                false
            }
        }
    }

    /// Before a new segment: what an error left open is sealed, or given up.
    fn settle(&mut self) -> Result<(), Error> {
        match self.seal(None) {
            Ok(()) => {
                self.refused = 0;
                Ok(())
            }
            Err(e) if self.refused < TRIES && !self.may_leave() => {
                self.refused += 1;
                Err(e)
            }
            Err(e) => {
                self.leave(&e);
                Ok(())
            }
        }
    }

    /// Leaves the open segment as it is, to be sealed when its disk takes things again.
    fn leave(&mut self, why: &Error) {
        self.refused = 0;
        let Some(open) = self.open.take() else { return };
        tracing::error!(feed = %self.feed, error = %why, "recorder: a segment is left unsealed until the disk takes it");
        // Its sequence is taken, and its digest will be this one; without a picture it will not be kept.
        if open.writer.has_pictures() {
            self.chain = Some(Chain {
                sequence: open.writer.header().sequence,
                digest: open.writer.digest(),
            });
            // Until it is sealed it is not found; once it is, the note is covered by what was recorded.
            let gap = Gap {
                start: open.writer.header().start,
                end: open.writer.end(),
                reason: why.reason(),
            };
            self.shared.note(self.feed, gap);
        }
        if self.left.len() < MAX_LEFT {
            self.left.push(Left {
                path: open.writer.path().to_owned(),
                volume: Arc::clone(&open.place.0),
                _claim: open.claim,
            });
        }
        self.show(None);
    }

    fn seal(&mut self, end: Option<WallTime>) -> Result<(), Error> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let volume = Arc::clone(&open.place.0);
        let sealed = match open.writer.has_pictures() {
            true => open.writer.seal(end).map(Some),
            false => self.shared.files.remove(open.writer.path()).map(|()| None),
        };
        let sealed = sealed.inspect_err(|e| self.failed(&volume, e))?;
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        if let Some(seal) = sealed {
            let entry = open.entry();
            self.shared
                .segments
                .insert_sooner_or_later(self.feed, entry);
            self.shared
                .signer
                .sealed(self.feed, entry.sequence, seal.digest);
            self.chain = Some(Chain {
                sequence: entry.sequence,
                digest: seal.digest,
            });
            self.until = Some(entry.end);
            self.size = entry.bytes;
            self.shared.volumes.works(&volume);
        }
        drop(open);
        self.show(None);
        self.take_left(&volume);
        Ok(())
    }

    /// Seals what was given up, now that `volume` has taken something again.
    fn take_left(&mut self, volume: &Volume) {
        let feed = self.feed;
        self.left.retain(|left| {
            if left.volume.number != volume.number && left.volume.is_out() {
                return true;
            }
            match recover::take(&left.path, left.volume.number) {
                Ok(taken) => {
                    if let Some((feed, entry)) = taken.entry() {
                        self.shared.segments.insert_sooner_or_later(feed, entry);
                    }
                    false
                }
                Err(e) if e.is_not_found() => false,
                Err(e) => {
                    tracing::warn!(%feed, error = %e, "recorder: a segment that was left is still not sealed");
                    true
                }
            }
        });
    }

    /// The segment before: from memory, else the newest file there is, whatever the index knows of it; brought into order where
    /// a crash left it open.
    fn chain(&mut self) -> Result<Chain, Error> {
        if let Some(chain) = self.chain {
            return Ok(chain);
        }
        let mut chain = loop {
            let Some(newest) = recover::newest(&self.shared.volumes, self.feed)? else {
                break Chain::default();
            };
            let (sequence, path, volume) = newest;
            if self.bring_into_order(&path, volume) {
                let digest = self.digest_of(&path);
                break Chain { sequence, digest };
            }
            // It held nothing and is gone: the one before it is the newest.
        };
        // The newest may lie on a volume that is not there: its number is taken all the same.
        let shared = &self.shared;
        let known = shared.segments.last(self.feed).ok().flatten();
        let mut taken = known.map_or(0, |known| known.sequence);
        if shared.is_behind() {
            // Nor does the index know it: none that was ever set aside.
            taken = taken.max(shared.ledger.unused(self.feed).saturating_sub(1));
        }
        if taken > chain.sequence {
            chain = Chain {
                sequence: taken,
                digest: [0; 32],
            };
            shared.begins_anew(self.feed, taken.saturating_add(1));
        }
        self.chain = Some(chain);
        Ok(chain)
    }

    /// Seals a segment that a crash left open; false where it held nothing and was removed.
    fn bring_into_order(&self, path: &Path, volume: u16) -> bool {
        // Recovery may have it in hand: that takes no longer than this would.
        let Some(_claim) = self.shared.claims.claim_within(path, IN_HAND) else {
            return true;
        };
        let taken = match self.shared.in_doubt {
            true => recover::take_in_doubt(path, volume),
            false => recover::take(path, volume),
        };
        match taken {
            Ok(taken) => {
                if let Some((feed, entry)) = taken.entry() {
                    self.shared.segments.insert_sooner_or_later(feed, entry);
                } else if let Some((entry, feed)) = self.known(path) {
                    // It was taken for a complete one.
                    let removed = self.shared.segments.remove(feed, &[entry]);
                    if let Err(e) = removed {
                        tracing::warn!(%feed, error = %e, "index: a row without a file is left");
                    }
                }
                taken != recover::Taken::Empty
            }
            Err(e) => {
                tracing::warn!(feed = %self.feed, error = %e, "recorder: the segment before cannot be brought into order");
                true
            }
        }
    }

    /// The newest row, if it is that of a file.
    fn known(&self, path: &Path) -> Option<(Entry, FeedId)> {
        let last = self.shared.segments.last(self.feed).ok().flatten()?;
        let is_it = self.shared.volumes.path(self.feed, &last) == path;
        is_it.then_some((last, self.feed))
    }

    /// Zeros where the file does not tell: the chain then shows that something is missing.
    fn digest_of(&self, path: &Path) -> [u8; 32] {
        let ends = fs::File::open(path)
            .map_err(|e| Error::io("open", path, e))
            .and_then(|file| segment::reader::read_ends(path, &file));
        match ends {
            Ok(Some(ends)) => ends.seal.digest,
            Ok(None) => [0; 32],
            Err(e) => {
                tracing::warn!(feed = %self.feed, error = %e, "recorder: the segment before cannot be read");
                [0; 32]
            }
        }
    }
}

impl Open {
    fn entry(&self) -> Entry {
        let writer = &self.writer;
        Entry {
            start: writer.header().start,
            end: writer.end(),
            sequence: writer.header().sequence,
            bytes: writer.len(),
            volume: self.place.0.number,
            origin: writer.header().origin,
        }
    }
}

#[cfg(test)]
mod tests;

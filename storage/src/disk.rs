//! What a recorder does to the disk: runs on the pool's threads, one job of a recorder at a time.

use std::{fs, path::PathBuf, sync::Arc};

use media::{FeedId, WallTime};

use crate::{
    Error,
    archive::{Head, Shared},
    index::Entry,
    paths, recover,
    segment::{self, Header, Writer},
    segmenter::Step,
};

/// The open segment of one recorder, and its place in the chain.
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    feed: FeedId,
    writer: Option<Writer>,
    chain: Option<Chain>,
    /// Up to where frames are in files.
    pub(crate) until: Option<WallTime>,
    /// Whether the last run wrote frames.
    pub(crate) wrote: bool,
    /// How often the segment that failed could not be sealed.
    refused: u32,
    /// Segments that were given up: sealed when the disk takes things again.
    left: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    sequence: u64,
    digest: [u8; 32],
}

/// After so many refusals a segment is left alone, to be cut back and sealed when the next one has been.
const TRIES: u32 = 3;
/// So many are remembered; what is beyond is taken in by the next start.
const MAX_LEFT: usize = 64;

impl Disk {
    pub(crate) fn new(shared: Arc<Shared>, feed: FeedId) -> Self {
        Self {
            shared,
            feed,
            writer: None,
            chain: None,
            until: None,
            wrote: false,
            refused: 0,
            left: Vec::new(),
        }
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
                let chain = self.chain()?;
                let entry = Entry {
                    start,
                    end: start,
                    sequence: chain.sequence + 1,
                    bytes: 0,
                };
                let header = Header {
                    camera: self.feed.camera,
                    profile: self.feed.profile,
                    writer: self.shared.writer,
                    sequence: entry.sequence,
                    start,
                    previous: chain.digest,
                };
                let path = paths::segment(&self.shared.recordings, self.feed, &entry);
                self.writer = Some(Writer::create(&self.shared.files, path, header, tracks)?);
                Ok(())
            }
            Step::Write(batch) => {
                let Some(writer) = &mut self.writer else {
                    return Err(Error::Closed("the segment"));
                };
                writer.write(&batch)?;
                self.until = Some(writer.end());
                self.wrote = true;
                let head = Head {
                    entry: entry(writer),
                    path: writer.path().to_owned(),
                };
                self.shared.live(self.feed, |live| live.head = Some(head));
                Ok(())
            }
            Step::Seal { end } => self.seal(Some(end)),
        }
    }

    /// After an error: seals what there is, so that the file is complete and found. True once nothing is left open.
    pub(crate) fn abandon(&mut self) -> bool {
        match self.seal(None) {
            Ok(()) => true,
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
            Err(e) if self.refused < TRIES => {
                self.refused += 1;
                Err(e)
            }
            Err(e) => {
                tracing::error!(feed = %self.feed, error = %e, "recorder: a segment is left unsealed until the disk takes it");
                self.refused = 0;
                if let Some(writer) = self.writer.take() {
                    // Its sequence is taken, and its digest will be this one; without a picture it will not be kept.
                    if writer.has_pictures() {
                        self.chain = Some(Chain {
                            sequence: writer.header().sequence,
                            digest: writer.digest(),
                        });
                    }
                    if self.left.len() < MAX_LEFT {
                        self.left.push(writer.path().to_owned());
                    }
                }
                self.shared.live(self.feed, |live| live.head = None);
                Ok(())
            }
        }
    }

    fn seal(&mut self, end: Option<WallTime>) -> Result<(), Error> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        if writer.has_pictures() {
            let seal = writer.seal(end)?;
            let entry = entry(writer);
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
        } else {
            self.shared.files.remove(writer.path())?;
        }
        self.writer = None;
        self.shared.live(self.feed, |live| live.head = None);
        self.take_left();
        Ok(())
    }

    /// Seals what was given up, now that the disk has taken something again.
    fn take_left(&mut self) {
        let feed = self.feed;
        self.left.retain(|path| match recover::take(path) {
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
        });
    }

    /// The segment before: from memory, else the newest file there is, whatever the index knows of it.
    fn chain(&mut self) -> Result<Chain, Error> {
        if let Some(chain) = self.chain {
            return Ok(chain);
        }
        let chain = match recover::newest(&self.shared.recordings, self.feed)? {
            Some(path) => Chain {
                sequence: recover::sequence(&path, self.feed.profile).unwrap_or(0),
                digest: self.digest_of(&path),
            },
            None => Chain::default(),
        };
        self.chain = Some(chain);
        Ok(chain)
    }

    /// Zeros where the file does not tell: the chain then shows that something is missing.
    fn digest_of(&self, path: &PathBuf) -> [u8; 32] {
        let ends = fs::File::open(path)
            .map_err(|e| Error::io("open", path, e))
            .and_then(|file| segment::reader::read_ends(path, &file));
        match ends {
            Ok(Some((_, seal, _))) => seal.digest,
            Ok(None) => [0; 32],
            Err(e) => {
                tracing::warn!(feed = %self.feed, error = %e, "recorder: the segment before cannot be read");
                [0; 32]
            }
        }
    }
}

fn entry(writer: &Writer) -> Entry {
    Entry {
        start: writer.header().start,
        end: writer.end(),
        sequence: writer.header().sequence,
        bytes: writer.len(),
    }
}

//! Writing one segment file.

use std::{
    fs::File,
    io::IoSlice,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use media::{
    MediaTime, TrackKind, Tracks, WallTime,
    fmp4::{Run, Sample, fragment_head},
};

use super::{
    digest::{Digest, Function},
    format::{self, Header, KeyFrame, Seal},
    reader::{self, Fragment, Layout},
};
use crate::{
    Error,
    files::Files,
    playback,
    segmenter::{Batch, Timed},
};

/// A segment being written. What it has on the disk is whole fragments: a failed write is cut away again.
#[derive(Debug)]
pub(crate) struct Writer {
    files: Files,
    path: PathBuf,
    file: File,
    header: Header,
    tracks: Arc<Tracks>,
    /// Bytes that are whole.
    len: u64,
    /// The file may hold more than `len`: a write failed half way.
    dirty: bool,
    /// A sync failed: what the disk has is unknown, though the system holds it for written.
    unsynced: bool,
    /// Room set aside on the disk, from the file's start.
    reserved: u64,
    /// Up to where the system was told to forget what it holds.
    let_go: u64,
    hash: Digest,
    /// The feed's time that is 0 in this file; known with the first fragment.
    origin: Option<MediaTime>,
    end: WallTime,
    fragments: Vec<Fragment>,
    keys: Vec<KeyFrame>,
}

/// So much of a file, and as much again, is kept in memory at most once it is on the disk: a reader of old footage finds its own
/// there, and the seal's sync has little left to do.
const PIECE: u64 = 4 * 1024 * 1024;

impl Writer {
    /// Makes the file and its directories, sets `reserve` bytes of the disk aside for it, and writes `ftyp` and `moov`.
    pub(crate) fn create(
        files: &Files,
        path: PathBuf,
        header: Header,
        tracks: Arc<Tracks>,
        reserve: u64,
    ) -> Result<Self, Error> {
        files.make_dirs(path.parent().unwrap_or(&path))?;
        let file = files.create(&path)?;
        files.reserve(&file, reserve);
        let mut writer = Self {
            files: files.clone(),
            file,
            len: 0,
            dirty: false,
            unsynced: false,
            reserved: reserve,
            let_go: 0,
            hash: Digest::new(Function::default()),
            origin: None,
            end: header.start,
            fragments: Vec::new(),
            keys: Vec::new(),
            path,
            header,
            tracks,
        };
        let head = format::head(&writer.header, &writer.tracks);
        if let Err(e) = writer.append(&[&head]) {
            // An empty file says nothing: not to be found by the next start.
            let _ = files.remove(&writer.path);
            return Err(e);
        }
        Ok(writer)
    }

    /// Takes up a file that a crash left unsealed: cuts it back to its last whole fragment. Gives the bytes cut away.
    pub(crate) fn resume(path: PathBuf, file: File, layout: Layout) -> Result<(Self, u64), Error> {
        let size = file
            .metadata()
            .map_err(|e| Error::io("stat", &path, e))?
            .len();
        let hash = reader::digest(&path, &file, layout.whole, Function::default())?;
        let mut keys = Vec::new();
        for fragment in &layout.fragments {
            keys.extend(key_frames(fragment));
        }
        let mut writer = Self {
            files: Files::default(),
            file,
            len: layout.whole,
            // Also where nothing is torn: what was set aside behind the end is given back.
            dirty: true,
            unsynced: false,
            reserved: 0,
            let_go: 0,
            hash,
            origin: Some(MediaTime(0)),
            end: layout.end(),
            header: layout.header,
            tracks: Arc::new(layout.tracks),
            fragments: layout.fragments,
            keys,
            path,
        };
        writer.clean()?;
        let cut = size.saturating_sub(writer.len);
        Ok((writer, cut))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }
    pub(crate) fn tracks(&self) -> &Arc<Tracks> {
        &self.tracks
    }
    pub(crate) fn len(&self) -> u64 {
        self.len
    }
    pub(crate) fn end(&self) -> WallTime {
        self.end
    }
    /// Whether there is anything to play.
    pub(crate) fn has_pictures(&self) -> bool {
        !self.fragments.is_empty()
    }

    /// Appends a fragment. After an error the file is as it was before.
    pub(crate) fn write(&mut self, batch: &Batch) -> Result<&Fragment, Error> {
        let origin = *self.origin.get_or_insert_with(|| batch.first_dts());
        let (video, audio) = (samples(&batch.video), samples(&batch.audio));
        let base = |frames: &[Timed]| frames.first().map(|f| f.frame.dts - origin);
        let runs: Vec<Run<'_>> = [
            (TrackKind::Video, &video, base(&batch.video)),
            (TrackKind::Audio, &audio, base(&batch.audio)),
        ]
        .into_iter()
        .filter_map(|(track, samples, base)| {
            Some(Run {
                track,
                base: base?,
                samples,
            })
        })
        .collect();
        let Some(first) = runs.first() else {
            return Err(Error::Value {
                what: "a fragment",
                why: "it has no frame".into(),
            });
        };
        let mut head = Vec::with_capacity(128 + 16 * (video.len() + audio.len()));
        format::put_reference_time(&mut head, first.track, batch.wall, first.base);
        let moof = head.len() as u64;
        fragment_head(&mut head, self.fragments.len() as u32 + 1, &runs);
        let (reference, mut data) = (first.base, self.len + head.len() as u64);
        let mut run = |samples: Vec<Sample>, base: Option<MediaTime>| {
            let run = reader::Run {
                base: base.unwrap_or_default(),
                data,
                samples,
            };
            data += run.bytes();
            run
        };
        let video = run(video, base(&batch.video));
        let audio = run(audio, base(&batch.audio));
        let payload = batch
            .video
            .iter()
            .chain(&batch.audio)
            .map(|f| f.frame.data.as_ref());
        let parts: Vec<&[u8]> = std::iter::once(head.as_slice()).chain(payload).collect();
        let offset = self.len;
        self.append(&parts)?;
        let fragment = Fragment {
            offset,
            moof: offset + moof,
            end: self.len,
            wall: batch.wall,
            reference,
            video,
            audio,
        };
        self.keys.extend(key_frames(&fragment));
        self.end = self.end.max(batch.end);
        Ok(self.fragments.push_mut(fragment))
    }

    /// Completes the file and brings it to the disk. May be tried again after an error.
    pub(crate) fn seal(&mut self, end: Option<WallTime>) -> Result<Seal, Error> {
        if self.unsynced {
            self.rewrite()?;
        }
        let seal = Seal {
            end: end.unwrap_or(self.end).max(self.header.start),
            covered_bytes: self.len,
            digest: self.hash.value(),
            function: self.hash.function(),
        };
        let mut tail = Vec::new();
        let summary = playback::mux::summary(&self.tracks, &self.fragments, seal.end);
        format::put_seal(&mut tail, &seal, &self.keys, summary.as_ref());
        let (len, hash) = (self.len, self.hash.clone());
        self.append(&[&tail])?;
        let give_back = match self.reserved > self.len {
            true => self.files.cut(&self.file, &self.path, self.len),
            false => Ok(()),
        };
        let durable = give_back
            .and_then(|()| self.files.sync(&self.file, &self.path))
            .and_then(|()| {
                self.files
                    .sync_dir(self.path.parent().unwrap_or(&self.path))
            });
        if let Err(e) = durable {
            // Sealed again by the next try.
            (self.len, self.hash, self.dirty) = (len, hash, true);
            self.unsynced = true;
            return Err(e);
        }
        self.end = seal.end;
        self.files.let_go(&self.file, 0, self.len);
        Ok(seal)
    }

    /// Digest of what is whole: that of the seal, were it sealed now.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.hash.value()
    }

    /// Writes again what is there. After a failed sync the system may have dropped what it could not write, and says so once
    /// only: the next sync succeeds without it.
    fn rewrite(&mut self) -> Result<(), Error> {
        self.clean()?;
        let mut hash = Digest::new(Function::default());
        let mut buffer = vec![0; 256 * 1024];
        let mut at = 0;
        while at < self.len {
            let n = (self.len - at).min(buffer.len() as u64) as usize;
            let piece = &mut buffer[..n];
            let read = self.file.read_exact_at(piece, at);
            read.map_err(|e| Error::io_at("read", &self.path, at, e))?;
            hash.update(&*piece);
            let written =
                self.files
                    .write_all(&self.file, &self.path, at, &mut [IoSlice::new(piece)]);
            written.map_err(|e| Error::io_at("write", &self.path, at, e))?;
            at += n as u64;
        }
        if hash.value() != self.digest() {
            let what = "after a failed sync the file is not what was written";
            return Err(Error::content(&self.path, 0, what));
        }
        self.unsynced = false;
        Ok(())
    }

    fn append(&mut self, parts: &[&[u8]]) -> Result<(), Error> {
        self.clean()?;
        self.dirty = true;
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|p| IoSlice::new(p)).collect();
        if let Err(e) = self
            .files
            .write_all(&self.file, &self.path, self.len, &mut slices)
        {
            let error = Error::io_at("write", &self.path, self.len, e);
            // If this fails too it is tried before the next write.
            let _ = self.clean();
            return Err(error);
        }
        self.dirty = false;
        self.hash.update_all(parts);
        self.len += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        // The newest piece is left to the flush of all files, and is on the disk when the next is full. Where it was not, the one
        // before that is by now.
        let to = self.len.saturating_sub(PIECE);
        if to.saturating_sub(self.let_go) >= PIECE {
            let from = self.let_go.saturating_sub(PIECE);
            self.files.let_go(&self.file, from, to);
            self.let_go = to;
        }
        Ok(())
    }

    /// Cuts away what a failed write left.
    fn clean(&mut self) -> Result<(), Error> {
        if self.dirty {
            self.files.cut(&self.file, &self.path, self.len)?;
            self.dirty = false;
        }
        Ok(())
    }
}

fn samples(frames: &[Timed]) -> Vec<Sample> {
    frames
        .iter()
        .map(|f| Sample {
            duration: f.duration,
            size: f.frame.data.len() as u32,
            sync: f.frame.key || f.frame.track == TrackKind::Audio,
            composition: f.frame.pts - f.frame.dts,
        })
        .collect()
}

fn key_frames(fragment: &Fragment) -> impl Iterator<Item = KeyFrame> {
    fragment
        .video
        .timed()
        .enumerate()
        .filter(|(_, (_, sample, _))| sample.sync)
        .map(|(n, (dts, sample, _))| KeyFrame {
            time: dts + sample.composition,
            moof: fragment.moof,
            sample: n as u32 + 1,
        })
}

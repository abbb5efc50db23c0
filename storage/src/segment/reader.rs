//! Reading a segment file: checked and bounded, up to its last whole fragment.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path};

use media::{
    AudioCodec, AudioTrack, MediaTime, Tracks, VideoCodec, VideoTrack, WallTime, fmp4::Sample,
};

use super::{
    digest::{Digest, Function},
    format::{self, Bytes, Header, Seal},
    summary::Summary,
};
use crate::Error;

/// Something with bytes at offsets: a file, or memory in tests and fuzzing.
pub trait Source {
    /// How many.
    ///
    /// # Errors
    /// The disk's.
    fn size(&self) -> io::Result<u64>;
    /// Fills `buffer` from `at` on.
    ///
    /// # Errors
    /// The disk's, or the end of the file.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
}

impl Source for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(buffer, at)
    }
}

impl Source for [u8] {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let from = usize::try_from(at)
            .ok()
            .and_then(|at| self.get(at..at.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(from);
        Ok(())
    }
}

/// Where everything lies in a segment file.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Whose it is.
    pub header: Header,
    /// What it carries.
    pub tracks: Tracks,
    /// Its fragments, whole ones only.
    pub fragments: Vec<Fragment>,
    /// Bytes up to the end of the last whole fragment.
    pub whole: u64,
    /// If it is complete.
    pub seal: Option<Seal>,
    /// What stands behind the last whole fragment, where it is no seal: offset and what is wrong with it.
    pub torn: Option<(u64, String)>,
}

/// One `prft`, `moof` and `mdat`.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// Of `prft`.
    pub offset: u64,
    /// Of `moof`.
    pub moof: u64,
    /// Behind `mdat`.
    pub end: u64,
    /// Wall time of the frame at `reference`.
    pub wall: WallTime,
    /// Decode time of the first frame in this file.
    pub reference: MediaTime,
    /// The video frames.
    pub video: Run,
    /// The audio frames.
    pub audio: Run,
}

/// Samples of one track, one behind the other in the file.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Decode time of the first.
    pub base: MediaTime,
    /// Offset of the first in the file.
    pub data: u64,
    /// The samples.
    pub samples: Vec<Sample>,
}

impl Run {
    /// Of all samples.
    pub fn bytes(&self) -> u64 {
        self.samples.iter().map(|s| u64::from(s.size)).sum()
    }

    /// Each sample with its decode time and its offset.
    pub fn timed(&self) -> impl Iterator<Item = (MediaTime, &Sample, u64)> {
        let (mut time, mut offset) = (self.base, self.data);
        self.samples.iter().map(move |sample| {
            let at = (time, sample, offset);
            time = time + sample.duration;
            offset = offset.saturating_add(u64::from(sample.size));
            at
        })
    }
}

impl Fragment {
    /// The wall time of something at `time` in this fragment.
    pub fn wall_at(&self, time: MediaTime) -> WallTime {
        let us = i128::from((time - self.reference).0) * 100 / 9;
        WallTime(
            self.wall
                .0
                .saturating_add(us.clamp(i64::MIN.into(), i64::MAX.into()) as i64),
        )
    }
}

impl Layout {
    /// Wall time after the last frame: the seal's, else that of the last fragment.
    pub fn end(&self) -> WallTime {
        if let Some(seal) = &self.seal {
            return seal.end;
        }
        let end = self.fragments.last().map(|f| {
            let behind = f
                .video
                .timed()
                .last()
                .map_or(f.reference, |(time, sample, _)| time + sample.duration);
            f.wall_at(behind)
        });
        end.unwrap_or(self.header.start).max(self.header.start)
    }

    /// Reads the layout of `source`, of which only the first `limit` bytes count if given. `path` is for messages.
    ///
    /// # Errors
    /// The disk's; [`Error::Content`] where the head is not that of a segment. Anything wrong behind the head is no error: it
    /// ends the fragments and is told in `torn`.
    pub fn read<S: Source + ?Sized>(
        path: &Path,
        source: &S,
        limit: Option<u64>,
    ) -> Result<Self, Error> {
        let size = source.size().map_err(|e| Error::io("stat", path, e))?;
        let mut window = Window {
            path,
            source,
            size: limit.map_or(size, |l| l.min(size)),
            at: 0,
            bytes: Vec::new(),
        };
        let bad = |offset, what: &str| Error::content(path, offset, what);
        let (ftyp, kind) = window.head(0)?.map_err(|what| bad(0, &what))?;
        if &kind != b"ftyp" || ftyp > 1024 {
            return Err(bad(0, "this is no segment of Sightline: no 'ftyp' box"));
        }
        let (moov, kind) = window.head(ftyp)?.map_err(|what| bad(ftyp, &what))?;
        if &kind != b"moov" || moov > MAX_HEAD {
            return Err(bad(ftyp, "no 'moov' box, or one that is too long"));
        }
        let Some(body) = window.get(ftyp + 8, (moov - 8) as usize)? else {
            return Err(bad(ftyp, "the file ends inside 'moov'"));
        };
        let (header, tracks) =
            parse_movie(body).ok_or_else(|| bad(ftyp, "'moov' is not that of a segment"))?;
        let mut layout = Self {
            header,
            tracks,
            fragments: Vec::new(),
            whole: ftyp + moov,
            seal: None,
            torn: None,
        };
        while layout.whole < window.size {
            let at = layout.whole;
            match window.fragment(at)? {
                Ok(Item::Fragment(fragment)) => {
                    layout.whole = fragment.end;
                    layout.fragments.push(fragment);
                }
                Ok(Item::Seal(seal, behind)) if seal.covered_bytes == at => {
                    match window.is_table(behind)? {
                        true => layout.seal = Some(seal),
                        false => {
                            layout.torn = Some((behind, "no whole 'mfra' ends the file".into()))
                        }
                    }
                    break;
                }
                Ok(Item::Seal(..)) => {
                    layout.torn = Some((
                        at,
                        "the seal is that of another length: something was altered or taken out"
                            .into(),
                    ));
                    break;
                }
                Err(what) => {
                    layout.torn = Some((at, what));
                    break;
                }
            }
        }
        Ok(layout)
    }
}

/// What a complete file says of itself at its two ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) header: Header,
    pub(crate) seal: Seal,
    /// Of all of it.
    pub(crate) bytes: u64,
}

/// The two ends of a complete file; none where the end is not that of a complete file.
pub(crate) fn read_ends(path: &Path, file: &File) -> Result<Option<Ends>, Error> {
    let size = size(path, file)?;
    let Some((seal, _)) = read_seal(path, file, size)? else {
        return Ok(None);
    };
    let seal_at = seal.covered_bytes;
    // Fragments are of no interest: the head ends before 4 KiB unless parameter sets are unusual.
    let head = Layout::read(path, file, Some(seal_at.min(4096)))
        .or_else(|_| Layout::read(path, file, Some(seal_at)))?;
    Ok(Some(Ends {
        header: head.header,
        seal,
        bytes: size,
    }))
}

/// The summary at the end of a complete file of so many bytes: one read, as a rule. None where it is no such file, or one from before
/// there were summaries.
pub(crate) fn read_summary(path: &Path, file: &File, bytes: u64) -> Result<Option<Summary>, Error> {
    if size(path, file)? != bytes {
        return Ok(None);
    }
    Ok(read_seal(path, file, bytes)?.and_then(|(_, summary)| summary))
}

/// Whether a file ends as a complete one does, whatever the rest of it is.
pub(crate) fn is_sealed(path: &Path, file: &File) -> Result<bool, Error> {
    Ok(read_seal(path, file, size(path, file)?)?.is_some())
}

fn size(path: &Path, file: &File) -> Result<u64, Error> {
    let meta = file.metadata();
    Ok(meta.map_err(|e| Error::io("stat", path, e))?.len())
}

/// The seal at the end of a file of `size` bytes, if one is there, and the summary behind it, if there is one.
fn read_seal(
    path: &Path,
    file: &File,
    size: u64,
) -> Result<Option<(Seal, Option<Summary>)>, Error> {
    // `mfro` is the last 16 bytes and says how long `mfra` is; the seal is a `uuid` of fixed length before it.
    const SEAL: u64 = 8 + 16 + 8 + 8 + 32;
    let read = |at: u64, len: usize| -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; len];
        file.read_exact_at(&mut bytes, at)
            .map_err(|e| Error::io_at("read", path, at, e))?;
        Ok(bytes)
    };
    if size < 16 {
        return Ok(None);
    }
    // The table of a minute's key frames and the seal before it are under 4 KiB.
    let tail = read(size - size.min(4096), size.min(4096) as usize)?;
    let bytes = &tail[tail.len() - 16..];
    let table = find(bytes, &[b"mfro"]).and_then(|body| Bytes(body.get(4..)?).u32());
    let Some(seal_at) = table.and_then(|len| size.checked_sub(u64::from(len))?.checked_sub(SEAL))
    else {
        return Ok(None);
    };
    let in_tail = seal_at.checked_sub(size - tail.len() as u64);
    // Where every picture is a key frame, the table alone is longer.
    const LONGEST: u64 = 1024 * 1024;
    let ends = match in_tail.and_then(|at| tail.get(at as usize..)) {
        Some(ends) => ends,
        None => &read(seal_at, (size - seal_at).min(LONGEST) as usize)?,
    };
    let seal = find(ends, &[b"uuid"]).and_then(format::parse_seal);
    let seal = seal.filter(|seal| seal.covered_bytes == seal_at);
    let summary = find(ends, &[b"mfra"]).and_then(format::parse_summary);
    Ok(seal.map(|seal| (seal, summary)))
}

/// The digest of the first `len` bytes of a file, to be continued.
pub(crate) fn digest(
    path: &Path,
    file: &File,
    len: u64,
    function: Function,
) -> Result<Digest, Error> {
    let mut hash = Digest::new(function);
    let mut buffer = vec![0; 256 * 1024];
    let mut at = 0;
    while at < len {
        let n = (len - at).min(buffer.len() as u64) as usize;
        file.read_exact_at(&mut buffer[..n], at)
            .map_err(|e| Error::io_at("read", path, at, e))?;
        hash.update(&buffer[..n]);
        at += n as u64;
    }
    Ok(hash)
}

/// Longest `moov`: two tracks with their parameter sets are under 2 KiB.
const MAX_HEAD: u64 = 256 * 1024;
/// Longest `moof`: 16 bytes a sample, and a fragment has a few hundred.
const MAX_FRAGMENT_HEAD: u64 = 4 * 1024 * 1024;
/// Read at once: `prft` and `moof` of a usual group.
const AHEAD: usize = 8 * 1024;

enum Item {
    Fragment(Fragment),
    /// And the offset behind it.
    Seal(Seal, u64),
}

/// A piece of the file, read ahead.
struct Window<'a, S: ?Sized> {
    path: &'a Path,
    source: &'a S,
    size: u64,
    at: u64,
    bytes: Vec<u8>,
}

impl<S: Source + ?Sized> Window<'_, S> {
    /// `len` bytes from `at`; none where the file ends before.
    fn get(&mut self, at: u64, len: usize) -> Result<Option<&[u8]>, Error> {
        if at.checked_add(len as u64).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        let held = at.checked_sub(self.at).map(|skip| skip as usize);
        let skip = match held.filter(|skip| skip.saturating_add(len) <= self.bytes.len()) {
            Some(skip) => skip,
            None => {
                let n = (len.max(AHEAD) as u64).min(self.size - at) as usize;
                self.bytes.resize(n, 0);
                self.at = at;
                if let Err(e) = self.source.read_at(&mut self.bytes, at) {
                    self.bytes.clear();
                    return Err(Error::io_at("read", self.path, at, e));
                }
                0
            }
        };
        Ok(Some(&self.bytes[skip..skip + len]))
    }

    /// Length and kind of the box at `at`; that it is whole is not said.
    fn head(&mut self, at: u64) -> Result<Result<(u64, [u8; 4]), String>, Error> {
        let Some(bytes) = self.get(at, 8)? else {
            return Ok(Err("the file ends inside a box's header".into()));
        };
        let mut bytes = Bytes(bytes);
        let (len, kind) = (bytes.u32().unwrap_or(0), bytes.array().unwrap_or_default());
        if len < 8 {
            return Ok(Err(format!("a box with a length of {len}")));
        }
        Ok(Ok((u64::from(len), kind)))
    }

    /// Whether from `at` to the end of the file there is one `mfra` and nothing else.
    fn is_table(&mut self, at: u64) -> Result<bool, Error> {
        let size = self.size;
        Ok(self
            .head(at)?
            .is_ok_and(|(len, kind)| &kind == b"mfra" && at + len == size))
    }

    /// What begins at `at`, if it is whole.
    fn fragment(&mut self, at: u64) -> Result<Result<Item, String>, Error> {
        let short = |what: &str| Ok(Err(format!("the file ends inside '{what}'")));
        let (prft_len, kind) = match self.head(at)? {
            Ok(head) => head,
            Err(what) => return Ok(Err(what)),
        };
        if prft_len > 1024 || !matches!(&kind, b"prft" | b"uuid") {
            return Ok(Err(format!(
                "'{}' where a fragment should begin",
                kind.escape_ascii()
            )));
        }
        let Some(body) = self.get(at + 8, prft_len as usize - 8)? else {
            return short("prft");
        };
        if &kind == b"uuid" {
            return Ok(format::parse_seal(body)
                .map(|seal| Item::Seal(seal, at + prft_len))
                .ok_or_else(|| "a 'uuid' box that is no seal".into()));
        }
        let Some((wall, reference)) = format::parse_reference_time(body) else {
            return Ok(Err("a 'prft' box that cannot be read".into()));
        };
        let moof = at + prft_len;
        let moof_len = match self.head(moof)? {
            Ok((len, kind)) if &kind == b"moof" && len <= MAX_FRAGMENT_HEAD => len,
            Ok((_, kind)) => {
                return Ok(Err(format!(
                    "'{}' where 'moof' should be, or it is too long",
                    kind.escape_ascii()
                )));
            }
            Err(what) => return Ok(Err(what)),
        };
        let Some(body) = self.get(moof + 8, moof_len as usize - 8)? else {
            return short("moof");
        };
        let Some((mut video, mut audio)) = parse_fragment(body, moof) else {
            return Ok(Err("a 'moof' box that cannot be read".into()));
        };
        let mdat = moof + moof_len;
        let end = match self.head(mdat)? {
            Ok((len, kind)) if &kind == b"mdat" => mdat + len,
            Ok((_, kind)) => {
                return Ok(Err(format!(
                    "'{}' where 'mdat' should be",
                    kind.escape_ascii()
                )));
            }
            Err(what) => return Ok(Err(what)),
        };
        if end > self.size {
            return short("mdat");
        }
        for run in [&mut video, &mut audio] {
            let inside =
                run.data >= mdat + 8 && run.data.checked_add(run.bytes()).is_some_and(|e| e <= end);
            if !run.samples.is_empty() && !inside {
                return Ok(Err("samples outside their 'mdat'".into()));
            }
        }
        Ok(Ok(Item::Fragment(Fragment {
            offset: at,
            moof,
            end,
            wall,
            reference,
            video,
            audio,
        })))
    }
}

/// The boxes in `bytes`, as far as they are whole.
pub(crate) fn boxes(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = Bytes(bytes);
    std::iter::from_fn(move || {
        let len = rest.u32()?;
        let kind = rest.array()?;
        let body = rest.slice(usize::try_from(len).ok()?.checked_sub(8)?)?;
        Some((kind, body))
    })
}

/// The content of the box that `path` leads to.
pub(crate) fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, wanted| {
        boxes(bytes)
            .find(|(kind, _)| kind == *wanted)
            .map(|(_, body)| body)
    })
}

/// Path from a `trak` to its `stsd`.
pub(crate) const SAMPLE_DESCRIPTION: [&[u8; 4]; 4] = [b"mdia", b"minf", b"stbl", b"stsd"];

fn parse_movie(body: &[u8]) -> Option<(Header, Tracks)> {
    let (mut video, mut audio) = (None, None);
    for (_, trak) in boxes(body).filter(|(kind, _)| kind == b"trak") {
        // Version and flags, number of entries, then the entry.
        let entries = find(trak, &SAMPLE_DESCRIPTION)?.get(8..)?;
        let (kind, entry) = boxes(entries).next()?;
        match &kind {
            b"avc1" => video = Some(parse_video(VideoCodec::H264, b"avcC", entry)?),
            b"hvc1" => video = Some(parse_video(VideoCodec::H265, b"hvcC", entry)?),
            b"mp4a" => audio = Some(parse_audio(AudioCodec::Aac, entry)?),
            b"alaw" => audio = Some(parse_audio(AudioCodec::PcmA, entry)?),
            b"ulaw" => audio = Some(parse_audio(AudioCodec::PcmU, entry)?),
            _ => return None,
        }
    }
    let mut video = video?;
    let header = boxes(body)
        .filter(|(kind, _)| kind == b"uuid")
        .find_map(|(_, body)| format::parse_header(body, &mut video, audio.as_mut()))?;
    Some((header, Tracks { video, audio }))
}

fn parse_video(codec: VideoCodec, config: &[u8; 4], entry: &[u8]) -> Option<VideoTrack> {
    let mut size = Bytes(entry.get(24..)?);
    let config = find(entry.get(78..)?, &[config])?;
    Some(VideoTrack {
        codec,
        codec_string: String::new(),
        config: bytes::Bytes::copy_from_slice(config),
        width: size.u16()?,
        height: size.u16()?,
    })
}

fn parse_audio(codec: AudioCodec, entry: &[u8]) -> Option<AudioTrack> {
    let channels = Bytes(entry.get(16..)?).u16()?;
    let config = match codec {
        AudioCodec::Aac => decoder_config(find(entry.get(28..)?, &[b"esds"])?.get(4..)?)?,
        AudioCodec::PcmA | AudioCodec::PcmU => &[],
    };
    Some(AudioTrack {
        codec,
        codec_string: String::new(),
        config: bytes::Bytes::copy_from_slice(config),
        rate: 0,
        channels: u8::try_from(channels).ok()?,
    })
}

/// AudioSpecificConfig in an `ES_Descriptor` as [`media::fmp4`] writes it: every length in one byte.
fn decoder_config(es: &[u8]) -> Option<&[u8]> {
    let mut at = Bytes(es);
    at.slice(2 + 3)?;
    at.slice(2 + 13)?;
    let [tag, len] = at.array()?;
    if tag != 5 {
        return None;
    }
    at.slice(usize::from(len))
}

fn parse_fragment(body: &[u8], moof: u64) -> Option<(Run, Run)> {
    let (mut video, mut audio) = (Run::default(), Run::default());
    for (_, traf) in boxes(body).filter(|(kind, _)| kind == b"traf") {
        let mut id = Bytes(find(traf, &[b"tfhd"])?);
        id.u32()?;
        let run = parse_run(traf, moof)?;
        match id.u32()? {
            1 => video = run,
            2 => audio = run,
            _ => return None,
        }
    }
    Some((video, audio))
}

fn parse_run(traf: &[u8], moof: u64) -> Option<Run> {
    let mut decode = Bytes(find(traf, &[b"tfdt"])?);
    decode.u32()?;
    let base = MediaTime(i64::try_from(decode.u64()?).ok()?);
    let mut trun = Bytes(find(traf, &[b"trun"])?);
    // Version 1 with every field a sample, as we write it.
    if trun.u32()? != 0x0100_0f01 {
        return None;
    }
    let count = usize::try_from(trun.u32()?).ok()?;
    let data = moof.checked_add(u64::from(trun.u32()?))?;
    if trun.0.len() != count.checked_mul(16)? {
        return None;
    }
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        samples.push(Sample {
            duration: MediaTime(trun.u32()?.into()),
            size: trun.u32()?,
            // sample_is_non_sync_sample
            sync: trun.u32()? & 0x1_0000 == 0,
            composition: MediaTime((trun.u32()? as i32).into()),
        });
    }
    Some(Run {
        base,
        data,
        samples,
    })
}

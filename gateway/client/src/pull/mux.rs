//! From a tile's messages to the bytes that a player reads. No I/O.

use std::time::Duration;

use bytes::Bytes;
use media::{
    TrackKind, fmp4,
    wire::{Header, Kind, ServerMessage, TrackInfo},
};

use super::Container;
use crate::{Error, Message};

/// Fragments wait for the audio's initialisation at most this long (media time), and at most [`MAX_WAITING_BYTES`].
const AUDIO_TIME: Duration = Duration::from_secs(2);
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// Makes a player's stream of a tile's messages.
pub struct Mux {
    container: Container,
    tracks: Vec<TrackInfo>,
    /// The newest initialisation by track.
    initialisation: [Option<Bytes>; 2],
    /// What the written `moov` holds; none before it is written.
    written: Option<[Option<Bytes>; 2]>,
    waiting: Vec<(Header, Bytes)>,
    pub(super) frames: u64,
}

impl Mux {
    /// For this container.
    pub fn new(container: Container) -> Self {
        Self {
            container,
            tracks: Vec::new(),
            initialisation: [None, None],
            written: None,
            waiting: Vec::new(),
            frames: 0,
        }
    }

    /// Takes a message and returns what to write.
    ///
    /// # Errors
    /// [`Error::Stream`] if the container cannot carry what the gateway sends.
    pub fn handle(&mut self, message: Message) -> Result<Vec<Bytes>, Error> {
        match message {
            Message::Control(ServerMessage::Opened { tracks, .. }) => {
                self.tracks = tracks;
                Ok(Vec::new())
            }
            Message::Control(_) => Ok(Vec::new()),
            Message::Media(header, payload) => match (header.kind, self.container) {
                (Kind::Initialisation, _) => {
                    self.initialisation[usize::from(header.track.number())] = Some(payload);
                    Ok(Vec::new())
                }
                (Kind::Fragment, Container::Mp4) => self.fragment(header, payload),
                (Kind::AccessUnit, Container::AnnexB) => self.access_unit(header, &payload),
                (kind, container) => Err(Error::Stream(format!(
                    "{kind:?} messages cannot be written as {container:?}"
                ))),
            },
        }
    }

    fn fragment(&mut self, header: Header, payload: Bytes) -> Result<Vec<Bytes>, Error> {
        let at = usize::from(header.track.number());
        if let Some(written) = &self.written {
            return match &written[at] {
                // Audio that began after the moov was written.
                None => Ok(Vec::new()),
                Some(init) if Some(init) == self.initialisation[at].as_ref() => {
                    self.frames += 1;
                    Ok(vec![payload])
                }
                Some(_) => Err(Error::Stream(
                    "the camera changed its codec parameters, which an MP4 in a pipe cannot follow; \
                     pull again, or use the H.264 format"
                        .into(),
                )),
            };
        }
        self.waiting.push((header, payload));
        let Some(video) = self.initialisation[0].clone() else {
            return Ok(Vec::new());
        };
        let first = self
            .waiting
            .first()
            .map_or(header.media_time, |(h, _)| h.media_time);
        let waited = (header.media_time - first).to_duration() >= AUDIO_TIME;
        let bytes: usize = self.waiting.iter().map(|(_, p)| p.len()).sum();
        let expects_audio = self.tracks.iter().any(|t| t.kind == TrackKind::Audio);
        let audio = self.initialisation[1].clone();
        if expects_audio && audio.is_none() && !waited && bytes < MAX_WAITING_BYTES {
            return Ok(Vec::new());
        }
        let mut out = vec![merge(&video, audio.as_deref())?];
        let has_audio = audio.is_some();
        self.written = Some([Some(video), audio]);
        for (header, payload) in std::mem::take(&mut self.waiting) {
            if header.track == TrackKind::Video || has_audio {
                self.frames += 1;
                out.push(payload);
            }
        }
        Ok(out)
    }

    fn access_unit(&mut self, header: Header, payload: &[u8]) -> Result<Vec<Bytes>, Error> {
        if header.track != TrackKind::Video {
            return Ok(Vec::new());
        }
        let mut out = Vec::with_capacity(payload.len() + 256);
        if header.key {
            let config = self.initialisation[0]
                .as_ref()
                .ok_or_else(|| Error::Stream("a picture before its codec configuration".into()))?;
            let codec = self.tracks.first().map_or("", |t| t.codec.as_str());
            let sets = if codec.starts_with("hvc1") || codec.starts_with("hev1") {
                hvcc_sets(config)
            } else {
                avcc_sets(config)
            };
            let sets = sets.ok_or_else(|| {
                Error::Stream(format!(
                    "codec configuration of '{codec}' that ends too soon"
                ))
            })?;
            for set in sets {
                nal(&mut out, set);
            }
        }
        let mut rest = payload;
        while !rest.is_empty() {
            let unit = take_prefixed(&mut rest, 4).ok_or_else(|| {
                Error::Stream(format!(
                    "an access unit with a NAL unit beyond its end (group {}, frame {})",
                    header.group, header.frame
                ))
            })?;
            nal(&mut out, unit);
        }
        self.frames += 1;
        Ok(vec![out.into()])
    }
}

fn nal(out: &mut Vec<u8>, unit: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(unit);
}

/// Cuts off a length of `width` bytes and as many bytes as it says.
fn take_prefixed<'a>(rest: &mut &'a [u8], width: usize) -> Option<&'a [u8]> {
    let (len, tail) = rest.split_at_checked(width)?;
    let len = len.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
    let (unit, tail) = tail.split_at_checked(len)?;
    *rest = tail;
    Some(unit)
}

/// Parameter sets of an `avcC` (ISO/IEC 14496-15, 5.3.3.1).
fn avcc_sets(config: &[u8]) -> Option<Vec<&[u8]>> {
    let mut sets = Vec::new();
    let mut rest = config.get(5..)?;
    for mask in [0x1f, 0xff] {
        let (count, tail) = rest.split_first()?;
        rest = tail;
        for _ in 0..count & mask {
            sets.push(take_prefixed(&mut rest, 2)?);
        }
    }
    Some(sets)
}

/// Parameter sets of an `hvcC` (ISO/IEC 14496-15, 8.3.3.1).
fn hvcc_sets(config: &[u8]) -> Option<Vec<&[u8]>> {
    let mut sets = Vec::new();
    let (arrays, mut rest) = config.get(22..)?.split_first()?;
    for _ in 0..*arrays {
        let (head, tail) = rest.split_first_chunk::<3>()?;
        rest = tail;
        for _ in 0..u16::from_be_bytes([head[1], head[2]]) {
            sets.push(take_prefixed(&mut rest, 2)?);
        }
    }
    Some(sets)
}

/// One `ftyp` + `moov` of the tracks in two.
fn merge(video: &Bytes, audio: Option<&[u8]>) -> Result<Bytes, Error> {
    let Some(audio) = audio else {
        return Ok(video.clone());
    };
    let broken = || Error::Stream("an initialisation segment whose boxes do not add up".into());
    let (mut header, mut tracks, mut extends) = (None, Vec::new(), Vec::new());
    for init in [&video[..], audio] {
        let movie = boxes(init)
            .ok_or_else(broken)?
            .into_iter()
            .find(|b| b.kind == *b"moov")
            .ok_or_else(broken)?;
        for child in boxes(movie.content).ok_or_else(broken)? {
            match &child.kind {
                b"mvhd" => {
                    header.get_or_insert(child.whole);
                }
                b"trak" => tracks.push(child.whole),
                b"mvex" => {
                    let trex = boxes(child.content).ok_or_else(broken)?;
                    extends.extend(trex.into_iter().map(|b| b.whole));
                }
                _ => {}
            }
        }
    }
    let mut out = Vec::with_capacity(video.len() + audio.len());
    fmp4::file_type(&mut out);
    fmp4::boxed(&mut out, b"moov", |out| {
        out.extend_from_slice(header.unwrap_or_default());
        tracks.iter().for_each(|t| out.extend_from_slice(t));
        fmp4::boxed(out, b"mvex", |out| {
            extends.iter().for_each(|t| out.extend_from_slice(t));
        });
    });
    Ok(out.into())
}

struct Mp4Box<'a> {
    kind: [u8; 4],
    content: &'a [u8],
    whole: &'a [u8],
}

/// The boxes side by side in `bytes`; none if they do not add up. Sizes of 64 bits do not occur in what the gateway writes.
fn boxes(mut bytes: &[u8]) -> Option<Vec<Mp4Box<'_>>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (head, _) = bytes.split_first_chunk::<8>()?;
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if size < 8 {
            return None;
        }
        let (whole, rest) = bytes.split_at_checked(size)?;
        out.push(Mp4Box {
            kind: [head[4], head[5], head[6], head[7]],
            content: &whole[8..],
            whole,
        });
        bytes = rest;
    }
    Some(out)
}

#[cfg(test)]
mod tests;

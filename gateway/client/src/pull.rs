//! A camera as a stream that a player reads from a pipe: fragmented MP4 with all tracks, or H.264/H.265 as an Annex B byte
//! stream. [`Mux`] makes the bytes and knows no I/O; [`pull`] drives it.

use std::{io, ops::Range, time::Duration};

use bytes::Bytes;
use media::{
    CameraId, MediaTime, Priority, Profile, TrackKind, WallTime, fmp4,
    wire::{
        Format, Header, Kind, ServerMessage, TrackInfo,
        replay::{Gaps, rate},
    },
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use crate::{
    Client, Error, Message, Moved, Open, Replay, Setting,
    replay::{Pace, TELL},
};

/// What to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Container {
    /// Fragmented MP4, all tracks in one `moov`.
    #[default]
    Mp4,
    /// The video alone, NAL units behind start codes (H.264 or H.265, annex B).
    AnnexB,
}

/// What to pull.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which camera.
    pub camera: CameraId,
    /// Which stream.
    pub profile: Profile,
    /// What to write.
    pub container: Container,
    /// Whether to write audio too, where there is any.
    pub audio: bool,
    /// Stop after this long, counted from the first picture.
    pub duration: Option<Duration>,
    /// What was recorded, in place of what is live.
    pub recorded: Option<Recorded>,
}

/// Which recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// From the key frame at or before this moment.
    pub from: WallTime,
    /// To this moment; without it up to the newest, and on with it.
    pub to: Option<WallTime>,
    /// 0.25 to 16 times; from 4 on key frames only.
    pub rate: f64,
    /// What becomes of gaps. Skipped ones take no time in an MP4.
    pub gaps: Gaps,
    /// Why, for the gateway's audit log.
    pub reason: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages of frames written.
    pub frames: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Frames that the gateway left out since we were too slow.
    pub skipped: u64,
}

/// What [`pull`] tells of while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A control message.
    Control(&'a ServerMessage),
    /// The client went over to another transport.
    Moved(&'a Moved),
    /// After a fall to WebSocket: so much media time is missing.
    Missing(Duration),
}

/// The tile that [`pull`] opens, and its clock.
const TILE: u32 = 1;
const CLOCK: u32 = 1;

/// Pulls one camera into `out` until its duration is over, the reader closes the pipe, or an error. `on_event` sees every
/// control message and every change of transport, for showing states.
///
/// # Errors
/// The camera is refused, the connection ends, the codec changes in a way that the container cannot carry, or `out` fails with
/// anything but a broken pipe.
pub async fn pull(
    client: &mut Client,
    options: &Options,
    out: &mut (impl AsyncWrite + Unpin),
    mut on_event: impl FnMut(Event<'_>),
) -> Result<Summary, Error> {
    let format = match options.container {
        Container::Mp4 => Format::Fmp4,
        Container::AnnexB => Format::Raw,
    };
    let audio = options.audio && options.container == Container::Mp4;
    let mut tape = match &options.recorded {
        Some(recorded) => Some(Tape::open(client, options, recorded, format, audio).await?),
        None => {
            let open = Open {
                profile: options.profile,
                format,
                priority: Priority::Viewer,
                audio,
                ..Open::new(TILE, options.camera)
            };
            client.open(open).await?;
            None
        }
    };
    let mut mux = Mux::new(options.container);
    let (mut summary, mut end) = (Summary::default(), None);
    let mut gap = Gap::default();
    loop {
        let wake = [end, tape.as_ref().map(|t| t.tells_at)]
            .into_iter()
            .flatten();
        let message = match wake.min() {
            None => client.next().await?,
            Some(wake) => match timeout_at(wake, client.next()).await {
                Ok(message) => message?,
                Err(_) if end.is_some_and(|end| Instant::now() >= end) => return Ok(summary),
                Err(_) => {
                    if let Some(tape) = &mut tape {
                        tape.tell(client).await?;
                    }
                    continue;
                }
            },
        };
        if let Some(moved) = client.moved() {
            on_event(Event::Moved(&moved));
            gap.fell |= moved.to == "websocket";
        }
        if let Some(missing) = gap.look(&message) {
            on_event(Event::Missing(missing));
        }
        if let Message::Control(control) = &message {
            on_event(Event::Control(control));
            match control {
                ServerMessage::Refused { reason, .. } => {
                    return Err(Error::Refused(reason.clone()));
                }
                ServerMessage::Closed { .. } | ServerMessage::Finished { .. } => {
                    return Ok(summary);
                }
                // Nothing was recorded from here on, and nothing is.
                ServerMessage::Gap { to: None, .. } => return Ok(summary),
                ServerMessage::Skipped { frames, .. } => summary.skipped += frames,
                _ => {}
            }
        }
        let message = match &mut tape {
            Some(tape) => tape.take(client, message).await?,
            None => message,
        };
        let pieces = mux.handle(message)?;
        if pieces.is_empty() {
            continue;
        }
        for piece in &pieces {
            if let Err(error) = out.write_all(piece).await {
                return pipe_ended(error, summary);
            }
            summary.bytes += piece.len() as u64;
        }
        if let Err(error) = out.flush().await {
            return pipe_ended(error, summary);
        }
        summary.frames = mux.frames;
        if end.is_none() {
            end = options.duration.map(|d| Instant::now() + d);
        }
    }
}

/// A recording that is pulled: who paces it, and where its times are in the file.
struct Tape {
    pace: Pace,
    tells_at: Instant,
    container: Container,
    skips: bool,
    /// Subtracted from the times of what comes, so that the file begins at 0 and gaps that are skipped take no time.
    shift: Option<MediaTime>,
    /// Behind the newest picture, as it came.
    end: MediaTime,
}

impl Tape {
    async fn open(
        client: &mut Client,
        options: &Options,
        recorded: &Recorded,
        format: Format,
        audio: bool,
    ) -> Result<Self, Error> {
        let setting = Setting {
            at: Some(recorded.from),
            rate: Some(recorded.rate),
            gaps: Some(recorded.gaps),
            until: recorded.to,
        };
        client.clock(CLOCK, 1, setting).await?;
        let replay = Replay {
            tile: TILE,
            camera: options.camera,
            profile: Some(options.profile),
            clock: CLOCK,
            format,
            audio,
            reason: recorded.reason.clone(),
        };
        client.replay(replay).await?;
        // From the beginning on: else the clock would run by itself until the first picture is here.
        client.reached(CLOCK, 1, recorded.from).await?;
        Ok(Self {
            pace: Pace::new(rate(recorded.rate)),
            tells_at: Instant::now() + TELL,
            container: options.container,
            skips: recorded.gaps == Gaps::Skip,
            shift: None,
            end: MediaTime(0),
        })
    }

    /// Tells the gateway how far the reader is, so that it never goes on without it.
    async fn tell(&mut self, client: &mut Client) -> Result<(), Error> {
        let now = Instant::now();
        self.tells_at = now + TELL;
        match self.pace.shows(now) {
            Some(at) => client.reached(CLOCK, 1, at).await,
            None => Ok(()),
        }
    }

    async fn take(&mut self, client: &mut Client, message: Message) -> Result<Message, Error> {
        let now = Instant::now();
        if now >= self.tells_at {
            self.tell(client).await?;
        }
        Ok(match message {
            Message::Control(ServerMessage::Clock { at, .. }) => {
                self.pace.set(now, WallTime(at));
                message
            }
            Message::Media(header, payload) if header.kind != Kind::Initialisation => {
                if header.track == TrackKind::Video {
                    self.pace.came(now, header.media_time);
                }
                let payload = match self.container {
                    Container::Mp4 => self.shifted(&header, payload)?,
                    Container::AnnexB => payload,
                };
                Message::Media(header, payload)
            }
            other => other,
        })
    }

    fn shifted(&mut self, header: &Header, payload: Bytes) -> Result<Bytes, Error> {
        let broken = || Error::Stream("a fragment without a decode time".into());
        let (at, time) = decode_time(&payload).ok_or_else(broken)?;
        // Whichever track comes first, at the beginning and behind a gap: none of the other has a time before it.
        let jumped = header.discontinuity && self.skips;
        match &mut self.shift {
            None => self.shift = Some(time),
            Some(shift) if jumped => *shift = *shift + (time - self.end),
            Some(_) => {}
        }
        if header.track == TrackKind::Video {
            self.end = time + MediaTime(i64::from(MediaTime::SCALE) / 25);
        }
        let time = time - self.shift.unwrap_or(time);
        let mut out = payload.to_vec();
        out[at..at + 8].copy_from_slice(&time.0.max(0).to_be_bytes());
        Ok(out.into())
    }
}

/// Where a fragment's decode time stands (`tfdt`, version 1), and what it is.
fn decode_time(fragment: &[u8]) -> Option<(usize, MediaTime)> {
    let moof = content(fragment, 0..fragment.len(), b"moof")?;
    let traf = content(fragment, moof, b"traf")?;
    let tfdt = content(fragment, traf, b"tfdt")?;
    let at = tfdt.start + 4;
    let time = i64::from_be_bytes(*fragment.get(at..tfdt.end)?.first_chunk()?);
    (fragment[tfdt.start] == 1).then_some((at, MediaTime(time)))
}

/// Where the content of a box lies, among those side by side in a part of `bytes`.
fn content(bytes: &[u8], within: Range<usize>, kind: &[u8; 4]) -> Option<Range<usize>> {
    let (mut at, end) = (within.start, within.end);
    while let Some(head) = bytes.get(at..end)?.first_chunk::<8>() {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let next = at
            .checked_add(size)
            .filter(|next| size >= 8 && *next <= end)?;
        if head[4..] == kind[..] {
            return Some(at + 8..next);
        }
        at = next;
    }
    None
}

/// What a fall cost.
#[derive(Default)]
struct Gap {
    fell: bool,
    /// Feed, and its newest picture.
    last: Option<(u32, MediaTime)>,
    /// Between the last two pictures.
    step: Duration,
}

impl Gap {
    /// Media time that is missing before this.
    fn look(&mut self, message: &Message) -> Option<Duration> {
        let Message::Media(header, _) = message else {
            return None;
        };
        if header.kind == Kind::Initialisation || header.track != TrackKind::Video {
            return None;
        }
        let before = self.last.replace((header.feed, header.media_time));
        let fell = std::mem::take(&mut self.fell);
        let (feed, time) = before?;
        let passed = (header.media_time - time).to_duration();
        if fell && feed == header.feed {
            return passed.checked_sub(self.step).filter(|d| !d.is_zero());
        }
        self.step = passed;
        None
    }
}

fn pipe_ended(error: io::Error, summary: Summary) -> Result<Summary, Error> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(summary);
    }
    Err(Error::Io {
        what: "writing the stream to",
        address: "the output".into(),
        source: error,
    })
}

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
    frames: u64,
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

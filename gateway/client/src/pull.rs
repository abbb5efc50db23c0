//! A camera as a stream that a player reads from a pipe: fragmented MP4 with all tracks, or H.264/H.265 as an Annex B byte
//! stream. [`Mux`] makes the bytes and knows no I/O; [`pull`] drives it.

mod gap;
mod mux;
mod tape;

use std::{io, time::Duration};

use media::{
    CameraId, Priority, Profile, WallTime,
    wire::{Format, ServerMessage, replay::Gaps},
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

pub use self::mux::Mux;
use self::{gap::Gap, tape::Tape};
use crate::{Client, Error, Message, Moved, Open};

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

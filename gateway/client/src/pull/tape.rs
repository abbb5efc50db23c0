//! A recording that is pulled.

use std::ops::Range;

use bytes::Bytes;
use media::{
    MediaTime, TrackKind, WallTime,
    wire::{
        Format, Header, Kind, ServerMessage,
        replay::{Gaps, rate},
    },
};
use tokio::time::Instant;

use super::{CLOCK, Container, Options, Recorded, TILE};
use crate::{
    Client, Error, Message, Replay, Setting,
    replay::{Pace, TELL},
};

/// A recording that is pulled: who paces it, and where its times are in the file.
pub(super) struct Tape {
    pace: Pace,
    pub(super) tells_at: Instant,
    container: Container,
    skips: bool,
    /// Subtracted from the times of what comes, so that the file begins at 0 and gaps that are skipped take no time.
    shift: Option<MediaTime>,
    /// Behind the newest picture, as it came.
    end: MediaTime,
}

impl Tape {
    pub(super) async fn open(
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
    pub(super) async fn tell(&mut self, client: &mut Client) -> Result<(), Error> {
        let now = Instant::now();
        self.tells_at = now + TELL;
        match self.pace.shows(now) {
            Some(at) => client.reached(CLOCK, 1, at).await,
            None => Ok(()),
        }
    }

    pub(super) async fn take(
        &mut self,
        client: &mut Client,
        message: Message,
    ) -> Result<Message, Error> {
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

//! The viewer wire, version 1: media messages and control messages. Specified in `docs/reference/wire.md`; held to
//! `tests/vectors/wire.json` together with the TypeScript side.

mod control;
mod decodes;
pub mod replay;

use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};

use crate::{
    time::{MediaTime, WallTime},
    track::TrackKind,
};

pub use control::{Auto, Choice, ClientMessage, Format, Opening, ServerMessage, TrackInfo};
pub use decodes::{Codec, Decodes};

/// The version this module speaks.
pub const VERSION: u8 = 1;
/// The longest control message a client may send, in bytes.
pub const MAX_CONTROL_BYTES: usize = 4096;
/// What a viewer may ask for as its maximum delay, in milliseconds. No bound on memory hangs on it: rings and budgets have
/// their own.
pub const MAX_DELAY_MS: std::ops::RangeInclusive<u32> = 100..=60_000;
/// How often a viewer may ask to be told what its connection carries, in milliseconds; 0 stops it.
pub const MEASURE_MS: std::ops::RangeInclusive<u32> = 250..=60_000;
/// A tile's width and height on the screen, in device pixels; what lies outside is taken as the nearest bound.
pub const TILE_PIXELS: std::ops::RangeInclusive<u16> = 1..=16_384;
/// The longest media message, header included, in bytes: far above any picture a camera sends.
pub const MAX_MEDIA_BYTES: usize = 16 * 1024 * 1024;

/// What the payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 0: initialisation segment or codec configuration.
    Initialisation,
    /// 1: `moof` + `mdat`.
    Fragment,
    /// 2: bare access unit.
    AccessUnit,
}

/// The 32 bytes before every payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub kind: Kind,
    /// Random access point.
    pub key: bool,
    /// The timeline does not continue.
    pub discontinuity: bool,
    /// Nothing more of this group follows.
    pub last_of_group: bool,
    /// Which track.
    pub track: TrackKind,
    /// The feed's number.
    pub feed: u32,
    /// Group number.
    pub group: u32,
    /// Frame number within the group.
    pub frame: u32,
    /// Presentation time.
    pub media_time: MediaTime,
    /// When the frame arrived at the gateway.
    pub captured: WallTime,
}

/// Why bytes are no media message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Fewer than 32 bytes.
    #[error("media message of {0} bytes, shorter than its header of 32")]
    Short(usize),
    /// Another version.
    #[error("media message of version {0}, expected 1")]
    Version(u8),
    /// An unknown value in a field.
    #[error("media message with {field} {value}, expected {expected}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What it held.
        value: u8,
        /// What it may hold.
        expected: &'static str,
    },
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 32;

    /// Appends the 32 bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        let flags = u8::from(self.key)
            | u8::from(self.discontinuity) << 1
            | u8::from(self.last_of_group) << 2;
        out.extend_from_slice(&[VERSION, self.kind as u8, flags, self.track.number()]);
        out.extend_from_slice(&self.feed.to_be_bytes());
        out.extend_from_slice(&self.group.to_be_bytes());
        out.extend_from_slice(&self.frame.to_be_bytes());
        out.extend_from_slice(&self.media_time.0.to_be_bytes());
        out.extend_from_slice(&self.captured.0.to_be_bytes());
    }

    /// Reads a header and returns what follows it.
    ///
    /// # Errors
    /// Each [`WireError`] as named.
    pub fn read(message: &[u8]) -> Result<(Self, &[u8]), WireError> {
        let Some((h, payload)) = message.split_first_chunk::<{ Self::LEN }>() else {
            return Err(WireError::Short(message.len()));
        };
        if h[0] != VERSION {
            return Err(WireError::Version(h[0]));
        }
        let kind = match h[1] {
            0 => Kind::Initialisation,
            1 => Kind::Fragment,
            2 => Kind::AccessUnit,
            value => {
                return Err(WireError::Field {
                    field: "kind",
                    value,
                    expected: "0, 1 or 2",
                });
            }
        };
        if h[2] & !7 != 0 {
            return Err(WireError::Field {
                field: "flags",
                value: h[2],
                expected: "bits 0 to 2",
            });
        }
        let track = match h[3] {
            0 => TrackKind::Video,
            1 => TrackKind::Audio,
            value => {
                return Err(WireError::Field {
                    field: "track",
                    value,
                    expected: "0 or 1",
                });
            }
        };
        let word = |at: usize| u32::from_be_bytes([h[at], h[at + 1], h[at + 2], h[at + 3]]);
        let long = |at: usize| (i64::from(word(at)) << 32) | i64::from(word(at + 4));
        Ok((
            Self {
                kind,
                key: h[2] & 1 != 0,
                discontinuity: h[2] & 2 != 0,
                last_of_group: h[2] & 4 != 0,
                track,
                feed: word(4),
                group: word(8),
                frame: word(12),
                media_time: MediaTime(long(16)),
                captured: WallTime(long(24)),
            },
            payload,
        ))
    }
}

/// A media message ready to be sent: shared bytes, the same for every viewer.
#[derive(Clone, Debug)]
pub struct Framed {
    /// WebSocket frame header (RFC 6455, 5.2, binary, unmasked, final), then the message's head.
    websocket_head: Bytes,
    prefix: usize,
    /// Built when the first viewer on QUIC wants it.
    stream_head: OnceLock<Bytes>,
    payload: Bytes,
}

impl Framed {
    /// From the message's head (envelope and, for fragments, the boxes before the payload) and its payload.
    pub fn new(head: Vec<u8>, payload: Bytes) -> Self {
        let mut prefix = Vec::with_capacity(10 + head.len());
        server_frame_header(0x2, head.len() + payload.len(), &mut prefix);
        let at = prefix.len();
        prefix.extend_from_slice(&head);
        Self {
            websocket_head: prefix.into(),
            prefix: at,
            stream_head: OnceLock::new(),
            payload,
        }
    }

    /// Head as sent on a WebSocket; [`Framed::payload`] follows.
    pub fn websocket_head(&self) -> &Bytes {
        &self.websocket_head
    }

    /// Head without the WebSocket's header; the payload follows.
    pub fn head(&self) -> Bytes {
        self.websocket_head.slice(self.prefix..)
    }

    /// The message's length (4 bytes, big-endian) and its head, as sent on a stream of QUIC's; the payload follows.
    pub fn stream_head(&self) -> &Bytes {
        self.stream_head.get_or_init(|| {
            let head = &self.websocket_head[self.prefix..];
            let mut whole = Vec::with_capacity(4 + head.len());
            whole.extend_from_slice(&(self.message_len() as u32).to_be_bytes());
            whole.extend_from_slice(head);
            whole.into()
        })
    }

    /// The shared payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Length of the message, without any transport's framing, in bytes.
    pub fn message_len(&self) -> usize {
        self.websocket_head.len() - self.prefix + self.payload.len()
    }

    /// The whole message in one piece (copies; for tests and clients).
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.message_len());
        out.extend_from_slice(&self.websocket_head[self.prefix..]);
        out.extend_from_slice(&self.payload);
        out.freeze()
    }
}

/// Appends the header of an unmasked, final WebSocket frame (RFC 6455, 5.2).
pub fn server_frame_header(opcode: u8, len: usize, out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match len {
        0..126 => out.push(len as u8),
        126..65536 => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers() -> impl Strategy<Value = Header> {
        (
            0u8..3,
            any::<[bool; 4]>(),
            any::<(u32, u32, u32, i64, i64)>(),
        )
            .prop_map(|(k, f, n)| Header {
                kind: [Kind::Initialisation, Kind::Fragment, Kind::AccessUnit][usize::from(k)],
                key: f[0],
                discontinuity: f[1],
                last_of_group: f[2],
                track: if f[3] {
                    TrackKind::Audio
                } else {
                    TrackKind::Video
                },
                feed: n.0,
                group: n.1,
                frame: n.2,
                media_time: MediaTime(n.3),
                captured: WallTime(n.4),
            })
    }

    proptest! {
        #[test]
        fn header_round_trips(header in headers(), payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut bytes = Vec::new();
            header.write(&mut bytes);
            bytes.extend_from_slice(&payload);
            prop_assert_eq!(Header::read(&bytes).unwrap(), (header, &payload[..]));
        }

        #[test]
        fn any_bytes_read_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok((header, payload)) = Header::read(&bytes) {
                let mut again = Vec::new();
                header.write(&mut again);
                again.extend_from_slice(payload);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}

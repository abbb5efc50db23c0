//! From RTP payloads to access units: H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640) and G.711 (RFC 3551).
//!
//! Values without I/O. A packet goes in by [`Depacketizer::push`], what it made whole comes out by [`Depacketizer::next`], which
//! is called until there is nothing left. Sequence numbers, times and loss are the RTSP library's: packets come in order here, and
//! say how many are missing before them.
//!
//! What always holds, for any payload:
//! - An access unit takes memory of its own size once, however many packets it comes in: the frame's payload, as it is. Until it is
//!   whole it grows in memory that the streams of a thread share (`scratch`).
//! - An access unit that outgrows its bound is given up while it is put together ([`Error::TooLarge`]).
//! - A packet that makes no sense costs its picture at most ([`Error::Odd`]): the next unit says that something was lost.
//! - No unit has a part of a NAL unit, nor parameter sets: those are told apart from the stream, when they change.

mod aac;
mod g711;
mod h264;
mod h265;
mod scratch;
mod sets;
#[cfg(test)]
mod tests;
mod unit;
mod video;

use std::time::Instant;

use bytes::Bytes;
use media::{VideoCodec, VideoTrack};

pub(crate) use unit::byte_stream;

/// What came in one RTP packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Without header and padding.
    pub payload: &'a [u8],
    /// The marker bit.
    pub mark: bool,
    /// Unwrapped RTP time.
    pub timestamp: i64,
    /// Packets lost between the one before and this one.
    pub lost: u16,
    /// When it arrived.
    pub arrival: Instant,
}

/// A whole access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// Unwrapped RTP time.
    pub timestamp: i64,
    /// Packets lost, or that made no sense, since the unit before.
    pub lost: u16,
    /// When its last packet arrived.
    pub arrival: Instant,
    /// As [`media::track`] has it.
    pub data: Bytes,
    /// New parameters, which hold from this unit on.
    pub track: Option<VideoTrack>,
}

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stream of packets is sound, this one is not. Depacketising goes on.
    #[error("a packet that makes no sense: {0}")]
    Odd(Odd),
    /// Nothing that can be carried comes of this stream: more bytes than this for one access unit.
    #[error("an access unit of more than {0} bytes")]
    TooLarge(usize),
    /// The same: a picture of more pixels than are carried.
    #[error("a picture of {width}x{height}, at most 16384x16384 is carried")]
    Picture {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
}

/// How a packet makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Odd {
    /// It ends before what it says it holds.
    #[error("too short")]
    Short,
    /// The forbidden bit of a NAL unit's header is set, or a field that is never zero is.
    #[error("a NAL unit whose header cannot be, {0:#04x}")]
    Header(u8),
    /// A kind of packet or NAL unit that is reserved, or of an interleaved mode that nobody asked for.
    #[error("a NAL unit of the unknown type {0}")]
    Type(u8),
    /// A fragment that no start came before.
    #[error("a fragment without its start")]
    NoStart,
    /// A NAL unit begins, or time goes on, before the fragments of the last one have ended.
    #[error("a NAL unit without its end")]
    NoEnd,
    /// Parameter sets that say nothing, or what cannot be.
    #[error("parameter sets that cannot be read")]
    Parameters,
    /// AAC: units out of order.
    #[error("interleaved sound")]
    Interleaved,
    /// AAC: a fragmented unit whose packets do not make what its header says.
    #[error("a unit of sound that does not fit its header")]
    Sound,
}

impl From<Odd> for Error {
    fn from(odd: Odd) -> Self {
        Self::Odd(odd)
    }
}

/// Puts one stream's access units together.
#[derive(Debug)]
pub struct Depacketizer(Inner);

#[derive(Debug)]
enum Inner {
    Video(Box<video::Video>),
    Aac(aac::Aac),
    G711(g711::G711),
}

impl Depacketizer {
    /// For video, with the parameter sets that are known already, of which an access unit has at most so many bytes.
    pub fn video(codec: VideoCodec, sets: &[Vec<u8>], max_bytes: usize) -> Self {
        Self(Inner::Video(Box::new(video::Video::new(
            codec, sets, max_bytes,
        ))))
    }

    /// For AAC in its mode of high rates, of so many samples a unit.
    pub fn aac(samples: u32) -> Self {
        Self(Inner::Aac(aac::Aac::new(samples)))
    }

    /// For G.711.
    pub fn g711() -> Self {
        Self(Inner::G711(g711::G711::default()))
    }

    /// The next packet of the stream.
    ///
    /// # Errors
    /// [`Error`]; also then there may be units to take.
    pub fn push(&mut self, packet: &Packet<'_>) -> Result<(), Error> {
        match &mut self.0 {
            Inner::Video(video) => video.push(packet),
            Inner::Aac(aac) => Ok(aac.push(packet)?),
            Inner::G711(g711) => Ok(g711.push(packet)?),
        }
    }

    /// The next access unit that is whole; none until more packets came.
    #[expect(
        clippy::should_implement_trait,
        reason = "it has an end only until the next packet"
    )]
    pub fn next(&mut self) -> Option<AccessUnit> {
        match &mut self.0 {
            Inner::Video(video) => video.next(),
            Inner::Aac(aac) => aac.next(),
            Inner::G711(g711) => g711.next(),
        }
    }

    /// No packet comes for a while: what was lent to this stream is given back.
    pub fn rest(&mut self) {
        if let Inner::Video(video) = &mut self.0 {
            video.rest();
        }
    }
}

/// NAL units behind their lengths of two bytes, after so many bytes of a header (RFC 6184, 5.7.1; RFC 7798, 4.4.2).
fn aggregate(unit: &mut unit::Unit, payload: &[u8], header: usize) -> Result<(), Error> {
    let mut rest = payload.get(header..).unwrap_or_default();
    while !rest.is_empty() {
        let (len, body) = rest.split_first_chunk().ok_or(Odd::Short)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (nal, after) = body.split_at_checked(len).ok_or(Odd::Short)?;
        unit.whole(nal)?;
        rest = after;
    }
    Ok(())
}

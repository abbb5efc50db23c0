//! Any recorded range as one seekable MP4.

use std::ops::Range;

use bytes::Bytes;
use futures_util::Stream;
use media::WallTime;
use serde::Serialize;

use crate::Error;

/// A stretch of a playback's file in which wall time runs on without a jump.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Piece {
    /// Where in the file, seconds from its start.
    pub media_start_s: f64,
    /// How long in the file, seconds.
    pub media_duration_s: f64,
    /// Wall time of its first frame.
    pub start: WallTime,
    /// Wall time after its last frame.
    pub end: WallTime,
}

/// One MP4 (`ftyp`, `moov`, `mdat`) made of the original samples. Cheap to clone; keeps the segments it reads from deletion.
#[derive(Clone, Debug)]
pub struct Playback {}

impl Playback {
    /// Bytes of the whole file. Never zero.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        todo!()
    }
    /// Strong validator, with its quotes: the same bytes have the same, others another.
    pub fn etag(&self) -> &str {
        todo!()
    }
    /// Wall time of the first frame: the key frame at or before what was asked.
    pub fn start(&self) -> WallTime {
        todo!()
    }
    /// Duration in the file, seconds.
    pub fn duration_s(&self) -> f64 {
        todo!()
    }
    /// File time to wall time.
    pub fn pieces(&self) -> &[Piece] {
        todo!()
    }
    /// The bytes of `range` (clipped to the file), in chunks of at most 256 KiB, read as they are asked for.
    pub fn read(
        &self,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static + use<> {
        let _ = range;
        futures_util::stream::iter(Vec::<Result<Bytes, Error>>::new())
    }
}

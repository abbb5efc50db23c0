//! The access unit that is being put together, each NAL unit behind its length. It grows in memory that is lent; once it is
//! whole, its size is known and it is copied into memory of its own.

use std::sync::LazyLock;

use bytes::Bytes;
use media::VideoCodec;
use memchr::memmem::Finder;

use super::{Error, Odd, h264, h265, scratch::Scratch, sets::Fresh};

/// Of one stream; used for one unit after the other.
#[derive(Debug)]
pub(super) struct Unit {
    codec: VideoCodec,
    max_bytes: usize,
    data: Scratch,
    /// Where the length of the NAL unit stands whose fragments are coming in.
    open: Option<usize>,
    /// Type of the last whole NAL unit, also of one that is not in the data.
    last: Option<u8>,
    fresh: Fresh,
}

/// Bytes of a NAL unit's length.
const LENGTH: usize = 4;
/// Longest parameter set that a configuration record can hold.
const MAX_SET: usize = u16::MAX as usize;

impl Unit {
    pub(super) fn new(codec: VideoCodec, max_bytes: usize) -> Self {
        Self {
            codec,
            max_bytes,
            data: Scratch::default(),
            open: None,
            last: None,
            fresh: Fresh::default(),
        }
    }

    /// Whether fragments are missing.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether it may end here: not within a NAL unit, nor after one that only comes before pictures (ITU-T H.264, 7.4.1.2.3;
    /// H.265, 7.4.2.4.4).
    pub(super) fn can_end(&self) -> bool {
        let ends = |kind| match self.codec {
            VideoCodec::H264 => h264::can_end(kind),
            VideoCodec::H265 => h265::can_end(kind),
        };
        self.open.is_none() && self.last.is_some_and(ends)
    }

    /// What came of it is forgotten.
    pub(super) fn discard(&mut self) {
        self.data.clear();
        self.open = None;
        self.last = None;
        self.fresh = Fresh::default();
    }

    /// No packet comes for a while.
    pub(super) fn rest(&mut self) {
        self.data.rest();
    }

    /// A NAL unit in one piece. Some cameras put a byte stream there, whose start codes separate several.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match START.find(bytes) {
            None => self.put(without_zeros(bytes)),
            Some(_) => byte_stream(bytes).try_for_each(|nal| self.put(nal)),
        }
    }

    /// A NAL unit of which fragments follow.
    pub(super) fn begin(&mut self, header: &[u8], first: &[u8]) -> Result<(), Error> {
        if self.open.is_some() {
            return Err(Odd::NoEnd.into());
        }
        self.open = Some(self.data.len());
        self.add(&[0; LENGTH])?;
        self.add(header)?;
        self.add(first)
    }

    /// The next fragment.
    pub(super) fn go_on(&mut self, more: &[u8]) -> Result<(), Error> {
        match self.open {
            Some(_) => self.add(more),
            None => Err(Odd::NoStart.into()),
        }
    }

    /// That was the last fragment.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let Some(at) = self.open.take() else {
            return Err(Odd::NoStart.into());
        };
        let nal = &self.data[at + LENGTH..];
        let kind = self.kind(nal).filter(|kind| self.set(*kind).is_none());
        if kind.is_none() || START.find(nal).is_some() {
            let nal = nal.to_vec();
            self.data.truncate(at);
            return self.whole(&nal);
        }
        let len = without_zeros(nal).len();
        self.data.truncate(at + LENGTH + len);
        self.data[at..at + LENGTH].copy_from_slice(&(len as u32).to_be_bytes());
        self.last = kind;
        Ok(())
    }

    /// What was put together, and the parameter sets that came with it.
    pub(super) fn finish(&mut self) -> (Bytes, Fresh) {
        let data = Bytes::copy_from_slice(&self.data);
        let fresh = std::mem::take(&mut self.fresh);
        self.discard();
        (data, fresh)
    }

    fn put(&mut self, nal: &[u8]) -> Result<(), Error> {
        let Some(kind) = self.kind(nal) else {
            return Err(nal.first().map_or(Odd::Short, |b| Odd::Header(*b)).into());
        };
        self.last = Some(kind);
        match self.set(kind) {
            Some(_) if nal.len() > MAX_SET => Err(Odd::Parameters.into()),
            Some(place) => {
                self.fresh.add(place, nal);
                Ok(())
            }
            None => {
                self.add(&(nal.len() as u32).to_be_bytes())?;
                self.add(nal)
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.data.len() + bytes.len() > self.max_bytes {
            self.discard();
            return Err(Error::TooLarge(self.max_bytes));
        }
        self.data.extend(bytes);
        Ok(())
    }

    /// The type that a NAL unit's header tells; none where it cannot be one.
    fn kind(&self, nal: &[u8]) -> Option<u8> {
        match self.codec {
            VideoCodec::H264 => h264::kind(nal),
            VideoCodec::H265 => h265::kind(nal),
        }
    }

    /// Which parameter set NAL units of this type are.
    fn set(&self, kind: u8) -> Option<usize> {
        match self.codec {
            VideoCodec::H264 => h264::set(kind),
            VideoCodec::H265 => h265::set(kind),
        }
    }
}

/// Between NAL units of a byte stream (ITU-T H.264, B.1). Looked for by two of its bytes at a time: coded video has few zeros
/// beside each other, and single ones everywhere.
static START: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&[0, 0, 1]));

/// The NAL units of a byte stream, with or without a start code before the first.
pub(crate) fn byte_stream(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (nal, after) = match START.find(bytes) {
            Some(at) => (&bytes[..at], Some(&bytes[at + 3..])),
            None => (bytes, None),
        };
        rest = after;
        Some(without_zeros(nal))
    })
    .filter(|nal| !nal.is_empty())
}

/// No NAL unit ends in zeros (ITU-T H.264, 7.4.1); some cameras fill up with them.
fn without_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    &nal[..end]
}

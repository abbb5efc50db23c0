//! Segment files: about a minute of one feed as fragmented MP4 (ISO/IEC 14496-12) that any player opens.
//!
//! ```text
//! ftyp  moov{... uuid: camera, profile, writer, sequence, start, hash of the segment before}
//! (prft  moof  mdat)*                        a group or less each; the wall time of its first frame in prft
//! uuid: end, size and digest of all before   mfra{tfra: key frames, uuid: summary}           at the seal
//! ```
//! Media time starts at 0 in every file. After a crash a file ends anywhere; what counts is what lies before the end of its last
//! whole `mdat`, which [`Layout::read`] finds.

pub(crate) mod digest;
pub mod format;
pub mod reader;
pub(crate) mod summary;
pub(crate) mod writer;

pub use digest::Function;
pub use format::{Header, Seal};
pub use reader::{Fragment, Layout, Run, Source};
pub use summary::{Counts, Summary};
pub(crate) use writer::Writer;

#[cfg(test)]
mod tests;

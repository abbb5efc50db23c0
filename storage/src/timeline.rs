//! What was recorded when, and why not.

use media::{Profile, Reason, WallTime};
use serde::Serialize;

/// The answer to [`crate::Archive::timeline`]: spans and gaps cover the range without overlap, in order of time. What lies in
/// the future is neither.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// Recorded, neighbours joined.
    pub spans: Vec<Span>,
    /// Not recorded.
    pub gaps: Vec<Gap>,
}

/// Recorded without interruption, clipped to the range asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First frame.
    pub start: WallTime,
    /// After the last frame.
    pub end: WallTime,
    /// Bytes of the files, in proportion where clipped.
    pub bytes: u64,
    /// Which stream.
    pub profile: Profile,
}

/// Not recorded, clipped to the range asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// From.
    pub start: WallTime,
    /// To.
    pub end: WallTime,
    /// Why.
    pub reason: Reason,
}

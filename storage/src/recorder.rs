//! A feed being recorded.

use media::Reason;

/// Where a recording stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecorderState {
    /// No frame yet, or none for some seconds: the feed's status says why.
    Waiting(Option<Reason>),
    /// Frames reach the disk.
    Recording,
    /// Nothing is recorded, for this reason; tried again by itself unless the feed or the archive has ended.
    Stopped(Reason),
}

/// Handle of one recording; dropping it stops the recording too, without waiting for the last write.
#[derive(Debug)]
pub struct Recorder {}

impl Recorder {
    /// Where it stands.
    pub fn state(&self) -> RecorderState {
        todo!()
    }

    /// Writes what is held, seals the segment, ends. The lease is given back.
    pub async fn stop(self) {
        todo!()
    }
}

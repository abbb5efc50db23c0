//! What the gateway keeps: recordings, events, journals, and the directory that holds them.
//!
//! ```text
//!  media::Cursor --> recorder --> segmenter --> segment::Writer --> DIR/recordings/CAMERA/DAY/HOUR/*.mp4
//!                                     |                                      | fdatasync, then
//!                                     +--> gaps --> journal                  +--> index (sled)
//!  timeline, playback, frame_at, retention, check  <-- index, segment::Reader, the head being written
//!  events::put --> journal --> index (sled)
//! ```
//!
//! [`DataDir`] owns the directory: identity, version, and the lock that keeps a second process out. [`Archive`] records feeds
//! and answers for what was recorded. [`events::Events`] keeps events with their pictures. [`journal`] keeps everything that no
//! media file can give back. [`check`](check::check) verifies all of it while nobody else has it open.
//!
//! What always holds:
//! - Media files and journals are the truth. What is in sled can be deleted and is rebuilt from them.
//! - Order of durability: segment written, `fdatasync`, row inserted, sled flushed about once a second. A journal's `append`
//!   returns when the record is on the disk.
//! - A segment file is playable at every moment; after `kill -9` it is cut back to its last whole fragment and sealed.
//! - What is not recorded is a gap with a reason; a recorder that stops raises an alarm.
//! - What all recorders hold in memory is bounded by one budget of bytes; a late recorder loses frames, never the ring's writer.
//! - Recordings are never re-encoded; playback assembles an MP4 of the original samples and reads only what is sent.
//! - A disk's error is a value with path and offset, never a panic.
//!
//! What does not belong here: HTTP, RTSP, users, what an event means.

pub mod alarm;
pub mod archive;
pub mod check;
mod claims;
pub mod completeness;
pub mod datadir;
mod disk;
pub mod error;
pub mod events;
pub mod evidence;
pub mod files;
mod free_target;
pub mod hold;
pub mod index;
pub mod journal;
mod ledger;
mod paths;
pub mod plan;
pub mod playback;
mod pool;
pub mod recorder;
mod recover;
pub mod retention;
pub mod segment;
mod segmenter;
pub mod signature;
pub mod timeline;
pub mod volume;

pub use alarm::{AlarmKind, RecorderAlarm, VolumeAlarm, VolumeAlarmKind};
pub use archive::{Archive, Config, Usage};
pub use check::{CheckReport, check};
pub use completeness::{Coverage, Day};
pub use datadir::DataDir;
pub use error::Error;
pub use events::Events;
pub use free_target::FreeTarget;
pub use hold::{Hold, HoldKind, NewHold};
pub use plan::Plan;
pub use playback::{Hls, HlsFile, Piece, Playback, reel::Reel};
pub use recorder::{Recorder, RecorderState};
pub use recover::Progress;
pub use retention::{Deleted, Room, Rule};
pub use timeline::{Gap, Span, Timeline};
pub use volume::{Policy, VolumeStatus};

//! The vocabulary every other crate of Sightline speaks.
//!
//! A frame enters the gateway in `ingest`, is wrapped in a [`Frame`] and pushed into the [`ring::Ring`] of its
//! [`feed::Feed`]. Everything behind the ring (viewers, recorder, tagger) reads by a [`ring::Cursor`] of its own:
//!
//! ```text
//! ingest --Frame--> Ring --Cursor--> relay viewers
//!                        --Cursor--> recorder
//!                        --Cursor--> tagger
//! ```
//!
//! What always holds:
//! - The payload of a frame is allocated once and shared ([`bytes::Bytes`]).
//! - What viewers receive is framed once a feed ([`frame::Frame::fragment`]), not once a viewer.
//! - The ring is bounded in bytes; a late cursor skips to a key frame and is told how much it missed.
//! - [`time::MediaTime`] (the feed's re-stamped timeline), [`time::WallTime`] (UTC) and `Instant` never mix.
//!
//! What does not belong here: sockets, files, tasks. This crate only holds values.

pub mod clock;
pub mod code;
pub mod event;
pub mod feed;
pub mod fmp4;
pub mod frame;
pub mod geo;
pub mod id;
pub mod reason;
pub mod recorded;
pub mod ring;
pub mod said;
pub mod time;
pub mod track;
pub mod transport;
pub mod units;
pub mod wire;

pub use clock::Clock;
pub use event::{Event, EventId, EventKind, Grade};
pub use feed::{Feed, Lease, Priority, SourceState, SourceStatus};
pub use frame::Frame;
pub use geo::Place;
pub use id::{CameraId, FeedId, Profile, RegionCode};
pub use reason::{Reason, ReasonCode};
pub use ring::{Cursor, Next, Ring};
pub use said::{Said, Words};
pub use time::{MediaTime, WallTime};
pub use track::{AudioCodec, AudioTrack, TrackKind, Tracks, VideoCodec, VideoTrack};
pub use transport::Transport;
pub use units::{BitRate, ByteCount};

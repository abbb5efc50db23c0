//! Cameras in, frames out: everything between an RTSP server and a feed's [`media::Ring`].
//!
//! ```text
//!   register ──upsert──► Supervisor ◄──pull── viewers, recorder, tagger        (a Lease keeps a feed running)
//!                            │ admits on the links (budget), paces connections (pacer)
//!                            ▼
//!                  feed: one task a camera and profile
//!                            │ connects (connect), is moved by driver (retina), obeys session (states, time-outs, back-off)
//!                            ▼
//!   packets ──► depacketize ──► access unit ──► assemble (groups, damage, parameters) ──► timeline (re-stamping) ──► media::Frame ──► Ring
//! ```
//!
//! Sessions run on threads of their own, which look at their cameras in a beat (`threads`).
//!
//! Before a camera that speaks TLS, or whose description the library refuses, stands a front (`front`, `repair`).
//!
//! Why a camera does not start is found step by step by [`diagnose`].
//!
//! Beside it, [`decode`] makes pictures of frames for the tagger and for stills, and [`mod@file`] makes frames of video files.
//!
//! What always holds:
//! - One session a camera and profile, however many leases there are; the first lease starts it, and after the last one's end and
//!   a grace period it says goodbye to the camera.
//! - A feed's ring goes on over reconnects, and over changes of the camera's address. Its first frame after one is marked as a
//!   discontinuity; its decode times always rise.
//! - The time of record is the gateway's. The camera's clock gives the distances between frames, is measured, and not believed.
//! - Every failure ends as a [`media::Reason`] in the feed's status; a password is in none of them, nor in any log.
//! - What a camera sends is bounded: an access unit by `max_unit_bytes`, a session that yields nothing by the packet time-out.
//! - A link never has more given out than its budget.
//!
//! [`session`], [`depacketize`], [`assemble`], [`timeline`], [`backoff`] and [`budget`] are values without I/O, tested in virtual time;
//! what remains for the driver is to move bytes.
//!
//! What does not belong here: what viewers or disks do with frames, who may see a camera, where cameras are on file.

pub mod assemble;
pub mod backoff;
mod bits;
pub mod bitstream;
pub mod budget;
pub mod camera;
pub mod config;
mod connect;
pub mod decode;
pub mod depacketize;
mod description;
pub mod diagnose;
mod driver;
pub mod error;
mod feed;
pub mod file;
mod front;
mod pacer;
pub mod parameters;
mod repair;
pub mod session;
pub mod supervisor;
mod threads;
pub mod timeline;
mod tracks;
pub mod transcode;

pub use camera::{Camera, Source, Transport, UrlError, parse_camera_url};
pub use config::Config;
pub use supervisor::Supervisor;
pub use transcode::Transcodes;

//! Simulated cameras: an RTSP server that replays pre-encoded scenes to hundreds of sessions, with
//! every fault of the field on a switch. For tests, benches and the `demo`; not a part of the product.
//!
//! # How data flows
//! A [`scene::Scene`] is drawn picture by picture and encoded once by GStreamer into a [`Clip`], which is
//! kept on disk; [`scene::quick_clip`] makes tiny ones for tests, [`Clip::from_mp4`] takes a film. A clip is cut
//! into RTP packets once. A camera profile has one schedule (`serve::feed`): which picture is sent when is
//! arithmetic on the clip and the server's start, the same for all who look. Each connection is one task
//! that sleeps until something is due, puts that frame's packets together with its own sequence
//! number, timestamp, source and channel, and writes them with one call.
//!
//! # What always holds
//! - Timestamps and sequence numbers go on across the loop of a clip and across a change of clip.
//! - A session joins where the camera is just now, in the middle of a group if so, unless
//!   [`CameraConfig::start_at_key`] is set.
//! - A client that does not read loses pictures, and holds up nobody else.
//! - Nothing here trusts a client: requests are capped, and bounded memory is all a session has.
//! - Drawn scenes tell the truth about themselves: the frame counter in the picture
//!   ([`counter::read`]), the moments of motion ([`scene::Scene::motion`]), and the moment of sending
//!   ([`stamp::read`]) where the camera's `stamp` is on.
//!
//! # What does not belong here
//! Anything of the gateway: this crate knows no other crate of the project, so that what it
//! sends is judged by others' readers and not by our own.

pub mod clip;
pub mod counter;
pub mod demo;
pub mod onvif;
pub mod scene;
mod serve;
pub mod stamp;
pub use clip::Clip;
pub use serve::{
    auth::Auth,
    camera::{CameraConfig, CameraHandle, Profile, Stats},
    control,
    fault::{Desync, Faults, RefuseAt, SdpQuirks, Switches},
    server::{Server, ServerConfig},
};

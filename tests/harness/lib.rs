//! Black-box scenarios: the built binary, spoken to as its users do (command line, HTTP, WebSocket, signals), with simulated
//! cameras behind it and programs we did not write (ffmpeg, ffprobe) in front of it.
//!
//! Nothing here links the gateway: what a scenario cannot reach from outside, it does not test.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bare;
mod gateway;
pub mod netns;
pub mod rough;
pub mod secure;
mod seen;
mod tools;
mod viewer;

pub use gateway::{ADMIN, Api, Demo, Options};
pub use seen::Seen;
pub use tools::{decode_errors, eventually, probe, sightline};
pub use viewer::{Received, Viewer};

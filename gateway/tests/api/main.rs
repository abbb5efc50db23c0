//! The API as its users see it, a gateway and a simulated camera for each test.
#![allow(missing_docs, clippy::unwrap_used)]

mod access;
mod archive;
mod cameras;
mod command;
#[path = "../common/mod.rs"]
mod common;
mod evidence;
mod incidents;
mod live;
mod map;
mod supervision;
mod tiles;
mod told;
mod walls;

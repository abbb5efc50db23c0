//! The RTSP side: sessions, their schedule and their faults.

pub(crate) mod auth;
pub(crate) mod camera;
pub(crate) mod connection;
pub mod control;
pub(crate) mod fault;
pub(crate) mod feed;
pub(crate) mod rtsp;
pub(crate) mod sdp;
pub(crate) mod sender;
pub(crate) mod server;
pub(crate) mod session;

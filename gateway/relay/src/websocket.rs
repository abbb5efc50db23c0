//! The server side of RFC 6455 over any upgraded connection: [`upgrade`] (the handshake), [`reader`] (what the viewer sends,
//! sans-I/O), and the driver, which writes the shared bytes of many media messages in one vectored call.
//!
//! Why our own: a library's sink takes a message and copies it into a buffer of its own for each viewer; here a viewer costs
//! two references a frame. No extension is negotiated (compressed video does not compress).

mod connection;
mod driver;
mod handshake;
#[cfg(test)]
mod interleave;
mod line;
mod outbox;
pub mod reader;
mod upgraded;

pub(crate) use driver::serve;
pub use handshake::{HandshakeError, accept_key, upgrade};
pub(crate) use upgraded::serve_upgraded;

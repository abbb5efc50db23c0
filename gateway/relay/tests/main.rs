//! The relay from outside, and our client against it: one program, so that the harness is built and linked once.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod auto;
mod codecs;
mod control_messages;
mod files;
mod harm;
mod harness;
mod joining;
mod pull;
mod quic;
mod replay;
mod slow_viewer;
mod tiles;
mod websocket;
mod webtransport;
mod wire_vectors;

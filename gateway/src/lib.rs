//! Sightline's gateway: cameras in, people out, and between them who may see what.
//!
//! ```text
//! camera -> ingest -> media::Ring -> relay -> viewers (WebSocket, QUIC)
//!                         |--------> storage::Archive -> timeline, playback, stills
//!                         |--------> tagger -> Book -> events -> Hub -> pages (server-sent events)
//! request -> listen (TLS) -> Front -> api::dispatch (table, access) -> handler
//! ```
//!
//! This crate assembles the others: configuration, certificates, the accept loop, the HTTP API, access, the audit log, the
//! order of starting and stopping, and the command line. [`gateway::Gateway`] holds all parts.
//!
//! What always holds:
//! - Every route, socket, stream and file passes [`access::may`]. What is refused is in the audit log.
//! - Every view, playback, export and change is in the audit log, and what cannot be written there does not happen.
//! - Every error of the API is an RFC 9457 problem, made in one place ([`api::problem`]).
//! - The table of routes ([`api::routes::ROUTES`]) is the router and the OpenAPI document at once.
//! - One place writes an event ([`book::Book`]), one changes a state ([`command::Store`]).
//! - Stopping has one order, written once ([`shutdown`]).
//!
//! What does not belong here: the logic of the crates it assembles.

pub mod access;
pub mod api;
pub mod attachments;
pub mod audit;
pub mod book;
pub mod cli;
mod codecs;
pub mod config;
pub mod diagnose;
mod disks;
pub mod district;
pub mod evidence;
pub mod feeds;
mod follow;
pub mod front;
pub mod gateway;
pub mod host;
pub mod hub;
pub mod links;
pub mod listen;
pub mod metrics;
pub mod nearby;
pub mod onvif;
pub mod photo;
pub mod positions;
pub mod recording;
mod replays;
pub mod rules;
pub mod seal;
pub mod shutdown;
pub mod stills;
pub mod supervision;
pub mod tiles;
pub mod tls;
pub mod visits;
pub mod walls;
pub mod web;

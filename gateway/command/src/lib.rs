//! What the command centre knows and decides: the register of regions and cameras, incidents, rules, shared walls, and the
//! figures a district is judged by.
//!
//! ```text
//! request --Change--> check (pure) --> journal (durable) --> apply (pure) --> snapshot for readers
//!                                         |
//!                     at start: every record of the journal, applied in order
//! ```
//!
//! What always holds:
//! - A state ([`register::Register`], [`incident::Incidents`]) is a plain value. It changes only by [`state::State::apply`]
//!   of a change that [`state::State::check`] let pass, and only after the journal holds it on disk ([`store::Store`]).
//! - Applying a journal's changes in order gives the same state again, so the journal is the truth and nothing else is kept.
//! - An incident cannot take a step that [`incident::Stage::next`] does not name.
//! - Readers see whole states: a snapshot is an `Arc` that never changes.
//!
//! What does not belong here: sockets, streams, HTTP, who may do what. The gateway asks its access check before it asks here.

pub mod asset;
pub mod boundary;
pub mod camera;
pub mod cap;
pub mod code;
pub mod contingency;
pub mod coordinates;
pub mod health;
pub mod import;
pub mod incident;
pub mod nearby;
pub mod outline;
pub mod photo;
pub mod register;
pub mod rules;
pub mod secret;
pub mod state;
pub mod store;
pub mod supervision;
pub mod wall;
pub mod zone;

pub use asset::Asset;
pub use camera::Camera;
pub use contingency::{Plan as ContingencyPlan, Plans as ContingencyPlans};
pub use incident::{Incident, Incidents, Stage, Task};
pub use register::{Group, Region, Register};
pub use rules::Rules;
pub use secret::Secret;
pub use state::State;
pub use store::Store;
pub use wall::Walls;
pub use zone::Zone;

//! CAP 1.2, the Common Alerting Protocol of OASIS: warnings of other departments in, our events out.
//!
//! Read strictly where a mistake would put a warning in the wrong place or at the wrong time (a polygon that is not closed, a
//! time without a zone), and within bounds: a message has [`MAX_BYTES`] and no document type, so no entity of its own grows.

mod message;
mod read;
mod write;

pub use message::{
    Area, Certainty, Circle, Info, Message, MessageType, Reference, Severity, Status, Urgency,
};
pub use read::{Error, MAX_BYTES, read};
pub use write::write;

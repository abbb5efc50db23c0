//! What ONVIF devices say of themselves: found by WS-Discovery on the gateway's links, then read over SOAP.
//!
//! ```text
//! probe --multicast on every link--> devices' answers --discovery--> Found
//! address, account --client: clock, device, network, profiles, stream addresses--> Reading
//! ```
//! Everything a device sends is foreign: bodies are bounded, XML has no DTD and a bounded depth, and no address that a device
//! names is followed: its services are asked at the host that was asked for, so that nobody's password goes elsewhere.

pub mod client;
pub mod discovery;
pub mod reading;
pub mod soap;
pub mod xml;

pub use client::{Account, Device, Error, read};
pub use discovery::{Found, discover};
pub use reading::{Authentication, Reading, Stream};

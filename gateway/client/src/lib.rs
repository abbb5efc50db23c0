//! A viewer for programs: sign in, open cameras, receive their media, over QUIC or WebSocket.
//!
//! ```no_run
//! # async fn example() -> Result<(), client::Error> {
//! use client::{Client, Message, Open, Trust, sign_in};
//! let url = "https://gateway.example:8443".parse().unwrap();
//! let trust = Trust::Ca(std::fs::read("district-ca.pem").unwrap());
//! let token = sign_in(&url, "admin", "secret", &trust).await?;
//! let mut client = Client::connect_any(&url, &token, &trust).await?;
//! client.open(Open::new(1, "44140300001320000001".parse().unwrap())).await?;
//! loop {
//!     match client.next().await? {
//!         Message::Control(message) => eprintln!("{message:?}"),
//!         Message::Media(header, payload) => eprintln!("{:?} {} bytes", header.media_time, payload.len()),
//!     }
//! }
//! # }
//! ```
//!
//! Data flows one way: transport (`websocket.rs`, `quic.rs`) -> [`Client::next`] -> the caller, or [`pull`], which makes of it
//! a stream that a player reads from a pipe. On QUIC groups arrive on streams of their own, in any order: `order.rs` puts them
//! in order and gives up a group that is late. A client of [`Client::connect_any`] falls back from QUIC to WebSocket and climbs
//! back (`roam.rs`); `examples/watch.rs` shows one.
//!
//! What always holds: memory is bounded whatever the gateway sends; a caller that does not call `next` is a slow viewer, and
//! the gateway then skips. Every method that waits is cancel safe where it says so.
//!
//! What does not belong here: decoding, and the gateway's HTTP interface beyond signing in.

mod error;
#[doc(hidden)] // for the fuzzers
pub mod order;
pub mod pull;
mod quic;
mod replay;
mod roam;
mod sign_in;
mod stream;
mod trust;
mod websocket;

use std::time::Duration;

use bytes::Bytes;
use media::{
    CameraId, Priority, Profile,
    wire::{ClientMessage, Decodes, Format, Header, MAX_DELAY_MS, ServerMessage},
};
use url::Url;

pub use error::Error;
pub use replay::{Replay, Setting};
pub use roam::Moved;
pub use sign_in::sign_in;
pub use trust::Trust;

/// Where UDP is blocked nothing answers: after this long the client falls back to WebSocket.
const QUIC_TIME: Duration = Duration::from_secs(3);

/// What the gateway sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A control message.
    Control(ServerMessage),
    /// A media message: header and payload.
    Media(Header, Bytes),
}

/// What to show in a tile.
#[derive(Clone, Debug)]
pub struct Open {
    /// Chosen by the caller, once a connection.
    pub tile: u32,
    /// Which camera.
    pub camera: CameraId,
    /// Which stream.
    pub profile: Profile,
    /// Packaging.
    pub format: Format,
    /// Why.
    pub priority: Priority,
    /// Whether audio is wanted.
    pub audio: bool,
}

impl Open {
    /// The main stream of a camera, as fragments with audio, for somebody who looks.
    pub fn new(tile: u32, camera: CameraId) -> Self {
        Self {
            tile,
            camera,
            profile: Profile::Main,
            format: Format::Fmp4,
            priority: Priority::Viewer,
            audio: true,
        }
    }
}

/// A connection to a gateway.
pub struct Client(Way);

enum Way {
    /// On one transport, whatever happens.
    Fixed(Transport),
    Roams(Box<roam::Roam>),
}

enum Transport {
    WebSocket(Box<websocket::Connection>),
    Quic(Box<quic::Connection>),
}

impl Transport {
    async fn next(&mut self) -> Result<Message, Error> {
        match self {
            Self::WebSocket(connection) => connection.next().await,
            Self::Quic(connection) => connection.next().await,
        }
    }

    async fn send(&mut self, message: &ClientMessage) -> Result<(), Error> {
        match self {
            Self::WebSocket(connection) => connection.send(message).await,
            Self::Quic(connection) => connection.send(message).await,
        }
    }

    async fn shutdown(self) {
        match self {
            Self::WebSocket(connection) => connection.shutdown().await,
            Self::Quic(connection) => connection.shutdown().await,
        }
    }
}

impl Client {
    /// Connects by WebSocket. `url` is the gateway's: `https://host:port`, or `http://` where it serves plain HTTP.
    ///
    /// # Errors
    /// The gateway cannot be reached, is not trusted, or refuses the token.
    pub async fn connect_ws(url: &Url, token: &str, trust: &Trust) -> Result<Self, Error> {
        let connection = websocket::Connection::open(url, token, trust).await?;
        Ok(Self(Way::Fixed(Transport::WebSocket(Box::new(connection)))))
    }

    /// Connects by QUIC to the same host and port number, UDP.
    ///
    /// # Errors
    /// The gateway cannot be reached, is not trusted, or refuses the token.
    pub async fn connect_quic(url: &Url, token: &str, trust: &Trust) -> Result<Self, Error> {
        let connection = quic::Connection::open(url, token, trust, quic::IDLE_TIME).await?;
        Ok(Self(Way::Fixed(Transport::Quic(Box::new(connection)))))
    }

    /// Connects by QUIC, or by WebSocket if that does not come about within three seconds, and stays with it: what recordings
    /// want.
    ///
    /// # Errors
    /// Those of [`Client::connect_ws`], when QUIC had failed too.
    pub async fn connect_either(url: &Url, token: &str, trust: &Trust) -> Result<Self, Error> {
        if url.scheme() == "https" {
            let quic = Self::connect_quic(url, token, trust);
            match tokio::time::timeout(QUIC_TIME, quic).await {
                Ok(Ok(client)) => return Ok(client),
                Ok(Err(error)) => tracing::info!(%error, "no QUIC, falling back to WebSocket"),
                Err(_) => tracing::info!("no answer on UDP, falling back to WebSocket"),
            }
        }
        Self::connect_ws(url, token, trust).await
    }

    /// Connects by QUIC, or by WebSocket if that does not come about within three seconds; where UDP stops passing later, goes
    /// over to WebSocket within a few seconds. From there QUIC is tried again while [`Client::next`] is called, first after five
    /// seconds, then less and less often up to every two minutes, and taken when it answers: without a gap, and without a frame
    /// twice. [`Client::moved`] tells of it.
    ///
    /// # Errors
    /// Those of [`Client::connect_ws`], when QUIC had failed too.
    pub async fn connect_any(url: &Url, token: &str, trust: &Trust) -> Result<Self, Error> {
        if url.scheme() != "https" {
            return Self::connect_ws(url, token, trust).await;
        }
        let roam = roam::Roam::connect(url, token, trust).await?;
        Ok(Self(Way::Roams(Box::new(roam))))
    }

    /// On WebSocket, tries QUIC again after this long, and after twice as long each time it fails; without this after five
    /// seconds. Only for a client of [`Client::connect_any`].
    pub fn retry_quic_after(&mut self, first: Duration) {
        if let Way::Roams(roam) = &mut self.0 {
            roam.set_first_pause(first);
        }
    }

    /// The last change of transport, once. Asked after [`Client::next`]: what it returned came by the new one.
    pub fn moved(&mut self) -> Option<Moved> {
        match &mut self.0 {
            Way::Fixed(_) => None,
            Way::Roams(roam) => roam.moved(),
        }
    }

    fn used(&self) -> &Transport {
        match &self.0 {
            Way::Fixed(transport) => transport,
            Way::Roams(roam) => roam.used(),
        }
    }

    /// `quic` or `websocket`.
    pub fn transport(&self) -> &'static str {
        match self.used() {
            Transport::WebSocket(_) => "websocket",
            Transport::Quic(_) => "quic",
        }
    }

    /// Goes on from another local address, as after a change of the network: a new UDP socket for the same connection. Where the
    /// system changes the address of the machine by itself nothing needs to be called.
    ///
    /// # Errors
    /// No socket is to be had. On WebSocket nothing is done: TCP cannot move.
    pub fn rebind(&self) -> Result<(), Error> {
        match self.used() {
            Transport::WebSocket(_) => Ok(()),
            Transport::Quic(connection) => connection.rebind(),
        }
    }

    /// What comes next, waiting for it. Cancel safe.
    ///
    /// # Errors
    /// The connection ended ([`Error::Closed`] says how), or the gateway broke the protocol.
    pub async fn next(&mut self) -> Result<Message, Error> {
        match &mut self.0 {
            Way::Fixed(transport) => transport.next().await,
            Way::Roams(roam) => roam.next().await,
        }
    }

    /// Sends a control message.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn send(&mut self, message: &ClientMessage) -> Result<(), Error> {
        match &mut self.0 {
            Way::Fixed(transport) => transport.send(message).await,
            Way::Roams(roam) => roam.send(message).await,
        }
    }

    /// Shows a camera in a tile.
    ///
    /// # Errors
    /// The connection ended. A refusal comes as a message.
    pub async fn open(&mut self, open: Open) -> Result<(), Error> {
        self.send(&ClientMessage::Open {
            tile: open.tile,
            camera: open.camera,
            profile: open.profile.into(),
            width: None,
            height: None,
            decodes: Decodes::all(),
            format: open.format,
            priority: open.priority,
            audio: open.audio,
        })
        .await
    }

    /// Switches a tile's profile.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn profile(&mut self, tile: u32, profile: Profile) -> Result<(), Error> {
        let profile = profile.into();
        self.send(&ClientMessage::Profile { tile, profile }).await
    }

    /// Stops a tile's media.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn pause(&mut self, tile: u32) -> Result<(), Error> {
        self.send(&ClientMessage::Pause { tile }).await
    }

    /// Goes on at the newest key frame.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn resume(&mut self, tile: u32) -> Result<(), Error> {
        self.send(&ClientMessage::Resume { tile }).await
    }

    /// How late a picture may be on this connection before it is rather skipped; without it the gateway's bound, two seconds.
    /// The gateway takes 100 ms to a minute.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn max_delay(&mut self, max: Duration) -> Result<(), Error> {
        let (least, most) = (*MAX_DELAY_MS.start(), *MAX_DELAY_MS.end());
        let max_ms = u32::try_from(max.as_millis()).map_or(most, |ms| ms.clamp(least, most));
        self.send(&ClientMessage::Delay { max_ms }).await
    }

    /// Closes a tile.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn close(&mut self, tile: u32) -> Result<(), Error> {
        self.send(&ClientMessage::Close { tile }).await
    }

    /// Says goodbye.
    pub async fn shutdown(self) {
        match self.0 {
            Way::Fixed(transport) => transport.shutdown().await,
            Way::Roams(roam) => roam.shutdown().await,
        }
    }
}

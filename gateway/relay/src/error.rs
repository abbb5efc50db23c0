//! Why a connection ended, and the one table of close codes.

use std::{fmt, io};

/// How a connection is closed: the code on a WebSocket (RFC 6455, 7.4.1) and on QUIC alike, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// One of the constants below.
    pub code: u16,
    /// For the log of the other side; at most 123 bytes are sent.
    pub text: String,
}

impl Close {
    /// Done.
    pub const NORMAL: u16 = 1000;
    /// The gateway shuts down.
    pub const GOING_AWAY: u16 = 1001;
    /// The other side broke the protocol.
    pub const PROTOCOL: u16 = 1002;
    /// A text message that is no UTF-8.
    pub const NOT_UTF8: u16 = 1007;
    /// Not allowed, or not any more: the session has ended.
    pub const POLICY: u16 = 1008;
    /// A message above 4 KiB.
    pub const TOO_BIG: u16 = 1009;
    /// A fault in the gateway.
    pub const INTERNAL: u16 = 1011;
    /// Too many connections.
    pub const BUSY: u16 = 1013;

    /// With this code and sentence.
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.code)
    }
}

/// How a viewer's connection ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The viewer closed it.
    #[error("the viewer left")]
    Left,
    /// We closed it.
    #[error("closed by the gateway: {0}")]
    Closed(Close),
    /// It took no byte for [`crate::Config::stall_ms`], or sent none for [`crate::Config::silence_ms`].
    #[error("gone: {0}")]
    Silent(&'static str),
    /// Reading or writing failed.
    #[error("transport failed: {0}")]
    Io(#[from] io::Error),
    /// The QUIC connection failed.
    #[error("QUIC connection failed: {0}")]
    Quic(#[from] quinn_proto::ConnectionError),
}

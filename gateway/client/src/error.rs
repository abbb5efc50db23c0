//! What can go wrong between a client and its gateway.

use media::{Reason, wire::WireError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be used.
    #[error("'{url}' is no gateway's address: {why}")]
    Url {
        /// As given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The certificate authority's file.
    #[error("the trusted certificates: {0}")]
    Trust(String),
    /// Resolving, connecting, reading or writing.
    #[error("{what} {address}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// With whom.
        address: String,
        /// How it failed.
        source: std::io::Error,
    },
    /// Signing in, or the WebSocket's handshake, was answered otherwise.
    #[error("the gateway answered {status}: {detail}")]
    Http {
        /// HTTP status.
        status: u16,
        /// What it said.
        detail: String,
    },
    /// HTTP itself failed.
    #[error("HTTP with the gateway: {0}")]
    Protocol(String),
    /// The WebSocket failed.
    #[error("WebSocket: {0}")]
    WebSocket(#[source] Box<tokio_tungstenite::tungstenite::Error>),
    /// The QUIC connection failed.
    #[error("QUIC: {0}")]
    Quic(String),
    /// The gateway closed the connection.
    #[error("the gateway closed the connection: {text} ({code})")]
    Closed {
        /// See the close codes in `docs/reference/wire.md`.
        code: u16,
        /// What it said.
        text: String,
    },
    /// A media message that is none.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// A control message that is none.
    #[error("control message from the gateway: {0}")]
    Control(#[from] serde_json::Error),
    /// The camera will not start, or not go on.
    #[error("refused: {0}")]
    Refused(Reason),
    /// The stream cannot be written on in this container.
    #[error("{0}")]
    Stream(String),
}

impl From<tokio_tungstenite::tungstenite::Error> for Error {
    fn from(error: tokio_tungstenite::tungstenite::Error) -> Self {
        use tokio_tungstenite::tungstenite::Error as Ws;
        match error {
            Ws::Http(response) => Self::Http {
                status: response.status().as_u16(),
                detail: response
                    .body()
                    .as_ref()
                    .map(|b| String::from_utf8_lossy(&b[..b.len().min(512)]).into_owned())
                    .unwrap_or_default(),
            },
            Ws::ConnectionClosed | Ws::AlreadyClosed => Self::Closed {
                code: 1006,
                text: "without a close frame".into(),
            },
            error => Self::WebSocket(Box::new(error)),
        }
    }
}

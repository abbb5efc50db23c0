//! A connection that is up, native or WebTransport: what lies between the wire's streams and QUIC's. From here on one code
//! serves both.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Fuse},
};
use quinn_proto::{ConnectionError, VarInt};

use super::{
    engine::{Connection, RecvStream, SendStream},
    webtransport,
};
use crate::{Close, End};

/// Application error code of a reset group (`docs/reference/wire.md`).
const STALE: u32 = 1;
/// How long a viewer has to take the reason of our close.
pub(super) const CLOSE_TIME: Duration = Duration::from_secs(1);

/// Why a connection is over, or has to be.
pub(super) enum Over {
    /// The viewer left.
    Left,
    Lost(ConnectionError),
    /// The viewer did what is not allowed.
    Broken(Close),
}

impl From<ConnectionError> for Over {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(_) | ConnectionError::ConnectionClosed(_) => {
                Self::Left
            }
            error => Self::Lost(error),
        }
    }
}

impl Over {
    pub(super) fn end(self) -> Result<End, Close> {
        match self {
            Self::Left => Ok(End::Left),
            Self::Lost(error) => Ok(End::Quic(error)),
            Self::Broken(close) => Err(close),
        }
    }
}

/// Why there is no session: the connection is closed with this.
pub(super) struct Refused {
    pub(super) code: VarInt,
    pub(super) text: String,
}

impl From<Close> for Refused {
    fn from(close: Close) -> Self {
        Self {
            code: VarInt::from_u32(u32::from(close.code)),
            text: close.text,
        }
    }
}

/// A viewer's connection beside its control stream.
pub(super) struct Carrier {
    pub(super) connection: Connection,
    /// What precedes the first byte of every stream that we open.
    pub(super) head: Bytes,
    /// Error code of a reset group.
    pub(super) stale: VarInt,
    /// Looks after all that a WebTransport viewer may not do, and after the connection's end.
    over: Option<BoxFuture<'static, Over>>,
    /// Until the viewer ends a WebTransport session.
    left: Fuse<BoxFuture<'static, ()>>,
    /// The stream that carries a WebTransport session's close.
    session: Option<SendStream>,
}

impl Carrier {
    /// ALPN `sightline/1`: QUIC as it is. Waits for the control stream.
    pub(super) async fn native(
        connection: Connection,
    ) -> Result<(Self, SendStream, RecvStream), Refused> {
        let broken = |e: ConnectionError| Close::new(Close::PROTOCOL, e.to_string());
        let (send, receive) = connection.accept_bi().await.map_err(broken)?;
        let carrier = Self {
            connection,
            head: Bytes::new(),
            stale: VarInt::from_u32(STALE),
            over: None,
            left: Fuse::terminated(),
            session: None,
        };
        Ok((carrier, send, receive))
    }

    /// ALPN `h3`: shakes hands for a WebTransport session and waits for its control stream.
    pub(super) async fn webtransport(
        connection: Connection,
    ) -> Result<(Self, SendStream, RecvStream), Refused> {
        let established = webtransport::accept(&connection).await?;
        let carrier = Self {
            connection,
            head: established.head,
            stale: webtransport::error_code(STALE),
            over: Some(established.over),
            left: established.left.fuse(),
            session: Some(established.session),
        };
        Ok((carrier, established.control.0, established.control.1))
    }

    /// As lists and figures call it.
    pub(super) fn name(&self) -> &'static str {
        match self.session {
            None => "quic",
            Some(_) => "webtransport",
        }
    }

    /// Ready when the connection is over or has to be.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        if self.left.poll_unpin(cx).is_ready() {
            return Poll::Ready(Over::Left);
        }
        if let Some(over) = &mut self.over {
            return over.poll_unpin(cx);
        }
        if let Poll::Ready(error) = self.connection.poll_closed(cx) {
            return Poll::Ready(error.into());
        }
        let one_more = matches!(self.connection.poll_accept_bi(cx), Poll::Ready(Ok(_)))
            || matches!(self.connection.poll_accept_uni(cx), Poll::Ready(Ok(_)));
        if one_more {
            let why = "a viewer opens one stream, the control stream";
            return Poll::Ready(Over::Broken(Close::new(Close::PROTOCOL, why)));
        }
        Poll::Pending
    }

    /// Says why and closes.
    pub(super) async fn close(self, close: &Close) {
        let Some(session) = self.session else {
            return close_native(&self.connection, close);
        };
        // The viewer ends its side when it has read why; a connection that is closed before takes the reason with it.
        let told = async {
            webtransport::say_close(session, close).await;
            tokio::select! {
                () = self.left => {}
                _ = self.connection.closed() => {}
            }
        };
        // Else it is gone, or deaf.
        let _ = tokio::time::timeout(CLOSE_TIME, told).await;
        self.connection.close(webtransport::NO_ERROR, b"");
    }
}

pub(super) fn close_native(connection: &Connection, close: &Close) {
    connection.close(
        VarInt::from_u32(u32::from(close.code)),
        close.text.as_bytes(),
    );
}

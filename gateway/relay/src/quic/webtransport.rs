//! The little of HTTP/3 that a WebTransport session needs (draft-ietf-webtrans-http3, as browsers speak it): SETTINGS both
//! ways, one extended CONNECT, the capsule that closes the session. Frames, fields and capsules are `web-transport-proto`'s.
//!
//! The session's streams are QUIC streams behind a few bytes: a stream type and the session's number.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use http::StatusCode;
use url::Url;
use web_transport_proto::{
    Capsule, ConnectRequest, ConnectResponse, Frame, Http3CapsuleReader, Settings, StreamUni,
    VarInt, error_to_http3,
};

use super::{
    carrier::{Over, Refused},
    engine::{Connection, RecvStream, SendStream},
};
use crate::Close;

/// The protocol's name in the TLS handshake.
pub const ALPN: &[u8] = b"h3";
/// Where a session is asked for, as over TCP.
pub const PATH: &str = "/api/v1/media";

/// H3_NO_ERROR (RFC 9114, 8.1).
pub(super) const NO_ERROR: quinn_proto::VarInt = quinn_proto::VarInt::from_u32(0x100);
/// H3_MESSAGE_ERROR: a request that cannot be understood.
const MESSAGE_ERROR: quinn_proto::VarInt = quinn_proto::VarInt::from_u32(0x10e);
/// H3_REQUEST_REJECTED.
const REJECTED: quinn_proto::VarInt = quinn_proto::VarInt::from_u32(0x10b);

/// Streams of HTTP/3's own (control, two of QPACK, and the reserved kinds that browsers open to keep servers honest).
const MAX_UNI_STREAMS: usize = 16;
/// Bytes of one of them; a browser sends some dozen.
const MAX_UNI_BYTES: usize = 64 * 1024;

/// A session that was granted, and its control stream.
pub(super) struct Established {
    pub(super) head: Bytes,
    pub(super) over: BoxFuture<'static, Over>,
    pub(super) left: BoxFuture<'static, ()>,
    pub(super) session: SendStream,
    pub(super) control: (SendStream, RecvStream),
}

/// An error code of the session as one of HTTP/3.
pub(super) fn error_code(code: u32) -> quinn_proto::VarInt {
    quinn_proto::VarInt::from_u64(error_to_http3(code)).expect("error_to_http3 is below 2^47")
}

/// Shakes hands. The caller bounds the time.
pub(super) async fn accept(connection: &Connection) -> Result<Established, Refused> {
    let mut layer: BoxFuture<'static, Close> = Box::pin(uni_streams(connection.clone()));
    let (session, requests, settings, control) = tokio::select! {
        broken = &mut layer => return Err(broken.into()),
        granted = shake_hands(connection) => granted?,
    };
    let mut head = BytesMut::new();
    StreamUni::WEBTRANSPORT.encode(&mut head);
    number(&session).encode(&mut head);
    let connection = connection.clone();
    let over = async move {
        // HTTP/3's control stream must stay open.
        let _settings = settings;
        let why = "a viewer opens one stream in its session, the control stream";
        tokio::select! {
            error = connection.closed() => error.into(),
            broken = layer => Over::Broken(broken),
            Ok(_) = connection.accept_bi() => Over::Broken(Close::new(Close::PROTOCOL, why)),
        }
    };
    Ok(Established {
        head: head.freeze(),
        over: Box::pin(over),
        left: Box::pin(session_end(requests)),
        session,
        control,
    })
}

type Granted = (SendStream, RecvStream, SendStream, (SendStream, RecvStream));

async fn shake_hands(connection: &Connection) -> Result<Granted, Refused> {
    let broken = |error: &dyn std::fmt::Display| Refused {
        code: MESSAGE_ERROR,
        text: error.to_string(),
    };
    let mut settings = connection.open_uni().await.map_err(|e| broken(&e))?;
    let mut ours = Settings::default();
    ours.enable_webtransport(1);
    ours.write(&mut settings).await.map_err(|e| broken(&e))?;

    let (mut session, mut requests) = connection.accept_bi().await.map_err(|e| broken(&e))?;
    let request = ConnectRequest::read(&mut requests)
        .await
        .map_err(|e| broken(&e))?;
    if let Err((status, why)) = judge(&request) {
        let answered = async {
            ConnectResponse::new(status).write(&mut session).await.ok();
            session.finish().ok();
            session.stopped().await;
        };
        answered.await;
        return Err(Refused {
            code: REJECTED,
            text: format!("{}: {why}", status.as_str()),
        });
    }
    let accepted = ConnectResponse::OK.write(&mut session).await;
    accepted.map_err(|e| broken(&e))?;

    let (send, mut receive) = connection.accept_bi().await.map_err(|e| broken(&e))?;
    let kind = VarInt::read(&mut receive).await.map_err(|e| broken(&e))?;
    let of = VarInt::read(&mut receive).await.map_err(|e| broken(&e))?;
    if Frame(kind) != Frame::WEBTRANSPORT || of != number(&session) {
        return Err(broken(&"a stream that is not of the session"));
    }
    Ok((session, requests, settings, (send, receive)))
}

/// The session's number: that of the stream it was asked for on.
fn number(session: &SendStream) -> VarInt {
    let id = quinn_proto::VarInt::from(session.id()).into_inner();
    VarInt::try_from(id).expect("a stream's number is a QUIC integer")
}

/// Whether a session is granted. A browser says in `Origin` which page asks: it must be one of ours, as for the WebSocket.
fn judge(request: &ConnectRequest) -> Result<(), (StatusCode, &'static str)> {
    if request.url.path() != PATH {
        return Err((StatusCode::NOT_FOUND, "sessions are at /api/v1/media"));
    }
    let Some(origin) = request.headers.get(http::header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().ok().and_then(|o| Url::parse(o).ok());
    let ours = origin.is_some_and(|origin| {
        origin.scheme() == "https"
            && origin.host() == request.url.host()
            && origin.port_or_known_default() == request.url.port_or_known_default()
    });
    match ours {
        true => Ok(()),
        false => Err((
            StatusCode::FORBIDDEN,
            "a page of another site may not do this",
        )),
    }
}

/// Takes the unidirectional streams of HTTP/3 itself, which carry nothing that we need: they must be read and kept open.
/// Ends with what is wrong.
async fn uni_streams(connection: Connection) -> Close {
    let mut reading = FuturesUnordered::new();
    let mut opened = 0;
    loop {
        tokio::select! {
            stream = connection.accept_uni() => match stream {
                Ok(stream) if opened < MAX_UNI_STREAMS => {
                    opened += 1;
                    reading.push(read_out(stream));
                }
                Ok(_) => return Close::new(Close::PROTOCOL, "too many unidirectional streams"),
                // Whoever waits for the connection's end tells it better.
                Err(_) => std::future::pending().await,
            },
            Some(read) = reading.next() => if let Err(broken) = read {
                return broken;
            },
        }
    }
}

async fn read_out(mut stream: RecvStream) -> Result<(), Close> {
    let Ok(kind) = VarInt::read(&mut stream).await else {
        return Ok(());
    };
    match StreamUni(kind) {
        StreamUni::CONTROL | StreamUni::QPACK_ENCODER | StreamUni::QPACK_DECODER => {}
        StreamUni::WEBTRANSPORT => {
            let why = "a viewer opens no unidirectional streams";
            return Err(Close::new(Close::PROTOCOL, why));
        }
        // Of a kind that is there to be ignored: dropped, and so told to stop.
        _ => return Ok(()),
    }
    let mut left = MAX_UNI_BYTES;
    while let Ok(Some(chunk)) = stream.read_chunk(4096).await {
        let Some(rest) = left.checked_sub(chunk.len()) else {
            let why = "a stream of HTTP/3 with more in it than belongs there";
            return Err(Close::new(Close::TOO_BIG, why));
        };
        left = rest;
    }
    Ok(())
}

/// Until the viewer closes its session.
async fn session_end(requests: RecvStream) {
    let mut capsules = Http3CapsuleReader::new(requests);
    while let Ok(Some(capsule)) = capsules.read().await {
        if let Capsule::CloseWebTransportSession { .. } = capsule {
            return;
        }
    }
}

/// Closes the session with a code; done when the viewer has it.
pub(super) async fn say_close(mut session: SendStream, close: &Close) {
    let mut capsule = BytesMut::new();
    Capsule::CloseWebTransportSession {
        code: u32::from(close.code),
        reason: close.text.clone(),
    }
    .encode(&mut capsule);
    let mut frame = BytesMut::new();
    Frame::DATA.encode(&mut frame);
    VarInt::from_u32(u32::try_from(capsule.len()).unwrap_or(u32::MAX)).encode(&mut frame);
    frame.unsplit(capsule);
    if session.write_chunk(frame.freeze()).await.is_ok() && session.finish().is_ok() {
        session.stopped().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(url: &str, origin: Option<&str>) -> Result<(), u16> {
        let mut request = ConnectRequest::new(Url::parse(url).unwrap());
        if let Some(origin) = origin {
            let value = http::HeaderValue::from_str(origin).unwrap();
            request.headers.insert(http::header::ORIGIN, value);
        }
        judge(&request).map_err(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_pages_of_the_gateway_and_programs_get_a_session() {
        let url = "https://gw.example:8443/api/v1/media";
        assert_eq!(asked(url, None), Ok(()));
        assert_eq!(asked(url, Some("https://gw.example:8443")), Ok(()));
        assert_eq!(asked(url, Some("https://GW.example:8443")), Ok(()));
        for other in [
            "https://gw.example",
            "http://gw.example:8443",
            "https://evil.example:8443",
            "https://gw.example.evil:8443",
            "null",
            "",
        ] {
            assert_eq!(asked(url, Some(other)), Err(403), "{other}");
        }
        let standard = "https://gw.example/api/v1/media";
        assert_eq!(asked(standard, Some("https://gw.example:443")), Ok(()));
        assert_eq!(asked("https://gw.example/api/v1/medium", None), Err(404));
        let v6 = "https://[::1]:8443/api/v1/media";
        assert_eq!(asked(v6, Some("https://[::1]:8443")), Ok(()));
    }

    #[test]
    fn error_codes_are_mapped_as_the_draft_says() {
        // draft-ietf-webtrans-http3: first + n + floor(n / 0x1e).
        assert_eq!(error_code(0).into_inner(), 0x52e4_a40f_a8db);
        assert_eq!(error_code(1).into_inner(), 0x52e4_a40f_a8dc);
        assert_eq!(error_code(0x1e).into_inner(), 0x52e4_a40f_a8db + 0x1f);
    }
}

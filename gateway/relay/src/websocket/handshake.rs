//! The opening handshake (RFC 6455, 4.2). Who may connect, and from which `Origin`, is checked by the gateway before.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use sha1::{Digest, Sha1};

/// RFC 6455, 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why a request is no WebSocket handshake.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Not GET over HTTP/1.1.
    #[error("a WebSocket handshake is a GET over HTTP/1.1")]
    Method,
    /// `Upgrade` or `Connection` does not ask for it.
    #[error("header {0} does not ask for a WebSocket")]
    NotAsked(&'static str),
    /// Another version; answer 426.
    #[error("Sec-WebSocket-Version is not 13")]
    Version,
    /// No key, or not 16 bytes in Base64.
    #[error("Sec-WebSocket-Key is not 16 bytes in Base64")]
    Key,
}

impl HandshakeError {
    /// The answer's status: 426 for another version, 400 for all else.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer, without a body; a 426 says which version is spoken.
    pub fn response(&self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = self.status();
        if *self == Self::Version {
            response.headers_mut().insert(
                header::SEC_WEBSOCKET_VERSION,
                header::HeaderValue::from_static("13"),
            );
        }
        response
    }
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub fn accept_key(key: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(GUID.as_bytes());
    BASE64.encode(hash.finalize())
}

/// Checks a request and gives the 101 to answer it with; then hand the upgraded connection to [`crate::Relay::websocket`].
///
/// # Errors
/// What the request lacks; answer with [`HandshakeError::response`].
pub fn upgrade<B>(request: &Request<B>) -> Result<Response<()>, HandshakeError> {
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return Err(HandshakeError::Method);
    }
    let headers = request.headers();
    if !has_token(headers, header::UPGRADE, "websocket") {
        return Err(HandshakeError::NotAsked("Upgrade"));
    }
    if !has_token(headers, header::CONNECTION, "upgrade") {
        return Err(HandshakeError::NotAsked("Connection"));
    }
    if single(headers, header::SEC_WEBSOCKET_VERSION) != Some("13") {
        return Err(HandshakeError::Version);
    }
    let key = single(headers, header::SEC_WEBSOCKET_KEY).ok_or(HandshakeError::Key)?;
    if key.len() != 24 || BASE64.decode(key).map_or(0, |k| k.len()) != 16 {
        return Err(HandshakeError::Key);
    }
    let accept = accept_key(key)
        .parse()
        .expect("Base64 is a valid header value");
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let out = response.headers_mut();
    out.insert(
        header::UPGRADE,
        header::HeaderValue::from_static("websocket"),
    );
    out.insert(
        header::CONNECTION,
        header::HeaderValue::from_static("Upgrade"),
    );
    out.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

fn single(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?.trim();
    values.next().is_none().then_some(first)
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|t| t.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> http::request::Builder {
        Request::builder()
            .uri("/api/v1/media")
            .header("Host", "gateway")
            .header("Upgrade", "WebSocket")
            .header("Connection", "keep-alive, Upgrade")
            .header("Sec-WebSocket-Version", "13")
    }

    #[test]
    fn answers_the_example_of_the_standard() {
        let request = request()
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap();
        let response = upgrade(&request).unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(
            response.headers()["Sec-WebSocket-Accept"],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn half_a_handshake_is_refused() {
        assert_eq!(
            upgrade(&request().body(()).unwrap()).unwrap_err(),
            HandshakeError::Key
        );
        let short = request().header("Sec-WebSocket-Key", "AAAA").body(());
        assert_eq!(upgrade(&short.unwrap()).unwrap_err(), HandshakeError::Key);
        let post = request().method("POST").body(()).unwrap();
        assert_eq!(upgrade(&post).unwrap_err(), HandshakeError::Method);
        let plain = Request::builder().body(()).unwrap();
        assert_eq!(
            upgrade(&plain).unwrap_err(),
            HandshakeError::NotAsked("Upgrade")
        );
        let old = Request::builder()
            .header("Upgrade", "websocket")
            .header("Connection", "upgrade")
            .header("Sec-WebSocket-Version", "8")
            .body(())
            .unwrap();
        let error = upgrade(&old).unwrap_err();
        assert_eq!(error.response().status(), 426);
        assert_eq!(error.response().headers()["Sec-WebSocket-Version"], "13");
    }
}

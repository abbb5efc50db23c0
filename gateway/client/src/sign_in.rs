//! `POST /api/v1/session?token=1`.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use crate::{Error, Trust, stream};

/// An answer is a few hundred bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Checking a password costs the gateway a good part of a second by design.
const ANSWER_TIME: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

/// Signs in and returns the session's token.
///
/// # Errors
/// The gateway cannot be reached or is not trusted; [`Error::Http`] with 401 for wrong credentials, 429 for too many attempts.
pub async fn sign_in(
    url: &Url,
    user: &str,
    password: &str,
    trust: &Trust,
) -> Result<String, Error> {
    let stream = stream::connect(url, trust).await?;
    let protocol = |e: &dyn std::fmt::Display| Error::Protocol(e.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| protocol(&e))?;
    let body = serde_json::json!({ "user": user, "password": password }).to_string();
    let request = Request::post("/api/v1/session?token=1")
        .header(header::HOST, authority(url))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| protocol(&e))?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        Ok::<_, hyper::Error>((head.status, body))
    };
    let (status, body) = tokio::select! {
        answer = timeout(ANSWER_TIME, exchange) => answer
            .map_err(|_| Error::Protocol("no answer to signing in".into()))?
            .map_err(|e| protocol(&e))?,
        // Ends only when the exchange cannot go on either.
        ended = connection => {
            let why = ended.err().map_or_else(|| "closed".to_owned(), |e| e.to_string());
            return Err(Error::Protocol(format!("the connection ended before the answer: {why}")));
        }
    };
    let body = body.map_err(|e| Error::Protocol(e.to_string()))?.to_bytes();
    if !status.is_success() {
        let detail = serde_json::from_slice::<Problem>(&body).map_or_else(
            |_| String::from_utf8_lossy(&body[..body.len().min(256)]).into_owned(),
            |p| {
                if p.detail.is_empty() {
                    p.title
                } else {
                    p.detail
                }
            },
        );
        return Err(Error::Http {
            status: status.as_u16(),
            detail,
        });
    }
    serde_json::from_slice::<Answer>(&body)?
        .token
        .ok_or_else(|| Error::Protocol("the gateway signed us in but gave no token".into()))
}

pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

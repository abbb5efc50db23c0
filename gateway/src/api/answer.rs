//! Answers that are no problem.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use warp::reply::Response;

use super::{Answer, Problem};

/// 200 with JSON.
///
/// # Errors
/// 500 where the value does not serialise.
pub fn json<T: Serialize>(value: &T) -> Answer {
    with_json(StatusCode::OK, value)
}

/// JSON with a status.
///
/// # Errors
/// 500 where the value does not serialise.
pub fn with_json<T: Serialize>(status: StatusCode, value: &T) -> Answer {
    let body = serde_json::to_vec(value).map_err(Problem::internal)?;
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// 204.
///
/// # Errors
/// None; the type is that of every handler.
pub fn empty() -> Answer {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// 200 with bytes of a type.
pub fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into().into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A stream that is polled from one place only, and so may be shared where warp asks for it.
pub(crate) struct OneReader<S>(std::sync::Mutex<S>);

impl<S> OneReader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self(std::sync::Mutex::new(stream))
    }
}

impl<S: Stream + Unpin> Stream for OneReader<S> {
    type Item = S::Item;
    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        let stream = self
            .0
            .get_mut()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Pin::new(stream).poll_next(cx)
    }
}

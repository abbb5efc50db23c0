//! What is looked at before a handler sees a request: whose page sends it, its query, its body.

use std::{collections::BTreeMap, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};

use super::{Problem, routes::Route};

/// The longest request body, in bytes, where a route does not say otherwise.
pub const MAX_BODY: usize = 1024 * 1024;
/// Of a body that is too long, so much is read before the connection is closed on it, bytes.
const MAX_DRAINED: usize = 16 * MAX_BODY;
/// A body must be there within this time, where a route does not say otherwise.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Refuses what a page of another site sends: SameSite cookies do so already, this is the second lock.
///
/// # Errors
/// 403 where `Origin` names another host than `Host`.
pub fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let from = origin.to_str().ok().and_then(|o| o.split_once("://"));
    match (from, host) {
        (Some((_, from)), Some(host)) if from.eq_ignore_ascii_case(host) => Ok(()),
        // Over HTTP/2 the host is in the target; warp has dropped it, and a cookie would not have come.
        (Some(_), None) => Ok(()),
        _ => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "a page of another site may not do this",
        )),
    }
}

pub(super) fn read_query(route: &Route, text: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut query = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        let Some(known) = route.query.iter().find(|p| p.name == name) else {
            let names: Vec<&str> = route.query.iter().map(|p| p.name).collect();
            let short: String = name.chars().take(64).collect();
            let expected = match names.is_empty() {
                true => "no parameters".to_owned(),
                false => names.join(", "),
            };
            return Err(Problem::bad(
                &short,
                format!("unknown parameter, expected {expected}"),
            ));
        };
        if value.len() > 1000 {
            return Err(Problem::bad(known.name, "longer than 1000 bytes"));
        }
        if query
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return Err(Problem::bad(known.name, "given twice"));
        }
    }
    // `camera=` means the same as leaving it out.
    query.retain(|_, v| !v.is_empty());
    Ok(query)
}

pub(super) async fn read_body(
    most: usize,
    patience: Duration,
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("a request body is at most {most} bytes long"),
        )
    };
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|n| n > most.max(MAX_DRAINED) as u64) {
        return Err(too_large());
    }
    let read = async {
        let (mut whole, mut seen) = (BytesMut::new(), 0usize);
        tokio::pin!(body);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|e| Problem::bad("body", e))?;
            seen = seen.saturating_add(piece.remaining());
            if seen > most.max(MAX_DRAINED) {
                return Err(too_large());
            }
            if seen > most {
                // Read and thrown away: most clients look for the answer only when they have sent everything.
                whole = BytesMut::new();
                continue;
            }
            let mut piece = piece;
            while piece.has_remaining() {
                let chunk = piece.chunk();
                whole.extend_from_slice(chunk);
                let n = chunk.len();
                piece.advance(n);
            }
        }
        match seen > most {
            true => Err(too_large()),
            false => Ok(whole.freeze()),
        }
    };
    match tokio::time::timeout(patience, read).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "bad-request",
            "the request's body took too long",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    #[test]
    fn another_sites_page_is_refused() {
        let same = |o: &str| same_origin(&headers(&[("host", "gw:8443"), ("origin", o)]));
        assert!(same("https://gw:8443").is_ok());
        assert!(same("https://evil.example").is_err());
        assert!(same("null").is_err());
        assert!(same_origin(&headers(&[("host", "gw")])).is_ok());
    }
}

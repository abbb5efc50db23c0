//! The HTTP API: a table of routes ([`routes::ROUTES`]) and one dispatcher that every request goes through.
//!
//! ```text
//! warp (method, path, query, headers, body, peer) -> dispatch: find the route, who is it, may they at all,
//!     is the query known, is the body small enough -> handler: whose is the object, may they there -> answer
//! ```
//! The table is also what `openapi.json` is made of, so that the two cannot differ.

pub mod audit;
pub mod cameras;
pub mod events;
pub mod incidents;
pub mod map;
pub mod media;
pub mod openapi;
pub mod problem;
pub mod recordings;
pub mod routes;
pub mod session;
pub mod sse;
pub mod status;
pub mod users;
pub mod view;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Instant};

use ::media::{CameraId, RegionCode, WallTime};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use warp::reply::Response;

use crate::{
    access::{self, Action, Session, Target, User},
    audit::{Entry, Outcome},
    gateway::Gateway,
    listen::Peer,
};
pub use problem::Problem;
use routes::{Guard, Route};

/// The longest request body, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// Of a body that is too long, so much is read before the connection is closed on it, bytes.
const MAX_DRAINED: usize = 16 * MAX_BODY;
/// A body must be there within this time.
const BODY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
/// The session's cookie.
pub const COOKIE: &str = "sightline_session";

/// What a handler gives back.
pub type Answer = Result<Response, Problem>;
/// A handler's future.
pub type Handling = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Their session.
    pub session: Arc<Session>,
    /// Its token, to end it by.
    pub token: String,
    /// They.
    pub user: User,
}

/// A request on its way to its handler.
#[derive(Debug)]
pub struct Call {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The route that was found.
    pub route: &'static Route,
    /// What stands in the path's braces, decoded.
    pub params: BTreeMap<&'static str, String>,
    /// The query: only names that the route knows, each once.
    pub query: BTreeMap<String, String>,
    /// The request's headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Where it comes from.
    pub peer: Peer,
    /// Who asks, if signed in.
    pub signed: Option<Signed>,
    /// Whether only the head is wanted.
    pub head_only: bool,
}

/// What of a request is known before its body is read.
#[derive(Debug)]
pub struct Head {
    /// GET, POST, ...
    pub method: Method,
    /// The path as sent.
    pub path: String,
    /// The query as sent.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Where it comes from.
    pub peer: Peer,
}

/// Answers a request of the API, or gives its head back where the table has no such path at all.
///
/// # Errors
/// The head, for the pages.
pub async fn dispatch(
    gateway: Arc<Gateway>,
    head: Head,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Response, Head> {
    let lookup = if head.method == Method::HEAD {
        Method::GET
    } else {
        head.method.clone()
    };
    let (route, params) = match routes::find(&lookup, &head.path) {
        routes::Found::Route(route, params) => (route, params),
        routes::Found::OtherMethods(allow) => {
            let mut problem = Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                format!("{} is not possible here, {allow} is", head.method),
            );
            problem.allow = Some(allow);
            return Ok(problem.into_response());
        }
        routes::Found::Nothing => return Err(head),
    };
    let answer = match prepare(gateway, route, params, head, body).await {
        Ok(call) => (route.handler)(call).await,
        Err(problem) => Err(problem),
    };
    Ok(answer.unwrap_or_else(Problem::into_response))
}

async fn prepare(
    gateway: Arc<Gateway>,
    route: &'static Route,
    params: BTreeMap<&'static str, String>,
    head: Head,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Call, Problem> {
    let signed = gateway.who(&head.headers);
    let loopback = crate::config::is_loopback(head.peer.address.ip());
    match (route.guard, &signed) {
        (Guard::Public, _) => {}
        (Guard::LoopbackOr(_), _) if loopback => {}
        (_, None) => return Err(Problem::no_session()),
        (Guard::Signed, Some(_)) => {}
        (Guard::May(action) | Guard::LoopbackOr(action), Some(signed)) => {
            if let Err(denied) = access::may(&signed.user, action, Target::Any) {
                let what = params.values().cloned().collect::<Vec<_>>().join("/");
                gateway.note_denied(&signed.user, &head.peer, route, &what, None);
                return Err(denied.into());
            }
        }
    }
    if !matches!(head.method, Method::GET | Method::HEAD) {
        same_origin(&head.headers)?;
    }
    let query = read_query(route, &head.query)?;
    let body = read_body(&head.headers, body).await?;
    Ok(Call {
        gateway,
        route,
        params,
        query,
        head_only: head.method == Method::HEAD,
        headers: head.headers,
        body,
        peer: head.peer,
        signed,
    })
}

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

fn read_query(route: &Route, text: &str) -> Result<BTreeMap<String, String>, Problem> {
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

async fn read_body(
    headers: &HeaderMap,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("a request body is at most {MAX_BODY} bytes long"),
        )
    };
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|n| n > MAX_DRAINED as u64) {
        return Err(too_large());
    }
    let read = async {
        let (mut whole, mut seen) = (BytesMut::new(), 0usize);
        tokio::pin!(body);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|e| Problem::bad("body", e))?;
            seen = seen.saturating_add(piece.remaining());
            if seen > MAX_DRAINED {
                return Err(too_large());
            }
            if seen > MAX_BODY {
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
        match seen > MAX_BODY {
            true => Err(too_large()),
            false => Ok(whole.freeze()),
        }
    };
    match tokio::time::timeout(BODY_TIMEOUT, read).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "bad-request",
            "the request's body took too long",
        )),
    }
}

impl Call {
    /// Who asks.
    ///
    /// # Errors
    /// 401 where nobody is signed in.
    pub fn signed(&self) -> Result<&Signed, Problem> {
        self.signed.as_ref().ok_or_else(Problem::no_session)
    }

    /// Who asks.
    ///
    /// # Errors
    /// 401 where nobody is signed in.
    pub fn user(&self) -> Result<&User, Problem> {
        Ok(&self.signed()?.user)
    }

    /// The one check, on an object in a region. A refusal is in the audit log.
    ///
    /// # Errors
    /// 403.
    pub fn may(&self, action: Action, region: RegionCode, object: &str) -> Result<(), Problem> {
        let user = self.user()?;
        access::may(user, action, Target::Region(region)).map_err(|denied| {
            self.gateway
                .note_denied(user, &self.peer, self.route, object, Some(region));
            denied.into()
        })
    }

    /// Whether the user may see what lies in a region; for lists.
    pub fn sees(&self, action: Action, region: RegionCode) -> bool {
        self.signed
            .as_ref()
            .is_some_and(|s| access::may(&s.user, action, Target::Region(region)).is_ok())
    }

    /// A parameter of the path.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A value of the query, parsed.
    ///
    /// # Errors
    /// 400 that names it.
    pub fn query<T>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let parse = |text: &String| text.parse().map_err(|e| Problem::bad(name, e));
        self.query.get(name).map(parse).transpose()
    }

    /// A number of the query within a range.
    ///
    /// # Errors
    /// 400 that names it and the range.
    pub fn query_within(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, Problem> {
        let number: Option<u64> = self.query(name)?;
        match number {
            Some(n) if !(least..=most).contains(&n) => Err(Problem::bad(
                name,
                format!("{n}, expected {least} to {most}"),
            )),
            n => Ok(n),
        }
    }

    /// `from` and `to`, both there and in order.
    ///
    /// # Errors
    /// 400 that names what is missing or wrong.
    pub fn range(&self) -> Result<(WallTime, WallTime), Problem> {
        let need = |name: &str| {
            self.query::<WallTime>(name)?
                .ok_or_else(|| Problem::bad(name, "is missing, expected a time (RFC 3339)"))
        };
        let (from, to) = (need("from")?, need("to")?);
        if to <= from {
            return Err(Problem::bad("to", "is not after 'from'"));
        }
        Ok((from, to))
    }

    /// The camera in the path, if the user may do this with it.
    ///
    /// # Errors
    /// 400, 403 or 404.
    pub fn camera(&self, action: Action) -> Result<Arc<command::Camera>, Problem> {
        let code: CameraId = self
            .param("code")
            .parse()
            .map_err(|e| problem::bad_code("code", &e))?;
        let register = self.gateway.register.read();
        let camera = register
            .camera(&code)
            .cloned()
            .ok_or_else(|| Problem::not_found(format!("camera {code} is not in the register")))?;
        self.may(action, camera.region, code.as_str())?;
        Ok(camera)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 400 that names the field, or the place.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut body = serde_json::Deserializer::from_slice(&self.body);
        let value = serde_path_to_error::deserialize(&mut body).map_err(|e| {
            let path = e.path().to_string();
            // "." is the body itself: syntax, a missing or an unknown field, which the text names.
            let field = if path == "." { "body" } else { path.as_str() };
            Problem::bad(field, e.inner())
        })?;
        body.end().map_err(|e| Problem::bad("body", e))?;
        Ok(value)
    }

    /// An entry of the audit log by this user from this address.
    ///
    /// # Errors
    /// 401 where nobody is signed in.
    pub fn entry(
        &self,
        action: &str,
        object: impl Into<String>,
        region: Option<RegionCode>,
    ) -> Result<Entry, Problem> {
        let user = self.user()?;
        let mut entry = Entry::new(&user.user, user.role.as_str(), action, object);
        entry.address = Some(self.peer.address.ip());
        entry.region = region;
        Ok(entry)
    }

    /// Writes an entry; what it tells of happens only if it could be written.
    ///
    /// # Errors
    /// The disk's, as a problem.
    pub async fn audit(&self, entry: Entry) -> Result<(), Problem> {
        Ok(self.gateway.audit.write(self.gateway.now(), entry).await?)
    }
}

impl Gateway {
    /// Who sends these headers: by cookie or by bearer token.
    pub fn who(&self, headers: &HeaderMap) -> Option<Signed> {
        let token = token(headers)?;
        let session = self.sessions.get(Instant::now(), &token)?;
        let users = self.users.read();
        let user = users.get(&session.user)?.user();
        Some(Signed {
            session,
            token,
            user,
        })
    }

    fn note_denied(
        &self,
        user: &User,
        peer: &Peer,
        route: &Route,
        object: &str,
        region: Option<RegionCode>,
    ) {
        let mut entry = Entry::new(&user.user, user.role.as_str(), "denied", object);
        entry.address = Some(peer.address.ip());
        entry.region = region;
        entry.outcome = Outcome::Denied;
        entry.detail = format!("{} {}", route.method, route.path);
        // A flood of refusals must not hold up requests; that some are missing is in the log.
        let _ = self.audit.note(self.now(), entry);
    }
}

/// The session's token in the headers.
pub fn token(headers: &HeaderMap) -> Option<String> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok()?.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        return Some(token.trim().to_owned());
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE).then(|| value.to_owned())
        })
}

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
    fn the_token_is_found_in_cookie_or_bearer() {
        assert_eq!(
            token(&headers(&[("cookie", "a=b; sightline_session=tok; c=d")])).unwrap(),
            "tok"
        );
        assert_eq!(
            token(&headers(&[("authorization", "Bearer tok")])).unwrap(),
            "tok"
        );
        assert_eq!(
            token(&headers(&[("cookie", "xsightline_session=tok")])),
            None
        );
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

//! The HTTP API: a table of routes ([`routes::ROUTES`]) and one dispatcher that every request goes through.
//!
//! ```text
//! warp (method, path, query, headers, body, peer) -> dispatch: find the route, who is it, may they at all,
//!     is the query known, is the body small enough -> handler: whose is the object, may they there -> answer
//! ```
//! The table is also what `openapi.json` is made of, so that the two cannot differ.

mod answer;
pub mod archive;
pub mod audit;
mod call;
pub mod cameras;
mod contingency;
mod diagnosis;
pub mod events;
pub mod evidence;
mod guests;
pub mod hls;
pub mod holds;
pub mod incidents;
mod intake;
mod links;
pub mod map;
pub mod media;
mod nearby;
pub mod openapi;
mod outages;
pub mod plans;
mod positions;
pub mod problem;
pub mod recordings;
mod register;
mod reports;
mod retention;
pub mod routes;
mod rules;
pub mod session;
pub mod sse;
pub mod status;
mod supervision;
pub(crate) mod tasks;
pub mod timeline;
pub mod users;
pub mod view;
pub mod viewers;
pub(crate) mod walls;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Instant};

use ::media::RegionCode;
use bytes::Buf;
use futures_util::Stream;
use http::{HeaderMap, Method, StatusCode, header};
use relay::plain::Lane;
use warp::reply::Response;

use crate::{
    access::{self, Role, Session, Target, User, sessions::Pass},
    audit::{Entry, Outcome},
    gateway::Gateway,
    listen::Peer,
};
pub(crate) use answer::OneReader;
pub use answer::{bytes, empty, json, with_json};
pub use call::{Call, Signed};
pub use intake::{MAX_BODY, same_origin};
use intake::{read_body, read_query};
pub use problem::Problem;
use routes::{Guard, Route};

/// The session's cookie.
pub const COOKIE: &str = "sightline_session";

/// What a handler gives back.
pub type Answer = Result<Response, Problem>;
/// A handler's future.
pub type Handling = Pin<Box<dyn Future<Output = Answer> + Send>>;

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
    /// By what its answer sends files without reading them, where that is possible.
    pub lane: Option<Lane>,
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
        (_, Some(signed)) if signed.user.role == Role::Guest && !route.takes_guests() => {
            let what = route.path;
            gateway.note_denied(&signed.user, &head.peer, route, what, None);
            return Err(access::Denied::Guest.into());
        }
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
    let body = read_body(route.max_body(), route.patience(), &head.headers, body).await?;
    Ok(Call {
        gateway,
        route,
        params,
        query,
        head_only: head.method == Method::HEAD,
        headers: head.headers,
        body,
        peer: head.peer,
        lane: head.lane,
        signed,
    })
}

impl Gateway {
    /// Who sends these headers: by cookie or by bearer token.
    pub fn who(&self, headers: &HeaderMap) -> Option<Signed> {
        let token = token(headers)?;
        let session = self.sessions.get(Instant::now(), &token)?;
        let user = self.user_of(&session)?;
        Some(Signed {
            session,
            token,
            user,
        })
    }

    /// Whose session it is: an account, or a guest as long as they are welcome.
    pub fn user_of(&self, session: &Session) -> Option<User> {
        let (id, number) = match session.guest {
            None => return Some(self.users.read().get(&session.user)?.user()),
            Some(Pass::Screen { wall, link }) => return self.screen_of(wall, link),
            Some(Pass::Incident(id, number)) => (id, number),
        };
        let incidents = self.incidents.read();
        let incident = incidents.get(&id)?;
        let guest = incident.guests.iter().find(|g| g.number == number)?;
        guest.is_welcome(self.now()).then(|| User {
            user: guest.signature(),
            name: guest.name.clone(),
            role: Role::Guest,
            region: incident.region,
            incident: Some(id),
            wall: None,
        })
    }

    /// A screen that came by a link, as long as that is good.
    fn screen_of(&self, wall: u32, link: u32) -> Option<User> {
        let walls = self.walls.kept.read();
        let wall = walls.by_number(wall)?;
        let link = wall.links.iter().find(|l| l.number == link)?;
        link.is_good(self.now()).then(|| User {
            user: link.signature(&wall.id),
            name: link.name.clone(),
            role: Role::Guest,
            region: wall.region,
            incident: None,
            wall: Some(wall.number),
        })
    }

    /// What a camera is to a user: something in its region, to a guest one that their incident shows, to a screen without an
    /// account one that stands on its wall, or may come into the tile that is kept there for alarms.
    pub fn target(&self, user: &User, camera: &command::Camera) -> Target {
        if let Some(number) = user.wall {
            let walls = self.walls.kept.read();
            let shows = |w: &Arc<command::wall::Wall>| {
                w.shown.contains(&camera.code)
                    || w.keeps_alarms() && camera.region.is_within(&w.region)
            };
            return match walls.by_number(number).is_some_and(shows) {
                true => Target::Wall(number, camera.region),
                false => Target::Region(camera.region),
            };
        }
        let incidents = self.incidents.read();
        let theirs = user.incident.and_then(|id| incidents.get(&id));
        match theirs.filter(|i| i.state.is_open() && i.cameras.contains(&camera.code)) {
            Some(incident) => Target::Incident(incident.id, camera.region),
            None => Target::Region(camera.region),
        }
    }

    pub(crate) fn note_denied(
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
}

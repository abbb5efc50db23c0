//! Links by which a screen in a hall comes in without an account: it sees its wall, the cameras on it, and, where a tile is kept
//! for alarms, those of the wall's region. As with guests, the secret stands behind the `#` and only its hash is kept.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use ::media::WallTime;
use command::wall::{Change, Link, MAX_DAYS, Wall};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    super::{Answer, COOKIE, Call, Problem, empty, guests, json, session, with_json},
    directed, problem,
};
use crate::{access::sessions::Pass, audit::Entry, gateway::Gateway};

#[derive(Serialize)]
struct Told<'a> {
    number: u32,
    name: &'a str,
    until: WallTime,
    by: &'a str,
    at: WallTime,
    ended_at: Option<WallTime>,
    /// Told once.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

fn told(link: &Link, url: Option<String>) -> Told<'_> {
    Told {
        number: link.number,
        name: &link.name,
        until: link.until,
        by: &link.by,
        at: link.at,
        ended_at: link.ended_at,
        url,
    }
}

/// `GET /walls/{wall}/links`.
pub(in crate::api) async fn list(call: Call) -> Answer {
    let wall = directed(&call)?;
    let links = wall.links.iter().map(|l| told(l, None));
    json(&links.collect::<Vec<_>>())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    days: u32,
}

/// `POST /walls/{wall}/links`.
pub(in crate::api) async fn make(call: Call) -> Answer {
    let wall = directed(&call)?;
    let new: New = call.json()?;
    if wall.seat.is_some() {
        return Err(Problem::bad("wall", "an operator's own wall has no links"));
    }
    if !(1..=MAX_DAYS).contains(&new.days) {
        let text = format!("{}, expected 1 to {MAX_DAYS}", new.days);
        return Err(Problem::bad("days", text));
    }
    let secret = guests::new_secret();
    let now = call.gateway.now();
    let until = now + Duration::from_secs(u64::from(new.days) * 86_400);
    let mut entry = call.entry("wall-link", wall.id.clone(), Some(wall.region))?;
    entry.detail = format!("{} until {until}", new.name.trim());
    let change = Change::Link {
        id: wall.id.clone(),
        name: new.name,
        until,
        secret_sha256: guests::hash(&secret),
        by: call.user()?.user.clone(),
    };
    let kept = &call.gateway.walls.kept;
    let after = kept.change(now, change).await.map_err(problem)?;
    call.audit(entry).await?;
    let wall = after.get(&wall.id).unwrap_or(&wall);
    let hash = guests::hash(&secret);
    let link = wall.links.iter().find(|l| l.secret_sha256 == hash);
    let link = link.ok_or_else(|| Problem::internal("a new link is not there"))?;
    let url = format!("/wall/{0}#{0}.{secret}", wall.id);
    with_json(StatusCode::CREATED, &told(link, Some(url)))
}

/// `DELETE /walls/{wall}/links/{number}`: screens that came by it are shown out at once.
pub(in crate::api) async fn end(call: Call) -> Answer {
    let wall = directed(&call)?;
    let number = call.param("number").parse();
    let number = number.map_err(|_| Problem::bad("number", "expected a link's number"))?;
    let mut entry = call.entry("wall-link-ended", wall.id.clone(), Some(wall.region))?;
    entry.detail = format!("link {number}");
    let change = Change::Unlink {
        id: wall.id.clone(),
        number,
    };
    let kept = &call.gateway.walls.kept;
    let now = call.gateway.now();
    kept.change(now, change).await.map_err(problem)?;
    call.audit(entry).await?;
    call.gateway.end_guests();
    empty()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// What stands behind the `#` of the link.
    secret: String,
}

/// `POST /session/screen`.
pub(in crate::api) async fn sign_in(call: Call) -> Answer {
    let with_token = match call.query.get("token").map(String::as_str) {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Problem::bad("token", "expected 0 or 1")),
    };
    let given: SignIn = call.json()?;
    let gateway = &call.gateway;
    let address = call.peer.address.ip();
    let attempts = || {
        gateway
            .attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    let attempt = attempts().take(Instant::now(), "screen", address);
    if let Err(wait) = attempt {
        let text = "too many attempts to come in by a link";
        let mut problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", text);
        problem.retry_after_s = Some(wait.as_secs() + 1);
        return Err(problem);
    }
    let found = found(gateway, &given.secret, gateway.now());
    let (wall, link) = found.ok_or_else(|| {
        let text = "this link is not good, or not any more: ask for a new one";
        Problem::new(StatusCode::UNAUTHORIZED, "wrong-credentials", text)
    })?;
    attempts().succeeded("screen", address);
    let name = link.signature(&wall.id);
    let mut entry = Entry::new(&name, "guest", "sign-in", wall.id.clone());
    entry.address = Some(address);
    entry.region = Some(wall.region);
    call.audit(entry).await?;
    let pass = Pass::Screen {
        wall: wall.number,
        link: link.number,
    };
    let (token, session) = gateway
        .sessions
        .start_guest(Instant::now(), &name, address, pass);
    let user = gateway.user_of(&session).ok_or_else(Problem::no_session)?;
    let mut response = session::body(&user, Some(&wall.id), with_token.then_some(&token))?;
    let secure = if call.peer.tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    session::set_cookie(&mut response, &cookie)?;
    Ok(response)
}

fn found(gateway: &Gateway, secret: &str, now: WallTime) -> Option<(Arc<Wall>, Link)> {
    let (id, secret) = secret.split_once('.')?;
    let walls = gateway.walls.kept.read();
    let wall = walls.get(id)?;
    let hash = guests::hash(secret);
    let good = |l: &&Link| l.secret_sha256 == hash && l.is_good(now);
    let link = wall.links.iter().find(good)?;
    Some((Arc::clone(wall), link.clone()))
}

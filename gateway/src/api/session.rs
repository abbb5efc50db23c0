//! Signing in and out.

use std::{sync::PoisonError, time::Instant};

use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use warp::reply::Response;

use super::{Answer, COOKIE, Call, Problem, empty, json};
use crate::{
    access::{Role, User},
    audit::{Entry, Outcome},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    user: String,
    password: String,
}

#[derive(Serialize)]
struct Body<'a> {
    user: &'a str,
    name: &'a str,
    role: Role,
    region: ::media::RegionCode,
    /// Of a guest: what they may look at.
    #[serde(skip_serializing_if = "Option::is_none")]
    incident: Option<::media::EventId>,
    /// Of a screen without an account: the wall that it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    wall: Option<&'a str>,
    token: Option<&'a str>,
}

pub(super) fn body(user: &User, wall: Option<&str>, token: Option<&str>) -> Answer {
    json(&Body {
        user: &user.user,
        name: &user.name,
        role: user.role,
        region: user.region,
        incident: user.incident,
        wall,
        token,
    })
}

/// `POST /session`.
pub(super) async fn sign_in(call: Call) -> Answer {
    let with_token = match call.query.get("token").map(String::as_str) {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Problem::bad("token", "expected 0 or 1")),
    };
    let given: SignIn = call.json()?;
    let name: String = given.user.trim().chars().take(64).collect();
    let gateway = &call.gateway;
    let address = call.peer.address.ip();
    let attempt = {
        let mut attempts = gateway
            .attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        attempts.take(Instant::now(), &name, address)
    };
    if let Err(wait) = attempt {
        failed(&call, &name, "too many attempts").await?;
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let mut problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-attempts",
            format!("too many attempts to sign in; try again in {seconds} s"),
        );
        problem.retry_after_s = Some(seconds);
        return Err(problem);
    }
    let account = gateway.users.read().get(&name).cloned();
    let hash = account.as_ref().map(|a| a.hash.clone());
    let fits = gateway.hasher.verify(given.password, hash).await;
    let Some(account) = account.filter(|_| fits) else {
        failed(&call, &name, "wrong user or password").await?;
        return Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "wrong-credentials",
            "the user or the password is wrong",
        ));
    };
    gateway
        .attempts
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .succeeded(&name, address);
    let user = account.user();
    let mut entry = Entry::new(&user.user, user.role.as_str(), "sign-in", &user.user);
    entry.address = Some(address);
    call.audit(entry).await?;
    let (token, _) = gateway.sessions.start(Instant::now(), &user.user, address);
    let mut response = body(&user, None, with_token.then_some(&token))?;
    let secure = if call.peer.tls { "; Secure" } else { "" };
    set_cookie(
        &mut response,
        &format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}"),
    )?;
    Ok(response)
}

async fn failed(call: &Call, name: &str, why: &str) -> Result<(), Problem> {
    let mut entry = Entry::new(name, "", "sign-in", name);
    entry.address = Some(call.peer.address.ip());
    entry.outcome = Outcome::Denied;
    entry.detail = why.into();
    // Not waited for: a flood of guesses must not become a flood of disk flushes.
    let _ = call.gateway.audit.note(call.gateway.now(), entry);
    Ok(())
}

pub(super) fn set_cookie(response: &mut Response, cookie: &str) -> Result<(), Problem> {
    let value = HeaderValue::from_str(cookie).map_err(Problem::internal)?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(())
}

/// `GET /session`.
pub(super) async fn current(call: Call) -> Answer {
    let user = call.user()?;
    let walls = call.gateway.walls.kept.read();
    let wall = user.wall.and_then(|number| walls.by_number(number));
    body(user, wall.map(|w| w.id.as_str()), None)
}

/// `DELETE /session`.
pub(super) async fn sign_out(call: Call) -> Answer {
    let signed = call.signed()?;
    let user = &signed.user;
    let mut entry = Entry::new(&user.user, user.role.as_str(), "sign-out", &user.user);
    entry.address = Some(call.peer.address.ip());
    call.gateway.sessions.end(&signed.token);
    call.audit(entry).await?;
    let mut response = empty()?;
    set_cookie(
        &mut response,
        &format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0"),
    )?;
    Ok(response)
}

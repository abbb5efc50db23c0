//! Guests: let in by a link with a secret, which stands behind the `#` of the address and so in no log of any server or proxy.
//! Of the secret only its hash is kept.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use ::media::{EventId, WallTime};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use command::{
    Incident,
    incident::{Change, Guest, Invitation},
};
use http::StatusCode;
use rand::{RngCore, rngs::ThreadRng};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Answer, COOKIE, Call, Problem, empty, incidents, json, session, with_json};
use crate::{
    access::{Action, sessions::Pass},
    audit::Entry,
    gateway::Gateway,
};

/// Longest time that a link lets somebody in, hours.
const MAX_HOURS: u32 = 168;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGuest {
    name: String,
    hours: u32,
}

#[derive(Serialize)]
struct Link<'a> {
    #[serde(flatten)]
    guest: &'a Guest,
    /// Told once.
    url: String,
}

/// What a link's holder comes in by: 32 bytes that nobody guesses.
pub(super) fn new_secret() -> String {
    let mut random = [0u8; 32];
    ThreadRng::default().fill_bytes(&mut random);
    URL_SAFE_NO_PAD.encode(random)
}

pub(super) fn hash(secret: &str) -> String {
    let hash = Sha256::digest(secret.as_bytes());
    hash.iter().map(|b| format!("{b:02x}")).collect()
}

/// `GET /incidents/{id}/guests`.
pub(super) async fn list(call: Call) -> Answer {
    let incident = incidents::existing(&call, Action::Handle)?;
    json(&incident.guests)
}

/// `POST /incidents/{id}/guests`.
pub(super) async fn invite(call: Call) -> Answer {
    let incident = incidents::existing(&call, Action::Handle)?;
    let new: NewGuest = call.json()?;
    if !(1..=MAX_HOURS).contains(&new.hours) {
        let text = format!("{}, expected 1 to {MAX_HOURS}", new.hours);
        return Err(Problem::bad("hours", text));
    }
    let secret = new_secret();
    let now = call.gateway.now();
    let until = now + std::time::Duration::from_secs(u64::from(new.hours) * 3600);
    let change = Change::Invite {
        id: incident.id,
        by: call.user()?.user.clone(),
        guest: Invitation {
            name: new.name.trim().to_owned(),
            until,
            secret_sha256: hash(&secret),
        },
    };
    let mut entry = call.entry(
        "guest-invited",
        incident.id.to_string(),
        Some(incident.region),
    )?;
    entry.detail = format!("{} until {until}", new.name.trim());
    let after = call.gateway.incidents.change(now, change).await?;
    call.audit(entry).await?;
    let incident = after.get(&incident.id).unwrap_or(&incident);
    call.gateway.hub.incident(incident);
    // Found by its secret: another may have been let in at the same moment.
    let guest = incident
        .guests
        .iter()
        .find(|g| g.secret_sha256 == hash(&secret))
        .ok_or_else(|| Problem::internal("a new guest is not there"))?;
    let url = format!("/g#{}.{secret}", incident.id);
    with_json(StatusCode::CREATED, &Link { guest, url })
}

/// `DELETE /incidents/{id}/guests/{number}`.
pub(super) async fn uninvite(call: Call) -> Answer {
    let incident = incidents::existing(&call, Action::Handle)?;
    let number: u32 = call
        .param("number")
        .parse()
        .map_err(|_| Problem::bad("number", "expected a guest's number"))?;
    let mut entry = call.entry(
        "guest-shut-out",
        incident.id.to_string(),
        Some(incident.region),
    )?;
    entry.detail = format!("guest {number}");
    let change = Change::Uninvite {
        id: incident.id,
        by: call.user()?.user.clone(),
        guest: number,
    };
    let now = call.gateway.now();
    let after = call.gateway.incidents.change(now, change).await?;
    call.audit(entry).await?;
    call.gateway.end_guests();
    if let Some(incident) = after.get(&incident.id) {
        call.gateway.hub.incident(incident);
    }
    empty()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// What stands behind the `#` of the link.
    secret: String,
}

/// `POST /session/guest`.
pub(super) async fn sign_in(call: Call) -> Answer {
    let with_token = match call.query.get("token").map(String::as_str) {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Problem::bad("token", "expected 0 or 1")),
    };
    let given: SignIn = call.json()?;
    let gateway = &call.gateway;
    let address = call.peer.address.ip();
    // A secret of 256 bits is not guessed; that somebody tries is slowed down all the same.
    let attempt = {
        let mut attempts = gateway
            .attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        attempts.take(Instant::now(), "guest", address)
    };
    if let Err(wait) = attempt {
        let mut problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-attempts",
            "too many attempts to come in by a link",
        );
        problem.retry_after_s = Some(wait.as_secs() + 1);
        return Err(problem);
    }
    let (incident, guest) = found(gateway, &given.secret, gateway.now()).ok_or_else(|| {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "wrong-credentials",
            "this link is not good, or not any more: ask for a new one",
        )
    })?;
    gateway
        .attempts
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .succeeded("guest", address);
    let mut entry = Entry::new(
        &guest.signature(),
        "guest",
        "sign-in",
        incident.id.to_string(),
    );
    entry.address = Some(address);
    entry.region = Some(incident.region);
    call.audit(entry).await?;
    let name = guest.signature();
    let of = Pass::Incident(incident.id, guest.number);
    let (token, session) = gateway
        .sessions
        .start_guest(Instant::now(), &name, address, of);
    let user = gateway.user_of(&session).ok_or_else(Problem::no_session)?;
    let mut response = session::body(&user, None, with_token.then_some(&token))?;
    let secure = if call.peer.tls { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    session::set_cookie(&mut response, &cookie)?;
    Ok(response)
}

/// Whose secret it is, as long as they are welcome.
fn found(gateway: &Gateway, secret: &str, now: WallTime) -> Option<(Arc<Incident>, Guest)> {
    let (id, secret) = secret.split_once('.')?;
    let id: EventId = id.parse().ok()?;
    let incidents = gateway.incidents.read();
    let incident = incidents.get(&id)?;
    let hash = hash(secret);
    let guest = incident
        .guests
        .iter()
        .find(|g| g.secret_sha256 == hash && g.is_welcome(now))?;
    Some((Arc::clone(incident), guest.clone()))
}

impl Gateway {
    /// Ends the sessions, and with them the streams, of guests whose time is over or who were shut out.
    pub(crate) fn end_guests(&self) {
        let (incidents, now) = (self.incidents.read(), self.now());
        self.sessions.end_guests(|pass| match pass {
            Pass::Incident(id, number) => {
                let guests = incidents.get(&id).map(|i| &i.guests);
                let guest = guests.and_then(|all| all.iter().find(|g| g.number == number));
                guest.is_some_and(|g| g.is_welcome(now))
            }
            Pass::Screen { wall, link } => self.link_is_good(wall, link),
        });
    }
}

//! `GET /media`: the viewers' WebSocket. The handshake is checked here; the rest is the relay's. `POST /media/ticket`: what a
//! page needs for the same over QUIC.

use std::{sync::Arc, time::Instant};

use ::media::WallTime;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use serde::Serialize;
use warp::reply::Response;

use super::{Answer, Call, Problem, json, same_origin};
use crate::{
    access::{self, Action, Target, tickets},
    audit::{Entry, Outcome},
    gateway::Gateway,
    listen::Peer,
};

/// Where it is.
pub const PATH: &str = "/api/v1/media";

/// The route's answer to a request that asks for no upgrade.
pub(super) async fn not_upgraded(_: Call) -> Answer {
    Err(Problem::new(
        StatusCode::UPGRADE_REQUIRED,
        "bad-request",
        "this is a WebSocket: ask for an upgrade (docs/reference/wire.md)",
    ))
}

#[derive(Serialize)]
struct Ticket {
    ticket: String,
    expires: WallTime,
    webtransport: bool,
    certificates: Vec<CertificateHash>,
}

#[derive(Serialize)]
struct CertificateHash {
    algorithm: &'static str,
    value: String,
}

/// `POST /media/ticket`.
pub(super) async fn ticket(call: Call) -> Answer {
    let gateway = &call.gateway;
    let session = &call.signed()?.session;
    // The clock before the ticket: it is good for no less than is said.
    let expires = gateway.now() + tickets::LIFE;
    let ticket = gateway.tickets.issue(Instant::now(), session);
    let ticket = ticket.ok_or_else(|| {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "too many tickets are out; try again in half a minute",
        )
    })?;
    let hashes = gateway.webtransport.get().map(|short| short.hashes());
    let certificates = hashes.iter().flatten().map(|hash| CertificateHash {
        algorithm: "sha-256",
        value: STANDARD.encode(hash),
    });
    json(&Ticket {
        ticket,
        expires,
        webtransport: hashes.is_some(),
        certificates: certificates.collect(),
    })
}

/// Checks who asks and from where, and hands the connection to the relay.
pub async fn upgrade(gateway: &Arc<Gateway>, request: Request<Incoming>, peer: Peer) -> Response {
    match accept(gateway, request, peer) {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

fn accept(
    gateway: &Arc<Gateway>,
    mut request: Request<Incoming>,
    peer: Peer,
) -> Result<Response, Problem> {
    let signed = gateway
        .who(request.headers())
        .ok_or_else(Problem::no_session)?;
    same_origin(request.headers())?;
    if let Err(denied) = access::may(&signed.user, Action::Watch, Target::Any) {
        let user = &signed.user;
        let mut entry = Entry::new(&user.user, user.role.as_str(), "denied", PATH);
        entry.address = Some(peer.address.ip());
        entry.outcome = Outcome::Denied;
        // That an entry is missing is logged by the queue.
        let _ = gateway.audit.note(gateway.now(), entry);
        return Err(denied.into());
    }
    let response = match relay::websocket::upgrade(&request) {
        Ok(response) => response,
        Err(error) => {
            let mut problem =
                Problem::new(error.status(), "bad-request", error.to_string()).into_response();
            problem
                .headers_mut()
                .extend(error.response().headers().clone());
            return Ok(problem);
        }
    };
    let relay = gateway
        .relay()
        .cloned()
        .ok_or_else(|| Problem::internal("no relay"))?;
    let viewer = relay::Viewer {
        user: signed.user.user.clone(),
        session: signed.session.id.to_string(),
        peer: peer.address,
        revoked: signed.session.revoked.clone(),
    };
    let upgraded = hyper::upgrade::on(&mut request);
    let hold = signed.session.hold();
    gateway.connections.spawn(async move {
        match upgraded.await {
            Ok(stream) => {
                let user = viewer.user.clone();
                let end = relay.upgraded(stream, viewer).await;
                tracing::debug!(user, peer = %peer.address, ?end, "a viewer's connection ended");
            }
            Err(error) => tracing::debug!(%error, "a viewer's upgrade failed"),
        }
        drop(hold);
    });
    let (parts, ()) = response.into_parts();
    Ok(Response::from_parts(parts, Bytes::new().into()))
}

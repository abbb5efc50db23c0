//! Who shares where they are.

use std::time::Duration;

use ::media::Place;
use http::StatusCode;
use serde::Deserialize;

use super::{Answer, Call, Problem, empty, json};
use crate::{access::Action, positions::Position};

/// Longest time that one may share at once, minutes.
const MAX_MINUTES: u32 = 720;

/// `GET /positions`.
pub(super) async fn list(call: Call) -> Answer {
    let mut all = call.gateway.positions.all(call.gateway.now());
    all.retain(|p| call.sees(Action::ReadEvents, p.region));
    json(&all)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPosition {
    place: Place,
    #[serde(default)]
    accuracy_m: Option<f64>,
    minutes: u32,
}

/// `PUT /positions/me`. That somebody began to share is in the audit log, where they went is not.
pub(super) async fn share(call: Call) -> Answer {
    let new: NewPosition = call.json()?;
    if !new.place.is_valid() {
        return Err(Problem::bad(
            "place",
            "longitude is -180 to 180, latitude -90 to 90",
        ));
    }
    if new.accuracy_m.is_some_and(|m| !(0.0..=1e6).contains(&m)) {
        return Err(Problem::bad("accuracy_m", "expected 0 to 1000000 metres"));
    }
    if !(1..=MAX_MINUTES).contains(&new.minutes) {
        let text = format!("{}, expected 1 to {MAX_MINUTES}", new.minutes);
        return Err(Problem::bad("minutes", text));
    }
    let (user, now) = (call.user()?, call.gateway.now());
    let position = Position {
        user: user.user.clone(),
        name: user.name.clone(),
        region: user.region,
        place: Some(new.place),
        accuracy_m: new.accuracy_m,
        at: now,
        until: now + Duration::from_secs(u64::from(new.minutes) * 60),
    };
    let known = call.gateway.positions.all(now);
    if !known.iter().any(|p| p.user == position.user) {
        call.audit(call.entry("position-shared", &position.user, Some(user.region))?)
            .await?;
    }
    if !call.gateway.positions.put(position.clone()) {
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many people share where they are",
        ));
    }
    call.gateway.hub.position(&position);
    json(&position)
}

/// `DELETE /positions/me`.
pub(super) async fn stop(call: Call) -> Answer {
    let user = call.user()?;
    if let Some(gone) = call.gateway.positions.stop(&user.user, call.gateway.now()) {
        call.audit(call.entry("position-ended", &user.user, Some(user.region))?)
            .await?;
        call.gateway.hub.position(&gone);
    }
    empty()
}

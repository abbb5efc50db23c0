//! Holds: recordings that no rule deletes, with who wants it, why, and until when.

use ::media::{CameraId, RegionCode, WallTime};
use command::Register;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use storage::{Hold, HoldKind, NewHold};

use super::{Answer, Call, Problem, json, with_json};
use crate::access::Action;

#[derive(Serialize)]
struct View {
    id: u64,
    kind: HoldKind,
    cameras: Vec<CameraId>,
    from: WallTime,
    to: WallTime,
    by: String,
    reason: String,
    placed: WallTime,
    until: Option<WallTime>,
    active: bool,
    released: Option<Released>,
    extended: Vec<Extended>,
}

#[derive(Serialize)]
struct Extended {
    at: WallTime,
    by: String,
    reason: String,
    was: WallTime,
}

#[derive(Serialize)]
struct Released {
    at: WallTime,
    by: String,
    reason: String,
}

impl View {
    fn new(hold: Hold, now: WallTime) -> Self {
        let active = hold.is_active(now);
        Self {
            id: hold.id,
            kind: hold.of.kind,
            cameras: hold.of.cameras,
            from: hold.of.from,
            to: hold.of.to,
            by: hold.of.who,
            reason: hold.of.why,
            placed: hold.placed,
            until: hold.of.until,
            active,
            extended: hold
                .extended
                .into_iter()
                .map(|e| Extended {
                    at: e.at,
                    by: e.who,
                    reason: e.why,
                    was: e.was,
                })
                .collect(),
            released: hold.released.map(|r| Released {
                at: r.at,
                by: r.who,
                reason: r.why,
            }),
        }
    }
}

/// Where a hold's cameras lie; the district for one of all cameras, and for cameras that are not in the register any more.
fn regions(call: &Call, register: &Register, cameras: &[CameraId]) -> Vec<RegionCode> {
    let district = call.gateway.config.district.code;
    if cameras.is_empty() {
        return vec![district];
    }
    let of = |c: &CameraId| register.camera(c).map_or(district, |c| c.region);
    cameras.iter().map(of).collect()
}

/// Whether a user may do this with every camera of a hold.
fn may_all(call: &Call, action: Action, cameras: &[CameraId], object: &str) -> Result<(), Problem> {
    let register = call.gateway.register.read();
    for region in regions(call, &register, cameras) {
        call.may(action, region, object)?;
    }
    Ok(())
}

/// `GET /holds`.
pub(super) async fn list(call: Call) -> Answer {
    let camera: Option<CameraId> = call.query("camera")?;
    let active_only = match call.query.get("state").map(String::as_str) {
        None | Some("active") => true,
        Some("all") => false,
        Some(_) => return Err(Problem::bad("state", "expected active or all")),
    };
    let (now, register) = (call.gateway.now(), call.gateway.register.read());
    let shows = |hold: &Hold| {
        let of_camera = |c| hold.of.cameras.is_empty() || hold.of.cameras.contains(&c);
        (!active_only || hold.is_active(now))
            && camera.is_none_or(of_camera)
            && (hold.of.cameras.is_empty()
                || regions(&call, &register, &hold.of.cameras)
                    .into_iter()
                    .any(|r| call.sees(Action::ReadEvents, r)))
    };
    let limit = call.query_within("limit", 1, 5000)?.unwrap_or(1000) as usize;
    let holds: Vec<View> = call
        .gateway
        .archive
        .holds()
        .into_iter()
        .filter(shows)
        .take(limit)
        .map(|hold| View::new(hold, now))
        .collect();
    json(&holds)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    kind: HoldKind,
    #[serde(default)]
    cameras: Vec<CameraId>,
    #[serde(default)]
    all_cameras: bool,
    from: WallTime,
    to: WallTime,
    reason: String,
    #[serde(default)]
    until: Option<WallTime>,
}

/// `POST /holds`.
pub(super) async fn place(call: Call) -> Answer {
    let wanted: Wanted = call.json()?;
    if wanted.cameras.is_empty() != wanted.all_cameras {
        let text = "name the cameras, or say all_cameras: true, and not both";
        return Err(Problem::bad("cameras", text));
    }
    {
        let register = call.gateway.register.read();
        let is_unknown = |c: &&CameraId| register.camera(c).is_none();
        if let Some(code) = wanted.cameras.iter().find(is_unknown) {
            let text = format!("camera {code} is not in the register");
            return Err(Problem::bad("cameras", text));
        }
    }
    let names: Vec<&str> = wanted.cameras.iter().map(CameraId::as_str).collect();
    let names = match names.is_empty() {
        true => "all cameras".to_owned(),
        false => names.join(" "),
    };
    may_all(&call, Action::Handle, &wanted.cameras, &names)?;
    let mut entry = call.entry("hold-placed", "", None)?;
    entry.detail = format!("{names} {} to {}", wanted.from, wanted.to);
    if let Some(until) = wanted.until {
        entry.detail = format!("{}, until {until}", entry.detail);
    }
    entry.reason.clone_from(&wanted.reason);
    let hold = NewHold {
        kind: wanted.kind,
        cameras: wanted.cameras,
        from: wanted.from,
        to: wanted.to,
        who: call.user()?.user.clone(),
        why: wanted.reason,
        until: wanted.until,
    };
    let hold = call.gateway.archive.hold(hold).await?;
    entry.object = hold.id.to_string();
    call.audit(entry).await?;
    with_json(StatusCode::CREATED, &View::new(hold, call.gateway.now()))
}

fn existing(call: &Call) -> Result<Hold, Problem> {
    let id: u64 = call
        .param("id")
        .parse()
        .map_err(|e| Problem::bad("id", e))?;
    let hold = call
        .gateway
        .archive
        .holds()
        .into_iter()
        .find(|h| h.id == id);
    hold.ok_or_else(|| Problem::not_found(format!("there is no hold {id}")))
}

/// `GET /holds/{id}`.
pub(super) async fn one(call: Call) -> Answer {
    let hold = existing(&call)?;
    if !hold.of.cameras.is_empty() {
        let register = call.gateway.register.read();
        let regions = regions(&call, &register, &hold.of.cameras);
        if !regions.iter().any(|r| call.sees(Action::ReadEvents, *r)) {
            may_all(
                &call,
                Action::ReadEvents,
                &hold.of.cameras,
                &hold.id.to_string(),
            )?;
        }
    }
    json(&View::new(hold, call.gateway.now()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Extend {
    reason: String,
    until: Option<WallTime>,
}

/// `POST /holds/{id}/extend`.
pub(super) async fn extend(call: Call) -> Answer {
    let hold = existing(&call)?;
    may_all(
        &call,
        Action::Handle,
        &hold.of.cameras,
        &hold.id.to_string(),
    )?;
    let asked: Extend = call.json()?;
    let mut entry = call.entry("hold-extended", hold.id.to_string(), None)?;
    entry.detail = match asked.until {
        Some(until) => format!("until {until}"),
        None => "without an end".to_owned(),
    };
    entry.reason.clone_from(&asked.reason);
    let who = call.user()?.user.clone();
    let archive = &call.gateway.archive;
    let hold = archive
        .extend(hold.id, asked.until, who, asked.reason)
        .await?;
    let hold = hold.ok_or_else(|| Problem::not_found("there is no such hold"))?;
    call.audit(entry).await?;
    json(&View::new(hold, call.gateway.now()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Release {
    reason: String,
    #[serde(default)]
    confirm: Option<u64>,
}

/// `POST /holds/{id}/release`.
pub(super) async fn release(call: Call) -> Answer {
    let hold = existing(&call)?;
    // What an authority ordered, only who answers for the register takes back.
    let action = match hold.of.kind {
        HoldKind::Legal => Action::ChangeRegister,
        HoldKind::Evidence => Action::Handle,
    };
    may_all(&call, action, &hold.of.cameras, &hold.id.to_string())?;
    let asked: Release = call.json()?;
    let now = call.gateway.now();
    if !hold.is_active(now) {
        let text = format!("hold {} is over already", hold.id);
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", text));
    }
    if let Some(job) = call.gateway.evidence.holder(hold.id) {
        let text = format!("the evidence job {job} reads what it holds: cancel that first");
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", text));
    }
    if asked.confirm != Some(hold.id) {
        let text = format!(
            "releasing hold {} lets retention delete recordings from {} to {}: send \"confirm\": {} with the reason",
            hold.id, hold.of.from, hold.of.to, hold.id
        );
        return Err(Problem::new(StatusCode::CONFLICT, "unconfirmed", text));
    }
    let mut entry = call.entry("hold-released", hold.id.to_string(), None)?;
    entry.detail = format!(
        "{} to {}, placed by {}",
        hold.of.from, hold.of.to, hold.of.who
    );
    entry.reason.clone_from(&asked.reason);
    let who = call.user()?.user.clone();
    let archive = &call.gateway.archive;
    let hold = archive.release(hold.id, who, asked.reason).await?;
    let hold = hold.ok_or_else(|| Problem::not_found("there is no such hold"))?;
    call.audit(entry).await?;
    json(&View::new(hold, now))
}

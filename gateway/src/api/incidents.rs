//! Incidents.

pub mod attachments;
pub mod drawings;
pub mod report;
pub mod statistics;
pub mod view;

use std::sync::Arc;

use ::media::{CameraId, EventId, Grade, Place, RegionCode};
use command::{
    Incident, Stage,
    incident::{Change, Error, Opening, Words},
    store::ChangeError,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Problem, json, problem, with_json};
use crate::access::Action;
use view::View;

/// Most entries of one page of a log.
const MAX_PAGE: u64 = 1000;

/// `GET /incidents`.
pub(super) async fn list(call: Call) -> Answer {
    let wanted: Box<dyn Fn(Stage) -> bool> = match call.query.get("state").map(String::as_str) {
        None | Some("all") => Box::new(|_| true),
        Some("open") => Box::new(Stage::is_open),
        Some(name) => match Stage::ALL.into_iter().find(|s| s.as_str() == name) {
            Some(stage) => Box::new(move |s| s == stage),
            None => {
                return Err(Problem::bad(
                    "state",
                    format!(
                        "expected open, all, {}",
                        Stage::ALL.map(Stage::as_str).join(", ")
                    ),
                ));
            }
        },
    };
    let limit = call.query_within("limit", 1, 1000)?.unwrap_or(100) as usize;
    let incidents = call.gateway.incidents.read();
    let seen: Vec<View<'_>> = incidents
        .newest()
        .filter(|i| wanted(i.state) && call.sees(Action::ReadEvents, i.region))
        .take(limit)
        .map(|i| View::listed(i))
        .collect();
    json(&seen)
}

pub(super) fn existing(call: &Call, action: Action) -> Result<Arc<Incident>, Problem> {
    let id: EventId = call
        .param("id")
        .parse()
        .map_err(|e| problem::bad_code("id", &e))?;
    let incidents = call.gateway.incidents.read();
    let incident = incidents
        .get(&id)
        .ok_or_else(|| Problem::not_found(format!("there is no incident {id}")))?;
    call.may_incident(action, incident)?;
    Ok(Arc::clone(incident))
}

/// `GET /incidents/{id}`.
pub(super) async fn one(call: Call) -> Answer {
    json(&View::of(&*existing(&call, Action::ReadEvents)?))
}

#[derive(Serialize)]
struct LogPage<'a> {
    /// How many there are in all.
    total: usize,
    entries: Vec<view::Numbered<'a>>,
}

/// `GET /incidents/{id}/log`: entries before a number, or from one on; the newest without either. Oldest first.
pub(super) async fn log(call: Call) -> Answer {
    let incident = existing(&call, Action::ReadEvents)?;
    let total = incident.log.len();
    let limit = call.query_within("limit", 1, MAX_PAGE)?.unwrap_or(200) as usize;
    let number = |name| call.query_within(name, 0, u64::from(u32::MAX));
    let (from, to) = match (number("after")?, number("before")?) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad("after, before", "one of the two at a time"));
        }
        (Some(after), None) => {
            let from = (after as usize + 1).min(total);
            (from, (from + limit).min(total))
        }
        (None, before) => {
            let to = before.map_or(total, |b| (b as usize).min(total));
            (to.saturating_sub(limit), to)
        }
    };
    let entries = view::numbered(&incident.log, from, to);
    json(&LogPage { total, entries })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewIncident {
    title: String,
    grade: Grade,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    event: Option<EventId>,
    #[serde(default)]
    camera: Option<CameraId>,
    #[serde(default)]
    place: Option<Place>,
}

/// `POST /incidents`.
pub(super) async fn open(call: Call) -> Answer {
    let new: NewIncident = call.json()?;
    let gateway = &call.gateway;
    let event = match new.event {
        Some(id) => {
            let found = gateway.book.events().get(id).await?;
            Some(found.ok_or_else(|| Problem::bad("event", format!("there is no event {id}")))?)
        }
        None => None,
    };
    let code = new.camera.or(event.as_ref().and_then(|e| e.camera));
    let register = gateway.register.read();
    let camera = match code {
        Some(code) => register.camera(&code).cloned(),
        None => None,
    };
    if let (Some(code), None) = (new.camera, &camera) {
        return Err(Problem::bad(
            "camera",
            format!("camera {code} is not in the register"),
        ));
    }
    let region: RegionCode = camera
        .as_ref()
        .map(|c| c.region)
        .or(event.as_ref().and_then(|e| e.region))
        .unwrap_or(call.user()?.region);
    call.may(Action::Handle, region, &new.title)?;
    if let Some(event_region) = event.as_ref().and_then(|e| e.region) {
        call.may(Action::Handle, event_region, &new.title)?;
    }
    let now = call.gateway.now();
    let id = gateway.new_id(now);
    let opening = Opening {
        id,
        day: gateway.config.district.utc_offset.day(now),
        by: call.user()?.user.clone(),
        title: new.title,
        kind: new.kind,
        grade: new.grade,
        region,
        place: new.place.or(camera.as_ref().and_then(|c| c.place)),
        cameras: camera.iter().map(|c| c.code).collect(),
        event: new.event,
        note: new.note,
    };
    let entry = call.entry("incident-opened", id.to_string(), Some(region))?;
    let after = gateway
        .incidents
        .change(now, Change::Open(Box::new(opening)))
        .await?;
    if let Some(event) = new.event {
        gateway
            .book
            .change(event, |e| e.incident = Some(id.to_string()))
            .await?;
    }
    call.audit(entry).await?;
    let incident = after
        .get(&id)
        .ok_or_else(|| Problem::internal("a new incident is not there"))?;
    gateway.hub.incident(incident);
    with_json(StatusCode::CREATED, &View::of(incident))
}

/// Makes a change of an incident, with its entry of the audit log. What was written down before is answered as it is now.
pub(super) async fn change(
    call: &Call,
    incident: &Incident,
    action: &str,
    detail: String,
    change: Change,
) -> Answer {
    let mut entry = call.entry(action, incident.id.to_string(), Some(incident.region))?;
    entry.detail = detail;
    let made = call
        .gateway
        .incidents
        .change(call.gateway.now(), change)
        .await;
    let after = match made {
        // Sent again by somebody who did not hear that it had come.
        Err(ChangeError::Refused(Error::Repeated(_))) => {
            return json(&View::of(&*existing(call, Action::ReadEvents)?));
        }
        made => made?,
    };
    call.audit(entry).await?;
    let incident = after
        .get(&incident.id)
        .ok_or_else(|| Problem::internal("a changed incident is not there"))?;
    call.gateway.hub.incident(incident);
    json(&View::of(incident))
}

/// `POST /incidents/{id}/log`.
pub(super) async fn note(call: Call) -> Answer {
    let incident = existing(&call, Action::Report)?;
    let words: Words = call.json()?;
    let written = Change::Note {
        id: incident.id,
        by: call.user()?.user.clone(),
        words,
    };
    change(&call, &incident, "incident-note", String::new(), written).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transition {
    to: Stage,
    #[serde(default)]
    note: String,
    /// Where the sender saw it stand.
    #[serde(default)]
    from: Option<Stage>,
}

/// `POST /incidents/{id}/transitions`.
pub(super) async fn transition(call: Call) -> Answer {
    let incident = existing(&call, Action::Handle)?;
    let given: Transition = call.json()?;
    let step = Change::Transition {
        id: incident.id,
        by: call.user()?.user.clone(),
        to: given.to,
        note: given.note,
        from: given.from,
    };
    let detail = format!("{} to {}", incident.state.as_str(), given.to.as_str());
    change(&call, &incident, "incident-moved", detail, step).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGrade {
    grade: Grade,
    note: String,
}

/// `POST /incidents/{id}/grade`.
pub(super) async fn grade(call: Call) -> Answer {
    let incident = existing(&call, Action::Handle)?;
    let given: NewGrade = call.json()?;
    let detail = format!("{:?} to {:?}", incident.grade, given.grade);
    let graded = Change::Grade {
        id: incident.id,
        by: call.user()?.user.clone(),
        grade: given.grade,
        note: given.note,
    };
    change(&call, &incident, "incident-graded", detail, graded).await
}

/// `POST /incidents/{id}/reports`: how it stands (续报).
pub(super) async fn report(call: Call) -> Answer {
    let incident = existing(&call, Action::Handle)?;
    let words: Words = call.json()?;
    let reported = Change::Report {
        id: incident.id,
        by: call.user()?.user.clone(),
        words,
    };
    let detail = format!("report {}", incident.reports + 1);
    change(&call, &incident, "incident-report", detail, reported).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Linked {
    #[serde(default)]
    add: Vec<CameraId>,
    #[serde(default)]
    remove: Vec<CameraId>,
}

/// `POST /incidents/{id}/cameras`: links cameras, or takes them away.
pub(super) async fn cameras(call: Call) -> Answer {
    let incident = existing(&call, Action::Handle)?;
    let linked: Linked = call.json()?;
    let register = call.gateway.register.read();
    for code in &linked.add {
        let camera = register
            .camera(code)
            .ok_or_else(|| Problem::bad("add", format!("camera {code} is not in the register")))?;
        // Whoever may see the incident sees what is linked to it: only what one may show can be linked.
        call.may(Action::Watch, camera.region, code.as_str())?;
    }
    let codes: Vec<&str> = (linked.add.iter().chain(&linked.remove))
        .map(CameraId::as_str)
        .collect();
    let detail = codes.join(" ");
    let change_ = Change::Cameras {
        id: incident.id,
        by: call.user()?.user.clone(),
        add: linked.add,
        remove: linked.remove,
    };
    drop(register);
    change(&call, &incident, "incident-cameras", detail, change_).await
}

/// `POST /incidents/{id}/seen`: who was told says that they know.
pub(super) async fn seen(call: Call) -> Answer {
    let incident = existing(&call, Action::Report)?;
    let seen = Change::Seen {
        id: incident.id,
        by: call.user()?.user.clone(),
    };
    change(&call, &incident, "incident-seen", String::new(), seen).await
}

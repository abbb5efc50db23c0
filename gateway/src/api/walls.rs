//! Shared walls: documents that directors change and screens show, and what else belongs to them.

pub(super) mod layouts;
pub(super) mod links;
pub(super) mod screens;

use std::{collections::BTreeMap, sync::Arc};

use ::media::{CameraId, RegionCode};
use command::{
    store::ChangeError,
    wall::{Change, Error, Face, New, Note, Screen, Wall},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use storage::events::Query;

use super::{
    Answer, Call, Problem, cameras::region_is_known, empty, json, view::EventView, with_json,
};
use crate::{access::Action, walls};

/// Events of a wall's region that are told to a screen as it comes.
const ALARMS: usize = 200;

/// A wall, for those who look at it; links are told apart.
#[derive(Serialize)]
pub(crate) struct View<'a> {
    id: &'a str,
    name: &'a str,
    region: RegionCode,
    note: &'a str,
    /// The account whose own wall it is.
    seat: Option<&'a str>,
    revision: u64,
    screens: Vec<Numbered<'a>>,
    /// What was changed last, the newest at the end.
    changes: Vec<&'a Note>,
}

#[derive(Serialize)]
struct Numbered<'a> {
    screen: u8,
    #[serde(flatten)]
    as_is: &'a Screen,
}

impl<'a> View<'a> {
    /// Of a wall.
    pub(crate) fn of(wall: &'a Wall) -> Self {
        let screens = wall.screens.iter();
        Self {
            id: &wall.id,
            name: &wall.name,
            region: wall.region,
            note: &wall.note,
            seat: wall.seat.as_deref(),
            revision: wall.revision,
            screens: screens
                .map(|(n, as_is)| Numbered { screen: *n, as_is })
                .collect(),
            changes: wall.notes.iter().collect(),
        }
    }
}

/// The wall in the path, if the user may look at it.
pub(super) fn seen(call: &Call) -> Result<Arc<Wall>, Problem> {
    let id = call.param("wall");
    let walls = call.gateway.walls.kept.read();
    let wall = walls.get(id).cloned();
    let wall = wall.ok_or_else(|| Problem::not_found(format!("there is no wall '{id}'")))?;
    let may = walls::may_look(call.user()?, &wall);
    may.map_err(|denied| refused(call, &wall, denied))?;
    Ok(wall)
}

/// The wall in the path, if the user may direct it.
pub(super) fn directed(call: &Call) -> Result<Arc<Wall>, Problem> {
    let wall = seen(call)?;
    let may = walls::may_direct(call.user()?, &wall);
    may.map_err(|denied| refused(call, &wall, denied))?;
    Ok(wall)
}

fn refused(call: &Call, wall: &Wall, denied: crate::access::Denied) -> Problem {
    if let Some(signed) = &call.signed {
        let region = Some(wall.region);
        call.gateway
            .note_denied(&signed.user, &call.peer, call.route, &wall.id, region);
    }
    denied.into()
}

/// Cameras that were not on the screen before must be there, and be the director's to watch.
pub(super) fn check_cameras(
    call: &Call,
    before: Option<&Wall>,
    face: &Face,
) -> Result<(), Problem> {
    let register = call.gateway.register.read();
    let cells = face.cells.iter().enumerate();
    let cells = cells.filter_map(|(i, c)| Some((format!("cells[{i}].camera"), c.as_ref()?.camera)));
    let tour = face.tour.iter().flat_map(|t| t.cameras.iter().enumerate());
    let tour = tour.map(|(i, c)| (format!("tour.cameras[{i}]"), *c));
    for (field, code) in cells.chain(tour) {
        if before.is_some_and(|w| w.shown.contains(&code)) {
            continue;
        }
        watched(call, &register, &field, &code)?;
    }
    Ok(())
}

/// A camera that is there and that the user may watch.
pub(super) fn watched(
    call: &Call,
    register: &command::Register,
    field: &str,
    code: &CameraId,
) -> Result<(), Problem> {
    let camera = register
        .camera(code)
        .ok_or_else(|| Problem::bad(field, format!("camera {code} is not in the register")))?;
    call.may(Action::Watch, camera.region, code.as_str())
}

/// Who came second is told who was first.
pub(super) fn problem(error: ChangeError<Error>) -> Problem {
    match error {
        ChangeError::Refused(error) => error.into(),
        ChangeError::Journal(error) => error.into(),
    }
}

/// `GET /walls`: those that one may look at.
pub(super) async fn list(call: Call) -> Answer {
    let user = call.user()?;
    let walls = call.gateway.walls.kept.read();
    let seen = walls.all().filter(|w| walls::may_look(user, w).is_ok());
    json(&seen.map(|w| View::of(w)).collect::<Vec<_>>())
}

/// `GET /walls/{wall}`.
pub(super) async fn one(call: Call) -> Answer {
    json(&View::of(&*seen(&call)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    region: RegionCode,
    #[serde(default)]
    note: String,
    /// Of the wall as it was read; 0: it is to be new.
    #[serde(default)]
    revision: Option<u64>,
    #[serde(default)]
    screens: BTreeMap<u8, Face>,
}

/// `PUT /walls/{wall}`: adds it, or sets all of it.
pub(super) async fn put(call: Call) -> Answer {
    let given: Given = call.json()?;
    let id = call.param("wall").to_owned();
    let before = call.gateway.walls.kept.read().get(&id).cloned();
    region_is_known(&call, given.region)?;
    let seat = match &before {
        Some(before) => {
            directed(&call)?;
            before.seat.clone()
        }
        None => None,
    };
    match &seat {
        // An operator's own wall lies where they do.
        Some(_) if before.as_ref().is_some_and(|b| b.region != given.region) => {
            return Err(Problem::bad("region", "is the account's"));
        }
        Some(_) => {}
        None => call.may(Action::Handle, given.region, &id)?,
    }
    for face in given.screens.values() {
        check_cameras(&call, before.as_deref(), face)?;
    }
    let mut entry = call.entry("wall-put", id.clone(), Some(given.region))?;
    entry.detail = format!("{} screens", given.screens.len());
    let change = Change::Put {
        wall: Box::new(New {
            id,
            name: given.name,
            region: given.region,
            note: given.note,
            seat,
            screens: given.screens,
        }),
        by: call.user()?.user.clone(),
        expect: given.revision,
    };
    let status = match before {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    make(&call, entry, change, status).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    revision: Option<u64>,
}

/// `PATCH /walls/{wall}`: another name or note.
pub(super) async fn rename(call: Call) -> Answer {
    let wall = directed(&call)?;
    let named: Named = call.json()?;
    let entry = call.entry("wall-renamed", wall.id.clone(), Some(wall.region))?;
    let change = Change::Name {
        id: wall.id.clone(),
        name: named.name,
        note: named.note,
        by: call.user()?.user.clone(),
        expect: named.revision,
    };
    make(&call, entry, change, StatusCode::OK).await
}

/// `DELETE /walls/{wall}?revision=`.
pub(super) async fn remove(call: Call) -> Answer {
    let wall = directed(&call)?;
    let entry = call.entry("wall-removed", wall.id.clone(), Some(wall.region))?;
    let expect = call.query("revision")?;
    let change = Change::Remove {
        id: wall.id.clone(),
        expect,
    };
    let now = call.gateway.now();
    let kept = &call.gateway.walls.kept;
    kept.change(now, change).await.map_err(problem)?;
    call.audit(entry).await?;
    call.gateway.end_guests();
    call.gateway.hub.wall_removed(&wall);
    empty()
}

/// Makes a change, tells everybody, and answers with the wall in the path.
pub(super) async fn make(
    call: &Call,
    entry: crate::audit::Entry,
    change: Change,
    status: StatusCode,
) -> Answer {
    let now = call.gateway.now();
    let kept = &call.gateway.walls.kept;
    let after = kept.change(now, change).await.map_err(problem)?;
    // Told at once: a wall is looked at while it is changed. The entry is written before the director hears that it is done.
    let id = call.param("wall");
    let wall = after.get(id);
    let wall = wall.ok_or_else(|| Problem::internal("a changed wall is not there"))?;
    call.gateway.hub.wall(wall);
    call.audit(entry).await?;
    with_json(status, &View::of(wall))
}

/// `GET /walls/{wall}/alarms`: what happened of late in the wall's region, for its tile for alarms.
pub(super) async fn alarms(call: Call) -> Answer {
    let wall = seen(&call)?;
    let user = call.user()?;
    let hears = match user.wall {
        Some(_) => wall.hears_alarms(),
        None => call.sees(Action::ReadEvents, wall.region),
    };
    if !hears {
        return json(&Vec::<EventView>::new());
    }
    let query = Query {
        region: Some(wall.region),
        limit: ALARMS,
        ..Query::default()
    };
    let (events, _) = call.gateway.book.events().query(query).await?;
    let register = call.gateway.register.read();
    let events = events.into_iter().map(|e| EventView::of(&register, e));
    json(&events.collect::<Vec<_>>())
}

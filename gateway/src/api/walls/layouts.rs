//! Layouts that are kept under a name: one's own, those that a region shares, and those of an incident.

use std::sync::Arc;

use ::media::{EventId, RegionCode};
use command::wall::{Cell, Change, Layout};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    super::{Answer, Call, Problem, cameras::region_is_known, empty, json, with_json},
    problem, watched,
};
use crate::access::{Action, User};

#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    layout: &'a Layout,
    /// Whether the asker may change it.
    mine: bool,
}

/// Whether they may change or forget it.
fn may_change(call: &Call, user: &User, layout: &Layout) -> bool {
    layout.owner == user.user || layout.shared && call.sees(Action::Handle, layout.region)
}

fn sees(user: &User, layout: &Layout) -> bool {
    let near = layout.region.is_within(&user.region) || user.region.is_within(&layout.region);
    layout.owner == user.user || layout.shared && near
}

fn view<'a>(call: &Call, user: &User, layout: &'a Layout) -> View<'a> {
    View {
        layout,
        mine: may_change(call, user, layout),
    }
}

/// `GET /wall-layouts?incident=`: one's own, and those that are shared here.
pub(in crate::api) async fn list(call: Call) -> Answer {
    let user = call.user()?;
    let incident = call.query.get("incident");
    let walls = call.gateway.walls.kept.read();
    let all: Vec<View<'_>> = walls
        .layouts()
        .map(AsRef::as_ref)
        .filter(|l| incident.is_none_or(|i| l.incident.as_ref() == Some(i)))
        .filter(|l| sees(user, l))
        .map(|l| view(&call, user, l))
        .collect();
    json(&all)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    name: String,
    layout: u32,
    #[serde(default)]
    cells: Vec<Option<Cell>>,
    #[serde(default)]
    alarm: Option<u8>,
    #[serde(default)]
    shared: bool,
    /// One's own if it is left out.
    #[serde(default)]
    region: Option<RegionCode>,
    #[serde(default)]
    incident: Option<EventId>,
    /// As it was read, of a change.
    #[serde(default)]
    revision: u64,
}

fn given(call: &Call, before: Option<&Layout>) -> Result<Layout, Problem> {
    let given: Given = call.json()?;
    let user = call.user()?;
    let region = given
        .region
        .unwrap_or(before.map_or(user.region, |b| b.region));
    region_is_known(call, region)?;
    if given.shared {
        call.may(Action::Handle, region, &given.name)?;
    }
    if let Some(id) = given.incident {
        let incidents = call.gateway.incidents.read();
        let incident = incidents.get(&id);
        let none = || Problem::bad("incident", format!("there is no incident {id}"));
        call.may_incident(Action::ReadEvents, incident.ok_or_else(none)?)?;
    }
    let register = call.gateway.register.read();
    let known = |code| before.is_some_and(|b| b.cells.iter().flatten().any(|c| c.camera == code));
    for (i, cell) in given.cells.iter().enumerate() {
        let Some(cell) = cell.filter(|c| !known(c.camera)) else {
            continue;
        };
        watched(call, &register, &format!("cells[{i}].camera"), &cell.camera)?;
    }
    Ok(Layout {
        id: before.map_or(0, |b| b.id),
        name: given.name,
        owner: before.map_or_else(|| user.user.clone(), |b| b.owner.clone()),
        shared: given.shared,
        region,
        incident: given.incident.map(|i| i.to_string()),
        layout: given.layout,
        cells: given.cells,
        alarm: given.alarm,
        revision: given.revision,
    })
}

/// `POST /wall-layouts`.
pub(in crate::api) async fn keep(call: Call) -> Answer {
    let layout = given(&call, None)?;
    let mut entry = call.entry("wall-layout", layout.name.clone(), Some(layout.region))?;
    entry.detail = "kept".into();
    let kept = &call.gateway.walls.kept;
    let change = Change::Layout(Box::new(layout));
    let after = kept.change(call.gateway.now(), change).await;
    let after = after.map_err(problem)?;
    call.audit(entry).await?;
    let layout = after.newest_layout();
    let layout = layout.ok_or_else(|| Problem::internal("a new layout is not there"))?;
    with_json(StatusCode::CREATED, &view(&call, call.user()?, layout))
}

fn existing(call: &Call) -> Result<Arc<Layout>, Problem> {
    let text = call.param("layout");
    let user = call.user()?;
    let walls = call.gateway.walls.kept.read();
    let layout = text.parse().ok().and_then(|id| walls.layout(id));
    let layout = layout.filter(|l| sees(user, l)).cloned();
    let layout = layout.ok_or_else(|| Problem::not_found(format!("there is no layout {text}")))?;
    if !may_change(call, user, &layout) {
        call.gateway.note_denied(
            user,
            &call.peer,
            call.route,
            &layout.name,
            Some(layout.region),
        );
        let text = format!("{} keeps this layout", layout.owner);
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", text));
    }
    Ok(layout)
}

/// `PUT /wall-layouts/{layout}`.
pub(in crate::api) async fn put(call: Call) -> Answer {
    let before = existing(&call)?;
    let layout = given(&call, Some(&before))?;
    let mut entry = call.entry("wall-layout", layout.name.clone(), Some(layout.region))?;
    entry.detail = format!("changed, {} before", before.name);
    let kept = &call.gateway.walls.kept;
    let change = Change::Layout(Box::new(layout));
    let after = kept.change(call.gateway.now(), change).await;
    let after = after.map_err(problem)?;
    call.audit(entry).await?;
    let layout = after.layout(before.id);
    let layout = layout.ok_or_else(|| Problem::internal("a changed layout is not there"))?;
    json(&view(&call, call.user()?, layout))
}

/// `DELETE /wall-layouts/{layout}`.
pub(in crate::api) async fn remove(call: Call) -> Answer {
    let before = existing(&call)?;
    let mut entry = call.entry("wall-layout", before.name.clone(), Some(before.region))?;
    entry.detail = "removed".into();
    let kept = &call.gateway.walls.kept;
    let now = call.gateway.now();
    let change = Change::RemoveLayout(before.id);
    kept.change(now, change).await.map_err(problem)?;
    call.audit(entry).await?;
    empty()
}

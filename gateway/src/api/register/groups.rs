//! Groups across regions, and tags.

use std::collections::BTreeSet;

use ::media::{CameraId, said};
use command::{
    Group,
    register::{Change, GroupKind, Register},
};
use serde::{Deserialize, Serialize};

use super::super::{Answer, Call, Problem, empty, json};
use crate::access::Action;

#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    kind: GroupKind,
    note: &'a str,
    /// Those that the user may see.
    cameras: Vec<CameraId>,
}

fn shown<'a>(call: &Call, register: &Register, group: &'a Group) -> Shown<'a> {
    let seen = |code: &CameraId| {
        let camera = register.camera(code);
        camera.is_some_and(|c| call.sees(Action::Look, c.region))
    };
    Shown {
        id: &group.id,
        name: &group.name,
        kind: group.kind,
        note: &group.note,
        cameras: group.cameras.iter().filter(|c| seen(c)).copied().collect(),
    }
}

/// `GET /groups`.
pub(in crate::api) async fn list(call: Call) -> Answer {
    let register = call.gateway.register.read();
    let groups: Vec<Shown<'_>> = register
        .groups()
        .map(|g| shown(&call, &register, g))
        .collect();
    json(&groups)
}

/// Whoever puts cameras into a group or takes them out must be free to change those cameras.
fn may(call: &Call, register: &Register, cameras: &BTreeSet<CameraId>) -> Result<(), Problem> {
    for code in cameras {
        if let Some(camera) = register.camera(code) {
            call.may(Action::ChangeRegister, camera.region, code.as_str())?;
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    name: String,
    kind: GroupKind,
    #[serde(default)]
    note: String,
    cameras: BTreeSet<CameraId>,
}

/// `PUT /groups/{group}`.
pub(in crate::api) async fn put(call: Call) -> Answer {
    let id = call.param("group").to_owned();
    let new: NewGroup = call.json()?;
    let register = call.gateway.register.read();
    let before = register.group(&id).map(|g| g.cameras.clone());
    let before = before.unwrap_or_default();
    let differ = before.symmetric_difference(&new.cameras).copied().collect();
    may(&call, &register, &differ)?;
    let group = Group {
        id: id.clone(),
        name: new.name.trim().to_owned(),
        kind: new.kind,
        note: new.note,
        cameras: new.cameras,
    };
    let mut entry = call.entry("group-changed", id.clone(), Some(call.user()?.region))?;
    entry.detail = format!("{}: {} cameras", group.name, group.cameras.len());
    let change = Change::Group(group).by(&call.user()?.user).into();
    let register = call
        .gateway
        .register
        .change(call.gateway.now(), change)
        .await?;
    call.audit(entry).await?;
    match register.group(&id) {
        Some(group) => json(&shown(&call, &register, group)),
        None => Err(Problem::missing(said!(
            "group-gone",
            "group '{group}' is gone again",
            group = id
        ))),
    }
}

/// `DELETE /groups/{group}`.
pub(in crate::api) async fn remove(call: Call) -> Answer {
    let id = call.param("group").to_owned();
    let register = call.gateway.register.read();
    if let Some(group) = register.group(&id) {
        may(&call, &register, &group.cameras)?;
    }
    let entry = call.entry("group-removed", id.clone(), Some(call.user()?.region))?;
    let change = Change::RemoveGroup(id).by(&call.user()?.user).into();
    call.gateway
        .register
        .change(call.gateway.now(), change)
        .await?;
    call.audit(entry).await?;
    empty()
}

#[derive(Serialize)]
struct Tag<'a> {
    tag: &'a str,
    cameras: usize,
}

/// `GET /tags`.
pub(in crate::api) async fn tags(call: Call) -> Answer {
    let register = call.gateway.register.read();
    let seen = register
        .cameras()
        .filter(|c| call.sees(Action::Look, c.region));
    let tags = register.tags(seen);
    let tags: Vec<Tag<'_>> = tags
        .into_iter()
        .map(|(tag, cameras)| Tag { tag, cameras })
        .collect();
    json(&tags)
}

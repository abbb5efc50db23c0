//! Screens of shared walls: what they show, who is there, and sets that are sent to an operator's own wall.

use ::media::{CameraId, WallTime};
use command::wall::{Cell, Change, Face, MAX_SCREENS, New};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{
    super::{Answer, Call, Problem, json},
    View, check_cameras, directed, make, problem, seen, watched,
};
use crate::{
    access::{self, Action, Role, Target},
    walls::{self, Present},
};

fn number(call: &Call) -> Result<u8, Problem> {
    let text = call.param("screen");
    let number = text.parse().ok();
    number
        .filter(|n| (1..=MAX_SCREENS).contains(n))
        .ok_or_else(|| Problem::bad("screen", format!("'{text}', expected 1 to {MAX_SCREENS}")))
}

#[derive(Serialize)]
struct Shown<'a> {
    screen: u8,
    #[serde(flatten)]
    as_is: &'a command::wall::Screen,
}

/// `GET /walls/{wall}/screens/{screen}`.
pub(in crate::api) async fn one(call: Call) -> Answer {
    let (wall, screen) = (seen(&call)?, number(&call)?);
    let as_is = wall.screens.get(&screen);
    let none = || Problem::not_found(format!("wall '{}' has no screen {screen}", wall.id));
    json(&Shown {
        screen,
        as_is: as_is.ok_or_else(none)?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    /// Of the screen as it was read, 0: it is to be new; none: whatever it is.
    #[serde(default)]
    revision: Option<u64>,
    face: Face,
}

/// `PUT /walls/{wall}/screens/{screen}`: sets one, or adds it.
pub(in crate::api) async fn put(call: Call) -> Answer {
    let (wall, screen) = (directed(&call)?, number(&call)?);
    let given: Given = call.json()?;
    check_cameras(&call, Some(&wall), &given.face)?;
    let mut entry = call.entry("wall-screen", wall.id.clone(), Some(wall.region))?;
    let cameras = given.face.cells.iter().flatten();
    let cameras: Vec<_> = cameras.map(|c| c.camera.as_str()).collect();
    let tour = given.face.tour.as_ref();
    let tour = tour.map_or_else(String::new, |t| format!(", tour of {}", t.cameras.len()));
    entry.detail = format!("screen {screen}: {}{tour}", cameras.join(" "));
    let change = Change::Screen {
        id: wall.id.clone(),
        screen,
        face: Box::new(given.face),
        by: call.user()?.user.clone(),
        expect: given.revision,
        cause: None,
    };
    make(&call, entry, change, StatusCode::OK).await
}

/// `DELETE /walls/{wall}/screens/{screen}?revision=`.
pub(in crate::api) async fn remove(call: Call) -> Answer {
    let (wall, screen) = (directed(&call)?, number(&call)?);
    let mut entry = call.entry("wall-screen", wall.id.clone(), Some(wall.region))?;
    entry.detail = format!("screen {screen}: removed");
    let change = Change::Drop {
        id: wall.id.clone(),
        screen,
        by: call.user()?.user.clone(),
        expect: call.query("revision")?,
    };
    make(&call, entry, change, StatusCode::OK).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beat {
    /// Made by the window, 1 to 64 characters.
    window: String,
    /// Of the screen, as it is shown.
    #[serde(default)]
    revision: u64,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    #[serde(default)]
    tiles: u32,
    #[serde(default)]
    live: u32,
    /// It is closed now.
    #[serde(default)]
    gone: bool,
}

#[derive(Serialize)]
struct Beaten {
    now: WallTime,
    /// Of the screen as it is; 0: there is none.
    revision: u64,
}

/// `PUT /walls/{wall}/screens/{screen}/presence`: a window shows it; to be said anew within fifteen seconds.
pub(in crate::api) async fn beat(call: Call) -> Answer {
    let (wall, screen) = (seen(&call)?, number(&call)?);
    let beat: Beat = call.json()?;
    if !(1..=64).contains(&beat.window.chars().count()) {
        return Err(Problem::bad("window", "expected 1 to 64 characters"));
    }
    let now = call.gateway.now();
    let walls = &call.gateway.walls;
    let news = match beat.gone {
        true => Some(walls.gone(&wall.id, &beat.window)),
        false => walls.heard(
            &wall.id,
            Present {
                screen,
                window: beat.window,
                user: call.user()?.user.clone(),
                revision: beat.revision,
                width: beat.width,
                height: beat.height,
                tiles: beat.tiles,
                live: beat.live,
                since: now,
                seen: now,
            },
        ),
    };
    match news {
        Some(true) => call.gateway.tell_present(&wall.id),
        Some(false) => {}
        None => {
            let text = "too many windows show this wall";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", text));
        }
    }
    let revision = wall.screens.get(&screen).map_or(0, |s| s.revision);
    json(&Beaten { now, revision })
}

/// `GET /walls/{wall}/presence`.
pub(in crate::api) async fn present(call: Call) -> Answer {
    let wall = seen(&call)?;
    json(&call.gateway.walls.showing(&wall.id))
}

#[derive(Serialize)]
struct Seat {
    user: String,
    name: String,
    role: Role,
    region: ::media::RegionCode,
    /// Whether they have a page open.
    present: bool,
}

/// `GET /seats`: operators whose own wall a set can be put on.
pub(in crate::api) async fn seats(call: Call) -> Answer {
    let me = call.user()?.clone();
    let users = call.gateway.users.read();
    let found: Vec<Seat> = users
        .iter()
        .map(|a| a.user())
        .filter(|u| access::may(u, Action::Handle, Target::Any).is_ok())
        .filter(|u| u.region.is_within(&me.region) || me.region.is_within(&u.region))
        .map(|u| Seat {
            present: call.gateway.sessions.is_open(&u.user),
            user: u.user,
            name: u.name,
            role: u.role,
            region: u.region,
        })
        .collect();
    json(&found)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    layout: u32,
    cameras: Vec<CameraId>,
    #[serde(default)]
    note: String,
}

#[derive(Serialize)]
struct Sent<'a> {
    wall: View<'a>,
    /// Cameras that the operator may not watch.
    left_out: Vec<CameraId>,
}

/// `POST /seats/{user}`: puts a set of cameras on an operator's own wall.
pub(in crate::api) async fn send(call: Call) -> Answer {
    let set: Set = call.json()?;
    let name = call.param("user").to_owned();
    let account = call.gateway.users.read().get(&name).map(|a| a.user());
    let account =
        account.ok_or_else(|| Problem::not_found(format!("there is no account '{name}'")))?;
    let me = call.user()?.clone();
    let related = account.region.is_within(&me.region) || me.region.is_within(&account.region);
    if !related && me.user != account.user {
        call.may(Action::Handle, account.region, &name)?;
    }
    if set.cameras.is_empty() || set.cameras.len() > set.layout as usize {
        let text = format!(
            "{} for {} tiles, expected 1 or more",
            set.cameras.len(),
            set.layout
        );
        return Err(Problem::bad("cameras", text));
    }
    let register = call.gateway.register.read();
    let mut left_out = Vec::new();
    let mut cells = Vec::new();
    for (i, code) in set.cameras.iter().enumerate() {
        watched(&call, &register, &format!("cameras[{i}]"), code)?;
        let theirs = register.camera(code).map(|c| Target::Region(c.region));
        match theirs.is_some_and(|t| access::may(&account, Action::Watch, t).is_ok()) {
            true => cells.push(Some(Cell {
                camera: *code,
                profile: Default::default(),
            })),
            false => left_out.push(*code),
        }
    }
    drop(register);
    if cells.is_empty() {
        let text = format!("{name} may watch none of them");
        return Err(Problem::bad("cameras", text));
    }
    let id = format!("~{name}");
    let before = call.gateway.walls.kept.read().get(&id).cloned();
    let screen = before.as_ref().and_then(|w| w.screens.get(&1));
    let face = walls::with_cameras(screen, set.layout, cells);
    let mut entry = call.entry("seat-sent", name.clone(), Some(account.region))?;
    let codes: Vec<&str> = set.cameras.iter().map(CameraId::as_str).collect();
    entry.detail = codes.join(" ");
    let change = Change::Put {
        wall: Box::new(New {
            id: id.clone(),
            name: account.name.clone(),
            region: account.region,
            note: set.note,
            seat: Some(name),
            screens: [(1, face)].into(),
        }),
        by: me.user,
        expect: None,
    };
    let kept = &call.gateway.walls.kept;
    let after = kept
        .change(call.gateway.now(), change)
        .await
        .map_err(problem)?;
    let wall = after.get(&id);
    let wall = wall.ok_or_else(|| Problem::internal("a changed wall is not there"))?;
    call.gateway.hub.wall(wall);
    call.audit(entry).await?;
    json(&Sent {
        wall: View::of(wall),
        left_out,
    })
}

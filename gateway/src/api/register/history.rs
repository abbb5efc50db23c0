//! What a camera's or a region's file was before, and how it comes back.

use std::sync::Arc;

use ::media::{CameraId, RegionCode, WallTime, said};
use command::{
    Camera, Region,
    register::{
        Change, Register, Version, What,
        fields::{self, Difference},
    },
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::super::{
    Answer, Call, Problem,
    cameras::{region_is_known, show},
    json, problem,
};
use crate::access::Action;

#[derive(Serialize)]
struct Past {
    revision: u32,
    at: WallTime,
    by: Arc<str>,
    what: What,
    note: Arc<str>,
    changes: Vec<Difference>,
}

/// Newest first; each with what it changed.
fn told<T>(
    versions: &[Version<T>],
    differences: impl Fn(Option<&T>, Option<&T>) -> Vec<Difference>,
) -> Vec<Past> {
    let mut told = Vec::with_capacity(versions.len());
    for (n, version) in versions.iter().enumerate().rev() {
        let before = n.checked_sub(1).and_then(|b| versions[b].state.as_deref());
        // The one before the oldest at hand is not known: what it changed cannot be said.
        let changes = match n == 0 && version.revision > 1 {
            true => Vec::new(),
            false => differences(before, version.state.as_deref()),
        };
        told.push(Past {
            revision: version.revision,
            at: version.at,
            by: Arc::clone(&version.by),
            what: version.what,
            note: Arc::clone(&version.note),
            changes,
        });
    }
    told
}

/// Addresses and accounts are for those who may change them.
const SECRET: [&str; 3] = ["main_url", "sub_url", "username"];

fn hide(call: &Call, region: RegionCode, told: &mut [Past]) {
    if call.sees(Action::ChangeRegister, region) {
        return;
    }
    let all = told.iter_mut().flat_map(|p| &mut p.changes);
    for change in all.filter(|d| SECRET.contains(&d.field.as_str())) {
        for value in [&mut change.from, &mut change.to] {
            if !value.is_null() {
                *value = fields::HIDDEN.into();
            }
        }
    }
}

/// A camera that is on file, or was.
fn code_of(call: &Call, action: Action) -> Result<(CameraId, RegionCode), Problem> {
    let code: CameraId = call
        .param("code")
        .parse()
        .map_err(|e| problem::bad_code("code", &e))?;
    let register = call.gateway.register.read();
    let file = register
        .file_or_gone(&code)
        .ok_or_else(|| problem::no_camera(code))?;
    call.may(action, file.camera.region, code.as_str())?;
    Ok((code, file.camera.region))
}

/// `GET /cameras/{code}/history`: also of a camera that was taken out.
pub(in crate::api) async fn of_camera(call: Call) -> Answer {
    let (code, region) = code_of(&call, Action::Look)?;
    let register = call.gateway.register.read();
    let versions = register.file_or_gone(&code).map(|f| f.versions());
    let mut past = told(versions.unwrap_or_default(), fields::differences);
    hide(&call, region, &mut past);
    json(&past)
}

/// `GET /regions/{region}/history`.
pub(in crate::api) async fn of_region(call: Call) -> Answer {
    let code: RegionCode = call
        .param("region")
        .parse()
        .map_err(|e| problem::bad_code("region", &e))?;
    call.may(Action::Look, code, code.as_str())?;
    let register = call.gateway.register.read();
    let file = register.region_file(&code).ok_or_else(|| {
        Problem::missing(said!(
            "region-never",
            "region {region} was never in the register",
            region = code
        ))
    })?;
    json(&told::<Region>(file.versions(), fields::region_differences))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// Which.
    revision: u32,
    /// The revision that who asks has seen last; 0: the camera is gone.
    #[serde(default)]
    expect: Option<u32>,
}

/// `POST /cameras/{code}/restore`: an earlier state, as a new change.
pub(in crate::api) async fn restore(call: Call) -> Answer {
    let (code, _) = code_of(&call, Action::ChangeRegister)?;
    let wanted: Restore = call.json()?;
    let register: Arc<Register> = call.gateway.register.read();
    let version = register.version(&code, wanted.revision);
    let state: Option<Arc<Camera>> = version.and_then(|v| v.state.clone());
    let Some(camera) = state else {
        let said = said!(
            "no-revision",
            "there is no camera {camera} of revision {revision}",
            camera = code,
            revision = wanted.revision
        );
        return Err(Problem::wrong("revision", said));
    };
    region_is_known(&call, camera.region)?;
    call.may(Action::ChangeRegister, camera.region, code.as_str())?;
    let there = register.camera(&code).is_some();
    let boxed = Box::new(Camera::clone(&camera));
    let change = match there {
        true => Change::Replace(boxed),
        false => Change::Add(boxed),
    };
    let mut entry = call.entry("camera-restored", code.to_string(), Some(camera.region))?;
    entry.detail = format!("revision {}", wanted.revision);
    let made = change
        .by(&call.user()?.user)
        .on(code, wanted.expect)
        .noting(format!("restored revision {}", wanted.revision));
    call.gateway
        .register
        .change(call.gateway.now(), made.into())
        .await?;
    call.audit(entry).await?;
    show(&call, &camera, StatusCode::OK)
}

/// A camera's file as it is written: with its addresses and its account, and without its password.
#[derive(Serialize)]
struct Record<'a> {
    revision: u32,
    #[serde(flatten)]
    camera: serde_json::Map<String, serde_json::Value>,
    has_password: bool,
    changed_at: Option<WallTime>,
    changed_by: &'a str,
}

/// `GET /cameras/{code}/record`.
pub(in crate::api) async fn record(call: Call) -> Answer {
    let camera = call.camera(Action::ChangeRegister)?;
    let register = call.gateway.register.read();
    let value = serde_json::to_value(&*camera).map_err(Problem::internal)?;
    let serde_json::Value::Object(mut map) = value else {
        return Err(Problem::internal("a camera is an object"));
    };
    map.remove("password");
    let last = register
        .file(&camera.code)
        .and_then(|f| f.versions().last());
    json(&Record {
        revision: register.revision(&camera.code),
        camera: map,
        has_password: camera.password.is_some(),
        changed_at: last.map(|v| v.at),
        changed_by: last.map_or("", |v| &v.by),
    })
}

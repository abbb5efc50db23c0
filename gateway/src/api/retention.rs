//! What is kept of every camera, at which rate that grows, and how many days there is room for; and many cameras' plans at once.

use std::{sync::Arc, time::Duration};

use ::media::{CameraId, Profile, RegionCode, WallTime};
use command::{Camera, register, state::State as _};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    Answer, Call, Problem,
    cameras::region_is_known,
    json,
    plans::{Body, Mode},
};
use crate::{
    access::Action,
    gateway::Gateway,
    recording::{
        self,
        plans::{Change, Of},
    },
};

/// Rates are those of the last day: a week would hide a plan that was changed yesterday.
const MEASURED: Duration = Duration::from_secs(24 * 3600);
/// What has been recorded for less than this is told by its rate, and no day is made of it that was not.
const LEAST: Duration = Duration::from_secs(60);
/// Cameras looked at at once.
const AT_ONCE: usize = 8;
/// Cameras of one change.
const MAX_CAMERAS: usize = 10_000;

#[derive(Serialize)]
struct Retention {
    region: RegionCode,
    hours: u64,
    used_bytes: u64,
    room_bytes: u64,
    bytes_per_day: u64,
    fits_days: Option<f64>,
    cameras: Vec<Kept>,
}

#[derive(Serialize)]
struct Kept {
    camera: CameraId,
    name: String,
    region: RegionCode,
    site_class: String,
    of: Of,
    mode: Mode,
    profile: Option<Profile>,
    recorded: bool,
    keep_days: u32,
    floor_days: u32,
    kept_days: u32,
    oldest: Option<WallTime>,
    bytes_per_day: u64,
    recorded_ms: u64,
    rate_bps: u64,
}

/// What was recorded in a time, as bytes a day: of one that began less than a day ago, the part since then counts for all.
fn per_day(bytes: u64, looked_at: Duration) -> u64 {
    let looked_at = looked_at.clamp(LEAST, MEASURED);
    let day = u128::from(bytes) * MEASURED.as_millis() / looked_at.as_millis().max(1);
    u64::try_from(day).unwrap_or(u64::MAX)
}

/// The room that recordings may take: what they have, and what is free above what is to stay free; never more than is allowed.
fn room(used: u64, free: u64, keep_free: u64, max: Option<u64>) -> u64 {
    let room = used.saturating_add(free.saturating_sub(keep_free));
    max.map_or(room, |max| room.min(max))
}

async fn kept(
    gateway: Arc<Gateway>,
    camera: Arc<Camera>,
    from: WallTime,
    now: WallTime,
) -> Result<Kept, storage::Error> {
    let config = &gateway.config.recording;
    let (of, setting) = gateway.plans.read().of(&camera);
    let archive = &gateway.archive;
    let oldest = archive.oldest(camera.code).await;
    let (mut bytes, mut recorded_ms) = (0_u64, 0_u64);
    if let Some(oldest) = oldest {
        for span in archive.timeline(camera.code, from, now).await?.spans {
            bytes = bytes.saturating_add(span.bytes);
            recorded_ms += span.end.since(span.start).as_millis() as u64;
        }
        bytes = per_day(bytes, now.since(oldest.max(from)));
    }
    // The rate while it records: bytes of the day, by the share of it that was recorded.
    let looked_at = oldest.map_or(MEASURED, |o| now.since(o.max(from)).clamp(LEAST, MEASURED));
    let share = recorded_ms as f64 / looked_at.as_millis() as f64;
    let rate_bps = match share > 0.0 {
        true => (bytes as f64 * 8.0 / 86_400.0 / share.min(1.0)) as u64,
        false => 0,
    };
    let floor_days = recording::floor_days(config, &camera);
    Ok(Kept {
        camera: camera.code,
        name: camera.name.clone(),
        region: camera.region,
        site_class: camera.site_class.clone(),
        of,
        mode: Mode::of(&setting.plan),
        profile: setting.profile,
        recorded: recording::is_recorded(config, &camera),
        keep_days: camera.keep_days,
        floor_days,
        kept_days: camera.keep_days.max(floor_days),
        oldest,
        bytes_per_day: bytes,
        recorded_ms,
        rate_bps,
    })
}

/// `GET /retention`.
pub(super) async fn list(call: Call) -> Answer {
    let region: Option<RegionCode> = call.query("region")?;
    let region = match region {
        Some(region) => {
            region_is_known(&call, region)?;
            call.may(Action::Look, region, region.as_str())?;
            region
        }
        None => call.user()?.region,
    };
    let now = call.gateway.now();
    let from = now - MEASURED;
    // The disks are everybody's: how long they last is a question of all cameras, whoever asks.
    let all: Vec<_> = call.gateway.register.read().cameras().cloned().collect();
    let gateway = &call.gateway;
    let ask = all
        .into_iter()
        .map(|camera| kept(Arc::clone(gateway), camera, from, now));
    let asked = stream::iter(ask);
    let mut cameras: Vec<Kept> = asked.buffered(AT_ONCE).try_collect().await?;
    let bytes_per_day: u64 = cameras.iter().map(|c| c.bytes_per_day).sum();
    cameras.retain(|c| c.region.is_within(&region) && call.sees(Action::Look, c.region));
    let config = &call.gateway.config.recording;
    let usage = call.gateway.archive.usage();
    let target = call.gateway.archive.free_target().bytes.0;
    let room_bytes = room(
        usage.used.0,
        usage.free.0,
        target,
        config.max.map(|m| m.0.0),
    );
    json(&Retention {
        region,
        hours: MEASURED.as_secs() / 3600,
        used_bytes: usage.used.0,
        room_bytes,
        bytes_per_day,
        fits_days: (bytes_per_day > 0).then(|| room_bytes as f64 / bytes_per_day as f64),
        cameras,
    })
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    cameras: Vec<CameraId>,
    #[serde(default)]
    plan: Option<Body>,
    #[serde(default)]
    clear: bool,
    #[serde(default)]
    keep_days: Option<u32>,
}

#[derive(Serialize)]
struct Changed {
    cameras: usize,
}

/// `POST /recording-plans`.
pub(super) async fn change(call: Call) -> Answer {
    let mut wanted: Wanted = call.json()?;
    if wanted.plan.is_some() && wanted.clear {
        return Err(Problem::bad("clear", "does not go with a plan"));
    }
    if wanted.plan.is_none() && !wanted.clear && wanted.keep_days.is_none() {
        let text = "nothing is to be changed: expected plan, clear or keep_days";
        return Err(Problem::bad("body", text));
    }
    wanted.cameras.sort_unstable();
    wanted.cameras.dedup();
    let n = wanted.cameras.len();
    if !(1..=MAX_CAMERAS).contains(&n) {
        let text = format!("{n} of them, expected 1 to {MAX_CAMERAS}");
        return Err(Problem::bad("cameras", text));
    }
    let mut files = Vec::with_capacity(n);
    for code in &wanted.cameras {
        let camera = call.gateway.register.read().camera(code).cloned();
        let Some(camera) = camera else {
            let text = format!("camera {code} is not in the register");
            return Err(Problem::bad("cameras", text));
        };
        call.may(Action::ChangeRegister, camera.region, code.as_str())?;
        files.push((*camera).clone());
    }
    // One line in the log names what was said, and of how many: the cameras are the entry's object where they fit.
    let names: Vec<&str> = wanted.cameras.iter().map(CameraId::as_str).collect();
    let object = match n <= 16 {
        true => names.join(" "),
        false => format!("{n} cameras from {} to {}", names[0], names[n - 1]),
    };
    let mut entry = call.entry("plan-changed", object, None)?;
    entry.detail = serde_json::to_string(&serde_json::json!({
        "plan": wanted.plan, "clear": wanted.clear, "keep_days": wanted.keep_days,
    }))
    .map_err(Problem::internal)?;
    let of: Vec<Of> = wanted.cameras.iter().copied().map(Of::Camera).collect();
    let plans = match wanted.plan {
        Some(plan) => Some(Change::SetAll(of, Box::new(plan.setting()?))),
        None => wanted.clear.then_some(Change::ClearAll(of)),
    };
    // Refused before anything is changed.
    if let Some(change) = &plans {
        call.gateway.plans.read().check(change)?;
    }
    let now = call.gateway.now();
    if let Some(days) = wanted.keep_days {
        for camera in &mut files {
            camera.keep_days = days;
        }
        let change = register::Change::Import(files);
        call.gateway.register.change(now, change).await?;
    }
    if let Some(change) = plans {
        call.gateway.plans.change(now, change).await?;
    }
    call.audit(entry).await?;
    json(&Changed { cameras: n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_made_of_what_there_is_of_it() {
        let hour = Duration::from_secs(3600);
        assert_eq!(per_day(1000, 24 * hour), 1000);
        assert_eq!(per_day(1000, 240 * hour), 1000);
        assert_eq!(per_day(1000, 12 * hour), 2000);
        // Of less than a minute no day is made.
        assert_eq!(per_day(1, Duration::ZERO), 1440);
    }

    #[test]
    fn the_room_is_what_is_used_and_may_be_used() {
        assert_eq!(room(100, 50, 20, None), 130);
        assert_eq!(room(100, 10, 20, None), 100);
        assert_eq!(room(100, 50, 20, Some(110)), 110);
    }
}

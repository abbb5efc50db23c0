//! How complete the recordings are, and the room they lie in.

use std::collections::BTreeMap;

use ::media::{ByteCount, CameraId, Reason, RegionCode, WallTime};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use storage::{Day, FreeTarget, Policy, Progress, Room, VolumeStatus};

use super::{Answer, Call, Problem, cameras::region_is_known, json};
use crate::{access::Action, recording};

/// Days of one answer: a year and a leap day.
const MAX_DAYS: u32 = 366;
/// Days of one answer for a region.
const MAX_DAYS_OF_REGION: u32 = 31;
/// Cameras looked at at once.
const AT_ONCE: usize = 8;

#[derive(Serialize)]
struct DayView {
    start: WallTime,
    planned_ms: u64,
    recorded_ms: u64,
    share: Option<f64>,
    missing: Vec<MissingView>,
    gaps: Vec<GapView>,
}

#[derive(Serialize)]
struct MissingView {
    code: &'static str,
    gaps: u32,
    ms: u64,
}

#[derive(Serialize)]
struct GapView {
    start: WallTime,
    end: WallTime,
    reason: Reason,
}

impl DayView {
    fn of(day: Day) -> Self {
        Self {
            start: day.start,
            planned_ms: day.planned_ms,
            recorded_ms: day.recorded_ms,
            share: day.share(),
            missing: missing(&day),
            gaps: day
                .gaps
                .into_iter()
                .map(|g| GapView {
                    start: g.start,
                    end: g.end,
                    reason: g.reason,
                })
                .collect(),
        }
    }
}

fn missing(day: &Day) -> Vec<MissingView> {
    let all = day.missing.iter().map(|m| MissingView {
        code: m.code.as_str(),
        gaps: m.gaps,
        ms: m.ms,
    });
    all.collect()
}

impl ShortDay {
    fn of(day: Day) -> Self {
        Self {
            start: day.start,
            planned_ms: day.planned_ms,
            recorded_ms: day.recorded_ms,
            share: day.share(),
            missing: missing(&day),
        }
    }
}

/// How many of the district's days the range asked touches.
fn days(call: &Call, most: u32) -> Result<(WallTime, u32), Problem> {
    let (from, to) = call.range()?;
    let offset_s = i64::from(call.gateway.config.district.utc_offset.0) * 60;
    let of_day = (from.0 / 1_000_000 + offset_s).rem_euclid(86_400) as u64;
    let seconds = to.since(from).as_secs().saturating_add(of_day).max(1);
    let days = seconds.div_ceil(86_400);
    match u32::try_from(days) {
        Ok(days) if days <= most => Ok((from, days)),
        _ => {
            let text = format!("{days} days, at most {most} in one answer");
            Err(Problem::bad("from, to", text))
        }
    }
}

/// `GET /cameras/{code}/completeness`.
pub(super) async fn of_camera(call: Call) -> Answer {
    let camera = call.camera(Action::Look)?;
    let (from, count) = days(&call, MAX_DAYS)?;
    let archive = &call.gateway.archive;
    let days = archive.completeness(camera.code, from, count).await?;
    json(&days.into_iter().map(DayView::of).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct OfRegion {
    region: RegionCode,
    from: WallTime,
    to: WallTime,
    planned_ms: u64,
    recorded_ms: u64,
    share: Option<f64>,
    cameras: Vec<OfCamera>,
}

#[derive(Serialize)]
struct OfCamera {
    camera: CameraId,
    name: String,
    region: RegionCode,
    planned_ms: u64,
    recorded_ms: u64,
    share: Option<f64>,
    missing: Vec<MissingView>,
    days: Option<Vec<ShortDay>>,
}

/// A day of a camera in the answer for many: its gaps are told by the camera's own.
#[derive(Serialize)]
struct ShortDay {
    start: WallTime,
    planned_ms: u64,
    recorded_ms: u64,
    share: Option<f64>,
    missing: Vec<MissingView>,
}

fn share(recorded_ms: u64, planned_ms: u64) -> Option<f64> {
    (planned_ms > 0).then(|| recorded_ms as f64 / planned_ms as f64)
}

/// `GET /completeness`.
pub(super) async fn of_region(call: Call) -> Answer {
    let region: Option<RegionCode> = call.query("region")?;
    let region = match region {
        Some(region) => {
            region_is_known(&call, region)?;
            call.may(Action::Look, region, region.as_str())?;
            region
        }
        None => call.user()?.region,
    };
    let (from, count) = days(&call, MAX_DAYS_OF_REGION)?;
    let (_, to) = call.range()?;
    let by_day = call.query_within("days", 0, 1)? == Some(1);
    let register = call.gateway.register.read();
    let cameras: Vec<_> = register
        .cameras()
        .filter(|c| c.region.is_within(&region))
        .cloned()
        .collect();
    let archive = &call.gateway.archive;
    let ask = cameras.into_iter().map(|camera| async move {
        let days = archive.completeness(camera.code, from, count).await?;
        let mut missing: BTreeMap<&'static str, (u32, u64)> = BTreeMap::new();
        for m in days.iter().flat_map(|d| &d.missing) {
            let sum = missing.entry(m.code.as_str()).or_default();
            *sum = (sum.0.saturating_add(m.gaps), sum.1.saturating_add(m.ms));
        }
        let mut missing: Vec<MissingView> = missing
            .into_iter()
            .map(|(code, (gaps, ms))| MissingView { code, gaps, ms })
            .collect();
        missing.sort_by_key(|m| std::cmp::Reverse(m.ms));
        let planned_ms = days.iter().map(|d| d.planned_ms).sum();
        let recorded_ms = days.iter().map(|d| d.recorded_ms).sum();
        Ok::<_, storage::Error>(OfCamera {
            camera: camera.code,
            name: camera.name.clone(),
            region: camera.region,
            planned_ms,
            recorded_ms,
            share: share(recorded_ms, planned_ms),
            missing,
            days: by_day.then(|| days.into_iter().map(ShortDay::of).collect()),
        })
    });
    let asked = stream::iter(ask).buffered(AT_ONCE);
    let mut cameras: Vec<OfCamera> = asked.try_collect().await?;
    // What was not to be recorded is not incomplete.
    cameras.retain(|c| c.planned_ms > 0);
    let planned_ms = cameras.iter().map(|c| c.planned_ms).sum();
    let recorded_ms = cameras.iter().map(|c| c.recorded_ms).sum();
    json(&OfRegion {
        region,
        from,
        to,
        planned_ms,
        recorded_ms,
        share: share(recorded_ms, planned_ms),
        cameras,
    })
}

#[derive(Serialize)]
struct Storage {
    used_bytes: u64,
    free_bytes: u64,
    keep_free_bytes: u64,
    free_target: Target,
    max_bytes: Option<u64>,
    room: &'static str,
    lacking_bytes: u64,
    recorded_cameras: usize,
    recording: usize,
    holds: usize,
    floor_days: Vec<Floor>,
    evidence: Evidence,
    policy: Policy,
    volumes: Vec<Volume>,
    rebuilding: Option<Progress>,
}

/// What is to be free once the oldest has begun to go.
#[derive(Serialize)]
struct Target {
    bytes: u64,
    said: &'static str,
    configured_bytes: u64,
    least_bytes: u64,
    /// None where no disk tells its size.
    most_bytes: Option<u64>,
}

impl From<FreeTarget> for Target {
    fn from(of: FreeTarget) -> Self {
        Self {
            bytes: of.bytes.0,
            said: if of.set.is_some() {
                "page"
            } else {
                "configuration"
            },
            configured_bytes: of.configured.0,
            least_bytes: of.least.0,
            most_bytes: of.most.map(|most| most.0),
        }
    }
}

#[derive(Serialize)]
struct Volume {
    number: u16,
    id: Option<String>,
    path: String,
    takes: bool,
    state: &'static str,
    since: Option<WallTime>,
    reason: Option<Reason>,
    free_bytes: u64,
    total_bytes: u64,
    writing: u32,
}

impl From<VolumeStatus> for Volume {
    fn from(of: VolumeStatus) -> Self {
        let (since, out) = of.out.unzip();
        Self {
            number: of.number,
            id: of.id,
            path: of.path.display().to_string(),
            takes: of.takes,
            state: match (&of.unreadable, &out) {
                (Some(_), _) => "missing",
                (None, Some(_)) => "out",
                (None, None) => "in",
            },
            since,
            reason: of.unreadable.or(out),
            free_bytes: of.free.0,
            total_bytes: of.total.0,
            writing: of.open,
        }
    }
}

#[derive(Serialize)]
struct Evidence {
    used_bytes: u64,
    room_bytes: u64,
}

#[derive(Serialize)]
struct Floor {
    site_class: String,
    days: u32,
}

/// `GET /storage`.
pub(super) async fn storage(call: Call) -> Answer {
    let gateway = &call.gateway;
    let config = &gateway.config.recording;
    let usage = gateway.archive.usage();
    let (room, lacking_bytes) = match *gateway.archive.room().borrow() {
        Room::Enough => ("enough", 0),
        Room::Short { lacking } => ("short", lacking),
    };
    let now = gateway.now();
    let register = gateway.register.read();
    json(&Storage {
        used_bytes: usage.used.0,
        free_bytes: usage.free.0,
        keep_free_bytes: config.keep_free.0.0,
        free_target: gateway.archive.free_target().into(),
        max_bytes: config.max.map(|m| m.0.0),
        room,
        lacking_bytes,
        recorded_cameras: register
            .cameras()
            .filter(|c| recording::is_recorded(config, c))
            .count(),
        recording: gateway.recorders.recording(),
        holds: gateway
            .archive
            .holds()
            .iter()
            .filter(|h| h.is_active(now))
            .count(),
        floor_days: config
            .floor_days
            .iter()
            .map(|(class, days)| Floor {
                site_class: class.clone(),
                days: *days,
            })
            .collect(),
        policy: config.policy,
        volumes: gateway
            .archive
            .volumes()
            .into_iter()
            .map(Volume::from)
            .collect(),
        rebuilding: gateway.archive.rebuilding(),
        evidence: Evidence {
            used_bytes: gateway.evidence.used(),
            room_bytes: gateway.config.evidence.room.0.0,
        },
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTarget {
    /// None gives it back to the configuration; left out it is a mistake.
    #[serde(deserialize_with = "Option::deserialize")]
    bytes: Option<u64>,
}

/// `PUT /storage/free-target`: for those who have the whole district, since the disks are everybody's.
pub(super) async fn set_free_target(call: Call) -> Answer {
    let object = "free-target";
    let district = call.gateway.config.district.code;
    call.may(Action::ChangeRegister, district, object)?;
    let NewTarget { bytes } = call.json()?;
    let was = call.gateway.archive.free_target();
    let mut entry = call.entry("free-target-changed", object.to_owned(), None)?;
    let set = call
        .gateway
        .archive
        .set_free_target(bytes.map(ByteCount))
        .await?;
    let back = if set.set.is_none() {
        " (the configuration's)"
    } else {
        ""
    };
    entry.detail = format!("{} instead of {}{back}", set.bytes, was.bytes);
    call.audit(entry).await?;
    json(&Target::from(set))
}

//! Approved outages: taken out of the supervision's figures.

use std::sync::Arc;

use ::media::{CameraId, RegionCode, WallTime, said};
use command::supervision::{
    Outage,
    outage::{Change, Withdrawn},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Problem, cameras::region_is_known, json, problem, with_json};
use crate::access::Action;

#[derive(Serialize)]
struct View<'a> {
    id: u64,
    cameras: &'a [CameraId],
    region: RegionCode,
    from: WallTime,
    to: WallTime,
    reason: &'a str,
    by: &'a str,
    withdrawn: Option<&'a Withdrawn>,
}

impl<'a> View<'a> {
    fn of(outage: &'a Outage) -> Self {
        Self {
            id: outage.id,
            cameras: &outage.cameras,
            region: outage.region,
            from: outage.from,
            to: outage.to,
            reason: &outage.reason,
            by: &outage.by,
            withdrawn: outage.withdrawn.as_ref(),
        }
    }
}

/// `GET /outages`: the newest first.
pub(super) async fn list(call: Call) -> Answer {
    let limit = call.query_within("limit", 1, 1000)?.unwrap_or(100) as usize;
    let outages = call.gateway.supervision.outages.read();
    let seen: Vec<View> = outages
        .newest()
        .filter(|o| call.sees(Action::Look, o.region))
        .take(limit)
        .map(|o| View::of(o))
        .collect();
    json(&seen)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewOutage {
    #[serde(default)]
    cameras: Vec<CameraId>,
    #[serde(default)]
    region: Option<RegionCode>,
    from: WallTime,
    to: WallTime,
    reason: String,
}

/// `POST /outages`.
pub(super) async fn approve(call: Call) -> Answer {
    let new: NewOutage = call.json()?;
    let register = call.gateway.register.read();
    let region = match (new.region, new.cameras.as_slice()) {
        (Some(_), [_, ..]) => {
            let said = said!("region-or-cameras", "either a region or cameras, not both");
            return Err(Problem::wrong("region", said));
        }
        (Some(region), []) => {
            region_is_known(&call, region)?;
            region
        }
        (None, []) => {
            let said = said!("region-missing", "is missing, or cameras are");
            return Err(Problem::wrong("region", said));
        }
        (None, cameras) => {
            let mut common: Option<RegionCode> = None;
            for code in cameras {
                let camera = register
                    .camera(code)
                    .ok_or_else(|| Problem::wrong("cameras", problem::unknown_camera(code)))?;
                call.may(Action::Handle, camera.region, code.as_str())?;
                // The nearest region that all of them lie in.
                common = Some(match common {
                    None => camera.region,
                    Some(c) => c
                        .path()
                        .find(|r| camera.region.is_within(r))
                        .unwrap_or(call.gateway.config.district.code),
                });
            }
            common.unwrap_or(call.gateway.config.district.code)
        }
    };
    if new.cameras.is_empty() {
        call.may(Action::Handle, region, region.as_str())?;
    }
    let outage = Outage {
        id: 0,
        cameras: new.cameras,
        region,
        from: new.from,
        to: new.to,
        reason: new.reason,
        by: call.user()?.user.clone(),
        withdrawn: None,
    };
    let (from, to) = (outage.from, outage.to);
    let mut entry = call.entry("outage-approved", region.to_string(), Some(region))?;
    entry.detail = format!("{from} to {to}, {} cameras", outage.cameras.len());
    entry.reason = outage.reason.clone();
    let supervision = &call.gateway.supervision;
    let now = call.gateway.now();
    let after = supervision
        .outages
        .change(now, Change::Approve(Box::new(outage)))
        .await?;
    call.audit(entry).await?;
    let made = after
        .newest()
        .next()
        .cloned()
        .ok_or_else(|| Problem::internal("a new approval is not there"))?;
    again(&call, from, to, format!("outage {}", made.id));
    with_json(StatusCode::CREATED, &View::of(&made))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Withdraw {
    reason: String,
}

/// `POST /outages/{id}/withdraw`.
pub(super) async fn withdraw(call: Call) -> Answer {
    let id: u64 = call
        .param("id")
        .parse()
        .map_err(|_| Problem::wrong("id", said!("no-number", "expected a number")))?;
    let given: Withdraw = call.json()?;
    let supervision = &call.gateway.supervision;
    let outage: Arc<Outage> = supervision.outages.read().get(id).cloned().ok_or_else(|| {
        Problem::missing(said!(
            "no-outage",
            "there is no approved outage {id}",
            id = id
        ))
    })?;
    call.may(Action::Handle, outage.region, &id.to_string())?;
    let mut entry = call.entry("outage-withdrawn", id.to_string(), Some(outage.region))?;
    entry.reason = given.reason.clone();
    let change = Change::Withdraw {
        id,
        by: call.user()?.user.clone(),
        reason: given.reason,
    };
    let now = call.gateway.now();
    let after = supervision.outages.change(now, change).await?;
    call.audit(entry).await?;
    again(
        &call,
        outage.from,
        outage.to,
        format!("outage {id} withdrawn"),
    );
    match after.get(id) {
        Some(outage) => json(&View::of(outage)),
        None => Err(Problem::internal("a withdrawn approval is not there")),
    }
}

/// The days that were judged already are judged again, by what they were judged by: in the background, for it may be a year.
fn again(call: &Call, from: WallTime, to: WallTime, why: String) {
    let gateway = Arc::clone(&call.gateway);
    call.gateway.tasks.spawn(async move {
        let supervision = &gateway.supervision;
        let (mut day, last) = (supervision.day(from), supervision.day(to));
        while day <= last && !gateway.stop.is_cancelled() {
            if let Err(error) = supervision.judge_again(day, &why).await {
                tracing::error!(%error, %day, "supervision: a day could not be judged again");
            }
            day = day.plus(1);
        }
    });
}

//! The links: what is held, used and refused on each, by whom; what they carry, and changing that.

pub(super) mod why;

use std::collections::BTreeMap;

use ::media::{BitRate, CameraId, Priority, Profile, RegionCode, WallTime, id::Level, said};
use http::StatusCode;
use ingest::{
    budget::{self, LinkUse, Slot},
    supervisor::{LinkNote, Noted},
};
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Problem, empty, json, with_json};
use crate::{
    access::Action,
    links::{self, Change, Uplink, Uplinks},
};

/// A link and what is on it.
#[derive(Serialize)]
struct Link {
    id: RegionCode,
    name: String,
    level: Level,
    up: Option<RegionCode>,
    capacity_bps: u64,
    share: f64,
    share_now: f64,
    schedule: Vec<Slot>,
    via: Option<RegionCode>,
    /// Where this is said: `page`, or `configuration`.
    said: &'static str,
    revision: u64,
    budget_bps: u64,
    reserved_bps: u64,
    measured_bps: u64,
    pulls: Vec<Pull>,
    refused: u64,
    refused_by: BTreeMap<Priority, u64>,
    gave_way: u64,
    corrected: u64,
}

#[derive(Serialize)]
struct Pull {
    camera: CameraId,
    camera_name: String,
    profile: Profile,
    /// None: nobody uses it any more, it gives way to anybody.
    priority: Option<Priority>,
    bps: u64,
    measured_bps: u64,
    viewers: Vec<String>,
}

/// What a link had no room for.
#[derive(Serialize)]
struct Note {
    at: WallTime,
    link: RegionCode,
    camera: CameraId,
    camera_name: String,
    profile: Profile,
    priority: Option<Priority>,
    what: &'static str,
    wanted_bps: Option<u64>,
    /// For whom it gave way, or who has grown.
    by: Option<CameraId>,
}

/// What every answer about links is made of.
struct View<'a> {
    call: &'a Call,
    lines: BTreeMap<RegionCode, budget::Link>,
    said: std::sync::Arc<Uplinks>,
    at: budget::WeekMinute,
}

impl<'a> View<'a> {
    fn of(call: &'a Call) -> Self {
        let gateway = &call.gateway;
        let said = gateway.uplinks.read();
        let lines = said.lines(&gateway.config, &gateway.register.read());
        Self {
            call,
            lines: lines.into_iter().map(|l| (l.id, l)).collect(),
            said,
            at: links::minute(gateway),
        }
    }

    fn link(&self, used: LinkUse) -> Link {
        let line = self.lines.get(&used.id);
        let is_said = self.said.get(&used.id).is_some();
        Link {
            id: used.id,
            name: used.name,
            level: used.id.level(),
            up: used.up,
            capacity_bps: used.capacity.0,
            share: line.map_or(0.0, |l| l.share),
            share_now: line.map_or(0.0, |l| l.share_at(self.at)),
            schedule: line.map(|l| l.schedule.clone()).unwrap_or_default(),
            via: line.and_then(|l| l.via),
            said: if is_said { "page" } else { "configuration" },
            revision: self.said.revision(&used.id),
            budget_bps: used.budget.0,
            reserved_bps: used.reserved.0,
            measured_bps: used.measured.0,
            pulls: used.pulls.into_iter().map(|p| self.pull(p)).collect(),
            refused: used.refused,
            refused_by: used.refused_by,
            gave_way: used.gave_way,
            corrected: used.corrected,
        }
    }

    /// Cameras of a link's other regions may not be this user's to see: they are counted, and not named.
    fn pull(&self, pull: budget::PullUse) -> Pull {
        let camera = pull.feed.camera;
        let names = self.call.sees(Action::ReadStatus, self.region(&camera));
        let viewers = self.call.gateway.watchers.of(&camera);
        Pull {
            camera,
            camera_name: self.name(&camera),
            profile: pull.feed.profile,
            priority: pull.priority,
            bps: pull.rate.0,
            measured_bps: pull.measured.0,
            viewers: if names { viewers } else { Vec::new() },
        }
    }

    fn name(&self, camera: &CameraId) -> String {
        let register = self.call.gateway.register.read();
        register
            .camera(camera)
            .map(|c| c.name.clone())
            .unwrap_or_default()
    }

    fn region(&self, camera: &CameraId) -> RegionCode {
        let register = self.call.gateway.register.read();
        let known = register.camera(camera).map(|c| c.region);
        known.unwrap_or(self.call.gateway.config.district.code)
    }

    fn note(&self, note: &LinkNote) -> Note {
        let (what, wanted_bps, by) = match note.what {
            Noted::Refused(wanted) => ("refused", Some(wanted.0), None),
            Noted::GaveWay(to) => ("gave-way", None, Some(to.camera)),
            Noted::Outgrown(grown) => ("outgrown", None, Some(grown.camera)),
            Noted::Shrunk => ("shrunk", None, None),
        };
        Note {
            at: note.at,
            link: note.link,
            camera: note.feed.camera,
            camera_name: self.name(&note.feed.camera),
            profile: note.feed.profile,
            priority: note.priority,
            what,
            wanted_bps,
            by,
        }
    }
}

/// `GET /links`.
pub(super) async fn list(call: Call) -> Answer {
    let view = View::of(&call);
    let seen: Vec<Link> = call
        .gateway
        .supervisor
        .links()
        .into_iter()
        .filter(|l| call.sees(Action::Look, l.id))
        .map(|l| view.link(l))
        .collect();
    json(&seen)
}

/// `GET /links/notes`: what was refused and what gave way, newest first.
pub(super) async fn notes(call: Call) -> Answer {
    let view = View::of(&call);
    let of: Option<RegionCode> = call.query("region")?;
    let notes = call.gateway.supervisor.link_notes();
    let seen: Vec<Note> = notes
        .iter()
        .rev()
        .filter(|n| of.is_none_or(|r| n.link == r))
        .filter(|n| {
            call.sees(Action::Look, n.link) && call.sees(Action::Look, view.region(&n.feed.camera))
        })
        .map(|n| view.note(n))
        .collect();
    json(&seen)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    capacity_bps: u64,
    share: f64,
    #[serde(default)]
    schedule: Vec<Slot>,
    #[serde(default)]
    via: Option<RegionCode>,
    /// What the editor had seen; a change on top of another's is refused.
    #[serde(default)]
    revision: Option<u64>,
}

fn region_of(call: &Call) -> Result<RegionCode, Problem> {
    let region: RegionCode = call
        .param("region")
        .parse()
        .map_err(|e| super::problem::bad_code("region", &e))?;
    match call.gateway.register.read().region(&region) {
        Some(_) => Ok(region),
        None => Err(Problem::missing(super::problem::unknown_region(region))),
    }
}

/// `PUT /links/{region}`.
pub(super) async fn set(call: Call) -> Answer {
    let region = region_of(&call)?;
    call.may(Action::ChangeRegister, region, region.as_str())?;
    let body: Body = call.json()?;
    let uplink = Uplink {
        capacity: BitRate(body.capacity_bps),
        share: body.share,
        schedule: body.schedule,
        via: body.via,
    };
    let gateway = &call.gateway;
    if let Some(via) = uplink.via
        && gateway.register.read().region(&via).is_none()
    {
        return Err(Problem::wrong("via", super::problem::unknown_region(via)));
    }
    let change = Change::Set(region, Box::new(uplink.clone()), body.revision);
    let mut entry = call.entry("link-changed", region.to_string(), Some(region))?;
    entry.detail = format!("{}, share {}", uplink.capacity, uplink.share);
    let (said, register) = (gateway.uplinks.read(), gateway.register.read());
    said.try_out(&gateway.config, &register, region, &uplink)?;
    drop((said, register));
    gateway.uplinks.change(gateway.now(), change).await?;
    call.audit(entry).await?;
    show(&call, region)
}

/// `DELETE /links/{region}`: what the configuration says holds again.
pub(super) async fn clear(call: Call) -> Answer {
    let region = region_of(&call)?;
    call.may(Action::ChangeRegister, region, region.as_str())?;
    let entry = call.entry("link-cleared", region.to_string(), Some(region))?;
    let gateway = &call.gateway;
    gateway
        .uplinks
        .change(gateway.now(), Change::Clear(region))
        .await?;
    call.audit(entry).await?;
    empty()
}

/// The link as it is said now; what runs on it follows within a moment.
fn show(call: &Call, region: RegionCode) -> Answer {
    let gateway = &call.gateway;
    let view = View::of(call);
    let line = view.lines.get(&region).cloned();
    let line = line.ok_or_else(|| Problem::missing(said!("no-link", "no such link")))?;
    let known = gateway
        .supervisor
        .links()
        .into_iter()
        .find(|l| l.id == region);
    let budget = line.budget_at(view.at);
    let used = LinkUse {
        capacity: line.capacity,
        budget,
        ..known.unwrap_or_else(|| LinkUse {
            id: region,
            name: line.name.clone(),
            up: None,
            capacity: line.capacity,
            budget,
            reserved: BitRate(0),
            measured: BitRate(0),
            pulls: Vec::new(),
            refused: 0,
            refused_by: BTreeMap::new(),
            gave_way: 0,
            corrected: 0,
        })
    };
    with_json(StatusCode::OK, &view.link(used))
}

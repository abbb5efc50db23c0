//! The tree of regions, and changes of it.

use std::sync::Arc;

use ::media::{Place, RegionCode};
use command::{
    Region,
    register::{Change, Register},
};
use http::StatusCode;
use serde::Deserialize;

use super::super::{Answer, Call, Problem, empty, json, problem, view};
use crate::{access::Action, recording::plans::Of};

/// `GET /regions`.
pub(in crate::api) async fn list(call: Call) -> Answer {
    let register = call.gateway.register.read();
    let counts = register.counts(|region| call.sees(Action::Look, region));
    let regions: Vec<view::Region> = register
        .regions()
        .filter(|r| call.sees(Action::Look, r.code))
        .map(|r| {
            let count = counts.get(&r.code).copied().unwrap_or_default();
            view::Region::of(&register, r, count)
        })
        .collect();
    json(&regions)
}

fn code_of(call: &Call) -> Result<RegionCode, Problem> {
    call.param("region")
        .parse()
        .map_err(|e| problem::bad_code("region", &e))
}

fn show(call: &Call, register: &Register, code: &RegionCode) -> Answer {
    let Some(region) = register.region(code) else {
        return Err(Problem::not_found(format!(
            "region {code} is not in the register"
        )));
    };
    let inside = register.cameras().filter(|c| c.region.is_within(code));
    let inside = inside.filter(|c| call.sees(Action::Look, c.region));
    json(&view::Region::of(register, region, inside.count()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRegion {
    name: String,
    #[serde(default)]
    name_en: String,
    #[serde(default)]
    place: Option<Place>,
    #[serde(default)]
    revision: Option<u32>,
}

/// `PUT /regions/{region}`: adds it, or gives it another name or place.
pub(in crate::api) async fn put(call: Call) -> Answer {
    let code = code_of(&call)?;
    let new: NewRegion = call.json()?;
    call.may(Action::ChangeRegister, code, code.as_str())?;
    let register = call.gateway.register.read();
    let known = register.region(&code).is_some();
    if !known && register.parent(&code).is_none() {
        return Err(Problem::bad(
            "region",
            format!("no region above {code} is in the register"),
        ));
    }
    let region = Region {
        code,
        name: new.name.trim().to_owned(),
        name_en: new.name_en.trim().to_owned(),
        place: new.place,
    };
    let action = if known {
        "region-changed"
    } else {
        "region-added"
    };
    let mut entry = call.entry(action, code.to_string(), Some(code))?;
    entry.detail.clone_from(&region.name);
    let made = Change::Regions(vec![region]).by(&call.user()?.user);
    let register = call
        .gateway
        .register
        .change(
            call.gateway.now(),
            made.on_region(code, new.revision).into(),
        )
        .await?;
    call.audit(entry).await?;
    show(&call, &register, &code)
}

/// What names a region besides cameras, and would go wrong without it.
fn bound(call: &Call, code: &RegionCode) -> Option<String> {
    let gateway = &call.gateway;
    let inside = |r: &RegionCode| r.is_within(code);
    let users = gateway.users.read();
    let accounts = users.iter().filter(|a| inside(&a.region));
    let accounts: Vec<String> = accounts.map(|a| format!("account {}", a.user)).collect();
    let plans = gateway.plans.read();
    let plans = plans.all().filter_map(|(of, _)| match of {
        Of::Region(r) if inside(&r) => Some(format!("the recording plan of {r}")),
        _ => None,
    });
    let contingency = gateway.contingency.read();
    let contingency = contingency
        .all()
        .filter(|p| inside(&p.region))
        .map(|p| format!("contingency plan {}", p.id));
    let lines = gateway.config.links.link.iter();
    let lines = lines
        .filter(|l| inside(&l.region))
        .map(|l| format!("the link of {} in the configuration", l.region));
    let mut all: Vec<String> = accounts
        .into_iter()
        .chain(plans)
        .chain(contingency)
        .chain(lines)
        .collect();
    if gateway.config.district.code.is_within(code) {
        all.insert(0, "the configuration's district".into());
    }
    if all.is_empty() {
        return None;
    }
    let more = all.len().saturating_sub(5);
    all.truncate(5);
    let mut text = all.join(", ");
    if more > 0 {
        text += &format!(" and {more} more");
    }
    Some(text)
}

fn unbound(call: &Call, code: &RegionCode) -> Result<(), Problem> {
    match bound(call, code) {
        Some(text) => Err(Problem::new(
            StatusCode::CONFLICT,
            "conflict",
            format!("region {code} or one below it is named by {text}: change that first"),
        )),
        None => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    to: RegionCode,
    #[serde(default)]
    revision: Option<u32>,
}

/// `POST /regions/{region}/move`: another code, for it and all below it.
pub(in crate::api) async fn change_code(call: Call) -> Answer {
    let from = code_of(&call)?;
    let wanted: Move = call.json()?;
    call.may(Action::ChangeRegister, from, from.as_str())?;
    let made: Change = Change::MoveRegion {
        from,
        to: wanted.to,
    }
    .by(&call.user()?.user)
    .on_region(from, wanted.revision)
    .into();
    // What cannot be in any case is said before what cannot be just now.
    let register = call.gateway.register.read();
    command::State::check(&*register, &made)?;
    call.may(Action::ChangeRegister, wanted.to, wanted.to.as_str())?;
    unbound(&call, &from)?;
    let mut entry = call.entry("region-moved", from.to_string(), Some(from))?;
    entry.detail = format!("to {}", wanted.to);
    let register = call
        .gateway
        .register
        .change(call.gateway.now(), made)
        .await?;
    call.audit(entry).await?;
    show(&call, &register, &wanted.to)
}

/// `DELETE /regions/{region}`: only while nothing is in it.
pub(in crate::api) async fn remove(call: Call) -> Answer {
    let code = code_of(&call)?;
    call.may(Action::ChangeRegister, code, code.as_str())?;
    let made: Change = Change::RemoveRegion(code).by(&call.user()?.user).into();
    let register: Arc<Register> = call.gateway.register.read();
    command::State::check(&*register, &made)?;
    unbound(&call, &code)?;
    let entry = call.entry("region-removed", code.to_string(), Some(code))?;
    call.gateway
        .register
        .change(call.gateway.now(), made)
        .await?;
    call.audit(entry).await?;
    empty()
}

//! The tree of regions, and changes of it.

use std::sync::Arc;

use ::media::{Place, RegionCode, said};
use command::{
    Region,
    register::{Change, Register},
};
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
        return Err(Problem::missing(problem::unknown_region(code)));
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
        let said = said!(
            "nothing-above",
            "no region above {region} is in the register",
            region = code
        );
        return Err(Problem::wrong("region", said));
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

/// What names a region besides cameras, and would go wrong without it: in English, and each as `kind:name` for a page.
fn bound(call: &Call, code: &RegionCode) -> Option<(String, String)> {
    let gateway = &call.gateway;
    let inside = |r: &RegionCode| r.is_within(code);
    let users = gateway.users.read();
    let accounts = users.iter().filter(|a| inside(&a.region));
    let accounts: Vec<Binder> = accounts
        .map(|a| Binder("account", a.user.clone()))
        .collect();
    let plans = gateway.plans.read();
    let plans = plans.all().filter_map(|(of, _)| match of {
        Of::Region(r) if inside(&r) => Some(Binder("plan", r.to_string())),
        _ => None,
    });
    let contingency = gateway.contingency.read();
    let contingency = contingency
        .all()
        .filter(|p| inside(&p.region))
        .map(|p| Binder("contingency", p.id.to_string()));
    let lines = gateway.config.links.link.iter();
    let lines = lines
        .filter(|l| inside(&l.region))
        .map(|l| Binder("link", l.region.to_string()));
    let mut all: Vec<Binder> = accounts
        .into_iter()
        .chain(plans)
        .chain(contingency)
        .chain(lines)
        .collect();
    if gateway.config.district.code.is_within(code) {
        all.insert(0, Binder("district", String::new()));
    }
    if all.is_empty() {
        return None;
    }
    let more = all.len().saturating_sub(5);
    all.truncate(5);
    let english: Vec<String> = all.iter().map(ToString::to_string).collect();
    let codes: Vec<String> = all.iter().map(|b| format!("{}:{}", b.0, b.1)).collect();
    let (mut text, mut codes) = (english.join(", "), codes.join(", "));
    if more > 0 {
        text += &format!(" and {more} more");
        codes += &format!(", more:{more}");
    }
    Some((text, codes))
}

/// Something that names a region: its kind and its name.
struct Binder(&'static str, String);

impl std::fmt::Display for Binder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            "account" => write!(f, "account {}", self.1),
            "plan" => write!(f, "the recording plan of {}", self.1),
            "contingency" => write!(f, "contingency plan {}", self.1),
            "link" => write!(f, "the link of {} in the configuration", self.1),
            _ => write!(f, "the configuration's district"),
        }
    }
}

fn unbound(call: &Call, code: &RegionCode) -> Result<(), Problem> {
    match bound(call, code) {
        Some((by, codes)) => {
            let mut said = said!(
                "region-named",
                "region {region} or one below it is named by {by}: change that first",
                region = code,
                by = by
            );
            said.words.values.insert("by".into(), codes);
            Err(Problem::conflict(said))
        }
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

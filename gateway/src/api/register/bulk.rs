//! The same change to many cameras at once: what it would change first, then all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use ::media::{CameraId, RegionCode, said};
use command::{
    Camera,
    register::{Change, Query, fields},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::{Answer, Call, Problem, cameras::region_is_known, json, problem};
use crate::access::Action;

/// Which cameras: by their codes, or all that a search finds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    #[serde(default)]
    codes: Option<BTreeSet<CameraId>>,
    #[serde(default)]
    search: Option<Search>,
    /// Fields by their names in the API, and what they become.
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    add_tags: Vec<String>,
    #[serde(default)]
    remove_tags: Vec<String>,
    /// The revisions that the preview told; what is at another now is refused.
    #[serde(default)]
    revisions: Option<BTreeMap<CameraId, u32>>,
    #[serde(default)]
    commit: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    region: Option<RegionCode>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    tag: Option<String>,
}

/// What many cameras may share. A name, a place, an address or a password is one camera's own.
const FIELDS: [&str; 27] = [
    "region",
    "heading",
    "view_angle",
    "view_distance",
    "site_class",
    "form",
    "maker",
    "transport",
    "always",
    "record",
    "keep_days",
    "tag",
    "disabled",
    "asset.model",
    "asset.functions",
    "asset.fill_light",
    "asset.codec",
    "asset.height_m",
    "asset.main_kbps",
    "asset.sub_kbps",
    "asset.location_type",
    "asset.network",
    "asset.manager",
    "asset.contact",
    "asset.police_unit",
    "asset.installed_on",
    "asset.department",
];
/// One more, apart since it is long in the table of fields.
const CONDITION: &str = "asset.condition";
/// Most cameras of one change.
const MOST: usize = 20_000;

#[derive(Serialize)]
struct Changed {
    code: CameraId,
    name: String,
    revision: u32,
    changes: Vec<fields::Difference>,
}

#[derive(Serialize)]
struct Outcome {
    cameras: usize,
    changed: usize,
    same: usize,
    committed: bool,
    /// What changes, the first 500.
    changes: Vec<Changed>,
}

/// Differences that an answer lists.
const LISTED: usize = 500;

/// `POST /cameras/bulk`.
pub(in crate::api) async fn bulk(call: Call) -> Answer {
    let bulk: Bulk = call.json()?;
    let known = |field: &String| FIELDS.contains(&field.as_str()) || field == CONDITION;
    if let Some(field) = bulk.set.keys().find(|f| !known(f)) {
        let said = said!(
            "not-of-many",
            "'{field}' is not among what is changed of many: {known}, {CONDITION}",
            field = field,
            known = FIELDS.join(", ")
        );
        return Err(Problem::wrong("set", said));
    }
    if bulk.set.is_empty() && bulk.add_tags.is_empty() && bulk.remove_tags.is_empty() {
        return Err(Problem::wrong(
            "set",
            said!("no-change", "nothing is to be changed"),
        ));
    }
    let register = call.gateway.register.read();
    let chosen: Vec<_> = match (&bulk.codes, &bulk.search) {
        (Some(codes), None) => {
            let mut chosen = Vec::with_capacity(codes.len());
            for code in codes {
                let file = register.file(code);
                let file =
                    file.ok_or_else(|| Problem::wrong("codes", problem::unknown_camera(code)))?;
                call.may(Action::ChangeRegister, file.camera.region, code.as_str())?;
                chosen.push(file);
            }
            chosen
        }
        (None, Some(search)) => {
            let query = Query {
                text: search.q.clone(),
                region: search.region,
                group: search.group.clone(),
                tag: search.tag.clone(),
            };
            let mut found = register.search(&query);
            found.retain(|f| call.sees(Action::ChangeRegister, f.camera.region));
            found
        }
        _ => {
            return Err(Problem::wrong(
                "codes",
                said!("codes-or-search", "give either codes or a search"),
            ));
        }
    };
    if chosen.len() > MOST {
        return Err(Problem::wrong(
            "codes",
            said!("more-than", "more than {most}", most = MOST),
        ));
    }
    let mut after = Vec::new();
    let mut changes = Vec::new();
    let mut expect = Vec::new();
    for file in &chosen {
        let before = &file.camera;
        let new = apply(before, &bulk)?;
        let differences = fields::differences(Some(before), Some(&new));
        if differences.is_empty() {
            continue;
        }
        let told = bulk.revisions.as_ref().and_then(|r| r.get(&new.code));
        expect.push((new.code, told.copied().unwrap_or_else(|| file.revision())));
        if changes.len() < LISTED {
            changes.push(Changed {
                code: new.code,
                name: new.name.clone(),
                revision: file.revision(),
                changes: differences,
            });
        }
        after.push(new);
    }
    for region in after.iter().map(|c| c.region).collect::<BTreeSet<_>>() {
        region_is_known(&call, region)?;
        call.may(Action::ChangeRegister, region, region.as_str())?;
    }
    let (cameras, changed) = (chosen.len(), after.len());
    let mut made = Change::Import(after).by(&call.user()?.user).noting("bulk");
    made.expect = expect;
    let made: Change = made.into();
    // What would be refused is refused in the preview too.
    command::State::check(&*register, &made)?;
    let committed = bulk.commit && changed > 0;
    if committed {
        let mut entry = call.entry("cameras-changed", "register", Some(call.user()?.region))?;
        let names: Vec<&str> = bulk.set.keys().map(String::as_str).collect();
        entry.detail = format!("{changed} cameras: {}", names.join(", "));
        call.gateway
            .register
            .change(call.gateway.now(), made)
            .await?;
        call.audit(entry).await?;
    }
    json(&Outcome {
        cameras,
        changed,
        same: cameras - changed,
        committed,
        changes,
    })
}

fn apply(camera: &Camera, bulk: &Bulk) -> Result<Camera, Problem> {
    let mut value = serde_json::to_value(camera).map_err(Problem::internal)?;
    for (field, to) in &bulk.set {
        let place = match field.split_once('.') {
            Some((outer, inner)) => &mut value[outer][inner],
            None => &mut value[field.as_str()],
        };
        *place = to.clone();
    }
    let fields = bulk.set.keys().map(String::as_str).collect::<Vec<_>>();
    let mut camera: Camera = serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let field = if path == "." { fields.join(", ") } else { path };
        Problem::wrong(&field, said!("not-read", "{text}", text = e.inner()))
    })?;
    camera.tags.retain(|t| !bulk.remove_tags.contains(t));
    for tag in &bulk.add_tags {
        if !camera.tags.contains(tag) {
            camera.tags.push(tag.clone());
        }
    }
    Ok(camera)
}

//! Contingency plans (预案): what is done about a kind of incident, written down before there is one.

use std::{collections::BTreeMap, sync::Arc};

use media::{CameraId, Grade, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

use crate::{
    incident::{MAX_CAMERAS, MAX_NOTE, Order, Wall},
    state::State,
    wall::MAX_SCREENS,
};

/// A task that a plan gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// In a few words, 1 to 200 characters.
    pub title: String,
    /// What exactly, up to 4,000 characters.
    #[serde(default)]
    pub detail: String,
    /// The account of who does it; none: whoever starts the plan says.
    #[serde(default)]
    pub owner: Option<String>,
    /// Minutes after the start by which it is to be done, 1 to 10,080 (a week).
    #[serde(default)]
    pub minutes: Option<u32>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its identity: lower-case letters, digits and hyphens, 1 to 50.
    pub id: String,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// The region whose people use it; incidents in it and below may start it.
    pub region: RegionCode,
    /// The kind of incident it is for; empty: any.
    #[serde(default)]
    pub kind: String,
    /// The grade it is meant for.
    #[serde(default)]
    pub grade: Option<Grade>,
    /// What people are sent to do, 1 to 100.
    pub tasks: Vec<Item>,
    /// Cameras within so many metres of the incident join it, 0 to 50,000.
    #[serde(default)]
    pub camera_radius_m: u32,
    /// At most so many of them, the nearest, 0 to 64.
    #[serde(default = "sixteen")]
    pub camera_count: u32,
    /// Cameras that join it wherever it is, before those around it, up to 64.
    #[serde(default)]
    pub cameras: Vec<CameraId>,
    /// How the wall is to look.
    #[serde(default)]
    pub wall: Option<Wall>,
    /// Accounts of people who are told, up to 100.
    #[serde(default)]
    pub tell: Vec<String>,
    /// What else whoever starts it should know, up to 4,000 characters.
    #[serde(default)]
    pub guidance: String,
}

fn sixteen() -> u32 {
    16
}

impl Plan {
    /// Its tasks with owners and deadlines settled: `owner` does what the plan names nobody for.
    pub fn orders(&self, at: WallTime, owner: &str) -> Vec<Order> {
        let settle = |item: &Item| Order {
            title: item.title.clone(),
            detail: item.detail.clone(),
            owner: item.owner.clone().unwrap_or_else(|| owner.to_owned()),
            deadline: item
                .minutes
                .map(|m| WallTime(at.0.saturating_add(i64::from(m) * 60_000_000))),
            place: None,
        };
        self.tasks.iter().map(settle).collect()
    }
}

/// A change of the plans.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Adds a plan, or replaces the one with its id.
    Put(Box<Plan>),
    /// Takes one away. What it started goes on.
    Remove(String),
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No such plan.
    #[error("there is no plan '{0}'")]
    NotFound(String),
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its path in the API.
        field: String,
        /// What is wrong and what was expected.
        text: String,
    },
}

/// Grids that the wall has.
const WALLS: [u32; 5] = [1, 4, 9, 16, 25];
/// Most cameras that a plan names; with those around it they stay below what an incident takes.
const MAX_PLAN_CAMERAS: usize = 64;
const _: () = assert!(2 * MAX_PLAN_CAMERAS <= MAX_CAMERAS);

/// Most plans of a district.
pub const MAX_PLANS: usize = 500;

/// All plans.
#[derive(Clone, Debug, Default)]
pub struct Plans(BTreeMap<String, Arc<Plan>>);

impl Plans {
    /// One.
    pub fn get(&self, id: &str) -> Option<&Arc<Plan>> {
        self.0.get(id)
    }

    /// All, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Plan>> {
        self.0.values()
    }
}

fn wrong(field: impl Into<String>, text: impl Into<String>) -> Error {
    Error::Field {
        field: field.into(),
        text: text.into(),
    }
}

fn length(field: impl Into<String>, text: &str, least: usize, most: usize) -> Result<(), Error> {
    let n = text.trim().chars().count();
    match (least..=most).contains(&n) {
        true => Ok(()),
        false => Err(wrong(
            field,
            format!("{n} characters, expected {least} to {most}"),
        )),
    }
}

fn check(plan: &Plan) -> Result<(), Error> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !(1..=50).contains(&plan.id.len()) || !plan.id.bytes().all(legal) {
        let text = "expected 1 to 50 lower-case letters, digits and hyphens";
        return Err(wrong("id", text));
    }
    length("name", &plan.name, 1, 100)?;
    length("kind", &plan.kind, 0, 50)?;
    if !(1..=100).contains(&plan.tasks.len()) {
        return Err(wrong(
            "tasks",
            format!("{}, expected 1 to 100", plan.tasks.len()),
        ));
    }
    for (i, item) in plan.tasks.iter().enumerate() {
        length(format!("tasks[{i}].title"), &item.title, 1, 200)?;
        length(format!("tasks[{i}].detail"), &item.detail, 0, MAX_NOTE)?;
        if let Some(owner) = &item.owner {
            length(format!("tasks[{i}].owner"), owner, 1, 64)?;
        }
        if let Some(m) = item.minutes.filter(|m| !(1..=10_080).contains(m)) {
            let text = format!("{m}, expected 1 to 10080");
            return Err(wrong(format!("tasks[{i}].minutes"), text));
        }
    }
    if plan.camera_radius_m > 50_000 {
        let text = format!("{}, expected 0 to 50000 metres", plan.camera_radius_m);
        return Err(wrong("camera_radius_m", text));
    }
    if plan.camera_count > 64 {
        let text = format!("{}, expected 0 to 64", plan.camera_count);
        return Err(wrong("camera_count", text));
    }
    if plan.cameras.len() > MAX_PLAN_CAMERAS {
        let text = format!("{}, expected at most 64", plan.cameras.len());
        return Err(wrong("cameras", text));
    }
    if let Some(wall) = &plan.wall {
        if !WALLS.contains(&wall.tiles) {
            let text = format!("{}, expected 1, 4, 9, 16 or 25", wall.tiles);
            return Err(wrong("wall.tiles", text));
        }
        if wall.cameras.len() > wall.tiles as usize {
            let text = format!("{} for {} tiles", wall.cameras.len(), wall.tiles);
            return Err(wrong("wall.cameras", text));
        }
        if let Some(show) = &wall.show {
            length("wall.show.wall", &show.wall, 1, 50)?;
            if !(1..=MAX_SCREENS).contains(&show.screen) {
                let text = format!("{}, expected 1 to {MAX_SCREENS}", show.screen);
                return Err(wrong("wall.show.screen", text));
            }
        }
    }
    if plan.tell.len() > 100 {
        let text = format!("{}, expected at most 100", plan.tell.len());
        return Err(wrong("tell", text));
    }
    for (i, user) in plan.tell.iter().enumerate() {
        length(format!("tell[{i}]"), user, 1, 64)?;
    }
    length("guidance", &plan.guidance, 0, MAX_NOTE)
}

impl State for Plans {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Put(_) => "plan-put",
            Change::Remove(_) => "plan-removed",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put(plan) => {
                check(plan)?;
                match self.0.len() >= MAX_PLANS && !self.0.contains_key(&plan.id) {
                    true => Err(wrong("id", format!("there are {MAX_PLANS} plans already"))),
                    false => Ok(()),
                }
            }
            Change::Remove(id) if !self.0.contains_key(id) => Err(Error::NotFound(id.clone())),
            Change::Remove(_) => Ok(()),
        }
    }

    fn apply(&mut self, _at: WallTime, change: Change) {
        match change {
            Change::Put(plan) => {
                self.0.insert(plan.id.clone(), Arc::from(plan));
            }
            Change::Remove(id) => {
                self.0.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let text = r#"{"id":"flood","name":"Flood","region":"441403","tasks":[
            {"title":"close the bridge","minutes":30},{"title":"warn the village","owner":"chen"}]}"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_plan_settles_who_does_what_by_when() {
        let orders = plan().orders(WallTime::from_secs(100), "wang");
        assert_eq!(orders[0].owner, "wang");
        assert_eq!(orders[0].deadline, Some(WallTime::from_secs(100 + 1800)));
        assert_eq!(
            (orders[1].owner.as_str(), orders[1].deadline),
            ("chen", None)
        );
    }

    #[test]
    fn a_wrong_plan_names_the_path_of_its_field() {
        type Spoil = fn(&mut Plan);
        let wrong: [(&str, Spoil); 8] = [
            ("wall.tiles", |p| {
                p.wall = Some(Wall {
                    tiles: 5,
                    cameras: Vec::new(),
                    show: None,
                });
            }),
            ("tell[0]", |p| p.tell = vec![String::new()]),
            ("id", |p| p.id = "Flood 1".into()),
            ("name", |p| p.name = " ".into()),
            ("tasks", |p| p.tasks.clear()),
            ("tasks[1].title", |p| p.tasks[1].title.clear()),
            ("tasks[0].minutes", |p| p.tasks[0].minutes = Some(0)),
            ("camera_radius_m", |p| p.camera_radius_m = 50_001),
        ];
        let plans = Plans::default();
        for (expected, spoil) in wrong {
            let mut plan = plan();
            spoil(&mut plan);
            match plans.check(&Change::Put(Box::new(plan))) {
                Err(Error::Field { field, .. }) => assert_eq!(field, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
        plans.check(&Change::Put(Box::new(plan()))).unwrap();
        assert!(plans.check(&Change::Remove("none".into())).is_err());
    }
}

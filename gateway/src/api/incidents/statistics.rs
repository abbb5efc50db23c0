//! Figures of incidents: how many, how grave, where, and how long they and their tasks took.

use std::collections::BTreeMap;

use ::media::{Grade, RegionCode, WallTime};
use command::{Incident, Stage};
use serde::Serialize;

use super::super::{Answer, Call, json};
use crate::access::Action;

/// Figures of a group of incidents. Times are medians, in seconds; none where nothing was measured.
#[derive(Debug, Default, Serialize)]
struct Figures {
    incidents: usize,
    open: usize,
    tasks: usize,
    tasks_done: usize,
    tasks_overdue: usize,
    /// From report to verification.
    verify_s: Option<i64>,
    /// From report to closing.
    close_s: Option<i64>,
    /// From giving a task to its acknowledgement.
    acknowledge_s: Option<i64>,
    /// From giving a task to its approval.
    finish_s: Option<i64>,
}

#[derive(Serialize)]
struct Group {
    /// A kind, a region's code or a grade.
    key: String,
    /// The region's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Statistics {
    from: WallTime,
    to: WallTime,
    region: RegionCode,
    all: Figures,
    kinds: Vec<Group>,
    regions: Vec<Group>,
    grades: Vec<Group>,
}

/// `GET /incidents/statistics`: of those opened within a range.
pub(crate) async fn statistics(call: Call) -> Answer {
    let (from, to) = call.range()?;
    let asked: Option<RegionCode> = call.query("region")?;
    let region = asked.unwrap_or(call.user()?.region);
    call.may(Action::ReadEvents, region, region.as_str())?;
    let incidents = call.gateway.incidents.read();
    let seen: Vec<&Incident> = incidents
        .newest()
        .map(AsRef::as_ref)
        .filter(|i| (from..to).contains(&i.opened_at) && i.region.is_within(&region))
        .collect();
    let register = call.gateway.register.read();
    let by = |key: &dyn Fn(&Incident) -> String| {
        let mut groups: BTreeMap<String, Vec<&Incident>> = BTreeMap::new();
        for incident in &seen {
            groups.entry(key(incident)).or_default().push(incident);
        }
        let group = |(key, members): (String, Vec<&Incident>)| Group {
            name: None,
            figures: figures(&members),
            key,
        };
        groups.into_iter().map(group).collect::<Vec<_>>()
    };
    let mut regions = by(&|i| town(i.region).to_string());
    for group in &mut regions {
        let code: Option<RegionCode> = group.key.parse().ok();
        let known = code.and_then(|c| register.region(&c).map(|r| r.name.clone()));
        group.name = Some(known.unwrap_or_else(|| group.key.clone()));
    }
    json(&Statistics {
        from,
        to,
        region,
        all: figures(&seen),
        kinds: by(&|i| i.kind.clone()),
        regions,
        grades: by(&|i| grade(i.grade).to_owned()),
    })
}

/// The town that a region lies in: what is compared in a district. What lies above stays as it is.
fn town(region: RegionCode) -> RegionCode {
    let code = region.as_str();
    let town = code.get(..9).and_then(|c| c.parse().ok());
    town.unwrap_or(region)
}

fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::I => "I",
        Grade::II => "II",
        Grade::III => "III",
        Grade::IV => "IV",
    }
}

fn seconds(from: WallTime, to: WallTime) -> i64 {
    (to.0 - from.0) / 1_000_000
}

/// When an incident first reached a stage.
pub(super) fn reached(incident: &Incident, stage: Stage) -> Option<WallTime> {
    let entry = incident.log.iter().find(|e| e.to == Some(stage));
    entry.map(|e| e.at)
}

fn median(mut of: Vec<i64>) -> Option<i64> {
    of.sort_unstable();
    of.get(of.len() / 2).copied()
}

fn figures(of: &[&Incident]) -> Figures {
    let tasks = || of.iter().flat_map(|i| &i.tasks);
    let done = |t: &&command::Task| t.progress() == command::incident::Progress::Done;
    let opened_to = |stage| {
        let times = of.iter().filter_map(|i| {
            let at = reached(i, stage)?;
            Some(seconds(i.opened_at, at))
        });
        median(times.collect())
    };
    Figures {
        incidents: of.len(),
        open: of.iter().filter(|i| i.state.is_open()).count(),
        tasks: tasks().count(),
        tasks_done: tasks().filter(done).count(),
        tasks_overdue: tasks().filter(|t| t.overdue_at.is_some()).count(),
        verify_s: opened_to(Stage::Verified),
        close_s: opened_to(Stage::Closed),
        acknowledge_s: median(
            tasks()
                .filter_map(|t| Some(seconds(t.given_at, t.acknowledged_at?)))
                .collect(),
        ),
        finish_s: median(
            tasks()
                .filter(done)
                .filter_map(|t| Some(seconds(t.given_at, t.ended_at?)))
                .collect(),
        ),
    }
}

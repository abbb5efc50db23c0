//! Tasks of incidents: given, taken step by step, listed for who has them.

use std::sync::Arc;

use ::media::WallTime;
use command::{
    Incident,
    incident::{Change, Order, Step, Task, Words},
};
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Problem, incidents, json};
use crate::access::{self, Action, Target};

/// A task as a list shows it: with what it belongs to.
#[derive(Serialize)]
struct Listed<'a> {
    incident: String,
    incident_number: &'a str,
    incident_title: &'a str,
    incident_state: command::Stage,
    grade: ::media::Grade,
    region: ::media::RegionCode,
    /// Where to go: the task's own place, else the incident's.
    place: Option<::media::Place>,
    task: &'a Task,
}

/// `GET /tasks`: those of everybody, or of one owner (`me`: one's own); the most urgent first.
pub(super) async fn list(call: Call) -> Answer {
    let me = &call.user()?.user;
    let owner = call
        .query
        .get("owner")
        .map(|name| if name == "me" { me } else { name });
    let open = match call.query.get("state").map(String::as_str) {
        None | Some("open") => true,
        Some("all") => false,
        Some(_) => return Err(Problem::bad("state", "expected open or all")),
    };
    let limit = call.query_within("limit", 1, 1000)?.unwrap_or(200) as usize;
    let incidents = call.gateway.incidents.read();
    let mut found: Vec<Listed<'_>> = Vec::new();
    for incident in incidents.newest() {
        if !call.sees(Action::ReadEvents, incident.region) {
            continue;
        }
        let wanted = |task: &&Task| {
            (!open || task.progress().is_open()) && owner.is_none_or(|o| *o == task.order.owner)
        };
        found.extend(incident.tasks.iter().filter(wanted).map(|task| Listed {
            incident: incident.id.to_string(),
            incident_number: &incident.number,
            incident_title: &incident.title,
            incident_state: incident.state,
            grade: incident.grade,
            region: incident.region,
            place: task.order.place.or(incident.place),
            task,
        }));
    }
    // The graver and the sooner due first; what has no deadline comes last among its grade.
    let due = |l: &Listed<'_>| l.task.order.deadline.unwrap_or(WallTime(i64::MAX));
    found.sort_by_key(|l| (!l.task.progress().is_open(), l.grade, due(l)));
    found.truncate(limit);
    json(&found)
}

/// Who is to do something must have an account that sees the incident.
pub(super) fn check_owner(call: &Call, incident: &Incident, owner: &str) -> Result<(), Problem> {
    let users = call.gateway.users.read();
    let account = users
        .get(owner)
        .ok_or_else(|| Problem::bad("owner", format!("there is no account '{owner}'")))?;
    access::may(
        &account.user(),
        Action::Report,
        Target::Region(incident.region),
    )
    .map_err(|_| {
        let text = format!("{owner} has nothing to do in region {}", incident.region);
        Problem::bad("owner", text)
    })
}

#[derive(Serialize)]
struct Owner {
    user: String,
    name: String,
    role: access::Role,
    region: ::media::RegionCode,
}

/// `GET /owners`: who can be given a task in a region; one's own if it is left out.
pub(super) async fn owners(call: Call) -> Answer {
    let asked: Option<::media::RegionCode> = call.query("region")?;
    let region = asked.unwrap_or(call.user()?.region);
    call.may(Action::Handle, region, region.as_str())?;
    let users = call.gateway.users.read();
    let found: Vec<Owner> = users
        .iter()
        .filter(|a| access::may(&a.user(), Action::Report, Target::Region(region)).is_ok())
        .map(|a| Owner {
            user: a.user.clone(),
            name: a.name.clone(),
            role: a.role,
            region: a.region,
        })
        .collect();
    json(&found)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTask {
    title: String,
    #[serde(default)]
    detail: String,
    owner: String,
    #[serde(default)]
    deadline: Option<WallTime>,
    #[serde(default)]
    place: Option<::media::Place>,
    #[serde(default)]
    key: Option<String>,
}

/// `POST /incidents/{id}/tasks`.
pub(super) async fn give(call: Call) -> Answer {
    let incident = incidents::existing(&call, Action::Handle)?;
    let new: NewTask = call.json()?;
    check_owner(&call, &incident, &new.owner)?;
    let detail = format!("{} to {}", new.title, new.owner);
    let change = Change::Give {
        id: incident.id,
        by: call.user()?.user.clone(),
        order: Order {
            title: new.title,
            detail: new.detail,
            owner: new.owner,
            deadline: new.deadline,
            place: new.place,
        },
        key: new.key,
    };
    incidents::change(&call, &incident, "task-given", detail, change).await
}

#[derive(Deserialize)]
struct Taken {
    step: Step,
    #[serde(default)]
    owner: Option<String>,
    /// The task's revision as the sender saw it.
    #[serde(default)]
    revision: Option<u32>,
    #[serde(flatten)]
    words: Words,
}

/// `POST /incidents/{id}/tasks/{number}/steps`.
pub(super) async fn step(call: Call) -> Answer {
    let incident = incidents::existing(&call, Action::Report)?;
    let number: u32 = call
        .param("number")
        .parse()
        .map_err(|_| Problem::bad("number", "expected a task's number"))?;
    let taken = read(&call)?;
    let theirs = matches!(taken.step.who(), command::incident::task::Who::Owner);
    if !theirs {
        call.may(Action::Handle, incident.region, &incident.id.to_string())?;
    }
    if let Some(owner) = &taken.owner {
        check_owner(&call, &incident, owner)?;
    }
    let detail = format!("task {number}: {}", taken.step.as_str());
    let change = Change::Step {
        id: incident.id,
        task: number,
        by: call.user()?.user.clone(),
        step: taken.step,
        owner: taken.owner,
        revision: taken.revision,
        words: taken.words,
    };
    incidents::change(&call, &incident, "task-step", detail, change).await
}

/// The body; serde cannot refuse unknown fields of what is flattened, so they are looked for here.
fn read(call: &Call) -> Result<Taken, Problem> {
    const KNOWN: [&str; 8] = [
        "step",
        "owner",
        "revision",
        "note",
        "place",
        "said_at",
        "attachments",
        "key",
    ];
    let fields: serde_json::Map<String, serde_json::Value> = call.json()?;
    if let Some(unknown) = fields.keys().find(|k| !KNOWN.contains(&k.as_str())) {
        let text = format!("unknown field `{unknown}`, expected {}", KNOWN.join(", "));
        return Err(Problem::bad("body", text));
    }
    call.json()
}

/// Deadlines that have passed are written into the incidents' logs and told. Called about once a second.
pub(crate) async fn note_overdue(gateway: &Arc<crate::gateway::Gateway>) {
    let now = gateway.now();
    for change in gateway.incidents.read().overdue(now) {
        let id = *change.id();
        match gateway.incidents.change(now, change).await {
            Ok(after) => {
                if let Some(incident) = after.get(&id) {
                    gateway.hub.incident(incident);
                }
            }
            Err(error) => {
                tracing::error!(incident = %id, %error, "a deadline that passed could not be written down")
            }
        }
    }
}

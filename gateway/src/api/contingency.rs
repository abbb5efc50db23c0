//! Contingency plans: kept, and started for an incident.

use std::sync::Arc;

use command::{
    ContingencyPlan as Plan, Incident,
    contingency::{Change, Item},
    incident::Change as IncidentChange,
    nearby::Shape,
};
use http::StatusCode;
use serde::Deserialize;

use super::{Answer, Call, Problem, empty, incidents, json, tasks, with_json};
use crate::access::Action;

/// `GET /contingency-plans`: those of one's own region, of what lies below it, and of those above, which hold here too.
pub(super) async fn list(call: Call) -> Answer {
    let mine = call.user()?.region;
    let plans = call.gateway.contingency.read();
    let seen: Vec<&Plan> = plans
        .all()
        .map(AsRef::as_ref)
        .filter(|p| p.region.is_within(&mine) || mine.is_within(&p.region))
        .collect();
    json(&seen)
}

fn existing(call: &Call, id: &str) -> Result<Arc<Plan>, Problem> {
    let plans = call.gateway.contingency.read();
    plans
        .get(id)
        .cloned()
        .ok_or_else(|| Problem::not_found(format!("there is no plan '{id}'")))
}

/// `PUT /contingency-plans/{id}`: adds it, or replaces it.
pub(super) async fn put(call: Call) -> Answer {
    let plan: Plan = call.json()?;
    if plan.id != call.param("id") {
        return Err(Problem::bad("id", "is not the one in the address"));
    }
    // What is there already may lie elsewhere.
    let before = call.gateway.contingency.read().get(&plan.id).cloned();
    if let Some(before) = &before {
        call.may(Action::Handle, before.region, &plan.id)?;
    }
    call.may(Action::Handle, plan.region, &plan.id)?;
    let entry = call.entry("plan-put", plan.id.clone(), Some(plan.region))?;
    let now = call.gateway.now();
    let id = plan.id.clone();
    let after = call
        .gateway
        .contingency
        .change(now, Change::Put(Box::new(plan)))
        .await?;
    call.audit(entry).await?;
    let plan = after
        .get(&id)
        .ok_or_else(|| Problem::internal("a new plan is not there"))?;
    let status = match before {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    with_json(status, &**plan)
}

/// `DELETE /contingency-plans/{id}`.
pub(super) async fn remove(call: Call) -> Answer {
    let id = call.param("id").to_owned();
    let plan = existing(&call, &id)?;
    call.may(Action::Handle, plan.region, &id)?;
    let entry = call.entry("plan-removed", id.clone(), Some(plan.region))?;
    let now = call.gateway.now();
    call.gateway
        .contingency
        .change(now, Change::Remove(id))
        .await?;
    call.audit(entry).await?;
    empty()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    plan: String,
    /// Who does what the plan names nobody for; none: who starts it.
    #[serde(default)]
    owner: Option<String>,
    /// The sender's mark: who did not hear the answer asks again with the same.
    #[serde(default)]
    key: Option<String>,
}

/// `POST /incidents/{id}/plans`: one change, all of it or nothing, and never twice.
pub(super) async fn start(call: Call) -> Answer {
    let incident = incidents::existing(&call, Action::Handle)?;
    let start: Start = call.json()?;
    let plan = existing(&call, &start.plan)?;
    if !incident.region.is_within(&plan.region) {
        let text = format!(
            "plan '{}' is for region {}, not for {}",
            plan.id, plan.region, incident.region
        );
        return Err(Problem::bad("plan", text));
    }
    let me = call.user()?.user.clone();
    let owner = start.owner.unwrap_or_else(|| me.clone());
    for (i, Item { owner: named, .. }) in plan.tasks.iter().enumerate() {
        let who = named.as_deref().unwrap_or(&owner);
        tasks::check_owner(&call, &incident, who).map_err(|problem| Problem {
            detail: format!("tasks[{i}].{}", problem.detail),
            ..problem
        })?;
    }
    for (i, user) in plan.tell.iter().enumerate() {
        tasks::check_owner(&call, &incident, user).map_err(|problem| Problem {
            detail: problem.detail.replacen("owner", &format!("tell[{i}]"), 1),
            ..problem
        })?;
    }
    let cameras = cameras(&call, &incident, &plan);
    let change = IncidentChange::Start {
        id: incident.id,
        orders: plan.orders(call.gateway.now(), &owner),
        by: me.clone(),
        plan: plan.id.clone(),
        name: plan.name.clone(),
        cameras,
        tell: plan.tell.clone(),
        wall: plan.wall.clone(),
        key: start.key,
    };
    let answer =
        incidents::change(&call, &incident, "plan-started", plan.id.clone(), change).await?;
    // Of a journal of its own: what a crash leaves out here is made up for at the next start.
    let after = call.gateway.incidents.read().get(&incident.id).cloned();
    if let Some(incident) = after {
        call.gateway.show_plan(&incident, &me).await;
    }
    Ok(answer)
}

/// Cameras that the plan names, as far as they are in the register, and then those around the incident: those that
/// look at it first, then the nearest.
fn cameras(call: &Call, incident: &Incident, plan: &Plan) -> Vec<::media::CameraId> {
    let register = call.gateway.register.read();
    let named = plan.cameras.iter().copied();
    let mut all: Vec<_> = named.filter(|c| register.camera(c).is_some()).collect();
    for code in near(call, incident, plan) {
        if !all.contains(&code) {
            all.push(code);
        }
    }
    all
}

fn near(call: &Call, incident: &Incident, plan: &Plan) -> Vec<::media::CameraId> {
    let Some(at) = incident.place else {
        return Vec::new();
    };
    let shape = Shape::Circle {
        at,
        radius_m: f64::from(plan.camera_radius_m),
    };
    let spots = call.gateway.nearby.of(&call.gateway.register.read());
    let found = spots.find(&shape, plan.camera_count as usize, |_| true);
    found.into_iter().map(|f| f.camera.code).collect()
}

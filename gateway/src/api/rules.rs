//! Rules: kept, tried out against what was, and what they did lately.

use std::{sync::Arc, time::Duration};

use ::media::{RegionCode, WallTime};
use command::{
    Rules,
    rules::{Change, Happening, Rule, try_out},
};
use http::StatusCode;
use serde::Deserialize;
use storage::events::Query;

use super::{Answer, Call, Problem, cameras::region_is_known, empty, json, with_json};
use crate::access::Action;

/// Events that a trial is run over; the newest of the range.
const MAX_EVENTS: usize = 200_000;
/// How far back a trial looks where nothing is said.
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// And at most.
const MOST: Duration = Duration::from_secs(31 * 86_400);

/// Rules of one's own region, of what lies below it, and of those above, which hold here too.
fn seen(mine: RegionCode, rules: &Rules) -> Vec<Arc<Rule>> {
    let near = |r: &&Arc<Rule>| r.region.is_within(&mine) || mine.is_within(&r.region);
    rules.all().filter(near).cloned().collect()
}

/// `GET /rules`.
pub(super) async fn list(call: Call) -> Answer {
    let mine = call.user()?.region;
    json(&seen(mine, &call.gateway.rules.rules.read()))
}

/// A rule in the body that the user may write.
fn given(call: &Call) -> Result<Rule, Problem> {
    let rule: Rule = call.json()?;
    region_is_known(call, rule.region)?;
    call.may(Action::Handle, rule.region, &rule.id)?;
    rule.check().map_err(Problem::from)?;
    Ok(rule)
}

/// `PUT /rules/{id}`: adds it, or replaces it.
pub(super) async fn put(call: Call) -> Answer {
    let rule = given(&call)?;
    if rule.id != call.param("id") {
        return Err(Problem::bad("id", "is not the one in the address"));
    }
    let rules = &call.gateway.rules.rules;
    // What is there already may lie elsewhere.
    let before = rules.read().get(&rule.id).cloned();
    if let Some(before) = &before {
        call.may(Action::Handle, before.region, &rule.id)?;
    }
    let mut entry = call.entry("rule-put", rule.id.clone(), Some(rule.region))?;
    entry.detail = serde_json::to_string(&rule).map_err(Problem::internal)?;
    let (now, id) = (call.gateway.now(), rule.id.clone());
    let after = rules.change(now, Change::Put(Box::new(rule))).await?;
    call.audit(entry).await?;
    let rule = after
        .get(&id)
        .ok_or_else(|| Problem::internal("a new rule is not there"))?;
    let status = match before {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    with_json(status, &**rule)
}

/// `DELETE /rules/{id}`.
pub(super) async fn remove(call: Call) -> Answer {
    let id = call.param("id").to_owned();
    let rules = &call.gateway.rules.rules;
    let rule = rules.read().get(&id).cloned();
    let rule = rule.ok_or_else(|| Problem::not_found(format!("there is no rule '{id}'")))?;
    call.may(Action::Handle, rule.region, &id)?;
    let entry = call.entry("rule-removed", id.clone(), Some(rule.region))?;
    let now = call.gateway.now();
    rules.change(now, Change::Remove(id)).await?;
    call.audit(entry).await?;
    empty()
}

/// `POST /rules/trial?from=&to=`: what the rule in the body would have done.
pub(super) async fn trial(call: Call) -> Answer {
    let rule = given(&call)?;
    let now = call.gateway.now();
    let to = call.query::<WallTime>("to")?.unwrap_or(now);
    let from = call.query::<WallTime>("from")?.unwrap_or(to - WEEK);
    if to <= from || to.since(from) > MOST {
        return Err(Problem::bad(
            "from, to",
            "expected a range of up to 31 days",
        ));
    }
    let mut events: Vec<Happening> = Vec::new();
    let mut before = None;
    let cut = loop {
        let query = Query {
            from: Some(from),
            to: Some(to),
            region: Some(rule.region),
            // One kind is a list of its own.
            kind: match rule.kinds.as_slice() {
                [one] => Some(*one),
                _ => None,
            },
            before,
            limit: Query::MAX_LIMIT,
            ..Query::default()
        };
        let (found, next) = call.gateway.book.events().query(query).await?;
        events.extend(found.iter().filter_map(Happening::of));
        match next {
            Some(_) if events.len() < MAX_EVENTS => before = next,
            next => break next.is_some(),
        }
    };
    // The newest came first.
    events.reverse();
    let offset = call.gateway.config.district.utc_offset.0;
    let run = tokio::task::spawn_blocking(move || try_out(&rule, &events, offset));
    let trial = run.await.map_err(Problem::internal)?;
    let mut answer = serde_json::to_value(&trial).map_err(Problem::internal)?;
    answer["from"] = serde_json::json!(from);
    answer["to"] = serde_json::json!(to);
    answer["cut"] = cut.into();
    json(&answer)
}

/// `GET /rules/fired`: what they did lately, the newest first.
pub(super) async fn fired(call: Call) -> Answer {
    let limit = call.query_within("limit", 1, 500)?.unwrap_or(100) as usize;
    let wanted = call.query.get("rule");
    let told = call.gateway.rules.lately();
    let seen: Vec<_> = told
        .into_iter()
        .filter(|t| t.region.is_none_or(|r| call.sees(Action::ReadEvents, r)))
        .filter(|t| wanted.is_none_or(|w| t.rule == *w))
        .take(limit)
        .collect();
    json(&seen)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Switch {
    on: bool,
}

/// `POST /rules/{id}/switch`.
pub(super) async fn switch(call: Call) -> Answer {
    let Switch { on } = call.json()?;
    let rules = &call.gateway.rules.rules;
    let id = call.param("id").to_owned();
    let rule = rules.read().get(&id).cloned();
    let rule = rule.ok_or_else(|| Problem::not_found(format!("there is no rule '{id}'")))?;
    call.may(Action::Handle, rule.region, &id)?;
    let mut entry = call.entry("rule-switched", id.clone(), Some(rule.region))?;
    entry.detail = if on { "on" } else { "off" }.into();
    let changed = Rule {
        on,
        ..(*rule).clone()
    };
    let now = call.gateway.now();
    let after = rules.change(now, Change::Put(Box::new(changed))).await?;
    call.audit(entry).await?;
    match after.get(&id) {
        Some(rule) => json(&**rule),
        None => Err(Problem::internal("a rule that was switched is not there")),
    }
}

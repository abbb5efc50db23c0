//! Accounts.

use ::media::RegionCode;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Problem, cameras::region_is_known, empty, json, with_json};
use crate::access::{
    Action, Role, password,
    users::{Account, Change},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    user: String,
    name: String,
    password: String,
    role: Role,
    region: RegionCode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangedUser {
    user: Option<String>,
    name: Option<String>,
    password: Option<String>,
    role: Option<Role>,
    region: Option<RegionCode>,
}

#[derive(Serialize)]
struct Body<'a> {
    user: &'a str,
    name: &'a str,
    role: Role,
    region: RegionCode,
}

fn body(account: &Account) -> Body<'_> {
    Body {
        user: &account.user,
        name: &account.name,
        role: account.role,
        region: account.region,
    }
}

/// `GET /users`.
pub(super) async fn list(call: Call) -> Answer {
    let users = call.gateway.users.read();
    let seen: Vec<_> = users
        .iter()
        .filter(|a| call.sees(Action::ManageUsers, a.region))
        .map(body)
        .collect();
    json(&seen)
}

async fn hashed(call: &Call, user: &str, password: String) -> Result<String, Problem> {
    password::check(user, &password).map_err(|e| Problem::bad("password", e))?;
    Ok(call.gateway.hasher.hash(password).await)
}

/// `POST /users`.
pub(super) async fn add(call: Call) -> Answer {
    let new: NewUser = call.json()?;
    region_is_known(&call, new.region)?;
    call.may(Action::ManageUsers, new.region, &new.user)?;
    let account = Account {
        hash: hashed(&call, &new.user, new.password).await?,
        user: new.user,
        name: new.name,
        role: new.role,
        region: new.region,
    };
    let mut entry = call.entry("user-added", &account.user, Some(account.region))?;
    entry.detail = account.role.to_string();
    call.gateway
        .users
        .change(call.gateway.now(), Change::Add(account.clone()))
        .await?;
    call.audit(entry).await?;
    with_json(StatusCode::CREATED, &body(&account))
}

fn existing(call: &Call) -> Result<Account, Problem> {
    let name = call.param("user");
    let users = call.gateway.users.read();
    let account = users
        .get(name)
        .cloned()
        .ok_or_else(|| Problem::not_found(format!("there is no user '{name}'")))?;
    call.may(Action::ManageUsers, account.region, name)?;
    Ok(account)
}

/// `PUT /users/{user}`.
pub(super) async fn replace(call: Call) -> Answer {
    let before = existing(&call)?;
    let changed: ChangedUser = call.json()?;
    if changed.user.is_some_and(|u| u != before.user) {
        return Err(Problem::bad("user", "cannot be changed"));
    }
    let region = changed.region.unwrap_or(before.region);
    region_is_known(&call, region)?;
    call.may(Action::ManageUsers, region, &before.user)?;
    let with_password = changed.password.is_some();
    let account = Account {
        hash: match changed.password {
            Some(password) => hashed(&call, &before.user, password).await?,
            None => before.hash.clone(),
        },
        user: before.user.clone(),
        name: changed.name.unwrap_or_else(|| before.name.clone()),
        role: changed.role.unwrap_or(before.role),
        region,
    };
    let mut entry = call.entry("user-changed", &account.user, Some(region))?;
    entry.detail = format!(
        "{} of {}{}",
        account.role,
        account.region,
        if with_password { ", new password" } else { "" }
    );
    call.gateway
        .users
        .change(call.gateway.now(), Change::Replace(account.clone()))
        .await?;
    // What they may has changed, or somebody knew their password: whoever is signed in as them begins anew.
    let own = call.signed()?;
    let except = (own.user.user == account.user).then_some(own.session.id);
    call.gateway.sessions.end_user(&account.user, except);
    call.audit(entry).await?;
    json(&body(&account))
}

/// `DELETE /users/{user}`.
pub(super) async fn remove(call: Call) -> Answer {
    let account = existing(&call)?;
    let entry = call.entry("user-removed", &account.user, Some(account.region))?;
    call.gateway
        .users
        .change(call.gateway.now(), Change::Remove(account.user.clone()))
        .await?;
    call.gateway.sessions.end_user(&account.user, None);
    call.audit(entry).await?;
    empty()
}

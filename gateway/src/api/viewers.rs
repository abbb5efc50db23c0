//! Who watches now, and what reaches them.

use super::{Answer, Call, json};
use crate::access::Action;

/// `GET /viewers`: connections of accounts in the caller's region.
pub(super) async fn list(call: Call) -> Answer {
    let users = call.gateway.users.read();
    let seen: Vec<_> = call
        .gateway
        .relay_viewers()
        .into_iter()
        .filter(|viewer| {
            let account = users.get(&viewer.user);
            account.is_some_and(|a| call.sees(Action::Handle, a.region))
        })
        .collect();
    json(&seen)
}

//! Who did what.

use serde::Serialize;

use super::{Answer, Call, json};
use crate::audit::{Kept, Query};

#[derive(Serialize)]
struct Page {
    entries: Vec<Kept>,
    next: Option<u64>,
}

/// `GET /audit`.
pub(super) async fn list(call: Call) -> Answer {
    let query = Query {
        from: call.query("from")?,
        to: call.query("to")?,
        user: call.query.get("user").cloned(),
        action: call.query.get("action").cloned(),
        before: call.query("before")?,
        limit: call.query_within("limit", 1, 1000)?.unwrap_or(100) as usize,
        within: Some(call.user()?.region),
    };
    let (entries, next) = call.gateway.audit.query(query).await?;
    json(&Page { entries, next })
}

//! Cameras by name, pinyin initials or code, a page at a time.

use ::media::{RegionCode, said};
use command::register::Query;

use super::super::{
    Answer, Call, Problem, bytes,
    view::{self, Known, State},
};
use crate::access::Action;

/// The longest page.
const MOST: u64 = 500;
/// A search box holds no more.
const MOST_TEXT: usize = 200;

/// `GET /cameras/search`.
pub(in crate::api) async fn search(call: Call) -> Answer {
    let text = call.query.get("q").cloned().unwrap_or_default();
    if text.chars().count() > MOST_TEXT {
        let said = said!(
            "too-long",
            "longer than {most} characters",
            most = MOST_TEXT
        );
        return Err(Problem::wrong("q", said));
    }
    let query = Query {
        text,
        region: call.query::<RegionCode>("region")?,
        group: call.query.get("group").cloned(),
        tag: call.query.get("tag").cloned(),
    };
    let state = match call.query.get("state").map(String::as_str) {
        None | Some("") => None,
        Some(text) => Some(State::parse(text).ok_or_else(|| {
            Problem::wrong(
                "state",
                said!(
                    "no-state",
                    "expected live, idle, connecting, offline or disabled"
                ),
            )
        })?),
    };
    let offset = call.query_within("offset", 0, 1_000_000)?.unwrap_or(0) as usize;
    let limit = call.query_within("limit", 1, MOST)?.unwrap_or(100) as usize;
    let register = call.gateway.register.read();
    let mut found = register.search(&query);
    found.retain(|f| call.sees(Action::Look, f.camera.region));
    if let Some(state) = state {
        found.retain(|f| {
            let known = Known::of(&call.gateway, &f.camera);
            known.state(&call.gateway, f.camera.disabled).0 == state
        });
    }
    match call.query.get("sort").map(String::as_str) {
        None | Some("code") => {}
        Some("name") => found.sort_by(|a, b| a.camera.name.cmp(&b.camera.name)),
        Some("region") => found.sort_by_key(|f| f.camera.region),
        Some(_) => {
            return Err(Problem::wrong(
                "sort",
                said!("no-order", "expected code, name or region"),
            ));
        }
    }
    let mut out = format!("{{\"total\":{},\"cameras\":[", found.len()).into_bytes();
    for (n, file) in found.iter().skip(offset).take(limit).enumerate() {
        if n > 0 {
            out.push(b',');
        }
        view::camera(&call.gateway, &register, &file.camera, |c| {
            serde_json::to_writer(&mut out, c)
        })
        .map_err(Problem::internal)?;
    }
    out.extend_from_slice(b"]}");
    let mut response = bytes("application/json", out);
    response.headers_mut().insert(
        http::header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    Ok(response)
}

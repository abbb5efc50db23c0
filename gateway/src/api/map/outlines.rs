//! Outlines of towns and villages: drawn on the map or imported, by whoever keeps the register.

use ::media::RegionCode;
use command::{
    Region,
    asset::Reference,
    boundary::{Boundary, Change, Kept},
};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::super::{Answer, Call, Problem, bytes, empty, problem, with_json};
use crate::access::Action;

/// Longest file, bytes: 20,000 corners with fifteen decimals each, indented.
pub const MAX_FILE: usize = 4 * 1024 * 1024;

/// `GET /map/outlines.geojson`: of the regions that one sees.
pub(in super::super) async fn list(call: Call) -> Answer {
    let boundaries = call.gateway.boundaries.read();
    let register = call.gateway.register.read();
    let etag = format!("\"{}-{}\"", boundaries.revision(), call.user()?.region);
    let known = call.headers.get(header::IF_NONE_MATCH);
    let mut response = if known.is_some_and(|h| h.as_bytes() == etag.as_bytes()) {
        let mut response = bytes("application/geo+json", Vec::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let seen = boundaries
            .all()
            .filter(|(code, _)| call.sees(Action::Look, **code));
        let features: Vec<Value> = seen
            .map(|(code, kept)| feature(*code, register.region(code).map(AsRef::as_ref), kept))
            .collect();
        let text = json!({"type": "FeatureCollection", "features": features}).to_string();
        bytes("application/geo+json", text)
    };
    let headers = response.headers_mut();
    // Kept by the page, and asked for every time.
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(
        header::ETAG,
        HeaderValue::from_str(&etag).map_err(Problem::internal)?,
    );
    Ok(response)
}

fn feature(code: RegionCode, region: Option<&Region>, kept: &Kept) -> Value {
    json!({
        "type": "Feature",
        "id": code,
        "properties": {
            "code": code,
            "name": region.map_or("", |r| &r.name),
            "name_en": region.map_or("", |r| &r.name_en),
            "by": kept.by,
            "at": kept.at,
        },
        "geometry": kept.boundary.geometry(),
    })
}

fn region(call: &Call) -> Result<RegionCode, Problem> {
    let code: RegionCode = call
        .param("region")
        .parse()
        .map_err(|e| problem::bad_code("region", &e))?;
    call.may(Action::ChangeRegister, code, code.as_str())?;
    match call.gateway.register.read().region(&code) {
        Some(_) => Ok(code),
        None => Err(Problem::not_found(format!(
            "region {code} is not in the register"
        ))),
    }
}

/// `PUT /regions/{region}/outline?reference=`: the body is GeoJSON.
pub(in super::super) async fn put(call: Call) -> Answer {
    let code = region(&call)?;
    let reference = match call.query.get("reference").map(String::as_str) {
        None | Some("wgs84") => Reference::Wgs84,
        Some("cgcs2000") => Reference::Cgcs2000,
        Some("gcj02") => Reference::Gcj02,
        Some(_) => {
            return Err(Problem::bad(
                "reference",
                "expected wgs84, cgcs2000 or gcj02",
            ));
        }
    };
    let body = call.body.clone();
    let read = tokio::task::spawn_blocking(move || Boundary::of_geojson(&body, reference));
    let boundary = read.await.map_err(Problem::internal)?;
    let boundary = boundary.map_err(|wrong| Problem::bad(&wrong.at, wrong.text))?;
    let gateway = &call.gateway;
    let (area_m2, points) = (boundary.area_m2(), boundary.points());
    // What is on file already says whether this is the right region's outline.
    let register = gateway.register.read();
    let cameras = register.cameras().filter(|c| c.region.is_within(&code));
    let placed: Vec<_> = cameras.filter_map(|c| Some((c.code, c.place?))).collect();
    let outside = placed.iter().filter(|(_, place)| !boundary.contains(place));
    let outside: Vec<_> = outside.map(|(code, _)| *code).collect();
    let centre = register.region(&code).and_then(|r| r.place);
    let holds_centre = centre.map(|place| boundary.contains(&place));
    let mut entry = call.entry("outline-put", code.to_string(), Some(code))?;
    entry.detail = format!("{points} corners, {:.3} km2", area_m2 / 1e6);
    let before = gateway.boundaries.read().get(&code).is_some();
    let change = Change::Set {
        region: code,
        boundary,
        by: call.user()?.user.clone(),
    };
    gateway.boundaries.change(gateway.now(), change).await?;
    call.audit(entry).await?;
    let status = match before {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    let told = json!({
        "region": code,
        "points": points,
        "area_m2": area_m2,
        "cameras": placed.len(),
        "cameras_outside": outside.len(),
        "outside": outside.iter().take(20).collect::<Vec<_>>(),
        "holds_centre": holds_centre,
    });
    with_json(status, &told)
}

/// `DELETE /regions/{region}/outline`.
pub(in super::super) async fn remove(call: Call) -> Answer {
    let code = region(&call)?;
    let entry = call.entry("outline-removed", code.to_string(), Some(code))?;
    let gateway = &call.gateway;
    gateway
        .boundaries
        .change(gateway.now(), Change::Clear(code))
        .await?;
    call.audit(entry).await?;
    empty()
}

//! What the map is drawn from.

pub mod outlines;
pub mod sources;

use ::media::Place;
use http::{HeaderValue, header};
use serde::Serialize;

use super::{Answer, Call, Problem, bytes, json};

/// `GET /map/sketch.geojson`.
pub(super) async fn sketch(call: Call) -> Answer {
    let sketch = call.gateway.sketch.clone();
    let sketch = sketch.ok_or_else(|| {
        Problem::not_found("this gateway has no sketch of its district (district.sketch)")
    })?;
    let mut response = bytes("application/geo+json", sketch);
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=3600"),
    );
    Ok(response)
}

#[derive(Serialize)]
struct Config<'a> {
    center: Place,
    zoom: u8,
    approval: &'a str,
    sketch: bool,
}

/// `GET /map/config`.
pub(super) async fn config(call: Call) -> Answer {
    let district = &call.gateway.config.district;
    json(&Config {
        center: district.center,
        zoom: district.zoom,
        approval: &district.map_approval,
        sketch: call.gateway.sketch.is_some(),
    })
}

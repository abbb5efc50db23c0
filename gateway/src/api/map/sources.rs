//! Where the map's ground comes from: sources that administrators set up and try out, and their tiles.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

use super::super::{Answer, Call, Problem, bytes, empty, json as answer, with_json};
use crate::{
    access::Action,
    tiles::{Fault, Grid, Source, Tile, Tiles, bound_to, kept::Change},
};

/// Characters of a token.
const MAX_TOKEN: usize = 500;

/// A source, as somebody who looks at the map needs it.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    name: &'a str,
    name_en: &'a str,
    grid: Grid,
    min_zoom: u8,
    max_zoom: u8,
    labels: Option<&'a str>,
    base: bool,
    default: bool,
    attribution: &'a str,
    approval: &'a str,
    version: String,
    said: &'static str,
    /// Why it gives nothing just now.
    fault: Option<serde_json::Value>,
    /// What only those see who may change it; never the token.
    definition: Option<Definition<'a>>,
}

#[derive(Serialize)]
struct Definition<'a> {
    kind: crate::tiles::Kind,
    url: &'a str,
    subdomains: &'a [String],
    layer: &'a str,
    style: &'a str,
    matrix_set: &'a str,
    matrix_prefix: &'a str,
    format: &'a str,
    referer: &'a str,
    has_token: bool,
}

fn shown<'a>(call: &Call, source: &'a Source, fixed: bool, all: bool) -> Shown<'a> {
    let fault = call.gateway.tiles.failing(&source.id).map(|failing| {
        let text = match all {
            true => failing.fault.to_string(),
            // Names of servers are for those who set them up.
            false => String::new(),
        };
        json!({"code": failing.fault.code(), "text": text, "at": failing.at})
    });
    Shown {
        id: &source.id,
        name: &source.name,
        name_en: &source.name_en,
        grid: source.grid,
        min_zoom: source.min_zoom,
        max_zoom: source.max_zoom,
        labels: source.labels.as_deref(),
        base: source.base,
        default: source.default,
        attribution: &source.attribution,
        approval: &source.approval,
        version: source.version(),
        said: if fixed { "configuration" } else { "page" },
        fault,
        definition: all.then_some(Definition {
            kind: source.kind,
            url: &source.url,
            subdomains: &source.subdomains,
            layer: &source.layer,
            style: &source.style,
            matrix_set: &source.matrix_set,
            matrix_prefix: &source.matrix_prefix,
            format: &source.format,
            referer: &source.referer,
            has_token: source.token.is_some(),
        }),
    }
}

/// Whether the caller may set sources up: they are the whole district's.
fn manages(call: &Call) -> bool {
    call.sees(Action::ChangeRegister, call.gateway.config.district.code)
}

fn may_manage(call: &Call, id: &str) -> Result<(), Problem> {
    call.may(
        Action::ChangeRegister,
        call.gateway.config.district.code,
        id,
    )
}

/// `GET /map/sources`.
pub(in super::super) async fn list(call: Call) -> Answer {
    let all = manages(&call);
    let sources = call.gateway.tiles.sources();
    let seen: Vec<_> = sources
        .iter()
        .map(|(s, fixed)| shown(&call, s, *fixed, all))
        .collect();
    answer(&seen)
}

/// The source in the body, with its token sealed or as it was. With it the token in clear, to try it out.
fn given(call: &Call) -> Result<(Source, String), Problem> {
    let mut source: Source = call.json()?;
    let tiles = &call.gateway.tiles;
    let in_url = source.take_token();
    let said = match source.token.take() {
        None => None,
        Some(secret) => match secret.as_clear() {
            Some(clear) => Some(clear.trim().to_owned()),
            None => return Err(Problem::bad("token", "expected a text")),
        },
    };
    let token = match (in_url.or(said), tiles.source(&source.id)) {
        (Some(token), _) => token,
        // Left out: it stays.
        (None, Some(before)) => Tiles::token(&call.gateway.seal, &before).unwrap_or_default(),
        (None, None) => String::new(),
    };
    if token.chars().count() > MAX_TOKEN || token.chars().any(char::is_control) {
        let text = format!("expected up to {MAX_TOKEN} characters, and no control characters");
        return Err(Problem::bad("token", text));
    }
    source.token = match token.is_empty() {
        true => None,
        false => Some(call.gateway.seal.seal_text(&bound_to(&source.id), &token)?),
    };
    let wrong = source.check(tiles.hosts());
    wrong.map_err(|w| Problem::bad(w.field, w.text))?;
    if let Some(over) = &source.labels {
        let found = tiles.source(over);
        let found = found
            .ok_or_else(|| Problem::bad("labels", format!("there is no map source '{over}'")))?;
        if found.labels.is_some() {
            return Err(Problem::bad(
                "labels",
                format!("'{over}' has names of its own over it"),
            ));
        }
    }
    Ok((source, token))
}

/// `PUT /map/sources/{id}`.
pub(in super::super) async fn put(call: Call) -> Answer {
    let id = call.param("id").to_owned();
    may_manage(&call, &id)?;
    let (source, _) = given(&call)?;
    let tiles = &call.gateway.tiles;
    if source.id != id {
        return Err(Problem::bad("id", "is not the one in the address"));
    }
    if tiles.is_fixed(&id) {
        let text =
            format!("map source '{id}' is set in the gateway's configuration, and changed there");
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", text));
    }
    let before = tiles.source(&id);
    let mut entry = call.entry("map-source-put", id.clone(), None)?;
    let told = Source {
        token: None,
        ..source.clone()
    };
    entry.detail = serde_json::to_string(&told).map_err(Problem::internal)?;
    let change = Change::Put(Box::new(source));
    tiles.kept.change(call.gateway.now(), change).await?;
    call.audit(entry).await?;
    tiles.changed(&id);
    let source = tiles.source(&id);
    let source = source.ok_or_else(|| Problem::internal("a new map source is not there"))?;
    if before
        .as_ref()
        .is_some_and(|b| b.version() != source.version())
    {
        tiles.clear(&id).await;
    }
    let status = match before {
        Some(_) => StatusCode::OK,
        None => StatusCode::CREATED,
    };
    with_json(status, &shown(&call, &source, false, true))
}

/// `DELETE /map/sources/{id}`.
pub(in super::super) async fn remove(call: Call) -> Answer {
    let id = call.param("id").to_owned();
    may_manage(&call, &id)?;
    let tiles = &call.gateway.tiles;
    if tiles.is_fixed(&id) {
        let text =
            format!("map source '{id}' is set in the gateway's configuration, and taken out there");
        return Err(Problem::new(StatusCode::CONFLICT, "conflict", text));
    }
    let entry = call.entry("map-source-removed", id.clone(), None)?;
    tiles
        .kept
        .change(call.gateway.now(), Change::Remove(id.clone()))
        .await?;
    call.audit(entry).await?;
    tiles.changed(&id);
    tiles.clear(&id).await;
    empty()
}

/// `POST /map/sources/test?z=`: asks for the tile in the middle of the district, says how it went, and keeps the source for a quarter of an
/// hour under a name by which its tiles can be had, for a preview. Nothing is kept of it.
pub(in super::super) async fn test(call: Call) -> Answer {
    may_manage(&call, "test")?;
    let near = call.query_within("z", 0, crate::tiles::source::MAX_ZOOM.into())?;
    let (source, token) = given(&call)?;
    let gateway = &call.gateway;
    let near = near.map_or(gateway.config.district.zoom, |z| z as u8);
    let z = near.clamp(source.min_zoom, source.max_zoom);
    let (x, y) = source.grid.tile_at(&gateway.config.district.center, z);
    let entry = call.entry("map-source-tested", source.id.clone(), None)?;
    call.audit(entry).await?;
    let shown_url = source
        .address("…", z, x, y)
        .map(|u| u.to_string().replace("%E2%80%A6", "***"));
    let draft = gateway.tiles.try_out(source, token);
    let began = std::time::Instant::now();
    let got = gateway.tiles.drafted(&draft, z, x, y).await;
    let took_ms = began.elapsed().as_millis() as u64;
    let fault = |f: &Fault| json!({"code": f.code(), "text": f.to_string()});
    let (tile, fault) = match got.as_ref() {
        Some(Ok(tile)) => (Some(tile), None),
        Some(Err(f)) => (None, Some(fault(f))),
        None => (None, Some(fault(&Fault::None))),
    };
    answer(&json!({
        "draft": draft,
        "z": z, "x": x, "y": y,
        "url": shown_url.unwrap_or_default(),
        "took_ms": took_ms,
        "media_type": tile.map(|t| &t.media_type),
        "bytes": tile.map(|t| t.bytes.len()),
        "fault": fault,
    }))
}

/// `GET /map/tiles/{source}/{z}/{x}/{y}`.
pub(in super::super) async fn tile(call: Call) -> Answer {
    let number = |name: &str| {
        let text = call.param(name);
        text.parse::<u32>()
            .map_err(|_| Problem::bad(name, "expected a whole number"))
    };
    let (z, x, y) = (number("z")?, number("x")?, number("y")?);
    let id = call.param("source");
    let gateway = &call.gateway;
    let unknown = || Problem::not_found(format!("there is no map source '{id}'"));
    if z > u32::from(crate::tiles::source::MAX_ZOOM) {
        return Err(Problem::bad("z", "no map goes so near"));
    }
    let z = z as u8;
    if id.starts_with("draft-") {
        may_manage(&call, id)?;
        let got = gateway
            .tiles
            .drafted(id, z, x, y)
            .await
            .ok_or_else(unknown)?;
        return got.map_or_else(|f| Err(failed(&f, true)), |t| given_out(&call, t));
    }
    let source = gateway.tiles.source(id).ok_or_else(unknown)?;
    let (columns, rows) = source.grid.size(z);
    if !(source.min_zoom..=source.max_zoom).contains(&z) || x >= columns || y >= rows {
        return Err(failed(&Fault::None, false));
    }
    let got = gateway
        .tiles
        .tile(&gateway.seal, gateway.now(), &source, (z, x, y))
        .await;
    got.map_or_else(|f| Err(failed(&f, manages(&call))), |t| given_out(&call, t))
}

fn given_out(call: &Call, tile: Tile) -> Answer {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(&tile.bytes);
    let etag: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    let etag = format!("\"{etag}\"");
    let same = call
        .headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|h| h.as_bytes() == etag.as_bytes());
    let media_type: &'static str = match tile.media_type.as_str() {
        "image/png" => "image/png",
        "image/jpeg" => "image/jpeg",
        "image/webp" => "image/webp",
        _ => "image/gif",
    };
    let mut response = match same {
        true => {
            let mut response = bytes(media_type, Vec::new());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        }
        false => bytes(media_type, tile.bytes),
    };
    // Private: who may look is asked with every request that reaches the gateway.
    let age = tile.good_for.min(Duration::from_secs(7 * 86_400)).as_secs();
    let cache = format!("private, max-age={age}");
    let value = |text: &str| HeaderValue::from_str(text).map_err(Problem::internal);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, value(&cache)?);
    headers.insert(header::ETAG, value(&etag)?);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if tile.stale {
        headers.insert("x-sightline-tile", HeaderValue::from_static("stale"));
    }
    Ok(response)
}

/// A tile that cannot be had. Names of servers are for those who set them up.
fn failed(fault: &Fault, all: bool) -> Problem {
    let status = match fault {
        Fault::None => StatusCode::NOT_FOUND,
        Fault::Slow(..) => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    let text = match all || *fault == Fault::None {
        true => fault.to_string(),
        false => "the map's server gives no tile; whoever set the source up sees why".to_owned(),
    };
    let code = match fault {
        Fault::None => "no-tile",
        _ => "tile-failed",
    };
    Problem::new(status, code, text).with(json!({"fault": fault.code()}))
}

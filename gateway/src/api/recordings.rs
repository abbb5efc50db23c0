//! Any recorded range as one MP4, and what moment its time is.

use std::ops::Range;

use ::media::WallTime;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use relay::plain::{Lane, MOST, Part};
use serde::Serialize;
use storage::playback::Stretch;
use warp::{Reply, reply::Response};

use super::{Answer, Call, OneReader, Problem, json};
use crate::access::Action;

pub(super) fn no_recording(from: WallTime, to: WallTime) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-recording",
        format!("nothing is recorded between {from} and {to}"),
    )
}

#[derive(Serialize)]
struct Map {
    pieces: Vec<Piece>,
    duration_s: f64,
    url: String,
}

#[derive(Serialize)]
struct Piece {
    media_start_s: f64,
    media_duration_s: f64,
    start: WallTime,
    end: WallTime,
}

/// `GET /cameras/{code}/recording.json`.
pub(super) async fn map(call: Call) -> Answer {
    let camera = call.camera(Action::Playback)?;
    let (from, to) = call.range()?;
    let playback = call.gateway.archive.playback(camera.code, from, to).await?;
    let playback = playback.ok_or_else(|| no_recording(from, to))?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("from", &from.to_string())
        .append_pair("to", &to.to_string());
    if let Some(reason) = call.query.get("reason") {
        query.append_pair("reason", reason);
    }
    json(&Map {
        pieces: playback
            .pieces()
            .iter()
            .map(|p| Piece {
                media_start_s: p.media_start_s,
                media_duration_s: p.media_duration_s,
                start: p.start,
                end: p.end,
            })
            .collect(),
        duration_s: playback.duration_s(),
        url: format!(
            "/api/v1/cameras/{}/recording.mp4?{}",
            camera.code,
            query.finish()
        ),
    })
}

/// `GET /cameras/{code}/recording.mp4`.
pub(super) async fn mp4(call: Call) -> Answer {
    let camera = call.camera(Action::Playback)?;
    let (from, to) = call.range()?;
    // A player asks for ranges of a file, over and over; who asks for the whole takes it away.
    let action = match call.headers.contains_key(header::RANGE) {
        true => "playback",
        false => "export",
    };
    let mut entry = call.entry(action, camera.code.to_string(), Some(camera.region))?;
    entry.detail = format!("{from} to {to}");
    entry.reason = call.query.get("reason").cloned().unwrap_or_default();
    let found = call.gateway.archive.playback(camera.code, from, to).await?;
    let playback = found.ok_or_else(|| no_recording(from, to))?;
    let session = call.signed()?.session.id;
    let key = (session, action, camera.code, entry.detail.clone());
    if !call.head_only && call.gateway.repeats.is_first(key) {
        call.audit(entry).await?;
    }

    let length = playback.len();
    let range = match asked(&call.headers, length, playback.etag()) {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::Unchanged => return Ok(head(StatusCode::NOT_MODIFIED, &playback)?.0),
        Asked::Nothing => {
            let (mut response, _) = head(StatusCode::RANGE_NOT_SATISFIABLE, &playback)?;
            let value = format!("bytes */{length}");
            insert(&mut response, header::CONTENT_RANGE, &value)?;
            return Ok(response);
        }
    };
    let status = match range {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    };
    let (headers, _) = head(status, &playback)?;
    let part = range.clone().unwrap_or(0..length);
    let mut response = if call.head_only {
        headers
    } else {
        let (parts, _) = headers.into_parts();
        let mut response = content(&playback, part.clone(), call.lane, camera.code);
        *response.status_mut() = parts.status;
        *response.headers_mut() = parts.headers;
        response
    };
    insert(
        &mut response,
        header::CONTENT_LENGTH,
        &(part.end - part.start).to_string(),
    )?;
    if range.is_some() {
        let value = format!(
            "bytes {}-{}/{length}",
            part.start,
            part.end.saturating_sub(1)
        );
        insert(&mut response, header::CONTENT_RANGE, &value)?;
    }
    let name = file_name(camera.code, playback.start());
    insert(
        &mut response,
        header::CONTENT_DISPOSITION,
        &format!("inline; filename=\"{name}\""),
    )?;
    Ok(response)
}

/// The bytes of a part of a playback. Where the connection has a lane, they go to it from the segments' files.
fn content(
    playback: &storage::Playback,
    part: Range<u64>,
    lane: Option<Lane>,
    camera: ::media::CameraId,
) -> Response {
    let told = move |error: &storage::Error| {
        tracing::error!(%camera, %error, "a playback broke off");
    };
    let Some(lane) = lane else {
        let content = playback
            .read(part)
            .map(move |piece| piece.inspect_err(told));
        return warp::reply::stream(OneReader::new(Box::pin(content))).into_response();
    };
    let content = playback.stretches(part, MOST as u64).map(move |stretch| {
        match stretch.inspect_err(told)? {
            Stretch::Bytes(bytes) => Ok(bytes),
            Stretch::Files(parts) => {
                let parts = parts.iter().map(|part| Part {
                    file: part.file(),
                    offset: part.offset,
                    len: part.len,
                });
                let bytes = lane.stand_in(parts.collect());
                bytes.map_err(|_| storage::Error::Closed("a stretch of files"))
            }
        }
    });
    warp::reply::stream(OneReader::new(Box::pin(content))).into_response()
}

/// `CODE_20261123T120000Z.mp4`.
fn file_name(camera: ::media::CameraId, start: WallTime) -> String {
    let digits: String = start
        .to_string()
        .chars()
        .take(19)
        .filter(|c| c.is_ascii_digit() || *c == 'T')
        .collect();
    format!("{camera}_{digits}Z.mp4")
}

pub(super) fn insert(
    response: &mut Response,
    name: header::HeaderName,
    value: &str,
) -> Result<(), Problem> {
    let value = HeaderValue::from_str(value).map_err(Problem::internal)?;
    response.headers_mut().insert(name, value);
    Ok(())
}

fn head(status: StatusCode, playback: &storage::Playback) -> Result<(Response, ()), Problem> {
    let mut response = super::bytes("video/mp4", "");
    *response.status_mut() = status;
    insert(&mut response, header::ETAG, playback.etag())?;
    insert(&mut response, header::ACCEPT_RANGES, "bytes")?;
    insert(&mut response, header::CACHE_CONTROL, "private, no-cache")?;
    let start = header::HeaderName::from_static("sightline-start");
    insert(&mut response, start, &playback.start().to_string())?;
    Ok((response, ()))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Whole,
    Part(Range<u64>),
    Unchanged,
    Nothing,
}

/// RFC 9110, 13 and 14: one range in bytes; of several, or of what is not understood, the whole.
pub(super) fn asked(headers: &HeaderMap, length: u64, etag: &str) -> Asked {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
    };
    let matches = |list: &str| list.split(',').any(|t| t.trim() == etag || t.trim() == "*");
    if text(header::IF_NONE_MATCH).is_some_and(matches) {
        return Asked::Unchanged;
    }
    let Some(spec) = text(header::RANGE).and_then(|r| r.trim().strip_prefix("bytes=")) else {
        return Asked::Whole;
    };
    if text(header::IF_RANGE).is_some_and(|t| t.trim() != etag) {
        return Asked::Whole;
    }
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Asked::Whole;
    };
    let number = |s: &str| s.trim().parse::<u64>().ok();
    let range = match (first.trim().is_empty(), number(first), number(last)) {
        // The last n bytes.
        (true, _, Some(n)) => length.saturating_sub(n)..length,
        (false, Some(first), Some(last)) if first <= last => {
            first..last.saturating_add(1).min(length)
        }
        (false, Some(first), None) if last.trim().is_empty() => first..length,
        _ => return Asked::Whole,
    };
    if range.start >= range.end {
        Asked::Nothing
    } else {
        Asked::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(range: &str) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        asked(&headers, 1000, "\"e\"")
    }

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        assert_eq!(ask("bytes=0-"), Asked::Part(0..1000));
        assert_eq!(ask("bytes=0-0"), Asked::Part(0..1));
        assert_eq!(ask("bytes=990-2000"), Asked::Part(990..1000));
        assert_eq!(ask("bytes=-10"), Asked::Part(990..1000));
        assert_eq!(ask("bytes=-5000"), Asked::Part(0..1000));
        assert_eq!(ask("bytes=1000-"), Asked::Nothing);
        assert_eq!(ask("bytes=-0"), Asked::Nothing);
        for whole in [
            "bytes=5-1",
            "bytes=0-1,5-6",
            "bytes=a-b",
            "lines=1-2",
            "bytes=-",
        ] {
            assert_eq!(ask(whole), Asked::Whole, "{whole}");
        }
    }

    #[test]
    fn validators_decide() {
        let with = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, "bytes=0-9".parse().unwrap());
            headers.insert(name, value.parse().unwrap());
            asked(&headers, 1000, "\"e\"")
        };
        assert_eq!(with(header::IF_RANGE, "\"e\""), Asked::Part(0..10));
        assert_eq!(with(header::IF_RANGE, "\"old\""), Asked::Whole);
        assert_eq!(
            with(header::IF_NONE_MATCH, "\"x\", \"e\""),
            Asked::Unchanged
        );
    }

    proptest! {
        #[test]
        fn any_range_stays_within_the_file(text in "bytes=[0-9]{0,21}-[0-9]{0,21}", length in 1u64..5000) {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            if let Asked::Part(range) = asked(&headers, length, "\"e\"") {
                prop_assert!(range.start < range.end && range.end <= length);
            }
        }
    }

    #[test]
    fn a_file_is_named_after_its_start() {
        let at: WallTime = "2026-11-23T12:00:05.5Z".parse().unwrap();
        let camera = "44140300001326000001".parse().unwrap();
        assert_eq!(
            file_name(camera, at),
            "44140300001326000001_20261123T120005Z.mp4"
        );
    }
}

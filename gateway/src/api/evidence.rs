//! Evidence: asking for packages, seeing how far they are, fetching them.

use std::ops::Range;

use ::media::{CameraId, EventId, RegionCode, WallTime};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use warp::{Reply, reply::Response};

use super::{
    Answer, Call, OneReader, Problem, bytes, empty, json, problem,
    recordings::{Asked, asked, insert},
    view, with_json,
};
use crate::{
    access::Action,
    evidence::{
        Job, State, Wanted,
        jobs::{By, Subject},
    },
    gateway::Gateway,
};

/// Cameras of one package.
const MAX_CAMERAS: usize = 16;
/// Characters of a reason.
const MAX_REASON: usize = 2000;

#[derive(Serialize)]
struct View {
    id: EventId,
    state: State,
    cameras: Vec<Camera>,
    from: WallTime,
    to: WallTime,
    by: String,
    reason: String,
    incident: Option<String>,
    created: WallTime,
    started: Option<WallTime>,
    ended: Option<WallTime>,
    progress: Progress,
    package: Option<Package>,
    error: Option<Failed>,
}

#[derive(Serialize)]
struct Camera {
    camera: CameraId,
    name: String,
}

#[derive(Serialize)]
struct Progress {
    bytes_done: u64,
    bytes_total: u64,
    share: f64,
}

#[derive(Serialize)]
struct Package {
    name: String,
    bytes: u64,
    manifest_sha256: String,
    url: String,
    expires: WallTime,
}

#[derive(Serialize)]
struct Failed {
    code: String,
    text: String,
}

impl View {
    fn of(gateway: &Gateway, job: &Job) -> Self {
        let (bytes_done, bytes_total) = gateway.evidence.progress(job);
        let share = match bytes_total {
            0 => 0.0,
            total => bytes_done as f64 / total as f64,
        };
        let keep = u64::from(gateway.config.evidence.keep_days) * 86_400;
        let ended = job.ended.unwrap_or(job.created);
        Self {
            id: job.id,
            state: job.state,
            cameras: job
                .cameras
                .iter()
                .map(|c| Camera {
                    camera: c.camera,
                    name: c.name.clone(),
                })
                .collect(),
            from: job.from,
            to: job.to,
            by: job.by.user.clone(),
            reason: job.reason.clone(),
            incident: job.incident.clone(),
            created: job.created,
            started: job.started,
            ended: job.ended,
            progress: Progress {
                bytes_done,
                bytes_total,
                share,
            },
            package: job.package.as_ref().map(|p| Package {
                name: p.name.clone(),
                bytes: p.bytes,
                manifest_sha256: p.manifest_sha256.clone(),
                url: format!("/api/v1/evidence/{}/package.zip", job.id),
                expires: ended + std::time::Duration::from_secs(keep),
            }),
            error: job.error.as_ref().map(|(code, text)| Failed {
                code: code.clone(),
                text: text.clone(),
            }),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    cameras: Vec<CameraId>,
    from: WallTime,
    to: WallTime,
    reason: String,
    #[serde(default)]
    incident: Option<String>,
}

/// `POST /evidence`.
pub(super) async fn ask(call: Call) -> Answer {
    let body: Body = call.json()?;
    let gateway = &call.gateway;
    let bad = |field, text: String| Err(Problem::bad(field, text));
    let reason = body.reason.trim();
    match reason.chars().count() {
        0 => return bad("reason", "is empty: say what it is for".into()),
        n if n > MAX_REASON => {
            return bad("reason", format!("{n} characters, {MAX_REASON} allowed"));
        }
        _ => {}
    }
    let mut codes = body.cameras.clone();
    codes.sort_unstable();
    codes.dedup();
    if codes.len() != body.cameras.len() || !(1..=MAX_CAMERAS).contains(&codes.len()) {
        let n = body.cameras.len();
        let text = format!("{n} of them, expected 1 to {MAX_CAMERAS}, each once");
        return bad("cameras", text);
    }
    if body
        .incident
        .as_ref()
        .is_some_and(|i| i.chars().count() > 100)
    {
        return bad("incident", "longer than 100 characters".into());
    }
    let hours = gateway.config.recording.playback_hours;
    if body.to <= body.from || body.to.since(body.from).as_secs() > u64::from(hours) * 3600 {
        let text = format!("expected a range of up to {hours} hours");
        return bad("from, to", text);
    }
    // What is not recorded yet is not evidence.
    let to = body.to.min(gateway.now());
    if to <= body.from {
        return bad("from", "lies in the future".into());
    }
    let mut subjects = Vec::new();
    for code in &body.cameras {
        let register = gateway.register.read();
        let Some(camera) = register.camera(code) else {
            let text = format!("camera {code} is not in the register");
            return bad("cameras", text);
        };
        call.may(Action::Playback, camera.region, code.as_str())?;
        subjects.push(Subject {
            camera: *code,
            name: camera.name.clone(),
            region: camera.region,
            clock_offset_ms: view::Known::of(gateway, camera).clock_offset_ms(),
        });
    }
    let codes: Vec<&str> = body.cameras.iter().map(CameraId::as_str).collect();
    let region = subjects.first().map(|s| s.region);
    let mut entry = call.entry("evidence-asked", codes.join(" "), region)?;
    entry.detail = format!("{} to {to}", body.from);
    entry.reason = reason.to_owned();
    call.audit(entry).await?;
    let user = call.user()?;
    let wanted = Wanted {
        cameras: subjects,
        from: body.from,
        to,
        by: By {
            user: user.user.clone(),
            name: user.name.clone(),
            role: user.role.as_str().to_owned(),
        },
        reason: reason.to_owned(),
        incident: body.incident,
    };
    let job = gateway.take_evidence(wanted).await?;
    with_json(StatusCode::CREATED, &View::of(gateway, &job))
}

fn regions(job: &Job) -> impl Iterator<Item = RegionCode> {
    job.cameras.iter().map(|c| c.region)
}

/// `GET /evidence`.
pub(super) async fn list(call: Call) -> Answer {
    let state = match call.query.get("state").map(String::as_str) {
        None => None,
        Some(asked) => match State::ALL.iter().find(|(_, name)| *name == asked) {
            Some((state, _)) => Some(*state),
            None => {
                let names = State::ALL.map(|(_, name)| name).join(", ");
                return Err(Problem::bad("state", format!("expected one of {names}")));
            }
        },
    };
    let limit = call.query_within("limit", 1, 1000)?.unwrap_or(100) as usize;
    let jobs = call.gateway.evidence.jobs();
    let shown: Vec<View> = jobs
        .all()
        .rev()
        .filter(|j| state.is_none_or(|s| s == j.state))
        .filter(|j| regions(j).all(|r| call.sees(Action::ReadEvents, r)))
        .take(limit)
        .map(|j| View::of(&call.gateway, j))
        .collect();
    json(&shown)
}

/// The job in the path, if the user may do this with all its cameras.
fn existing(call: &Call, action: Action) -> Result<std::sync::Arc<Job>, Problem> {
    let id: EventId = call
        .param("id")
        .parse()
        .map_err(|e| problem::bad_code("id", &e))?;
    let job = call.gateway.evidence.jobs().get(id);
    let job = job.ok_or_else(|| Problem::not_found(format!("there is no evidence job {id}")))?;
    for region in regions(&job) {
        call.may(action, region, &id.to_string())?;
    }
    Ok(job)
}

/// `GET /evidence/{id}`.
pub(super) async fn one(call: Call) -> Answer {
    let job = existing(&call, Action::ReadEvents)?;
    json(&View::of(&call.gateway, &job))
}

/// `POST /evidence/{id}/cancel`.
pub(super) async fn cancel(call: Call) -> Answer {
    let job = existing(&call, Action::Playback)?;
    let entry = call.entry(
        "evidence-cancelled",
        job.id.to_string(),
        regions(&job).next(),
    )?;
    call.gateway.cancel_evidence(job.id).await?;
    call.audit(entry).await?;
    let job = call.gateway.evidence.jobs().get(job.id).unwrap_or(job);
    json(&View::of(&call.gateway, &job))
}

/// `DELETE /evidence/{id}`.
pub(super) async fn delete(call: Call) -> Answer {
    let job = existing(&call, Action::Playback)?;
    let entry = call.entry("evidence-deleted", job.id.to_string(), regions(&job).next())?;
    match job.state.is_over() {
        true => call.gateway.delete_evidence(job.id).await?,
        false => call.gateway.cancel_evidence(job.id).await?,
    }
    call.audit(entry).await?;
    empty()
}

/// `GET /evidence/{id}/package.zip`.
pub(super) async fn package(call: Call) -> Answer {
    let job = existing(&call, Action::Playback)?;
    let Some(made) = job.package.clone() else {
        let text = format!("evidence job {} has no package", job.id);
        return Err(Problem::not_found(text));
    };
    let path = call.gateway.evidence.path(job.id);
    let mut file = tokio::fs::File::open(&path).await.map_err(|error| {
        tracing::error!(path = %path.display(), %error, "a package cannot be opened");
        Problem::not_found(format!("the package of job {} is not on the disk", job.id))
    })?;
    let mut entry = call.entry(
        "evidence-downloaded",
        job.id.to_string(),
        regions(&job).next(),
    )?;
    entry.detail = format!("{} bytes, manifest {}", made.bytes, made.manifest_sha256);
    entry.reason.clone_from(&job.reason);
    let session = call.signed()?.session.id;
    let camera = job.cameras.first().map(|c| c.camera);
    let key = camera.map(|c| (session, "evidence-downloaded", c, job.id.to_string()));
    // A download that goes on in ranges is one.
    if !call.head_only && key.is_none_or(|key| call.gateway.repeats.is_first(key)) {
        call.audit(entry).await?;
    }
    let etag = format!("\"{}\"", made.manifest_sha256);
    let (status, range) = match asked(&call.headers, made.bytes, &etag) {
        Asked::Whole => (StatusCode::OK, 0..made.bytes),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Unchanged => (StatusCode::NOT_MODIFIED, 0..0),
        Asked::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, 0..0),
    };
    let Range { start, end } = range;
    let mut response = if call.head_only || start == end {
        bytes("application/zip", "")
    } else {
        file.seek(std::io::SeekFrom::Start(start))
            .await
            .map_err(Problem::internal)?;
        let content =
            tokio_util::io::ReaderStream::with_capacity(file.take(end - start), 256 * 1024);
        let mut response: Response =
            warp::reply::stream(OneReader::new(Box::pin(content))).into_response();
        let kind = HeaderValue::from_static("application/zip");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    };
    *response.status_mut() = status;
    insert(&mut response, header::ETAG, &etag)?;
    insert(&mut response, header::ACCEPT_RANGES, "bytes")?;
    insert(&mut response, header::CACHE_CONTROL, "private, no-cache")?;
    let (bytes, last) = (made.bytes, end.saturating_sub(1));
    match status {
        StatusCode::RANGE_NOT_SATISFIABLE => {
            insert(
                &mut response,
                header::CONTENT_RANGE,
                &format!("bytes */{bytes}"),
            )?;
        }
        StatusCode::NOT_MODIFIED => {}
        _ => {
            insert(
                &mut response,
                header::CONTENT_LENGTH,
                &(end - start).to_string(),
            )?;
            if status == StatusCode::PARTIAL_CONTENT {
                let value = format!("bytes {start}-{last}/{bytes}");
                insert(&mut response, header::CONTENT_RANGE, &value)?;
            }
        }
    }
    let name = format!("attachment; filename=\"{}\"", made.name);
    insert(&mut response, header::CONTENT_DISPOSITION, &name)?;
    Ok(response)
}

#[derive(Serialize)]
struct Key {
    algorithm: &'static str,
    key: String,
    fingerprint: String,
}

/// `GET /signing-key`.
pub(super) async fn key(call: Call) -> Answer {
    let key = call.gateway.archive.signing_key();
    let raw: Vec<u8> = (0..key.len() / 2)
        .filter_map(|n| u8::from_str_radix(key.get(2 * n..2 * n + 2)?, 16).ok())
        .collect();
    let fingerprint = Sha256::digest(&raw);
    json(&Key {
        algorithm: "Ed25519",
        key,
        fingerprint: fingerprint.iter().map(|b| format!("{b:02x}")).collect(),
    })
}

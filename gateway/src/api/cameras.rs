//! The register: regions and cameras; and stills.

use ::media::{CameraId, Place, RegionCode, Said, WallTime, said};
use command::{
    Zone,
    register::{self, Change, Transport, fields},
    store::ChangeError,
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{Answer, Call, Problem, bytes, empty, problem, view, with_json};
use crate::{access::Action, seal::Seal, stills};

/// `GET /cameras`.
pub(super) async fn list(call: Call) -> Answer {
    let register = call.gateway.register.read();
    let mut out = vec![b'['];
    for camera in register.cameras() {
        if !call.sees_camera(Action::Look, camera) {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        view::camera(&call.gateway, &register, camera, |c| {
            serde_json::to_writer(&mut out, c)
        })
        .map_err(Problem::internal)?;
    }
    out.push(b']');
    let mut response = bytes("application/json", out);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /cameras/{code}`.
pub(super) async fn one(call: Call) -> Answer {
    let camera = call.camera(Action::Look)?;
    show(&call, &camera, StatusCode::OK)
}

pub(super) fn show(call: &Call, camera: &command::Camera, status: StatusCode) -> Answer {
    let register = call.gateway.register.read();
    view::camera(&call.gateway, &register, camera, |c| with_json(status, c))
}

/// What a client writes of a camera. Fields that the gateway makes are not among them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CameraRecord {
    code: Option<CameraId>,
    /// The revision that was read and changed; what somebody else changed meanwhile is then not overwritten.
    #[serde(default)]
    revision: Option<u32>,
    name: String,
    region: RegionCode,
    #[serde(default)]
    place: Option<Place>,
    #[serde(default)]
    heading: Option<u16>,
    #[serde(default)]
    view_angle: Option<u16>,
    #[serde(default)]
    view_distance: Option<u32>,
    #[serde(default)]
    site_class: String,
    #[serde(default)]
    form: String,
    #[serde(default)]
    maker: String,
    #[serde(default)]
    address: String,
    #[serde(default)]
    main_url: Option<String>,
    #[serde(default)]
    sub_url: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    transport: Transport,
    #[serde(default)]
    always: bool,
    #[serde(default)]
    record: Option<bool>,
    #[serde(default)]
    keep_days: Option<u32>,
    #[serde(default)]
    tag: Option<bool>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    asset: Option<command::Asset>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    zones: Vec<Zone>,
}

impl CameraRecord {
    fn into_camera(self, code: CameraId, seal: &Seal) -> Result<command::Camera, Problem> {
        let password = self.password.filter(|p| !p.is_empty());
        let password = password.map(|p| seal.seal(code, &p)).transpose()?;
        let mut camera = command::Camera {
            place: self.place,
            heading: self.heading,
            view_angle: self.view_angle,
            view_distance: self.view_distance,
            site_class: self.site_class,
            form: self.form,
            maker: self.maker,
            address: self.address,
            username: self.username.filter(|u| !u.is_empty()),
            password,
            transport: self.transport,
            always: self.always,
            record: self.record.unwrap_or(true),
            keep_days: self.keep_days.unwrap_or(30),
            tag: self.tag.unwrap_or(true),
            disabled: self.disabled,
            asset: self.asset.unwrap_or_default(),
            tags: self.tags,
            zones: self.zones,
            ..command::Camera::new(code, self.name, self.region)
        };
        for (field, text) in [("main_url", self.main_url), ("sub_url", self.sub_url)] {
            let Some(text) = text.filter(|t| !t.trim().is_empty()) else {
                continue;
            };
            set_url(&mut camera, field, &text, seal)?;
        }
        Ok(camera)
    }
}

/// Puts a URL into a camera's file; credentials in it become the camera's, unless it has some.
///
/// # Errors
/// 400 that names the field and what is wrong, without the URL, which may hold a password.
pub fn set_url(
    camera: &mut command::Camera,
    field: &str,
    text: &str,
    seal: &Seal,
) -> Result<(), Problem> {
    let (url, credentials) = ingest::parse_camera_url(text).map_err(|e| {
        let (text, words) = (e.to_string(), e.words());
        Problem::wrong(field, Said { text, words })
    })?;
    if let (None, Some((user, password))) = (&camera.username, credentials) {
        camera.username = Some(user);
        camera.password = Some(seal.seal(camera.code, &password)?);
    }
    let url = Some(url.to_string());
    match field {
        "sub_url" => camera.sub_url = url,
        _ => camera.main_url = url,
    }
    Ok(())
}

/// A region that does not exist is wrong input, and not one that the user may not see.
pub(super) fn region_is_known(call: &Call, region: RegionCode) -> Result<(), Problem> {
    match call.gateway.register.read().region(&region) {
        Some(_) => Ok(()),
        None => Err(Problem::wrong("region", problem::unknown_region(region))),
    }
}

/// `POST /cameras`.
pub(super) async fn add(call: Call) -> Answer {
    let record: CameraRecord = call.json()?;
    let code = record.code.ok_or_else(|| {
        Problem::wrong("code", said!("no-code", "is missing, expected 20 digits"))
    })?;
    let camera = record.into_camera(code, &call.gateway.seal)?;
    region_is_known(&call, camera.region)?;
    call.may(Action::ChangeRegister, camera.region, code.as_str())?;
    let entry = call.entry("camera-added", code.to_string(), Some(camera.region))?;
    call.gateway
        .register
        .change(
            call.gateway.now(),
            Change::Add(Box::new(camera.clone()))
                .by(&call.user()?.user)
                .into(),
        )
        .await?;
    call.audit(entry).await?;
    show(&call, &camera, StatusCode::CREATED)
}

/// `PUT /cameras/{code}`.
pub(super) async fn replace(call: Call) -> Answer {
    let before = call.camera(Action::ChangeRegister)?;
    let record: CameraRecord = call.json()?;
    if record.code.is_some_and(|c| c != before.code) {
        return Err(Problem::wrong(
            "code",
            said!("other-code", "is not the code in the path"),
        ));
    }
    // URLs and credentials are write only: who reads a camera and writes it back must not lose them.
    // One that is left out stays; one that is empty goes.
    let (keep_main, keep_sub) = (record.main_url.is_none(), record.sub_url.is_none());
    let keep_asset = record.asset.is_none();
    let revision = record.revision;
    let mut camera = record.into_camera(before.code, &call.gateway.seal)?;
    if keep_main {
        camera.main_url.clone_from(&before.main_url);
    }
    if keep_asset {
        camera.asset.clone_from(&before.asset);
    }
    if keep_sub {
        camera.sub_url.clone_from(&before.sub_url);
    }
    if camera.username.is_none() {
        camera.username.clone_from(&before.username);
    }
    if camera.password.is_none() && camera.username == before.username {
        camera.password.clone_from(&before.password);
    }
    region_is_known(&call, camera.region)?;
    call.may(Action::ChangeRegister, camera.region, before.code.as_str())?;
    let entry = call.entry(
        "camera-changed",
        before.code.to_string(),
        Some(camera.region),
    )?;
    let made = Change::Replace(Box::new(camera.clone()))
        .by(&call.user()?.user)
        .on(before.code, revision);
    let made = call
        .gateway
        .register
        .change(call.gateway.now(), made.into())
        .await;
    made.map_err(|error| overtaken(&call, &camera, error))?;
    call.audit(entry).await?;
    show(&call, &camera, StatusCode::OK)
}

/// 409 that says who was faster, and in which fields the two do not agree.
fn overtaken(call: &Call, mine: &command::Camera, error: ChangeError<register::Error>) -> Problem {
    let (revision, expected) = match &error {
        ChangeError::Refused(register::Error::Stale {
            revision, expected, ..
        }) => (*revision, *expected),
        _ => return error.into(),
    };
    let register = call.gateway.register.read();
    let base = register.version(&mine.code, expected);
    let base = base.and_then(|v| v.state.as_deref());
    let theirs = register.camera(&mine.code).map(AsRef::as_ref);
    let last = register.file(&mine.code).and_then(|f| f.versions().last());
    let more = serde_json::json!({
        "revision": revision,
        "by": last.map(|v| v.by.as_ref()),
        "at": last.map(|v| v.at),
        "differences": fields::conflicts(base, theirs, mine),
    });
    Problem::from(error).with(more)
}

/// `DELETE /cameras/{code}`.
pub(super) async fn remove(call: Call) -> Answer {
    let camera = call.camera(Action::ChangeRegister)?;
    let revision = call.query_within("revision", 0, u64::from(u32::MAX))?;
    let revision = revision.map(|r| r as u32);
    let entry = call.entry(
        "camera-removed",
        camera.code.to_string(),
        Some(camera.region),
    )?;
    call.gateway
        .register
        .change(
            call.gateway.now(),
            Change::Remove(camera.code)
                .by(&call.user()?.user)
                .on(camera.code, revision)
                .into(),
        )
        .await?;
    call.audit(entry).await?;
    empty()
}

/// `GET /cameras/{code}/snapshot.jpg`.
pub(super) async fn snapshot(call: Call) -> Answer {
    let width = call.query_within("width", 32, 1920)?.unwrap_or(640) as u32;
    let at: Option<WallTime> = call.query("at")?;
    let camera = call.camera(match at {
        Some(_) => Action::Playback,
        None => Action::Watch,
    })?;
    let action = if at.is_some() {
        "playback-still"
    } else {
        "still"
    };
    let mut entry = call.entry(action, camera.code.to_string(), Some(camera.region))?;
    if let Some(at) = at {
        entry.detail = format!("around {at}");
    }
    let session = call.signed()?.session.id;
    // A page asks for a still every second or so: the log says once in ten minutes that it does.
    if call
        .gateway
        .repeats
        .is_first((session, action, camera.code, String::new()))
    {
        call.audit(entry).await?;
    }
    let still = match at {
        Some(at) => stills::recorded(&call.gateway, camera.code, at, width).await?,
        None => stills::newest(&call.gateway, &camera, width).await?,
    };
    let etag = HeaderValue::from_str(&still.etag).map_err(Problem::internal)?;
    let unchanged = call
        .headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|given| *given == etag);
    let mut response = bytes("image/jpeg", still.jpeg);
    if unchanged {
        response = bytes("image/jpeg", "");
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    if let Ok(at) = HeaderValue::from_str(&still.at.to_string()) {
        headers.insert("sightline-time", at);
    }
    Ok(response)
}

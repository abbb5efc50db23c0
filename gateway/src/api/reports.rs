//! What people and other systems tell of: reports with a place and a photo, the intake, and CAP in and out.

use ::media::{
    CameraId, Event, EventKind, Grade, Place, RegionCode, WallTime,
    event::{More, Photo},
};
use bytes::Bytes;
use command::cap::{self, MessageType, Severity, Status};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::{Answer, Call, Problem, bytes, events, view::EventView, with_json};
use crate::{access::Action, photo, rules::place_of};

/// A text of people, characters.
const MAX_TEXT: usize = 2000;
const MAX_KEY: usize = 128;
/// How far in the past what another system tells of may have begun, and in the future, seconds: beyond, its clock is wrong.
const PAST_S: u64 = 30 * 86_400;
const FUTURE_S: u64 = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    #[serde(default)]
    text: String,
    #[serde(default)]
    grade: Option<Grade>,
    #[serde(default)]
    camera: Option<CameraId>,
    #[serde(default)]
    place: Option<Place>,
    #[serde(default)]
    region: Option<RegionCode>,
    #[serde(default)]
    key: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FromSystem {
    key: String,
    text: String,
    #[serde(default)]
    grade: Option<Grade>,
    #[serde(default)]
    camera: Option<CameraId>,
    #[serde(default)]
    place: Option<Place>,
    #[serde(default)]
    region: Option<RegionCode>,
    #[serde(default)]
    start: Option<WallTime>,
    #[serde(default)]
    end: Option<WallTime>,
    #[serde(default)]
    exercise: bool,
}

/// Where something is, from what is said of it; and whether the user may tell of it there.
fn region(
    call: &Call,
    camera: Option<CameraId>,
    region: Option<RegionCode>,
    place: Option<Place>,
) -> Result<RegionCode, Problem> {
    if place.is_some_and(|p| !p.is_valid()) {
        return Err(Problem::bad(
            "place",
            "longitude is -180 to 180, latitude -90 to 90",
        ));
    }
    let register = call.gateway.register.read();
    let region = match (camera, region) {
        (Some(code), _) => {
            let camera = register.camera(&code).ok_or_else(|| {
                Problem::bad("camera", format!("camera {code} is not in the register"))
            })?;
            camera.region
        }
        (None, Some(region)) => {
            super::cameras::region_is_known(call, region)?;
            region
        }
        (None, None) => call.user()?.region,
    };
    call.may(Action::Report, region, region.as_str())?;
    Ok(region)
}

fn check_text(field: &str, text: &str, most: usize) -> Result<(), Problem> {
    match text.chars().count() {
        n if n > most => Err(Problem::bad(
            field,
            format!("{n} characters, at most {most}"),
        )),
        _ => Ok(()),
    }
}

fn admit(call: &Call) -> Result<(), Problem> {
    let per_minute = call.gateway.config.events.intake_per_minute;
    let user = &call.user()?.user;
    let admitted = call
        .gateway
        .intake
        .admit(std::time::Instant::now(), user, per_minute);
    admitted.map_err(|wait| {
        let mut problem = Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many",
            format!("more than {per_minute} a minute from one sender"),
        );
        problem.retry_after_s = Some(wait);
        problem
    })
}

async fn keep(call: &Call, event: Event, change: impl FnOnce(&mut Event) + Send) -> Answer {
    let entry = {
        let mut entry = call.entry("event-told", event.id.to_string(), event.region)?;
        entry.detail = format!("{}: {}", event.kind.as_str(), event.text);
        entry
    };
    let (event, new) = call.gateway.book.told(event, change).await?;
    if new {
        call.audit(entry).await?;
    }
    let status = match new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    with_json(status, &EventView::of(&call.gateway.register.read(), event))
}

fn event(call: &Call, kind: EventKind, region: RegionCode, start: WallTime) -> Event {
    Event {
        id: call.gateway.new_id(start),
        kind,
        camera: None,
        region: Some(region),
        start,
        last: start,
        end: Some(start),
        count: 1,
        repeats: None,
        grade: Grade::III,
        score: 1.0,
        text: String::new(),
        snapshot: false,
        acknowledged: None,
        incident: None,
        more: More::default(),
    }
}

/// `POST /events`: a person reports something. The gateway's clock says when: a phone's may be hours wrong.
pub(super) async fn report(call: Call) -> Answer {
    admit(&call)?;
    let given: Report = call.json()?;
    check_text("text", &given.text, MAX_TEXT)?;
    check_text("key", given.key.as_deref().unwrap_or_default(), MAX_KEY)?;
    if given.text.trim().is_empty() && given.camera.is_none() {
        return Err(Problem::bad(
            "text",
            "is missing: say what there is, or on which camera",
        ));
    }
    let region = region(&call, given.camera, given.region, given.place)?;
    let user = call.user()?.user.clone();
    let event = Event {
        camera: given.camera,
        grade: given.grade.unwrap_or(Grade::III),
        text: given.text,
        more: More {
            place: given.place,
            by: Some(user),
            key: given.key,
            ..More::default()
        },
        ..event(&call, EventKind::Manual, region, call.gateway.now())
    };
    keep(&call, event, |_| ()).await
}

/// `POST /intake`: another system tells of something; under the same key it tells more of it.
pub(super) async fn intake(call: Call) -> Answer {
    admit(&call)?;
    let given: FromSystem = call.json()?;
    check_text("text", &given.text, MAX_TEXT)?;
    check_text("key", &given.key, MAX_KEY)?;
    if given.key.is_empty() {
        return Err(Problem::bad("key", "is empty: the sender's own mark of it"));
    }
    if given.text.trim().is_empty() {
        return Err(Problem::bad("text", "is empty"));
    }
    let now = call.gateway.now();
    let start = within("start", given.start.unwrap_or(now), now)?;
    if given.start.is_some() && given.end.is_some_and(|end| end < start) {
        return Err(Problem::bad("end", "is before 'start'"));
    }
    let region = region(&call, given.camera, given.region, given.place)?;
    let user = call.user()?.user.clone();
    // One that another user told of is not this one's to change: marks are each sender's own.
    let event = Event {
        camera: given.camera,
        last: given.end.unwrap_or(now).max(start),
        end: given.end.map(|end| end.max(start)),
        grade: given.grade.unwrap_or(Grade::III),
        text: given.text.clone(),
        more: More {
            place: given.place,
            by: Some(user),
            key: Some(given.key),
            exercise: given.exercise,
            ..More::default()
        },
        ..event(&call, EventKind::External, region, start)
    };
    keep(&call, event, move |e| {
        e.text = given.text;
        e.last = e.last.max(now);
        e.grade = given.grade.unwrap_or(e.grade);
        if let Some(end) = given.end {
            e.end = Some(end.max(e.start));
            e.last = e.end.unwrap_or(e.last);
        }
    })
    .await
}

/// What a sender's clock says, if it can be.
fn within(field: &str, at: WallTime, now: WallTime) -> Result<WallTime, Problem> {
    if now.since(at).as_secs() > PAST_S || at.since(now).as_secs() > FUTURE_S {
        let text = format!(
            "{at} is more than 30 days before or 5 minutes after the gateway's {now}: the sender's clock or zone is wrong"
        );
        return Err(Problem::bad(field, text));
    }
    Ok(at)
}

fn refused(error: &cap::Error) -> Problem {
    let status = match error {
        cap::Error::Long => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(status, "bad-cap", error.to_string())
}

/// `POST /intake/cap`: a CAP 1.2 message.
pub(super) async fn cap_in(call: Call) -> Answer {
    admit(&call)?;
    let message = cap::read(&call.body).map_err(|e| refused(&e))?;
    let now = call.gateway.now();
    let of = |field: &str, text: String| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-cap",
            format!("{field}: {text}"),
        )
    };
    let sent = within("sent", message.sent, now).map_err(|p| Problem {
        code: "bad-cap",
        ..p
    })?;
    if matches!(message.status, Status::Draft | Status::System) {
        return Err(of(
            "status",
            format!("{} is not to be acted on", message.status.as_str()),
        ));
    }
    if matches!(message.kind, MessageType::Ack | MessageType::Error) {
        return Err(of(
            "msgType",
            format!("{} tells of no event", message.kind.as_str()),
        ));
    }
    let by = format!("cap:{}", message.sender);
    if message.kind == MessageType::Cancel {
        return cancel(&call, &message, &by, now).await;
    }
    // The first in Chinese, else the first.
    let chinese = message
        .infos
        .iter()
        .find(|i| i.language.to_ascii_lowercase().starts_with("zh"));
    let info = chinese
        .or(message.infos.first())
        .ok_or_else(|| of("info", "is missing".into()))?;
    let place = info.place();
    let region = cap_region(&call, info)?;
    call.may(Action::Report, region, region.as_str())?;
    for reference in &message.references {
        end(&call, &by, &reference.identifier, now).await?;
    }
    let start = info
        .onset
        .filter(|o| *o <= now)
        .map_or(sent, |o| o.max(sent));
    let expires = info.expires.filter(|e| *e <= now).map(|e| e.max(start));
    let text = match info.headline.is_empty() {
        true => info.event.clone(),
        false => info.headline.clone(),
    };
    let mut text: String = [text, info.description.clone(), info.instruction.clone()]
        .into_iter()
        .filter(|t| !t.is_empty())
        .collect::<Vec<_>>()
        .join(" · ");
    if text.chars().count() > MAX_TEXT {
        text = text.chars().take(MAX_TEXT - 1).chain(['…']).collect();
    }
    let exercise = message.status != Status::Actual;
    let event = Event {
        last: expires.unwrap_or(now).max(start),
        end: expires,
        grade: match exercise {
            true => Grade::IV,
            false => info.severity.grade(),
        },
        text,
        more: More {
            place,
            by: Some(by),
            key: Some(message.identifier.clone()),
            exercise,
            ..More::default()
        },
        ..event(&call, EventKind::External, region, start)
    };
    keep(&call, event, |_| ()).await
}

/// The deepest region that the message names by its code and that is one of the user's; else the user's own.
fn cap_region(call: &Call, info: &cap::Info) -> Result<RegionCode, Problem> {
    let register = call.gateway.register.read();
    let mine = call.user()?.region;
    let named = info
        .areas
        .iter()
        .flat_map(|a| &a.geocodes)
        .filter_map(|(_, value)| value.parse::<RegionCode>().ok())
        .filter(|r| register.region(r).is_some() && r.is_within(&mine));
    Ok(named.max_by_key(|r| r.as_str().len()).unwrap_or(mine))
}

async fn end(call: &Call, by: &str, key: &str, now: WallTime) -> Result<Option<Event>, Problem> {
    let Some(id) = call.gateway.book.find_told(by, key).await else {
        return Ok(None);
    };
    let Some(event) = call.gateway.book.events().get(id).await? else {
        return Ok(None);
    };
    if let Some(region) = event.region {
        call.may(Action::Report, region, &id.to_string())?;
    }
    let ended = call.gateway.book.change(id, |e| {
        e.end.get_or_insert(now.max(e.last));
    });
    Ok(ended.await?)
}

async fn cancel(call: &Call, message: &cap::Message, by: &str, now: WallTime) -> Answer {
    let mut last = None;
    for reference in &message.references {
        if reference.sender != message.sender {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "bad-cap",
                "references: a sender may cancel its own messages only",
            ));
        }
        last = end(call, by, &reference.identifier, now).await?.or(last);
    }
    let event = last.ok_or_else(|| Problem::not_found("nothing that it refers to is known"))?;
    let entry = call.entry("event-cancelled", event.id.to_string(), event.region)?;
    call.audit(entry).await?;
    with_json(
        StatusCode::OK,
        &EventView::of(&call.gateway.register.read(), event),
    )
}

/// `GET /events/{id}/cap.xml`: an event as a CAP 1.2 message.
pub(super) async fn cap_out(call: Call) -> Answer {
    let event = events::existing(&call, Action::ReadEvents).await?;
    let district = &call.gateway.config.district;
    let register = call.gateway.register.read();
    let region = event.region.unwrap_or(district.code);
    let name = register
        .region(&region)
        .map_or_else(|| region.to_string(), |r| r.name.clone());
    let camera = event.camera.and_then(|c| register.camera(&c).cloned());
    let place = place_of(&call.gateway, &event);
    let headline = match &camera {
        Some(camera) => format!("{}: {}", event.kind.as_str(), camera.name),
        None => event.kind.as_str().to_owned(),
    };
    let is_fault = !matches!(
        event.kind,
        EventKind::Motion | EventKind::Manual | EventKind::External
    );
    let message = cap::Message {
        identifier: event.id.to_string(),
        sender: format!("sightline.{}", district.code),
        sent: event.last,
        status: match event.more.exercise {
            true => Status::Exercise,
            false => Status::Actual,
        },
        kind: MessageType::Alert,
        scope: "Private".into(),
        references: Vec::new(),
        infos: vec![cap::Info {
            language: "zh-CN".into(),
            categories: vec![if is_fault { "Infra" } else { "Safety" }.into()],
            event: event.kind.as_str().into(),
            urgency: match event.end {
                None => cap::Urgency::Immediate,
                Some(_) => cap::Urgency::Past,
            },
            severity: Severity::of(event.grade),
            certainty: cap::Certainty::Observed,
            onset: Some(event.start),
            expires: event.end,
            headline,
            description: event.text.clone(),
            instruction: String::new(),
            areas: vec![cap::Area {
                description: name,
                polygons: Vec::new(),
                circles: place
                    .map(|center| cap::Circle {
                        center,
                        radius_km: 0.0,
                    })
                    .into_iter()
                    .collect(),
                geocodes: vec![("GB/T 2260".into(), region.to_string())],
            }],
        }],
    };
    let text = cap::write(&message, district.utc_offset.0);
    let mut response = bytes("application/cap+xml", text);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `PUT /events/{id}/photo`: the photo itself, of what one has reported oneself, or handles.
pub(super) async fn put_photo(call: Call) -> Answer {
    let event = events::existing(&call, Action::Report).await?;
    let user = call.user()?.user.clone();
    if event.more.by.as_deref() != Some(user.as_str()) {
        let region = event.region.unwrap_or(call.gateway.config.district.code);
        call.may(Action::Handle, region, &event.id.to_string())?;
    }
    let file: Bytes = call.body.clone();
    let kept = call.gateway.photos.keep(event.id, file).await?;
    let photo: Photo = kept.photo.clone();
    let mut entry = call.entry("event-photo", event.id.to_string(), event.region)?;
    entry.detail = format!("{} bytes, SHA-256 {}", photo.bytes, photo.sha256);
    call.audit(entry).await?;
    let event = call
        .gateway
        .book
        .picture(event.id, kept.shown, true, |e| {
            // Where it was taken is where it is, if nobody has said so.
            if e.more.place.is_none() && e.camera.is_none() {
                e.more.place = photo.taken_at;
            }
            e.more.photo = Some(photo);
        })
        .await?
        .ok_or_else(|| Problem::not_found("the event is gone"))?;
    super::json(&EventView::of(&call.gateway.register.read(), event))
}

/// `GET /events/{id}/photo`: the file as it came, with all that it says beside the picture.
pub(super) async fn photo(call: Call) -> Answer {
    let event = events::existing(&call, Action::Handle).await?;
    let nothing = || Problem::not_found("no photo came with this event, or it is gone by now");
    let photo = event.more.photo.as_ref().ok_or_else(nothing)?;
    let entry = call.entry("event-photo-seen", event.id.to_string(), event.region)?;
    call.audit(entry).await?;
    let file = call.gateway.photos.read(event.id, &photo.format).await;
    let kind = match photo.format.as_str() {
        "png" => "image/png",
        _ => "image/jpeg",
    };
    let mut response = bytes(kind, file.ok_or_else(nothing)?);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl From<photo::Error> for Problem {
    fn from(error: photo::Error) -> Self {
        let (status, code) = match error {
            photo::Error::Disk(error) => return error.into(),
            photo::Error::Long => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            photo::Error::NoPhoto | photo::Error::Broken(_) => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "no-photo")
            }
        };
        Self::new(status, code, error.to_string())
    }
}

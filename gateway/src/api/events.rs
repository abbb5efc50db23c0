//! Events.

use ::media::{CameraId, Event, EventId, EventKind, RegionCode, event::Acknowledgement};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use storage::events::Query;

use super::{Answer, Call, Problem, bytes, json, problem, view::EventView};
use crate::access::Action;

#[derive(Serialize)]
struct Page {
    events: Vec<EventView>,
    next: Option<EventId>,
}

/// `GET /events`.
pub(super) async fn list(call: Call) -> Answer {
    let user = call.user()?;
    let asked: Option<RegionCode> = call.query("region")?;
    // What is asked for and what may be seen: the deeper of the two, if they lie on one path.
    let region = match asked {
        Some(asked) if user.region.is_within(&asked) => user.region,
        Some(asked) => {
            call.may(Action::ReadEvents, asked, asked.as_str())?;
            asked
        }
        None => user.region,
    };
    let camera: Option<CameraId> = call.query("camera")?;
    if let Some(code) = camera {
        let known = call.gateway.register.read().camera(&code).cloned();
        if let Some(known) = known {
            call.may(Action::ReadEvents, known.region, code.as_str())?;
        }
    }
    let open_only = match call.query.get("state").map(String::as_str) {
        None | Some("all") => false,
        Some("open") => true,
        Some(_) => return Err(Problem::bad("state", "expected open or all")),
    };
    let query = Query {
        from: call.query("from")?,
        to: call.query("to")?,
        camera,
        region: Some(region),
        kind: call.query::<EventKind>("kind")?,
        open_only,
        before: call.query("before")?,
        limit: call.query_within("limit", 1, 1000)?.unwrap_or(100) as usize,
    };
    let (events, next) = call.gateway.book.events().query(query).await?;
    let register = call.gateway.register.read();
    let events = events
        .into_iter()
        .map(|e| EventView::of(&register, e))
        .collect();
    json(&Page { events, next })
}

/// The event in the path, if the user may do this with it.
pub(super) async fn existing(call: &Call, action: Action) -> Result<Event, Problem> {
    let id: EventId = call
        .param("id")
        .parse()
        .map_err(|e| problem::bad_code("id", &e))?;
    let event = call.gateway.book.events().get(id).await?;
    let event = event.ok_or_else(|| Problem::not_found(format!("there is no event {id}")))?;
    let region = event.region.unwrap_or(call.gateway.config.district.code);
    call.may(action, region, &id.to_string())?;
    Ok(event)
}

fn show(call: &Call, event: Event) -> Answer {
    json(&EventView::of(&call.gateway.register.read(), event))
}

/// `GET /events/{id}`. Where a photo was taken by its own account is told to those who handle events.
pub(super) async fn one(call: Call) -> Answer {
    let event = existing(&call, Action::ReadEvents).await?;
    let region = event.region.unwrap_or(call.gateway.config.district.code);
    let taken_at = event.more.photo.as_ref().and_then(|p| p.taken_at);
    let mut view = EventView::of(&call.gateway.register.read(), event);
    if call.sees(Action::Handle, region) {
        view.taken_at(taken_at);
    }
    json(&view)
}

/// `GET /events/{id}/snapshot.jpg`.
pub(super) async fn snapshot(call: Call) -> Answer {
    let event = existing(&call, Action::SeeEvent).await?;
    let found = call.gateway.book.events().snapshot(event.id).await;
    let jpeg = found.ok_or_else(|| Problem::not_found("this event has no picture"))?;
    let mut response = bytes("image/jpeg", jpeg);
    // The picture of an event may be replaced once, while it begins.
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=60"),
    );
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    #[serde(default)]
    note: String,
}

/// `POST /events/{id}/acknowledge`.
pub(super) async fn acknowledge(call: Call) -> Answer {
    let event = existing(&call, Action::Acknowledge).await?;
    let note = match call.body.is_empty() {
        true => String::new(),
        false => call.json::<Note>()?.note,
    };
    if note.chars().count() > 4000 {
        return Err(Problem::bad("note", "longer than 4000 characters"));
    }
    let by = call.user()?.user.clone();
    let entry = call.entry("event-acknowledged", event.id.to_string(), event.region)?;
    let acknowledged = Acknowledgement {
        by,
        at: call.gateway.now(),
        note,
    };
    let event = call
        .gateway
        .book
        .change(event.id, |e| {
            // The first one stands: who saw it first is what counts.
            e.acknowledged.get_or_insert(acknowledged);
        })
        .await?
        .ok_or_else(|| Problem::not_found("the event is gone"))?;
    call.audit(entry).await?;
    show(&call, event)
}

//! `GET /stream`: what changes, as it changes (server-sent events).

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use tokio::sync::broadcast::error::RecvError;
use warp::Reply;

use super::{Answer, Call, OneReader};
use crate::{
    access::{self, Action, Target, User},
    gateway::Gateway,
    hub::{Message, Topic},
    walls,
};

/// A comment is sent after so long without a message, so that proxies and dead connections are noticed.
const QUIET: Duration = Duration::from_secs(15);

fn sees(gateway: &Gateway, user: &User, message: &Message) -> bool {
    let about = &message.about;
    if let Some(number) = user.wall {
        return on_screen(gateway, user, number, message);
    }
    if let Some(wall) = &about.wall {
        return walls::may_look(user, wall).is_ok();
    }
    let action = match message.topic {
        Topic::Camera | Topic::Wall | Topic::Screens => Action::Look,
        Topic::Event | Topic::Incident | Topic::Position | Topic::Notice => Action::ReadEvents,
    };
    let target = match (about.incident, about.region) {
        (Some(id), Some(region)) => Target::Incident(id, region),
        (_, Some(region)) => Target::Region(region),
        (_, None) => Target::Gateway,
    };
    access::may(user, action, target).is_ok()
}

/// What a screen without an account hears: of its wall, of the cameras on it, and of alarms where it shows them.
fn on_screen(gateway: &Gateway, user: &User, number: u32, message: &Message) -> bool {
    let about = &message.about;
    match message.topic {
        Topic::Wall => about.wall.as_ref().is_some_and(|w| w.number == number),
        Topic::Event => gateway.wall_hears(number, about.region),
        Topic::Camera => {
            let register = gateway.register.read();
            let camera = about.camera.as_ref().and_then(|c| register.camera(c));
            camera.is_some_and(|c| access::may(user, Action::Look, gateway.target(user, c)).is_ok())
        }
        Topic::Incident | Topic::Position | Topic::Notice | Topic::Screens => false,
    }
}

fn text(message: &Message) -> Bytes {
    let name = message.topic.as_str();
    format!(
        "id: {}\nevent: {name}\ndata: {}\n\n",
        message.id, message.json
    )
    .into()
}

/// `GET /stream`.
pub(super) async fn stream(call: Call) -> Answer {
    let signed = call.signed()?.clone();
    let hub = &call.gateway.hub;
    let last = call
        .headers
        .get("last-event-id")
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    // Subscribed before the past is read, so that nothing falls between the two.
    let live = hub.subscribe();
    let mut waiting: VecDeque<Bytes> = VecDeque::new();
    let hello = serde_json::json!({ "now": call.gateway.now() });
    waiting.push_back(format!("retry: 2000\nevent: hello\ndata: {hello}\n\n").into());
    let mut seen = 0;
    if let Some(last) = last {
        match hub.since(&last) {
            Some(missed) => {
                for message in missed {
                    seen = message.number;
                    if sees(&call.gateway, &signed.user, &message) {
                        waiting.push_back(text(&message));
                    }
                }
            }
            None => waiting.push_back(resync()),
        }
    }
    let state = Reader {
        _hold: signed.session.hold(),
        stop: call.gateway.stop.clone(),
        gateway: Arc::clone(&call.gateway),
        user: signed.user,
        session: signed.session,
        live,
        waiting,
        seen,
    };
    let content = OneReader::new(Box::pin(stream::unfold(state, |mut state| async move {
        let piece = state.next().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), state))
    })));
    let mut response = warp::reply::stream(content).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn resync() -> Bytes {
    Bytes::from_static(b"event: resync\ndata: {}\n\n")
}

struct Reader {
    _hold: access::sessions::Hold,
    stop: tokio_util::sync::CancellationToken,
    gateway: Arc<Gateway>,
    user: User,
    session: Arc<access::Session>,
    live: tokio::sync::broadcast::Receiver<Arc<Message>>,
    waiting: VecDeque<Bytes>,
    /// Number of the newest message sent.
    seen: u64,
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(piece) = self.waiting.pop_front() {
            return Some(piece);
        }
        loop {
            let received = tokio::select! {
                received = tokio::time::timeout(QUIET, self.live.recv()) => received,
                () = self.session.revoked.cancelled() => return None,
                () = self.stop.cancelled() => return None,
            };
            match received {
                Err(_) => return Some(Bytes::from_static(b": quiet\n\n")),
                Ok(Ok(message)) if message.number <= self.seen => {}
                Ok(Ok(message)) => {
                    self.seen = message.number;
                    if sees(&self.gateway, &self.user, &message) {
                        return Some(text(&message));
                    }
                }
                Ok(Err(RecvError::Lagged(_))) => return Some(resync()),
                Ok(Err(RecvError::Closed)) => return None,
            }
        }
    }
}

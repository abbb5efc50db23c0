//! What is done about an event once it has begun: what it happened together with, which rules it fires, a picture of the moment.
//!
//! The cores are [`command::rules`]; here they meet the book, the incidents, the audit log and the pages.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use command::{
    Store,
    incident::{Change, Opening, Words},
    rules::{Act, Engine, Fired, Happening, Limited, Placed, Rule, Rules, Together},
};
use media::{CameraId, Event, EventId, EventKind, Place, RegionCode, WallTime};
use serde::Serialize;
use storage::Error;
use tokio::sync::mpsc;

use crate::{audit::Entry, gateway::Gateway};

/// The rules, and what they did lately.
#[derive(Debug)]
pub struct RuleBook {
    /// As they are written.
    pub rules: Arc<Store<Rules>>,
    engine: Mutex<Engine>,
    told: Mutex<VecDeque<Told>>,
}

/// What a rule did, or did not since it fires too often.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// When.
    pub at: WallTime,
    /// Which rule.
    pub rule: String,
    /// What people call it.
    pub name: String,
    /// On which event; none where it was held back.
    pub event: Option<EventId>,
    /// Of which camera.
    pub camera: Option<CameraId>,
    /// Where.
    pub region: Option<RegionCode>,
    /// How many events were counted, or how often it was held back.
    pub count: u64,
    /// The incident that was opened, or that it was added to.
    pub incident: Option<EventId>,
    /// What people are told; empty: nothing.
    pub text: String,
}

/// Of a picture of the moment, pixels.
const PICTURE_WIDTH: u32 = 640;
/// What rules did lately, kept for the page; all of it is in the audit log.
const KEPT: usize = 500;

impl RuleBook {
    /// Reads them. Blocking.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            rules: Store::open(path)?,
            engine: Mutex::default(),
            told: Mutex::default(),
        })
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, told: Told) {
        let mut kept = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(told);
        kept.truncate(KEPT);
    }

    /// What they did lately, the newest first.
    pub fn lately(&self) -> Vec<Told> {
        let kept = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}

/// Looks at each event that has begun; runs until the gateway stops.
pub(crate) async fn run(gateway: Arc<Gateway>, mut begun: mpsc::Receiver<Event>) {
    let mut together = Together::default();
    let mut tidied: Option<Instant> = None;
    loop {
        if tidied.is_none_or(|at| at.elapsed() > Duration::from_secs(3600)) {
            tidied = Some(Instant::now());
            tidy(&gateway).await;
        }
        let event = tokio::select! {
            event = begun.recv() => event,
            () = tokio::time::sleep(Duration::from_secs(3600)) => continue,
            () = gateway.stop.cancelled() => return,
        };
        let Some(event) = event else { return };
        let id = event.id;
        if let Err(error) = look(&gateway, &mut together, event).await {
            tracing::error!(event = %id, %error, "what a rule asks for could not be done");
        }
    }
}

async fn tidy(gateway: &Gateway) {
    let days = gateway.config.events.photo_days;
    if let Err(error) = gateway.photos.tidy(gateway.now(), days).await {
        tracing::error!(%error, "old photos could not be deleted");
    }
}

async fn look(gateway: &Arc<Gateway>, together: &mut Together, event: Event) -> Result<(), Error> {
    if let Some(first) = happened_together(gateway, together, &event) {
        let book = &gateway.book;
        book.change(event.id, |e| e.more.together = Some(first))
            .await?;
        book.change(first, |e| e.more.others = e.more.others.saturating_add(1))
            .await?;
    }
    let Some(happening) = Happening::of(&event) else {
        return Ok(());
    };
    let rules = gateway.rules.rules.read();
    let offset = gateway.config.district.utc_offset.0;
    let outcome = {
        let mut engine = gateway.rules.engine();
        engine.retain(|id| rules.get(id).is_some());
        engine.handle(rules.all(), &happening, offset)
    };
    for limited in &outcome.limited {
        hold_back(gateway, &rules, limited).await?;
    }
    for fired in &outcome.fired {
        fire(gateway, fired, &event).await?;
    }
    if !event.snapshot && event.camera.is_some() && is_told(event.kind) {
        let gateway = Arc::clone(gateway);
        // A camera that has to be asked first takes seconds: the next event does not wait for it.
        let tasks = gateway.tasks.clone();
        tasks.spawn(async move { take_picture(&gateway, &event).await });
    }
    Ok(())
}

fn is_told(kind: EventKind) -> bool {
    matches!(kind, EventKind::Manual | EventKind::External)
}

/// Where an event is: its own place, or its camera's.
pub(crate) fn place_of(gateway: &Gateway, event: &Event) -> Option<Place> {
    let register = gateway.register.read();
    let of_camera = || register.camera(event.camera.as_ref()?)?.place;
    event.more.place.or_else(of_camera)
}

fn happened_together(gateway: &Gateway, together: &mut Together, event: &Event) -> Option<EventId> {
    let is_somewhere = !matches!(event.kind, EventKind::RateLow | EventKind::Disk);
    if !is_somewhere || event.repeats.is_some() {
        return None;
    }
    let placed = Placed {
        id: event.id,
        kind: event.kind,
        camera: event.camera,
        place: place_of(gateway, event)?,
        at: event.start,
    };
    together.handle(placed, &gateway.config.events.together)
}

fn who(rule: &str) -> String {
    format!("rule:{rule}")
}

async fn hold_back(gateway: &Gateway, rules: &Rules, limited: &Limited) -> Result<(), Error> {
    let Some(rule) = rules.get(&limited.rule) else {
        return Ok(());
    };
    let now = gateway.now();
    tracing::warn!(
        rule = limited.rule,
        suppressed = limited.suppressed,
        "a rule fires so often that it is held back"
    );
    let mut entry = Entry::new(&who(&rule.id), "", "rule-held-back", rule.id.clone());
    entry.region = Some(rule.region);
    entry.detail = format!("{} times", limited.suppressed);
    gateway.audit.write(now, entry).await?;
    let told = Told {
        at: now,
        rule: rule.id.clone(),
        name: rule.name.clone(),
        event: None,
        camera: None,
        region: Some(rule.region),
        count: limited.suppressed,
        incident: None,
        text: String::new(),
    };
    gateway.hub.notice(Some(rule.region), &told);
    gateway.rules.note(told);
    Ok(())
}

async fn fire(gateway: &Gateway, fired: &Fired, event: &Event) -> Result<(), Error> {
    let (rule, now) = (&fired.rule, gateway.now());
    let (mut incident, mut text) = (None, None);
    for act in &rule.acts {
        match act {
            Act::Incident { kind } => incident = draft(gateway, rule, kind, event).await?,
            Act::Notify(words) if words.is_empty() => text = Some(rule.name.clone()),
            Act::Notify(words) => text = Some(words.clone()),
            Act::Grade(_) | Act::Popup => {}
        }
    }
    gateway
        .book
        .change(event.id, |e| mark(e, rule, incident))
        .await?;
    let mut entry = Entry::new(&who(&rule.id), "", "rule-fired", event.id.to_string());
    entry.region = event.region;
    entry.detail = format!("{} events", fired.count);
    gateway.audit.write(now, entry).await?;
    let told = Told {
        at: now,
        rule: rule.id.clone(),
        name: rule.name.clone(),
        event: Some(event.id),
        camera: event.camera,
        region: event.region,
        count: fired.count.into(),
        incident,
        text: text.clone().unwrap_or_default(),
    };
    if text.is_some() {
        gateway.hub.notice(event.region, &told);
    }
    gateway.rules.note(told);
    Ok(())
}

/// What a rule leaves on its event.
fn mark(event: &mut Event, rule: &Rule, incident: Option<EventId>) {
    if !event.more.rules.contains(&rule.id) {
        event.more.rules.push(rule.id.clone());
    }
    for act in &rule.acts {
        match act {
            // The gravest of several rules stands.
            Act::Grade(grade) => event.grade = event.grade.min(*grade),
            Act::Popup => event.more.popup = true,
            Act::Incident { .. } | Act::Notify(_) => {}
        }
    }
    if let Some(incident) = incident {
        event.incident.get_or_insert(incident.to_string());
    }
}

/// Opens a draft, or adds to the one that this rule has opened there and that nobody has closed yet.
async fn draft(
    gateway: &Gateway,
    rule: &Rule,
    kind: &str,
    event: &Event,
) -> Result<Option<EventId>, Error> {
    let now = gateway.now();
    let region = event.region.unwrap_or(rule.region);
    let by = who(&rule.id);
    let open = {
        let incidents = gateway.incidents.read();
        let mine = incidents
            .newest()
            .take(2000)
            .find(|i| i.opened_by == by && i.region == region && i.state.is_open());
        mine.map(|i| i.id)
    };
    let text = format!("{} {}", event.kind.as_str(), event.text);
    let (id, change) = match open {
        Some(id) => {
            let words = Words {
                note: text,
                ..Words::default()
            };
            (id, Change::Note { id, by, words })
        }
        None => {
            let id = gateway.new_id(now);
            let opening = Opening {
                id,
                day: gateway.config.district.utc_offset.day(now),
                by,
                title: rule.name.clone(),
                kind: kind.to_owned(),
                grade: event.grade,
                region,
                place: place_of(gateway, event),
                cameras: event.camera.into_iter().collect(),
                event: Some(event.id),
                note: text,
            };
            (id, Change::Open(Box::new(opening)))
        }
    };
    match gateway.incidents.change(now, change).await {
        Ok(after) => {
            if let Some(incident) = after.get(&id) {
                gateway.hub.incident(incident);
            }
            Ok(Some(id))
        }
        Err(command::store::ChangeError::Journal(error)) => Err(error),
        Err(command::store::ChangeError::Refused(error)) => {
            tracing::warn!(rule = rule.id, %error, "a rule's incident is refused");
            Ok(None)
        }
    }
}

/// A picture of the moment, of what a person or another system told of on a camera.
async fn take_picture(gateway: &Gateway, event: &Event) {
    let Some(camera) = event.camera else { return };
    let camera = gateway.register.read().camera(&camera).cloned();
    let Some(camera) = camera.filter(|c| !c.disabled) else {
        return;
    };
    let Ok(still) = crate::stills::newest(gateway, &camera, PICTURE_WIDTH).await else {
        return;
    };
    // A photo that came meanwhile says more.
    let kept = gateway
        .book
        .picture(event.id, still.jpeg, false, |_| ())
        .await;
    if let Err(error) = kept {
        tracing::error!(event = %event.id, %error, "a picture of an event could not be kept");
    }
}

/// How fast each sender tells of things: so many at once, and as many a minute.
#[derive(Debug, Default)]
pub struct Intake(Mutex<HashMap<String, (f64, Option<Instant>)>>);

/// Senders that are remembered.
const MAX_SENDERS: usize = 1000;

impl Intake {
    /// Whether a sender may tell of one more; else after how many seconds.
    ///
    /// # Errors
    /// Seconds to wait.
    pub fn admit(&self, now: Instant, sender: &str, per_minute: u32) -> Result<(), u64> {
        let rate = f64::from(per_minute.max(1));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_SENDERS && !all.contains_key(sender) {
            all.clear();
        }
        let (used, since) = all.entry(sender.to_owned()).or_default();
        let passed = since.map_or(Duration::ZERO, |s| now.saturating_duration_since(s));
        *used = (*used - passed.as_secs_f64() * rate / 60.0).max(0.0);
        *since = Some(now);
        if *used + 1.0 > rate {
            return Err(((*used + 1.0 - rate) * 60.0 / rate).ceil().max(1.0) as u64);
        }
        *used += 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_held_to_its_rate_and_others_are_not() {
        let intake = Intake::default();
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let took = (0..1000).filter(|_| intake.admit(at(0), "a", 600).is_ok());
        assert_eq!(took.count(), 600);
        assert_eq!(intake.admit(at(0), "a", 600), Err(1));
        assert!(intake.admit(at(0), "b", 600).is_ok());
        let took = (0..1000).filter(|_| intake.admit(at(10), "a", 600).is_ok());
        assert_eq!(took.count(), 100);
        for n in 0..5000 {
            let _ = intake.admit(at(11), &n.to_string(), 600);
        }
        assert!(intake.0.lock().unwrap().len() <= MAX_SENDERS);
    }
}

//! Scheduled diagnosis: every camera is looked at for some seconds in turn, so that all are known to be well without all being
//! pulled. A feed that runs anyway is looked at where it is; the others are pulled as the least urgent use there is, within the
//! links' budgets and within a share of the checks' own.

mod round;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use command::Camera;
use media::{
    CameraId, EventKind, FeedId, Frame, Lease, Next, Priority, Profile, Reason, ReasonCode,
    SourceState, WallTime,
};
use serde::Serialize;
use tagger::{Phase, picture::Small, quality::Quality};
use tokio::{sync::Notify, task::JoinSet};

pub use round::{Progress, Round, Settings, Stop};

use crate::{feeds, gateway::Gateway};

/// What the last look at a camera gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// When.
    pub at: WallTime,
    /// What was seen.
    pub outcome: Outcome,
    /// Why there was no picture.
    pub reason: Option<Reason>,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A picture, and nothing wrong with it.
    Good,
    /// Too dark to see.
    Dark,
    /// No detail at all.
    Covered,
    /// It does not decode.
    Undecodable,
    /// No picture came; the reason says why.
    NoPicture,
}

impl Outcome {
    /// The event that tells of it.
    fn event(self) -> Option<EventKind> {
        match self {
            Self::Good | Self::NoPicture => None,
            Self::Dark => Some(EventKind::Dark),
            Self::Covered => Some(EventKind::Covered),
            Self::Undecodable => Some(EventKind::PictureLost),
        }
    }
}

/// What the checks have found, and how far they are.
#[derive(Debug)]
pub struct Checks {
    round: Mutex<Round>,
    last: Mutex<HashMap<CameraId, Check>>,
    /// Events that a check began, and when: the next one that finds nothing ends them.
    open: Mutex<HashMap<CameraId, (EventKind, WallTime)>>,
}

impl Checks {
    /// Nothing known.
    pub fn new(settings: Settings) -> Self {
        Self {
            round: Mutex::new(Round::new(settings)),
            last: Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// The last look at a camera.
    pub fn of(&self, camera: &CameraId) -> Option<Check> {
        lock(&self.last).get(camera).cloned()
    }

    /// How far the round is, and what the visits may take and take now.
    pub fn progress(&self) -> Progress {
        lock(&self.round).progress(Instant::now())
    }

    /// How many cameras of each outcome.
    pub fn outcomes(&self) -> HashMap<Outcome, usize> {
        let mut counts = HashMap::new();
        for check in lock(&self.last).values() {
            *counts.entry(check.outcome).or_insert(0) += 1;
        }
        counts
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often somebody new may be visited.
const TICK: Duration = Duration::from_millis(250);
/// How often the register and the rates are looked at, in ticks.
const REFRESH: u64 = 40;

/// Goes round until the gateway stops.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    if !gateway.config.diagnosis.enabled {
        return;
    }
    let mut timer = tokio::time::interval(TICK);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut visits, mut ticks) = (JoinSet::new(), 0u64);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            Some(_) = visits.join_next() => {}
            () = gateway.stop.cancelled() => return,
        }
        if ticks.is_multiple_of(REFRESH) {
            let stops = stops(&gateway);
            lock(&gateway.checks.round).set(Instant::now(), stops);
            forget(&gateway);
        }
        ticks += 1;
        loop {
            let next = lock(&gateway.checks.round).next(Instant::now());
            let Some(camera) = next else { break };
            let gateway = Arc::clone(&gateway);
            visits.spawn(async move { visit(&gateway, camera).await });
        }
    }
}

/// Every camera in service, with what a visit takes.
fn stops(gateway: &Gateway) -> Vec<Stop> {
    let register = gateway.register.read();
    let in_service = register.cameras().filter(|c| !c.disabled);
    in_service
        .filter_map(|camera| {
            let feed = visited(camera)?;
            let rate = match running(gateway, camera) {
                Some(_) => media::BitRate(0),
                None => gateway.supervisor.rate(feed)?,
            };
            Some(Stop {
                camera: camera.code,
                region: camera.region,
                rate,
            })
        })
        .collect()
}

fn forget(gateway: &Gateway) {
    let register = gateway.register.read();
    lock(&gateway.checks.last).retain(|code, _| register.camera(code).is_some());
    lock(&gateway.checks.open).retain(|code, _| register.camera(code).is_some());
}

/// The stream that is looked at: the small one.
fn visited(camera: &Camera) -> Option<FeedId> {
    let profile = match (&camera.sub_url, &camera.main_url) {
        (Some(_), _) => Profile::Sub,
        (None, Some(_)) => Profile::Main,
        (None, None) => return None,
    };
    Some(FeedId {
        camera: camera.code,
        profile,
    })
}

/// The newest key frame of a feed that plays anyway.
fn running(gateway: &Gateway, camera: &Camera) -> Option<Arc<Frame>> {
    [Profile::Sub, Profile::Main]
        .into_iter()
        .find_map(|profile| {
            let feed = gateway.supervisor.feed(FeedId {
                camera: camera.code,
                profile,
            })?;
            let live = feed.status.borrow().state == SourceState::Live;
            feed.ring.newest_key().filter(|_| live)
        })
}

async fn visit(gateway: &Arc<Gateway>, code: CameraId) {
    let camera = gateway.register.read().camera(&code).cloned();
    let looked = match camera {
        Some(camera) => look(gateway, &camera).await,
        None => Some(Err(Reason::new(ReasonCode::NotFound, "no longer on file"))),
    };
    let round = &gateway.checks.round;
    let Some(looked) = looked else {
        return lock(round).refused(Instant::now(), code);
    };
    lock(round).done(Instant::now(), code);
    let (outcome, reason) = match looked {
        Ok(outcome) => (outcome, None),
        Err(reason) => (Outcome::NoPicture, Some(reason)),
    };
    let check = Check {
        at: gateway.now(),
        outcome,
        reason,
    };
    tell(gateway, code, check).await;
}

/// A picture and its judgement, or why there is none; none: the links have no room for it.
async fn look(gateway: &Gateway, camera: &Camera) -> Option<Result<Outcome, Reason>> {
    if let Some(frame) = running(gateway, camera) {
        return Some(Ok(judged(gateway, frame).await));
    }
    let feed = visited(camera)?;
    let lease = match gateway.supervisor.pull(feed, Priority::Diagnosis) {
        Ok(lease) => lease,
        Err(reason) if reason.code == ReasonCode::LinkBudget => return None,
        Err(reason) => return Some(Err(reason)),
    };
    let patience = lock(&gateway.checks.round).visit();
    match tokio::time::timeout(patience, first_key(&lease)).await {
        Ok(Some(frame)) => {
            drop(lease);
            Some(Ok(judged(gateway, frame).await))
        }
        // Its room went to somebody else in between.
        Ok(None)
            if lease
                .feed
                .status
                .borrow()
                .reason
                .as_ref()
                .is_some_and(|r| r.code == ReasonCode::Preempted) =>
        {
            None
        }
        _ => {
            let reason = lease.feed.status.borrow().reason.clone();
            let nothing = || {
                let text = format!("no picture within {} s", patience.as_secs());
                Reason::new(ReasonCode::NoKeyFrame, text)
            };
            Some(Err(reason.unwrap_or_else(nothing)))
        }
    }
}

/// The first key frame; none where the feed ends.
pub(crate) async fn first_key(lease: &Lease) -> Option<Arc<Frame>> {
    let mut cursor = lease.feed.ring.cursor_at_key(Arc::new(Notify::new()));
    loop {
        match cursor.next().await {
            Next::Frame(frame) if frame.key => return Some(frame),
            Next::Frame(_) | Next::Skipped(_) => {}
            Next::Closed(_) => return None,
        }
    }
}

/// What the tagger's judge of pictures says of a key frame.
pub(crate) async fn judged(gateway: &Gateway, frame: Arc<Frame>) -> Outcome {
    let settings = gateway.config.tagger.quality.clone();
    // A few at a time, with the stills: decoding is most of the work.
    let _turn = gateway.stills.turn().await;
    let judged = tokio::task::spawn_blocking(move || {
        let width = Small::MAX_WIDTH;
        let Ok(picture) = ingest::decode::still(&frame.tracks.video, &frame.data, width) else {
            return Outcome::Undecodable;
        };
        let small = Small::of(0.0, picture.width, picture.height, &picture.luma);
        let Some(small) = small else {
            return Outcome::Undecodable;
        };
        let look = Quality::new(settings).judge(&small, true);
        match (look.dark, look.covered) {
            (true, _) => Outcome::Dark,
            (false, true) => Outcome::Covered,
            (false, false) => Outcome::Good,
        }
    });
    judged.await.unwrap_or(Outcome::Undecodable)
}

/// Keeps it, and tells of what began or ended. Cameras that the tagger watches have their events from there.
async fn tell(gateway: &Arc<Gateway>, code: CameraId, check: Check) {
    let before = lock(&gateway.checks.last).insert(code, check.clone());
    if before.is_none_or(|b| b.outcome != check.outcome || b.reason != check.reason) {
        gateway.hub.camera(gateway, &code);
    }
    if gateway.tagger.zones(code).is_some() || check.outcome == Outcome::NoPicture {
        return;
    }
    let mut tags = Vec::new();
    {
        let mut open = lock(&gateway.checks.open);
        let found = check.outcome.event();
        if let Some((kind, start)) = open.get(&code).copied()
            && found != Some(kind)
        {
            open.remove(&code);
            let text = "the next check found it well";
            tags.push(feeds::tag(code, kind, Phase::End, start, check.at, text));
        }
        if let Some(kind) = found
            && !open.contains_key(&code)
        {
            open.insert(code, (kind, check.at));
            let text = "found by a scheduled check";
            tags.push(feeds::tag(
                code,
                kind,
                Phase::Start,
                check.at,
                check.at,
                text,
            ));
        }
    }
    for tag in tags {
        gateway.take(tag).await;
    }
}

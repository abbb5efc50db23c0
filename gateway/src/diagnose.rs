//! Why a camera does not start: its diagnosis, run when somebody asks, step by step, each told as it is done.
//!
//! A stream that plays is not asked for a second session, which a camera may not have: its steps from authentication to the
//! first key frame are answered by the feed that runs.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ingest::{
    Source,
    diagnose::{Cause, Detail, Finding, Step},
};
use media::{
    CameraId, FeedId, Frame, Priority, Profile, Reason, Said, SourceState, WallTime, said,
};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    gateway::Gateway,
    visits::{self, Outcome},
};

/// A diagnosis, as far as it is.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Of which camera.
    pub camera: CameraId,
    /// Of which stream.
    pub profile: Profile,
    /// When it began.
    pub at: WallTime,
    /// Who asked.
    pub by: String,
    /// Whether it is still going on.
    pub running: bool,
    /// Whether the stream was playing, so that no session of its own was needed.
    pub live: bool,
    /// The steps that are done, in order.
    pub steps: Vec<Finding>,
}

impl Diagnosis {
    /// What failed first.
    pub fn failure(&self) -> Option<&Finding> {
        self.steps.iter().find(|s| s.cause.is_some())
    }
}

/// Diagnoses that run, and the last one of each camera.
#[derive(Debug, Default)]
pub struct Diagnoses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: HashMap<CameraId, watch::Receiver<Diagnosis>>,
    /// In the order in which they began.
    order: VecDeque<CameraId>,
    running: usize,
}

/// At once; one opens a few connections and decodes one picture.
const AT_ONCE: usize = 8;
/// Kept for who comes back to look.
const KEPT: usize = 256;
/// No diagnosis takes longer: each of its steps has its own time, and this is more than all of them.
const LONGEST: Duration = Duration::from_secs(60);

impl Diagnoses {
    /// The last one of a camera, perhaps still running.
    pub fn of(&self, camera: &CameraId) -> Option<watch::Receiver<Diagnosis>> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last.get(camera).cloned()
    }

    /// Begins one, or joins the one that runs; none where too many do.
    pub fn begin(
        &self,
        gateway: &Arc<Gateway>,
        feed: FeedId,
        by: &str,
    ) -> Option<watch::Receiver<Diagnosis>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = state.last.get(&feed.camera)
            && running.borrow().running
        {
            return Some(running.clone());
        }
        if state.running >= AT_ONCE {
            return None;
        }
        let (teller, told) = watch::channel(Diagnosis {
            camera: feed.camera,
            profile: feed.profile,
            at: gateway.now(),
            by: by.to_owned(),
            running: true,
            live: false,
            steps: Vec::with_capacity(Step::ALL.len()),
        });
        state.running += 1;
        if state.last.insert(feed.camera, told.clone()).is_none() {
            state.order.push_back(feed.camera);
        }
        if state.order.len() > KEPT
            && let Some(old) = state.order.pop_front()
        {
            state.last.remove(&old);
        }
        drop(state);
        let gateway_of_task = Arc::clone(gateway);
        gateway.tasks.spawn(async move {
            let gateway = gateway_of_task;
            let run = diagnose(&gateway, feed, &teller);
            tokio::select! {
                _ = tokio::time::timeout(LONGEST, run) => {}
                () = gateway.stop.cancelled() => {}
            }
            teller.send_modify(|d| d.running = false);
            let mut state = gateway
                .diagnoses
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            state.running -= 1;
        });
        Some(told)
    }
}

/// Runs one to its first failure, or to its end.
async fn diagnose(gateway: &Arc<Gateway>, feed: FeedId, teller: &watch::Sender<Diagnosis>) {
    let mut tell = |finding: Finding| teller.send_modify(|d| d.steps.push(finding));
    let begun = Instant::now();
    let file = |cause| Finding::failed(Step::File, cause, begun.elapsed(), "");
    let camera = gateway.supervisor.camera(feed.camera);
    let Some(camera) = camera else {
        return tell(file(Cause::NoStream));
    };
    if camera.disabled {
        return tell(file(Cause::Disabled));
    }
    let Some(source) = camera.source(feed.profile).cloned() else {
        return tell(file(Cause::NoStream));
    };
    let address = source.url.to_string();
    tell(Finding::passed(Step::File, begun.elapsed(), address));
    let (key, offset) = match live(gateway, feed) {
        Some((frame, offset)) => {
            teller.send_modify(|d| d.live = true);
            // The session shows that its address is reached; a second connection might be refused.
            running(gateway, feed, &source, &frame, &mut tell);
            (frame, offset)
        }
        None => match ask(gateway, feed, &source, &mut tell).await {
            Some(seen) => seen,
            None => return,
        },
    };
    let looked = Instant::now();
    let outcome = visits::judged(gateway, key).await;
    let took = looked.elapsed();
    if outcome == Outcome::Undecodable {
        return tell(Finding::failed(Step::Decode, Cause::NotDecoded, took, ""));
    }
    tell(Finding::passed(Step::Decode, took, ""));
    let seen = match outcome {
        Outcome::Dark => Finding::failed(Step::Picture, Cause::Dark, took, ""),
        Outcome::Covered => Finding::failed(Step::Picture, Cause::Covered, took, ""),
        _ => Finding::passed(Step::Picture, took, ""),
    };
    tell(seen);
    tell(clock(gateway, offset));
}

fn clock(gateway: &Gateway, offset_ms: Option<i64>) -> Finding {
    let passed = |detail: Detail| Finding::passed(Step::Clock, Duration::ZERO, detail);
    let Some(ms) = offset_ms else {
        let said = said!(
            "clock-untold",
            "it does not tell its clock (no RTCP sender report)"
        );
        return passed(said.into());
    };
    let text = format!("{:+.1} s", ms as f64 / 1e3);
    match ms.unsigned_abs() as f64 / 1e3 > gateway.config.diagnosis.clock_s {
        true => Finding::failed(Step::Clock, Cause::ClockWrong, Duration::ZERO, text),
        false => passed(text.into()),
    }
}

/// The newest key frame of a feed that plays, and its camera's clock.
fn live(gateway: &Gateway, feed: FeedId) -> Option<(Arc<Frame>, Option<i64>)> {
    let feed = gateway.supervisor.feed(feed)?;
    let status = feed.status.borrow().clone();
    let frame = feed.ring.newest_key()?;
    (status.state == SourceState::Live).then_some((frame, status.clock_offset_ms))
}

/// The steps that a running feed answers for.
fn running(
    gateway: &Gateway,
    feed: FeedId,
    source: &Source,
    frame: &Frame,
    tell: &mut impl FnMut(Finding),
) {
    let status = gateway.feeds.status(feed);
    let rate = status.map_or(media::BitRate(0), |s| s.bit_rate);
    let video = &frame.tracks.video;
    let details = [
        (
            Step::Name,
            source.url.host_str().unwrap_or_default().to_owned(),
        ),
        (Step::Route, String::new()),
        (Step::Port, source.port().to_string()),
        (Step::Rtsp, String::new()),
        (
            Step::Authentication,
            source.username.clone().unwrap_or_default(),
        ),
        (Step::Description, String::new()),
        (Step::Codec, video.codec_string.clone()),
        (Step::Budget, String::new()),
        (Step::Setup, String::new()),
        (Step::Packet, rate.to_string()),
        (Step::KeyFrame, format!("{}x{}", video.width, video.height)),
    ];
    for (step, detail) in details {
        tell(Finding::passed(step, Duration::ZERO, detail));
    }
}

/// Asks the camera itself. None: a step failed, and was told.
async fn ask(
    gateway: &Arc<Gateway>,
    feed: FeedId,
    source: &Source,
    tell: &mut impl FnMut(Finding),
) -> Option<(Arc<Frame>, Option<i64>)> {
    if !ingest::diagnose::reach(source, &mut *tell).await {
        return None;
    }
    let begun = Instant::now();
    let room = match gateway.supervisor.room(feed, Priority::Diagnosis) {
        Ok(room) => room,
        Err(reason) => {
            tell(no_room(gateway, feed, &reason, begun));
            return None;
        }
    };
    let rate = gateway.supervisor.rate(feed).unwrap_or_default();
    // Stands in the list where the session is about to play.
    let mut budget = Some(Finding::passed(
        Step::Budget,
        begun.elapsed(),
        rate.to_string(),
    ));
    let has_played = gateway.supervisor.has_played(feed);
    let config = &gateway.config.ingest;
    let seen = ingest::diagnose::session(config, source, has_played, |finding| {
        if finding.step > Step::Budget
            && let Some(budget) = budget.take()
        {
            tell(budget);
        }
        tell(finding);
    })
    .await;
    drop(room);
    Some((seen.key?, seen.clock_offset_ms))
}

fn no_room(gateway: &Gateway, feed: FeedId, reason: &Reason, begun: Instant) -> Finding {
    let camera = gateway.supervisor.camera(feed.camera);
    let links = camera.map(|c| gateway.supervisor.links_of(c.region));
    let closed = links.into_iter().flatten().any(|link| link.budget.0 == 0);
    let cause = match closed {
        true => Cause::LinkClosed,
        false => Cause::LinkBudget,
    };
    let detail = match &reason.said {
        Some(words) => Detail::Said(Said {
            text: reason.text.clone(),
            words: (**words).clone(),
        }),
        None => Detail::Raw(reason.text.clone()),
    };
    Finding::failed(Step::Budget, cause, begun.elapsed(), detail)
}

//! From authentication to the first key frame, by the session that every feed runs.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use media::{Clock, Frame, SourceState, TrackKind, WallTime, said};
use retina::client::SessionGroup;
use tokio::{sync::Notify, time::timeout};

use super::{Cause, Detail, Finding, Seen, Step};
use crate::{
    assemble::Assembler,
    camera::Source,
    config::Config,
    connect::{Learned, Phase},
    driver::{self, Events},
    error::{Failure, Kind},
    session::{Input, Session},
};

/// Cameras with "smart" codecs send a key frame every ten seconds.
const KEY_FRAME: Duration = Duration::from_secs(12);
/// Sender reports come every five seconds, and with the first packet as a rule.
const CLOCK: Duration = Duration::from_secs(3);
/// The number of no feed.
const NO_FEED: u32 = 0;

pub(super) async fn run(
    config: &Config,
    source: &Source,
    has_played: bool,
    tell: &mut impl FnMut(Finding),
) -> (Seen, Option<Finding>) {
    let begun = Instant::now();
    let (mut session, mut learned) = (Session::new(config.clone()), Learned::default());
    let mut assembler = Assembler::new(NO_FEED, begun);
    let watch = Watch::default();
    let mut events = Recorder {
        watch: &watch,
        clock: Clock::system(),
    };
    session.handle(begun, Input::Connect);
    let group = Arc::new(SessionGroup::default());
    let ended = {
        let playing = driver::run(
            config,
            source,
            Arc::clone(&group),
            &mut learned,
            &mut session,
            &mut assembler,
            &mut events,
        );
        let playing = Box::pin(AssertUnwindSafe(playing).catch_unwind());
        tokio::select! {
            ended = playing => Some(ended.unwrap_or_else(|_| {
                Failure::new(Kind::Framing, "what came could not be taken apart")
            })),
            () = watch.enough() => None,
        }
    };
    let _ = timeout(config.teardown_timeout, group.await_teardown()).await;
    report(
        begun,
        &learned,
        &watch.take(),
        ended,
        source,
        has_played,
        tell,
    )
}

/// What came, with when.
#[derive(Default)]
struct Watch {
    state: Mutex<Came>,
    changed: Notify,
}

#[derive(Clone, Default)]
struct Came {
    playing: Option<Instant>,
    packet: Option<Instant>,
    key: Option<(Instant, Arc<Frame>)>,
    offset_ms: Option<i64>,
}

impl Watch {
    fn take(&self) -> Came {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Came)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// A key frame and the clock, or all the time that is given to them.
    async fn enough(&self) {
        loop {
            let came = self.take();
            let until = match (came.playing, &came.key) {
                (_, Some(_)) if came.offset_ms.is_some() => return,
                (_, Some((at, _))) => Some(*at + CLOCK),
                (Some(playing), None) => Some(playing + KEY_FRAME),
                (None, None) => None,
            };
            // Until it plays, the driver's own time-outs hold.
            let patience = until.map_or(Duration::from_secs(3600), |until| {
                until.saturating_duration_since(Instant::now())
            });
            if timeout(patience, self.changed.notified()).await.is_err() {
                return;
            }
        }
    }
}

struct Recorder<'a> {
    watch: &'a Watch,
    clock: Clock,
}

impl Events for Recorder<'_> {
    fn changed(&mut self, session: &Session, _: &Assembler) {
        let known = self.watch.take().playing.is_some();
        if !known && session.state() == SourceState::WaitingKeyFrame {
            self.watch
                .change(|came| came.playing = Some(Instant::now()));
        }
    }

    fn waits(&mut self, _: bool) {}

    fn frame(&mut self, frame: Arc<Frame>) {
        let now = Instant::now();
        if self.watch.take().key.is_none() {
            self.watch.change(|came| {
                came.packet.get_or_insert(now);
                if frame.key && frame.track == TrackKind::Video {
                    came.key.get_or_insert((now, frame));
                }
            });
        }
    }

    fn clock_offset(&mut self, ms: i64) {
        self.watch.change(|came| came.offset_ms = Some(ms));
    }

    fn measured(&mut self, assembler: &mut Assembler, now: Instant) {
        // Something arrives, though nothing that can be shown.
        if assembler.rates(now).0.0 > 0 && self.watch.take().packet.is_none() {
            self.watch.change(|came| came.packet = Some(now));
        }
    }

    fn wall(&self, at: Instant) -> WallTime {
        self.clock.wall(at)
    }
}

/// The steps that passed, and the one that did not.
fn report(
    begun: Instant,
    learned: &Learned,
    came: &Came,
    ended: Option<Failure>,
    source: &Source,
    has_played: bool,
    tell: &mut impl FnMut(Finding),
) -> (Seen, Option<Finding>) {
    let at = |phase| learned.reached(phase);
    let mut last = begun;
    let mut pass = |steps: &[Step], at: Option<Instant>, detail: String| {
        let Some(at) = at else { return };
        for step in steps {
            tell(Finding::passed(
                *step,
                at.saturating_duration_since(last),
                detail.clone(),
            ));
        }
        last = at;
    };
    if source.is_tls() {
        pass(&[Step::Rtsp], at(Phase::Described), "TLS".into());
    }
    let user = source.username.clone().unwrap_or_default();
    pass(&[Step::Authentication], at(Phase::Described), user);
    let what = learned.what().to_owned();
    pass(&[Step::Description, Step::Codec], at(Phase::Chosen), what);
    let way = if learned.udp { "UDP" } else { "TCP" };
    pass(&[Step::Setup], at(Phase::Played), way.into());
    pass(&[Step::Packet], came.packet, String::new());
    let size = |frame: &Frame| {
        let video = &frame.tracks.video;
        format!("{}x{}, {} B", video.width, video.height, frame.data.len())
    };
    let key = came.key.as_ref();
    pass(
        &[Step::KeyFrame],
        key.map(|(at, _)| *at),
        key.map(|(_, frame)| size(frame)).unwrap_or_default(),
    );
    let seen = Seen {
        key: key.map(|(_, frame)| Arc::clone(frame)),
        clock_offset_ms: came.offset_ms,
    };
    if key.is_some() {
        return (seen, None);
    }
    let took = last.elapsed();
    let failed = match ended {
        Some(failure) => {
            let (step, cause) = cause_of(&failure, learned, came, source, has_played);
            Finding::failed(step, cause, took, Detail::Raw(failure.text))
        }
        None if came.packet.is_some() => Finding::failed(
            Step::KeyFrame,
            Cause::NoKeyFrame,
            took,
            said!("none-within", "none within {s} s", s = KEY_FRAME.as_secs()),
        ),
        None => Finding::failed(Step::Packet, Cause::NoPackets, took, String::new()),
    };
    (seen, Some(failed))
}

fn cause_of(
    failure: &Failure,
    learned: &Learned,
    came: &Came,
    source: &Source,
    has_played: bool,
) -> (Step, Cause) {
    let described = learned.reached(Phase::Described).is_some();
    let played = learned.reached(Phase::Played).is_some();
    let at = |cause: Cause| (cause.step(), cause);
    match failure.kind {
        Kind::Name => at(Cause::NameNotResolved),
        Kind::Route => at(Cause::NoRoute),
        Kind::Refused => at(Cause::Refused),
        Kind::Tls => at(Cause::Tls),
        Kind::Status(401) if source.username.is_none() => at(Cause::NoCredentials),
        // Cameras whose sessions are spent answer 401 to a password that was right a minute ago.
        Kind::Status(401) if described => (Step::Setup, Cause::CameraBusy),
        Kind::Status(401) if has_played => at(Cause::CameraBusy),
        Kind::Status(401) => at(Cause::WrongPassword),
        Kind::Status(403) => at(Cause::NotAllowed),
        Kind::Status(453 | 503) if described => (Step::Setup, Cause::CameraBusy),
        Kind::Status(453 | 503) => at(Cause::CameraBusy),
        Kind::Status(461) => at(Cause::Transport),
        // Answered with success, and with a description that the library cannot use.
        Kind::Status(200) if failure.text.contains("No parseable streams") => at(Cause::NoVideo),
        Kind::Status(200) => at(Cause::BadDescription),
        Kind::Status(404) if !described => at(Cause::NotFound),
        Kind::Status(_) if described => at(Cause::Setup),
        Kind::Status(_) => at(Cause::RtspError),
        Kind::NoVideo => at(Cause::NoVideo),
        Kind::Codec => at(Cause::Codec),
        Kind::NoPackets if came.packet.is_some() => at(Cause::NoKeyFrame),
        Kind::NoPackets => at(Cause::NoPackets),
        Kind::TimedOut if !described => (Step::Authentication, Cause::RtspSilent),
        Kind::TimedOut => at(Cause::Setup),
        Kind::Framing if !described => at(Cause::BadDescription),
        Kind::Framing => at(Cause::Framing),
        Kind::Cut if played => at(Cause::Cut),
        Kind::Cut if described => at(Cause::Setup),
        Kind::Cut => (Step::Authentication, Cause::RtspClosed),
    }
}

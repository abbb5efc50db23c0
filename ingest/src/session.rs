//! Where a feed's source stands, and what comes next: a value without I/O. The driver tells it what happened and asks what to do.
//!
//! ```text
//!           Connect            Played              Pushed
//! Idle ───────────► Connecting ──────► WaitingKey ───────► Live
//!                     ▲   │ Failed        │ Failed, silence  │
//!              Connect│   ▼               ▼                  │
//!                     └── Backoff ◄──────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use media::{Reason, ReasonCode, SourceState};

use crate::{
    backoff::Backoff,
    config::Config,
    error::{Failure, Kind},
};

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A new session is being tried.
    Connect,
    /// PLAY was answered.
    Played,
    /// A frame of any track arrived, with how much; not necessarily one that can be shown.
    Arrived {
        /// Whether it was video.
        video: bool,
    },
    /// A video frame was pushed into the ring.
    Pushed,
    /// The session is over. `chance` is uniform in 0.0 to 1.0, for the jitter.
    Failed {
        /// Why.
        failure: Failure,
        /// For the jitter.
        chance: f64,
    },
    /// Time has passed.
    Tick,
    /// The camera's address, user or password was changed: what was learned about it no longer holds.
    Changed,
    /// Nobody wants it any more.
    Stop,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Nothing.
    None,
    /// End the session for this reason, then tell [`Input::Failed`].
    Cut(Failure),
    /// Wait so long, then [`Input::Connect`].
    Retry(Duration),
}

/// The state of one feed's source.
#[derive(Debug)]
pub struct Session {
    config: Config,
    state: State,
    reason: Option<Reason>,
    attempts: u64,
    backoff: Backoff,
    /// The camera has played for us before, with this user and password.
    let_in: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Idle,
    Connecting,
    WaitingKey {
        played: Instant,
        packet: Instant,
    },
    Live {
        since: Instant,
        packet: Instant,
        video: Instant,
    },
    Backoff,
}

/// A camera that plays for so long is well again: the next failure starts with the first wait.
const SETTLED: Duration = Duration::from_secs(10);
/// So many refusals of a password in a row that once was right: it is not right any more.
const REFUSALS: u32 = 20;
/// Sound goes on, pictures do not: longer than the pause between pictures of any camera, in packet time-outs.
const VIDEO_PATIENCE: u32 = 4;

impl Session {
    /// Nothing tried yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Idle,
            reason: None,
            attempts: 0,
            backoff: Backoff::default(),
            let_in: false,
        }
    }

    /// Takes what happened, says what to do.
    pub fn handle(&mut self, now: Instant, input: Input) -> Output {
        match input {
            Input::Connect => {
                self.attempts += 1;
                self.state = State::Connecting;
            }
            Input::Played => {
                self.let_in = true;
                self.state = State::WaitingKey {
                    played: now,
                    packet: now,
                };
            }
            Input::Arrived { video: is_video } => match &mut self.state {
                State::WaitingKey { packet, .. } => *packet = now,
                State::Live { packet, video, .. } => {
                    *packet = now;
                    if is_video {
                        *video = now;
                    }
                }
                _ => {}
            },
            Input::Pushed => {
                if !matches!(self.state, State::Live { .. }) {
                    self.reason = None;
                    self.state = State::Live {
                        since: now,
                        packet: now,
                        video: now,
                    };
                }
            }
            Input::Failed { failure, chance } => return self.failed(now, &failure, chance),
            Input::Tick => return self.tick(now),
            Input::Changed => {
                self.let_in = false;
                self.backoff.reset();
            }
            Input::Stop => self.state = State::Idle,
        }
        Output::None
    }

    fn failed(&mut self, now: Instant, failure: &Failure, chance: f64) -> Output {
        if let State::Live { since, .. } = self.state
            && now.saturating_duration_since(since) >= SETTLED
        {
            self.backoff.reset();
        }
        let mut reason = failure.reason(self.let_in);
        if failure.kind == Kind::Status(401) && self.let_in && self.backoff.failures() >= REFUSALS {
            self.let_in = false;
            reason = failure.reason(false);
        }
        let wait = self.backoff.next(&self.config.retry, reason.code, chance);
        self.reason = Some(reason);
        self.state = State::Backoff;
        Output::Retry(wait)
    }

    fn tick(&mut self, now: Instant) -> Output {
        let silent = |last: Instant, bound: Duration| now.saturating_duration_since(last) >= bound;
        let no_packets = |text: String| Output::Cut(Failure::new(Kind::NoPackets, text));
        match self.state {
            State::WaitingKey { packet, played } => {
                if silent(packet, self.config.packet_timeout) {
                    let bound = self.config.packet_timeout.as_secs_f64();
                    return no_packets(format!("playing, and nothing came for {bound} s"));
                }
                if silent(played, self.config.key_frame_timeout)
                    && self
                        .reason
                        .as_ref()
                        .is_none_or(|r| r.code != ReasonCode::NoKeyFrame)
                {
                    let bound = self.config.key_frame_timeout.as_secs_f64();
                    self.reason = Some(Reason::new(
                        ReasonCode::NoKeyFrame,
                        format!("packets arrive, and no key frame among them for {bound} s"),
                    ));
                }
            }
            State::Live { packet, video, .. } => {
                if silent(packet, self.config.packet_timeout) {
                    let bound = self.config.packet_timeout.as_secs_f64();
                    return no_packets(format!("nothing came for {bound} s"));
                }
                let patience = self.config.packet_timeout * VIDEO_PATIENCE;
                if silent(video, patience) {
                    let bound = patience.as_secs_f64();
                    return no_packets(format!("sound, and no picture for {bound} s"));
                }
            }
            State::Idle | State::Connecting | State::Backoff => {}
        }
        Output::None
    }

    /// How often to tick: often enough that time-outs are met within a quarter.
    pub fn tick_period(&self) -> Duration {
        let shortest = self
            .config
            .packet_timeout
            .min(self.config.key_frame_timeout);
        (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// For the feed's status.
    pub fn state(&self) -> SourceState {
        match self.state {
            State::Idle => SourceState::Idle,
            State::Connecting => SourceState::Connecting,
            State::WaitingKey { .. } => SourceState::WaitingKeyFrame,
            State::Live { .. } => SourceState::Live,
            State::Backoff => SourceState::Backoff,
        }
    }

    /// Why it is not live; kept while it is tried again, and after it has stopped.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Sessions tried.
    pub fn attempts(&self) -> u64 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, s: f64) -> Instant {
        start + Duration::from_secs_f64(s)
    }

    fn failed(kind: Kind) -> Input {
        Input::Failed {
            failure: Failure::new(kind, "what happened"),
            chance: 0.5,
        }
    }

    fn live(session: &mut Session, now: Instant) {
        session.handle(now, Input::Connect);
        session.handle(now, Input::Played);
        session.handle(now, Input::Arrived { video: true });
        session.handle(now, Input::Pushed);
        assert_eq!(session.state(), SourceState::Live);
    }

    #[test]
    fn a_long_group_is_waited_for_and_reported() {
        let (mut session, t) = (Session::new(Config::default()), Instant::now());
        session.handle(t, Input::Connect);
        session.handle(t, Input::Played);
        for i in 0..200 {
            let now = at(t, f64::from(i) * 0.1);
            session.handle(now, Input::Arrived { video: true });
            assert_eq!(session.handle(now, Input::Tick), Output::None);
            let code = session.reason().map(|r| r.code);
            assert_eq!(code, (i >= 150).then_some(ReasonCode::NoKeyFrame));
            assert_eq!(session.state(), SourceState::WaitingKeyFrame);
        }
        session.handle(at(t, 20.0), Input::Pushed);
        assert_eq!(
            (session.state(), session.reason()),
            (SourceState::Live, None)
        );
    }

    #[test]
    fn silence_is_cut() {
        let (mut session, t) = (Session::new(Config::default()), Instant::now());
        live(&mut session, t);
        assert_eq!(session.handle(at(t, 4.9), Input::Tick), Output::None);
        let Output::Cut(failure) = session.handle(at(t, 5.0), Input::Tick) else {
            panic!("not cut");
        };
        assert_eq!(failure.kind, Kind::NoPackets);
        // Sound alone does not keep it.
        live(&mut session, t);
        for i in 0..20 {
            session.handle(at(t, f64::from(i)), Input::Arrived { video: false });
            assert_eq!(
                session.handle(at(t, f64::from(i)), Input::Tick),
                Output::None
            );
        }
        session.handle(at(t, 20.0), Input::Arrived { video: false });
        assert!(matches!(
            session.handle(at(t, 20.0), Input::Tick),
            Output::Cut(_)
        ));
    }

    #[test]
    fn a_flapping_camera_is_tried_less_often_and_one_that_held_at_once() {
        let (mut session, t) = (Session::new(Config::default()), Instant::now());
        let mut waits = Vec::new();
        for i in 0..4 {
            live(&mut session, at(t, f64::from(i) * 6.0));
            waits.push(session.handle(at(t, f64::from(i) * 6.0 + 3.0), failed(Kind::Cut)));
        }
        let seconds = |s| Output::Retry(Duration::from_secs_f64(s));
        assert_eq!(
            waits,
            [seconds(0.5), seconds(1.0), seconds(2.0), seconds(3.0)]
        );
        live(&mut session, at(t, 100.0));
        assert_eq!(
            session.handle(at(t, 111.0), failed(Kind::Cut)),
            seconds(0.5)
        );
    }

    #[test]
    fn a_password_refused_after_it_was_right_means_busy_until_it_does_not_end() {
        let (mut session, t) = (Session::new(Config::default()), Instant::now());
        session.handle(t, Input::Connect);
        session.handle(t, failed(Kind::Status(401)));
        assert_eq!(session.reason().unwrap().code, ReasonCode::WrongPassword);
        live(&mut session, t);
        for _ in 0..REFUSALS {
            session.handle(t, Input::Connect);
            session.handle(t, failed(Kind::Status(401)));
            assert_eq!(session.reason().unwrap().code, ReasonCode::CameraBusy);
        }
        session.handle(t, Input::Connect);
        session.handle(t, failed(Kind::Status(401)));
        assert_eq!(session.reason().unwrap().code, ReasonCode::WrongPassword);
    }
}

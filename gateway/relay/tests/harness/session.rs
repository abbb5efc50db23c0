//! A viewer's session in virtual time: no socket, no task, no clock but the one that the test moves.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    ReasonCode, WallTime,
    wire::{Kind, ServerMessage},
};
use relay::{
    Close, Config,
    session::{Delivery, Input, Output, Part, Session},
};
use tokio::sync::Notify;

use super::{TestHost, camera, viewer};

pub struct Rig {
    pub session: Session,
    pub now: Instant,
    pub queued: usize,
}

/// What a viewer sees, short: `O` opened, `I` initialisation, `K` key frame, `f` frame, `S` skipped, ...
#[derive(Debug, Default)]
pub struct Seen {
    pub story: String,
    pub control: Vec<ServerMessage>,
    /// By frame: tile, feed, group, number.
    pub frames: Vec<(u32, u32, u32, u32)>,
    pub close: Option<Close>,
}

impl Rig {
    pub fn new(host: &Arc<TestHost>, delivery: Delivery) -> Self {
        Self::with(host, delivery, Config::default())
    }

    pub fn with(host: &Arc<TestHost>, delivery: Delivery, config: Config) -> Self {
        let host = Arc::clone(host) as Arc<dyn relay::Host>;
        Self::hosted(&host, delivery, config)
    }

    pub fn hosted(host: &Arc<dyn relay::Host>, delivery: Delivery, config: Config) -> Self {
        let bell = Arc::new(Notify::new());
        let wall = WallTime::from_secs(1);
        Self {
            session: Session::new(config, Arc::clone(host), viewer(), bell, delivery, wall),
            now: Instant::now(),
            queued: 0,
        }
    }

    pub fn say(&mut self, text: &str) {
        self.session.handle(self.now, Input::Text(text));
    }

    pub fn open(&mut self, tile: u32, n: u32, profile: &str) {
        let camera = camera(n);
        self.say(&format!(
            r#"{{"type":"open","tile":{tile},"camera":"{camera}","profile":"{profile}"}}"#
        ));
    }

    /// Takes all there is, as a transport that is never blocked.
    pub fn drain(&mut self) -> Seen {
        let mut seen = Seen::default();
        self.session.handle(self.now, Input::Queued(0));
        while let Some(output) = self.session.poll_output(self.now) {
            self.session.handle(self.now, Input::Queued(0));
            seen.take(output);
        }
        seen
    }

    /// Takes what a transport with so much room takes, and leaves it blocked.
    pub fn drain_until_blocked(&mut self) -> Seen {
        let mut seen = Seen::default();
        while let Some(output) = self.session.poll_output(self.now) {
            if let Output::Media(m) = &output {
                self.queued += m.framed().message_len();
            }
            seen.take(output);
        }
        seen
    }

    pub fn pass(&mut self, time: Duration) {
        let step = Duration::from_millis(250);
        for _ in 0..time.as_millis() / step.as_millis() {
            self.now += step;
            self.session.handle(self.now, Input::Tick);
        }
    }
}

impl Seen {
    pub fn take(&mut self, output: Output) {
        match output {
            Output::Control(message) => {
                self.story.push(match &message {
                    ServerMessage::Hello { .. } => 'H',
                    ServerMessage::Opening { .. } => 'o',
                    ServerMessage::Opened { .. } => 'O',
                    ServerMessage::Refused { .. } => 'R',
                    ServerMessage::Skipped { .. } => 'S',
                    ServerMessage::Lost { .. } => 'L',
                    ServerMessage::Back { .. } => 'B',
                    ServerMessage::Paused { .. } => 'P',
                    ServerMessage::Closed { .. } => 'C',
                    ServerMessage::Measured { .. } => 'M',
                    ServerMessage::Clock { .. } => 'T',
                    ServerMessage::Gap { .. } => 'G',
                    ServerMessage::Thinned { .. } => 'N',
                    ServerMessage::Finished { .. } => 'D',
                    ServerMessage::Error { .. } => 'E',
                });
                self.control.push(message);
            }
            Output::Media(message) => {
                let f = &message.frame;
                let (header, _) =
                    media::wire::Header::read(message.framed().head().as_ref()).unwrap();
                assert_eq!(header.feed, f.feed);
                if let Part::Initialisation(_) = message.part {
                    assert_eq!(header.kind, Kind::Initialisation);
                    self.story.push('I');
                } else {
                    self.story.push(if f.key { 'K' } else { 'f' });
                    self.frames.push((message.tile, f.feed, f.group, f.number));
                }
            }
            Output::Close(close) => self.close = Some(close),
        }
    }

    pub fn refusal(&self) -> ReasonCode {
        match self.control.last() {
            Some(ServerMessage::Refused { reason, .. }) => reason.code,
            other => panic!("no refusal but {other:?}"),
        }
    }
}

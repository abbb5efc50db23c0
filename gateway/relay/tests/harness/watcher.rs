//! A viewer of recordings, in virtual time.

use std::{sync::Arc, time::Duration};

use media::{
    MediaTime,
    wire::{Kind, ServerMessage, replay::is_recorded},
};
use relay::{
    Config, Host,
    session::{Delivery, Input, Output, Part},
};

use super::{
    camera,
    session::Rig,
    shelf::{FRAME, Tape, Tapes, at},
};

/// A picture that came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shown {
    pub tile: u32,
    pub feed: u32,
    pub key: bool,
    pub time: MediaTime,
    /// When, from the start of the test.
    pub came: Duration,
}

/// A viewer of recordings: a transport with a rate, and what came by it.
pub struct Watcher {
    pub rig: Rig,
    /// Bytes a second that the transport takes.
    pub rate: Option<u64>,
    pub start: std::time::Instant,
    pub pictures: Vec<Shown>,
    pub control: Vec<ServerMessage>,
    pub begun: Vec<u32>,
    pub bytes: usize,
}

impl Watcher {
    pub fn new(host: &Arc<dyn Host>) -> Self {
        let rig = Rig::hosted(host, Delivery::Stream, Config::default());
        Self {
            start: rig.now,
            rig,
            rate: None,
            pictures: Vec::new(),
            control: Vec::new(),
            begun: Vec::new(),
            bytes: 0,
        }
    }

    pub fn say(&mut self, text: &str) {
        self.rig.say(text);
        self.take();
    }

    pub fn clock(&mut self, run: u32, rest: &str) {
        self.say(&format!(
            r#"{{"type":"clock","clock":1,"run":{run},{rest}}}"#
        ));
    }

    pub fn replay(&mut self, tile: u32) {
        let camera = camera(tile);
        self.say(&format!(
            r#"{{"type":"replay","tile":{tile},"camera":"{camera}","clock":1,"reason":"why"}}"#
        ));
    }

    /// Takes what the transport has room for.
    pub fn take(&mut self) {
        if self.rate.is_none() {
            self.rig.queued = 0;
        }
        let queued = self.rig.queued;
        self.rig.session.handle(self.rig.now, Input::Queued(queued));
        while let Some(output) = self.rig.session.poll_output(self.rig.now) {
            match output {
                Output::Control(message) => self.control.push(message),
                Output::Media(message) => {
                    let len = message.framed().message_len();
                    self.rig.queued += len;
                    self.bytes += len;
                    if self.rate.is_none() {
                        self.rig.queued = 0;
                    }
                    let now = self.rig.queued;
                    self.rig.session.handle(self.rig.now, Input::Queued(now));
                    let head = message.framed().head();
                    let (header, _) = media::wire::Header::read(&head).unwrap();
                    assert!(is_recorded(header.feed));
                    if matches!(message.part, Part::Initialisation(_)) {
                        assert_eq!(header.kind, Kind::Initialisation);
                        self.begun.push(header.feed);
                        continue;
                    }
                    assert!(
                        self.begun.contains(&header.feed),
                        "a picture before its head"
                    );
                    self.pictures.push(Shown {
                        tile: message.tile,
                        feed: header.feed,
                        key: header.key,
                        time: header.media_time,
                        came: self.rig.now - self.start,
                    });
                }
                Output::Close(close) => panic!("{close:?}"),
            }
        }
    }

    /// Lets time pass as a driver does.
    pub fn pass(&mut self, time: Duration) {
        let end = self.rig.now + time;
        while self.rig.now < end {
            // A driver whose transport takes all comes every five seconds, if nothing wakes it.
            let step = Duration::from_millis(if self.rate.is_some() { 20 } else { 5000 });
            let wanted = self.rig.session.wake_at();
            let next = (self.rig.now + step).min(end);
            let next = wanted.map_or(next, |at| at.clamp(self.rig.now, next));
            let passed = next - self.rig.now;
            // A session that asks for no time at all would be asked for ever.
            self.rig.now = next.max(self.rig.now + Duration::from_millis(1));
            if let Some(rate) = self.rate {
                let taken = (rate as f64 * passed.as_secs_f64()) as usize;
                self.rig.queued = self.rig.queued.saturating_sub(taken);
            }
            self.rig.session.handle(self.rig.now, Input::Tick);
            self.take();
        }
    }

    pub fn drain(&mut self) -> Vec<Shown> {
        std::mem::take(&mut self.pictures)
    }

    pub fn times(&self) -> Vec<i64> {
        self.pictures.iter().map(|p| p.time.0).collect()
    }

    pub fn told(&self, what: impl Fn(&ServerMessage) -> bool) -> bool {
        self.control.iter().any(what)
    }
}

pub fn one(spans: &[(f64, f64)]) -> (Arc<Tape>, Watcher) {
    let none = Tape::new(&[]);
    let tape = Tape::new(spans);
    let host = Tapes::of(&[&none, &tape]);
    (tape, Watcher::new(&host))
}

/// All pictures from a moment to another, as decode times.
pub fn all(from: f64, to: f64) -> Vec<i64> {
    (at(from).0..at(to).0).step_by(FRAME as usize).collect()
}

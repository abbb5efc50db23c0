//! Which connection the caller is on, and when to go to another. No I/O and no clock: what comes, and when, is told.
//!
//! ```text
//! up --silence--> falling --WebSocket stands--> down --pause--> trying --QUIC stands--> rising --has all--> up
//!                                                ^                 |                        |
//!                                                +-----------------+------------------------+ failed, or the caller asked
//! ```

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use media::wire::{ClientMessage, ServerMessage};

use super::{
    Moved,
    asked::Asked,
    backoff::{Backoff, HELD},
    rise::Rise,
    seen::{Had, Views},
};
use crate::Message;

/// After the caller has asked for something in the middle of a climb: until the gateway has answered, mostly.
const AGAIN: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Quic,
    WebSocket,
}

/// What the driver is to do.
#[derive(Debug, PartialEq)]
pub(super) enum Output {
    /// Hand this to the caller.
    Give(Message),
    /// Make a second connection, and ask this of it.
    Connect(Kind, Vec<ClientMessage>),
    /// The second connection is the one from here on, the first one is over.
    Take,
    /// The second connection, or the attempt at it, is over.
    Drop,
}

#[derive(Debug)]
enum State {
    /// On QUIC, since.
    Up(Instant),
    /// QUIC is lost; a WebSocket is being made.
    Falling(String),
    /// On WebSocket until this time.
    Down(Instant),
    /// On WebSocket; QUIC is being made.
    Trying,
    /// On WebSocket; QUIC is beside it.
    Rising(Box<Rise>),
}

#[derive(Debug)]
pub(super) struct Decide {
    state: State,
    asked: Asked,
    shown: Views,
    had: Had,
    backoff: Backoff,
    out: VecDeque<Output>,
    greeted: bool,
    /// Tiles of which a new connection tells anew what the caller knows.
    anew: BTreeSet<u32>,
    pub(super) moved: Option<Moved>,
}

impl Decide {
    /// On this kind of connection now; `first` is the first pause before QUIC is tried again.
    pub(super) fn new(now: Instant, on: Kind, first: Duration) -> Self {
        let mut backoff = Backoff::new(first);
        let state = match on {
            Kind::Quic => State::Up(now),
            Kind::WebSocket => State::Down(now + backoff.wait()),
        };
        Self {
            state,
            asked: Asked::default(),
            shown: Views::default(),
            had: Had::default(),
            backoff,
            out: VecDeque::new(),
            greeted: false,
            anew: BTreeSet::new(),
            moved: None,
        }
    }

    pub(super) fn set_first_pause(&mut self, now: Instant, first: Duration) {
        self.backoff = Backoff::new(first);
        if let State::Down(at) = &mut self.state {
            *at = now + self.backoff.wait();
        }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// Whether the first connection is dead, and nothing is to be read from it.
    pub(super) fn is_falling(&self) -> bool {
        matches!(self.state, State::Falling(_))
    }

    /// When to call [`Decide::tick`] if nothing comes before.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Up(_) | State::Falling(_) | State::Trying => None,
            State::Down(at) => Some(*at),
            State::Rising(rise) => Some(rise.until),
        }
    }

    pub(super) fn tick(&mut self, now: Instant) {
        match &self.state {
            State::Down(at) if now >= *at => {
                self.state = State::Trying;
                let ask = self.asked.repeat();
                self.out.push_back(Output::Connect(Kind::Quic, ask));
            }
            State::Rising(rise) if now >= rise.until => self.stay(now, "not in time"),
            _ => {}
        }
    }

    /// The caller asks for something. While it is answered is no time to change.
    pub(super) fn asked(&mut self, now: Instant, message: &ClientMessage) {
        self.asked.note(message);
        match message {
            ClientMessage::Resume { tile } => {
                // It goes on at a key frame, which may have been shown.
                if let Some(feed) = self.shown.resumed(*tile) {
                    self.had.forget(feed);
                }
                self.anew.remove(tile);
            }
            ClientMessage::Open { tile, .. }
            | ClientMessage::Profile { tile, .. }
            | ClientMessage::Pause { tile }
            | ClientMessage::Close { tile } => drop(self.anew.remove(tile)),
            _ => {}
        }
        if matches!(self.state, State::Trying | State::Rising(_)) {
            self.out.push_back(Output::Drop);
            self.state = State::Down(now + AGAIN);
        }
    }

    /// From the connection in use.
    pub(super) fn first(&mut self, now: Instant, message: Message) {
        self.give(message);
        self.rise_if_ready(now);
    }

    /// QUIC, in use, is dead.
    pub(super) fn lost(&mut self, now: Instant, why: String) {
        if let State::Up(since) = self.state {
            if now.saturating_duration_since(since) >= HELD {
                self.backoff.reset();
            }
            self.fall(why);
        }
    }

    fn fall(&mut self, why: String) {
        let ask = self.asked.repeat();
        self.out.push_back(Output::Connect(Kind::WebSocket, ask));
        self.state = State::Falling(why);
    }

    /// The second connection stands and was told what to open.
    pub(super) fn second_up(&mut self, now: Instant) {
        match std::mem::replace(&mut self.state, State::Trying) {
            State::Falling(why) => {
                self.state = State::Down(now + self.backoff.wait());
                self.anew = self.asked.tiles().map(|(tile, ..)| tile).collect();
                self.take("websocket", why);
            }
            State::Trying => {
                self.state = State::Rising(Box::new(Rise::new(now)));
                self.rise_if_ready(now);
            }
            other => self.state = other,
        }
    }

    /// It does not come about, or broke.
    pub(super) fn second_failed(&mut self, now: Instant, why: &str) {
        match std::mem::replace(&mut self.state, State::Trying) {
            // Whoever calls again after the error tries again.
            State::Falling(why) => self.fall(why),
            State::Trying | State::Rising(_) => self.stay(now, why),
            other => self.state = other,
        }
    }

    /// From the second connection.
    pub(super) fn second(&mut self, now: Instant, message: Message) {
        if let State::Rising(rise) = &mut self.state {
            match rise.take(message, &self.had) {
                Ok(()) => self.rise_if_ready(now),
                Err(why) => self.stay(now, &why),
            }
        }
    }

    fn stay(&mut self, now: Instant, why: &str) {
        tracing::debug!(why, "still on WebSocket");
        self.out.push_back(Output::Drop);
        self.state = State::Down(now + self.backoff.wait());
    }

    fn rise_if_ready(&mut self, now: Instant) {
        let State::Rising(rise) = &self.state else {
            return;
        };
        if !rise.is_ready(&self.asked, &self.shown, &self.had) {
            return;
        }
        if let State::Rising(rise) = std::mem::replace(&mut self.state, State::Up(now)) {
            self.take("quic", "UDP answers again".into());
            let messages: Vec<Message> = rise.finish(&self.shown).collect();
            messages.into_iter().for_each(|m| self.give(m));
        }
    }

    fn take(&mut self, to: &'static str, why: String) {
        self.asked.moved();
        self.had.moved();
        self.moved = Some(Moved { to, why });
        self.out.push_back(Output::Take);
    }

    /// To the caller, unless it knows or has it.
    fn give(&mut self, message: Message) {
        match &message {
            Message::Media(header, _) => {
                if !self.had.admit(header) {
                    return;
                }
            }
            Message::Control(control) => {
                if self.is_known(control) {
                    return;
                }
                self.asked.told(control);
                if let Some(feed) = self.shown.note(control) {
                    self.had.forget(feed);
                }
            }
        }
        self.out.push_back(Output::Give(message));
    }

    /// A new connection begins by telling what the old one had told.
    fn is_known(&mut self, message: &ServerMessage) -> bool {
        match message {
            ServerMessage::Hello { .. } => std::mem::replace(&mut self.greeted, true),
            ServerMessage::Opening { tile, .. } => self.anew.contains(tile),
            ServerMessage::Opened { tile, .. } => {
                let view = self.shown.get(*tile);
                let known = view.and_then(|v| v.opened.as_ref()).map(|(_, m)| m);
                let is_known = self.anew.contains(tile) && known == Some(message);
                // A paused one is told of once more.
                if !view.is_some_and(|v| v.paused) {
                    self.anew.remove(tile);
                }
                is_known
            }
            ServerMessage::Paused { tile } => {
                self.anew.remove(tile) && self.shown.get(*tile).is_some_and(|view| view.paused)
            }
            _ => false,
        }
    }
}

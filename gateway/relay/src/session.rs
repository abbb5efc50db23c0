//! A viewer's session: which tiles are open, whose turn it is, what is left out for a slow viewer. No socket, task or timer:
//! the driver feeds it with [`Session::handle`] and empties it with [`Session::poll_output`].
//!
//! A tile's life (`tile.rs`):
//! ```text
//! open --> opening --first key frame--> playing <--pause/resume--> paused
//!             |                            |  ^ profile: the old source plays until the new one has a key frame
//!             +-- lost/back (source) ------+--+
//! ```

mod cruise;
mod tile;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    Frame, Profile, Reason, ReasonCode, Ring, SourceStatus, WallTime,
    wire::{self, ClientMessage, Framed, ServerMessage},
};
use tokio::sync::{Notify, watch};

use crate::{Close, Config, Host, Viewer, Wish};
pub(crate) use cruise::{Cruise, Handed};
use tile::{Held, Step, Tile};

/// This many messages that were not understood, within [`ERROR_WINDOW`], end the connection.
const MAX_ERRORS: usize = 3;
const ERROR_WINDOW: Duration = Duration::from_secs(60);
/// Control messages that wait for the transport. At [`CONTROL_PAUSE`] nothing more is read from the viewer; what comes from
/// sources meanwhile (a few a second even when they flap) fits into the rest, or the viewer is closed.
const CONTROL_PAUSE: usize = 128;
const CONTROL_MAX: usize = 1024;

/// How media travels, which decides how often initialisation is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// All in one ordered stream: initialisation once.
    Stream,
    /// Every group by itself, and one may be lost: initialisation at the head of each.
    Groups,
}

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A control message of the viewer, as text.
    Text(&'a str),
    /// Some source's status changed.
    Status,
    /// So many bytes of media taken by [`Session::poll_output`] are not yet written.
    Queued(usize),
    /// Time has passed while the transport was blocked (several times in [`Config::max_delay_ms`], please).
    Tick,
}

/// What a session wants done, in this order.
#[derive(Debug)]
pub enum Output {
    /// Send this control message.
    Control(ServerMessage),
    /// Send this media message.
    Media(Message),
    /// Send the rest and close. Nothing follows.
    Close(Close),
}

/// A media message: shared by all viewers of the feed.
#[derive(Debug)]
pub struct Message {
    /// Whose.
    pub tile: u32,
    /// The frame; for an initialisation, the one it must precede.
    pub frame: Arc<Frame>,
    /// What of it.
    pub part: Part,
}

/// What of a frame is sent.
#[derive(Debug)]
pub enum Part {
    /// The initialisation of the frame's track.
    Initialisation(Framed),
    /// The frame as a fragment.
    Fragment,
    /// The frame as a bare access unit.
    AccessUnit,
}

impl Message {
    /// The bytes.
    pub fn framed(&self) -> &Framed {
        match &self.part {
            Part::Initialisation(framed) => framed,
            Part::Fragment => self.frame.fragment(),
            Part::AccessUnit => self.frame.raw(),
        }
    }
}

/// One connection's session.
pub struct Session {
    config: Config,
    host: Arc<dyn Host>,
    viewer: Arc<Viewer>,
    bell: Option<Arc<Notify>>,
    delivery: Delivery,
    tiles: Vec<Tile>,
    /// Whose turn is next: an index into `tiles`.
    turn: usize,
    ready: VecDeque<Output>,
    queued: usize,
    errors: VecDeque<Instant>,
    closing: bool,
    sources_version: u64,
}

impl Session {
    /// A session that begins with `hello`. `bell` is rung by every ring that it reads from; without one the driver learns from
    /// elsewhere that something came. `wall` is the gateway's clock.
    pub fn new(
        config: Config,
        host: Arc<dyn Host>,
        viewer: Viewer,
        bell: impl Into<Option<Arc<Notify>>>,
        delivery: Delivery,
        wall: WallTime,
    ) -> Self {
        let hello = ServerMessage::Hello {
            version: wire::VERSION,
            server: concat!("sightline ", env!("CARGO_PKG_VERSION")).into(),
            now: wall.as_micros(),
            max_tiles: config.max_tiles,
        };
        Self {
            config,
            host,
            viewer: Arc::new(viewer),
            bell: bell.into(),
            delivery,
            tiles: Vec::new(),
            turn: 0,
            ready: VecDeque::from([Output::Control(hello)]),
            queued: 0,
            errors: VecDeque::new(),
            closing: false,
            sources_version: 0,
        }
    }

    /// Something happened. `now` must not go back.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.closing {
            return;
        }
        match input {
            Input::Text(text) => match serde_json::from_str::<ClientMessage>(text) {
                Ok(message) => self.message(now, message),
                Err(error) => self.not_understood(now, error.to_string()),
            },
            Input::Status => {
                for tile in &mut self.tiles {
                    let had_next = tile.is_switching();
                    tile.status(&mut self.ready);
                    self.sources_version += u64::from(had_next != tile.is_switching());
                }
            }
            Input::Queued(bytes) => self.queued = bytes,
            Input::Tick => {
                for tile in &mut self.tiles {
                    tile.observe(now, self.config.max_delay());
                }
            }
        }
        if self.ready.len() > CONTROL_MAX {
            self.close(Close::new(
                Close::BUSY,
                "the viewer does not take its control messages",
            ));
        }
    }

    /// What to do next; none when there is nothing, or when the budget of unwritten bytes is spent.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        loop {
            if let Some(output) = self.ready.pop_front() {
                if let Output::Media(message) = &output {
                    self.queued += message.framed().message_len();
                }
                return Some(output);
            }
            if self.closing || self.queued as u64 >= self.config.viewer_budget.0 {
                return None;
            }
            let mut moved = false;
            for _ in 0..self.tiles.len() {
                let at = self.turn % self.tiles.len();
                self.turn = at + 1;
                match self.tiles[at].step(
                    now,
                    self.config.max_delay(),
                    self.delivery,
                    &mut self.ready,
                ) {
                    Step::Idle => {}
                    Step::Moved => moved = true,
                    Step::Switched => {
                        moved = true;
                        self.sources_version += 1;
                    }
                    Step::Ended => {
                        self.tiles.remove(at);
                        self.turn = at;
                        self.sources_version += 1;
                        moved = true;
                    }
                }
                if moved {
                    break;
                }
            }
            if !moved {
                return None;
            }
        }
    }

    /// Lets the tiles that are level take frames without the session, if nothing waits in here: see [`Cruise`]. Until
    /// [`Session::land`] nothing else may be asked of the session.
    pub(crate) fn take_off(&self, out: &mut Vec<Cruise>) {
        if self.ready.is_empty() && self.queued == 0 && !self.closing {
            out.extend(self.tiles.iter().filter_map(Tile::take_off));
        }
    }

    /// Takes up what has been sent meanwhile.
    pub(crate) fn land(&mut self, cruises: &mut Vec<Cruise>) {
        for cruise in cruises.drain(..) {
            if let Some(tile) = self.tiles.iter_mut().find(|t| t.id == cruise.tile) {
                tile.land(&cruise);
            }
        }
    }

    /// Ends the session: what is queued is dropped, [`Output::Close`] comes next and last.
    pub fn close(&mut self, close: Close) {
        if !self.closing {
            self.closing = true;
            self.tiles.clear();
            self.sources_version += 1;
            self.ready.retain(|o| matches!(o, Output::Control(_)));
            self.ready.truncate(CONTROL_PAUSE);
            self.ready.push_back(Output::Close(close));
        }
    }

    /// Whether the driver may read from the viewer: not while answers pile up.
    pub fn wants_input(&self) -> bool {
        !self.closing && self.ready.len() < CONTROL_PAUSE
    }

    /// Who watches.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// How long a picture may wait for this viewer: the relay's bound, or what the viewer asked for.
    pub fn max_delay(&self) -> Duration {
        self.config.max_delay()
    }

    /// Tiles open now.
    pub fn tiles(&self) -> usize {
        self.tiles.len()
    }

    /// Rises whenever [`Session::sources`] changes, or which of them are read from.
    pub fn sources_version(&self) -> u64 {
        self.sources_version
    }

    /// The rings that are read from, tile by tile.
    pub(crate) fn rings(&self) -> impl Iterator<Item = &Ring> {
        self.tiles
            .iter()
            .filter(|tile| !tile.is_paused())
            .flat_map(Tile::sources)
            .map(|held| &held.feed().ring)
    }

    /// The feeds in use by number, with their status: any change of one is to be told by [`Input::Status`].
    pub fn sources(&self) -> impl Iterator<Item = (u32, &watch::Receiver<SourceStatus>)> {
        self.tiles
            .iter()
            .flat_map(Tile::sources)
            .map(|held| (held.feed().number, &held.feed().status))
    }

    fn message(&mut self, now: Instant, message: ClientMessage) {
        match message {
            ClientMessage::Auth { .. } => {
                self.not_understood(
                    now,
                    "'auth' is the first line of a QUIC connection only".into(),
                );
            }
            ClientMessage::Open {
                tile,
                camera,
                profile,
                width: _,
                height: _,
                decodes,
                format,
                priority,
                audio,
            } => {
                let wish = Wish {
                    camera,
                    profile: profile.fixed().unwrap_or(Profile::Main),
                    priority,
                    decodes: match audio {
                        true => decodes,
                        false => decodes.with_any_sound(),
                    },
                };
                if self.position(tile).is_some() {
                    return self.answer_error(tile, format!("tile {tile} is open already"));
                }
                let held = if self.tiles.len() >= self.config.max_tiles as usize {
                    Err(Reason::new(
                        ReasonCode::TooManyTiles,
                        format!(
                            "{} tiles are open on this connection, the most there may be",
                            self.tiles.len()
                        ),
                    ))
                } else {
                    self.hold(wish)
                };
                match held {
                    Ok(held) => {
                        let tile = Tile::open(
                            tile,
                            held,
                            format,
                            audio,
                            self.bell.as_ref(),
                            &mut self.ready,
                        );
                        self.tiles.push(tile);
                        self.sources_version += 1;
                    }
                    Err(reason) => self.control(ServerMessage::Refused { tile, reason }),
                }
            }
            ClientMessage::Profile { tile, profile } => {
                let Some(at) = self.position(tile) else {
                    return self.unknown(tile);
                };
                let wish = Wish {
                    profile: profile.fixed().unwrap_or(Profile::Main),
                    ..self.tiles[at].wish()
                };
                if self.tiles[at].stay(wish.profile) {
                    self.sources_version += 1;
                    return;
                }
                if self.tiles[at].is_switching() {
                    // Already on its way there.
                    return;
                }
                match self.hold(wish) {
                    Ok(held) => {
                        self.tiles[at].switch(held, self.bell.as_ref(), &mut self.ready);
                        self.sources_version += 1;
                    }
                    Err(reason) => {
                        self.answer_error(tile, format!("stays with its profile: {reason}"))
                    }
                }
            }
            ClientMessage::Pause { tile } => match self.position(tile) {
                Some(at) => {
                    self.forget_media_of(tile);
                    self.tiles[at].pause();
                    self.sources_version += 1;
                    self.control(ServerMessage::Paused { tile });
                }
                None => self.unknown(tile),
            },
            ClientMessage::Resume { tile } => match self.position(tile) {
                Some(at) => {
                    self.tiles[at].resume(self.bell.as_ref());
                    self.sources_version += 1;
                }
                None => self.unknown(tile),
            },
            ClientMessage::Delay { max_ms } => {
                let (least, most) = (*wire::MAX_DELAY_MS.start(), *wire::MAX_DELAY_MS.end());
                self.config.max_delay_ms = u64::from(max_ms.clamp(least, most));
            }
            ClientMessage::Size { .. } | ClientMessage::Measure { .. } => {}
            ClientMessage::Close { tile } => match self.position(tile) {
                Some(at) => {
                    self.tiles.remove(at);
                    self.sources_version += 1;
                    self.forget_media_of(tile);
                    self.control(ServerMessage::Closed { tile });
                }
                None => self.unknown(tile),
            },
        }
    }

    fn hold(&self, wish: Wish) -> Result<Held, Reason> {
        let Wish {
            camera, profile, ..
        } = wish;
        let open = self
            .tiles
            .iter()
            .find(|t| t.camera() == camera && t.sources().any(|s| s.profile() == profile));
        if let Some(other) = open {
            return Err(Reason::new(
                ReasonCode::AlreadyOpen,
                format!(
                    "{camera}/{profile} is shown in tile {} of this connection",
                    other.id
                ),
            ));
        }
        let lease = self.host.open(&self.viewer, &wish)?;
        let held = Held::new(
            Arc::clone(&self.host),
            Arc::clone(&self.viewer),
            lease,
            wish,
        );
        // What was given in place of the profile that was asked for may be shown as well.
        let number = held.feed().number;
        let given = |t: &&Tile| t.sources().any(|s| s.feed().number == number);
        match self.tiles.iter().find(given) {
            Some(other) => Err(Reason::new(
                ReasonCode::AlreadyOpen,
                format!(
                    "{camera}/{} is shown in tile {} of this connection",
                    held.profile(),
                    other.id
                ),
            )),
            None => Ok(held),
        }
    }

    fn position(&self, tile: u32) -> Option<usize> {
        self.tiles.iter().position(|t| t.id == tile)
    }

    fn forget_media_of(&mut self, tile: u32) {
        self.ready
            .retain(|o| !matches!(o, Output::Media(m) if m.tile == tile));
    }

    fn control(&mut self, message: ServerMessage) {
        self.ready.push_back(Output::Control(message));
    }

    fn answer_error(&mut self, tile: u32, text: String) {
        self.control(ServerMessage::Error {
            text,
            tile: Some(tile),
        });
    }

    /// A tile that is not open: no fault, since the gateway may have closed it a moment ago.
    fn unknown(&mut self, tile: u32) {
        self.answer_error(tile, format!("tile {tile} is not open"));
    }

    fn not_understood(&mut self, now: Instant, text: String) {
        self.control(ServerMessage::Error { text, tile: None });
        self.errors.push_back(now);
        while self
            .errors
            .front()
            .is_some_and(|first| now.saturating_duration_since(*first) >= ERROR_WINDOW)
        {
            self.errors.pop_front();
        }
        if self.errors.len() >= MAX_ERRORS {
            self.close(Close::new(
                Close::PROTOCOL,
                "three messages within a minute were not understood",
            ));
        }
    }
}

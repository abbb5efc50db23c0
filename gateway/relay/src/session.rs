//! A viewer's session: which tiles are open, whose turn it is, what is left out for a slow viewer. No socket, task or timer:
//! the driver feeds it with [`Session::handle`] and empties it with [`Session::poll_output`].
//!
//! A tile's life (`tile.rs`):
//! ```text
//! open --> opening --first key frame--> playing <--pause/resume--> paused
//!             |                            |  ^ profile: the old source plays until the new one has a key frame
//!             +-- lost/back (source) ------+--+
//! ```

mod asked;
mod auto;
mod cruise;
mod meter;
mod replay;
mod steering;
mod tile;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    Frame, Ring, SourceStatus, WallTime,
    ring::Bell,
    wire::{self, ClientMessage, Framed, ServerMessage},
};
use tokio::sync::{Notify, watch};

use crate::{Close, Config, Host, Viewer};
use auto::Steer;
pub(crate) use cruise::{Cruise, Handed};
use meter::Meter;
use replay::Replays;
pub use steering::Figures;
use steering::Measuring;
use tile::{Step, Tile};

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
    /// What the transport knows of itself: bytes that it has taken since the connection began, its own framing included, and its
    /// round trip. Before a [`Input::Tick`]; a driver that does not know leaves it out.
    Line {
        /// Bytes.
        taken: u64,
        /// None where it is not known.
        rtt: Option<Duration>,
    },
    /// Time has passed: several times in [`Config::max_delay_ms`] while the transport is blocked, please, and at
    /// [`Session::wake_at`].
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
    replays: Replays,
    /// Whose turn is next: an index into `tiles`.
    turn: usize,
    ready: VecDeque<Output>,
    queued: usize,
    meter: Meter,
    steer: Steer,
    measuring: Measuring,
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
        let steer = Steer::new(&config, (viewer.peer.port() % 64) as u8);
        let bell: Option<Arc<Notify>> = bell.into();
        let replays = Replays::default();
        if let Some(bell) = bell.clone() {
            replays.inbox().wake(bell);
        }
        Self {
            config,
            host,
            viewer: Arc::new(viewer),
            bell,
            delivery,
            tiles: Vec::new(),
            replays,
            turn: 0,
            ready: VecDeque::from([Output::Control(hello)]),
            queued: 0,
            meter: Meter::default(),
            steer,
            measuring: Measuring::default(),
            errors: VecDeque::new(),
            closing: false,
            sources_version: 0,
        }
    }

    /// What is rung when a recording has been read, for a driver whose bell is not that of rings.
    pub fn wake_for_recordings(&self, bell: Arc<dyn Bell>) {
        self.replays.inbox().wake(bell);
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
                    tile.status(now, &mut self.ready);
                    self.sources_version += u64::from(had_next != tile.is_switching());
                }
            }
            Input::Queued(bytes) => {
                self.queued = bytes;
                self.meter.queued(now, bytes);
            }
            Input::Line { taken, rtt } => self.meter.line(taken, rtt),
            Input::Tick => {
                let max_delay = self.config.max_delay();
                // Nothing is asked of the tiles while there is no room. Where what waits can be given up they leave out what is
                // too late all the same: else who never takes anything would hold it for ever, and nobody would count.
                let stuck = self.delivery == Delivery::Groups && self.is_full();
                for tile in &mut self.tiles {
                    tile.observe(now, max_delay);
                    if stuck {
                        tile.leave_out_late(now, max_delay, &mut self.ready);
                    }
                }
                self.look(now);
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
        self.replays.rest();
        loop {
            if let Some(output) = self.ready.pop_front() {
                if let Output::Media(message) = &output {
                    let bytes = message.framed().message_len();
                    self.queued += bytes;
                    self.meter.hand(bytes);
                }
                return Some(output);
            }
            if self.closing || self.is_full() {
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
                        self.meter.restart();
                        self.sources_version += 1;
                    }
                    Step::Unfit => {
                        moved = true;
                        self.refit(now, at);
                    }
                    Step::Ended => {
                        self.measuring.gone += self.tiles.remove(at).skipped();
                        self.turn = at;
                        self.sources_version += 1;
                        moved = true;
                    }
                }
                if moved {
                    break;
                }
            }
            // One message of a recording for one of each live tile at most: neither starves the other.
            if self.replays.step(now, &mut self.ready) {
                moved = true;
            }
            if !moved {
                return None;
            }
        }
    }

    /// The budget of unwritten bytes is spent.
    fn is_full(&self) -> bool {
        self.queued as u64 >= self.config.viewer_budget.0
    }

    /// Lets the tiles that are level take frames without the session, if nothing waits in here: see [`Cruise`]. Until
    /// [`Session::land`] nothing else may be asked of the session.
    pub(crate) fn take_off(&self, out: &mut Vec<Cruise>) {
        if self.ready.is_empty() && self.queued == 0 && !self.closing {
            out.extend(
                self.tiles
                    .iter()
                    .filter_map(|tile| tile.take_off(self.delivery)),
            );
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

    /// So many frames of a feed that were handed out will not arrive: the tile that is to be told.
    pub(crate) fn lost(&mut self, feed: u32, frames: u64) -> Option<u32> {
        let shows = |tile: &&mut Tile| tile.sources().any(|held| held.feed().number == feed);
        let tile = self.tiles.iter_mut().find(shows)?;
        tile.lose(frames);
        Some(tile.id)
    }

    /// Ends the session: what is queued is dropped, [`Output::Close`] comes next and last.
    pub fn close(&mut self, close: Close) {
        if !self.closing {
            self.closing = true;
            self.tiles.clear();
            self.replays.clear();
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

    /// Tiles open now, recorded ones included.
    pub fn tiles(&self) -> usize {
        self.tiles.len() + self.replays.len()
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
}

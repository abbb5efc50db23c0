//! Recorded tiles of a session: a lane of its own beside the live ones, with the same transport, turns and bounds.
//!
//! ```text
//! clock (moment, rate) --> head (one a tile: what is due) --ask--> Shelf (the gateway's disks)
//!                             |  ^-------------------------- Inbox <--found--+
//!                             v
//!                    frames of a feed of the tile's own, anew with every seek
//! ```
//!
//! Who paces: the viewer's clock, as far as it says what it shows, else the gateway's. So much is sent ahead as
//! [`clock::LEAD`] says; a tile holds at most two reads of the archive (`head.rs`), and what was taken from it counts against the
//! session's budget as everything does.

mod clock;
mod head;
mod tile;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    MediaTime, Profile, Reason, ReasonCode, WallTime,
    recorded::{Hole, moment, wall},
    wire::{
        ClientMessage, ServerMessage,
        replay::{FIRST_RECORDED, Gaps, MAX_REASON, MAX_STEP, rate},
    },
};

use self::{
    clock::{Clock, Mode},
    head::{Head, Out},
    tile::{Tile, Watched},
};
use super::{Output, Session};
use crate::{
    Host, Viewer,
    shelf::{Inbox, Recorded},
};

/// When a picture is due within so long it is not waited for: a wake-up for each of nine cameras' pictures costs more than
/// sending some of them early.
const BEAT: Duration = Duration::from_millis(50);

/// All recorded tiles and clocks of a connection.
pub(super) struct Replays {
    clocks: Vec<Clock>,
    tiles: Vec<Tile>,
    inbox: Arc<Inbox>,
    /// Number of the next ask.
    number: u64,
    next_feed: u32,
    turn: usize,
    /// When time alone makes something due; none while nothing is known of that.
    wake: Option<Instant>,
}

impl Default for Replays {
    fn default() -> Self {
        Self {
            clocks: Vec::new(),
            tiles: Vec::new(),
            inbox: Arc::default(),
            number: 0,
            next_feed: FIRST_RECORDED,
            turn: 0,
            wake: None,
        }
    }
}

impl Replays {
    pub(super) fn len(&self) -> usize {
        self.tiles.len()
    }

    pub(super) fn has(&self, tile: u32) -> bool {
        self.tiles.iter().any(|t| t.id == tile)
    }

    pub(super) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        self.wake
    }

    /// It is looked at soon: until then time means nothing.
    pub(super) fn rest(&mut self) {
        self.wake = None;
    }

    pub(super) fn clear(&mut self) {
        self.tiles.clear();
        self.clocks.clear();
        self.wake = None;
    }

    pub(super) fn close(&mut self, tile: u32) -> bool {
        let before = self.tiles.len();
        self.tiles.retain(|t| t.id != tile);
        before != self.tiles.len()
    }

    /// Queues what is due, one message at most; whether there was anything.
    pub(super) fn step(&mut self, now: Instant, out: &mut VecDeque<Output>) -> bool {
        if self.tiles.is_empty() {
            return false;
        }
        loop {
            self.take_answers(now);
            self.jump(now, out);
            for n in 0..self.tiles.len() {
                let at = (self.turn + n) % self.tiles.len();
                if self.turn_of(now, at, out) {
                    self.turn = at + 1;
                    return true;
                }
            }
            if self.inbox.is_empty() {
                break;
            }
        }
        self.wake = self.wakes_at(now);
        // A jump is said at once.
        !out.is_empty()
    }

    fn take_answers(&mut self, now: Instant) {
        while let Some((number, found)) = self.inbox.take() {
            let mut found = Some(found);
            for tile in &mut self.tiles {
                let Some(left) = found.take() else { break };
                found = tile.head.answer(now, number, left);
            }
        }
    }

    /// A tile's turn.
    fn turn_of(&mut self, now: Instant, at: usize, out: &mut VecDeque<Output>) -> bool {
        let tile = &mut self.tiles[at];
        let Some(clock) = self.clocks.iter().find(|c| c.id == tile.clock) else {
            return false;
        };
        let view = clock.view(now);
        let moved = match tile.head.poll(now, &view) {
            None => false,
            Some(Out::Found(found)) => {
                let (id, clock) = (tile.id, tile.clock);
                self.stepped(now, clock, id, found, out);
                return true;
            }
            Some(done) => {
                tile.carry_out(done, out);
                true
            }
        };
        let tile = &mut self.tiles[at];
        if let Some(ask) = tile.head.ask(self.number, &view) {
            tile.shelf.fetch(ask, self.inbox.answer(self.number));
            self.number += 1;
        }
        self.begin(now);
        moved
    }

    /// Lets clocks run whose tiles have their first pictures.
    fn begin(&mut self, now: Instant) {
        for clock in &mut self.clocks {
            let mut own = self.tiles.iter().filter(|t| t.clock == clock.id);
            let ready = own.clone().next().is_some() && own.all(|t| t.head.is_settled());
            clock.start(now, ready);
        }
    }

    /// Holes end: for a clock all of whose tiles stand in one at once, where it skips them; else when it comes there. A clock with
    /// nothing recorded before it stands still.
    fn jump(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        for clock in self.clocks.iter_mut().filter(|c| c.rate != 0.0) {
            let own = || self.tiles.iter().filter(|t| t.clock == clock.id);
            let holes: Vec<Option<&Hole>> = own().filter_map(|t| t.head.hole()).collect();
            let is_back = clock.rate < 0.0;
            let passed = |at: MediaTime, t: MediaTime| if is_back { at <= t } else { at >= t };
            let first = |times: &mut dyn Iterator<Item = MediaTime>| match is_back {
                true => times.max(),
                false => times.min(),
            };
            let known = || holes.iter().flatten();
            let to = first(&mut known().filter_map(|h| h.to));
            let position = clock.position(now);
            let all = !holes.is_empty() && holes.len() == own().count();
            let resumed = match to {
                None if all => {
                    // What the clock ran too far it does not run again once there is more.
                    let ends = own().filter_map(Tile::shown).chain(known().map(|h| h.from));
                    let end = if is_back { ends.min() } else { ends.max() };
                    if let Some(end) = end.filter(|end| passed(position, *end)) {
                        clock.move_to(now, end);
                    }
                    None
                }
                Some(to) if all && clock.gaps == Gaps::Skip => {
                    let skips = known().all(|h| passed(position, h.from));
                    if skips && !passed(position, to) {
                        clock.move_to(now, to);
                        out.push_back(Output::Control(told(now, clock)));
                    }
                    skips.then_some(to)
                }
                Some(to) => clock.view(now).is_due(to).then_some(to),
                None => None,
            };
            let Some(to) = resumed else { continue };
            for tile in self.tiles.iter_mut().filter(|t| t.clock == clock.id) {
                let end = tile.head.hole().flatten().and_then(|h| h.to);
                if end.is_some_and(|end| passed(to, end)) {
                    tile.head.resume(to);
                }
            }
        }
    }

    fn wakes_at(&self, now: Instant) -> Option<Instant> {
        let mut wake: Option<Instant> = None;
        for tile in &self.tiles {
            let Some(clock) = self.clocks.iter().find(|c| c.id == tile.clock) else {
                continue;
            };
            let (due, again) = tile.head.wakes();
            let due = due.and_then(|due| clock.due_at(now, due));
            let hole = tile.head.hole().flatten();
            let hole = hole.and_then(|hole| clock.comes_at(now, hole.from));
            let at = [due, again, hole, clock.starts_at()]
                .into_iter()
                .flatten()
                .min();
            wake = [wake, at].into_iter().flatten().min();
        }
        wake.map(|at| at.max(now + BEAT))
    }

    /// A picture was found beside the moment shown: all tiles of the clock go there.
    fn stepped(
        &mut self,
        now: Instant,
        clock: u32,
        tile: u32,
        found: Option<MediaTime>,
        out: &mut VecDeque<Output>,
    ) {
        let Some(clock) = self.clocks.iter_mut().find(|c| c.id == clock) else {
            return;
        };
        if clock.step.take().is_none_or(|(of, _)| of != tile) {
            return;
        }
        let at = found.unwrap_or_else(|| clock.position(now));
        clock.restart(now, at);
        out.push_back(Output::Control(told(now, clock)));
        let id = clock.id;
        self.restart(id, at, Mode::All, out);
    }

    /// A new run of all of a clock's tiles.
    fn restart(&mut self, clock: u32, at: MediaTime, mode: Mode, out: &mut VecDeque<Output>) {
        for tile in self.tiles.iter_mut().filter(|t| t.clock == clock) {
            let id = tile.id;
            out.retain(|o| !matches!(o, Output::Media(m) if m.tile == id));
            tile.head.go(at, mode);
            tile.anew(next(&mut self.next_feed));
        }
    }
}

/// The next number in the upper half.
fn next(feed: &mut u32) -> u32 {
    let now = *feed;
    *feed = feed.wrapping_add(1) | FIRST_RECORDED;
    now
}

fn told(now: Instant, clock: &Clock) -> ServerMessage {
    ServerMessage::Clock {
        clock: clock.id,
        run: clock.run,
        at: wall(clock.position(now)).as_micros(),
        rate: clock.rate,
        keys: Mode::of(clock.rate) != Mode::All,
    }
}

impl Session {
    /// Messages of recorded tiles.
    pub(super) fn recorded_message(&mut self, now: Instant, message: ClientMessage) {
        match message {
            ClientMessage::Clock {
                clock,
                run,
                at,
                rate,
                gaps,
                until,
            } => self.set_clock(now, clock, run, (at, rate, gaps, until)),
            ClientMessage::Reached { clock, run, at } => {
                let clocks = &mut self.replays.clocks;
                if let Some(clock) = clocks.iter_mut().find(|c| c.id == clock && c.run == run)
                    && clock.step.is_none()
                {
                    clock.reached(now, moment(WallTime(at)));
                }
            }
            ClientMessage::Step {
                clock,
                run,
                tile,
                frames,
            } => self.step_clock(now, clock, run, tile, frames),
            ClientMessage::Replay {
                tile,
                camera,
                profile,
                clock,
                decodes,
                format,
                audio,
                reason,
            } => {
                let wish = Recorded {
                    camera,
                    profile: profile.unwrap_or(Profile::Main),
                    decodes: match audio {
                        true => decodes,
                        false => decodes.with_any_sound(),
                    },
                    audio,
                    reason: reason.chars().take(MAX_REASON).collect(),
                };
                self.replay(now, tile, clock, format, wish);
            }
            _ => {}
        }
    }

    fn set_clock(
        &mut self,
        now: Instant,
        id: u32,
        run: u32,
        (at, wanted, gaps, until): (Option<i64>, Option<f64>, Option<Gaps>, Option<i64>),
    ) {
        let at = at.map(|at| moment(WallTime(at)));
        let replays = &mut self.replays;
        if !replays.clocks.iter().any(|c| c.id == id) {
            let text = match at {
                None => format!("clock {id} is not set, and 'at' is missing"),
                Some(_) if replays.clocks.len() >= self.config.max_tiles as usize => {
                    format!(
                        "{} clocks are set, the most there may be",
                        replays.clocks.len()
                    )
                }
                Some(at) => {
                    replays.clocks.push(Clock::new(id, now, at));
                    String::new()
                }
            };
            if !text.is_empty() {
                return self.not_understood(now, text);
            }
        }
        let Some(clock) = replays.clocks.iter_mut().find(|c| c.id == id) else {
            return;
        };
        let before = Mode::of(clock.rate);
        clock.run = run;
        clock.gaps = gaps.unwrap_or(clock.gaps);
        if let Some(wanted) = wanted {
            clock.set_rate(now, rate(wanted));
        }
        if at.is_some() || until.is_some() {
            clock.until = until.map(|until| moment(WallTime(until)));
        }
        let mode = Mode::of(clock.rate);
        let restart = at.is_some() || mode != before || clock.step.is_some();
        let at = at.unwrap_or_else(|| clock.position(now));
        if restart {
            clock.restart(now, at);
        }
        let answer = told(now, clock);
        self.control(answer);
        if restart {
            self.replays.restart(id, at, mode, &mut self.ready);
        }
    }

    fn step_clock(&mut self, now: Instant, id: u32, run: u32, tile: u32, frames: i32) {
        let Some(own) = self
            .replays
            .tiles
            .iter_mut()
            .find(|t| t.id == tile && t.clock == id)
        else {
            return self.unknown(tile);
        };
        let Some(clock) = self.replays.clocks.iter_mut().find(|c| c.id == id) else {
            return self.unknown(tile);
        };
        let before = clock
            .step
            .filter(|(of, _)| *of == tile)
            .map_or(0, |(_, n)| n);
        let frames = frames.saturating_add(before).clamp(-MAX_STEP, MAX_STEP);
        clock.run = run;
        clock.set_rate(now, 0.0);
        clock.step = Some((tile, frames));
        own.head.seek_beside(clock.position(now), frames);
    }

    fn replay(
        &mut self,
        now: Instant,
        tile: u32,
        clock: u32,
        format: media::wire::Format,
        wish: Recorded,
    ) {
        if self.position(tile).is_some() || self.replays.has(tile) {
            return self.answer_error(tile, format!("tile {tile} is open already"));
        }
        let refused = |code, text: String| ServerMessage::Refused {
            tile,
            reason: Reason::new(code, text),
        };
        let Some(own) = self.replays.clocks.iter().find(|c| c.id == clock) else {
            let text = format!("clock {clock} is not set");
            return self.control(refused(ReasonCode::NotFound, text));
        };
        let (at, mode) = (own.position(now), Mode::of(own.rate));
        if self.tiles() >= self.config.max_tiles as usize {
            let text = format!(
                "{} tiles are open on this connection, the most there may be",
                self.tiles()
            );
            return self.control(refused(ReasonCode::TooManyTiles, text));
        }
        match self.host.replay(&self.viewer, &wish) {
            Ok(shelf) => {
                let feed = next(&mut self.replays.next_feed);
                let watched = Watched::new(
                    Arc::clone(&self.host),
                    Arc::clone(&self.viewer),
                    wish.clone(),
                );
                let head = Head::new(at, mode);
                let made = Tile::new((tile, clock, feed), format, wish, shelf, head, watched);
                self.replays.tiles.push(made);
            }
            Err(reason) => self.control(ServerMessage::Refused { tile, reason }),
        }
    }
}

/// What the host is told when a recorded tile is closed.
pub(super) fn tell_host(
    host: &dyn Host,
    viewer: &Viewer,
    wish: &Recorded,
    watched: &[(MediaTime, MediaTime)],
) {
    let spans: Vec<_> = watched.iter().map(|(a, b)| (wall(*a), wall(*b))).collect();
    host.replayed(viewer, wish, &spans);
}

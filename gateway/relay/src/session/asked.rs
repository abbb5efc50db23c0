//! What a viewer asks for, message by message.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use media::{
    Profile, Reason, ReasonCode,
    wire::{self, ClientMessage, ServerMessage},
};

use super::{
    Output, Session,
    auto::Wanted,
    tile::{Held, Terms, Tile},
};
use crate::{Close, Wish};

/// This many messages that were not understood, within [`ERROR_WINDOW`], end the connection.
const MAX_ERRORS: usize = 3;
const ERROR_WINDOW: Duration = Duration::from_secs(60);

impl Session {
    pub(super) fn message(&mut self, now: Instant, message: ClientMessage) {
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
                width,
                height,
                decodes,
                format,
                priority,
                audio,
            } => {
                if self.position(tile).is_some() || self.replays.has(tile) {
                    return self.answer_error(tile, format!("tile {tile} is open already"));
                }
                let size = width.zip(height).map(pixels);
                let lowered = self.is_held_down();
                let auto = match profile.fixed() {
                    Some(_) => None,
                    None => Some(Wanted::new(&self.config, size, lowered)),
                };
                let wish = Wish {
                    camera,
                    profile: profile
                        .fixed()
                        .or(auto.as_ref().map(Wanted::target))
                        .unwrap_or(Profile::Main),
                    priority,
                    // Nothing has to be re-encoded for one who does not want to hear it.
                    decodes: match audio {
                        true => decodes,
                        false => decodes.with_any_sound(),
                    },
                };
                let terms = Terms {
                    id: tile,
                    format,
                    audio,
                    auto,
                    size,
                };
                self.open(now, wish, terms);
            }
            ClientMessage::Profile { tile, profile } => {
                let Some(at) = self.position(tile) else {
                    return self.unknown(tile);
                };
                match profile.fixed() {
                    Some(profile) => {
                        self.tiles[at].auto = None;
                        self.change(at, profile);
                    }
                    None if self.tiles[at].auto.is_some() => {}
                    None => {
                        let lowered = self.is_held_down();
                        self.tiles[at].auto =
                            Some(Wanted::new(&self.config, self.tiles[at].size, lowered));
                        self.steer_tiles(now);
                    }
                }
            }
            ClientMessage::Size {
                tile,
                width,
                height,
            } => match self.position(tile) {
                Some(at) => {
                    self.tiles[at].resize(pixels((width, height)));
                    self.steer_tiles(now);
                }
                None => self.unknown(tile),
            },
            ClientMessage::Measure { every_ms } => self.measure(now, every_ms),
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
            ClientMessage::Close { tile } => match self.position(tile) {
                Some(at) => {
                    self.measuring.gone += self.tiles.remove(at).skipped();
                    self.sources_version += 1;
                    self.forget_media_of(tile);
                    self.control(ServerMessage::Closed { tile });
                }
                None if self.replays.close(tile) => {
                    self.forget_media_of(tile);
                    self.control(ServerMessage::Closed { tile });
                }
                None => self.unknown(tile),
            },
            ClientMessage::Clock { .. }
            | ClientMessage::Replay { .. }
            | ClientMessage::Reached { .. }
            | ClientMessage::Step { .. } => self.recorded_message(now, message),
        }
    }

    fn open(&mut self, now: Instant, wish: Wish, mut terms: Terms) {
        let tile = terms.id;
        let held = if self.tiles() >= self.config.max_tiles as usize {
            Err(Reason::new(
                ReasonCode::TooManyTiles,
                format!(
                    "{} tiles are open on this connection, the most there may be",
                    self.tiles()
                ),
            ))
        } else {
            let first = self.hold(wish, None);
            match (&mut terms.auto, first) {
                (Some(auto), Err(reason)) if may_have_another(reason.code) => {
                    // A camera with one stream only, or a link that has room for the other.
                    auto.refuse(now);
                    let profile = match wish.profile {
                        Profile::Main => Profile::Sub,
                        Profile::Sub => Profile::Main,
                    };
                    let other = self.hold(Wish { profile, ..wish }, None);
                    // That it has no such stream tells nothing where the one that it has is refused.
                    other.map_err(|other| match reason.code {
                        ReasonCode::NotFound => other,
                        _ => reason,
                    })
                }
                (_, held) => held,
            }
        };
        match held {
            Ok(held) => {
                self.look_after(now, terms.auto.is_some());
                let tile = Tile::open(terms, held, self.bell.as_ref(), &mut self.ready);
                if self.tiles.is_empty() {
                    // Most have one; a vector's own first step is four, two kilobytes.
                    self.tiles.reserve_exact(1);
                }
                self.tiles.push(tile);
                self.sources_version += 1;
            }
            Err(reason) => self.control(ServerMessage::Refused { tile, reason }),
        }
    }

    /// To this profile, as the viewer asked.
    fn change(&mut self, at: usize, profile: Profile) {
        if self.tiles[at].stay(profile) {
            self.sources_version += 1;
            return;
        }
        if self.tiles[at].is_switching() {
            // Already on its way there.
            return;
        }
        let tile = self.tiles[at].id;
        let wish = Wish {
            profile,
            ..self.tiles[at].wish()
        };
        match self.hold(wish, Some(tile)) {
            Ok(held) => {
                self.tiles[at].switch(held, true, self.bell.as_ref(), &mut self.ready);
                self.sources_version += 1;
            }
            Err(reason) => self.answer_error(tile, format!("stays with its profile: {reason}")),
        }
    }

    /// A feed for a tile: for `own`, or a new one.
    pub(super) fn hold(&self, wish: Wish, own: Option<u32>) -> Result<Held, Reason> {
        let others = || self.tiles.iter().filter(move |t| Some(t.id) != own);
        let shown = |profile: Profile, tile: &Tile| {
            Reason::new(
                ReasonCode::AlreadyOpen,
                format!(
                    "{}/{profile} is shown in tile {} of this connection",
                    wish.camera, tile.id
                ),
            )
        };
        let open = others().find(|t| {
            t.camera() == wish.camera && t.sources().any(|s| s.profile() == wish.profile)
        });
        if let Some(other) = open {
            return Err(shown(wish.profile, other));
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
        match others().find(|t| t.sources().any(|s| s.feed().number == number)) {
            Some(other) => Err(shown(held.profile(), other)),
            None => Ok(held),
        }
    }

    /// What a tile's source sends cannot be decoded by the viewer: the host, who knows that by now, is asked for what can.
    pub(super) fn refit(&mut self, now: Instant, at: usize) {
        let tile = self.tiles[at].id;
        let given = self.hold(self.tiles[at].unfit(), Some(tile));
        let ended = self.tiles[at].refit(now, given, self.bell.as_ref(), &mut self.ready);
        self.sources_version += 1;
        if let Some(reason) = ended {
            self.measuring.gone += self.tiles.remove(at).skipped();
            self.turn = at;
            self.control(ServerMessage::Refused { tile, reason });
        }
    }

    pub(super) fn position(&self, tile: u32) -> Option<usize> {
        self.tiles.iter().position(|t| t.id == tile)
    }

    fn forget_media_of(&mut self, tile: u32) {
        self.ready
            .retain(|o| !matches!(o, Output::Media(m) if m.tile == tile));
    }

    pub(super) fn control(&mut self, message: ServerMessage) {
        self.ready.push_back(Output::Control(message));
    }

    pub(super) fn answer_error(&mut self, tile: u32, text: String) {
        self.control(ServerMessage::Error {
            text,
            tile: Some(tile),
        });
    }

    /// A tile that is not open: no fault, since the gateway may have closed it a moment ago.
    pub(super) fn unknown(&mut self, tile: u32) {
        let text = match self.replays.has(tile) {
            true => format!("tile {tile} shows a recording: its clock is what is set"),
            false => format!("tile {tile} is not open"),
        };
        self.answer_error(tile, text);
    }

    pub(super) fn not_understood(&mut self, now: Instant, text: String) {
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

/// A size within its bounds.
fn pixels((width, height): (u16, u16)) -> (u16, u16) {
    let (least, most) = (*wire::TILE_PIXELS.start(), *wire::TILE_PIXELS.end());
    (width.clamp(least, most), height.clamp(least, most))
}

/// Whether a refusal of one stream leaves hope for the other.
fn may_have_another(code: ReasonCode) -> bool {
    !matches!(
        code,
        ReasonCode::Forbidden
            | ReasonCode::Disabled
            | ReasonCode::ShuttingDown
            | ReasonCode::DiskSlow
    )
}

//! What the caller has asked of its connection, to be asked again of the next one. No I/O.

use std::collections::BTreeMap;

use media::wire::{Choice, ClientMessage, ServerMessage};

#[derive(Debug, Default)]
pub(super) struct Asked {
    delay: Option<ClientMessage>,
    measure: Option<ClientMessage>,
    tiles: BTreeMap<u32, Tile>,
    /// `close` that are not answered yet, by tile: their answers do not mean a tile that was opened anew.
    closing: BTreeMap<u32, u32>,
}

#[derive(Debug)]
struct Tile {
    /// As it would be asked for now.
    open: ClientMessage,
    paused: bool,
    /// Which stream it showed before the last switch, which may be refused.
    before: Option<Choice>,
}

impl Asked {
    /// Notes what the caller asks for.
    pub(super) fn note(&mut self, message: &ClientMessage) {
        match message {
            // Recordings are not taken along: a client that plays them is on one transport.
            ClientMessage::Auth { .. }
            | ClientMessage::Clock { .. }
            | ClientMessage::Replay { .. }
            | ClientMessage::Reached { .. }
            | ClientMessage::Step { .. } => {}
            ClientMessage::Delay { .. } => self.delay = Some(message.clone()),
            ClientMessage::Measure { .. } => self.measure = Some(message.clone()),
            ClientMessage::Open { tile, .. } => {
                // A second `open` of a tile in use changes nothing: the gateway says so.
                self.tiles.entry(*tile).or_insert_with(|| Tile {
                    open: message.clone(),
                    paused: false,
                    before: None,
                });
            }
            ClientMessage::Profile { tile, profile: to } => {
                if let Some(tile) = self.tiles.get_mut(tile)
                    && let ClientMessage::Open { profile, .. } = &mut tile.open
                {
                    tile.before = Some(std::mem::replace(profile, *to));
                }
            }
            ClientMessage::Size {
                tile,
                width: w,
                height: h,
            } => {
                if let Some(tile) = self.tiles.get_mut(tile)
                    && let ClientMessage::Open { width, height, .. } = &mut tile.open
                {
                    (*width, *height) = (Some(*w), Some(*h));
                }
            }
            ClientMessage::Pause { tile } | ClientMessage::Resume { tile } => {
                if let Some(tile) = self.tiles.get_mut(tile) {
                    tile.paused = matches!(message, ClientMessage::Pause { .. });
                }
            }
            ClientMessage::Close { tile } => {
                self.tiles.remove(tile);
                *self.closing.entry(*tile).or_default() += 1;
            }
        }
    }

    /// Notes what the gateway says: a tile that it closed is not opened again, a switch that it refused not repeated.
    pub(super) fn told(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Refused { tile, .. } => drop(self.tiles.remove(tile)),
            ServerMessage::Closed { tile } => match self.closing.get_mut(tile) {
                Some(1) => drop(self.closing.remove(tile)),
                Some(more) => *more -= 1,
                None => drop(self.tiles.remove(tile)),
            },
            ServerMessage::Error {
                tile: Some(tile), ..
            } => {
                if let Some(tile) = self.tiles.get_mut(tile)
                    && let Some(before) = tile.before.take()
                    && let ClientMessage::Open { profile, .. } = &mut tile.open
                {
                    *profile = before;
                }
            }
            _ => {}
        }
    }

    /// On another connection nothing is being closed.
    pub(super) fn moved(&mut self) {
        self.closing.clear();
    }

    /// What brings a new connection to where the old one is.
    pub(super) fn repeat(&self) -> Vec<ClientMessage> {
        let tiles = self.tiles.iter().flat_map(|(&tile, asked)| {
            let pause = asked.paused.then_some(ClientMessage::Pause { tile });
            [Some(asked.open.clone()), pause].into_iter().flatten()
        });
        let settings = [&self.delay, &self.measure];
        settings
            .into_iter()
            .flatten()
            .cloned()
            .chain(tiles)
            .collect()
    }

    /// Tiles that are open or asked for: number, whether paused, whether the gateway chooses the stream.
    pub(super) fn tiles(&self) -> impl Iterator<Item = (u32, bool, bool)> {
        self.tiles.iter().map(|(&tile, asked)| {
            let auto = matches!(
                asked.open,
                ClientMessage::Open {
                    profile: Choice::Auto,
                    ..
                }
            );
            (tile, asked.paused, auto)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{Reason, ReasonCode};

    fn asked(lines: &[&str]) -> Asked {
        let mut asked = Asked::default();
        for line in lines {
            asked.note(&serde_json::from_str(line).unwrap());
        }
        asked
    }

    fn lines(asked: &Asked) -> Vec<String> {
        let text = |m| serde_json::to_string(&m).unwrap();
        asked.repeat().into_iter().map(text).collect()
    }

    const OPEN: &str = r#"{"type":"open","tile":1,"camera":"44140300001320000001","profile":"sub","format":"fmp4","priority":"viewer","audio":true}"#;

    #[test]
    fn what_is_repeated_is_what_stands_now() {
        let asked = asked(&[
            OPEN,
            &OPEN.replace("\"tile\":1", "\"tile\":2"),
            r#"{"type":"delay","max_ms":100}"#,
            r#"{"type":"delay","max_ms":900}"#,
            r#"{"type":"pause","tile":1}"#,
            r#"{"type":"profile","tile":1,"profile":"main"}"#,
            r#"{"type":"close","tile":2}"#,
            r#"{"type":"resume","tile":2}"#,
            r#"{"type":"size","tile":1,"width":640,"height":360}"#,
        ]);
        let open = OPEN.replace(
            r#""profile":"sub""#,
            r#""profile":"main","width":640,"height":360"#,
        );
        assert_eq!(
            lines(&asked),
            [
                r#"{"type":"delay","max_ms":900}"#,
                &open,
                r#"{"type":"pause","tile":1}"#
            ]
        );
    }

    #[test]
    fn what_the_gateway_ended_is_not_repeated() {
        let mut asked = asked(&[OPEN, r#"{"type":"close","tile":1}"#, OPEN]);
        asked.told(&ServerMessage::Closed { tile: 1 });
        assert_eq!(
            lines(&asked).len(),
            1,
            "the answer was of the one before it"
        );
        asked.note(
            &serde_json::from_str(r#"{"type":"profile","tile":1,"profile":"main"}"#).unwrap(),
        );
        asked.told(&ServerMessage::Error {
            text: "no".into(),
            tile: Some(1),
        });
        assert_eq!(lines(&asked), [OPEN], "the switch was refused");
        asked.told(&ServerMessage::Refused {
            tile: 1,
            reason: Reason::new(ReasonCode::Preempted, "x"),
        });
        assert_eq!(lines(&asked).len(), 0);
    }
}

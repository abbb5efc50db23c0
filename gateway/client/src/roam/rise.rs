//! Two connections at once, while the client climbs: the WebSocket goes on, QUIC is filled beside it, until QUIC has all that
//! the caller has not had yet. No I/O.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::wire::{Header, ServerMessage};

use super::{
    asked::Asked,
    seen::{Had, Place, Views},
};
use crate::Message;

/// A climb that has not come about by then is given up: the next one may do better.
pub(super) const RISE_TIME: Duration = Duration::from_secs(15);
/// What QUIC may be ahead of the WebSocket, in bytes.
const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Rise {
    /// What the caller would know if it had been on QUIC alone.
    views: Views,
    /// Where each feed begins on QUIC. From there on it is whole.
    first: HashMap<u32, Place>,
    held: VecDeque<(Header, Bytes)>,
    held_bytes: usize,
    pub(super) until: Instant,
}

impl Rise {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            views: Views::default(),
            first: HashMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            until: now + RISE_TIME,
        }
    }

    /// Takes what came by QUIC.
    ///
    /// # Errors
    /// Why this climb cannot end well.
    pub(super) fn take(&mut self, message: Message, had: &Had) -> Result<(), String> {
        match message {
            Message::Control(ServerMessage::Refused { tile, reason }) => {
                return Err(format!("tile {tile} refused: {reason}"));
            }
            Message::Control(ServerMessage::Skipped { ms, .. }) => {
                return Err(format!("QUIC is slower, {ms} ms were left out"));
            }
            Message::Control(ServerMessage::Error { text, .. }) => return Err(text),
            Message::Control(control) => {
                if let Some(feed) = self.views.note(&control) {
                    self.first.remove(&feed);
                }
            }
            Message::Media(header, payload) => {
                let place = (header.group, header.frame);
                let first = self.first.entry(header.feed).or_insert(place);
                *first = place.min(*first);
                if had.holds(&header) {
                    return Ok(());
                }
                self.held_bytes += payload.len();
                self.held.push_back((header, payload));
                if self.held_bytes > MAX_HELD_BYTES {
                    return Err("the WebSocket is too far behind".into());
                }
            }
        }
        Ok(())
    }

    /// Whether QUIC has, of every tile, all that the caller has not had.
    pub(super) fn is_ready(&self, asked: &Asked, shown: &Views, had: &Had) -> bool {
        asked.tiles().all(|(tile, paused, auto)| {
            let Some(quic) = self.views.get(tile) else {
                return false;
            };
            if paused {
                return quic.paused;
            }
            let Some((feed, _)) = shown.get(tile).and_then(|view| view.opened.as_ref()) else {
                // Nothing was shown, so nothing can be missed.
                return true;
            };
            match &quic.opened {
                Some((other, _)) if other == feed => {
                    match (had.newest(*feed), self.first.get(feed)) {
                        (Some(newest), Some(first)) => newest >= *first,
                        (None, _) => true,
                        (Some(_), None) => false,
                    }
                }
                // The gateway chose otherwise for this connection: like a switch, once there is a picture.
                Some((other, _)) => auto && self.first.contains_key(other),
                // No pictures come, by neither: the source is down.
                None => quic.lost.is_some() && shown.get(tile).is_some_and(|v| v.lost.is_some()),
            }
        })
    }

    /// What the caller is to be told and given now, in order; frames that it has had among it.
    pub(super) fn finish(self, shown: &Views) -> impl Iterator<Item = Message> {
        let told = shown.towards(&self.views).into_iter().map(Message::Control);
        told.chain(self.held.into_iter().map(|(h, p)| Message::Media(h, p)))
    }
}

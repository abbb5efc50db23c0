//! What the caller has been shown: its tiles' states, and the newest frame of every track. No I/O.

use std::collections::{BTreeMap, HashMap};

use media::{
    Reason, TrackKind,
    wire::{Header, Kind, ServerMessage},
};

/// Group and frame: where in its feed a frame stands.
pub(super) type Place = (u32, u32);

/// A tile, as one connection tells of it.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Feed, and the whole message.
    pub(super) opened: Option<(u32, ServerMessage)>,
    pub(super) lost: Option<Reason>,
    pub(super) paused: bool,
}

/// All tiles, as one connection tells of them.
#[derive(Debug, Default)]
pub(super) struct Views(BTreeMap<u32, View>);

impl Views {
    /// Takes a message; returns the number of a feed that is no longer shown.
    pub(super) fn note(&mut self, message: &ServerMessage) -> Option<u32> {
        match message {
            ServerMessage::Opening { tile, .. } => drop(self.0.entry(*tile).or_default()),
            ServerMessage::Opened { tile, feed, .. } => {
                let view = self.0.entry(*tile).or_default();
                view.lost = None;
                let old = view.opened.replace((*feed, message.clone()));
                return old.map(|(old, _)| old).filter(|old| old != feed);
            }
            ServerMessage::Refused { tile, .. } | ServerMessage::Closed { tile } => {
                let view = self.0.remove(tile)?;
                return view.opened.map(|(feed, _)| feed);
            }
            ServerMessage::Lost { tile, reason } => {
                self.0.entry(*tile).or_default().lost = Some(reason.clone());
            }
            ServerMessage::Back { tile } => self.0.entry(*tile).or_default().lost = None,
            ServerMessage::Paused { tile } => {
                let view = self.0.entry(*tile).or_default();
                view.paused = true;
                return view.opened.as_ref().map(|(feed, _)| *feed);
            }
            _ => {}
        }
        None
    }

    /// `resume` has no answer of its own. Returns the tile's feed.
    pub(super) fn resumed(&mut self, tile: u32) -> Option<u32> {
        let view = self.0.get_mut(&tile)?;
        view.paused = false;
        view.opened.as_ref().map(|(feed, _)| *feed)
    }

    pub(super) fn get(&self, tile: u32) -> Option<&View> {
        self.0.get(&tile)
    }

    /// What one who knows these views must be told to know `others`.
    pub(super) fn towards(&self, others: &Views) -> Vec<ServerMessage> {
        let mut out = Vec::new();
        for &tile in self.0.keys().filter(|tile| !others.0.contains_key(tile)) {
            out.push(ServerMessage::Closed { tile });
        }
        let nothing = View::default();
        for (&tile, to) in &others.0 {
            let from = self.0.get(&tile).unwrap_or(&nothing);
            let is_new = to.opened.is_some() && to.opened != from.opened;
            if let (true, Some((_, opened))) = (is_new, &to.opened) {
                out.push(opened.clone());
            }
            match (&from.lost, &to.lost) {
                (None, Some(reason)) => out.push(ServerMessage::Lost {
                    tile,
                    reason: reason.clone(),
                }),
                (Some(_), None) if !is_new => out.push(ServerMessage::Back { tile }),
                _ => {}
            }
            if to.paused && !from.paused {
                out.push(ServerMessage::Paused { tile });
            }
        }
        out
    }
}

/// The newest frame that the caller was given, by feed and track.
#[derive(Debug, Default)]
pub(super) struct Had {
    last: HashMap<(u32, TrackKind), Place>,
    /// Since the last move nothing newer has come: the new connection may repeat up to here.
    again: HashMap<(u32, TrackKind), Place>,
}

impl Had {
    /// From now on another connection brings the media.
    pub(super) fn moved(&mut self) {
        self.again.clone_from(&self.last);
    }

    /// Whether the caller is to be given this; if so it counts as given.
    pub(super) fn admit(&mut self, header: &Header) -> bool {
        let (key, place) = ((header.feed, header.track), (header.group, header.frame));
        let is_frame = header.kind != Kind::Initialisation;
        if let Some(old) = self.again.get(&key) {
            if !is_frame {
                return header.group >= old.0;
            }
            if place <= *old {
                return false;
            }
            self.again.remove(&key);
        }
        if is_frame {
            self.last.insert(key, place);
        }
        true
    }

    /// Whether the caller was given this frame, or a newer one of its track.
    pub(super) fn holds(&self, header: &Header) -> bool {
        let last = self.last.get(&(header.feed, header.track));
        last.is_some_and(|last| (header.group, header.frame) <= *last)
    }

    /// The newest of a feed, over its tracks.
    pub(super) fn newest(&self, feed: u32) -> Option<Place> {
        let of_feed = self.last.iter().filter(|((f, _), _)| *f == feed);
        of_feed.map(|(_, place)| *place).max()
    }

    /// It is no longer shown, or begins anew at a key frame that it may have shown.
    pub(super) fn forget(&mut self, feed: u32) {
        self.last.retain(|(f, _), _| *f != feed);
        self.again.retain(|(f, _), _| *f != feed);
    }
}

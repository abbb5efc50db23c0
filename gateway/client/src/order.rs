//! Groups arrive on streams of their own and overtake each other: this puts a track's messages into order, and gives up a
//! group for the next when it is late. No I/O.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::{
    TrackKind,
    wire::{Header, Kind, ServerMessage},
};

use crate::Message;

/// A group whose successor waits this long is given up: by then the gateway has reset it, or will. The gateway's own default.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most bytes held back; beyond them the oldest group is given up at once.
pub const MAX_HELD_BYTES: usize = 8 * 1024 * 1024;

/// Which stream: feed, track, group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The feed's number.
    pub feed: u32,
    /// Video or audio.
    pub track: TrackKind,
    /// Its number in the feed.
    pub group: u32,
}

impl Key {
    /// That of a message.
    pub fn of(header: &Header) -> Self {
        Self {
            feed: header.feed,
            track: header.track,
            group: header.group,
        }
    }
}

/// What arrived and was not handed out yet.
pub struct Order {
    patience: Duration,
    tracks: HashMap<(u32, TrackKind), Track>,
    /// Feeds that `opened` has announced, and how many of their frames were handed out; media that overtook it waits.
    known: HashMap<u32, u32>,
    tiles: HashMap<u32, u32>,
    control: VecDeque<Said>,
    held_bytes: usize,
}

/// A control message, and what must be handed out before it.
struct Said {
    message: ServerMessage,
    behind: Option<Behind>,
}

/// So many frames of a feed. What the gateway gave up never comes: a message waits no longer than its viewer's patience after the
/// last that came.
#[derive(Clone, Copy)]
struct Behind {
    feed: u32,
    frames: u32,
    since: Option<Instant>,
}

#[derive(Default)]
struct Track {
    groups: BTreeMap<u32, Group>,
    /// Groups below are over.
    floor: u32,
}

struct Group {
    messages: VecDeque<(Header, Bytes)>,
    done: bool,
    since: Instant,
}

impl Default for Order {
    fn default() -> Self {
        Self {
            patience: PATIENCE,
            tracks: HashMap::new(),
            known: HashMap::new(),
            tiles: HashMap::new(),
            control: VecDeque::new(),
            held_bytes: 0,
        }
    }
}

impl Order {
    /// The viewer's maximum delay, as the gateway was told it.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// A control message came.
    pub fn control(&mut self, message: ServerMessage) {
        let mut behind = None;
        match &message {
            ServerMessage::Opened { tile, feed, .. } => {
                self.known.entry(*feed).or_default();
                if let Some(old) = self.tiles.insert(*tile, *feed)
                    && old != *feed
                {
                    self.forget(old);
                }
            }
            ServerMessage::Closed { tile } | ServerMessage::Refused { tile, .. } => {
                if let Some(feed) = self.tiles.remove(tile) {
                    self.forget(feed);
                }
            }
            ServerMessage::Paused { tile } => {
                // It resumes at a group that may be the one it paused in.
                if let Some(feed) = self.tiles.get(tile).copied() {
                    self.drop_held(feed);
                }
            }
            ServerMessage::Gap { tile, frames, .. } | ServerMessage::Finished { tile, frames } => {
                behind = self.tiles.get(tile).map(|feed| Behind {
                    feed: *feed,
                    frames: *frames,
                    since: None,
                });
            }
            _ => {}
        }
        self.control.push_back(Said { message, behind });
    }

    /// A media message came.
    pub fn media(&mut self, now: Instant, header: Header, payload: Bytes) {
        let track = self.tracks.entry((header.feed, header.track)).or_default();
        if header.group < track.floor {
            return;
        }
        self.held_bytes += payload.len();
        for behind in self.control.iter_mut().filter_map(|s| s.behind.as_mut()) {
            if behind.feed == header.feed {
                behind.since = Some(now);
            }
        }
        let group = track.groups.entry(header.group).or_insert_with(|| Group {
            messages: VecDeque::new(),
            done: false,
            since: now,
        });
        group.done = false;
        group.messages.push_back((header, payload));
    }

    /// A stream ended or was reset.
    pub fn done(&mut self, key: Key) {
        if let Some(group) = self
            .tracks
            .get_mut(&(key.feed, key.track))
            .and_then(|t| t.groups.get_mut(&key.group))
        {
            group.done = true;
        }
    }

    /// Whether time alone can make something ready.
    pub fn is_waiting(&self) -> bool {
        self.held_bytes > 0 || !self.control.is_empty()
    }

    /// What to hand out now, if anything.
    pub fn poll(&mut self, now: Instant) -> Option<Message> {
        // Until that has come nothing of another feed passes: its announcement may be what waits behind.
        let held = self.held(now);
        if held.is_none()
            && let Some(said) = self.control.pop_front()
        {
            return Some(Message::Control(said.message));
        }
        if self.held_bytes > MAX_HELD_BYTES {
            self.make_room();
        }
        for ((feed, _), track) in &mut self.tracks {
            if held.is_none_or(|held| held == *feed)
                && let Some(out) = self.known.get_mut(feed)
                && let Some((header, payload)) =
                    track.poll(now, self.patience, &mut self.held_bytes)
            {
                *out += u32::from(header.kind != Kind::Initialisation);
                self.held_bytes -= payload.len();
                return Some(Message::Media(header, payload));
            }
        }
        None
    }

    /// The feed of which frames must come before the next control message.
    fn held(&mut self, now: Instant) -> Option<u32> {
        let behind = self.control.front_mut()?.behind.as_mut()?;
        // Not known any more: another has taken its place, and nobody waits for it.
        let out = *self.known.get(&behind.feed)?;
        let since = *behind.since.get_or_insert(now);
        let waits = now.saturating_duration_since(since) < self.patience;
        let waits = waits && self.held_bytes <= MAX_HELD_BYTES;
        (out < behind.frames && waits).then_some(behind.feed)
    }

    /// Bytes that wait.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Gives up the oldest group of every track that holds a newer one, and all that nobody announced.
    fn make_room(&mut self) {
        let (known, held) = (&self.known, &mut self.held_bytes);
        for ((feed, _), track) in &mut self.tracks {
            if !known.contains_key(feed) || track.groups.len() > 1 {
                track.give_up_first(held);
            }
        }
    }

    fn forget(&mut self, feed: u32) {
        self.known.remove(&feed);
        self.drop_held(feed);
    }

    fn drop_held(&mut self, feed: u32) {
        let held = &mut self.held_bytes;
        self.tracks.retain(|(f, _), track| {
            if *f == feed {
                *held -= track.groups.values().map(Group::bytes).sum::<usize>();
            }
            *f != feed
        });
    }
}

impl Group {
    fn bytes(&self) -> usize {
        self.messages.iter().map(|(_, p)| p.len()).sum()
    }
}

impl Track {
    fn poll(
        &mut self,
        now: Instant,
        patience: Duration,
        held: &mut usize,
    ) -> Option<(Header, Bytes)> {
        loop {
            let newer = self.groups.len() > 1;
            let waited = self
                .groups
                .values()
                .nth(1)
                .is_some_and(|next| now.saturating_duration_since(next.since) >= patience);
            let (&number, group) = self.groups.iter_mut().next()?;
            self.floor = number;
            if let Some(message) = group.messages.pop_front() {
                return Some(message);
            }
            if group.done && newer {
                self.groups.pop_first();
            } else if waited {
                self.give_up_first(held);
            } else {
                return None;
            }
        }
    }

    fn give_up_first(&mut self, held: &mut usize) {
        if let Some((number, group)) = self.groups.pop_first() {
            *held -= group.bytes();
            self.floor = number.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::{MediaTime, Profile, WallTime, wire::Kind};

    fn header(group: u32, frame: u32) -> Header {
        Header {
            kind: Kind::Fragment,
            key: frame == 0,
            discontinuity: false,
            last_of_group: false,
            track: TrackKind::Video,
            feed: 5,
            group,
            frame,
            media_time: MediaTime(0),
            captured: WallTime(0),
        }
    }

    fn opened() -> ServerMessage {
        ServerMessage::Opened {
            tile: 1,
            feed: 5,
            profile: Profile::Sub,
            tracks: Vec::new(),
            auto: None,
            transcoded: false,
        }
    }

    fn drain(order: &mut Order, now: Instant) -> Vec<(u32, u32)> {
        std::iter::from_fn(|| order.poll(now))
            .filter_map(|m| match m {
                Message::Media(h, _) => Some((h.group, h.frame)),
                Message::Control(_) => None,
            })
            .collect()
    }

    fn key(group: u32) -> Key {
        Key::of(&header(group, 0))
    }

    #[test]
    fn a_newer_group_waits_for_the_end_of_the_older() {
        let (mut order, now) = (Order::default(), Instant::now());
        order.control(opened());
        order.media(now, header(1, 0), Bytes::new());
        order.media(now, header(2, 0), Bytes::new());
        assert_eq!(drain(&mut order, now), [(1, 0)]);
        order.media(now, header(1, 1), Bytes::new());
        order.done(key(1));
        assert_eq!(drain(&mut order, now), [(1, 1), (2, 0)]);
        order.media(now, header(1, 2), Bytes::new());
        assert_eq!(drain(&mut order, now), [], "too late");
    }

    #[test]
    fn a_late_group_is_given_up() {
        let (mut order, now) = (Order::default(), Instant::now());
        order.control(opened());
        order.media(now, header(1, 0), Bytes::from_static(b"a"));
        assert_eq!(drain(&mut order, now), [(1, 0)]);
        order.media(now, header(2, 0), Bytes::from_static(b"b"));
        assert!(order.is_waiting());
        assert_eq!(drain(&mut order, now + PATIENCE / 2), []);
        assert_eq!(drain(&mut order, now + PATIENCE), [(2, 0)]);
        assert!(!order.is_waiting());
    }

    /// Recorded pictures are on one stream, their end on another.
    #[test]
    fn a_recordings_end_waits_for_what_was_sent_before_it() {
        let end = |frames| ServerMessage::Finished { tile: 1, frames };
        let is_end = |m: Option<Message>| {
            matches!(m, Some(Message::Control(ServerMessage::Finished { .. })))
        };
        let (mut order, now) = (Order::default(), Instant::now());
        order.control(opened());
        order.media(now, header(0, 0), Bytes::new());
        order.control(end(3));
        assert_eq!(drain(&mut order, now), [(0, 0)]);
        assert!(order.is_waiting());
        let later = now + PATIENCE - Duration::from_millis(1);
        order.media(later, header(0, 1), Bytes::new());
        assert_eq!(drain(&mut order, later), [(0, 1)]);
        assert!(order.poll(later + PATIENCE / 2).is_none());
        order.media(later, header(0, 2), Bytes::new());
        assert!(matches!(order.poll(later), Some(Message::Media(..))));
        assert!(is_end(order.poll(later)));
        assert!(!order.is_waiting());

        // What was given up does not come: it is not waited for longer than anything else is.
        order.control(end(5));
        assert!(order.poll(later).is_none());
        assert!(is_end(order.poll(later + PATIENCE)));
        // Nor where the viewer has gone elsewhere.
        order.control(end(5));
        order.control(ServerMessage::Closed { tile: 1 });
        assert!(is_end(order.poll(later)));
    }

    #[test]
    fn patience_is_the_viewers() {
        let (mut order, now) = (Order::default(), Instant::now());
        order.set_patience(PATIENCE * 10);
        order.control(opened());
        order.media(now, header(1, 0), Bytes::from_static(b"a"));
        order.media(now, header(2, 0), Bytes::from_static(b"b"));
        assert_eq!(drain(&mut order, now + PATIENCE * 9), [(1, 0)]);
        assert_eq!(drain(&mut order, now + PATIENCE * 10), [(2, 0)]);
    }

    #[test]
    fn media_that_overtook_its_announcement_waits_and_is_bounded() {
        let (mut order, now) = (Order::default(), Instant::now());
        order.media(now, header(1, 0), Bytes::new());
        assert_eq!(drain(&mut order, now), []);
        order.control(opened());
        assert_eq!(drain(&mut order, now), [(1, 0)]);
        let mut stranger = header(1, 0);
        stranger.feed = 6;
        for _ in 0..20 {
            order.media(now, stranger, vec![0; MAX_HELD_BYTES / 4].into());
            drain(&mut order, now);
            assert!(order.held_bytes <= MAX_HELD_BYTES);
        }
    }
}

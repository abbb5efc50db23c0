//! Virtual time: a gateway with cameras, a network that takes UDP away and gives it back, and the client's core between.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use media::{
    MediaTime, Profile, TrackKind, WallTime,
    wire::{ClientMessage, Header, Kind as MediaKind, ServerMessage},
};
use proptest::prelude::*;

use super::decide::{Decide, Kind, Output};
use crate::{Message, QUIC_TIME};

const STEP: Duration = Duration::from_millis(10);
const TRACKS: [TrackKind; 2] = [TrackKind::Video, TrackKind::Audio];

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One connection to the gateway, with what is on the way to the client, by lane: control, video, audio. A WebSocket has one
/// lane for all.
struct Line {
    kind: Kind,
    stands_at: Instant,
    /// By tile: whether paused.
    tiles: BTreeMap<u32, bool>,
    lanes: [VecDeque<(Instant, Message)>; 3],
    delays: [Duration; 3],
}

impl Line {
    fn send(&mut self, now: Instant, message: Message) {
        let lane = match (&message, self.kind) {
            (_, Kind::WebSocket) | (Message::Control(_), _) => 0,
            (Message::Media(h, _), _) => 1 + usize::from(h.track.number()),
        };
        self.lanes[lane].push_back((now + self.delays[lane], message));
    }

    fn arrived(&mut self, now: Instant) -> Option<Message> {
        let lane = self
            .lanes
            .iter_mut()
            .find(|lane| lane.front().is_some_and(|(at, _)| *at <= now))?;
        lane.pop_front().map(|(_, message)| message)
    }
}

/// The frames of all cameras alike: video, audio, video, audio, ...; a group has `gop` frames.
struct World {
    now: Instant,
    began: Instant,
    gop: u32,
    frames: u32,
    core: Decide,
    used: Line,
    second: Option<Line>,
    udp: bool,
    /// UDP is gone since.
    silent_since: Option<Instant>,
    delays: BTreeMap<bool, [Duration; 3]>,
    /// What the caller was given: by feed and track, the place of each frame in its track.
    given: BTreeMap<(u32, u8), Vec<u32>>,
    told: Vec<ServerMessage>,
    /// Moves, with how many frames there were.
    moves: Vec<(&'static str, u32)>,
}

fn open(tile: u32) -> ClientMessage {
    serde_json::from_str(&format!(
        r#"{{"type":"open","tile":{tile},"camera":"44140300001320000001","profile":"sub"}}"#
    ))
    .unwrap()
}

impl World {
    /// Delays of WebSocket and QUIC lanes, in milliseconds.
    fn new(gop: u32, udp: bool, web_socket: u64, quic: [u64; 3]) -> Self {
        let now = Instant::now();
        let delays = BTreeMap::from([(false, [ms(web_socket); 3]), (true, quic.map(ms))]);
        let kind = if udp { Kind::Quic } else { Kind::WebSocket };
        let mut world = Self {
            now,
            began: now,
            gop,
            frames: 1,
            core: Decide::new(now, kind, super::FIRST_PAUSE),
            used: Line {
                kind,
                stands_at: now,
                tiles: BTreeMap::new(),
                lanes: Default::default(),
                delays: delays[&(kind == Kind::Quic)],
            },
            second: None,
            udp,
            silent_since: None,
            delays,
            given: BTreeMap::new(),
            told: Vec::new(),
            moves: Vec::new(),
        };
        world.hello(true);
        world
    }

    fn line(&mut self, used: bool) -> &mut Line {
        match &mut self.second {
            Some(second) if !used => second,
            _ => &mut self.used,
        }
    }

    fn hello(&mut self, used: bool) {
        let now = self.now;
        self.line(used).send(
            now,
            Message::Control(ServerMessage::Hello {
                version: 1,
                server: "test".into(),
                now: 0,
                max_tiles: 64,
            }),
        );
    }

    fn frame(&self, tile: u32, n: u32) -> Message {
        let header = Header {
            kind: MediaKind::Fragment,
            key: n.is_multiple_of(self.gop),
            discontinuity: false,
            last_of_group: false,
            track: TRACKS[(n % self.gop % 2) as usize],
            feed: tile + 100,
            group: n / self.gop,
            frame: n % self.gop,
            media_time: MediaTime(i64::from(n)),
            captured: WallTime(0),
        };
        Message::Media(header, Bytes::from_static(b"frame"))
    }

    /// The gateway's side of a request.
    fn serve(&mut self, used: bool, message: &ClientMessage) {
        let now = self.now;
        let key = (self.frames - 1) / self.gop * self.gop;
        let since_key: Vec<u32> = (key..self.frames).collect();
        let mut answers = Vec::new();
        let line = self.line(used);
        match message {
            ClientMessage::Open { tile, .. } if !line.tiles.contains_key(tile) => {
                line.tiles.insert(*tile, false);
                answers.push(Message::Control(ServerMessage::Opened {
                    tile: *tile,
                    feed: tile + 100,
                    profile: Profile::Sub,
                    tracks: Vec::new(),
                    auto: None,
                    transcoded: false,
                }));
                answers.extend(since_key.iter().map(|n| self.frame(*tile, *n)));
            }
            ClientMessage::Pause { tile } => {
                if let Some(paused) = line.tiles.get_mut(tile) {
                    *paused = true;
                    let of_tile =
                        |m: &Message| matches!(m, Message::Media(h, _) if h.feed == tile + 100);
                    line.lanes[1..]
                        .iter_mut()
                        .for_each(|lane| lane.retain(|(_, m)| !of_tile(m)));
                    answers.push(Message::Control(ServerMessage::Paused { tile: *tile }));
                }
            }
            ClientMessage::Resume { tile } => {
                if let Some(paused) = line.tiles.get_mut(tile)
                    && std::mem::replace(paused, false)
                {
                    answers.extend(since_key.iter().map(|n| self.frame(*tile, *n)));
                }
            }
            ClientMessage::Close { tile } if line.tiles.remove(tile).is_some() => {
                answers.push(Message::Control(ServerMessage::Closed { tile: *tile }));
            }
            _ => {}
        }
        for message in answers {
            self.line(used).send(now, message);
        }
    }

    /// The caller asks.
    fn ask(&mut self, message: ClientMessage) {
        self.core.asked(self.now, &message);
        if self.core.is_falling() {
            self.second = None;
            self.core.second_failed(self.now, "asked anew");
        } else {
            self.serve(true, &message);
        }
        self.settle();
    }

    fn set_udp(&mut self, open: bool) {
        self.udp = open;
        self.silent_since = (!open).then_some(self.now);
    }

    fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let age = self.now - self.began;
        if age.as_millis().is_multiple_of(20) {
            self.push();
        }
        if let Some(since) = self.silent_since
            && self.used.kind == Kind::Quic
            && !self.core.is_falling()
            && self.now - since >= super::SILENCE
        {
            self.core.lost(self.now, "timed out".into());
        }
        self.settle();
        if let Some(second) = &self.second
            && second.stands_at == self.now
        {
            if second.kind == Kind::Quic && !self.udp {
                self.second = None;
                self.core.second_failed(self.now, "no answer on UDP");
            } else {
                self.core.second_up(self.now);
            }
            self.settle();
        }
        // What QUIC carries is sent again when UDP passes again.
        while !self.core.is_falling()
            && (self.udp || self.used.kind == Kind::WebSocket)
            && let Some(message) = self.used.arrived(self.now)
        {
            self.core.first(self.now, message);
            self.settle();
        }
        let now = self.now;
        while let Some(second) = &mut self.second
            && (self.udp || second.kind == Kind::WebSocket)
            && second.stands_at <= now
            && let Some(message) = second.arrived(now)
        {
            self.core.second(now, message);
            self.settle();
        }
        if self.core.deadline().is_some_and(|at| at <= self.now) {
            self.core.tick(self.now);
            self.settle();
        }
    }

    fn push(&mut self) {
        let n = self.frames;
        self.frames += 1;
        for used in [true, false] {
            if !used && self.second.is_none() {
                continue;
            }
            let now = self.now;
            let line = self.line(used);
            let tiles: Vec<u32> = line
                .tiles
                .iter()
                .filter(|(_, p)| !**p)
                .map(|(t, _)| *t)
                .collect();
            for tile in tiles {
                let frame = self.frame(tile, n);
                self.line(used).send(now, frame);
            }
        }
    }

    fn settle(&mut self) {
        while let Some(output) = self.core.poll() {
            match output {
                Output::Give(Message::Control(message)) => self.told.push(message),
                Output::Give(Message::Media(header, _)) => {
                    let n = header.group * self.gop + header.frame;
                    let track = header.track.number();
                    self.given.entry((header.feed, track)).or_default().push(n);
                }
                Output::Connect(kind, ask) => self.connect(kind, &ask),
                Output::Take => {
                    self.used = self.second.take().expect("there is one to take");
                    let moved = self.core.moved.take().expect("it says why");
                    self.moves.push((moved.to, self.frames));
                }
                Output::Drop => self.second = None,
            }
        }
    }

    fn connect(&mut self, kind: Kind, ask: &[ClientMessage]) {
        let after = match kind {
            Kind::Quic if !self.udp => QUIC_TIME,
            _ => ms(100),
        };
        self.second = Some(Line {
            kind,
            stands_at: self.now + after,
            tiles: BTreeMap::new(),
            lanes: Default::default(),
            delays: self.delays[&(kind == Kind::Quic)],
        });
        if kind == Kind::Quic && !self.udp {
            return;
        }
        self.hello(false);
        ask.iter().for_each(|message| self.serve(false, message));
    }

    fn on(&self) -> Kind {
        self.used.kind
    }

    /// Every frame once and in order; none missing but at a fall.
    fn check(&self) {
        for ((feed, track), given) in &self.given {
            let mut falls = self
                .moves
                .iter()
                .filter(|(to, _)| *to == "websocket")
                .count();
            for pair in given.windows(2) {
                assert!(
                    pair[0] < pair[1],
                    "{feed}/{track}: {} after {}",
                    pair[1],
                    pair[0]
                );
                let next = (pair[0] + 1..)
                    .find(|n| n % self.gop % 2 == u32::from(*track))
                    .unwrap_or_default();
                if pair[1] != next {
                    assert!(falls > 0, "{feed}/{track}: {} after {}", pair[1], pair[0]);
                    falls -= 1;
                }
            }
        }
    }
}

#[test]
fn a_client_that_fell_back_at_its_start_climbs_without_a_gap_and_without_a_frame_twice() {
    let mut world = World::new(100, false, 30, [5, 20, 15]);
    world.ask(open(1));
    world.run(Duration::from_secs(60));
    assert_eq!((world.on(), world.moves.len()), (Kind::WebSocket, 0));
    world.set_udp(true);
    world.run(Duration::from_secs(180));
    assert_eq!(world.on(), Kind::Quic);
    assert_eq!(world.moves.len(), 1);
    world.check();
    let given: usize = world.given.values().map(Vec::len).sum();
    assert!(
        given + 3 >= world.frames as usize,
        "{given} of {}",
        world.frames
    );
    assert_eq!(
        world.told.len(),
        2,
        "hello and opened once: {:?}",
        world.told
    );
}

#[test]
fn udp_goes_in_mid_stream_and_comes_back() {
    let mut world = World::new(1000, true, 30, [5, 20, 15]);
    world.ask(open(1));
    world.ask(open(2));
    world.run(Duration::from_secs(70));
    world.set_udp(false);
    world.run(Duration::from_secs(6));
    assert_eq!(world.on(), Kind::WebSocket);
    world.run(Duration::from_secs(60));
    world.set_udp(true);
    world.run(Duration::from_secs(130));
    assert_eq!(world.on(), Kind::Quic);
    world.check();
    let to: Vec<_> = world.moves.iter().map(|(to, _)| *to).collect();
    assert_eq!(to, ["websocket", "quic"]);
    assert_eq!(world.told.len(), 3, "{:?}", world.told);
    // Within one long group even the fall loses nothing: the new connection begins at its key frame.
    let given: usize = world.given.values().map(Vec::len).sum();
    assert!(
        given + 8 >= 2 * world.frames as usize,
        "{given} of {}",
        world.frames
    );
}

#[test]
fn a_websocket_that_lags_by_groups_is_not_left_before_quic_overlaps_it() {
    let mut world = World::new(50, false, 4000, [5, 20, 15]);
    world.ask(open(1));
    world.set_udp(true);
    world.run(Duration::from_secs(20));
    assert_eq!(world.on(), Kind::Quic);
    world.check();
}

#[test]
fn a_paused_tile_stays_paused_and_an_empty_client_climbs_too() {
    let mut world = World::new(50, false, 30, [5, 20, 15]);
    world.ask(open(1));
    world.run(Duration::from_secs(1));
    world.ask(ClientMessage::Pause { tile: 1 });
    world.set_udp(true);
    world.run(Duration::from_secs(20));
    assert_eq!(
        (world.on(), &world.used.tiles),
        (Kind::Quic, &BTreeMap::from([(1, true)]))
    );
    let before = world.given.clone();
    world.run(Duration::from_secs(1));
    assert_eq!(world.given, before);
    world.ask(ClientMessage::Resume { tile: 1 });
    world.run(Duration::from_secs(1));
    assert_ne!(world.given, before);

    let mut empty = World::new(50, false, 30, [5, 20, 15]);
    empty.set_udp(true);
    empty.run(Duration::from_secs(20));
    assert_eq!(empty.on(), Kind::Quic);
}

#[test]
fn tries_grow_rare_while_udp_is_shut() {
    let mut world = World::new(50, false, 30, [5, 20, 15]);
    world.ask(open(1));
    let mut tries = 0;
    for _ in 0..360_000 {
        let before = world.second.is_some();
        world.step();
        tries += u32::from(!before && world.second.is_some());
    }
    // 5, 10, 20, 40, 80, then every two minutes, each within a quarter, for an hour.
    assert!((24..=45).contains(&tries), "{tries}");
    world.check();
}

#[derive(Clone, Debug)]
enum Act {
    Udp(bool),
    Wait(u64),
    Open(u32),
    Close(u32),
    Pause(u32),
    Resume(u32),
}

fn acts(with_asks: bool) -> impl Strategy<Value = Vec<Act>> {
    let network = prop_oneof![
        any::<bool>().prop_map(Act::Udp),
        (1u64..40_000).prop_map(Act::Wait)
    ];
    let asks = prop_oneof![
        (0u32..3).prop_map(Act::Open),
        (0u32..3).prop_map(Act::Close),
        (0u32..3).prop_map(Act::Pause),
        (0u32..3).prop_map(Act::Resume),
        (1u64..3_000).prop_map(Act::Wait),
    ];
    let weight = u32::from(with_asks);
    proptest::collection::vec(prop_oneof![1 => network, weight => asks], 0..30)
}

fn act(world: &mut World, act: &Act) {
    match act {
        Act::Udp(open) => world.set_udp(*open),
        Act::Wait(time) => world.run(ms(*time)),
        Act::Open(tile) => world.ask(open(*tile)),
        Act::Close(tile) => world.ask(ClientMessage::Close { tile: *tile }),
        Act::Pause(tile) => world.ask(ClientMessage::Pause { tile: *tile }),
        Act::Resume(tile) => world.ask(ClientMessage::Resume { tile: *tile }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_network_does_no_frame_comes_twice_and_climbs_lose_none(
        gop in 1u32..150,
        udp in any::<bool>(),
        web_socket in 0u64..3_000,
        quic in [0u64..300, 0u64..300, 0u64..300],
        what in acts(false),
    ) {
        let control = quic[0].min(quic[1]).min(quic[2]);
        let mut world = World::new(gop * 2, udp, web_socket, [control, quic[1], quic[2]]);
        (0..3).for_each(|tile| world.ask(open(tile)));
        for what in &what {
            act(&mut world, what);
        }
        world.set_udp(true);
        world.run(Duration::from_secs(400));
        prop_assert_eq!(world.on(), Kind::Quic);
        world.check();
    }

    #[test]
    fn whatever_the_caller_asks_the_tiles_end_as_it_asked(
        gop in 1u32..100,
        udp in any::<bool>(),
        what in acts(true),
    ) {
        let mut world = World::new(gop * 2, udp, 40, [5, 20, 15]);
        let mut want = BTreeMap::new();
        for what in &what {
            match what {
                Act::Open(tile) => drop(want.entry(*tile).or_insert(false)),
                Act::Close(tile) => drop(want.remove(tile)),
                Act::Pause(tile) => { want.entry(*tile).and_modify(|p| *p = true); }
                Act::Resume(tile) => { want.entry(*tile).and_modify(|p| *p = false); }
                _ => {}
            }
            act(&mut world, what);
        }
        world.set_udp(true);
        world.run(Duration::from_secs(400));
        prop_assert_eq!(world.on(), Kind::Quic);
        prop_assert_eq!(&world.used.tiles, &want);
        let mut shown = BTreeMap::new();
        for message in &world.told {
            match message {
                ServerMessage::Opened { tile, .. } => drop(shown.insert(*tile, ())),
                ServerMessage::Closed { tile } => drop(shown.remove(tile)),
                _ => {}
            }
        }
        prop_assert!(shown.keys().eq(want.keys()), "shown {:?}, wanted {:?}", shown, want);
    }
}

//! One RTSP session over retina: once it is connected (`connect`), its packets become access units ([`crate::depacketize`]),
//! which are handed to the [`Assembler`]. All decisions are [`Session`]'s; this only moves bytes.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use media::{Frame, SourceState, TrackKind, WallTime};
use retina::{
    client::{self, PacketItem, SessionGroup},
    rtcp::ReceivedCompoundPacket,
    rtp::ReceivedPacket,
};
use tokio::time::{MissedTickBehavior, timeout_at};

use crate::{
    assemble::{Assembler, Unit},
    camera::Source,
    config::Config,
    connect::{self, Learned, Stream},
    depacketize::{self, AccessUnit, Packet},
    error::{Failure, Kind},
    session::{Input, Output, Session},
};

/// What the driver tells its feed as it happens.
pub(crate) trait Events {
    /// The session's state or reason may have changed.
    fn changed(&mut self, session: &Session, assembler: &Assembler);
    /// A frame for the ring.
    fn frame(&mut self, frame: Arc<Frame>);
    /// The camera's clock minus the gateway's, milliseconds.
    fn clock_offset(&mut self, ms: i64);
    /// About once a second.
    fn measured(&mut self, assembler: &mut Assembler, now: Instant);
    /// Whether the camera's next word is waited for, or its packets are not kept by the system until they are read.
    fn waits(&mut self, waits: bool);
    /// The gateway's clock.
    fn wall(&self, at: Instant) -> WallTime;
}

/// Runs one session to its end, which it returns. Dropped, it says goodbye (TEARDOWN) in the background; wait for that with
/// `group`.
pub(crate) async fn run(
    config: &Config,
    source: &Source,
    group: Arc<SessionGroup>,
    learned: &mut Learned,
    session: &mut Session,
    assembler: &mut Assembler,
    events: &mut impl Events,
) -> Failure {
    let bound = config.connect_timeout;
    let deadline = tokio::time::Instant::now() + bound;
    match timeout_at(deadline, connect::resolve(source)).await {
        Ok(Ok(())) => {}
        Ok(Err(failure)) => return failure,
        Err(_) => {
            let text = format!(
                "no name server told the address of {} within {} s",
                source.authority(),
                bound.as_secs_f64()
            );
            return Failure::new(Kind::Name, text);
        }
    }
    let connecting = connect::connect(config, source, group, learned, assembler);
    let (playing, front) = match timeout_at(deadline, connecting).await {
        Ok(Ok(playing)) => playing,
        Ok(Err(failure)) => return failure,
        Err(_) => {
            let text = format!(
                "{} did not begin to play within {} s",
                source.authority(),
                bound.as_secs_f64()
            );
            return Failure::new(Kind::TimedOut, text);
        }
    };
    session.handle(Instant::now(), Input::Played);
    events.changed(session, assembler);
    let player = Player {
        packets: playing.packets,
        video: playing.video,
        audio: playing.audio,
        session,
        assembler,
        events,
        torn: 0,
        measured: Instant::now(),
        settles: match playing.udp {
            true => None,
            false => Some(SETTLES),
        },
    };
    let failure = connect::failure_of(front.as_ref(), player.run().await);
    if failure.kind == Kind::NoPackets {
        // Perhaps a firewall lets no UDP through.
        learned.udp = false;
    }
    failure
}

/// A session that plays, and those who are told of it.
struct Player<'a, E> {
    packets: client::Session<client::Playing>,
    video: Stream,
    audio: Option<Stream>,
    session: &'a mut Session,
    assembler: &'a mut Assembler,
    events: &'a mut E,
    /// Packets in a row that made no sense, without a picture between them.
    torn: u32,
    measured: Instant,
    /// Until it has played for so many seconds more its packets are read as they come; none where they always are.
    settles: Option<u8>,
}

/// Seconds in which a camera may send what it has stored: more than the system takes before it is read.
const SETTLES: u8 = 2;

impl<E: Events> Player<'_, E> {
    async fn run(mut self) -> Failure {
        let mut ticks = tokio::time::interval(self.session.tick_period());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // Packets first: after a pause of this process they are all there, and silence must not be seen.
                biased;
                failure = poll_fn(|cx| self.drain(cx)) => return failure,
                _ = ticks.tick() => {}
            }
            if let Err(failure) = self.tick(Instant::now()) {
                return failure;
            }
        }
    }

    /// Takes all packets that are there (the runtime has it pause among many); ready when the session has ended.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        loop {
            let Poll::Ready(item) = self.packets.poll_next_unpin(cx) else {
                self.video.units.rest();
                return Poll::Pending;
            };
            if let Err(failure) = self.take(item) {
                return Poll::Ready(failure);
            }
        }
    }

    fn tick(&mut self, now: Instant) -> Step {
        if let Output::Cut(failure) = self.session.handle(now, Input::Tick) {
            return Err(failure);
        }
        if now.saturating_duration_since(self.measured) >= Duration::from_secs(1) {
            self.measured = now;
            self.events.measured(self.assembler, now);
            if let Some(left @ 1..) = &mut self.settles {
                *left -= 1;
                if *left == 0 {
                    self.events.waits(false);
                }
            }
        }
        self.events.changed(self.session, self.assembler);
        Ok(())
    }

    fn take(&mut self, item: Option<Result<PacketItem, retina::Error>>) -> Step {
        match item {
            None => Err(Failure::new(Kind::Cut, "the camera closed the connection")),
            Some(Err(e)) => Err(Failure::of(&e)),
            Some(Ok(PacketItem::Rtp(packet))) => self.packet(&packet),
            Some(Ok(PacketItem::Rtcp(packets))) => {
                self.report(&packets);
                Ok(())
            }
            Some(Ok(_)) => Ok(()),
        }
    }

    fn packet(&mut self, packet: &ReceivedPacket) -> Step {
        let id = packet.stream_id();
        let (kind, units) = match &mut self.audio {
            _ if id == self.video.id => (TrackKind::Video, &mut self.video.units),
            Some(audio) if id == audio.id => (TrackKind::Audio, &mut audio.units),
            _ => return Ok(()),
        };
        let arrival = packet.ctx().received();
        let rate = packet.timestamp().clock_rate().get();
        let pushed = units.push(&Packet {
            payload: packet.payload(),
            mark: packet.mark(),
            timestamp: packet.timestamp().timestamp(),
            lost: packet.loss(),
            arrival,
        });
        while let Some(unit) = self.next(kind) {
            self.unit(kind, rate, unit);
        }
        pushed.or_else(|error| self.torn(error, arrival))
    }

    fn next(&mut self, kind: TrackKind) -> Option<AccessUnit> {
        match kind {
            TrackKind::Video => self.video.units.next(),
            TrackKind::Audio => self.audio.as_mut()?.units.next(),
        }
    }

    /// One packet that does not fit the ones before it: whoever joins in the middle of a picture cut into many packets gets such
    /// ones (VLC sends them evenly spaced), and some cameras have odd ones now and then. The stream of packets is sound; what it
    /// belongs to is marked.
    fn torn(&mut self, error: depacketize::Error, arrival: Instant) -> Step {
        let kind = match error {
            depacketize::Error::Odd(_) if self.torn < MAX_TORN => {
                if self.torn == 0 {
                    tracing::debug!(%error, "packet left out");
                }
                self.torn += 1;
                self.session
                    .handle(arrival, Input::Arrived { video: false });
                return Ok(());
            }
            depacketize::Error::Odd(_) | depacketize::Error::TooLarge(_) => Kind::Framing,
            depacketize::Error::Picture { .. } => Kind::Codec,
        };
        Err(Failure::new(kind, error.to_string()))
    }

    fn unit(&mut self, kind: TrackKind, rate: u32, unit: AccessUnit) {
        let video = kind == TrackKind::Video;
        if let Some(track) = unit.track {
            self.assembler.parameters(track);
        }
        self.session.handle(unit.arrival, Input::Arrived { video });
        let captured = self.events.wall(unit.arrival);
        let unit = Unit {
            rtp: unit.timestamp,
            rate,
            lost: unit.lost,
            data: unit.data,
            arrival: unit.arrival,
            captured,
        };
        let frame = match kind {
            TrackKind::Video => {
                self.torn = 0;
                self.assembler.video(unit)
            }
            TrackKind::Audio => self.assembler.audio(unit),
        };
        if let Some(frame) = frame {
            self.pass_on(frame);
        }
    }

    /// What the camera says of its clock.
    fn report(&mut self, packets: &ReceivedCompoundPacket) {
        let kind = if packets.stream_id() == self.video.id {
            TrackKind::Video
        } else {
            TrackKind::Audio
        };
        let report = packets
            .pkts()
            .find_map(|p| p.as_sender_report().ok().flatten());
        let (Some(rtp), Some(report)) = (packets.rtp_timestamp(), report) else {
            return;
        };
        let now = self.events.wall(packets.ctx().received());
        let (rate, ntp) = (rtp.clock_rate().get(), report.ntp_timestamp().0);
        let offset = self.assembler.report(kind, rtp.timestamp(), rate, ntp, now);
        if let Some(ms) = offset {
            self.events.clock_offset(ms);
        }
    }

    fn pass_on(&mut self, frame: Arc<Frame>) {
        let live = self.session.state() == SourceState::Live;
        let first = frame.track == TrackKind::Video && !live;
        self.events.frame(frame);
        if first {
            self.session.handle(Instant::now(), Input::Pushed);
            self.events.changed(self.session, self.assembler);
        }
    }
}

/// Goes on, or the session's end.
type Step = Result<(), Failure>;

/// In a row, without a picture: 20 s of 25 pictures a second of which none fits. The rest of a torn picture is not counted.
const MAX_TORN: u32 = 500;

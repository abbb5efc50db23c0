//! One RTSP session over retina: once it is connected (`connect`), every access unit is handed to the [`Assembler`]. All
//! decisions are [`Session`]'s; this only moves bytes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use media::{Frame, SourceState, TrackKind, WallTime};
use retina::{
    client::{Demuxed, SessionGroup},
    codec::{AudioFrame, CodecItem, VideoFrame},
    rtcp::ReceivedCompoundPacket,
};
use tokio::time::{MissedTickBehavior, timeout_at};

use crate::{
    assemble::{Assembler, Unit},
    camera::Source,
    config::Config,
    connect::{self, Learned},
    error::{Failure, Kind},
    session::{Input, Output, Session},
    tracks,
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
        config,
        demuxed: playing.demuxed,
        video: playing.video,
        audio: playing.audio,
        session,
        assembler,
        events,
        known: false,
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
    config: &'a Config,
    demuxed: Demuxed,
    video: usize,
    audio: Option<usize>,
    session: &'a mut Session,
    assembler: &'a mut Assembler,
    events: &'a mut E,
    /// Retina has told the video's parameters.
    known: bool,
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
            let step = tokio::select! {
                // Packets first: after a pause of this process they are all there, and silence must not be seen.
                biased;
                item = self.demuxed.next() => self.take(item),
                _ = ticks.tick() => self.tick(Instant::now()),
            };
            match step {
                Ok(Some(frame)) => self.pass_on(frame),
                Ok(None) => {}
                Err(failure) => return failure,
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
        Ok(None)
    }

    fn take(&mut self, item: Option<Result<CodecItem, retina::Error>>) -> Step {
        match item {
            None => Err(Failure::new(Kind::Cut, "the camera closed the connection")),
            // One packet that does not fit the ones before it: whoever joins in the middle of a picture cut into many packets gets
            // such ones (VLC sends them evenly spaced), and some cameras have odd ones now and then. The stream of packets is
            // sound; what it belongs to is marked.
            Some(Err(e)) if self.torn < MAX_TORN && is_of_a_packet(&e) => {
                if self.torn == 0 {
                    let error = Failure::of(&e);
                    tracing::debug!(%error, "packet left out");
                }
                self.torn += 1;
                let arrived = Input::Arrived { video: false };
                self.session.handle(Instant::now(), arrived);
                Ok(None)
            }
            Some(Err(e)) => Err(Failure::of(&e)),
            Some(Ok(CodecItem::VideoFrame(frame))) if frame.stream_id() == self.video => {
                self.picture(frame)
            }
            Some(Ok(CodecItem::AudioFrame(frame))) if Some(frame.stream_id()) == self.audio => {
                Ok(self.sound(&frame))
            }
            Some(Ok(CodecItem::Rtcp(packets))) => {
                self.report(&packets);
                Ok(None)
            }
            Some(Ok(_)) => Ok(None),
        }
    }

    fn picture(&mut self, frame: VideoFrame) -> Step {
        if (frame.has_new_parameters() || !self.known)
            && let Some(track) = tracks::video(&mut self.demuxed, self.video)?
        {
            self.known = true;
            self.assembler.parameters(track);
        }
        let arrival = frame.end_ctx().received();
        self.session.handle(arrival, Input::Arrived { video: true });
        let lost = frame.loss().saturating_add(u16::from(self.torn > 0));
        self.torn = 0;
        let timestamp = frame.timestamp();
        let data = Bytes::from(frame.into_data());
        if data.len() as u64 > self.config.max_unit_bytes.0 {
            let text = format!("an access unit of {} bytes", data.len());
            return Err(Failure::new(Kind::Framing, text));
        }
        Ok(self.assembler.video(Unit {
            rtp: timestamp.timestamp(),
            rate: timestamp.clock_rate().get(),
            lost,
            data,
            arrival,
            captured: self.events.wall(arrival),
        }))
    }

    fn sound(&mut self, frame: &AudioFrame) -> Option<Arc<Frame>> {
        let arrival = frame.ctx().received();
        let arrived = Input::Arrived { video: false };
        self.session.handle(arrival, arrived);
        self.assembler.audio(Unit {
            rtp: frame.timestamp().timestamp(),
            rate: frame.timestamp().clock_rate().get(),
            lost: frame.loss(),
            data: Bytes::copy_from_slice(frame.data()),
            arrival,
            captured: self.events.wall(arrival),
        })
    }

    /// What the camera says of its clock.
    fn report(&mut self, packets: &ReceivedCompoundPacket) {
        let kind = if packets.stream_id() == self.video {
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

/// A frame for the ring, nothing for it, or the session's end.
type Step = Result<Option<Arc<Frame>>, Failure>;

/// A picture of 4K that begins a group is some 1,000 packets.
const MAX_TORN: u32 = 2000;

/// Whether an error is about what is in one RTP packet, after which retina goes on (its depacketisers begin anew): those, and
/// only those, tell the packet's sequence number.
fn is_of_a_packet(error: &retina::Error) -> bool {
    let text = error.to_string();
    text.contains("\nssrc: ") && !text.contains("wrong ssrc") && !text.starts_with("Out-of-order")
}

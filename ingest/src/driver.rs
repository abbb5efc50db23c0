//! One RTSP session over retina: connect, describe, set up, play, and hand every access unit to the [`Assembler`]. All decisions
//! are [`Session`]'s; this only moves bytes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use media::{AudioCodec, AudioTrack, Frame, TrackKind, VideoCodec, VideoTrack, WallTime};
use retina::{
    client::{
        Credentials, Demuxed, Described, InitialTimestampPolicy, PlayOptions, SessionGroup,
        SessionIdPolicy, SessionOptions, SetupOptions, TcpTransportOptions, TeardownPolicy,
        UdpTransportOptions, UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
    },
    codec::{CodecItem, FrameFormat, ParametersRef},
};
use tokio::time::{MissedTickBehavior, timeout_at};

use crate::{
    assemble::{Assembler, Unit},
    camera::{Source, Transport},
    config::Config,
    description::{self, Section},
    error::{Failure, Kind},
    front::Front,
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
    /// The gateway's clock.
    fn wall(&self, at: Instant) -> WallTime;
}

/// What was learned about a camera and holds for its next session.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// It answered 461 to TCP.
    udp: bool,
    /// Its description must be mended before it can be read.
    odd: bool,
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
    match timeout_at(deadline, resolve(source)).await {
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
    let connecting = connect(config, source, group, learned, assembler);
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
    let failure = play(config, playing, session, assembler, events).await;
    let failure = failure_of(front.as_ref(), failure);
    if failure.kind == Kind::NoPackets {
        // Perhaps a firewall lets no UDP through.
        learned.udp = false;
    }
    failure
}

/// A session that plays, and which of its streams are wanted.
struct Playing {
    demuxed: Demuxed,
    video: usize,
    audio: Option<usize>,
}

async fn connect(
    config: &Config,
    source: &Source,
    group: Arc<SessionGroup>,
    learned: &mut Learned,
    assembler: &mut Assembler,
) -> Result<(Playing, Option<Front>), Failure> {
    let mut front = None;
    if source.is_tls() || learned.odd {
        front = Some(open_front(config, source).await?);
    }
    let mut described = describe(source, &group, front.as_ref()).await;
    if let Err(e) = &described
        && front.is_none()
        && e.to_string().contains("Unable to parse SDP")
    {
        tracing::info!(camera = source.authority(), "an odd description is mended");
        learned.odd = true;
        front = Some(open_front(config, source).await?);
        described = describe(source, &group, front.as_ref()).await;
    }
    let playing = match described {
        Ok(session) => set_up(session, source, front.is_some(), learned, assembler).await,
        Err(e) => Err(located(&e, source)),
    };
    match playing {
        Ok(playing) => Ok((playing, front)),
        Err(failure) => Err(failure_of(front.as_ref(), failure)),
    }
}

async fn open_front(config: &Config, source: &Source) -> Result<Front, Failure> {
    if source.transport == Transport::Udp {
        let text = format!(
            "{}: UDP is set, and this camera can be reached over one connection alone (TLS, or an odd description)",
            source.authority()
        );
        return Err(Failure::new(Kind::Status(461), text));
    }
    Front::open(source, &config.camera_authorities).await
}

/// What the front has to say is nearer to the cause than what the library saw of it.
fn failure_of(front: Option<&Front>, failure: Failure) -> Failure {
    front
        .and_then(|front| front.failure().cloned())
        .unwrap_or(failure)
}

async fn describe(
    source: &Source,
    group: &Arc<SessionGroup>,
    front: Option<&Front>,
) -> Result<retina::client::Session<Described>, retina::Error> {
    let credentials = source.username.as_ref().map(|username| Credentials {
        username: username.clone(),
        password: source.password.clone().unwrap_or_default(),
    });
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(concat!("sightline/", env!("CARGO_PKG_VERSION")).into())
        .session_group(Arc::clone(group))
        .session_id(SessionIdPolicy::UseFirst)
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .teardown(TeardownPolicy::Auto);
    let url = front.map_or_else(|| source.url.clone(), |front| front.url(&source.url));
    retina::client::Session::describe(url, options).await
}

async fn set_up(
    mut session: retina::client::Session<Described>,
    source: &Source,
    fronted: bool,
    learned: &mut Learned,
    assembler: &mut Assembler,
) -> Result<Playing, Failure> {
    let sections = description::sections(session.sdp());
    let (video, audio) = choose(&session, &sections, source.audio)?;
    let udp = match source.transport {
        Transport::Tcp => false,
        Transport::Udp => true,
        Transport::Auto => learned.udp && !fronted,
    };
    let mut udp_now = udp;
    for stream in std::iter::once(video).chain(audio) {
        let mut result = session.setup(stream, setup_options(udp_now)).await;
        if source.transport == Transport::Auto
            && !udp_now
            && !fronted
            && result.as_ref().is_err_and(|e| e.status_code() == Some(461))
        {
            tracing::info!(camera = source.authority(), "no TCP on offer, UDP is used");
            (udp_now, learned.udp) = (true, true);
            result = session.setup(stream, setup_options(true)).await;
        }
        result.map_err(|e| located(&e, source))?;
    }
    let play = PlayOptions::default()
        .initial_timestamp(InitialTimestampPolicy::Permissive)
        .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::DropPackets);
    let mut demuxed = session
        .play(play)
        .await
        .and_then(|playing| playing.demuxed())
        .map_err(|e| located(&e, source))?;
    assembler.begin(audio.and_then(|i| audio_track(&demuxed.streams()[i])));
    let track = match video_track(&mut demuxed, video)? {
        // Retina takes no parameter sets at all from a description that it finds odd. Some servers have them nowhere else.
        None => described_track(&demuxed.streams()[video], &sections),
        track => track,
    };
    if let Some(track) = track {
        assembler.parameters(track);
    }
    Ok(Playing {
        demuxed,
        video,
        audio,
    })
}

fn setup_options(udp: bool) -> SetupOptions {
    let transport = if udp {
        retina::client::Transport::Udp(UdpTransportOptions::default())
    } else {
        retina::client::Transport::Tcp(TcpTransportOptions::default())
    };
    SetupOptions::default()
        .transport(transport)
        .frame_format(FrameFormat::MP4)
}

/// Names that have no address are told from hosts that do not answer; retina does not.
async fn resolve(source: &Source) -> Result<(), Failure> {
    let Some(url::Host::Domain(name)) = source.url.host() else {
        return Ok(());
    };
    let found = tokio::net::lookup_host((name, source.port())).await;
    match found.map(Iterator::count) {
        Ok(1..) => Ok(()),
        Ok(0) => Err(Failure::new(Kind::Name, format!("'{name}' has no address"))),
        Err(e) => Err(Failure::new(
            Kind::Name,
            format!("'{name}' has no address: {e}"),
        )),
    }
}

fn located(error: &retina::Error, source: &Source) -> Failure {
    let mut failure = Failure::of(error);
    if !failure.text.contains("connection ") {
        failure.text = format!("{}: {}", source.authority(), failure.text);
    }
    if failure.kind == Kind::Status(401) && source.username.is_none() {
        failure
            .text
            .push_str("; the camera asks for a user name and password, none is set");
    }
    failure
}

/// The first video stream of a codec that is carried, and the first such audio stream. Back channels (what the camera would
/// hear) and metadata are not touched.
fn choose(
    session: &retina::client::Session<Described>,
    sections: &[Section],
    audio_wanted: bool,
) -> Result<(usize, Option<usize>), Failure> {
    let usable = |media: &'static str| {
        session.streams().iter().enumerate().filter(move |(_, s)| {
            s.media() == media && !section_of(s, sections).is_some_and(Section::is_back_channel)
        })
    };
    let video = usable("video").find(|(_, s)| matches!(s.encoding_name(), "h264" | "h265"));
    let Some((video, _)) = video else {
        let names: Vec<&str> = usable("video").map(|(_, s)| s.encoding_name()).collect();
        return Err(if names.is_empty() {
            Failure::new(Kind::NoVideo, "the camera describes no video")
        } else {
            let text = format!(
                "the camera's video is {}, expected h264 or h265",
                names.join(", ").chars().take(80).collect::<String>()
            );
            Failure::new(Kind::Codec, text)
        });
    };
    let audio = usable("audio").find(|(_, s)| audio_track(s).is_some());
    Ok((video, audio.filter(|_| audio_wanted).map(|(i, _)| i)))
}

fn section_of<'a>(stream: &retina::client::Stream, sections: &'a [Section]) -> Option<&'a Section> {
    let control = stream.control().map(url::Url::as_str);
    let payload = stream.rtp_payload_type();
    sections
        .iter()
        .find(|s| s.is_of(stream.media(), payload, control))
}

fn described_track(stream: &retina::client::Stream, sections: &[Section]) -> Option<VideoTrack> {
    section_of(stream, sections)?.video_track(video_codec(stream))
}

fn video_codec(stream: &retina::client::Stream) -> VideoCodec {
    match stream.encoding_name() {
        "h265" => VideoCodec::H265,
        _ => VideoCodec::H264,
    }
}

fn audio_track(stream: &retina::client::Stream) -> Option<AudioTrack> {
    let codec = match stream.encoding_name() {
        "mpeg4-generic" => AudioCodec::Aac,
        "pcma" => AudioCodec::PcmA,
        "pcmu" => AudioCodec::PcmU,
        _ => return None,
    };
    let Some(ParametersRef::Audio(parameters)) = stream.parameters() else {
        return None;
    };
    let name = match codec {
        AudioCodec::Aac => parameters.rfc6381_codec().unwrap_or("mp4a.40.2"),
        AudioCodec::PcmA => "alaw",
        AudioCodec::PcmU => "ulaw",
    };
    let config = match codec {
        AudioCodec::Aac => Bytes::copy_from_slice(parameters.extra_data()),
        AudioCodec::PcmA | AudioCodec::PcmU => Bytes::new(),
    };
    Some(AudioTrack {
        codec,
        codec_string: name.to_owned(),
        config,
        rate: parameters.clock_rate(),
        channels: u8::try_from(parameters.channels().get())
            .ok()
            .filter(|n| *n <= 8)?,
    })
}

fn video_track(demuxed: &mut Demuxed, video: usize) -> Result<Option<VideoTrack>, Failure> {
    let Some(stream) = demuxed.streams().get(video) else {
        return Ok(None);
    };
    let codec = video_codec(stream);
    let Some(ParametersRef::Video(parameters)) = stream.parameters() else {
        return Ok(None);
    };
    let (width, height) = parameters.pixel_dimensions();
    let pixels = |n: u32| u16::try_from(n).ok().filter(|n| (1..=16_384).contains(n));
    let (Some(width), Some(height)) = (pixels(width), pixels(height)) else {
        let text = format!("a picture of {width}x{height}, at most 16384x16384 is carried");
        return Err(Failure::new(Kind::Codec, text));
    };
    let config = Bytes::copy_from_slice(parameters.extra_data());
    Ok(Some(VideoTrack {
        codec,
        codec_string: crate::bitstream::codec_string(codec, &config),
        config,
        width,
        height,
    }))
}

async fn play(
    config: &Config,
    mut playing: Playing,
    session: &mut Session,
    assembler: &mut Assembler,
    events: &mut impl Events,
) -> Failure {
    let mut ticks = tokio::time::interval(session.tick_period());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut measured = Instant::now();
    let mut known = false;
    // Packets in a row that made no sense, without a picture between them.
    let mut torn = 0u32;
    loop {
        let item = tokio::select! {
            // Packets first: after a pause of this process they are all there, and silence must not be seen.
            biased;
            item = playing.demuxed.next() => item,
            _ = ticks.tick() => {
                let now = Instant::now();
                if let Output::Cut(failure) = session.handle(now, Input::Tick) {
                    return failure;
                }
                if now.saturating_duration_since(measured) >= Duration::from_secs(1) {
                    measured = now;
                    events.measured(assembler, now);
                }
                events.changed(session, assembler);
                continue;
            }
        };
        let frame = match item {
            None => return Failure::new(Kind::Cut, "the camera closed the connection"),
            // One packet that does not fit the ones before it: whoever joins in the middle of a picture cut into many packets gets
            // such ones (VLC sends them evenly spaced), and some cameras have odd ones now and then. The stream of packets is
            // sound; what it belongs to is marked.
            Some(Err(e)) if torn < MAX_TORN && is_of_a_packet(&e) => {
                if torn == 0 {
                    let error = Failure::of(&e);
                    tracing::debug!(%error, "packet left out");
                }
                torn += 1;
                session.handle(Instant::now(), Input::Arrived { video: false });
                None
            }
            Some(Err(e)) => return Failure::of(&e),
            Some(Ok(CodecItem::VideoFrame(frame))) if frame.stream_id() == playing.video => {
                if frame.has_new_parameters() || !known {
                    match video_track(&mut playing.demuxed, playing.video) {
                        Ok(Some(track)) => {
                            known = true;
                            assembler.parameters(track);
                        }
                        Ok(None) => {}
                        Err(failure) => return failure,
                    }
                }
                let arrival = frame.end_ctx().received();
                session.handle(arrival, Input::Arrived { video: true });
                let lost = frame.loss().saturating_add(u16::from(torn > 0));
                torn = 0;
                let timestamp = frame.timestamp();
                let data = Bytes::from(frame.into_data());
                if data.len() as u64 > config.max_unit_bytes.0 {
                    let text = format!("an access unit of {} bytes", data.len());
                    return Failure::new(Kind::Framing, text);
                }
                assembler.video(Unit {
                    rtp: timestamp.timestamp(),
                    rate: timestamp.clock_rate().get(),
                    lost,
                    data,
                    arrival,
                    captured: events.wall(arrival),
                })
            }
            Some(Ok(CodecItem::AudioFrame(frame))) if Some(frame.stream_id()) == playing.audio => {
                let arrival = frame.ctx().received();
                session.handle(arrival, Input::Arrived { video: false });
                assembler.audio(Unit {
                    rtp: frame.timestamp().timestamp(),
                    rate: frame.timestamp().clock_rate().get(),
                    lost: frame.loss(),
                    data: Bytes::copy_from_slice(frame.data()),
                    arrival,
                    captured: events.wall(arrival),
                })
            }
            Some(Ok(CodecItem::Rtcp(packets))) => {
                let kind = if packets.stream_id() == playing.video {
                    TrackKind::Video
                } else {
                    TrackKind::Audio
                };
                let report = packets
                    .pkts()
                    .find_map(|p| p.as_sender_report().ok().flatten());
                if let (Some(rtp), Some(report)) = (packets.rtp_timestamp(), report) {
                    let now = events.wall(packets.ctx().received());
                    let ntp = report.ntp_timestamp().0;
                    let rate = rtp.clock_rate().get();
                    let offset = assembler.report(kind, rtp.timestamp(), rate, ntp, now);
                    if let Some(ms) = offset {
                        events.clock_offset(ms);
                    }
                }
                None
            }
            Some(Ok(_)) => None,
        };
        if let Some(frame) = frame {
            let first =
                frame.track == TrackKind::Video && session.state() != media::SourceState::Live;
            events.frame(frame);
            if first {
                session.handle(Instant::now(), Input::Pushed);
                events.changed(session, assembler);
            }
        }
    }
}

/// A picture of 4K that begins a group is some 1,000 packets.
const MAX_TORN: u32 = 2000;

/// Whether an error is about what is in one RTP packet, after which retina goes on (its depacketisers begin anew): those, and
/// only those, tell the packet's sequence number.
fn is_of_a_packet(error: &retina::Error) -> bool {
    let text = error.to_string();
    text.contains("\nssrc: ") && !text.contains("wrong ssrc") && !text.starts_with("Out-of-order")
}

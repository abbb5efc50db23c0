//! From a camera's address to a session that plays: resolve, connect (through a front where one is needed), describe, set up.

use std::{sync::Arc, time::Instant};

use retina::client::{
    self, Credentials, Described, InitialTimestampPolicy, PlayOptions, SessionGroup,
    SessionIdPolicy, SessionOptions, SetupOptions, TcpTransportOptions, TeardownPolicy,
    UdpTransportOptions, UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};

use crate::{
    assemble::Assembler,
    camera::{Source, Transport},
    config::Config,
    depacketize::Depacketizer,
    description,
    error::{Failure, Kind},
    front::Front,
    tracks,
};

/// What was learned about a camera and holds for its next session.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    /// It answered 461 to TCP.
    pub(crate) udp: bool,
    /// Its description must be mended before it can be read.
    odd: bool,
    /// How far the last session came, and when: for a diagnosis.
    reached: Vec<(Phase, Instant)>,
    /// What its description says of the video.
    what: String,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It let us in and described itself.
    Described,
    /// There is video that can be carried.
    Chosen,
    /// PLAY was answered.
    Played,
}

impl Learned {
    /// When the last session came so far.
    pub(crate) fn reached(&self, phase: Phase) -> Option<Instant> {
        let found = self.reached.iter().find(|(p, _)| *p == phase);
        found.map(|(_, at)| *at)
    }

    /// What its description says of the video.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    fn reach(&mut self, phase: Phase) {
        self.reached.push((phase, Instant::now()));
    }
}

/// A session that plays, and which of its streams are wanted.
pub(crate) struct Playing {
    pub(crate) packets: client::Session<client::Playing>,
    pub(crate) video: Stream,
    pub(crate) audio: Option<Stream>,
    /// Packets come over UDP.
    pub(crate) udp: bool,
}

/// A stream that is wanted.
pub(crate) struct Stream {
    /// Its place in the description.
    pub(crate) id: usize,
    pub(crate) units: Depacketizer,
}

/// A session that plays, and the front it goes through.
pub(crate) async fn connect(
    config: &Config,
    source: &Source,
    group: Arc<SessionGroup>,
    learned: &mut Learned,
    assembler: &mut Assembler,
) -> Result<(Playing, Option<Front>), Failure> {
    learned.reached.clear();
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
        Ok(session) => {
            learned.reach(Phase::Described);
            set_up(config, session, source, front.is_some(), learned, assembler).await
        }
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
pub(crate) fn failure_of(front: Option<&Front>, failure: Failure) -> Failure {
    front
        .and_then(|front| front.failure().cloned())
        .unwrap_or(failure)
}

async fn describe(
    source: &Source,
    group: &Arc<SessionGroup>,
    front: Option<&Front>,
) -> Result<client::Session<Described>, retina::Error> {
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
    client::Session::describe(url, options).await
}

async fn set_up(
    config: &Config,
    mut session: client::Session<Described>,
    source: &Source,
    fronted: bool,
    learned: &mut Learned,
    assembler: &mut Assembler,
) -> Result<Playing, Failure> {
    let sections = description::sections(session.sdp());
    let (video, audio) = tracks::choose(&session, &sections, source.audio)?;
    learned.what = session.streams()[video].encoding_name().to_owned();
    learned.reach(Phase::Chosen);
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
    let packets = session.play(play).await.map_err(|e| located(&e, source))?;
    learned.reach(Phase::Played);
    let streams = packets.streams();
    let sound = audio.and_then(|i| tracks::audio(&streams[i]));
    let (pictures, track) = tracks::video(&streams[video], &sections, config.max_unit_bytes);
    let heard = audio.zip(sound.as_ref()).map(|(id, track)| Stream {
        id,
        units: tracks::sound(&streams[id], track),
    });
    assembler.begin(sound);
    if let Some(track) = track {
        assembler.parameters(track);
    }
    Ok(Playing {
        packets,
        video: Stream {
            id: video,
            units: pictures,
        },
        audio: heard,
        udp: udp_now,
    })
}

fn setup_options(udp: bool) -> SetupOptions {
    let transport = if udp {
        client::Transport::Udp(UdpTransportOptions::default())
    } else {
        client::Transport::Tcp(TcpTransportOptions::default())
    };
    SetupOptions::default().transport(transport)
}

/// Names that have no address are told from hosts that do not answer; retina does not.
pub(crate) async fn resolve(source: &Source) -> Result<(), Failure> {
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

//! The driver of one connection: socket and clock on one side, [`Session`] on the other.

use std::{io, sync::Arc, sync::atomic::Ordering::Relaxed, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::broadcast,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    fault::{Command, Desync},
    feed::{What, to_90k},
    rtsp::{Input, Request, parse},
    sdp,
    server::Shared,
    session::Session,
};

/// A second report after the first, and so on.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// How long DESCRIBE waits for a clip that is being made.
const CLIP_PATIENCE: Duration = Duration::from_secs(8);
/// More than a request with its body: a client that sends more without pause is read later.
const READ_MAX: usize = 96 << 10;

/// Serves one connection to its end.
pub(crate) async fn serve(mut stream: TcpStream, shared: Arc<Shared>, cancel: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let end = match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => {
            let (read, write) = stream.split();
            let now = Instant::now();
            let mut connection = Connection {
                session: Session::new(local.ip(), peer.ip()),
                shared,
                read,
                write,
                input: BytesMut::with_capacity(4_096),
                output: Vec::new(),
                commands: None,
                heard: now,
                report: now,
                over: None,
            };
            connection.run(&cancel).await
        }
        _ => End::Closed,
    };
    tracing::debug!(?end, "connection over");
    if end == End::Reset {
        // Lingering for no time makes the close a reset.
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Cut,
    Reset,
    TimedOut,
    Malformed,
    ShuttingDown,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

struct Connection<'a> {
    session: Session,
    shared: Arc<Shared>,
    read: ReadHalf<'a>,
    write: WriteHalf<'a>,
    input: BytesMut,
    output: Vec<u8>,
    commands: Option<broadcast::Receiver<Command>>,
    /// The client's last sign of life.
    heard: Instant,
    /// When the next sender report is due.
    report: Instant,
    /// Nothing is sent after what has been written.
    over: Option<End>,
}

impl Connection<'_> {
    async fn run(&mut self, cancel: &CancellationToken) -> End {
        loop {
            let wake = self.wake();
            let step = tokio::select! {
                biased;
                () = cancel.cancelled() => Err(End::ShuttingDown),
                command = next(&mut self.commands) => self.obey(command),
                () = sleep_until(wake) => self.tick(),
                read = self.read.read_buf(&mut self.input) => match read {
                    Ok(1..) => self.requests(cancel).await,
                    _ => Err(End::Closed),
                },
            };
            if let Err(end) = step {
                return end;
            }
            if let Err(end) = self.flush(cancel).await {
                return end;
            }
            if let Some(end) = self.over {
                return end;
            }
        }
    }

    /// The next moment at which something is to be done unasked.
    fn wake(&mut self) -> Instant {
        let Some((camera, profile)) = self.session.profile() else {
            return self.heard + Duration::from_secs(120);
        };
        let mut wake = self.heard + camera.config.session_timeout + Duration::from_secs(2);
        let (camera, faults) = (camera.clone(), camera.faults());
        if let (Some(play), Some(feed)) = (&mut self.session.play, camera.feed(profile)) {
            feed.refresh(&mut play.cursor);
            wake = wake
                .min(feed.instant(play.cursor.wake_90k()))
                .min(self.report);
            if let Some(seconds) = faults.flap_every_s {
                wake = wake.min(feed.instant(play.from_90k + to_90k(seconds_of(seconds))));
            }
        }
        wake
    }

    /// Sends what is due.
    fn tick(&mut self) -> Result<(), End> {
        let now = Instant::now();
        let Some((camera, profile)) = self.session.profile() else {
            return Err(End::TimedOut);
        };
        let (camera, faults) = (camera.clone(), camera.faults());
        if self.session.tracks.iter().any(|t| t.heard()) {
            self.heard = now;
        }
        if now >= self.heard + camera.config.session_timeout + Duration::from_secs(2) {
            return Err(End::TimedOut);
        }
        let jump_ms = camera.jump_ms.load(Relaxed);
        let (Some(play), Some(feed)) = (&mut self.session.play, camera.feed(profile)) else {
            return Ok(());
        };
        let mut tick = feed.now();
        let since = |seconds: f64| play.from_90k + to_90k(seconds_of(seconds));
        if let Some(end) = faults.flap_every_s.map(since).filter(|end| *end <= tick) {
            tick = end;
            self.over = Some(End::Cut);
        }
        let sounds = since(faults.audio_after_s)..faults.audio_until_s.map_or(i64::MAX, since);
        let behind = play.cursor.peek().at_90k < tick - to_90k(camera.config.lag_max);
        if let Some(fresh) = feed.cursor().filter(|_| behind) {
            play.cursor = fresh;
            play.cursor.skip_to_key();
            camera.counts.skips.fetch_add(1, Relaxed);
        }
        loop {
            let due = play.cursor.peek();
            if due.at_90k > tick {
                break;
            }
            let (number, left_out) = match due.what {
                What::Picture { index, .. } => {
                    let key = play.cursor.clip().video().frames[index].key;
                    (sdp::VIDEO, key && faults.no_key_frames)
                }
                What::Sound { .. } => (sdp::AUDIO, !sounds.contains(&due.at_90k)),
            };
            let track = self.session.tracks.iter_mut().find(|t| t.number == number);
            if let Some(track) = track.filter(|_| !faults.stall && !faults.mute && !left_out) {
                let before = self.output.len();
                let sent = track.send(
                    &play.cursor,
                    due.what,
                    camera.config.stamp,
                    jump_ms,
                    &faults,
                    &mut self.output,
                );
                if faults.garble {
                    garble(&mut self.output[before..]);
                }
                camera.counts.frames.fetch_add(1, Relaxed);
                camera.counts.bytes.fetch_add(sent as u64, Relaxed);
            }
            play.cursor.advance();
        }
        if now >= self.report {
            self.report = now + REPORT_EVERY;
            if !faults.no_sender_reports && !faults.stall && !faults.mute {
                for track in &self.session.tracks {
                    track.report(tick, jump_ms, faults.clock_offset_s, &mut self.output);
                }
            }
        }
        Ok(())
    }

    async fn requests(&mut self, cancel: &CancellationToken) -> Result<(), End> {
        self.heard = Instant::now();
        loop {
            match parse(&mut self.input) {
                Err(e) => {
                    tracing::debug!("{e}");
                    return Err(End::Malformed);
                }
                Ok(None) if self.input.len() > READ_MAX => return Err(End::Malformed),
                Ok(None) => return Ok(()),
                Ok(Some(Input::Data { channel, data })) => {
                    tracing::trace!(channel, bytes = data.len(), "from the client");
                }
                Ok(Some(Input::Request(request))) => {
                    tokio::select! {
                        () = cancel.cancelled() => return Err(End::ShuttingDown),
                        answered = self.request(&request) => answered?,
                    }
                }
            }
        }
    }

    async fn request(&mut self, request: &Request) -> Result<(), End> {
        let (name, profile, _) = Session::name(request);
        let found = profile.and_then(|p| Some((self.shared.camera(name)?, p)));
        if let Some((camera, profile)) = found.filter(|(c, p)| c.feed(*p).is_some()) {
            if self
                .session
                .camera()
                .is_none_or(|c| !Arc::ptr_eq(c, &camera))
            {
                self.commands = Some(camera.commands());
            }
            self.session.bind(camera, profile);
        }
        let faults = self
            .session
            .camera()
            .map(|c| c.faults())
            .unwrap_or_default();
        if faults.dead {
            return Err(End::Cut);
        }
        let waits = matches!(request.method.as_str(), "DESCRIBE" | "SETUP");
        let clip = match self.session.profile().filter(|_| waits) {
            Some((camera, profile)) => match camera.clone().feed(profile) {
                Some(feed) => feed.clip(CLIP_PATIENCE).await,
                None => None,
            },
            None => None,
        };
        let played = self.session.play.is_some();
        let bytes = self.session.answer(request, clip.as_ref());
        if !played && self.session.play.is_some() {
            self.report = Instant::now() + seconds_of(faults.first_sender_report_after_s);
        }
        if !faults.stall && !faults.silent {
            self.output.extend_from_slice(&bytes);
        }
        Ok(())
    }

    fn obey(&mut self, command: Command) -> Result<(), End> {
        match command {
            Command::Cut => Err(End::Cut),
            Command::Reset => Err(End::Reset),
            Command::Desync(how) => {
                match how {
                    Desync::StrayByte => self.output.push(0x55),
                    Desync::ShortLength => {
                        self.output.extend_from_slice(&[b'$', 0, 0, 3, 0x80, 96, 0])
                    }
                    Desync::HugeLength => self
                        .output
                        .extend_from_slice(&[b'$', 0, 0xea, 0x60, 0x80, 96]),
                }
                Ok(())
            }
        }
    }

    /// Writes what is to be written. A client that does not read holds up nothing but itself.
    async fn flush(&mut self, cancel: &CancellationToken) -> Result<(), End> {
        if self.output.is_empty() {
            return Ok(());
        }
        let mut rest = &self.output[..];
        while !rest.is_empty() {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(End::ShuttingDown),
                written = self.write.write(rest) => match written? {
                    0 => return Err(End::Closed),
                    n => rest = &rest[n..],
                },
                command = next(&mut self.commands) => match command {
                    Command::Reset => return Err(End::Reset),
                    Command::Cut => return Err(End::Cut),
                    Command::Desync(_) => {} // it is out of step already
                },
            }
        }
        self.output.clear();
        // A key frame's room is not kept for hundreds of sessions.
        self.output.shrink_to(64 << 10);
        Ok(())
    }
}

/// The next command; waits for ever where there is no camera yet.
async fn next(commands: &mut Option<broadcast::Receiver<Command>>) -> Command {
    loop {
        match commands {
            None => std::future::pending::<()>().await,
            Some(receiver) => match receiver.recv().await {
                Ok(command) => return command,
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => *commands = None,
            },
        }
    }
}

fn seconds_of(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds)
        .unwrap_or(Duration::ZERO)
        .min(Duration::from_secs(86_400))
}
/// Overwrites what is in interleaved RTP packets of H.264 pictures, all but the parameter sets, behind their headers: a slice
/// whose header says nothing that can be.
fn garble(mut packets: &mut [u8]) {
    const HEADERS: usize = 4 + 12;
    while packets.len() > HEADERS && packets[0] == b'$' {
        let length = 4 + usize::from(u16::from_be_bytes([packets[2], packets[3]]));
        let (packet, rest) = packets.split_at_mut(length.min(packets.len()));
        let kind = packet.get(HEADERS).map_or(0, |b| b & 0x1f);
        // Parameter sets, alone or together, and enhancement information stay.
        if !matches!(kind, 6..=9 | 24)
            && let Some(inside) = packet.get_mut(HEADERS + 2..)
        {
            inside.fill(0x04);
        }
        packets = rest;
    }
}

//! One visit of one viewer, in one of the manners that viewers have.

use std::{
    net::{Ipv4Addr, Ipv6Addr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use client::Trust;
use media::wire::Kind;
use rustls::ClientConfig;
use sightline_bench::{
    serve::{Doors, Way},
    tls,
    viewers::{messages::Messages, open_message, quic},
};
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::TlsConnector;

/// What viewers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Manner {
    /// Reads all and says goodbye.
    Good,
    /// Reads all and stops, goes on, closes and opens its tiles meanwhile.
    Restless,
    /// Reads all and is gone without a word.
    Vanishing,
    /// Reads far less than it is sent.
    Slow,
    /// Never reads.
    Deaf,
    /// Shakes half a hand and is gone.
    Half,
}

impl Manner {
    pub(crate) const ALL: [Self; 6] = [
        Self::Good,
        Self::Restless,
        Self::Vanishing,
        Self::Slow,
        Self::Deaf,
        Self::Half,
    ];
}

/// Where viewers go, and what they connect with.
pub(crate) struct Target {
    doors: Doors,
    tls: Arc<ClientConfig>,
    native: quinn::ClientConfig,
    page: quinn::ClientConfig,
}

impl Target {
    pub(crate) fn new(doors: Doors) -> Result<Self> {
        // Pages are shown a certificate of some days, which no authority signed; they know it by its fingerprint.
        let page = Trust::Anything.config(&[relay::quic::ALPN_WEBTRANSPORT])?;
        Ok(Self {
            tls: Arc::new(tls::client(&doors.certificate, &[b"http/1.1"])?),
            native: quic::config(&doors, false)?,
            page: quic::config_of(page)?,
            doors,
        })
    }

    /// The ways there are: a gateway serves in clear or over TLS.
    pub(crate) fn ways(&self) -> &'static [Way] {
        let all = Way::value_variants();
        if self.doors.ws == 0 { &all[1..] } else { all }
    }
}

/// A visit to be made.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) way: Way,
    pub(crate) manner: Manner,
    pub(crate) tiles: std::ops::RangeInclusive<u32>,
    pub(crate) stay: Duration,
}

/// Handshake and first picture are waited for as long.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between what a restless viewer does.
const WHIM: Duration = Duration::from_millis(700);

/// Makes it; the bytes received.
///
/// # Errors
/// What a viewer of this manner must not meet: no connection, no picture, an end by the server.
pub(crate) async fn visit(target: &Target, plan: Plan) -> Result<u64> {
    let context = format!("{:?} over {:?}", plan.manner, plan.way);
    let made = match plan.way {
        Way::Ws | Way::Wss => Box::pin(over_tcp(target, plan)).await,
        Way::Quic | Way::Webtransport => Box::pin(over_quic(target, plan)).await,
    };
    made.context(context)
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

async fn over_tcp(target: &Target, plan: Plan) -> Result<u64> {
    let Doors { ws, wss, .. } = target.doors;
    let secure = plan.way == Way::Wss;
    let port = if secure { wss } else { ws };
    let stream = timeout(PATIENCE, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await??;
    let socket = SockRef::from(&stream);
    socket.set_tcp_nodelay(true)?;
    if plan.manner == Manner::Vanishing {
        // Dropped with what is unread: a reset, as from a machine that has forgotten the connection.
        socket.set_linger(Some(Duration::ZERO))?;
    }
    if matches!(plan.manner, Manner::Slow | Manner::Deaf) {
        socket.set_recv_buffer_size(16 * 1024)?;
    }
    let mut io: Box<dyn Io> = if secure {
        let connector = TlsConnector::from(Arc::clone(&target.tls));
        let shaken = connector.connect("localhost".try_into()?, stream);
        Box::new(timeout(PATIENCE, shaken).await.context("TLS handshake")??)
    } else {
        Box::new(stream)
    };
    let request = format!(
        "GET /api/v1/media HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: Bearer {}\r\n\r\n",
        target.doors.token
    );
    if plan.manner == Manner::Half {
        io.write_all(&request.as_bytes()[..request.len() / 2])
            .await?;
        io.flush().await?;
        sleep(plan.stay.min(Duration::from_secs(3))).await;
        return Ok(0);
    }
    io.write_all(request.as_bytes()).await?;
    io.flush().await?;
    timeout(PATIENCE, upgraded(&mut io)).await??;
    for tile in plan.tiles.clone() {
        say(&mut io, &open_message(tile)).await?;
    }
    match plan.manner {
        Manner::Deaf => {
            sleep(plan.stay).await;
            Ok(0)
        }
        Manner::Slow => trickle(&mut io, plan.stay).await,
        _ => attend(&mut io, &plan).await,
    }
}

async fn upgraded(io: &mut Box<dyn Io>) -> Result<()> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        ensure!(answer.len() < 8192, "an answer without end");
        answer.push(io.read_u8().await.context("the handshake's answer")?);
    }
    let text = String::from_utf8_lossy(&answer);
    ensure!(text.starts_with("HTTP/1.1 101"), "{text}");
    Ok(())
}

/// A text message, masked with zeros.
async fn say(io: &mut Box<dyn Io>, text: &str) -> Result<()> {
    ensure!(text.len() < 126, "fits a short frame");
    let mut frame = vec![0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    io.write_all(&frame).await?;
    Ok(io.flush().await?)
}

/// 8 kB a third of a second: 200 kbit/s. The server may end it, which is its right.
async fn trickle(io: &mut Box<dyn Io>, stay: Duration) -> Result<u64> {
    let until = Instant::now() + stay;
    let (mut bytes, mut buffer) = (0, vec![0; 8192]);
    while Instant::now() < until {
        match io.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => bytes += n as u64,
        }
        sleep(Duration::from_millis(330)).await;
    }
    Ok(bytes)
}

/// Reads all until the time is over; the first picture of all must be a key frame.
async fn attend(io: &mut Box<dyn Io>, plan: &Plan) -> Result<u64> {
    let until = Instant::now() + plan.stay;
    let (mut whim, mut whims) = (Instant::now() + WHIM, 0);
    let mut messages = Messages::default();
    let (mut bytes, mut first) = (0, None);
    let mut buffer = vec![0; 1 << 16];
    // Who stays for a moment only waits for a picture all the same.
    let patience = Instant::now() + PATIENCE;
    while Instant::now() < until || (first.is_none() && Instant::now() < patience) {
        let wake = match plan.manner {
            Manner::Restless => whim,
            _ if first.is_none() => patience,
            _ => until,
        };
        if let Ok(read) = timeout_at(wake, io.read(&mut buffer)).await {
            let n = read?;
            ensure!(n > 0, "the server ended it");
            bytes += n as u64;
            messages.push(&buffer[..n], |header| {
                if header.kind == Kind::Fragment {
                    first.get_or_insert(header.key);
                }
            });
        }
        if plan.manner == Manner::Restless && Instant::now() >= whim {
            whim += WHIM;
            say(io, &whim_message(whims, *plan.tiles.start())).await?;
            whims += 1;
        }
    }
    match first {
        None => bail!("no picture in {PATIENCE:?}"),
        Some(false) => bail!("the first picture is no key frame"),
        Some(true) => {}
    }
    if plan.manner != Manner::Vanishing {
        // 1000, and what comes until the answer.
        io.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await?;
        io.flush().await?;
        let rest = async { while io.read(&mut buffer).await.is_ok_and(|n| n > 0) {} };
        timeout(PATIENCE, rest)
            .await
            .context("no end after the goodbye")?;
    }
    Ok(bytes)
}

fn whim_message(n: u32, tile: u32) -> String {
    match n % 4 {
        0 => format!(r#"{{"type":"pause","tile":{tile}}}"#),
        1 => format!(r#"{{"type":"resume","tile":{tile}}}"#),
        2 => format!(r#"{{"type":"close","tile":{tile}}}"#),
        _ => open_message(tile),
    }
}

async fn over_quic(target: &Target, plan: Plan) -> Result<u64> {
    let webtransport = plan.way == Way::Webtransport;
    let config = if webtransport {
        &target.page
    } else {
        &target.native
    };
    if plan.manner == Manner::Half {
        let endpoint = quinn::Endpoint::client((Ipv4Addr::LOCALHOST, 0).into())?;
        let to = (Ipv4Addr::LOCALHOST, target.doors.quic).into();
        let connecting = endpoint.connect_with(config.clone(), to, "localhost")?;
        let _connection = timeout(PATIENCE, connecting).await??;
        sleep(plan.stay.min(Duration::from_secs(3))).await;
        return Ok(0);
    }
    let opening = quic::Line::open(
        &target.doors,
        config,
        webtransport,
        plan.tiles.clone(),
        None,
    );
    let mut line = timeout(PATIENCE, opening)
        .await
        .context("QUIC handshake")??;
    let until = Instant::now() + plan.stay;
    let mut bytes = 0;
    match plan.manner {
        Manner::Deaf => sleep(plan.stay).await,
        Manner::Slow => {
            bytes = trickle_groups(&line, until).await;
        }
        _ => bytes = gather(&mut line, &plan, until).await?,
    }
    if plan.manner == Manner::Vanishing {
        // From here on no packet of it reaches the server: it must find out by itself.
        line.endpoint
            .rebind(UdpSocket::bind((Ipv6Addr::LOCALHOST, 0))?)?;
    }
    line.connection.close(0u32.into(), b"");
    if plan.manner != Manner::Vanishing {
        let _ = timeout(PATIENCE, line.endpoint.wait_idle()).await;
    }
    Ok(bytes)
}

/// One group at a time, and slowly.
async fn trickle_groups(line: &quic::Line, until: Instant) -> u64 {
    let mut bytes = 0;
    while let Ok(Ok(mut stream)) = timeout_at(until, line.connection.accept_uni()).await {
        while let Ok(Ok(Some(chunk))) = timeout_at(until, stream.read_chunk(8192, false)).await {
            bytes += chunk.bytes.len() as u64;
            sleep(Duration::from_millis(330)).await;
            // What is there already comes whatever the time.
            if Instant::now() >= until {
                return bytes;
            }
        }
    }
    bytes
}

/// Reads all groups, each by a task of its own.
async fn gather(line: &mut quic::Line, plan: &Plan, until: Instant) -> Result<u64> {
    let count = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let bytes = || count.load(std::sync::atomic::Ordering::Relaxed);
    let (mut whim, mut whims) = (Instant::now() + WHIM, 0);
    let patience = Instant::now() + PATIENCE;
    let mut control = vec![0; 4096];
    while Instant::now() < until || (bytes() == 0 && Instant::now() < patience) {
        let tick = Instant::now() + WHIM.min(Duration::from_millis(500));
        tokio::select! {
            stream = line.connection.accept_uni() => {
                tokio::spawn(quic::discard(stream?, Arc::clone(&count)));
            }
            read = line.control.1.read(&mut control) => {
                ensure!(read?.is_some(), "the server ended the control stream");
            }
            () = tokio::time::sleep_until(tick) => {}
        }
        if plan.manner == Manner::Restless && Instant::now() >= whim {
            whim += WHIM;
            let message = whim_message(whims, *plan.tiles.start());
            whims += 1;
            line.control.0.write_all(message.as_bytes()).await?;
            line.control.0.write_all(b"\n").await?;
        }
    }
    ensure!(bytes() > 0, "no picture in {PATIENCE:?}");
    Ok(bytes())
}

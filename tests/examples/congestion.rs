//! Which congestion control suits live pictures: CUBIC against BBR, both quinn's, through the rough network and over a real
//! line with a deep queue. Prints the table of docs/design/relay.md.
//!
//! ```text
//! cargo run --release -p sightline-tests --example congestion
//! ```
//!
//! Two loads. *Bulk*: one stream that is never empty, for 10 s: what the controller makes of a line. *Live*: 25 frames a second in
//! groups of two seconds, a stream a group, a group given up when it is two seconds late: what the relay does. How old frames are
//! when they are whole is measured by one clock.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use client::Trust;
use quinn::{
    Connection, Endpoint, RecvStream, VarInt,
    congestion::{BbrConfig, ControllerFactory, CubicConfig},
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use sightline_tests::{
    netns::Cable,
    rough::{Conditions, Rough},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{interval, sleep, timeout},
};

const FPS: u64 = 25;
const GROUP: u64 = 50;
/// How late a group may be: the gateway's default.
const LATE: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_secs(10);
/// What the relay gives quinn.
const SEND_WINDOW: u64 = 1024 * 1024;

#[derive(Clone, Copy, Debug)]
enum Load {
    Bulk,
    /// Bits a second.
    Live(u64),
}

#[derive(Default)]
struct Outcome {
    bytes: u64,
    /// Of each frame that came.
    delays: Vec<Duration>,
    sent: u64,
}

fn server(controller: &str) -> anyhow::Result<Endpoint> {
    let key = rcgen::generate_simple_self_signed(["localhost".into()])?;
    let private = PrivatePkcs8KeyDer::from(key.signing_key.serialize_der());
    let mut config =
        quinn::ServerConfig::with_single_cert(vec![key.cert.der().clone()], private.into())?;
    let factory: Arc<dyn ControllerFactory + Send + Sync> = match controller {
        "BBR" => Arc::new(BbrConfig::default()),
        _ => Arc::new(CubicConfig::default()),
    };
    let mut transport = quinn::TransportConfig::default();
    transport
        .congestion_controller_factory(factory)
        .send_window(SEND_WINDOW)
        .max_idle_timeout(Some(Duration::from_secs(30).try_into()?));
    config.transport_config(Arc::new(transport));
    Ok(Endpoint::server(config, "0.0.0.0:0".parse()?)?)
}

/// Sends to the first who comes, for [`TIME`]; returns how many frames that were.
async fn send(endpoint: Endpoint, load: Load, epoch: Instant) -> anyhow::Result<u64> {
    let connection = endpoint.accept().await.context("a client")?.await?;
    let sent = match load {
        Load::Bulk => {
            let mut stream = connection.open_uni().await?;
            let piece = vec![7; 64 * 1024];
            let _ = timeout(TIME, async {
                while stream.write_all(&piece).await.is_ok() {}
            })
            .await;
            0
        }
        Load::Live(rate) => live(&connection, rate, epoch).await?,
    };
    connection.close(VarInt::from_u32(0), b"");
    endpoint.wait_idle().await;
    Ok(sent)
}

async fn live(connection: &Connection, rate: u64, epoch: Instant) -> anyhow::Result<u64> {
    let mut clock = interval(Duration::from_millis(1000 / FPS));
    let frames = TIME.as_secs() * FPS;
    let mut groups = JoinSet::new();
    let mut current: Option<mpsc::Sender<Vec<u8>>> = None;
    // A key frame is as large as eight others.
    let unit = rate / 8 * (GROUP / FPS) / (GROUP - 1 + 8);
    for n in 0..frames {
        clock.tick().await;
        let key = n.is_multiple_of(GROUP);
        if key {
            let (queue, mut waiting) = mpsc::channel::<Vec<u8>>(GROUP as usize);
            current = Some(queue);
            let mut stream = connection.open_uni().await?;
            let _ = stream.set_priority((n / GROUP) as i32);
            groups.spawn(async move {
                let write = async {
                    while let Some(frame) = waiting.recv().await {
                        if stream.write_all(&frame).await.is_err() {
                            return;
                        }
                    }
                    let _ = stream.finish();
                    let _ = stream.stopped().await;
                };
                // Its own two seconds, and those that it may be late.
                let life = Duration::from_millis(GROUP * 1000 / FPS) + LATE;
                if timeout(life, write).await.is_err() {
                    let _ = stream.reset(VarInt::from_u32(1));
                }
            });
        }
        let size = unit * if key { 8 } else { 1 };
        let mut frame = vec![0; size.max(16) as usize];
        frame[..8].copy_from_slice(&(epoch.elapsed().as_micros() as u64).to_be_bytes());
        frame[8..16].copy_from_slice(&size.max(16).to_be_bytes());
        if let Some(queue) = &current {
            let _ = queue.try_send(frame);
        }
    }
    drop(current);
    while groups.join_next().await.is_some() {}
    Ok(frames)
}

/// Takes all there is until the other side closes.
async fn receive(address: SocketAddr, load: Load, epoch: Instant) -> anyhow::Result<Outcome> {
    let tls = Trust::Anything.config(&[])?;
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls)?;
    let endpoint = Endpoint::client("0.0.0.0:0".parse()?)?;
    let config = quinn::ClientConfig::new(Arc::new(tls));
    let connection = endpoint.connect_with(config, address, "localhost")?.await?;
    let (out, mut outcomes) = mpsc::channel(64);
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni() => match stream {
                Ok(stream) => { streams.spawn(read(stream, load, epoch, out.clone())); }
                Err(_) => break,
            },
            Some(_) = streams.join_next() => {}
        }
    }
    drop(out);
    let mut whole = Outcome::default();
    while let Some(one) = outcomes.recv().await {
        let one: Outcome = one;
        whole.bytes += one.bytes;
        whole.delays.extend(one.delays);
    }
    Ok(whole)
}

async fn read(mut stream: RecvStream, load: Load, epoch: Instant, out: mpsc::Sender<Outcome>) {
    let mut outcome = Outcome::default();
    match load {
        Load::Bulk => {
            while let Ok(Some(chunk)) = stream.read_chunk(1 << 20, true).await {
                outcome.bytes += chunk.bytes.len() as u64;
            }
        }
        Load::Live(_) => {
            let mut head = [0; 16];
            while stream.read_exact(&mut head).await.is_ok() {
                let [at, size] = [&head[..8], &head[8..]]
                    .map(|b| b.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)));
                let mut rest = vec![0; (size as usize).clamp(16, 1 << 22) - 16];
                if stream.read_exact(&mut rest).await.is_err() {
                    break;
                }
                outcome.bytes += size;
                outcome
                    .delays
                    .push(epoch.elapsed() - Duration::from_micros(at));
            }
        }
    }
    let _ = out.send(outcome).await;
}

/// One row: both loads by one controller over one network.
async fn row(controller: &str, name: &str, live: u64, through: &Through) -> anyhow::Result<()> {
    let bulk = run(controller, Load::Bulk, through).await?;
    let outcome = run(controller, Load::Live(live), through).await?;
    let mut delays = outcome.delays;
    delays.sort_unstable();
    let at = |share: f64| {
        let index = (delays.len() as f64 * share) as usize;
        let delay = delays.get(index.min(delays.len().saturating_sub(1)));
        delay.map_or_else(|| "-".to_owned(), |d| d.as_millis().to_string())
    };
    println!(
        "| {name} | {controller} | {:.1} | {:.0} % | {} | {} |",
        bulk.bytes as f64 * 8.0 / TIME.as_secs_f64() / 1e6,
        100.0 * delays.len() as f64 / outcome.sent.max(1) as f64,
        at(0.5),
        at(0.99),
    );
    Ok(())
}

enum Through {
    Rough(Conditions),
    Cable(Cable),
}

async fn run(controller: &str, load: Load, through: &Through) -> anyhow::Result<Outcome> {
    let endpoint = server(controller)?;
    let port = endpoint.local_addr()?.port();
    let epoch = Instant::now();
    let sending = tokio::spawn(send(endpoint, load, epoch));
    let limit = TIME + LATE + Duration::from_secs(60);
    let mut outcome = match through {
        Through::Rough(conditions) => {
            let rough = Rough::start(([127, 0, 0, 1], port).into(), 34, *conditions).await?;
            timeout(limit, receive(rough.address, load, epoch)).await??
        }
        Through::Cable(cable) => {
            let address = (cable.here, port).into();
            let thread = cable.block_on(move || receive(address, load, epoch));
            let joined = tokio::task::spawn_blocking(move || thread.join().expect("no panic"));
            timeout(limit, joined).await???
        }
    };
    outcome.sent = timeout(limit, sending).await???;
    // What is still in a queue of the network is not to meet the next one.
    sleep(Duration::from_secs(2)).await;
    Ok(outcome)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    println!(
        "| network | controller | bulk, Mbit/s | live: frames that came | p50, ms | p99, ms |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let path = Conditions {
        delay: Duration::from_millis(50),
        rate_bps: Some(20_000_000),
        queue: 250_000,
        ..Conditions::default()
    };
    for percent in [0.0, 1.0, 3.0] {
        let loss = percent / 100.0;
        let through = Through::Rough(Conditions { loss, ..path });
        let name = format!("20 Mbit/s, 50 ms each way, {percent} % loss; live 4 Mbit/s");
        for controller in ["CUBIC", "BBR"] {
            row(controller, &name, 4_000_000, &through).await?;
        }
    }
    // Three seconds of queue, as modems have it; live just fits, or is a fifth too much.
    for live in [4_000_000, 6_000_000] {
        let Some(cable) = Cable::lay_or_skip() else {
            break;
        };
        cable.set_rate(5_000_000, 1_875_000)?;
        let through = Through::Cable(cable);
        let name = format!(
            "`tbf` 5 Mbit/s, 3 s of queue; live {} Mbit/s",
            live / 1_000_000
        );
        for controller in ["CUBIC", "BBR"] {
            row(controller, &name, live, &through).await?;
        }
    }
    Ok(())
}

//! The viewers' process.

use std::{
    io::{BufRead, ErrorKind, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use media::{WallTime, wire::Kind};
use sightline_bench::{
    serve::{Doors, Way},
    tls,
    viewers::{
        fail,
        messages::Messages,
        quic,
        tcp::{self, Line},
        tiles_of, udp,
    },
};

type Delays = Histogram<u32>;

/// Microseconds up to a minute.
fn new_delays() -> Result<Delays> {
    Ok(Delays::new_with_bounds(1, 60_000_000, 3)?)
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// How they come.
    #[arg(long)]
    way: Way,
    /// To a floor, not to the relay.
    #[arg(long)]
    floor: bool,
    /// The server's first line.
    #[arg(long)]
    doors: String,
    #[arg(long)]
    viewers: usize,
    /// Of each viewer.
    #[arg(long)]
    tiles: u32,
    /// Of the server.
    #[arg(long)]
    cameras: u32,
    /// The largest QUIC packet that is taken, in bytes.
    #[arg(long)]
    packet: Option<u16>,
    /// Read at once and measure delays, instead of every 5 ms.
    #[arg(long)]
    prompt: bool,
}

/// Prints `ready`, then for each line on standard input the bytes received so far, or with `prompt` the delays since the last
/// line: median and 99th percentile, milliseconds.
pub(crate) fn run(args: &Args) -> Result<()> {
    let doors: Doors = serde_json::from_str(&args.doors)?;
    let bytes = Arc::new(AtomicU64::new(0));
    let delays = Arc::new(Mutex::new(new_delays()?));
    match args.way {
        Way::Quic | Way::Webtransport if args.floor => {
            let lines = udp::connect(doors.quic, args.viewers)?;
            let bytes = Arc::clone(&bytes);
            thread::spawn(move || udp::sweep(&lines, &bytes));
        }
        Way::Quic | Way::Webtransport => start_quic(args, &doors, &bytes)?,
        Way::Ws | Way::Wss => {
            let tls = match args.way {
                Way::Wss if !args.floor => {
                    Some(Arc::new(tls::client(&doors.certificate, &[b"http/1.1"])?))
                }
                _ => None,
            };
            let lines = (0..args.viewers)
                .map(|n| match args.floor {
                    true => Line::bare(doors.ws),
                    false => {
                        Line::open(&doors, tls.as_ref(), tiles_of(n, args.tiles, args.cameras))
                    }
                })
                .collect::<Result<Vec<_>>>()?;
            if args.prompt {
                ensure!(args.way == Way::Ws, "delays are read off plain WebSocket");
                let delays = Arc::clone(&delays);
                thread::spawn(move || watch(lines, &delays));
            } else {
                let bytes = Arc::clone(&bytes);
                thread::spawn(move || tcp::sweep(lines, &bytes));
            }
        }
    }
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        line?;
        if args.prompt {
            let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
            let at = |q| delays.value_at_quantile(q) as f64 / 1000.0;
            println!("{} {}", at(0.5), at(0.99));
            delays.reset();
        } else {
            println!("{}", bytes.load(Relaxed));
        }
    }
    Ok(())
}

/// Connects all and leaves a thread that reads.
fn start_quic(args: &Args, doors: &Doors, bytes: &Arc<AtomicU64>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let webtransport = args.way == Way::Webtransport;
    let config = quic::config(doors, webtransport)?;
    let (send, ready) = std::sync::mpsc::sync_channel(1);
    let (args, doors, bytes) = (args.clone(), doors.clone(), Arc::clone(bytes));
    thread::spawn(move || {
        runtime.block_on(async move {
            let mut lines = tokio::task::JoinSet::new();
            for n in 0..args.viewers {
                let tiles = tiles_of(n, args.tiles, args.cameras);
                match quic::Line::open(&doors, &config, webtransport, tiles, args.packet).await {
                    Ok(line) => lines.spawn(line.drain(Arc::clone(&bytes))),
                    Err(error) => fail(&format!("{error:#}")),
                };
            }
            let _ = send.send(());
            let end = lines.join_next().await;
            fail(&format!("a viewer's connection ended: {end:?}"));
        });
    });
    Ok(ready.recv()?)
}

/// Reads at once and takes the delay of every frame. Goes round all sockets without ever sleeping on one: what is measured is then the
/// server's delay, and not how long a viewers' process of this bench's takes to be woken 200 times.
fn watch(lines: Vec<Line>, delays: &Mutex<Delays>) {
    let mut lines: Vec<_> = lines
        .into_iter()
        .map(|line| (line, Messages::default()))
        .collect();
    for (line, _) in &lines {
        line.stream
            .set_nonblocking(true)
            .expect("a connected socket can be set non-blocking");
    }
    let mut buffer = vec![0; 1 << 17];
    loop {
        for (line, messages) in &mut lines {
            match line.stream.read(&mut buffer) {
                Ok(0) => fail("a viewer's connection ended"),
                Ok(n) => messages.push(&buffer[..n], |header| {
                    if header.kind == Kind::Fragment {
                        let delay = WallTime::now().since(header.captured);
                        let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
                        delays.saturating_record(delay.as_micros() as u64);
                    }
                }),
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => fail(&e.to_string()),
            }
        }
        thread::yield_now();
    }
}

/// A frame that comes so soon after its capture is live.
const LIVE: Duration = Duration::from_millis(20);

/// Comes and goes so many times and prints two 95th percentiles in milliseconds: from `open` to the key frame's last byte, and
/// to the last byte of the first frame that is live.
pub(crate) fn join(doors: &str, times: usize) -> Result<()> {
    let doors: Doors = serde_json::from_str(doors)?;
    let (mut key, mut live) = (new_delays()?, new_delays()?);
    let mut buffer = vec![0; 1 << 16];
    for n in 0..times {
        // At all times between two frames and between two key frames.
        pause(Duration::from_millis(n as u64 * 37 % 80));
        let mut line = Line::open(&doors, None, std::iter::empty())?;
        let mut messages = Messages::default();
        let (mut has_key, mut is_live) = (None, None);
        let began = Instant::now();
        line.show(1)?;
        while is_live.is_none() {
            let n = line.stream.read(&mut buffer)?;
            ensure!(n > 0, "the connection ended");
            messages.push(&buffer[..n], |header| {
                if header.kind != Kind::Fragment {
                    return;
                }
                ensure_key(header.key || has_key.is_some());
                has_key.get_or_insert_with(|| began.elapsed());
                if WallTime::now().since(header.captured) < LIVE {
                    is_live.get_or_insert_with(|| began.elapsed());
                }
            });
        }
        for (all, one) in [(&mut key, has_key), (&mut live, is_live)] {
            all.saturating_record(one.unwrap_or_default().as_micros() as u64);
        }
    }
    let at = |all: &Delays| all.value_at_quantile(0.95) as f64 / 1000.0;
    println!("{} {}", at(&key), at(&live));
    Ok(())
}

fn ensure_key(key: bool) {
    if !key {
        fail("the first frame is no key frame");
    }
}

#[allow(clippy::disallowed_methods)] // one comes when one comes
fn pause(time: Duration) {
    thread::sleep(time);
}

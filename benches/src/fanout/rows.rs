//! The rows of the table, and how each is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sightline_bench::{
    process::Helper,
    results::{self, Figure},
    serve::Way,
};

use crate::quic_core;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Turns of each row, floor and relay one after the other; the median of each is taken.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    repeat: u64,
    /// Only these rows, with commas between them.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The relay without its floor: half the time, for who tunes.
    #[arg(long)]
    no_floor: bool,
    /// Another time to gather than the relay's own, in milliseconds: for who tunes.
    #[arg(long)]
    gather_ms: Option<u64>,
    /// Print the server's process before each measurement, for a profiler.
    #[arg(long)]
    pids: bool,
}

/// A load: so many viewers with so many tiles each.
#[derive(Clone, Copy, Debug)]
struct Load {
    way: Way,
    viewers: usize,
    tiles: u32,
    cameras: u32,
    sub: bool,
    /// The largest QUIC packet, where it is not Ethernet's.
    packet: Option<u16>,
}

/// UDP over IPv6 in a jumbo frame of 9,000 bytes.
const JUMBO: u16 = 8_952;

impl Load {
    /// One main stream to all.
    fn main(way: Way, viewers: usize) -> Self {
        Self {
            way,
            viewers,
            tiles: 1,
            cameras: 1,
            sub: false,
            packet: None,
        }
    }

    /// The same on a network with jumbo frames.
    fn jumbo(way: Way, viewers: usize) -> Self {
        Self {
            packet: Some(JUMBO),
            ..Self::main(way, viewers)
        }
    }

    /// Every viewer has the same tiles.
    fn wall(viewers: usize, tiles: u32) -> Self {
        Self {
            way: Way::Ws,
            viewers,
            tiles,
            cameras: tiles,
            sub: true,
            packet: None,
        }
    }

    /// Every camera has one viewer, 64 tiles a socket.
    fn cameras(count: u32) -> Self {
        Self {
            way: Way::Ws,
            viewers: count.div_ceil(64) as usize,
            tiles: 64,
            cameras: count,
            sub: true,
            packet: None,
        }
    }

    /// Bits a second that all viewers together are to get.
    fn expected(self) -> f64 {
        let streams = match self.cameras > self.tiles {
            true => f64::from(self.cameras),
            false => f64::from(self.tiles) * self.viewers as f64,
        };
        streams * if self.sub { 0.51e6 } else { 2e6 }
    }
}

enum Row {
    /// CPU seconds a delivered GB.
    Cost(&'static str, Load),
    /// CPU milliseconds a camera and second, one viewer each.
    Cameras(&'static str, u32),
    /// From capture to the last byte: median and 99th percentile.
    Delay(&'static str, &'static str, usize),
    /// From `open` to the key frame and to the live edge.
    Joining(&'static str, &'static str),
    /// CPU seconds a GB that QUIC's core takes by itself, with so many viewers.
    Core(&'static str, usize),
    /// Resident a viewer.
    Memory(&'static str, Way, usize),
}

impl Row {
    fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Cost(name, _)
            | Self::Cameras(name, _)
            | Self::Core(name, _)
            | Self::Memory(name, ..) => vec![name],
            Self::Delay(one, other, _) | Self::Joining(one, other) => vec![one, other],
        }
    }
}

fn all() -> Vec<Row> {
    vec![
        Row::Cost("ws-200", Load::main(Way::Ws, 200)),
        Row::Cost("ws-500", Load::main(Way::Ws, 500)),
        Row::Cost("wall-16", Load::wall(20, 16)),
        Row::Cost("wss-200", Load::main(Way::Wss, 200)),
        Row::Cost("quic-200", Load::main(Way::Quic, 200)),
        Row::Core("quic-core-200", 200),
        Row::Cost("quic-jumbo-200", Load::jumbo(Way::Quic, 200)),
        Row::Cost("webtransport-200", Load::main(Way::Webtransport, 200)),
        Row::Delay("delay-200-p50", "delay-200-p99", 200),
        Row::Joining("first-key-frame-p95", "live-edge-p95"),
        Row::Memory("memory-ws", Way::Ws, 500),
        Row::Memory("memory-quic", Way::Quic, 500),
        Row::Cameras("cameras-500", 500),
        Row::Cameras("cameras-1000", 1000),
        Row::Cameras("cameras-2000", 2000),
    ]
}

/// Measures and enters each row into results.json as it is known.
pub(crate) fn measure(args: &Args) -> Result<()> {
    let rows = all();
    let known: Vec<_> = rows.iter().flat_map(Row::names).collect();
    for name in &args.only {
        ensure!(
            known.contains(&name.as_str()),
            "no row '{name}'; there are {}",
            known.join(", ")
        );
    }
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for row in rows {
        let names = row.names();
        if !args.only.is_empty() && !names.iter().any(|n| args.only.iter().any(|o| o == n)) {
            continue;
        }
        // A row that cannot be measured on this machine takes no other with it.
        match one(args, &row) {
            Ok(new) => {
                eprint!("{}", results::table(&new));
                results::append(&new)?;
                figures.extend(new);
            }
            Err(error) => {
                eprintln!("{}: {error:#}", names.join(", "));
                failed.push(names.join(", "));
            }
        }
    }
    print!("{}", results::table(&figures));
    println!("written to {}", results::file("results.json")?.display());
    ensure!(failed.is_empty(), "not measured: {}", failed.join(", "));
    Ok(())
}

fn one(args: &Args, row: &Row) -> Result<Vec<Figure>> {
    let time = Duration::from_secs(args.seconds);
    Ok(match *row {
        Row::Cost(name, load) => {
            let [floor, value] =
                turns(
                    args,
                    |floor| Ok(cost(args, load, floor, time)?.a_gigabyte()),
                )?;
            vec![Figure::new(name, value, "s/GB", some(floor))]
        }
        Row::Cameras(name, count) => {
            let [floor, value] = turns(args, |floor| {
                Ok(
                    cost(args, Load::cameras(count), floor, time)?.a_second() * 1e3
                        / f64::from(count),
                )
            })?;
            vec![Figure::new(name, value, "ms/(camera s)", some(floor))]
        }
        Row::Delay(middle, tail, viewers) => {
            let load = Load::main(Way::Ws, viewers);
            let mut tails = [Vec::new(), Vec::new()];
            let [floor, value] = turns(args, |floor| {
                let (p50, p99) = delay(args, load, floor, time)?;
                tails[usize::from(!floor)].push(p99);
                Ok(p50)
            })?;
            let [floor99, value99] = tails.map(median);
            vec![
                Figure::new(middle, value, "ms", some(floor)),
                Figure::new(tail, value99, "ms", some(floor99)),
            ]
        }
        Row::Joining(key, live) => {
            let (to_key, to_live) = joining(args)?;
            vec![
                Figure::new(key, to_key, "ms", None),
                Figure::new(live, to_live, "ms", None),
            ]
        }
        Row::Core(name, viewers) => {
            let mut all = Vec::new();
            for _ in 0..args.repeat {
                all.push(quic_core::cost(viewers, time)?);
            }
            vec![Figure::new(name, median(all), "s/GB", None)]
        }
        Row::Memory(name, way, viewers) => {
            vec![Figure::new(name, memory(args, way, viewers)?, "kB", None)]
        }
    })
}

/// Floor and relay in turn; the medians of both, the first not a number without a floor.
fn turns(args: &Args, mut once: impl FnMut(bool) -> Result<f64>) -> Result<[f64; 2]> {
    let mut all = [Vec::new(), Vec::new()];
    for _ in 0..args.repeat {
        if !args.no_floor {
            all[0].push(once(true)?);
        }
        all[1].push(once(false)?);
    }
    Ok(all.map(median))
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn some(floor: f64) -> Option<f64> {
    (!floor.is_nan()).then_some(floor)
}

/// The server under load, and what its first line said.
fn server(args: &Args, load: Load, floor: bool) -> Result<(Helper, String)> {
    let mut words = words(&format!(
        "serve --cameras {} --viewers {}",
        load.cameras, load.viewers
    ));
    if floor {
        words.extend(["--floor".into(), load.way.name().into()]);
        words.extend(["--tiles".into(), load.tiles.to_string()]);
    }
    words.extend(load.sub.then(|| "--sub".into()));
    words.extend(args.gather_ms.map(|ms| format!("--gather-ms={ms}")));
    words.extend(load.packet.map(|bytes| format!("--packet={bytes}")));
    let mut server = Helper::start(&words)?;
    if args.pids {
        eprintln!(
            "{} {load:?}: process {}",
            if floor { "floor" } else { "relay" },
            server.pid()
        );
    }
    let doors = server.line()?;
    Ok((server, doors))
}

fn viewers(load: Load, floor: bool, doors: &str, prompt: bool) -> Result<Helper> {
    let mut words = words(&format!(
        "drain --way {} --viewers {} --tiles {} --cameras {}",
        load.way.name(),
        load.viewers,
        load.tiles,
        load.cameras
    ));
    words.extend(["--doors".into(), doors.into()]);
    words.extend(floor.then(|| "--floor".into()));
    words.extend(prompt.then(|| "--prompt".into()));
    words.extend(load.packet.map(|bytes| format!("--packet={bytes}")));
    let mut drain = Helper::start(&words)?;
    ensure!(drain.line()? == "ready", "the viewers did not connect");
    Ok(drain)
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What a measurement found.
struct Cost {
    cpu: f64,
    seconds: f64,
    bytes: f64,
}

impl Cost {
    fn a_gigabyte(&self) -> f64 {
        self.cpu / (self.bytes / 1e9)
    }

    fn a_second(&self) -> f64 {
        self.cpu / self.seconds
    }
}

fn cost(args: &Args, load: Load, floor: bool, time: Duration) -> Result<Cost> {
    let (mut server, doors) = server(args, load, floor)?;
    let mut drain = viewers(load, floor, &doors, false)?;
    let bytes = |drain: &mut Helper| -> Result<f64> { Ok(drain.ask()?.parse()?) };
    pause(WARM);
    let (cpu0, bytes0, began) = (its_own(&mut server)?, bytes(&mut drain)?, Instant::now());
    pause(time);
    let (cpu1, bytes1) = (its_own(&mut server)?, bytes(&mut drain)?);
    let seconds = began.elapsed().as_secs_f64();
    // Before its viewers, whose end it would take for a failure.
    drop(server);
    let (rate, expected) = ((bytes1 - bytes0) * 8.0 / seconds, load.expected());
    // A server that leaves things out is no cheaper: it must have delivered.
    ensure!(
        (0.93..1.1).contains(&(rate / expected)),
        "delivered {:.0} Mbit/s of {:.0}",
        rate / 1e6,
        expected / 1e6
    );
    Ok(Cost {
        cpu: cpu1.saturating_sub(cpu0).as_secs_f64(),
        seconds,
        bytes: bytes1 - bytes0,
    })
}

/// CPU time of a server without what the making of its frames took: that is a camera's, and stands on neither side.
fn its_own(server: &mut Helper) -> Result<Duration> {
    let made = Duration::from_nanos(server.ask()?.parse()?);
    Ok(server.cpu()?.saturating_sub(made))
}

/// From connected to steady: a group.
const WARM: Duration = Duration::from_secs(2);

/// From capture to the last byte's arrival, milliseconds: median and 99th percentile.
fn delay(args: &Args, load: Load, floor: bool, time: Duration) -> Result<(f64, f64)> {
    let (server, doors) = server(args, load, floor)?;
    let mut drain = viewers(load, floor, &doors, true)?;
    pause(WARM);
    drain.ask()?;
    pause(time);
    let answer = drain.ask()?;
    drop(server);
    two(&answer)
}

/// From `open` on a running feed, milliseconds, 95th percentiles: to the key frame's last byte, and to the live edge.
fn joining(args: &Args) -> Result<(f64, f64)> {
    let (_server, doors) = server(args, Load::main(Way::Ws, 1), false)?;
    pause(WARM);
    let mut words = words("join --times 100 --doors");
    words.push(doors);
    two(&Helper::start(&words)?.line()?)
}

fn two(answer: &str) -> Result<(f64, f64)> {
    let mut numbers = answer.split_whitespace().map(str::parse::<f64>);
    let mut next = || -> Result<f64> { Ok(numbers.next().context("two numbers")??) };
    Ok((next()?, next()?))
}

/// Resident memory a viewer, kB (1,000 bytes), the ring apart: the same server before and after its viewers.
fn memory(args: &Args, way: Way, count: usize) -> Result<f64> {
    let load = Load::main(way, count);
    let (server, doors) = server(args, load, false)?;
    // The ring is full and the allocator warm.
    let _one = viewers(Load { viewers: 1, ..load }, false, &doors, false)?;
    pause(3 * WARM);
    let before = server.resident()?;
    let _all = viewers(load, false, &doors, false)?;
    pause(WARM);
    let grown = server.resident()?.saturating_sub(before);
    Ok(grown as f64 / count as f64 / 1000.0)
}

#[allow(clippy::disallowed_methods)] // a measurement lasts as long as it lasts
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

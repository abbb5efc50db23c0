//! What it costs to send cameras to many viewers: the relay over plain WebSocket on loopback beside the least there can be, one
//! `writev` a frame and viewer by a bare thread. See `benches/README.md`.

#[path = "../fanout/drain.rs"]
mod drain;
#[path = "../fanout/serve.rs"]
mod serve;

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use sightline_bench::{
    process::Helper,
    results::{self, Figure},
};

#[derive(Parser)]
#[command(about = "Fan-out of the relay beside its floor")]
struct Args {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Repeats of each; the median is taken.
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// A server (the bench starts it).
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        floor: bool,
        #[arg(long)]
        cameras: u32,
        #[arg(long)]
        sub: bool,
        /// Viewers that the floor waits for.
        #[arg(long)]
        viewers: usize,
    },
    /// Viewers that discard what they get (the bench starts them).
    #[command(hide = true)]
    Drain {
        #[arg(long)]
        floor: bool,
        #[arg(long)]
        port: u16,
        #[arg(long)]
        viewers: usize,
        #[arg(long)]
        tiles: u32,
        /// Read at once and measure delays, instead of every 5 ms.
        #[arg(long)]
        prompt: bool,
    },
    /// Viewers that come one after another (the bench starts them).
    #[command(hide = true)]
    Join {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        times: usize,
    },
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.part {
        None => measure(args.seconds, args.repeat.max(1)),
        Some(Part::Serve {
            floor,
            cameras,
            sub,
            viewers,
        }) => match floor {
            true => serve::floor(cameras, sub, viewers),
            false => serve::relay(cameras, sub),
        },
        Some(Part::Drain {
            floor,
            port,
            viewers,
            tiles,
            prompt,
        }) => drain::run(floor, port, viewers, tiles, prompt),
        Some(Part::Join { port, times }) => drain::join(port, times),
    }
}

/// A load: so many viewers with so many tiles each.
#[derive(Clone, Copy)]
struct Load {
    viewers: usize,
    tiles: u32,
    sub: bool,
}

fn measure(seconds: u64, repeat: usize) -> Result<()> {
    let time = Duration::from_secs(seconds);
    let main = |viewers| Load {
        viewers,
        tiles: 1,
        sub: false,
    };
    let wall = Load {
        viewers: 20,
        tiles: 16,
        sub: true,
    };
    let mut figures = Vec::new();
    for (name, load) in [
        ("ws-200", main(200)),
        ("ws-500", main(500)),
        ("wall-16", wall),
    ] {
        let floor = median(repeat, || cost(load, true, time))?;
        let value = median(repeat, || cost(load, false, time))?;
        figures.push(Figure::new(name, value, "s/GB", Some(floor)));
        eprint!("{}", results::table(&figures[figures.len() - 1..]));
    }
    let (p50, p99) = delay(main(200), false, time)?;
    let (floor50, floor99) = delay(main(200), true, time)?;
    figures.push(Figure::new("delay-200-p50", p50, "ms", Some(floor50)));
    figures.push(Figure::new("delay-200-p99", p99, "ms", Some(floor99)));
    figures.push(Figure::new("first-key-frame-p95", joining()?, "ms", None));
    figures.push(Figure::new("memory-ws", memory(500)?, "kB", None));
    print!("{}", results::table(&figures));
    let path = results::append(&figures)?;
    println!("written to {}", path.display());
    Ok(())
}

fn median(repeat: usize, mut once: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut all = (0..repeat).map(|_| once()).collect::<Result<Vec<_>>>()?;
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}

fn words(text: String) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn server(load: Load, floor: bool) -> Result<(Helper, u16)> {
    let Load {
        viewers,
        tiles,
        sub,
    } = load;
    let mut args = words(format!("serve --cameras {tiles} --viewers {viewers}"));
    args.extend(floor.then(|| "--floor".into()));
    args.extend(sub.then(|| "--sub".into()));
    let mut server = Helper::start(&args)?;
    let port = server.line()?.parse().context("the server's port")?;
    Ok((server, port))
}

fn viewers(load: Load, floor: bool, port: u16, prompt: bool) -> Result<Helper> {
    let Load { viewers, tiles, .. } = load;
    let mut args = words(format!(
        "drain --port {port} --viewers {viewers} --tiles {tiles}"
    ));
    args.extend(floor.then(|| "--floor".into()));
    args.extend(prompt.then(|| "--prompt".into()));
    let mut drain = Helper::start(&args)?;
    ensure!(drain.line()? == "ready", "the viewers did not connect");
    Ok(drain)
}

/// The server's CPU seconds a delivered gigabyte.
fn cost(load: Load, floor: bool, time: Duration) -> Result<f64> {
    let (server, port) = server(load, floor)?;
    let mut drain = viewers(load, floor, port, false)?;
    let bytes = |drain: &mut Helper| -> Result<f64> { Ok(drain.ask()?.parse()?) };
    pause(Duration::from_secs(3));
    let (cpu0, bytes0, began) = (server.cpu()?, bytes(&mut drain)?, Instant::now());
    pause(time);
    let (cpu1, bytes1) = (server.cpu()?, bytes(&mut drain)?);
    let rate = (bytes1 - bytes0) * 8.0 / began.elapsed().as_secs_f64();
    let expected =
        f64::from(load.tiles) * load.viewers as f64 * if load.sub { 0.51e6 } else { 2e6 };
    // A server that leaves things out is no cheaper: it must have delivered.
    ensure!(
        (0.93..1.1).contains(&(rate / expected)),
        "delivered {:.0} Mbit/s of {:.0}",
        rate / 1e6,
        expected / 1e6
    );
    Ok((cpu1 - cpu0).as_secs_f64() / ((bytes1 - bytes0) / 1e9))
}

/// From capture to the last byte's arrival, milliseconds: median and 99th percentile.
fn delay(load: Load, floor: bool, time: Duration) -> Result<(f64, f64)> {
    let (_server, port) = server(load, floor)?;
    let mut drain = viewers(load, floor, port, true)?;
    pause(Duration::from_secs(3));
    drain.ask()?;
    pause(time);
    let answer = drain.ask()?;
    let mut numbers = answer.split_whitespace().map(str::parse::<f64>);
    let mut next = || -> Result<f64> { Ok(numbers.next().context("two numbers")??) };
    Ok((next()?, next()?))
}

/// From `open` to the key frame's last byte on a running feed, milliseconds, 95th percentile.
fn joining() -> Result<f64> {
    let load = Load {
        viewers: 1,
        tiles: 1,
        sub: false,
    };
    let (_server, port) = server(load, false)?;
    pause(Duration::from_secs(3));
    let mut join = Helper::start(&words(format!("join --port {port} --times 200")))?;
    Ok(join.line()?.parse()?)
}

/// Resident memory a viewer, kB (1,000 bytes), the ring apart: the same server before and after its viewers.
fn memory(count: usize) -> Result<f64> {
    let load = Load {
        viewers: count,
        tiles: 1,
        sub: false,
    };
    let (server, port) = server(load, false)?;
    let first = Load { viewers: 1, ..load };
    // The ring is full and the allocator warm.
    let _one = viewers(first, false, port, false)?;
    pause(Duration::from_secs(6));
    let before = server.resident()?;
    let _all = viewers(load, false, port, false)?;
    pause(Duration::from_secs(4));
    let grown = server.resident()?.saturating_sub(before);
    Ok(grown as f64 / count as f64 / 1000.0)
}

#[allow(clippy::disallowed_methods)] // a measurement lasts as long as it lasts
fn pause(time: Duration) {
    let _ = std::io::stderr().flush();
    std::thread::sleep(time);
}

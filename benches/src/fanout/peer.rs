//! The same load for anybody's server: the source offered to it, and viewers of a URL of its.

use std::{
    io::{BufRead, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use camsim::{
    Auth, CameraConfig, Server, ServerConfig,
    scene::{Cut, Scene, default_cache},
    stamp,
};
use hdrhistogram::Histogram;
use sightline_bench::{
    process::{self, Helper},
    results::{self, Figure},
    viewers::{
        fail, rtsp,
        tcp::{self, Line},
        url::{Ask, connect},
    },
};
use url::Url;

/// A stamp's bytes less one: what of it can be left over from the piece before.
const STAMP_REST: usize = 31;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UrlArgs {
    /// Viewers of this URL (rtsp, http, ws) instead of the table's rows.
    #[arg(long)]
    pub(crate) url: Option<Url>,
    /// How many.
    #[arg(long, default_value_t = 200)]
    viewers: usize,
    /// The server's process, whose CPU and memory are told.
    #[arg(long)]
    pid: Option<u32>,
    /// `Name: value` for the request (http, ws); can be repeated.
    #[arg(long)]
    header: Vec<String>,
    /// What each viewer says first (ws); can be repeated.
    #[arg(long)]
    say: Vec<String>,
    /// Also the delay since the source's stamp (`fanout source`), of viewers that read at once, on this machine.
    #[arg(long)]
    stamped: bool,
    /// Enter the figures into results.json under NAME-cost, NAME-p50 and NAME-p99.
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DrainArgs {
    #[arg(long)]
    url: Url,
    #[arg(long)]
    viewers: usize,
    #[arg(long)]
    header: Vec<String>,
    #[arg(long)]
    say: Vec<String>,
    #[arg(long)]
    stamped: bool,
}

/// The viewers' process: prints `ready`, then for each line on standard input bytes, and the delays since the last line.
pub(crate) fn drain(args: DrainArgs) -> Result<()> {
    let ask = Ask {
        url: args.url,
        headers: args.header,
        say: args.say,
    };
    let lines = (0..args.viewers)
        .map(|n| connect(&ask).with_context(|| format!("viewer {n}")))
        .collect::<Result<Vec<_>>>()?;
    let bytes = Arc::new(AtomicU64::new(0));
    let delays = Arc::new(Mutex::new(Histogram::<u32>::new_with_bounds(
        1, 60_000_000, 3,
    )?));
    match args.stamped {
        false => {
            let bytes = Arc::clone(&bytes);
            thread::spawn(move || tcp::sweep(lines, &bytes));
        }
        true => {
            for line in lines {
                let (bytes, delays) = (Arc::clone(&bytes), Arc::clone(&delays));
                thread::Builder::new()
                    .stack_size(128 * 1024)
                    .spawn(move || watch(line, &bytes, &delays))?;
            }
        }
    }
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        line?;
        let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
        let at = |q| delays.value_at_quantile(q) as f64 / 1000.0;
        println!(
            "{} {} {} {}",
            bytes.load(Relaxed),
            delays.len(),
            at(0.5),
            at(0.99)
        );
        delays.reset();
    }
    Ok(())
}

/// Reads at once, and takes the delay of every stamp.
fn watch(mut line: Line, bytes: &AtomicU64, delays: &Mutex<Histogram<u32>>) {
    let mut buffer = vec![0; STAMP_REST + 16 * 1024];
    let mut life = Instant::now();
    loop {
        let n = match line.stream.read(&mut buffer[STAMP_REST..]) {
            Ok(n) if n > 0 => n,
            Ok(_) => fail("a viewer's connection ended"),
            Err(error) => fail(&error.to_string()),
        };
        bytes.fetch_add(n as u64, Relaxed);
        if let Some(sent) = stamp::read(&buffer[..STAMP_REST + n]) {
            let delay = stamp::now_ns().saturating_sub(sent) / 1000;
            let mut delays = delays.lock().unwrap_or_else(PoisonError::into_inner);
            delays.saturating_record(delay);
        }
        buffer.copy_within(n..n + STAMP_REST, 0);
        if life.elapsed() > Duration::from_secs(10) {
            life = Instant::now();
            line.live().unwrap_or_else(|e| fail(&e.to_string()));
        }
    }
}

pub(crate) fn measure(args: &UrlArgs, url: &Url, seconds: u64) -> Result<Vec<Figure>> {
    let mut words = vec!["drain-url".into(), "--url".into(), url.to_string()];
    words.extend(["--viewers".into(), args.viewers.to_string()]);
    for (name, all) in [("--header", &args.header), ("--say", &args.say)] {
        for one in all {
            words.extend([name.into(), one.clone()]);
        }
    }
    words.extend(args.stamped.then(|| "--stamped".into()));
    let mut drain = Helper::start(&words)?;
    ensure!(drain.line()? == "ready", "the viewers did not connect");
    let ask = |drain: &mut Helper| -> Result<Vec<f64>> {
        let answer = drain.ask()?;
        Ok(answer
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?)
    };
    let cpu = || args.pid.map(process::cpu).transpose();
    pause(Duration::from_secs(3));
    let (cpu0, before, began) = (cpu()?, ask(&mut drain)?, Instant::now());
    pause(Duration::from_secs(seconds));
    let (cpu1, after) = (cpu()?, ask(&mut drain)?);
    let delivered = after[0] - before[0];
    println!(
        "{} viewers of {url}: {:.1} Mbit/s in all",
        args.viewers,
        delivered * 8e-6 / began.elapsed().as_secs_f64()
    );
    ensure!(delivered > 0.0, "nothing was delivered");
    let name = args.save.as_deref().unwrap_or("url");
    let mut figures = Vec::new();
    if let (Some(pid), Some(from), Some(to)) = (args.pid, cpu0, cpu1) {
        let cost = (to - from).as_secs_f64() / (delivered / 1e9);
        let memory = process::resident(pid)? as f64 / 1048576.0;
        figures.push(Figure::new(&format!("{name}-cost"), cost, "s/GB", None));
        figures.push(Figure::new(&format!("{name}-memory"), memory, "MiB", None));
    }
    if args.stamped {
        ensure!(
            after[1] > 0.0,
            "no stamp was seen: is the source `fanout source`?"
        );
        figures.push(Figure::new(&format!("{name}-p50"), after[2], "ms", None));
        figures.push(Figure::new(&format!("{name}-p99"), after[3], "ms", None));
    }
    if args.save.is_some() {
        results::append(&figures)?;
    }
    Ok(figures)
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// Where RTSP is served, for other servers to pull.
    #[arg(long, default_value = "127.0.0.1:8554")]
    listen: std::net::SocketAddr,
    /// How many cameras: /camera-1/main (2 Mbit/s), /camera-1/sub (512 kbit/s), and so on.
    #[arg(long, default_value_t = 1)]
    cameras: u32,
    /// Publish the first camera's main stream to this RTSP URL (ANNOUNCE, RECORD) as well.
    #[arg(long, value_name = "URL")]
    publish: Option<Url>,
}

/// Stamped cameras for anybody's server, without a password, until the process is killed.
pub(crate) fn source(args: &SourceArgs) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let _in = runtime.enter();
    let cache = default_cache();
    let clip = |cut: &Cut| -> Result<_> { Ok(Scene::Road.clip(cut, &cache)?.with_audio(None)?) };
    let (main, sub) = (clip(&Cut::MAIN)?, clip(&Cut::SUB)?);
    let server = runtime.block_on(Server::start(ServerConfig {
        listen: Some(args.listen),
        control: None,
    }))?;
    for n in 1..=args.cameras {
        let camera = server.add_camera(CameraConfig {
            sub: Some(sub.clone()),
            stamp: true,
            auth: Auth::None,
            phase: Duration::from_millis(u64::from(n) * 1_370),
            ..CameraConfig::new(format!("camera-{n}"), main.clone())
        });
        println!("{}", camera.url(camsim::Profile::Main));
        println!("{}", camera.url(camsim::Profile::Sub));
    }
    if let Some(to) = &args.publish {
        let from: Url = format!("rtsp://{}/camera-1/main", args.listen).parse()?;
        println!("publishing to {to}");
        return rtsp::publish(&from, to);
    }
    loop {
        thread::park();
    }
}

#[allow(clippy::disallowed_methods)] // a measurement lasts as long as it lasts
fn pause(time: Duration) {
    thread::sleep(time);
}

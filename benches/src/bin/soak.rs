//! Viewers who come and go for an hour, in good manners and bad, over every way there is; memory and descriptors of the server
//! meanwhile. See `benches/README.md`.

#[path = "../soak/record.rs"]
mod record;
#[path = "../soak/visit.rs"]
mod visit;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use camsim::{
    CameraConfig, ServerConfig,
    scene::{Cut, Scene, default_cache},
};
use clap::{Parser, Subcommand, ValueEnum};
use rand::{Rng, SeedableRng, rngs::StdRng};
use record::{Report, Sample};
use serde_json::json;
use sightline_bench::{
    gateway::Gateway,
    process::{self, Helper},
    results,
    serve::{self, Doors, Way},
    source,
};
use tempfile::TempDir;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use visit::{Manner, Plan, Target, visit};

#[derive(Parser)]
#[command(about = "Flapping viewers for as long as asked, and what they leave behind")]
struct Args {
    /// How long, warm-up included.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
    /// Which servers, at the same time: the relay alone over all ways, the built `sightline serve` over TLS, QUIC and WebTransport.
    #[arg(long, value_delimiter = ',', default_values = ["relay", "gateway"])]
    server: Vec<Kind>,
    /// Viewers at once, at each server.
    #[arg(long, default_value_t = 30)]
    viewers: usize,
    /// Cameras of 512 kbit/s, at each server.
    #[arg(long, default_value_t = 8)]
    cameras: u32,
    /// The built binary; beside this one if not given.
    #[arg(long)]
    sightline: Option<PathBuf>,
    /// Of what viewers do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Relay,
    Gateway,
}

#[derive(Subcommand)]
enum Part {
    /// A server (the soak starts it).
    #[command(hide = true)]
    Serve(serve::Args),
}

/// Between two looks at the server.
const SAMPLE: Duration = Duration::from_secs(5);
/// The longest visit.
const STAY: Duration = Duration::from_secs(45);
/// After the last viewer: longer than a QUIC connection that vanished is waited for.
const AFTER: Duration = Duration::from_secs(45);
/// Failures that are told in words.
const TOLD: usize = 20;

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(Part::Serve(args)) = &args.part {
        return serve::run(args);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let reports = runtime.block_on(async {
        let all = args.server.iter().map(|kind| soak(&args, *kind));
        futures_util::future::try_join_all(all).await
    })?;
    for report in &reports {
        print!("{}", report.table());
    }
    let path = results::file("soak.json")?;
    std::fs::write(&path, serde_json::to_vec_pretty(&reports)?)
        .with_context(|| path.display().to_string())?;
    println!("written to {}", path.display());
    reports.iter().try_for_each(judge)
}

fn judge(report: &Report) -> Result<()> {
    let visits: u64 = report.visits.values().sum();
    ensure!(
        report.failed * 100 <= visits,
        "{}: {} of {visits} visits failed",
        report.server,
        report.failed
    );
    ensure!(
        report.descriptors_after <= report.descriptors_before + 2,
        "{}: descriptors are left open",
        report.server
    );
    Ok(())
}

/// What is under load, stopped when dropped.
enum Server {
    Relay(Helper),
    Gateway(Box<District>),
}

/// The whole product, its cameras and its folder.
struct District {
    gateway: Gateway,
    _cameras: camsim::Server,
    _dir: TempDir,
}

impl Server {
    async fn start(kind: Kind, args: &Args) -> Result<(Self, Doors)> {
        let cameras = args.cameras;
        match kind {
            Kind::Relay => {
                let words = ["serve", "--sub", "--cameras", &cameras.to_string()];
                let mut server = Helper::start(&words.map(str::to_owned))?;
                let doors = serde_json::from_str(&server.line()?)?;
                Ok((Self::Relay(server), doors))
            }
            Kind::Gateway => {
                let program = match &args.sightline {
                    Some(path) => path.clone(),
                    None => std::env::current_exe()?.with_file_name("sightline"),
                };
                let district = District::start(&program, cameras).await?;
                let doors = district.gateway.doors().await?;
                Ok((Self::Gateway(Box::new(district)), doors))
            }
        }
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Relay(server) => server.pid(),
            Self::Gateway(district) => district.gateway.pid(),
        }
    }
}

impl District {
    async fn start(program: &Path, cameras: u32) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let server = camsim::Server::start(ServerConfig {
            listen: None,
            control: None,
        })
        .await?;
        let clip = Scene::Road.clip(&Cut::SUB, &default_cache())?;
        // Cameras are registered in clear, then the district is served over TLS.
        let gateway = Gateway::start(program, dir.path()).await?;
        let api = gateway.api().await?;
        for n in 1..=cameras {
            let code = source::camera_id(n);
            let camera = server.add_camera(CameraConfig {
                sub: Some(clip.clone()),
                phase: Duration::from_millis(u64::from(n) * 1_370),
                ..CameraConfig::new(code.to_string(), clip.clone())
            });
            api.add(&json!({
                "code": code, "name": format!("Camera {n}"), "region": "441403", "site_class": "1", "maker": "bench",
                "address": "bench", "username": "admin", "password": "camsim", "record": false, "tag": false,
                "main_url": camera.url(camsim::Profile::Main), "sub_url": camera.url(camsim::Profile::Sub),
            }))
            .await?;
        }
        drop(gateway);
        Ok(Self {
            gateway: Gateway::serve(program, dir.path(), true).await?,
            _cameras: server,
            _dir: dir,
        })
    }
}

async fn soak(args: &Args, kind: Kind) -> Result<Report> {
    let (server, doors) = Server::start(kind, args).await?;
    let pid = server.pid();
    let time = Duration::from_secs(args.minutes * 60);
    let warm_up = (time / 5).min(Duration::from_secs(300));
    sleep(Duration::from_secs(2)).await;
    let name = kind.to_possible_value().map(|v| v.get_name().to_owned());
    let report = Arc::new(Mutex::new(Report {
        server: name.unwrap_or_default(),
        minutes: time.as_secs_f64() / 60.0,
        warm_up_minutes: warm_up.as_secs_f64() / 60.0,
        viewers_at_once: args.viewers,
        seed: args.seed,
        descriptors_before: process::descriptors(pid)?,
        ..Report::default()
    }));
    let target = Arc::new(Target::new(doors)?);
    let stop = CancellationToken::new();
    let mut slots = JoinSet::new();
    for n in 0..args.viewers {
        let rng = StdRng::seed_from_u64(args.seed << 32 | n as u64);
        let (target, report) = (Arc::clone(&target), Arc::clone(&report));
        slots.spawn(slot(target, report, stop.clone(), rng, args.cameras));
    }
    watch(pid, time, &report).await?;
    stop.cancel();
    while slots.join_next().await.is_some() {}
    sleep(AFTER).await;
    let mut report = std::mem::take(&mut *lock(&report));
    report.descriptors_after = process::descriptors(pid)?;
    report.memory_after_kb = process::resident(pid)? as f64 / 1e3;
    report.conclude();
    Ok(report)
}

fn lock(report: &Mutex<Report>) -> std::sync::MutexGuard<'_, Report> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Samples until the time is over, and says a line a minute.
async fn watch(pid: u32, time: Duration, report: &Mutex<Report>) -> Result<()> {
    let began = Instant::now();
    let (mut cpu, mut at) = (process::cpu(pid)?, began);
    let mut said = 0;
    while began.elapsed() < time {
        sleep(SAMPLE).await;
        let (cpu_now, now) = (process::cpu(pid)?, Instant::now());
        let sample = Sample {
            seconds: began.elapsed().as_secs_f64(),
            memory_kb: process::resident(pid)? as f64 / 1e3,
            descriptors: process::descriptors(pid)?,
            cpu_percent: (cpu_now.saturating_sub(cpu)).as_secs_f64() / (now - at).as_secs_f64()
                * 100.0,
        };
        (cpu, at) = (cpu_now, now);
        let mut report = lock(report);
        report.samples.push(sample);
        if began.elapsed().as_secs() / 60 > said {
            said += 1;
            println!(
                "{:<8}{said:>4} min  {:>8.0} kB  {:>4} descriptors  {:>5.1} % CPU  {:>7} visits  {} failed",
                report.server,
                sample.memory_kb,
                sample.descriptors,
                sample.cpu_percent,
                report.visits.values().sum::<u64>(),
                report.failed
            );
        }
    }
    Ok(())
}

/// One seat: visit after visit.
async fn slot(
    target: Arc<Target>,
    report: Arc<Mutex<Report>>,
    stop: CancellationToken,
    mut rng: StdRng,
    cameras: u32,
) {
    while !stop.is_cancelled() {
        let plan = plan(&mut rng, target.ways(), cameras);
        let kind = format!("{:?} {}", plan.manner, plan.way.name()).to_lowercase();
        // A visit under way when the time is over is cut short.
        let made = tokio::select! {
            made = visit(&target, plan) => made,
            () = stop.cancelled() => return,
        };
        note(&mut lock(&report), kind, made);
        sleep(Duration::from_millis(rng.random_range(0..2000))).await;
    }
}

fn note(report: &mut Report, kind: String, made: Result<u64>) {
    *report.visits.entry(kind).or_default() += 1;
    match made {
        Ok(bytes) => report.received_gb += bytes as f64 / 1e9,
        Err(error) => {
            report.failed += 1;
            if report.failures.len() < TOLD {
                report.failures.push(format!("{error:#}"));
            }
        }
    }
}

/// Half of all are good; the ways take turns.
fn plan(rng: &mut StdRng, ways: &[Way], cameras: u32) -> Plan {
    let manner = match rng.random_range(0..10) {
        0..4 => Manner::Good,
        n => Manner::ALL[n % Manner::ALL.len()],
    };
    let tiles = rng.random_range(1..=4.min(cameras));
    let first = rng.random_range(1..=cameras - tiles + 1);
    let way = ways[rng.random_range(0..ways.len())];
    // Most look for a moment, some stay.
    let longest = if rng.random_bool(0.2) { STAY } else { STAY / 5 };
    Plan {
        way,
        manner,
        tiles: first..=first + tiles - 1,
        stay: rng.random_range(Duration::from_millis(200)..longest),
    }
}

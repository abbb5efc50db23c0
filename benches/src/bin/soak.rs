//! Viewers who come and go for an hour, in good manners and bad, over every way there is; memory and descriptors of the server
//! meanwhile. See `benches/README.md`.

#[path = "../soak/record.rs"]
mod record;
#[path = "../soak/visit.rs"]
mod visit;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use rand::{Rng, SeedableRng, rngs::StdRng};
use record::{Report, Sample};
use sightline_bench::{
    process::{self, Helper},
    results,
    serve::{self, Doors, Way},
};
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
    /// Viewers at once, at each server.
    #[arg(long, default_value_t = 60)]
    viewers: usize,
    /// Cameras of 512 kbit/s, at each server.
    #[arg(long, default_value_t = 8)]
    cameras: u32,
    /// Of what viewers do.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(subcommand)]
    part: Option<Part>,
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
    let report = runtime.block_on(soak(&args))?;
    print!("{}", report.table());
    let path = results::file("soak.json")?;
    std::fs::write(&path, serde_json::to_vec_pretty(&report)?)
        .with_context(|| path.display().to_string())?;
    println!("written to {}", path.display());
    let visits: u64 = report.visits.values().sum();
    ensure!(
        report.failed * 100 <= visits,
        "{} of {visits} visits failed",
        report.failed
    );
    ensure!(
        report.descriptors_after <= report.descriptors_before + 2,
        "descriptors are left open"
    );
    Ok(())
}

async fn soak(args: &Args) -> Result<Report> {
    let words = ["serve", "--sub", "--cameras", &args.cameras.to_string()].map(str::to_owned);
    let mut server = Helper::start(&words)?;
    let doors: Doors = serde_json::from_str(&server.line()?)?;
    let pid = server.pid();
    let time = Duration::from_secs(args.minutes * 60);
    let warm_up = (time / 5).min(Duration::from_secs(300));
    sleep(Duration::from_secs(2)).await;
    let report = Arc::new(Mutex::new(Report {
        server: "relay".into(),
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
                "{said:>4} min  {:>8.0} kB  {:>4} descriptors  {:>5.1} % CPU  {:>7} visits  {} failed",
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
        let plan = plan(&mut rng, cameras);
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
fn plan(rng: &mut StdRng, cameras: u32) -> Plan {
    let manner = match rng.random_range(0..10) {
        0..4 => Manner::Good,
        n => Manner::ALL[n % Manner::ALL.len()],
    };
    let tiles = rng.random_range(1..=4.min(cameras));
    let first = rng.random_range(1..=cameras - tiles + 1);
    let way = Way::value_variants()[rng.random_range(0..Way::value_variants().len())];
    // Most look for a moment, some stay.
    let longest = if rng.random_bool(0.2) { STAY } else { STAY / 5 };
    Plan {
        way,
        manner,
        tiles: first..=first + tiles - 1,
        stay: rng.random_range(Duration::from_millis(200)..longest),
    }
}

//! SIGKILL at random instants of a process that records, again and again in one data directory: that no more of the newest is lost
//! than may be, how long the next start takes, whether `check` finds anything.

use std::{
    collections::HashMap,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use media::{ByteCount, CameraId, Lease, WallTime};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use sightline_bench::{
    process::Helper,
    results::Figure,
    source::{Camera, FPS, GOP, Rate, camera_id},
};
use storage::{Archive, Config, DataDir, check};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Cameras of 2 Mbit/s.
    #[arg(long, default_value_t = 24)]
    cameras: u32,
    /// On which disk; the system's temporary directory if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    dir: PathBuf,
    cameras: u32,
}

/// The most that may be lost of what the cameras had sent: a group of two seconds, what is gathered before it is written (a second),
/// the pace at which rings are looked into, and half a second for the write.
const BOUND: Duration = Duration::from_millis(2000 + 1000 + 500 + 500);

fn config() -> Config {
    Config {
        keep_free: ByteCount(0),
        // Seals are among what a kill falls on.
        segment_seconds: 5,
        keep_days: 36_500,
        ..Config::default()
    }
}

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    let dir = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let path = dir.path().join("data");
    let mut rng = SmallRng::seed_from_u64(7);
    let (mut worst_start, mut worst_loss, mut segments) = (0.0f64, Duration::ZERO, 0);
    for round in 0..args.rounds {
        let spawned = WallTime::now();
        let (sent, said) = tokio::task::block_in_place(|| one(&path, args.cameras, &mut rng))?;
        let began = Instant::now();
        let data = Arc::new(DataDir::open(&path)?);
        let archive = Archive::open(&data, config())?;
        worst_start = worst_start.max(began.elapsed().as_secs_f64());
        for n in 0..args.cameras {
            let camera = camera_id(n + 1);
            let from = sent - Duration::from_secs(60);
            let t = archive.timeline(camera, from, WallTime::now()).await?;
            let end = t.spans.last().map_or(from, |span| span.end);
            if let Some(acknowledged) = said.get(&camera) {
                // What is said goes by the clock, what a file says by its pictures' times: on a busy machine they differ a little.
                ensure!(
                    end + Duration::from_millis(500) >= *acknowledged,
                    "round {round}: {camera} was said to be recorded to {acknowledged}, and is to {end}"
                );
            }
            // What had not begun was not lost: the first group of a process is there when it has said so.
            if said.get(&camera).is_some_and(|said| *said > spawned) {
                let lost = sent.since(end);
                ensure!(
                    lost <= BOUND,
                    "round {round}: {camera} had sent until {sent}, and is recorded to {end}: more than {BOUND:?} is lost"
                );
                worst_loss = worst_loss.max(lost);
            }
        }
        archive.shutdown(Duration::from_secs(30)).await;
        drop((archive, data));
        if round % 10 == 9 || round + 1 == args.rounds {
            let report = check(&path, false)?;
            ensure!(report.faults.is_empty(), "round {round}: {report}");
            segments = report.segments;
            println!(
                "{} kills: {report}; the most lost {worst_loss:.1?}, the longest start {worst_start:.3} s",
                round + 1
            );
        }
    }
    println!(
        "{} kills: no more than {worst_loss:.2?} lost of a camera ({BOUND:?} may be); {segments} segments, all whole",
        args.rounds
    );
    Ok(vec![
        Figure::new(
            "kill-lost",
            worst_loss.as_secs_f64(),
            "s",
            Some(BOUND.as_secs_f64()),
        ),
        Figure::new("kill-start", worst_start, "s", None),
    ])
}

/// Runs the recorder and kills it; until when its cameras had sent, and what it had said of each.
fn one(
    path: &std::path::Path,
    cameras: u32,
    rng: &mut SmallRng,
) -> Result<(WallTime, HashMap<CameraId, WallTime>)> {
    let mut helper = Helper::start(&[
        "kill-serve".into(),
        path.display().to_string(),
        cameras.to_string(),
    ])?;
    ensure!(helper.line()? == "begun", "the recorders began");
    let (mut said, mut sent) = (HashMap::new(), WallTime(0));
    let until = Instant::now() + Duration::from_millis(rng.random_range(0..3000));
    loop {
        let line = helper.line()?;
        if let Some((camera, end)) = line.split_once(' ') {
            let end: i64 = end.parse().context("a time")?;
            if camera == "sent" {
                sent = WallTime(end);
                continue;
            }
            said.insert(camera.parse::<CameraId>()?, WallTime(end));
        }
        if Instant::now() >= until {
            // Dropping it is SIGKILL.
            drop(helper);
            return Ok((sent, said));
        }
    }
}

#[allow(clippy::disallowed_methods)] // a thread of its own that keeps a beat
pub(crate) fn serve(args: &Serve) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    let data = Arc::new(DataDir::open(&args.dir)?);
    let archive = Archive::open(&data, config())?;
    let mut cameras: Vec<Camera> = (0..args.cameras)
        .map(|n| Camera::new(n + 1, Rate::Main))
        .collect();
    let recorders: Vec<_> = cameras
        .iter_mut()
        .enumerate()
        .map(|(n, camera)| {
            // Groups, and so segments, begin at all times.
            for _ in 0..(n as u32 * 7) % GOP {
                camera.frame();
            }
            archive.record(Lease::new(Arc::clone(&camera.feed), ()), 30)
        })
        .collect();
    let sent = Arc::new(AtomicI64::new(0));
    let told = Arc::clone(&sent);
    std::thread::spawn(move || {
        let mut due = Instant::now();
        loop {
            due += Duration::from_secs(1) / FPS;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            for camera in &mut cameras {
                let frame = camera.frame();
                camera.feed.ring.push(frame);
            }
            told.store(WallTime::now().0, Ordering::Relaxed);
        }
    });
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2500) {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("begun");
    loop {
        let mut out = std::io::stdout().lock();
        for n in 0..args.cameras {
            let camera = camera_id(n + 1);
            let t = runtime.block_on(archive.written(camera))?;
            if let Some(end) = t {
                writeln!(out, "{camera} {}", end.0)?;
            }
        }
        writeln!(out, "sent {}", sent.load(Ordering::Relaxed))?;
        writeln!(out, "-")?;
        out.flush()?;
        drop(out);
        std::thread::sleep(Duration::from_millis(10));
        if recorders.is_empty() {
            return Ok(());
        }
    }
}

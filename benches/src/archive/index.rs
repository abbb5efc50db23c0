//! The index of segments at the size of a district: 600 cameras, a segment a minute, 30 days.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use media::{ByteCount, CameraId, FeedId, Profile, WallTime};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::{Deserialize, Serialize};
use sightline_bench::{process::Helper, results::Figure};
use storage::index::{Entry, Origin, Segments};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Segments in all: a minute each, of 600 cameras.
    #[arg(long, default_value_t = 26_000_000)]
    segments: u64,
    /// Where the index is made (and removed); a directory of its own under the system's if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    dir: PathBuf,
    days: u32,
}

const CAMERAS: u32 = 600;
const CACHE: ByteCount = ByteCount::mebibytes(64);
/// 2026-01-01: a Thursday, as weeks of the index begin on.
const FIRST: i64 = 1_767_225_600;
const FINDS: usize = 50_000;

/// What the serving process measured.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    open_s: f64,
    find_p99_ms: f64,
    find_pruning_p99_ms: f64,
    day_ms: f64,
    month_ms: f64,
    prune_s: f64,
    resident: u64,
}

fn feed(n: u32) -> FeedId {
    let camera: CameraId = format!("44140301001320{n:06}")
        .parse()
        .expect("20 digits are a code");
    FeedId {
        camera,
        profile: Profile::Main,
    }
}

/// The minute of a camera: none begins on the full minute, and no two are of a size.
fn entry(rng: &mut SmallRng, camera: u32, minute: u64) -> Entry {
    let start = FIRST * 1_000_000 + minute as i64 * 60_000_000 + i64::from(camera) * 77_777;
    Entry {
        start: WallTime(start),
        end: WallTime(start + 60_000_000 + rng.random_range(0..40_000)),
        sequence: minute + 1,
        bytes: rng.random_range(14_000_000..16_000_000),
        volume: 0,
        origin: Origin::Gateway,
    }
}

pub(crate) fn run(args: &Args) -> Result<Vec<Figure>> {
    let held = tempfile::tempdir()?;
    let dir = args.dir.clone().unwrap_or_else(|| held.path().to_owned());
    let path = dir.join("segments");
    ensure!(!path.exists(), "{} is there already", path.display());
    let hours = args.segments.div_ceil(60 * u64::from(CAMERAS)) as u32;
    ensure!(
        hours >= 48,
        "two days at least: {} segments",
        48 * 60 * CAMERAS
    );
    let began = Instant::now();
    {
        let segments = Segments::open(&path, CACHE)?;
        let mut rng = SmallRng::seed_from_u64(1);
        for hour in 0..hours {
            for camera in 0..CAMERAS {
                let minutes = (0..60).map(|m| entry(&mut rng, camera, u64::from(hour) * 60 + m));
                let row: Vec<Entry> = minutes.collect();
                // Rows begin with the hour of the segment, which a camera's shift may have moved on.
                for part in row.chunk_by(|a, b| a.start.hour() == b.start.hour()) {
                    segments.insert_hour(feed(camera), part[0].start.hour(), part)?;
                }
            }
        }
        segments.flush()?;
    }
    let count = u64::from(hours) * u64::from(CAMERAS) * 60;
    println!(
        "{count} segments entered in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let disk = size(&path)?;
    let mut helper = Helper::start(&[
        "index-serve".into(),
        path.display().to_string(),
        (hours / 24).to_string(),
    ])?;
    let line = helper.line()?;
    let m: Measured = serde_json::from_str(&line).with_context(|| line.clone())?;
    let floor = floor(count);
    println!(
        "a month of one camera {:.1} ms; a day of all cameras pruned in {:.1} s, finding meanwhile p99 {:.3} ms",
        m.month_ms, m.prune_s, m.find_pruning_p99_ms
    );
    fs::remove_dir_all(&path)?;
    Ok(vec![
        Figure::new("index-open", m.open_s, "s", None),
        Figure::new("index-find-p99", m.find_p99_ms, "ms", Some(floor)),
        Figure::new(
            "index-find-pruning",
            m.find_pruning_p99_ms,
            "ms",
            Some(m.find_p99_ms),
        ),
        Figure::new("index-day", m.day_ms, "ms", None),
        Figure::new("timeline-30d", m.month_ms, "ms", None),
        Figure::new("index-memory", m.resident as f64 / 1e6, "MB", None),
        Figure::new("index-disk", disk as f64 / 1e6, "MB", None),
    ])
}

fn size(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += match meta.is_dir() {
            true => size(&entry.path())?,
            false => meta.len(),
        };
    }
    Ok(bytes)
}

/// One lookup in memory among as many.
fn floor(count: u64) -> f64 {
    let map: BTreeMap<u64, u64> = (0..count).map(|n| (n * 7, n)).collect();
    let mut rng = SmallRng::seed_from_u64(2);
    let mut times = Vec::with_capacity(FINDS);
    for _ in 0..FINDS {
        let at = rng.random_range(0..count * 7);
        let began = Instant::now();
        std::hint::black_box(map.range(..=at).next_back());
        times.push(began.elapsed());
    }
    p99(times)
}

/// Milliseconds.
fn p99(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let at = (times.len() * 99 / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |t| t.as_secs_f64() * 1e3)
}

pub(crate) fn serve(args: &Serve) -> Result<()> {
    let began = Instant::now();
    let segments = Segments::open(&args.dir, CACHE)?;
    let open_s = began.elapsed().as_secs_f64();
    let mut rng = SmallRng::seed_from_u64(3);
    let minutes = u64::from(args.days) * 1440;
    let find = |rng: &mut SmallRng, from_day: u64| -> Result<Duration> {
        let camera = feed(rng.random_range(0..CAMERAS));
        let minute = rng.random_range(from_day * 1440 + 2..minutes);
        let at = WallTime::from_secs(FIRST + minute as i64 * 60);
        let began = Instant::now();
        let found = segments.before(camera, at)?;
        let took = began.elapsed();
        ensure!(found.is_some(), "nothing at minute {minute}");
        Ok(took)
    };
    // Weeks that are asked for are opened once; that is what `open` is measured for.
    for _ in 0..200 {
        find(&mut rng, 0)?;
    }
    let finds: Vec<Duration> = (0..FINDS)
        .map(|_| find(&mut rng, 0))
        .collect::<Result<_>>()?;
    let list = |rng: &mut SmallRng, days: i64, times: u32| -> Result<f64> {
        let mut worst = Duration::ZERO;
        for _ in 0..times {
            let camera = feed(rng.random_range(0..CAMERAS));
            let last = i64::from(args.days).saturating_sub(days).max(0);
            let from = FIRST + rng.random_range(0..=last) * 86_400;
            let began = Instant::now();
            let found = segments.range(
                camera,
                WallTime::from_secs(from),
                WallTime::from_secs(from + days * 86_400),
            )?;
            worst = worst.max(began.elapsed());
            ensure!(
                found.len() as i64 >= days.min(i64::from(args.days)) * 1430,
                "{} found",
                found.len()
            );
        }
        Ok(worst.as_secs_f64() * 1e3)
    };
    let day_ms = list(&mut rng, 1, 200)?;
    let month_ms = list(&mut rng, 30, 50)?;
    // The oldest day goes, while others find in the rest.
    let mut pruning = Vec::new();
    let prune_s = std::thread::scope(|scope| -> Result<f64> {
        let pruner = scope.spawn(|| -> Result<f64> {
            let began = Instant::now();
            for camera in 0..CAMERAS {
                let camera = feed(camera);
                let to = WallTime::from_secs(FIRST + 86_400);
                let day = segments.range(camera, WallTime(0), to)?;
                // As retention does it.
                segments.prune(camera, &day)?;
            }
            Ok(began.elapsed().as_secs_f64())
        });
        while !pruner.is_finished() {
            pruning.push(find(&mut rng, 1)?);
        }
        pruner
            .join()
            .map_err(|_| anyhow::anyhow!("the pruner panicked"))?
    })?;
    let measured = Measured {
        open_s,
        find_p99_ms: p99(finds),
        find_pruning_p99_ms: p99(pruning),
        day_ms,
        month_ms,
        prune_s,
        resident: sightline_bench::process::resident(std::process::id())?,
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

//! How many cameras of 2 Mbit/s one machine records, beside one thread that writes the same bytes; with readers of old footage
//! beside it, where they are asked for.

use std::{
    fs::{self, File},
    io::{BufRead, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use media::{ByteCount, Lease, WallTime};
use serde::{Deserialize, Serialize};
use sightline_bench::{
    process::{self, Helper},
    results::Figure,
    source::{Camera, FPS, GOP, Rate, camera_id},
};
use storage::{AlarmKind, Archive, Config, DataDir};

use crate::segments;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// A segment's length: ten seconds, so that what a minute seals is sealed within a short measurement too; 60 is what the
    /// product has.
    #[arg(long, default_value_t = 10)]
    segment: u32,
    /// How many cameras, one measurement each; it ends early where frames are lost or the cores are full.
    #[arg(long, value_delimiter = ',', default_values_t = [25, 100, 200, 300, 400, 600, 800, 1000, 1300])]
    cameras: Vec<u32>,
    /// So many play old footage meanwhile, as fast as the disk gives it.
    #[arg(long, default_value_t = 0)]
    readers: u32,
    /// On which disk; the system's temporary directory if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    dir: PathBuf,
    cameras: u32,
    seconds: u64,
    segment: u32,
    #[arg(long, default_value_t = 0)]
    readers: u32,
}

/// Segments of old footage, 15 MB each: a reader comes to an end of them about when the measurement does.
const OLD: u32 = 120;

/// Half a key frame and 24.5 others: what a camera delivers.
const BYTES_A_SECOND: f64 = 60_000.0 / 2.0 + 9_000.0 * 24.5;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Measured {
    /// CPU of the thread that makes the frames.
    source_s: f64,
    /// Segments' bytes.
    bytes: u64,
    dropped: u64,
    late_s: f64,
    resident: u64,
    /// Bytes of old footage that were played.
    read: u64,
    /// CPU of those who played them.
    readers_s: f64,
}

pub(crate) fn run(args: &Args) -> Result<Vec<Figure>> {
    let dir = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let mut figures = Vec::new();
    let mut best = None;
    println!(
        "cameras   MB/s  disk MB/s   CPU ms/camera/s  (one thread)   cores  dropped  resident MB"
    );
    for &cameras in &args.cameras {
        let path = dir.path().join(format!("of-{cameras}"));
        let mut helper = Helper::start(&[
            "record-serve".into(),
            path.display().to_string(),
            cameras.to_string(),
            args.seconds.to_string(),
            args.segment.to_string(),
            format!("--readers={}", args.readers),
        ])?;
        ensure!(helper.line()? == "begun", "the recorders began");
        let (cpu, began) = (helper.cpu()?, Instant::now());
        let line = helper.line()?;
        let took = began.elapsed().as_secs_f64();
        let used = (helper.cpu()? - cpu).as_secs_f64();
        let m: Measured = serde_json::from_str(&line).with_context(|| line.clone())?;
        drop(helper);
        fs::remove_dir_all(&path)?;
        let (rate, floor) = floor(&dir.path().join("floor"), m.bytes)?;
        let camera_seconds = f64::from(cameras) * took;
        let own = (used - m.source_s - m.readers_s).max(0.0);
        let ms = own * 1e3 / camera_seconds;
        let floor_ms = floor * 1e3 / camera_seconds;
        let cores = own / took;
        println!(
            "{cameras:>7} {:>6.1} {:>10.1} {ms:>17.3} {floor_ms:>13.3} {cores:>7.2} {:>8} {:>12.0}",
            m.bytes as f64 / 1e6 / took,
            rate / 1e6,
            m.dropped,
            m.resident as f64 / 1e6,
        );
        if args.readers > 0 {
            let read = m.read as f64 / took;
            println!(
                "        {} readers beside them: {:.1} MB/s of old footage",
                args.readers,
                read / 1e6
            );
            figures.push(Figure::new(
                "record-beside-readers",
                read / 1e6,
                "MB/s read",
                None,
            ));
        }
        if cameras == 25 {
            figures.push(Figure::new(
                "record-write-25",
                ms,
                "ms/camera/s",
                Some(floor_ms),
            ));
        }
        // Nine tenths: what is held in memory at the end is not in a file yet.
        let in_files = m.bytes as f64 / (camera_seconds * BYTES_A_SECOND);
        if m.dropped > 0 || m.late_s > 1.0 || in_files < 0.9 {
            println!(
                "{cameras} cameras are too many: {} frames dropped, {:.1} s late, {:.0} % in files",
                m.dropped,
                m.late_s,
                in_files * 100.0
            );
            break;
        }
        let share = m.bytes as f64 / took / rate;
        best = Some((cameras, share, ms, floor_ms, cores));
    }
    let (cameras, share, ms, floor_ms, cores) = best.context("not even the fewest are carried")?;
    figures.push(Figure::new(
        "record-cameras",
        cameras.into(),
        "cameras of 2 Mbit/s",
        None,
    ));
    figures.push(Figure::new(
        "record-fill",
        share,
        "of the disk's rate",
        Some(1.0),
    ));
    figures.push(Figure::new(
        "record-write-most",
        ms,
        "ms/camera/s",
        Some(floor_ms),
    ));
    figures.push(Figure::new("record-cores", cores, "cores", None));
    Ok(figures)
}

/// One thread writes as many bytes in pieces of 1 MB, synced every 15 MB as segments are: bytes a second, CPU seconds.
fn floor(path: &Path, bytes: u64) -> Result<(f64, f64)> {
    let piece = vec![0x5a; 1_000_000];
    let cpu = process::cpu(std::process::id())?;
    let began = Instant::now();
    let mut file = File::create(path)?;
    let mut left = bytes;
    let mut pieces = 0u32;
    while left > 0 {
        let n = left.min(piece.len() as u64);
        file.write_all(&piece[..n as usize])?;
        left -= n;
        pieces += 1;
        if pieces.is_multiple_of(15) {
            file.sync_data()?;
        }
    }
    file.sync_data()?;
    let took = began.elapsed().as_secs_f64();
    let used = (process::cpu(std::process::id())? - cpu).as_secs_f64();
    fs::remove_file(path)?;
    Ok((bytes as f64 / took, used))
}

pub(crate) fn serve(args: &Serve) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    let data = Arc::new(DataDir::open(&args.dir)?);
    let config = Config {
        keep_free: ByteCount(0),
        segment_seconds: args.segment,
        ..Config::default()
    };
    let old = match args.readers {
        0 => None,
        _ => Some(runtime.block_on(old_footage(&data))?),
    };
    let archive = Archive::open(&data, config)?;
    if old.is_some() {
        let mut progress = archive.rebuild_progress();
        runtime.block_on(progress.wait_for(Option::is_none))?;
    }
    let mut alarms = archive.alarms();
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
    // Two seconds to begin, then it is measured.
    let (begin, end) = (FPS * 2, FPS * (2 + args.seconds as u32));
    let dir = args.dir.clone();
    let counted = Arc::new(Read::default());
    for n in 0..args.readers {
        let (Some(from), archive) = (old, archive.clone()) else {
            break;
        };
        let (counted, handle) = (Arc::clone(&counted), runtime.handle().clone());
        std::thread::spawn(move || handle.block_on(play(archive, from, n, &counted)));
    }
    let pusher = std::thread::spawn(move || push(&mut cameras, begin, end, &dir));
    let (source_s, late_s, before) = pusher
        .join()
        .map_err(|_| anyhow::anyhow!("the source panicked"))??;
    let measured = Measured {
        source_s,
        late_s,
        bytes: written(&args.dir)? - before,
        dropped: std::iter::from_fn(|| alarms.try_recv().ok())
            .map(|alarm| match alarm.kind {
                AlarmKind::Dropped { frames, .. } => frames,
                _ => 0,
            })
            .sum(),
        resident: process::resident(std::process::id())?,
        read: counted.bytes.load(Relaxed),
        readers_s: counted.cpu_us.load(Relaxed) as f64 / 1e6,
    };
    println!("{}", serde_json::to_string(&measured)?);
    // The parent reads what this process has used so far, then ends it.
    std::io::stdin().lock().read_line(&mut String::new())?;
    drop(recorders);
    Ok(())
}

/// What readers have played.
#[derive(Debug, Default)]
struct Read {
    bytes: AtomicU64,
    /// Of their threads; what the disk's calls for them cost is the recorder's here.
    cpu_us: AtomicU64,
}

/// Two hours of another camera, two days ago, and nothing of them in memory.
async fn old_footage(data: &DataDir) -> Result<WallTime> {
    let template = segments::template(15_000_000).await?;
    let day = 86_400_000_000;
    let start = WallTime((WallTime::now().0 / day - 2) * day);
    for minute in 0..OLD {
        let at = start + Duration::from_secs(u64::from(minute) * 60);
        let recordings = data.recordings();
        segments::put(
            &recordings,
            &template,
            camera_id(900_000),
            at,
            u64::from(minute) + 1,
        )?;
    }
    for path in segments::all(&data.recordings())? {
        let file = File::open(&path)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    }
    Ok(start)
}

/// Plays old footage, ten minutes after ten minutes, each reader from another place on.
async fn play(archive: Archive, start: WallTime, n: u32, counted: &Read) {
    let parts = OLD / 10;
    for part in (0..).map(|part| (part + n * 5) % parts) {
        let from = start + Duration::from_secs(u64::from(part) * 600);
        let before = thread_cpu().unwrap_or(0.0);
        let playback = archive.playback(camera_id(900_000), from, from + Duration::from_secs(600));
        let Ok(Some(playback)) = playback.await else {
            return;
        };
        let mut chunks = Box::pin(playback.read(0..playback.len()));
        while let Some(Ok(chunk)) = chunks.next().await {
            counted.bytes.fetch_add(chunk.len() as u64, Relaxed);
        }
        let spent = thread_cpu().unwrap_or(before) - before;
        counted.cpu_us.fetch_add((spent * 1e6) as u64, Relaxed);
    }
}

/// Every camera's frames at their time; gives its own CPU seconds from `begin` on, how late it was at the end, and what was
/// written before `begin`.
#[allow(clippy::disallowed_methods)] // a thread of its own that keeps a beat
fn push(cameras: &mut [Camera], begin: u32, end: u32, dir: &Path) -> Result<(f64, f64, u64)> {
    let period = Duration::from_secs(1) / FPS;
    let mut due = Instant::now();
    let (mut cpu, mut before) = (0.0, 0);
    for tick in 0..end {
        if tick == begin {
            before = written(dir)?;
            cpu = thread_cpu()?;
            println!("begun");
        }
        due += period;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        for camera in cameras.iter_mut() {
            let frame = camera.frame();
            camera.feed.ring.push(frame);
        }
    }
    let late = Instant::now().saturating_duration_since(due);
    Ok((thread_cpu()? - cpu, late.as_secs_f64(), before))
}

/// CPU seconds of this thread.
fn thread_cpu() -> Result<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let ns: f64 = text
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .context("/proc/thread-self/schedstat")?;
    Ok(ns / 1e9)
}

fn written(dir: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        bytes += match entry.metadata() {
            Ok(meta) if meta.is_dir() => written(&path)?,
            Ok(meta) if path.extension().is_some_and(|e| e == "mp4") => meta.len(),
            _ => 0,
        };
    }
    Ok(bytes)
}

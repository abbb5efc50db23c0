//! A day of one camera as one MP4 to a socket, beside `sendfile` of the same segments to such a socket.

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use media::{ByteCount, WallTime};
use sightline_bench::{results::Figure, source::camera_id};
use storage::{Archive, Config, DataDir};

use crate::segments;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Minutes of the range, a segment each.
    #[arg(long, default_value_t = 1440)]
    minutes: u32,
    /// Bytes of a segment: 15,000,000 are 2 Mbit/s.
    #[arg(long, default_value_t = 1_000_000)]
    bytes: usize,
    /// On which disk; the system's temporary directory if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// CPU of this thread and those of the runtime, not of who receives.
fn cpu_of_threads(not: &str) -> Result<f64> {
    let mut ns = 0.0;
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        let Ok(name) = std::fs::read_to_string(task.join("comm")) else {
            continue;
        };
        if name.trim() == not {
            continue;
        }
        let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
        let spent = text
            .split_whitespace()
            .next()
            .and_then(|n| n.parse::<f64>().ok());
        ns += spent.unwrap_or(0.0);
    }
    Ok(ns / 1e9)
}

const DRAIN: &str = "drain";

/// A socket whose other end is read and thrown away by a thread of its own.
fn socket() -> Result<(TcpStream, std::thread::JoinHandle<u64>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let own = TcpStream::connect(listener.local_addr()?)?;
    let (mut other, _) = listener.accept()?;
    let drain = std::thread::Builder::new()
        .name(DRAIN.into())
        .spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            let mut all = 0;
            while let Ok(n) = other.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                all += n as u64;
            }
            all
        })?;
    Ok((own, drain))
}

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    let dir = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let data = Arc::new(DataDir::open(dir.path())?);
    let start = WallTime(
        (WallTime::now() - Duration::from_secs(2 * 86_400)).0 / 86_400_000_000 * 86_400_000_000,
    );
    let template = segments::template(args.bytes).await?;
    for minute in 0..args.minutes {
        let at = start + Duration::from_secs(u64::from(minute) * 60);
        segments::put(
            &data.recordings(),
            &template,
            camera_id(1),
            at,
            u64::from(minute) + 1,
        )?;
    }
    let config = Config {
        keep_free: ByteCount(0),
        keep_days: 36_500,
        playback_limit_seconds: 86_400 * 2,
        ..Config::default()
    };
    let archive = Archive::open(&data, config)?;
    archive
        .rebuild_progress()
        .wait_for(Option::is_none)
        .await
        .context("the index")?;
    let paths = segments::all(&data.recordings())?;
    ensure!(
        paths.len() == args.minutes as usize,
        "{} files",
        paths.len()
    );

    let (floor_s, sent) = tokio::task::block_in_place(|| floor(&paths))?;
    let end = start + Duration::from_secs(u64::from(args.minutes) * 60);
    let began = Instant::now();
    let before = cpu_of_threads(DRAIN)?;
    let playback = archive
        .playback(camera_id(1), start, end)
        .await?
        .context("a playback")?;
    let (mut socket, drain) = socket()?;
    let mut first = None;
    let mut chunks = Box::pin(playback.read(0..playback.len()));
    while let Some(chunk) = chunks.next().await {
        first.get_or_insert_with(|| began.elapsed());
        socket.write_all(&chunk?)?;
    }
    drop(socket);
    let own_s = cpu_of_threads(DRAIN)? - before;
    let got = drain
        .join()
        .map_err(|_| anyhow::anyhow!("the drain panicked"))?;
    ensure!(got == playback.len(), "{got} of {} bytes", playback.len());
    // Asked for a second time, as players do, the plan is there.
    let again = Instant::now();
    let playback = archive
        .playback(camera_id(1), start, end)
        .await?
        .context("a playback")?;
    let mut chunks = Box::pin(playback.read(0..1));
    chunks.next().await.context("a first byte")??;
    let again_ms = again.elapsed().as_secs_f64() * 1e3;
    // An hour is what people ask for.
    let hour = Instant::now();
    let from = start + Duration::from_secs(1800);
    let part = archive
        .playback(camera_id(1), from, from + Duration::from_secs(3600))
        .await?
        .context("an hour's playback")?;
    Box::pin(part.read(0..1))
        .next()
        .await
        .context("a first byte")??;
    let hour_ms = hour.elapsed().as_secs_f64() * 1e3;
    let first_ms = first.context("a first byte")?.as_secs_f64() * 1e3;
    println!(
        "{} segments, {:.0} MB: CPU {own_s:.2} s, sendfile {floor_s:.2} s of {:.0} MB; first byte of the day {first_ms:.1} ms, again {again_ms:.1} ms, of an hour {hour_ms:.1} ms",
        paths.len(),
        got as f64 / 1e6,
        sent as f64 / 1e6
    );
    archive.shutdown(Duration::from_secs(10)).await;
    Ok(vec![
        Figure::new(
            "deliver-day",
            own_s / got as f64 * 1e9,
            "s/GB",
            Some(floor_s / sent as f64 * 1e9),
        ),
        Figure::new("deliver-first-byte", first_ms, "ms", None),
        Figure::new("deliver-hour-first-byte", hour_ms, "ms", None),
    ])
}

fn floor(paths: &[PathBuf]) -> Result<(f64, u64)> {
    let (socket, drain) = socket()?;
    let before = cpu_of_threads(DRAIN)?;
    for path in paths {
        send(path, &socket)?;
    }
    let spent = cpu_of_threads(DRAIN)? - before;
    drop(socket);
    let got = drain
        .join()
        .map_err(|_| anyhow::anyhow!("the drain panicked"))?;
    Ok((spent, got))
}

fn send(path: &Path, socket: &TcpStream) -> Result<()> {
    let file = File::open(path)?;
    let mut left = file.metadata()?.len() as usize;
    while left > 0 {
        left -= rustix::fs::sendfile(socket, &file, None, left)?;
    }
    Ok(())
}

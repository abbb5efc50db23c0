//! The index made again from the files, beside reading the end of every file once.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use media::{ByteCount, WallTime};
use sightline_bench::{results::Figure, source::camera_id};
use storage::{Archive, Config, DataDir};

use crate::segments;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cameras.
    #[arg(long, default_value_t = 50)]
    cameras: u32,
    /// Minutes of each, a segment each.
    #[arg(long, default_value_t = 480)]
    minutes: u32,
    /// Where; the system's temporary directory if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    let dir = match &args.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let data = Arc::new(DataDir::open(dir.path())?);
    let template = segments::template(10_000).await?;
    let start = WallTime::now() - Duration::from_secs(3 * 86_400);
    for camera in 0..args.cameras {
        for minute in 0..args.minutes {
            let at = start + Duration::from_secs(u64::from(minute) * 60 + u64::from(camera) % 60);
            segments::put(
                &data.recordings(),
                &template,
                camera_id(camera + 1),
                at,
                u64::from(minute) + 1,
            )?;
        }
    }
    let count = u64::from(args.cameras) * u64::from(args.minutes);
    // Both find the files in memory: what is compared is the work.
    let floor = || -> Result<f64> {
        let began = Instant::now();
        let files = segments::all(&data.recordings())?;
        let mut buffer = vec![0; 4096];
        for path in &files {
            let file = File::open(path)?;
            let len = file.metadata()?.len();
            let n = len.min(4096);
            file.read_exact_at(&mut buffer[..n as usize], len - n)?;
        }
        ensure!(files.len() as u64 == count, "{} files", files.len());
        Ok(began.elapsed().as_secs_f64())
    };
    floor()?;
    let floor_s = floor()?;
    let config = Config {
        keep_free: ByteCount(0),
        keep_days: 36_500,
        ..Config::default()
    };
    let began = Instant::now();
    let archive = Archive::open(&data, config)?;
    let open_s = began.elapsed().as_secs_f64();
    archive
        .rebuild_progress()
        .wait_for(Option::is_none)
        .await
        .context("the index")?;
    let took = began.elapsed().as_secs_f64();
    let found = archive
        .timeline(
            camera_id(1),
            start,
            start + Duration::from_secs(u64::from(args.minutes) * 60),
        )
        .await?;
    ensure!(!found.incomplete && !found.spans.is_empty(), "{found:?}");
    println!(
        "{count} files: the start took {open_s:.3} s, all {took:.2} s ({:.0} a second), every end read once {floor_s:.2} s",
        count as f64 / took
    );
    archive.shutdown(Duration::from_secs(10)).await;
    Ok(vec![
        Figure::new("index-rebuild", took, "s", Some(floor_s)),
        Figure::new("index-rebuild-start", open_s, "s", None),
    ])
}

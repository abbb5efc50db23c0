//! Segment files by the thousand: one is recorded, the others are its bytes with another camera, time and sequence in their head.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use media::{ByteCount, CameraId, Lease, WallTime};
use sightline_bench::source::{Camera, Rate};
use storage::{Archive, Config, DataDir};

/// A sealed segment of about so many bytes.
pub(crate) async fn template(bytes: usize) -> Result<Vec<u8>> {
    let dir = tempfile::tempdir()?;
    let data = Arc::new(DataDir::open(dir.path())?);
    let config = Config {
        keep_free: ByteCount(0),
        segment_seconds: 3600,
        ..Config::default()
    };
    let archive = Archive::open(&data, config)?;
    // Sixty seconds' worth of frames would be ten times that; sizes, not times, are what is wanted here.
    let mut camera = Camera::new(
        1,
        if bytes < 200_000 {
            Rate::Sub
        } else {
            Rate::Main
        },
    );
    let recorder = archive.record(Lease::new(Arc::clone(&camera.feed), ()), 30);
    // Their times are even, as a camera's are, and not those of this loop.
    let began = WallTime::now() - Duration::from_secs(600);
    let mut pushed = 0;
    while pushed < bytes {
        let mut frame = camera.frame();
        let own = Arc::get_mut(&mut frame).context("a frame of one's own")?;
        own.captured = began + own.dts.to_duration();
        pushed += frame.data.len();
        camera.feed.ring.push(frame);
        // The recorder keeps up: its ring is bounded.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    recorder.stop().await;
    archive.shutdown(Duration::from_secs(10)).await;
    let path = all(&data.recordings())?.pop().context("a segment")?;
    Ok(fs::read(path)?)
}

/// Puts a copy where it belongs.
pub(crate) fn put(
    recordings: &Path,
    template: &[u8],
    camera: CameraId,
    at: WallTime,
    sequence: u64,
) -> Result<()> {
    let mut bytes = template.to_vec();
    let find = |what: &[u8]| template.windows(what.len()).position(|w| w == what);
    let head = find(b"sightline-head-1").context("the head")? + 16;
    bytes[head..head + 20].copy_from_slice(camera.as_bytes());
    // Behind the camera: profile (1), writer (8), sequence (8), start (8).
    bytes[head + 29..head + 37].copy_from_slice(&sequence.to_be_bytes());
    bytes[head + 37..head + 45].copy_from_slice(&at.0.to_be_bytes());
    let seal = find(b"sightline-seal-2").context("the seal")? + 16;
    let end = (at + Duration::from_secs(60)).0;
    bytes[seal..seal + 8].copy_from_slice(&end.to_be_bytes());
    // Wall times of its fragments: moved by as much as the start.
    let was = i64::from_be_bytes(template[head + 37..head + 45].try_into()?);
    let mut from = 0;
    while let Some(found) = template[from..].windows(4).position(|w| w == b"prft") {
        let ntp = from + found + 12;
        let old = u64::from_be_bytes(template[ntp..ntp + 8].try_into()?);
        let shift = i128::from(at.0 - was) * (1i128 << 32) / 1_000_000;
        let new = (i128::from(old) + shift) as u64;
        bytes[ntp..ntp + 8].copy_from_slice(&new.to_be_bytes());
        from = ntp;
    }
    let digits: String = at
        .to_string()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let dir = recordings
        .join(camera.as_str())
        .join(&digits[..8])
        .join(&digits[8..10]);
    fs::create_dir_all(&dir)?;
    let profile = if template[head + 20] == 0 {
        "main"
    } else {
        "sub"
    };
    let name = format!(
        "{}T{}.{}Z-{profile}-{sequence}.mp4",
        &digits[..8],
        &digits[8..14],
        &digits[14..20]
    );
    fs::write(dir.join(name), bytes)?;
    Ok(())
}

/// Every segment under a directory, in order.
pub(crate) fn all(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            match path.is_dir() {
                true => dirs.push(path),
                false if path.extension().is_some_and(|e| e == "mp4") => out.push(path),
                false => {}
            }
        }
    }
    out.sort();
    Ok(out)
}

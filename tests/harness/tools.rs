//! Programs beside the gateway, and waiting for what must come true.

use std::{
    future::Future,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// The built binary: beside the test's own (`target/PROFILE/deps/scenarios-*` -> `target/PROFILE/sightline`).
pub fn sightline() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let binary = own
        .ancestors()
        .nth(2)
        .context("target directory")?
        .join("sightline");
    ensure!(
        binary.exists(),
        "{} is not built: run `cargo build -p sightline` or the whole workspace's tests",
        binary.display()
    );
    Ok(binary)
}

/// What ffprobe says of a file's streams.
pub fn probe(file: &Path) -> anyhow::Result<Value> {
    let out = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_packets",
            "-show_streams",
            "-show_format",
            "-of",
            "json",
        ])
        .arg(file)
        .output()
        .context("run ffprobe")?;
    ensure!(
        out.status.success() && out.stderr.is_empty(),
        "ffprobe {}: {}",
        file.display(),
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(serde_json::from_slice(&out.stdout)?)
}

/// The lines ffmpeg prints when it decodes a file to its last frame: none for a good one.
pub fn decode_errors(file: &Path) -> anyhow::Result<String> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(file)
        // In the file's own time base: in one of whole pictures two that came close together would fall into one.
        .args(["-enc_time_base", "-1", "-f", "null", "-"])
        .output()
        .context("run ffmpeg")?;
    ensure!(
        out.status.success(),
        "ffmpeg {}: {}",
        file.display(),
        String::from_utf8_lossy(&out.stderr)
    );
    Ok(String::from_utf8_lossy(&out.stderr).into_owned())
}

/// Asks again and again until there is an answer, with a deadline and not a hope.
pub async fn eventually<T, F>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = ask().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("not within {within:?}: {what}");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

//! `sightline export`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use http::{Method, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use media::{CameraId, WallTime};
use tokio::io::AsyncWriteExt;

use super::remote::{Api, SignIn};

/// Save what was recorded of a camera between two moments as one MP4 file, without re-encoding.
///
/// Who exported what and why is in the gateway's audit log.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The gateway: a URL, or HOST[:PORT]
    #[arg(value_name = "URL")]
    url: String,
    /// The camera's 20-digit code
    #[arg(value_name = "CAMERA")]
    camera: CameraId,
    /// From when, as 2026-11-23T12:00:00+08:00
    #[arg(long, value_name = "TIME")]
    from: WallTime,
    /// To when
    #[arg(long, value_name = "TIME")]
    to: WallTime,
    /// Why: goes into the audit log
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    sign_in: SignIn,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(export(args))
}

async fn export(args: Args) -> Result<ExitCode> {
    let url = SignIn::url(&args.url)?;
    let api = Api::open(&url, &args.sign_in).await?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("from", &args.from.to_string())
        .append_pair("to", &args.to.to_string());
    if !args.reason.is_empty() {
        query.append_pair("reason", &args.reason);
    }
    let path = format!("cameras/{}/recording.mp4?{}", args.camera, query.finish());
    let response = api.send(Method::GET, &path, None).await?;
    let start = response
        .headers()
        .get("sightline-start")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let written = save(response, &args.output).await?;
    api.close().await;
    eprintln!(
        "{}: {written} bytes, begins at {start}",
        args.output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// Saves an answer's body, all of it or nothing; gives its bytes.
pub(super) async fn save(mut response: Response<Incoming>, output: &Path) -> Result<u64> {
    let expected: Option<u64> = response
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    // Written beside and renamed: a file of that name is a whole one.
    let part = output.with_extension("part");
    let cannot = || format!("cannot write {}", part.display());
    let mut file = tokio::fs::File::create(&part).await.with_context(cannot)?;
    let mut written = 0u64;
    while let Some(frame) = response.frame().await {
        let Ok(piece) = frame?.into_data() else {
            continue;
        };
        file.write_all(&piece).await.with_context(cannot)?;
        written += piece.len() as u64;
    }
    anyhow::ensure!(
        expected.is_none_or(|e| e == written),
        "the connection ended after {written} of {} bytes",
        expected.unwrap_or_default()
    );
    file.sync_all().await.with_context(cannot)?;
    tokio::fs::rename(&part, output)
        .await
        .with_context(cannot)?;
    Ok(written)
}

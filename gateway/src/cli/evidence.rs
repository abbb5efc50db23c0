//! `sightline evidence`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use http::Method;
use media::{CameraId, WallTime};
use serde_json::json;

use super::{
    export::save,
    remote::{Api, SignIn},
};

/// Have the recordings of several cameras and a range packed as evidence, wait for it, and save it.
///
/// The package plays in any browser (unpack it, open index.html) and proves what it holds: `sightline verify`. Who asked for it
/// and why is in it, and in the gateway's audit log. With Ctrl-C the gateway goes on; `--job` fetches it later.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The gateway: a URL, or HOST[:PORT]
    #[arg(value_name = "URL")]
    url: String,
    /// A camera's 20-digit code; several times for several cameras
    #[arg(long, value_name = "CAMERA", required_unless_present = "job")]
    camera: Vec<CameraId>,
    /// From when, as 2026-11-23T12:00:00+08:00
    #[arg(long, value_name = "TIME", required_unless_present = "job")]
    from: Option<WallTime>,
    /// To when
    #[arg(long, value_name = "TIME", required_unless_present = "job")]
    to: Option<WallTime>,
    /// Why: goes into the package and the audit log
    #[arg(long, value_name = "TEXT", required_unless_present = "job")]
    reason: Option<String>,
    /// Fetch what this job makes, instead of asking for another
    #[arg(long, value_name = "ID", conflicts_with_all = ["camera", "from", "to", "reason"])]
    job: Option<String>,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    sign_in: SignIn,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(fetch(args))
}

async fn fetch(args: Args) -> Result<ExitCode> {
    let url = SignIn::url(&args.url)?;
    let api = Api::open(&url, &args.sign_in).await?;
    let id = match &args.job {
        Some(id) => id.clone(),
        None => {
            let body = json!({"cameras": args.camera, "from": args.from, "to": args.to, "reason": args.reason});
            let job = api.json(Method::POST, "evidence", Some(&body)).await?;
            let id = job["id"]
                .as_str()
                .context("a job without an id")?
                .to_owned();
            eprintln!("job {id}");
            id
        }
    };
    let mut told = -1;
    let job = loop {
        let job = api
            .json(Method::GET, &format!("evidence/{id}"), None)
            .await?;
        match job["state"].as_str() {
            Some("queued" | "running") => {}
            Some("done") => break job,
            Some("failed") => bail!(
                "the gateway could not make it: {}",
                job["error"]["text"].as_str().unwrap_or_default()
            ),
            state => bail!("job {id} is {}", state.unwrap_or("unknown")),
        }
        let percent = (job["progress"]["share"].as_f64().unwrap_or_default() * 100.0) as i64;
        if percent != told {
            eprintln!("{percent} %");
            told = percent;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let response = api
        .send(Method::GET, &format!("evidence/{id}/package.zip"), None)
        .await?;
    let written = save(response, &args.output).await?;
    let manifest = job["package"]["manifest_sha256"].as_str();
    api.close().await;
    eprintln!(
        "{}: {written} bytes, manifest {}; verify it with: sightline verify {}",
        args.output.display(),
        manifest.unwrap_or_default(),
        args.output.display()
    );
    Ok(ExitCode::SUCCESS)
}

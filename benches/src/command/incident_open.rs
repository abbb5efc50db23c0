//! How long an incident with a long log takes to open: in Chromium, from the press on it in the list until its log and its tasks
//! stand there, by `web-ui/e2e/incident-open.mjs`. The floor is the gateway's answer alone.

use std::{
    path::PathBuf,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use sightline_bench::{gateway::Gateway, results::Figure};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Entries of the log.
    #[arg(long, default_value_t = 10_000)]
    entries: usize,
    /// The built gateway.
    #[arg(long, default_value = "target/release/sightline")]
    program: PathBuf,
}

/// Written at the same time: the journal syncs them together.
const AT_ONCE: usize = 32;
/// Answers asked for, for the floor.
const ASKED: usize = 50;

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir()?;
    let gateway = Gateway::start(&args.program, dir.path()).await?;
    let api = Arc::new(gateway.api().await?);
    let body = json!({"title": "a long night", "grade": "I"});
    let incident = api.post("incidents", &body).await?;
    let id = incident["id"].as_str().context("its id")?.to_owned();
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..AT_ONCE {
        let (api, path) = (Arc::clone(&api), format!("incidents/{id}/log"));
        let count = (args.entries - 1 + writer) / AT_ONCE;
        writers.spawn(async move {
            for n in 0..count {
                let note = format!("writer {writer}, line {n}: the water stands at {n} cm");
                api.post(&path, &json!({"note": note})).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    let mut answers = Histogram::<u64>::new(3)?;
    let mut entries = 0;
    for _ in 0..ASKED {
        let began = Instant::now();
        let incident = api.get(&format!("incidents/{id}")).await?;
        answers.record(began.elapsed().as_micros() as u64)?;
        entries = incident["entries"].as_u64().unwrap_or_default();
    }
    ensure!(entries as usize >= args.entries, "{entries} entries");
    let answer_ms = answers.value_at_quantile(0.95) as f64 / 1000.0;
    println!("{entries} entries: the gateway answers in {answer_ms:.2} ms (p95)");
    let opened = tokio::task::spawn_blocking({
        let url = api.page();
        let password = gateway.password();
        move || browser(&url, password, &id)
    });
    let opened = tokio::time::timeout(Duration::from_secs(150), opened).await???;
    Ok(vec![Figure::new(
        "incident-open",
        opened,
        "ms",
        Some(answer_ms),
    )])
}

/// What the browser measured: the median of its openings.
fn browser(url: &str, password: &str, id: &str) -> Result<f64> {
    let said = Command::new("node")
        .args(["e2e/incident-open.mjs", id])
        .current_dir("web-ui")
        .env("URL", url)
        .env("SIGHTLINE_USER", "admin")
        .env("PASSWORD", password)
        .output()
        .context("run node, in the project's folder")?;
    let text = String::from_utf8_lossy(&said.stdout);
    ensure!(
        said.status.success(),
        "the browser: {text}{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let last = text.lines().last().unwrap_or_default();
    let figures: Value = serde_json::from_str(last).with_context(|| text.to_string())?;
    println!("opened in Chromium: {}", figures["all_ms"]);
    figures["median_ms"].as_f64().context("no median")
}

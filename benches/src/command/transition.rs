//! From the moment that one seat sends a transition until another has it on its stream. The gateway makes it durable first, so the
//! floor is the least that can take: one record of that size written to the same disk and synced.

use std::{
    collections::HashMap,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use serde_json::json;
use sightline_bench::{
    gateway::{Api, Gateway},
    results::Figure,
};

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seats that listen.
    #[arg(long, default_value_t = 50)]
    seats: usize,
    /// Transitions, one after the other.
    #[arg(long, default_value_t = 300)]
    transitions: usize,
    /// Rest between two, milliseconds: people are not a flood.
    #[arg(long, default_value_t = 20)]
    rest_ms: u64,
    /// The built gateway.
    #[arg(long, default_value = "target/release/sightline")]
    program: PathBuf,
}

/// When each transition was sent, by its key.
type Sent = Arc<Mutex<HashMap<String, Instant>>>;

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    let dir = tempfile::tempdir()?;
    let gateway = Gateway::start(&args.program, dir.path()).await?;
    let api = Arc::new(gateway.api().await?);
    let incident = api
        .post("incidents", &json!({"title": "bench", "grade": "III"}))
        .await?;
    let id = incident["id"].as_str().context("its id")?.to_owned();
    api.post(
        &format!("incidents/{id}/tasks"),
        &json!({"title": "bench", "owner": "admin"}),
    )
    .await?;
    let sent = Sent::default();
    let mut seats = tokio::task::JoinSet::new();
    let (ready, mut waiting) = tokio::sync::mpsc::channel(args.seats);
    for _ in 0..args.seats {
        seats.spawn(listen(
            Arc::clone(&api),
            Arc::clone(&sent),
            args.transitions,
            ready.clone(),
        ));
    }
    for _ in 0..args.seats {
        waiting.recv().await.context("a seat did not connect")?;
    }
    for n in 0..args.transitions {
        let key = format!("k{n}");
        let body = json!({"step": "urge", "note": "hurry", "key": key});
        sent.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, Instant::now());
        api.post(&format!("incidents/{id}/tasks/1/steps"), &body)
            .await?;
        tokio::time::sleep(Duration::from_millis(args.rest_ms)).await;
    }
    let mut all = Histogram::<u64>::new(3)?;
    while let Some(seat) = seats.join_next().await {
        let seen = seat??;
        ensure!(
            seen.len() == args.transitions,
            "a seat saw {} of {}",
            seen.len(),
            args.transitions
        );
        for time in seen {
            all.record(time.as_micros() as u64)?;
        }
    }
    let floor = floor(dir.path(), args.transitions)?;
    let ms = |us: u64| us as f64 / 1000.0;
    println!(
        "{} seats, {} transitions: median {:.2} ms, p95 {:.2} ms, longest {:.2} ms",
        args.seats,
        args.transitions,
        ms(all.value_at_quantile(0.5)),
        ms(all.value_at_quantile(0.95)),
        ms(all.max())
    );
    let p95 = ms(all.value_at_quantile(0.95));
    Ok(vec![Figure::new("transition-p95", p95, "ms", Some(floor))])
}

/// One seat: how long each transition took to come.
async fn listen(
    api: Arc<Api>,
    sent: Sent,
    expected: usize,
    ready: tokio::sync::mpsc::Sender<()>,
) -> Result<Vec<Duration>> {
    let mut stream = api.stream().await?;
    let mut text = String::new();
    let mut seen = HashMap::new();
    let all = async {
        while seen.len() < expected {
            let piece = stream.next().await.context("the stream ended")??;
            text.push_str(&String::from_utf8_lossy(&piece));
            while let Some(end) = text.find("\n\n") {
                let message: String = text.drain(..end + 2).collect();
                if message.contains("event: hello") {
                    ready.send(()).await?;
                }
                take(&message, &sent, &mut seen);
            }
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(150), all).await??;
    Ok(seen.into_values().collect())
}

fn take(message: &str, sent: &Sent, seen: &mut HashMap<String, Duration>) {
    let now = Instant::now();
    let data = message.lines().find_map(|l| l.strip_prefix("data: "));
    let Some(incident) = data.and_then(|d| serde_json::from_str::<serde_json::Value>(d).ok())
    else {
        return;
    };
    for entry in incident["log"].as_array().into_iter().flatten() {
        let Some(key) = entry["key"].as_str() else {
            continue;
        };
        let began = sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .copied();
        if let Some(began) = began {
            seen.entry(key.to_owned()).or_insert(now - began);
        }
    }
}

/// The 95th percentile of writing a record's bytes to a file there and syncing them, in milliseconds.
fn floor(dir: &std::path::Path, times: usize) -> Result<f64> {
    let mut file = std::fs::File::create(dir.join("floor"))?;
    let mut all = Histogram::<u64>::new(3)?;
    for _ in 0..times {
        let began = Instant::now();
        file.write_all(&[7; 256])?;
        file.sync_data()?;
        all.record(began.elapsed().as_micros() as u64)?;
    }
    Ok(all.value_at_quantile(0.95) as f64 / 1000.0)
}

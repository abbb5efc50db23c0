//! How fast an event reaches the map: from the moment a program tells the gateway of it to the moment the last of its bytes has
//! come to each of the seats that listen to the gateway's stream, which is when a page can draw the pin.
//!
//! Beside it, in the same run: a bare socket that writes a message of the same length to as many connections.

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use reqwest::Client;
use sightline_bench::{
    gateway::Gateway,
    results::{self, Figure},
};
use tokio::sync::mpsc;

#[derive(Debug, Parser)]
#[command(about = "An event in the gateway to the pin on the map: event-to-pin-p95")]
struct Args {
    /// Seats that listen.
    #[arg(long, default_value_t = 50)]
    seats: usize,
    /// Events that are told.
    #[arg(long, default_value_t = 200)]
    events: usize,
    /// Between two events, milliseconds.
    #[arg(long, default_value_t = 100)]
    every_ms: u64,
    /// The program; by default the one beside this.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What a seat has seen: which event, and when its message was whole.
struct Seen {
    key: usize,
    at: Instant,
    bytes: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let own = std::env::current_exe()?;
    let beside = own
        .parent()
        .context("a program lies in a folder")?
        .join("sightline");
    let program = args.program.clone().unwrap_or(beside);
    let dir = tempfile::tempdir()?;
    let gateway = Gateway::start(&program, dir.path()).await?;
    let (base, token) = (gateway.url().join("api/v1/")?, gateway.token().await?);

    let (told, mut seen) = mpsc::channel(args.seats * 64);
    for _ in 0..args.seats {
        // A client of its own: a connection of its own, as each seat has.
        let response = Client::new()
            .get(base.join("stream")?)
            .bearer_auth(&token)
            .send()
            .await?
            .error_for_status()?;
        tokio::spawn(seat(response, told.clone()));
    }
    drop(told);
    let mut sent = Vec::with_capacity(args.events);
    let client = Client::new();
    let mut all = Histogram::<u64>::new(3)?;
    let mut posts = tokio::task::JoinSet::new();
    let (mut received, mut bytes) = (0usize, 0usize);
    let mut timer = tokio::time::interval(Duration::from_millis(args.every_ms));
    let total = args.events * args.seats;
    let deadline = Instant::now()
        + Duration::from_millis(args.every_ms * args.events as u64)
        + Duration::from_secs(20);
    while received < total {
        tokio::select! {
            _ = timer.tick(), if sent.len() < args.events => {
                let n = sent.len();
                sent.push(Instant::now());
                let body = serde_json::json!({
                    "key": format!("bench-{n}"), "text": format!("event {n}"),
                    "place": {"lon": 116.0 + n as f64 / 1000.0, "lat": 24.3},
                });
                let request = client.post(base.join("intake")?).bearer_auth(&token).json(&body);
                posts.spawn(async move { request.send().await?.error_for_status() });
            }
            Some(post) = posts.join_next() => {
                post?.context("an event was not taken")?;
            }
            one = seen.recv() => {
                let one = one.context("every seat was closed")?;
                all.record(one.at.duration_since(sent[one.key]).as_micros() as u64)?;
                bytes = one.bytes;
                received += 1;
            }
            () = tokio::time::sleep_until(deadline.into()) => {
                ensure!(false, "{received} of {total} messages came in time");
            }
        }
    }
    let floor = floor(args.seats, bytes.max(1), args.events)?;
    let ms = |h: &Histogram<u64>, q: f64| h.value_at_quantile(q) as f64 / 1000.0;
    println!(
        "{} events to {} seats: median {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, longest {:.2} ms ({bytes} bytes a message)",
        args.events,
        args.seats,
        ms(&all, 0.5),
        ms(&all, 0.95),
        ms(&all, 0.99),
        ms(&all, 1.0),
    );
    let figures = [Figure::new(
        "event-to-pin-p95",
        ms(&all, 0.95),
        "ms",
        Some(ms(&floor, 0.95)),
    )];
    print!("{}", results::table(&figures));
    results::append(&figures)?;
    Ok(())
}

/// Reads the stream as a page does: a message is whole at its empty line. An event is counted where it is first told.
async fn seat(response: reqwest::Response, told: mpsc::Sender<Seen>) {
    let mut stream = response.bytes_stream();
    let (mut buffer, mut known) = (Vec::new(), HashSet::new());
    while let Some(Ok(piece)) = stream.next().await {
        buffer.extend_from_slice(&piece);
        while let Some(end) = buffer.windows(2).position(|w| w == b"\n\n") {
            let message: Vec<u8> = buffer.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&message);
            let key = text
                .split("\"text\":\"event ")
                .nth(1)
                .and_then(|t| t.split('"').next()?.parse::<usize>().ok());
            // Told again (what it happened together with): the pin is there already.
            let Some(key) = key.filter(|k| known.insert(*k)) else {
                continue;
            };
            let seen = Seen {
                key,
                at: Instant::now(),
                bytes: message.len(),
            };
            if told.send(seen).await.is_err() {
                return;
            }
        }
    }
}

/// The least there can be: the same bytes written to as many sockets by one thread, each read by a thread of its own.
fn floor(seats: usize, bytes: usize, events: usize) -> Result<Histogram<u64>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (told, seen) = std::sync::mpsc::channel::<Instant>();
    let mut writers = Vec::new();
    let mut readers = Vec::new();
    for _ in 0..seats {
        let mut reader = TcpStream::connect(address)?;
        let (writer, _) = listener.accept()?;
        writer.set_nodelay(true)?;
        writers.push(writer);
        let told = told.clone();
        readers.push(std::thread::spawn(move || {
            let mut buffer = vec![0; bytes];
            while reader.read_exact(&mut buffer).is_ok() {
                let _ = told.send(Instant::now());
            }
        }));
    }
    let message = vec![b'x'; bytes];
    let mut all = Histogram::<u64>::new(3)?;
    for _ in 0..events {
        let begun = Instant::now();
        for writer in &mut writers {
            writer.write_all(&message)?;
        }
        for _ in 0..seats {
            let at = seen.recv_timeout(Duration::from_secs(5))?;
            all.record(at.duration_since(begun).as_micros() as u64)?;
        }
    }
    drop(writers);
    for reader in readers {
        let _ = reader.join();
    }
    Ok(all)
}

//! A day of one camera as one MP4 by HTTP in clear (hyper's server on the gateway's own connection), beside `sendfile` of the same
//! segments to such a socket.

use std::{
    convert::Infallible,
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use http_body_util::StreamBody;
use hyper::{Request, Response, body::Frame, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use media::{ByteCount, WallTime};
use relay::plain::{MOST, Part, Plain};
use sightline_bench::{results::Figure, source::camera_id};
use storage::{Archive, Config, DataDir, Playback, playback::Stretch};

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

/// What a drain has seen.
struct Got {
    first: Option<Instant>,
    all: u64,
}

/// A socket whose other end asks for one answer, which is read and thrown away by a thread of its own.
fn socket() -> Result<(TcpStream, std::thread::JoinHandle<Got>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let own = TcpStream::connect(listener.local_addr()?)?;
    let (mut other, _) = listener.accept()?;
    other.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let drain = std::thread::Builder::new()
        .name(DRAIN.into())
        .spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            let mut got = Got {
                first: None,
                all: 0,
            };
            while let Ok(n) = other.read(&mut buffer) {
                if n == 0 {
                    break;
                }
                got.first.get_or_insert_with(Instant::now);
                got.all += n as u64;
            }
            got
        })?;
    Ok((own, drain))
}

/// Answers what the drain asked with a playback, as the gateway's listener and its API do.
async fn serve(socket: TcpStream, playback: Playback) -> Result<()> {
    socket.set_nonblocking(true)?;
    let plain = Plain::new(tokio::net::TcpStream::from_std(socket)?, 128 * 1024);
    let lane = plain.lane();
    let service = service_fn(move |_: Request<Incoming>| {
        let (lane, length) = (lane.clone(), playback.len());
        let frames = playback
            .stretches(0..length, MOST as u64)
            .map(move |stretch| {
                let bytes = match stretch? {
                    Stretch::Bytes(bytes) => bytes,
                    Stretch::Files(parts) => {
                        let parts = parts.iter().map(|part| Part {
                            file: part.file(),
                            offset: part.offset,
                            len: part.len,
                        });
                        let bytes = lane.stand_in(parts.collect());
                        bytes.map_err(|_| storage::Error::Closed("a stretch of files"))?
                    }
                };
                Ok::<_, storage::Error>(Frame::data(bytes))
            });
        let mut response = Response::new(StreamBody::new(Box::pin(frames)));
        let headers = response.headers_mut();
        headers.insert("content-length", length.into());
        async move { Ok::<_, Infallible>(response) }
    });
    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(plain), service);
    connection.await.map_err(|e| anyhow::anyhow!("{e}"))
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
    let (socket, drain) = socket()?;
    serve(socket, playback.clone()).await?;
    let own_s = cpu_of_threads(DRAIN)? - before;
    let got = drain
        .join()
        .map_err(|_| anyhow::anyhow!("the drain panicked"))?;
    let (first, got) = (got.first.context("a first byte")? - began, got.all);
    ensure!(
        (playback.len()..playback.len() + 1000).contains(&got),
        "{got} bytes for {} and a head",
        playback.len()
    );
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
    let first_ms = first.as_secs_f64() * 1e3;
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
    let (mut socket, drain) = socket()?;
    // What was asked: a socket that is closed with something unread takes back what it sent.
    let mut asked = [0; 1024];
    ensure!(socket.read(&mut asked)? > 0, "nobody asked");
    let before = cpu_of_threads(DRAIN)?;
    for path in paths {
        send(path, &socket)?;
    }
    let spent = cpu_of_threads(DRAIN)? - before;
    drop(socket);
    let got = drain
        .join()
        .map_err(|_| anyhow::anyhow!("the drain panicked"))?;
    Ok((spent, got.all))
}

fn send(path: &Path, socket: &TcpStream) -> Result<()> {
    let file = File::open(path)?;
    let mut left = file.metadata()?.len() as usize;
    while left > 0 {
        left -= rustix::fs::sendfile(socket, &file, None, left)?;
    }
    Ok(())
}

//! What pulling a camera costs: a thousand simulated ones over TCP, all at once, each with its last group kept, beside a reader of
//! the same sockets that throws away what it reads.

use std::{
    io::BufRead,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use camsim::{
    Auth, CameraConfig, Server, ServerConfig,
    scene::{Cut, Scene, default_cache},
};
use media::{ByteCount, FeedId, Lease, Next, Priority, Profile, RegionCode, SourceState};
use serde::{Deserialize, Serialize};
use sightline_bench::{
    process::{self, Helper},
    results::Figure,
    source::camera_id,
    viewers::rtsp::Rtsp,
};
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Cameras of 512 kbit/s.
    #[arg(long, default_value_t = 1000)]
    cameras: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// `rtsp://127.0.0.1:PORT`: cameras are `/0/main` and so on.
    base: String,
    cameras: u32,
    seconds: u64,
    /// Only what must be done: read.
    #[arg(long)]
    floor: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    cpu_s: f64,
    took_s: f64,
    bytes: u64,
    /// Resident memory that the pulls take, with their rings.
    memory_bytes: u64,
    held_bytes: u64,
    /// Until the last camera had given its first picture.
    first_s: f64,
    damaged: u64,
    again: u64,
}

/// All first pictures are there by then.
const FIRST: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    crate::limits::raise(args.cameras)?;
    let server = Server::start(ServerConfig {
        listen: None,
        control: None,
    })
    .await?;
    let clips: Vec<_> = Scene::ALL
        .iter()
        .map(|scene| scene.clip(&Cut::SUB, &default_cache()))
        .collect::<Result<_, _>>()?;
    let mut cameras = Vec::new();
    for n in 0..args.cameras {
        cameras.push(server.add_camera(CameraConfig {
            auth: Auth::None,
            phase: Duration::from_millis(u64::from(n) * 1_370),
            ..CameraConfig::new(n.to_string(), clips[n as usize % clips.len()].clone())
        }));
    }
    let url = cameras.first().context("one camera at least")?;
    let url = url.url(camsim::Profile::Main);
    let base = url.trim_end_matches("/0/main").to_owned();
    let measure = |floor: bool| -> Result<Measured> {
        let mut helper = vec![
            "pull-serve".to_owned(),
            base.clone(),
            args.cameras.to_string(),
            args.seconds.to_string(),
        ];
        helper.extend(floor.then(|| "--floor".to_owned()));
        let line = Helper::start(&helper)?.line()?;
        serde_json::from_str(&line).with_context(|| line.clone())
    };
    let floor = tokio::task::block_in_place(|| measure(true))?;
    let skipped =
        |cameras: &[camsim::CameraHandle]| -> u64 { cameras.iter().map(|c| c.stats().skips).sum() };
    let before = skipped(&cameras);
    let own = tokio::task::block_in_place(|| measure(false))?;
    let lost = skipped(&cameras) - before + own.damaged + own.again;
    let ms = |m: &Measured| m.cpu_s * 1e3 / (m.took_s * f64::from(args.cameras));
    let kilobytes = |bytes: u64| bytes as f64 / 1e3 / f64::from(args.cameras);
    println!(
        "{} cameras of {:.0} kbit/s: {:.3} ms a camera and second ({:.3} for a bare reader), {:.0} kB a camera resident, {:.0} kB in its ring; the last first picture after {:.1} s; {lost} lost or begun again",
        args.cameras,
        own.bytes as f64 * 8e-3 / (own.took_s * f64::from(args.cameras)),
        ms(&own),
        ms(&floor),
        kilobytes(own.memory_bytes),
        kilobytes(own.held_bytes),
        own.first_s
    );
    ensure!(lost == 0, "{lost} pictures or sessions were lost");
    ensure!(
        own.first_s <= FIRST.as_secs_f64(),
        "the last first picture came after {:.1} s",
        own.first_s
    );
    Ok(vec![
        Figure::new("pull-sd", ms(&own), "ms/camera/s", Some(ms(&floor))),
        Figure::new(
            "pull-memory",
            kilobytes(own.memory_bytes),
            "kB/camera",
            Some(kilobytes(own.held_bytes)),
        ),
        Figure::new("pull-first", own.first_s, "s", None),
    ])
}

pub(crate) fn serve(args: &Serve) -> Result<()> {
    crate::limits::raise(args.cameras)?;
    let measured = match args.floor {
        true => floor(args)?,
        false => pull(args)?,
    };
    println!("{}", serde_json::to_string(&measured)?);
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

fn pull(args: &Serve) -> Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    let mut config = ingest::Config::default();
    // The last group, and nothing before it.
    config.ring.history = ByteCount(0);
    let supervisor = ingest::Supervisor::start(
        config,
        ingest::budget::Links::new(Vec::new()),
        Arc::new(Mutex::new(media::Clock::system())),
        CancellationToken::new(),
    );
    let region: RegionCode = "441403".parse().context("a region's code")?;
    let own = std::process::id();
    let (empty, began) = (process::resident(own)?, Instant::now());
    let mut leases = Vec::new();
    for n in 0..args.cameras {
        let id = camera_id(n + 1);
        supervisor.upsert(ingest::Camera {
            id,
            region,
            main: Some(ingest::Source::parse(&format!("{}/{n}/main", args.base))?),
            sub: None,
            always: false,
            disabled: false,
        });
        let feed = FeedId {
            camera: id,
            profile: Profile::Main,
        };
        let lease = supervisor.pull(feed, Priority::Recording);
        leases.push(lease.map_err(|reason| anyhow::anyhow!("{reason}"))?);
    }
    let live = |l: &Lease| l.feed.status.borrow().state == SourceState::Live;
    while !leases.iter().all(live) {
        ensure!(began.elapsed() < 2 * FIRST, "not all cameras give pictures");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let first_s = began.elapsed().as_secs_f64();
    // So long that every ring has held a whole group, at least once.
    let total = || Ok(leases.iter().map(|l| l.feed.ring.total().0).sum());
    let mut measured = measure(args.seconds, total)?;
    measured.first_s = first_s;
    measured.memory_bytes = process::resident(own)?.saturating_sub(empty);
    measured.held_bytes = leases.iter().map(|l| l.feed.ring.held().0).sum();
    for lease in &leases {
        measured.again += lease.feed.status.borrow().attempts.saturating_sub(1);
        let mut cursor = lease
            .feed
            .ring
            .cursor_at_start(Arc::new(tokio::sync::Notify::new()));
        while let Some(Next::Frame(frame)) = cursor.try_next() {
            measured.damaged += u64::from(frame.damaged);
        }
    }
    Ok(measured)
}

/// CPU and bytes from four seconds on: two groups.
#[allow(clippy::disallowed_methods)] // a thread of its own that waits
fn measure(seconds: u64, bytes: impl Fn() -> Result<u64>) -> Result<Measured> {
    std::thread::sleep(Duration::from_secs(4));
    let own = std::process::id();
    let (cpu, before, began) = (process::cpu(own)?, bytes()?, Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    Ok(Measured {
        cpu_s: (process::cpu(own)? - cpu).as_secs_f64(),
        took_s: began.elapsed().as_secs_f64(),
        bytes: bytes()? - before,
        memory_bytes: 0,
        held_bytes: 0,
        first_s: 0.0,
        damaged: 0,
        again: 0,
    })
}

/// One task a socket on one thread, which is epoll and a read.
fn floor(args: &Serve) -> Result<Measured> {
    let mut streams = Vec::new();
    for n in 0..args.cameras {
        let mut camera = Rtsp::connect(&format!("{}/{n}/main", args.base).parse()?)?;
        camera.play()?;
        let stream = camera.into_stream();
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    let read = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&read);
    std::thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let mut tasks = Vec::new();
            for stream in streams {
                let (stream, count) =
                    (tokio::net::TcpStream::from_std(stream)?, Arc::clone(&count));
                tasks.push(tokio::task::spawn_local(drain(stream, count)));
            }
            for task in tasks {
                let ended: Result<()> = task.await?;
                ended?;
            }
            Ok(())
        })
    });
    measure(args.seconds, || Ok(read.load(Relaxed)))
}

async fn drain(stream: tokio::net::TcpStream, count: Arc<AtomicU64>) -> Result<()> {
    let mut buffer = vec![0; 16_384];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut buffer) {
            Ok(0) => anyhow::bail!("a camera has ended"),
            Ok(n) => {
                count.fetch_add(n as u64, Relaxed);
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e.into()),
        }
    }
}

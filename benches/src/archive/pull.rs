//! What pulling and recording a camera costs: simulated cameras over RTSP, each pulled and recorded as the gateway does it,
//! beside a reader of the same sockets that writes what it reads in pieces of 1 MB.

use std::{
    cell::RefCell,
    fs::File,
    io::{BufRead, Write},
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use camsim::{
    Auth, CameraConfig, Server, ServerConfig,
    scene::{Cut, Scene, default_cache},
};
use media::{ByteCount, FeedId, Priority, Profile, RegionCode};
use serde::{Deserialize, Serialize};
use sightline_bench::{
    process::{self, Helper},
    results::Figure,
    source::camera_id,
    viewers::rtsp::Rtsp,
};
use storage::{AlarmKind, Archive, Config, DataDir};
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds of each measurement; the floor takes a third of it. A segment's length, so that every camera's is sealed once.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// A segment's length; 60 is what the product has. A shorter one shows what a seal costs.
    #[arg(long, default_value_t = 60)]
    segment: u32,
    /// Cameras of 512 kbit/s.
    #[arg(long, default_value_t = 100)]
    small: u32,
    /// Cameras of 2 Mbit/s, as those that others were measured with: pictures alone.
    #[arg(long, default_value_t = 25)]
    large: u32,
    /// Cameras of 2 Mbit/s and sound: 47 packets and frames a second more.
    #[arg(long, default_value_t = 0)]
    sound: u32,
    /// On which disk; the system's temporary directory if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    dir: PathBuf,
    /// `rtsp://127.0.0.1:PORT`: cameras are `/0/main` and so on.
    base: String,
    cameras: u32,
    seconds: u64,
    segment: u32,
    /// Only what must be done: read, and write 1 MB at once.
    #[arg(long)]
    floor: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    cpu_s: f64,
    took_s: f64,
    bytes: u64,
    dropped: u64,
}

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    println!("cameras  kbit/s  CPU ms/camera/s  (reader and writer)");
    for (name, cameras, cut) in [
        ("record-sd", args.small, Cut::SUB),
        (
            "record-hd",
            args.large,
            Cut {
                sound: false,
                ..Cut::MAIN
            },
        ),
        ("record-hd-sound", args.sound, Cut::MAIN),
    ] {
        if cameras == 0 {
            continue;
        }
        let server = Server::start(ServerConfig {
            listen: None,
            control: None,
        })
        .await?;
        let clips = Scene::ALL.map(|scene| scene.clip(&cut, &default_cache()));
        let mut base = None;
        for n in 0..cameras {
            let clip = match &clips[n as usize % clips.len()] {
                Ok(clip) => clip.clone(),
                Err(e) => anyhow::bail!("a clip: {e}"),
            };
            let camera = server.add_camera(CameraConfig {
                auth: Auth::None,
                phase: Duration::from_millis(u64::from(n) * 1_370),
                ..CameraConfig::new(n.to_string(), clip)
            });
            let url = camera.url(camsim::Profile::Main).to_string();
            base.get_or_insert(url.trim_end_matches("/0/main").to_owned());
        }
        let base = base.context("one camera at least")?;
        let dir = match &args.dir {
            Some(dir) => tempfile::tempdir_in(dir)?,
            None => tempfile::tempdir()?,
        };
        let measure = |floor: bool| -> Result<Measured> {
            let mut helper = vec![
                "pull-serve".to_owned(),
                dir.path().join(format!("{floor}")).display().to_string(),
                base.clone(),
                cameras.to_string(),
                match floor {
                    true => args.seconds.div_ceil(3),
                    false => args.seconds,
                }
                .to_string(),
                args.segment.to_string(),
            ];
            helper.extend(floor.then(|| "--floor".to_owned()));
            let line = Helper::start(&helper)?.line()?;
            serde_json::from_str(&line).with_context(|| line.clone())
        };
        let (floor, own) = tokio::task::block_in_place(|| {
            Ok::<_, anyhow::Error>((measure(true)?, measure(false)?))
        })?;
        ensure!(own.dropped == 0, "{} frames were dropped", own.dropped);
        let ms = |m: &Measured| m.cpu_s * 1e3 / (m.took_s * f64::from(cameras));
        println!(
            "{cameras:>7} {:>7.0} {:>16.3} {:>21.3}",
            own.bytes as f64 * 8e-3 / (own.took_s * f64::from(cameras)),
            ms(&own),
            ms(&floor)
        );
        figures.push(Figure::new(name, ms(&own), "ms/camera/s", Some(ms(&floor))));
    }
    Ok(figures)
}

pub(crate) fn serve(args: &Serve) -> Result<()> {
    let measured = match args.floor {
        true => floor(args)?,
        false => record(args)?,
    };
    println!("{}", serde_json::to_string(&measured)?);
    std::io::stdin().lock().read_line(&mut String::new())?;
    Ok(())
}

/// Until all cameras send.
const BEGIN: Duration = Duration::from_secs(2);
/// Until their rings hold what they ever do: each page of that is the system's to clear, once.
const FILL: Duration = Duration::from_secs(10);

/// CPU and bytes, after a while.
#[allow(clippy::disallowed_methods)] // a thread of its own that waits
fn measure(after: Duration, seconds: u64, bytes: impl Fn() -> Result<u64>) -> Result<Measured> {
    std::thread::sleep(after);
    let cpu = || process::cpu_of_threads(std::process::id());
    let (spent, before, began) = (cpu()?, bytes()?, Instant::now());
    std::thread::sleep(Duration::from_secs(seconds));
    Ok(Measured {
        cpu_s: (cpu()? - spent).as_secs_f64(),
        took_s: began.elapsed().as_secs_f64(),
        bytes: bytes()? - before,
        dropped: 0,
    })
}

fn record(args: &Serve) -> Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let _entered = runtime.enter();
    let data = Arc::new(DataDir::open(&args.dir)?);
    let config = Config {
        keep_free: ByteCount(0),
        segment_seconds: args.segment,
        ..Config::default()
    };
    let archive = Archive::open(&data, config)?;
    let mut alarms = archive.alarms();
    let clock = Arc::new(Mutex::new(media::Clock::system()));
    let supervisor = ingest::Supervisor::start(
        ingest::Config::default(),
        ingest::budget::Links::new(Vec::new()),
        clock,
        CancellationToken::new(),
    );
    let region: RegionCode = "441403".parse().context("a region's code")?;
    let mut recorders = Vec::new();
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
        let lease = supervisor
            .pull(feed, Priority::Recording)
            .map_err(|reason| anyhow::anyhow!("{reason}"))?;
        recorders.push((Arc::clone(&lease.feed), archive.record(lease, 30)));
    }
    let all = |recorders: &[(Arc<media::Feed>, storage::Recorder)]| {
        recorders.iter().map(|(feed, _)| feed.ring.total().0).sum()
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while recorders.iter().any(|(feed, _)| feed.ring.total().0 == 0) {
        ensure!(Instant::now() < deadline, "not all cameras give pictures");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let mut measured = measure(FILL, args.seconds, || Ok(all(&recorders)))?;
    measured.dropped = std::iter::from_fn(|| alarms.try_recv().ok())
        .map(|alarm| match alarm.kind {
            AlarmKind::Dropped { frames, .. } => frames,
            _ => 0,
        })
        .sum();
    Ok(measured)
}

/// One task a socket on one thread, which is epoll and a read; one thread that writes and, every 15 MB, syncs.
fn floor(args: &Serve) -> Result<Measured> {
    std::fs::create_dir_all(&args.dir)?;
    let mut streams = Vec::new();
    for n in 0..args.cameras {
        let mut camera = Rtsp::connect(&format!("{}/{n}/main", args.base).parse()?)?;
        camera.play()?;
        let stream = camera.into_stream();
        stream.set_nonblocking(true)?;
        streams.push(stream);
    }
    let (pieces, queue) = mpsc::sync_channel::<Vec<u8>>(16);
    let mut file = File::create(args.dir.join("all"))?;
    std::thread::spawn(move || -> Result<()> {
        let mut written = 0u32;
        for piece in queue {
            file.write_all(&piece)?;
            written += 1;
            if written.is_multiple_of(15) {
                file.sync_data()?;
            }
        }
        Ok(())
    });
    let read = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&read);
    std::thread::spawn(move || -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let local = tokio::task::LocalSet::new();
        let piece = Rc::new(RefCell::new(Vec::with_capacity(1_000_000)));
        local.block_on(&runtime, async move {
            let mut tasks = Vec::new();
            for stream in streams {
                let stream = tokio::net::TcpStream::from_std(stream)?;
                let (piece, pieces, count) =
                    (Rc::clone(&piece), pieces.clone(), Arc::clone(&count));
                tasks.push(tokio::task::spawn_local(drain(
                    stream, piece, pieces, count,
                )));
            }
            for task in tasks {
                let ended: Result<()> = task.await?;
                ended?;
            }
            Ok(())
        })
    });
    measure(BEGIN, args.seconds, || Ok(read.load(Relaxed)))
}

/// Reads one socket into the piece that all share; a piece that is full goes to the writer.
async fn drain(
    stream: tokio::net::TcpStream,
    piece: Rc<RefCell<Vec<u8>>>,
    pieces: mpsc::SyncSender<Vec<u8>>,
    count: Arc<AtomicU64>,
) -> Result<()> {
    loop {
        stream.readable().await?;
        let mut piece = piece.borrow_mut();
        match stream.try_read_buf(&mut *piece) {
            Ok(0) => anyhow::bail!("a camera has ended"),
            Ok(n) => {
                count.fetch_add(n as u64, Relaxed);
            }
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(e) => return Err(e.into()),
        }
        if piece.len() >= 1_000_000 - 65_536 {
            let full = std::mem::replace(&mut *piece, Vec::with_capacity(1_000_000));
            pieces.send(full)?;
        }
    }
}

//! Power comes back: a thousand cameras behind twenty links, each a network of its own with `tc` at its end. How long until all
//! are live, and whether any link carried more than its budget in any second.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use camsim::{
    Auth, CameraConfig, Server, ServerConfig,
    scene::{Cut, Scene, default_cache},
};
use ingest::budget::{Link, Links};
use media::{BitRate, FeedId, Lease, Priority, Profile, RegionCode, SourceState};
use sightline_bench::{results::Figure, source::camera_id};
use sightline_tests::netns::Cable;
use tokio_util::sync::CancellationToken;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cameras in all.
    #[arg(long, default_value_t = 1000)]
    cameras: u32,
    /// Links.
    #[arg(long, default_value_t = 20)]
    links: u32,
}

/// What a link carries, and what is cut off by `tc`.
const LINE: BitRate = BitRate::megabits(100);
/// What a sub stream with sound says that it takes.
const STREAM: BitRate = BitRate::kilobits(640);
/// All are live by then.
const MOST: Duration = Duration::from_secs(60);

pub(crate) async fn run(args: &Args) -> Result<Vec<Figure>> {
    crate::limits::raise(2 * args.cameras)?;
    let each = args.cameras / args.links.max(1);
    let mut cables = Vec::new();
    let stop = CancellationToken::new();
    let mut lines = Vec::new();
    let mut sources = Vec::new();
    for n in 0..args.links {
        let cable = Cable::lay().context("twenty networks of their own")?;
        let rate = format!("{}bit", LINE.0);
        let shape = [
            "qdisc", "replace", "dev", "far", "root", "tbf", "rate", &rate, "burst", "128kb",
            "latency", "200ms",
        ];
        cable.inside("tc", &shape)?;
        let listen = (cable.there, 8554).into();
        let (stop, first) = (stop.clone(), n * each);
        // Its cameras live in its network, on a thread there.
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        cable.block_on(move || async move {
            let server = Server::start(ServerConfig {
                listen: Some(listen),
                control: None,
            })
            .await?;
            let clip = Scene::ALL[n as usize % 4].clip(&Cut::SUB, &default_cache())?;
            let mut cameras = Vec::new();
            for n in first..first + each {
                cameras.push(server.add_camera(CameraConfig {
                    auth: Auth::None,
                    phase: Duration::from_millis(u64::from(n) * 1_370),
                    ..CameraConfig::new(n.to_string(), clip.clone())
                }));
            }
            let _ = ready.send(());
            stop.cancelled().await;
            Ok(())
        });
        is_ready.await.context("a network's cameras")?;
        let region: RegionCode = format!("4414031{n:02}").parse().context("a region")?;
        let link = Link {
            capacity: LINE,
            ..Link::usual(region, format!("town {n}"))
        };
        for n in first_to(n, each) {
            let url = format!("rtsp://{}:8554/{n}/main", cable.there);
            sources.push((camera_id(n + 1), region, url));
        }
        lines.push(link);
        cables.push(cable);
    }
    let budget = lines
        .first()
        .context("one link")?
        .budget_at(Default::default());
    let supervisor = ingest::Supervisor::start(
        ingest::Config::default(),
        Links::new(lines),
        Arc::new(Mutex::new(media::Clock::system())),
        CancellationToken::new(),
    );
    let mut leases: Vec<Lease> = Vec::new();
    for (id, region, url) in sources {
        let mut source = ingest::Source::parse(&url)?;
        source.declared = Some(STREAM);
        supervisor.upsert(ingest::Camera {
            id,
            region,
            main: Some(source),
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
    let live = |leases: &[Lease]| {
        let is = |l: &&Lease| l.feed.status.borrow().state == SourceState::Live;
        leases.iter().filter(is).count()
    };
    let first = until(&cables, "the first start", 2 * MOST, || {
        live(&leases) == leases.len()
    })
    .await?;
    println!(
        "first start: all {} live after {:.1} s",
        leases.len(),
        first.took.as_secs_f64()
    );
    for cable in &cables {
        cable.pull_out(true)?;
    }
    until(&cables, "the power cut", MOST, || live(&leases) == 0).await?;
    // Long enough that every one of them has been tried in vain, and waits its longest.
    tokio::time::sleep(Duration::from_secs(10)).await;
    for cable in &cables {
        cable.pull_out(false)?;
    }
    let back = until(&cables, "the return", 2 * MOST, || {
        live(&leases) == leases.len()
    })
    .await?;
    let most = first.most.max(back.most);
    println!(
        "power back: all live after {:.1} s; the most that a link carried in a second was {most}, its budget is {budget}",
        back.took.as_secs_f64()
    );
    stop.cancel();
    supervisor.shutdown().await;
    ensure!(most <= budget, "a link carried {most} in a second");
    ensure!(
        back.took <= MOST,
        "{:.1} s until all were live",
        back.took.as_secs_f64()
    );
    Ok(vec![
        Figure::new("power-back", back.took.as_secs_f64(), "s", None),
        Figure::new(
            "power-back-link",
            most.0 as f64 / 1e6,
            "Mbit/s in a second",
            Some(budget.0 as f64 / 1e6),
        ),
    ])
}

fn first_to(link: u32, each: u32) -> std::ops::Range<u32> {
    link * each..(link + 1) * each
}

struct Passed {
    took: Duration,
    /// The most that any link carried in any second.
    most: BitRate,
}

/// Waits for a condition, and looks at every link ten times a second: over each second that ends at a look.
async fn until(
    cables: &[Cable],
    what: &str,
    patience: Duration,
    done: impl Fn() -> bool,
) -> Result<Passed> {
    const LOOKS: usize = 10;
    let began = Instant::now();
    let mut read: Vec<Vec<(Instant, u64)>> = vec![Vec::new(); cables.len()];
    let mut most = BitRate(0);
    let mut timer = tokio::time::interval(Duration::from_secs(1) / LOOKS as u32);
    let mut ended = None;
    loop {
        timer.tick().await;
        for (cable, read) in cables.iter().zip(&mut read) {
            read.push((Instant::now(), cable.received_bytes()?));
            if let Some((at, before)) = read.len().checked_sub(LOOKS + 1).map(|n| read[n])
                && let Some((now, bytes)) = read.last()
            {
                let bytes = media::ByteCount(bytes.saturating_sub(before));
                most = most.max(BitRate::of(bytes, now.duration_since(at)));
            }
        }
        if done() && ended.is_none() {
            ended = Some(began.elapsed());
        }
        // And two seconds more: what begins comes in a burst.
        if let Some(took) = ended
            && began.elapsed() > took + Duration::from_secs(2)
        {
            return Ok(Passed { took, most });
        }
        ensure!(
            began.elapsed() < patience,
            "{what}: not within {patience:?}"
        );
    }
}

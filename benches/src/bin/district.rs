//! What a small district costs and how quick it is: the built `sightline serve` with 24 cameras recorded and tagged and 16 tiles
//! watched. The simulated cameras stamp every picture with the moment of sending, so delay is read from the bytes a viewer gets.
//!
//! The cameras and the viewer are this process; the server's CPU is its own.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use camsim::{
    CameraConfig, Clip, Server, ServerConfig,
    scene::{Cut, Scene, default_cache},
    stamp,
};
use clap::Parser;
use client::{Client, Message, Open};
use hdrhistogram::Histogram;
use media::{
    CameraId, Profile,
    wire::{Format, Kind, ServerMessage},
};
use serde_json::json;
use sightline_bench::{
    gateway::Gateway,
    process,
    results::{self, Figure},
};
use tokio::time::timeout;

/// Recorded and tagged cameras, as the demonstration has them.
const RECORDED: usize = 24;
/// Tiles on the wall.
const TILES: usize = 16;
/// Cameras that nobody needs until somebody clicks, and as many clicks.
const CLICKS: usize = 20;

#[derive(Debug, Parser)]
struct Args {
    /// Seconds measured.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// The built binary; beside this one if not given.
    #[arg(long)]
    sightline: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let program = match args.sightline {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name("sightline"),
    };
    let dir = tempfile::tempdir()?;
    let clips = clips()?;
    let cameras = Server::start(ServerConfig {
        listen: None,
        control: None,
    })
    .await?;
    let gateway = Gateway::start(&program, dir.path()).await?;
    let api = gateway.api().await?;
    for n in 0..RECORDED + CLICKS {
        let (main, sub) = clips[n % clips.len()].clone();
        let handle = cameras.add_camera(CameraConfig {
            sub: Some(sub),
            stamp: true,
            phase: Duration::from_millis(n as u64 * 1_370),
            ..CameraConfig::new(id(n).as_str(), main)
        });
        let (recorded, code) = (n < RECORDED, id(n));
        api.add(&json!({
            "code": code, "name": format!("Camera {n}"), "region": "441403", "site_class": "1", "maker": "bench",
            "address": "bench", "username": "admin", "password": "camsim", "record": recorded, "tag": recorded,
            "main_url": handle.url(camsim::Profile::Main), "sub_url": handle.url(camsim::Profile::Sub),
        }))
        .await?;
    }
    api.wait_live(RECORDED).await?;

    let mut figures = Vec::new();
    let mut wall = gateway.viewer().await?;
    for tile in 0..TILES {
        open(&mut wall, tile as u32, id(tile), Profile::Sub).await?;
    }
    watch(&mut wall, Duration::from_secs(5)).await?;
    let before = process::cpu(gateway.pid())?;
    let began = Instant::now();
    let delays = watch(&mut wall, Duration::from_secs(args.seconds)).await?;
    let spent =
        (process::cpu(gateway.pid())? - before).as_secs_f64() / began.elapsed().as_secs_f64();
    ensure!(delays.len() > 100, "only {} pictures arrived", delays.len());
    let ms = |us: u64| us as f64 / 1e3;
    figures.push(Figure::new(
        "district-24-cpu",
        spent * 100.0,
        "% of a core",
        None,
    ));
    figures.push(Figure::new(
        "district-24-memory",
        process::resident(gateway.pid())? as f64 / 1048576.0,
        "MiB",
        None,
    ));
    figures.push(Figure::new(
        "delay-p50",
        ms(delays.value_at_quantile(0.5)),
        "ms",
        None,
    ));
    figures.push(Figure::new(
        "delay-p95",
        ms(delays.value_at_quantile(0.95)),
        "ms",
        None,
    ));
    wall.shutdown().await;

    let mut viewer = gateway.viewer().await?;
    let (mut running, mut cold) = (Vec::new(), Vec::new());
    for n in 0..CLICKS {
        running.push(click(&mut viewer, 100 + n as u32, id(n), Profile::Main).await?);
        cold.push(click(&mut viewer, 200 + n as u32, id(RECORDED + n), Profile::Sub).await?);
    }
    figures.push(Figure::new(
        "click-running-p50",
        median(&mut running),
        "ms",
        None,
    ));
    figures.push(Figure::new("click-cold-p50", median(&mut cold), "ms", None));
    print!("{}", results::table(&figures));
    println!("-> {}", results::append(&figures)?.display());
    Ok(())
}

fn id(n: usize) -> CameraId {
    format!("4414030000132600{n:04}")
        .parse()
        .expect("20 digits")
}

/// The four scenes, main and sub, from the cache or made now.
fn clips() -> Result<Vec<(Clip, Clip)>> {
    let cache = default_cache();
    let clip = |scene: Scene, cut: &Cut| scene.clip(cut, &cache);
    Scene::ALL
        .iter()
        .map(|s| Ok((clip(*s, &Cut::MAIN)?, clip(*s, &Cut::SUB)?)))
        .collect()
}

fn median(of: &mut [f64]) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

async fn open(viewer: &mut Client, tile: u32, camera: CameraId, profile: Profile) -> Result<()> {
    Ok(viewer
        .open(Open {
            profile,
            format: Format::Raw,
            audio: false,
            ..Open::new(tile, camera)
        })
        .await?)
}

/// Reads what comes for so long; the delays from the camera's send to this read, in microseconds.
async fn watch(viewer: &mut Client, time: Duration) -> Result<Histogram<u64>> {
    let until = Instant::now() + time;
    let mut delays = Histogram::new_with_bounds(1, 60_000_000, 3)?;
    while Instant::now() < until {
        match timeout(Duration::from_secs(10), viewer.next())
            .await
            .context("media within 10 s")??
        {
            Message::Media(header, unit) if header.kind == Kind::AccessUnit => {
                if let Some(sent) = stamp::read(&unit) {
                    delays.saturating_record(stamp::now_ns().saturating_sub(sent) / 1000);
                }
            }
            Message::Control(ServerMessage::Refused { reason, .. }) => bail!("refused: {reason}"),
            _ => {}
        }
    }
    Ok(delays)
}

/// From asking to the first key frame, in milliseconds; the tile is closed again.
async fn click(viewer: &mut Client, tile: u32, camera: CameraId, profile: Profile) -> Result<f64> {
    let began = Instant::now();
    open(viewer, tile, camera, profile).await?;
    let mut feed = None;
    let took = loop {
        match timeout(Duration::from_secs(15), viewer.next())
            .await
            .context("a picture within 15 s")??
        {
            Message::Control(ServerMessage::Opened {
                tile: t, feed: f, ..
            }) if t == tile => feed = Some(f),
            Message::Control(ServerMessage::Refused { reason, .. }) => bail!("refused: {reason}"),
            Message::Media(header, _)
                if header.kind == Kind::AccessUnit && header.key && Some(header.feed) == feed =>
            {
                break began.elapsed();
            }
            _ => {}
        }
    };
    viewer.close(tile).await?;
    Ok(took.as_secs_f64() * 1e3)
}

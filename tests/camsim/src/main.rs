//! `camsim`: simulated cameras from the command line.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use camsim::{CameraConfig, Clip, Profile, Server, ServerConfig, demo::Demo, scene};
use clap::Parser;
use serde_json::json;

/// Simulated cameras over RTSP: drawn scenes or a film, with faults on switches.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// How many cameras of the demonstration district.
    #[arg(long, default_value_t = 24)]
    cameras: usize,
    /// A film (MP4, H.264 or H.265) to replay as the one camera `film` instead.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where RTSP is served; a free loopback port where left out.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
    /// Where faults are switched over HTTP; a free loopback port where left out.
    #[arg(long, value_name = "ADDR:PORT")]
    control: Option<SocketAddr>,
    /// Where encoded clips are kept.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let options = Options::parse();
    match &options.file {
        Some(file) => film(&options, file.clone()).await,
        None => district(&options).await,
    }
}

async fn district(options: &Options) -> anyhow::Result<()> {
    let cache = options.cache.clone().unwrap_or_else(scene::default_cache);
    let demo = Demo::start_at(options.cameras, &cache, options.listen, options.control).await?;
    println!(
        "{}",
        json!({ "control": format!("http://{}/cameras", demo.control_addr()), "cameras": demo.cameras() })
    );
    tokio::signal::ctrl_c().await?;
    demo.shutdown().await;
    Ok(())
}

async fn film(options: &Options, file: PathBuf) -> anyhow::Result<()> {
    let clip = tokio::task::spawn_blocking(move || Clip::from_mp4(file))
        .await
        .context("read the film")??;
    let control = options.control.or(Some(([127, 0, 0, 1], 0).into()));
    let server = Server::start(ServerConfig {
        listen: options.listen,
        control,
    })
    .await
    .context("bind")?;
    let camera = server.add_camera(CameraConfig::new("film", clip));
    println!(
        "{}",
        json!({ "control": server.control_addr(), "url": camera.url_with_password(Profile::Main) })
    );
    tokio::signal::ctrl_c().await?;
    server.shutdown().await;
    Ok(())
}

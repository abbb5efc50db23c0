//! `sightline pull`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result};
use client::{
    Client,
    pull::{Container, Event, Options},
};
use media::{CameraId, Profile, wire::ServerMessage};

use super::remote::SignIn;

/// Pull a camera's live stream and write it to standard output.
///
/// For example: sightline pull --quic gw.example:8443 44140300001326000001 | ffplay -
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The gateway: a URL, or HOST[:PORT]
    #[arg(value_name = "URL")]
    url: String,
    /// The camera's 20-digit code
    #[arg(value_name = "CAMERA")]
    camera: CameraId,
    /// By QUIC alone; without this or --ws, QUIC where UDP passes and WebSocket where it does not, as often as that changes
    #[arg(long, conflicts_with = "ws")]
    quic: bool,
    /// By WebSocket
    #[arg(long)]
    ws: bool,
    /// Which stream: main or sub
    #[arg(long, value_name = "PROFILE", default_value = "main")]
    profile: Profile,
    /// Write the bare video (H.264 or H.265 byte stream) instead of MP4
    #[arg(long)]
    annexb: bool,
    /// Leave the sound out
    #[arg(long)]
    no_audio: bool,
    /// Stop after so many seconds of media
    #[arg(long, value_name = "SECONDS")]
    duration: Option<f64>,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    sign_in: SignIn,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(pull(args))
}

async fn pull(args: Args) -> Result<ExitCode> {
    let url = SignIn::url(&args.url)?;
    let trust = args.sign_in.trust(&url)?;
    let token = args.sign_in.token(&url, &trust).await?;
    let connected = match (args.quic, args.ws) {
        (true, _) => Client::connect_quic(&url, &token, &trust).await,
        (_, true) => Client::connect_ws(&url, &token, &trust).await,
        _ => Client::connect_any(&url, &token, &trust).await,
    };
    let mut client = connected.with_context(|| format!("cannot connect to {url}"))?;
    let duration = args
        .duration
        .map(Duration::try_from_secs_f64)
        .transpose()
        .context("--duration")?;
    let options = Options {
        camera: args.camera,
        profile: args.profile,
        container: if args.annexb {
            Container::AnnexB
        } else {
            Container::Mp4
        },
        audio: !args.no_audio,
        duration,
    };
    let told = |event: Event<'_>| match event {
        Event::Control(ServerMessage::Lost { reason, .. }) => {
            eprintln!("sightline: lost: {reason}");
        }
        Event::Control(ServerMessage::Back { .. }) => eprintln!("sightline: back"),
        Event::Control(ServerMessage::Skipped { frames, .. }) => {
            eprintln!("sightline: too slow, {frames} frames were left out");
        }
        Event::Control(_) => {}
        Event::Moved(moved) => eprintln!("sightline: by {} from here: {}", moved.to, moved.why),
        Event::Missing(time) => {
            eprintln!("sightline: {:.1} s are missing here", time.as_secs_f64());
        }
    };
    eprintln!("sightline: pulling by {}", client.transport());
    let summary = match &args.output {
        Some(path) => {
            let mut file = tokio::fs::File::create(path)
                .await
                .with_context(|| format!("cannot write {}", path.display()))?;
            client::pull::pull(&mut client, &options, &mut file, told).await?
        }
        None => {
            let mut out = tokio::io::stdout();
            client::pull::pull(&mut client, &options, &mut out, told).await?
        }
    };
    client.shutdown().await;
    tracing::info!(?summary, "done");
    Ok(ExitCode::SUCCESS)
}

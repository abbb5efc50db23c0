//! `sightline pull`.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use client::{
    Client,
    pull::{Container, Event, Options, Recorded},
};
use media::{
    CameraId, Profile, WallTime,
    wire::{
        ServerMessage,
        replay::{Gaps, RATES},
    },
};

use super::remote::SignIn;

/// Pull a camera's live stream, or a recording, and write it to standard output.
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
    /// What was recorded from this moment on, such as 2026-11-23T14:03:20+08:00, in place of what is live
    #[arg(long, value_name = "TIME")]
    from: Option<WallTime>,
    /// Up to this moment; without it up to the newest, and on with it
    #[arg(long, value_name = "TIME", requires = "from")]
    to: Option<WallTime>,
    /// So many times as fast as it was, 0.25 to 16; from 4 on key frames only
    #[arg(long, value_name = "RATE", requires = "from", default_value_t = 1.0)]
    rate: f64,
    /// Wait through what was not recorded, in place of going on behind it
    #[arg(long, requires = "from")]
    wait_gaps: bool,
    /// Why, for the gateway's audit log
    #[arg(long, value_name = "TEXT", requires = "from", default_value = "")]
    reason: String,
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
        _ if args.from.is_some() => Client::connect_either(&url, &token, &trust).await,
        _ => Client::connect_any(&url, &token, &trust).await,
    };
    let mut client = connected.with_context(|| format!("cannot connect to {url}"))?;
    let duration = args
        .duration
        .map(Duration::try_from_secs_f64)
        .transpose()
        .context("--duration")?;
    if !RATES.contains(&args.rate) {
        bail!("--rate {}: it must be 0.25 to 16", args.rate);
    }
    let options = Options {
        recorded: args.from.map(|from| Recorded {
            from,
            to: args.to,
            rate: args.rate,
            gaps: match args.wait_gaps {
                true => Gaps::Wait,
                false => Gaps::Skip,
            },
            reason: args.reason.clone(),
        }),
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
        Event::Control(ServerMessage::Gap {
            from, to, reason, ..
        }) => {
            let until = to.map_or("and nothing follows".into(), |to| {
                format!("until {}", WallTime(to))
            });
            eprintln!(
                "sightline: not recorded from {} {until}: {reason}",
                WallTime(*from)
            );
        }
        Event::Control(ServerMessage::Thinned { keys: true, .. }) => {
            eprintln!("sightline: key frames only: the line does not carry more");
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

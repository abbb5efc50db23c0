//! `sightline serve`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};

use crate::{
    config::Config,
    gateway::{Extras, Gateway, Running},
};

/// Run the gateway with a configuration file until SIGTERM or SIGINT.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Configuration file; every key is explained in configs/sightline.toml
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/sightline/sightline.toml"
    )]
    config: PathBuf,
    /// Read the configuration, say what is wrong with it, and end
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    let config = Config::load(&args.config)?;
    if args.check {
        println!("{}: good", args.config.display());
        return Ok(ExitCode::SUCCESS);
    }
    super::log(&config.log.level, config.log.json)?;
    super::block_on(async {
        let running = Gateway::start(config, Extras::default()).await?;
        announce(&running);
        if running.gateway.users.read().is_empty() {
            tracing::warn!(
                "there is no account yet: stop, run `sightline user add NAME --data DIR --role administrator`, and start again"
            );
        }
        until_asked().await?;
        running.shutdown().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Says where it serves and how to trust it.
pub(super) fn announce(running: &Running) {
    tracing::info!(url = running.url, address = %running.address, "serving");
    if let Some(fingerprint) = &running.fingerprint {
        let authority = running.gateway.config.data.dir.join("tls/ca.pem");
        tracing::info!(
            authority = %authority.display(),
            download = format!("{}ca.crt", running.url),
            sha256 = fingerprint,
            "browsers trust this gateway once they trust its district's authority: docs/guide/tls.md"
        );
    }
}

/// Returns when the process is asked to end.
pub(super) async fn until_asked() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    tokio::select! {
        _ = term.recv() => tracing::info!("SIGTERM: stopping"),
        _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
    }
    Ok(())
}

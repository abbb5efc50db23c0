//! The command line.

pub(crate) mod camera;
mod check;
mod demo;
mod diagnose;
mod evidence;
mod export;
mod link;
mod pull;
mod region;
mod remote;
mod serve;
mod tag;
mod user;
mod verify;

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Cameras of a whole district: live, recorded, watched for what happens, on one map.
#[derive(Debug, Parser)]
#[command(
    name = "sightline",
    version,
    propagate_version = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::Args),
    /// Show a whole district with simulated cameras, in one command
    Demo(demo::Args),
    /// Verify a data directory, and repair what can be repaired
    Check(check::Args),
    /// The register of cameras: add, list, find, import, change, and read from devices
    #[command(subcommand)]
    Camera(camera::Command),
    /// Change the tree of regions
    #[command(subcommand)]
    Region(region::Command),
    /// Groups of cameras across regions
    #[command(subcommand)]
    Group(region::Group),
    /// See what the links carry and what is on them, or change what they carry
    #[command(subcommand)]
    Link(link::Command),
    /// Add accounts, or list them
    #[command(subcommand)]
    User(user::Command),
    /// Write a camera's live stream to standard output, for players and pipes
    Pull(pull::Args),
    /// Save a recorded range of a camera as an MP4 file
    Export(export::Args),
    /// Save recordings of several cameras as a package that proves what it holds
    Evidence(evidence::Args),
    /// Verify a package of evidence, on any machine
    Verify(verify::Args),
    /// Find motion and picture faults in a video file, one JSON object a line
    Tag(tag::Args),
}

/// Runs what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Where two libraries ask for "the" provider of cryptography, it is this one. Set once, here.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ran = match cli.command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Check(args) => check::run(args),
        Command::Camera(command) => camera::run(command),
        Command::Region(command) => region::run(command),
        Command::Group(command) => region::run_group(command),
        Command::Link(command) => link::run(command),
        Command::User(command) => user::run(command),
        Command::Pull(args) => pull::run(args),
        Command::Export(args) => export::run(args),
        Command::Evidence(args) => evidence::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Tag(args) => tag::run(args),
    };
    match ran {
        Ok(code) => code,
        Err(error) => {
            // A reader that went away is how `| head` ends.
            let broken_pipe = error
                .chain()
                .filter_map(|e| e.downcast_ref::<std::io::Error>())
                .any(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
            if broken_pipe {
                return ExitCode::SUCCESS;
            }
            eprintln!("sightline: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the log on standard error. `SIGHTLINE_LOG` is stronger than the configuration.
fn log(level: &str, json: bool) -> Result<()> {
    let filter = match std::env::var("SIGHTLINE_LOG") {
        Ok(level) => EnvFilter::try_new(level).context("SIGHTLINE_LOG")?,
        Err(_) => EnvFilter::try_new(level).context("log.level")?,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json {
        log.json().init();
    } else {
        log.init();
    }
    Ok(())
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("sightline")
        .build()
        .context("cannot start the runtime")
}

/// Runs to its end. A thread that still blocks then (an encoder at its clip, a disk that hangs) does not hold up the exit.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_millis(300));
    done
}

/// The first line of a file, without its end.
fn read_secret(path: &Path) -> Result<String> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let line = text.lines().next().unwrap_or_default().trim_end();
    if line.is_empty() {
        bail!(
            "{} is empty, expected a password in its first line",
            path.display()
        );
    }
    Ok(line.to_owned())
}

/// A password from a file, or typed in.
fn password(file: Option<&PathBuf>, prompt: &str) -> Result<String> {
    if let Some(path) = file {
        return read_secret(path);
    }
    if !std::io::stdin().is_terminal() {
        bail!("no password: give --password-file, or run in a terminal to type it");
    }
    eprint!("{prompt}: ");
    std::io::stderr().flush()?;
    let typed = without_echo(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(line)
    })?;
    eprintln!();
    Ok(typed.trim_end_matches(['\r', '\n']).to_owned())
}

/// Runs `read` with the terminal's echo off.
fn without_echo(read: impl FnOnce() -> std::io::Result<String>) -> Result<String> {
    let stty = |mode: &str| {
        std::process::Command::new("stty")
            .arg(mode)
            .stdin(std::process::Stdio::inherit())
            .status()
    };
    let quiet = stty("-echo").is_ok_and(|s| s.success());
    let line = read();
    if quiet {
        let _ = stty("echo");
    }
    Ok(line?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed_and_names_every_command() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        let help = command.render_long_help().to_string();
        for name in [
            "serve", "demo", "check", "camera", "link", "user", "pull", "export", "evidence",
            "verify", "tag",
        ] {
            assert!(help.contains(&format!("  {name} ")), "{name} in\n{help}");
        }
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        std::fs::write(&path, "correct horse \r\nsecond\n").unwrap();
        assert_eq!(read_secret(&path).unwrap(), "correct horse");
        std::fs::write(&path, "\n").unwrap();
        assert!(read_secret(&path).is_err());
    }
}

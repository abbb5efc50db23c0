//! What it costs to send cameras to many viewers: the relay on loopback with all of the product's layers, beside the least there
//! can be, one call a frame and viewer by a bare thread. See `benches/README.md`.

#[path = "../fanout/drain.rs"]
mod drain;
#[path = "../fanout/peer.rs"]
mod peer;
#[path = "../fanout/quic_core.rs"]
mod quic_core;
#[path = "../fanout/rows.rs"]
mod rows;

use anyhow::Result;
use clap::{Parser, Subcommand};
use sightline_bench::{results, serve};

#[derive(Parser)]
#[command(
    about = "Fan-out of the relay beside its floor",
    args_override_self = true
)]
struct Cli {
    #[command(flatten)]
    rows: rows::Args,
    #[command(flatten)]
    url: peer::UrlArgs,
    /// Print the figures of results.json as a table for a document, and measure nothing.
    #[arg(long)]
    markdown: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// A server (the bench starts it).
    #[command(hide = true)]
    Serve(serve::Args),
    /// Viewers that discard what they get (the bench starts them).
    #[command(hide = true)]
    Drain(drain::Args),
    /// Stamped cameras of the bench's own, for another server to pull, or published to it.
    Source(peer::SourceArgs),
    /// Viewers of a URL (the bench starts them).
    #[command(hide = true)]
    DrainUrl(peer::DrainArgs),
    /// Viewers that come one after another (the bench starts them).
    #[command(hide = true)]
    Join {
        #[arg(long)]
        doors: String,
        #[arg(long)]
        times: usize,
    },
}

fn main() -> Result<()> {
    let args = Cli::parse();
    match args.part {
        None if args.markdown => {
            print!("{}", results::markdown(&results::read()?));
            Ok(())
        }
        None if let Some(url) = &args.url.url => {
            let figures = peer::measure(&args.url, url, args.rows.seconds)?;
            print!("{}", results::table(&figures));
            Ok(())
        }
        None => rows::measure(&args.rows),
        Some(Part::Serve(args)) => serve::run(&args),
        Some(Part::Drain(args)) => drain::run(&args),
        Some(Part::Source(args)) => peer::source(&args),
        Some(Part::DrainUrl(args)) => peer::drain(args),
        Some(Part::Join { doors, times }) => drain::join(&doors, times),
    }
}

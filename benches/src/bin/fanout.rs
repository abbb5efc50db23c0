//! What it costs to send cameras to many viewers: the relay on loopback with all of the product's layers, beside the least there
//! can be, one call a frame and viewer by a bare thread. See `benches/README.md`.

#[path = "../fanout/drain.rs"]
mod drain;
#[path = "../fanout/rows.rs"]
mod rows;

use anyhow::Result;
use clap::{Parser, Subcommand};
use sightline_bench::{results, serve};

#[derive(Parser)]
#[command(about = "Fan-out of the relay beside its floor")]
struct Args {
    #[command(flatten)]
    rows: rows::Args,
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
    let args = Args::parse();
    match args.part {
        None => {
            let figures = rows::measure(&args.rows)?;
            print!("{}", results::table(&figures));
            println!("written to {}", results::append(&figures)?.display());
            Ok(())
        }
        Some(Part::Serve(args)) => serve::run(&args),
        Some(Part::Drain(args)) => drain::run(&args),
        Some(Part::Join { doors, times }) => drain::join(&doors, times),
    }
}

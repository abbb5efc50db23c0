//! What an archive of 600 cameras and 30 days costs to index, and how many cameras one machine records.
//!
//! `archive index` fills an index with as many segments as asked, then has a process of its own open it, find, list and prune.
//! `archive record` records simulated feeds of 2 Mbit/s, more and more of them, until frames are lost or a core is full.

#[path = "../archive/index.rs"]
mod index;
#[path = "../archive/record.rs"]
mod record;

use anyhow::Result;
use clap::Parser;
use sightline_bench::results;

#[derive(Debug, Parser)]
enum Args {
    /// The index: open, find, list, prune.
    Index(index::Args),
    /// What the index costs, in a process of its own: started by `index`.
    #[command(hide = true)]
    IndexServe(index::Serve),
    /// The recorder: how many cameras.
    Record(record::Args),
    /// The recorder, in a process of its own: started by `record`.
    #[command(hide = true)]
    RecordServe(record::Serve),
}

fn main() -> Result<()> {
    let figures = match Args::parse() {
        Args::Index(args) => index::run(&args)?,
        Args::IndexServe(args) => return index::serve(&args),
        Args::Record(args) => record::run(&args)?,
        Args::RecordServe(args) => return record::serve(&args),
    };
    println!("{}", results::table(&figures));
    println!("written to {}", results::append(&figures)?.display());
    Ok(())
}

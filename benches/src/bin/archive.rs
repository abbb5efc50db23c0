//! What recording, finding and playing back cost, at the size of a district.
//!
//! `archive pull` pulls and records simulated cameras. `archive record` records simulated feeds of 2 Mbit/s, more and more of them,
//! until frames are lost or a core is full. `archive deliver` sends a day of one camera. `archive index` fills an index with as
//! many segments as asked, then has a process of its own open it, find, list and prune. `archive rebuild` makes an index from
//! files. `archive kill` kills a recording process again and again. `archive all` does them in the length that `make bench` has.

#[path = "../archive/deliver.rs"]
mod deliver;
#[path = "../archive/index.rs"]
mod index;
#[path = "../archive/kill.rs"]
mod kill;
#[path = "../archive/pull.rs"]
mod pull;
#[path = "../archive/rebuild.rs"]
mod rebuild;
#[path = "../archive/record.rs"]
mod record;
#[path = "../archive/segments.rs"]
mod segments;

use anyhow::Result;
use clap::Parser;
use sightline_bench::results::{self, Figure};

#[derive(Debug, Parser)]
enum Args {
    /// Cameras over RTSP: what pulling and recording one costs.
    Pull(pull::Args),
    /// That, in a process of its own: started by `pull`.
    #[command(hide = true)]
    PullServe(pull::Serve),
    /// The recorder: how many cameras.
    Record(record::Args),
    /// The recorder, in a process of its own: started by `record`.
    #[command(hide = true)]
    RecordServe(record::Serve),
    /// A day of one camera as one MP4.
    Deliver(deliver::Args),
    /// The index: open, find, list, prune.
    Index(index::Args),
    /// What the index costs, in a process of its own: started by `index`.
    #[command(hide = true)]
    IndexServe(index::Serve),
    /// The index, made again from the files.
    Rebuild(rebuild::Args),
    /// Killed again and again while it records.
    Kill(kill::Args),
    /// What is killed: started by `kill`.
    #[command(hide = true)]
    KillServe(kill::Serve),
    /// All of them, each as long as is needed to see whether something has changed.
    All,
}

#[tokio::main]
async fn main() -> Result<()> {
    match Args::parse() {
        Args::Pull(args) => told(pull::run(&args).await?),
        Args::PullServe(args) => apart(move || pull::serve(&args)),
        Args::Record(args) => told(apart(move || record::run(&args))?),
        Args::RecordServe(args) => apart(move || record::serve(&args)),
        Args::Deliver(args) => told(deliver::run(&args).await?),
        Args::Index(args) => told(apart(move || index::run(&args))?),
        Args::IndexServe(args) => apart(move || index::serve(&args)),
        Args::Rebuild(args) => told(rebuild::run(&args).await?),
        Args::Kill(args) => told(kill::run(&args).await?),
        Args::KillServe(args) => apart(move || kill::serve(&args)),
        Args::All => all().await,
    }
}

/// What has a runtime of its own, or none, on a thread of its own.
fn apart<T: Send + 'static>(run: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let ended = std::thread::spawn(run).join();
    ended.map_err(|_| anyhow::anyhow!("it panicked"))?
}

fn told(figures: Vec<Figure>) -> Result<()> {
    println!("{}", results::table(&figures));
    println!("written to {}", results::append(&figures)?.display());
    Ok(())
}

async fn all() -> Result<()> {
    /// The arguments as if they were given.
    fn args<A: clap::Args>(given: &[&str]) -> Result<A> {
        let command = A::augment_args(clap::Command::new("archive").no_binary_name(true));
        Ok(A::from_arg_matches(
            &command.try_get_matches_from(given.iter().copied())?,
        )?)
    }
    told(pull::run(&args(&[])?).await?)?;
    let record = args(&["--seconds", "6", "--cameras", "25,600,1000"])?;
    told(apart(move || record::run(&record))?)?;
    told(deliver::run(&args(&[])?).await?)?;
    let index = args(&[])?;
    told(apart(move || index::run(&index))?)?;
    told(rebuild::run(&args(&[])?).await?)?;
    told(kill::run(&args(&["--rounds", "3"])?).await?)
}

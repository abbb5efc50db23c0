//! `sightline check`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

/// Read every file of a data directory and compare the index; the gateway must not be running on it.
///
/// Ends with status 0 where all is well, 2 where something is wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The data directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Cut torn files back, seal them, rebuild the index
    #[arg(long)]
    repair: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    super::log("warn", false)?;
    let runtime = super::runtime()?;
    let _inside = runtime.enter();
    let report = storage::check(&args.dir, args.repair)?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}

//! `sightline check`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

/// Verify every file of a data directory and rebuild the index; the gateway must not be running on it.
///
/// Torn files are cut back to their last whole fragment and sealed, as a start of the gateway would do. Ends with status 0
/// where all is well or was put right, 2 where something is left.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The data directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Change nothing, only say what is wrong
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    super::log("warn", false)?;
    let runtime = super::runtime()?;
    let _inside = runtime.enter();
    let report = storage::check(&args.dir, !args.dry_run)?;
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

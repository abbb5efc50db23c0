//! `sightline tag`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;

use crate::config::Config;

/// Run the tagger over a video file, by the same code as on live cameras.
///
/// Prints one JSON object a line: {"kind":"motion","start_s":12.4,"end_s":17.0}
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The video file: anything GStreamer can take apart, with H.264 or H.265
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take [tagger] from this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    super::log("warn", false)?;
    let config = match &args.config {
        Some(path) => Config::load(Path::new(path))?.tagger,
        None => tagger::Config::default(),
    };
    // The pipeline's own tasks, where it has any, run here.
    let runtime = super::runtime()?;
    let _inside = runtime.enter();
    let findings = tagger::tag_file_with(&args.file, &config, &[])?;
    let mut out = std::io::stdout().lock();
    for finding in findings {
        writeln!(out, "{}", serde_json::to_string(&finding)?)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

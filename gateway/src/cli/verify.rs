//! `sightline verify`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use serde_json::json;

/// Verify a package of evidence: every byte of it. Needs nothing but the package.
///
/// Names the first file and byte that is not as it was packed. Ends with status 0 where the package is genuine, 2 where it is
/// not, 1 where it cannot be read. Whose key it is signed with is for you to know: give it with --key, or compare it with the
/// gateway's (GET /api/v1/signing-key, or keys/signing.pub in its data directory).
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The package
    #[arg(value_name = "PACKAGE")]
    package: PathBuf,
    /// The gateway's public key: hexadecimal, or a file that holds it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Write the recorded segments into this directory, a file each, as they were recorded
    #[arg(long, value_name = "DIR")]
    extract: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The key itself, or what its file holds.
fn key(text: &str) -> Result<String> {
    let is_key = |t: &str| t.len() == 64 && t.bytes().all(|b| b.is_ascii_hexdigit());
    let text = text.trim();
    if is_key(text) {
        return Ok(text.to_owned());
    }
    let held = std::fs::read_to_string(text)
        .with_context(|| format!("'{text}' is no key of 64 hexadecimal digits, and no file"))?;
    let held = held.trim();
    anyhow::ensure!(
        is_key(held),
        "{text} holds no key, expected 64 hexadecimal digits"
    );
    Ok(held.to_owned())
}

pub(super) fn run(args: Args) -> Result<ExitCode> {
    super::log("warn", false)?;
    let key = args.key.as_deref().map(key).transpose()?;
    let report = storage::evidence::verify(&args.package, key.as_deref())?;
    if args.json {
        let faults = report.faults.iter().map(|f| {
            json!({"file": f.file, "byte": f.byte, "within": f.within, "at": f.at, "what": f.what})
        });
        let report = json!({
            "genuine": report.is_genuine(),
            "bytes": report.bytes,
            "files": report.files,
            "segments": report.segments,
            "sealed": report.sealed,
            "linked": report.linked,
            "signed": report.signed,
            "notes": report.notes,
            "faults": faults.collect::<Vec<_>>(),
            "manifest": report.manifest,
        });
        println!("{report}");
    } else {
        println!("{report}");
    }
    if let Some(dir) = &args.extract {
        let count = storage::evidence::extract(&args.package, dir)?;
        eprintln!("{count} segments in {}", dir.display());
    }
    Ok(match report.is_genuine() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(2),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_given_or_lies_in_a_file() {
        let hex = "ab".repeat(32);
        assert_eq!(key(&hex).unwrap(), hex);
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("signing.pub");
        std::fs::write(&file, format!("{hex}\n")).unwrap();
        assert_eq!(key(file.to_str().unwrap()).unwrap(), hex);
        std::fs::write(&file, "none").unwrap();
        assert!(key(file.to_str().unwrap()).is_err() && key("abc").is_err());
    }
}

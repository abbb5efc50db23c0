//! Verifies a data directory while nobody else has it open.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::Error;

/// What [`check`] found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckReport {
    /// Segment files read.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Journal records read.
    pub journal_records: u64,
    /// What is wrong (or was, where `repaired`).
    pub faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Where.
    pub path: PathBuf,
    /// Bytes from the start of the file, where that says something.
    pub offset: Option<u64>,
    /// What.
    pub what: String,
    /// Whether it was put right.
    pub repaired: bool,
}

impl CheckReport {
    /// Whether nothing is left to put right.
    pub fn is_clean(&self) -> bool {
        self.faults.iter().all(|f| f.repaired)
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.segments)
    }
}

/// Verifies every segment and journal of the data directory `dir` and compares the index; with `repair`, cuts torn files back,
/// seals them and rebuilds the index.
///
/// # Errors
/// [`Error::Locked`] where a process has the directory, [`Error::Missing`] where it is none of ours.
pub fn check(dir: &Path, repair: bool) -> Result<CheckReport, Error> {
    let _ = (dir, repair);
    todo!()
}

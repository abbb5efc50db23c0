//! What can go wrong where an answer is wanted. Faults of a camera are not errors here: they are tags.

use std::path::PathBuf;

/// Why a file could not be tagged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be opened or taken apart.
    #[error("{path}: {text}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What was wrong with it.
        text: String,
    },
    /// A zone of interest that is no polygon.
    #[error("zone '{name}': {text}")]
    Zone {
        /// The zone's name.
        name: String,
        /// What was wrong with it.
        text: String,
    },
}

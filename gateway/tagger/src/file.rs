//! What the tagger finds in a file: the same judgement as live, without a budget.

use std::path::Path;

use crate::{Config, Error, tag::Finding, zone::Zone};

/// Judges a whole video file and says what was found, in order of its start. Blocks; for a thread of its own.
///
/// # Errors
/// [`Error::File`] when it cannot be opened or taken apart.
pub fn tag_file(path: impl AsRef<Path>) -> Result<Vec<Finding>, Error> {
    tag_file_with(path.as_ref(), &Config::default(), &[])
}

/// As [`tag_file`], with settings and zones.
///
/// # Errors
/// As [`tag_file`].
pub fn tag_file_with(path: &Path, config: &Config, zones: &[Zone]) -> Result<Vec<Finding>, Error> {
    let _ = (config, zones);
    Err(Error::File {
        path: path.to_owned(),
        text: "no demuxer yet".into(),
    })
}

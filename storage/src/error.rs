//! Errors of the storage crate: each names the path, and the offset or key where there is one.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use media::{Reason, ReasonCode};

/// What went wrong with what is kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}{}: {source}", path.display(), at(.offset))]
    Io {
        /// What was tried, a verb such as `write`.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Where in it, bytes from its start.
        offset: Option<u64>,
        /// What the system said.
        source: io::Error,
    },
    /// A volume is not what it should be, or none takes what is to be kept.
    #[error("{what}: {why}")]
    Volume {
        /// Which.
        what: String,
        /// Why not.
        why: String,
    },
    /// Another process has the data directory.
    #[error("{} is held by {holder}", path.display())]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// Who: `process 1234 (sightline serve)`.
        holder: String,
    },
    /// A directory that holds something, but is not a data directory of ours.
    #[error("{} is not a data directory: it has no file 'sightline-data', but holds '{found}'", path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Something it holds.
        found: String,
    },
    /// No data directory where one was expected.
    #[error("{} is not a data directory: it has no file 'sightline-data'", path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// Written by a version that this one does not understand.
    #[error("{}: {what} has version {found}, this program knows up to {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Which thing in it.
        what: &'static str,
        /// Its version.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// A file's content is not what it should be.
    #[error("{} at offset {offset}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Where, bytes from its start.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// sled failed.
    #[error("index {}, key {key}: {source}", path.display())]
    Index {
        /// The index's directory.
        path: PathBuf,
        /// The key as text.
        key: String,
        /// What sled said.
        source: sled::Error,
    },
    /// A value that cannot be stored.
    #[error("cannot store {what}: {why}")]
    Value {
        /// Which value.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A range that is empty or longer than allowed.
    #[error("a range of {} s asked, from 1 us to {} s allowed", asked.as_secs(), limit.as_secs())]
    Range {
        /// What was asked; zero where `from` is not before `to`.
        asked: Duration,
        /// The limit.
        limit: Duration,
    },
    /// The part of storage that was asked is closed already.
    #[error("{0} is closed")]
    Closed(&'static str),
}

fn at(offset: &Option<u64>) -> String {
    offset.map_or_else(String::new, |o| format!(" at offset {o}"))
}

impl Error {
    /// An operating system's error on a path.
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            offset: None,
            source,
        }
    }

    /// The same with an offset.
    pub(crate) fn io_at(action: &'static str, path: &Path, offset: u64, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            offset: Some(offset),
            source,
        }
    }

    /// Content that is not what it should be.
    pub(crate) fn content(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Content {
            path: path.to_owned(),
            offset,
            what: what.into(),
        }
    }

    /// sled's error on a key.
    pub(crate) fn index(path: &Path, key: impl Into<String>, source: sled::Error) -> Self {
        Self::Index {
            path: path.to_owned(),
            key: key.into(),
            source,
        }
    }

    /// Whether the file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the disk (or the quota, or the file size limit) has no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ))
    }

    /// As the reason of a recording's gap: `disk-full` or `disk-error`.
    pub fn reason(&self) -> Reason {
        let code = if self.is_full() {
            ReasonCode::DiskFull
        } else {
            ReasonCode::DiskError
        };
        Reason::new(code, self.to_string())
    }

    /// Another error that says the same, for every waiter of a group that failed together.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Io {
                action,
                path,
                offset,
                source,
            } => Self::Io {
                action,
                path: path.clone(),
                offset: *offset,
                source: match source.raw_os_error() {
                    Some(code) => io::Error::from_raw_os_error(code),
                    None => io::Error::new(source.kind(), source.to_string()),
                },
            },
            other => Self::Value {
                what: "a record",
                why: other.to_string(),
            },
        }
    }
}

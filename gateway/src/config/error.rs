//! What is wrong with a configuration, and where it stands.

use std::path::{Path, PathBuf};

/// Why a configuration is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {key}{text}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The key with its table, and a colon; empty where there is none.
        key: String,
        /// What is wrong and what was expected.
        text: String,
    },
}

pub(super) fn wrong(path: &Path, text: &str, at: usize, message: &str) -> Error {
    let at = at.min(text.len());
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    Error::Wrong {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        key: key_at(text, at),
        text: message.trim().replace('\n', ", "),
    }
}

/// The dotted key that the position lies at.
fn key_at(text: &str, at: usize) -> String {
    let mut table = String::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let content = line.trim();
        if content.starts_with('[') {
            let name = content.trim_start_matches('[');
            table = name.split(']').next().unwrap_or_default().trim().to_owned();
        }
        if (start..end).contains(&at) {
            let key = match content.split_once('=') {
                Some((key, _)) if !content.starts_with(['[', '#']) => key.trim(),
                _ => "",
            };
            let parts = [table.as_str(), key];
            let name: Vec<&str> = parts.into_iter().filter(|p| !p.is_empty()).collect();
            return match name.is_empty() {
                true => String::new(),
                false => format!("{}: ", name.join(".")),
            };
        }
        start = end;
    }
    String::new()
}

/// Where a dotted key stands, or where its table does, or the start.
pub(super) fn position(text: &str, key: &str) -> usize {
    let (table, name) = key.split_once('.').unwrap_or(("", key));
    let (mut inside, mut start, mut header) = (table.is_empty(), 0, 0);
    for line in text.split_inclusive('\n') {
        let content = line.trim();
        if content.starts_with('[') {
            inside = content == format!("[{table}]");
            if inside {
                header = start;
            }
        }
        let is_key = content
            .split_once('=')
            .is_some_and(|(k, _)| k.trim() == name);
        if inside && is_key {
            return start;
        }
        start += line.len();
    }
    header
}

//! Taking in segment files that the index does not know: after a crash, or all of them after the index was lost.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use media::{CameraId, FeedId, Profile, WallTime};

use crate::{
    Error,
    index::{Entry, Segments},
    paths,
    segment::{Layout, Writer, reader},
};

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was complete.
    Complete(FeedId, Entry),
    /// It was cut back by so many bytes, and sealed.
    Sealed(FeedId, Entry, u64),
    /// It held no whole fragment, and was deleted.
    Empty,
}

impl Taken {
    pub(crate) fn entry(&self) -> Option<(FeedId, Entry)> {
        match self {
            Self::Complete(feed, entry) | Self::Sealed(feed, entry, _) => Some((*feed, *entry)),
            Self::Empty => None,
        }
    }
}

/// Enters every file that is newer than, or in the hour of, the newest row of its camera; every file where the index is new.
pub(crate) fn take_in(recordings: &Path, segments: &Segments) -> Result<(), Error> {
    let (mut found, mut sealed) = (0u64, 0u64);
    if segments.is_fresh() {
        tracing::info!(path = %recordings.display(), "index: new; it is made from the files");
    }
    for camera_dir in list(recordings)? {
        let Some(camera) = name(&camera_dir).and_then(|n| n.parse::<CameraId>().ok()) else {
            continue;
        };
        let mut since: Option<WallTime> = None;
        for profile in Profile::ALL {
            let last = segments.last(FeedId { camera, profile })?;
            since = since.max(last.map(|e| e.start));
        }
        // One hour more: the other profile's newest segment may have begun just before the hour.
        let since = since.map(|at| at - std::time::Duration::from_secs(3600));
        let known = known(recordings, segments, camera, since)?;
        for path in files(&camera_dir, since)? {
            if known.contains(&path) {
                continue;
            }
            match take(&path) {
                Ok(taken) => {
                    if let Some((feed, entry)) = taken.entry() {
                        segments.insert(feed, entry)?;
                        found += 1;
                    }
                    if let Taken::Sealed(_, _, cut) = taken {
                        sealed += 1;
                        tracing::warn!(path = %path.display(), cut_bytes = cut, "recordings: a segment that was not sealed was cut back and sealed");
                    }
                }
                // One bad file must not keep the gateway from starting; `check` names it again.
                Err(e) => {
                    tracing::error!(path = %path.display(), error = %e, "recordings: a file is left out")
                }
            }
            if found.is_multiple_of(10_000) && found > 0 {
                tracing::info!(segments = found, "index: being made from the files");
            }
        }
    }
    if found > 0 {
        segments.flush()?;
        tracing::info!(segments = found, sealed, "recordings: taken into the index");
    }
    Ok(())
}

/// The files that the index has from `since` on.
fn known(
    recordings: &Path,
    segments: &Segments,
    camera: CameraId,
    since: Option<WallTime>,
) -> Result<HashSet<PathBuf>, Error> {
    let mut out = HashSet::new();
    let Some(since) = since else { return Ok(out) };
    let hour = WallTime(since.0.div_euclid(3_600_000_000) * 3_600_000_000);
    for profile in Profile::ALL {
        let feed = FeedId { camera, profile };
        let entries = segments.range(feed, hour, WallTime(i64::MAX))?;
        out.extend(entries.iter().map(|e| paths::segment(recordings, feed, e)));
    }
    Ok(out)
}

/// Segment files of a camera, those of the hour of `since` and later, in order of start.
pub(crate) fn files(camera_dir: &Path, since: Option<WallTime>) -> Result<Vec<PathBuf>, Error> {
    let first = since.map(|at| (paths::day(at), paths::hour(at)));
    let mut out = Vec::new();
    for day_dir in list(camera_dir)? {
        let day = name(&day_dir).unwrap_or_default().to_owned();
        if first.as_ref().is_some_and(|(first, _)| day < *first) {
            continue;
        }
        for hour_dir in list(&day_dir)? {
            let hour = name(&hour_dir).unwrap_or_default();
            if first
                .as_ref()
                .is_some_and(|(d, h)| day == *d && hour < h.as_str())
            {
                continue;
            }
            let files = list(&hour_dir)?;
            out.extend(
                files
                    .into_iter()
                    .filter(|f| f.extension().is_some_and(|e| e == "mp4")),
            );
        }
    }
    Ok(out)
}

/// A directory's entries in order of name; none where it is no directory.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e)
            if matches!(
                e.kind(),
                std::io::ErrorKind::NotADirectory | std::io::ErrorKind::NotFound
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(e) => return Err(Error::io("read", dir, e)),
    };
    let mut out = Vec::new();
    for entry in entries {
        out.push(entry.map_err(|e| Error::io("read", dir, e))?.path());
    }
    out.sort_unstable();
    Ok(out)
}

pub(crate) fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}

/// Brings one file into order.
pub(crate) fn take(path: &Path) -> Result<Taken, Error> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|e| Error::io("open", path, e))?;
    if let Some((header, seal, bytes)) = reader::read_ends(path, &file).or_else(content_is_none)? {
        let entry = Entry {
            start: header.start,
            end: seal.end,
            sequence: header.sequence,
            bytes,
        };
        let feed = FeedId {
            camera: header.camera,
            profile: header.profile,
        };
        return Ok(Taken::Complete(feed, entry));
    }
    let layout = match Layout::read(path, &file, None) {
        Ok(layout) => layout,
        // Cut inside `moov`: the file was just made.
        Err(Error::Content { .. }) if is_young(&file) => return remove(path),
        Err(e) => return Err(e),
    };
    if layout.fragments.is_empty() {
        return remove(path);
    }
    let feed = FeedId {
        camera: layout.header.camera,
        profile: layout.header.profile,
    };
    let (mut writer, cut) = Writer::resume(path.to_owned(), file, layout)?;
    writer.seal(None)?;
    let entry = Entry {
        start: writer.header().start,
        end: writer.end(),
        sequence: writer.header().sequence,
        bytes: writer.len(),
    };
    Ok(Taken::Sealed(feed, entry, cut))
}

fn content_is_none<T>(e: Error) -> Result<Option<T>, Error> {
    match e {
        Error::Content { .. } => Ok(None),
        e => Err(e),
    }
}

/// So short that it can hold no group worth keeping.
fn is_young(file: &File) -> bool {
    file.metadata().is_ok_and(|m| m.len() < 16 * 1024)
}

fn remove(path: &Path) -> Result<Taken, Error> {
    fs::remove_file(path).map_err(|e| Error::io("remove", path, e))?;
    tracing::warn!(path = %path.display(), "recordings: a segment without a whole fragment was removed");
    Ok(Taken::Empty)
}

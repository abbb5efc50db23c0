//! Taking in segment files that the index does not know: after a crash, or all of them after the index was lost.

mod rebuild;

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use media::{FeedId, Profile, WallTime};

use crate::{
    Error,
    index::Entry,
    paths,
    segment::{Layout, Writer, reader},
    volume::Volumes,
};
pub use rebuild::Progress;
pub(crate) use rebuild::{Rebuild, rebuild_lost, take_in, volume_is_back};

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

/// The newest segment of a feed by the names of its files, on whichever volume, also what no index knows: its sequence, its file
/// and its volume.
pub(crate) fn newest(
    volumes: &Volumes,
    feed: FeedId,
) -> Result<Option<(u64, PathBuf, u16)>, Error> {
    let mut found = None;
    for volume in volumes.readable() {
        let newest = match newest_in(&volume.path, feed) {
            Ok(newest) => newest,
            Err(e) if volumes.has_other(volume.number) => {
                volumes.failed(volume, &e);
                continue;
            }
            Err(e) => return Err(e),
        };
        if let Some((hour, sequence, path)) = newest {
            found = found.max(Some((hour, sequence, path, volume.number)));
        }
    }
    Ok(found.map(|(_, sequence, path, volume)| (sequence, path, volume)))
}

/// The same on one volume, with the name of its hour.
fn newest_in(dir: &Path, feed: FeedId) -> Result<Option<(String, u64, PathBuf)>, Error> {
    for day in list(&dir.join(feed.camera.as_str()))?.into_iter().rev() {
        for hour in list(&day)?.into_iter().rev() {
            let files = list(&hour)?;
            let newest = files
                .into_iter()
                .filter_map(|path| Some((sequence(&path, feed.profile)?, path)))
                .max();
            if let Some((sequence, path)) = newest {
                let of = |dir: &Path| name(dir).unwrap_or_default().to_owned();
                return Ok(Some((of(&day) + &of(&hour), sequence, path)));
            }
        }
    }
    Ok(None)
}

/// The sequence in a segment's name, where it is of this profile.
pub(crate) fn sequence(path: &Path, profile: Profile) -> Option<u64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".mp4")?;
    let (rest, sequence) = stem.rsplit_once('-')?;
    let (_, of) = rest.rsplit_once('-')?;
    (of == profile.as_str()).then_some(sequence.parse().ok()?)
}

/// Segment files of a camera in order of start.
pub(crate) fn files(camera_dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut out = Vec::new();
    for hour in hours(camera_dir, None)? {
        let files = list(&hour)?;
        out.extend(
            files
                .into_iter()
                .filter(|f| f.extension().is_some_and(|e| e == "mp4")),
        );
    }
    Ok(out)
}

/// Directories of a camera's hours, that of `since` and later, in order.
fn hours(camera_dir: &Path, since: Option<WallTime>) -> Result<Vec<PathBuf>, Error> {
    let first = since.map(|at| (paths::day(at), paths::hour(at)));
    let mut out = Vec::new();
    for day_dir in list(camera_dir)? {
        let day = name(&day_dir).unwrap_or_default().to_owned();
        if first.as_ref().is_some_and(|(first, _)| day < *first) {
            continue;
        }
        for hour_dir in list(&day_dir)? {
            let hour = name(&hour_dir).unwrap_or_default();
            let early = |(d, h): &(String, String)| day == *d && hour < h.as_str();
            if !first.as_ref().is_some_and(early) {
                out.push(hour_dir);
            }
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

/// So much more than its length may a complete file have on the disk.
const SLACK: u64 = 1024 * 1024;

/// Brings one file of a volume into order. One that ends as a complete one does is taken for it.
pub(crate) fn take(path: &Path, volume: u16) -> Result<Taken, Error> {
    bring(path, volume, false)
}

/// The same where the power may have gone while the file was being sealed: its end may have come to the disk before the rest of
/// it, so that all of it is read. What nobody was told to be recorded is cut back, or removed, as any other.
pub(crate) fn take_in_doubt(path: &Path, volume: u16) -> Result<Taken, Error> {
    bring(path, volume, true)
}

fn bring(path: &Path, volume: u16, in_doubt: bool) -> Result<Taken, Error> {
    let file = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|e| Error::io("open", path, e))?;
    let ends = reader::read_ends(path, &file).or_else(content_is_none)?;
    let whole = match &ends {
        Some(ends) if in_doubt => {
            let seal = &ends.seal;
            let digest = reader::digest(path, &file, seal.covered_bytes, seal.function)?;
            digest.value() == seal.digest
        }
        _ => true,
    };
    if let Some(ends) = ends.filter(|_| whole) {
        let (header, seal, bytes) = (ends.header, ends.seal, ends.bytes);
        let entry = Entry {
            start: header.start,
            end: seal.end,
            sequence: header.sequence,
            bytes,
            volume,
            origin: header.origin,
        };
        let feed = FeedId {
            camera: header.camera,
            profile: header.profile,
        };
        // Killed between the seal and giving back what was set aside.
        if file
            .metadata()
            .is_ok_and(|m| m.blocks().saturating_mul(512) > bytes + SLACK)
            && let Err(e) = file.set_len(bytes)
        {
            tracing::warn!(path = %path.display(), error = %e, "recordings: what was set aside is not given back");
        }
        return Ok(Taken::Complete(feed, entry));
    }
    let layout = match Layout::read(path, &file, None) {
        Ok(layout) => layout,
        // It was never completed, and its head never came to the disk: nothing of it can be played.
        Err(Error::Content { .. }) if in_doubt || !reader::is_sealed(path, &file)? => {
            return remove(path);
        }
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
        volume,
        origin: writer.header().origin,
    };
    Ok(Taken::Sealed(feed, entry, cut))
}

fn content_is_none<T>(e: Error) -> Result<Option<T>, Error> {
    match e {
        Error::Content { .. } => Ok(None),
        e => Err(e),
    }
}

fn remove(path: &Path) -> Result<Taken, Error> {
    let bytes = fs::metadata(path).map_or(0, |m| m.len());
    fs::remove_file(path).map_err(|e| Error::io("remove", path, e))?;
    tracing::warn!(bytes, path = %path.display(), "recordings: a segment without a whole fragment was removed");
    Ok(Taken::Empty)
}

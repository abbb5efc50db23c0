//! Taking in segment files that the index does not know: after a crash, or all of them after the index was lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs::{self, File},
    path::{Path, PathBuf},
};

use media::{CameraId, FeedId, Profile, WallTime};

use crate::{
    Error,
    index::{
        Entry, Segments,
        part::{HOURS, week},
    },
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

/// Brings the index into line with the files at start: weeks that it has not are made from all their files; in the newest week
/// of each camera, files newer than, or in the hour of, the newest row are entered.
pub(crate) fn take_in(recordings: &Path, segments: &Segments) -> Result<(), Error> {
    if segments.is_fresh() {
        tracing::info!(path = %recordings.display(), "index: new; it is made from the files");
    }
    let known: BTreeSet<u32> = segments.weeks().into_iter().collect();
    let lost = segments.take_lost();
    let mut missing = BTreeSet::new();
    let mut cameras = Vec::new();
    for dir in list(recordings)? {
        let Some(camera) = name(&dir).and_then(|n| n.parse::<CameraId>().ok()) else {
            continue;
        };
        let mut newest = None;
        for day in list(&dir)? {
            let Some(first) = name(&day).and_then(first_hour) else {
                continue;
            };
            // A day lies in one week: weeks begin at midnight, as days do.
            let week = week(first);
            newest = newest.max(Some(week));
            if !known.contains(&week) || lost.contains(&week) {
                missing.insert(week);
            }
        }
        if let Some(newest) = newest {
            cameras.push((camera, dir, newest));
        }
    }
    let mut taker = Taker::new(segments);
    // The newest first: it is what is asked for.
    for week in missing.iter().rev() {
        taker.weeks(recordings, [*week].into())?;
    }
    for (camera, dir, newest) in cameras {
        if missing.contains(&newest) {
            continue;
        }
        let mut since: Option<WallTime> = None;
        for profile in Profile::ALL {
            let last = segments.last_of_week(FeedId { camera, profile }, newest)?;
            since = since.max(last.map(|e| e.start));
        }
        // One hour more: the other profile's newest segment may have begun just before the hour.
        let since = match since {
            Some(at) => at - std::time::Duration::from_secs(3600),
            None => WallTime(i64::from(newest * HOURS) * 3_600_000_000),
        };
        let known = self::known(recordings, segments, camera, since)?;
        for hour in hours(&dir, Some(since))? {
            taker.hour(&hour, &known)?;
        }
    }
    taker.done()
}

/// Makes weeks that were lost again from their files.
pub(crate) fn take_in_weeks(
    recordings: &Path,
    segments: &Segments,
    weeks: BTreeSet<u32>,
) -> Result<(), Error> {
    let mut taker = Taker::new(segments);
    taker.weeks(recordings, weeks)?;
    taker.done()
}

/// Enters files, an hour of a camera at a time.
struct Taker<'a> {
    segments: &'a Segments,
    found: u64,
    sealed: u64,
    said: u64,
}

/// Files between two words of progress.
const SAY_EVERY: u64 = 10_000;

impl<'a> Taker<'a> {
    fn new(segments: &'a Segments) -> Self {
        Self {
            segments,
            found: 0,
            sealed: 0,
            said: 0,
        }
    }

    fn weeks(&mut self, recordings: &Path, weeks: BTreeSet<u32>) -> Result<(), Error> {
        for dir in list(recordings)? {
            if name(&dir).is_none_or(|n| n.parse::<CameraId>().is_err()) {
                continue;
            }
            for day in list(&dir)? {
                let first = name(&day).and_then(first_hour);
                if first.is_some_and(|first| weeks.contains(&week(first))) {
                    for hour in list(&day)? {
                        self.hour(&hour, &HashSet::new())?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Enters the files of an hour's directory that are not known.
    fn hour(&mut self, dir: &Path, known: &HashSet<PathBuf>) -> Result<(), Error> {
        let mut rows: BTreeMap<(FeedId, u32), Vec<Entry>> = BTreeMap::new();
        for path in list(dir)? {
            if path.extension().is_none_or(|e| e != "mp4") || known.contains(&path) {
                continue;
            }
            match take(&path) {
                Ok(taken) => {
                    if let Some((feed, entry)) = taken.entry() {
                        let row = rows.entry((feed, entry.start.hour())).or_default();
                        row.push(entry);
                        self.found += 1;
                    }
                    if let Taken::Sealed(_, _, cut) = taken {
                        self.sealed += 1;
                        tracing::warn!(path = %path.display(), cut_bytes = cut, "recordings: a segment that was not sealed was cut back and sealed");
                    }
                }
                // One bad file must not keep the gateway from starting; `check` names it again.
                Err(e) => {
                    tracing::error!(path = %path.display(), error = %e, "recordings: a file is left out")
                }
            }
        }
        for ((feed, hour), row) in rows {
            self.segments.insert_hour(feed, hour, &row)?;
        }
        if self.found / SAY_EVERY > self.said {
            self.said = self.found / SAY_EVERY;
            tracing::info!(segments = self.found, at = %dir.display(), "index: being made from the files");
        }
        Ok(())
    }

    fn done(self) -> Result<(), Error> {
        if self.found > 0 {
            self.segments.flush()?;
            tracing::info!(
                segments = self.found,
                sealed = self.sealed,
                "recordings: taken into the index"
            );
        }
        Ok(())
    }
}

/// The first hour of a day's directory (`20261123`), in hours since 1970.
fn first_hour(day: &str) -> Option<u32> {
    if day.len() != 8 || !day.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let text = format!("{}-{}-{}T00:00:00Z", &day[..4], &day[4..6], &day[6..]);
    Some(text.parse::<WallTime>().ok()?.hour())
}

/// The files that the index has from the hour of `since` on.
fn known(
    recordings: &Path,
    segments: &Segments,
    camera: CameraId,
    since: WallTime,
) -> Result<HashSet<PathBuf>, Error> {
    let mut out = HashSet::new();
    let hour = WallTime(since.0.div_euclid(3_600_000_000) * 3_600_000_000);
    for profile in Profile::ALL {
        let feed = FeedId { camera, profile };
        let entries = segments.range(feed, hour, WallTime(i64::MAX))?;
        out.extend(entries.iter().map(|e| paths::segment(recordings, feed, e)));
    }
    Ok(out)
}

/// The newest segment of a feed by the names of its files: also what no index knows.
pub(crate) fn newest(recordings: &Path, feed: FeedId) -> Result<Option<PathBuf>, Error> {
    let dir = recordings.join(feed.camera.as_str());
    for day in list(&dir)?.into_iter().rev() {
        for hour in list(&day)?.into_iter().rev() {
            let files = list(&hour)?;
            let newest = files
                .into_iter()
                .filter_map(|path| Some((sequence(&path, feed.profile)?, path)))
                .max();
            if let Some((_, path)) = newest {
                return Ok(Some(path));
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

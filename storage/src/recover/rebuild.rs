//! The index, made from the files: at start what a crash left, and in the background whole weeks that were lost.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use media::{CameraId, FeedId, Profile, WallTime};
use serde::Serialize;
use tokio::sync::watch;

use super::{Taken, hours, list, name, take, take_in_doubt};
use crate::{
    Error,
    archive::Shared,
    claims::Claims,
    index::{Entry, Segments, part::week},
    volume::{Volume, Volumes},
};

/// How far the index has been made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Days of cameras that have been read.
    pub done: u64,
    /// Of so many.
    pub of: u64,
    /// Segments found in them.
    pub segments: u64,
}

/// What is to be made from the files.
#[derive(Clone, Debug, Default)]
struct Todo {
    /// Weeks, with how often each was lost when this was written.
    weeks: BTreeMap<u32, u64>,
    /// Volumes of which every file is to be looked at.
    volumes: BTreeSet<u16>,
}

impl Todo {
    fn is_empty(&self) -> bool {
        self.weeks.is_empty() && self.volumes.is_empty()
    }
}

/// Where the making stands.
#[derive(Debug, Default)]
pub(crate) struct Rebuild {
    state: Mutex<State>,
    progress: watch::Sender<Option<Progress>>,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    /// Volumes that are back since.
    volumes: BTreeSet<u16>,
}

impl Rebuild {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn progress(&self) -> watch::Receiver<Option<Progress>> {
        self.progress.subscribe()
    }

    pub(crate) fn now(&self) -> Option<Progress> {
        *self.progress.borrow()
    }

    /// What is lost will be made again: told from the first moment on.
    pub(crate) fn announce(&self) {
        self.progress.send_if_modified(|p| {
            let was = p.is_some();
            p.get_or_insert_default();
            !was
        });
    }
}

/// Files read at the same time: a disk has something to sort, and two cores something left for the recorders.
const READERS: usize = 2;
/// After an error, before it is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// Files between two words of progress.
const SAY_EVERY: u64 = 100_000;

/// Brings the index into line with the files at start, as far as that is quick: in the newest week of each camera, files newer
/// than, or in the hour of, the newest row are entered. Weeks that are not there are marked as lost.
pub(crate) fn take_in(
    volumes: &Volumes,
    segments: &Segments,
    claims: &Claims,
    in_doubt: bool,
) -> Result<(), Error> {
    let known: BTreeSet<u32> = segments.weeks().into_iter().collect();
    let mut cameras: BTreeMap<CameraId, Found> = BTreeMap::new();
    for volume in volumes.readable() {
        let found = look(volume, &mut cameras);
        if let Err(e) = found {
            tracing::error!(volume = volume.number, error = %e, "volume: its recordings are not looked at");
            volumes.failed(volume, &e);
        }
    }
    let there: BTreeSet<u32> = cameras.values().flat_map(|c| &c.weeks).copied().collect();
    for week in there.difference(&known) {
        segments.lose(*week)?;
    }
    let lost = segments.lost();
    let mut taker = Taker::new(segments, claims);
    taker.in_doubt = in_doubt;
    for (camera, found) in &cameras {
        taker.newest(*camera, found, &lost)?;
    }
    taker.done()
}

/// What there is of a camera.
#[derive(Debug, Default)]
struct Found {
    /// Its directories, with their volumes.
    dirs: Vec<(u16, PathBuf)>,
    weeks: BTreeSet<u32>,
}

fn look(volume: &Volume, cameras: &mut BTreeMap<CameraId, Found>) -> Result<(), Error> {
    for dir in list(&volume.path)? {
        let Some(camera) = name(&dir).and_then(|n| n.parse::<CameraId>().ok()) else {
            continue;
        };
        let found = cameras.entry(camera).or_default();
        // A day lies in one week: weeks begin at midnight, as days do.
        let days = list(&dir)?;
        let firsts = days.iter().filter_map(|day| name(day).and_then(first_hour));
        found.weeks.extend(firsts.map(week));
        found.dirs.push((volume.number, dir));
    }
    Ok(())
}

/// Enters files, an hour of a camera at a time.
struct Taker<'a> {
    segments: &'a Segments,
    claims: &'a Claims,
    /// Files that the index does not know are read as a whole.
    in_doubt: bool,
    found: AtomicU64,
    sealed: AtomicU64,
}

impl<'a> Taker<'a> {
    fn new(segments: &'a Segments, claims: &'a Claims) -> Self {
        Self {
            segments,
            claims,
            in_doubt: false,
            found: AtomicU64::new(0),
            sealed: AtomicU64::new(0),
        }
    }

    /// Enters what is newer than a camera's newest row, and what lies in the newest two hours of each volume.
    fn newest(
        &self,
        camera: CameraId,
        found: &Found,
        lost: &BTreeMap<u32, u64>,
    ) -> Result<(), Error> {
        let mut since = None;
        for week in found.weeks.iter().rev() {
            // What is lost is made again as a whole; its open end is brought into order here all the same.
            if lost.contains_key(week) {
                since = Some(WallTime(i64::MAX));
                break;
            }
            let mut last: Option<WallTime> = None;
            for profile in Profile::ALL {
                let row = self
                    .segments
                    .last_of_week(FeedId { camera, profile }, *week)?;
                last = last.max(row.map(|e| e.start));
            }
            // One hour more: the other profile's newest segment may have begun just before the hour.
            since = last.map(|at| at - Duration::from_secs(3600));
            if since.is_some() {
                break;
            }
        }
        for (volume, dir) in &found.dirs {
            let mut newer = hours(dir, since)?;
            let all = newest_hours(dir)?;
            newer.extend(
                all.into_iter()
                    .filter(|hour| !newer.contains(hour))
                    .collect::<Vec<_>>(),
            );
            for hour in newer {
                self.hour(&hour, *volume, true)?;
            }
        }
        Ok(())
    }

    /// Enters the files of an hour's directory; those that the index has already are passed over where `known` says to look.
    fn hour(&self, dir: &Path, volume: u16, known: bool) -> Result<(), Error> {
        let removals = self.segments.removals();
        let files = list(dir)?;
        let known = match known {
            true => self.known(dir, &files)?,
            false => HashSet::new(),
        };
        let mut rows: BTreeMap<(FeedId, u32), Vec<(Entry, PathBuf)>> = BTreeMap::new();
        for path in files {
            if path.extension().is_none_or(|e| e != "mp4")
                || sequence_and_profile(&path).is_some_and(|file| known.contains(&file))
            {
                continue;
            }
            // Its recorder has it in hand, and enters it.
            let Some(_claim) = self.claims.claim(&path) else {
                continue;
            };
            // Of a week that was lost the index knows nothing: then recorders look at the newest file of each.
            let taken = match self.in_doubt && !known.is_empty() {
                true => take_in_doubt(&path, volume),
                false => take(&path, volume),
            };
            match taken {
                Ok(taken) => {
                    if let Some((feed, entry)) = taken.entry() {
                        let row = rows.entry((feed, entry.start.hour())).or_default();
                        row.push((entry, path.clone()));
                        self.found.fetch_add(1, Ordering::Relaxed);
                    }
                    if let Taken::Sealed(_, _, cut) = taken {
                        self.sealed.fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(path = %path.display(), cut_bytes = cut, "recordings: a segment that was not sealed was cut back and sealed");
                    }
                }
                Err(e) if e.is_not_found() => {}
                // One bad file must not keep the gateway from starting; `check` names it again.
                Err(e) => {
                    tracing::error!(path = %path.display(), error = %e, "recordings: a file is left out")
                }
            }
        }
        for ((feed, hour), row) in rows {
            let entries: Vec<Entry> = row.iter().map(|(entry, _)| *entry).collect();
            self.segments.insert_hour(feed, hour, &entries)?;
            if self.segments.removals() != removals {
                // Deleted while it was read: then it must not be in the index either.
                let gone = row.iter().filter(|(_, path)| !path.exists());
                let gone: Vec<Entry> = gone.map(|(entry, _)| *entry).collect();
                self.segments.remove(feed, &gone)?;
            }
        }
        Ok(())
    }

    /// The files of an hour that the index has, by profile and sequence.
    fn known(&self, dir: &Path, files: &[PathBuf]) -> Result<HashSet<(Profile, u64)>, Error> {
        let parts = dir
            .ancestors()
            .take(3)
            .map(name)
            .collect::<Option<Vec<_>>>();
        let Some([hour, day, camera]) = parts.as_deref() else {
            return Ok(HashSet::new());
        };
        let first = first_hour(day).zip(hour.parse::<u32>().ok());
        let (Some((first, hour)), Ok(camera)) = (first, camera.parse::<CameraId>()) else {
            return Ok(HashSet::new());
        };
        let mut out = HashSet::with_capacity(files.len());
        for profile in Profile::ALL {
            let feed = FeedId { camera, profile };
            let row = self.segments.row(feed, first + hour)?;
            out.extend(row.iter().map(|e| (profile, e.sequence)));
        }
        Ok(out)
    }

    fn done(self) -> Result<(), Error> {
        let found = self.found.into_inner();
        if found > 0 {
            self.segments.flush()?;
            let sealed = self.sealed.into_inner();
            tracing::info!(segments = found, sealed, "recordings: taken into the index");
        }
        Ok(())
    }
}

fn sequence_and_profile(path: &Path) -> Option<(Profile, u64)> {
    Profile::ALL
        .into_iter()
        .find_map(|profile| Some((profile, super::sequence(path, profile)?)))
}

/// The newest two hours of a camera's directory.
fn newest_hours(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut out = Vec::new();
    for day in list(dir)?.into_iter().rev() {
        out.extend(list(&day)?.into_iter().rev());
        if out.len() >= 2 {
            break;
        }
    }
    out.truncate(2);
    Ok(out)
}

/// The first hour of a day's directory (`20261123`), in hours since 1970.
fn first_hour(day: &str) -> Option<u32> {
    if day.len() != 8 || !day.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let text = format!("{}-{}-{}T00:00:00Z", &day[..4], &day[4..6], &day[6..]);
    Some(text.parse::<WallTime>().ok()?.hour())
}

/// A volume is back: what was left open on it is sealed, and what was made again without it is completed.
pub(crate) fn volume_is_back(shared: &Arc<Shared>, volume: &Volume) {
    let sealed = || -> Result<(), Error> {
        let mut cameras = BTreeMap::new();
        look(volume, &mut cameras)?;
        let taker = Taker::new(&shared.segments, &shared.claims);
        for found in cameras.values() {
            for (number, dir) in &found.dirs {
                for hour in newest_hours(dir)? {
                    taker.hour(&hour, *number, true)?;
                }
            }
        }
        taker.done()
    };
    if let Err(e) = sealed() {
        tracing::error!(volume = volume.number, error = %e, "volume: what was left open is not all sealed; the next start does it");
    }
    if shared.segments.behind(volume.number).exists() {
        shared.rebuild.lock().volumes.insert(volume.number);
        rebuild_lost(shared);
    }
}

/// Begins to make again what is lost, where that is not under way.
pub(crate) fn rebuild_lost(shared: &Arc<Shared>) {
    let mut state = shared.rebuild.lock();
    if state.running || (state.volumes.is_empty() && shared.segments.lost().is_empty()) {
        return;
    }
    state.running = true;
    drop(state);
    shared.rebuild.announce();
    let of = Arc::clone(shared);
    // A task of the archive: its end waits for this, and this looks at `stop`.
    let running = shared.tasks.token();
    let spawned = std::thread::Builder::new()
        .name("index".into())
        .spawn(move || {
            run(&of);
            drop(running);
        });
    if let Err(e) = spawned {
        tracing::error!(error = %e, "index: no thread to make it again; tried again");
        shared.rebuild.lock().running = false;
    }
}

/// Until nothing is lost any more.
fn run(shared: &Shared) {
    loop {
        let mut state = shared.rebuild.lock();
        let todo = Todo {
            weeks: shared.segments.lost(),
            volumes: state.volumes.clone(),
        };
        if todo.is_empty() || shared.stop.is_cancelled() {
            state.running = false;
            drop(state);
            if todo.is_empty() {
                shared.rebuild.progress.send_replace(None);
            }
            return;
        }
        drop(state);
        tracing::info!(weeks = todo.weeks.len(), volumes = ?todo.volumes, "index: made again from the files");
        match make(shared, &todo) {
            Ok(()) => {}
            Err(e) => {
                tracing::error!(error = %e, "index: not made again yet; tried again");
                for _ in 0..AGAIN.as_secs() {
                    if !shared.stop.is_cancelled() {
                        std::thread::park_timeout(Duration::from_secs(1));
                    }
                }
            }
        }
    }
}

/// Directories of days on a volume: first hour, volume, path.
fn days_of(
    volume: &Volume,
    wanted: impl Fn(u32) -> bool,
) -> Result<Vec<(u32, u16, PathBuf)>, Error> {
    let mut out = Vec::new();
    for dir in list(&volume.path)? {
        if name(&dir).is_none_or(|n| n.parse::<CameraId>().is_err()) {
            continue;
        }
        for day in list(&dir)? {
            let first = name(&day).and_then(first_hour);
            if let Some(first) = first.filter(|first| wanted(*first)) {
                out.push((first, volume.number, day));
            }
        }
    }
    Ok(out)
}

/// Does it; where the archive is closed before the end, what is lost stays so.
fn make(shared: &Shared, todo: &Todo) -> Result<(), Error> {
    // The newest first: it is what is asked for.
    let mut days: Vec<(u32, u16, PathBuf)> = Vec::new();
    for volume in shared.volumes.all() {
        let wanted =
            |first| todo.volumes.contains(&volume.number) || todo.weeks.contains_key(&week(first));
        let found = match volume.unreadable() {
            None => days_of(volume, wanted),
            Some(reason) => Err(Error::Volume {
                what: format!("volume {}", volume.number),
                why: reason.text,
            }),
        };
        match found {
            Ok(found) => days.extend(found),
            Err(e) => {
                // What it holds is missing until it is back.
                tracing::error!(error = %e, "index: made again without a volume");
                shared.volumes.failed(volume, &e);
                let mark = shared.segments.behind(volume.number);
                fs::write(&mark, "").map_err(|e| Error::io("write", &mark, e))?;
            }
        }
    }
    days.sort_unstable_by(|a, b| b.cmp(a));
    let taker = Taker::new(&shared.segments, &shared.claims);
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let read = || -> Result<(), Error> {
        while let Some((_, volume, day)) = days.get(next.fetch_add(1, Ordering::Relaxed)) {
            for hour in list(day)? {
                if shared.stop.is_cancelled() {
                    return Ok(());
                }
                taker.hour(&hour, *volume, false)?;
            }
            let progress = Progress {
                done: done.fetch_add(1, Ordering::Relaxed) + 1,
                of: days.len() as u64,
                segments: taker.found.load(Ordering::Relaxed),
            };
            let before = shared.rebuild.progress.send_replace(Some(progress));
            if before.is_none_or(|b| b.segments / SAY_EVERY < progress.segments / SAY_EVERY) {
                tracing::info!(
                    days = progress.done,
                    of = progress.of,
                    segments = progress.segments,
                    "index: being made from the files"
                );
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..READERS).map(|_| scope.spawn(read)).collect();
        let own = read();
        others
            .into_iter()
            .map(|other| {
                let ended = other.join();
                ended.unwrap_or(Err(Error::Closed("a reader of files")))
            })
            .fold(own, Result::and)
    })?;
    if shared.stop.is_cancelled() {
        return Ok(());
    }
    taker.done()?;
    for (week, times) in &todo.weeks {
        shared.segments.healed(*week, *times)?;
    }
    for volume in &todo.volumes {
        let mark = shared.segments.behind(*volume);
        let is_there = shared
            .volumes
            .get(*volume)
            .is_some_and(|v| v.unreadable().is_none());
        if is_there
            && let Err(e) = fs::remove_file(&mark)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Error::io("remove", &mark, e));
        }
        shared.rebuild.lock().volumes.remove(volume);
    }
    Ok(())
}

//! What keeps segments from deletion while they are read, and playbacks that are asked for again.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use media::{CameraId, WallTime};

use super::Playback;

/// Which files are being read. An open file would hold them too, but a day's playback would then need 1,440 of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    pinned: Mutex<HashMap<PathBuf, usize>>,
    /// Files that are not what they say of themselves at their ends.
    doubted: Mutex<HashSet<PathBuf>>,
}

/// Of more files than these it is not remembered that they are not what they should be.
const MAX_DOUBTED: usize = 10_000;

/// Keeps one file until dropped.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Pins,
    path: PathBuf,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, usize>> {
        let pinned = &self.0.pinned;
        pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doubted(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        let doubted = &self.0.doubted;
        doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the file is to be read before anything is said of it.
    pub(crate) fn is_doubted(&self, path: &Path) -> bool {
        self.doubted().contains(path)
    }

    pub(crate) fn pin(&self, path: &Path) -> Pin {
        *self.lock().entry(path.to_owned()).or_default() += 1;
        Pin {
            pins: self.clone(),
            path: path.to_owned(),
        }
    }

    /// Does something to a file while nobody can pin it; none where somebody has.
    pub(crate) fn unless_pinned<T>(&self, path: &Path, act: impl FnOnce() -> T) -> Option<T> {
        let pins = self.lock();
        (!pins.contains_key(path)).then(act)
    }
}

impl Pin {
    /// The file is not what it says of itself at its end: from now on it is read before anything is said of it.
    pub(crate) fn doubt(&self) {
        let mut doubted = self.pins.doubted();
        if doubted.len() < MAX_DOUBTED {
            doubted.insert(self.path.clone());
        }
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.pins.lock();
        if let Some(count) = pins.get_mut(&self.path) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.path);
            }
        }
    }
}

/// Playbacks asked for lately: a player asks for many pieces of one, and all must be of the same file.
#[derive(Debug, Default)]
pub(crate) struct Plans(Mutex<Vec<Kept>>);

#[derive(Debug)]
struct Kept {
    of: (CameraId, WallTime, WallTime),
    playback: Playback,
    used: Instant,
}

/// Kept for so long after the last use.
const KEEP: Duration = Duration::from_secs(120);
/// So many, and the bytes of their tables.
const MAX: usize = 64;
const MAX_BYTES: usize = 64 * 1024 * 1024;

impl Plans {
    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, camera: CameraId, from: WallTime, to: WallTime) -> Option<Playback> {
        let mut all = self.lock();
        all.retain(|kept| kept.used.elapsed() < KEEP && !kept.playback.is_broken());
        let kept = all.iter_mut().find(|kept| kept.of == (camera, from, to))?;
        kept.used = Instant::now();
        Some(kept.playback.clone())
    }

    pub(crate) fn put(&self, camera: CameraId, from: WallTime, to: WallTime, playback: &Playback) {
        let mut all = self.lock();
        all.push(Kept {
            of: (camera, from, to),
            playback: playback.clone(),
            used: Instant::now(),
        });
        // The least lately used go first; the newest always stays.
        all.sort_by_key(|kept| std::cmp::Reverse(kept.used));
        let mut bytes = 0;
        let fits = all.iter().take_while(|kept| {
            bytes += kept.playback.held();
            bytes <= MAX_BYTES
        });
        let keep = fits.count().clamp(1, MAX);
        all.truncate(keep);
    }

    /// Forgets what nobody asked for lately: it keeps segments from deletion.
    pub(crate) fn expire(&self) {
        self.lock().retain(|kept| kept.used.elapsed() < KEEP);
    }
}

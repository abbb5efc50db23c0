//! Looks at volumes: are they what they were, is there room, do they take a write again. And has them bring to the disk what
//! was written.

use std::{
    collections::HashSet,
    fs,
    io::IoSlice,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use media::{Reason, ReasonCode};
use tokio::time::MissedTickBehavior;

use super::{
    PROBE, Space, Volume, Volumes, identity,
    identity::{Identity, is_mount_point},
    wait,
};
use crate::{Error, archive::Shared, events::blocking, recover};

/// How often volumes that do well are looked at.
const REGULAR: Duration = Duration::from_secs(30);
/// Less free than this is full.
const FULL: u64 = 1024 * 1024;

impl Volumes {
    /// Looks at a volume; true where it was out, or could not be read, and is back. Blocking.
    pub(super) fn look(&self, volume: &Volume) -> bool {
        let identified = self.identify(volume);
        let space = identified.and_then(|()| Space::of(&volume.path));
        let space = match space {
            Ok(space) => space,
            Err(e) => {
                let reason = match &e {
                    Error::Volume { .. } => e.reason(),
                    _ => named(volume, &e),
                };
                self.lose(volume, reason);
                return false;
            }
        };
        let mut state = volume.lock();
        state.space = space;
        let was_lost = state.unreadable.take().is_some();
        let (out, failures) = (state.out.is_some(), state.failures);
        state.due = Instant::now() + if out { wait(failures) } else { REGULAR };
        drop(state);
        if !out {
            return was_lost;
        }
        if volume.listed {
            let tried = self.try_write(volume, space);
            if let Err(e) = tried {
                let mut state = volume.lock();
                state.failures = state.failures.saturating_add(1);
                state.due = Instant::now() + wait(state.failures);
                tracing::debug!(volume = volume.number, error = %e, "volume: still out");
                return was_lost;
            }
        }
        self.back(volume);
        true
    }

    /// It is not there, or is another one.
    fn lose(&self, volume: &Volume, reason: Reason) {
        let mut state = volume.lock();
        let is_new = state.unreadable.as_ref().map(|r| &r.text) != Some(&reason.text);
        state.unreadable = Some(reason.clone());
        state.failures = state.failures.saturating_add(1);
        state.due = Instant::now() + wait(state.failures);
        drop(state);
        if is_new && (volume.listed || volume.number != 0) {
            tracing::error!(volume = volume.number, path = %volume.path.display(), %reason, "volume: not to be had");
        }
        self.put_out(volume, reason);
    }

    /// Whether the directory is the volume that it should be; one that is new is made one.
    fn identify(&self, volume: &Volume) -> Result<(), Error> {
        let path = &volume.path;
        let not = |why: String| Error::Volume {
            what: volume.name(),
            why,
        };
        if volume.number == 0 {
            // The data directory's own: that says whose it is.
            return match fs::metadata(path) {
                Ok(meta) if meta.is_dir() => Ok(()),
                Ok(_) => Err(not("it is no directory".into())),
                Err(e) => Err(Error::io("open", path, e)),
            };
        }
        let id = volume.lock().id;
        match (Identity::read(path)?, id) {
            (Some(said), _) if said.of != self.of => Err(not(format!(
                "it holds volume {} of another gateway (data directory {:032x})",
                said.number, said.of
            ))),
            (Some(said), id)
                if said.number != volume.number || id.is_some_and(|id| id != said.id) =>
            {
                Err(not(format!(
                    "it holds volume {}, identity {:032x}: the disks were swapped, or one was copied",
                    said.number, said.id
                )))
            }
            (Some(said), _) => {
                volume.lock().id = Some(said.id);
                Ok(())
            }
            (None, Some(_)) => Err(not(match is_mount_point(path) {
                true => {
                    "another disk is mounted there: it does not hold this volume's identity".into()
                }
                false => {
                    "its disk is not mounted: the directory does not hold this volume's identity"
                        .into()
                }
            })),
            (None, None) => {
                self.files.make_dirs(path)?;
                if let Some(found) = identity::something(path)? {
                    return Err(not(format!(
                        "it is no volume, and not empty: it holds '{found}'"
                    )));
                }
                let made = Identity {
                    id: rand::random(),
                    of: self.of,
                    number: volume.number,
                };
                made.write(path)?;
                volume.lock().id = Some(made.id);
                tracing::info!(volume = volume.number, path = %path.display(), "volume: new");
                Ok(())
            }
        }
    }

    /// Whether it takes a write.
    fn try_write(&self, volume: &Volume, space: Space) -> Result<(), Error> {
        if space.free < FULL {
            let full = std::io::ErrorKind::StorageFull.into();
            return Err(Error::io("write", &volume.path, full));
        }
        let path = volume.path.join(PROBE);
        self.files.remove(&path)?;
        let file = self.files.create(&path)?;
        let zeros = vec![0; 64 * 1024];
        let written = self
            .files
            .write_all(&file, &path, 0, &mut [IoSlice::new(&zeros)])
            .map_err(|e| Error::io("write", &path, e))
            .and_then(|()| self.files.sync(&file, &path));
        let removed = self.files.remove(&path);
        written.and(removed)
    }

    /// Brings to the disk what was written to a volume, also of segments that are still open: what a power cut may take is what
    /// came since. One call for all of them, where a sync of each file would be a seek each. Blocking.
    pub(crate) fn flush(&self, volume: &Volume) {
        let synced = self.files.sync_all(&volume.path);
        volume.lock().flushed = Instant::now();
        if let Err(e) = synced {
            // Each file's own sync at its seal says so again, and what it holds is then written anew.
            self.failed(volume, &e);
        }
    }

    /// Volumes that are written to and were not flushed for so long; one of each disk.
    fn unflushed(&self, period: Duration) -> Vec<Arc<Volume>> {
        let mut devices = HashSet::new();
        let due = |v: &&Arc<Volume>| {
            if v.open.load(Ordering::Relaxed) == 0 || v.is_out() {
                return false;
            }
            let state = v.lock();
            let (device, flushed) = (state.space.device, state.flushed);
            drop(state);
            flushed.elapsed() >= period
                && devices.insert(device)
                && !v.flushing.swap(true, Ordering::Relaxed)
        };
        self.list.iter().filter(due).cloned().collect()
    }

    /// Volumes that it is time to look at; one that hangs is put out here.
    fn due(&self, hangs: Duration) -> Vec<Arc<Volume>> {
        let now = Instant::now();
        let mut out = Vec::new();
        for volume in &self.list {
            let oldest = volume.pool.get().map(|p| p.oldest());
            if let Some(time) = oldest.filter(|time| *time >= hangs) {
                let text = format!(
                    "{}: a call has not come back for {} s",
                    volume.name(),
                    time.as_secs()
                );
                self.put_out(volume, Reason::new(ReasonCode::DiskSlow, text));
                continue;
            }
            if volume.lock().due <= now && !volume.looking.swap(true, Ordering::Relaxed) {
                out.push(Arc::clone(volume));
            }
        }
        out
    }
}

fn named(volume: &Volume, e: &Error) -> Reason {
    let reason = e.reason();
    Reason::new(reason.code, format!("{}: {}", volume.name(), reason.text))
}

/// Looks at volumes for as long as the archive is open, and takes in what one that is back holds.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stop = shared.stop.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = timer.tick() => {}
        }
        let hangs = Duration::from_secs(shared.config.hang_seconds.max(1).into());
        for volume in shared.volumes.due(hangs) {
            let shared = Arc::clone(&shared);
            // Not waited for: a disk that hangs holds up its own look only.
            tokio::spawn(blocking(move || {
                let is_back = shared.volumes.look(&volume);
                if let Err(e) = shared.volumes.note() {
                    tracing::error!(error = %e, "volumes: the list is not written");
                }
                volume.looking.store(false, Ordering::Relaxed);
                if is_back {
                    recover::volume_is_back(&shared, &volume);
                }
                Ok(())
            }));
        }
        let period = Duration::from_secs(shared.config.flush_seconds.max(1).into());
        for volume in shared.volumes.unflushed(period) {
            let shared = Arc::clone(&shared);
            tokio::spawn(blocking(move || {
                shared.volumes.flush(&volume);
                volume.flushing.store(false, Ordering::Relaxed);
                Ok(())
            }));
        }
        recover::rebuild_lost(&shared);
    }
}

//! The disks that recordings lie on.
//!
//! Volume 0 is the data directory's own `recordings`; others are listed in the configuration and have a file that says which one
//! they are (`identity.rs`). The index names a segment's volume by its number, so that a disk can be mounted elsewhere. A volume
//! on which a call failed is out: nothing new is put there while another one takes things. It is looked at again and again, ever
//! more seldom, and comes back by itself (`watch.rs`). One that is not there, or is another's, is neither written nor read, and
//! what it holds is told as not to be had for now.

mod identity;
mod place;
mod watch;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use media::{ByteCount, CameraId, FeedId, Reason, WallTime};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

pub(crate) use self::identity::NAME as IDENTITY;
use self::{identity::Identity, place::Candidate};
use crate::{
    DataDir, Error,
    alarm::{VolumeAlarm, VolumeAlarmKind},
    datadir::write_whole,
    files::Files,
    index::Entry,
    paths,
    pool::Pool,
};
pub use place::Policy;
pub(crate) use watch::watch;

/// The file that a look writes and removes.
const PROBE: &str = ".sightline-probe";
/// The first wait before a volume that is out is looked at again, and the longest.
const FIRST_LOOK: Duration = Duration::from_secs(2);
const LONGEST_LOOK: Duration = Duration::from_secs(60);
/// One that has done well for so long is trusted as at first.
const TRUSTED: Duration = Duration::from_secs(600);
/// Alarms that a late receiver may lag behind.
const CHANNEL: usize = 256;

/// How a volume is; for status pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeStatus {
    /// Its number, as the index has it; 0 is the data directory's own.
    pub number: u16,
    /// What its identity file says, hexadecimal; none until it has been made a volume of ours.
    pub id: Option<String>,
    /// Where it is.
    pub path: PathBuf,
    /// New recordings are put there; false for one that was taken out of the configuration and is only read.
    pub takes: bool,
    /// Nothing is put there since, and why.
    pub out: Option<(WallTime, Reason)>,
    /// It cannot be read either.
    pub unreadable: Option<Reason>,
    /// Free on its file system, bytes; as of the last look.
    pub free: ByteCount,
    /// Size of its file system, bytes.
    pub total: ByteCount,
    /// Segments being written there.
    pub open: u32,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Volume {
    pub(crate) number: u16,
    pub(crate) path: PathBuf,
    /// New recordings are put there.
    pub(crate) listed: bool,
    pool: OnceLock<Pool>,
    state: Mutex<State>,
    open: AtomicU32,
    /// A look is under way: one that hangs is not joined by others.
    looking: AtomicBool,
    /// What was written is being brought to the disk.
    flushing: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// None until it has been made a volume of ours.
    id: Option<u128>,
    out: Option<(WallTime, Reason)>,
    unreadable: Option<Reason>,
    /// How often it failed of late.
    failures: u32,
    last_failure: Option<Instant>,
    in_since: Instant,
    due: Instant,
    /// When what was written was brought to the disk last.
    flushed: Instant,
    space: Space,
}

/// What a file system has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Space {
    pub(crate) free: u64,
    pub(crate) total: u64,
    /// Volumes of the same are one disk.
    pub(crate) device: u64,
}

impl Space {
    fn of(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::MetadataExt;
        let fs = rustix::fs::statvfs(path).map_err(|e| Error::io("stat", path, e.into()))?;
        Ok(Self {
            free: fs.f_bavail.saturating_mul(fs.f_frsize),
            total: fs.f_blocks.saturating_mul(fs.f_frsize),
            device: fs::metadata(path)
                .map_err(|e| Error::io("stat", path, e))?
                .dev(),
        })
    }
}

impl Volume {
    fn new(number: u16, path: PathBuf, listed: bool, id: Option<u128>) -> Self {
        let now = Instant::now();
        Self {
            number,
            path,
            listed,
            pool: OnceLock::new(),
            open: AtomicU32::new(0),
            looking: AtomicBool::new(false),
            flushing: AtomicBool::new(false),
            state: Mutex::new(State {
                id,
                out: None,
                unreadable: None,
                failures: 0,
                last_failure: None,
                in_since: now,
                due: now,
                flushed: now,
                space: Space::default(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As messages name it.
    fn name(&self) -> String {
        format!("volume {} ({})", self.number, self.path.display())
    }

    /// Why it cannot be read, if so.
    pub(crate) fn unreadable(&self) -> Option<Reason> {
        self.lock().unreadable.clone()
    }

    pub(crate) fn is_out(&self) -> bool {
        let state = self.lock();
        state.out.is_some() || state.unreadable.is_some()
    }

    /// Free room, now.
    pub(crate) fn measure(&self) -> Result<Space, Error> {
        Space::of(&self.path)
    }

    fn candidate(&self) -> Candidate {
        let space = self.lock().space;
        Candidate {
            number: self.number,
            open: self.open.load(Ordering::Relaxed),
            total: space.total,
            free: space.free,
        }
    }

    fn status(&self) -> VolumeStatus {
        let state = self.lock();
        VolumeStatus {
            number: self.number,
            id: state.id.map(|id| format!("{id:032x}")),
            path: self.path.clone(),
            takes: self.listed,
            out: state.out.clone(),
            unreadable: state.unreadable.clone(),
            free: ByteCount(state.space.free),
            total: ByteCount(state.space.total),
            open: self.open.load(Ordering::Relaxed),
        }
    }
}

/// A segment's place on a volume, counted until dropped.
#[derive(Debug)]
pub(crate) struct Place(pub(crate) Arc<Volume>);

impl Place {
    fn on(volume: &Arc<Volume>) -> Self {
        volume.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(volume))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is known of volumes besides what they say themselves: a line each in `volumes.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    number: u16,
    id: String,
    path: PathBuf,
}

/// All of them, in order of number. Volume 0 is always there.
#[derive(Debug)]
pub(crate) struct Volumes {
    list: Vec<Arc<Volume>>,
    policy: Policy,
    files: Files,
    /// The data directory's identity.
    of: u128,
    registry: PathBuf,
    alarms: broadcast::Sender<VolumeAlarm>,
}

impl Volumes {
    /// The volumes of a data directory: its own, those listed, and those that were listed once. Looks at each; one that cannot
    /// be used is out and told as such, and is no error.
    pub(crate) fn open(
        data: &DataDir,
        listed: &[PathBuf],
        policy: Policy,
        files: Files,
    ) -> Result<Self, Error> {
        let registry = data.path().join("volumes.json");
        let mut known = read_known(&registry);
        let own = data.recordings();
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_own = |path: &Path| real(path) == real(&own);
        let mut list = vec![Volume::new(
            0,
            own.clone(),
            listed.is_empty() || listed.iter().any(|p| is_own(p)),
            Some(data.id()),
        )];
        for path in listed.iter().filter(|path| !is_own(path)) {
            let said = Identity::read(path).ok().flatten();
            let ours = said.filter(|said| said.of == data.id());
            let taken = |n: u16, list: &[Volume]| list.iter().any(|v| v.number == n);
            let by_path = known.values().find(|k| k.path == *path);
            let number = match (ours, by_path) {
                (Some(said), _) if !taken(said.number, &list) => said.number,
                // A new disk mounted in an old one's place is a new volume.
                (None, Some(k)) if !taken(k.number, &list) && !is_new_disk(path) => k.number,
                _ => free_number(&known, &list),
            };
            // What is known wins over what the directory says: another disk with the same number is none of ours.
            let id = known
                .get(&number)
                .and_then(|k| u128::from_str_radix(&k.id, 16).ok())
                .or(ours
                    .filter(|said| said.number == number)
                    .map(|said| said.id));
            if let Some(id) = id {
                let (id, path) = (format!("{id:032x}"), path.clone());
                known.insert(number, Known { number, id, path });
            }
            list.push(Volume::new(number, path.clone(), true, id));
        }
        for k in known.values() {
            if list.iter().all(|v| v.number != k.number) {
                let id = u128::from_str_radix(&k.id, 16).ok();
                list.push(Volume::new(k.number, k.path.clone(), false, id));
            }
        }
        list.sort_by_key(|v| v.number);
        let this = Self {
            list: list.into_iter().map(Arc::new).collect(),
            policy,
            files,
            of: data.id(),
            registry,
            alarms: broadcast::Sender::new(CHANNEL),
        };
        for volume in &this.list {
            this.look(volume);
        }
        if this.list.len() > 1 {
            this.note()?;
        }
        Ok(this)
    }

    /// Starts the threads that write.
    pub(crate) fn start(&self, threads: usize) -> Result<(), Error> {
        for volume in self.list.iter().filter(|v| v.listed) {
            let pool = Pool::start(&format!("disk-{}", volume.number), threads)
                .map_err(|e| Error::io("start threads for", &volume.path, e))?;
            let _ = volume.pool.set(pool);
        }
        Ok(())
    }

    /// Writes down which volumes there are.
    fn note(&self) -> Result<(), Error> {
        let known: Vec<Known> = self
            .list
            .iter()
            .filter_map(|v| {
                Some(Known {
                    number: v.number,
                    id: format!("{:032x}", v.lock().id?),
                    path: v.path.clone(),
                })
            })
            .collect();
        let text = serde_json::to_vec_pretty(&known).map_err(|e| Error::Value {
            what: "the list of volumes",
            why: e.to_string(),
        })?;
        if fs::read(&self.registry).is_ok_and(|now| now == text) {
            return Ok(());
        }
        write_whole(&self.registry, &text)
    }

    pub(crate) fn alarms(&self) -> broadcast::Receiver<VolumeAlarm> {
        self.alarms.subscribe()
    }

    pub(crate) fn all(&self) -> &[Arc<Volume>] {
        &self.list
    }

    /// Those that can be read.
    pub(crate) fn readable(&self) -> impl Iterator<Item = &Arc<Volume>> {
        self.list.iter().filter(|v| v.unreadable().is_none())
    }

    pub(crate) fn status(&self) -> Vec<VolumeStatus> {
        self.list.iter().map(|v| v.status()).collect()
    }

    pub(crate) fn get(&self, number: u16) -> Option<&Arc<Volume>> {
        self.list.iter().find(|v| v.number == number)
    }

    /// Where a segment lies, or would lie were its volume there.
    pub(crate) fn path(&self, feed: FeedId, entry: &Entry) -> PathBuf {
        match self.get(entry.volume) {
            Some(volume) => paths::segment(&volume.path, feed, entry),
            // Nobody knows where that was: a name that says so, under which there is nothing.
            None => {
                let lost = self
                    .registry
                    .with_file_name(format!("volume-{}", entry.volume));
                paths::segment(&lost, feed, entry)
            }
        }
    }

    /// Why what lies on a volume cannot be had for now, if so.
    pub(crate) fn unavailable(&self, number: u16) -> Option<Reason> {
        match self.get(number) {
            Some(volume) => volume.unreadable(),
            None => Some(
                Error::Volume {
                    what: format!("volume {number}"),
                    why: "it is not known any more".into(),
                }
                .reason(),
            ),
        }
    }

    /// The threads that write to a volume.
    pub(crate) fn pool(&self, volume: &Volume) -> Option<Pool> {
        let own = volume.pool.get();
        own.or_else(|| self.list.iter().find_map(|v| v.pool.get()))
            .cloned()
    }

    /// A volume for a camera's next segment: one that does well, else one that can be tried at least.
    pub(crate) fn place(&self, camera: CameraId, not: &[u16]) -> Option<Place> {
        let (mut well, mut others) = (Vec::new(), Vec::new());
        for volume in &self.list {
            let state = volume.lock();
            let may = volume.listed && state.unreadable.is_none() && state.id.is_some();
            let out = state.out.is_some();
            drop(state);
            if may && !not.contains(&volume.number) {
                let list = if out { &mut others } else { &mut well };
                list.push(volume.candidate());
            }
        }
        let from = if well.is_empty() { others } else { well };
        let number = place::choose(self.policy, camera, &from)?;
        self.get(number).map(Place::on)
    }

    /// Whether a volume besides this one does well.
    pub(crate) fn has_other(&self, than: u16) -> bool {
        self.list
            .iter()
            .any(|v| v.listed && v.number != than && !v.is_out())
    }

    /// Whether any does well.
    pub(crate) fn has_one(&self) -> bool {
        self.list.iter().any(|v| v.listed && !v.is_out())
    }

    /// Bytes free on the disks that take recordings, each counted once.
    pub(crate) fn free(&self) -> u64 {
        let of = |v: &&Arc<Volume>| v.listed && v.unreadable().is_none();
        let disks = self.list.iter().filter(of).filter_map(|v| {
            let space = v.measure();
            let space = space
                .inspect_err(|e| tracing::error!(error = %e, "the disk's free space is not known"));
            space.ok().map(|s| (s.device, s.free))
        });
        let disks: BTreeMap<u64, u64> = disks.collect();
        disks.values().sum()
    }

    /// Why nothing can be put anywhere.
    pub(crate) fn none_left(&self) -> Error {
        let all = self.list.iter().filter(|v| v.listed);
        let why = all.map(|v| {
            let state = v.lock();
            let why = state
                .unreadable
                .as_ref()
                .or(state.out.as_ref().map(|(_, r)| r));
            why.map_or_else(|| v.name(), |reason| reason.text.clone())
        });
        let why: Vec<String> = why.collect();
        Error::Volume {
            what: "recordings".into(),
            why: format!("no volume takes them: {}", why.join("; ")),
        }
    }

    /// A call failed on a volume: nothing new is put there until it does well again.
    pub(crate) fn failed(&self, volume: &Volume, error: &Error) {
        // What is wrong with a file's content is not the disk's fault.
        if !matches!(error, Error::Io { .. }) {
            return;
        }
        self.put_out(volume, error.reason());
    }

    fn put_out(&self, volume: &Volume, reason: Reason) {
        let mut state = volume.lock();
        let now = Instant::now();
        state.last_failure = Some(now);
        if state.out.is_some() {
            return;
        }
        if now.saturating_duration_since(state.in_since) > TRUSTED {
            state.failures = 0;
        }
        state.failures = state.failures.saturating_add(1);
        state.due = now + wait(state.failures);
        state.out = Some((WallTime::now(), reason.clone()));
        drop(state);
        tracing::error!(volume = volume.number, path = %volume.path.display(), %reason, "volume: out; nothing new is put there until it does well");
        self.say(volume, VolumeAlarmKind::Out(reason));
    }

    /// A write went well. Where no other volume does, that is what brings one back.
    pub(crate) fn works(&self, volume: &Volume) {
        if !volume.is_out() || self.has_other(volume.number) {
            return;
        }
        let recent = volume.lock().last_failure;
        if recent.is_none_or(|at| at.elapsed() > FIRST_LOOK * 5) {
            self.back(volume);
        }
    }

    fn back(&self, volume: &Volume) {
        let mut state = volume.lock();
        let Some((since, _)) = state.out.take() else {
            return;
        };
        state.in_since = Instant::now();
        drop(state);
        tracing::warn!(volume = volume.number, path = %volume.path.display(), "volume: back");
        self.say(volume, VolumeAlarmKind::Back { since });
    }

    fn say(&self, volume: &Volume, kind: VolumeAlarmKind) {
        // Nobody listening is no error: the status says it too.
        let _ = self.alarms.send(VolumeAlarm {
            number: volume.number,
            path: volume.path.clone(),
            at: WallTime::now(),
            kind,
        });
    }
}

/// How long until a volume that failed so often is looked at.
fn wait(failures: u32) -> Duration {
    FIRST_LOOK
        .saturating_mul(1 << failures.saturating_sub(1).min(8))
        .min(LONGEST_LOOK)
}

/// An empty disk of its own.
fn is_new_disk(path: &Path) -> bool {
    identity::is_mount_point(path)
        && Identity::read(path).is_ok_and(|said| said.is_none())
        && identity::something(path).is_ok_and(|found| found.is_none())
}

/// Damage here is no reason not to start: volumes say their numbers themselves.
fn read_known(path: &Path) -> BTreeMap<u16, Known> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(e) => {
            tracing::error!(path = %path.display(), error = %e, "volumes: the list cannot be read");
            return BTreeMap::new();
        }
    };
    let known: Vec<Known> = serde_json::from_slice(&bytes).unwrap_or_else(|e| {
        tracing::error!(path = %path.display(), error = %e, "volumes: the list cannot be read");
        Vec::new()
    });
    known.into_iter().map(|k| (k.number, k)).collect()
}

/// A number that no volume has or had.
fn free_number(known: &BTreeMap<u16, Known>, list: &[Volume]) -> u16 {
    let listed = list.iter().map(|v| v.number).max().unwrap_or(0);
    let last = known.last_key_value().map_or(0, |(n, _)| *n);
    listed.max(last).saturating_add(1)
}

#[cfg(test)]
mod tests;

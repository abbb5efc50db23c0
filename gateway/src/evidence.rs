//! Evidence: jobs that pack the recordings of several cameras and a range, one after the other. Journaled: what was asked for is
//! made also when the gateway is stopped and started in between.

pub mod jobs;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use command::Store;
use media::{EventId, WallTime};
use storage::{
    HoldKind, NewHold,
    evidence::{Failure, Packed, Person, Progress, Request, Subject},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use jobs::{Change, Made};
pub use jobs::{Error, Job, Jobs, State, Wanted};

use crate::{audit::Entry, audit::Outcome, gateway::Gateway};

/// How often it is looked for packages that are too old.
const LOOK: Duration = Duration::from_secs(60);
/// Begins the reason of a hold that a job has.
const HELD_FOR: &str = "evidence ";

/// The jobs, and where their packages lie.
#[derive(Debug)]
pub struct Evidence {
    jobs: Arc<Store<Jobs>>,
    dir: PathBuf,
    /// What is made just now, and how to stop it.
    running: Mutex<HashMap<EventId, (Arc<Progress>, CancellationToken)>>,
    wake: Notify,
}

impl Evidence {
    /// Opens the journal and the directory. Blocking.
    ///
    /// # Errors
    /// The disk's.
    pub fn open(journal: &Path, dir: PathBuf) -> Result<Self> {
        std::fs::create_dir_all(&dir)
            .with_context(|| format!("cannot create {}", dir.display()))?;
        Ok(Self {
            jobs: Store::open(journal)?,
            dir,
            running: Mutex::default(),
            wake: Notify::new(),
        })
    }

    fn running(&self) -> MutexGuard<'_, HashMap<EventId, (Arc<Progress>, CancellationToken)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All jobs as they are now.
    pub fn jobs(&self) -> Arc<Jobs> {
        self.jobs.read()
    }

    /// Bytes written of a job, and in all; zeros where that is not known.
    pub fn progress(&self, job: &Job) -> (u64, u64) {
        if let Some(made) = &job.package {
            return (made.bytes, made.bytes);
        }
        let running = self.running();
        running.get(&job.id).map_or((0, 0), |(p, _)| p.get())
    }

    /// Bytes of all packages.
    pub fn used(&self) -> u64 {
        let jobs = self.jobs.read();
        let bytes = |j: &Arc<Job>| j.package.as_ref().map_or(0, |p| p.bytes);
        jobs.all().map(bytes).sum()
    }

    /// Where a job's package lies, or would.
    pub fn path(&self, id: EventId) -> PathBuf {
        self.dir.join(format!("{id}.zip"))
    }

    /// The job that has a hold, as long as it has not ended.
    pub fn holder(&self, hold: u64) -> Option<EventId> {
        let jobs = self.jobs.read();
        let mut open = jobs.all().filter(|j| !j.state.is_over());
        open.find(|j| j.hold == Some(hold)).map(|j| j.id)
    }
}

impl Gateway {
    /// Takes a job on: its recordings are held from now on.
    ///
    /// # Errors
    /// Where too many wait; the disk's.
    pub async fn take_evidence(&self, wanted: Wanted) -> Result<Arc<Job>, crate::api::Problem> {
        let now = self.now();
        let id = self.new_id(now);
        let hold = NewHold {
            kind: HoldKind::Evidence,
            cameras: wanted.cameras.iter().map(|c| c.camera).collect(),
            from: wanted.from,
            to: wanted.to,
            who: wanted.by.user.clone(),
            why: format!("{HELD_FOR}{id}: {}", wanted.reason),
            until: None,
        };
        self.evidence.jobs().room()?;
        let hold = self.archive.hold(hold).await?;
        let job = Job::new(id, now, wanted, hold.id);
        let added = self
            .evidence
            .jobs
            .change(now, Change::Add(Box::new(job)))
            .await;
        if let Err(error) = added {
            self.release(hold.id, "the job was not taken on").await;
            return Err(error.into());
        }
        self.evidence.wake.notify_one();
        let added = self.evidence.jobs().get(id);
        added.ok_or_else(|| crate::api::Problem::internal("a job that was added is not there"))
    }

    /// Stops a job that has not ended.
    ///
    /// # Errors
    /// Where it has ended; the disk's.
    pub async fn cancel_evidence(&self, id: EventId) -> Result<(), crate::api::Problem> {
        let change = Change::Cancelled(id);
        self.evidence.jobs.change(self.now(), change).await?;
        // Told after it is written: what ends now is cancelled, not failed.
        if let Some((_, stop)) = self.evidence.running().get(&id) {
            stop.cancel();
        }
        self.let_go(id, "cancelled").await;
        Ok(())
    }

    /// Deletes a job's package.
    ///
    /// # Errors
    /// Where there is none; the disk's.
    pub async fn delete_evidence(&self, id: EventId) -> Result<(), crate::api::Problem> {
        let change = Change::Deleted(id);
        self.evidence.jobs.change(self.now(), change).await?;
        self.remove_package(id).await;
        Ok(())
    }

    async fn remove_package(&self, id: EventId) {
        let path = self.evidence.path(id);
        if let Err(error) = tokio::fs::remove_file(&path).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::error!(path = %path.display(), %error, "a package is not deleted");
        }
    }

    /// Gives back the hold of a job that has ended.
    async fn let_go(&self, id: EventId, why: &str) {
        let job = self.evidence.jobs().get(id);
        if let Some(hold) = job.and_then(|j| j.hold) {
            self.release(hold, &format!("{HELD_FOR}{id}: {why}")).await;
        }
    }

    async fn release(&self, hold: u64, why: &str) {
        let who = "evidence".to_owned();
        if let Err(error) = self.archive.release(hold, who, why.to_owned()).await {
            tracing::error!(hold, %error, "a hold is not released");
        }
    }
}

/// Makes what is asked for until the gateway stops; what is begun then is made anew at the next start.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    tidy(&gateway).await;
    let mut timer = tokio::time::interval(LOOK);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        while let Some(job) = gateway.evidence.jobs().next() {
            if gateway.stop.is_cancelled() {
                return;
            }
            make(&gateway, &job).await;
        }
        tokio::select! {
            () = gateway.evidence.wake.notified() => {}
            _ = timer.tick() => expire(&gateway).await,
            () = gateway.stop.cancelled() => return,
        }
    }
}

/// What a stop in the middle left: packages half made, holds of jobs that are over.
async fn tidy(gateway: &Gateway) {
    let jobs = gateway.evidence.jobs();
    let keeps: Vec<PathBuf> = jobs
        .all()
        .filter(|j| j.package.is_some())
        .map(|j| gateway.evidence.path(j.id))
        .collect();
    match std::fs::read_dir(&gateway.evidence.dir) {
        Ok(dir) => {
            for entry in dir.flatten().map(|e| e.path()) {
                if !keeps.contains(&entry) && entry.is_file() {
                    tracing::info!(path = %entry.display(), "evidence: what is left of a package is deleted");
                    let _ = std::fs::remove_file(entry);
                }
            }
        }
        Err(error) => tracing::error!(%error, "evidence: the directory cannot be read"),
    }
    let now = gateway.now();
    let open: Vec<u64> = jobs
        .all()
        .filter(|j| !j.state.is_over())
        .filter_map(|j| j.hold)
        .collect();
    for hold in gateway.archive.holds() {
        if hold.is_active(now) && hold.of.why.starts_with(HELD_FOR) && !open.contains(&hold.id) {
            gateway.release(hold.id, "its job is over").await;
        }
    }
}

/// Deletes packages that are too old.
async fn expire(gateway: &Gateway) {
    let keep = Duration::from_secs(u64::from(gateway.config.evidence.keep_days) * 86_400);
    let now = gateway.now();
    let old: Vec<EventId> = gateway
        .evidence
        .jobs()
        .all()
        .filter(|j| j.state == State::Done && j.ended.is_some_and(|at| now.since(at) > keep))
        .map(|j| j.id)
        .collect();
    for id in old {
        let change = Change::Expired(id);
        match gateway.evidence.jobs.change(now, change).await {
            Ok(_) => gateway.remove_package(id).await,
            Err(error) => tracing::error!(%id, %error, "evidence: a package does not expire"),
        }
    }
}

async fn make(gateway: &Gateway, job: &Job) {
    let (id, evidence) = (job.id, &gateway.evidence);
    if job.state == State::Queued {
        let started = evidence.jobs.change(gateway.now(), Change::Started(id));
        if let Err(error) = started.await {
            tracing::error!(%id, %error, "evidence: a job is not begun; tried again");
            return pause(gateway).await;
        }
    }
    let (progress, stop) = (Arc::new(Progress::default()), gateway.stop.child_token());
    let entry = (Arc::clone(&progress), stop.clone());
    evidence.running().insert(id, entry);
    let room = gateway
        .config
        .evidence
        .room
        .0
        .0
        .saturating_sub(evidence.used());
    let path = evidence.path(id);
    let packed = gateway
        .archive
        .package(request(gateway, job), path, room, progress, stop)
        .await;
    evidence.running().remove(&id);
    let is_cancelled = matches!(packed, Err(Failure::Cancelled));
    if is_cancelled && evidence.jobs().get(id).is_none_or(|j| !j.state.is_over()) {
        // The gateway stops: at its next start it is made anew.
        return;
    }
    finish(gateway, job, packed).await;
}

/// A disk that does not take a journal's record is not asked a thousand times a second.
async fn pause(gateway: &Gateway) {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(10)) => {}
        () = gateway.stop.cancelled() => {}
    }
}

fn request(gateway: &Gateway, job: &Job) -> Request {
    let subject = |c: &jobs::Subject| Subject {
        camera: c.camera,
        name: c.name.clone(),
        region: c.region,
        clock_offset_ms: c.clock_offset_ms,
    };
    Request {
        id: job.id.to_string(),
        made: job.created,
        software: format!("sightline {}", env!("CARGO_PKG_VERSION")),
        district: gateway.config.district.code.to_string(),
        district_name: gateway.config.district.name.clone(),
        by: Person {
            user: job.by.user.clone(),
            name: job.by.name.clone(),
            role: job.by.role.clone(),
        },
        reason: job.reason.clone(),
        incident: job.incident.clone(),
        from: job.from,
        to: job.to,
        cameras: job.cameras.iter().map(subject).collect(),
    }
}

async fn finish(gateway: &Gateway, job: &Job, packed: Result<Packed, Failure>) {
    let (id, now) = (job.id, gateway.now());
    let mut entry = Entry::new(&job.by.user, &job.by.role, "evidence-made", id.to_string());
    entry.region = job.cameras.first().map(|c| c.region);
    entry.reason.clone_from(&job.reason);
    let (change, why) = match packed {
        Ok(made) => {
            entry.detail = format!("{} bytes, manifest {}", made.bytes, made.manifest_sha256);
            let made = Made {
                name: name(id, job.created),
                bytes: made.bytes,
                manifest_sha256: made.manifest_sha256,
            };
            (Change::Done(id, made), "made")
        }
        Err(Failure::Cancelled) => return,
        Err(failure) => {
            let code = match &failure {
                Failure::Nothing => "no-recording",
                Failure::Room { .. } => "room",
                _ => "disk",
            };
            tracing::error!(%id, error = %failure, "evidence: a package was not made");
            entry.outcome = Outcome::Failed;
            entry.detail = failure.to_string();
            let text = failure.to_string();
            (Change::Failed(id, code.into(), text), "failed")
        }
    };
    match gateway.evidence.jobs.change(now, change).await {
        Ok(_) => {}
        // Cancelled at its very end: there is no package then.
        Err(command::store::ChangeError::Refused(_)) => return gateway.remove_package(id).await,
        Err(error) => {
            tracing::error!(%id, %error, "evidence: how a job ended is not written; it is made anew");
            return pause(gateway).await;
        }
    }
    gateway.let_go(id, why).await;
    if let Err(error) = gateway.audit.write(now, entry).await {
        tracing::error!(%id, %error, "evidence: a package is not in the audit log");
    }
}

/// What it is called when it is saved.
fn name(id: EventId, at: WallTime) -> String {
    let time = at.to_string().replace(['-', ':'], "");
    let time = time.split('.').next().unwrap_or_default();
    let id = id.to_string();
    format!("sightline-evidence-{time}Z-{}.zip", &id[id.len() - 4..])
}

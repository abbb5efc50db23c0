//! The jobs as a state with a journal: who wanted what, and what became of it. Pure.

use std::{collections::BTreeMap, sync::Arc};

use media::{CameraId, EventId, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

/// Jobs that may wait.
pub const MAX_WAITING: usize = 32;
/// Jobs that are remembered; the oldest that are over are forgotten (the audit log has them).
const MAX_JOBS: usize = 5000;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Others are before it.
    Queued,
    /// It is made, or will be made anew after a stop.
    Running,
    /// Its package is there.
    Done,
    /// It could not be made.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Its package was deleted by age.
    Expired,
    /// Its package was deleted by somebody.
    Deleted,
}

impl State {
    /// Every one, as in JSON.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Queued, "queued"),
        (Self::Running, "running"),
        (Self::Done, "done"),
        (Self::Failed, "failed"),
        (Self::Cancelled, "cancelled"),
        (Self::Expired, "expired"),
        (Self::Deleted, "deleted"),
    ];

    /// Whether nothing more is done.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A camera as it was when the job was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Its code.
    pub camera: CameraId,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub region: RegionCode,
    /// By how much its clock was ahead, ms.
    pub clock_offset_ms: Option<i64>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct By {
    /// The account.
    pub user: String,
    /// The name.
    pub name: String,
    /// The role.
    pub role: String,
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Of these.
    pub cameras: Vec<Subject>,
    /// From.
    pub from: WallTime,
    /// To.
    pub to: WallTime,
    /// Who.
    pub by: By,
    /// Why.
    pub reason: String,
    /// For which incident.
    pub incident: Option<String>,
}

/// A package that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// What it is called when it is saved.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of its manifest, hexadecimal.
    pub manifest_sha256: String,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Rises with time.
    pub id: EventId,
    /// Of these.
    pub cameras: Vec<Subject>,
    /// From.
    pub from: WallTime,
    /// To.
    pub to: WallTime,
    /// Who.
    pub by: By,
    /// Why.
    pub reason: String,
    /// For which incident.
    pub incident: Option<String>,
    /// When it was asked for.
    pub created: WallTime,
    /// What keeps its recordings.
    pub hold: Option<u64>,
    /// Where it stands.
    pub state: State,
    /// When it was begun, first.
    pub started: Option<WallTime>,
    /// When it was over.
    pub ended: Option<WallTime>,
    /// Its package.
    pub package: Option<Made>,
    /// Why there is none: code and text.
    pub error: Option<(String, String)>,
}

impl Job {
    /// A job that waits.
    pub fn new(id: EventId, now: WallTime, wanted: Wanted, hold: u64) -> Self {
        Self {
            id,
            cameras: wanted.cameras,
            from: wanted.from,
            to: wanted.to,
            by: wanted.by,
            reason: wanted.reason,
            incident: wanted.incident,
            created: now,
            hold: Some(hold),
            state: State::Queued,
            started: None,
            ended: None,
            package: None,
            error: None,
        }
    }
}

/// What happens to a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is asked for.
    Add(Box<Job>),
    /// It is begun.
    Started(EventId),
    /// It is made.
    Done(EventId, Made),
    /// It cannot be made: code and text.
    Failed(EventId, String, String),
    /// Somebody stops it.
    Cancelled(EventId),
    /// Its package is too old.
    Expired(EventId),
    /// Somebody deletes its package.
    Deleted(EventId),
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such job.
    #[error("there is no evidence job {0}")]
    NotFound(EventId),
    /// It has ended, or has not.
    #[error("evidence job {0} is {1}: this is not possible now")]
    State(EventId, &'static str),
    /// Too many wait.
    #[error("{MAX_WAITING} evidence jobs wait already: try again when one has ended")]
    Full,
}

/// All jobs, by age.
#[derive(Clone, Debug, Default)]
pub struct Jobs(BTreeMap<EventId, Arc<Job>>);

impl Jobs {
    /// By age, the oldest first.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Arc<Job>> {
        self.0.values()
    }

    /// One of them.
    pub fn get(&self, id: EventId) -> Option<Arc<Job>> {
        self.0.get(&id).cloned()
    }

    /// What is to be made next: what was begun before the gateway stopped, then by age.
    pub fn next(&self) -> Option<Arc<Job>> {
        let of = |state| self.0.values().find(move |j| j.state == state);
        of(State::Running).or_else(|| of(State::Queued)).cloned()
    }

    /// Whether another one may wait.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn room(&self) -> Result<(), Error> {
        match self.all().filter(|j| !j.state.is_over()).count() {
            n if n < MAX_WAITING => Ok(()),
            _ => Err(Error::Full),
        }
    }

    fn known(&self, id: EventId) -> Result<&Job, Error> {
        self.0.get(&id).map(|j| &**j).ok_or(Error::NotFound(id))
    }
}

fn refused(job: &Job) -> Error {
    let name = State::ALL.iter().find(|(s, _)| *s == job.state);
    Error::State(job.id, name.map_or("over", |(_, name)| name))
}

impl command::State for Jobs {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Add(_) => "evidence-asked",
            Change::Started(_) => "evidence-started",
            Change::Done(..) => "evidence-done",
            Change::Failed(..) => "evidence-failed",
            Change::Cancelled(_) => "evidence-cancelled",
            Change::Expired(_) => "evidence-expired",
            Change::Deleted(_) => "evidence-deleted",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        let when = |id: &EventId, is: fn(State) -> bool| {
            let job = self.known(*id)?;
            is(job.state).then_some(()).ok_or_else(|| refused(job))
        };
        match change {
            Change::Add(_) => self.room(),
            Change::Started(id) => when(id, |s| s == State::Queued),
            Change::Done(id, _) | Change::Failed(id, ..) => when(id, |s| s == State::Running),
            Change::Cancelled(id) => when(id, |s| !s.is_over()),
            Change::Expired(id) | Change::Deleted(id) => when(id, |s| s == State::Done),
        }
    }

    fn apply(&mut self, at: WallTime, change: Change) {
        let mut of = |id, state, with: &mut dyn FnMut(&mut Job)| {
            if let Some(job) = self.0.get_mut(&id) {
                let job = Arc::make_mut(job);
                job.state = state;
                with(job);
            }
        };
        match change {
            Change::Add(job) => {
                self.0.insert(job.id, Arc::new(*job));
                if self.0.len() > MAX_JOBS {
                    let gone = |j: &&Arc<Job>| j.state.is_over() && j.package.is_none();
                    let oldest = self.0.values().find(gone).map(|j| j.id);
                    oldest.map(|id| self.0.remove(&id));
                }
            }
            Change::Started(id) => of(id, State::Running, &mut |j| j.started = Some(at)),
            Change::Done(id, made) => of(id, State::Done, &mut |j| {
                j.package = Some(made.clone());
                j.ended = Some(at);
            }),
            Change::Failed(id, code, text) => of(id, State::Failed, &mut |j| {
                j.error = Some((code.clone(), text.clone()));
                j.ended = Some(at);
            }),
            Change::Cancelled(id) => of(id, State::Cancelled, &mut |j| j.ended = Some(at)),
            Change::Expired(id) => of(id, State::Expired, &mut |j| j.package = None),
            Change::Deleted(id) => of(id, State::Deleted, &mut |j| j.package = None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use command::State as _;

    fn job(n: i64) -> Job {
        let id = EventId { at: n, number: 0 };
        let by = By {
            user: "u".into(),
            name: "U".into(),
            role: "operator".into(),
        };
        let wanted = Wanted {
            cameras: Vec::new(),
            from: WallTime(0),
            to: WallTime(1),
            by,
            reason: "r".into(),
            incident: None,
        };
        Job::new(id, WallTime(n), wanted, 1)
    }

    fn change(jobs: &mut Jobs, change: Change) -> Result<(), Error> {
        jobs.check(&change)?;
        jobs.apply(WallTime(100), change);
        Ok(())
    }

    #[test]
    fn a_job_that_was_begun_comes_first_and_ends_once() {
        let mut jobs = Jobs::default();
        let id = |n| EventId { at: n, number: 0 };
        for n in [1, 2] {
            change(&mut jobs, Change::Add(Box::new(job(n)))).unwrap();
        }
        assert_eq!(jobs.next().unwrap().id, id(1));
        change(&mut jobs, Change::Started(id(2))).unwrap();
        assert_eq!(jobs.next().unwrap().id, id(2));
        change(&mut jobs, Change::Cancelled(id(2))).unwrap();
        let made = Made {
            name: "n".into(),
            bytes: 5,
            manifest_sha256: String::new(),
        };
        let late = Change::Done(id(2), made.clone());
        assert_eq!(
            change(&mut jobs, late),
            Err(Error::State(id(2), "cancelled"))
        );
        assert!(change(&mut jobs, Change::Deleted(id(1))).is_err());
        change(&mut jobs, Change::Started(id(1))).unwrap();
        change(&mut jobs, Change::Done(id(1), made)).unwrap();
        assert!(jobs.next().is_none());
        change(&mut jobs, Change::Deleted(id(1))).unwrap();
        assert_eq!(jobs.get(id(1)).unwrap().package, None);
        for n in 10..10 + MAX_WAITING as i64 {
            change(&mut jobs, Change::Add(Box::new(job(n)))).unwrap();
        }
        let more = Change::Add(Box::new(job(99)));
        assert_eq!(change(&mut jobs, more), Err(Error::Full));
    }
}

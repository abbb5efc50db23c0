//! Who did what, when, from where: an append-only journal in which each record carries the hash of the one before, so that a
//! change of the past shows. Kept for good; what is asked for is read from the newest entries in memory, and from the file
//! where they do not reach.

pub mod retention;

use std::{
    collections::VecDeque,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use media::{RegionCode, WallTime};
use serde::{Deserialize, Serialize};
use storage::journal::{self, Journal, Options};
use tokio::sync::mpsc;

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Done.
    Ok,
    /// Not allowed.
    Denied,
    /// Did not work.
    Failed,
}

/// One thing that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who; the name given, where a sign-in failed.
    pub user: String,
    /// What they were, empty where nobody was signed in.
    pub role: String,
    /// What, as `sign-in`, `view-opened`, `playback`, `camera-changed`.
    pub action: String,
    /// Of what: a camera's code, a user's name, an incident's id.
    pub object: String,
    /// Where that lies.
    pub region: Option<RegionCode>,
    /// From where.
    pub address: Option<IpAddr>,
    /// How it ended.
    pub outcome: Outcome,
    /// Which range, which fields.
    pub detail: String,
    /// Why, in the user's own words.
    pub reason: String,
}

impl Entry {
    /// Something that worked; the rest is to be filled in.
    pub fn new(user: &str, role: &str, action: &str, object: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            role: role.into(),
            action: action.into(),
            object: object.into(),
            region: None,
            address: None,
            outcome: Outcome::Ok,
            detail: String::new(),
            reason: String::new(),
        }
    }
}

/// An entry with its place in the journal.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// Rises by one an entry.
    pub sequence: u64,
    /// When.
    pub at: WallTime,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Not before.
    pub from: Option<WallTime>,
    /// Before.
    pub to: Option<WallTime>,
    /// By whom.
    pub user: Option<String>,
    /// What.
    pub action: Option<String>,
    /// Only those before this sequence.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// Only what lies in this region or in none.
    pub within: Option<RegionCode>,
}

impl Query {
    fn takes(&self, kept: &Kept) -> bool {
        let e = &kept.entry;
        self.before.is_none_or(|b| kept.sequence < b)
            && self.from.is_none_or(|t| kept.at >= t)
            && self.to.is_none_or(|t| kept.at < t)
            && self.user.as_ref().is_none_or(|u| *u == e.user)
            && self.action.as_ref().is_none_or(|a| *a == e.action)
            && match (self.within, e.region) {
                (Some(scope), Some(region)) => region.is_within(&scope),
                _ => true,
            }
    }
}

/// Newest entries held in memory: some days of a district.
const NEWEST: usize = 20_000;
/// Entries on their way to the disk from places that cannot wait for it.
const QUEUE: usize = 4096;

/// The audit log. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Audit(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    journal: Journal<Entry>,
    path: PathBuf,
    newest: Mutex<Newest>,
    /// None once closed.
    queue: Mutex<Option<mpsc::Sender<(WallTime, Entry)>>>,
}

#[derive(Debug, Default)]
struct Newest {
    entries: VecDeque<Kept>,
    /// Whether older ones are in the file only.
    truncated: bool,
}

impl Newest {
    fn push(&mut self, kept: Kept) {
        if self.entries.len() >= NEWEST {
            self.entries.pop_front();
            self.truncated = true;
        }
        // Two appends may come back in the other order.
        let at = self.entries.partition_point(|k| k.sequence < kept.sequence);
        self.entries.insert(at, kept);
    }
}

impl Audit {
    /// Opens the log. Blocking. The second value writes what [`Audit::note`] leaves behind: run it as a task; it ends when the
    /// last handle is gone.
    ///
    /// # Errors
    /// Where the disk refuses or the file is no chained journal.
    pub fn open(
        path: &Path,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), storage::Error> {
        let options = Options {
            chained: true,
            ..Options::default()
        };
        let mut newest = Newest::default();
        let journal = journal::open_with(path, options, |record| {
            newest.push(Kept {
                sequence: record.sequence,
                at: record.at,
                entry: record.body,
            });
        })?;
        if !journal.report().damage.is_empty() {
            tracing::error!(journal = %path.display(), damage = ?journal.report().damage, "the audit log is damaged or was altered");
        }
        let (queue, mut waiting) = mpsc::channel::<(WallTime, Entry)>(QUEUE);
        let audit = Self(Arc::new(Shared {
            journal,
            path: path.to_owned(),
            newest: Mutex::new(newest),
            queue: Mutex::new(Some(queue)),
        }));
        let writer = Arc::downgrade(&audit.0);
        let write = async move {
            while let Some((at, entry)) = waiting.recv().await {
                let Some(shared) = writer.upgrade() else {
                    return;
                };
                if let Err(error) = Self(shared).write(at, entry).await {
                    tracing::error!(%error, "an entry of the audit log could not be written");
                }
            }
        };
        Ok((audit, write))
    }

    fn newest(&self) -> MutexGuard<'_, Newest> {
        self.0.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes an entry; returns when it is on the disk.
    ///
    /// # Errors
    /// Where the disk refuses. Whoever wants to see a recording is then not shown it: there is no view without its entry.
    pub async fn write(&self, at: WallTime, entry: Entry) -> Result<(), storage::Error> {
        let action = entry.action.clone();
        let sequence = self.0.journal.append(at, &action, entry.clone()).await?;
        self.newest().push(Kept {
            sequence,
            at,
            entry,
        });
        Ok(())
    }

    /// Leaves an entry to be written soon, from where nothing may wait. Where more than 4096 wait, it is refused.
    ///
    /// # Errors
    /// The entry, where the queue is full.
    pub fn note(&self, at: WallTime, entry: Entry) -> Result<(), Box<Entry>> {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = &*queue else {
            return Err(Box::new(entry));
        };
        queue.try_send((at, entry)).map_err(|e| match e {
            mpsc::error::TrySendError::Full((_, entry))
            | mpsc::error::TrySendError::Closed((_, entry)) => {
                tracing::error!(
                    action = entry.action,
                    user = entry.user,
                    "the audit log's queue is full"
                );
                Box::new(entry)
            }
        })
    }

    /// Takes no more notes; the writer ends when it has written those that wait.
    pub fn close(&self) {
        self.0
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// What was done, newest first, and the `before` of the next page.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub async fn query(&self, query: Query) -> Result<(Vec<Kept>, Option<u64>), storage::Error> {
        let (mut found, reaches) = {
            let newest = self.newest();
            let found: Vec<Kept> = newest
                .entries
                .iter()
                .rev()
                .filter(|k| query.takes(k))
                .take(query.limit + 1)
                .cloned()
                .collect();
            let oldest = newest.entries.front().map(|k| k.at);
            let covers = !newest.truncated || (query.from.is_some() && oldest <= query.from);
            (found, covers)
        };
        if found.len() <= query.limit && !reaches {
            found = self.query_file(query.clone()).await?;
        }
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let next = more.then(|| found.last().map(|k| k.sequence)).flatten();
        Ok((found, next))
    }

    async fn query_file(&self, query: Query) -> Result<Vec<Kept>, storage::Error> {
        let path = self.0.path.clone();
        let read = move || {
            let mut found = VecDeque::new();
            journal::read::<Entry>(&path, |record| {
                let kept = Kept {
                    sequence: record.sequence,
                    at: record.at,
                    entry: record.body,
                };
                if query.takes(&kept) {
                    if found.len() > query.limit {
                        found.pop_front();
                    }
                    found.push_back(kept);
                }
            })?;
            Ok(found.into_iter().rev().collect())
        };
        tokio::task::spawn_blocking(read)
            .await
            .unwrap_or(Err(storage::Error::Closed("the audit log")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn entries_are_found_page_by_page_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.journal");
        {
            let (audit, _write) = Audit::open(&path).unwrap();
            for n in 0..5 {
                let user = if n % 2 == 0 { "li" } else { "wang" };
                let mut entry = Entry::new(user, "operator", "playback", format!("camera {n}"));
                entry.region = Some(if n == 4 { "441402" } else { "441403" }.parse().unwrap());
                audit.write(WallTime::from_secs(n), entry).await.unwrap();
            }
        }
        let (audit, _write) = Audit::open(&path).unwrap();
        let query = Query {
            user: Some("li".into()),
            limit: 2,
            ..Query::default()
        };
        let (page, next) = audit.query(query.clone()).await.unwrap();
        assert_eq!(page.iter().map(|k| k.sequence).collect::<Vec<_>>(), [5, 3]);
        assert_eq!(next, Some(3));
        let (page, next) = audit
            .query(Query {
                before: next,
                ..query.clone()
            })
            .await
            .unwrap();
        assert_eq!((page.len(), next), (1, None));
        let within = Some("441403".parse().unwrap());
        let (page, _) = audit
            .query(Query {
                within,
                ..query.clone()
            })
            .await
            .unwrap();
        assert_eq!(page.len(), 2, "what lies elsewhere is not shown");
        let from_file = audit.query_file(Query { limit: 9, ..query }).await.unwrap();
        assert_eq!(
            from_file.iter().map(|k| k.sequence).collect::<Vec<_>>(),
            [5, 3, 1]
        );
    }
}

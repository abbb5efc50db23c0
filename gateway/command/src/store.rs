//! A state and its journal: the only place where a state changes.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use media::WallTime;
use storage::journal::{self, Journal, Options};
use tokio::sync::{Mutex, watch};

use crate::state::State;

/// Records that a journal may have before it is made shorter, where its state can be.
const LONG: u64 = if cfg!(test) { 64 } else { 4096 };

/// A journaled state. Readers take snapshots; changes come one after the other.
#[derive(Debug)]
pub struct Store<S: State> {
    current: RwLock<Arc<S>>,
    /// Held from the check to the apply, so that no two changes are checked against the same state.
    turn: Mutex<()>,
    journal: Journal<S::Change>,
    changes: watch::Sender<u64>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E: std::error::Error> {
    /// It is not allowed.
    #[error("{0}")]
    Refused(E),
    /// It could not be made durable, and so was not made.
    #[error("not changed, since the journal could not take it: {0}")]
    Journal(storage::Error),
}

impl<S: State> Store<S> {
    /// Reads the journal at `path`, or begins one. Blocking.
    ///
    /// # Errors
    /// Where the disk refuses or the file is no journal of this state.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, storage::Error> {
        let mut state = S::default();
        let journal = journal::open_with(path, Options::default(), |record| {
            state.apply(record.at, record.body);
        })?;
        if !journal.report().damage.is_empty() {
            tracing::error!(journal = %journal.path().display(), damage = ?journal.report().damage, "journal is damaged; what could be read is used");
        }
        Ok(Arc::new(Self {
            current: RwLock::new(Arc::new(state)),
            turn: Mutex::new(()),
            journal,
            changes: watch::Sender::new(0),
        }))
    }

    /// The state as it is now; never changes once taken.
    pub fn read(&self) -> Arc<S> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks, journals and applies a change. When it returns, the change is on the disk. A caller that goes away does not
    /// stop a change that has begun.
    ///
    /// # Errors
    /// Why it is refused, or the journal's error; then nothing has changed.
    pub async fn change(
        self: &Arc<Self>,
        at: WallTime,
        change: S::Change,
    ) -> Result<Arc<S>, ChangeError<S::Error>> {
        let store = Arc::clone(self);
        let made = tokio::spawn(async move { store.change_here(at, change).await });
        match made.await {
            Ok(result) => result,
            Err(_) => Err(ChangeError::Journal(storage::Error::Closed("the journal"))),
        }
    }

    async fn change_here(
        &self,
        at: WallTime,
        change: S::Change,
    ) -> Result<Arc<S>, ChangeError<S::Error>> {
        let _turn = self.turn.lock().await;
        let before = self.read();
        before.check(&change).map_err(ChangeError::Refused)?;
        let records = S::records(change);
        let mut last = 0;
        for record in &records {
            last = self
                .journal
                .append(at, S::kind(record), record.clone())
                .await
                .map_err(ChangeError::Journal)?;
        }
        let mut state = S::clone(&before);
        for record in records {
            state.apply(at, record);
        }
        let state = Arc::new(state);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&state);
        self.changes.send_modify(|n| *n += 1);
        self.shorten(at, last, &state).await;
        Ok(state)
    }

    /// Puts the state in the place of the records that led to it, where there are many and the state can be written down.
    async fn shorten(&self, at: WallTime, through: u64, state: &S) {
        if self.journal.records() < LONG {
            return;
        }
        let Some(changes) = state.snapshot() else {
            return;
        };
        let records = changes.into_iter().map(|c| (at, S::kind(&c).to_owned(), c));
        // The change that was made is on the disk either way.
        if let Err(error) = self.journal.snapshot(through, records.collect()).await {
            let path = self.journal.path().display();
            tracing::error!(journal = %path, %error, "a journal could not be made shorter");
        }
    }

    /// Wakes after every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::{Change, Error, Region, Register};

    fn regions(name: &str) -> Change {
        Change::Regions(vec![Region {
            code: "441403".parse().unwrap(),
            name: name.into(),
            name_en: String::new(),
            place: None,
        }])
    }

    #[tokio::test]
    async fn what_was_changed_is_there_after_a_restart_and_what_was_refused_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("register.journal");
        let code = "44140300001326000001".parse().unwrap();
        {
            let store = Store::<Register>::open(&path).unwrap();
            let mut woken = store.changes();
            store
                .change(WallTime::from_secs(1), regions("梅县区"))
                .await
                .unwrap();
            assert!(woken.has_changed().unwrap());
            woken.mark_unchanged();
            let refused = store
                .change(WallTime::from_secs(2), Change::Remove(code))
                .await;
            assert!(matches!(
                refused,
                Err(ChangeError::Refused(Error::NotFound(_)))
            ));
            assert!(!woken.has_changed().unwrap());
        }
        let store = Store::<Register>::open(&path).unwrap();
        assert_eq!(store.read().regions().next().unwrap().name, "梅县区");
        assert_eq!(store.read().cameras().count(), 0);
    }
}

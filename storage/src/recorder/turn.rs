//! Whose turn it is to write a feed.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

/// One recorder of a feed writes at a time: the one before may be sealing its last segment, which is the first one's
/// predecessor in the chain.
pub(super) enum Turn {
    /// Waited for until then: one that hangs is not waited for any longer.
    Wanted(Arc<Mutex<()>>, Instant),
    /// Has it, or does without.
    Taken { _guard: Option<OwnedMutexGuard<()>> },
}

impl Turn {
    pub(super) fn is_taken(&self) -> bool {
        matches!(self, Self::Taken { .. })
    }

    /// Waits for it; for ever where it is taken. Cancel safe.
    pub(super) async fn come(&mut self) {
        let Self::Wanted(turn, until) = self else {
            return std::future::pending().await;
        };
        let guard = tokio::time::timeout_at(*until, Arc::clone(turn).lock_owned()).await;
        *self = Self::Taken { _guard: guard.ok() };
    }
}

//! Who has a segment's file in hand: a recorder that writes it, or recovery that brings it into order; never both.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(Arc<(Mutex<HashSet<PathBuf>>, Condvar)>);

/// One file, until dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    all: Claims,
    path: PathBuf,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None where somebody has it.
    pub(crate) fn claim(&self, path: &Path) -> Option<Claim> {
        self.lock().insert(path.to_owned()).then(|| Claim {
            all: self.clone(),
            path: path.to_owned(),
        })
    }

    /// Waits while somebody else has it; none where that takes longer.
    pub(crate) fn claim_within(&self, path: &Path, time: Duration) -> Option<Claim> {
        let held = |all: &mut HashSet<PathBuf>| all.contains(path);
        let waited = self.0.1.wait_timeout_while(self.lock(), time, held);
        let (mut all, _) = waited.unwrap_or_else(PoisonError::into_inner);
        all.insert(path.to_owned()).then(|| Claim {
            all: self.clone(),
            path: path.to_owned(),
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.all.lock().remove(&self.path);
        self.all.0.1.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_one_hand() {
        let (claims, path) = (Claims::default(), Path::new("/a"));
        let first = claims.claim(path).unwrap();
        assert!(claims.claim(path).is_none());
        assert!(claims.claim(Path::new("/b")).is_some());
        let waiter = {
            let claims = claims.clone();
            std::thread::spawn(move || {
                claims
                    .claim_within(Path::new("/a"), Duration::from_secs(600))
                    .is_some()
            })
        };
        drop(first);
        assert!(waiter.join().unwrap());
        let _again = claims.claim(path).unwrap();
        assert!(
            claims
                .claim_within(path, Duration::from_millis(1))
                .is_none()
        );
    }
}

//! Where recorded pictures come from: the gateway reads them, on threads of its own, and answers when it has them.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use media::{
    CameraId, Profile, Reason, ReasonCode,
    recorded::{Ask, Found},
    ring::Bell,
    wire::Decodes,
};

/// What a viewer wants to see of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Which camera.
    pub camera: CameraId,
    /// Which of its streams, where both are recorded.
    pub profile: Profile,
    /// What the viewer can decode.
    pub decodes: Decodes,
    /// Sound as well.
    pub audio: bool,
    /// Why, in the viewer's words.
    pub reason: String,
}

/// One tile's recordings.
pub trait Shelf: Send + Sync {
    /// Asks for something. Returns at once; `answer` is given later, from any thread. No second ask comes before that.
    fn fetch(&self, ask: Ask, answer: Answer);
}

/// To be given what was found. One that is dropped says that reading failed.
pub struct Answer {
    inbox: Arc<Inbox>,
    token: u64,
    given: bool,
}

impl Answer {
    /// Gives it, and wakes whoever waits for it.
    pub fn give(mut self, found: Result<Found, Reason>) {
        self.given = true;
        self.inbox.put(self.token, found);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if !self.given {
            let text = "the recording could not be read";
            let failed = Err(Reason::new(ReasonCode::DiskError, text));
            self.inbox.put(self.token, failed);
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.token)
    }
}

type Given = (u64, Result<Found, Reason>);

/// Answers on their way to a session. Bounded by the tiles that may ask: one answer each.
#[derive(Default)]
pub(crate) struct Inbox {
    given: Mutex<VecDeque<Given>>,
    any: AtomicBool,
    bell: Mutex<Option<Arc<dyn Bell>>>,
}

impl Inbox {
    /// Rung from now on when something comes.
    pub(crate) fn wake(&self, bell: Arc<dyn Bell>) {
        *self.bell.lock().unwrap_or_else(PoisonError::into_inner) = Some(bell);
    }

    pub(crate) fn answer(self: &Arc<Self>, token: u64) -> Answer {
        Answer {
            inbox: Arc::clone(self),
            token,
            given: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.any.load(SeqCst)
    }

    pub(crate) fn take(&self) -> Option<Given> {
        if self.is_empty() {
            return None;
        }
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let first = given.pop_front();
        self.any.store(!given.is_empty(), SeqCst);
        first
    }

    fn put(&self, token: u64, found: Result<Found, Reason>) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.push_back((token, found));
        self.any.store(true, SeqCst);
        drop(given);
        let bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = &*bell {
            bell.ring();
        }
    }
}

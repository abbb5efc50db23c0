//! The time that the tagger goes by: the machine's, or one that is given, so that what depends on time can be tried without any
//! passing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Time since some beginning; never goes back. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Stopwatch(Source);

#[derive(Clone, Debug)]
enum Source {
    Machine(Instant),
    /// Microseconds.
    Given(Arc<AtomicU64>),
}

impl Stopwatch {
    /// Of the machine, from now on.
    pub fn start() -> Self {
        Self(Source::Machine(Instant::now()))
    }

    /// One that stands at zero until it is [set](Self::set).
    pub fn given() -> Self {
        Self(Source::Given(Arc::default()))
    }

    /// Sets a given time; an earlier one than it shows, and the machine's, are left alone.
    pub fn set(&self, time: Duration) {
        if let Source::Given(us) = &self.0 {
            let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            us.fetch_max(time, Ordering::AcqRel);
        }
    }

    /// What it shows.
    pub fn now(&self) -> Duration {
        match &self.0 {
            Source::Machine(began) => began.elapsed(),
            Source::Given(us) => Duration::from_micros(us.load(Ordering::Acquire)),
        }
    }
}

//! A few threads of a volume that write: a disk that hangs holds up these and nothing else.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

type Job = Box<dyn FnOnce() + Send>;

/// Handle of the threads; they end when the last one is gone.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    jobs: mpsc::Sender<Job>,
    began: Instant,
    /// When each thread's job began, milliseconds after `began` and one more; 0 while it has none.
    running: Arc<[AtomicU64]>,
}

/// Jobs that may wait: each recorder has one at most.
const QUEUE: usize = 1024;

impl Pool {
    /// `name` stands in the threads' names.
    pub(crate) fn start(name: &str, threads: usize) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        let pool = Self {
            jobs,
            began: Instant::now(),
            running: (0..threads.max(1)).map(|_| AtomicU64::new(0)).collect(),
        };
        for n in 0..threads.max(1) {
            let (queue, running, began) =
                (Arc::clone(&queue), Arc::clone(&pool.running), pool.began);
            thread::Builder::new()
                .name(format!("{name}-{n}"))
                .spawn(move || {
                    loop {
                        let job = queue
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .blocking_recv();
                        let Some(job) = job else { return };
                        running[n].store(began.elapsed().as_millis() as u64 + 1, Ordering::Relaxed);
                        // A job that panics takes nobody else's thread with it; its owner hears that it did not end.
                        drop(catch_unwind(AssertUnwindSafe(job)));
                        running[n].store(0, Ordering::Relaxed);
                    }
                })?;
        }
        Ok(pool)
    }

    /// Hands a job over; waits for room. False where the threads are gone.
    pub(crate) async fn run(&self, job: impl FnOnce() + Send + 'static) -> bool {
        self.jobs.send(Box::new(job)).await.is_ok()
    }

    /// For how long the oldest job under way has been so.
    pub(crate) fn oldest(&self) -> Duration {
        let now = self.began.elapsed().as_millis() as u64;
        let begun = self.running.iter().map(|at| at.load(Ordering::Relaxed));
        let oldest = begun.filter(|at| *at > 0).min();
        Duration::from_millis(oldest.map_or(0, |at| (now + 1).saturating_sub(at)))
    }
}

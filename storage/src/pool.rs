//! A few threads that write: a disk that hangs holds up these and nothing else.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use tokio::sync::mpsc;

type Job = Box<dyn FnOnce() + Send>;

/// Handle of the threads; they end when the last one is gone.
#[derive(Clone, Debug)]
pub(crate) struct Pool(mpsc::Sender<Job>);

/// Jobs that may wait: each recorder has one at most.
const QUEUE: usize = 1024;

impl Pool {
    pub(crate) fn start(threads: usize) -> std::io::Result<Self> {
        let (sender, queue) = mpsc::channel::<Job>(QUEUE);
        let queue = Arc::new(Mutex::new(queue));
        for n in 0..threads.max(1) {
            let queue = Arc::clone(&queue);
            thread::Builder::new()
                .name(format!("disk-{n}"))
                .spawn(move || {
                    loop {
                        let job = queue
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .blocking_recv();
                        match job {
                            // A job that panics takes nobody else's thread with it; its owner hears that it did not end.
                            Some(job) => drop(catch_unwind(AssertUnwindSafe(job))),
                            None => return,
                        }
                    }
                })?;
        }
        Ok(Self(sender))
    }

    /// Hands a job over; waits for room. False where the threads are gone.
    pub(crate) async fn run(&self, job: impl FnOnce() + Send + 'static) -> bool {
        self.0.send(Box::new(job)).await.is_ok()
    }
}

//! The thread that all recorders of an archive run on.
//!
//! A recorder has next to nothing to do, once a second. As a task of the program's runtime each of its wakes would go through a scheduler
//! that hands timers and sockets over from thread to thread, and wakes a second processor for it; and a runtime that is busy
//! with other things would keep it waiting.

use std::io;

use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Where recorders run.
#[derive(Debug)]
pub(crate) struct Recorders {
    handle: Handle,
    tasks: TaskTracker,
}

impl Recorders {
    /// Starts the thread, which ends with the last recorder after `stop`. Within a runtime of one thread (a test in virtual time)
    /// that one does it all.
    pub(crate) fn start(stop: CancellationToken) -> Self {
        let (own, tasks) = (Handle::current(), TaskTracker::new());
        let handle = match own.runtime_flavor() {
            RuntimeFlavor::CurrentThread => own,
            _ => thread(stop, tasks.clone()).unwrap_or_else(|error| {
                tracing::error!(%error, "recordings: no thread of their own; those that do everything see to them");
                own
            }),
        };
        Self { handle, tasks }
    }

    /// Runs one.
    pub(super) fn spawn(&self, recorder: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(recorder, &self.handle);
    }
}

fn thread(stop: CancellationToken, tasks: TaskTracker) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let run = move || {
        runtime.block_on(async {
            stop.cancelled().await;
            tasks.close();
            tasks.wait().await;
        });
    };
    let name = std::thread::Builder::new().name("recorders".into());
    name.spawn(run)?;
    Ok(handle)
}

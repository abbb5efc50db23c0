//! Threads of their own for camera sessions, which wake to a beat and not to every packet.
//!
//! A hundred cameras send thousands of packets a second, each of which would wake a thread that has next to nothing to do: most of
//! what a camera costs would be falling asleep and waking up. So a thread that has nothing left to do lies still for some
//! milliseconds before it looks at its sockets again, and then finds several cameras' packets there. Frames are late by as much:
//! 40 ms while they are recorded only, 2 ms while somebody looks.

use std::{
    cell::Cell,
    io,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The threads; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    handles: Vec<Handle>,
    next: AtomicUsize,
    _stop: DropGuard,
}

/// No more of them: one carries more than a thousand cameras.
const MAX: usize = 4;
/// The beat where somebody looks.
const WATCHED: Duration = Duration::from_millis(2);
/// Somebody who looked so long ago may look still: frames of a slow camera are as far apart.
const LOOKS: Duration = Duration::from_secs(1);

thread_local! {
    /// When a frame that somebody looks at was passed on by this thread.
    static SEEN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// This thread has passed a frame on that somebody waits for.
pub(crate) fn is_watched() {
    SEEN.set(Some(Instant::now()));
}

impl Threads {
    /// Starts them, with this beat. Where the runtime that this is called in has one thread only (a test in virtual time), or the
    /// beat is zero, that runtime does it all.
    pub(crate) fn start(beat: Duration) -> Self {
        let (stop, own) = (CancellationToken::new(), Handle::current());
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let count = match own.runtime_flavor() {
            RuntimeFlavor::CurrentThread => 0,
            _ if beat.is_zero() => 0,
            _ => count.min(MAX),
        };
        let started = (0..count).map(|n| start(n, beat, stop.clone()));
        let mut handles = started.collect::<io::Result<Vec<_>>>().unwrap_or_else(|e| {
            tracing::error!(error = %e, "ingest: no threads of its own; cameras are pulled by those that do everything");
            Vec::new()
        });
        if handles.is_empty() {
            handles.push(own);
        }
        Self {
            handles,
            next: AtomicUsize::new(0),
            _stop: stop.drop_guard(),
        }
    }

    /// The one whose turn it is.
    pub(crate) fn next(&self) -> &Handle {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        &self.handles[n % self.handles.len()]
    }
}

fn start(n: usize, beat: Duration, stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || lie_still(beat))
        .build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name(format!("ingest-{n}"))
        .spawn(move || runtime.block_on(stop.cancelled()))?;
    Ok(handle)
}

/// Before the thread waits for its sockets: what comes meanwhile is there when it looks.
#[allow(clippy::disallowed_methods)] // a thread of its own, whose beat this is
fn lie_still(beat: Duration) {
    let seen = SEEN.get().is_some_and(|at| at.elapsed() < LOOKS);
    std::thread::sleep(if seen { beat.min(WATCHED) } else { beat });
}

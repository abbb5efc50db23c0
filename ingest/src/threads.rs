//! Threads of their own for camera sessions, which wake to a beat and not to every packet.
//!
//! A hundred cameras send thousands of packets a second, each of which would wake a thread that has next to nothing to do: most of
//! what a camera costs would be falling asleep and waking up. So a thread that has nothing left to do lies still for some
//! milliseconds before it looks at its sockets again, and then finds several cameras' packets there. Frames are late by as much:
//! 200 ms while they are recorded only, 2 ms while somebody looks, 10 ms while a camera is talked to or sends over UDP, whose
//! packets the system keeps no longer.

use std::{
    cell::Cell,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread::Thread,
    time::{Duration, Instant},
};

use media::Priority;
use tokio::runtime::{Builder, Handle, RuntimeFlavor};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The threads; they end when this is dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    beats: Vec<Arc<Beat>>,
    next: AtomicUsize,
    _stop: DropGuard,
}

/// No more of them: one carries more than a thousand cameras.
const MAX: usize = 4;
/// The beat where somebody looks.
const WATCHED: Duration = Duration::from_millis(2);
/// The beat where a camera is waited for: every answer of hers is a step that the next one waits for.
const WAITED_FOR: Duration = Duration::from_millis(10);
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

/// One thread, and what it must not lie still for.
#[derive(Debug)]
pub(crate) struct Beat {
    handle: Handle,
    /// None where the runtime is not this module's own.
    thread: OnceLock<Thread>,
    began: Instant,
    /// Somebody is about to look, until so many milliseconds after `began`.
    hurries_until: AtomicU64,
    /// Sessions that wait for a camera's next word, or whose packets are not kept by the system.
    eager: AtomicUsize,
}

/// While it is there, its thread looks every 10 ms at least.
#[derive(Debug)]
pub(crate) struct Eager(Arc<Beat>);

impl Drop for Eager {
    fn drop(&mut self) {
        self.0.eager.fetch_sub(1, Relaxed);
    }
}

impl Beat {
    fn new(handle: Handle) -> Self {
        Self {
            handle,
            thread: OnceLock::new(),
            began: Instant::now(),
            hurries_until: AtomicU64::new(0),
            eager: AtomicUsize::new(0),
        }
    }

    /// Where its sessions run.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// There is something for it to do now.
    pub(crate) fn nudge(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Somebody is about to look at one of its cameras.
    fn hurry(&self) {
        let until = self.began.elapsed() + LOOKS;
        self.hurries_until
            .fetch_max(until.as_millis() as u64, Relaxed);
        self.nudge();
    }

    /// A camera of its is wanted, for this.
    pub(crate) fn asked(&self, priority: Priority) {
        match priority {
            Priority::Viewer | Priority::Wall | Priority::Incident => self.hurry(),
            Priority::Diagnosis | Priority::Tagging | Priority::Recording => self.nudge(),
        }
    }

    /// A camera is talked to.
    pub(crate) fn eager(self: &Arc<Self>) -> Eager {
        self.eager.fetch_add(1, Relaxed);
        Eager(Arc::clone(self))
    }

    /// How long it may lie still, at most `beat`.
    fn still(&self, beat: Duration) -> Duration {
        let hurries =
            self.began.elapsed().as_millis() < u128::from(self.hurries_until.load(Relaxed));
        if hurries || SEEN.get().is_some_and(|at| at.elapsed() < LOOKS) {
            beat.min(WATCHED)
        } else if self.eager.load(Relaxed) > 0 {
            beat.min(WAITED_FOR)
        } else {
            beat
        }
    }
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
        let mut beats = started.collect::<io::Result<Vec<_>>>().unwrap_or_else(|e| {
            tracing::error!(error = %e, "ingest: no threads of its own; cameras are pulled by those that do everything");
            Vec::new()
        });
        if beats.is_empty() {
            beats.push(Arc::new(Beat::new(own)));
        }
        Self {
            beats,
            next: AtomicUsize::new(0),
            _stop: stop.drop_guard(),
        }
    }

    /// The one whose turn it is.
    pub(crate) fn next(&self) -> &Arc<Beat> {
        let n = self.next.fetch_add(1, Relaxed);
        &self.beats[n % self.beats.len()]
    }
}

fn start(n: usize, length: Duration, stop: CancellationToken) -> io::Result<Arc<Beat>> {
    let own: Arc<OnceLock<Arc<Beat>>> = Arc::default();
    let parked = Arc::clone(&own);
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || {
            if let Some(beat) = parked.get() {
                std::thread::park_timeout(beat.still(length));
            }
        })
        .build()?;
    let beat = Arc::new(Beat::new(runtime.handle().clone()));
    let _ = own.set(Arc::clone(&beat));
    let thread = std::thread::Builder::new()
        .name(format!("ingest-{n}"))
        .spawn(move || runtime.block_on(stop.cancelled()))?;
    let _ = beat.thread.set(thread.thread().clone());
    Ok(beat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_waited_for_decides_how_long_a_thread_lies_still() {
        let long = Duration::from_millis(200);
        let beat = Arc::new(Beat::new(Handle::current()));
        assert_eq!(beat.still(long), long);
        let (one, two) = (beat.eager(), beat.eager());
        assert_eq!(beat.still(long), WAITED_FOR);
        drop(one);
        assert_eq!(beat.still(long), WAITED_FOR);
        drop(two);
        assert_eq!(beat.still(long), long);
        beat.hurry();
        assert_eq!(beat.still(long), WATCHED);
        assert_eq!(
            beat.still(Duration::from_millis(1)),
            Duration::from_millis(1)
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_nudge_ends_the_stillness() {
        // An hour: without the nudge nothing would be done before the test's own end.
        let threads = Threads::start(Duration::from_secs(3600));
        let beat = threads.next();
        for _ in 0..3 {
            let done = beat.handle().spawn(async {});
            beat.nudge();
            done.await.unwrap();
        }
    }
}

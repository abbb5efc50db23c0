//! What runs a worker: a thread of its own, or a task.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use tokio::{
    runtime::Handle,
    task::{JoinSet, yield_now},
    time::{Instant, sleep_until},
};

use super::{post::Post, worker::Worker};

/// Ends the workers when dropped.
pub(super) enum Workers {
    Threads(Arc<[Arc<Post>]>),
    Tasks { _tasks: JoinSet<()> },
}

impl Workers {
    /// A thread for each post; within a runtime, whose sockets the lines write to.
    ///
    /// # Errors
    /// The system has no thread to give; none is left running then.
    pub(super) fn threads(
        posts: &Arc<[Arc<Post>]>,
        worker: impl Fn(Arc<Post>) -> Worker,
    ) -> io::Result<Self> {
        let workers = Self::Threads(Arc::clone(posts));
        for (n, post) in posts.iter().enumerate() {
            let (worker, handle) = (worker(Arc::clone(post)), Handle::current());
            thread::Builder::new()
                .name(format!("relay-{n}"))
                .spawn(move || {
                    let _within = handle.enter();
                    run(worker);
                })?;
        }
        Ok(workers)
    }

    pub(super) fn tasks(posts: &Arc<[Arc<Post>]>, worker: impl Fn(Arc<Post>) -> Worker) -> Self {
        let mut tasks = JoinSet::new();
        for post in posts.iter() {
            let worker = worker(Arc::clone(post));
            // What a line takes is bounded by the line; a budget of the scheduler's would only look like a blocked socket.
            tasks.spawn(tokio::task::unconstrained(run_as_task(worker)));
        }
        Self::Tasks { _tasks: tasks }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Self::Threads(posts) = self {
            posts.iter().for_each(|post| post.close());
        }
    }
}

fn run(mut worker: Worker) {
    worker.post().moved_in();
    loop {
        worker = turn(worker);
        if worker.post().is_closed() {
            return;
        }
        match worker.beat() {
            None => thread::park(),
            Some(at) => thread::park_timeout(at.saturating_duration_since(Instant::now())),
        }
    }
}

async fn run_as_task(mut worker: Worker) {
    let post = Arc::clone(worker.post());
    loop {
        match worker.beat() {
            None => post.woken().await,
            Some(at) => tokio::select! {
                () = post.woken() => {}
                () = sleep_until(at) => {}
            },
        }
        worker = turn(worker);
        // The lines' own tasks live on this thread as well.
        yield_now().await;
    }
}

/// A turn, and what is left of the worker after a panic in it. A panic is a fault in this program: it costs the viewer whom it
/// happened to, and is told; hundreds of others are not to pay for it.
fn turn(mut worker: Worker) -> Worker {
    let done = catch_unwind(AssertUnwindSafe(|| {
        worker.turn(Instant::now());
    }));
    match done {
        Ok(()) => worker,
        Err(_) => {
            tracing::error!("a worker of the relay panicked; its viewer is closed, it goes on");
            worker.recovered()
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{
        sync::{
            Mutex,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        time::Duration,
    };

    use media::{Frame, MediaTime, Ring, TrackKind, Tracks, VideoCodec, VideoTrack, WallTime};

    use super::*;
    use crate::{
        Config,
        dispatch::{Dispatch, Due, Fresh, Line, Sent},
    };

    /// What it was handed; panics at a position, if so told.
    #[derive(Default)]
    struct Probe {
        positions: Mutex<Vec<u64>>,
        rung: AtomicUsize,
        failed: AtomicUsize,
        panics_at: Option<u64>,
    }

    impl Line for Probe {
        fn offer(&self, frames: &[Fresh], due: Due<'_>) -> Sent {
            for (fresh, _) in due.of(frames) {
                assert_ne!(Some(fresh.position), self.panics_at, "as it was told to");
                self.positions.lock().unwrap().push(fresh.position);
            }
            Sent::default()
        }

        fn ring(&self) {
            self.rung.fetch_add(1, SeqCst);
        }

        fn fail(&self) {
            self.failed.fetch_add(1, SeqCst);
        }
    }

    pub(crate) fn frame(n: u32) -> Arc<Frame> {
        let tracks = Tracks {
            video: VideoTrack {
                codec: VideoCodec::H264,
                codec_string: "avc1.42c01e".into(),
                config: vec![1, 0x42, 0xc0, 0x1e].into(),
                width: 640,
                height: 360,
            },
            audio: None,
        };
        Arc::new(Frame {
            feed: 1,
            tracks: Arc::new(tracks),
            track: TrackKind::Video,
            key: n == 0,
            discontinuity: false,
            damaged: false,
            group: 0,
            number: n,
            dts: MediaTime(i64::from(n) * 3600),
            pts: MediaTime(i64::from(n) * 3600),
            duration: MediaTime(3600),
            captured: WallTime::from_secs(1),
            data: vec![0; 100].into(),
            package: Default::default(),
        })
    }

    fn wait(what: &str, mut done: impl FnMut() -> bool) {
        let start = std::time::Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(120), "{what}");
            thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Two lines on a worker's thread, the first of which panics at the fourth frame.
    fn one_panics(gathers: bool) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let _within = runtime.enter();
        let dispatch = Dispatch::start(&Config::default(), &Arc::default());
        let bad = Arc::new(Probe {
            panics_at: Some(3),
            ..Probe::default()
        });
        let good = Arc::new(Probe::default());
        let ring = Ring::new(Default::default());
        let (mut first, mut second) = (dispatch.seat(), dispatch.seat());
        first.follow(
            Arc::clone(&bad) as Arc<dyn Line>,
            vec![ring.clone()],
            gathers,
        );
        second.follow(
            Arc::clone(&good) as Arc<dyn Line>,
            vec![ring.clone()],
            gathers,
        );
        wait("both are there", || {
            bad.rung.load(SeqCst) > 0 && good.rung.load(SeqCst) > 0
        });
        for n in 0..4 {
            ring.push(frame(n));
            if n < 3 {
                wait("handed", || {
                    good.positions.lock().unwrap().len() > n as usize
                });
            }
        }
        wait("the one is given up", || bad.failed.load(SeqCst) == 1);
        // The other is told to look for itself: what it was not handed is in the ring.
        wait("the other is rung", || good.rung.load(SeqCst) > 1);
        for n in 4..10 {
            ring.push(frame(n));
            wait("it goes on", || {
                good.positions.lock().unwrap().last() == Some(&u64::from(n))
            });
        }
        assert_eq!(*bad.positions.lock().unwrap(), [0, 1, 2]);
        assert_eq!(bad.failed.load(SeqCst), 1);
    }

    #[test]
    fn a_line_that_panics_does_not_stall_the_others() {
        one_panics(false);
    }

    #[test]
    fn nor_one_that_gathers() {
        one_panics(true);
    }
}

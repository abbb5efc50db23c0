//! The thread that a pipeline works in. It takes one frame at a time, so that nothing piles up before it: what waits, waits in
//! the ring of the original, which is bounded and skips.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use media::Frame;
use tokio::sync::mpsc;

use super::{
    chain::Output,
    config::Config,
    encoder::{SoundEncoder, VideoEncoder},
    sound::Sound,
    video::Video,
};

/// What a worker is to do.
#[derive(Clone, Copy, Debug)]
pub(super) enum Work {
    Video(VideoEncoder),
    Sound(SoundEncoder),
}

/// What it has cost and given so far.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) cpu_us: AtomicU64,
    pub(super) restarts: AtomicU64,
}

/// One frame to take.
struct Job {
    frame: Arc<Frame>,
    fresh: bool,
}

/// A running thread, from outside.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Job>,
    done: mpsc::Receiver<Result<(), String>>,
    pub(super) output: Arc<Output>,
    /// Since when it has been at work on a frame.
    pub(super) busy: Option<Instant>,
    #[cfg(test)]
    pub(super) pipeline: Arc<std::sync::Mutex<Option<gstreamer::Pipeline>>>,
}

/// Held by a thread as long as it lives, be it stuck in a driver and given up or not.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Worker {
    /// Starts a thread. `alive` counts it.
    pub(super) fn start(
        work: Work,
        config: &Config,
        figures: Arc<Figures>,
        alive: &Arc<AtomicUsize>,
    ) -> Result<Self, String> {
        let (jobs, mut todo) = mpsc::channel::<Job>(1);
        let (finished, done) = mpsc::channel(1);
        let output = Arc::new(Output::default());
        let (config, result) = (config.clone(), Arc::clone(&output));
        alive.fetch_add(1, Relaxed);
        let alive = Alive(Arc::clone(alive));
        #[cfg(test)]
        let pipeline = Arc::new(std::sync::Mutex::new(None));
        #[cfg(test)]
        let seen = Arc::clone(&pipeline);
        let run = move || {
            let _alive = alive;
            let mut cpu = Cpu::default();
            let mut stage = Stage::new(work, config, result);
            while let Some(job) = todo.blocking_recv() {
                let result = stage.push(&job.frame, job.fresh);
                #[cfg(test)]
                if let (Stage::Video(video), Ok(mut seen)) = (&stage, seen.lock()) {
                    *seen = video.pipeline();
                }
                figures.cpu_us.fetch_add(cpu.passed_us(false), Relaxed);
                let failed = result.is_err();
                if finished.blocking_send(result).is_err() || failed {
                    break;
                }
            }
            figures.cpu_us.fetch_add(cpu.passed_us(true), Relaxed);
        };
        let name = match work {
            Work::Video(_) => "transcode-video",
            Work::Sound(_) => "transcode-sound",
        };
        thread::Builder::new()
            .name(name.into())
            .spawn(run)
            .map_err(|e| format!("no thread for it: {e}"))?;
        Ok(Self {
            jobs,
            done,
            output,
            busy: None,
            #[cfg(test)]
            pipeline,
        })
    }

    /// Hands it a frame; only while it is not busy.
    pub(super) fn take(&mut self, frame: Arc<Frame>, fresh: bool) -> Result<(), String> {
        self.busy = Some(Instant::now());
        self.jobs
            .try_send(Job { frame, fresh })
            .map_err(|_| "its thread has ended".to_owned())
    }

    /// Waits until it is done with its frame, or stands still for too long; for ever while there is none. Cancel safe.
    pub(super) async fn done(&mut self, stall: Duration) -> Result<(), String> {
        let Some(since) = self.busy else {
            return std::future::pending().await;
        };
        let result = tokio::select! {
            biased;
            result = self.done.recv() => result,
            () = tokio::time::sleep_until((since + stall).into()) => {
                return Err(format!("it has stood still for {} s", stall.as_secs_f64()));
            }
        };
        self.busy = None;
        result.unwrap_or_else(|| Err("its thread has ended".into()))
    }
}

enum Stage {
    Video(Video),
    Sound(Sound),
}

impl Stage {
    fn new(work: Work, config: Config, output: Arc<Output>) -> Self {
        match work {
            Work::Video(encoder) => Self::Video(Video::new(config, encoder, output)),
            Work::Sound(encoder) => Self::Sound(Sound::new(encoder, output)),
        }
    }

    fn push(&mut self, frame: &Frame, fresh: bool) -> Result<(), String> {
        match self {
            Self::Video(video) => video.push(frame, fresh),
            Self::Sound(sound) => sound.push(frame, fresh),
        }
    }
}

/// Processor time of the calling thread; software works in no other.
#[derive(Debug, Default)]
struct Cpu {
    read: Option<Instant>,
    total_us: u64,
}

impl Cpu {
    /// Since the last reading; looked up once a second at most.
    fn passed_us(&mut self, now: bool) -> u64 {
        let due = self
            .read
            .is_none_or(|at| at.elapsed() >= Duration::from_secs(1));
        if !(due || now) {
            return 0;
        }
        self.read = Some(Instant::now());
        // proc(5): time on the processor, nanoseconds.
        let ns = std::fs::read_to_string("/proc/thread-self/schedstat")
            .ok()
            .and_then(|s| s.split_whitespace().next()?.parse::<u64>().ok());
        let total = ns.map_or(self.total_us, |ns| ns / 1000);
        let passed = total.saturating_sub(self.total_us);
        self.total_us = total;
        passed
    }
}

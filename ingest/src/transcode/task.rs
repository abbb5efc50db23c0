//! One derived feed: reads the original's ring, republishes into its own.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use media::{
    AudioCodec, BitRate, ByteCount, Feed, Frame, Next, Reason, ReasonCode, SourceState,
    SourceStatus, TrackKind, VideoCodec, VideoTrack,
};
use tokio::{
    sync::{Notify, watch},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use super::{
    Hub, Kind,
    chain::Coded,
    publish::{Inside, Origin, Publisher, Unit},
    sound::{self, Times},
    video,
    worker::{Figures, Work, Worker},
};

/// All of one derived feed's task.
pub(super) struct Task {
    pub(super) hub: Arc<Hub>,
    pub(super) kind: Kind,
    pub(super) work: Work,
    pub(super) source: Arc<Feed>,
    pub(super) feed: Arc<Feed>,
    pub(super) status: Arc<watch::Sender<SourceStatus>>,
    /// Since when nobody has had a lease.
    pub(super) unused: watch::Receiver<Option<Instant>>,
    pub(super) stop: CancellationToken,
    pub(super) figures: Arc<Figures>,
    #[cfg(test)]
    pub(super) seen: Arc<std::sync::Mutex<Option<gstreamer::Pipeline>>>,
}

/// Why one pipeline's run ended.
enum End {
    /// From outside, or because nobody wants it.
    Stop,
    /// The original has ended.
    Closed(Option<Reason>),
    /// The pipeline has failed.
    Failed(String),
}

/// Waits after failures: doubled from the first to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A pipeline that ran for so long was well.
const WELL: Duration = Duration::from_secs(60);

impl Task {
    pub(super) async fn run(mut self) {
        let mut publisher = Publisher::new(self.feed.number);
        let mut failures = 0u32;
        let reason = loop {
            let begun = Instant::now();
            match self.play(&mut publisher).await {
                End::Stop => break None,
                End::Closed(reason) => break reason,
                End::Failed(text) => {
                    failures = if begun.elapsed() >= WELL {
                        1
                    } else {
                        failures + 1
                    };
                    publisher.interrupted();
                    self.figures.restarts.fetch_add(1, Relaxed);
                    let wait = (FIRST_WAIT * (1 << (failures - 1).min(10))).min(LONGEST_WAIT);
                    self.failed(text, failures, wait);
                    tokio::select! {
                        () = self.no_longer_wanted() => break None,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        };
        self.feed.ring.close(reason.clone());
        let now = self.hub.wall();
        self.status.send_modify(|status| {
            *status = SourceStatus {
                reason,
                ..SourceStatus::idle(now)
            };
        });
        self.hub.ended(self.feed.number);
        tracing::info!(feed = %self.feed.id, kind = self.kind.as_str(), "re-encoding has ended");
    }

    fn failed(&self, text: String, failures: u32, wait: Duration) {
        let what = match self.kind {
            Kind::Video => "pictures",
            Kind::Sound => "sound",
        };
        let text = format!("re-encoding the {what} of {}: {text}", self.feed.id);
        if failures == 1 {
            tracing::warn!(feed = %self.feed.id, text, wait_ms = wait.as_millis() as u64, "re-encoding failed");
        } else {
            tracing::debug!(feed = %self.feed.id, text, failures, "re-encoding failed again");
        }
        let now = self.hub.wall();
        self.status.send_modify(|status| {
            status.state = SourceState::Backoff;
            status.reason = Some(Reason::new(ReasonCode::TranscodeFailed, text));
            (status.since, status.retry_at) = (now, Some(now + wait));
            (status.bit_rate, status.frame_rate_x100) = (BitRate(0), 0);
        });
    }

    /// Returns when the task is to end.
    async fn no_longer_wanted(&mut self) {
        loop {
            let since = *self.unused.borrow_and_update();
            let until = since.map_or_else(Instant::now, |s| s + self.hub.config.grace);
            tokio::select! {
                () = self.stop.cancelled() => return,
                changed = self.unused.changed() => if changed.is_err() {
                    return;
                },
                () = sleep_until(until.into()), if since.is_some() => {
                    if self.hub.end_unused(self.feed.number) {
                        return;
                    }
                }
            }
        }
    }

    /// Runs until its pipeline fails or nothing is wanted of it.
    async fn play(&mut self, publisher: &mut Publisher) -> End {
        let cursor = self.source.ring.cursor_at_key(Arc::new(Notify::new()));
        let mut cursor = cursor.at_once();
        let mut original = self.source.status.clone();
        let mut run = Run {
            kind: self.kind,
            publisher,
            feed: Arc::clone(&self.feed),
            times: match self.work {
                Work::Sound(encoder) => Some(Times::new(&encoder)),
                Work::Video(_) => None,
            },
            inside: Inside::default(),
            track: None,
            made: None,
            source: None,
            sent: Rate::new(),
        };
        let mut worker: Option<Worker> = None;
        let mut told = true;
        self.mirror(&original.borrow_and_update().clone(), &mut run);
        let stall = self.hub.config.stall;
        loop {
            let busy = worker.as_ref().is_some_and(|w| w.busy.is_some());
            let output = worker.as_ref().map(|w| Arc::clone(&w.output));
            // Its state is not lost with the future: `play` begins anew only with a new pipeline.
            tokio::select! {
                biased;
                () = self.no_longer_wanted() => return End::Stop,
                changed = original.changed(), if told => {
                    told = changed.is_ok();
                    let status = original.borrow_and_update().clone();
                    self.mirror(&status, &mut run);
                }
                result = done(&mut worker, stall) => {
                    if let Some(worker) = &worker {
                        run.take(worker);
                    }
                    if let Err(text) = result {
                        return End::Failed(text);
                    }
                    self.first(&original, &mut run);
                }
                () = rung(output.as_deref()) => if let Some(worker) = &worker {
                    run.take(worker);
                },
                next = cursor.next(), if !busy => match next {
                    Next::Closed(reason) => return End::Closed(reason),
                    // A key frame follows.
                    Next::Skipped(_) => run.missed(),
                    Next::Frame(frame) => {
                        if let Some(fresh) = run.frame(&frame) {
                            if worker.is_none() {
                                match self.begin() {
                                    Ok(new) => worker = Some(new),
                                    Err(text) => return End::Failed(text),
                                }
                            }
                            if let Some(worker) = &mut worker
                                && let Err(text) = worker.take(frame, fresh)
                            {
                                return End::Failed(text);
                            }
                            #[cfg(test)]
                            self.show(worker.as_ref());
                        } else {
                            self.first(&original, &mut run);
                        }
                    }
                },
            }
        }
    }

    #[cfg(test)]
    fn show(&self, worker: Option<&Worker>) {
        let pipeline = worker.and_then(|w| w.pipeline.lock().unwrap().clone());
        *self.seen.lock().unwrap() = pipeline;
    }

    fn begin(&self) -> Result<Worker, String> {
        let alive = self.hub.alive(self.kind);
        let max = self.hub.max(self.kind);
        // Those that end at this moment or got stuck in a driver still hold what they hold: as many again, and not one more.
        if alive.load(Relaxed) >= max.saturating_mul(2) {
            return Err(format!("{max} pipelines are at work and as many are stuck"));
        }
        Worker::start(
            self.work,
            &self.hub.config,
            Arc::clone(&self.figures),
            alive,
        )
    }

    /// With the first frame published it is live.
    fn first(&self, original: &watch::Receiver<SourceStatus>, run: &mut Run<'_>) {
        if run.sent.first() {
            self.mirror(&original.borrow().clone(), run);
        }
    }

    /// The derived feed stands as the original does, with tracks and rates of its own.
    fn mirror(&self, original: &SourceStatus, run: &mut Run<'_>) {
        let mut now = original.clone();
        now.tracks = run.publisher.tracks().cloned();
        (now.bit_rate, now.frame_rate_x100) = (BitRate(0), 0);
        if now.state == SourceState::Live {
            if run.sent.any {
                (now.bit_rate, now.frame_rate_x100) = run.sent.rates();
            } else {
                now.state = SourceState::WaitingKeyFrame;
            }
        }
        self.status.send_if_modified(|status| {
            let changed = *status != now;
            *status = now;
            changed
        });
    }
}

async fn done(worker: &mut Option<Worker>, stall: Duration) -> Result<(), String> {
    match worker {
        Some(worker) => worker.done(stall).await,
        None => std::future::pending().await,
    }
}

async fn rung(output: Option<&super::chain::Output>) {
    match output {
        Some(output) => output.bell.notified().await,
        None => std::future::pending().await,
    }
}

/// What one pipeline's run knows.
struct Run<'a> {
    kind: Kind,
    publisher: &'a mut Publisher,
    feed: Arc<Feed>,
    /// Of sound that is encoded.
    times: Option<Times>,
    /// Pictures that are encoded.
    inside: Inside,
    /// Parameters of the pictures the pipeline was begun with.
    track: Option<VideoTrack>,
    /// What it makes of them.
    made: Option<VideoTrack>,
    /// What the original carried with its last frame.
    source: Option<Arc<media::Tracks>>,
    sent: Rate,
}

impl Run<'_> {
    /// A frame of the original. None if it was passed on (or is of no use); else it goes into the pipeline, which is to begin
    /// anew where `true`.
    fn frame(&mut self, frame: &Arc<Frame>) -> Option<bool> {
        let tracks = &frame.tracks;
        if !self.source.as_ref().is_some_and(|s| Arc::ptr_eq(s, tracks)) {
            self.source = Some(Arc::clone(tracks));
            if tracks.video.codec == VideoCodec::H264 {
                // No longer needed, should it have been: the camera was configured otherwise.
                (self.track, self.made) = (None, None);
                self.inside.clear();
            }
            self.carry();
        }
        match (self.kind, frame.track) {
            (Kind::Video, TrackKind::Video) if tracks.video.codec != VideoCodec::H264 => {
                let fresh = self.track.as_ref() != Some(&tracks.video);
                if fresh && !frame.key {
                    return None;
                }
                if fresh {
                    self.track = Some(tracks.video.clone());
                    self.inside.clear();
                }
                self.inside.put(Origin::of(frame));
                Some(fresh)
            }
            (Kind::Sound, TrackKind::Audio) => match (&tracks.audio, &mut self.times) {
                (Some(source), Some(times)) if source.codec != AudioCodec::Aac => {
                    Some(times.push(source, frame))
                }
                _ => self.pass(frame),
            },
            _ => self.pass(frame),
        }
    }

    fn pass(&mut self, frame: &Frame) -> Option<bool> {
        self.publish(Unit {
            track: frame.track,
            key: frame.key,
            of: Origin::of(frame),
            data: frame.data.clone(),
        });
        None
    }

    /// Tells what the derived feed carries, as far as that is known.
    fn carry(&mut self) {
        let Some(source) = &self.source else { return };
        let video = match (self.kind, source.video.codec) {
            (Kind::Video, VideoCodec::H265) => self.made.as_ref(),
            _ => Some(&source.video),
        };
        let made;
        let audio = match &source.audio {
            Some(audio) if self.kind == Kind::Sound && audio.codec != AudioCodec::Aac => {
                made = sound::track(audio);
                Some(&made)
            }
            other => other.as_ref(),
        };
        if let Some(video) = video {
            self.publisher.carries(video, audio);
        }
    }

    /// Takes what has come out of the pipeline.
    fn take(&mut self, worker: &Worker) {
        for coded in worker.output.take() {
            match (coded, self.kind) {
                (Coded::Caps(caps), Kind::Video) => {
                    self.made = video::track(&caps).or(self.made.take());
                    self.carry();
                }
                (Coded::Caps(_), Kind::Sound) => {}
                (Coded::Unit { data, key, time_ns }, Kind::Video) => {
                    // Nothing is wanted of it any more once the original is H.264.
                    let of = time_ns.and_then(|t| self.inside.take(video::outer(t)));
                    if let Some(of) = of.filter(|_| self.made.is_some()) {
                        self.publish(Unit {
                            track: TrackKind::Video,
                            key,
                            of,
                            data,
                        });
                    }
                }
                (Coded::Unit { data, .. }, Kind::Sound) => {
                    let Some(times) = &mut self.times else {
                        continue;
                    };
                    let length = times.length();
                    if let Some((pts, captured)) = times.came_out() {
                        let of = Origin {
                            dts: pts,
                            pts,
                            duration: length,
                            captured,
                            discontinuity: false,
                            damaged: false,
                        };
                        self.publish(Unit {
                            track: TrackKind::Audio,
                            key: false,
                            of,
                            data,
                        });
                    }
                }
            }
        }
    }

    /// Frames of the original were missed.
    fn missed(&mut self) {
        self.inside.clear();
        self.publisher.interrupted();
    }

    fn publish(&mut self, unit: Unit) {
        if let Some(frame) = self.publisher.frame(unit) {
            self.sent.add(&frame);
            self.feed.ring.push(Arc::new(frame));
        }
    }
}

/// Rates of what was published.
struct Rate {
    any: bool,
    told: bool,
    since: Instant,
    bytes: u64,
    pictures: u64,
    last: (BitRate, u32),
}

impl Rate {
    fn new() -> Self {
        Self {
            any: false,
            told: false,
            since: Instant::now(),
            bytes: 0,
            pictures: 0,
            last: (BitRate(0), 0),
        }
    }

    fn add(&mut self, frame: &Frame) {
        self.any = true;
        self.bytes += frame.data.len() as u64;
        self.pictures += u64::from(frame.track == TrackKind::Video);
    }

    /// Whether there was a first frame that was not told of.
    fn first(&mut self) -> bool {
        self.any && !std::mem::replace(&mut self.told, self.any)
    }

    /// Over at least a second.
    fn rates(&mut self) -> (BitRate, u32) {
        let passed = self.since.elapsed();
        if passed >= Duration::from_secs(1) {
            let per_second = |n: u64| (n as f64 / passed.as_secs_f64()) as u32;
            let pictures = per_second(self.pictures.saturating_mul(100));
            self.last = (BitRate::of(ByteCount(self.bytes), passed), pictures);
            (self.since, self.bytes, self.pictures) = (Instant::now(), 0, 0);
        }
        self.last
    }
}

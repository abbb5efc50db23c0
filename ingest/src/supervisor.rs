//! All cameras and their feeds: who asks, what runs, what it takes on the links.
//!
//! One mutex holds the book-keeping; it is never held across an `.await` nor while a lease is dropped. Each feed is a task (in
//! `feed`) that owns its session; it learns of leases and changed cameras by a watch channel.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use media::{
    BitRate, CameraId, Clock, Feed, FeedId, Lease, Priority, Profile, Reason, ReasonCode, Ring,
    SourceState, SourceStatus, WallTime,
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    budget::{LinkUse, Links, priority_name},
    camera::{Camera, Source},
    config::Config,
    feed,
    pacer::Pacer,
    threads::Threads,
};

/// Runs the pulls of all cameras. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Supervisor(Arc<Shared>);

/// What feeds and leases share with the supervisor.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) clock: Arc<Mutex<Clock>>,
    state: Mutex<State>,
    changes: broadcast::Sender<(FeedId, SourceStatus)>,
    tasks: TaskTracker,
    runtime: tokio::runtime::Handle,
    /// Where feeds run.
    threads: Threads,
    cancel: CancellationToken,
    /// Cameras that are always pulled have changed, or lost their feed.
    keep: Notify,
}

#[derive(Debug)]
struct State {
    cameras: HashMap<CameraId, Camera>,
    feeds: HashMap<FeedId, Entry>,
    /// Last status of feeds that do not run any more.
    ended: BTreeMap<FeedId, SourceStatus>,
    /// The most a feed was ever measured at: what it is admitted at next time.
    rates: HashMap<FeedId, BitRate>,
    links: Links,
    pacer: Pacer,
    next_number: u32,
    /// Leases of cameras that are always pulled.
    kept: HashMap<CameraId, Lease>,
}

#[derive(Debug)]
struct Entry {
    feed: Arc<Feed>,
    demand: watch::Sender<Demand>,
    status: Arc<watch::Sender<SourceStatus>>,
    held: BTreeMap<Priority, usize>,
    stop: CancellationToken,
}

/// What a feed's task is told.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// Since when there is no lease; none while there is one.
    pub(crate) unused: Option<Instant>,
    /// Where to pull from.
    pub(crate) source: Arc<Source>,
    /// Rises when that changes.
    pub(crate) revision: u64,
}

/// Returned with each lease; its end is the lease's end.
struct Guard {
    shared: Weak<Shared>,
    feed: FeedId,
    number: u32,
    priority: Priority,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.lease_ended(self);
        }
    }
}

/// Status changes that a slow reader may be behind before it misses some.
const CHANGES: usize = 1024;
/// How often the always-pulled cameras and the clock are looked after.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long a stop may take.
const STOPPING: Duration = Duration::from_secs(3);

impl Supervisor {
    /// Starts with no cameras. Must be called within a tokio runtime. The clock is kept true to the system's from here on.
    pub fn start(
        config: Config,
        links: Links,
        clock: Arc<Mutex<Clock>>,
        cancel: CancellationToken,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                cameras: HashMap::new(),
                feeds: HashMap::new(),
                ended: BTreeMap::new(),
                rates: HashMap::new(),
                links,
                pacer: Pacer::new(config.connects_per_second),
                next_number: 1,
                kept: HashMap::new(),
            }),
            threads: Threads::start(config.beat),
            config,
            clock,
            changes: broadcast::channel(CHANGES).0,
            tasks: TaskTracker::new(),
            runtime: tokio::runtime::Handle::current(),
            cancel: cancel.child_token(),
            keep: Notify::new(),
        });
        let upkeep = Arc::clone(&shared);
        shared
            .tasks
            .spawn_on(async move { upkeep.upkeep().await }, &shared.runtime);
        Self(shared)
    }

    /// Adds or changes a camera. Where its address or user changed, its sessions start anew on the same feeds; where a stream is
    /// gone or the camera is out of service, the feeds end.
    pub fn upsert(&self, camera: Camera) {
        let mut state = self.0.lock();
        let id = camera.id;
        for profile in Profile::ALL {
            let feed = FeedId {
                camera: id,
                profile,
            };
            let Some(entry) = state.feeds.get(&feed) else {
                continue;
            };
            match camera.source(profile) {
                _ if camera.disabled => {
                    let reason = disabled(id);
                    self.0.end(&mut state, feed, None, Some(reason));
                }
                None => {
                    let reason = no_stream(feed);
                    self.0.end(&mut state, feed, None, Some(reason));
                }
                Some(source) => {
                    entry.demand.send_if_modified(|demand| {
                        let changed = !demand.source.same_session(source);
                        if changed {
                            demand.source = Arc::new(source.clone());
                            demand.revision += 1;
                        }
                        changed
                    });
                }
            }
        }
        state.cameras.insert(id, camera);
        drop(state);
        self.0.keep.notify_one();
    }

    /// Removes a camera; its feeds end and its statuses are forgotten.
    pub fn remove(&self, id: CameraId) {
        let mut state = self.0.lock();
        state.cameras.remove(&id);
        for profile in Profile::ALL {
            let feed = FeedId {
                camera: id,
                profile,
            };
            let reason = Reason::new(ReasonCode::NotFound, format!("camera {id} was removed"));
            self.0.end(&mut state, feed, None, Some(reason));
            state.ended.remove(&feed);
            state.rates.remove(&feed);
        }
        let kept = state.kept.remove(&id);
        drop(state);
        drop(kept);
    }

    /// A lease on a feed, which starts if it does not run. Never blocks, and says nothing about whether the camera answers: that
    /// is in the feed's status.
    ///
    /// # Errors
    /// [`ReasonCode::NotFound`], [`ReasonCode::Disabled`], [`ReasonCode::LinkBudget`], [`ReasonCode::ShuttingDown`].
    pub fn pull(&self, feed: FeedId, priority: Priority) -> Result<Lease, Reason> {
        let shared = &self.0;
        if shared.cancel.is_cancelled() {
            return Err(Reason::new(
                ReasonCode::ShuttingDown,
                "the gateway is stopping",
            ));
        }
        let mut guard = shared.lock();
        let state = &mut *guard;
        let camera = state.cameras.get(&feed.camera).ok_or_else(|| {
            Reason::new(
                ReasonCode::NotFound,
                format!("no camera {} in the register", feed.camera),
            )
        })?;
        if camera.disabled {
            return Err(disabled(feed.camera));
        }
        let source = camera.source(feed.profile).ok_or_else(|| no_stream(feed))?;
        if let Some(entry) = state.feeds.get_mut(&feed) {
            *entry.held.entry(priority).or_insert(0) += 1;
            entry.tell_leases();
            state
                .links
                .set_priority(feed, entry.held.keys().next_back().copied());
            return Ok(shared.lease(entry, priority));
        }
        let usual = match feed.profile {
            Profile::Main => shared.config.main_bit_rate,
            Profile::Sub => shared.config.sub_bit_rate,
        };
        let measured = state.rates.get(&feed).copied();
        let rate = measured.or(source.declared).unwrap_or(usual);
        let region = camera.region;
        let source = Arc::new(source.clone());
        let victims = state
            .links
            .admit(feed, region, rate, priority)
            .map_err(|refusal| refusal.reason())?;
        for victim in victims {
            let reason = Reason::new(
                ReasonCode::Preempted,
                format!("gave way to {feed} ({})", priority_name(priority)),
            );
            shared.end(state, victim, None, Some(reason));
        }
        let entry = shared.begin(state, feed, source, priority);
        let lease = shared.lease(&entry, priority);
        state.feeds.insert(feed, entry);
        Ok(lease)
    }

    /// A running feed, without keeping it so.
    pub fn feed(&self, feed: FeedId) -> Option<Arc<Feed>> {
        let state = self.0.lock();
        state.feeds.get(&feed).map(|entry| Arc::clone(&entry.feed))
    }

    /// Last known status of every feed ever pulled, by feed; a feed that has ended keeps its reason.
    pub fn statuses(&self) -> Vec<(FeedId, SourceStatus)> {
        let state = self.0.lock();
        let mut all = state.ended.clone();
        for (id, entry) in &state.feeds {
            all.insert(*id, entry.status.borrow().clone());
        }
        all.into_iter().collect()
    }

    /// Changes of state or reason from now on; a reader 1024 behind misses the oldest and is told.
    pub fn changes(&self) -> broadcast::Receiver<(FeedId, SourceStatus)> {
        self.0.changes.subscribe()
    }

    /// What derived feeds share with it.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.0)
    }

    /// Every link and what is held on it.
    pub fn links(&self) -> Vec<LinkUse> {
        self.0.lock().links.uses()
    }

    /// Says goodbye to all cameras and stops; at most 3 s.
    pub async fn shutdown(&self) {
        let kept: Vec<Lease> = {
            let mut state = self.0.lock();
            self.0.cancel.cancel();
            let feeds: Vec<FeedId> = state.feeds.keys().copied().collect();
            for feed in feeds {
                let reason = Reason::new(ReasonCode::ShuttingDown, "the gateway is stopping");
                self.0.end(&mut state, feed, None, Some(reason));
            }
            state.kept.drain().map(|(_, lease)| lease).collect()
        };
        drop(kept);
        self.0.tasks.close();
        if tokio::time::timeout(STOPPING, self.0.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.0.tasks.len(),
                "cameras did not say goodbye in time"
            );
        }
    }
}

impl State {
    fn number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1).max(1);
        number
    }
}

impl Entry {
    fn tell_leases(&self) {
        let used = !self.held.is_empty();
        self.demand.send_modify(|demand| {
            demand.unused = (!used).then(|| demand.unused.unwrap_or_else(Instant::now));
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gateway's clock.
    pub(crate) fn wall(&self, at: Instant) -> WallTime {
        self.clock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .wall(at)
    }

    /// When the next connection may be begun.
    pub(crate) fn turn(&self, now: Instant) -> Instant {
        self.lock().pacer.turn(now)
    }

    /// A feed's number that no other has had.
    pub(crate) fn number(&self) -> u32 {
        self.lock().number()
    }

    /// Cancelled when all feeds end.
    pub(crate) fn stopping(&self) -> CancellationToken {
        self.cancel.child_token()
    }

    /// Runs in the background: with the tracker, so that a stop waits for it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// A feed's status has changed in more than its figures.
    pub(crate) fn announce(&self, feed: FeedId, status: &SourceStatus) {
        // Nobody may be listening.
        let _ = self.changes.send((feed, status.clone()));
    }

    pub(crate) fn measured(&self, feed: FeedId, rate: BitRate) {
        let mut state = self.lock();
        state.links.measured(feed, rate);
        let most = state.rates.entry(feed).or_default();
        *most = (*most).max(rate);
    }

    /// Ends a feed if nobody has a lease on it. Says whether it did.
    pub(crate) fn end_unused(&self, feed: FeedId, number: u32) -> bool {
        let mut state = self.lock();
        match state.feeds.get(&feed) {
            Some(entry) if entry.feed.number == number && !entry.held.is_empty() => false,
            _ => {
                self.end(&mut state, feed, Some(number), None);
                true
            }
        }
    }

    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        id: FeedId,
        source: Arc<Source>,
        priority: Priority,
    ) -> Entry {
        let number = state.number();
        let now = self.wall(Instant::now());
        let mut status = SourceStatus::idle(now);
        // What was wrong last time is the best that can be said until it is tried.
        if let Some(last) = state.ended.remove(&id) {
            status.reason = last
                .reason
                .filter(|r| !matches!(r.code, ReasonCode::Preempted | ReasonCode::Disabled));
        }
        status.state = SourceState::Connecting;
        self.announce(id, &status);
        let (status, watched) = watch::channel(status);
        let status = Arc::new(status);
        let feed = Arc::new(Feed {
            id,
            number,
            ring: Ring::new(self.config.ring),
            status: watched,
        });
        let (demand, demanded) = watch::channel(Demand {
            unused: None,
            source,
            revision: 0,
        });
        let stop = self.cancel.child_token();
        let task = feed::run(
            Arc::clone(self),
            Arc::clone(&feed),
            demanded,
            Arc::clone(&status),
            stop.clone(),
        );
        self.tasks.spawn_on(task, self.threads.next());
        Entry {
            feed,
            demand,
            status,
            held: BTreeMap::from([(priority, 1)]),
            stop,
        }
    }

    fn lease(self: &Arc<Self>, entry: &Entry, priority: Priority) -> Lease {
        let guard = Guard {
            shared: Arc::downgrade(self),
            feed: entry.feed.id,
            number: entry.feed.number,
            priority,
        };
        Lease::new(Arc::clone(&entry.feed), guard)
    }

    fn lease_ended(&self, guard: &Guard) {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(entry) = state
            .feeds
            .get_mut(&guard.feed)
            .filter(|entry| entry.feed.number == guard.number)
        else {
            return;
        };
        if let Some(count) = entry.held.get_mut(&guard.priority) {
            *count -= 1;
            if *count == 0 {
                entry.held.remove(&guard.priority);
            }
        }
        let most_urgent = entry.held.keys().next_back().copied();
        entry.tell_leases();
        state.links.set_priority(guard.feed, most_urgent);
    }

    /// Ends a feed (of this number, if given): its room is given back, readers are told, its task says goodbye to the camera.
    fn end(&self, state: &mut State, id: FeedId, number: Option<u32>, reason: Option<Reason>) {
        let matches = |entry: &Entry| number.is_none_or(|n| entry.feed.number == n);
        if !state.feeds.get(&id).is_some_and(matches) {
            return;
        }
        let Some(entry) = state.feeds.remove(&id) else {
            return;
        };
        state.links.release(id);
        entry.feed.ring.close(reason.clone());
        entry.stop.cancel();
        let now = self.wall(Instant::now());
        let mut last = SourceStatus::idle(now);
        entry.status.send_modify(|status| {
            last.reason = reason.or(status.reason.take());
            last.attempts = status.attempts;
            last.clock_offset_ms = status.clock_offset_ms;
            last.tracks.clone_from(&status.tracks);
            *status = last.clone();
        });
        self.announce(id, &last);
        state.ended.insert(id, last);
        self.keep.notify_one();
    }

    /// Keeps always-pulled cameras pulled, and the clock true.
    async fn upkeep(self: Arc<Self>) {
        let mut timer = tokio::time::interval(UPKEEP);
        timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.cancel.cancelled() => return,
                _ = timer.tick() => {
                    let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
                    clock.discipline(Instant::now(), WallTime::now());
                }
                () = self.keep.notified() => {}
            }
            self.keep_always();
        }
    }

    fn keep_always(self: &Arc<Self>) {
        let (missing, done) = {
            let mut state = self.lock();
            let state = &mut *state;
            let wanted = |camera: &Camera| {
                let profile = Profile::ALL
                    .into_iter()
                    .find(|p| camera.source(*p).is_some())?;
                let wanted = camera.always && !camera.disabled;
                wanted.then_some(FeedId {
                    camera: camera.id,
                    profile,
                })
            };
            // A lease whose feed has ended, or that is not wanted any more; dropped outside of the lock.
            let done: Vec<Lease> = state
                .kept
                .extract_if(|id, lease| {
                    let feed = state.cameras.get(id).and_then(wanted);
                    feed != Some(lease.feed.id)
                        || state
                            .feeds
                            .get(&lease.feed.id)
                            .is_none_or(|e| e.feed.number != lease.feed.number)
                })
                .map(|(_, lease)| lease)
                .collect();
            let missing: Vec<FeedId> = state
                .cameras
                .values()
                .filter(|camera| !state.kept.contains_key(&camera.id))
                .filter_map(wanted)
                .collect();
            (missing, done)
        };
        drop(done);
        let handle = Supervisor(Arc::clone(self));
        for feed in missing {
            match handle.pull(feed, Priority::Recording) {
                Ok(lease) => {
                    let old = self.lock().kept.insert(feed.camera, lease);
                    drop(old);
                }
                Err(reason) => self.refused(feed, reason),
            }
        }
    }

    /// A camera that should run and may not says why, once.
    fn refused(&self, feed: FeedId, reason: Reason) {
        let now = self.wall(Instant::now());
        let mut state = self.lock();
        let status = state
            .ended
            .entry(feed)
            .or_insert_with(|| SourceStatus::idle(now));
        let known = status
            .reason
            .as_ref()
            .is_some_and(|r| r.code == reason.code);
        status.reason = Some(reason);
        if !known {
            let status = status.clone();
            tracing::warn!(%feed, reason = ?status.reason, "a camera that is always pulled is not");
            self.announce(feed, &status);
        }
    }
}

fn disabled(camera: CameraId) -> Reason {
    Reason::new(
        ReasonCode::Disabled,
        format!("camera {camera} is out of service"),
    )
}

fn no_stream(feed: FeedId) -> Reason {
    let profile = feed.profile.as_str();
    Reason::new(
        ReasonCode::NotFound,
        format!("camera {} has no {profile} stream", feed.camera),
    )
}

//! All cameras and their feeds: who asks, what runs, what it takes on the links.
//!
//! One mutex holds the book-keeping; it is never held across an `.await` nor while a lease is dropped. Each feed is a task (in
//! `feed`) that owns its session; it learns of leases and changed cameras by a watch channel.

mod always;
mod feeds;
mod rates;
mod rooms;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use media::{
    BitRate, CameraId, Clock, Feed, FeedId, Lease, Priority, Profile, Reason, ReasonCode,
    RegionCode, SourceStatus, WallTime,
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    budget::{Link, LinkUse, Links, WeekMinute},
    camera::{Camera, Source},
    config::Config,
    pacer::Pacer,
    threads::{Beat, Threads},
};
use rates::Estimate;
use rooms::Why;
pub use rooms::{LinkNote, Noted, Room};

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
    /// What feeds were measured at: decides what they are admitted at next time.
    rates: HashMap<FeedId, Estimate>,
    links: Links,
    /// What was refused on the links, and what gave way, lately.
    notes: VecDeque<LinkNote>,
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
    /// The thread that its session is on.
    beat: Arc<Beat>,
    held: BTreeMap<Priority, usize>,
    /// Until when it goes on without a lease: from the last one's end that was not a check's.
    grace: Instant,
    stop: CancellationToken,
}

/// What a feed's task is told.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// When it ends for want of a lease; none while there is one.
    pub(crate) ends: Option<Instant>,
    /// Where to pull from.
    pub(crate) source: Arc<Source>,
    /// Rises when that changes.
    pub(crate) revision: u64,
}

/// Status changes that a slow reader may be behind before it misses some.
const CHANGES: usize = 1024;
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
                notes: VecDeque::new(),
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
    /// gone or the camera is out of service, the feeds end; where it stands in another region, its feeds are held on the links
    /// from there.
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
                    let before = state.cameras.get(&id);
                    if before.is_some_and(|b| b.region != camera.region) {
                        let ousted = state.links.set_region(feed, camera.region);
                        self.0.oust(&mut state, ousted, Why::Shrunk);
                    }
                }
            }
        }
        let before = state.cameras.insert(id, camera);
        // What was measured at another address is not what this one sends.
        for profile in Profile::ALL {
            let was = before.as_ref().and_then(|c| c.source(profile));
            let is = state.cameras.get(&id).and_then(|c| c.source(profile));
            if was.zip(is).is_none_or(|(was, is)| !was.same_session(is)) {
                let feed = FeedId {
                    camera: id,
                    profile,
                };
                state.rates.remove(&feed);
            }
        }
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
            entry.beat.asked(priority);
            state
                .links
                .set_priority(feed, entry.held.keys().next_back().copied());
            return Ok(shared.lease(entry, priority));
        }
        let (region, source) = (camera.region, Arc::new(source.clone()));
        let rate = state.rate(&shared.config, feed, &source);
        shared.admit(state, feed, region, rate, priority)?;
        let entry = shared.begin(state, feed, source, priority);
        let lease = shared.lease(&entry, priority);
        state.feeds.insert(feed, entry);
        Ok(lease)
    }

    /// What a pull of a feed would take on the links.
    pub fn rate(&self, feed: FeedId) -> Option<BitRate> {
        let state = self.0.lock();
        let source = state.cameras.get(&feed.camera)?.source(feed.profile)?;
        Some(state.rate(&self.0.config, feed, source))
    }

    /// Whether a feed has played since its camera's address and password are what they are.
    pub fn has_played(&self, feed: FeedId) -> bool {
        self.0.lock().rates.contains_key(&feed)
    }

    /// A camera as it was told last.
    pub fn camera(&self, id: CameraId) -> Option<Camera> {
        self.0.lock().cameras.get(&id).cloned()
    }

    /// Room for a stream that is looked at without a feed (a diagnosis); what a running feed of it holds is enough. Given back when
    /// dropped.
    ///
    /// # Errors
    /// [`ReasonCode::LinkBudget`], [`ReasonCode::NotFound`].
    pub fn room(&self, feed: FeedId, priority: Priority) -> Result<Room, Reason> {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        if !state.links.holds(feed) {
            let camera = state
                .cameras
                .get(&feed.camera)
                .ok_or_else(|| no_stream(feed))?;
            let source = camera.source(feed.profile).ok_or_else(|| no_stream(feed))?;
            let (region, rate) = (camera.region, state.rate(&self.0.config, feed, source));
            self.0.admit(state, feed, region, rate, priority)?;
        }
        Ok(Room {
            shared: Arc::downgrade(&self.0),
            feed,
        })
    }

    /// Other links under what runs. What has no room on them any more ends, and is told why.
    pub fn set_links(&self, links: Vec<Link>, at: WeekMinute) {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        let ousted = state.links.set(links, at);
        self.0.oust(state, ousted, Why::Shrunk);
    }

    /// The budgets of another minute of the week.
    pub fn set_time(&self, at: WeekMinute) {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        let ousted = state.links.set_time(at);
        self.0.oust(state, ousted, Why::Shrunk);
    }

    /// What was refused on the links and what gave way, the newest last; 512 are kept.
    pub fn link_notes(&self) -> Vec<LinkNote> {
        self.0.lock().notes.iter().cloned().collect()
    }

    /// The links from a region upwards, and what is held on them.
    pub fn links_of(&self, region: RegionCode) -> Vec<LinkUse> {
        self.0.lock().links.uses_of(region)
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
    pub(crate) fn turn(&self, now: Instant, feed: FeedId) -> Instant {
        let mut guard = self.lock();
        let state = &mut *guard;
        let urgency = state
            .feeds
            .get(&feed)
            .and_then(|e| e.held.keys().next_back());
        let urgent = urgency.is_some_and(|p| *p >= Priority::Wall);
        let camera = state.cameras.get(&feed.camera);
        let pull = camera.and_then(|c| Some((c.region, c.source(feed.profile)?)));
        match pull {
            Some((region, source)) => {
                let rate = state.rate(&self.config, feed, source);
                let links = state.links.spacing(region, rate);
                state.pacer.turn(now, urgent, links)
            }
            None => state.pacer.turn(now, urgent, std::iter::empty()),
        }
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

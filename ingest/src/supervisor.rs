//! All cameras and their feeds: who asks, what runs, what it takes on the links.
//!
//! One mutex holds the book-keeping; it is never held across an `.await` nor while a lease is dropped. Each feed is a task (in
//! `feed`) that owns its session; it learns of leases and changed cameras by a watch channel.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use media::{
    BitRate, CameraId, Clock, Feed, FeedId, Lease, Priority, Profile, Reason, ReasonCode,
    RegionCode, Ring, SourceState, SourceStatus, WallTime,
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    budget::{Link, LinkUse, Links, Ousted, WeekMinute, priority_name},
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

/// What a feed was measured at.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    peak: BitRate,
    /// Measurements, one a second.
    seen: u32,
}

/// So many seconds of a stream tell what it takes: five minutes.
const KNOWN: u32 = 300;

impl Estimate {
    /// What to set aside for a stream of which this was seen and that much is said. What was seen for a moment only does not make
    /// it less: the moment may have been a quiet one.
    fn rate(self, said: BitRate) -> BitRate {
        match self.seen >= KNOWN {
            // A tenth for what five minutes did not show.
            true => BitRate(self.peak.0 + self.peak.0 / 10),
            false => self.peak.max(said),
        }
    }
}

/// Something that a link had no room for.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkNote {
    /// When.
    pub at: WallTime,
    /// Which link.
    pub link: RegionCode,
    /// Whose pull.
    pub feed: FeedId,
    /// Its urgency; none: nobody used it any more.
    pub priority: Option<Priority>,
    /// What happened.
    pub what: Noted,
}

/// What happened to a pull on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It asked for so much and was refused.
    Refused(BitRate),
    /// It gave way to a more urgent one.
    GaveWay(FeedId),
    /// It gave way since this one (perhaps itself) was found to take more than it had been given.
    Outgrown(FeedId),
    /// It gave way since the link's budget is less now, or another path is taken.
    Shrunk,
}

/// What happened on the links that is kept.
const NOTES: usize = 512;

/// Why pulls must end.
#[derive(Clone, Copy, Debug)]
enum Why {
    Admitted(FeedId, Priority),
    Grown(FeedId, BitRate),
    Shrunk,
}

#[derive(Debug)]
struct Entry {
    feed: Arc<Feed>,
    demand: watch::Sender<Demand>,
    status: Arc<watch::Sender<SourceStatus>>,
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

/// Room on the links, held without a feed.
#[derive(Debug)]
pub struct Room {
    shared: Weak<Shared>,
    feed: FeedId,
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let mut state = shared.lock();
            // A feed that began meanwhile, or ran before, holds it on.
            if !state.feeds.contains_key(&self.feed) {
                state.links.end(self.feed);
            }
        }
    }
}

impl State {
    /// What a stream takes, by what was measured of it and what is said.
    fn rate(&self, config: &Config, feed: FeedId, source: &Source) -> BitRate {
        let usual = match feed.profile {
            Profile::Main => config.main_bit_rate,
            Profile::Sub => config.sub_bit_rate,
        };
        let said = source.declared.unwrap_or(usual);
        self.rates
            .get(&feed)
            .copied()
            .unwrap_or_default()
            .rate(said)
    }

    fn note(&mut self, note: LinkNote) {
        if self.notes.len() >= NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(note);
    }

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
            demand.ends = (!used).then_some(self.grace);
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

    pub(crate) fn measured(&self, feed: FeedId, rate: BitRate) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let estimate = state.rates.entry(feed).or_default();
        estimate.peak = estimate.peak.max(rate);
        estimate.seen = estimate.seen.saturating_add(1);
        let known = estimate.seen == KNOWN;
        let estimate = *estimate;
        let declared = state.cameras.get(&feed.camera);
        let declared = declared.and_then(|c| c.source(feed.profile)?.declared);
        // What was guessed is known now.
        if known && declared.is_none() {
            state.links.shrink(feed, estimate.rate(rate));
        }
        let ousted = state.links.measured(feed, rate);
        self.oust(state, ousted, Why::Grown(feed, rate));
    }

    /// Takes room on the links; those who give way for it end, and are told for whom.
    fn admit(
        &self,
        state: &mut State,
        feed: FeedId,
        region: RegionCode,
        rate: BitRate,
        priority: Priority,
    ) -> Result<(), Reason> {
        let now = Instant::now();
        match state.links.admit(now, feed, region, rate, priority) {
            Ok(ousted) => {
                self.oust(state, ousted, Why::Admitted(feed, priority));
                Ok(())
            }
            Err(refusal) => {
                state.note(LinkNote {
                    at: self.wall(now),
                    link: refusal.link,
                    feed,
                    priority: Some(priority),
                    what: Noted::Refused(rate),
                });
                Err(refusal.reason())
            }
        }
    }

    /// Ends those who have no room any more; it is gone already.
    fn oust(&self, state: &mut State, ousted: Vec<Ousted>, why: Why) {
        for Ousted { feed, link } in ousted {
            let (what, text) = match why {
                Why::Admitted(to, priority) => (
                    Noted::GaveWay(to),
                    format!(
                        "gave way to {to} ({}) on link {link}",
                        priority_name(priority)
                    ),
                ),
                Why::Grown(grown, rate) => (
                    Noted::Outgrown(grown),
                    match grown == feed {
                        true => format!(
                            "takes {rate}, more than it was given, and link {link} has no room for that"
                        ),
                        false => format!(
                            "link {link} has no room for it any more, since {grown} takes {rate} now"
                        ),
                    },
                ),
                Why::Shrunk => (
                    Noted::Shrunk,
                    format!(
                        "link {link} has no room for it any more, since its budget or the path has changed"
                    ),
                ),
            };
            let entry = state.feeds.get(&feed);
            let priority = entry.and_then(|e| e.held.keys().next_back().copied());
            state.note(LinkNote {
                at: self.wall(Instant::now()),
                link,
                feed,
                priority,
                what,
            });
            let reason = Reason::new(ReasonCode::Preempted, text);
            self.end(state, feed, None, Some(reason));
        }
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
            ends: None,
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
            grace: Instant::now(),
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
        // A check is over when it is over: the room is wanted for the next one.
        let grace = match guard.priority {
            Priority::Diagnosis => Duration::ZERO,
            _ => self.config.grace,
        };
        entry.grace = entry.grace.max(Instant::now() + grace);
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
        state.links.end(id);
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

//! Who is recorded and who is watched by the tagger: brings what runs into line with the register, again and again.

pub mod load;
mod locks;
pub mod occasions;
pub mod plans;
pub mod recorders;
mod tagging;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use command::Camera;
use futures_util::future::join_all;
use media::{
    BitRate, CameraId, Feed, FeedId, Lease, Priority, Profile, Reason, WallTime,
    ring::{Keep, Kept},
};
use storage::{Plan, Recorder, RecorderState};

use crate::{config, gateway::Gateway, seal::Seal};
use plans::Setting;
use recorders::State;
use tagging::Tagging;

/// A refused pull is asked for again after this long.
const RETRY: Duration = Duration::from_secs(10);
/// How often what runs is compared with what should.
const LOOK: Duration = Duration::from_secs(1);
/// An event is known so long after it began: the tagger looks at a key frame, this at the tagger.
const KNOWN_AFTER: Duration = Duration::from_secs(5);

/// Whether a camera is recorded by its plan at all.
pub fn is_recorded(config: &config::Recording, camera: &Camera) -> bool {
    config.enabled && camera.record && !camera.disabled
}

/// Which feed of a camera to record.
fn recorded_feed(
    config: &config::Recording,
    camera: &Camera,
    profile: Option<Profile>,
) -> Option<FeedId> {
    let order = match profile.unwrap_or(config.profile) {
        Profile::Main => [Profile::Main, Profile::Sub],
        Profile::Sub => [Profile::Sub, Profile::Main],
    };
    first_feed(camera, order).filter(|_| is_recorded(config, camera))
}

/// What a camera's recorder is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Nothing.
    Off,
    /// Have the feed run, so that what came before an event is there.
    Ready(FeedId),
    /// Record; what the feed's ring holds from then on with it.
    Record(FeedId, Option<WallTime>),
}

/// A feed that runs for what comes before an event.
struct Ready {
    lease: Lease,
    /// What its ring holds for that.
    kept: Kept,
    _keep: Keep,
}

impl Ready {
    fn new(lease: Lease, kept: Kept) -> Self {
        Self {
            _keep: lease.feed.ring.keep(kept),
            kept,
            lease,
        }
    }
}

/// What the ring of a camera recorded on event is to hold.
fn kept(config: &config::Recording, setting: &Setting) -> Option<Kept> {
    match setting.plan {
        Plan::OnEvent { pre_s, .. } if pre_s > 0 => Some(Kept {
            time: Duration::from_secs(pre_s.into()) + KNOWN_AFTER,
            max: config.pre_roll.0,
        }),
        _ => None,
    }
}

/// By its plan; `occasion` is since when something happens on it, and until when. Pure.
fn wish(
    config: &config::Recording,
    camera: &Camera,
    setting: &Setting,
    now: WallTime,
    offset_min: i32,
    occasion: Option<(WallTime, WallTime)>,
) -> Wish {
    let Some(feed) = recorded_feed(config, camera, setting.profile) else {
        return Wish::Off;
    };
    let is_wanted = setting.plan.wants(now, offset_min, occasion.map(|o| o.1));
    match setting.plan {
        Plan::OnEvent { pre_s, .. } if is_wanted => {
            let pre = Duration::from_secs(pre_s.into());
            Wish::Record(feed, occasion.map(|(start, _)| start - pre))
        }
        Plan::OnEvent { pre_s, .. } if pre_s > 0 => Wish::Ready(feed),
        _ if is_wanted => Wish::Record(feed, None),
        _ => Wish::Off,
    }
}

fn first_feed(camera: &Camera, order: [Profile; 2]) -> Option<FeedId> {
    let has = |p: &Profile| match p {
        Profile::Main => camera.main_url.is_some(),
        Profile::Sub => camera.sub_url.is_some(),
    };
    let profile = order.into_iter().find(has)?;
    Some(FeedId {
        camera: camera.code,
        profile,
    })
}

struct Recording {
    feed: Arc<Feed>,
    recorder: Recorder,
}

/// What the archive was told of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Days {
    keep: u32,
    floor: u32,
}

/// Pulls that were refused: asked for again after a while.
#[derive(Default)]
struct Refusals(HashMap<CameraId, (Instant, Reason)>);

impl Refusals {
    fn may_ask(&self, now: Instant, camera: &CameraId) -> bool {
        self.0
            .get(camera)
            .is_none_or(|(at, _)| now.saturating_duration_since(*at) >= RETRY)
    }

    /// Logged once, as long as the reason is the same.
    fn refused(&mut self, now: Instant, camera: CameraId, reason: Reason, what: &str) {
        let before = self.0.insert(camera, (now, reason.clone()));
        if before.is_none_or(|(_, r)| r.code != reason.code) {
            tracing::warn!(%camera, %reason, "{what} is refused");
        }
    }
}

/// Runs until the gateway stops; then stops every recorder.
pub async fn run(gateway: Arc<Gateway>) {
    gateway.tasks.spawn(locks::run(Arc::clone(&gateway)));
    let mut policy = Policy::default();
    let mut register_changed = gateway.register.changes();
    let mut plans_changed = gateway.plans.changes();
    let mut timer = tokio::time::interval(LOOK);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            changed = register_changed.changed() => if changed.is_err() { return },
            changed = plans_changed.changed() => if changed.is_err() { return },
            () = gateway.stop.cancelled() => return,
        }
        policy.follow_register(&gateway);
        policy.follow_plans(&gateway).await;
        policy.record(&gateway).await;
        policy.tagging.follow(&gateway, &policy.known);
        let changed = gateway.recorders.update(policy.states());
        for camera in changed {
            gateway.hub.camera(&gateway, &camera);
        }
    }
}

#[derive(Default)]
struct Policy {
    known: HashMap<CameraId, Arc<Camera>>,
    /// By which plans `settings` are.
    plans: Option<Arc<plans::Plans>>,
    settings: HashMap<CameraId, Setting>,
    told: HashMap<CameraId, Days>,
    /// The archive could not take what it was told: not before.
    tell_again: Option<Instant>,
    wishes: HashMap<CameraId, Wish>,
    /// Feeds that run for what comes before an event.
    ready: HashMap<CameraId, Ready>,
    recordings: HashMap<CameraId, Recording>,
    recording_refused: Refusals,
    tagging: Tagging,
}

impl Policy {
    /// Tells the supervisor what changed in the register.
    fn follow_register(&mut self, gateway: &Gateway) {
        let register = gateway.register.read();
        for camera in register.cameras() {
            let before = self.known.get(&camera.code);
            if before.is_some_and(|b| Arc::ptr_eq(b, camera)) {
                continue;
            }
            let changed = before.is_some();
            match source(camera, &gateway.seal) {
                Ok(source) => gateway.supervisor.upsert(source),
                Err(error) => {
                    tracing::error!(camera = %camera.code, %error, "a URL in the register is not understood");
                }
            }
            self.known.insert(camera.code, Arc::clone(camera));
            self.settings.remove(&camera.code);
            self.recording_refused.0.remove(&camera.code);
            self.tagging.ask_again(&camera.code);
            if changed {
                gateway.hub.camera(gateway, &camera.code);
            }
        }
        let gone: Vec<CameraId> = self
            .known
            .keys()
            .filter(|c| register.camera(c).is_none())
            .copied()
            .collect();
        for camera in gone {
            self.known.remove(&camera);
            self.settings.remove(&camera);
            self.told.remove(&camera);
            gateway.supervisor.remove(camera);
            gateway.feeds.forget(&camera);
            gateway.forget_connection(&camera);
        }
    }

    /// Takes the plans that hold, and tells the archive what changed: completeness and retention go by it.
    async fn follow_plans(&mut self, gateway: &Gateway) {
        let (plans, config) = (gateway.plans.read(), &gateway.config.recording);
        if !self.plans.as_ref().is_some_and(|p| Arc::ptr_eq(p, &plans)) {
            self.settings.clear();
        }
        if self.settings.len() == self.known.len() && self.told.len() == self.known.len() {
            return;
        }
        let now = Instant::now();
        for (code, camera) in &self.known {
            self.settings
                .entry(*code)
                .or_insert_with(|| plans.of(camera).1);
        }
        self.plans = Some(plans);
        if self.tell_again.is_some_and(|at| now < at) {
            return;
        }
        let archive = &gateway.archive;
        let tell = self.known.iter().map(|(code, camera)| {
            let plan = match self.settings.get(code) {
                Some(setting) if is_recorded(config, camera) => setting.plan.clone(),
                _ => Plan::Off,
            };
            let days = days(config, camera);
            let told = self.told.get(code) == Some(&days);
            async move {
                if !told {
                    archive.keep(*code, days.keep).await?;
                    archive.set_floor(*code, days.floor).await?;
                }
                match archive.plan(*code) {
                    // What was never recorded and is not to be needs no plan.
                    None if plan == Plan::Off => {}
                    known if known.as_ref() == Some(&plan) => {}
                    _ => archive.set_plan(*code, plan).await?,
                }
                Ok::<_, storage::Error>((*code, days))
            }
        });
        self.tell_again = None;
        for told in join_all(tell).await {
            match told {
                Ok((code, days)) => {
                    self.told.insert(code, days);
                }
                Err(error) => {
                    self.tell_again = Some(now + RETRY);
                    self.told.clear();
                    tracing::error!(%error, "a recording plan is not kept; tried again");
                    break;
                }
            }
        }
    }

    async fn record(&mut self, gateway: &Gateway) {
        let now = Instant::now();
        self.wish(gateway);
        // What should not run, or runs on a feed that has ended, is stopped.
        let over: Vec<CameraId> = self
            .recordings
            .iter()
            .filter(|(code, r)| {
                !matches!(self.wishes.get(*code), Some(Wish::Record(feed, _)) if *feed == r.feed.id)
                    || !is_running(gateway, &r.feed)
            })
            .map(|(code, _)| *code)
            .collect();
        for code in over {
            if let Some(recording) = self.recordings.remove(&code) {
                // Sealing waits for a disk; others must not wait for it.
                gateway.tasks.spawn(recording.recorder.stop());
            }
        }
        let (wishes, settings) = (&self.wishes, &self.settings);
        let wanted = |code: &CameraId| {
            let setting = settings.get(code)?;
            kept(&gateway.config.recording, setting)
        };
        self.ready.retain(|code, ready| {
            let feed = match wishes.get(code) {
                Some(Wish::Ready(feed) | Wish::Record(feed, Some(_))) => Some(*feed),
                _ => None,
            };
            feed == Some(ready.lease.feed.id)
                && wanted(code) == Some(ready.kept)
                && is_running(gateway, &ready.lease.feed)
        });
        for (code, wish) in &self.wishes {
            if !self.recording_refused.may_ask(now, code) {
                continue;
            }
            let pull = |feed| gateway.supervisor.pull(feed, Priority::Recording);
            let refused = match *wish {
                Wish::Ready(feed) if !self.ready.contains_key(code) => {
                    match (pull(feed), wanted(code)) {
                        (Ok(lease), Some(kept)) => {
                            self.ready.insert(*code, Ready::new(lease, kept));
                            None
                        }
                        (Ok(_), None) => None,
                        (Err(reason), _) => Some(reason),
                    }
                }
                Wish::Record(feed, since) if !self.recordings.contains_key(code) => {
                    match pull(feed) {
                        Ok(lease) => {
                            let keep = self.told.get(code).map_or(0, |d| d.keep);
                            let recording = Recording {
                                feed: Arc::clone(&lease.feed),
                                recorder: gateway.archive.record_since(lease, keep.max(1), since),
                            };
                            self.recordings.insert(*code, recording);
                            None
                        }
                        Err(reason) => Some(reason),
                    }
                }
                _ => continue,
            };
            match refused {
                None => {
                    self.recording_refused.0.remove(code);
                }
                Some(reason) => self
                    .recording_refused
                    .refused(now, *code, reason, "a recording"),
            }
        }
    }

    /// What every camera's recorder is to do now.
    fn wish(&mut self, gateway: &Gateway) {
        let (now, config) = (gateway.now(), &gateway.config.recording);
        let offset = gateway.config.district.utc_offset.0;
        self.wishes.clear();
        for (code, camera) in &self.known {
            let Some(setting) = self.settings.get(code) else {
                continue;
            };
            let occasion = gateway.recorders.occasions.of(code, now);
            let wish = wish(config, camera, setting, now, offset, occasion);
            if wish != Wish::Off {
                self.wishes.insert(*code, wish);
            }
        }
    }

    fn states(&self) -> HashMap<CameraId, State> {
        let of = |code: &CameraId| match self.recordings.get(code).map(|r| r.recorder.state()) {
            Some(RecorderState::Recording) => State::Recording,
            Some(RecorderState::Waiting(_)) => State::Waiting,
            Some(RecorderState::Stopped(_)) => State::Stopped,
            None if self.recording_refused.0.contains_key(code) => State::Stopped,
            None => State::Waiting,
        };
        let asked: HashSet<CameraId> = self
            .wishes
            .iter()
            .filter(|(_, wish)| matches!(wish, Wish::Record(..)))
            .map(|(code, _)| *code)
            .collect();
        asked.into_iter().map(|code| (code, of(&code))).collect()
    }
}

/// How long a camera's recordings are kept: its own days, and those of its site class.
fn days(config: &config::Recording, camera: &Camera) -> Days {
    Days {
        keep: camera.keep_days,
        floor: floor_days(config, camera),
    }
}

/// How far back a recording of a camera on event could begin now, and how far its plan asks for, seconds; none where it asks
/// for nothing, or the camera is not pulled.
pub fn pre_roll(gateway: &Gateway, camera: &Camera, setting: &Setting) -> Option<(f64, u32)> {
    let feed = recorded_feed(&gateway.config.recording, camera, setting.profile)?;
    let Plan::OnEvent { pre_s, .. } = setting.plan else {
        return None;
    };
    let feed = gateway.supervisor.feed(feed)?;
    (pre_s > 0).then(|| (feed.ring.reach().as_secs_f64(), pre_s))
}

/// Days that no want of room takes away, by the camera's site class.
pub fn floor_days(config: &config::Recording, camera: &Camera) -> u32 {
    let days = config.floor_days.get(&camera.site_class);
    days.copied().unwrap_or(0)
}

/// Whether a feed is the one that runs now: after its end another takes its place.
fn is_running(gateway: &Gateway, feed: &Arc<Feed>) -> bool {
    gateway
        .supervisor
        .feed(feed.id)
        .is_some_and(|running| Arc::ptr_eq(&running, feed))
}

/// A camera of the register as ingest wants it.
fn source(camera: &Camera, seal: &Seal) -> Result<ingest::Camera, ingest::UrlError> {
    let open = |secret| seal.open(camera.code, secret);
    let password = camera.password.as_ref().map(open).transpose();
    let password = password.unwrap_or_else(|error| {
        // Asked without one, the camera says `wrong-password`, which is where people look.
        tracing::error!(%error);
        None
    });
    let stream = |url: &Option<String>, kbps: Option<u32>| {
        let Some(url) = url else { return Ok(None) };
        let (url, _) = ingest::parse_camera_url(url)?;
        Ok(Some(ingest::Source {
            url,
            username: camera.username.clone(),
            password: password.clone(),
            transport: camera.transport,
            declared: kbps.map(|n| BitRate::kilobits(n.into())),
            audio: true,
        }))
    };
    Ok(ingest::Camera {
        id: camera.code,
        region: camera.region,
        main: stream(&camera.main_url, camera.asset.main_kbps)?,
        sub: stream(&camera.sub_url, camera.asset.sub_kbps)?,
        always: camera.always,
        disabled: camera.disabled,
    })
}

#[cfg(test)]
mod tests {
    use super::{tagging::tagged_feed, *};

    fn camera() -> Camera {
        let mut camera = Camera::new(
            "44140300001326000001".parse().unwrap(),
            "a",
            "441403".parse().unwrap(),
        );
        camera.main_url = Some("rtsp://127.0.0.1/main".into());
        camera
    }

    #[test]
    fn what_is_recorded_follows_the_register_and_the_streams_there_are() {
        let config = config::Recording::default();
        let mut c = camera();
        let profile = |c: &Camera, p| recorded_feed(&config, c, p).map(|f| f.profile);
        assert_eq!(profile(&c, None), Some(Profile::Main));
        assert_eq!(profile(&c, Some(Profile::Sub)), Some(Profile::Main));
        assert_eq!(tagged_feed(&c).unwrap().profile, Profile::Main);
        c.sub_url = Some("rtsp://127.0.0.1/sub".into());
        assert_eq!(profile(&c, Some(Profile::Sub)), Some(Profile::Sub));
        assert_eq!(tagged_feed(&c).unwrap().profile, Profile::Sub);
        c.record = false;
        assert_eq!(profile(&c, None), None);
        // Nobody asked for its stream: it is not pulled to look for events.
        assert_eq!(tagged_feed(&c), None);
        c.always = true;
        assert_eq!(tagged_feed(&c).unwrap().profile, Profile::Sub);
        (c.always, c.record) = (false, true);
        c.disabled = true;
        assert_eq!(profile(&c, None), None);
        assert_eq!(tagged_feed(&c), None);
        c.site_class = "1".into();
        assert_eq!(
            days(&config, &c),
            Days {
                keep: 30,
                floor: 30
            }
        );
        c.site_class = "9".into();
        assert_eq!(days(&config, &c).floor, 0);
    }

    #[test]
    fn a_plan_on_event_has_the_feed_ready_and_records_around_it() {
        let (config, c) = (config::Recording::default(), camera());
        let at = WallTime::from_secs;
        let feed = recorded_feed(&config, &c, None).unwrap();
        let setting = |pre_s| Setting {
            plan: Plan::OnEvent { pre_s, post_s: 10 },
            ..Setting::default()
        };
        let ask = |pre_s, now, o| wish(&config, &c, &setting(pre_s), at(now), 0, o);
        assert_eq!(ask(5, 100, None), Wish::Ready(feed));
        assert_eq!(ask(0, 100, None), Wish::Off);
        let event = Some((at(90), at(100)));
        assert_eq!(ask(5, 100, event), Wish::Record(feed, Some(at(85))));
        assert_eq!(ask(5, 110, event), Wish::Record(feed, Some(at(85))));
        assert_eq!(ask(5, 111, event), Wish::Ready(feed));
        let always = Setting::default();
        let is = wish(&config, &c, &always, at(0), 0, None);
        assert_eq!(is, Wish::Record(feed, None));
    }
}

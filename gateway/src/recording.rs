//! Who is recorded and who is watched by the tagger: brings what runs into line with the register, again and again.

pub mod recorders;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use command::Camera;
use media::{CameraId, Feed, FeedId, Priority, Profile, Reason};
use storage::{Recorder, RecorderState};

use crate::{config, gateway::Gateway, seal::Seal};
use recorders::State;

/// A refused pull is asked for again after this long.
const RETRY: Duration = Duration::from_secs(10);
/// How often what runs is compared with what should.
const LOOK: Duration = Duration::from_secs(1);

/// Which feed of a camera to record.
fn recorded_feed(config: &config::Recording, camera: &Camera) -> Option<FeedId> {
    let wanted = config.enabled && camera.record && !camera.disabled;
    let order = match config.profile {
        Profile::Main => [Profile::Main, Profile::Sub],
        Profile::Sub => [Profile::Sub, Profile::Main],
    };
    first_feed(camera, order).filter(|_| wanted)
}

/// Which feed of a camera the tagger watches.
fn tagged_feed(camera: &Camera) -> Option<FeedId> {
    let wanted = camera.tag && !camera.disabled;
    first_feed(camera, [Profile::Sub, Profile::Main]).filter(|_| wanted)
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
    keep_days: u32,
    recorder: Recorder,
}

/// What the tagger was given: a new feed after one ended, and new zones when they are drawn anew.
struct Tagged {
    feed: Arc<Feed>,
    zones: Vec<command::Zone>,
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
    let mut policy = Policy::default();
    let mut register_changed = gateway.register.changes();
    let mut timer = tokio::time::interval(LOOK);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            changed = register_changed.changed() => if changed.is_err() { return },
            () = gateway.stop.cancelled() => return,
        }
        policy.follow_register(&gateway);
        policy.record(&gateway).await;
        policy.tag(&gateway);
        let changed = gateway.recorders.update(policy.states());
        for camera in changed {
            gateway.hub.camera(&gateway, &camera);
        }
    }
}

#[derive(Default)]
struct Policy {
    known: HashMap<CameraId, Arc<Camera>>,
    recordings: HashMap<CameraId, Recording>,
    recording_refused: Refusals,
    tagged: HashMap<CameraId, Tagged>,
    tagging_refused: Refusals,
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
            self.recording_refused.0.remove(&camera.code);
            self.tagging_refused.0.remove(&camera.code);
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
            gateway.supervisor.remove(camera);
            gateway.feeds.forget(&camera);
            gateway.forget_connection(&camera);
        }
    }

    async fn record(&mut self, gateway: &Gateway) {
        let now = Instant::now();
        let config = &gateway.config.recording;
        // What should not run, or runs on a feed that has ended, is stopped.
        let over: Vec<CameraId> = self
            .recordings
            .iter()
            .filter(|(code, r)| {
                let camera = self.known.get(*code);
                let wanted = camera.and_then(|c| recorded_feed(config, c));
                wanted != Some(r.feed.id)
                    || camera.is_some_and(|c| c.keep_days != r.keep_days)
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
        for (code, camera) in &self.known {
            let Some(feed) = recorded_feed(config, camera) else {
                continue;
            };
            if self.recordings.contains_key(code) || !self.recording_refused.may_ask(now, code) {
                continue;
            }
            match gateway.supervisor.pull(feed, Priority::Recording) {
                Ok(lease) => {
                    self.recording_refused.0.remove(code);
                    let recording = Recording {
                        feed: Arc::clone(&lease.feed),
                        keep_days: camera.keep_days,
                        recorder: gateway.archive.record(lease, camera.keep_days),
                    };
                    self.recordings.insert(*code, recording);
                }
                Err(reason) => self
                    .recording_refused
                    .refused(now, *code, reason, "a recording"),
            }
        }
    }

    fn tag(&mut self, gateway: &Gateway) {
        let now = Instant::now();
        let over: Vec<CameraId> = self
            .tagged
            .iter()
            .filter(|(code, tagged)| {
                let wanted = self.known.get(*code).and_then(|c| tagged_feed(c));
                wanted != Some(tagged.feed.id) || !is_running(gateway, &tagged.feed)
            })
            .map(|(code, _)| *code)
            .collect();
        for code in over {
            self.tagged.remove(&code);
            gateway.tagger.unwatch(code);
        }
        for (code, camera) in &self.known {
            let Some(feed) = tagged_feed(camera) else {
                continue;
            };
            // With new zones it is watched anew, on the feed that runs: nobody else on it notices.
            let is_watched = self
                .tagged
                .get(code)
                .is_some_and(|t| t.zones == camera.zones);
            if is_watched || !self.tagging_refused.may_ask(now, code) {
                continue;
            }
            match gateway.supervisor.pull(feed, Priority::Recording) {
                Ok(lease) => {
                    self.tagging_refused.0.remove(code);
                    let tagged = Tagged {
                        feed: Arc::clone(&lease.feed),
                        zones: camera.zones.clone(),
                    };
                    self.tagged.insert(*code, tagged);
                    gateway.tagger.watch(lease, zones(camera));
                }
                Err(reason) => {
                    self.tagging_refused
                        .refused(now, *code, reason, "watching for events")
                }
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
        self.known
            .values()
            .filter(|c| c.record && !c.disabled)
            .map(|c| (c.code, of(&c.code)))
            .collect()
    }
}

/// Whether a feed is the one that runs now: after its end another takes its place.
fn is_running(gateway: &Gateway, feed: &Arc<Feed>) -> bool {
    gateway
        .supervisor
        .feed(feed.id)
        .is_some_and(|running| Arc::ptr_eq(&running, feed))
}

/// A camera's zones as the tagger wants them.
fn zones(camera: &Camera) -> Vec<tagger::Zone> {
    let zone = |zone: &command::Zone| {
        let points = zone.points.iter().map(|[x, y]| (*x as f32, *y as f32));
        tagger::Zone::new(zone.name.as_str(), points.collect())
    };
    let (zones, wrong): (Vec<_>, Vec<_>) = camera.zones.iter().map(zone).partition(Result::is_ok);
    for error in wrong.into_iter().filter_map(Result::err) {
        tracing::error!(camera = %camera.code, %error, "a zone in the register is not understood");
    }
    zones.into_iter().flatten().collect()
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
    let transport = match camera.transport {
        command::register::Transport::Tcp => ingest::Transport::Tcp,
        command::register::Transport::Udp => ingest::Transport::Udp,
        command::register::Transport::Auto => ingest::Transport::Auto,
    };
    let stream = |url: &Option<String>| {
        let Some(url) = url else { return Ok(None) };
        let (url, _) = ingest::parse_camera_url(url)?;
        Ok(Some(ingest::Source {
            url,
            username: camera.username.clone(),
            password: password.clone(),
            transport,
            declared: None,
            audio: true,
        }))
    };
    Ok(ingest::Camera {
        id: camera.code,
        region: camera.region,
        main: stream(&camera.main_url)?,
        sub: stream(&camera.sub_url)?,
        always: camera.always,
        disabled: camera.disabled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(recorded_feed(&config, &c).unwrap().profile, Profile::Main);
        assert_eq!(tagged_feed(&c).unwrap().profile, Profile::Main);
        c.sub_url = Some("rtsp://127.0.0.1/sub".into());
        assert_eq!(tagged_feed(&c).unwrap().profile, Profile::Sub);
        c.record = false;
        assert_eq!(recorded_feed(&config, &c), None);
        c.record = true;
        c.disabled = true;
        assert_eq!(recorded_feed(&config, &c), None);
        assert_eq!(tagged_feed(&c), None);
    }

    #[test]
    fn every_zone_that_the_register_takes_the_tagger_takes() {
        let mut c = camera();
        let most = *command::Zone::POINTS.end();
        let corner = |n: usize| {
            let (y, x) = (n as f64 / most as f64 * std::f64::consts::TAU).sin_cos();
            [0.5 + x / 2.0, 0.5 + y / 2.0]
        };
        c.zones = vec![command::Zone {
            name: "pond".into(),
            points: (0..most).map(corner).collect(),
        }];
        let taken = zones(&c);
        assert_eq!((taken.len(), taken[0].name()), (1, "pond"));
        assert!(taken[0].contains(0.5, 0.5) && !taken[0].contains(0.02, 0.02));
    }
}

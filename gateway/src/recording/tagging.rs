//! Who is watched by the tagger. It asks for its feeds below the recorder: where a link has room for the one or the other, the
//! recording has it, and the tagger comes back by itself.

use std::{collections::HashMap, sync::Arc, time::Instant};

use command::Camera;
use media::{CameraId, Feed, FeedId, Priority, Profile};

use super::{Refusals, first_feed, is_running};
use crate::gateway::Gateway;

/// What the tagger was given: a new feed after one ended, and new zones when they are drawn anew.
struct Tagged {
    feed: Arc<Feed>,
    zones: Vec<command::Zone>,
}

/// What the tagger watches, and what it was refused.
#[derive(Default)]
pub(super) struct Tagging {
    tagged: HashMap<CameraId, Tagged>,
    refused: Refusals,
}

impl Tagging {
    /// A camera's file has changed: what was refused may be asked for at once.
    pub(super) fn ask_again(&mut self, camera: &CameraId) {
        self.refused.0.remove(camera);
    }

    /// Brings what is watched into line with the register.
    pub(super) fn follow(&mut self, gateway: &Gateway, known: &HashMap<CameraId, Arc<Camera>>) {
        let now = Instant::now();
        let over: Vec<CameraId> = self
            .tagged
            .iter()
            .filter(|(code, tagged)| {
                let wanted = known.get(*code).and_then(|c| tagged_feed(c));
                wanted != Some(tagged.feed.id) || !is_running(gateway, &tagged.feed)
            })
            .map(|(code, _)| *code)
            .collect();
        for code in over {
            self.tagged.remove(&code);
            gateway.tagger.unwatch(code);
        }
        for (code, camera) in known {
            let Some(feed) = tagged_feed(camera) else {
                continue;
            };
            // With new zones it is watched anew, on the feed that runs: nobody else on it notices.
            let is_watched = self
                .tagged
                .get(code)
                .is_some_and(|t| t.zones == camera.zones);
            if is_watched || !self.refused.may_ask(now, code) {
                continue;
            }
            match gateway.supervisor.pull(feed, Priority::Tagging) {
                Ok(lease) => {
                    self.refused.0.remove(code);
                    let tagged = Tagged {
                        feed: Arc::clone(&lease.feed),
                        zones: camera.zones.clone(),
                    };
                    self.tagged.insert(*code, tagged);
                    gateway.tagger.watch(lease, zones(camera));
                }
                Err(reason) => self
                    .refused
                    .refused(now, *code, reason, "watching for events"),
            }
        }
    }
}

/// Which feed of a camera the tagger watches. Of one that is neither recorded nor always pulled none: the sub streams of a whole
/// district would fill every link, ahead of those who look at something.
pub(super) fn tagged_feed(camera: &Camera) -> Option<FeedId> {
    let wanted = camera.tag && !camera.disabled && (camera.record || camera.always);
    first_feed(camera, [Profile::Sub, Profile::Main]).filter(|_| wanted)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_that_the_register_takes_the_tagger_takes() {
        let code = "44140300001326000001".parse().unwrap();
        let mut c = Camera::new(code, "a", "441403".parse().unwrap());
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

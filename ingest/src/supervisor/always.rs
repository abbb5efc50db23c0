//! What runs without anybody asking: cameras that are always pulled, and the clock.

use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use media::{FeedId, Lease, Priority, Profile, Reason, SourceStatus, WallTime};

use super::{Shared, Supervisor};
use crate::camera::Camera;

/// How often the always-pulled cameras and the clock are looked after.
const UPKEEP: Duration = Duration::from_secs(5);
impl Shared {
    /// Keeps always-pulled cameras pulled, and the clock true.
    pub(super) async fn upkeep(self: Arc<Self>) {
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

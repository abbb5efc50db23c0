//! The gateway's own tasks: what comes from cameras, recorders and the tagger becomes events, and what is due every second is done.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use command::supervision;
use media::{CameraId, EventKind, FeedId, SourceStatus};
use storage::{AlarmKind, Deleted, RecorderAlarm};
use tagger::{Phase, Tag};
use tokio::{
    sync::{broadcast, mpsc},
    time::MissedTickBehavior,
};

use crate::{
    audit, disks,
    feeds::{self, View},
    gateway::Gateway,
    recording::recorders::Settling,
};

/// Starts them all; they end when the gateway stops.
pub(crate) fn spawn(gateway: &Arc<Gateway>, tags: mpsc::Receiver<Tag>) {
    // Subscribed here, before anything can change: nothing is missed.
    let changes = gateway.supervisor.changes();
    let alarms = gateway.archive.alarms();
    let deletions = gateway.archive.deletions();
    let disks = gateway.archive.volume_alarms();
    let of = || Arc::clone(gateway);
    gateway.tasks.spawn(cameras(of(), changes));
    gateway.tasks.spawn(recorders(of(), alarms));
    gateway.tasks.spawn(deleted(of(), deletions));
    gateway.tasks.spawn(disks::run(of(), disks));
    gateway.tasks.spawn(findings(of(), tags));
    gateway.tasks.spawn(upkeep(of()));
}

impl Gateway {
    pub(crate) async fn take(&self, tag: Tag) {
        let (camera, kind) = (tag.camera, tag.kind);
        self.recorders.occasions.saw(&tag);
        self.judge_picture(&tag);
        if let Err(error) = self.book.tag(tag).await {
            tracing::error!(%camera, kind = kind.as_str(), %error, "an event could not be kept");
        }
    }

    /// Faults of a picture are part of its camera's figures.
    fn judge_picture(&self, tag: &Tag) {
        if !supervision::log::FAULTS.contains(&tag.kind) {
            return;
        }
        let seen = match tag.phase {
            Phase::Start | Phase::Going => supervision::Seen::Fault(tag.kind),
            Phase::End => supervision::Seen::Well(tag.kind),
        };
        self.supervision.saw(self.now(), tag.camera, seen);
    }

    async fn saw(&self, camera: CameraId, view: View) {
        self.supervise(camera, &view);
        let tags = self.lost().saw(self.now(), camera, view);
        for tag in tags {
            self.take(tag).await;
        }
        self.hub.camera(self, &camera);
    }
}

/// Cameras come and go.
async fn cameras(gateway: Arc<Gateway>, mut changes: broadcast::Receiver<(FeedId, SourceStatus)>) {
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = gateway.stop.cancelled() => return,
        };
        match change {
            Ok((feed, status)) => {
                let view = gateway.feeds.changed(gateway.now(), feed, status);
                gateway.saw(feed.camera, view).await;
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(
                    missed,
                    "changes of cameras came too fast; reading all of them"
                );
                for (camera, view) in gateway.feeds.resync(gateway.now()) {
                    gateway.saw(camera, view).await;
                }
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Recordings stop and come back.
async fn recorders(gateway: Arc<Gateway>, mut alarms: broadcast::Receiver<RecorderAlarm>) {
    let mut settling = Settling::new(gateway.config.first_answer());
    let mut timer = every_second();
    loop {
        let alarm = tokio::select! {
            alarm = alarms.recv() => alarm,
            _ = timer.tick() => {
                for alarm in settling.poll(gateway.now(), |c| gateway.recorders.recorded(c)) {
                    tell(&gateway, &alarm).await;
                }
                continue;
            }
            () = gateway.stop.cancelled() => return,
        };
        match alarm {
            Ok(alarm) => {
                let recorded = gateway.recorders.recorded(&alarm.feed.camera);
                if let Some(alarm) = settling.take(alarm, recorded == Some(true)) {
                    tell(&gateway, &alarm).await;
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::error!(missed, "alarms of recorders came too fast");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn tell(gateway: &Gateway, alarm: &RecorderAlarm) {
    for tag in recorder_tags(alarm) {
        gateway.take(tag).await;
    }
    gateway.hub.camera(gateway, &alarm.feed.camera);
}

fn recorder_tags(alarm: &RecorderAlarm) -> Vec<Tag> {
    let tag = |kind, phase, start, text: &str| {
        feeds::tag(alarm.feed.camera, kind, phase, start, alarm.at, text)
    };
    match &alarm.kind {
        AlarmKind::Stopped(reason) => {
            let text = &reason.text;
            vec![tag(
                EventKind::RecordingStopped,
                Phase::Start,
                alarm.at,
                text,
            )]
        }
        AlarmKind::Back { since } => {
            let text = format!("records again after {} s", alarm.at.since(*since).as_secs());
            vec![
                tag(EventKind::RecordingStopped, Phase::End, *since, &text),
                tag(EventKind::RecordingBack, Phase::Start, alarm.at, &text),
                tag(EventKind::RecordingBack, Phase::End, alarm.at, &text),
            ]
        }
        AlarmKind::Dropped { frames, reason } => {
            let text = format!("{frames} frames not recorded: {}", reason.text);
            vec![
                tag(EventKind::Disk, Phase::Start, alarm.at, &text),
                tag(EventKind::Disk, Phase::End, alarm.at, &text),
            ]
        }
    }
}

/// Retention deletes: nobody did it, and it is on record all the same.
async fn deleted(gateway: Arc<Gateway>, mut deletions: broadcast::Receiver<Arc<Vec<Deleted>>>) {
    loop {
        let batch = tokio::select! {
            batch = deletions.recv() => batch,
            () = gateway.stop.cancelled() => return,
        };
        let entries = match batch {
            Ok(batch) => {
                let register = gateway.register.read();
                let region = |c: &CameraId| register.camera(c).map(|c| c.region);
                audit::retention::entries(&batch, region)
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::error!(missed, "retention deletes faster than its record is kept");
                vec![audit::retention::missed(missed)]
            }
            Err(broadcast::error::RecvError::Closed) => return,
        };
        for entry in entries {
            let (object, detail) = (entry.object.clone(), entry.detail.clone());
            if let Err(error) = gateway.audit.write(gateway.now(), entry).await {
                // What is deleted stays deleted: the log is the second place.
                tracing::error!(%error, object, detail, "a deletion is not in the audit log");
            }
        }
    }
}

/// The tagger finds something.
async fn findings(gateway: Arc<Gateway>, mut tags: mpsc::Receiver<Tag>) {
    loop {
        let tag = tokio::select! {
            tag = tags.recv() => tag,
            () = gateway.stop.cancelled() => return,
        };
        let Some(tag) = tag else { return };
        gateway.take(tag).await;
    }
}

/// What is done every second.
async fn upkeep(gateway: Arc<Gateway>) {
    let mut timer = every_second();
    let (mut last, mut ticks) = (Instant::now(), 0u64);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            () = gateway.stop.cancelled() => return,
        }
        let now = Instant::now();
        gateway
            .egress
            .sample(gateway.relay_stats().sent_bytes, now - last);
        last = now;
        let lost = gateway.lost().poll(gateway.now());
        for tag in lost {
            gateway.take(tag).await;
        }
        crate::api::tasks::note_overdue(&gateway).await;
        gateway.end_guests();
        for gone in gateway.positions.expire(gateway.now()) {
            gateway.hub.position(&gone);
        }
        for wall in gateway.walls.expire(gateway.now()) {
            gateway.tell_present(&wall);
        }
        ticks += 1;
        if ticks.is_multiple_of(60) {
            gateway.sessions.sweep(now);
        }
    }
}

fn every_second() -> tokio::time::Interval {
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::WallTime;

    #[test]
    fn a_recorders_return_ends_its_alarm() {
        let alarm = RecorderAlarm {
            feed: FeedId {
                camera: "44140300001326000001".parse().unwrap(),
                profile: media::Profile::Main,
            },
            at: WallTime::from_secs(100),
            kind: AlarmKind::Back {
                since: WallTime::from_secs(40),
            },
        };
        let tags = recorder_tags(&alarm);
        assert_eq!(
            (tags[0].kind, tags[0].phase),
            (EventKind::RecordingStopped, Phase::End)
        );
        assert_eq!(tags[0].start, WallTime::from_secs(40));
        assert_eq!(tags[1].text, "records again after 60 s");
    }
}

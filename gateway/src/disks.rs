//! Disks with recordings go out and come back: an event of the gateway itself each, which goes on for as long as the disk is out.

use std::{collections::HashMap, sync::Arc};

use media::{Event, EventId, EventKind, Grade, WallTime};
use storage::{VolumeAlarm, VolumeAlarmKind};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::gateway::Gateway;

/// Runs until the gateway stops.
pub(crate) async fn run(gateway: Arc<Gateway>, mut alarms: broadcast::Receiver<VolumeAlarm>) {
    let mut open = HashMap::new();
    // What was out before anybody could be told.
    resync(&gateway, &mut open).await;
    loop {
        let alarm = tokio::select! {
            alarm = alarms.recv() => alarm,
            () = gateway.stop.cancelled() => return,
        };
        match alarm {
            Ok(alarm) => match alarm.kind {
                VolumeAlarmKind::Out(reason) => {
                    out(&gateway, &mut open, alarm.number, alarm.at, reason.text).await;
                }
                VolumeAlarmKind::Back { since } => {
                    let text = format!("back after {} s", alarm.at.since(since).as_secs());
                    back(&gateway, &mut open, alarm.number, &text).await;
                }
            },
            Err(RecvError::Lagged(_)) => resync(&gateway, &mut open).await,
            Err(RecvError::Closed) => return,
        }
    }
}

/// Events of disks that are out.
type Open = HashMap<u16, EventId>;

async fn resync(gateway: &Gateway, open: &mut Open) {
    for volume in gateway.archive.volumes() {
        match volume.out {
            Some((_, reason)) => {
                out(gateway, open, volume.number, gateway.now(), reason.text).await
            }
            None => back(gateway, open, volume.number, "back").await,
        }
    }
}

async fn out(gateway: &Gateway, open: &mut Open, number: u16, at: WallTime, text: String) {
    if open.contains_key(&number) {
        return;
    }
    let event = Event {
        id: gateway.new_id(at),
        kind: EventKind::Disk,
        camera: None,
        region: Some(gateway.config.district.code),
        start: at,
        last: at,
        end: None,
        count: 1,
        repeats: None,
        grade: Grade::II,
        score: 1.0,
        text,
        snapshot: false,
        acknowledged: None,
        more: media::event::More::default(),
        incident: None,
    };
    let id = event.id;
    match gateway.book.own(event).await {
        Ok(()) => {
            open.insert(number, id);
        }
        Err(error) => tracing::error!(%error, "an event of a disk could not be kept"),
    }
}

async fn back(gateway: &Gateway, open: &mut Open, number: u16, text: &str) {
    let Some(id) = open.remove(&number) else {
        return;
    };
    let now = gateway.now();
    let ended = gateway.book.change(id, |event| {
        event.last = now;
        event.end = Some(now);
        event.text = format!("{} - {text}", event.text);
    });
    if let Err(error) = ended.await {
        tracing::error!(%error, "an event of a disk could not be ended");
    }
}

//! What the supervision does by the clock.

use std::{sync::Arc, time::Duration};

use command::{
    health,
    supervision::{About, Coverage, Day, Group, Link, Seen, figure},
};
use media::{CameraId, WallTime};
use storage::Error;

use super::{Asked, SETTLED, alarms};
use crate::{feeds, gateway::Gateway, recording};

/// A mark that it is watched, and a look at clocks: what a crash leaves unknown is no longer than this.
const MARK: u64 = 60;
/// Today's figures are made anew so often, seconds.
const PREVIEW: u64 = 120;

/// Runs until the gateway stops.
pub(crate) async fn run(gateway: Arc<Gateway>) {
    let supervision = &gateway.supervision;
    if let Err(error) = supervision.begin(gateway.now()).await {
        tracing::error!(%error, "supervision: nothing is written down until this is mended and the gateway started anew");
        return;
    }
    let mut timer = tokio::time::interval(Duration::from_secs(1));
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut ticks, mut failing) = (0u64, false);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            () = gateway.stop.cancelled() => break,
        }
        let mark = ticks.is_multiple_of(MARK);
        if mark {
            look(&gateway);
        }
        match supervision.write(gateway.now(), mark).await {
            Ok(()) => failing = false,
            // Once, not every second for as long as a disk is full.
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "supervision: what was seen is not written down");
            }
            Err(_) => {}
        }
        if ticks % MARK == 30
            && let Err(error) = judge(&gateway).await
        {
            tracing::error!(%error, "supervision: a day could not be judged; tried again");
        }
        // Twice soon after the start, while cameras answer for the first time.
        if (ticks == 10 || ticks == 30 || ticks % PREVIEW == 60)
            && let Err(error) = preview(&gateway).await
        {
            tracing::error!(%error, "supervision: today's figures could not be made");
        }
        ticks += 1;
    }
    if let Err(error) = supervision.write(gateway.now(), true).await {
        tracing::error!(%error, "supervision: the last of what was seen is not written down");
    }
}

impl Gateway {
    /// How a camera is seen now, for the supervision.
    pub(crate) fn supervise(&self, camera: CameraId, view: &feeds::View) {
        let link = match view {
            feeds::View::Live => Link::Live,
            feeds::View::Down(reason) => Link::Down(reason.code),
            feeds::View::Unknown => Link::Unasked,
        };
        self.supervision.saw(self.now(), camera, Seen::Link(link));
    }
}

/// Clocks, and cameras that are out of service or have left the register.
fn look(gateway: &Gateway) {
    let now = gateway.now();
    let register = gateway.register.read();
    for camera in register.cameras().filter(|c| c.disabled) {
        gateway
            .supervision
            .saw(now, camera.code, Seen::Link(Link::Out));
    }
    gateway
        .supervision
        .forget_others(now, |c| register.camera(c).is_some());
    for (feed, status) in gateway.feeds.live() {
        if let Some(ms) = status.clock_offset_ms {
            gateway.supervision.saw(now, feed.camera, Seen::Clock(ms));
        }
    }
}

/// Judges the days that are over, and says which rates are too low.
pub(crate) async fn judge(gateway: &Gateway) -> Result<(), Error> {
    let now = gateway.now();
    let supervision = &gateway.supervision;
    for day in supervision.unjudged(now - SETTLED).await? {
        let (from, to) = (supervision.start(day), supervision.start(day.plus(1)));
        let asked = ask(gateway, day, from, to).await?;
        supervision.judge(day, asked).await?;
        tracing::info!(%day, "supervision: the day is judged");
        alarms::tell(gateway, day, true).await;
    }
    Ok(())
}

/// Makes today's figures as far as it is; done by the clock every two minutes.
///
/// # Errors
/// The disk's.
pub async fn preview(gateway: &Gateway) -> Result<(), Error> {
    let now = gateway.now();
    let supervision = &gateway.supervision;
    let day = supervision.day(now);
    let asked = ask(gateway, day, supervision.start(day), now).await?;
    supervision.preview(now, asked).await?;
    alarms::tell(gateway, day, false).await;
    Ok(())
}

/// What is known of every camera in the register.
async fn ask(
    gateway: &Gateway,
    day: Day,
    from: WallTime,
    to: WallTime,
) -> Result<Vec<Asked>, Error> {
    let register = gateway.register.read();
    let first = gateway.supervision.table().first_planned();
    let mut all = Vec::new();
    for camera in register.cameras() {
        let planned = recording::is_recorded(&gateway.config.recording, camera);
        let coverage = match planned {
            true => gateway.archive.coverage(camera.code, from, to).await?,
            false => storage::Coverage::default(),
        };
        let spans = |list: Vec<(WallTime, WallTime)>| {
            figure::join(list.into_iter().map(|(a, b)| (a.0, b.0)).collect())
        };
        let coverage = Coverage {
            planned: spans(coverage.planned),
            missing: spans(coverage.missing),
        };
        let mut about = About {
            judged: camera.tag && !camera.disabled,
            missing_fields: health::missing_fields(camera, &register).len() as u8,
            ..About::default()
        };
        if !coverage.planned.is_empty() {
            let oldest = gateway.archive.oldest(camera.code).await;
            about.oldest_days = oldest.map(|at| figure::days_between(at, to));
            let since = first.get(&camera.code).copied().unwrap_or(day).min(day);
            let recorded_for = u32::try_from(day.0 - since.0).unwrap_or(0);
            about.required_days = u16::try_from(camera.keep_days.min(recorded_for)).ok();
        }
        all.push(Asked {
            camera: camera.code,
            group: Group {
                region: camera.region,
                maker: camera.maker.clone(),
                department: camera.asset.department.clone(),
            },
            about,
            coverage,
        });
    }
    Ok(all)
}

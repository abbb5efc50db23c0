//! Recordings of events are held where the plan says so: a hold ends by itself after the plan's days.
//!
//! Looked for in the book of events, not in what happens now: a stop in between loses nothing, and what is held is not held again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use media::{CameraId, Event, EventKind, WallTime};
use storage::{Error, Hold, HoldKind, NewHold, events::Query};

use super::plans::Lock;
use crate::{audit::Entry, config, gateway::Gateway};

/// Who it is that nobody is.
const USER: &str = "recording-plan";
/// How often the book is looked into.
const LOOK: Duration = Duration::from_secs(15);
/// How far back: an event lasts ten minutes at the longest before it is told as another one.
const BACK: Duration = Duration::from_secs(1800);
/// How far back after a start.
const BACK_AT_START: Duration = Duration::from_secs(24 * 3600);
/// Ranges nearer to each other than this are one.
const JOIN: Duration = Duration::from_secs(120);
/// Where events have placed so many holds of a camera that are not over, further ones hold whole hours, and where there are twice
/// as many, whole days: what is held is never less than was asked for, and the journal of holds stays short.
const MANY_HOLDS: usize = 1000;

/// A stretch to be held, and for which event.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stretch {
    from: WallTime,
    to: WallTime,
    days: u32,
    why: String,
}

/// Runs until the gateway stops.
pub(super) async fn run(gateway: Arc<Gateway>) {
    let mut timer = tokio::time::interval(LOOK);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut back = BACK_AT_START;
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            () = gateway.stop.cancelled() => return,
        }
        match pass(&gateway, back).await {
            Ok(()) => back = BACK,
            Err(error) => {
                tracing::error!(%error, "recordings of events are not held yet; tried again");
            }
        }
    }
}

/// Holds what ended lately.
pub(super) async fn pass(gateway: &Gateway, back: Duration) -> Result<(), Error> {
    let plans = gateway.plans.read();
    let hold = &gateway.config.events.hold;
    if hold.days == 0 && plans.all().all(|(_, setting)| setting.lock.is_none()) {
        return Ok(());
    }
    let register = gateway.register.read();
    let now = gateway.now();
    let mut wanted: BTreeMap<CameraId, Vec<Stretch>> = BTreeMap::new();
    let mut before = None;
    loop {
        let query = Query {
            from: Some(now - back),
            before,
            limit: Query::MAX_LIMIT,
            ..Query::default()
        };
        let (events, next) = gateway.book.events().query(query).await?;
        for event in events {
            let camera = event.camera.and_then(|c| register.camera(&c));
            let Some(camera) = camera else { continue };
            let (_, setting) = plans.of(camera);
            let stretch = match &setting.lock {
                Some(lock) => stretch(lock, &event),
                None => alarm(hold, &event),
            };
            if let Some(stretch) = stretch {
                wanted.entry(camera.code).or_default().push(stretch);
            }
        }
        match next {
            Some(_) => before = next,
            None => break,
        }
    }
    let holds = gateway.archive.holds();
    for (camera, stretches) in wanted {
        let own =
            |h: &&Hold| h.is_active(now) && h.of.who == USER && h.of.cameras.as_slice() == [camera];
        let own: Vec<&Hold> = holds.iter().filter(own).collect();
        let wanted = join(stretches).into_iter().filter(|stretch| {
            let covers = |h: &&Hold| h.of.from <= stretch.from && h.of.to >= stretch.to;
            !own.iter().any(covers)
        });
        let wanted = wanted.map(|stretch| widened(stretch, own.len()));
        for stretch in join(wanted.collect()) {
            place(gateway, camera, stretch, now).await?;
        }
    }
    Ok(())
}

async fn place(
    gateway: &Gateway,
    camera: CameraId,
    stretch: Stretch,
    now: WallTime,
) -> Result<(), Error> {
    let Stretch {
        from,
        to,
        days,
        why,
    } = stretch;
    let hold = NewHold {
        kind: HoldKind::Evidence,
        cameras: vec![camera],
        from,
        to,
        who: USER.into(),
        why: why.clone(),
        until: Some(now + Duration::from_secs(u64::from(days) * 86_400)),
    };
    let hold = gateway.archive.hold(hold).await?;
    let mut entry = Entry::new(USER, "", "hold-placed", hold.id.to_string());
    entry.region = gateway.register.read().camera(&camera).map(|c| c.region);
    entry.detail = format!("{camera} {from} to {to}, for {days} days");
    entry.reason = why;
    gateway.audit.write(now, entry).await
}

/// What an event that is over holds.
fn stretch(lock: &Lock, event: &Event) -> Option<Stretch> {
    let end = event.end?.max(event.last);
    lock.kinds.contains(&event.kind).then(|| Stretch {
        from: event.start - Duration::from_secs(lock.before_s.into()),
        to: end + Duration::from_secs(u64::from(lock.after_s).max(1)),
        days: lock.days,
        why: format!("event {} ({})", event.id, event.kind.as_str()),
    })
}

/// What an alarm holds where no plan says otherwise: one that people or other systems tell of, or that a rule makes one. What
/// another system has not ended is held around its begin: it may be told of again and again, and a hold each time is none.
fn alarm(hold: &config::Hold, event: &Event) -> Option<Stretch> {
    let told = matches!(event.kind, EventKind::Manual | EventKind::External);
    let by_rule = event.more.popup || !event.more.rules.is_empty() && event.incident.is_some();
    let is = (told || by_rule) && hold.days > 0 && !event.more.exercise;
    let end = match event.kind {
        EventKind::External => event.end.unwrap_or(event.start),
        _ => event.end?.max(event.last),
    };
    is.then(|| Stretch {
        from: event.start - Duration::from_secs(hold.before_s.into()),
        to: end + Duration::from_secs(u64::from(hold.after_s).max(1)),
        days: hold.days,
        why: format!("event {} ({})", event.id, event.kind.as_str()),
    })
}

/// To whole hours or days of UTC, where there are so many holds already.
fn widened(stretch: Stretch, holds: usize) -> Stretch {
    let step = match holds / MANY_HOLDS {
        0 => return stretch,
        1 => 3_600_000_000,
        _ => 86_400_000_000,
    };
    Stretch {
        from: WallTime(stretch.from.0.div_euclid(step) * step),
        to: WallTime((stretch.to.0 - 1).div_euclid(step) * step + step),
        why: format!("{}, and others about that time", stretch.why),
        ..stretch
    }
}

/// In order, those near each other as one.
fn join(mut all: Vec<Stretch>) -> Vec<Stretch> {
    all.sort_by_key(|s| (s.from, s.to));
    let mut out: Vec<Stretch> = Vec::new();
    for stretch in all {
        match out.last_mut() {
            Some(last) if stretch.from <= last.to + JOIN => last.to = last.to.max(stretch.to),
            _ => out.push(stretch),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_near_each_other_are_one() {
        let stretch = |from, to| Stretch {
            from: WallTime::from_secs(from),
            to: WallTime::from_secs(to),
            days: 1,
            why: "x".into(),
        };
        let joined = join(vec![stretch(500, 510), stretch(0, 100), stretch(90, 300)]);
        assert_eq!(joined, [stretch(0, 300), stretch(500, 510)]);
    }

    #[test]
    fn where_there_are_many_holds_they_are_wider_and_never_less() {
        let day = 86_400;
        let of = |holds| {
            let stretch = Stretch {
                from: WallTime::from_secs(10 * day + 7300),
                to: WallTime::from_secs(10 * day + 10_801),
                days: 1,
                why: "x".into(),
            };
            let wide = widened(stretch, holds);
            [wide.from, wide.to].map(|t| t.0 / 1_000_000 - 10 * day)
        };
        assert_eq!(of(MANY_HOLDS - 1), [7300, 10_801]);
        assert_eq!(of(MANY_HOLDS), [7200, 14_400]);
        assert_eq!(of(MANY_HOLDS * 2), [0, day]);
        assert_eq!(of(MANY_HOLDS * 50), [0, day]);
    }
}

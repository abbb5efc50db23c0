//! How much of what was to be recorded of a camera was: a day's figures with the reason of every gap. A day that is over is
//! noted in the journal, so that it is told also when its recordings have been deleted.

use std::time::Duration;

use media::{CameraId, ReasonCode, WallTime};
use serde::{Deserialize, Serialize};

use crate::{
    Error,
    archive::Shared,
    plan::{self, Plan},
    timeline::{Gap, Timeline},
};

/// A camera's day, by the local clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Day {
    /// Local midnight.
    pub start: WallTime,
    /// What was to be recorded, milliseconds.
    pub planned_ms: u64,
    /// What of that was recorded, milliseconds.
    pub recorded_ms: u64,
    /// What of that was not, by reason, the longest first.
    pub missing: Vec<Missing>,
    /// Each gap in order of time: the first 200.
    pub gaps: Vec<Gap>,
}

/// All gaps of one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The reason.
    pub code: ReasonCode,
    /// How many.
    pub gaps: u32,
    /// Milliseconds of all.
    pub ms: u64,
}

impl Day {
    /// Recorded over planned, 0 to 1; none where nothing was to be recorded.
    pub fn share(&self) -> Option<f64> {
        (self.planned_ms > 0).then(|| self.recorded_ms as f64 / self.planned_ms as f64)
    }
}

/// Gaps that a day tells one by one.
const MAX_GAPS: usize = 200;
/// A shorter piece of a gap between what was planned is none.
const SLIVER: Duration = Duration::from_millis(500);
const DAY: Duration = Duration::from_secs(86_400);
/// A day is noted so long after its end: what was held in memory is in files by then.
const SETTLED: Duration = Duration::from_secs(600);
/// Days that are noted late, after the gateway did not run.
const LATE: u32 = 7;

/// What a day's figures are, from what was planned (in order, apart) and what is known. Pure.
pub(crate) fn figure(
    start: WallTime,
    planned: &[(WallTime, WallTime)],
    timeline: &Timeline,
) -> Day {
    let recorded = plan::join(timeline.spans.iter().map(|s| (s.start, s.end)).collect());
    let mut day = Day {
        start,
        planned_ms: 0,
        recorded_ms: 0,
        missing: Vec::new(),
        gaps: Vec::new(),
    };
    let common = |a: (WallTime, WallTime), b: (WallTime, WallTime)| {
        let (from, to) = (a.0.max(b.0), a.1.min(b.1));
        (from < to).then_some((from, to))
    };
    let us = |(a, b): (WallTime, WallTime)| b.since(a).as_micros();
    let planned_us: u128 = planned.iter().map(|p| us(*p)).sum();
    let both = planned
        .iter()
        .flat_map(|p| recorded.iter().filter_map(|r| common(*p, *r)));
    let recorded_us: u128 = both.map(us).sum();
    day.planned_ms = (planned_us / 1000) as u64;
    day.recorded_ms = (recorded_us / 1000) as u64;
    for gap in &timeline.gaps {
        for (start, end) in planned
            .iter()
            .filter_map(|p| common(*p, (gap.start, gap.end)))
        {
            let long = end.since(start);
            if long < SLIVER {
                continue;
            }
            let ms = long.as_millis() as u64;
            let code = gap.reason.code;
            match day.missing.iter_mut().find(|m| m.code == code) {
                Some(m) => (m.gaps, m.ms) = (m.gaps + 1, m.ms + ms),
                None => day.missing.push(Missing { code, gaps: 1, ms }),
            }
            if day.gaps.len() < MAX_GAPS {
                let reason = gap.reason.clone();
                day.gaps.push(Gap { start, end, reason });
            }
        }
    }
    day.missing.sort_by_key(|m| std::cmp::Reverse(m.ms));
    day
}

/// What was to be recorded of a camera, as its plans were then.
fn planned(
    shared: &Shared,
    camera: CameraId,
    from: WallTime,
    to: WallTime,
) -> Vec<(WallTime, WallTime)> {
    let offset = shared.config.utc_offset_minutes;
    let plans: Vec<(WallTime, Plan)> = shared.ledger.plans(camera, from, to);
    let ends = plans.iter().skip(1).map(|(from, _)| *from).chain([to]);
    let all = plans.iter().zip(ends).flat_map(|((begins, plan), ends)| {
        let (from, to) = ((*begins).max(from), ends.min(to));
        match from < to {
            true => plan.planned(from, to, offset),
            false => Vec::new(),
        }
    });
    plan::join(all.collect())
}

/// A camera's day: as it was noted, else as far as it is known now. Blocking.
fn day(shared: &Shared, camera: CameraId, start: WallTime, now: WallTime) -> Result<Day, Error> {
    if let Some(day) = shared.ledger.day_of(camera, start) {
        return Ok(day);
    }
    let end = (start + DAY).min(now.max(start));
    let timeline = shared.timeline(camera, start, end)?;
    Ok(figure(
        start,
        &planned(shared, camera, start, end),
        &timeline,
    ))
}

/// Days of a camera, from the one that `from` lies in, in order; none in the future. Blocking.
pub(crate) fn days(
    shared: &Shared,
    camera: CameraId,
    from: WallTime,
    count: u32,
) -> Result<Vec<Day>, Error> {
    let now = WallTime::now();
    let first = plan::midnight(from, shared.config.utc_offset_minutes);
    let starts = (0..count).map(|n| first + DAY * n);
    starts
        .take_while(|start| *start < now)
        .map(|start| day(shared, camera, start, now))
        .collect()
}

/// What was to be recorded of a camera within a range, and what of that is missing; both in order, apart. Blocking.
pub(crate) fn coverage(
    shared: &Shared,
    camera: CameraId,
    from: WallTime,
    to: WallTime,
) -> Result<Coverage, Error> {
    let planned = planned(shared, camera, from, to);
    if planned.is_empty() {
        return Ok(Coverage::default());
    }
    let timeline = shared.timeline(camera, from, to)?;
    let recorded = plan::join(timeline.spans.iter().map(|s| (s.start, s.end)).collect());
    Ok(lacking(planned, &recorded))
}

fn lacking(planned: Vec<(WallTime, WallTime)>, recorded: &[(WallTime, WallTime)]) -> Coverage {
    let mut missing = Vec::new();
    for (from, to) in &planned {
        let mut at = *from;
        for (a, b) in recorded.iter().filter(|(a, b)| b > from && a < to) {
            // Segments do not join to the microsecond: what nobody can see is not missing.
            if a.since(at) >= SLIVER {
                missing.push((at, *a));
            }
            at = at.max(*b);
        }
        if to.since(at) >= SLIVER {
            missing.push((at, *to));
        }
    }
    Coverage { planned, missing }
}

/// What was to be recorded, and what of that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// In order, apart.
    pub planned: Vec<(WallTime, WallTime)>,
    /// In order, apart, within what was planned.
    pub missing: Vec<(WallTime, WallTime)>,
}

/// Days that are over and not noted yet, of every camera that has a plan. Blocking.
pub(crate) fn over(shared: &Shared, now: WallTime) -> Result<Vec<(CameraId, Day)>, Error> {
    let offset = shared.config.utc_offset_minutes;
    let today = plan::midnight(now - SETTLED, offset);
    let mut out = Vec::new();
    for camera in shared.ledger.planned() {
        for ago in 1..=LATE {
            let start = today - DAY * ago;
            if shared.ledger.day_of(camera, start).is_some() {
                continue;
            }
            if planned(shared, camera, start, start + DAY).is_empty() {
                continue;
            }
            out.push((camera, day(shared, camera, start, now)?));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Span;
    use media::{Profile, Reason};

    fn w(s: i64) -> WallTime {
        WallTime::from_secs(s)
    }

    #[test]
    fn what_was_not_planned_counts_for_nothing() {
        let span = |start, end, profile| Span {
            start: w(start),
            end: w(end),
            bytes: 1,
            profile,
            unavailable: None,
        };
        let gap = |start, end, code| Gap {
            start: w(start),
            end: w(end),
            reason: Reason::new(code, ""),
        };
        let timeline = Timeline {
            spans: vec![
                span(0, 100, Profile::Main),
                // The sub stream covers what the main one does not; what both have counts once.
                span(50, 200, Profile::Sub),
                span(300, 400, Profile::Main),
            ],
            gaps: vec![
                gap(200, 300, ReasonCode::Cut),
                gap(400, 430, ReasonCode::DiskFull),
                gap(430, 1000, ReasonCode::NotRecording),
            ],
            incomplete: false,
        };
        let day = figure(w(0), &[(w(50), w(250)), (w(350), w(450))], &timeline);
        assert_eq!((day.planned_ms, day.recorded_ms), (300_000, 200_000));
        let missing = |code, gaps, ms| Missing { code, gaps, ms };
        assert_eq!(
            day.missing,
            [
                missing(ReasonCode::Cut, 1, 50_000),
                missing(ReasonCode::DiskFull, 1, 30_000),
                missing(ReasonCode::NotRecording, 1, 20_000)
            ]
        );
        assert_eq!(day.gaps[0], gap(200, 250, ReasonCode::Cut));
        assert_eq!(day.share(), Some(2.0 / 3.0));
        assert_eq!(figure(w(0), &[], &timeline).share(), None);
    }

    #[test]
    fn what_is_missing_lies_within_what_was_planned() {
        let spans = |all: &[(i64, i64)]| -> Vec<(WallTime, WallTime)> {
            all.iter().map(|(a, b)| (w(*a), w(*b))).collect()
        };
        let of = lacking(
            spans(&[(0, 100), (200, 300)]),
            &spans(&[(10, 50), (90, 250)]),
        );
        assert_eq!(of.missing, spans(&[(0, 10), (50, 90), (250, 300)]));
        assert_eq!(lacking(spans(&[(0, 9)]), &spans(&[(-5, 20)])).missing, []);
    }

    #[tokio::test]
    async fn a_day_that_is_over_is_told_when_its_recordings_are_gone() {
        use crate::{
            Archive, DataDir,
            archive::Config,
            index::{Entry, Origin},
        };
        use media::FeedId;

        let dir = tempfile::tempdir().unwrap();
        let data = std::sync::Arc::new(DataDir::open(dir.path()).unwrap());
        let config = Config {
            keep_free: media::ByteCount(0),
            utc_offset_minutes: 480,
            ..Config::default()
        };
        let archive = Archive::open(&data, config.clone()).unwrap();
        let camera = "44140301001320000001".parse().unwrap();
        let feed = FeedId {
            camera,
            profile: Profile::Main,
        };
        let midnight = plan::midnight(WallTime::now(), 480) - DAY * 3;
        // Planned from six in the morning on; recorded from noon to six in the evening; then the camera was gone.
        let hour = |h: u64| midnight + Duration::from_secs(h * 3600);
        let shared = archive.shared();
        shared
            .ledger
            .plan(camera, hour(6), Plan::Always)
            .await
            .unwrap();
        shared.ledger.down(hour(4), hour(12)).await.unwrap();
        let entries: Vec<Entry> = (0..360)
            .map(|n| Entry {
                start: hour(12) + Duration::from_secs(n * 60),
                end: hour(12) + Duration::from_secs(n * 60 + 60),
                sequence: n,
                bytes: 1,
                volume: 0,
                origin: Origin::Gateway,
            })
            .collect();
        for entry in &entries {
            shared.segments.insert(feed, *entry).unwrap();
        }
        let gap = Gap {
            start: hour(18),
            end: hour(24),
            reason: Reason::new(ReasonCode::NoRoute, "10.0.0.9"),
        };
        shared.ledger.gap(feed, gap.clone()).await.unwrap();
        let known = archive.completeness(camera, hour(1), 1).await.unwrap();
        assert_eq!(
            (known[0].planned_ms, known[0].recorded_ms),
            (64_800_000, 21_600_000)
        );
        assert_eq!(known[0].gaps.len(), 2);
        assert_eq!(known[0].gaps[0].reason.code, ReasonCode::GatewayDown);
        assert_eq!(known[0].gaps[1], gap);

        shared.note_days(WallTime::now()).await;
        shared.segments.remove(feed, &entries).unwrap();
        archive.shutdown(Duration::from_secs(60)).await;
        drop(archive);
        let archive = Archive::open(&data, config).unwrap();
        let days = archive.completeness(camera, hour(1), 10).await.unwrap();
        assert_eq!(days[0], known[0]);
        // The day after, nothing was recorded; what lies in the future is not told.
        assert_eq!((days[1].planned_ms, days[1].recorded_ms), (86_400_000, 0));
        assert_eq!(days.len(), 4);
        let before = archive
            .completeness(camera, hour(0) - DAY, 1)
            .await
            .unwrap();
        assert_eq!(before[0].share(), None);
    }
}

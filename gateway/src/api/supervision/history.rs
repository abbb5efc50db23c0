//! One camera: its figures a day each, and a strip of its states.

use ::media::{CameraId, EventKind, WallTime, said};
use command::supervision::{
    Day, Figure, Group, Link, Verdict,
    figure::{self, stretches},
    log::{Micros, Spans},
};
use serde::Serialize;

use super::{Answer, Call, Problem, days, json};
use crate::access::Action;

/// Days of one strip.
const MAX_STRIP: i32 = 31;

#[derive(Serialize)]
struct Body {
    camera: CameraId,
    name: String,
    from: Day,
    to: Day,
    days: Vec<DayView>,
    strip: Vec<State>,
    faults: Vec<Fault>,
    clock: Vec<Clock>,
}

#[derive(Serialize)]
struct DayView {
    day: Day,
    judged: bool,
    revision: u32,
    why: Option<String>,
    region: ::media::RegionCode,
    maker: String,
    department: String,
    expected_s: u32,
    online_s: u32,
    planned_s: u32,
    recorded_s: u32,
    outage_s: u32,
    fault_s: u32,
    clock_ms: Option<i32>,
    oldest_days: Option<u16>,
    required_days: Option<u16>,
    missing_fields: u8,
    clock: Option<bool>,
    quality: Option<bool>,
    retention: Option<bool>,
    file: Option<bool>,
    causes: Vec<super::CauseView>,
}

/// A stretch of the strip.
#[derive(Serialize)]
struct State {
    from: WallTime,
    to: WallTime,
    /// live, down, unknown, out, unwatched, outage.
    state: &'static str,
    /// Why it is down.
    code: Option<&'static str>,
    /// What was last known, not asked again.
    presumed: bool,
}

#[derive(Serialize)]
struct Fault {
    from: WallTime,
    to: Option<WallTime>,
    kind: EventKind,
}

#[derive(Serialize)]
struct Clock {
    at: WallTime,
    offset_ms: i64,
}

fn met(verdict: Verdict) -> Option<bool> {
    match verdict {
        Verdict::None => None,
        v => Some(v == Verdict::Met),
    }
}

fn day_view(call: &Call, day: Day, group: Group, f: Figure) -> DayView {
    let supervision = &call.gateway.supervision;
    let table = supervision.table();
    let of = table.day(day);
    DayView {
        day,
        judged: supervision.is_judged(day),
        revision: of.map_or(0, |d| d.revision),
        why: of.and_then(|d| d.why.clone()),
        region: group.region,
        maker: group.maker,
        department: group.department,
        expected_s: f.expected_s,
        online_s: f.online_s,
        planned_s: f.planned_s,
        recorded_s: f.recorded_s,
        outage_s: f.outage_s,
        fault_s: f.fault_s,
        clock_ms: f.clock_ms,
        oldest_days: (f.retention != Verdict::None).then_some(f.oldest_days),
        required_days: (f.retention != Verdict::None).then_some(f.required_days),
        missing_fields: f.missing_fields,
        clock: met(f.clock),
        quality: met(f.quality),
        retention: met(f.retention),
        file: met(f.file),
        causes: f
            .causes
            .iter()
            .map(|(code, seconds)| super::CauseView {
                code: code.as_str(),
                seconds: u64::from(*seconds),
            })
            .collect(),
    }
}

/// The strip of one day: every moment once. Pure.
fn strip(
    links: &[(Micros, Link)],
    watched: &[(Micros, Micros)],
    outages: &[(Micros, Micros)],
    (from, to): (Micros, Micros),
    known_for_s: u32,
) -> Vec<State> {
    let mut out = Vec::new();
    let whole = [(from, to)];
    let mut add = |spans: Spans, state, code, presumed| {
        out.extend(spans.into_iter().map(|(a, b)| State {
            from: WallTime(a),
            to: WallTime(b),
            state,
            code,
            presumed,
        }));
    };
    add(figure::within(outages, (from, to)), "outage", None, false);
    let free = figure::less(&whole, outages);
    add(figure::less(&free, watched), "unwatched", None, false);
    let seen = figure::less(&free, &figure::less(&free, watched));
    for s in stretches(links, from, to, known_for_s) {
        let (state, code) = match s.link {
            Link::Live => ("live", None),
            Link::Down(code) => ("down", Some(code.as_str())),
            Link::Unasked => ("unknown", None),
            Link::Out => ("out", None),
        };
        add(
            figure::within(&seen, (s.from, s.to)),
            state,
            code,
            s.presumed,
        );
    }
    out.sort_by_key(|s| s.from);
    out
}

/// `GET /cameras/{code}/supervision`.
pub(in crate::api) async fn of_camera(call: Call) -> Answer {
    let camera = call.camera(Action::Look)?;
    let (from, to) = days(&call, 6)?;
    if to.0 - from.0 >= MAX_STRIP {
        let said = said!(
            "strip-days",
            "more than {most} days of one camera",
            most = MAX_STRIP
        );
        return Err(Problem::wrong("from, to", said));
    }
    let supervision = &call.gateway.supervision;
    let now = call.gateway.now();
    let outages = supervision.outages.read().of(&camera.code, &camera.region);
    let known_for_s = supervision.config().known_for_s;
    let (mut states, mut faults, mut clock) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..=to.0 - from.0 {
        let day = from.plus(n);
        let (start, end) = (
            supervision.start(day),
            supervision.start(day.plus(1)).min(now),
        );
        if start >= now {
            break;
        }
        let log = supervision.log_of(day, camera.code).await?;
        let of = log.cameras.get(&camera.code).cloned().unwrap_or_default();
        states.extend(strip(
            &of.links,
            &log.watched,
            &outages,
            (start.0, end.0),
            known_for_s,
        ));
        for kind in command::supervision::log::FAULTS {
            let one = command::supervision::log::CameraLog {
                faults: of
                    .faults
                    .iter()
                    .filter(|(_, k, _)| *k == kind)
                    .copied()
                    .collect(),
                ..Default::default()
            };
            let spans = figure::within(&figure::faults(&one, end.0), (start.0, end.0));
            faults.extend(spans.into_iter().map(|(a, b)| Fault {
                from: WallTime(a),
                to: (b < end.0).then_some(WallTime(b)),
                kind,
            }));
        }
        let measured = of.clock.iter().filter(|(at, _)| *at >= start.0);
        clock.extend(measured.map(|(at, ms)| Clock {
            at: WallTime(*at),
            offset_ms: *ms,
        }));
    }
    faults.sort_by_key(|f: &Fault| f.from);
    let table = supervision.table();
    let judged = table.of_camera(&camera.code, from, to);
    json(&Body {
        camera: camera.code,
        name: camera.name.clone(),
        from,
        to,
        days: judged
            .into_iter()
            .map(|(day, group, f)| day_view(&call, day, group, f))
            .collect(),
        strip: states,
        faults,
        clock,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strip_says_every_moment_once() {
        let links = [
            (0, Link::Live),
            (50, Link::Down(::media::ReasonCode::Cut)),
            (80, Link::Live),
        ];
        let strip = strip(&links, &[(0, 60), (70, 100)], &[(75, 85)], (0, 100), 60);
        let told: Vec<_> = strip.iter().map(|s| (s.from.0, s.to.0, s.state)).collect();
        assert_eq!(
            told,
            [
                (0, 50, "live"),
                (50, 60, "down"),
                (60, 70, "unwatched"),
                (70, 75, "down"),
                (75, 85, "outage"),
                (85, 100, "live")
            ]
        );
    }
}

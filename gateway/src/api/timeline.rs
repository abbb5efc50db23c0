//! What was recorded of a camera when, what was not and why, what happened; and a small picture of any moment of it.

use std::{collections::BTreeMap, time::Duration};

use ::media::{CameraId, Event, EventId, EventKind, Reason, WallTime};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use storage::events::Query;

use super::{Answer, Call, Problem, bytes, json, view::EventView};
use crate::{access::Action, stills};

/// Events of an answer that tells them one by one.
const MAX_EVENTS: usize = 1000;
/// Events looked at for marks: a busy camera has some hundreds a day.
const MAX_MARKED: usize = 20_000;
/// Steps of the resolution in one answer: more than any screen has columns.
const MAX_STEPS: u64 = 10_000;
/// An event that began before the range may reach into it.
const REACH: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Timeline {
    camera: CameraId,
    from: WallTime,
    to: WallTime,
    resolution_ms: Option<u64>,
    spans: Vec<Span>,
    gaps: Vec<Gap>,
    events: Vec<EventView>,
    marks: Vec<Mark>,
    /// The index is being made again: more may have been recorded.
    incomplete: bool,
}

#[derive(Debug, PartialEq, Serialize)]
struct Span {
    start: WallTime,
    end: WallTime,
    bytes: u64,
    /// Gaps in it that are too short for the resolution.
    missing_ms: u64,
    /// How much of it lies on a disk that is not there.
    unavailable_ms: u64,
    /// And why that cannot be had.
    unavailable: Option<Reason>,
}

impl Span {
    fn is_unavailable(&self) -> bool {
        u128::from(self.unavailable_ms) * 2 > self.end.since(self.start).as_millis()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Gap {
    start: WallTime,
    end: WallTime,
    reason: Reason,
}

/// Events of a kind that are too near each other to be told apart.
#[derive(Debug, PartialEq, Serialize)]
struct Mark {
    start: WallTime,
    end: WallTime,
    kind: EventKind,
    count: u32,
    /// The first of them.
    event: EventId,
}

/// `GET /cameras/{code}/recordings`.
pub(super) async fn timeline(call: Call) -> Answer {
    let camera = call.camera(Action::Playback)?;
    let (from, to) = call.range()?;
    let resolution = call.query_within("resolution_ms", 1, 86_400_000)?;
    if let Some(ms) = resolution {
        let steps = to.since(from).as_millis() / u128::from(ms);
        if steps > MAX_STEPS.into() {
            let least = (to.since(from).as_millis() as u64).div_ceil(MAX_STEPS);
            let text = format!(
                "{ms} would be {steps} steps, at most {MAX_STEPS}: expected {least} or more"
            );
            return Err(Problem::bad("resolution_ms", text));
        }
    }
    let gateway = &call.gateway;
    let recorded = gateway.archive.timeline(camera.code, from, to).await?;
    let spans = recorded.spans.into_iter().map(|s| Span {
        start: s.start,
        end: s.end,
        bytes: s.bytes,
        missing_ms: 0,
        unavailable_ms: match s.unavailable {
            Some(_) => s.end.since(s.start).as_millis() as u64,
            None => 0,
        },
        unavailable: s.unavailable,
    });
    let gaps = recorded.gaps.into_iter().map(|g| Gap {
        start: g.start,
        end: g.end,
        reason: g.reason,
    });
    let mut answer = Timeline {
        camera: camera.code,
        from,
        to,
        resolution_ms: resolution,
        spans: spans.collect(),
        gaps: gaps.collect(),
        events: Vec::new(),
        marks: Vec::new(),
        incomplete: recorded.incomplete,
    };
    match resolution.map(Duration::from_millis) {
        Some(step) => {
            answer.spans = coarse_spans(answer.spans, step);
            answer.gaps = coarse_gaps(answer.gaps, step);
            let events = events(&call, camera.code, from, to, MAX_MARKED).await?;
            answer.marks = marks(&events, from, step);
        }
        None => {
            let events = events(&call, camera.code, from, to, MAX_EVENTS).await?;
            let register = gateway.register.read();
            let views = events.into_iter().map(|e| EventView::of(&register, e));
            answer.events = views.collect();
        }
    }
    json(&answer)
}

/// The newest events that reach into a range.
async fn events(
    call: &Call,
    camera: CameraId,
    from: WallTime,
    to: WallTime,
    most: usize,
) -> Result<Vec<Event>, Problem> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let query = Query {
            from: Some(from - REACH),
            to: Some(to),
            camera: Some(camera),
            before,
            limit: Query::MAX_LIMIT.min(most - all.len()),
            ..Query::default()
        };
        let (events, next) = call.gateway.book.events().query(query).await?;
        all.extend(events);
        before = next;
        if next.is_none() || all.len() >= most {
            break;
        }
    }
    all.retain(|e| e.end.unwrap_or(e.last).max(e.last) >= from);
    Ok(all)
}

/// Spans nearer to each other than a step are one; it says what is missing in it.
fn coarse_spans(spans: Vec<Span>, step: Duration) -> Vec<Span> {
    let mut out: Vec<Span> = Vec::new();
    for span in spans {
        match out.last_mut() {
            Some(last)
                if (span.start.since(last.end) < step || span.start <= last.end)
                    && (last.is_unavailable() == span.is_unavailable()
                        || last.end.since(last.start) < step
                        || span.end.since(span.start) < step) =>
            {
                let missing = span.start.since(last.end).as_millis() as u64;
                last.missing_ms = last.missing_ms.saturating_add(missing);
                last.end = last.end.max(span.end);
                last.bytes = last.bytes.saturating_add(span.bytes);
                last.unavailable_ms = last.unavailable_ms.saturating_add(span.unavailable_ms);
                last.unavailable = last.unavailable.take().or(span.unavailable);
            }
            _ => out.push(span),
        }
    }
    out
}

/// Holes shorter than a step are left out (their span says so); pieces of a hole that are shorter belong to their neighbour.
fn coarse_gaps(gaps: Vec<Gap>, step: Duration) -> Vec<Gap> {
    let mut out: Vec<Gap> = Vec::new();
    let mut gaps = gaps.into_iter().peekable();
    while let Some(first) = gaps.next() {
        let mut hole = vec![first];
        while let Some(next) = gaps.next_if(|g| hole.last().is_some_and(|h| h.end >= g.start)) {
            hole.push(next);
        }
        let ends = hole.first().zip(hole.last());
        if ends.is_none_or(|(a, b)| b.end.since(a.start) < step) {
            continue;
        }
        let mut pieces: Vec<Gap> = Vec::new();
        for gap in hole {
            let short = |g: &Gap| g.end.since(g.start) < step;
            match pieces.last_mut() {
                Some(last) if short(&gap) || short(last) || last.reason == gap.reason => {
                    // The longer one says why.
                    if gap.end.since(gap.start) > last.end.since(last.start) {
                        last.reason = gap.reason;
                    }
                    last.end = gap.end;
                }
                _ => pieces.push(gap),
            }
        }
        out.extend(pieces);
    }
    out
}

/// Events by kind and step, in order of time.
fn marks(events: &[Event], from: WallTime, step: Duration) -> Vec<Mark> {
    let step_us = i64::try_from(step.as_micros()).unwrap_or(i64::MAX).max(1);
    let mut marks: BTreeMap<(i64, EventKind), Mark> = BTreeMap::new();
    for event in events {
        let at = event.start.0.saturating_sub(from.0).div_euclid(step_us);
        let end = event.end.unwrap_or(event.last).max(event.last);
        let mark = marks.entry((at, event.kind)).or_insert(Mark {
            start: event.start,
            end,
            kind: event.kind,
            count: 0,
            event: event.id,
        });
        mark.count += 1;
        mark.end = mark.end.max(end);
        if event.start < mark.start {
            (mark.start, mark.event) = (event.start, event.id);
        }
    }
    marks.into_values().collect()
}

/// A moment may have its picture from so long before it: key frames of thrifty codecs are ten seconds apart.
const NEAR: Duration = Duration::from_secs(30);
/// What is older does not change any more: a page may keep it.
const SETTLED: Duration = Duration::from_secs(120);

/// `GET /cameras/{code}/thumbnail.jpg`.
pub(super) async fn thumbnail(call: Call) -> Answer {
    let camera = call.camera(Action::Playback)?;
    let at: WallTime = call
        .query("at")?
        .ok_or_else(|| Problem::bad("at", "is missing, expected a time (RFC 3339)"))?;
    let width = call.query_within("width", 32, 640)?.unwrap_or(160) as u32;
    let mut entry = call.entry(
        "playback-still",
        camera.code.to_string(),
        Some(camera.region),
    )?;
    entry.detail = format!("around {at}");
    let session = call.signed()?.session.id;
    // Who flies over a timeline asks for hundreds: the log says once in ten minutes that they do.
    let key = (session, "playback-still", camera.code, String::new());
    if call.gateway.repeats.is_first(key) {
        call.audit(entry).await?;
    }
    let still = stills::recorded(&call.gateway, camera.code, at, width).await?;
    if at.since(still.at) > NEAR {
        let text = format!(
            "nothing is recorded at {at}; the picture before is of {}",
            still.at
        );
        return Err(Problem::new(StatusCode::NOT_FOUND, "no-recording", text));
    }
    let etag = HeaderValue::from_str(&still.etag).map_err(Problem::internal)?;
    let unchanged = call.headers.get(header::IF_NONE_MATCH) == Some(&etag);
    let mut response = match unchanged {
        true => bytes("image/jpeg", ""),
        false => bytes("image/jpeg", still.jpeg),
    };
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let settled = call.gateway.now().since(at) > SETTLED;
    let caching = match settled {
        true => "private, max-age=86400, immutable",
        false => "private, no-cache",
    };
    let taken = HeaderValue::from_str(&still.at.to_string()).map_err(Problem::internal)?;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(HeaderName::from_static("sightline-at"), taken);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::media::ReasonCode;
    use proptest::prelude::*;

    fn at(ms: i64) -> WallTime {
        WallTime(ms * 1000)
    }

    fn span(start: i64, end: i64) -> Span {
        Span {
            start: at(start),
            end: at(end),
            bytes: 1,
            missing_ms: 0,
            unavailable_ms: 0,
            unavailable: None,
        }
    }

    fn gap(start: i64, end: i64, code: ReasonCode) -> Gap {
        Gap {
            start: at(start),
            end: at(end),
            reason: Reason::new(code, ""),
        }
    }

    #[test]
    fn what_a_screen_cannot_show_is_told_as_a_number() {
        let step = Duration::from_millis(100);
        let spans = coarse_spans(vec![span(0, 50), span(90, 200), span(300, 310)], step);
        let joined = Span {
            bytes: 2,
            missing_ms: 40,
            ..span(0, 200)
        };
        assert_eq!(spans, [joined, span(300, 310)]);
        let (a, b) = (ReasonCode::Cut, ReasonCode::DiskFull);
        let gaps = vec![
            gap(50, 90, a),
            gap(200, 220, a),
            gap(220, 300, b),
            gap(310, 500, a),
            gap(500, 900, b),
        ];
        let expected = [gap(200, 300, b), gap(310, 500, a), gap(500, 900, b)];
        assert_eq!(coarse_gaps(gaps, step), expected);
    }

    proptest! {
        #[test]
        fn the_answer_is_bounded_and_loses_no_time(
            lengths in prop::collection::vec((1i64..400, 1i64..400), 1..200),
            step in 1u64..500,
        ) {
            let (mut spans, mut gaps, mut now) = (Vec::new(), Vec::new(), 0);
            for (n, (on, off)) in lengths.into_iter().enumerate() {
                spans.push(span(now, now + on));
                let code = [ReasonCode::Cut, ReasonCode::DiskFull][n % 2];
                gaps.push(gap(now + on, now + on + off, code));
                now += on + off;
            }
            let step = Duration::from_millis(step);
            let spans = coarse_spans(spans, step);
            let gaps = coarse_gaps(gaps, step);
            let steps = now as u128 / step.as_millis() + 2;
            prop_assert!(spans.len() as u128 <= steps && gaps.len() as u128 <= steps);
            for pair in spans.windows(2) {
                // Whatever lies between two spans is told with a reason.
                prop_assert!(gaps.iter().any(|g| g.start == pair[0].end && g.end == pair[1].start));
            }
        }
    }
}

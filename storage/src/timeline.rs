//! What was recorded when, and why not.

use std::time::Duration;

use media::{Profile, Reason, ReasonCode, WallTime};
use serde::{Deserialize, Serialize};

use crate::index::Entry;

/// The answer to [`crate::Archive::timeline`]: spans and gaps cover the range without overlap, in order of time. What lies in
/// the future is neither.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// Recorded, neighbours joined.
    pub spans: Vec<Span>,
    /// Not recorded.
    pub gaps: Vec<Gap>,
    /// The index is being made again from the files: more may have been recorded than is told here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
}

/// Recorded without interruption, clipped to the range asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// First frame.
    pub start: WallTime,
    /// After the last frame.
    pub end: WallTime,
    /// Bytes of the files, in proportion where clipped.
    pub bytes: u64,
    /// Which stream.
    pub profile: Profile,
    /// It was recorded, and cannot be had for now: its disk is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<Reason>,
}

/// Not recorded, clipped to the range asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// From.
    pub start: WallTime,
    /// To.
    pub end: WallTime,
    /// Why.
    pub reason: Reason,
}

/// What is known of one feed of the camera.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) profile: Profile,
    /// Segments in order of start, the one being written included.
    pub(crate) entries: Vec<Entry>,
    /// Nothing is recorded since, and why.
    pub(crate) waiting: Option<(WallTime, Reason)>,
    /// Somebody records it now.
    pub(crate) recording: bool,
}

/// Shorter distances between segments are none, where no gap was noted.
const JOIN: Duration = Duration::from_secs(2);
/// What a recorder may hold that is in no file yet.
const HELD: Duration = Duration::from_secs(15);

/// Draws the timeline from what is known. Pure.
pub(crate) fn draw(
    from: WallTime,
    to: WallTime,
    now: WallTime,
    feeds: &[Recorded],
    noted: Vec<(Profile, Gap)>,
    unavailable: impl Fn(u16) -> Option<Reason>,
) -> Timeline {
    // A segment is not worth a lock.
    let mut asked: Vec<(u16, Option<Reason>)> = Vec::new();
    let mut unavailable = |volume: u16| match asked.iter().find(|(v, _)| *v == volume) {
        Some((_, reason)) => reason.clone(),
        None => {
            asked.push((volume, unavailable(volume)));
            asked.last().and_then(|(_, reason)| reason.clone())
        }
    };
    let to = to.min(now.max(from));
    let mut noted: Vec<Gap> = noted.into_iter().map(|(_, gap)| gap).collect();
    noted.extend(feeds.iter().filter_map(|feed| {
        let (start, reason) = feed.waiting.clone()?;
        Some(Gap {
            start,
            end: now,
            reason,
        })
    }));
    noted.sort_by_key(|gap| gap.start);
    let mut spans = Vec::new();
    for feed in feeds {
        let mut own: Vec<Span> = Vec::new();
        for entry in &feed.entries {
            let Some(mut span) = clip(entry, feed.profile, from, to) else {
                continue;
            };
            span.unavailable = unavailable(entry.volume);
            match own.last_mut() {
                Some(last) if joins(last, &span, &noted) => {
                    last.end = last.end.max(span.end);
                    last.bytes = last.bytes.saturating_add(span.bytes);
                }
                _ => own.push(span),
            }
        }
        // What is in memory only will be there.
        if let Some(last) = own.last_mut()
            && feed.recording
            && feed.waiting.is_none()
            && now.since(last.end) < HELD
        {
            last.end = last.end.max(to);
        }
        spans.extend(own);
    }
    spans.sort_by_key(|span| (span.start, span.profile));
    let gaps = holes(from, to, &spans, &noted)
        .into_iter()
        .flat_map(|(start, end)| explain(start, end, &noted))
        .collect();
    Timeline {
        spans,
        gaps,
        incomplete: false,
    }
}

fn clip(entry: &Entry, profile: Profile, from: WallTime, to: WallTime) -> Option<Span> {
    let (start, end) = (entry.start.max(from), entry.end.min(to));
    if start >= end {
        return None;
    }
    let whole = entry.end.since(entry.start).as_micros().max(1);
    let part = end.since(start).as_micros();
    Some(Span {
        start,
        end,
        bytes: (u128::from(entry.bytes) * part / whole) as u64,
        profile,
        unavailable: None,
    })
}

fn joins(last: &Span, next: &Span, noted: &[Gap]) -> bool {
    if last.unavailable != next.unavailable {
        return false;
    }
    // Nearly all segments meet: that is decided without looking at the notes.
    next.start <= last.end
        || (next.start.since(last.end) <= JOIN
            && !noted
                .iter()
                .any(|g| g.start < next.start && g.end > last.end))
}

/// What no span covers.
fn holes(from: WallTime, to: WallTime, spans: &[Span], noted: &[Gap]) -> Vec<(WallTime, WallTime)> {
    let mut out = Vec::new();
    let mut covered = from;
    let ends = spans.iter().map(|s| (s.start, s.end)).chain([(to, to)]);
    for (start, end) in ends {
        let is_noted = || noted.iter().any(|g| g.start < start && g.end > covered);
        if start > covered && (start.since(covered) > JOIN || is_noted()) {
            out.push((covered, start));
        }
        covered = covered.max(end);
    }
    out
}

/// A hole in pieces, each with its reason; what nobody noted is `not-recording`.
fn explain(start: WallTime, end: WallTime, noted: &[Gap]) -> Vec<Gap> {
    let unknown = |start, end| Gap {
        start,
        end,
        reason: Reason::new(
            ReasonCode::NotRecording,
            "no plan asked for a recording, or it has been deleted since",
        ),
    };
    let mut out: Vec<Gap> = Vec::new();
    let mut at = start;
    for gap in noted.iter().filter(|g| g.start < end && g.end > start) {
        let (a, b) = (gap.start.max(at), gap.end.min(end));
        if b <= at {
            continue;
        }
        // Slivers between a note and a segment belong to the note.
        let a = if a.since(at) > JOIN { a } else { at };
        if a > at {
            out.push(unknown(at, a));
        }
        match out.last_mut() {
            Some(last) if last.end == a && last.reason.code == gap.reason.code => last.end = b,
            _ => out.push(Gap {
                start: a,
                end: b,
                reason: gap.reason.clone(),
            }),
        }
        at = b;
    }
    if at < end {
        match out.last_mut() {
            Some(last) if end.since(at) <= JOIN => last.end = end,
            _ => out.push(unknown(at, end)),
        }
    }
    out
}

#[cfg(test)]
mod tests;

//! The formula: what a day's log says of one camera, as figures. Pure. Every formula that was ever used stays here under its
//! number, and a day is judged again only by the one it was judged by first.
//!
//! **Formula 1.** Time counts where the gateway watched and no approved outage lies. Of it,
//! - *expected* is what the camera was live or down; what it was last known to be stands for `known_for` after nobody asks
//!   any more, and then it is neither. *Online* is what of it was live.
//! - *planned* is what was to be recorded without approved outages, whether the gateway watched or not; *recorded* what of
//!   it is there.
//! - the *clock* is right where no offset measured on that day is over `clock_ms`;
//! - the *picture* is good where all faults together took no longer than `fault_s`;
//! - *retention* is met where the oldest recording is as old as is to be kept, or as old as recording itself.

use media::{CameraId, ReasonCode, WallTime};
use serde::{Deserialize, Serialize};

use super::{
    day::Day,
    log::{CameraLog, Link, Micros, Spans},
};

/// The formula of today.
pub const FORMULA: u16 = 1;

/// What a day is judged by; kept with its figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judging {
    /// Which formula.
    pub formula: u16,
    /// A clock may be wrong by so much, ms.
    pub clock_ms: u32,
    /// Faults of the picture may take so long in a day, seconds.
    pub fault_s: u32,
    /// What was last known of a camera stands so long when nobody asks for it, seconds.
    pub known_for_s: u32,
}

/// What is known of a camera beside its log, at the end of the day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    /// Whether its picture is watched for faults.
    pub judged: bool,
    /// Days since its oldest recording; none where there is none.
    pub oldest_days: Option<u16>,
    /// Days that there must be: what is to be kept, or since recording began. None: nothing is to be recorded.
    pub required_days: Option<u16>,
    /// Mandatory fields that its file lacks.
    pub missing_fields: u8,
}

impl About {
    /// What was known when figures were made: to make them again. A picture that did not count for want of time still does not.
    pub fn of(figure: &Figure) -> Self {
        let counted = figure.retention != Verdict::None;
        Self {
            judged: figure.quality != Verdict::None,
            oldest_days: counted.then_some(figure.oldest_days),
            required_days: counted.then_some(figure.required_days),
            missing_fields: figure.missing_fields,
        }
    }
}

/// Yes, no, or nothing to be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum Verdict {
    /// It does not count.
    #[default]
    None,
    /// Met.
    Met,
    /// Not met.
    Missed,
}

impl Verdict {
    fn of(met: Option<bool>) -> Self {
        match met {
            None => Self::None,
            Some(true) => Self::Met,
            Some(false) => Self::Missed,
        }
    }
}
impl From<u8> for Verdict {
    fn from(n: u8) -> Self {
        match n {
            1 => Self::Met,
            2 => Self::Missed,
            _ => Self::None,
        }
    }
}
impl From<Verdict> for u8 {
    fn from(v: Verdict) -> Self {
        v as Self
    }
}

/// A camera's day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figure {
    /// Seconds that it was expected.
    pub expected_s: u32,
    /// Seconds of those that it was live.
    pub online_s: u32,
    /// Seconds that were to be recorded.
    pub planned_s: u32,
    /// Seconds of those that are.
    pub recorded_s: u32,
    /// Seconds of approved outages.
    pub outage_s: u32,
    /// Seconds that faults of the picture took.
    pub fault_s: u32,
    /// The largest offset measured, ms.
    pub clock_ms: Option<i32>,
    /// Days since the oldest recording.
    pub oldest_days: u16,
    /// Days that there must be.
    pub required_days: u16,
    /// Mandatory fields that its file lacks.
    pub missing_fields: u8,
    /// Its clock.
    pub clock: Verdict,
    /// Its picture.
    pub quality: Verdict,
    /// Its recordings' age.
    pub retention: Verdict,
    /// Its file.
    pub file: Verdict,
    /// Seconds that it was down, by reason, the longest first.
    pub causes: Vec<(ReasonCode, u32)>,
}

/// A camera's connection in one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// From.
    pub from: Micros,
    /// To.
    pub to: Micros,
    /// How it was; [`Link::Unasked`]: not known any more.
    pub link: Link,
    /// Whether that is known from before: nobody asked in this stretch.
    pub presumed: bool,
}

/// The connection of a camera from one moment to another, without holes; what stands for a while after nobody asks is told as
/// presumed.
pub fn stretches(
    links: &[(Micros, Link)],
    from: Micros,
    to: Micros,
    known_for_s: u32,
) -> Vec<Stretch> {
    let known_for = i64::from(known_for_s) * 1_000_000;
    let mut out: Vec<Stretch> = Vec::new();
    let mut add = |a: Micros, b: Micros, link: Link, presumed: bool| {
        let (a, b) = (a.max(from), b.min(to));
        if a >= b {
            return;
        }
        match out.last_mut() {
            Some(last) if last.to == a && last.link == link && last.presumed == presumed => {
                last.to = b;
            }
            _ => out.push(Stretch {
                from: a,
                to: b,
                link,
                presumed,
            }),
        }
    };
    let first = links.first().map_or(to, |(at, _)| *at);
    add(from, first, Link::Unasked, false);
    let mut known: Option<Link> = None;
    // Since when the last verdict stands without being asked for.
    let mut unasked_since = first;
    for (i, (at, link)) in links.iter().enumerate() {
        let until = links.get(i + 1).map_or(to, |(next, _)| *next);
        match (link, known) {
            (Link::Unasked, Some(before)) => {
                if !matches!(links.get(i.wrapping_sub(1)), Some((_, Link::Unasked))) {
                    unasked_since = *at;
                }
                let stands = unasked_since.saturating_add(known_for).min(until);
                add(*at, stands, before, true);
                add(stands.max(*at), until, Link::Unasked, false);
            }
            (Link::Unasked, None) => add(*at, until, Link::Unasked, false),
            (Link::Out, _) => {
                known = None;
                add(*at, until, Link::Out, false);
            }
            (link, _) => {
                known = Some(*link);
                add(*at, until, *link, false);
            }
        }
    }
    out
}

/// A camera's figures of one day. `outages` are in order and apart; `watched` likewise.
pub fn figure(
    day: Day,
    offset_min: i32,
    log: &CameraLog,
    watched: &[(Micros, Micros)],
    outages: &[(Micros, Micros)],
    about: &About,
    judging: &Judging,
) -> Figure {
    let whole = (day.start(offset_min).0, day.end(offset_min).0);
    let counted = less(&within(watched, whole), outages);
    let mut figure = Figure {
        outage_s: seconds(&within(outages, whole)),
        missing_fields: about.missing_fields,
        file: Verdict::of(Some(about.missing_fields == 0)),
        ..Figure::default()
    };
    let (mut expected, mut online) = (0i64, 0i64);
    let mut causes: Vec<(ReasonCode, i64)> = Vec::new();
    for s in stretches(&log.links, whole.0, whole.1, judging.known_for_s) {
        let us = length(&within(&counted, (s.from, s.to)));
        match s.link {
            Link::Live => (expected, online) = (expected + us, online + us),
            Link::Down(code) => {
                expected += us;
                match causes.iter_mut().find(|(c, _)| *c == code) {
                    Some((_, sum)) => *sum += us,
                    None => causes.push((code, us)),
                }
            }
            Link::Out | Link::Unasked => {}
        }
    }
    (figure.expected_s, figure.online_s) = (round(expected), round(online));
    causes.sort_by_key(|(_, us)| std::cmp::Reverse(*us));
    figure.causes = causes
        .into_iter()
        .map(|(code, us)| (code, round(us)))
        .filter(|(_, s)| *s > 0)
        .collect();

    if let Some(recorded) = &log.recorded {
        let planned = less(&within(&recorded.planned, whole), outages);
        let missing = less(&within(&recorded.missing, whole), outages);
        figure.planned_s = seconds(&planned);
        figure.recorded_s = round(length(&planned) - length(&missing));
    }
    let live = online > 0;
    let measured = log.clock.iter().filter(|(at, _)| *at >= whole.0 || live);
    let largest = measured.map(|(_, ms)| *ms).max_by_key(|ms| ms.abs());
    figure.clock_ms = largest.map(|ms| ms.clamp(-i64::from(i32::MAX), i64::from(i32::MAX)) as i32);
    figure.clock = Verdict::of(largest.map(|ms| ms.unsigned_abs() <= u64::from(judging.clock_ms)));

    let faults = within(&faults(log, whole.1), whole);
    figure.fault_s = seconds(&less(&within_all(&faults, &counted), &[]));
    let judged = about.judged && (live || figure.fault_s > 0);
    figure.quality = Verdict::of(judged.then_some(figure.fault_s <= judging.fault_s));

    if let Some(required) = about.required_days {
        figure.required_days = required;
        figure.oldest_days = about.oldest_days.unwrap_or(0);
        figure.retention = Verdict::of(Some(figure.oldest_days >= required));
    }
    figure
}

/// When any fault of the picture was there.
pub fn faults(log: &CameraLog, until: Micros) -> Spans {
    let mut open: Vec<(media::EventKind, Micros)> = Vec::new();
    let mut out = Spans::new();
    for (at, kind, on) in &log.faults {
        let known = open.iter().position(|(k, _)| k == kind);
        match (on, known) {
            (true, None) => open.push((*kind, *at)),
            (false, Some(i)) => {
                let (_, since) = open.swap_remove(i);
                out.push((since, *at));
            }
            _ => {}
        }
    }
    out.extend(open.into_iter().map(|(_, since)| (since, until)));
    join(out)
}

/// In order, those that touch as one, empty ones gone.
pub fn join(mut spans: Spans) -> Spans {
    spans.retain(|(a, b)| a < b);
    spans.sort_unstable();
    let mut out = Spans::new();
    for (a, b) in spans {
        match out.last_mut() {
            Some(last) if a <= last.1 => last.1 = last.1.max(b),
            _ => out.push((a, b)),
        }
    }
    out
}

/// What of `spans` lies in one stretch.
pub fn within(spans: &[(Micros, Micros)], (from, to): (Micros, Micros)) -> Spans {
    let cut = spans.iter().map(|(a, b)| ((*a).max(from), (*b).min(to)));
    cut.filter(|(a, b)| a < b).collect()
}

fn within_all(spans: &[(Micros, Micros)], all: &[(Micros, Micros)]) -> Spans {
    all.iter().flat_map(|one| within(spans, *one)).collect()
}

/// `spans` without what lies in `others`; both in order and apart.
pub fn less(spans: &[(Micros, Micros)], others: &[(Micros, Micros)]) -> Spans {
    let mut out = Spans::new();
    for (from, to) in spans {
        let mut at = *from;
        for (a, b) in others.iter().filter(|(a, b)| *b > *from && *a < *to) {
            if *a > at {
                out.push((at, *a));
            }
            at = at.max(*b);
        }
        if at < *to {
            out.push((at, *to));
        }
    }
    out
}

fn length(spans: &[(Micros, Micros)]) -> i64 {
    spans.iter().map(|(a, b)| b - a).sum()
}

fn seconds(spans: &[(Micros, Micros)]) -> u32 {
    round(length(spans))
}

fn round(us: i64) -> u32 {
    u32::try_from(us.max(0).saturating_add(500_000) / 1_000_000).unwrap_or(u32::MAX)
}

/// Whole days from one moment to another.
pub fn days_between(from: WallTime, to: WallTime) -> u16 {
    u16::try_from(to.since(from).as_secs() / 86_400).unwrap_or(u16::MAX)
}

/// A camera's figures with where it belonged on that day.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Which camera.
    pub camera: CameraId,
    /// Its group, in the table of its record.
    pub group: u32,
    /// Its figures.
    pub figure: Figure,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::log::Coverage;
    use media::EventKind;
    use proptest::prelude::*;

    const JUDGING: Judging = Judging {
        formula: FORMULA,
        clock_ms: 5000,
        fault_s: 300,
        known_for_s: 10_800,
    };

    /// A day of Meixian, and moments of it by hour and minute.
    fn day() -> (Day, impl Fn(i64, i64) -> Micros) {
        let day: Day = "2026-11-29".parse().unwrap();
        let start = day.start(480).0;
        (day, move |h, m| start + (h * 3600 + m * 60) * 1_000_000)
    }

    fn judge(log: &CameraLog, watched: Spans, outages: Spans) -> Figure {
        let (day, _) = day();
        figure(
            day,
            480,
            log,
            &watched,
            &outages,
            &About {
                judged: true,
                ..About::default()
            },
            &JUDGING,
        )
    }

    #[test]
    fn a_scripted_day_gives_the_figures_worked_out_by_hand() {
        let (_, t) = day();
        // Live from yesterday on; down 02:00 to 03:30 (no route) and 10:00 to 10:06 (cut), live to the end.
        let log = CameraLog {
            links: vec![
                (t(-5, 0), Link::Live),
                (t(2, 0), Link::Down(ReasonCode::NoRoute)),
                (t(3, 30), Link::Live),
                (t(10, 0), Link::Down(ReasonCode::Cut)),
                (t(10, 6), Link::Live),
            ],
            ..CameraLog::default()
        };
        let all = vec![(t(0, 0), t(24, 0))];
        let f = judge(&log, all.clone(), vec![]);
        // 24 h = 86,400 s; down 5,400 + 360 s.
        assert_eq!((f.expected_s, f.online_s), (86_400, 80_640));
        assert_eq!(
            f.causes,
            [(ReasonCode::NoRoute, 5400), (ReasonCode::Cut, 360)]
        );
        // Power works from 02:30 to 04:00 were approved: one hour of the first outage and half an hour of good time go out.
        let f = judge(&log, all.clone(), vec![(t(2, 30), t(4, 0))]);
        assert_eq!((f.expected_s, f.online_s), (81_000, 78_840));
        assert_eq!(
            f.causes,
            [(ReasonCode::NoRoute, 1800), (ReasonCode::Cut, 360)]
        );
        assert_eq!(f.outage_s, 5400);
        // The gateway did not watch from 01:00 to 03:00: that is nobody's fault.
        let f = judge(&log, vec![(t(0, 0), t(1, 0)), (t(3, 0), t(24, 0))], vec![]);
        assert_eq!((f.expected_s, f.online_s), (79_200, 77_040));
    }

    #[test]
    fn what_was_last_known_stands_for_three_hours() {
        let (_, t) = day();
        let all = vec![(t(0, 0), t(24, 0))];
        // Asked 01:00 to 01:01 and found live; asked 09:00 to 09:02 and found down; then nobody asks.
        let log = CameraLog {
            links: vec![
                (t(1, 0), Link::Live),
                (t(1, 1), Link::Unasked),
                (t(9, 0), Link::Down(ReasonCode::TimedOut)),
                (t(9, 2), Link::Unasked),
            ],
            ..CameraLog::default()
        };
        let f = judge(&log, all.clone(), vec![]);
        // 1 min + 3 h live, 2 min + 3 h down.
        assert_eq!(
            (f.expected_s, f.online_s),
            (60 + 10_800 + 120 + 10_800, 60 + 10_800)
        );
        // Visited every two hours it is known all the day long.
        let visits =
            (0..12).flat_map(|n| [(t(2 * n, 0), Link::Live), (t(2 * n, 1), Link::Unasked)]);
        let log = CameraLog {
            links: visits.collect(),
            ..CameraLog::default()
        };
        let f = judge(&log, all.clone(), vec![]);
        assert_eq!((f.expected_s, f.online_s), (86_400, 86_400));
        // Known from the day before: unasked since 22:00, it stands until 01:00.
        let log = CameraLog {
            links: vec![(t(-3, 0), Link::Live), (t(-2, 0), Link::Unasked)],
            ..CameraLog::default()
        };
        assert_eq!(judge(&log, all.clone(), vec![]).expected_s, 3600);
        // Out of service is nothing at once, and what was known before does not come back with being unasked.
        let log = CameraLog {
            links: vec![
                (t(0, 0), Link::Live),
                (t(6, 0), Link::Out),
                (t(7, 0), Link::Unasked),
            ],
            ..CameraLog::default()
        };
        assert_eq!(judge(&log, all, vec![]).expected_s, 6 * 3600);
    }

    #[test]
    fn recordings_clocks_pictures_and_files_by_hand() {
        let (day, t) = day();
        let log = CameraLog {
            links: vec![(t(0, 0), Link::Live)],
            clock: vec![(t(-9, 0), 900), (t(8, 0), -5200), (t(12, 0), 100)],
            // Covered 08:00 to 08:04 and dark 08:02 to 08:10: ten minutes together; still frozen at midnight from 23:59.
            faults: vec![
                (t(8, 0), EventKind::Covered, true),
                (t(8, 2), EventKind::Dark, true),
                (t(8, 4), EventKind::Covered, false),
                (t(8, 10), EventKind::Dark, false),
                (t(23, 59), EventKind::Frozen, true),
            ],
            recorded: Some(Coverage {
                planned: vec![(t(8, 0), t(18, 0))],
                missing: vec![(t(9, 0), t(9, 30)), (t(17, 0), t(18, 0))],
            }),
        };
        let about = About {
            judged: true,
            oldest_days: Some(29),
            required_days: Some(30),
            missing_fields: 2,
        };
        let watched = [(t(0, 0), t(24, 0))];
        let f = figure(day, 480, &log, &watched, &[], &about, &JUDGING);
        assert_eq!((f.planned_s, f.recorded_s), (36_000, 30_600));
        assert_eq!((f.clock_ms, f.clock), (Some(-5200), Verdict::Missed));
        assert_eq!((f.fault_s, f.quality), (660, Verdict::Missed));
        assert_eq!((f.retention, f.file), (Verdict::Missed, Verdict::Missed));
        // 17:00 to 19:00 is an approved outage: an hour of the plan and the hour that is missing in it go out.
        let f = figure(
            day,
            480,
            &log,
            &watched,
            &[(t(17, 0), t(19, 0))],
            &about,
            &JUDGING,
        );
        assert_eq!((f.planned_s, f.recorded_s), (32_400, 30_600));
        let good = About {
            oldest_days: Some(30),
            missing_fields: 0,
            ..about
        };
        let lenient = Judging {
            clock_ms: 6000,
            fault_s: 660,
            ..JUDGING
        };
        let f = figure(day, 480, &log, &watched, &[], &good, &lenient);
        assert_eq!([f.clock, f.quality, f.retention, f.file], [Verdict::Met; 4]);
    }

    #[test]
    fn a_camera_of_which_nothing_is_known_counts_for_nothing() {
        let f = judge(&CameraLog::default(), vec![], vec![]);
        assert_eq!((f.expected_s, f.planned_s), (0, 0));
        assert_eq!([f.clock, f.quality, f.retention], [Verdict::None; 3]);
    }

    proptest! {
        /// Whatever was seen, in whatever order: online is within expected, expected within the day, causes are the rest.
        #[test]
        fn parts_never_exceed_their_whole(
            links in proptest::collection::vec((-100_000i64..200_000, 0u8..4), 0..40),
            watched in proptest::collection::vec((-1000i64..90_000, 0i64..40_000), 0..6),
            outages in proptest::collection::vec((-1000i64..90_000, 0i64..40_000), 0..6),
        ) {
            let (day, t) = day();
            let s = |s: i64| t(0, 0) + s * 1_000_000;
            let spans = |v: Vec<(i64, i64)>| join(v.into_iter().map(|(a, n)| (s(a), s(a + n))).collect());
            let mut links: Vec<(Micros, Link)> = links.into_iter().map(|(a, l)| (s(a), match l {
                0 => Link::Live, 1 => Link::Down(ReasonCode::Cut), 2 => Link::Unasked, _ => Link::Out,
            })).collect();
            links.sort_by_key(|(a, _)| *a);
            let log = CameraLog { links, ..CameraLog::default() };
            let f = figure(day, 480, &log, &spans(watched), &spans(outages), &About::default(), &JUDGING);
            prop_assert!(f.online_s <= f.expected_s && f.expected_s <= 86_400);
            let down: u32 = f.causes.iter().map(|(_, s)| s).sum();
            prop_assert_eq!(down, f.expected_s - f.online_s);
            let whole = stretches(&log.links, s(0), s(86_400), 10_800);
            prop_assert_eq!(whole.iter().map(|x| x.to - x.from).sum::<i64>(), 86_400_000_000);
        }
    }
}

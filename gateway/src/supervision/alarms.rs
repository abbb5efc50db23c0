//! Rates below their alarm are events: one a day, region and rate, of the district and of every town.

use command::supervision::{By, Day, Line, Part, Period, Question, Rates, query};
use media::{Event, EventId, EventKind, RegionCode, WallTime, id::Level};
use tagger::rules;

use crate::{config::Threshold, gateway::Gateway};

/// Of today's figures, the online rate alone is told, once so much was expected of a camera: an hour into the day a rate says
/// something.
const EARLIEST_S: u64 = 3600;

/// A rate that is too low.
#[derive(Clone, Debug, PartialEq)]
struct Low {
    region: RegionCode,
    rate: &'static str,
    share: f64,
    alarm: f64,
}

/// The part of a rate by its name.
pub(crate) fn part(rates: &Rates, name: &str) -> Part {
    match name {
        "online" => rates.online,
        "recording" => rates.recording,
        "retention" => rates.retention,
        "clock" => rates.clock,
        "quality" => rates.quality,
        _ => rates.file,
    }
}

/// Which of these are too low. Pure.
fn low(lines: &[Line], thresholds: &[(&'static str, Threshold)], judged: bool) -> Vec<Low> {
    let mut out = Vec::new();
    for line in lines {
        let Ok(region) = line.key.parse::<RegionCode>() else {
            continue;
        };
        for (name, t) in thresholds {
            let of = part(&line.rates, name);
            let early = of.whole < EARLIEST_S * u64::from(line.cameras);
            if !judged && (*name != "online" || early) {
                continue;
            }
            if let Some(share) = of.share().filter(|share| *share < t.alarm) {
                out.push(Low {
                    region,
                    rate: name,
                    share,
                    alarm: t.alarm,
                });
            }
        }
    }
    out
}

/// The same for the same day, region and rate, so that it is one event however often it is told (FNV-1a, 32 bits).
fn number(region: &RegionCode, rate: &str) -> u32 {
    let bytes = region.as_str().bytes().chain(rate.bytes());
    bytes.fold(0x811c_9dc5, |hash, b| {
        (hash ^ u32::from(b)).wrapping_mul(0x0100_0193)
    })
}

/// Says which rates of a day are too low, of the district and its towns; what was too low in a preview and is no more ends.
pub(super) async fn tell(gateway: &Gateway, day: Day, judged: bool) {
    let supervision = &gateway.supervision;
    let table = supervision.table();
    let thresholds = supervision.config().thresholds();
    let question = |level| Question {
        from: day,
        to: day,
        by: By::Level(level),
        period: Period::All,
        region: gateway.config.district.code,
        own: false,
        maker: None,
        department: None,
        camera: None,
    };
    let mut all = Vec::new();
    for level in [Level::District, Level::Town] {
        let lines = query::answer(&table, &question(level)).unwrap_or_default();
        all.extend(lines.into_iter().filter(|l| {
            let region = l.key.parse::<RegionCode>();
            region.is_ok_and(|r| r.level() == level)
        }));
    }
    let start = supervision.start(day);
    let found = low(&all, &thresholds, judged);
    for line in &all {
        for (rate, _) in thresholds {
            let Ok(region) = line.key.parse::<RegionCode>() else {
                continue;
            };
            let id = EventId {
                at: start.as_micros(),
                number: number(&region, rate),
            };
            let is = found.iter().find(|l| l.region == region && l.rate == rate);
            if let Err(error) = put(gateway, id, day, region, is, judged).await {
                tracing::error!(%error, "supervision: an alarm could not be kept");
            }
        }
    }
}

async fn put(
    gateway: &Gateway,
    id: EventId,
    day: Day,
    region: RegionCode,
    low: Option<&Low>,
    judged: bool,
) -> Result<(), storage::Error> {
    let before = gateway.book.events().get(id).await?;
    let now = gateway.now();
    let end = judged.then(|| gateway.supervision.start(day.plus(1)).min(now));
    let (low, before) = match (low, before) {
        (None, None) => return Ok(()),
        (None, Some(before)) => {
            if before.end.is_none() {
                gateway
                    .book
                    .change(id, |e| e.end = Some(now.max(e.last)))
                    .await?;
            }
            return Ok(());
        }
        (Some(low), before) => (low, before),
    };
    let text = text(low, day);
    match before {
        // Told again only where it says something else.
        Some(b) if b.text == text && b.end == end => Ok(()),
        Some(_) => {
            gateway
                .book
                .change(id, |e| {
                    e.text = text;
                    e.last = now.max(e.start);
                    e.end = end.map(|end| end.max(e.last));
                })
                .await?;
            Ok(())
        }
        None => {
            gateway
                .book
                .own(event(id, region, low, text, now, end))
                .await
        }
    }
}

fn text(low: &Low, day: Day) -> String {
    format!(
        "{day}: {} {:.1} % < {:.0} %",
        low.rate,
        low.share * 100.0,
        low.alarm * 100.0
    )
}

fn event(
    id: EventId,
    region: RegionCode,
    low: &Low,
    text: String,
    now: WallTime,
    end: Option<WallTime>,
) -> Event {
    let start = WallTime(id.at);
    Event {
        id,
        kind: EventKind::RateLow,
        camera: None,
        region: Some(region),
        start,
        last: end.unwrap_or(now).max(start),
        end,
        count: 1,
        repeats: None,
        grade: rules::grade(EventKind::RateLow),
        score: (1.0 - low.share) as f32,
        text,
        snapshot: false,
        acknowledged: None,
        more: media::event::More::default(),
        incident: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_its_alarm_is_told_and_a_day_that_goes_on_only_once_it_says_something() {
        let line = |key: &str, part, whole| Line {
            key: key.into(),
            period: Day(0),
            cameras: 2,
            rates: Rates {
                online: Part { part, whole },
                file: Part { part: 0, whole: 2 },
                ..Rates::default()
            },
            causes: Vec::new(),
        };
        let t = |alarm| Threshold { target: 1.0, alarm };
        let thresholds = [
            ("online", t(0.95)),
            ("recording", t(0.95)),
            ("file", t(0.0)),
        ];
        let lines = [line("441403", 94, 100), line("441403102", 95, 100)];
        let found = low(&lines, &thresholds, true);
        assert_eq!(
            found.len(),
            1,
            "equal is not below, nothing planned is not missed, 0 is never"
        );
        assert_eq!((found[0].rate, found[0].share), ("online", 0.94));
        assert!(low(&lines, &thresholds, false).is_empty());
        let later = [line("441403", 7000, 7200)];
        assert!(low(&later, &thresholds, false).is_empty());
        let later = [line("441403", 6000, 7200)];
        assert_eq!(low(&later, &thresholds, false).len(), 1);
        let text = text(&found[0], "2026-11-29".parse().unwrap());
        assert_eq!(text, "2026-11-29: online 94.0 % < 95 %");
    }
}

//! The figures that cameras are judged by: as JSON, as a spreadsheet, as a report to print; and one camera's history.

mod causes;
mod history;
mod paper;

use std::sync::Arc;

use ::media::{RegionCode, id::Level, said};
use command::supervision::{By, Day, Judging, Line, Part, Period, Question, query};
use serde::Serialize;

use super::{Answer, Call, Problem, cameras::region_is_known, json};
use crate::{access::Action, config::Threshold};

pub(super) use history::of_camera;
pub(super) use paper::{report, spreadsheet};

/// The longest range: 13 months and what they hang over, days.
const MAX_DAYS: i32 = 430;

/// What was asked, and what there is.
struct Asked {
    question: Question,
    lines: Vec<Line>,
    total: Line,
    /// Today's figures are part of it: they still change.
    provisional: bool,
    /// Days of the range that have figures.
    days: u32,
    /// Days that an approval changed later.
    revised: u32,
    judging: Judging,
}

#[derive(Serialize)]
struct Body {
    from: Day,
    to: Day,
    region: RegionCode,
    by: &'static str,
    period: &'static str,
    days: u32,
    provisional: bool,
    revised: u32,
    judged_by: Judging,
    thresholds: Thresholds,
    total: LineView,
    lines: Vec<LineView>,
}

#[derive(Serialize)]
struct Thresholds {
    online: Threshold,
    recording: Threshold,
    retention: Threshold,
    clock: Threshold,
    quality: Threshold,
    file: Threshold,
}

#[derive(Serialize)]
struct LineView {
    key: String,
    name: String,
    name_en: String,
    period: Day,
    cameras: u32,
    rates: RatesView,
    causes: Vec<CauseView>,
}

#[derive(Serialize)]
struct RatesView {
    online: RateView,
    recording: RateView,
    retention: RateView,
    clock: RateView,
    quality: RateView,
    file: RateView,
}

#[derive(Serialize)]
struct RateView {
    part: u64,
    whole: u64,
    share: Option<f64>,
    /// met, short of its target, or below its alarm; none where there is nothing to say.
    state: Option<&'static str>,
}

#[derive(Serialize)]
struct CauseView {
    code: &'static str,
    seconds: u64,
}

fn rate(part: Part, threshold: Threshold) -> RateView {
    RateView {
        part: part.part,
        whole: part.whole,
        share: part.share(),
        state: state(part, threshold),
    }
}

/// How a rate stands against its threshold.
fn state(part: Part, threshold: Threshold) -> Option<&'static str> {
    part.share().map(|share| match share {
        s if s < threshold.alarm => "alarm",
        s if s < threshold.target => "short",
        _ => "met",
    })
}

impl LineView {
    fn of(call: &Call, by: By, line: Line) -> Self {
        let c = call.gateway.supervision.config();
        let (name, name_en) = name(call, by, &line.key);
        let r = &line.rates;
        Self {
            name,
            name_en,
            rates: RatesView {
                online: rate(r.online, c.online),
                recording: rate(r.recording, c.recording),
                retention: rate(r.retention, c.retention),
                clock: rate(r.clock, c.clock),
                quality: rate(r.quality, c.quality),
                file: rate(r.file, c.file),
            },
            key: line.key,
            period: line.period,
            cameras: line.cameras,
            causes: line
                .causes
                .iter()
                .map(|(code, seconds)| CauseView {
                    code: code.as_str(),
                    seconds: *seconds,
                })
                .collect(),
        }
    }
}

/// What people call a line, in both languages; what left the register is called by its code.
fn name(call: &Call, by: By, key: &str) -> (String, String) {
    let register = call.gateway.register.read();
    let both = |n: &str| (n.to_owned(), n.to_owned());
    match by {
        By::Level(_) => {
            let region = key.parse().ok().and_then(|r| register.region(&r).cloned());
            match region {
                Some(r) if r.name_en.is_empty() => both(&r.name),
                Some(r) => (r.name.clone(), r.name_en.clone()),
                None => both(key),
            }
        }
        By::Camera => match key.parse().ok().and_then(|c| register.camera(&c).cloned()) {
            Some(camera) => both(&camera.name),
            None => both(key),
        },
        By::All | By::Department | By::Maker => both(key),
    }
}

fn by_name(by: By) -> &'static str {
    match by {
        By::All => "all",
        By::Level(Level::Town) => "town",
        By::Level(Level::Village) => "village",
        By::Level(_) => "district",
        By::Department => "department",
        By::Maker => "maker",
        By::Camera => "camera",
    }
}

fn period_name(period: Period) -> &'static str {
    match period {
        Period::All => "all",
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
    }
}

/// From `from` to `to`, both counted; the last thirty days where they are left out.
fn days(call: &Call, ahead: i32) -> Result<(Day, Day), Problem> {
    let today = call.gateway.supervision.day(call.gateway.now());
    let to = call.query::<Day>("to")?.unwrap_or(today);
    let from = call.query::<Day>("from")?.unwrap_or(to.plus(-ahead));
    if from > to {
        return Err(Problem::wrong(
            "to",
            said!("before-from", "is before 'from'"),
        ));
    }
    if to.0 - from.0 >= MAX_DAYS {
        let said = said!("days-most", "more than {most} days", most = MAX_DAYS);
        return Err(Problem::wrong("from, to", said));
    }
    Ok((from, to))
}

impl Asked {
    async fn of(call: &Call) -> Result<Self, Problem> {
        let (from, to) = days(call, 29)?;
        let mine = call.user()?.region;
        let region = match call.query::<RegionCode>("region")? {
            Some(region) => {
                region_is_known(call, region)?;
                call.may(Action::Look, region, region.as_str())?;
                region
            }
            None => mine,
        };
        let by: By = match call.query.get("by") {
            Some(text) => text
                .parse()
                .map_err(|e| Problem::wrong("by", said!("no-grouping", "{text}", text = e)))?,
            None => By::Level(Level::Town),
        };
        let period = call.query::<Period>("period")?.unwrap_or(Period::All);
        let question = Question {
            from,
            to,
            by,
            period,
            region,
            own: call.query_within("own", 0, 1)? == Some(1),
            maker: call.query.get("maker").cloned(),
            department: call.query.get("department").cloned(),
            camera: None,
        };
        let supervision = &call.gateway.supervision;
        let table = supervision.table();
        let all = Question {
            by: By::All,
            period: Period::All,
            ..question.clone()
        };
        let asked = question.clone();
        let walk = Arc::clone(&table);
        let answer = tokio::task::spawn_blocking(move || {
            Ok::<_, query::TooMany>((query::answer(&walk, &asked)?, query::answer(&walk, &all)?))
        });
        let (lines, mut total) = answer.await.map_err(Problem::internal)?.map_err(|e| {
            Problem::wrong("by, period", said!("too-many-lines", "{text}", text = e))
        })?;
        let there = (0..=to.0 - from.0)
            .map(|n| from.plus(n))
            .filter_map(|d| Some((d, table.day(d)?)));
        let (mut days, mut revised, mut provisional) = (0, 0, false);
        let mut judging = supervision.config().judging();
        for (day, of) in there {
            days += 1;
            revised += u32::from(of.revision > 0);
            provisional |= !supervision.is_judged(day);
            judging = of.judging;
        }
        Ok(Self {
            total: total.pop().unwrap_or(Line {
                key: String::new(),
                period: from,
                cameras: 0,
                rates: query::Rates::default(),
                causes: Vec::new(),
            }),
            question,
            lines,
            provisional,
            days,
            revised,
            judging,
        })
    }
}

/// `GET /supervision`.
pub(super) async fn figures(call: Call) -> Answer {
    let asked = Asked::of(&call).await?;
    let q = &asked.question;
    let c = call.gateway.supervision.config();
    json(&Body {
        from: q.from,
        to: q.to,
        region: q.region,
        by: by_name(q.by),
        period: period_name(q.period),
        days: asked.days,
        provisional: asked.provisional,
        revised: asked.revised,
        judged_by: asked.judging,
        thresholds: Thresholds {
            online: c.online,
            recording: c.recording,
            retention: c.retention,
            clock: c.clock,
            quality: c.quality,
            file: c.file,
        },
        total: LineView::of(&call, By::All, asked.total),
        lines: asked
            .lines
            .into_iter()
            .map(|line| LineView::of(&call, q.by, line))
            .collect(),
    })
}

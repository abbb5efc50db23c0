//! Questions to the table: rates by region, department, maker or camera, and by day, week or month.

use std::collections::BTreeMap;

use media::{CameraId, ReasonCode, RegionCode, id::Level};
use serde::Serialize;

use super::{
    day::{Day, Period},
    figure::Verdict,
    table::Table,
};
use crate::health::Rate;

/// What lines stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// One line for all.
    All,
    /// The regions of a level; what stands above it counts to its own region.
    Level(Level),
    /// Departments.
    Department,
    /// Makers.
    Maker,
    /// Cameras.
    Camera,
}

impl std::str::FromStr for By {
    type Err = &'static str;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(match s {
            "all" => Self::All,
            "district" => Self::Level(Level::District),
            "town" => Self::Level(Level::Town),
            "village" => Self::Level(Level::Village),
            "department" => Self::Department,
            "maker" => Self::Maker,
            "camera" => Self::Camera,
            _ => return Err("expected all, district, town, village, department, maker or camera"),
        })
    }
}

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// What lines stand for.
    pub by: By,
    /// One line a period each.
    pub period: Period,
    /// Only of this region and what lies below.
    pub region: RegionCode,
    /// Not of what lies below: a town's own cameras, without those of its villages.
    pub own: bool,
    /// Only of this maker.
    pub maker: Option<String>,
    /// Only of this department.
    pub department: Option<String>,
    /// Only this camera.
    pub camera: Option<CameraId>,
}

/// The six rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rates {
    /// Seconds online of seconds expected.
    pub online: Part,
    /// Seconds recorded of seconds planned.
    pub recording: Part,
    /// Days of cameras with recordings as old as wanted.
    pub retention: Part,
    /// Days of cameras with a right clock.
    pub clock: Part,
    /// Days of cameras with a good picture.
    pub quality: Part,
    /// Days of cameras with a complete file.
    pub file: Part,
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What was there.
    pub part: u64,
    /// What should have been; 0: nothing is to be said.
    pub whole: u64,
}

impl Part {
    /// 0 to 1; none where nothing should have been.
    pub fn share(self) -> Option<f64> {
        (self.whole > 0).then(|| self.part as f64 / self.whole as f64)
    }

    fn add(&mut self, part: u64, whole: u64) {
        self.part += part;
        self.whole += whole;
    }

    fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::None => {}
            Verdict::Met => self.add(1, 1),
            Verdict::Missed => self.add(0, 1),
        }
    }
}

impl From<Part> for Rate {
    fn from(p: Part) -> Self {
        Self {
            part: p.part as f64,
            whole: p.whole as f64,
        }
    }
}

/// An answer's line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// A region's or camera's code, a department's or maker's name; empty: for all, or those without one.
    pub key: String,
    /// The first day of its period.
    pub period: Day,
    /// Cameras that count in it.
    pub cameras: u32,
    /// Its rates.
    pub rates: Rates,
    /// Seconds down, by reason, the longest first.
    pub causes: Vec<(ReasonCode, u64)>,
}

/// Lines of one answer.
pub const MAX_LINES: usize = 50_000;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{lines} lines, at most {MAX_LINES} in one answer: ask for a shorter range, a longer period or a smaller region"
)]
pub struct TooMany {
    /// How many there would be.
    pub lines: usize,
}

#[derive(Clone)]
struct Sum {
    rates: Rates,
    /// A bit a camera.
    cameras: Vec<u64>,
    causes: BTreeMap<ReasonCode, u64>,
}

/// Answers it: one walk over the rows of its days.
///
/// # Errors
/// [`TooMany`].
pub fn answer(table: &Table, q: &Question) -> Result<Vec<Line>, TooMany> {
    // What each group belongs to, once: a row then asks an array.
    let mut keys: Vec<String> = Vec::new();
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    let fits = |group: &super::table::Group| {
        group.region.is_within(&q.region)
            && (!q.own || group.region == q.region)
            && q.maker.as_ref().is_none_or(|m| *m == group.maker)
            && q.department.as_ref().is_none_or(|d| *d == group.department)
    };
    let of_group: Vec<Option<u32>> = table
        .groups()
        .iter()
        .map(|group| {
            if !fits(group) {
                return None;
            }
            let key = match q.by {
                By::All | By::Camera => String::new(),
                By::Level(level) => region_at(group.region, level).to_string(),
                By::Department => group.department.clone(),
                By::Maker => group.maker.clone(),
            };
            let n = *known.entry(key.clone()).or_insert_with(|| {
                keys.push(key);
                keys.len() as u32 - 1
            });
            Some(n)
        })
        .collect();
    let only = q.camera.map(|c| table.number(&c));
    let mut sums: BTreeMap<(Day, u32), Sum> = BTreeMap::new();
    let words = match q.by {
        By::Camera => 0,
        _ => table.cameras().div_ceil(64),
    };
    let keys_max = match q.by {
        By::Camera => table.cameras(),
        _ => keys.len(),
    };
    for (first, days) in by_period(table, q) {
        // Dense within a period, so that a row costs an index.
        let mut here: Vec<Option<Sum>> = vec![None; keys_max];
        for day in days {
            let mut line_of: Vec<u32> = Vec::with_capacity(day.rows.len());
            for row in &day.rows {
                let group = of_group[row.group as usize];
                let wanted = group.filter(|_| only.is_none_or(|o| o == Some(row.camera)));
                let Some(group) = wanted else {
                    line_of.push(u32::MAX);
                    continue;
                };
                let n = match q.by {
                    By::Camera => row.camera,
                    _ => group,
                };
                line_of.push(n);
                let sum = here[n as usize].get_or_insert_with(|| Sum {
                    rates: Rates::default(),
                    cameras: vec![0; words],
                    causes: BTreeMap::new(),
                });
                let r = &mut sum.rates;
                r.online.add(row.online_s.into(), row.expected_s.into());
                r.recording.add(row.recorded_s.into(), row.planned_s.into());
                r.clock.count(row.verdict(0));
                r.quality.count(row.verdict(1));
                r.retention.count(row.verdict(2));
                r.file.count(row.verdict(3));
                if let Some(word) = sum.cameras.get_mut(row.camera as usize / 64) {
                    *word |= 1 << (row.camera % 64);
                }
            }
            for cause in &day.causes {
                let n = line_of[cause.row as usize];
                if let Some(Some(sum)) = here.get_mut(n as usize) {
                    *sum.causes.entry(cause.code).or_default() += u64::from(cause.seconds);
                }
            }
        }
        let found = here.into_iter().enumerate();
        sums.extend(found.filter_map(|(n, sum)| Some(((first, n as u32), sum?))));
        if sums.len() > MAX_LINES {
            return Err(TooMany { lines: sums.len() });
        }
    }
    let mut lines: Vec<Line> = sums
        .into_iter()
        .map(|((period, n), sum)| {
            let mut causes: Vec<(ReasonCode, u64)> = sum.causes.into_iter().collect();
            causes.sort_by_key(|(_, s)| std::cmp::Reverse(*s));
            Line {
                key: match q.by {
                    By::Camera => table.camera(n).to_string(),
                    _ => keys[n as usize].clone(),
                },
                period,
                cameras: match q.by {
                    By::Camera => 1,
                    _ => sum.cameras.iter().map(|w| w.count_ones()).sum(),
                },
                rates: sum.rates,
                causes,
            }
        })
        .collect();
    lines.sort_by(|a, b| (a.period, &a.key).cmp(&(b.period, &b.key)));
    Ok(lines)
}

/// The days asked, gathered by their period.
fn by_period<'a>(table: &'a Table, q: &Question) -> Vec<(Day, Vec<&'a super::table::DayTable>)> {
    let mut out: Vec<(Day, Vec<_>)> = Vec::new();
    if q.from > q.to {
        return out;
    }
    for (day, rows) in table.days.range(q.from..=q.to) {
        let first = match q.period {
            Period::All => q.from,
            period => day.first_of(period),
        };
        match out.last_mut() {
            Some((same, days)) if *same == first => days.push(rows.as_ref()),
            _ => out.push((first, vec![rows.as_ref()])),
        }
    }
    out
}

/// The region of a level that another lies in; itself where it stands above that level.
fn region_at(region: RegionCode, level: Level) -> RegionCode {
    let depth = |l: Level| match l {
        Level::Province => 0,
        Level::City => 1,
        Level::District => 2,
        Level::Town => 3,
        Level::Village => 4,
    };
    region
        .path()
        .find(|r| depth(r.level()) <= depth(level))
        .unwrap_or(region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervision::{
        figure::Fact,
        table::{
            DayRecord,
            tests::{JUDGING, camera, fact, group},
        },
    };

    fn question(by: By, period: Period) -> Question {
        Question {
            from: "2026-11-28".parse().unwrap(),
            to: "2026-12-01".parse().unwrap(),
            by,
            period,
            region: "441403".parse().unwrap(),
            own: false,
            maker: None,
            department: None,
            camera: None,
        }
    }

    /// Two cameras in one town and one in another, four days: two of November's last week, a Monday, a first of the month.
    fn table() -> Table {
        let groups = [
            group("441403102201", "a"),
            group("441403102", "b"),
            group("441403103", "a"),
        ];
        let mut table = Table::default();
        for n in 0..4 {
            let day = "2026-11-28".parse::<Day>().unwrap().plus(n);
            let facts: Vec<Fact> = vec![
                fact(1, 0, 100, 90),
                fact(2, 1, 100, 100),
                fact(3, 2, 50, 10 * n as u32),
            ];
            DayRecord::of(day, JUDGING, 0, None, &groups, &facts)
                .into_iter()
                .for_each(|r| table.take(r));
        }
        table
    }

    #[test]
    fn rates_are_gathered_by_region_and_period() {
        let table = table();
        let online = |by, period| -> Vec<(String, String, u32, u64, u64)> {
            let lines = answer(&table, &question(by, period)).unwrap();
            lines
                .into_iter()
                .map(|l| {
                    (
                        l.period.to_string(),
                        l.key,
                        l.cameras,
                        l.rates.online.part,
                        l.rates.online.whole,
                    )
                })
                .collect()
        };
        let line = |p: &str, k: &str, c, a, b| (p.to_owned(), k.to_owned(), c, a, b);
        assert_eq!(
            online(By::All, Period::All),
            [line("2026-11-28", "", 3, 820, 1000)]
        );
        assert_eq!(
            online(By::Level(Level::Town), Period::All),
            [
                line("2026-11-28", "441403102", 2, 760, 800),
                line("2026-11-28", "441403103", 1, 60, 200)
            ]
        );
        assert_eq!(
            online(By::Level(Level::Village), Period::All)[0],
            line("2026-11-28", "441403102", 1, 400, 400),
            "a camera of the town itself is not of a village"
        );
        assert_eq!(
            online(By::Maker, Period::Week),
            [
                line("2026-11-23", "a", 2, 190, 300),
                line("2026-11-23", "b", 1, 200, 200),
                line("2026-11-30", "a", 2, 230, 300),
                line("2026-11-30", "b", 1, 200, 200)
            ]
        );
        assert_eq!(
            online(By::All, Period::Month)[1],
            line("2026-12-01", "", 3, 220, 250)
        );
        assert_eq!(online(By::Camera, Period::All).len(), 3);
    }

    #[test]
    fn causes_and_verdicts_are_counted() {
        let table = table();
        let mut q = question(By::All, Period::All);
        q.region = "441403103".parse().unwrap();
        let lines = answer(&table, &q).unwrap();
        assert_eq!(lines[0].causes, [(ReasonCode::Cut, 140)]);
        assert_eq!(lines[0].rates.file, Part { part: 0, whole: 4 });
        assert_eq!(lines[0].rates.clock.share(), Some(1.0));
        assert_eq!(lines[0].rates.quality.share(), None);
        q.camera = Some(camera(1));
        assert!(
            answer(&table, &q).unwrap().is_empty(),
            "it stands elsewhere"
        );
    }

    #[test]
    fn a_towns_own_cameras_are_told_apart_from_those_of_its_villages() {
        let table = table();
        let mut q = question(By::Camera, Period::All);
        q.region = "441403102".parse().unwrap();
        assert_eq!(answer(&table, &q).unwrap().len(), 2);
        q.own = true;
        let own = answer(&table, &q).unwrap();
        assert_eq!((own.len(), &own[0].key), (1, &camera(2).to_string()));
    }

    /// The size of a whole district for 13 months: kept small and quick by design, printed for the record.
    #[test]
    #[ignore = "a measurement: cargo test -p command --release --lib supervision -- --ignored --nocapture"]
    fn a_district_for_thirteen_months() {
        let groups: Vec<_> = (0..410)
            .map(|n| {
                group(
                    &format!("441403{:03}{:03}", 100 + n / 20, n % 20),
                    ["a", "b", "c"][n % 3],
                )
            })
            .collect();
        let mut table = Table::default();
        let first: Day = "2025-11-01".parse().unwrap();
        let read = std::time::Instant::now();
        let mut bytes = 0;
        for d in 0..396 {
            let facts: Vec<Fact> = (0..3500)
                .map(|n| fact(n, (n % 410) as u32, 86_400, 86_400 - (n as u32 * 7) % 900))
                .collect();
            for record in DayRecord::of(first.plus(d), JUDGING, 0, None, &groups, &facts) {
                let text = serde_json::to_vec(&record).unwrap();
                bytes += text.len();
                table.take(serde_json::from_slice(&text).unwrap());
            }
        }
        println!(
            "written and read: {:?}, {} MB of journal, {} MB of memory",
            read.elapsed(),
            bytes / 1_000_000,
            table.bytes() / 1_000_000
        );
        for (by, period) in [
            (By::All, Period::Day),
            (By::Level(Level::Town), Period::Month),
            (By::Level(Level::Village), Period::Week),
            (By::Camera, Period::All),
            (By::Maker, Period::Day),
        ] {
            let mut q = question(by, period);
            (q.from, q.to) = (first, first.plus(395));
            let asked = std::time::Instant::now();
            let lines = answer(&table, &q).unwrap();
            println!(
                "{by:?} {period:?}: {} lines in {:?}",
                lines.len(),
                asked.elapsed()
            );
        }
    }
}

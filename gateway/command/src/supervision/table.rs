//! Figures of every camera and day, in memory: 44 bytes a camera and day, so that 3,500 cameras and 13 months are 61 MB, and a
//! question about all of them is one walk over an array.
//!
//! They come from records of a journal ([`DayRecord`]) and change only by another record of the same day, which says why.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use media::{CameraId, ReasonCode, RegionCode};
use serde::{Deserialize, Serialize};

use super::{
    day::Day,
    figure::{Fact, Figure, Judging, Verdict},
};

/// What cameras are gathered by, as they were on that day.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group {
    /// The region it stood in.
    pub region: RegionCode,
    /// Who made it.
    #[serde(default)]
    pub maker: String,
    /// Whose it was.
    #[serde(default)]
    pub department: String,
}

/// Facts of one day, or a part of them, as journaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DayRecord {
    /// Which day.
    pub day: Day,
    /// What it was judged by.
    pub judging: Judging,
    /// 0 the first time; higher where an approval that came later changed it.
    #[serde(default)]
    pub revision: u32,
    /// Why it was judged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Which part of the day's records this is, from 0; the first begins anew what a crash left half.
    #[serde(default)]
    pub part: u32,
    /// Whether more parts follow.
    #[serde(default)]
    pub more: bool,
    /// The groups that rows name by number.
    pub groups: Vec<Group>,
    /// One a camera.
    pub rows: Vec<RowRecord>,
}

/// A row as journaled: camera, group, seconds (expected, online, planned, recorded, outage, fault), clock (ms), days (since the
/// oldest recording, required), fields missing, verdicts (clock, picture, retention, file), causes.
pub type RowRecord = (
    CameraId,
    u32,
    [u32; 6],
    Option<i32>,
    [u16; 2],
    u8,
    [Verdict; 4],
    Vec<(ReasonCode, u32)>,
);

/// Rows of one record: far below the longest record of a journal.
const ROWS: usize = 2000;

impl DayRecord {
    /// A day's facts as records.
    pub fn of(
        day: Day,
        judging: Judging,
        revision: u32,
        why: Option<&str>,
        groups: &[Group],
        facts: &[Fact],
    ) -> Vec<Self> {
        let parts = facts.len().div_ceil(ROWS).max(1);
        (0..parts)
            .map(|n| Self {
                day,
                judging,
                revision,
                why: why.map(str::to_owned),
                part: n as u32,
                more: n + 1 < parts,
                groups: groups.to_vec(),
                rows: facts[n * ROWS..facts.len().min((n + 1) * ROWS)]
                    .iter()
                    .map(row_of)
                    .collect(),
            })
            .collect()
    }
}

fn row_of(fact: &Fact) -> RowRecord {
    let f = &fact.figure;
    (
        fact.camera,
        fact.group,
        [
            f.expected_s,
            f.online_s,
            f.planned_s,
            f.recorded_s,
            f.outage_s,
            f.fault_s,
        ],
        f.clock_ms,
        [f.oldest_days, f.required_days],
        f.missing_fields,
        [f.clock, f.quality, f.retention, f.file],
        f.causes.clone(),
    )
}

/// A camera's day in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) camera: u32,
    pub(super) group: u32,
    pub(super) expected_s: u32,
    pub(super) online_s: u32,
    pub(super) planned_s: u32,
    pub(super) recorded_s: u32,
    outage_s: u32,
    pub(super) fault_s: u32,
    /// `i32::MIN` where none was measured.
    clock_ms: i32,
    oldest_days: u16,
    required_days: u16,
    missing_fields: u8,
    /// Clock, picture, retention, file: two bits each.
    verdicts: u8,
}

impl Row {
    pub(super) fn verdict(&self, which: usize) -> Verdict {
        Verdict::from((self.verdicts >> (2 * which)) & 3)
    }
}

/// A reason for a camera's absence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cause {
    pub(super) row: u32,
    pub(super) code: ReasonCode,
    pub(super) seconds: u32,
}

/// One day of all cameras.
#[derive(Clone, Debug)]
pub struct DayTable {
    pub(super) rows: Vec<Row>,
    pub(super) causes: Vec<Cause>,
    /// What it was judged by.
    pub judging: Judging,
    /// How often it was judged again.
    pub revision: u32,
    /// Why.
    pub why: Option<String>,
    whole: bool,
}

impl DayTable {
    fn figure(&self, n: usize) -> Figure {
        let row = self.rows[n];
        // In order of rows, as they were taken.
        let from = self.causes.partition_point(|c| c.row < n as u32);
        let causes = self.causes[from..].iter().take_while(|c| c.row == n as u32);
        Figure {
            expected_s: row.expected_s,
            online_s: row.online_s,
            planned_s: row.planned_s,
            recorded_s: row.recorded_s,
            outage_s: row.outage_s,
            fault_s: row.fault_s,
            clock_ms: (row.clock_ms != i32::MIN).then_some(row.clock_ms),
            oldest_days: row.oldest_days,
            required_days: row.required_days,
            missing_fields: row.missing_fields,
            clock: row.verdict(0),
            quality: row.verdict(1),
            retention: row.verdict(2),
            file: row.verdict(3),
            causes: causes.map(|c| (c.code, c.seconds)).collect(),
        }
    }
}

/// All days. Days are shared: a copy is cheap, and readers are never held up.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(super) days: BTreeMap<Day, Arc<DayTable>>,
    names: Arc<Names>,
}

/// What rows name by number.
#[derive(Clone, Debug, Default)]
struct Names {
    cameras: Vec<CameraId>,
    camera: HashMap<CameraId, u32>,
    groups: Vec<Group>,
    group: HashMap<Group, u32>,
}

impl Names {
    fn camera(&mut self, camera: CameraId) -> u32 {
        *self.camera.entry(camera).or_insert_with(|| {
            self.cameras.push(camera);
            self.cameras.len() as u32 - 1
        })
    }

    fn group(&mut self, group: Group) -> u32 {
        if let Some(n) = self.group.get(&group) {
            return *n;
        }
        self.groups.push(group.clone());
        self.group.insert(group, self.groups.len() as u32 - 1);
        self.groups.len() as u32 - 1
    }
}

impl Table {
    /// Takes a record: a day's first, its next part, or a later revision, which takes the place of the one before.
    pub fn take(&mut self, record: DayRecord) {
        let names = Arc::make_mut(&mut self.names);
        let groups: Vec<u32> = record.groups.into_iter().map(|g| names.group(g)).collect();
        let continues = self
            .days
            .get(&record.day)
            .is_some_and(|d| !d.whole && d.revision == record.revision && record.part > 0);
        if !continues {
            if self
                .days
                .get(&record.day)
                .is_some_and(|d| d.whole && d.revision >= record.revision)
            {
                return;
            }
            let empty = DayTable {
                rows: Vec::with_capacity(record.rows.len()),
                causes: Vec::new(),
                judging: record.judging,
                revision: record.revision,
                why: record.why,
                whole: false,
            };
            self.days.insert(record.day, Arc::new(empty));
        }
        let Some(day) = self.days.get_mut(&record.day) else {
            return;
        };
        let day = Arc::make_mut(day);
        day.whole = !record.more;
        for row in record.rows {
            let (camera, group, seconds, clock_ms, days, missing_fields, verdicts, causes) = row;
            let [
                expected_s,
                online_s,
                planned_s,
                recorded_s,
                outage_s,
                fault_s,
            ] = seconds;
            let [oldest_days, required_days] = days;
            let Some(group) = groups.get(group as usize).copied() else {
                continue;
            };
            let n = day.rows.len() as u32;
            day.causes
                .extend(causes.into_iter().map(|(code, seconds)| Cause {
                    row: n,
                    code,
                    seconds,
                }));
            day.rows.push(Row {
                camera: names.camera(camera),
                group,
                expected_s,
                online_s,
                planned_s,
                recorded_s,
                outage_s,
                fault_s,
                clock_ms: clock_ms.unwrap_or(i32::MIN),
                oldest_days,
                required_days,
                missing_fields,
                verdicts: verdicts
                    .iter()
                    .enumerate()
                    .fold(0, |bits, (n, v)| bits | (u8::from(*v) << (2 * n))),
            });
        }
        if day.whole {
            day.rows.shrink_to_fit();
            day.causes.shrink_to_fit();
        }
    }

    /// Whether a day has been judged, all of it.
    pub fn has(&self, day: Day) -> bool {
        self.days.get(&day).is_some_and(|d| d.whole)
    }

    /// A day.
    pub fn day(&self, day: Day) -> Option<&DayTable> {
        self.days.get(&day).map(AsRef::as_ref)
    }

    /// The first and the last day.
    pub fn range(&self) -> Option<(Day, Day)> {
        Some((*self.days.keys().next()?, *self.days.keys().next_back()?))
    }

    /// Forgets a day that is not whole, and all days before `first`.
    pub fn tidy(&mut self, first: Day) {
        self.days.retain(|day, table| *day >= first && table.whole);
    }

    /// A day in place of the one there may be: of today, which changes.
    pub fn put(&mut self, records: Vec<DayRecord>) {
        if let Some(first) = records.first() {
            self.days.remove(&first.day);
        }
        records.into_iter().for_each(|record| self.take(record));
    }

    /// A camera's figures, a day each, from one day to another (both counted).
    pub fn of_camera(&self, camera: &CameraId, from: Day, to: Day) -> Vec<(Day, Group, Figure)> {
        let Some(number) = self.number(camera).filter(|_| from <= to) else {
            return Vec::new();
        };
        let mut out = Vec::new();
        for (day, table) in self.days.range(from..=to) {
            if let Some(n) = table.rows.iter().position(|r| r.camera == number) {
                let group = self.group(table.rows[n].group).clone();
                out.push((*day, group, table.figure(n)));
            }
        }
        out
    }

    /// The figures of all cameras on a day.
    pub fn of_day(&self, day: Day) -> Vec<(CameraId, Group, Figure)> {
        let Some(table) = self.day(day) else {
            return Vec::new();
        };
        let rows = table.rows.iter().enumerate();
        rows.map(|(n, row)| {
            let group = self.group(row.group).clone();
            (self.camera(row.camera), group, table.figure(n))
        })
        .collect()
    }

    /// The first day on which something was to be recorded of each camera.
    pub fn first_planned(&self) -> HashMap<CameraId, Day> {
        let mut first = HashMap::new();
        for (day, table) in &self.days {
            for row in table.rows.iter().filter(|r| r.planned_s > 0) {
                first.entry(row.camera).or_insert(*day);
            }
        }
        let name = |n: u32| self.names.cameras.get(n as usize).copied();
        first
            .into_iter()
            .filter_map(|(n, day)| Some((name(n)?, day)))
            .collect()
    }

    pub(super) fn group(&self, n: u32) -> &Group {
        &self.names.groups[n as usize]
    }
    pub(super) fn groups(&self) -> &[Group] {
        &self.names.groups
    }
    pub(super) fn camera(&self, n: u32) -> CameraId {
        self.names.cameras[n as usize]
    }
    pub(super) fn cameras(&self) -> usize {
        self.names.cameras.len()
    }
    pub(super) fn number(&self, camera: &CameraId) -> Option<u32> {
        self.names.camera.get(camera).copied()
    }

    /// What the figures take in memory, bytes.
    pub fn bytes(&self) -> usize {
        let of_day = |d: &Arc<DayTable>| {
            d.rows.capacity() * size_of::<Row>() + d.causes.capacity() * size_of::<Cause>()
        };
        self.days.values().map(of_day).sum()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::supervision::figure::FORMULA;

    pub(in crate::supervision) const JUDGING: Judging = Judging {
        formula: FORMULA,
        clock_ms: 5000,
        fault_s: 300,
        known_for_s: 10_800,
    };

    pub(in crate::supervision) fn camera(n: usize) -> CameraId {
        format!("44140300001326{n:06}").parse().unwrap()
    }

    pub(in crate::supervision) fn fact(
        n: usize,
        group: u32,
        expected_s: u32,
        online_s: u32,
    ) -> Fact {
        Fact {
            camera: camera(n),
            group,
            figure: Figure {
                expected_s,
                online_s,
                causes: vec![(ReasonCode::Cut, expected_s - online_s)],
                clock_ms: Some(-20),
                clock: Verdict::Met,
                file: Verdict::Missed,
                missing_fields: 2,
                ..Figure::default()
            },
        }
    }

    pub(in crate::supervision) fn group(region: &str, maker: &str) -> Group {
        Group {
            region: region.parse().unwrap(),
            maker: maker.into(),
            department: String::new(),
        }
    }

    #[test]
    fn a_day_is_there_once_all_its_parts_are_and_a_revision_takes_its_place() {
        let day: Day = "2026-11-29".parse().unwrap();
        let groups = [group("441403102", "m")];
        let facts: Vec<Fact> = (0..4500).map(|n| fact(n, 0, 86_400, 86_000)).collect();
        let records = DayRecord::of(day, JUDGING, 0, None, &groups, &facts);
        assert_eq!(records.len(), 3);
        let mut table = Table::default();
        for (n, record) in records.into_iter().enumerate() {
            let text = serde_json::to_string(&record).unwrap();
            assert!(text.len() < 512 * 1024);
            table.take(serde_json::from_str(&text).unwrap());
            assert_eq!(table.has(day), n == 2);
        }
        assert_eq!(
            table.of_camera(&camera(4499), day, day)[0].2,
            facts[4499].figure
        );
        // What was written once is not changed by the same again.
        let other: Vec<Fact> = (0..4500).map(|n| fact(n, 0, 86_400, 1)).collect();
        for record in DayRecord::of(day, JUDGING, 0, None, &groups, &other) {
            table.take(record);
        }
        assert_eq!(table.of_camera(&camera(0), day, day)[0].2.online_s, 86_000);
        for record in DayRecord::of(day, JUDGING, 1, Some("outage 7"), &groups, &other) {
            table.take(record);
        }
        assert_eq!(table.of_camera(&camera(0), day, day)[0].2.online_s, 1);
        assert_eq!(table.day(day).unwrap().why.as_deref(), Some("outage 7"));
        assert_eq!(table.day(day).unwrap().rows.len(), 4500);
    }
}

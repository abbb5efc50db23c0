//! A register from a spreadsheet, and back.
//!
//! ```text
//! file --table--> rows of text --check--> Report { cameras, faults }     nothing has changed yet
//!                                            |
//!                     register::Change::Import(cameras): all of them, or none
//! ```
//! A fault names row and column. An error keeps the whole file out; a warning is for people to look at.

pub mod column;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use media::{CameraId, Place};
use serde::Serialize;

pub use column::{COLUMNS, Column, Draft};
pub use table::{Error, Table, read};

use crate::{
    camera::Camera,
    coordinates::{from_gcj02, to_wgs84},
    outline::Outline,
    register::Register,
};

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is not taken.
    Error,
    /// It may be taken; somebody should look.
    Warning,
}

/// Something wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The row in the file, counted from 1.
    pub row: u32,
    /// The heading of the column, as it stands there, or as it should.
    pub column: String,
    /// How bad.
    pub severity: Severity,
    /// For programs: `bad-code`, `duplicate`, `wrong-type`, `missing`, `bad-value`, `unknown-region`, `swapped`, `gcj-02`,
    /// `outside`, `unknown-column`, `missing-column`, `too-many`.
    pub kind: &'static str,
    /// For people.
    pub text: String,
}

/// A camera as a row gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Its row.
    pub row: u32,
    /// The file as it would be, but for URLs and password.
    pub camera: Camera,
    /// What is still to be put in by who can seal passwords.
    pub draft: Draft,
}

/// What a file would change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Rows that were read.
    pub rows: usize,
    /// The cameras, those that are as they were left out; complete only where there is no error.
    pub cameras: Vec<Read>,
    /// How many of them are new.
    pub added: usize,
    /// How many rows are as the register has them.
    pub same: usize,
    /// What is wrong, by row; at most [`MAX_FAULTS`].
    pub faults: Vec<Fault>,
}

/// Most faults that are told.
pub const MAX_FAULTS: usize = 2000;

impl Report {
    /// Whether it may be taken.
    pub fn is_good(&self) -> bool {
        self.faults.iter().all(|f| f.severity != Severity::Error)
    }

    /// Keeps the file out for a reason of who takes it; `column` by its name in the API.
    pub fn refuse(&mut self, row: u32, column: &str, kind: &'static str, text: String) {
        let heading = COLUMNS.iter().find(|c| c.name == column);
        let heading = heading.map_or(column, |c| c.zh);
        self.fault(row, heading, kind, text);
    }

    fn fault(&mut self, row: u32, column: &str, kind: &'static str, text: impl Into<String>) {
        self.add(row, column, Severity::Error, kind, text.into());
    }

    fn warn(&mut self, row: u32, column: &str, kind: &'static str, text: impl Into<String>) {
        self.add(row, column, Severity::Warning, kind, text.into());
    }

    fn add(
        &mut self,
        row: u32,
        column: &str,
        severity: Severity,
        kind: &'static str,
        text: String,
    ) {
        match self.faults.len() {
            n if n < MAX_FAULTS => self.faults.push(Fault {
                row,
                column: column.to_owned(),
                severity,
                kind,
                text,
            }),
            MAX_FAULTS => self.faults.push(Fault {
                row,
                column: String::new(),
                severity: Severity::Error,
                kind: "too-many",
                text: format!("more than {MAX_FAULTS} faults: the rest is not told"),
            }),
            _ => {}
        }
    }
}

/// Types of GB/T 28181 (digits 11 to 13 of a code) that are cameras.
const CAMERA_TYPES: [&str; 2] = ["131", "132"];

/// What a table would change in a register. Changes nothing.
pub fn check(table: &Table, register: &Register, outline: Option<&Outline>) -> Report {
    let mut report = Report {
        rows: table.rows.len(),
        ..Report::default()
    };
    let Some(columns) = columns(table, &mut report) else {
        return report;
    };
    let mut seen: BTreeMap<CameraId, u32> = BTreeMap::new();
    for (row, cells) in &table.rows {
        if report.faults.len() > MAX_FAULTS {
            break;
        }
        let row = Row {
            number: *row,
            cells,
            columns: &columns,
            table,
        };
        row.read(register, outline, &mut seen, &mut report);
    }
    report
}

type Columns = Vec<(usize, &'static Column)>;

/// Which of the file's columns is which; none where a mandatory one is missing.
fn columns(table: &Table, report: &mut Report) -> Option<Columns> {
    let mut columns = Columns::new();
    let mut known = BTreeSet::new();
    for (i, heading) in table.headings.iter().enumerate() {
        let row = table.heading_row;
        match column::of_heading(heading) {
            _ if heading.is_empty() => {}
            None => report.warn(row, heading, "unknown-column", "not known, and not read"),
            Some(c) if !known.insert(c.name) => {
                report.fault(row, heading, "duplicate", "this column is there twice");
            }
            Some(c) => columns.push((i, c)),
        }
    }
    let before = report.faults.len();
    for c in COLUMNS {
        // A camera that is on file already needs no more than its code; what a new one lacks is said row by row.
        if c.name == column::CODE && !known.contains(c.name) {
            let text = format!("missing: the file needs a column '{}' ({})", c.zh, c.en);
            report.fault(table.heading_row, c.zh, "missing-column", text);
        }
    }
    (report.faults.len() == before).then_some(columns)
}

struct Row<'a> {
    number: u32,
    cells: &'a [String],
    columns: &'a Columns,
    table: &'a Table,
}

impl Row<'_> {
    fn heading(&self, name: &str) -> String {
        let there = self.columns.iter().find(|(_, c)| c.name == name);
        match there {
            Some((i, _)) => self.table.headings[*i].clone(),
            None => COLUMNS
                .iter()
                .find(|c| c.name == name)
                .map_or_else(|| name.to_owned(), |c| c.zh.to_owned()),
        }
    }

    fn code(&self, seen: &mut BTreeMap<CameraId, u32>, report: &mut Report) -> Option<CameraId> {
        let (i, _) = self.columns.iter().find(|(_, c)| c.name == column::CODE)?;
        let heading = self.heading(column::CODE);
        let text = self.cells[*i].as_str();
        if text.is_empty() {
            report.fault(self.number, &heading, "missing", "every camera has a code");
            return None;
        }
        if text.contains("E+") || text.contains("e+") {
            let why = format!(
                "'{text}': the spreadsheet made a number of it and lost digits; format the column as text"
            );
            report.fault(self.number, &heading, "bad-code", why);
            return None;
        }
        let code: CameraId = match text.parse() {
            Ok(code) => code,
            Err(error) => {
                report.fault(self.number, &heading, "bad-code", error.to_string());
                return None;
            }
        };
        let kind = &text[10..13];
        if !CAMERA_TYPES.contains(&kind) {
            let why = format!("digits 11 to 13 are {kind}, expected 131 or 132 (camera)");
            report.fault(self.number, &heading, "wrong-type", why);
        }
        if let Some(first) = seen.insert(code, self.number) {
            let why = format!("{code} stands in row {first} already");
            report.fault(self.number, &heading, "duplicate", why);
            return None;
        }
        Some(code)
    }

    fn read(
        &self,
        register: &Register,
        outline: Option<&Outline>,
        seen: &mut BTreeMap<CameraId, u32>,
        report: &mut Report,
    ) {
        let Some(code) = self.code(seen, report) else {
            return;
        };
        let before = register.camera(&code);
        let mut camera = match before {
            Some(camera) => Camera::clone(camera),
            None => {
                // The region is set below, or missed there.
                let nowhere = "00".parse().expect("two digits are a province");
                Camera::new(code, String::new(), nowhere)
            }
        };
        let mut draft = Draft::default();
        let errors = |report: &Report| {
            let is_error = |f: &&Fault| f.severity == Severity::Error;
            report
                .faults
                .iter()
                .rev()
                .take_while(|f| f.row == self.number)
                .filter(is_error)
                .count()
        };
        for (i, column) in self.columns {
            let (cell, heading) = (self.cells[*i].as_str(), &self.table.headings[*i]);
            if cell.is_empty() {
                (column.clear)(&mut camera);
            } else if let Err(text) = (column.set)(&mut camera, &mut draft, cell) {
                report.fault(self.number, heading, "bad-value", text);
            }
        }
        self.mandatory(&camera, &draft, before.is_none(), report);
        self.region(&camera, register, report);
        self.place(&mut camera, &draft, outline, report);
        if errors(report) == 0
            && let Some((field, text)) = camera.file_fault()
        {
            let name = field.rsplit('.').next().unwrap_or(&field);
            report.fault(self.number, &self.heading(name), "bad-value", text);
        }
        if before.is_some_and(|b| **b == camera)
            && draft.password.is_none()
            && unchanged(&draft, &camera)
        {
            report.same += 1;
            return;
        }
        report.added += usize::from(before.is_none());
        report.cameras.push(Read {
            row: self.number,
            camera,
            draft,
        });
    }

    fn mandatory(&self, camera: &Camera, draft: &Draft, new: bool, report: &mut Report) {
        for column in COLUMNS.iter().filter(|c| c.mandatory) {
            let there = self.columns.iter().find(|(_, c)| c.name == column.name);
            let empty = match (column.name, there) {
                (column::CODE, _) => false,
                (_, Some((i, _))) => self.cells[*i].is_empty(),
                // Left out of the file: of a camera on file, what is there stays.
                ("lon" | "lat", None) => camera.place.is_none() && draft.lon.is_none(),
                (_, None) => new || (column.get)(camera).is_empty(),
            };
            if empty {
                let heading = self.heading(column.name);
                let text = format!("{} ({}) is mandatory", column.zh, column.en);
                // What a stream needs must be there; the rest of the file may come later, and counts against its completeness.
                match column.name {
                    "name" | "region" => report.fault(self.number, &heading, "missing", text),
                    _ => report.warn(self.number, &heading, "missing", text),
                }
            }
        }
        let has_url = camera.main_url.is_some() || camera.sub_url.is_some();
        if !has_url && draft.urls.is_empty() {
            let text = "a camera needs the URL of its main or its sub stream";
            report.fault(self.number, &self.heading("main_url"), "missing", text);
        }
    }

    fn region(&self, camera: &Camera, register: &Register, report: &mut Report) {
        let heading = self.heading(column::REGION);
        let given = self.columns.iter().find(|(_, c)| c.name == column::REGION);
        let given = given.is_some_and(|(i, _)| !self.cells[*i].is_empty());
        if given && register.region(&camera.region).is_none() {
            let text = format!("region {} is not in the register", camera.region);
            report.fault(self.number, &heading, "unknown-region", text);
        }
    }

    fn place(
        &self,
        camera: &mut Camera,
        draft: &Draft,
        outline: Option<&Outline>,
        report: &mut Report,
    ) {
        let (lon, lat) = match (draft.lon, draft.lat) {
            (Some(lon), Some(lat)) => (lon, lat),
            (None, None) => {
                if self.columns.iter().any(|(_, c)| c.name == "lon") {
                    camera.place = None;
                }
                return;
            }
            _ => {
                let text = "longitude and latitude go together";
                return report.fault(self.number, &self.heading("lat"), "missing", text);
            }
        };
        let heading = self.heading("lon");
        let given = Place { lon, lat };
        let swapped = Place { lon: lat, lat: lon };
        let inside = |p: &Place| outline.is_none_or(|o| o.contains(p));
        let looks_swapped = swapped.is_valid()
            && (!given.is_valid() || (outline.is_some() && !inside(&given) && inside(&swapped)));
        if looks_swapped {
            let text = format!("{lon}, {lat}: longitude and latitude look swapped");
            return report.fault(self.number, &heading, "swapped", text);
        }
        if !given.is_valid() {
            let text = format!("{lon}, {lat}: longitude is -180 to 180, latitude -90 to 90");
            return report.fault(self.number, &heading, "bad-value", text);
        }
        let place = to_wgs84(given, camera.asset.reference);
        if !inside(&place) {
            let shifted = from_gcj02(place);
            match inside(&shifted) && camera.asset.reference != crate::asset::Reference::Gcj02 {
                true => report.warn(
                    self.number,
                    &heading,
                    "gcj-02",
                    format!("{lon}, {lat} lies outside the district, but inside if it is GCJ-02: say so in the column '坐标系'"),
                ),
                false => report.warn(
                    self.number,
                    &heading,
                    "outside",
                    format!("{lon}, {lat} lies outside the district"),
                ),
            }
        }
        // What was written out to the centimetre and comes back is the same place.
        match camera.place {
            Some(old) if old.distance_m(&place) < 0.02 => {}
            _ => camera.place = Some(place),
        }
    }
}

/// Whether the URLs of a row are those that the camera has.
fn unchanged(draft: &Draft, camera: &Camera) -> bool {
    draft.urls.iter().all(|(field, text)| {
        let has = match *field {
            "sub_url" => &camera.sub_url,
            _ => &camera.main_url,
        };
        has.as_ref() == Some(text)
    })
}

/// The language of the headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headings {
    /// 摄像机编码, ...
    Chinese,
    /// Code, ...
    English,
}

/// Cameras as CSV in UTF-8 with a byte order mark, which spreadsheets need to see that it is UTF-8. Reads back by [`check`]
/// without a change. A cell that would begin a formula is written with an apostrophe before it, as text.
pub fn export<'a>(cameras: impl Iterator<Item = &'a Camera>, headings: Headings) -> Vec<u8> {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![0xef, 0xbb, 0xbf]);
    let heading = |c: &Column| match headings {
        Headings::Chinese => c.zh,
        Headings::English => c.en,
    };
    // Writing into memory does not fail.
    let _ = out.write_record(COLUMNS.iter().map(heading));
    for camera in cameras {
        let cells = COLUMNS.iter().map(|c| tame((c.get)(camera)));
        let _ = out.write_record(cells);
    }
    out.into_inner().unwrap_or_default()
}

/// What decree 799, article 14, wants on file: a line for each unit and place, with the number of its cameras, their kinds, and
/// for how long their recordings are kept (the shortest). CSV as [`export`] writes it.
pub fn filing<'a>(cameras: impl Iterator<Item = &'a Camera>, headings: Headings) -> Vec<u8> {
    let mut sites: BTreeMap<(String, &str, &str), Vec<&Camera>> = BTreeMap::new();
    for camera in cameras {
        let key = (
            camera.region.to_string(),
            camera.asset.manager.as_str(),
            camera.address.as_str(),
        );
        sites.entry(key).or_default().push(camera);
    }
    let names = match headings {
        Headings::Chinese => [
            "行政区划",
            "使用单位",
            "联系方式",
            "位置",
            "经度",
            "纬度",
            "数量",
            "类型",
            "录像保存天数",
            "所属辖区公安机关",
        ],
        Headings::English => [
            "Region",
            "Unit",
            "Contact",
            "Position",
            "Longitude",
            "Latitude",
            "Cameras",
            "Kinds",
            "Days kept",
            "Police unit",
        ],
    };
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![0xef, 0xbb, 0xbf]);
    let _ = out.write_record(names);
    for ((region, unit, address), cameras) in sites {
        let first = |get: fn(&Camera) -> &str| {
            let mut all = cameras.iter().map(|c| get(c));
            all.find(|t| !t.is_empty()).unwrap_or_default().to_owned()
        };
        let place = cameras.iter().find_map(|c| c.place);
        let degrees = |v: Option<f64>| v.map(|v| format!("{v:.7}")).unwrap_or_default();
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for camera in &cameras {
            *kinds.entry(camera.form.as_str()).or_default() += 1;
        }
        let kinds: Vec<String> = kinds
            .into_iter()
            .map(|(kind, n)| format!("{} {n}", if kind.is_empty() { "?" } else { kind }))
            .collect();
        let days = cameras
            .iter()
            .map(|c| c.keep_days)
            .min()
            .unwrap_or_default();
        let row = [
            region,
            unit.to_owned(),
            first(|c| &c.asset.contact),
            address.to_owned(),
            degrees(place.map(|p| p.lon)),
            degrees(place.map(|p| p.lat)),
            cameras.len().to_string(),
            kinds.join("/"),
            days.to_string(),
            first(|c| &c.asset.police_unit),
        ];
        let _ = out.write_record(row.map(tame));
    }
    out.into_inner().unwrap_or_default()
}

fn tame(text: String) -> String {
    match text.as_bytes().first() {
        Some(b'=' | b'+' | b'@' | b'\t' | b'\r') => format!("'{text}"),
        _ => text,
    }
}

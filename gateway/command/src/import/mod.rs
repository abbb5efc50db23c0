//! A register from a spreadsheet, and back.
//!
//! ```text
//! file --table--> rows of text --check--> Report { cameras, faults }     nothing has changed yet
//!                                            |
//!                     register::Change::Import(cameras): all of them, or none
//! ```
//! A fault names row and column. An error keeps the whole file out; a warning is for people to look at.

pub mod column;
mod export;
mod formulas;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use media::{CameraId, Place, RegionCode};
use serde::Serialize;

pub use column::{COLUMNS, Column, Draft};
pub use export::{Headings, export, filing};
pub use table::{Error, Table, read};

use crate::{
    asset::Reference,
    camera::Camera,
    coordinates::{from_gcj02, to_gcj02, to_wgs84},
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
    /// `outside`, `unknown-column`, `missing-column`, `formula`, `foreign-code`, `same-address`, `too-many`.
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

/// How a column of the file was understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// Which column of the file, from 0.
    pub index: usize,
    /// Its heading.
    pub heading: String,
    /// What it goes into, by its name in the API; none: it is not read.
    pub field: Option<&'static str>,
    /// Some of its cells.
    pub samples: Vec<String>,
}

/// Columns as somebody says they are to be understood: by their place in the file, the field each goes into, or none.
pub type Mapping = BTreeMap<usize, Option<&'static Column>>;

/// Reads `3:name,5:-`: the fourth column is the name, the sixth is not read.
///
/// # Errors
/// In words, what is no column of the file or no field.
pub fn mapping(text: &str) -> Result<Mapping, String> {
    let mut mapping = Mapping::new();
    for pair in text.split(',').filter(|p| !p.is_empty()) {
        let (index, field) = pair
            .split_once(':')
            .ok_or_else(|| format!("'{pair}', expected INDEX:FIELD"))?;
        let index: usize = index
            .parse()
            .map_err(|_| format!("'{index}', expected the number of a column, from 0"))?;
        let column = match field {
            "-" => None,
            field => Some(
                COLUMNS
                    .iter()
                    .find(|c| c.name == field)
                    .ok_or_else(|| format!("'{field}' is no field of a camera"))?,
            ),
        };
        mapping.insert(index, column);
    }
    Ok(mapping)
}

/// What a file would change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// How its columns were understood.
    pub columns: Vec<Mapped>,
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
    check_mapped(table, register, outline, &Mapping::new())
}

/// The same, with some columns understood as somebody says.
pub fn check_mapped(
    table: &Table,
    register: &Register,
    outline: Option<&Outline>,
    mapping: &Mapping,
) -> Report {
    let mut report = Report {
        rows: table.rows.len(),
        ..Report::default()
    };
    let Some(columns) = columns(table, mapping, &mut report) else {
        return report;
    };
    let mut seen = Seen::default();
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
fn columns(table: &Table, mapping: &Mapping, report: &mut Report) -> Option<Columns> {
    let mut columns = Columns::new();
    let mut known = BTreeSet::new();
    for (i, heading) in table.headings.iter().enumerate() {
        let row = table.heading_row;
        let said = mapping.get(&i);
        let meant = said.copied().unwrap_or_else(|| column::of_heading(heading));
        let filled = table.rows.iter().map(|(_, cells)| &cells[i]);
        let samples: Vec<String> = filled
            .filter(|c| !c.is_empty())
            .take(3)
            .map(|c| c.chars().take(40).collect())
            .collect();
        if !heading.is_empty() || !samples.is_empty() {
            report.columns.push(Mapped {
                index: i,
                heading: heading.clone(),
                field: meant.map(|c| c.name),
                samples,
            });
        }
        match meant {
            None if said.is_some() || heading.is_empty() => {}
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

/// What earlier rows had.
#[derive(Default)]
struct Seen {
    codes: BTreeMap<CameraId, u32>,
    urls: BTreeMap<String, u32>,
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

    fn code(&self, register: &Register, seen: &mut Seen, report: &mut Report) -> Option<CameraId> {
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
        if let Some(first) = seen.codes.insert(code, self.number) {
            let why = format!("{code} stands in row {first} already");
            report.fault(self.number, &heading, "duplicate", why);
            return None;
        }
        // A code is given out by a centre of the district; one of elsewhere is most often a slip.
        let centre: Option<RegionCode> = text[..6].parse().ok();
        let top = register.regions().next().map(|r| r.code);
        if let Some((centre, top)) = centre.zip(top)
            && !centre.is_within(&top)
            && !top.is_within(&centre)
        {
            let why = format!("digits 1 to 6 are {centre}, the district is {top}");
            report.warn(self.number, &heading, "foreign-code", why);
        }
        Some(code)
    }

    /// Cells that are formulas: what they come to is the spreadsheet's word, and what they do is anybody's guess.
    fn formulas(&self, report: &mut Report) {
        for (i, _) in self.columns {
            if self.table.formulas.contains(&(self.number, *i)) {
                let text = "a formula: paste the column as values, then it is read";
                report.fault(self.number, &self.table.headings[*i], "formula", text);
            }
        }
    }

    fn read(
        &self,
        register: &Register,
        outline: Option<&Outline>,
        seen: &mut Seen,
        report: &mut Report,
    ) {
        self.formulas(report);
        let Some(code) = self.code(register, seen, report) else {
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
        self.addresses(&draft, seen, report);
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

    fn addresses(&self, draft: &Draft, seen: &mut Seen, report: &mut Report) {
        for (field, url) in &draft.urls {
            let first = *seen.urls.entry(url.clone()).or_insert(self.number);
            if first != self.number {
                let text = format!("row {first} has the same address");
                report.warn(self.number, &self.heading(field), "same-address", text);
            }
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
        } else if let Some(text) = looks_shifted(camera.place, place, given, camera.asset.reference)
        {
            report.warn(self.number, &heading, "gcj-02", text);
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

/// Whether a place differs from the one on file by just what GCJ-02 shifts: then one of the two is not what it says.
fn looks_shifted(
    old: Option<Place>,
    new: Place,
    given: Place,
    reference: Reference,
) -> Option<String> {
    /// Two surveys of one pole differ by less, and the shift is some hundreds of metres.
    const NEAR_M: f64 = 15.0;
    let old = old?;
    let moved = old.distance_m(&new);
    if moved < 100.0 {
        return None;
    }
    let Place { lon, lat } = given;
    if to_gcj02(old).distance_m(&new) < NEAR_M && reference != Reference::Gcj02 {
        return Some(format!(
            "{lon}, {lat} lies {moved:.0} m from the place on file, just where GCJ-02 would have it: say so in the column '坐标系'"
        ));
    }
    if from_gcj02(old).distance_m(&new) < NEAR_M && reference == Reference::Gcj02 {
        return Some(format!(
            "{lon}, {lat} is said to be GCJ-02, but it is the place on file as it stands: is it WGS-84?"
        ));
    }
    None
}

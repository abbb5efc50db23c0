//! A register from a spreadsheet, and back.
//!
//! ```text
//! file --table--> rows of text --check--> Report { cameras, faults }     nothing has changed yet
//!                                            |
//!                     register::Change::Import(cameras): all of them, or none
//! ```
//! A fault names row and column. An error keeps the whole file out; a warning is for people to look at.

mod cell;
pub mod column;
mod columns;
mod detail;
mod export;
mod formulas;
mod row;
pub mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use column::{Column, Draft};
pub use columns::COLUMNS;
pub use detail::{Detail, Expected};
pub use export::{Headings, export, filing};
use row::{Row, Seen};
pub use table::{Error, Table, read};

use crate::{boundary::Boundaries, camera::Camera, outline::Outline, register::Register};

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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fault {
    /// The row in the file, counted from 1.
    pub row: u32,
    /// The heading of the column, as it stands there, or as it should.
    pub column: String,
    /// How bad.
    pub severity: Severity,
    /// For programs: `bad-code`, `duplicate`, `wrong-type`, `missing`, `bad-value`, `unknown-region`, `swapped`, `gcj-02`,
    /// `outside`, `unknown-column`, `missing-column`, `formula`, `foreign-code`, `same-address`, `forbidden`, `too-many`.
    pub kind: &'static str,
    /// What exactly: a code with its values.
    pub detail: Detail,
    /// The same in English.
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
    pub fn refuse(&mut self, row: u32, column: &str, kind: &'static str, detail: Detail) {
        let heading = COLUMNS.iter().find(|c| c.name == column);
        let heading = heading.map_or(column, |c| c.zh);
        self.fault(row, heading, kind, detail);
    }

    fn fault(&mut self, row: u32, column: &str, kind: &'static str, detail: Detail) {
        self.add(row, column, Severity::Error, kind, detail);
    }

    fn warn(&mut self, row: u32, column: &str, kind: &'static str, detail: Detail) {
        self.add(row, column, Severity::Warning, kind, detail);
    }

    fn add(
        &mut self,
        row: u32,
        column: &str,
        severity: Severity,
        kind: &'static str,
        detail: Detail,
    ) {
        let (column, severity, kind, detail) = match self.faults.len() {
            n if n < MAX_FAULTS => (column.to_owned(), severity, kind, detail),
            MAX_FAULTS => {
                let most = MAX_FAULTS;
                let detail = Detail::TooMany { most };
                (String::new(), Severity::Error, "too-many", detail)
            }
            _ => return,
        };
        self.faults.push(Fault {
            row,
            column,
            severity,
            kind,
            text: detail.to_string(),
            detail,
        });
    }
}

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
    check_within(table, register, outline, &Boundaries::default(), mapping)
}

/// The same, with the outlines of towns and villages as far as they are known: a place outside its own is told of.
pub fn check_within(
    table: &Table,
    register: &Register,
    outline: Option<&Outline>,
    boundaries: &Boundaries,
    mapping: &Mapping,
) -> Report {
    let within = row::Within {
        district: outline,
        regions: boundaries,
    };
    let mut report = Report {
        rows: table.rows.len(),
        ..Report::default()
    };
    let Some(columns) = columns(table, mapping, &mut report) else {
        return report;
    };
    let mut seen = Seen::default();
    let mandatory = row::mandatory(&columns);
    for (row, cells) in &table.rows {
        if report.faults.len() > MAX_FAULTS {
            break;
        }
        let row = Row {
            number: *row,
            cells,
            columns: &columns,
            mandatory: &mandatory,
            table,
        };
        row.read(register, within, &mut seen, &mut report);
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
            None => report.warn(row, heading, "unknown-column", Detail::NotRead),
            Some(c) if !known.insert(c.name) => {
                report.fault(row, heading, "duplicate", Detail::ColumnTwice);
            }
            Some(c) => columns.push((i, c)),
        }
    }
    let before = report.faults.len();
    for c in COLUMNS {
        // A camera that is on file already needs no more than its code; what a new one lacks is said row by row.
        if c.name == column::CODE && !known.contains(c.name) {
            let (zh, en) = (c.zh, c.en);
            let detail = Detail::ColumnNeeded { zh, en };
            report.fault(table.heading_row, zh, "missing-column", detail);
        }
    }
    (report.faults.len() == before).then_some(columns)
}

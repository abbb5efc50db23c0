//! A spreadsheet as rows of text, within bounds: CSV in UTF-8 or GB18030, or the first sheet of an XLSX.

use std::{
    collections::BTreeSet,
    io::{Cursor, Read},
};

use super::formulas;
use calamine::{DataRef, Reader, Xlsx};

/// Most bytes of a file.
pub const MAX_FILE: usize = 16 * 1024 * 1024;
/// Most rows below the headings.
pub const MAX_ROWS: usize = 20_000;
/// Most columns.
pub const MAX_COLUMNS: usize = 200;
/// Most characters of a cell.
pub const MAX_CELL: usize = 4000;
/// What an XLSX may unpack to, in bytes, all its parts together.
const MAX_UNPACKED: u64 = 128 * 1024 * 1024;
/// Most parts of an XLSX.
const MAX_PARTS: usize = 500;

/// Rows of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What stands above the columns.
    pub headings: Vec<String>,
    /// Their row in the file, counted from 1.
    pub heading_row: u32,
    /// The rows below that hold anything: their row in the file, and their cells, as many as there are headings.
    pub rows: Vec<(u32, Vec<String>)>,
    /// Cells that hold a formula: row in the file, and column from 0.
    pub formulas: BTreeSet<(u32, usize)>,
}

/// Whether a text is what a spreadsheet would calculate or run.
pub(super) fn is_formula(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'=') => text.len() > 1,
        // A telephone number begins with '+', a dash means nothing: only what calls or starts something counts.
        Some(b'+' | b'-' | b'@') => text.contains(['(', '|', '!']),
        _ => false,
    }
}

/// Why a file is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is too large in some way.
    #[error("{0}")]
    TooLarge(String),
    /// It is no spreadsheet that is understood.
    #[error("neither CSV (UTF-8 or GB18030) nor XLSX: {0}")]
    Format(String),
    /// There is nothing in it.
    #[error("the file holds no row")]
    Empty,
}

/// Reads a file, whichever of the two it is.
///
/// # Errors
/// [`Error`]: bounded in time and memory whatever the file holds.
pub fn read(file: &[u8]) -> Result<Table, Error> {
    if file.len() > MAX_FILE {
        let text = format!("{} bytes, at most {MAX_FILE} are read", file.len());
        return Err(Error::TooLarge(text));
    }
    match file.starts_with(b"PK") {
        true => {
            let (cells, formulas) = xlsx(file)?;
            table(cells, formulas)
        }
        false => table(csv(file)?, BTreeSet::new()),
    }
}

/// Rows with their numbers; empty ones may be left out.
type Cells = Vec<(u32, Vec<String>)>;

fn table(mut cells: Cells, mut formulas: BTreeSet<(u32, usize)>) -> Result<Table, Error> {
    for (number, row) in &mut cells {
        for (i, cell) in row.iter_mut().enumerate() {
            let mut trimmed = cell.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
            // An apostrophe before what would be a formula says that it is text.
            match trimmed.strip_prefix('\'') {
                Some(text) if text.starts_with(['=', '+', '@', '-']) => trimmed = text,
                _ if is_formula(trimmed) => {
                    formulas.insert((*number, i));
                }
                _ => {}
            }
            if trimmed.len() != cell.len() {
                *cell = trimmed.to_owned();
            }
        }
    }
    cells.retain(|(_, row)| row.iter().any(|c| !c.is_empty()));
    // Spreadsheets often begin with a title: the headings are the first row with more than one cell filled.
    let filled = |row: &[String]| row.iter().filter(|c| !c.is_empty()).count();
    let at = cells
        .iter()
        .position(|(_, row)| filled(row) > 1)
        .ok_or(Error::Empty)?;
    let mut rows = cells.split_off(at).into_iter();
    let (heading_row, headings) = rows.next().ok_or(Error::Empty)?;
    let width = headings.len();
    let rows = rows
        .map(|(number, mut row)| {
            row.resize(width, String::new());
            (number, row)
        })
        .collect();
    Ok(Table {
        headings,
        heading_row,
        rows,
        formulas,
    })
}

fn check_size(rows: usize, columns: usize, cell: &str, row: u32) -> Result<(), Error> {
    if rows > MAX_ROWS + 20 {
        return Err(Error::TooLarge(format!("more than {MAX_ROWS} rows")));
    }
    if columns > MAX_COLUMNS {
        let text = format!("row {row}: more than {MAX_COLUMNS} columns");
        return Err(Error::TooLarge(text));
    }
    if cell.len() > MAX_CELL * 4 {
        let text = format!("row {row}: a cell of more than {MAX_CELL} characters");
        return Err(Error::TooLarge(text));
    }
    Ok(())
}

fn csv(file: &[u8]) -> Result<Cells, Error> {
    // GB18030 can spell every text, so what is no UTF-8 is taken for it; a zero byte is in neither.
    let text = match std::str::from_utf8(file) {
        Ok(text) => std::borrow::Cow::Borrowed(text),
        Err(_) => encoding_rs::GB18030
            .decode_without_bom_handling_and_without_replacement(file)
            .ok_or_else(|| Error::Format("bytes that are no text".into()))?,
    };
    if text.contains('\0') {
        return Err(Error::Format("it holds zero bytes".into()));
    }
    // One kind of line end, so that lines are counted as people count them.
    let text = text.replace("\r\n", "\n");
    // Some write semicolons or tabs for commas: what the first line holds most of.
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|d| first.bytes().filter(|b| b == d).count())
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut cells = Cells::new();
    let mut record = csv::StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|e| Error::Format(e.to_string()))?
    {
        let row = record.position().map_or(0, |p| p.line() as u32);
        check_size(cells.len(), record.len(), "", row)?;
        for cell in &record {
            check_size(0, 0, cell, row)?;
        }
        cells.push((row, record.iter().map(str::to_owned).collect()));
    }
    Ok(cells)
}

/// Unpacks every part into nothing, to see that the whole stays within bounds: what an archive says of its own size may be a lie.
fn weigh(file: &[u8]) -> Result<(), Error> {
    let broken = |e: &dyn std::fmt::Display| Error::Format(e.to_string());
    let mut archive = zip::ZipArchive::new(Cursor::new(file)).map_err(|e| broken(&e))?;
    if archive.len() > MAX_PARTS {
        let text = format!("{} parts, at most {MAX_PARTS} are read", archive.len());
        return Err(Error::TooLarge(text));
    }
    let mut left = MAX_UNPACKED;
    for i in 0..archive.len() {
        let part = archive.by_index(i).map_err(|e| broken(&e))?;
        let read = std::io::copy(&mut part.take(left + 1), &mut std::io::sink())
            .map_err(|e| broken(&e))?;
        left = left.checked_sub(read).ok_or_else(|| {
            Error::TooLarge(format!(
                "the workbook unpacks to more than {MAX_UNPACKED} bytes"
            ))
        })?;
    }
    Ok(())
}

fn xlsx(file: &[u8]) -> Result<(Cells, BTreeSet<(u32, usize)>), Error> {
    weigh(file)?;
    let formulas = formulas::of(file);
    let broken = |e: calamine::XlsxError| Error::Format(e.to_string());
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(file)).map_err(broken)?;
    let name = book.sheet_names().first().cloned().ok_or(Error::Empty)?;
    // Cell by cell: a sheet with one cell at its far corner would be asked for as a table of 17 billion.
    let mut reader = book.worksheet_cells_reader(&name).map_err(broken)?;
    let mut cells = Cells::new();
    while let Some(cell) = reader.next_cell().map_err(broken)? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value());
        if text.is_empty() {
            continue;
        }
        let number = row.saturating_add(1);
        check_size(cells.len(), column as usize + 1, &text, number)?;
        match cells.last_mut() {
            Some((last, _)) if *last == number => {}
            Some((last, _)) if *last > number => {
                return Err(Error::Format(format!(
                    "row {number} stands after row {last}"
                )));
            }
            _ => cells.push((number, Vec::new())),
        }
        if let Some((_, line)) = cells.last_mut() {
            let width = line.len().max(column as usize + 1);
            line.resize(width, String::new());
            line[column as usize] = text;
        }
    }
    Ok((cells, formulas))
}

fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(n) => n.to_string(),
        // Whole numbers without a point; from 1e15 on a spreadsheet has lost digits, which its own spelling (1E+19) shows.
        DataRef::Float(n) if n.fract() == 0.0 && n.abs() < 1e15 => format!("{n:.0}"),
        DataRef::Float(n) if n.abs() >= 1e15 => format!("{n:E}"),
        DataRef::Float(n) => n.to_string(),
        DataRef::String(s) => s.clone(),
        DataRef::SharedString(s) => (*s).to_owned(),
        DataRef::Bool(b) => b.to_string(),
        DataRef::DateTime(t) => {
            let (year, month, day, ..) = t.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::DateTimeIso(s) => s.chars().take(10).collect(),
        DataRef::DurationIso(s) => s.clone(),
        // What a formula failed with is no value.
        DataRef::Error(_) | DataRef::Empty => String::new(),
        #[allow(unreachable_patterns)]
        _ => String::new(),
    }
}

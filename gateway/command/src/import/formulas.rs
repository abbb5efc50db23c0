//! Which cells of an XLSX hold formulas. Read from the sheet's own XML: a reader that works formulas out would have to expand
//! what a file claims to share over a million cells.

use std::{
    collections::BTreeSet,
    io::{BufReader, Cursor, Read},
};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use zip::ZipArchive;

/// Cells that are told; the rest of a sheet full of formulas adds nothing.
const MOST: usize = 2000;
/// What of a part is read, bytes: the whole was weighed before.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

type Book<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// The formulas of the first sheet: row from 1, column from 0. What cannot be read holds none here; the reader of values says what is wrong.
pub(super) fn of(file: &[u8]) -> BTreeSet<(u32, usize)> {
    let Ok(mut book) = ZipArchive::new(Cursor::new(file)) else {
        return BTreeSet::new();
    };
    let part = first_sheet(&mut book).unwrap_or_else(|| "xl/worksheets/sheet1.xml".into());
    let mut found = BTreeSet::new();
    let mut at = None;
    each(&mut book, &part, |element| {
        match element.local_name().as_ref() {
            "c" => at = attribute(element, "r").and_then(|r| position(&r)),
            "f" => found.extend(at),
            _ => {}
        }
        found.len() < MOST
    });
    found
}

/// The part that the workbook's first sheet is in.
fn first_sheet(book: &mut Book<'_>) -> Option<String> {
    let mut id = None;
    each(book, "xl/workbook.xml", |element| {
        if element.local_name().as_ref() == "sheet" {
            id = attribute(element, "id");
        }
        id.is_none()
    });
    let id = id?;
    let mut target = None;
    each(book, "xl/_rels/workbook.xml.rels", |element| {
        if element.local_name().as_ref() == "Relationship"
            && attribute(element, "Id").as_deref() == Some(&id)
        {
            target = attribute(element, "Target");
        }
        target.is_none()
    });
    let target = target?;
    Some(match target.strip_prefix('/') {
        Some(whole) => whole.to_owned(),
        None => format!("xl/{target}"),
    })
}

/// Calls `with` for every element of a part until it gives false, or the part ends or breaks.
fn each(book: &mut Book<'_>, part: &str, mut with: impl FnMut(&BytesStart<'_>) -> bool) {
    let Ok(part) = book.by_name(part) else {
        return;
    };
    let mut reader = Reader::from_reader(BufReader::new(part.take(MOST_BYTES)));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                if !with(&element) {
                    return;
                }
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut all = element.attributes();
    let found = all
        .with_checks(false)
        .flatten()
        .find(|a| a.key.local_name().as_ref() == name)?;
    Some(found.value.into_owned())
}

/// `AB12`: row 12, column 27.
fn position(text: &str) -> Option<(u32, usize)> {
    let digits = text.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = text.split_at(digits);
    if letters.is_empty() || letters.len() > 3 || !letters.bytes().all(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let column = letters
        .bytes()
        .fold(0usize, |n, b| n * 26 + usize::from(b - b'A') + 1);
    Some((row.parse().ok()?, column - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_rows_and_columns() {
        assert_eq!(position("A1"), Some((1, 0)));
        assert_eq!(position("AB12"), Some((12, 27)));
        assert_eq!(position("XFD1048576"), Some((1_048_576, 16_383)));
        for bad in ["", "A", "1", "a1", "ABCD1", "A99999999999"] {
            assert_eq!(position(bad), None, "{bad}");
        }
    }
}

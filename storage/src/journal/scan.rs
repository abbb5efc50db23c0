//! Reading a journal file from end to end, and telling a torn tail from damage.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use super::record::{self, Defect, MAX_LEN, PREFIX, Raw};
use crate::Error;

/// Bytes of the file's header.
pub(crate) const HEADER: u64 = 16;
const MAGIC: &[u8; 8] = b"SIGHTJNL";
const VERSION: u16 = 1;
/// How far behind a defect a whole record is looked for. A torn tail is one group write, some hundred kilobytes.
const SEARCH: u64 = 16 * 1024 * 1024;

/// Where reading may go on: just behind a record that is known to be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    /// Of the record that comes next; none where any is good (the first).
    pub(crate) next: Option<u64>,
    /// Hash of the record before.
    pub(crate) hash: [u8; 32],
}

impl Position {
    pub(crate) const START: Self = Self {
        offset: HEADER,
        next: None,
        hash: record::NO_HASH,
    };
}

/// Something wrong inside a journal that is not a torn tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Bytes from the start of the file.
    pub offset: u64,
    /// What is wrong there.
    pub what: String,
}

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// Behind the last good record.
    pub(crate) end: Position,
    pub(crate) records: u64,
    /// Bytes behind `end` that are no record.
    pub(crate) torn: u64,
    pub(crate) damage: Vec<Damage>,
}

impl Default for Scanned {
    /// Nothing was read yet.
    fn default() -> Self {
        Self {
            end: Position::START,
            records: 0,
            torn: 0,
            damage: Vec::new(),
        }
    }
}

impl Scanned {
    /// What was found in the next file.
    pub(crate) fn go_on(&mut self, next: Self) {
        self.end = next.end;
        self.torn = next.torn;
        self.records += next.records;
        self.damage.extend(next.damage);
    }
}

/// The sequence of the file's first record, where that is whole.
pub(crate) fn first_sequence(path: &Path, file: &mut File) -> Result<Option<u64>, Error> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(HEADER))
        .and_then(|_| {
            (&mut *file)
                .take((MAX_LEN + PREFIX) as u64)
                .read_to_end(&mut bytes)
        })
        .map_err(|e| Error::io_at("read", path, HEADER, e))?;
    Ok(record::decode(&bytes, false)
        .ok()
        .map(|(raw, _)| raw.sequence))
}

pub(crate) fn header(chained: bool) -> [u8; HEADER as usize] {
    let mut out = [0; HEADER as usize];
    out[..8].copy_from_slice(MAGIC);
    out[8..10].copy_from_slice(&VERSION.to_be_bytes());
    out[11] = u8::from(chained);
    out
}

/// Whether a file of this length with these first bytes is the beginning of a header that a crash cut short.
pub(crate) fn is_cut_header(bytes: &[u8], chained: bool) -> bool {
    bytes.len() < HEADER as usize && header(chained).starts_with(bytes)
}

/// Checks a header; gives whether the journal is chained.
pub(crate) fn read_header(path: &Path, file: &mut File) -> Result<bool, Error> {
    let mut bytes = [0; HEADER as usize];
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.read_exact(&mut bytes))
        .map_err(|e| Error::io_at("read", path, 0, e))?;
    if &bytes[..8] != MAGIC {
        return Err(Error::content(path, 0, "this is no journal of Sightline"));
    }
    let version = u16::from_be_bytes([bytes[8], bytes[9]]);
    if version > VERSION {
        return Err(Error::Version {
            path: path.to_owned(),
            what: "the journal",
            found: version.into(),
            known: VERSION.into(),
        });
    }
    Ok(bytes[11] & 1 == 1)
}

/// Reads every record from `from` on and hands it to `each` with the offset behind it. Only `each`'s errors and the disk's are
/// errors: what is wrong with the content is in the answer.
pub(crate) fn scan(
    path: &Path,
    file: &mut File,
    chained: bool,
    from: Position,
    mut each: impl FnMut(Raw<'_>, u64, u64) -> Result<(), Error>,
) -> Result<Scanned, Error> {
    let size = file
        .metadata()
        .map_err(|e| Error::io("stat", path, e))?
        .len();
    let mut reader = BufReader::with_capacity(256 * 1024, &mut *file);
    reader
        .seek(SeekFrom::Start(from.offset))
        .map_err(|e| Error::io_at("seek", path, from.offset, e))?;
    let mut out = Scanned {
        end: from,
        records: 0,
        torn: 0,
        damage: Vec::new(),
    };
    let mut buffer = Vec::new();
    while out.end.offset < size {
        let at = out.end.offset;
        let read = read_record(&mut reader, &mut buffer, size - at, chained)
            .map_err(|e| Error::io_at("read", path, at, e))?;
        match read.and_then(|()| record::decode(&buffer, chained)) {
            Ok((raw, len)) => {
                if out.end.next.is_some_and(|next| raw.sequence != next) {
                    let what = format!(
                        "sequence {} where {} should follow",
                        raw.sequence,
                        out.end.next.unwrap_or_default()
                    );
                    out.damage.push(Damage { offset: at, what });
                }
                if raw.previous.is_some_and(|hash| hash != out.end.hash) {
                    let what = format!(
                        "record {} does not name the hash of the one before: something was altered or taken out",
                        raw.sequence
                    );
                    out.damage.push(Damage { offset: at, what });
                }
                let behind = at + len as u64;
                out.end = Position {
                    offset: behind,
                    next: Some(raw.sequence.saturating_add(1)),
                    hash: if chained {
                        record::hash(&buffer)
                    } else {
                        record::NO_HASH
                    },
                };
                out.records += 1;
                each(raw, at, behind)?;
            }
            Err(defect) => {
                let file = reader.get_mut();
                let Some(good) = find_record(path, file, chained, at + 1, out.end.next)? else {
                    out.torn = size - at;
                    return Ok(out);
                };
                let what = format!("{defect}; {} bytes are lost", good - at);
                out.damage.push(Damage { offset: at, what });
                out.end.offset = good;
                out.end.next = None;
                reader
                    .seek(SeekFrom::Start(good))
                    .map_err(|e| Error::io_at("seek", path, good, e))?;
            }
        }
    }
    Ok(out)
}

/// Reads one record's bytes into `buffer`, as far as its length makes sense.
fn read_record(
    reader: &mut impl Read,
    buffer: &mut Vec<u8>,
    left: u64,
    chained: bool,
) -> std::io::Result<Result<(), Defect>> {
    let mut prefix = [0; PREFIX];
    if left < PREFIX as u64 {
        return Ok(Err(Defect::Short));
    }
    reader.read_exact(&mut prefix)?;
    let len = match record::length(&prefix, chained) {
        Ok(len) => len,
        Err(defect) => return Ok(Err(defect)),
    };
    if left - (PREFIX as u64) < len as u64 {
        return Ok(Err(Defect::Short));
    }
    buffer.clear();
    buffer.extend_from_slice(&prefix);
    buffer.resize(PREFIX + len, 0);
    reader.read_exact(&mut buffer[PREFIX..])?;
    Ok(Ok(()))
}

/// The offset of the first whole record at or behind `from`, within [`SEARCH`] bytes.
fn find_record(
    path: &Path,
    file: &mut File,
    chained: bool,
    from: u64,
    after: Option<u64>,
) -> Result<Option<u64>, Error> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))
        .and_then(|_| {
            (&mut *file)
                .take(SEARCH + MAX_LEN as u64)
                .read_to_end(&mut bytes)
        })
        .map_err(|e| Error::io_at("read", path, from, e))?;
    let last = bytes.len().min(SEARCH as usize);
    Ok((0..last)
        .find(|at| {
            record::decode(&bytes[*at..], chained)
                .is_ok_and(|(raw, _)| after.is_none_or(|next| raw.sequence >= next))
        })
        .map(|at| from + at as u64))
}

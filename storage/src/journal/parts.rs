//! A chained journal is kept for years and never made shorter, so it is kept in files by month: what a month had before the
//! current one lies in `NAME-YYYYMM-FIRST.journal`, where FIRST is the sequence of its first record. The chain goes on from
//! file to file.

use std::{
    fs::File,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use media::WallTime;

use super::{
    record::Raw,
    scan::{self, Damage, Position, Scanned},
};
use crate::{Error, paths, recover};

/// Digits of a month, and of a sequence.
const MONTH: usize = 6;
const FIRST: usize = 12;

/// `202611`.
pub(crate) fn month(at: WallTime) -> String {
    paths::day(at)[..MONTH].to_owned()
}

/// Where a month's records go when the next one begins.
pub(crate) fn part(path: &Path, month: &str, first: u64) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{month}-{first:0FIRST$}.journal"))
}

/// Whether this is a part of another journal.
pub(crate) fn is_part(path: &Path) -> bool {
    split(path).is_some()
}

fn split(path: &Path) -> Option<(&str, u64)> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".journal")?;
    let (rest, first) = stem.rsplit_once('-')?;
    let (name, month) = rest.rsplit_once('-')?;
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let fits = month.len() == MONTH && first.len() >= FIRST && digits(month) && digits(first);
    Some((name, first.parse().ok()?)).filter(|_| fits)
}

/// The parts of a journal in order of what they hold, `current` left out: it may have become one of them just now.
fn parts(path: &Path, current: Option<&File>) -> Result<Vec<PathBuf>, Error> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let number = |m: std::fs::Metadata| (m.dev(), m.ino());
    let current = current.and_then(|f| f.metadata().ok()).map(number);
    let mut out = Vec::new();
    for file in recover::list(path.parent().unwrap_or(path))? {
        match split(&file) {
            Some((name, first)) if name == stem => {
                let same = current.is_some() && file.metadata().ok().map(number) == current;
                if !same {
                    out.push((first, file));
                }
            }
            _ => {}
        }
    }
    out.sort();
    Ok(out.into_iter().map(|(_, file)| file).collect())
}

/// Reads all parts of a chained journal, the current one apart: where the current one goes on is the answer's `end`, with the
/// offset of its first record.
pub(crate) fn scan_parts(
    path: &Path,
    current: Option<&File>,
    mut each: impl FnMut(Raw<'_>, u64, u64) -> Result<(), Error>,
) -> Result<Scanned, Error> {
    let mut all = Scanned::default();
    for part in parts(path, current)? {
        let mut file = File::open(&part).map_err(|e| Error::io("open", &part, e))?;
        let name = part.file_name().unwrap_or_default().to_string_lossy();
        let damage = |offset, what: String| Damage {
            offset,
            what: format!("{name}: {what}"),
        };
        if !scan::read_header(&part, &mut file)? {
            all.damage.push(damage(8, "it is not chained".into()));
            continue;
        }
        let from = Position {
            offset: scan::HEADER,
            ..all.end
        };
        let found = scan::scan(&part, &mut file, true, from, &mut each)?;
        all.damage
            .extend(found.damage.into_iter().map(|d| damage(d.offset, d.what)));
        if found.torn > 0 {
            let what = format!("{} bytes at its end are no record", found.torn);
            all.damage.push(damage(found.end.offset, what));
        }
        all.records += found.records;
        all.end = Position {
            offset: scan::HEADER,
            ..found.end
        };
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_known_by_its_name() {
        let path = Path::new("/d/audit.journal");
        let made = part(path, "202611", 42);
        assert_eq!(made, Path::new("/d/audit-202611-000000000042.journal"));
        assert_eq!(split(&made), Some(("audit", 42)));
        for other in [
            "audit",
            "my-audit",
            "a-2026-1",
            "a-202611-1",
            "a-202611-00000000004x",
        ] {
            assert!(
                !is_part(Path::new(&format!("/d/{other}.journal"))),
                "{other}"
            );
        }
    }
}

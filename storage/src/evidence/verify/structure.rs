//! What stands between the files of a package: made anew from what was signed, and compared byte for byte.

use super::{Fault, Package, Report, Said, expected};
use crate::{
    Error,
    evidence::zip::{self, Entry, MAX_DIRECTORY, MAX_ENTRIES, MAX_LOCAL},
};

/// The package's files, as its directory says, and as they lie one behind the other: the same, unless one of them was altered.
pub(super) fn lists(package: &Package) -> Result<Vec<Vec<Entry>>, Error> {
    let mut out: Vec<Vec<Entry>> = Vec::new();
    for list in [listed(package)?, walked(package)?].into_iter().flatten() {
        let is_sound = list.iter().all(|e| e.end() <= package.len);
        if is_sound && !list.is_empty() && !out.contains(&list) {
            out.push(list);
        }
    }
    Ok(out)
}

fn listed(package: &Package) -> Result<Option<Vec<Entry>>, Error> {
    let from = package.len.saturating_sub(98);
    let tail = package.read(from, 98)?;
    let Some(at) = zip::find_directory(&tail, from).filter(|at| *at < package.len) else {
        return Ok(None);
    };
    let directory = package.read(at, MAX_DIRECTORY as u64)?;
    Ok(zip::read_directory(&directory))
}

fn walked(package: &Package) -> Result<Option<Vec<Entry>>, Error> {
    let (mut at, mut out) = (0, Vec::new());
    while at < package.len && out.len() < MAX_ENTRIES {
        let bytes = package.read(at, MAX_LOCAL as u64)?;
        let Some(entry) = zip::read_local(&bytes, at) else {
            break;
        };
        at = entry.end();
        out.push(entry);
    }
    Ok(Some(out))
}

/// Where the files' own headers differ from the directory: all that can be said where there is no manifest to go by.
pub(super) fn unreadable(package: &Package, entries: &[Entry]) -> Result<Vec<Fault>, Error> {
    let mut out = Vec::new();
    for entry in entries {
        let header = entry.local();
        let is = package.read(entry.at, header.len() as u64)?;
        out.extend(differs(&header, &is, entry.at, &entry.name));
    }
    Ok(out)
}

/// The first byte at which `is` is not what it must be.
fn differs(must: &[u8], is: &[u8], at: u64, name: &str) -> Option<Fault> {
    let same = must.iter().zip(is).take_while(|(a, b)| a == b).count();
    let what = match name {
        "" => "the list of its files was altered".to_owned(),
        name => format!("the header of {name} was altered"),
    };
    (same < must.len()).then(|| Fault {
        byte: Some(at + same as u64),
        ..Fault::of("", at + same as u64, what)
    })
}

/// Compares every byte between the files; `sums` has the CRC-32 of each file that is as it was packed.
pub(super) fn check(
    package: &Package,
    entries: &[Entry],
    said: &Said,
    sums: &[Option<u32>],
    report: &mut Report,
) -> Result<(), Error> {
    let mut at = 0;
    let mut must = Vec::new();
    for (n, (name, size)) in expected(said).enumerate() {
        let stored = entries.iter().find(|e| e.name == name);
        let (Some(stored), true) = (stored, n < MAX_ENTRIES) else {
            // Told already: it is missing. What comes behind lies elsewhere.
            return Ok(());
        };
        let crc = sums.get(n).copied().flatten().unwrap_or(stored.crc);
        let entry = Entry {
            name: name.to_owned(),
            size,
            crc,
            at,
        };
        at = entry.end();
        must.push(entry);
    }
    for (entry, stored) in must.iter().zip(entries) {
        if stored.at != entry.at || stored.name != entry.name {
            let what = format!("it stands where {} was packed", entry.name);
            report.fault(Fault::of(&stored.name, entry.at, what));
            return Ok(());
        }
        let header = entry.local();
        let is = package.read(entry.at, header.len() as u64)?;
        if let Some(fault) = differs(&header, &is, entry.at, &entry.name) {
            report.fault(fault);
        }
    }
    let directory = zip::directory(&must, at);
    let is = package.read(at, directory.len() as u64)?;
    if let Some(fault) = differs(&directory, &is, at, "") {
        report.fault(fault);
    }
    let end = at + directory.len() as u64;
    if package.len > end {
        let what = format!("{} bytes stand behind its end", package.len - end);
        report.fault(Fault {
            byte: Some(end),
            ..Fault::of("", end, what)
        });
    }
    Ok(())
}

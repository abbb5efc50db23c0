//! Verifies a package: every byte of it, on a machine that has never seen the gateway.

mod content;
mod structure;

use std::{
    fmt,
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use media::ByteCount;

use super::{
    blocks::{self, BLOCK},
    manifest::{BLOCKS, CONTEXT, FORMAT, MANIFEST, Manifest, SIGNATURE, Seal},
    zip::Entry,
};
use crate::{Error, signature};

/// Something that is not as it was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// In which file of the package; empty for what stands between the files.
    pub file: String,
    /// The first byte of it that differs, from 0; of the package itself where there is no file.
    pub byte: Option<u64>,
    /// Where the byte lies if it is not known exactly: from, and behind.
    pub within: Option<[u64; 2]>,
    /// Where that is in the package; orders the faults.
    pub at: u64,
    /// What is wrong.
    pub what: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// What the package says of itself, where that can be read.
    pub manifest: Option<Manifest>,
    /// Bytes of the package.
    pub bytes: u64,
    /// Files verified.
    pub files: u64,
    /// Recorded segments in it.
    pub segments: u64,
    /// Of those, whole ones, whose own seal was verified.
    pub sealed: u64,
    /// Segments that name the digest of the one before, which is there.
    pub linked: u64,
    /// Segments that an hourly signature of the gateway names.
    pub signed: u64,
    /// What is no fault and worth knowing.
    pub notes: Vec<String>,
    /// What is not as it was packed, in order of place.
    pub faults: Vec<Fault>,
}

/// Faults that are told; more of them say nothing new.
const MAX_FAULTS: usize = 100;
/// The longest manifest, and page, bytes.
const MAX_TEXT: u64 = 256 * 1024 * 1024;

impl Report {
    /// Whether it is as it was packed.
    pub fn is_genuine(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

impl Fault {
    fn of(file: &str, at: u64, what: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            byte: None,
            within: None,
            at,
            what: what.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.file.as_str() {
            "" => f.write_str("the package itself")?,
            file => f.write_str(file)?,
        }
        match (self.byte, self.within) {
            (Some(byte), _) => write!(f, ", byte {byte}")?,
            (None, Some([from, to])) => write!(f, ", bytes {from} to {}", to - 1)?,
            (None, None) => {}
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(m) = &self.manifest {
            writeln!(
                f,
                "package {} of {} ({})",
                m.id, m.gateway.name, m.gateway.district
            )?;
            writeln!(
                f,
                "  asked for {} by {} ({}, {})",
                m.made, m.by.name, m.by.user, m.by.role
            )?;
            writeln!(f, "  reason: {}", m.reason)?;
            writeln!(f, "  range {} to {}", m.from, m.to)?;
            for camera in &m.cameras {
                let films: Vec<&str> = camera.films.iter().map(|f| f.file.as_str()).collect();
                let films = match films.is_empty() {
                    true => "nothing recorded".to_owned(),
                    false => films.join(", "),
                };
                writeln!(f, "  camera {} {}: {films}", camera.camera, camera.name)?;
            }
            writeln!(f, "  signed by key {}", m.key)?;
        }
        writeln!(
            f,
            "{} in {} files; {} segments: {} sealed and whole, {} linked to the one before, {} in hourly signatures",
            ByteCount(self.bytes),
            self.files,
            self.segments,
            self.sealed,
            self.linked,
            self.signed
        )?;
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        match self.faults.first() {
            None => write!(f, "genuine: every byte is as it was packed"),
            Some(first) => {
                writeln!(f, "ALTERED. First: {first}")?;
                for fault in &self.faults[1..] {
                    writeln!(f, "  also: {fault}")?;
                }
                let n = self.faults.len();
                write!(
                    f,
                    "{n} faults{}",
                    if n >= MAX_FAULTS { " or more" } else { "" }
                )
            }
        }
    }
}

/// A package being looked at.
struct Package {
    path: PathBuf,
    file: File,
    len: u64,
}

impl Package {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let stat = file.metadata().map_err(|e| Error::io("stat", path, e))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            len: stat.len(),
        })
    }

    /// As many bytes from `at` as there are, `most` at most.
    fn read(&self, at: u64, most: u64) -> Result<Vec<u8>, Error> {
        let n = self.len.saturating_sub(at).min(most);
        let mut out = vec![0; n as usize];
        self.file
            .read_exact_at(&mut out, at)
            .map_err(|e| Error::io_at("read", &self.path, at, e))?;
        Ok(out)
    }

    /// A whole file that is a text; none where it is not in the package, or longer than any.
    fn text(&self, entry: Option<&Entry>) -> Result<Option<Vec<u8>>, Error> {
        match entry.filter(|e| e.size <= MAX_TEXT && e.end() <= self.len) {
            Some(entry) => self.read(entry.data(), entry.size).map(Some),
            None => Ok(None),
        }
    }
}

/// What the package says of itself, and how that is to be taken.
struct Said {
    manifest: Manifest,
    /// The bytes that were signed; not those of the file where one of them was found to differ.
    text: Vec<u8>,
    seal: Vec<u8>,
    faults: Vec<Fault>,
}

fn find<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Entry> {
    entries.iter().find(|e| e.name == name)
}

/// Reads manifest and signature; where a single byte of one of them differs, what they were.
fn said(package: &Package, entries: &[Entry]) -> Result<Result<Said, Fault>, Error> {
    let (at_text, at_seal) = (find(entries, MANIFEST), find(entries, SIGNATURE));
    let text = package.text(at_text)?;
    let seal = package.text(at_seal)?;
    let (Some(mut text), Some(at_text)) = (text, at_text) else {
        return Ok(Err(Fault::of(MANIFEST, 0, "it is missing")));
    };
    let (Some(mut seal), Some(at_seal)) = (seal, at_seal) else {
        return Ok(Err(Fault::of(SIGNATURE, 0, "it is missing")));
    };
    let is_genuine = |text: &[u8], seal: &[u8]| {
        serde_json::from_slice::<Seal>(seal)
            .is_ok_and(|s| signature::is_genuine(&s.key, &s.signature, CONTEXT, text))
    };
    let mut faults = Vec::new();
    if !is_genuine(&text, &seal) {
        // The ZIP's own sum tells which single byte may have been another; the signature says whether it was.
        let repaired = repair(&mut text, at_text, |text| is_genuine(text, &seal));
        let fault = match repaired {
            Some(byte) => Some((MANIFEST, at_text, byte)),
            None => repair(&mut seal, at_seal, |seal| is_genuine(&text, seal))
                .map(|byte| (SIGNATURE, at_seal, byte)),
        };
        match fault {
            Some((name, entry, byte)) => faults.push(Fault {
                byte: Some(byte),
                ..Fault::of(name, entry.data() + byte, "it is not what was signed")
            }),
            None => faults.push(Fault::of(
                MANIFEST,
                at_text.data(),
                "it is not what was signed, or the signature is another: it was forged or altered",
            )),
        }
    }
    let manifest = match serde_json::from_slice::<Manifest>(&text) {
        Ok(manifest) if manifest.format == FORMAT => manifest,
        Ok(manifest) => {
            let format: String = manifest.format.chars().take(60).collect();
            let what = format!("its format is '{format}', expected '{FORMAT}'");
            return Ok(Err(Fault::of(MANIFEST, at_text.data(), what)));
        }
        Err(e) => {
            let what = format!("this is no manifest: {e}");
            return Ok(Err(Fault::of(MANIFEST, at_text.data(), what)));
        }
    };
    let key = serde_json::from_slice::<Seal>(&seal).map(|s| s.key);
    if faults.is_empty() && key.is_ok_and(|key| key != manifest.key) {
        let what = "it is signed by another key than it says";
        faults.push(Fault::of(MANIFEST, at_text.data(), what));
    }
    Ok(Ok(Said {
        manifest,
        text,
        seal,
        faults,
    }))
}

/// Puts right the one byte that differs from what the package's sum of the file was made of; gives where it is.
fn repair(bytes: &mut [u8], entry: &Entry, is_right: impl Fn(&[u8]) -> bool) -> Option<u64> {
    let is = blocks::crc(0, bytes);
    for (at, bits) in blocks::single_changes(entry.crc, is, bytes.len()) {
        bytes[at] ^= bits;
        if is_right(bytes) {
            return Some(at as u64);
        }
        bytes[at] ^= bits;
    }
    None
}

/// Verifies a package; `key` (hexadecimal) is the public key it must be signed with, where the caller knows the gateway's. Blocking:
/// reads all of it.
///
/// # Errors
/// The disk's. What is wrong with the package is no error but a fault in the report.
pub fn verify(path: &Path, key: Option<&str>) -> Result<Report, Error> {
    let package = Package::open(path)?;
    let mut report = Report {
        bytes: package.len,
        ..Report::default()
    };
    let lists = structure::lists(&package)?;
    let mut best: Option<(Vec<Entry>, Result<Said, Fault>)> = None;
    for entries in lists {
        let said = said(&package, &entries)?;
        // The list of files that agrees with what was signed; else one whose manifest can be read.
        let worth = |said: &Result<Said, Fault>, entries: &[Entry]| match said {
            Ok(s) => 1 + usize::from(s.faults.is_empty()) + usize::from(agrees(entries, s)) * 2,
            Err(_) => 0,
        };
        let is_better = best
            .as_ref()
            .is_none_or(|(e, s)| worth(&said, &entries) > worth(s, e));
        if is_better {
            best = Some((entries, said));
        }
    }
    let Some((entries, said)) = best else {
        let what = "this is no package, or its beginning and its end are gone";
        report.fault(Fault::of("", 0, what));
        return Ok(report);
    };
    let said = match said {
        Ok(said) => said,
        Err(fault) => {
            report.fault(fault);
            report
                .faults
                .extend(structure::unreadable(&package, &entries)?);
            report.faults.sort_by_key(|f| f.at);
            return Ok(report);
        }
    };
    report.faults.extend(said.faults.iter().cloned());
    let manifest = &said.manifest;
    match key.map(str::trim) {
        Some(key) if !key.eq_ignore_ascii_case(&manifest.key) => {
            let at = find(&entries, SIGNATURE).map_or(0, Entry::data);
            let what = format!("signed by key {}, expected {key}", manifest.key);
            report.fault(Fault::of(SIGNATURE, at, what));
        }
        Some(_) => {}
        None => report.notes.push(
            "whose key this is was not checked: compare it with the gateway's, or give --key"
                .into(),
        ),
    }
    let sums = content::files(&package, &entries, &said, &mut report)?;
    structure::check(&package, &entries, &said, &sums, &mut report)?;
    content::segments(&package, &entries, manifest, &mut report)?;
    content::signatures(&package, &entries, manifest, &mut report)?;
    report.faults.sort_by_key(|f| f.at);
    report.faults.dedup();
    report.manifest = Some(said.manifest);
    Ok(report)
}

/// Whether a list has exactly the files that were signed, with their sizes, one behind the other.
fn agrees(entries: &[Entry], said: &Said) -> bool {
    let is_dense = entries.first().is_some_and(|e| e.at == 0)
        && entries.windows(2).all(|pair| pair[0].end() == pair[1].at);
    is_dense
        && expected(said)
            .map(|(name, size)| (name.to_owned(), size))
            .eq(entries.iter().map(|e| (e.name.clone(), e.size)))
}

/// The files that must be there, in order, with their sizes.
fn expected(said: &Said) -> impl Iterator<Item = (&str, u64)> {
    let listed = said
        .manifest
        .files
        .iter()
        .map(|f| (f.name.as_str(), f.size));
    listed.chain([
        (MANIFEST, said.text.len() as u64),
        (SIGNATURE, said.seal.len() as u64),
    ])
}

/// Writes the recorded segments of a package into a directory, a file each, as they were recorded (those at the ends of the range
/// as they were cut): `CODE-main/0000000012.mp4`. Gives how many. What it writes is only as good as what [`verify`] says. Blocking.
///
/// # Errors
/// The disk's; [`Error::Content`] where this is no package.
pub fn extract(path: &Path, into: &Path) -> Result<u64, Error> {
    let package = Package::open(path)?;
    let mut lists = structure::lists(&package)?.into_iter();
    let none = || Error::content(path, 0, "this is no package");
    let entries = lists.next().ok_or_else(none)?;
    let said = said(&package, &entries)?.map_err(|f| Error::content(path, f.at, f.what))?;
    let mut count = 0;
    for film in said.manifest.cameras.iter().flat_map(|c| &c.films) {
        let Some(entry) = find(&entries, &film.file) else {
            continue;
        };
        // Its name was read from the package, and is one of a plain file.
        let dir = into.join(entry.name.trim_end_matches(".mp4").replace('/', "-"));
        std::fs::create_dir_all(&dir).map_err(|e| Error::io("create", &dir, e))?;
        for segment in &film.segments {
            let to = dir.join(format!("{:010}.mp4", segment.sequence));
            let file = File::create(&to).map_err(|e| Error::io("create", &to, e))?;
            let mut file = std::io::BufWriter::new(file);
            let end = segment
                .offset
                .saturating_add(segment.length)
                .min(entry.size);
            let mut at = segment.offset;
            while at < end {
                let piece = package.read(entry.data() + at, (end - at).min(BLOCK as u64 * 16))?;
                if piece.is_empty() {
                    break;
                }
                file.write_all(&piece)
                    .map_err(|e| Error::io("write", &to, e))?;
                at += piece.len() as u64;
            }
            file.flush().map_err(|e| Error::io("write", &to, e))?;
            count += 1;
        }
    }
    Ok(count)
}

/// The file of sums, for [`content`].
const SUMS: &str = BLOCKS;

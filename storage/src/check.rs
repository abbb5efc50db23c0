//! Verifies a data directory while nobody else has it open.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    fs::File,
    path::{Path, PathBuf},
};

use media::{ByteCount, CameraId, FeedId, Profile};
use serde::Serialize;
use serde_json::Value;

use crate::{
    DataDir, Error,
    files::Files,
    hold::Holds,
    index::{Entry, Segments},
    journal::{self, Options},
    ledger, recover,
    segment::{Header, Layout, Seal, reader},
    signature,
    volume::{self, Policy, Volumes},
};

/// What [`check`] found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CheckReport {
    /// Segment files read.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Fragments in them.
    pub fragments: u64,
    /// Journals read.
    pub journals: u64,
    /// Their records.
    pub journal_records: u64,
    /// Signatures over the heads of the chains that were read.
    pub signatures: u64,
    /// What is wrong (or was, where `repaired`).
    pub faults: Vec<Fault>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Where.
    pub path: PathBuf,
    /// Bytes from the start of the file, where that says something.
    pub offset: Option<u64>,
    /// What.
    pub what: String,
    /// Whether it was put right.
    pub repaired: bool,
}

impl CheckReport {
    /// Whether nothing is left to put right.
    pub fn is_clean(&self) -> bool {
        self.faults.iter().all(|f| f.repaired)
    }

    fn fault(&mut self, path: &Path, offset: Option<u64>, what: impl Into<String>, repaired: bool) {
        self.faults.push(Fault {
            path: path.to_owned(),
            offset,
            what: what.into(),
            repaired,
        });
    }

    /// What an error says becomes a fault: one bad file does not end the check.
    fn error(&mut self, path: &Path, e: &Error) {
        match e {
            Error::Content { offset, what, .. } => {
                self.fault(path, Some(*offset), what.clone(), false)
            }
            Error::Io { offset, .. } => self.fault(path, *offset, e.to_string(), false),
            _ => self.fault(path, None, e.to_string(), false),
        }
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} segments with {} fragments ({}), {} journals with {} records, {} signatures",
            self.segments,
            self.fragments,
            ByteCount(self.bytes),
            self.journals,
            self.journal_records,
            self.signatures
        )?;
        for fault in &self.faults {
            writeln!(f, "{fault}")?;
        }
        let left = self.faults.iter().filter(|fault| !fault.repaired).count();
        match (self.faults.len(), left) {
            (0, _) => write!(f, "clean"),
            (all, 0) => write!(f, "{all} faults, all put right"),
            (all, left) => write!(f, "{all} faults, {left} left"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        write!(
            f,
            ": {}{}",
            self.what,
            if self.repaired { " (put right)" } else { "" }
        )
    }
}

/// Verifies every segment (structure, digest, chain), the signatures over the chains, and every journal (checksums, chain) of
/// the data directory `dir`, and compares the index; with `repair`, cuts torn files back, seals them, and brings the index into line with the files. Reads every byte
/// of every recording. Blocking.
///
/// # Errors
/// [`Error::Locked`] where a process has the directory, [`Error::Missing`] where it is none of ours; the disk's. What is wrong
/// with a file's content is no error but a fault in the report.
pub fn check(dir: &Path, repair: bool) -> Result<CheckReport, Error> {
    let data = DataDir::open_existing(dir)?;
    let mut report = CheckReport::default();
    journals(&data, repair, &mut report)?;
    recordings(&data, repair, &mut report)?;
    Ok(report)
}

fn journals(data: &DataDir, repair: bool, report: &mut CheckReport) -> Result<(), Error> {
    for path in recover::list(&data.path().join("journal"))? {
        // A part is read with its journal.
        if path.extension().is_none_or(|e| e != "journal") || journal::parts::is_part(&path) {
            continue;
        }
        report.journals += 1;
        let found = match journal::read::<Value>(&path, |_| ()) {
            Ok(found) => found,
            Err(e) => {
                report.error(&path, &e);
                continue;
            }
        };
        report.journal_records += found.records;
        for damage in found.damage {
            report.fault(&path, Some(damage.offset), damage.what, false);
        }
        if let Some((offset, bytes)) = found.cut {
            // Opening for appending cuts it.
            let repaired = repair
                && [false, true].into_iter().any(|chained| {
                    let options = Options {
                        chained,
                        ..Options::default()
                    };
                    journal::open_with::<Value>(&path, options, |_| ()).is_ok()
                });
            report.fault(
                &path,
                Some(offset),
                format!("a torn tail of {bytes} bytes"),
                repaired,
            );
        }
    }
    Ok(())
}

fn recordings(data: &DataDir, repair: bool, report: &mut CheckReport) -> Result<(), Error> {
    let index_path = data.index().join("segments");
    let segments = Segments::open(&index_path, ByteCount::mebibytes(64))?;
    let volumes = Volumes::open(data, &[], Policy::default(), Files::default())?;
    let mut unknown = 0u64;
    let holds = Holds::new(ledger::read_holds(data)?.iter());
    let heads = Heads::read(data, report)?;
    let anew = ledger::read_anew(data)?;
    let mut cameras: BTreeMap<CameraId, Vec<(u16, PathBuf)>> = BTreeMap::new();
    for volume in volumes.all() {
        if let Some(reason) = volume.unreadable() {
            let what = format!("{}: what lies there is not checked", reason.text);
            report.fault(&volume.path, None, what, false);
            continue;
        }
        for dir in recover::list(&volume.path)? {
            // A file system of its own has the first, a volume the second.
            if matches!(recover::name(&dir), Some("lost+found" | volume::IDENTITY)) {
                continue;
            }
            match recover::name(&dir).and_then(|n| n.parse::<CameraId>().ok()) {
                Some(camera) => cameras
                    .entry(camera)
                    .or_default()
                    .push((volume.number, dir)),
                None => report.fault(&dir, None, "this is no camera's directory", false),
            }
        }
    }
    let all = All {
        volumes: &volumes,
        segments: &segments,
        holds: &holds,
        heads: &heads,
        anew: &anew,
        repair,
    };
    for (camera, dirs) in &cameras {
        unknown += check_camera(&all, *camera, dirs, report)?;
    }
    for feed in segments.feeds()? {
        if !cameras.contains_key(&feed.camera) {
            compare(&all, feed, &HashMap::new(), report)?;
        }
    }
    if segments.is_fresh() && unknown > 0 {
        let what = format!(
            "the index is new, or did not open and was moved aside: {unknown} segments are not in it"
        );
        report.fault(&index_path, None, what, repair);
    }
    segments.flush()
}

/// What files are held against.
struct All<'a> {
    volumes: &'a Volumes,
    segments: &'a Segments,
    holds: &'a Holds,
    heads: &'a Heads,
    /// Where chains begin anew, by what recorders noted.
    anew: &'a BTreeSet<(FeedId, u64)>,
    repair: bool,
}

/// A camera's files, by profile, writer, sequence and start.
type Chains = BTreeMap<(Profile, u64, u64, i64), Found>;

/// Heads of chains that were signed: by feed, writer and sequence, with the file that says so.
struct Heads(BTreeMap<(FeedId, u64, u64), (String, PathBuf)>);

impl Heads {
    fn read(data: &DataDir, report: &mut CheckReport) -> Result<Self, Error> {
        let mut heads = BTreeMap::new();
        let mut faults = Vec::new();
        report.signatures = signature::read_all(data, |path, signed, wrong| {
            if let Some(what) = wrong {
                faults.push((path.to_owned(), what));
            } else if let Some(signed) = signed {
                for head in signed.heads {
                    let feed = FeedId {
                        camera: head.camera,
                        profile: head.profile,
                    };
                    heads.insert(
                        (feed, signed.writer, head.sequence),
                        (head.digest, path.to_owned()),
                    );
                }
            }
        })?;
        for (path, what) in faults {
            report.fault(&path, None, what, false);
        }
        Ok(Self(heads))
    }

    /// Compares a camera's files to what was signed. What is gone at the old end is gone by age; at the new end nothing may
    /// be missing.
    fn check(
        &self,
        camera: CameraId,
        found: &Chains,
        absent: &BTreeSet<(Profile, u64)>,
        holds: &Holds,
        report: &mut CheckReport,
    ) {
        let mut newest: BTreeMap<(Profile, u64), &Found> = BTreeMap::new();
        for one in found.values() {
            newest.insert((one.header.profile, one.header.writer), one);
        }
        for ((profile, writer), newest) in newest {
            let feed = FeedId { camera, profile };
            let signed = self.0.range((feed, writer, 0)..=(feed, writer, u64::MAX));
            for ((_, _, sequence), (digest, path)) in signed {
                let from = (profile, writer, *sequence, i64::MIN);
                let to = (profile, writer, *sequence, i64::MAX);
                let mut files = found.range(from..=to).map(|(_, f)| f);
                let is_it = |f: &Found| signature::hex(&f.seal.digest) == *digest;
                let last = newest.header.sequence;
                if let Some(file) = files.clone().next() {
                    if !files.any(is_it) {
                        let what = format!(
                            "it is not the segment that was signed in {}",
                            path.display()
                        );
                        report.fault(&file.path, None, what, false);
                    }
                } else if *sequence > last
                    && !absent.contains(&(profile, *sequence))
                    && !holds.cover(camera, newest.header.start, newest.seal.end)
                {
                    let what = format!(
                        "segment {sequence} of {feed} was signed, and the newest there is is {last}: the last ones were taken out"
                    );
                    report.fault(path, None, what, false);
                }
            }
        }
    }
}

/// What a file says of itself.
struct Found {
    header: Header,
    seal: Seal,
    path: PathBuf,
    bytes: u64,
    volume: u16,
}

impl Found {
    fn entry(&self) -> Entry {
        Entry {
            start: self.header.start,
            end: self.seal.end,
            sequence: self.header.sequence,
            bytes: self.bytes,
            volume: self.volume,
            origin: self.header.origin,
        }
    }
}

/// Gives how many of its segments a new index does not know.
fn check_camera(
    all: &All<'_>,
    camera: CameraId,
    dirs: &[(u16, PathBuf)],
    report: &mut CheckReport,
) -> Result<u64, Error> {
    let mut found = Chains::new();
    for (volume, dir) in dirs {
        for path in recover::files(dir)? {
            let one = match check_file(&path, *volume, all.repair, report) {
                Ok(Some(one)) => one,
                Ok(None) => continue,
                Err(e) => {
                    report.error(&path, &e);
                    continue;
                }
            };
            let feed = FeedId {
                camera: one.header.camera,
                profile: one.header.profile,
            };
            if all.volumes.path(feed, &one.entry()) != path {
                report.fault(&path, None, "its name is not that of what it holds", false);
                continue;
            }
            let key = (
                feed.profile,
                one.header.writer,
                one.header.sequence,
                one.header.start.0,
            );
            found.insert(key, one);
        }
    }
    let mut absent = BTreeSet::new();
    for profile in Profile::ALL {
        for entry in all.segments.all(FeedId { camera, profile })? {
            if all.volumes.unavailable(entry.volume).is_some() {
                absent.insert((profile, entry.sequence));
            }
        }
    }
    check_chain(&found, &absent, all, report);
    all.heads.check(camera, &found, &absent, all.holds, report);
    let mut unknown = 0;
    for profile in Profile::ALL {
        let feed = FeedId { camera, profile };
        let files = found
            .values()
            .filter(|f| f.header.profile == profile)
            .map(|f| (f.path.clone(), f.entry()))
            .collect();
        unknown += compare(all, feed, &files, report)?;
    }
    Ok(unknown)
}

/// Verifies one file; none where nothing of it is left.
fn check_file(
    path: &Path,
    volume: u16,
    repair: bool,
    report: &mut CheckReport,
) -> Result<Option<Found>, Error> {
    let open = || File::open(path).map_err(|e| Error::io("open", path, e));
    let mut file = open()?;
    report.segments += 1;
    let mut layout = Layout::read(path, &file, None);
    if !matches!(&layout, Ok(l) if l.seal.is_some()) {
        let (offset, what) = match &layout {
            Ok(Layout {
                torn: Some((offset, what)),
                ..
            }) => (Some(*offset), format!("not sealed: {what}")),
            Ok(_) => (None, "not sealed".to_owned()),
            Err(e) => (None, format!("not sealed: {e}")),
        };
        let taken = if repair {
            Some(recover::take(path, volume))
        } else {
            None
        };
        report.fault(path, offset, what, matches!(taken, Some(Ok(_))));
        match taken {
            Some(Ok(recover::Taken::Empty)) | None => return Ok(None),
            Some(Err(e)) => return Err(e),
            Some(Ok(_)) => {
                file = open()?;
                layout = Layout::read(path, &file, None);
            }
        }
    }
    let layout = layout?;
    let Some(seal) = layout.seal else {
        return Ok(None);
    };
    let bytes = file
        .metadata()
        .map_err(|e| Error::io("stat", path, e))?
        .len();
    report.bytes += bytes;
    report.fragments += layout.fragments.len() as u64;
    let digest = reader::digest(path, &file, seal.covered_bytes, seal.function)?;
    if digest.value() != seal.digest {
        report.fault(
            path,
            None,
            "its content is not what was sealed: it was altered, or the disk lost some of it",
            false,
        );
    }
    Ok(Some(Found {
        header: layout.header,
        seal,
        path: path.to_owned(),
        bytes,
        volume,
    }))
}

/// Each segment names the digest of the one before. What lies on a volume that is not there is not missing.
fn check_chain(
    found: &Chains,
    absent: &BTreeSet<(Profile, u64)>,
    all: &All<'_>,
    report: &mut CheckReport,
) {
    let holds = all.holds;
    let mut before: Option<&Found> = None;
    for one in found.values() {
        let own = |f: &Found| (f.header.profile, f.header.writer);
        let feed = FeedId {
            camera: one.header.camera,
            profile: one.header.profile,
        };
        // A disk hung, or was not there, when it was begun: that is noted, and it names none.
        let begins =
            one.header.previous == [0; 32] && all.anew.contains(&(feed, one.header.sequence));
        let linked = before.filter(|b| own(b) == own(one) && !begins);
        if let Some(before) = linked {
            let (last, this) = (before.header.sequence, one.header.sequence);
            // Behind what is held, what is not has gone by its age.
            let held = holds.cover(before.header.camera, before.header.start, before.seal.end);
            if this != last.wrapping_add(1) {
                let by_age = this > last && held;
                let profile = one.header.profile;
                let elsewhere = this > last
                    && (last.saturating_add(1)..this).all(|n| absent.contains(&(profile, n)));
                if !by_age && !elsewhere {
                    let what = format!(
                        "sequence {this} follows {last}: segments between them are missing, or there are two"
                    );
                    report.fault(&one.path, None, what, false);
                }
            } else if one.header.previous != before.seal.digest {
                let what = format!(
                    "it does not name the digest of the segment before, {}: one of them was altered",
                    before.path.display()
                );
                report.fault(&one.path, None, what, false);
            }
        }
        before = Some(one);
    }
}

/// Compares the index to the files of a feed. Gives how many a new index does not know.
fn compare(
    all: &All<'_>,
    feed: FeedId,
    files: &HashMap<PathBuf, Entry>,
    report: &mut CheckReport,
) -> Result<u64, Error> {
    let (segments, repair) = (all.segments, all.repair);
    let mut rows = HashMap::new();
    for entry in segments.all(feed)? {
        if all.volumes.unavailable(entry.volume).is_none() {
            rows.insert(all.volumes.path(feed, &entry), entry);
        }
    }
    let mut unknown = 0;
    for (path, entry) in files {
        let what = match rows.get(path) {
            None if segments.is_fresh() => {
                unknown += 1;
                None
            }
            None => Some("not in the index"),
            Some(row) if row != entry => Some("the index says another end or size"),
            Some(_) => continue,
        };
        if repair {
            segments.insert(feed, *entry)?;
        }
        if let Some(what) = what {
            report.fault(path, None, what, repair);
        }
    }
    for (path, entry) in rows.iter().filter(|(path, _)| !files.contains_key(*path)) {
        // A file that is there but unreadable was named already; its row goes with the rest.
        if repair {
            segments.remove(feed, std::slice::from_ref(entry))?;
        }
        report.fault(
            path,
            None,
            "the index has it, but there is no such segment",
            repair,
        );
    }
    Ok(unknown)
}

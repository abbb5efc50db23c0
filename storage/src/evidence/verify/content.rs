//! The files of a package, and the recorded segments in its films.

use std::{collections::HashMap, io, path::Path};

use media::{CameraId, Profile};

use super::{Fault, Package, Report, SUMS, Said, find};
use crate::{
    Error,
    evidence::{
        blocks::{self, BLOCK, Differs, RECORD, Summing},
        manifest::{Camera, Film, List, MANIFEST, Manifest, SIGNATURE, Segment},
        zip::Entry,
    },
    segment::{Function, Layout, Source, digest::Digest},
    signature::{Signed, hex},
};

/// Verifies every file that the manifest names; gives the CRC-32 of each that is as it was packed, and of the manifest and its
/// signature as they were signed.
pub(super) fn files(
    package: &Package,
    entries: &[Entry],
    said: &Said,
    report: &mut Report,
) -> Result<Vec<Option<u32>>, Error> {
    let mut out = Vec::new();
    let kept = package.text(find(entries, SUMS))?.unwrap_or_default();
    // What the sums must be, as far as every file above them is as it was packed.
    let (mut must, mut all_good) = (Vec::new(), true);
    let mut before = 0;
    for file in &said.manifest.files {
        let records = file.size.div_ceil(BLOCK as u64) as usize * RECORD;
        let own = kept.get(before..).unwrap_or_default();
        let own = own.get(..records.min(own.len())).unwrap_or_default();
        before = before.saturating_add(records);
        let Some(entry) = find(entries, &file.name) else {
            report.fault(Fault::of(&file.name, 0, "it is missing"));
            (all_good, _) = (false, out.push(None));
            continue;
        };
        if entry.size != file.size {
            let what = format!("it has {} bytes, {} were packed", entry.size, file.size);
            report.fault(Fault {
                byte: Some(entry.size.min(file.size)),
                ..Fault::of(&file.name, entry.data(), what)
            });
            (all_good, _) = (false, out.push(None));
            continue;
        }
        let sum = sum(package, entry)?;
        if hex(&sum.sha256) == file.sha256 {
            report.files += 1;
            must.extend_from_slice(&sum.blocks);
            out.push(Some(sum.crc));
            continue;
        }
        out.push(None);
        let fault = match file.name == SUMS {
            // They are made of the other files: if those are right, what these must be is known.
            true if all_good => first_byte(&must, &kept, entry),
            true => Fault::of(&file.name, entry.data(), "it was altered"),
            false => first_block(package, entry, &sum.blocks, own)?,
        };
        all_good = false;
        report.fault(fault);
    }
    for (name, bytes) in [(MANIFEST, &said.text), (SIGNATURE, &said.seal)] {
        out.push(find(entries, name).map(|_| blocks::crc(0, bytes)));
        report.files += 1;
    }
    let known: Vec<&str> = super::expected(said).map(|(name, _)| name).collect();
    for entry in entries.iter().filter(|e| !known.contains(&e.name.as_str())) {
        let what = "it was not packed: somebody put it in";
        report.fault(Fault::of(&entry.name, entry.at, what));
    }
    Ok(out)
}

fn sum(package: &Package, entry: &Entry) -> Result<blocks::Sum, Error> {
    let mut summing = Summing::default();
    let mut at = 0;
    while at < entry.size {
        let n = (entry.size - at).min(64 * BLOCK as u64);
        summing.update(&package.read(entry.data() + at, n)?);
        at += n;
    }
    Ok(summing.finish())
}

fn first_byte(must: &[u8], is: &[u8], entry: &Entry) -> Fault {
    let same = must.iter().zip(is).take_while(|(a, b)| a == b).count() as u64;
    Fault {
        byte: Some(same),
        ..Fault::of(&entry.name, entry.data() + same, "it was altered")
    }
}

/// The first block that is not what was packed, and which byte of it.
fn first_block(package: &Package, entry: &Entry, is: &[u8], kept: &[u8]) -> Result<Fault, Error> {
    let (is, _) = is.as_chunks::<RECORD>();
    let (kept, _) = kept.as_chunks::<RECORD>();
    let first = is.iter().zip(kept).position(|(a, b)| a != b);
    let Some(first) = first else {
        return Ok(Fault::of(&entry.name, entry.data(), "it was altered"));
    };
    let from = first as u64 * BLOCK as u64;
    let to = (from + BLOCK as u64).min(entry.size);
    let block = package.read(entry.data() + from, to - from)?;
    Ok(match blocks::compare(&block, &kept[first]) {
        Some(Differs::Byte { at, was }) => {
            let byte = from + at as u64;
            let what = format!("it is {:#04x}, and was {was:#04x}", block[at]);
            Fault {
                byte: Some(byte),
                ..Fault::of(&entry.name, entry.data() + byte, what)
            }
        }
        _ => Fault {
            within: Some([from, to]),
            ..Fault::of(&entry.name, entry.data() + from, "several bytes differ")
        },
    })
}

/// A part of the package as a file of its own.
struct Window<'a> {
    package: &'a Package,
    from: u64,
    len: u64,
}

impl Window<'_> {
    /// The digest of its first bytes, hexadecimal.
    fn digest(&self, len: u64, function: Function) -> Result<String, Error> {
        let (mut hash, mut at, len) = (Digest::new(function), 0, len.min(self.len));
        while at < len {
            let n = (len - at).min(64 * BLOCK as u64);
            hash.update(&self.package.read(self.from + at, n)?);
            at += n;
        }
        Ok(hex(&hash.value()))
    }
}

impl Source for Window<'_> {
    fn size(&self) -> io::Result<u64> {
        Ok(self.len)
    }
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let end = at.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        std::os::unix::fs::FileExt::read_exact_at(&self.package.file, buffer, self.from + at)
    }
}

/// Verifies the segments: their hashes, their own seals, and that each names the one before.
pub(super) fn segments(
    package: &Package,
    entries: &[Entry],
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), Error> {
    // Where a file is altered is known already, and better.
    let altered: Vec<String> = report.faults.iter().map(|f| f.file.clone()).collect();
    for camera in &manifest.cameras {
        for film in &camera.films {
            let Some(entry) = find(entries, &film.file).filter(|e| !altered.contains(&e.name))
            else {
                report.segments += film.segments.len() as u64;
                continue;
            };
            let mut before: Option<&Segment> = None;
            for segment in &film.segments {
                report.segments += 1;
                if let Some(wrong) = segment_fault(package, entry, camera, film, segment, report)? {
                    let at = entry.data().saturating_add(segment.offset);
                    let what = format!("segment {}: {wrong}", segment.sequence);
                    report.fault(Fault {
                        within: Some([segment.offset, segment.offset + segment.length.max(1)]),
                        ..Fault::of(&film.file, at, what)
                    });
                }
                if let Some(before) = before.filter(|b| b.writer == segment.writer) {
                    chain(camera, film, entry, before, segment, report);
                }
                before = Some(segment);
            }
        }
    }
    Ok(())
}

fn chain(
    camera: &Camera,
    film: &Film,
    entry: &Entry,
    before: &Segment,
    segment: &Segment,
    report: &mut Report,
) {
    let (last, this) = (before.sequence, segment.sequence);
    if Some(this) != last.checked_add(1) {
        report.notes.push(format!(
            "camera {}, {}: segment {this} follows {last}; those between were not there when it was packed",
            camera.camera, film.file
        ));
    } else if before.digest.as_ref() == Some(&segment.previous) {
        report.linked += 1;
    } else {
        let what = format!("segment {this} does not name the digest of {last}, the one before");
        let at = entry.data().saturating_add(segment.offset);
        report.fault(Fault::of(&film.file, at, what));
    }
}

/// What is wrong with a segment; none where nothing is.
fn segment_fault(
    package: &Package,
    entry: &Entry,
    camera: &Camera,
    film: &Film,
    segment: &Segment,
    report: &mut Report,
) -> Result<Option<String>, Error> {
    let end = segment.offset.checked_add(segment.length);
    if end.is_none_or(|end| end > entry.size) {
        return Ok(Some("it lies outside its file".into()));
    }
    let window = Window {
        package,
        from: entry.data() + segment.offset,
        len: segment.length,
    };
    if window.digest(window.len, Function::Sha256)? != segment.sha256 {
        return Ok(Some("its bytes are not what was packed".into()));
    }
    let name = Path::new(&film.file);
    let layout = match Layout::read(name, &window, None) {
        Ok(layout) => layout,
        Err(e) => return Ok(Some(format!("it is no segment: {e}"))),
    };
    let header = &layout.header;
    let same = (header.camera, header.profile, header.sequence)
        == (camera.camera, film.profile, segment.sequence)
        && format!("{:016x}", header.writer) == segment.writer
        && hex(&header.previous) == segment.previous
        && header.start == segment.start;
    if !same {
        let what = format!(
            "its head says camera {}, number {}",
            header.camera, header.sequence
        );
        return Ok(Some(what));
    }
    if !segment.whole {
        return Ok(None);
    }
    let seal = layout.seal.map(|seal| (seal, hex(&seal.digest)));
    match (seal, &segment.digest) {
        (Some((seal, own)), Some(said)) if own == *said => {
            if window.digest(seal.covered_bytes, seal.function)? != own {
                return Ok(Some(
                    "its content is not what was sealed when it was recorded".into(),
                ));
            }
            report.sealed += 1;
            Ok(None)
        }
        (None, None) => Ok(None),
        _ => Ok(Some(
            "its seal is not the one that the manifest names".into(),
        )),
    }
}

/// Camera, stream, writer and number of a segment.
type Id = (CameraId, Profile, String, u64);

/// Verifies the hourly signatures, and holds the segments against them.
pub(super) fn signatures(
    package: &Package,
    entries: &[Entry],
    manifest: &Manifest,
    report: &mut Report,
) -> Result<(), Error> {
    let mut known: HashMap<Id, _> = HashMap::new();
    for camera in &manifest.cameras {
        for film in &camera.films {
            for segment in film.segments.iter().filter(|s| s.digest.is_some()) {
                let id = (
                    camera.camera,
                    film.profile,
                    segment.writer.clone(),
                    segment.sequence,
                );
                known.insert(id, (film, segment));
            }
        }
    }
    for name in &manifest.signatures {
        let Some(entry) = find(entries, name) else {
            continue;
        };
        // What is not as it was packed was named already, to the byte.
        if report.faults.iter().any(|f| f.file == *name) {
            continue;
        }
        let bytes = package.text(Some(entry))?.unwrap_or_default();
        let signed = match serde_json::from_slice::<Signed>(&bytes) {
            Ok(signed) => signed,
            Err(e) => {
                let what = format!("this is no signature: {e}");
                report.fault(Fault::of(name, entry.data(), what));
                continue;
            }
        };
        if !signed.is_by(&manifest.key) {
            let what = "it is not the signature of the key that the package is signed with";
            report.fault(Fault::of(name, entry.data(), what));
            continue;
        }
        let writer = format!("{:016x}", signed.writer);
        let lists = manifest.lists.iter().filter(|l| l.signature == *name);
        let mut covered: Vec<(Id, &str)> = Vec::new();
        for head in &signed.heads {
            let id = |sequence| (head.camera, head.profile, writer.clone(), sequence);
            covered.push((id(head.sequence), &head.digest));
            let own = |l: &&List| (l.camera, l.profile) == (head.camera, head.profile);
            for list in lists.clone().filter(own) {
                if !head.lists(&list.digests) {
                    let what = format!(
                        "its list of {}'s segments is not the one that {name} is of",
                        head.camera
                    );
                    report.fault(Fault::of(MANIFEST, entry.at, what));
                    continue;
                }
                let first = head.since.unwrap_or(head.sequence);
                let numbered = (first..head.sequence).zip(&list.digests);
                covered.extend(numbered.map(|(sequence, digest)| (id(sequence), digest.as_str())));
            }
        }
        for (id, digest) in covered {
            let Some((film, segment)) = known.get(&id) else {
                continue;
            };
            if segment.digest.as_deref() == Some(digest) {
                report.signed += 1;
            } else {
                let what = format!("segment {} is not the one that {name} names", id.3);
                report.fault(Fault::of(&film.file, entry.at, what));
            }
        }
    }
    Ok(())
}

//! Makes a package: a file after the other, each byte read and written once.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::Ordering::Relaxed,
};

use media::{CameraId, FeedId, Profile, WallTime};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::{
    Failure, Packed, Progress, Request,
    blocks::{self, BLOCK, RECORD, Summing},
    film::{self, Film},
    manifest::{self, BLOCKS, CONTEXT, FORMAT, MANIFEST, Manifest, PAGE, SIGNATURE, Seal},
    page, zip,
};
use crate::{
    Error, Gap,
    archive::Shared,
    datadir::sync_dir,
    segment,
    signature::{Head, hex},
};

/// Bytes read and written at once.
const PIECE: usize = 1024 * 1024;
/// What a package has beside its films, at most, and its sums.
const EXTRA: u64 = 32 * 1024 * 1024;

/// Blocking.
pub(super) fn build(
    shared: &Shared,
    request: &Request,
    path: &Path,
    room: u64,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<Packed, Failure> {
    let mut cameras = Vec::new();
    let mut films = Vec::new();
    for subject in &request.cameras {
        let camera = subject.camera;
        let timeline = shared.timeline(camera, request.from, request.to)?;
        // What was recorded and lies on a disk that is not there is not in the package: it is said, as any gap.
        let away = timeline.spans.into_iter().filter_map(|s| {
            let (start, end) = (s.start, s.end);
            s.unavailable.map(|reason| Gap { start, end, reason })
        });
        let mut gaps: Vec<Gap> = timeline.gaps.into_iter().chain(away).collect();
        gaps.sort_by_key(|g| g.start);
        let first = films.len();
        for profile in Profile::ALL {
            if stop.is_cancelled() {
                return Err(Failure::Cancelled);
            }
            let feed = FeedId { camera, profile };
            let made = film::films(shared, feed, request.from, request.to)?;
            films.extend(made.into_iter().enumerate());
        }
        let said = manifest::Camera {
            camera,
            name: subject.name.clone(),
            region: subject.region,
            clock_offset_ms: subject.clock_offset_ms,
            gaps,
            films: Vec::new(),
        };
        cameras.push((said, first..films.len()));
    }
    if films.is_empty() {
        return Err(Failure::Nothing);
    }
    let total: u64 = films.iter().map(|(_, film)| film.size()).sum();
    progress.total.store(total, Relaxed);
    progress.done.store(0, Relaxed);
    let needs = total + total.div_ceil(BLOCK as u64) * RECORD as u64 + EXTRA;
    let has = room.min(free(path)?.saturating_sub(shared.config.keep_free.0));
    if needs > has {
        return Err(Failure::Room { needs, has });
    }

    let part = path.with_extension("zip.part");
    let made = (|| {
        let mut package = Package::create(&part, progress, stop)?;
        let mut described = Vec::new();
        for (n, film) in films {
            described.push(package.film(n, film)?);
        }
        let mut described = described.into_iter();
        let cameras = cameras.into_iter().map(|(mut camera, range)| {
            camera.films = described.by_ref().take(range.len()).collect();
            camera
        });
        let mut manifest = Manifest {
            format: FORMAT.into(),
            id: request.id.clone(),
            made: request.made,
            software: request.software.clone(),
            gateway: manifest::Origin {
                district: request.district.clone(),
                name: request.district_name.clone(),
                writer: format!("{:016x}", shared.writer),
            },
            by: request.by.clone(),
            reason: request.reason.clone(),
            incident: request.incident.clone(),
            from: request.from,
            to: request.to,
            utc_offset_minutes: shared.config.utc_offset_minutes,
            cameras: cameras.collect(),
            signatures: Vec::new(),
            lists: Vec::new(),
            block_bytes: BLOCK as u64,
            files: Vec::new(),
            key: shared.signer.key(),
        };
        package.small(PAGE, page::render(&manifest, &package.files)?.as_bytes())?;
        for signature in signatures(shared, &manifest)? {
            let name = format!("signatures/{}", signature.name);
            package.small(&name, &signature.bytes)?;
            for (feed, digests) in signature.lists {
                manifest.lists.push(manifest::List {
                    signature: name.clone(),
                    camera: feed.camera,
                    profile: feed.profile,
                    digests,
                });
            }
            manifest.signatures.push(name);
        }
        let sums = std::mem::take(&mut package.sums);
        package.small(BLOCKS, &sums)?;
        manifest.files = std::mem::take(&mut package.files);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|e| Error::Value {
            what: "a manifest",
            why: e.to_string(),
        })?;
        package.small(MANIFEST, &text)?;
        let seal = Seal {
            key: shared.signer.key(),
            signature: shared.signer.sign_bytes(CONTEXT, &text),
        };
        let seal = serde_json::to_vec_pretty(&seal).map_err(|e| Error::Value {
            what: "a signature",
            why: e.to_string(),
        })?;
        package.small(SIGNATURE, &seal)?;
        let bytes = package.finish()?;
        fs::rename(&part, path).map_err(|e| Error::io("rename", &part, e))?;
        sync_dir(path.parent().unwrap_or(Path::new(".")))?;
        Ok(Packed {
            bytes,
            manifest_sha256: hex(&Sha256::digest(&text)),
        })
    })();
    if made.is_err() {
        // What is left of it is of no use; its room is.
        let _ = fs::remove_file(&part);
    }
    made
}

/// An hourly signature that goes into a package.
struct Signature {
    name: String,
    bytes: Vec<u8>,
    /// What shows that segments of the package are among what it covers.
    lists: Vec<(FeedId, Vec<String>)>,
}

/// The hourly signatures that cover a segment of the package, until one names what comes after it: of every chain the head that
/// covers its end is signed in the hour behind.
fn signatures(shared: &Shared, manifest: &Manifest) -> Result<Vec<Signature>, Error> {
    type Chain = (CameraId, Profile, String);
    let mut ends: HashMap<Chain, (u64, u64)> = HashMap::new();
    for camera in &manifest.cameras {
        for film in &camera.films {
            for segment in &film.segments {
                let chain = (camera.camera, film.profile, segment.writer.clone());
                let (first, last) = ends.entry(chain).or_insert((segment.sequence, 0));
                *first = (*first).min(segment.sequence);
                *last = (*last).max(segment.sequence);
            }
        }
    }
    let mut open: HashSet<Chain> = ends.keys().cloned().collect();
    let mut out = Vec::new();
    let mut covering = Vec::new();
    shared.signer.since(manifest.from, |name, bytes, signed| {
        // What is signed after it was asked for would make another package of the same request.
        if signed.at > manifest.made {
            return false;
        }
        let writer = format!("{:016x}", signed.writer);
        let mut is_wanted = false;
        for head in &signed.heads {
            let chain = (head.camera, head.profile, writer.clone());
            let Some((first, last)) = ends.get(&chain) else {
                continue;
            };
            is_wanted |= (*first..=*last).contains(&head.sequence);
            if head.since.is_some_and(|since| since <= *last) && head.sequence >= *first {
                is_wanted = true;
                covering.push((out.len(), head.clone(), signed.at));
            }
            if head.sequence >= *last {
                open.remove(&chain);
            }
        }
        if is_wanted {
            out.push(Signature {
                name,
                bytes,
                lists: Vec::new(),
            });
        }
        !open.is_empty()
    })?;
    for (at, head, signed) in covering {
        let feed = FeedId {
            camera: head.camera,
            profile: head.profile,
        };
        // Where one of its hour is gone by now, that one says nothing beside its head.
        if let Some(digests) = digests(shared, feed, &head, signed)? {
            out[at].lists.push((feed, digests));
        }
    }
    Ok(out)
}

/// The digests that a head's list is made of, from the files; none where one of them is not there.
fn digests(
    shared: &Shared,
    feed: FeedId,
    head: &Head,
    signed: WallTime,
) -> Result<Option<Vec<String>>, Error> {
    let numbers = head.since.unwrap_or(head.sequence)..=head.sequence;
    // A day of them at most is in a list.
    let from = signed - crate::retention::days(2);
    let mut of = BTreeMap::new();
    for entry in shared.segments.range(feed, from, signed)? {
        if !numbers.contains(&entry.sequence) || shared.volumes.unavailable(entry.volume).is_some()
        {
            continue;
        }
        let path = shared.volumes.path(feed, &entry);
        let ends = File::open(&path)
            .map_err(|e| Error::io("open", &path, e))
            .and_then(|file| segment::reader::read_ends(&path, &file));
        if let Ok(Some(segment::reader::Ends { seal, .. })) = ends {
            of.insert(entry.sequence, hex(&seal.digest));
        }
    }
    let digests: Vec<String> = of.into_values().collect();
    Ok(head.lists(&digests).then_some(digests))
}

/// Bytes free where the package is to lie.
fn free(path: &Path) -> Result<u64, Error> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let stat = rustix::fs::statvfs(dir).map_err(|e| Error::io("stat", dir, e.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A package being written.
struct Package<'a> {
    path: PathBuf,
    file: File,
    at: u64,
    entries: Vec<zip::Entry>,
    files: Vec<manifest::File>,
    /// Of all blocks of all files.
    sums: Vec<u8>,
    progress: &'a Progress,
    stop: &'a CancellationToken,
}

impl<'a> Package<'a> {
    fn create(
        path: &Path,
        progress: &'a Progress,
        stop: &'a CancellationToken,
    ) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|e| Error::io("create", path, e))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            at: 0,
            entries: Vec::new(),
            files: Vec::new(),
            sums: Vec::new(),
            progress,
            stop,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.stop.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        let written = self.file.write_all(bytes);
        written.map_err(|e| Error::io_at("write", &self.path, self.at, e))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn counted(&mut self, bytes: &[u8], summing: &mut Summing) -> Result<(), Failure> {
        summing.update(bytes);
        self.write(bytes)?;
        self.progress.done.fetch_add(bytes.len() as u64, Relaxed);
        Ok(())
    }

    /// A file whose bytes are all there.
    fn small(&mut self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let sum = blocks::sum(bytes);
        let entry = zip::entry(name, self.at, &sum);
        self.write(&entry.local())?;
        self.write(bytes)?;
        self.note(entry, sum);
        Ok(())
    }

    fn note(&mut self, entry: zip::Entry, sum: blocks::Sum) {
        self.files.push(manifest::File {
            name: entry.name.clone(),
            size: sum.size,
            sha256: hex(&sum.sha256),
        });
        self.sums.extend_from_slice(&sum.blocks);
        self.entries.push(entry);
    }

    /// A camera's film, the first of its stream (0) or a later one; its segments get their hashes as they are read.
    fn film(&mut self, n: usize, film: Film) -> Result<manifest::Film, Failure> {
        let part = match n {
            0 => String::new(),
            n => format!("-{}", n + 1),
        };
        let FeedId { camera, profile } = film.feed;
        let name = format!("{camera}-{profile}{part}.mp4");
        let mut entry = zip::Entry {
            name: name.clone(),
            size: film.size(),
            crc: 0,
            at: self.at,
        };
        self.write(&entry.local())?;
        let mut summing = Summing::default();
        self.counted(&film.head, &mut summing)?;
        let mut segments = Vec::with_capacity(film.sources.len());
        let mut buffer = vec![0; PIECE];
        for source in film.sources {
            let path = &source.path;
            let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
            let mut segment = source.segment;
            let mut own = Sha256::new();
            for [from, to] in segment.ranges.iter().copied() {
                let mut at = from;
                while at < to {
                    let n = (to - at).min(PIECE as u64) as usize;
                    let piece = &mut buffer[..n];
                    file.read_exact_at(piece, at)
                        .map_err(|e| Error::io_at("read", path, at, e))?;
                    own.update(&*piece);
                    let piece = &buffer[..n];
                    self.counted(piece, &mut summing)?;
                    at += n as u64;
                }
            }
            segment.sha256 = hex(&own.finalize());
            segments.push(segment);
        }
        self.counted(&film.copies, &mut summing)?;
        let sum = summing.finish();
        // Its sum is known only now; its place is the header.
        entry.crc = sum.crc;
        self.file
            .write_all_at(&entry.local(), entry.at)
            .map_err(|e| Error::io_at("write", &self.path, entry.at, e))?;
        self.note(entry, sum);
        Ok(manifest::Film {
            file: name,
            profile: film.feed.profile,
            codecs: film.codecs,
            duration_s: film.duration_s,
            pieces: film.pieces,
            segments,
        })
    }

    /// Its directory; gives its size. On the disk when it returns.
    fn finish(mut self) -> Result<u64, Failure> {
        let directory = zip::directory(&self.entries, self.at);
        self.write(&directory)?;
        let synced = self.file.sync_all();
        synced.map_err(|e| Error::io("sync", &self.path, e))?;
        Ok(self.at)
    }
}

//! Power loss, simulated: everything that recorders did to the disks is on tape, and so is what was acknowledged when. A power
//! cut at any moment leaves what was synced; of what was not, any part, in any order, torn at sectors, and names that come and
//! go. Whatever it leaves, what was acknowledged is there, and everything that is there is whole.
//!
//! `SIGHTLINE_CUTS` says how many (60 if not given).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Mutex,
    time::Duration,
};

use media::{ByteCount, Frame, MediaTime, Profile, TrackKind, VideoCodec, VideoTrack, WallTime};
use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    Archive, Config, DataDir, check,
    files::{Done, Files},
    segmenter::{Limits, Segmenter},
};

const CAMERAS: u32 = 3;
const SECTOR: usize = 512;

fn feed(n: u32) -> FeedId {
    FeedId {
        camera: format!("44140301001320{n:06}").parse().unwrap(),
        profile: Profile::Main,
    }
}

fn tracks() -> Arc<Tracks> {
    Arc::new(Tracks {
        video: VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c00d".into(),
            config: bytes::Bytes::from_static(&[1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0]),
            width: 320,
            height: 180,
        },
        audio: None,
    })
}

/// A picture of a feed at ten a second, a key frame every second.
fn frame(rng: &mut StdRng, tracks: &Arc<Tracks>, start: WallTime, n: i64) -> Arc<Frame> {
    let mut data = vec![0; rng.random_range(100..3000)];
    rng.fill(&mut data[..]);
    Arc::new(Frame {
        feed: 1,
        tracks: Arc::clone(tracks),
        track: TrackKind::Video,
        key: n % 10 == 0,
        discontinuity: false,
        damaged: false,
        group: (n / 10) as u32,
        number: (n % 10) as u32,
        dts: MediaTime(n * 9000),
        pts: MediaTime(n * 9000),
        duration: MediaTime(9000),
        captured: start + Duration::from_millis(n as u64 * 100),
        data: data.into(),
        package: Default::default(),
    })
}

/// A segment that was acknowledged when so much was on the tape.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    after: usize,
    feed: FeedId,
    entry: Entry,
}

/// Up to where a feed's open segment had come to the disk when so much was on the tape.
#[derive(Clone, Copy, Debug)]
struct Flushed {
    after: usize,
    feed: FeedId,
    start: WallTime,
    end: WallTime,
}

/// A file on a disk that may lose its power.
#[derive(Clone, Default)]
struct File {
    /// Its content at the last sync.
    durable: Vec<u8>,
    /// What was done since.
    since: Vec<Done>,
    /// Its name is on the disk.
    named: bool,
    /// It was removed, and that is not on the disk yet.
    removed: bool,
}

impl File {
    fn write(content: &mut Vec<u8>, at: u64, bytes: &[u8]) {
        let end = at as usize + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[at as usize..end].copy_from_slice(bytes);
    }

    fn now(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        for done in &self.since {
            match done {
                Done::Write { at, bytes, .. } => Self::write(&mut content, *at, bytes),
                Done::Cut { len, .. } => content.resize(*len as usize, 0),
                _ => {}
            }
        }
        content
    }

    /// What of it a power cut leaves.
    fn left(&self, rng: &mut StdRng) -> Option<Vec<u8>> {
        if (self.removed || !self.named) && rng.random_bool(0.5) {
            return None;
        }
        let mut content = self.durable.clone();
        for done in &self.since {
            // Any of them may have come to the disk before any other.
            if rng.random_bool(0.4) {
                continue;
            }
            match done {
                Done::Write { at, bytes, .. } => {
                    let whole = rng.random_bool(0.5);
                    for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                        if whole || rng.random_bool(0.7) {
                            Self::write(&mut content, at + (n * SECTOR) as u64, sector);
                        }
                    }
                }
                Done::Cut { len, .. } => content.truncate(*len as usize),
                _ => {}
            }
        }
        Some(content)
    }
}

/// The disks after so much of the tape, and then no power.
fn after_cut(tape: &[Done], rng: &mut StdRng) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files: BTreeMap<PathBuf, File> = BTreeMap::new();
    for done in tape {
        match done {
            Done::MakeDir(_) => {}
            Done::Create(path) => {
                files.insert(path.clone(), File::default());
            }
            Done::Write { path, .. } | Done::Cut { path, .. } => {
                if let Some(file) = files.get_mut(path) {
                    file.since.push(done.clone());
                }
            }
            Done::Sync(path) => {
                if let Some(file) = files.get_mut(path) {
                    file.durable = file.now();
                    file.since.clear();
                }
            }
            Done::SyncDir(dir) => {
                files.retain(|path, file| !(file.removed && path.parent() == Some(dir)));
                for (path, file) in &mut files {
                    file.named |= path.parent() == Some(dir);
                }
            }
            Done::SyncAll(dir) => {
                files.retain(|path, file| !(file.removed && path.starts_with(dir)));
                for file in files.iter_mut().filter(|(path, _)| path.starts_with(dir)) {
                    let file = file.1;
                    file.durable = file.now();
                    file.since.clear();
                    file.named = true;
                }
            }
            Done::Remove(path) => {
                if let Some(file) = files.get_mut(path) {
                    file.removed = true;
                }
            }
        }
    }
    files
        .into_iter()
        .filter_map(|(path, file)| Some((path, file.left(rng)?)))
        .collect()
}

/// What was done, and what of it was acknowledged when.
struct Recorded {
    tape: Vec<Done>,
    acknowledged: Vec<Acknowledged>,
    flushed: Vec<Flushed>,
    start: WallTime,
}

/// Records with everything on tape.
fn record(root: &Path, seed: u64) -> Recorded {
    let tape = Arc::new(Mutex::new(Vec::new()));
    let on = Arc::clone(&tape);
    let files = Files::on_tape(move |done| on.lock().unwrap().push(done));
    let data = Arc::new(DataDir::open(root.join("data")).unwrap());
    let archive = Archive::open_on(&data, config(root), files).unwrap();
    let shared = archive.shared();
    let limits = Limits {
        segment: Duration::from_secs(4),
        ..Limits::default()
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let (tracks, start) = (tracks(), WallTime::from_secs(1_790_000_000));
    let mut recorders: Vec<(Segmenter, Disk)> = (0..CAMERAS)
        .map(|n| {
            (
                Segmenter::new(limits),
                Disk::new(Arc::clone(shared), feed(n)),
            )
        })
        .collect();
    let (mut acknowledged, mut known) = (Vec::new(), BTreeSet::new());
    let mut flushed = Vec::new();
    for n in 0..300 {
        if rng.random_bool(0.03) {
            for volume in shared.volumes.all().iter().filter(|v| v.listed) {
                shared.volumes.flush(volume);
            }
            let after = tape.lock().unwrap().len();
            for feed in (0..CAMERAS).map(feed) {
                let head = shared.live_now(feed).head;
                flushed.extend(head.map(|head| Flushed {
                    after,
                    feed,
                    start: head.entry.start,
                    end: head.entry.end,
                }));
            }
        }
        for (camera, (segmenter, disk)) in recorders.iter_mut().enumerate() {
            segmenter.frame(frame(&mut rng, &tracks, start, n));
            while let Some(step) = segmenter.poll() {
                disk.run([step]).unwrap();
                let feed = feed(camera as u32);
                for entry in shared.segments.all(feed).unwrap() {
                    if known.insert((feed, entry.sequence)) {
                        let after = tape.lock().unwrap().len();
                        acknowledged.push(Acknowledged { after, feed, entry });
                    }
                }
            }
        }
    }
    drop(recorders);
    let tape = tape.lock().unwrap().clone();
    Recorded {
        tape,
        acknowledged,
        flushed,
        start,
    }
}

fn config(root: &Path) -> Config {
    Config {
        volumes: vec![root.join("a"), root.join("b")],
        keep_free: ByteCount(0),
        keep_days: 36_500,
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn power_that_is_cut_at_any_moment_takes_nothing_that_was_acknowledged() {
    let cuts: u64 = std::env::var("SIGHTLINE_CUTS").map_or(60, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    let Recorded {
        tape,
        acknowledged,
        flushed,
        start,
    } = record(&root, 1);
    assert!(acknowledged.len() > 15, "{}", acknowledged.len());
    assert!(flushed.len() > 10, "{}", flushed.len());
    let (mut there, mut torn) = (0, 0);
    for cut in 0..cuts {
        let mut rng = StdRng::seed_from_u64(cut);
        let at = rng.random_range(0..=tape.len());
        let left = after_cut(&tape[..at], &mut rng);
        let after = tempfile::tempdir().unwrap();
        // What says whose the disks are was brought to them before anything else.
        for file in [
            "data/sightline-data",
            "a/sightline-volume",
            "b/sightline-volume",
        ] {
            let to = after.path().join(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(root.join(file), to).unwrap();
        }
        for (path, content) in &left {
            let to = after.path().join(path.strip_prefix(&root).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, content).unwrap();
        }
        let data = Arc::new(DataDir::open(after.path().join("data")).unwrap());
        let archive = Archive::open(&data, config(after.path())).unwrap();
        let mut progress = archive.rebuild_progress();
        let whole =
            tokio::time::timeout(Duration::from_secs(300), progress.wait_for(Option::is_none));
        drop(whole.await.unwrap().unwrap());
        for ack in acknowledged.iter().filter(|a| a.after <= at) {
            let all = archive.shared().segments.all(ack.feed).unwrap();
            assert!(
                all.contains(&ack.entry),
                "cut {cut} at {at}: {ack:?} is not in {all:?}"
            );
            there += 1;
        }
        for done in flushed.iter().filter(|f| f.after <= at) {
            let all = archive.shared().segments.all(done.feed).unwrap();
            let open = all.iter().find(|e| e.start == done.start);
            assert!(
                open.is_some_and(|e| e.end >= done.end),
                "cut {cut} at {at}: {done:?} is not in {all:?}"
            );
        }
        torn += left.len();
        // It goes on where it was, and the chains are whole.
        for n in 0..CAMERAS {
            let mut segmenter = Segmenter::new(Limits::default());
            let mut disk = Disk::new(Arc::clone(archive.shared()), feed(n));
            let later = start + Duration::from_secs(100);
            for k in 0..20 {
                segmenter.frame(frame(&mut rng, &tracks(), later, k));
            }
            segmenter.cut();
            while let Some(step) = segmenter.poll() {
                disk.run([step]).unwrap();
            }
        }
        archive.shutdown(Duration::from_secs(60)).await;
        drop((archive, data));
        let report = check(&after.path().join("data"), false).unwrap();
        assert!(report.faults.is_empty(), "cut {cut} at {at}: {report}");
    }
    println!("{cuts} cuts: {there} acknowledged segments, all there; {torn} files left");
}

//! Several disks: one that fails, fills, hangs, is not there or is another, while the others go on.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use common::*;
use media::{ByteCount, ReasonCode, WallTime};
use storage::{
    Archive, Config, DataDir, Policy, VolumeAlarm, VolumeAlarmKind, check,
    files::{Call, Files},
};
use tokio::sync::broadcast;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;

fn base() -> WallTime {
    at("03:00:00")
}

/// A data directory, and as many other directories as disks.
struct Disks {
    dir: tempfile::TempDir,
    data: Arc<DataDir>,
    paths: Vec<PathBuf>,
}

impl Disks {
    fn new(n: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = Arc::new(DataDir::open(dir.path().join("data")).unwrap());
        let paths = (1..=n).map(|n| dir.path().join(format!("disk-{n}")));
        Self {
            data,
            paths: paths.collect(),
            dir,
        }
    }

    fn config(&self, policy: Policy) -> Config {
        Config {
            volumes: self.paths.clone(),
            policy,
            ..config()
        }
    }

    /// Segments on a disk.
    fn files(&self, n: usize) -> Vec<PathBuf> {
        mp4s(&self.paths[n - 1])
    }

    fn check(self) -> tempfile::TempDir {
        drop(self.data);
        let report = check(&self.dir.path().join("data"), false).unwrap();
        assert!(report.faults.is_empty(), "{report}");
        self.dir
    }
}

fn mp4s(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => dirs.push(path),
                false if path.extension().is_some_and(|e| e == "mp4") => out.push(path),
                false => {}
            }
        }
    }
    out
}

async fn volume_alarm(
    alarms: &mut broadcast::Receiver<VolumeAlarm>,
    wanted: impl Fn(&VolumeAlarm) -> bool,
) -> VolumeAlarm {
    let wait = async {
        loop {
            let alarm = alarms.recv().await.unwrap();
            if wanted(&alarm) {
                return alarm;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .expect("a volume's alarm")
}

fn is_out(number: u16) -> impl Fn(&VolumeAlarm) -> bool {
    move |a| a.number == number && matches!(a.kind, VolumeAlarmKind::Out(_))
}

fn is_back(number: u16) -> impl Fn(&VolumeAlarm) -> bool {
    move |a| a.number == number && matches!(a.kind, VolumeAlarmKind::Back { .. })
}

/// Calls on a disk fail while a failure is set.
type Failure = Arc<Mutex<Option<(Call, i32)>>>;

fn failing(disk: &Path) -> (Files, Failure, Arc<AtomicU64>) {
    let (failure, hits) = (Failure::default(), Arc::new(AtomicU64::new(0)));
    let (set, hit, disk) = (Arc::clone(&failure), Arc::clone(&hits), disk.to_owned());
    let files = Files::with_faults(move |call, path| {
        let set = *set.lock().unwrap();
        // A disk that refuses to be written to does not remove files either.
        match set.filter(|(c, _)| *c == call && path.starts_with(&disk)) {
            Some((_, code)) => {
                hit.fetch_add(1, Ordering::Relaxed);
                Err(io::Error::from_raw_os_error(code))
            }
            None => Ok(None),
        }
    });
    (files, failure, hits)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_is_taken_out_while_the_others_go_on_and_nothing_is_missing_afterwards() {
    const CAMERAS: u32 = 6;
    let clip = clip(SMALL);
    let cases = [
        (Call::Write, EIO, ReasonCode::DiskError),
        (Call::Write, ENOSPC, ReasonCode::DiskFull),
        (Call::Create, EROFS, ReasonCode::DiskError),
        (Call::Sync, EIO, ReasonCode::DiskError),
    ];
    for (call, code, reason) in cases {
        let disks = Disks::new(3);
        let (files, failure, hits) = failing(&disks.paths[1]);
        let archive = Archive::open_on(&disks.data, disks.config(Policy::Spread), files).unwrap();
        let mut alarms = archive.volume_alarms();
        let (mut recorders, mut playing) = (Vec::new(), Vec::new());
        for n in 0..CAMERAS {
            let source = Source::new(n, base());
            recorders.push(archive.record(source.lease(), 36_500));
            playing.push(source.keep_playing(&clip));
        }
        for n in 0..CAMERAS {
            recorded(&archive, n, base(), base() + s(8)).await;
        }
        // Two on each.
        let open: Vec<u32> = archive.volumes().iter().map(|v| v.open).collect();
        assert_eq!(open, [0, 2, 2, 2]);

        *failure.lock().unwrap() = Some((call, code));
        let out = volume_alarm(&mut alarms, is_out(2)).await;
        let VolumeAlarmKind::Out(why) = out.kind else {
            unreachable!()
        };
        assert_eq!(why.code, reason, "{call:?} {code}: {why}");
        assert!(why.text.contains("disk-2"), "{why}");
        let status = archive.volumes();
        assert!(status[2].out.is_some() && status[2].unreadable.is_none());
        assert!(status[1].out.is_none() && status[3].out.is_none());
        // Another two segments of each camera, none of them there.
        let later = archive
            .timeline(camera(0), base(), WallTime::now())
            .await
            .unwrap();
        let until = later.spans.last().map_or(base(), |span| span.end) + s(130);
        for n in 0..CAMERAS {
            recorded(&archive, n, base(), until).await;
        }
        assert_eq!(archive.volumes()[2].open, 0);
        assert!(hits.load(Ordering::Relaxed) > 0);

        *failure.lock().unwrap() = None;
        volume_alarm(&mut alarms, is_back(2)).await;
        assert!(archive.volumes()[2].out.is_none());
        let before = disks.files(2).len();
        until_files(&disks, 2, before + 2).await;
        let mut ends = Vec::new();
        for playing in playing {
            ends.push(playing.stop().await.wall);
        }
        for recorder in recorders {
            recorder.stop().await;
        }
        for (n, end) in ends.iter().enumerate() {
            let t = archive
                .timeline(camera(n as u32), base(), *end)
                .await
                .unwrap();
            assert_eq!(
                (t.spans.len(), t.gaps.len()),
                (1, 0),
                "{call:?} {code}, camera {n}: {t:?}"
            );
        }
        archive.shutdown(PATIENCE).await;
        drop(archive);
        disks.check();
    }
}

async fn until_files(disks: &Disks, n: usize, least: usize) {
    until("new segments lie on the disk", || {
        std::future::ready(disks.files(n).len() >= least)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_is_taken_out_and_holds_up_nobody_elses_disk() {
    let clip = clip(SMALL);
    let disks = Disks::new(2);
    let gate = Arc::new((Mutex::new(true), Condvar::new()));
    let (hangs, disk) = (Arc::clone(&gate), disks.paths[0].clone());
    let files = Files::with_faults(move |call, path| {
        if call == Call::Write && path.starts_with(&disk) {
            let (open, bell) = &*hangs;
            drop(bell.wait_while(open.lock().unwrap(), |open| !*open));
        }
        Ok(None)
    });
    let config = Config {
        hang_seconds: 2,
        ..disks.config(Policy::Spread)
    };
    let archive = Archive::open_on(&disks.data, config, files).unwrap();
    let mut alarms = archive.volume_alarms();
    let (mut recorders, mut playing) = (Vec::new(), Vec::new());
    // More of them than the hanging disk has threads.
    for n in 0..12 {
        let source = Source::new(n, base());
        recorders.push(archive.record(source.lease(), 36_500));
        playing.push(source.keep_playing(&clip));
    }
    for n in 0..12 {
        recorded(&archive, n, base(), base() + s(8)).await;
    }
    *gate.0.lock().unwrap() = false;
    let out = volume_alarm(&mut alarms, is_out(1)).await;
    assert!(
        matches!(&out.kind, VolumeAlarmKind::Out(r) if r.code == ReasonCode::DiskSlow),
        "{out:?}"
    );
    // All are recorded on and on: those whose disk hangs on the other one.
    let healthy = || async {
        let mut count = 0;
        for n in 0..12 {
            let t = archive.timeline(camera(n), base(), WallTime::now()).await;
            let end = t.unwrap().spans.last().unwrap().end;
            count += u32::from(end > base() + s(400));
        }
        count == 12
    };
    until("all cameras go on for minutes", healthy).await;
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    volume_alarm(&mut alarms, is_back(1)).await;
    let mut ends = Vec::new();
    for playing in playing {
        ends.push(playing.stop().await.wall);
    }
    for recorder in recorders {
        recorder.stop().await;
    }
    for (n, end) in ends.iter().enumerate() {
        let t = archive
            .timeline(camera(n as u32), base(), *end)
            .await
            .unwrap();
        assert_eq!(t.spans.last().unwrap().end, *end, "camera {n}: {t:?}");
        let slow = |g: &storage::Gap| g.reason.code == ReasonCode::DiskSlow;
        assert!(t.gaps.iter().all(slow), "camera {n}: {t:?}");
    }
    archive.shutdown(PATIENCE).await;
    drop(archive);
    disks.check();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_on_a_disk_that_is_gone_is_told_and_is_there_again_with_it() {
    let clip = clip(SMALL);
    let disks = Disks::new(2);
    let config = disks.config(Policy::Camera);
    let archive = Archive::open(&disks.data, config.clone()).unwrap();
    let mut end = base();
    const CAMERAS: u32 = 8;
    for n in 0..CAMERAS {
        let mut source = Source::new(n, base());
        let recorder = archive.record(source.lease(), 36_500);
        source.play(&clip, 40);
        end = source.wall;
        recorded(&archive, n, base(), end - s(2)).await;
        recorder.stop().await;
    }
    archive.shutdown(PATIENCE).await;
    drop(archive);
    // A camera has one disk.
    let of = |n: u32| -> Vec<usize> {
        let has = |d: &usize| {
            let files = disks.files(*d);
            files
                .iter()
                .any(|f| f.to_str().unwrap().contains(camera(n).as_str()))
        };
        [1, 2].into_iter().filter(has).collect()
    };
    let homes: Vec<Vec<usize>> = (0..CAMERAS).map(of).collect();
    assert!(homes.iter().all(|h| h.len() == 1), "{homes:?}");
    let lost = (0..CAMERAS).find(|n| homes[*n as usize] == [2]).unwrap();
    let kept = (0..CAMERAS).find(|n| homes[*n as usize] == [1]).unwrap();

    let aside = disks.dir.path().join("aside");
    fs::rename(&disks.paths[1], &aside).unwrap();
    let archive = Archive::open(&disks.data, config.clone()).unwrap();
    let t = archive.timeline(camera(lost), base(), end).await.unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
    let why = t.spans[0].unavailable.clone().unwrap();
    assert!(why.text.contains("disk-2"), "{why}");
    assert!(
        archive
            .playback(camera(lost), base(), end)
            .await
            .unwrap()
            .is_none()
    );
    let t = archive.timeline(camera(kept), base(), end).await.unwrap();
    assert_eq!((t.spans.len(), t.spans[0].unavailable.clone()), (1, None));
    assert!(
        archive
            .playback(camera(kept), base(), end)
            .await
            .unwrap()
            .is_some()
    );
    // Nothing of it is deleted, whatever its age.
    archive.keep(camera(lost), 1).await.unwrap();
    assert!(archive.sweep().await.is_empty());
    archive.keep(camera(lost), 36_500).await.unwrap();
    // What is recorded meanwhile goes on in the chain.
    let mut source = Source::new(lost, end + s(5));
    let recorder = archive.record(source.lease(), 36_500);
    source.play(&clip, 5);
    recorded(&archive, lost, end + s(5), source.wall - s(2)).await;
    recorder.stop().await;
    archive.shutdown(PATIENCE).await;
    drop(archive);
    let report = check(disks.data_path(), false);
    assert!(report.is_err(), "this process has it");

    // The index goes too, and is made again without the disk; then the disk is back.
    fs::remove_dir_all(disks.dir.path().join("data/index")).unwrap();
    fs::create_dir(disks.dir.path().join("data/index")).unwrap();
    let archive = Archive::open(&disks.data, config).unwrap();
    rebuilt(&archive).await;
    let t = archive.timeline(camera(lost), base(), end).await.unwrap();
    assert!(t.spans.is_empty(), "{t:?}");
    // Nobody knows its numbers now: what is recorded has others all the same.
    let mut source = Source::new(lost, end + s(60));
    let recorder = archive.record(source.lease(), 36_500);
    source.play(&clip, 5);
    recorded(&archive, lost, end + s(60), source.wall - s(2)).await;
    recorder.stop().await;
    let mut alarms = archive.volume_alarms();
    if disks.paths[1].exists() {
        fs::remove_dir(&disks.paths[1]).unwrap();
    }
    fs::rename(&aside, &disks.paths[1]).unwrap();
    volume_alarm(&mut alarms, is_back(2)).await;
    until("what it holds is found again", || async {
        let t = archive.timeline(camera(lost), base(), end).await.unwrap();
        t.gaps.is_empty() && t.spans.len() == 1 && t.spans[0].unavailable.is_none()
    })
    .await;
    rebuilt(&archive).await;
    // The chain begins anew on the other disk, which was noted, and goes on from there.
    let mut source = Source::new(lost, end + s(120));
    let recorder = archive.record(source.lease(), 36_500);
    source.play(&clip, 5);
    recorded(&archive, lost, end + s(120), source.wall - s(2)).await;
    recorder.stop().await;
    assert!(
        archive
            .playback(camera(lost), base(), end)
            .await
            .unwrap()
            .is_some()
    );
    archive.shutdown(PATIENCE).await;
    drop(archive);
    disks.check();
}

impl Disks {
    fn data_path(&self) -> &Path {
        self.data.path()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_disk_makes_its_own_room() {
    let (Some(a), Some(b)) = (SmallDisk::mount("32m"), SmallDisk::mount("32m")) else {
        return;
    };
    let clip = clip(SMALL);
    let mut disks = Disks::new(0);
    disks.paths = [&a, &b].map(|disk| disk.path().to_owned()).into();
    let config = Config {
        keep_free: ByteCount::mebibytes(8),
        ..disks.config(Policy::Spread)
    };
    let archive = Archive::open(&disks.data, config).unwrap();
    for n in 0..2 {
        let mut source = Source::new(n, base());
        let recorder = archive.record(source.lease(), 36_500);
        source.play(&clip, 160);
        recorded(&archive, n, base(), source.wall - s(2)).await;
        recorder.stop().await;
    }
    assert!(archive.sweep().await.is_empty());
    let before = [disks.files(1), disks.files(2)];
    assert!(before.iter().all(|files| files.len() > 5), "{before:?}");
    // Half a megabyte too much: some segments go, of this disk, and the oldest.
    a.fill_but(15 * 512 * 1024);
    let gone = archive.sweep().await;
    assert!(
        !gone.is_empty() && gone.len() < before[0].len(),
        "{}",
        gone.len()
    );
    let after = [disks.files(1), disks.files(2)];
    assert_eq!(after[1].len(), before[1].len(), "the other has room");
    assert_eq!(after[0].len() + gone.len(), before[0].len());
    let start = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap()[..15].to_owned();
    let mut starts: Vec<String> = before[0].iter().map(start).collect();
    starts.sort_unstable();
    let mut left: Vec<String> = after[0].iter().map(start).collect();
    left.sort_unstable();
    assert_eq!(left, starts[gone.len()..]);
    archive.shutdown(PATIENCE).await;
    drop(archive);
    a.empty();
    disks.check();
}

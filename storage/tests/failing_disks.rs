//! Disks that refuse, fill, turn read-only or hang: an alarm, a gap with its reason, others go on, and it comes back by itself.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use common::*;
use media::{
    ByteCount, CameraId, Event, EventId, EventKind, Grade, ReasonCode, WallTime, ring::Limits,
};
use storage::{
    AlarmKind, Archive, DataDir, Events, RecorderState, check,
    files::{Call, Files},
};

/// Half a minute before the hour: the second segment needs a new directory.
fn base() -> WallTime {
    at("10:59:30")
}

/// EIO, EROFS and ENOSPC as Linux numbers them.
const EIO: i32 = 5;
const EROFS: i32 = 30;
const ENOSPC: i32 = 28;

#[derive(Clone, Copy, Debug)]
enum Failure {
    Errno(i32),
    /// So much of a write is done, then the disk is full.
    Short(usize),
}

/// What fails, while it is switched on.
#[derive(Clone, Default)]
struct Failing {
    list: Arc<Mutex<Vec<(CameraId, Call, Failure)>>>,
    /// How many calls were refused.
    hits: Arc<AtomicU64>,
}

impl Failing {
    fn files(&self) -> Files {
        let this = self.clone();
        Files::with_faults(move |call, path| {
            let list = this.list.lock().unwrap();
            let hit = list.iter().find(|(camera, c, _)| {
                *c == call && path.to_str().unwrap().contains(camera.as_str())
            });
            let Some((.., failure)) = hit else {
                return Ok(None);
            };
            this.hits.fetch_add(1, Ordering::Relaxed);
            match failure {
                Failure::Errno(code) => Err(io::Error::from_raw_os_error(*code)),
                Failure::Short(n) => Ok(Some(*n)),
            }
        })
    }
}

/// Nothing is left to put right, and every file decodes to its last picture.
fn all_is_well(dir: &Path) {
    for file in segment_files(dir) {
        assert!(decode(&file) > 0, "{}", file.display());
    }
    let report = check(dir, false).unwrap();
    assert!(report.faults.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_call_fails_with_whichever_error_it_is_said_and_it_comes_back() {
    let (clip, failing) = (clip(SMALL), Failing::default());
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open_on(&data, config(), failing.files()).unwrap();
    let mut cases = Vec::new();
    for call in [Call::MakeDir, Call::Create, Call::Write, Call::Sync] {
        for code in [EIO, EROFS, ENOSPC] {
            cases.push((call, Failure::Errno(code)));
        }
    }
    cases.push((Call::Write, Failure::Short(1)));
    cases.push((Call::Write, Failure::Short(2000)));
    let healthy = cases.len() as u32;
    let mut alarms = archive.alarms();
    let mut recorders = Vec::new();
    let mut playing = Vec::new();
    for n in 0..=healthy {
        let source = Source::new(n, base());
        recorders.push(archive.record(source.lease(), 36_500));
        playing.push(source.keep_playing(&clip));
    }
    for n in 0..=healthy {
        recorded(&archive, n, base(), base() + s(8)).await;
    }
    *failing.list.lock().unwrap() = cases
        .iter()
        .enumerate()
        .map(|(n, (call, failure))| (camera(n as u32), *call, *failure))
        .collect();
    let mut stopped = vec![None; cases.len()];
    while stopped.iter().any(Option::is_none) {
        let alarm = tokio::time::timeout(PATIENCE, alarms.recv())
            .await
            .unwrap()
            .unwrap();
        let AlarmKind::Stopped(reason) = alarm.kind else {
            continue;
        };
        if !matches!(reason.code, ReasonCode::DiskFull | ReasonCode::DiskError) {
            continue;
        }
        let n = (0..healthy).find(|n| camera(*n) == alarm.feed.camera);
        stopped[n.expect("the healthy one goes on") as usize] = Some(reason);
    }
    for ((call, failure), reason) in cases.iter().zip(stopped.iter().flatten()) {
        let full = matches!(failure, Failure::Errno(ENOSPC) | Failure::Short(_));
        let code = match full {
            true => ReasonCode::DiskFull,
            false => ReasonCode::DiskError,
        };
        assert_eq!(reason.code, code, "{call:?} {failure:?}: {reason}");
        assert!(
            reason.text.contains(dir.path().to_str().unwrap()),
            "{reason}"
        );
    }
    // It is tried again and again, and given up for a while; the healthy one goes on.
    let before = failing.hits.load(Ordering::Relaxed);
    until("every failing call is tried four times more", || {
        std::future::ready(failing.hits.load(Ordering::Relaxed) > before + 4 * u64::from(healthy))
    })
    .await;
    let states: Vec<RecorderState> = recorders.iter().map(storage::Recorder::state).collect();
    assert_eq!(states[healthy as usize], RecorderState::Recording);
    let t = archive
        .timeline(camera(healthy), base(), base() + s(90))
        .await
        .unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");

    failing.list.lock().unwrap().clear();
    for recorder in &recorders {
        until("it records again", || {
            std::future::ready(recorder.state() == RecorderState::Recording)
        })
        .await;
    }
    let mut ends = Vec::new();
    for playing in playing {
        ends.push(playing.stop().await.wall);
    }
    for recorder in recorders {
        recorder.stop().await;
    }
    for (n, (call, failure)) in cases.iter().enumerate() {
        let t = archive
            .timeline(camera(n as u32), base(), ends[n])
            .await
            .unwrap();
        assert_eq!(
            t.spans.last().unwrap().end,
            ends[n],
            "{call:?} {failure:?}: {t:?}"
        );
        // What was written before is there, and every hole has the disk for its reason.
        assert!(
            t.spans[0].start == base() && t.spans[0].end >= base() + s(8),
            "{call:?} {failure:?}: {t:?}"
        );
        assert!(!t.gaps.is_empty(), "{call:?} {failure:?}: {t:?}");
        for gap in &t.gaps {
            assert!(
                matches!(
                    gap.reason.code,
                    ReasonCode::DiskFull | ReasonCode::DiskError
                ),
                "{call:?} {failure:?}: {gap:?}"
            );
        }
    }
    archive.shutdown(PATIENCE).await;
    drop((archive, data));
    all_is_well(dir.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_hangs_holds_up_nobody_else_and_loses_nothing() {
    let clip = clip(SMALL);
    let gate = Arc::new((Mutex::new(true), Condvar::new()));
    let hangs = Arc::clone(&gate);
    let files = Files::with_faults(move |call, path| {
        if call == Call::Write && path.to_str().unwrap().contains(camera(1).as_str()) {
            let (open, bell) = &*hangs;
            drop(bell.wait_while(open.lock().unwrap(), |open| !*open));
        }
        Ok(None)
    });
    let dir = tempfile::tempdir().unwrap();
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open_on(&data, config(), files).unwrap();
    let mut slow = Source::new(1, base());
    let mut other = Source::new(2, base());
    let recorders = [&slow, &other].map(|s| archive.record(s.lease(), 36_500));
    slow.play(&clip, 2);
    other.play(&clip, 2);
    recorded(&archive, 1, base(), base() + s(6)).await;
    *gate.0.lock().unwrap() = false;
    slow.play(&clip, 5);
    other.play(&clip, 5);
    recorded(&archive, 2, base(), base() + s(26)).await;
    let t = archive
        .timeline(camera(1), base(), base() + s(28))
        .await
        .unwrap();
    assert!(t.spans[0].end < base() + s(10), "{t:?}");
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    for recorder in recorders {
        recorder.stop().await;
    }
    for n in [1, 2] {
        let t = archive
            .timeline(camera(n), base(), base() + s(28))
            .await
            .unwrap();
        assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
    }
    archive.shutdown(PATIENCE).await;
    drop((archive, data));
    all_is_well(dir.path());
}

/// A data directory whose recordings lie on a disk of their own.
fn with_recordings_on(disk: &SmallDisk) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    drop(DataDir::open(dir.path()).unwrap());
    let recordings = dir.path().join("recordings");
    fs::remove_dir(&recordings).unwrap();
    std::os::unix::fs::symlink(disk.path(), &recordings).unwrap();
    dir
}

fn disk_full(kind: &AlarmKind) -> Option<()> {
    matches!(kind, AlarmKind::Stopped(r) if r.code == ReasonCode::DiskFull).then_some(())
}

fn disk_error(kind: &AlarmKind) -> Option<String> {
    match kind {
        AlarmKind::Stopped(r) if r.code == ReasonCode::DiskError => Some(r.text.clone()),
        _ => None,
    }
}

fn back(kind: &AlarmKind) -> Option<()> {
    matches!(kind, AlarmKind::Back { .. }).then_some(())
}

fn event(n: u32) -> Event {
    let at = WallTime::from_secs(1_700_000_000 + i64::from(n));
    Event {
        id: EventId {
            at: at.0,
            number: n,
        },
        kind: EventKind::Manual,
        camera: None,
        region: None,
        start: at,
        last: at,
        end: Some(at),
        count: 1,
        grade: Grade::IV,
        score: 0.0,
        text: "x".repeat(10_000),
        snapshot: false,
        acknowledged: None,
        more: media::event::More::default(),
        repeats: None,
        incident: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_with_everything_on_it() {
    let Some(disk) = SmallDisk::mount("12m") else {
        return;
    };
    let clip = clip(SMALL);
    let data = Arc::new(DataDir::open(disk.path()).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    let events = Events::open(&data).unwrap();
    events.put(event(1), None).await.unwrap();
    let source = Source::new(6, base());
    let mut alarms = archive.alarms();
    let recorder = archive.record(source.lease(), 36_500);
    let playing = source.keep_playing(&clip);
    recorded(&archive, 6, base(), base() + s(8)).await;
    disk.fill();
    alarm(&mut alarms, disk_full).await;
    until("the state says so", || {
        std::future::ready(
            matches!(recorder.state(), RecorderState::Stopped(r) if r.code == ReasonCode::DiskFull),
        )
    })
    .await;
    let refused = events.put(event(2), None).await.unwrap_err();
    assert!(refused.is_full(), "{refused}");

    disk.empty();
    alarm(&mut alarms, back).await;
    events.put(event(3), None).await.unwrap();
    let end = playing.stop().await.wall;
    recorder.stop().await;
    let t = archive.timeline(camera(6), base(), end).await.unwrap();
    assert_eq!(t.spans.last().unwrap().end, end, "{t:?}");
    assert!(
        !t.gaps.is_empty() && t.gaps.iter().all(|g| g.reason.code == ReasonCode::DiskFull),
        "{t:?}"
    );
    archive.shutdown(PATIENCE).await;
    drop((archive, events));
    // What was acknowledged is there, and what was refused is not.
    let events = Events::open(&data).unwrap();
    for (n, there) in [(1, true), (2, false), (3, true)] {
        let found = events.get(event(n).id).await.unwrap();
        assert_eq!(found.is_some(), there, "{n}");
    }
    drop((events, data));
    all_is_well(disk.path());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_turns_read_only_while_the_journals_have_another() {
    let Some(disk) = SmallDisk::mount("64m") else {
        return;
    };
    let clip = clip(SMALL);
    let dir = with_recordings_on(&disk);
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    let mut source = Source::new(7, base());
    let recorder = archive.record(source.lease(), 36_500);
    source.play(&clip, 3);
    recorded(&archive, 7, base(), base() + s(10)).await;
    // The system refuses to make a disk read-only while a file is open for writing.
    recorder.stop().await;
    disk.remount("ro");
    let mut alarms = archive.alarms();
    let recorder = archive.record(source.lease(), 36_500);
    let playing = source.keep_playing(&clip);
    let said = alarm(&mut alarms, disk_error).await;
    assert!(said.to_lowercase().contains("read-only"), "{said}");
    let now = archive.timeline(camera(7), base(), base() + s(5)).await;
    assert_eq!(now.unwrap().spans.len(), 1);
    disk.remount("rw");
    alarm(&mut alarms, back).await;
    let end = playing.stop().await.wall;
    recorder.stop().await;
    let t = archive.timeline(camera(7), base(), end).await.unwrap();
    assert_eq!(t.spans.last().unwrap().end, end, "{t:?}");
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    assert_eq!(t.gaps[0].reason.code, ReasonCode::DiskError, "{t:?}");
    archive.shutdown(PATIENCE).await;
    drop((archive, data));
    all_is_well(dir.path());
}

// One thread: the source pushes all of it before the recorder has a turn.
#[tokio::test]
async fn what_the_ring_could_not_keep_is_a_gap_with_a_reason_and_an_alarm() {
    let store = Store::new();
    let clip = clip(H264);
    let small = Limits {
        max: ByteCount(200_000),
        history: ByteCount(100_000),
    };
    let mut source = Source::new(7, base()).with_ring(small);
    let mut alarms = store.archive.alarms();
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 1);
    until("it records", || {
        std::future::ready(recorder.state() == RecorderState::Recording)
    })
    .await;
    source.play(&clip, 10);
    let dropped = |kind: &AlarmKind| match kind {
        AlarmKind::Dropped { frames, reason } => Some((*frames, reason.code)),
        _ => None,
    };
    let (frames, code) = alarm(&mut alarms, dropped).await;
    assert!(frames > 0 && code == ReasonCode::DiskSlow);
    recorder.stop().await;
    let t = store
        .archive
        .timeline(camera(7), base(), base() + s(44))
        .await
        .unwrap();
    assert_eq!(t.spans.last().unwrap().end, base() + s(44), "{t:?}");
    assert_eq!(
        t.gaps.last().unwrap().reason.code,
        ReasonCode::DiskSlow,
        "{t:?}"
    );
    for file in store.files() {
        decode(&file);
    }
}

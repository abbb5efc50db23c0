use super::*;

fn data() -> (tempfile::TempDir, DataDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path().join("data")).unwrap();
    (dir, data)
}

fn open(data: &DataDir, listed: &[PathBuf]) -> Volumes {
    Volumes::open(data, listed, Policy::Spread, Files::default()).unwrap()
}

fn numbers(volumes: &Volumes) -> Vec<(u16, PathBuf, bool, bool)> {
    let of = |v: &VolumeStatus| (v.number, v.path.clone(), v.takes, v.unreadable.is_some());
    volumes.status().iter().map(of).collect()
}

fn camera() -> CameraId {
    "44140301001320000001".parse().unwrap()
}

#[test]
fn a_data_directory_alone_is_volume_0_and_leaves_no_trace() {
    let (_dir, data) = data();
    let volumes = open(&data, &[]);
    assert_eq!(numbers(&volumes), [(0, data.recordings(), true, false)]);
    assert!(!data.path().join("volumes.json").exists());
    assert_eq!(volumes.place(camera(), &[]).unwrap().0.number, 0);
    assert!(volumes.place(camera(), &[0]).is_none());
    assert!(volumes.free() > 0);
}

#[test]
fn volumes_keep_their_numbers_whatever_the_order_and_the_place() {
    let (dir, data) = data();
    let [a, b, c] = ["a", "b", "c"].map(|n| dir.path().join(n));
    let volumes = open(&data, &[a.clone(), b.clone()]);
    let both = [
        (0, data.recordings(), false, false),
        (1, a.clone(), true, false),
        (2, b.clone(), true, false),
    ];
    assert_eq!(numbers(&volumes), both);
    // The data directory's own takes recordings only where it is listed.
    assert!(volumes.place(camera(), &[1, 2]).is_none());
    assert_eq!(numbers(&open(&data, &[b.clone(), a.clone()])), both);
    fs::rename(&a, &c).unwrap();
    let volumes = open(&data, &[b.clone(), c.clone(), data.recordings()]);
    assert_eq!(
        numbers(&volumes),
        [
            (0, data.recordings(), true, false),
            (1, c.clone(), true, false),
            (2, b.clone(), true, false)
        ]
    );
    // One that is not listed any more is read.
    let volumes = open(&data, std::slice::from_ref(&b));
    assert_eq!(numbers(&volumes)[1], (1, c.clone(), false, false));
    assert_eq!(volumes.place(camera(), &[]).unwrap().0.number, 2);
    // Also where the list of them is lost, if the directories are listed.
    fs::write(data.path().join("volumes.json"), "nonsense").unwrap();
    let volumes = open(&data, &[b, c]);
    assert_eq!(numbers(&volumes).len(), 3);
    assert!(numbers(&volumes).iter().all(|(.., lost)| !lost));
}

#[test]
fn a_disk_that_is_not_there_or_is_another_is_named_and_not_written_to() {
    let (dir, data) = data();
    let [a, b] = ["a", "b"].map(|n| dir.path().join(n));
    let listed = [a.clone(), b.clone()];
    drop(open(&data, &listed));
    let said = |volumes: &Volumes, n: usize| volumes.status()[n].unreadable.clone().unwrap().text;

    // Swapped.
    let aside = dir.path().join("aside");
    fs::rename(&a, &aside).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(&aside, &b).unwrap();
    let volumes = open(&data, &listed);
    // Each is known by what it says, wherever it is.
    assert_eq!(numbers(&volumes)[1], (1, b.clone(), true, false));

    // Not mounted: an empty directory in its place.
    fs::rename(&b, &aside).unwrap();
    fs::create_dir(&b).unwrap();
    let volumes = open(&data, &listed);
    assert!(
        said(&volumes, 1).contains("is not mounted"),
        "{}",
        said(&volumes, 1)
    );
    assert!(volumes.unavailable(1).is_some() && volumes.unavailable(2).is_none());
    assert_eq!(volumes.place(camera(), &[]).unwrap().0.number, 2);
    assert!(volumes.place(camera(), &[2]).is_none());
    assert_eq!(fs::read_dir(&b).unwrap().count(), 0);
    // It is back, and so is what it holds.
    let mut alarms = volumes.alarms();
    fs::remove_dir(&b).unwrap();
    fs::rename(&aside, &b).unwrap();
    let volume = Arc::clone(volumes.get(1).unwrap());
    assert!(volumes.look(&volume));
    assert!(!volumes.look(&volume));
    assert!(volumes.unavailable(1).is_none());
    let back = alarms.try_recv().unwrap();
    assert!(
        matches!(back.kind, VolumeAlarmKind::Back { .. }),
        "{back:?}"
    );

    // Another gateway's, a copy, and a directory of somebody's.
    let other = DataDir::open(dir.path().join("other")).unwrap();
    let theirs = dir.path().join("theirs");
    drop(open(&other, std::slice::from_ref(&theirs)));
    let copy = dir.path().join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(a.join(IDENTITY), copy.join(IDENTITY)).unwrap();
    let holiday = dir.path().join("holiday");
    fs::create_dir(&holiday).unwrap();
    fs::write(holiday.join("beach.jpg"), "x").unwrap();
    let volumes = open(&data, &[a, b, theirs, copy, holiday.clone()]);
    let all = numbers(&volumes);
    assert_eq!(all.len(), 6);
    assert!(
        said(&volumes, 3).contains("of another gateway"),
        "{}",
        said(&volumes, 3)
    );
    assert!(
        said(&volumes, 4).contains("copied"),
        "{}",
        said(&volumes, 4)
    );
    assert!(
        said(&volumes, 5).contains("holds 'beach.jpg'"),
        "{}",
        said(&volumes, 5)
    );
    assert_eq!(fs::read_dir(&holiday).unwrap().count(), 1);
}

#[test]
fn one_that_failed_is_out_until_it_takes_a_write_and_is_looked_at_ever_more_seldom() {
    let (dir, data) = data();
    let listed = ["a", "b"].map(|n| dir.path().join(n));
    let broken = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&broken);
    let path = listed[0].clone();
    let files = Files::with_faults(move |call, at| {
        let hit = at.starts_with(&path) && call == crate::files::Call::Sync;
        match hit && fails.load(Ordering::Relaxed) {
            true => Err(std::io::Error::from_raw_os_error(5)),
            false => Ok(None),
        }
    });
    for path in &listed {
        fs::create_dir(path).unwrap();
    }
    let volumes = Volumes::open(&data, &listed, Policy::Spread, files).unwrap();
    let mut alarms = volumes.alarms();
    let volume = Arc::clone(volumes.get(1).unwrap());
    let content = Error::content(&volume.path, 0, "a bad file");
    volumes.failed(&volume, &content);
    assert!(!volume.is_out());
    let io = || Error::io("write", &volume.path, std::io::Error::from_raw_os_error(5));
    volumes.failed(&volume, &io());
    volumes.failed(&volume, &io());
    let out = alarms.try_recv().unwrap();
    assert!(matches!(&out.kind, VolumeAlarmKind::Out(r) if r.code == media::ReasonCode::DiskError));
    assert!(alarms.try_recv().is_err(), "said once");
    for _ in 0..5 {
        assert_eq!(volumes.place(camera(), &[]).unwrap().0.number, 2);
    }
    // Where nothing else is left, it is tried all the same.
    assert_eq!(volumes.place(camera(), &[2]).unwrap().0.number, 1);
    assert!(!volumes.look(&volume));
    let waits: Vec<u64> = (1..=8).map(|n| wait(n).as_secs()).collect();
    assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    // A write that went well brings it back only where there is no other.
    volumes.works(&volume);
    assert!(volume.is_out());
    broken.store(false, Ordering::Relaxed);
    assert!(volumes.look(&volume));
    assert!(!volume.is_out());
    assert!(matches!(
        alarms.try_recv().unwrap().kind,
        VolumeAlarmKind::Back { .. }
    ));
    assert!(!volume.path.join(PROBE).exists());
}

//! Real streams for the tests: clips encoded by ffmpeg, taken apart with ffprobe, pushed through a feed's ring.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

mod clip;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock},
    time::Duration,
};

pub use self::clip::*;
use bytes::Bytes;
use media::{
    ByteCount, CameraId, Feed, FeedId, Frame, Lease, MediaTime, Profile, Reason, Ring, SourceState,
    SourceStatus, WallTime, ring::Limits,
};
use storage::{AlarmKind, Archive, Config, DataDir, Playback, RecorderAlarm};
use tokio::sync::{broadcast, watch};

/// How long anything is waited for: only what hangs takes longer, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub fn run(command: &mut Command) -> String {
    let out = command
        .output()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(
        out.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(
        out.stderr.is_empty(),
        "{command:?}: {}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

/// A camera that plays clips into a ring.
pub struct Source {
    pub feed: Arc<Feed>,
    status: watch::Sender<SourceStatus>,
    /// Where the next clip begins.
    pub dts: i64,
    pub wall: WallTime,
    group: u32,
}

pub fn camera(n: u32) -> CameraId {
    format!("44140301001320{n:06}").parse().unwrap()
}

impl Source {
    pub fn new(n: u32, wall: WallTime) -> Self {
        let (status, watch) = watch::channel(SourceStatus::idle(wall));
        let limits = Limits {
            max: ByteCount::mebibytes(512),
            history: ByteCount::mebibytes(512),
        };
        Self {
            feed: Arc::new(Feed {
                id: FeedId {
                    camera: camera(n),
                    profile: Profile::Main,
                },
                number: n,
                ring: Ring::new(limits),
                status: watch,
            }),
            status,
            dts: 0,
            wall,
            group: 0,
        }
    }

    /// The camera's other stream.
    pub fn sub(mut self) -> Self {
        let feed = Arc::get_mut(&mut self.feed).unwrap();
        feed.id.profile = Profile::Sub;
        self
    }

    pub fn with_ring(mut self, limits: Limits) -> Self {
        let feed = Arc::get_mut(&mut self.feed).unwrap();
        feed.ring = Ring::new(limits);
        self
    }

    pub fn lease(&self) -> Lease {
        Lease::new(Arc::clone(&self.feed), ())
    }

    /// Plays a clip a number of times, as fast as it can be pushed.
    pub fn play(&mut self, clip: &Clip, times: u32) {
        for _ in 0..times {
            for p in &clip.packets {
                self.push(clip, p, false);
            }
            self.advance(
                clip.length,
                Duration::from_micros((clip.length * 100 / 9) as u64),
            );
        }
    }

    pub fn push(&mut self, clip: &Clip, p: &Packet, discontinuity: bool) {
        if p.key {
            self.group += 1;
        }
        self.feed.ring.push(Arc::new(Frame {
            feed: self.feed.number,
            tracks: Arc::clone(&clip.tracks),
            track: p.track,
            key: p.key,
            discontinuity,
            damaged: false,
            group: self.group,
            number: 0,
            dts: MediaTime(self.dts + p.dts),
            pts: MediaTime(self.dts + p.pts),
            duration: MediaTime(p.duration),
            captured: self.wall + MediaTime(p.dts).to_duration(),
            data: p.data.clone(),
            package: Default::default(),
        }));
    }

    /// Lets time go by without frames.
    pub fn advance(&mut self, dts: i64, wall: Duration) {
        self.dts += dts;
        self.wall = self.wall + wall;
    }

    /// The source says why it is not there.
    pub fn lost(&self, reason: Reason) {
        self.status.send_modify(|s| {
            s.state = SourceState::Backoff;
            s.reason = Some(reason);
        });
    }
}

pub struct Store {
    pub dir: tempfile::TempDir,
    pub data: Arc<DataDir>,
    pub archive: Archive,
}

impl Source {
    /// Plays from now on, about twenty times as fast as it was recorded, until the answer is dropped or stopped.
    pub fn keep_playing(mut self, clip: &Arc<Clip>) -> Playing {
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let clip = Arc::clone(clip);
        let task = tokio::spawn(async move {
            while stopped.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
                self.play(&clip, 1);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            self
        });
        Playing { stop, task }
    }
}

/// A source that plays on and on.
pub struct Playing {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<Source>,
}

impl Playing {
    /// The source, between two clips.
    pub async fn stop(self) -> Source {
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}

pub fn config() -> Config {
    Config {
        keep_free: ByteCount(0),
        ..Config::default()
    }
}

impl Store {
    pub fn new() -> Self {
        Self::with(config())
    }
    pub fn with(config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = Arc::new(DataDir::open(dir.path()).unwrap());
        let archive = Archive::open(&data, config).unwrap();
        Self { dir, data, archive }
    }
    /// Closes it as a shutdown does; the directory stays.
    pub async fn close(self) -> tempfile::TempDir {
        let Self { dir, data, archive } = self;
        archive.shutdown(PATIENCE).await;
        drop(archive);
        drop(data);
        dir
    }
    pub fn files(&self) -> Vec<PathBuf> {
        segment_files(self.dir.path())
    }
}

pub fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut dirs = vec![dir.join("recordings")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                out.push(path);
            }
        }
    }
    out.sort();
    out
}

/// Waits for something to become true.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(
            std::time::Instant::now() < deadline,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until all of a camera is recorded from `from` to `end`, gaps apart.
pub async fn recorded(archive: &Archive, n: u32, from: WallTime, end: WallTime) {
    until("all is recorded", || async {
        let t = archive.timeline(camera(n), from, end).await.unwrap();
        t.spans.last().is_some_and(|s| s.end == end)
    })
    .await;
}

/// The next alarm of which `pick` makes something; others are passed over.
pub async fn alarm<T>(
    alarms: &mut broadcast::Receiver<RecorderAlarm>,
    pick: impl Fn(&AlarmKind) -> Option<T>,
) -> T {
    let wanted = async {
        loop {
            if let Some(found) = pick(&alarms.recv().await.unwrap().kind) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wanted)
        .await
        .expect("an alarm")
}

/// Reads all of a playback.
pub async fn bytes_of(playback: &Playback) -> Vec<u8> {
    range_of(playback, 0..playback.len()).await
}

/// The bytes of a part of a playback: those that are read, and they must be those that stand in the files that it names.
pub async fn range_of(playback: &Playback, range: std::ops::Range<u64>) -> Vec<u8> {
    use futures_util::TryStreamExt;
    use std::os::{fd::AsFd, unix::fs::FileExt};
    use storage::playback::Stretch;
    // Of an odd length, so that stretches end within files.
    let found: Result<Vec<Stretch>, _> = playback
        .stretches(range.clone(), 77_777)
        .try_collect()
        .await;
    let chunks: Vec<Bytes> = playback.read(range).try_collect().await.unwrap();
    let mut sent = Vec::new();
    for stretch in found.unwrap() {
        assert!((1..=77_777).contains(&stretch.len()), "{}", stretch.len());
        match stretch {
            Stretch::Bytes(bytes) => sent.extend_from_slice(&bytes),
            Stretch::Files(parts) => {
                for part in parts {
                    let file = part.file();
                    let file = file.as_fd().try_clone_to_owned().unwrap();
                    let at = sent.len();
                    sent.resize(at + part.len as usize, 0);
                    std::fs::File::from(file)
                        .read_exact_at(&mut sent[at..], part.offset)
                        .unwrap();
                }
            }
        }
    }
    let read = chunks.concat();
    assert!(sent == read, "what is sent from files is not what is read");
    read
}

/// Decodes everything in a file with ffmpeg, which must not complain; gives the number of pictures.
pub fn decode(path: &Path) -> usize {
    run(Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-map", "0", "-f", "null", "-"]));
    let count = run(Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_frames",
            "-select_streams",
            "v",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "csv=p=0",
        ])
        .arg(path));
    count
        .lines()
        .map(|l| {
            l.trim_end_matches(',')
                .parse::<usize>()
                .unwrap_or_else(|e| panic!("{l}: {e}"))
        })
        .sum()
}

pub fn probe(path: &Path, entries: &str) -> String {
    run(Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", entries, "-of", "csv=p=0"])
        .arg(path))
}

pub fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A time of day three days ago, whatever day this is: what lies in the future is in no timeline.
pub fn at(time: &str) -> WallTime {
    static DAY: LazyLock<String> =
        LazyLock::new(|| (WallTime::now() - s(3 * 86_400)).to_string()[..10].to_owned());
    format!("{}T{time}Z", *DAY).parse().unwrap()
}

/// Copies a directory or file as it lies there, into `to`.
pub fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from).arg(to));
}

/// A small file system in memory, taken away again.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = |dir: &Path| {
            let options = format!("size={size}");
            let args = ["-t", "tmpfs", "-o", &options, "tmpfs"];
            Command::new("mount").args(args).arg(dir).output()
        };
        if mount(dir.path()).is_ok_and(|o| o.status.success()) {
            return Some(Self(dir));
        }
        println!("skipped: a small file system cannot be mounted here (that takes root)");
        None
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn remount(&self, options: &str) {
        let how = format!("remount,{options}");
        run(Command::new("mount").args(["-o", &how]).arg(self.path()));
    }

    /// Somebody else takes all the room there is.
    pub fn fill(&self) {
        let mut dd = Command::new("dd");
        dd.args(["if=/dev/zero", "bs=1024"])
            .arg(format!("of={}", self.ballast().display()));
        assert!(!dd.output().unwrap().status.success(), "no room is left");
    }

    /// The same, but for so many bytes.
    pub fn fill_but(&self, bytes: u64) {
        let free = rustix::fs::statvfs(self.path()).unwrap();
        let take = (free.f_bavail * free.f_frsize).saturating_sub(bytes);
        fs::write(self.ballast(), vec![0; take as usize]).unwrap();
    }

    pub fn empty(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    pub fn ballast(&self) -> std::path::PathBuf {
        self.path().join("lost+found")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// Waits until the index is whole.
pub async fn rebuilt(archive: &Archive) {
    let mut progress = archive.rebuild_progress();
    let whole = progress.wait_for(Option::is_none);
    drop(
        tokio::time::timeout(PATIENCE, whole)
            .await
            .expect("the index is made again")
            .unwrap(),
    );
}

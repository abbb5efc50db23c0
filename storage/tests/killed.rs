//! SIGKILL at random moments of a recording process, again and again in one data directory: nothing that was acknowledged is
//! lost, every segment plays, the index is what the files are.
//!
//! `SIGHTLINE_KILLS` says how often (6 if not given; 200 takes some ten minutes).
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    collections::{HashMap, HashSet},
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use common::*;
use media::{Event, EventId, EventKind, Grade, WallTime};
use storage::{Archive, DataDir, Events, check};

/// Where the child finds its directory and its clip; the same test program without it has nothing to do there.
const CHILD: &str = "SIGHTLINE_KILLED_CHILD";
const CAMERAS: u32 = 4;

fn event(at: WallTime, n: u32) -> Event {
    Event {
        id: EventId {
            at: at.0,
            number: n,
        },
        kind: EventKind::Manual,
        camera: Some(camera(n % CAMERAS)),
        region: Some("441403".parse().unwrap()),
        start: at,
        last: at,
        end: None,
        count: 1,
        grade: Grade::IV,
        score: 0.0,
        text: String::new(),
        snapshot: false,
        acknowledged: None,
        more: media::event::More::default(),
        repeats: None,
        incident: None,
    }
}

/// The recording process: says what is acknowledged, a line each, until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn recording_process() {
    let Ok(dir) = env::var(CHILD) else { return };
    let dir = PathBuf::from(dir);
    let clip = Arc::new(Clip::take_apart(&dir.join("clip.mp4"), SMALL));
    let data = Arc::new(DataDir::open(dir.join("data")).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    rebuilt(&archive).await;
    // The journal is made shorter all the time.
    let shorter = storage::events::Config {
        compact_at: 10,
        ..storage::events::Config::default()
    };
    let events = Events::open_with(&data, shorter).unwrap();
    let tidied = events.clone();
    tokio::spawn(async move {
        loop {
            tidied.tidy(WallTime::now()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        // The parent reads lines from a pipe: each is one write.
        out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    };
    let mut recorders = Vec::new();
    let mut playing = Vec::new();
    let mut starts = Vec::new();
    for n in 0..CAMERAS {
        // Behind all that earlier processes recorded.
        let from = at("00:00:00");
        let t = archive.timeline(camera(n), from, WallTime::now()).await;
        let start = t.unwrap().spans.last().map_or(from, |span| span.end + s(7));
        let source = Source::new(n, start);
        recorders.push(archive.record(source.lease(), 36_500));
        playing.push(source.keep_playing(&clip));
        starts.push(start);
    }
    for round in 0u32.. {
        for n in 0..CAMERAS {
            let start = starts[n as usize];
            let t = archive
                .timeline(camera(n), start, WallTime::now())
                .await
                .unwrap();
            if let Some(span) = t.spans.last() {
                say(format!("recorded {n} {} {}", start.0, span.end.0));
            }
            let now = WallTime::now();
            for _ in 0..3 {
                events.put(event(now, round), None).await.unwrap();
            }
            say(format!("event {} {round}", now.0));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a child acknowledged before it was killed.
#[derive(Default)]
struct Acknowledged {
    /// From where to where each camera was said to be recorded.
    recorded: HashMap<u32, (WallTime, WallTime)>,
    events: Vec<EventId>,
}

/// Runs a child and kills it so many words after all its cameras are recorded.
fn run_and_kill(dir: &Path, mut after: u32) -> Acknowledged {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "recording_process", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = Acknowledged::default();
    let mut line = String::new();
    let mut killed = false;
    // Only whole lines count: the last may be torn.
    while out.read_line(&mut line).unwrap() > 0 {
        let words: Vec<&str> = line.split_whitespace().collect();
        let n = |i: usize| words[i].parse::<i64>().unwrap();
        let whole = line.ends_with('\n');
        match words.as_slice() {
            ["recorded", ..] if whole && words.len() == 4 => {
                let span = (WallTime(n(2)), WallTime(n(3)));
                said.recorded.insert(n(1) as u32, span);
            }
            ["event", ..] if whole && words.len() == 3 => said.events.push(EventId {
                at: n(1),
                number: n(2) as u32,
            }),
            _ => {}
        }
        if said.recorded.len() == CAMERAS as usize && !killed {
            killed = after == 0;
            after = after.saturating_sub(1);
            if killed {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    let ended = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(
        killed && ended.status.code().is_none(),
        "{:?}\n{errors}",
        ended.status
    );
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_every_segment_plays() {
    if env::var(CHILD).is_ok() {
        return;
    }
    let kills: u32 = env::var("SIGHTLINE_KILLS").map_or(6, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    Clip::encode(&dir.path().join("clip.mp4"), SMALL);
    let data_dir = dir.path().join("data");
    let mut all = Vec::new();
    let mut decoded = HashSet::new();
    for kill in 0..kills {
        // From the first group to some segments; the moment itself is chance.
        let after = rand::random_range(0..1500);
        all.push(run_and_kill(dir.path(), after));
        let data = Arc::new(DataDir::open(&data_dir).unwrap());
        let archive = Archive::open(&data, config()).unwrap();
        let events = Events::open(&data).unwrap();
        rebuilt(&archive).await;
        // All that any of them acknowledged, not only the last one.
        for said in &all {
            for (n, (start, end)) in &said.recorded {
                let t = archive.timeline(camera(*n), *start, *end).await.unwrap();
                assert_eq!(
                    (t.spans.len(), t.gaps.len()),
                    (1, 0),
                    "kill {kill}, camera {n}, {start} to {end}: {t:?}"
                );
            }
            for id in &said.events {
                assert!(
                    events.get(*id).await.unwrap().is_some(),
                    "kill {kill}: {id}"
                );
            }
        }
        archive.shutdown(PATIENCE).await;
        drop((archive, events, data));
        let report = check(&data_dir, false).unwrap();
        assert!(report.faults.is_empty(), "kill {kill}: {report}");
        for file in segment_files(&data_dir) {
            if decoded.insert(file.clone()) {
                assert!(decode(&file) > 0, "{}", file.display());
            }
        }
        // An index that is lost is the same again.
        if kill % 3 == 2 {
            fs::remove_dir_all(data_dir.join("index")).unwrap();
        }
    }
    let said: usize = all.iter().map(|a| a.events.len()).sum();
    println!(
        "{kills} kills: {} segments play, {said} events are there",
        decoded.len()
    );
    assert!(said > 0 && decoded.len() >= CAMERAS as usize);
}

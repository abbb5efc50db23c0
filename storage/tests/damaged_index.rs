//! The index damaged at random while it is closed: bytes changed, files cut, replaced, deleted. It starts, makes itself again from
//! the files, says so while it does, and then has all there is.
//!
//! `SIGHTLINE_SEEDS` says how many ways (40 if not given).
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    env, fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use common::*;
use media::WallTime;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use storage::{Archive, DataDir, Timeline, check};

const CAMERAS: u32 = 3;

/// Three cameras, in four weeks each.
async fn made() -> (tempfile::TempDir, Vec<WallTime>) {
    let store = Store::new();
    let clip = clip(SMALL);
    let weeks: Vec<WallTime> = (0..4).map(|n| at("04:00:00") - s(n * 8 * 86_400)).collect();
    for start in weeks.iter().rev() {
        for n in 0..CAMERAS {
            let mut source = Source::new(n, *start);
            let recorder = store.archive.record(source.lease(), 36_500);
            source.play(&clip, 33);
            recorded(&store.archive, n, *start, source.wall - s(2)).await;
            recorder.stop().await;
        }
    }
    (store.close().await, weeks)
}

async fn all_of(archive: &Archive, weeks: &[WallTime]) -> Vec<Timeline> {
    let mut out = Vec::new();
    for start in weeks {
        for n in 0..CAMERAS {
            let t = archive.timeline(camera(n), *start, *start + s(140)).await;
            out.push(t.unwrap());
        }
    }
    out
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => dirs.push(path),
                false => out.push(path),
            }
        }
    }
    out.sort();
    out
}

/// Does something to the index; says what.
fn damage(index: &Path, rng: &mut StdRng) -> String {
    let mut said = Vec::new();
    for _ in 0..rng.random_range(1..=3) {
        let files = files_under(index);
        let Some(path) = files.choose(rng) else { break };
        let name = path.strip_prefix(index).unwrap().display().to_string();
        let len = fs::metadata(path).unwrap().len();
        let file = fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        said.push(match rng.random_range(0..8) {
            0..=2 if len > 0 => {
                // In what is written, not in the room behind it.
                let bytes = fs::read(path).unwrap();
                let used = bytes.iter().rposition(|b| *b != 0).unwrap_or(0) + 1;
                let count = rng.random_range(1..=20);
                for _ in 0..count {
                    let at = rng.random_range(0..used);
                    let byte = bytes[at] ^ rng.random_range(1..=255u8);
                    file.write_all_at(&[byte], at as u64).unwrap();
                }
                format!("{count} bytes of {name} changed")
            }
            3 if len > 0 => {
                let to = rng.random_range(0..len);
                file.set_len(to).unwrap();
                format!("{name} cut from {len} to {to}")
            }
            4 if len > 0 => {
                let from = rng.random_range(0..len);
                let zeros = vec![0; (len - from).min(4096) as usize];
                file.write_all_at(&zeros, from).unwrap();
                format!("4096 zeros at {from} of {name}")
            }
            5 => {
                let mut junk = vec![0; rng.random_range(0..20_000)];
                rng.fill(&mut junk[..]);
                fs::write(path, &junk).unwrap();
                format!("{name} replaced")
            }
            6 => {
                let dir = path.parent().unwrap();
                fs::remove_dir_all(dir).unwrap();
                format!("{} deleted", dir.display())
            }
            _ => {
                fs::remove_file(path).unwrap();
                format!("{name} deleted")
            }
        });
    }
    said.join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn however_the_index_is_damaged_it_starts_and_has_all_there_is() {
    let seeds: u64 = env::var("SIGHTLINE_SEEDS").map_or(40, |n| n.parse().unwrap());
    let (dir, weeks) = made().await;
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    let whole = all_of(&archive, &weeks).await;
    assert!(
        whole.iter().all(|t| t.spans.len() == 1 && !t.incomplete),
        "{whole:?}"
    );
    archive.shutdown(PATIENCE).await;
    drop((archive, data));
    let mut rebuilt_some = 0;
    for seed in 0..seeds {
        let copied = tempfile::tempdir().unwrap();
        let here = copied.path().join("data");
        copy(dir.path(), &here);
        let mut rng = StdRng::seed_from_u64(seed);
        let what = damage(&here.join("index"), &mut rng);
        let data = Arc::new(DataDir::open(&here).unwrap());
        let archive = Archive::open(&data, config()).unwrap();
        // Asked at once, before it has been made again: an answer, and one that says what it is.
        let early = all_of(&archive, &weeks).await;
        for (early, whole) in early.iter().zip(&whole) {
            assert!(
                early.incomplete || early.spans == whole.spans || archive.rebuilding().is_some(),
                "seed {seed}, {what}: {early:?}"
            );
        }
        // What is found damaged only when it is asked for is made again within a moment.
        until("all is there", || async {
            rebuilt(&archive).await;
            let now = all_of(&archive, &weeks).await;
            now.iter()
                .zip(&whole)
                .all(|(a, b)| a.spans == b.spans && !a.incomplete)
        })
        .await;
        rebuilt_some += u32::from(early.iter().any(|t| t.incomplete));
        // And goes on.
        let start = weeks[0] + s(1000);
        let mut source = Source::new(1, start);
        let recorder = archive.record(source.lease(), 36_500);
        source.play(&clip(SMALL), 2);
        recorder.stop().await;
        let t = archive
            .timeline(camera(1), start, source.wall)
            .await
            .unwrap();
        assert_eq!(t.spans.len(), 1, "seed {seed}, {what}: {t:?}");
        archive.shutdown(PATIENCE).await;
        drop((archive, data));
        let report = check(&here, false).unwrap();
        assert!(report.faults.is_empty(), "seed {seed}, {what}: {report}");
    }
    assert!(
        rebuilt_some > 0,
        "some of it was seen while it was being made"
    );
    println!("{seeds} ways of damage, {rebuilt_some} seen being made again");
}

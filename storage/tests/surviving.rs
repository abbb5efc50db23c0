//! Torn files, altered files, deletion: what is there afterwards is whole, and what is not is said.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{fs, sync::Arc};

use common::*;
use media::{AudioCodec, ByteCount, WallTime};
use storage::{Archive, Config, DataDir, Rule, check, segment::Layout};

fn base() -> WallTime {
    at("10:00:00")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_byte_every_file_plays_and_nothing_is_unreferenced() {
    let store = Store::new();
    let clip = clip(Spec {
        size: (160, 90),
        audio: Some(AudioCodec::Aac),
        ..H264
    });
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 17);
    recorded(&store.archive, 1, base(), base() + s(66)).await;
    // As it lies there at this instant, without anything being closed.
    let killed = tempfile::tempdir().unwrap();
    copy(&store.dir.path().join("recordings"), killed.path());
    recorder.stop().await;
    let open = segment_files(killed.path()).pop().unwrap();
    let whole = fs::read(&open).unwrap();
    let layout = Layout::read(&open, &whole[..], None).unwrap();
    assert!(layout.fragments.len() >= 5 && layout.seal.is_none());
    let fragment = &layout.fragments[3];
    let step = ((fragment.end - fragment.offset) / 60).max(1);
    let mut cuts: Vec<u64> = (fragment.offset..fragment.end + 40)
        .step_by(step as usize)
        .collect();
    cuts.extend([0, 1, 30, 100, 700, fragment.end - 1, fragment.end]);
    for (n, cut) in cuts.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path()).unwrap());
        fs::remove_dir(dir.path().join("recordings")).unwrap();
        copy(&killed.path().join("recordings"), dir.path());
        let file = segment_files(dir.path()).pop().unwrap();
        fs::write(&file, &whole[..cut as usize]).unwrap();
        let survives = layout.fragments.iter().filter(|f| f.end <= cut).count();

        // By hand, or by the next start.
        if n % 2 == 0 {
            let found = check(dir.path(), false).unwrap();
            assert!(!found.is_clean(), "cut at {cut}: {found}");
            let report = check(dir.path(), true).unwrap();
            assert!(report.is_clean(), "cut at {cut}: {report}");
        } else {
            let data = Arc::new(DataDir::open(dir.path()).unwrap());
            let archive = Archive::open(&data, config()).unwrap();
            rebuilt(&archive).await;
            archive.shutdown(PATIENCE).await;
        }
        let report = check(dir.path(), false).unwrap();
        assert!(report.faults.is_empty(), "cut at {cut}: {report}");
        let left = segment_files(dir.path());
        assert_eq!(
            left.len(),
            if survives == 0 { 1 } else { 2 },
            "cut at {cut}"
        );
        if survives > 0 {
            let bytes = fs::read(&file).unwrap();
            let after = Layout::read(&file, &bytes[..], None).unwrap();
            assert_eq!(after.fragments.len(), survives, "cut at {cut}");
            assert!(after.seal.is_some());
            if n % 10 == 0 {
                let pictures: usize = after.fragments.iter().map(|f| f.video.samples.len()).sum();
                assert_eq!(decode(&file), pictures);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_what_was_altered_or_taken_out() {
    let store = Store::new();
    let clip = clip(Spec {
        size: (160, 90),
        ..H264
    });
    let mut source = Source::new(2, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 80);
    recorded(&store.archive, 2, base(), base() + s(318)).await;
    recorder.stop().await;
    let dir = store.close().await;
    let files = segment_files(dir.path());
    assert_eq!(files.len(), 6);
    assert_eq!(
        check(dir.path(), false).unwrap().to_string().lines().last(),
        Some("clean")
    );

    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], &bytes).unwrap();
    fs::remove_file(&files[3]).unwrap();
    let report = check(dir.path(), true).unwrap();
    let said: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    assert!(
        said[0].starts_with(files[1].to_str().unwrap()) && said[0].contains("altered"),
        "{said:#?}"
    );
    assert!(said[1].contains("sequence 5 follows 3"), "{said:#?}");
    assert!(said[2].contains("no such segment (put right)"), "{said:#?}");
    assert_eq!(check(dir.path(), false).unwrap().faults.len(), 2);

    // An index that is lost comes back with everything that is there.
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    rebuilt(&archive).await;
    let t = archive
        .timeline(camera(2), base(), base() + s(320))
        .await
        .unwrap();
    assert_eq!(t.spans.len(), 2, "{t:?}");
    let said = check(dir.path(), false).unwrap_err().to_string();
    assert!(
        said.contains(&format!("is held by process {} (", std::process::id())),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_segments_cannot_be_taken_out_unseen() {
    let store = Store::new();
    let clip = clip(SMALL);
    let mut source = Source::new(8, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 50);
    recorded(&store.archive, 8, base(), base() + s(198)).await;
    recorder.stop().await;
    let dir = store.close().await;
    let report = check(dir.path(), false).unwrap();
    assert_eq!((report.signatures, report.faults), (1, vec![]));
    let files = segment_files(dir.path());
    // The chain of those that are left is whole, and the index is made to fit.
    fs::remove_file(&files[3]).unwrap();
    check(dir.path(), true).unwrap();
    let report = check(dir.path(), false).unwrap();
    let said: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("the newest there is is 3"), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_deletes_by_days_and_by_space_oldest_first() {
    let store = Store::new();
    let clip = clip(Spec {
        size: (160, 90),
        ..H264
    });
    let old = WallTime::now() - s(3 * 86_400);
    let mut sources = [Source::new(3, old), Source::new(4, old + s(90))];
    for source in &mut sources {
        let recorder = store.archive.record(source.lease(), 30);
        source.play(&clip, 80);
        let (archive, id) = (store.archive.clone(), source.feed.id.camera);
        until("all is recorded", || async {
            let t = archive.timeline(id, old, WallTime::now()).await.unwrap();
            t.spans
                .last()
                .is_some_and(|span| span.end.since(span.start) > s(315))
        })
        .await;
        recorder.stop().await;
    }
    let used = store.archive.usage().used.0;
    let dir = store.close().await;

    // By space: about a third has to go, of whoever has the oldest.
    let max = used * 2 / 3;
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open(
        &data,
        Config {
            max_bytes: Some(ByteCount(max)),
            ..config()
        },
    )
    .unwrap();
    let deleted = archive.sweep().await;
    assert!(archive.usage().used.0 <= max && archive.usage().used.0 > max / 2);
    assert!(
        deleted.iter().all(|d| d.rule == Rule::MaxBytes(max)),
        "{deleted:?}"
    );
    assert!(deleted.is_sorted_by_key(|d| d.start), "{deleted:?}");
    assert!(
        deleted.iter().any(|d| d.camera == camera(3))
            && deleted.iter().any(|d| d.camera == camera(4))
    );
    let newest_gone = deleted.last().unwrap().start;
    for n in [3, 4] {
        assert!(archive.oldest(camera(n)).await.unwrap() >= newest_gone);
    }

    // By days: one camera's are too old, the other's are not.
    archive.keep(camera(3), 2).await.unwrap();
    let deleted = archive.sweep().await;
    assert!(
        !deleted.is_empty()
            && deleted
                .iter()
                .all(|d| d.camera == camera(3) && d.rule == Rule::Days(2)),
        "{deleted:?}"
    );
    assert_eq!(archive.oldest(camera(3)).await, None);
    assert!(archive.oldest(camera(4)).await.is_some());
    assert!(archive.sweep().await.is_empty());
    archive.shutdown(PATIENCE).await;
    drop((archive, data));
    let report = check(dir.path(), false).unwrap();
    assert!(report.faults.is_empty(), "{report}");
}

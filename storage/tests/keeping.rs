//! What is kept, what goes, and who said so: days, room, floors, holds.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::*;
use media::{ByteCount, WallTime};
use storage::{Archive, Config, DataDir, Error, HoldKind, NewHold, Room, Rule, Timeline, check};

/// Two cameras with six segments each, three days ago.
async fn recorded_long_ago() -> (tempfile::TempDir, WallTime) {
    let store = Store::new();
    let (clip, old) = (clip(SMALL), at("06:00:00"));
    for n in [3, 4] {
        let mut source = Source::new(n, old);
        let recorder = store.archive.record(source.lease(), 30);
        source.play(&clip, 80);
        recorded(&store.archive, n, old, old + s(318)).await;
        recorder.stop().await;
    }
    (store.close().await, old)
}

async fn of(archive: &Archive, n: u32, old: WallTime) -> Timeline {
    archive
        .timeline(camera(n), old, old + s(320))
        .await
        .unwrap()
}

fn evidence(cameras: &[u32], from: WallTime, to: WallTime) -> NewHold {
    NewHold {
        kind: HoldKind::Evidence,
        cameras: cameras.iter().map(|n| camera(*n)).collect(),
        from,
        to,
        who: "Li Wei".into(),
        why: "incident JQ-17".into(),
        until: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_stays_until_it_is_released() {
    let (dir, old) = recorded_long_ago().await;
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    let hold = archive
        .hold(evidence(&[3], old + s(70), old + s(130)))
        .await
        .unwrap();
    for n in [3, 4] {
        archive.keep(camera(n), 2).await.unwrap();
    }
    let deleted = archive.sweep().await;
    assert!(deleted.iter().all(|d| d.rule == Rule::Days(2)));
    assert!(of(&archive, 4, old).await.spans.is_empty());
    let t = of(&archive, 3, old).await;
    assert_eq!(t.spans.len(), 1, "{t:?}");
    assert_eq!(
        (t.spans[0].start, t.spans[0].end),
        (old + s(60), old + s(180))
    );
    // It is asked again, and nothing more goes; neither does room take it.
    assert!(archive.sweep().await.is_empty());
    archive.shutdown(PATIENCE).await;
    drop(archive);
    let greedy = Config {
        max_bytes: Some(ByteCount(0)),
        ..config()
    };
    let archive = Archive::open(&data, greedy).unwrap();
    assert_eq!(archive.holds(), std::slice::from_ref(&hold));
    assert!(archive.sweep().await.is_empty());
    let lacking = archive.usage().used.0;
    assert!(lacking > 0);
    assert_eq!(*archive.room().borrow(), Room::Short { lacking });

    let (who, why) = ("Chen Yu", "the court has its copy");
    assert_eq!(
        archive.release(99, who.into(), why.into()).await.unwrap(),
        None
    );
    let released = archive
        .release(hold.id, who.into(), why.into())
        .await
        .unwrap()
        .unwrap();
    let end = released.released.clone().unwrap();
    assert_eq!((end.who.as_str(), end.why.as_str()), (who, why));
    assert_eq!(archive.sweep().await.len(), 2);
    assert_eq!(*archive.room().borrow(), Room::Enough);
    assert_eq!(archive.holds(), [released]);
    archive.shutdown(PATIENCE).await;
    drop((archive, data));
    let report = check(dir.path(), false).unwrap();
    assert!(report.faults.is_empty(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn room_takes_the_oldest_down_to_the_floor_and_says_what_it_lacks() {
    let (dir, old) = recorded_long_ago().await;
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    // No disk has so much.
    let wanted = Config {
        keep_free: ByteCount(u64::MAX / 2),
        ..config()
    };
    let archive = Archive::open(&data, wanted).unwrap();
    archive.set_floor(camera(3), 30).await.unwrap();
    // The floor is also above its days to keep.
    archive.keep(camera(3), 1).await.unwrap();
    let deleted = archive.sweep().await;
    assert_eq!(deleted.len(), 6);
    for d in &deleted {
        assert_eq!(d.camera, camera(4));
        assert_eq!(d.rule, Rule::KeepFree(u64::MAX / 2));
    }
    assert!(matches!(*archive.room().borrow(), Room::Short { .. }));
    assert_eq!(of(&archive, 3, old).await.spans[0].start, old);
    archive.set_floor(camera(3), 2).await.unwrap();
    assert_eq!(archive.sweep().await.len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_says_who_and_why_and_for_how_long() {
    let store = Store::new();
    let (from, to) = (at("00:00:00"), at("01:00:00"));
    let good = evidence(&[], from, to);
    let bad = [
        NewHold {
            who: "  ".into(),
            ..good.clone()
        },
        NewHold {
            why: "x".repeat(2001),
            ..good.clone()
        },
        NewHold {
            to: from,
            ..good.clone()
        },
        NewHold {
            until: Some(from),
            ..good.clone()
        },
    ];
    for hold in bad {
        let said = store.archive.hold(hold).await.unwrap_err();
        assert!(matches!(said, Error::Value { .. }), "{said}");
    }
    let (a, b) = tokio::join!(
        store.archive.hold(good.clone()),
        store.archive.hold(good.clone())
    );
    assert_ne!(a.unwrap().id, b.unwrap().id);
    let refused = store.archive.release(1, "".into(), "".into()).await;
    assert!(matches!(refused, Err(Error::Value { .. })));
}

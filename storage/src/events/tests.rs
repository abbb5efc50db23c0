use std::os::unix::fs::FileExt;

use super::*;
use media::Grade;

fn camera(n: u32) -> CameraId {
    format!("44140301001320{n:06}").parse().unwrap()
}

fn event(at: i64, n: u32, region: &str, kind: EventKind) -> Event {
    Event {
        id: EventId {
            at: at * 1_000_000,
            number: n,
        },
        kind,
        camera: Some(camera(n)),
        region: Some(region.parse().unwrap()),
        start: WallTime::from_secs(at),
        last: WallTime::from_secs(at),
        end: Some(WallTime::from_secs(at + 5)),
        count: 1,
        grade: Grade::IV,
        score: 0.5,
        text: String::new(),
        snapshot: false,
        acknowledged: None,
        more: media::event::More::default(),
        repeats: None,
        incident: None,
    }
}

async fn ids(events: &Events, query: Query) -> Vec<(i64, u32)> {
    let (found, _) = events.query(query).await.unwrap();
    found
        .iter()
        .map(|e| (e.id.at / 1_000_000, e.id.number))
        .collect()
}

async fn fill(events: &Events) {
    for (at, n, region, kind) in [
        (10, 1, "441403102201", EventKind::Motion),
        (20, 2, "441403102", EventKind::Dark),
        (30, 1, "441403102201", EventKind::Dark),
        (40, 3, "441403103", EventKind::Motion),
    ] {
        events.put(event(at, n, region, kind), None).await.unwrap();
    }
}

#[tokio::test]
async fn queries_narrow_by_camera_region_kind_and_time() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    let events = Events::open(&data).unwrap();
    fill(&events).await;
    let q = Query::default();
    assert_eq!(
        ids(&events, q.clone()).await,
        [(40, 3), (30, 1), (20, 2), (10, 1)]
    );
    let region = |r: &str| Some(r.parse().unwrap());
    assert_eq!(
        ids(
            &events,
            Query {
                region: region("441403102"),
                ..q.clone()
            }
        )
        .await,
        [(30, 1), (20, 2), (10, 1)]
    );
    assert_eq!(
        ids(
            &events,
            Query {
                region: region("441403103"),
                ..q.clone()
            }
        )
        .await,
        [(40, 3)]
    );
    let dark = Query {
        kind: Some(EventKind::Dark),
        ..q.clone()
    };
    assert_eq!(ids(&events, dark.clone()).await, [(30, 1), (20, 2)]);
    assert_eq!(
        ids(
            &events,
            Query {
                camera: Some(camera(1)),
                ..dark
            }
        )
        .await,
        [(30, 1)]
    );
    let from = Some(WallTime::from_secs(20));
    assert_eq!(
        ids(
            &events,
            Query {
                from,
                to: Some(WallTime::from_secs(40)),
                ..q.clone()
            }
        )
        .await,
        [(30, 1), (20, 2)]
    );
    let (first, next) = events
        .query(Query {
            limit: 3,
            ..q.clone()
        })
        .await
        .unwrap();
    assert_eq!(first.len(), 3);
    assert_eq!(
        ids(
            &events,
            Query {
                before: next,
                ..q.clone()
            }
        )
        .await,
        [(10, 1)]
    );
    let (_, next) = events.query(Query { limit: 4, ..q }).await.unwrap();
    assert_eq!(next, None);
}

#[tokio::test]
async fn an_event_changes_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    let events = Events::open(&data).unwrap();
    fill(&events).await;
    let mut e = event(50, 9, "441403102", EventKind::Motion);
    (e.end, e.score) = (None, f32::NAN);
    events
        .put(e.clone(), Some(Bytes::from_static(b"jpeg")))
        .await
        .unwrap();
    let open = Query {
        open_only: true,
        ..Query::default()
    };
    assert_eq!(ids(&events, open.clone()).await, [(50, 9)]);
    assert_eq!(events.snapshot(e.id).await.unwrap(), "jpeg");
    let mut kept = events.get(e.id).await.unwrap().unwrap();
    assert!(kept.snapshot);
    assert_eq!(kept.score, 0.0);
    kept.end = Some(WallTime::from_secs(60));
    kept.region = Some("441403103".parse().unwrap());
    events.put(kept.clone(), None).await.unwrap();
    assert!(ids(&events, open).await.is_empty());
    let old = Query {
        region: Some("441403102".parse().unwrap()),
        ..Query::default()
    };
    assert_eq!(ids(&events, old).await, [(30, 1), (20, 2), (10, 1)]);
    assert_eq!(events.get(e.id).await.unwrap(), Some(kept));
    assert_eq!(events.snapshot(EventId { at: 1, number: 1 }).await, None);
}

#[tokio::test]
async fn an_index_deleted_damaged_or_behind_is_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    let index = data.index().join("events");
    let events = Events::open(&data).unwrap();
    fill(&events).await;
    let all = ids(&events, Query::default()).await;
    drop(events);
    // As it was: nothing is read again.
    let events = Events::open(&data).unwrap();
    assert_eq!(events.report().records, 0);
    assert_eq!(ids(&events, Query::default()).await, all);
    drop(events);

    fs::remove_dir_all(&index).unwrap();
    let events = Events::open(&data).unwrap();
    assert_eq!(events.report().records, 4);
    assert_eq!(ids(&events, Query::default()).await, all);
    drop(events);

    let db = index.join("db");
    let len = fs::metadata(&db).unwrap().len();
    fs::File::options()
        .write(true)
        .open(&db)
        .unwrap()
        .write_all_at(&[0xa5; 4000], 0)
        .unwrap();
    fs::write(index.join("conf"), "nonsense").unwrap();
    assert!(len > 0);
    let events = Events::open(&data).unwrap();
    assert_eq!(ids(&events, Query::default()).await, all);
    drop(events);

    // The journal went on without the index.
    let (journal, _) = journal::open::<Event>(data.journal("events"), Options::default()).unwrap();
    journal
        .append(WallTime(0), KIND, event(70, 7, "44", EventKind::Disk))
        .await
        .unwrap();
    drop(journal);
    let events = Events::open(&data).unwrap();
    assert_eq!(events.report().records, 1);
    assert_eq!(ids(&events, Query::default()).await[0], (70, 7));
    drop(events);

    // Another journal than the one it was made of.
    fs::remove_file(data.journal("events")).unwrap();
    let events = Events::open(&data).unwrap();
    assert!(ids(&events, Query::default()).await.is_empty());
}

fn picture(data: &DataDir, id: EventId) -> PathBuf {
    let day = crate::paths::day(WallTime(id.at));
    data.snapshots().join(day).join(format!("{id}.jpg"))
}

/// Day 0 of these tests, in seconds: old events are before it.
const DAY: i64 = 86_400;

#[tokio::test]
async fn what_is_too_old_goes_with_its_picture_and_the_journal_is_made_shorter() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    let config = Config {
        keep_days: 10,
        compact_at: 50,
        ..Config::default()
    };
    let open = || Events::open_with(&data, config.clone()).unwrap();
    let events = open();
    let jpeg = Bytes::from_static(b"jpeg");
    for n in 0..100 {
        // One an hour; each is written three times.
        let mut e = event(n * 3600, n as u32 % 3, "441403102", EventKind::Motion);
        events.put(e.clone(), Some(jpeg.clone())).await.unwrap();
        e.snapshot = true;
        for text in ["a", "b"] {
            e.text = text.into();
            events.put(e.clone(), None).await.unwrap();
        }
    }
    // Old, but it goes on; old, but of an incident.
    let mut goes_on = event(5, 7, "441403102", EventKind::Frozen);
    goes_on.end = None;
    let mut kept = event(6, 8, "441403102", EventKind::Manual);
    kept.incident = Some("JQ-1".into());
    for e in [&goes_on, &kept] {
        events.put(e.clone(), Some(jpeg.clone())).await.unwrap();
    }
    // Nobody's: its event never came to be.
    let orphan = EventId {
        at: 7_000_000,
        number: 9,
    };
    fs::write(picture(&data, orphan), "jpeg").unwrap();
    let long = fs::metadata(data.journal("events")).unwrap().len();

    // Two of the four days and some are too old.
    let now = WallTime::from_secs(12 * DAY);
    let did = events.tidy(now).await.unwrap();
    assert_eq!((did.events, did.snapshots), (48, 49));
    assert_eq!(did.journal, Some((302, 54)));
    assert_eq!(events.tidy(now).await.unwrap(), Tidied::default());
    assert!(fs::metadata(data.journal("events")).unwrap().len() < long / 4);
    let all = ids(
        &events,
        Query {
            limit: 1000,
            ..Query::default()
        },
    )
    .await;
    assert_eq!(all.len(), 54);
    assert_eq!(all[52..], [(6, 8), (5, 7)]);
    assert!(picture(&data, goes_on.id).exists() && picture(&data, kept.id).exists());
    assert!(!picture(&data, orphan).exists());
    assert_eq!(events.get(goes_on.id).await.unwrap().unwrap().text, "");

    // It goes on where it was: after a start nothing is read again, and a lost index is the same again.
    let new = event(200 * 3600, 1, "44", EventKind::Dark);
    events.put(new.clone(), None).await.unwrap();
    drop(events);
    let events = open();
    assert_eq!(events.report().records, 0);
    assert_eq!(events.report().damage, []);
    drop(events);
    fs::remove_dir_all(data.index().join("events")).unwrap();
    // What a crash left beside it is no harm.
    fs::write(data.journal("events").with_extension("journal-new"), "half").unwrap();
    let events = open();
    assert_eq!(
        (events.report().records, &events.report().damage[..]),
        (55, &[][..])
    );
    let again = ids(
        &events,
        Query {
            limit: 1000,
            ..Query::default()
        },
    )
    .await;
    assert_eq!(again[1..], all[..]);
    assert_eq!(events.get(new.id).await.unwrap(), Some(new));
    assert!(
        !data
            .journal("events")
            .with_extension("journal-new")
            .exists()
    );
}

#[tokio::test]
async fn what_is_put_while_the_journal_is_made_shorter_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    let config = Config {
        compact_at: 1,
        ..Config::default()
    };
    let events = Events::open_with(&data, config).unwrap();
    let now = WallTime::from_secs(1000);
    let done = std::sync::atomic::AtomicBool::new(false);
    let put = async {
        for n in 0..300 {
            let e = event(n % 5, (n % 3) as u32, "44", EventKind::Motion);
            let text = n.to_string();
            events.put(Event { text, ..e }, None).await.unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let tidy = async {
        let mut shorter = 0;
        let mut last = false;
        // Once more when all is there: it is shorter then at the latest.
        while !last {
            last = done.load(std::sync::atomic::Ordering::Relaxed);
            shorter += u32::from(events.tidy(now).await.unwrap().journal.is_some());
        }
        shorter
    };
    let ((), shorter) = tokio::join!(put, tidy);
    assert!(shorter > 0);
    let texts = |events: Events| async move {
        let (found, _) = events
            .query(Query {
                limit: 1000,
                ..Query::default()
            })
            .await
            .unwrap();
        found
            .into_iter()
            .map(|e| (e.id, e.text))
            .collect::<Vec<_>>()
    };
    let all = texts(events.clone()).await;
    assert_eq!(all.len(), 15);
    assert!(all.iter().any(|(_, text)| text == "299"));
    drop(events);
    fs::remove_dir_all(data.index().join("events")).unwrap();
    let events = Events::open(&data).unwrap();
    assert_eq!(events.report().damage, []);
    assert_eq!(texts(events).await, all);
}

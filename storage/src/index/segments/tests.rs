use super::*;
use crate::index::Origin;
use media::Profile;

fn feed(n: u32) -> FeedId {
    FeedId {
        camera: format!("44140301001320{n:06}").parse().unwrap(),
        profile: Profile::Main,
    }
}
fn entry(minute: i64, sequence: u64) -> Entry {
    Entry {
        start: WallTime::from_secs(1_700_000_000 + minute * 60),
        end: WallTime::from_secs(1_700_000_000 + minute * 60 + 60),
        sequence,
        bytes: 100,
        volume: 0,
        origin: Origin::Gateway,
    }
}
fn at(minute: i64) -> WallTime {
    WallTime::from_secs(1_700_000_000 + minute * 60 + 30)
}
fn open(dir: &tempfile::TempDir) -> Segments {
    Segments::open(&dir.path().join("s"), ByteCount::mebibytes(4)).unwrap()
}

#[test]
fn segments_are_found_across_hours_and_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let segments = open(&dir);
    assert!(segments.is_fresh());
    for n in (0..300).rev() {
        segments.insert(feed(1), entry(n, n as u64)).unwrap();
        segments.insert(feed(2), entry(n * 2, n as u64)).unwrap();
    }
    segments.insert(feed(1), entry(0, 0)).unwrap();
    assert_eq!(segments.used(), ByteCount(60_000));
    segments.flush().unwrap();
    drop(segments);
    let segments = open(&dir);
    assert!(!segments.is_fresh());
    assert_eq!(segments.used(), ByteCount(60_000));
    let found = segments.range(feed(1), at(10), at(200)).unwrap();
    let sequences: Vec<u64> = found.iter().map(|e| e.sequence).collect();
    assert_eq!(sequences, (10..=200).collect::<Vec<_>>());
    let before = |minute| segments.before(feed(1), at(minute)).unwrap();
    assert_eq!(before(150).unwrap().sequence, 150);
    assert_eq!(before(100_000).unwrap().sequence, 299);
    assert_eq!(before(-1), None);
    assert_eq!(segments.last(feed(2)).unwrap().unwrap().sequence, 299);
    assert_eq!(segments.feeds().unwrap(), [feed(1), feed(2)]);
    let oldest = segments.oldest(feed(1)).unwrap();
    assert_eq!(oldest[0].sequence, 0);
    segments.remove(feed(1), &oldest).unwrap();
    assert_eq!(
        segments.used(),
        ByteCount(60_000 - 100 * oldest.len() as u64)
    );
    assert_eq!(
        segments.oldest(feed(1)).unwrap()[0].sequence,
        oldest.len() as u64
    );
    assert_eq!(segments.all(feed(1)).unwrap().len(), 300 - oldest.len());
}

#[test]
fn weeks_are_opened_when_asked_for_and_go_when_they_are_empty() {
    let dir = tempfile::tempdir().unwrap();
    // One a day for 20 weeks.
    const DAY: i64 = 24 * 60;
    let segments = open(&dir);
    for day in 0..140 {
        segments
            .insert(feed(1), entry(day * DAY, day as u64))
            .unwrap();
    }
    let weeks = segments.weeks();
    assert!(weeks.len() == 20 || weeks.len() == 21, "{weeks:?}");
    let opened = |s: &Segments| s.lock().values().filter(|p| p.is_open()).count();
    assert!(opened(&segments) <= 5);
    drop(segments);
    let segments = open(&dir);
    assert_eq!((opened(&segments), segments.used()), (1, ByteCount(14_000)));
    let all = segments.range(feed(1), at(-1), at(200 * DAY)).unwrap();
    assert_eq!(all.len(), 140);
    assert!(opened(&segments) <= 5);
    // Across the border of two weeks, whichever day that is.
    for day in 1..139 {
        let (from, to) = (at(day * DAY), at((day + 1) * DAY));
        let found = segments.range(feed(1), from, to).unwrap();
        assert_eq!(found.len(), 2, "day {day}");
        let before = segments.before(feed(1), at(day * DAY + 700)).unwrap();
        assert_eq!(before.unwrap().sequence, day as u64);
    }
    segments.remove(feed(1), &all[..100]).unwrap();
    assert!(segments.weeks().len() < 8);
    assert_eq!(segments.used(), ByteCount(4000));
    let on_disk = fs::read_dir(dir.path().join("s")).unwrap().count();
    assert!(on_disk < 16, "{on_disk}");
    drop(segments);

    // One that is damaged while it was closed is empty, and said so; the others are as they were.
    let weeks = open(&dir).weeks();
    let path = dir.path().join("s").join(format!("week-{:05}", weeks[1]));
    fs::write(path.join("db"), vec![0xa5; 5000]).unwrap();
    fs::write(path.join("conf"), "nonsense").unwrap();
    let segments = open(&dir);
    assert!(segments.lost().is_empty());
    let found = segments.range(feed(1), at(-1), at(200 * DAY)).unwrap();
    assert!((32..=33).contains(&found.len()), "{}", found.len());
    assert_eq!(segments.lost(), [(weeks[1], 1)].into());
    drop(segments);
    // Also by the next start, until it has been made again.
    let segments = open(&dir);
    assert_eq!(segments.lost(), [(weeks[1], 1)].into());
    segments.lose(weeks[1]).unwrap();
    segments.healed(weeks[1], 1).unwrap();
    assert_eq!(segments.lost(), [(weeks[1], 2)].into());
    segments.healed(weeks[1], 2).unwrap();
    drop(segments);
    assert!(open(&dir).lost().is_empty());
}

#[test]
fn a_segment_that_began_in_the_week_before_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let segments = open(&dir);
    let border = i64::from(HOURS) * 3600 * 2800;
    let long = Entry {
        start: WallTime::from_secs(border - 30),
        end: WallTime::from_secs(border + 30),
        sequence: 1,
        bytes: 1,
        volume: 0,
        origin: Origin::Gateway,
    };
    segments.insert(feed(1), long).unwrap();
    let from = WallTime::from_secs(border + 10);
    let to = WallTime::from_secs(border + 20);
    assert_eq!(segments.range(feed(1), from, to).unwrap(), [long]);
    assert_eq!(segments.before(feed(1), to).unwrap(), Some(long));
}

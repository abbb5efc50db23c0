use std::fs;

use super::*;

fn at(n: i64) -> WallTime {
    WallTime::from_secs(n)
}

const CHAINED: Options = Options {
    chained: true,
    version: 3,
};

fn bodies(records: &[Record<String>]) -> Vec<&str> {
    records.iter().map(|r| r.body.as_str()).collect()
}

#[tokio::test]
async fn what_was_appended_is_there_after_opening_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    for options in [Options::default(), CHAINED] {
        let _ = fs::remove_file(&path);
        let (journal, records) = open::<String>(&path, options).unwrap();
        assert!(records.is_empty());
        assert_eq!(journal.append(at(1), "put", "a".into()).await.unwrap(), 1);
        let (b, c) = tokio::join!(
            journal.append(at(2), "put", "b".into()),
            journal.append(at(3), "drop", "c".into())
        );
        assert_eq!((b.unwrap(), c.unwrap()), (2, 3));
        drop(journal);
        let (journal, records) = open::<String>(&path, options).unwrap();
        assert_eq!(bodies(&records), ["a", "b", "c"]);
        assert_eq!(records[2].kind, "drop");
        assert_eq!(records[2].at, at(3));
        assert_eq!(records[2].version, options.version);
        assert_eq!(journal.append(at(4), "put", "d".into()).await.unwrap(), 4);
        assert_eq!(journal.report().records, 3);
    }
}

#[tokio::test]
async fn a_journal_cut_anywhere_opens_with_every_whole_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let (journal, _) = open::<String>(&path, CHAINED).unwrap();
    let mut ends = vec![fs::metadata(&path).unwrap().len()];
    for n in 0..4 {
        journal.append(at(n), "put", "x".repeat(30)).await.unwrap();
        ends.push(fs::metadata(&path).unwrap().len());
    }
    drop(journal);
    let whole = fs::read(&path).unwrap();
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let (journal, records) = open::<String>(&path, CHAINED).unwrap();
        let expected = ends
            .iter()
            .filter(|e| **e <= len as u64)
            .count()
            .saturating_sub(1);
        assert_eq!(records.len(), expected, "cut at {len}");
        let torn = len as u64
            - ends
                .iter()
                .copied()
                .filter(|e| *e <= len as u64)
                .max()
                .unwrap_or(len as u64);
        assert_eq!(
            journal.report().cut.map(|c| c.1),
            (torn > 0).then_some(torn),
            "cut at {len}"
        );
        let next = journal.append(at(9), "put", "after".into()).await.unwrap();
        assert_eq!(next, expected as u64 + 1);
        drop(journal);
        let (journal, records) = open::<String>(&path, CHAINED).unwrap();
        assert_eq!(records.last().unwrap().body, "after");
        assert_eq!(journal.report().cut, None);
        assert!(journal.report().damage.is_empty());
    }
}

#[tokio::test]
async fn damage_in_the_middle_is_reported_and_never_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let (journal, _) = open::<String>(&path, CHAINED).unwrap();
    let mut second = 0;
    for n in 0..3 {
        if n == 1 {
            second = fs::metadata(&path).unwrap().len();
        }
        journal
            .append(at(n), "put", format!("record {n}"))
            .await
            .unwrap();
    }
    drop(journal);
    let mut bytes = fs::read(&path).unwrap();
    let last = second as usize + 60;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (journal, records) = open::<String>(&path, CHAINED).unwrap();
    assert_eq!(bodies(&records), ["record 0", "record 2"]);
    let damage = &journal.report().damage;
    assert_eq!(damage[0].offset, second);
    assert!(damage[0].what.contains("checksum"), "{damage:?}");
    assert!(
        damage[1].what.contains("hash of the one before"),
        "{damage:?}"
    );
    assert_eq!(fs::metadata(&path).unwrap().len(), bytes.len() as u64);
}

#[tokio::test]
async fn a_record_rewritten_with_a_right_checksum_breaks_the_chain() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let (journal, _) = open::<String>(&path, CHAINED).unwrap();
    for n in 0..3 {
        journal
            .append(at(n), "put", format!("record {n}"))
            .await
            .unwrap();
    }
    drop(journal);
    let bytes = fs::read(&path).unwrap();
    let start = scan::HEADER as usize;
    let (raw, len) = record::decode(&bytes[start..], true).unwrap();
    let mut forged = bytes[..start].to_vec();
    record::encode(
        &mut forged,
        &Raw {
            body: b"\"RECORD 0\"",
            ..raw
        },
    );
    forged.extend_from_slice(&bytes[start + len..]);
    fs::write(&path, &forged).unwrap();
    let report = read::<String>(&path, |_| ()).unwrap();
    assert_eq!(report.damage.len(), 1);
    assert!(report.damage[0].what.contains("record 2"), "{report:?}");
}

#[tokio::test]
async fn a_snapshot_stands_for_what_it_replaces() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    let (journal, _) = open::<String>(&path, Options::default()).unwrap();
    for n in 0..10 {
        journal.append(at(n), "put", format!("{n}")).await.unwrap();
    }
    let state = vec![(at(20), "state".to_owned(), "0 to 7".to_owned())];
    journal.snapshot(8, state.clone()).await.unwrap();
    assert_eq!(
        journal.append(at(30), "put", "10".into()).await.unwrap(),
        11
    );
    assert!(journal.snapshot(0, state).await.is_err());
    drop(journal);
    let (journal, records) = open::<String>(&path, Options::default()).unwrap();
    assert_eq!(bodies(&records), ["0 to 7", "8", "9", "10"]);
    let sequences: Vec<u64> = records.iter().map(|r| r.sequence).collect();
    assert_eq!(sequences, [8, 9, 10, 11]);
    assert!(journal.report().damage.is_empty());
}

#[tokio::test]
async fn files_that_are_no_journal_and_records_too_long_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.journal");
    fs::write(&path, "somebody's notes, longer than a header").unwrap();
    let said = open::<String>(&path, Options::default())
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("a.journal at offset 0: this is no journal"),
        "{said}"
    );
    fs::remove_file(&path).unwrap();
    let (journal, _) = open::<String>(&path, CHAINED).unwrap();
    assert!(
        journal
            .append(at(0), "put", "x".repeat(2 << 20))
            .await
            .is_err()
    );
    drop(journal);
    let said = open::<String>(&path, Options::default())
        .unwrap_err()
        .to_string();
    assert!(said.contains("this journal is chained"), "{said}");
    let (_, records) = open::<String>(&path, CHAINED).unwrap();
    assert!(records.is_empty());
}

fn names(dir: &Path) -> Vec<String> {
    let mut out: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    out.sort();
    out
}

#[tokio::test]
async fn a_chained_journal_has_a_file_a_month_and_is_read_as_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.journal");
    let moments = [
        "2026-09-30T23:59:59Z",
        "2026-10-01T00:00:00Z",
        "2026-10-15T00:00:00Z",
        // A clock set back makes no file of its own.
        "2026-09-02T00:00:00Z",
        "2026-12-01T00:00:00Z",
        "2026-12-02T00:00:00Z",
    ];
    let append = |journal: Journal<String>, n: usize| async move {
        let at: WallTime = moments[n].parse().unwrap();
        journal.append(at, "put", n.to_string()).await.unwrap()
    };
    let (journal, _) = open::<String>(&path, CHAINED).unwrap();
    // All at once: a month may end within one write.
    let all = (0..4).map(|n| append(journal.clone(), n));
    let sequences = futures_util::future::join_all(all).await;
    assert_eq!(sequences, [1, 2, 3, 4]);
    drop(journal);
    let (journal, records) = open::<String>(&path, CHAINED).unwrap();
    assert_eq!(bodies(&records), ["0", "1", "2", "3"]);
    assert_eq!(append(journal.clone(), 4).await, 5);
    assert_eq!(append(journal.clone(), 5).await, 6);
    assert_eq!(journal.records(), 2);
    drop(journal);
    let parts = [
        "audit-202609-000000000001.journal",
        "audit-202610-000000000002.journal",
    ];
    assert_eq!(names(dir.path()), [parts[0], parts[1], "audit.journal"]);
    let reread = || {
        let mut bodies = Vec::new();
        let report = read::<String>(&path, |r| bodies.push(r.body)).unwrap();
        (bodies, report)
    };
    let (bodies_read, report) = reread();
    assert_eq!(bodies_read, ["0", "1", "2", "3", "4", "5"]);
    assert_eq!((report.records, report.damage), (6, vec![]));

    // A crash between the two renames left no current file.
    let whole = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(reread().0.len(), 4);
    let (journal, records) = open::<String>(&path, CHAINED).unwrap();
    assert_eq!(records.len(), 4);
    assert_eq!(append(journal, 4).await, 5);
    fs::write(&path, whole).unwrap();

    // A month that is altered, or taken out, shows.
    let part = dir.path().join(parts[1]);
    let bytes = fs::read(&part).unwrap();
    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&part, &altered).unwrap();
    let said = reread().1.damage;
    assert!(said.iter().any(|d| d.what.contains(parts[1])), "{said:?}");
    fs::remove_file(&part).unwrap();
    assert!(!reread().1.damage.is_empty());
}

use super::*;
use crate::Store;
use media::CameraId;

fn camera(n: u32) -> CameraId {
    format!("4414030000132600{n:04}").parse().unwrap()
}

fn face(layout: u32, cameras: &[u32]) -> Face {
    let cell = |n: &u32| {
        Some(Cell {
            camera: camera(*n),
            profile: Stream::Auto,
        })
    };
    Face {
        name: String::new(),
        layout,
        cells: cameras.iter().map(cell).collect(),
        alarm: None,
        focus: None,
        tour: None,
    }
}

fn put(id: &str) -> Change {
    Change::Put {
        wall: Box::new(New {
            id: id.into(),
            name: "大厅".into(),
            region: "441403".parse().unwrap(),
            note: String::new(),
            seat: None,
            screens: [(1, face(4, &[1, 2])), (2, face(1, &[3]))].into(),
        }),
        by: "chen".into(),
        expect: Some(0),
    }
}

fn screen(screen: u8, face: Face, expect: Option<u64>) -> Change {
    Change::Screen {
        id: "hall".into(),
        screen,
        face: Box::new(face),
        by: "li".into(),
        expect,
        cause: None,
    }
}

fn at(s: i64) -> WallTime {
    WallTime::from_secs(s)
}

fn hall() -> Walls {
    let mut walls = Walls::default();
    walls.check(&put("hall")).unwrap();
    walls.apply(at(1), put("hall"));
    walls
}

fn take(walls: &mut Walls, s: i64, change: Change) {
    walls.check(&change).unwrap();
    walls.apply(at(s), change);
}

#[test]
fn two_directors_at_one_screen_are_told_and_at_two_screens_are_not() {
    let mut walls = hall();
    let seen = walls.get("hall").unwrap().clone();
    let (first, second) = (seen.screens[&1].revision, seen.screens[&2].revision);
    take(&mut walls, 2, screen(1, face(4, &[5]), Some(first)));
    match walls.check(&screen(1, face(4, &[6]), Some(first))) {
        Err(Error::Stale {
            by,
            revision,
            at: when,
            ..
        }) => {
            assert_eq!((by.as_str(), when), ("li", at(2)));
            assert_eq!(revision, walls.get("hall").unwrap().screens[&1].revision);
        }
        other => panic!("{other:?}"),
    }
    take(&mut walls, 3, screen(2, face(1, &[7]), Some(second)));
    take(&mut walls, 4, screen(3, face(9, &[8]), Some(0)));
    assert!(walls.check(&screen(3, face(9, &[8]), Some(0))).is_err());
    let hall = walls.get("hall").unwrap();
    assert_eq!(hall.shown, [5, 7, 8].map(camera).into());
    let told: Vec<_> = hall
        .notes
        .iter()
        .map(|n| (n.screen, n.what.as_str()))
        .collect();
    assert_eq!(
        told[told.len() - 3..],
        [(Some(1), "cells"), (Some(2), "cells"), (Some(3), "added")]
    );
    let named = Change::Name {
        id: "hall".into(),
        name: Some("x".into()),
        note: None,
        by: "li".into(),
        expect: Some(seen.revision),
    };
    assert!(matches!(walls.check(&named), Err(Error::Stale { .. })));
}

#[test]
fn all_screens_of_a_tour_are_on_the_page_that_the_time_says() {
    let mut walls = hall();
    let touring = |held| Face {
        tour: Some(Wanted {
            cameras: (1..=10).map(camera).collect(),
            dwell_s: 10,
            held,
        }),
        ..face(4, &[])
    };
    let page = |walls: &Walls, s| {
        walls.get("hall").unwrap().screens[&1]
            .tour
            .as_ref()
            .unwrap()
            .page(at(s), 3)
    };
    take(&mut walls, 100, screen(1, touring(false), None));
    assert_eq!(
        [100, 109, 110, 125, 130].map(|s| page(&walls, s)),
        [0, 0, 1, 2, 0]
    );
    // Held on its second page for a minute, it goes on where it stood.
    take(&mut walls, 115, screen(1, touring(true), None));
    assert_eq!([115, 500].map(|s| page(&walls, s)), [1, 1]);
    take(&mut walls, 175, screen(1, touring(false), None));
    assert_eq!([175, 179, 180, 190].map(|s| page(&walls, s)), [1, 1, 2, 0]);
    // A tile that is shown large holds it as well.
    take(
        &mut walls,
        190,
        screen(
            1,
            Face {
                focus: Some(2),
                ..touring(false)
            },
            None,
        ),
    );
    assert_eq!([190, 400].map(|s| page(&walls, s)), [0, 0]);
    take(&mut walls, 400, screen(1, touring(false), None));
    assert_eq!([400, 410].map(|s| page(&walls, s)), [0, 1]);
    let notes = &walls.get("hall").unwrap().notes;
    let told: Vec<_> = notes.iter().skip(3).map(|n| n.what.as_str()).collect();
    assert_eq!(
        told,
        ["tour", "tour-held", "tour-resumed", "focus", "focus"]
    );
}

#[test]
fn what_may_not_stand_on_a_wall_names_its_field() {
    type Spoil = fn(&mut Face);
    let wrong: [(&str, Spoil); 8] = [
        ("layout", |f| f.layout = 5),
        ("cells[2]", |f| f.cells.push(f.cells[0])),
        ("cells", |f| f.cells = vec![None; 26]),
        ("alarm", |f| f.alarm = Some(4)),
        ("focus", |f| (f.alarm, f.focus) = (Some(1), Some(1))),
        ("name", |f| f.name = "x".repeat(51)),
        ("tour.dwell_s", |f| {
            f.tour = Some(Wanted {
                cameras: vec![camera(1)],
                dwell_s: 4,
                held: false,
            });
        }),
        ("tour.cameras", |f| {
            f.tour = Some(Wanted {
                cameras: vec![camera(1); 2],
                dwell_s: 5,
                held: false,
            });
        }),
    ];
    let walls = hall();
    for (expected, spoil) in wrong {
        let mut face = face(4, &[1, 2]);
        spoil(&mut face);
        match walls.check(&screen(1, face, None)) {
            Err(Error::Field { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert!(walls.check(&screen(17, face(4, &[]), None)).is_err());
    assert!(walls.check(&put("Hall")).is_err());
}

#[test]
fn walls_are_bounded_in_number_and_in_bytes() {
    let mut walls = Walls::default();
    for n in 0..MAX_WALLS {
        take(&mut walls, 1, put(&format!("hall-{n}")));
    }
    assert!(matches!(
        walls.check(&put("one-more")),
        Err(Error::Field { .. })
    ));
    let mut walls = hall();
    let long = |n: u32| Face {
        tour: Some(Wanted {
            cameras: (n..n + 400).map(camera).collect(),
            dwell_s: 5,
            held: false,
        }),
        ..face(25, &[])
    };
    let refused = (1..=16).find(|n| {
        let change = screen(*n, long(u32::from(*n) * 400), None);
        let refused = walls.check(&change).is_err();
        walls.apply(at(1), change);
        refused
    });
    assert!(refused.is_some_and(|n| n > 4), "{refused:?}");
    for _ in 0..2 * MAX_NOTES {
        take(&mut walls, 2, screen(1, face(1, &[]), None));
    }
    assert_eq!(walls.get("hall").unwrap().notes.len(), MAX_NOTES);
}

#[test]
fn what_a_plan_shows_is_shown_once() {
    let mut walls = hall();
    let mut change = screen(1, face(4, &[9]), None);
    if let Change::Screen { cause, .. } = &mut change {
        *cause = Some("incident flood".into());
    }
    take(&mut walls, 2, change.clone());
    assert_eq!(walls.check(&change), Err(Error::Repeated));
}

#[test]
fn a_screen_comes_in_by_a_link_until_it_ends() {
    let mut walls = hall();
    let link = |name: &str| Change::Link {
        id: "hall".into(),
        name: name.into(),
        until: at(1000),
        secret_sha256: "00".into(),
        by: "chen".into(),
    };
    take(&mut walls, 2, link("left"));
    let first = |walls: &Walls| walls.get("hall").unwrap().links[0].clone();
    assert!(first(&walls).is_good(at(999)) && !first(&walls).is_good(at(1000)));
    let end = Change::Unlink {
        id: "hall".into(),
        number: 1,
    };
    take(&mut walls, 3, end.clone());
    assert!(!first(&walls).is_good(at(4)));
    assert!(walls.check(&end).is_err());
    for n in 0..MAX_LINKS {
        take(&mut walls, 5, link(&n.to_string()));
    }
    assert!(walls.check(&link("one more")).is_err());
    assert_eq!(walls.get("hall").unwrap().links.len(), MAX_LINKS);
}

#[test]
fn layouts_are_kept_changed_by_who_saw_them_and_bounded() {
    let mut walls = Walls::default();
    let layout = |id, revision| Layout {
        id,
        name: "夜间".into(),
        owner: "chen".into(),
        shared: false,
        region: "441403".parse().unwrap(),
        incident: None,
        layout: 4,
        cells: face(4, &[1]).cells,
        alarm: None,
        revision,
    };
    let keep = |id, revision| Change::Layout(Box::new(layout(id, revision)));
    take(&mut walls, 1, keep(0, 0));
    assert_eq!(walls.newest_layout().unwrap().id, 1);
    take(&mut walls, 2, keep(1, 1));
    assert!(matches!(
        walls.check(&keep(1, 1)),
        Err(Error::Stale { revision: 2, .. })
    ));
    for _ in 1..MAX_OWN {
        take(&mut walls, 3, keep(0, 0));
    }
    assert!(walls.check(&keep(0, 0)).is_err());
    take(&mut walls, 4, Change::RemoveLayout(1));
    assert!(walls.check(&Change::RemoveLayout(1)).is_err());
}

#[tokio::test]
async fn the_journal_is_made_shorter_and_holds_the_same_walls() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("walls.journal");
    let before = {
        let store = Store::<Walls>::open(&path).unwrap();
        store.change(at(1), put("hall")).await.unwrap();
        for n in 0..100 {
            let change = screen(1, face(4, &[n as u32 % 9]), None);
            store.change(at(n), change).await.unwrap();
        }
        store.read()
    };
    let records = storage::journal::read::<Change>(&path, |_| ())
        .unwrap()
        .records;
    assert!(records < 64, "{records}");
    let after = Store::<Walls>::open(&path).unwrap().read();
    let (before, after) = (before.get("hall").unwrap(), after.get("hall").unwrap());
    assert_eq!((before, &before.shown), (after, &after.shown));
}

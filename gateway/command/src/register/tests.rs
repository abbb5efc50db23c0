//! What the register takes, refuses and remembers.

use super::*;
use crate::{State, Zone};

fn region(code: &str) -> Region {
    Region {
        code: code.parse().unwrap(),
        name: format!("R{code}"),
        name_en: String::new(),
        place: None,
    }
}

fn camera(n: u32, region: &str) -> Camera {
    let code = format!("441403000013260{n:05}").parse().unwrap();
    let mut camera = Camera::new(code, format!("camera {n}"), region.parse().unwrap());
    camera.main_url = Some("rtsp://10.0.0.1/main".into());
    camera
}

fn change(register: &mut Register, change: Change) -> Result<(), Error> {
    register.check(&change)?;
    register.apply(WallTime::from_secs(1), change);
    Ok(())
}

#[test]
fn cameras_are_added_replaced_and_removed_once() {
    let mut r = Register::default();
    change(
        &mut r,
        Change::Regions(vec![region("441403"), region("441403102201")]),
    )
    .unwrap();
    let mut c = camera(1, "441403102201");
    change(&mut r, Change::Add(Box::new(c.clone()))).unwrap();
    assert_eq!(
        change(&mut r, Change::Add(Box::new(c.clone()))),
        Err(Error::Exists(c.code))
    );
    c.name = "renamed".into();
    change(&mut r, Change::Replace(Box::new(c.clone()))).unwrap();
    assert_eq!(r.camera(&c.code).unwrap().name, "renamed");
    change(&mut r, Change::Remove(c.code)).unwrap();
    assert_eq!(
        change(&mut r, Change::Remove(c.code)),
        Err(Error::NotFound(c.code))
    );
    assert_eq!(
        change(&mut r, Change::Replace(Box::new(c.clone()))),
        Err(Error::NotFound(c.code))
    );
}

#[test]
fn a_wrong_file_names_its_field() {
    let mut r = Register::default();
    change(&mut r, Change::Regions(vec![region("441403")])).unwrap();
    let good = camera(1, "441403");
    type Spoil = fn(&mut Camera);
    let wrong: [(&str, Spoil); 9] = [
        ("region", |c| c.region = "441402".parse().unwrap()),
        ("name", |c| c.name = " ".into()),
        ("heading", |c| c.heading = Some(360)),
        ("view_angle", |c| c.view_angle = Some(0)),
        ("form", |c| c.form = "round".into()),
        ("place", |c| {
            c.place = Some(Place {
                lon: 200.0,
                lat: 0.0,
            })
        }),
        ("main_url", |c| c.main_url = None),
        ("keep_days", |c| c.keep_days = 0),
        ("zones[0].points", |c| {
            c.zones = vec![Zone {
                name: "gate".into(),
                points: Vec::new(),
            }]
        }),
    ];
    for (name, spoil) in wrong {
        let mut c = good.clone();
        spoil(&mut c);
        match r.check(&Change::Add(Box::new(c))) {
            Err(Error::Field { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    r.check(&Change::Add(Box::new(good))).unwrap();
}

#[test]
fn a_region_finds_its_nearest_known_parent() {
    let mut r = Register::default();
    change(
        &mut r,
        Change::Regions(vec![region("441403"), region("441403102201")]),
    )
    .unwrap();
    let village = "441403102201".parse().unwrap();
    assert_eq!(r.parent(&village), Some("441403".parse().unwrap()));
    assert_eq!(r.parent(&"441403".parse().unwrap()), None);
}

/// A district with a town, two villages, and a camera in each village.
fn district() -> Register {
    let mut r = Register::default();
    let codes = [
        "441403",
        "441403102",
        "441403102201",
        "441403102202",
        "441403103",
    ];
    change(&mut r, Change::Regions(codes.map(region).into())).unwrap();
    change(&mut r, Change::Add(Box::new(camera(1, "441403102201")))).unwrap();
    change(&mut r, Change::Add(Box::new(camera(2, "441403102202")))).unwrap();
    r
}

fn code(n: u32) -> CameraId {
    camera(n, "441403").code
}

fn region_code(text: &str) -> RegionCode {
    text.parse().unwrap()
}

#[test]
fn every_version_says_who_when_and_what() {
    let mut r = district();
    let mut c = camera(1, "441403102201");
    c.name = "renamed".into();
    c.asset.model = "X".into();
    let made = Change::Replace(Box::new(c.clone())).by("li");
    r.apply(WallTime::from_secs(7), made.into());
    // The same again is no version.
    r.apply(
        WallTime::from_secs(8),
        Change::Replace(Box::new(c.clone())).by("wu").into(),
    );
    r.apply(
        WallTime::from_secs(9),
        Change::Remove(c.code).by("wu").into(),
    );
    assert!(r.camera(&c.code).is_none());
    let file = r.file_or_gone(&c.code).unwrap();
    let told: Vec<_> = file
        .versions()
        .iter()
        .map(|v| (v.revision, &*v.by, v.what))
        .collect();
    assert_eq!(
        told,
        [
            (1, "", What::Added),
            (2, "li", What::Changed),
            (3, "wu", What::Removed)
        ]
    );
    let [first, second, _] = file.versions() else {
        panic!()
    };
    let changed = fields::differences(first.state.as_deref(), second.state.as_deref());
    let changed: Vec<_> = changed
        .iter()
        .map(|d| (d.field.as_str(), d.from.clone(), d.to.clone()))
        .collect();
    assert_eq!(
        changed,
        [
            ("asset.model", serde_json::Value::Null, "X".into()),
            ("name", "camera 1".into(), "renamed".into())
        ]
    );
    // It comes back as a new version, with the number after the last.
    let old = r.version(&c.code, 1).unwrap().state.clone().unwrap();
    r.apply(
        WallTime::from_secs(10),
        Change::Add(Box::new(Camera::clone(&old))).by("wu").into(),
    );
    assert_eq!(
        (
            r.revision(&c.code),
            r.camera(&c.code).unwrap().name.as_str()
        ),
        (4, "camera 1")
    );
}

#[test]
fn the_past_is_bounded_and_goes_on_counting() {
    let mut r = district();
    for n in 0..MOST_VERSIONS + 50 {
        let mut c = camera(1, "441403102201");
        c.name = format!("name {n}");
        change(&mut r, Change::Replace(Box::new(c))).unwrap();
    }
    let file = r.file(&code(1)).unwrap();
    assert_eq!(file.versions().len(), MOST_VERSIONS);
    assert_eq!(file.revision() as usize, MOST_VERSIONS + 51);
}

#[test]
fn the_second_of_two_editors_is_refused_and_shown_the_difference() {
    let mut r = district();
    let edit = |what: fn(&mut Camera), who: &str| {
        let mut c = camera(1, "441403102201");
        what(&mut c);
        Change::Replace(Box::new(c)).by(who).on(code(1), Some(1))
    };
    change(&mut r, edit(|c| c.name = "east".into(), "li").into()).unwrap();
    let second = edit(
        |c| {
            c.name = "west".into();
            c.maker = "M".into();
        },
        "wu",
    );
    assert_eq!(
        r.check(&second.clone().into()),
        Err(Error::Stale {
            code: code(1),
            revision: 2,
            expected: 1
        })
    );
    let Change::Replace(mine) = second.change else {
        panic!()
    };
    let base = r.version(&code(1), 1).unwrap().state.clone();
    let theirs = r.camera(&code(1)).map(AsRef::as_ref);
    let told = fields::conflicts(base.as_deref(), theirs, &mine);
    let told: Vec<_> = told
        .iter()
        .map(|c| (c.field.as_str(), &c.base, &c.theirs, &c.mine))
        .collect();
    let null = serde_json::Value::Null;
    assert_eq!(
        told,
        [
            ("maker", &null, &null, &"M".into()),
            ("name", &"camera 1".into(), &"east".into(), &"west".into())
        ]
    );
}

#[test]
fn a_password_is_never_told() {
    let mut with = camera(1, "441403");
    with.password = Some(crate::Secret::sealed("v1:x".into()));
    let mut other = with.clone();
    other.password = Some(crate::Secret::sealed("v1:y".into()));
    let told = fields::differences(Some(&with), Some(&other));
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0].from, &told[0].to),
        (&fields::HIDDEN.into(), &fields::HIDDEN.into())
    );
    let conflicts = fields::conflicts(Some(&with), Some(&other), &with);
    assert!(!serde_json::to_string(&conflicts).unwrap().contains("v1:"));
}

#[test]
fn a_region_moves_with_all_that_is_in_it() {
    let mut r = district();
    let to = region_code("441403105");
    change(
        &mut r,
        Change::MoveRegion {
            from: region_code("441403102"),
            to,
        }
        .by("li")
        .into(),
    )
    .unwrap();
    assert!(r.region(&region_code("441403102")).is_none());
    assert_eq!(
        r.region(&region_code("441403105201")).unwrap().name,
        "R441403102201"
    );
    assert_eq!(
        r.camera(&code(1)).unwrap().region,
        region_code("441403105201")
    );
    let last = r.file(&code(1)).unwrap().versions().last().unwrap();
    assert_eq!((last.what, &*last.by), (What::Moved, "li"));
    // Both codes tell of it, and what the configuration's file says of the old one does not bring it back.
    assert!(r.is_edited(&region_code("441403102")) && r.is_edited(&to));
}

#[test]
fn moves_that_cannot_be_say_why() {
    let r = district();
    for (from, to, why) in [
        ("441403102", "441403102201", "cannot be moved under itself"),
        ("441403102", "441403102", "has this code already"),
        ("441403102", "441403103001", "expected 9"),
        ("441403102", "441402102", "no region above"),
        ("441403102", "441403103", "in the register already"),
        ("441403", "441402", "uppermost"),
        ("441403109", "441403110", "not in the register"),
    ] {
        let (from, to) = (region_code(from), region_code(to));
        let error = r
            .check(&Change::MoveRegion { from, to })
            .unwrap_err()
            .to_string();
        assert!(error.contains(why), "{from} to {to}: {error}");
    }
}

#[test]
fn a_region_that_holds_anything_stays() {
    let mut r = district();
    let remove = |code: &str| Change::RemoveRegion(region_code(code));
    let why = |r: &Register, code: &str| r.check(&remove(code)).unwrap_err().to_string();
    assert!(why(&r, "441403102").contains("2 region(s) below"));
    assert!(why(&r, "441403102201").contains("1 camera(s)"));
    change(&mut r, Change::Remove(code(1))).unwrap();
    change(&mut r, remove("441403102201").by("li").into()).unwrap();
    assert_eq!(
        r.check(&remove("441403102201")),
        Err(Error::NoRegion(region_code("441403102201")))
    );
    // A camera that was there does not come back into nowhere.
    let old = camera(1, "441403102201");
    assert!(r.check(&Change::Add(Box::new(old))).is_err());
}

/// A journal of another program may say what this one refuses: it is taken as far as it goes, and the camera is not lost.
#[test]
fn a_camera_whose_region_is_gone_counts_in_the_region_above() {
    let mut r = district();
    r.apply(
        WallTime::from_secs(2),
        Change::RemoveRegion(region_code("441403102201")),
    );
    assert!(r.camera(&code(1)).is_some());
    assert_eq!(
        r.parent(&region_code("441403102201")),
        Some(region_code("441403102"))
    );
    let counts = r.counts(|_| true);
    assert_eq!(counts[&region_code("441403102")], 2);
    assert_eq!(
        r.search(&Query {
            region: Some(region_code("441403102")),
            ..Query::default()
        })
        .len(),
        2
    );
}

#[test]
fn two_editors_of_a_region() {
    let mut r = district();
    let rename = |name: &str| {
        let region = Region {
            name: name.into(),
            ..region("441403103")
        };
        Change::Regions(vec![region])
            .by("li")
            .on_region(region_code("441403103"), Some(1))
    };
    change(&mut r, rename("a").into()).unwrap();
    assert!(matches!(
        r.check(&rename("b").into()),
        Err(Error::StaleRegion { revision: 2, .. })
    ));
}

#[test]
fn groups_hold_cameras_of_any_region_and_lose_those_that_go() {
    let mut r = district();
    let group = Group {
        id: "river".into(),
        name: "梅江".into(),
        kind: GroupKind::River,
        note: String::new(),
        cameras: [code(1), code(2)].into(),
    };
    change(&mut r, Change::Group(group.clone()).by("li").into()).unwrap();
    let found = |r: &Register| {
        r.search(&Query {
            group: Some("river".into()),
            ..Query::default()
        })
        .len()
    };
    assert_eq!(found(&r), 2);
    change(&mut r, Change::Remove(code(1))).unwrap();
    assert_eq!(found(&r), 1);
    assert!(matches!(
        r.check(&Change::Group(group)),
        Err(Error::Field { .. })
    ));
    change(&mut r, Change::RemoveGroup("river".into())).unwrap();
    assert_eq!(
        r.check(&Change::RemoveGroup("river".into())),
        Err(Error::NoGroup("river".into()))
    );
}

#[test]
fn cameras_are_found_by_name_initials_code_region_and_tag() {
    let mut r = district();
    let mut c = camera(3, "441403103");
    c.name = "重庆路口2号".into();
    c.tags = vec!["防汛".into()];
    change(&mut r, Change::Add(Box::new(c))).unwrap();
    let named = Region {
        name: "丙村镇".into(),
        ..region("441403103")
    };
    change(&mut r, Change::Regions(vec![named])).unwrap();
    let found = |text: &str| -> Vec<CameraId> {
        let found = r.search(&Query {
            text: text.into(),
            ..Query::default()
        });
        found.iter().map(|f| f.camera.code).collect()
    };
    for text in [
        "重庆",
        "CQL",
        "zql",
        "chongqing",
        "26000003",
        "防汛",
        "丙村",
        "bcz",
        "bcz cq",
    ] {
        assert_eq!(found(text), [code(3)], "{text}");
    }
    assert_eq!(found("").len(), 3);
    assert_eq!(found("camera 6000001"), [code(1)]);
    assert_eq!(found("没有"), []);
    let tagged = r.search(&Query {
        tag: Some("防汛".into()),
        ..Query::default()
    });
    assert_eq!(tagged.len(), 1);
}

#[test]
fn the_next_code_was_never_anybodys() {
    let mut r = district();
    let parts = media::code::Parts::of(&code(1));
    let stem = Stem {
        centre: parts.centre,
        industry: parts.industry,
        device: parts.device,
        network: parts.network,
    };
    let serial = |r: &Register| media::code::Parts::of(&r.next_code(&stem).unwrap()).serial;
    assert_eq!(serial(&r), 3);
    change(&mut r, Change::Remove(code(2))).unwrap();
    assert_eq!(serial(&r), 3, "the recordings of camera 2 are still there");
    let other = Stem { network: 7, ..stem };
    assert_eq!(
        media::code::Parts::of(&r.next_code(&other).unwrap()).serial,
        1
    );
}

#[test]
fn a_long_import_is_several_records_and_all_or_nothing() {
    let mut r = district();
    let many: Vec<Camera> = (10..3010).map(|n| camera(n, "441403102201")).collect();
    let whole: Change = Change::Import(many).by("li").into();
    let records = Register::records(whole);
    assert!(records.len() > 1);
    for record in &records {
        assert!(serde_json::to_vec(record).unwrap().len() < 1 << 20);
        r.check(record).unwrap();
    }
    let before = r.cameras().count();
    let at = WallTime::from_secs(3);
    let (last, first) = records.split_last().unwrap();
    for record in first {
        r.apply(at, record.clone());
    }
    assert_eq!(
        r.cameras().count(),
        before,
        "cut off here, nothing has changed"
    );
    // An import that was never finished does not run into the next one.
    for record in &records {
        r.apply(at, record.clone());
    }
    assert_eq!(r.cameras().count(), before + 3000);
    assert_eq!(&*r.file(&code(10)).unwrap().versions()[0].by, "li");
    r.apply(at, last.clone());
    assert_eq!(r.revision(&code(3009)), 1, "a part alone is nothing");
}

/// Records as version 0.1 wrote them.
#[test]
fn old_records_are_read() {
    let old = r#"{"replace":{"code":"44140300001326000001","name":"a","region":"441403","main_url":"rtsp://h/"}}"#;
    let mut r = district();
    r.apply(WallTime::from_secs(5), serde_json::from_str(old).unwrap());
    assert_eq!(
        &*r.file(&code(1)).unwrap().versions().last().unwrap().by,
        ""
    );
    let made: Change = Change::Remove(code(1)).by("li").into();
    let text = serde_json::to_string(&made).unwrap();
    assert_eq!(
        text,
        r#"{"by":{"by":"li","change":{"remove":"44140300001326000001"}}}"#
    );
    assert!(matches!(
        serde_json::from_str(&text).unwrap(),
        Change::By(_)
    ));
}

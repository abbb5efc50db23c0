use media::WallTime;
use proptest::prelude::*;

use super::*;
use crate::{
    register::{Change, Region},
    state::State,
};

const HERE: Place = Place {
    lon: 116.08,
    lat: 24.26,
};

/// `metres` from a place in a direction, degrees from north.
fn off(from: Place, metres: f64, bearing: f64) -> Place {
    let (north, east) = (
        metres * bearing.to_radians().cos(),
        metres * bearing.to_radians().sin(),
    );
    Place {
        lon: from.lon + (east / RADIUS_M).to_degrees() / from.lat.to_radians().cos(),
        lat: from.lat + (north / RADIUS_M).to_degrees(),
    }
}

fn camera(n: u32, place: Option<Place>) -> Camera {
    let code = format!("441403000013260{n:05}").parse().unwrap();
    let mut camera = Camera::new(code, format!("camera {n}"), "441403".parse().unwrap());
    camera.main_url = Some("rtsp://10.0.0.1/main".into());
    camera.place = place;
    camera
}

fn spots(cameras: impl IntoIterator<Item = Camera>) -> Spots {
    let mut register = Register::default();
    let region = Region {
        code: "441403".parse().unwrap(),
        name: "R".into(),
        name_en: String::new(),
        place: None,
    };
    register.apply(WallTime::from_secs(1), Change::Regions(vec![region]));
    for camera in cameras {
        register.apply(WallTime::from_secs(1), Change::Add(Box::new(camera)));
    }
    Spots::of(&register)
}

fn names(found: &[Found]) -> Vec<&str> {
    found.iter().map(|f| f.camera.name.as_str()).collect()
}

#[test]
fn who_looks_there_comes_first_then_the_nearest() {
    let mut looks = camera(1, Some(off(HERE, 300.0, 90.0)));
    (looks.heading, looks.view_angle, looks.view_distance) = (Some(270), Some(60), Some(400));
    let near = camera(2, Some(off(HERE, 50.0, 0.0)));
    let mut away = camera(3, Some(off(HERE, 20.0, 90.0)));
    (away.heading, away.view_angle, away.view_distance) = (Some(90), Some(60), Some(400));
    let mut gone = camera(4, Some(HERE));
    gone.disabled = true;
    let all = spots([looks, near, away, gone, camera(5, None)]);
    let found = all.find(&Shape::Near(HERE), 9, |_| true);
    assert_eq!(names(&found), ["camera 1", "camera 3", "camera 2"]);
    assert!((found[0].metres - 300.0).abs() < 0.5, "{}", found[0].metres);
    assert!(found[0].covers && !found[1].covers);
    assert!(all.find(&Shape::Near(HERE), 9, |_| false).is_empty());
    assert!(all.find(&Shape::Near(HERE), 0, |_| true).is_empty());
}

#[test]
fn a_view_is_bounded_by_angle_and_distance() {
    let mut c = camera(1, Some(HERE));
    (c.heading, c.view_angle, c.view_distance) = (Some(350), Some(40), Some(100));
    for (bearing, metres, seen) in [
        (350.0, 99.0, true),
        (350.0, 101.0, false),
        (331.0, 50.0, true),
        (329.0, 50.0, false),
        (9.0, 50.0, true),
        (11.0, 50.0, false),
        (170.0, 50.0, false),
    ] {
        assert_eq!(covers(&c, off(HERE, metres, bearing)), seen, "{bearing}");
    }
    c.heading = None;
    assert!(!covers(&c, off(HERE, 50.0, 350.0)));
    c.view_angle = Some(360);
    assert!(covers(&c, off(HERE, 50.0, 200.0)));
}

#[test]
fn shapes_hold_what_lies_in_them() {
    let at = |n, metres, bearing| camera(n, Some(off(HERE, metres, bearing)));
    let all = spots([at(1, 90.0, 45.0), at(2, 110.0, 45.0), at(3, 500.0, 180.0)]);
    let find = |shape: &Shape| {
        let found = all.find(shape, 99, |_| true);
        found
            .iter()
            .map(|f| f.camera.name.clone())
            .collect::<Vec<_>>()
    };
    let circle = Shape::Circle {
        at: HERE,
        radius_m: 100.0,
    };
    assert_eq!(find(&circle), ["camera 1"]);
    let rectangle = Shape::Rectangle {
        low: off(HERE, 1.0, 225.0),
        high: off(HERE, 200.0, 45.0),
    };
    assert_eq!(find(&rectangle), ["camera 1", "camera 2"]);
    let triangle = vec![
        off(HERE, 400.0, 270.0),
        off(HERE, 400.0, 90.0),
        off(HERE, 600.0, 180.0),
    ];
    assert_eq!(find(&Shape::Polygon(triangle)), ["camera 3"]);
    let road = Shape::Line {
        points: vec![off(HERE, 600.0, 200.0), off(HERE, 600.0, 160.0)],
        within_m: 70.0,
    };
    assert_eq!(find(&road), ["camera 3"]);
}

#[test]
fn the_middle_of_a_ring_is_the_middle_of_its_area() {
    let ring =
        [(0.0, 0.0), (4.0, 0.0), (4.0, 2.0), (0.0, 2.0)].map(|(lon, lat)| Place { lon, lat });
    let middle = centroid(&ring);
    assert!((middle.lon - 2.0).abs() < 1e-9 && (middle.lat - 1.0).abs() < 1e-9);
    let flat = [(0.0, 0.0), (4.0, 0.0), (2.0, 0.0)].map(|(lon, lat)| Place { lon, lat });
    assert!((centroid(&flat).lon - 2.0).abs() < 1e-9);
}

fn places() -> impl Strategy<Value = Place> {
    (115.9..116.3f64, 24.0..24.5f64).prop_map(|(lon, lat)| Place { lon, lat })
}

proptest! {
    /// The same cameras in the same order as by going through all of them with the sphere's own formula.
    #[test]
    fn as_by_brute_force(
        at in places(),
        stand in prop::collection::vec((places(), 0u16..360, 1u16..=360, 1u32..20_000), 0..200),
        most in 1usize..40,
        radius_m in 0.0..30_000.0f64,
        round: bool,
    ) {
        let cameras: Vec<Camera> = stand.iter().enumerate().map(|(n, (place, heading, angle, far))| {
            let mut c = camera(n as u32, Some(*place));
            (c.heading, c.view_angle, c.view_distance) = (Some(*heading), Some(*angle), Some(*far));
            c
        }).collect();
        let shape = if round { Shape::Circle { at, radius_m } } else { Shape::Near(at) };
        let found = spots(cameras.clone()).find(&shape, most, |_| true);

        let mut expected: Vec<(bool, f64, &Camera)> = cameras.iter()
            .map(|c| (covers(c, at), c.place.unwrap().distance_m(&at), c))
            .filter(|(_, metres, _)| !round || *metres <= radius_m)
            .collect();
        expected.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.total_cmp(&b.1)).then(a.2.code.cmp(&b.2.code)));
        expected.truncate(most);
        prop_assert_eq!(found.len(), expected.len());
        for (found, (covers, metres, camera)) in found.iter().zip(expected) {
            prop_assert_eq!(found.camera.code, camera.code);
            prop_assert_eq!(found.covers, covers);
            prop_assert!((found.metres - metres).abs() < 1e-3);
        }
    }
}

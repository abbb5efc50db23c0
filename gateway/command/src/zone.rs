//! Zones of interest: where in a camera's picture motion counts, as they stand in its file.

use media::{Said, said};
use serde::{Deserialize, Serialize};

use crate::camera::not_within;

/// A corner: x and y as shares of the picture's width and height, from the upper left.
pub type Point = [f64; 2];

/// A polygon in the picture, closed by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// What people call it, 1 to 50 characters, another for every zone of a camera.
    pub name: String,
    /// Its corners, 3 to 32, each coordinate 0 to 1.
    pub points: Vec<Point>,
}

impl Zone {
    /// Most zones of one camera: more than anybody draws, few enough that every picture can be held against all.
    pub const MAX: usize = 16;
    /// Corners of one zone.
    pub const POINTS: std::ops::RangeInclusive<usize> = 3..=32;
    /// Twice the smallest triangle that is no line: a thousandth of the picture each way.
    const THIN: f64 = 1e-6;

    /// What is wrong with a camera's zones: the path of the field, and what was expected.
    pub(crate) fn fault(zones: &[Self]) -> Option<(String, Said)> {
        if zones.len() > Self::MAX {
            let said = said!(
                "too-many-zones",
                "{n} zones, expected at most {most}",
                n = zones.len(),
                most = Self::MAX
            );
            return Some(("zones".into(), said));
        }
        zones.iter().enumerate().find_map(|(n, zone)| {
            let (field, text) = zone.own_fault(&zones[..n])?;
            Some((format!("zones[{n}].{field}"), text))
        })
    }

    fn own_fault(&self, before: &[Self]) -> Option<(String, Said)> {
        if let Some(said) = not_within(&self.name, 50) {
            return Some(("name".into(), said));
        }
        if before.iter().any(|z| z.name == self.name) {
            let said = said!(
                "zone-name-taken",
                "'{name}' is the name of another zone already",
                name = self.name
            );
            return Some(("name".into(), said));
        }
        let (least, most) = (Self::POINTS.start(), Self::POINTS.end());
        if !Self::POINTS.contains(&self.points.len()) {
            let said = said!(
                "corners",
                "{n} corners, expected {least} to {most}",
                n = self.points.len(),
                least = least,
                most = most
            );
            return Some(("points".into(), said));
        }
        let outside = |p: &Point| p.iter().any(|v| !(0.0..=1.0).contains(v));
        if let Some(n) = self.points.iter().position(outside) {
            let [x, y] = self.points[n];
            let said = said!(
                "outside-picture",
                "[{x}, {y}] is outside the picture, expected 0 to 1",
                x = x,
                y = y
            );
            return Some((format!("points[{n}]"), said));
        }
        // Without an area nothing would ever move in it, and nobody would know why.
        self.is_line().then(|| {
            let said = said!("on-one-line", "all corners lie on one line");
            ("points".into(), said)
        })
    }

    fn is_line(&self) -> bool {
        let Some((origin, rest)) = self.points.split_first() else {
            return true;
        };
        let from = |p: &Point| [p[0] - origin[0], p[1] - origin[1]];
        let cross = |a: Point, b: Point| (a[0] * b[1] - a[1] * b[0]).abs();
        rest.iter()
            .all(|a| rest.iter().all(|b| cross(from(a), from(b)) < Self::THIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str, points: &[Point]) -> Zone {
        Zone {
            name: name.into(),
            points: points.to_vec(),
        }
    }

    const YARD: [Point; 3] = [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]];

    #[test]
    fn a_wrong_zone_names_the_path_of_its_field_and_what_was_expected() {
        let fault = |zones: &[Zone]| {
            let (field, text) = Zone::fault(zones).expect("a fault");
            format!("{field}: {text}")
        };
        let good = zone("yard", &YARD);
        assert_eq!(
            fault(&[good.clone(), zone(" ", &YARD)]),
            "zones[1].name: 0 characters, expected 1 to 50"
        );
        assert_eq!(
            fault(&[good.clone(), good.clone()]),
            "zones[1].name: 'yard' is the name of another zone already"
        );
        assert_eq!(
            fault(&[zone("gate", &YARD[..2])]),
            "zones[0].points: 2 corners, expected 3 to 32"
        );
        assert_eq!(
            fault(&[zone("gate", &[YARD[0], [0.5, 1.25], YARD[1]])]),
            "zones[0].points[1]: [0.5, 1.25] is outside the picture, expected 0 to 1"
        );
        assert_eq!(
            fault(&[zone("gate", &[[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]])]),
            "zones[0].points: all corners lie on one line"
        );
        let many: Vec<Zone> = (0..17).map(|n| zone(&n.to_string(), &YARD)).collect();
        assert_eq!(fault(&many), "zones: 17 zones, expected at most 16");
        assert_eq!(Zone::fault(&many[..16]), None);
        // Whose sides cross has an area all the same.
        let bow = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        assert_eq!(Zone::fault(&[zone("bow", &bow)]), None);
    }

    #[test]
    fn corners_are_pairs_of_numbers() {
        let text = r#"{"name":"yard","points":[[0.0,0.0],[1.0,0.0],[0.5,1.0]]}"#;
        let read: Zone = serde_json::from_str(text).unwrap();
        assert_eq!(read, zone("yard", &YARD));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert!(serde_json::from_str::<Zone>(r#"{"name":"a","points":[[0.0,0.0,0.0]]}"#).is_err());
    }
}

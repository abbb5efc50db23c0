//! Outlines of regions: read from GeoJSON (RFC 7946), checked, kept by region. Who draws a town's outline, or imports it from a file, gets
//! told where in the file something is wrong.

use std::{collections::BTreeMap, sync::Arc};

use media::{Place, RegionCode, WallTime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{asset::Reference, coordinates::to_wgs84, outline::even_odd, state::State};

/// Corners of one outline at most: one corner for each 20 m around a town.
pub const MAX_POINTS: usize = 20_000;
/// Rings of one outline at most.
pub const MAX_RINGS: usize = 500;
/// Corners of all outlines together: they are sent to every map.
pub const MAX_ALL_POINTS: usize = 300_000;
/// Pairs of edges that are looked at for crossings; an outline that would need more is taken without.
const MAX_PAIRS: usize = 20_000_000;
/// Mean radius of the earth, metres (IUGG).
const RADIUS_M: f64 = 6_371_008.8;

type Point = [f64; 2];

/// Polygons with holes, WGS-84 degrees; each ring is closed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Boundary {
    /// Polygons; of each the outer ring, then its holes.
    polygons: Vec<Vec<Vec<Point>>>,
}

/// What is wrong, and where in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {text}")]
pub struct Wrong {
    /// Such as `features[0].geometry.coordinates[0][3]`.
    pub at: String,
    /// What was expected.
    pub text: String,
}

fn wrong<T>(at: &str, text: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong {
        at: if at.is_empty() {
            "body".into()
        } else {
            at.into()
        },
        text: text.into(),
    })
}

impl Boundary {
    /// Reads GeoJSON: a polygon, several, a feature, or a collection of features, all of which are taken together.
    ///
    /// # Errors
    /// [`Wrong`] says where.
    pub fn of_geojson(text: &[u8], reference: Reference) -> Result<Self, Wrong> {
        let value: Value = match serde_json::from_slice(text) {
            Ok(value) => value,
            Err(error) => {
                let at = format!("line {}, column {}", error.line(), error.column());
                return wrong(&at, "no JSON");
            }
        };
        let mut boundary = Self::default();
        boundary.take(&value, "", reference)?;
        let points: usize = boundary.rings().map(Vec::len).sum();
        match (boundary.rings().count(), points) {
            (0, _) => wrong("", "no polygon in it"),
            (n, _) if n > MAX_RINGS => wrong("", format!("{n} rings, at most {MAX_RINGS}")),
            (_, n) if n > MAX_POINTS => wrong(
                "",
                format!("{n} corners, at most {MAX_POINTS}: simplify it"),
            ),
            _ => Ok(boundary),
        }
    }

    fn take(&mut self, value: &Value, at: &str, reference: Reference) -> Result<(), Wrong> {
        let below = |name: &str| match at {
            "" => name.to_owned(),
            at => format!("{at}.{name}"),
        };
        match value["type"].as_str() {
            Some("FeatureCollection") => {
                let Some(features) = value["features"].as_array() else {
                    return wrong(&below("features"), "expected a list of features");
                };
                for (n, feature) in features.iter().enumerate() {
                    self.take(feature, &format!("{}[{n}]", below("features")), reference)?;
                }
                Ok(())
            }
            Some("Feature") => self.take(&value["geometry"], &below("geometry"), reference),
            Some("Polygon") => {
                self.polygon(&value["coordinates"], &below("coordinates"), reference)
            }
            Some("MultiPolygon") => {
                let at = below("coordinates");
                let Some(polygons) = value["coordinates"].as_array() else {
                    return wrong(&at, "expected a list of polygons");
                };
                for (n, polygon) in polygons.iter().enumerate() {
                    self.polygon(polygon, &format!("{at}[{n}]"), reference)?;
                }
                Ok(())
            }
            Some(other) => {
                let other: String = other.chars().take(40).collect();
                wrong(
                    &below("type"),
                    format!(
                        "'{other}', expected Polygon, MultiPolygon, Feature or FeatureCollection"
                    ),
                )
            }
            None => wrong(
                &below("type"),
                "is missing, expected Polygon, MultiPolygon, Feature or FeatureCollection",
            ),
        }
    }

    fn polygon(&mut self, value: &Value, at: &str, reference: Reference) -> Result<(), Wrong> {
        let Some(rings) = value.as_array().filter(|r| !r.is_empty()) else {
            return wrong(at, "expected a list of rings");
        };
        let mut polygon = Vec::new();
        for (n, given) in rings.iter().enumerate() {
            let at = format!("{at}[{n}]");
            let Some(given) = given.as_array() else {
                return wrong(&at, "expected a list of positions");
            };
            if given.len() > MAX_POINTS {
                return wrong(
                    &at,
                    format!("{} corners, at most {MAX_POINTS}: simplify it", given.len()),
                );
            }
            let mut ring: Vec<Point> = Vec::with_capacity(given.len());
            for (n, position) in given.iter().enumerate() {
                let number = |i: usize| position.get(i).and_then(Value::as_f64);
                let (Some(lon), Some(lat)) = (number(0), number(1)) else {
                    return wrong(&format!("{at}[{n}]"), "expected [longitude, latitude]");
                };
                let place = Place { lon, lat };
                if !place.is_valid() {
                    let text =
                        format!("{lon}, {lat}: longitude is -180 to 180, latitude -90 to 90");
                    return wrong(&format!("{at}[{n}]"), text);
                }
                let place = to_wgs84(place, reference);
                let round = |degrees: f64| (degrees * 1e7).round() / 1e7;
                ring.push([round(place.lon), round(place.lat)]);
            }
            check_ring(&ring, &at)?;
            polygon.push(ring);
        }
        self.polygons.push(polygon);
        Ok(())
    }

    fn rings(&self) -> impl Iterator<Item = &Vec<Point>> {
        self.polygons.iter().flatten()
    }

    /// How many corners it has.
    pub fn points(&self) -> usize {
        self.rings().map(Vec::len).sum()
    }

    /// Whether a place lies in it; a hole is outside.
    pub fn contains(&self, place: &Place) -> bool {
        let at = [place.lon, place.lat];
        self.rings().fold(false, |inside, ring| {
            inside ^ even_odd(ring.iter().copied(), at)
        })
    }

    /// Its area on the sphere, square metres, without its holes.
    pub fn area_m2(&self) -> f64 {
        let of = |polygon: &Vec<Vec<Point>>| {
            let mut rings = polygon.iter().map(|r| ring_area(r));
            rings.next().unwrap_or(0.0) - rings.sum::<f64>()
        };
        self.polygons.iter().map(of).sum()
    }

    /// As a geometry of GeoJSON.
    pub fn geometry(&self) -> Value {
        json!({"type": "MultiPolygon", "coordinates": self.polygons})
    }
}

fn check_ring(ring: &[Point], at: &str) -> Result<(), Wrong> {
    if ring.len() < 4 {
        return wrong(
            at,
            format!("{} positions, a ring has at least 4", ring.len()),
        );
    }
    if ring.first() != ring.last() {
        return wrong(
            at,
            "the ring is not closed: its last position is not its first",
        );
    }
    if ring_area(ring) < 1.0 {
        return wrong(at, "the ring encloses nothing");
    }
    match crossing(ring) {
        Some((a, b)) => wrong(
            &format!("{at}[{a}]"),
            format!("the edge that begins here crosses the one that begins at [{b}]"),
        ),
        None => Ok(()),
    }
}

fn ring_area(ring: &[Point]) -> f64 {
    let edges = ring.windows(2).map(|e| {
        let ([x1, y1], [x2, y2]) = (e[0], e[1]);
        (x2 - x1).to_radians() * (2.0 + y1.to_radians().sin() + y2.to_radians().sin())
    });
    (edges.sum::<f64>() * RADIUS_M * RADIUS_M / 2.0).abs()
}

/// Two edges of a ring that cross, by the numbers of their first corners.
fn crossing(ring: &[Point]) -> Option<(usize, usize)> {
    let n = ring.len() - 1;
    let low = |i: usize, axis: usize| ring[i][axis].min(ring[i + 1][axis]);
    let high = |i: usize, axis: usize| ring[i][axis].max(ring[i + 1][axis]);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| low(*a, 0).total_cmp(&low(*b, 0)));
    let mut pairs = 0;
    for (k, &a) in order.iter().enumerate() {
        for &b in &order[k + 1..] {
            if low(b, 0) > high(a, 0) {
                break;
            }
            pairs += 1;
            if pairs > MAX_PAIRS {
                return None;
            }
            if low(b, 1) > high(a, 1) || low(a, 1) > high(b, 1) {
                continue;
            }
            if cross(ring[a], ring[a + 1], ring[b], ring[b + 1]) {
                return Some((a.min(b), a.max(b)));
            }
        }
    }
    None
}

/// Whether two edges cross in their insides; those that only touch, as neighbours do, do not.
fn cross(a: Point, b: Point, c: Point, d: Point) -> bool {
    let side = |p: Point, q: Point, r: Point| {
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
    };
    let (c1, c2) = (side(a, b, c), side(a, b, d));
    let (d1, d2) = (side(c, d, a), side(c, d, b));
    c1 * c2 < 0.0 && d1 * d2 < 0.0
}

/// An outline that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The outline.
    pub boundary: Boundary,
    /// Who drew or imported it.
    pub by: String,
    /// When.
    pub at: WallTime,
}

/// A change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// A region has this outline from now on.
    Set {
        /// Which region.
        region: RegionCode,
        /// The outline.
        boundary: Boundary,
        /// By whom.
        by: String,
    },
    /// It has none.
    Clear(RegionCode),
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing to take away.
    #[error("region {0} has no outline")]
    NotFound(RegionCode),
    /// There would be too many corners.
    #[error(
        "all outlines together would have {0} corners, at most {MAX_ALL_POINTS}: simplify some"
    )]
    Full(usize),
}

/// All outlines.
#[derive(Clone, Debug, Default)]
pub struct Boundaries {
    of: BTreeMap<RegionCode, Arc<Kept>>,
    revision: u64,
}

impl Boundaries {
    /// A region's.
    pub fn get(&self, region: &RegionCode) -> Option<&Arc<Kept>> {
        self.of.get(region)
    }

    /// All, by region.
    pub fn all(&self) -> impl Iterator<Item = (&RegionCode, &Arc<Kept>)> {
        self.of.iter()
    }

    /// Rises with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The outline that a region lies in: its own, or that of the nearest one above it that has one.
    pub fn around(&self, region: &RegionCode) -> Option<(RegionCode, &Boundary)> {
        let above = self.of.iter().filter(|(code, _)| region.is_within(code));
        let nearest = above.max_by_key(|(code, _)| code.as_str().len());
        nearest.map(|(code, kept)| (*code, &kept.boundary))
    }
}

impl State for Boundaries {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Set { .. } => "outline",
            Change::Clear(_) => "outline-gone",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Set {
                region, boundary, ..
            } => {
                let others = self.of.iter().filter(|(code, _)| *code != region);
                let points =
                    others.map(|(_, k)| k.boundary.points()).sum::<usize>() + boundary.points();
                match points > MAX_ALL_POINTS {
                    true => Err(Error::Full(points)),
                    false => Ok(()),
                }
            }
            Change::Clear(region) if !self.of.contains_key(region) => Err(Error::NotFound(*region)),
            Change::Clear(_) => Ok(()),
        }
    }

    fn apply(&mut self, at: WallTime, change: Change) {
        self.revision += 1;
        match change {
            Change::Set {
                region,
                boundary,
                by,
            } => {
                self.of.insert(region, Arc::new(Kept { boundary, by, at }));
            }
            Change::Clear(region) => {
                self.of.remove(&region);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &Value) -> Result<Boundary, Wrong> {
        Boundary::of_geojson(value.to_string().as_bytes(), Reference::Wgs84)
    }

    fn square(west: f64, south: f64, side: f64) -> Value {
        json!([
            [west, south],
            [west + side, south],
            [west + side, south + side],
            [west, south + side],
            [west, south]
        ])
    }

    #[test]
    fn a_town_with_a_hole_and_an_exclave_is_read() {
        let with_hole = json!([square(116.0, 24.0, 0.1), square(116.04, 24.04, 0.02)]);
        let file = json!({"type": "FeatureCollection", "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": with_hole}},
            {"type": "Feature", "properties": {}, "geometry": {"type": "MultiPolygon", "coordinates": [[square(117.0, 24.0, 0.01)]]}},
        ]});
        let boundary = read(&file).unwrap();
        let inside = |lon, lat| boundary.contains(&Place { lon, lat });
        assert!(inside(116.01, 24.01) && inside(117.005, 24.005));
        assert!(!inside(116.05, 24.05) && !inside(116.2, 24.05));
        assert_eq!(boundary.points(), 15);
        // A tenth of a degree at 24 degrees north: 10.16 km by 11.12 km, less 4 % of it, and the exclave's 1 %.
        let km2 = boundary.area_m2() / 1e6;
        assert!((km2 - 109.6).abs() < 0.5, "{km2}");
        assert_eq!(read(&boundary.geometry()).unwrap(), boundary);
    }

    #[test]
    fn what_is_wrong_is_said_with_where() {
        let polygon = |ring: Value| json!({"type": "Polygon", "coordinates": [ring]});
        let error = |value: Value| read(&value).unwrap_err().to_string();
        assert!(error(json!({})).starts_with("type: is missing"));
        assert!(
            error(json!({"type": "Point", "coordinates": [1, 2]})).starts_with("type: 'Point'")
        );
        assert!(
            error(json!({"type": "Feature", "geometry": {"type": "LineString"}}))
                .starts_with("geometry.type: 'LineString'")
        );
        assert!(error(polygon(json!([[1, 2], [3, 4]]))).starts_with("coordinates[0]: 2 positions"));
        assert!(
            error(polygon(json!([[1, 2], [3, 4], [5, 1], [6, 1]])))
                .starts_with("coordinates[0]: the ring is not closed")
        );
        assert!(
            error(polygon(json!([[1, 2], ["x", 4], [5, 1], [1, 2]])))
                .starts_with("coordinates[0][1]: expected")
        );
        assert!(
            error(polygon(json!([
                [24.1, 116.0],
                [24.2, 116.0],
                [24.2, 116.1],
                [24.1, 116.0]
            ])))
            .starts_with("coordinates[0][0]: 24.1, 116: longitude")
        );
        assert!(
            error(polygon(json!([[1, 2], [1, 2], [1, 2], [1, 2]]))).contains("encloses nothing")
        );
        let bow = json!([[0, 0], [1, 1], [2, 0], [2, 1.5], [0, 1], [0, 0]]);
        read(&polygon(bow)).unwrap();
        let crossed = json!([[0, 0], [3, 3], [3, 0], [0, 2], [0, 0]]);
        assert!(error(polygon(crossed)).starts_with(
            "coordinates[0][0]: the edge that begins here crosses the one that begins at [2]"
        ));
        assert!(
            error(json!({"type": "FeatureCollection", "features": []}))
                .starts_with("body: no polygon")
        );
        let text = Boundary::of_geojson(b"{\n x", Reference::Wgs84)
            .unwrap_err()
            .to_string();
        assert!(text.starts_with("line 2, column 2"), "{text}");
        let many: Vec<Value> = (0..=MAX_POINTS)
            .map(|n| json!([n as f64 / 1e4, 1]))
            .collect();
        assert!(error(polygon(json!(many))).contains("simplify"));
    }

    #[test]
    fn gcj_02_is_brought_back() {
        let file = json!({"type": "Polygon", "coordinates": [square(116.0, 24.0, 0.1)]});
        let shifted = Boundary::of_geojson(file.to_string().as_bytes(), Reference::Gcj02).unwrap();
        let metres = Place {
            lon: 116.0,
            lat: 24.0,
        }
        .distance_m(&Place {
            lon: shifted.polygons[0][0][0][0],
            lat: shifted.polygons[0][0][0][1],
        });
        assert!((300.0..800.0).contains(&metres), "{metres}");
    }

    #[test]
    fn the_nearest_outline_above_a_region_holds_for_it() {
        let mut all = Boundaries::default();
        let boundary =
            read(&json!({"type": "Polygon", "coordinates": [square(1.0, 1.0, 1.0)]})).unwrap();
        let code = |text: &str| text.parse::<RegionCode>().unwrap();
        for region in ["441403", "441403102"] {
            let change = Change::Set {
                region: code(region),
                boundary: boundary.clone(),
                by: "a".into(),
            };
            all.check(&change).unwrap();
            all.apply(WallTime::from_secs(1), change);
        }
        let around = |text: &str| all.around(&code(text)).map(|(c, _)| c.to_string());
        assert_eq!(around("441403102201").as_deref(), Some("441403102"));
        assert_eq!(around("441403103").as_deref(), Some("441403"));
        assert_eq!(around("441402"), None);
        assert_eq!(
            all.check(&Change::Clear(code("441402"))),
            Err(Error::NotFound(code("441402")))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(text in "(\\{\"type\":\"(Polygon|Feature|MultiPolygon)\",\"(coordinates|geometry)\":)?[\\[\\]0-9,.{}]{0,40}\\}?") {
            if let Ok(boundary) = Boundary::of_geojson(text.as_bytes(), Reference::Gcj02) {
                prop_assert!(boundary.area_m2() >= 0.0);
            }
        }
    }
}

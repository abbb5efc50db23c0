//! Cameras for a place: which stand in a shape on the map, and which of them look at what happens there.
//!
//! Distances are great-circle distances, found by the angle between unit vectors: one multiplication a coordinate and camera,
//! so that ten thousand cameras need no spatial index.

use std::{cmp::Ordering, sync::Arc};

use media::{Place, RegionCode};

use crate::{Camera, Register, outline::even_odd};

/// Mean radius of the earth, metres (IUGG).
const RADIUS_M: f64 = 6_371_008.8;

/// What cameras are asked for. Places are valid WGS-84 degrees; shapes do not cross the 180th meridian.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// The nearest ones to a point, however far.
    Near(Place),
    /// All within a radius.
    Circle {
        /// Its middle.
        at: Place,
        /// Metres.
        radius_m: f64,
    },
    /// All between two corners, edges included.
    Rectangle {
        /// The south-west corner.
        low: Place,
        /// The north-east corner.
        high: Place,
    },
    /// All inside a ring of at least three corners, by the even-odd rule; the last corner need not repeat the first.
    Polygon(Vec<Place>),
    /// All that stand along a line (a road, a river) of at least two points.
    Line {
        /// Its points in order.
        points: Vec<Place>,
        /// How far beside it still counts, metres.
        within_m: f64,
    },
}

impl Shape {
    /// The point that a camera should look at. Of a line every camera has its own: the nearest point.
    fn middle(&self) -> Option<Place> {
        match self {
            Self::Near(at) | Self::Circle { at, .. } => Some(*at),
            Self::Rectangle { low, high } => Some(Place {
                lon: f64::midpoint(low.lon, high.lon),
                lat: f64::midpoint(low.lat, high.lat),
            }),
            Self::Polygon(ring) => Some(centroid(ring)),
            Self::Line { .. } => None,
        }
    }
}

/// A camera that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its file.
    pub camera: Arc<Camera>,
    /// Metres to the shape's middle; of a line, to its nearest point.
    pub metres: f64,
    /// Whether the middle (of a line, its nearest point) lies within the camera's heading, angle and view distance.
    pub covers: bool,
}

/// Cameras that have a place, as a search needs them: made once from a register, searched many times.
#[derive(Debug, Default)]
pub struct Spots(Vec<Spot>);

#[derive(Debug)]
struct Spot {
    /// Unit vector of its place.
    unit: [f64; 3],
    place: Place,
    camera: Arc<Camera>,
}

impl Spots {
    /// Those of a register that have a place and are in service.
    pub fn of(register: &Register) -> Self {
        let spots = register.cameras().filter(|c| !c.disabled).filter_map(|c| {
            let place = c.place.filter(Place::is_valid)?;
            Some(Spot {
                unit: unit(place),
                place,
                camera: Arc::clone(c),
            })
        });
        Self(spots.collect())
    }

    /// The cameras of a shape, at most `most`: those that look at it first, then the nearest, then by code. `sees` says
    /// whether the one who asks may know of a camera in that region.
    pub fn find(
        &self,
        shape: &Shape,
        most: usize,
        mut sees: impl FnMut(RegionCode) -> bool,
    ) -> Vec<Found> {
        let middle = shape.middle();
        let at = middle.map(unit);
        let mut found: Vec<(bool, f64, &Spot)> = Vec::new();
        for spot in &self.0 {
            let far = at.map_or(0.0, |at| chord(at, spot.unit));
            let (metres, target) = match shape {
                Shape::Near(at) => (far, *at),
                Shape::Circle { at, radius_m } if far <= *radius_m => (far, *at),
                Shape::Circle { .. } => continue,
                Shape::Rectangle { low, high } => {
                    let p = spot.place;
                    let inside = (low.lon..=high.lon).contains(&p.lon)
                        && (low.lat..=high.lat).contains(&p.lat);
                    match (inside, middle) {
                        (true, Some(middle)) => (far, middle),
                        _ => continue,
                    }
                }
                Shape::Polygon(ring) => match (encloses(ring, spot.place), middle) {
                    (true, Some(middle)) => (far, middle),
                    _ => continue,
                },
                Shape::Line { points, within_m } => match nearest_on(points, spot.place) {
                    Some((metres, point)) if metres <= *within_m => (metres, point),
                    _ => continue,
                },
            };
            if sees(spot.camera.region) {
                found.push((
                    covers_at(&spot.camera, spot.place, target, metres),
                    metres,
                    spot,
                ));
            }
        }
        let order = |a: &(bool, f64, &Spot), b: &(bool, f64, &Spot)| -> Ordering {
            (b.0.cmp(&a.0))
                .then(a.1.total_cmp(&b.1))
                .then(a.2.camera.code.cmp(&b.2.camera.code))
        };
        // Only what is answered is put in order.
        if most == 0 {
            return Vec::new();
        }
        if found.len() > most {
            found.select_nth_unstable_by(most - 1, order);
            found.truncate(most);
        }
        found.sort_unstable_by(order);
        found
            .into_iter()
            .map(|(covers, metres, spot)| Found {
                camera: Arc::clone(&spot.camera),
                metres,
                covers,
            })
            .collect()
    }
}

/// Whether a place lies within a camera's heading, opening and view distance. A camera of which one of these is not known
/// covers nothing; one that opens 360 degrees needs no heading.
pub fn covers(camera: &Camera, at: Place) -> bool {
    let own = camera.place.filter(Place::is_valid);
    own.is_some_and(|own| covers_at(camera, own, at, own.distance_m(&at)))
}

fn covers_at(camera: &Camera, own: Place, at: Place, metres: f64) -> bool {
    let (Some(angle), Some(far)) = (camera.view_angle, camera.view_distance) else {
        return false;
    };
    if metres > f64::from(far) {
        return false;
    }
    if angle >= 360 {
        return true;
    }
    let Some(heading) = camera.heading else {
        return false;
    };
    // A view of a kilometre is flat.
    let east = (at.lon - own.lon) * own.lat.to_radians().cos();
    let bearing = east.atan2(at.lat - own.lat).to_degrees();
    let off = ((bearing - f64::from(heading)).rem_euclid(360.0) - 180.0).abs();
    180.0 - off <= f64::from(angle) / 2.0
}

fn unit(place: Place) -> [f64; 3] {
    let (lon, lat) = (place.lon.to_radians(), place.lat.to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

/// Great-circle metres between two unit vectors, by the chord: exact where a cosine would lose its digits.
fn chord(a: [f64; 3], b: [f64; 3]) -> f64 {
    let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    2.0 * RADIUS_M * (square.sqrt() / 2.0).min(1.0).asin()
}

fn encloses(ring: &[Place], place: Place) -> bool {
    even_odd(ring.iter().map(|p| [p.lon, p.lat]), [place.lon, place.lat])
}

/// The middle of a ring's area; of one without area, the mean of its corners.
fn centroid(ring: &[Place]) -> Place {
    let origin = ring
        .first()
        .copied()
        .unwrap_or(Place { lon: 0.0, lat: 0.0 });
    let (mut area, mut x, mut y) = (0.0, 0.0, 0.0);
    let mut before = ring.last().copied().unwrap_or(origin);
    for &corner in ring {
        let (ax, ay) = (before.lon - origin.lon, before.lat - origin.lat);
        let (bx, by) = (corner.lon - origin.lon, corner.lat - origin.lat);
        let cross = ax * by - bx * ay;
        area += cross;
        x += (ax + bx) * cross;
        y += (ay + by) * cross;
        before = corner;
    }
    if area.abs() < 1e-12 {
        let n = ring.len().max(1) as f64;
        return Place {
            lon: ring.iter().map(|p| p.lon).sum::<f64>() / n,
            lat: ring.iter().map(|p| p.lat).sum::<f64>() / n,
        };
    }
    Place {
        lon: origin.lon + x / (3.0 * area),
        lat: origin.lat + y / (3.0 * area),
    }
}

/// The nearest point of a line, and how far it is, metres. In the plane around the place: lines of a district are short.
fn nearest_on(points: &[Place], place: Place) -> Option<(f64, Place)> {
    let k = place.lat.to_radians().cos();
    let mut best: Option<(f64, Place)> = None;
    let mut consider = |point: Place| {
        let metres = place.distance_m(&point);
        if best.is_none_or(|(least, _)| metres < least) {
            best = Some((metres, point));
        }
    };
    if let [only] = points {
        consider(*only);
    }
    for pair in points.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        let (dx, dy) = ((b.lon - a.lon) * k, b.lat - a.lat);
        let length = dx * dx + dy * dy;
        let along = match length > 0.0 {
            true => ((place.lon - a.lon) * k * dx + (place.lat - a.lat) * dy) / length,
            false => 0.0,
        };
        let t = along.clamp(0.0, 1.0);
        consider(Place {
            lon: a.lon + t * (b.lon - a.lon),
            lat: a.lat + t * (b.lat - a.lat),
        });
    }
    best
}

#[cfg(test)]
mod tests;

//! Cameras for a place, by point, circle, rectangle, polygon and line.

use ::media::Place;
use command::nearby::{Found, Shape};
use serde::{Serialize, Serializer};

use super::{Answer, Call, Problem, json, view};
use crate::{access::Action, gateway::Gateway};

/// Cameras that one answer holds at most.
const MOST: u64 = 200;
/// Corners that a polygon or a line may have.
const MOST_POINTS: usize = 1000;
/// How far beside a line a camera still stands along it, metres.
const BESIDE_M: u64 = 200;

/// `GET /cameras/near`.
pub(super) async fn near(call: Call) -> Answer {
    let shape = shape(&call)?;
    // As many as a wall has tiles; around a point those that an officer looks at first.
    let usual = if matches!(shape, Shape::Near(_)) {
        9
    } else {
        25
    };
    let most = call.query_within("limit", 1, MOST)?.unwrap_or(usual) as usize;
    let register = call.gateway.register.read();
    let spots = call.gateway.nearby.of(&register);
    let found = spots.find(&shape, most, |region| call.sees(Action::Look, region));
    let rows: Vec<Row<'_>> = found
        .iter()
        .map(|found| Row {
            camera: View(&call.gateway, &register, found),
            metres: (found.metres * 10.0).round() / 10.0,
            covers: found.covers,
        })
        .collect();
    json(&rows)
}

#[derive(Serialize)]
struct Row<'a> {
    camera: View<'a>,
    metres: f64,
    covers: bool,
}

struct View<'a>(&'a Gateway, &'a command::Register, &'a Found);

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        view::camera(self.0, self.1, &self.2.camera, |c| c.serialize(serializer))
    }
}

/// The one shape that the query names.
fn shape(call: &Call) -> Result<Shape, Problem> {
    let given: Vec<&str> = ["at", "box", "polygon", "line"]
        .into_iter()
        .filter(|name| call.query.contains_key(*name))
        .collect();
    let &[kind] = given.as_slice() else {
        let text = "exactly one of at, box, polygon, line is expected";
        return Err(Problem::bad("at", text));
    };
    let text = call.query.get(kind).map_or("", String::as_str);
    let points = points(text).map_err(|why| Problem::bad(kind, why))?;
    match (kind, points.as_slice()) {
        ("at", &[at]) => Ok(match call.query_within("radius_m", 1, 100_000)? {
            Some(radius_m) => Shape::Circle {
                at,
                radius_m: radius_m as f64,
            },
            None => Shape::Near(at),
        }),
        ("box", &[low, high]) if low.lon <= high.lon && low.lat <= high.lat => {
            Ok(Shape::Rectangle { low, high })
        }
        ("polygon", [_, _, _, ..]) => Ok(Shape::Polygon(points)),
        ("line", [_, _, ..]) => Ok(Shape::Line {
            points,
            within_m: call.query_within("within_m", 1, 5000)?.unwrap_or(BESIDE_M) as f64,
        }),
        _ => {
            let expected = match kind {
                "at" => "one point: LON,LAT",
                "box" => "the south-west and the north-east corner: LON,LAT;LON,LAT",
                "polygon" => "at least three points: LON,LAT;LON,LAT;LON,LAT",
                _ => "at least two points: LON,LAT;LON,LAT",
            };
            Err(Problem::bad(kind, format!("'{text}', expected {expected}")))
        }
    }
}

/// `LON,LAT;LON,LAT`: WGS-84 degrees.
fn points(text: &str) -> Result<Vec<Place>, String> {
    let points: Vec<Place> = text
        .split(';')
        .take(MOST_POINTS + 1)
        .map(|point| {
            let (lon, lat) = point.split_once(',')?;
            let (lon, lat) = (lon.trim().parse().ok()?, lat.trim().parse().ok()?);
            Some(Place { lon, lat }).filter(Place::is_valid)
        })
        .collect::<Option<_>>()
        .ok_or("expected points as LON,LAT with ';' between them, in WGS-84 degrees")?;
    if points.len() > MOST_POINTS {
        return Err(format!("more than {MOST_POINTS} points"));
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_and_bounded() {
        assert_eq!(points("116.1,24.2; 116.2,24.3").unwrap().len(), 2);
        for wrong in [
            "",
            "116.1",
            "116.1,24.2;",
            "200,24",
            "116,NaN",
            "116,24,3",
            "a,b",
        ] {
            assert!(points(wrong).is_err(), "{wrong}");
        }
        let many = vec!["1,1"; MOST_POINTS + 1].join(";");
        assert!(points(&many).unwrap_err().contains("more than"));
    }
}

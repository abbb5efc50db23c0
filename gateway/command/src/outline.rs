//! The outline of a district, from GeoJSON: whether a place lies in it.

use media::Place;
use serde::Deserialize;
use serde_json::Value;

/// Polygons with holes, by the even-odd rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    rings: Vec<Vec<[f64; 2]>>,
}

#[derive(Deserialize)]
struct Collection {
    features: Vec<Feature>,
}
#[derive(Deserialize)]
struct Feature {
    #[serde(default)]
    properties: Value,
    #[serde(default)]
    geometry: Value,
}

impl Outline {
    /// The features whose property `kind` is `district`; none where there is no such polygon.
    ///
    /// # Errors
    /// What is no GeoJSON.
    pub fn of_geojson(text: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        let all: Collection = serde_json::from_slice(text)?;
        let mut rings = Vec::new();
        for feature in all.features {
            if feature.properties["kind"] != "district" {
                continue;
            }
            let Value::Object(mut geometry) = feature.geometry else {
                continue;
            };
            let coordinates = geometry.remove("coordinates").unwrap_or_default();
            match geometry.get("type").and_then(Value::as_str) {
                Some("Polygon") => {
                    rings.extend(serde_json::from_value::<Vec<Vec<Value>>>(coordinates)?);
                }
                Some("MultiPolygon") => {
                    let many: Vec<Vec<Vec<Value>>> = serde_json::from_value(coordinates)?;
                    rings.extend(many.into_iter().flatten());
                }
                _ => {}
            }
        }
        // A position may have a height, which is of no use here.
        let point = |v: Value| Some([v.get(0)?.as_f64()?, v.get(1)?.as_f64()?]);
        let rings: Vec<Vec<[f64; 2]>> = rings
            .into_iter()
            .map(|ring| ring.into_iter().filter_map(point).collect())
            .collect();
        Ok((!rings.is_empty()).then_some(Self { rings }))
    }

    /// Whether a place lies in it.
    pub fn contains(&self, place: &Place) -> bool {
        let at = [place.lon, place.lat];
        // Rings together: a hole takes away what its ring gave.
        (self.rings.iter()).fold(false, |inside, ring| {
            inside ^ even_odd(ring.iter().copied(), at)
        })
    }
}

/// Whether a point lies in a ring by the even-odd rule; the last corner need not repeat the first.
pub(crate) fn even_odd(
    ring: impl DoubleEndedIterator<Item = [f64; 2]> + Clone,
    [x, y]: [f64; 2],
) -> bool {
    let Some(mut before) = ring.clone().next_back() else {
        return false;
    };
    let mut inside = false;
    for corner in ring {
        let ([ax, ay], [bx, by]) = (before, corner);
        if (ay > y) != (by > y) && x < (bx - ax) * (y - ay) / (by - ay) + ax {
            inside = !inside;
        }
        before = corner;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_outside() {
        let text = br#"{"type":"FeatureCollection","features":[
            {"type":"Feature","properties":{"kind":"town"},"geometry":{"type":"Point","coordinates":[1,1]}},
            {"type":"Feature","properties":{"kind":"district"},"geometry":{"type":"Polygon","coordinates":[
                [[0,0],[10,0],[10,10],[0,10],[0,0]],[[4,4],[6,4],[6,6],[4,6],[4,4]]]}}]}"#;
        let outline = Outline::of_geojson(text).unwrap().unwrap();
        let at = |lon, lat| outline.contains(&Place { lon, lat });
        assert!(at(1.0, 1.0) && at(9.0, 5.0));
        assert!(!at(5.0, 5.0) && !at(11.0, 5.0) && !at(-1.0, 0.5));
    }

    #[test]
    fn no_district_is_no_outline() {
        let text = br#"{"type":"FeatureCollection","features":[]}"#;
        assert_eq!(Outline::of_geojson(text).unwrap(), None);
        assert!(Outline::of_geojson(b"{}").is_err());
    }
}

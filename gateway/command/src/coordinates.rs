//! Coordinate systems, converted at the edge (import, base map), never in what is kept.
//!
//! CGCS2000 (EPSG:4490) is taken as WGS-84: they differ by centimetres. GCJ-02 is WGS-84 shifted by some hundreds of metres
//! by a published approximation of a formula that is not; it is good to about two metres, as everything that uses it is.

use std::f64::consts::PI;

use media::Place;

use crate::asset::Reference;

/// Semi-major axis and squared eccentricity of Krasovsky's ellipsoid (1940), which GCJ-02 is made on.
const A: f64 = 6_378_245.0;
const EE: f64 = 0.006_693_421_622_965_943;

/// Where GCJ-02 is shifted at all: a box around China.
fn is_shifted(p: &Place) -> bool {
    (72.004..=137.8347).contains(&p.lon) && (0.8293..=55.8271).contains(&p.lat)
}

/// Sum of `amplitude * sin(pi * x / divisor)`.
fn waves<const N: usize>(x: f64, of: [(f64, f64); N]) -> f64 {
    of.into_iter()
        .map(|(amplitude, divisor)| amplitude * (PI * x / divisor).sin())
        .sum()
}

/// How far GCJ-02 lies from WGS-84 at a point of either, in degrees.
fn shift(p: &Place) -> (f64, f64) {
    let (x, y) = (p.lon - 105.0, p.lat - 35.0);
    let common = waves(x, [(20.0, 1.0 / 6.0), (20.0, 0.5)]);
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * x.abs().sqrt()
        + (common + waves(x, [(20.0, 1.0), (40.0, 3.0), (150.0, 12.0), (300.0, 30.0)])) * 2.0 / 3.0;
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * x.abs().sqrt()
        + (common + waves(y, [(20.0, 1.0), (40.0, 3.0), (160.0, 12.0), (320.0, 30.0)])) * 2.0 / 3.0;
    let latitude = p.lat.to_radians();
    let w2 = 1.0 - EE * latitude.sin().powi(2);
    let w = w2.sqrt();
    let meridian = A * (1.0 - EE) / (w2 * w);
    let parallel = A / w * latitude.cos();
    (
        (east / parallel).to_degrees(),
        (north / meridian).to_degrees(),
    )
}

/// WGS-84 to GCJ-02.
pub fn to_gcj02(p: Place) -> Place {
    if !is_shifted(&p) {
        return p;
    }
    let (lon, lat) = shift(&p);
    Place {
        lon: p.lon + lon,
        lat: p.lat + lat,
    }
}

/// GCJ-02 to WGS-84, to a millimetre of the inverse of [`to_gcj02`].
pub fn from_gcj02(p: Place) -> Place {
    if !is_shifted(&p) {
        return p;
    }
    let mut guess = p;
    for _ in 0..10 {
        let there = to_gcj02(guess);
        let (lon, lat) = (there.lon - p.lon, there.lat - p.lat);
        guess.lon -= lon;
        guess.lat -= lat;
        if lon.abs().max(lat.abs()) < 1e-9 {
            break;
        }
    }
    guess
}

/// A point given in `reference`, as it is kept.
pub fn to_wgs84(p: Place, reference: Reference) -> Place {
    match reference {
        Reference::Wgs84 | Reference::Cgcs2000 => p,
        Reference::Gcj02 => from_gcj02(p),
    }
}

/// A point that is kept, as `reference` gives it.
pub fn from_wgs84(p: Place, reference: Reference) -> Place {
    match reference {
        Reference::Wgs84 | Reference::Cgcs2000 => p,
        Reference::Gcj02 => to_gcj02(p),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Points that programs for this conversion are commonly tested by: WGS-84, then GCJ-02.
    const PUBLISHED: [[f64; 4]; 3] = [
        [121.527_210_6, 31.177_427_6, 121.531_541_859, 31.175_303_984],
        [113.912_316, 22.543_847, 113.917_176_481, 22.540_796_132],
        [116.377_817, 39.911_954, 116.384_047_225, 39.913_345_455],
    ];

    #[test]
    fn published_points_are_met_within_a_decimetre() {
        for [lon, lat, gcj_lon, gcj_lat] in PUBLISHED {
            let (wgs, gcj) = (
                Place { lon, lat },
                Place {
                    lon: gcj_lon,
                    lat: gcj_lat,
                },
            );
            assert!(to_gcj02(wgs).distance_m(&gcj) < 0.1, "{:?}", to_gcj02(wgs));
            assert!(from_gcj02(gcj).distance_m(&wgs) < 0.1);
        }
    }

    #[test]
    fn outside_china_nothing_is_shifted() {
        let p = Place {
            lon: 2.35,
            lat: 48.85,
        };
        assert_eq!(to_gcj02(p), p);
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same_place(lon in 75.0f64..135.0, lat in 3.0f64..53.0) {
            let p = Place { lon, lat };
            prop_assert!(from_gcj02(to_gcj02(p)).distance_m(&p) < 0.01);
        }
    }
}

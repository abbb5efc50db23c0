//! Places. Stored as WGS-84 degrees; other systems are converted at the edge.

use serde::{Deserialize, Serialize};

/// A point in WGS-84 degrees. Longitude -180 to 180, latitude -90 to 90.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Degrees east.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
}

impl Place {
    /// Mean radius of the earth, metres (IUGG).
    const RADIUS_M: f64 = 6_371_008.8;

    /// Whether both numbers are finite and in range.
    pub fn is_valid(&self) -> bool {
        (-180.0..=180.0).contains(&self.lon) && (-90.0..=90.0).contains(&self.lat)
    }

    /// Great-circle distance in metres (haversine).
    pub fn distance_m(&self, other: &Self) -> f64 {
        let (a, b) = (self.lat.to_radians(), other.lat.to_radians());
        let (dlat, dlon) = (b - a, (other.lon - self.lon).to_radians());
        let h = (dlat / 2.0).sin().powi(2) + a.cos() * b.cos() * (dlon / 2.0).sin().powi(2);
        2.0 * Self::RADIUS_M * h.sqrt().min(1.0).asin()
    }
}

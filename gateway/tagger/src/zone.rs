//! Zones of interest: where in the picture motion counts.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// A polygon in the picture, in relative coordinates: (0, 0) is the upper left corner, (1, 1) the lower right. It is closed
/// by itself and may not be convex; a point is inside by the even-odd rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Zone {
    name: String,
    points: Vec<(f32, f32)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    name: String,
    points: Vec<(f32, f32)>,
}

impl Zone {
    /// Most corners a zone may have.
    pub const MAX_POINTS: usize = 64;

    /// A zone of these corners.
    ///
    /// # Errors
    /// [`Error::Zone`] for fewer than three or too many corners, and for one outside the picture.
    pub fn new(name: impl Into<String>, points: Vec<(f32, f32)>) -> Result<Self, Error> {
        let name: String = name.into();
        let bad = |text: String| {
            Err(Error::Zone {
                name: name.clone(),
                text,
            })
        };
        if !(3..=Self::MAX_POINTS).contains(&points.len()) {
            return bad(format!(
                "has {} corners, expected 3 to {}",
                points.len(),
                Self::MAX_POINTS
            ));
        }
        let inside = |v: f32| (0.0..=1.0).contains(&v);
        if let Some((x, y)) = points.iter().find(|(x, y)| !inside(*x) || !inside(*y)) {
            return bad(format!(
                "corner ({x}, {y}) is outside the picture, expected 0 to 1"
            ));
        }
        Ok(Self { name, points })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its corners.
    pub fn points(&self) -> &[(f32, f32)] {
        &self.points
    }

    /// Whether a point of the picture lies inside.
    pub fn contains(&self, x: f32, y: f32) -> bool {
        let mut inside = false;
        let mut last = self.points[self.points.len() - 1];
        for &(px, py) in &self.points {
            let (lx, ly) = last;
            if (py > y) != (ly > y) && x < (lx - px) * (y - py) / (ly - py) + px {
                inside = !inside;
            }
            last = (px, py);
        }
        inside
    }
}

impl TryFrom<Plain> for Zone {
    type Error = Error;
    fn try_from(plain: Plain) -> Result<Self, Error> {
        Self::new(plain.name, plain.points)
    }
}
impl From<Zone> for Plain {
    fn from(zone: Zone) -> Self {
        Self {
            name: zone.name,
            points: zone.points,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_with_a_dent_leaves_the_dent_out() {
        let zone = Zone::new(
            "yard",
            vec![(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.3), (0.1, 0.9)],
        )
        .unwrap();
        assert!(zone.contains(0.2, 0.2) && zone.contains(0.85, 0.7));
        assert!(
            !zone.contains(0.5, 0.6) && !zone.contains(0.05, 0.5) && !zone.contains(0.95, 0.95)
        );
    }

    #[test]
    fn what_is_no_polygon_is_refused_with_the_reason() {
        let error = Zone::new("gate", vec![(0.0, 0.0), (1.0, 1.0)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "zone 'gate': has 2 corners, expected 3 to 64"
        );
        let error = Zone::new("gate", vec![(0.0, 0.0), (1.5, 1.0), (0.0, 1.0)]).unwrap_err();
        assert!(error.to_string().contains("(1.5, 1)"), "{error}");
        assert!(Zone::new("gate", vec![(0.0, 0.0), (f32::NAN, 1.0), (0.0, 1.0)]).is_err());
    }
}

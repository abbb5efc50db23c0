//! What people draw on the map for an incident: where the water stands, which road is closed, where to gather. Everybody who sees the
//! incident sees it; what was erased stays for the replay.

use media::{Place, WallTime};
use serde::{Deserialize, Serialize};

use super::Error;

/// Drawings of one incident at most, erased ones included.
pub(super) const MAX_DRAWINGS: usize = 500;
/// Corners of all that one incident shows, together: they go along with every change of it.
pub(super) const MAX_DRAWN_POINTS: usize = 2000;
/// Characters of what is written beside it.
const MAX_TEXT: usize = 200;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrawingKind {
    /// A place.
    Point,
    /// Along these places.
    Line,
    /// Around these places; the first is not repeated.
    Area,
    /// Words at a place.
    Text,
}

/// What somebody draws.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sketch {
    /// What it is.
    pub kind: DrawingKind,
    /// Where: one place, or the corners in their order.
    pub points: Vec<Place>,
    /// In a few words.
    #[serde(default)]
    pub text: String,
    /// The sender's mark.
    #[serde(default)]
    pub key: Option<String>,
}

/// What was drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drawing {
    /// Its number within the incident, from 1.
    pub number: u32,
    /// What it is.
    pub kind: DrawingKind,
    /// Where.
    pub points: Vec<Place>,
    /// In a few words.
    pub text: String,
    /// Who drew it.
    pub by: String,
    /// When.
    pub at: WallTime,
    /// When it was erased.
    pub erased_at: Option<WallTime>,
}

impl Sketch {
    /// Whether it is a drawing at all.
    pub(super) fn check(&self) -> Result<(), Error> {
        let field = |field, text: String| Err(Error::Field { field, text });
        let (least, most) = match self.kind {
            DrawingKind::Point | DrawingKind::Text => (1, 1),
            DrawingKind::Line => (2, 500),
            DrawingKind::Area => (3, 500),
        };
        let n = self.points.len();
        if !(least..=most).contains(&n) {
            return field(
                "points",
                format!("{n}, expected {least} to {most} of this kind"),
            );
        }
        if !self.points.iter().all(Place::is_valid) {
            return field(
                "points",
                "longitude is -180 to 180, latitude -90 to 90".into(),
            );
        }
        let letters = self.text.trim().chars().count();
        let least = usize::from(self.kind == DrawingKind::Text);
        if !(least..=MAX_TEXT).contains(&letters) {
            return field(
                "text",
                format!("{letters} characters, expected {least} to {MAX_TEXT}"),
            );
        }
        Ok(())
    }

    pub(super) fn into_drawing(self, number: u32, by: String, at: WallTime) -> Drawing {
        Drawing {
            number,
            kind: self.kind,
            points: self.points,
            text: self.text.trim().to_owned(),
            by,
            at,
            erased_at: None,
        }
    }
}

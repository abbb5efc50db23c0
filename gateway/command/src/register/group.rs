//! Groups of cameras across regions: along a river, at schools, in the woods.

use std::collections::BTreeSet;

use media::CameraId;
use serde::{Deserialize, Serialize};

/// What a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Rivers, reservoirs, flood points.
    River,
    /// Schools and kindergartens.
    School,
    /// Forest fire.
    ForestFire,
    /// Roads, junctions, bridges.
    Traffic,
    /// Anything else.
    Other,
}

/// A group of cameras.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// 1 to 40 of a to z, 0 to 9 and '-'.
    pub id: String,
    /// 1 to 100 characters.
    pub name: String,
    /// What for.
    pub kind: Kind,
    /// Up to 500 characters.
    #[serde(default)]
    pub note: String,
    /// Its cameras, at most [`MOST`].
    #[serde(default)]
    pub cameras: BTreeSet<CameraId>,
}

/// Most cameras of a group: a record of the journal holds them all.
const MOST: usize = 20_000;

impl Group {
    pub(super) fn fault(&self) -> Option<(&'static str, String)> {
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=40).contains(&self.id.len()) || !self.id.bytes().all(letters) {
            return Some(("id", "expected 1 to 40 of a-z, 0-9 and '-'".into()));
        }
        if !(1..=100).contains(&self.name.trim().chars().count()) {
            return Some(("name", "expected 1 to 100 characters".into()));
        }
        if self.note.chars().count() > 500 {
            return Some(("note", "longer than 500 characters".into()));
        }
        if self.cameras.len() > MOST {
            return Some(("cameras", format!("more than {MOST}")));
        }
        None
    }
}

//! Groups of cameras across regions: along a river, at schools, in the woods.

use std::collections::BTreeSet;

use media::{CameraId, Said, said};
use serde::{Deserialize, Serialize};

use crate::camera::{not_within, too_long};

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
    pub(super) fn fault(&self) -> Option<(&'static str, Said)> {
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=40).contains(&self.id.len()) || !self.id.bytes().all(letters) {
            let said = said!("group-id", "expected 1 to 40 of a-z, 0-9 and '-'");
            return Some(("id", said));
        }
        if let Some(said) = not_within(&self.name, 100) {
            return Some(("name", said));
        }
        if self.note.chars().count() > 500 {
            return Some(("note", too_long(500)));
        }
        if self.cameras.len() > MOST {
            return Some((
                "cameras",
                said!("more-than", "more than {most}", most = MOST),
            ));
        }
        None
    }
}

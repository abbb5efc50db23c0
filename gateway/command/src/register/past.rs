//! What something was before: every version, by whom and when.

use std::sync::Arc;

use media::WallTime;
use serde::{Deserialize, Serialize};

use super::{Region, search::Words};
use crate::Camera;

/// Versions that are kept at hand of one camera or region; older ones stay in the journal only.
pub const MOST_VERSIONS: usize = 200;

/// What a version came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// It was not there before.
    Added,
    /// Its fields.
    Changed,
    /// By a spreadsheet, or with others at once.
    Imported,
    /// With its region, which has another code now.
    Moved,
    /// It is not there any more.
    Removed,
}

/// Who made a version.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub(super) at: WallTime,
    pub(super) by: Arc<str>,
    pub(super) what: What,
    pub(super) note: Arc<str>,
}

/// One version.
#[derive(Clone, Debug)]
pub struct Version<T> {
    /// Rises by one a version, from 1, also over a removal.
    pub revision: u32,
    /// When.
    pub at: WallTime,
    /// Whose account; empty: the gateway's own doing, or from before names were kept.
    pub by: Arc<str>,
    /// How it came about.
    pub what: What,
    /// What for, in a word.
    pub note: Arc<str>,
    /// As it was from then on; none: not there.
    pub state: Option<Arc<T>>,
}

fn next<T>(before: &[Version<T>], stamp: Stamp, state: Option<Arc<T>>) -> Vec<Version<T>>
where
    Version<T>: Clone,
{
    let was_there = before.last().is_some_and(|v| v.state.is_some());
    let what = match stamp.what {
        What::Changed | What::Imported if !was_there => What::Added,
        what => what,
    };
    let version = Version {
        revision: before.last().map_or(0, |v| v.revision) + 1,
        at: stamp.at,
        by: stamp.by,
        what,
        note: stamp.note,
        state,
    };
    let kept = before.len().saturating_sub(MOST_VERSIONS - 1);
    before[kept..].iter().cloned().chain([version]).collect()
}

/// A camera with its past.
#[derive(Clone, Debug)]
pub struct File {
    /// As it is; of one that was taken out, as it was last.
    pub camera: Arc<Camera>,
    versions: Vec<Version<Camera>>,
    words: Arc<Words>,
}

impl File {
    pub(super) fn with(before: Option<&Self>, stamp: Stamp, camera: Camera) -> Self {
        let words = Arc::new(Words::of(&camera));
        let camera = Arc::new(camera);
        let past = before.map_or(&[][..], |f| &f.versions);
        Self {
            versions: next(past, stamp, Some(Arc::clone(&camera))),
            camera,
            words,
        }
    }

    pub(super) fn without(&self, stamp: Stamp) -> Self {
        Self {
            versions: next(&self.versions, stamp, None),
            ..self.clone()
        }
    }

    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// Whether it is on file, and not taken out.
    pub fn is_there(&self) -> bool {
        self.versions.last().is_some_and(|v| v.state.is_some())
    }

    /// The newest version's number.
    pub fn revision(&self) -> u32 {
        self.versions.last().map_or(0, |v| v.revision)
    }

    /// Every version that is at hand, the oldest first.
    pub fn versions(&self) -> &[Version<Camera>] {
        &self.versions
    }
}

/// A region's past.
#[derive(Clone, Debug)]
pub struct RegionFile {
    versions: Vec<Version<Region>>,
}

impl RegionFile {
    pub(super) fn with(before: Option<&Self>, stamp: Stamp, region: Option<Arc<Region>>) -> Self {
        let past = before.map_or(&[][..], |f| &f.versions);
        Self {
            versions: next(past, stamp, region),
        }
    }

    /// The newest version's number.
    pub fn revision(&self) -> u32 {
        self.versions.last().map_or(0, |v| v.revision)
    }

    /// Every version that is at hand, the oldest first.
    pub fn versions(&self) -> &[Version<Region>] {
        &self.versions
    }
}

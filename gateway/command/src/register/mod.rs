//! The register: regions in their tree, a file for every camera (一机一档), groups across regions, and what each was before.
//!
//! ```text
//! Change (by whom, expecting which revisions) --check--> journal --apply--> regions, files, groups, each with its past
//! ```
//! Every change of a camera or a region raises its revision by one. A change that says which revision it was made on is refused
//! when somebody else was faster ([`Error::Stale`]); what was before stays readable, and can be made anew.

mod change;
pub mod fields;
mod group;
mod past;
mod search;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use media::{CameraId, Place, RegionCode, Said, WallTime, Words, said, words};
use serde::{Deserialize, Serialize};

pub use crate::camera::{Camera, FORMS, SITE_CLASSES, Transport};
use crate::code::Stem;
pub use change::{Change, Made, Part};
pub use group::{Group, Kind as GroupKind};
pub use past::{File, MOST_VERSIONS, RegionFile, Version, What};
pub use search::Query;

/// A region: province, city, district, town or village by the length of its code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its code; the parent is a prefix of it.
    pub code: RegionCode,
    /// Its name in Chinese.
    pub name: String,
    /// Its name in Latin letters.
    #[serde(default)]
    pub name_en: String,
    /// Where its label stands.
    #[serde(default)]
    pub place: Option<Place>,
}

/// Why the register refuses a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its name in the API; of a value within another, the path: `zones[1].points`.
        field: Cow<'static, str>,
        /// What is wrong and what was expected.
        text: Said,
    },
    /// The code is taken.
    #[error("code: camera {0} is in the register already")]
    Exists(CameraId),
    /// No such camera.
    #[error("camera {0} is not in the register")]
    NotFound(CameraId),
    /// No such region.
    #[error("region {0} is not in the register")]
    NoRegion(RegionCode),
    /// No such group.
    #[error("group '{0}' is not in the register")]
    NoGroup(String),
    /// Somebody else changed it since it was read.
    #[error(
        "camera {code} was changed meanwhile: it is at revision {revision} now, and you changed revision {expected}"
    )]
    Stale {
        /// Which.
        code: CameraId,
        /// The revision it has.
        revision: u32,
        /// The revision that was expected.
        expected: u32,
    },
    /// Somebody else changed the region since it was read.
    #[error(
        "region {code} was changed meanwhile: it is at revision {revision} now, and you changed revision {expected}"
    )]
    StaleRegion {
        /// Which.
        code: RegionCode,
        /// The revision it has.
        revision: u32,
        /// The revision that was expected.
        expected: u32,
    },
    /// It cannot be while something else is as it is.
    #[error("{0}")]
    Conflict(Said),
}

impl Error {
    /// The same for a page.
    pub fn words(&self) -> Words {
        match self {
            Self::Field { text, .. } | Self::Conflict(text) => text.words.clone(),
            Self::Exists(camera) => words!("camera-exists", camera = camera),
            Self::NotFound(camera) => words!("no-camera", camera = camera),
            Self::NoRegion(region) => words!("no-region", region = region),
            Self::NoGroup(group) => words!("no-group", group = group),
            Self::Stale { code, .. } => words!("stale-camera", camera = code),
            Self::StaleRegion { code, .. } => words!("stale-region", region = code),
        }
    }
}

fn no_region(region: &RegionCode) -> Said {
    said!(
        "no-region",
        "region {region} is not in the register",
        region = region
    )
}

/// All regions, cameras and groups.
#[derive(Clone, Debug, Default)]
pub struct Register {
    regions: BTreeMap<RegionCode, Arc<Region>>,
    files: BTreeMap<CameraId, Arc<File>>,
    groups: BTreeMap<String, Arc<Group>>,
    /// Cameras that were taken out: their past, so that one can come back, and its code is not given to another.
    gone: BTreeMap<CameraId, Arc<File>>,
    /// The past of every region that is or was there.
    past: BTreeMap<RegionCode, Arc<RegionFile>>,
    /// What each region is found by.
    named: BTreeMap<RegionCode, Arc<search::Words>>,
    /// Parts of an import whose last one has not come.
    staged: Arc<change::Staged>,
}

impl Register {
    /// A region.
    pub fn region(&self, code: &RegionCode) -> Option<&Arc<Region>> {
        self.regions.get(code)
    }

    /// Every region, by code: a parent stands before its children.
    pub fn regions(&self) -> impl Iterator<Item = &Arc<Region>> {
        self.regions.values()
    }

    /// What is known of a region's past, of one that is gone too.
    pub fn region_file(&self, code: &RegionCode) -> Option<&Arc<RegionFile>> {
        self.past.get(code)
    }

    /// A region's revision; 0 where it never was in the register.
    pub fn region_revision(&self, code: &RegionCode) -> u32 {
        self.past.get(code).map_or(0, |f| f.revision())
    }

    /// A camera.
    pub fn camera(&self, code: &CameraId) -> Option<&Arc<Camera>> {
        self.files.get(code).map(|f| &f.camera)
    }

    /// Every camera, by code.
    pub fn cameras(&self) -> impl Iterator<Item = &Arc<Camera>> {
        self.files.values().map(|f| &f.camera)
    }

    /// A camera with its past.
    pub fn file(&self, code: &CameraId) -> Option<&Arc<File>> {
        self.files.get(code)
    }

    /// A camera with its past, or one that was taken out.
    pub fn file_or_gone(&self, code: &CameraId) -> Option<&Arc<File>> {
        self.files.get(code).or_else(|| self.gone.get(code))
    }

    /// A camera's revision; 0 where it is not in the register.
    pub fn revision(&self, code: &CameraId) -> u32 {
        self.files.get(code).map_or(0, |f| f.revision())
    }

    /// A group.
    pub fn group(&self, id: &str) -> Option<&Arc<Group>> {
        self.groups.get(id)
    }

    /// Every group, by its id.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.values()
    }

    /// The nearest region above `code` that is in the register.
    pub fn parent(&self, code: &RegionCode) -> Option<RegionCode> {
        code.path().skip(1).find(|c| self.regions.contains_key(c))
    }

    /// How many cameras each region has with all below it, of those that stand where `seen` says; those of a region that is not
    /// in the register count above.
    pub fn counts(&self, seen: impl Fn(RegionCode) -> bool) -> BTreeMap<RegionCode, usize> {
        let mut own: HashMap<RegionCode, usize> = HashMap::new();
        for camera in self.cameras() {
            *own.entry(camera.region).or_default() += 1;
        }
        let mut all = BTreeMap::new();
        for (region, n) in own.into_iter().filter(|(region, _)| seen(*region)) {
            for code in region.path() {
                *all.entry(code).or_default() += n;
            }
        }
        all
    }

    /// Every tag in use, and how many cameras have it.
    pub fn tags<'a>(
        &self,
        cameras: impl Iterator<Item = &'a Arc<Camera>>,
    ) -> BTreeMap<&'a str, usize> {
        let mut tags = BTreeMap::new();
        for camera in cameras {
            for tag in &camera.tags {
                *tags.entry(tag.as_str()).or_default() += 1;
            }
        }
        tags
    }

    /// The code with the lowest serial number of this stem that no camera has or ever had: recordings of one that is gone are
    /// kept under its code. None where all 999,999 are taken.
    pub fn next_code(&self, stem: &Stem) -> Option<CameraId> {
        let (first, last) = (stem.with(0)?, stem.with(999_999)?);
        let serial = |c: &CameraId| media::code::Parts::of(c).serial;
        let taken: std::collections::BTreeSet<u32> = self
            .files
            .range(first..=last)
            .chain(self.gone.range(first..=last))
            .map(|(code, _)| serial(code))
            .collect();
        let mut free = 1;
        for n in taken.range(1..) {
            if *n != free {
                break;
            }
            free += 1;
        }
        (free <= 999_999).then(|| stem.with(free)).flatten()
    }

    fn check_camera(&self, camera: &Camera) -> Result<(), Error> {
        let fault = match self.regions.contains_key(&camera.region) {
            true => camera.fault(),
            false => Some(("region".into(), no_region(&camera.region))),
        };
        match fault {
            Some((field, text)) => Err(Error::Field { field, text }),
            None => Ok(()),
        }
    }

    /// Whether somebody changed this region; what the configuration's file says of it then holds no more.
    pub fn is_edited(&self, code: &RegionCode) -> bool {
        let file = self.past.get(code);
        file.is_some_and(|f| f.versions().iter().any(|v| !v.by.is_empty()))
    }

    /// What the register knew at a time that is said by a revision.
    pub fn version(&self, code: &CameraId, revision: u32) -> Option<&Version<Camera>> {
        let versions = self.file_or_gone(code)?.versions();
        versions.iter().find(|v| v.revision == revision)
    }

    fn stamp(at: WallTime, by: &Arc<str>, what: What, note: &str) -> past::Stamp {
        past::Stamp {
            at,
            by: Arc::clone(by),
            what,
            note: note.into(),
        }
    }
}

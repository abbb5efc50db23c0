//! The changes of a register: which may be made, and what they make.

use std::{collections::BTreeMap, sync::Arc};

use media::{CameraId, RegionCode, Said, WallTime, said};
use serde::{Deserialize, Serialize};

use super::{Error, File, Group, Region, RegionFile, Register, What, search::Words};
use crate::{
    Camera, State,
    camera::{no_place, too_long},
};

/// A change of the register.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Adds or replaces regions.
    Regions(Vec<Region>),
    /// Adds a camera; refused if its code is there.
    Add(Box<Camera>),
    /// Replaces a camera's file; refused if its code is not there.
    Replace(Box<Camera>),
    /// Takes a camera out of the register.
    Remove(CameraId),
    /// Adds or replaces all of these, or none.
    Import(Vec<Camera>),
    /// A part of an import that is too long for one record. Only the last part changes anything.
    Part(Part),
    /// Gives a region another code, and with it all regions and cameras below it.
    MoveRegion {
        /// Its code.
        from: RegionCode,
        /// Its new code, of the same length.
        to: RegionCode,
    },
    /// Takes a region out; refused while anything is in it.
    RemoveRegion(RegionCode),
    /// Adds a group or replaces it.
    Group(Group),
    /// Takes a group away; its cameras stay.
    RemoveGroup(String),
    /// A change by somebody. Those of the gateway itself, and of before there were names, stand without it.
    By(Box<Made>),
}

/// A change with who makes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// Whose account.
    pub by: String,
    /// In a word, what for: a restored revision says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The revisions that cameras must have for it, 0 where they must not be there. Not kept: what is in the journal was let pass.
    #[serde(skip)]
    pub expect: Vec<(CameraId, u32)>,
    /// The same of regions.
    #[serde(skip)]
    pub expect_regions: Vec<(RegionCode, u32)>,
    /// What is made.
    pub change: Change,
}

impl Change {
    /// The same, made by somebody.
    pub fn by(self, who: impl Into<String>) -> Made {
        Made {
            by: who.into(),
            note: String::new(),
            expect: Vec::new(),
            expect_regions: Vec::new(),
            change: self,
        }
    }
}

impl Made {
    /// Refused unless the camera has this revision.
    #[must_use]
    pub fn on(mut self, code: CameraId, revision: Option<u32>) -> Self {
        self.expect.extend(revision.map(|r| (code, r)));
        self
    }

    /// Refused unless the region has this revision.
    #[must_use]
    pub fn on_region(mut self, code: RegionCode, revision: Option<u32>) -> Self {
        self.expect_regions.extend(revision.map(|r| (code, r)));
        self
    }

    /// With a word on what for.
    #[must_use]
    pub fn noting(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

impl From<Made> for Change {
    fn from(made: Made) -> Self {
        Self::By(Box::new(made))
    }
}

/// A part of an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Which, from 0.
    pub number: u32,
    /// Of how many.
    pub of: u32,
    /// Its cameras.
    pub cameras: Vec<Camera>,
}

/// Parts that wait for their last one.
#[derive(Clone, Debug, Default)]
pub(super) struct Staged {
    /// How many came, in order.
    came: u32,
    of: u32,
    cameras: Vec<Camera>,
}

/// Bytes of cameras in one record: a journal takes records of up to 1 MiB.
const PART_BYTES: usize = 700 * 1024;

/// Cuts an import into parts that fit a record each; none where it fits one itself.
fn parts(cameras: &mut Vec<Camera>) -> Option<Vec<Part>> {
    let mut cut: Vec<Vec<Camera>> = Vec::new();
    let mut room = 0usize;
    for camera in std::mem::take(cameras) {
        // A camera is far below a record's length: every text of it is bounded.
        let bytes = serde_json::to_vec(&camera).map_or(PART_BYTES, |v| v.len());
        match cut.last_mut() {
            Some(part) if bytes <= room => {
                room -= bytes;
                part.push(camera);
            }
            _ => {
                room = PART_BYTES.saturating_sub(bytes);
                cut.push(vec![camera]);
            }
        }
    }
    if cut.len() <= 1 {
        *cameras = cut.pop().unwrap_or_default();
        return None;
    }
    let of = cut.len() as u32;
    let number = |(n, cameras)| Part {
        number: n as u32,
        of,
        cameras,
    };
    Some(cut.into_iter().enumerate().map(number).collect())
}

impl State for Register {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Regions(_) => "regions",
            Change::Add(_) => "camera-added",
            Change::Replace(_) => "camera-changed",
            Change::Remove(_) => "camera-removed",
            Change::Import(_) | Change::Part(_) => "cameras-imported",
            Change::MoveRegion { .. } => "region-moved",
            Change::RemoveRegion(_) => "region-removed",
            Change::Group(_) => "group",
            Change::RemoveGroup(_) => "group-removed",
            Change::By(made) => Self::kind(&made.change),
        }
    }

    fn records(change: Change) -> Vec<Change> {
        match change {
            Change::Import(mut cameras) => match parts(&mut cameras) {
                Some(parts) => parts.into_iter().map(Change::Part).collect(),
                None => vec![Change::Import(cameras)],
            },
            Change::By(made) => {
                let Made {
                    by, note, change, ..
                } = *made;
                let again = |change: Change| change.by(by.clone()).noting(note.clone()).into();
                Self::records(change).into_iter().map(again).collect()
            }
            one => vec![one],
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Regions(regions) => regions.iter().try_for_each(check_region),
            Change::Add(camera) if self.files.contains_key(&camera.code) => {
                Err(Error::Exists(camera.code))
            }
            Change::Add(camera) => self.check_camera(camera),
            Change::Replace(camera) if !self.files.contains_key(&camera.code) => {
                Err(Error::NotFound(camera.code))
            }
            Change::Replace(camera) => self.check_camera(camera),
            Change::Remove(code) if !self.files.contains_key(code) => Err(Error::NotFound(*code)),
            Change::Remove(_) => Ok(()),
            Change::Import(cameras) | Change::Part(Part { cameras, .. }) => {
                cameras.iter().try_for_each(|camera| {
                    self.check_camera(camera).map_err(|error| match error {
                        Error::Field { field, text } => Error::Field {
                            field: format!("{}: {field}", camera.code).into(),
                            text,
                        },
                        other => other,
                    })
                })
            }
            Change::MoveRegion { from, to } => self.check_move(from, to),
            Change::RemoveRegion(code) => self.check_removal(code),
            Change::Group(group) => self.check_group(group),
            Change::RemoveGroup(id) if !self.groups.contains_key(id) => {
                Err(Error::NoGroup(id.clone()))
            }
            Change::RemoveGroup(_) => Ok(()),
            Change::By(made) => {
                for (code, expected) in &made.expect {
                    let (code, expected, revision) = (*code, *expected, self.revision(code));
                    if revision != expected {
                        return Err(Error::Stale {
                            code,
                            revision,
                            expected,
                        });
                    }
                }
                for (code, expected) in &made.expect_regions {
                    let known = self.regions.contains_key(code);
                    let revision = if known { self.region_revision(code) } else { 0 };
                    let (code, expected) = (*code, *expected);
                    if revision != expected {
                        return Err(Error::StaleRegion {
                            code,
                            revision,
                            expected,
                        });
                    }
                }
                self.check(&made.change)
            }
        }
    }

    fn apply(&mut self, at: WallTime, change: Change) {
        let (by, note, change) = match change {
            Change::By(made) => (Arc::from(made.by.as_str()), made.note, made.change),
            change => (Arc::from(""), String::new(), change),
        };
        let stamp = |what| Self::stamp(at, &by, what, &note);
        match change {
            Change::Regions(regions) => {
                for region in regions {
                    self.put_region(stamp(What::Changed), region);
                }
            }
            Change::Add(camera) | Change::Replace(camera) => {
                self.put_camera(stamp(What::Changed), *camera);
            }
            Change::Remove(code) => self.take_camera(stamp(What::Removed), &code),
            Change::Import(cameras) => {
                for camera in cameras {
                    self.put_camera(stamp(What::Imported), camera);
                }
            }
            Change::Part(part) => {
                let staged = Arc::make_mut(&mut self.staged);
                if part.number == 0 {
                    *staged = Staged {
                        of: part.of,
                        ..Staged::default()
                    };
                }
                // A part that does not follow belongs to an import that was never finished.
                if part.number != staged.came || part.of != staged.of {
                    *staged = Staged::default();
                    return;
                }
                staged.came += 1;
                staged.cameras.extend(part.cameras);
                if staged.came == staged.of {
                    for camera in std::mem::take(staged).cameras {
                        self.put_camera(stamp(What::Imported), camera);
                    }
                }
            }
            Change::MoveRegion { from, to } => self.move_region(at, &by, &note, &from, &to),
            Change::RemoveRegion(code) => self.take_region(stamp(What::Removed), &code),
            Change::Group(group) => {
                self.groups.insert(group.id.clone(), Arc::new(group));
            }
            Change::RemoveGroup(id) => {
                self.groups.remove(&id);
            }
            // A change by two people is nobody's.
            Change::By(_) => {}
        }
    }
}

fn check_region(region: &Region) -> Result<(), Error> {
    let field = |field: &'static str, text: Said| {
        Err(Error::Field {
            field: field.into(),
            text,
        })
    };
    if region.name.trim().is_empty() {
        let said = said!(
            "region-nameless",
            "region {region} has no name",
            region = region.code
        );
        return field("name", said);
    }
    for (name, text) in [("name", &region.name), ("name_en", &region.name_en)] {
        if text.chars().count() > 100 {
            return field(name, too_long(100));
        }
    }
    if region.place.is_some_and(|p| !p.is_valid()) {
        return field("place", no_place());
    }
    Ok(())
}

/// The code of what lies in `from` once `from` is called `to`.
fn moved(code: &RegionCode, from: &RegionCode, to: &RegionCode) -> Option<RegionCode> {
    let rest = code.as_str().strip_prefix(from.as_str())?;
    format!("{to}{rest}").parse().ok()
}

impl Register {
    fn check_move(&self, from: &RegionCode, to: &RegionCode) -> Result<(), Error> {
        if !self.regions.contains_key(from) {
            return Err(Error::NoRegion(*from));
        }
        let field = |text: Said| {
            Err(Error::Field {
                field: "to".into(),
                text,
            })
        };
        if from == to {
            return field(said!(
                "same-code",
                "region {region} has this code already",
                region = from
            ));
        }
        if to.is_within(from) {
            return field(said!(
                "under-itself",
                "{to} lies in region {region} itself: a region cannot be moved under itself",
                to = to,
                region = from
            ));
        }
        if to.level() != from.level() {
            return field(said!(
                "level-kept",
                "{to} has {n} digits, expected {expected}: a region keeps its level, since the codes below it are made of its own",
                to = to,
                n = to.as_str().len(),
                expected = from.as_str().len()
            ));
        }
        if self.parent(from).is_none() {
            return field(said!(
                "uppermost",
                "{region} is the uppermost region and stays where it is",
                region = from
            ));
        }
        if self.parent(to).is_none() {
            return field(said!(
                "nothing-above",
                "no region above {region} is in the register",
                region = to
            ));
        }
        let inside = self.regions.keys().filter(|c| c.is_within(from));
        let taken = inside
            .filter_map(|c| moved(c, from, to))
            .find(|c| self.regions.contains_key(c));
        match taken {
            Some(code) => field(said!(
                "region-exists",
                "region {region} is in the register already",
                region = code
            )),
            None => Ok(()),
        }
    }

    fn check_removal(&self, code: &RegionCode) -> Result<(), Error> {
        if !self.regions.contains_key(code) {
            return Err(Error::NoRegion(*code));
        }
        let below = self.regions.keys().filter(|c| c.is_within(code)).count() - 1;
        if below > 0 {
            return Err(Error::Conflict(said!(
                "regions-below",
                "region {region} still has {n} region(s) below it: move or remove them first",
                region = code,
                n = below
            )));
        }
        let cameras = self.cameras().filter(|c| c.region.is_within(code)).count();
        if cameras > 0 {
            return Err(Error::Conflict(said!(
                "cameras-in",
                "region {region} still has {n} camera(s): move them to another region or take them out first",
                region = code,
                n = cameras
            )));
        }
        if self.parent(code).is_none() {
            return Err(Error::Conflict(said!(
                "district-stays",
                "{region} is the uppermost region: the district itself stays",
                region = code
            )));
        }
        Ok(())
    }

    fn check_group(&self, group: &Group) -> Result<(), Error> {
        if let Some((field, text)) = group.fault() {
            return Err(Error::Field {
                field: field.into(),
                text,
            });
        }
        match group.cameras.iter().find(|c| !self.files.contains_key(c)) {
            Some(code) => Err(Error::Field {
                field: "cameras".into(),
                text: said!(
                    "no-camera",
                    "camera {camera} is not in the register",
                    camera = code
                ),
            }),
            None => Ok(()),
        }
    }

    fn put_camera(&mut self, stamp: super::past::Stamp, camera: Camera) {
        let code = camera.code;
        let before = self.files.get(&code).or_else(|| self.gone.get(&code));
        if let Some(file) = before.filter(|f| f.is_there() && *f.camera == camera) {
            // Nothing changed: no revision.
            let file = Arc::clone(file);
            self.files.insert(code, file);
            return;
        }
        let file = File::with(before.map(AsRef::as_ref), stamp, camera);
        self.gone.remove(&code);
        self.files.insert(code, Arc::new(file));
    }

    fn take_camera(&mut self, stamp: super::past::Stamp, code: &CameraId) {
        let Some(file) = self.files.remove(code) else {
            return;
        };
        self.gone.insert(*code, Arc::new(file.without(stamp)));
        for group in self.groups.values_mut() {
            if group.cameras.contains(code) {
                Arc::make_mut(group).cameras.remove(code);
            }
        }
    }

    fn put_region(&mut self, stamp: super::past::Stamp, region: Region) {
        let code = region.code;
        let known = self.regions.get(&code);
        if known.is_some_and(|k| **k == region) {
            return;
        }
        let region = Arc::new(region);
        let before = self.past.get(&code).map(AsRef::as_ref);
        let file = RegionFile::with(before, stamp, Some(Arc::clone(&region)));
        self.past.insert(code, Arc::new(file));
        self.named.insert(code, Arc::new(Words::of_region(&region)));
        self.regions.insert(code, region);
    }

    fn take_region(&mut self, stamp: super::past::Stamp, code: &RegionCode) {
        if self.regions.remove(code).is_none() {
            return;
        }
        self.named.remove(code);
        let before = self.past.get(code).map(AsRef::as_ref);
        let file = RegionFile::with(before, stamp, None);
        self.past.insert(*code, Arc::new(file));
    }

    fn move_region(
        &mut self,
        at: WallTime,
        by: &Arc<str>,
        note: &str,
        from: &RegionCode,
        to: &RegionCode,
    ) {
        let stamp = |what| Self::stamp(at, by, what, note);
        let inside: BTreeMap<RegionCode, Arc<Region>> = self
            .regions
            .iter()
            .filter(|(c, _)| c.is_within(from))
            .map(|(c, r)| (*c, Arc::clone(r)))
            .collect();
        for (code, region) in inside {
            let Some(new) = moved(&code, from, to) else {
                continue;
            };
            self.take_region(stamp(What::Moved), &code);
            let region = Region {
                code: new,
                ..Region::clone(&region)
            };
            self.put_region(stamp(What::Moved), region);
        }
        let cameras: Vec<Camera> = self
            .cameras()
            .filter_map(|c| {
                let region = moved(&c.region, from, to)?;
                Some(Camera {
                    region,
                    ..Camera::clone(c)
                })
            })
            .collect();
        for camera in cameras {
            self.put_camera(stamp(What::Moved), camera);
        }
    }
}

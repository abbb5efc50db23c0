//! The register: regions in their tree, and a file for every camera (一机一档).

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use media::{CameraId, Place, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

pub use crate::camera::{Camera, FORMS, SITE_CLASSES, Transport};
use crate::state::State;

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
        text: String,
    },
    /// The code is taken.
    #[error("code: camera {0} is in the register already")]
    Exists(CameraId),
    /// No such camera.
    #[error("camera {0} is not in the register")]
    NotFound(CameraId),
}

/// All regions and cameras.
#[derive(Clone, Debug, Default)]
pub struct Register {
    regions: BTreeMap<RegionCode, Arc<Region>>,
    cameras: BTreeMap<CameraId, Arc<Camera>>,
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

    /// A camera.
    pub fn camera(&self, code: &CameraId) -> Option<&Arc<Camera>> {
        self.cameras.get(code)
    }

    /// Every camera, by code.
    pub fn cameras(&self) -> impl Iterator<Item = &Arc<Camera>> {
        self.cameras.values()
    }

    /// The nearest region above `code` that is in the register.
    pub fn parent(&self, code: &RegionCode) -> Option<RegionCode> {
        code.path().skip(1).find(|c| self.regions.contains_key(c))
    }

    fn check_camera(&self, camera: &Camera) -> Result<(), Error> {
        let fault = match self.regions.contains_key(&camera.region) {
            true => camera.fault(),
            false => {
                let text = format!("region {} is not in the register", camera.region);
                Some(("region".into(), text))
            }
        };
        match fault {
            Some((field, text)) => Err(Error::Field { field, text }),
            None => Ok(()),
        }
    }
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
            Change::Import(_) => "cameras-imported",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Regions(regions) => match regions.iter().find(|r| r.name.trim().is_empty()) {
                Some(region) => Err(Error::Field {
                    field: "name".into(),
                    text: format!("region {} has no name", region.code),
                }),
                None => Ok(()),
            },
            Change::Add(camera) if self.cameras.contains_key(&camera.code) => {
                Err(Error::Exists(camera.code))
            }
            Change::Add(camera) => self.check_camera(camera),
            Change::Replace(camera) if !self.cameras.contains_key(&camera.code) => {
                Err(Error::NotFound(camera.code))
            }
            Change::Replace(camera) => self.check_camera(camera),
            Change::Remove(code) if !self.cameras.contains_key(code) => Err(Error::NotFound(*code)),
            Change::Remove(_) => Ok(()),
            Change::Import(cameras) => cameras.iter().try_for_each(|camera| {
                self.check_camera(camera).map_err(|error| match error {
                    Error::Field { field, text } => Error::Field {
                        field: format!("{}: {field}", camera.code).into(),
                        text,
                    },
                    other => other,
                })
            }),
        }
    }

    fn apply(&mut self, _at: WallTime, change: Change) {
        match change {
            Change::Regions(regions) => {
                for region in regions {
                    self.regions.insert(region.code, Arc::new(region));
                }
            }
            Change::Add(camera) | Change::Replace(camera) => {
                self.cameras.insert(camera.code, Arc::new(*camera));
            }
            Change::Remove(code) => {
                self.cameras.remove(&code);
            }
            Change::Import(cameras) => {
                for camera in cameras {
                    self.cameras.insert(camera.code, Arc::new(camera));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Zone;

    fn region(code: &str) -> Region {
        Region {
            code: code.parse().unwrap(),
            name: format!("R{code}"),
            name_en: String::new(),
            place: None,
        }
    }

    fn camera(n: u32, region: &str) -> Camera {
        let code = format!("441403000013260{n:05}").parse().unwrap();
        let mut camera = Camera::new(code, format!("camera {n}"), region.parse().unwrap());
        camera.main_url = Some("rtsp://10.0.0.1/main".into());
        camera
    }

    fn change(register: &mut Register, change: Change) -> Result<(), Error> {
        register.check(&change)?;
        register.apply(WallTime::from_secs(1), change);
        Ok(())
    }

    #[test]
    fn cameras_are_added_replaced_and_removed_once() {
        let mut r = Register::default();
        change(
            &mut r,
            Change::Regions(vec![region("441403"), region("441403102201")]),
        )
        .unwrap();
        let mut c = camera(1, "441403102201");
        change(&mut r, Change::Add(Box::new(c.clone()))).unwrap();
        assert_eq!(
            change(&mut r, Change::Add(Box::new(c.clone()))),
            Err(Error::Exists(c.code))
        );
        c.name = "renamed".into();
        change(&mut r, Change::Replace(Box::new(c.clone()))).unwrap();
        assert_eq!(r.camera(&c.code).unwrap().name, "renamed");
        change(&mut r, Change::Remove(c.code)).unwrap();
        assert_eq!(
            change(&mut r, Change::Remove(c.code)),
            Err(Error::NotFound(c.code))
        );
        assert_eq!(
            change(&mut r, Change::Replace(Box::new(c.clone()))),
            Err(Error::NotFound(c.code))
        );
    }

    #[test]
    fn a_wrong_file_names_its_field() {
        let mut r = Register::default();
        change(&mut r, Change::Regions(vec![region("441403")])).unwrap();
        let good = camera(1, "441403");
        type Spoil = fn(&mut Camera);
        let wrong: [(&str, Spoil); 9] = [
            ("region", |c| c.region = "441402".parse().unwrap()),
            ("name", |c| c.name = " ".into()),
            ("heading", |c| c.heading = Some(360)),
            ("view_angle", |c| c.view_angle = Some(0)),
            ("form", |c| c.form = "round".into()),
            ("place", |c| {
                c.place = Some(Place {
                    lon: 200.0,
                    lat: 0.0,
                })
            }),
            ("main_url", |c| c.main_url = None),
            ("keep_days", |c| c.keep_days = 0),
            ("zones[0].points", |c| {
                c.zones = vec![Zone {
                    name: "gate".into(),
                    points: Vec::new(),
                }]
            }),
        ];
        for (name, spoil) in wrong {
            let mut c = good.clone();
            spoil(&mut c);
            match r.check(&Change::Add(Box::new(c))) {
                Err(Error::Field { field, .. }) => assert_eq!(field, name),
                other => panic!("{name}: {other:?}"),
            }
        }
        r.check(&Change::Add(Box::new(good))).unwrap();
    }

    #[test]
    fn a_region_finds_its_nearest_known_parent() {
        let mut r = Register::default();
        change(
            &mut r,
            Change::Regions(vec![region("441403"), region("441403102201")]),
        )
        .unwrap();
        let village = "441403102201".parse().unwrap();
        assert_eq!(r.parent(&village), Some("441403".parse().unwrap()));
        assert_eq!(r.parent(&"441403".parse().unwrap()), None);
    }
}

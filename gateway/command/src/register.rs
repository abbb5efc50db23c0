//! The register: regions in their tree, and a file for every camera (一机一档).

use std::{collections::BTreeMap, fmt, sync::Arc};

use media::{CameraId, Place, RegionCode, WallTime};
use serde::{Deserialize, Serialize};

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

/// How a camera's media travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Interleaved in the RTSP connection.
    Tcp,
    /// RTP over UDP.
    Udp,
    /// TCP, and UDP where the camera refuses it.
    #[default]
    Auto,
}

/// One camera's file. What it shows right now is no part of it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// GB/T 28181 code.
    pub code: CameraId,
    /// Its name, 1 to 100 characters.
    pub name: String,
    /// The region it stands in.
    pub region: RegionCode,
    /// Where it stands.
    #[serde(default)]
    pub place: Option<Place>,
    /// Where it looks: degrees clockwise from north, 0 to 359.
    #[serde(default)]
    pub heading: Option<u16>,
    /// Horizontal opening, degrees, 1 to 360.
    #[serde(default)]
    pub view_angle: Option<u16>,
    /// How far it sees usefully, metres.
    #[serde(default)]
    pub view_distance: Option<u32>,
    /// 1, 2, 3 class; 4 internal; 9 other.
    #[serde(default)]
    pub site_class: String,
    /// dome, half-dome, fixed, steerable, checkpoint, other.
    #[serde(default)]
    pub form: String,
    /// Who made it.
    #[serde(default)]
    pub maker: String,
    /// Where it hangs, in words.
    #[serde(default)]
    pub address: String,
    /// RTSP URL of the full picture, without credentials.
    #[serde(default)]
    pub main_url: Option<String>,
    /// RTSP URL of the small picture.
    #[serde(default)]
    pub sub_url: Option<String>,
    /// Account on the camera.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password. Never leaves the gateway; absent from `Debug`.
    #[serde(default)]
    pub password: Option<String>,
    /// How its media travel.
    #[serde(default)]
    pub transport: Transport,
    /// Pull it though nobody watches.
    #[serde(default)]
    pub always: bool,
    /// Record it.
    #[serde(default = "yes")]
    pub record: bool,
    /// Days its recordings are kept, 1 to 3650. Decree 799, article 17: at least 30.
    #[serde(default = "thirty")]
    pub keep_days: u32,
    /// Let the tagger watch it.
    #[serde(default = "yes")]
    pub tag: bool,
    /// Out of service.
    #[serde(default)]
    pub disabled: bool,
    /// Free words to search by.
    #[serde(default)]
    pub tags: Vec<String>,
}

fn yes() -> bool {
    true
}
fn thirty() -> u32 {
    30
}

impl Camera {
    /// A camera with nothing known but what every camera must have.
    pub fn new(code: CameraId, name: impl Into<String>, region: RegionCode) -> Self {
        Self {
            code,
            name: name.into(),
            region,
            place: None,
            heading: None,
            view_angle: None,
            view_distance: None,
            site_class: String::new(),
            form: String::new(),
            maker: String::new(),
            address: String::new(),
            main_url: None,
            sub_url: None,
            username: None,
            password: None,
            transport: Transport::default(),
            always: false,
            record: yes(),
            keep_days: thirty(),
            tag: yes(),
            disabled: false,
            tags: Vec::new(),
        }
    }
}

impl fmt::Debug for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Camera")
            .field("code", &self.code)
            .field("name", &self.name)
            .field("region", &self.region)
            .field("main_url", &self.main_url)
            .field("sub_url", &self.sub_url)
            .finish_non_exhaustive()
    }
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
}

/// Why the register refuses a change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field has a value it may not have.
    #[error("{field}: {text}")]
    Field {
        /// Its name in the API.
        field: &'static str,
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

/// What the file of a camera may say about its form.
pub const FORMS: [&str; 6] = [
    "dome",
    "half-dome",
    "fixed",
    "steerable",
    "checkpoint",
    "other",
];
/// What it may say about its site class.
pub const SITE_CLASSES: [&str; 5] = ["1", "2", "3", "4", "9"];

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
        let field = |field, text: String| Err(Error::Field { field, text });
        if !self.regions.contains_key(&camera.region) {
            return field(
                "region",
                format!("region {} is not in the register", camera.region),
            );
        }
        let length = camera.name.trim().chars().count();
        if !(1..=100).contains(&length) {
            return field("name", format!("{length} characters, expected 1 to 100"));
        }
        if camera.place.is_some_and(|p| !p.is_valid()) {
            return field(
                "place",
                "longitude is -180 to 180, latitude -90 to 90".into(),
            );
        }
        if let Some(h) = camera.heading.filter(|h| *h >= 360) {
            return field("heading", format!("{h}, expected 0 to 359 degrees"));
        }
        if let Some(a) = camera.view_angle.filter(|a| !(1..=360).contains(a)) {
            return field("view_angle", format!("{a}, expected 1 to 360 degrees"));
        }
        if let Some(d) = camera.view_distance.filter(|d| !(1..=100_000).contains(d)) {
            return field("view_distance", format!("{d}, expected 1 to 100000 metres"));
        }
        if !camera.site_class.is_empty() && !SITE_CLASSES.contains(&camera.site_class.as_str()) {
            return field(
                "site_class",
                format!(
                    "'{}' is not one of {}",
                    camera.site_class,
                    SITE_CLASSES.join(", ")
                ),
            );
        }
        if !camera.form.is_empty() && !FORMS.contains(&camera.form.as_str()) {
            return field(
                "form",
                format!("'{}' is not one of {}", camera.form, FORMS.join(", ")),
            );
        }
        for (name, text) in [("maker", &camera.maker), ("address", &camera.address)] {
            if text.chars().count() > 200 {
                return field(name, "longer than 200 characters".into());
            }
        }
        if camera.main_url.is_none() && camera.sub_url.is_none() {
            return field("main_url", "a camera needs a main_url or a sub_url".into());
        }
        if !(1..=3650).contains(&camera.keep_days) {
            return field(
                "keep_days",
                format!("{}, expected 1 to 3650", camera.keep_days),
            );
        }
        if camera.tags.len() > 32
            || camera
                .tags
                .iter()
                .any(|t| t.is_empty() || t.chars().count() > 50)
        {
            return field("tags", "at most 32 of 1 to 50 characters".into());
        }
        Ok(())
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
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Regions(regions) => match regions.iter().find(|r| r.name.trim().is_empty()) {
                Some(region) => Err(Error::Field {
                    field: "name",
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let wrong: [(&str, Spoil); 8] = [
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

    #[test]
    fn a_password_is_not_in_debug_output() {
        let mut c = camera(1, "441403");
        c.password = Some("s3cret".into());
        assert!(!format!("{c:?}").contains("s3cret"));
    }
}

//! A camera's file: what is known of it, and how it is reached. What it shows right now is no part of it.

use std::{borrow::Cow, fmt};

pub use media::Transport;
use media::{CameraId, Place, RegionCode, Said, said};
use serde::{Deserialize, Serialize};

use crate::{asset::Asset, secret::Secret, zone::Zone};

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
    /// Its password. Never leaves the gateway.
    #[serde(default)]
    pub password: Option<Secret>,
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
    /// Let the tagger watch it, where it is recorded or always pulled.
    #[serde(default = "yes")]
    pub tag: bool,
    /// Out of service.
    #[serde(default)]
    pub disabled: bool,
    /// The rest of its file.
    #[serde(default)]
    pub asset: Asset,
    /// Free words to search by; groups across regions.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Where in the picture motion counts; none: everywhere.
    #[serde(default)]
    pub zones: Vec<Zone>,
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
            asset: Asset::default(),
            tags: Vec::new(),
            zones: Vec::new(),
        }
    }

    /// What is wrong with it, whatever else is in the register: the path of the field, and what was expected.
    pub(crate) fn fault(&self) -> Option<(Cow<'static, str>, Said)> {
        if self.main_url.is_none() && self.sub_url.is_none() {
            let said = said!("no-stream", "a camera needs a main_url or a sub_url");
            return Some(("main_url".into(), said));
        }
        self.file_fault()
    }

    /// The same, without how it is reached.
    pub(crate) fn file_fault(&self) -> Option<(Cow<'static, str>, Said)> {
        let field = |field: &'static str, said: Said| Some((field.into(), said));
        let within = |value: u32, least: u32, most: u32, unit| {
            said!(
                "range",
                "{value}, expected {least} to {most} {unit}",
                value = value,
                least = least,
                most = most,
                unit = unit
            )
        };
        if let Some(said) = not_within(&self.name, 100) {
            return field("name", said);
        }
        if self.place.is_some_and(|p| !p.is_valid()) {
            return field("place", no_place());
        }
        if let Some(h) = self.heading.filter(|h| *h >= 360) {
            return field("heading", within(h.into(), 0, 359, "degrees"));
        }
        if let Some(a) = self.view_angle.filter(|a| !(1..=360).contains(a)) {
            return field("view_angle", within(a.into(), 1, 360, "degrees"));
        }
        if let Some(d) = self.view_distance.filter(|d| !(1..=100_000).contains(d)) {
            return field("view_distance", within(d, 1, 100_000, "metres"));
        }
        for (name, text, known) in [
            ("site_class", &self.site_class, &SITE_CLASSES[..]),
            ("form", &self.form, &FORMS[..]),
        ] {
            if !text.is_empty() && !known.contains(&text.as_str()) {
                let said = said!(
                    "not-one-of",
                    "'{value}' is not one of {known}",
                    value = text,
                    known = known.join(", ")
                );
                return field(name, said);
            }
        }
        for (name, text) in [("maker", &self.maker), ("address", &self.address)] {
            if text.chars().count() > 200 {
                return field(name, too_long(200));
            }
        }
        if let Some((name, text)) = self.asset.fault() {
            return field(name, text);
        }
        if !(1..=3650).contains(&self.keep_days) {
            return field("keep_days", within(self.keep_days, 1, 3650, "days"));
        }
        let fits = |t: &String| !t.is_empty() && t.chars().count() <= 50;
        if self.tags.len() > 32 || !self.tags.iter().all(fits) {
            let said = said!(
                "tags",
                "at most {n} of 1 to {most} characters",
                n = 32,
                most = 50
            );
            return field("tags", said);
        }
        let (path, text) = Zone::fault(&self.zones)?;
        Some((path.into(), text))
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

pub(crate) fn too_long(most: u32) -> Said {
    said!("too-long", "longer than {most} characters", most = most)
}

/// What is wrong with a text that is to be there, blanks around it apart, and no longer than so many characters.
pub(crate) fn not_within(text: &str, most: usize) -> Option<Said> {
    let n = text.trim().chars().count();
    (!(1..=most).contains(&n)).then(|| {
        said!(
            "characters",
            "{n} characters, expected {least} to {most}",
            n = n,
            least = 1,
            most = most
        )
    })
}

pub(crate) fn no_place() -> Said {
    said!("no-place", "longitude is -180 to 180, latitude -90 to 90")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> Camera {
        let code = "44140300001326000001".parse().unwrap();
        let mut camera = Camera::new(code, "gate", "441403".parse().unwrap());
        camera.main_url = Some("rtsp://10.0.0.1/main".into());
        camera
    }

    #[test]
    fn a_password_is_not_in_debug_output() {
        let mut c = camera();
        c.password = Some(serde_json::from_str("\"s3cret\"").unwrap());
        assert!(!format!("{c:?}").contains("s3cret"));
    }

    #[test]
    fn a_file_from_before_there_were_zones_is_read() {
        let mut written = serde_json::to_value(camera()).unwrap();
        assert!(written.as_object_mut().unwrap().remove("zones").is_some());
        assert_eq!(serde_json::from_value::<Camera>(written).unwrap(), camera());
    }
}

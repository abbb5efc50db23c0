//! The rest of a camera's file (一机一档): what an inspector asks for and no stream depends on.

use std::net::{Ipv4Addr, Ipv6Addr};

use media::{Said, said};
use serde::{Deserialize, Serialize};

use crate::camera::too_long;

/// What the coordinates in the source were given in. They are kept as WGS-84 whatever it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reference {
    /// GPS.
    #[default]
    Wgs84,
    /// The national system of 2000 (EPSG:4490); shown as WGS-84, from which it differs by centimetres.
    Cgcs2000,
    /// The shifted system of Chinese public maps.
    Gcj02,
}

impl Reference {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Wgs84, Self::Cgcs2000, Self::Gcj02];

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wgs84 => "wgs84",
            Self::Cgcs2000 => "cgcs2000",
            Self::Gcj02 => "gcj02",
        }
    }
}

/// The asset record. Every text is at most 200 characters; empty where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Asset {
    /// The maker's name of the device.
    pub model: String,
    /// What people on the spot call it.
    pub common_name: String,
    /// Its address.
    pub ipv4: Option<Ipv4Addr>,
    /// Its address.
    pub ipv6: Option<Ipv6Addr>,
    /// Its hardware address: six pairs of hexadecimal digits with colons.
    pub mac: String,
    /// What it is for: vehicles, people, panorama ...; up to 16.
    pub functions: Vec<String>,
    /// Infrared, white, none.
    pub fill_light: String,
    /// As its maker says: H.264, H.265.
    pub codec: String,
    /// Metres above the ground, 0 to 500.
    pub height_m: Option<f32>,
    /// Which sort of place: road, school, bridge ...
    pub location_type: String,
    /// Which network it hangs on.
    pub network: String,
    /// Who keeps it in order.
    pub manager: String,
    /// How they are reached.
    pub contact: String,
    /// Which police unit is in charge of the place.
    pub police_unit: String,
    /// `YYYY-MM-DD`.
    pub installed_on: String,
    /// In use, under repair, taken down.
    pub condition: String,
    /// Which department it belongs to.
    pub department: String,
    /// What its coordinates were given in.
    pub reference: Reference,
    /// What its main stream is set to send, kbit/s: taken on the links until it has been measured. 16 to 200,000.
    pub main_kbps: Option<u32>,
    /// The same of its sub stream.
    pub sub_kbps: Option<u32>,
}

/// What a stream may be set to, kbit/s: from a picture a second to the largest cameras there are.
pub const KBPS: std::ops::RangeInclusive<u32> = 16..=200_000;

/// Whether a text is a day, `YYYY-MM-DD`, from 1970 to 2199.
pub fn is_day(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut number = |width: usize| -> Option<u32> {
        let part = parts.next()?;
        (part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse().ok())?
    };
    let (Some(year), Some(month), Some(day)) = (number(4), number(2), number(2)) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    parts.next().is_none() && (1970..2200).contains(&year) && (1..=days).contains(&day)
}

fn is_mac(text: &str) -> bool {
    let mut pairs = text.split(':');
    let hex = |p: &str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
    pairs.clone().count() == 6 && pairs.all(hex)
}

impl Asset {
    /// What is wrong with it: the path of the field, and what was expected.
    pub(crate) fn fault(&self) -> Option<(&'static str, Said)> {
        for (field, text) in [
            ("asset.model", &self.model),
            ("asset.common_name", &self.common_name),
            ("asset.fill_light", &self.fill_light),
            ("asset.codec", &self.codec),
            ("asset.location_type", &self.location_type),
            ("asset.network", &self.network),
            ("asset.manager", &self.manager),
            ("asset.contact", &self.contact),
            ("asset.police_unit", &self.police_unit),
            ("asset.condition", &self.condition),
            ("asset.department", &self.department),
        ] {
            if text.chars().count() > 200 {
                return Some((field, too_long(200)));
            }
        }
        if !self.mac.is_empty() && !is_mac(&self.mac) {
            let said = said!(
                "mac",
                "'{value}', expected six pairs of hexadecimal digits",
                value = self.mac
            );
            return Some(("asset.mac", said));
        }
        if !self.installed_on.is_empty() && !is_day(&self.installed_on) {
            let said = said!(
                "day",
                "'{value}', expected a day as 2024-05-31",
                value = self.installed_on
            );
            return Some(("asset.installed_on", said));
        }
        if let Some(h) = self.height_m.filter(|h| !(0.0..=500.0).contains(h)) {
            let said = said!(
                "range",
                "{value}, expected {least} to {most} {unit}",
                value = h,
                least = 0,
                most = 500,
                unit = "metres"
            );
            return Some(("asset.height_m", said));
        }
        for (field, kbps) in [
            ("asset.main_kbps", self.main_kbps),
            ("asset.sub_kbps", self.sub_kbps),
        ] {
            if let Some(n) = kbps.filter(|n| !KBPS.contains(n)) {
                let said = said!(
                    "range",
                    "{value}, expected {least} to {most} {unit}",
                    value = n,
                    least = KBPS.start(),
                    most = KBPS.end(),
                    unit = "kbit/s"
                );
                return Some((field, said));
            }
        }
        let fits = |t: &String| (1..=50).contains(&t.chars().count()) && !t.contains('/');
        if self.functions.len() > 16 || !self.functions.iter().all(fits) {
            let said = said!(
                "functions",
                "at most {n} of 1 to {most} characters, without '/'",
                n = 16,
                most = 50
            );
            return Some(("asset.functions", said));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_days() {
        for good in ["1970-01-01", "2024-02-29", "2000-02-29", "2199-12-31"] {
            assert!(is_day(good), "{good}");
        }
        for bad in [
            "",
            "2023-02-29",
            "1900-02-28",
            "2024-13-01",
            "2024-00-10",
            "2024-4-1",
            "2024-04-31",
            "2024-04-01-1",
            "+024-04-01",
        ] {
            assert!(!is_day(bad), "{bad}");
        }
    }

    #[test]
    fn a_wrong_asset_names_its_field() {
        let asset = Asset {
            mac: "00:11:22:33:44".into(),
            ..Asset::default()
        };
        assert_eq!(asset.fault().unwrap().0, "asset.mac");
        let asset = Asset {
            functions: vec!["a/b".into()],
            ..Asset::default()
        };
        assert_eq!(asset.fault().unwrap().0, "asset.functions");
        let asset = Asset {
            sub_kbps: Some(512_000),
            ..Asset::default()
        };
        let (field, text) = asset.fault().unwrap();
        assert_eq!(field, "asset.sub_kbps");
        assert_eq!(text.text, "512000, expected 16 to 200000 kbit/s");
        assert_eq!(Asset::default().fault(), None);
    }
}

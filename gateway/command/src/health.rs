//! The figures a district's cameras are judged by (thresholds are configuration; the formulas are here).

use std::{collections::HashMap, time::Duration};

use media::{CameraId, WallTime};

use crate::register::{Camera, Register};

/// A part of a whole; a whole of nothing counts as met.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// What was there.
    pub part: f64,
    /// What should have been.
    pub whole: f64,
}

impl Rate {
    /// 0 to 1.
    pub fn value(self) -> f64 {
        if self.whole <= 0.0 {
            1.0
        } else {
            (self.part / self.whole).clamp(0.0, 1.0)
        }
    }
}

impl std::iter::Sum for Rate {
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        rates.fold(Self::default(), |a, b| Self {
            part: a.part + b.part,
            whole: a.whole + b.whole,
        })
    }
}

/// Online rate (在线率): seconds a wanted camera was live, of the seconds it was wanted. A camera nobody asks for is neither.
#[derive(Debug, Default)]
pub struct Online {
    cameras: HashMap<CameraId, Watch>,
}

#[derive(Debug)]
struct Watch {
    since: WallTime,
    state: Seen,
    live: Duration,
    wanted: Duration,
}

/// What is seen of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nobody asks for it, or it is out of service.
    Unwanted,
    /// Asked for and not there.
    Offline,
    /// It plays.
    Live,
}

impl Online {
    /// The camera is seen so from now on.
    pub fn saw(&mut self, now: WallTime, camera: CameraId, seen: Seen) {
        let watch = self.cameras.entry(camera).or_insert(Watch {
            since: now,
            state: Seen::Unwanted,
            live: Duration::ZERO,
            wanted: Duration::ZERO,
        });
        watch.account(now);
        watch.state = seen;
    }

    /// It is no longer in the register.
    pub fn forget(&mut self, camera: &CameraId) {
        self.cameras.remove(camera);
    }

    /// Of one camera, since the gateway started.
    pub fn of(&self, now: WallTime, camera: &CameraId) -> Rate {
        self.cameras
            .get(camera)
            .map(|w| w.rate(now))
            .unwrap_or_default()
    }

    /// Of all.
    pub fn total(&self, now: WallTime) -> Rate {
        self.cameras.values().map(|w| w.rate(now)).sum()
    }
}

impl Watch {
    fn account(&mut self, now: WallTime) {
        let passed = now.since(self.since);
        self.since = now;
        match self.state {
            Seen::Unwanted => {}
            Seen::Offline => self.wanted += passed,
            Seen::Live => {
                self.wanted += passed;
                self.live += passed;
            }
        }
    }

    fn rate(&self, now: WallTime) -> Rate {
        let passed = now.since(self.since);
        let extra = |counts: bool| if counts { passed } else { Duration::ZERO };
        Rate {
            part: (self.live + extra(self.state == Seen::Live)).as_secs_f64(),
            whole: (self.wanted + extra(self.state != Seen::Unwanted)).as_secs_f64(),
        }
    }
}

/// Mandatory fields that a camera's file lacks (建档率 counts the files that lack none). Names as in the API.
pub fn missing_fields(camera: &Camera, register: &Register) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if camera.maker.is_empty() {
        missing.push("maker");
    }
    if camera.site_class.is_empty() {
        missing.push("site_class");
    }
    if camera.address.is_empty() {
        missing.push("address");
    }
    if camera.place.is_none() {
        missing.push("place");
    }
    let asset = &camera.asset;
    for (name, text) in [
        ("asset.location_type", &asset.location_type),
        ("asset.network", &asset.network),
        ("asset.manager", &asset.manager),
        ("asset.contact", &asset.contact),
        ("asset.police_unit", &asset.police_unit),
        ("asset.installed_on", &asset.installed_on),
        ("asset.condition", &asset.condition),
    ] {
        if text.is_empty() {
            missing.push(name);
        }
    }
    if register.region(&camera.region).is_none() {
        missing.push("region");
    }
    missing
}

/// File completeness (建档率) of the whole register.
pub fn file_completeness(register: &Register) -> Rate {
    register
        .cameras()
        .map(|c| Rate {
            part: f64::from(u8::from(missing_fields(c, register).is_empty())),
            whole: 1.0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    #[test]
    fn only_wanted_time_counts() {
        let camera = "44140300001326000001".parse().unwrap();
        let at = WallTime::from_secs;
        let mut online = Online::default();
        online.saw(at(0), camera, Seen::Unwanted);
        online.saw(at(100), camera, Seen::Offline);
        online.saw(at(110), camera, Seen::Live);
        assert_eq!(
            online.of(at(140), &camera),
            Rate {
                part: 30.0,
                whole: 40.0
            }
        );
        online.saw(at(140), camera, Seen::Unwanted);
        assert_eq!(online.total(at(9000)).value(), 0.75);
        assert_eq!(Rate::default().value(), 1.0);
    }

    #[test]
    fn a_file_without_its_mandatory_fields_is_incomplete() {
        let mut register = Register::default();
        let region = crate::Region {
            code: "441403".parse().unwrap(),
            name: "梅县区".into(),
            name_en: String::new(),
            place: None,
        };
        register.apply(at0(), crate::register::Change::Regions(vec![region]));
        let mut camera = Camera::new(
            "44140300001326000001".parse().unwrap(),
            "a",
            "441403".parse().unwrap(),
        );
        let missing = missing_fields(&camera, &register);
        assert_eq!(missing[..4], ["maker", "site_class", "address", "place"]);
        assert_eq!(missing.len(), 11);
        register.apply(
            at0(),
            crate::register::Change::Add(Box::new(camera.clone())),
        );
        assert_eq!(file_completeness(&register).value(), 0.0);
        camera.maker = "m".into();
        camera.site_class = "1".into();
        camera.address = "x".into();
        for text in [
            &mut camera.asset.location_type,
            &mut camera.asset.network,
            &mut camera.asset.manager,
            &mut camera.asset.contact,
            &mut camera.asset.police_unit,
            &mut camera.asset.installed_on,
            &mut camera.asset.condition,
        ] {
            *text = "x".into();
        }
        camera.place = Some(media::Place {
            lon: 116.0,
            lat: 24.0,
        });
        register.apply(at0(), crate::register::Change::Replace(Box::new(camera)));
        assert_eq!(file_completeness(&register).value(), 1.0);
    }

    fn at0() -> WallTime {
        WallTime::from_secs(0)
    }
}

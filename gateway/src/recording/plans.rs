//! What is to be recorded, as people say it: of a camera, of all cameras of a region, of all. The most particular one holds.
//! Journaled; what a camera's plan was at a moment of the past is the archive's to know.

use std::{collections::BTreeMap, fmt, str::FromStr};

use command::{Camera, Store, state::State};
use media::{CameraId, EventKind, Profile, RegionCode, WallTime};
use serde::{Deserialize, Serialize};
use storage::Plan;

/// Whose cameras a plan is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Of {
    /// Every camera that nothing more particular is said of.
    Default,
    /// Every camera in a region and below it.
    Region(RegionCode),
    /// One camera.
    Camera(CameraId),
}

impl Of {
    /// `default`, `region` or `camera`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Region(_) => "region",
            Self::Camera(_) => "camera",
        }
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Region(code) => fmt::Display::fmt(code, f),
            Self::Camera(code) => fmt::Display::fmt(code, f),
        }
    }
}

impl From<Of> for String {
    fn from(of: Of) -> Self {
        of.to_string()
    }
}

impl TryFrom<String> for Of {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Of {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = "expected 'default', a region's code of 2 to 12 digits, or a camera's of 20";
        match text.len() {
            7 if text == "default" => Ok(Self::Default),
            20 => text
                .parse()
                .map(Self::Camera)
                .map_err(|e| format!("{e}; {wrong}")),
            _ => text
                .parse()
                .map(Self::Region)
                .map_err(|e| format!("{e}; {wrong}")),
        }
    }
}

/// Recordings that an event holds (see [`storage::Hold`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// From so many seconds before it.
    pub before_s: u32,
    /// To so many seconds after it.
    pub after_s: u32,
    /// For so many days.
    pub days: u32,
    /// Which events do.
    pub kinds: Vec<EventKind>,
}

/// A plan with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// When it is recorded.
    pub plan: Plan,
    /// Which stream; the configuration's where it says nothing, the other one where a camera has only that.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// What events keep of it.
    #[serde(default)]
    pub lock: Option<Lock>,
}

/// The longest pre-roll: `recording.pre_roll` bounds what it takes of a camera.
pub const MAX_PRE_S: u32 = 60;
/// The longest post-roll, an hour: what goes on for longer is recorded always.
pub const MAX_POST_S: u32 = 3600;
/// The longest time before and after an event that is kept for it, a day.
pub const MAX_LOCK_S: u32 = 86_400;
/// The longest time it is kept, days: ten years.
pub const MAX_LOCK_DAYS: u32 = 3650;

/// Why a setting is refused.
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
    /// There is none to take away.
    #[error("there is no recording plan of '{0}'")]
    NotFound(Of),
}

impl Setting {
    fn check(&self) -> Result<(), Error> {
        let within =
            |field, value: u32, least: u32, most: u32| match (least..=most).contains(&value) {
                true => Ok(()),
                false => Err(Error::Field {
                    field,
                    text: format!("{value}, expected {least} to {most}"),
                }),
            };
        self.plan.check().map_err(|e| Error::Field {
            field: "windows",
            text: e.to_string(),
        })?;
        if let Plan::OnEvent { pre_s, post_s } = self.plan {
            within("pre_s", pre_s, 0, MAX_PRE_S)?;
            within("post_s", post_s, 1, MAX_POST_S)?;
        }
        let Some(lock) = &self.lock else {
            return Ok(());
        };
        within("lock.before_s", lock.before_s, 0, MAX_LOCK_S)?;
        within("lock.after_s", lock.after_s, 0, MAX_LOCK_S)?;
        within("lock.days", lock.days, 1, MAX_LOCK_DAYS)?;
        match lock.kinds.is_empty() {
            true => Err(Error::Field {
                field: "lock.kinds",
                text: "is empty, expected the kinds of events that keep their recording".into(),
            }),
            false => Ok(()),
        }
    }
}

/// A change of the plans.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Says it, or says it anew.
    Set(Of, Box<Setting>),
    /// Takes it away: what is less particular holds again.
    Clear(Of),
    /// Says the same of all of these.
    SetAll(Vec<Of>, Box<Setting>),
    /// Takes away what was said of these, where anything was.
    ClearAll(Vec<Of>),
}

/// All that was said.
#[derive(Clone, Debug, Default)]
pub struct Plans(BTreeMap<Of, Setting>);

/// The plans with their journal.
pub type Kept = Store<Plans>;

impl Plans {
    /// All that was said: the default first, then by region, then by camera.
    pub fn all(&self) -> impl Iterator<Item = (Of, &Setting)> {
        self.0.iter().map(|(of, setting)| (*of, setting))
    }

    /// What was said of exactly this.
    pub fn get(&self, of: Of) -> Option<&Setting> {
        self.0.get(&of)
    }

    /// What holds for a camera, and of whom it was said. Nothing said: always, by the configuration's stream.
    pub fn of(&self, camera: &Camera) -> (Of, Setting) {
        let regions = camera.region.path().map(Of::Region);
        let path = std::iter::once(Of::Camera(camera.code))
            .chain(regions)
            .chain([Of::Default]);
        let mut said = path.filter_map(|of| Some((of, self.0.get(&of)?.clone())));
        said.next().unwrap_or((Of::Default, Setting::default()))
    }
}

impl State for Plans {
    type Change = Change;
    type Error = Error;

    fn kind(change: &Change) -> &'static str {
        match change {
            Change::Set(..) | Change::SetAll(..) => "plan-set",
            Change::Clear(_) | Change::ClearAll(_) => "plan-cleared",
        }
    }

    fn check(&self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Set(_, setting) | Change::SetAll(_, setting) => setting.check(),
            Change::Clear(of) if !self.0.contains_key(of) => Err(Error::NotFound(*of)),
            Change::Clear(_) | Change::ClearAll(_) => Ok(()),
        }
    }

    fn apply(&mut self, _at: WallTime, change: Change) {
        match change {
            Change::Set(of, setting) => {
                self.0.insert(of, *setting);
            }
            Change::Clear(of) => {
                self.0.remove(&of);
            }
            Change::SetAll(all, setting) => {
                self.0
                    .extend(all.into_iter().map(|of| (of, (*setting).clone())));
            }
            Change::ClearAll(all) => self.0.retain(|of, _| !all.contains(of)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(plan: Plan) -> Setting {
        Setting {
            plan,
            ..Setting::default()
        }
    }

    #[test]
    fn the_most_particular_plan_holds() {
        let camera = Camera::new(
            "44140300001326000001".parse().unwrap(),
            "a",
            "441403102201".parse().unwrap(),
        );
        let mut plans = Plans::default();
        assert_eq!(plans.of(&camera), (Of::Default, Setting::default()));
        let on = |pre_s| setting(Plan::OnEvent { pre_s, post_s: 10 });
        let said: [(&str, Setting); 4] = [
            ("default", setting(Plan::Off)),
            ("441403", on(1)),
            ("441403102", on(2)),
            ("44140300001326000001", on(3)),
        ];
        for (of, setting) in said {
            let of: Of = of.parse().unwrap();
            let change = Change::Set(of, Box::new(setting.clone()));
            plans.check(&change).unwrap();
            plans.apply(WallTime(0), change);
            assert_eq!(plans.of(&camera), (of, setting));
        }
        let other = Camera {
            region: "441402".parse().unwrap(),
            ..Camera::new(
                "44140300001326000002".parse().unwrap(),
                "b",
                "441402".parse().unwrap(),
            )
        };
        assert_eq!(plans.of(&other), (Of::Default, setting(Plan::Off)));
        let clear = Change::Clear("44140300001326000001".parse().unwrap());
        plans.check(&clear).unwrap();
        plans.apply(WallTime(0), clear.clone());
        assert_eq!(plans.of(&camera).1, on(2));
        assert!(matches!(plans.check(&clear), Err(Error::NotFound(_))));
    }

    #[test]
    fn a_wrong_setting_names_its_field() {
        let lock = |days, kinds| {
            let mut s = setting(Plan::Always);
            s.lock = Some(Lock {
                before_s: 30,
                after_s: 30,
                days,
                kinds,
            });
            s
        };
        let post_s = 10;
        for (wrong, field) in [
            (setting(Plan::OnEvent { pre_s: 61, post_s }), "pre_s"),
            (
                setting(Plan::OnEvent {
                    pre_s: 0,
                    post_s: 0,
                }),
                "post_s",
            ),
            (setting(Plan::Weekly { windows: vec![] }), "windows"),
            (lock(0, vec![EventKind::Motion]), "lock.days"),
            (lock(1, vec![]), "lock.kinds"),
        ] {
            let change = Change::Set(Of::Default, Box::new(wrong));
            match Plans::default().check(&change) {
                Err(Error::Field { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field}: {other:?}"),
            }
        }
        assert!("1234567".parse::<Of>().is_err() && "defaults".parse::<Of>().is_err());
    }
}

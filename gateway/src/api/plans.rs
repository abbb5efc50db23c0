//! Recording plans: what is to be recorded of a camera, of a region's, of all.

use ::media::{CameraId, EventKind, Profile, WallTime};
use command::Register;
use serde::{Deserialize, Serialize};
use storage::{Plan, plan::Window};

use super::{Answer, Call, Problem, empty, json};
use crate::{
    access::Action,
    recording::{
        self,
        plans::{Change, Lock, Of, Setting},
    },
};

/// A plan as it is read and written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    mode: Mode,
    #[serde(default)]
    windows: Option<Vec<Times>>,
    #[serde(default)]
    pre_s: Option<u32>,
    #[serde(default)]
    post_s: Option<u32>,
    #[serde(default)]
    profile: Option<Profile>,
    #[serde(default)]
    lock: Option<LockBody>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    Off,
    Always,
    Weekly,
    OnEvent,
}

impl Mode {
    pub(super) fn of(plan: &Plan) -> Self {
        match plan {
            Plan::Off => Self::Off,
            Plan::Always => Self::Always,
            Plan::Weekly { .. } => Self::Weekly,
            Plan::OnEvent { .. } => Self::OnEvent,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    days: u8,
    from_min: u16,
    to_min: u16,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockBody {
    before_s: u32,
    after_s: u32,
    days: u32,
    kinds: Vec<EventKind>,
}

impl Body {
    fn of(setting: &Setting) -> Self {
        let mut body = Self {
            mode: Mode::of(&setting.plan),
            windows: None,
            pre_s: None,
            post_s: None,
            profile: setting.profile,
            lock: setting.lock.as_ref().map(|l| LockBody {
                before_s: l.before_s,
                after_s: l.after_s,
                days: l.days,
                kinds: l.kinds.clone(),
            }),
        };
        match &setting.plan {
            Plan::Off | Plan::Always => {}
            Plan::Weekly { windows } => {
                let times = windows.iter().map(|w| Times {
                    days: w.days,
                    from_min: w.from_min,
                    to_min: w.to_min,
                });
                body.windows = Some(times.collect());
            }
            Plan::OnEvent { pre_s, post_s } => {
                (body.pre_s, body.post_s) = (Some(*pre_s), Some(*post_s));
            }
        }
        body
    }

    /// What belongs to another mode is refused: it would be taken for something it is not.
    pub(super) fn setting(self) -> Result<Setting, Problem> {
        let Self {
            mode,
            windows,
            pre_s,
            post_s,
            profile,
            lock,
        } = self;
        for (field, is_there, of) in [
            ("windows", windows.is_some(), Mode::Weekly),
            ("pre_s", pre_s.is_some(), Mode::OnEvent),
            ("post_s", post_s.is_some(), Mode::OnEvent),
        ] {
            if is_there && mode != of {
                return Err(Problem::bad(field, "does not belong to this mode"));
            }
        }
        let need = |field| Problem::bad(field, "is missing");
        let plan = match mode {
            Mode::Off => Plan::Off,
            Mode::Always => Plan::Always,
            Mode::Weekly => Plan::Weekly {
                windows: windows
                    .ok_or_else(|| need("windows"))?
                    .into_iter()
                    .map(|w| Window {
                        days: w.days,
                        from_min: w.from_min,
                        to_min: w.to_min,
                    })
                    .collect(),
            },
            Mode::OnEvent => Plan::OnEvent {
                pre_s: pre_s.ok_or_else(|| need("pre_s"))?,
                post_s: post_s.ok_or_else(|| need("post_s"))?,
            },
        };
        Ok(Setting {
            plan,
            profile,
            lock: lock.map(|l| Lock {
                before_s: l.before_s,
                after_s: l.after_s,
                days: l.days,
                kinds: l.kinds,
            }),
        })
    }
}

#[derive(Serialize)]
struct Said {
    of: Of,
    kind: &'static str,
    name: Option<String>,
    #[serde(flatten)]
    body: Body,
}

impl Said {
    fn new(register: &Register, of: Of, setting: &Setting) -> Self {
        let name = match of {
            Of::Default => None,
            Of::Region(code) => register.region(&code).map(|r| r.name.clone()),
            Of::Camera(code) => register.camera(&code).map(|c| c.name.clone()),
        };
        Self {
            of,
            kind: of.kind(),
            name,
            body: Body::of(setting),
        }
    }
}

/// `GET /recording-plans`.
pub(super) async fn list(call: Call) -> Answer {
    let (plans, register) = (call.gateway.plans.read(), call.gateway.register.read());
    let own = call.user()?.region;
    let shows = |of: &Of| match of {
        Of::Default => true,
        // One above the user's own region holds there, too.
        Of::Region(code) => code.is_within(&own) || own.is_within(code),
        Of::Camera(code) => {
            let camera = register.camera(code);
            camera.is_some_and(|c| call.sees(Action::Look, c.region))
        }
    };
    let all: Vec<Said> = plans
        .all()
        .filter(|(of, _)| shows(of))
        .map(|(of, setting)| Said::new(&register, of, setting))
        .collect();
    json(&all)
}

/// What the path names, if the user may change it.
fn target(call: &Call) -> Result<Of, Problem> {
    let of: Of = call
        .param("of")
        .parse()
        .map_err(|e| Problem::bad("of", e))?;
    let register = call.gateway.register.read();
    let region = match of {
        Of::Default => call.gateway.config.district.code,
        Of::Region(code) => match register.region(&code) {
            Some(region) => region.code,
            None => {
                let text = format!("region {code} is not in the register");
                return Err(Problem::not_found(text));
            }
        },
        Of::Camera(code) => match register.camera(&code) {
            Some(camera) => camera.region,
            None => {
                let text = format!("camera {code} is not in the register");
                return Err(Problem::not_found(text));
            }
        },
    };
    call.may(Action::ChangeRegister, region, &of.to_string())?;
    Ok(of)
}

/// `PUT /recording-plans/{of}`.
pub(super) async fn set(call: Call) -> Answer {
    let of = target(&call)?;
    let body: Body = call.json()?;
    let mut entry = call.entry("plan-changed", of.to_string(), None)?;
    entry.detail = serde_json::to_string(&body).map_err(Problem::internal)?;
    let setting = body.setting()?;
    let change = Change::Set(of, Box::new(setting.clone()));
    call.gateway
        .plans
        .change(call.gateway.now(), change)
        .await?;
    call.audit(entry).await?;
    json(&Said::new(&call.gateway.register.read(), of, &setting))
}

/// `DELETE /recording-plans/{of}`.
pub(super) async fn clear(call: Call) -> Answer {
    let of = target(&call)?;
    let entry = call.entry("plan-cleared", of.to_string(), None)?;
    call.gateway
        .plans
        .change(call.gateway.now(), Change::Clear(of))
        .await?;
    call.audit(entry).await?;
    empty()
}

#[derive(Serialize)]
struct Effective {
    camera: CameraId,
    #[serde(flatten)]
    said: Said,
    recorded: bool,
    keep_days: u32,
    floor_days: u32,
    kept_days: u32,
    oldest: Option<WallTime>,
    /// Seconds before an event that could be recorded now.
    pre_roll_s: Option<f64>,
    /// That is less than the plan asks for: why.
    pre_roll_short: Option<String>,
}

/// `GET /cameras/{code}/recording-plan`.
pub(super) async fn of_camera(call: Call) -> Answer {
    let camera = call.camera(Action::Look)?;
    let config = &call.gateway.config.recording;
    let (of, setting) = call.gateway.plans.read().of(&camera);
    let floor_days = recording::floor_days(config, &camera);
    let oldest = call.gateway.archive.oldest(camera.code).await;
    let pre_roll = recording::pre_roll(&call.gateway, &camera, &setting);
    let pre_roll_short = pre_roll.filter(|(reach, wanted)| *reach < f64::from(*wanted));
    let pre_roll_short = pre_roll_short.map(|(reach, wanted)| {
        format!(
            "{reach:.1} of {wanted} s: the camera is pulled since then only, or recording.pre_roll ({}) holds no more of it",
            config.pre_roll.0
        )
    });
    let said = Said::new(&call.gateway.register.read(), of, &setting);
    json(&Effective {
        camera: camera.code,
        said,
        recorded: recording::is_recorded(config, &camera),
        keep_days: camera.keep_days,
        floor_days,
        kept_days: camera.keep_days.max(floor_days),
        oldest,
        pre_roll_s: pre_roll.map(|(reach, _)| reach),
        pre_roll_short,
    })
}

//! Diagnoses: of one camera when somebody asks, and how far the scheduled round is.

use std::collections::BTreeMap;

use ::media::{BitRate, CameraId, FeedId, Profile, WallTime, said};
use http::StatusCode;
use ingest::diagnose::{Detail, Finding, Step, Words};
use serde::Serialize;

use super::{Answer, Call, Problem, json, with_json};
use crate::{access::Action, diagnose::Diagnosis, visits::Outcome};

/// A diagnosis with its words.
#[derive(Serialize)]
struct View<'a> {
    camera: CameraId,
    profile: Profile,
    at: WallTime,
    by: &'a str,
    running: bool,
    live: bool,
    steps: &'a [Finding],
    /// All steps there are: those that are missing in `steps` were not reached.
    order: [Step; 15],
    /// What failed first, in words.
    failure: Option<Failure>,
}

#[derive(Serialize)]
struct Failure {
    step: Step,
    cause: &'static str,
    zh: Words,
    en: Words,
    #[serde(flatten)]
    detail: Detail,
}

impl<'a> View<'a> {
    fn of(diagnosis: &'a Diagnosis) -> Self {
        let failure = diagnosis.failure().and_then(|finding| {
            let cause = finding.cause?;
            Some(Failure {
                step: finding.step,
                cause: cause.as_str(),
                zh: cause.zh(),
                en: cause.en(),
                detail: finding.detail.clone(),
            })
        });
        Self {
            camera: diagnosis.camera,
            profile: diagnosis.profile,
            at: diagnosis.at,
            by: &diagnosis.by,
            running: diagnosis.running,
            live: diagnosis.live,
            steps: &diagnosis.steps,
            order: Step::ALL,
            failure,
        }
    }
}

/// `POST /cameras/{code}/diagnosis`: begins one, or joins the one that runs.
pub(super) async fn begin(call: Call) -> Answer {
    let camera = call.camera(Action::Watch)?;
    let asked: Option<Profile> = call.query("profile")?;
    let usual = match (&camera.main_url, &camera.sub_url) {
        (None, Some(_)) => Profile::Sub,
        _ => Profile::Main,
    };
    let feed = FeedId {
        camera: camera.code,
        profile: asked.unwrap_or(usual),
    };
    let mut entry = call.entry(
        "camera-diagnosed",
        camera.code.to_string(),
        Some(camera.region),
    )?;
    entry.detail = feed.profile.to_string();
    call.audit(entry).await?;
    let user = call.user()?.user.clone();
    let begun = call.gateway.diagnoses.begin(&call.gateway, feed, &user);
    let told = begun.ok_or_else(|| {
        let said = said!(
            "diagnoses-full",
            "too many diagnoses run at once; try again in a moment"
        );
        Problem::says(StatusCode::SERVICE_UNAVAILABLE, "busy", said)
    })?;
    let diagnosis = told.borrow().clone();
    with_json(StatusCode::ACCEPTED, &View::of(&diagnosis))
}

/// `GET /cameras/{code}/diagnosis`: the last one, as far as it is.
pub(super) async fn one(call: Call) -> Answer {
    let camera = call.camera(Action::Watch)?;
    let told = call.gateway.diagnoses.of(&camera.code);
    let told = told.ok_or_else(|| {
        Problem::missing(said!(
            "not-diagnosed",
            "camera {camera} has not been diagnosed since the start",
            camera = camera.code
        ))
    })?;
    let diagnosis = told.borrow().clone();
    json(&View::of(&diagnosis))
}

#[derive(Serialize)]
struct Round {
    enabled: bool,
    cameras: usize,
    known: usize,
    visits: usize,
    oldest_s: Option<u64>,
    period_s: u64,
    share_bps: BitRate,
    outcomes: BTreeMap<&'static str, usize>,
}

/// `GET /diagnosis-round`: how far the scheduled round is.
pub(super) async fn round(call: Call) -> Answer {
    let checks = &call.gateway.checks;
    let config = &call.gateway.config.diagnosis;
    let progress = checks.progress();
    let name = |outcome| match outcome {
        Outcome::Good => "good",
        Outcome::Dark => "dark",
        Outcome::Covered => "covered",
        Outcome::Undecodable => "undecodable",
        Outcome::NoPicture => "no-picture",
    };
    let outcomes = checks.outcomes();
    json(&Round {
        enabled: config.enabled,
        cameras: progress.cameras,
        known: progress.known,
        visits: progress.visits,
        oldest_s: progress.oldest.map(|age| age.as_secs()),
        period_s: config.round().period.as_secs(),
        share_bps: config.share.0,
        outcomes: outcomes.into_iter().map(|(o, n)| (name(o), n)).collect(),
    })
}

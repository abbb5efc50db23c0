//! The register: as a spreadsheet (in, with a dry run first; out; as it is filed), its regions and groups, its search, what it was
//! before, and what devices say of themselves.

pub(super) mod bulk;
pub(super) mod codes;
pub(super) mod groups;
pub(super) mod history;
pub(super) mod onvif;
pub(super) mod regions;
pub(super) mod search;

use std::sync::Arc;

use ::media::{RegionCode, said};
use command::{
    Camera,
    import::{self, Detail, Headings, Report},
    outline::Outline,
    register::Change,
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{Answer, Call, Problem, bytes, cameras::set_url, with_json};
use crate::{access::Action, recording::load::Load, seal::Seal};

/// Largest spreadsheet that is read, bytes.
pub(super) const MAX_FILE: usize = import::table::MAX_FILE;

/// What a file would change, or has.
#[derive(Serialize)]
struct Outcome<'a> {
    columns: &'a [import::Mapped],
    rows: usize,
    added: usize,
    changed: usize,
    same: usize,
    good: bool,
    committed: bool,
    faults: &'a [import::Fault],
    /// What recording would take with these cameras.
    recording: Load,
}

/// `POST /cameras/import`: says what the file would change and what is wrong with it; with `commit=1` changes it, all or nothing.
pub(super) async fn import(call: Call) -> Answer {
    let commit = call.query_within("commit", 0, 1)? == Some(1);
    let mapping = match call.query.get("map") {
        Some(text) => import::mapping(text)
            .map_err(|e| Problem::wrong("map", said!("mapping", "{text}", text = e)))?,
        None => import::Mapping::new(),
    };
    let (file, register) = (call.body.clone(), call.gateway.register.read());
    let checked = Arc::clone(&register);
    let sketch = call.gateway.sketch.clone();
    let boundaries = call.gateway.boundaries.read();
    let read = tokio::task::spawn_blocking(move || -> Result<Report, import::Error> {
        let table = import::read(&file)?;
        // A sketch that is no GeoJSON was refused at the start.
        let outline = sketch.and_then(|s| Outline::of_geojson(&s).ok().flatten());
        Ok(import::check_within(
            &table,
            &checked,
            outline.as_ref(),
            &boundaries,
            &mapping,
        ))
    });
    let mut report = match read.await {
        Ok(Ok(report)) => report,
        Ok(Err(import::Error::TooLarge(text))) => {
            let said = said!("sheet-too-large", "{text}", text = text);
            return Err(Problem::says(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                said,
            ));
        }
        Ok(Err(error @ import::Error::Empty)) => {
            let said = said!("sheet-empty", "{text}", text = error);
            return Err(Problem::wrong("body", said));
        }
        Ok(Err(error @ import::Error::Format(_))) => {
            let said = said!("no-sheet", "{text}", text = error);
            return Err(Problem::wrong("body", said));
        }
        Err(error) => return Err(Problem::internal(error)),
    };
    let cameras = settle(&call, &mut report);
    let good = report.is_good();
    let recording = Load::with(&call.gateway, &cameras);
    let (added, changed) = (report.added, report.cameras.len() - report.added);
    let committed = commit && good && !cameras.is_empty();
    if committed {
        let mut entry = call.entry("cameras-imported", "register", Some(call.user()?.region))?;
        entry.detail = format!("{added} added, {changed} changed");
        // All that was judged by what the register held is refused where somebody changed one of them since.
        let expect = cameras.iter().map(|c| (c.code, register.revision(&c.code)));
        let expect = expect.collect();
        let mut made = Change::Import(cameras).by(&call.user()?.user);
        made.expect = expect;
        call.gateway
            .register
            .change(call.gateway.now(), made.into())
            .await?;
        call.audit(entry).await?;
    }
    let status = match commit && !good {
        true => StatusCode::CONFLICT,
        false => StatusCode::OK,
    };
    with_json(
        status,
        &Outcome {
            columns: &report.columns,
            rows: report.rows,
            added,
            changed,
            same: report.same,
            good,
            committed,
            faults: &report.faults,
            recording,
        },
    )
}

/// The cameras with their URLs and sealed passwords; what the user may not change is a fault.
fn settle(call: &Call, report: &mut Report) -> Vec<Camera> {
    let register = call.gateway.register.read();
    let mut faults = Vec::new();
    let mut cameras = Vec::with_capacity(report.cameras.len());
    for read in &report.cameras {
        let mut camera = read.camera.clone();
        let before = register.camera(&camera.code).map(|c| c.region);
        let regions = [Some(camera.region), before];
        let foreign = |r: &RegionCode| !call.sees(Action::ChangeRegister, *r);
        if let Some(region) = regions.into_iter().flatten().find(foreign) {
            let detail = Detail::NotYours { region };
            faults.push((read.row, import::column::REGION, "forbidden", detail));
            continue;
        }
        if let Err((column, problem)) = reach(&mut camera, read, &call.gateway.seal) {
            let text = problem.detail;
            let detail = match column {
                "password" => Detail::Failed { text },
                _ => Detail::Url { text },
            };
            faults.push((read.row, column, "bad-value", detail));
            continue;
        }
        cameras.push(camera);
    }
    for (row, column, kind, detail) in faults {
        report.refuse(row, column, kind, detail);
    }
    cameras
}

/// Puts in how the camera is reached.
fn reach(
    camera: &mut Camera,
    read: &import::Read,
    seal: &Seal,
) -> Result<(), (&'static str, Problem)> {
    for (field, url) in &read.draft.urls {
        set_url(camera, field, url, seal).map_err(|p| (*field, p))?;
    }
    if let Some(password) = &read.draft.password {
        let sealed = seal.seal(camera.code, password);
        camera.password = Some(sealed.map_err(|e| ("password", e.into()))?);
    }
    Ok(())
}

fn wanted(call: &Call) -> Result<(Headings, Vec<Arc<Camera>>), Problem> {
    let headings = match call.query.get("language").map(String::as_str) {
        None | Some("zh") => Headings::Chinese,
        Some("en") => Headings::English,
        Some(_) => {
            return Err(Problem::wrong(
                "language",
                said!("no-language", "expected zh or en"),
            ));
        }
    };
    let below: Option<RegionCode> = call.query("region")?;
    let register = call.gateway.register.read();
    let cameras = register.cameras().filter(|c| {
        call.sees(Action::Look, c.region) && below.is_none_or(|r| c.region.is_within(&r))
    });
    Ok((headings, cameras.cloned().collect()))
}

fn download(name: &'static str, file: Vec<u8>) -> Answer {
    let mut response = bytes("text/csv", file);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    Ok(response)
}

/// `GET /cameras/export.csv`: reads back by the import without a change; passwords are not in it.
pub(super) async fn export(call: Call) -> Answer {
    let (headings, cameras) = wanted(&call)?;
    let mut entry = call.entry("register-exported", "register", Some(call.user()?.region))?;
    entry.detail = format!("{} cameras", cameras.len());
    call.audit(entry).await?;
    let file = import::export(cameras.iter().map(AsRef::as_ref), headings);
    download("attachment; filename=\"cameras.csv\"", file)
}

/// `GET /cameras/filing.csv`: what decree 799, article 14, wants on file.
pub(super) async fn filing(call: Call) -> Answer {
    let (headings, cameras) = wanted(&call)?;
    let mut entry = call.entry("register-filed", "register", Some(call.user()?.region))?;
    entry.detail = format!("{} cameras", cameras.len());
    call.audit(entry).await?;
    let file = import::filing(cameras.iter().map(AsRef::as_ref), headings);
    download("attachment; filename=\"filing.csv\"", file)
}

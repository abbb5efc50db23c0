//! One row of a spreadsheet as a camera, and everything that is wrong with it.

use std::collections::BTreeMap;

use media::{CameraId, Place, RegionCode};

use super::{
    COLUMNS, Column, Columns, Detail, Draft, Fault, Read, Report, Severity, Table, column,
    detail::cut,
};
use crate::{
    asset::Reference,
    boundary::Boundaries,
    camera::Camera,
    coordinates::{from_gcj02, to_gcj02, to_wgs84},
    outline::Outline,
    register::Register,
};

/// Types of GB/T 28181 (digits 11 to 13 of a code) that are cameras.
const CAMERA_TYPES: [&str; 2] = ["131", "132"];

/// What earlier rows had.
#[derive(Default)]
pub(super) struct Seen {
    codes: BTreeMap<CameraId, u32>,
    urls: BTreeMap<String, u32>,
}

/// The mandatory columns, each with its place in the file.
pub(super) type Mandatory = Vec<(&'static Column, Option<usize>)>;

pub(super) fn mandatory(columns: &Columns) -> Mandatory {
    let place = |c: &'static Column| {
        let there = columns.iter().find(|(_, other)| other.name == c.name);
        (c, there.map(|(i, _)| *i))
    };
    COLUMNS.iter().filter(|c| c.mandatory).map(place).collect()
}

/// What a place should lie in.
#[derive(Clone, Copy)]
pub(super) struct Within<'a> {
    /// The district, by the sketch.
    pub(super) district: Option<&'a Outline>,
    /// Towns and villages, as far as they have outlines.
    pub(super) regions: &'a Boundaries,
}

/// One row of the file.
pub(super) struct Row<'a> {
    pub(super) number: u32,
    pub(super) cells: &'a [String],
    pub(super) columns: &'a Columns,
    pub(super) mandatory: &'a Mandatory,
    pub(super) table: &'a Table,
}

impl Row<'_> {
    fn heading(&self, name: &str) -> String {
        let there = self.columns.iter().find(|(_, c)| c.name == name);
        match there {
            Some((i, _)) => self.table.headings[*i].clone(),
            None => COLUMNS
                .iter()
                .find(|c| c.name == name)
                .map_or_else(|| name.to_owned(), |c| c.zh.to_owned()),
        }
    }

    fn code(&self, register: &Register, seen: &mut Seen, report: &mut Report) -> Option<CameraId> {
        let (i, _) = self.columns.iter().find(|(_, c)| c.name == column::CODE)?;
        let heading = self.heading(column::CODE);
        let text = self.cells[*i].as_str();
        if text.is_empty() {
            report.fault(self.number, &heading, "missing", Detail::NoCode);
            return None;
        }
        if text.contains("E+") || text.contains("e+") {
            let why = Detail::DigitsLost { value: cut(text) };
            report.fault(self.number, &heading, "bad-code", why);
            return None;
        }
        let code: CameraId = match text.parse() {
            Ok(code) => code,
            Err(error) => {
                report.fault(self.number, &heading, "bad-code", error.into());
                return None;
            }
        };
        let kind = &text[10..13];
        if !CAMERA_TYPES.contains(&kind) {
            let digits = kind.to_owned();
            let why = Detail::TypeDigits { digits };
            report.fault(self.number, &heading, "wrong-type", why);
        }
        if let Some(first) = seen.codes.insert(code, self.number) {
            let why = Detail::CodeTwice { row: first };
            report.fault(self.number, &heading, "duplicate", why);
            return None;
        }
        // A code is given out by a centre of the district; one of elsewhere is most often a slip.
        let centre: Option<RegionCode> = text[..6].parse().ok();
        let top = register.regions().next().map(|r| r.code);
        if let Some((centre, top)) = centre.zip(top)
            && !centre.is_within(&top)
            && !top.is_within(&centre)
        {
            let district = top;
            let why = Detail::Elsewhere { centre, district };
            report.warn(self.number, &heading, "foreign-code", why);
        }
        Some(code)
    }

    /// Cells that are formulas: what they come to is the spreadsheet's word, and what they do is anybody's guess.
    fn formulas(&self, report: &mut Report) {
        for (i, _) in self.columns {
            if self.table.formulas.contains(&(self.number, *i)) {
                let heading = &self.table.headings[*i];
                report.fault(self.number, heading, "formula", Detail::Formula);
            }
        }
    }

    pub(super) fn read(
        &self,
        register: &Register,
        within: Within<'_>,
        seen: &mut Seen,
        report: &mut Report,
    ) {
        self.formulas(report);
        let Some(code) = self.code(register, seen, report) else {
            return;
        };
        let before = register.camera(&code);
        let mut camera = match before {
            Some(camera) => Camera::clone(camera),
            None => {
                // The region is set below, or missed there.
                let nowhere = "00".parse().expect("two digits are a province");
                Camera::new(code, String::new(), nowhere)
            }
        };
        let mut draft = Draft::default();
        let errors = |report: &Report| {
            let is_error = |f: &&Fault| f.severity == Severity::Error;
            report
                .faults
                .iter()
                .rev()
                .take_while(|f| f.row == self.number)
                .filter(is_error)
                .count()
        };
        for (i, column) in self.columns {
            let (cell, heading) = (self.cells[*i].as_str(), &self.table.headings[*i]);
            if cell.is_empty() {
                (column.clear)(&mut camera);
            } else if let Err(detail) = (column.set)(&mut camera, &mut draft, cell) {
                report.fault(self.number, heading, "bad-value", detail);
            }
        }
        self.mandatory(&camera, &draft, before.is_none(), report);
        self.region(&camera, register, report);
        self.place(&mut camera, &draft, within, report);
        self.addresses(&draft, seen, report);
        if errors(report) == 0
            && let Some((field, said)) = camera.file_fault()
        {
            let heading = self.heading(field.rsplit('.').next().unwrap_or(&field));
            let field = field.into_owned();
            let text = said.text;
            let detail = Detail::Limit { field, text };
            report.fault(self.number, &heading, "bad-value", detail);
        }
        if before.is_some_and(|b| **b == camera)
            && draft.password.is_none()
            && unchanged(&draft, &camera)
        {
            report.same += 1;
            return;
        }
        report.added += usize::from(before.is_none());
        report.cameras.push(Read {
            row: self.number,
            camera,
            draft,
        });
    }

    fn mandatory(&self, camera: &Camera, draft: &Draft, new: bool, report: &mut Report) {
        for (column, there) in self.mandatory {
            let empty = match (column.name, there) {
                (column::CODE, _) => false,
                (_, Some(i)) => self.cells[*i].is_empty(),
                // Left out of the file: of a camera on file, what is there stays.
                ("lon" | "lat", None) => camera.place.is_none() && draft.lon.is_none(),
                (_, None) => new || (column.get)(camera).is_empty(),
            };
            if empty {
                let heading = self.heading(column.name);
                let (zh, en) = (column.zh, column.en);
                let detail = Detail::Mandatory { zh, en };
                // What a stream needs must be there; the rest of the file may come later, and counts against its completeness.
                match column.name {
                    "name" | "region" => report.fault(self.number, &heading, "missing", detail),
                    _ => report.warn(self.number, &heading, "missing", detail),
                }
            }
        }
        let has_url = camera.main_url.is_some() || camera.sub_url.is_some();
        if !has_url && draft.urls.is_empty() {
            let heading = self.heading("main_url");
            report.fault(self.number, &heading, "missing", Detail::NoStream);
        }
    }

    fn addresses(&self, draft: &Draft, seen: &mut Seen, report: &mut Report) {
        for (field, url) in &draft.urls {
            let first = *seen.urls.entry(url.clone()).or_insert(self.number);
            if first != self.number {
                let detail = Detail::AddressTwice { row: first };
                report.warn(self.number, &self.heading(field), "same-address", detail);
            }
        }
    }

    fn region(&self, camera: &Camera, register: &Register, report: &mut Report) {
        let heading = self.heading(column::REGION);
        let given = self.columns.iter().find(|(_, c)| c.name == column::REGION);
        let given = given.is_some_and(|(i, _)| !self.cells[*i].is_empty());
        if given && register.region(&camera.region).is_none() {
            let region = camera.region;
            report.fault(
                self.number,
                &heading,
                "unknown-region",
                Detail::NoRegion { region },
            );
        }
    }

    fn place(&self, camera: &mut Camera, draft: &Draft, within: Within<'_>, report: &mut Report) {
        let (lon, lat) = match (draft.lon, draft.lat) {
            (Some(lon), Some(lat)) => (lon, lat),
            (None, None) => {
                if self.columns.iter().any(|(_, c)| c.name == "lon") {
                    camera.place = None;
                }
                return;
            }
            _ => {
                let heading = self.heading("lat");
                return report.fault(self.number, &heading, "missing", Detail::HalfAPlace);
            }
        };
        let heading = self.heading("lon");
        let given = Place { lon, lat };
        let swapped = Place { lon: lat, lat: lon };
        let outline = within.district;
        let inside = |p: &Place| outline.is_none_or(|o| o.contains(p));
        let looks_swapped = swapped.is_valid()
            && (!given.is_valid() || (outline.is_some() && !inside(&given) && inside(&swapped)));
        if looks_swapped {
            let detail = Detail::Swapped { lon, lat };
            return report.fault(self.number, &heading, "swapped", detail);
        }
        if !given.is_valid() {
            let detail = Detail::NoPlace { lon, lat };
            return report.fault(self.number, &heading, "bad-value", detail);
        }
        let place = to_wgs84(given, camera.asset.reference);
        if !inside(&place) {
            let shifted = from_gcj02(place);
            let (kind, detail) =
                match inside(&shifted) && camera.asset.reference != Reference::Gcj02 {
                    true => ("gcj-02", Detail::InsideIfShifted { lon, lat }),
                    false => ("outside", Detail::Outside { lon, lat }),
                };
            report.warn(self.number, &heading, kind, detail);
        } else if let Some(detail) =
            looks_shifted(camera.place, place, given, camera.asset.reference)
        {
            report.warn(self.number, &heading, "gcj-02", detail);
        } else if let Some((region, own)) = within.regions.around(&camera.region)
            && !own.contains(&place)
        {
            let detail = Detail::OutsideRegion { lon, lat, region };
            report.warn(self.number, &heading, "outside-region", detail);
        }
        // What was written out to the centimetre and comes back is the same place.
        match camera.place {
            Some(old) if old.distance_m(&place) < 0.02 => {}
            _ => camera.place = Some(place),
        }
    }
}

/// Whether the URLs of a row are those that the camera has.
fn unchanged(draft: &Draft, camera: &Camera) -> bool {
    draft.urls.iter().all(|(field, text)| {
        let has = match *field {
            "sub_url" => &camera.sub_url,
            _ => &camera.main_url,
        };
        has.as_ref() == Some(text)
    })
}

/// Whether a place differs from the one on file by just what GCJ-02 shifts: then one of the two is not what it says.
fn looks_shifted(
    old: Option<Place>,
    new: Place,
    given: Place,
    reference: Reference,
) -> Option<Detail> {
    /// Two surveys of one pole differ by less, and the shift is some hundreds of metres.
    const NEAR_M: f64 = 15.0;
    let old = old?;
    let moved = old.distance_m(&new);
    if moved < 100.0 {
        return None;
    }
    let Place { lon, lat } = given;
    if to_gcj02(old).distance_m(&new) < NEAR_M && reference != Reference::Gcj02 {
        let moved_m = moved.round() as u32;
        return Some(Detail::AsShifted { lon, lat, moved_m });
    }
    if from_gcj02(old).distance_m(&new) < NEAR_M && reference == Reference::Gcj02 {
        return Some(Detail::NotShifted { lon, lat });
    }
    None
}

//! Cameras as a spreadsheet: all of them so that they import again, and as they are filed.

use std::collections::BTreeMap;

use super::{COLUMNS, Column, table::is_formula};
use crate::camera::Camera;

/// The language of the headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Headings {
    /// 摄像机编码, ...
    Chinese,
    /// Code, ...
    English,
}

/// Cameras as CSV in UTF-8 with a byte order mark, which spreadsheets need to see that it is UTF-8. Reads back by [`super::check`]
/// without a change. A cell that would begin a formula is written with an apostrophe before it, as text.
pub fn export<'a>(cameras: impl Iterator<Item = &'a Camera>, headings: Headings) -> Vec<u8> {
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![0xef, 0xbb, 0xbf]);
    let heading = |c: &Column| match headings {
        Headings::Chinese => c.zh,
        Headings::English => c.en,
    };
    // Writing into memory does not fail.
    let _ = out.write_record(COLUMNS.iter().map(heading));
    for camera in cameras {
        let cells = COLUMNS.iter().map(|c| tame((c.get)(camera)));
        let _ = out.write_record(cells);
    }
    out.into_inner().unwrap_or_default()
}

/// What decree 799, article 14, wants on file: a line for each unit and place, with the number of its cameras, their kinds, and
/// for how long their recordings are kept (the shortest). CSV as [`export`] writes it.
pub fn filing<'a>(cameras: impl Iterator<Item = &'a Camera>, headings: Headings) -> Vec<u8> {
    let mut sites: BTreeMap<(String, &str, &str), Vec<&Camera>> = BTreeMap::new();
    for camera in cameras {
        let key = (
            camera.region.to_string(),
            camera.asset.manager.as_str(),
            camera.address.as_str(),
        );
        sites.entry(key).or_default().push(camera);
    }
    let names = match headings {
        Headings::Chinese => [
            "行政区划",
            "使用单位",
            "联系方式",
            "位置",
            "经度",
            "纬度",
            "数量",
            "类型",
            "录像保存天数",
            "所属辖区公安机关",
        ],
        Headings::English => [
            "Region",
            "Unit",
            "Contact",
            "Position",
            "Longitude",
            "Latitude",
            "Cameras",
            "Kinds",
            "Days kept",
            "Police unit",
        ],
    };
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![0xef, 0xbb, 0xbf]);
    let _ = out.write_record(names);
    for ((region, unit, address), cameras) in sites {
        let first = |get: fn(&Camera) -> &str| {
            let mut all = cameras.iter().map(|c| get(c));
            all.find(|t| !t.is_empty()).unwrap_or_default().to_owned()
        };
        let place = cameras.iter().find_map(|c| c.place);
        let degrees = |v: Option<f64>| v.map(|v| format!("{v:.7}")).unwrap_or_default();
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for camera in &cameras {
            *kinds.entry(camera.form.as_str()).or_default() += 1;
        }
        let kinds: Vec<String> = kinds
            .into_iter()
            .map(|(kind, n)| format!("{} {n}", if kind.is_empty() { "?" } else { kind }))
            .collect();
        let days = cameras
            .iter()
            .map(|c| c.keep_days)
            .min()
            .unwrap_or_default();
        let row = [
            region,
            unit.to_owned(),
            first(|c| &c.asset.contact),
            address.to_owned(),
            degrees(place.map(|p| p.lon)),
            degrees(place.map(|p| p.lat)),
            cameras.len().to_string(),
            kinds.join("/"),
            days.to_string(),
            first(|c| &c.asset.police_unit),
        ];
        let _ = out.write_record(row.map(tame));
    }
    out.into_inner().unwrap_or_default()
}

fn tame(text: String) -> String {
    match text.as_bytes().first() {
        Some(b'=' | b'+' | b'@' | b'\t' | b'\r') => format!("'{text}"),
        _ if is_formula(&text) => format!("'{text}"),
        _ => text,
    }
}

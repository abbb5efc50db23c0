//! The district's own data: regions from a CSV, the map's sketch from a GeoJSON.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use command::{Region, Register, Store, register::Change};
use media::{Place, WallTime};

use crate::config::District;

/// Largest file of regions or sketch, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Puts the district, the regions of its CSV and `more` into the register, those that are new or different.
///
/// # Errors
/// Where the CSV cannot be read, or the register's journal cannot take it.
pub async fn put(
    district: &District,
    more: Vec<Region>,
    register: &Arc<Store<Register>>,
) -> Result<()> {
    let mut regions = vec![Region {
        code: district.code,
        name: district.name.clone(),
        name_en: district.name_en.clone(),
        place: Some(district.center),
    }];
    regions.extend(more);
    if let Some(path) = &district.regions {
        let text = read(path)?;
        regions.extend(parse(path, &text)?);
    }
    // What somebody changed, moved or took out by the register's own means stays so: the file is where a district begins.
    let known = register.read();
    regions.retain(|r| !known.is_edited(&r.code));
    let mut latest = std::collections::BTreeMap::new();
    for region in regions {
        latest.insert(region.code, region);
    }
    let new: Vec<Region> = latest
        .into_values()
        .filter(|r| known.region(&r.code).is_none_or(|k| **k != *r))
        .collect();
    if !new.is_empty() {
        tracing::info!(regions = new.len(), "regions taken into the register");
        register
            .change(WallTime::now(), Change::Regions(new))
            .await?;
    }
    Ok(())
}

/// The map's sketch.
///
/// # Errors
/// Where the file cannot be read or is no JSON.
pub fn sketch(district: &District) -> Result<Option<Bytes>> {
    let Some(path) = &district.sketch else {
        return Ok(None);
    };
    let text = read(path)?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .with_context(|| format!("{} is no GeoJSON", path.display()))?;
    Ok(Some(text.into()))
}

fn read(path: &Path) -> Result<String> {
    let size = fs::metadata(path)
        .with_context(|| format!("cannot read {}", path.display()))?
        .len();
    if size > MAX_FILE {
        bail!(
            "{} has {size} bytes, at most {MAX_FILE} are read",
            path.display()
        );
    }
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The regions of a CSV.
///
/// # Errors
/// Where it cannot be read, with the line.
pub fn regions(path: &Path) -> Result<Vec<Region>> {
    parse(path, &read(path)?)
}

/// `code,name,name_en,lon,lat`, with a head line; the last two may be empty. No quotes: no name of a region holds a comma.
fn parse(path: &Path, text: &str) -> Result<Vec<Region>> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    match lines.next() {
        Some((_, head)) if head.trim() == "code,name,name_en,lon,lat" => {}
        _ => bail!(
            "{}:1: expected the head line 'code,name,name_en,lon,lat'",
            path.display()
        ),
    }
    let mut regions = Vec::new();
    for (n, line) in lines.filter(|(_, l)| !l.trim().is_empty()) {
        let at = || format!("{}:{}", path.display(), n + 1);
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        let [code, name, name_en, lon, lat] = cells[..] else {
            bail!("{}: {} cells, expected 5", at(), cells.len());
        };
        let place = match (lon, lat) {
            ("", "") => None,
            (lon, lat) => {
                let place = Place {
                    lon: lon
                        .parse()
                        .with_context(|| format!("{}: lon '{lon}'", at()))?,
                    lat: lat
                        .parse()
                        .with_context(|| format!("{}: lat '{lat}'", at()))?,
                };
                if !place.is_valid() {
                    bail!("{}: longitude is -180 to 180, latitude -90 to 90", at());
                }
                Some(place)
            }
        };
        if name.is_empty() {
            bail!("{}: the region has no name", at());
        }
        regions.push(Region {
            code: code.parse().with_context(at)?,
            name: name.into(),
            name_en: name_en.into(),
            place,
        });
    }
    Ok(regions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_regions_of_meixian_are_read() {
        let text = include_str!("../../configs/meixian/regions.csv");
        let regions = parse(Path::new("regions.csv"), text).unwrap();
        assert!(regions.len() > 400);
        assert_eq!(regions[0].name, "梅县区");
        assert!(regions[0].place.is_some());
    }

    #[test]
    fn a_wrong_line_is_named() {
        let head = "code,name,name_en,lon,lat\n";
        let error = |line: &str| {
            let text = format!("{head}441403,a,b,,\n{line}\n");
            format!("{:#}", parse(Path::new("r.csv"), &text).unwrap_err())
        };
        assert!(
            error("4414x3,a,b,,").starts_with("r.csv:3: '4414x3' has 'x'"),
            "{}",
            error("4414x3,a,b,,")
        );
        assert!(error("441403,a").starts_with("r.csv:3: 2 cells"));
        assert!(error("441403,a,b,999,1").starts_with("r.csv:3: longitude"));
    }
}

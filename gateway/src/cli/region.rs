//! `sightline region` and `sightline group`: the tree, and groups across it.

use std::process::ExitCode;

use anyhow::Result;
use http::Method;
use media::{CameraId, RegionCode};
use serde_json::{Value, json};

use super::camera::changes::{Gateway, escape, print_history};

/// The tree of regions.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Every region, with how many cameras are in it and below
    List {
        #[command(flatten)]
        at: Gateway,
    },
    /// Add a region, or give it another name
    Set {
        /// 2, 4, 6, 9 or 12 digits
        #[arg(value_name = "CODE")]
        code: RegionCode,
        /// Its name
        #[arg(long)]
        name: String,
        /// Its name in Latin letters
        #[arg(long, default_value = "")]
        name_en: String,
        /// Longitude of its label, WGS-84 degrees
        #[arg(long, requires = "lat", allow_negative_numbers = true)]
        lon: Option<f64>,
        /// Latitude of its label
        #[arg(long, requires = "lon", allow_negative_numbers = true)]
        lat: Option<f64>,
        #[command(flatten)]
        at: Gateway,
    },
    /// Give a region another code, and with it all regions and cameras below it
    Move {
        /// Its code
        #[arg(value_name = "FROM")]
        from: RegionCode,
        /// Its new code, of the same length
        #[arg(value_name = "TO")]
        to: RegionCode,
        #[command(flatten)]
        at: Gateway,
    },
    /// Take a region out; only while nothing is in it
    Remove {
        /// Its code
        #[arg(value_name = "CODE")]
        code: RegionCode,
        #[command(flatten)]
        at: Gateway,
    },
    /// What it was, and who changed it
    History {
        /// Its code
        #[arg(value_name = "CODE")]
        code: RegionCode,
        #[command(flatten)]
        at: Gateway,
    },
}

/// Groups of cameras across regions.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Group {
    /// Every group
    List {
        #[command(flatten)]
        at: Gateway,
    },
    /// Add a group, or replace it
    Set {
        /// 1 to 40 of a-z, 0-9 and '-'
        #[arg(value_name = "ID")]
        id: String,
        /// Its name
        #[arg(long)]
        name: String,
        /// What for
        #[arg(long, default_value = "other", value_parser = ["river", "school", "forest-fire", "traffic", "other"])]
        kind: String,
        /// Its cameras
        #[arg(value_name = "CAMERA")]
        cameras: Vec<CameraId>,
        #[command(flatten)]
        at: Gateway,
    },
    /// Take a group away; its cameras stay
    Remove {
        /// Which
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        at: Gateway,
    },
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn run(command: Command) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(async {
        match command {
            Command::List { at } => {
                let regions = at.ask(Method::GET, "regions", None).await?;
                for region in regions.as_array().into_iter().flatten() {
                    let code = text(&region["code"]);
                    let depth = match code.len() {
                        9 => 2,
                        12 => 4,
                        _ => 0,
                    };
                    println!(
                        "{:depth$}{code}  {}  {}",
                        "",
                        text(&region["name"]),
                        region["cameras"]
                    );
                }
            }
            Command::Set {
                code,
                name,
                name_en,
                lon,
                lat,
                at,
            } => {
                let place = lon
                    .zip(lat)
                    .map(|(lon, lat)| json!({"lon": lon, "lat": lat}));
                let body = json!({"name": name, "name_en": name_en, "place": place});
                let path = format!("regions/{code}");
                let region = at.ask(Method::PUT, &path, Some(&body)).await?;
                eprintln!("region {code} is at revision {}", region["revision"]);
            }
            Command::Move { from, to, at } => {
                let path = format!("regions/{from}/move");
                let region = at
                    .ask(Method::POST, &path, Some(&json!({"to": to})))
                    .await?;
                eprintln!(
                    "region {from} is {to} now, with {} cameras",
                    region["cameras"]
                );
            }
            Command::Remove { code, at } => {
                at.tell(Method::DELETE, &format!("regions/{code}")).await?;
                eprintln!("region {code} is out of the register");
            }
            Command::History { code, at } => {
                let path = format!("regions/{code}/history");
                print_history(&at.ask(Method::GET, &path, None).await?);
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

pub(super) fn run_group(command: Group) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(async {
        match command {
            Group::List { at } => {
                let groups = at.ask(Method::GET, "groups", None).await?;
                for group in groups.as_array().into_iter().flatten() {
                    let count = group["cameras"].as_array().map_or(0, Vec::len);
                    println!(
                        "{}  {}  {}  {count}",
                        text(&group["id"]),
                        text(&group["kind"]),
                        text(&group["name"])
                    );
                }
            }
            Group::Set {
                id,
                name,
                kind,
                cameras,
                at,
            } => {
                let body = json!({"name": name, "kind": kind, "cameras": cameras});
                let path = format!("groups/{}", escape(&id));
                at.ask(Method::PUT, &path, Some(&body)).await?;
                eprintln!("group {id} has {} cameras", cameras.len());
            }
            Group::Remove { id, at } => {
                at.tell(Method::DELETE, &format!("groups/{}", escape(&id)))
                    .await?;
                eprintln!("group {id} is gone");
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

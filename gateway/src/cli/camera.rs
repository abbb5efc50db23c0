//! `sightline camera`.

pub(super) mod changes;
pub(crate) mod sample;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use command::{Camera, Register, Store, Zone, register::Change};
use http::Method;
use media::{CameraId, Place, RegionCode, WallTime};
use serde_json::{Value, json};
use storage::DataDir;

use super::remote::{Api, SignIn};
use crate::{api::cameras::set_url, seal::Seal};

/// The register of cameras.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add a camera
    Add(Box<Add>),
    /// List the cameras
    List(List),
    /// Take cameras from a spreadsheet (CSV or XLSX): says what it would change and what is wrong with it
    Import(Import),
    /// Find out step by step why a camera does not start
    Diagnose(Box<super::diagnose::Args>),
    /// Write the register as a spreadsheet (CSV) that imports again
    Export(Export),
    /// Find cameras by name, pinyin initials, code, region, group or tag
    Search(changes::Search),
    /// What a camera's file was, field by field, and who changed it
    History(changes::History),
    /// Make an earlier revision of a camera's file the newest
    Restore(changes::Restore),
    /// Change many cameras at once: shows what would change first
    Set(Box<changes::Set>),
    /// Make and check 20-digit codes
    #[command(subcommand)]
    Code(changes::Code),
    /// Find ONVIF devices on the gateway's links
    Discover(changes::Discover),
    /// Read model, streams and clock from an ONVIF device, and fill a camera's file with it
    Read(changes::Read),
    /// Write a spreadsheet of a whole district, to try the register with
    Sample(sample::Sample),
}

#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The spreadsheet: UTF-8 or GB18030, headings in Chinese or English, columns in any order
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Change the register if nothing is wrong; without it nothing is changed
    #[arg(long)]
    commit: bool,
    /// A running gateway: a URL, or HOST[:PORT]
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    sign_in: SignIn,
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Where to write it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Headings: zh or en
    #[arg(long, default_value = "zh", value_parser = ["zh", "en"])]
    language: String,
    /// Only this region and what lies below it
    #[arg(long, value_name = "CODE")]
    region: Option<RegionCode>,
    /// What decree 799, article 14, wants on file, instead of every camera
    #[arg(long)]
    filing: bool,
    /// A running gateway: a URL, or HOST[:PORT]
    #[arg(long, value_name = "URL")]
    url: String,
    #[command(flatten)]
    sign_in: SignIn,
}

/// Where the register is: in a data directory that no gateway uses, or behind a running gateway.
#[derive(Debug, clap::Args)]
pub(super) struct Where {
    /// A data directory on which no gateway runs
    #[arg(long, value_name = "DIR", conflicts_with = "url")]
    data: Option<PathBuf>,
    /// A running gateway: a URL, or HOST[:PORT]
    #[arg(long, value_name = "URL", required_unless_present = "data")]
    url: Option<String>,
    #[command(flatten)]
    sign_in: SignIn,
}

#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// Its 20-digit code (GB/T 28181)
    #[arg(value_name = "CODE")]
    code: CameraId,
    /// Its name
    #[arg(long)]
    name: String,
    /// The region it stands in
    #[arg(long, value_name = "CODE")]
    region: RegionCode,
    /// RTSP URL of the full picture; user and password may stand in it
    #[arg(long, value_name = "URL")]
    main_url: Option<String>,
    /// RTSP URL of the small picture
    #[arg(long, value_name = "URL")]
    sub_url: Option<String>,
    /// Longitude, WGS-84 degrees
    #[arg(long, requires = "lat", allow_negative_numbers = true)]
    lon: Option<f64>,
    /// Latitude
    #[arg(long, requires = "lon", allow_negative_numbers = true)]
    lat: Option<f64>,
    /// 1, 2, 3, 4 (internal) or 9 (other)
    #[arg(long, default_value = "")]
    site_class: String,
    /// Who made it
    #[arg(long, default_value = "")]
    maker: String,
    /// Where it hangs, in words
    #[arg(long, default_value = "")]
    address: String,
    /// Days to keep its recordings
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    keep_days: u32,
    /// Do not record it
    #[arg(long)]
    no_record: bool,
    /// A zone in which motion counts, as NAME=X,Y X,Y X,Y...: shares of the picture from its upper left; may be repeated
    #[arg(long = "zone", value_name = "ZONE", value_parser = zone)]
    zones: Vec<Zone>,
    #[command(flatten)]
    at: Where,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Where,
}

/// `yard=0,0.5 1,0.5 0.5,1`. Whether it is a polygon in the picture is the register's to say.
fn zone(text: &str) -> Result<Zone, String> {
    let (name, corners) = text.split_once('=').ok_or("expected NAME=X,Y X,Y X,Y...")?;
    let corner = |corner: &str| {
        let (x, y) = corner.split_once(',')?;
        Some([x.parse().ok()?, y.parse().ok()?])
    };
    let corners = corners.split_whitespace().map(|c| {
        corner(c).ok_or_else(|| format!("'{c}' is no corner, expected X,Y such as 0.25,1"))
    });
    Ok(Zone {
        name: name.trim().to_owned(),
        points: corners.collect::<Result<_, _>>()?,
    })
}

pub(super) fn run(command: Command) -> Result<ExitCode> {
    super::log("warn", false)?;
    super::block_on(async {
        match command {
            Command::Add(args) => add(*args).await?,
            Command::List(args) => list(args).await?,
            Command::Import(args) => return import(args).await,
            Command::Export(args) => export(args).await?,
            Command::Search(args) => changes::search(args).await?,
            Command::History(args) => changes::history(args).await?,
            Command::Restore(args) => changes::restore(args).await?,
            Command::Set(args) => changes::set(*args).await?,
            Command::Code(command) => return changes::code(command).await,
            Command::Discover(args) => changes::discover(args).await?,
            Command::Read(args) => changes::read(args).await?,
            Command::Sample(args) => sample::run(&args)?,
            Command::Diagnose(args) => return super::diagnose::run(*args).await,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Opens a data directory's register, or says how to reach the gateway that has it.
pub(super) fn offline(dir: &std::path::Path) -> Result<DataDir> {
    DataDir::open_existing(dir).map_err(|error| match error {
        storage::Error::Locked { .. } => {
            anyhow::anyhow!("{error}: a gateway runs on it; give --url to ask that gateway instead")
        }
        other => other.into(),
    })
}

async fn add(args: Add) -> Result<()> {
    let place = args.lon.zip(args.lat).map(|(lon, lat)| Place { lon, lat });
    match (&args.at.data, &args.at.url) {
        (Some(dir), _) => {
            let mut camera = Camera {
                place,
                site_class: args.site_class,
                maker: args.maker,
                address: args.address,
                keep_days: args.keep_days,
                record: !args.no_record,
                zones: args.zones,
                ..Camera::new(args.code, args.name, args.region)
            };
            let data = offline(dir)?;
            let seal = Seal::of(&data)?;
            for (field, url) in [("main_url", &args.main_url), ("sub_url", &args.sub_url)] {
                if let Some(url) = url {
                    set_url(&mut camera, field, url, &seal)
                        .map_err(|p| anyhow::anyhow!(p.detail))?;
                }
            }
            let register = Store::<Register>::open(data.journal("register"))?;
            register
                .change(WallTime::now(), Change::Add(Box::new(camera)))
                .await?;
        }
        (None, Some(url)) => {
            let api = Api::open(&SignIn::url(url)?, &args.at.sign_in).await?;
            let body = json!({
                "code": args.code, "name": args.name, "region": args.region, "place": place,
                "main_url": args.main_url, "sub_url": args.sub_url, "site_class": args.site_class,
                "maker": args.maker, "address": args.address, "keep_days": args.keep_days,
                "record": !args.no_record, "zones": args.zones,
            });
            api.json(Method::POST, "cameras", Some(&body)).await?;
            api.close().await;
        }
        (None, None) => bail!("give --data or --url"),
    }
    eprintln!("camera {} is in the register", args.code);
    Ok(())
}

async fn import(args: Import) -> Result<ExitCode> {
    let file = std::fs::read(&args.file)
        .with_context(|| format!("cannot read {}", args.file.display()))?;
    let api = Api::open(&SignIn::url(&args.url)?, &args.sign_in).await?;
    let path = match args.commit {
        true => "cameras/import?commit=1",
        false => "cameras/import",
    };
    let (status, said) = api.upload(path, file).await?;
    api.close().await;
    if let Some(detail) = said["detail"].as_str() {
        bail!("{detail} ({status})");
    }
    for fault in said["faults"].as_array().into_iter().flatten() {
        let text = |key: &str| fault[key].as_str().unwrap_or_default();
        println!(
            "row {}, {}: {}: {}",
            fault["row"],
            text("column"),
            text("severity"),
            text("text")
        );
    }
    let good = said["good"] == true;
    let done = match (said["committed"] == true, good) {
        (true, _) => "changed",
        (false, true) => "nothing is changed yet",
        (false, false) => "refused, nothing is changed",
    };
    eprintln!(
        "{} rows: {} new, {} different, {} as they are; {done}",
        said["rows"], said["added"], said["changed"], said["same"]
    );
    Ok(match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn export(args: Export) -> Result<()> {
    let api = Api::open(&SignIn::url(&args.url)?, &args.sign_in).await?;
    let what = if args.filing { "filing" } else { "export" };
    let mut path = format!("cameras/{what}.csv?language={}", args.language);
    if let Some(region) = args.region {
        path += &format!("&region={region}");
    }
    let file = api.bytes(&path).await?;
    api.close().await;
    std::fs::write(&args.file, &file)
        .with_context(|| format!("cannot write {}", args.file.display()))?;
    eprintln!("{} bytes in {}", file.len(), args.file.display());
    Ok(())
}

async fn list(args: List) -> Result<()> {
    let cameras: Vec<Value> = match (&args.at.data, &args.at.url) {
        (Some(dir), _) => {
            let data = offline(dir)?;
            let register = Store::<Register>::open(data.journal("register"))?;
            let known = register.read();
            let shown = known.cameras().map(|c| {
                json!({"code": c.code, "name": c.name, "region": c.region,
                    "state": if c.disabled { "disabled" } else { "" },
                    "main_url": c.main_url, "sub_url": c.sub_url, "record": c.record, "keep_days": c.keep_days})
            });
            shown.collect()
        }
        (None, Some(url)) => {
            let api = Api::open(&SignIn::url(url)?, &args.at.sign_in).await?;
            let cameras = api.json(Method::GET, "cameras", None).await?;
            api.close().await;
            serde_json::from_value(cameras).context("the gateway's list of cameras")?
        }
        (None, None) => bail!("give --data or --url"),
    };
    for camera in cameras {
        if args.json {
            println!("{camera}");
            continue;
        }
        let text = |key: &str| camera[key].as_str().unwrap_or_default().to_owned();
        println!(
            "{}  {:<12}  {:<10}  {}",
            text("code"),
            text("region"),
            text("state"),
            text("name")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_read_from_the_command_line_or_refused_with_what_was_expected() {
        let yard = zone("the yard=0,0.5 1,0.5  0.5,1").unwrap();
        assert_eq!(yard.name, "the yard");
        assert_eq!(yard.points, [[0.0, 0.5], [1.0, 0.5], [0.5, 1.0]]);
        assert!(zone("0,0 1,1").unwrap_err().starts_with("expected NAME="));
        let error = zone("yard=0,0 1;1").unwrap_err();
        assert_eq!(error, "'1;1' is no corner, expected X,Y such as 0.25,1");
    }
}

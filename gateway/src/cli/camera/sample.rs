//! `sightline camera sample`: a whole district as a spreadsheet, to try the register with.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use command::{
    Asset, Camera, Region,
    import::{self, Headings},
};
use media::Place;

use crate::district;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Sample {
    /// Where to write it (CSV)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The district's regions, as the configuration names them: code,name,name_en,lon,lat
    #[arg(long, value_name = "FILE")]
    regions: PathBuf,
    /// How many cameras
    #[arg(long, value_name = "N", default_value_t = 3500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    cameras: u32,
    /// Headings: zh or en
    #[arg(long, default_value = "zh", value_parser = ["zh", "en"])]
    language: String,
    /// Spoil so many rows, each in another way, to see what the dry run says
    #[arg(long, value_name = "N", default_value_t = 0)]
    faults: u32,
}

const SPOTS: [(&str, &str); 12] = [
    ("村口", "fixed"),
    ("桥头", "dome"),
    ("小学门口", "half-dome"),
    ("河堤", "steerable"),
    ("卫生站", "half-dome"),
    ("文化广场", "dome"),
    ("路口", "checkpoint"),
    ("水库坝", "steerable"),
    ("林场瞭望点", "steerable"),
    ("停车场", "fixed"),
    ("村委会", "half-dome"),
    ("集市", "dome"),
];
const MAKERS: [(&str, &str); 4] = [
    ("海康威视", "DS-2CD3T46"),
    ("大华", "DH-IPC-HFW4433"),
    ("宇视", "IPC-B312"),
    ("天地伟业", "TC-C32"),
];
const UNITS: [&str; 4] = ["区数据局", "区应急管理局", "镇综治中心", "村民委员会"];

/// A generator of its own, so that the same command writes the same file everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }

    /// Within so many degrees of nothing.
    fn jitter(&mut self, degrees: f64) -> f64 {
        (self.roll(2001) as f64 / 1000.0 - 1.0) * degrees
    }
}

/// The place of a region, or of the nearest one above it that has one.
fn place(regions: &[Region], region: &Region) -> Option<Place> {
    let known = |code: &media::RegionCode| regions.iter().find(|r| r.code == *code)?.place;
    region.code.path().find_map(|code| known(&code))
}

/// So many cameras over these regions: a fifth in the towns, the rest in the villages where there are some.
pub(crate) fn cameras(regions: &[Region], count: u32) -> Result<Vec<Camera>> {
    let towns: Vec<&Region> = regions
        .iter()
        .filter(|r| r.code.as_str().len() == 9)
        .collect();
    let villages: Vec<&Region> = regions
        .iter()
        .filter(|r| r.code.as_str().len() == 12)
        .collect();
    let villages = if villages.is_empty() {
        &towns
    } else {
        &villages
    };
    ensure!(
        !towns.is_empty(),
        "there is no town (9 digits) among the regions"
    );
    let mut dice = Dice(20_261_130);
    let mut all = Vec::with_capacity(count as usize);
    for n in 0..count {
        let of = if n % 5 == 0 { &towns } else { villages };
        let region = of[(n as usize * 7) % of.len()];
        let (spot, form) = SPOTS[dice.roll(SPOTS.len() as u64) as usize];
        let (maker, model) = MAKERS[dice.roll(MAKERS.len() as u64) as usize];
        let district = &region.code.as_str()[..6];
        let industry = ["00", "04", "08", "11", "54"][dice.roll(5) as usize];
        let code = format!("{district}00{industry}1326{:06}", n + 1).parse()?;
        let at = place(regions, region).map(|p| Place {
            lon: ((p.lon + dice.jitter(0.006)) * 1e6).round() / 1e6,
            lat: ((p.lat + dice.jitter(0.006)) * 1e6).round() / 1e6,
        });
        let number = n / of.len() as u32 + 1;
        let host = format!("10.{}.{}.{}", 40 + n / 65_000, n / 250 % 250, n % 250 + 2);
        let tags: &[&str] = match spot {
            "河堤" | "水库坝" => &["防汛"],
            "小学门口" => &["校园"],
            "林场瞭望点" => &["森林防火"],
            "路口" | "桥头" => &["交通"],
            _ => &[],
        };
        let class = ["1", "2", "3"][dice.roll(3) as usize];
        all.push(Camera {
            place: at,
            heading: Some(dice.roll(360) as u16),
            view_angle: Some([60, 75, 90, 110][dice.roll(4) as usize]),
            view_distance: Some([30, 50, 80, 120][dice.roll(4) as usize]),
            site_class: class.into(),
            form: form.into(),
            maker: maker.into(),
            address: format!("{}{spot}", region.name),
            main_url: Some(format!("rtsp://{host}:554/Streaming/Channels/101")),
            sub_url: Some(format!("rtsp://{host}:554/Streaming/Channels/102")),
            username: Some("admin".into()),
            keep_days: if class == "1" { 90 } else { 30 },
            // Nothing answers at these addresses.
            record: false,
            tag: false,
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            asset: Asset {
                model: model.into(),
                ipv4: host.parse().ok(),
                functions: vec!["人员".into()],
                codec: "H.265".into(),
                height_m: Some(4.0 + dice.roll(4) as f32),
                location_type: "道路".into(),
                network: "政务网".into(),
                manager: UNITS[dice.roll(4) as usize].into(),
                contact: format!("0753-2{:06}", dice.roll(1_000_000)),
                police_unit: format!("{}派出所", region.name),
                installed_on: format!("20{:02}-{:02}-15", 19 + dice.roll(6), 1 + dice.roll(12)),
                condition: "在用".into(),
                department: "数据局".into(),
                main_kbps: Some(2048),
                sub_kbps: Some(512),
                ..Asset::default()
            },
            ..Camera::new(
                code,
                format!("{}{spot}{number:02}", region.name),
                region.code,
            )
        });
    }
    Ok(all)
}

pub(super) fn run(args: &Sample) -> Result<()> {
    let regions = district::regions(&args.regions)?;
    let cameras = cameras(&regions, args.cameras)?;
    let headings = match args.language.as_str() {
        "en" => Headings::English,
        _ => Headings::Chinese,
    };
    let mut file = import::export(cameras.iter(), headings);
    if args.faults > 0 {
        file = spoil(&file, args.faults)?;
    }
    std::fs::write(&args.file, &file)
        .with_context(|| format!("cannot write {}", args.file.display()))?;
    eprintln!("{} cameras in {}", cameras.len(), args.file.display());
    Ok(())
}

/// Every n-th row gets a fault, one kind after the other.
fn spoil(file: &[u8], faults: u32) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(file)?.trim_start_matches('\u{feff}');
    let mut lines: Vec<Vec<String>> = text
        .lines()
        .map(|l| l.split(',').map(str::to_owned).collect())
        .collect();
    let heads = lines.remove(0);
    let column = |name: &str| {
        let at = heads
            .iter()
            .position(|h| import::column::of_heading(h).is_some_and(|c| c.name == name));
        at.with_context(|| format!("no column {name}"))
    };
    let (code, name, region, lon, lat, heading) = (
        column("code")?,
        column("name")?,
        column("region")?,
        column("lon")?,
        column("lat")?,
        column("heading")?,
    );
    let step = (lines.len() / (faults as usize + 1)).max(1);
    for n in 0..faults as usize {
        let at = (n + 1) * step;
        let before = lines.get(at.saturating_sub(1)).map(|l| l[code].clone());
        let Some(line) = lines.get_mut(at) else { break };
        match n % 9 {
            0 => line[code].truncate(19),
            1 => line[code] = before.unwrap_or_default(),
            2 => line[code].replace_range(10..13, "111"),
            3 => line[name].clear(),
            4 => line[region] = "441499999".into(),
            5 => line.swap(lon, lat),
            6 => line[lon] = "118.0".into(),
            7 => line[heading] = "north".into(),
            _ => line[name] = "=HYPERLINK(\"http://x\")".replace('"', ""),
        }
    }
    let mut out = String::from("\u{feff}");
    for line in std::iter::once(&heads).chain(&lines) {
        out += &line.join(",");
        out += "\r\n";
    }
    Ok(out.into_bytes())
}

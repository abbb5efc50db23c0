//! What it takes to decide whether a pull may start: 3,500 cameras, 410 links, 450 pulls that run.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ingest::budget::{Link, Links};
use media::{BitRate, FeedId, Priority, Profile, RegionCode};
use sightline_bench::{results::Figure, source::camera_id};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Decisions of each kind.
    #[arg(long, default_value_t = 200_000)]
    decisions: u32,
}

const CAMERAS: u32 = 3500;
const TOWNS: u32 = 20;
const VILLAGES: u32 = 390;
const PULLS: u32 = 450;
/// What the issue asks for, microseconds.
const MOST_US: f64 = 20.0;

pub(crate) fn run(args: &Args) -> Result<Vec<Figure>> {
    let district = District::new()?;
    let mut worst = 0f64;
    println!("decision                         pulls   mean us");
    for pulls in [PULLS, 10 * PULLS] {
        for (name, priority, rate) in [
            ("there is room", Priority::Viewer, BitRate::kilobits(512)),
            ("none, refused", Priority::Viewer, BitRate::megabits(900)),
            ("others give way", Priority::Incident, BitRate::megabits(25)),
        ] {
            let us = district.time(pulls, args.decisions, priority, rate)?;
            println!("{name:<30} {pulls:>7} {us:>9.3}");
            if pulls == PULLS {
                worst = worst.max(us);
            }
        }
    }
    ensure!(
        worst <= MOST_US,
        "{worst:.2} us, at most {MOST_US} are meant"
    );
    let floor = district.floor(args.decisions);
    Ok(vec![Figure::new("admit", worst, "us", Some(floor))])
}

struct District {
    lines: Vec<Link>,
    regions: Vec<RegionCode>,
}

impl District {
    fn new() -> Result<Self> {
        let code = |text: String| text.parse::<RegionCode>().context("a region's code");
        let mut lines = Vec::new();
        let mut villages = Vec::new();
        for n in 0..TOWNS {
            lines.push(Link::usual(code(format!("4414031{n:02}"))?, "town"));
        }
        for n in 0..VILLAGES {
            let village = code(format!("4414031{:02}2{:02}", n % TOWNS, n / TOWNS))?;
            lines.push(Link::usual(village, "village"));
            villages.push(village);
        }
        ensure!(lines.len() == 410, "{} links", lines.len());
        let of = |n: u32| villages[n as usize % villages.len()];
        Ok(Self {
            lines,
            regions: (0..CAMERAS).map(of).collect(),
        })
    }

    fn feed(n: u32) -> FeedId {
        FeedId {
            camera: camera_id(n + 1),
            profile: Profile::Sub,
        }
    }

    /// Mean of one decision and what follows from it, microseconds.
    fn time(&self, pulls: u32, decisions: u32, priority: Priority, rate: BitRate) -> Result<f64> {
        let mut links = Links::new(self.lines.clone());
        let now = Instant::now();
        let region = |n: u32| self.regions[(n % CAMERAS) as usize];
        let small = BitRate(512_000 * u64::from(PULLS) / u64::from(pulls));
        for n in 0..pulls {
            let got = links.admit(now, Self::feed(n), region(n), small, Priority::Viewer);
            ensure!(got.is_ok(), "no room for pull {n}");
        }
        let asking: Vec<(FeedId, RegionCode)> = (0..CAMERAS - PULLS)
            .map(|n| (Self::feed(10 * PULLS + n), region(PULLS + n)))
            .collect();
        // Those who give way come back, outside of what is timed.
        let mut spent = Duration::ZERO;
        let mut told = 0;
        for n in 0..decisions as usize {
            let (feed, region) = asking[n % asking.len()];
            let began = Instant::now();
            let got = links.admit(now, feed, region, rate, priority);
            spent += began.elapsed();
            links.end(feed);
            for ousted in got.into_iter().flatten() {
                told += 1;
                let back = ousted.feed;
                let n = sightline_bench::source::camera_number(&back.camera).unwrap_or(1) - 1;
                let at = self.regions[(n % CAMERAS) as usize];
                let _ = black_box(links.admit(now, back, at, small, Priority::Viewer));
            }
        }
        black_box(told);
        Ok(spent.as_secs_f64() * 1e6 / f64::from(decisions))
    }

    /// The least: three look-ups by code, and a comparison each.
    fn floor(&self, decisions: u32) -> f64 {
        let held: BTreeMap<RegionCode, u64> =
            self.lines.iter().map(|l| (l.id, 1_000_000)).collect();
        let mut spent = Duration::ZERO;
        for n in 0..decisions as usize {
            let region = self.regions[n % self.regions.len()];
            let began = Instant::now();
            let fits = region
                .path()
                .filter_map(|code| held.get(&code))
                .all(|held| held + 512_000 <= 30_000_000);
            black_box(fits);
            spent += began.elapsed();
        }
        spent.as_secs_f64() * 1e6 / f64::from(decisions)
    }
}

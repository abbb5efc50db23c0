//! Weeks of supervision that lie behind: writes what a gateway would have seen of every camera in its register, day by day, with
//! a clock that is set, by the gateway's own code; each day is judged as it was over. For looking at the page with more than a
//! day of figures, and for its judge (`web-ui/e2e/weeks.mjs`). The gateway must not run meanwhile.
//!
//!     cargo run --example past_weeks -- DIR [DAYS]
//!
//! The same register gives the same weeks: in most of them a twentieth of the cameras is down for some hours, one town has works
//! on its line that were approved, and one village's line fails for a day.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::{path::PathBuf, time::Duration};

use command::{
    Camera, Register, Store,
    supervision::{About, Coverage, Day, Group, Link, Outage, Seen, outage},
};
use media::{EventKind, ReasonCode, RegionCode, WallTime};
use sightline::{
    config::Config,
    supervision::{Asked, Supervision},
};
use storage::DataDir;

const HOUR: u64 = 3600;

/// A number that is the same for the same camera and day, below `below`.
fn dice(camera: &Camera, day: Day, salt: u64, below: u64) -> u64 {
    let text = format!("{}/{}/{salt}", camera.code, day.0);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 29)) % below
}

/// What happens to a camera on a day: at which second what is seen.
fn seen(camera: &Camera, day: Day, broken: &RegionCode) -> Vec<(u64, Seen)> {
    let mut all = vec![(0, Seen::Link(Link::Live))];
    let down = |reason| Seen::Link(Link::Down(reason));
    let reasons = [
        ReasonCode::TimedOut,
        ReasonCode::NoRoute,
        ReasonCode::Refused,
        ReasonCode::WrongPassword,
        ReasonCode::NoPackets,
    ];
    // A line that fails on every ninth day takes all of its village along.
    if camera.region.is_within(broken) && day.0 % 9 == 4 {
        all.push((7 * HOUR, down(ReasonCode::NoRoute)));
        all.push((21 * HOUR, Seen::Link(Link::Live)));
    } else if dice(camera, day, 1, 20) == 0 {
        let from = dice(camera, day, 2, 18) * HOUR + dice(camera, day, 3, HOUR);
        let long = (1 + dice(camera, day, 4, 5)) * HOUR;
        let reason = reasons[dice(camera, day, 5, 5) as usize];
        all.push((from, down(reason)));
        all.push((from + long, Seen::Link(Link::Live)));
    }
    // Some clocks run away by a second a day until somebody sets them.
    let drift = match dice(camera, Day(0), 6, 15) {
        0 => i64::from(day.0.rem_euclid(20)) * 1000,
        _ => dice(camera, day, 7, 900) as i64,
    };
    all.push((2 * HOUR, Seen::Clock(drift)));
    if dice(camera, day, 8, 40) == 0 {
        let kinds = [EventKind::Dark, EventKind::Covered, EventKind::Frozen];
        let kind = kinds[dice(camera, day, 9, 3) as usize];
        let from = 8 * HOUR + dice(camera, day, 10, 8 * HOUR);
        all.push((from, Seen::Fault(kind)));
        all.push((
            from + 1200 + dice(camera, day, 11, 3 * HOUR),
            Seen::Well(kind),
        ));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

/// What was to be recorded, and what of it is not there: while it was down.
fn coverage(camera: &Camera, start: WallTime, seen: &[(u64, Seen)]) -> Coverage {
    // The demonstration records all of its cameras; of a register that came from a spreadsheet the first class.
    if !camera.record && camera.site_class != "1" {
        return Coverage::default();
    }
    let at = |s: u64| (start + Duration::from_secs(s.min(24 * HOUR))).0;
    let mut missing = Vec::new();
    let mut since = None;
    for (second, what) in seen {
        match what {
            Seen::Link(Link::Down(_)) => since = Some(*second),
            Seen::Link(_) => missing.extend(since.take().map(|from| (at(from), at(*second)))),
            _ => {}
        }
    }
    Coverage {
        planned: vec![(at(0), at(24 * HOUR))],
        missing,
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().expect("the data directory"));
    let days: i32 = arguments.next().map_or(45, |n| n.parse().unwrap());
    let data = DataDir::open(&dir).expect("no gateway runs on it");
    let register = Store::<Register>::open(data.journal("register"))
        .unwrap()
        .read();
    let config = Config::parse(
        "demo.toml".as_ref(),
        include_str!("../../configs/demo.toml"),
    );
    let config = config.unwrap();
    let offset = config.district.utc_offset.0;
    let directory = dir.join("supervision");
    let supervision = Supervision::open(
        directory,
        data.journal("outages"),
        offset,
        config.supervision.clone(),
    );
    let supervision = supervision.unwrap();
    let cameras: Vec<&Camera> = register.cameras().map(AsRef::as_ref).collect();
    let today = supervision.day(WallTime::now());
    let first = today.plus(-days);
    let some = cameras[cameras.len() / 2];
    let broken = some.region;
    let town: RegionCode = some.region.as_str()[..9].parse().unwrap();
    let approve = |from: WallTime, hours: u64, reason: &str| {
        outage::Change::Approve(Box::new(Outage {
            id: 0,
            cameras: Vec::new(),
            region: town,
            from,
            to: from + Duration::from_secs(hours * HOUR),
            reason: reason.to_owned(),
            by: "admin".to_owned(),
            withdrawn: None,
        }))
    };
    let works = supervision.start(today.plus(-12)) + Duration::from_secs(9 * HOUR);
    let change = approve(works, 6, "线路改造，已报备");
    supervision.outages.change(works, change).await.unwrap();

    supervision.begin(supervision.start(first)).await.unwrap();
    for day in (0..days).map(|n| first.plus(n)) {
        let start = supervision.start(day);
        let told: Vec<_> = cameras.iter().map(|c| seen(c, day, &broken)).collect();
        let mut due: Vec<(u64, usize, Seen)> = Vec::new();
        for (n, of) in told.iter().enumerate() {
            due.extend(of.iter().map(|(at, what)| (*at, n, *what)));
        }
        due.sort_by_key(|(at, ..)| *at);
        let mut due = due.into_iter().peekable();
        for hour in 1..=24 {
            while let Some((at, n, what)) = due.next_if(|(at, ..)| *at < hour * HOUR) {
                let now = start + Duration::from_secs(at);
                supervision.saw(now, cameras[n].code, what);
            }
            let now = start + Duration::from_secs(hour * HOUR);
            supervision.write(now, true).await.unwrap();
        }
        let recorded_days = u16::try_from(day.0 - first.0).unwrap();
        let asked = cameras.iter().zip(&told).map(|(camera, seen)| {
            let coverage = coverage(camera, start, seen);
            let recorded = !coverage.planned.is_empty();
            Asked {
                camera: camera.code,
                group: Group {
                    region: camera.region,
                    maker: camera.maker.clone(),
                    department: camera.asset.department.clone(),
                },
                about: About {
                    judged: true,
                    oldest_days: recorded.then(|| {
                        recorded_days
                            .saturating_sub(u16::from(dice(camera, Day(0), 12, 30) == 0) * 3)
                    }),
                    required_days: recorded.then(|| recorded_days.min(camera.keep_days as u16)),
                    missing_fields: u8::from(dice(camera, Day(0), 13, 25) == 0),
                },
                coverage,
            }
        });
        supervision.judge(day, asked.collect()).await.unwrap();
    }
    // An approval that came later: its days are judged anew, and say so.
    let late = supervision.start(today.plus(-6)) + Duration::from_secs(10 * HOUR);
    let change = approve(late, 4, "镇变电站检修（补批）");
    supervision.outages.change(late, change).await.unwrap();
    supervision
        .judge_again(today.plus(-6), "outage 2")
        .await
        .unwrap();
    println!(
        "{} cameras, {days} days from {first} to {}",
        cameras.len(),
        today.plus(-1)
    );
}

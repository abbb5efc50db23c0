//! Fills a data directory with figures that are made up, to look at pages and to measure how long a start and an answer take:
//!
//! ```text
//! made_up_figures DIR DAYS LAST-DAY < cameras.txt      a camera a line: CODE REGION MAKER DEPARTMENT
//! ```
//! The gateway must not run meanwhile. Nothing of this is in the product.
#![allow(missing_docs)]

use std::{
    error::Error,
    io::{BufRead, stdin},
    path::PathBuf,
};

use command::supervision::{Day, DayRecord, FORMULA, Fact, Figure, Group, Judging, Verdict};
use media::ReasonCode;
use storage::journal::{self, Options};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("made_up_figures DIR DAYS LAST-DAY");
    let dir = PathBuf::from(next()?).join("supervision");
    let (days, last): (i32, Day) = (next()?.parse()?, next()?.parse()?);
    std::fs::create_dir_all(&dir)?;
    let mut groups: Vec<Group> = Vec::new();
    let mut cameras = Vec::new();
    for line in stdin().lock().lines() {
        let line = line?;
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [code, region, maker, department] = cells[..] else {
            return Err(format!("'{line}': expected CODE REGION MAKER DEPARTMENT").into());
        };
        let group = Group {
            region: region.parse()?,
            maker: maker.into(),
            department: department.into(),
        };
        let n = groups.iter().position(|g| *g == group).unwrap_or_else(|| {
            groups.push(group);
            groups.len() - 1
        });
        cameras.push((code.parse()?, n as u32));
    }
    let judging = Judging {
        formula: FORMULA,
        clock_ms: 5000,
        fault_s: 300,
        known_for_s: 10_800,
    };
    for n in (0..days).rev() {
        let day = last.plus(-n);
        let facts: Vec<Fact> = cameras
            .iter()
            .enumerate()
            .map(|(i, (camera, group))| Fact {
                camera: *camera,
                group: *group,
                figure: figure(i as u32, n as u32),
            })
            .collect();
        let path = dir.join(format!("facts-{}.journal", day.month()));
        let journal = journal::open_with(path, Options::default(), |_| {})?;
        for record in DayRecord::of(day, judging, 0, None, &groups, &facts) {
            journal.append(day.end(480), "day", record).await?;
        }
    }
    Ok(())
}

/// Seconds of a day that look like a district's: most are well, some go for minutes, a few for hours.
fn figure(camera: u32, day: u32) -> Figure {
    // A small mixer of bits, so that the same is made each time.
    let mix = |salt: u32| {
        let mut x = camera.wrapping_mul(0x9e37_79b9) ^ day.wrapping_mul(0x85eb_ca6b) ^ salt;
        x ^= x >> 15;
        x = x.wrapping_mul(0x2c1b_3c6d);
        x ^ (x >> 12)
    };
    let down = match mix(1) % 100 {
        0..80 => 0,
        80..95 => mix(2) % 1800,
        _ => mix(3) % 30_000,
    };
    let lost = down / 2 + mix(4) % 60;
    let verdict = |bad: bool| if bad { Verdict::Missed } else { Verdict::Met };
    Figure {
        expected_s: 86_400,
        online_s: 86_400 - down,
        planned_s: 86_400,
        recorded_s: 86_400 - lost,
        fault_s: if mix(5).is_multiple_of(40) { 900 } else { 0 },
        clock_ms: Some(
            (mix(6) % 4000) as i32 - 2000 + if camera.is_multiple_of(37) { 9000 } else { 0 },
        ),
        oldest_days: 30,
        required_days: 30,
        missing_fields: u8::from(camera.is_multiple_of(11)),
        clock: verdict(camera.is_multiple_of(37)),
        quality: verdict(mix(5).is_multiple_of(40)),
        retention: Verdict::Met,
        file: verdict(camera.is_multiple_of(11)),
        causes: match down {
            0 => Vec::new(),
            down => vec![(
                [ReasonCode::NoRoute, ReasonCode::TimedOut, ReasonCode::Cut][(mix(7) % 3) as usize],
                down,
            )],
        },
        ..Figure::default()
    }
}

//! The 25 cameras for a place, of ten thousand. The floor goes through all cameras by the sphere's own formula and puts every one
//! in order; both must answer the same.

use std::{hint::black_box, sync::Arc, time::Instant};

use anyhow::{Result, ensure};
use command::{
    Camera, Register, State,
    nearby::{Shape, Spots, covers},
    register::{Change, Region},
};
use media::{Place, WallTime};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sightline_bench::results::Figure;

/// What is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cameras in the register.
    #[arg(long, default_value_t = 10_000)]
    cameras: u32,
    /// Places that are asked about.
    #[arg(long, default_value_t = 500)]
    places: usize,
}

/// As many as a wall has tiles.
const MOST: usize = 25;

pub(crate) fn run(args: &Args) -> Result<Vec<Figure>> {
    let mut random = StdRng::seed_from_u64(1);
    let mut somewhere = move || Place {
        lon: random.random_range(115.8..116.4),
        lat: random.random_range(23.9..24.7),
    };
    let register = district(args.cameras, &mut somewhere)?;
    let spots = Spots::of(&register);
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..args.places {
        let at = somewhere();
        let start = Instant::now();
        let found = black_box(spots.find(&Shape::Near(at), MOST, |_| true));
        ours.push(start.elapsed());
        let start = Instant::now();
        let expected = black_box(brute(&register, at));
        plain.push(start.elapsed());
        let same = found
            .iter()
            .zip(&expected)
            .all(|(f, e)| f.camera.code == e.code);
        ensure!(
            same && found.len() == expected.len(),
            "another answer than brute force at {at:?}"
        );
    }
    let median = |times: &mut Vec<std::time::Duration>| {
        times.sort_unstable();
        times
            .get(times.len() / 2)
            .map_or(0.0, |t| t.as_secs_f64() * 1e3)
    };
    let (ours, plain) = (median(&mut ours), median(&mut plain));
    Ok(vec![Figure::new("near-10000", ours, "ms", Some(plain))])
}

fn district(cameras: u32, somewhere: &mut impl FnMut() -> Place) -> Result<Register> {
    let mut register = Register::default();
    let region = Region {
        code: "441403".parse()?,
        name: "梅县区".into(),
        name_en: String::new(),
        place: None,
    };
    register.apply(WallTime::from_secs(1), Change::Regions(vec![region]));
    let all: Vec<Camera> = (0..cameras)
        .map(|n| {
            let code = format!("44140300001326{n:06}").parse()?;
            let mut camera = Camera::new(code, format!("camera {n}"), "441403".parse()?);
            camera.place = Some(somewhere());
            camera.heading = Some((n * 37 % 360) as u16);
            camera.view_angle = Some(60);
            camera.view_distance = Some(50 + n % 2000);
            Ok(camera)
        })
        .collect::<Result<_>>()?;
    register.apply(WallTime::from_secs(1), Change::Import(all));
    Ok(register)
}

fn brute(register: &Register, at: Place) -> Vec<Arc<Camera>> {
    let mut all: Vec<(bool, f64, &Arc<Camera>)> = register
        .cameras()
        .filter_map(|c| Some((covers(c, at), c.place?.distance_m(&at), c)))
        .collect();
    all.sort_by(|a, b| {
        b.0.cmp(&a.0)
            .then(a.1.total_cmp(&b.1))
            .then(a.2.code.cmp(&b.2.code))
    });
    all.into_iter()
        .take(MOST)
        .map(|(_, _, c)| Arc::clone(c))
        .collect()
}

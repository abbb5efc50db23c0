//! A village road between fields.

use super::{block, full, hedge, house, ridge, sky, tree};
use crate::scene::canvas::{Canvas, SPACE_H, clouds, hash, mix, noise, shade};

/// Village road: fields on both sides, houses, mountains behind.
pub(in crate::scene) fn road(c: &mut Canvas<'_>) {
    const HORIZON: f32 = 450.0;
    sky(c, HORIZON + 10.0);
    ridge(c, HORIZON + 8.0, 250.0, 2.3, 0.62);
    ridge(c, HORIZON + 12.0, 170.0, 7.9, 0.38);
    ridge(c, HORIZON + 18.0, 92.0, 13.1, 0.12);
    // Paddy in strips, finer towards the horizon.
    c.poly_fn(&full(HORIZON + 10.0, SPACE_H), |x, y| {
        let depth = 600.0 / (y - HORIZON + 4.0);
        let strip = (depth * 1.7 + 0.25 * ((x - 980.0) / (y - HORIZON + 40.0)).sin()).fract();
        let ripe = noise(
            depth * 1.7 - strip + 4.0,
            3.0 + (x > 980.0) as i32 as f32 * 9.0,
        );
        let row = ((x - 980.0) / (y - HORIZON + 6.0) * 34.0).sin() * 0.07;
        let blade = noise(x / 5.0, y / 3.0) * 0.22;
        let base = mix([112.0, 140.0, 62.0], [190.0, 168.0, 84.0], ripe);
        let bank = if strip < 0.07 { 0.66 } else { 1.0 };
        (shade(base, (0.84 + row + blade) * bank), 1.0)
    });
    for (i, x) in [60.0, 330.0, 560.0, 1_310.0, 1_700.0]
        .into_iter()
        .enumerate()
    {
        tree(
            c,
            (x, HORIZON + 46.0 + (i % 2) as f32 * 10.0),
            96.0 + 24.0 * hash(i as i32, 9),
            i as i32 + 40,
        );
    }
    house(c, 120.0, 560.0, 250.0, 96.0, [232.0, 228.0, 216.0]);
    house(c, 400.0, 536.0, 180.0, 70.0, [222.0, 216.0, 204.0]);
    block(
        c,
        (1_430.0, 560.0),
        (190.0, 190.0),
        3,
        [216.0, 204.0, 190.0],
        [176.0, 56.0, 44.0],
    );
    house(c, 1_650.0, 556.0, 220.0, 88.0, [236.0, 232.0, 222.0]);
    hedge(c, -20.0, 700.0, 576.0, 30.0, 5);
    hedge(c, 1_290.0, 1_940.0, 578.0, 32.0, 6);
    // The road, of concrete, towards (1000, 452).
    let edge = |k: f32, y: f32| 1_000.0 + k * (y - 452.0);
    let strip = |a: f32, b: f32| {
        [
            (edge(a, 462.0), 462.0),
            (edge(b, 462.0), 462.0),
            (edge(b, SPACE_H), SPACE_H),
            (edge(a, SPACE_H), SPACE_H),
        ]
    };
    c.poly_fn(&strip(-1.26, 1.12), |x, y| {
        (
            shade(
                mix(
                    [124.0, 122.0, 78.0],
                    [150.0, 136.0, 104.0],
                    noise(x / 14.0, y / 5.0),
                ),
                0.8 + 0.3 * noise(x / 4.0, y / 3.0),
            ),
            1.0,
        )
    });
    c.poly_fn(&strip(-1.0, 0.86), |x, y| {
        let track = ((x - 1_000.0) / (y - 452.0) / 0.93).abs();
        let worn = (0.06 * (track * 6.0).cos()).abs();
        let joint = ((900.0 / (y - 446.0)) * 2.2).fract() < 0.025;
        let grain = 0.09 * noise(x / 3.0, y / 2.5) + 0.1 * clouds(x / 150.0, y / 40.0);
        (
            shade(
                [172.0, 170.0, 164.0],
                (0.86 + grain - worn) * if joint { 0.72 } else { 1.0 },
            ),
            1.0,
        )
    });
    for k in [-0.95, 0.81] {
        c.poly(&strip(k - 0.012, k + 0.012), [232.0, 230.0, 222.0], 0.8);
    }
    for i in 0..14 {
        let (z0, z1) = (1.0 + i as f32 * 0.9, 1.0 + i as f32 * 0.9 + 0.42);
        let (y0, y1) = (452.0 + 640.0 / z0, 452.0 + 640.0 / z1);
        let k = -0.07;
        c.poly(
            &[
                (edge(k - 0.014, y0), y0),
                (edge(k + 0.014, y0), y0),
                (edge(k + 0.014, y1), y1),
                (edge(k - 0.014, y1), y1),
            ],
            [226.0, 196.0, 92.0],
            0.85,
        );
    }
    // Poles and wires along the left side, trees along the right.
    let mut last: Option<(f32, f32)> = None;
    for z in [1.15f32, 1.9, 3.1, 5.0, 8.0] {
        let (x, y, h) = (1_000.0 - 1.45 * 620.0 / z, 452.0 + 620.0 / z, 640.0 / z);
        c.shadow((x, y), h * 0.05, h * 0.01, 0.7);
        c.line((x, y), (x, y - h), h * 0.022, [148.0, 146.0, 142.0], 1.0);
        c.line(
            (x - h * 0.1, y - h * 0.94),
            (x + h * 0.1, y - h * 0.94),
            h * 0.014,
            [92.0, 88.0, 84.0],
            1.0,
        );
        if let Some((px, py)) = last {
            for side in [-0.09, 0.09] {
                let (ax, bx) = (px + side * 640.0 / z * 1.5, x + side * h);
                let sag = (y - h * 0.94 + py) / 2.0 + 14.0 / z;
                c.line(
                    (ax, py),
                    ((ax + bx) / 2.0, sag),
                    1.6,
                    [50.0, 52.0, 56.0],
                    0.8,
                );
                c.line(
                    ((ax + bx) / 2.0, sag),
                    (bx, y - h * 0.94),
                    1.6,
                    [50.0, 52.0, 56.0],
                    0.8,
                );
            }
        }
        last = Some((x, y - h * 0.94));
    }
    for (i, z) in [6.5f32, 4.4, 3.0, 2.1, 1.5].into_iter().enumerate() {
        tree(
            c,
            (1_000.0 + 1.36 * 620.0 / z, 452.0 + 600.0 / z),
            520.0 / z,
            i as i32 + 3,
        );
    }
}

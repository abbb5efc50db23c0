//! The four places, drawn once for each size of picture.

use super::{
    canvas::{Canvas, Point, Rgb, SPACE_H, SPACE_W, clouds, hash, mix, noise, shade},
    movers::{self, Pose},
};

const LEAVES: [Rgb; 4] = [
    [52.0, 84.0, 40.0],
    [70.0, 104.0, 48.0],
    [88.0, 122.0, 60.0],
    [44.0, 72.0, 42.0],
];

fn full(top: f32, bottom: f32) -> [Point; 4] {
    [(0.0, top), (SPACE_W, top), (SPACE_W, bottom), (0.0, bottom)]
}

/// Sky with thin clouds, down to `horizon`.
fn sky(c: &mut Canvas<'_>, horizon: f32) {
    c.poly_fn(&full(0.0, horizon), |x, y| {
        let base = mix(
            [112.0, 156.0, 206.0],
            [214.0, 226.0, 232.0],
            (y / horizon).powf(0.8),
        );
        let cloud = clouds(x / 420.0 + 3.0, y / 150.0) - 0.46;
        (
            mix(base, [246.0, 247.0, 248.0], (cloud * 3.2).clamp(0.0, 0.85)),
            1.0,
        )
    });
}

/// A mountain ridge from `base` upwards, paler the farther it is (`haze` 0 to 1).
fn ridge(c: &mut Canvas<'_>, base: f32, height: f32, seed: f32, haze: f32) {
    let mut points = vec![(SPACE_W, base), (0.0, base)];
    for i in 0..=120 {
        let x = i as f32 * 16.0;
        points.push((
            x,
            base - height * (0.25 + 0.75 * clouds(x / 420.0 + seed, seed)),
        ));
    }
    c.poly_fn(&points, |x, y| {
        let grain = noise(x / 9.0, y / 6.0) * 0.6 + noise(x / 40.0, y / 22.0) * 0.4;
        let green = mix([34.0, 62.0, 40.0], [78.0, 106.0, 62.0], grain);
        (
            mix(
                green,
                [176.0, 198.0, 212.0],
                haze + 0.12 * ((y - base) / height + 1.0),
            ),
            1.0,
        )
    });
}

/// A round tree that stands at `foot`, `h` high.
fn tree(c: &mut Canvas<'_>, foot: Point, h: f32, seed: i32) {
    c.shadow((foot.0 + h * 0.12, foot.1), h * 0.42, h * 0.07, 0.7);
    c.poly(
        &[
            (foot.0 - h * 0.035, foot.1),
            (foot.0 - h * 0.02, foot.1 - h * 0.5),
            (foot.0 + h * 0.02, foot.1 - h * 0.5),
            (foot.0 + h * 0.035, foot.1),
        ],
        [78.0, 62.0, 48.0],
        1.0,
    );
    for i in 0..46 {
        let (a, b, d) = (hash(i, seed), hash(i + 100, seed), hash(i + 200, seed));
        let up = i as f32 / 46.0;
        let spread = (1.0 - (up - 0.42).powi(2) * 2.6).max(0.2);
        let x = foot.0 + (a - 0.5) * h * 0.62 * spread;
        let y = foot.1 - h * (0.34 + 0.56 * up) + (b - 0.5) * h * 0.1;
        let light = 0.72 + 0.5 * up - 0.24 * (x - foot.0) / (h * 0.31);
        c.ellipse(
            (x, y),
            h * (0.07 + 0.06 * d),
            h * (0.06 + 0.04 * b),
            shade(LEAVES[(d * 3.99) as usize], light),
            0.95,
        );
    }
}

/// A low bush or a piece of hedge.
fn hedge(c: &mut Canvas<'_>, x0: f32, x1: f32, y: f32, h: f32, seed: i32) {
    let count = ((x1 - x0) / h * 5.0) as i32;
    for i in 0..count {
        let (a, b) = (hash(i, seed), hash(i + 500, seed));
        let x = x0 + (x1 - x0) * i as f32 / count as f32 + (a - 0.5) * h * 0.3;
        c.ellipse(
            (x, y - h * (0.25 + 0.5 * b)),
            h * 0.3,
            h * (0.24 + 0.1 * a),
            shade(LEAVES[(a * 3.99) as usize], 0.62 + 0.55 * b),
            1.0,
        );
    }
}

/// A house seen from the front with a tiled roof: white walls, grey tiles, dark openings.
fn house(c: &mut Canvas<'_>, x: f32, ground: f32, w: f32, h: f32, wall: Rgb) {
    let roof = h * 0.34;
    let top = ground - h;
    c.shadow((x + w / 2.0, ground), w * 0.6, h * 0.08, 0.55);
    c.poly_fn(
        &[(x, ground), (x, top), (x + w, top), (x + w, ground)],
        |px, py| {
            let stain = noise(px / 26.0, py / 12.0) * 0.08 + noise(px / 4.0, py / 40.0) * 0.05;
            (
                shade(wall, 0.98 - stain - 0.14 * ((py - top) / h).powi(2)),
                1.0,
            )
        },
    );
    // Under the eaves it is in shade.
    c.rect(x, top, x + w, top + h * 0.08, [60.0, 62.0, 68.0], 0.4);
    let ridge = top - roof;
    c.poly_fn(
        &[
            (x - w * 0.05, top + 2.0),
            (x + w * 0.06, ridge),
            (x + w * 0.94, ridge),
            (x + w * 1.05, top + 2.0),
        ],
        |px, py| {
            let tile =
                ((px / (w * 0.022)).fract() - 0.5).abs() * 0.34 + 0.08 * noise(px / 8.0, py / 8.0);
            (
                shade([92.0, 92.0, 96.0], 0.74 + tile + 0.2 * (py - ridge) / roof),
                1.0,
            )
        },
    );
    c.rect(
        x + w * 0.05,
        ridge - roof * 0.07,
        x + w * 0.95,
        ridge + roof * 0.04,
        [58.0, 58.0, 62.0],
        1.0,
    );
    let door = w * 0.1;
    c.rect(
        x + w / 2.0 - door,
        ground - h * 0.62,
        x + w / 2.0 + door,
        ground,
        [74.0, 44.0, 34.0],
        1.0,
    );
    c.rect(
        x + w / 2.0 - door * 0.86,
        ground - h * 0.58,
        x + w / 2.0 - 1.0,
        ground,
        [100.0, 58.0, 42.0],
        1.0,
    );
    // Couplets beside the door, as at the new year.
    for side in [-1.0, 1.0] {
        let cx = x + w / 2.0 + side * door * 1.35;
        c.rect(
            cx - door * 0.16,
            ground - h * 0.6,
            cx + door * 0.16,
            ground - h * 0.12,
            [188.0, 44.0, 36.0],
            0.9,
        );
    }
    for at in [0.14, 0.76] {
        window(c, x + w * at, ground - h * 0.66, w * 0.1, h * 0.3);
    }
}

fn window(c: &mut Canvas<'_>, x: f32, y: f32, w: f32, h: f32) {
    c.rect(
        x - w * 0.1,
        y - h * 0.08,
        x + w * 1.1,
        y + h * 1.1,
        [196.0, 196.0, 190.0],
        1.0,
    );
    c.rect(x, y, x + w, y + h, [54.0, 66.0, 78.0], 1.0);
    c.poly(
        &[(x, y), (x + w * 0.7, y), (x, y + h * 0.8)],
        [124.0, 146.0, 164.0],
        0.5,
    );
    c.rect(
        x + w * 0.46,
        y,
        x + w * 0.54,
        y + h,
        [190.0, 190.0, 186.0],
        1.0,
    );
}

/// A block of flats over shops: storeys of windows and balconies, and a signboard.
fn block(
    c: &mut Canvas<'_>,
    (x, ground): Point,
    (w, h): Point,
    storeys: usize,
    wall: Rgb,
    sign: Rgb,
) {
    let top = ground - h;
    c.poly_fn(
        &[(x, ground), (x, top), (x + w, top), (x + w, ground)],
        |px, py| {
            let stain = noise(px / 5.0, py / 60.0) * 0.1 + noise(px / 30.0, py / 30.0) * 0.06;
            (shade(wall, 1.02 - stain - 0.1 * (px - x) / w), 1.0)
        },
    );
    c.rect(
        x - 3.0,
        top - h * 0.03,
        x + w + 3.0,
        top + h * 0.012,
        shade(wall, 0.78),
        1.0,
    );
    let storey = h / (storeys as f32 + 0.3);
    let bays = (w / storey / 0.9).round().max(2.0);
    for s in 0..storeys - 1 {
        let y = top + storey * (s as f32 + 0.35);
        for b in 0..bays as usize {
            let wx = x + w * (b as f32 + 0.2) / bays;
            window(c, wx, y, w / bays * 0.55, storey * 0.5);
            if (b + s) % 3 == 0 {
                let (bx, by) = (wx - w / bays * 0.08, y + storey * 0.32);
                c.rect(
                    bx,
                    by,
                    bx + w / bays * 0.72,
                    by + storey * 0.3,
                    shade(wall, 0.86),
                    1.0,
                );
                for bar in 0..8 {
                    let px = bx + w / bays * 0.72 * bar as f32 / 7.0;
                    c.line(
                        (px, by),
                        (px, by + storey * 0.28),
                        2.0,
                        [116.0, 120.0, 124.0],
                        0.9,
                    );
                }
            } else if hash(b as i32, s as i32 + x as i32) > 0.5 {
                c.rect(
                    wx + 2.0,
                    y + storey * 0.56,
                    wx + w / bays * 0.3,
                    y + storey * 0.72,
                    [206.0, 208.0, 206.0],
                    1.0,
                );
                c.ellipse(
                    (wx + w / bays * 0.16, y + storey * 0.64),
                    storey * 0.06,
                    storey * 0.06,
                    [120.0; 3],
                    1.0,
                );
            }
        }
    }
    // The ground floor: an arcade of shops in shade.
    let arcade = ground - storey * 0.92;
    c.rect(x, arcade, x + w, ground, [58.0, 54.0, 52.0], 1.0);
    c.rect(
        x,
        arcade - storey * 0.2,
        x + w,
        arcade + storey * 0.08,
        sign,
        1.0,
    );
    for i in 0..6 {
        let sx = x + w * (0.12 + 0.13 * i as f32);
        let s = storey * 0.075;
        c.rect(
            sx - s,
            arcade - storey * 0.06 - s,
            sx + s,
            arcade - storey * 0.06 + s,
            [252.0, 236.0, 190.0],
            0.9,
        );
        c.rect(
            sx - s * 0.5,
            arcade - storey * 0.06 - s * 0.5,
            sx + s * 0.4,
            arcade - storey * 0.06 + s * 0.3,
            sign,
            1.0,
        );
    }
    for b in 0..bays as usize {
        let sx = x + w * (b as f32 + 0.12) / bays;
        let warm = hash(b as i32 + 7, x as i32);
        c.rect(
            sx,
            arcade + storey * 0.16,
            sx + w / bays * 0.72,
            ground - storey * 0.05,
            mix([92.0, 88.0, 84.0], [214.0, 180.0, 124.0], warm),
            0.9,
        );
        c.rect(
            sx + w / bays * 0.1,
            arcade + storey * 0.4,
            sx + w / bays * 0.4,
            ground - storey * 0.05,
            [70.0, 62.0, 58.0],
            0.7,
        );
    }
    for b in 0..=bays as usize {
        let px = x + (w - storey * 0.16) * b as f32 / bays;
        c.rect(
            px,
            arcade,
            px + storey * 0.16,
            ground,
            shade(wall, 0.9),
            1.0,
        );
    }
}

fn lamp(c: &mut Canvas<'_>, foot: Point, h: f32, side: f32) {
    c.shadow(foot, h * 0.06, h * 0.014, 0.8);
    c.line(
        foot,
        (foot.0, foot.1 - h),
        h * 0.018,
        [108.0, 112.0, 116.0],
        1.0,
    );
    c.line(
        (foot.0, foot.1 - h),
        (foot.0 + side * h * 0.17, foot.1 - h * 1.03),
        h * 0.013,
        [108.0, 112.0, 116.0],
        1.0,
    );
    c.ellipse(
        (foot.0 + side * h * 0.19, foot.1 - h * 1.026),
        h * 0.045,
        h * 0.012,
        [226.0, 228.0, 224.0],
        1.0,
    );
}

/// Village road: fields on both sides, houses, mountains behind.
pub(crate) fn road(c: &mut Canvas<'_>) {
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

/// Town square: paving, shops behind, a flower bed with a flag pole.
pub(crate) fn square(c: &mut Canvas<'_>) {
    const GROUND: f32 = 520.0;
    sky(c, GROUND);
    ridge(c, 400.0, 170.0, 5.7, 0.56);
    c.rect(0.0, 398.0, SPACE_W, GROUND, [120.0, 128.0, 120.0], 1.0);
    let walls: [(f32, f32, f32, usize, Rgb, Rgb); 6] = [
        (
            -40.0,
            360.0,
            400.0,
            5,
            [222.0, 206.0, 178.0],
            [172.0, 40.0, 36.0],
        ),
        (
            322.0,
            300.0,
            320.0,
            4,
            [196.0, 202.0, 204.0],
            [32.0, 92.0, 150.0],
        ),
        (
            624.0,
            330.0,
            356.0,
            4,
            [230.0, 222.0, 204.0],
            [186.0, 112.0, 30.0],
        ),
        (
            956.0,
            290.0,
            300.0,
            4,
            [206.0, 184.0, 164.0],
            [40.0, 116.0, 72.0],
        ),
        (
            1_248.0,
            340.0,
            380.0,
            5,
            [224.0, 220.0, 212.0],
            [166.0, 36.0, 44.0],
        ),
        (
            1_590.0,
            380.0,
            336.0,
            4,
            [212.0, 198.0, 172.0],
            [44.0, 80.0, 140.0],
        ),
    ];
    for (x, w, h, storeys, wall, sign) in walls {
        block(c, (x, GROUND), (w, h), storeys, wall, sign);
    }
    // A street in front of the shops, then the kerb, then paving in perspective.
    c.poly_fn(&full(GROUND, 566.0), |x, y| {
        (
            shade([124.0, 124.0, 126.0], 0.9 + 0.16 * noise(x / 6.0, y / 2.0)),
            1.0,
        )
    });
    c.rect(0.0, 562.0, SPACE_W, 570.0, [196.0, 192.0, 184.0], 1.0);
    c.poly_fn(&full(570.0, SPACE_H), |x, y| {
        let depth = y - 440.0;
        let (u, v) = ((x - 960.0) / depth * 5.0, 2_600.0 / depth);
        let (cell_x, cell_y) = (u.floor() as i32, v.floor() as i32);
        let tone = hash(cell_x, cell_y) * 0.09;
        let seam = u.fract().abs().min(1.0 - u.fract().abs()) < 0.03 || v.fract() < 0.05;
        let pattern = if (cell_x.rem_euclid(6) == 0) || (cell_y.rem_euclid(6) == 0) {
            [176.0, 142.0, 122.0]
        } else {
            [196.0, 190.0, 180.0]
        };
        let grain = 0.07 * noise(x / 3.0, y / 2.0) + 0.12 * clouds(x / 260.0, y / 90.0);
        (
            shade(
                pattern,
                (0.8 + tone + grain) * if seam { 0.84 } else { 1.0 },
            ),
            1.0,
        )
    });
    for (i, x) in [90.0, 470.0, 1_420.0, 1_830.0].into_iter().enumerate() {
        c.shadow((x, 606.0), 60.0, 12.0, 0.6);
        c.poly(
            &[
                (x - 44.0, 606.0),
                (x - 50.0, 578.0),
                (x + 50.0, 578.0),
                (x + 44.0, 606.0),
            ],
            [168.0, 158.0, 146.0],
            1.0,
        );
        tree(c, (x, 582.0), 190.0, i as i32 + 11);
    }
    for (x, side) in [(280.0, 1.0), (1_640.0, -1.0)] {
        lamp(c, (x, 616.0), 330.0, side);
    }
    // Flower bed, flag pole.
    c.shadow((960.0, 700.0), 250.0, 44.0, 0.6);
    c.ellipse((960.0, 684.0), 216.0, 42.0, [170.0, 160.0, 148.0], 1.0);
    c.ellipse((960.0, 672.0), 216.0, 42.0, [206.0, 198.0, 186.0], 1.0);
    c.ellipse((960.0, 670.0), 196.0, 35.0, [64.0, 92.0, 46.0], 1.0);
    for i in 0..260 {
        let (a, r) = (hash(i, 1) * std::f32::consts::TAU, hash(i, 2).sqrt());
        let p = (960.0 + a.cos() * r * 186.0, 664.0 + a.sin() * r * 31.0);
        let petals = [
            [206.0, 48.0, 62.0],
            [236.0, 190.0, 64.0],
            [226.0, 110.0, 150.0],
            [92.0, 128.0, 58.0],
        ];
        c.ellipse(p, 6.0, 4.5, petals[(hash(i, 3) * 3.99) as usize], 1.0);
    }
    c.line(
        (960.0, 664.0),
        (960.0, 210.0),
        9.0,
        [206.0, 208.0, 210.0],
        1.0,
    );
    c.ellipse((960.0, 208.0), 8.0, 8.0, [222.0, 188.0, 90.0], 1.0);
    // Benches.
    for x in [560.0, 1_290.0] {
        c.shadow((x + 60.0, 742.0), 90.0, 12.0, 0.7);
        for (x0, x1) in [(6.0, 16.0), (104.0, 114.0)] {
            c.rect(x + x0, 716.0, x + x1, 742.0, [70.0, 72.0, 76.0], 1.0);
        }
        c.rect(x, 706.0, x + 120.0, 718.0, [142.0, 96.0, 60.0], 1.0);
        c.rect(x, 676.0, x + 120.0, 698.0, [152.0, 104.0, 66.0], 1.0);
    }
}

/// A river with a staff gauge at the near bank and a bridge upstream.
pub(crate) fn river(c: &mut Canvas<'_>) {
    const WATER: f32 = 470.0;
    sky(c, 380.0);
    ridge(c, 392.0, 230.0, 9.2, 0.58);
    ridge(c, 410.0, 140.0, 17.5, 0.3);
    c.poly_fn(&full(392.0, WATER), |x, y| {
        (
            shade(
                mix(
                    [96.0, 120.0, 62.0],
                    [136.0, 138.0, 84.0],
                    noise(x / 60.0, y / 10.0),
                ),
                0.75 + 0.35 * noise(x / 6.0, y / 3.0),
            ),
            1.0,
        )
    });
    for i in 0..26 {
        let x = i as f32 * 76.0 + 40.0 * hash(i, 70);
        if !(820.0..1_240.0).contains(&x) {
            tree(
                c,
                (x, 450.0 + 10.0 * hash(i, 71)),
                80.0 + 60.0 * hash(i, 72),
                i + 60,
            );
        }
    }
    house(c, 560.0, 452.0, 130.0, 54.0, [232.0, 228.0, 218.0]);
    house(c, 1_400.0, 450.0, 150.0, 58.0, [226.0, 218.0, 206.0]);
    // Water: the sky's colour, the far bank's reflection, ripples that widen towards us.
    c.poly_fn(&full(WATER - 6.0, SPACE_H), |x, y| {
        let near = (y - WATER) / (SPACE_H - WATER);
        let base = mix(
            [150.0, 166.0, 168.0],
            [82.0, 104.0, 98.0],
            near.max(0.0).sqrt(),
        );
        let bank = (1.0 - near * 7.0).clamp(0.0, 1.0) * 0.6;
        let mirrored = mix(
            base,
            [74.0, 92.0, 62.0],
            bank * (0.6 + 0.4 * noise(x / 24.0, y / 40.0)),
        );
        let wave = noise(x / (26.0 + 150.0 * near), y / (2.0 + 13.0 * near)) - 0.5;
        (shade(mirrored, 1.0 + 0.2 * wave), 1.0)
    });
    c.poly_fn(&full(WATER - 14.0, WATER + 2.0), |x, y| {
        (
            shade([150.0, 142.0, 122.0], 0.7 + 0.5 * noise(x / 16.0, y / 4.0)),
            0.9,
        )
    });
    // The bridge.
    let deck = 396.0;
    for i in 0..7 {
        let x = 800.0 + i as f32 * 76.0;
        c.rect(x, deck, x + 16.0, WATER + 6.0, [176.0, 172.0, 164.0], 1.0);
        c.rect(
            x + 11.0,
            deck,
            x + 16.0,
            WATER + 6.0,
            [140.0, 138.0, 132.0],
            1.0,
        );
        c.poly(
            &[
                (x, WATER + 6.0),
                (x + 16.0, WATER + 6.0),
                (x + 13.0, WATER + 46.0),
                (x + 3.0, WATER + 46.0),
            ],
            [96.0, 104.0, 98.0],
            0.5,
        );
        if i < 6 {
            let arch: Vec<Point> = (0..=16)
                .map(|k| {
                    (
                        x + 16.0 + 60.0 * k as f32 / 16.0,
                        deck + 34.0 - (std::f32::consts::PI * k as f32 / 16.0).sin() * 28.0,
                    )
                })
                .collect();
            let mut fill = vec![(x + 76.0, deck), (x + 16.0, deck)];
            fill.extend(arch);
            c.poly(&fill, [186.0, 182.0, 174.0], 1.0);
        }
    }
    c.rect(
        740.0,
        deck - 10.0,
        1_330.0,
        deck + 6.0,
        [198.0, 194.0, 186.0],
        1.0,
    );
    c.rect(
        740.0,
        deck + 3.0,
        1_330.0,
        deck + 8.0,
        [126.0, 124.0, 118.0],
        1.0,
    );
    for i in 0..60 {
        let x = 742.0 + i as f32 * 9.9;
        c.line(
            (x, deck - 10.0),
            (x, deck - 24.0),
            2.0,
            [210.0, 208.0, 202.0],
            1.0,
        );
    }
    c.line(
        (740.0, deck - 24.0),
        (1_330.0, deck - 24.0),
        3.0,
        [214.0, 212.0, 206.0],
        1.0,
    );
    // The near bank: stone facing, a path on top with a railing.
    let bank = [
        (0.0, 900.0),
        (SPACE_W, 800.0),
        (SPACE_W, SPACE_H),
        (0.0, SPACE_H),
    ];
    c.poly_fn(&bank, |x, y| {
        let along = y - (900.0 - x * 100.0 / SPACE_W);
        let (row, col) = (
            (along / 26.0).floor(),
            ((x + 31.0 * (along / 26.0).floor()) / 64.0).floor(),
        );
        let seam = (along / 26.0).fract() < 0.09 || ((x + 31.0 * row) / 64.0).fract() < 0.04;
        let stone = 0.8 + 0.25 * hash(col as i32, row as i32) + 0.16 * noise(x / 6.0, y / 6.0);
        let wet = if along < 34.0 { 0.66 } else { 1.0 };
        (
            shade(
                [150.0, 144.0, 132.0],
                stone * wet * if seam { 0.66 } else { 1.0 },
            ),
            1.0,
        )
    });
    let path = [
        (0.0, 1_006.0),
        (SPACE_W, 906.0),
        (SPACE_W, SPACE_H),
        (0.0, SPACE_H),
    ];
    c.poly_fn(&path, |x, y| {
        (
            shade(
                [186.0, 180.0, 168.0],
                0.84 + 0.2 * noise(x / 5.0, y / 4.0) + 0.08 * clouds(x / 90.0, y / 50.0),
            ),
            1.0,
        )
    });
    // The staff: a white board with the E marks of a gauge, red and blue by metres.
    let (x, top, bottom) = (1_430.0, 420.0, 850.0);
    c.rect(
        x + 46.0,
        top - 20.0,
        x + 64.0,
        bottom + 30.0,
        [128.0, 130.0, 132.0],
        1.0,
    );
    c.rect(x, top, x + 60.0, bottom, [244.0, 244.0, 240.0], 1.0);
    let metre = (bottom - top) / 5.0;
    for m in 0..5 {
        let y0 = bottom - metre * (m as f32 + 1.0);
        let ink: Rgb = if m % 2 == 0 {
            [196.0, 30.0, 34.0]
        } else {
            [24.0, 64.0, 156.0]
        };
        for half in 0..2 {
            let y = y0 + metre / 2.0 * half as f32;
            let (l, r) = if half == 0 {
                (x + 4.0, x + 32.0)
            } else {
                (x + 28.0, x + 56.0)
            };
            let spine = if half == 0 {
                (l, l + 8.0)
            } else {
                (r - 8.0, r)
            };
            c.rect(spine.0, y + 3.0, spine.1, y + metre / 2.0 - 3.0, ink, 1.0);
            for k in 0..5 {
                let ky = y + 3.0 + (metre / 2.0 - 15.0) * k as f32 / 4.0;
                c.rect(l, ky, r, ky + 8.0, ink, if k % 2 == 0 { 1.0 } else { 0.0 });
            }
        }
        super::text::write(
            c,
            &(m + 1).to_string(),
            x + 38.0,
            y0 + 8.0,
            22.0,
            super::text::Ink::Black,
        );
    }
    for i in 0..=16 {
        let px = i as f32 * 120.0;
        let y = 1_012.0 - px * 100.0 / SPACE_W;
        c.line((px, y), (px, y - 92.0), 8.0, [176.0, 182.0, 186.0], 1.0);
    }
    for up in [40.0, 88.0] {
        c.line(
            (0.0, 1_012.0 - up),
            (SPACE_W, 912.0 - up),
            6.0,
            [190.0, 196.0, 200.0],
            1.0,
        );
    }
}

/// A car park: bays on both sides of a lane, a market hall behind.
pub(crate) fn carpark(c: &mut Canvas<'_>) {
    const GROUND: f32 = 400.0;
    sky(c, 300.0);
    ridge(c, 330.0, 130.0, 21.4, 0.5);
    c.rect(0.0, 300.0, SPACE_W, GROUND, [132.0, 136.0, 126.0], 1.0);
    block(
        c,
        (-30.0, GROUND),
        (420.0, 300.0),
        4,
        [208.0, 200.0, 186.0],
        [40.0, 96.0, 150.0],
    );
    block(
        c,
        (1_560.0, GROUND),
        (400.0, 320.0),
        4,
        [222.0, 208.0, 190.0],
        [176.0, 52.0, 40.0],
    );
    // The hall.
    c.poly_fn(
        &[
            (400.0, GROUND),
            (400.0, 248.0),
            (1_540.0, 248.0),
            (1_540.0, GROUND),
        ],
        |x, y| {
            let rib = ((x / 22.0).fract() - 0.5).abs() * 0.12;
            (
                shade(
                    [196.0, 202.0, 204.0],
                    0.86 + rib + 0.08 * noise(x / 40.0, y / 40.0),
                ),
                1.0,
            )
        },
    );
    c.poly(
        &[
            (380.0, 252.0),
            (460.0, 196.0),
            (1_480.0, 196.0),
            (1_560.0, 252.0),
        ],
        [62.0, 104.0, 150.0],
        1.0,
    );
    c.poly(
        &[
            (380.0, 252.0),
            (400.0, 238.0),
            (1_540.0, 238.0),
            (1_560.0, 252.0),
        ],
        [48.0, 80.0, 118.0],
        1.0,
    );
    for i in 0..6 {
        let x = 450.0 + i as f32 * 180.0;
        c.rect(x, 308.0, x + 120.0, GROUND, [86.0, 90.0, 94.0], 1.0);
        for k in 0..9 {
            c.rect(
                x,
                310.0 + k as f32 * 10.0,
                x + 120.0,
                313.0 + k as f32 * 10.0,
                [120.0, 124.0, 128.0],
                1.0,
            );
        }
    }
    hedge(c, -20.0, 1_940.0, 424.0, 46.0, 31);
    for (i, x) in [200.0, 620.0, 1_070.0, 1_480.0, 1_790.0]
        .into_iter()
        .enumerate()
    {
        tree(c, (x, 424.0), 150.0, i as i32 + 90);
    }
    c.poly_fn(&full(422.0, SPACE_H), |x, y| {
        let oil = (clouds(x / 120.0, y / 50.0) - 0.5).max(0.0) * 0.4;
        (
            shade(
                [92.0, 94.0, 98.0],
                0.92 + 0.22 * noise(x / 2.5, y / 2.0) + 0.1 * clouds(x / 320.0, y / 120.0) - oil,
            ),
            1.0,
        )
    });
    c.rect(0.0, 422.0, SPACE_W, 434.0, [186.0, 184.0, 178.0], 1.0);
    // Bays of the far row, and of the near one, towards a common vanishing point.
    let to = |k: f32, y: f32| 960.0 + k * (y - 120.0);
    let white = [228.0, 228.0, 222.0];
    for (y0, y1, step) in [(438.0, 560.0, 0.44), (838.0, SPACE_H, 0.44)] {
        for i in -6..=6 {
            let k = i as f32 * step;
            let w = 0.011;
            c.poly(
                &[
                    (to(k - w, y0), y0),
                    (to(k + w, y0), y0),
                    (to(k + w, y1), y1),
                    (to(k - w, y1), y1),
                ],
                white,
                0.82,
            );
        }
    }
    c.rect(0.0, 558.0, SPACE_W, 564.0, white, 0.75);
    c.rect(0.0, 832.0, SPACE_W, 840.0, white, 0.75);
    // Arrows in the lane.
    for x in [430.0, 1_300.0] {
        c.poly(
            &[
                (x, 694.0),
                (x + 150.0, 694.0),
                (x + 150.0, 674.0),
                (x + 230.0, 702.0),
                (x + 150.0, 730.0),
                (x + 150.0, 710.0),
                (x, 710.0),
            ],
            white,
            0.72,
        );
    }
    let paints: [Rgb; 6] = [
        [206.0, 208.0, 210.0],
        [48.0, 52.0, 60.0],
        [150.0, 34.0, 36.0],
        [232.0, 232.0, 228.0],
        [58.0, 88.0, 132.0],
        [128.0, 122.0, 112.0],
    ];
    for (i, bay) in [-5.0f32, -4.0, -2.0, -1.0, 0.0, 2.0, 3.0, 4.0]
        .into_iter()
        .enumerate()
    {
        let y = 530.0;
        let foot = (to((bay + 0.5) * 0.44, y), y);
        movers::car_end(
            c,
            Pose {
                foot,
                metre: 74.0,
                facing: 1.0,
                gone: 0.0,
            },
            paints[i % 6],
            i % 3 != 1,
        );
    }
    for (i, bay) in [-2.0f32, -1.0, 1.0].into_iter().enumerate() {
        let y = 1_062.0;
        let foot = (to((bay + 0.5) * 0.44, y), y);
        movers::car_end(
            c,
            Pose {
                foot,
                metre: 168.0,
                facing: 1.0,
                gone: 0.0,
            },
            paints[(i * 2 + 3) % 6],
            false,
        );
    }
    lamp(c, (60.0, 600.0), 420.0, 1.0);
    lamp(c, (1_860.0, 600.0), 420.0, -1.0);
}

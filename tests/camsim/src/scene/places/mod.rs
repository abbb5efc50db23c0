//! The four places, drawn once for each size of picture, and here the parts that they are made of.

mod carpark;
mod river;
mod road;
mod square;

pub(super) use self::{carpark::carpark, river::river, road::road, square::square};
use super::canvas::{Canvas, Point, Rgb, SPACE_W, clouds, hash, mix, noise, shade};

const LEAVES: [Rgb; 4] = [
    [52.0, 84.0, 40.0],
    [70.0, 104.0, 48.0],
    [88.0, 122.0, 60.0],
    [44.0, 72.0, 42.0],
];

pub(super) fn full(top: f32, bottom: f32) -> [Point; 4] {
    [(0.0, top), (SPACE_W, top), (SPACE_W, bottom), (0.0, bottom)]
}

/// Sky with thin clouds, down to `horizon`.
pub(super) fn sky(c: &mut Canvas<'_>, horizon: f32) {
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
pub(super) fn ridge(c: &mut Canvas<'_>, base: f32, height: f32, seed: f32, haze: f32) {
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
pub(super) fn tree(c: &mut Canvas<'_>, foot: Point, h: f32, seed: i32) {
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
pub(super) fn hedge(c: &mut Canvas<'_>, x0: f32, x1: f32, y: f32, h: f32, seed: i32) {
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
pub(super) fn house(c: &mut Canvas<'_>, x: f32, ground: f32, w: f32, h: f32, wall: Rgb) {
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

pub(super) fn window(c: &mut Canvas<'_>, x: f32, y: f32, w: f32, h: f32) {
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
pub(super) fn block(
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

pub(super) fn lamp(c: &mut Canvas<'_>, foot: Point, h: f32, side: f32) {
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

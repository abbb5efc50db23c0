//! A town square with shops round it.

use super::{block, full, lamp, ridge, sky, tree};
use crate::scene::canvas::{Canvas, Rgb, SPACE_H, SPACE_W, clouds, hash, noise, shade};

/// Town square: paving, shops behind, a flower bed with a flag pole.
pub(in crate::scene) fn square(c: &mut Canvas<'_>) {
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

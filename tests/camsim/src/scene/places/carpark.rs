//! A car park before a market hall.

use super::{block, full, hedge, lamp, ridge, sky, tree};
use crate::scene::{
    canvas::{Canvas, Rgb, SPACE_H, SPACE_W, clouds, noise, shade},
    movers::{self, Pose},
};

/// A car park: bays on both sides of a lane, a market hall behind.
pub(in crate::scene) fn carpark(c: &mut Canvas<'_>) {
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

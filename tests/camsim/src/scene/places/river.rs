//! A river with a staff gauge.

use super::{full, house, ridge, sky, tree};
use crate::scene::canvas::{Canvas, Point, Rgb, SPACE_H, SPACE_W, clouds, hash, mix, noise, shade};

/// A river with a staff gauge at the near bank and a bridge upstream.
pub(in crate::scene) fn river(c: &mut Canvas<'_>) {
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
        super::super::text::write(
            c,
            &(m + 1).to_string(),
            x + 38.0,
            y0 + 8.0,
            22.0,
            super::super::text::Ink::Black,
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

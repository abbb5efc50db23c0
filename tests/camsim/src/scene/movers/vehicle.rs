//! Cars, two-wheelers and the boat.

use super::{GLASS, HAIR, Pose, SKIN, TYRE, at, person, place};
use crate::scene::canvas::{Canvas, Point, Rgb, shade};

/// A car from its side, 4.4 m long. Parked cars are drawn with it too.
pub(super) fn car_side(c: &mut Canvas<'_>, pose: Pose, paint: Rgb) {
    let m = pose.metre;
    c.shadow(
        (pose.foot.0, pose.foot.1 - 0.03 * m),
        2.6 * m,
        0.24 * m,
        0.85,
    );
    let body = [
        (-2.2, 0.32),
        (-2.22, 0.62),
        (-2.12, 0.92),
        (-1.55, 1.0),
        (-0.95, 1.43),
        (0.45, 1.46),
        (1.15, 0.98),
        (1.95, 0.86),
        (2.18, 0.66),
        (2.2, 0.34),
    ];
    c.poly(&place(pose, &body), paint, 1.0);
    let top = [(-1.55, 1.0), (-0.95, 1.43), (0.45, 1.46), (1.15, 0.98)];
    c.poly(&place(pose, &top), shade(paint, 1.08), 1.0);
    c.poly(
        &place(
            pose,
            &[(-1.36, 1.0), (-0.9, 1.36), (-0.28, 1.38), (-0.28, 0.99)],
        ),
        GLASS,
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[(-0.18, 0.99), (-0.18, 1.38), (0.4, 1.39), (0.98, 0.98)],
        ),
        GLASS,
        1.0,
    );
    c.poly(
        &place(pose, &[(-0.1, 1.36), (0.12, 1.37), (0.62, 1.0), (0.3, 1.0)]),
        [150.0, 168.0, 180.0],
        0.55,
    );
    c.poly(
        &place(
            pose,
            &[(-2.2, 0.32), (-2.21, 0.52), (2.19, 0.52), (2.2, 0.34)],
        ),
        shade(paint, 0.62),
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[(-2.16, 0.86), (1.9, 0.84), (1.9, 0.87), (-2.14, 0.9)],
        ),
        shade(paint, 1.35),
        0.8,
    );
    c.line(
        at(pose, -0.23, 0.5),
        at(pose, -0.23, 0.98),
        0.02 * m,
        shade(paint, 0.5),
        1.0,
    );
    c.line(
        at(pose, 1.0, 0.5),
        at(pose, 1.0, 0.94),
        0.02 * m,
        shade(paint, 0.5),
        1.0,
    );
    c.ellipse(
        at(pose, 2.08, 0.7),
        0.12 * m,
        0.08 * m,
        [250.0, 246.0, 220.0],
        1.0,
    );
    c.ellipse(
        at(pose, -2.14, 0.76),
        0.07 * m,
        0.1 * m,
        [190.0, 30.0, 26.0],
        1.0,
    );
    for x in [-1.36, 1.36] {
        wheel(c, at(pose, x, 0.33), 0.33 * m, pose.gone / 0.33);
    }
}

fn wheel(c: &mut Canvas<'_>, center: Point, radius: f32, turn: f32) {
    c.ellipse(center, radius, radius, TYRE, 1.0);
    c.ellipse(
        center,
        radius * 0.62,
        radius * 0.62,
        [158.0, 160.0, 164.0],
        1.0,
    );
    for spoke in 0..5 {
        let a = turn + spoke as f32 * std::f32::consts::TAU / 5.0;
        let end = (
            center.0 + a.cos() * radius * 0.55,
            center.1 + a.sin() * radius * 0.55,
        );
        c.line(center, end, radius * 0.16, [72.0, 74.0, 78.0], 1.0);
    }
}

/// A car from the front or from behind, 1.8 m wide.
pub(crate) fn car_end(c: &mut Canvas<'_>, pose: Pose, paint: Rgb, front: bool) {
    let m = pose.metre;
    c.shadow((pose.foot.0, pose.foot.1), 1.25 * m, 0.26 * m, 0.8);
    for x in [-0.72, 0.72] {
        let (cx, cy) = at(pose, x, 0.24);
        c.rect(
            cx - 0.13 * m,
            cy - 0.2 * m,
            cx + 0.13 * m,
            cy + 0.24 * m,
            TYRE,
            1.0,
        );
    }
    c.poly(
        &place(
            pose,
            &[
                (-0.9, 0.2),
                (-0.93, 0.7),
                (-0.82, 0.98),
                (0.82, 0.98),
                (0.93, 0.7),
                (0.9, 0.2),
            ],
        ),
        paint,
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[
                (-0.82, 0.97),
                (-0.6, 1.46),
                (-0.45, 1.52),
                (0.45, 1.52),
                (0.6, 1.46),
                (0.82, 0.97),
            ],
        ),
        shade(paint, 1.06),
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[(-0.74, 0.98), (-0.54, 1.43), (0.54, 1.43), (0.74, 0.98)],
        ),
        GLASS,
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[(-0.3, 0.98), (-0.12, 1.43), (0.2, 1.43), (0.1, 0.98)],
        ),
        [150.0, 168.0, 180.0],
        0.4,
    );
    c.poly(
        &place(
            pose,
            &[(-0.9, 0.2), (-0.92, 0.42), (0.92, 0.42), (0.9, 0.2)],
        ),
        shade(paint, 0.55),
        1.0,
    );
    let lamp = if front {
        [255.0, 252.0, 226.0]
    } else {
        [205.0, 32.0, 28.0]
    };
    for x in [-0.7, 0.7] {
        c.ellipse(at(pose, x, 0.74), 0.17 * m, 0.085 * m, lamp, 1.0);
    }
    if front {
        c.poly(
            &place(pose, &[(-0.4, 0.5), (-0.44, 0.7), (0.44, 0.7), (0.4, 0.5)]),
            [36.0, 38.0, 42.0],
            1.0,
        );
    }
    c.poly(
        &place(
            pose,
            &[(-0.24, 0.34), (-0.24, 0.46), (0.24, 0.46), (0.24, 0.34)],
        ),
        [40.0, 84.0, 170.0],
        1.0,
    );
}

pub(super) fn scooter(c: &mut Canvas<'_>, pose: Pose, coat: Rgb) {
    let m = pose.metre;
    c.shadow(pose.foot, 0.55 * m, 0.14 * m, 0.7);
    let (x, y) = at(pose, 0.0, 0.0);
    c.rect(x - 0.08 * m, y - 0.5 * m, x + 0.08 * m, y, TYRE, 1.0);
    c.poly(
        &place(
            pose,
            &[(-0.2, 0.42), (-0.24, 0.75), (0.24, 0.75), (0.2, 0.42)],
        ),
        [186.0, 38.0, 42.0],
        1.0,
    );
    c.ellipse(
        at(pose, 0.0, 0.62),
        0.1 * m,
        0.05 * m,
        [255.0, 70.0, 60.0],
        1.0,
    );
    for side in [-1.0, 1.0] {
        c.line(
            at(pose, side * 0.16, 0.85),
            at(pose, side * 0.28, 0.42),
            0.16 * m,
            [48.0, 52.0, 64.0],
            1.0,
        );
        c.line(
            at(pose, side * 0.22, 1.4),
            at(pose, side * 0.42, 1.1),
            0.12 * m,
            shade(coat, 0.8),
            1.0,
        );
    }
    c.poly(
        &place(
            pose,
            &[
                (-0.2, 0.78),
                (-0.27, 1.38),
                (-0.12, 1.5),
                (0.12, 1.5),
                (0.27, 1.38),
                (0.2, 0.78),
            ],
        ),
        coat,
        1.0,
    );
    c.ellipse(
        at(pose, 0.0, 1.66),
        0.16 * m,
        0.17 * m,
        [236.0, 236.0, 232.0],
        1.0,
    );
}

pub(super) fn bicycle(c: &mut Canvas<'_>, pose: Pose, coat: Rgb) {
    let m = pose.metre;
    c.shadow(pose.foot, 1.0 * m, 0.14 * m, 0.6);
    let frame: Rgb = [40.0, 110.0, 170.0];
    for x in [-0.52, 0.52] {
        c.ellipse(at(pose, x, 0.33), 0.33 * m, 0.33 * m, TYRE, 1.0);
        c.ellipse(
            at(pose, x, 0.33),
            0.28 * m,
            0.28 * m,
            [150.0, 152.0, 150.0],
            1.0,
        );
        let a = pose.gone / 0.33;
        for spoke in 0..4 {
            let a = a + spoke as f32 * 0.785;
            c.line(
                at(pose, x - a.cos() * 0.28, 0.33 - a.sin() * 0.28),
                at(pose, x + a.cos() * 0.28, 0.33 + a.sin() * 0.28),
                0.02 * m,
                [80.0; 3],
                1.0,
            );
        }
    }
    for (a, b) in [
        ((-0.52, 0.33), (0.0, 0.3)),
        ((-0.52, 0.33), (-0.2, 0.82)),
        ((0.0, 0.3), (-0.2, 0.82)),
        ((-0.2, 0.78), (0.4, 0.8)),
        ((0.0, 0.3), (0.4, 0.8)),
        ((0.52, 0.33), (0.38, 0.98)),
    ] {
        c.line(at(pose, a.0, a.1), at(pose, b.0, b.1), 0.05 * m, frame, 1.0);
    }
    let a = pose.gone / 0.9 * std::f32::consts::TAU / 2.0;
    for (turn, dark) in [(0.0, 0.7), (std::f32::consts::PI, 1.0)] {
        let pedal = ((a + turn).cos() * 0.16, 0.3 - (a + turn).sin() * 0.16);
        let knee = (0.16 + pedal.0 * 0.5, 0.62 + (pedal.1 - 0.3) * 0.5);
        c.line(
            at(pose, -0.18, 0.92),
            at(pose, knee.0, knee.1),
            0.16 * m,
            shade([54.0, 58.0, 84.0], dark),
            1.0,
        );
        c.line(
            at(pose, knee.0, knee.1),
            at(pose, pedal.0, pedal.1),
            0.12 * m,
            shade([54.0, 58.0, 84.0], dark),
            1.0,
        );
    }
    c.poly(
        &place(
            pose,
            &[
                (-0.32, 0.9),
                (-0.26, 1.3),
                (0.0, 1.48),
                (0.12, 1.4),
                (0.02, 1.2),
                (-0.08, 0.88),
            ],
        ),
        coat,
        1.0,
    );
    c.line(
        at(pose, 0.02, 1.36),
        at(pose, 0.4, 1.0),
        0.1 * m,
        shade(coat, 0.85),
        1.0,
    );
    c.ellipse(at(pose, 0.12, 1.6), 0.11 * m, 0.13 * m, SKIN, 1.0);
    c.ellipse(at(pose, 0.09, 1.67), 0.12 * m, 0.09 * m, HAIR, 1.0);
}

pub(super) fn boat(c: &mut Canvas<'_>, pose: Pose) {
    let m = pose.metre;
    let rock = (pose.gone * 0.9).sin() * 0.03;
    let pose = Pose {
        foot: (pose.foot.0, pose.foot.1 + rock * m),
        ..pose
    };
    c.poly(
        &place(
            pose,
            &[(-3.2, -0.1), (3.2, -0.1), (2.4, -0.75), (-2.4, -0.75)],
        ),
        [48.0, 66.0, 66.0],
        0.45,
    );
    c.poly(
        &place(
            pose,
            &[
                (-3.4, 0.55),
                (-2.7, -0.05),
                (2.7, -0.05),
                (3.5, 0.62),
                (2.9, 0.36),
                (-2.9, 0.32),
            ],
        ),
        [96.0, 66.0, 42.0],
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[
                (-3.4, 0.55),
                (-2.9, 0.32),
                (2.9, 0.36),
                (3.5, 0.62),
                (2.9, 0.48),
                (-2.9, 0.44),
            ],
        ),
        [140.0, 102.0, 66.0],
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[
                (-1.7, 0.4),
                (-1.5, 1.15),
                (-0.9, 1.4),
                (0.2, 1.4),
                (0.7, 1.1),
                (0.8, 0.4),
            ],
        ),
        [146.0, 124.0, 82.0],
        1.0,
    );
    c.poly(
        &place(pose, &[(-1.7, 0.4), (-1.5, 1.15), (-0.9, 1.4), (-0.8, 0.4)]),
        [112.0, 92.0, 60.0],
        1.0,
    );
    let pole = 0.5 + 0.4 * (pose.gone * 1.3).sin();
    let who = Pose {
        foot: at(pose, 2.0, 0.4),
        gone: 0.0,
        ..pose
    };
    person(c, who, [60.0, 92.0, 128.0], [70.0, 66.0, 62.0]);
    c.poly(
        &place(who, &[(-0.34, 1.66), (0.0, 1.9), (0.34, 1.66)]),
        [206.0, 180.0, 120.0],
        1.0,
    );
    c.line(
        at(who, 0.3 + pole * 0.3, 2.3),
        at(who, -0.2 - pole, -0.9),
        0.05 * m,
        [176.0, 150.0, 96.0],
        1.0,
    );
}

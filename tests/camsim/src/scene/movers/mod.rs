//! People and vehicles, drawn anew in each picture. Here: what there is, and people.

mod vehicle;

pub(crate) use self::vehicle::car_end;
use self::vehicle::{bicycle, boat, car_side, scooter};
use super::canvas::{Canvas, Point, Rgb, shade};

const SKIN: Rgb = [214.0, 170.0, 140.0];
const HAIR: Rgb = [32.0, 28.0, 28.0];
const GLASS: Rgb = [52.0, 66.0, 78.0];
const TYRE: Rgb = [28.0, 28.0, 30.0];

/// What moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Someone on foot: coat and trousers.
    Person(Rgb, Rgb),
    /// Someone with an open umbrella.
    Umbrella(Rgb, Rgb),
    /// A car from its side.
    CarSide(Rgb),
    /// A car that comes towards us.
    CarFront(Rgb),
    /// Someone on an electric scooter, from behind.
    ScooterRear(Rgb),
    /// Someone on a bicycle, from the side.
    Bicycle(Rgb),
    /// A narrow boat with someone who poles it.
    Boat,
}

/// Where to draw, and how big.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pose {
    /// The middle of where it touches the ground.
    pub(crate) foot: Point,
    /// Units of the space a metre there.
    pub(crate) metre: f32,
    /// -1 leftwards, 1 rightwards.
    pub(crate) facing: f32,
    /// Metres gone so far: moves legs and wheels.
    pub(crate) gone: f32,
}

/// Draws one.
pub(crate) fn draw(c: &mut Canvas<'_>, kind: Kind, pose: Pose) {
    match kind {
        Kind::Person(coat, trousers) => person(c, pose, coat, trousers),
        Kind::Umbrella(coat, cloth) => {
            person(c, pose, coat, [52.0, 54.0, 66.0]);
            umbrella(c, pose, cloth);
        }
        Kind::CarSide(paint) => car_side(c, pose, paint),
        Kind::CarFront(paint) => car_end(c, pose, paint, true),
        Kind::ScooterRear(coat) => scooter(c, pose, coat),
        Kind::Bicycle(coat) => bicycle(c, pose, coat),
        Kind::Boat => boat(c, pose),
    }
}

/// Puts a shape given in metres (x forwards, y up) on the picture.
fn place(pose: Pose, points: &[Point]) -> Vec<Point> {
    points
        .iter()
        .map(|&(x, y)| {
            (
                pose.foot.0 + x * pose.metre * pose.facing,
                pose.foot.1 - y * pose.metre,
            )
        })
        .collect()
}

fn at(pose: Pose, x: f32, y: f32) -> Point {
    (
        pose.foot.0 + x * pose.metre * pose.facing,
        pose.foot.1 - y * pose.metre,
    )
}

fn person(c: &mut Canvas<'_>, pose: Pose, coat: Rgb, trousers: Rgb) {
    let m = pose.metre;
    c.shadow(
        (pose.foot.0 + 0.25 * m, pose.foot.1),
        0.62 * m,
        0.14 * m,
        0.5,
    );
    // A step is 0.7 m; legs and arms swing against each other.
    let swing = (pose.gone / 0.7 * std::f32::consts::PI).sin();
    for (side, dark) in [(-1.0, 0.72), (1.0, 1.0)] {
        let s = swing * side * 0.24;
        let (knee, ankle) = (
            at(pose, s * 0.6 + 0.03, 0.47),
            at(pose, s - 0.03 * side, 0.05),
        );
        let hip = at(pose, 0.0, 0.9);
        c.line(hip, knee, 0.19 * m, shade(trousers, dark), 1.0);
        c.line(knee, ankle, 0.14 * m, shade(trousers, dark), 1.0);
        c.ellipse(
            (ankle.0 + 0.05 * m * pose.facing, ankle.1),
            0.13 * m,
            0.055 * m,
            [38.0, 34.0, 34.0],
            1.0,
        );
    }
    let arm = |c: &mut Canvas<'_>, side: f32, dark: f32| {
        let (elbow, hand) = (
            at(pose, -swing * side * 0.14, 1.12),
            at(pose, -swing * side * 0.26 + 0.05, 0.88),
        );
        c.line(at(pose, 0.0, 1.42), elbow, 0.12 * m, shade(coat, dark), 1.0);
        c.line(elbow, hand, 0.1 * m, shade(coat, dark), 1.0);
        c.ellipse(hand, 0.05 * m, 0.055 * m, SKIN, 1.0);
    };
    arm(c, -1.0, 0.68);
    let body = [
        (-0.17, 0.86),
        (0.17, 0.86),
        (0.2, 1.2),
        (0.19, 1.42),
        (0.1, 1.5),
        (-0.1, 1.5),
        (-0.2, 1.42),
        (-0.2, 1.2),
    ];
    c.poly(&place(pose, &body), coat, 1.0);
    let shaded = [
        (-0.17, 0.86),
        (-0.06, 0.86),
        (-0.08, 1.5),
        (-0.1, 1.5),
        (-0.2, 1.42),
        (-0.2, 1.2),
    ];
    c.poly(&place(pose, &shaded), shade(coat, 0.74), 1.0);
    arm(c, 1.0, 0.86);
    c.ellipse(
        at(pose, 0.0, 1.52),
        0.07 * m,
        0.08 * m,
        shade(SKIN, 0.85),
        1.0,
    );
    c.ellipse(at(pose, 0.02, 1.63), 0.105 * m, 0.13 * m, SKIN, 1.0);
    c.poly(
        &place(
            pose,
            &[
                (-0.13, 1.58),
                (-0.13, 1.72),
                (-0.05, 1.79),
                (0.06, 1.79),
                (0.13, 1.71),
                (0.0, 1.7),
                (-0.06, 1.6),
            ],
        ),
        HAIR,
        1.0,
    );
}

fn umbrella(c: &mut Canvas<'_>, pose: Pose, cloth: Rgb) {
    c.line(
        at(pose, 0.12, 1.1),
        at(pose, 0.12, 2.05),
        0.03 * pose.metre,
        [60.0, 60.0, 64.0],
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[
                (-0.5, 1.78),
                (-0.3, 2.0),
                (0.12, 2.12),
                (0.54, 2.0),
                (0.74, 1.78),
                (0.4, 1.86),
                (0.12, 1.82),
                (-0.16, 1.86),
            ],
        ),
        cloth,
        1.0,
    );
    c.poly(
        &place(
            pose,
            &[(-0.5, 1.78), (-0.3, 2.0), (0.12, 2.12), (-0.16, 1.86)],
        ),
        shade(cloth, 0.75),
        1.0,
    );
}

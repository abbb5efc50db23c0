//! Pictures drawn for tests: a textured place, things in it, a sensor's noise.

use crate::picture::Small;

/// A small generator of its own, so that every run draws the same.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// About normal, standard deviation 1.
    pub(crate) fn next(&mut self) -> f32 {
        let mut sum = 0.0;
        for _ in 0..4 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            sum += (self.0 >> 40) as f32 / (1u64 << 24) as f32 - 0.5;
        }
        sum * 1.73
    }
}

/// A rectangle: left, top, width, height in shares of the picture, and its brightness.
#[derive(Clone, Copy)]
pub(crate) struct Thing(
    pub(crate) f32,
    pub(crate) f32,
    pub(crate) f32,
    pub(crate) f32,
    pub(crate) f32,
);

/// Luma as coded, before the small picture is made.
pub(crate) fn luma(
    width: u32,
    height: u32,
    things: &[Thing],
    light: f32,
    grain: f32,
    noise: &mut Noise,
) -> Vec<u8> {
    let mut out = Vec::with_capacity((width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            // Walls and floor: a horizon, window frames, tiles.
            let tiles = if v > 0.6 {
                25.0 * ((u * 40.0).sin() * (v * 50.0).cos())
            } else {
                0.0
            };
            let frames = if (u * 6.0).fract() < 0.1 && v < 0.6 {
                -60.0
            } else {
                0.0
            };
            let mut value = 120.0 + 40.0 * (0.6 - v) + tiles + frames;
            for Thing(left, top, w, h, brightness) in things {
                if u >= *left && u < left + w && v >= *top && v < top + h {
                    // Clothes have folds.
                    value =
                        brightness + 12.0 * (((u - left) * 60.0).sin() + ((v - top) * 45.0).cos());
                }
            }
            out.push((value * light + grain * noise.next()).clamp(16.0, 235.0) as u8);
        }
    }
    out
}

/// The place in daylight, with a sensor's usual noise.
pub(crate) fn draw(at: f64, width: u32, height: u32, things: &[Thing], noise: &mut Noise) -> Small {
    let luma = luma(width, height, things, 1.0, 2.0, noise);
    Small::of(at, width, height, &luma).expect("as many bytes as pixels")
}

//! A small painter: polygons with soft edges, straight into the planes of an I420 picture.
//!
//! Everything is drawn in a space of 1,920 by 1,080 whatever the size of the picture, so one
//! drawing serves the main and the sub stream.

/// Width of the space that is drawn in.
pub(crate) const SPACE_W: f32 = 1_920.0;
/// Height of it.
pub(crate) const SPACE_H: f32 = 1_080.0;
/// Rows that each row of pixels is sampled at; across, coverage is exact.
const SUB_ROWS: usize = 4;

/// Red, green, blue, each 0 to 255.
pub(crate) type Rgb = [f32; 3];
/// A point of the space.
pub(crate) type Point = (f32, f32);

/// An I420 picture being drawn.
#[derive(Debug)]
pub(crate) struct Canvas<'a> {
    planes: [Plane<'a>; 3],
    coverage: Vec<f32>,
    crossings: Vec<f32>,
}

#[derive(Debug)]
struct Plane<'a> {
    data: &'a mut [u8],
    width: usize,
    height: usize,
    /// Pixels a unit of the space.
    scale: (f32, f32),
}

impl<'a> Canvas<'a> {
    /// Takes planes without padding; width and height are even.
    pub(crate) fn new(i420: &'a mut [u8], width: usize, height: usize) -> Self {
        let (y, chroma) = i420.split_at_mut(width * height);
        let (u, v) = chroma.split_at_mut(width / 2 * (height / 2));
        let plane = |data, width: usize, height: usize| Plane {
            data,
            width,
            height,
            scale: (width as f32 / SPACE_W, height as f32 / SPACE_H),
        };
        let planes = [
            plane(y, width, height),
            plane(u, width / 2, height / 2),
            plane(v, width / 2, height / 2),
        ];
        Self {
            planes,
            coverage: Vec::new(),
            crossings: Vec::new(),
        }
    }

    /// The luma plane, its width and its height.
    pub(crate) fn luma(&mut self) -> (&mut [u8], usize, usize) {
        let plane = &mut self.planes[0];
        (plane.data, plane.width, plane.height)
    }

    /// Takes most of the colour from a rectangle of pixels, so that letters on it are white.
    pub(crate) fn fade_colour(&mut self, xs: std::ops::Range<usize>, ys: std::ops::Range<usize>) {
        for plane in &mut self.planes[1..] {
            for y in ys.start / 2..(ys.end / 2).min(plane.height) {
                for x in xs.start / 2..(xs.end / 2).min(plane.width) {
                    let value = &mut plane.data[y * plane.width + x];
                    *value = ((u16::from(*value) + 3 * 128) / 4) as u8;
                }
            }
        }
    }

    /// A polygon (even-odd) of one colour.
    pub(crate) fn poly(&mut self, points: &[Point], color: Rgb, alpha: f32) {
        let yuv = to_yuv(color);
        self.paint(points, |channel, _, _| (yuv[channel], alpha));
    }

    /// A polygon whose colour and opacity depend on the place. For backgrounds: slow.
    pub(crate) fn poly_fn(&mut self, points: &[Point], color: impl Fn(f32, f32) -> (Rgb, f32)) {
        self.paint(points, |channel, x, y| {
            let (rgb, alpha) = color(x, y);
            (to_yuv(rgb)[channel], alpha)
        });
    }

    /// A rectangle from corner to corner.
    pub(crate) fn rect(&mut self, x0: f32, y0: f32, x1: f32, y1: f32, color: Rgb, alpha: f32) {
        self.poly(&[(x0, y0), (x1, y0), (x1, y1), (x0, y1)], color, alpha);
    }

    /// An ellipse.
    pub(crate) fn ellipse(&mut self, center: Point, rx: f32, ry: f32, color: Rgb, alpha: f32) {
        self.poly(&ellipse(center, rx, ry), color, alpha);
    }

    /// A dark patch with soft edges.
    pub(crate) fn shadow(&mut self, center: Point, rx: f32, ry: f32, alpha: f32) {
        let dark = to_yuv([18.0, 20.0, 26.0]);
        self.paint(&ellipse(center, rx, ry), |channel, x, y| {
            let d = ((x - center.0) / rx).hypot((y - center.1) / ry);
            (dark[channel], alpha * (1.0 - d * d).clamp(0.0, 1.0))
        });
    }

    /// A straight line.
    pub(crate) fn line(&mut self, a: Point, b: Point, width: f32, color: Rgb, alpha: f32) {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx.hypot(dy).max(0.001);
        let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
        self.poly(
            &[
                (a.0 + nx, a.1 + ny),
                (b.0 + nx, b.1 + ny),
                (b.0 - nx, b.1 - ny),
                (a.0 - nx, a.1 - ny),
            ],
            color,
            alpha,
        );
    }

    fn paint(&mut self, points: &[Point], color: impl Fn(usize, f32, f32) -> (f32, f32)) {
        let Self {
            planes,
            coverage,
            crossings,
        } = self;
        for (channel, plane) in planes.iter_mut().enumerate() {
            let (sx, sy) = plane.scale;
            let (mut left, mut right, mut top, mut bottom) =
                (f32::MAX, f32::MIN, f32::MAX, f32::MIN);
            for &(x, y) in points {
                (left, right) = (left.min(x * sx), right.max(x * sx));
                (top, bottom) = (top.min(y * sy), bottom.max(y * sy));
            }
            let (x0, x1) = (
                left.floor().max(0.0) as usize,
                (right.ceil().max(0.0) as usize).min(plane.width),
            );
            let (y0, y1) = (
                top.floor().max(0.0) as usize,
                (bottom.ceil().max(0.0) as usize).min(plane.height),
            );
            if x0 >= x1 {
                continue;
            }
            for row in y0..y1 {
                coverage.clear();
                coverage.resize(x1 - x0, 0.0);
                for sub in 0..SUB_ROWS {
                    let y = row as f32 + (sub as f32 + 0.5) / SUB_ROWS as f32;
                    cross(points, (sx, sy), y, crossings);
                    for pair in crossings.chunks_exact(2) {
                        cover(coverage, pair[0] - x0 as f32, pair[1] - x0 as f32);
                    }
                }
                let line = &mut plane.data[row * plane.width + x0..][..x1 - x0];
                let y = (row as f32 + 0.5) / sy;
                for (i, (pixel, &covered)) in line.iter_mut().zip(coverage.iter()).enumerate() {
                    if covered > 0.0 {
                        let (value, alpha) = color(channel, ((x0 + i) as f32 + 0.5) / sx, y);
                        let old = f32::from(*pixel);
                        *pixel = (old + (value - old) * alpha * covered.min(1.0) + 0.5) as u8;
                    }
                }
            }
        }
    }
}

/// Where the polygon's edges cross a row, in order.
fn cross(points: &[Point], (sx, sy): (f32, f32), y: f32, out: &mut Vec<f32>) {
    out.clear();
    let mut before = points[points.len() - 1];
    for &point in points {
        let ((xa, ya), (xb, yb)) = ((before.0 * sx, before.1 * sy), (point.0 * sx, point.1 * sy));
        if (ya > y) != (yb > y) {
            out.push(xa + (y - ya) * (xb - xa) / (yb - ya));
        }
        before = point;
    }
    out.sort_unstable_by(f32::total_cmp);
}

/// Adds a span to a row's coverage; its ends cover their pixels in part.
fn cover(coverage: &mut [f32], from: f32, to: f32) {
    const SHARE: f32 = 1.0 / SUB_ROWS as f32;
    let (from, to) = (from.max(0.0), to.min(coverage.len() as f32));
    if from >= to {
        return;
    }
    let (first, last) = (from as usize, (to as usize).min(coverage.len() - 1));
    if first == last {
        coverage[first] += (to - from) * SHARE;
        return;
    }
    coverage[first] += (first as f32 + 1.0 - from) * SHARE;
    coverage[last] += (to - last as f32) * SHARE;
    for c in &mut coverage[first + 1..last] {
        *c += SHARE;
    }
}

/// The outline of an ellipse.
pub(crate) fn ellipse(center: Point, rx: f32, ry: f32) -> Vec<Point> {
    let n = (12.0 + rx.max(ry) / 3.0).min(64.0) as usize;
    (0..n)
        .map(|i| {
            let a = i as f32 / n as f32 * std::f32::consts::TAU;
            (center.0 + rx * a.cos(), center.1 + ry * a.sin())
        })
        .collect()
}

/// BT.709, limited range: what cameras send.
fn to_yuv([r, g, b]: Rgb) -> [f32; 3] {
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [
        16.0 + y * 219.0 / 255.0,
        128.0 + (b - y) / 1.8556 * 224.0 / 255.0,
        128.0 + (r - y) / 1.5748 * 224.0 / 255.0,
    ]
}

/// From one colour to another.
pub(crate) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    let t = t.clamp(0.0, 1.0);
    [
        a[0] + (b[0] - a[0]) * t,
        a[1] + (b[1] - a[1]) * t,
        a[2] + (b[2] - a[2]) * t,
    ]
}

/// Lighter (over 1) or darker.
pub(crate) fn shade(c: Rgb, by: f32) -> Rgb {
    c.map(|v| (v * by).clamp(0.0, 255.0))
}

/// A number between 0 and 1 that belongs to a place.
pub(crate) fn hash(x: i32, y: i32) -> f32 {
    let mut h = (x as u32).wrapping_mul(0x9e37_79b1) ^ (y as u32).wrapping_mul(0x85eb_ca77);
    h = (h ^ h >> 15).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ h >> 12).wrapping_mul(0x297a_2d39);
    (h ^ h >> 15) as f32 / u32::MAX as f32
}

/// Smooth noise, 0 to 1, that varies over a distance of 1.
pub(crate) fn noise(x: f32, y: f32) -> f32 {
    let (xi, yi) = (x.floor(), y.floor());
    let soft = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (soft(x - xi), soft(y - yi));
    let (xi, yi) = (xi as i32, yi as i32);
    let row = |y| hash(xi, y) + (hash(xi + 1, y) - hash(xi, y)) * fx;
    row(yi) + (row(yi + 1) - row(yi)) * fy
}

/// Noise of several sizes on top of each other, 0 to 1.
pub(crate) fn clouds(x: f32, y: f32) -> f32 {
    (0..4)
        .map(|o| {
            noise(x * (1 << o) as f32, y * (1 << o) as f32 + 37.0 * o as f32) / (2 << o) as f32
        })
        .sum::<f32>()
        / 0.9375
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectangle_covers_what_it_should() {
        let (w, h) = (64, 36);
        let mut picture = vec![128; w * h * 3 / 2];
        picture[..w * h].fill(16);
        // 30 units of the space are one pixel.
        Canvas::new(&mut picture, w, h).rect(30.0, 30.0, 105.0, 90.0, [255.0; 3], 1.0);
        assert_eq!(
            &picture[w..w + 5],
            [16, 235, 235, 126, 16],
            "half a pixel at the right"
        );
        assert_eq!(picture[3 * w + 1], 16);
        assert!(
            picture[w * h..].iter().all(|&c| c == 128),
            "white has no colour"
        );
    }
}

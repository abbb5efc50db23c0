//! What two pictures differ by once the light and the camera's own movement are taken out of it.
//!
//! One least-squares fit explains the change of most pixels by brightness, contrast and (where the pole shakes) a shift; what it
//! leaves over has moved by itself.

use ndarray::Array2;

use crate::picture::median_of;

/// How much each pixel changed from one picture to another, once brightness and contrast of the whole are fitted out.
pub(crate) fn difference(new: &Array2<f32>, old: &Array2<f32>, buffer: &mut Vec<f32>) -> Vec<f32> {
    let [shift, gain, ..] = fit(new, old, false, buffer);
    let pairs = new.iter().zip(old);
    pairs
        .map(|(new, old)| (new - old - shift - gain * (old - 128.0) / 64.0).abs())
        .collect()
}

/// The same, once a shift of the whole by a few pixels is taken back as well.
pub(crate) fn steadied(new: &Array2<f32>, old: &Array2<f32>, buffer: &mut Vec<f32>) -> Vec<f32> {
    let (mut right, mut down) = (0f32, 0f32);
    let mut moved = old.clone();
    for _ in 0..4 {
        let [_, _, x, y] = fit(new, &moved, true, buffer);
        // The factors are of the gradient over two pixels, a sixteenth of it.
        right = (right - x / 8.0).clamp(-MOST_SHIFT, MOST_SHIFT);
        down = (down - y / 8.0).clamp(-MOST_SHIFT, MOST_SHIFT);
        moved = shifted(old, right, down);
        if x.abs().max(y.abs()) < 0.2 {
            break;
        }
    }
    let mut out = difference(new, &moved, buffer);
    // Nothing is known of what came in over the edge.
    let (h, w) = new.dim();
    let edge = 1 + right.abs().max(down.abs()).ceil() as usize;
    for (i, d) in out.iter_mut().enumerate() {
        let (y, x) = (i / w, i % w);
        if y < edge || x < edge || y + edge >= h || x + edge >= w {
            *d = 0.0;
        }
    }
    out
}

/// Furthest shift looked for, pixels.
const MOST_SHIFT: f32 = 6.0;

/// The picture moved right and down by parts of pixels.
fn shifted(picture: &Array2<f32>, right: f32, down: f32) -> Array2<f32> {
    let (h, w) = picture.dim();
    let (left, up) = ((-right).floor(), (-down).floor());
    let (fx, fy) = (-right - left, -down - up);
    let column = |x: usize, by: isize| x.saturating_add_signed(left as isize + by).min(w - 1);
    Array2::from_shape_fn((h, w), |(y, x)| {
        let row = |by: isize| {
            let y = y.saturating_add_signed(up as isize + by).min(h - 1);
            picture[(y, column(x, 0))] * (1.0 - fx) + picture[(y, column(x, 1))] * fx
        };
        row(0) * (1.0 - fy) + row(1) * fy
    })
}

/// What explains the change of most pixels, as factors of: 1, the brightness, and (with `shake`) the gradients right and down.
fn fit(new: &Array2<f32>, old: &Array2<f32>, shake: bool, buffer: &mut Vec<f32>) -> [f32; 4] {
    let (h, w) = new.dim();
    let (new, old) = (
        new.as_slice().unwrap_or_default(),
        old.as_slice().unwrap_or_default(),
    );
    let at = |i: usize| {
        let (gx, gy) = if shake {
            (old[i + 1] - old[i - 1], old[i + w] - old[i - w])
        } else {
            (0.0, 0.0)
        };
        [1.0, (old[i] - 128.0) / 64.0, gx / 16.0, gy / 16.0]
    };
    // An odd stride off the picture's width, so that the samples do not stand in columns.
    let sampled = (w + 1..(w * (h - 1) - 1).min(old.len().saturating_sub(w + 1))).step_by(13);
    let median = median_of(sampled.clone().map(|i| new[i] - old[i]), buffer);
    let mut fit = [median, 0.0, 0.0, 0.0];
    // Least squares over the pixels that the fit before explains, twice: what moves is not to pull at it.
    for within in [if shake { 40.0 } else { 12.0 }, 12.0] {
        let mut sums = [[0f32; 5]; 4];
        let mut n = 0;
        for i in sampled.clone() {
            let (d, basis) = (new[i] - old[i], at(i));
            if (d - dot(&fit, &basis)).abs() < within {
                n += 1;
                for (row, factor) in sums.iter_mut().zip(basis) {
                    for (sum, v) in row.iter_mut().zip(basis.into_iter().chain([d])) {
                        *sum += factor * v;
                    }
                }
            }
        }
        if n * 3 < sampled.len() {
            break;
        }
        for (i, row) in sums.iter_mut().enumerate().skip(1) {
            // Holds a factor at nothing where the picture does not tell (a plain wall).
            row[i] += 0.01 * n as f32;
        }
        match solve(sums) {
            Some(better) => fit = better,
            None => break,
        }
    }
    fit
}

fn dot(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Four equations with four unknowns, the right side in the last column; none where they do not determine them.
fn solve(mut m: [[f32; 5]; 4]) -> Option<[f32; 4]> {
    for i in 0..4 {
        let pivot = (i..4).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs()))?;
        m.swap(i, pivot);
        let head = m[i];
        if head[i].abs() < 1e-6 {
            return None;
        }
        for (row, equation) in m.iter_mut().enumerate() {
            if row != i {
                let factor = equation[i] / head[i];
                for (v, h) in equation.iter_mut().zip(head) {
                    *v -= factor * h;
                }
            }
        }
    }
    Some(std::array::from_fn(|i| m[i][4] / m[i][i]))
}

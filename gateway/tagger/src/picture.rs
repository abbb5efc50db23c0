//! The small picture that is judged: brightness only, at most [`Small::MAX_WIDTH`] wide.

use ndarray::Array2;

/// A small picture and its time. Values are luma on the full scale, 0 (black) to 255 (white).
#[derive(Clone, Debug)]
pub struct Small {
    /// When it was taken, seconds on the feed's timeline.
    pub at: f64,
    /// Rows of brightness, as decoded.
    pub sharp: Array2<f32>,
    /// The same, each pixel the mean of its 3 x 3 neighbourhood: coding noise is mostly gone, bodies are not.
    pub soft: Array2<f32>,
}

impl Small {
    /// Wide enough that a person who is a twentieth of the picture high is still 9 pixels, small enough that judging one
    /// takes a fraction of decoding it.
    pub const MAX_WIDTH: u32 = 320;

    /// From `width * height` bytes of luma as coded (16 to 235). Wider ones are reduced by averaging. None if there are too
    /// few bytes or too few pixels (under 16 x 16) to judge.
    pub fn of(at: f64, width: u32, height: u32, luma: &[u8]) -> Option<Self> {
        let (w, h) = (width as usize, height as usize);
        let luma = luma.get(..w.checked_mul(h)?)?;
        let by = width.div_ceil(Self::MAX_WIDTH).max(1) as usize;
        let (sw, sh) = (w / by, h / by);
        if sw < 16 || sh < 16 {
            return None;
        }
        let scale = 255.0 / (219.0 * (by * by) as f32);
        let black = 16.0 * 255.0 / 219.0;
        let mut sharp = vec![0f32; sw * sh];
        for y in 0..sh * by {
            let to = &mut sharp[y / by * sw..][..sw];
            for (to, from) in to.iter_mut().zip(luma[y * w..].chunks_exact(by)) {
                let sum: u32 = from.iter().map(|v| u32::from(*v)).sum();
                *to += sum as f32 * scale;
            }
        }
        for v in &mut sharp {
            *v = (*v - black).clamp(0.0, 255.0);
        }
        let soft = soften(&sharp, sw, sh);
        Some(Self {
            at,
            sharp: Array2::from_shape_vec((sh, sw), sharp).ok()?,
            soft: Array2::from_shape_vec((sh, sw), soft).ok()?,
        })
    }

    /// Rows and columns.
    pub fn size(&self) -> (usize, usize) {
        self.soft.dim()
    }
}

/// Mean of each 3 x 3 neighbourhood; edges are repeated.
fn soften(from: &[f32], w: usize, h: usize) -> Vec<f32> {
    let mut across = vec![0f32; w * h];
    for (row, out) in from.chunks_exact(w).zip(across.chunks_exact_mut(w)) {
        out[0] = row[0] * 2.0 + row[1];
        out[w - 1] = row[w - 1] * 2.0 + row[w - 2];
        for (out, three) in out[1..w - 1].iter_mut().zip(row.windows(3)) {
            *out = three[0] + three[1] + three[2];
        }
    }
    let mut soft = vec![0f32; w * h];
    for y in 0..h {
        let above = &across[y.saturating_sub(1) * w..][..w];
        let here = &across[y * w..][..w];
        let below = &across[(y + 1).min(h - 1) * w..][..w];
        for (x, out) in soft[y * w..][..w].iter_mut().enumerate() {
            *out = (above[x] + here[x] + below[x]) / 9.0;
        }
    }
    soft
}

/// The median of every `step`th value; 0 of nothing.
pub(crate) fn median_of(values: impl Iterator<Item = f32>, buffer: &mut Vec<f32>) -> f32 {
    buffer.clear();
    buffer.extend(values);
    if buffer.is_empty() {
        return 0.0;
    }
    let middle = buffer.len() / 2;
    *buffer.select_nth_unstable_by(middle, f32::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_pictures_are_averaged_down_and_short_ones_refused() {
        let luma: Vec<u8> = (0..640 * 360)
            .map(|i| if i % 2 == 0 { 16 } else { 235 })
            .collect();
        let small = Small::of(0.0, 640, 360, &luma).unwrap();
        assert_eq!(small.size(), (180, 320));
        assert!(small.sharp.iter().all(|v| (v - 127.5).abs() < 0.1));
        assert!(small.soft.iter().all(|v| (v - 127.5).abs() < 0.1));
        assert!(Small::of(0.0, 640, 360, &luma[1..]).is_none());
        assert!(Small::of(0.0, u32::MAX, u32::MAX, &luma).is_none());
        assert!(Small::of(0.0, 8, 360, &luma).is_none());
    }
}

//! The frame counter in the corner of the picture: 24 bits and a checksum as a block of 8 by 4
//! black and white squares, readable off decoded pixels after any sane encoding.

use std::ops::Range;

const COLUMNS: usize = 8;
const ROWS: usize = 4;
/// Smallest square that survives encoding.
const CELL_MIN: usize = 8;
/// Squares across the width of the picture: 8 pixels of 640, 24 of 1,920.
const CELLS_ACROSS: usize = 80;
/// Luma a square must keep away from the middle to count.
const CONTRAST: i32 = 30;

/// The counter's number runs modulo this.
pub const MODULUS: u32 = 1 << 24;

/// Reads the number off a luma plane (8 bits a sample, `stride` bytes a row). `None` where there
/// is no counter, it is damaged, or the sizes do not fit the slice.
pub fn read(luma: &[u8], width: usize, height: usize, stride: usize) -> Option<u32> {
    let natural = width / CELLS_ACROSS;
    // A picture scaled down by the reader has smaller squares than one encoded at this size.
    read_cells(luma, width, height, stride, natural.max(CELL_MIN)).or_else(|| {
        (natural < CELL_MIN)
            .then(|| read_cells(luma, width, height, stride, natural))
            .flatten()
    })
}

/// Draws the number into a luma plane.
pub fn draw(luma: &mut [u8], width: usize, height: usize, stride: usize, number: u32) {
    let cell = (width / CELLS_ACROSS).max(CELL_MIN);
    let Some((xs, ys)) = area(width, height, cell) else {
        return;
    };
    let word = word(number);
    // A dark rim of a quarter of a square keeps the scene's own brightness out of the edge squares.
    let rim = cell / 4;
    for y in ys.start - rim..(ys.end + rim).min(height) {
        for x in xs.start - rim..(xs.end + rim).min(width) {
            let inside = xs.contains(&x) && ys.contains(&y);
            let bit = inside
                && word >> ((y - ys.start) / cell * COLUMNS + (x - xs.start) / cell) & 1 == 1;
            luma[y * stride + x] = if bit { 230 } else { 20 };
        }
    }
}

/// The rectangle that the counter covers, rim included: what a judge of motion should not look at.
pub fn rectangle(width: usize, height: usize) -> Option<(Range<usize>, Range<usize>)> {
    let cell = (width / CELLS_ACROSS).max(CELL_MIN);
    let (xs, ys) = area(width, height, cell)?;
    Some((
        xs.start - cell / 4..(xs.end + cell / 4).min(width),
        ys.start - cell / 4..(ys.end + cell / 4).min(height),
    ))
}

fn read_cells(luma: &[u8], width: usize, height: usize, stride: usize, cell: usize) -> Option<u32> {
    if cell < 3
        || stride < width
        || luma.len() < stride.checked_mul(height)?.checked_sub(stride - width)?
    {
        return None;
    }
    let (xs, ys) = area(width, height, cell)?;
    let mut found = 0u32;
    let (low, high) = (cell / 4 + usize::from(cell < 4), cell - cell / 4);
    for bit in 0..COLUMNS * ROWS {
        let (left, top) = (
            xs.start + bit % COLUMNS * cell,
            ys.start + bit / COLUMNS * cell,
        );
        let mut sum = 0i32;
        let mut count = 0i32;
        for y in top + low.min(high - 1)..top + high {
            for x in left + low.min(high - 1)..left + high {
                sum += i32::from(luma[y * stride + x]);
                count += 1;
            }
        }
        let mean = sum / count - 125;
        if mean.abs() < CONTRAST {
            return None;
        }
        found |= u32::from(mean > 0) << bit;
    }
    (found == word(found & (MODULUS - 1))).then_some(found & (MODULUS - 1))
}

/// Bottom right, one square away from both edges.
fn area(width: usize, height: usize, cell: usize) -> Option<(Range<usize>, Range<usize>)> {
    let (w, h) = (cell * COLUMNS, cell * ROWS);
    let (x, y) = (width.checked_sub(w + cell)?, height.checked_sub(h + cell)?);
    (x >= cell && y >= cell).then(|| (x..x + w, y..y + h))
}

/// The number with its CRC-8 above it. The checksum is inverted, so that neither an all-black
/// nor an all-white corner is a number.
fn word(number: u32) -> u32 {
    let number = number & (MODULUS - 1);
    let mut crc = 0u8;
    for byte in &number.to_be_bytes()[1..] {
        crc ^= byte;
        for _ in 0..8 {
            crc = crc << 1 ^ if crc & 0x80 == 0 { 0 } else { 0x07 };
        }
    }
    number | u32::from(!crc) << 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_at_any_size_and_refuses_damage() {
        for (w, h) in [(320, 180), (640, 360), (1920, 1080)] {
            let mut luma = vec![128; w * h];
            for n in [0, 1, 1_499, MODULUS - 1] {
                draw(&mut luma, w, h, w, n);
                assert_eq!(read(&luma, w, h, w), Some(n), "{w}x{h}");
            }
            let (xs, ys) = rectangle(w, h).unwrap();
            let cell = (w / CELLS_ACROSS).max(CELL_MIN);
            for y in ys.start..ys.start + 2 * cell {
                luma[y * w + xs.start..y * w + xs.start + 2 * cell].fill(20);
            }
            assert_eq!(read(&luma, w, h, w), None, "a square was painted over");
        }
        assert_eq!(read(&[0; 100], 320, 180, 320), None, "too short a slice");
        assert_eq!(read(&vec![20; 320 * 180], 320, 180, 320), None);
        assert_eq!(read(&vec![235; 320 * 180], 320, 180, 320), None);
    }

    #[test]
    fn reads_a_picture_scaled_down() {
        let (w, h) = (1920, 1080);
        let mut luma = vec![90u8; w * h];
        draw(&mut luma, w, h, w, 123_456);
        let small: Vec<u8> = (0..180)
            .flat_map(|y| (0..320).map(move |x| (x, y)))
            .map(|(x, y)| luma[(y * 6 + 3) * w + x * 6 + 3])
            .collect();
        assert_eq!(read(&small, 320, 180, 320), Some(123_456));
    }
}

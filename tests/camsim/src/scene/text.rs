//! Letters in the picture: a small font of our own for the clock, and GStreamer's text for names.

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;

use super::canvas::Canvas;

/// Columns of a letter, lowest bit at the top.
fn glyph(c: char) -> [u8; 5] {
    match c.to_ascii_uppercase() {
        '0' => [0x3e, 0x41, 0x41, 0x41, 0x3e],
        '1' => [0x00, 0x42, 0x7f, 0x40, 0x00],
        '2' => [0x42, 0x61, 0x51, 0x49, 0x46],
        '3' => [0x21, 0x41, 0x45, 0x4b, 0x31],
        '4' => [0x18, 0x14, 0x12, 0x7f, 0x10],
        '5' => [0x27, 0x45, 0x45, 0x45, 0x39],
        '6' => [0x3c, 0x4a, 0x49, 0x49, 0x30],
        '7' => [0x01, 0x71, 0x09, 0x05, 0x03],
        '8' => [0x36, 0x49, 0x49, 0x49, 0x36],
        '9' => [0x06, 0x49, 0x49, 0x29, 0x1e],
        'A' => [0x7e, 0x11, 0x11, 0x11, 0x7e],
        'B' => [0x7f, 0x49, 0x49, 0x49, 0x36],
        'C' => [0x3e, 0x41, 0x41, 0x41, 0x22],
        'D' => [0x7f, 0x41, 0x41, 0x22, 0x1c],
        'E' => [0x7f, 0x49, 0x49, 0x49, 0x41],
        'F' => [0x7f, 0x09, 0x09, 0x09, 0x01],
        'G' => [0x3e, 0x41, 0x49, 0x49, 0x7a],
        'H' => [0x7f, 0x08, 0x08, 0x08, 0x7f],
        'I' => [0x00, 0x41, 0x7f, 0x41, 0x00],
        'J' => [0x20, 0x40, 0x41, 0x3f, 0x01],
        'K' => [0x7f, 0x08, 0x14, 0x22, 0x41],
        'L' => [0x7f, 0x40, 0x40, 0x40, 0x40],
        'M' => [0x7f, 0x02, 0x0c, 0x02, 0x7f],
        'N' => [0x7f, 0x04, 0x08, 0x10, 0x7f],
        'O' => [0x3e, 0x41, 0x41, 0x41, 0x3e],
        'P' => [0x7f, 0x09, 0x09, 0x09, 0x06],
        'Q' => [0x3e, 0x41, 0x51, 0x21, 0x5e],
        'R' => [0x7f, 0x09, 0x19, 0x29, 0x46],
        'S' => [0x46, 0x49, 0x49, 0x49, 0x31],
        'T' => [0x01, 0x01, 0x7f, 0x01, 0x01],
        'U' => [0x3f, 0x40, 0x40, 0x40, 0x3f],
        'V' => [0x1f, 0x20, 0x40, 0x20, 0x1f],
        'W' => [0x3f, 0x40, 0x38, 0x40, 0x3f],
        'X' => [0x63, 0x14, 0x08, 0x14, 0x63],
        'Y' => [0x07, 0x08, 0x70, 0x08, 0x07],
        'Z' => [0x61, 0x51, 0x49, 0x45, 0x43],
        ':' => [0x00, 0x36, 0x36, 0x00, 0x00],
        '.' => [0x00, 0x60, 0x60, 0x00, 0x00],
        '-' => [0x08; 5],
        '+' => [0x08, 0x08, 0x3e, 0x08, 0x08],
        '/' => [0x20, 0x10, 0x08, 0x04, 0x02],
        _ => [0; 5],
    }
}

/// Writes ASCII with an edge of the other shade; `size` is the height of a letter in units of the space.
pub(crate) fn write(canvas: &mut Canvas<'_>, text: &str, x: f32, y: f32, size: f32, ink: Ink) {
    let (luma, width, height) = canvas.luma();
    let scale = width as f32 / super::canvas::SPACE_W;
    // Whole pixels a dot: letters stay crisp at every size.
    let dot = ((size * scale / 7.0).round() as usize).max(1);
    let (x, y) = ((x * scale) as usize, (y * scale) as usize);
    let length = text.chars().count() * 6 * dot;
    let [light, dark] = if ink == Ink::White {
        [235, 24]
    } else {
        [30, 244]
    };
    for (value, grow) in [(dark, dot.div_ceil(2)), (light, 0)] {
        for (n, c) in text.chars().enumerate() {
            for (column, bits) in glyph(c).into_iter().enumerate() {
                for row in (0..7).filter(|r| bits >> r & 1 == 1) {
                    let (left, top) = (x + (n * 6 + column) * dot, y + row * dot);
                    for py in top.saturating_sub(grow)..(top + dot + grow).min(height) {
                        for px in left.saturating_sub(grow)..(left + dot + grow).min(width) {
                            luma[py * width + px] = value;
                        }
                    }
                }
            }
        }
    }
    canvas.fade_colour(
        x.saturating_sub(dot)..x + length,
        y.saturating_sub(dot)..y + 8 * dot,
    );
}

/// What letters are drawn with; the edge is the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    White,
    Black,
}

/// A line of text as a mask of its luma: 0 nothing, 255 letter.
#[derive(Debug)]
pub(crate) struct Mask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) alpha: Vec<u8>,
}

impl Mask {
    /// Renders text of any script with Pango, `pixels` high; `None` where that is not installed.
    pub(crate) fn render(text: &str, pixels: usize) -> Option<Self> {
        if !text.is_ascii() && !has_cjk_font() {
            return None;
        }
        gst::init().ok()?;
        let (width, height) = (
            (pixels * 26).next_multiple_of(8),
            (pixels * 2).next_multiple_of(8),
        );
        let description = format!(
            "videotestsrc num-buffers=1 pattern=black ! video/x-raw,format=GRAY8,width={width},height={height} \
             ! textoverlay name=text halignment=left valignment=center deltax=0 xpad={pixels} draw-shadow=false \
             draw-outline=false font-desc=\"Noto Sans CJK SC Bold {}px\" auto-resize=false ! video/x-raw,format=GRAY8 \
             ! appsink name=sink sync=false",
            pixels
        );
        let pipeline = gst::parse::launch(&description)
            .ok()?
            .downcast::<gst::Pipeline>()
            .ok()?;
        pipeline.by_name("text")?.set_property("text", text);
        let sink = pipeline.by_name("sink")?.downcast::<AppSink>().ok()?;
        pipeline.set_state(gst::State::Playing).ok()?;
        let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(5));
        let _ = pipeline.set_state(gst::State::Null);
        let sample = sample?;
        let map = sample.buffer()?.map_readable().ok()?;
        let alpha: Vec<u8> = map
            .get(..width * height)?
            .iter()
            .map(|&v| ((i32::from(v) - 16) * 255 / 219).clamp(0, 255) as u8)
            .collect();
        alpha.iter().any(|&a| a > 128).then_some(Self {
            width,
            height,
            alpha,
        })
    }

    /// Puts the text on a picture, white with a dark edge; `left`, `top` in pixels of it.
    pub(crate) fn draw(&self, canvas: &mut Canvas<'_>, left: usize, top: usize) {
        let (luma, width, height) = canvas.luma();
        let reach = (self.height / 24).max(1) as isize;
        for (dx, dy, value) in [
            (-reach, 0, 20),
            (reach, 0, 20),
            (0, -reach, 20),
            (0, reach, 20),
            (reach, reach, 20),
            (0, 0, 235),
        ] {
            for y in 0..self.height {
                let Some(py) = (top + y).checked_add_signed(dy).filter(|&p| p < height) else {
                    continue;
                };
                for x in 0..self.width {
                    let alpha = i32::from(self.alpha[y * self.width + x]);
                    let Some(px) = (left + x)
                        .checked_add_signed(dx)
                        .filter(|&p| alpha > 0 && p < width)
                    else {
                        continue;
                    };
                    let pixel = &mut luma[py * width + px];
                    *pixel = (i32::from(*pixel) + (value - i32::from(*pixel)) * alpha / 255) as u8;
                }
            }
        }
        let lettered = |x: usize| (0..self.height).any(|y| self.alpha[y * self.width + x] > 64);
        let end = (0..self.width).rfind(|&x| lettered(x)).unwrap_or(0);
        let start = (0..self.width).find(|&x| lettered(x)).unwrap_or(0);
        canvas.fade_colour(
            left + start..left + end,
            top + self.height / 5..top + self.height * 4 / 5,
        );
    }
}

/// Without one Pango would draw boxes.
fn has_cjk_font() -> bool {
    [
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    ]
    .iter()
    .any(|p| std::path::Path::new(p).exists())
}

//! Picture diagnosis: dark, covered, frozen. (Lost is what does not decode: see [`crate::eye`].)
//!
//! Starting values are those of video quality diagnosis as it is usually accepted: mean under 30 is dark, sigma under 25 may be
//! a covered lens, ten pictures more than 95 % alike are frozen. By themselves they would call a white wall covered and a
//! quiet room frozen, so each is held against what the camera showed before: covered is *losing* the detail there was, frozen
//! is being alike to a hair over key frames, which a live sensor's noise never is.

use ndarray::Array2;

use crate::{config, picture::Small};

/// Judges one feed's pictures one by one. Plain value: no clock, no I/O.
#[derive(Debug)]
pub struct Quality {
    settings: config::Quality,
    /// Detail of each block while the picture was good.
    reference: Option<Array2<f32>>,
    /// When the reference was last brought up to date, seconds.
    settled: f64,
    dark: bool,
    covered: bool,
    still: Option<Still>,
}

/// Pictures that are all alike.
#[derive(Debug)]
struct Still {
    /// The first of them.
    anchor: Array2<f32>,
    since: f64,
    pictures: u32,
    keys: u32,
    /// Something small changed (a clock in the picture).
    ticking: bool,
}

/// What one picture says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// Mean luma, 0 to 255.
    pub mean: f32,
    /// Its standard deviation.
    pub sigma: f32,
    /// Too dark to see.
    pub dark: bool,
    /// The detail there was is gone.
    pub covered: bool,
    /// Since when it has been the same picture, once that is long enough.
    pub frozen_since: Option<f64>,
}

const BLOCK: usize = 8;
/// A block whose luma deviates by less than this is flat.
const FLAT: f32 = 3.0;
/// Blocks with more detail than this are worth missing.
const DETAILED: f32 = 6.0;
/// A block of this mean difference or less is the same block coded again.
const ALIKE: f32 = 0.4;
/// A block of this mean difference was drawn anew.
const REDRAWN: f32 = 4.0;
/// With a clock ticking in it, a picture must stand still for so much longer.
const TICKING: f64 = 3.0;
/// The reference follows the scene in about this time, seconds.
const REFERENCE_S: f64 = 300.0;
/// A reference needs this share of detailed blocks to be worth anything.
const REFERENCE_LEAST: f32 = 0.03;

impl Quality {
    /// For a feed.
    pub fn new(settings: config::Quality) -> Self {
        Self {
            settings,
            reference: None,
            settled: f64::NEG_INFINITY,
            dark: false,
            covered: false,
            still: None,
        }
    }

    /// Judges a picture; `key` if it came from a key frame.
    pub fn judge(&mut self, picture: &Small, key: bool) -> Look {
        let mean = picture.sharp.mean().unwrap_or(0.0);
        let sigma = picture.sharp.std(0.0);
        let detail = per_block(&picture.soft, deviation);
        // Hysteresis: a picture at the limit does not come and go.
        let margin = if self.dark { 5.0 } else { 0.0 };
        let was_dark = self.dark;
        self.dark = f64::from(mean) < self.settings.dark_mean + margin;
        // In the dark nobody can tell: nightfall takes the detail away as well.
        self.covered = self.is_covered(&detail, sigma) && (self.covered || !was_dark);
        if !self.covered {
            self.remember(detail, picture.at);
        }
        Look {
            mean,
            sigma,
            dark: self.dark,
            covered: self.covered,
            frozen_since: self.frozen_since(picture, key, sigma),
        }
    }

    fn is_covered(&self, detail: &Array2<f32>, sigma: f32) -> bool {
        let blocks = detail.len().max(1) as f32;
        let flat = detail.iter().filter(|d| **d < FLAT).count() as f32 / blocks;
        let (area, limit) = (
            self.settings.covered_area as f32,
            self.settings.covered_sigma as f32,
        );
        let known = self.reference.as_ref().filter(|r| r.dim() == detail.dim());
        let known = known.filter(|r| share(r, |d| d > DETAILED) >= REFERENCE_LEAST);
        match known {
            Some(reference) => {
                let (mut had, mut lost) = (0f32, 0f32);
                for (before, now) in reference.iter().zip(detail) {
                    if *before > DETAILED {
                        had += 1.0;
                        lost += f32::from(u8::from(*now < FLAT || *now < 0.2 * *before));
                    }
                }
                let back = if self.covered { 0.7 } else { 1.0 };
                lost >= area * back * had && flat >= 0.5 * back && (sigma < limit || flat >= area)
            }
            // Covered since before the first picture: only what shows nothing at all.
            None => flat >= 0.98 && sigma < 0.5 * limit,
        }
    }

    fn remember(&mut self, detail: Array2<f32>, at: f64) {
        let since = (at - self.settled).clamp(0.0, REFERENCE_S);
        self.settled = at;
        match &mut self.reference {
            Some(known) if known.dim() == detail.dim() => {
                let part = (1.0 - (-since / REFERENCE_S).exp()) as f32;
                known.zip_mut_with(&detail, |known, now| *known += (now - *known) * part);
            }
            known => *known = Some(detail),
        }
    }

    fn frozen_since(&mut self, picture: &Small, key: bool, sigma: f32) -> Option<f64> {
        let settings = &self.settings;
        // A black picture is alike by nature.
        let still = self.still.take().filter(|_| sigma >= 4.0 && !self.dark);
        let still =
            still.filter(|s| s.anchor.dim() == picture.sharp.dim() && picture.at >= s.since);
        let continued = still.and_then(|mut still| {
            let moved = per_block(&(&picture.sharp - &still.anchor), mean_magnitude);
            if share(&moved, |d| d <= ALIKE) < settings.frozen_alike as f32 {
                return None;
            }
            still.ticking |= moved.iter().any(|d| *d > REDRAWN);
            still.pictures = still.pictures.saturating_add(1);
            still.keys += u32::from(key);
            Some(still)
        });
        let still = self.still.insert(continued.unwrap_or_else(|| Still {
            anchor: picture.sharp.clone(),
            since: picture.at,
            pictures: 1,
            keys: 0,
            ticking: false,
        }));
        let needed_s = settings.frozen_s * if still.ticking { TICKING } else { 1.0 };
        // Within a group a static scene is coded as "no change": only the next key frame shows the sensor's noise.
        let enough = still.pictures >= settings.frozen_pictures && still.keys >= 2
            || still.keys >= settings.frozen_pictures.min(4);
        (enough && picture.at - still.since >= needed_s).then_some(still.since)
    }
}

/// One figure for each block of 8 x 8 pixels; what does not fill a block at the right and lower edge is left out.
fn per_block(pixels: &Array2<f32>, figure: fn(f32, f32, f32, f32) -> f32) -> Array2<f32> {
    let (h, w) = pixels.dim();
    let (rows, columns) = (h / BLOCK, w / BLOCK);
    let mut sums = Array2::from_elem((rows, columns), (0f32, 0f32, 0f32));
    for (row, pixels) in pixels.rows().into_iter().take(rows * BLOCK).enumerate() {
        for (x, v) in pixels.iter().take(columns * BLOCK).enumerate() {
            let (sum, squares, magnitude) = &mut sums[(row / BLOCK, x / BLOCK)];
            *sum += v;
            *squares += v * v;
            *magnitude += v.abs();
        }
    }
    let n = (BLOCK * BLOCK) as f32;
    sums.mapv(|(sum, squares, magnitude)| figure(n, sum, squares, magnitude))
}

fn deviation(n: f32, sum: f32, squares: f32, _: f32) -> f32 {
    (squares / n - (sum / n).powi(2)).max(0.0).sqrt()
}

fn mean_magnitude(n: f32, _: f32, _: f32, magnitude: f32) -> f32 {
    magnitude / n
}

fn share(blocks: &Array2<f32>, what: impl Fn(f32) -> bool) -> f32 {
    blocks.iter().filter(|d| what(**d)).count() as f32 / blocks.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Noise, draw};

    fn quality() -> Quality {
        Quality::new(config::Quality::default())
    }

    #[test]
    fn a_quiet_room_is_not_frozen_and_a_stuck_picture_is() {
        let (mut live, mut stuck) = (quality(), quality());
        let (mut noise, same) = (Noise(1), draw(0.0, 320, 180, &[], &mut Noise(2)));
        for n in 0..200 {
            let at = f64::from(n) * 0.1;
            let look = live.judge(&draw(at, 320, 180, &[], &mut noise), n % 10 == 0);
            assert_eq!(look.frozen_since, None, "at {at}");
            let look = stuck.judge(&Small { at, ..same.clone() }, n % 10 == 0);
            assert_eq!(look.frozen_since.is_some(), at >= 10.0, "at {at}");
        }
    }

    #[test]
    fn a_quiet_scene_coded_as_no_change_is_not_frozen() {
        let (mut quality, mut noise) = (quality(), Noise(1));
        let mut group = draw(0.0, 320, 180, &[], &mut noise);
        for n in 0..600 {
            let at = f64::from(n) * 0.1;
            if n % 50 == 0 {
                group = draw(at, 320, 180, &[], &mut noise);
            }
            let look = quality.judge(
                &Small {
                    at,
                    ..group.clone()
                },
                n % 50 == 0,
            );
            assert_eq!(look.frozen_since, None, "at {at}");
        }
    }

    #[test]
    fn a_stuck_picture_under_a_ticking_clock_takes_longer() {
        let mut quality = quality();
        let same = draw(0.0, 320, 180, &[], &mut Noise(2));
        let mut found = None;
        for n in 0..400 {
            let at = f64::from(n) * 0.1;
            let mut picture = Small { at, ..same.clone() };
            let digit = 40.0 + 100.0 * f32::from((n / 10 % 2) as u8);
            picture
                .sharp
                .slice_mut(ndarray::s![8..24, 100..116])
                .fill(digit);
            if quality.judge(&picture, n % 10 == 0).frozen_since.is_some() {
                found.get_or_insert(at);
            }
        }
        assert!(
            found.is_some_and(|at| (30.0..31.0).contains(&at)),
            "{found:?}"
        );
    }

    #[test]
    fn a_hand_over_the_lens_is_covered_and_a_plain_wall_is_not() {
        let (mut quality, mut noise) = (quality(), Noise(3));
        for n in 0..20 {
            let look = quality.judge(&draw(f64::from(n), 320, 180, &[], &mut noise), true);
            assert!(!look.covered && !look.dark, "{look:?}");
        }
        let hand = |at: f64, level: f32| {
            let mut picture = draw(at, 320, 180, &[], &mut Noise(4));
            picture.sharp.mapv_inplace(|v| level + 0.02 * v);
            picture.soft.mapv_inplace(|v| level + 0.02 * v);
            picture
        };
        let look = quality.judge(&hand(21.0, 60.0), true);
        assert!(look.covered && !look.dark, "{look:?}");
        let look = quality.judge(&hand(22.0, 5.0), true);
        assert!(look.covered && look.dark, "{look:?}");
        let look = quality.judge(&draw(23.0, 320, 180, &[], &mut noise), true);
        assert!(!look.covered && !look.dark, "{look:?}");
        // Dusk takes the contrast away slowly: dark in the end, never covered.
        let mut dusk = super::tests::quality();
        for n in 0..1200 {
            let left = 1.0 - f32::from(n as u16) / 1250.0;
            let mut picture = draw(f64::from(n) * 2.0, 320, 180, &[], &mut noise);
            picture.sharp.mapv_inplace(|v| v * left);
            picture.soft.mapv_inplace(|v| v * left);
            let look = dusk.judge(&picture, true);
            assert!(!look.covered, "{n} {look:?}");
            assert!(n < 1150 || look.dark, "{n} {look:?}");
        }
    }
}

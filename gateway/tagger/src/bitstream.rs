//! What a stream tells without being decoded: an encoder spends bits on what changes. The sizes of the pictures between key
//! frames, against what is usual for this camera, say that something moves.
//!
//! Usual is learnt for each feed: sizes over half a second (so that it does not matter how an encoder divides them over picture
//! types) on a logarithmic scale, since a camera's quiet is anything from 20 bytes to 20 kB a picture. The quiet quarter of the
//! last minutes is the baseline, and its spread says how much above it means something. It costs a few additions a frame.

use std::collections::VecDeque;

use media::{Frame, TrackKind};

/// Size statistics of one feed's pictures between key frames. Plain value.
#[derive(Debug, Default)]
pub struct Sizes {
    /// (time in seconds, bytes), newest last.
    window: VecDeque<(f64, u64)>,
    window_bytes: u64,
    usual: Quantiles,
    last: Option<f64>,
}

/// What the newest pictures say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hint {
    /// How far over the usual: 1 is at the limit, 2 twice as far (on the logarithmic scale). 0 while nothing is usual yet.
    pub strength: f32,
}

impl Hint {
    /// Whether it says that something moves.
    pub fn moves(self) -> bool {
        self.strength >= 1.0
    }
}

/// Sizes are summed over this long, seconds.
const WINDOW_S: f64 = 0.5;
/// What was usual is forgotten in about this time.
const MEMORY_S: f64 = 180.0;
/// So long must a feed have been watched before anything is usual.
const LEARN_S: f64 = 5.0;
/// Least distance over the baseline that means something, octaves: half as much again.
const LEAST_OCTAVES: f32 = 0.6;
/// And in spreads of the quiet.
const SPREADS: f32 = 3.0;

impl Sizes {
    /// Takes a frame in order of decoding; key frames and audio tell nothing. `at` is its decode time, seconds.
    pub fn take(&mut self, at: f64, frame: &Frame) -> Hint {
        if frame.track != TrackKind::Video || frame.key {
            return Hint::default();
        }
        self.add(at, frame.data.len() as u64)
    }

    fn add(&mut self, at: f64, bytes: u64) -> Hint {
        let step_s = self.last.map_or(0.0, |last| at - last);
        if !(0.0..=MEMORY_S).contains(&step_s) {
            // A new timeline: the scene may be the same, the half second is not.
            self.window.clear();
            self.window_bytes = 0;
        }
        self.last = Some(at);
        self.window.push_back((at, bytes));
        self.window_bytes = self.window_bytes.saturating_add(bytes);
        while let Some(&(old, bytes)) = self.window.front()
            && (at - old >= WINDOW_S || self.window.len() > 256)
        {
            self.window.pop_front();
            self.window_bytes -= bytes;
        }
        // A mean a picture, so that a key frame that takes one's place in the half second makes no difference.
        let level = (self.window_bytes as f32 / self.window.len().max(1) as f32)
            .max(1.0)
            .log2();
        let hint = self.judge(level);
        self.usual.add(level, step_s.clamp(0.0, 1.0) as f32);
        hint
    }

    fn judge(&self, level: f32) -> Hint {
        if self.usual.total < LEARN_S as f32 {
            return Hint::default();
        }
        let (low, quiet) = (self.usual.at(0.05), self.usual.at(0.25));
        let limit = LEAST_OCTAVES.max(SPREADS * (quiet - low)).min(2.0);
        Hint {
            strength: ((level - quiet) / limit).max(0.0),
        }
    }
}

/// Quantiles of a level in octaves, by a histogram that forgets.
#[derive(Debug)]
struct Quantiles {
    /// Weight in seconds of each eighth of an octave, 1 byte to 16 MiB.
    bins: [f32; Self::BINS],
    total: f32,
}

impl Default for Quantiles {
    fn default() -> Self {
        Self {
            bins: [0.0; Self::BINS],
            total: 0.0,
        }
    }
}

impl Quantiles {
    const BINS: usize = 24 * 8;

    fn add(&mut self, level: f32, weight_s: f32) {
        let bin = ((level * 8.0) as usize).min(Self::BINS - 1);
        self.bins[bin] += weight_s;
        self.total += weight_s;
        if self.total > 2.0 * MEMORY_S as f32 {
            for bin in &mut self.bins {
                *bin *= 0.5;
            }
            self.total *= 0.5;
        }
    }

    fn at(&self, share: f32) -> f32 {
        let mut left = self.total * share;
        for (i, weight) in self.bins.iter().enumerate() {
            left -= weight;
            if left <= 0.0 && *weight > 0.0 {
                return (i as f32 + 0.5) / 8.0;
            }
        }
        Self::BINS as f32 / 8.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Noise;
    use proptest::prelude::*;

    /// Ten pictures a second of `quiet` bytes, give or take; `busy` times as much in seconds 60 to 63.
    fn strongest(quiet: f32, spread: f32, busy: f32) -> (f32, f32) {
        let (mut sizes, mut noise) = (Sizes::default(), Noise(7));
        let (mut before, mut during) = (0f32, 0f32);
        for n in 0..700u32 {
            let moving = (600..630).contains(&n);
            let size = quiet * 2f32.powf(spread * noise.next()) * if moving { busy } else { 1.0 };
            let hint = sizes.add(f64::from(n) / 10.0, size as u64);
            if moving {
                during = during.max(hint.strength);
            } else if n < 600 {
                before = before.max(hint.strength);
            }
        }
        (before, during)
    }

    #[test]
    fn what_is_usual_is_each_cameras_own() {
        for quiet in [30.0, 600.0, 20_000.0] {
            let (before, during) = strongest(quiet, 0.2, 3.0);
            assert!(before < 1.0 && during > 1.5, "{quiet}: {before} {during}");
        }
    }

    #[test]
    fn a_restless_stream_must_rise_further() {
        let (before, during) = strongest(2000.0, 1.0, 1.3);
        assert!(before < 2.0, "{before}");
        assert!(during < 2.0, "{during}");
        let (_, during) = strongest(2000.0, 0.1, 2.0);
        assert!(during > 1.0, "{during}");
    }

    proptest! {
        #[test]
        fn any_sizes_and_times_can_be_taken(frames in proptest::collection::vec((-1e6f64..1e6, any::<u32>()), 0..300)) {
            let mut sizes = Sizes::default();
            for (at, bytes) in frames {
                let hint = sizes.add(at, u64::from(bytes));
                prop_assert!(hint.strength.is_finite() && hint.strength >= 0.0);
                prop_assert!(sizes.window.len() <= 257);
            }
        }
    }
}

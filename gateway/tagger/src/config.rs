//! What the tagger can be told: thresholds with the defaults of `docs/design`, and the budget all cameras share.

use serde::{Deserialize, Serialize};

use crate::rules::Folding;

/// Configuration of the tagger. Every field has a default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Threads that decode and judge, 1 to 64. Each decodes one camera's group at a time.
    pub threads: usize,
    /// What all cameras together may spend on decoding.
    pub budget: Budget,
    /// When something counts as motion.
    pub motion: Motion,
    /// When a picture counts as faulty.
    pub quality: Quality,
    /// When a repeated tag belongs to the event before.
    pub folding: Folding,
    /// Groups of one camera that may wait to be judged; the oldest is left out when there are more. 1 to 16.
    pub queue_groups: usize,
    /// Bytes of coded pictures that may wait, over all cameras.
    pub queue_bytes: u64,
    /// Tags that may wait to be read by the gateway.
    pub queue_tags: usize,
    /// Greatest width of a snapshot, pixels. 64 to 1920.
    pub snapshot_width: u32,
    /// JPEG quality of a snapshot, 1 to 100.
    pub snapshot_quality: u8,
    /// Seconds between two `Going` tags of one that goes on.
    pub going_every_s: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: 1,
            budget: Budget::default(),
            motion: Motion::default(),
            quality: Quality::default(),
            folding: Folding::default(),
            queue_groups: 3,
            queue_bytes: 64 * 1024 * 1024,
            queue_tags: 256,
            snapshot_width: 640,
            snapshot_quality: 80,
            going_every_s: 10.0,
        }
    }
}

/// The budget that all cameras share. Key frames come first; what is left goes to whole groups, evenly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Pictures decoded a second, all cameras together.
    pub pictures_per_s: f64,
    /// Milliseconds of decoding and judging a second of wall time, all cameras together (1000 is one core).
    pub decode_ms_per_s: f64,
    /// A key frame of a camera is looked at no more often than this, seconds.
    pub key_every_s: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            pictures_per_s: 600.0,
            decode_ms_per_s: 300.0,
            key_every_s: 1.0,
        }
    }
}

/// When something counts as motion. All areas are shares of the picture, so that they hold for every picture size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Motion {
    /// Least share of the picture that must change, 0 to 1.
    pub min_area: f64,
    /// 0 (only what nobody could miss) to 1 (the faintest): scales the adaptive threshold.
    pub sensitivity: f64,
    /// Motion ends after this long without any, seconds; what is reported as its end is the last moment it was seen.
    pub calm_s: f64,
}

impl Default for Motion {
    fn default() -> Self {
        Self {
            min_area: 0.004,
            sensitivity: 0.5,
            calm_s: 0.8,
        }
    }
}

/// When a picture counts as faulty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quality {
    /// Nothing that decodes for this long is a lost picture, seconds.
    pub lost_s: f64,
    /// Pictures in a row that must be alike to be frozen.
    pub frozen_pictures: u32,
    /// Share of blocks that must be alike, 0 to 1.
    pub frozen_alike: f64,
    /// And for at least this long, seconds: a quiet scene may stand still for a while.
    pub frozen_s: f64,
    /// A mean luma below this is dark, 0 to 255.
    pub dark_mean: f64,
    /// A standard deviation of luma below this may be a covered lens.
    pub covered_sigma: f64,
    /// Share of the picture that must be flat to be covered, 0 to 1.
    pub covered_area: f64,
    /// How long dark or covered must last to be reported, seconds.
    pub hold_s: f64,
}

impl Default for Quality {
    fn default() -> Self {
        Self {
            lost_s: 5.0,
            frozen_pictures: 10,
            frozen_alike: 0.95,
            frozen_s: 10.0,
            dark_mean: 30.0,
            covered_sigma: 25.0,
            covered_area: 0.7,
            hold_s: 3.0,
        }
    }
}

//! Settings of re-encoding for viewers.

use std::time::Duration;

use media::BitRate;
use serde::{Deserialize, Serialize};

use crate::config::seconds;

/// The table `[transcode]`. Pictures cost a third of a core each, so their number is bounded and small; sound costs
/// next to nothing.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Most feeds whose pictures are re-encoded at a time; 0 turns it off.
    pub max_video: usize,
    /// Most feeds whose sound is re-encoded at a time; 0 turns it off.
    pub max_sound: usize,
    /// `auto` (hardware before software), or the name of a GStreamer element such as `x264enc`.
    pub encoder: String,
    /// Pictures wider than this are made smaller, keeping their shape. Pixels, 160 to 4096.
    pub max_width: u32,
    /// Bits a second of a picture of the greatest width; smaller ones take their share of it.
    pub bit_rate: BitRate,
    /// A key frame at least so often, whatever the camera does.
    #[serde(rename = "key_every_s", with = "seconds")]
    pub key_every: Duration,
    /// How long a re-encoding goes on after its last viewer.
    #[serde(rename = "grace_s", with = "seconds")]
    pub grace: Duration,
    /// A pipeline that works on one frame for so long has got stuck, and is begun anew.
    #[serde(rename = "stall_s", with = "seconds")]
    pub stall: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_video: 2,
            max_sound: 64,
            encoder: "auto".into(),
            max_width: 1280,
            bit_rate: BitRate::megabits(2),
            key_every: Duration::from_secs(2),
            grace: Duration::from_secs(10),
            stall: Duration::from_secs(10),
        }
    }
}

impl Config {
    /// The key that is out of its range, and what was expected.
    pub fn fault(&self) -> Option<(&'static str, String)> {
        let range = |key, value: u64, least: u64, most: u64| {
            let out = !(least..=most).contains(&value);
            out.then(|| (key, format!("{value}, expected {least} to {most}")))
        };
        let tenths = |d: Duration| d.as_millis() as u64 / 100;
        let times = [
            ("transcode.key_every_s", tenths(self.key_every), 5, 600),
            ("transcode.stall_s", tenths(self.stall), 10, 6_000),
        ];
        let time = times.into_iter().find_map(|(key, value, least, most)| {
            let out = !(least..=most).contains(&value);
            let s = |tenths: u64| tenths as f64 / 10.0;
            out.then(|| {
                (
                    key,
                    format!("{}, expected {} to {}", s(value), s(least), s(most)),
                )
            })
        });
        None.or(range("transcode.max_video", self.max_video as u64, 0, 256))
            .or(range("transcode.max_sound", self.max_sound as u64, 0, 4096))
            .or(range(
                "transcode.max_width",
                self.max_width.into(),
                160,
                4096,
            ))
            .or(range(
                "transcode.bit_rate",
                self.bit_rate.0,
                100_000,
                50_000_000,
            ))
            .or(time)
    }

    /// The size of pictures after re-encoding: both even, the shape kept as near as that allows.
    pub(super) fn size(&self, width: u16, height: u16) -> (u32, u32) {
        let (w, h) = (u32::from(width).max(16), u32::from(height).max(16));
        let width = w.min(self.max_width.clamp(160, 4096));
        let height = (u64::from(h) * u64::from(width) / u64::from(w)).clamp(16, 4096) as u32;
        (width & !1, height & !1)
    }

    /// Bits a second for pictures of this size: the configured rate is for 16:9 at the greatest width. Small pictures need more a
    /// pixel, so the share falls with the square root.
    pub(super) fn rate(&self, width: u32, height: u32) -> BitRate {
        let most = f64::from(self.max_width) * f64::from(self.max_width) * 9.0 / 16.0;
        let share = (f64::from(width) * f64::from(height) / most)
            .sqrt()
            .min(1.0);
        BitRate(((self.bit_rate.0 as f64 * share) as u64).max(100_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_keep_their_shape_and_small_ones_take_less() {
        let c = Config::default();
        assert_eq!(c.fault(), None);
        assert_eq!(c.size(1920, 1080), (1280, 720));
        assert_eq!(c.size(640, 360), (640, 360));
        assert_eq!(c.size(2304, 1297), (1280, 720));
        assert_eq!(c.rate(1280, 720), BitRate::megabits(2));
        assert_eq!(c.rate(640, 360), BitRate::megabits(1));
        assert!(c.size(1, 16_384).1 <= 4096);
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_key() {
        let c = Config {
            max_width: 10,
            ..Config::default()
        };
        let (key, text) = c.fault().unwrap();
        assert_eq!(
            (key, text.as_str()),
            ("transcode.max_width", "10, expected 160 to 4096")
        );
        let c = Config {
            stall: Duration::ZERO,
            ..Config::default()
        };
        assert_eq!(c.fault().unwrap().1, "0, expected 1 to 600");
    }
}

//! Recorded pictures on the wire: the words that only they need. Any number of tiles share a clock, which says what moment they
//! show, how fast it goes, and what becomes of gaps.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// How fast a clock may go, forwards; backwards it is the same with a minus. 0 stands still.
pub const RATES: RangeInclusive<f64> = 0.25..=16.0;
/// From this rate on, and backwards at any, key frames only are sent.
pub const KEYS_FROM: f64 = 4.0;
/// How far one [`super::ClientMessage::Step`] goes, in pictures, either way.
pub const MAX_STEP: i32 = 25;
/// Longest reason for looking at a recording, in characters.
pub const MAX_REASON: usize = 200;
/// Feeds of recorded tiles are numbered from here on, by the connection; those of cameras lie below.
pub const FIRST_RECORDED: u32 = 1 << 31;

/// Whether a feed's number is that of a recorded tile.
pub fn is_recorded(feed: u32) -> bool {
    feed >= FIRST_RECORDED
}

/// A rate as it can be had: within its bounds, and the nearest of them where it is not.
pub fn rate(asked: f64) -> f64 {
    if asked == 0.0 || !asked.is_finite() {
        return 0.0;
    }
    asked.abs().clamp(*RATES.start(), *RATES.end()) * asked.signum()
}

/// What a clock does where none of its tiles has a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gaps {
    /// It goes on at the first moment that one of them has.
    #[default]
    Skip,
    /// It runs through.
    Wait,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_rate_is_one_that_can_be_had(asked in any::<f64>()) {
            let had = rate(asked);
            prop_assert!(had == 0.0 || RATES.contains(&had.abs()));
            prop_assert_eq!(rate(had), had);
            if asked.is_finite() && asked != 0.0 {
                prop_assert_eq!(had.signum(), asked.signum());
            }
        }
    }
}

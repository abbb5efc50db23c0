//! What passes between an archive, which knows files, and a play head, which knows a viewer's clock.
//!
//! Recorded pictures have UTC as their timeline, in 1/90 000 s since 1970: so all cameras that are shown beside each other have
//! the same one, and a player needs no map from one time to the other.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    id::Profile,
    reason::Reason,
    time::{MediaTime, WallTime},
    track::{TrackKind, Tracks},
};

/// A moment on the timeline of recordings; rounded down.
pub fn moment(wall: WallTime) -> MediaTime {
    let ticks = (i128::from(wall.0) * 9).div_euclid(100);
    MediaTime(ticks as i64)
}

/// The wall time of such a moment, rounded up: [`moment`] of it is the same again.
pub fn wall(moment: MediaTime) -> WallTime {
    let us = -(-i128::from(moment.0) * 100).div_euclid(9);
    WallTime(us.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

/// What a play head asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What.
    pub what: What,
    /// Key frames only.
    pub keys: bool,
}

/// Which pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// From the key frame at or before this moment on.
    From(MediaTime),
    /// What follows what was given last.
    On,
    /// Key frames before this moment, the newest first.
    Back(MediaTime),
    /// No picture, but the moment of one: so many behind the one shown at `at`, or before it where negative.
    Beside {
        /// The moment.
        at: MediaTime,
        /// How many.
        frames: i32,
    },
}

/// What there is of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Pictures, about a second of them.
    Clip(Clip),
    /// Nothing is recorded there.
    Hole(Hole),
    /// Nothing yet: the recorder is at work.
    Edge,
    /// The answer to [`What::Beside`]; none where there is no such picture.
    Beside(Option<MediaTime>),
}

/// Where nothing is recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Hole {
    /// Where it was come upon.
    pub from: MediaTime,
    /// Its other end; none where nothing is recorded beyond.
    pub to: Option<MediaTime>,
    /// Why.
    pub reason: Reason,
}

/// Pictures and sound of one recording, in the order they are decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// Which stream.
    pub profile: Profile,
    /// What it carries.
    pub tracks: Arc<Tracks>,
    /// Never empty.
    pub shots: Vec<Shot>,
}

/// One access unit that was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// Which track.
    pub track: TrackKind,
    /// A decoder can start here.
    pub key: bool,
    /// When it is decoded.
    pub dts: MediaTime,
    /// When it is shown.
    pub pts: MediaTime,
    /// Until the next that was asked for: where key frames only are, the next one of those.
    pub duration: MediaTime,
    /// When it arrived at the gateway.
    pub captured: WallTime,
    /// As it was recorded.
    pub data: Bytes,
}

impl Clip {
    /// Payload in bytes.
    pub fn bytes(&self) -> usize {
        self.shots.iter().map(|s| s.data.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_moment_is_the_same_after_a_turn_through_wall_time(ticks in -1_000_000_000_000_000i64..1_000_000_000_000_000) {
            prop_assert_eq!(moment(wall(MediaTime(ticks))), MediaTime(ticks));
        }

        #[test]
        fn and_is_never_later_than_what_it_was_made_of(us in -4_000_000_000_000_000i64..4_000_000_000_000_000) {
            prop_assert!(wall(moment(WallTime(us))) <= WallTime(us));
            prop_assert!(us - wall(moment(WallTime(us))).0 <= 12);
        }
    }
}

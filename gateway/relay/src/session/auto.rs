//! Which stream a tile in `auto` shows: by its size, and by what the viewer's line carries. Times are given, nothing is asked.
//!
//! ```text
//!            a sign of congestion                        wait over, no sign since
//! main tiles --------------------> all lowered to sub ---------------------------> one back to main, the largest first
//!     ^                                 ^                                             |
//!     +---- proof over: wait / 2 -------+-------- a sign within the proof: wait x 2 --+
//! ```
//!
//! Between two lowerings lies a wait at least, and a line that never carries `main` is tried ever more seldom, up to
//! [`Config::auto_wait_most_ms`]. Only the viewer's line lowers a tile: what a sign is, `meter.rs` says.

use std::time::{Duration, Instant};

use media::{Profile, wire::Auto};

use crate::Config;

/// A size that changes all the time (a window's edge is dragged) moves a tile this often at most.
pub(super) const SETTLE: Duration = Duration::from_secs(2);
/// A stream that was refused, or is not there, is not asked for again before; doubled each time, up to [`REFUSED_MOST`].
const REFUSED: Duration = Duration::from_secs(60);
const REFUSED_MOST: Duration = Duration::from_secs(3600);

/// What is wanted for one tile.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Lines of a 16:9 picture that fit into the tile. None: unknown, so large.
    lines: Option<u16>,
    by_size: Profile,
    /// Since when it has been so.
    sized: Option<Instant>,
    /// The line does not carry more.
    pub(super) lowered: bool,
    /// What was asked for was not given: not before this again, and how long that wait is.
    refused: Option<(Instant, Duration)>,
}

impl Wanted {
    pub(super) fn new(config: &Config, size: Option<(u16, u16)>, lowered: bool) -> Self {
        let lines = size.map(lines);
        let large = lines.is_none_or(|lines| lines >= config.auto_main_lines);
        Self {
            lines,
            by_size: if large { Profile::Main } else { Profile::Sub },
            sized: None,
            lowered,
            refused: None,
        }
    }

    /// The tile has another size.
    pub(super) fn resize(&mut self, size: (u16, u16)) {
        self.lines = Some(lines(size));
    }

    /// Goes by the size, if that is clearly on the other side and nothing changed a moment ago.
    pub(super) fn settle(&mut self, now: Instant, config: &Config) {
        if self.settles_at().is_none_or(|at| now >= at) && self.strays(config) {
            self.by_size = other(self.by_size);
            self.sized = Some(now);
            // What was refused for the old size is no answer to this one.
            self.refused = None;
        }
    }

    fn strays(&self, config: &Config) -> bool {
        let threshold = u32::from(config.auto_main_lines) * 100;
        let margin = u32::from(config.auto_main_lines) * u32::from(config.auto_margin_percent);
        let lines = self.lines.map_or(u32::MAX, |lines| u32::from(lines) * 100);
        match self.by_size {
            Profile::Main => lines < threshold.saturating_sub(margin),
            Profile::Sub => lines >= threshold.saturating_add(margin),
        }
    }

    fn settles_at(&self) -> Option<Instant> {
        Some(self.sized? + SETTLE)
    }

    /// When to look again, for its own sake.
    pub(super) fn wake_at(&self, config: &Config) -> Option<Instant> {
        self.settles_at().filter(|_| self.strays(config))
    }

    /// What it is to show now.
    pub(super) fn target(&self) -> Profile {
        match self.lowered {
            true => Profile::Sub,
            false => self.by_size,
        }
    }

    /// Whether it would show more on a better line.
    pub(super) fn is_held_down(&self) -> bool {
        self.lowered && self.by_size == Profile::Main
    }

    /// Its size, to compare with others: unknown counts as large.
    pub(super) fn rank(&self) -> u16 {
        self.lines.unwrap_or(u16::MAX)
    }

    /// Why it shows what it shows.
    pub(super) fn why(&self) -> Option<Auto> {
        match (self.by_size, self.lowered) {
            (Profile::Sub, _) => Some(Auto::Size),
            (Profile::Main, true) => Some(Auto::Capacity),
            (Profile::Main, false) => None,
        }
    }

    /// What it wants was not given.
    pub(super) fn refuse(&mut self, now: Instant) {
        let wait = self
            .refused
            .map_or(REFUSED, |(_, wait)| (wait * 2).min(REFUSED_MOST));
        self.refused = Some((now + wait, wait));
    }

    pub(super) fn may_ask(&self, now: Instant) -> bool {
        self.refused.is_none_or(|(until, _)| now >= until)
    }
}

fn other(profile: Profile) -> Profile {
    match profile {
        Profile::Main => Profile::Sub,
        Profile::Sub => Profile::Main,
    }
}

/// Lines of a 16:9 picture in a tile of this size.
fn lines((width, height): (u16, u16)) -> u16 {
    let by_width = u32::from(width) * 9 / 16;
    height.min(by_width.min(u32::from(u16::MAX)) as u16)
}

/// When a connection's tiles are lowered and when they climb back.
#[derive(Debug)]
pub(super) struct Steer {
    first: Duration,
    most: Duration,
    proof: Duration,
    /// Before the next climb.
    wait: Duration,
    /// Connections that share a line do not all climb in the same moment: so many 256ths longer.
    stagger: u8,
    /// The last sign of congestion.
    sign: Option<Instant>,
    climbed: Option<Instant>,
}

impl Steer {
    pub(super) fn new(config: &Config, stagger: u8) -> Self {
        let first = Duration::from_millis(config.auto_wait_ms);
        Self {
            first,
            most: Duration::from_millis(config.auto_wait_most_ms).max(first),
            proof: Duration::from_millis(config.auto_proof_ms),
            wait: first,
            stagger,
            sign: None,
            climbed: None,
        }
    }

    /// The line does not carry what is sent: all are to be lowered.
    pub(super) fn sign(&mut self, now: Instant) {
        if let Some(at) = self.climbed.take() {
            let failed = now.saturating_duration_since(at) < self.proof;
            self.wait = match failed {
                true => (self.wait * 2).min(self.most),
                false => (self.wait / 2).max(self.first),
            };
        }
        self.sign = Some(now);
    }

    /// When one of those that were lowered may climb.
    pub(super) fn climbs_at(&self) -> Option<Instant> {
        let wait = self.wait + self.wait * u32::from(self.stagger) / 256;
        let after_sign = self.sign? + wait;
        // One at a time: the line is to show what it makes of each.
        let after_climb = self.climbed.map(|at| at + self.first);
        Some(after_climb.map_or(after_sign, |at| at.max(after_sign)))
    }

    pub(super) fn climbed(&mut self, now: Instant) {
        self.climbed = Some(now);
    }

    /// Whether there was a sign since then.
    pub(super) fn signed_since(&self, since: Instant) -> bool {
        self.sign.is_some_and(|at| at >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_moves_a_tile_only_beyond_the_margin_and_not_all_the_time() {
        let config = Config::default();
        let (t, n) = (Instant::now(), config.auto_main_lines);
        let wide = |lines: u16| (lines * 2, lines);
        let mut tile = Wanted::new(&config, Some(wide(n)), false);
        assert_eq!(tile.target(), Profile::Main);
        let margin = n * u16::from(config.auto_margin_percent) / 100;
        tile.resize(wide(n - margin / 2));
        tile.settle(t, &config);
        assert_eq!(tile.target(), Profile::Main, "within the margin");
        tile.resize(wide(n - 2 * margin));
        tile.settle(t, &config);
        assert_eq!(
            (tile.target(), tile.why()),
            (Profile::Sub, Some(Auto::Size))
        );
        tile.resize(wide(n + margin / 2));
        tile.settle(t + SETTLE, &config);
        assert_eq!(tile.target(), Profile::Sub, "within the margin");
        tile.resize(wide(n + 2 * margin));
        tile.settle(t + SETTLE / 2, &config);
        assert_eq!(tile.target(), Profile::Sub, "it changed a moment ago");
        assert_eq!(tile.wake_at(&config), Some(t + SETTLE));
        tile.settle(t + SETTLE, &config);
        assert_eq!(tile.target(), Profile::Main);
        assert_eq!(tile.wake_at(&config), None);
    }

    #[test]
    fn a_tall_tile_counts_by_its_width() {
        assert_eq!(lines((640, 2000)), 360);
        assert_eq!(lines((16_384, 16_384)), 9_216);
        assert_eq!(lines((1, 1)), 0);
    }

    #[test]
    fn waits_double_with_each_climb_that_fails_and_halve_with_one_that_holds() {
        let config = Config::default();
        let (first, most) = (config.auto_wait_ms, config.auto_wait_most_ms);
        let mut steer = Steer::new(&config, 0);
        let mut now = Instant::now();
        assert_eq!(steer.climbs_at(), None);
        let mut waits = Vec::new();
        for _ in 0..8 {
            steer.sign(now);
            let at = steer.climbs_at().unwrap();
            waits.push((at - now).as_millis() as u64);
            now = at;
            steer.climbed(now);
        }
        let doubled: Vec<u64> = (0..8).map(|n| (first << n).min(most)).collect();
        assert_eq!(waits, doubled);
        now += Duration::from_millis(config.auto_proof_ms);
        steer.sign(now);
        assert_eq!(
            steer.climbs_at(),
            Some(now + Duration::from_millis(most / 2))
        );
    }
}

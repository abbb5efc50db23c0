//! Motion: does somebody or something walk, drive, fall through the picture?
//!
//! A picture is compared with one a quarter of a second earlier, not with a learnt background: who stands still is still, and
//! who leaves no ghost. Five things keep what is no motion out:
//! - *Noise*: each pixel has a threshold from how much it usually changes, so grain, rain and the pulse of key frames stay under.
//! - *Light*: brightness and contrast of the whole are fitted out first; a change of half of the picture at once is light.
//! - *Steps*: what changes once (a lamp, a digit of the clock) is over after a quarter of a second; motion goes on.
//! - *Place*: a moving thing moves on. Each changed region is followed, and its edges must get somewhere; leaves and a ticking
//!   clock stay where they are. What fidgets in one place for minutes is not looked at any more.
//! - *Scale*: where people of a certain size walk, a change of a small part of that size is somebody standing there who shifts
//!   their weight. The size is learnt for each place from the motion seen there, so near and far have their own.

use std::collections::VecDeque;

use ndarray::Array2;

use crate::{
    align::{difference, steadied},
    config,
    picture::{Small, median_of},
    region::{Region, Size, Track, regions},
    zone::Zone,
};

/// Finds motion in one feed's pictures. Plain value: no clock, no I/O.
#[derive(Debug)]
pub struct Motion {
    settings: config::Motion,
    zones: Vec<Zone>,
    /// Newest last, at most [`HISTORY_S`] long.
    history: VecDeque<Small>,
    tracks: Vec<Track>,
    learnt: Option<Learnt>,
    /// After a change of everything nothing is believed before this time, seconds.
    blind_until: f64,
    buffer: Vec<f32>,
}

/// What is known of a scene; kept over gaps between decoded groups.
#[derive(Debug)]
struct Learnt {
    /// How much each pixel usually changes between two pictures.
    noise: Array2<f32>,
    /// Per cell: how large what moved here was, as a share of the picture.
    scale: Array2<f32>,
    /// Per cell: share of the time in which it changed.
    restless: Array2<f32>,
    /// Per cell: whether motion counts here.
    wanted: Array2<bool>,
    /// Pixels along a cell's edge.
    cell: usize,
    /// For how long this scene was looked at, seconds.
    known_s: f64,
}

/// What one picture says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Time of the picture, seconds.
    pub at: f64,
    /// If something moves: since when it was seen to, and the last moment that is sure.
    pub moving: Option<(f64, f64)>,
    /// Share of the picture that the largest moving thing changed, 0 to 1.
    pub area: f32,
    /// Share of the picture that changed at all.
    pub changed: f32,
}

/// Distance of the two pictures compared, seconds: a walker moves by about half of their width.
const APART_S: f64 = 0.23;
/// Pictures closer than this to the last one judged are left out: ten a second are enough.
const PACE_S: f64 = 0.09;
/// A gap longer than this breaks every track.
const GAP_S: f64 = 1.3;
const HISTORY_S: f64 = 1.5;
/// Cells across the picture.
const CELLS: usize = 80;
/// Share of a cell's pixels that must change.
const CELL_SHARE: f32 = 0.3;
/// A change of more of the picture than this is light, or the camera itself.
const GLOBAL: f32 = 0.5;
/// A change of more of the picture than this may be a shake of the camera.
const SHAKE: f32 = 0.02;
/// A region this large moves even if its edges do not (it fills the picture).
const LARGE: f32 = 0.12;
/// Nor do they have to get far if it is this large.
const HALF_LARGE: f32 = 0.03;
/// Shares of the learnt size: a good part of what moves here, and as large.
const FAIR: f32 = 0.25;
const FULL: f32 = 0.4;
/// The learnt size halves in about 20 minutes of pictures.
const SCALE_DECAY_S: f64 = 1800.0;
/// Restlessness is the mean over about a minute.
const RESTLESS_S: f64 = 60.0;
const RESTLESS: f32 = 0.5;

impl Motion {
    /// For a feed; without zones everywhere counts.
    pub fn new(settings: config::Motion, zones: Vec<Zone>) -> Self {
        Self {
            settings,
            zones,
            history: VecDeque::new(),
            tracks: Vec::new(),
            learnt: None,
            blind_until: f64::NEG_INFINITY,
            buffer: Vec::new(),
        }
    }

    /// Judges a picture; none when it came too soon after the last or there is nothing to compare it with yet.
    pub fn judge(&mut self, picture: &Small) -> Option<Seen> {
        let since = self.history.back().map(|last| picture.at - last.at);
        let resized = self
            .history
            .back()
            .is_some_and(|last| last.size() != picture.size());
        match since {
            _ if resized => self.restart(),
            Some(s) if !(0.0..=GAP_S).contains(&s) => self.restart(),
            Some(s) if s < PACE_S => return None,
            _ => {}
        }
        while self
            .history
            .front()
            .is_some_and(|old| picture.at - old.at > HISTORY_S)
        {
            self.history.pop_front();
        }
        let apart = |old: &&Small| picture.at - old.at >= APART_S;
        let reference = self.history.iter().rev().find(apart).cloned();
        self.history.push_back(picture.clone());
        let reference = reference?;
        let step_s = since.unwrap_or(PACE_S);
        let factor = self.factor();
        let learnt = Learnt::of(&mut self.learnt, picture, &self.zones);
        let (difference, cells) = learnt.compare(picture, &reference, factor, &mut self.buffer);
        learnt.settle(&difference, &cells, step_s);
        let changed = share(&cells);
        if changed > GLOBAL {
            self.tracks.clear();
            self.blind_until = picture.at + APART_S + 2.0 * step_s;
        }
        if picture.at < self.blind_until {
            return Some(Seen {
                at: picture.at,
                changed,
                ..Seen::default()
            });
        }
        Some(self.follow(&cells, picture.at, reference.at, step_s, changed))
    }

    /// Share of the picture in which two pictures differ that may be far apart in time (two key frames), 0 to 1.
    pub fn differs(&mut self, a: &Small, b: &Small) -> f32 {
        if a.size() != b.size() {
            return 1.0;
        }
        let factor = self.factor();
        let learnt = Learnt::of(&mut self.learnt, a, &self.zones);
        let (_, cells) = learnt.compare(a, b, factor, &mut self.buffer);
        let total = cells.len() as f32;
        regions(&cells)
            .iter()
            .map(|r| r.cells.len() as f32 / total)
            .fold(0.0, f32::max)
    }

    /// Forgets what was in front of the camera a moment ago, not what is known of the scene.
    pub fn restart(&mut self) {
        self.history.clear();
        self.tracks.clear();
    }

    fn factor(&self) -> f32 {
        2f32.powf(1.0 - 2.0 * self.settings.sensitivity.clamp(0.0, 1.0) as f32)
    }

    fn follow(
        &mut self,
        cells: &Array2<bool>,
        at: f64,
        from: f64,
        step_s: f64,
        changed: f32,
    ) -> Seen {
        let total = cells.len() as f32;
        let least = self.settings.min_area.clamp(0.0002, 1.0) as f32 * self.factor();
        let Some(learnt) = &mut self.learnt else {
            return Seen::default();
        };
        let mut found = regions(cells);
        found.retain(|r| r.cells.len() as f32 >= (least * total).max(3.0));
        found.sort_by_key(|r| std::cmp::Reverse(r.cells.len()));
        let patience = (2.5 * step_s).max(0.35);
        self.tracks.retain(|t| at - t.last_at() <= patience);
        let mut seen = Seen {
            at,
            moving: None,
            area: 0.0,
            changed,
        };
        let mut taken = vec![false; self.tracks.len()];
        for region in found {
            let area = region.cells.len() as f32 / total;
            let usual = learnt.usual_size(&region, &mut self.buffer);
            let size = match usual {
                _ if area >= LARGE => Size::Full,
                u if u < 0.5 * least && area >= HALF_LARGE => Size::Fair,
                // Somebody who stood there from the beginning must not be one who walks.
                u if u < 0.5 * least && learnt.known_s < NEW_S => Size::Part,
                u if u < 0.5 * least => Size::Unknown,
                u if area >= FULL * u => Size::Full,
                u if area >= FAIR * u => Size::Fair,
                _ => Size::Part,
            };
            let index = Track::nearest(&self.tracks, &taken, &region).unwrap_or_else(|| {
                self.tracks.push(Track::default());
                taken.push(false);
                self.tracks.len() - 1
            });
            taken[index] = true;
            let track = &mut self.tracks[index];
            track.add(&region, at, size);
            let Some(since) = track.moving_since(cells.ncols(), size) else {
                continue;
            };
            learnt.remember_size(&region, area);
            // It changed some time in the quarter of a second before this picture: only its beginning is sure.
            let (start, end) = seen.moving.unwrap_or((since, from));
            seen.moving = Some((start.min(since), end.max(from).max(start.min(since))));
            seen.area = seen.area.max(area);
        }
        let keep = (-step_s / SCALE_DECAY_S).exp() as f32;
        learnt.scale.map_inplace(|v| *v *= keep);
        seen
    }
}

impl Learnt {
    fn of<'a>(learnt: &'a mut Option<Self>, picture: &Small, zones: &[Zone]) -> &'a mut Self {
        let (h, w) = picture.size();
        if learnt.as_ref().is_some_and(|l| l.noise.dim() != (h, w)) {
            *learnt = None;
        }
        learnt.get_or_insert_with(|| {
            let cell = (w / CELLS).max(2);
            let grid = (h / cell, w / cell);
            let centre = |i: usize, of: usize| (i as f32 + 0.5) * cell as f32 / of as f32;
            Self {
                noise: Array2::from_elem((h, w), NOISE_START),
                scale: Array2::zeros(grid),
                restless: Array2::zeros(grid),
                wanted: Array2::from_shape_fn(grid, |(y, x)| {
                    zones.is_empty() || zones.iter().any(|z| z.contains(centre(x, w), centre(y, h)))
                }),
                cell,
                known_s: 0.0,
            }
        })
    }

    /// How much each pixel changed, and which cells did by more than they usually do.
    fn compare(
        &self,
        new: &Small,
        old: &Small,
        factor: f32,
        buffer: &mut Vec<f32>,
    ) -> (Vec<f32>, Array2<bool>) {
        let plain = difference(&new.soft, &old.soft, buffer);
        let cells = self.changed_cells(new, &plain, factor);
        if share(&cells) < SHAKE {
            return (plain, cells);
        }
        // Much has changed: perhaps the pole shakes in the wind.
        let steadied = steadied(&new.soft, &old.soft, buffer);
        let fewer = self.changed_cells(new, &steadied, factor);
        if share(&fewer) < 0.6 * share(&cells) {
            (steadied, fewer)
        } else {
            (plain, cells)
        }
    }

    /// Which cells changed by more than they usually do.
    fn changed_cells(&self, picture: &Small, difference: &[f32], factor: f32) -> Array2<bool> {
        let w = picture.size().1;
        // A picture of little contrast (night, fog) shows a body by fewer levels.
        let floor = (picture.soft.std(0.0) * 0.18).clamp(4.0, 9.0);
        let mut count = Array2::<u16>::zeros(self.wanted.dim());
        let (rows, columns) = count.dim();
        let noise = self.noise.as_slice().unwrap_or_default();
        for y in 0..rows * self.cell {
            let row = &difference[y * w..][..columns * self.cell];
            let noise = &noise[y * w..][..columns * self.cell];
            for x in 0..columns * self.cell {
                let threshold = floor.max(NOISE_FACTOR * noise[x]) * factor;
                count[(y / self.cell, x / self.cell)] += u16::from(row[x] > threshold);
            }
        }
        let needed = CELL_SHARE * (self.cell * self.cell) as f32;
        let mut cells = count.mapv(|n| f32::from(n) >= needed);
        for ((cell, wanted), restless) in cells.iter_mut().zip(&self.wanted).zip(&self.restless) {
            *cell &= *wanted && *restless < RESTLESS;
        }
        cells
    }

    /// Learns from a picture how much each pixel and cell changes.
    fn settle(&mut self, difference: &[f32], cells: &Array2<bool>, step_s: f64) {
        // Rates are for ten pictures a second.
        let rate = (step_s * 10.0).clamp(0.3, 3.0) as f32;
        self.known_s += step_s;
        // A scene nothing is known of is learnt quickly: a tree must not be an event each time a camera is added.
        let upwards = if self.known_s < NEW_S { 0.04 } else { 0.01 };
        for (noise, d) in self.noise.iter_mut().zip(difference) {
            // Clipped, and slower upwards: who walks through is not learnt as noise, what flickers always is.
            let towards = d.min(3.0 * *noise + 0.3);
            let speed = if towards > *noise { upwards } else { 0.03 };
            *noise = (*noise + (towards - *noise) * speed * rate).max(NOISE_LEAST);
        }
        let keep = (-step_s / RESTLESS_S).exp() as f32;
        for (restless, changed) in self.restless.iter_mut().zip(cells) {
            // Once over the limit the cell is masked, so it is seen as calm and comes back: it is tried again every minute.
            *restless = *restless * keep + if *changed { 1.0 - keep } else { 0.0 };
        }
    }

    /// The size, as a share of the picture, of what usually moves where this region is.
    fn usual_size(&self, region: &Region, buffer: &mut Vec<f32>) -> f32 {
        median_of(region.cells.iter().map(|c| self.scale[*c]), buffer)
    }

    fn remember_size(&mut self, region: &Region, area: f32) {
        for c in &region.cells {
            let scale = &mut self.scale[*c];
            *scale = scale.max(area);
        }
    }
}

/// A scene is new for this long, seconds.
const NEW_S: f64 = 4.0;
/// A pixel changes by about this much in a scene nothing is known of yet.
const NOISE_START: f32 = 1.0;
const NOISE_LEAST: f32 = 0.4;
const NOISE_FACTOR: f32 = 6.0;

fn share(cells: &Array2<bool>) -> f32 {
    cells.iter().filter(|c| **c).count() as f32 / cells.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{Noise, Thing, draw, luma};

    fn motion() -> Motion {
        Motion::new(config::Motion::default(), Vec::new())
    }

    /// Judges `seconds` of pictures at ten a second; says from when to when something moved, each time.
    fn spans(
        motion: &mut Motion,
        seconds: u32,
        mut picture: impl FnMut(f64) -> Small,
    ) -> Vec<(f64, f64)> {
        let mut spans: Vec<(f64, f64)> = Vec::new();
        for n in 0..seconds * 10 {
            let at = f64::from(n) / 10.0;
            let Some((from, to)) = motion.judge(&picture(at)).and_then(|s| s.moving) else {
                continue;
            };
            match spans.last_mut() {
                Some(last) if from - last.1 < 1.0 => last.1 = last.1.max(to),
                _ => spans.push((from, to)),
            }
        }
        spans
    }

    /// Somebody of a height who walks in at 5 s, stands in the middle from 8 s to 15 s shifting their weight, and leaves.
    fn visitor(at: f64, height: f32) -> Vec<Thing> {
        let width = height * 0.25;
        let x = match at {
            a if a < 5.0 => return Vec::new(),
            a if a < 8.0 => -width + (0.5 + width) * ((a - 5.0) / 3.0) as f32,
            a if a < 15.0 => 0.5 + 0.006 * height * ((a - 8.0) * 2.0).sin() as f32,
            a if a < 18.0 => 0.5 + 0.6 * ((a - 15.0) / 3.0) as f32,
            _ => return Vec::new(),
        };
        vec![Thing(x, 0.9 - height, width, height, 55.0)]
    }

    #[test]
    fn somebody_walks_in_stands_and_leaves_near_and_far() {
        for height in [0.8, 0.35, 0.15] {
            let (mut motion, mut noise) = (motion(), Noise(5));
            let spans = spans(&mut motion, 22, |at| {
                draw(at, 320, 180, &visitor(at, height), &mut noise)
            });
            assert_eq!(spans.len(), 2, "{height}: {spans:?}");
            assert!(
                spans[0].0 >= 4.9 && spans[0].1 <= 8.1,
                "{height}: {spans:?}"
            );
            assert!(
                spans[1].0 >= 14.9 && spans[1].1 <= 18.1,
                "{height}: {spans:?}"
            );
        }
    }

    #[test]
    fn darkness_and_grain_hide_nobody_and_make_nobody() {
        let (mut motion, mut noise) = (motion(), Noise(6));
        let spans = spans(&mut motion, 22, |at| {
            let luma = luma(320, 180, &visitor(at, 0.5), 0.45, 5.0, &mut noise);
            Small::of(at, 320, 180, &luma).unwrap()
        });
        assert_eq!(spans.len(), 2, "{spans:?}");
    }

    #[test]
    fn a_lamp_a_cloud_and_a_clock_are_no_motion() {
        let (mut motion, mut noise) = (motion(), Noise(7));
        let spans = spans(&mut motion, 60, |at| {
            let lamp = if ((at / 7.0) as u32).is_multiple_of(2) {
                1.0
            } else {
                0.6
            };
            let cloud = 1.0 + 0.1 * (at / 5.0).sin() as f32;
            let digit = |place: f32, every: f64| {
                let odd = (at / every) as u32 % 2 == 1;
                Thing(
                    0.02 + place,
                    0.03,
                    0.02,
                    0.05,
                    if odd { 200.0 } else { 60.0 },
                )
            };
            let clock = [
                digit(0.0, 60.0),
                digit(0.03, 10.0),
                digit(0.06, 1.0),
                digit(0.09, 0.1),
            ];
            let luma = luma(320, 180, &clock, lamp * cloud, 2.0, &mut noise);
            Small::of(at, 320, 180, &luma).unwrap()
        });
        assert_eq!(spans, []);
    }

    #[test]
    fn leaves_in_the_wind_and_rain_are_no_motion() {
        let (mut motion, mut noise) = (motion(), Noise(8));
        let mut drops = Noise(9);
        let spans = spans(&mut motion, 30, |at| {
            let mut things: Vec<Thing> = (0..30u8)
                .map(|n| {
                    let (x, y) = (0.7 + 0.05 * f32::from(n % 6), 0.05 * f32::from(n / 6));
                    let sway = 0.008 * (at * 6.0 + f64::from(n)).sin() as f32;
                    Thing(x + sway, y, 0.03, 0.035, 60.0 + 3.0 * f32::from(n))
                })
                .collect();
            for _ in 0..25 {
                let (x, y) = (0.5 + 0.3 * drops.next(), 0.5 + 0.3 * drops.next());
                things.push(Thing(x, y, 0.004, 0.04, 190.0));
            }
            draw(at, 320, 180, &things, &mut noise)
        });
        assert_eq!(spans, []);
    }

    #[test]
    fn a_pole_that_shakes_in_the_wind_is_no_motion_and_hides_none() {
        let (mut motion, mut noise) = (motion(), Noise(8));
        let spans = spans(&mut motion, 22, |at| {
            // Drawn a little larger, and cut out where the pole points.
            let whole = luma(336, 196, &visitor(at, 0.5), 1.0, 2.0, &mut noise);
            let dx = (8.0 + 2.0 * (at * 9.0).sin()) as usize;
            let dy = (8.0 + 2.0 * (at * 7.0).cos()) as usize;
            let rows = (0..180).flat_map(|y| whole[(y + dy) * 336 + dx..][..320].to_vec());
            Small::of(at, 320, 180, &rows.collect::<Vec<_>>()).unwrap()
        });
        assert!(spans.iter().any(|s| s.0 > 4.9 && s.1 < 8.5), "{spans:?}");
        assert!(spans.iter().any(|s| s.0 > 14.5 && s.1 < 18.5), "{spans:?}");
        assert!(
            spans.iter().all(|s| s.0 > 4.9 && (s.1 < 9.0 || s.0 > 14.5)),
            "{spans:?}"
        );
    }

    #[test]
    fn a_car_that_passes_in_a_second_is_motion() {
        let (mut motion, mut noise) = (motion(), Noise(10));
        let spans = spans(&mut motion, 12, |at| {
            let car = Thing(-0.25 + 1.25 * (at - 6.0) as f32, 0.55, 0.25, 0.2, 190.0);
            let there = (6.0..7.0).contains(&at);
            draw(
                at,
                320,
                180,
                if there {
                    std::slice::from_ref(&car)
                } else {
                    &[]
                },
                &mut noise,
            )
        });
        assert_eq!(spans.len(), 1, "{spans:?}");
        assert!(spans[0].0 >= 5.9 && spans[0].1 <= 7.1, "{spans:?}");
    }

    #[test]
    fn who_walks_where_cars_drive_is_seen_too() {
        let (mut motion, mut noise) = (motion(), Noise(11));
        let spans = spans(&mut motion, 40, |at| {
            let car = Thing(-0.4 + 0.5 * (at % 10.0) as f32, 0.3, 0.35, 0.4, 190.0);
            let walker = Thing(-0.05 + 0.1 * (at - 30.0) as f32, 0.5, 0.05, 0.2, 55.0);
            let things = if at < 25.0 { [car] } else { [walker] };
            draw(at, 320, 180, &things, &mut noise)
        });
        assert!(spans.iter().any(|s| s.0 > 29.0), "{spans:?}");
    }

    #[test]
    fn only_zones_of_interest_count() {
        let zone = |left: f32| {
            Zone::new(
                "yard",
                vec![
                    (left, 0.0),
                    (left + 0.4, 0.0),
                    (left + 0.4, 1.0),
                    (left, 1.0),
                ],
            )
            .unwrap()
        };
        let walk = |motion: &mut Motion| {
            let mut noise = Noise(12);
            spans(motion, 8, |at| {
                let there = Thing(0.1 + 0.03 * at as f32, 0.3, 0.1, 0.4, 55.0);
                draw(at, 320, 180, &[there], &mut noise)
            })
        };
        let settings = config::Motion::default;
        assert!(!walk(&mut Motion::new(settings(), vec![zone(0.0)])).is_empty());
        assert_eq!(walk(&mut Motion::new(settings(), vec![zone(0.6)])), []);
    }

    #[test]
    fn two_pictures_far_apart_differ_by_who_came_in_between_not_by_the_light() {
        let (mut motion, mut noise) = (motion(), Noise(13));
        let empty = draw(0.0, 320, 180, &[], &mut noise);
        let again = luma(320, 180, &[], 0.8, 2.0, &mut noise);
        let again = Small::of(10.0, 320, 180, &again).unwrap();
        let visited = draw(20.0, 320, 180, &visitor(10.0, 0.5), &mut noise);
        assert!(motion.differs(&again, &empty) < 0.004);
        assert!(motion.differs(&visited, &empty) > 0.02);
    }
}

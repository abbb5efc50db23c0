//! Regions of changed cells, and following them from picture to picture.

use std::collections::VecDeque;

use ndarray::Array2;

/// Cells that touch each other, corners included.
#[derive(Clone, Debug, Default)]
pub struct Region {
    /// (row, column) of each.
    pub cells: Vec<(usize, usize)>,
    /// Centre, then the box around it: row and column.
    pub shape: Shape,
}

/// Where a region is, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shape {
    /// Mean row and column.
    pub centre: [f32; 2],
    /// Least row and column.
    pub low: [f32; 2],
    /// Greatest row and column.
    pub high: [f32; 2],
}

/// Takes the changed cells apart into regions.
pub fn regions(cells: &Array2<bool>) -> Vec<Region> {
    let mut left = cells.clone();
    let (rows, columns) = left.dim();
    let mut out = Vec::new();
    for start in ndarray::indices((rows, columns)) {
        if !std::mem::take(&mut left[start]) {
            continue;
        }
        let mut found = vec![start];
        let mut next = 0;
        while let Some(&(y, x)) = found.get(next) {
            next += 1;
            for y in y.saturating_sub(1)..(y + 2).min(rows) {
                for x in x.saturating_sub(1)..(x + 2).min(columns) {
                    if std::mem::take(&mut left[(y, x)]) {
                        found.push((y, x));
                    }
                }
            }
        }
        let shape = Shape::of(&found);
        out.push(Region {
            cells: found,
            shape,
        });
    }
    out
}

impl Shape {
    fn of(cells: &[(usize, usize)]) -> Self {
        let mut shape = Self {
            centre: [0.0; 2],
            low: [f32::MAX; 2],
            high: [0.0; 2],
        };
        for &(y, x) in cells {
            for (i, v) in [y as f32, x as f32].into_iter().enumerate() {
                shape.centre[i] += v / cells.len() as f32;
                shape.low[i] = shape.low[i].min(v);
                shape.high[i] = shape.high[i].max(v);
            }
        }
        shape
    }

    /// Its smaller side, in cells.
    fn width(&self) -> f32 {
        (self.high[0] - self.low[0]).min(self.high[1] - self.low[1]) + 1.0
    }

    /// Whether two boxes overlap or nearly do.
    fn near(&self, other: &Self) -> bool {
        (0..2).all(|i| self.low[i] <= other.high[i] + 2.0 && self.high[i] >= other.low[i] - 2.0)
    }
}

/// A region followed over pictures.
#[derive(Clone, Debug, Default)]
pub struct Track {
    steps: VecDeque<Step>,
    /// Of the newest steps, those large enough for their place.
    counts: Run,
    /// Of the newest steps, those as large as what usually moves at their place, or simply large.
    full: Run,
}

/// How large a region is, against what is known of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    /// Small for what moves here: somebody who shifts their weight, or something else that is small.
    Part,
    /// Nothing is known of this place.
    Unknown,
    /// A good part of what moves here.
    Fair,
    /// As large as what moves here, or a large part of the picture.
    Full,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    at: f64,
    cells: usize,
    shape: Shape,
}

/// How many steps in a row, and when the first of them was.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    steps: u32,
    since: f64,
}

/// A way to be gone before it is one.
struct Way {
    /// In widths of its own.
    own_widths: f32,
    /// In picture widths.
    picture_widths: f32,
    /// Least length of the straight line, as a share of the way.
    straight: f32,
    /// How far the edges go along, as a share of the straight line: the one that does most, and the other.
    edges: [f32; 2],
    least_s: f64,
}

/// A region must change for this long: longer than a step in brightness stays visible to the comparison.
const LEAST_S: f64 = 0.28;
/// Its way is looked at over this time.
const WAY_S: f64 = 2.0;

/// Where its size is what moves here.
const SHORT: Way = Way {
    own_widths: 0.4,
    picture_widths: 0.02,
    straight: 0.6,
    edges: [0.5, -0.2],
    least_s: LEAST_S,
};
/// Where nothing is known of the place.
const LONGER: Way = Way {
    own_widths: 0.8,
    ..SHORT
};
/// Or, there, a slower way that is kept up: who shifts their weight turns back within a second.
const STEADY: Way = Way {
    own_widths: 0.5,
    straight: 0.75,
    edges: [0.5, -0.1],
    least_s: 0.8,
    ..SHORT
};
/// Where it is small for its place: only what surely gets away.
const LONG: Way = Way {
    own_widths: 1.8,
    picture_widths: 0.04,
    straight: 0.8,
    edges: [0.6, 0.5],
    least_s: 0.7,
};

impl Track {
    /// The track that this region continues, if any.
    pub fn nearest(tracks: &[Self], taken: &[bool], region: &Region) -> Option<usize> {
        let size = region.cells.len();
        let distance = |t: &Self| {
            let last = t.steps.back()?;
            let alike = size.max(last.cells) <= 4 * size.min(last.cells) + 6;
            (alike && last.shape.near(&region.shape)).then(|| {
                let [dy, dx] = apart(&region.shape.centre, &last.shape.centre);
                dy.abs() + dx.abs()
            })
        };
        let free = tracks
            .iter()
            .zip(taken)
            .enumerate()
            .filter(|(_, (_, taken))| !**taken);
        free.filter_map(|(i, (t, _))| Some((i, distance(t)?)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(i, _)| i)
    }

    /// When it was last seen.
    pub fn last_at(&self) -> f64 {
        self.steps.back().map_or(f64::NEG_INFINITY, |s| s.at)
    }

    /// Goes on with this region.
    pub fn add(&mut self, region: &Region, at: f64, size: Size) {
        while self.steps.front().is_some_and(|s| at - s.at > WAY_S) {
            self.steps.pop_front();
        }
        self.steps.push_back(Step {
            at,
            cells: region.cells.len(),
            shape: region.shape,
        });
        self.counts.step(size >= Size::Unknown, at);
        self.full.step(size == Size::Full, at);
    }

    /// Since when it moves, if it does; `columns` is the picture's width in cells.
    pub fn moving_since(&self, columns: usize, size: Size) -> Option<f64> {
        let (now, first) = (self.steps.back()?, self.steps.front()?);
        if now.at - first.at < LEAST_S {
            return None;
        }
        let fair: &[Way] = match size {
            Size::Unknown => &[LONGER, STEADY],
            _ => &[SHORT],
        };
        let large = self
            .full
            .lasts(now.at)
            .and_then(|since| Some(since.max(self.alike_since()?)));
        let on_its_way = || {
            let since = self.counts.lasts(now.at)?;
            let gone = fair.iter().find_map(|way| self.gone(way, columns));
            Some(since.max(gone?))
        };
        large
            .or_else(on_its_way)
            .or_else(|| self.gone(&LONG, columns))
    }

    /// Since when it has been about as large as it is.
    fn alike_since(&self) -> Option<f64> {
        let now = self.steps.back()?.cells;
        let alike = self.steps.iter().rev().take_while(|s| s.cells * 3 >= now);
        alike.last().map(|s| s.at)
    }

    /// The moment, if there is one, since which it has gone this way.
    fn gone(&self, way: &Way, columns: usize) -> Option<f64> {
        let now = self.steps.back()?;
        let mut path = 0.0;
        let mut widths = vec![now.shape.width()];
        for i in (0..self.steps.len().saturating_sub(1)).rev() {
            let (then, after) = (&self.steps[i], &self.steps[i + 1]);
            path += length(apart(&after.shape.centre, &then.shape.centre));
            widths.push(then.shape.width());
            if now.at - then.at < way.least_s || widths.len() < 3 {
                continue;
            }
            let net = apart(&now.shape.centre, &then.shape.centre);
            let far = length(net);
            let along = |d: [f32; 2]| (d[0] * net[0] + d[1] * net[1]) / far.max(1e-6);
            let low = along(apart(&now.shape.low, &then.shape.low));
            let high = along(apart(&now.shape.high, &then.shape.high));
            let mut sorted = widths.clone();
            sorted.sort_by(f32::total_cmp);
            let width = sorted[sorted.len() / 2];
            let least = (way.picture_widths * columns as f32).max(way.own_widths * width);
            if far >= least
                && far >= way.straight * path
                && low.max(high) >= way.edges[0] * far
                && low.min(high) >= way.edges[1] * far
            {
                return Some(then.at);
            }
        }
        None
    }
}

impl Run {
    fn step(&mut self, goes_on: bool, at: f64) {
        *self = match (goes_on, self.steps) {
            (false, _) => Self::default(),
            (true, 0) => Self {
                steps: 1,
                since: at,
            },
            (true, n) => Self {
                steps: n.saturating_add(1),
                ..*self
            },
        };
    }

    /// Its beginning, once it is long enough.
    fn lasts(&self, now: f64) -> Option<f64> {
        // At two pictures a second three in a row would be too many to ask.
        let enough = if now - self.since >= 0.4 { 2 } else { 3 };
        (self.steps >= enough).then_some(self.since)
    }
}

fn apart(a: &[f32; 2], b: &[f32; 2]) -> [f32; 2] {
    [a[0] - b[0], a[1] - b[1]]
}

fn length(d: [f32; 2]) -> f32 {
    d[0].hypot(d[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(y: usize, x: usize, h: usize, w: usize) -> Region {
        let mut cells = Array2::from_elem((45, 80), false);
        cells.slice_mut(ndarray::s![y..y + h, x..x + w]).fill(true);
        regions(&cells).remove(0)
    }

    #[test]
    fn cells_that_touch_are_one_region() {
        let mut cells = Array2::from_elem((6, 6), false);
        for at in [(0, 0), (1, 1), (2, 0), (5, 5), (5, 4)] {
            cells[at] = true;
        }
        let found = regions(&cells);
        assert_eq!(
            found.iter().map(|r| r.cells.len()).collect::<Vec<_>>(),
            [3, 2]
        );
        assert_eq!(found[1].shape.low, [5.0, 4.0]);
    }

    #[test]
    fn what_walks_moves_and_what_waves_does_not() {
        let (mut walker, mut waver) = (Track::default(), Track::default());
        for n in 0..12 {
            walker.add(&region(10, 10 + n, 8, 3), n as f64 * 0.1, Size::Fair);
            waver.add(&region(10, 10 + n % 2, 8, 3), n as f64 * 0.1, Size::Fair);
        }
        let since = walker.moving_since(80, Size::Fair);
        assert!(since.is_some_and(|s| (0.0..0.9).contains(&s)), "{since:?}");
        assert_eq!(waver.moving_since(80, Size::Fair), None);
    }

    #[test]
    fn a_short_change_is_no_motion() {
        let mut flash = Track::default();
        for n in 0..3 {
            flash.add(&region(10, 10 + 3 * n, 20, 20), n as f64 * 0.1, Size::Full);
            assert_eq!(flash.moving_since(80, Size::Full), None);
        }
    }
}

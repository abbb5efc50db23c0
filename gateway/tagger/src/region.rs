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
    /// Of the newest steps: how many in a row were large enough, and when the first of them was.
    run: Option<(u32, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    at: f64,
    cells: usize,
    shape: Shape,
}

/// A region must change for this long: longer than a step in brightness stays visible to the comparison.
const LEAST_S: f64 = 0.28;
/// Its way is looked at over this time.
const WAY_S: f64 = 2.0;
/// How far it must get, in widths of its own and in picture widths.
const OWN_WIDTHS: f32 = 0.4;
const PICTURE_WIDTHS: f32 = 0.02;

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

    /// Goes on with this region; `counts` when it is large enough for its place.
    pub fn add(&mut self, region: &Region, at: f64, counts: bool) {
        while self.steps.front().is_some_and(|s| at - s.at > WAY_S) {
            self.steps.pop_front();
        }
        self.steps.push_back(Step {
            at,
            cells: region.cells.len(),
            shape: region.shape,
        });
        self.run = match (counts, self.run) {
            (false, _) => None,
            (true, None) => Some((1, at)),
            (true, Some((n, since))) => Some((n.saturating_add(1), since)),
        };
    }

    /// Since when it moves, if it does: it goes on for a while, and gets somewhere (unless it is `large`).
    pub fn moving_since(&self, columns: usize, large: bool) -> Option<f64> {
        let (now, first) = (self.steps.back()?, self.steps.front()?);
        let (count, since) = self.run?;
        // At two pictures a second three in a row would be too many to ask.
        let enough = if now.at - since >= 0.4 { 2 } else { 3 };
        if count < enough || now.at - first.at < LEAST_S {
            return None;
        }
        let moving = if large {
            self.large_since()
        } else {
            self.on_its_way_since(columns)
        };
        moving.map(|moving| moving.max(since))
    }

    /// Since when it has been about as large as it is.
    fn large_since(&self) -> Option<f64> {
        let now = self.steps.back()?.cells;
        let alike = self.steps.iter().rev().take_while(|s| s.cells * 3 >= now);
        alike.last().map(|s| s.at)
    }

    /// The moment, if there is one, since which its centre went a nearly straight way of a good part of its own width, and its
    /// edges with it.
    fn on_its_way_since(&self, columns: usize) -> Option<f64> {
        let now = self.steps.back()?;
        let least = PICTURE_WIDTHS * columns as f32;
        let mut way = 0.0;
        let mut widths = vec![now.shape.width()];
        for i in (0..self.steps.len().saturating_sub(1)).rev() {
            let (then, after) = (&self.steps[i], &self.steps[i + 1]);
            way += length(apart(&after.shape.centre, &then.shape.centre));
            widths.push(then.shape.width());
            if now.at - then.at < LEAST_S {
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
            if far >= least.max(OWN_WIDTHS * width)
                && far >= 0.6 * way
                && low.max(high) >= 0.5 * far
                && low.min(high) >= -0.2 * far
            {
                return Some(then.at);
            }
        }
        None
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
            walker.add(&region(10, 10 + n, 8, 3), n as f64 * 0.1, true);
            waver.add(&region(10, 10 + n % 2, 8, 3), n as f64 * 0.1, true);
        }
        assert_eq!(walker.moving_since(80, false), Some(0.0));
        assert_eq!(waver.moving_since(80, false), None);
    }

    #[test]
    fn a_short_change_is_no_motion() {
        let mut flash = Track::default();
        for n in 0..3 {
            flash.add(&region(10, 10 + 3 * n, 20, 20), n as f64 * 0.1, true);
            assert_eq!(flash.moving_since(80, true), None);
        }
    }
}

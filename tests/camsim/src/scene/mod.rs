//! Scenes: places drawn by the program, with people and vehicles on a known timetable.
//!
//! A scene is drawn once for each size, encoded once, and kept on disk. Its moments of motion are
//! known ([`Scene::motion`]), so whoever judges pictures can be judged. Every picture carries the
//! scene's name, the clip's running time and the frame counter ([`crate::counter`]).

mod canvas;
mod movers;
mod places;
mod quick;
mod text;

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use self::quick::{QuickClip, Sound, quick_clip};
use self::{
    canvas::{Canvas, SPACE_H, SPACE_W},
    movers::{Kind, Pose},
};
use crate::{
    clip::{Clip, ClipError, VideoCodec, encode_aac, encode_video, load, store},
    counter,
};

/// Seconds of one round of a scene; nothing moves at its ends, so the loop does not show.
pub const ROUND_S: u32 = 60;
/// Seconds of the short clips that are made first, so that there is something to see.
pub const FIRST_S: u32 = 4;

/// The places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scene {
    /// A village road between fields.
    Road,
    /// A town square with shops.
    Square,
    /// A river with a staff gauge.
    River,
    /// A car park.
    Carpark,
}

/// What a clip of a scene is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// H.264 or H.265.
    pub codec: VideoCodec,
    /// Picture width; divisible by 8.
    pub width: u32,
    /// Picture height; divisible by 4.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Bits a second, in thousands.
    pub kbit_s: u32,
    /// Seconds from the scene's beginning; at most [`ROUND_S`].
    pub seconds: u32,
    /// Whether it has a sound track (AAC).
    pub sound: bool,
}

impl Cut {
    /// 1080p25 at 2 Mbit/s, group of 2 s.
    pub const MAIN: Self = Self {
        codec: VideoCodec::H264,
        width: 1_920,
        height: 1_080,
        fps: 25,
        kbit_s: 2_000,
        seconds: ROUND_S,
        sound: true,
    };
    /// 640x360 at 15 frames and 512 kbit/s a second, group of 2 s.
    pub const SUB: Self = Self {
        width: 640,
        height: 360,
        fps: 15,
        kbit_s: 512,
        sound: false,
        ..Self::MAIN
    };
}

impl Scene {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Road, Self::Square, Self::River, Self::Carpark];

    /// The name in files and data: `road`, `square`, `river`, `carpark`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Road => "road",
            Self::Square => "square",
            Self::River => "river",
            Self::Carpark => "carpark",
        }
    }

    /// The scene of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// Its name in the picture: Chinese and English.
    pub fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::Road => ("乡村道路", "VILLAGE ROAD"),
            Self::Square => ("城镇广场", "TOWN SQUARE"),
            Self::River => ("梅江水位", "RIVER GAUGE"),
            Self::Carpark => ("停车场", "CAR PARK"),
        }
    }

    /// When something moves, in seconds from the clip's beginning; nothing does in between.
    pub fn motion(self) -> Vec<Range<f32>> {
        let mut times: Vec<Range<f32>> = self.moves().iter().map(|m| m.when.clone()).collect();
        times.sort_by(|a, b| a.start.total_cmp(&b.start));
        let mut merged: Vec<Range<f32>> = Vec::new();
        for time in times {
            match merged.last_mut() {
                Some(last) if time.start <= last.end => last.end = last.end.max(time.end),
                _ => merged.push(time),
            }
        }
        merged
    }

    /// Draws, encodes and keeps the clip, or reads it where that was done before. Blocks: seconds
    /// to a minute for the first time.
    pub fn clip(self, cut: &Cut, cache: &Path) -> Result<Clip, ClipError> {
        let Cut {
            codec,
            width,
            height,
            fps,
            kbit_s,
            seconds,
            sound,
        } = *cut;
        cached(&self.file(cut, cache), || {
            let settings = crate::clip::Settings {
                codec,
                width,
                height,
                fps,
                gop: fps * 2,
                bframes: 0,
                slices: 1,
                delimiters: false,
                kbit_s,
                preset: if codec == VideoCodec::H264 {
                    "superfast"
                } else {
                    "ultrafast"
                },
                background: seconds > FIRST_S,
            };
            let painter = Painter::new(self, width as usize, height as usize);
            let video = encode_video(&settings, fps * seconds.clamp(1, ROUND_S), |n, picture| {
                painter.draw(n, n as f32 / fps as f32, picture);
            })?;
            let sound = if sound {
                Some(encode_aac(&quick::ambience(16_000, 30), 16_000)?)
            } else {
                None
            };
            Clip::new(video, sound)
        })
    }

    /// The clip, where it was made before and is sound.
    pub fn kept(self, cut: &Cut, cache: &Path) -> Option<Clip> {
        load(&self.file(cut, cache)).ok().flatten()
    }

    fn file(self, cut: &Cut, cache: &Path) -> PathBuf {
        let Cut {
            codec,
            width,
            height,
            fps,
            kbit_s,
            seconds,
            sound,
        } = *cut;
        let codec = match codec {
            VideoCodec::H264 => "h264",
            VideoCodec::H265 => "h265",
        };
        let sound = if sound { "-aac" } else { "" };
        cache.join(format!(
            "{}-{codec}-{width}x{height}-{fps}fps-{kbit_s}k-{seconds}s{sound}.clip",
            self.as_str()
        ))
    }

    /// Draws one picture (I420, planes without padding): the scene at `seconds`, counter at `number`.
    pub fn picture(self, width: usize, height: usize, number: u32, seconds: f32) -> Vec<u8> {
        let mut out = vec![0; width * height * 3 / 2];
        Painter::new(self, width, height).draw(number, seconds, &mut out);
        out
    }

    fn moves(self) -> Vec<Move> {
        use Kind::{Bicycle, Boat, CarFront, CarSide, Person, ScooterRear, Umbrella};
        let person = |coat, trousers| Person(coat, trousers);
        let line = |kind, from: f32, to: f32, a, b, metre, speed| Move {
            kind,
            when: from..to,
            path: Path2::Across { a, b, metre },
            speed,
        };
        let depth = |kind, from: f32, to: f32, lane, near, far, speed| Move {
            kind,
            when: from..to,
            path: Path2::Along {
                lane,
                from: near,
                to: far,
            },
            speed,
        };
        match self {
            Self::Road => vec![
                depth(
                    CarFront([178.0, 40.0, 40.0]),
                    4.0,
                    10.5,
                    -0.52,
                    6.5,
                    0.8,
                    9.0,
                ),
                depth(
                    ScooterRear([232.0, 160.0, 52.0]),
                    25.0,
                    33.0,
                    0.42,
                    0.82,
                    6.0,
                    7.0,
                ),
                depth(
                    person([62.0, 96.0, 146.0], [58.0, 56.0, 62.0]),
                    43.0,
                    54.0,
                    0.62,
                    2.6,
                    0.85,
                    1.3,
                ),
            ],
            Self::Square => vec![
                line(
                    person([190.0, 62.0, 58.0], [50.0, 54.0, 70.0]),
                    3.0,
                    15.0,
                    (-60.0, 830.0),
                    (1_990.0, 800.0),
                    118.0,
                    1.4,
                ),
                line(
                    person([228.0, 222.0, 210.0], [74.0, 66.0, 58.0]),
                    5.0,
                    15.0,
                    (2_000.0, 640.0),
                    (-80.0, 650.0),
                    72.0,
                    1.4,
                ),
                line(
                    Bicycle([70.0, 136.0, 90.0]),
                    31.0,
                    37.0,
                    (-120.0, 930.0),
                    (2_040.0, 900.0),
                    150.0,
                    3.8,
                ),
                line(
                    Umbrella([92.0, 84.0, 130.0], [206.0, 70.0, 96.0]),
                    45.0,
                    56.5,
                    (2_020.0, 880.0),
                    (-110.0, 905.0),
                    138.0,
                    1.3,
                ),
                line(
                    person([232.0, 186.0, 60.0], [64.0, 84.0, 130.0]),
                    45.4,
                    57.0,
                    (2_050.0, 892.0),
                    (-110.0, 917.0),
                    92.0,
                    1.3,
                ),
            ],
            Self::River => vec![
                line(
                    Boat,
                    6.0,
                    24.0,
                    (-260.0, 640.0),
                    (2_180.0, 590.0),
                    58.0,
                    1.6,
                ),
                line(
                    person([206.0, 118.0, 50.0], [60.0, 64.0, 72.0]),
                    40.0,
                    51.0,
                    (1_990.0, 980.0),
                    (-70.0, 1_060.0),
                    128.0,
                    1.4,
                ),
            ],
            Self::Carpark => vec![
                line(
                    CarSide([52.0, 96.0, 158.0]),
                    5.0,
                    12.0,
                    (-320.0, 700.0),
                    (2_240.0, 700.0),
                    104.0,
                    4.0,
                ),
                line(
                    person([70.0, 130.0, 110.0], [48.0, 50.0, 58.0]),
                    10.0,
                    22.0,
                    (1_990.0, 640.0),
                    (-60.0, 612.0),
                    90.0,
                    1.4,
                ),
                line(
                    CarSide([218.0, 220.0, 222.0]),
                    42.0,
                    50.0,
                    (2_260.0, 782.0),
                    (-340.0, 782.0),
                    116.0,
                    3.6,
                ),
            ],
        }
    }
}

/// One passage of one mover.
#[derive(Debug)]
struct Move {
    kind: Kind,
    /// Seconds from the clip's beginning.
    when: Range<f32>,
    path: Path2,
    /// Metres a second: for legs and wheels.
    speed: f32,
}

#[derive(Debug)]
enum Path2 {
    /// Across the picture, at one scale.
    Across {
        a: (f32, f32),
        b: (f32, f32),
        metre: f32,
    },
    /// Along the village road: place across it, and distances from the camera.
    Along { lane: f32, from: f32, to: f32 },
}

impl Move {
    fn pose(&self, seconds: f32) -> Option<Pose> {
        if !self.when.contains(&seconds) {
            return None;
        }
        let t = (seconds - self.when.start) / (self.when.end - self.when.start);
        let gone = (seconds - self.when.start) * self.speed;
        Some(match self.path {
            Path2::Across { a, b, metre } => Pose {
                foot: (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t),
                metre,
                facing: if b.0 > a.0 { 1.0 } else { -1.0 },
                gone,
            },
            Path2::Along { lane, from, to } => {
                let z = from + (to - from) * t;
                // The road's own perspective; it is 6 m wide and 1.86 units of its slope.
                let y = 452.0 + 560.0 / z;
                Pose {
                    foot: (1_000.0 + lane * (y - 452.0), y),
                    metre: 560.0 / z * 1.86 / 6.0,
                    facing: 1.0,
                    gone,
                }
            }
        })
    }
}

/// Draws a scene at one size: the place once, the rest picture by picture.
struct Painter {
    moves: Vec<Move>,
    background: Vec<u8>,
    grain: Vec<i8>,
    width: usize,
    height: usize,
}

impl Painter {
    fn new(scene: Scene, width: usize, height: usize) -> Self {
        let mut background = vec![128; width * height * 3 / 2];
        let mut canvas = Canvas::new(&mut background, width, height);
        match scene {
            Scene::Road => places::road(&mut canvas),
            Scene::Square => places::square(&mut canvas),
            Scene::River => places::river(&mut canvas),
            Scene::Carpark => places::carpark(&mut canvas),
        }
        let (chinese, english) = scene.title();
        let pixels = (height / 22).max(9);
        let top = height - pixels * 5 / 2;
        match text::Mask::render(&format!("{chinese}  {english}"), pixels) {
            Some(mask) => mask.draw(&mut canvas, 0, top),
            None => text::write(
                &mut canvas,
                english,
                SPACE_W * 0.026,
                SPACE_H * 0.92,
                42.0,
                text::Ink::White,
            ),
        }
        // What a sensor adds: without it a quiet scene would be frozen to the last bit.
        let grain = (0..width * 3 + 4_096)
            .map(|i| {
                ((canvas::hash(i as i32, 991) + canvas::hash(i as i32, 992)) * 3.0 - 3.0) as i8
            })
            .collect();
        Self {
            moves: scene.moves(),
            background,
            grain,
            width,
            height,
        }
    }

    fn draw(&self, number: u32, seconds: f32, picture: &mut [u8]) {
        picture.copy_from_slice(&self.background);
        let mut canvas = Canvas::new(picture, self.width, self.height);
        let mut now: Vec<(Kind, Pose)> = self
            .moves
            .iter()
            .filter_map(|m| Some((m.kind, m.pose(seconds)?)))
            .collect();
        now.sort_by(|a, b| a.1.foot.1.total_cmp(&b.1.foot.1)); // the nearer over the farther
        for (kind, pose) in now {
            movers::draw(&mut canvas, kind, pose);
        }
        let clock = format!("T+{:02}:{:05.2}", seconds as u32 / 60, seconds % 60.0);
        text::write(
            &mut canvas,
            &clock,
            SPACE_W * 0.026,
            SPACE_H * 0.044,
            42.0,
            text::Ink::White,
        );
        if let Some((xs, ys)) = counter::rectangle(self.width, self.height) {
            canvas.fade_colour(xs.clone(), ys.clone());
            canvas.fade_colour(xs, ys);
        }
        for (row, line) in picture[..self.width * self.height]
            .chunks_exact_mut(self.width)
            .enumerate()
        {
            let shift = (canvas::hash(number as i32, row as i32) * 4_000.0) as usize;
            for (pixel, grain) in line.iter_mut().zip(&self.grain[shift..]) {
                *pixel = pixel.saturating_add_signed(*grain);
            }
        }
        counter::draw(
            &mut picture[..self.width * self.height],
            self.width,
            self.height,
            self.width,
            number,
        );
    }
}

/// Where clips are kept unless told otherwise: `$XDG_CACHE_HOME/sightline-camsim`, or below
/// `~/.cache`, or the system's folder for temporary files.
pub fn default_cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute())
        .or_else(home);
    base.unwrap_or_else(std::env::temp_dir)
        .join("sightline-camsim")
}

/// Reads a clip, or makes it. A cache that cannot be written is a warning: the clip is there.
fn cached(path: &Path, make: impl FnOnce() -> Result<Clip, ClipError>) -> Result<Clip, ClipError> {
    match load(path) {
        Ok(Some(clip)) => return Ok(clip),
        Ok(None) => {}
        Err(e) => tracing::info!("a kept clip is made anew: {e}"),
    }
    let clip = make()?;
    if let Err(e) = store(path, &clip) {
        tracing::warn!("a clip is not kept: {e}");
    }
    Ok(clip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_and_calm_take_turns() {
        for scene in Scene::ALL {
            let motion = scene.motion();
            assert!(motion.len() >= 2, "{scene:?}");
            assert!(motion[0].start >= 3.0 && motion[motion.len() - 1].end <= ROUND_S as f32 - 2.0);
            for pair in motion.windows(2) {
                assert!(pair[1].start - pair[0].end >= 8.0, "{scene:?}: {pair:?}");
            }
        }
    }

    #[test]
    fn pictures_show_motion_when_they_say_so_and_never_else() {
        let (w, h) = (320, 180);
        for scene in Scene::ALL {
            let painter = Painter::new(scene, w, h);
            let (xs, ys) = counter::rectangle(w, h).unwrap();
            let mut before: Option<Vec<u8>> = None;
            for tenth in 0..ROUND_S * 5 {
                let seconds = tenth as f32 / 5.0;
                let mut picture = vec![0; w * h * 3 / 2];
                painter.draw(tenth, seconds, &mut picture);
                assert_eq!(counter::read(&picture, w, h, w), Some(tenth));
                if let Some(before) = before {
                    let moved = (0..w * h)
                        .filter(|i| picture[*i].abs_diff(before[*i]) > 24)
                        .filter(|i| !(xs.contains(&(i % w)) && ys.contains(&(i / w))) && i / w > 20)
                        .count();
                    let said = scene
                        .motion()
                        .iter()
                        .any(|m| m.start <= seconds && seconds - 0.2 < m.end);
                    assert!(said || moved == 0, "{scene:?} at {seconds}: {moved} pixels");
                    let midway = scene
                        .motion()
                        .iter()
                        .any(|m| m.start + 2.0 < seconds && seconds < m.end - 1.0);
                    assert!(
                        !midway || moved > 3,
                        "{scene:?} at {seconds}: {moved} pixels"
                    );
                }
                before = Some(picture);
            }
        }
    }
}

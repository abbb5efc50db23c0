//! Tiny clips for tests: made in a moment, with every property of a camera's stream on a switch.

use std::path::Path;

use bytes::Bytes;

use super::{Painter, Scene, cached};
use crate::clip::{
    Audio, AudioCodec, Clip, ClipError, Settings, VideoCodec, encode_aac, encode_video,
};

/// Sound of a clip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sound {
    /// None at all.
    #[default]
    None,
    /// AAC-LC, 16 kHz mono.
    Aac,
    /// G.711 A-law.
    Pcma,
    /// G.711 mu-law.
    Pcmu,
}

/// What a test's clip is to be. The default: H.264, 320x180, 25 frames a second, 10 s, a key frame
/// every 2 s, no sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuickClip {
    /// H.264 or H.265.
    pub codec: VideoCodec,
    /// Picture width, divisible by 8, at least 160.
    pub width: u32,
    /// Picture height, divisible by 4, at least 96.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Length in seconds.
    pub seconds: u32,
    /// Frames from key frame to key frame.
    pub gop: u32,
    /// B-frames between others.
    pub bframes: u32,
    /// Slices a picture.
    pub slices: u32,
    /// Access unit delimiters, and timing SEI.
    pub delimiters: bool,
    /// The sound.
    pub sound: Sound,
    /// What is to be seen.
    pub scene: Scene,
    /// The lens cap is on.
    pub dark: bool,
}

impl Default for QuickClip {
    fn default() -> Self {
        Self {
            codec: VideoCodec::H264,
            width: 320,
            height: 180,
            fps: 25,
            seconds: 10,
            gop: 50,
            bframes: 0,
            slices: 1,
            delimiters: false,
            sound: Sound::None,
            scene: Scene::Square,
            dark: false,
        }
    }
}

/// Makes a test's clip, or reads it from `cache`. Blocks, for less than a second as a rule.
pub fn quick_clip(want: &QuickClip, cache: &Path) -> Result<Clip, ClipError> {
    let QuickClip {
        codec,
        width,
        height,
        fps,
        seconds,
        gop,
        bframes,
        slices,
        delimiters,
        sound,
        scene,
        dark,
    } = *want;
    if width < 160
        || height < 96
        || width % 8 != 0
        || height % 4 != 0
        || fps == 0
        || seconds == 0
        || seconds > 600
        || gop == 0
        || slices == 0
    {
        return Err(ClipError::Malformed {
            what: format!("{want:?}"),
            why: "sizes or times are out of range".into(),
        });
    }
    if codec == VideoCodec::H265 && slices > 1 {
        // It would end this process, or worse, go on with a heap that x265 has written over.
        return Err(ClipError::Malformed {
            what: format!("{want:?}"),
            why: "x265 does not write several slices a picture soundly; H.264 does".into(),
        });
    }
    let name = format!(
        "quick-{}-{codec:?}-{width}x{height}-{fps}fps-{seconds}s-g{gop}-b{bframes}-s{slices}-d{}-{sound:?}{}.clip",
        scene.as_str(),
        u8::from(delimiters),
        if dark { "-dark" } else { "" }
    );
    cached(&cache.join(name.to_lowercase()), || {
        let painter = Painter::new(scene, width as usize, height as usize);
        let settings = Settings {
            codec,
            width,
            height,
            fps,
            gop,
            bframes,
            slices,
            delimiters,
            kbit_s: (width * height / 200).max(200),
            preset: if codec == VideoCodec::H264 && bframes > 0 {
                "superfast"
            } else {
                "ultrafast"
            },
            background: false,
        };
        let video = encode_video(&settings, fps * seconds, |n, picture| {
            if dark {
                let luma = (width * height) as usize;
                picture[..luma].fill(18);
                picture[luma..].fill(128);
            } else {
                painter.draw(n, n as f32 / fps as f32, picture);
            }
        })?;
        let audio = match sound {
            Sound::None => None,
            Sound::Aac => Some(encode_aac(&ambience(16_000, 10), 16_000)?),
            Sound::Pcma => Some(g711(AudioCodec::Pcma, a_law)),
            Sound::Pcmu => Some(g711(AudioCodec::Pcmu, mu_law)),
        };
        Clip::new(video, audio)
    })
}

/// Sound of the open air: a breeze, a far hum, and a bird now and then.
pub(super) fn ambience(rate: u32, seconds: u32) -> Vec<i16> {
    let mut breeze = 0.0f32;
    (0..rate * seconds)
        .map(|n| {
            let t = n as f32 / rate as f32;
            breeze += (super::canvas::hash(n as i32, 5) - 0.5 - breeze) * 0.08;
            let hum = (t * 110.0 * std::f32::consts::TAU).sin() * 0.012;
            let since = t % 3.7;
            let chirp = if since < 0.22 {
                let pitch = 2_300.0 + 900.0 * (since * 40.0).sin();
                (since / 0.22 * std::f32::consts::PI).sin()
                    * (since * pitch * std::f32::consts::TAU).sin()
                    * 0.12
            } else {
                0.0
            };
            ((breeze * 0.5 + hum + chirp) * 20_000.0) as i16
        })
        .collect()
}

/// 40 ms a packet, as cameras have it.
fn g711(codec: AudioCodec, law: fn(i16) -> u8) -> Audio {
    let coded: Vec<u8> = ambience(8_000, 10).into_iter().map(law).collect();
    let frames = coded
        .chunks_exact(320)
        .map(Bytes::copy_from_slice)
        .collect();
    Audio {
        codec,
        rate: 8_000,
        channels: 1,
        samples_per_frame: 320,
        frames,
    }
}

/// ITU-T G.711, A-law.
fn a_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0 } else { 0x80 };
    let size = (i32::from(sample) ^ if sample < 0 { -1 } else { 0 }) >> 3;
    let code = if size < 32 {
        size >> 1
    } else {
        let exponent = 27 - size.leading_zeros() as i32; // of the bit above the lowest five
        exponent << 4 | size >> exponent & 15
    };
    (code as u8 | sign) ^ 0x55
}

/// ITU-T G.711, mu-law.
fn mu_law(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let size = i32::from(sample).abs().min(32_635) + 132;
    let exponent = 24 - size.leading_zeros() as i32;
    !(sign | (exponent << 4) as u8 | (size >> (exponent + 3) & 15) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_a_law(code: u8) -> i32 {
        let code = code ^ 0x55;
        let (exponent, mantissa) = (i32::from(code >> 4 & 7), i32::from(code & 15));
        let size = if exponent == 0 {
            mantissa * 2 + 1
        } else {
            (mantissa * 2 + 33) << (exponent - 1)
        } << 3;
        if code & 0x80 == 0 { -size } else { size }
    }

    fn from_mu_law(code: u8) -> i32 {
        let code = !code;
        let size = ((i32::from(code & 15) * 8 + 132) << (code >> 4 & 7)) - 132;
        if code & 0x80 == 0 { size } else { -size }
    }

    #[test]
    fn what_cannot_be_made_is_refused_before_anything_is() {
        let nowhere = Path::new("/nonexistent/camsim");
        let refused = |want: QuickClip| quick_clip(&want, nowhere).unwrap_err().to_string();
        let several = refused(QuickClip {
            codec: VideoCodec::H265,
            slices: 4,
            ..QuickClip::default()
        });
        assert!(several.contains("x265") && several.contains("slices: 4"));
        let none = refused(QuickClip {
            gop: 0,
            ..QuickClip::default()
        });
        assert!(none.contains("out of range"), "{none}");
    }

    #[test]
    fn g711_comes_back_within_its_steps() {
        for sample in (i16::MIN..=i16::MAX).step_by(7) {
            let allowed = i32::from(sample).abs() / 16 + 17;
            for (law, back) in [
                ("A", from_a_law(a_law(sample))),
                ("mu", from_mu_law(mu_law(sample))),
            ] {
                let off = (back - i32::from(sample)).abs();
                assert!(off <= allowed, "{law}: {sample} came back as {back}");
            }
        }
    }
}

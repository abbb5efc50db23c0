//! A clip: pictures and sound encoded once, ready to be sent again and again.

mod cache;
mod encode;
mod mp4;
mod nal;
mod packet;

use std::{
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

pub(crate) use cache::{load, store};
pub(crate) use encode::{Settings, encode_aac, encode_video};
pub(crate) use packet::{FRAMING, Patch, Template};

/// Ticks a second of the clock that all video timestamps and schedules here count in.
pub const CLOCK_HZ: u32 = 90_000;

/// Why a clip cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// GStreamer, or one of its elements, is missing or failed.
    #[error("GStreamer, {stage}: {message}")]
    Gstreamer {
        /// What was being done.
        stage: &'static str,
        /// What GStreamer said.
        message: String,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file, or the coded stream, is not what it should be.
    #[error("{what}: {why}")]
    Malformed {
        /// The file or the clip.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The codecs of a picture track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264, sent as RFC 6184 says.
    H264,
    /// H.265, sent as RFC 7798 says.
    H265,
}

/// The codecs of a sound track.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// AAC-LC, sent as RFC 3640 says (mode AAC-hbr). The bytes are its AudioSpecificConfig.
    Aac(Vec<u8>),
    /// G.711 A-law, payload type 8.
    Pcma,
    /// G.711 mu-law, payload type 0.
    Pcmu,
}

/// One coded picture (an access unit).
#[derive(Clone, Debug)]
pub struct Frame {
    /// When it is sent, in 90 kHz ticks from the start of the clip.
    pub dts_90k: u64,
    /// When it is shown; its RTP timestamp. Differs from `dts_90k` with B-frames only.
    pub pts_90k: u64,
    /// Whether decoding can start here.
    pub key: bool,
    /// Its NAL units, without start codes, parameter sets included.
    pub nals: Vec<Bytes>,
}

/// The picture track.
#[derive(Clone, Debug)]
pub struct Video {
    /// How it is coded.
    pub codec: VideoCodec,
    /// Picture width in pixels.
    pub width: u32,
    /// Picture height in pixels.
    pub height: u32,
    /// Frames a second that the description declares; the frames' own times may say otherwise.
    pub declared_fps: f64,
    /// Length of one round, in 90 kHz ticks.
    pub duration_90k: u64,
    /// The pictures, in the order of sending.
    pub frames: Vec<Frame>,
}

/// The sound track. It loops by itself: its length need not be that of the pictures.
#[derive(Clone, Debug)]
pub struct Audio {
    /// How it is coded.
    pub codec: AudioCodec,
    /// Samples a second; the RTP clock too.
    pub rate: u32,
    /// Channels.
    pub channels: u8,
    /// Samples of one channel in each frame.
    pub samples_per_frame: u32,
    /// Coded frames, one an RTP packet.
    pub frames: Vec<Bytes>,
}

/// A clip; clones share everything.
#[derive(Clone, Debug)]
pub struct Clip(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    video: Video,
    audio: Option<Audio>,
    plain: OnceLock<Arc<Template>>,
    stamped: OnceLock<Arc<Template>>,
    sound: OnceLock<Arc<Template>>,
}

impl Clip {
    /// Puts tracks together. Errors if there is no picture, the first is no key frame, times run
    /// backwards, or the sound has no frames.
    pub fn new(video: Video, audio: Option<Audio>) -> Result<Self, ClipError> {
        let bad = |why: &str| ClipError::Malformed {
            what: "clip".into(),
            why: why.into(),
        };
        let first = video
            .frames
            .first()
            .ok_or_else(|| bad("it holds no picture"))?;
        if !first.key {
            return Err(bad("its first picture is no key frame"));
        }
        if video
            .frames
            .windows(2)
            .any(|w| w[0].dts_90k >= w[1].dts_90k)
        {
            return Err(bad("its pictures are not in the order of decoding"));
        }
        if video
            .frames
            .last()
            .is_some_and(|f| f.dts_90k >= video.duration_90k)
        {
            return Err(bad("it is shorter than its last picture"));
        }
        if audio
            .as_ref()
            .is_some_and(|a| a.frames.is_empty() || a.rate == 0 || a.samples_per_frame == 0)
        {
            return Err(bad("its sound track is empty"));
        }
        Ok(Self(Arc::new(Inner {
            video,
            audio,
            plain: OnceLock::new(),
            stamped: OnceLock::new(),
            sound: OnceLock::new(),
        })))
    }

    /// Reads an MP4 file (H.264 or H.265 pictures; sound is left out), to be replayed at its own
    /// pace. Blocks for as long as reading the file takes.
    pub fn from_mp4(path: impl AsRef<Path>) -> Result<Self, ClipError> {
        mp4::read(path.as_ref())
    }

    /// The pictures.
    pub fn video(&self) -> &Video {
        &self.0.video
    }

    /// The sound, if there is one.
    pub fn audio(&self) -> Option<&Audio> {
        self.0.audio.as_ref()
    }

    /// How long one round of the pictures takes.
    pub fn duration(&self) -> Duration {
        ticks(self.0.video.duration_90k)
    }

    /// The same pictures with this sound, or none.
    pub fn with_audio(&self, audio: Option<Audio>) -> Result<Self, ClipError> {
        Self::new(self.0.video.clone(), audio)
    }

    /// The same pictures delivered at `fps` frames a second, while the description goes on
    /// declaring the old figure: the camera that says 25 and sends 21.
    pub fn delivered_at(&self, fps: f64) -> Result<Self, ClipError> {
        let mut video = self.0.video.clone();
        let factor = video.declared_fps / fps.clamp(0.1, 1_000.0);
        let scale = |t: u64| (t as f64 * factor).round() as u64;
        video.duration_90k = scale(video.duration_90k);
        for frame in &mut video.frames {
            frame.dts_90k = scale(frame.dts_90k);
            frame.pts_90k = scale(frame.pts_90k);
        }
        Self::new(video, self.0.audio.clone())
    }

    /// Parameter sets (SPS and PPS; VPS before them in H.265) of the first key frame.
    pub fn parameter_sets(&self) -> Vec<Bytes> {
        let video = &self.0.video;
        video.frames[0]
            .nals
            .iter()
            .filter(|n| nal::is_parameter_set(video.codec, n))
            .cloned()
            .collect()
    }

    /// Bits a second of one round, pictures only.
    pub fn bit_rate(&self) -> u64 {
        let bytes: usize = self
            .0
            .video
            .frames
            .iter()
            .flat_map(|f| &f.nals)
            .map(Bytes::len)
            .sum();
        (bytes as f64 * 8.0 / self.duration().as_secs_f64()) as u64
    }

    pub(crate) fn packets(&self, stamp: bool) -> &Arc<Template> {
        let slot = if stamp {
            &self.0.stamped
        } else {
            &self.0.plain
        };
        slot.get_or_init(|| Arc::new(packet::video(&self.0.video, stamp)))
    }

    pub(crate) fn sound_packets(&self) -> Option<&Arc<Template>> {
        let audio = self.0.audio.as_ref()?;
        Some(self.0.sound.get_or_init(|| Arc::new(packet::audio(audio))))
    }
}

/// 90 kHz ticks as a duration.
pub(crate) fn ticks(t: u64) -> Duration {
    Duration::from_nanos((u128::from(t) * 1_000_000_000 / u128::from(CLOCK_HZ)) as u64)
}

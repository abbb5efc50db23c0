//! G.711 into AAC, and which moment each AAC frame is of.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use media::{AudioCodec, AudioTrack, Frame, MediaTime, WallTime};

use super::{
    chain::{Chain, Output},
    encoder::SoundEncoder,
};
use crate::decode::{self, BASE, CORE, GOOD, element};

/// Samples in an AAC frame.
pub(super) const SAMPLES: u32 = 1024;
/// Bits a second a channel: 8 kHz of telephone sound leave nothing to hear above.
const BITS: i32 = 32_000;

/// Encodes one feed's sound, in the caller's thread.
#[derive(Debug)]
pub(super) struct Sound {
    encoder: SoundEncoder,
    output: Arc<Output>,
    chain: Option<Chain>,
    /// Samples pushed into this chain, for GStreamer's clock.
    pushed: u64,
}

/// The AAC track that is made of a G.711 track.
pub(super) fn track(source: &AudioTrack) -> AudioTrack {
    let channels = source.channels.clamp(1, 2);
    // 16 kHz: a frame is 64 ms, half of what it is at the 8 kHz of the source, and every browser plays it.
    let (rate, index) = if source.rate <= 16_000 {
        (16_000u32, 8u16)
    } else {
        (48_000, 3)
    };
    // AudioSpecificConfig: AAC-LC, sampling frequency index, channels (ISO/IEC 14496-3, 1.6.2.1).
    let config = (2u16 << 11) | (index << 7) | (u16::from(channels) << 3);
    AudioTrack {
        codec: AudioCodec::Aac,
        codec_string: "mp4a.40.2".into(),
        config: Bytes::copy_from_slice(&config.to_be_bytes()),
        rate,
        channels,
    }
}

impl Sound {
    pub(super) fn new(encoder: SoundEncoder, output: Arc<Output>) -> Self {
        Self {
            encoder,
            output,
            chain: None,
            pushed: 0,
        }
    }

    /// Takes one frame of sound. With `fresh` it does not continue the one before.
    pub(super) fn push(&mut self, frame: &Frame, fresh: bool) -> Result<(), String> {
        let Some(source) = &frame.tracks.audio else {
            return Ok(());
        };
        if fresh || self.chain.is_none() {
            self.chain = Some(self.begin(source)?);
            self.pushed = 0;
        }
        let Some(chain) = &self.chain else {
            return Ok(());
        };
        let time_ns = self.pushed.saturating_mul(1_000_000_000) / u64::from(source.rate.max(1));
        self.pushed += samples(source, &frame.data);
        chain.push(frame.data.clone(), time_ns, true)
    }

    fn begin(&self, source: &AudioTrack) -> Result<Chain, String> {
        let text = |e: decode::DecodeError| e.to_string();
        decode::init().map_err(text)?;
        let (decoder, name) = match source.codec {
            AudioCodec::PcmA => ("alawdec", "audio/x-alaw"),
            AudioCodec::PcmU => ("mulawdec", "audio/x-mulaw"),
            AudioCodec::Aac => return Err("this sound is AAC already".into()),
        };
        let decoder = element(decoder, GOOD).map_err(text)?;
        let convert = element("audioconvert", BASE).map_err(text)?;
        let resample = element("audioresample", BASE).map_err(text)?;
        let filter = |caps: gst::Caps| -> Result<gst::Element, String> {
            let filter = element("capsfilter", CORE).map_err(text)?;
            filter.set_property("caps", caps);
            Ok(filter)
        };
        let made = track(source);
        let pcm = filter(
            gst::Caps::builder("audio/x-raw")
                .field("rate", made.rate as i32)
                .field("channels", i32::from(made.channels))
                .build(),
        )?;
        let encoder = gst::ElementFactory::make(self.encoder.name)
            .build()
            .map_err(|e| e.to_string())?;
        if encoder.find_property("bitrate").is_some() {
            encoder.set_property("bitrate", BITS * i32::from(made.channels));
        }
        let aac = filter(
            gst::Caps::builder("audio/mpeg")
                .field("mpegversion", 4i32)
                .field("stream-format", "raw")
                .build(),
        )?;
        let caps = gst::Caps::builder(name)
            .field("rate", source.rate as i32)
            .field("channels", i32::from(source.channels))
            .build();
        Chain::new(
            &[&decoder, &convert, &resample, &pcm, &encoder, &aac],
            &caps,
            Arc::clone(&self.output),
        )
    }
}

/// Samples (of each channel) in a G.711 payload: a byte each.
fn samples(track: &AudioTrack, data: &[u8]) -> u64 {
    data.len() as u64 / u64::from(track.channels.max(1))
}

/// Which moment an AAC frame is of. An encoder counts samples and nothing else: the times come from what went in, so that sound
/// follows the camera's clock as the pictures do, through small losses too.
#[derive(Debug)]
pub(super) struct Times {
    priming: u64,
    rate: u32,
    /// Position of the next sample to go in, at the output's rate.
    pushed: u64,
    /// Frames that have come out.
    out: u64,
    /// Where each recent input frame begins.
    marks: VecDeque<Mark>,
    /// When the next input is due, if it continues.
    due: Option<MediaTime>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: u64,
    pts: MediaTime,
    captured: WallTime,
}

/// An input that comes so much later than it is due begins anew.
const GAP: MediaTime = MediaTime(90 * 250);
/// Encoders hold back two frames or three, 200 ms; inputs may be as short as 10 ms.
const MAX_MARKS: usize = 128;

impl Times {
    pub(super) fn new(encoder: &SoundEncoder) -> Self {
        Self {
            priming: encoder.priming.into(),
            rate: 16_000,
            pushed: 0,
            out: 0,
            marks: VecDeque::new(),
            due: None,
        }
    }

    /// A frame is about to go in. True if it does not continue what came before, so that the encoder must begin anew.
    pub(super) fn push(&mut self, source: &AudioTrack, frame: &Frame) -> bool {
        let made = track(source);
        let off = self.due.map(|due| (frame.pts - due).0.saturating_abs());
        let fresh = frame.discontinuity || made.rate != self.rate || off.is_none_or(|o| o > GAP.0);
        if fresh {
            (self.pushed, self.out, self.rate) = (0, 0, made.rate);
            self.marks.clear();
        }
        self.marks.push_back(Mark {
            at: self.pushed,
            pts: frame.pts,
            captured: frame.captured,
        });
        if self.marks.len() > MAX_MARKS {
            self.marks.pop_front();
        }
        let samples = samples(source, &frame.data);
        let rate = u64::from(source.rate.max(1));
        self.pushed += samples * u64::from(made.rate) / rate;
        let length = samples.saturating_mul(MediaTime::SCALE.into()) / rate;
        self.due = Some(frame.pts + MediaTime(i64::try_from(length).unwrap_or(0)));
        fresh
    }

    /// A frame came out: when it is to be heard, and when its first sample was captured. None where it is but the encoder's
    /// running in.
    pub(super) fn came_out(&mut self) -> Option<(MediaTime, WallTime)> {
        // Positions fit: 2^63 samples are millions of years.
        let start = (self.out * u64::from(SAMPLES)) as i64 - self.priming as i64;
        self.out += 1;
        if start + i64::from(SAMPLES) <= 0 {
            return None;
        }
        while self.marks.get(1).is_some_and(|m| m.at as i64 <= start) {
            self.marks.pop_front();
        }
        let mark = self.marks.front()?;
        let samples = start - mark.at as i64;
        let after = samples * i64::from(MediaTime::SCALE) / i64::from(self.rate);
        Some((mark.pts + MediaTime(after), mark.captured))
    }

    /// How long a frame is.
    pub(super) fn length(&self) -> MediaTime {
        MediaTime(i64::from(SAMPLES) * i64::from(MediaTime::SCALE) / i64::from(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use media::{TrackKind, Tracks, VideoCodec, VideoTrack, frame::Package};

    const ENCODER: SoundEncoder = SoundEncoder {
        name: "avenc_aac",
        priming: 1024,
    };

    fn source() -> AudioTrack {
        AudioTrack {
            codec: AudioCodec::PcmA,
            codec_string: "alaw".into(),
            config: Bytes::new(),
            rate: 8000,
            channels: 1,
        }
    }

    /// 20 ms of sound.
    fn frame(pts: i64) -> Frame {
        let video = VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1".into(),
            config: Bytes::new(),
            width: 160,
            height: 96,
        };
        Frame {
            feed: 1,
            tracks: Arc::new(Tracks {
                video,
                audio: Some(source()),
            }),
            track: TrackKind::Audio,
            key: false,
            discontinuity: false,
            damaged: false,
            group: 1,
            number: 1,
            dts: MediaTime(pts),
            pts: MediaTime(pts),
            duration: MediaTime(1800),
            captured: WallTime(pts),
            data: Bytes::from_static(&[0xd5; 160]),
            package: Package::default(),
        }
    }

    #[test]
    fn what_is_heard_is_of_the_moment_it_says() {
        let mut times = Times::new(&ENCODER);
        let mut heard = Vec::new();
        for n in 0..16 {
            assert_eq!(times.push(&source(), &frame(90_000 + n * 1800)), n == 0);
            if (n + 1) * 320 / 1024 > heard.len() as i64 {
                heard.push(times.came_out().map(|(pts, _)| pts.0));
            }
        }
        // 64 ms apart, from the first sample on; the first frame is the encoder's running in.
        assert_eq!(
            heard,
            [
                None,
                Some(90_000),
                Some(95_760),
                Some(101_520),
                Some(107_280)
            ]
        );
    }

    #[test]
    fn a_small_loss_moves_the_time_and_a_gap_begins_anew() {
        let mut times = Times::new(&ENCODER);
        let mut at = 0;
        let mut push = |times: &mut Times, more: i64| {
            let fresh = times.push(&source(), &frame(at + more));
            at += more + 1800;
            fresh
        };
        assert!(push(&mut times, 0));
        for _ in 0..9 {
            assert!(!push(&mut times, 0));
        }
        // Three packets lost: 60 ms.
        for n in 0..20 {
            assert!(!push(&mut times, if n == 0 { 5400 } else { 0 }));
        }
        let heard: Vec<i64> = (0..8)
            .filter_map(|_| times.came_out())
            .map(|(t, _)| t.0)
            .collect();
        assert_eq!(heard[..3], [0, 5760, 11_520]);
        // From sample 3200 on (of 16 kHz, where the loss is) it is 60 ms later.
        assert_eq!(heard[4], 4 * 5760 + 5400);
        assert!(push(&mut times, 90_000), "a second is a gap");
        assert_eq!(times.came_out(), None);
        // Thirty packets and the loss, then the gap.
        let at = 30 * 1800 + 5400 + 90_000;
        assert_eq!(times.came_out().map(|(t, _)| t.0), Some(at));
    }

    #[test]
    fn an_encoder_that_begins_before_the_first_sample_is_told_so() {
        let mut times = Times::new(&SoundEncoder {
            name: "voaacenc",
            priming: 1600,
        });
        times.push(&source(), &frame(90_000));
        assert_eq!(times.came_out(), None);
        // 576 samples of 1/16000 s before it.
        assert_eq!(times.came_out().map(|(t, _)| t.0), Some(90_000 - 3240));
    }

    #[test]
    fn the_configuration_record_is_what_the_standard_says() {
        assert_eq!(track(&source()).config[..], [0x14, 0x08]);
    }
}

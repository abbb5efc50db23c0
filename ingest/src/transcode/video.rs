//! Pictures into H.264: decoded, made smaller where they are large, encoded.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer_video as gst_video;
use media::{Frame, MediaTime, VideoCodec, VideoTrack};

use super::{
    chain::{Chain, Output},
    config::Config,
    encoder::{VideoEncoder, Wanted},
};
use crate::{
    bitstream,
    decode::{self, BASE, CORE, element},
};

/// Decodes and encodes one feed's pictures, in the caller's thread.
#[derive(Debug)]
pub(super) struct Video {
    config: Config,
    encoder: VideoEncoder,
    output: Arc<Output>,
    chain: Option<Chain>,
    /// When the last key frame was asked for.
    asked: Option<MediaTime>,
    /// Units that had come out when something last did, and what went in since.
    came_out: u64,
    silent: u32,
}

/// So many access units without a picture are a fault: more than a long group of which the key frame was lost.
const MAX_SILENT: u32 = 600;
/// GStreamer wants no time below zero; pictures may be shown before the first one decoded. And x264enc moves all times to at
/// least 1,000 hours, after which its base class takes requests for key frames at times before that as fulfilled.
const LEAD_NS: i128 = 1001 * 3_600_000_000_000;

impl Video {
    pub(super) fn new(config: Config, encoder: VideoEncoder, output: Arc<Output>) -> Self {
        Self {
            config,
            encoder,
            output,
            chain: None,
            asked: None,
            came_out: 0,
            silent: 0,
        }
    }

    /// Takes one access unit; blocks for as long as that takes. With `fresh` its parameters are new, and it is a key frame.
    pub(super) fn push(&mut self, frame: &Frame, fresh: bool) -> Result<(), String> {
        if fresh || self.chain.is_none() {
            if let Some(old) = self.chain.take() {
                old.finish();
            }
            self.chain = Some(self.begin(frame)?);
            (self.asked, self.silent) = (None, 0);
        }
        let Some(chain) = &self.chain else {
            return Ok(());
        };
        let key_every = MediaTime::from_duration(self.config.key_every);
        if frame.key || self.asked.is_none_or(|at| frame.pts - at >= key_every) {
            self.asked = Some(frame.pts);
            let at = gst::ClockTime::from_nseconds(inner(frame.pts));
            let event = gst_video::DownstreamForceKeyUnitEvent::builder()
                .running_time(at)
                .build();
            chain.event(event);
        }
        chain.push(frame.data.clone(), inner(frame.pts), frame.key)?;
        let units = self.output.units();
        if units > self.came_out {
            (self.came_out, self.silent) = (units, 0);
        } else {
            self.silent += 1;
        }
        match self.silent >= MAX_SILENT {
            true => Err(format!(
                "no picture came out of {} access units",
                self.silent
            )),
            false => Ok(()),
        }
    }

    /// Its elements, for whoever wants to see them fail.
    #[cfg(test)]
    pub(super) fn pipeline(&self) -> Option<gst::Pipeline> {
        Some(self.chain.as_ref()?.pipeline.clone())
    }

    fn begin(&self, frame: &Frame) -> Result<Chain, String> {
        let track = &frame.tracks.video;
        let text = |e: decode::DecodeError| e.to_string();
        decode::init().map_err(text)?;
        let decoder = decode::decoder(track.codec).map_err(text)?;
        let (width, height) = self.config.size(track.width, track.height);
        let scale = element("videoscale", BASE).map_err(text)?;
        let convert = element("videoconvert", BASE).map_err(text)?;
        let small = element("capsfilter", CORE).map_err(text)?;
        // Eight bits and 4:2:0, whatever the camera sends: what every decoder of a browser takes.
        let raw = gst::Caps::builder("video/x-raw")
            .field("format", gst::List::new(["I420", "NV12"]))
            .field("width", width as i32)
            .field("height", height as i32)
            .build();
        gst::prelude::ObjectExt::set_property(&small, "caps", raw);
        let rate = frames_per_second(frame.duration);
        let wanted = Wanted {
            bits_per_second: self.config.rate(width, height).0,
            // Asked for earlier as a rule; this holds where nobody can.
            key_frames: (self.config.key_every.as_secs_f64() * 2.0 * f64::from(rate)) as u32,
        };
        let [encoder, profile, parser, form] = self.encoder.elements(&wanted)?;
        let mut caps = decode::caps(track);
        // What the encoder shares its bits out by.
        let rate = gst::Fraction::new(rate as i32, 1);
        caps.make_mut().set("framerate", rate);
        Chain::new(
            &[
                &decoder, &scale, &convert, &small, &encoder, &profile, &parser, &form,
            ],
            &caps,
            Arc::clone(&self.output),
        )
    }
}

/// From the distance of two frames: 1 to 60.
fn frames_per_second(distance: MediaTime) -> u32 {
    let units = distance.0.max(1);
    (i64::from(MediaTime::SCALE) / units).clamp(1, 60) as u32
}

/// A time of the feed as GStreamer has it, nanoseconds.
fn inner(pts: MediaTime) -> u64 {
    let ns = LEAD_NS + i128::from(pts.0) * 100_000 / 9;
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX - 1)
}

/// And back, to the nearest.
pub(super) fn outer(time_ns: u64) -> MediaTime {
    let units = ((i128::from(time_ns) - LEAD_NS) * 9 + 50_000).div_euclid(100_000);
    MediaTime(i64::try_from(units).unwrap_or(i64::MAX))
}

/// The half of a frame that a driver's rounding may be off by.
pub(super) const NEAR: Duration = Duration::from_millis(1);

/// What H.264 caps say of the track; none where they lack something.
pub(super) fn track(caps: &gst::Caps) -> Option<VideoTrack> {
    let s = caps.structure(0)?;
    let config = s.get::<gst::Buffer>("codec_data").ok()?;
    let config = Bytes::copy_from_slice(&config.map_readable().ok()?);
    let pixels = |name: &str| {
        u16::try_from(s.get::<i32>(name).ok()?)
            .ok()
            .filter(|n| *n > 0)
    };
    Some(VideoTrack {
        codec: VideoCodec::H264,
        codec_string: bitstream::codec_string(VideoCodec::H264, &config),
        config,
        width: pixels("width")?,
        height: pixels("height")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_went_in() {
        for units in [0, 1, 2, 3, 3599, 3600, 3601, -90_000, 90_000 * 86_400 * 365] {
            assert_eq!(outer(inner(MediaTime(units))), MediaTime(units));
        }
        assert_eq!(frames_per_second(MediaTime(3600)), 25);
        assert_eq!(frames_per_second(MediaTime(0)), 60);
        assert_eq!(frames_per_second(MediaTime(i64::MAX)), 1);
    }
}

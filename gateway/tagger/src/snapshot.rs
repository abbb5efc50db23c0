//! The picture that goes with an event.

use std::sync::Arc;

use bytes::Bytes;
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use ingest::decode::{Decoder, Format, Options, Picture};
use media::{Frame, MediaTime};

use crate::Config;

/// How a snapshot is made.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Greatest width, pixels; 0 for none at all.
    pub width: u32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
}

impl Settings {
    /// As configured, within reason.
    pub fn of(config: &Config) -> Self {
        Self {
            width: if config.snapshot_width == 0 {
                0
            } else {
                config.snapshot_width.clamp(64, 1920)
            },
            quality: config.snapshot_quality.clamp(1, 100),
        }
    }
}

/// The picture at `pts` of a group (its frames from the key frame on), as JPEG; the nearest before it if that one does not
/// decode. Decodes the group again, in colour: a second time for the few pictures somebody will look at is cheaper than in
/// colour for all.
pub(crate) fn of(group: &[Arc<Frame>], pts: MediaTime, settings: &Settings) -> Option<Bytes> {
    if settings.width == 0 {
        return None;
    }
    let track = &group.first().filter(|f| f.key)?.tracks.video;
    let options = Options {
        max_width: settings.width,
        format: Format::Rgb,
    };
    let mut decoder = Decoder::new(track, options)
        .inspect_err(|error| tracing::warn!(%error, "no snapshot"))
        .ok()?;
    let mut best: Option<Picture> = None;
    let mut take = |decoder: &mut Decoder| {
        let pictures = decoder.drain().into_iter().filter(|p| p.pts <= pts);
        best = pictures.chain(best.take()).max_by_key(|p| p.pts);
        best.as_ref().is_some_and(|b| b.pts == pts)
    };
    let mut there = false;
    for frame in group {
        if decoder.push(frame).is_err() {
            break;
        }
        there = take(&mut decoder);
        if there {
            break;
        }
    }
    if !there {
        decoder.flush();
        take(&mut decoder);
    }
    jpeg(&best?, settings.quality)
}

/// A colour picture as JPEG; none where it has no colour or no pixels.
pub fn jpeg(picture: &Picture, quality: u8) -> Option<Bytes> {
    let rgb = picture.rgb.as_ref()?;
    let mut out = Vec::with_capacity(rgb.len() / 8);
    let encoder = JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100));
    encoder
        .write_image(rgb, picture.width, picture.height, ExtendedColorType::Rgb8)
        .inspect_err(|error| tracing::warn!(%error, "no snapshot"))
        .ok()?;
    Some(out.into())
}

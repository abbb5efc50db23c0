//! A video file as the frames a camera would have given: same framing, same groups, same times. For `sightline tag FILE`.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use media::{Frame, MediaTime, TrackKind, Tracks, VideoCodec, VideoTrack, WallTime};

use crate::{
    bitstream,
    decode::{BAD, BASE, CORE, DecodeError, GOOD, element, init, why},
    parameters,
};

/// How long a file may take to give its next frame.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look for an error meanwhile: it does not wake the one who waits for a frame.
const LOOK: gst::ClockTime = gst::ClockTime::from_mseconds(50);

/// The video frames of a file, in order of decoding. Blocks in `next`; dropping it closes the file.
///
/// `captured` is the presentation time counted from 1970, so that a finding's time is its place in the file.
#[derive(Debug)]
pub struct Frames {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    path: String,
    tracks: Option<Arc<Tracks>>,
    caps: Option<gst::Caps>,
    origin: Option<i64>,
    last_dts: Option<MediaTime>,
    order: Vec<MediaTime>,
    depth: u8,
    duration: MediaTime,
    group: u32,
    number: u32,
    started: bool,
    ended: bool,
}

/// Opens a video file of any container GStreamer reads, holding H.264 or H.265.
///
/// # Errors
/// [`DecodeError::File`] where it cannot be read (also later, from the iterator), [`DecodeError::Missing`].
pub fn demux(path: impl AsRef<Path>) -> Result<Frames, DecodeError> {
    init()?;
    let path = path.as_ref();
    let name = path.display().to_string();
    let failed = |text: String| DecodeError::File {
        path: name.clone(),
        text,
    };
    // GStreamer would say only that a resource was not found.
    std::fs::File::open(path)
        .and_then(|file| file.metadata())
        .map_err(|e| failed(e.to_string()))
        .and_then(|meta| {
            if meta.is_file() {
                Ok(())
            } else {
                Err(failed("not a file".into()))
            }
        })?;
    let pipeline = gst::Pipeline::new();
    let source = element("filesrc", CORE)?;
    source.set_property("location", path);
    let parse = element("parsebin", BASE)?;
    // Found here so that a missing plugin is named, not met as a pad that never links.
    for (name, package) in [
        ("h264parse", BAD),
        ("h265parse", BAD),
        ("qtdemux", GOOD),
        ("matroskademux", GOOD),
    ] {
        element(name, package)?;
    }
    let sink = gst_app::AppSink::builder()
        .caps(&wanted())
        .sync(false)
        .max_buffers(8)
        .build();
    pipeline
        .add_many([&source, &parse, sink.upcast_ref()])
        .and_then(|()| source.link(&parse))
        .map_err(|e| failed(e.to_string()))?;
    link_video(&pipeline, &parse, &sink);
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|e| failed(why(&pipeline).unwrap_or_else(|| e.to_string())))?;
    Ok(Frames {
        pipeline,
        sink,
        path: name,
        tracks: None,
        caps: None,
        origin: None,
        last_dts: None,
        order: Vec::new(),
        depth: 0,
        duration: MediaTime(3600),
        group: 0,
        number: 0,
        started: false,
        ended: false,
    })
}

impl Iterator for Frames {
    type Item = Result<Arc<Frame>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let waiting = Instant::now();
        while !self.ended {
            let Some(sample) = self.sink.try_pull_sample(LOOK) else {
                let ended = self.sink.is_eos();
                let error = why(&self.pipeline);
                if error.is_none() && !ended && waiting.elapsed() < PATIENCE {
                    continue;
                }
                self.ended = true;
                return match error {
                    Some(text) => Some(Err(self.error(text))),
                    None if !ended => {
                        let text =
                            format!("no frame within {PATIENCE:?}: no H.264 or H.265 video?");
                        Some(Err(self.error(text)))
                    }
                    None if !self.started => Some(Err(self.error("no video in it".into()))),
                    None => None,
                };
            };
            match self.frame(&sample) {
                Ok(Some(frame)) => return Some(Ok(frame)),
                Ok(None) => {}
                Err(e) => {
                    self.ended = true;
                    return Some(Err(e));
                }
            }
        }
        None
    }
}

impl Frames {
    fn error(&self, text: String) -> DecodeError {
        DecodeError::File {
            path: self.path.clone(),
            text,
        }
    }

    fn frame(&mut self, sample: &gst::Sample) -> Result<Option<Arc<Frame>>, DecodeError> {
        let caps = sample
            .caps()
            .ok_or_else(|| self.error("frame without caps".into()))?;
        if self.caps.as_ref().is_none_or(|known| known != caps) {
            let video = track(caps).map_err(|text| self.error(text))?;
            // Most that do not say reorder by two at most.
            self.depth = parameters::reorder_depth(video.codec, &video.config).unwrap_or(2);
            let old = self.tracks.as_ref().is_some_and(|t| t.video == video);
            if !old {
                self.tracks = Some(Arc::new(Tracks { video, audio: None }));
            }
            self.caps = Some(caps.to_owned());
        }
        let (Some(tracks), Some(buffer)) = (&self.tracks, sample.buffer()) else {
            return Ok(None);
        };
        let data = buffer
            .map_readable()
            .map(|map| Bytes::copy_from_slice(&map))
            .map_err(|e| self.error(e.to_string()))?;
        if data.is_empty() {
            return Ok(None);
        }
        let key = bitstream::is_key(tracks.video.codec, &data);
        if !(self.started || key) {
            return Ok(None);
        }
        let ticks = |t: gst::ClockTime| i64::try_from(t.nseconds() * 9 / 100_000).unwrap_or(0);
        let pts = buffer.pts().or(buffer.dts()).map(ticks);
        let dts = buffer.dts().map(ticks);
        let origin = *self.origin.get_or_insert(pts.unwrap_or(0));
        let next = self.last_dts.map(|last| last + self.duration);
        // Counted from the first frame shown; a frame without a time follows the one before.
        let pts = pts.map(|t| MediaTime(t - origin)).or(next);
        let pts = pts.unwrap_or_default();
        let mut dts = match dts {
            Some(dts) => MediaTime(dts - origin).min(pts),
            // Matroska has none: the smallest of the last presentation times, as many as pictures are reordered, and one.
            None => {
                let depth = usize::from(self.depth);
                self.order.push(pts);
                self.order.sort_unstable();
                if self.order.len() > depth {
                    self.order.remove(0)
                } else {
                    let missing = (depth + 1 - self.order.len()) as i64;
                    self.order[0] - MediaTime(missing * self.duration.0)
                }
            }
        };
        if let Some(last) = self.last_dts {
            dts = dts.max(last + MediaTime(1));
            self.duration = dts - last;
        }
        let pts = pts.max(dts);
        if key && self.started {
            self.group += 1;
            self.number = 0;
        }
        let frame = Frame {
            feed: 0,
            tracks: Arc::clone(tracks),
            track: TrackKind::Video,
            key,
            discontinuity: false,
            damaged: false,
            group: self.group,
            number: self.number,
            dts,
            pts,
            duration: self.duration,
            captured: WallTime(0) + pts.to_duration(),
            data,
            package: media::frame::Package::default(),
        };
        self.started = true;
        self.number += 1;
        self.last_dts = Some(dts);
        Ok(Some(Arc::new(frame)))
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// The first video stream goes to the sink, through a parser that frames it as a camera's is; all others are thrown away.
fn link_video(pipeline: &gst::Pipeline, parse: &gst::Element, sink: &gst_app::AppSink) {
    let (pipeline, sink) = (pipeline.downgrade(), sink.downgrade());
    parse.connect_pad_added(move |_, pad| {
        let (Some(pipeline), Some(sink)) = (pipeline.upgrade(), sink.upgrade()) else {
            return;
        };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let name = caps.structure(0).map(|s| s.name().to_string());
        let parser = match name.as_deref() {
            Some("video/x-h264") => "h264parse",
            Some("video/x-h265") => "h265parse",
            _ => "fakesink",
        };
        let taken = sink.static_pad("sink").is_none_or(|p| p.is_linked());
        let next = if taken { "fakesink" } else { parser };
        let Ok(next_element) = gst::ElementFactory::make(next).build() else {
            return;
        };
        let joined = || -> Result<(), gst::glib::BoolError> {
            pipeline.add(&next_element)?;
            if next == "fakesink" {
                next_element.set_property("sync", false);
                next_element.set_property("async", false);
            } else {
                next_element.link(&sink)?;
            }
            next_element.sync_state_with_parent()?;
            let to = next_element.static_pad("sink");
            if let Some(to) = to {
                let _ = pad.link(&to);
            }
            Ok(())
        };
        if let Err(e) = joined() {
            tracing::debug!(error = %e, "stream of a file left out");
        }
    });
}

fn wanted() -> gst::Caps {
    gst::Caps::builder_full()
        .structure(
            gst::Structure::builder("video/x-h264")
                .field("stream-format", "avc")
                .field("alignment", "au")
                .build(),
        )
        .structure(
            gst::Structure::builder("video/x-h265")
                .field("stream-format", "hvc1")
                .field("alignment", "au")
                .build(),
        )
        .build()
}

fn track(caps: &gst::CapsRef) -> Result<VideoTrack, String> {
    let s = caps.structure(0).ok_or("caps without a structure")?;
    let config = s
        .get::<gst::Buffer>("codec_data")
        .map_err(|e| e.to_string())?;
    let config = config
        .map_readable()
        .map(|map| Bytes::copy_from_slice(&map))
        .map_err(|e| e.to_string())?;
    let size = |name: &str| {
        let pixels = s.get::<i32>(name).map_err(|e| e.to_string())?;
        u16::try_from(pixels).map_err(|_| format!("{name} of {pixels} pixels"))
    };
    let codec = if s.name() == "video/x-h265" {
        VideoCodec::H265
    } else {
        VideoCodec::H264
    };
    Ok(VideoTrack {
        codec,
        codec_string: bitstream::codec_string(codec, &config),
        width: size("width")?,
        height: size("height")?,
        config,
    })
}

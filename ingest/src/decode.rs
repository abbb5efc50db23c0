//! Pictures out of access units, by GStreamer's libav decoders.
//!
//! A [`Decoder`] has no threads and no queues of its own: an access unit pushed in is decoded, scaled down and converted in the
//! caller's thread before `push` returns. So a caller knows what it costs, may run as many as it likes on as few threads as it
//! likes, and nothing can pile up. Call it from `spawn_blocking` or a thread for decoding, never from an async task.
//!
//! The picture is scaled before its colour is converted: the conversion then touches a few hundredths of the pixels.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;
use media::{Frame, MediaTime, TrackKind, VideoCodec, VideoTrack, WallTime};

/// Why nothing could be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// GStreamer itself does not start.
    #[error("GStreamer does not start: {text}")]
    Library {
        /// What it said.
        text: String,
    },
    /// An element is not installed.
    #[error("GStreamer has no element '{element}': install its plugin ({package})")]
    Missing {
        /// The element's name.
        element: &'static str,
        /// The Debian package that holds it.
        package: &'static str,
    },
    /// The elements do not fit together.
    #[error("decoder for {codec} at {width}x{height} could not be set up: {text}")]
    Setup {
        /// RFC 6381.
        codec: String,
        /// Pixels.
        width: u16,
        /// Pixels.
        height: u16,
        /// What GStreamer said.
        text: String,
    },
    /// The decoder gave up; make another.
    #[error("the decoder refused an access unit of {bytes} bytes: {text}")]
    Refused {
        /// Size of the access unit.
        bytes: usize,
        /// What GStreamer said.
        text: String,
    },
    /// The decoder takes everything and gives nothing.
    #[error("no picture came out of {pushed} access units")]
    Silent {
        /// How many went in since the last picture.
        pushed: u32,
    },
    /// A file that could not be read.
    #[error("{path}: {text}")]
    File {
        /// Which.
        path: String,
        /// What GStreamer said.
        text: String,
    },
}

/// What a [`Picture`] carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Brightness only: the cheapest.
    #[default]
    Luma,
    /// Red, green, blue, and the brightness computed from them.
    Rgb,
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Pictures wider than this are scaled down, keeping their shape. Pixels, 16 to 16384.
    pub max_width: u32,
    /// What is wanted of them.
    pub format: Format,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_width: 320,
            format: Format::Luma,
        }
    }
}

/// A decoded picture, rows without padding.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `width * height` bytes, as coded: 16 is black and 235 white in nearly every stream.
    pub luma: Bytes,
    /// `width * height * 3` bytes, if asked for; 0 to 255.
    pub rgb: Option<Bytes>,
    /// Presentation time of the access unit it came from.
    pub pts: MediaTime,
    /// When that was captured.
    pub captured: WallTime,
}

/// Decodes one stream. See the module for where it may run.
#[derive(Debug)]
pub struct Decoder {
    /// Holds the elements: dropped, they stop.
    pipeline: gst::Pipeline,
    input: gst::Pad,
    /// A linked pad does not keep its peer alive.
    sink: gst::Pad,
    output: Arc<Mutex<Output>>,
    /// Presentation time the first access unit had: GStreamer wants none below zero.
    origin: Option<MediaTime>,
    /// What is inside the decoder, by GStreamer's time.
    inside: BTreeMap<u64, (MediaTime, WallTime)>,
    /// Access units that a picture may still come of, and all that came out before.
    pushed: u64,
    silent: u32,
    failed: bool,
}

#[derive(Debug, Default)]
struct Output {
    info: Option<gst_video::VideoInfo>,
    pictures: VecDeque<Raw>,
    dropped: u64,
    taken: u64,
}

/// A picture before its time is looked up.
#[derive(Debug)]
struct Raw {
    width: u32,
    height: u32,
    luma: Bytes,
    rgb: Option<Bytes>,
    time_ns: Option<u64>,
}

impl Decoder {
    /// Pictures held for [`Decoder::drain`]; the oldest go first. A caller drains after every push.
    pub const MAX_HELD: usize = 32;
    /// So many access units without a picture are an error. A decoder may hold back 16 for reordering.
    pub const MAX_SILENT: u32 = 64;
    /// First presentation time inside GStreamer: room for pictures that are shown before the first one decoded.
    const LEAD_NS: u64 = 3_600_000_000_000;

    /// A decoder for this track. When the track's parameters change, make another.
    ///
    /// # Errors
    /// A plugin that is not installed, or parameters no decoder takes.
    pub fn new(track: &VideoTrack, options: Options) -> Result<Self, DecodeError> {
        init()?;
        let (width, height) = scaled(track, options.max_width);
        let pipeline = gst::Pipeline::new();
        let setup = |text: String| DecodeError::Setup {
            codec: track.codec_string.clone(),
            width: track.width,
            height: track.height,
            text,
        };
        let decoder = decoder(track.codec)?;
        let scale = element("videoscale", BASE)?;
        scale.set_property("add-borders", false);
        let small = element("capsfilter", CORE)?;
        small.set_property(
            "caps",
            gst::Caps::builder("video/x-raw")
                .field("width", width as i32)
                .field("height", height as i32)
                .build(),
        );
        let convert = element("videoconvert", BASE)?;
        let last = element("capsfilter", CORE)?;
        last.set_property(
            "caps",
            gst::Caps::builder("video/x-raw")
                .field(
                    "format",
                    match options.format {
                        Format::Luma => "I420",
                        Format::Rgb => "RGB",
                    },
                )
                .build(),
        );
        let chain = [&decoder, &scale, &small, &convert, &last];
        pipeline
            .add_many(chain)
            .and_then(|()| gst::Element::link_many(chain))
            .map_err(|e| setup(e.to_string()))?;

        let output = Arc::new(Mutex::new(Output::default()));
        let sink = sink_pad(&output);
        let input = gst::Pad::builder(gst::PadDirection::Src).build();
        let ends = || -> Result<(), String> {
            let first = decoder
                .static_pad("sink")
                .ok_or("the decoder has no input")?;
            let end = last.static_pad("src").ok_or("the chain has no output")?;
            input.link(&first).map_err(|e| e.to_string())?;
            end.link(&sink).map_err(|e| e.to_string())?;
            sink.set_active(true).map_err(|e| e.to_string())?;
            input.set_active(true).map_err(|e| e.to_string())?;
            pipeline
                .set_state(gst::State::Playing)
                .map_err(|e| e.to_string())?;
            let segment = gst::FormattedSegment::<gst::ClockTime>::new();
            let started = input.push_event(gst::event::StreamStart::new("sightline"))
                && input.push_event(gst::event::Caps::new(&caps(track)))
                && input.push_event(gst::event::Segment::new(&segment));
            if started {
                Ok(())
            } else {
                Err("it does not take these parameters".into())
            }
        };
        ends().map_err(|text| {
            let text = why(&pipeline).unwrap_or(text);
            let _ = pipeline.set_state(gst::State::Null);
            setup(text)
        })?;
        Ok(Self {
            pipeline,
            input,
            sink,
            output,
            origin: None,
            inside: BTreeMap::new(),
            pushed: 0,
            silent: 0,
            failed: false,
        })
    }

    /// Decodes one video frame; others are ignored. Pictures then stand in [`Decoder::drain`]: none, one, or more.
    ///
    /// # Errors
    /// See [`Decoder::push_unit`].
    pub fn push(&mut self, frame: &Frame) -> Result<(), DecodeError> {
        if frame.track != TrackKind::Video {
            return Ok(());
        }
        self.push_unit(frame.data.clone(), frame.pts, frame.captured, frame.key)
    }

    /// Decodes one access unit. Blocks for as long as that takes. A broken one gives a broken picture or none, and no error.
    ///
    /// # Errors
    /// [`DecodeError::Refused`] when the decoder gave up, [`DecodeError::Silent`] when it yields nothing; both want a new one.
    pub fn push_unit(
        &mut self,
        data: Bytes,
        pts: MediaTime,
        captured: WallTime,
        key: bool,
    ) -> Result<(), DecodeError> {
        let bytes = data.len();
        let refused = |text: String| DecodeError::Refused { bytes, text };
        if self.failed {
            return Err(refused("it has failed before".into()));
        }
        if data.is_empty() {
            return Ok(());
        }
        let time = self.inner_time(pts);
        while self.inside.len() >= 64 {
            self.inside.pop_first();
        }
        self.inside.insert(time, (pts, captured));
        let mut buffer = gst::Buffer::from_slice(data);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(time));
            if !key {
                buffer.set_flags(gst::BufferFlags::DELTA_UNIT);
            }
        }
        let before = self.came_out();
        if let Err(e) = self.input.push(buffer) {
            self.failed = true;
            return Err(refused(
                why(&self.pipeline).unwrap_or_else(|| e.to_string()),
            ));
        }
        self.pushed = self.pushed.max(before) + 1;
        if self.came_out() > before {
            self.silent = 0;
        } else {
            self.silent += 1;
            if self.silent >= Self::MAX_SILENT {
                self.failed = true;
                return Err(DecodeError::Silent {
                    pushed: self.silent,
                });
            }
        }
        Ok(())
    }

    /// Brings out what the decoder holds back for reordering. The next access unit must be a key frame. Where nothing is held
    /// back, as with most cameras, it costs nothing.
    pub fn flush(&mut self) {
        if self.failed || self.pushed <= self.came_out() {
            return;
        }
        // Serialised, and every GStreamer decoder drains on it.
        let before = self.came_out();
        let id = gst::event::StreamStart::new("sightline");
        self.input.push_event(id);
        if self.came_out() > before {
            self.silent = 0;
        }
        // What did not come out now never will.
        self.pushed = self.came_out();
    }

    /// The pictures that came out since the last call, in order of presentation.
    pub fn drain(&mut self) -> Vec<Picture> {
        let raw = {
            let mut output = lock(&self.output);
            output.taken += output.pictures.len() as u64;
            std::mem::take(&mut output.pictures)
        };
        raw.into_iter()
            .map(|raw| {
                let (pts, captured) = raw
                    .time_ns
                    .and_then(|t| self.inside.remove(&t))
                    .or_else(|| self.inside.pop_first().map(|(_, at)| at))
                    .unwrap_or_default();
                Picture {
                    width: raw.width,
                    height: raw.height,
                    luma: raw.luma,
                    rgb: raw.rgb,
                    pts,
                    captured,
                }
            })
            .collect()
    }

    fn came_out(&self) -> u64 {
        let output = lock(&self.output);
        output.pictures.len() as u64 + output.dropped + output.taken
    }

    fn inner_time(&mut self, pts: MediaTime) -> u64 {
        let origin = *self.origin.get_or_insert(pts);
        let distance_ns = i128::from(pts.0) - i128::from(origin.0);
        let time = i128::from(Self::LEAD_NS) + distance_ns * 100_000 / 9;
        u64::try_from(time.max(0)).unwrap_or(u64::MAX - 1)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let _ = self.input.set_active(false);
        let _ = self.sink.set_active(false);
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// One key frame to one picture in colour, for a still. Blocks: 4 to 8 ms for 1080p.
///
/// # Errors
/// [`DecodeError::Silent`] where the key frame does not decode; the others as [`Decoder`]'s.
pub fn still(track: &VideoTrack, key_frame: &[u8], max_width: u32) -> Result<Picture, DecodeError> {
    let mut decoder = Decoder::new(
        track,
        Options {
            max_width,
            format: Format::Rgb,
        },
    )?;
    decoder.push_unit(
        Bytes::copy_from_slice(key_frame),
        MediaTime(0),
        WallTime(0),
        true,
    )?;
    decoder.flush();
    decoder
        .drain()
        .pop()
        .ok_or(DecodeError::Silent { pushed: 1 })
}

/// Starts GStreamer once a process.
pub(crate) fn init() -> Result<(), DecodeError> {
    gst::init().map_err(|e| DecodeError::Library {
        text: e.to_string(),
    })
}

pub(crate) const CORE: &str = "libgstreamer1.0-0";
pub(crate) const BASE: &str = "gstreamer1.0-plugins-base";
pub(crate) const GOOD: &str = "gstreamer1.0-plugins-good";
pub(crate) const BAD: &str = "gstreamer1.0-plugins-bad";
const LIBAV: &str = "gstreamer1.0-libav";

pub(crate) fn element(
    name: &'static str,
    package: &'static str,
) -> Result<gst::Element, DecodeError> {
    gst::ElementFactory::make(name)
        .build()
        .map_err(|_| DecodeError::Missing {
            element: name,
            package,
        })
}

/// The decoder of a codec, set to work in the caller's thread.
pub(crate) fn decoder(codec: VideoCodec) -> Result<gst::Element, DecodeError> {
    let decoder = match codec {
        VideoCodec::H264 => element("avdec_h264", LIBAV)?,
        VideoCodec::H265 => element("avdec_h265", LIBAV)?,
    };
    // One thread: 600 decoders of a frame now and then must not be 600 times the cores. Not strict: libav then holds
    // back 16 pictures of every stream that does not say how many it reorders, that is of most cameras.
    decoder.set_property("max-threads", 1i32);
    decoder.set_property_from_str("std-compliance", "normal");
    decoder.set_property("qos", false);
    Ok(decoder)
}

/// The first error the elements reported.
pub(crate) fn why(pipeline: &gst::Pipeline) -> Option<String> {
    let message = pipeline
        .bus()?
        .pop_filtered(&[gst::MessageType::Error])?
        .to_owned();
    match message.view() {
        gst::MessageView::Error(e) => Some(e.error().to_string()),
        _ => None,
    }
}

/// The size after scaling: both even (chroma is halved), the shape kept as near as that allows.
fn scaled(track: &VideoTrack, max_width: u32) -> (u32, u32) {
    let (w, h) = (
        u32::from(track.width).max(2),
        u32::from(track.height).max(2),
    );
    let width = w.min(max_width.clamp(16, 16_384));
    let height = (u64::from(h) * u64::from(width) / u64::from(w)).clamp(2, 16_384) as u32;
    ((width & !1).max(2), (height & !1).max(2))
}

pub(crate) fn caps(track: &VideoTrack) -> gst::Caps {
    let (name, form) = match track.codec {
        VideoCodec::H264 => ("video/x-h264", "avc"),
        VideoCodec::H265 => ("video/x-h265", "hvc1"),
    };
    gst::Caps::builder(name)
        .field("stream-format", form)
        .field("alignment", "au")
        .field("width", i32::from(track.width))
        .field("height", i32::from(track.height))
        .field("codec_data", gst::Buffer::from_slice(track.config.clone()))
        .build()
}

fn lock(output: &Mutex<Output>) -> std::sync::MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of the chain: copies pictures out of GStreamer's buffers, which go back to their pool.
fn sink_pad(output: &Arc<Mutex<Output>>) -> gst::Pad {
    let (pictures, infos) = (Arc::clone(output), Arc::clone(output));
    gst::Pad::builder(gst::PadDirection::Sink)
        .chain_function(move |_, _, buffer| {
            let Some(info) = lock(&pictures).info.clone() else {
                return Err(gst::FlowError::NotNegotiated);
            };
            let Some(raw) = copy(&buffer, &info) else {
                return Err(gst::FlowError::NotSupported);
            };
            let mut output = lock(&pictures);
            if output.pictures.len() >= Decoder::MAX_HELD {
                output.pictures.pop_front();
                output.dropped += 1;
            }
            output.pictures.push_back(raw);
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |_, _, event| {
            if let gst::EventView::Caps(caps) = event.view() {
                lock(&infos).info = gst_video::VideoInfo::from_caps(caps.caps()).ok();
            }
            true
        })
        .build()
}

fn copy(buffer: &gst::Buffer, info: &gst_video::VideoInfo) -> Option<Raw> {
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).ok()?;
    let (width, height) = (frame.width(), frame.height());
    let stride = usize::try_from(*frame.plane_stride().first()?).ok()?;
    let plane = frame.plane_data(0).ok()?;
    let rows = |row_bytes: usize| -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(row_bytes * height as usize);
        for row in plane.chunks(stride.max(1)).take(height as usize) {
            out.extend_from_slice(row.get(..row_bytes)?);
        }
        (out.len() == row_bytes * height as usize).then_some(out)
    };
    let (luma, rgb) = if info.format() == gst_video::VideoFormat::Rgb {
        let rgb = rows(width as usize * 3)?;
        // ITU-R BT.601 to the range 16..=235, so that both formats judge alike.
        let luma: Vec<u8> = rgb
            .chunks_exact(3)
            .map(|p| {
                let sum = 66 * u32::from(p[0]) + 129 * u32::from(p[1]) + 25 * u32::from(p[2]);
                (16 + ((sum + 128) >> 8)) as u8
            })
            .collect();
        (luma, Some(rgb.into()))
    } else {
        (rows(width as usize)?, None)
    };
    Some(Raw {
        width,
        height,
        luma: luma.into(),
        rgb,
        time_ns: buffer.pts().map(gst::ClockTime::nseconds),
    })
}

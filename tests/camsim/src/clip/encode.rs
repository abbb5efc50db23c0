//! Encoding with GStreamer: pictures drawn by a closure, and sound made by one.

use bytes::Bytes;
use gstreamer::{self as gst, prelude::*};
use gstreamer_app::{AppSink, AppSrc};

use super::{Audio, AudioCodec, CLOCK_HZ, ClipError, Frame, Video, VideoCodec, nal};

/// How pictures are to be coded.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) codec: VideoCodec,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) fps: u32,
    /// Frames from key frame to key frame.
    pub(crate) gop: u32,
    pub(crate) bframes: u32,
    pub(crate) slices: u32,
    /// Access unit delimiters, and timing SEI with every picture.
    pub(crate) delimiters: bool,
    pub(crate) kbit_s: u32,
    pub(crate) preset: &'static str,
    /// Made for later: gives way to whoever else wants the processor.
    pub(crate) background: bool,
}

impl Settings {
    fn pipeline(&self) -> String {
        let Self {
            width,
            height,
            fps,
            gop,
            bframes,
            slices,
            kbit_s,
            preset,
            ..
        } = self;
        let source = format!(
            "appsrc name=src format=time block=true max-bytes={} caps=video/x-raw,format=I420,width={width},height={height},\
             framerate={fps}/1,colorimetry=bt709,interlace-mode=progressive",
            self.picture_bytes() * 4
        );
        let (encoder, kind) = match self.codec {
            VideoCodec::H264 => {
                let extra = if self.delimiters { ":nal-hrd=vbr" } else { "" };
                // `threads=1` codes one picture at a time: clips are made side by side instead, and
                // slices then are as many as were asked for.
                let aud = self.delimiters;
                (
                    format!(
                        "x264enc speed-preset={preset} bitrate={kbit_s} vbv-buf-capacity=1000 key-int-max={gop} bframes={bframes} \
                         b-adapt=false threads=1 rc-lookahead=10 aud={aud} option-string=\"scenecut=0:open-gop=0:slices={slices}{extra}\" \
                         ! video/x-h264,profile={} ! h264parse config-interval=-1",
                        if *preset == "ultrafast" && *bframes == 0 {
                            "constrained-baseline"
                        } else {
                            "high"
                        }
                    ),
                    "video/x-h264",
                )
            }
            VideoCodec::H265 => (
                format!(
                    "x265enc speed-preset={preset} bitrate={kbit_s} key-int-max={gop} \
                     option-string=\"bframes={bframes}:scenecut=0:open-gop=0:pools=none:frame-threads=1:slices={slices}:log-level=none:aud={}\" \
                     ! h265parse config-interval=-1",
                    u8::from(self.delimiters)
                ),
                "video/x-h265",
            ),
        };
        format!(
            "{source} ! {encoder} ! {kind},stream-format=byte-stream,alignment=au ! appsink name=sink sync=false max-buffers=64"
        )
    }

    /// Bytes of one I420 picture.
    pub(crate) fn picture_bytes(&self) -> usize {
        (self.width * self.height * 3 / 2) as usize
    }
}

/// Encodes `count` pictures; `draw(n, i420)` fills picture `n`, planes without padding. Width and
/// height must be divisible by 8. Blocks.
pub(crate) fn encode_video(
    settings: &Settings,
    count: u32,
    mut draw: impl FnMut(u32, &mut [u8]),
) -> Result<Video, ClipError> {
    let pipeline = launch(&settings.pipeline(), "encode pictures")?;
    let (source, sink) = ends(&pipeline)?;
    let frame_ns = |n: u32| u64::from(n) * 1_000_000_000 / u64::from(settings.fps);
    if settings.background {
        give_way(&pipeline);
    }
    let coded = run(&pipeline, &sink, "encode pictures", || {
        for n in 0..count {
            let mut picture = vec![0; settings.picture_bytes()];
            draw(n, &mut picture);
            let mut buffer = gst::Buffer::from_mut_slice(picture);
            let meta = buffer.get_mut().expect("nobody else has it yet");
            meta.set_pts(gst::ClockTime::from_nseconds(frame_ns(n)));
            meta.set_duration(gst::ClockTime::from_nseconds(frame_ns(n + 1) - frame_ns(n)));
            if source.push_buffer(buffer).is_err() {
                break; // the bus tells why
            }
        }
        let _ = source.end_of_stream();
    })?;
    if coded.len() != count as usize {
        let why = format!("{count} pictures went in, {} came out", coded.len());
        return Err(ClipError::Gstreamer {
            stage: "encode pictures",
            message: why,
        });
    }
    Ok(Video {
        codec: settings.codec,
        width: settings.width,
        height: settings.height,
        declared_fps: f64::from(settings.fps),
        duration_90k: u64::from(count) * u64::from(CLOCK_HZ) / u64::from(settings.fps),
        frames: frames(settings.codec, &coded),
    })
}

/// Encodes 16-bit mono sound to AAC-LC. Blocks.
pub(crate) fn encode_aac(samples: &[i16], rate: u32) -> Result<Audio, ClipError> {
    let stage = "encode sound";
    let pipeline = launch(
        &format!(
            "appsrc name=src format=time block=true caps=audio/x-raw,format=S16LE,layout=interleaved,channels=1,rate={rate} \
             ! audioconvert ! avenc_aac bitrate=48000 ! audio/mpeg,mpegversion=4,stream-format=raw ! appsink name=sink sync=false"
        ),
        stage,
    )?;
    let (source, sink) = ends(&pipeline)?;
    let coded = run(&pipeline, &sink, stage, || {
        for (n, chunk) in samples.chunks(1_024).enumerate() {
            let mut buffer = gst::Buffer::from_mut_slice(
                chunk
                    .iter()
                    .flat_map(|s| s.to_le_bytes())
                    .collect::<Vec<u8>>(),
            );
            let at = n as u64 * 1_024 * 1_000_000_000 / u64::from(rate);
            buffer
                .get_mut()
                .expect("nobody else has it yet")
                .set_pts(gst::ClockTime::from_nseconds(at));
            if source.push_buffer(buffer).is_err() {
                break;
            }
        }
        let _ = source.end_of_stream();
    })?;
    let config = coded
        .first()
        .and_then(|c| c.config.clone())
        .ok_or_else(|| ClipError::Gstreamer {
            stage,
            message: "the encoder gave no AudioSpecificConfig".into(),
        })?;
    Ok(Audio {
        codec: AudioCodec::Aac(config),
        rate,
        channels: 1,
        samples_per_frame: 1_024,
        frames: coded.into_iter().map(|c| c.data).collect(),
    })
}

/// One buffer that came out of a pipeline.
pub(super) struct Coded {
    pub(super) dts_ns: Option<u64>,
    pub(super) pts_ns: Option<u64>,
    pub(super) data: Bytes,
    /// `codec_data` of its caps.
    pub(super) config: Option<Vec<u8>>,
    /// `width`, `height` and `framerate` of its caps.
    pub(super) picture: Option<(u32, u32, f64)>,
}

/// Coded access units as frames, times from the first one's sending.
pub(super) fn frames(codec: VideoCodec, coded: &[Coded]) -> Vec<Frame> {
    let time = |c: &Coded| c.dts_ns.or(c.pts_ns).unwrap_or(0);
    let zero = coded.first().map_or(0, time);
    let to_90k = |ns: u64| {
        ((u128::from(ns.saturating_sub(zero)) * u128::from(CLOCK_HZ) + 500_000_000) / 1_000_000_000)
            as u64
    };
    coded
        .iter()
        .map(|c| {
            let nals = nal::split_annex_b(&c.data);
            Frame {
                dts_90k: to_90k(time(c)),
                pts_90k: to_90k(c.pts_ns.unwrap_or_else(|| time(c))),
                key: nals.iter().any(|n| nal::is_key(codec, n)),
                nals,
            }
        })
        .collect()
}

pub(super) fn launch(description: &str, stage: &'static str) -> Result<gst::Pipeline, ClipError> {
    let error = |message: String| ClipError::Gstreamer { stage, message };
    gst::init().map_err(|e| error(e.to_string()))?;
    let element = gst::parse::launch(description).map_err(|e| error(e.to_string()))?;
    element
        .downcast::<gst::Pipeline>()
        .map_err(|_| error("that is no pipeline".into()))
}

pub(super) fn sink(pipeline: &gst::Pipeline) -> Result<AppSink, ClipError> {
    let found = pipeline.by_name("sink").and_then(|e| e.downcast().ok());
    found.ok_or(ClipError::Gstreamer {
        stage: "build",
        message: "no sink".into(),
    })
}

fn ends(pipeline: &gst::Pipeline) -> Result<(AppSrc, AppSink), ClipError> {
    let source = pipeline.by_name("src").and_then(|e| e.downcast().ok());
    Ok((
        source.ok_or(ClipError::Gstreamer {
            stage: "build",
            message: "no source".into(),
        })?,
        sink(pipeline)?,
    ))
}

/// Lowers the priority of every thread of a pipeline.
fn give_way(pipeline: &gst::Pipeline) {
    let Some(bus) = pipeline.bus() else { return };
    // The message is sent by the thread that it is about.
    bus.set_sync_handler(|_, message| {
        if let gst::MessageView::StreamStatus(status) = message.view()
            && status.get().0 == gst::StreamStatusType::Enter
        {
            let _ = rustix::process::setpriority_process(None, BACKGROUND_NICE);
        }
        gst::BusSyncReply::Pass
    });
}

/// Enough to leave an idle processor to the clips, and a busy one to everything else.
const BACKGROUND_NICE: i32 = 12;

/// Plays a pipeline to its end, `feed` on a thread of its own, and collects what comes out.
pub(super) fn run(
    pipeline: &gst::Pipeline,
    sink: &AppSink,
    stage: &'static str,
    feed: impl FnOnce(),
) -> Result<Vec<Coded>, ClipError> {
    let error = |message: String| ClipError::Gstreamer { stage, message };
    let bus = pipeline
        .bus()
        .ok_or_else(|| error("it has no bus".into()))?;
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|e| error(e.to_string()))?;
    let result = std::thread::scope(|scope| {
        let pull = scope.spawn(|| {
            let mut out = Vec::new();
            loop {
                if let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(200)) {
                    out.extend(coded(&sample));
                } else if sink.is_eos() {
                    return Ok(out);
                } else if let Some(message) = bus.pop_filtered(&[gst::MessageType::Error]) {
                    // A stopped pipeline lets go of whoever waits to push into it.
                    let _ = pipeline.set_state(gst::State::Null);
                    let gst::MessageView::Error(e) = message.view() else {
                        continue;
                    };
                    return Err(error(format!(
                        "{} ({})",
                        e.error(),
                        e.debug().unwrap_or_default()
                    )));
                }
            }
        });
        feed();
        pull.join()
            .unwrap_or_else(|_| Err(error("its reader panicked".into())))
    });
    let _ = pipeline.set_state(gst::State::Null);
    result
}

fn coded(sample: &gst::Sample) -> Option<Coded> {
    let buffer = sample.buffer()?;
    let caps = sample.caps().and_then(|c| c.structure(0));
    let number = |name| caps.and_then(|s| s.get::<i32>(name).ok()).map(|n| n as u32);
    let rate = caps.and_then(|s| s.get::<gst::Fraction>("framerate").ok());
    Some(Coded {
        dts_ns: buffer.dts().map(|t| t.nseconds()),
        pts_ns: buffer.pts().map(|t| t.nseconds()),
        data: Bytes::copy_from_slice(&buffer.map_readable().ok()?),
        config: caps
            .and_then(|s| s.get::<gst::Buffer>("codec_data").ok())
            .and_then(|b| b.map_readable().ok().map(|m| m.to_vec())),
        picture: number("width").zip(number("height")).map(|(w, h)| {
            let fps = rate
                .filter(|r| r.denom() > 0)
                .map_or(25.0, |r| f64::from(r.numer()) / f64::from(r.denom()));
            (w, h, fps)
        }),
    })
}

//! A film from a file, to be replayed at its own pace.

use std::path::Path;

use gstreamer::prelude::*;

use super::{Clip, ClipError, Video, VideoCodec, encode};

pub(super) fn read(path: &Path) -> Result<Clip, ClipError> {
    if let Err(source) = std::fs::metadata(path) {
        return Err(ClipError::Io {
            path: path.display().to_string(),
            source,
        });
    }
    let first = read_as(path, VideoCodec::H264, "h264parse", "video/x-h264");
    let clip = first
        .or_else(|e| read_as(path, VideoCodec::H265, "h265parse", "video/x-h265").map_err(|_| e));
    clip.map_err(|e| ClipError::Malformed {
        what: path.display().to_string(),
        why: e.to_string(),
    })
}

fn read_as(path: &Path, codec: VideoCodec, parser: &str, kind: &str) -> Result<Clip, ClipError> {
    let stage = "read a film";
    let pipeline = encode::launch(
        &format!(
            "filesrc name=file ! qtdemux name=demux demux.video_0 ! queue ! {parser} config-interval=-1 \
             ! {kind},stream-format=byte-stream,alignment=au ! appsink name=sink sync=false"
        ),
        stage,
    )?;
    if let Some(file) = pipeline.by_name("file") {
        file.set_property("location", path.display().to_string());
    }
    let sink = encode::sink(&pipeline)?;
    let coded = encode::run(&pipeline, &sink, stage, || {})?;
    let (width, height, fps) = coded
        .first()
        .and_then(|c| c.picture)
        .unwrap_or((0, 0, 25.0));
    let mut frames = encode::frames(codec, &coded);
    // What comes before the first key frame cannot be decoded, and a loop would come back to it.
    let skip = frames.iter().position(|f| f.key).unwrap_or(frames.len());
    frames.drain(..skip);
    let zero = frames.first().map_or(0, |f| f.dts_90k);
    for frame in &mut frames {
        frame.dts_90k -= zero;
        frame.pts_90k = frame.pts_90k.saturating_sub(zero);
    }
    let last = frames.last().map_or(0, |f| f.dts_90k);
    let step = match frames.len() {
        0 | 1 => (90_000.0 / fps) as u64,
        n => last / (n as u64 - 1),
    };
    Clip::new(
        Video {
            codec,
            width,
            height,
            declared_fps: fps,
            duration_90k: last + step.max(1),
            frames,
        },
        None,
    )
}

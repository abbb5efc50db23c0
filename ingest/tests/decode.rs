//! Pictures out of real streams, and out of broken ones.

use std::process::Command;

use bytes::Bytes;
use ingest::{
    decode::{DecodeError, Decoder, Format, Options, still},
    file,
};
use media::{Frame, MediaTime, VideoCodec, WallTime};
use std::sync::Arc;

/// Encodes a test picture with GStreamer, `tail` being encoder and container.
fn encode(dir: &std::path::Path, name: &str, tail: &str) -> std::path::PathBuf {
    let path = dir.join(name);
    let line = format!(
        "videotestsrc num-buffers=60 pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 ! {tail} ! filesink location={}",
        path.display()
    );
    let out = Command::new("gst-launch-1.0")
        .arg("-q")
        .args(line.split(' '))
        .output()
        .expect("gst-launch-1.0 is installed");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    path
}

fn frames(path: &std::path::Path) -> Vec<Arc<Frame>> {
    file::demux(path)
        .and_then(|frames| frames.collect())
        .expect("what was just encoded can be read")
}

#[test]
fn every_picture_of_a_group_comes_out_with_its_time() {
    let dir = tempfile::tempdir().unwrap();
    for (name, codec, tail) in [
        (
            "a.mp4",
            VideoCodec::H264,
            "x264enc key-int-max=30 bframes=2 ! mp4mux",
        ),
        (
            "b.mkv",
            VideoCodec::H265,
            "x265enc key-int-max=30 ! h265parse ! matroskamux",
        ),
    ] {
        let path = encode(dir.path(), name, tail);
        let frames = frames(&path);
        assert_eq!(frames.len(), 60, "{name}");
        let track = &frames[0].tracks.video;
        assert_eq!((track.codec, track.width, track.height), (codec, 640, 360));
        assert!(frames[0].key && frames[0].number == 0);
        assert!(frames.last().unwrap().group >= 1);
        assert!(frames.windows(2).all(|w| w[0].dts < w[1].dts));
        assert!(frames.iter().all(|f| f.dts <= f.pts));
        let mut decoder = Decoder::new(track, Options::default()).unwrap();
        let mut pictures = Vec::new();
        for frame in &frames {
            decoder.push(frame).unwrap();
            pictures.extend(decoder.drain());
        }
        decoder.flush();
        pictures.extend(decoder.drain());
        assert_eq!(pictures.len(), 60, "{name}");
        assert!(
            pictures
                .iter()
                .all(|p| (p.width, p.height) == (320, 180) && p.luma.len() == 320 * 180)
        );
        let mut times: Vec<MediaTime> = frames.iter().map(|f| f.pts).collect();
        times.sort();
        let shown: Vec<MediaTime> = pictures.iter().map(|p| p.pts).collect();
        assert_eq!(
            shown, times,
            "{name}: every picture has the time of its own frame, in order"
        );
        for p in &pictures {
            assert_eq!(p.captured, WallTime(0) + p.pts.to_duration());
            let (min, max) = (p.luma.iter().min().unwrap(), p.luma.iter().max().unwrap());
            assert!(
                *max > 200 && *min < 40,
                "the ball is white on black: {min} {max}"
            );
        }
        assert_ne!(pictures[0].luma, pictures[20].luma, "the ball moves");
    }
}

#[test]
fn key_frames_alone_come_out_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = encode(
        dir.path(),
        "a.mp4",
        "x264enc key-int-max=10 bframes=3 ! mp4mux",
    );
    let frames = frames(&path);
    let track = &frames[0].tracks.video;
    let mut decoder = Decoder::new(
        track,
        Options {
            max_width: 160,
            format: Format::Luma,
        },
    )
    .unwrap();
    let mut keys = 0;
    for frame in frames.iter().filter(|f| f.key) {
        decoder.push(frame).unwrap();
        decoder.flush();
        let pictures = decoder.drain();
        assert_eq!(pictures.len(), 1);
        assert_eq!(pictures[0].pts, frame.pts);
        assert_eq!((pictures[0].width, pictures[0].height), (160, 90));
        keys += 1;
    }
    assert!(keys >= 6, "{keys}");
}

#[test]
fn a_still_is_in_colour() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bars.mp4");
    let line = format!(
        "videotestsrc num-buffers=3 pattern=red ! video/x-raw,width=1280,height=720 ! x264enc ! mp4mux ! filesink location={}",
        path.display()
    );
    assert!(
        Command::new("gst-launch-1.0")
            .arg("-q")
            .args(line.split(' '))
            .status()
            .unwrap()
            .success()
    );
    let frames = frames(&path);
    let picture = still(&frames[0].tracks.video, &frames[0].data, 640).unwrap();
    assert_eq!((picture.width, picture.height), (640, 360));
    let rgb = picture.rgb.unwrap();
    let middle = &rgb[(180 * 640 + 320) * 3..][..3];
    assert!(
        middle[0] > 220 && middle[1] < 40 && middle[2] < 40,
        "{middle:?}"
    );
}

#[test]
fn broken_frames_hurt_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = encode(dir.path(), "a.mp4", "x264enc key-int-max=10 ! mp4mux");
    let frames = frames(&path);
    let track = &frames[0].tracks.video;
    let mut decoder = Decoder::new(track, Options::default()).unwrap();
    let mut seed = 7u32;
    let mut pictures = 0;
    for round in 0..4 {
        for frame in &frames {
            let mut data = frame.data.to_vec();
            if round < 3 {
                for _ in 0..8 {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let at = seed as usize % data.len();
                    data[at] ^= (seed >> 24) as u8;
                }
                data.truncate(data.len() - (seed as usize >> 8) % (data.len() / 2 + 1));
            }
            if decoder
                .push_unit(data.into(), frame.pts, frame.captured, frame.key)
                .is_err()
            {
                decoder = Decoder::new(track, Options::default()).unwrap();
            }
            pictures += decoder.drain().len();
        }
    }
    assert!(pictures >= 55, "sound frames decode again: {pictures}");
}

#[test]
fn a_decoder_that_gives_nothing_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = encode(dir.path(), "a.mp4", "x264enc key-int-max=10 ! mp4mux");
    let frames = frames(&path);
    let mut decoder = Decoder::new(&frames[0].tracks.video, Options::default()).unwrap();
    let junk = Bytes::from_static(&[0, 0, 0, 4, 0x65, 0xff, 0xff, 0xff]);
    let errors: Vec<DecodeError> = (0..i64::from(Decoder::MAX_SILENT) + 1)
        .filter_map(|n| {
            decoder
                .push_unit(junk.clone(), MediaTime(n * 3600), WallTime(0), true)
                .err()
        })
        .collect();
    assert!(!errors.is_empty(), "{errors:?}");
}

#[test]
fn what_is_no_video_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = file::demux(dir.path().join("none.mp4"))
        .unwrap_err()
        .to_string();
    assert!(
        missing.contains("none.mp4") && missing.contains("No such file"),
        "{missing}"
    );
    let text = dir.path().join("text.mp4");
    std::fs::write(&text, "this is no video").unwrap();
    let got: Vec<_> = file::demux(&text).unwrap().collect();
    assert!(
        matches!(&got[..], [Err(e)] if e.to_string().contains("text.mp4")),
        "{got:?}"
    );
}

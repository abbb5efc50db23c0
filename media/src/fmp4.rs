//! Fragmented MP4 (ISO/IEC 14496-12): the boxes of initialisation segments and fragments, written by hand because a
//! fragment's head is on the path of every frame.

use crate::{
    frame::Frame,
    time::MediaTime,
    track::{AudioCodec, AudioTrack, TrackKind, Tracks, VideoCodec, VideoTrack},
};

/// Appends a box: its size is filled in after `body` has written its content.
///
/// Content is bounded by what the caller holds in memory, far below the 4 GiB a 32-bit size can say.
pub fn boxed(out: &mut Vec<u8>, kind: &[u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    body(out);
    let size = (out.len() - at) as u32;
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

/// Appends a full box: version and flags, then `body`.
pub fn full_box(
    out: &mut Vec<u8>,
    kind: &[u8; 4],
    version: u8,
    flags: u32,
    body: impl FnOnce(&mut Vec<u8>),
) {
    boxed(out, kind, |out| {
        put32(out, u32::from(version) << 24 | flags & 0x00ff_ffff);
        body(out);
    });
}

/// Appends 16 bits, big-endian.
pub fn put16(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_be_bytes());
}
/// Appends 32 bits, big-endian.
pub fn put32(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_be_bytes());
}
/// Appends 64 bits, big-endian.
pub fn put64(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_be_bytes());
}

/// `ftyp` and `moov` of a fragmented file: all tracks, or `only` one. `extra` is appended to `moov` as it is (whole boxes).
/// No duration is written: players then treat it as live (and MSE keeps its delay low).
pub fn init_segment(tracks: &Tracks, only: Option<TrackKind>, extra: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024 + extra.len());
    file_type(&mut out);
    let wants = |kind| only.is_none_or(|o| o == kind);
    boxed(&mut out, b"moov", |out| {
        movie_header(out, 0);
        if wants(TrackKind::Video) {
            track(out, TrackRef::Video(&tracks.video), 0, empty_sample_table);
        }
        if let (true, Some(audio)) = (wants(TrackKind::Audio), &tracks.audio) {
            track(out, TrackRef::Audio(audio), 0, empty_sample_table);
        }
        boxed(out, b"mvex", |out| {
            if wants(TrackKind::Video) {
                track_extends(out, TrackKind::Video);
            }
            if wants(TrackKind::Audio) && tracks.audio.is_some() {
                track_extends(out, TrackKind::Audio);
            }
        });
        out.extend_from_slice(extra);
    });
    out
}

/// `ftyp`: brands that ffmpeg, browsers and VLC take for fragmented files.
pub fn file_type(out: &mut Vec<u8>) {
    boxed(out, b"ftyp", |out| {
        out.extend_from_slice(b"iso6");
        put32(out, 0);
        out.extend_from_slice(b"iso6isommp41");
    });
}

/// `mvhd` with timescale 90 000; `duration` in that unit, 0 for unknown.
pub fn movie_header(out: &mut Vec<u8>, duration: u64) {
    full_box(out, b"mvhd", 1, 0, |out| {
        put64(out, 0);
        put64(out, 0);
        put32(out, MediaTime::SCALE);
        put64(out, duration);
        put32(out, 0x0001_0000);
        put16(out, 0x0100);
        out.extend_from_slice(&[0; 10]);
        matrix(out);
        out.extend_from_slice(&[0; 24]);
        put32(out, 3);
    });
}

/// One of a feed's tracks.
#[derive(Clone, Copy, Debug)]
pub enum TrackRef<'a> {
    /// Video.
    Video(&'a VideoTrack),
    /// Audio.
    Audio(&'a AudioTrack),
}

/// `trak`; `sample_table` writes what follows `stsd` inside `stbl`.
pub fn track(
    out: &mut Vec<u8>,
    track: TrackRef<'_>,
    duration: u64,
    sample_table: impl FnOnce(&mut Vec<u8>),
) {
    track_with(out, track, duration, &[], sample_table);
}

/// `trak` with boxes (such as `edts`) between `tkhd` and `mdia`.
pub fn track_with(
    out: &mut Vec<u8>,
    track: TrackRef<'_>,
    duration: u64,
    after_header: &[u8],
    sample_table: impl FnOnce(&mut Vec<u8>),
) {
    let (id, width, height, volume) = match track {
        TrackRef::Video(v) => (1, v.width, v.height, 0),
        TrackRef::Audio(_) => (2, 0, 0, 0x0100),
    };
    boxed(out, b"trak", |out| {
        full_box(out, b"tkhd", 1, 3, |out| {
            put64(out, 0);
            put64(out, 0);
            put32(out, id);
            put32(out, 0);
            put64(out, duration);
            out.extend_from_slice(&[0; 8]);
            put16(out, 0);
            put16(out, 0);
            put16(out, volume);
            put16(out, 0);
            matrix(out);
            put32(out, u32::from(width) << 16);
            put32(out, u32::from(height) << 16);
        });
        out.extend_from_slice(after_header);
        boxed(out, b"mdia", |out| {
            full_box(out, b"mdhd", 1, 0, |out| {
                put64(out, 0);
                put64(out, 0);
                put32(out, MediaTime::SCALE);
                put64(out, duration);
                put16(out, 0x55c4); // 'und'
                put16(out, 0);
            });
            full_box(out, b"hdlr", 0, 0, |out| {
                put32(out, 0);
                out.extend_from_slice(if matches!(track, TrackRef::Video(_)) {
                    b"vide"
                } else {
                    b"soun"
                });
                out.extend_from_slice(&[0; 12]);
                out.extend_from_slice(b"Sightline\0");
            });
            boxed(out, b"minf", |out| {
                match track {
                    TrackRef::Video(_) => {
                        full_box(out, b"vmhd", 0, 1, |out| out.extend_from_slice(&[0; 8]))
                    }
                    TrackRef::Audio(_) => full_box(out, b"smhd", 0, 0, |out| put32(out, 0)),
                }
                boxed(out, b"dinf", |out| {
                    full_box(out, b"dref", 0, 0, |out| {
                        put32(out, 1);
                        full_box(out, b"url ", 0, 1, |_| {});
                    });
                });
                boxed(out, b"stbl", |out| {
                    full_box(out, b"stsd", 0, 0, |out| {
                        put32(out, 1);
                        match track {
                            TrackRef::Video(v) => video_entry(out, v),
                            TrackRef::Audio(a) => audio_entry(out, a),
                        }
                    });
                    sample_table(out);
                });
            });
        });
    });
}

fn empty_sample_table(out: &mut Vec<u8>) {
    full_box(out, b"stts", 0, 0, |out| put32(out, 0));
    full_box(out, b"stsc", 0, 0, |out| put32(out, 0));
    full_box(out, b"stsz", 0, 0, |out| put64(out, 0));
    full_box(out, b"stco", 0, 0, |out| put32(out, 0));
}

fn track_extends(out: &mut Vec<u8>, kind: TrackKind) {
    full_box(out, b"trex", 0, 0, |out| {
        put32(out, kind.mp4_id());
        put32(out, 1);
        out.extend_from_slice(&[0; 12]);
    });
}

fn matrix(out: &mut Vec<u8>) {
    for n in [0x0001_0000, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        put32(out, n);
    }
}

fn video_entry(out: &mut Vec<u8>, v: &VideoTrack) {
    let (entry, config) = match v.codec {
        VideoCodec::H264 => (b"avc1", b"avcC"),
        VideoCodec::H265 => (b"hvc1", b"hvcC"),
    };
    boxed(out, entry, |out| {
        out.extend_from_slice(&[0; 6]);
        put16(out, 1);
        out.extend_from_slice(&[0; 16]);
        put16(out, v.width);
        put16(out, v.height);
        put32(out, 0x0048_0000);
        put32(out, 0x0048_0000);
        put32(out, 0);
        put16(out, 1);
        out.extend_from_slice(&[0; 32]);
        put16(out, 24);
        put16(out, 0xffff);
        boxed(out, config, |out| out.extend_from_slice(&v.config));
    });
}

fn audio_entry(out: &mut Vec<u8>, a: &AudioTrack) {
    let entry = match a.codec {
        AudioCodec::Aac => b"mp4a",
        AudioCodec::PcmA => b"alaw",
        AudioCodec::PcmU => b"ulaw",
    };
    boxed(out, entry, |out| {
        out.extend_from_slice(&[0; 6]);
        put16(out, 1);
        out.extend_from_slice(&[0; 8]);
        put16(out, u16::from(a.channels));
        put16(out, 16);
        put32(out, 0);
        put32(out, a.rate.min(0xffff) << 16);
        if a.codec == AudioCodec::Aac {
            elementary_stream(out, &a.config);
        }
    });
}

/// `esds` (ISO/IEC 14496-1, 7.2.6): AudioSpecificConfig is a few bytes, so every length fits in one.
fn elementary_stream(out: &mut Vec<u8>, config: &[u8]) {
    let config = &config[..config.len().min(64)];
    let n = config.len() as u8;
    full_box(out, b"esds", 0, 0, |out| {
        out.extend_from_slice(&[0x03, 23 + n, 0, 2, 0]);
        out.extend_from_slice(&[0x04, 15 + n, 0x40, 0x15, 0, 0, 0]);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&[0x05, n]);
        out.extend_from_slice(config);
        out.extend_from_slice(&[0x06, 1, 2]);
    });
}

/// One sample of a run.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// To the next sample.
    pub duration: MediaTime,
    /// Bytes.
    pub size: u32,
    /// Random access point (every audio sample is one).
    pub sync: bool,
    /// `pts - dts`.
    pub composition: MediaTime,
}

/// A run of samples of one track, contiguous in the `mdat`.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// Whose.
    pub track: TrackKind,
    /// Decode time of the first.
    pub base: MediaTime,
    /// The samples.
    pub samples: &'a [Sample],
}

/// Appends `moof` for the runs (their data in this order in the one `mdat` that follows) and that `mdat`'s header.
/// The caller appends or sends the data.
///
/// The data must be under 4 GiB, which callers' byte limits see to.
pub fn fragment_head(out: &mut Vec<u8>, sequence: u32, runs: &[Run<'_>]) {
    let start = out.len();
    let mut offsets = Vec::with_capacity(runs.len());
    boxed(out, b"moof", |out| {
        full_box(out, b"mfhd", 0, 0, |out| put32(out, sequence));
        for run in runs {
            boxed(out, b"traf", |out| {
                // default-base-is-moof
                full_box(out, b"tfhd", 0, 0x02_0000, |out| {
                    put32(out, run.track.mp4_id())
                });
                full_box(out, b"tfdt", 1, 0, |out| {
                    put64(out, run.base.0.max(0) as u64)
                });
                // data offset, duration, size, flags and composition offset (signed: version 1) a sample
                full_box(out, b"trun", 1, 0x0f01, |out| {
                    put32(out, run.samples.len() as u32);
                    offsets.push(out.len());
                    put32(out, 0);
                    for s in run.samples {
                        put32(out, s.duration.0.clamp(0, i64::from(u32::MAX)) as u32);
                        put32(out, s.size);
                        put32(out, if s.sync { 0x0200_0000 } else { 0x0101_0000 });
                        put32(
                            out,
                            s.composition
                                .0
                                .clamp(i64::from(i32::MIN), i64::from(i32::MAX))
                                as i32 as u32,
                        );
                    }
                });
            });
        }
    });
    let mut data_at = (out.len() - start + 8) as u32;
    let mut total = 8u32;
    for (run, at) in runs.iter().zip(offsets) {
        out[at..at + 4].copy_from_slice(&data_at.to_be_bytes());
        let len = run
            .samples
            .iter()
            .fold(0u32, |n, s| n.saturating_add(s.size));
        data_at = data_at.saturating_add(len);
        total = total.saturating_add(len);
    }
    put32(out, total);
    out.extend_from_slice(b"mdat");
}

/// `moof` and `mdat` header of a fragment that holds one frame; the frame's payload follows.
pub fn frame_fragment(frame: &Frame, out: &mut Vec<u8>) {
    let sample = [Sample {
        duration: frame.duration,
        size: frame.data.len() as u32,
        sync: frame.key || frame.track == TrackKind::Audio,
        composition: frame.pts - frame.dts,
    }];
    let run = Run {
        track: frame.track,
        base: frame.dts,
        samples: &sample,
    };
    // Sequence numbers need only rise; media time in milliseconds does.
    fragment_head(out, (frame.dts.0 / 90) as u32, &[run]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::tests::{frame, tracks};

    /// Walks boxes and returns their kinds and sizes, failing on any that does not add up.
    fn walk(mut bytes: &[u8]) -> Vec<(String, usize)> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let size = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            out.push((String::from_utf8(bytes[4..8].to_vec()).unwrap(), size));
            bytes = &bytes[size..];
        }
        out
    }

    #[test]
    fn a_frame_becomes_one_fragment_whose_offset_points_at_the_payload() {
        let f = frame(&tracks(), 3, 10, 777);
        let mut bytes = Vec::new();
        frame_fragment(&f, &mut bytes);
        let head = bytes.len();
        bytes.extend_from_slice(&f.data);
        let boxes = walk(&bytes);
        assert_eq!(boxes[0].0, "moof");
        assert_eq!(boxes[1], ("mdat".into(), 777 + 8));
        let trun = bytes.windows(4).position(|w| w == b"trun").unwrap();
        let offset = u32::from_be_bytes(bytes[trun + 12..trun + 16].try_into().unwrap());
        assert_eq!(offset as usize, head);
    }

    #[test]
    fn an_initialisation_segment_adds_up() {
        let boxes = walk(&init_segment(&tracks(), None, &[]));
        assert_eq!(
            boxes.iter().map(|b| b.0.as_str()).collect::<Vec<_>>(),
            ["ftyp", "moov"]
        );
    }
}

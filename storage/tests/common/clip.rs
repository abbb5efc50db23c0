//! Clips: encoded by ffmpeg, taken apart with ffprobe.

use std::{
    fs,
    path::Path,
    process::Command,
    sync::{Arc, LazyLock, Mutex},
};

use bytes::Bytes;
use media::{AudioCodec, AudioTrack, TrackKind, Tracks, VideoCodec, VideoTrack};

use super::run;

/// What to encode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    pub codec: VideoCodec,
    pub size: (u16, u16),
    pub fps: u32,
    pub gop: u32,
    pub b_frames: u32,
    pub seconds: u32,
    pub audio: Option<AudioCodec>,
}

pub const H264: Spec = Spec {
    codec: VideoCodec::H264,
    size: (320, 180),
    fps: 25,
    gop: 25,
    b_frames: 0,
    seconds: 4,
    audio: None,
};

/// A clip as access units.
#[derive(Clone)]
pub struct Clip {
    pub tracks: Arc<Tracks>,
    pub packets: Vec<Packet>,
    /// Until it repeats, in 90 kHz.
    pub length: i64,
}

#[derive(Clone, Debug)]
pub struct Packet {
    pub track: TrackKind,
    pub dts: i64,
    pub pts: i64,
    pub duration: i64,
    pub key: bool,
    pub data: Bytes,
}

/// H.264, small: for tests that look at much of it.
pub const SMALL: Spec = Spec {
    size: (160, 90),
    ..H264
};

/// A clip of each kind is encoded once a process.
pub fn clip(spec: Spec) -> Arc<Clip> {
    type Made = Vec<(Spec, Arc<Clip>)>;
    static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    if let Some((_, clip)) = made.iter().find(|(s, _)| *s == spec) {
        return Arc::clone(clip);
    }
    let dir = tempfile::tempdir().unwrap();
    let clip = Arc::new(Clip::encode(&dir.path().join("clip.mp4"), spec));
    made.push((spec, Arc::clone(&clip)));
    clip
}

impl Clip {
    /// Encodes into `file`, and takes that apart.
    pub fn encode(file: &Path, spec: Spec) -> Self {
        let (w, h) = spec.size;
        let source = format!("testsrc2=s={w}x{h}:r={}:d={}", spec.fps, spec.seconds);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", &source]);
        if spec.audio == Some(AudioCodec::Aac) {
            let tone = format!("sine=f=440:r=48000:d={}", spec.seconds);
            ffmpeg.args(["-f", "lavfi", "-i", &tone, "-c:a", "aac", "-b:a", "64k"]);
        }
        let gop = spec.gop.to_string();
        let common = format!(
            "keyint={gop}:min-keyint={gop}:scenecut=0:bframes={}:open-gop=0",
            spec.b_frames
        );
        match spec.codec {
            VideoCodec::H264 => ffmpeg.args([
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-x264-params",
                &common,
            ]),
            VideoCodec::H265 => ffmpeg.args([
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-tag:v",
                "hvc1",
                "-x265-params",
                &format!("{common}:log-level=none"),
            ]),
        };
        ffmpeg
            .args(["-pix_fmt", "yuv420p", "-video_track_timescale", "90000"])
            .arg(file);
        run(&mut ffmpeg);
        Self::take_apart(file, spec)
    }

    pub fn take_apart(file: &Path, spec: Spec) -> Self {
        let bytes = Bytes::from(fs::read(file).unwrap());
        let listed = run(Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-show_entries",
                "packet=stream_index,pts,dts,duration,size,pos,flags",
                "-of",
                "csv=p=0",
            ])
            .arg(file));
        let mut packets = Vec::new();
        for line in listed.lines().filter(|l| !l.is_empty()) {
            let f: Vec<&str> = line.trim_end_matches(',').split(',').collect();
            let n = |i: usize| {
                f[i].parse::<i64>()
                    .unwrap_or_else(|e| panic!("{line}: {e}"))
            };
            let audio = n(0) == 1;
            let scale = |t: i64| if audio { t * 90_000 / 48_000 } else { t };
            let (size, pos) = (n(4) as usize, n(5) as usize);
            packets.push(Packet {
                track: if audio {
                    TrackKind::Audio
                } else {
                    TrackKind::Video
                },
                pts: scale(n(1)),
                dts: scale(n(2)),
                duration: scale(n(3)),
                key: !audio && f[6].starts_with('K'),
                data: bytes.slice(pos..pos + size),
            });
        }
        let first = packets.iter().map(|p| p.dts).min().unwrap();
        for p in &mut packets {
            p.dts -= first;
            p.pts -= first;
        }
        if let Some(AudioCodec::PcmA | AudioCodec::PcmU) = spec.audio {
            for n in 0..i64::from(spec.seconds) * 50 {
                let tone = (0..160)
                    .map(|i| if (i / 20) % 2 == 0 { 0xd5 } else { 0x55 })
                    .collect::<Vec<u8>>();
                packets.push(Packet {
                    track: TrackKind::Audio,
                    pts: n * 1800,
                    dts: n * 1800,
                    duration: 1800,
                    key: false,
                    data: tone.into(),
                });
            }
        }
        // As they would arrive: each when it is complete, pictures before sound.
        packets.sort_by_key(|p| (p.dts, p.track));
        let config = |kind: &[u8; 4]| {
            let at = bytes.windows(4).position(|w| w == kind).unwrap();
            let len = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap()) as usize;
            bytes.slice(at + 4..at - 4 + len)
        };
        let video = VideoTrack {
            codec: spec.codec,
            codec_string: match spec.codec {
                VideoCodec::H264 => "avc1.42c00d".into(),
                VideoCodec::H265 => "hvc1.1.6.L60.90".into(),
            },
            config: match spec.codec {
                VideoCodec::H264 => config(b"avcC"),
                VideoCodec::H265 => config(b"hvcC"),
            },
            width: spec.size.0,
            height: spec.size.1,
        };
        let audio = spec.audio.map(|codec| match codec {
            AudioCodec::Aac => {
                let esds = config(b"esds");
                let at = esds
                    .windows(5)
                    .position(|w| w[..4] == [5, 0x80, 0x80, 0x80])
                    .unwrap();
                let len = usize::from(esds[at + 4]);
                AudioTrack {
                    codec,
                    codec_string: "mp4a.40.2".into(),
                    config: esds.slice(at + 5..at + 5 + len),
                    rate: 48_000,
                    channels: 1,
                }
            }
            codec => AudioTrack {
                codec,
                codec_string: if codec == AudioCodec::PcmA {
                    "alaw"
                } else {
                    "ulaw"
                }
                .into(),
                config: Bytes::new(),
                rate: 8000,
                channels: 1,
            },
        });
        Self {
            tracks: Arc::new(Tracks { video, audio }),
            packets,
            length: i64::from(spec.seconds) * 90_000,
        }
    }

    pub fn pictures(&self) -> usize {
        self.packets
            .iter()
            .filter(|p| p.track == TrackKind::Video)
            .count()
    }
}

//! Clips on disk: encoded once, read at once on every later start.
//!
//! A file is a line of text (magic, version, checksum of the rest), a line of JSON (tracks, times
//! and lengths), and the bytes of all units. It is written beside its name and renamed, so a
//! reader sees a whole file or none. Whatever does not check is made anew, never trusted.

use std::{fs, io::Write, path::Path};

use bytes::Bytes;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::{Audio, AudioCodec, Clip, ClipError, Frame, Video, VideoCodec};

/// Goes up when the layout, or anything in drawing or encoding that should be redone, changes.
const MAGIC: &str = "sightline-camsim-clip 1";
/// More than any clip here: a longer file is not ours.
const FILE_MAX: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Head {
    codec: VideoCodec,
    width: u32,
    height: u32,
    declared_fps: f64,
    duration_90k: u64,
    /// Sending time, showing time, key, lengths of the units.
    frames: Vec<(u64, u64, bool, Vec<u32>)>,
    audio: Option<AudioHead>,
}

#[derive(Serialize, Deserialize)]
struct AudioHead {
    codec: AudioCodec,
    rate: u32,
    channels: u8,
    samples_per_frame: u32,
    frames: Vec<u32>,
}

/// Reads a clip; `Ok(None)` where there is no file.
pub(crate) fn load(path: &Path) -> Result<Option<Clip>, ClipError> {
    let io = |source| ClipError::Io {
        path: path.display().to_string(),
        source,
    };
    match fs::metadata(path) {
        Ok(meta) if meta.len() > FILE_MAX => {
            return Err(malformed(path, "it is too long for a clip"));
        }
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io(e)),
    }
    parse(fs::read(path).map_err(io)?.into())
        .map(Some)
        .map_err(|why| malformed(path, why))
}

/// Writes a clip, whole or not at all.
pub(crate) fn store(path: &Path, clip: &Clip) -> Result<(), ClipError> {
    let io = |source| ClipError::Io {
        path: path.display().to_string(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io)?;
    }
    let draft = path.with_extension(format!(
        "{}-{:08x}.draft",
        std::process::id(),
        rand::random::<u32>()
    ));
    let written = fs::File::create(&draft).and_then(|mut f| f.write_all(&format(clip)));
    written
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|e| {
            let _ = fs::remove_file(&draft);
            io(e)
        })
}

fn malformed(path: &Path, why: impl Into<String>) -> ClipError {
    ClipError::Malformed {
        what: path.display().to_string(),
        why: why.into(),
    }
}

fn format(clip: &Clip) -> Vec<u8> {
    let video = clip.video();
    let head = Head {
        codec: video.codec,
        width: video.width,
        height: video.height,
        declared_fps: video.declared_fps,
        duration_90k: video.duration_90k,
        frames: video
            .frames
            .iter()
            .map(|f| {
                (
                    f.dts_90k,
                    f.pts_90k,
                    f.key,
                    f.nals.iter().map(|n| n.len() as u32).collect(),
                )
            })
            .collect(),
        audio: clip.audio().map(|a| AudioHead {
            codec: a.codec.clone(),
            rate: a.rate,
            channels: a.channels,
            samples_per_frame: a.samples_per_frame,
            frames: a.frames.iter().map(|f| f.len() as u32).collect(),
        }),
    };
    let mut body = serde_json::to_vec(&head).expect("numbers and strings are JSON");
    body.push(b'\n');
    let sound = clip.audio().into_iter().flat_map(|a| &a.frames);
    for unit in video.frames.iter().flat_map(|f| &f.nals).chain(sound) {
        body.extend_from_slice(unit);
    }
    let mut out = format!("{MAGIC} {}\n", checksum(&body)).into_bytes();
    out.extend_from_slice(&body);
    out
}

fn parse(file: Bytes) -> Result<Clip, String> {
    let first = file
        .iter()
        .position(|&b| b == b'\n')
        .ok_or("it has no first line")?;
    let line = std::str::from_utf8(&file[..first]).map_err(|_| "its first line is not text")?;
    let sum = line
        .strip_prefix(MAGIC)
        .ok_or("it is of another version")?
        .trim();
    let body = file.slice(first + 1..);
    if checksum(&body) != sum {
        return Err("its checksum is wrong".into());
    }
    let end = body
        .iter()
        .position(|&b| b == b'\n')
        .ok_or("it has no head")?;
    let head: Head = serde_json::from_slice(&body[..end]).map_err(|e| e.to_string())?;
    let mut rest = body.slice(end + 1..);
    let mut take = |length: u32| {
        let length = length as usize;
        if length > rest.len() {
            Err("it is cut short".to_owned())
        } else {
            Ok(rest.split_to(length))
        }
    };
    let mut frames = Vec::new();
    for (dts_90k, pts_90k, key, lengths) in head.frames {
        let nals = lengths
            .into_iter()
            .map(&mut take)
            .collect::<Result<_, _>>()?;
        frames.push(Frame {
            dts_90k,
            pts_90k,
            key,
            nals,
        });
    }
    let audio = match head.audio {
        None => None,
        Some(a) => Some(Audio {
            codec: a.codec,
            rate: a.rate,
            channels: a.channels,
            samples_per_frame: a.samples_per_frame,
            frames: a
                .frames
                .into_iter()
                .map(&mut take)
                .collect::<Result<_, _>>()?,
        }),
    };
    let video = Video {
        codec: head.codec,
        width: head.width,
        height: head.height,
        declared_fps: head.declared_fps,
        duration_90k: head.duration_90k,
        frames,
    };
    Clip::new(video, audio).map_err(|e| e.to_string())
}

fn checksum(bytes: &[u8]) -> String {
    Md5::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip() -> Clip {
        let frame = |dts_90k, key| Frame {
            dts_90k,
            pts_90k: dts_90k,
            key,
            nals: vec![Bytes::from_static(&[0x65, 1, 10])],
        };
        let video = Video {
            codec: VideoCodec::H264,
            width: 16,
            height: 16,
            declared_fps: 12.5,
            duration_90k: 14_400,
            frames: vec![frame(0, true), frame(7_200, false)],
        };
        let audio = Audio {
            codec: AudioCodec::Aac(vec![0x14, 8]),
            rate: 16_000,
            channels: 1,
            samples_per_frame: 1_024,
            frames: vec![Bytes::from_static(b"\n\n")],
        };
        Clip::new(video, Some(audio)).unwrap()
    }

    #[test]
    fn comes_back_whole_and_no_damage_passes() {
        let file = format(&clip());
        let back = parse(file.clone().into()).unwrap();
        assert_eq!(format(&back), file);
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 0x40;
            assert!(parse(bad.into()).is_err(), "byte {at}");
            assert!(parse(file[..at].to_vec().into()).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_file_is_there_or_not() {
        let folder = std::env::temp_dir().join(format!("camsim-cache-{:x}", rand::random::<u64>()));
        let path = folder.join("a.clip");
        assert!(load(&path).unwrap().is_none());
        store(&path, &clip()).unwrap();
        assert!(load(&path).unwrap().is_some());
        fs::write(&path, "something else").unwrap();
        assert!(load(&path).unwrap_err().to_string().contains("a.clip"));
        assert_eq!(
            fs::read_dir(&folder).unwrap().count(),
            1,
            "no draft is left"
        );
        fs::remove_dir_all(folder).unwrap();
    }
}

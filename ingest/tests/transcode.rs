//! Feeds for viewers who cannot decode what a camera sends: real cameras, real encoders, and ffmpeg as the judge.
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod harness;

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc};

use camsim::{
    CameraConfig, Profile as CamProfile,
    clip::VideoCodec as CamCodec,
    counter,
    scene::{QuickClip, Sound},
};
use harness::{Bench, Pull, clip, config, feed_id, registered, until};
use ingest::{
    Transcodes,
    decode::{Decoder, Options},
    transcode::{Config, Kind},
};
use media::{
    AudioCodec, Frame, Lease, MediaTime, Priority, ReasonCode, SourceState, TrackKind, VideoCodec,
};

fn old(codec: CamCodec, sound: Sound) -> QuickClip {
    QuickClip {
        codec,
        sound,
        gop: 25,
        ..QuickClip::default()
    }
}

struct Rig {
    bench: Bench,
    transcodes: Transcodes,
}

impl Rig {
    async fn new(want: QuickClip, settings: Config) -> Self {
        let bench = Bench::new(CameraConfig::new("a", clip(want))).await;
        let transcodes = Transcodes::start(settings, &bench.ingest);
        transcodes.ready().await;
        Self { bench, transcodes }
    }

    fn pull(&self) -> Lease {
        let pulled = self.bench.ingest.pull(feed_id(1), Priority::Viewer);
        pulled.expect("a lease is given")
    }

    fn open(&self, kind: Kind) -> Lease {
        let opened = self.transcodes.open(self.pull(), kind);
        opened.expect("there is room")
    }
}

/// Patient, since the machine may be slow; short of grace, since nobody comes back.
fn settings() -> Config {
    Config {
        grace: std::time::Duration::from_millis(200),
        stall: harness::DEADLINE,
        ..Config::default()
    }
}

/// One track as viewers get it: initialisation, then fragments.
fn file(dir: &Path, name: &str, frames: &[Arc<Frame>]) -> std::path::PathBuf {
    let path = dir.join(name);
    let payload = |framed: &media::wire::Framed| {
        let mut all = framed.head().to_vec();
        all.extend_from_slice(framed.payload());
        media::wire::Header::read(&all)
            .expect("a media message")
            .1
            .to_vec()
    };
    let mut bytes = payload(&frames[0].initialisation(false));
    for frame in frames {
        bytes.extend(payload(frame.fragment()));
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

fn run(program: &str, args: &[&str], file: &Path, more: &[&str]) -> Vec<u8> {
    let out = Command::new(program)
        .args(args)
        .arg(file)
        .args(more)
        .output()
        .expect("ffmpeg is installed");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.is_empty(), "{program}: {said}");
    out.stdout
}

fn codec_of(file: &Path) -> String {
    let args = [
        "-v",
        "error",
        "-show_entries",
        "stream=codec_name,profile",
        "-of",
        "csv=p=0",
    ];
    String::from_utf8(run("ffprobe", &args, file, &[]))
        .unwrap()
        .trim()
        .to_owned()
}

/// The number in each picture, by its time.
fn counted(frames: &[Arc<Frame>]) -> BTreeMap<MediaTime, Option<u32>> {
    let options = Options {
        max_width: 4096,
        ..Options::default()
    };
    let mut decoder = Decoder::new(&frames[0].tracks.video, options).unwrap();
    let mut pictures = Vec::new();
    for frame in frames {
        decoder.push(frame).unwrap();
        pictures.extend(decoder.drain());
    }
    decoder.flush();
    pictures.extend(decoder.drain());
    let number = |p: &ingest::decode::Picture| {
        let width = p.width as usize;
        counter::read(&p.luma, width, p.height as usize, width)
    };
    pictures.iter().map(|p| (p.pts, number(p))).collect()
}

fn of(kind: TrackKind, frames: &[Arc<Frame>]) -> Vec<Arc<Frame>> {
    frames.iter().filter(|f| f.track == kind).cloned().collect()
}

/// Everything up to a moment of the feed's time, of both tracks.
async fn all_until(pull: &mut Pull, end: MediaTime) -> Vec<Arc<Frame>> {
    let mut all = Vec::new();
    let mut over = [false; 2];
    while over != [true; 2] {
        let frame = pull.next().await;
        over[frame.track as usize] |= frame.pts > end;
        all.push(frame);
    }
    all
}

#[tokio::test]
async fn h265_and_g711_come_as_h264_and_aac_in_step_with_the_original() {
    let rig = Rig::new(old(CamCodec::H265, Sound::Pcma), settings()).await;
    let sound = rig.open(Kind::Sound);
    assert!(!sound.transcoded, "the pictures are the camera's");
    let both = rig.transcodes.open(sound, Kind::Video).unwrap();
    assert!(both.transcoded);
    let mut original = Pull::on(rig.pull());
    let mut derived = Pull::on(both);
    let first = derived.video().await;
    let end = first.pts + MediaTime(4 * 90_000);
    let (before, after) = tokio::join!(all_until(&mut original, end), all_until(&mut derived, end));
    assert_eq!(first.tracks.video.codec, VideoCodec::H264);
    let audio = first.tracks.audio.clone().unwrap();
    assert_eq!((audio.codec, audio.rate), (AudioCodec::Aac, 16_000));

    // The same picture at the same time.
    let (seen, shown) = (of(TrackKind::Video, &before), of(TrackKind::Video, &after));
    let shown: Vec<_> = shown.into_iter().skip_while(|f| !f.key).collect();
    let (was, is) = (counted(&seen), counted(&shown));
    let mut alike = 0;
    for (at, number) in &is {
        if let Some(camera) = was.get(at) {
            assert_eq!(number, camera, "at {at:?}");
            alike += usize::from(number.is_some());
        }
    }
    assert!(
        alike >= 50,
        "{alike} of {} pictures ({} frames, {} before) can be compared",
        is.len(),
        shown.len(),
        was.len()
    );
    for frame in &shown {
        let original = seen.iter().find(|f| f.pts == frame.pts);
        if let Some(original) = original {
            assert_eq!(frame.captured, original.captured);
        }
    }

    let dir = tempfile::tempdir().unwrap();
    let video = file(dir.path(), "v.mp4", &shown);
    assert_eq!(codec_of(&video), "h264,Constrained Baseline");
    run(
        "ffmpeg",
        &["-v", "error", "-xerror", "-i"],
        &video,
        &["-f", "null", "-"],
    );
    let heard = of(TrackKind::Audio, &after);
    let sound = file(dir.path(), "a.mp4", &heard);
    assert_eq!(codec_of(&sound), "aac,LC");
    let pcm = run(
        "ffmpeg",
        &["-v", "error", "-xerror", "-i"],
        &sound,
        &["-f", "s16le", "-ac", "1", "-ar", "8000", "-"],
    );
    let pcm: Vec<f64> = pcm
        .chunks_exact(2)
        .map(|b| f64::from(i16::from_le_bytes([b[0], b[1]])))
        .collect();
    let off = lag_ms(&of(TrackKind::Audio, &before), &pcm, heard[0].pts);
    println!("sound is off by {off} ms");
    assert!(off.abs() <= 10.0, "sound is off by {off} ms");
}

/// By how many milliseconds `pcm` (8 kHz, its first sample at `start`) is late against the camera's A-law.
fn lag_ms(original: &[Arc<Frame>], pcm: &[f64], start: MediaTime) -> f64 {
    let samples: Vec<f64> = original
        .iter()
        .flat_map(|f| f.data.iter().map(|b| a_law(*b)))
        .collect();
    // The camera's sound goes on without a gap, so one time says all.
    let first = original[0].pts;
    // A second into what was decoded: the decoder has run in.
    let (skip, length) = (8000usize, 8000usize);
    let at = (start - first).as_secs_f64() * 8000.0 + skip as f64;
    let window = &pcm[skip..skip + length];
    let score = |shift: i64| -> f64 {
        let from = at.round() as i64 + shift;
        let from = usize::try_from(from).unwrap();
        samples[from..from + length]
            .iter()
            .zip(window)
            .map(|(a, b)| a * b)
            .sum()
    };
    let best = (-1600i64..=1600)
        .max_by(|a, b| score(*a).total_cmp(&score(*b)))
        .unwrap();
    // The original's sample at `at + best` is what is heard at `at`.
    -best as f64 / 8.0
}

fn a_law(code: u8) -> f64 {
    let code = code ^ 0x55;
    let (exponent, mantissa) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let size = if exponent == 0 {
        mantissa * 2 + 1
    } else {
        (mantissa * 2 + 33) << (exponent - 1)
    };
    f64::from(if code & 0x80 == 0 {
        -(size << 3)
    } else {
        size << 3
    })
}

#[tokio::test]
async fn what_needs_no_re_encoding_is_passed_on_as_the_same_bytes() {
    let rig = Rig::new(old(CamCodec::H264, Sound::Pcmu), settings()).await;
    let mut original = Pull::on(rig.pull());
    let mut derived = Pull::on(rig.open(Kind::Sound));
    let first = derived.video().await;
    let end = first.pts + MediaTime(90_000);
    let (before, after) = tokio::join!(all_until(&mut original, end), all_until(&mut derived, end));
    let mut same = 0;
    for frame in of(TrackKind::Video, &after) {
        let of = before
            .iter()
            .find(|f| f.track == frame.track && f.pts == frame.pts);
        if let Some(of) = of {
            assert_eq!(
                of.data.as_ptr(),
                frame.data.as_ptr(),
                "not a byte is copied"
            );
            assert_eq!((of.key, of.dts), (frame.key, frame.dts));
            same += 1;
        }
    }
    assert!(same >= 20, "{same}");
}

#[tokio::test]
async fn two_viewers_share_one_and_the_last_ones_leaving_ends_it() {
    let rig = Rig::new(old(CamCodec::H265, Sound::None), settings()).await;
    let (a, b) = (rig.open(Kind::Video), rig.open(Kind::Video));
    assert_eq!(a.feed.number, b.feed.number);
    let mut pull = Pull::on(a);
    pull.videos(5).await;
    let running = rig.transcodes.running();
    assert_eq!(running.len(), 1);
    assert_eq!((running[0].viewers, running[0].kind), (2, Kind::Video));
    assert_eq!(running[0].status.state, SourceState::Live);
    drop(pull);
    assert_eq!(rig.transcodes.running()[0].viewers, 1);
    drop(b);
    until("nothing runs", || {
        rig.transcodes.running().is_empty().then_some(())
    })
    .await;
    // And with it the pull.
    rig.bench.state(SourceState::Idle).await;
    assert!(rig.transcodes.totals().cpu_us > 0);
    let again = rig.open(Kind::Video);
    Pull::on(again).videos(2).await;
}

#[tokio::test]
async fn the_cap_refuses_and_names_itself_and_who_is_not_watched_gives_way() {
    let settings = Config {
        max_video: 1,
        grace: harness::DEADLINE,
        ..settings()
    };
    let rig = Rig::new(old(CamCodec::H265, Sound::None), settings).await;
    let url = rig.bench.camera.url_with_password(CamProfile::Main);
    rig.bench.ingest.upsert(registered(2, &url));
    let second = || rig.bench.ingest.pull(feed_id(2), Priority::Viewer).unwrap();
    let first = rig.open(Kind::Video);
    let refused = rig.transcodes.open(second(), Kind::Video).unwrap_err();
    assert_eq!(refused.code, ReasonCode::TranscodeLimit);
    assert!(refused.text.contains("max_video"), "{}", refused.text);
    assert_eq!(rig.transcodes.totals().refused, 1);
    drop(first);
    let mut pull = Pull::on(rig.transcodes.open(second(), Kind::Video).unwrap());
    pull.videos(2).await;
    assert_eq!(rig.transcodes.running().len(), 1);

    let off = Transcodes::start(
        Config {
            max_sound: 0,
            ..Config::default()
        },
        &rig.bench.ingest,
    );
    let refused = off.open(rig.pull(), Kind::Sound).unwrap_err();
    assert_eq!(refused.code, ReasonCode::Codec);
    assert!(refused.text.contains("max_sound = 0"), "{}", refused.text);
}

#[tokio::test]
async fn a_camera_that_is_configured_otherwise_changes_the_feed_and_does_not_end_it() {
    let rig = Rig::new(old(CamCodec::H265, Sound::None), settings()).await;
    let mut original = rig.bench.pull();
    let mut pull = Pull::on(rig.open(Kind::Video));
    let made = pull.videos(10).await.remove(9);
    let put = |codec| {
        let clip = clip(old(codec, Sound::None));
        rig.bench.camera.put(CamProfile::Main, clip).unwrap();
        // As a camera does that is given another codec: who looked must ask anew.
        rig.bench.camera.faults().cut();
    };
    put(CamCodec::H264);
    original
        .until_frame(|f| f.tracks.video.codec == VideoCodec::H264)
        .await;
    let passed = pull
        .until_frame(|f| f.tracks.video.config != made.tracks.video.config)
        .await;
    assert!(passed.key && passed.tracks.video.codec == VideoCodec::H264);
    pull.videos(10).await;
    put(CamCodec::H265);
    let again = pull
        .until_frame(|f| f.tracks.video.config == made.tracks.video.config)
        .await;
    assert!(again.key);
    pull.videos(10).await;
    assert_eq!(rig.transcodes.totals().failures, 0);
}

#[tokio::test]
async fn long_groups_get_key_frames_between_and_a_lost_camera_is_told_of() {
    let want = QuickClip {
        gop: 250,
        ..old(CamCodec::H265, Sound::None)
    };
    let rig = Rig::new(want, settings()).await;
    let mut pull = Pull::on(rig.open(Kind::Video));
    let first = pull.video().await;
    let next = pull.until_frame(|f| f.key).await;
    let apart = next.pts - first.pts;
    assert!(apart <= MediaTime(2 * 90_000 + 3600), "{apart:?}");
    let mut status = pull.feed().status.clone();
    rig.bench.ingest.remove(harness::id(1));
    harness::within("it ends", async {
        status
            .wait_for(|s| s.reason.is_some() && s.state == SourceState::Idle)
            .await
            .map(|_| ())
    })
    .await
    .unwrap();
    let _ = config();
}

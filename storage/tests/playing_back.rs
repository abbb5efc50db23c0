//! Any range is one MP4 that plays to its last frame, and the same bytes on every request.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use common::*;
use futures_util::TryStreamExt;
use media::{AudioCodec, Reason, ReasonCode, VideoCodec, WallTime};
use storage::{Error, Playback};

fn base() -> WallTime {
    // Two minutes to midnight.
    at("23:58:00")
}

async fn save(store: &Store, playback: &Playback) -> PathBuf {
    let path = store.dir.path().join("playback.mp4");
    let bytes = bytes_of(playback).await;
    assert_eq!(bytes.len() as u64, playback.len());
    fs::write(&path, bytes).unwrap();
    path
}

fn duration_of(path: &Path) -> f64 {
    probe(path, "format=duration").trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_reads_the_index_and_no_directory() {
    let store = Store::new();
    let base = at("10:00:00");
    let mut source = Source::new(9, base);
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip(H264), 6);
    recorded(&store.archive, 9, base, base + s(22)).await;
    recorder.stop().await;
    let month = s(30 * 86_400);
    let list = async || {
        let found = store
            .archive
            .timeline(camera(9), base + s(60) - month, base + s(60))
            .await;
        found
            .unwrap()
            .spans
            .iter()
            .map(|s| (s.start, s.end))
            .collect::<Vec<_>>()
    };
    let there = list().await;
    assert!(!there.is_empty());
    // Were one directory looked into, it would be missed.
    std::fs::remove_dir_all(store.data.recordings()).unwrap();
    assert_eq!(list().await, there);
}

#[tokio::test(flavor = "multi_thread")]
async fn across_segments_and_midnight_with_b_frames_and_sound() {
    let store = Store::new();
    let clip = clip(Spec {
        b_frames: 2,
        audio: Some(AudioCodec::Aac),
        ..H264
    });
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 60);
    recorded(&store.archive, 1, base(), base() + s(236)).await;
    // From the middle of a group in the first segment into the one being written.
    let (from, to) = (base() + Duration::from_millis(31_500), base() + s(200));
    let playback = store
        .archive
        .playback(camera(1), from, to)
        .await
        .unwrap()
        .unwrap();
    let first = playback.start();
    assert!(first <= from && from.since(first) < s(1), "{first}");
    assert_eq!(playback.pieces().len(), 1, "{:?}", playback.pieces());
    let path = save(&store, &playback).await;
    let pictures = decode(&path);
    assert!(
        (169 * 25 - 1..=169 * 25 + 1).contains(&pictures),
        "{pictures}"
    );
    assert!(
        (duration_of(&path) - 169.0).abs() < 0.1,
        "{}",
        duration_of(&path)
    );
    let starts = probe(&path, "stream=codec_name,start_time");
    let starts: Vec<(&str, f64)> = starts
        .lines()
        .map(|l| l.split_once(',').unwrap())
        .map(|(c, t)| (c, t.parse().unwrap()))
        .collect();
    assert_eq!((starts[0].0, starts[1].0), ("h264", "aac"));
    assert!(
        starts[0].1.abs() < 0.001 && starts[1].1.abs() < 0.1,
        "{starts:?}"
    );
    // Another player's demuxer reads it too.
    run(Command::new("ffmpeg")
        .args(["-v", "error", "-ss", "100", "-i"])
        .arg(&path)
        .args(["-frames:v", "10", "-f", "null", "-"]));

    // The same on every request, in any pieces.
    let whole = fs::read(&path).unwrap();
    recorder.stop().await;
    for range in [
        0..1,
        5..300_000,
        700_001..700_002,
        whole.len() - 10..whole.len(),
        0..whole.len(),
    ] {
        let again = store
            .archive
            .playback(camera(1), from, to)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(again.etag(), playback.etag());
        let part = range_of(&again, range.start as u64..range.end as u64).await;
        assert!(part == whole[range.clone()], "{range:?}");
    }
    assert!(range_of(&playback, 10..10).await.is_empty());
    assert!(
        range_of(&playback, playback.len()..u64::MAX)
            .await
            .is_empty()
    );

    let nothing = store
        .archive
        .playback(camera(1), base() - s(100), base())
        .await
        .unwrap();
    assert!(nothing.is_none());
    let refused = store.archive.playback(camera(1), to, from).await;
    assert!(matches!(refused, Err(Error::Range { .. })));
    let refused = store
        .archive
        .playback(camera(1), from, from + s(86_401))
        .await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "a range of 86401 s asked, from 1 us to 86400 s allowed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn across_a_gap_media_time_runs_on_and_pieces_say_the_wall_time() {
    let store = Store::new();
    let clip = clip(Spec {
        audio: Some(AudioCodec::PcmA),
        ..H264
    });
    let mut source = Source::new(2, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 5);
    source.lost(Reason::new(ReasonCode::Cut, "gone"));
    source.advance(90_000 * 40, s(40));
    source.play(&clip, 5);
    recorded(&store.archive, 2, base(), base() + s(78)).await;
    recorder.stop().await;
    let playback = store
        .archive
        .playback(camera(2), base() + s(10), base() + s(70))
        .await
        .unwrap()
        .unwrap();
    let path = save(&store, &playback).await;
    assert_eq!(decode(&path), 20 * 25);
    assert!((duration_of(&path) - 20.0).abs() < 0.1);
    let pieces = playback.pieces();
    assert_eq!(pieces.len(), 2, "{pieces:?}");
    assert_eq!(
        (pieces[0].start, pieces[0].end),
        (base() + s(10), base() + s(20))
    );
    assert_eq!(
        (pieces[1].start, pieces[1].end),
        (base() + s(60), base() + s(70))
    );
    assert_eq!(
        (
            pieces[0].media_start_s,
            pieces[1].media_start_s,
            pieces[1].media_duration_s
        ),
        (0.0, 10.0, 10.0)
    );
    // Sound is as long as the picture.
    let sound = probe(&path, "stream=codec_type,duration");
    let sound = sound
        .lines()
        .find_map(|l| l.strip_prefix("audio,"))
        .unwrap()
        .parse::<f64>()
        .unwrap();
    assert!((sound - 20.0).abs() < 0.1, "{sound}");

    // Beginning in the gap: at the first picture behind it.
    let playback = store
        .archive
        .playback(camera(2), base() + s(30), base() + s(65))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(playback.start(), base() + s(60));
    assert_eq!(decode(&save(&store, &playback).await), 125);
    assert!(
        store
            .archive
            .playback(camera(2), base() + s(25), base() + s(55))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn across_another_resolution_and_another_codec() {
    let store = Store::new();
    let small = clip(Spec {
        audio: Some(AudioCodec::Aac),
        ..H264
    });
    let large = clip(Spec {
        size: (640, 360),
        b_frames: 2,
        ..H264
    });
    let h265 = clip(Spec {
        codec: VideoCodec::H265,
        audio: Some(AudioCodec::PcmU),
        ..H264
    });
    let mut source = Source::new(3, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    for clip in [&small, &large, &small] {
        source.play(clip, 2);
    }
    recorded(&store.archive, 3, base(), base() + s(22)).await;
    recorder.stop().await;
    let playback = store
        .archive
        .playback(camera(3), base(), base() + s(24))
        .await
        .unwrap()
        .unwrap();
    let path = save(&store, &playback).await;
    assert_eq!(decode(&path), 600);
    assert!((duration_of(&path) - 24.0).abs() < 0.2);
    // Both sizes are really seen.
    let sizes = probe(&path, "frame=width");
    for size in ["320", "640"] {
        assert!(sizes.lines().any(|l| l.starts_with(size)), "{size}");
    }

    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&h265, 2);
    source.play(&small, 2);
    recorded(&store.archive, 3, base(), base() + s(38)).await;
    recorder.stop().await;
    let playback = store
        .archive
        .playback(
            camera(3),
            base() + Duration::from_millis(20_100),
            base() + s(40),
        )
        .await
        .unwrap()
        .unwrap();
    let path = save(&store, &playback).await;
    let from = playback.start().since(base()).as_secs_f64();
    assert!((20.0..20.1).contains(&from), "{from}");
    assert_eq!(playback.pieces().len(), 1, "{:?}", playback.pieces());
    // H.264 before and after, H.265 between them: 4 s, 8 s, 8 s.
    let pictures = decode(&path);
    assert!((499..=501).contains(&pictures), "{pictures}");
    assert!(
        (duration_of(&path) - 20.0).abs() < 0.2,
        "{}",
        duration_of(&path)
    );
    let codecs = probe(&path, "stream=codec_name");
    assert_eq!(
        codecs.split_whitespace().collect::<Vec<_>>(),
        ["h264", "hevc", "aac", "pcm_mulaw"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_still_is_the_key_frame_at_or_before() {
    let store = Store::new();
    let clip = clip(H264);
    let mut source = Source::new(4, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 20);
    recorded(&store.archive, 4, base(), base() + s(78)).await;
    for (asked, expected) in [(30.7, 30), (31.0, 31), (70.2, 70), (59.999, 59)] {
        let (tracks, wall, data) = store
            .archive
            .frame_at(camera(4), base() + Duration::from_secs_f64(asked))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(wall, base() + s(expected));
        assert_eq!(*tracks, *clip.tracks);
        // Length-prefixed NAL units up to an IDR picture.
        assert!(
            data.windows(5)
                .any(|w| w[..3] == [0, 0, 0] || w[4] & 0x1f == 5)
        );
    }
    assert!(
        store
            .archive
            .frame_at(camera(4), base() - s(1))
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        store
            .archive
            .frame_at(camera(9), base())
            .await
            .unwrap()
            .is_none()
    );
    recorder.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_while_a_download_runs_lets_it_finish() {
    let store = Store::new();
    let clip = clip(H264);
    let mut source = Source::new(5, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 50);
    recorded(&store.archive, 5, base(), base() + s(198)).await;
    recorder.stop().await;
    let playback = store
        .archive
        .playback(camera(5), base(), base() + s(60))
        .await
        .unwrap()
        .unwrap();
    let before = range_of(&playback, 0..1000).await;
    // All of it is too old now.
    store.archive.keep(camera(5), 0).await.unwrap();
    let deleted = store.archive.sweep().await;
    assert!(
        deleted.is_empty() || deleted.iter().all(|d| d.start >= base() + s(60)),
        "{deleted:?}"
    );
    let path = save(&store, &playback).await;
    assert_eq!(fs::read(&path).unwrap()[..1000], before);
    assert_eq!(decode(&path), 1500);
}

/// Of a range only the first and the last files are read before its first byte is sent, and of the others their ends. One that is
/// not what its end says ends the download that comes to it, and the next one does without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_laid_out_from_its_files_ends_and_a_damaged_file_is_left_out_the_next_time() {
    let store = Store::new();
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip(SMALL), 75);
    recorded(&store.archive, 1, base(), base() + s(296)).await;
    recorder.stop().await;
    let files = store.files();
    assert_eq!(files.len(), 5, "{files:?}");
    let ask = async || {
        let asked = store.archive.playback(camera(1), base(), base() + s(299));
        asked.await.unwrap().unwrap()
    };
    let mut bytes = fs::read(&files[2]).unwrap();
    let moof = bytes.windows(4).position(|w| w == b"moof").unwrap();
    bytes[moof..moof + 4].copy_from_slice(b"gone");
    fs::write(&files[2], &bytes).unwrap();

    let playback = ask().await;
    assert!((playback.duration_s() - 299.0).abs() < 1.0);
    assert_eq!(range_of(&playback, 4..8).await, b"ftyp");
    let all: Result<Vec<_>, _> = playback.read(0..playback.len()).try_collect().await;
    let said = all.unwrap_err().to_string();
    assert!(said.contains(&*files[2].to_string_lossy()), "{said}");

    let without = ask().await;
    assert_ne!(without.etag(), playback.etag());
    assert!((without.duration_s() - 239.0).abs() < 1.0);
    assert_eq!(without.pieces().len(), 2);
    let path = save(&store, &without).await;
    assert!((decode(&path) as i64 - 239 * 25).abs() <= 25);
}

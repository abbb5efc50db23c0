//! Any range, in any pieces, as MP4 and as HLS: over a gap, midnight, other resolutions and codecs, and a deletion under way.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{collections::HashMap, fs, path::Path, process::Command, sync::Arc};

use bytes::Bytes;
use common::*;
use media::{AudioCodec, Reason, ReasonCode, VideoCodec, WallTime};
use proptest::{prelude::*, test_runner::TestRunner};
use storage::{Archive, DataDir, Hls, HlsFile};

/// A minute to midnight.
fn base() -> WallTime {
    at("23:59:00")
}

/// Seconds recorded, the gap included.
const LENGTH: u64 = 164;

/// Two resolutions, a gap of 40 s, another codec, and the first again; two minutes of it are recorded.
async fn recorded_mix() -> Store {
    let store = Store::new();
    let small = clip(Spec {
        audio: Some(AudioCodec::Aac),
        b_frames: 2,
        ..H264
    });
    let large = clip(Spec {
        size: (640, 360),
        ..H264
    });
    let h265 = clip(Spec {
        codec: VideoCodec::H265,
        audio: Some(AudioCodec::PcmA),
        ..H264
    });
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&small, 10);
    source.play(&large, 8);
    source.lost(Reason::new(ReasonCode::Cut, "gone"));
    source.advance(90_000 * 40, s(40));
    source.play(&h265, 5);
    source.play(&small, 8);
    recorded(&store.archive, 1, base(), base() + s(LENGTH - 2)).await;
    recorder.stop().await;
    store
}

/// Every file of a playlist, by name.
async fn files_of(hls: &Hls) -> HashMap<String, Bytes> {
    let name = |file| match file {
        HlsFile::Init(n) => format!("init-{n}.mp4"),
        HlsFile::Part(n) => format!("part-{n}.m4s"),
    };
    let mut out = HashMap::new();
    out.insert("list.m3u8".to_owned(), hls.playlist(name).into());
    for n in 0..hls.parts() {
        let part = hls.part(n).await.unwrap().unwrap();
        out.insert(name(HlsFile::Part(n)), part);
    }
    for n in 0.. {
        let Some(init) = hls.init(n) else { break };
        out.insert(name(HlsFile::Init(n)), init);
    }
    assert_eq!(hls.part(hls.parts()).await.unwrap(), None);
    out
}

fn save(dir: &Path, files: &HashMap<String, Bytes>) {
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).unwrap();
    }
}

/// Pictures that ffmpeg decodes of a playlist, without a word of complaint.
fn pictures_of(dir: &Path) -> usize {
    let progress = run(Command::new("ffmpeg")
        .args(["-v", "error", "-nostats", "-progress", "-", "-i"])
        .arg(dir.join("list.m3u8"))
        .args(["-map", "0:v", "-f", "null", "-"]));
    let mut lines = progress.lines().rev();
    let frames = lines.find_map(|l| l.strip_prefix("frame="));
    frames.unwrap().trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_range_is_the_same_bytes_in_whatever_pieces_and_after_a_restart() {
    let store = recorded_mix().await;
    let archive = store.archive.clone();
    let seen = std::sync::Mutex::new(Vec::new());
    let ms = LENGTH * 1000;
    let strategy = (
        0..ms,
        1..ms,
        proptest::collection::vec((0.0..1.0, 0.0..1.0), 1..5),
    );
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
    tokio::task::block_in_place(|| {
        runner
            .run(&strategy, |(from, length, pieces)| {
                let from = base() + std::time::Duration::from_millis(from);
                let to = from + std::time::Duration::from_millis(length);
                runtime.block_on(async {
                    let playback = archive.playback(camera(1), from, to).await.unwrap();
                    let hls = archive.hls(camera(1), from, to).await.unwrap();
                    prop_assert_eq!(playback.is_some(), hls.is_some());
                    let (Some(playback), Some(hls)) = (playback, hls) else {
                        return Ok(());
                    };
                    let whole = bytes_of(&playback).await;
                    prop_assert_eq!(whole.len() as u64, playback.len());
                    for (a, b) in pieces {
                        let at = |share: f64| (share * whole.len() as f64) as usize;
                        let (a, b) = (at(a).min(at(b)), at(a).max(at(b)));
                        let piece = range_of(&playback, a as u64..b as u64).await;
                        prop_assert!(piece == whole[a..b]);
                    }
                    prop_assert_eq!(hls.start(), playback.start());
                    let files = files_of(&hls).await;
                    seen.lock().unwrap().push((
                        from,
                        to,
                        playback.etag().to_owned(),
                        whole,
                        hls.id().to_owned(),
                        files,
                    ));
                    Ok(())
                })
            })
            .unwrap();
    });
    let seen = seen.into_inner().unwrap();
    assert!(seen.len() > 10, "{}", seen.len());
    drop(archive);
    let dir = store.close().await;
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let data = Arc::new(DataDir::open(dir.path()).unwrap());
    let archive = Archive::open(&data, config()).unwrap();
    rebuilt(&archive).await;
    for (from, to, etag, whole, id, files) in seen {
        let playback = archive
            .playback(camera(1), from, to)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(playback.etag(), etag);
        assert!(bytes_of(&playback).await == whole, "{from} to {to}");
        let hls = archive.hls(camera(1), from, to).await.unwrap().unwrap();
        assert_eq!(hls.id(), id);
        assert!(files_of(&hls).await == files, "{from} to {to}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hls_plays_to_its_last_picture_and_says_the_wall_time() {
    let store = recorded_mix().await;
    let whole = (base(), base() + s(LENGTH));
    for (from, to) in [
        whole,
        // Within one segment, and across the gap into another codec.
        (base() + s(10), base() + s(20)),
        (base() + s(50), base() + s(130)),
    ] {
        let hls = store
            .archive
            .hls(camera(1), from, to)
            .await
            .unwrap()
            .unwrap();
        let files = files_of(&hls).await;
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &files);
        let list = String::from_utf8(files["list.m3u8"].to_vec()).unwrap();
        let mp4 = store
            .archive
            .playback(camera(1), from, to)
            .await
            .unwrap()
            .unwrap();
        let seconds: f64 = list
            .lines()
            .filter_map(|l| l.strip_prefix("#EXTINF:")?.strip_suffix(','))
            .map(|n| n.parse::<f64>().unwrap())
            .sum();
        // Whole groups of a second at both ends.
        assert!(
            (seconds - mp4.duration_s()).abs() < 2.2,
            "{seconds} {}",
            mp4.duration_s()
        );
        let codecs = list.matches("#EXT-X-MAP").count();
        if codecs == 1 {
            let pictures = pictures_of(dir.path());
            assert_eq!(pictures, (seconds * 25.0).round() as usize, "{list}");
        }
        // Each part by itself, behind its initialisation, as a player that seeks reads it.
        let mut init = String::new();
        for line in list.lines() {
            if let Some(uri) = line.strip_prefix("#EXT-X-MAP:URI=\"") {
                init = uri.trim_end_matches('"').to_owned();
            } else if line.starts_with("part-") {
                let alone = dir.path().join("alone.mp4");
                fs::write(&alone, [&files[&init][..], &files[line][..]].concat()).unwrap();
                assert!(decode(&alone) > 0, "{line}");
            }
        }
        if (from, to) == whole {
            assert_eq!(codecs, 4, "{list}");
            assert_eq!(list.matches("#EXT-X-DISCONTINUITY").count(), 3, "{list}");
            let walls: Vec<&str> = list
                .lines()
                .filter_map(|l| l.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"))
                .collect();
            let expected = [0, 40, 112, 132].map(|n| (base() + s(n)).to_string());
            assert_eq!(walls, expected);
        }
    }
    let nothing = store
        .archive
        .hls(camera(1), base() + s(75), base() + s(100))
        .await;
    assert!(nothing.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_deleted_is_played_to_its_end() {
    let store = recorded_mix().await;
    let range = (base() + s(5), base() + s(150));
    let hls = store
        .archive
        .hls(camera(1), range.0, range.1)
        .await
        .unwrap()
        .unwrap();
    let before = files_of(&hls).await;
    store.archive.keep(camera(1), 0).await.unwrap();
    store.archive.sweep().await;
    assert!(files_of(&hls).await == before);
    let again = store
        .archive
        .hls(camera(1), range.0, range.1)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again.id(), hls.id());
}

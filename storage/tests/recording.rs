//! What is recorded plays everywhere, at every moment, and is found.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::fs;

use common::*;
use media::{AudioCodec, Reason, ReasonCode, VideoCodec, WallTime};
use storage::RecorderState;

fn base() -> WallTime {
    at("10:00:00")
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_play_while_they_are_written_and_after() {
    let store = Store::new();
    let clip = clip(Spec {
        b_frames: 2,
        audio: Some(AudioCodec::Aac),
        ..H264
    });
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    // 160 s: two whole segments and some.
    source.play(&clip, 40);
    recorded(&store.archive, 1, base(), base() + s(158)).await;
    assert_eq!(recorder.state(), RecorderState::Recording);

    let files = store.files();
    assert_eq!(files.len(), 3, "{files:?}");
    let day = base().to_string()[..10].replace('-', "");
    assert!(
        files[0].ends_with(format!(
            "44140301001320000001/{day}/10/{day}T100000.000000Z-main-1.mp4"
        )),
        "{files:?}"
    );
    // The third is being written just now.
    for (file, pictures) in files.iter().zip([1500, 1500, 900]) {
        let found = decode(file);
        assert!(
            found <= 1500 && found >= pictures,
            "{}: {found} pictures",
            file.display()
        );
        assert_eq!(
            probe(file, "stream=codec_name")
                .split_whitespace()
                .collect::<Vec<_>>(),
            ["h264", "aac"]
        );
    }
    // Cut anywhere, as a copy of a file is while it is written.
    let whole = fs::read(&files[0]).unwrap();
    let cut = store.dir.path().join("cut.mp4");
    for part in [3, 5, 7] {
        fs::write(&cut, &whole[..whole.len() * part / 10]).unwrap();
        let out = std::process::Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-show_entries",
                "stream=codec_name",
                "-of",
                "csv=p=0",
            ])
            .arg(&cut)
            .output()
            .unwrap();
        assert!(out.status.success());
    }

    recorder.stop().await;
    let files = store.files();
    assert_eq!(
        files.iter().map(|f| decode(f)).collect::<Vec<_>>(),
        [1500, 1500, 1000]
    );
    let t = store
        .archive
        .timeline(camera(1), base(), base() + s(200))
        .await
        .unwrap();
    assert_eq!(t.spans.len(), 1, "{t:?}");
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    let size: u64 = files.iter().map(|f| fs::metadata(f).unwrap().len()).sum();
    assert_eq!(t.spans[0].bytes, size);
    assert_eq!(store.archive.usage().used.0, size);
    assert_eq!(store.archive.oldest(camera(1)).await, Some(base()));

    let dir = store.close().await;
    let report = storage::check(dir.path(), false).unwrap();
    assert!(report.faults.is_empty(), "{report}");
    assert_eq!(report.segments, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_frames_than_declared_make_no_gap_and_a_lost_source_makes_one_with_its_reason() {
    let store = Store::new();
    let mut clip = Clip::clone(&clip(H264));
    // Declared 25, delivered 21.
    let mut n = 0;
    clip.packets.retain(|p| {
        n += 1;
        n % 6 != 4 || format!("{p:?}").contains("key: true")
    });
    let mut source = Source::new(2, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip, 10);
    let archive = store.archive.clone();
    let recorded_to = |end: WallTime| {
        let archive = archive.clone();
        async move {
            let t = archive
                .timeline(camera(2), base(), base() + s(1000))
                .await
                .unwrap();
            t.spans.last().is_some_and(|s| s.end >= end)
        }
    };
    until("the first part", || recorded_to(base() + s(30))).await;
    source.lost(Reason::new(
        ReasonCode::WrongPassword,
        "rtsp://10.0.0.9: 401",
    ));
    // It falls silent; what is held is written.
    until("the rest of the first part", || recorded_to(base() + s(39))).await;
    source.advance(90_000 * 25, s(25));
    source.play(&clip, 5);
    until("the second part", || recorded_to(base() + s(80))).await;
    recorder.stop().await;

    let t = archive
        .timeline(camera(2), base(), base() + s(85))
        .await
        .unwrap();
    let spans: Vec<(f64, f64)> = t
        .spans
        .iter()
        .map(|s| {
            (
                s.start.since(base()).as_secs_f64(),
                s.end.since(base()).as_secs_f64(),
            )
        })
        .collect();
    assert_eq!(spans.len(), 2, "{t:?}");
    assert!(
        (spans[0].1 - 40.0).abs() < 0.5 && spans[1].0 == 65.0,
        "{spans:?}"
    );
    assert_eq!(t.gaps.len(), 1, "{t:?}");
    assert_eq!(t.gaps[0].reason.code, ReasonCode::WrongPassword);

    // The reason is known after a restart, and after the index is lost.
    drop(archive);
    let dir = store.close().await;
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let data = std::sync::Arc::new(storage::DataDir::open(dir.path()).unwrap());
    let archive = storage::Archive::open(&data, config()).unwrap();
    rebuilt(&archive).await;
    assert_eq!(
        archive
            .timeline(camera(2), base(), base() + s(85))
            .await
            .unwrap(),
        t
    );
    let t = archive
        .timeline(camera(2), base() - s(60), base() + s(10))
        .await
        .unwrap();
    assert_eq!(t.gaps[0].reason.code, ReasonCode::NotRecording);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_parameters_begin_a_new_segment() {
    let store = Store::new();
    let small = clip(H264);
    let large = clip(Spec {
        size: (640, 360),
        audio: Some(AudioCodec::PcmA),
        ..H264
    });
    let h265 = clip(Spec {
        codec: VideoCodec::H265,
        ..H264
    });
    let mut source = Source::new(3, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&small, 2);
    source.play(&large, 2);
    source.play(&h265, 2);
    source.play(&small, 1);
    recorded(&store.archive, 3, base(), base() + s(26)).await;
    recorder.stop().await;
    let archive = store.archive.clone();
    let files = store.files();
    let sizes: Vec<String> = files
        .iter()
        .map(|f| probe(f, "stream=codec_name,width").replace('\n', " "))
        .collect();
    assert_eq!(
        sizes,
        ["h264,320 ", "h264,640 pcm_alaw ", "hevc,320 ", "h264,320 "]
    );
    for (file, pictures) in files.iter().zip([200, 200, 200, 100]) {
        assert_eq!(decode(file), pictures);
    }
    let t = archive
        .timeline(camera(3), base(), base() + s(28))
        .await
        .unwrap();
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_do_not_fit_the_shared_memory_are_written_in_parts_and_nothing_waits_for_ever()
{
    // 1 MiB for all, and eight cameras whose groups of 20 s do not fit into it together.
    let store = Store::with(storage::Config {
        recorder_budget: media::ByteCount::mebibytes(1),
        ..config()
    });
    let clip = clip(Spec {
        gop: 500,
        seconds: 20,
        ..H264
    });
    let mut alarms = store.archive.alarms();
    let mut recorders = Vec::new();
    for n in 0..8 {
        let mut source = Source::new(n, base());
        recorders.push(store.archive.record(source.lease(), 36_500));
        source.play(&clip, 3);
    }
    for n in 0..8 {
        recorded(&store.archive, n, base(), base() + s(58)).await;
    }
    for recorder in recorders {
        recorder.stop().await;
    }
    for n in 0..8 {
        let t = store
            .archive
            .timeline(camera(n), base(), base() + s(60))
            .await
            .unwrap();
        assert_eq!((t.spans.len(), t.gaps.len()), (1, 0), "{t:?}");
    }
    while let Ok(alarm) = alarms.try_recv() {
        assert!(
            !matches!(alarm.kind, storage::AlarmKind::Dropped { .. }),
            "{alarm:?}"
        );
    }
    for file in store.files() {
        assert_eq!(decode(&file), 1500);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_before_an_event_is_not_recorded_twice() {
    let clip = clip(SMALL);
    let store = Store::new();
    let archive = &store.archive;
    let start = at("10:00:00");
    let mut source = Source::new(1, start);
    source.play(&clip, 10);
    // An event at the tenth second, from five seconds before on.
    let first = archive.record_since(source.lease(), 36_500, Some(start + s(5)));
    source.play(&clip, 5);
    recorded(archive, 1, start + s(5), source.wall - s(2)).await;
    first.stop().await;
    let end = source.wall;
    source.play(&clip, 2);
    // The next one so soon that what came before it is there already, but for the last seconds.
    let second = archive.record_since(source.lease(), 36_500, Some(end - s(8)));
    source.play(&clip, 5);
    recorded(archive, 1, end, source.wall - s(2)).await;
    second.stop().await;
    let t = archive
        .timeline(camera(1), start, source.wall)
        .await
        .unwrap();
    // One stretch; before it nothing was wanted.
    assert_eq!((t.spans.len(), t.gaps.len()), (1, 1), "{t:?}");
    assert_eq!(t.gaps[0].end, t.spans[0].start, "{t:?}");
    assert!(
        t.spans[0].start <= start + s(5) && t.spans[0].start >= start + s(3),
        "{t:?}"
    );
    assert_eq!(t.spans[0].end, source.wall);
    // A group at most is in both: what goes on begins with the key frame before.
    let playback = archive
        .playback(camera(1), start, source.wall)
        .await
        .unwrap()
        .unwrap();
    let pieces = playback.pieces();
    let played: f64 = pieces.iter().map(|p| p.media_duration_s).sum();
    let recorded = source.wall.since(t.spans[0].start).as_secs_f64();
    assert!(played < recorded + 2.1, "{played} of {recorded} s");
    store.close().await;
}

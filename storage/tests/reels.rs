//! Recordings read on and on, as a player that seeks wants them.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::*;
use media::{
    AudioCodec, MediaTime, Profile, Reason, ReasonCode, TrackKind, VideoCodec, WallTime,
    recorded::{Ask, Clip, Found, Hole, Shot, What, moment},
    wire::{Codec, Decodes},
};
use storage::{Archive, Reel, playback::reel::Choice};

fn base() -> WallTime {
    // Two minutes to midnight.
    at("23:58:00")
}

/// So many seconds behind the beginning.
fn after(seconds: f64) -> MediaTime {
    moment(base()) + MediaTime((seconds * 90_000.0) as i64)
}

fn reel(archive: &Archive, n: u32) -> Reel {
    with(archive, n, Decodes::all(), true)
}

fn with(archive: &Archive, n: u32, decodes: Decodes, audio: bool) -> Reel {
    archive.reel(Choice {
        camera: camera(n),
        profile: Profile::Main,
        decodes,
        audio,
    })
}

fn ask(reel: &mut Reel, what: What, keys: bool) -> Found {
    reel.read(Ask { what, keys }).unwrap()
}

fn clip_of(found: Found) -> Clip {
    match found {
        Found::Clip(clip) => clip,
        other => panic!("{other:?}"),
    }
}

fn hole_of(found: Found) -> Hole {
    match found {
        Found::Hole(hole) => hole,
        other => panic!("{other:?}"),
    }
}

/// Reads on until there is no clip; and what there is then.
fn read_on(reel: &mut Reel, first: What, keys: bool) -> (Vec<Clip>, Found) {
    let (mut clips, mut what) = (Vec::new(), first);
    loop {
        match ask(reel, what, keys) {
            Found::Clip(clip) => clips.push(clip),
            other => return (clips, other),
        }
        what = What::On;
    }
}

fn pictures(clips: &[Clip]) -> Vec<&Shot> {
    let shots = clips.iter().flat_map(|c| &c.shots);
    shots.filter(|s| s.track == TrackKind::Video).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_comes_once_across_segments_and_midnight_with_b_frames_and_sound() {
    let store = Store::new();
    let film = clip(Spec {
        b_frames: 2,
        audio: Some(AudioCodec::Aac),
        ..H264
    });
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&film, 60);
    recorded(&store.archive, 1, base(), base() + s(236)).await;
    recorder.stop().await;
    let mut reel = reel(&store.archive, 1);
    let (clips, end) = read_on(&mut reel, What::From(after(31.5)), false);
    let shown = pictures(&clips);
    // From the key frame before it, at 31 s, to the end at 240 s.
    assert_eq!(shown.len(), 209 * 25);
    assert!(shown[0].key && shown[0].dts <= after(31.5));
    assert!(after(31.5) - shown[0].dts < MediaTime(90_000));
    assert!(shown.windows(2).all(|s| s[1].dts > s[0].dts));
    let apart = shown.windows(2).map(|s| (s[1].dts - s[0].dts).0);
    assert!(
        apart.clone().all(|d| (3000..4300).contains(&d)),
        "{:?}",
        apart.max()
    );
    assert!(
        shown.iter().any(|s| s.pts != s.dts),
        "pictures are reordered"
    );
    let sound = clips
        .iter()
        .flat_map(|c| &c.shots)
        .filter(|s| s.track == TrackKind::Audio);
    let heard: i64 = sound.map(|s| s.duration.0).sum();
    // Each round of the clip's sound is a packet longer than its pictures.
    assert!((heard - 209 * 90_000).abs() < 180_000, "{heard}");
    assert_eq!(hole_of(end).to, None);
    // What is read is what was recorded: every unit ends where its lengths say.
    for shot in shown {
        let mut rest = &shot.data[..];
        while !rest.is_empty() {
            let (len, tail) = rest.split_first_chunk::<4>().unwrap();
            rest = &tail[u32::from_be_bytes(*len) as usize..];
        }
    }
    // Silent where nobody wants to hear.
    let mut silent = with(&store.archive, 1, Decodes::all(), false);
    let clip = clip_of(ask(&mut silent, What::From(after(31.5)), false));
    assert!(clip.shots.iter().all(|s| s.track == TrackKind::Video));
}

#[tokio::test(flavor = "multi_thread")]
async fn key_frames_alone_in_either_direction() {
    let store = Store::new();
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip(H264), 40);
    recorded(&store.archive, 1, base(), base() + s(156)).await;
    recorder.stop().await;
    let mut reel = reel(&store.archive, 1);
    let (clips, _) = read_on(&mut reel, What::From(after(20.5)), true);
    let on: Vec<MediaTime> = pictures(&clips).iter().map(|s| s.dts).collect();
    assert!(pictures(&clips).iter().all(|s| s.key));
    assert_eq!(on.len(), 140, "one a second");
    assert!(
        on.windows(2)
            .all(|t| ((t[1] - t[0]).0 - 90_000).abs() < 900)
    );
    assert!(clips.iter().all(|c| c.shots.len() <= 8));

    let mut back = vec![];
    let mut before = after(160.0);
    let end = loop {
        match ask(&mut reel, What::Back(before), true) {
            Found::Clip(clip) => back.extend(clip.shots),
            other => break other,
        }
        before = back.last().unwrap().dts;
    };
    let times: Vec<MediaTime> = back.iter().map(|s| s.dts).collect();
    assert!(back.iter().all(|s| s.key));
    assert!(times.windows(2).all(|t| t[1] < t[0]));
    // The same pictures as forwards, from behind.
    let mut same = on.clone();
    same.reverse();
    assert_eq!(times[..140], same);
    assert_eq!(times.len(), 160);
    assert_eq!(hole_of(end).to, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_has_two_ends_and_the_reason_that_was_noted() {
    let store = Store::new();
    let mut source = Source::new(2, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip(H264), 5);
    source.lost(Reason::new(ReasonCode::Cut, "gone"));
    source.advance(90_000 * 40, s(40));
    source.play(&clip(H264), 5);
    recorded(&store.archive, 2, base(), base() + s(78)).await;
    recorder.stop().await;
    let mut reel = reel(&store.archive, 2);
    let (clips, end) = read_on(&mut reel, What::From(after(10.0)), false);
    assert_eq!(pictures(&clips).len(), 10 * 25);
    let hole = hole_of(end);
    let near = |a: MediaTime, b: MediaTime| (a - b).0.abs() < 9000;
    assert!(near(hole.from, after(20.0)), "{hole:?}");
    assert!(near(hole.to.unwrap(), after(60.0)), "{hole:?}");
    // What the source said, or that nothing came: frames and the word are two ways, and here both come in the same moment.
    let noted = |hole: &Hole| matches!(hole.reason.code, ReasonCode::Cut | ReasonCode::NoPackets);
    assert!(noted(&hole), "{hole:?}");
    // Behind it.
    let clip = clip_of(ask(&mut reel, What::From(hole.to.unwrap()), false));
    assert!(near(clip.shots[0].dts, after(60.0)));
    // In the middle of it, and before all there is.
    let inside = hole_of(ask(&mut reel, What::From(after(33.0)), false));
    assert_eq!(inside.from, after(33.0));
    assert!(near(inside.to.unwrap(), after(60.0)));
    assert!(noted(&inside), "{inside:?}");
    let early = hole_of(ask(&mut reel, What::From(after(-500.0)), false));
    assert!(near(early.to.unwrap(), after(0.0)));
    // Backwards.
    let back = hole_of(ask(&mut reel, What::Back(after(59.9)), true));
    assert!(near(back.to.unwrap(), after(20.0)), "{back:?}");
    let clip = clip_of(ask(&mut reel, What::Back(back.to.unwrap()), true));
    assert!(near(clip.shots[0].dts, after(19.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_codec_is_another_clip_and_a_hole_for_who_cannot_decode_it() {
    let store = Store::new();
    let h265 = clip(Spec {
        codec: VideoCodec::H265,
        ..H264
    });
    let large = clip(Spec {
        size: (640, 360),
        ..H264
    });
    let mut source = Source::new(3, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    for film in [&clip(H264), &h265, &large] {
        source.play(film, 2);
    }
    recorded(&store.archive, 3, base(), base() + s(22)).await;
    recorder.stop().await;
    let mut all = reel(&store.archive, 3);
    let (clips, _) = read_on(&mut all, What::From(after(1.0)), false);
    assert_eq!(pictures(&clips).len(), 23 * 25);
    let mut codecs: Vec<(VideoCodec, u16)> = clips
        .iter()
        .map(|c| (c.tracks.video.codec, c.tracks.video.width))
        .collect();
    codecs.dedup();
    let wanted = [
        (VideoCodec::H264, 320),
        (VideoCodec::H265, 320),
        (VideoCodec::H264, 640),
    ];
    assert_eq!(codecs, wanted);

    let h264: Decodes = [Codec::H264].into_iter().collect();
    let mut some = with(&store.archive, 3, h264, false);
    let (clips, end) = read_on(&mut some, What::From(after(1.0)), false);
    assert_eq!(pictures(&clips).len(), 7 * 25);
    let hole = hole_of(end);
    assert_eq!(hole.reason.code, ReasonCode::Codec);
    let inside = hole_of(ask(&mut some, What::From(after(12.0)), false));
    assert_eq!(inside.reason.code, ReasonCode::Codec);
    let (clips, _) = read_on(&mut some, What::From(hole.to.unwrap()), false);
    assert_eq!(pictures(&clips).len(), 8 * 25);
    assert_eq!(clips[0].tracks.video.width, 640);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_main_stream_cannot_be_decoded_the_other_one_is_played() {
    let store = Store::new();
    let (large, small) = (
        clip(Spec {
            codec: VideoCodec::H265,
            ..H264
        }),
        clip(H264),
    );
    let (mut main, mut sub) = (Source::new(4, base()), Source::new(4, base()).sub());
    // The main stream: playable, then not, then there alone; the other one: not so long.
    let recorder = store.archive.record(main.lease(), 36_500);
    main.play(&small, 1);
    main.play(&large, 10);
    recorded(&store.archive, 4, base(), base() + s(41)).await;
    recorder.stop().await;
    let recorder = store.archive.record(sub.lease(), 36_500);
    sub.play(&small, 9);
    recorded(&store.archive, 4, base(), base() + s(33)).await;
    recorder.stop().await;
    let h264: Decodes = [Codec::H264].into_iter().collect();
    let mut some = with(&store.archive, 4, h264, false);
    let (clips, end) = read_on(&mut some, What::From(after(1.0)), false);
    let moments: Vec<MediaTime> = pictures(&clips).iter().map(|p| p.pts).collect();
    assert!(moments.windows(2).all(|m| m[1] > m[0]), "none twice");
    assert!(
        clips
            .iter()
            .all(|c| c.tracks.video.codec == VideoCodec::H264)
    );
    assert_eq!(
        (clips[0].profile, clips.last().unwrap().profile),
        (Profile::Main, Profile::Sub)
    );
    // From one to the other at a key frame: less than a group is missing.
    let widest = moments.windows(2).map(|m| m[1] - m[0]).max().unwrap();
    assert!(widest < MediaTime(2 * 90_000), "{widest:?}");
    let last = *moments.last().unwrap();
    assert!((35.0..36.1).contains(&((last - moment(base())).0 as f64 / 90_000.0)));
    // Where it ends too, what cannot be decoded is told.
    assert_eq!(hole_of(end).reason.code, ReasonCode::Codec);
    // Backwards too, and there alone it is told too.
    let back = clip_of(ask(&mut some, What::Back(after(30.0)), true));
    assert_eq!(back.profile, Profile::Sub);
    let alone = hole_of(ask(&mut some, What::Back(after(43.0)), true));
    assert_eq!(alone.reason.code, ReasonCode::Codec);
    assert!(matches!(
        ask(&mut some, What::Beside { at: after(30.0), frames: -1 }, false),
        Found::Beside(Some(at)) if at < after(30.0) && at > after(29.9)
    ));
    // Who can decode both gets the main stream all along.
    let mut all = reel(&store.archive, 4);
    let (clips, _) = read_on(&mut all, What::From(after(1.0)), false);
    assert!(clips.iter().all(|c| c.profile == Profile::Main));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_the_next_picture_that_is_shown_also_from_one_segment_to_the_next() {
    let store = Store::new();
    let film = clip(Spec {
        b_frames: 2,
        ..H264
    });
    let mut source = Source::new(1, base());
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&film, 20);
    recorded(&store.archive, 1, base(), base() + s(76)).await;
    recorder.stop().await;
    let mut reel = reel(&store.archive, 1);
    let (clips, _) = read_on(&mut reel, What::From(after(0.0)), false);
    let mut shown: Vec<MediaTime> = pictures(&clips).iter().map(|s| s.pts).collect();
    shown.sort_unstable();
    // Around the end of the first segment, at a minute.
    for n in 1480..1520 {
        for frames in [-1i32, 1, -20, 20] {
            let at = shown[n];
            let found = ask(&mut reel, What::Beside { at, frames }, false);
            let wanted = shown[(n as i32 + frames) as usize];
            assert_eq!(found, Found::Beside(Some(wanted)), "{n} {frames}");
        }
        // Between two pictures the first is the one on the screen.
        let at = shown[n] + MediaTime(900);
        let back = ask(&mut reel, What::Beside { at, frames: -1 }, false);
        assert_eq!(back, Found::Beside(Some(shown[n - 1])));
    }
    let nothing = ask(
        &mut reel,
        What::Beside {
            at: after(900.0),
            frames: 1,
        },
        false,
    );
    assert_eq!(nothing, Found::Beside(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_meanwhile_is_read_to_its_segments_end_and_then_a_hole() {
    let store = Store::new();
    // Two minutes before a full hour: what is read is in one row of the index, and all behind it in the next.
    let hour = 3_600_000_000;
    let long_ago = WallTime((WallTime::now() - s(40 * 86_400)).0 / hour * hour) - s(120);
    let mut source = Source::new(1, long_ago);
    let recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip(H264), 50);
    recorded(&store.archive, 1, long_ago, long_ago + s(196)).await;
    recorder.stop().await;
    let mut reel = reel(&store.archive, 1);
    let first = clip_of(ask(&mut reel, What::From(moment(long_ago + s(5))), false));
    store.archive.keep(camera(1), 1).await.unwrap();
    assert!(!store.archive.sweep().await.is_empty());
    let (clips, end) = read_on(&mut reel, What::On, false);
    let read = first.shots.len() + pictures(&clips).len();
    // The first segment, of a minute: the reel held it.
    assert!((54 * 25..=57 * 25).contains(&read), "{read}");
    let hole = hole_of(end);
    assert_eq!(
        (hole.to, hole.reason.code),
        (None, ReasonCode::NotRecording)
    );
    drop(reel);
    store.archive.sweep().await;
    assert_eq!(store.files().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_recorders_edge_it_waits_and_reads_what_was_written_since() {
    let store = Store::new();
    let began = WallTime::now() - s(10);
    let mut source = Source::new(1, began);
    let _recorder = store.archive.record(source.lease(), 36_500);
    source.play(&clip(H264), 2);
    recorded(&store.archive, 1, began, began + s(5)).await;
    let mut reel = reel(&store.archive, 1);
    let (clips, end) = read_on(&mut reel, What::From(moment(began)), false);
    assert_eq!(end, Found::Edge);
    let read = pictures(&clips).len();
    source.play(&clip(H264), 1);
    let archive = &store.archive;
    until("more is written", || async {
        archive.written(camera(1)).await.unwrap() >= Some(began + s(10))
    })
    .await;
    let (more, _) = read_on(&mut reel, What::On, false);
    let mut all = clips;
    all.extend(more);
    let shown = pictures(&all);
    assert!(shown.len() > read, "{read}");
    assert!(
        shown
            .windows(2)
            .all(|s| (2000..5000).contains(&(s[1].dts - s[0].dts).0))
    );
}

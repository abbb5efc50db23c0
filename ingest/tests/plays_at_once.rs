//! Pulls of healthy cameras: every codec and transport, long groups, B-frames, sound.

mod harness;

use std::{collections::HashSet, time::Duration};

use camsim::{
    CameraConfig, Profile as CamProfile,
    clip::VideoCodec as CamCodec,
    counter,
    scene::{QuickClip, Sound},
};
use futures_util::FutureExt as _;
use harness::{Bench, clip, config, feed_id, until};
use ingest::{
    Config, Transport,
    decode::{Decoder, Options},
};
use media::{AudioCodec, MediaTime, Priority, SourceState, TrackKind, VideoCodec};

fn quick(name: &str, want: QuickClip) -> CameraConfig {
    CameraConfig::new(name, clip(want))
}

#[tokio::test]
async fn every_codec_comes_with_its_parameters() {
    for (codec, sound, video, audio) in [
        (
            CamCodec::H264,
            Sound::Aac,
            VideoCodec::H264,
            Some((AudioCodec::Aac, "mp4a.40.2", 16_000)),
        ),
        (
            CamCodec::H265,
            Sound::Pcma,
            VideoCodec::H265,
            Some((AudioCodec::PcmA, "alaw", 8000)),
        ),
        (
            CamCodec::H264,
            Sound::Pcmu,
            VideoCodec::H264,
            Some((AudioCodec::PcmU, "ulaw", 8000)),
        ),
        (CamCodec::H265, Sound::None, VideoCodec::H265, None),
    ] {
        let want = QuickClip {
            codec,
            sound,
            gop: 25,
            ..QuickClip::default()
        };
        let bench = Bench::new(quick("a", want)).await;
        let mut pull = bench.pull();
        let first = pull.video().await;
        let tracks = &first.tracks;
        assert_eq!(
            (tracks.video.codec, tracks.video.width, tracks.video.height),
            (video, 320, 180)
        );
        assert_eq!(
            tracks
                .audio
                .as_ref()
                .map(|a| (a.codec, a.codec_string.as_str(), a.rate)),
            audio
        );
        // AudioSpecificConfig: object type 2 (AAC-LC) in the first five bits.
        let config = tracks.audio.as_ref().and_then(|a| a.config.first());
        assert_eq!(config.map(|b| b >> 3), (sound == Sound::Aac).then_some(2));
        if audio.is_some() {
            let heard = pull
                .until_frame(|f| f.track == TrackKind::Audio && f.number > 20)
                .await;
            let seen = pull.video().await;
            // As exactly as the first of each arrived; RTP times by themselves are hours apart.
            assert!(
                (heard.pts - seen.pts).0.abs() < 30 * 90_000,
                "sound beside the picture"
            );
            assert!(!heard.key && !heard.damaged);
        }
        let status = bench.status();
        assert_eq!((status.state, status.reason), (SourceState::Live, None));
        assert!(status.tracks.is_some());
    }
}

#[tokio::test]
async fn sub_and_main_are_feeds_of_their_own_and_one_pull_serves_all() {
    let sub = clip(QuickClip {
        width: 160,
        height: 96,
        ..QuickClip::default()
    });
    let bench = Bench::new(CameraConfig {
        sub: Some(sub),
        ..quick("a", QuickClip::default())
    })
    .await;
    let mut camera = harness::registered(1, &bench.camera.url_with_password(CamProfile::Main));
    camera.sub = harness::registered(1, &bench.camera.url_with_password(CamProfile::Sub)).main;
    bench.ingest.upsert(camera);
    let mut pulls: Vec<_> = (0..20).map(|_| bench.pull()).collect();
    let small = media::FeedId {
        profile: media::Profile::Sub,
        ..feed_id(1)
    };
    let small = bench.ingest.pull(small, Priority::Viewer).unwrap();
    let numbers: HashSet<u32> = pulls.iter().map(|p| p.feed().number).collect();
    assert_eq!(numbers.len(), 1);
    assert!(!numbers.contains(&small.feed.number));
    for pull in &mut pulls {
        pull.video().await;
    }
    until("the small picture", || {
        small
            .feed
            .ring
            .newest_key()
            .filter(|f| f.tracks.video.width == 160)
    })
    .await;
    let stats = bench.camera.stats();
    assert_eq!((stats.plays, stats.main, stats.sub), (2, 1, 1));
}

#[tokio::test]
async fn udp_where_it_is_wanted_and_where_the_camera_insists() {
    for (transport, refuse_tcp) in [(Transport::Udp, false), (Transport::Auto, true)] {
        let bench = Bench::new(quick(
            "a",
            QuickClip {
                sound: Sound::Pcma,
                gop: 25,
                ..QuickClip::default()
            },
        ))
        .await;
        bench.camera.faults().change(|f| f.refuse_tcp = refuse_tcp);
        let mut camera = harness::registered(1, &bench.camera.url_with_password(CamProfile::Main));
        camera.main.as_mut().unwrap().transport = transport;
        bench.ingest.upsert(camera);
        let mut pull = bench.pull();
        pull.videos(60).await;
        pull.until_frame(|f| f.track == TrackKind::Audio).await;
        assert_eq!(
            bench.camera.stats().plays,
            1,
            "{transport:?}: at the first try"
        );
    }
}

#[tokio::test]
async fn tcp_alone_is_refused_with_the_cameras_answer() {
    let bench = Bench::new(quick("a", QuickClip::default())).await;
    bench.camera.faults().change(|f| f.refuse_tcp = true);
    let mut camera = harness::registered(1, &bench.camera.url_with_password(CamProfile::Main));
    camera.main.as_mut().unwrap().transport = Transport::Tcp;
    bench.ingest.upsert(camera);
    let _pull = bench.pull();
    let status = bench.reason(media::ReasonCode::RtspError).await;
    assert!(status.reason.unwrap().text.contains("461"));
}

#[tokio::test]
async fn a_viewer_who_comes_in_the_middle_of_a_ten_second_group_starts_at_once() {
    // Case 1. The gateway comes in the middle of a group, and its camera's next key frame is long away.
    let want = QuickClip {
        gop: 250,
        seconds: 20,
        ..QuickClip::default()
    };
    let bench = Bench::with(
        quick("a", want),
        Config {
            key_frame_timeout: Duration::from_secs(1),
            ..config()
        },
    )
    .await;
    bench.camera.faults().change(|f| f.no_key_frames = true);
    let mut first = bench.pull();
    // The gateway itself must wait for the next key frame, says so, and does not give up.
    bench.reason(media::ReasonCode::NoKeyFrame).await;
    assert_eq!(bench.status().state, SourceState::WaitingKeyFrame);
    bench.camera.faults().clear();
    let frames = first.videos(75).await;
    assert!(frames[0].key && frames[1..].iter().all(|f| !f.key));
    assert_eq!(bench.camera.stats().plays, 1);
    // Whoever comes now finds a key frame in the ring, and waits for nothing at all.
    let mut second = bench.pull();
    let frame = second.video().now_or_never().expect("it is there");
    assert!(frame.key && frame.group >= frames[0].group);
}

#[tokio::test]
async fn b_frames_slices_sei_and_delimiters() {
    // Case 12.
    // Several slices in H.265 are refused by the simulated camera: x265 does not write them soundly.
    for (codec, slices) in [(CamCodec::H264, 4), (CamCodec::H265, 1)] {
        let want = QuickClip {
            codec,
            bframes: 3,
            slices,
            delimiters: true,
            gop: 25,
            ..QuickClip::default()
        };
        let bench = Bench::new(quick("a", want)).await;
        let mut pull = bench.pull();
        let frames = pull.videos(100).await;
        assert!(frames.iter().any(|f| f.pts > f.dts), "{codec:?} reorders");
        assert!(frames.iter().all(|f| !f.discontinuity && !f.damaged));
        let mut shown: Vec<MediaTime> = frames.iter().map(|f| f.pts).collect();
        shown.sort();
        // The last ones may lack some that are shown between them.
        for pair in shown[..90].windows(2) {
            let distance = (pair[1] - pair[0]).0;
            // A twentieth may be drawn off.
            assert!((3400..=3800).contains(&distance), "{codec:?}: {distance}");
        }
        let mut decoder = Decoder::new(&frames[0].tracks.video, Options::default()).unwrap();
        let mut counted = Vec::new();
        for frame in &frames {
            decoder.push(frame).unwrap();
            for p in decoder.drain() {
                counted.push(counter::read(
                    &p.luma,
                    p.width as usize,
                    p.height as usize,
                    p.width as usize,
                ));
            }
        }
        assert!(counted.len() > 80, "{codec:?}: {}", counted.len());
        assert!(
            counted.iter().all(Option::is_some),
            "{codec:?}: every picture is whole: {counted:?}"
        );
    }
}

#[tokio::test]
async fn declared_25_delivered_21() {
    // Case 5: the timeline says what came, without gaps.
    let bench = Bench::new(quick(
        "a",
        QuickClip {
            fps: 21,
            gop: 21,
            ..QuickClip::default()
        },
    ))
    .await;
    let mut pull = bench.pull();
    let frames = pull.videos(80).await;
    for pair in frames.windows(2) {
        let distance = (pair[1].dts - pair[0].dts).0;
        // 90 000 / 21, of which a twentieth may be drawn off.
        assert!((4070..=4500).contains(&distance), "{distance}");
        assert!((4070..=4500).contains(&pair[1].duration.0));
    }
    // What the rates are is measured in the assembler's tests, where time is exact.
    until("measured rates", || {
        let status = bench.status();
        (status.frame_rate_x100 > 0 && status.bit_rate.0 > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sound_that_comes_late_and_stops() {
    // Case 13. All times are the camera's: seconds of media from the first picture, which is the first thing it sends.
    let bench = Bench::new(CameraConfig {
        start_at_key: true,
        ..quick(
            "a",
            QuickClip {
                sound: Sound::Aac,
                gop: 25,
                ..QuickClip::default()
            },
        )
    })
    .await;
    bench.camera.faults().change(|f| {
        f.audio_after_s = 2.0;
        f.audio_until_s = Some(4.0);
    });
    let mut pull = bench.pull();
    let first = pull.video().await;
    assert!(first.tracks.audio.is_some());
    // Sound and pictures come in the order in which they were sent: what was last seen says when a sound was due.
    let (mut seen, mut heard) = (0.0, Vec::new());
    while seen < 7.0 {
        let frame = pull.next().await;
        match frame.track {
            TrackKind::Video => seen = (frame.pts - first.pts).as_secs_f64(),
            TrackKind::Audio => heard.push(seen),
        }
    }
    assert_eq!(bench.camera.stats().plays, 1, "silence is no failure");
    // 1024 samples at 16 kHz are 64 ms.
    assert!((30..=33).contains(&heard.len()), "{heard:?}");
    // Where clocks differ, a twentieth may be drawn off the distances.
    let (begun, ended) = (heard[0], heard[heard.len() - 1]);
    assert!((1.8..=2.2).contains(&begun), "{begun}");
    assert!((3.7..=4.3).contains(&ended), "{ended}");
}

#[tokio::test]
async fn sound_that_nobody_wants_is_not_set_up() {
    let bench = Bench::new(quick(
        "a",
        QuickClip {
            sound: Sound::Aac,
            ..QuickClip::default()
        },
    ))
    .await;
    let mut camera = harness::registered(1, &bench.camera.url_with_password(CamProfile::Main));
    camera.main.as_mut().unwrap().audio = false;
    bench.ingest.upsert(camera);
    let mut pull = bench.pull();
    assert!(pull.next().await.tracks.audio.is_none());
    for _ in 0..50 {
        assert_eq!(pull.next().await.track, TrackKind::Video);
    }
}

#[tokio::test]
async fn odd_descriptions() {
    // Case 9.
    let bench = Bench::new(quick(
        "a",
        QuickClip {
            sound: Sound::Pcma,
            gop: 25,
            ..QuickClip::default()
        },
    ))
    .await;
    bench.camera.faults().change(|f| {
        f.sdp = camsim::SdpQuirks {
            no_address: false,
            fractional_framerate: true,
            metadata_track: true,
            back_channel: true,
            no_parameter_sets: true,
            ..camsim::SdpQuirks::default()
        };
    });
    let mut pull = bench.pull();
    let first = pull.video().await;
    assert_eq!(
        first.tracks.audio.as_ref().map(|a| a.codec),
        Some(AudioCodec::PcmA)
    );
    pull.until_frame(|f| f.track == TrackKind::Audio).await;
}

#[tokio::test]
async fn basic_and_digest() {
    for auth in [
        camsim::Auth::Basic,
        camsim::Auth::Digest,
        camsim::Auth::Both,
        camsim::Auth::None,
    ] {
        let bench = Bench::new(CameraConfig {
            auth,
            ..quick("a", QuickClip::default())
        })
        .await;
        bench.pull().video().await;
    }
}

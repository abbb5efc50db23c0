//! What cameras do to time, and what becomes of it.

mod harness;

use std::time::Duration;

use camsim::{
    CameraConfig, Profile as CamProfile,
    scene::{QuickClip, Sound},
};
use harness::{Bench, clip, until};
use media::{MediaTime, WallTime};

fn quick() -> CameraConfig {
    CameraConfig::new(
        "a",
        clip(QuickClip {
            gop: 25,
            sound: Sound::Pcma,
            ..QuickClip::default()
        }),
    )
}

#[tokio::test]
async fn timestamps_that_jump_go_back_or_wrap() {
    // Case 2.
    let bench = Bench::new(quick()).await;
    let mut pull = bench.pull();
    let mut last = pull.videos(20).await.pop().unwrap();
    for jump in [3600.0 * 7.0, -3600.0 * 9.0, -2.0, 86_400.0] {
        bench.camera.faults().jump_timestamps(jump);
        let broken = pull
            .until_frame(|f| f.discontinuity && f.track == media::TrackKind::Video)
            .await;
        // It goes on where the gateway's clock is.
        let distance = (broken.dts - last.dts).as_secs_f64();
        let passed = broken.captured.since(last.captured).as_secs_f64();
        assert!(
            distance > 0.0 && (distance - passed).abs() < 60.0,
            "{jump}: {distance} s for {passed} s"
        );
        let next = pull.videos(20).await;
        assert!(next.iter().all(|f| !f.discontinuity), "{jump}: marked once");
        for pair in next.windows(2) {
            assert!(((pair[1].dts - pair[0].dts).0 - 3600).abs() < 200);
        }
        last = next.last().unwrap().clone();
    }
    assert_eq!(bench.camera.stats().plays, 1, "the session goes on");
}

#[tokio::test]
async fn a_wrap_of_the_32_bits_is_no_event() {
    let bench = Bench::new(quick()).await;
    bench.camera.faults().change(|f| f.wrap_after_s = Some(2.0));
    let mut pull = bench.pull();
    let frames = pull.videos(100).await;
    assert!(frames.iter().all(|f| !f.discontinuity));
    assert!(
        frames
            .windows(2)
            .all(|w| ((w[1].dts - w[0].dts).0 - 3600).abs() < 200)
    );
}

#[tokio::test]
async fn no_sender_reports_at_all() {
    // Case 3: pictures at once, on the gateway's clock.
    let bench = Bench::new(quick()).await;
    bench.camera.faults().change(|f| f.no_sender_reports = true);
    let mut pull = bench.pull();
    let before = WallTime::now();
    let first = pull.video().await;
    assert!(first.captured >= before - Duration::from_secs(3) && first.captured <= WallTime::now());
    let frames = pull.videos(75).await;
    let last = frames.last().unwrap();
    assert!(frames.iter().all(|f| !f.discontinuity));
    let media = (last.pts - first.pts).as_secs_f64();
    assert!(
        (media - 3.0).abs() < 0.2,
        "75 pictures, 40 ms each: {media}"
    );
    assert!(last.captured > first.captured && last.captured <= WallTime::now());
    assert_eq!(bench.status().clock_offset_ms, None);
}

#[tokio::test]
async fn a_camera_clock_that_is_wrong_is_measured_and_not_believed() {
    // Case 4.
    let bench = Bench::new(quick()).await;
    // Hours, so that a machine that stands still for a minute is told from a camera whose clock is wrong.
    bench
        .camera
        .faults()
        .change(|f| f.clock_offset_s = 3.0 * 3600.0);
    let mut pull = bench.pull();
    pull.video().await;
    let near = |wanted: i64| {
        let offset = bench.status().clock_offset_ms;
        offset.filter(|ms| (ms - wanted * 3_600_000).abs() < 60_000)
    };
    until("three hours ahead", || near(3)).await;
    bench
        .camera
        .faults()
        .change(|f| f.clock_offset_s = -2.0 * 3600.0);
    until("two hours behind", || near(-2)).await;
    let frames = pull.videos(50).await;
    assert!(frames.iter().all(|f| !f.discontinuity));
    let frame = frames.last().unwrap();
    assert!(WallTime::now().since(frame.captured) < Duration::from_secs(600));
}

#[tokio::test]
async fn a_resolution_switch_in_mid_stream() {
    // Case 10.
    let bench = Bench::new(quick()).await;
    let mut pull = bench.pull();
    let old = pull.videos(10).await.pop().unwrap();
    let large = clip(QuickClip {
        width: 640,
        height: 360,
        gop: 25,
        ..QuickClip::default()
    });
    bench.camera.put(CamProfile::Main, large).unwrap();
    let new = pull.until_frame(|f| f.tracks.video.width == 640).await;
    assert!(new.key && new.tracks.video.config != old.tracks.video.config);
    assert_eq!(bench.camera.stats().plays, 1);
    for frame in pull.videos(30).await {
        assert!(std::sync::Arc::ptr_eq(&frame.tracks, &new.tracks));
    }
    until("the status", || {
        bench.status().tracks.filter(|t| t.video.width == 640)
    })
    .await;
}

#[tokio::test]
async fn what_is_lost_on_udp_is_marked() {
    // Case 14.
    let bench = Bench::new(quick()).await;
    let mut camera = harness::registered(1, &bench.camera.url_with_password(CamProfile::Main));
    camera.main.as_mut().unwrap().transport = ingest::Transport::Udp;
    bench.ingest.upsert(camera);
    let mut pull = bench.pull();
    pull.videos(5).await;
    bench.camera.faults().change(|f| f.lose = 0.05);
    let broken = pull
        .until_frame(|f| f.damaged && f.track == media::TrackKind::Video)
        .await;
    let next = pull
        .until_frame(|f| f.track == media::TrackKind::Video)
        .await;
    assert!(
        next.damaged || next.group > broken.group,
        "to the end of its group"
    );
    bench.camera.faults().clear();
    let group = pull.video().await.group;
    let whole = pull
        .until_frame(|f| f.key && f.group > group && !f.damaged)
        .await;
    assert!(whole.pts > broken.pts + MediaTime(1));
    assert_eq!(bench.camera.stats().plays, 1, "loss alone ends no session");
}

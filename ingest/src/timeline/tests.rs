use super::*;
use proptest::prelude::*;

const V: TrackKind = TrackKind::Video;
const A: TrackKind = TrackKind::Audio;
const FRAME: i64 = SECOND / 25;

fn ms(n: i64) -> MediaTime {
    MediaTime(n * 90)
}

/// Plays `n` frames of 40 ms, each 5 ms after it was due, from this RTP time and moment.
fn play(line: &mut Timeline, rtp: i64, at_ms: i64, n: i64) -> Vec<Stamp> {
    (0..n)
        .map(|i| line.stamp(V, rtp + i * FRAME, 90_000, ms(at_ms + i * 40)))
        .collect()
}

#[test]
fn the_first_frame_is_where_it_arrived_and_the_rest_as_far_apart_as_the_camera_says() {
    let mut line = Timeline::new();
    let arrivals = [300, 370, 371, 420, 470];
    let got: Vec<i64> = arrivals
        .iter()
        .enumerate()
        .map(|(i, at)| {
            line.stamp(V, 4_000_000_000 + i as i64 * FRAME, 90_000, ms(*at))
                .pts
                .0
        })
        .collect();
    assert_eq!(got, [27_000, 30_600, 34_200, 37_800, 41_400]);
}

#[test]
fn jumps_in_any_direction_are_marked_and_gone_over() {
    for jump in [
        3600 * SECOND,
        -3600 * SECOND,
        -2 * SECOND,
        40 * 3600 * SECOND,
        -1,
    ] {
        let mut line = Timeline::new();
        line.set_reorder(Some(0));
        let before = play(&mut line, 1_000_000, 0, 50);
        let jump = if jump == -1 { -FRAME * 3 } else { jump };
        let after = play(&mut line, 1_000_000 + 50 * FRAME + jump, 2000, 50);
        assert!(after[0].discontinuity, "{jump}");
        assert!(after[1..].iter().all(|s| !s.discontinuity));
        let distance = after[0].dts - before[49].dts;
        assert!(
            (FRAME..=2 * FRAME).contains(&distance.0),
            "{jump}: {distance:?}"
        );
        assert_eq!(after[1].duration, MediaTime(FRAME));
    }
}

#[test]
fn a_reconnect_goes_on_where_the_clock_is() {
    let mut line = Timeline::new();
    let first = play(&mut line, 77, 0, 10);
    assert!(!first[0].discontinuity);
    line.restart();
    let second = play(&mut line, 9_999_999, 60_000, 10);
    assert!(second[0].discontinuity && !second[1].discontinuity);
    assert_eq!(second[0].pts, ms(60_000));
    // And at once, faster than the clock: still rising.
    line.restart();
    let third = play(&mut line, 5, 60_100, 10);
    assert!(third[0].dts > second[9].dts);
}

#[test]
fn a_clock_that_runs_wrong_is_followed_within_a_bound() {
    // 0.1 % is eighty times worse than the worst quartz.
    for rate in [0.999, 1.001] {
        let mut line = Timeline::new();
        let mut worst = 0;
        for i in 0..25 * 3600i64 {
            let arrival = i * 40;
            let rtp = (i as f64 * FRAME as f64 * rate) as i64;
            let stamp = line.stamp(V, rtp, 90_000, ms(arrival));
            assert!(!stamp.discontinuity);
            worst = worst.max((stamp.pts - ms(arrival)).0.abs());
        }
        assert!(worst < SECOND / 20, "{rate}: {worst} of 90000");
    }
}

#[test]
fn a_stall_in_the_network_changes_nothing() {
    let mut line = Timeline::new();
    play(&mut line, 0, 0, 500);
    // Three seconds late, then all at once.
    let late: Vec<Stamp> = (500..575)
        .map(|i| line.stamp(V, i * FRAME, 90_000, ms(23_000)))
        .collect();
    assert!(late.iter().all(|s| !s.discontinuity));
    assert!(
        late.windows(2)
            .all(|w| (w[1].pts - w[0].pts).0.abs_diff(FRAME) < 40)
    );
}

#[test]
fn a_stored_group_sent_at_once_is_taken_as_it_is() {
    let mut line = Timeline::new();
    let burst: Vec<Stamp> = (0..200)
        .map(|i| line.stamp(V, i * FRAME, 90_000, ms(100)))
        .collect();
    assert!(
        burst
            .windows(2)
            .all(|w| w[1].pts - w[0].pts == MediaTime(FRAME))
    );
    let mut ahead = 0;
    for i in 0..25 * 300i64 {
        let at = ms(100 + i * 40);
        let stamp = line.stamp(V, (200 + i) * FRAME, 90_000, at);
        assert!(!stamp.discontinuity);
        ahead = (stamp.pts - at).0;
    }
    assert!(ahead < SECOND / 2, "drawn off after five minutes: {ahead}");
}

#[test]
fn b_frames_get_even_decode_times() {
    // In order of decoding: I0 P3 B1 B2 P6 B4 B5.
    let shown: Vec<i64> = [0i64]
        .into_iter()
        .chain((0..20).flat_map(|g| [3 * g + 3, 3 * g + 1, 3 * g + 2]))
        .collect();
    let mut line = Timeline::new();
    line.set_reorder(Some(1));
    let stamps: Vec<Stamp> = shown
        .iter()
        .enumerate()
        .map(|(i, n)| line.stamp(V, n * FRAME, 90_000, ms(i as i64 * 40)))
        .collect();
    assert!(stamps.iter().all(|s| !s.discontinuity && s.dts <= s.pts));
    assert!(
        stamps
            .windows(2)
            .all(|w| w[1].dts - w[0].dts == MediaTime(FRAME))
    );
    assert!(
        stamps
            .iter()
            .zip(&shown)
            .all(|(s, n)| s.pts.0 - stamps[0].pts.0 == n * FRAME)
    );
}

#[test]
fn reordering_that_nobody_declared_is_learned() {
    let mut line = Timeline::new();
    line.set_reorder(None);
    let shown: Vec<i64> = (0..40)
        .flat_map(|g| [4 * g + 2, 4 * g, 4 * g + 1, 4 * g + 3])
        .collect();
    let stamps: Vec<Stamp> = shown
        .iter()
        .enumerate()
        .map(|(i, n)| line.stamp(V, n * FRAME, 90_000, ms(i as i64 * 40)))
        .collect();
    let settled = &stamps[16..];
    assert!(settled.iter().all(|s| s.dts <= s.pts && !s.discontinuity));
    for (w, n) in settled.windows(2).zip(shown[16..].windows(2)) {
        let error = (w[1].pts - w[0].pts).0 - (n[1] - n[0]) * FRAME;
        assert!(error.abs() < 180, "{error} of 90 000");
    }
}

#[test]
fn a_clock_that_trembles_is_no_jump() {
    let mut line = Timeline::new();
    line.set_reorder(Some(0));
    let mut stamps = Vec::new();
    for i in 0..500i64 {
        let rtp = i * FRAME + if i % 10 == 9 { -FRAME - 900 } else { 0 };
        stamps.push(line.stamp(V, rtp, 90_000, ms(i * 40)));
    }
    assert!(stamps.iter().all(|s| !s.discontinuity));
    let error = stamps[498].pts - ms(498 * 40);
    assert!(error.0.abs() < SECOND / 10, "{error:?}");
}

#[test]
fn audio_is_drawn_beside_the_video_by_the_cameras_reports() {
    let mut line = Timeline::new();
    let ntp = 1_700_000_000_000_000;
    line.report(V, 0, 90_000, ntp);
    line.report(A, 0, 8000, ntp);
    for i in 0..60 * 50i64 {
        if i % 2 == 0 {
            line.stamp(V, i * 1800, 90_000, ms(i * 20));
        }
        // Sound arrives 300 ms after the picture it belongs to.
        line.stamp(A, i * 160, 8000, ms(i * 20 + 300));
    }
    let video = line.stamp(V, 60 * 50 * 1800, 90_000, ms(60_000)).pts;
    let audio = line.stamp(A, 60 * 50 * 160, 8000, ms(60_300)).pts;
    assert!((video - audio).0.abs() < SECOND / 25, "{video:?} {audio:?}");
}

#[test]
fn a_camera_whose_time_stands_still_is_moved_forward() {
    let mut line = Timeline::new();
    let mut moved = 0;
    for i in 0..25 * 60i64 {
        let stamp = line.stamp(V, 1000, 90_000, ms(i * 40));
        moved += i64::from(stamp.discontinuity);
        assert!((ms(i * 40) - stamp.pts).0 < 13 * SECOND);
    }
    assert!(moved >= 4, "{moved}");
}

proptest! {
    #[test]
    fn whatever_comes_dts_rises_and_is_not_after_pts(
        steps in proptest::collection::vec((any::<bool>(), prop_oneof![
            Just(3600i64), -20_000i64..20_000, -400_000_000i64..400_000_000, any::<i32>().prop_map(i64::from), any::<i64>(),
        ], 0i64..2000, 0u8..40), 1..300),
        depth in proptest::option::of(0u8..=16),
    ) {
        let mut line = Timeline::new();
        line.set_reorder(depth);
        let (mut rtp, mut now) = ([0i64, 0], 0);
        let mut last: [Option<MediaTime>; 2] = [None, None];
        for (audio, step, passed, event) in steps {
            now += passed;
            let (kind, i, rate) = if audio { (A, 1, 8000) } else { (V, 0, 90_000) };
            rtp[i] = rtp[i].wrapping_add(step);
            match event {
                0 => line.restart(),
                1 => line.report(kind, rtp[i], rate, step),
                _ => {}
            }
            let stamp = line.stamp(kind, rtp[i], rate, ms(now));
            prop_assert!(stamp.dts <= stamp.pts);
            prop_assert!(last[i].is_none_or(|l| l < stamp.dts), "{:?} {:?}", last[i], stamp);
            prop_assert!(stamp.duration > MediaTime(0));
            // Bounded by the gateway's clock, but for frames that come faster than any camera's.
            prop_assert!(stamp.pts.0 <= ms(now).0 + MAX_AHEAD.0 + 6 * SECOND);
            last[i] = Some(stamp.dts);
        }
    }
}

use bytes::Bytes;
use media::{VideoCodec, VideoTrack};

use super::*;

fn tracks(width: u16) -> Arc<Tracks> {
    Arc::new(Tracks {
        video: VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c01e".into(),
            config: Bytes::from_static(&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0]),
            width,
            height: 360,
        },
        audio: None,
    })
}

fn frame(tracks: &Arc<Tracks>, dts_ms: i64, wall_ms: i64, key: bool, len: usize) -> Arc<Frame> {
    Arc::new(Frame {
        feed: 1,
        tracks: Arc::clone(tracks),
        track: TrackKind::Video,
        key,
        discontinuity: false,
        damaged: false,
        group: 0,
        number: 0,
        dts: MediaTime(dts_ms * 90),
        pts: MediaTime(dts_ms * 90),
        duration: MediaTime(40 * 90),
        captured: WallTime(wall_ms * 1000),
        data: vec![0; len].into(),
        package: Default::default(),
    })
}

/// Steps as text: O start, W frames first-last, S end; milliseconds.
fn steps(s: &mut Segmenter) -> Vec<String> {
    std::iter::from_fn(|| s.poll())
        .map(|step| match step {
            Step::Open { start, .. } => format!("O {}", start.0 / 1000),
            Step::Write(b) => format!("W {} {}-{}", b.video.len(), b.wall.0 / 1000, b.end.0 / 1000),
            Step::Seal { end } => format!("S {}", end.0 / 1000),
        })
        .collect()
}

#[test]
fn groups_are_written_and_segments_cut_at_the_key_frame_after_a_minute() {
    let (t, mut s) = (tracks(640), Segmenter::new(Limits::default()));
    for n in 0..25 * 130 {
        s.frame(frame(&t, n * 40, n * 40, n % 50 == 0, 100));
    }
    s.cut();
    let steps = steps(&mut s);
    assert_eq!(steps[..3], ["O 0", "W 50 0-2000", "W 50 2000-4000"]);
    assert_eq!(steps[30..33], ["W 50 58000-60000", "S 60000", "O 60000"]);
    assert_eq!(steps.last().unwrap(), "S 130000");
}

#[test]
fn a_long_group_is_written_in_parts_and_so_is_a_heavy_one() {
    let (t, mut s) = (tracks(640), Segmenter::new(Limits::default()));
    for n in 0..250 {
        s.frame(frame(&t, n * 40, n * 40, n == 0, 100));
    }
    assert_eq!(steps(&mut s), ["O 0", "W 100 0-4000", "W 100 4000-8000"]);
    for n in 250..263 {
        s.frame(frame(&t, n * 40, n * 40, false, 200_000));
    }
    assert_eq!(steps(&mut s), ["W 56 8000-10240", "W 6 10240-10480"]);
}

#[test]
fn only_time_without_frames_is_a_hole() {
    let (t, mut s) = (tracks(640), Segmenter::new(Limits::default()));
    // Declared 25, delivered 21, for half a minute; timestamps as declared.
    for n in 0..630 {
        s.frame(frame(&t, n * 40, n * 1000 / 21, n % 25 == 0, 10));
    }
    assert!(!steps(&mut s).iter().any(|step| step.starts_with('S')));
    // A stall of 8 s, after which everything arrives at once.
    for n in 630..830 {
        s.frame(frame(&t, n * 40, 38_000, n % 25 == 0, 10));
    }
    assert!(!steps(&mut s).iter().any(|step| step.starts_with('S')));
    // 3 s are missing: sealed where frames ended, and nothing is kept before a key frame.
    assert!(!s.frame(frame(&t, 36_200, 41_000, false, 10)));
    assert!(s.frame(frame(&t, 36_240, 41_040, true, 10)));
    let steps = steps(&mut s);
    assert_eq!(steps[steps.len() - 2..], ["S 38040", "O 41040"]);
}

#[test]
fn one_frame_in_five_seconds_is_no_hole() {
    let (t, mut s) = (tracks(640), Segmenter::new(Limits::default()));
    for n in 0..30 {
        let mut f = frame(&t, n * 5000, n * 5000, true, 10);
        Arc::get_mut(&mut f).unwrap().duration = MediaTime(5000 * 90);
        s.frame(f);
    }
    s.cut();
    let seals: Vec<String> = steps(&mut s)
        .into_iter()
        .filter(|step| step.starts_with('S'))
        .collect();
    assert_eq!(seals, ["S 60000", "S 120000", "S 150000"]);
}

#[test]
fn new_tracks_silence_and_clocks_set_back_end_a_segment() {
    let (small, large) = (tracks(640), tracks(1280));
    let mut s = Segmenter::new(Limits::default());
    s.frame(frame(&small, 0, 0, true, 10));
    // Another pointer to the same is no change.
    s.frame(frame(&tracks(640), 40, 40, false, 10));
    s.frame(frame(&large, 80, 80, true, 10));
    assert_eq!(steps(&mut s), ["O 0", "W 2 0-80", "S 80", "O 80"]);
    s.quiet(Duration::from_secs(2));
    s.quiet(Duration::from_secs(3));
    assert_eq!(steps(&mut s), ["W 1 80-120"]);
    s.quiet(Duration::from_secs(11));
    assert_eq!(steps(&mut s), ["S 120"]);
    s.frame(frame(&large, 12_000, 20_000, true, 10));
    s.frame(frame(&large, 12_040, 5_000, true, 10));
    s.cut();
    assert_eq!(
        steps(&mut s),
        [
            "O 20000",
            "W 1 20000-20040",
            "S 20040",
            "O 5000",
            "W 1 5000-5040",
            "S 5040"
        ]
    );
}

use super::*;
use crate::{
    time::WallTime,
    track::{Tracks, VideoCodec, VideoTrack},
};
use bytes::Bytes;
use proptest::prelude::*;

pub(crate) fn tracks() -> Arc<Tracks> {
    Arc::new(Tracks {
        video: VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c01e".into(),
            config: Bytes::from_static(&[1, 0x42, 0xc0, 0x1e, 0xff, 0xe0, 0]),
            width: 640,
            height: 360,
        },
        audio: None,
    })
}

pub(crate) fn frame(tracks: &Arc<Tracks>, n: u32, gop: u32, len: usize) -> Arc<Frame> {
    let dts = MediaTime(i64::from(n) * 3600);
    Arc::new(Frame {
        feed: 1,
        tracks: Arc::clone(tracks),
        track: TrackKind::Video,
        key: n.is_multiple_of(gop),
        discontinuity: false,
        damaged: false,
        group: n / gop,
        number: n % gop,
        dts,
        pts: dts,
        duration: MediaTime(3600),
        captured: WallTime::from_secs(1),
        data: vec![n as u8; len].into(),
        package: Default::default(),
    })
}

fn bell() -> Arc<Notify> {
    Arc::new(Notify::new())
}

#[test]
fn a_late_joiner_starts_at_the_key_frame_of_a_long_group() {
    let (ring, t) = (Ring::new(Limits::default()), tracks());
    for n in 0..430 {
        ring.push(frame(&t, n, 250, 9_000));
    }
    let mut cursor = ring.cursor_at_key(bell());
    let Some(Next::Frame(first)) = cursor.try_next() else {
        panic!("a frame is there")
    };
    assert!(first.key);
    assert_eq!(first.dts, MediaTime(250 * 3600));
}

#[test]
fn a_slow_cursor_is_told_exactly_what_it_missed() {
    let limits = Limits {
        max: ByteCount(20_000),
        history: ByteCount(2_000),
    };
    let (ring, t) = (Ring::new(limits), tracks());
    ring.push(frame(&t, 0, 10, 500));
    let mut cursor = ring.cursor_at_key(bell());
    assert!(matches!(cursor.try_next(), Some(Next::Frame(_))));
    for n in 1..105 {
        ring.push(frame(&t, n, 10, 500));
    }
    let Some(Next::Skipped(missed)) = cursor.try_next() else {
        panic!("it must have been too late")
    };
    assert_eq!(
        missed,
        Missed {
            frames: 99,
            bytes: 99 * 500,
            time: MediaTime(100 * 3600)
        }
    );
    let Some(Next::Frame(next)) = cursor.try_next() else {
        panic!()
    };
    assert!(next.key);
    assert_eq!(next.group, 10);
}

proptest! {
    /// Whatever is pushed and however slowly it is read: the bound holds, frames come in order, what is missing is
    /// accounted for to the frame, and after a skip a key frame comes first.
    #[test]
    fn bounded_ordered_and_accounted(
        steps in proptest::collection::vec((1u8..20, 0u8..12, 1usize..4000), 1..60),
        gop in 1u32..30,
    ) {
        let limits = Limits { max: ByteCount(60_000), history: ByteCount(9_000) };
        let (ring, t) = (Ring::new(limits), tracks());
        ring.push(frame(&t, 0, gop, 100));
        let mut cursor = ring.cursor_at_key(bell());
        let (mut pushed, mut seen, mut missed) = (1u32, 0u64, 0u64);
        let (mut last, mut after_skip) = (None, false);
        for (push, read, len) in steps {
            for _ in 0..push {
                ring.push(frame(&t, pushed, gop, len));
                pushed += 1;
            }
            prop_assert!(ring.held().0 <= limits.max.0.max(len as u64 + 512));
            for _ in 0..read {
                match cursor.try_next() {
                    Some(Next::Frame(f)) => {
                        if after_skip { prop_assert!(f.key); }
                        after_skip = false;
                        prop_assert!(last.is_none_or(|l| f.dts > l));
                        last = Some(f.dts);
                        seen += 1;
                    }
                    Some(Next::Skipped(m)) => { missed += m.frames; after_skip = true; }
                    Some(Next::Closed(_)) => prop_assert!(false, "nobody closed it"),
                    None => break,
                }
            }
        }
        // Frames passed over while waiting for a key frame are the only ones not counted; none where no wait happened.
        prop_assert!(seen + missed <= u64::from(pushed));
    }
}

#[tokio::test]
async fn closing_is_read_after_the_rest() {
    let (ring, t) = (Ring::new(Limits::default()), tracks());
    let mut cursor = ring.cursor_at_key(bell());
    ring.push(frame(&t, 0, 10, 10));
    ring.close(None);
    assert!(matches!(cursor.next().await, Next::Frame(_)));
    assert!(matches!(cursor.next().await, Next::Closed(None)));
}

#[test]
fn the_past_that_somebody_wants_is_kept_within_its_bound() {
    let limits = Limits {
        max: ByteCount(2_000_000),
        history: ByteCount(50_000),
    };
    let (ring, t) = (Ring::new(limits), tracks());
    let time = |seconds| Duration::from_secs(seconds);
    let kept = |time, max| Kept {
        time,
        max: ByteCount(max),
    };
    let mut n = 0;
    let mut push = |frames: u32| {
        for _ in 0..frames {
            // 25 a second, a group of 2 s, 250 kB a second.
            ring.push(frame(&t, n, 50, 10_000));
            n += 1;
        }
    };
    push(500);
    assert!(ring.reach() < time(3), "{:?}", ring.reach());
    let keep = ring.keep(kept(time(10), 4_000_000));
    push(1000);
    // The key frame at or before ten seconds ago, and not a group more.
    let reach = ring.reach();
    assert!(reach >= time(10) && reach < time(12), "{reach:?}");
    // A bound is a bound: four seconds of this camera.
    let tight = Ring::new(Limits {
        max: ByteCount(500_000),
        ..limits
    });
    let _tight = tight.keep(kept(time(10), 1_100_000));
    for n in 0..1000 {
        tight.push(frame(&t, n, 50, 10_000));
        assert!(tight.held().0 <= 1_100_000);
    }
    assert!(tight.reach() < time(5));
    drop(keep);
    assert!(ring.reach() < time(3), "{:?}", ring.reach());
}

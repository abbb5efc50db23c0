use std::sync::OnceLock;

use bytes::Bytes;
use media::{AudioCodec, AudioTrack, Profile, Tracks, VideoCodec, fmp4::Sample};
use proptest::prelude::*;

use super::{plan::Plan, *};
use crate::{
    index::Origin,
    segment::{Header, Run},
};

fn tracks(width: u16) -> Tracks {
    Tracks {
        video: VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.64001f".into(),
            config: Bytes::from_static(&[
                1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 2, 0x67, 9, 1, 0, 1, 0x68,
            ]),
            width,
            height: 720,
        },
        audio: Some(AudioTrack {
            codec: AudioCodec::Aac,
            codec_string: "mp4a.40.2".into(),
            config: Bytes::from_static(&[0x11, 0x90]),
            rate: 48_000,
            channels: 2,
        }),
    }
}

/// A picture: how long, by how much later it is shown, its size. A group of them, and the sounds that go with it: how long, and
/// their size.
type Group = (Vec<(i64, i64, u32)>, Vec<(i64, u32)>);

/// A segment: its groups, how much later its first sound begins, how long nothing comes before it, and how wide its pictures are.
#[derive(Clone, Debug)]
struct Recorded {
    groups: Vec<Group>,
    sound: i64,
    gap_ms: i64,
    width: u16,
}

fn recorded() -> impl Strategy<Value = Recorded> {
    let picture = (
        prop_oneof![Just(3600i64), 1i64..8000],
        prop_oneof![Just(0i64), Just(3600), 0i64..9000],
        0u32..400,
    );
    let sound = (prop_oneof![Just(1920i64), 900i64..2500], 0u32..90);
    let group = (
        proptest::collection::vec(picture, 1..8),
        proptest::collection::vec(sound, 0..8),
    );
    let width = prop_oneof![9 => Just(1280u16), 1 => Just(640u16)];
    let gap = prop_oneof![4 => Just(0i64), 1 => 0i64..5000];
    (
        proptest::collection::vec(group, 1..4),
        -2000i64..4000,
        gap,
        width,
    )
        .prop_map(|(groups, sound, gap_ms, width)| Recorded {
            groups,
            sound,
            gap_ms,
            width,
        })
}

/// The file's layout, and when it ends.
fn layout(recorded: &Recorded, start: WallTime) -> (Layout, WallTime) {
    let (mut dts, mut sound, mut offset) = (0, recorded.sound.max(0), 1000u64);
    let mut fragments = Vec::new();
    for (video, audio) in &recorded.groups {
        let begin = dts;
        let mut run = |base, samples: Vec<Sample>| {
            let run = Run {
                base: MediaTime(base),
                data: offset,
                samples,
            };
            offset += run.bytes();
            run
        };
        let pictures = video
            .iter()
            .enumerate()
            .map(|(n, (duration, late, size))| Sample {
                duration: MediaTime(*duration),
                size: *size,
                sync: n == 0,
                // Never before the group's first.
                composition: MediaTime(if n == 0 {
                    video[0].1
                } else {
                    *late + video[0].1
                }),
            });
        let video_run = run(begin, pictures.collect());
        let sounds = audio.iter().map(|(duration, size)| Sample {
            duration: MediaTime(*duration),
            size: *size,
            sync: true,
            composition: MediaTime(0),
        });
        let audio_run = run(sound, sounds.collect());
        dts += video.iter().map(|v| v.0).sum::<i64>();
        sound += audio.iter().map(|a| a.0).sum::<i64>();
        fragments.push(Fragment {
            offset: 0,
            moof: 0,
            end: offset,
            wall: WallTime(start.0 + begin * 100 / 9),
            reference: MediaTime(begin),
            video: video_run,
            audio: audio_run,
        });
        // The head of the next fragment.
        offset += 200;
    }
    let header = Header {
        camera: "44140301001320000001".parse().unwrap(),
        profile: Profile::Main,
        writer: 1,
        sequence: 1,
        start,
        previous: [0; 32],
        origin: Origin::Gateway,
    };
    let end = WallTime(start.0 + dts * 100 / 9);
    let layout = Layout {
        header,
        tracks: tracks(recorded.width),
        fragments,
        whole: offset,
        seal: None,
        torn: None,
    };
    (layout, end)
}

/// Of an extent: at, length, source, offset.
type Place = (u64, u64, u32, u64);

/// The whole head and where the samples come from; of what was added by its summary, as its file says.
fn filled(plan: &Plan, layouts: &[(Layout, WallTime)]) -> (Vec<u8>, Vec<Place>) {
    let mut head = plan.blank();
    let mut extents = Vec::new();
    for part in &plan.parts {
        let own = OnceLock::new();
        match &part.rows {
            Some(rows) => plan.put(part, rows, &mut head),
            None => {
                let layout = &layouts[part.source as usize].0;
                let seen = plan.read(part, layout).expect("it is what was planned");
                plan.put(part, &seen.rows, &mut head);
                let _ = own.set(seen.extents);
            }
        }
        let of = part.extents.get().or(own.get()).expect("its extents");
        assert_eq!(
            of.iter().map(|e| e.len).sum::<u64>(),
            part.range().end - part.range().start
        );
        extents.extend(of.iter().map(|e| (e.at, e.len, e.source, e.offset)));
    }
    (head, extents)
}

/// The boxes as far as each is whole and inside the one around it; gives how many there are.
fn boxes(bytes: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let kind = &bytes[at + 4..at + 8];
        assert!(
            size >= 8 && at + size <= bytes.len(),
            "{} of {size} bytes",
            kind.escape_ascii()
        );
        if matches!(kind, b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl") {
            count += boxes(&bytes[at + 8..at + size]);
        }
        at += size;
        count += 1;
    }
    count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The file is the same whether a segment's file was read for the plan or its summary was enough.
    #[test]
    fn a_summary_says_what_the_file_says(all in proptest::collection::vec(recorded(), 1..7), use_it: u8) {
        let mut at = WallTime(1_700_000_000_000_000);
        let mut layouts = Vec::new();
        for one in &all {
            at = WallTime(at.0 + one.gap_ms * 1000);
            let (layout, end) = layout(one, at);
            at = end;
            layouts.push((layout, end));
        }
        let range = (WallTime(0), WallTime(i64::MAX));
        let (mut files, mut short) = (Mux::new(range.0, range.1), Mux::new(range.0, range.1));
        let mut without = 0;
        for (n, (layout, end)) in layouts.iter().enumerate() {
            files.segment(n as u32, layout, range.1);
            let summary = summary(&layout.tracks, &layout.fragments, *end).filter(|_| use_it >> n & 1 == 1);
            let is_enough = |s| short.whole(n as u32, &s, layout.header.start, *end);
            match summary.is_some_and(is_enough) {
                true => without += 1,
                false => short.segment(n as u32, layout, range.1),
            }
        }
        let (files, short) = (files.plan().unwrap(), short.plan().unwrap());
        prop_assert_eq!(short.parts.iter().filter(|p| p.rows.is_none()).count(), without);
        prop_assert_eq!((files.head_len, files.bytes, files.start, files.duration), (short.head_len, short.bytes, short.start, short.duration));
        prop_assert_eq!(files.prefix(), short.prefix());
        let (files, short) = (filled(&files, &layouts), filled(&short, &layouts));
        prop_assert_eq!(files.1, short.1);
        prop_assert!(files.0 == short.0, "the heads differ");
        // All but the header of `mdat`.
        prop_assert!(boxes(&files.0[..files.0.len() - 16]) > 10);
    }

    /// What a summary of another file says is found out when that one is read.
    #[test]
    fn a_file_that_is_not_the_one_summed_up_is_found_out(one in recorded(), other in recorded()) {
        let start = WallTime(1_700_000_000_000_000);
        let (first, end) = layout(&one, start);
        let (second, second_end) = layout(&one, end);
        let mut mux = Mux::new(WallTime(0), WallTime(i64::MAX));
        mux.segment(0, &first, WallTime(i64::MAX));
        let summed = summary(&second.tracks, &second.fragments, second_end);
        prop_assume!(summed.is_some_and(|s| mux.whole(1, &s, end, second_end)));
        let plan = mux.plan().unwrap();
        prop_assert!(plan.read(&plan.parts[1], &second).is_some());
        let (wrong, _) = layout(&other, end);
        let differs = summary(&wrong.tracks, &wrong.fragments, second_end)
            .map(|s| (s.video, s.audio, s.bytes)) != summed.map(|s| (s.video, s.audio, s.bytes));
        prop_assert_eq!(plan.read(&plan.parts[1], &wrong).is_none(), differs);
    }
}

#[test]
fn an_hour_of_usual_segments_needs_no_file_but_the_first() {
    let mut sounds = vec![(1920, 20); 46];
    sounds.push((1680, 20));
    let recorded = Recorded {
        groups: vec![(vec![(3600, 0, 100); 25], sounds); 60],
        sound: 0,
        gap_ms: 0,
        width: 1280,
    };
    let mut mux = Mux::new(WallTime(0), WallTime(i64::MAX));
    let mut at = WallTime(1_700_000_000_000_000);
    for n in 0..60 {
        let (layout, end) = layout(&recorded, at);
        let summary = summary(&layout.tracks, &layout.fragments, end).unwrap();
        match n {
            0 => mux.segment(n, &layout, WallTime(i64::MAX)),
            _ => assert!(mux.whole(n, &summary, at, end), "segment {n}"),
        }
        at = end;
    }
    let plan = mux.plan().unwrap();
    assert_eq!((plan.parts.len(), plan.pieces.len()), (60, 1));
    assert_eq!(plan.duration, MediaTime(3600 * 90_000));
}

use std::{fs, sync::Arc};

use bytes::Bytes;
use media::{
    AudioCodec, AudioTrack, Frame, MediaTime, Profile, TrackKind, Tracks, VideoCodec, VideoTrack,
    WallTime,
};
use proptest::prelude::*;

use super::*;
use crate::{
    files::Files,
    index::Origin,
    segmenter::{Batch, Timed},
};

fn tracks() -> Arc<Tracks> {
    Arc::new(Tracks {
        video: VideoTrack {
            codec: VideoCodec::H265,
            codec_string: "hvc1.1.6.L93.B0".into(),
            config: Bytes::from_static(&[1, 2, 3, 4, 5, 6, 7]),
            width: 1920,
            height: 1080,
        },
        audio: Some(AudioTrack {
            codec: AudioCodec::Aac,
            codec_string: "mp4a.40.2".into(),
            config: Bytes::from_static(&[0x11, 0x90]),
            rate: 96_000,
            channels: 2,
        }),
    })
}

fn header() -> Header {
    Header {
        camera: "44140301001320000001".parse().unwrap(),
        profile: Profile::Sub,
        writer: 0xdead_beef_0bad_cafe,
        sequence: 77,
        start: WallTime(1_700_000_000_123_456),
        previous: [7; 32],
        origin: Origin::Recorder,
    }
}

/// A fragment: (size, distance, composition, key) a video frame, sizes of audio frames.
type Group = (Vec<(usize, i64, i64, bool)>, Vec<usize>);

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let video = (0usize..300, 1i64..20_000, 0i64..10_000, any::<bool>());
    let group = (
        proptest::collection::vec(video, 1..12),
        proptest::collection::vec(0usize..60, 0..6),
    );
    proptest::collection::vec(group, 1..6)
}

fn batches(tracks: &Arc<Tracks>, groups: &[Group]) -> Vec<Batch> {
    let (mut video, mut audio) = (900_000, 900_500);
    let frame = |track, dts, composition, duration, key, len: usize| Timed {
        frame: Arc::new(Frame {
            feed: 1,
            tracks: Arc::clone(tracks),
            track,
            key,
            discontinuity: false,
            damaged: false,
            group: 0,
            number: 0,
            dts: MediaTime(dts),
            pts: MediaTime(dts + composition),
            duration: MediaTime(duration),
            captured: WallTime(0),
            data: (0..len)
                .map(|n| (n + dts as usize) as u8)
                .collect::<Vec<_>>()
                .into(),
            package: Default::default(),
        }),
        duration: MediaTime(duration),
    };
    let wall = header().start.0;
    groups
        .iter()
        .map(|(v, a)| {
            let mut batch = Batch {
                wall: WallTime(wall + (video - 900_000) * 100 / 9),
                ..Batch::default()
            };
            for (len, duration, composition, key) in v {
                batch.video.push(frame(
                    TrackKind::Video,
                    video,
                    *composition,
                    *duration,
                    *key,
                    *len,
                ));
                video += duration;
            }
            for len in a {
                batch
                    .audio
                    .push(frame(TrackKind::Audio, audio, 0, 1920, false, *len));
                audio += 1920;
            }
            batch.end = WallTime(wall + (video - 900_000) * 100 / 9);
            batch
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What was written is read: headers, tracks, every sample's times and bytes, the seal; and, cut anywhere, every fragment
    /// that is whole.
    #[test]
    fn a_segment_round_trips_whole_and_cut(groups in groups(), cut in 0.0f64..1.0) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        let tracks = tracks();
        let batches = batches(&tracks, &groups);
        let mut writer = Writer::create(&Files::default(), path.clone(), header(), Arc::clone(&tracks), 1 << 20).unwrap();
        for batch in &batches {
            writer.write(batch).unwrap();
        }
        let unsealed = fs::read(&path).unwrap();
        let seal = writer.seal(None).unwrap();
        let bytes = fs::read(&path).unwrap();
        let layout = Layout::read(&path, &bytes[..], None).unwrap();
        prop_assert_eq!(&layout.header, &header());
        prop_assert_eq!(&layout.tracks, &*tracks);
        prop_assert_eq!(layout.seal, Some(seal));
        prop_assert_eq!(seal.covered_bytes, unsealed.len() as u64);
        let ends = reader::read_ends(&path, &fs::File::open(&path).unwrap()).unwrap().unwrap();
        prop_assert_eq!((&ends.header, &ends.seal, ends.bytes), (&header(), &seal, bytes.len() as u64));
        // The table of key frames is as long as it is; what stands behind it is found all the same.
        let summary = |bytes| reader::read_summary(&path, &fs::File::open(&path).unwrap(), bytes).unwrap();
        prop_assert_eq!(summary(bytes.len() as u64), crate::playback::mux::summary(&layout.tracks, &layout.fragments, seal.end));
        prop_assert_eq!(summary(bytes.len() as u64 - 1), None);
        prop_assert_eq!(layout.fragments.len(), batches.len());
        for (fragment, batch) in layout.fragments.iter().zip(&batches) {
            prop_assert_eq!(fragment.wall, batch.wall);
            for (run, frames) in [(&fragment.video, &batch.video), (&fragment.audio, &batch.audio)] {
                prop_assert_eq!(run.samples.len(), frames.len());
                for ((dts, sample, offset), timed) in run.timed().zip(frames) {
                    let f = &timed.frame;
                    prop_assert_eq!(dts + MediaTime(900_000), f.dts);
                    prop_assert_eq!(sample.composition, f.pts - f.dts);
                    prop_assert_eq!(sample.duration, timed.duration);
                    prop_assert_eq!(sample.sync, f.key || f.track == TrackKind::Audio);
                    prop_assert_eq!(&bytes[offset as usize..][..sample.size as usize], &f.data[..]);
                }
            }
        }

        let cut = (unsealed.len() as f64 * cut) as usize;
        let whole = layout.fragments.iter().filter(|f| f.end <= cut as u64).count();
        match Layout::read(&path, &bytes[..cut], None) {
            Ok(part) => {
                prop_assert_eq!(part.fragments.len(), whole);
                prop_assert!(part.seal.is_none());
                prop_assert_eq!(part.torn.is_some(), part.whole < cut as u64);
            }
            Err(_) => prop_assert!((cut as u64) < layout.fragments[0].offset),
        }
    }

    /// Whatever stands in a file: an answer, no panic, nothing outside the file.
    #[test]
    fn damage_never_panics(groups in groups(), flips in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.mp4");
        let mut writer = Writer::create(&Files::default(), path.clone(), header(), tracks(), 0).unwrap();
        for batch in batches(&tracks(), &groups) {
            writer.write(&batch).unwrap();
        }
        writer.seal(None).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        for (at, to) in flips {
            let at = at % bytes.len();
            bytes[at] = to;
        }
        if let Ok(layout) = Layout::read(&path, &bytes[..], None) {
            for run in layout.fragments.iter().flat_map(|f| [&f.video, &f.audio]) {
                prop_assert!(run.samples.is_empty() || run.data + run.bytes() <= bytes.len() as u64);
            }
        }
        fs::write(&path, &bytes).unwrap();
        let _ = reader::read_ends(&path, &fs::File::open(&path).unwrap());
    }
}

/// What was sealed before there was BLAKE3 is read, and checked by the function that it was sealed with.
#[test]
fn a_segment_of_the_first_format_is_checked_by_its_own_function() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.mp4");
    let mut writer =
        Writer::create(&Files::default(), path.clone(), header(), tracks(), 0).unwrap();
    let group = (vec![(200, 3600, 0, true), (90, 3600, 0, false)], vec![40]);
    for batch in batches(&tracks(), &[group]) {
        writer.write(&batch).unwrap();
    }
    let sealed = writer.seal(None).unwrap();
    assert_eq!(sealed.function, Function::Blake3);
    let covered = sealed.covered_bytes as usize;
    let mut bytes = fs::read(&path).unwrap();
    let old: [u8; 32] = {
        use sha2::Digest as _;
        sha2::Sha256::digest(&bytes[..covered]).into()
    };
    bytes[covered + 8..][..16].copy_from_slice(b"sightline-seal-1");
    bytes[covered + 40..][..32].copy_from_slice(&old);
    fs::write(&path, &bytes).unwrap();
    let file = fs::File::open(&path).unwrap();
    let seal = reader::read_ends(&path, &file).unwrap().unwrap().seal;
    assert_eq!((seal.function, seal.digest), (Function::Sha256, old));
    let digest = reader::digest(&path, &file, seal.covered_bytes, seal.function).unwrap();
    assert_eq!(digest.value(), old);
    let of_now = reader::digest(&path, &file, seal.covered_bytes, Function::Blake3).unwrap();
    assert_eq!(of_now.value(), sealed.digest);
}

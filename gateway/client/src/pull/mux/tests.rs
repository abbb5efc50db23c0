use super::*;
use media::{AudioCodec, AudioTrack, MediaTime, Profile, Tracks, VideoCodec, VideoTrack, WallTime};
use proptest::prelude::*;

fn tracks() -> Tracks {
    Tracks {
        video: VideoTrack {
            codec: VideoCodec::H264,
            codec_string: "avc1.42c01e".into(),
            config: Bytes::from_static(&[
                1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 2, 0x67, 9, 1, 0, 1, 0x68,
            ]),
            width: 640,
            height: 360,
        },
        audio: Some(AudioTrack {
            codec: AudioCodec::Aac,
            codec_string: "mp4a.40.2".into(),
            config: Bytes::from_static(&[0x14, 0x08]),
            rate: 16_000,
            channels: 1,
        }),
    }
}

fn opened(audio: bool) -> Message {
    Message::Control(ServerMessage::Opened {
        tile: 1,
        feed: 1,
        profile: Profile::Main,
        tracks: TrackInfo::of(&tracks(), audio),
        auto: None,
        transcoded: false,
    })
}

fn media(kind: Kind, track: TrackKind, at_ms: i64, payload: impl Into<Bytes>) -> Message {
    let header = Header {
        kind,
        key: at_ms == 0 && track == TrackKind::Video,
        discontinuity: false,
        last_of_group: false,
        track,
        feed: 1,
        group: 0,
        frame: 0,
        media_time: MediaTime(at_ms * 90),
        captured: WallTime(0),
    };
    Message::Media(header, payload.into())
}

fn init(track: TrackKind) -> Message {
    let segment = fmp4::init_segment(&tracks(), Some(track), &[]);
    media(Kind::Initialisation, track, 0, segment)
}

#[test]
fn both_tracks_come_into_one_moov_and_no_fragment_is_lost() {
    let mut mux = Mux::new(Container::Mp4);
    let mut out = Vec::new();
    for message in [
        opened(true),
        init(TrackKind::Video),
        media(Kind::Fragment, TrackKind::Video, 0, "v0"),
        media(Kind::Fragment, TrackKind::Video, 40, "v1"),
        init(TrackKind::Audio),
        media(Kind::Fragment, TrackKind::Audio, 20, "a0"),
        media(Kind::Fragment, TrackKind::Video, 80, "v2"),
    ] {
        out.extend(mux.handle(message).unwrap());
    }
    assert_eq!(out[0], fmp4::init_segment(&tracks(), None, &[]));
    assert_eq!(out[1..], ["v0", "v1", "a0", "v2"]);
    assert_eq!(mux.frames, 4);
}

#[test]
fn audio_that_does_not_come_is_not_waited_for_long() {
    let mut mux = Mux::new(Container::Mp4);
    mux.handle(opened(true)).unwrap();
    mux.handle(init(TrackKind::Video)).unwrap();
    let mut frames = 0;
    for n in 0.. {
        let fragment = media(Kind::Fragment, TrackKind::Video, n * 40, "v");
        frames += 1;
        if mux.handle(fragment).unwrap().len() > 1 {
            break;
        }
    }
    assert_eq!(frames, 51, "two seconds");
    mux.handle(init(TrackKind::Audio)).unwrap();
    let late = media(Kind::Fragment, TrackKind::Audio, 3000, "a");
    assert!(mux.handle(late).unwrap().is_empty());
}

#[test]
fn repeated_initialisation_is_nothing_new_but_another_one_is() {
    let mut mux = Mux::new(Container::Mp4);
    mux.handle(opened(false)).unwrap();
    mux.handle(init(TrackKind::Video)).unwrap();
    let fragment = || media(Kind::Fragment, TrackKind::Video, 0, "v");
    assert_eq!(mux.handle(fragment()).unwrap().len(), 2);
    mux.handle(init(TrackKind::Video)).unwrap();
    assert_eq!(mux.handle(fragment()).unwrap().len(), 1);
    mux.handle(media(Kind::Initialisation, TrackKind::Video, 0, "other"))
        .unwrap();
    assert!(matches!(mux.handle(fragment()), Err(Error::Stream(_))));
}

#[test]
fn annex_b_has_parameter_sets_before_each_key_frame() {
    let mut mux = Mux::new(Container::AnnexB);
    mux.handle(opened(false)).unwrap();
    let config = tracks().video.config;
    mux.handle(media(Kind::Initialisation, TrackKind::Video, 0, config))
        .unwrap();
    let unit: &'static [u8] = &[0, 0, 0, 1, 0x65, 0, 0, 0, 2, 0x06, 5];
    let key = mux
        .handle(media(Kind::AccessUnit, TrackKind::Video, 0, unit))
        .unwrap();
    assert_eq!(
        key,
        [&b"\0\0\0\x01\x67\x09\0\0\0\x01\x68\0\0\0\x01\x65\0\0\0\x01\x06\x05"[..]]
    );
    let other = mux
        .handle(media(Kind::AccessUnit, TrackKind::Video, 40, unit))
        .unwrap();
    assert_eq!(other, [&b"\0\0\0\x01\x65\0\0\0\x01\x06\x05"[..]]);
    let beyond: &'static [u8] = &[0, 0, 0, 9, 0x65];
    assert!(
        mux.handle(media(Kind::AccessUnit, TrackKind::Video, 40, beyond))
            .is_err()
    );
}

proptest! {
    #[test]
    fn nothing_that_a_gateway_sends_panics(
        messages in proptest::collection::vec((0u8..3, any::<bool>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..64)), 0..12),
        annex_b in any::<bool>(),
    ) {
        let mut mux = Mux::new(if annex_b { Container::AnnexB } else { Container::Mp4 });
        let _ = mux.handle(opened(true));
        for (kind, audio, key, payload) in messages {
            let kind = [Kind::Initialisation, Kind::Fragment, Kind::AccessUnit][usize::from(kind)];
            let track = if audio { TrackKind::Audio } else { TrackKind::Video };
            let _ = mux.handle(media(kind, track, i64::from(!key), payload));
        }
    }
}
